//! Finds out that a part of the screen has only moved up or down.
//!
//! It only proposes. Every proposal is encoded in full and the shortest wins, so that a bad guess costs time,
//! never a wrong cell.

use crate::grid::{Glyph, Grid};

/// The rows `top..=bottom` move up by `by`, down if it is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scroll {
    pub(crate) top: u16,
    pub(crate) bottom: u16,
    pub(crate) by: i16,
}

/// Fewer glyphs than this in the rows that moved are written sooner than scrolled.
const WORTH: u32 = 24;

/// The likeliest move of rows, and the same a row wider at either end: a row that moved and was marked on the
/// way (a selection) is told apart by the caller's count of bytes.
pub(crate) fn propose(shown: &Grid, wanted: &Grid) -> Vec<Scroll> {
    let Some(Scroll { top, bottom, by }) = likeliest(shown, wanted) else { return Vec::new() };
    let last = wanted.rows - 1;
    let mut all = vec![Scroll { top, bottom, by }];
    let wider = [(top, (bottom + 1).min(last)), (top.saturating_sub(1), bottom)];
    all.extend(wider.into_iter().filter(|ends| *ends != (top, bottom)).map(|(top, bottom)| Scroll { top, bottom, by }));
    all
}

fn likeliest(shown: &Grid, wanted: &Grid) -> Option<Scroll> {
    let marks = |grid: &Grid| (0..grid.rows).map(|y| fingerprint(grid.row(y))).collect::<Vec<_>>();
    let (old, new) = (marks(shown), marks(wanted));
    let weight: Vec<u32> =
        (0..wanted.rows).map(|y| wanted.row(y).iter().filter(|glyph| !glyph.is_erased()).count() as u32).collect();
    let changed = |y: usize| old[y] != new[y];
    if (0..new.len()).filter(|y| changed(*y)).count() < 2 {
        return None;
    }
    let rows = new.len() as i16;
    let mut best: Option<(u32, Scroll)> = None;
    for by in (1 - rows..rows).filter(|by| *by != 0) {
        let came_from = |y: usize| usize::try_from(y as i16 + by).ok().filter(|from| *from < old.len());
        let moved = |y: usize| came_from(y).is_some_and(|from| old[from] == new[y]);
        let mut y = 0;
        while y < new.len() {
            let start = y;
            let mut gain = 0;
            while y < new.len() && moved(y) {
                gain += if changed(y) { weight[y] } else { 0 };
                y += 1;
            }
            if gain >= WORTH && best.is_none_or(|(most, _)| gain > most) {
                let (first, last) = (start as i16, y as i16 - 1);
                let (top, bottom) = (first.min(first + by) as u16, last.max(last + by) as u16);
                best = Some((gain, Scroll { top, bottom, by }));
            }
            y += 1;
        }
    }
    best.map(|(_, scroll)| scroll)
}

/// A number by which rows are told apart; two rows that share it cost bytes, not truth.
fn fingerprint(row: &[Glyph]) -> u64 {
    row.iter().fold(0xcbf2_9ce4_8422_2325, |mark, glyph| {
        let cell = u64::from(u32::from(glyph.ch)) << 8 | u64::from(glyph.pen.attrs);
        (mark.rotate_left(5) ^ cell).wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}
