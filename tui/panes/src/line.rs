//! One audit line in full: its fields, where it stands, and its whole text. Refuses to guess at text that has not come.

use crate::heading::heading;
use crate::pen::{Pen, below, first, from, row};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::Model;
use ratatui::layout::Rect;

const LABEL: u16 = 10;

/// The line as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    title: String,
    fields: Vec<(&'static str, String, Role)>,
    text: Option<Vec<String>>,
    scroll: usize,
}

impl View {
    /// Makes the view of the opened line.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let opened = model.tail.opened.as_ref()?;
        let mut fields = Vec::new();
        if let Some(line) = model.tail.line(opened.number) {
            let at = line.at.map_or_else(|| "the line tells no time".to_owned(), words::moment);
            fields.push(("time", at, Role::Text));
            fields.push(("severity", line.severity.word().to_owned(), crate::audit::role(line.severity)));
            fields.push(("who", line.actor().to_owned(), Role::Text));
            fields.push(("what", line.kind().to_owned(), Role::Text));
            fields.push(("on", line.resource().to_owned(), Role::Text));
            fields.push(("outcome", line.outcome().to_owned(), Role::Text));
        }
        let place = opened.place;
        let title =
            format!("{}, byte {}, {}", opened.source, place.offset, words::count(place.length as usize, "byte"));
        Some(Self { title, fields, text: opened.text.clone(), scroll: opened.scroll })
    }
}

/// Draws it with its heading.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) {
    heading(pen, row(area, 0), "LINE", &view.title, &[]);
    let body = below(area, 1);
    let two = body.width >= 110;
    let half = (view.fields.len() as u16).div_ceil(if two { 2 } else { 1 });
    for (index, (label, text, role)) in view.fields.iter().enumerate() {
        let index = index as u16;
        let column = if index < half { from(body, 0) } else { from(body, body.width / 2) };
        let line = row(column, index % half);
        let line = if index < half && two { first(line, body.width / 2 - 1) } else { line };
        pen.put(first(from(line, 2), LABEL), label, Role::Label);
        pen.put(from(line, 2 + LABEL), text, *role);
    }
    let rest = below(body, half);
    match &view.text {
        None => _ = pen.put(from(row(rest, 0), 2), "fetching the whole line", Role::Muted),
        Some(text) => draw_text(pen, rest, text, view.scroll),
    }
}

fn draw_text(pen: &mut Pen<'_>, area: Rect, text: &[String], scroll: usize) {
    for (index, text) in text.iter().skip(scroll).take(usize::from(area.height)).enumerate() {
        pen.put(from(row(area, index as u16), 2), text, Role::Muted);
    }
}
