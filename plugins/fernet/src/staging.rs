//! A rotation's four steps on the file and its sidecar: stage, promote, unstage, retire. Refuses to let a staged value into
//! the file, which programs read, before it is promoted.
//!
//! ```text
//! stage     pending -> sidecar
//! promote   old value -> sidecar ─ new value -> file (the commit) ─ [a value taken back leaves the sidecar]
//! unstage   sidecar without pending
//! retire    sidecar without the old value
//! ```
//! A kill between two steps of a promotion leaves a value in the sidecar that is current as well: it is shown once, and the
//! next change of the sidecar drops it.

use crate::disk::{self, MAX_PLAINTEXT, Place};
use crate::document::{Document, join_keys};
use crate::json::{self, Json};
use crate::name::Keys;
use crate::sidecar::{Kept, Pending, Previous, Promoted, Sidecar};
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
        match (&kept.pending, &kept.promoted) {
            (Some(pending), _) if pending.rotation == rotation => return Ok(staged(rotation)),
            (Some(pending), _) => {
                let what = format!("'{name}' has a staged value of another rotation");
                return Err(BackendError::new(ErrorKind::Conflict { current: Some(pending.rotation.clone()) }, what)
                    .hint("Let that rotation end, or abort it; nothing was changed."));
            }
            (_, Some(done)) if done.rotation == rotation && done.version == held.current => {
                return Ok(held.current.clone());
            }
            _ => {}
        }
        fits(store, &held, &value)?;
        kept.pending = Some(Pending { rotation: rotation.to_owned(), value, made_at: now() });
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
            let wanted = match wanted(store, &held, kept, version)? {
                Wanted::Done => return Ok(held.current),
                Wanted::Value(wanted) => wanted,
            };
            if held.current != *from {
                if kept_by_us {
                    // Somebody without the lock came in between: what was kept for us is nobody's old value.
                    kept.previous.retain(|previous| held.version(store, &previous.value) != *from);
                    held.put(store, place, &mut sidecar)?;
                }
                return Err(changed(Some(held.current)));
            }
            let [next, own] = store.seals(&held.content.key);
            let new = store.version(&next, &held.name, &wanted);
            let old = held.value().map(Json::duplicate).unwrap_or(Json::Null);
            let of =
                kept.promoted.as_ref().filter(|done| done.version == held.current).map(|done| done.rotation.clone());
            let is_kept = kept.previous.iter().any(|previous| held.version(store, &previous.value) == held.current);
            if !is_kept {
                kept.previous.push(Previous { value: old, kept_at: now(), of });
            }
            if let Some(rotation) = version.0.strip_prefix(PENDING) {
                kept.promoted = Some(Promoted { rotation: rotation.to_owned(), version: new.clone() });
            }
            sidecar.put(place, &[&next, &own])?;
            kept_by_us = !is_kept;
            crate::point("old value kept");
            held.content.document.set(&held.keys, wanted, true)?;
            if !store.put(place, &held.content.document, Some((&held.content.seen, &held.content.key)))? {
                continue;
            }
            crate::point("promoted");
            (held.current, held.content.key) = (new, next);
            if !version.0.starts_with(PENDING) {
                // The file is what counts: a sidecar that can't be written now is tidied by its next change.
                let _ = held.put(store, place, &mut sidecar);
                crate::point("tidied");
            }
            return Ok(held.current);
        }
        Err(store.restless())
    })
}

enum Wanted {
    /// It is current.
    Done,
    Value(Json),
}

fn wanted(store: &Store, held: &Held, kept: &Kept, version: &VersionId) -> Result<Wanted> {
    let Some(rotation) = version.0.strip_prefix(PENDING) else {
        let old = kept.previous.iter().find(|previous| held.version(store, &previous.value) == *version);
        return old.map(|old| Wanted::Value(old.value.duplicate())).ok_or_else(|| gone(&held.name));
    };
    match (&kept.pending, &kept.promoted) {
        (_, Some(done)) if done.rotation == rotation && done.version == held.current => Ok(Wanted::Done),
        (Some(pending), _) if pending.rotation == rotation => {
            if held.version(store, &pending.value) == held.current {
                return Ok(Wanted::Done);
            }
            Ok(Wanted::Value(pending.value.duplicate()))
        }
        _ => Err(gone(&held.name)),
    }
}

/// Takes a staged value away, and what is kept of its rotation after it was taken back.
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
        let before = (kept.pending.is_some(), kept.previous.len());
        kept.pending = kept.pending.take().filter(|pending| pending.rotation != rotation);
        kept.previous.retain(|previous| previous.of.as_deref() != Some(rotation));
        if (kept.pending.is_some(), kept.previous.len()) == before {
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

/// Takes an old value away, while `current` still is current.
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
        let before = kept.previous.len();
        kept.previous.retain(|previous| held.version(store, &previous.value) != *version);
        if kept.previous.len() == before {
            return Ok(());
        }
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
    let pending = kept.pending.iter().map(|pending| VersionInfo {
        stage: Some(Stage::Pending),
        created_at: time(pending.made_at),
        rotation: Some(pending.rotation.clone()),
        ..VersionInfo::of(staged(&pending.rotation))
    });
    let previous = kept.previous.iter().rev().map(|previous| VersionInfo {
        stage: Some(Stage::Previous),
        not_after: time(previous.kept_at),
        ..VersionInfo::of(store.version(&content.key, name, &previous.value))
    });
    Ok(pending.chain(previous).filter(|version| version.id != *current).collect())
}

/// The value of a staged or an old version, if it is kept.
pub(crate) fn read(store: &Store, content: &Content, name: &str, version: &VersionId) -> Result<Option<Json>> {
    let sidecar = store.sidecar(&Place::find(store.path())?)?;
    let Some(kept) = sidecar.names.get(name) else { return Ok(None) };
    let value = match version.0.strip_prefix(PENDING) {
        Some(rotation) => kept.pending.as_ref().filter(|pending| pending.rotation == rotation).map(|one| &one.value),
        None => {
            let mut previous = kept.previous.iter().map(|previous| &previous.value);
            previous.find(|value| store.version(&content.key, name, value) == *version)
        }
    };
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
