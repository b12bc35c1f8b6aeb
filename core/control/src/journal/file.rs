//! The journal of one Unix user: files in a folder, appended to by as many processes as that user runs. Refuses to
//! append to a folder that was changed under it.

use super::error::JournalError;
use super::lock::Lock;
use super::queue::Queue;
use super::reader::Reader;
use super::{Deciding, Journal, Sealed, folder, pen};
use quarterdeck_domain::chain::Head;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::event::Event;
use quarterdeck_domain::state::State;
use quarterdeck_domain::verify::Finding;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a journal is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// `…/journal`; made with mode 0700 if it is not there.
    pub folder: PathBuf,
    /// The environment that the journal's own events name.
    pub environment: Option<Environment>,
    /// The session that the journal's own events name.
    pub session: String,
    /// How long another process may hold the lock.
    pub lock_wait: Duration,
    /// A file that has grown to so many bytes is followed by a new one.
    pub roll_at: u64,
}

impl Opening {
    /// Waits two seconds for the lock and rolls at 8 MiB: a start reads the newest file, and has to be done before
    /// anybody notices.
    pub fn of(folder: impl Into<PathBuf>, environment: Option<Environment>, session: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            environment,
            session: session.into(),
            lock_wait: Duration::from_secs(2),
            roll_at: 8 * 1024 * 1024,
        }
    }
}

/// A journal in files.
#[derive(Debug)]
pub struct FileJournal {
    opening: Opening,
    lock: Lock,
    reader: Mutex<Reader>,
    queue: Queue,
    shown: Mutex<Shown>,
}

/// What can be asked while the disk is busy.
#[derive(Debug, Clone)]
struct Shown {
    state: Arc<State>,
    head: Head,
    trouble: Option<Finding>,
}

impl Shown {
    fn of(reader: &Reader) -> Self {
        Self { state: reader.state().clone(), head: reader.head(), trouble: reader.trouble().cloned() }
    }
}

impl FileJournal {
    /// Opens a folder and reads its newest file; the others are [`verify_all`](super::verify_all)'s. Takes no lock.
    pub fn open(opening: Opening) -> Result<Self, JournalError> {
        folder::prepare(&opening.folder)?;
        let lock = Lock::open(&opening.folder)?;
        // Read before the files: they may run ahead of it, and never fall behind it.
        let written = lock.written();
        let reader = Reader::open(&opening.folder, written.as_ref())?;
        let shown = Mutex::new(Shown::of(&reader));
        Ok(Self { opening, lock, reader: Mutex::new(reader), queue: Queue::default(), shown })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.opening.folder
    }

    fn commit(&self, events: &[Event]) -> Result<Vec<Sealed>, JournalError> {
        self.commit_if(|_| std::borrow::Cow::Borrowed(events))
    }

    fn commit_if<'a>(
        &self,
        decide: impl FnOnce(&State) -> std::borrow::Cow<'a, [Event]>,
    ) -> Result<Vec<Sealed>, JournalError> {
        // The lock first: while it is waited for, others may still read on. There is one leader at a time.
        let held = self.lock.take(self.opening.lock_wait)?;
        let mut reader = self.reader();
        let written = self.lock.written();
        let torn = reader.read_on(written.as_ref());
        let done = torn.and_then(|torn| {
            let events = decide(reader.state());
            pen::append(&mut reader, &held, written.as_ref(), &self.opening, &torn, &events)
        });
        self.show(&reader);
        done
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, reader: &Reader) {
        *self.shown() = Shown::of(reader);
    }
}

impl Journal for FileJournal {
    fn append(&self, events: Vec<Event>) -> Result<Vec<Sealed>, JournalError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.queue.bring(events, |events| self.commit(events))
    }

    fn append_if(&self, decide: &mut Deciding<'_>) -> Result<Vec<Sealed>, JournalError> {
        self.queue.alone(|| self.commit_if(|state| std::borrow::Cow::Owned(decide(state))))
    }

    fn catch_up(&self) -> Result<Vec<(u64, Event)>, JournalError> {
        let mut reader = self.reader();
        self.lock.still_there()?;
        let read = reader.read_on(self.lock.written().as_ref());
        self.show(&reader);
        read.map(|_| reader.take_news())
    }

    fn state(&self) -> Arc<State> {
        self.shown().state.clone()
    }

    fn head(&self) -> Head {
        self.shown().head
    }

    fn trouble(&self) -> Option<Finding> {
        self.shown().trouble.clone()
    }
}
