//! A small fixed world for the tests of the model. Refuses a clock.
#![allow(dead_code, reason = "each test uses its own part")]

pub(crate) mod rotation;

use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{Effect, Key, Model, News, Seat, Setup, Value, update};
use quarterdeck_domain::audit::{AuditLine, Fields, Place};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{
    Codes, Deadline, EngineRow, EngineStanding, Initiator, KillRow, MarketRow, Moment, Order, PathState, Record,
    Stopper, SwitchState, Timings,
};
use quarterdeck_domain::overview::{BackendRow, Condition, SecretDetail, SecretRow};
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

/// A screen of 80x24 with three secrets, two backends, five lines and two engines that trade; nothing is locked.
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
        News::Kill(Box::new(kill(SwitchState::Normal))),
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
        hidden: Vec::new(),
        warnings: Vec::new(),
        writable: true,
        written_by: None,
        last_read: None,
        reads: 0,
        rotates_at: None,
        deletes_at: None,
        deleted: false,
        changed_at: None,
        rotation: None,
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
        confinement: String::new(),
        unconfined: Vec::new(),
        expires_at: None,
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

/// What a backend tells of a secret: nothing but that it was asked.
pub(crate) fn inspected(name: &str, seconds: i64) -> News {
    News::Inspected(Box::new(SecretDetail {
        name: name.into(),
        layer: "fernet".into(),
        versions: Vec::new(),
        holders: Vec::new(),
        labels: Vec::new(),
        facts: Vec::new(),
        asked_at: later(seconds),
        error: None,
    }))
}

/// The kill-switch in a state, by bob on another host; level 3 has its five minutes from [`now`] on. Engines do as told.
pub(crate) fn kill(state: SwitchState) -> KillRow {
    let (order, engines) = match state {
        SwitchState::Normal => (Order::Trade, EngineStanding::Trading),
        SwitchState::GracefulStop => (Order::Stop, EngineStanding::Blocked),
        SwitchState::Held => (Order::Hold, EngineStanding::Blocked),
        SwitchState::HaltedFlat => (Order::Halt, EngineStanding::Flat),
        _ => (Order::Halt, EngineStanding::Residual),
    };
    let deadline = (order == Order::Stop).then(|| later(300));
    KillRow {
        state,
        record: (state != SwitchState::Unknown).then(|| record(order)),
        doubt: (state == SwitchState::Unknown).then(|| "there is no latch".into()),
        deadline_at: deadline,
        reason: None,
        engines: vec![engine("alpha-us", engines), engine("beta-us", engines)],
        paths: Vec::new(),
        timings: Timings::default(),
        unjournalled: None,
        watchers: Vec::new(),
        bypasses: Vec::new(),
        market: MarketRow::NotConfigured,
        can_stop: vec![Stopper { name: "bob".into(), place: "bastion-2".into(), here: true }],
        may_not_stop: None,
        can_hold: vec!["bob".into(), "dan".into()],
        may_not_hold: None,
        phones: std::collections::BTreeMap::new(),
        latch_place: "/latch".into(),
    }
}

fn record(order: Order) -> Record {
    let moment = Moment { utc: now(), boot_ns: 0, boot_id: "boot".into() };
    let by = Initiator {
        kind: if order == Order::Trade { "init" } else { "person" }.into(),
        person: "bob".into(),
        role: Some(Role::Trader),
        session: "sess-2".into(),
        uid: 1001,
        host: "bastion-2".into(),
        program: "cockpit".into(),
        bound: false,
    };
    let deadline = (order == Order::Stop).then(|| Deadline::after(&moment, Deadline::WINDOW));
    Record { order, level: order.level(), deadline, ..Record::first(Environment::Qa, &moment, by) }
}

pub(crate) fn engine(name: &str, standing: EngineStanding) -> EngineRow {
    EngineRow {
        name: name.into(),
        account: "****4789".into(),
        standing,
        why: Vec::new(),
        beat: None,
        heard_at: None,
        stale: false,
        blocked_after: None,
        link: PathState::Ready,
    }
}

/// Two codes, drawn from a seed.
pub(crate) fn codes(environment: Environment, seed: u8) -> Codes {
    let random: Vec<u8> = (0u8..64).map(|place| place.wrapping_mul(37).wrapping_add(seed)).collect();
    Codes::draw(environment, &random).expect("64 bytes are plenty")
}

/// Milliseconds after [`now`].
pub(crate) fn at(ms: i64) -> Timestamp {
    now() + SignedDuration::from_millis(ms)
}

/// Ctrl-X at this time, and the codes that are asked for.
pub(crate) fn arm(model: &mut Model, codes: &Codes, ms: i64) {
    assert_eq!(update(model, News::Key(Key::ctrl('x')), at(ms)), [Effect::Arm]);
    assert!(update(model, News::Armed(codes.clone()), at(ms)).is_empty());
}

/// Types a text, a key each 100 ms from this time on; gives the time after it.
pub(crate) fn type_slowly(model: &mut Model, text: &str, from_ms: i64) -> i64 {
    let mut ms = from_ms;
    for c in text.chars() {
        assert!(update(model, News::Key(Key::char(c)), at(ms)).is_empty(), "{c} asked for something");
        ms += 100;
    }
    ms
}
