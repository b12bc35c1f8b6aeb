//! Readers and errors from generated lines: names, times, versions, windows, and lines that no program should write.

use super::*;
use quarterdeck_domain::audit::{Beside, Fields};
use quarterdeck_domain::foreign;
use quarterdeck_domain::rotate::{Downtime, Fact, Generator, Limits, Plan, Retire, WatchRule};
use quarterdeck_domain::severity::Severity;
use quarterdeck_domain::state::State;

fn at(second: i64) -> Timestamp {
    "2026-11-08T14:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(second)
}

/// Promoted at 0, begun ten seconds before.
fn rotation(layer: &str, name: &str) -> Rotation {
    let plan = Plan {
        target: Target { layer: layer.into(), name: name.into() },
        from: "14".into(),
        generator: Generator::Typed,
        set: None,
        test: None,
        revoke: None,
        grace_s: 600,
        downtime: Downtime::Zero,
        retire: Retire::Ask,
        watch: Some(WatchRule { errors: 3, within_s: 60 }),
        confirm: None,
        limits: Limits::default(),
        digest: String::new(),
    };
    let fact =
        Fact::Planned { id: "x".into(), plan: Box::new(plan), by: "carol".into(), why: String::new(), lease: None };
    let mut rotation = State::default().judge(1, &fact, None, at(-10)).expect("it begins");
    (rotation.promoted, rotation.promoted_at) = (Some("15".into()), Some(at(0)));
    rotation
}

fn line(source: &str, second: i64, actor: &str, kind: &str, resource: &str, outcome: &str) -> AuditLine {
    let place = Place { file: 1, offset: u64::from_ne_bytes((second + 1_000_000).to_ne_bytes()), length: 1 };
    let fields = Fields { actor, kind, resource, outcome };
    AuditLine::new(source.into(), Some(at(second)), Severity::Info, place, &fields)
}

fn read(second: i64, actor: &str) -> AuditLine {
    line("engines", second, actor, "SECRET_READ", "aws/prod/trader/key", "ok 4 ms")
}

fn refused(second: i64, actor: &str) -> AuditLine {
    line("engines", second, actor, "LOGIN", "broker://ibkr", "rejected INVALID_CREDENTIALS")
}

fn heard(lines: &[AuditLine]) -> Readers {
    let mut readers = Readers::default();
    readers.hear_at(lines, at(300));
    readers
}

fn key() -> Rotation {
    rotation("aws", "prod/trader/key")
}

#[test]
fn each_reader_has_the_version_of_its_last_read() {
    let readers =
        heard(&[read(-500, "alpha-us"), read(12, "alpha-us"), read(-200, "gamma-eu"), read(-190, "gamma-eu")]);
    let rows = readers.of(&key());
    let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.version.as_deref(), row.errors)).collect();
    assert_eq!(told, [("gamma-eu", Some("14"), Some(0)), ("alpha-us", Some("15"), Some(0))]);
    assert_eq!(rows[0].last_read, Some(at(-190)));
    assert_eq!(readers.on_old(&key()), ["gamma-eu"]);
    assert_eq!(Readers::default().of(&key()), [], "nobody was heard, which proves nothing");
}

#[test]
fn a_secret_is_known_by_each_of_its_names() {
    let names = ["prod/trader/key", "aws/prod/trader/key", "prod/trader/key#token", "ibkr.key", "aws/ibkr.key"];
    let text = "[[secret]]\nname='prod/trader/key#token'\nkey='ibkr.key'\n";
    let config = Config { file: toml::from_str(text).expect("valid"), ..Config::default() };
    for (number, name) in names.iter().enumerate() {
        let mut readers = Readers::of_config(&config);
        let who = format!("r{number}");
        readers.hear_at(&[line("x", -100, &who, "SECRET_ACCESS", name, "ok")], at(0));
        assert_eq!(readers.on_old(&rotation("aws", "prod/trader/key#token")), [who], "{name}");
    }
    for other in ["prod/trader/key2", "x/prod/trader/key", "prod/trader", "vault/prod/trader/key"] {
        let readers = heard(&[line("x", -100, "a", "SECRET_READ", other, "ok")]);
        assert!(readers.of(&key()).is_empty(), "{other}");
    }
}

#[test]
fn vaults_audit_device_and_the_guides_log_tell_of_readers() {
    let vault = r#"{"time":"2026-11-08T13:59:00Z","type":"response","auth":{"metadata":{"role_name":"beta-us"}},"request":{"operation":"read","mount_point":"secret/","mount_type":"kv","path":"secret/data/prod/trader/key"}}"#;
    let guide = r#"{"timestamp":"2026-11-08T13:59:00","event_type":"secret_access","success":true,"details":{"secret_key":"prod/trader/key","source":"vault"},"process_id":12345}"#;
    let told = |source: &str, raw: &str| foreign::read(source.into(), Place::default(), raw.as_bytes());
    let readers = heard(&[told("vault-audit", vault), told("orders", guide)]);
    assert_eq!(readers.on_old(&rotation("vault", "prod/trader/key")), ["beta-us", "orders"]);
}

#[test]
fn errors_count_after_promote_within_the_window_and_of_this_secret() {
    let named = |second| line("broker", second, "-", "AUTH_FAILURE", "prod/trader/key", "rejected 401");
    let mut lines = vec![read(-50, "beta-us"), refused(-1, "beta-us"), refused(0, "beta-us")];
    lines.extend([refused(5, "beta-us"), refused(40, "beta-us"), named(50), refused(45, "stranger")]);
    let readers = heard(&lines);
    assert_eq!(readers.errors(&key(), at(51)), (3, vec!["beta-us".into(), "broker".into()]));
    assert_eq!(readers.errors(&key(), at(66)).0, 2, "the first is older than a minute");
    assert_eq!(readers.errors(&key(), at(300)).0, 0);
    let rows = readers.of(&key());
    let told: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.errors, row.last_error.as_str())).collect();
    assert_eq!(told, [("beta-us", Some(2), "rejected INVALID_CREDENTIALS"), ("broker", Some(1), "rejected 401")]);
    let mut unwatched = key();
    unwatched.plan.watch = None;
    assert_eq!(readers.errors(&unwatched, at(51)).0, 0);
    unwatched.promoted_at = None;
    assert!(readers.on_old(&unwatched).is_empty() && readers.of(&unwatched)[0].errors.is_none());
}

#[test]
fn a_line_that_is_heard_twice_counts_once_and_a_success_never() {
    let fine = line("engines", 9, "beta-us", "LOGIN", "x", "ok 3 ms");
    let lines = [read(-50, "beta-us"), refused(5, "beta-us"), refused(5, "beta-us"), fine];
    let mut readers = heard(&lines);
    readers.hear_at(&lines, at(10));
    assert_eq!(readers.errors(&key(), at(10)).0, 1);
}

#[test]
fn a_name_in_an_errors_text_stands_by_itself() {
    assert!(stands_in("no log-in with 'ibkr.key'", "ibkr.key"));
    for text in ["xibkr.key", "ibkr.key2", "ibkr.key.old", "a/ibkr.key", "ibkr.ke"] {
        assert!(!stands_in(text, "ibkr.key"), "{text}");
    }
}

#[test]
fn only_the_sources_that_are_named_are_heard_and_the_journal_always() {
    let config =
        Config { file: toml::from_str("[rotate.watch]\nsources=['orders']\n").expect("valid"), ..Config::default() };
    let mut readers = Readers::of_config(&config);
    let from = |source: &str| line(source, -100, source, "SECRET_READ", "prod/trader/key", "ok");
    let by = |role: &str| {
        let line = line("journal", -100, role, "SECRET_READ", "prod/trader/key", "ok");
        line.saying(Beside { role: role.into(), ..Beside::default() })
    };
    // What a person looks at keeps no old value alive.
    let journal = [from("journal"), by("devops"), by("none"), by("service")];
    readers.hear_at(&[from("orders"), from("other")], at(0));
    readers.hear_at(&journal, at(0));
    assert_eq!(readers.on_old(&key()), ["orders", "service"]);
    let rows = readers.of(&key());
    assert_eq!(rows[0].errors, Some(0));
    assert_eq!(rows[1].errors, None, "the journal would tell of no engine's log-in");
}

#[test]
fn the_rotations_own_look_is_no_reader_that_is_late() {
    let readers = heard(&[read(-5, "quarterdeck"), read(-500, "alpha-us"), read(-5, "alpha-us")]);
    assert_eq!(readers.on_old(&key()), ["alpha-us"]);
}

#[test]
fn times_to_come_times_long_ago_and_no_time_at_all_prove_nothing() {
    let mut untimed = read(0, "d");
    untimed.at = None;
    let mut readers = Readers::default();
    readers.hear_at(&[read(86_400, "a"), read(-31 * 86_400, "b"), untimed, refused(86_400, "a")], at(0));
    assert!(readers.of(&key()).is_empty() && readers.errors.is_empty());
    readers.hear_at(&[read(-100, "a"), read(3_600, "a")], at(10));
    assert_eq!(readers.on_old(&key()), ["a"], "a clock that is ahead doesn't make it read the new one");
}

#[test]
fn names_that_no_program_has_stay_short_and_harmless() {
    let long = "x".repeat(1_900);
    let lines = [
        line("s", -100, &long, "SECRET_READ", "prod/trader/key", "ok"),
        line("s", -100, "\u{1b}[2J\u{202e}", "SECRET_READ", "prod/trader/key", "ok"),
        line("s", 5, "\u{9b}", "LOGIN_FAILED", "prod/trader/key", &long),
    ];
    for row in heard(&lines).of(&key()) {
        let told = [&row.name, &row.last_error];
        for text in told {
            assert!(text.chars().count() <= 240 && !text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text:?}");
        }
    }
}

#[test]
fn a_flood_leaves_bounded_memory_and_the_newest() {
    let mut readers = Readers::default();
    let floods: Vec<AuditLine> = (0..30_000)
        .map(|n| line("s", n - 40_000, &format!("r{}", n % 500), "SECRET_READ", &format!("s/{}", n % 12_000), "ok"))
        .collect();
    readers.hear_at(&floods, at(0));
    let one: Vec<AuditLine> =
        (0..1_000).map(|n| line("s", n - 2_000, &format!("r{n}"), "SECRET_READ", "prod/trader/key", "ok")).collect();
    readers.hear_at(&one, at(0));
    let failures: Vec<AuditLine> = (0..20_000).map(|n| refused(n - 25_000, "r999")).collect();
    readers.hear_at(&failures, at(0));
    assert!(readers.heard.len() <= MOST_SECRETS && readers.errors.len() <= MOST_ERRORS);
    assert_eq!(readers.entries, readers.heard.values().map(BTreeMap::len).sum::<usize>());
    let rows = readers.of(&key());
    assert!(rows.len() <= MOST_READERS && rows.iter().any(|row| row.name == "r999"));
}
