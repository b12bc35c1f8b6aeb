//! The overview as data: what the screen draws and `status --json` prints. Refuses values: names, ages, versions and
//! states only.

use crate::rotation::{Age, SecretState};
use jiff::{SignedDuration, Timestamp};

/// One secret as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// The name: the backend's own, or the configuration key where several layers hold it.
    pub name: String,
    /// The backend that holds the winning value.
    pub backend: String,
    /// The layer it won in: `env`, `vault`, `aws`, `fernet`, `yaml`.
    pub layer: String,
    /// The current version, where there are versions.
    pub version: Option<String>,
    /// In one word.
    pub state: SecretState,
    /// What is known of its age.
    pub age: Age,
    /// The time from one rotation to the next that applies to it.
    pub period: SignedDuration,
    /// When it is due, where that is known.
    pub due_at: Option<Timestamp>,
    /// The layers whose value is overridden, highest first.
    pub shadows: Vec<String>,
    /// What a person should know besides (`kept in plain text in secrets.yaml`).
    pub warnings: Vec<String>,
    /// It can be changed from here: its backend is writable.
    pub writable: bool,
    /// Who stored it last, as the journal has it.
    pub written_by: Option<String>,
    /// When a value was last read through us.
    pub last_read: Option<Timestamp>,
    /// Reads through us, ever.
    pub reads: u64,
}

/// How a backend is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Asked, no answer yet.
    Connecting,
    /// Answers a real authenticated read.
    Ok,
    /// Answers, and something is not as it should be.
    Warning,
    /// Does not answer, or refuses.
    Down {
        /// One word in capitals: `SEALED`, `UNREACHABLE`, `PANICKED`.
        code: String,
        /// Since when.
        since: Timestamp,
    },
}

impl Condition {
    /// One word for tables and `--json`.
    pub fn word(&self) -> &str {
        match self {
            Self::Connecting => "connecting",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Down { code, .. } => code,
        }
    }
}

/// One backend's tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendRow {
    /// The instance's name: `fernet`, `vault-eu`.
    pub name: String,
    /// The kind: `env`, `fernet`, `vault`, `aws`, `yaml`.
    pub kind: String,
    /// What it is connected to.
    pub target: String,
    /// `child 4121`, `in process`, `none`.
    pub isolation: String,
    /// How it is.
    pub condition: Condition,
    /// One phrase from the backend: `file 0600, 7 names`.
    pub summary: String,
    /// How long the last read took, microseconds.
    pub latency_us: Option<u64>,
    /// The last latencies, newest last, microseconds.
    pub history_us: Vec<u64>,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// How often it is asked; older than three of these it is stale.
    pub every: SignedDuration,
    /// More facts: label and text.
    pub facts: Vec<(String, String)>,
    /// What works and is not as it should be.
    pub warnings: Vec<String>,
    /// The last error in words, with its remedy.
    pub error: Option<(String, String)>,
    /// Names it lists.
    pub names: Option<usize>,
    /// The plugin's version.
    pub plugin_version: String,
    /// The plugin library's SHA-256, hex.
    pub plugin_sha256: String,
    /// How often its process was started again.
    pub restarts: u32,
    /// The last lines of its standard error, sanitised.
    pub stderr_tail: Vec<String>,
}

/// The journal in one glance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalRow {
    /// The sequence number of its last event.
    pub seq: u64,
    /// Verified up to here.
    pub verified: u64,
    /// What is wrong with it, in words.
    pub broken: Option<String>,
}

/// One source of the audit tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its short name.
    pub name: String,
    /// When its newest line arrived.
    pub heard_at: Option<Timestamp>,
    /// How often a line is expected, if configuration says.
    pub every: Option<SignedDuration>,
    /// What is wrong: `not there yet`, `can't be read: …`.
    pub trouble: Option<String>,
    /// Lines read.
    pub lines: u64,
}
