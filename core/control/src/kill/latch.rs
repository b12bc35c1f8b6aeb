//! The latch: one record on disk, exchanged in one step for the next. Refuses to let a less strict order take the place
//! of a stricter one, and to need space that a full disk hasn't got: the next record is written into a spare that lies
//! there already.
//!
//! What an exchange brings out is looked at: if somebody wrote meanwhile, it is put back. So a writer who could not wait
//! for the lock loses nothing of another's stop, and a release never covers one.

use super::place::open_folder;
use crate::installation::random_id;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{LatchView, Record};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The record's file.
pub(super) const LATCH: &str = "latch";
const SPARE: &str = "spare";
const LOCK: &str = "lock";
/// A record on its way has a file of its own, with a name that nobody knows before: `new-PID-RANDOM`.
const NEW: &str = "new-";
/// A larger latch is none.
const MOST: u64 = 64 << 10;
/// The owner writes, the group reads.
const MODE: u32 = 0o640;
/// So often a writer tries to be heard before it says that it was not.
const TRIES: usize = 8;

/// One environment's latch.
#[derive(Debug, Clone)]
pub(super) struct Latch {
    folder: PathBuf,
    environment: Environment,
}

/// What stands, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) view: LatchView,
    /// Another Unix user wrote it, who has a journal of his own and may hold and release here. By the file's owner, which
    /// the kernel tells: what this user's own hand wrote stands in this user's journal.
    pub(super) by_another: bool,
}

/// The right to hand out the next generation, until dropped.
#[derive(Debug)]
pub(super) struct Held {
    file: File,
}

/// Why a record does not stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LatchError {
    /// The system refused.
    #[error("{doing} in {}: {text}", .folder.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Where.
        folder: PathBuf,
        /// The system's words.
        text: String,
        /// It is a matter of rights, not of space or of a broken disk.
        denied: bool,
    },
    /// It was written, and what is there can't be believed.
    #[error("what was written can't be read back: {0}")]
    Unreadable(String),
    /// Somebody else wrote meanwhile: what was decided was decided on something else.
    #[error("the latch was changed meanwhile")]
    Changed,
}

/// What a record may take the place of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over<'a> {
    /// Of everything that asks for less: a stop.
    Milder,
    /// Of this one alone, on which it was decided: a hold, a release, the first record, what follows by itself.
    Only(&'a LatchView),
}

impl Latch {
    pub(super) fn new(folder: PathBuf, environment: Environment) -> Self {
        Self { folder, environment }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What stands.
    pub(super) fn read(&self) -> LatchView {
        self.look().view
    }

    /// What stands, and whose it is.
    pub(super) fn look(&self) -> Look {
        let nobodys = |view| Look { view, by_another: false };
        let folder = match open_folder(&self.folder) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return nobodys(LatchView::Missing),
            Err(error) => return nobodys(LatchView::Unreadable(format!("its folder: {}", in_words(error)))),
        };
        match read(&folder, LATCH) {
            Ok(Some((bytes, owner))) => {
                let own = rustix::process::geteuid().as_raw();
                let may = self.environment != Environment::Production
                    || rustix::fs::fstat(&folder).is_ok_and(|facts| facts.st_uid == owner);
                Look { view: self.parse(&bytes), by_another: owner != own && may }
            }
            Ok(None) => nobodys(LatchView::Missing),
            Err(why) => nobodys(LatchView::Unreadable(why)),
        }
    }

    /// Takes the lock; `None` when another process kept it for the whole wait, or there can be none.
    pub(super) fn lock(&self, wait: Duration) -> Option<Held> {
        let folder = open_folder(&self.folder).ok()?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(MODE);
        let opened = rustix::fs::openat(&folder, LOCK, flags, Mode::empty())
            .or_else(|_| rustix::fs::openat(&folder, LOCK, flags | OFlags::CREATE, mode));
        let file = File::from(opened.ok()?);
        let start = Instant::now();
        let mut pause = Duration::from_micros(100);
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Held { file }),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => {
                    // flock has no wait with an end. The pause is short: a holder syncs once and goes.
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(3));
                }
                Err(_) => return None,
            }
        }
    }

    /// Writes a record and gives what stands afterwards: it, one of somebody else that asks for as much, or it again with a
    /// higher generation where somebody wrote meanwhile.
    pub(super) fn write(&self, record: &Record, over: Over<'_>, held: Option<&Held>) -> Result<Record, LatchError> {
        let folder = open_folder(&self.folder).map_err(|error| self.error("opening the folder", error))?;
        let mut record = record.clone();
        for _ in 0..TRIES {
            let least = match (self.put(&folder, &record, over, held), over) {
                (Err(LatchError::Changed), Over::Milder) => continue,
                (put, _) => put?,
            };
            let next = match self.view(&folder, LATCH) {
                // What it took the place of had a higher number: engines would pass this one over.
                LatchView::Read(stands) if *stands == record && least > record.generation => {
                    Record { generation: least, ..record.clone() }
                }
                LatchView::Read(stands) if *stands == record => return Ok(*stands),
                LatchView::Read(stands) => match record.over(&stands) {
                    None => return Ok(*stands),
                    Some(next) => next,
                },
                LatchView::Missing => record.clone(),
                LatchView::Unreadable(why) => return Err(LatchError::Unreadable(why)),
            };
            if let Over::Only(_) = over {
                break;
            }
            record = next;
        }
        Err(LatchError::Changed)
    }

    /// Lays a spare that is ours ready for the next time. As good as it can: without one a writer needs new space. False
    /// where it was tried, and nothing can be made that a writer could use.
    pub(super) fn mend_spare(&self) -> bool {
        let (Ok(folder), Some(held)) = (open_folder(&self.folder), self.lock(Duration::ZERO)) else { return true };
        sweep(&folder);
        if own_spare(&folder).is_none()
            && let Ok(name) = fresh(&folder, &[b' '; Record::SIZE])
        {
            put_away(&folder, &name, Some(&held));
        }
        !lacks_spare(&folder)
    }

    /// True when there is no spare, whosever, or something else lies in its place.
    pub(super) fn lacks_spare(&self) -> bool {
        open_folder(&self.folder).is_ok_and(|folder| lacks_spare(&folder))
    }

    fn view(&self, folder: &OwnedFd, name: &str) -> LatchView {
        match read(folder, name) {
            Ok(Some((bytes, _))) => self.parse(&bytes),
            Ok(None) => LatchView::Missing,
            Err(why) => LatchView::Unreadable(why),
        }
    }

    fn parse(&self, bytes: &[u8]) -> LatchView {
        match Record::parse(bytes, self.environment) {
            Ok(record) => LatchView::Read(Box::new(record)),
            Err(why) => LatchView::Unreadable(why),
        }
    }

    /// One exchange. What it brings out is put back when the record may not take its place. Gives the generation that the
    /// record needs at least.
    fn put(&self, folder: &OwnedFd, record: &Record, over: Over<'_>, held: Option<&Held>) -> Result<u64, LatchError> {
        let name = self.prepare(folder, &record.bytes(), held)?;
        let mut done = Ok(0);
        if let Out::Beside = self.exchange(folder, &name, over)? {
            let was = self.view(folder, &name);
            let needs = match (over, &was) {
                (Over::Milder, LatchView::Read(was)) => record.over(was).map(|next| next.generation),
                (Over::Milder, _) => Some(0),
                (Over::Only(seen), was) => (seen == was).then_some(0),
            };
            match (needs, over) {
                (Some(least), _) => done = Ok(least),
                (None, _) => {
                    self.exchange(folder, &name, Over::Milder)?;
                    if let Over::Only(_) = over {
                        done = Err(LatchError::Changed);
                    }
                }
            }
            put_away(folder, &name, held);
        }
        rustix::fs::fsync(folder).map_err(|error| self.error("syncing the folder", error))?;
        done
    }

    /// Brings the bytes on the disk beside the latch: into the spare under the lock, else into a file of its own.
    fn prepare(&self, folder: &OwnedFd, bytes: &[u8], held: Option<&Held>) -> Result<String, LatchError> {
        if held.is_some()
            && let Some(spare) = own_spare(folder)
            && fill(&spare, bytes).is_ok()
        {
            return Ok(SPARE.into());
        }
        let full = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            )
        };
        match fresh(folder, bytes) {
            Err(error) if full(&error) => {
                // The spare of somebody else is of no use to us, but its room is.
                let _ = rustix::fs::unlinkat(folder, SPARE, AtFlags::empty());
                fresh(folder, bytes)
            }
            other => other,
        }
        .map_err(|error| self.error("writing the next record", error))
    }

    fn exchange(&self, folder: &OwnedFd, name: &str, over: Over<'_>) -> Result<Out, LatchError> {
        let begins = matches!(over, Over::Milder | Over::Only(LatchView::Missing));
        let replaces = !matches!(over, Over::Only(LatchView::Missing));
        let done = (0..TRIES).find_map(|_| {
            if replaces {
                match rustix::fs::renameat_with(folder, name, folder, LATCH, RenameFlags::EXCHANGE) {
                    Ok(()) => return Some(Ok(Out::Beside)),
                    Err(Errno::NOENT) => {}
                    Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return Some(replace(folder, name)),
                    Err(error) => return Some(Err(error)),
                }
            }
            if begins {
                match rustix::fs::renameat_with(folder, name, folder, LATCH, RenameFlags::NOREPLACE) {
                    Ok(()) => return Some(Ok(Out::Nothing)),
                    Err(Errno::EXIST) => {}
                    Err(error) => return Some(Err(error)),
                }
            }
            None
        });
        match done {
            Some(Ok(out)) => Ok(out),
            // The record's own file was taken away: another writer needed its room.
            Some(Err(Errno::NOENT)) | None => Err(LatchError::Changed),
            Some(Err(error)) => Err(self.error("putting the record in its place", error)),
        }
    }

    fn error(&self, doing: &'static str, error: impl Into<io::Error>) -> LatchError {
        let error = error.into();
        LatchError::Io {
            doing,
            folder: self.folder.clone(),
            denied: error.kind() == io::ErrorKind::PermissionDenied,
            text: error.to_string(),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing would release it as well.
        let _ = self.file.unlock();
    }
}

/// What an exchange brought out.
enum Out {
    /// There was no latch.
    Nothing,
    /// The old latch lies under the new one's name.
    Beside,
}

/// For a file system that can't exchange: the old one is kept beside under a second name first.
fn replace(folder: &OwnedFd, name: &str) -> rustix::io::Result<Out> {
    let aside = format!("{name}-old");
    let was = rustix::fs::linkat(folder, LATCH, folder, &*aside, AtFlags::empty());
    rustix::fs::renameat(folder, name, folder, LATCH)?;
    if was.is_err() {
        return Ok(Out::Nothing);
    }
    rustix::fs::renameat(folder, &*aside, folder, name)?;
    Ok(Out::Beside)
}

/// The bytes of an ordinary file that not everybody can write, and its owner; `None` when there is none.
fn read(folder: &OwnedFd, name: &str) -> Result<Option<(Vec<u8>, u32)>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(in_words(error)),
    };
    let around = rustix::fs::fstat(folder).map_err(in_words)?;
    let facts = file.metadata().map_err(|error| error.to_string())?;
    if !facts.is_file() {
        return Err("it is no ordinary file".into());
    }
    if facts.mode() & 0o002 != 0 {
        return Err("everybody can write it".into());
    }
    if around.st_mode & 0o002 != 0 {
        return Err("everybody can write its folder".into());
    }
    if facts.len() > MOST {
        return Err(format!("it is larger than {} KiB", MOST >> 10));
    }
    let mut bytes = Vec::with_capacity(Record::SIZE);
    file.take(MOST).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(Some((bytes, facts.uid())))
}

/// The spare, if it can be written into: ours, one name, as large as a record, and nobody else may write it.
fn own_spare(folder: &OwnedFd) -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, SPARE, flags, Mode::empty()).ok()?);
    let facts = file.metadata().ok()?;
    let ours = facts.uid() == rustix::process::geteuid().as_raw() && facts.nlink() == 1;
    let fits = facts.is_file() && facts.mode() & 0o777 == MODE && facts.len() >= Record::SIZE as u64;
    (ours && fits).then_some(file)
}

fn fill(spare: &File, bytes: &[u8]) -> io::Result<()> {
    spare.write_all_at(bytes, 0)?;
    if spare.metadata()?.len() != bytes.len() as u64 {
        spare.set_len(bytes.len() as u64)?;
    }
    spare.sync_data()
}

/// A new file with these bytes, on the disk. Never one that is there already: a pipe would be waited for.
fn fresh(folder: &OwnedFd, bytes: &[u8]) -> io::Result<String> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(MODE);
    let mut tries = 0;
    let (name, file) = loop {
        let name = random_id(&format!("{NEW}{}", std::process::id()), 16);
        match rustix::fs::openat(folder, &*name, flags, mode) {
            Ok(file) => break (name, File::from(file)),
            Err(Errno::EXIST) if tries < TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
    };
    // The umask may have taken the group's right to read.
    let written = rustix::fs::fchmod(&file, mode)
        .map_err(io::Error::from)
        .and_then(|()| file.write_all_at(bytes, 0))
        .and_then(|()| file.sync_all());
    match written {
        Ok(()) => Ok(name),
        Err(error) => {
            let _ = rustix::fs::unlinkat(folder, &*name, AtFlags::empty());
            Err(error)
        }
    }
}

/// What came out is the next spare. Without the lock the spare is not touched: who holds it may be writing into it.
fn put_away(folder: &OwnedFd, name: &str, held: Option<&Held>) {
    if name == SPARE {
        return;
    }
    let put = || rustix::fs::renameat(folder, name, folder, SPARE);
    let done = held.is_some() && (put().is_ok() || (make_way(folder) && put().is_ok()));
    if !done {
        let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
    }
}

/// A folder in the spare's place, which no file can take, is moved aside.
fn make_way(folder: &OwnedFd) -> bool {
    rustix::fs::unlinkat(folder, SPARE, AtFlags::REMOVEDIR).is_ok()
        || rustix::fs::renameat(folder, SPARE, folder, &*random_id("aside", 16)).is_ok()
}

/// No plain file lies in the spare's place, with room for a record. What can't be looked at is not said to lack.
fn lacks_spare(folder: &OwnedFd) -> bool {
    match rustix::fs::statat(folder, SPARE, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(facts) => {
            let room = u64::try_from(facts.st_size).is_ok_and(|size| size >= Record::SIZE as u64);
            !(FileType::from_raw_mode(facts.st_mode).is_file() && room)
        }
        Err(error) => error == Errno::NOENT,
    }
}

/// Removes what a writer left who died between two steps.
fn sweep(folder: &OwnedFd) {
    let Ok(entries) = rustix::fs::Dir::read_from(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let writer = name.strip_prefix(NEW).and_then(|rest| rest.split('-').next());
        if writer.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = rustix::fs::unlinkat(folder, &*name, AtFlags::empty());
        }
    }
}

fn in_words(error: Errno) -> String {
    match error {
        Errno::LOOP => "it is a link".into(),
        other => io::Error::from(other).to_string(),
    }
}
