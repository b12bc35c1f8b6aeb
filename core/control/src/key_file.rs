//! The files that a Fernet key lies in: noticed when one was changed, and changed in one step by a rekey. Refuses to let a
//! key exist nowhere: a new one is on the disk beside the old one before anything is sealed with it.

use crate::env_file::{self, Spot};
use crate::ordinary;
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use rustix::fs::{FlockOperation, Gid, Uid, fchown, flock};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// The variable that holds the key or a list of keys.
pub(crate) const VARIABLE: &str = "DP_SECRETS_ENCRYPTION_KEY";

/// Largest file that is read.
const MOST: u32 = 1 << 20;

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

/// A file with a list of keys, held by one rekey alone: the whole file, or one variable in a `.env` file.
#[derive(Debug)]
pub(crate) struct KeyHome {
    file: PathBuf,
    whole: bool,
    _held: File,
}

/// One key of a list, wiped on drop.
pub(crate) type KeyText = Zeroizing<String>;

impl KeyHome {
    /// The file that holds keys and nothing else.
    pub(crate) fn whole(path: &Path) -> Result<Self> {
        Self::hold(path, true)
    }

    /// The `.env` file that holds them in [`VARIABLE`].
    pub(crate) fn env(path: &Path) -> Result<Self> {
        Self::hold(path, false)
    }

    /// Follows links, and waits for nobody.
    fn hold(path: &Path, whole: bool) -> Result<Self> {
        let file = path.canonicalize().map_err(|error| failed(&error, "looking for", path))?;
        let folder = folder_of(&file);
        let held = File::open(&folder).map_err(|error| failed(&error, "opening", &folder))?;
        flock(&held, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => BackendError::new(ErrorKind::Timeout, "another rekey is under way here")
                .doing(format!("changing {}", file.display()))
                .hint("Wait for its end; nothing was changed."),
            other => failed(&other.into(), "locking", &folder),
        })?;
        Ok(Self { file, whole, _held: held })
    }

    /// Where it is, links followed.
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }

    /// The keys in it, the one that seals first.
    pub(crate) fn keys(&self) -> Result<Vec<KeyText>> {
        let (text, spots) = self.read()?;
        Ok(list(match spots.last() {
            Some(spot) => &text[spot.value.clone()],
            None if self.whole => &text,
            None => "",
        }))
    }

    /// Lines of a `.env` file with keys that no program reads: a later line has the same variable.
    pub(crate) fn older_lines(&self) -> Result<Vec<usize>> {
        let (_, spots) = self.read()?;
        Ok(spots.iter().rev().skip(1).rev().map(|spot| spot.line).collect())
    }

    /// Puts these keys in the place of those that are there, in one step.
    pub(crate) fn put(&self, keys: &[KeyText]) -> Result<()> {
        let mut value = Zeroizing::new(String::with_capacity(keys.iter().map(|key| key.len() + 1).sum()));
        for (at, key) in keys.iter().enumerate() {
            value.push_str(if at == 0 { "" } else { "," });
            value.push_str(key);
        }
        let new = match self.whole {
            true => {
                value.push('\n');
                value
            }
            false => {
                let (text, spots) = self.read()?;
                env_file::with_value(&text, VARIABLE, &spots, &value)
            }
        };
        self.replace(&new).map_err(|error| failed(&error, "changing", &self.file))
    }

    fn read(&self) -> Result<(Zeroizing<String>, Vec<Spot>)> {
        let text = ordinary::text(&self.file, MOST).map(Zeroizing::new);
        let text = text.map_err(|error| failed(&error, "reading", &self.file))?;
        if self.whole {
            return Ok((text, Vec::new()));
        }
        let spots = env_file::find(&text, VARIABLE).map_err(|line| {
            BackendError::new(ErrorKind::Invalid, format!("a quotation mark in line {line} is never closed"))
                .doing(format!("reading {}", self.file.display()))
                .hint("Close it; nothing was changed.")
        })?;
        Ok((text, spots))
    }

    /// A new file that is renamed over the old one, with its mode and owner. One that was left by a kill is swept first.
    fn replace(&self, text: &str) -> io::Result<()> {
        let facts = std::fs::metadata(&self.file)?;
        let mut name = std::ffi::OsString::from(".");
        name.push(self.file.file_name().unwrap_or_default());
        name.push(".quarterdeck-new");
        let new = folder_of(&self.file).join(name);
        let _ = std::fs::remove_file(&new);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let written = (|| {
            let mine = out.metadata()?;
            if (mine.uid(), mine.gid()) != (facts.uid(), facts.gid()) {
                fchown(&out, Some(Uid::from_raw(facts.uid())), Some(Gid::from_raw(facts.gid())))?;
            }
            out.write_all(text.as_bytes())?;
            out.set_permissions(Permissions::from_mode(facts.mode() & 0o7777))?;
            out.sync_all()?;
            crate::rekey::point("new key file written");
            std::fs::rename(&new, &self.file)
        })();
        if written.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        written?;
        File::open(folder_of(&self.file))?.sync_all()
    }
}

/// The line of a `.env` file in which the key stands that counts; nothing where none does or the file can't be read.
pub fn key_line(file: &Path) -> Option<usize> {
    let text = ordinary::text(file, MOST).map(Zeroizing::new).ok()?;
    env_file::find(&text, VARIABLE).ok()?.last().map(|spot| spot.line)
}

/// A list of keys as it is written, parted by commas or white space.
pub(crate) fn list(text: &str) -> Vec<KeyText> {
    let parts = text.split(|letter: char| letter == ',' || letter.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(|part| Zeroizing::new(part.to_owned())).collect()
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

fn failed(error: &io::Error, doing: &str, path: &Path) -> BackendError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "Name the file that your programs are started with.",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "Make room on the disk."
        }
        _ => "The file and its folder have to be writable to you.",
    };
    BackendError::new(ErrorKind::Invalid, error.to_string()).doing(format!("{doing} {}", path.display())).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        (folder, file)
    }

    fn keys(texts: &[&str]) -> Vec<KeyText> {
        texts.iter().map(|text| Zeroizing::new((*text).to_owned())).collect()
    }

    fn text(file: &Path) -> String {
        std::fs::read_to_string(file).expect("there")
    }

    #[test]
    fn a_key_file_is_replaced_and_noticed() {
        let (_folder, file) = house("fernet.key", "old\n");
        let watched = KeyFile::new(file.clone());
        let home = KeyHome::whole(&file).expect("there");
        home.put(&keys(&["new", "old"])).expect("written");
        assert_eq!((text(&file).as_str(), home.keys().expect("read")), ("new,old\n", keys(&["new", "old"])));
        assert!(watched.changed() && !watched.changed(), "each change is told once");
    }

    #[test]
    fn a_link_stays_and_mode_comments_and_order_do_too() {
        let (folder, file) =
            house("real.env", "# c\nDP_SECRETS_ENCRYPTION_KEY=older\nA=1\nDP_SECRETS_ENCRYPTION_KEY=old\n");
        std::fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("ours");
        let link = folder.path().join(".env");
        std::os::unix::fs::symlink("real.env", &link).expect("linked");
        let home = KeyHome::env(&link).expect("there");
        assert_eq!((home.keys().expect("read"), home.older_lines().expect("read")), (keys(&["old"]), vec![2]));
        home.put(&keys(&["new", "old"])).expect("written");
        let wanted = "# c\nDP_SECRETS_ENCRYPTION_KEY=older\nA=1\nDP_SECRETS_ENCRYPTION_KEY=new,old\n";
        assert_eq!(text(&file), wanted);
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(std::fs::metadata(&file).expect("there").mode() & 0o7777, 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 2, "nothing is left beside it");
    }

    #[test]
    fn two_rekeys_do_not_meet_and_a_missing_file_is_told() {
        let (folder, file) = house(".env", "A=1\n");
        let held = KeyHome::env(&file).expect("there");
        assert_eq!(KeyHome::env(&file).expect_err("held").kind, ErrorKind::Timeout);
        drop(held);
        assert!(KeyHome::env(&file).expect("free").keys().expect("read").is_empty());
        let error = KeyHome::env(&folder.path().join("none")).expect_err("there is none");
        assert!(error.doing.contains("none") && !error.hint.is_empty(), "{error}");
    }
}
