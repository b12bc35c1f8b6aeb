//! What an engine holds in its hands: a permit for each order, the duty of the moment, and where to say what the venue
//! says. Refuses to wait for an observer, and to take an engine's word for flat without a look at the venue.

use crate::error::ClientError;
use jiff::Timestamp;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Beat, Moment};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

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
    /// When the last order was sent.
    pub last_order: Option<Timestamp>,
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
    client: PhantomData<&'a Client>,
}

/// The kill-switch's client in an engine. Clones are the same client; when the last is dropped without
/// [`Client::stop`], it ends as if the process had died.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Mutex<Report>>,
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
        let _ = (places, identity, heard, say);
        Ok(Self { shared: Arc::default() })
    }

    /// The right to send one order, asked for each one; `None` while blocked. Closing orders of level 4 need none: see
    /// [`Client::closing`].
    pub fn permit(&self) -> Option<Permit<'_>> {
        None
    }

    /// What has to be done now.
    pub fn duty(&self) -> Duty {
        Duty { level: 3, episode: None, generation: 0, by_deadline: false }
    }

    /// Says what the venue says. The next beat tells it; a proof that no longer holds takes its step back at once.
    pub fn report(&self, report: Report) {
        *self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = report;
    }

    /// CANCELLED: true if it is believed. The last report has to say that no order rests, as seen after BLOCKED.
    pub fn cancelled(&self, duty: &Duty) -> bool {
        let _ = duty;
        false
    }

    /// FLAT: true if it is believed. The last report has to say no resting order and no position, both as seen after
    /// BLOCKED.
    pub fn flat(&self, duty: &Duty) -> bool {
        let _ = duty;
        false
    }

    /// What to do about the position in an instrument. What it answers is on the disk before it is answered.
    pub fn closing(&self, duty: &Duty, instrument: &str) -> Result<Closing, ClientError> {
        let _ = (duty, instrument);
        Err(ClientError::NotNow)
    }

    /// The venue confirmed the closing order: from now on [`Closing::Done`], in this process and after it.
    pub fn closed(&self, duty: &Duty, instrument: &str) -> Result<(), ClientError> {
        let _ = (duty, instrument);
        Err(ClientError::NotNow)
    }

    /// Leaves. Socket and status file go if trading was normal; else the status file stays and says that the engine left
    /// while it was stopped.
    pub fn stop(self) {}
}
