//! The engine as a process, seen from outside: it trades, obeys each order, and goes wrong as it is told.

use crate::stage::{Stage, sound, until};
use quarterdeck_domain::kill::{Beat, EngineState, Order, Step};
use quarterdeck_simulator::venue::Fact;

fn is_trading(beat: &Beat) -> bool {
    beat.step == Step::None && beat.level == 0
}

/// A stage with an engine that goes wrong like this, trading at a pace, and level 4 ordered.
macro_rules! halted {
    ($words:expr => $stage:ident, $engine:ident, $beats:ident) => {
        let $stage = Stage::new();
        let $engine = $stage.engine($words);
        let mut $beats = $stage.beats();
        $stage.order(Order::Halt, 1);
    };
}

#[test]
fn it_says_one_line_and_trades() {
    let stage = Stage::new();
    let engine = stage.engine(&["rate=50/s"]);
    assert_eq!(engine.first, format!("alpha-us trades in DEMO, account ****4789, pid {}\n", engine.pid()));
    until("orders", || stage.submitted() > 20);
    let beat = stage.beats().until("a report", |beat| beat.last_order.is_some());
    assert_eq!((beat.state, beat.link.as_str(), beat.account.as_str()), (EngineState::Trading, "up", "****4789"));
    assert!(beat.resting_orders.is_some_and(|count| count <= 4) && beat.positions.is_some_and(|count| count <= 3));
    assert!(stage.audit().iter().all(|(_, id, status)| status == "SUCCESS" && id.starts_with("alpha-us-")));
}

#[test]
fn without_orders_to_send_it_is_idle() {
    let stage = Stage::new();
    let _engine = stage.engine(&[]);
    let beat = stage.beats().until("a report", |beat| beat.positions.is_some());
    assert_eq!((beat.state, beat.resting_orders, beat.positions), (EngineState::Idle, Some(4), Some(3)));
    assert!(stage.audit().is_empty());
}

#[test]
fn a_stop_lets_existing_orders_fill_and_a_release_lets_it_trade_again() {
    let stage = Stage::new();
    let _engine = stage.engine(&["rate=50/s", "fills-ms=1"]);
    let mut beats = stage.beats();
    until("orders", || stage.submitted() > 5);
    stage.order(Order::Stop, 1);
    let beat = beats.until("blocked", |beat| beat.step == Step::Blocked);
    assert_eq!((beat.state, beat.level, beat.episode.as_deref()), (EngineState::Blocked, 3, Some("E-7")));
    let sent = stage.submitted();
    beats.until("the resting orders are filled", |beat| beat.step == Step::Blocked && beat.resting_orders == Some(0));
    assert_eq!(stage.submitted(), sent, "no order after BLOCKED");
    stage.order(Order::Hold, 2);
    beats.until("held", |beat| beat.generation == 2 && beat.level == 3);
    stage.order(Order::Trade, 3);
    beats.until("trading", is_trading);
    until("orders again", || stage.submitted() > sent);
    sound(&stage.facts());
}

#[test]
fn a_halt_cancels_closes_and_is_proven_again_each_second() {
    halted!(&["rate=50/s"] => stage, _engine, beats);
    let beat = beats.until("flat", |beat| beat.step == Step::Flat);
    assert!(beat.steps.received_ns <= beat.steps.blocked_ns && beat.steps.blocked_ns <= beat.steps.cancelled_ns);
    assert!(beat.steps.cancelled_ns <= beat.steps.flat_ns);
    let book = sound(&stage.facts());
    assert!(book.resting.is_empty() && book.positions.is_empty());
    let synced = beat.positions_synced;
    beats.until_never("a later look", |beat| beat.positions_synced > synced, |beat| beat.step != Step::Flat);
}

#[test]
fn while_the_market_is_shut_it_stays_residual_and_closes_once_it_opens() {
    let stage = Stage::new();
    stage.control("market-shut:09:30");
    let _engine = stage.engine(&[]);
    let mut beats = stage.beats();
    stage.order(Order::Halt, 1);
    let beat = beats.until("residual", |beat| beat.state == EngineState::Residual);
    assert_eq!((beat.resting_orders, beat.positions, beat.step), (Some(0), Some(3), Step::Cancelled));
    assert_eq!(beat.trouble, "market shut until 09:30: 3 positions can't be closed");
    let refused = |stage: &Stage| stage.audit().iter().filter(|(_, _, status)| status == "FAILURE").count();
    assert_eq!(refused(&stage), 3, "each refusal is written once");
    stage.control("");
    beats.until("flat", |beat| beat.step == Step::Flat);
    assert_eq!(refused(&stage), 3);
    sound(&stage.facts());
}

#[test]
fn silent_says_nothing_and_trades_on() {
    halted!(&["misbehave=silent", "rate=50/s"] => stage, _engine, beats);
    let sent = stage.submitted();
    until("orders after the stop", || stage.submitted() > sent + 100);
    assert!(!beats.waits(), "it spoke");
    assert_eq!(stage.status(), None);
}

#[test]
fn dead_dies_of_the_stop_and_answers_nothing() {
    let stage = Stage::new();
    let engine = stage.engine(&["misbehave=dead"]);
    let mut beats = stage.beats();
    stage.order(Order::Stop, 1);
    while let Some(beat) = beats.next() {
        assert_eq!(beat.step, Step::None);
    }
    engine.died();
}

#[test]
fn liar_says_blocked_and_submits_on() {
    halted!(&["misbehave=liar", "rate=50/s"] => stage, _engine, beats);
    let beat = beats.until("blocked", |beat| beat.step >= Step::Blocked);
    let sent = stage.submitted();
    until("orders after BLOCKED", || stage.submitted() > sent + 50);
    beats.until("an order after BLOCKED is told", |later| later.last_order > Some(beat.at) && later.level == 4);
    let foreign = |(kind, id, _): &(String, String, String)| kind == "ORDER_SUBMIT" && id.starts_with("alpha-us-");
    assert!(stage.audit().iter().skip(sent).any(foreign));
}

#[test]
fn late_obeys_and_says_each_step_later() {
    halted!(&["misbehave=late:1.5"] => stage, _engine, beats);
    let since = stage.latch().since_boot_ns + 1_500_000_000;
    let early = |beat: &Beat| beat.boot_ns < since && beat.step > Step::None;
    let beat = beats.until_never("flat", |beat| beat.step == Step::Flat, early);
    let steps = [beat.steps.received_ns, beat.steps.blocked_ns, beat.steps.cancelled_ns, beat.steps.flat_ns];
    assert!(steps.iter().all(|at| at.is_some_and(|at| at >= since && at <= beat.boot_ns)), "{since} {beat:?}");
    assert!(sound(&stage.facts()).positions.is_empty());
}

#[test]
fn keeps_orders_is_never_flat() {
    halted!(&["misbehave=keeps-orders"] => stage, _engine, beats);
    let beat =
        beats.until_never("residual", |beat| beat.state == EngineState::Residual, |beat| beat.step == Step::Flat);
    assert_eq!((beat.resting_orders, beat.step), (Some(4), Step::Blocked));
    beats.until("its trouble", |beat| beat.positions == Some(0) && beat.trouble == "4 orders rest on though cancelled");
}

#[test]
fn rejects_cancel_is_never_flat_and_closes_all_the_same() {
    halted!(&["misbehave=rejects-cancel"] => stage, _engine, beats);
    let beat =
        beats.until_never("positions closed", |beat| beat.positions == Some(0), |beat| beat.step > Step::Blocked);
    assert_eq!((beat.state, beat.resting_orders), (EngineState::Residual, Some(4)));
    assert_eq!(beat.trouble, "cancel rejected: 4 orders can't be cancelled");
    let refused = stage.audit().iter().filter(|(_, _, status)| status == "FAILURE").count();
    assert_eq!(refused, 4, "each refusal is written once");
    stage.control("");
    sound(&stage.facts());
}

#[test]
fn an_order_that_fills_after_its_position_was_closed_is_left_to_people() {
    let stage = Stage::new();
    let _engine = stage.engine(&["misbehave=rejects-cancel", "fills-ms=1"]);
    stage.order(Order::Halt, 1);
    let again = |beat: &Beat| beat.trouble.contains("was closed once in this episode and has a position again");
    let beat = stage.beats().until_never("a position again", again, |beat| beat.step == Step::Flat);
    assert_eq!(beat.state, EngineState::Residual);
    let facts = stage.facts();
    sound(&facts);
    assert!(facts.iter().filter(|fact| matches!(fact, Fact::Closed(_))).count() <= 3);
}

#[test]
fn unsynced_never_knows_its_positions() {
    halted!(&["misbehave=unsynced"] => stage, _engine, beats);
    let beat =
        beats.until_never("residual", |beat| beat.state == EngineState::Residual, |beat| beat.step == Step::Flat);
    assert_eq!((beat.positions, beat.positions_synced), (None, None));
    beats.until("cancelled", |beat| beat.step == Step::Cancelled && beat.resting_orders == Some(0));
    assert_eq!(sound(&stage.facts()).positions.len(), 3);
}

#[test]
fn unsynced_while_it_runs_keeps_an_old_number_with_its_old_time() {
    let stage = Stage::new();
    let _engine = stage.engine(&[]);
    let mut beats = stage.beats();
    beats.until("a number", |beat| beat.positions == Some(3));
    stage.control("unsynced");
    let beat = beats.until("its trouble", |beat| beat.trouble.contains("positions can't be asked for"));
    assert_eq!(beat.positions, Some(3));
    assert!(beat.positions_synced < beat.orders_synced);
}

#[test]
fn venue_down_closes_nothing_and_says_so_until_it_is_back() {
    let stage = Stage::new();
    stage.control("venue-down");
    let _engine = stage.engine(&[]);
    let mut beats = stage.beats();
    stage.order(Order::Halt, 1);
    let beat = beats.until("residual", |beat| beat.state == EngineState::Residual);
    assert_eq!((beat.link.as_str(), beat.resting_orders, beat.positions), ("down", None, None));
    assert_eq!((beat.step, beat.trouble.as_str()), (Step::Blocked, "venue down: it doesn't answer"));
    stage.control("");
    beats.until("flat", |beat| beat.step == Step::Flat);
    sound(&stage.facts());
}

#[test]
fn says_flat_with_its_positions_open() {
    halted!(&["misbehave=says-flat"] => stage, _engine, beats);
    let beat = beats.until("flat", |beat| beat.step == Step::Flat && beat.resting_orders == Some(0));
    assert_eq!((beat.state, beat.positions, beat.trouble.as_str()), (EngineState::Flat, Some(3), ""));
    assert_eq!(sound(&stage.facts()).positions.len(), 3);
}

#[test]
fn an_audit_file_that_can_not_be_written_stops_orders_and_not_a_halt() {
    let stage = Stage::new();
    let _engine = stage.engine(&["audit=/dev/full", "rate=50/s"]);
    let mut beats = stage.beats();
    beats.until("its trouble", |beat| beat.trouble.starts_with("audit file: "));
    let before = stage.facts().len();
    stage.order(Order::Halt, 1);
    beats.until("flat", |beat| beat.step == Step::Flat);
    let after = &stage.facts()[before..];
    assert!(after.iter().all(|fact| matches!(fact, Fact::Cancelled(_) | Fact::Closed(_))), "{after:?}");
}

#[test]
fn killed_and_started_again_it_goes_on_under_new_ids() {
    let stage = Stage::new();
    let engine = stage.engine(&["rate=50/s"]);
    until("orders", || stage.submitted() > 10);
    engine.kill();
    let before = stage.submitted();
    let _engine = stage.engine(&["rate=50/s"]);
    until("orders", || stage.submitted() > before + 10);
    assert!(stage.audit().iter().all(|(_, _, status)| status == "SUCCESS"));
}

#[test]
fn it_ends_on_a_signal_and_with_its_parent() {
    let stage = Stage::new();
    let engine = stage.engine(&[]);
    engine.terminate();
    assert!(engine.ended().success());
    assert!(stage.engine(&[]).leave().success());
    assert!(stage.status().is_none(), "it left while trading was normal");
}

#[test]
fn what_it_can_not_use_ends_it_before_it_says_that_it_trades() {
    let stage = Stage::new();
    let no_folder = format!("state={}/venues", stage.path("base/latch/latch").display());
    for word in [no_folder.as_str(), "name=../alpha", "name=a\nb", "audit=/dev/null/x", "base=/dev/null"] {
        let engine = stage.engine(&[word]);
        assert_eq!(engine.first, "", "{word}");
        assert_eq!(engine.ended().code(), Some(1), "{word}");
    }
    let _first = stage.engine(&[]);
    assert_eq!(stage.engine(&[]).ended().code(), Some(1), "a second of its name");
}
