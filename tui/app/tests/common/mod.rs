//! A small fixed world for the tests of the model. Refuses a clock.
#![allow(dead_code, reason = "each test uses its own part")]

use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{Effect, Key, Model, News, Seat, Setup, Value, update};
use quarterdeck_domain::audit::{AuditLine, Fields, Place};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::overview::{BackendRow, Condition, SecretRow};
use quarterdeck_domain::person::{Person, Role, Who};
use quarterdeck_domain::rotation::{Age, SecretState};
use quarterdeck_domain::severity::Severity;

pub(crate) fn now() -> Timestamp {
    "2026-05-04T14:03:27Z".parse().expect("a fixed time")
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub(crate) fn seat(environment: Environment, role: Option<Role>) -> Seat {
    let who = Who { person: Person::parse("alice").expect("a handle"), role, session: "sess-1".into() };
    Seat { environment, who, host: "bastion-1".into(), desk: None }
}

/// A screen of 80x24 with three secrets, two backends and five lines; nothing is locked.
pub(crate) fn model() -> Model {
    world(Environment::Qa, Some(Role::Devops), false)
}

pub(crate) fn world(environment: Environment, role: Option<Role>, readonly: bool) -> Model {
    let mut model = Model::new(Setup::new(seat(environment, role), readonly), now());
    let news = [
        News::Resize { columns: 80, rows: 24 },
        News::Secrets(vec![secret("a", 3), secret("b", 5), secret("c", 9)]),
        News::Backends(vec![backend("env"), backend("fernet")]),
        News::Lines(vec![
            line("alice", Severity::Info),
            line("bob", Severity::Major),
            line("carol", Severity::Critical),
            line("bob", Severity::Info),
            line("dan", Severity::Info),
        ]),
    ];
    news.into_iter().for_each(|news| _ = update(&mut model, news, now()));
    model
}

pub(crate) fn secret(name: &str, due_in_days: i64) -> SecretRow {
    SecretRow {
        name: name.into(),
        backend: "fernet".into(),
        layer: "fernet".into(),
        version: None,
        state: SecretState::Ok,
        age: Age::Since(now()),
        period: SignedDuration::from_hours(720),
        due_at: Some(now() + SignedDuration::from_hours(24 * due_in_days)),
        shadows: Vec::new(),
        warnings: Vec::new(),
        writable: true,
        written_by: None,
        last_read: None,
        reads: 0,
    }
}

pub(crate) fn backend(name: &str) -> BackendRow {
    BackendRow {
        name: name.into(),
        kind: name.into(),
        target: String::new(),
        isolation: "child 1".into(),
        condition: Condition::Ok,
        summary: String::new(),
        latency_us: None,
        history_us: Vec::new(),
        answered_at: None,
        every: SignedDuration::from_secs(10),
        facts: Vec::new(),
        warnings: Vec::new(),
        error: None,
        names: None,
        plugin_version: String::new(),
        plugin_sha256: String::new(),
        restarts: 0,
        stderr_tail: Vec::new(),
    }
}

pub(crate) fn line(actor: &str, severity: Severity) -> AuditLine {
    let fields = Fields { actor, kind: "SECRET_READ", resource: "prod/x", outcome: "ok" };
    let place = Place { file: 1, offset: actor.len() as u64, length: 9 };
    AuditLine::new("journal".into(), Some(now() - SignedDuration::from_secs(3_600)), severity, place, &fields)
}

pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let now = model.now;
    let keys = keys.split(' ').filter(|key| !key.is_empty());
    keys.flat_map(|key| update(model, News::Key(Key::parse(key).expect("a key")), now)).collect()
}

pub(crate) fn revealed(name: &str) -> News {
    let value = Value::new("CANARY-7731".into());
    News::Revealed { name: name.into(), layer: "fernet".into(), value, until: Timestamp::MAX }
}
