//! One open file, read forward line by line. Refuses to hold more of a line than a MiB: the rest is passed over, and
//! reading is in step again at the next newline. Notices that what it has read is not there any more.

use quarterdeck_domain::audit::Place;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// Bytes of a line that are held and shown.
pub(super) const LONGEST: usize = 1024 * 1024;
const BLOCK: usize = 64 * 1024;
/// Bytes before a position that are remembered to know it again.
const MARK: usize = 64;

/// What tells a file from its namesake: device and inode.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(facts: &Metadata) -> Identity {
    (facts.dev(), facts.ino())
}

#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    id: Identity,
    /// The next byte to read.
    at: u64,
    /// The first byte of the line under way.
    start: u64,
    /// The line under way, up to [`LONGEST`].
    held: Vec<u8>,
    /// Reading began inside a line: nothing counts before the next newline.
    skip: bool,
    before_at: Mark,
    before_start: Mark,
}

/// The last bytes before a position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Mark(Vec<u8>);

/// What became of a file since it was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is the same, maybe longer.
    None,
    /// The unfinished last line was taken back or rewritten.
    LineTaken,
    /// It was cut, and maybe written to again.
    Cut,
}

/// How a reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// At the end of the file.
    AtEnd,
    /// At the limit; there may be more.
    Stopped,
}

impl Lines {
    /// Begins at an offset; `skip` when it may lie inside a line.
    pub(super) fn begin(file: File, at: u64, skip: bool) -> io::Result<Self> {
        let id = identity(&file.metadata()?);
        let length = at.min(MARK as u64);
        let mut mark = vec![0; usize::try_from(length).unwrap_or(MARK)];
        file.read_exact_at(&mut mark, at - length)?;
        let mark = Mark(mark);
        Ok(Self { file, id, at, start: at, held: Vec::new(), skip, before_at: mark.clone(), before_start: mark })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn id(&self) -> Identity {
        self.id
    }

    /// True when no path leads to it any more.
    pub(super) fn is_unlinked(&self) -> bool {
        self.file.metadata().is_ok_and(|facts| facts.nlink() == 0)
    }

    /// Reads to the end, or until at least `limit` lines were given out.
    pub(super) fn read(&mut self, limit: usize, sink: &mut dyn FnMut(Place, &[u8])) -> io::Result<Reading> {
        let mut block = vec![0; BLOCK];
        let mut given = 0;
        while given < limit {
            let read = self.file.read_at(&mut block, self.at)?;
            if read == 0 {
                return Ok(Reading::AtEnd);
            }
            given += self.take(block.get(..read).unwrap_or_default(), sink);
        }
        Ok(Reading::Stopped)
    }

    /// What is held of an unfinished line.
    pub(super) fn unfinished(&self) -> Option<(Place, &[u8])> {
        let held = !self.held.is_empty() && !self.skip;
        held.then(|| (self.place(self.at - self.start), self.held.as_slice()))
    }

    pub(super) fn change(&self) -> io::Result<Change> {
        let size = self.file.metadata()?.len();
        if size >= self.at && self.before_at.stands(&self.file, self.at)? {
            return Ok(Change::None);
        }
        let same_before = self.start > 0 && size >= self.start && self.before_start.stands(&self.file, self.start)?;
        Ok(if same_before { Change::LineTaken } else { Change::Cut })
    }

    /// Back to the beginning of the unfinished line.
    pub(super) fn rewind_line(&mut self) {
        self.held = Vec::new();
        self.at = self.start;
        self.before_at = self.before_start.clone();
    }

    /// Back to the beginning of the file.
    pub(super) fn rewind(&mut self) {
        self.held = Vec::new();
        (self.at, self.start, self.skip) = (0, 0, false);
        (self.before_at, self.before_start) = (Mark::default(), Mark::default());
    }

    /// A reader of a copy of this file that goes on where this one stopped, if it is a copy as far as can be told.
    pub(super) fn continued_in(&self, copy: File) -> io::Result<Option<Self>> {
        let facts = copy.metadata()?;
        if identity(&facts) == self.id
            || facts.len() < self.at
            || self.at == 0
            || !self.before_at.stands(&copy, self.at)?
        {
            return Ok(None);
        }
        Ok(Some(Self {
            file: copy,
            id: identity(&facts),
            held: self.held.clone(),
            before_at: self.before_at.clone(),
            before_start: self.before_start.clone(),
            ..*self
        }))
    }

    fn take(&mut self, block: &[u8], sink: &mut dyn FnMut(Place, &[u8])) -> usize {
        let mut given = 0;
        let mut from = 0;
        while let Some(length) = block.get(from..).and_then(memchr) {
            let piece = block.get(from..from + length).unwrap_or_default();
            given += usize::from(self.finish(piece, sink));
            from += length + 1;
            self.at += length as u64 + 1;
            self.start = self.at;
        }
        let rest = block.get(from..).unwrap_or_default();
        if from > 0 {
            self.before_start = self.before_at.after(block.get(..from).unwrap_or_default());
        }
        self.before_at = self.before_at.after(block);
        self.at += rest.len() as u64;
        let room = LONGEST.saturating_sub(self.held.len());
        self.held.extend_from_slice(rest.get(..rest.len().min(room)).unwrap_or_default());
        given
    }

    /// True when a line was given out.
    fn finish(&mut self, piece: &[u8], sink: &mut dyn FnMut(Place, &[u8])) -> bool {
        let place = self.place(self.at + piece.len() as u64 - self.start);
        if std::mem::take(&mut self.skip) {
            self.held = Vec::new();
            return false;
        }
        // A line that lies whole in the block is given out without a copy.
        let held;
        let line = if self.held.is_empty() {
            piece.get(..piece.len().min(LONGEST)).unwrap_or_default()
        } else {
            let room = LONGEST.saturating_sub(self.held.len());
            self.held.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
            held = std::mem::take(&mut self.held);
            &held
        };
        let blank = line.trim_ascii().is_empty();
        if !blank {
            sink(place, line.strip_suffix(b"\r").unwrap_or(line));
        }
        !blank
    }

    fn place(&self, length: u64) -> Place {
        Place { file: self.id.1, offset: self.start, length: u32::try_from(length).unwrap_or(u32::MAX) }
    }
}

impl Mark {
    fn after(&self, block: &[u8]) -> Self {
        let mut bytes = block.get(block.len().saturating_sub(MARK)..).unwrap_or_default().to_vec();
        let more = MARK - bytes.len();
        bytes.splice(0..0, self.0.get(self.0.len().saturating_sub(more)..).unwrap_or_default().iter().copied());
        Self(bytes)
    }

    /// True when the same bytes still stand before that position.
    fn stands(&self, file: &File, at: u64) -> io::Result<bool> {
        let mut bytes = vec![0; self.0.len()];
        match file.read_exact_at(&mut bytes, at.saturating_sub(self.0.len() as u64)) {
            Ok(()) => Ok(bytes == self.0),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}
