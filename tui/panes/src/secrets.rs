//! The table of secrets with their rotation gauges. Refuses values, and an age that nobody knows.

use crate::backends::marks;
use crate::foot::wrapped;
use crate::frame::WIDE;
use crate::heading::{Label, heading};
use crate::pen::{Pen, below, first, from, row};
use crate::picture::{Fill, gauge};
use crate::theme::Role;
use crate::{rotation, words};
use jiff::SignedDuration;
use quarterdeck_app::{Action, Model, is_deleted};
use quarterdeck_domain::overview::{BackendRow, Condition, SecretRow};
use quarterdeck_domain::rotation::{Age, SecretState};
use ratatui::layout::{Position, Rect};

/// How long a version that somebody else made is marked in the table.
const CHANGED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The table as it is shown: the rows there is room for, and no others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    rest: String,
    rows: Vec<Row>,
    /// Columns of the longest name of all.
    longest: u16,
    /// Columns that the longest version of all would like.
    version: u16,
    empty: Vec<String>,
    /// What is said about the rows that found no room.
    more: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: String,
    backend: String,
    version: Option<String>,
    fill: Option<Fill>,
    due: String,
    state: String,
    role: Role,
    state_role: Role,
    selected: bool,
    /// For the wide table.
    written_by: String,
    last_read: String,
}

/// Rows that the whole table needs with its heading.
pub(crate) fn height(model: &Model) -> u16 {
    let rows = model.secrets.count();
    let rows = if rows == 0 { empty(model).len() } else { rows };
    // No screen has more rows, and sums of heights stay small.
    rows.min(1_000) as u16 + 1
}

impl View {
    /// Makes the view for so many rows, the heading's among them.
    pub(crate) fn of(model: &Model, height: u16) -> Self {
        let list = &model.secrets;
        let order = if list.worst_first() { "worst first" } else { "next due first" };
        let rest = match (list.known, list.filter.is_empty()) {
            (false, _) => "asking".to_owned(),
            _ if list.rows.is_empty() && !unread(model).is_empty() => "not known".to_owned(),
            (true, true) => format!("{}, {order}", list.rows.len()),
            (true, false) => format!("{} of {} with '{}'", list.count(), list.rows.len(), list.filter),
        };
        let selected = list.selected_place();
        let (start, shown, more) = window(list.count(), selected, usize::from(height.saturating_sub(1)));
        let rows = list.shown().enumerate().skip(start).take(shown);
        Self {
            rest,
            rows: rows.map(|(at, row)| row_of(model, row, selected == Some(at))).collect(),
            version: if list.longest_version <= 5 { 0 } else { 10 },
            longest: u16::try_from(list.longest).unwrap_or(u16::MAX),
            empty: if list.count() == 0 { empty(model) } else { Vec::new() },
            more: more.then(|| more_text(model, start, shown)),
        }
    }
}

/// Says what to do when there is nothing to show.
fn empty(model: &Model) -> Vec<String> {
    let list = &model.secrets;
    if !list.known {
        return vec!["Asking the backends for their names.".into()];
    }
    if !list.rows.is_empty() {
        return vec![format!("No name with '{}'. Esc shows all.", list.filter)];
    }
    // What can't be read must not look like what was never stored.
    let unread = unread(model);
    if let Some(first) = unread.first() {
        let whose: Vec<&str> = unread.iter().map(|row| row.name.as_str()).collect();
        let mut lines = vec![format!("No secret can be shown: {} can't be read.", whose.join(", "))];
        let width = if model.size.columns >= WIDE { model.size.columns * 11 / 20 } else { model.size.columns };
        let width = usize::from(width.saturating_sub(4)).max(8);
        lines.extend(first.error.iter().flat_map(|(what, next)| [what, next]).flat_map(|text| wrapped(text, width, 4)));
        lines.push(format!("{} shows more.", model.setup.keymap.shown(Action::Backends)));
        return lines;
    }
    if model.backends.rows.iter().any(|row| row.condition == Condition::Connecting) {
        return vec!["Asking the backends for their names.".into()];
    }
    vec![
        "No secret yet. To store the first one, in any shell:".into(),
        "  quarterdeck secrets set broker.password".into(),
        "It asks for the value, and the name appears here.".into(),
    ]
}

/// The backends that can't be read now.
fn unread(model: &Model) -> Vec<&BackendRow> {
    model.backends.rows.iter().filter(|row| matches!(row.condition, Condition::Down { .. })).collect()
}

fn row_of(model: &Model, row: &SecretRow, selected: bool) -> Row {
    let period = row.period.as_secs();
    let fill = row.age.at(model.now).map(|age| {
        let share = Fill::share(age.as_secs(), period);
        if row.age.is_lower_bound() { Fill::AtLeast(share) } else { Fill::Known(share) }
    });
    let (state, state_role) = state(model, row);
    Row {
        name: row.name.clone(),
        backend: row.backend.clone(),
        version: row.version.clone(),
        fill,
        due: due(model, row),
        state,
        role: if is_deleted(row) { state_role } else { role(row.state) },
        state_role,
        selected,
        written_by: row.written_by.clone().unwrap_or_else(|| "-".into()),
        last_read: row.last_read.map_or_else(|| "-".into(), |at| words::age(model.now.duration_since(at))),
    }
}

/// When it is due; `AWS 12 d` where the backend rotates it by its own schedule. What is deleted waits for nobody.
fn due(model: &Model, row: &SecretRow) -> String {
    if is_deleted(row) {
        return "-".to_owned();
    }
    let left = |at: jiff::Timestamp| at.duration_since(model.now);
    match (row.rotates_at, row.due_at) {
        (Some(at), _) => format!("{} {}", row.backend.to_uppercase(), words::about(left(at))),
        (None, Some(due)) => words::left(left(due)),
        (None, None) => "-".to_owned(),
    }
}

fn state(model: &Model, row: &SecretRow) -> (String, Role) {
    let role = role(row.state);
    if is_deleted(row) {
        let left = row.deletes_at.map(|at| words::about(at.duration_since(model.now)));
        return (format!("DELETED {}", left.unwrap_or_default()).trim_end().to_owned(), Role::DueSoon);
    }
    // A rotation that is under way is what there is to know of it.
    if let Some(rotation) = model.rotations.live_in(row).filter(|_| row.state != SecretState::Unreadable) {
        return rotation::say::state(model, rotation);
    }
    // What is wrong stands alone; the detail tells the rest.
    if role == Role::Danger {
        return (row.state.words().to_owned(), role);
    }
    let changed = row.changed_at.map(|at| model.now.duration_since(at)).filter(|age| *age < CHANGED_FOR);
    if let Some(age) = changed {
        return (format!("CHANGED {}", words::age(age)), Role::Strong);
    }
    // Who searches asks where a name is, also where it is not used.
    if !row.shadows.is_empty() && !model.secrets.filter.is_empty() {
        return (format!("shadows {}", row.shadows.join(", ")), role);
    }
    let mut parts = age_words(model, row);
    if !row.shadows.is_empty() {
        parts.push(format!("shadows {}", row.shadows.len()));
    }
    if !row.warnings.is_empty() && row.backend != "yaml" {
        parts.insert(0, "warning".to_owned());
    }
    (if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }, role)
}

fn age_words(model: &Model, row: &SecretRow) -> Vec<String> {
    match (row.state, row.age) {
        (SecretState::NoAgeKnown, Age::AtLeastSince(_)) => {
            let days = row.age.at(model.now).unwrap_or_default().as_secs() / 86_400;
            // Of today or not is no news: the bound says something from a day on.
            vec![if days == 0 { row.state.words().to_owned() } else { format!("over {days} d") }]
        }
        (SecretState::NoAgeKnown, _) if row.layer == "env" && row.shadows.is_empty() => vec!["set outside".to_owned()],
        (SecretState::NoAgeKnown, _) if row.backend == "yaml" => vec!["PLAIN TEXT".to_owned()],
        (SecretState::NoAgeKnown, _) => Vec::new(),
        (state, _) => vec![state.words().to_owned()],
    }
}

/// How a state looks.
pub(crate) fn role(state: SecretState) -> Role {
    match state {
        SecretState::Ok => Role::Ok,
        SecretState::NoAgeKnown => Role::Muted,
        SecretState::DueSoon | SecretState::InGrace | SecretState::Due => Role::DueSoon,
        _ => Role::Danger,
    }
}

/// Where the columns stand: each its start and width; a width of 0 is left out.
struct Columns {
    name: (u16, u16),
    backend: (u16, u16),
    version: (u16, u16),
    gauge: (u16, u16),
    due: (u16, u16),
    state: (u16, u16),
    written: (u16, u16),
    read: (u16, u16),
}

/// ```text
///  > name................... backend version gauge........  due in......  state
/// ```
/// From left to right as far as there is room; the gauge goes first, then backend and version.
fn columns(view: &View, width: u16) -> Columns {
    let (gauge, backend, version) = match width {
        0..56 => (0, 0, 0),
        56..70 => (0, 7, 4),
        70..110 => (14, 6, 3),
        _ => (22, 8, 5),
    };
    let (written, read) = if width >= 118 { (12, 9) } else { (0, 0) };
    let due = 11;
    let state = if width < 56 { 12 } else { 14 };
    let gaps = [gauge, backend, version].iter().filter(|width| **width > 0).count() as u16;
    let fixed =
        2 + gauge + backend + version + gaps + due + 2 + state + written + read + if written > 0 { 4 } else { 0 };
    let longest = view.longest.clamp(12, 60);
    let room = width.saturating_sub(fixed);
    // A UUID's end has what the names leave, and four of its characters in any case.
    let more = room.saturating_sub(longest).max(6_u16.saturating_sub(version));
    let more = more.min(view.version.saturating_sub(version)).min(room);
    let (version, room) = if version > 0 { (version + more, room - more) } else { (0, room) };
    // In a wide table the columns stay near each other instead of drifting apart.
    let name = if width >= 110 { room.min(longest.max(25)) } else { room };
    let mut at = 2;
    let mut place = |wide: u16, gap: u16| {
        let start = at;
        if wide > 0 {
            at += wide + gap;
        }
        (start, wide)
    };
    Columns {
        name: place(name, 1),
        backend: place(backend, 1),
        version: place(version, 1),
        gauge: place(gauge, 0),
        due: place(due, 2),
        state: place(if written > 0 { 24 } else { state.max(width) }, 2),
        written: place(written, 2),
        read: place(read, 0),
    }
}

/// Draws the table with its heading. Gives where the selected row is.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let columns = columns(view, area.width);
    let to = |(start, width): (u16, u16)| start + width;
    let mut labels = Vec::new();
    if columns.gauge.1 > 0 {
        labels.push(Label::At(columns.gauge.0, "age/allowed"));
    }
    labels.push(Label::To(to(columns.due), "due in"));
    labels.push(Label::At(columns.state.0, "state"));
    if columns.written.1 > 0 {
        labels.push(Label::At(columns.written.0, "written by"));
        labels.push(Label::To(to(columns.read), "last read"));
    }
    heading(pen, row(area, 0), "SECRETS", &view.rest, &labels);
    let body = below(area, 1);
    if view.rows.is_empty() {
        for (index, text) in view.empty.iter().enumerate() {
            pen.put(from(row(body, index as u16), 2), text, Role::Muted);
        }
        return None;
    }
    let mut cursor = None;
    for (index, item) in view.rows.iter().enumerate() {
        let line = row(body, index as u16);
        draw_row(pen, line, &columns, item);
        if item.selected && !line.is_empty() {
            cursor = Some(Position::new(line.x, line.y));
        }
    }
    if let Some(text) = &view.more {
        pen.put(from(row(body, view.rows.len() as u16), 2), text, Role::Muted);
    }
    cursor
}

/// The first row shown, how many, and whether a row is left for what is not shown.
fn window(length: usize, selected: Option<usize>, room: usize) -> (usize, usize, bool) {
    if length <= room {
        return (0, length, false);
    }
    let shown = if room >= 4 { room - 1 } else { room };
    let selected = selected.unwrap_or(0);
    (selected.saturating_sub(shown.saturating_sub(1)).min(length - shown), shown, room >= 4)
}

fn more_text(model: &Model, start: usize, shown: usize) -> String {
    let list = &model.secrets;
    let hidden = list.count() - shown;
    let soonest = list.shown().skip(start + shown).filter_map(|row| row.due_at).min();
    let soonest = soonest.map(|due| due.duration_since(model.now));
    match (start, soonest) {
        (0, Some(soonest)) if soonest.is_positive() => {
            format!("{hidden} more, none due before {}", words::left(soonest))
        }
        (0, _) => format!("{hidden} more"),
        (above, _) if above == hidden => format!("{above} above"),
        (above, _) => format!("{above} above, {} below", hidden - above),
    }
}

fn draw_row(pen: &mut Pen<'_>, line: Rect, columns: &Columns, item: &Row) {
    let field = |(start, width): (u16, u16)| first(from(line, start), width);
    let named = pen.put(field(columns.name), &item.name, Role::Text);
    pen.put(field(columns.backend), &item.backend, Role::Muted);
    let version = words::short_version(item.version.as_deref(), columns.version.1);
    pen.put(field(columns.version), &version, Role::Muted);
    if columns.gauge.1 > 0 {
        match item.fill {
            Some(fill) => {
                let bar = if matches!(item.role, Role::Ok | Role::Muted) { Role::Gauge } else { item.role };
                gauge(pen, field(columns.gauge), fill, bar);
            }
            None => _ = pen.put(from(field(columns.gauge), 1), "no age known", Role::Muted),
        }
    }
    let due_role = if item.role == Role::Ok { Role::Text } else { item.role };
    pen.put_right(field(columns.due), &item.due, due_role);
    pen.put(field(columns.state), &item.state, item.state_role);
    pen.put(field(columns.written), &item.written_by, Role::Text);
    pen.put_right(field(columns.read), &item.last_read, Role::Text);
    if item.selected {
        // The mark and the name alone: a whole row in another colour costs a slow link a whole row twice a key.
        pen.tint(first(line, columns.name.0 + named), Role::Selected);
    }
    marks(pen, line, item.selected, item.role == Role::Danger);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ten_thousand_rows_those_in_sight_are_made_and_the_selected_one_is_among_them() {
        for selected in [0, 1, 5_000, 9_999] {
            let (start, shown, more) = window(10_000, Some(selected), 19);
            assert_eq!((shown, more), (18, true));
            assert!((start..start + shown).contains(&selected), "{selected}");
        }
        assert_eq!(window(3, Some(2), 19), (0, 3, false));
        assert_eq!(window(3, None, 0), (0, 0, false));
    }
}
