//! A simulated venue that outlives the engine: an append-only file of accepted facts, folded into a book. Refuses the
//! same client order id twice, and a reduce-only close that would turn a position round. It knows no engine: whoever is
//! killed between two asks finds here what was accepted.
//!
//! The file is `venue-NAME.jsonl`, one fact a line; `venue-NAME.lock` is held with flock for each ask, so that several
//! processes may trade at one venue.

mod book;

pub use book::{Ask, Book, Fact, Order};

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// After so many facts the file is folded up to one line.
const FOLD_AFTER: u64 = 100_000;
/// An ask holds the lock for microseconds: whoever waits longer than this is told that the venue doesn't answer.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// How the venue behaves at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// It answers nothing.
    pub down: bool,
    /// It refuses to cancel.
    pub rejects_cancels: bool,
    /// It accepts a cancel, and the order rests on.
    pub keeps_orders: bool,
    /// The market is shut until this time, in words: no order is accepted, nor a close. Cancels are.
    pub shut_until: Option<String>,
}

/// Why the venue refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// This client order id was accepted before.
    #[error("duplicate client order id")]
    Duplicate,
    /// The venue doesn't answer.
    #[error("venue down: {0}")]
    Down(String),
    /// The market is shut.
    #[error("market shut until {0}")]
    Shut(String),
    /// It won't cancel.
    #[error("cancel rejected")]
    CancelRejected,
    /// No order with that id rests.
    #[error("no such resting order")]
    NotResting,
    /// There is no position that a reduce-only order of this side could reduce.
    #[error("nothing to reduce")]
    NothingToReduce,
    /// No order has such a quantity.
    #[error("bad quantity {0}")]
    Quantity(i64),
}

impl Refused {
    /// As an audit line names it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Duplicate => "DUPLICATE",
            Self::Down(_) => "VENUE_DOWN",
            Self::Shut(_) => "MARKET_SHUT",
            Self::CancelRejected => "CANCEL_REJECTED",
            Self::NotResting => "NOT_RESTING",
            Self::NothingToReduce => "NOTHING_TO_REDUCE",
            Self::Quantity(_) => "BAD_QUANTITY",
        }
    }
}

/// One venue, as one process sees it.
#[derive(Debug)]
pub struct Venue {
    path: PathBuf,
    lock: File,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    log: File,
    /// So much of the file is in the book.
    read: u64,
    /// Facts in the file.
    lines: u64,
    book: Book,
    conditions: Conditions,
}

impl Venue {
    /// Opens the venue of this name in this folder, and makes an empty one where there is none.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(format!("venue-{name}.jsonl"));
        let lock = private().open(folder.join(format!("venue-{name}.lock")))?;
        let log = private().open(&path)?;
        let inside = Inside { log, read: 0, lines: 0, book: Book::default(), conditions: Conditions::default() };
        let venue = Self { path, lock, inside: Mutex::new(inside) };
        venue.locked(|_| Ok(())).map_err(|refused| io::Error::other(refused.to_string()))?;
        Ok(venue)
    }

    /// True when nothing was ever accepted here.
    pub fn is_new(&self) -> bool {
        self.inside().lines == 0
    }

    /// Changes how the venue behaves, for this process.
    pub fn behave(&self, conditions: Conditions) {
        self.inside().conditions = conditions;
    }

    /// Shows what rests and what is held now.
    pub fn look<T>(&self, show: impl FnOnce(&Book) -> T) -> Result<T, Refused> {
        self.locked(|inside| match inside.conditions.down {
            true => Err(Refused::Down("it doesn't answer".into())),
            false => Ok(show(&inside.book)),
        })
    }

    /// Asks for one thing. What is accepted is in the file when this returns.
    pub fn ask(&self, ask: &Ask) -> Result<(), Refused> {
        self.locked(|inside| {
            let Some(fact) = inside.book.decide(ask, &inside.conditions)? else { return Ok(()) };
            inside.append(&fact).map_err(|error| Refused::Down(error.to_string()))?;
            inside.book.apply(fact);
            if inside.lines >= FOLD_AFTER {
                // Not folded up now: tried again at the next ask.
                let _ = inside.fold_up(&self.path);
            }
            Ok(())
        })
    }

    /// Runs with the file locked and all of it in the book.
    fn locked<T>(&self, run: impl FnOnce(&mut Inside) -> Result<T, Refused>) -> Result<T, Refused> {
        let mut inside = self.inside();
        self.take_lock()?;
        let result = match inside.read_on(&self.path) {
            Ok(()) => run(&mut inside),
            Err(error) => Err(Refused::Down(error.to_string())),
        };
        let _ = flock(&self.lock, FlockOperation::Unlock);
        result
    }

    fn take_lock(&self) -> Result<(), Refused> {
        for _ in 0..LOCK_TRIES {
            match flock(&self.lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
                Err(error) => return Err(Refused::Down(error.to_string())),
            }
        }
        Err(Refused::Down("another process holds its lock".into()))
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Takes in what other processes have appended, from the file that stands under this name now.
    fn read_on(&mut self, path: &Path) -> io::Result<()> {
        if std::fs::metadata(path)?.ino() != self.log.metadata()?.ino() {
            self.log = private().open(path)?;
            (self.read, self.lines, self.book) = (0, 0, Book::default());
        }
        let length = self.log.metadata()?.len();
        if length == self.read {
            return Ok(());
        }
        let mut text = Vec::new();
        self.log.seek(SeekFrom::Start(self.read))?;
        self.log.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in text[..whole].split_inclusive(|byte| *byte == b'\n') {
            self.book.apply(serde_json::from_slice(line)?);
            self.lines += 1;
        }
        self.read += whole as u64;
        // A line without its end was never accepted: whoever wrote it was told nothing.
        if whole < text.len() {
            self.log.set_len(self.read)?;
        }
        Ok(())
    }

    fn append(&mut self, fact: &Fact) -> io::Result<()> {
        let mut line = serde_json::to_vec(fact)?;
        line.push(b'\n');
        self.log.seek(SeekFrom::Start(self.read))?;
        if let Err(error) = self.log.write_all(&line) {
            self.log.set_len(self.read)?;
            return Err(error);
        }
        self.read += line.len() as u64;
        self.lines += 1;
        Ok(())
    }

    /// Puts one line in the place of all: written beside the file, then renamed over it.
    fn fold_up(&mut self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("new");
        let book = self.book.folded();
        let mut line = serde_json::to_vec(&Fact::Folded(book.clone()))?;
        line.push(b'\n');
        let mut file = private().truncate(true).open(&new)?;
        file.write_all(&line)?;
        std::fs::rename(&new, path)?;
        (self.log, self.read, self.lines, self.book) = (file, line.len() as u64, 1, book);
        Ok(())
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests;
