//! Why the journal can't be written or read, one kind for each thing a person can do something about. Refuses to hold
//! an event's text.

use quarterdeck_domain::verify::Finding;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Nothing was appended, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another process held the lock for the whole wait.
    #[error("the journal is locked by {}, for {} ms already", holder_in_words(*.holder), .waited.as_millis())]
    Locked {
        /// The process that took the lock last.
        holder: Option<u32>,
        /// How long was waited.
        waited: Duration,
    },
    /// The disk, the quota or the file-size limit is used up.
    #[error("there is no space for the journal in {}: {text}", .folder.display())]
    NoSpace {
        /// The journal's folder.
        folder: PathBuf,
        /// The system's words.
        text: String,
    },
    /// It may not be written.
    #[error("the journal can't be written at {}: {text}", .path.display())]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
        /// The system's words.
        text: String,
    },
    /// Files were unlinked, replaced or cut while this process was running.
    #[error(
        "the journal was changed under us: {what}. Nothing is recorded any more; keep what is there, run 'quarterdeck audit verify', then start again"
    )]
    Replaced {
        /// What happened to which file.
        what: String,
    },
    /// What others appended doesn't follow from what was there.
    #[error("the journal's chain is broken: {0}")]
    Broken(Finding),
    /// Others could read or write it.
    #[error("{} is open to others (mode {mode:03o}): run 'chmod go-rwx {}'", .path.display(), .path.display())]
    Insecure {
        /// The folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Anything else the system refused.
    #[error("{doing} {}: {text}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's words.
        text: String,
    },
}

impl JournalError {
    pub(super) fn io(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        let (path, text) = (path.to_owned(), error.to_string());
        // The file was opened, and only to be read.
        if error.raw_os_error() == Some(rustix::io::Errno::BADF.raw_os_error()) {
            return Self::ReadOnly { path, text: "it may only be read".into() };
        }
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::NoSpace { folder: path.parent().map_or(path.clone(), Path::to_owned), text }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path, text },
            _ => Self::Io { doing, path, text },
        }
    }

    pub(super) fn replaced(what: impl Into<String>) -> Self {
        Self::Replaced { what: what.into() }
    }

    /// What to do next, in one line.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "look at that process; the lock is free as soon as it ends",
            Self::NoSpace { .. } => "make space on that disk; nothing was recorded and nothing was done",
            Self::ReadOnly { .. } => "check owner, mode and mount of that path with 'quarterdeck doctor'",
            Self::Replaced { .. } | Self::Broken(_) => "run 'quarterdeck audit verify' and keep the folder as it is",
            Self::Insecure { .. } => "take the rights away from group and others",
            Self::Io { .. } => "run 'quarterdeck doctor'",
        }
    }
}

fn holder_in_words(holder: Option<u32>) -> String {
    holder.map_or_else(|| "an unknown process".to_owned(), |pid| format!("process {pid}"))
}
