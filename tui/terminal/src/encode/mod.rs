//! Turns the difference between two screens into the fewest bytes.
//!
//! Pure: it holds what the terminal shows and appends to a `Vec`. Why not ratatui's own backend: a line more in a
//! full-width tail costs 2–4 KB there and about 100 bytes here, a clock tick 33 and 10 (trailing resets, a cursor
//! hidden in every frame, moves by address only).

mod rows;
mod scroll;
mod stylus;

use zeroize::Zeroize;

use self::scroll::{Scroll, propose};
use self::stylus::{Place, Stylus};
use crate::features::Features;
use crate::grid::Grid;

/// Frames longer than this are bracketed as one synchronised update; the bracket is 16 bytes.
const BRACKET_FROM: usize = 640;

/// The most bytes that a cell of a common screen takes, colour changes included; only screens that are busier than
/// that make a buffer move while it grows.
const MOST_BYTES: usize = 8;

/// What the terminal shows, and how to change it.
#[derive(Debug)]
pub(crate) struct Encoder {
    features: Features,
    shown: Grid,
    stylus: Stylus,
    cursor: Option<(u16, u16)>,
    /// Where frames are put into bytes, the best so far and the one that is tried. Kept, since bytes that move while
    /// a buffer grows leave copies behind.
    drafts: [Vec<u8>; 2],
    /// Nothing is known of the screen: the next frame clears it first.
    lost: bool,
}

impl Encoder {
    /// Starts on a terminal whose cursor is hidden and whose screen is anything.
    pub(crate) fn new(features: Features) -> Self {
        let stylus = Stylus::new(0, features.beyond_vt100);
        Self { features, shown: Grid::default(), stylus, cursor: None, drafts: Default::default(), lost: true }
    }

    /// Forgets what the terminal shows: somebody else has written on it, or it changed its size.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
    }

    /// The same, on a terminal that was left and entered again, which hid the cursor.
    pub(crate) fn restart(&mut self) {
        self.lost = true;
        self.cursor = None;
    }

    /// Whether there has been a frame.
    pub(crate) fn has_shown(&self) -> bool {
        self.shown.rows > 0
    }

    /// What the terminal shows, or was shown last.
    pub(crate) fn shown(&self) -> Grid {
        self.shown.clone()
    }

    /// Appends what turns the screen into `wanted`, which is wiped of the old screen on return.
    pub(crate) fn encode(&mut self, wanted: &mut Grid, cursor: Option<(u16, u16)>, out: &mut Vec<u8>) {
        let start = out.len();
        if self.lost || (self.shown.cols, self.shown.rows) != (wanted.cols, wanted.rows) {
            self.clear(wanted.cols, wanted.rows, out);
        }
        let scrolled = self.body(wanted, out);
        if !scrolled && self.features.synchronised && out.len() - start > BRACKET_FROM {
            out.splice(start..start, *b"\x1b[?2026h");
            self.rest(clamp(cursor, wanted), out);
            out.extend_from_slice(b"\x1b[?2026l");
        } else {
            self.rest(clamp(cursor, wanted), out);
        }
        std::mem::swap(&mut self.shown, wanted);
        wanted.wipe();
    }

    fn clear(&mut self, cols: u16, rows: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[r\x1b[m\x1b[H\x1b[2J");
        self.stylus = Stylus::new(cols, self.features.beyond_vt100);
        self.stylus.place = Place::At(0, 0);
        self.shown = Grid::blank(cols, rows);
        let room = usize::from(cols) * usize::from(rows) * MOST_BYTES;
        self.drafts.iter_mut().chain([out]).for_each(|bytes| bytes.reserve(room));
        self.lost = false;
    }

    /// Appends the shortest of: every difference written, or a part scrolled and the rest written. Tells whether
    /// it scrolled.
    fn body(&mut self, wanted: &Grid, out: &mut Vec<u8>) -> bool {
        let [mut best, mut trial] = std::mem::take(&mut self.drafts);
        let mut best_stylus = self.stylus;
        mend(&mut best_stylus, &self.shown, wanted, 0..wanted.rows, &mut best);
        let mut scrolls = false;
        for scroll in propose(&self.shown, wanted) {
            let stylus = self.scrolled(scroll, wanted, &mut trial);
            if trial.len() < best.len() {
                std::mem::swap(&mut best, &mut trial);
                (best_stylus, scrolls) = (stylus, true);
            }
            wipe(&mut trial);
        }
        out.extend_from_slice(&best);
        wipe(&mut best);
        self.stylus = best_stylus;
        self.drafts = [best, trial];
        scrolls
    }

    fn scrolled(&self, Scroll { top, bottom, by }: Scroll, wanted: &Grid, out: &mut Vec<u8>) -> Stylus {
        let (mut stylus, mut shown) = (self.stylus, self.shown.clone());
        let whole = top == 0 && bottom + 1 == wanted.rows;
        stylus.take_plain(out);
        if !whole {
            out.extend(format!("\x1b[{};{}r", top + 1, bottom + 1).into_bytes());
            stylus.place = Place::Unknown; // home by the book, the region's first row or where it was in some
        }
        let (edge, step): (u16, &[u8]) = if by > 0 { (bottom, b"\n") } else { (top, b"\x1bM") };
        stylus.go(0, edge, out);
        (0..by.unsigned_abs()).for_each(|_| out.extend_from_slice(step));
        shown.scroll(top, bottom, by);
        mend(&mut stylus, &shown, wanted, top..bottom + 1, out);
        if !whole {
            out.extend_from_slice(b"\x1b[r");
            stylus.place = Place::Unknown; // home by the book, where it was in some
        }
        mend(&mut stylus, &shown, wanted, 0..top, out);
        mend(&mut stylus, &shown, wanted, bottom + 1..wanted.rows, out);
        stylus
    }

    /// Leaves the cursor where the frame wants it, by an address. Save and restore would be two bytes instead of four,
    /// but what they keep differs from one terminal to the next.
    fn rest(&mut self, cursor: Option<(u16, u16)>, out: &mut Vec<u8>) {
        let was = std::mem::replace(&mut self.cursor, cursor);
        let Some((x, y)) = cursor else {
            if was.is_some() {
                out.extend_from_slice(b"\x1b[?25l");
            }
            return;
        };
        self.stylus.go(x, y, out);
        if was.is_none() {
            out.extend_from_slice(b"\x1b[?25h");
        }
    }
}

/// Overwrites bytes that may spell a secret, and keeps their room.
pub(crate) fn wipe(bytes: &mut Vec<u8>) {
    bytes.as_mut_slice().zeroize();
    bytes.clear();
}

fn mend(stylus: &mut Stylus, shown: &Grid, wanted: &Grid, rows: std::ops::Range<u16>, out: &mut Vec<u8>) {
    for y in rows {
        stylus.mend_row(y, shown.row(y), wanted.row(y), out);
    }
}

fn clamp(cursor: Option<(u16, u16)>, grid: &Grid) -> Option<(u16, u16)> {
    cursor.filter(|_| grid.cols > 0 && grid.rows > 0).map(|(x, y)| (x.min(grid.cols - 1), y.min(grid.rows - 1)))
}

#[cfg(test)]
mod tests;
