//! The line above a pane: its name, what it counts, and the names of its columns, each above its column. Refuses a
//! label that would cover another.

use crate::pen::{Pen, columns, first, from};
use crate::theme::Role;
use ratatui::layout::Rect;

/// A column's name and where it stands, from the left edge of the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label<'a> {
    /// Begins here.
    At(u16, &'a str),
    /// Ends before this column.
    To(u16, &'a str),
}

/// Draws a heading over the whole row: `-- SECRETS 12, next due first ----- due in -- state --`.
pub(crate) fn heading(pen: &mut Pen<'_>, row: Rect, name: &str, rest: &str, labels: &[Label<'_>]) {
    pen.fill(row, pen.glyphs().rule, Role::Rule);
    let mut used = 3;
    used += pen.put(first(from(row, 2), row.width.saturating_sub(4)), &format!(" {name} "), Role::Heading);
    used = used.saturating_sub(1);
    if !rest.is_empty() {
        used += pen.put(first(from(row, used), row.width.saturating_sub(used + 2)), &format!("{rest} "), Role::Label);
    }
    used += 1;
    for label in labels {
        let (start, text) = match label {
            Label::At(start, text) => (*start, *text),
            Label::To(end, text) => (end.saturating_sub(columns(text)), *text),
        };
        let end = start + columns(text);
        if text.is_empty() || start < used + 1 || end + 1 > row.width {
            continue;
        }
        let field = first(from(row, start - 1), columns(text) + 2);
        pen.put(field, &format!(" {text} "), Role::Label);
        used = end;
    }
}
