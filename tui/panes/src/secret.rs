//! One secret in detail: where it comes from, what it overrides, its versions, how old it is and who touched it. Refuses
//! the value, except for the seconds of a reveal, and an answer of the backend that is of another secret.

use crate::detail::{self, Line, Table};
use crate::pen::{Pen, below, row};
use crate::rotation::say;
use crate::theme::Role;
use crate::words;
use quarterdeck_app::{Action, Model, Reveal, Screen, SecretId, is_deleted};
use quarterdeck_domain::overview::{Holder, SecretDetail, SecretRow, VersionRow};
use quarterdeck_domain::rotation::{Age, SecretState};
use quarterdeck_domain::sanitise;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthChar;
use zeroize::Zeroizing;

/// A masked value: always as long, so that it tells nothing.
const MASK: &str = "************";

/// The detail as it is shown.
#[derive(Clone, PartialEq)]
pub(crate) struct View {
    name: String,
    lines: Vec<Line>,
    value: Shown,
    scroll: usize,
    /// How to see what is hidden below.
    how: String,
}

#[derive(Clone, PartialEq)]
enum Shown {
    Masked(String),
    Value { text: quarterdeck_app::Value, left: String },
}

impl View {
    /// Makes the view of the selected secret.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let row = model.secrets.selected()?;
        let id = SecretId::of(row);
        let keymap = &model.setup.keymap;
        let (reveal, unlock) = (keymap.shown(Action::Reveal), keymap.shown(Action::Unlock));
        let value = match (&model.reveal, model.revealed(&id)) {
            (_, Some((value, until))) => {
                let left = until.duration_since(model.now);
                let seconds = (left.as_millis().max(0) + 999) / 1_000;
                Shown::Value { text: value.clone(), left: format!("hidden again in {seconds} s, or with {reveal}") }
            }
            (Reveal::Asked(asked), None) if *asked == id => Shown::Masked("asked for".into()),
            _ if model.setup.access.is_free() => Shown::Masked(format!("{reveal} reveals it for 10 s; it is recorded")),
            _ => Shown::Masked(format!("look only: {unlock} unlocks")),
        };
        let open = model.screen == Screen::Secrets && model.secrets.open;
        let (lines, scroll, how) = if open {
            (open_lines(model, row), model.secrets.scroll, Action::HalfDown)
        } else {
            (closed_lines(model, row), 0, Action::Open)
        };
        Some(Self { name: row.name.clone(), lines, value, scroll, how: keymap.shown(how) })
    }

    /// Rows it needs with its heading at this width.
    pub(crate) fn height(&self, width: u16) -> u16 {
        detail::height(&self.lines, width) + 2
    }
}

fn field(label: &str, text: impl Into<String>, role: Role) -> Line {
    Line::Field(label.into(), text.into(), role)
}

/// What the list knows.
fn closed_lines(model: &Model, row: &SecretRow) -> Vec<Line> {
    let mut lines = vec![comes_from(row), overrides(row)];
    lines.extend(rotation(model));
    lines.extend(events(model, row));
    lines.extend(times(model, row));
    lines.extend(history(model, row));
    if model.screen == Screen::Secrets {
        let open = model.setup.keymap.shown(Action::Open);
        lines.push(field("versions", format!("{open} asks {} for them", row.layer), Role::Muted));
    }
    lines
}

/// What the backend told, first what a person has to know.
fn open_lines(model: &Model, row: &SecretRow) -> Vec<Line> {
    let mut lines = vec![comes_from(row)];
    lines.extend(rotation(model));
    let told = model.inspect.told.as_deref();
    if let Some((what, next)) = told.and_then(|told| told.error.as_ref()) {
        lines.push(Line::Whole("not told".into(), what.clone(), Role::Danger));
        if !next.is_empty() {
            lines.push(Line::Whole("to do".into(), next.clone(), Role::Strong));
        }
    }
    let facts = told.map_or(&[][..], |told| &told.facts);
    let tells = |event: &str| facts.iter().any(|(label, _)| label.starts_with(event));
    // The backend's own words about its schedule say more; about a deletion ours do.
    let events = events(model, row).into_iter();
    lines.extend(events.filter(|line| !(is_named(line, ROTATED) && tells(ROTATED))));
    lines.extend(times(model, row));
    let facts = facts.iter().filter(|(label, _)| !(is_deleted(row) && label == "deleted"));
    lines.extend(facts.map(|(label, text)| Line::Whole(label.clone(), text.clone(), Role::Text)));
    let holders = told.map_or(&[][..], |told| &told.holders);
    if holders.len() < 2 {
        lines.push(overrides(row));
    }
    lines.extend(history(model, row));
    lines.extend(told.map(|told| fresh(model, told)));
    // Tables stand last: what follows one would seem to belong to it.
    match told {
        None => lines.push(field("versions", format!("asked for at {}", row.layer), Role::Muted)),
        Some(told) => lines.push(versions(model, told)),
    }
    if holders.len() > 1 {
        lines.push(held_by(model, holders));
    }
    lines.extend(told.filter(|told| !told.labels.is_empty()).map(tags));
    lines
}

/// What a line says who rotates a secret begins with.
const ROTATED: &str = "rotated by";

fn is_named(line: &Line, name: &str) -> bool {
    matches!(line, Line::Field(label, ..) if label == name)
}

fn comes_from(row: &SecretRow) -> Line {
    let version = row.version.as_deref().map(|version| format!(", {}", words::version_id(version)));
    let backend = if row.backend == row.layer { String::new() } else { format!(", backend {}", row.backend) };
    field("comes from", format!("layer {}{backend}{}", row.layer, version.unwrap_or_default()), Role::Text)
}

/// The rotation that is under way.
fn rotation(model: &Model) -> Option<Line> {
    let row = model.selected_rotation()?;
    let (state, role) = say::state(model, row);
    let name = row.rotation.name();
    let state = state.strip_prefix(&format!("{name} ")).map_or(state.clone(), str::to_owned);
    let open = model.setup.keymap.shown(Action::Rotate);
    Some(field("rotation", format!("{name} {state}; {open} opens it"), role))
}

fn overrides(row: &SecretRow) -> Line {
    if row.shadows.is_empty() {
        return field("overrides", "no other layer has this name", Role::Muted);
    }
    let own = |layer: &String| {
        let other = row.hidden.iter().find(|(held, name)| held == layer && *name != row.name);
        other.map_or_else(|| layer.clone(), |(_, name)| format!("{name} of {layer}"))
    };
    let all = row.shadows.iter().map(own).collect::<Vec<_>>().join(", ");
    Line::Whole("overrides".into(), format!("{all}: set there too, and not used"), Role::DueSoon)
}

/// What happened to it, or will by itself.
fn events(model: &Model, row: &SecretRow) -> Vec<Line> {
    let mut lines = Vec::new();
    let until = |at| words::left(model.now.duration_since(at).checked_neg().unwrap_or_default());
    if row.deleted || row.deletes_at.is_some() {
        let restore = format!("quarterdeck secrets restore {} --layer {}", row.name, row.layer);
        let text = match row.deletes_at {
            Some(at) if at > model.now => format!("there; gone for good in {}; {restore}", until(at)),
            Some(_) => "there, and gone for good".to_owned(),
            None => format!("there; {restore}"),
        };
        lines.push(Line::Whole("DELETED".into(), text, Role::DueSoon));
    }
    // That it was deleted is the change.
    if let Some(at) = row.changed_at.filter(|_| !is_deleted(row)) {
        let ago = words::age(model.now.duration_since(at));
        lines.push(field(
            "CHANGED",
            format!("{ago} ago, {}, not through this program", words::moment(at)),
            Role::Strong,
        ));
    }
    if let Some(at) = row.rotates_at {
        let who = row.backend.to_uppercase();
        lines.push(field(ROTATED, format!("{who} itself, next in {}, {}", until(at), words::moment(at)), Role::Text));
    }
    lines
}

fn times(model: &Model, row: &SecretRow) -> [Line; 2] {
    let (text, role) = match is_deleted(row) {
        true => ("DELETED: not due while it is".to_owned(), Role::DueSoon),
        false => (state(model, row), crate::secrets::role(row.state)),
    };
    [field("state", text, role), field("age", age(model, row.age), Role::Text)]
}

/// What this program knows of it, and what a person may do.
fn history(model: &Model, row: &SecretRow) -> Vec<Line> {
    let days = row.period.as_secs() / 86_400;
    let read = match row.last_read {
        Some(at) => {
            let times = words::count(usize::try_from(row.reads).unwrap_or(usize::MAX), "time");
            format!("{} ago, {times} in all", words::age(model.now.duration_since(at)))
        }
        None => "never through this program".into(),
    };
    let change = match (row.writable, may_be_a_map(row)) {
        (false, _) => format!("not from here: {} is set outside", row.layer),
        (true, _) if is_deleted(row) => "not while it is deleted: restore it first".to_owned(),
        (true, false) => format!("quarterdeck secrets set {}", row.name),
        (true, true) => format!("quarterdeck secrets set {}#KEY (one value: no #KEY)", row.name),
    };
    let by = row.written_by.clone().unwrap_or_else(|| "not through this program".into());
    let mut lines = vec![
        field("allowed", words::count(usize::try_from(days).unwrap_or(0), "day"), Role::Text),
        field("written by", by, Role::Text),
        field("last read", read, Role::Text),
        Line::Whole("to change it".into(), change, Role::Text),
    ];
    lines.extend(row.warnings.iter().map(|warning| Line::Whole("!".into(), warning.clone(), Role::Danger)));
    lines
}

/// A secret there may hold several keys, and its listing doesn't tell.
fn may_be_a_map(row: &SecretRow) -> bool {
    matches!(row.backend.as_str(), "vault" | "aws") && !row.name.contains('#')
}

/// How old this news is.
fn fresh(model: &Model, told: &SecretDetail) -> Line {
    let again = if model.inspect.is_awaited() {
        "asked again".to_owned()
    } else {
        format!("{} asks again", model.setup.keymap.shown(Action::ReadAgain))
    };
    let ago = words::age(model.now.duration_since(told.asked_at));
    let label = if told.error.is_some() { "asked" } else { "told by" };
    field(label, format!("{} {ago} ago; {again}", told.layer), Role::Muted)
}

/// The versions, newest first.
fn versions(model: &Model, told: &SecretDetail) -> Line {
    if told.versions.is_empty() {
        let none = if told.error.is_some() { "not known" } else { "none are kept there" };
        return field("versions", none, Role::Muted);
    }
    Line::Table(Table {
        name: "VERSIONS",
        rest: told.versions.len().to_string(),
        columns: &["version", "stage", "age", "labels"],
        rows: told.versions.iter().map(|version| version_row(model, version)).collect(),
    })
}

fn version_row(model: &Model, version: &VersionRow) -> (Vec<String>, Role) {
    let (stage, role) = match (version.gone, version.stage) {
        ("", "") => ("-".to_owned(), Role::Text),
        ("", "current") => ("current".to_owned(), Role::Ok),
        ("", stage) => (stage.to_owned(), Role::Text),
        (gone, _) => (gone.to_uppercase(), Role::Muted),
    };
    let labels = if version.labels.is_empty() { "-".to_owned() } else { version.labels.join(", ") };
    (vec![words::version_id(&version.id), stage, short_age(model, version.age), labels], role)
}

/// Every layer that has it: the winner first, and what it hides.
fn held_by(model: &Model, holders: &[Holder]) -> Line {
    let rows = holders.iter().enumerate().map(|(at, holder)| {
        let role = if at == 0 { Role::Text } else { Role::Muted };
        let layer = if at == 0 { format!("{}, used", holder.layer) } else { holder.layer.clone() };
        let version = holder.version.as_deref().map_or_else(|| "-".to_owned(), words::version_id);
        let cells = vec![layer, version, short_age(model, holder.age), holder.name.clone()];
        (cells, role)
    });
    Line::Table(Table {
        name: "HELD BY",
        rest: words::count(holders.len(), "layer"),
        columns: &["layer", "version", "age", "its name there"],
        rows: rows.collect(),
    })
}

/// What the backend keeps beside it for people: tags, custom metadata.
fn tags(told: &SecretDetail) -> Line {
    let rows = told.labels.iter().map(|(name, text)| (vec![name.clone(), text.clone()], Role::Text));
    Line::Table(Table {
        name: "TAGS",
        rest: told.labels.len().to_string(),
        columns: &["tag", ""],
        rows: rows.collect(),
    })
}

fn short_age(model: &Model, age: Age) -> String {
    match (age, age.at(model.now).map(words::age)) {
        (Age::AtLeastSince(_), Some(old)) => format!("over {old}"),
        (_, Some(old)) => old,
        _ => "not known".to_owned(),
    }
}

fn state(model: &Model, row: &SecretRow) -> String {
    match row.due_at {
        None => row.state.words().to_owned(),
        Some(due) => {
            let left = due.duration_since(model.now);
            if row.state == SecretState::Overdue || left.is_negative() {
                let late = words::age(left.checked_neg().unwrap_or_default());
                format!("{}: since {late}, {}", row.state, words::moment(due))
            } else {
                format!("{}: due in {}, {}", row.state, words::left(left), words::moment(due))
            }
        }
    }
}

fn age(model: &Model, age: Age) -> String {
    match (age, age.at(model.now).map(words::age)) {
        (Age::Since(made), Some(old)) => format!("{old}, made {}", words::moment(made)),
        (Age::AtLeastSince(made), Some(old)) => {
            format!("at least {old}: the whole store is of {}", words::moment(made))
        }
        _ => "no age known: nothing tells when it was made".into(),
    }
}

/// Draws the detail with its heading. The value stands still; what is below it is scrolled.
pub(crate) fn draw(view: Option<&View>, pen: &mut Pen<'_>, area: Rect) {
    let Some(view) = view else {
        detail::title(pen, area, "", (0, 0), "");
        pen.put(crate::pen::from(row(area, 1), 2), "Nothing is selected.", Role::Muted);
        return;
    };
    let body = detail::body(area);
    let (label, line) = detail::field(&view.lines, row(body, 0));
    pen.put(label, "value", Role::Label);
    let used = match &view.value {
        Shown::Masked(how) => {
            pen.put_all(line, &[(MASK, Role::Muted), ("  ", Role::Text), (how, Role::Muted)]);
            1
        }
        Shown::Value { text, left } => draw_value(pen, body, line, text.expose(), left),
    };
    let hidden = detail::draw(&view.lines, view.scroll, pen, below(body, used));
    detail::title(pen, area, &view.name, hidden, &view.how);
}

/// Draws a value over as many rows as it needs, at most half of the pane. Gives the rows it took.
fn draw_value(pen: &mut Pen<'_>, body: Rect, line: Rect, value: &str, left: &str) -> u16 {
    let width = usize::from(line.width).max(1);
    let most = usize::from((body.height / 2).max(1));
    let pieces: Vec<Zeroizing<String>> = value.split('\n').flat_map(|text| pieces(text, width, pen.ascii)).collect();
    for (index, piece) in pieces.iter().take(most).enumerate() {
        pen.put(Rect { y: line.y + index as u16, ..line }, piece, Role::Revealed);
    }
    let rows = pieces.len().min(most) as u16;
    let cut = if pieces.len() > most { ", cut here" } else { "" };
    let says = format!("{}{cut}; {left}", words::count(value.chars().count(), "character"));
    pen.put(Rect { y: line.y + rows, ..line }, &says, Role::Strong);
    rows + 1
}

/// One line of a value in pieces of this width. What can't be shown as itself is shown as its number, so that nobody
/// reads a password that isn't.
fn pieces(text: &str, width: usize, ascii: bool) -> Vec<Zeroizing<String>> {
    let mut pieces = vec![Zeroizing::new(String::with_capacity(width * 4))];
    let mut used = 0;
    for c in text.chars() {
        let narrow = sanitise::is_plain(c) && UnicodeWidthChar::width(c) == Some(1);
        let plain = narrow && (c.is_ascii() || !ascii);
        let wide = if plain { 1 } else { c.escape_unicode().len() };
        if used > 0 && used + wide > width {
            pieces.push(Zeroizing::new(String::with_capacity(width * 4)));
            used = 0;
        }
        let Some(piece) = pieces.last_mut() else { break };
        if plain {
            piece.push(c)
        } else {
            piece.extend(c.escape_unicode())
        }
        used += wide;
    }
    pieces
}
