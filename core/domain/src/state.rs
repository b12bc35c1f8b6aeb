//! The state: a fold over the journal, and nothing else. Refuses events that are not of tier c.

use crate::catalogue::{EventKind, Tier};
use crate::event::{Detail, Event, Status};
use crate::kill::Record;
use crate::made::Made;
use crate::rotate::Rotation;
use crate::version::{Known, Sighting};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the journal knows of one secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecretHistory {
    /// When the current value was stored through us, and by whom.
    pub written: Option<Written>,
    /// When a value was last read or revealed through us.
    pub last_read: Option<Timestamp>,
    /// Reads and reveals of a value, ever.
    pub reads: u64,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// When.
    pub at: Timestamp,
    /// The person.
    pub by: String,
    /// The version it made, where the backend told.
    pub version: Option<String>,
    /// The value's keyed fingerprint.
    pub fingerprint: Option<String>,
}

/// What everybody who reads the same journal agrees on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// By `layer` and name, `fernet:broker.password`.
    pub secrets: BTreeMap<String, SecretHistory>,
    /// The versions that were stored through us or announced, by the same key.
    #[serde(default)]
    pub versions: BTreeMap<String, Known>,
    /// The values that were made through us, by the same key, oldest first; kept when they are gone (R3.8).
    #[serde(default)]
    pub made: BTreeMap<String, Vec<Made>>,
    /// Intents whose outcome is not written yet: request id and what was asked.
    pub pending: BTreeMap<String, Intent>,
    /// Refusals, ever.
    pub refused: u64,
    /// The last refusal, in words, with its time.
    pub last_refusal: Option<(Timestamp, String)>,
    /// Rotations by number: those under way, and the last of each secret.
    #[serde(default)]
    pub rotations: BTreeMap<u32, Rotation>,
    /// The highest number that a rotation had.
    #[serde(default)]
    pub rotated: u32,
    /// The kill-switch.
    #[serde(default)]
    pub switch: Switch,
}

/// What the journal knows of the kill-switch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Switch {
    /// The record of the highest generation.
    pub record: Option<Record>,
    /// Why the episode began, as given with the order or after it.
    pub reason: Option<String>,
    /// Whether the engines of this episode's level 4 were proven flat.
    pub flat: Option<bool>,
    /// Orders seen after the stop, in this episode.
    pub bypasses: u64,
}

/// Something decided and not yet done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// When.
    pub at: Timestamp,
    /// The event's type by name.
    pub kind: String,
    /// By whom.
    pub by: String,
    /// On what.
    pub resource: String,
}

impl State {
    /// The key of a secret in [`State::secrets`].
    pub fn key(layer: &str, name: &str) -> String {
        format!("{layer}:{name}")
    }

    /// What the journal knows of this secret.
    pub fn secret(&self, layer: &str, name: &str) -> Option<&SecretHistory> {
        self.secrets.get(&Self::key(layer, name))
    }

    /// The version that the journal knows; of a key in a map (`path#key`) and of the map itself the later word.
    pub fn version(&self, layer: &str, name: &str) -> Option<&Known> {
        let map = name.split_once('#').and_then(|(map, _)| self.versions.get(&Self::key(layer, map)));
        let own = self.versions.get(&Self::key(layer, name));
        map.into_iter().chain(own).max_by_key(|known| known.at)
    }

    /// When this secret, or a map that it is in, was changed through us.
    pub fn changed_by_us(&self, layer: &str, name: &str) -> Option<Timestamp> {
        let known = names_around(name).filter_map(|name| self.versions.get(&Self::key(layer, name)));
        known.filter(|known| known.ours).map(|known| known.at).max()
    }

    /// True while somebody's change of it, through us and begun since, has no outcome yet.
    pub fn is_being_changed(&self, layer: &str, name: &str, since: Timestamp) -> bool {
        let resources: Vec<String> = names_around(name).map(|name| format!("secret://{layer}/{name}")).collect();
        let changes = ["SECRET_WRITE", "SECRET_DELETE", "SECRET_RESTORE"];
        if self.live_rotation(layer, name).is_some_and(Rotation::moves_current) {
            return true;
        }
        self.pending.values().any(|intent| {
            // One that began in `path#other` changes the map's version too.
            let around = resources.iter().any(|own| {
                intent.resource == *own
                    || intent.resource.strip_prefix(own.as_str()).is_some_and(|key| key.starts_with('#'))
            });
            around && intent.at >= since && changes.contains(&intent.kind.as_str())
        })
    }

    /// Folds one event in. An event that is not critical changes nothing, whatever it says.
    pub fn fold(&mut self, event: &Event) {
        if event.event_type.entry().tier != Tier::Critical {
            return;
        }
        if let (EventKind::Snapshot, Detail::Snapshot { state, .. }) = (event.event_type, &event.detail) {
            *self = (**state).clone();
            return;
        }
        if let Detail::Rotation { .. } = event.detail {
            return self.fold_rotation(event);
        }
        if event.result.status == Status::Pending {
            self.pending.insert(
                event.context.request_id.clone(),
                Intent {
                    at: event.timestamp,
                    kind: event.event_type.entry().name.to_owned(),
                    by: event.actor.id.clone(),
                    resource: event.action.resource.clone(),
                },
            );
            return;
        }
        self.pending.remove(&event.context.request_id);
        match event.event_type {
            EventKind::SecretRead | EventKind::SecretReveal => self.fold_read(event),
            EventKind::SecretWrite => self.fold_write(event),
            EventKind::SecretDelete => self.fold_delete(event),
            EventKind::SecretRestore => self.fold_restore(event),
            EventKind::SecretVersion => self.fold_version(event),
            EventKind::KillSwitchSetUp
            | EventKind::KillSwitchActivated
            | EventKind::KillSwitchEscalated
            | EventKind::KillSwitchHeld
            | EventKind::KillSwitchReleased
            | EventKind::KillSwitchAdopted
            | EventKind::KillSwitchConflict
            | EventKind::KillSwitchReason
            | EventKind::KillSwitchFlat
            | EventKind::KillSwitchResidual
            | EventKind::KillSwitchBypass => self.switch.fold(event),
            EventKind::PermissionDenied | EventKind::EnvironmentCrossed => self.fold_refusal(event),
            _ => {}
        }
    }

    fn fold_read(&mut self, event: &Event) {
        if let (Status::Success, Detail::Secret { layer, name, .. }) = (event.result.status, &event.detail) {
            let history = self.secrets.entry(Self::key(layer, name)).or_default();
            history.reads += 1;
            history.last_read = Some(event.timestamp);
        }
    }

    fn fold_write(&mut self, event: &Event) {
        if let (Status::Success, Detail::Secret { layer, name, version, fingerprint, .. }) =
            (event.result.status, &event.detail)
        {
            let written = Written {
                at: event.timestamp,
                by: event.actor.id.clone(),
                version: version.clone(),
                fingerprint: fingerprint.clone(),
            };
            self.note_written(layer, name, &written);
            self.secrets.entry(Self::key(layer, name)).or_default().written = Some(written);
            self.changed(layer, name, sighting(version), event.timestamp);
        }
    }

    fn fold_restore(&mut self, event: &Event) {
        if let (Status::Success, Detail::Secret { layer, name, version, .. }) = (event.result.status, &event.detail) {
            self.changed(layer, name, sighting(version), event.timestamp);
        }
    }

    fn fold_version(&mut self, event: &Event) {
        if let (Status::Success, Detail::Version { layer, name, to, .. }) = (event.result.status, &event.detail) {
            let known = Known { sighting: to.clone(), at: event.timestamp, ours: false };
            self.versions.insert(Self::key(layer, name), known);
        }
    }

    /// A change through us. Storing a map makes every key in it anew; changing a key makes another version of its map.
    pub(crate) fn changed(&mut self, layer: &str, name: &str, sighting: Sighting, at: Timestamp) {
        let key = Self::key(layer, name);
        let is_inside = |other: &str| other.strip_prefix(&key).is_some_and(|rest| rest.starts_with(['.', '#']));
        let inside = self.versions.range(key.clone()..).take_while(|(other, _)| other.starts_with(&key));
        let inside: Vec<String> =
            inside.filter(|(other, _)| is_inside(other)).map(|(other, _)| other.clone()).collect();
        inside.iter().for_each(|other| _ = self.versions.remove(other));
        if let Some((map, _)) = name.split_once('#') {
            let version = if sighting == Sighting::Absent { Sighting::Present } else { sighting.clone() };
            self.versions.insert(Self::key(layer, map), Known { sighting: version, at, ours: true });
        }
        self.versions.insert(key, Known { sighting, at, ours: true });
    }

    fn fold_delete(&mut self, event: &Event) {
        if let (Status::Success, Detail::Secret { layer, name, .. }) = (event.result.status, &event.detail) {
            self.secrets.remove(&Self::key(layer, name));
            self.changed(layer, name, Sighting::Absent, event.timestamp);
        }
    }

    fn fold_refusal(&mut self, event: &Event) {
        self.refused += 1;
        if let Detail::Refusal { asked, .. } = &event.detail {
            self.last_refusal = Some((event.timestamp, format!("{}, {asked}", event.actor.id)));
        }
    }
}

/// `path#a.b`: itself, `path#a`, `path`.
fn names_around(name: &str) -> impl Iterator<Item = &str> {
    let above = name.match_indices(['.', '#']).map(|(at, _)| &name[..at]);
    std::iter::once(name).chain(above)
}

fn sighting(version: &Option<String>) -> Sighting {
    version.clone().map_or(Sighting::Present, Sighting::Version)
}

impl Switch {
    fn fold(&mut self, event: &Event) {
        if event.result.status != Status::Success {
            return;
        }
        match (event.event_type, &event.detail) {
            (EventKind::KillSwitchReason, Detail::Switch { record, note, .. }) if self.is_in(&record.episode) => {
                self.reason.clone_from(note);
            }
            (EventKind::KillSwitchFlat, Detail::Switch { record, .. }) if self.is_in(&record.episode) => {
                self.flat = Some(true);
            }
            (EventKind::KillSwitchResidual, Detail::Switch { record, .. }) if self.is_in(&record.episode) => {
                self.flat = Some(false);
            }
            (EventKind::KillSwitchBypass, Detail::Bypass { episode, .. }) if self.is_in(episode) => self.bypasses += 1,
            // What is told of another episode came too late to change this one.
            (
                EventKind::KillSwitchReason
                | EventKind::KillSwitchFlat
                | EventKind::KillSwitchResidual
                | EventKind::KillSwitchBypass,
                _,
            ) => {}
            (_, Detail::Switch { record, .. }) => self.take(record),
            _ => {}
        }
    }

    fn is_in(&self, episode: &str) -> bool {
        self.record.as_ref().is_some_and(|known| known.episode == episode)
    }

    /// A later generation replaces an earlier one; of one generation told twice the stricter stays.
    fn take(&mut self, record: &Record) {
        let known = self.record.as_ref();
        if known.is_some_and(|known| (known.generation, known.order) >= (record.generation, record.order)) {
            return;
        }
        if known.is_none_or(|known| known.episode != record.episode) {
            *self = Self { reason: record.reason.clone(), ..Self::default() };
        }
        if record.order != crate::kill::Order::Halt {
            self.flat = None;
        }
        // Each order's own reason; one that says none leaves what was said before it.
        if record.reason.is_some() {
            self.reason.clone_from(&record.reason);
        }
        self.record = Some(record.clone());
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "version_fold_tests.rs"]
mod version_tests;
