//! What stands at the backend: whose value is current, which values are ours and can be read. Refuses to believe what
//! was answered before: it reads again.

use crate::installation::InstallationKey;
use crate::mount::Mount;
use quarterdeck_contract::{BackendError, ErrorKind, Inspection, Reading, SecretName, Stage, Value, VersionId};
use quarterdeck_domain::rotate::Rotation;

/// One secret of one layer, for one rotation.
pub(super) struct Shelf<'a> {
    pub(super) mount: &'a Mount,
    pub(super) name: SecretName,
    pub(super) rotation: &'a Rotation,
    /// `R-27`
    pub(super) label: String,
    /// By which a value is known whose version can't be read any more.
    key: Option<&'a InstallationKey>,
}

/// Whose value is current, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Current {
    /// The new one.
    Ours(VersionId),
    /// The one that was planned to be replaced.
    Old(VersionId),
    /// Somebody else's.
    Theirs(VersionId),
}

type Asked<T> = Result<T, BackendError>;

impl<'a> Shelf<'a> {
    pub(super) fn of(mount: &'a Mount, rotation: &'a Rotation) -> Asked<Self> {
        let name = &rotation.target().name;
        let no_name = || BackendError::new(ErrorKind::Invalid, format!("'{name}' is no secret's name"));
        Ok(Self {
            mount,
            name: SecretName::parse(name).ok_or_else(no_name)?,
            rotation,
            label: rotation.name(),
            key: None,
        })
    }

    /// The same, and values are known by their recorded fingerprints too.
    pub(super) fn with(self, key: &'a InstallationKey) -> Self {
        Self { key: Some(key), ..self }
    }

    pub(super) fn inspect(&self) -> Asked<Inspection> {
        self.mount.backend().inspect(&self.name, self.mount.call())
    }

    pub(super) fn read(&self, version: Option<&str>) -> Asked<Reading> {
        let version = version.map(|version| VersionId(version.to_owned()));
        self.mount.backend().read(&self.name, version.as_ref(), self.mount.call())
    }

    /// The version that is current.
    pub(super) fn current_version(&self) -> Asked<VersionId> {
        current(&self.inspect()?).ok_or_else(|| BackendError::not_found(&self.name))
    }

    /// A version's value; nothing where the backend has it no more.
    pub(super) fn kept(&self, version: &str) -> Asked<Option<Value>> {
        match self.read(Some(version)) {
            Ok(reading) => Ok(Some(reading.value)),
            Err(error) if is_gone(&error.kind) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The old value.
    pub(super) fn old(&self) -> Asked<Option<Value>> {
        self.kept(&self.rotation.plan.from)
    }

    /// The new value and the version that it was read by: as it was promoted, or as it was staged.
    pub(super) fn ours(&self) -> Asked<Option<(String, Value)>> {
        for version in [&self.rotation.promoted, &self.rotation.staged].into_iter().flatten() {
            if let Some(value) = self.kept(version)? {
                return Ok(Some((version.clone(), value)));
            }
        }
        Ok(None)
    }

    /// Whose value is current. Versions tell; where a backend numbers anew what it promotes, the values do.
    pub(super) fn whose(&self) -> Asked<Current> {
        let current = self.current_version()?;
        let rotation = self.rotation;
        let is_own = |own: &Option<String>| own.as_ref() == Some(&current.0);
        if is_own(&rotation.promoted) || is_own(&rotation.staged) || rotation.ids.contains(&current.0) {
            return Ok(Current::Ours(current));
        }
        if current.0 == rotation.plan.from {
            return Ok(Current::Old(current));
        }
        let value = self.read(Some(&current.0))?.value;
        if self.is_known_as(&value, rotation.fingerprint.as_ref()) {
            return Ok(Current::Ours(current));
        }
        if self.ours()?.is_some_and(|(_, ours)| ours.bytes == value.bytes) {
            return Ok(Current::Ours(current));
        }
        if rotation.offered && self.is_old(&value)? {
            return Ok(Current::Old(current));
        }
        Ok(Current::Theirs(current))
    }

    /// True when this is the value that was recorded so.
    pub(super) fn is_known_as(&self, value: &Value, recorded: Option<&String>) -> bool {
        self.key.is_some_and(|key| recorded == Some(&key.fingerprint(value.bytes.expose())))
    }

    /// True when this is the old value, in whichever version.
    pub(super) fn is_old(&self, value: &Value) -> Asked<bool> {
        let is_recorded = self.is_known_as(value, self.rotation.old_fingerprint.as_ref());
        Ok(is_recorded || self.old()?.is_some_and(|old| old.bytes == value.bytes))
    }

    /// What readers get, and its version.
    pub(super) fn served(&self) -> Asked<(VersionId, Value)> {
        let reading = self.read(None)?;
        let version = reading.version.map_or_else(|| self.current_version(), Ok)?;
        Ok((version, reading.value))
    }

    /// True when readers get this very value.
    pub(super) fn is_current(&self, value: &Value) -> Asked<bool> {
        Ok(self.read(None)?.value.bytes == value.bytes)
    }

    /// The version that stands under an id of ours, pending or not.
    pub(super) fn under(&self, id: &str) -> Asked<Option<VersionId>> {
        let versions = self.inspect()?.versions;
        let there = versions.into_iter().filter(|version| !version.deleted && !version.destroyed);
        let mut found = there.filter(|version| version.rotation.as_deref() == Some(id) || version.id.0 == id);
        Ok(found.next().map(|version| version.id))
    }
}

/// The version that is current.
pub(super) fn current(inspection: &Inspection) -> Option<VersionId> {
    let versions = &inspection.versions;
    let current = versions.iter().find(|version| version.stage == Some(Stage::Current));
    let first = || versions.iter().find(|version| version.stage.is_none());
    current.or_else(first).map(|version| version.id.clone())
}

/// True for an answer that says: it is not there any more.
pub(super) fn is_gone(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::Deleted | ErrorKind::Destroyed)
}
