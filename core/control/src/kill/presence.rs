//! Who is there: one file for each cockpit and watcher that is open, locked as long as it lives. Refuses to believe a file
//! that nobody holds.

use super::place::open_folder;
use crate::installation::random_id;
use crate::ordinary;
use jiff::Timestamp;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::sanitise;
use rustix::fs::{AtFlags, Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Of whom a file tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Present {
    /// `watch-4121`.
    pub(super) name: String,
    /// The person's handle.
    pub(super) person: String,
    /// Their role here, if configuration could be read.
    pub(super) role: Option<Role>,
    /// The host.
    pub(super) host: String,
    /// `cockpit` or `watch`.
    pub(super) program: String,
    /// The process.
    pub(super) pid: u32,
    /// Since when.
    pub(super) since: Timestamp,
}

/// This process's own file, there until it is dropped.
#[derive(Debug)]
pub(super) struct Own {
    folder: OwnedFd,
    name: String,
    /// Its lock is what the others look at.
    _file: File,
}

/// A larger file tells of nobody.
const MOST: u32 = 64 << 10;
/// At most so many files are looked at.
const FILES: usize = 1_000;

impl Own {
    /// Writes it. The lock is there before the name is: nobody takes it for one that was left.
    pub(super) fn open(folder: &Path, present: &Present) -> io::Result<Self> {
        let folder = open_folder(folder)?;
        let (new, name) = (random_id(&format!(".new-{}", present.name), 12), format!("{}.json", present.name));
        // A name that nobody could have taken before, and never anything that is there already: a pipe would be waited for.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&folder, &*new, flags, Mode::from_raw_mode(0o640))?);
        let written = file
            .try_lock()
            .map_err(|_| io::Error::other("another process has this name"))
            .and_then(|()| file.write_all(&serde_json::to_vec(present)?))
            .and_then(|()| Ok(rustix::fs::renameat(&folder, &*new, &folder, &*name)?));
        if let Err(error) = written {
            let _ = rustix::fs::unlinkat(&folder, &*new, AtFlags::empty());
            return Err(error);
        }
        Ok(Self { folder, name, _file: file })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Whoever looks meanwhile finds it unlocked and gone.
        let _ = rustix::fs::unlinkat(&self.folder, &*self.name, AtFlags::empty());
    }
}

/// All that are there, in the order of their coming. Files that were left behind are taken away.
pub(super) fn all(folder: &Path) -> Vec<Present> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut here: Vec<Present> = entries.flatten().take(FILES).filter_map(|entry| look(&entry.path())).collect();
    here.sort_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
    here
}

fn look(path: &Path) -> Option<Present> {
    let ours = path.extension().is_some_and(|ending| ending == "json");
    let plain = ours && std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_file());
    let file = plain.then(|| ordinary::open(path).ok())??;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) => {
            // Its process is gone. Where we may not remove it, another will.
            let _ = std::fs::remove_file(path);
            return None;
        }
        Err(TryLockError::Error(_)) => return None,
    }
    let told: Present = serde_json::from_slice(&ordinary::read(path, MOST).ok()?).ok()?;
    let clean = |text: &str| sanitise::line(text, 64).into_owned();
    Some(Present {
        name: clean(&told.name),
        person: clean(&told.person),
        host: clean(&told.host),
        program: clean(&told.program),
        ..told
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(name: &str) -> Present {
        Present {
            name: name.into(),
            person: "alice".into(),
            role: Some(Role::Trader),
            host: "bastion-1".into(),
            program: "cockpit".into(),
            pid: 1,
            since: "2026-11-08T14:00:00Z".parse().expect("a time"),
        }
    }

    #[test]
    fn who_is_open_is_there_and_who_is_gone_leaves_nothing() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let first = Own::open(home.path(), &present("cockpit-1")).expect("written");
        let second = Own::open(home.path(), &present("watch-2")).expect("written");
        let names = || all(home.path()).into_iter().map(|present| present.name).collect::<Vec<_>>();
        assert_eq!(names(), ["cockpit-1", "watch-2"]);
        drop(first);
        assert_eq!(names(), ["watch-2"]);
        drop(second);
        assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn a_file_that_nobody_holds_is_not_believed() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let left = home.path().join("cockpit-3.json");
        std::fs::write(&left, serde_json::to_vec(&present("cockpit-3")).expect("plain")).expect("written");
        std::fs::write(home.path().join("note"), "not ours").expect("written");
        std::os::unix::fs::symlink("/etc/passwd", home.path().join("x.json")).expect("a link");
        assert_eq!(all(home.path()), []);
        assert!(!left.exists(), "it was left behind");
        assert!(home.path().join("note").exists() && Path::new("/etc/passwd").exists());
    }

    #[test]
    fn a_pipe_or_a_folder_in_its_place_holds_nobody_up() {
        let home = tempfile::tempdir().expect("a temporary folder");
        for pipe in [".new-cockpit-1", "cockpit-1.json"] {
            rustix::fs::mkfifoat(rustix::fs::CWD, home.path().join(pipe), Mode::RUSR | Mode::WUSR).expect("a pipe");
        }
        let own = Own::open(home.path(), &present("cockpit-1")).expect("written");
        assert_eq!(all(home.path()).len(), 1);
        drop(own);
        std::fs::create_dir(home.path().join("watch-2.json")).expect("a folder");
        Own::open(home.path(), &present("watch-2")).expect_err("its name is taken");
        let left = std::fs::read_dir(home.path()).expect("a folder").count();
        assert_eq!(left, 2, "the pipe and the folder, and nothing of ours");
    }
}
