//! Somebody else changes the secret while both values are valid, and whose name stands by what was done.

use super::desk::{Desk, plan};
use super::shelf::Numbers;
use crate::rotate::run::Stopped;
use jiff::SignedDuration;
use quarterdeck_domain::rotate::{Ending, Step};

/// Carries R-1 into grace and lets go of it there.
fn into_grace(desk: &Desk) {
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    let is_in_grace = || {
        let reader = desk.session("reader");
        reader.state().rotation(1).is_some_and(|rotation| rotation.step == Step::Grace)
    };
    desk.run_while(&alice, 1, None, &|| !is_in_grace()).expect("it runs");
    assert_eq!(desk.rotation(1).step, Step::Grace);
}

#[test]
fn a_change_by_hand_in_grace_is_seen_soon_and_what_is_left_of_it_is_told() {
    for numbers in [Numbers::Kept, Numbers::Anew] {
        let desk = Desk::new(numbers);
        into_grace(&desk);
        desk.broker.learns("theirs");
        desk.shelf.by_hand("theirs");
        let changed = desk.moment();
        let bob = desk.session("bob");
        assert_eq!(desk.run(&bob, 1, None), Ok(Stopped::Over(Ending::Lost)), "{numbers:?}");
        let took = desk.moment().since(&changed);
        assert!(took < SignedDuration::from_secs(60), "{numbers:?}: grace is 600 s, and it took {took}");
        assert_eq!(desk.shelf.current(), "theirs");
        let over = desk.rotation(1).past.into_iter().find(|past| past.step == Step::Discard).expect("discarded");
        for told in ["was never tried", "not made through here", "the old value, version 1, is still valid"] {
            assert!(over.note.contains(told), "{numbers:?}: {told}: {}", over.note);
        }
    }
}

#[test]
fn what_is_current_is_looked_at_in_grace_now_and_then_and_not_all_the_time() {
    let desk = Desk::new(Numbers::Kept);
    into_grace(&desk);
    let before = desk.shelf.calls("inspect");
    let bob = desk.session("bob");
    let boot = desk.moment().boot_ns;
    let goes_on = || desk.moment().boot_ns < boot + 300_000_000_000;
    assert_eq!(desk.run_while(&bob, 1, None, &goes_on), Ok(Stopped::Told));
    let looks = desk.shelf.calls("inspect") - before;
    assert!((8..=11).contains(&looks), "{looks} looks in 300 s");
    assert_eq!(desk.rotation(1).lease, None, "who only looks holds nothing");
}

#[test]
fn whoever_carries_it_on_stands_by_what_was_done() {
    let desk = Desk::new(Numbers::Kept);
    let alice = desk.session("alice");
    desk.begin(&alice, plan(), None).expect("begun");
    desk.pass(SignedDuration::from_secs(31));
    let bob = desk.session("bob");
    assert_eq!(desk.run(&bob, 1, None), Ok(Stopped::Over(Ending::Done)));
    let steps: Vec<serde_json::Value> = desk.events("ROTATION_STEP");
    assert!(steps.len() > 10, "{}", steps.len());
    for step in steps {
        assert_eq!((&step["actor"]["type"], &step["actor"]["id"]), (&"user".into(), &"bob".into()), "{step}");
    }
    // A watcher's are nobody's in particular.
    let desk = Desk::new(Numbers::Kept);
    desk.begin(&desk.session("alice"), plan(), None).expect("begun");
    desk.pass(SignedDuration::from_secs(31));
    desk.run_as("watch", &desk.session("bob"), 1, None, &|| true).expect("it runs");
    let steps = desk.events("ROTATION_STEP");
    assert!(steps.len() > 10 && steps.iter().all(|step| step["actor"]["type"] == "system"), "{steps:?}");
}
