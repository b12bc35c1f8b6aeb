//! A base folder with a latch, an engine in a process of its own, and what can be seen of it from outside: its beats,
//! its venue's file and its audit file.

use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Beat, Deadline, Initiator, Order, Record};
use quarterdeck_simulator::venue::{Book, Fact};
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One environment's folders.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    /// With a latch of generation 0.
    pub(crate) fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().expect("a folder") };
        for name in ["base/latch", "base/engines"] {
            std::fs::create_dir_all(stage.path(name)).expect("a folder");
        }
        stage.order(Order::Trade, 0);
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the latch, as a cockpit does. Generation 0 is before the first episode.
    pub(crate) fn order(&self, order: Order, generation: u64) {
        let now = quarterdeck_clock::moment();
        let by = Initiator {
            kind: "person".into(),
            person: "alice".into(),
            role: None,
            session: "s".into(),
            uid: 0,
            host: "h".into(),
            program: "kill".into(),
            bound: false,
        };
        let record = Record {
            episode: if generation == 0 { "E-0".into() } else { "E-7".into() },
            generation,
            order,
            level: order.level(),
            deadline: (order == Order::Stop).then(|| Deadline::after(&now, Deadline::WINDOW)),
            ..Record::first(Environment::Demo, &now, by)
        };
        let next = self.path("base/latch/next");
        std::fs::write(&next, record.bytes()).expect("written");
        std::fs::rename(next, self.path("base/latch/latch")).expect("renamed");
    }

    /// The latch as it stands.
    pub(crate) fn latch(&self) -> Record {
        let bytes = std::fs::read(self.path("base/latch/latch")).expect("a latch");
        Record::parse(&bytes, Environment::Demo).expect("a record")
    }

    /// Starts the engine, and waits for its first line.
    pub(crate) fn engine(&self, words: &[&str]) -> Engine {
        let word = |key: &str, name: &str| format!("{key}={}", self.path(name).display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_simulator-subject"))
            .args([
                word("base", "base"),
                word("state", "venues"),
                word("audit", "orders.jsonl"),
                word("control", "control"),
            ])
            .args(["orders=4", "positions=3", "rate=0/s", "fills-ms=3600000", "with-parent=yes"])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut first).expect("a line");
        Engine { child, first }
    }

    /// The engine's beats, from now on.
    pub(crate) fn beats(&self) -> Beats {
        let stream = UnixStream::connect(self.path("base/engines/alpha-us.sock")).expect("it listens");
        Beats { lines: BufReader::new(stream), generation: 0 }
    }

    /// The engine's status file.
    pub(crate) fn status(&self) -> Option<Beat> {
        let text = std::fs::read(self.path("base/engines/alpha-us.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Everything that the venue accepted, oldest first.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let text = std::fs::read_to_string(self.path("venues/venue-alpha-us.jsonl")).expect("a venue");
        text.lines().map(|line| serde_json::from_str(line).expect("a fact")).collect()
    }

    /// The audit file's lines: event type, resource id and status.
    pub(crate) fn audit(&self) -> Vec<(String, String, String)> {
        let text = std::fs::read_to_string(self.path("orders.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            let word = |value: &serde_json::Value| value.as_str().expect("a word").to_owned();
            (word(&line["event_type"]), word(&line["action"]["resource_id"]), word(&line["result"]["status"]))
        };
        whole.lines().map(parse).collect()
    }

    /// How many orders were submitted, closing ones too.
    pub(crate) fn submitted(&self) -> usize {
        self.audit().iter().filter(|(kind, ..)| kind == "ORDER_SUBMIT").count()
    }

    /// Tells the running engine how to go wrong.
    pub(crate) fn control(&self, words: &str) {
        let next = self.path("control.next");
        std::fs::write(&next, words).expect("written");
        std::fs::rename(next, self.path("control")).expect("renamed");
    }
}

/// Asks until it holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::yield_now();
    }
}

/// Folds the facts and holds what must hold of all of them: a close leads towards zero and never past it, and there is
/// at most one for each id.
#[track_caller]
pub(crate) fn sound(facts: &[Fact]) -> Book {
    let (mut book, mut closed) = (Book::default(), Vec::new());
    for fact in facts {
        if let Fact::Closed(order) = fact {
            let (was, by) = (book.position(&order.instrument), order.quantity);
            assert!(was.signum() == -by.signum() && was.abs() >= by.abs(), "{order:?} turned {was} round");
            assert!(!closed.contains(&order.id), "{order:?} was closed twice");
            closed.push(order.id.clone());
        }
        book.apply(fact.clone());
    }
    book
}

/// A running engine. It ends with its test: its standard input closes.
pub(crate) struct Engine {
    child: Child,
    /// What it said first.
    pub(crate) first: String,
}

impl Engine {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> ExitStatus {
        // Not by its standard input: that would be another end.
        let stdin = self.child.stdin.take();
        let status = self.child.wait().expect("it ends");
        drop(stdin);
        status
    }

    /// True when it killed itself.
    #[track_caller]
    pub(crate) fn died(self) {
        assert_eq!(self.ended().signal(), Some(9));
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it ends");
    }

    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is ours");
    }

    /// Closes its standard input.
    pub(crate) fn leave(mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection to an engine's socket.
pub(crate) struct Beats {
    lines: BufReader<UnixStream>,
    generation: u64,
}

impl Beats {
    /// The next beat; none when the engine is gone. No generation ever falls.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Beat> {
        self.lines.get_ref().set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("no beat: {error}"),
        }
        let beat: Beat = serde_json::from_str(&line).expect("a beat");
        assert!(beat.generation >= self.generation, "the generation fell: {line}");
        self.generation = beat.generation;
        Some(beat)
    }

    /// Reads on until a beat is as it should be.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Beat) -> bool) -> Beat {
        self.until_never(what, holds, |_| false)
    }

    /// The same, and no beat before it may be like that.
    #[track_caller]
    pub(crate) fn until_never(
        &mut self,
        what: &str,
        holds: impl Fn(&Beat) -> bool,
        never: impl Fn(&Beat) -> bool,
    ) -> Beat {
        let end = Instant::now() + PATIENCE;
        loop {
            let beat = self.next().unwrap_or_else(|| panic!("it ended before {what}"));
            assert!(!never(&beat), "before {what}: {beat:?}");
            if holds(&beat) {
                return beat;
            }
            assert!(Instant::now() < end, "waited for {what}; it says {beat:?}");
        }
    }

    /// True when a beat waits to be read.
    pub(crate) fn waits(&mut self) -> bool {
        self.lines.get_ref().set_nonblocking(true).expect("non-blocking");
        let waits = self.lines.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        self.lines.get_ref().set_nonblocking(false).expect("blocking");
        waits
    }
}
