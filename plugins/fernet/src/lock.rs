//! One writer at a time: an exclusive `flock` on a sibling file. Refuses to wait without end, and to lock the data file
//! itself, which a rename replaces by another inode.

use crate::disk::{Place, failed};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use rustix::fs::{FlockOperation, OFlags};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait for another writer, whatever the caller would grant.
const LONGEST: Duration = Duration::from_secs(30);

/// Held until it is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock, at most as long as the caller does.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] that names the holder's process; nothing was changed then.
    pub(crate) fn take(place: &Place, within: Duration) -> Result<Self> {
        let path = place.beside(".lock");
        let mut file = open(place, &path)?;
        // Half of the caller's time is left for the work itself.
        let patience = (within / 2).min(LONGEST);
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        // `flock` knows no time limit, so it is asked again and again; a thread that blocks could not be called back.
        while let Err(error) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK && error != rustix::io::Errno::INTR {
                return Err(failed(&error.into(), "locking", &path));
            }
            if start.elapsed() >= patience {
                return Err(held(&mut file, &path));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        sign(&mut file);
        Ok(Self { _file: file })
    }
}

fn open(place: &Place, path: &Path) -> Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(path).map_err(|error| failed(&error, "locking", path))?;
    // A lock made by root must not keep the file's own user out; where we may not give it away it is ours already.
    if let Some((user, group)) = place.owner() {
        let _ = rustix::fs::fchown(&file, Some(user), Some(group));
    }
    Ok(file)
}

/// Leaves our process's number for who waits. It helps a person only, so a failure is none.
fn sign(file: &mut File) {
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
}

fn held(file: &mut File, path: &Path) -> BackendError {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
    let who = match text.trim().parse::<u32>() {
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_owned(),
    };
    BackendError::new(ErrorKind::Timeout, format!("{who} holds the lock {}", path.display()))
        .doing("waiting to write")
        .hint(format!("Try again; if {who} hangs, end it: the lock goes with it."))
}
