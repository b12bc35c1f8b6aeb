//! The kill-switch and the engines of the fixed day, in every state. Refuses to judge: each row is written down here as
//! control would tell it.

use super::{at, now};
use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{Key, Model, News, Sent, update};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{
    Beat, Bypass, Codes, Deadline, EngineRow, EngineStanding, EngineState, Initiator, KillRow, MarketRow, Order,
    PathRow, PathState, Record, Step, Steps, Stopper, SwitchState, Timings, Trust, WatcherRow,
};
use quarterdeck_domain::person::Role;

const BOOT: &str = "0b6e1c1e-2a41-4d8b-9a55-0d6b6f0f7a11";
/// The boot clock at the stop, which was at 14:02:09Z.
const STOPPED_NS: u64 = 5_000_000_000_000;
pub(crate) const STOPPED_AT: &str = "2026-05-04T14:02:09Z";

fn millis(millis: i64) -> SignedDuration {
    SignedDuration::from_millis(millis)
}

fn after_stop(millis: u64) -> Option<u64> {
    Some(STOPPED_NS + millis * 1_000_000)
}

fn initiator(kind: &str, person: &str) -> Initiator {
    Initiator {
        kind: kind.into(),
        person: person.into(),
        role: Some(Role::Trader),
        session: "sess-0123456789ab".into(),
        uid: 1000,
        host: "bastion-1".into(),
        program: "cockpit".into(),
        bound: false,
    }
}

/// The latch: an order of the fixed day.
pub(crate) fn record(order: Order, since: Timestamp, kind: &str, person: &str) -> Record {
    let began = at(STOPPED_AT);
    Record {
        v: 1,
        environment: "production".into(),
        episode: if order == Order::Trade { "E-0".into() } else { "E-12".into() },
        generation: if order == Order::Trade { 40 } else { 41 },
        order,
        level: order.level(),
        began,
        since,
        since_boot_ns: STOPPED_NS,
        boot_id: BOOT.into(),
        deadline: (order == Order::Stop).then(|| Deadline {
            utc: since + Deadline::WINDOW,
            boot_ns: STOPPED_NS + 300_000_000_000,
            boot_id: BOOT.into(),
        }),
        initiator: initiator(kind, person),
        reason: None,
        drill: false,
        engines: vec!["alpha-us".into(), "beta-us".into(), "gamma-eu".into()],
        previous: Some(40),
        trust: Trust::Unsigned,
        signature: None,
    }
}

fn beat(name: &str, account: &str, numbers: (u64, u64), last: &str) -> Beat {
    Beat {
        v: 1,
        engine: name.into(),
        environment: "production".into(),
        account: account.into(),
        pid: 4_200,
        at: now(),
        boot_ns: STOPPED_NS + 78_000_000_000,
        boot_id: BOOT.into(),
        state: EngineState::Trading,
        episode: None,
        generation: 40,
        level: 0,
        step: Step::None,
        steps: Steps::default(),
        resting_orders: Some(numbers.0),
        orders_synced: Some(now()),
        positions: Some(numbers.1),
        positions_synced: Some(now()),
        last_order: Some(at(&format!("2026-05-04T{last}Z"))),
        last_order_ns: None,
        link: "up".into(),
        trouble: String::new(),
    }
}

fn engine(standing: EngineStanding, beat: Beat) -> EngineRow {
    EngineRow {
        name: beat.engine.clone(),
        account: beat.account.clone(),
        standing,
        why: Vec::new(),
        beat: Some(beat),
        heard_at: Some(now() - millis(400)),
        stale: false,
        blocked_after: None,
        link: PathState::Ready,
    }
}

/// The mockup's three, trading.
pub(crate) fn trading() -> Vec<EngineRow> {
    vec![
        engine(EngineStanding::Trading, beat("alpha-us", "****4789", (12, 5), "14:03:25")),
        engine(EngineStanding::Trading, beat("beta-us", "****4791", (5, 3), "14:03:11")),
        engine(EngineStanding::Idle, beat("gamma-eu", "****4790", (0, 1), "11:29:48")),
    ]
}

/// An engine that answered, in so many milliseconds.
fn answered(mut row: EngineRow, standing: EngineStanding, step: Step, took: u64) -> EngineRow {
    row.standing = standing;
    row.blocked_after = Some(SignedDuration::from_millis(took as i64));
    if let Some(beat) = &mut row.beat {
        beat.state = if step == Step::Flat { EngineState::Flat } else { EngineState::Blocked };
        beat.episode = Some("E-12".into());
        beat.generation = 41;
        beat.level = if step > Step::Blocked { 4 } else { 3 };
        beat.step = step;
        beat.steps = Steps {
            received_ns: after_stop(took / 2),
            blocked_ns: after_stop(took),
            cancelled_ns: (step >= Step::Cancelled).then_some(STOPPED_NS + 210_000_000),
            flat_ns: (step >= Step::Flat).then_some(STOPPED_NS + 2_140_000_000),
        };
        if step >= Step::Cancelled {
            beat.resting_orders = Some(0);
        }
        if step >= Step::Flat {
            beat.positions = Some(0);
        }
    }
    row
}

/// An engine that has not been heard since 14:01:50Z.
fn silent(mut row: EngineRow) -> EngineRow {
    row.standing = EngineStanding::Silent;
    row.heard_at = Some(at("2026-05-04T14:01:50Z"));
    row.stale = true;
    row.why = vec!["no beat for 97 s, socket: refused, 78 tries".into()];
    row.link = PathState::Broken { why: "refused".into(), since: at("2026-05-04T14:01:52Z"), tries: 78 };
    row
}

/// All three, as they answered.
fn all(standing: EngineStanding, step: Step) -> Vec<EngineRow> {
    trading().into_iter().zip([14, 9, 12]).map(|(row, took)| answered(row, standing, step, took)).collect()
}

fn paths(sent: bool, broken: bool) -> Vec<PathRow> {
    let way = |name: &str, took: i64| PathRow {
        name: name.into(),
        state: if sent { PathState::Reached(millis(took)) } else { PathState::Ready },
    };
    let mut paths = vec![way("latch file", 3), way("socket alpha-us", 4), way("socket gamma-eu", 4)];
    paths.push(if broken {
        let state = PathState::Broken { why: "refused".into(), since: at("2026-05-04T14:01:52Z"), tries: 78 };
        PathRow { name: "socket beta-us".into(), state }
    } else {
        way("socket beta-us", 5)
    });
    paths.extend(["NATS", "SNS"].map(|name| PathRow { name: name.into(), state: PathState::NotSetUp }));
    paths
}

/// A quiet day with three engines and two watchers.
pub(crate) fn normal() -> KillRow {
    let stopper = |name: &str, place: &str, here| Stopper { name: name.into(), place: place.into(), here };
    KillRow {
        state: SwitchState::Normal,
        record: Some(record(Order::Trade, at("2026-05-01T08:00:00Z"), "init", "carol")),
        doubt: None,
        deadline_at: None,
        reason: None,
        engines: trading(),
        paths: paths(false, false),
        timings: Timings::default(),
        unjournalled: None,
        watchers: ["watch-1", "watch-2"]
            .map(|name| WatcherRow { name: name.into(), since: at("2026-05-04T06:00:00Z") })
            .into(),
        bypasses: Vec::new(),
        market: MarketRow::Open { until: at("2026-05-04T20:00:00Z") },
        can_stop: vec![
            stopper("alice", "bastion-1, cockpit", true),
            stopper("bob", "bastion-2, cockpit", true),
            stopper("erin", "", false),
        ],
        may_not_stop: None,
        can_hold: vec!["alice".into(), "bob".into()],
        may_not_hold: None,
        phones: std::collections::BTreeMap::new(),
        latch_place: "/var/lib/quarterdeck/production/latch".into(),
    }
}

/// The same with a beat of every engine that still speaks, as control tells it each second.
pub(crate) fn beating(mut row: KillRow, now: Timestamp) -> KillRow {
    for (index, engine) in row.engines.iter_mut().filter(|engine| !engine.stale).enumerate() {
        let late = millis(7 * (index as i64 + 1));
        engine.heard_at = Some(now - late);
        if let Some(beat) = &mut engine.beat {
            beat.at = now - late;
            beat.boot_ns += 1_000_000_000;
            beat.orders_synced = Some(now);
            beat.positions_synced = Some(now);
        }
    }
    // The deadline is told anew by the boot clock, and trembles.
    row.deadline_at = row.deadline_at.map(|at| at + millis(now.as_second() % 2 * 9 - 4));
    row
}

fn stopped_row(state: SwitchState, order: Order, kind: &str, engines: Vec<EngineRow>) -> KillRow {
    KillRow {
        state,
        record: Some(record(order, at(STOPPED_AT), kind, "alice")),
        deadline_at: (order == Order::Stop).then(|| at(STOPPED_AT) + Deadline::WINDOW),
        reason: Some("beta-us auth failing".into()),
        engines,
        paths: paths(true, false),
        timings: Timings {
            durable: Some(millis(3)),
            sent: Some(millis(4)),
            received: Some(millis(9)),
            blocked: Some(millis(14)),
            flat: None,
        },
        ..normal()
    }
}

/// Level 3, every engine blocked.
pub(crate) fn stopped() -> KillRow {
    stopped_row(SwitchState::GracefulStop, Order::Stop, "person", all(EngineStanding::Blocked, Step::Blocked))
}

/// Level 3 on the mockup's bad day: one engine silent, and it went on trading.
pub(crate) fn stopped_bad() -> KillRow {
    let [alpha, _, gamma] = <[EngineRow; 3]>::try_from(all(EngineStanding::Blocked, Step::Blocked)).expect("three");
    let beta = silent(trading().swap_remove(1));
    KillRow {
        engines: vec![beta, alpha, gamma],
        paths: paths(true, true),
        bypasses: vec![Bypass {
            actor: "beta-us".into(),
            order: "order ****7731".into(),
            at: at("2026-05-04T14:02:31Z"),
            after: SignedDuration::from_secs(22),
            source: "orders.jsonl".into(),
            episode: "E-12".into(),
        }],
        ..stopped()
    }
}

/// Level 3 with a market that is shut, no watcher, and nobody who could hold.
pub(crate) fn stopped_alone() -> KillRow {
    KillRow {
        watchers: Vec::new(),
        market: MarketRow::Shut { opens: Some(at("2026-05-04T20:30:00Z")) },
        can_hold: Vec::new(),
        may_not_hold: Some("nobody is in the list of those who may hold".into()),
        reason: None,
        ..stopped()
    }
}

/// The mockup's dialog: trading, and one engine has been silent for 14 s.
pub(crate) fn bad_before(model: Model) -> Model {
    let mut engines = trading();
    let beta = silent(engines.remove(1));
    engines.insert(0, EngineRow { heard_at: Some(now() - millis(12_000)), ..beta });
    let mut model = with(model, KillRow { engines, paths: paths(false, true), ..normal() });
    let mut backends = super::backends();
    backends[1].condition = quarterdeck_domain::overview::Condition::Down {
        code: "SEALED".into(),
        since: now() - SignedDuration::from_secs(149),
    };
    let at = model.now;
    update(&mut model, News::Backends(backends), at);
    model
}

/// Level 3 without its deadline; not from here.
pub(crate) fn held() -> KillRow {
    let mut row = stopped_row(SwitchState::Held, Order::Hold, "person", all(EngineStanding::Blocked, Step::Blocked));
    row.reason = Some("the key is being replaced".into());
    row.may_not_hold = Some(
        "in Production nothing is released by an unsigned order, and signatures are not built yet. Only the owner of \
         the latch's folder, root, can: as that user run 'quarterdeck kill release --env production'."
            .into(),
    );
    row.can_hold = vec!["root".into()];
    row
}

/// Level 4 on its way, by the deadline.
pub(crate) fn halting() -> KillRow {
    let engines = vec![
        answered(trading().swap_remove(0), EngineStanding::Residual, Step::Blocked, 14),
        answered(trading().swap_remove(1), EngineStanding::Residual, Step::Cancelled, 9),
        answered(trading().swap_remove(2), EngineStanding::Flat, Step::Flat, 12),
    ];
    stopped_row(SwitchState::EmergencyHalt, Order::Halt, "deadline", engines)
}

/// Level 4, proven.
pub(crate) fn flat() -> KillRow {
    let mut row = stopped_row(SwitchState::HaltedFlat, Order::Halt, "person", all(EngineStanding::Flat, Step::Flat));
    row.timings.flat = Some(millis(2_140));
    row
}

/// Level 4, not proven; the market is shut and nobody can release.
pub(crate) fn residual() -> KillRow {
    let mut engines = all(EngineStanding::Flat, Step::Flat);
    let mut beta = answered(trading().swap_remove(1), EngineStanding::Residual, Step::Cancelled, 9);
    beta.why = vec!["3 positions open".into(), "the venue refused to close ES: market shut".into()];
    engines[1] = beta;
    engines.swap(0, 1);
    KillRow {
        market: MarketRow::Shut { opens: Some(at("2026-05-05T13:30:00Z")) },
        can_hold: Vec::new(),
        unjournalled: Some("no space left on device".into()),
        ..stopped_row(SwitchState::HaltedResidual, Order::Halt, "person", engines)
    }
}

/// The latch can't be read, and engines that block for it.
pub(crate) fn unknown() -> KillRow {
    let mut engines = trading();
    for row in &mut engines {
        row.standing = EngineStanding::Blocked;
        row.why = vec!["there is no readable latch to judge it by".into()];
    }
    KillRow {
        state: SwitchState::Unknown,
        record: None,
        doubt: Some("the latch can't be read: its level is 7".into()),
        engines,
        ..normal()
    }
}

/// Nobody has set up the switch yet, and nothing trades.
pub(crate) fn never() -> KillRow {
    KillRow {
        state: SwitchState::Unknown,
        record: None,
        doubt: Some(quarterdeck_domain::kill::NO_LATCH.into()),
        ..bare()
    }
}

/// A home with a fresh latch and no engine.
pub(crate) fn bare() -> KillRow {
    KillRow { engines: Vec::new(), watchers: Vec::new(), market: MarketRow::NotConfigured, ..normal() }
}

/// The same screen, told of the switch as if it had been so from the start.
pub(crate) fn with(mut model: Model, row: KillRow) -> Model {
    let now = model.now;
    model.kill = None;
    update(&mut model, News::Kill(Box::new(row)), now);
    model
}

/// The codes of the mockup: `P3 K7QX` and `P4 H9DW`.
pub(crate) fn codes() -> Codes {
    let place = |c: u8| quarterdeck_domain::kill::guard::ALPHABET.iter().position(|known| *known == c);
    let random: Vec<u8> = b"KH79QDXW".iter().map(|c| place(*c).expect("a letter of the codes") as u8).collect();
    Codes::draw(Environment::Production, &random).expect("eight letters")
}

/// Ctrl-X, and what control answers to it.
pub(crate) fn armed(mut model: Model) -> Model {
    let now = model.now;
    update(&mut model, News::Key(Key::ctrl('x')), now);
    update(&mut model, News::Armed(codes()), now);
    let later = now + SignedDuration::from_millis(2_100);
    let beats = model.kill.as_deref().cloned().map(|row| beating(row, later));
    let news = beats.map_or(News::Tick, |row| News::Kill(Box::new(row)));
    update(&mut model, news, later);
    model
}

/// Types into the guard.
pub(crate) fn typed(mut model: Model, text: &str) -> Model {
    let now = model.now;
    text.chars().for_each(|c| _ = update(&mut model, News::Key(Key::char(c)), now));
    model
}

/// A code that was sent, and what came of it.
pub(crate) fn fired(model: Model, code: &str, sent: Option<Sent>, row: KillRow) -> Model {
    let mut model = typed(armed(model), code);
    let now = model.now;
    update(&mut model, News::Key(Key::ctrl('x')), now);
    if let Some(sent) = sent {
        update(&mut model, News::Sent(sent), now);
    }
    update(&mut model, News::Kill(Box::new(beating(row, now))), now);
    model
}

/// It went well.
pub(crate) fn out() -> Sent {
    Sent::Out { undurable: None, unjournalled: None, again: false }
}

/// It went out by the sockets alone, and nothing could be written.
pub(crate) fn undone() -> Sent {
    let why = || Some("no space left on device".to_owned());
    Sent::Out { undurable: why(), unjournalled: why(), again: false }
}

/// And what is told then.
pub(crate) fn unwritten() -> KillRow {
    let why = "no space left on device".to_owned();
    let state = PathState::Broken { why: why.clone(), since: now(), tries: 2 };
    let mut row = KillRow { unjournalled: Some(why), ..stopped() };
    row.paths[0].state = state;
    row.timings.durable = None;
    row
}

/// It was refused.
pub(crate) fn refused() -> Sent {
    Sent::Refused {
        why: "carol is not among those who may stop trading in PRODUCTION".into(),
        next: "Call alice or bob, or the desk.".into(),
    }
}

/// Ctrl-X, and no answer to it yet.
pub(crate) fn arming(mut model: Model) -> Model {
    let now = model.now;
    update(&mut model, News::Key(Key::ctrl('x')), now);
    model
}

/// Ctrl-X of somebody who may not stop.
pub(crate) fn shut(model: Model) -> Model {
    let row = KillRow { may_not_stop: Some("the role 'devops' may not stop trading".into()), ..normal() };
    arming(with(model, row))
}

/// Nothing keeps this session from holding and releasing.
pub(crate) fn free(row: KillRow) -> KillRow {
    KillRow { may_not_hold: None, can_hold: vec!["alice".into()], ..row }
}

/// Unlocked, then hold or release, with a reason half typed.
pub(crate) fn asked(mut model: Model, key: &str, reason: &str) -> Model {
    super::press(&mut model, "u Enter");
    super::press(&mut model, key);
    typed(model, reason)
}

/// A row whose every text came from somebody who means harm.
pub(crate) fn hostile(text: &str, row: KillRow) -> KillRow {
    let mut row = row;
    let text = || text.to_owned();
    let broken = || PathState::Broken { why: text(), since: now(), tries: u64::MAX };
    for engine in &mut row.engines {
        engine.name = text();
        engine.account = text();
        engine.why = vec![text(), text()];
        engine.link = broken();
        if let Some(beat) = &mut engine.beat {
            beat.link = text();
            beat.trouble = text();
            beat.resting_orders = Some(u64::MAX);
            beat.positions = Some(u64::MAX);
        }
    }
    if let Some(record) = &mut row.record {
        record.initiator.person = text();
        record.initiator.host = text();
    }
    row.paths.push(PathRow { name: text(), state: broken() });
    row.doubt = row.doubt.is_some().then(text);
    row.reason = Some(text());
    row.unjournalled = Some(text());
    row.watchers = vec![WatcherRow { name: text(), since: now() }];
    row.can_stop = vec![Stopper { name: text(), place: text(), here: true }];
    row.can_hold = vec![text(), text(), text()];
    row.may_not_hold = Some(text());
    row.latch_place = text();
    for bypass in &mut row.bypasses {
        bypass.actor = text();
        bypass.order = text();
    }
    row
}

/// Every state of the switch.
pub(crate) fn every() -> Vec<KillRow> {
    vec![
        normal(),
        bare(),
        never(),
        unknown(),
        stopped(),
        stopped_bad(),
        stopped_alone(),
        held(),
        halting(),
        flat(),
        residual(),
        unwritten(),
    ]
}

/// A model of the switch: its state, and what lies over the screen.
pub(crate) type Scene = fn(Model, KillRow) -> Model;

/// Every way to look at a state: plain, on another screen, and each dialog over it.
pub(crate) const SCENES: &[Scene] = &[
    with,
    |model, row| super::on(with(model, row), quarterdeck_app::Screen::Backends),
    |model, row| arming(with(model, row)),
    |model, row| armed(with(model, row)),
    |model, row| typed(armed(with(model, row)), "p3k7"),
    |model, row| typed(armed(with(model, row)), "p4h9dw"),
    |model, row| arming(with(model, KillRow { may_not_stop: Some("no".into()), ..row })),
    |model, row| fired(model, "p4h9dw", None, row),
    |model, row| typed(fired(model, "p3k7qx", Some(out()), row), "because"),
    |model, row| fired(model, "p3k7qx", Some(undone()), row),
    |model, row| fired(model, "p3k7qx", Some(refused()), row),
    |model, row| asked(with(model, free(row)), "H", "because"),
    |model, row| asked(with(model, free(row)), "L", "because"),
];
