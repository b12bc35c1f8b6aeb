//! One variable in the text of a `.env` file: where its value stands, and the text with another one. Refuses to touch
//! anything else: comments, order, marks and other lines stay byte for byte.
//!
//! The text is read as the layer `env` reads it: the last of a variable counts, a value in quotation marks may go on over
//! several lines, and a comment needs white space before it.

use std::ops::Range;
use zeroize::Zeroizing;

/// Where one value of the variable stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The line it begins on, counted from 1.
    pub(crate) line: usize,
    /// Its bytes, without quotation marks.
    pub(crate) value: Range<usize>,
}

/// Every value of a variable, in order; the last one counts. An error is the line of a quotation mark that is never closed:
/// from there on nothing can be told.
pub(crate) fn find(text: &str, variable: &str) -> Result<Vec<Spot>, usize> {
    let mut spots = Vec::new();
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    while at < text.len() {
        let end = end_of_line(text, at);
        let head = text[at..end].trim_start();
        let head =
            head.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(head).trim_start();
        let Some((name, rest)) = head.split_once('=').filter(|_| !head.starts_with('#')) else {
            at = end + 1;
            continue;
        };
        let rest = rest.trim_start_matches([' ', '\t']);
        let begin = end - rest.len();
        let (value, after) = match rest.chars().next() {
            Some(mark @ ('"' | '\'')) => {
                let length = length_to(&text[begin + 1..], mark).ok_or_else(|| line_of(text, begin))?;
                let value = begin + 1..begin + 1 + length;
                let after = end_of_line(text, value.end);
                (value, after)
            }
            _ => (begin..begin + unquoted(rest), end),
        };
        if name.trim_end().trim_matches('\'') == variable {
            spots.push(Spot { line: line_of(text, at), value });
        }
        at = after + 1;
    }
    Ok(spots)
}

/// The text with another value in the last place of the variable, or with a line for it at the end.
pub(crate) fn with_value(text: &str, variable: &str, spots: &[Spot], value: &str) -> Zeroizing<String> {
    // Room for all from the start, so that nothing is copied by growing.
    let mut new = Zeroizing::new(String::with_capacity(text.len() + variable.len() + value.len() + 3));
    match spots.last() {
        Some(Spot { value: place, .. }) => {
            new.push_str(&text[..place.start]);
            new.push_str(value);
            new.push_str(&text[place.end..]);
        }
        None => {
            new.push_str(text);
            if !text.is_empty() && !text.ends_with('\n') {
                new.push('\n');
            }
            for part in [variable, "=", value, "\n"] {
                new.push_str(part);
            }
        }
    }
    new
}

/// Bytes of a value without marks: up to a comment, without white space at the end.
fn unquoted(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let comment = (1..bytes.len()).find(|at| bytes[*at] == b'#' && bytes[at - 1].is_ascii_whitespace());
    rest[..comment.unwrap_or(rest.len())].trim_end().len()
}

/// Bytes up to the closing mark; `None` when there is none.
fn length_to(text: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let closes = letter == mark && !escaped;
        escaped = letter == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn end_of_line(text: &str, from: usize) -> usize {
    text[from..].find('\n').map_or(text.len(), |length| from + length)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].bytes().filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> String {
        let spots = find(text, "KEY").expect("closed");
        with_value(text, "KEY", &spots, "new,old").to_string()
    }

    #[test]
    fn the_value_alone_is_replaced_and_the_last_one_counts() {
        for (text, wanted) in [
            ("", "KEY=new,old\n"),
            ("A=1", "A=1\nKEY=new,old\n"),
            ("KEY=old", "KEY=new,old"),
            ("KEY=\nA=1\n", "KEY=new,old\nA=1\n"),
            ("\u{feff}KEY=old\r\nA=1\r\n", "\u{feff}KEY=new,old\r\nA=1\r\n"),
            ("# KEY=x\n  export KEY = old  # why\n\nA=1", "# KEY=x\n  export KEY = new,old  # why\n\nA=1"),
            ("KEY=one\nKEY=two\nB='x'\n", "KEY=one\nKEY=new,old\nB='x'\n"),
            ("KEY=\"old\" # c\n", "KEY=\"new,old\" # c\n"),
            ("KEY='old'\nKEYS=1\nMY_KEY=2\n", "KEY='new,old'\nKEYS=1\nMY_KEY=2\n"),
            ("A=\"\nKEY=no\n\"\nKEY=old\n", "A=\"\nKEY=no\n\"\nKEY=new,old\n"),
            ("A='it\\'s\nKEY=no'\nno assignment\n", "A='it\\'s\nKEY=no'\nno assignment\nKEY=new,old\n"),
            ("A=it's\nKEY=o#ld#x #c\n", "A=it's\nKEY=new,old #c\n"),
            ("ünï=ç\nKEY=é\n", "ünï=ç\nKEY=new,old\n"),
        ] {
            assert_eq!(after(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn each_value_is_told_with_its_line() {
        let text = "# c\nKEY=one\n\nexport KEY='two'\n";
        let spots = find(text, "KEY").expect("closed");
        let told: Vec<_> = spots.iter().map(|spot| (spot.line, &text[spot.value.clone()])).collect();
        assert_eq!(told, [(2, "one"), (4, "two")]);
        assert_eq!(find("A=1\nB=\"x\nKEY=no\n", "KEY"), Err(2));
    }

    proptest::proptest! {
        #[test]
        fn any_text_keeps_all_but_the_value(text in "[KEY=AB \"'#\n\\\\xé]{0,60}") {
            if let Ok(spots) = find(&text, "KEY") {
                let new = with_value(&text, "KEY", &spots, "v");
                let again = find(&new, "KEY").expect("as closed as before");
                let last = again.last().expect("it is there now");
                proptest::prop_assert_eq!(&new[last.value.clone()], "v");
                if let Some(spot) = spots.last() {
                    proptest::prop_assert_eq!(&new[..spot.value.start], &text[..spot.value.start]);
                    proptest::prop_assert_eq!(&new[spot.value.start + 1..], &text[spot.value.end..]);
                }
            }
        }
    }
}
