//! The file that a Fernet key is read from: noticed when it was changed, and changed in one step by a rekey. Refuses to
//! let a key exist nowhere: the new one is on the disk before anything is sealed with it.

use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretBytes};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A key file, and what it was when it was read last.
pub(crate) struct KeyFile {
    path: PathBuf,
    seen: Mutex<Option<(u64, i64, i64)>>,
}

impl KeyFile {
    /// Remembers the file as it is now.
    pub(crate) fn new(path: PathBuf) -> Self {
        let seen = Mutex::new(stamp(&path));
        Self { path, seen }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True once for each change.
    pub(crate) fn changed(&self) -> bool {
        let now = stamp(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *seen, now) != now
    }
}

/// What tells a file from its successor: inode, and time of change to the nanosecond.
fn stamp(path: &Path) -> Option<(u64, i64, i64)> {
    std::fs::metadata(path).ok().map(|facts| (facts.ino(), facts.mtime(), facts.mtime_nsec()))
}

/// A new key beside the old one, on the disk and not yet in use.
#[must_use]
pub(crate) struct NextKey {
    next: PathBuf,
    file: PathBuf,
}

impl NextKey {
    /// Writes the new key as `FILE.next`, 0600.
    pub(crate) fn keep(file: &Path, key: &SecretBytes) -> Result<Self> {
        let mut name = file.as_os_str().to_owned();
        name.push(".next");
        let next = PathBuf::from(name);
        let failed = |error: std::io::Error| {
            let hint = if error.kind() == std::io::ErrorKind::AlreadyExists {
                "A rekey was interrupted: that file holds its key. Try 'secrets validate' with it, then remove it."
            } else {
                "Make the key file's folder writable to you. Nothing was sealed."
            };
            BackendError::new(ErrorKind::Invalid, format!("the new key can't be kept: {error}"))
                .doing(format!("writing {}", next.display()))
                .hint(hint)
        };
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(flags)
            .open(&next)
            .map_err(failed)?;
        let written = out.write_all(key.expose()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.sync_all());
        let kept = Self { next: next.clone(), file: file.to_owned() };
        written.map_err(|error| {
            let _ = std::fs::remove_file(&next);
            failed(error)
        })?;
        Ok(kept)
    }

    /// Puts it in the old one's place: the store is sealed with it.
    pub(crate) fn take_over(self) -> Result<()> {
        std::fs::rename(&self.next, &self.file).map_err(|error| {
            BackendError::new(ErrorKind::OutcomeUnknown, format!("sealed, but the key file can't be replaced: {error}"))
                .doing(format!("renaming {} to {}", self.next.display(), self.file.display()))
                .hint("Rename it by hand: it holds the only key that opens the store.")
        })
    }

    /// Ends a rekey that failed. Where nobody knows what was sealed, the new key stays beside the old one.
    pub(crate) fn drop_after(self, error: BackendError) -> BackendError {
        let in_doubt = matches!(error.kind, ErrorKind::OutcomeUnknown | ErrorKind::Timeout | ErrorKind::Gone);
        if in_doubt {
            let hint = format!("{} The new key is kept in {}.", error.hint, self.next.display());
            return error.hint(hint.trim_start());
        }
        let _ = std::fs::remove_file(&self.next);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn house() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("fernet.key");
        std::fs::write(&file, "old\n").expect("a file");
        (folder, file)
    }

    #[test]
    fn the_new_key_is_on_the_disk_before_it_takes_over_and_is_noticed() {
        let (folder, file) = house();
        let watched = KeyFile::new(file.clone());
        let next = NextKey::keep(&file, &SecretBytes::from("new")).expect("kept");
        let beside = folder.path().join("fernet.key.next");
        assert_eq!(std::fs::metadata(&beside).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).expect("the old one"), "old\n");
        assert!(!watched.changed());
        next.take_over().expect("renamed");
        assert_eq!(std::fs::read_to_string(&file).expect("the new one"), "new\n");
        assert!(watched.changed() && !watched.changed(), "each change is told once");
        assert!(!beside.exists());
    }

    #[test]
    fn a_failure_removes_it_and_a_doubt_keeps_it() {
        let (folder, file) = house();
        let beside = folder.path().join("fernet.key.next");
        let next = NextKey::keep(&file, &SecretBytes::from("new")).expect("kept");
        let _ = next.drop_after(BackendError::new(ErrorKind::Invalid, "no"));
        assert!(!beside.exists());
        let next = NextKey::keep(&file, &SecretBytes::from("new")).expect("kept");
        let error = next.drop_after(BackendError::new(ErrorKind::OutcomeUnknown, "who knows"));
        assert!(beside.exists() && error.hint.contains("fernet.key.next"), "{error}");
        assert!(NextKey::keep(&file, &SecretBytes::from("other")).is_err(), "a kept key is never written over");
    }
}
