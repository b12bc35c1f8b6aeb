//! KV version 2: versions, and a compare-and-set on every change. Refuses to write without knowing the version that it
//! replaces, and to take a version for deleted whose deletion lies in the future (`delete_version_after`).

use crate::answer::{Answer, Tree};
use crate::ask::Ask;
use crate::client::Client;
use crate::mounted::{Mounted, contradiction};
use crate::name::folder;
use crate::refusal::{Need, line, too_large};
use crate::settings::Kv;
use crate::staging::is_shadow;
use quarterdeck_contract::{BackendError, ErrorKind, Expected, Result, VersionId};
use serde_json::Value;
use std::sync::Arc;
use tokio::time::Instant;
use vaultrs::api::kv2::requests::{
    DeleteSecretVersionsRequest, DestroySecretVersionsRequest, ReadSecretMetadataRequest, ReadSecretRequest,
    UndeleteSecretVersionsRequest,
};
use zeroize::Zeroizing;

/// How often a write of whatever is there tries again when somebody was faster.
const TRIES: usize = 8;

/// One call's work on a mount of version 2.
pub(crate) struct Kv2<'a> {
    pub(crate) client: &'a Client,
    pub(crate) mounted: Arc<Mounted>,
    pub(crate) until: Instant,
}

/// A secret as it was read.
pub(crate) struct Found {
    pub(crate) tree: Tree,
    pub(crate) version: u64,
    /// The answer's size.
    pub(crate) size: usize,
}

/// What the newest version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Latest {
    Absent,
    Live(u64),
    Deleted(u64),
    Destroyed(u64),
}

impl Latest {
    /// The number that a check-and-set has to name.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Absent => 0,
            Self::Live(number) | Self::Deleted(number) | Self::Destroyed(number) => number,
        }
    }
}

impl Kv2<'_> {
    /// Reads one version; the newest when none is named.
    pub(crate) async fn read(&self, path: &str, version: Option<u64>) -> Result<Found> {
        let request = ReadSecretRequest { mount: self.mounted.mount.clone(), path: path.to_owned(), version };
        let need = self.need("data", path, "read", format!("reading '{path}'"));
        let mut answer = self.client.ask(&request, &need, self.until).await?;
        let number = answer.data().pointer("/metadata/version").and_then(Value::as_u64);
        match (answer.is_fine(), answer.take_secret(), number) {
            (true, Some(tree), Some(version)) => Ok(Found { tree, version, size: answer.size }),
            _ => Err(self.missing(path, version, &answer).doing(need.doing)),
        }
    }

    /// What the newest version is: by the metadata, else by the keys, else by the secret itself.
    pub(crate) async fn latest(&self, path: &str) -> Result<Latest> {
        let doing = format!("looking for the version of '{path}'");
        let metadata = ReadSecretMetadataRequest { mount: self.mounted.mount.clone(), path: path.to_owned() };
        let need = self.need("metadata", path, "read", doing.clone());
        if let Some(answer) = self.client.ask_if_allowed(&metadata, &need, self.until).await? {
            let Some(number) = answer.data().get("current_version").and_then(Value::as_u64) else {
                return self.absent(path, &answer);
            };
            let version = answer.data().pointer(&format!("/versions/{number}"));
            // Metadata can be there without a version.
            return Ok(version.map_or(Latest::Absent, |version| state(number, version)));
        }
        let answer = match self.subkeys(path).await?.filter(tells_version) {
            Some(answer) => answer,
            None => {
                let request =
                    ReadSecretRequest { mount: self.mounted.mount.clone(), path: path.to_owned(), version: None };
                let need = self.need("metadata", path, "read", doing);
                self.client.ask(&request, &need, self.until).await?
            }
        };
        match answer.data().get("metadata") {
            Some(metadata) if tells_version(&answer) => {
                Ok(state(metadata.get("version").and_then(Value::as_u64).unwrap_or_default(), metadata))
            }
            _ => self.absent(path, &answer),
        }
    }

    /// The newest version's keys without its values; nothing where the server has not got that, or the token may not.
    pub(crate) async fn subkeys(&self, path: &str) -> Result<Option<Answer>> {
        let need = self.need("subkeys", path, "read", format!("reading the keys of '{path}'"));
        let answer = self.client.ask_if_allowed(&Ask::get(&need.path), &need, self.until).await?;
        Ok(answer.filter(|answer| answer.is_fine() || tells_version(answer)))
    }

    /// Stores a map if what is there is as expected; gives the new version.
    pub(crate) async fn write(&self, path: &str, tree: &Tree, expected: &Expected) -> Result<VersionId> {
        for _ in 0..TRIES {
            let cas = match expected {
                Expected::Absent => 0,
                Expected::Version(version) => number(version).ok_or_else(|| conflict(path, None))?,
                Expected::Anything => self.latest(path).await?.number(),
            };
            match (self.put(path, tree, cas).await?, expected) {
                (Some(version), _) => return Ok(version),
                (None, Expected::Anything) => continue,
                (None, Expected::Version(_)) => return Err(conflict(path, self.current(path).await)),
                // A deleted secret has a number still: what is to be absent is, and the number makes it sure.
                (None, Expected::Absent) => match self.latest(path).await? {
                    Latest::Deleted(cas) | Latest::Destroyed(cas) => {
                        let written = self.put(path, tree, cas).await?;
                        return written.ok_or_else(|| conflict(path, None));
                    }
                    Latest::Live(current) => return Err(conflict(path, Some(current))),
                    Latest::Absent => continue,
                },
            }
        }
        Err(conflict(path, self.current(path).await))
    }

    /// One write; nothing when the check-and-set met another version.
    pub(crate) async fn put(&self, path: &str, tree: &Tree, cas: u64) -> Result<Option<VersionId>> {
        let need = self.need("data", path, if cas == 0 { "create" } else { "update" }, format!("writing '{path}'"));
        let wanted: &[&str] = if is_shadow(path) { &["create", "read", "update"] } else { &["create", "update"] };
        let need = need.with_secret().granted_by(line(&self.mounted.api("data", path), wanted));
        let size = size_of(&tree.0);
        let mut body = Zeroizing::new(Vec::with_capacity(size + 64));
        body.extend_from_slice(format!(r#"{{"options":{{"cas":{cas}}},"data":"#).as_bytes());
        // A vector takes everything.
        let _ = serde_json::to_writer(&mut *body, &tree.0);
        body.push(b'}');
        let answer = self.client.ask(&Ask::post(&need.path, body), &need, self.until).await?;
        if answer.is_fine() {
            let version = answer.data().get("version").and_then(Value::as_u64);
            return version.map(|version| Some(id(version))).ok_or_else(|| {
                BackendError::new(ErrorKind::OutcomeUnknown, "the server took the write and named no version")
                    .doing(need.doing)
            });
        }
        let errors = answer.errors();
        if answer.status == 400 && errors.contains("check-and-set") {
            return Ok(None);
        }
        if errors.contains("too large") {
            return Err(too_large().doing(need.doing));
        }
        if answer.status == 404 {
            return Err(self.missing(path, None, &answer).doing(need.doing));
        }
        Err(BackendError::new(ErrorKind::Invalid, format!("the server does not take the value ({})", answer.status))
            .doing(need.doing)
            .hint("Look at the mount's settings, and at the server's log."))
    }

    /// Deletes the newest version if it is as expected; it can be restored.
    pub(crate) async fn delete(&self, path: &str, expected: &Expected) -> Result<()> {
        let current = match self.latest(path).await? {
            Latest::Live(current) => current,
            Latest::Absent => return Err(BackendError::not_found(path)),
            Latest::Deleted(version) => return Err(deleted(path, version)),
            Latest::Destroyed(version) => return Err(destroyed(path, version)),
        };
        match expected {
            Expected::Absent => return Err(conflict(path, Some(current))),
            Expected::Version(version) if number(version) != Some(current) => {
                return Err(conflict(path, Some(current)));
            }
            Expected::Version(_) | Expected::Anything => (),
        }
        self.delete_version(path, current, &format!("deleting version {current} of '{path}'")).await
    }

    /// Deletes one version, by its number, so that one written meanwhile stays; it can be restored.
    pub(crate) async fn delete_version(&self, path: &str, version: u64, doing: &str) -> Result<()> {
        let request = DeleteSecretVersionsRequest {
            mount: self.mounted.mount.clone(),
            path: path.to_owned(),
            versions: vec![version],
        };
        let need = self.need("delete", path, "update", doing.to_owned());
        self.done(self.client.ask(&request, &need, self.until).await?, need)
    }

    /// Brings the newest version back.
    pub(crate) async fn restore(&self, path: &str) -> Result<VersionId> {
        let version = match self.latest(path).await? {
            Latest::Deleted(version) => version,
            Latest::Absent => return Err(BackendError::not_found(path)),
            Latest::Destroyed(version) => return Err(destroyed(path, version)),
            Latest::Live(_) => {
                return Err(BackendError::new(ErrorKind::Invalid, format!("'{path}' is not deleted"))
                    .hint("There is nothing to restore."));
            }
        };
        let request = UndeleteSecretVersionsRequest {
            mount: self.mounted.mount.clone(),
            path: path.to_owned(),
            versions: vec![version],
        };
        let need = self.need("undelete", path, "update", format!("restoring version {version} of '{path}'"));
        self.done(self.client.ask(&request, &need, self.until).await?, need)?;
        Ok(id(version))
    }

    /// Destroys one version for good.
    pub(crate) async fn destroy(&self, path: &str, version: &VersionId) -> Result<()> {
        let no_version = || BackendError::new(ErrorKind::NotFound, format!("'{path}' has no version {version}"));
        let version = number(version).filter(|version| *version > 0).ok_or_else(no_version)?;
        let newest = self.latest(path).await?;
        if newest == Latest::Absent {
            return Err(BackendError::not_found(path));
        }
        if newest.number() < version {
            return Err(no_version());
        }
        let request = DestroySecretVersionsRequest {
            mount: self.mounted.mount.clone(),
            path: path.to_owned(),
            versions: vec![version],
        };
        let need = self.need("destroy", path, "update", format!("destroying version {version} of '{path}'"));
        self.done(self.client.ask(&request, &need, self.until).await?, need)
    }

    /// The current version's number, if it can be told; for an error.
    async fn current(&self, path: &str) -> Option<u64> {
        match self.latest(path).await {
            Ok(Latest::Live(current)) => Some(current),
            _ => None,
        }
    }

    pub(crate) fn done(&self, answer: Answer, need: Need) -> Result<()> {
        match answer.is_fine() {
            true => Ok(()),
            false => Err(BackendError::new(ErrorKind::Invalid, format!("the server answers {}", answer.status))
                .doing(need.doing)),
        }
    }

    fn absent(&self, path: &str, answer: &Answer) -> Result<Latest> {
        let error = self.missing(path, None, answer);
        if error.kind == ErrorKind::NotFound { Ok(Latest::Absent) } else { Err(error) }
    }

    /// Why there is no secret in an answer.
    pub(crate) fn missing(&self, path: &str, version: Option<u64>, answer: &Answer) -> BackendError {
        if let Some(metadata) = answer.data().get("metadata").filter(|_| tells_version(answer)) {
            let number = metadata.get("version").and_then(Value::as_u64).unwrap_or_default();
            return match metadata.get("destroyed").and_then(Value::as_bool) {
                Some(true) => destroyed(path, number),
                _ => deleted(path, number),
            };
        }
        if answer.status == 404 && answer.has_warnings() {
            self.client.forget_mount();
            let (is, why) = match self.mounted.kv {
                Kv::One => (Kv::Two, "it was asked as version 1"),
                Kv::Two => (Kv::One, "it was asked as version 2"),
            };
            return contradiction(&self.mounted.mount, is, why);
        }
        if answer.errors().contains("no handler for route") {
            self.client.forget_mount();
            let what = format!("there is no mount '{}'", self.mounted.mount);
            return BackendError::new(ErrorKind::Invalid, what).hint(
                "Set 'mount' to a KV engine ('bao secrets list' or 'vault secrets list'), and look at the namespace.",
            );
        }
        if !matches!(answer.status, 200..300 | 404) {
            return BackendError::new(ErrorKind::Invalid, format!("the server answers {}", answer.status))
                .hint("Look at the name and the mount.");
        }
        match version {
            Some(version) => BackendError::new(ErrorKind::NotFound, format!("'{path}' has no version {version}")),
            None => BackendError::not_found(path),
        }
    }

    /// A capability on one of a secret's paths, and the policy that grants it.
    pub(crate) fn need(&self, part: &str, path: &str, capability: &'static str, doing: String) -> Need {
        let need = Need::new(self.mounted.api(part, path), capability, doing);
        match part {
            // Metadata is asked for whole folders, and goes with listing them.
            "metadata" if self.mounted.kv == Kv::Two => {
                let folder = format!("{}*", self.mounted.api("metadata", folder(path)));
                need.granted_by(line(&folder, &["read", "list"]))
            }
            _ => need,
        }
    }
}

/// A version's number.
pub(crate) fn number(version: &VersionId) -> Option<u64> {
    version.0.parse().ok()
}

pub(crate) fn id(number: u64) -> VersionId {
    VersionId(number.to_string())
}

/// True when an answer holds a version's metadata, with or without a secret.
fn tells_version(answer: &Answer) -> bool {
    answer.data().pointer("/metadata/version").is_some_and(Value::is_u64)
}

/// What a version is by its metadata.
fn state(number: u64, version: &Value) -> Latest {
    match () {
        () if number == 0 => Latest::Absent,
        () if version.get("destroyed").and_then(Value::as_bool) == Some(true) => Latest::Destroyed(number),
        () if is_past(version) => Latest::Deleted(number),
        () => Latest::Live(number),
    }
}

/// True when a version's deletion has come.
pub(crate) fn is_past(version: &Value) -> bool {
    deletion(version).is_some_and(|at| at <= jiff::Timestamp::now())
}

/// When a version is or will be deleted.
pub(crate) fn deletion(version: &Value) -> Option<jiff::Timestamp> {
    version.get("deletion_time").and_then(Value::as_str)?.parse().ok()
}

fn deleted(path: &str, version: u64) -> BackendError {
    BackendError::new(ErrorKind::Deleted, format!("version {version} of '{path}' is deleted"))
        .hint("It can be restored, or an older version read.")
}

fn destroyed(path: &str, version: u64) -> BackendError {
    BackendError::new(
        ErrorKind::Destroyed,
        format!("version {version} of '{path}' is destroyed, which can't be undone"),
    )
    .hint("Read an older version, or write a new one.")
}

fn conflict(path: &str, current: Option<u64>) -> BackendError {
    let is = current.map_or_else(String::new, |current| format!(": it is at version {current}"));
    BackendError::new(
        ErrorKind::Conflict { current: current.map(|current| current.to_string()) },
        format!("'{path}' is not as expected{is}"),
    )
    .hint("Read it again, and decide anew.")
}

/// At least as many bytes as the JSON text of a value, so that a buffer need not grow.
pub(crate) fn size_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() * 6 + 2,
        Value::Array(items) => items.iter().map(|item| size_of(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(key, value)| key.len() * 6 + 4 + size_of(value)).sum::<usize>() + 2,
        Value::Number(number) => number.as_str().len(),
        Value::Null | Value::Bool(_) => 5,
    }
}
