//! The contract's trait over one Fernet file. Refuses to remember anything between two calls but the keys.

use crate::disk::Place;
use crate::document::join_keys;
use crate::facts;
use crate::json::{self, Json};
use crate::key::{Key, KeyRing};
use crate::rekey::{self, rekey};
use crate::staging;
use crate::store::{Content, Store, now};
use quarterdeck_contract::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use zeroize::{Zeroize, Zeroizing};

/// Entries of a page when the caller leaves it to us, and at most.
const PAGE: usize = 1_000;
const LARGEST_PAGE: usize = 10_000;

/// A backend over the file at the setting `path`, opened with the secret `key`.
///
/// A missing or wrong key is not an error here but in each call, so that the tile can say it and `generate-key` works.
/// The optional secret `fingerprint_key` makes version ids that outlive a rekey.
///
/// # Errors
/// [`ErrorKind::Invalid`] when no path is set.
pub fn create(mut setup: Setup) -> Result<Box<dyn SecretsBackend>> {
    let Some(path) = setup.text("path").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Err(BackendError::new(ErrorKind::Invalid, "no path to a secrets file is set")
            .hint("Set DP_ENCRYPTED_SECRETS_FILE, or 'path' of this backend."));
    };
    let ring = KeyRing::parse(setup.secrets.get("key").map(SecretBytes::expose).unwrap_or_default());
    let fingerprint_key = setup.secrets.remove("fingerprint_key").map(|key| Zeroizing::new(key.into_inner()));
    let target = path.display().to_string();
    let store = ring.map(|ring| Store::new(path, ring, fingerprint_key));
    Ok(Box::new(Fernet { target, store }))
}

struct Fernet {
    target: String,
    store: Result<Store>,
}

impl SecretsBackend for Fernet {
    fn describe(&self) -> Description {
        Description {
            backend: "fernet".into(),
            target: self.target.clone(),
            capabilities: vec![Capability::Write, Capability::CompareAndSet, Capability::Staging],
            extras: ["generate-key", "rotate-key", "validate"].map(String::from).into(),
        }
    }

    fn health(&self, _: Call) -> Result<Health> {
        facts::health(self.store()?)
    }

    fn list(&self, page: &PageRequest, _: Call) -> Result<Page> {
        let store = self.store()?;
        let Some(content) = store.open()? else { return Ok(Page { entries: Vec::new(), next: None }) };
        let limit = if page.limit == 0 { PAGE } else { (page.limit as usize).min(LARGEST_PAGE) };
        let after = |name: &str| page.after.as_deref().is_none_or(|after| name > after);
        let leaves = content.document.leaves();
        let not_after = made_by(content.sealed_at, now());
        let mut wanted = leaves
            .iter()
            .filter(|(name, _)| name.starts_with(&page.prefix) && after(name))
            .filter_map(|(name, value)| Some((SecretName::parse(name)?, *value)));
        let entries: Vec<Entry> = wanted
            .by_ref()
            .take(limit)
            .map(|(name, value)| Entry {
                version: Some(store.version(&content.key, name.as_str(), value)),
                not_after,
                ..Entry::named(name)
            })
            .collect();
        let more = wanted.next().is_some();
        let next = entries.last().filter(|_| more).map(|last| last.name.as_str().to_owned());
        Ok(Page { entries, next })
    }

    fn inspect(&self, name: &SecretName, _: Call) -> Result<Inspection> {
        let store = self.store()?;
        let (content, keys) = find(store, name)?;
        let value = content.document.get(&keys).ok_or_else(|| absent(name))?;
        let own = join_keys(&keys);
        let current = store.version(&content.key, &own, value);
        let kept = staging::versions(store, &Place::find(store.path())?, &content, &own, &current);
        let mut told = Inspection::of(name.clone());
        told.metadata.insert("type".to_owned(), value.word().to_owned());
        // The current value comes first and is there whatever is beside it.
        told.versions.push(VersionInfo {
            stage: Some(Stage::Current),
            not_after: made_by(content.sealed_at, now()),
            ..VersionInfo::of(current)
        });
        match kept {
            Ok(kept) => told.versions.extend(kept),
            Err(error) => told.facts.push(("staged and old values".to_owned(), error.to_string())),
        }
        Ok(told)
    }

    fn keys(&self, name: &SecretName, _: Call) -> Result<Vec<String>> {
        let (content, keys) = find(self.store()?, name)?;
        Ok(content.document.names_below(&keys))
    }

    fn read(&self, name: &SecretName, version: Option<&VersionId>, _: Call) -> Result<Reading> {
        let store = self.store()?;
        let mut seen = None;
        loop {
            let (content, keys) = find(store, name)?;
            let value = content.document.get(&keys).ok_or_else(|| absent(name))?;
            let own = join_keys(&keys);
            let current = store.version(&content.key, &own, value);
            if version.is_none_or(|wanted| *wanted == current) {
                let value = content.document.take(&keys).ok_or_else(|| absent(name))?;
                return reading(name, value, current);
            }
            let wanted = version.unwrap_or(&current);
            if let Some(value) = staging::read(store, &content, &own, wanted)? {
                return reading(name, value, wanted.clone());
            }
            // Between the two looks the wanted one may have become current.
            if seen.replace(current.clone()) == Some(current) {
                return Err(BackendError::new(ErrorKind::NotFound, format!("'{name}' has no such version any more"))
                    .hint("This file keeps the current value, and others during a rotation alone."));
            }
        }
    }

    fn write(&self, name: &SecretName, value: Value, expected: &Expected, call: Call) -> Result<VersionId> {
        let store = self.store()?;
        let value = taken(name, value)?;
        store.update(call.within, |document, key| {
            let keys = document.find(name.as_str())?;
            let current = keys
                .as_ref()
                .and_then(|keys| document.get(keys))
                .map(|value| store.version(key, &join_keys(keys.as_deref().unwrap_or_default()), value));
            meets(expected, current)?;
            let keys = keys.unwrap_or_else(|| crate::name::split(name.as_str()));
            document.set(&keys, value.duplicate(), matches!(expected, Expected::Version(_)))?;
            Ok(store.version(store.ring().first(), &join_keys(&keys), &value))
        })
    }

    fn delete(&self, name: &SecretName, expected: &Expected, call: Call) -> Result<()> {
        let store = self.store()?;
        if store.open()?.is_none() {
            return Err(absent(name));
        }
        store.update(call.within, |document, key| {
            let keys = document.find(name.as_str())?.ok_or_else(|| absent(name))?;
            let current = document.get(&keys).map(|value| store.version(key, &join_keys(&keys), value));
            meets(expected, current)?;
            document.remove(&keys, matches!(expected, Expected::Version(_)))
        })
    }

    fn stage(&self, name: &SecretName, value: Value, rotation: &str, call: Call) -> Result<VersionId> {
        staging::stage(self.store()?, name, taken(name, value)?, rotation, call.within)
    }

    fn promote(&self, name: &SecretName, version: &VersionId, from: &VersionId, call: Call) -> Result<VersionId> {
        staging::promote(self.store()?, name, version, from, call.within)
    }

    fn unstage(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        staging::unstage(self.store()?, name, version, call.within)
    }

    fn retire(&self, name: &SecretName, version: &VersionId, current: &VersionId, call: Call) -> Result<()> {
        staging::retire(self.store()?, name, version, current, call.within)
    }

    fn extra(&self, extra: &Extra, secret: Option<SecretBytes>, call: Call) -> Result<ExtraReply> {
        match extra.operation.as_str() {
            "generate-key" => {
                let key = Key::generate()?.to_text();
                Ok(ExtraReply { results: BTreeMap::new(), secret: Some(SecretBytes::from(key.as_str())) })
            }
            "rotate-key" => {
                let store = self.store()?;
                let new_key = secret.ok_or_else(|| {
                    BackendError::new(ErrorKind::Invalid, "no new key was given")
                        .hint("Give it with 'rotate-key --new-key -'.")
                })?;
                let new_key = Key::parse(new_key.expose()).map_err(|error| error.doing("reading the new key"))?;
                let asked = |argument: &str| extra.arguments.get(argument).is_some_and(|said| said == "yes");
                let wish = rekey::Wish { check: asked("check"), finish: asked("finish") };
                let names = rekey(store, new_key, wish, call.within)?;
                let results = [("file", self.target.clone()), ("names", names.to_string())];
                Ok(ExtraReply { results: named(results), secret: None })
            }
            "validate" => Ok(ExtraReply { results: facts::validate(self.store()?)?, secret: None }),
            other => Err(BackendError::unsupported(other, "It has generate-key, rotate-key and validate.")),
        }
    }
}

impl Fernet {
    fn store(&self) -> Result<&Store> {
        self.store.as_ref().map_err(BackendError::clone)
    }
}

/// What a read gives.
fn reading(name: &SecretName, value: Json, version: VersionId) -> Result<Reading> {
    if let Some(word) = value.not_json() {
        return Err(BackendError::new(ErrorKind::Invalid, format!("'{name}' holds {word}, which is no JSON value"))
            .hint("Python wrote it; set it anew as a number or as text."));
    }
    Ok(Reading { value: shown(value), version: Some(version) })
}

/// A value as it leaves: text as it is, everything else as JSON. Its bytes are moved, not copied.
fn shown(value: Json) -> Value {
    match value {
        Json::Text(mut text) => {
            Value { kind: Kind::Text, bytes: SecretBytes::new(std::mem::take(&mut *text).into_bytes()) }
        }
        other => {
            let mut text = json::to_python(&other);
            Value { kind: Kind::Json, bytes: SecretBytes::new(std::mem::take(&mut *text)) }
        }
    }
}

/// A value as it enters.
fn taken(name: &SecretName, value: Value) -> Result<Json> {
    let invalid = |what: String| BackendError::new(ErrorKind::Invalid, what).doing(format!("setting '{name}'"));
    match value.kind {
        Kind::Text => match String::from_utf8(value.bytes.into_inner()) {
            Ok(text) => Ok(Json::Text(Zeroizing::new(text))),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(invalid("the value is not UTF-8 text".into()).hint("Encode it first, for example with base64."))
            }
        },
        Kind::Json => {
            let value = json::parse(value.bytes.expose())
                .map_err(|error| invalid(format!("the value is no JSON: in line {} {}", error.line, error.what)))?;
            match value.not_json() {
                None => Ok(value),
                Some(word) => Err(invalid(format!("{word} is no JSON value"))),
            }
        }
        Kind::Binary => Err(BackendError::new(ErrorKind::Unsupported, "a Fernet file holds JSON, which has no bytes")
            .doing(format!("setting '{name}'"))
            .hint("Encode the value first, for example with base64.")),
    }
}

fn find(store: &Store, name: &SecretName) -> Result<(Content, Vec<String>)> {
    let content =
        store.open()?.ok_or_else(|| absent(name).hint("There is no file yet: the first 'secrets set' makes it."))?;
    let keys = content.document.find(name.as_str())?.ok_or_else(|| absent(name))?;
    Ok((content, keys))
}

fn absent(name: &SecretName) -> BackendError {
    BackendError::not_found(name)
}

fn meets(expected: &Expected, current: Option<VersionId>) -> Result<()> {
    let what = match (expected, &current) {
        (Expected::Anything, _) | (Expected::Absent, None) => return Ok(()),
        (Expected::Version(wanted), Some(current)) if wanted == current => return Ok(()),
        (Expected::Absent, Some(_)) => "it is there already",
        (Expected::Version(_), Some(_)) => "it was changed meanwhile",
        (Expected::Version(_), None) => "it is gone",
    };
    Err(BackendError::new(ErrorKind::Conflict { current: current.map(|version| version.0) }, what)
        .hint("Read it again and decide anew; nothing was changed."))
}

/// The token's time as 'made no later than'; nothing when it lies ahead, since then a clock was wrong.
fn made_by(sealed_at: u64, now: u64) -> Option<i64> {
    (sealed_at <= now).then(|| i64::try_from(sealed_at).ok()).flatten()
}

pub(crate) fn named<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, text)| (name.to_owned(), text)).into()
}
