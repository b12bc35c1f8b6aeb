//! Writes into the buffer, inside its field and nowhere else. Refuses whatever could move a column: text from outside
//! is made harmless and cut to its width here, whoever made it harmless before.

use crate::theme::{Role, Theme};
use quarterdeck_domain::sanitise;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use std::borrow::Cow;

/// A pen over one buffer, with a theme.
pub(crate) struct Pen<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    /// Nothing above 0x7f is drawn.
    pub(crate) ascii: bool,
}

/// What lines and pictures are drawn with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glyphs {
    /// A horizontal rule.
    pub(crate) rule: char,
    /// A gauge's ends.
    pub(crate) ends: (char, char),
}

impl<'a> Pen<'a> {
    /// A pen over a buffer.
    pub(crate) fn new(buffer: &'a mut Buffer, theme: &'a Theme, ascii: bool) -> Self {
        Self { buffer, theme, ascii }
    }

    /// What lines are drawn with.
    pub(crate) fn glyphs(&self) -> Glyphs {
        if self.ascii {
            Glyphs { rule: '-', ends: ('[', ']') }
        } else {
            Glyphs { rule: '\u{2500}', ends: ('\u{2595}', '\u{258f}') }
        }
    }

    /// Writes text from the left of a field, cut to it. Gives the columns it took.
    pub(crate) fn put(&mut self, field: Rect, text: &str, role: Role) -> u16 {
        self.styled(field, text, self.theme.style(role))
    }

    /// Writes text at the right end of a field, cut to it.
    pub(crate) fn put_right(&mut self, field: Rect, text: &str, role: Role) {
        let width = columns(text).min(field.width);
        let field = Rect { x: field.x + field.width - width, width, ..field };
        self.put(field, text, role);
    }

    /// Writes pieces one after the other, each in its role. Gives the columns they took.
    pub(crate) fn put_all(&mut self, field: Rect, pieces: &[(&str, Role)]) -> u16 {
        let mut used = 0;
        for (text, role) in pieces {
            used += self.put(from(field, used), text, *role);
        }
        used
    }

    /// Fills a field with one character.
    pub(crate) fn fill(&mut self, field: Rect, c: char, role: Role) {
        let style = self.theme.style(role);
        let field = field.intersection(self.buffer.area);
        let c = if self.ascii && !c.is_ascii() { '?' } else { c };
        for position in field.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.set_char(c).set_style(style);
            }
        }
    }

    /// Lays a role's look over what is written. What has a background of its own keeps it.
    pub(crate) fn tint(&mut self, field: Rect, role: Role) {
        let style = self.theme.style(role);
        for position in field.intersection(self.buffer.area).positions() {
            if let Some(cell) = self.buffer.cell_mut(position)
                && cell.bg == Color::Reset
                && !cell.modifier.contains(Modifier::REVERSED)
            {
                cell.set_style(style);
            }
        }
    }

    /// Empties a field.
    pub(crate) fn clear(&mut self, field: Rect) {
        for position in field.intersection(self.buffer.area).positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    fn styled(&mut self, field: Rect, text: &str, style: Style) -> u16 {
        let field = field.intersection(self.buffer.area);
        if field.is_empty() {
            return 0;
        }
        let harmless = sanitise::line(text, usize::from(field.width));
        let harmless = if self.ascii && !harmless.is_ascii() { Cow::Owned(in_ascii(&harmless)) } else { harmless };
        let (end, _) = self.buffer.set_stringn(field.x, field.y, &harmless, usize::from(field.width), style);
        end - field.x
    }
}

/// The columns that a text takes once it is harmless.
pub(crate) fn columns(text: &str) -> u16 {
    if text.is_ascii() && text.bytes().all(|byte| !byte.is_ascii_control()) {
        return u16::try_from(text.len()).unwrap_or(u16::MAX);
    }
    let harmless = sanitise::line(text, 2_000);
    u16::try_from(unicode_width::UnicodeWidthStr::width(harmless.as_ref())).unwrap_or(u16::MAX)
}

/// The rest of a field after so many columns.
pub(crate) fn from(field: Rect, used: u16) -> Rect {
    let used = used.min(field.width);
    Rect { x: field.x + used, width: field.width - used, ..field }
}

/// A field's first columns.
pub(crate) fn first(field: Rect, width: u16) -> Rect {
    Rect { width: width.min(field.width), ..field }
}

/// One row of a rectangle; empty when there is none.
pub(crate) fn row(area: Rect, index: u16) -> Rect {
    if index >= area.height {
        return Rect { height: 0, ..area };
    }
    Rect { y: area.y + index, height: 1, ..area }
}

/// A rectangle without its first rows.
pub(crate) fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// The same text without anything above 0x7f, in the same columns.
fn in_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            '\u{2010}'..='\u{2015}' => out.push('-'),
            '\u{2018}' | '\u{2019}' => out.push('\''),
            '\u{201c}' | '\u{201d}' => out.push('"'),
            '\u{b7}' | '\u{2022}' | '\u{2026}' => out.push('.'),
            _ => {
                let width = unicode_width::UnicodeWidthChar::width(c).unwrap_or(1);
                (0..width).for_each(|_| out.push('?'));
            }
        }
    }
    out
}
