//! KV version 1: values alone. Refuses a write that expects a version, since the engine has none; what is to be absent is
//! looked for first, which holds against this program's own threads and not against others.

use crate::answer::Tree;
use crate::ask::Ask;
use crate::client::Client;
use crate::kv2::{Found, Kv2, size_of};
use crate::mounted::Mounted;
use crate::refusal::Need;
use crate::staging::{pending_path, previous_path};
use quarterdeck_contract::{BackendError, ErrorKind, Expected, Result};
use std::sync::Arc;
use tokio::time::Instant;
use vaultrs::api::kv1::requests::{DeleteSecretRequest, GetSecretRequest};
use zeroize::Zeroizing;

/// One call's work on a mount of version 1.
pub(crate) struct Kv1<'a> {
    pub(crate) client: &'a Client,
    pub(crate) mounted: Arc<Mounted>,
    pub(crate) until: Instant,
}

impl Kv1<'_> {
    /// Reads a secret.
    pub(crate) async fn read(&self, path: &str) -> Result<Found> {
        let need = self.need(path, "read", "reading");
        let request = GetSecretRequest { mount: self.mounted.mount.clone(), path: path.to_owned() };
        let mut answer = self.client.ask(&request, &need, self.until).await?;
        match answer.take_data() {
            Some(tree) if answer.is_fine() => Ok(Found { tree, version: 0, size: answer.size }),
            _ => {
                let two = Kv2 { client: self.client, mounted: self.mounted.clone(), until: self.until };
                Err(two.missing(path, None, &answer).doing(need.doing))
            }
        }
    }

    /// The paths in a secret's folder, its own among them; nothing where LIST is denied.
    pub(crate) async fn siblings(&self, path: &str) -> Result<Option<Vec<String>>> {
        let folder = crate::name::folder(path);
        let need = self.need(folder, "list", "looking for");
        let Some(answer) = self.client.ask_if_allowed(&Ask::list(&need.path), &need, self.until).await? else {
            return Ok(None);
        };
        let keys = answer.data().get("keys").and_then(serde_json::Value::as_array);
        Ok(keys.map(|keys| keys.iter().filter_map(|key| Some(format!("{folder}{}", key.as_str()?))).collect()))
    }

    /// True when the secret is there: by its folder's listing, else by a read.
    pub(crate) async fn is_there(&self, path: &str) -> Result<bool> {
        if let Some(siblings) = self.siblings(path).await? {
            return Ok(siblings.iter().any(|sibling| sibling == path));
        }
        match self.read(path).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Stores a map. Under the caller's lock.
    pub(crate) async fn write(&self, path: &str, tree: &Tree, expected: &Expected) -> Result<()> {
        self.expect(path, expected).await?;
        let mut body = Zeroizing::new(Vec::with_capacity(size_of(&tree.0)));
        // A vector takes everything.
        let _ = serde_json::to_writer(&mut *body, &tree.0);
        let need = self.need(path, "update", "writing").with_secret();
        let need = need.granted_by(crate::refusal::line(&self.mounted.api("", path), &["create", "update"]));
        let answer = self.client.ask(&Ask::post(&need.path, body), &need, self.until).await?;
        self.done(answer.is_fine(), answer.status, need)
    }

    /// Removes a secret for good, with what a rotation left beside it. Under the caller's lock.
    pub(crate) async fn delete(&self, path: &str, expected: &Expected) -> Result<()> {
        if !self.is_there(path).await? {
            return Err(BackendError::not_found(path));
        }
        self.expect(path, expected).await?;
        let beside = self.siblings(path).await?.unwrap_or_default();
        for shadow in [pending_path(path), previous_path(path)].iter().filter(|shadow| beside.contains(shadow)) {
            self.remove(shadow).await?;
        }
        self.remove(path).await
    }

    /// Removes one path; one that is not there is no error.
    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        let request = DeleteSecretRequest { mount: self.mounted.mount.clone(), path: path.to_owned() };
        let need = self.need(path, "delete", "deleting");
        let answer = self.client.ask(&request, &need, self.until).await?;
        self.done(answer.is_fine(), answer.status, need)
    }

    async fn expect(&self, path: &str, expected: &Expected) -> Result<()> {
        match expected {
            Expected::Anything => Ok(()),
            Expected::Version(_) => Err(no_versions("check-and-set")),
            Expected::Absent if !self.is_there(path).await? => Ok(()),
            Expected::Absent => {
                Err(BackendError::new(ErrorKind::Conflict { current: None }, format!("'{path}' is there already"))
                    .hint("Read it, and decide anew."))
            }
        }
    }

    fn done(&self, fine: bool, status: u16, need: Need) -> Result<()> {
        match fine {
            true => Ok(()),
            false => Err(BackendError::new(ErrorKind::Invalid, format!("the server does not do it ({status})"))
                .doing(need.doing)
                .hint("Look at the name and the mount.")),
        }
    }

    fn need(&self, path: &str, capability: &'static str, doing: &str) -> Need {
        Need::new(self.mounted.api("", path), capability, format!("{doing} '{path}'"))
    }
}

/// The answer to what needs versions.
pub(crate) fn no_versions(operation: &str) -> BackendError {
    BackendError::unsupported(
        operation,
        "KV version 1 keeps no versions: move the mount to version 2 ('kv enable-versioning').",
    )
}
