//! The lists of secrets and backends: their order, their filter and what is selected. Refuses to select a row: what is
//! selected is a thing by its name, and it stays selected wherever the list puts it.

use crate::search::{Query, Texts};
use jiff::Timestamp;
use quarterdeck_domain::overview::{BackendRow, SecretRow};
use quarterdeck_domain::rotation::SecretState;
use std::cmp::Reverse;

/// Which secret: its name and the layer it won in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId {
    /// The name.
    pub name: String,
    /// The layer.
    pub layer: String,
}

impl SecretId {
    /// The identity of a row.
    pub fn of(row: &SecretRow) -> Self {
        Self { name: row.name.clone(), layer: row.layer.clone() }
    }
}

/// How far a selection moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    By(isize),
    First,
    Last,
}

impl Move {
    /// The new place in a list of this length; `None` in an empty one.
    pub(crate) fn from(self, place: Option<usize>, length: usize) -> Option<usize> {
        let last = length.checked_sub(1)?;
        Some(match (self, place) {
            (Self::First, _) => 0,
            (Self::Last, _) => last,
            (Self::By(_), None) => 0,
            (Self::By(steps), Some(place)) => place.saturating_add_signed(steps).min(last),
        })
    }
}

/// The secrets, worst first and then next due first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretList {
    /// All of them, in order.
    pub rows: Vec<SecretRow>,
    /// They were told at least once.
    pub known: bool,
    /// What is searched for in the names; empty shows all.
    pub filter: String,
    /// The detail is open: its backend is asked, and it has the whole of a small screen.
    pub open: bool,
    /// How far the detail is scrolled.
    pub scroll: usize,
    /// The place of the selected one in the list, as last seen.
    pub place: usize,
    /// Columns of the longest name.
    pub longest: usize,
    /// Characters of the longest version.
    pub longest_version: usize,
    /// Rows that the last search looked at.
    pub looked: usize,
    texts: Vec<Texts>,
    /// What is shown, as places in `rows`.
    hits: Vec<usize>,
    chosen: Option<SecretId>,
    pinned: bool,
}

impl SecretList {
    /// Takes the rows as they are now. What is selected stays selected.
    pub(crate) fn take(&mut self, mut rows: Vec<SecretRow>) {
        rows.sort_by(|a, b| urgency(a).cmp(&urgency(b)).then_with(|| a.name.cmp(&b.name)));
        self.texts = rows.iter().map(Texts::of).collect();
        self.longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        self.longest_version = rows.iter().filter_map(|row| Some(row.version.as_ref()?.len())).max().unwrap_or(0);
        self.hits = (0..rows.len()).collect();
        self.rows = rows;
        self.known = true;
        self.search();
        self.settle();
    }

    /// From now on the selection no longer follows the list's first row.
    pub(crate) fn pin(&mut self) {
        self.pinned |= self.chosen.is_some();
    }

    pub(crate) fn set_filter(&mut self, filter: String) {
        // Who goes on typing looks only through what was found before.
        if !filter.starts_with(&self.filter) {
            self.hits = (0..self.rows.len()).collect();
        }
        self.filter = filter;
        self.search();
        // A person who filters wants what is left; what is filtered away is not a target any more.
        if self.chosen.as_ref().is_none_or(|chosen| self.place_of(chosen).is_none()) {
            self.go(Move::First);
        }
        self.settle();
    }

    /// Keeps of the hits those that still are, the best first.
    fn search(&mut self) {
        self.looked = self.hits.len();
        let query = Query::new(&self.filter);
        let ranked = self.hits.iter().filter_map(|at| Some((query.rank(self.texts.get(*at)?)?, *at)));
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_unstable();
        self.hits = ranked.into_iter().map(|(_, at)| at).collect();
    }

    pub(crate) fn go(&mut self, to: Move) {
        let place = self.chosen.as_ref().map(|chosen| self.place_of(chosen).unwrap_or(self.place));
        let Some(place) = to.from(place, self.hits.len()) else { return };
        self.choose(place);
        self.place = place;
    }

    fn choose(&mut self, place: usize) {
        let chosen = self.at(place).map(SecretId::of);
        if self.chosen != chosen {
            self.scroll = 0;
            self.chosen = chosen;
        }
    }

    fn settle(&mut self) {
        if !self.pinned {
            self.choose(0);
        }
        if let Some(place) = self.chosen.as_ref().and_then(|chosen| self.place_of(chosen)) {
            self.place = place;
        }
    }

    /// Nearly always where it was last seen.
    fn place_of(&self, id: &SecretId) -> Option<usize> {
        let is = |row: &SecretRow| row.name == id.name && row.layer == id.layer;
        if self.at(self.place).is_some_and(is) { Some(self.place) } else { self.shown().position(is) }
    }

    /// The row at a place of what is shown.
    fn at(&self, place: usize) -> Option<&SecretRow> {
        self.rows.get(*self.hits.get(place)?)
    }

    /// The rows that the search lets through, the best first.
    pub fn shown(&self) -> impl Iterator<Item = &SecretRow> {
        self.hits.iter().filter_map(|at| self.rows.get(*at))
    }

    /// How many rows the search lets through.
    pub fn count(&self) -> usize {
        self.hits.len()
    }

    /// The place of the selected secret in what is shown, if it is still there.
    pub fn selected_place(&self) -> Option<usize> {
        self.place_of(self.chosen.as_ref()?)
    }

    /// The selected secret, if it is still there and shown.
    pub fn selected(&self) -> Option<&SecretRow> {
        self.at(self.selected_place()?)
    }

    /// True when something wants a person now, so that the worst stands first.
    pub fn worst_first(&self) -> bool {
        self.rows.iter().any(is_bad)
    }
}

/// True for what wants a person now.
fn is_bad(row: &SecretRow) -> bool {
    row.state <= SecretState::Due && !is_deleted(row)
}

/// It was deleted in its backend and can be restored there. Where the backend can't be read that counts for more.
pub fn is_deleted(row: &SecretRow) -> bool {
    (row.deleted || row.deletes_at.is_some()) && row.state != SecretState::Unreadable
}

/// What is bad by how bad it is, then what has a date by its date, then the rest.
fn urgency(row: &SecretRow) -> (Reverse<bool>, Option<SecretState>, bool, Option<Timestamp>) {
    let bad = is_bad(row);
    (Reverse(bad), bad.then_some(row.state), row.due_at.is_none(), row.due_at)
}

/// The backends, in the order they are told in, which is the order of their layers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackendList {
    /// All of them.
    pub rows: Vec<BackendRow>,
    /// They were told at least once.
    pub known: bool,
    /// What must stand in a name to be shown; empty shows all.
    pub filter: String,
    /// The detail is open where there is no room for both.
    pub open: bool,
    /// How far the detail is scrolled.
    pub scroll: usize,
    chosen: Option<String>,
}

impl BackendList {
    pub(crate) fn take(&mut self, rows: Vec<BackendRow>) {
        self.rows = rows;
        self.known = true;
        if self.chosen.is_none() {
            self.go(Move::First);
        }
    }

    pub(crate) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        if self.selected().is_none() {
            self.go(Move::First);
        }
    }

    pub(crate) fn go(&mut self, to: Move) {
        let names: Vec<String> = self.shown().map(|row| row.name.clone()).collect();
        let place = self.chosen.as_ref().map(|chosen| names.iter().position(|name| name == chosen).unwrap_or(0));
        if let Some(place) = to.from(place, names.len()) {
            self.chosen = names.get(place).cloned();
            self.scroll = 0;
        }
    }

    /// The rows that the filter lets through.
    pub fn shown(&self) -> impl Iterator<Item = &BackendRow> {
        let wanted = self.filter.to_lowercase();
        self.rows.iter().filter(move |row| row.name.to_lowercase().contains(&wanted))
    }

    /// The selected backend, if it is still there and shown.
    pub fn selected(&self) -> Option<&BackendRow> {
        let chosen = self.chosen.as_ref()?;
        self.shown().find(|row| row.name == *chosen)
    }
}
