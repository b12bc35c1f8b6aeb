//! Makes any text from outside harmless on a terminal: one line, no control, no bidi override, nothing invisible, a
//! bounded width. Refuses to drop silently: what can't be shown is shown as its number, `<1b>`, so that a forged row is
//! seen as the forgery it is.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// Marks where a text was cut to its width.
const CUT: &str = "..";

/// Gives the text as one harmless line of at most `width` columns. A tab becomes a space, everything else that has no
/// width of its own becomes its number in angle brackets.
pub fn line(text: &str, width: usize) -> Cow<'_, str> {
    if text.len() <= width && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = Line { text: String::with_capacity(text.len().min(width) + 8), columns: 0, width, safe_end: 0 };
    for c in text.chars() {
        if !out.push(c) {
            break;
        }
    }
    Cow::Owned(out.text)
}

/// The same for bytes of any kind: what is no UTF-8 becomes U+FFFD.
pub fn bytes(raw: &[u8], width: usize) -> String {
    // A character is four bytes at most and is shown in one column at least: more bytes than this are never shown.
    let enough = raw.len().min(width.saturating_mul(4).saturating_add(4));
    let raw = raw.get(..enough).unwrap_or(raw);
    line(&String::from_utf8_lossy(raw), width).into_owned()
}

/// True for a character that has a width, no control over the terminal, and can't hide or turn its neighbours.
pub fn is_plain(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // Soft hyphen: shown or not, as the terminal likes.
        '\u{ad}' => false,
        // Line and paragraph separators, bidi marks, embeddings, overrides and isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        // Letters that are blank: Hangul fillers and the blank braille cell.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => false,
        // Interlinear annotation and non-characters.
        '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' => false,
        '\u{e0000}'..='\u{e0fff}' => false,
        _ => c.width().is_some_and(|width| width > 0),
    }
}

struct Line {
    text: String,
    columns: usize,
    width: usize,
    /// Where to cut so that the mark of the cut still fits.
    safe_end: usize,
}

impl Line {
    /// False when the line is full.
    fn push(&mut self, c: char) -> bool {
        let escaped;
        let mut one = [0; 4];
        let piece: &str = if c == '\t' {
            " "
        } else if is_plain(c) {
            c.encode_utf8(&mut one)
        } else {
            escaped = format!("<{:02x}>", u32::from(c));
            &escaped
        };
        let wide = if is_plain(c) { c.width().unwrap_or(1) } else { piece.len() };
        if self.columns + wide > self.width {
            self.text.truncate(self.safe_end);
            self.text.push_str(CUT.get(..CUT.len().min(self.width)).unwrap_or_default());
            return false;
        }
        self.text.push_str(piece);
        self.columns += wide;
        if self.columns + CUT.len() <= self.width {
            self.safe_end = self.text.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn what_is_plain_is_left_alone() {
        assert!(matches!(line("prod/rds/password ok 38 ms", 80), Cow::Borrowed(_)));
        assert_eq!(line("naïve Zürich 東京 €", 80), "naïve Zürich 東京 €");
    }

    #[test]
    fn what_could_move_the_cursor_or_forge_a_row_is_shown_as_its_number() {
        assert_eq!(line("a\x1b[2J\x1b]0;t\x07b", 80), "a<1b>[2J<1b>]0;t<07>b");
        assert_eq!(line("ok\r\nCRITICAL", 80), "ok<0d><0a>CRITICAL");
        assert_eq!(
            line("a\u{202e}evil\u{2066}\u{200b}\u{feff}\u{2028}\u{9b}31m\u{7f}", 80),
            "a<202e>evil<2066><200b><feff><2028><9b>31m<7f>"
        );
        assert_eq!(line("e\u{301}\u{301}\u{e0041}\tx", 80), "e<301><301><e0041> x");
        assert_eq!(bytes(b"a\xff\xfe\xc3(", 80), "a\u{fffd}\u{fffd}\u{fffd}(");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(line("abcdefgh", 6), "abcd..");
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("東京東京", 7), "東京..");
        assert_eq!(line("abc", 1), ".");
        assert_eq!(line("abc", 0), "");
        assert_eq!(bytes(&[b'x'; 1_000_000], 100).len(), 100);
    }

    proptest! {
        #[test]
        fn nothing_that_is_not_plain_comes_out_and_the_width_is_bounded(raw: Vec<u8>, width in 0usize..200) {
            let out = bytes(&raw, width);
            prop_assert!(out.chars().all(is_plain), "{out:?}");
            prop_assert!(out.width() <= width);
        }

        #[test]
        fn every_character_comes_out_plain(c: char) {
            let text = c.to_string();
            let out = line(&text, 40);
            prop_assert!(out.chars().all(is_plain) && !out.is_empty());
        }

        #[test]
        fn twice_is_once(text: String, width in 0usize..80) {
            let once = line(&text, width).into_owned();
            prop_assert_eq!(line(&once, width).into_owned(), once.clone());
        }
    }
}
