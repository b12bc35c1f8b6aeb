//! The backends as tiles: how each is, how fast it answers, what carries it. Refuses to call one well that has not
//! answered.

use crate::heading::{Label, heading};
use crate::pen::{Pen, below, first, from, row};
use crate::theme::Role;
use crate::words;
use crate::worry::stale_backend;
use quarterdeck_app::{Model, Screen};
use quarterdeck_domain::overview::{BackendRow, Condition};
use ratatui::layout::{Position, Rect};

/// The tiles as they are shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    rest: String,
    tiles: Vec<Tile>,
    empty: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tile {
    name: String,
    state: String,
    role: Role,
    read: String,
    isolation: String,
    summary: String,
    selected: bool,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let list = &model.backends;
        let up = list.rows.iter().filter(|row| matches!(row.condition, Condition::Ok | Condition::Warning)).count();
        let rest = match (list.known, list.filter.is_empty()) {
            (false, _) => "asking".to_owned(),
            (true, false) => format!("with '{}'", list.filter),
            (true, true) if up == list.rows.len() => list.rows.len().to_string(),
            (true, true) => format!("{up} of {}", list.rows.len()),
        };
        let selected = list.selected().filter(|_| model.screen == Screen::Backends).map(|row| row.name.as_str());
        let tiles = list.shown().map(|row| tile(model, row, selected)).collect();
        Self { rest, tiles, empty: empty(model) }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u16 {
        let rows = if self.tiles.is_empty() { self.empty.len() } else { self.tiles.len() };
        u16::try_from(rows).unwrap_or(u16::MAX)
    }
}

fn empty(model: &Model) -> Vec<String> {
    let list = &model.backends;
    if !list.known {
        return vec!["Starting the plugins.".into()];
    }
    if !list.rows.is_empty() {
        return vec![format!("No backend with '{}'. Esc shows all.", list.filter)];
    }
    vec!["No backend is configured. In any shell:".into(), "  quarterdeck init".into()]
}

/// A backend's state in words, and how that looks.
pub(crate) fn state(model: &Model, row: &BackendRow) -> (String, Role) {
    match &row.condition {
        Condition::Down { code, since } => {
            (format!("{} {}", code.to_uppercase(), words::age(model.now.duration_since(*since))), Role::Danger)
        }
        Condition::Connecting => ("connecting".into(), Role::Muted),
        condition => match stale_backend(model, row) {
            Some(age) => (format!("STALE {}", words::age(age)), Role::Danger),
            None if *condition == Condition::Warning => ("warning".into(), Role::DueSoon),
            None => ("ok".into(), Role::Ok),
        },
    }
}

fn tile(model: &Model, row: &BackendRow, selected: Option<&str>) -> Tile {
    let (state, role) = state(model, row);
    let summary = match (&row.error, row.warnings.first()) {
        (Some((what, _)), _) => what.clone(),
        (None, Some(warning)) => format!("! {warning}"),
        (None, None) if row.summary.is_empty() => row.target.clone(),
        (None, None) => row.summary.clone(),
    };
    Tile {
        name: row.name.clone(),
        state,
        role,
        read: row.latency_us.map_or_else(|| "-".to_owned(), words::took),
        isolation: row.isolation.clone(),
        summary,
        selected: selected == Some(row.name.as_str()),
    }
}

/// Draws the tiles with their heading, each on one row or on two. Gives where the selected one is.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect, rows_each: u16) -> Option<Position> {
    let name = view.tiles.iter().map(|tile| crate::pen::columns(&tile.name)).max().unwrap_or(0).clamp(8, 14);
    let state = 2 + name + 1;
    let read = state + 16;
    let plugin = read + 9 + 2;
    let mut labels = vec![Label::To(read + 9, "read"), Label::At(plugin, "plugin")];
    if rows_each == 1 {
        labels.push(Label::At(plugin + 14, "holds"));
    }
    heading(pen, row(area, 0), "BACKENDS", &view.rest, &labels);
    let body = below(area, 1);
    if view.tiles.is_empty() {
        for (index, text) in view.empty.iter().enumerate() {
            pen.put(from(row(body, index as u16), 2), text, Role::Muted);
        }
    }
    let mut cursor = None;
    for (index, tile) in view.tiles.iter().enumerate() {
        let at = index as u16 * rows_each;
        let line = row(body, at);
        let mark = match (tile.selected, tile.role == Role::Danger) {
            (true, _) => ">",
            (false, true) => "!",
            _ => "",
        };
        let named = pen.put(first(from(line, 2), name), &tile.name, Role::Strong);
        pen.put(first(from(line, state), 15), &tile.state, tile.role);
        pen.put_right(first(from(line, read), 9), &tile.read, Role::Text);
        if rows_each == 1 {
            pen.put(first(from(line, plugin), 13), &tile.isolation, Role::Muted);
            pen.put(from(line, plugin + 14), &tile.summary, Role::Text);
        } else {
            pen.put(from(line, plugin), &tile.isolation, Role::Muted);
            let role = if tile.role == Role::Danger { Role::Danger } else { Role::Muted };
            pen.put(from(row(body, at + 1), state), &tile.summary, role);
        }
        if tile.selected {
            pen.tint(first(line, 2 + named), Role::Selected);
            if !line.is_empty() {
                cursor = Some(Position::new(line.x, line.y));
            }
        }
        pen.put(first(line, 1), mark, if tile.selected { Role::Selected } else { Role::Danger });
    }
    cursor
}
