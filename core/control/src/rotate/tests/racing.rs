//! Several at once: of those who begin one wins, and of those who carry on one does.

use super::desk::{Desk, plan};
use super::shelf::Numbers;
use crate::rotate::run::Stopped;
use jiff::SignedDuration;
use quarterdeck_domain::rotate::{Ask, Ending, Step};
use std::sync::{Arc, Barrier};

#[test]
fn of_four_that_begin_at_once_one_wins_and_the_others_are_told_fifty_times() {
    let desk = Desk::new(Numbers::Anew);
    let sessions: Vec<_> = ["alice", "bob", "carol", "dave"].map(|name| desk.session(name)).into();
    for round in 1..=50 {
        let barrier = Barrier::new(sessions.len());
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let begin = |control: &Arc<crate::serve::Control>| {
                let control = control.clone();
                let (desk, barrier) = (&desk, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    desk.begin(&control, plan(), None)
                })
            };
            let threads: Vec<_> = sessions.iter().map(begin).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let won: Vec<usize> = (0..4).filter(|at| outcomes[*at].is_ok()).collect();
        assert_eq!(won.len(), 1, "round {round}: {outcomes:?}");
        let by = sessions[won[0]].who.person.as_str();
        let told = format!("R-{round} is under way, begun by {by}");
        for outcome in &outcomes {
            match outcome {
                Ok(begun) => assert_eq!(begun.number, round),
                Err(failure) => assert!(failure.told().what.contains(&told), "{failure}"),
            }
        }
        sessions[(won[0] + 1) % 4].rotation_ask(round, Ask::Abort, "").expect("asked");
        let stopped = desk.run(&sessions[won[0]], round, None);
        assert_eq!(stopped, Ok(Stopped::Over(Ending::Aborted)), "round {round}");
    }
    desk.is_tidy("old");
}

#[test]
fn of_four_that_carry_on_at_once_one_does() {
    for numbers in [Numbers::Kept, Numbers::Anew] {
        let desk = Desk::new(numbers);
        let alice = desk.session("alice");
        desk.begin(&alice, plan(), None).expect("begun");
        desk.pass(SignedDuration::from_secs(31));
        let barrier = Barrier::new(4);
        let stopped: Vec<_> = std::thread::scope(|scope| {
            let carry = |name| {
                let (desk, barrier) = (&desk, &barrier);
                scope.spawn(move || {
                    let control = desk.session(name);
                    barrier.wait();
                    desk.run(&control, 1, None)
                })
            };
            let threads: Vec<_> = ["alice", "bob", "carol", "dave"].map(carry).into();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(stopped.contains(&Ok(Stopped::Over(Ending::Done))), "{stopped:?}");
        for stopped in &stopped {
            assert!(matches!(stopped, Ok(Stopped::Over(Ending::Done) | Stopped::Carried(_))), "{stopped:?}");
        }
        desk.is_tidy("new-1");
        assert_eq!((desk.shelf.calls("stage"), desk.rotation(1).ids.len()), (1, 1));
    }
}

#[test]
fn whose_lease_was_taken_writes_no_more() {
    for step in [Step::Set, Step::Test, Step::Retire] {
        let desk = Arc::new(Desk::new(Numbers::Anew));
        let (alice, bob) = (desk.session("alice"), desk.session("bob"));
        desk.begin(&alice, plan(), None).expect("begun");
        // While alice is at it, her machine stands still; bob brings it to its end.
        let own = Arc::downgrade(&desk);
        desk.broker.meanwhile(
            step,
            Box::new(move || {
                let desk = own.upgrade().expect("it is there");
                desk.pass(SignedDuration::from_secs(40));
                std::thread::scope(|scope| {
                    let stopped = scope.spawn(|| desk.run(&bob, 1, None)).join().expect("no panic");
                    assert_eq!(stopped, Ok(Stopped::Over(Ending::Done)));
                });
            }),
        );
        let before = desk.session("reader").journal.head().seq;
        let stopped = desk.run(&alice, 1, None);
        assert_eq!(stopped, Ok(Stopped::Over(Ending::Done)), "{step}: she learns that it is over");
        desk.is_tidy("new-1");
        let rotation = desk.rotation(1);
        assert_eq!(rotation.past.iter().filter(|past| past.step == step).count(), 1, "{step}: told once");
        assert!(desk.session("reader").journal.head().seq > before);
    }
}

#[test]
fn nobody_takes_what_is_carried() {
    let desk = Desk::new(Numbers::Anew);
    let (alice, bob) = (desk.session("alice"), desk.session("bob"));
    desk.begin(&alice, plan(), None).expect("begun");
    let stopped = desk.run(&bob, 1, None);
    assert_eq!(stopped, Ok(Stopped::Carried("rotate on bastion-1 (1)".into())));
    assert_eq!(desk.shelf.calls("read"), 0);
    desk.pass(SignedDuration::from_secs(31));
    assert_eq!(desk.run(&bob, 1, None), Ok(Stopped::Over(Ending::Done)));
}
