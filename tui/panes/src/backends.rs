//! The backends as tiles: how each is, how fast it answers, what carries it. Refuses to call one well that has not
//! answered.

use crate::heading::{Label, heading};
use crate::pen::{Pen, below, first, from, row};
use crate::picture::spark;
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
    history: Vec<u64>,
    token: (String, Role),
    names: String,
    confined: (&'static str, Role),
    isolation: String,
    summary: String,
    /// The summary is an error.
    failed: bool,
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

/// How far its process is confined, in one word.
pub(crate) fn confined(row: &BackendRow) -> (&'static str, Role) {
    match (row.confinement.is_empty(), row.unconfined.is_empty()) {
        (false, true) => ("confined", Role::Ok),
        (false, false) => ("PARTLY", Role::DueSoon),
        (true, false) => ("none", Role::DueSoon),
        (true, true) if row.isolation.starts_with("child") => ("none", Role::DueSoon),
        // There is no process to confine.
        (true, true) => ("-", Role::Muted),
    }
}

/// How long the credential that it logs in with is good, where that is known.
pub(crate) fn token(model: &Model, row: &BackendRow) -> Option<(String, Role)> {
    let left = row.expires_at?.duration_since(model.now);
    Some(match left.as_secs() {
        ..=0 => ("EXPIRED".to_owned(), Role::Danger),
        1..600 => (words::left(left), Role::Danger),
        600..3_600 => (words::left(left), Role::DueSoon),
        _ => (words::left(left), Role::Text),
    })
}

/// What works and is not as it should be. That a credential will end is no news once it has.
pub(crate) fn warnings<'a>(model: &Model, row: &'a BackendRow) -> impl Iterator<Item = &'a String> {
    let has_ended = row.expires_at.is_some_and(|at| at <= model.now)
        || matches!(&row.condition, Condition::Down { code, .. } if code.eq_ignore_ascii_case("expired"));
    row.warnings.iter().filter(move |warning| !(has_ended && warning.starts_with("its credential ends")))
}

fn tile(model: &Model, row: &BackendRow, selected: Option<&str>) -> Tile {
    let (state, role) = state(model, row);
    let summary = match (&row.error, warnings(model, row).next()) {
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
        history: row.history_us.clone(),
        token: token(model, row).unwrap_or_else(|| ("-".to_owned(), Role::Muted)),
        names: row.names.map_or_else(|| "-".to_owned(), |names| names.to_string()),
        confined: confined(row),
        isolation: row.isolation.clone(),
        summary,
        failed: row.error.is_some(),
        selected: selected == Some(row.name.as_str()),
    }
}

/// Where the columns stand: each its start and width; a width of 0 is left out.
struct Columns {
    name: (u16, u16),
    state: (u16, u16),
    read: (u16, u16),
    spark: (u16, u16),
    token: (u16, u16),
    names: (u16, u16),
    plugin: (u16, u16),
    says: (u16, u16),
}

/// ```text
///  > name    state.......... read.... spark.  token.... names  confined child 4121  what it says
/// ```
fn columns(view: &View, width: u16) -> Columns {
    let longest = view.tiles.iter().map(|tile| crate::pen::columns(&tile.name)).max().unwrap_or(0);
    let (spark, token, names) = match width {
        0..64 => (0, 0, 0),
        64..78 => (0, 9, 6),
        78..96 => (6, 9, 6),
        _ => (12, 10, 6),
    };
    let says = if width >= 108 { width } else { 0 };
    // `UNREACHABLE <10 s` is read whole where there is room for it.
    let widest = view.tiles.iter().map(|tile| crate::pen::columns(&tile.state)).max().unwrap_or(0);
    let state = widest.clamp(15, if width < 78 { 15 } else { 18 });
    let mut at = 2;
    let mut place = |wide: u16, gap: u16| {
        let start = at;
        if wide > 0 {
            at += wide + gap;
        }
        (start, wide)
    };
    Columns {
        name: place(longest.clamp(8, 14), 1),
        state: place(state, 1),
        read: place(7, 1),
        spark: place(spark, 0),
        token: place(token, 0),
        names: place(names, 2),
        plugin: place(if says > 0 { 21 } else { width }, 2),
        says: place(says, 0),
    }
}

/// Draws the tiles with their heading, each on one row or on two. Gives where the selected one is.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect, rows_each: u16) -> Option<Position> {
    let columns = columns(view, area.width);
    let to = |(start, width): (u16, u16)| start + width;
    let mut labels = vec![Label::At(columns.state.0, "state"), Label::To(to(columns.read), "read")];
    if columns.token.1 > 0 {
        labels.push(Label::To(to(columns.token), "token"));
        labels.push(Label::To(to(columns.names), "names"));
    }
    labels.push(Label::At(columns.plugin.0, "plugin"));
    if columns.says.1 > 0 && rows_each == 1 {
        labels.push(Label::At(columns.says.0, "says"));
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
        draw_tile(pen, line, &columns, tile, rows_each == 1);
        if rows_each > 1 {
            let role = if tile.failed { Role::Danger } else { Role::Muted };
            pen.put(from(row(body, at + 1), columns.state.0), &tile.summary, role);
        }
        if tile.selected && !line.is_empty() {
            cursor = Some(Position::new(line.x, line.y));
        }
    }
    cursor
}

/// One tile's first row. Where it is the only one, what is wrong takes the room of what a healthy one tells.
fn draw_tile(pen: &mut Pen<'_>, line: Rect, columns: &Columns, tile: &Tile, alone: bool) {
    let field = |(start, width): (u16, u16)| first(from(line, start), width);
    let is_bad = tile.role == Role::Danger;
    let named = pen.put(field(columns.name), &tile.name, Role::Strong);
    pen.put(field(columns.state), &tile.state, tile.role);
    pen.put_right(field(columns.read), &tile.read, Role::Text);
    if alone && tile.failed && columns.says.1 == 0 {
        pen.put(from(line, to_next(columns.read)), &tile.summary, Role::Danger);
    } else {
        let last = &tile.history[tile.history.len().saturating_sub(usize::from(columns.spark.1))..];
        let spark = spark(last, 0, pen.ascii);
        pen.put(field(columns.spark), &spark, Role::Gauge);
        pen.put_right(field(columns.token), &tile.token.0, tile.token.1);
        pen.put_right(field(columns.names), &tile.names, Role::Text);
        let (word, role) = tile.confined;
        let word = if word == "-" { String::new() } else { format!("{word} ") };
        pen.put_all(field(columns.plugin), &[(&word, role), (&tile.isolation, Role::Muted)]);
        if alone {
            pen.put(field(columns.says), &tile.summary, if tile.failed { Role::Danger } else { Role::Text });
        }
    }
    if tile.selected {
        pen.tint(first(line, 2 + named), Role::Selected);
    }
    marks(pen, line, tile.selected, is_bad);
}

/// Marks stand before the name: what is selected, and what wants a person; one that is both has both.
pub(crate) fn marks(pen: &mut Pen<'_>, line: Rect, selected: bool, is_bad: bool) {
    if selected {
        pen.put(first(line, 1), ">", Role::Selected);
    }
    if is_bad {
        pen.put(first(from(line, u16::from(selected)), 1), "!", Role::Danger);
    }
}

/// The column after a column and its gap.
fn to_next((start, width): (u16, u16)) -> u16 {
    start + width + 2
}
