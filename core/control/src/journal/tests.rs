//! The journal on a real disk: rolling, following, tearing, replacing, filling up, and being killed.

use super::*;
use jiff::Timestamp;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::chain;
use quarterdeck_domain::event::{Actor, Detail, EventId, Status};
use quarterdeck_domain::verify::{Fault, Report};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod deciding;
mod kill;
mod patient;

pub(super) fn opening(folder: &Path) -> Opening {
    // A test may wait long for a lock on a busy machine; what tests the wait sets its own.
    Opening { lock_wait: Duration::from_secs(30), ..Opening::of(folder.join("journal"), None, "sess-000000000001") }
}

fn open(folder: &Path) -> FileJournal {
    FileJournal::open(opening(folder)).expect("the journal opens")
}

pub(super) fn event(id: &str) -> Event {
    on_day("2026-11-08T14:30:15.042967Z", id)
}

fn on_day(at: &str, id: &str) -> Event {
    let at: Timestamp = at.parse().expect("a test's own timestamp");
    let id = EventId { event: format!("evt-{id}"), request: format!("req-{id}") };
    let detail = Detail::Secret {
        layer: "fernet".into(),
        name: "broker.password".into(),
        purpose: "get".into(),
        version: None,
        fingerprint: None,
        note: None,
    };
    Event::new(EventKind::SecretRead, at, id, Actor::system("sess-000000000001"), None)
        .on("secret://fernet/broker.password")
        .with(detail)
}

pub(super) fn verify(folder: &Path) -> Report {
    verify_all(&folder.join("journal"), &mut |_| ControlFlow::Continue(())).expect("the folder can be read")
}

fn found(report: &Report) -> Vec<(&str, u64, Fault)> {
    report.findings.iter().map(|finding| (&*finding.file, finding.line, finding.fault)).collect()
}

fn newest(folder: &Path) -> PathBuf {
    let journal = folder.join("journal");
    journal.join(files(&journal).expect("the folder can be listed").pop().expect("there is a file"))
}

fn add_bytes(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).expect("the file opens");
    file.write_all(bytes).expect("the disk has room");
}

#[test]
fn what_is_appended_is_numbered_kept_and_private() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let journal = open(home.path());
    let sealed = journal.append(vec![event("a"), event("b")]).expect("it appends");
    let places: Vec<_> = sealed.iter().map(|sealed| (sealed.seq, &*sealed.event_id)).collect();
    assert_eq!(places, [(2, "evt-a"), (3, "evt-b")], "the snapshot is the first");
    assert_eq!(journal.append(vec![]).expect("nothing is appended"), []);
    assert_eq!(journal.head().seq, 3);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&home.path().join("journal")), 0o700);
    assert_eq!(mode(&newest(home.path())), 0o600);
    assert_eq!(mode(&home.path().join("journal/journal.lock")), 0o600);
    assert_eq!(newest(home.path()).file_name().expect("a name"), "20261108-01.jsonl");
    let report = verify(home.path());
    assert_eq!((found(&report), report.events, report.head), (vec![], 3, journal.head()));
}

#[test]
fn a_restart_reads_the_same_state_and_goes_on() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let first = open(home.path());
    first.append(vec![event("a"), event("b").came_out(Status::Pending, None, None)]).expect("it appends");
    let second = open(home.path());
    assert_eq!(second.state(), first.state());
    assert_eq!(second.state().secret("fernet", "broker.password").map(|secret| secret.reads), Some(1));
    assert_eq!(second.state().pending.len(), 1);
    assert_eq!((second.head(), second.trouble()), (first.head(), None));
    assert_eq!(second.append(vec![event("c")]).expect("it appends")[0].seq, 4);
}

#[test]
fn a_new_day_and_a_full_file_begin_a_new_one_with_a_snapshot() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let journal = FileJournal::open(Opening { roll_at: 2_000, ..opening(home.path()) }).expect("it opens");
    for id in ["a", "b", "c", "d"] {
        journal.append(vec![event(id)]).expect("it appends");
    }
    journal.append(vec![on_day("2026-11-09T00:00:00Z", "e")]).expect("it appends");
    journal.append(vec![on_day("2026-11-08T23:59:59Z", "f")]).expect("it appends");
    let names = files(&home.path().join("journal")).expect("the folder can be listed");
    assert_eq!(names, ["20261108-01.jsonl", "20261108-02.jsonl", "20261109-01.jsonl"]);
    assert_eq!(found(&verify(home.path())), []);
    assert_eq!(open(home.path()).state(), journal.state(), "the newest file alone tells the state");
    let first = fs::read_to_string(newest(home.path())).expect("it can be read");
    assert!(first.contains(r#""previous_file":"20261108-02.jsonl""#), "{first}");
}

#[test]
fn two_journals_on_one_folder_see_each_others_events() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let roll = |folder: &Path| FileJournal::open(Opening { roll_at: 2_500, ..opening(folder) }).expect("it opens");
    let (one, two) = (roll(home.path()), roll(home.path()));
    let mut seen: [Vec<u64>; 2] = Default::default();
    for round in 0..6 {
        one.append(vec![event(&format!("one-{round}"))]).expect("it appends");
        two.append(vec![event(&format!("two-{round}"))]).expect("it appends");
        for (journal, seen) in [&one, &two].into_iter().zip(&mut seen) {
            seen.extend(journal.catch_up().expect("it reads on").iter().map(|(seq, _)| seq));
        }
    }
    let all: Vec<u64> = (1..=one.head().seq).collect();
    assert_eq!(seen, [all.clone(), all], "each sees every event once and in order, over three files");
    assert_eq!((one.head(), one.state()), (two.head(), two.state()));
    assert_eq!(one.catch_up().expect("it reads on"), []);
    assert_eq!(found(&verify(home.path())), []);
}

#[test]
fn threads_share_one_commit_and_each_gets_its_own_answer() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let journal = open(home.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let journal = &journal;
            scope.spawn(move || {
                for round in 0..20 {
                    let ids = [format!("{thread}-{round}-x"), format!("{thread}-{round}-y")];
                    let sealed = journal.append(ids.iter().map(|id| event(id)).collect()).expect("it appends");
                    let told: Vec<_> = sealed.iter().map(|sealed| sealed.event_id.clone()).collect();
                    assert_eq!(told, ids.map(|id| format!("evt-{id}")));
                    assert_eq!(sealed[1].seq, sealed[0].seq + 1);
                }
            });
        }
    });
    let report = verify(home.path());
    assert_eq!((found(&report), report.events), (vec![], 321));
}

#[test]
fn a_torn_end_is_cut_and_kept_in_an_event() {
    for torn in [&b"{\"timestamp\":\"2026-11-08T"[..], &[0; 700], b"\0\0\0\0\nrubbish\n", b"{}\n\xff\xfe"] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let running = open(home.path());
        running.append(vec![event("a")]).expect("it appends");
        add_bytes(&newest(home.path()), torn);
        assert!(!verify(home.path()).is_sound(), "it is told before it is mended");
        assert_eq!(running.catch_up().expect("a torn end is no line").len(), 2);
        let fresh = open(home.path());
        assert_eq!(fresh.append(vec![event("b")]).expect("it mends and appends")[0].seq, 4);
        running.append(vec![event("c")]).expect("the running one goes on");
        assert_eq!(found(&verify(home.path())), []);
        let news = running.catch_up().expect("it reads on");
        let Detail::Recovery { cut_base64, .. } = &news[0].1.detail else { panic!("no recovery in {news:?}") };
        use base64::Engine as _;
        assert_eq!(base64::engine::general_purpose::STANDARD.decode(cut_base64).expect("base64"), torn);
        assert_eq!(news[0].1.result.status, Status::Success);
    }
}

#[test]
fn a_crash_while_a_new_file_is_begun_is_mended() {
    for begun in [&b""[..], b"{\"timest"] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let running = open(home.path());
        running.append(vec![event("a")]).expect("it appends");
        let next = home.path().join("journal/20261108-02.jsonl");
        fs::write(&next, begun).expect("the disk has room");
        fs::set_permissions(&next, fs::Permissions::from_mode(0o600)).expect("it is ours");
        // As the writer that died left it: the lock file names the file that was being made.
        let lock = fs::read_to_string(home.path().join("journal/journal.lock")).expect("it can be read");
        fs::write(home.path().join("journal/journal.lock"), lock.replace("1108-01", "1108-02")).expect("it is ours");
        let fresh = open(home.path());
        assert_eq!(fresh.state(), running.state());
        fresh.append(vec![event("b")]).expect("it appends");
        running.append(vec![event("c")]).expect("it appends");
        assert_eq!(found(&verify(home.path())), []);
        assert_eq!(fs::read_to_string(&next).expect("text").matches("previous_file\":\"20261108-01").count(), 1);
    }
}

#[test]
fn a_very_long_torn_end_is_kept_in_a_file_beside() {
    let home = tempfile::tempdir().expect("a temporary folder");
    open(home.path()).append(vec![event("a")]).expect("it appends");
    let torn = vec![0; 3 * 1024 * 1024];
    add_bytes(&newest(home.path()), &torn);
    open(home.path()).append(vec![event("b")]).expect("it appends");
    assert_eq!(found(&verify(home.path())), []);
    let aside = fs::read_dir(home.path().join("journal")).expect("it can be listed").filter_map(Result::ok);
    let aside = aside.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "bin"));
    assert_eq!(fs::read(aside.expect("kept aside")).expect("it can be read"), torn);
}

#[test]
fn acknowledged_events_that_are_gone_are_said_to_be_gone() {
    let home = tempfile::tempdir().expect("a temporary folder");
    open(home.path()).append(vec![event("a"), event("b"), event("c")]).expect("it appends");
    let path = newest(home.path());
    let text = fs::read_to_string(&path).expect("text");
    let kept: String = text.split_inclusive('\n').take(2).collect();
    fs::write(&path, &kept).expect("it is ours");
    assert_eq!(found(&verify(home.path())), [("20261108-01.jsonl", 2, Fault::EndCut)]);
    let journal = open(home.path());
    assert_eq!(journal.trouble().map(|finding| finding.fault), Some(Fault::EndCut));
    journal.append(vec![event("d")]).expect("it goes on");
    let (_, recovery) = &journal.catch_up().expect("it reads on")[0];
    assert_eq!(recovery.result.error_code.as_deref(), Some("ACKNOWLEDGED_EVENTS_LOST"));
    assert_eq!(recovery.action.resource_id, "events 3 to 4");
}

#[test]
fn a_journal_that_is_removed_replaced_or_cut_under_us_takes_no_more_events() {
    type Harm = fn(&Path, &Path);
    let harms: [(&str, Harm); 5] = [
        ("was removed", |file, _| fs::remove_file(file).expect("it is ours")),
        ("was replaced", |file, _| {
            fs::copy(file, file.with_extension("copy")).expect("room");
            fs::rename(file.with_extension("copy"), file).expect("it is ours");
        }),
        ("was cut", |file, _| OpenOptions::new().write(true).open(file).expect("ours").set_len(100).expect("ours")),
        ("journal.lock was removed or replaced", |_, folder| {
            fs::remove_file(folder.join("journal.lock")).expect("ours")
        }),
        ("was removed or replaced", |_, folder| fs::rename(folder, folder.with_extension("old")).expect("ours")),
    ];
    for (says, harm) in harms {
        let home = tempfile::tempdir().expect("a temporary folder");
        let journal = open(home.path());
        journal.append(vec![event("a"), event("b")]).expect("it appends");
        harm(&newest(home.path()), &home.path().join("journal"));
        for error in [journal.append(vec![event("c")]).err(), journal.catch_up().err()] {
            let Some(JournalError::Replaced { what }) = error else { panic!("{says}: {error:?}") };
            assert!(what.contains(says), "{what}");
        }
    }
}

#[test]
fn a_line_that_does_not_follow_stops_the_journal() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let journal = open(home.path());
    journal.append(vec![event("a")]).expect("it appends");
    let forged = chain::seal(&event("forged"), 3, chain::Salt([0; 16]), chain::Digest::of(b"another line"));
    add_bytes(&newest(home.path()), format!("{forged}\n").as_bytes());
    let error = journal.append(vec![event("b")]).expect_err("it must not go on");
    assert!(matches!(error, JournalError::Broken(_)), "{error}");
    let error = journal.catch_up().expect_err("it stays broken");
    assert!(error.to_string().contains("20261108-01.jsonl, line"), "{error}");
    assert!(journal.trouble().is_some());
}

#[test]
fn a_lock_that_stays_taken_is_told_with_its_holder() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let journal =
        FileJournal::open(Opening { lock_wait: Duration::from_millis(20), ..opening(home.path()) }).expect("opens");
    journal.append(vec![event("a")]).expect("it appends");
    let lock = fs::File::open(home.path().join("journal/journal.lock")).expect("it is there");
    lock.lock().expect("nobody holds it");
    let error = journal.append(vec![event("b")]).expect_err("it is locked");
    let JournalError::Locked { holder, waited } = error else { panic!("{error}") };
    assert_eq!(holder, Some(std::process::id()));
    assert!(waited >= Duration::from_millis(20));
    drop(lock);
    assert_eq!(journal.append(vec![event("b")]).expect("it is free")[0].seq, 3);
}

#[test]
fn a_folder_that_others_may_open_is_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("journal");
    fs::create_dir(&folder).expect("room");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).expect("it is ours");
    let error = FileJournal::open(opening(home.path())).expect_err("others may look in");
    assert_eq!(error, JournalError::Insecure { path: folder.clone(), mode: 0o750 });
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
    open(home.path()).append(vec![event("a")]).expect("it appends");
    let file = newest(home.path());
    fs::rename(&file, home.path().join("elsewhere")).expect("it is ours");
    std::os::unix::fs::symlink(home.path().join("elsewhere"), &file).expect("room");
    FileJournal::open(opening(home.path())).expect_err("a link is no file of the journal");
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let pipe = |path: &Path| {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).expect("a pipe");
    };
    let link = |path: &Path| std::os::unix::fs::symlink(path.with_extension("elsewhere"), path).expect("a link");
    let swaps: [&dyn Fn(&Path); 2] = [&pipe, &link];
    for swap in swaps {
        for name in ["20261108-01.jsonl", "29991231-01.jsonl", "journal.lock"] {
            let home = tempfile::tempdir().expect("a temporary folder");
            open(home.path()).append(vec![event("a")]).expect("it appends");
            let path = home.path().join("journal").join(name);
            if path.exists() {
                fs::rename(&path, path.with_extension("elsewhere")).expect("it is moved");
            }
            swap(&path);
            let opened = FileJournal::open(opening(home.path()));
            assert!(matches!(opened, Err(JournalError::Io { .. })), "{name}: {opened:?}");
            let verified = verify_all(&home.path().join("journal"), &mut |_| ControlFlow::Continue(()));
            // Without its lock file the rest can still be verified.
            assert_eq!(verified.is_ok(), name == "journal.lock", "{name}: {verified:?}");
        }
    }
}

#[test]
fn spoilt_files_are_named_by_file_and_line() {
    let whole = tempfile::tempdir().expect("a temporary folder");
    let journal = FileJournal::open(Opening { roll_at: 6_000, ..opening(whole.path()) }).expect("it opens");
    for id in 0..24 {
        journal.append(vec![event(&id.to_string())]).expect("it appends");
    }
    let names = files(&whole.path().join("journal")).expect("it can be listed");
    assert!(names.len() > 2, "{names:?}");
    type Harm = fn(&mut Vec<Vec<u8>>);
    let harms: [(Harm, u64, Fault); 6] = [
        (|lines| *lines[3].iter_mut().find(|byte| **byte == b'2').expect("a year") = b'3', 4, Fault::Edited),
        (|lines| drop(lines.remove(3)), 4, Fault::Deleted),
        (|lines| lines.swap(3, 4), 5, Fault::Reordered),
        (|lines| lines.insert(4, lines[3].clone()), 5, Fault::Duplicated),
        (|lines| lines[3].truncate(100), 4, Fault::Unreadable),
        (|lines| lines[3].fill(0), 4, Fault::Unreadable),
    ];
    for name in &names[..2] {
        for (harm, line, fault) in &harms {
            let spoilt = tempfile::tempdir().expect("a temporary folder");
            fs::create_dir(spoilt.path().join("journal")).expect("room");
            for entry in fs::read_dir(whole.path().join("journal")).expect("listed").filter_map(Result::ok) {
                fs::copy(entry.path(), spoilt.path().join("journal").join(entry.file_name())).expect("room");
            }
            let path = spoilt.path().join("journal").join(name);
            let text = fs::read(&path).expect("it can be read");
            let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            harm(&mut lines);
            fs::write(&path, lines.join(&b'\n')).expect("room");
            assert_eq!(found(&verify(spoilt.path())), [(&**name, *line, *fault)]);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_file_is_found() {
    // Newlines and the last line included, as they stand on the disk.
    let home = tempfile::tempdir().expect("a temporary folder");
    let journal = open(home.path());
    journal.append((0..3).map(|id| event(&id.to_string())).collect()).expect("it appends");
    let path = newest(home.path());
    let text = fs::read(&path).expect("it can be read");
    let newline = |at: usize| text[at] == b'\n';
    let near = |at: usize| (at.saturating_sub(2)..(at + 3).min(text.len())).any(newline);
    let bytes = (0..text.len()).filter(|at| near(*at) || at % 97 == 0);
    for (at, bit) in bytes.flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut flipped = text.clone();
        flipped[at] ^= 1 << bit;
        fs::write(&path, flipped).expect("room");
        assert!(!verify(home.path()).is_sound(), "byte {at} bit {bit}");
    }
}

#[test]
fn a_verification_can_be_watched_and_stopped() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let journal = FileJournal::open(Opening { roll_at: 2_000, ..opening(home.path()) }).expect("it opens");
    for id in 0..12 {
        journal.append(vec![event(&id.to_string())]).expect("it appends");
    }
    let mut told = Vec::new();
    let report = verify_all(&home.path().join("journal"), &mut |progress| {
        told.push(progress);
        if told.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let report = report.expect("the folder can be read");
    assert!(report.is_sound() && report.head.seq < journal.head().seq);
    assert_eq!(told.len(), 2);
    assert!(told[1].bytes > told[0].bytes && told[1].bytes < told[1].of && told[1].seq == report.head.seq, "{told:?}");
}

/// The events of every file by id, read as any program would.
pub(super) fn ids(folder: &Path) -> BTreeMap<String, u64> {
    let mut ids = BTreeMap::new();
    for name in files(&folder.join("journal")).expect("the folder can be listed") {
        let text = fs::read_to_string(folder.join("journal").join(name)).expect("it is text");
        for line in text.lines() {
            let (event, link) = chain::read(line.as_bytes()).expect("every line parses");
            assert_eq!(ids.insert(event.event_id, link.seq), None, "an event stands twice");
        }
    }
    ids
}

#[test]
fn a_flood_of_bad_lines_at_the_end_is_read_once_and_cut_away_as_torn() {
    let home = tempfile::tempdir().expect("a temporary folder");
    open(home.path()).append(vec![event("a")]).expect("it appends");
    // Judged anew for each block that is read, they would take hours.
    add_bytes(&newest(home.path()), &vec![b'\n'; 20_000_000]);
    add_bytes(&newest(home.path()), &b"{}\nno line\n".repeat(10_000));
    let journal = open(home.path());
    assert_eq!(journal.head().seq, 2);
    journal.append(vec![event("b")]).expect("it appends");
    assert_eq!(open(home.path()).head().seq, 4, "the recovery stands before it");
}
