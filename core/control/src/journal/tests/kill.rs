//! Processes that append and are killed at random points, and a disk that is full. The writer is this test program,
//! started again.

use super::{event, files, found, ids, newest, open, opening, verify};
use crate::journal::{FileJournal, Journal, JournalError, Opening};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const FOLDER: &str = "QUARTERDECK_TEST_JOURNAL_OF";
const NAME: &str = "QUARTERDECK_TEST_JOURNAL_WRITER";
const WRITER: &str = "journal::tests::kill::a_writer_says_what_was_acknowledged";

/// Appends from two threads and says each acknowledged id, without an end when it was started by another test.
#[test]
fn a_writer_says_what_was_acknowledged() {
    if let (Some(folder), Ok(name)) = (std::env::var_os(FOLDER), std::env::var(NAME)) {
        let error = write(Path::new(&folder), &name, u64::MAX, say);
        say(&format!("\nfailed {error:?}\n"));
        return;
    }
    let home = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(write(home.path(), "here", 5, |_| ()), None);
    assert_eq!(ids(home.path()).len(), 1 + 2 * 5 * 2, "a snapshot, and two events from two threads five times");
}

fn write(folder: &Path, name: &str, rounds: u64, say: fn(&str)) -> Option<JournalError> {
    let journal = FileJournal::open(Opening { roll_at: 40_000, ..opening(folder) });
    let journal = match journal {
        Ok(journal) => journal,
        Err(error) => return Some(error),
    };
    std::thread::scope(|scope| {
        let threads = ["x", "y"].map(|thread| {
            let journal = &journal;
            scope.spawn(move || {
                for round in 0..rounds {
                    let batch = ["1", "2"].map(|part| event(&format!("{name}-{thread}-{round}-{part}")));
                    match journal.append(batch.to_vec()) {
                        Ok(sealed) => sealed.iter().for_each(|sealed| say(&format!("\nack {}\n", sealed.event_id))),
                        Err(error) => return Some(error),
                    }
                }
                None
            })
        });
        threads.into_iter().find_map(|thread| thread.join().expect("a writer does not panic"))
    })
}

/// Past the test harness, which would keep it back; in one piece, since two threads speak.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    let _ = std::io::stdout().lock().flush();
}

fn writer(folder: &Path, name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test program has a path"));
    command.args(["--exact", WRITER, "--nocapture", "--test-threads", "1"]);
    command.env(FOLDER, folder).env(NAME, name).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
fn killed_fifty_times_with_four_writers_nothing_acknowledged_is_lost() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut acknowledged = BTreeSet::new();
    let mut luck = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..50 {
        let (tell, told) = mpsc::channel();
        let mut children: Vec<Child> = Vec::new();
        for number in 0..4 {
            let mut child = writer(home.path(), &format!("{round}-{number}")).spawn().expect("it starts");
            let out = child.stdout.take().expect("its output is piped");
            let tell = tell.clone();
            std::thread::spawn(move || {
                let lines = BufReader::new(out).lines().map_while(Result::ok);
                lines.for_each(|line| drop(tell.send(line)));
            });
            children.push(child);
        }
        drop(tell);
        // Each is killed after its own number of acknowledgements: the killing hits any point of the others' writing.
        luck ^= luck << 13;
        luck ^= luck >> 7;
        luck ^= luck << 17;
        let mut after: Vec<u64> = (0..4).map(|child| (luck >> (child * 8)) % 24).collect();
        after.sort_unstable();
        let mut count = 0;
        while let Some(mut child) = (!children.is_empty()).then(|| children.remove(0)) {
            let wanted = after.remove(0);
            while count < wanted {
                let line = told.recv_timeout(Duration::from_secs(30)).expect("the writers write");
                count += take(&line, &mut acknowledged);
            }
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
        for line in told {
            take(&line, &mut acknowledged);
        }
        if round % 10 == 0 {
            sound_or_torn(home.path());
        }
    }
    // The next writer mends what the last killing tore.
    open(home.path()).append(vec![event("last")]).expect("it appends");
    assert_eq!(found(&verify(home.path())), []);
    let kept = ids(home.path());
    let lost: Vec<_> = acknowledged.iter().filter(|id| !kept.contains_key(*id)).collect();
    assert_eq!(lost, Vec::<&String>::new());
    assert!(acknowledged.len() > 200, "only {} events were acknowledged", acknowledged.len());
    assert_eq!(kept.values().copied().collect::<BTreeSet<_>>().len(), kept.len(), "a number was given twice");
}

fn take(line: &str, acknowledged: &mut BTreeSet<String>) -> u64 {
    assert!(!line.starts_with("failed"), "{line}");
    u64::from(line.strip_prefix("ack ").is_some_and(|id| acknowledged.insert(id.to_owned())))
}

fn sound_or_torn(folder: &Path) {
    let torn = quarterdeck_domain::verify::Fault::Torn;
    let report = verify(folder);
    assert!(report.findings.iter().all(|finding| finding.fault == torn), "{report:?}");
}

#[test]
fn a_full_disk_fails_closed_and_leaves_no_half_line() {
    let home = tempfile::tempdir().expect("a temporary folder");
    open(home.path()).append(vec![event("before")]).expect("it appends");
    // A limit on the size of files is what an unprivileged test can have of a full disk: 16 blocks of 512 or 1024 bytes.
    let writer = writer(home.path(), "limited");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(writer.get_program())
        .args(writer.get_args());
    shell.env(FOLDER, home.path()).env(NAME, "limited").stderr(Stdio::null());
    let output = shell.output().expect("sh is everywhere");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("failed Some(NoSpace {"), "{said}");
    assert_eq!(found(&verify(home.path())), [], "what could not be written whole was taken back");
    let kept = ids(home.path());
    let acknowledged: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("ack ")).collect();
    assert!(acknowledged.len() > 4 && acknowledged.iter().all(|id| kept.contains_key(*id)), "{said}");
    assert!(fs::metadata(newest(home.path())).expect("it is there").len() <= 16 * 1024);
    assert_eq!(files(&home.path().join("journal")).expect("it can be listed").len(), 1);
    open(home.path()).append(vec![event("after")]).expect("with room again it appends");
}
