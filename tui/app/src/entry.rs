//! A field that is typed into. Refuses control characters: what is pasted becomes one line of plain text.

use crate::key::{Code, Key};

/// Longest text a field takes, characters.
const LONGEST: usize = 200;

/// What the field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Find in the audit.
    Find,
    /// Filter the secrets.
    FilterSecrets,
    /// Filter the backends.
    FilterBackends,
}

/// A field with its text and the place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is for.
    pub purpose: Purpose,
    /// What stands in it.
    pub line: Line,
    /// What stood there before, for Esc.
    pub before: String,
    /// What is not understood in it, in words.
    pub wrong: Option<String>,
}

/// One line of text with a place in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    text: String,
    /// In characters.
    at: usize,
}

impl Line {
    /// A line with the place at its end.
    pub fn new(text: &str) -> Self {
        let mut line = Self::default();
        line.paste(text);
        line
    }

    /// What stands in it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place, in characters from the start.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Takes a press if it edits; says so.
    pub(crate) fn edit(&mut self, key: Key) -> bool {
        match (key.code, key.ctrl) {
            (Code::Backspace, _) | (Code::Char('h'), true) => self.remove(self.at.checked_sub(1)),
            (Code::Delete, _) => self.remove(Some(self.at)),
            (Code::Left, _) => self.at = self.at.saturating_sub(1),
            (Code::Right, _) => self.at = (self.at + 1).min(self.text.chars().count()),
            (Code::Home, _) => self.at = 0,
            (Code::End, _) => self.at = self.text.chars().count(),
            (Code::Char('u'), true) => *self = Self::default(),
            (Code::Char('w'), true) => {
                let kept = self.text.trim_end();
                let kept = kept.rfind(' ').map_or("", |space| &kept[..=space]).to_owned();
                *self = Self::new(&kept);
            }
            _ => match key.typed() {
                Some(c) => self.insert(c),
                None => return false,
            },
        }
        true
    }

    /// Takes a paste: its control characters become spaces.
    pub(crate) fn paste(&mut self, text: &str) {
        for c in text.chars().take(LONGEST) {
            self.insert(if c.is_control() { ' ' } else { c });
        }
    }

    fn insert(&mut self, c: char) {
        if self.text.chars().count() < LONGEST {
            let byte = self.byte(self.at);
            self.text.insert(byte, c);
            self.at += 1;
        }
    }

    fn remove(&mut self, place: Option<usize>) {
        let Some(place) = place.filter(|place| *place < self.text.chars().count()) else { return };
        let byte = self.byte(place);
        self.text.remove(byte);
        self.at = place;
    }

    fn byte(&self, place: usize) -> usize {
        self.text.char_indices().nth(place).map_or(self.text.len(), |(byte, _)| byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_by_characters_and_not_by_bytes() {
        let mut line = Line::new("a\u{e9}b");
        let table: &[(&str, &str, usize)] = &[
            ("Left", "a\u{e9}b", 2),
            ("Backspace", "ab", 1),
            ("z", "azb", 2),
            ("Home", "azb", 0),
            ("Del", "zb", 0),
            ("End", "zb", 2),
            ("^U", "", 0),
            ("Backspace", "", 0),
            ("Del", "", 0),
        ];
        for (key, text, at) in table {
            line.edit(Key::parse(key).unwrap());
            assert_eq!((line.text(), line.at()), (*text, *at), "after {key}");
        }
    }

    #[test]
    fn a_paste_is_one_line_of_plain_text_and_not_endless() {
        assert_eq!(Line::new("a\u{1b}[2J\nb").text(), "a [2J b");
        assert_eq!(Line::new(&"x".repeat(100_000)).text().len(), LONGEST);
    }
}
