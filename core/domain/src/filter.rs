//! The tail's filter language: `severity>=MAJOR and (actor=alice or resource~ibkr) not since=-10m`. Refuses to guess:
//! what it doesn't understand is an error that says where and what was expected.
//!
//! A word alone, or a text in quotes, is looked for anywhere in the line, in capitals or not. Words beside each other
//! are joined by `and`, which binds closer than `or`.

use crate::audit::AuditLine;
use crate::severity::Severity;
use jiff::{SignedDuration, Timestamp};

/// A filter that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    test: Test,
}

/// What was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct FilterError {
    /// Counted in characters from 1.
    pub column: usize,
    /// What could have stood there.
    pub expected: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    All,
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    /// In lower case.
    Anywhere(String),
    Severity(Compare, Severity),
    Is(Field, String),
    /// In lower case.
    Has(Field, String),
    Time(Compare, When),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Actor,
    Kind,
    Resource,
    Outcome,
    Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
    /// At this time of today, UTC, in seconds since midnight.
    Today(i64),
}

/// Deeper nesting than anybody types.
const DEPTH: usize = 64;
const FIELDS: &str = "a field: severity, actor, type, resource, outcome, source, since, until, time";

impl Filter {
    /// Reads a filter. An empty one lets everything through.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let tokens = tokens(text)?;
        let end = text.chars().count() + 1;
        let mut parser = Parser { tokens, next: 0, end, depth: 0 };
        let test = if parser.tokens.is_empty() { Test::All } else { parser.either()? };
        match parser.peek() {
            None => Ok(Self { text: text.to_owned(), test }),
            Some(token) => Err(FilterError { column: token.column, expected: "'and', 'or' or the end".into() }),
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True for a line that it lets through. Relative times are taken from `now`.
    pub fn matches(&self, line: &AuditLine, now: Timestamp) -> bool {
        self.test.matches(line, now)
    }
}

impl Test {
    fn matches(&self, line: &AuditLine, now: Timestamp) -> bool {
        match self {
            Self::All => true,
            Self::And(tests) => tests.iter().all(|test| test.matches(line, now)),
            Self::Or(tests) => tests.iter().any(|test| test.matches(line, now)),
            Self::Not(test) => !test.matches(line, now),
            Self::Anywhere(text) => {
                line.severity.word().eq_ignore_ascii_case(text)
                    || Field::ALL.iter().any(|field| holds(field.of(line), text))
            }
            Self::Severity(compare, severity) => compare.holds(line.severity.cmp(severity)),
            Self::Is(field, text) => field.of(line).eq_ignore_ascii_case(text),
            Self::Has(field, text) => holds(field.of(line), text),
            // A line that tells no time lies in no span of time.
            Self::Time(compare, when) => line.at.is_some_and(|at| compare.holds(at.cmp(&when.from(now)))),
        }
    }
}

impl Compare {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::AtLeast => order.is_ge(),
            Self::More => order.is_gt(),
        }
    }
}

impl Field {
    const ALL: [Field; 5] = [Self::Actor, Self::Kind, Self::Resource, Self::Outcome, Self::Source];

    fn of(self, line: &AuditLine) -> &str {
        match self {
            Self::Actor => line.actor(),
            Self::Kind => line.kind(),
            Self::Resource => line.resource(),
            Self::Outcome => line.outcome(),
            Self::Source => &line.source,
        }
    }
}

impl When {
    fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.checked_sub(span).unwrap_or(Timestamp::MIN),
            Self::Today(seconds) => {
                let midnight = now.as_second() - now.as_second().rem_euclid(86_400);
                Timestamp::from_second(midnight + seconds).unwrap_or(now)
            }
        }
    }
}

/// `part` is in lower case. Almost every text is ASCII, and is searched without a copy.
fn holds(text: &str, part: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(part);
    }
    part.is_empty() || text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[derive(Debug, Clone)]
struct Token {
    /// Where it begins, counted in characters from 1.
    column: usize,
    kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TokenKind {
    Open,
    Close,
    /// `>=`, `=`, `~` …
    Sign(String),
    Word(String),
    Quoted(String),
}

const SIGNS: &str = "=!<>~";

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let column = at + 1;
        let run = |fine: &dyn Fn(char) -> bool| -> String {
            chars.iter().skip(at).copied().take_while(|c| fine(*c)).collect()
        };
        let kind = match c {
            _ if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            '"' | '\'' => {
                let body: String = chars.iter().skip(column).copied().take_while(|other| *other != c).collect();
                if chars.get(column + body.chars().count()).is_none() {
                    return Err(FilterError { column, expected: format!("a closing {c} for this one") });
                }
                TokenKind::Quoted(body)
            }
            _ if SIGNS.contains(c) => TokenKind::Sign(run(&|c| SIGNS.contains(c))),
            _ => TokenKind::Word(run(&|c| !c.is_whitespace() && !"()\"'".contains(c) && !SIGNS.contains(c))),
        };
        at += match &kind {
            TokenKind::Open | TokenKind::Close => 1,
            TokenKind::Quoted(body) => body.chars().count() + 2,
            TokenKind::Sign(text) | TokenKind::Word(text) => text.chars().count(),
        };
        found.push(Token { column, kind });
    }
    Ok(found)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn word_is(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token { kind: TokenKind::Word(text), .. }) if text.eq_ignore_ascii_case(word))
    }

    fn wrong<T>(&self, expected: impl Into<String>) -> Result<T, FilterError> {
        Err(FilterError { column: self.peek().map_or(self.end, |token| token.column), expected: expected.into() })
    }

    fn either(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.all()?];
        while self.word_is("or") {
            self.next += 1;
            tests.push(self.all()?);
        }
        Ok(one_or(tests, Test::Or))
    }

    fn all(&mut self) -> Result<Test, FilterError> {
        let mut tests = vec![self.one()?];
        loop {
            if self.word_is("and") {
                self.next += 1;
            } else if self.word_is("or") || matches!(self.peek(), None | Some(Token { kind: TokenKind::Close, .. })) {
                return Ok(one_or(tests, Test::And));
            }
            tests.push(self.one()?);
        }
    }

    fn one(&mut self) -> Result<Test, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.wrong("fewer brackets and 'not's");
        }
        let test = self.one_inside();
        self.depth -= 1;
        test
    }

    fn one_inside(&mut self) -> Result<Test, FilterError> {
        if self.word_is("not") {
            self.next += 1;
            return Ok(Test::Not(Box::new(self.one()?)));
        }
        if self.word_is("and") || self.word_is("or") {
            return self.wrong("a word, a comparison or '('");
        }
        match self.peek().map(|token| token.kind.clone()) {
            Some(TokenKind::Open) => self.bracket(),
            Some(TokenKind::Quoted(text)) => {
                self.next += 1;
                Ok(Test::Anywhere(text.to_lowercase()))
            }
            Some(TokenKind::Word(text)) => {
                let follows = self.tokens.get(self.next + 1).map(|token| &token.kind);
                if matches!(follows, Some(TokenKind::Sign(_))) {
                    return self.comparison(&text);
                }
                self.next += 1;
                Ok(Test::Anywhere(text.to_lowercase()))
            }
            Some(TokenKind::Sign(_)) => self.wrong(format!("{FIELDS}; before this sign")),
            Some(TokenKind::Close) | None => self.wrong("a word, a comparison or '('"),
        }
    }

    fn bracket(&mut self) -> Result<Test, FilterError> {
        self.next += 1;
        let test = self.either()?;
        match self.peek().map(|token| &token.kind) {
            Some(TokenKind::Close) => {
                self.next += 1;
                Ok(test)
            }
            _ => self.wrong("')'"),
        }
    }

    fn comparison(&mut self, name: &str) -> Result<Test, FilterError> {
        let field = match name.to_ascii_lowercase().as_str() {
            "severity" | "sev" => return self.severity(),
            "since" | "until" | "time" => return self.time(&name.to_ascii_lowercase()),
            "actor" | "who" => Field::Actor,
            "type" | "kind" => Field::Kind,
            "resource" => Field::Resource,
            "outcome" | "result" => Field::Outcome,
            "source" => Field::Source,
            _ => return self.wrong(FIELDS),
        };
        self.next += 1;
        let sign = self.sign(&["=", "!=", "~", "!~"])?;
        let value = self.value("a text to compare with")?.1;
        let test = match sign.as_str() {
            "=" | "!=" => Test::Is(field, value),
            _ => Test::Has(field, value.to_lowercase()),
        };
        Ok(if sign.starts_with('!') { Test::Not(Box::new(test)) } else { test })
    }

    fn severity(&mut self) -> Result<Test, FilterError> {
        const WORDS: &str = "CRITICAL, MAJOR, MINOR or info";
        self.next += 1;
        let sign = self.sign(&["=", "!=", ">=", ">", "<=", "<"])?;
        let (column, value) = self.value(WORDS)?;
        let severity = Severity::WORST_FIRST.into_iter().find(|severity| severity.word().eq_ignore_ascii_case(&value));
        let Some(severity) = severity else { return Err(FilterError { column, expected: WORDS.into() }) };
        let test = Test::Severity(compare(&sign), severity);
        Ok(if sign == "!=" { Test::Not(Box::new(test)) } else { test })
    }

    fn time(&mut self, name: &str) -> Result<Test, FilterError> {
        const FORMS: &str = "a time: -10m, 14:02, 2026-11-08 or 2026-11-08T14:02:00Z";
        self.next += 1;
        let signs: &[&str] = if name == "time" { &[">=", ">", "<=", "<"] } else { &["="] };
        let sign = self.sign(signs)?;
        let (column, value) = self.value(FORMS)?;
        let Some(when) = when(&value) else { return Err(FilterError { column, expected: FORMS.into() }) };
        let compare = match name {
            "since" => Compare::AtLeast,
            "until" => Compare::Less,
            _ => compare(&sign),
        };
        Ok(Test::Time(compare, when))
    }

    fn sign(&mut self, allowed: &[&str]) -> Result<String, FilterError> {
        match self.peek().map(|token| token.kind.clone()) {
            Some(TokenKind::Sign(sign)) if allowed.contains(&sign.as_str()) => {
                self.next += 1;
                Ok(sign)
            }
            _ => self.wrong(format!("one of {}", allowed.join(" "))),
        }
    }

    fn value(&mut self, expected: &str) -> Result<(usize, String), FilterError> {
        match self.peek().map(|token| token.kind.clone()) {
            Some(TokenKind::Word(text) | TokenKind::Quoted(text)) => {
                let column = self.take().map_or(self.end, |token| token.column);
                Ok((column, text))
            }
            _ => self.wrong(expected),
        }
    }
}

fn one_or(mut tests: Vec<Test>, many: fn(Vec<Test>) -> Test) -> Test {
    match (tests.pop(), tests.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            tests.push(last);
            many(tests)
        }
        (None, _) => Test::All,
    }
}

fn compare(sign: &str) -> Compare {
    match sign {
        "<" => Compare::Less,
        "<=" => Compare::AtMost,
        ">" => Compare::More,
        ">=" => Compare::AtLeast,
        _ => Compare::Equal,
    }
}

fn when(text: &str) -> Option<When> {
    if let Some(ago) = text.strip_prefix('-') {
        let unit = ago.chars().last()?;
        let number: i64 = ago.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        return Some(When::Ago(SignedDuration::from_secs(number.checked_mul(seconds)?)));
    }
    if let Ok(at) = text.parse() {
        return Some(When::At(at));
    }
    if let Ok(time) = text.trim_end_matches('Z').parse::<jiff::civil::Time>() {
        let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        return Some(When::Today(seconds));
    }
    let day: jiff::civil::DateTime = text.parse().ok()?;
    day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| When::At(at.timestamp()))
}

#[cfg(test)]
mod tests {
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
            (
                "= x",
                1,
                "a field: severity, actor, type, resource, outcome, source, since, until, time; before this sign",
            ),
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
}
