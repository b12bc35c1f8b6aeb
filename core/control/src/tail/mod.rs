//! The tail: the newest lines of our journal and of other programs' audit files, as they arrive. Refuses to read a
//! file whole, to poll, to keep lines, and to wake up when nothing is written.
//!
//! Time of arrival orders the lines; an event's own time only orders those of the first screen.

mod backwards;
mod fetch;
mod follow;
mod lines;
mod rotated;
mod run;
mod watch;

pub use fetch::{FetchError, Places};

use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::overview::SourceRow;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Something to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its short name on screen: `journal`, `orders.jsonl`.
    pub name: String,
    /// Where it is.
    pub at: Location,
    /// How often a line is expected, if configuration says.
    pub every: Option<SignedDuration>,
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// One file of another program, which may be renamed, cut, removed and made again.
    File(PathBuf),
    /// The folder of a journal, whose newest file is followed.
    Journal(PathBuf),
}

impl Location {
    /// As it is from the root: a missing folder is waited for from above.
    fn absolute(&self) -> Self {
        let root = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        match self {
            Self::File(path) => Self::File(root(path)),
            Self::Journal(folder) => Self::Journal(root(folder)),
        }
    }
}

/// How the tail is started.
#[derive(Debug, Clone, Copy)]
pub struct TailOptions {
    /// Lines of each source on the first screen.
    pub first_lines: usize,
    /// Tells the time of arrival.
    pub clock: fn() -> Timestamp,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailNews {
    /// New lines, oldest first. The first news of all is the first screen, sorted by the events' own time.
    pub lines: Vec<AuditLine>,
    /// All sources as they are now.
    pub sources: Vec<SourceRow>,
}

/// A tail that runs on a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Tail {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    places: Places,
}

impl Tail {
    /// Starts following. `deliver` is called on the tail's thread: at once with the first screen, then whenever something
    /// arrived, at most about twenty times a second. While it blocks nothing is read.
    pub fn start(
        sources: Vec<Source>,
        options: TailOptions,
        deliver: impl FnMut(TailNews) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let places = Places::of(&sources);
        let run = run::Run::new(sources, options, stop.clone())?;
        let thread = std::thread::Builder::new().name("audit-tail".into()).spawn(move || run.run(deliver))?;
        Ok(Self { stop, thread: Some(thread), places })
    }

    /// What fetches a whole line; may be used on any thread.
    pub fn places(&self) -> Places {
        self.places.clone()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // Can't fail: the counter of this descriptor is written once.
        let _ = rustix::io::write(&*self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
