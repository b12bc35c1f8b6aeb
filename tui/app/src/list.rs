//! The lists of secrets and backends: their order, their filter and what is selected. Refuses to select a row: what is
//! selected is a thing by its name, and it stays selected wherever the list puts it.

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
    /// What must stand in a name to be shown; empty shows all.
    pub filter: String,
    /// The detail is open where there is no room for both.
    pub open: bool,
    /// The place of the selected one in the list, as last seen.
    pub place: usize,
    chosen: Option<SecretId>,
    pinned: bool,
}

impl SecretList {
    /// Takes the rows as they are now. What is selected stays selected.
    pub(crate) fn take(&mut self, mut rows: Vec<SecretRow>) {
        rows.sort_by(|a, b| urgency(a).cmp(&urgency(b)).then_with(|| a.name.cmp(&b.name)));
        self.rows = rows;
        self.known = true;
        self.settle();
    }

    /// From now on the selection no longer follows the list's first row.
    pub(crate) fn pin(&mut self) {
        self.pinned |= self.chosen.is_some();
    }

    pub(crate) fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        // A person who filters wants what is left; what is filtered away is not a target any more.
        if self.selected().is_none() {
            self.go(Move::First);
        }
        self.settle();
    }

    pub(crate) fn go(&mut self, to: Move) {
        let place = self.chosen.as_ref().map(|chosen| self.place_of(chosen).unwrap_or(self.place));
        let ids: Vec<SecretId> = self.shown().map(SecretId::of).collect();
        let Some(place) = to.from(place, ids.len()) else { return };
        self.chosen = ids.get(place).cloned();
        self.place = place;
    }

    fn settle(&mut self) {
        if !self.pinned {
            let first = self.shown().next().map(SecretId::of);
            self.chosen = first;
        }
        if let Some(place) = self.chosen.as_ref().and_then(|chosen| self.place_of(chosen)) {
            self.place = place;
        }
    }

    fn place_of(&self, id: &SecretId) -> Option<usize> {
        self.shown().position(|row| row.name == id.name && row.layer == id.layer)
    }

    /// The rows that the filter lets through.
    pub fn shown(&self) -> impl Iterator<Item = &SecretRow> {
        let wanted = self.filter.to_lowercase();
        self.rows.iter().filter(move |row| {
            [&row.name, &row.layer, &row.backend].iter().any(|text| text.to_lowercase().contains(&wanted))
                || row.state.words().to_lowercase().contains(&wanted)
        })
    }

    /// The selected secret, if it is still there and shown.
    pub fn selected(&self) -> Option<&SecretRow> {
        let chosen = self.chosen.as_ref()?;
        self.shown().find(|row| row.name == chosen.name && row.layer == chosen.layer)
    }

    /// True when something wants a person now, so that the worst stands first.
    pub fn worst_first(&self) -> bool {
        self.rows.iter().any(|row| is_bad(row.state))
    }
}

/// True for a state that wants a person now.
pub(crate) fn is_bad(state: SecretState) -> bool {
    state <= SecretState::Due
}

/// What is bad by how bad it is, then what has a date by its date, then the rest.
fn urgency(row: &SecretRow) -> (Reverse<bool>, Option<SecretState>, bool, Option<Timestamp>) {
    let bad = is_bad(row.state);
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
