//! The kill-switch as everybody sees it: what the NOW and ENGINES panes draw and `status --json` prints. Refuses to be
//! the truth: it is made of the latch, the journal and what engines say, and a number that was not refreshed says so.

use super::machine::SwitchState;
use super::record::Record;
use super::{Beat, Level};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// What an engine is judged to do. Only a proof makes it flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineStanding {
    /// No beat for three seconds, or its process is gone: whether it obeys is not known.
    Silent,
    /// It trades though it was told not to.
    Defying,
    /// Told to close everything, and not proven flat.
    Residual,
    /// Told, and has not said BLOCKED yet.
    Late,
    /// Trades, and may.
    Trading,
    /// May trade and has nothing to do.
    Idle,
    /// Sends no orders.
    Blocked,
    /// Proven flat.
    Flat,
}

impl EngineStanding {
    /// The word in tables: capitals where a person has to look.
    pub fn word(self) -> &'static str {
        match self {
            Self::Silent => "SILENT",
            Self::Defying => "DEFYING",
            Self::Residual => "RESIDUAL",
            Self::Late => "LATE",
            Self::Trading => "trading",
            Self::Idle => "idle",
            Self::Blocked => "blocked",
            Self::Flat => "flat",
        }
    }

    /// True where a person has to look.
    pub fn is_bad(self) -> bool {
        self <= Self::Late
    }
}

/// One engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRow {
    /// Its name.
    pub name: String,
    /// The account, as its last four.
    pub account: String,
    /// What it is judged to do.
    pub standing: EngineStanding,
    /// Why it is not where it should be, each in a few words; the first matters most.
    pub why: Vec<String>,
    /// The last beat that was heard, by any path.
    pub beat: Option<Beat>,
    /// When that was heard; a number is marked `?` once it is older than three seconds.
    pub heard_at: Option<Timestamp>,
    /// The numbers of the last beat are not fresh.
    pub stale: bool,
    /// From the order being durable to BLOCKED, where it said so in this episode.
    pub blocked_after: Option<SignedDuration>,
    /// Its socket: connected, or since when not and how often it was tried.
    pub link: PathState,
}

/// One way to an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRow {
    /// `latch file`, `socket beta-us`, `NATS`.
    pub name: String,
    /// How it is.
    pub state: PathState,
}

/// How a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathState {
    /// It is there, and nothing had to be sent.
    Ready,
    /// What was sent went this way, so long after the key.
    Reached(SignedDuration),
    /// It can't be used.
    Broken {
        /// Why, in a few words.
        why: String,
        /// Since when.
        since: Timestamp,
        /// How often it was tried.
        tries: u64,
    },
    /// Configuration names none, or it is not built.
    NotSetUp,
}

/// From the key to the engines, each from the key on. `None` until it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// The record was on the disk.
    pub durable: Option<SignedDuration>,
    /// It was handed to every socket that takes it.
    pub sent: Option<SignedDuration>,
    /// The last engine so far said RECEIVED.
    pub received: Option<SignedDuration>,
    /// The last engine so far said BLOCKED.
    pub blocked: Option<SignedDuration>,
    /// The last engine so far said FLAT.
    pub flat: Option<SignedDuration>,
}

/// Who can stop trading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopper {
    /// The person's handle, or the watcher's name.
    pub name: String,
    /// Where: the host and program.
    pub place: String,
    /// A session of theirs is open now.
    pub here: bool,
}

/// A process that keeps the deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatcherRow {
    /// `watch-4121`.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
}

/// An order after the stop (R5.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bypass {
    /// Who sent it, as the line names it.
    pub actor: String,
    /// The order, redacted.
    pub order: String,
    /// When, as the line says.
    pub at: Timestamp,
    /// So long after the stop.
    pub after: SignedDuration,
    /// The source of the line.
    pub source: String,
    /// The episode.
    pub episode: String,
}

/// The market's hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketRow {
    /// Configuration says nothing of it.
    NotConfigured,
    /// Open, until then.
    Open {
        /// When it closes.
        until: Timestamp,
    },
    /// Shut: positions can't be closed before it opens.
    Shut {
        /// When it opens, where configuration reaches so far.
        opens: Option<Timestamp>,
    },
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillRow {
    /// What counts.
    pub state: SwitchState,
    /// The record that counts; `None` where none could be read.
    pub record: Option<Record>,
    /// Why the state is unknown or in conflict, in words.
    pub doubt: Option<String>,
    /// When level 3 becomes level 4, by the wall clock of this moment (the boot clock decides).
    pub deadline_at: Option<Timestamp>,
    /// The reason, as it was given with or after the order.
    pub reason: Option<String>,
    /// All engines that are expected or heard, worst first.
    pub engines: Vec<EngineRow>,
    /// The ways to them.
    pub paths: Vec<PathRow>,
    /// How fast the last order went.
    pub timings: Timings,
    /// Why the last order is not in the journal yet, while it isn't.
    pub unjournalled: Option<String>,
    /// Processes that keep the deadline, this one not counted unless it watches.
    pub watchers: Vec<WatcherRow>,
    /// Orders after the stop, in this episode, newest last.
    pub bypasses: Vec<Bypass>,
    /// The market.
    pub market: MarketRow,
    /// Who can stop now.
    pub can_stop: Vec<Stopper>,
    /// Why this session can't stop, if so.
    pub may_not_stop: Option<String>,
    /// Who could hold or release: handles; empty says NOBODY CAN HOLD.
    pub can_hold: Vec<String>,
    /// Why holding or releasing is refused here, in words, if so.
    pub may_not_hold: Option<String>,
    /// Whom to call for an engine, by its name, where configuration names a number of its own.
    pub phones: BTreeMap<String, String>,
    /// Where the latch lies.
    pub latch_place: String,
}

impl KillRow {
    /// The level in force.
    pub fn level(&self) -> Option<Level> {
        match self.state {
            SwitchState::Normal => None,
            SwitchState::GracefulStop | SwitchState::Held | SwitchState::Unknown => Some(Level::Stop),
            SwitchState::RecoveryPending | SwitchState::RecoveryStaged => {
                Some(if self.record.as_ref().is_some_and(|record| record.level == 4) {
                    Level::Halt
                } else {
                    Level::Stop
                })
            }
            SwitchState::EmergencyHalt | SwitchState::HaltedFlat | SwitchState::HaltedResidual => Some(Level::Halt),
        }
    }

    /// How many engines have answered the order that counts as far as it asks: n of N.
    pub fn answered(&self) -> (usize, usize) {
        let wants = |row: &&EngineRow| match self.level() {
            None => matches!(row.standing, EngineStanding::Trading | EngineStanding::Idle),
            Some(Level::Stop) => matches!(row.standing, EngineStanding::Blocked | EngineStanding::Flat),
            Some(Level::Halt) => row.standing == EngineStanding::Flat,
        };
        (self.engines.iter().filter(wants).count(), self.engines.len())
    }

    /// Resting orders and positions over all engines, as last told; true when any number is old or missing.
    pub fn exposure(&self) -> (u64, u64, bool) {
        let beats = || self.engines.iter().filter_map(|row| row.beat.as_ref());
        // An engine may tell any number: a sum that is too large stays the largest there is.
        let orders = beats().filter_map(|beat| beat.resting_orders).fold(0, u64::saturating_add);
        let positions = beats().filter_map(|beat| beat.positions).fold(0, u64::saturating_add);
        let unsure = self.engines.iter().any(|row| {
            row.stale || row.beat.as_ref().is_none_or(|beat| beat.resting_orders.is_none() || beat.positions.is_none())
        });
        (orders, positions, unsure)
    }
}
