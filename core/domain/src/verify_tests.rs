//! Journals made by hand, spoilt in every way, and what the verifier says of them.

use super::*;
use crate::catalogue::Tier;
use crate::chain::Salt;
use crate::event::{Actor, EventId, Status};
use jiff::Timestamp;
use proptest::prelude::*;

/// A journal in memory: the files' names and their lines.
#[derive(Debug, Clone, Default)]
struct Journal {
    files: Vec<(String, Vec<String>)>,
    head: Option<Head>,
    state: State,
}

impl Journal {
    /// `lines` events in files of `a_file`, each beginning with its snapshot.
    fn of(lines: usize, a_file: usize) -> Self {
        let mut journal = Journal::default();
        for index in 0..lines {
            if index % a_file == 0 {
                let previous_file = journal.files.last().map(|file| file.0.clone());
                journal.files.push((format!("20261108-{:02}.jsonl", index / a_file + 1), Vec::new()));
                let state = Box::new(journal.state.clone());
                journal.append(event(EventKind::Snapshot, index).with(Detail::Snapshot { state, previous_file }));
            } else {
                journal.append(any_event(index));
            }
        }
        journal
    }

    fn append(&mut self, event: Event) {
        let head = self.head.unwrap_or(Head::NONE);
        let line = chain::seal(&event, head.seq + 1, Salt([head.seq as u8; 16]), head.digest);
        self.head = Some(Head { seq: head.seq + 1, digest: Digest::of(line.as_bytes()) });
        self.state.fold(&event);
        self.files.last_mut().expect("a file was begun").1.push(line);
    }

    fn verify(&self) -> Report {
        self.feed(self.head)
    }

    fn feed(&self, written: Option<Head>) -> Report {
        let mut verifier = Verifier::from_the_first();
        for (name, lines) in &self.files {
            verifier.begin_file(name);
            for line in lines {
                verifier.line(line.as_bytes());
            }
        }
        verifier.finish(written)
    }

    fn only(&mut self) -> &mut Vec<String> {
        &mut self.files[0].1
    }
}

fn event(kind: EventKind, index: usize) -> Event {
    let at = Timestamp::from_millisecond(1_794_000_000_000 + index as i64 * 37).expect("within range");
    let id = EventId { event: format!("evt-{index:016x}"), request: format!("req-{index:012x}") };
    Event::new(kind, at, id, Actor::system("sess-000000000001"), None)
}

fn any_event(index: usize) -> Event {
    let kind = EventKind::ALL[2 + index % (EventKind::ALL.len() - 2)];
    event(kind, index).on(format!("secret://fernet/name-{}", index % 7)).with(Detail::Secret {
        layer: "fernet".into(),
        name: format!("name-{}", index % 7),
        purpose: "get".into(),
        version: Some(index.to_string()),
        fingerprint: None,
        note: None,
    })
}

fn found(report: &Report) -> Vec<(&str, u64, Fault)> {
    report.findings.iter().map(|finding| (&*finding.file, finding.line, finding.fault)).collect()
}

const FILE: &str = "20261108-01.jsonl";

#[test]
fn a_whole_journal_is_sound_and_its_state_is_its_fold() {
    let journal = Journal::of(60, 20);
    let report = journal.verify();
    assert_eq!((report.findings, report.events, report.files), (vec![], 60, 3));
    assert_eq!(Some(report.head), journal.head);
    let mut verifier = Verifier::from_a_snapshot();
    verifier.begin_file(&journal.files[2].0);
    for line in &journal.files[2].1 {
        verifier.line(line.as_bytes());
    }
    assert_eq!(**verifier.state(), journal.state, "the newest file alone gives the same state");
    assert_eq!(verifier.wrongs(), 0);
}

#[test]
fn an_edited_line_is_named() {
    for line in [1, 2, 9, 19, 20] {
        let mut journal = Journal::of(20, 20);
        let text = &mut journal.only()[line - 1];
        *text = text.replace("quarterdeck", "quarterdack");
        assert_eq!(found(&journal.verify()), [(FILE, line as u64, Fault::Edited)], "line {line}");
    }
}

#[test]
fn an_edited_link_is_named_by_the_line_after_it() {
    for line in [2, 9, 19, 20] {
        let mut journal = Journal::of(20, 20);
        let before = journal.only()[line - 2].clone();
        let digest = Digest::of(before.as_bytes()).to_string();
        let text = &mut journal.only()[line - 1];
        *text = text.replace(&digest, &Digest::of(b"another").to_string());
        assert_eq!(found(&journal.verify()), [(FILE, line as u64, Fault::Edited)], "line {line}");
    }
}

#[test]
fn an_edited_number_is_one_finding() {
    let mut journal = Journal::of(40, 40);
    let text = &mut journal.only()[9];
    *text = text.replace("\"seq\":10,", "\"seq\":26,");
    assert_eq!(found(&journal.verify()), [(FILE, 10, Fault::Edited)]);
}

#[test]
fn two_neighbours_edited_are_told() {
    let mut journal = Journal::of(20, 20);
    for index in [8, 9] {
        let text = &mut journal.only()[index];
        *text = text.replace("quarterdeck", "quarterdack");
    }
    let report = journal.verify();
    assert_eq!(found(&report), [(FILE, 10, Fault::Edited)]);
    assert!(report.findings[0].says.contains("the line before it may be changed too"));
}

#[test]
fn deleted_lines_are_named_by_the_line_after_them() {
    let mut journal = Journal::of(20, 20);
    journal.only().drain(4..7);
    let report = journal.verify();
    assert_eq!(found(&report), [(FILE, 5, Fault::Deleted)]);
    assert_eq!(report.findings[0].to_string(), "20261108-01.jsonl, line 5: events 5 to 7 are missing before this line");
    let mut journal = Journal::of(20, 20);
    journal.only().remove(0);
    assert_eq!(found(&journal.verify()), [(FILE, 1, Fault::Deleted)]);
}

#[test]
fn a_cut_end_is_found_where_the_last_line_is_remembered() {
    let mut journal = Journal::of(20, 20);
    journal.only().truncate(15);
    assert_eq!(found(&journal.verify()), [(FILE, 15, Fault::EndCut)]);
    assert_eq!(found(&journal.feed(None)), []);
    let older = Head { seq: 3, digest: Digest::ZERO };
    assert_eq!(found(&Journal::of(20, 20).feed(Some(older))), [], "lines after the remembered head are welcome");
}

#[test]
fn lines_in_the_wrong_order_are_named() {
    let mut journal = Journal::of(20, 20);
    journal.only().swap(9, 10);
    assert_eq!(found(&journal.verify()), [(FILE, 11, Fault::Reordered)]);
    let mut journal = Journal::of(20, 20);
    let moved: Vec<_> = journal.only().drain(4..7).collect();
    journal.only().splice(11..11, moved);
    assert_eq!(found(&journal.verify()), [(FILE, 12, Fault::Reordered)], "a block is told once");
    let mut journal = Journal::of(20, 20);
    let moved = journal.only().remove(11);
    journal.only().insert(4, moved);
    assert_eq!(found(&journal.verify()), [(FILE, 6, Fault::Reordered)]);
}

#[test]
fn copies_are_named() {
    for (from, to) in [(9, 10), (9, 15), (9, 20)] {
        let mut journal = Journal::of(20, 20);
        let copy = journal.only()[from].clone();
        journal.only().insert(to, copy);
        assert_eq!(found(&journal.verify()), [(FILE, to as u64 + 1, Fault::Duplicated)], "{from} at {to}");
    }
    let mut journal = Journal::of(20, 20);
    let block = journal.only()[4..8].to_vec();
    journal.only().splice(12..12, block);
    assert_eq!(found(&journal.verify()), [(FILE, 13, Fault::Duplicated)], "a block is told once");
}

#[test]
fn a_line_cut_inside_and_a_line_of_garbage_are_named() {
    let mut journal = Journal::of(20, 20);
    let text = &mut journal.only()[9];
    text.replace_range(40..80, "");
    let report = journal.verify();
    assert!(report.findings.iter().all(|finding| finding.line == 10) && !report.is_sound(), "{report:?}");
    let mut journal = Journal::of(20, 20);
    let text = &mut journal.only()[9];
    text.truncate(100);
    assert_eq!(found(&journal.verify()), [(FILE, 10, Fault::Unreadable)]);
    let mut journal = Journal::of(20, 20);
    journal.only().insert(9, "hello".into());
    assert_eq!(found(&journal.verify()), [(FILE, 10, Fault::Unreadable)]);
}

#[test]
fn torn_ends_and_zero_bytes_are_told() {
    let mut verifier = Verifier::from_the_first();
    let journal = Journal::of(3, 3);
    verifier.begin_file(FILE);
    for line in &journal.files[0].1 {
        verifier.line(line.as_bytes());
    }
    let mut zeros = verifier.clone();
    verifier.torn(b"{\"timest");
    assert_eq!(
        verifier.finish(journal.head).findings[0].to_string(),
        format!("{FILE}, line 4: the file ends inside a line, after 8 bytes of it")
    );
    zeros.torn(&[0; 512]);
    assert_eq!(
        zeros.finish(journal.head).findings[0].to_string(),
        format!("{FILE}, line 4: the file ends in 512 zero bytes")
    );
}

#[test]
fn a_missing_file_is_named() {
    let mut journal = Journal::of(60, 20);
    journal.files.remove(1);
    let report = journal.verify();
    assert_eq!(found(&report), [("20261108-03.jsonl", 1, Fault::FileMissing)]);
    assert!(report.findings[0].says.contains("20261108-02.jsonl"), "{report:?}");
    let mut journal = Journal::of(60, 20);
    journal.files.remove(0);
    assert_eq!(found(&journal.verify()), [("20261108-02.jsonl", 1, Fault::FileMissing)]);
}

#[test]
fn a_snapshot_that_lies_is_found_although_every_link_holds() {
    let mut journal = Journal::of(20, 20);
    let mut state = journal.state.clone();
    state.refused += 1;
    journal.files.push(("20261108-02.jsonl".into(), Vec::new()));
    journal
        .append(event(EventKind::Snapshot, 20).with(Detail::Snapshot { state: Box::new(state), previous_file: None }));
    journal.append(any_event(21));
    assert_eq!(found(&journal.verify()), [("20261108-02.jsonl", 1, Fault::Snapshot)]);
}

#[test]
fn a_relabelled_tier_is_found_although_every_link_holds() {
    let mut journal = Journal::of(4, 20);
    let event = event(EventKind::SecretRead, 5);
    let head = journal.head.expect("it has lines");
    let line = chain::seal(&event, 5, Salt([0; 16]), head.digest).replace("\"t\":\"c\"", "\"t\":\"d\"");
    journal.head = Some(Head { seq: 5, digest: Digest::of(line.as_bytes()) });
    journal.only().push(line);
    assert_eq!(found(&journal.verify()), [(FILE, 5, Fault::Tier)]);
}

#[test]
fn every_flipped_bit_is_found() {
    // Each flip is judged from the state before its line: the lines before it are the same in every trial.
    let journal = Journal::of(24, 12);
    let whole = journal.verify();
    let mut verifier = Verifier::from_the_first();
    for (file, lines) in &journal.files {
        verifier.begin_file(file);
        for (index, line) in lines.iter().enumerate() {
            for bit in 0..line.len() * 8 {
                let mut flipped = line.clone().into_bytes();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let mut trial = verifier.clone();
                for part in flipped.split(|byte| *byte == b'\n') {
                    trial.line(part);
                }
                let last = index + 1 == lines.len();
                let written = if last && file == &journal.files[1].0 { journal.head } else { None };
                if let Some(next) = lines.get(index + 1) {
                    trial.line(next.as_bytes());
                } else if written.is_none() {
                    trial.begin_file("20261108-02.jsonl");
                    trial.line(journal.files[1].1[0].as_bytes());
                }
                assert!(!trial.finish(written).is_sound(), "{file} line {} bit {bit} of {line}", index + 1);
            }
            verifier.line(line.as_bytes());
        }
    }
    assert!(whole.is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_the_lines_is_found(
        lines in 4usize..30, a_file in 3usize..12, moves in proptest::collection::vec((0usize..30, 0usize..30), 1..4)
    ) {
        let journal = Journal::of(lines, a_file);
        let mut spoilt: Vec<_> = journal.files.iter().flat_map(|(_, lines)| lines.clone()).collect();
        for (from, to) in moves {
            let line = spoilt.remove(from % spoilt.len());
            spoilt.insert(to % (spoilt.len() + 1), line);
        }
        let mut changed = journal.clone();
        let mut rest = spoilt.into_iter();
        for (_, lines) in &mut changed.files {
            for line in lines {
                *line = rest.next().expect("as many lines as before");
            }
        }
        let same = changed.files == journal.files;
        prop_assert_eq!(changed.verify().is_sound(), same);
    }

    #[test]
    fn whatever_is_fed_is_survived_and_only_a_true_chain_is_sound(
        lines in proptest::collection::vec((0usize..4, 0usize..4, any::<bool>(), any::<Vec<u8>>()), 1..12)
    ) {
        let mut verifier = Verifier::from_the_first();
        verifier.begin_file(FILE);
        let (mut seq, mut digest, mut honest) = (0u64, Digest::ZERO, true);
        for (index, (number, link, readable, raw)) in lines.into_iter().enumerate() {
            if !readable {
                honest = false;
                verifier.line(&raw);
                verifier.torn(&raw);
                continue;
            }
            honest &= number == 0 && link == 0;
            let claimed = [seq.saturating_add(1), u64::MAX, 0, seq][number];
            let prev = [digest, Digest::ZERO, Digest::of(&raw), Digest::of(b"x")][link];
            let kind = if index == 0 { EventKind::Snapshot } else { EventKind::SecretRead };
            let mut it = event(kind, index);
            if index == 0 {
                it = it.with(Detail::Snapshot { state: Box::default(), previous_file: None });
            }
            let line = chain::seal(&it, claimed, Salt([0; 16]), prev);
            verifier.line(line.as_bytes());
            (seq, digest) = (claimed, Digest::of(line.as_bytes()));
        }
        if honest {
            prop_assert_eq!(verifier.finish(Some(Head { seq, digest })).findings, vec![]);
        } else {
            let _ = verifier.finish(Some(Head { seq, digest }));
        }
    }

    #[test]
    fn only_critical_events_change_the_state(index in 0usize..500, status in 0usize..5) {
        let status = [Status::Pending, Status::Success, Status::Failure, Status::Denied, Status::Unknown][status];
        let mut state = Journal::of(20, 20).state;
        let before = state.clone();
        let event = any_event(index).came_out(status, None, None);
        state.fold(&event);
        prop_assert!(event.event_type.entry().tier == Tier::Critical || state == before);
    }
}
