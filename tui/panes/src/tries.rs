//! The lines to try in a demo. Refuses to tick anything itself.

use crate::heading::heading;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::theme::Role;
use quarterdeck_app::{Model, Try};
use ratatui::layout::Rect;

/// The lines as they are shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    lines: Vec<Try>,
}

impl View {
    /// Makes the view; none where there is nothing to try.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        (!model.setup.tries.is_empty()).then(|| Self { lines: model.setup.tries.clone() })
    }

    /// Rows it needs with its heading, in this width.
    pub(crate) fn height(&self, width: u16) -> u16 {
        1 + (self.lines.len() as u16).div_ceil(across(width))
    }
}

/// How many stand beside each other.
fn across(width: u16) -> u16 {
    match width {
        0..60 => 1,
        60..100 => 2,
        _ => 3,
    }
}

/// Draws them with their heading.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) {
    let done = view.lines.iter().filter(|line| line.done).count();
    heading(pen, row(area, 0), "TRY", &format!("{done} of {} done; all of it is real", view.lines.len()), &[]);
    let body = below(area, 1);
    let across = across(area.width);
    let down = (view.lines.len() as u16).div_ceil(across).max(1);
    for (index, line) in view.lines.iter().enumerate() {
        let index = index as u16;
        let width = area.width / across;
        let field = first(from(row(body, index % down), index / down * width), width);
        let mark = if line.done { "[x] " } else { "[ ] " };
        let used = pen.put(from(field, 2), mark, if line.done { Role::Ok } else { Role::Muted });
        pen.put(from(field, 2 + used), &line.key, Role::Key);
        let text = if line.done { Role::Muted } else { Role::Text };
        pen.put(from(field, 2 + used + columns(&line.key).max(1) + 2), &line.text, text);
    }
}
