//! A rotation's four steps on the file and its sidecar: stage, promote, unstage, retire. Refuses to let a staged value into
//! the file, which programs read, before it is promoted.
//!
//! ```text
//! stage     pending -> sidecar
//! promote   old value -> sidecar ─ new value -> file (the commit) ─ pending becomes promoted
//! (back)    promoted becomes pending ─ old value -> file (the commit) ─ sidecar without the old value
//! unstage   sidecar without pending
//! retire    sidecar without the old value and what was promoted
//! ```
//! What was promoted stays in the sidecar until the rotation is over: somebody may write over it in the file, by hand and
//! without the lock. A kill between two steps of a promotion leaves a value in the sidecar that is current as well: it is
//! shown once, and the next change of the sidecar tidies it.

use crate::disk::{self, MAX_PLAINTEXT, Place};
use crate::document::{Document, join_keys};
use crate::json::{self, Json};
use crate::name::Keys;
use crate::sidecar::{Kept, Made, Previous, Sidecar};
use crate::store::{Content, Store, now};
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretName, Stage, VersionId, VersionInfo};
use std::time::Duration;

/// How the version of a staged value begins; the rotation's id follows.
const PENDING: &str = "pending:";

/// The version of a rotation's staged value.
pub(crate) fn staged(rotation: &str) -> VersionId {
    VersionId(format!("{PENDING}{rotation}"))
}

/// One secret in the file, under the lock.
struct Held {
    content: Content,
    keys: Keys,
    name: String,
    current: VersionId,
}

impl Held {
    fn find(store: &Store, place: &Place, name: &SecretName) -> Result<Self> {
        let absent = || BackendError::not_found(name);
        let content = store.open_at(place)?.ok_or_else(absent)?;
        let keys = content.document.find(name.as_str())?.ok_or_else(absent)?;
        let own = join_keys(&keys);
        let current = store.version(&content.key, &own, content.document.get(&keys).ok_or_else(absent)?);
        Ok(Self { content, keys, name: own, current })
    }

    fn value(&self) -> Option<&Json> {
        self.content.document.get(&self.keys)
    }

    fn version(&self, store: &Store, value: &Json) -> VersionId {
        store.version(&self.content.key, &self.name, value)
    }

    /// What was offered and is current has been promoted; true where that was not noted yet.
    fn settle(&self, store: &Store, kept: &mut Kept) -> bool {
        let is_current = |made: &mut Made| made.offered && self.version(store, &made.value) == self.current;
        let promoted = kept.pending.take_if(is_current);
        let found = promoted.is_some();
        kept.promoted = promoted.or(kept.promoted.take());
        found
    }

    /// Keeps what is current, which is replaced next; true where it was not kept yet. What a rotation promoted and is to
    /// be `taken_back` is pending then.
    fn keep(&self, store: &Store, kept: &mut Kept, taken_back: bool) -> bool {
        if taken_back && kept.pending.is_none() {
            kept.pending = kept.promoted.take_if(|promoted| self.version(store, &promoted.value) == self.current);
        }
        let back = kept.pending.iter().map(|pending| &pending.value).filter(|_| taken_back);
        let mut all = kept.previous.iter().map(|previous| &previous.value).chain(back);
        if all.any(|value| self.version(store, value) == self.current) {
            return false;
        }
        let value = self.value().map(Json::duplicate).unwrap_or(Json::Null);
        kept.previous.push(Previous { value, kept_at: now() });
        true
    }

    /// Puts the sidecar back, sealed with the file's key and the one that seals it next.
    fn put(&self, store: &Store, place: &Place, sidecar: &mut Sidecar) -> Result<()> {
        if let Some(kept) = sidecar.names.get_mut(&self.name) {
            kept.previous.retain(|previous| self.version(store, &previous.value) != self.current);
        }
        let [next, own] = store.seals(&self.content.key);
        sidecar.put(place, &[&next, &own])
    }
}

/// Keeps a value under a rotation's id; gives its version.
pub(crate) fn stage(
    store: &Store,
    name: &SecretName,
    value: Json,
    rotation: &str,
    within: Duration,
) -> Result<VersionId> {
    if rotation.is_empty() || rotation.len() > 64 || !rotation.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BackendError::new(ErrorKind::Invalid, "a rotation's id is up to 64 characters without a space"));
    }
    store.locked_if_there(name, within, |place| {
        let held = Held::find(store, place, name)?;
        let mut sidecar = store.sidecar(place)?;
        let kept = sidecar.names.entry(held.name.clone()).or_default();
        held.settle(store, kept);
        if let Some(promoted) = kept.promoted.as_ref().filter(|promoted| promoted.rotation == rotation) {
            return Ok(held.version(store, &promoted.value));
        }
        match &kept.pending {
            Some(pending) if pending.rotation == rotation => return Ok(staged(rotation)),
            Some(pending) => {
                let what = format!("'{name}' has a staged value of another rotation");
                return Err(BackendError::new(ErrorKind::Conflict { current: Some(pending.rotation.clone()) }, what)
                    .hint("Let that rotation end, or abort it; nothing was changed."));
            }
            None => {}
        }
        fits(store, &held, &value)?;
        kept.pending = Some(Made { rotation: rotation.to_owned(), value, made_at: now(), offered: false });
        if sidecar.size() + held.value().map_or(0, |value| json::to_python(value).len()) + 1024 > MAX_PLAINTEXT {
            return Err(disk::too_large(&Sidecar::path(place)));
        }
        held.put(store, place, &mut sidecar)?;
        Ok(staged(rotation))
    })
}

/// What can't be promoted is not staged either.
fn fits(store: &Store, held: &Held, value: &Json) -> Result<()> {
    let mut document = Document::parse(&held.content.document.to_python())?;
    document.set(&held.keys, value.duplicate(), true)?;
    match document.to_python().len() > MAX_PLAINTEXT {
        true => Err(disk::too_large(store.path())),
        false => Ok(()),
    }
}

/// Makes a staged or an old value the file's own if `from` still is; gives its version there.
pub(crate) fn promote(
    store: &Store,
    name: &SecretName,
    version: &VersionId,
    from: &VersionId,
    within: Duration,
) -> Result<VersionId> {
    store.locked_if_there(name, within, |place| {
        let mut kept_by_us = false;
        for _ in 0..crate::store::ATTEMPTS {
            let mut held = match Held::find(store, place, name) {
                Err(error) if error.kind == ErrorKind::NotFound => return Err(changed(None)),
                held => held?,
            };
            if *version == held.current {
                return Ok(held.current);
            }
            let mut sidecar = store.sidecar(place)?;
            let kept = sidecar.names.entry(held.name.clone()).or_default();
            if let Some(pending) = kept.pending.as_mut().filter(|pending| *version == staged(&pending.rotation)) {
                pending.offered = true;
            }
            let settled = held.settle(store, kept);
            let wanted = kept_value(kept, version, |value| held.version(store, value)).map(Json::duplicate);
            if wanted.as_ref().is_some_and(|wanted| held.version(store, wanted) == held.current) {
                if settled {
                    let _ = held.put(store, place, &mut sidecar);
                }
                return Ok(held.current);
            }
            if held.current != *from {
                if kept_by_us {
                    // Somebody without the lock came in between: what was kept for us is nobody's old value.
                    kept.previous.retain(|previous| held.version(store, &previous.value) != *from);
                    held.put(store, place, &mut sidecar)?;
                }
                return Err(changed(Some(held.current)));
            }
            let wanted = wanted.ok_or_else(|| gone(&held.name))?;
            let [next, own] = store.seals(&held.content.key);
            let new = store.version(&next, &held.name, &wanted);
            kept_by_us = held.keep(store, kept, !version.0.starts_with(PENDING));
            sidecar.put(place, &[&next, &own])?;
            crate::point("old value kept");
            held.content.document.set(&held.keys, wanted, true)?;
            if !store.put(place, &held.content.document, Some((&held.content.seen, &held.content.key)))? {
                continue;
            }
            crate::point("promoted");
            (held.current, held.content.key) = (new, next);
            if let Some(kept) = sidecar.names.get_mut(&held.name) {
                held.settle(store, kept);
            }
            // The file is what counts: a sidecar that can't be written now is tidied by its next change.
            let _ = held.put(store, place, &mut sidecar);
            crate::point("tidied");
            return Ok(held.current);
        }
        Err(store.restless())
    })
}

/// A value of the sidecar: by its rotation, or by its fingerprint.
fn kept_value<'a>(kept: &'a Kept, version: &VersionId, print: impl Fn(&Json) -> VersionId) -> Option<&'a Json> {
    match version.0.strip_prefix(PENDING) {
        Some(rotation) => kept.of(rotation).map(|made| &made.value),
        None => kept.values().find(|value| print(value) == *version),
    }
}

/// Takes a staged value away; one that is current is the promoted one from now on.
pub(crate) fn unstage(store: &Store, name: &SecretName, version: &VersionId, within: Duration) -> Result<()> {
    let Some(rotation) = version.0.strip_prefix(PENDING) else { return Ok(()) };
    let done = store.locked_if_there(name, within, |place| {
        let mut sidecar = store.sidecar(place)?;
        let held = match Held::find(store, place, name) {
            Ok(held) => Some(held),
            Err(error) if error.kind == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let own = held.as_ref().map_or(name.as_str(), |held| &held.name);
        let Some(own) = sidecar.find(own).map(|(own, _)| own.clone()) else { return Ok(()) };
        let Some(kept) = sidecar.names.get_mut(&own) else { return Ok(()) };
        let settled = held.as_ref().is_some_and(|held| held.settle(store, kept));
        if kept.pending.take_if(|pending| pending.rotation == rotation).is_none() && !settled {
            return Ok(());
        }
        match held {
            Some(held) => held.put(store, place, &mut sidecar),
            None => {
                let first = store.ring().first().duplicate();
                sidecar.put(place, &[&first])
            }
        }
    });
    match done {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Takes an old value away with those that are older, while `current` still is current. A promoted value goes with it: its
/// rotation is over, for that value or against it.
pub(crate) fn retire(
    store: &Store,
    name: &SecretName,
    version: &VersionId,
    current: &VersionId,
    within: Duration,
) -> Result<()> {
    store.locked_if_there(name, within, |place| {
        let held = match Held::find(store, place, name) {
            Err(error) if error.kind == ErrorKind::NotFound => return Err(changed(None)),
            held => held?,
        };
        if held.current != *current || version == current {
            return Err(changed(Some(held.current)));
        }
        let mut sidecar = store.sidecar(place)?;
        let Some(kept) = sidecar.names.get_mut(&held.name) else { return Ok(()) };
        let print = |value: &Json| held.version(store, value);
        let old = kept.previous.iter().position(|previous| print(&previous.value) == *version);
        let over = kept.promoted.take_if(|promoted| [version, current].contains(&&print(&promoted.value)));
        if old.is_none() && over.is_none() {
            return Ok(());
        }
        kept.previous.drain(..old.map_or(0, |old| old + 1));
        held.put(store, place, &mut sidecar)
    })
}

/// What is kept beside a secret's current value.
pub(crate) fn versions(
    store: &Store,
    place: &Place,
    content: &Content,
    name: &str,
    current: &VersionId,
) -> Result<Vec<VersionInfo>> {
    let sidecar = store.sidecar(place)?;
    let Some(kept) = sidecar.names.get(name) else { return Ok(Vec::new()) };
    let time = |seconds: u64| i64::try_from(seconds).ok();
    let print = |value: &Json| store.version(&content.key, name, value);
    let pending = kept.pending.iter().filter(|pending| !pending.offered || print(&pending.value) != *current);
    let pending = pending.map(|pending| VersionInfo {
        stage: Some(Stage::Pending),
        created_at: time(pending.made_at),
        rotation: Some(pending.rotation.clone()),
        ..VersionInfo::of(staged(&pending.rotation))
    });
    let promoted = kept.promoted.iter().map(|promoted| VersionInfo {
        stage: Some(Stage::Previous),
        created_at: time(promoted.made_at),
        rotation: Some(promoted.rotation.clone()),
        ..VersionInfo::of(print(&promoted.value))
    });
    let previous = kept.previous.iter().rev().map(|previous| VersionInfo {
        stage: Some(Stage::Previous),
        not_after: time(previous.kept_at),
        ..VersionInfo::of(print(&previous.value))
    });
    Ok(pending.chain(promoted).chain(previous).filter(|version| version.id != *current).collect())
}

/// The value of a staged or an old version, if it is kept.
pub(crate) fn read(store: &Store, content: &Content, name: &str, version: &VersionId) -> Result<Option<Json>> {
    let sidecar = store.sidecar(&Place::find(store.path())?)?;
    let Some(kept) = sidecar.names.get(name) else { return Ok(None) };
    let value = kept_value(kept, version, |value| store.version(&content.key, name, value));
    Ok(value.map(Json::duplicate))
}

fn gone(name: &str) -> BackendError {
    BackendError::new(ErrorKind::NotFound, format!("'{name}' has no such version any more"))
        .hint("Old values are kept during a rotation alone.")
}

fn changed(current: Option<VersionId>) -> BackendError {
    let what = match &current {
        Some(_) => "another value is current",
        None => "it is gone",
    };
    BackendError::new(ErrorKind::Conflict { current: current.map(|version| version.0) }, what)
        .hint("Somebody changed it meanwhile; nothing was changed.")
}
