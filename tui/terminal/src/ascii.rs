//! What a character becomes where only ASCII may be sent, and how one finds out that it may.
//!
//! Total: every character has an answer, and the answer is printable ASCII. Letters with accents become `?`,
//! never the bare letter: two names that differ must not look alike.

/// The printable ASCII character that stands for this one.
pub fn ascii_char(c: char) -> char {
    match c {
        ' '..='~' => c,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => ' ',
        '\u{2500}'..='\u{257f}' => line(c),
        '\u{2580}'..='\u{259f}' => block(c),
        '\u{2800}'..='\u{28ff}' => dots(c),
        '·' | '•' | '∙' | '…' => '.',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        '‘' | '’' | '′' => '\'',
        '“' | '”' | '″' => '"',
        '←' | '◀' | '◂' | '◄' | '‹' => '<',
        '→' | '▶' | '▸' | '►' | '›' => '>',
        '↑' | '▲' | '△' => '^',
        '↓' | '▼' | '▽' => 'v',
        '■' | '●' | '◆' | '★' => '*',
        '□' | '○' | '◇' | '☆' => 'o',
        '×' | '✗' | '✘' => 'x',
        '✓' | '✔' => '+',
        _ => '?',
    }
}

/// Tells whether the locale is UTF-8; the first of the three that is set and not empty decides, as in POSIX.
pub fn locale_is_utf8(lc_all: Option<&str>, lc_ctype: Option<&str>, lang: Option<&str>) -> bool {
    [lc_all, lc_ctype, lang].into_iter().flatten().find(|value| !value.is_empty()).is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

/// Box drawing: rules, uprights, and `+` wherever two meet.
fn line(c: char) -> char {
    match c {
        '─' | '━' | '┄' | '┅' | '┈' | '┉' | '╌' | '╍' | '╴' | '╶' | '╸' | '╺' | '╼' | '╾' => {
            '-'
        }
        '═' => '=',
        '│' | '┃' | '┆' | '┇' | '┊' | '┋' | '╎' | '╏' | '║' | '╵' | '╷' | '╹' | '╻' | '╽' | '╿' => {
            '|'
        }
        '╱' => '/',
        '╲' => '\\',
        '╳' => 'x',
        _ => '+',
    }
}

/// Blocks: what fills half a cell or more is `#`, what fills less is `.`.
fn block(c: char) -> char {
    match c {
        '▁' | '▂' | '▃' | '▍' | '▎' | '▏' | '░' | '▔' | '▕' | '▖' | '▗' | '▘' | '▝' => '.',
        _ => '#',
    }
}

/// Braille graphs: nothing, some dots, four or more.
fn dots(c: char) -> char {
    match (u32::from(c) & 0xff).count_ones() {
        0 => ' ',
        1..=3 => '.',
        _ => '#',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_a_printable_ascii_answer() {
        for c in '\0'..=char::MAX {
            assert!(matches!(ascii_char(c), ' '..='~'), "{c:?}");
        }
    }

    #[test]
    fn ascii_stays_itself() {
        for c in ' '..='~' {
            assert_eq!(ascii_char(c), c);
        }
    }

    #[test]
    fn pictures_keep_their_shape() {
        let map = |text: &str| text.chars().map(ascii_char).collect::<String>();
        assert_eq!(map("┌─┬╮│├┼═║╔╱"), "+-++|++=|+/");
        assert_eq!(map("▁▂▃▄▅▆▇█"), "...#####");
        assert_eq!(map("▏▎▍▌▋▊▉█"), "...#####");
        assert_eq!(map("░▒▓"), ".##");
        assert_eq!(map("⠀⡀⣀⣿"), " ..#");
        assert_eq!(map("Zoë 東\u{1b}\u{9b}"), "Zo? ???");
    }

    #[test]
    fn locale_follows_posix_order() {
        assert!(locale_is_utf8(None, None, Some("en_GB.UTF-8")));
        assert!(locale_is_utf8(None, None, Some("C.utf8")));
        assert!(locale_is_utf8(Some(""), Some("de_DE.UTF-8"), Some("C")));
        assert!(!locale_is_utf8(Some("C"), Some("de_DE.UTF-8"), Some("de_DE.UTF-8")));
        assert!(!locale_is_utf8(None, Some("POSIX"), Some("en_GB.UTF-8")));
        assert!(!locale_is_utf8(None, None, Some("de_DE.ISO-8859-1")));
        assert!(!locale_is_utf8(None, None, None));
        assert!(!locale_is_utf8(Some(""), Some(""), Some("")));
    }
}
