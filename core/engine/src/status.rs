//! The status file: the last beat, for whoever can't reach the socket, and for this engine's next process. Refuses to be
//! half written, and to need room on a full disk: two files of a fixed size change places.

use crate::latch;
use crate::obey::{Left, Obeys};
use quarterdeck_domain::kill::{Beat, Order};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Padded to this, a beat never needs a new block.
const SIZE: usize = 4096;
const MODE: Mode = Mode::from_raw_mode(0o640);

/// A beat, and what the next process has to know beside it.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    #[serde(flatten)]
    pub(crate) beat: &'a Beat,
    pub(crate) obeys: Option<&'a Obeys>,
}

/// The part of a status file that isn't the beat. A number in a flattened type would not parse.
#[derive(Debug, Deserialize)]
struct Beside {
    obeys: Option<Obeys>,
}

/// The status file of one engine.
#[derive(Debug)]
pub(crate) struct Status {
    name: String,
}

impl Status {
    pub(crate) fn new(engine: &str) -> Self {
        Self { name: engine.to_owned() }
    }

    fn file(&self) -> String {
        format!("{}.json", self.name)
    }

    fn spare(&self) -> String {
        format!("{}.spare", self.name)
    }

    /// What the last process left; `None` where there is nothing, or nothing of this engine.
    pub(crate) fn left(&self, folder: &Path, environment: &str) -> Option<Left> {
        let bytes = latch::bytes(&folder.join(self.file())).ok()?;
        let beat: Beat = serde_json::from_slice(&bytes).ok()?;
        if beat.environment != environment || beat.engine != self.name {
            return None;
        }
        let beside = serde_json::from_slice(&bytes).unwrap_or(Beside { obeys: None });
        let obeys = beside.obeys.or_else(|| as_told(&beat))?;
        let highest = beat.generation.max(obeys.generation);
        Some(Left { obeys, highest, steps: beat.steps, boot_id: beat.boot_id })
    }

    /// Puts a line there. `durable`: both files hold it, and so do their disks, so that no loss of power brings an older
    /// one back.
    pub(crate) fn put(&self, folder: &OwnedFd, line: &[u8], durable: bool) -> io::Result<()> {
        let mut bytes = line.to_vec();
        bytes.resize(bytes.len().max(SIZE), b' ');
        for _ in 0..if durable { 2 } else { 1 } {
            self.exchange(folder, &bytes, durable).or_else(|_| self.replace(folder, &bytes, durable))?;
        }
        if durable {
            rustix::fs::fsync(folder)?;
        }
        Ok(())
    }

    /// Takes it away.
    pub(crate) fn remove(&self, folder: &OwnedFd) {
        for name in [self.file(), self.spare()] {
            // Gone already is as good.
            let _ = rustix::fs::unlinkat(folder, name.as_str(), AtFlags::empty());
        }
    }

    /// Into the spare file, whose blocks are there already.
    fn exchange(&self, folder: &OwnedFd, bytes: &[u8], durable: bool) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = rustix::fs::openat(folder, self.spare().as_str(), flags, Mode::empty())?;
        let facts = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile || facts.st_nlink != 1 {
            return Err(Errno::INVAL.into());
        }
        write(&file, bytes)?;
        if u64::try_from(facts.st_size) != Ok(bytes.len() as u64) {
            rustix::fs::ftruncate(&file, bytes.len() as u64)?;
        }
        if durable {
            rustix::fs::fdatasync(&file)?;
        }
        let (from, to) = (self.spare(), self.file());
        rustix::fs::renameat_with(folder, from.as_str(), folder, to.as_str(), RenameFlags::EXCHANGE)?;
        Ok(())
    }

    /// Where there is no spare file yet, or the file system exchanges nothing.
    fn replace(&self, folder: &OwnedFd, bytes: &[u8], durable: bool) -> io::Result<()> {
        let fresh = format!("{}.new", self.file());
        for name in [self.file(), self.spare()] {
            let _ = rustix::fs::unlinkat(folder, fresh.as_str(), AtFlags::empty());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = rustix::fs::openat(folder, fresh.as_str(), flags, MODE)?;
            // The folder's group reads it, whatever this process's mask says.
            rustix::fs::fchmod(&file, MODE)?;
            write(&file, bytes)?;
            if durable {
                rustix::fs::fdatasync(&file)?;
            }
            rustix::fs::renameat(folder, fresh.as_str(), folder, name.as_str())?;
        }
        Ok(())
    }
}

fn write(file: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    let mut at = 0;
    while at < bytes.len() {
        match rustix::io::pwrite(file, &bytes[at..], at as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => at += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What a beat alone tells of the record obeyed. It names no deadline, so a stop is taken for a hold until the latch says
/// more.
fn as_told(beat: &Beat) -> Option<Obeys> {
    let order = match beat.level {
        0 => Order::Trade,
        3 => Order::Hold,
        _ => Order::Halt,
    };
    let episode = beat.episode.clone()?;
    Some(Obeys { order, episode, generation: beat.generation, deadline: None, by_deadline: false })
}
