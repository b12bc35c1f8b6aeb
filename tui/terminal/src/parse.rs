//! Bytes from the keyboard to keys, pastes and mouse events. Pure: time is told to it.
//!
//! Three promises. Nothing inside a bracketed paste is ever a key. Ctrl-X outside of one is always a key, even in
//! the middle of a broken sequence. And a sequence that the line tore apart never leaves its last letter behind as
//! a key of its own (`H` of a torn Home would begin something).

use std::time::Duration;

use zeroize::Zeroize;

use crate::key::{Input, Key, KeyCode, Mouse, MouseKind};

/// After an Esc, how long to wait for what would make it the beginning of a sequence.
const AFTER_ESC: Duration = Duration::from_millis(25);
/// How long to wait for the rest of a sequence that has begun; nothing of it is delivered after that.
const AFTER_START: Duration = Duration::from_millis(500);
/// A paste whose end has not come for this long is given up when a single key follows.
const PASTE_SILENCE: Duration = Duration::from_secs(3);
/// The longest paste, in bytes.
pub(crate) const PASTE_MOST: usize = 1 << 20;
const PASTE_END: &[u8] = b"\x1b[201~";
/// The longest parameters of a sequence, and the longest answer to a question somebody else asked.
const PARAMS_MOST: usize = 32;
const ANSWER_MOST: usize = 4096;

#[derive(Debug)]
enum State {
    Ground,
    /// A character of several bytes, as far as it came.
    Character(Vec<u8>),
    Escape,
    /// `ESC [` and what followed.
    Sequence(Vec<u8>),
    /// `ESC O`.
    Single,
    /// A string that a terminal sends (an answer): its length, and whether its last byte was ESC.
    Answer(usize, bool),
    /// The three bytes of a mouse report of the oldest kind.
    OldMouse(u8),
    Paste {
        text: Vec<u8>,
        too_long: bool,
    },
}

/// Turns bytes into [`Input`].
#[derive(Debug)]
pub(crate) struct Parser {
    state: State,
    /// The last thing delivered was an Esc by time-out: what follows at once may be the rest of its sequence.
    esc_alone: bool,
}

impl Parser {
    pub(crate) fn new() -> Self {
        Self { state: State::Ground, esc_alone: false }
    }

    /// How long to wait for more before [`expire`](Self::expire) is called; `None` is for ever.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self.state {
            State::Escape => Some(AFTER_ESC),
            State::Sequence(_) | State::Single | State::Answer(..) | State::OldMouse(_) => Some(AFTER_START),
            State::Ground | State::Character(_) | State::Paste { .. } => None,
        }
    }

    /// Nothing came for as long as [`patience`](Self::patience) said.
    pub(crate) fn expire(&mut self, deliver: &mut impl FnMut(Input)) {
        match self.state {
            State::Escape => {
                deliver(Input::Key(Key::plain(KeyCode::Esc)));
                self.esc_alone = true;
                self.state = State::Ground;
            }
            State::Sequence(_) | State::Single | State::Answer(..) | State::OldMouse(_) => self.state = State::Ground,
            State::Ground | State::Character(_) | State::Paste { .. } => {}
        }
    }

    /// Forgets what was begun; a paste goes on being one, or its rest would be keys.
    pub(crate) fn forget(&mut self) {
        self.esc_alone = false;
        if let State::Paste { text, .. } = &mut self.state {
            text.zeroize();
        } else {
            self.state = State::Ground;
        }
    }

    /// Takes what one read brought, `silence` after the read before.
    pub(crate) fn feed(&mut self, bytes: &[u8], silence: Duration, deliver: &mut impl FnMut(Input)) {
        self.give_up_paste(bytes, silence, deliver);
        // The rest of a sequence whose Esc was taken for a key: nobody types two characters in one read.
        if std::mem::take(&mut self.esc_alone) && bytes.len() > 1 && matches!(bytes[0], b'[' | b'O') {
            self.state = State::Escape;
        }
        for byte in bytes {
            self.byte(*byte, deliver);
        }
    }

    fn give_up_paste(&mut self, bytes: &[u8], silence: Duration, deliver: &mut impl FnMut(Input)) {
        let State::Paste { text, .. } = &mut self.state else { return };
        let one_key = bytes.len() == 1 || bytes.len() <= 8 && bytes.first() == Some(&0x1b);
        let recent = &text[text.len().saturating_sub(PASTE_END.len())..];
        let end_begun = (3..PASTE_END.len()).any(|most| [recent, bytes].concat().ends_with(&PASTE_END[..most]));
        let end_here = [recent, bytes].concat().windows(PASTE_END.len()).any(|part| part == PASTE_END);
        if silence >= PASTE_SILENCE && one_key && !end_begun && !end_here {
            text.zeroize();
            self.state = State::Ground;
            deliver(Input::PasteLost);
        }
    }

    fn byte(&mut self, byte: u8, deliver: &mut impl FnMut(Input)) {
        self.state = match std::mem::replace(&mut self.state, State::Ground) {
            State::Paste { text, too_long } => paste(text, too_long, byte, deliver),
            // CAN ends whatever has begun, and no terminal sends it: it is the key.
            _ if byte == 0x18 => ground(byte, deliver),
            State::Ground => ground(byte, deliver),
            State::Character(begun) => character(begun, byte, deliver),
            State::Escape => escape(byte, deliver),
            State::Sequence(params) => sequence(params, byte, deliver),
            State::Single => single(byte, deliver),
            State::Answer(length, after_esc) => answer(length, after_esc, byte),
            State::OldMouse(left) if left > 1 => State::OldMouse(left - 1),
            State::OldMouse(_) => State::Ground,
        };
    }
}

fn ground(byte: u8, deliver: &mut impl FnMut(Input)) -> State {
    let key = match byte {
        0x1b => return State::Escape,
        0x80..=0xbf | 0xf8..=0xff => return State::Ground,
        0xc0.. => return State::Character(vec![byte]),
        b'\t' => Key::plain(KeyCode::Tab),
        b'\r' => Key::plain(KeyCode::Enter),
        0x08 | 0x7f => Key::plain(KeyCode::Backspace),
        0 => Key::ctrl(' '),
        1..=0x1a => Key::ctrl(char::from(byte + 0x60)),
        0x1c..=0x1f => Key::ctrl(char::from(byte + 0x40)),
        b' '..=b'~' => Key::plain(KeyCode::Char(char::from(byte))),
    };
    deliver(Input::Key(key));
    State::Ground
}

fn character(mut begun: Vec<u8>, byte: u8, deliver: &mut impl FnMut(Input)) -> State {
    if !(0x80..=0xbf).contains(&byte) {
        return ground(byte, deliver);
    }
    begun.push(byte);
    match std::str::from_utf8(&begun) {
        Ok(text) => {
            let shown = text.chars().filter(|c| !c.is_control());
            shown.for_each(|c| deliver(Input::Key(Key::plain(KeyCode::Char(c)))));
            State::Ground
        }
        Err(error) if error.error_len().is_none() && begun.len() < 4 => State::Character(begun),
        Err(_) => State::Ground,
    }
}

fn escape(byte: u8, deliver: &mut impl FnMut(Input)) -> State {
    match byte {
        b'[' => State::Sequence(Vec::new()),
        b'O' => State::Single,
        b']' | b'P' | b'X' | b'^' | b'_' => State::Answer(0, false),
        b' '..=b'~' => {
            let code = KeyCode::Char(char::from(byte));
            deliver(Input::Key(Key { alt: true, ..Key::plain(code) }));
            State::Ground
        }
        0x7f => {
            deliver(Input::Key(Key { alt: true, ..Key::plain(KeyCode::Backspace) }));
            State::Ground
        }
        // Two keys that a slow line brought at once; the second may be the one that matters.
        _ => {
            deliver(Input::Key(Key::plain(KeyCode::Esc)));
            ground(byte, deliver)
        }
    }
}

fn sequence(mut params: Vec<u8>, byte: u8, deliver: &mut impl FnMut(Input)) -> State {
    match byte {
        0x1b => State::Escape,
        // The Linux console's F1 to F5 are `ESC [ [ A` to `E`.
        b'[' if params.is_empty() => State::Sequence(vec![b'[']),
        b'A'..=b'E' if params == b"[" => {
            deliver(Input::Key(Key::plain(KeyCode::F(byte - b'A' + 1))));
            State::Ground
        }
        0x20..=0x3f if params.len() < PARAMS_MOST => {
            params.push(byte);
            State::Sequence(params)
        }
        b'M' if params.is_empty() => State::OldMouse(3),
        b'~' if params == b"200" => State::Paste { text: Vec::new(), too_long: false },
        0x40..=0x7e => {
            if let Some(input) = meaning(&params, byte) {
                deliver(input);
            }
            State::Ground
        }
        // A control character ends it without a trace; so does a sequence longer than any key's.
        0x20..=0x3f => State::Answer(0, false),
        _ => ground(byte, deliver),
    }
}

fn single(byte: u8, deliver: &mut impl FnMut(Input)) -> State {
    let code = match byte {
        0x1b => return State::Escape,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(byte - b'P' + 1),
        b'j'..=b'y' => KeyCode::Char(char::from(byte - 0x40)),
        b'X' => KeyCode::Char('='),
        _ => match cursor_key(byte) {
            Some(code) => code,
            None if byte < 0x20 => return ground(byte, deliver),
            None => return State::Ground,
        },
    };
    deliver(Input::Key(Key::plain(code)));
    State::Ground
}

/// An answer is swallowed up to BEL or ST.
fn answer(length: usize, after_esc: bool, byte: u8) -> State {
    match byte {
        0x07 => State::Ground,
        b'\\' if after_esc => State::Ground,
        b'[' if after_esc => State::Sequence(Vec::new()),
        _ if length >= ANSWER_MOST => State::Ground,
        _ => State::Answer(length + 1, byte == 0x1b),
    }
}

fn paste(mut text: Vec<u8>, mut too_long: bool, byte: u8, deliver: &mut impl FnMut(Input)) -> State {
    // Growing by copying leaves copies behind; a paste may be a secret.
    if text.len() == text.capacity() {
        let mut wider = Vec::with_capacity((text.capacity() * 2).max(256));
        wider.extend_from_slice(&text);
        text.zeroize();
        text = wider;
    }
    text.push(byte);
    if text.ends_with(PASTE_END) {
        text.truncate(text.len() - PASTE_END.len());
        deliver(if too_long { Input::PasteLost } else { Input::Paste(pasted(&text)) });
        text.zeroize();
        return State::Ground;
    }
    if text.len() > PASTE_MOST {
        let end = text[text.len() - PASTE_END.len()..].to_vec();
        text.zeroize();
        text = end;
        too_long = true;
    }
    State::Paste { text, too_long }
}

fn pasted(text: &[u8]) -> String {
    let mut lossy = String::from_utf8_lossy(text).into_owned();
    let mut clean = String::with_capacity(lossy.len());
    let mut after_return = false;
    for c in lossy.chars() {
        match c {
            '\r' => clean.push('\n'),
            '\n' if after_return => {}
            '\n' | '\t' => clean.push(c),
            c if c.is_control() => {}
            c => clean.push(c),
        }
        after_return = c == '\r';
    }
    lossy.zeroize();
    clean
}

/// What a whole sequence means; `None` for answers to questions, focus reports and what isn't known.
fn meaning(params: &[u8], last: u8) -> Option<Input> {
    if let Some(rest) = params.strip_prefix(b"<") {
        return mouse(rest, last);
    }
    let numbers = numbers(params)?;
    let number = |place: usize| numbers.get(place).copied().unwrap_or(0);
    let (code, held) = match last {
        b'u' => (of_number(number(0))?, number(1)),
        b'~' if number(0) == 27 => (of_number(number(2))?, number(1)),
        b'~' | b'^' => (tilde_key(number(0))?, if last == b'^' { 5 } else { number(1) }),
        b'Z' => (KeyCode::BackTab, 1),
        // F3 with something held is spelt like the report of a cursor's place: taken for the report.
        b'P' | b'Q' | b'S' => (KeyCode::F(last - b'P' + 1), number(1)),
        _ if numbers.len() <= 2 => (cursor_key(last)?, number(1)),
        _ => return None,
    };
    let held = held.saturating_sub(1);
    Some(Input::Key(normal(Key { code, shift: held & 1 != 0, alt: held & 2 != 0, ctrl: held & 4 != 0 })))
}

fn cursor_key(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        _ => return None,
    })
}

fn tilde_key(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23..=26 => KeyCode::F(number as u8 - 12),
        28 | 29 => KeyCode::F(number as u8 - 13),
        31..=34 => KeyCode::F(number as u8 - 14),
        _ => return None,
    })
}

/// A key told by its character's number.
fn of_number(number: u32) -> Option<KeyCode> {
    Some(match number {
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        // Private numbers of keys that have no character.
        0xe000..=0xf8ff => return None,
        _ => KeyCode::Char(char::from_u32(number).filter(|c| !c.is_control())?),
    })
}

/// One spelling for one key, whichever way the terminal told it.
fn normal(key: Key) -> Key {
    match key.code {
        KeyCode::Tab if key.shift => Key { code: KeyCode::BackTab, shift: false, ..key },
        KeyCode::Char(c) if key.ctrl => Key { code: KeyCode::Char(c.to_ascii_lowercase()), ..key },
        KeyCode::Char(c) if key.shift && c.is_ascii_lowercase() && !key.alt => {
            Key::plain(KeyCode::Char(c.to_ascii_uppercase()))
        }
        KeyCode::Char(_) if !key.alt => Key { shift: false, ..key },
        _ => key,
    }
}

fn mouse(params: &[u8], last: u8) -> Option<Input> {
    let numbers = numbers(params)?;
    let [button, column, row] = numbers[..] else { return None };
    let kind = match (button & !0x1c, last) {
        (64, b'M') => MouseKind::WheelUp,
        (65, b'M') => MouseKind::WheelDown,
        (button @ 0..=2, b'M') => MouseKind::Press(button as u8),
        (button @ 0..=2, b'm') => MouseKind::Release(button as u8),
        _ => return None,
    };
    let from_zero = |n: u32| u16::try_from(n).ok()?.checked_sub(1);
    Some(Input::Mouse(Mouse { kind, column: from_zero(column)?, row: from_zero(row)? }))
}

/// Numbers between semicolons; what follows a colon is left out. `None` if there is anything else.
fn numbers(params: &[u8]) -> Option<Vec<u32>> {
    let text = std::str::from_utf8(params).ok()?;
    let one = |part: &str| match part.split(':').next().unwrap_or_default() {
        "" => Some(0),
        digits => digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit())),
    };
    text.split(';').map(one).collect()
}

#[cfg(test)]
mod tests;
