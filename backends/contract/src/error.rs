//! How a backend says no. Refuses to carry a value: an error names a secret, never shows it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a backend operation comes to.
pub type Result<T> = std::result::Result<T, BackendError>;

/// One kind for each thing that a person or a program can do something about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// There is no secret, version or key of this name.
    NotFound,
    /// The backend knows us and says no.
    Denied {
        /// The capability that is missing, in the backend's own words (`read on secret/data/x`).
        missing: String,
        /// What somebody who may would have to add for us, in the backend's own language: a policy's line. Empty where
        /// no line helps.
        #[serde(default)]
        grant: String,
    },
    /// The credential we log in with is no longer valid.
    Expired,
    /// The backend is up and locked.
    Sealed,
    /// A compare-and-set met another value than the expected one.
    Conflict {
        /// The version that is current, where the backend tells.
        current: Option<String>,
    },
    /// The version was deleted and can be brought back.
    Deleted,
    /// The version was destroyed and can't be brought back.
    Destroyed,
    /// The engine behind the path speaks another version of its interface.
    WrongVersion,
    /// Nobody answers.
    Unreachable,
    /// The secure connection could not be made.
    Tls,
    /// The deadline passed; nothing was changed.
    Timeout,
    /// Asked too often.
    Throttled,
    /// The backend refuses because it can't write its own audit log.
    AuditBlocked,
    /// The backend was never set up.
    Uninitialised,
    /// The value or the store exceeds a limit.
    TooLarge,
    /// A write was sent and its outcome is not known: read back before anything else.
    OutcomeUnknown,
    /// The request, the setup or the stored data makes no sense.
    Invalid,
    /// This backend can't do that, and never will.
    Unsupported,
    /// The plugin's process is not there.
    Gone,
    /// The plugin panicked in this call.
    Panicked,
}

impl ErrorKind {
    /// One word for tables, `--json` and the journal's `error_code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::Denied { .. } => "DENIED",
            Self::Expired => "EXPIRED",
            Self::Sealed => "SEALED",
            Self::Conflict { .. } => "CONFLICT",
            Self::Deleted => "DELETED",
            Self::Destroyed => "DESTROYED",
            Self::WrongVersion => "WRONG_VERSION",
            Self::Unreachable => "UNREACHABLE",
            Self::Tls => "TLS",
            Self::Timeout => "TIMEOUT",
            Self::Throttled => "THROTTLED",
            Self::AuditBlocked => "AUDIT_BLOCKED",
            Self::Uninitialised => "UNINITIALISED",
            Self::TooLarge => "TOO_LARGE",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::Invalid => "INVALID",
            Self::Unsupported => "UNSUPPORTED",
            Self::Gone => "GONE",
            Self::Panicked => "PANICKED",
        }
    }
}

/// What happened, while doing what, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendError {
    /// The kind a caller branches on.
    pub kind: ErrorKind,
    /// What happened, one sentence without a full stop, no secret in it.
    pub what: String,
    /// What the backend was doing (`reading .secrets/encrypted_secrets.bin`).
    pub doing: String,
    /// What a person can do next; may be empty when the kind says it all.
    pub hint: String,
}

impl BackendError {
    /// An error of this kind; add [`doing`](Self::doing) and [`hint`](Self::hint) to it.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), doing: String::new(), hint: String::new() }
    }

    /// Says what was being done.
    pub fn doing(mut self, doing: impl Into<String>) -> Self {
        self.doing = doing.into();
        self
    }

    /// Says what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The backend knows us and says no: what is missing, and no line that would grant it.
    pub fn denied(missing: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied { missing: missing.into(), grant: String::new() }, what)
    }

    /// Says what would grant what is missing; nothing on another kind of error.
    pub fn granted_by(mut self, line: impl Into<String>) -> Self {
        if let ErrorKind::Denied { grant, .. } = &mut self.kind {
            *grant = line.into();
        }
        self
    }

    /// The answer to an operation this backend has not got.
    pub fn unsupported(operation: &str, instead: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, format!("this backend has no '{operation}'")).hint(instead)
    }

    /// The answer for a name that is not there.
    pub fn not_found(name: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotFound, format!("there is no secret '{name}'"))
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.doing.is_empty() {
            write!(f, ", while {}", self.doing)?;
        }
        if !self.hint.is_empty() {
            write!(f, ". {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for BackendError {}
