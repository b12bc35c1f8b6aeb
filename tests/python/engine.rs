//! The engine of `docs/engine-template`, which was written from the page alone: a real process over real latches, heard
//! over its socket and by its status file, and judged as a cockpit judges. Needs no package.

use quarterdeck_clock::moment;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Beat, Deadline, EngineStanding, Heard, Initiator, Moment, Order, Record, Step, judge};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ENGINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/engine-template/engine.py");
/// What a slow and busy machine may take for one event.
const PATIENCE: Duration = Duration::from_secs(60);

/// Folders with a latch, and the engine there. It is killed when it is dropped.
struct Desk {
    root: TempDir,
    engine: Option<Child>,
}

impl Desk {
    /// The engine runs, over this latch.
    fn over(latch: &[u8]) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["latch", "engines"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        let mut desk = Self { root, engine: None };
        desk.write(latch);
        desk.start();
        desk
    }

    fn start(&mut self) {
        let python = std::env::var_os("QUARTERDECK_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.arg(ENGINE).arg(self.root.path()).args(["py-1", "qa"]).stdin(Stdio::null());
        self.engine = Some(command.spawn().expect("a python3"));
    }

    /// SIGKILL.
    fn kill(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            engine.kill().expect("it runs");
            engine.wait().expect("it ends");
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, latch: &[u8]) {
        std::fs::write(self.path("latch/spare"), latch).expect("written");
        std::fs::rename(self.path("latch/spare"), self.path("latch/latch")).expect("renamed");
    }

    fn latch(&self, record: &Record) {
        self.write(&record.bytes());
    }

    /// Reads the status file until it says this.
    fn status(&mut self, wanted: impl Fn(&Beat) -> bool) -> Beat {
        let start = Instant::now();
        loop {
            let text = std::fs::read(self.path("engines/py-1.json")).unwrap_or_default();
            let beat = (!text.is_empty()).then(|| serde_json::from_slice(&text).expect("a whole beat"));
            if let Some(beat) = beat.filter(&wanted) {
                return beat;
            }
            let ended = self.engine.as_mut().and_then(|engine| engine.try_wait().expect("its state"));
            assert!(ended.is_none() && start.elapsed() < PATIENCE, "ended: {ended:?}, last {text:?}");
            std::thread::yield_now();
        }
    }

    fn observer(&mut self) -> BufReader<UnixStream> {
        self.status(|_| true);
        let start = Instant::now();
        loop {
            match UnixStream::connect(self.path("engines/py-1.sock")) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE)).expect("set");
                    return BufReader::new(stream);
                }
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.kill();
    }
}

fn heard(observer: &mut BufReader<UnixStream>, wanted: impl Fn(&Beat) -> bool) -> Beat {
    loop {
        let mut line = String::new();
        observer.read_line(&mut line).expect("a beat in time");
        let beat = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if wanted(&beat) {
            return beat;
        }
    }
}

fn hand(observer: &BufReader<UnixStream>, record: &Record) {
    let line = format!("{}\n", serde_json::json!({ "latch": record }));
    observer.get_ref().write_all(line.as_bytes()).expect("it reads");
}

fn record(order: Order, episode: &str, generation: u64, now: &Moment) -> Record {
    let by = Initiator {
        kind: "person".into(),
        person: "alice".into(),
        role: None,
        session: "s-1".into(),
        uid: 1000,
        host: "here".into(),
        program: "cockpit".into(),
        bound: false,
    };
    let deadline = (order == Order::Stop).then(|| Deadline::after(now, Deadline::WINDOW));
    let first = Record::first(Environment::Qa, now, by);
    Record { order, level: order.level(), episode: episode.into(), generation, deadline, ..first }
}

fn trade() -> Record {
    record(Order::Trade, "E-0", 1, &moment())
}

/// As a cockpit would have it in this moment.
fn standing(beat: &Beat, record: &Record) -> EngineStanding {
    let now = moment();
    judge("py-1", &Heard { beat: Some((beat.clone(), now.clone())), ..Heard::default() }, Some(record), &now).standing
}

#[test]
fn it_is_short_enough_to_be_read() {
    let lines = std::fs::read_to_string(ENGINE).expect("the engine").lines().count();
    assert!(lines < 80, "{lines} lines");
}

#[test]
fn the_page_names_every_field_of_a_record_and_of_a_beat() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/engines.md")).expect("the page");
    let mut desk = Desk::over(&trade().bytes());
    let beat = serde_json::to_value(desk.status(|_| true)).expect("data");
    let stop = serde_json::to_value(record(Order::Stop, "E-1", 2, &moment())).expect("data");
    let inner = [&beat, &stop, &beat["steps"], &stop["deadline"], &stop["initiator"]];
    for name in inner.iter().flat_map(|value| value.as_object().expect("an object").keys()) {
        let named = [format!("`{name}`"), format!("\"{name}\"")].iter().any(|name| page.contains(name));
        assert!(named, "docs/engines.md says nothing of '{name}'");
    }
}

#[test]
fn it_trades_stops_and_is_released_by_the_file_alone() {
    let mut desk = Desk::over(&trade().bytes());
    let beat = desk.status(|beat| beat.level == 0);
    assert_eq!((beat.resting_orders, beat.positions, beat.generation), (Some(1), Some(1), 1));
    assert_eq!(standing(&beat, &trade()), EngineStanding::Trading);
    // Nothing can listen where the socket was.
    desk.observer();
    std::fs::remove_file(desk.path("engines/py-1.sock")).expect("removed");
    std::fs::write(desk.path("engines/py-1.sock"), b"").expect("a file in its place");
    let stop = record(Order::Stop, "E-1", 2, &moment());
    desk.latch(&stop);
    let beat = desk.status(|beat| beat.step == Step::Blocked);
    assert_eq!((beat.level, beat.generation, beat.episode.as_deref()), (3, 2, Some("E-1")));
    assert_eq!((beat.resting_orders, beat.positions), (Some(1), Some(1)), "what rests may fill");
    assert_eq!(standing(&beat, &stop), EngineStanding::Blocked);
    desk.latch(&record(Order::Hold, "E-1", 3, &moment()));
    desk.status(|beat| beat.generation == 3 && beat.level == 3);
    desk.latch(&record(Order::Trade, "E-1", 4, &moment()));
    desk.status(|beat| beat.generation == 4 && beat.level == 0 && beat.step == Step::None);
}

#[test]
fn it_stops_over_the_socket_alone_and_is_not_released_there() {
    let mut desk = Desk::over(&trade().bytes());
    let mut observer = desk.observer();
    heard(&mut observer, |beat| beat.level == 0);
    let stop = record(Order::Stop, "E-1", 2, &moment());
    hand(&observer, &stop);
    let beat = heard(&mut observer, |beat| beat.step == Step::Blocked);
    assert_eq!(standing(&beat, &stop), EngineStanding::Blocked);
    hand(&observer, &record(Order::Trade, "E-1", 9, &moment()));
    let second = beat.boot_ns / 1_000_000_000;
    let beat = heard(&mut observer, |beat| beat.boot_ns / 1_000_000_000 > second + 1);
    assert_eq!((beat.level, beat.generation), (3, 2));
    hand(&observer, &record(Order::Halt, "E-1", 3, &moment()));
    heard(&mut observer, |beat| beat.step == Step::Flat);
    // A level 3 of the same episode comes too late.
    desk.latch(&record(Order::Hold, "E-1", 4, &moment()));
    let beat = heard(&mut observer, |beat| beat.generation == 4);
    assert_eq!((beat.level, beat.step), (4, Step::Flat));
    observer.get_ref().write_all(b"\xff garbage\n").expect("it reads");
    desk.latch(&record(Order::Trade, "E-1", 5, &moment()));
    desk.status(|beat| beat.level == 0);
}

#[test]
fn it_keeps_the_deadline_by_itself_and_closes_once_though_it_is_killed() {
    let mut desk = Desk::over(&trade().bytes());
    desk.status(|beat| beat.positions == Some(1));
    let now = moment();
    let soon = Deadline::after(&now, Duration::from_millis(1_500).try_into().expect("short"));
    let stop = Record { deadline: Some(soon.clone()), ..record(Order::Stop, "E-1", 2, &now) };
    desk.latch(&stop);
    let mut observer = desk.observer();
    let beat = heard(&mut observer, |beat| beat.level == 4 && beat.step == Step::Flat);
    assert!(beat.steps.received_ns >= Some(soon.boot_ns), "not before its time");
    assert_eq!((beat.generation, beat.resting_orders, beat.positions), (2, Some(0), Some(0)));
    assert_eq!(standing(&beat, &stop), EngineStanding::Flat);
    let closed = std::fs::read_to_string(desk.path("engines/py-1.closings")).expect("a ledger");
    assert_eq!(closed, "{\"episode\": \"E-1\", \"instrument\": \"ES\", \"done\": false}\n");

    // Who listens hears it a moment before the file says it.
    desk.status(|beat| beat.step == Step::Flat);
    desk.kill();
    desk.latch(&record(Order::Hold, "E-1", 3, &moment()));
    desk.start();
    let beat = desk.status(|beat| beat.generation == 3);
    assert_eq!(beat.level, 4, "a restart does not make a level 4 a level 3");
    assert_eq!(std::fs::read_to_string(desk.path("engines/py-1.closings")).expect("a ledger"), closed);

    desk.kill();
    std::fs::remove_file(desk.path("engines/py-1.json")).expect("removed");
    // Its deadline passed while nobody was there, on this boot.
    let passed = Deadline { boot_ns: moment().boot_ns - 1, ..soon };
    desk.latch(&Record { deadline: Some(passed), ..record(Order::Stop, "E-2", 5, &now) });
    desk.start();
    desk.status(|beat| beat.level == 4 && beat.episode.as_deref() == Some("E-2"));
}

#[test]
fn without_a_latch_it_blocks_and_never_closes() {
    let mut desk = Desk::over(b"{\"v\": 1, \"order\": \"halt\"");
    let beat = desk.status(|beat| beat.step == Step::Blocked);
    assert!(beat.level == 3 && !beat.trouble.is_empty(), "{beat:?}");
    let foreign = Record { environment: "paper".into(), ..record(Order::Halt, "E-1", 9, &moment()) };
    for no_latch in [foreign.bytes(), b"\0\0\0\0".to_vec(), b"[]".to_vec(), b"null".to_vec()] {
        desk.latch(&trade());
        desk.status(|beat| beat.level == 0);
        desk.write(&no_latch);
        let beat = desk.status(|beat| beat.level > 0);
        assert!(beat.level == 3 && beat.trouble.starts_with("the latch can't be read"), "{beat:?}");
        assert_eq!(beat.positions, Some(1));
    }
    std::fs::remove_file(desk.path("latch/latch")).expect("removed");
    let gone = desk.status(|beat| beat.trouble.contains("No such file"));
    assert_eq!((gone.level, gone.step), (3, Step::Blocked));
    // The very record that it obeyed before ends the doubt.
    desk.latch(&trade());
    desk.status(|beat| beat.level == 0 && beat.trouble.is_empty());
    assert!(!Path::new(&desk.path("engines/py-1.closings")).exists());
}
