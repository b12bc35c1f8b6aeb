//! Reads the text of a `.env` file as python-dotenv reads it. Refuses to open a file, to expand `${…}`, and to show a
//! value in what it finds wrong.
//!
//! ```text
//! export DP_A=plain text   # a comment needs white space before it
//! DP_B="double: \n \" \\"  and may go on over several lines
//! DP_C='single: only \' and \\ are escapes'
//! ```
//! Nothing is expanded: a password may hold a dollar sign, and in this layer a value is what stands there.

use quarterdeck_contract::SecretBytes;
use zeroize::Zeroizing;

/// One assignment.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The variable.
    pub variable: String,
    /// Its value, raw.
    pub value: SecretBytes,
    /// The line it begins on, counted from 1.
    pub line: usize,
}

/// What stands in a file, in order; of a variable given twice the last one counts, which [`last`](Self::last) sees to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The assignments.
    pub entries: Vec<Entry>,
    /// Lines that are no assignment and were passed over.
    pub passed_over: Vec<usize>,
}

impl Parsed {
    /// The assignments that count: the last one of each variable.
    pub fn last(self) -> impl Iterator<Item = Entry> {
        let mut seen = std::collections::BTreeSet::new();
        let mut last: Vec<_> =
            self.entries.into_iter().rev().filter(|entry| seen.insert(entry.variable.clone())).collect();
        last.reverse();
        last.into_iter()
    }
}

/// A quotation mark that is never closed: from there on nothing can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed {
    /// The line with the opening mark.
    pub line: usize,
}

/// Reads the text of a file.
///
/// # Errors
/// [`Unclosed`] with the line; every other oddity is passed over and told.
pub fn parse(text: &[u8]) -> Result<Parsed, Unclosed> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = Reader { text, at: 0, line: 1 };
    let mut parsed = Parsed::default();
    loop {
        reader.skip_while(|byte| byte.is_ascii_whitespace());
        let line = reader.line;
        match reader.peek() {
            None => return Ok(parsed),
            Some(b'#') => reader.skip_line(),
            Some(_) => match reader.assignment()? {
                Some((variable, value)) => parsed.entries.push(Entry { variable, value, line }),
                None => {
                    parsed.passed_over.push(line);
                    reader.skip_line();
                }
            },
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl Reader<'_> {
    /// One assignment up to the end of its line, or nothing when there is none.
    fn assignment(&mut self) -> Result<Option<(String, SecretBytes)>, Unclosed> {
        let mut variable = self.variable();
        if variable.as_deref() == Some("export") && self.blanks() > 0 {
            variable = self.variable();
        }
        self.blanks();
        let Some(variable) = variable.filter(|_| self.peek() == Some(b'=')) else { return Ok(None) };
        self.advance();
        let blanks = self.blanks();
        let line = self.line;
        let value = match self.peek() {
            Some(mark @ (b'"' | b'\'')) => {
                self.advance();
                self.quoted(mark).ok_or(Unclosed { line })?
            }
            _ => return Ok(Some((variable, self.unquoted(blanks > 0)))),
        };
        self.blanks();
        let ends = matches!(self.peek(), None | Some(b'#' | b'\n' | b'\r'));
        self.skip_line();
        Ok(ends.then_some((variable, value)))
    }

    /// The bytes up to white space, `=` or `#`, if they are text.
    fn variable(&mut self) -> Option<String> {
        let start = self.at;
        if self.peek() == Some(b'\'') {
            self.advance();
            self.skip_while(|byte| !matches!(byte, b'\'' | b'\n'));
            let quoted = self.text[start + 1..self.at].to_vec();
            self.advance();
            return String::from_utf8(quoted).ok().filter(|name| !name.is_empty());
        }
        self.skip_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'#'));
        String::from_utf8(self.text[start..self.at].to_vec()).ok().filter(|name| !name.is_empty())
    }

    /// The rest of the line without white space at the end and without a comment, which white space must precede: a
    /// password may begin with `#`.
    fn unquoted(&mut self, after_blank: bool) -> SecretBytes {
        let start = self.at;
        self.skip_while(|byte| !matches!(byte, b'\n' | b'\r'));
        let rest = &self.text[start..self.at];
        let comment = (0..rest.len()).find(|at| {
            rest[*at] == b'#' && at.checked_sub(1).map_or(after_blank, |before| rest[before].is_ascii_whitespace())
        });
        SecretBytes::new(rest[..comment.unwrap_or(rest.len())].trim_ascii_end().to_vec())
    }

    /// What stands up to the closing mark, escapes undone; `None` when it is never closed.
    fn quoted(&mut self, mark: u8) -> Option<SecretBytes> {
        // Measured first, so that no growing buffer leaves a copy behind.
        let mut value = Zeroizing::new(Vec::with_capacity(self.length_to(mark)?));
        loop {
            let byte = self.peek()?;
            self.advance();
            match byte {
                _ if byte == mark => return Some(SecretBytes::new(std::mem::take(&mut *value))),
                b'\\' => {
                    let next = self.peek()?;
                    self.advance();
                    match unescape(mark, next) {
                        Some(plain) => value.push(plain),
                        None => value.extend([b'\\', next]),
                    }
                }
                _ => value.push(byte),
            }
        }
    }

    fn length_to(&self, mark: u8) -> Option<usize> {
        let mut at = self.at;
        while *self.text.get(at)? != mark {
            at += if self.text[at] == b'\\' { 2 } else { 1 };
        }
        Some(at - self.at)
    }

    fn blanks(&mut self) -> usize {
        let start = self.at;
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | 0x0b | 0x0c));
        self.at - start
    }

    fn skip_line(&mut self) {
        self.skip_while(|byte| byte != b'\n');
    }

    fn skip_while(&mut self, goes_on: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&goes_on) {
            self.advance();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn advance(&mut self) {
        if let Some(byte) = self.peek() {
            self.line += usize::from(byte == b'\n');
            self.at += 1;
        }
    }
}

/// What an escape stands for between these marks; `None` leaves the backslash where it is.
fn unescape(mark: u8, next: u8) -> Option<u8> {
    match (mark, next) {
        (_, b'\\' | b'\'') => Some(next),
        (b'\'', _) => None,
        (_, b'"') => Some(b'"'),
        (_, b'a') => Some(0x07),
        (_, b'b') => Some(0x08),
        (_, b'f') => Some(0x0c),
        (_, b'n') => Some(b'\n'),
        (_, b'r') => Some(b'\r'),
        (_, b't') => Some(b'\t'),
        (_, b'v') => Some(0x0b),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let parsed = parse(text.as_bytes()).expect("closed");
        parsed.last().map(|e| (e.variable, String::from_utf8(e.value.expose().to_vec()).expect("UTF-8"))).collect()
    }

    /// Each text and its only value; checked against python-dotenv 1.2.4.
    #[test]
    fn values_by_the_grammar() {
        let cases = [
            ("A=b", "b"),
            ("A=", ""),
            ("A", "-"),
            ("export A=b", "b"),
            ("  export\tA = b  ", "b"),
            ("A=b c  # comment", "b c"),
            ("A=b#c", "b#c"),
            ("A=#c", "#c"),
            ("A= # c", ""),
            ("A='x'#c", "x"),
            ("A='b # c' # d", "b # c"),
            (r"A='b\'c\\d\n'", r"b'c\d\n"),
            (r#"A="b\"c\\d\ne\$\x""#, "b\"c\\d\ne\\$\\x"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=b\r\nB=c", "b"),
            ("A=1.10", "1.10"),
            ("A=${HOME}$x", "${HOME}$x"),
            ("A=b=c=", "b=c="),
            ("A=it's", "it's"),
            ("'A'=b", "b"),
            ("\u{feff}A=b", "b"),
            ("A=é", "é"),
        ];
        for (text, wanted) in cases {
            let got = pairs(text);
            match wanted {
                "-" => assert!(got.is_empty(), "{text:?}"),
                _ => assert_eq!(got.first(), Some(&("A".to_owned(), wanted.to_owned())), "{text:?}"),
            }
        }
    }

    #[test]
    fn the_last_of_a_variable_counts_and_keeps_its_place() {
        assert_eq!(pairs("A=1\nB=2\nA=3\n"), [("B".to_owned(), "2".to_owned()), ("A".to_owned(), "3".to_owned())]);
    }

    #[test]
    fn what_is_no_assignment_is_passed_over_and_told() {
        let parsed = parse(b"set -a\nA=1\n=x\n\n# fine\nB='x' y\nC=2\nexport\n").expect("closed");
        assert_eq!(parsed.passed_over, [1, 3, 6, 8]);
        assert_eq!(
            parsed.entries.iter().map(|e| (e.variable.as_str(), e.line)).collect::<Vec<_>>(),
            [("A", 2), ("C", 7)]
        );
    }

    #[test]
    fn an_open_mark_is_an_error_with_its_line() {
        assert_eq!(parse(b"A=1\nB=\"x\nC=2\n"), Err(Unclosed { line: 2 }));
        assert_eq!(parse(b"B='x\\'"), Err(Unclosed { line: 1 }));
    }

    #[test]
    fn a_value_of_other_bytes_is_kept_and_nothing_prints_it() {
        let parsed = parse(b"A=\xff\xfe\nB=canary").expect("closed");
        assert_eq!(parsed.entries[0].value.expose(), [0xff, 0xfe]);
        assert!(!format!("{parsed:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_value_in_double_marks_comes_back(value in "[^\\x00]{0,40}") {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(pairs(&format!("X=1\nA=\"{escaped}\" # c\nB=2")).get(1).cloned(), Some(("A".to_owned(), value)));
        }
    }
}
