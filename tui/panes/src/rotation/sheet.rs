//! Lines that are drawn one under the other and scrolled as one. Refuses to scroll past the end, and to hide that
//! something is hidden.

use crate::foot::wrapped;
use crate::heading::{Label, heading};
use crate::pen::{Pen, columns, first, from, row};
use crate::picture::{Fill, gauge};
use crate::theme::Role;
use ratatui::layout::Rect;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// A pane's heading: its name, what it counts, and its columns' names with the place where each begins, or, for
    /// `true`, ends.
    Head(&'static str, String, Vec<(u16, bool, &'static str)>),
    /// Texts, each at its place.
    Cells(Vec<Cell>),
    /// A gauge in thousandths with what stands behind it.
    Gauge(u16, String, Role),
}

/// A text in a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    at: u16,
    width: u16,
    text: String,
    role: Role,
    right: bool,
}

/// A text from here to there.
pub(crate) fn cell(at: u16, width: u16, text: impl Into<String>, role: Role) -> Cell {
    Cell { at, width, text: text.into(), role, right: false }
}

/// The same, ending at its column's end.
pub(crate) fn right(at: u16, width: u16, text: impl Into<String>, role: Role) -> Cell {
    Cell { right: true, ..cell(at, width, text, role) }
}

/// A text over the whole line, after a mark.
pub(crate) fn say(text: impl Into<String>, role: Role) -> Line {
    Line::Cells(vec![cell(2, u16::MAX, text, role)])
}

/// A text after a mark, broken to the width; the mark stands before its first line.
pub(crate) fn marked(mark: &str, indent: u16, text: &str, role: Role, width: u16, most: usize) -> Vec<Line> {
    let room = usize::from(width.saturating_sub(indent + 1)).max(12);
    let lines = wrapped(text, room, most).into_iter().enumerate();
    let lines = lines.map(|(index, text)| {
        let mark = if index == 0 { mark } else { "" };
        Line::Cells(vec![cell(0, indent, mark, role), cell(indent, u16::MAX, text, role)])
    });
    lines.collect()
}

/// Draws them from the row that they are scrolled to; the last row says how many don't fit.
pub(crate) fn draw(lines: &[Line], scroll: usize, how: &str, pen: &mut Pen<'_>, area: Rect) {
    let room = usize::from(area.height);
    let hides = lines.len() > room;
    // A row is kept for saying so.
    let shown = if hides && room > 3 { room - 1 } else { room };
    let scroll = scroll.min(lines.len().saturating_sub(shown));
    for (index, line) in lines.iter().skip(scroll).take(shown).enumerate() {
        draw_line(pen, row(area, index as u16), line);
    }
    if shown < room {
        let below = lines.len() - scroll - shown;
        let text = match (scroll, below) {
            (0, below) => format!("{below} more: {how}"),
            (above, 0) => format!("{above} above"),
            (above, below) => format!("{above} above, {below} more: {how}"),
        };
        pen.put(from(row(area, shown as u16), 2), &text, Role::Muted);
    }
}

fn draw_line(pen: &mut Pen<'_>, line: Rect, what: &Line) {
    match what {
        Line::Head(name, rest, labels) => {
            let labels =
                labels.iter().map(|(at, ends, text)| if *ends { Label::To(*at, text) } else { Label::At(*at, text) });
            heading(pen, line, name, rest, &labels.collect::<Vec<_>>());
        }
        Line::Cells(cells) => {
            for cell in cells {
                let field = first(from(line, cell.at), cell.width);
                if cell.right {
                    pen.put_right(field, &cell.text, cell.role);
                } else {
                    pen.put(field, &cell.text, cell.role);
                }
            }
        }
        Line::Gauge(share, text, role) => {
            let bar = line.width.saturating_sub(columns(text) + 5).min(62);
            gauge(pen, first(from(line, 1), bar), Fill::Known(*share), *role);
            pen.put(from(line, bar + 3), text, *role);
        }
    }
}
