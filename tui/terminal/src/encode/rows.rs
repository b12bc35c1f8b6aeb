//! The bytes that turn one row into another.

use super::stylus::{Place, Stylus, csi};
use crate::grid::Glyph;
use zeroize::Zeroizing;

/// Unchanged cells between two changed ones are written again when that is shorter than a move; looking
/// further than this never pays.
const LONGEST_GAP: usize = 12;

/// From this many blanks on, erasing them and moving on is shorter than writing them.
const ERASE_FROM: usize = 11;

impl Stylus {
    /// Writes what differs between a row as shown and a row as wanted.
    pub(super) fn mend_row(&mut self, y: u16, shown: &[Glyph], wanted: &[Glyph], out: &mut Vec<u8>) {
        let Some(last) = last_difference(shown, wanted) else { return };
        let empty_from = wanted.iter().rposition(|glyph| !glyph.is_erased()).map_or(0, |x| x + 1);
        let mut x = 0;
        while let Some(next) = (x..=last).find(|x| shown[*x] != wanted[*x]) {
            x = if wanted[next].is_half() { next.saturating_sub(1) } else { next };
            if x >= empty_from && last - x >= 3 {
                self.go(x as u16, y, out);
                self.take_plain(out);
                out.extend_from_slice(b"\x1b[K");
                return;
            }
            let blanks = self.blanks_worth_erasing(&shown[x..=last], &wanted[x..=last]);
            if blanks > 0 {
                self.go(x as u16, y, out);
                self.take_plain(out);
                out.extend(csi(blanks as u16, b'X'));
                x += blanks;
                continue;
            }
            self.approach(x, y, wanted, out);
            self.put(x, wanted, out);
            x += width(wanted, x);
        }
    }

    /// How many cells from here on are to be blank, up to the last of them that isn't yet; 0 if too few.
    fn blanks_worth_erasing(&self, shown: &[Glyph], wanted: &[Glyph]) -> usize {
        if !self.may_erase() {
            return 0;
        }
        let run = wanted.iter().take_while(|glyph| glyph.is_erased()).count();
        let run = last_difference(&shown[..run], &wanted[..run]).map_or(0, |x| x + 1);
        if run >= ERASE_FROM { run } else { 0 }
    }

    /// Brings the cursor to a cell, by a move or by writing again what lies between.
    fn approach(&mut self, x: usize, y: u16, row: &[Glyph], out: &mut Vec<u8>) {
        let way = self.route(x as u16, y);
        let pen = self.pen_for(row, x);
        if let Place::At(from, here) = self.place
            && here == y
            && (1..=LONGEST_GAP).contains(&x.saturating_sub(usize::from(from)))
            && !row[usize::from(from)].is_half()
        {
            let (mut copy, mut again) = (*self, Zeroizing::new(Vec::with_capacity(64)));
            let mut at = usize::from(from);
            while at < x {
                copy.put(at, row, &mut again);
                at += width(row, at);
            }
            let arrived = copy.place == Place::At(x as u16, y);
            let by_writing = again.len() + copy.cost_of(copy.pen_for(row, x));
            if arrived && by_writing <= way.len() + self.cost_of(pen) {
                *self = copy;
                out.extend_from_slice(&again);
                return;
            }
        }
        out.extend(way);
        self.place = Place::At(x as u16, y);
    }

    fn put(&mut self, x: usize, row: &[Glyph], out: &mut Vec<u8>) {
        let pen = self.pen_for(row, x);
        self.take(pen, out);
        self.write(row[x], width(row, x) == 2, out);
    }
}

fn width(row: &[Glyph], x: usize) -> usize {
    if row.get(x + 1).is_some_and(|glyph| glyph.is_half()) { 2 } else { 1 }
}

fn last_difference(shown: &[Glyph], wanted: &[Glyph]) -> Option<usize> {
    (0..wanted.len()).rev().find(|x| shown[*x] != wanted[*x])
}
