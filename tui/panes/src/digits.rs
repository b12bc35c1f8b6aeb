//! Digits of five rows, for the one number that is read from across a room. Refuses anything but digits and a colon.

use crate::pen::{Pen, below, from};
use crate::theme::Role;
use ratatui::layout::Rect;

/// Rows of a digit.
pub(crate) const ROWS: u16 = 5;

const DIGITS: [[&str; 5]; 10] = [
    ["####", "#  #", "#  #", "#  #", "####"],
    ["  # ", " ## ", "  # ", "  # ", " ###"],
    ["####", "   #", "####", "#   ", "####"],
    ["####", "   #", " ###", "   #", "####"],
    ["#  #", "#  #", "####", "   #", "   #"],
    ["####", "#   ", "####", "   #", "####"],
    ["####", "#   ", "####", "#  #", "####"],
    ["####", "   #", "  # ", " #  ", " #  "],
    ["####", "#  #", "####", "#  #", "####"],
    ["####", "#  #", "####", "   #", "####"],
];
const COLON: [&str; 5] = [" ", "#", " ", "#", " "];

fn glyph(c: char) -> Option<&'static [&'static str; 5]> {
    match c {
        ':' => Some(&COLON),
        _ => DIGITS.get(c.to_digit(10)? as usize),
    }
}

/// The columns a number takes.
pub(crate) fn width(text: &str) -> u16 {
    let wide: usize = text.chars().filter_map(glyph).map(|rows| rows[0].len() + 1).sum();
    u16::try_from(wide).unwrap_or(u16::MAX).saturating_sub(1)
}

/// Draws `3:42`. An area that is too small for it stays empty: half a digit is another digit.
pub(crate) fn draw(pen: &mut Pen<'_>, area: Rect, text: &str, role: Role) {
    if area.height < ROWS || area.width < width(text) {
        return;
    }
    let mut at = 0;
    for rows in text.chars().filter_map(glyph) {
        for (index, line) in rows.iter().enumerate() {
            let line = if pen.ascii { (*line).to_owned() } else { line.replace('#', "\u{2588}") };
            pen.put(from(Rect { height: 1, ..below(area, index as u16) }, at), &line, role);
        }
        at += rows[0].len() as u16 + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_another_and_all_are_as_high_and_as_wide() {
        for (index, rows) in DIGITS.iter().enumerate() {
            assert!(rows.iter().all(|row| row.len() == 4), "{index}");
            assert!(DIGITS[..index].iter().all(|other| other != rows), "{index}");
        }
        assert_eq!(width("3:42"), 16);
    }
}
