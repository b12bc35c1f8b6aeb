//! Staging on KV version 2. Refuses to stage on the secret's own path, where the newest version is what readers get: the
//! shadow is made by a check-and-set, and so is pending value and lock in one; promote writes its content by another.

use crate::answer::Tree;
use crate::ask::Ask;
use crate::content;
use crate::inspect::created_at;
use crate::kv2::{Kv2, Latest, id, number};
use crate::listing::is_gone;
use crate::name::Place;
use crate::staging::*;
use quarterdeck_contract::*;
use serde_json::{Value as Json, json};
use std::time::Duration;
use tokio::time::Instant;
use vaultrs::api::kv2::requests::{DeleteSecretMetadataRequest, DestroySecretVersionsRequest};
use zeroize::Zeroizing;

/// What is only for people's eyes keeps nobody waiting.
const LABELLED_WITHIN: Duration = Duration::from_secs(1);

impl Kv2<'_> {
    /// What is staged for a secret. One look where nothing is; no value where the server tells keys without them.
    pub(crate) async fn pending(&self, path: &str) -> Result<Shadow> {
        let path = pending_path(path);
        let newest = self.latest(&path).await?;
        let Latest::Live(_) = newest else { return Ok(Shadow { number: newest.number(), pending: None }) };
        let keys = self.subkeys(&path).await?;
        if let Some(answer) = keys.filter(|answer| answer.data().get("subkeys").is_some_and(Json::is_object)) {
            let metadata = answer.data().get("metadata").unwrap_or(&Json::Null);
            let number = metadata.get("version").and_then(Json::as_u64).unwrap_or_default();
            let rotation = rotation_in(answer.data().get("subkeys").unwrap_or(&Json::Null));
            return Ok(Shadow { number, pending: Some(Pending { rotation, made_at: created_at(metadata) }) });
        }
        match self.read(&path, None).await {
            Ok(found) => {
                let pending = Pending { rotation: rotation_in(&found.tree.0), made_at: None };
                Ok(Shadow { number: found.version, pending: Some(pending) })
            }
            // Taken away meanwhile.
            Err(error) if is_gone(&error) => Ok(Shadow { number: newest.number(), pending: None }),
            Err(error) => Err(error),
        }
    }

    /// The content that a rotation staged, with the answer's size.
    pub(crate) async fn staged(&self, name: &SecretName, path: &str, rotation: &str) -> Result<(Tree, usize)> {
        let none = || no_version(name, &staged_id(rotation)).doing(format!("reading '{name}'"));
        match self.read(&pending_path(path), None).await {
            Ok(mut found) if rotation_in(&found.tree.0) == rotation => Ok((content_of(&mut found.tree), found.size)),
            Ok(_) => Err(none()),
            Err(error) if is_gone(&error) => Err(none()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn stage(
        &self,
        name: &SecretName,
        at: &Place,
        value: &Value,
        rotation: &str,
    ) -> Result<VersionId> {
        let doing = format!("staging a value for '{name}'");
        settled(&doing, async || {
            let shadow = self.pending(&at.path).await?;
            match shadow.pending {
                Some(pending) if pending.rotation == rotation => return Ok(Some(staged_id(rotation))),
                Some(pending) => return Err(taken(name, &pending.rotation)),
                None => {}
            }
            let (mut content, from) = self.to_come(name, at, value).await?;
            let tree = crate::staging::shadow(&mut content, rotation, &from.to_string());
            let path = pending_path(&at.path);
            if self.put(&path, &tree, shadow.number).await?.is_none() {
                return Ok(None);
            }
            self.label(&path, rotation).await;
            Ok(Some(staged_id(rotation)))
        })
        .await
    }

    /// The whole content that a value makes, and the version it follows.
    async fn to_come(&self, name: &SecretName, at: &Place, value: &Value) -> Result<(Tree, u64)> {
        let gone = |error: BackendError| if error.kind == ErrorKind::NotFound { no_value_yet(name) } else { error };
        let Some(key) = &at.key else {
            let content = content::map(value, false)?;
            return match self.latest(&at.path).await? {
                Latest::Live(current) => Ok((content, current)),
                // The read says which of the three it is.
                _ => self.read(&at.path, None).await.map(|found| (content, found.version)).map_err(gone),
            };
        };
        let mut found = self.read(&at.path, None).await.map_err(gone)?;
        if content::raw(&found.tree, Some(key)).is_none() {
            return Err(crate::backend::no_key(name, at));
        }
        content::put(&mut found.tree, key, value, false)?;
        Ok((found.tree, found.version))
    }

    /// For whoever looks with Vault's own programs. Nothing here depends on it, so that a policy need not allow it.
    async fn label(&self, path: &str, rotation: &str) {
        let about = json!({ "custom_metadata": { "quarterdeck-rotation": rotation } });
        let need = self.need("metadata", path, "update", format!("labelling '{path}'"));
        let ask = Ask::post(&need.path, Zeroizing::new(about.to_string().into_bytes()));
        let until = self.until.min(Instant::now() + LABELLED_WITHIN);
        let _ = self.client.ask_if_allowed(&ask, &need, until).await;
    }

    pub(crate) async fn promote(
        &self,
        name: &SecretName,
        at: &Place,
        version: &VersionId,
        from: &VersionId,
    ) -> Result<VersionId> {
        let doing = format!("promoting {version} of '{name}'");
        settled(&doing, async || self.promote_once(name, at, version, from).await).await
    }

    /// One try. What is compared is the key where the name is a key's: somebody who changed another key has not undone it.
    async fn promote_once(
        &self,
        name: &SecretName,
        at: &Place,
        version: &VersionId,
        from: &VersionId,
    ) -> Result<Option<VersionId>> {
        let key = at.key.as_deref();
        let mut live = match self.read(&at.path, None).await {
            Ok(live) => live,
            Err(error) if is_gone(&error) => return Err(other(name, "promoting", None)),
            Err(error) => return Err(error),
        };
        let conflict = || other(name, "promoting", Some(live.version.to_string()));
        if number(version) == Some(live.version) {
            return Ok(Some(id(live.version)));
        }
        let expected = match rotation_of(from) {
            None => number(from),
            // Nobody knows whether that one was promoted: it was if its value is current.
            Some(rotation) => match self.staged(name, &at.path, rotation).await {
                Ok((ours, _)) => same(content::raw(&ours, key), content::raw(&live.tree, key)).then_some(live.version),
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            },
        };
        let source = match (rotation_of(version), number(version).filter(|number| *number > 0)) {
            (Some(rotation), _) => self.staged(name, &at.path, rotation).await.map(|(tree, _)| tree),
            (None, Some(number)) => self.read(&at.path, Some(number)).await.map(|found| found.tree),
            (None, None) => Err(no_version(name, version)),
        };
        let source = match source {
            Ok(source) => source,
            Err(error) if error.kind == ErrorKind::NotFound && expected != Some(live.version) => return Err(conflict()),
            Err(error) => return Err(error.doing(format!("promoting {version} of '{name}'"))),
        };
        if expected != Some(live.version) {
            let is_ours = expected.is_some_and(|expected| live.version > expected)
                && same(content::raw(&source, key), content::raw(&live.tree, key));
            return if is_ours { Ok(Some(id(live.version))) } else { Err(conflict()) };
        }
        let Some(key) = key else { return self.put(&at.path, &source, live.version).await };
        let value = content::raw(&source, Some(key)).cloned().map(Tree);
        content::put_raw(&mut live.tree, key, value.ok_or_else(|| crate::backend::no_key(name, at))?)?;
        self.put(&at.path, &live.tree, live.version).await
    }

    pub(crate) async fn unstage(&self, name: &SecretName, at: &Place, version: &VersionId) -> Result<()> {
        let doing = format!("taking the staged value of '{name}' away");
        settled(&doing, async || {
            let shadow = self.pending(&at.path).await?;
            // What another rotation staged is left alone: ours is not there, which is what was asked for.
            let Some(pending) = shadow.pending else { return Ok(Some(())) };
            let is_ours = match (rotation_of(version), number(version)) {
                (Some(rotation), _) => pending.rotation == rotation,
                (None, Some(number)) => self.came_from(name, at, number, &pending.rotation).await?,
                (None, None) => return Err(no_version(name, version)),
            };
            match is_ours {
                true => self.discard(&at.path, shadow.number, &doing).await.map(Some),
                false => Ok(Some(())),
            }
        })
        .await
    }

    /// True when that version is what the rotation staged.
    async fn came_from(&self, name: &SecretName, at: &Place, number: u64, rotation: &str) -> Result<bool> {
        let read = self.read(&at.path, Some(number).filter(|number| *number > 0)).await;
        let both = match read {
            Ok(found) => (found.tree, self.staged(name, &at.path, rotation).await),
            Err(error) if is_gone(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let key = at.key.as_deref();
        match both {
            (tree, Ok((staged, _))) => Ok(same(content::raw(&tree, key), content::raw(&staged, key))),
            (_, Err(error)) if error.kind == ErrorKind::NotFound => Ok(false),
            (_, Err(error)) => Err(error),
        }
    }

    /// Ends a shadow with all its versions. Where the policy has no 'delete' on its metadata an empty name stays, its value
    /// destroyed; where it has no 'destroy' either, deleted, as the old versions of the secret are.
    async fn discard(&self, path: &str, number: u64, doing: &str) -> Result<()> {
        let path = pending_path(path);
        let mount = || self.mounted.mount.clone();
        let request = DeleteSecretMetadataRequest { mount: mount(), path: path.clone() };
        let need = self.need("metadata", &path, "delete", doing.to_owned());
        if let Some(answer) = self.client.ask_if_allowed(&request, &need, self.until).await? {
            return self.done(answer, need);
        }
        let request = DestroySecretVersionsRequest { mount: mount(), path: path.clone(), versions: vec![number] };
        let need = self.need("destroy", &path, "update", doing.to_owned());
        if let Some(answer) = self.client.ask_if_allowed(&request, &need, self.until).await? {
            return self.done(answer, need);
        }
        self.delete_version(&path, number, doing).await
    }

    pub(crate) async fn retire(
        &self,
        name: &SecretName,
        at: &Place,
        version: &VersionId,
        current: &VersionId,
    ) -> Result<()> {
        let is = match self.latest(&at.path).await? {
            Latest::Live(is) => Some(is),
            _ => None,
        };
        if is.is_none() || number(current) != is || number(version) == is {
            return Err(other(name, "retiring a version of", is.map(|is| is.to_string())));
        }
        if rotation_of(version).is_some() {
            return self.unstage(name, at, version).await;
        }
        let older = number(version).filter(|number| *number > 0 && Some(*number) < is);
        let Some(older) = older else { return Err(no_version(name, version)) };
        let doing = format!("retiring version {version} of '{name}'");
        settled(&doing, async || self.delete_version(&at.path, older, &doing).await.map(Some)).await
    }
}
