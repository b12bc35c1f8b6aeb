//! Wakes the tail up: inotify on folders for names, on files for bytes. Refuses to look by itself. A file is watched
//! by its inode, so a renamed one is still heard, and a busy neighbour in the same folder is not.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// A watch's number.
pub(super) type Wd = i32;

#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
    /// Who wants to hear of a watch; two sources may lie in one folder.
    users: BTreeMap<Wd, BTreeSet<usize>>,
}

/// Whether a name was moved, with the number that the two halves of a move share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moved {
    /// It was made, removed, or got other rights.
    Not,
    /// It was moved away.
    From(u32),
    /// It is what something was moved to.
    To(u32),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// A watched file was written to, or a watched thing itself moved or went.
    Itself {
        /// Which watch.
        wd: Wd,
        /// The thing is gone from where it was.
        gone: bool,
    },
    /// A name in a watched folder came, went or changed its rights.
    Name {
        /// Which watch.
        wd: Wd,
        /// The name.
        name: OsString,
        /// What became of the name, if it was moved.
        moved: Moved,
    },
    /// The system dropped events: anything may have happened.
    Lost,
}

impl Watch {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?, users: BTreeMap::new() })
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        &self.inotify
    }

    /// Watches the names in a folder, and the folder itself.
    pub(super) fn folder(&mut self, path: &Path, user: usize) -> io::Result<Wd> {
        let names = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
        let own = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ATTRIB | WatchFlags::ONLYDIR;
        self.add(path, names | own, user)
    }

    /// Watches the bytes of an open file, wherever its name goes.
    pub(super) fn file(&mut self, file: &File, user: usize) -> io::Result<Wd> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        self.add(Path::new(&path), WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF, user)
    }

    pub(super) fn forget(&mut self, wd: Wd, user: usize) {
        let Some(users) = self.users.get_mut(&wd) else { return };
        users.remove(&user);
        if users.is_empty() {
            self.users.remove(&wd);
            // Fails where the system removed it first, with the file.
            let _ = inotify::remove_watch(&self.inotify, wd);
        }
    }

    /// Gives what happened since the last call, with those who want to hear it.
    pub(super) fn drain(&mut self, mut hear: impl FnMut(&BTreeSet<usize>, Heard)) -> io::Result<()> {
        let everybody: BTreeSet<usize> = self.users.values().flatten().copied().collect();
        let nobody = BTreeSet::new();
        let mut gone = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let (wd, flags) = (event.wd(), event.events());
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                hear(&everybody, Heard::Lost);
                continue;
            }
            let users = self.users.get(&wd).unwrap_or(&nobody);
            match event.file_name() {
                Some(name) => {
                    let name = OsString::from_vec(name.to_bytes().to_vec());
                    let moved = match event.cookie() {
                        cookie if flags.contains(ReadFlags::MOVED_FROM) => Moved::From(cookie),
                        cookie if flags.contains(ReadFlags::MOVED_TO) => Moved::To(cookie),
                        _ => Moved::Not,
                    };
                    hear(users, Heard::Name { wd, name, moved });
                }
                None => {
                    let left = ReadFlags::MOVE_SELF | ReadFlags::DELETE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT;
                    hear(users, Heard::Itself { wd, gone: flags.intersects(left) });
                }
            }
            if flags.contains(ReadFlags::IGNORED) {
                gone.push(wd);
            }
        }
        for wd in gone {
            self.users.remove(&wd);
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, flags: WatchFlags, user: usize) -> io::Result<Wd> {
        let wd = inotify::add_watch(&self.inotify, path, flags)?;
        self.users.entry(wd).or_default().insert(user);
        Ok(wd)
    }
}
