//! All the way, and back.

use super::desk::{Desk, plan};
use super::shelf::{Mischief, Numbers};
use crate::rotate::run::Stopped;
use crate::rotate::start::runner;
use jiff::SignedDuration;
use quarterdeck_contract::Value;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::rotate::{Ask, Course, Ending, Generator, Hook, Plan, Question, Step};
use std::sync::atomic::{AtomicBool, Ordering};

const BOTH: [Numbers; 2] = [Numbers::Kept, Numbers::Anew];

#[test]
fn a_rotation_goes_all_the_way_and_leaves_nothing_over() {
    for numbers in BOTH {
        let desk = Desk::new(numbers);
        let alice = desk.session("alice");
        let begun = desk.begin(&alice, plan(), None).expect("begun");
        assert_eq!((begun.number, begun.runner.as_str()), (1, "sess-alice-1"));
        let began = desk.moment().utc;
        assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)));
        desk.is_tidy("new-1");
        let rotation = desk.rotation(1);
        let steps: Vec<Step> = rotation.past.iter().map(|past| past.step).collect();
        assert_eq!(steps, [plan().steps(), vec![]].concat());
        assert!(rotation.past.iter().all(|past| !past.failed));
        assert_eq!(rotation.fingerprint, Some(alice.key.fingerprint(b"new-1")));
        assert!(desk.moment().utc.duration_since(began) >= SignedDuration::from_secs(600), "grace was kept");
        assert_eq!(desk.shelf.kept().len(), 1, "{numbers:?}: {:?}", desk.shelf.kept());
        assert_eq!(rotation.lease, None);
    }
}

#[test]
fn a_stepped_wall_clock_neither_shortens_nor_lengthens_grace() {
    let desk = Desk::new(Numbers::Kept);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    let in_grace = || desk.session("bob").state().rotation(1).is_some_and(|rotation| rotation.step == Step::Grace);
    desk.run_while(&alice, 1, None, &|| !in_grace()).expect("it runs");
    assert!(in_grace());
    let boot = desk.moment().boot_ns;
    desk.step_clock(SignedDuration::from_hours(1));
    assert_eq!(
        desk.run_while(&alice, 1, None, &|| desk.moment().boot_ns < boot + 500 * 1_000_000_000),
        Ok(Stopped::Told)
    );
    assert_eq!(desk.rotation(1).step, Step::Grace, "an hour forward is no grace");
    desk.step_clock(-SignedDuration::from_hours(3));
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)));
    let took = (desk.moment().boot_ns - boot) / 1_000_000_000;
    assert!((590..=610).contains(&took), "{took} s by the boot clock");
}

#[test]
fn in_grace_a_person_leads_it_back() {
    for numbers in BOTH {
        let desk = Desk::new(numbers);
        let alice = desk.session("alice");
        desk.begin(&alice, plan(), None).expect("begun");
        let asked = AtomicBool::new(false);
        let bob = desk.session("bob");
        let stopped = desk.run_while(&alice, 1, None, &|| {
            bob.journal.catch_up().expect("read on");
            let in_grace = bob.state().rotation(1).is_some_and(|rotation| rotation.is_in_grace());
            if in_grace && !asked.swap(true, Ordering::Relaxed) {
                bob.rotation_ask(1, Ask::Back, "it is slow").expect("asked");
            }
            true
        });
        assert_eq!(stopped, Ok(Stopped::Over(Ending::RolledBack)));
        desk.is_tidy("old");
        let rotation = desk.rotation(1);
        assert!(
            matches!(&rotation.course, Course::Back { why, .. } if why == "bob: it is slow"),
            "{:?}",
            rotation.course
        );
        assert!(desk.shelf.kept().iter().all(|(value, _)| value == "old"), "{numbers:?}: {:?}", desk.shelf.kept());
        bob.rotation_ask(1, Ask::Back, "").expect_err("it is over");
    }
}

#[test]
fn what_is_aborted_in_the_midst_of_a_step_comes_to_its_end_first() {
    for step in [Step::Check, Step::Set, Step::Test] {
        let desk = Desk::new(Numbers::Anew);
        let (alice, bob) = (desk.session("alice"), desk.session("bob"));
        desk.begin(&alice, plan(), None).expect("begun");
        desk.broker.meanwhile(step, Box::new(move || bob.rotation_ask(1, Ask::Abort, "").expect("asked")));
        assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Aborted)), "{step}");
        desk.is_tidy("old");
        assert!(desk.rotation(1).is_past(step));
        assert_eq!(desk.shelf.calls("promote"), 0);
    }
}

#[test]
fn a_typed_value_is_stored_and_waits_for_its_confirmation_where_it_was_typed() {
    let desk = Desk::new(Numbers::Kept);
    let (alice, bob) = (desk.session("alice"), desk.session("bob"));
    let plan = Plan { generator: Generator::Typed, confirm: Some(Role::Devops), ..plan() };
    let begun = desk.begin(&alice, plan, Some("from-the-broker")).expect("begun");
    assert_eq!(desk.run(&bob, 1, None), Ok(Stopped::Asks(Question::Confirm)));
    alice.rotation_confirm(1).expect_err("nobody confirms what they asked for");
    let looks = std::sync::atomic::AtomicU32::new(0);
    let stopped = desk.run_while(&alice, 1, begun.typed, &|| {
        if looks.fetch_add(1, Ordering::Relaxed) == 3 {
            bob.rotation_confirm(1).expect("confirmed");
        }
        true
    });
    assert_eq!(stopped, Ok(Stopped::Over(Ending::Done)));
    desk.is_tidy("from-the-broker");
}

#[test]
fn a_typed_value_that_is_current_already_is_refused() {
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    desk.begin(&alice, Plan { generator: Generator::Typed, ..plan() }, Some("old")).expect("begun");
    let stopped = desk.run(&alice, 1, Some(Value::text("old")));
    assert_eq!(stopped, Ok(Stopped::Over(Ending::RolledBack)));
    desk.is_tidy("old");
    assert_eq!(desk.shelf.calls("stage"), 0);
}

#[test]
fn a_persons_step_is_asked_for_and_goes_on_when_it_is_said() {
    let desk = Desk::new(Numbers::Anew);
    let (alice, bob) = (desk.session("alice"), desk.session("bob"));
    let told = "make it known at the portal".to_owned();
    desk.begin(&alice, Plan { set: Some(Hook::Person { told: told.clone(), undo: None }), ..plan() }, None)
        .expect("begun");
    let question = Question::Person { step: Step::Set, told };
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Asks(question)));
    assert_eq!(desk.rotation(1).lease, None, "nobody has to wait for this runner");
    desk.broker.learns("new-1");
    bob.rotation_say(1, Step::Set, true, "ticket 7").expect("said");
    assert_eq!(desk.run(&bob, 1, None), Ok(Stopped::Over(Ending::Done)), "another session goes on at once");
    desk.is_tidy("new-1");
}

#[test]
fn somebody_elses_pending_value_is_left_alone_and_an_own_one_is_in_nobodys_way() {
    use quarterdeck_contract::{BackendError, Call, ErrorKind, SecretName, SecretsBackend};
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    let name = SecretName::parse("qa/trader/key").expect("a name");
    let call = Call { within: std::time::Duration::from_secs(1) };
    desk.shelf.stage(&name, Value::text("theirs"), "another-rotation", call).expect("staged");
    desk.begin(&alice, plan(), None).expect("begun");
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::RolledBack)));
    let why = desk.rotation(1).past.iter().find(|past| past.failed).map(|past| past.note.clone());
    assert!(why.is_some_and(|why| why.contains("another-rotation")));
    assert!(desk.shelf.kept().iter().any(|(value, _)| value == "theirs"), "theirs stays");

    // The answer is lost, and so is the runner: its value turns up only after another one was made.
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    let first = desk.rotation(1).id;
    let slow = BackendError::new(ErrorKind::Timeout, "no answer");
    desk.shelf.told("stage", 1, Mischief::Answers(slow));
    let failed = || desk.rotation(1).failures > 0;
    desk.run_while(&alice, 1, None, &|| !failed()).expect("it runs");
    desk.shelf.stage(&name, Value::text("late"), &first, call).expect("late");
    let bob = desk.session("bob");
    assert_eq!(desk.run(&bob, 1, None), Ok(Stopped::Over(Ending::Done)));
    assert_eq!((desk.shelf.current().as_str(), desk.rotation(1).ids.len()), ("late", 1), "one id makes one value");
    assert_eq!(runner(&bob, 1), "sess-bob-1");
}
