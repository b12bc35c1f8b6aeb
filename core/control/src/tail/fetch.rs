//! Fetches the whole of a line for the one who opened it. Refuses to show another line in its place: the file is known
//! by its inode, and the line must still stand between two newlines.

use super::lines::LONGEST;
use super::{Location, Source};
use quarterdeck_domain::audit::Place;
use quarterdeck_domain::detail;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a line can't be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The file was removed, or the line is not in it any more.
    #[error("the line is not there any more: its file was removed, cut or packed")]
    Gone,
    /// It is there and can't be read.
    #[error("the line can't be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Where lines can be: the sources' files and their folders, in which a renamed file still lies.
#[derive(Debug, Clone)]
pub struct Places {
    sources: Arc<[Location]>,
}

impl Places {
    /// Of these sources.
    pub fn of(sources: &[Source]) -> Self {
        Self { sources: sources.iter().map(|source| source.at.absolute()).collect() }
    }

    /// Gives the rows of a line's detail, redacted and sanitised. Reads the disk: not for the screen's thread.
    pub fn fetch(&self, place: Place) -> Result<Vec<String>, FetchError> {
        let file = self.find(place.file).ok_or(FetchError::Gone)?;
        let length = usize::try_from(place.length).unwrap_or(LONGEST).min(LONGEST);
        // One byte before and one behind, which must be newlines.
        let from = place.offset.saturating_sub(1);
        let lead = usize::from(place.offset > 0);
        let mut raw = vec![0; lead + length + 1];
        let read = read_full(&file, &mut raw, from)?;
        let whole = usize::try_from(place.length).is_ok_and(|whole| whole == length);
        let line = raw.get(lead..lead + length).filter(|_| read >= lead + length).ok_or(FetchError::Gone)?;
        let begins = lead == 0 || raw.first() == Some(&b'\n');
        let ends = !whole || read == lead + length || raw.get(lead + length) == Some(&b'\n');
        if !begins || !ends || line.contains(&b'\n') {
            return Err(FetchError::Gone);
        }
        let mut rows = detail::lines(line);
        if !whole {
            rows.push(format!("(the first {LONGEST} of {} bytes)", place.length));
        }
        Ok(rows)
    }

    fn find(&self, inode: u64) -> Option<File> {
        self.sources.iter().find_map(|source| match source {
            Location::File(path) => open(path, inode).or_else(|| in_folder(path.parent()?, inode)),
            Location::Journal(folder) => in_folder(folder, inode),
        })
    }
}

fn in_folder(folder: &Path, inode: u64) -> Option<File> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let paths: Vec<PathBuf> = entries.filter(|entry| entry.ino() == inode).map(|entry| entry.path()).collect();
    paths.iter().find_map(|path| open(path, inode))
}

fn open(path: &Path, inode: u64) -> Option<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let facts = file.metadata().ok()?;
    (facts.ino() == inode && facts.is_file()).then_some(file)
}

fn read_full(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}
