//! The data of the trait: names, values, versions, pages. Refuses to serialize a value's bytes.

use crate::SecretBytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A secret's name as its backend knows it: `prod/trader/ibkr-api-key`, `broker.password`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SecretName(String);

impl SecretName {
    /// Longest name that is accepted, in bytes (AWS allows 512, KV paths are shorter in practice).
    pub const MAX: usize = 1024;

    /// Accepts a non-empty name without control characters, at most [`Self::MAX`] bytes long.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= Self::MAX && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SecretName {
    type Error = &'static str;

    /// A plugin's answer is held to the same rule as a person's word.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("that is no secret's name")
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version's identity in its backend's own words: `14`, a UUID, a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionId(pub String);

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the bytes of a value are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// UTF-8 text, as it stands.
    Text,
    /// One JSON value; its digits are kept, the order of a map's keys is the backend's.
    Json,
    /// Anything else.
    Binary,
}

/// A secret's value: its bytes and what they are.
#[derive(Debug, PartialEq, Eq)]
pub struct Value {
    /// How to read the bytes.
    pub kind: Kind,
    /// The bytes.
    pub bytes: SecretBytes,
}

impl Value {
    /// A text value.
    pub fn text(text: &str) -> Self {
        Self { kind: Kind::Text, bytes: SecretBytes::from(text) }
    }

    /// A JSON value, given as JSON text.
    pub fn json(text: &str) -> Self {
        Self { kind: Kind::Json, bytes: SecretBytes::from(text) }
    }
}

/// A value read, with the version it was.
#[derive(Debug)]
pub struct Reading {
    /// The value.
    pub value: Value,
    /// Which version it was, where the backend has versions.
    pub version: Option<VersionId>,
}

/// What a write expects to find: compare-and-set, always stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// Whatever is there is replaced.
    Anything,
    /// Nothing of this name may exist.
    Absent,
    /// This version must be the current one.
    Version(VersionId),
}

/// What a backend can do beyond `list`, `inspect`, `read` and `health`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Capability {
    /// `write` and `delete`.
    Write,
    /// Old versions can be read by id.
    Versions,
    /// `write` honours [`Expected::Version`].
    CompareAndSet,
    /// `stage`, `promote`, `unstage`, `retire`.
    Staging,
    /// `remove_version`.
    RemoveVersion,
    /// `restore`: what `delete` takes away can be brought back for a time.
    Restore,
}

/// What a backend is: asked once, before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The kind of backend: `env`, `fernet`, `vault`, `aws`.
    pub backend: String,
    /// What it is connected to, for the tile: a path, an address. No secret in it.
    pub target: String,
    /// What it can do; a read-only backend lacks [`Capability::Write`].
    pub capabilities: Vec<Capability>,
    /// The operations that [`SecretsBackend::extra`](crate::SecretsBackend::extra) answers.
    pub extras: Vec<String>,
}

impl Description {
    /// True when the backend has this capability.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// The answer of a real, authenticated read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// One phrase for the tile: `file 0600, 7 names`.
    pub summary: String,
    /// More facts for the detail: label and text, in order.
    pub facts: Vec<(String, String)>,
    /// Things that work and are not as they should be (`mode 0644, should be 0600`).
    pub warnings: Vec<String>,
    /// When the credential ends, Unix seconds, where it ends.
    pub expires_at: Option<i64>,
}

/// Which part of a listing is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PageRequest {
    /// Only names that begin with this; empty for all.
    pub prefix: String,
    /// Where the page before ended; `None` for the first.
    pub after: Option<String>,
    /// At most this many entries; 0 leaves it to the backend.
    pub limit: u32,
}

/// One line of a listing: never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name.
    pub name: SecretName,
    /// The current version, where a listing tells it without a read.
    pub version: Option<VersionId>,
    /// When the current version was made, Unix seconds, where a listing tells it.
    pub created_at: Option<i64>,
    /// It was made no later than this, Unix seconds: a lower bound of its age (a Fernet token's time).
    pub not_after: Option<i64>,
    /// The configuration key that it is, where the backend itself knows: a key inside the secret that a layer is made of
    /// (`algo-trade/broker#password` is `password`).
    #[serde(default)]
    pub key: Option<String>,
    /// When the backend's own schedule rotates it next, Unix seconds, where it has one.
    #[serde(default)]
    pub rotates_at: Option<i64>,
    /// When it will be gone for good, Unix seconds: it was deleted and can still be restored.
    #[serde(default)]
    pub deletes_at: Option<i64>,
}

impl Entry {
    /// An entry of which the listing tells the name alone.
    pub fn named(name: SecretName) -> Self {
        Self { name, version: None, created_at: None, not_after: None, key: None, rotates_at: None, deletes_at: None }
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The entries, in the backend's stable order.
    pub entries: Vec<Entry>,
    /// Hand this back as [`PageRequest::after`] for the next page; `None` at the end.
    pub next: Option<String>,
}

/// The place of a version in a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Made, read by nobody yet.
    Pending,
    /// What readers get.
    Current,
    /// The one before, still valid in grace.
    Previous,
    /// No longer valid.
    Retired,
}

/// One version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Its identity.
    pub id: VersionId,
    /// Its place, where the backend keeps one.
    pub stage: Option<Stage>,
    /// When it was made, Unix seconds, if known exactly.
    pub created_at: Option<i64>,
    /// It was made no later than this, Unix seconds: a lower bound of its age (the Fernet token's time).
    pub not_after: Option<i64>,
    /// Gone, but may be brought back.
    pub deleted: bool,
    /// Gone for good.
    pub destroyed: bool,
    /// The backend's own labels on this version (`AWSCURRENT`).
    #[serde(default)]
    pub labels: Vec<String>,
    /// The rotation whose pending value it is: the id that it was staged under.
    #[serde(default)]
    pub rotation: Option<String>,
}

impl VersionInfo {
    /// A version of which its identity alone is known.
    pub fn of(id: VersionId) -> Self {
        Self {
            id,
            stage: None,
            created_at: None,
            not_after: None,
            deleted: false,
            destroyed: false,
            labels: Vec::new(),
            rotation: None,
        }
    }
}

/// All that is known of a secret without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The name.
    pub name: SecretName,
    /// Its versions, newest first; a backend without versions gives the current one alone.
    pub versions: Vec<VersionInfo>,
    /// The backend's own labels (tags, custom metadata).
    pub metadata: BTreeMap<String, String>,
    /// More for a person: label and text, in order (`rotated by AWS`, `every 30 d, next 2026-12-01`).
    #[serde(default)]
    pub facts: Vec<(String, String)>,
}

impl Inspection {
    /// An inspection without versions, labels and facts.
    pub fn of(name: SecretName) -> Self {
        Self { name, versions: Vec::new(), metadata: BTreeMap::new(), facts: Vec::new() }
    }
}

/// What only one backend has: an operation by name, its arguments as plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// The operation (`rotate-key`, `token-create`).
    pub operation: String,
    /// Plain arguments by name. Secret ones go as the call's secret bytes.
    pub arguments: BTreeMap<String, String>,
}

/// What an extra operation gives back.
#[derive(Debug, Default)]
pub struct ExtraReply {
    /// Plain results by name.
    pub results: BTreeMap<String, String>,
    /// The secret result, if it has one.
    pub secret: Option<SecretBytes>,
}
