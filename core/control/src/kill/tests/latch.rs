//! The latch on a real disk: exchanged, torn, raced for, on a full disk, and under somebody else's hands.

use super::record;
use crate::kill::latch::{LATCH, Latch, LatchError, Over};
use crate::kill::place::Place;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{LatchView, Order, Record};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "QUARTERDECK_TEST_LATCH_OF";
const TASK: &str = "QUARTERDECK_TEST_LATCH_TASK";
const CHILD: &str = "kill::tests::latch::a_child_does_what_it_is_told";
const WAIT: Duration = Duration::from_secs(30);

/// What is wrong, and how it is made so.
type Case<'a> = (&'a str, &'a dyn Fn(&Path));

fn house() -> (tempfile::TempDir, Latch) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let place = Place::at(home.path());
    place.make().expect("folders");
    (home, Latch::new(place.latch(), Environment::Qa))
}

fn stands(latch: &Latch) -> Record {
    match latch.read() {
        LatchView::Read(record) => *record,
        other => panic!("no record stands: {other:?}"),
    }
}

fn write(latch: &Latch, record: &Record) -> Result<Record, LatchError> {
    let held = latch.lock(WAIT).expect("the lock");
    latch.write(record, Over::Milder, Some(&held))
}

fn names(latch: &Latch) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(latch.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_record_takes_the_place_of_the_one_before_and_needs_no_new_file() {
    let (_home, latch) = house();
    assert_eq!(latch.read(), LatchView::Missing);
    let first = record(Order::Trade, 0);
    let held = latch.lock(WAIT).expect("the lock");
    latch.write(&first, Over::Only(&LatchView::Missing), Some(&held)).expect("written");
    drop(held);
    latch.mend_spare();
    let facts = |name: &str| fs::metadata(latch.folder().join(name)).expect("there");
    assert_eq!((facts(LATCH).len(), facts(LATCH).mode() & 0o7777), (4096, 0o640));
    let inodes = |names: [&str; 2]| {
        let mut both = names.map(|name| facts(name).ino());
        both.sort_unstable();
        both
    };
    let two = inodes([LATCH, "spare"]);
    for generation in 1..20 {
        let order = if generation % 2 == 0 { Order::Halt } else { Order::Stop };
        let next = record(order, generation);
        if order == Order::Stop {
            // Down again, as a release would do it.
            let seen = latch.read();
            let held = latch.lock(WAIT).expect("the lock");
            latch.write(&next, Over::Only(&seen), Some(&held)).expect("written");
        } else {
            write(&latch, &next).expect("written");
        }
        assert_eq!(stands(&latch), next);
        assert_eq!(inodes([LATCH, "spare"]), two, "the same two files change places");
    }
    assert_eq!(names(&latch), [LATCH, "lock", "spare"]);
}

/// A writer may die between any two steps: what stands is the old record or the new one.
#[test]
fn after_a_crash_between_any_two_steps_a_record_stands_and_the_next_writer_goes_on() {
    let steps: [fn(&Path); 6] = [
        // Into the spare, a part of the record.
        |folder| {
            let spare = OpenOptions::new().write(true).open(folder.join("spare")).expect("a spare");
            spare.write_all_at(&record(Order::Halt, 9).bytes()[..700], 0).expect("room");
        },
        // The whole.
        |folder| fs::write(folder.join("spare"), record(Order::Halt, 9).bytes()).expect("room"),
        // Exchanged, and the folder not synced.
        |folder| {
            let next = record(Order::Halt, 9).bytes();
            fs::write(folder.join("spare"), next).expect("room");
            let (from, to) = (folder.join("spare"), folder.join(LATCH));
            let how = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(CWD, &from, CWD, &to, how).expect("exchanged");
        },
        // Without a spare: a file of its own, a part of it.
        |folder| fs::write(folder.join("new-999999999-0"), &record(Order::Halt, 9).bytes()[..700]).expect("room"),
        // The same in its place, and what came out not put away.
        |folder| {
            fs::write(folder.join("new-999999999-0"), record(Order::Halt, 9).bytes()).expect("room");
            let (from, to) = (folder.join("new-999999999-0"), folder.join(LATCH));
            let how = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(CWD, &from, CWD, &to, how).expect("exchanged");
        },
        // The spare taken away by one who needed its room.
        |folder| fs::remove_file(folder.join("spare")).expect("there was one"),
    ];
    for (number, step) in steps.iter().enumerate() {
        let (_home, latch) = house();
        let old = write(&latch, &record(Order::Stop, 8)).expect("written");
        latch.mend_spare();
        step(latch.folder());
        let after = stands(&latch);
        assert!(after == old || (after.order, after.generation) == (Order::Halt, 9), "step {number}: {after:?}");
        let next = write(&latch, &record(Order::Halt, 10)).expect("the next writer writes");
        assert_eq!(stands(&latch), next, "step {number}");
        latch.mend_spare();
        assert_eq!(names(&latch), [LATCH, "lock", "spare"], "step {number}");
    }
}

#[test]
fn what_is_no_plain_file_of_bounded_size_that_others_cannot_write_is_unreadable() {
    let good = record(Order::Trade, 1).bytes();
    let cases: [Case<'_>; 9] = [
        ("it is a link", &|latch| symlink("/etc/passwd", latch).expect("a link")),
        ("no ordinary file", &|latch| mkfifoat(CWD, latch, Mode::from_raw_mode(0o640)).expect("a pipe")),
        ("no ordinary file", &|latch| fs::create_dir(latch).expect("a folder")),
        ("larger than 64 KiB", &|latch| fs::write(latch, vec![b' '; 70_000]).expect("room")),
        ("everybody can write it", &|latch| {
            fs::write(latch, &good).expect("room");
            fs::set_permissions(latch, Permissions::from_mode(0o666)).expect("ours");
        }),
        ("everybody can write its folder", &|latch| {
            fs::write(latch, &good).expect("room");
            let folder = latch.parent().expect("a folder");
            fs::set_permissions(folder, Permissions::from_mode(0o2777)).expect("ours");
        }),
        ("it is empty", &|latch| fs::write(latch, [0; 4096]).expect("room")),
        ("belongs to 'paper'", &|latch| {
            let other = Record { environment: "paper".into(), ..record(Order::Trade, 1) };
            fs::write(latch, other.bytes()).expect("room");
        }),
        ("EOF", &|latch| fs::write(latch, &good[..300]).expect("room")),
    ];
    for (want, make) in cases {
        let (_home, latch) = house();
        make(&latch.folder().join(LATCH));
        match latch.read() {
            LatchView::Unreadable(why) => assert!(why.contains(want), "{want}: {why}"),
            other => panic!("{want}: {other:?}"),
        }
        // A stop is written in its place all the same, where the folder is nobody else's.
        let wrote = write(&latch, &record(Order::Stop, 5));
        if want.contains("folder") {
            assert!(matches!(wrote, Err(LatchError::Unreadable(_))), "{wrote:?}");
        } else {
            assert_eq!(stands(&latch), wrote.expect("written"), "{want}");
        }
    }
    let (home, _) = house();
    fs::rename(home.path().join("latch"), home.path().join("elsewhere")).expect("moved");
    symlink(home.path().join("elsewhere"), home.path().join("latch")).expect("a link");
    let linked = Latch::new(home.path().join("latch"), Environment::Qa);
    assert!(matches!(linked.read(), LatchView::Unreadable(_)), "{:?}", linked.read());
}

#[test]
fn a_milder_record_never_takes_the_place_of_a_stricter_one() {
    let (_home, latch) = house();
    let halt = write(&latch, &record(Order::Halt, 7)).expect("written");
    assert_eq!(write(&latch, &record(Order::Stop, 8)).expect("answered"), halt, "what stands is told");
    assert_eq!(stands(&latch), halt);
    // Without the lock, as one who could not wait.
    let told = latch.write(&record(Order::Stop, 9), Over::Milder, None).expect("answered");
    assert_eq!((told, stands(&latch)), (halt.clone(), halt));
    assert!(!names(&latch).iter().any(|name| name.starts_with("new-")), "{:?}", names(&latch));
}

#[test]
fn a_release_does_not_cover_a_stop_that_came_meanwhile() {
    let (_home, latch) = house();
    let held = write(&latch, &record(Order::Hold, 3)).expect("written");
    let seen = latch.read();
    // One who could not wait for the lock stops.
    let lock = latch.lock(WAIT).expect("the lock");
    let stop = latch.write(&record(Order::Stop, 4), Over::Milder, None).expect("written");
    assert_ne!(stop, held);
    let release = record(Order::Trade, 4);
    assert_eq!(latch.write(&release, Over::Only(&seen), Some(&lock)), Err(LatchError::Changed));
    assert_eq!(stands(&latch), stop);
    let seen = latch.read();
    assert_eq!(latch.write(&release, Over::Only(&seen), Some(&lock)).expect("nobody came"), release);
    assert_eq!(stands(&latch), release);
    fs::remove_file(latch.folder().join(LATCH)).expect("ours");
    assert_eq!(latch.write(&release, Over::Only(&seen), Some(&lock)), Err(LatchError::Changed), "it is gone");
    assert_eq!(latch.read(), LatchView::Missing);
}

/// Reads, decides and writes as a firing does.
fn fire(latch: &Latch, order: Order) -> u64 {
    let held = latch.lock(WAIT).expect("the lock");
    let generation = stands(latch).generation + 1;
    let wrote = latch.write(&record(order, generation), Over::Milder, Some(&held)).expect("written");
    if wrote.generation == generation { generation } else { 0 }
}

#[test]
fn eight_processes_and_eight_threads_at_once_get_rising_numbers_and_the_strictest_stands() {
    let (home, latch) = house();
    write(&latch, &record(Order::Stop, 1)).expect("written");
    let children: Vec<_> =
        (0..8).map(|_| child(home.path(), "fire").stdout(Stdio::piped()).spawn().expect("it starts")).collect();
    let mut given: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..4).map(|_| fire(&latch, Order::Stop)).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    for child in children {
        let said = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let own: Vec<u64> = said.lines().filter_map(|line| line.strip_prefix("gave ")?.parse().ok()).collect();
        assert_eq!(own.len(), 4, "{said}");
        assert!(own.windows(2).all(|pair| pair[0] < pair[1] || pair[1] == 0), "they rise: {own:?}");
        given.extend(own);
    }
    given.retain(|generation| *generation != 0);
    given.sort_unstable();
    assert!(given.windows(2).all(|pair| pair[0] != pair[1]), "given twice: {given:?}");
    let last = stands(&latch);
    assert_eq!(last.order, Order::Halt, "the children halt");
    assert_eq!(last.generation, given.last().copied().expect("some were given"));
}

#[test]
fn without_the_lock_nobody_loses_a_stop() {
    let (_home, latch) = house();
    write(&latch, &record(Order::Trade, 0)).expect("written");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let latch = &latch;
            scope.spawn(move || {
                let order = if number == 3 { Order::Halt } else { Order::Stop };
                latch.write(&record(order, 1), Over::Milder, None).expect("written");
                assert!(stands(latch).order >= order, "what was written stands, or something stricter");
            });
        }
    });
    assert_eq!(stands(&latch).order, Order::Halt);
}

#[test]
fn a_full_disk_takes_a_stop_and_then_a_halt() {
    let (home, latch) = house();
    write(&latch, &record(Order::Trade, 0)).expect("written");
    latch.mend_spare();
    // No file may grow beyond a record: what is there can be written into, and nothing longer can be made.
    let limited = child(home.path(), "limited");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(limited.get_program()).args(limited.get_args());
    shell.envs(limited.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = String::from_utf8_lossy(&shell.output().expect("sh is everywhere").stdout).into_owned();
    assert!(said.contains("stop written, halt written"), "{said}");
    assert_eq!((stands(&latch).order, stands(&latch).generation), (Order::Halt, 2));
}

#[test]
fn a_spare_that_is_not_ours_is_not_written_into() {
    let (_home, latch) = house();
    write(&latch, &record(Order::Trade, 0)).expect("written");
    let spare = latch.folder().join("spare");
    let wrong: [Case<'_>; 4] = [
        ("everybody's", &|spare| fs::set_permissions(spare, Permissions::from_mode(0o666)).expect("ours")),
        ("a second name", &|spare| fs::hard_link(spare, spare.with_extension("other")).expect("linked")),
        ("short", &|spare| OpenOptions::new().write(true).open(spare).expect("ours").set_len(100).expect("cut")),
        ("another user's", &|spare| {
            // Only root can give a file away; for others the case is that of a spare that can't be opened.
            if std::os::unix::fs::chown(spare, Some(65_534), None).is_err() {
                fs::set_permissions(spare, Permissions::from_mode(0o440)).expect("ours");
            }
        }),
    ];
    for (number, (what, make)) in wrong.into_iter().enumerate() {
        latch.mend_spare();
        make(&spare);
        let before = fs::metadata(&spare).expect("there").ino();
        let order = record(Order::Halt, 10 + number as u64);
        assert_eq!(write(&latch, &order).expect("written"), order, "{what}");
        assert_ne!(fs::metadata(latch.folder().join(LATCH)).expect("there").ino(), before, "{what}");
        assert_eq!(stands(&latch), order, "{what}");
    }
}

#[test]
fn a_folder_or_a_pipe_in_the_spares_place_is_moved_aside() {
    let (_home, latch) = house();
    write(&latch, &record(Order::Trade, 0)).expect("written");
    latch.mend_spare();
    let spare = latch.folder().join("spare");
    let wrong: [Case<'_>; 3] = [
        ("a folder", &|spare| fs::create_dir(spare).expect("made")),
        ("a full folder", &|spare| fs::create_dir_all(spare.join("inner")).expect("made")),
        ("a pipe", &|spare| mkfifoat(CWD, spare, Mode::RUSR | Mode::WUSR).expect("made")),
    ];
    for (what, make) in wrong {
        fs::remove_file(&spare).expect("there was one");
        assert!(latch.lacks_spare(), "{what}");
        make(&spare);
        assert!(latch.lacks_spare(), "{what}");
        assert!(latch.mend_spare() && !latch.lacks_spare(), "{what}");
        assert_eq!(fs::metadata(&spare).expect("there").len(), 4096, "{what}");
    }
    fs::remove_file(&spare).expect("there was one");
    fs::create_dir_all(spare.join("inner")).expect("made");
    let order = record(Order::Halt, 9);
    assert_eq!(write(&latch, &order).expect("written"), order, "a stop needs no spare, and leaves one");
    assert!(!latch.lacks_spare());
    assert!(names(&latch).iter().all(|name| !name.starts_with("new-")), "{:?}", names(&latch));
}

#[test]
fn where_nothing_can_be_written_the_reason_is_told() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let missing = Latch::new(home.path().join("none"), Environment::Qa);
    assert_eq!(missing.read(), LatchView::Missing);
    assert!(missing.lock(Duration::ZERO).is_none());
    let error = missing.write(&record(Order::Stop, 1), Over::Milder, None).expect_err("there is no folder");
    assert!(matches!(&error, LatchError::Io { denied: false, .. }) && error.to_string().contains("none"), "{error}");
}

#[test]
fn the_lock_is_waited_for_no_longer_than_was_said() {
    let (_home, latch) = house();
    let held = latch.lock(WAIT).expect("the lock");
    assert!(latch.lock(Duration::from_millis(20)).is_none(), "it is held");
    let told = latch.write(&record(Order::Stop, 1), Over::Milder, None).expect("a stop goes on without it");
    assert_eq!(stands(&latch), told);
    drop(held);
    assert!(latch.lock(Duration::ZERO).is_some());
}

fn child(folder: &Path, task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test program has a path"));
    command.args(["--exact", CHILD, "--nocapture", "--test-threads", "1"]);
    command.env(FOLDER, folder).env(TASK, task).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// What another process does, when it was started by one of the tests above.
#[test]
fn a_child_does_what_it_is_told() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let latch = Latch::new(Place::at(&folder).latch(), Environment::Qa);
    let mut out = std::io::stdout().lock();
    match std::env::var(TASK).as_deref() {
        Ok("fire") => {
            for _ in 0..4 {
                writeln!(out, "\ngave {}", fire(&latch, Order::Halt)).expect("a pipe");
            }
        }
        Ok("limited") => {
            let limit = rustix::process::Rlimit { current: Some(4096), maximum: Some(4096) };
            rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).expect("a limit may be lowered");
            assert!(fs::write(folder.join("large"), [0; 5_000]).is_err(), "the limit holds");
            let stop = write(&latch, &record(Order::Stop, 1)).map(|_| "stop written");
            let halt = write(&latch, &record(Order::Halt, 2)).map(|_| "halt written");
            writeln!(out, "\n{}, {}", stop.unwrap_or("no stop"), halt.unwrap_or("no halt")).expect("a pipe");
        }
        other => panic!("no such task: {other:?}"),
    }
}
