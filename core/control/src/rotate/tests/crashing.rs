//! A runner that dies at every single point of its work: between any two calls, facts and hooks. Whoever comes next
//! brings it to its end, and readers get a valid value all the while.

use super::broker::Whim;
use super::desk::{Desk, plan};
use super::shelf::Numbers;
use crate::rotate::run::Stopped;
use jiff::SignedDuration;
use quarterdeck_domain::rotate::{Ask, Ending, Plan, Step};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// What happens to a rotation besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    Forward,
    /// The first value is refused.
    Anew,
    /// A person leads it back in grace.
    Back,
    /// Somebody else sets the secret before promote.
    Lost,
}

impl Story {
    fn begin(self, numbers: Numbers) -> Desk {
        let desk = Desk::new(numbers);
        match self {
            Self::Forward | Self::Back => {}
            Self::Anew => desk.broker.told(Step::Test, 2, Whim::No),
            Self::Lost => {
                let (shelf, broker) = (desk.shelf.clone(), desk.broker.clone());
                let act = move || {
                    broker.learns("theirs");
                    shelf.by_hand("theirs");
                };
                desk.broker.meanwhile(Step::Test, Box::new(act));
            }
        }
        let alice = desk.session("alice");
        desk.begin(&alice, Plan { grace_s: 5, ..plan() }, None).expect("begun");
        desk
    }

    /// One session's work on it. Dies where the fuse says so.
    fn carry(self, desk: &Desk, name: &str, asked: &AtomicBool) -> Option<Stopped> {
        let control = desk.session(name);
        let asks = || {
            let in_grace = control.state().rotation(1).is_some_and(|rotation| rotation.is_in_grace());
            if self == Self::Back && in_grace && !asked.swap(true, Ordering::Relaxed) {
                control.rotation_ask(1, Ask::Back, "").expect("asked");
            }
            true
        };
        catch_unwind(AssertUnwindSafe(|| desk.run_while(&control, 1, None, &asks).expect("it runs"))).ok()
    }

    fn is_over(self, desk: &Desk, told: &str) {
        let ended = desk.ended(1);
        match self {
            Self::Forward | Self::Anew => {
                assert_eq!(ended, Some(Ending::Done), "{told}");
                desk.is_tidy(&desk.shelf.current());
                assert_ne!(desk.shelf.current(), "old", "{told}");
                assert_eq!(desk.shelf.kept().len(), 1, "{told}: {:?}", desk.shelf.kept());
            }
            Self::Back => {
                assert_eq!(ended, Some(Ending::RolledBack), "{told}");
                desk.is_tidy("old");
                let kept = desk.shelf.kept();
                assert!(kept.iter().all(|(value, _)| value == "old"), "{told}: {kept:?}");
            }
            Self::Lost => {
                assert_eq!(ended, Some(Ending::Lost), "{told}");
                assert_eq!(desk.shelf.current(), "theirs", "{told}");
                assert_eq!(desk.broker.accepted(), ["old", "theirs"], "{told}: ours is revoked, theirs is not");
                let kept = desk.shelf.kept();
                assert!(kept.iter().all(|(value, _)| value == "old" || value == "theirs"), "{told}: {kept:?}");
            }
        }
    }
}

/// How many points the story has when nobody dies.
fn points(story: Story, numbers: Numbers) -> usize {
    let desk = story.begin(numbers);
    desk.fuse.light(usize::MAX);
    story.carry(&desk, "alice", &AtomicBool::new(false)).expect("nobody died");
    let left = desk.fuse.put_out().expect("it burns");
    story.is_over(&desk, "nobody died");
    usize::MAX - left
}

fn dies_everywhere(story: Story, numbers: Numbers) {
    let points = points(story, numbers);
    assert!(points > 30, "{points} points");
    // A story with two values has most points twice.
    let every = if story == Story::Anew { 3 } else { 1 };
    for point in (0..points).step_by(every) {
        // Every third successor dies too, at another point of its own work.
        let second = (point % 3 == 0).then_some(point * 7 % 40);
        let told = format!("{story:?} {numbers:?}: killed at {point} of {points}, then {second:?}");
        let desk = story.begin(numbers);
        let asked = AtomicBool::new(false);
        desk.fuse.light(point);
        assert_eq!(story.carry(&desk, "alice", &asked), None, "{told}");
        assert!(matches!(story.carry(&desk, "early", &asked), None | Some(Stopped::Over(_) | Stopped::Carried(_))));
        if let Some(second) = second {
            desk.pass(SignedDuration::from_secs(31));
            desk.fuse.light(second);
            story.carry(&desk, "bob", &asked);
            desk.fuse.put_out();
        }
        desk.pass(SignedDuration::from_secs(31));
        let stopped = story.carry(&desk, "carol", &asked);
        assert!(matches!(stopped, Some(Stopped::Over(_))), "{told}: {stopped:?}");
        story.is_over(&desk, &told);
    }
}

#[test]
fn killed_on_the_way_forward() {
    dies_everywhere(Story::Forward, Numbers::Kept);
    dies_everywhere(Story::Forward, Numbers::Anew);
}

#[test]
fn killed_while_another_value_is_tried() {
    dies_everywhere(Story::Anew, Numbers::Kept);
    dies_everywhere(Story::Anew, Numbers::Anew);
}

#[test]
fn killed_on_the_way_back() {
    dies_everywhere(Story::Back, Numbers::Kept);
    dies_everywhere(Story::Back, Numbers::Anew);
}

#[test]
fn killed_while_somebody_else_changes_it() {
    dies_everywhere(Story::Lost, Numbers::Kept);
    dies_everywhere(Story::Lost, Numbers::Anew);
}
