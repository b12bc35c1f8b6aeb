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
    /// What they hold for it, each layer with its own name: a name that lost is found too.
    pub hidden: Vec<(String, String)>,
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
    /// When the backend's own schedule rotates it next, where it has one: then it is not ours to rotate.
    pub rotates_at: Option<Timestamp>,
    /// When it will be gone for good: it was deleted there and can still be restored.
    pub deletes_at: Option<Timestamp>,
    /// It was deleted there and can still be restored, until [`deletes_at`](Self::deletes_at) where that is known.
    pub deleted: bool,
    /// When another version was seen than before, made by somebody else.
    pub changed_at: Option<Timestamp>,
    /// The rotation that is under way, or made its state: `R-27 set`.
    pub rotation: Option<String>,
}

/// One version of a secret, for its detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Its identity in the backend's words.
    pub id: String,
    /// `pending`, `current`, `previous`, `retired`; empty where the backend keeps no place.
    pub stage: &'static str,
    /// The backend's own labels on it.
    pub labels: Vec<String>,
    /// What is known of its age.
    pub age: Age,
    /// `deleted` (can be restored), `destroyed`; empty for one that is there.
    pub gone: &'static str,
}

/// One layer that has a value for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The layer.
    pub layer: String,
    /// Its backend's name for the secret.
    pub name: String,
    /// Its current version, where the listing tells.
    pub version: Option<String>,
    /// What is known of its age.
    pub age: Age,
}

/// What a backend tells of one secret when it is asked: never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretDetail {
    /// The name, as in its row.
    pub name: String,
    /// The layer that was asked.
    pub layer: String,
    /// Its versions, newest first.
    pub versions: Vec<VersionRow>,
    /// Every layer that has a value for this key, the winner first.
    pub holders: Vec<Holder>,
    /// Tags and custom metadata.
    pub labels: Vec<(String, String)>,
    /// More facts: label and text.
    pub facts: Vec<(String, String)>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// What is wrong and what to do, when it could not be asked; then all else is what was known before.
    pub error: Option<(String, String)>,
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
    /// What its process is confined to: `3 folders, ports 443 8200, no exec`; empty where there is no process.
    pub confinement: String,
    /// What the kernel here can't confine, each in words; empty when it is confined whole.
    pub unconfined: Vec<String>,
    /// When the credential that it logs in with ends, where it ends.
    pub expires_at: Option<Timestamp>,
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
