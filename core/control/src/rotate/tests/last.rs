//! The last value that is accepted: never made invalid by a machine that can't know that it is not. Refuses to check
//! anything else.

use super::desk::{Desk, plan};
use super::shelf::{Mischief, Numbers};
use crate::rotate::run::Stopped;
use crate::serve::Control;
use quarterdeck_contract::{BackendError, ErrorKind};
use quarterdeck_domain::rotate::{Ask, Ending, Question, Step};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const BOTH: [Numbers; 2] = [Numbers::Kept, Numbers::Anew];

#[track_caller]
fn stuck(desk: &Desk, control: &Control) -> String {
    match desk.run(control, 1, None) {
        Ok(Stopped::Asks(Question::Stuck { why })) => why,
        other => panic!("{other:?}"),
    }
}

/// While the old value is revoked somebody makes `theirs` current, which the service refuses.
fn overtaken(numbers: Numbers, theirs: &'static str) -> (Arc<Desk>, Arc<Control>) {
    let desk = Arc::new(Desk::new(numbers));
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    let own = Arc::downgrade(&desk);
    let act = move || {
        let desk = own.upgrade().expect("it is there");
        desk.excused.store(true, Ordering::Relaxed);
        desk.shelf.by_hand(theirs);
    };
    desk.broker.meanwhile(Step::Retire, Box::new(act));
    let why = stuck(&desk, &alice);
    assert!(why.contains("is left valid"), "{why}");
    assert_eq!(desk.broker.accepted(), ["new-1"], "ours is the last one");
    (desk, alice)
}

#[test]
fn ours_outlives_the_old_value_until_a_person_has_made_the_secret_right() {
    for numbers in BOTH {
        let (desk, alice) = overtaken(numbers, "old");
        alice.rotation_ask(1, Ask::Resume, "too early").expect("asked");
        let why = stuck(&desk, &alice);
        assert!(why.contains("is the old value") && desk.broker.accepts("new-1"), "{why}");
        desk.shelf.by_hand("new-1");
        desk.excused.store(false, Ordering::Relaxed);
        alice.rotation_ask(1, Ask::Resume, "made right").expect("asked");
        assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Lost)), "{numbers:?}");
        assert_eq!((desk.shelf.current().as_str(), &desk.broker.accepted()[..]), ("new-1", &["new-1".into()][..]));

        let (desk, alice) = overtaken(numbers, "theirs");
        alice.rotation_ask(1, Ask::Resume, "too early").expect("asked");
        let why = stuck(&desk, &alice);
        assert!(why.contains("is refused where it is used") && desk.broker.accepts("new-1"), "{why}");
        desk.broker.learns("theirs");
        alice.rotation_ask(1, Ask::Resume, "made right").expect("asked");
        assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Lost)), "{numbers:?}");
        desk.is_tidy("theirs");
    }
}

/// It was promoted, nobody was told, and then whatever is not current was lost.
fn half_forgotten() -> (Desk, Arc<Control>) {
    let desk = Desk::new(Numbers::Anew);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.shelf.told("promote", 1, Mischief::DoneAnd(BackendError::new(ErrorKind::Unreachable, "no answer")));
    let stopped = desk.run_while(&alice, 1, None, &|| {
        let rotation = desk.rotation(1);
        !(rotation.step == Step::Promote && rotation.failures > 0)
    });
    assert_eq!((stopped, desk.shelf.current().as_str()), (Ok(Stopped::Told), "new-1"));
    (desk, alice)
}

#[test]
fn what_is_current_is_known_by_its_fingerprint_where_nothing_else_is_left() {
    let (desk, alice) = half_forgotten();
    desk.shelf.forgets();
    let why = stuck(&desk, &alice);
    assert!(why.contains("version 1, can't be read") && why.contains("never version 2, which readers get"), "{why}");
    assert!(desk.broker.accepts("new-1"));
    desk.broker.forgets("old");
    alice.rotation_say(1, Step::Retire, true, "by hand").expect("said");
    assert_eq!(desk.run(&alice, 1, None), Ok(Stopped::Over(Ending::Done)));
    desk.is_tidy("new-1");
}

#[test]
fn nobody_is_told_to_revoke_what_readers_get() {
    let (desk, alice) = half_forgotten();
    alice.rotation_ask(1, Ask::Abort, "").expect("asked");
    desk.shelf.by_hand("old");
    desk.shelf.forgets();
    let why = stuck(&desk, &alice);
    assert!(why.contains("the new value of this rotation can't be read") && why.contains("never version 3"), "{why}");
    desk.is_served();
}

#[test]
fn a_set_that_ends_after_its_rotation_is_made_good_and_told() {
    for numbers in BOTH {
        let desk = Arc::new(Desk::new(numbers));
        let (alice, bob) = (desk.session("alice"), desk.session("bob"));
        desk.begin(&alice, plan(), None).expect("begun");
        let own = Arc::downgrade(&desk);
        let act = move || {
            let desk = own.upgrade().expect("it is there");
            desk.pass(jiff::SignedDuration::from_secs(40));
            bob.rotation_ask(1, Ask::Abort, "").expect("asked");
            let stopped = std::thread::scope(|scope| scope.spawn(|| desk.run(&bob, 1, None)).join().expect("no panic"));
            assert_eq!(stopped, Ok(Stopped::Over(Ending::Aborted)));
        };
        desk.broker.before(Step::Set, Box::new(act));
        let told = desk.run(&alice, 1, None).expect_err("it is no success").told();
        assert!(told.what.contains("it was revoked again"), "{told:?}");
        desk.is_tidy("old");
    }
}
