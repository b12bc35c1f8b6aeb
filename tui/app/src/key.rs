//! A key press as the program understands it, whatever terminal it came from. Refuses to know a terminal library.

use std::fmt;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A character, as typed: an upper-case letter already says Shift.
    Char(char),
    /// Enter or Return.
    Enter,
    /// Escape.
    Esc,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Insert.
    Insert,
    /// A function key, 1 to 24.
    F(u8),
}

/// One key press with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which.
    pub code: Code,
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt.
    pub alt: bool,
    /// With Shift; never set together with a character.
    pub shift: bool,
}

/// Names that stand for a key in a key map; the first of a code is the one that is shown.
const NAMES: &[(&str, Code)] = &[
    ("Enter", Code::Enter),
    ("Return", Code::Enter),
    ("Esc", Code::Esc),
    ("Escape", Code::Esc),
    ("Backspace", Code::Backspace),
    ("Del", Code::Delete),
    ("Delete", Code::Delete),
    ("Tab", Code::Tab),
    ("BackTab", Code::BackTab),
    ("Up", Code::Up),
    ("Down", Code::Down),
    ("Left", Code::Left),
    ("Right", Code::Right),
    ("Home", Code::Home),
    ("End", Code::End),
    ("PgUp", Code::PageUp),
    ("PageUp", Code::PageUp),
    ("PgDn", Code::PageDown),
    ("PageDown", Code::PageDown),
    ("Ins", Code::Insert),
    ("Insert", Code::Insert),
    ("Space", Code::Char(' ')),
];

impl Key {
    /// A key without modifiers.
    pub const fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// A character as typed.
    pub const fn char(c: char) -> Self {
        Self::plain(Code::Char(c))
    }

    /// Ctrl with a letter.
    pub const fn ctrl(c: char) -> Self {
        Self { code: Code::Char(c), ctrl: true, alt: false, shift: false }
    }

    /// The same press in the one form the key map knows: Shift is part of a character, and Ctrl makes letters small.
    pub fn normal(self) -> Self {
        match self.code {
            Code::Char(c) if self.ctrl => Self { code: Code::Char(c.to_ascii_lowercase()), shift: false, ..self },
            Code::Char(c) if self.shift && c.is_ascii_lowercase() => {
                Self { code: Code::Char(c.to_ascii_uppercase()), shift: false, ..self }
            }
            Code::Char(_) | Code::BackTab => Self { shift: false, ..self },
            Code::Tab if self.shift => Self { code: Code::BackTab, shift: false, ..self },
            _ => self,
        }
    }

    /// Reads a key's name: `q`, `^X`, `ctrl-x`, `alt-f`, `Enter`, `PgUp`, `F1`.
    pub fn parse(name: &str) -> Option<Self> {
        if name.chars().count() == 1 {
            return name.chars().next().map(Self::char);
        }
        if let Some(rest) = name.strip_prefix('^') {
            return single(rest).map(|c| Self::ctrl(c.to_ascii_lowercase()));
        }
        if let Some((modifier, rest)) = name.split_once('-') {
            let key = Self::parse(rest)?;
            let key = match modifier.to_ascii_lowercase().as_str() {
                "ctrl" | "c" => Self { ctrl: true, ..key },
                "alt" | "a" => Self { alt: true, ..key },
                "shift" | "s" => Self { shift: true, ..key },
                _ => return None,
            };
            return Some(key.normal());
        }
        if let Some((_, code)) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Some(Self::plain(*code));
        }
        let number = name.strip_prefix(['F', 'f'])?.parse::<u8>().ok()?;
        (1..=24).contains(&number).then(|| Self::plain(Code::F(number)))
    }

    /// The character that this press types into a field, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt && !c.is_control() => Some(c),
            _ => None,
        }
    }
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alt {
            f.write_str("Alt-")?;
        }
        if self.shift {
            f.write_str("Shift-")?;
        }
        match self.code {
            Code::Char(c) if self.ctrl => write!(f, "^{}", c.to_ascii_uppercase()),
            Code::Char(' ') => f.write_str("Space"),
            Code::Char(c) => write!(f, "{c}"),
            code => {
                if self.ctrl {
                    f.write_str("Ctrl-")?;
                }
                match (code, NAMES.iter().find(|(_, known)| *known == code)) {
                    (Code::F(number), _) => write!(f, "F{number}"),
                    (_, Some((name, _))) => f.write_str(name),
                    (_, None) => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_shown() {
        for name in ["q", "G", "/", "^X", "Enter", "Esc", "PgUp", "Space", "F1", "F12", "Alt-f", "Shift-Up", "-", "^"] {
            let key = Key::parse(name).unwrap_or_else(|| panic!("{name} is a key"));
            assert_eq!(key.to_string(), name);
        }
        assert_eq!(Key::parse("ctrl-x"), Some(Key::ctrl('x')));
        assert_eq!(Key::parse("return"), Some(Key::plain(Code::Enter)));
        for wrong in ["", "nokey", "F0", "F25", "^", "^xy", "hyper-x"] {
            assert!(wrong == "^" || Key::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn terminals_that_disagree_about_shift_and_ctrl_say_the_same() {
        let shifted = Key { shift: true, ..Key::char('G') };
        assert_eq!(shifted.normal(), Key::char('G'));
        assert_eq!(Key { shift: true, ..Key::char('g') }.normal(), Key::char('G'));
        assert_eq!(Key { shift: true, ..Key::ctrl('X') }.normal(), Key::ctrl('x'));
        assert_eq!(Key { shift: true, ..Key::plain(Code::Tab) }.normal(), Key::plain(Code::BackTab));
    }
}
