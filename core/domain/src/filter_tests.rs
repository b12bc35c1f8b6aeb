//! What a filter lets through, and where it says that it was not understood.

use super::*;
use crate::audit::{Fields, Place};
use proptest::prelude::*;

fn line(severity: Severity, at: Option<&str>) -> AuditLine {
    let fields = Fields { actor: "alice", kind: "SECRET_READ", resource: "prod/IBKR/api-key", outcome: "ok 38 ms" };
    let at = at.map(|at| at.parse().expect("a test's own timestamp"));
    AuditLine::new("journal".into(), at, severity, Place::default(), &fields)
}

fn now() -> Timestamp {
    "2026-11-08T14:30:00Z".parse().expect("a test's own timestamp")
}

fn passes(filter: &str) -> bool {
    let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    filter.matches(&line(Severity::Major, Some("2026-11-08T14:25:00Z")), now())
}

#[test]
fn what_is_asked_is_what_passes() {
    for yes in [
        "",
        "  ",
        "alice",
        "ALICE ibkr",
        "\"ok 38\"",
        "severity>=MAJOR",
        "severity = major",
        "severity<critical severity!=MINOR severity>info",
        "actor=Alice and type=SECRET_READ",
        "resource~ibkr source=journal",
        "resource!~rds actor!=bob",
        "bob or alice",
        "not bob and not (carol or type=LOGIN)",
        "bob and carol or alice",
        "since=-10m",
        "since=-1h until=-4m",
        "since=14:20 until=14:26",
        "since=2026-11-08 until=2026-11-09T00:00:00Z",
        "time>=2026-11-08T14:25:00Z time<=2026-11-08T14:25",
        "(alice)",
        "major",
        "outcome~'ok 3'",
        "'or' or alice",
    ] {
        assert!(passes(yes), "{yes}");
    }
    for no in [
        "bob",
        "severity>=CRITICAL",
        "severity=info",
        "actor=ali",
        "not alice",
        "alice bob",
        "alice and (bob or carol)",
        "since=-4m",
        "until=14:25",
        "time>14:25",
        "\"and\"",
        "not (alice or bob)",
        "not not bob",
    ] {
        assert!(!passes(no), "{no}");
    }
}

#[test]
fn a_line_without_a_time_lies_in_no_span() {
    for filter in ["since=-10m", "until=-10m"] {
        let filter = Filter::parse(filter).expect("it is understood");
        assert!(!filter.matches(&line(Severity::Info, None), now()));
    }
}

#[test]
fn a_line_of_a_rotation_is_found_by_its_number_and_its_step() {
    let beside = Beside {
        rotation: "R-3".into(),
        step: "promote".into(),
        version: "15".into(),
        fingerprint: "98296cd88e27daeb".into(),
        reason: "quarterly".into(),
        ..Beside::default()
    };
    let other = line(Severity::Info, None);
    let own = other.clone().saying(beside);
    let filter = |text: &str| Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    for yes in [
        "rotation=R-3",
        "rotation=3",
        "rotation=r-3 step=Promote",
        "step!=stage and version=15",
        "fingerprint~98296c",
        "reason~quarter",
    ] {
        assert!(filter(yes).matches(&own, now()), "{yes}");
    }
    for no in ["rotation=R-33", "rotation=33", "not rotation=3", "step=prom"] {
        assert!(!filter(no).matches(&own, now()), "{no}");
    }
    assert!(!filter("rotation=R-3").matches(&other, now()) && filter("rotation=''").matches(&other, now()));
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    for (text, column, expected) in [
        ("actr=alice", 1, FIELDS),
        ("alice and", 10, "a word, a comparison or '('"),
        ("severity>=HIGH", 11, "CRITICAL, MAJOR, MINOR or info"),
        ("severity~MAJOR", 9, "one of = != >= > <= <"),
        ("actor>=x", 6, "one of = != ~ !~"),
        ("é (alice", 9, "')'"),
        ("alice)", 6, "'and', 'or' or the end"),
        ("since=yesterday", 7, "a time: -10m, 14:02, 2026-11-08 or 2026-11-08T14:02:00Z"),
        ("x \"abc", 3, "a closing \" for this one"),
        ("actor=", 7, "a text to compare with"),
        ("= x", 1, &format!("{FIELDS}; before this sign")),
        ("or x", 1, "a word, a comparison or '('"),
        ("()", 2, "a word, a comparison or '('"),
    ] {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!((error.column, error.expected.as_str()), (column, expected), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_understood_or_told_where_not(text: String) {
        match Filter::parse(&text) {
            Ok(filter) => { filter.matches(&line(Severity::Info, None), now()); }
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column) && !error.expected.is_empty()),
        }
    }

    #[test]
    fn anything_made_of_its_own_words_ends(text in "((not|and|or|\\(|\\)|=|>=|~|actor|severity|since|MAJOR|-10m|x|\"y\") ?){0,200}") {
        if let Ok(filter) = Filter::parse(&text) {
            filter.matches(&line(Severity::Info, None), now());
        }
    }

    #[test]
    fn any_word_in_quotes_is_found_where_it_stands(word in "[a-zA-Z/ ]{1,10}") {
        let filter = Filter::parse(&format!("\"{word}\"")).expect("quotes take anything");
        let stands = ["alice", "SECRET_READ", "prod/IBKR/api-key", "ok 38 ms", "journal"];
        let expected = stands.iter().any(|text| text.to_lowercase().contains(&word.to_lowercase())) || word.eq_ignore_ascii_case("info");
        prop_assert_eq!(filter.matches(&line(Severity::Info, None), now()), expected);
    }

    #[test]
    fn not_turns_every_answer_round(text in "(alice|bob|severity>=MAJOR|resource~ibkr|since=-10m)( (and|or) (alice|x|type=LOGIN)){0,3}") {
        let it = line(Severity::Major, Some("2026-11-08T14:25:00Z"));
        let plain = Filter::parse(&text).expect("made of the language");
        let turned = Filter::parse(&format!("not ({text})")).expect("made of the language");
        prop_assert_eq!(plain.matches(&it, now()), !turned.matches(&it, now()));
    }
}
