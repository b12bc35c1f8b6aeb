//! Staging on KV version 1, as far as it goes: there are no versions and no check-and-set. A second shadow,
//! `PATH.quarterdeck-previous`, holds the value before and the one that was promoted, each with its id, so that both can be
//! told and read. Refuses to make an id from a value: a hash of a secret can be guessed at.
//!
//! ```text
//! what is read            its id
//! as promoted last        the rotation's id                          {"new": {"id", "content"},
//! as before that          the one that it had                         "old": {"id", "content"}}
//! what was staged over    the one that it had then
//! something else          'current'; 'by-hand' where another one is called so
//! ```
//!
//! Under the caller's lock, which holds against this program's own threads. What somebody else writes in the same instant
//! is not noticed.

use crate::answer::Tree;
use crate::content;
use crate::kv1::Kv1;
use crate::kv2::{Found, size_of};
use crate::name::Place;
use crate::staging::*;
use quarterdeck_contract::*;
use serde_json::{Map, Value as Json, json};

/// In the pending shadow: the content that it is to replace, and when it was made.
const BEFORE: &str = "before";
const MADE_AT: &str = "made_at";

struct Version {
    id: String,
    content: Tree,
}

impl Version {
    fn is(&self, content: &Tree) -> bool {
        same(Some(&self.content.0), Some(&content.0))
    }
}

/// The second shadow.
#[derive(Default)]
struct Kept {
    new: Option<Version>,
    old: Option<Version>,
}

impl Kept {
    fn of(mut tree: Tree) -> Self {
        let mut part = |name: &str| {
            let part = tree.0.get_mut(name)?;
            let id = part.get("id")?.as_str()?.to_owned();
            Some(Version { id, content: Tree(part.get_mut("content")?.take()) })
        };
        Self { new: part("new"), old: part("old") }
    }

    fn tree(&self) -> Tree {
        let part = |version: &Version| json!({ "id": version.id, "content": version.content.0 });
        let named = |name: &str, version: &Option<Version>| version.as_ref().map(|one| (name.to_owned(), part(one)));
        Tree(Json::Object(Map::from_iter([named("new", &self.new), named("old", &self.old)].into_iter().flatten())))
    }

    fn versions(&self) -> impl Iterator<Item = &Version> {
        [&self.new, &self.old].into_iter().flatten()
    }
}

/// The first shadow.
struct Staged {
    pending: Pending,
    content: Tree,
    /// What was current then.
    before: Version,
}

impl Staged {
    fn of(mut tree: Tree) -> Self {
        let made_at = tree.0.get(MADE_AT).and_then(Json::as_i64);
        let pending = Pending { rotation: rotation_in(&tree.0), made_at };
        let before = Tree(tree.0.get_mut(BEFORE).map(Json::take).unwrap_or_default());
        let before = Version { id: from_in(&tree.0), content: before };
        Self { pending, content: content_of(&mut tree), before }
    }
}

/// The id of what is current, by all that is kept. One that nobody made a rotation of has a name that none of these has.
fn id_of(live: &Tree, kept: &Kept, staged: Option<&Staged>) -> String {
    let known = || kept.versions().chain(staged.map(|staged| &staged.before));
    if let Some(version) = known().find(|version| version.is(live)) {
        return version.id.clone();
    }
    let names = ["current", "by-hand", "by-hand-2", "by-hand-3"];
    let free = names.into_iter().find(|id| known().all(|version| version.id != *id));
    free.unwrap_or("unknown").to_owned()
}

/// What is known of a secret.
struct Known {
    live: Found,
    /// The id of what is current.
    id: String,
    kept: Kept,
    staged: Option<Staged>,
}

impl Known {
    /// What stands under this rotation.
    fn staged_by(&mut self, rotation: &str) -> Option<Staged> {
        self.staged.take().filter(|staged| staged.pending.rotation == rotation)
    }
}

impl Kv1<'_> {
    async fn found(&self, path: &str) -> Result<Option<Found>> {
        match self.read(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn staged(&self, path: &str) -> Result<Option<Staged>> {
        Ok(self.found(&pending_path(path)).await?.map(|found| Staged::of(found.tree)))
    }

    async fn known(&self, path: &str) -> Result<Option<Known>> {
        let Some(live) = self.found(path).await? else { return Ok(None) };
        let staged = self.staged(path).await?;
        let kept = self.found(&previous_path(path)).await?.map(|found| Kept::of(found.tree)).unwrap_or_default();
        Ok(Some(Known { id: id_of(&live.tree, &kept, staged.as_ref()), live, kept, staged }))
    }

    /// What is staged for a secret.
    pub(crate) async fn pending(&self, path: &str) -> Result<Option<Pending>> {
        Ok(self.staged(path).await?.map(|staged| staged.pending))
    }

    /// The versions and what is pending, newest first. A value is read only where a rotation left its trace, or where the
    /// folder may not be listed.
    pub(crate) async fn versions(&self, name: &SecretName, path: &str) -> Result<Vec<VersionInfo>> {
        let info = |id: &str, stage| VersionInfo { stage: Some(stage), ..VersionInfo::of(VersionId(id.to_owned())) };
        let plain = || vec![info("current", Stage::Current)];
        let listed = self.siblings(path).await?;
        if let Some(listed) = &listed {
            if !listed.iter().any(|sibling| sibling == path) {
                return Err(BackendError::not_found(name));
            }
            if !listed.contains(&pending_path(path)) && !listed.contains(&previous_path(path)) {
                return Ok(plain());
            }
        }
        let known = match self.known(path).await {
            // A policy for this one path alone.
            Err(error) if listed.is_none() && matches!(error.kind, ErrorKind::Denied { .. }) => {
                return self.found(path).await?.map(|_| plain()).ok_or_else(|| BackendError::not_found(name));
            }
            known => known?.ok_or_else(|| BackendError::not_found(name))?,
        };
        let pending = known.staged.as_ref().map(|staged| VersionInfo {
            rotation: Some(staged.pending.rotation.clone()),
            created_at: staged.pending.made_at,
            ..info(&staged_id(&staged.pending.rotation).0, Stage::Pending)
        });
        let others = known.kept.versions().filter(|version| version.id != known.id);
        let others = others.map(|version| info(&version.id, Stage::Previous));
        Ok(pending.into_iter().chain([info(&known.id, Stage::Current)]).chain(others).collect())
    }

    /// One version, or what is staged.
    pub(crate) async fn read_version(&self, name: &SecretName, path: &str, version: &VersionId) -> Result<Found> {
        let none = || no_version(name, version).doing(format!("reading '{name}'"));
        let mut known = self.known(path).await?.ok_or_else(none)?;
        if version.0 == known.id {
            return Ok(known.live);
        }
        let tree = match rotation_of(version) {
            Some(rotation) => known.staged_by(rotation).map(|staged| staged.content),
            None => {
                let kept = [known.kept.new, known.kept.old].into_iter().flatten();
                kept.into_iter().find(|kept| kept.id == version.0).map(|kept| kept.content)
            }
        };
        let size = tree.as_ref().map(|tree| size_of(&tree.0)).unwrap_or_default();
        tree.map(|tree| Found { tree, version: 0, size }).ok_or_else(none)
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
            let known = self.known(&at.path).await?;
            let Some(Known { live, id, staged, .. }) = known else {
                return Err(no_value_yet(name));
            };
            if id == rotation {
                return Ok(Some(VersionId(id)));
            }
            match staged.map(|staged| staged.pending.rotation) {
                Some(staged) if staged == rotation => return Ok(Some(staged_id(rotation))),
                Some(staged) => return Err(taken(name, &staged)),
                None => {}
            }
            let mut before = Tree(live.tree.0.clone());
            let mut content = match &at.key {
                None => content::map(value, true)?,
                Some(key) => {
                    let mut tree = live.tree;
                    if content::raw(&tree, Some(key)).is_none() {
                        return Err(crate::backend::no_key(name, at));
                    }
                    content::put(&mut tree, key, value, true)?;
                    tree
                }
            };
            let mut tree = shadow(&mut content, rotation, &id);
            if let Json::Object(map) = &mut tree.0 {
                map.insert(BEFORE.to_owned(), before.0.take());
                map.insert(MADE_AT.to_owned(), json!(jiff::Timestamp::now().as_second()));
            }
            self.write(&pending_path(&at.path), &tree, &Expected::Anything).await?;
            // The next look tells whether it is ours that stands.
            Ok(None)
        })
        .await
    }

    pub(crate) async fn promote(
        &self,
        name: &SecretName,
        at: &Place,
        version: &VersionId,
        from: &VersionId,
    ) -> Result<VersionId> {
        let doing = format!("promoting {version} of '{name}'");
        // What was staged gets the rotation's id.
        let bare = |version: &VersionId| rotation_of(version).unwrap_or(&version.0).to_owned();
        let (wanted, from) = (bare(version), bare(from));
        settled(&doing, async || {
            let Some(mut known) = self.known(&at.path).await? else { return Err(other(name, "promoting", None)) };
            if wanted == known.id {
                return Ok(Some(VersionId(wanted.clone())));
            }
            if from != known.id {
                return Err(other(name, "promoting", Some(known.id)));
            }
            let target = match rotation_of(version) {
                Some(rotation) => known.staged_by(rotation).map(|staged| staged.content),
                None => known.kept.versions().find(|kept| kept.id == wanted).map(|kept| Tree(kept.content.0.clone())),
            };
            let Some(content) = target else { return Err(no_version(name, version).doing(doing.clone())) };
            let new = Version { id: wanted.clone(), content };
            let old = Version { id: known.id, content: known.live.tree };
            let kept = Kept { new: Some(new), old: Some(old) };
            // First what both are: a crash between leaves the old one current and known as such.
            self.write(&previous_path(&at.path), &kept.tree(), &Expected::Anything).await?;
            if let Some(new) = &kept.new {
                self.write(&at.path, &new.content, &Expected::Anything).await?;
            }
            Ok(Some(VersionId(wanted.clone())))
        })
        .await
    }

    pub(crate) async fn unstage(&self, name: &SecretName, at: &Place, version: &VersionId) -> Result<()> {
        let rotation = rotation_of(version).unwrap_or(&version.0);
        settled(&format!("taking the staged value of '{name}' away"), async || {
            // What another rotation staged is left alone: ours is not there, which is what was asked for.
            match self.pending(&at.path).await? {
                Some(pending) if pending.rotation == rotation => self.remove(&pending_path(&at.path)).await.map(Some),
                _ => Ok(Some(())),
            }
        })
        .await
    }

    pub(crate) async fn retire(
        &self,
        name: &SecretName,
        at: &Place,
        version: &VersionId,
        current: &VersionId,
    ) -> Result<()> {
        settled(&format!("retiring {version} of '{name}'"), async || {
            let Some(mut known) = self.known(&at.path).await? else { return Err(other(name, "retiring", None)) };
            if known.id != current.0 || known.id == version.0 {
                return Err(other(name, "retiring a version of", Some(known.id)));
            }
            if rotation_of(version).is_some() {
                return self.unstage(name, at, version).await.map(Some);
            }
            let is = |kept: &Option<Version>| kept.as_ref().is_some_and(|kept| kept.id == version.0);
            if is(&known.kept.new) {
                known.kept.new = known.kept.old.take();
            } else if is(&known.kept.old) {
                known.kept.old = None;
            } else {
                return Ok(Some(()));
            }
            self.write(&previous_path(&at.path), &known.kept.tree(), &Expected::Anything).await.map(Some)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_by_what_is_kept_and_never_twice() {
        let tree = |text: &str| Tree(json!({ "value": text }));
        let version = |id: &str, text: &str| Some(Version { id: id.into(), content: tree(text) });
        assert_eq!(id_of(&tree("a"), &Kept::default(), None), "current");
        let kept = Kept { new: version("5b", "b"), old: version("current", "a") };
        let kept = Kept::of(kept.tree());
        let ids = ["a", "b", "c"].map(|text| id_of(&tree(text), &kept, None));
        assert_eq!(ids, ["current", "5b", "by-hand"]);
        let kept = Kept { new: version("5c", "b"), old: version("by-hand", "a") };
        let before = Version { id: "current".into(), content: tree("d") };
        let pending = Pending { rotation: "5d".into(), made_at: None };
        let staged = Staged { pending, content: tree("e"), before };
        let ids = ["b", "d", "c"].map(|text| id_of(&tree(text), &kept, Some(&staged)));
        assert_eq!(ids, ["5c", "current", "by-hand-2"]);
        assert_eq!(id_of(&tree("c"), &kept, None), "current");
    }
}
