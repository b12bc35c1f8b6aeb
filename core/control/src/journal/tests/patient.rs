//! What waits for a journal that can't be written: it is kept, in its order, and stands before what comes next.

use super::{event, opening};
use crate::journal::{FileJournal, Journal as _, Patient};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

fn patient(folder: &Path) -> Patient {
    Patient::new(Arc::new(FileJournal::open(opening(folder)).expect("the journal opens")))
}

/// The folder in another place, and a file in its own: nothing can be written, and nothing is lost.
fn away(folder: &Path) {
    fs::rename(folder.join("journal"), folder.join("aside")).expect("moved");
    fs::write(folder.join("journal"), "no folder").expect("written");
}

fn back(folder: &Path) {
    fs::remove_file(folder.join("journal")).expect("ours");
    fs::rename(folder.join("aside"), folder.join("journal")).expect("moved back");
}

fn kept(folder: &Path) -> Vec<String> {
    let mut lines = super::ids(folder).into_iter().collect::<Vec<_>>();
    lines.sort_by_key(|(_, seq)| *seq);
    lines.into_iter().map(|(id, _)| id).filter(|id| id.len() < 8).collect()
}

#[test]
fn what_is_told_is_written_while_one_waits() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let patient = patient(home.path());
    patient.tell(event("a"), SOON).expect("written");
    patient.mention(event("b"), SOON);
    assert!(patient.is_idle() && patient.unwritten().is_none());
    assert_eq!(kept(home.path()), ["evt-a", "evt-b"]);
}

#[test]
fn what_could_not_be_written_stands_before_what_is_appended_next_and_news_are_let_go_of() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let patient = patient(home.path());
    patient.tell(event("a"), SOON).expect("written");
    away(home.path());
    let why = patient.tell(event("b"), SOON).expect_err("it can't be written");
    assert_eq!(patient.unwritten(), Some(why));
    patient.mention(event("c"), SOON);
    assert!(patient.append(vec![event("d")]).is_err(), "nor can anything else");
    assert!(patient.tell(event("e"), SOON).is_err());
    back(home.path());
    let sealed = patient.append(vec![event("f")]).expect("written");
    assert_eq!(sealed.iter().map(|sealed| sealed.event_id.as_str()).collect::<Vec<_>>(), ["evt-f"], "its own alone");
    assert_eq!(kept(home.path()), ["evt-a", "evt-b", "evt-e", "evt-f"]);
    assert!(patient.is_idle() && patient.unwritten().is_none());
}

#[test]
fn nobody_waits_longer_than_he_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let patient = patient(home.path());
    patient.tell(event("a"), SOON).expect("written");
    // Somebody else has the journal's lock, and keeps it.
    let lock = fs::File::open(home.path().join("journal/journal.lock")).expect("it is there");
    lock.lock().expect("it is free");
    let why = patient.tell(event("b"), Duration::from_millis(20)).expect_err("it waits");
    assert!(why.contains("20 ms") && patient.unwritten().is_some(), "{why}");
    drop(lock);
    patient.tell(event("c"), SOON).expect("written");
    assert_eq!(kept(home.path()), ["evt-a", "evt-b", "evt-c"]);
}

#[test]
fn eight_threads_lose_nothing_and_keep_each_ones_order() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let patient = patient(home.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let patient = &patient;
            scope.spawn(move || {
                for number in 0..4 {
                    patient.tell(event(&format!("{thread}{number}")), SOON).expect("written");
                }
            });
        }
    });
    let kept = kept(home.path());
    assert_eq!(kept.len(), 32);
    for thread in 0..8 {
        let own: Vec<_> = kept.iter().filter(|id| id.starts_with(&format!("evt-{thread}"))).collect();
        assert!(own.windows(2).all(|pair| pair[0] < pair[1]), "{own:?}");
    }
}
