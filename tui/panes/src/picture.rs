//! Small pictures of numbers: a gauge and a sparkline, in UTF-8 and in ASCII. Refuses to be the only place where a
//! number stands.

use crate::pen::{Pen, first, from};
use crate::theme::Role;
use ratatui::layout::Rect;

/// How much of a gauge is full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fill {
    /// This much, in thousandths.
    Known(u16),
    /// At least this much: the rest is a question.
    AtLeast(u16),
}

impl Fill {
    /// The share of a whole, 0 to 1000.
    pub(crate) fn share(part: i64, whole: i64) -> u16 {
        if whole <= 0 {
            return 1_000;
        }
        let share = i128::from(part.max(0)) * 1_000 / i128::from(whole);
        u16::try_from(share.clamp(0, 1_000)).unwrap_or(1_000)
    }
}

/// Draws a gauge into a field: ends and bar.
pub(crate) fn gauge(pen: &mut Pen<'_>, field: Rect, fill: Fill, role: Role) {
    let ends = pen.glyphs().ends;
    let Some(inside) = field.width.checked_sub(2).filter(|inside| *inside > 0) else { return };
    let (share, open) = match fill {
        Fill::Known(share) => (share, false),
        Fill::AtLeast(share) => (share, true),
    };
    let bar = if pen.ascii { ascii_bar(inside, share) } else { utf8_bar(inside, share) };
    pen.fill(first(field, 1), ends.0, Role::GaugeEmpty);
    pen.fill(first(from(field, 1 + inside), 1), ends.1, Role::GaugeEmpty);
    let used = pen.put(first(from(field, 1), inside), &bar, role);
    let rest = first(from(field, 1 + used), inside - used.min(inside));
    let empty = match (open, pen.ascii) {
        (true, _) => '?',
        (false, true) => '.',
        (false, false) => ' ',
    };
    pen.fill(rest, empty, Role::GaugeEmpty);
}

fn ascii_bar(width: u16, share: u16) -> String {
    let full = (u32::from(width) * u32::from(share) + 500) / 1_000;
    "|".repeat(full as usize)
}

fn utf8_bar(width: u16, share: u16) -> String {
    const PARTS: [char; 8] = [' ', '\u{258f}', '\u{258e}', '\u{258d}', '\u{258c}', '\u{258b}', '\u{258a}', '\u{2589}'];
    let eighths = (u32::from(width) * 8 * u32::from(share) + 500) / 1_000;
    let mut bar = "\u{2588}".repeat((eighths / 8) as usize);
    if eighths % 8 > 0 {
        bar.push(PARTS[(eighths % 8) as usize]);
    }
    bar
}

/// A sparkline of numbers, one column each; the tallest is `tallest` or the largest of them.
pub(crate) fn spark(numbers: &[u64], tallest: u64, ascii: bool) -> String {
    const ASCII: [char; 5] = ['.', '-', ':', '=', '#'];
    const BLOCKS: [char; 8] =
        ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    let steps: &[char] = if ascii { &ASCII } else { &BLOCKS };
    let most = numbers.iter().copied().max().unwrap_or(0).max(tallest).max(1);
    let top = steps.len() as u64 - 1;
    // Nothing is the lowest step, and anything at all is more than nothing.
    let step = |number: u64| if number == 0 { 0 } else { (number * top).div_ceil(most).clamp(1, top) };
    numbers.iter().map(|number| steps[step(*number) as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_grows_by_eighths() {
        assert_eq!(utf8_bar(4, 0), "");
        assert_eq!(utf8_bar(4, 500), "\u{2588}\u{2588}");
        assert_eq!(utf8_bar(4, 540), "\u{2588}\u{2588}\u{258f}");
        assert_eq!(utf8_bar(4, 1_000), "\u{2588}\u{2588}\u{2588}\u{2588}");
        assert_eq!(ascii_bar(12, 927), "|||||||||||");
    }

    #[test]
    fn a_spark_shows_something_for_anything() {
        assert_eq!(spark(&[0, 1, 50, 100], 0, true), ".-:#");
        assert_eq!(spark(&[0, 0], 0, true), "..");
        assert_eq!(spark(&[u64::from(u32::MAX)], 0, false), "\u{2588}");
    }
}
