//! What fails, at each step, and what becomes of it: waited for, rolled back, or shown to be stuck; never half.

use super::broker::Whim;
use super::desk::{Desk, plan};
use super::shelf::{Mischief, Numbers};
use crate::rotate::run::Stopped;
use quarterdeck_contract::{BackendError, ErrorKind};
use quarterdeck_domain::rotate::{Ask, Ending, Question, Step};

const OPERATIONS: [&str; 6] = ["inspect", "read", "stage", "promote", "unstage", "retire"];
const BOTH: [Numbers; 2] = [Numbers::Kept, Numbers::Anew];

fn error(kind: ErrorKind) -> BackendError {
    BackendError::new(kind, "the shelf is out of order")
}

#[test]
fn trouble_is_waited_for_and_told() {
    let kinds = [
        ErrorKind::Sealed,
        ErrorKind::Throttled,
        ErrorKind::Unreachable,
        ErrorKind::Timeout,
        ErrorKind::Gone,
        ErrorKind::OutcomeUnknown,
    ];
    for (operation, kind) in OPERATIONS.iter().flat_map(|operation| kinds.iter().map(move |kind| (operation, kind))) {
        let desk = Desk::new(Numbers::Anew);
        let alice = desk.session("alice");
        desk.begin(&alice, plan(), None).expect("begun");
        // In grace it is looked at now and then: what it doesn't answer there hinders nobody.
        let times = if *operation == "inspect" { 30 } else { 8 };
        desk.shelf.told(operation, times, Mischief::Answers(error(kind.clone())));
        let told = format!("{operation} {}", kind.code());
        let is_told = std::sync::atomic::AtomicBool::new(false);
        let stopped = desk.run_while(&alice, 1, None, &|| {
            let now = desk.moment();
            let rows = crate::rotate::rows::rows(&alice.state(), &now, &now);
            if rows.first().is_some_and(|row| row.waits.as_ref().is_some_and(|why| why.contains(kind.code()))) {
                is_told.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            true
        });
        assert_eq!(stopped, Ok(Stopped::Over(Ending::Done)), "{told}");
        assert!(is_told.load(std::sync::atomic::Ordering::Relaxed), "{told} is told");
        desk.is_tidy("new-1");
        assert_eq!(desk.rotation(1).ids.len(), 1, "{told}: one value");
    }
}

#[test]
fn what_was_done_though_nobody_was_told_is_not_done_twice() {
    for (numbers, operation) in BOTH.iter().flat_map(|numbers| OPERATIONS.iter().map(move |it| (numbers, it))) {
        for kind in [ErrorKind::OutcomeUnknown, ErrorKind::Timeout] {
            let desk = Desk::new(*numbers);
            let alice = desk.session("alice");
            desk.begin(&alice, plan(), None).expect("begun");
            desk.shelf.told(operation, 2, Mischief::DoneAnd(error(kind)));
            assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)), "{operation}");
            desk.is_tidy("new-1");
            assert_eq!(desk.rotation(1).ids.len(), 1, "{operation}: one value");
        }
    }
}

#[test]
fn a_denial_leads_back_before_promote_and_is_shown_after_it() {
    for operation in OPERATIONS {
        let desk = Desk::new(Numbers::Anew);
        let alice = desk.session("alice");
        desk.begin(&alice, plan(), None).expect("begun");
        let denied = BackendError::denied(operation, "the policy says no");
        desk.shelf.told(operation, u32::MAX, Mischief::Answers(denied));
        match desk.run(&alice, 1, None).expect("it runs") {
            Stopped::Over(ending) => assert_eq!(ending, Ending::RolledBack, "{operation}"),
            Stopped::Asks(Question::Stuck { why }) => {
                assert!(why.contains("DENIED"), "{operation}: {why}");
                desk.is_served();
                desk.shelf.mended();
                alice.rotation_ask(1, Ask::Resume, "granted").expect("asked");
                let stopped = desk.run(&alice, 1, None);
                assert!(matches!(stopped, Ok(Stopped::Over(_))), "{operation}: {stopped:?}");
            }
            other => panic!("{operation}: {other:?}"),
        }
        desk.is_tidy(&desk.shelf.current());
        let failed = desk.rotation(1).past.into_iter().find(|past| past.failed).expect("it is told");
        assert!(failed.note.contains("the policy says no"), "{operation}: {}", failed.note);
    }
}

#[test]
fn a_full_disk_is_waited_for_but_where_nothing_was_stored_yet() {
    for operation in ["stage", "promote", "unstage", "retire"] {
        let desk = Desk::new(Numbers::Kept);
        let alice = desk.session("alice");
        desk.begin(&alice, plan(), None).expect("begun");
        desk.shelf.told(operation, 5, Mischief::Answers(error(ErrorKind::TooLarge)));
        let ending = if operation == "stage" { Ending::RolledBack } else { Ending::Done };
        assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(ending)), "{operation}");
        desk.is_tidy(&desk.shelf.current());
    }
}

#[test]
fn a_value_that_is_refused_twice_is_given_up_and_so_is_the_second() {
    for (numbers, step) in BOTH.iter().flat_map(|numbers| [Step::Set, Step::Test].map(move |step| (numbers, step))) {
        for (times, ending, current) in [
            (1, Ending::Done, "new-1"),
            (2, Ending::Done, "new-2"),
            (3, Ending::Done, "new-2"),
            (4, Ending::RolledBack, "old"),
        ] {
            let desk = Desk::new(*numbers);
            let alice = desk.session("alice");
            desk.begin(&alice, plan(), None).expect("begun");
            desk.broker.told(step, times, Whim::No);
            assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(ending)), "{step} {times}");
            desk.is_tidy(current);
        }
    }
}

#[test]
fn a_hook_that_cannot_be_asked_is_asked_again() {
    for step in [Step::Check, Step::Set, Step::Test, Step::Retire, Step::Verify] {
        let desk = Desk::new(Numbers::Anew);
        let alice = desk.session("alice");
        desk.begin(&alice, plan(), None).expect("begun");
        desk.broker.told(step, 6, Whim::Trouble);
        assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)), "{step}");
        desk.is_tidy("new-1");
    }
}

#[test]
fn what_has_to_be_revoked_and_cannot_be_is_stuck_until_a_person_helps() {
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.broker.told(Step::Retire, u32::MAX, Whim::No);
    let stopped = desk.run(&alice, 1, None);
    assert_eq!(stopped, Ok(Stopped::Asks(Question::Stuck { why: "retire: exit 1".into() })));
    assert!(desk.broker.accepts("old") && desk.broker.accepts(&desk.shelf.current()));
    desk.broker.mended();
    alice.rotation_ask(1, Ask::Resume, "").expect("asked");
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)));
    desk.is_tidy("new-1");

    // The same on the way back: what could not be revoked is not forgotten.
    let desk = Desk::new(Numbers::Kept);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.broker.told(Step::Test, 4, Whim::No);
    desk.broker.told(Step::Revoke, u32::MAX, Whim::No);
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Asks(Question::Stuck { why: "revoke: exit 1".into() })));
    desk.broker.mended();
    alice.rotation_ask(1, Ask::Resume, "").expect("asked");
    let stopped = desk.run(&alice, 1, None);
    assert!(matches!(stopped, Ok(Stopped::Over(_))), "{stopped:?}");
    desk.is_tidy(&desk.shelf.current());
}

#[test]
fn an_old_value_that_is_refused_already_is_no_reason_to_keep_it() {
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.broker.told(Step::Check, 1, Whim::No);
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)));
    let note = desk.rotation(1).past[0].note.clone();
    assert!(note.contains("refused already"), "{note}");

    // Whoever goes back learns that it leads to a value that nobody accepts.
    let desk = Desk::new(Numbers::Kept);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.broker.told(Step::Check, 1, Whim::No);
    let in_grace = || desk.session("bob").state().rotation(1).is_some_and(|rotation| rotation.is_in_grace());
    desk.run_while(&alice, 1, None, &|| !in_grace()).expect("it runs");
    alice.rotation_ask(1, Ask::Back, "").expect("asked");
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::RolledBack)));
    let rotation = desk.rotation(1);
    assert!(crate::rotate::was_refused_before(&rotation));
    let restored = rotation.past.iter().find(|past| past.step == Step::Restore).expect("restored");
    assert!(restored.note.contains("WARNING: it was refused already"), "{}", restored.note);
}

#[test]
fn a_hook_that_is_not_there_is_asked_twice_and_leads_back_with_one_value() {
    for step in [Step::Check, Step::Set, Step::Test] {
        let desk = Desk::new(Numbers::Anew);
        let alice = desk.session("alice");
        desk.begin(&alice, plan(), None).expect("begun");
        desk.broker.told(step, 2, Whim::Absent);
        assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::RolledBack)), "{step}");
        desk.is_tidy("old");
        let rotation = desk.rotation(1);
        assert_eq!(rotation.values, 1, "{step}: another value is no better");
        let told = rotation.past.iter().find(|past| past.step == step && past.failed).expect("it is told");
        assert!(told.note.contains("is not there"), "{}", told.note);
    }
    // Somebody put it there.
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.broker.told(Step::Set, 1, Whim::Absent);
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)));
    // After promote there is no way that leads round it.
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.broker.told(Step::Retire, 2, Whim::Absent);
    let stopped = desk.run(&alice, 1, None);
    assert!(matches!(&stopped, Ok(Stopped::Asks(Question::Stuck { why })) if why.contains("not there")), "{stopped:?}");
}
