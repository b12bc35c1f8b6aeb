//! Staging, promoting, taking back, retiring: the stages `AWSPENDING`, `AWSCURRENT`, `AWSPREVIOUS`. Refuses to take a
//! stage from a version that nobody named, to store a second value under one id, and to make a version without a value
//! current.
//!
//! A rotation's id is its version's id. The value is put under a label of our own, which takes nothing from anybody; then
//! `AWSPENDING` is moved to it, which AWS refuses when another version has it. Who finds it on the own version alone has
//! won and drops the own label. For a server that lets two versions have it (moto): of those that have both labels the
//! smallest id stays, and one without the own label has won already.

use crate::errors;
use crate::labels::{change_label, look_again, take_off};
use crate::name::split;
use crate::reading::{Described, PENDING, PREVIOUS, describe, get, map_of, no_key, own_label};
use crate::remote::Ask;
use crate::writing::{Body, conflict, move_current, put_under};
use quarterdeck_contract::*;
use std::time::Duration;

/// How often the stage is asked for, how often it is looked whether others give way, and how long between.
const TRIES: usize = 5;
const LOOKS: usize = 50;
const BETWEEN: Duration = Duration::from_millis(60);

/// Stores a value that nobody reads yet.
pub(crate) async fn stage(ask: &Ask, name: &SecretName, value: Value, rotation: &str) -> Result<VersionId> {
    let (secret, way) = split(name.as_str());
    if !is_uuid(rotation) {
        return Err(BackendError::new(ErrorKind::Invalid, "a rotation's id is a UUID, and this is none")
            .hint("AWS takes it as the new version's id."));
    }
    let seen = there(ask, secret).await?;
    match seen.current.as_deref() {
        Some(current) if current == rotation => return Ok(VersionId(rotation.to_owned())),
        Some(_) => {}
        // AWS makes a secret's first version current by itself.
        None => {
            return Err(BackendError::new(ErrorKind::NotFound, format!("'{secret}' has no value yet"))
                .hint("Set its first value with 'secrets set'; then it can be rotated."));
        }
    }
    if let Some(other) = seen.pending_beside(rotation).first() {
        let error = somebody_elses(other);
        return Err(withdrawn(ask, secret, seen, rotation, error).await);
    }
    if !has_value(ask, secret, rotation).await? {
        let body = match &way {
            None => Body::of(value)?,
            Some(way) => with_key(ask, name, secret, way, &value).await?,
        };
        // An empty version of this id is what AWS's own rotation leaves, with the stage on it.
        let own = own_label(rotation);
        let label = if seen.is_on(rotation, PENDING) { PENDING } else { &own };
        if let Err(doubt) = put_under(ask, secret, rotation, label, &body).await {
            match has_value(ask, secret, rotation).await {
                Ok(true) => {}
                Ok(false) => return Err(doubt.not_done()),
                Err(_) => return Err(doubt.unseen()),
            }
        }
    }
    claim(ask, secret, rotation, seen).await
}

/// Who has `AWSPENDING`.
#[derive(PartialEq)]
enum Standing {
    Nobody,
    Ours,
    /// Ours and others that have not won either and give way.
    Shared(String),
    Theirs(String),
}

impl Standing {
    fn of(seen: &Described, rotation: &str) -> Self {
        let others = seen.pending_beside(rotation);
        let ours = seen.is_on(rotation, PENDING);
        let gives_way = |other: &String| other.as_str() > rotation && seen.is_on(other, &own_label(other));
        match others.first() {
            _ if seen.current.as_deref() == Some(rotation) => Self::Ours,
            None if ours => Self::Ours,
            None => Self::Nobody,
            Some(other) if ours && others.iter().all(gives_way) => Self::Shared(other.clone()),
            Some(other) => Self::Theirs(other.clone()),
        }
    }
}

/// Gets the stage for our version, or takes our version back.
async fn claim(ask: &Ask, secret: &str, rotation: &str, seen: Described) -> Result<VersionId> {
    let (mut seen, mut looks) = (seen, 0);
    loop {
        let mut doubt = None;
        match Standing::of(&seen, rotation) {
            Standing::Ours => {
                // The own label has done its work. Where it stays, 'unstage' takes it off.
                let own = own_label(rotation);
                if seen.is_on(rotation, &own) {
                    let _ = change_label(ask, secret, &own, None, Some(rotation)).await;
                }
                return Ok(VersionId(rotation.to_owned()));
            }
            Standing::Shared(_) if looks < LOOKS => {}
            Standing::Shared(other) | Standing::Theirs(other) => {
                return Err(withdrawn(ask, secret, seen, rotation, somebody_elses(&other)).await);
            }
            Standing::Nobody if looks < TRIES => {
                // AWS's own template leaves the stage on what it made current.
                let from = seen.current.as_deref().filter(|current| seen.is_on(current, PENDING));
                doubt = change_label(ask, secret, PENDING, Some(rotation), from).await.err();
            }
            Standing::Nobody => return Err(errors::unknown()),
        }
        if looks > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        looks += 1;
        seen = match (look_again(ask, secret).await, doubt) {
            // One that is refused as invalid may have met somebody who has it no more.
            (Ok(now), Some(doubt))
                if (doubt.error.kind != ErrorKind::Invalid || looks == TRIES)
                    && Standing::of(&now, rotation) == Standing::Nobody =>
            {
                return Err(doubt.not_done());
            }
            (Ok(now), _) => now,
            (Err(_), Some(doubt)) => return Err(doubt.unseen()),
            (Err(error), None) => return Err(error),
        };
    }
}

/// Makes a version current if `from` still is.
pub(crate) async fn promote(ask: &Ask, name: &SecretName, version: &VersionId, from: &VersionId) -> Result<VersionId> {
    let (secret, _) = split(name.as_str());
    let seen = there(ask, secret).await?;
    if seen.current.as_ref() == Some(&version.0) {
        return Ok(version.clone());
    }
    if seen.current.as_ref() != Some(&from.0) {
        return Err(conflict("it was changed meanwhile", seen.current));
    }
    // A version that has no value, or is gone, is never what readers get.
    get(ask, secret, Some(version)).await?;
    move_current(ask, secret, &version.0, Some(&from.0)).await?;
    Ok(version.clone())
}

/// Takes the pending mark off a version.
pub(crate) async fn unstage(ask: &Ask, name: &SecretName, version: &VersionId) -> Result<()> {
    let (secret, _) = split(name.as_str());
    let seen = there(ask, secret).await?;
    take_off(ask, secret, seen, &version.0, &[PENDING, &own_label(&version.0)]).await
}

/// Takes an old version's labels off while `current` is current. AWS removes a version without labels some day.
pub(crate) async fn retire(ask: &Ask, name: &SecretName, version: &VersionId, current: &VersionId) -> Result<()> {
    let (secret, _) = split(name.as_str());
    let seen = there(ask, secret).await?;
    if seen.current.as_ref() != Some(&current.0) {
        return Err(conflict("another version is current", seen.current));
    }
    if version == current {
        return Err(conflict("it is the current version", seen.current));
    }
    take_off(ask, secret, seen, &version.0, &[PREVIOUS, PENDING, &own_label(&version.0)]).await
}

/// A secret that is not deleted.
pub(crate) async fn there(ask: &Ask, secret: &str) -> Result<Described> {
    let seen = describe(ask, secret).await?;
    if seen.is_deleted() { Err(errors::deleted(secret)) } else { Ok(seen) }
}

/// True when there is a version with a value under this id: DescribeSecret tells also of those that have none.
async fn has_value(ask: &Ask, secret: &str, version: &str) -> Result<bool> {
    match get(ask, secret, Some(&VersionId(version.to_owned()))).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The current map with one key changed.
async fn with_key(ask: &Ask, name: &SecretName, secret: &str, way: &[String], value: &Value) -> Result<Body> {
    let (whole, _) = get(ask, secret, None).await?;
    let mut map = map_of(secret, &whole)?;
    if !map.has(way) {
        return Err(no_key(name));
    }
    map.set(way, value)?;
    Body::of(map.to_value())
}

/// The error, once what we put is taken back: a version without labels is removed by AWS.
async fn withdrawn(ask: &Ask, secret: &str, seen: Described, rotation: &str, error: BackendError) -> BackendError {
    let _ = take_off(ask, secret, seen, rotation, &[PENDING, &own_label(rotation)]).await;
    error
}

/// Another rotation's value is pending.
pub(crate) fn somebody_elses(other: &str) -> BackendError {
    let current = Some(other.to_owned());
    BackendError::new(ErrorKind::Conflict { current }, format!("another rotation has {PENDING} on version '{other}'"))
        .hint("Let that rotation end first; 'rotate status' and 'secrets history' tell whose it is.")
}

/// 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
