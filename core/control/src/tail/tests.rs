//! The tail on a real disk: everything that programs and rotators do to a file.

use super::*;
use crate::journal::{FileJournal, Journal, Opening};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::{Actor, Event, EventId};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// A tail and what it has told.
struct Watcher {
    tail: Tail,
    news: Receiver<TailNews>,
    lines: Vec<AuditLine>,
    sources: Vec<SourceRow>,
    deliveries: usize,
}

fn noon() -> Timestamp {
    "2026-11-08T12:00:00Z".parse().expect("a test's own timestamp")
}

fn file(path: &Path) -> Source {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a test's own name");
    Source { name: name.into(), at: Location::File(path.into()), every: None }
}

impl Watcher {
    fn of(sources: Vec<Source>, first_lines: usize) -> Self {
        let (tell, news) = mpsc::channel();
        let options = TailOptions { first_lines, clock: noon };
        let tail = Tail::start(sources, options, move |news| drop(tell.send(news))).expect("it starts");
        let mut watcher = Self { tail, news, lines: Vec::new(), sources: Vec::new(), deliveries: 0 };
        watcher.hear();
        watcher
    }

    fn on(path: &Path) -> Self {
        Self::of(vec![file(path)], 1_000)
    }

    fn hear(&mut self) {
        let news = self.news.recv_timeout(Duration::from_secs(30)).expect("something arrives");
        self.lines.extend(news.lines);
        self.sources = news.sources;
        self.deliveries += 1;
    }

    fn until_lines(&mut self, count: usize) -> Vec<&str> {
        while self.lines.len() < count {
            self.hear();
        }
        self.texts()
    }

    fn until(&mut self, fits: impl Fn(&SourceRow) -> bool) {
        while !fits(&self.sources[0]) {
            self.hear();
        }
    }

    fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(AuditLine::resource).collect()
    }
}

fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the file opens");
    file.write_all(text.as_ref()).expect("there is room");
}

fn numbered(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("line {number}\n")).collect()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn the_last_lines_come_first_and_new_ones_after_them() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, numbered(0..100_000));
    let mut watcher = Watcher::of(vec![file(&path)], 3);
    assert_eq!(watcher.texts(), ["line 99997", "line 99998", "line 99999"]);
    assert_eq!((watcher.sources[0].lines, watcher.sources[0].trouble.clone()), (3, None));
    append(&path, "one more\nand half");
    append(&path, " a line\n");
    assert_eq!(watcher.until_lines(5)[3..], ["one more", "and half a line"]);
    assert_eq!(watcher.sources[0].heard_at, Some(noon()));
}

#[test]
fn ten_thousand_lines_with_one_timestamp_all_arrive() {
    let home = folder();
    let path = home.path().join("a.jsonl");
    append(&path, "");
    let mut watcher = Watcher::on(&path);
    let line = |number| format!("{{\"timestamp\":\"2026-11-08T12:00:00.000Z\",\"n\":{number}}}\n");
    let mut writer = OpenOptions::new().append(true).open(&path).expect("the file opens");
    for number in 0..10_000 {
        writer.write_all(line(number).as_bytes()).expect("there is room");
    }
    let expected: Vec<String> = (0..10_000).map(|number| line(number).trim_end().to_owned()).collect();
    assert_eq!(watcher.until_lines(10_000), expected);
    assert!(watcher.lines.iter().all(|line| line.at == Some(noon())));
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_its_successor_from_its_beginning() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "");
    let mut watcher = Watcher::on(&path);
    let mut writer = OpenOptions::new().append(true).open(&path).expect("the file opens");
    for round in 0..20 {
        writer.write_all(numbered(round * 500..round * 500 + 250).as_bytes()).expect("there is room");
        fs::rename(&path, home.path().join(format!("a.log.{round}"))).expect("it is ours");
        // A writer goes on in the renamed file until it is told.
        writer.write_all(numbered(round * 500 + 250..round * 500 + 499).as_bytes()).expect("there is room");
        writer = OpenOptions::new().append(true).create(true).open(&path).expect("the file opens");
        writer.write_all(format!("line {}\n", round * 500 + 499).as_bytes()).expect("there is room");
        watcher.until_lines((round + 1) * 500);
    }
    let told: BTreeSet<&str> = watcher.texts().into_iter().collect();
    let wanted = numbered(0..10_000);
    assert_eq!(told, wanted.lines().collect());
    assert_eq!(watcher.lines.len(), 10_000, "none came twice");
    writer.write_all(b"after\n").expect("there is room");
    assert_eq!(watcher.until_lines(10_001).last(), Some(&"after"));
}

#[test]
fn rotations_while_the_screen_is_busy_lose_no_line() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, numbered(0..10));
    let (tell, news) = mpsc::channel();
    let (busy, free) = mpsc::channel::<()>();
    let options = TailOptions { first_lines: 100, clock: noon };
    let tail = Tail::start(vec![file(&path)], options, move |news| {
        // A receiver that is gone must not hold the tail up for ever.
        if tell.send(news).is_ok() {
            let _ = free.recv();
        }
    });
    let first = news.recv_timeout(Duration::from_secs(30)).expect("the first screen comes");
    let mut texts: Vec<String> = first.lines.iter().map(|line| line.resource().to_owned()).collect();
    for round in 1..6 {
        append(&path, numbered(round * 10..round * 10 + 5));
        // As logrotate does it: each older one moves on by one.
        for older in (1..round).rev() {
            let name = |number: usize| home.path().join(format!("a.log.{number}"));
            fs::rename(name(older), name(older + 1)).expect("it is ours");
        }
        fs::rename(&path, home.path().join("a.log.1")).expect("it is ours");
        append(&path, numbered(round * 10 + 5..round * 10 + 10));
    }
    drop(busy);
    while texts.len() < 60 {
        let more = news.recv_timeout(Duration::from_secs(30)).expect("the rest comes");
        texts.extend(more.lines.iter().map(|line| line.resource().to_owned()));
    }
    assert_eq!(texts, numbered(0..60).lines().collect::<Vec<_>>());
    drop(tail);
}

#[test]
fn a_file_that_is_copied_and_cut_loses_no_line() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "");
    let mut watcher = Watcher::on(&path);
    let mut writer = OpenOptions::new().append(true).open(&path).expect("the file opens");
    for round in 0..20 {
        writer.write_all(numbered(round * 500..round * 500 + 480).as_bytes()).expect("there is room");
        // The first round waits, so that a part of the file was read; the others race.
        if round == 0 {
            watcher.until_lines(480);
            writer.write_all(numbered(480..490).as_bytes()).expect("there is room");
        } else {
            writer.write_all(numbered(round * 500 + 480..round * 500 + 490).as_bytes()).expect("there is room");
        }
        fs::copy(&path, home.path().join(format!("a.log.{round}"))).expect("there is room");
        writer.set_len(0).expect("it is ours");
        writer.write_all(numbered(round * 500 + 490..round * 500 + 500).as_bytes()).expect("there is room");
        watcher.until_lines((round + 1) * 500);
    }
    assert_eq!(watcher.texts(), numbered(0..10_000).lines().collect::<Vec<_>>());
}

#[test]
fn a_file_that_is_cut_and_grows_past_where_it_was_is_read_from_its_beginning() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "old 1\nold 2\n");
    let mut watcher = Watcher::on(&path);
    let writer = OpenOptions::new().write(true).open(&path).expect("the file opens");
    writer.set_len(0).expect("it is ours");
    append(&path, numbered(0..50));
    watcher.until_lines(52);
    assert_eq!(watcher.texts()[2..], numbered(0..50).lines().collect::<Vec<_>>());
}

#[test]
fn a_file_and_its_folder_may_come_later_and_go_and_come_again() {
    let home = folder();
    let path = home.path().join("logs/app/a.log");
    let mut watcher = Watcher::on(&path);
    assert_eq!(watcher.sources[0].trouble.as_deref(), Some("not there yet"));
    fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
    append(&path, "first\n");
    assert_eq!(watcher.until_lines(1), ["first"]);
    watcher.until(|row| row.trouble.is_none());
    fs::remove_file(&path).expect("it is ours");
    watcher.until(|row| row.trouble.as_deref() == Some("gone, waiting for a new one"));
    append(&path, "second\n");
    assert_eq!(watcher.until_lines(2), ["first", "second"]);
    fs::rename(home.path().join("logs/app"), home.path().join("logs/old")).expect("it is ours");
    watcher.until(|row| row.trouble.is_some());
    fs::create_dir(home.path().join("logs/app")).expect("there is room");
    append(&path, "third\n");
    assert_eq!(watcher.until_lines(3), ["first", "second", "third"]);
    fs::remove_dir_all(home.path().join("logs")).expect("it is ours");
    watcher.until(|row| row.trouble.is_some());
    fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
    append(&path, "fourth\n");
    assert_eq!(watcher.until_lines(4)[3], "fourth");
}

#[test]
fn a_torn_line_waits_for_its_end_and_is_told_when_it_has_none() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "whole\nhalf");
    let mut watcher = Watcher::on(&path);
    assert_eq!(watcher.texts(), ["whole"]);
    fs::rename(&path, home.path().join("a.log.1")).expect("it is ours");
    append(&path, "new\n");
    assert_eq!(watcher.until_lines(2), ["whole", "new"]);
    // It is finished in the renamed file.
    append(&home.path().join("a.log.1"), " and half\nagain half");
    assert_eq!(watcher.until_lines(3)[2], "half and half");
    fs::remove_file(home.path().join("a.log.1")).expect("it is ours");
    watcher.until_lines(4);
    assert_eq!((watcher.lines[3].kind(), watcher.lines[3].resource()), ("TORN_LINE", "again half"));
}

#[test]
fn a_torn_end_that_is_taken_back_is_no_new_file() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "whole\n");
    let mut watcher = Watcher::on(&path);
    append(&path, "torn");
    append(&path, " more");
    let writer = OpenOptions::new().write(true).open(&path).expect("the file opens");
    writer.set_len(6).expect("it is ours");
    append(&path, "mended, and longer than what was torn\n");
    assert_eq!(watcher.until_lines(2), ["whole", "mended, and longer than what was torn"]);
    append(&path, "next\n");
    assert_eq!(watcher.until_lines(3)[2], "next");
}

#[test]
fn lines_of_a_megabyte_and_more_are_capped_and_the_next_is_whole() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "");
    let mut watcher = Watcher::on(&path);
    append(&path, format!("{}\n", "x".repeat(1_000_000)));
    append(&path, format!("{}\nafter\n", "y".repeat(5_000_000)));
    watcher.until_lines(3);
    assert!(watcher.texts()[0].starts_with("xxxx") && watcher.texts()[1].starts_with("yyyy"));
    assert_eq!((watcher.lines[1].place.length, watcher.texts()[2]), (5_000_000, "after"));
    let rows = watcher.tail.places().fetch(watcher.lines[1].place).expect("it is there");
    assert_eq!(rows.last().map(String::as_str), Some("(the first 1048576 of 5000000 bytes)"));
    // A first screen that would begin inside a giant begins behind it.
    append(&path, format!("{}\nlast\n", "z".repeat(9_000_000)));
    assert_eq!(Watcher::on(&path).texts(), ["last"]);
}

#[test]
fn nothing_in_a_line_can_disturb_a_screen() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, b"a\x1b[2J\x07\n\xff\xfe\n\xe2\x80\xae\xe2\x80\x8bb\r\n\n   \npassword=hunter2\n");
    let watcher = Watcher::on(&path);
    assert_eq!(watcher.texts(), ["a<1b>[2J<07>", "\u{fffd}\u{fffd}", "<202e><200b>b", "password=[REDACTED]"]);
}

#[test]
fn several_sources_are_merged_by_time_at_first_and_by_arrival_then() {
    let home = folder();
    let line = |second: u32, text: &str| {
        format!("{{\"timestamp\":\"2026-11-08T12:00:{second:02}Z\",\"event_type\":\"{text}\",\"success\":true}}\n")
    };
    let (one, two) = (home.path().join("one"), home.path().join("two"));
    append(&one, line(1, "a") + &line(3, "c"));
    append(&two, line(2, "b") + "no time\n" + &line(4, "d"));
    let mut watcher = Watcher::of(vec![file(&one), file(&two)], 1_000);
    let kinds = |watcher: &Watcher| watcher.lines.iter().map(|line| line.kind().to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(&watcher), ["A", "B", "TEXT", "C", "D"]);
    append(&two, line(30, "late"));
    watcher.until_lines(6);
    append(&one, line(20, "later"));
    watcher.until_lines(7);
    assert_eq!(kinds(&watcher)[5..], ["LATE", "LATER"]);
    let told: Vec<_> = watcher.lines.iter().map(|line| &*line.source).collect();
    assert_eq!(told, ["one", "two", "two", "one", "two", "two", "one"]);
    assert_eq!(watcher.sources.iter().map(|row| row.lines).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn the_journal_is_followed_over_its_files_and_its_torn_ends() {
    let home = folder();
    let at = home.path().join("state/journal");
    let source = Source { name: "journal".into(), at: Location::Journal(at.clone()), every: None };
    let mut watcher = Watcher::of(vec![source.clone()], 1_000);
    assert_eq!(watcher.sources[0].trouble.as_deref(), Some("not there yet"));
    let opening = Opening { roll_at: 2_500, lock_wait: Duration::from_secs(30), ..Opening::of(&at, None, "sess-1") };
    let journal = FileJournal::open(opening).expect("it opens");
    let event = |number: usize| {
        let id = EventId { event: format!("evt-{number}"), request: format!("req-{number}") };
        Event::new(EventKind::SecretRead, noon(), id, Actor::system("sess-1"), None).on(format!("secret://x/{number}"))
    };
    for number in 0..20 {
        journal.append(vec![event(number)]).expect("it appends");
        if number == 10 {
            let newest = crate::journal::files(&at).expect("it can be listed").pop().expect("there is one");
            append(&at.join(newest), "{\"torn");
        }
    }
    let files = crate::journal::files(&at).expect("it can be listed");
    assert!(files.len() > 3, "{files:?}");
    let count = usize::try_from(journal.head().seq).expect("it is small");
    watcher.until_lines(count);
    let reads = |watcher: &Watcher| {
        let lines = watcher.lines.iter().filter(|line| line.kind() == "SECRET_READ");
        lines.map(|line| line.resource().to_owned()).collect::<Vec<_>>()
    };
    let all: Vec<String> = (0..20).map(|number| format!("x/{number}")).collect();
    assert_eq!(reads(&watcher), all);
    assert_eq!(watcher.lines.iter().filter(|line| line.kind() == "JOURNAL_RECOVERED").count(), 1);
    let late = Watcher::of(vec![source], 1_000);
    assert_eq!(reads(&late), all, "the first screen goes back over the files");
    let rows = late.tail.places().fetch(late.lines[1].place).expect("it is there").join("\n");
    assert!(rows.contains("\"event_id\": \"evt-0\"") && rows.contains("\"_c\": {"), "{rows}");
}

#[test]
fn a_whole_line_is_fetched_from_wherever_its_file_went() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "{\"a\":1,\"token\":\"abc\"}\nsecond\n");
    let watcher = Watcher::on(&path);
    let places = watcher.tail.places();
    let fetch = |index: usize| places.fetch(watcher.lines[index].place);
    let rows = ["{", "  \"a\": 1,", "  \"token\": \"[REDACTED]\"", "}"];
    assert_eq!(fetch(0).expect("it is there"), rows);
    fs::rename(&path, home.path().join("a.log.1")).expect("it is ours");
    append(&path, "another\n");
    assert_eq!(
        (fetch(0).expect("it is there"), fetch(1).expect("it is there")),
        (rows.map(String::from).to_vec(), vec!["second".to_owned()])
    );
    fs::write(home.path().join("a.log.1"), "{\"other\":\"line that is longer\"}\nx\n").expect("it is ours");
    assert!(matches!(fetch(0), Err(FetchError::Gone)));
    fs::remove_file(home.path().join("a.log.1")).expect("it is ours");
    assert!(matches!(fetch(1), Err(FetchError::Gone)));
}

#[test]
fn what_is_no_file_is_told_and_waited_for() {
    let home = folder();
    let path = home.path().join("a.log");
    fs::create_dir(&path).expect("there is room");
    let mut watcher = Watcher::on(&path);
    watcher.until(|row| row.trouble.as_deref().is_some_and(|trouble| trouble.starts_with("can't be read")));
    fs::remove_dir(&path).expect("it is ours");
    append(&path, "at last\n");
    assert_eq!(watcher.until_lines(1), ["at last"]);
}

#[test]
fn a_flood_is_bundled_and_a_neighbour_is_not_heard() {
    let home = folder();
    let path = home.path().join("a.log");
    append(&path, "");
    let mut watcher = Watcher::on(&path);
    let mut neighbour = File::create(home.path().join("b.log")).expect("there is room");
    let mut writer = OpenOptions::new().append(true).open(&path).expect("the file opens");
    for number in 0..5_000 {
        neighbour.write_all(b"x\n").expect("there is room");
        writer.write_all(format!("line {number}\n").as_bytes()).expect("there is room");
    }
    watcher.until_lines(5_000);
    assert!(watcher.deliveries < 500, "{} deliveries", watcher.deliveries);
    assert_eq!(watcher.sources[0].lines, 5_000);
}
