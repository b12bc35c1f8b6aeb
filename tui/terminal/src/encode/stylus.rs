//! The terminal's cursor and pen as we left them, and the fewest bytes to bring them elsewhere.
//!
//! It knows nothing of frames. What it isn't sure of (the cursor after the last column, after a glyph whose
//! width terminals disagree about) it treats as unknown and addresses anew.

use std::io::Write;

use crate::grid::{Glyph, Pen, attr};

/// Where the cursor is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    At(u16, u16),
    /// After the last column of this row, waiting to wrap: terminals differ in what a relative move does here.
    Edge(u16),
    Unknown,
}

/// Cursor and pen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stylus {
    pub(crate) place: Place,
    pub(crate) pen: Pen,
    pub(crate) cols: u16,
    beyond_vt100: bool,
}

impl Stylus {
    pub(crate) fn new(cols: u16, beyond_vt100: bool) -> Self {
        Self { place: Place::Unknown, pen: Pen::default(), cols, beyond_vt100 }
    }

    /// Moves the cursor.
    pub(crate) fn go(&mut self, x: u16, y: u16, out: &mut Vec<u8>) {
        out.extend(self.route(x, y));
        self.place = Place::At(x, y);
    }

    /// The shortest way from here to there. A line feed scrolls nothing: the way ends inside the margins, if there
    /// are any, and it begins there or at an address.
    pub(crate) fn route(&self, x: u16, y: u16) -> Vec<u8> {
        if self.place == Place::At(x, y) {
            return Vec::new();
        }
        let mut best = address(x, y);
        let mut offer = |way: Vec<u8>| {
            if way.len() < best.len() {
                best = way;
            }
        };
        let row = match self.place {
            Place::At(_, row) | Place::Edge(row) => row,
            Place::Unknown => return best,
        };
        let feeds = y.checked_sub(row).filter(|feeds| *feeds <= 6);
        let feeds = feeds.map(|feeds| vec![b'\n'; usize::from(feeds)]);
        if let Some(feeds) = &feeds {
            offer([b"\r", &feeds[..], &self.across(0, x)].concat());
        }
        if let Place::At(column, _) = self.place {
            let across = self.across(column, x);
            if let Some(feeds) = &feeds {
                offer([&feeds[..], &across].concat());
            }
            let upright = if y < row { csi(row - y, b'A') } else { csi(y - row, b'B') };
            if y != row {
                offer([&upright[..], &across].concat());
            }
        }
        if self.beyond_vt100 && matches!(self.place, Place::At(column, _) if column == x) {
            offer(csi(y + 1, b'd'));
        }
        best
    }

    /// The shortest way along a row.
    fn across(&self, from: u16, to: u16) -> Vec<u8> {
        if from <= to {
            let right = if from == to { Vec::new() } else { csi(to - from, b'C') };
            return right;
        }
        let back = from - to;
        let mut best = if back <= 3 { vec![8; usize::from(back)] } else { csi(back, b'D') };
        let home = if to == 0 { vec![b'\r'] } else { [b"\r", &csi(to, b'C')[..]].concat() };
        if home.len() < best.len() {
            best = home;
        }
        if self.beyond_vt100 && csi(to + 1, b'G').len() < best.len() {
            best = csi(to + 1, b'G');
        }
        best
    }

    /// Takes another pen in hand.
    pub(crate) fn take(&mut self, pen: Pen, out: &mut Vec<u8>) {
        if pen != self.pen {
            out.extend(change(self.pen, pen, self.beyond_vt100));
            self.pen = pen;
        }
    }

    /// How many bytes another pen costs.
    pub(crate) fn cost_of(&self, pen: Pen) -> usize {
        if pen == self.pen { 0 } else { change(self.pen, pen, self.beyond_vt100).len() }
    }

    /// Writes a glyph where the cursor is, with the pen in hand.
    pub(crate) fn write(&mut self, glyph: Glyph, wide: bool, out: &mut Vec<u8>) {
        glyph.push(out);
        let Place::At(x, y) = self.place else { return };
        let x = x + if wide { 2 } else { 1 };
        self.place = if x >= self.cols {
            Place::Edge(y)
        } else if glyph.marks[0] != '\0' || glyph.ch >= '\u{1f000}' {
            Place::Unknown
        } else {
            Place::At(x, y)
        };
    }

    /// The pen to write this glyph of a row with. A blank takes any pen that leaves no mark on it, if it can the
    /// one the next word needs.
    pub(crate) fn pen_for(&self, row: &[Glyph], x: usize) -> Pen {
        let glyph = row[x];
        let fits = |pen: Pen| pen.bg == glyph.pen.bg && pen.attrs & attr::ON_BLANK == 0;
        if !glyph.is_blank() {
            glyph.pen
        } else if fits(self.pen) {
            self.pen
        } else {
            let next_word = row[x..].iter().find(|glyph| !glyph.is_blank()).map(|glyph| glyph.pen);
            next_word.filter(|pen| fits(*pen)).unwrap_or(Pen { bg: glyph.pen.bg, ..Pen::default() })
        }
    }

    /// Whether the terminal can erase characters in the middle of a row (ECH).
    pub(crate) fn may_erase(&self) -> bool {
        self.beyond_vt100
    }

    /// Takes a pen with which erasing and scrolling leave the user's own background.
    pub(crate) fn take_plain(&mut self, out: &mut Vec<u8>) {
        if self.pen.bg != Pen::default().bg || self.pen.attrs & attr::ON_BLANK != 0 {
            self.take(Pen::default(), out);
        }
    }
}

/// CUP, in its shortest spelling.
fn address(x: u16, y: u16) -> Vec<u8> {
    match (x, y) {
        (0, 0) => b"\x1b[H".to_vec(),
        (0, y) => format!("\x1b[{}H", y + 1).into_bytes(),
        (x, 0) => format!("\x1b[;{}H", x + 1).into_bytes(),
        (x, y) => format!("\x1b[{};{}H", y + 1, x + 1).into_bytes(),
    }
}

/// A sequence with one count, which is left out when it is one.
pub(crate) fn csi(count: u16, last: u8) -> Vec<u8> {
    let mut out = b"\x1b[".to_vec();
    if count != 1 {
        let _ = write!(out, "{count}");
    }
    out.push(last);
    out
}

/// The shorter of: switching single things on and off, or starting from nothing.
fn change(from: Pen, to: Pen, beyond_vt100: bool) -> Vec<u8> {
    let anew = anew(to);
    let off = from.attrs & !to.attrs;
    if off != 0 && !beyond_vt100 {
        return anew;
    }
    let step = stepwise(from, to, off);
    if step.len() < anew.len() { step } else { anew }
}

const ON: [(u8, &str, &str); 7] = [
    (attr::BOLD, "1", "22"),
    (attr::DIM, "2", "22"),
    (attr::ITALIC, "3", "23"),
    (attr::UNDERLINE, "4", "24"),
    (attr::BLINK, "5", "25"),
    (attr::REVERSE, "7", "27"),
    (attr::STRIKE, "9", "29"),
];

fn anew(to: Pen) -> Vec<u8> {
    let mut sgr = Sgr::default();
    if to != Pen::default() {
        sgr.param(""); // an empty parameter is 0
    }
    sgr.switch_on(to.attrs);
    sgr.colours(Pen::default(), to);
    sgr.end()
}

fn stepwise(from: Pen, to: Pen, off: u8) -> Vec<u8> {
    const WEIGHT: u8 = attr::BOLD | attr::DIM;
    let mut sgr = Sgr::default();
    let mut have = from.attrs;
    for (bit, _, code) in ON {
        if off & have & bit != 0 {
            sgr.param(code);
            // 22 switches bold and dim off together.
            have &= if bit & WEIGHT != 0 { !WEIGHT } else { !bit };
        }
    }
    sgr.switch_on(to.attrs & !have);
    sgr.colours(from, to);
    sgr.end()
}

#[derive(Default)]
struct Sgr(Vec<u8>, bool);

impl Sgr {
    fn separate(&mut self) {
        if self.1 {
            self.0.push(b';');
        }
        self.1 = true;
    }

    fn param(&mut self, code: &str) {
        self.separate();
        self.0.extend_from_slice(code.as_bytes());
    }

    fn switch_on(&mut self, attrs: u8) {
        for (bit, code, _) in ON {
            if attrs & bit != 0 {
                self.param(code);
            }
        }
    }

    fn colours(&mut self, from: Pen, to: Pen) {
        for (ground, from, to) in [(30, from.fg, to.fg), (40, from.bg, to.bg)] {
            if from != to {
                self.separate();
                to.push_sgr(ground, &mut self.0);
            }
        }
    }

    fn end(self) -> Vec<u8> {
        [b"\x1b[", &self.0[..], b"m"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::Hue;

    fn at(place: Place) -> Stylus {
        Stylus { place, ..Stylus::new(80, true) }
    }

    fn way(from: Place, x: u16, y: u16) -> String {
        String::from_utf8(at(from).route(x, y)).unwrap().replace('\x1b', "^")
    }

    #[test]
    fn the_shortest_way_is_taken() {
        let table = [
            (Place::At(5, 5), (5, 5), ""),
            (Place::At(5, 5), (4, 5), "\x08"),
            (Place::At(5, 5), (6, 5), "^[C"),
            (Place::At(5, 5), (9, 5), "^[4C"),
            (Place::At(5, 5), (0, 5), "\r"),
            (Place::At(5, 5), (0, 6), "\r\n"),
            (Place::At(5, 5), (5, 7), "\n\n"),
            (Place::At(5, 5), (5, 4), "^[A"),
            (Place::At(70, 5), (30, 5), "^[40D"),
            (Place::At(5, 5), (0, 0), "^[H"),
            (Place::At(5, 5), (70, 0), "^[;71H"),
            (Place::At(5, 20), (0, 3), "^[4H"),
            (Place::Unknown, (5, 5), "^[6;6H"),
        ];
        for (from, (x, y), wanted) in table {
            assert_eq!(way(from, x, y), wanted, "{from:?} to {x},{y}");
        }
    }

    #[test]
    fn after_the_last_column_only_a_return_or_an_address_is_sure() {
        for x in 0..80 {
            for y in 0..24 {
                let way = way(Place::Edge(5), x, y);
                assert!(way.starts_with('\r') || way.starts_with("^[") && way.ends_with('H'), "{way:?}");
            }
        }
        let mut stylus = at(Place::At(79, 5));
        stylus.write(Glyph { ch: 'x', ..Glyph::BLANK }, false, &mut Vec::new());
        assert_eq!(stylus.place, Place::Edge(5));
    }

    #[test]
    fn after_a_glyph_of_uncertain_width_the_place_is_unknown() {
        for (ch, mark) in [('e', '\u{301}'), ('\u{1f980}', '\0')] {
            let mut stylus = at(Place::At(5, 5));
            stylus.write(Glyph { ch, marks: [mark, '\0'], ..Glyph::BLANK }, mark == '\0', &mut Vec::new());
            assert_eq!(stylus.place, Place::Unknown);
        }
    }

    #[test]
    fn a_pen_is_changed_by_the_fewest_parameters() {
        let pen = |fg, attrs| Pen { fg, bg: Hue::Default, attrs };
        let none = Pen::default();
        let table = [
            (none, pen(Hue::Named(1), 0), "^[31m"),
            (none, pen(Hue::Named(1), attr::BOLD), "^[1;31m"),
            (pen(Hue::Named(1), attr::BOLD), none, "^[m"),
            (pen(Hue::Named(1), attr::BOLD), pen(Hue::Named(1), 0), "^[22m"),
            (pen(Hue::Named(1), 0), pen(Hue::Default, attr::BOLD), "^[;1m"),
            (pen(Hue::Palette(99), attr::BOLD | attr::DIM), pen(Hue::Palette(99), attr::BOLD), "^[22;1m"),
            (pen(Hue::Palette(99), attr::BOLD), pen(Hue::Palette(99), attr::DIM), "^[22;2m"),
            (pen(Hue::Palette(99), attr::REVERSE), pen(Hue::Palette(99), attr::UNDERLINE), "^[27;4m"),
        ];
        for (from, to, wanted) in table {
            let bytes = String::from_utf8(change(from, to, true)).unwrap().replace('\x1b', "^");
            assert_eq!(bytes, wanted, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_vt100_switches_nothing_off_singly() {
        let bold = Pen { attrs: attr::BOLD | attr::REVERSE, ..Pen::default() };
        let reverse = Pen { attrs: attr::REVERSE, ..Pen::default() };
        assert_eq!(change(bold, reverse, false), b"\x1b[;7m");
    }
}
