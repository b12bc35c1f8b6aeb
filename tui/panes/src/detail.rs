//! A detail's lines: fields and small tables, broken to their width and scrolled. Refuses to scroll past its end, and to
//! cut an error or what to do about it to one row.

use crate::foot::wrapped;
use crate::heading::{Label, heading};
use crate::pen::{Pen, below, columns, first, from, row};
use crate::picture::spark;
use crate::theme::Role;
use crate::words;
use ratatui::layout::Rect;

/// The names of fields have at least so many columns; one that needs more than the second pushes its own text aside.
const LABEL: (u16, u16) = (12, 16);

/// One line of a detail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// A name and a text of one row.
    Field(String, String, Role),
    /// A name and a text that is read whole.
    Whole(String, String, Role),
    /// A name, a time and the times before it as a picture.
    History(String, String, Vec<u64>),
    /// A table with its heading.
    Table(Table),
}

/// A table in a detail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// The heading's first word.
    pub(crate) name: &'static str,
    /// What follows it.
    pub(crate) rest: String,
    /// The columns' names; the last one has what room there is.
    pub(crate) columns: &'static [&'static str],
    /// The rows, a text for each column.
    pub(crate) rows: Vec<(Vec<String>, Role)>,
}

/// One row as it is drawn.
enum Row<'a> {
    Named { label: &'a str, text: String, role: Role },
    History { label: &'a str, text: &'a str, history: &'a [u64] },
    Heading(&'a Table),
    Cells { table: &'a Table, cells: &'a [String], role: Role },
}

fn rows(lines: &[Line], width: u16) -> Vec<Row<'_>> {
    let room = usize::from(width.saturating_sub(label(lines) + 3)).max(8);
    let mut rows = Vec::new();
    for line in lines {
        match line {
            Line::Field(label, text, role) => rows.push(Row::Named { label, text: text.clone(), role: *role }),
            Line::Whole(label, text, role) => {
                let pieces = wrapped(text, room, 6).into_iter().enumerate();
                rows.extend(pieces.map(|(at, text)| Row::Named {
                    label: if at == 0 { label } else { "" },
                    text,
                    role: *role,
                }));
            }
            Line::History(label, text, history) => rows.push(Row::History { label, text, history }),
            Line::Table(table) => {
                rows.push(Row::Heading(table));
                rows.extend(table.rows.iter().map(|(cells, role)| Row::Cells { table, cells, role: *role }));
            }
        }
    }
    rows
}

/// Rows that the lines need at this width.
pub(crate) fn height(lines: &[Line], width: u16) -> u16 {
    u16::try_from(rows(lines, width).len()).unwrap_or(u16::MAX)
}

/// Columns of the widest name of a field.
fn label(lines: &[Line]) -> u16 {
    let labels = lines.iter().filter_map(|line| match line {
        Line::Field(label, ..) | Line::Whole(label, ..) | Line::History(label, ..) => Some(columns(label)),
        Line::Table(_) => None,
    });
    labels.filter(|label| *label <= LABEL.1).max().unwrap_or(0).max(LABEL.0)
}

/// Where a field's name and its text stand in a row.
pub(crate) fn field(lines: &[Line], line: Rect) -> (Rect, Rect) {
    let label = label(lines);
    (first(from(line, 2), label), from(line, 3 + label))
}

/// Draws the lines, from the row they are scrolled to. Gives how many rows are hidden above and below.
pub(crate) fn draw(lines: &[Line], scroll: usize, pen: &mut Pen<'_>, area: Rect) -> (usize, usize) {
    let rows = rows(lines, area.width);
    let room = usize::from(area.height);
    let scroll = scroll.min(rows.len().saturating_sub(room));
    for (index, item) in rows.iter().skip(scroll).take(room).enumerate() {
        let line = row(area, index as u16);
        let (mut name, mut text_field) = field(lines, line);
        if let Row::Named { label, .. } = item
            && columns(label) > name.width
        {
            name = first(from(line, 2), columns(label));
            text_field = from(line, 4 + columns(label));
        }
        match item {
            Row::Named { label, text, role } => {
                pen.put(name, label, if *label == "!" { Role::Danger } else { Role::Label });
                pen.put(text_field, text, *role);
            }
            Row::History { label, text, history } => {
                pen.put(name, label, Role::Label);
                let used = pen.put(text_field, text, Role::Text);
                draw_history(pen, from(text_field, used + 2), history);
            }
            Row::Heading(table) => {
                let places = places(table, line.width);
                let labels: Vec<Label<'_>> =
                    // The first column's name is the table's.
                    table.columns.iter().zip(&places).skip(1).map(|(name, (at, _))| Label::At(*at, name)).collect();
                heading(pen, line, table.name, &table.rest, &labels);
            }
            Row::Cells { table, cells, role } => {
                for ((at, width), cell) in places(table, line.width).into_iter().zip(*cells) {
                    pen.put(first(from(line, at), width), cell, *role);
                }
            }
        }
    }
    (scroll, rows.len().saturating_sub(scroll + room))
}

/// Each column's start and width: as wide as its widest cell, the first one narrower where there is no room for all.
fn places(table: &Table, width: u16) -> Vec<(u16, u16)> {
    let last = table.columns.len().saturating_sub(1);
    let widest = |at: usize| {
        let cells = table.rows.iter().filter_map(|(cells, _)| cells.get(at)).map(|cell| columns(cell));
        cells.chain([columns(table.columns[at])]).max().unwrap_or(0)
    };
    let mut widths: Vec<u16> = (0..table.columns.len()).map(widest).collect();
    let gaps = 2 * (last as u16 + 1);
    let longest = widths.iter().take(last).copied().max().unwrap_or(0);
    let over = (widths.iter().sum::<u16>() + gaps).saturating_sub(width);
    if let Some(wide) = widths.iter_mut().take(last).find(|wide| **wide == longest) {
        *wide = wide.saturating_sub(over).max(8.min(*wide));
    }
    // The names of the columns begin after the heading's own words.
    let title = 5 + columns(table.name) + columns(&table.rest);
    if let Some(first) = widths.first_mut().filter(|_| last > 0) {
        *first = (*first).max(title.saturating_sub(2).min(width / 2));
    }
    let mut at = 2;
    let mut places = Vec::new();
    for (index, wide) in widths.into_iter().enumerate() {
        places.push((at, if index == last { width.saturating_sub(at) } else { wide }));
        at += wide + 2;
    }
    places
}

/// The last readings as a picture, with the slowest in figures.
fn draw_history(pen: &mut Pen<'_>, field: Rect, history: &[u64]) {
    let room = usize::from(field.width.saturating_sub(28)).min(40);
    let last = &history[history.len().saturating_sub(room)..];
    let Some(slowest) = last.iter().max() else { return };
    let (open, close) = if pen.ascii { ("[", "]") } else { ("", "") };
    let text = format!("{open}{}{close}", spark(last, 0, pen.ascii));
    let used = pen.put(field, &text, Role::Gauge);
    let says = format!(" last {}, slowest {}", last.len(), words::took(*slowest));
    pen.put(from(field, used), &says, Role::Muted);
}

/// Draws a detail's heading: whose it is, and that there is more of it than is seen.
pub(crate) fn title(pen: &mut Pen<'_>, area: Rect, name: &str, hidden: (usize, usize), how: &str) {
    let line = row(area, 0);
    let more = match hidden {
        (0, 0) => String::new(),
        (0, below) => format!("{below} more below: {how}"),
        (above, 0) => format!("{above} above"),
        (above, below) => format!("{above} above, {below} below"),
    };
    let end = line.width.saturating_sub(3);
    let labels = [Label::To(end, more.as_str())];
    heading(pen, line, "DETAIL", name, if more.is_empty() { &[] } else { &labels });
}

/// The room under the heading.
pub(crate) fn body(area: Rect) -> Rect {
    below(area, 1)
}
