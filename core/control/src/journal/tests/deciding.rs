//! Appending what the state as it is then allows: nobody appends in between.

use super::{event, open};
use crate::journal::{Journal as _, Patient};
use std::sync::{Arc, Barrier};

fn reads(journal: &dyn crate::journal::Journal) -> u64 {
    journal.state().secret("fernet", "broker.password").map_or(0, |secret| secret.reads)
}

#[test]
fn of_many_that_decide_by_the_same_state_so_many_append_as_it_allows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let journals: Vec<_> = (0..4).map(|_| Arc::new(Patient::new(Arc::new(open(folder.path()))))).collect();
    let barrier = Barrier::new(8);
    let appended: usize = std::thread::scope(|scope| {
        let append = |number: usize| {
            let (journal, barrier) = (journals[number % 4].clone(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                let mut appended = 0;
                for round in 0..10 {
                    let mut decide = |state: &quarterdeck_domain::state::State| {
                        let reads = state.secret("fernet", "broker.password").map_or(0, |secret| secret.reads);
                        if reads < 20 { vec![event(&format!("{number}-{round}"))] } else { Vec::new() }
                    };
                    appended += journal.append_if(&mut decide).expect("the journal is well").len();
                }
                appended
            })
        };
        let threads: Vec<_> = (0..8).map(append).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(appended, 20);
    let reader = open(folder.path());
    assert_eq!(reads(&reader), 20);
    assert!(super::verify(folder.path()).is_sound());
}

#[test]
fn where_nothing_is_decided_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (one, other) = (open(folder.path()), open(folder.path()));
    other.append(vec![event("1")]).expect("written");
    let mut seen = 0;
    let sealed = one
        .append_if(&mut |state| {
            seen = state.secret("fernet", "broker.password").map_or(0, |secret| secret.reads);
            Vec::new()
        })
        .expect("the journal is well");
    assert_eq!((seen, sealed.len()), (1, 0), "it saw what another process wrote");
    assert_eq!(one.head(), other.head());
    one.append(vec![event("2")]).expect("written");
    assert_eq!(reads(&one), 2);
}
