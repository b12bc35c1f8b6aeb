//! The file and its folder: reading it whole, replacing it whole, modes and owners. Refuses to write in place.
//!
//! A reader that takes no lock, as Python takes none, sees the old file or the new one and never a part: every change
//! is a new file that is renamed over the old one. A link is followed first, so that the link stays and its target
//! changes.

use quarterdeck_contract::{BackendError, ErrorKind, Result};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Largest plaintext of a file, in bytes.
pub(crate) const MAX_PLAINTEXT: usize = 16 << 20;

/// Largest token that is read: the largest plaintext in base 64, and room for a token wrapped into lines.
const MAX_TOKEN: u64 = (MAX_PLAINTEXT as u64 + 1024) / 3 * 4 / 64 * 66;

/// How often a link may lead to a link.
const MAX_LINKS: usize = 40;

/// What tells one state of a file from the next: a rename changes the inode, a write in place the times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    inode: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    fn of(meta: &Metadata) -> Self {
        Self {
            inode: (meta.dev(), meta.ino()),
            length: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// A file as it was read.
pub(crate) struct Bytes {
    pub(crate) token: Vec<u8>,
    pub(crate) seen: Seen,
}

/// Where the file really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, all links followed.
    pub(crate) file: PathBuf,
}

impl Place {
    /// Follows the links from a configured path; the last target need not exist yet.
    pub(crate) fn find(path: &Path) -> Result<Self> {
        let mut file = path.to_owned();
        for _ in 0..MAX_LINKS {
            match fs::read_link(&file) {
                Ok(target) => file = folder_of(&file).join(target),
                Err(_) => return Ok(Self { file }),
            }
        }
        Err(BackendError::new(ErrorKind::Invalid, format!("{} leads from link to link without end", path.display())))
    }

    /// The folder it is in.
    pub(crate) fn folder(&self) -> PathBuf {
        folder_of(&self.file)
    }

    /// A file beside it: the same name and an ending.
    pub(crate) fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.file.file_name().map(OsString::from).unwrap_or_default();
        name.push(ending);
        self.folder().join(name)
    }

    /// Reads the whole file; `None` when there is none.
    pub(crate) fn read(&self) -> Result<Option<Bytes>> {
        read(&self.file)
    }

    /// True while the file is as it was seen (`None`: while there is none).
    pub(crate) fn is_still(&self, seen: Option<&Seen>) -> bool {
        fs::metadata(&self.file).ok().map(|meta| Seen::of(&meta)).as_ref() == seen
    }

    /// Makes the folder if it is not there, and closes one that holds nothing but our own files to others.
    pub(crate) fn prepare_folder(&self) -> Result<()> {
        let folder = self.folder();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| failed(&error, "making the folder", &folder))?;
        if self.folder_is_open().is_some() && self.folder_is_ours_alone() {
            // By the open folder: a confined process changes no mode by a path.
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            File::open(&folder)
                .and_then(|open| open.set_permissions(private))
                .map_err(|error| failed(&error, "closing the folder to others", &folder))?;
        }
        Ok(())
    }

    /// The mode of the folder when others may look into it.
    pub(crate) fn folder_is_open(&self) -> Option<u32> {
        open_to_others(&fs::metadata(self.folder()).ok()?)
    }

    /// True when the folder is our own and all in it is this file and what stands beside it. Any other folder may be
    /// somebody's working folder, whose mode is not ours to change.
    pub(crate) fn folder_is_ours_alone(&self) -> bool {
        let folder = self.folder();
        let owned = fs::metadata(&folder).is_ok_and(|meta| meta.uid() == rustix::process::geteuid().as_raw());
        let ours = self.file.file_name().unwrap_or_default().as_encoded_bytes();
        let begins_like_ours = |name: OsString| {
            let name = name.as_encoded_bytes();
            name.strip_prefix(b".").unwrap_or(name).starts_with(ours) || name.starts_with(ours)
        };
        let mut entries = fs::read_dir(&folder).into_iter().flatten();
        owned && entries.all(|entry| entry.is_ok_and(|entry| begins_like_ours(entry.file_name())))
    }

    /// Writes a new file beside ours, mode 0600, owned as ours is, on disk when this returns.
    ///
    /// The caller holds the lock, so a new file of an earlier writer is one that was killed: it is taken away.
    pub(crate) fn write_new(&self, token: &[u8]) -> Result<PathBuf> {
        self.sweep();
        let mut tail = [0; 8];
        crate::token::random(&mut tail)?;
        let tail: String = tail.iter().map(|byte| format!("{byte:02x}")).collect();
        let new = self.folder().join(format!("{}{tail}", self.new_prefix()));
        let written = self.write_exclusively(&new, token);
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written.map(|()| new)
    }

    /// Puts a file that [`write_new`](Self::write_new) made in our file's place.
    pub(crate) fn replace_with(&self, new: &Path) -> Result<()> {
        self.rename(new, &self.file)
    }

    /// The same for a file beside ours.
    pub(crate) fn rename(&self, new: &Path, over: &Path) -> Result<()> {
        fs::rename(new, over).map_err(|error| {
            let _ = fs::remove_file(new);
            failed(&error, "replacing", over)
        })?;
        // From here on the change is there; only whether it outlives a power cut is open.
        self.sync_folder().map_err(|error| BackendError { kind: ErrorKind::OutcomeUnknown, ..error })
    }

    /// Makes the names in the folder durable.
    pub(crate) fn sync_folder(&self) -> Result<()> {
        let folder = self.folder();
        File::open(&folder).and_then(|dir| dir.sync_all()).map_err(|error| failed(&error, "syncing", &folder))
    }

    /// Owner and group that a file here should have: those of the file, or of the folder when there is no file yet.
    /// Without this, a set by root would lock the file's own user out.
    pub(crate) fn owner(&self) -> Option<(Uid, Gid)> {
        let meta = fs::metadata(&self.file).or_else(|_| fs::metadata(self.folder())).ok()?;
        Some((Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid())))
    }

    /// Writes a file that must not be there yet, mode 0600, owned as ours is, on disk when this returns.
    pub(crate) fn write_exclusively(&self, new: &Path, token: &[u8]) -> Result<()> {
        let wrong = |error: &io::Error| failed(error, "writing a new file beside", &self.file);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new).map_err(|e| wrong(&e))?;
        self.hand_over(&file)?;
        rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(|e| wrong(&e.into()))?;
        file.write_all(token).map_err(|e| wrong(&e))?;
        file.sync_all().map_err(|e| wrong(&e))
    }

    /// Gives a new file to the owner of the old one.
    fn hand_over(&self, file: &File) -> Result<()> {
        let mine = file.metadata().map_err(|error| failed(&error, "looking at", &self.file))?;
        let Some((user, group)) = self.owner() else { return Ok(()) };
        if mine.uid() != user.as_raw() {
            rustix::fs::fchown(file, Some(user), Some(group)).map_err(|_| {
                let what = format!("{} belongs to user {}", self.file.display(), user.as_raw());
                BackendError::denied(format!("write on {}", self.file.display()), what)
                    .hint("Write it as that user: a new file of ours would lock them out.")
            })?;
        }
        Ok(())
    }

    /// Takes away new files of writers that were killed. They hold a sealed token, never plaintext.
    pub(crate) fn sweep(&self) {
        let prefix = self.new_prefix();
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn new_prefix(&self) -> String {
        format!(".{}.new-", self.file.file_name().unwrap_or_default().to_string_lossy())
    }
}

/// Reads a whole file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Bytes>> {
    read_with(path, OFlags::empty(), MAX_TOKEN)
}

/// The same for a file that only we make, of so many tokens: a link in its place is somebody else's.
pub(crate) fn read_own(path: &Path, tokens: u64) -> Result<Option<Bytes>> {
    read_with(path, OFlags::NOFOLLOW, tokens * MAX_TOKEN)
}

fn read_with(path: &Path, flags: OFlags, most: u64) -> Result<Option<Bytes>> {
    // Without blocking: a named pipe in the file's place must not hang us.
    let flags = (OFlags::NONBLOCK | flags).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error, "opening", path)),
    };
    let meta = file.metadata().map_err(|error| failed(&error, "looking at", path))?;
    if !meta.is_file() {
        return Err(BackendError::new(ErrorKind::Invalid, format!("{} is no ordinary file", path.display()))
            .hint("Look at what it is, and move it away."));
    }
    let mut token = Vec::new();
    file.take(most + 1).read_to_end(&mut token).map_err(|error| failed(&error, "reading", path))?;
    if token.len() as u64 > most {
        return Err(too_large(path));
    }
    Ok(Some(Bytes { token, seen: Seen::of(&meta) }))
}

/// The mode of a file or folder when its group or others may read or change it.
pub(crate) fn open_to_others(meta: &Metadata) -> Option<u32> {
    let mode = meta.mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

/// The answer to a store beyond [`MAX_PLAINTEXT`].
pub(crate) fn too_large(path: &Path) -> BackendError {
    let what = format!("{} would hold, or holds, more than {} MiB", path.display(), MAX_PLAINTEXT >> 20);
    BackendError::new(ErrorKind::TooLarge, what).hint("Keep large things elsewhere and a secret to open them here.")
}

/// A failed system call as something a person can act on.
pub(crate) fn failed(error: &io::Error, doing: &str, path: &Path) -> BackendError {
    let shown = path.display();
    let (kind, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            ErrorKind::Denied { missing: format!("{doing} {shown}"), grant: String::new() },
            format!(
                "Look at owner and mode with 'ls -ld {shown}'; the file should be 0600 and its folder 0700, and yours."
            ),
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            (ErrorKind::TooLarge, "Make room on the disk; nothing was changed.".to_owned())
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            (ErrorKind::Invalid, "Look at DP_ENCRYPTED_SECRETS_FILE.".to_owned())
        }
        io::ErrorKind::NotFound => (ErrorKind::NotFound, String::new()),
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            (ErrorKind::Invalid, "There is a link where a file of ours should be: look at it and remove it.".to_owned())
        }
        _ => (ErrorKind::Unreachable, "Look at the disk and at the file.".to_owned()),
    };
    BackendError::new(kind, describe(error)).doing(format!("{doing} {shown}")).hint(hint)
}

/// The system's own words, without Rust's "(os error 13)".
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
