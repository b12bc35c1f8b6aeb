//! A value that is typed or pasted: only its length and, of a long one, its last four characters are ever seen. Refuses
//! control characters, a place in its middle and to be printed; its memory is wiped when it goes.

use crate::key::{Code, Key};
use crate::value::Value;
use std::fmt;
use zeroize::Zeroizing;

/// Most bytes of a value. So much is set aside at once: text that grows leaves no copy of itself behind.
const MOST: usize = 4_096;
/// Fewer characters tell too much of themselves by their last four.
const LONG: usize = 16;

/// What is typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked(Zeroizing<String>);

impl Default for Masked {
    fn default() -> Self {
        Self(Zeroizing::new(String::with_capacity(MOST)))
    }
}

impl Masked {
    /// Fewer characters are no key.
    pub const SHORTEST: usize = 8;

    /// Characters so far.
    pub fn length(&self) -> usize {
        self.0.chars().count()
    }

    /// True once it is long enough to be a key.
    pub fn is_long_enough(&self) -> bool {
        self.length() >= Self::SHORTEST
    }

    /// The last four characters of a long value.
    pub fn tail(&self) -> Option<&str> {
        let (start, _) = self.0.char_indices().rev().nth(3).filter(|_| self.length() >= LONG)?;
        self.0.get(start..)
    }

    /// Takes a press if it edits; says so.
    pub(crate) fn edit(&mut self, key: Key) -> bool {
        match (key.code, key.ctrl) {
            (Code::Backspace, _) | (Code::Char('h'), true) => _ = self.0.pop(),
            (Code::Char('u'), true) => *self = Self::default(),
            _ => match key.typed() {
                Some(c) if self.0.len() + c.len_utf8() <= MOST => self.0.push(c),
                Some(_) => {}
                None => return false,
            },
        }
        true
    }

    /// Takes a paste whole, without the line end behind it; or says why not.
    pub(crate) fn paste(&mut self, text: &str) -> Result<(), &'static str> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.chars().any(char::is_control) {
            return Err("not taken: it has line ends inside; 'quarterdeck rotate start' reads such a value");
        }
        if self.0.len() + text.len() > MOST {
            return Err("not taken: it is longer than 4096 bytes");
        }
        self.0.push_str(text);
        Ok(())
    }

    /// The value; the field is empty then.
    pub(crate) fn take(&mut self) -> Value {
        Value::new(std::mem::take(&mut *self.0))
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_length_and_a_long_ones_last_four_are_seen() {
        let mut masked = Masked::default();
        for c in "CANARY-7731".chars() {
            masked.edit(Key::char(c));
        }
        assert_eq!((masked.length(), masked.tail()), (11, None));
        masked.paste("-and-more\u{e9}\r\n").unwrap();
        assert_eq!((masked.length(), masked.tail()), (21, Some("ore\u{e9}")));
        assert_eq!(format!("{masked:?}"), "***");
        masked.edit(Key::plain(Code::Backspace));
        assert_eq!(masked.length(), 20);
        assert_eq!(masked.clone().take().expose(), "CANARY-7731-and-more");
        masked.edit(Key::ctrl('u'));
        assert_eq!(masked.length(), 0);
    }

    #[test]
    fn a_paste_with_lines_inside_or_without_end_is_refused_and_changes_nothing() {
        let mut masked = Masked::default();
        assert!(masked.paste("-----BEGIN\nKEY").is_err());
        assert!(masked.paste(&"x".repeat(5_000)).is_err());
        assert_eq!(masked.length(), 0);
        assert!(!masked.is_long_enough());
    }

    #[test]
    fn it_never_grows_past_what_was_set_aside() {
        let mut masked = Masked::default();
        let capacity = masked.0.capacity();
        (0..5_000).for_each(|_| _ = masked.edit(Key::char('x')));
        assert_eq!((masked.length(), masked.0.capacity()), (MOST, capacity));
    }
}
