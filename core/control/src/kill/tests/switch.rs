//! One process, its engines, and the whole way of an order.

use super::{House, SOON, TRADER, all, config, until, who};
use crate::failure::Failure;
use crate::journal::{ClosedJournal, Journal as _, JournalError, Patient};
use crate::kill::Fired;
use quarterdeck_clock::moment;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::Detail;
use quarterdeck_domain::kill::{EngineStanding, Level, Order, PathState, SwitchState};
use quarterdeck_domain::person::Role;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::channel;

#[track_caller]
fn out(fired: &Fired) {
    assert_eq!((&fired.refused, &fired.undurable, &fired.unjournalled), (&None, &None, &None));
}

#[test]
fn a_stop_goes_to_the_latch_the_engines_and_the_journal_and_comes_back_by_hold_and_release() {
    let house = House::new();
    let engines = ["alpha", "beta"].map(|name| house.engine(name));
    let switch = house.started("cockpit");
    until(&switch, "both trade", |row| all(row, &["alpha", "beta"], EngineStanding::Trading));
    let fired = switch.fire(Level::Stop, Some("beta fails".into()), moment());
    out(&fired);
    assert!(!fired.again);
    assert_eq!((fired.row.state, fired.row.reason.as_deref()), (SwitchState::GracefulStop, Some("beta fails")));
    let record = fired.row.record.clone().expect("a record");
    assert_eq!(
        (record.order, record.generation, record.engines.as_slice()),
        (Order::Stop, 1, &["alpha".to_owned(), "beta".into()][..])
    );
    let row = until(&switch, "both are blocked", |row| {
        all(row, &["alpha", "beta"], EngineStanding::Blocked) && row.timings.blocked.is_some()
    });
    let steps = row.timings;
    assert!(steps.durable < steps.sent && steps.sent.is_some() && steps.received.is_some(), "{steps:?}");
    assert!(row.engines.iter().all(|engine| matches!(engine.link, PathState::Reached(_))), "{row:#?}");
    assert!(matches!(row.paths[0].state, PathState::Reached(_)), "{:?}", row.paths);
    assert!(engines.iter().all(|engine| engine.permit().is_none()));
    let deadline = record.deadline.as_ref().expect("a stop has one").utc;

    let again = switch.fire(Level::Stop, None, moment());
    out(&again);
    assert!(again.again);
    assert_eq!(again.row.record.as_ref(), Some(&record), "a second stop doesn't restart the deadline");
    assert!(again.row.deadline_at.is_some_and(|at| at.duration_since(deadline).abs().as_secs() < 1));

    switch.hold(Some("waiting for the broker")).expect("a trader holds");
    assert_eq!((switch.row().state, switch.row().deadline_at), (SwitchState::Held, None));
    let refused = switch.release("  ", None, &[]).expect_err("a release needs its reason");
    assert!(matches!(&refused, Failure::Declined { what, .. } if what.contains("reason")), "{refused:?}");
    switch.release("the key is fixed", None, &[]).expect("a trader releases");
    until(&switch, "both trade again", |row| all(row, &["alpha", "beta"], EngineStanding::Trading));
    assert!(engines.iter().all(|engine| engine.permit().is_some()));
    let of_the_switch: Vec<_> =
        house.kinds().into_iter().filter(|kind| kind.starts_with("KILL") || kind.starts_with("PERM")).collect();
    assert_eq!(
        of_the_switch,
        [
            "KILL_SWITCH_SET_UP",
            "KILL_SWITCH_ACTIVATED",
            "KILL_SWITCH_REPEATED",
            "KILL_SWITCH_HELD",
            "PERMISSION_DENIED",
            "KILL_SWITCH_RELEASED",
        ]
    );
    let told = |kind: &str| house.count(kind) == 2;
    assert!(told("ENGINE_HEARD") && told("ENGINE_BLOCKED"), "{:?}", house.kinds());
    let activated = house.events().into_iter().find(|event| event.event_type == EventKind::KillSwitchActivated);
    let Some(Detail::Switch { record: kept, durable_us, .. }) = activated.map(|event| event.detail) else {
        panic!("an activation holds its record")
    };
    assert_eq!(*kept, record);
    assert!(durable_us.is_some());
}

#[test]
fn a_halt_is_flat_only_by_proof_and_needs_a_note_to_be_released() {
    let house = House::new();
    let _engines = ["alpha", "beta"].map(|name| house.engine(name));
    let switch = house.started("cockpit");
    until(&switch, "both trade", |row| all(row, &["alpha", "beta"], EngineStanding::Trading));
    out(&switch.fire(Level::Halt, None, moment()));
    let row = until(&switch, "flat", |row| row.state == SwitchState::HaltedFlat);
    assert!(row.timings.flat.is_some());
    switch.explain("the desk said so").expect("it is explained");
    assert_eq!(switch.row().reason.as_deref(), Some("the desk said so"));
    let held = switch.hold(None).expect_err("a halt can't be held");
    assert!(matches!(held, Failure::Declined { .. }) && held.status() == 3, "{held:?}");
    assert!(switch.release("over", None, &[]).is_err(), "without its note");
    until(&switch, "the proof is written down", |_| house.count("KILL_SWITCH_FLAT") == 1);
    switch.release("over", Some("a key was wrong; it is replaced"), &[]).expect("with its note");
    until(&switch, "both trade again", |row| all(row, &["alpha", "beta"], EngineStanding::Trading));
    assert_eq!((house.count("KILL_SWITCH_FLAT"), house.count("KILL_SWITCH_REASON")), (1, 1), "{:?}", house.kinds());
}

#[test]
fn one_who_may_not_stop_is_refused_and_the_refusal_is_written_down() {
    let house = House::new();
    let governance = who(Some(Role::Governance), "sess-governance");
    let switch = house.open("cockpit", Some(&config(TRADER)), governance, house.journal("sess-governance"));
    let row = switch.row();
    assert!(row.may_not_stop.is_some() && row.can_hold == ["alice"], "{row:#?}");
    let fired = switch.fire(Level::Stop, None, moment());
    assert!(fired.refused.as_ref().is_some_and(|(why, _)| why.contains("governance")), "{fired:?}");
    assert_eq!(fired.row.state, SwitchState::Normal);
    assert!(matches!(switch.hold(None), Err(Failure::Refused { .. })));
    assert_eq!(house.count("PERMISSION_DENIED"), 2);
}

#[test]
fn look_only_keeps_a_hold_back_and_no_stop() {
    let house = House::new();
    let switch = house.switch("cockpit");
    *switch.policy.look_only.write().expect("a lock") = Some("--readonly".into());
    out(&switch.fire(Level::Stop, None, moment()));
    let refused = switch.hold(None).expect_err("look only");
    assert!(refused.to_string().contains("--readonly"), "{refused}");
}

#[test]
fn with_a_broken_configuration_whoever_may_write_the_latch_stops_and_nobody_releases() {
    let house = House::new();
    let _engine = house.engine("alpha");
    let switch = house.open("cockpit", None, who(None, "sess-x"), house.journal("sess-x"));
    let fired = switch.fire(Level::Stop, None, moment());
    out(&fired);
    let by = fired.row.record.as_ref().map(|record| record.initiator.clone()).expect("a record");
    assert_eq!((by.program.as_str(), by.role), ("cockpit, configuration broken", None));
    until(&switch, "it is blocked", |row| all(row, &["alpha"], EngineStanding::Blocked));
    assert!(switch.hold(None).is_err() && switch.release("over", None, &[]).is_err());
}

#[test]
fn without_a_journal_a_stop_goes_out_and_a_release_does_not() {
    let house = House::new();
    let engine = house.engine("alpha");
    let why = JournalError::Io { doing: "opening", path: "the journal".into(), text: "it is broken".into() };
    let closed = Arc::new(Patient::new(Arc::new(ClosedJournal::new(why))));
    let switch = house.open("kill stop", Some(&config(TRADER)), who(Some(Role::Trader), "sess-x"), closed);
    let fired = switch.fire(Level::Stop, None, moment());
    assert!(
        fired.undurable.is_none() && fired.unjournalled.as_ref().is_some_and(|why| why.contains("broken")),
        "{fired:?}"
    );
    assert!(fired.row.unjournalled.is_some());
    until(&switch, "it is blocked", |row| all(row, &["alpha"], EngineStanding::Blocked));
    let refused = switch.hold(None).expect_err("nothing is held");
    assert!(refused.to_string().contains("journal can't be written"), "{refused}");
    assert!(engine.permit().is_none());
    // The next one with a journal takes it in.
    let watch = house.started("watch");
    let row =
        until(&watch, "it is adopted", |row| row.unjournalled.is_none() && house.count("KILL_SWITCH_ADOPTED") == 1);
    assert_eq!(row.state, SwitchState::GracefulStop);
}

#[test]
fn each_order_shows_its_own_reason_though_the_journal_knows_only_the_one_before() {
    let house = House::new();
    let switch = house.switch("kill stop");
    out(&switch.fire(Level::Stop, Some("beta-us auth failing".into()), moment()));
    let journal = house.state().join("journal");
    fs::rename(&journal, house.state().join("aside")).expect("moved");
    fs::write(&journal, "no folder").expect("written");
    let fired = switch.fire(Level::Halt, Some("it trades on".into()), moment());
    assert!(fired.unjournalled.is_some(), "{fired:?}");
    assert_eq!(fired.row.reason.as_deref(), Some("it trades on"));
}

#[test]
fn a_record_that_could_not_be_written_is_there_after_space_returns_with_its_own_time() {
    let house = House::new();
    let _engine = house.engine("alpha");
    let switch = house.started("cockpit");
    until(&switch, "it trades", |row| all(row, &["alpha"], EngineStanding::Trading));
    let (journal, aside) = (house.state().join("journal"), house.state().join("aside"));
    fs::rename(&journal, &aside).expect("moved");
    fs::write(&journal, "no folder").expect("written");
    let fired = switch.fire(Level::Stop, None, moment());
    assert!(fired.undurable.is_none() && fired.unjournalled.is_some(), "{fired:?}");
    until(&switch, "it is blocked", |row| all(row, &["alpha"], EngineStanding::Blocked) && row.unjournalled.is_some());
    let refused = switch.hold(None).expect_err("nothing is held meanwhile");
    assert!(refused.to_string().contains("journal"), "{refused}");
    fs::remove_file(&journal).expect("ours");
    fs::rename(&aside, &journal).expect("moved back");
    until(&switch, "it is written", |row| row.unjournalled.is_none());
    let event = house.events().into_iter().find(|event| event.event_type == EventKind::KillSwitchActivated);
    let (event, record) = (event.expect("the activation"), fired.row.record.expect("a record"));
    assert!(event.timestamp.duration_since(record.since).abs().as_millis() <= 1, "{event:?} {record:?}");
    switch.hold(None).expect("now it can be held");
    assert_eq!(house.count("KILL_SWITCH_ADOPTED"), 0, "it was known all the time");
}

#[test]
fn a_latch_that_cannot_be_written_stops_the_engines_that_have_a_socket() {
    let house = House::new();
    let _engine = house.engine("alpha");
    let switch = house.started("cockpit");
    until(&switch, "it trades", |row| all(row, &["alpha"], EngineStanding::Trading));
    let (latch, aside) = (house.place().latch(), house.place().base().join("aside"));
    fs::rename(&latch, &aside).expect("moved");
    fs::write(&latch, "no folder").expect("written");
    let fired = switch.fire(Level::Stop, None, moment());
    assert!(fired.undurable.is_some() && fired.unjournalled.is_none(), "{fired:?}");
    let row = until(&switch, "it is blocked", |row| all(row, &["alpha"], EngineStanding::Blocked));
    assert_eq!(row.state, SwitchState::GracefulStop);
    assert!(matches!(row.paths[0].state, PathState::Broken { .. }), "{:?}", row.paths[0]);
    fs::remove_file(&latch).expect("ours");
    fs::rename(&aside, &latch).expect("moved back");
    let row = until(&switch, "it is put back", |row| {
        row.doubt.is_none() && matches!(row.paths[0].state, PathState::Ready | PathState::Reached(_))
    });
    assert_eq!(row.state, SwitchState::GracefulStop);
    until(&switch, "it is written down", |_| house.count("KILL_SWITCH_CONFLICT") == 1);
}

#[test]
fn a_light_switch_hears_the_answers_by_itself() {
    let house = House::new();
    let _engines = ["alpha", "beta"].map(|name| house.engine(name));
    let switch = house.switch("kill halt");
    let row = switch.look();
    assert!(all(&row, &["alpha", "beta"], EngineStanding::Trading), "{row:#?}");
    out(&switch.fire(Level::Halt, None, moment()));
    let row = switch.wait_answered(SOON);
    assert_eq!((row.answered(), row.state), ((2, 2), SwitchState::HaltedFlat));
    let other = house.switch("kill status").look();
    assert_eq!((other.answered(), other.state), ((2, 2), SwitchState::HaltedFlat));
}

#[test]
fn where_nothing_was_set_up_a_stop_sets_it_up() {
    let house = House::bare();
    let switch = house.switch("kill stop");
    assert_eq!(switch.row().state, SwitchState::Unknown);
    out(&switch.fire(Level::Stop, None, moment()));
    assert_eq!(house.switch("kill status").look().state, SwitchState::GracefulStop);
    let first = House::bare();
    first.switch("init").set_up().expect("set up");
    first.switch("init").set_up().expect("a second time changes nothing");
    assert_eq!(first.count("KILL_SWITCH_SET_UP"), 1);
    assert_eq!(first.switch("kill status").look().state, SwitchState::Normal);
    fs::remove_file(first.place().latch().join("latch")).expect("ours");
    assert!(first.switch("init").set_up().is_err(), "nobody gets back to trading by setting up anew");
}

#[test]
fn a_journal_that_is_read_again_knows_the_switch() {
    let house = House::new();
    out(&house.switch("kill stop").fire(Level::Stop, Some("why".into()), moment()));
    let state = house.journal("sess-reader").state();
    let record = state.switch.record.as_ref().expect("it is known");
    assert_eq!((record.order, state.switch.reason.as_deref()), (Order::Stop, Some("why")));
}

#[test]
fn a_row_that_stays_the_same_is_told_again_at_each_look() {
    let house = House::new();
    let switch = house.switch("cockpit");
    // Held, so that each second is a look; of a quiet switch it is each tenth.
    out(&switch.fire(Level::Stop, None, moment()));
    switch.hold(None).expect("a trader holds");
    let (tell, told) = channel();
    switch.start(Arc::new(move |row| _ = tell.send(row))).expect("it starts");
    let mut rows = std::iter::from_fn(|| told.recv_timeout(SOON).ok());
    let mut last = rows.next().expect("a row");
    let mut same = 0;
    while same < 2 {
        let row = rows.next().expect("nothing more was told of a switch at rest");
        same = if row == last { same + 1 } else { 0 };
        last = row;
    }
}
