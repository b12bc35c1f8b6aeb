//! One secret in detail: where it comes from, what it overrides, how old it is and who touched it. Refuses the value,
//! except for the seconds of a reveal.

use crate::heading::heading;
use crate::pen::{Pen, below, first, from, row};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::{Action, Model, Reveal, SecretId};
use quarterdeck_domain::overview::SecretRow;
use quarterdeck_domain::rotation::{Age, SecretState};
use quarterdeck_domain::sanitise;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthChar;
use zeroize::Zeroizing;

/// A masked value: always as long, so that it tells nothing.
const MASK: &str = "************";
const LABEL: u16 = 13;

/// The detail as it is shown.
#[derive(Clone, PartialEq)]
pub(crate) struct View {
    name: String,
    lines: Vec<(&'static str, String, Role)>,
    value: Shown,
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
        let reveal = model.setup.keymap.shown(Action::Reveal);
        let unlock = model.setup.keymap.shown(Action::Unlock);
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
        Some(Self { name: row.name.clone(), lines: lines(model, row), value })
    }

    /// Rows it needs with its heading.
    pub(crate) fn height(&self) -> u16 {
        self.lines.len() as u16 + 2
    }
}

fn lines(model: &Model, row: &SecretRow) -> Vec<(&'static str, String, Role)> {
    let mut lines = Vec::new();
    let version = row.version.as_deref().map(|version| format!(", {}", words::version(Some(version))));
    let backend = if row.backend == row.layer { String::new() } else { format!(", backend {}", row.backend) };
    lines.push(("comes from", format!("layer {}{backend}{}", row.layer, version.unwrap_or_default()), Role::Text));
    let overrides = if row.shadows.is_empty() {
        ("no other layer has this name".to_owned(), Role::Muted)
    } else {
        (format!("{}: set there too, and not used", row.shadows.join(", ")), Role::DueSoon)
    };
    lines.push(("overrides", overrides.0, overrides.1));
    lines.push(("state", state(model, row), crate::secrets::role(row.state)));
    lines.push(("age", age(model, row), Role::Text));
    let days = row.period.as_secs() / 86_400;
    lines.push(("allowed", words::count(usize::try_from(days).unwrap_or(0), "day"), Role::Text));
    let by = row.written_by.clone().unwrap_or_else(|| "not through this program".into());
    lines.push(("written by", by, Role::Text));
    let read = match row.last_read {
        Some(at) => {
            let times = words::count(usize::try_from(row.reads).unwrap_or(usize::MAX), "time");
            format!("{} ago, {times} in all", words::age(model.now.duration_since(at)))
        }
        None => "never through this program".into(),
    };
    lines.push(("last read", read, Role::Text));
    let change = if row.writable {
        format!("quarterdeck secrets set {}", row.name)
    } else {
        format!("not from here: {} is set outside", row.layer)
    };
    lines.push(("to change it", change, Role::Text));
    lines.extend(row.warnings.iter().map(|warning| ("!", warning.clone(), Role::Danger)));
    lines
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

fn age(model: &Model, row: &SecretRow) -> String {
    let old = row.age.at(model.now).map(words::age);
    match (row.age, old) {
        (Age::Since(made), Some(old)) => format!("{old}, made {}", words::moment(made)),
        (Age::AtLeastSince(made), Some(old)) => {
            format!("at least {old}: the whole store is of {}", words::moment(made))
        }
        _ => "no age known: nothing tells when it was made".into(),
    }
}

/// Draws the detail with its heading.
pub(crate) fn draw(view: Option<&View>, pen: &mut Pen<'_>, area: Rect) {
    let Some(view) = view else {
        heading(pen, row(area, 0), "DETAIL", "", &[]);
        pen.put(from(row(area, 1), 2), "Nothing is selected.", Role::Muted);
        return;
    };
    heading(pen, row(area, 0), "DETAIL", &view.name, &[]);
    let body = below(area, 1);
    let field = |index: u16| (first(from(row(body, index), 2), LABEL - 1), from(row(body, index), 2 + LABEL));
    let (label, line) = field(0);
    pen.put(label, "value", Role::Label);
    let mut at = 1;
    match &view.value {
        Shown::Masked(how) => _ = pen.put_all(line, &[(MASK, Role::Muted), ("  ", Role::Text), (how, Role::Muted)]),
        Shown::Value { text, left } => at = draw_value(pen, body, line, text.expose(), left),
    }
    for (name, text, role) in &view.lines {
        let (label, line) = field(at);
        pen.put(label, name, if *name == "!" { Role::Danger } else { Role::Label });
        pen.put(line, text, *role);
        at += 1;
    }
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
