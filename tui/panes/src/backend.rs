//! One backend in detail: what carries it, how it has answered, what it said on its standard error, and what to do.
//! Refuses to show a token or a value: the row has none.

use crate::foot::wrapped;
use crate::heading::heading;
use crate::pen::{Pen, below, first, from, row};
use crate::picture::spark;
use crate::theme::Role;
use crate::words;
use quarterdeck_app::Model;
use quarterdeck_domain::overview::BackendRow;
use ratatui::layout::Rect;

const LABEL: u16 = 13;

/// The detail as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    name: String,
    lines: Vec<(String, String, Role)>,
    history: Vec<u64>,
    stderr: Vec<String>,
    scroll: usize,
}

impl View {
    /// Makes the view of the selected backend.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let row = model.backends.selected()?;
        Some(Self {
            name: row.name.clone(),
            lines: lines(model, row),
            history: row.history_us.clone(),
            stderr: row.stderr_tail.clone(),
            scroll: model.backends.scroll,
        })
    }
}

fn lines(model: &Model, row: &BackendRow) -> Vec<(String, String, Role)> {
    let mut lines: Vec<(String, String, Role)> = Vec::new();
    let mut line = |label: &str, text: String, role: Role| lines.push((label.into(), text, role));
    let (state, role) = crate::backends::state(model, row);
    line("state", state, role);
    if let Some((what, remedy)) = &row.error {
        line("error", what.clone(), Role::Danger);
        if !remedy.is_empty() {
            line("to do", remedy.clone(), Role::Strong);
        }
    }
    for warning in &row.warnings {
        line("!", warning.clone(), Role::DueSoon);
    }
    line("reaches", if row.target.is_empty() { "-".into() } else { row.target.clone() }, Role::Text);
    if !row.summary.is_empty() {
        line("holds", row.summary.clone(), Role::Text);
    }
    let answered = row.answered_at.map_or_else(
        || "never yet".to_owned(),
        |at| format!("{} ago, asked every {}", words::age(model.now.duration_since(at)), words::age(row.every)),
    );
    line("answered", answered, Role::Text);
    line("latency", row.latency_us.map_or_else(|| "-".into(), words::took), Role::Text);
    line("names", row.names.map_or_else(|| "-".to_owned(), |names| names.to_string()), Role::Text);
    let restarts = if row.restarts == 0 {
        "never started again".into()
    } else {
        format!("started again {}", words::count(row.restarts as usize, "time"))
    };
    let restart_role = if row.restarts == 0 { Role::Text } else { Role::DueSoon };
    line("runs as", format!("{}, {restarts}", row.isolation), restart_role);
    let sum = row.plugin_sha256.get(..16).unwrap_or(&row.plugin_sha256);
    let sum = if sum.is_empty() { String::new() } else { format!(", sha256 {sum}..") };
    line("plugin", format!("{} {}{sum}", row.kind, row.plugin_version), Role::Text);
    for (label, text) in &row.facts {
        line(label, text.clone(), Role::Text);
    }
    lines
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
    let mut at = 0;
    for (label, text, role) in view.lines.iter().skip(view.scroll) {
        let line = row(body, at);
        let name = if label == "!" { Role::Danger } else { Role::Label };
        pen.put(first(from(line, 2), LABEL - 1), label, name);
        // An error and its remedy are read whole; a fact is one row.
        let most = if matches!(label.as_str(), "error" | "to do" | "!") { 4 } else { 1 };
        let field = from(line, 2 + LABEL);
        let rows = if most == 1 { vec![text.clone()] } else { wrapped(text, usize::from(field.width).max(8), most) };
        let mut used = 0;
        for text in &rows {
            used = pen.put(from(row(body, at), 2 + LABEL), text, *role);
            at += 1;
        }
        if label == "latency" && !view.history.is_empty() {
            draw_history(pen, from(line, 2 + LABEL + used + 2), &view.history);
        }
    }
    if view.stderr.is_empty() || at + 1 >= body.height {
        return;
    }
    heading(pen, row(body, at), "STDERR", &format!("last {}", words::count(view.stderr.len(), "line")), &[]);
    let rest = below(body, at + 1);
    let skip = view.stderr.len().saturating_sub(usize::from(rest.height));
    for (index, text) in view.stderr.iter().skip(skip).enumerate() {
        pen.put(from(row(rest, index as u16), 2), text, Role::Muted);
    }
}

/// The last readings as a picture, with the slowest in figures.
fn draw_history(pen: &mut Pen<'_>, field: Rect, history: &[u64]) {
    let room = usize::from(field.width.saturating_sub(26)).min(40);
    let skip = history.len().saturating_sub(room);
    let last = &history[skip..];
    let Some(slowest) = last.iter().max() else { return };
    let (open, close) = if pen.ascii { ("[", "]") } else { ("", "") };
    let text = format!("{open}{}{close}", spark(last, 0, pen.ascii));
    let used = pen.put(field, &text, Role::Gauge);
    let says = format!(" last {}, slowest {}", last.len(), words::took(*slowest));
    pen.put(from(field, used), &says, Role::Muted);
}
