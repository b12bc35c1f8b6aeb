//! The journal's seam: whoever wants something recorded appends here and learns only here what was recorded. Refuses
//! to go on when a record can't be written: every error means that nothing was appended.
//!
//! [`FileJournal`] is the form for one Unix user: a folder of files, written in-process by as many processes as that
//! user runs. A single writer behind a socket will stand behind the same trait.

mod closed;
mod error;
mod file;
mod folder;
mod lines;
mod lock;
mod patient;
mod pen;
mod queue;
mod reader;
mod verify;

pub use closed::ClosedJournal;
pub use error::JournalError;
pub use file::{FileJournal, Opening};
pub use folder::{files, is_journal_file};
pub use lines::each_line;
pub use patient::Patient;
pub use verify::{Progress, verify_all};

use quarterdeck_domain::chain::Head;
use quarterdeck_domain::event::Event;
use quarterdeck_domain::state::State;
use quarterdeck_domain::verify::Finding;
use std::sync::Arc;

/// What the journal gave an event: its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its sequence number.
    pub seq: u64,
    /// Its own id, as the caller gave it.
    pub event_id: String,
}

/// Looks at the state and says what is to be appended to it; asked once.
pub type Deciding<'a> = dyn FnMut(&State) -> Vec<Event> + 'a;

/// One append-only, hash-chained journal.
pub trait Journal: Send + Sync {
    /// Appends events as one piece and returns when they are on the disk. All are written or none is.
    fn append(&self, events: Vec<Event>) -> Result<Vec<Sealed>, JournalError>;

    /// Appends what is decided by the state as it is then: nobody else appends in between. Nothing is appended where
    /// nothing is decided.
    fn append_if(&self, decide: &mut Deciding<'_>) -> Result<Vec<Sealed>, JournalError>;

    /// Reads on: gives every event that was recorded since the last call, by this process and by others, in order. The
    /// first call gives what was recorded since the journal was opened.
    fn catch_up(&self) -> Result<Vec<(u64, Event)>, JournalError>;

    /// The state after everything read or appended so far. Waits for no disk.
    fn state(&self) -> Arc<State>;

    /// The last line read or appended so far. Waits for no disk.
    fn head(&self) -> Head;

    /// What was wrong with the part read at the start, if anything: it is shown, and appending goes on.
    fn trouble(&self) -> Option<Finding>;
}

#[cfg(test)]
mod tests;
