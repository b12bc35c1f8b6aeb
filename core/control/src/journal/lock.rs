//! `journal.lock`: who may write now, and what was written last. Refuses to be rotated, unlinked or waited for without
//! an end.
//!
//! Its first line names the process that took it last. Its second is the last line that is known to be on the disk; it
//! is written after the data was synced, so a journal that ends before it was cut, and one that ends after it only
//! lost a race against a crash.

use super::error::JournalError;
use super::folder::{self, Identity};
use quarterdeck_domain::chain::{Digest, Head};
use std::fs::{File, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lock file's name.
pub(super) const NAME: &str = "journal.lock";

const HEAD_AT: u64 = 15;

/// The lock file, open.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
    identity: Identity,
}

/// The lock, held until dropped.
#[derive(Debug)]
pub(super) struct Held<'a> {
    lock: &'a Lock,
}

/// What the lock file says of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The last line that is on the disk.
    pub(super) head: Head,
    /// The newest file, or the one that is being made.
    pub(super) file: String,
}

impl Lock {
    pub(super) fn open(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(NAME);
        let fail = |error| JournalError::io("opening the journal's lock", &path, &error);
        let file = folder::open_options().create(true).truncate(false).open(&path);
        // A journal that may only be read is still read; its first append fails and says why.
        let file = file.or_else(|why| folder::open_to_read(&path).map_err(|_| why));
        let file = file.and_then(folder::ordinary).map_err(fail)?;
        let facts = file.metadata().map_err(fail)?;
        folder::refuse_open_to_others(&path, &facts)?;
        Ok(Self { identity: Identity::of(&facts), path, file })
    }

    /// The lock file of a journal that may be a copy or another's; never makes one.
    pub(super) fn existing(folder: &Path) -> Option<Self> {
        let path = folder.join(NAME);
        let file = folder::open_options().open(&path).and_then(folder::ordinary).ok()?;
        let identity = Identity::of(&file.metadata().ok()?);
        Some(Self { path, file, identity })
    }

    /// Takes the lock, waiting at most so long.
    pub(super) fn take(&self, wait: Duration) -> Result<Held<'_>, JournalError> {
        let start = Instant::now();
        let mut pause = Duration::from_micros(100);
        loop {
            match self.file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => {
                    // flock has no wait with an end. The pause is short, since a holder syncs once and goes.
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(3));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(JournalError::Locked { holder: self.holder(), waited: start.elapsed() });
                }
                Err(TryLockError::Error(error)) => return Err(JournalError::io("locking", &self.path, &error)),
            }
        }
        let held = Held { lock: self };
        // Looked at under the lock: whoever holds a lock file that was unlinked holds nothing.
        self.still_there()?;
        // Only for the words of another process's error: the lock holds without it.
        let _ = self.file.write_all_at(format!("pid {:>10}\n", std::process::id()).as_bytes(), 0);
        Ok(held)
    }

    /// That this is still the folder's lock file.
    pub(super) fn still_there(&self) -> Result<(), JournalError> {
        match Identity::at(&self.path) {
            Ok(Some(identity)) if identity == self.identity => Ok(()),
            Ok(_) => Err(JournalError::replaced(format!("{} was removed or replaced", self.path.display()))),
            Err(error) => Err(JournalError::io("looking at", &self.path, &error)),
        }
    }

    /// What was written last, as far as the file tells.
    pub(super) fn written(&self) -> Option<Written> {
        parse(&self.text())
    }

    fn holder(&self) -> Option<u32> {
        self.text().lines().next()?.strip_prefix("pid ")?.trim().parse().ok()
    }

    fn text(&self) -> String {
        beginning(&self.file)
    }
}

impl Held<'_> {
    /// Remembers what is on the disk now.
    pub(super) fn remember(&self, head: Head, file: &str) -> Result<(), JournalError> {
        let line = format!("head {:>20} {} {file:>24}\n", head.seq, head.digest);
        let written = self.lock.file.write_all_at(line.as_bytes(), HEAD_AT);
        written.map_err(|error| JournalError::io("writing", &self.lock.path, &error))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Can't fail on a descriptor that is open; closing it would release the lock as well.
        let _ = self.lock.file.unlock();
    }
}

/// Reads what a lock file remembers, without opening the journal.
pub(super) fn read(folder: &Path) -> Option<Written> {
    let file = folder::open_to_read(&folder.join(NAME)).ok()?;
    parse(&beginning(&file))
}

/// All of it that says anything.
fn beginning(file: &File) -> String {
    let mut buffer = [0; 256];
    let read = file.read_at(&mut buffer, 0).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

fn parse(text: &str) -> Option<Written> {
    let mut words = text.lines().nth(1)?.strip_prefix("head ")?.split_ascii_whitespace();
    let (seq, digest, file) = (words.next()?, words.next()?, words.next()?);
    Some(Written {
        head: Head { seq: seq.parse().ok()?, digest: Digest::parse(digest.as_bytes())? },
        file: file.into(),
    })
}
