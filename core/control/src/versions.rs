//! The versions of one layer's secrets: what was seen, what is to be asked singly and when, what is left to be told.
//! Refuses to ask anybody: listings and answers go in, names to ask and changes come out.
//!
//! The unit is the backend's own secret. Of a map whose keys are listed one by one (`path#key`) the part before the `#` is
//! watched, as long as all its keys tell the same version.

use crate::find::standing;
use jiff::Timestamp;
use quarterdeck_contract::{Entry, Inspection, SecretName, VersionId, VersionInfo};
use quarterdeck_domain::state::State;
use quarterdeck_domain::version::{Seen, Sighting, Verdict, judge};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// So many secrets are asked singly in one round: with a round in 5 minutes 57,600 calls a day at most.
pub(crate) const ROUND: usize = 200;

/// A change through us that has had no outcome for so long is not waited for any more.
const ON_ITS_WAY: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// What is known of one layer's versions.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    layer: String,
    seen: BTreeMap<String, Seen>,
    listed: bool,
    /// Secrets whose version no listing tells, and a name by which each can be asked.
    singly: BTreeMap<String, SecretName>,
    /// What was learned by asking singly.
    learned: BTreeMap<String, (VersionId, Option<i64>)>,
    queue: VecDeque<String>,
    /// The last that was taken in turn.
    turn: Option<String>,
    /// Looks that are not settled yet.
    open: BTreeMap<String, Seen>,
    /// What a listing showed for the first time, and is not told yet.
    new: BTreeSet<String>,
}

/// Another version than before, made by somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The secret.
    pub(crate) name: String,
    /// What was there.
    pub(crate) from: Sighting,
    /// What is there.
    pub(crate) to: Sighting,
}

impl Versions {
    /// Nothing seen yet.
    pub(crate) fn new(layer: &str) -> Self {
        Self { layer: layer.to_owned(), ..Self::default() }
    }

    /// Takes a whole listing, begun at a time. `asks` where secrets whose version it does not tell can be asked singly.
    pub(crate) fn listed<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>, asks: bool, began: Timestamp) {
        let (looks, singly) = looks(entries);
        for name in self.seen.keys().filter(|name| !looks.contains_key(*name)) {
            self.open.insert(name.clone(), Seen { sighting: Sighting::Absent, at: began });
        }
        for (name, sighting) in looks {
            let is_new = self.listed && !self.seen.contains_key(&name);
            if is_new {
                self.new.insert(name.clone());
                self.seen.insert(name.clone(), Seen { sighting: Sighting::Absent, at: began });
            }
            match (sighting, asks && singly.contains_key(&name)) {
                // What is new is told with its version, so it is asked first.
                (Sighting::Present, true) if is_new => self.queue.push_front(name),
                (sighting, _) => _ = self.open.insert(name, Seen { sighting, at: began }),
            }
        }
        self.listed = true;
        self.learned.retain(|name, _| singly.contains_key(name));
        self.queue.retain(|name| singly.contains_key(name));
        self.singly = if asks { singly } else { BTreeMap::new() };
    }

    /// Begins a round: first these, then the others in turn, at most [`ROUND`] in all.
    pub(crate) fn begin_round<'a>(&mut self, first: impl Iterator<Item = &'a str>) {
        let mut wanted: BTreeSet<String> = self.queue.iter().cloned().collect();
        let first: Vec<&str> = first.map(map_of).filter(|name| self.singly.contains_key(*name)).collect();
        for name in first {
            if wanted.insert(name.to_owned()) {
                self.queue.push_back(name.to_owned());
            }
        }
        let after = self.turn.clone().unwrap_or_default();
        let (before, later): (Vec<&String>, Vec<&String>) = self.singly.keys().partition(|name| **name <= after);
        for name in later.into_iter().chain(before) {
            if self.queue.len() >= ROUND {
                break;
            }
            self.turn = Some(name.clone());
            if wanted.insert(name.clone()) {
                self.queue.push_back(name.clone());
            }
        }
    }

    /// What is to be asked singly, in this order.
    pub(crate) fn to_ask(&self) -> Vec<(String, SecretName)> {
        self.queue.iter().filter_map(|name| Some((name.clone(), self.singly.get(name)?.clone()))).collect()
    }

    /// It needs not be asked any more: the next listing tells that it is gone.
    pub(crate) fn skip(&mut self, name: &str) {
        self.queue.retain(|other| other != name);
    }

    /// It is asked again, after the others.
    pub(crate) fn postpone(&mut self, name: &str) {
        self.skip(name);
        self.queue.push_back(name.to_owned());
    }

    /// Takes an answer to a question begun at a time; `None` where it was refused. True when it tells something new of
    /// the rows.
    pub(crate) fn answered(&mut self, name: &str, answer: Option<&Inspection>, began: Timestamp) -> bool {
        self.skip(name);
        let Some(answer) = answer else {
            // That it is new is told all the same.
            self.open.insert(name.to_owned(), Seen { sighting: Sighting::Present, at: began });
            return false;
        };
        let current = current(answer);
        let sighting = match (current, answer.versions.is_empty()) {
            (Some(version), _) => Sighting::Version(version.id.0.clone()),
            (None, true) => Sighting::Present,
            (None, false) => Sighting::Absent,
        };
        self.open.insert(name.to_owned(), Seen { sighting, at: began });
        let learned = current.map(|version| (version.id.clone(), version.created_at));
        let before = match learned.clone() {
            Some(learned) => self.learned.insert(name.to_owned(), learned),
            None => self.learned.remove(name),
        };
        before != learned
    }

    /// Fills in what a listing does not tell and was learned otherwise, and what the journal heard since somebody looked.
    /// Gives the secrets whose names are there still and whose newest version was deleted.
    pub(crate) fn fill(&self, entries: &mut [Entry], state: &State) -> BTreeSet<String> {
        let mut deleted = BTreeSet::new();
        for entry in entries {
            let unit = self.unit(entry.name.as_str()).to_owned();
            let singly = self.singly.contains_key(&unit);
            if singly {
                let learned = self.learned.get(&unit);
                take(
                    entry,
                    &unit,
                    learned.map(|(version, _)| version.clone()),
                    learned.and_then(|(_, made)| *made),
                    true,
                );
            }
            let look = self.look(&unit);
            let heard = state.version(&self.layer, &unit).filter(|known| look.is_none_or(|look| known.at > look.at));
            let is_gone = match (heard.map(|known| &known.sighting), look) {
                (Some(Sighting::Version(id)), _) => {
                    let at = heard.map(|known| known.at.as_second());
                    take(entry, &unit, Some(VersionId(id.clone())), at, heard.is_some_and(|known| known.ours));
                    false
                }
                (Some(sighting), _) => *sighting == Sighting::Absent,
                (None, look) => look.is_some_and(|look| look.sighting == Sighting::Absent),
            };
            if singly && is_gone {
                take(entry, &unit, None, None, true);
                deleted.insert(unit);
            }
        }
        deleted
    }

    /// Secrets of which neither an answer nor the journal tells the version, and that are not among these.
    pub(crate) fn untold(&self, asked: &BTreeSet<String>, state: &State) -> usize {
        let is_told = |name: &String| asked.contains(name) || state.version(&self.layer, name).is_some();
        self.singly.keys().filter(|name| !is_told(name)).count()
    }

    /// The secret that a listed name is of.
    fn unit<'a>(&self, name: &'a str) -> &'a str {
        let map = map_of(name);
        let is_one = self.seen.contains_key(map) || self.open.contains_key(map) || self.singly.contains_key(map);
        if is_one { map } else { name }
    }

    /// The last look that told more than that it is there.
    fn look(&self, unit: &str) -> Option<&Seen> {
        let looks = [self.open.get(unit), self.seen.get(unit)];
        looks.into_iter().flatten().find(|look| look.sighting != Sighting::Present)
    }

    /// Judges every open look by what the journal knows. What is the same is settled; what changed is given; what is on
    /// its way through us stays open.
    pub(crate) fn weigh(&mut self, state: &State, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for (name, look) in std::mem::take(&mut self.open) {
            let known = state.version(&self.layer, &name);
            let ours_at = state.changed_by_us(&self.layer, &name);
            match judge(known, ours_at, self.seen.get(&name), &look) {
                Verdict::Same => self.settle(name, look),
                Verdict::Early => {}
                // A listing names what was deleted and can be restored still: it is asked before it is said to be back.
                Verdict::Changed { from: Sighting::Absent }
                    if look.sighting == Sighting::Present
                        && self.singly.contains_key(&name)
                        && !self.new.contains(&name) =>
                {
                    self.seen.entry(name.clone()).or_insert(Seen { sighting: Sighting::Absent, at: look.at });
                    if !self.queue.contains(&name) {
                        self.queue.push_back(name);
                    }
                }
                Verdict::Changed { from } => {
                    if !state.is_being_changed(&self.layer, &name, now - ON_ITS_WAY) {
                        changes.push(Change { name: name.clone(), from, to: look.sighting.clone() });
                    }
                    self.open.insert(name, look);
                }
            }
        }
        changes
    }

    /// These were told.
    pub(crate) fn told(&mut self, changes: &[Change]) {
        for change in changes {
            if let Some(look) = self.open.remove(&change.name) {
                self.settle(change.name.clone(), look);
            }
        }
    }

    /// True while something is left to be told.
    pub(crate) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    fn settle(&mut self, name: String, look: Seen) {
        self.new.remove(&name);
        match (&look.sighting, self.seen.get_mut(&name)) {
            // Gone and told: if it comes back it is new.
            (Sighting::Absent, _) if !self.singly.contains_key(&name) => _ = self.seen.remove(&name),
            // Nothing was told of its version: the one that was seen stays.
            (Sighting::Present, Some(seen)) if matches!(seen.sighting, Sighting::Version(_)) => {}
            _ => _ = self.seen.insert(name, look),
        }
    }
}

/// Puts another version than the one it has into a row; of a key in a map it is known since when it is there at the
/// latest, for another key may have been set.
fn take(entry: &mut Entry, unit: &str, version: Option<VersionId>, at: Option<i64>, exact: bool) {
    if entry.version == version {
        return;
    }
    let exact = exact && entry.name.as_str() == unit;
    entry.version = version;
    (entry.created_at, entry.not_after) = if exact { (at, None) } else { (None, at) };
}

/// `path` of `path#key`.
fn map_of(name: &str) -> &str {
    name.split_once('#').map_or(name, |(map, _)| map)
}

type Looks = (BTreeMap<String, Sighting>, BTreeMap<String, SecretName>);

/// What a listing shows of each secret, and which are to be asked singly.
fn looks<'a>(entries: impl Iterator<Item = &'a Entry>) -> Looks {
    let entries: Vec<(&Entry, Sighting)> = entries.map(|entry| (entry, sighting(entry))).collect();
    let mut maps: BTreeMap<&str, Option<&Sighting>> = BTreeMap::new();
    for (entry, sighting) in &entries {
        let told = maps.entry(map_of(entry.name.as_str())).or_insert(Some(sighting));
        *told = told.filter(|told| *told == sighting);
    }
    let (mut looks, mut singly) = (BTreeMap::new(), BTreeMap::new());
    for (entry, sighting) in &entries {
        let name = entry.name.as_str();
        // Where the keys differ the sign is part of a name.
        let unit = if maps.get(map_of(name)).is_some_and(Option::is_some) { map_of(name) } else { name };
        if *sighting == Sighting::Present {
            singly.entry(unit.to_owned()).or_insert_with(|| entry.name.clone());
        }
        looks.insert(unit.to_owned(), sighting.clone());
    }
    (looks, singly)
}

fn sighting(entry: &Entry) -> Sighting {
    match (&entry.version, entry.deletes_at) {
        (_, Some(_)) => Sighting::Absent,
        (Some(version), None) => Sighting::Version(version.0.clone()),
        (None, None) => Sighting::Present,
    }
}

/// The version that readers get; none where the newest was deleted.
fn current(inspection: &Inspection) -> Option<&VersionInfo> {
    standing(inspection).filter(|version| !version.deleted && !version.destroyed)
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
