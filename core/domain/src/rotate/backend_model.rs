//! A backend as the staging contract has it, for the world of the rotations' tests. Refuses to be one.

use std::collections::BTreeMap;

#[derive(Debug, Clone)]
struct Stored {
    value: u32,
    /// The rotation's id under which it was staged.
    id: Option<String>,
}

/// Versions, which one is current, and what is pending.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    pub(super) current: String,
    versions: BTreeMap<String, Stored>,
    /// What is pending, by version.
    pending: BTreeMap<String, Stored>,
    /// Promoting makes another version, as KV v2 does.
    renumbers: bool,
    count: u32,
}

impl Backend {
    pub(super) fn new(first: &str, value: u32, renumbers: bool) -> Self {
        let versions = BTreeMap::from([(first.to_owned(), Stored { value, id: None })]);
        Self { current: first.into(), versions, pending: BTreeMap::new(), renumbers, count: 100 }
    }

    fn stored(&self, version: &str) -> &Stored {
        let found = self.pending.get(version).or_else(|| self.versions.get(version));
        found.unwrap_or_else(|| panic!("version {version:?} can't be read: {self:#?}"))
    }

    pub(super) fn read(&self, version: &str) -> u32 {
        self.stored(version).value
    }

    /// The current one.
    pub(super) fn value(&self) -> u32 {
        self.versions[&self.current].value
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn find(&self, id: &str) -> Option<String> {
        let is_its = |stored: &Stored| stored.id.as_deref() == Some(id);
        let current = Some(&self.current).filter(|version| is_its(&self.versions[*version]));
        let pending = self.pending.iter().find(|(_, stored)| is_its(stored)).map(|(version, _)| version);
        pending.or(current).cloned()
    }

    pub(super) fn stage(&mut self, id: &str, value: u32) -> String {
        let version = format!("staged-{id}");
        self.pending.insert(version.clone(), Stored { value, id: Some(id.into()) });
        version
    }

    fn make_current(&mut self, version: &str, stored: Stored) -> String {
        self.count += 1;
        let name = if self.renumbers { self.count.to_string() } else { version.to_owned() };
        self.versions.insert(name.clone(), stored);
        self.current.clone_from(&name);
        name
    }

    pub(super) fn promote(&mut self, version: &str, from: &str) -> Result<String, String> {
        let stored = self.stored(version).clone();
        match () {
            () if self.current == from => Ok(self.make_current(version, stored)),
            () if self.versions[&self.current].id == stored.id && stored.id.is_some() => Ok(self.current.clone()),
            () => Err(self.current.clone()),
        }
    }

    /// The old one again, if it or one of ours is current.
    pub(super) fn restore(&mut self, old: &str, ids: &[String]) -> Result<String, String> {
        let current = &self.versions[&self.current];
        let old_stored = self.stored(old).clone();
        match &current.id {
            _ if self.current == old => Ok(self.current.clone()),
            Some(id) if id == "restored" => Ok(self.current.clone()),
            Some(id) if ids.contains(id) => {
                let id = self.renumbers.then(|| "restored".to_owned());
                Ok(self.make_current(old, Stored { id, ..old_stored }))
            }
            _ => Err(self.current.clone()),
        }
    }

    pub(super) fn unstage(&mut self, version: &str) {
        self.pending.remove(version);
    }

    pub(super) fn drop_version(&mut self, version: &str) {
        assert_ne!(version, self.current, "what is current is dropped");
        self.versions.remove(version);
    }

    pub(super) fn discard(&mut self, ids: &[String], new: Option<&str>) {
        self.pending.retain(|_, stored| stored.id.as_ref().is_none_or(|id| !ids.contains(id)));
        if let Some(new) = new.filter(|new| *new != self.current) {
            self.versions.remove(new);
        }
    }

    /// The value that stands under one of these ids.
    pub(super) fn newest_of(&self, ids: &[String]) -> Option<u32> {
        let all = self.versions.values().chain(self.pending.values());
        all.rev().find(|stored| stored.id.as_ref().is_some_and(|id| ids.contains(id))).map(|stored| stored.value)
    }

    /// The old version itself is made current again, where it is still there.
    pub(super) fn back_to(&mut self, old: &str) -> bool {
        let is_there = self.versions.contains_key(old);
        if is_there {
            self.current = old.into();
        }
        is_there
    }

    pub(super) fn by_hand(&mut self, value: u32, count: u32) {
        let version = format!("hand-{count}");
        self.versions.insert(version.clone(), Stored { value, id: None });
        self.current = version;
    }
}
