//! The machine: from the latch, the journal and the time to what counts. Refuses every path from stopped to trading but
//! a release, and every generation that falls. What a command may do is in [`super::command`], what follows by itself in
//! [`super::advance`]; both leave as [`Effect`]s, in the order in which they have to be done: a stop is in the latch
//! before the journal hears of it, a release is in the journal before the latch does.

use super::moment::{Due, Moment};
use super::record::{Initiator, Order, Record};
use super::row::{EngineRow, EngineStanding};
use super::{Level, Step};
use crate::catalogue::EventKind;
use crate::environment::Environment;
use jiff::SignedDuration;

/// What counts, in the states of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwitchState {
    /// Trade.
    Normal,
    /// Level 3, its deadline running.
    GracefulStop,
    /// Level 3 without a deadline.
    Held,
    /// Level 4, on its way: block, cancel, flatten, verify.
    EmergencyHalt,
    /// Level 4, and every engine is proven flat.
    HaltedFlat,
    /// Level 4, and an engine is not proven flat: it is tried on.
    HaltedResidual,
    /// A release was asked for. Its place is kept for recovery by stages.
    RecoveryPending,
    /// A release has its signatures. Its place is kept for recovery by stages.
    RecoveryStaged,
    /// The latch can't be read: counts as level 3, and never flattens.
    Unknown,
}

impl SwitchState {
    /// As row 2 says it after TRADING.
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GracefulStop => "STOPPED LEVEL 3",
            Self::Held => "HELD LEVEL 3",
            Self::EmergencyHalt => "HALTING LEVEL 4",
            Self::HaltedFlat => "HALTED FLAT",
            Self::HaltedResidual => "HALTED NOT FLAT",
            Self::RecoveryPending | Self::RecoveryStaged => "RECOVERING",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// As `--json` says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GracefulStop => "graceful_stop",
            Self::Held => "held",
            Self::EmergencyHalt => "emergency_halt",
            Self::HaltedFlat => "halted_flat",
            Self::HaltedResidual => "halted_residual",
            Self::RecoveryPending => "recovery_pending",
            Self::RecoveryStaged => "recovery_staged",
            Self::Unknown => "unknown",
        }
    }
}

/// The latch as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LatchView {
    /// It can be read and makes sense.
    Read(Box<Record>),
    /// There is none.
    Missing,
    /// It can't be read, or contradicts itself.
    Unreadable(String),
}

impl LatchView {
    /// The record, if it could be read.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Read(record) => Some(record),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }
}

/// All that the machine looks at. The clock is read first, then the latch, then the journal: a hold and a release are in
/// the journal before they are in the latch, so whoever reads in this order never takes one for a tampered latch.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Where.
    pub environment: Environment,
    /// The latch.
    pub latch: &'a LatchView,
    /// The last record that the journal knows.
    pub journal: Option<&'a Record>,
    /// The engines, judged against the record that counts.
    pub engines: &'a [EngineRow],
    /// The journal can be written.
    pub journal_writable: bool,
}

/// What counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// In one word.
    pub state: SwitchState,
    /// The record behind it; `None` where there is none.
    pub record: Option<Record>,
    /// Why it is unknown or in conflict.
    pub doubt: Option<String>,
}

/// So long after a halt an engine may be on its way to flat; then what is left is residual.
pub const VERIFY_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// The doubt of a place where the switch was never set up: no latch, and no journal that knows of one.
pub const NO_LATCH: &str = "there is no latch";

/// The doubt of a stop whose deadline has passed on this boot, and that nobody has made a halt.
const OVERDUE: &str = "the five minutes are over: engines close by themselves; no process has written level 4";

/// What counts: the stricter of latch and journal, and of the same order the later one.
pub fn standing(known: &Known<'_>, now: &Moment) -> Standing {
    let (record, doubt) = match (known.latch, known.journal) {
        (LatchView::Read(latch), Some(journal)) if outranks(journal, latch) => {
            let doubt = format!(
                "the latch says {:?} in generation {}, the journal {:?} in {}: the stricter counts",
                latch.order, latch.generation, journal.order, journal.generation
            );
            (Some(journal), Some(doubt.to_lowercase()))
        }
        (LatchView::Read(latch), _) => (Some(&**latch), None),
        (LatchView::Missing | LatchView::Unreadable(_), journal) => {
            let doubt = match known.latch {
                LatchView::Unreadable(why) => format!("the latch can't be read: {why}"),
                // There was one once: that is another thing than a place where nobody has set up the switch yet.
                _ if journal.is_some() => "the latch is gone".to_owned(),
                _ => NO_LATCH.to_owned(),
            };
            (journal.filter(|record| record.order != Order::Trade), Some(doubt))
        }
    };
    let doubt = doubt.or_else(|| record.filter(|record| is_overdue(record, now)).map(|_| OVERDUE.to_owned()));
    let state = record.map_or(SwitchState::Unknown, |record| state_of(record, known.engines, now));
    Standing { state, record: record.cloned(), doubt }
}

/// True when the journal's order counts although there is a latch: it is stricter, or later, or the latch was changed
/// without a new generation, or in one that is none, or gives a stop more time. Trading counts for nothing here.
pub(super) fn outranks(journal: &Record, latch: &Record) -> bool {
    let rank = |record: &Record| (record.order, record.generation);
    let changed = (&journal.episode, &journal.deadline) != (&latch.episode, &latch.deadline);
    let forged = latch.postpones(journal)
        || journal.order == latch.order && latch.leaps_over(Some(journal.generation))
        || rank(journal) == rank(latch) && changed;
    journal.order != Order::Trade && (rank(journal) > rank(latch) || forged)
}

fn is_overdue(stop: &Record, now: &Moment) -> bool {
    let own = stop.deadline.as_ref().filter(|deadline| deadline.boot_id == now.boot_id);
    own.is_some_and(|deadline| deadline.judge(now, now) == Due::Passed)
}

fn state_of(record: &Record, engines: &[EngineRow], now: &Moment) -> SwitchState {
    match record.order {
        Order::Trade => SwitchState::Normal,
        Order::Hold => SwitchState::Held,
        Order::Stop => SwitchState::GracefulStop,
        Order::Halt if is_flat(engines) && missing(record, engines).next().is_none() => SwitchState::HaltedFlat,
        Order::Halt if record.elapsed(now) < VERIFY_WITHIN && !engines.is_empty() => SwitchState::EmergencyHalt,
        Order::Halt => SwitchState::HaltedResidual,
    }
}

/// True when there is an engine, and every one is proven flat. No engine is no proof.
pub fn is_flat(engines: &[EngineRow]) -> bool {
    !engines.is_empty() && engines.iter().all(|row| row.standing == EngineStanding::Flat)
}

/// The engines that were known when the order was given, and of which there is no row.
pub(super) fn missing<'a>(record: &'a Record, engines: &'a [EngineRow]) -> impl Iterator<Item = &'a str> {
    record.engines.iter().map(String::as_str).filter(|name| engines.iter().all(|row| row.name != *name))
}

/// Which of block, cancel, flatten and verify the slowest engine is at.
pub fn phase(engines: &[EngineRow]) -> &'static str {
    let slowest = engines.iter().map(|row| row.beat.as_ref().map_or(Step::None, |beat| beat.step)).min();
    match slowest.unwrap_or_default() {
        Step::None | Step::Received => "block",
        Step::Blocked => "cancel",
        Step::Cancelled => "flatten",
        Step::Flat => "verify",
    }
}

/// What is asked of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Level 3 or 4.
    Fire(Level),
    /// Level 3 without its deadline.
    Hold,
    /// Back to trading.
    Release {
        /// What happened and what was done about it: needed after level 4 (R5.2).
        note: Option<String>,
        /// Engines that are not proven flat and are taken as they are, by name.
        without: Vec<String>,
    },
    /// Generation 0, where there is nothing yet.
    SetUp,
}

/// Everything beside the ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// What.
    pub ask: Ask,
    /// By whom.
    pub by: Initiator,
    /// Why, if it was said.
    pub reason: Option<String>,
    /// A new episode's id, in case one begins.
    pub episode: String,
    /// The engines that are known, by name.
    pub engines: Vec<String>,
    /// The asking user owns the latch's folder: in Production nobody else releases while records are unsigned.
    pub owns_the_folder: bool,
    /// Who owns it, for the refusal.
    pub folder_owner: String,
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words.
    pub what: String,
    /// What to do instead.
    pub next: String,
}

/// One thing to be done. In a list the order matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write the latch. If it can't be written, a stop goes on to the next effect. A record that is urgent
    /// ([`Record::is_urgent`]) is written over whatever is milder; any other one only over the latch that it was decided
    /// on: else nothing of this list is done any more, and all is looked at anew.
    WriteLatch(Record),
    /// Hand the record to every engine that can be reached.
    Dispatch(Record),
    /// Append the event; what makes the firm riskier goes no further when it can't be appended.
    Journal(EventKind, Record),
    /// Tell people: nothing is ordered.
    Alarm(String),
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
