//! One backend in detail: what is wrong and what to do, whom it logs in as and for how long, what confines it, how it has
//! answered, what it said on its standard error. Refuses to show a token or a value: the row has none.

use crate::detail::{self, Line, Table};
use crate::pen::{Pen, from, row};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::{Action, Model};
use quarterdeck_domain::overview::BackendRow;
use ratatui::layout::Rect;

/// The detail as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    name: String,
    lines: Vec<Line>,
    scroll: usize,
    /// How to see what is hidden below.
    how: String,
}

impl View {
    /// Makes the view of the selected backend.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let row = model.backends.selected()?;
        let open = model.backends.open;
        let how = model.setup.keymap.shown(if open { Action::HalfDown } else { Action::Open });
        let scroll = if open { model.backends.scroll } else { 0 };
        Some(Self { name: row.name.clone(), lines: lines(model, row), scroll, how })
    }
}

fn lines(model: &Model, row: &BackendRow) -> Vec<Line> {
    let mut lines = state(model, row);
    lines.push(field("reaches", if row.target.is_empty() { "-" } else { &row.target }, Role::Text));
    let facts = row.facts.iter().filter(|(label, text)| !is_said_elsewhere(row, label, text));
    lines.extend(facts.map(|(label, text)| field(label, text, Role::Text)));
    lines.extend(token(model, row));
    lines.extend(confinement(row));
    let took = row.latency_us.map_or_else(|| "-".into(), words::took);
    lines.push(Line::History("latency".into(), took, row.history_us.clone()));
    let answered = row.answered_at.map_or_else(
        || "never yet".to_owned(),
        |at| format!("{} ago, asked every {}", words::age(model.now.duration_since(at)), words::period(row.every)),
    );
    lines.push(field("answered", &answered, Role::Text));
    let names = row.names.map_or_else(|| "-".to_owned(), |names| names.to_string());
    let names = match row.summary.as_str() {
        "" => names,
        // It counts them itself.
        summary if summary.contains(" name") => summary.to_owned(),
        summary => format!("{names}; {summary}"),
    };
    lines.push(Line::Whole("names".into(), names, Role::Text));
    let sum = row.plugin_sha256.get(..16).unwrap_or(&row.plugin_sha256);
    let sum = if sum.is_empty() { String::new() } else { format!(", sha256 {sum}..") };
    lines.push(field("plugin", &format!("{} {}{sum}", row.kind, row.plugin_version), Role::Text));
    if !row.stderr_tail.is_empty() {
        let last = row.stderr_tail.iter().map(|text| (vec![text.clone()], Role::Muted)).collect();
        let rest = format!("last {}", words::count(row.stderr_tail.len(), "line"));
        lines.push(Line::Table(Table { name: "STDERR", rest, columns: &[""], rows: last }));
    }
    lines
}

fn field(label: &str, text: &str, role: Role) -> Line {
    Line::Field(label.into(), text.into(), role)
}

/// What has a line of its own: the target, the credential's end, and what belongs to a refusal.
fn is_said_elsewhere(row: &BackendRow, label: &str, text: &str) -> bool {
    let target = label == "address" && row.target.contains(text);
    // A token without a name of its own is called 'token'.
    target || label == text || is_of_the_error(label) || (row.expires_at.is_some() && label.ends_with("ends in"))
}

/// A refusal's facts stand beside it: the capability that is missing, the line that grants it.
fn is_of_the_error(label: &str) -> bool {
    matches!(label, "missing" | "grant")
}

/// How it is, and what is to be done about it.
fn state(model: &Model, row: &BackendRow) -> Vec<Line> {
    let (state, role) = crate::backends::state(model, row);
    let mut lines = vec![field("state", &state, role)];
    if let Some((what, remedy)) = &row.error {
        lines.push(Line::Whole("error".into(), what.clone(), Role::Danger));
        if !remedy.is_empty() {
            lines.push(Line::Whole("to do".into(), remedy.clone(), Role::Strong));
        }
        let more = row.facts.iter().filter(|(label, text)| is_of_the_error(label) && !remedy.contains(text.as_str()));
        lines.extend(more.map(|(label, text)| Line::Whole(label.clone(), text.clone(), Role::Strong)));
    }
    // What the kernel can't confine has a line of its own.
    let told = |warning: &&String| !row.unconfined.iter().any(|lack| warning.ends_with(lack.as_str()));
    let warnings = crate::backends::warnings(model, row).filter(told);
    lines.extend(warnings.map(|warning| Line::Whole("!".into(), warning.clone(), Role::DueSoon)));
    lines
}

/// When what it logs in with ends.
fn token(model: &Model, row: &BackendRow) -> Option<Line> {
    let at = row.expires_at?;
    let (left, role) = crate::backends::token(model, row)?;
    Some(field("life left", &format!("{left}, to {}", words::moment(at)), role))
}

/// What carries it, and what that may do on this machine.
fn confinement(row: &BackendRow) -> Vec<Line> {
    let (restarts, role) = match row.restarts {
        0 => ("never started again".to_owned(), Role::Text),
        times => (format!("started again {}", words::count(times as usize, "time")), Role::DueSoon),
    };
    let mut lines = vec![field("runs as", &format!("{}, {restarts}", row.isolation), role)];
    let (word, role) = crate::backends::confined(row);
    let text = match (word, row.confinement.as_str()) {
        ("confined", summary) => summary.to_owned(),
        (_, "") => word.to_owned(),
        (_, summary) => format!("{word}: {summary}"),
    };
    lines.push(Line::Whole("confined".into(), text, role));
    if !row.unconfined.is_empty() {
        lines.push(Line::Whole("not confined".into(), row.unconfined.join("; "), Role::DueSoon));
    }
    lines
}

/// Draws the detail with its heading.
pub(crate) fn draw(view: Option<&View>, pen: &mut Pen<'_>, area: Rect) {
    let Some(view) = view else {
        detail::title(pen, area, "", (0, 0), "");
        pen.put(from(row(area, 1), 2), "Nothing is selected.", Role::Muted);
        return;
    };
    let hidden = detail::draw(&view.lines, view.scroll, pen, detail::body(area));
    detail::title(pen, area, &view.name, hidden, &view.how);
}
