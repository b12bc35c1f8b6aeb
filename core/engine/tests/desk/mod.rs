//! A latch and engines' folder of its own, an engine there, and observers of it.

use quarterdeck_domain::kill::{Beat, Deadline, Initiator, Order, Record};
use quarterdeck_engine::{Client, ClientError, Duty, Environment, Identity, Places, moment};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a slow and busy machine may take for one event.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Desk {
    root: TempDir,
    /// Open, so that paths through it are short.
    engines: File,
}

/// What an engine is told to do.
pub(crate) struct Duties(Receiver<Duty>);

impl Duties {
    pub(crate) fn next(&self) -> Duty {
        self.0.recv_timeout(PATIENCE).expect("a duty")
    }

    pub(crate) fn until(&self, wanted: impl Fn(&Duty) -> bool) -> Duty {
        std::iter::repeat_with(|| self.next()).find(wanted).expect("it goes on")
    }
}

impl Desk {
    /// Folders, and no latch. Their path is longer than a socket's address.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let places = Places::under(&base(&root));
        for folder in [&places.latch, &places.engines] {
            std::fs::create_dir_all(folder).expect("folders");
        }
        Self { root, engines: File::open(places.engines).expect("a folder") }
    }

    /// With a latch that says trade, in generation 1.
    pub(crate) fn trading() -> Self {
        let desk = Self::new();
        desk.latch(&desk.record(Order::Trade, "E-0", 1));
        desk
    }

    pub(crate) fn base(&self) -> PathBuf {
        base(&self.root)
    }

    pub(crate) fn places(&self) -> Places {
        Places::under(&self.base())
    }

    pub(crate) fn socket(&self, engine: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{engine}.sock", self.engines.as_raw_fd()))
    }

    pub(crate) fn record(&self, order: Order, episode: &str, generation: u64) -> Record {
        let now = moment();
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
        let deadline = (order == Order::Stop).then(|| Deadline::after(&now, Deadline::WINDOW));
        let first = Record::first(Environment::Qa, &now, by);
        Record { order, level: order.level(), episode: episode.into(), generation, deadline, ..first }
    }

    /// Writes the latch.
    pub(crate) fn latch(&self, record: &Record) {
        self.write(&record.bytes());
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        let folder = self.places().latch;
        std::fs::write(folder.join("next"), bytes).expect("written");
        std::fs::rename(folder.join("next"), folder.join("latch")).expect("renamed");
    }

    pub(crate) fn start(&self) -> (Client, Duties) {
        let (tell, told) = channel();
        // The test may have ended.
        (self.start_with(move |_, duty| drop(tell.send(duty.clone()))), Duties(told))
    }

    pub(crate) fn start_with(&self, heard: impl FnMut(&Client, &Duty) + Send + 'static) -> Client {
        Client::start(self.places(), self.identity("alpha-us"), heard).expect("an engine")
    }

    pub(crate) fn try_start(&self, name: &str) -> Result<Client, ClientError> {
        Client::start(self.places(), self.identity(name), |_, _| ())
    }

    fn identity(&self, name: &str) -> Identity {
        Identity { name: name.into(), account: "U1234789".into(), environment: Environment::Qa }
    }

    /// Looks again and again, in step with the engine's beats.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: it did not happen");
            std::thread::yield_now();
        }
    }

    pub(crate) fn status_until(&self, wanted: impl Fn(&Beat) -> bool) -> Beat {
        self.status_of("alpha-us", wanted)
    }

    pub(crate) fn status_of(&self, engine: &str, wanted: impl Fn(&Beat) -> bool) -> Beat {
        let path = self.places().engines.join(format!("{engine}.json"));
        self.until("the status file", || {
            let beat: Beat = serde_json::from_slice(&std::fs::read(&path).ok()?).expect("a whole beat");
            wanted(&beat).then_some(beat)
        })
    }
}

fn base(root: &TempDir) -> PathBuf {
    root.path().join("d".repeat(120))
}

/// A stop whose deadline is so near.
pub(crate) fn stop_in(window: Duration, record: Record) -> Record {
    let window = window.try_into().expect("short");
    Record { deadline: Some(Deadline::after(&moment(), window)), ..record }
}

/// A cockpit's end of the socket.
pub(crate) struct Observer {
    lines: BufReader<UnixStream>,
}

impl Observer {
    pub(crate) fn at(desk: &Desk) -> Self {
        let stream = UnixStream::connect(desk.socket("alpha-us")).expect("the engine listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_write_timeout(Some(PATIENCE)).expect("set");
        Self { lines: BufReader::new(stream) }
    }

    pub(crate) fn stream(&self) -> UnixStream {
        self.lines.get_ref().try_clone().expect("a second handle")
    }

    pub(crate) fn first_line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line in time");
        line
    }

    pub(crate) fn beat(&mut self) -> Beat {
        let line = self.first_line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub(crate) fn until(&mut self, wanted: impl Fn(&Beat) -> bool) -> Beat {
        std::iter::repeat_with(|| self.beat()).find(wanted).expect("it goes on")
    }

    /// The next refusal, past the beats before it.
    pub(crate) fn refusal(&mut self) -> String {
        std::iter::repeat_with(|| self.first_line()).find(|line| line.starts_with("{\"refused\"")).expect("it goes on")
    }

    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end too: something it had sent was never read.
        let _ = self.lines.read_to_end(&mut rest);
        self.stream().write_all(b"{}\n").is_err()
    }

    pub(crate) fn line(record: &Record) -> Vec<u8> {
        format!("{}\n", serde_json::json!({ "latch": record })).into_bytes()
    }

    pub(crate) fn hand(&mut self, record: &Record) {
        self.write(&Self::line(record));
    }

    /// Whoever is cut off while writing notices when reading.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream().write_all(bytes);
    }
}
