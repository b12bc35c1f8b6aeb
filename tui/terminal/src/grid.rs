//! A screen as the terminal would hold it: one glyph a cell, colours already mapped, nothing in it that could
//! be a command.
//!
//! It is where text that came through every other sieve is stopped once more: control, bidi and zero-width
//! characters become `?` or vanish here, whatever a widget wrote. Glyphs are plain numbers, so that a grid can
//! really be wiped.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
use zeroize::{DefaultIsZeroes, Zeroize};

use crate::ascii::ascii_char;
use crate::colour::Hue;
use crate::features::Features;

/// Attribute bits of a [`Pen`].
pub(crate) mod attr {
    pub(crate) const BOLD: u8 = 1;
    pub(crate) const DIM: u8 = 2;
    pub(crate) const ITALIC: u8 = 4;
    pub(crate) const UNDERLINE: u8 = 8;
    pub(crate) const BLINK: u8 = 16;
    pub(crate) const REVERSE: u8 = 32;
    pub(crate) const STRIKE: u8 = 64;
    /// Those that show on a blank.
    pub(crate) const ON_BLANK: u8 = UNDERLINE | REVERSE | STRIKE;
    /// Those left when there is no colour: what a VT100 had.
    pub(crate) const MONO: u8 = BOLD | UNDERLINE | REVERSE;
}

/// How a glyph is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pen {
    pub(crate) fg: Hue,
    pub(crate) bg: Hue,
    pub(crate) attrs: u8,
}

/// One cell. A wide glyph is followed by a [`Glyph::HALF`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyph {
    /// `'\0'` is the second half of the wide glyph before it.
    pub(crate) ch: char,
    /// Combining marks, `'\0'` where there is none; more than two are dropped.
    pub(crate) marks: [char; 2],
    pub(crate) pen: Pen,
}

impl Default for Glyph {
    fn default() -> Self {
        Self::BLANK
    }
}

impl DefaultIsZeroes for Glyph {}

impl Glyph {
    pub(crate) const BLANK: Self =
        Self { ch: ' ', marks: ['\0'; 2], pen: Pen { fg: Hue::Default, bg: Hue::Default, attrs: 0 } };
    const NO_MARKS: [char; 2] = ['\0'; 2];

    pub(crate) fn is_half(self) -> bool {
        self.ch == '\0'
    }

    /// A space on which only the background shows.
    pub(crate) fn is_blank(self) -> bool {
        self.ch == ' ' && self.pen.attrs & attr::ON_BLANK == 0
    }

    /// A space such as an erased cell is.
    pub(crate) fn is_erased(self) -> bool {
        self == Self::BLANK
    }

    pub(crate) fn push(self, out: &mut Vec<u8>) {
        for c in std::iter::once(self.ch).chain(self.marks.into_iter().take_while(|mark| *mark != '\0')) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// A screen of glyphs, row by row. Wiped when dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    pub(crate) cols: u16,
    pub(crate) rows: u16,
    glyphs: Vec<Glyph>,
}

impl Grid {
    /// Makes an empty screen.
    pub(crate) fn blank(cols: u16, rows: u16) -> Self {
        Self { cols, rows, glyphs: vec![Glyph::BLANK; usize::from(cols) * usize::from(rows)] }
    }

    /// Reads a drawn buffer, clipped to the terminal's size; it may be drawn at any origin.
    pub(crate) fn read(&mut self, buffer: &Buffer, size: (u16, u16), features: &Features) {
        self.wipe();
        self.cols = buffer.area.width.min(size.0);
        self.rows = buffer.area.height.min(size.1);
        for y in 0..self.rows {
            let start = usize::from(y) * usize::from(buffer.area.width);
            self.read_row(&buffer.content[start..start + usize::from(self.cols)], features);
        }
    }

    fn read_row(&mut self, cells: &[Cell], features: &Features) {
        let mut x = 0;
        // Neighbours are mostly alike, and finding the nearest of 256 colours is most of a frame's work.
        let style = |cell: &Cell| (cell.fg, cell.bg, cell.modifier);
        let mut last = None;
        while x < cells.len() {
            let pen = match last {
                Some((known, pen)) if known == style(&cells[x]) => pen,
                _ => pen_of(&cells[x], features),
            };
            last = Some((style(&cells[x]), pen));
            let (ch, marks, wide) = spell(&cells[x], features.ascii);
            // Half a wide glyph at the border would wrap and move everything after it.
            let wide = wide && x + 1 < cells.len();
            let ch = if !wide && ch.width() == Some(2) { ' ' } else { ch };
            let marks = if ch == ' ' { Glyph::NO_MARKS } else { marks };
            self.glyphs.push(Glyph { ch, marks, pen: if ch == ' ' { blank_pen(pen) } else { pen } });
            if wide {
                self.glyphs.push(Glyph { ch: '\0', marks: Glyph::NO_MARKS, pen });
            }
            x += if wide { 2 } else { 1 };
        }
    }

    pub(crate) fn row(&self, y: u16) -> &[Glyph] {
        let cols = usize::from(self.cols);
        &self.glyphs[usize::from(y) * cols..(usize::from(y) + 1) * cols]
    }

    /// Moves the rows `top..=bottom` up by `by` (down if negative); the rows that come free are blank.
    pub(crate) fn scroll(&mut self, top: u16, bottom: u16, by: i16) {
        let cols = usize::from(self.cols);
        let region = &mut self.glyphs[usize::from(top) * cols..(usize::from(bottom) + 1) * cols];
        let moved = (usize::from(by.unsigned_abs()) * cols).min(region.len());
        let free = if by >= 0 {
            region.copy_within(moved.., 0);
            let kept = region.len() - moved;
            &mut region[kept..]
        } else {
            let kept = region.len() - moved;
            region.copy_within(..kept, moved);
            &mut region[..moved]
        };
        free.fill(Glyph::BLANK);
    }

    pub(crate) fn wipe(&mut self) {
        // The vector's own zeroize would also write over its spare room, byte by byte, which is wiped already and
        // as large as the screen.
        self.glyphs.as_mut_slice().zeroize();
        self.glyphs.clear();
        (self.cols, self.rows) = (0, 0);
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// On a blank only the background shows, so that what doesn't show mustn't make it differ.
fn blank_pen(pen: Pen) -> Pen {
    if pen.attrs & attr::ON_BLANK == 0 { Pen { bg: pen.bg, ..Pen::default() } } else { pen }
}

fn pen_of(cell: &Cell, features: &Features) -> Pen {
    const BITS: [(Modifier, u8); 8] = [
        (Modifier::BOLD, attr::BOLD),
        (Modifier::DIM, attr::DIM),
        (Modifier::ITALIC, attr::ITALIC),
        (Modifier::UNDERLINED, attr::UNDERLINE),
        (Modifier::SLOW_BLINK, attr::BLINK),
        (Modifier::RAPID_BLINK, attr::BLINK),
        (Modifier::REVERSED, attr::REVERSE),
        (Modifier::CROSSED_OUT, attr::STRIKE),
    ];
    let mode = features.colours;
    let attrs =
        BITS.iter().filter(|(modifier, _)| cell.modifier.contains(*modifier)).fold(0, |all, (_, bit)| all | bit);
    let attrs = if mode == crate::ColorMode::Mono { attrs & attr::MONO } else { attrs };
    Pen { fg: Hue::of(cell.fg, mode), bg: Hue::of(cell.bg, mode), attrs }
}

/// The characters a cell is spelt with, and whether they fill two cells.
fn spell(cell: &Cell, ascii: bool) -> (char, [char; 2], bool) {
    // A terminal's 'hidden' can be copied with the mouse; hidden is hidden by not being sent.
    if cell.modifier.contains(Modifier::HIDDEN) {
        return (' ', Glyph::NO_MARKS, false);
    }
    if let [byte @ b' '..=b'~'] = cell.symbol().as_bytes() {
        return (char::from(*byte), Glyph::NO_MARKS, false);
    }
    let mut chars = cell.symbol().chars();
    let first = match chars.next() {
        None => return (' ', Glyph::NO_MARKS, false),
        Some(c) if is_command(c) || c.width().unwrap_or(0) == 0 => '?',
        Some(c) => c,
    };
    let wide = first.width() == Some(2);
    let mut marks = Glyph::NO_MARKS;
    for (place, mark) in marks.iter_mut().zip(chars.by_ref().filter(|c| c.width() == Some(0) && !is_command(*c))) {
        *place = mark;
    }
    // What joins into another width (flags, families of emoji) is drawn differently by each terminal.
    let joined = cell.symbol().width() != first.width().unwrap_or(1) && cell.symbol().chars().count() > 1;
    match (joined, ascii) {
        (true, _) => ('?', Glyph::NO_MARKS, false),
        (false, true) if marks != Glyph::NO_MARKS || wide => ('?', Glyph::NO_MARKS, false),
        (false, true) => (ascii_char(first), Glyph::NO_MARKS, false),
        (false, false) => (first, marks, wide),
    }
}

/// Characters that steer a terminal or its text instead of being shown.
fn is_command(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}
