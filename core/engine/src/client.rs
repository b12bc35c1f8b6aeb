//! What an engine holds in its hands: a permit for each order, the duty of the moment, and where to say what the venue
//! says. Refuses to wait for an observer, and to take an engine's word for flat without a look at the venue.

use crate::closings::{self, Closings, INSTRUMENT};
use crate::error::ClientError;
use crate::gate::Gate;
use crate::latch::Latch;
use crate::obey::{Fact, Obedience};
use crate::shell::{self, Ending, Say, Shared, Shell, lock};
use crate::socket::{NoSocket, Observers};
use crate::status::Status;
use quarterdeck_clock::moment;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Beat, Moment, Step};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Where the kill-switch of an environment lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder of the latch: `BASE/latch`.
    pub latch: PathBuf,
    /// The folder in which engines listen and write their status: `BASE/engines`.
    pub engines: PathBuf,
}

impl Places {
    /// Both, under the environment's base folder.
    pub fn under(base: &Path) -> Self {
        Self { latch: base.join("latch"), engines: base.join("engines") }
    }
}

/// Who the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name, which is a file name too: letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// The account; only its last four characters are ever told.
    pub account: String,
    /// The environment; a latch of another one is not believed.
    pub environment: Environment,
}

/// What has to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// 0: trade. 3: send no order. 4: cancel what rests and close what is open.
    pub level: u8,
    /// The episode; none before the first.
    pub episode: Option<String>,
    /// The highest generation seen.
    pub generation: u64,
    /// Level 4 because the deadline of level 3 passed, and no record says so yet.
    pub by_deadline: bool,
}

/// A number that the venue told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How many.
    pub count: u64,
    /// From before the venue was asked: [`crate::moment`].
    pub at: Moment,
}

/// What the next beats say. What is not known is `None`, never 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// There are orders to send, if they may be: `trading` instead of `idle`.
    pub busy: bool,
    /// Orders that rest at the venue.
    pub orders: Option<Seen>,
    /// Instruments with a position.
    pub positions: Option<Seen>,
    /// When the last order was sent: [`crate::moment`], taken under its permit.
    pub last_order: Option<Moment>,
    /// The link to the venue is up.
    pub link_up: bool,
    /// What keeps the engine from the next step, in words; empty when nothing does. At level 4 it makes it RESIDUAL.
    pub trouble: String,
}

/// What to do about a position at level 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// Close it by a reduce-only market order under this id.
    Send {
        /// `qd-EPISODE-INSTRUMENT`: always the same, so that the venue refuses a second one.
        client_order_id: String,
        /// It was handed out before and never confirmed: it may be at the venue already. Look there first.
        again: bool,
    },
    /// It was sent and confirmed in this episode: never again, whatever position is there now.
    Done,
}

/// The right to send one order. Held while the order is on its way, dropped once the venue has taken or refused it: no
/// stop is answered with BLOCKED while one is held.
#[derive(Debug)]
pub struct Permit<'a> {
    gate: &'a Gate,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.gate.back();
    }
}

/// The kill-switch's client in an engine. Clones are the same client; when the last is dropped without
/// [`Client::stop`], it ends as if the process had died.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// `None` in what is handed to `heard`: that one keeps nothing alive.
    life: Option<Arc<Life>>,
}

#[derive(Debug)]
struct Life {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Life {
    fn end(&self, ending: Ending) {
        self.shared.end(ending);
        if let Some(thread) = lock(&self.thread).take() {
            // It doesn't panic; if it did, the gate is shut.
            let _ = thread.join();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end(Ending::Abandon);
    }
}

impl Client {
    /// Starts: reads the latch, listens, beats. `heard` is called on a thread of its own with the first duty, at each
    /// change, and again each second while the level is 4; it may take its time and may call the client.
    pub fn start(
        places: Places,
        identity: Identity,
        heard: impl FnMut(&Client, &Duty) + Send + 'static,
    ) -> Result<Client, ClientError> {
        Self::start_saying(places, identity, heard, Some)
    }

    /// As [`Client::start`], and every beat, to sockets and status file, is first handed to `say`, which may change it or
    /// keep it back. For simulated engines, which have to go wrong on purpose; an engine that trades has no use for it.
    pub fn start_saying(
        places: Places,
        identity: Identity,
        heard: impl FnMut(&Client, &Duty) + Send + 'static,
        say: impl FnMut(Beat) -> Option<Beat> + Send + 'static,
    ) -> Result<Client, ClientError> {
        let (shell, shared) = set_up(places, identity, Box::new(say))?;
        let shared = Arc::new(shared);
        let thread = |name: &str| std::thread::Builder::new().name(name.into());
        let duties = Client { shared: shared.clone(), life: None };
        thread("kill-duty").spawn(move || hand_out(&duties, heard)).map_err(ClientError::Thread)?;
        let of_shell = shared.clone();
        let running = thread("kill-beat").spawn(move || shell.run(&of_shell)).map_err(ClientError::Thread)?;
        let life = Life { shared: shared.clone(), thread: Mutex::new(Some(running)) };
        Ok(Client { shared, life: Some(Arc::new(life)) })
    }

    /// The right to send one order, asked for each one; `None` while blocked, and where the latch was not looked at for
    /// three seconds: the process was asleep. Closing orders of level 4 need none: see [`Client::closing`].
    pub fn permit(&self) -> Option<Permit<'_>> {
        self.shared.gate.pass(&moment()).then(|| Permit { gate: &self.shared.gate })
    }

    /// What has to be done now.
    pub fn duty(&self) -> Duty {
        self.shared.look(Obedience::duty)
    }

    /// Says what the venue says. The next beat tells it; a proof that no longer holds takes its step back at once.
    pub fn report(&self, report: Report) {
        self.shared.said(&Fact::Said(&report), |_| ());
    }

    /// CANCELLED: true if it is believed. The last report has to say that no order rests, as seen after BLOCKED.
    pub fn cancelled(&self, duty: &Duty) -> bool {
        self.is_of(duty) && self.shared.said(&Fact::Cancelled, |now| now.step() >= Step::Cancelled)
    }

    /// FLAT: true if it is believed. The last report has to say no resting order and no position, both as seen after
    /// BLOCKED.
    pub fn flat(&self, duty: &Duty) -> bool {
        self.is_of(duty) && self.shared.said(&Fact::Flat, |now| now.step() == Step::Flat)
    }

    /// What to do about the position in an instrument. What it answers is on the disk before it is answered.
    pub fn closing(&self, duty: &Duty, instrument: &str) -> Result<Closing, ClientError> {
        let episode = self.episode(duty, instrument)?;
        lock(&self.shared.closings).closing(episode, instrument).map_err(|why| self.ledger(why))
    }

    /// The venue confirmed the closing order: from now on [`Closing::Done`], in this process and after it.
    pub fn closed(&self, duty: &Duty, instrument: &str) -> Result<(), ClientError> {
        let episode = duty.episode.as_deref().ok_or(ClientError::NotNow)?;
        lock(&self.shared.closings).closed(episode, instrument).map_err(|why| self.ledger(why))
    }

    /// How many were refused at the socket.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Leaves. Socket and status file go if trading was normal; else the status file stays and says that the engine left
    /// while it was stopped.
    pub fn stop(self) {
        match &self.life {
            Some(life) => life.end(Ending::Leave),
            None => self.shared.end(Ending::Leave),
        }
    }

    /// The duty is still this episode's level 4. A later generation of it asks for the same.
    fn is_of(&self, duty: &Duty) -> bool {
        let now = self.duty();
        now.level == 4 && duty.level == 4 && now.episode == duty.episode
    }

    fn episode<'a>(&self, duty: &'a Duty, instrument: &str) -> Result<&'a str, ClientError> {
        if !self.is_of(duty) || !self.shared.look(Obedience::closes) {
            return Err(ClientError::NotNow);
        }
        let plain = !instrument.is_empty() && !instrument.chars().any(char::is_control);
        if !plain || instrument.len() > INSTRUMENT {
            return Err(ClientError::Instrument(instrument.escape_debug().take(INSTRUMENT).collect()));
        }
        duty.episode.as_deref().ok_or(ClientError::NotNow)
    }

    fn ledger(&self, why: io::Error) -> ClientError {
        ClientError::Ledger { path: self.shared.closings_path.clone(), why }
    }
}

/// Opens everything, and looks at the latch for the first time.
fn set_up(places: Places, identity: Identity, say: Say) -> Result<(Shell, Shared), ClientError> {
    let name = identity.name.clone();
    if !is_name(&name) {
        return Err(ClientError::Name(name.escape_debug().take(LONGEST_NAME).collect()));
    }
    let identity = Identity { account: masked(&identity.account), ..identity };
    let failed = |doing, path: &Path, why: io::Error| ClientError::Folder { doing, path: path.to_owned(), why };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(CWD, &places.engines, flags, Mode::empty())
        .map_err(|why| failed("opening the engines' folder", &places.engines, why.into()))?;
    let lock = lock_name(&folder, &name).map_err(|why| match why.kind() {
        io::ErrorKind::WouldBlock => {
            ClientError::Running { name: name.clone(), found: format!("it holds {name}.lock") }
        }
        _ => failed("locking the engine's name in", &places.engines, why),
    })?;
    let closings_path = places.engines.join(closings::file_name(&name));
    let closings =
        Closings::open(&folder, &name).map_err(|why| failed("opening the ledger of closings", &closings_path, why))?;
    let mut observers = Observers::new(&name, identity.environment);
    let trouble = match observers.listen(&folder) {
        Ok(()) => Vec::new(),
        Err(NoSocket::Answered) => {
            return Err(ClientError::Running { found: format!("somebody answers at {name}.sock"), name });
        }
        // It obeys the latch file all the same, and tries again each second.
        Err(why) => vec![shell::no_socket(&why)],
    };
    let gate = Gate::new().map_err(ClientError::Thread)?;
    let status = Status::new(&name);
    let mut left = status.left(&places.engines, identity.environment.name());
    if let Some(left) = &mut left {
        left.closing_has_begun(|episode| closings.has_begun(episode));
    }
    let shared = Shared::new(Obedience::begin(left, &moment()), gate, closings, closings_path);
    let latch = Latch::new(places.latch, identity.environment);
    let mut shell = Shell { identity, folder, _name: lock, latch, observers, status, say, trouble, second: 0 };
    shell.turn(&shared);
    Ok((shell, shared))
}

/// The lock is never removed, and falls with the process.
fn lock_name(folder: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(folder, format!("{name}.lock"), flags, Mode::from_raw_mode(0o640))?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file.into())
}

fn hand_out(client: &Client, mut heard: impl FnMut(&Client, &Duty)) {
    let mut known = 0;
    while let Some(duty) = client.shared.duties.next(&mut known) {
        // One failure of the engine's own code must not keep the next duty from it.
        let _ = catch_unwind(AssertUnwindSafe(|| heard(client, &duty)));
    }
}

const LONGEST_NAME: usize = 64;

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.starts_with('.') && name.chars().all(plain)
}

/// An account's last four characters; none of one that has no more than that.
fn masked(account: &str) -> String {
    let characters: Vec<char> = account.chars().collect();
    let shown = if characters.len() > 4 { &characters[characters.len() - 4..] } else { &[] };
    format!("****{}", shown.iter().collect::<String>())
}
