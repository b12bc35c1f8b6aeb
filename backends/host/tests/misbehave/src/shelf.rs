//! Secrets in memory, with versions, compare-and-set and staging: what the conformance suite asks of a backend that can
//! do everything.

use crate::misdeed;
use quarterdeck_contract::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) struct Shelf {
    secrets: Mutex<BTreeMap<SecretName, Vec<Kept>>>,
}

/// One version; a secret's are in the order of their making.
struct Kept {
    id: VersionId,
    stage: Stage,
    value: Value,
    rotation: Option<String>,
}

impl Shelf {
    pub(crate) fn new(secrets: BTreeMap<String, SecretBytes>) -> Self {
        let keep = |(name, bytes): (String, SecretBytes)| {
            let kind = if bytes.expose().starts_with(b"{") { Kind::Json } else { Kind::Text };
            let value = Value { kind, bytes };
            Some((
                SecretName::parse(&name)?,
                vec![Kept { id: VersionId("1".into()), stage: Stage::Current, value, rotation: None }],
            ))
        };
        Self { secrets: Mutex::new(secrets.into_iter().filter_map(keep).collect()) }
    }

    /// The secrets, once the misdeed that the name asks for is done.
    fn at(&self, name: &SecretName) -> Result<MutexGuard<'_, BTreeMap<SecretName, Vec<Kept>>>> {
        if let Some(mode) = name.as_str().strip_prefix("misbehave/") {
            misdeed::commit(mode)?;
        }
        Ok(self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SecretsBackend for Shelf {
    fn describe(&self) -> Description {
        use Capability::*;
        Description {
            backend: "misbehave".into(),
            target: "memory".into(),
            capabilities: vec![Write, Versions, CompareAndSet, Staging, RemoveVersion],
            extras: vec!["echo".into(), "attempt".into()],
        }
    }

    fn health(&self, _: Call) -> Result<Health> {
        let names = self.secrets.lock().unwrap_or_else(PoisonError::into_inner).len();
        Ok(Health { summary: format!("{names} names"), facts: vec![], warnings: vec![], expires_at: None })
    }

    fn list(&self, page: &PageRequest, _: Call) -> Result<Page> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = if page.limit == 0 { 100 } else { page.limit as usize };
        let after = |name: &&SecretName| page.after.as_ref().is_none_or(|after| name.as_str() > after.as_str());
        let mut names = secrets.keys().filter(|name| name.as_str().starts_with(&page.prefix)).filter(after);
        let entry = |name: &SecretName| Entry::named(name.clone());
        let entries: Vec<_> = names.by_ref().take(limit).map(entry).collect();
        let next = names.next().and(entries.last()).map(|last| last.name.as_str().to_owned());
        Ok(Page { entries, next })
    }

    fn inspect(&self, name: &SecretName, _: Call) -> Result<Inspection> {
        let secrets = self.at(name)?;
        let info = |kept: &Kept| VersionInfo {
            stage: Some(kept.stage),
            rotation: kept.rotation.clone().filter(|_| kept.stage == Stage::Pending),
            ..VersionInfo::of(kept.id.clone())
        };
        let versions = found(&secrets, name)?.iter().rev().map(info).collect();
        Ok(Inspection { versions, ..Inspection::of(name.clone()) })
    }

    fn keys(&self, name: &SecretName, _: Call) -> Result<Vec<String>> {
        let secrets = self.at(name)?;
        let current = found(&secrets, name)?.iter().find(|kept| kept.stage == Stage::Current);
        let value = current.and_then(|kept| serde_json::from_slice(kept.value.bytes.expose()).ok());
        let mut keys = Vec::new();
        collect("", value.as_ref().unwrap_or(&serde_json::Value::Null), &mut keys);
        keys.sort();
        Ok(keys)
    }

    fn read(&self, name: &SecretName, version: Option<&VersionId>, _: Call) -> Result<Reading> {
        if name.as_str() == "misbehave/huge" {
            let value = Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![7; 40 << 20]) };
            return Ok(Reading { value, version: None });
        }
        let secrets = self.at(name)?;
        let kept = found(&secrets, name)?.iter().find(|kept| match version {
            Some(version) => kept.id == *version,
            None => kept.stage == Stage::Current,
        });
        let Kept { id, value, .. } = kept.ok_or_else(|| BackendError::not_found(name))?;
        let value = Value { kind: value.kind, bytes: value.bytes.duplicate() };
        Ok(Reading { value, version: Some(id.clone()) })
    }

    fn write(&self, name: &SecretName, value: Value, expected: &Expected, _: Call) -> Result<VersionId> {
        let mut secrets = self.at(name)?;
        meets(secrets.get(name), expected)?;
        let versions = secrets.entry(name.clone()).or_default();
        versions.iter_mut().for_each(|kept| kept.stage = Stage::Previous);
        Ok(add(versions, value, Stage::Current))
    }

    fn stage(&self, name: &SecretName, value: Value, rotation: &str, _: Call) -> Result<VersionId> {
        let mut secrets = self.at(name)?;
        let versions = secrets.get_mut(name).ok_or_else(|| BackendError::not_found(name))?;
        if let Some(own) = versions.iter().find(|kept| kept.rotation.as_deref() == Some(rotation)) {
            return Ok(own.id.clone());
        }
        if let Some(other) = versions.iter().find(|kept| kept.stage == Stage::Pending) {
            let kind = ErrorKind::Conflict { current: other.rotation.clone() };
            return Err(BackendError::new(kind, "another rotation is under way"));
        }
        let id = add(versions, value, Stage::Pending);
        versions.iter_mut().filter(|kept| kept.id == id).for_each(|kept| kept.rotation = Some(rotation.to_owned()));
        Ok(id)
    }

    fn promote(&self, name: &SecretName, version: &VersionId, from: &VersionId, _: Call) -> Result<VersionId> {
        let mut secrets = self.at(name)?;
        let versions = secrets.get_mut(name).ok_or_else(|| BackendError::not_found(name))?;
        if !versions.iter().any(|kept| kept.id == *version) {
            return Err(BackendError::not_found(name));
        }
        if versions.iter().any(|kept| kept.id == *version && kept.stage == Stage::Current) && version != from {
            return Ok(version.clone());
        }
        meets(Some(versions), &Expected::Version(from.clone()))?;
        for kept in versions.iter_mut() {
            match kept.stage {
                _ if kept.id == *version => kept.stage = Stage::Current,
                Stage::Current => kept.stage = Stage::Previous,
                _ => {}
            }
        }
        Ok(version.clone())
    }

    fn unstage(&self, name: &SecretName, version: &VersionId, _: Call) -> Result<()> {
        let mut secrets = self.at(name)?;
        let versions = secrets.get_mut(name).ok_or_else(|| BackendError::not_found(name))?;
        versions.retain(|kept| kept.id != *version || kept.stage != Stage::Pending);
        Ok(())
    }

    fn retire(&self, name: &SecretName, version: &VersionId, current: &VersionId, _: Call) -> Result<()> {
        let mut secrets = self.at(name)?;
        meets(secrets.get(name), &Expected::Version(current.clone()))?;
        if version == current {
            let kind = ErrorKind::Conflict { current: Some(current.0.clone()) };
            return Err(BackendError::new(kind, "it is the current one"));
        }
        let versions = secrets.get_mut(name).ok_or_else(|| BackendError::not_found(name))?;
        versions.iter_mut().filter(|kept| kept.id == *version).for_each(|kept| kept.stage = Stage::Retired);
        Ok(())
    }

    fn delete(&self, name: &SecretName, expected: &Expected, _: Call) -> Result<()> {
        let mut secrets = self.at(name)?;
        found(&secrets, name)?;
        meets(secrets.get(name), expected)?;
        secrets.remove(name);
        Ok(())
    }

    fn remove_version(&self, name: &SecretName, version: &VersionId, _: Call) -> Result<()> {
        let mut secrets = self.at(name)?;
        let versions = secrets.get_mut(name).ok_or_else(|| BackendError::not_found(name))?;
        versions.retain(|kept| kept.id != *version);
        Ok(())
    }

    fn extra(&self, extra: &Extra, secret: Option<SecretBytes>, _: Call) -> Result<ExtraReply> {
        match extra.operation.as_str() {
            "echo" => Ok(ExtraReply { results: extra.arguments.clone(), secret }),
            "attempt" => crate::attempt::attempt(extra),
            other => Err(BackendError::unsupported(other, "Ask for 'echo' or 'attempt'.")),
        }
    }
}

/// The dotted names of everything in a map that is no map itself.
fn collect(path: &str, value: &serde_json::Value, keys: &mut Vec<String>) {
    let Some(map) = value.as_object() else { return };
    for (key, value) in map {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value.is_object() {
            true => collect(&path, value, keys),
            false => keys.push(path),
        }
    }
}

fn found<'a>(secrets: &'a BTreeMap<SecretName, Vec<Kept>>, name: &SecretName) -> Result<&'a Vec<Kept>> {
    secrets.get(name).ok_or_else(|| BackendError::not_found(name))
}

fn add(versions: &mut Vec<Kept>, value: Value, stage: Stage) -> VersionId {
    let last = versions.iter().filter_map(|kept| kept.id.0.parse::<u64>().ok()).max().unwrap_or(0);
    let id = VersionId((last + 1).to_string());
    versions.push(Kept { id: id.clone(), stage, value, rotation: None });
    id
}

fn meets(versions: Option<&Vec<Kept>>, expected: &Expected) -> Result<()> {
    let current = versions.and_then(|versions| versions.iter().find(|kept| kept.stage == Stage::Current));
    let current = current.map(|kept| kept.id.0.clone());
    let fine = match expected {
        Expected::Anything => true,
        Expected::Absent => versions.is_none(),
        Expected::Version(VersionId(id)) => current.as_ref() == Some(id),
    };
    if fine { Ok(()) } else { Err(BackendError::new(ErrorKind::Conflict { current }, "another version is current")) }
}
