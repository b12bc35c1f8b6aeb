//! The guard before the kill-switch: one code a level, of which a complete one chooses the level. Refuses pasted text,
//! repeated keys and anything in the first moment; and after a few wrong characters it closes.

use super::Level;
use crate::environment::Environment;
use jiff::{SignedDuration, Timestamp};

/// Characters that are not mistaken for each other, on a screen or by ear.
pub const ALPHABET: &[u8; 24] = b"34679ACDEFHJKMNPQRTUVWXY";
/// The random part of a code.
const RANDOM: usize = 4;
/// Environment, level, random part.
pub const LENGTH: usize = 2 + RANDOM;
/// Nothing counts for so long after arming: what was typed ahead is not meant for the dialog.
pub const QUIET: SignedDuration = SignedDuration::from_millis(300);
/// It disarms so long after the last right character …
pub const IDLE: SignedDuration = SignedDuration::from_secs(20);
/// … and so long after arming, whatever is typed.
pub const WHOLE: SignedDuration = SignedDuration::from_secs(60);
/// So many wrong characters are forgiven.
const FORGIVEN: u8 = 3;

/// The letter by which an environment's codes begin: no code of one fits another.
pub fn letter(environment: Environment) -> char {
    match environment {
        Environment::Production => 'P',
        Environment::Paper => 'A',
        Environment::Qa => 'Q',
        Environment::Demo => 'D',
    }
}

/// One code for each level. They differ at every place but the first, and no character follows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    stop: String,
    halt: String,
}

impl Codes {
    /// Makes two codes of random bytes; `None` when there were too few (64 are plenty).
    pub fn draw(environment: Environment, random: &[u8]) -> Option<Self> {
        // 240 is the largest multiple of 24 in a byte: above it the draw would lean to the first letters.
        let mut letters =
            random.iter().filter(|byte| **byte < 240).map(|byte| char::from(ALPHABET[usize::from(*byte % 24)]));
        let mut codes = [Level::Stop, Level::Halt].map(|level| format!("{}{}", letter(environment), level.number()));
        for place in 0..RANDOM {
            for at in 0..codes.len() {
                let other = (at == 1).then(|| codes[0].chars().nth(2 + place)).flatten();
                let last = codes[at].chars().next_back();
                let next = letters.find(|c| Some(*c) != other && Some(*c) != last)?;
                codes[at].push(next);
            }
        }
        let [stop, halt] = codes;
        Some(Self { stop, halt })
    }

    /// The code of a level: `P3K7QX`.
    pub fn of(&self, level: Level) -> &str {
        match level {
            Level::Stop => &self.stop,
            Level::Halt => &self.halt,
        }
    }

    /// The code as it is shown: `P3 K7QX`.
    pub fn shown(&self, level: Level) -> String {
        let (head, tail) = self.of(level).split_at(2);
        format!("{head} {tail}")
    }

    /// The level whose complete code this is; blanks and small letters are forgiven.
    pub fn level(&self, typed: &str) -> Option<Level> {
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        [Level::Stop, Level::Halt].into_iter().find(|level| self.of(*level) == typed)
    }
}

/// What a character came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// It stands.
    Taken,
    /// No code goes on like this: it does not stand.
    Wrong,
    /// Too early, or the code is complete.
    Ignored,
    /// One wrong character too many: closed.
    Disarmed,
}

/// An open guard. It holds what was typed, and fires nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    codes: Codes,
    armed_at: Timestamp,
    right_at: Timestamp,
    typed: String,
    wrong: u8,
}

impl Guard {
    /// Arms. The caller has drained what was typed ahead.
    pub fn arm(codes: Codes, now: Timestamp) -> Self {
        Self { codes, armed_at: now, right_at: now, typed: String::new(), wrong: 0 }
    }

    /// The codes.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// What stands.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// The level that what stands leads to: told by its second character.
    pub fn leads_to(&self) -> Option<Level> {
        [Level::Stop, Level::Halt]
            .into_iter()
            .find(|level| self.typed.len() > 1 && self.codes.of(*level).starts_with(&self.typed))
    }

    /// Characters that are missing.
    pub fn missing(&self) -> usize {
        LENGTH - self.typed.len()
    }

    /// When it closes by itself.
    pub fn ends_at(&self) -> Timestamp {
        let idle = self.right_at.saturating_add(IDLE).unwrap_or(Timestamp::MAX);
        idle.min(self.armed_at.saturating_add(WHOLE).unwrap_or(Timestamp::MAX))
    }

    /// One key press.
    pub fn press(&mut self, c: char, now: Timestamp) -> Typed {
        if self.is_closed(now) {
            return Typed::Disarmed;
        }
        if now.duration_since(self.armed_at) < QUIET || c == ' ' || self.missing() == 0 {
            return Typed::Ignored;
        }
        let longer = format!("{}{}", self.typed, c.to_ascii_uppercase());
        if [Level::Stop, Level::Halt].into_iter().any(|level| self.codes.of(level).starts_with(&longer)) {
            self.typed = longer;
            self.right_at = now;
            return Typed::Taken;
        }
        self.wrong += 1;
        if self.wrong > FORGIVEN { Typed::Disarmed } else { Typed::Wrong }
    }

    /// Takes the last character back.
    pub fn back(&mut self) {
        self.typed.pop();
    }

    /// What Ctrl-X sends now: nothing, unless a code is complete and in time.
    pub fn sends(&self, now: Timestamp) -> Option<Level> {
        let in_time = !self.is_closed(now) && now.duration_since(self.armed_at) >= QUIET;
        in_time.then(|| self.codes.level(&self.typed)).flatten()
    }

    /// Nothing opens it again: neither a right character after its time, nor one after too many wrong ones.
    fn is_closed(&self, now: Timestamp) -> bool {
        self.wrong > FORGIVEN || now >= self.ends_at()
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
