//! Several processes' worth of switches on one latch, and engines that don't behave.

use super::{House, SOON, TRADER, all, config, engine, record, until, who};
use crate::journal::Journal as _;
use crate::kill::Switch;
use crate::kill::latch::{Latch, Over};
use jiff::SignedDuration;
use quarterdeck_clock::moment;
use quarterdeck_domain::audit::{AuditLine, Fields, Place as LinePlace};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Deadline, EngineStanding, LatchView, Level, Order, PathState, Record, SwitchState};
use quarterdeck_domain::person::Role;
use quarterdeck_domain::severity::Severity;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

fn latch(house: &House) -> Latch {
    Latch::new(house.place().latch(), Environment::Qa)
}

#[test]
fn what_one_cockpit_fires_another_shows_and_only_one_of_them_writes_it_down() {
    let house = House::new();
    let _engine = house.engine("alpha");
    let switches = ["cockpit", "cockpit", "watch"].map(|program| house.started(program));
    for switch in &switches {
        until(switch, "it trades", |row| all(row, &["alpha"], EngineStanding::Trading));
    }
    switches[0].fire(Level::Stop, None, moment());
    for switch in &switches {
        let row = until(switch, "stopped and blocked", |row| {
            row.state == SwitchState::GracefulStop && all(row, &["alpha"], EngineStanding::Blocked)
        });
        assert_eq!(row.unjournalled, None);
    }
    switches[2].hold(None).expect("held");
    for switch in &switches {
        until(switch, "held", |row| row.state == SwitchState::Held && row.doubt.is_none());
    }
    switches[1].release("over", None, &[]).expect("released");
    for switch in &switches {
        until(switch, "normal", |row| {
            row.state == SwitchState::Normal && all(row, &["alpha"], EngineStanding::Trading)
        });
    }
    for (kind, count) in [
        ("KILL_SWITCH_ACTIVATED", 1),
        ("KILL_SWITCH_HELD", 1),
        ("KILL_SWITCH_RELEASED", 1),
        ("KILL_SWITCH_ADOPTED", 0),
        ("KILL_SWITCH_CONFLICT", 0),
        ("ENGINE_BLOCKED", 1),
    ] {
        assert_eq!(house.count(kind), count, "{kind}: {:?}", house.kinds());
    }
}

/// A stop whose five minutes were over before anybody looked.
fn past(house: &House) -> Record {
    let now = moment();
    let ago = SignedDuration::from_secs(301);
    let since_boot_ns = now.boot_ns.saturating_sub(301_000_000_000);
    let began = now.utc.checked_sub(ago).expect("a time");
    let deadline = Deadline { utc: began, boot_ns: now.boot_ns - 1_000_000_000, boot_id: now.boot_id };
    let stop = Record { began, since: began, since_boot_ns, deadline: Some(deadline), ..record(Order::Stop, 1) };
    latch(house).write(&stop, Over::Milder, None).expect("written")
}

#[test]
fn a_deadline_that_passed_is_level_4_at_once_and_written_down_once_by_three() {
    let house = House::new();
    let _engine = house.engine("alpha");
    let stop = past(&house);
    let switches = ["cockpit", "cockpit", "watch"].map(|program| house.started(program));
    for switch in &switches {
        let row = until(switch, "halted", |row| row.state == SwitchState::HaltedFlat);
        let halt = row.record.expect("a record");
        assert_eq!((halt.episode.as_str(), halt.generation), (stop.episode.as_str(), 2));
        assert_eq!((halt.initiator.kind.as_str(), halt.initiator.person.as_str()), ("deadline", "quarterdeck"));
    }
    let flat = |_: &_| house.count("KILL_SWITCH_FLAT") == 1;
    until(&switches[0], "flat is written down", flat);
    let of_the_switch: Vec<_> = house.kinds().into_iter().filter(|kind| kind.starts_with("KILL")).collect();
    let once = ["KILL_SWITCH_SET_UP", "KILL_SWITCH_ADOPTED", "KILL_SWITCH_ESCALATED", "KILL_SWITCH_FLAT"];
    assert_eq!(of_the_switch, once);
}

/// What is done to the latch, and how many conflicts are written down then.
type Tamper = (fn(&Path), usize);

#[test]
fn a_latch_that_was_tampered_with_is_put_back() {
    let house = House::new();
    let switch = house.started("watch");
    switch.fire(Level::Stop, None, moment());
    let file = house.place().latch().join("latch");
    let tampers: [Tamper; 3] = [
        (|file| fs::remove_file(file).expect("ours"), 1),
        // The journal knows of what was put back: it is put back once more, which an alarm tells.
        (|file| fs::write(file, "{}").expect("ours"), 1),
        (|file| fs::write(file, record(Order::Trade, 99).bytes()).expect("ours"), 2),
    ];
    for (tamper, conflicts) in tampers {
        tamper(&file);
        until(&switch, "it is put back", |row| {
            let stands = latch(&house).read().record().is_some_and(|record| record.order == Order::Stop);
            stands && row.state == SwitchState::GracefulStop && house.count("KILL_SWITCH_CONFLICT") == conflicts
        });
    }
    until(&switch, "an alarm was told", |_| house.count("KILL_SWITCH_ALARM") == 1);
    assert!(latch(&house).read().record().is_some_and(|record| record.generation > 99), "above what stood there");
}

/// Two traders with an account each have a journal each: what one of them holds and releases, the other's knows only from
/// the latch, by whose owner the kernel vouches.
#[test]
fn what_another_unix_user_holds_and_releases_is_taken_in_and_not_put_back() {
    let house = House::new();
    let switch = house.started("watch");
    let stop = switch.fire(Level::Stop, None, moment()).row.record.expect("a record");
    let file = house.place().latch().join("latch");
    if std::os::unix::fs::chown(&file, Some(65_534), None).is_err() {
        // Only root can play another user.
        return;
    }
    let write = |order: Order, generation: u64| {
        let next = Record { episode: stop.episode.clone(), ..record(order, generation) };
        // Beside it first: nobody sees it as this user's.
        let beside = file.with_extension("beside");
        fs::write(&beside, next.bytes()).expect("written");
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o640)).expect("ours");
        std::os::unix::fs::chown(&beside, Some(65_534), None).expect("root");
        fs::rename(&beside, &file).expect("renamed");
    };
    write(Order::Hold, stop.generation + 1);
    until(&switch, "held", |row| row.state == SwitchState::Held && house.count("KILL_SWITCH_ADOPTED") == 1);
    write(Order::Trade, stop.generation + 2);
    until(&switch, "released", |row| row.state == SwitchState::Normal && house.count("KILL_SWITCH_ADOPTED") == 2);
    assert_eq!(house.count("KILL_SWITCH_CONFLICT"), 0, "{:?}", house.kinds());
    // An older one is not, whoever wrote it.
    switch.fire(Level::Stop, None, moment());
    write(Order::Trade, 1);
    until(&switch, "it is put back", |row| {
        row.state == SwitchState::GracefulStop && house.count("KILL_SWITCH_CONFLICT") == 1
    });
}

#[test]
fn an_engine_that_does_not_read_holds_nobody_up() {
    let house = House::new();
    let _alpha = house.engine("alpha");
    // It takes a connection and never reads; its buffer is full before the order comes.
    let stalled = UnixListener::bind(house.place().engines().join("stalled.sock")).expect("a socket");
    let switch = house.switch("kill stop");
    switch.look();
    let _taken = stalled.accept().expect("it was met");
    let long = Record { reason: Some("x".repeat(2_000)), ..record(Order::Stop, 0) };
    for _ in 0..1_000 {
        switch.links.send(&long, |name| name == "stalled", moment);
        if !switch.links.is_open("stalled") {
            break;
        }
    }
    assert!(!switch.links.is_open("stalled"), "its buffer is full");
    assert!(matches!(switch.links.path("stalled", None), PathState::Broken { why, .. } if why == "it does not read"));
    let fired = switch.fire(Level::Stop, None, moment());
    assert!(fired.undurable.is_none(), "{fired:?}");
    let row = until(&switch, "alpha is blocked", |row| {
        row.engines.iter().any(|row| row.name == "alpha" && row.standing == EngineStanding::Blocked)
    });
    assert_eq!(row.answered(), (1, 2), "the other is not taken for stopped: {row:#?}");
}

#[test]
fn without_a_socket_an_engine_is_heard_by_its_file_and_obeys_the_latch() {
    let house = House::new();
    let alpha = house.engine("alpha");
    // Something else has the name that its socket would have.
    let socket = house.place().engines().join("alpha.sock");
    let switch = house.started("cockpit");
    until(&switch, "it trades", |row| all(row, &["alpha"], EngineStanding::Trading));
    fs::remove_file(&socket).expect("ours");
    fs::create_dir(&socket).expect("a folder in its place");
    let other = house.started("watch");
    let row = until(&other, "it is heard by its file", |row| all(row, &["alpha"], EngineStanding::Trading));
    assert!(matches!(row.engines[0].link, PathState::Broken { .. }), "{row:#?}");
    other.fire(Level::Stop, None, moment());
    until(&other, "it is blocked", |row| all(row, &["alpha"], EngineStanding::Blocked));
    assert!(alpha.permit().is_none());
}

#[test]
fn an_engine_that_is_gone_is_silent_and_comes_back_with_the_stop_in_force() {
    let house = House::new();
    let switch = house.started("cockpit");
    let alpha = house.engine("alpha");
    until(&switch, "it trades", |row| all(row, &["alpha"], EngineStanding::Trading));
    // As if its process had died: the socket stays, and nobody is there.
    drop(alpha);
    let row = until(&switch, "it is silent", |row| all(row, &["alpha"], EngineStanding::Silent));
    assert!(matches!(&row.engines[0].link, PathState::Broken { tries, .. } if *tries > 0), "{row:#?}");
    let fired = switch.fire(Level::Stop, None, moment());
    assert_eq!(fired.row.answered(), (0, 1));
    let _alpha = house.engine("alpha");
    until(&switch, "it is blocked", |row| all(row, &["alpha"], EngineStanding::Blocked));
    let told = || house.kinds().into_iter().filter(|kind| kind.starts_with("ENGINE")).collect::<Vec<_>>();
    until(&switch, "each step is written down", |_| {
        told() == ["ENGINE_HEARD", "ENGINE_SILENT", "ENGINE_HEARD", "ENGINE_BLOCKED"]
    });
}

#[test]
fn who_is_open_can_be_seen_and_who_has_left_cannot() {
    let house = House::new();
    let cockpit = house.started("cockpit");
    let watch = house.started("watch");
    let row = until(&cockpit, "both are seen", |row| row.watchers.len() == 1);
    let told: Vec<_> = row.can_stop.iter().map(|stopper| (stopper.name.as_str(), stopper.here)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], ("alice", true));
    assert!(told[1].0.starts_with("watch-"), "{told:?}");
    drop(watch);
    until(&cockpit, "it has left", |row| row.watchers.is_empty());
}

fn order(actor: &str, at: jiff::Timestamp, offset: u64) -> AuditLine {
    let fields = Fields { actor, kind: "ORDER_SUBMIT", resource: "order ****7731", outcome: "ok 20 ms" };
    let place = LinePlace { file: 1, offset, length: 10 };
    AuditLine::new("orders".into(), Some(at), Severity::Info, place, &fields).sending_order("qa", "")
}

#[test]
fn an_order_after_the_stop_is_critical_and_written_down_once_also_after_a_restart() {
    let house = House::new();
    let before = moment().utc.checked_sub(SignedDuration::from_mins(1)).expect("a time");
    let switch = house.started("cockpit");
    let mut lines = [order("beta", moment().utc, 0)];
    switch.saw(&mut lines);
    assert_eq!(lines[0].severity, Severity::Info, "trading is normal");
    switch.fire(Level::Stop, None, moment());
    let later = moment().utc.checked_add(SignedDuration::from_secs(1)).expect("a time");
    let mut lines = [order("beta", before, 10), order("beta", later, 20), order("beta", later, 30)];
    switch.saw(&mut lines);
    let told: Vec<_> = lines.iter().map(|line| (line.severity, line.outcome().starts_with("BYPASS"))).collect();
    assert_eq!(told, [(Severity::Info, false), (Severity::Critical, true), (Severity::Critical, true)]);
    assert_eq!(switch.row().bypasses.len(), 1, "two lines of one order are one");
    until(&switch, "both lines are written down", |_| house.count("KILL_SWITCH_BYPASS") == 2);
    switch.saw(&mut [order("beta", later, 30)]);
    drop(switch);
    let next = house.started("cockpit");
    let mut lines = [order("beta", later, 20), order("beta", later, 40)];
    next.saw(&mut lines);
    assert_eq!(next.row().bypasses.len(), 1);
    until(&next, "the new one is written down", |_| house.count("KILL_SWITCH_BYPASS") == 3);
    assert_eq!(house.journal("sess-reader").state().switch.bypasses, 3);
}

#[test]
fn eight_who_fire_at_once_are_one_episode() {
    let house = House::new();
    let _engine = house.engine("alpha");
    let switches: Vec<Arc<Switch>> = (0..8).map(|_| house.switch("kill stop")).collect();
    std::thread::scope(|scope| {
        for (number, switch) in switches.iter().enumerate() {
            let level = if number == 5 { Level::Halt } else { Level::Stop };
            scope.spawn(move || switch.fire(level, None, moment()));
        }
    });
    let LatchView::Read(stands) = latch(&house).read() else { panic!("a record stands") };
    assert_eq!(stands.order, Order::Halt);
    let records: Vec<Record> = house
        .events()
        .into_iter()
        .filter_map(|event| match event.detail {
            _ if event.event_type == EventKind::KillSwitchRepeated => None,
            quarterdeck_domain::event::Detail::Switch { record, .. } if record.generation > 0 => Some(*record),
            _ => None,
        })
        .collect();
    assert!(records.iter().all(|record| record.episode == stands.episode), "{records:#?}");
    let mut generations: Vec<u64> = records.iter().map(|record| record.generation).collect();
    generations.sort_unstable();
    generations.dedup();
    assert_eq!(generations.len(), records.len(), "a generation was given twice: {records:#?}");
}

#[test]
fn engines_of_the_configuration_are_missed() {
    let house = House::new();
    let text =
        format!("{TRADER}[[engine]]\nname='alpha'\naccount='U1234789'\n[[engine]]\nname='beta'\naccount='U99'\n");
    let who = who(Some(Role::Trader), "sess-x");
    let switch = house.open("kill status", Some(&config(&text)), who, house.journal("sess-x"));
    let _alpha = engine(house.place().base(), "alpha");
    let row = switch.look();
    let told: Vec<_> = row.engines.iter().map(|e| (e.name.as_str(), e.account.as_str(), e.standing)).collect();
    assert_eq!(told, [("beta", "****U99", EngineStanding::Silent), ("alpha", "****4789", EngineStanding::Trading)]);
    assert_eq!(switch.wait_answered(SOON / 100).answered(), (1, 2));
}
