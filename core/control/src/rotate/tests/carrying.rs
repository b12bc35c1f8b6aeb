//! The carrier's threads, by the real clocks: what is begun here, and what somebody left.

use super::desk::{Desk, plan};
use super::shelf::Numbers;
use crate::rotate::carrier::Carrier;
use crate::serve::Control;
use quarterdeck_contract::Value;
use quarterdeck_domain::rotate::{Ask, Ending, Generator, Plan, RotationRow};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Nobody waits so long but where something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn quick() -> Plan {
    Plan { set: None, test: None, revoke: None, grace_s: 0, ..plan() }
}

fn carrier(control: &Arc<Control>) -> (Arc<Carrier>, Receiver<Vec<RotationRow>>) {
    let (sender, rows) = channel();
    let sender = Mutex::new(sender);
    let tell = move |rows| {
        let _ = sender.lock().expect("no panic").send(rows);
    };
    (Carrier::start(control.clone(), "cockpit", false, Arc::new(tell)).expect("a thread"), rows)
}

fn wait(rows: &Receiver<Vec<RotationRow>>, is: impl Fn(&RotationRow) -> bool) -> RotationRow {
    loop {
        let told = rows.recv_timeout(PATIENCE).expect("it is told in time");
        if let Some(row) = told.into_iter().find(|row| is(row)) {
            return row;
        }
    }
}

#[test]
fn what_is_begun_here_is_carried_to_its_end_and_told() {
    let desk = Desk::now(Numbers::Anew);
    let alice = desk.session("alice");
    let (carrier, rows) = carrier(&alice);
    let begun = desk.begin(&alice, quick(), None).expect("begun");
    carrier.carry(begun);
    let row = wait(&rows, |row| !row.rotation.is_live());
    assert_eq!(row.rotation.ended.map(|(ending, _)| ending), Some(Ending::Done));
    assert_ne!(desk.shelf.current(), "old");
    assert_eq!(carrier.rows(), [row]);
    carrier.stop();
}

#[test]
fn what_somebody_left_is_taken_over_and_what_somebody_carries_is_not() {
    let desk = Desk::now(Numbers::Kept);
    let (alice, bob) = (desk.session("alice"), desk.session("bob"));
    let (carrier, rows) = carrier(&bob);
    desk.begin(&alice, quick(), None).expect("begun");
    let row = wait(&rows, |row| row.rotation.is_live());
    assert!(row.carried && row.rotation.past.is_empty(), "alice's word counts");
    // She lets go.
    let stopped = desk.run_while(&alice, 1, None, &|| false);
    assert_eq!(stopped, Ok(crate::rotate::run::Stopped::Told));
    let row = wait(&rows, |row| !row.rotation.is_live());
    assert_eq!(row.rotation.ended.map(|(ending, _)| ending), Some(Ending::Done));
    assert!(carrier.is_alive());
    carrier.stop();
}

#[test]
fn what_is_typed_waits_for_its_confirmation_with_whoever_typed_it() {
    let desk = Desk::now(Numbers::Kept);
    let (alice, bob) = (desk.session("alice"), desk.session("bob"));
    let (hers, rows) = carrier(&alice);
    let (his, _his_rows) = carrier(&bob);
    let plan = Plan { generator: Generator::Typed, confirm: Some(quarterdeck_domain::person::Role::Devops), ..quick() };
    let mut begun = desk.begin(&alice, plan, None).expect("begun");
    begun.typed = Some(Value::text("from-the-broker"));
    hers.carry(begun);
    wait(&rows, |row| row.question.is_some());
    bob.rotation_confirm(1).expect("confirmed");
    his.journal_grew();
    wait(&rows, |row| row.rotation.ended.is_some_and(|(ending, _)| ending == Ending::Done));
    assert_eq!(desk.shelf.current(), "from-the-broker");
    hers.stop();
    his.stop();
}

#[test]
fn who_only_looks_carries_nothing() {
    let desk = Desk::now(Numbers::Kept);
    let (alice, bob) = (desk.session("alice"), desk.session("bob"));
    bob.set_look_only(Some("it is night".into()));
    let (his, rows) = carrier(&bob);
    desk.begin(&alice, quick(), None).expect("begun");
    desk.run_while(&alice, 1, None, &|| false).expect("she lets go");
    let row = wait(&rows, |row| row.rotation.lease.is_none());
    assert!(!row.carried);
    alice.rotation_ask(1, Ask::Abort, "").expect("asked");
    wait(&rows, |row| row.rotation.is_live() && row.rotation.lease.is_none());
    assert_eq!(desk.shelf.calls("read"), 0);
    bob.set_look_only(None);
    his.journal_grew();
    wait(&rows, |row| row.rotation.ended.is_some_and(|(ending, _)| ending == Ending::Aborted));
    his.stop();
}
