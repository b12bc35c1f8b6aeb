//! The journal's folder: what its files are called, in which order they stand, and that nobody else may look in.
//! Refuses links: a file of the journal is a file.

use super::error::JournalError;
use jiff::Timestamp;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A file's name taken apart, ordered as the files follow each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName {
    day: u32,
    number: u32,
}

impl FileName {
    /// Reads `YYYYMMDD-NN.jsonl`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (day, number) = name.strip_suffix(".jsonl")?.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fine = day.len() == 8 && (2..=6).contains(&number.len()) && digits(day) && digits(number);
        let read = fine.then(|| Some(Self { day: day.parse().ok()?, number: number.parse().ok()? }))??;
        // One file has one name: `-001` would be read as `-01` once more.
        (read.text() == name).then_some(read)
    }

    /// The first file of the day of an event.
    pub(super) fn first_of(at: Timestamp) -> Self {
        Self { day: day(at), number: 1 }
    }

    /// The file after this one for an event of this time: of its day, or the next of this one's day.
    pub(super) fn next(&self, at: Timestamp) -> Self {
        // A clock that stepped back doesn't make an older file: names and lines keep one order.
        if day(at) > self.day { Self::first_of(at) } else { Self { day: self.day, number: self.number + 1 } }
    }

    /// True when an event of this time belongs to a later day.
    pub(super) fn is_of_an_earlier_day(&self, at: Timestamp) -> bool {
        day(at) > self.day
    }

    pub(super) fn text(&self) -> String {
        format!("{:08}-{:02}.jsonl", self.day, self.number)
    }
}

fn day(at: Timestamp) -> u32 {
    at.strftime("%Y%m%d").to_string().parse().unwrap_or(0)
}

/// True for the name of a file of a journal.
pub fn is_journal_file(name: &str) -> bool {
    FileName::parse(name).is_some()
}

/// The names of the journal's files, oldest first.
pub fn files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<FileName> = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().to_str().and_then(FileName::parse));
    }
    names.sort();
    Ok(names.iter().map(FileName::text).collect())
}

/// Makes the folder, mode 0700, or sees that it is nobody else's.
pub(super) fn prepare(folder: &Path) -> Result<(), JournalError> {
    let made = DirBuilder::new().mode(0o700).recursive(true).create(folder);
    made.map_err(|error| JournalError::io("making the journal's folder", folder, &error))?;
    let facts = fs::metadata(folder).map_err(|error| JournalError::io("looking at", folder, &error))?;
    refuse_open_to_others(folder, &facts)
}

pub(super) fn refuse_open_to_others(path: &Path, facts: &fs::Metadata) -> Result<(), JournalError> {
    let mode = facts.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(JournalError::Insecure { path: path.to_owned(), mode }) }
}

/// How the journal's files are opened: never through a link, mode 0600 when new.
pub(super) fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(careful());
    options
}

/// Opens a file of the journal that is only read.
pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    ordinary(OpenOptions::new().read(true).custom_flags(careful()).open(path)?)
}

/// Refuses what is no file: a pipe in its place would be waited for without an end.
pub(super) fn ordinary(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no ordinary file")) }
}

/// O_NOFOLLOW: a link in the place of a file would lead the record elsewhere. O_NONBLOCK: nor is a pipe waited for.
fn careful() -> i32 {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    flags.bits().cast_signed()
}

/// What tells a file from its namesake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(facts: &fs::Metadata) -> Self {
        Self { device: facts.dev(), inode: facts.ino() }
    }

    /// Of what the path leads to now; `None` where nothing is.
    pub(super) fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::symlink_metadata(path) {
            Ok(facts) => Ok(Some(Self::of(&facts))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Makes a new file's name durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_day_and_number() {
        let at = |text: &str| text.parse().expect("a test's own timestamp");
        let first = FileName::first_of(at("2026-11-08T23:59:59Z"));
        assert_eq!(first.text(), "20261108-01.jsonl");
        assert_eq!(first.next(at("2026-11-08T23:59:59Z")).text(), "20261108-02.jsonl");
        assert_eq!(first.next(at("2026-11-09T00:00:00Z")).text(), "20261109-01.jsonl");
        assert_eq!(first.next(at("2026-11-01T00:00:00Z")).text(), "20261108-02.jsonl");
        assert!(FileName::parse("20261108-100.jsonl") > FileName::parse("20261108-99.jsonl"));
        for wrong in [
            "20261108-1.jsonl",
            "20261108-001.jsonl",
            "journal.lock",
            "20261108-01.jsonl.gz",
            "x20261108-01.jsonl",
            "2026118-01.jsonl",
        ] {
            assert_eq!(FileName::parse(wrong), None, "{wrong}");
        }
    }
}
