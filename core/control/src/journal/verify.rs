//! Verifies every file of a journal from its first line on, on a thread of the caller's. Refuses to lock a live journal
//! out: the lock is taken only to tell a torn end from a line that is being written.

use super::error::JournalError;
use super::{folder, lock};
use quarterdeck_domain::verify::{Report, Verifier};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

const BLOCK: usize = 1024 * 1024;

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes verified.
    pub bytes: u64,
    /// Bytes there were at its beginning.
    pub of: u64,
    /// The last event verified.
    pub seq: u64,
    /// Things found to be wrong so far.
    pub wrongs: u64,
}

/// Verifies the journal in a folder. `progress` is called after each MiB or so; when it breaks, the report covers what
/// was read until then.
pub fn verify_all(
    folder: &Path,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Report, JournalError> {
    // Read first: lines that are appended meanwhile come after it.
    let written = lock::read(folder).map(|written| written.head);
    let names = folder::files(folder).map_err(|error| JournalError::io("listing", folder, &error))?;
    let of = names.iter().filter_map(|name| folder.join(name).metadata().ok()).map(|facts| facts.len()).sum();
    let mut run = Run { verifier: Verifier::from_the_first(), rest: Vec::new(), bytes: 0, of, progress };
    for (index, name) in names.iter().enumerate() {
        let path = folder.join(name);
        let file = folder::open_to_read(&path).map_err(|error| JournalError::io("opening", &path, &error))?;
        let mut file = BufReader::with_capacity(BLOCK, file);
        run.verifier.begin_file(name);
        let mut read = run.file(&mut file, &path)?;
        let newest = index + 1 == names.len();
        if read.is_continue() && newest && !run.rest.is_empty() {
            // A writer may be at it. Under the lock nobody is.
            let lock = lock::Lock::existing(folder);
            let held = lock.as_ref().and_then(|lock| lock.take(Duration::from_secs(2)).ok());
            read = run.file(&mut file, &path)?;
            drop(held);
        }
        if read.is_break() {
            return Ok(run.verifier.finish(None));
        }
        let rest = std::mem::take(&mut run.rest);
        run.verifier.torn(&rest);
    }
    Ok(run.verifier.finish(written))
}

struct Run<'a> {
    verifier: Verifier,
    /// What was read after the last newline.
    rest: Vec<u8>,
    bytes: u64,
    of: u64,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
}

impl Run<'_> {
    /// Reads to the end of the file as it is now.
    fn file(&mut self, file: &mut BufReader<File>, path: &Path) -> Result<ControlFlow<()>, JournalError> {
        let mut told = self.bytes;
        loop {
            let read = file.read_until(b'\n', &mut self.rest);
            self.bytes += read.map_err(|error| JournalError::io("reading", path, &error))? as u64;
            let whole = self.rest.pop_if(|byte| *byte == b'\n').is_some();
            if whole {
                self.verifier.line(&self.rest);
                self.rest.clear();
            }
            if !whole || self.bytes - told >= BLOCK as u64 {
                told = self.bytes;
                let now = self.now();
                if (self.progress)(now).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if !whole {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn now(&self) -> Progress {
        let seq = self.verifier.head().seq;
        Progress { bytes: self.bytes, of: self.of.max(self.bytes), seq, wrongs: self.verifier.wrongs() }
    }
}
