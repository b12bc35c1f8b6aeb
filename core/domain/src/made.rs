//! The values that were made through us, one line each: version, fingerprint, who, when, and how each ended. Kept after
//! the value is gone (R3.8). Refuses values, and to grow without end: the journal has every line.

use crate::rotate::{Fact, Rotation, Step, unit};
use crate::state::{State, Written};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// So many values of one secret are kept.
const MOST: usize = 64;

/// One value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Made {
    /// Its version, in the backend's words; nothing where the backend didn't tell.
    pub version: Option<String>,
    /// Its keyed fingerprint.
    pub fingerprint: Option<String>,
    /// When it was made; nothing where it wasn't through us.
    pub at: Option<Timestamp>,
    /// Who made it, or began the rotation that did.
    pub by: Option<String>,
    /// The rotation that made it current.
    pub rotation: Option<u32>,
    /// When it was retired or revoked, and by whom.
    pub retired: Option<(Timestamp, String)>,
}

impl State {
    /// What the journal knows of a secret's values, oldest first.
    pub fn made(&self, layer: &str, name: &str) -> &[Made] {
        self.made.get(&Self::key(layer, name)).map_or(&[], Vec::as_slice)
    }

    /// What the journal knows of one version.
    pub fn made_as(&self, layer: &str, name: &str, version: &str) -> Option<&Made> {
        self.made(layer, name).iter().rev().find(|made| made.version.as_deref() == Some(version))
    }

    /// What the journal knows of the values of a map and of each key in it, with the name that each went by, oldest first:
    /// they share the map's versions.
    pub fn made_in_unit<'a>(&'a self, layer: &str, name: &str) -> Vec<(&'a str, &'a Made)> {
        let (whole, key_of) = (Self::key(layer, unit(name)), format!("{}#", Self::key(layer, unit(name))));
        let shares = |key: &&String| **key == whole || key.starts_with(&key_of);
        let lists = self.made.iter().filter(|(key, _)| shares(key));
        let name_of = |key: &'a String| key.get(layer.len() + 1..).unwrap_or(key);
        let mut found: Vec<_> =
            lists.flat_map(|(key, list)| list.iter().map(move |made| (name_of(key), made))).collect();
        found.sort_by_key(|(_, made)| made.at);
        found
    }

    pub(crate) fn note_written(&mut self, layer: &str, name: &str, written: &Written) {
        if written.version.is_none() && written.fingerprint.is_none() {
            return;
        }
        let (version, fingerprint) = (written.version.clone(), written.fingerprint.clone());
        let (at, by) = (Some(written.at), Some(written.by.clone()));
        self.keep(layer, name, Made { version, fingerprint, at, by, rotation: None, retired: None });
    }

    fn keep(&mut self, layer: &str, name: &str, made: Made) {
        let list = self.made.entry(Self::key(layer, name)).or_default();
        list.push(made);
        list.drain(..list.len().saturating_sub(MOST));
    }

    /// What a fact of a rotation, which was taken already, makes of the secret's values.
    pub(crate) fn note_rotated(&mut self, rotation: &Rotation, fact: &Fact, at: Timestamp) {
        let (layer, name) = (rotation.plan.target.layer.clone(), rotation.plan.target.name.clone());
        let (step, by) = match fact {
            Fact::Done { step, .. } => (*step, &rotation.by),
            Fact::Said { step, done: true, by, .. } => (*step, by),
            _ => return,
        };
        match step {
            Step::Promote => self.note_promoted(&layer, &name, rotation, at),
            Step::Restore => self.note_restored(&layer, &name, rotation, fact),
            Step::Retire | Step::Drop => self.note_retired(&layer, &name, Some(&rotation.plan.from), at, by),
            Step::Revoke | Step::Discard => self.note_retired(&layer, &name, rotation.promoted.as_ref(), at, by),
            _ => {}
        }
    }

    fn note_promoted(&mut self, layer: &str, name: &str, rotation: &Rotation, at: Timestamp) {
        let from = &rotation.plan.from;
        let old = self.made.entry(Self::key(layer, name)).or_default();
        match old.iter_mut().rev().find(|made| made.version.as_ref() == Some(from)) {
            Some(old) => old.fingerprint = old.fingerprint.take().or_else(|| rotation.old_fingerprint.clone()),
            None => {
                let (version, fingerprint) = (Some(from.clone()), rotation.old_fingerprint.clone());
                self.keep(layer, name, Made { version, fingerprint, ..Made::default() });
            }
        }
        let (version, fingerprint) = (rotation.promoted.clone(), rotation.fingerprint.clone());
        let (by, rotation) = (rotation.by.clone(), Some(rotation.number));
        let written = Written { at, by: by.clone(), version: version.clone(), fingerprint: fingerprint.clone() };
        self.keep(layer, name, Made { version, fingerprint, at: Some(at), by: Some(by), rotation, retired: None });
        self.secrets.entry(Self::key(layer, name)).or_default().written = Some(written);
    }

    /// The old value is as old as it was, whatever its version is now.
    fn note_restored(&mut self, layer: &str, name: &str, rotation: &Rotation, fact: &Fact) {
        let Fact::Done { version, .. } = fact else { return };
        let old = self.made_as(layer, name, &rotation.plan.from).cloned();
        let old = old.unwrap_or_else(|| Made { fingerprint: rotation.old_fingerprint.clone(), ..Made::default() });
        let version = version.clone().unwrap_or_else(|| rotation.plan.from.clone());
        let written = |(made_at, by): (Timestamp, String)| Written {
            at: made_at,
            by,
            version: Some(version.clone()),
            fingerprint: old.fingerprint.clone(),
        };
        self.secrets.entry(Self::key(layer, name)).or_default().written = old.at.zip(old.by.clone()).map(written);
        if version != rotation.plan.from && self.made_as(layer, name, &version).is_none() {
            let rotation = Some(rotation.number);
            self.keep(layer, name, Made { version: Some(version), rotation, retired: None, ..old });
        }
    }

    /// The first word on a version's end stands.
    fn note_retired(&mut self, layer: &str, name: &str, version: Option<&String>, at: Timestamp, by: &str) {
        let (Some(version), Some(list)) = (version, self.made.get_mut(&Self::key(layer, name))) else { return };
        let made = list.iter_mut().rev().find(|made| made.version.as_ref() == Some(version));
        if let Some(made) = made.filter(|made| made.retired.is_none()) {
            made.retired = Some((at, by.to_owned()));
        }
    }
}

#[cfg(test)]
#[path = "made_tests.rs"]
mod tests;
