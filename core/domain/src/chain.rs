//! The link between one line of the journal and the next: how an event becomes a line, and a line an event again.
//! Refuses canonical JSON: what is hashed is the line's raw bytes, so anybody can check a link with
//! `printf %s "$line" | sha256sum`. Refuses to make a salt: randomness is the shell's.

use crate::catalogue::Tier;
use crate::event::Event;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The SHA-256 of a line's raw bytes, without its newline.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// What the first line ever names as the line before it.
    pub const ZERO: Digest = Digest([0; 32]);

    /// Hashes a line.
    pub fn of(raw: &[u8]) -> Self {
        Self(Sha256::digest(raw).into())
    }

    /// Reads 64 lower-case hex digits.
    pub fn parse(hex: &[u8]) -> Option<Self> {
        Some(Self(unhex(hex)?))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// 16 random bytes, so that a line whose text was purged can't be guessed from its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 16]);

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// The last field of a line, `_c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Counts from 1 over all files.
    pub seq: u64,
    /// The retention tier.
    pub tier: Tier,
    /// Random.
    pub salt: Salt,
    /// The digest of the line before, over file borders too.
    pub prev: Digest,
}

/// The last line of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its sequence number; 0 before the first.
    pub seq: u64,
    /// Its digest.
    pub digest: Digest,
}

impl Head {
    /// The head of a journal in which nothing stands yet.
    pub const NONE: Head = Head { seq: 0, digest: Digest::ZERO };
}

/// Why bytes are no line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It doesn't end in `"_c":{…}}` of the exact form.
    #[error("it does not end in a link")]
    NoLink,
    /// The rest is no event.
    #[error("it is no event: {0}")]
    NoEvent(String),
}

const OPENS: &[u8] = br#","_c":{"seq":"#;
/// From `,"t":"` to the closing braces everything has one width.
const AFTER_SEQ: usize = r#","t":"c","salt":"","prev":""}}"#.len() + 32 + 64;
/// Digits of the greatest u64.
const SEQ_DIGITS: usize = 20;

/// Makes the line of an event, without its newline. Its tier is the catalogue's.
pub fn seal(event: &Event, seq: u64, salt: Salt, prev: Digest) -> String {
    // An event holds text, numbers and maps with text keys only: there is nothing serde_json could refuse.
    let mut line = serde_json::to_string(event).expect("an event is always JSON");
    let closing = line.pop();
    debug_assert_eq!(closing, Some('}'), "an event is a JSON object");
    let tier = tier_letter(event.event_type.entry().tier);
    line.push_str(&format!(r#","_c":{{"seq":{seq},"t":"{tier}","salt":"{salt}","prev":"{prev}"}}}}"#));
    line
}

/// Reads a line back.
pub fn read(raw: &[u8]) -> Result<(Event, Link), Unreadable> {
    let link = read_link(raw)?;
    // Checked once for the whole line, and not again for each of its texts.
    let text = std::str::from_utf8(raw).map_err(|why| Unreadable::NoEvent(why.to_string()))?;
    // `_c` is no field of an event and is passed over.
    let event = serde_json::from_str(text).map_err(|why| Unreadable::NoEvent(why.to_string()))?;
    Ok((event, link))
}

/// Reads only the link, from the line's end. Its form is exact: one byte more or less and it is none.
pub fn read_link(raw: &[u8]) -> Result<Link, Unreadable> {
    parse_link(raw).ok_or(Unreadable::NoLink)
}

fn parse_link(raw: &[u8]) -> Option<Link> {
    let fixed = raw.len().checked_sub(AFTER_SEQ)?;
    let tail = raw.get(fixed..)?;
    let tier = tier_of(*tail.strip_prefix(br#","t":""#)?.first()?)?;
    let salt = tail.get(7..)?.strip_prefix(br#"","salt":""#)?;
    let prev = salt.get(32..)?.strip_prefix(br#"","prev":""#)?;
    if prev.get(64..)? != br#""}}"# {
        return None;
    }
    let before = raw.get(..fixed)?;
    let digits = before.iter().rev().take(SEQ_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let (head, seq) = before.split_at_checked(before.len() - digits)?;
    let whole = !seq.is_empty() && (seq.len() == 1 || seq.first() != Some(&b'0')) && head.ends_with(OPENS);
    let seq = std::str::from_utf8(seq).ok()?.parse().ok()?;
    let link = Link { seq, tier, salt: Salt(unhex(salt.get(..32)?)?), prev: Digest::parse(prev.get(..64)?)? };
    whole.then_some(link)
}

fn tier_letter(tier: Tier) -> char {
    match tier {
        Tier::Critical => 'c',
        Tier::Sensitive => 's',
        Tier::Routine => 'r',
        Tier::Personal => 'p',
        Tier::Debug => 'd',
    }
}

fn tier_of(letter: u8) -> Option<Tier> {
    Some(match letter {
        b'c' => Tier::Critical,
        b's' => Tier::Sensitive,
        b'r' => Tier::Routine,
        b'p' => Tier::Personal,
        b'd' => Tier::Debug,
        _ => return None,
    })
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    f.write_str(&text)
}

/// Lower case only: there is one spelling of a digest, so that a flipped bit in it is seen.
fn unhex<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    if hex.len() != N * 2 {
        return None;
    }
    let mut wrong = 0;
    for (byte, pair) in out.iter_mut().zip(hex.chunks_exact(2)) {
        let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
        wrong |= (high | low) & NO_DIGIT;
        *byte = high << 4 | low & 15;
    }
    (wrong == 0).then_some(out)
}

const NO_DIGIT: u8 = 0x80;
/// A table, since a verification reads a hundred of these a line.
const NIBBLES: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::EventKind;
    use crate::event::{Actor, Detail, EventId};

    fn event() -> Event {
        let id = EventId { event: "evt-0000000000000001".into(), request: "req-000000000001".into() };
        let at = "2026-11-08T14:30:15.042Z".parse().expect("a test's own timestamp");
        Event::new(EventKind::SecretRead, at, id, Actor::system("sess-1"), None)
            .on("secret://fernet/a\"_c\":{\n")
            .with(Detail::Check { what: "w".into(), count: 3, found: "}}".into() })
    }

    #[test]
    fn a_line_is_read_back_as_it_was_sealed() {
        let line = seal(&event(), u64::MAX, Salt([0xab; 16]), Digest::of(b"before"));
        assert!(!line.contains('\n'));
        assert!(line.ends_with(&format!(
            r#","_c":{{"seq":18446744073709551615,"t":"c","salt":"{}","prev":"{}"}}}}"#,
            "ab".repeat(16),
            Digest::of(b"before")
        )));
        let (back, link) = read(line.as_bytes()).expect("sealed a line above");
        assert_eq!(back, event());
        assert_eq!(
            link,
            Link { seq: u64::MAX, tier: Tier::Critical, salt: Salt([0xab; 16]), prev: Digest::of(b"before") }
        );
    }

    #[test]
    fn the_digest_is_the_plain_sha256_of_the_line() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), known);
        assert_eq!(Digest::parse(known.as_bytes()), Some(Digest::of(b"abc")));
        assert_eq!(Digest::parse(known.to_uppercase().as_bytes()), None);
    }

    #[test]
    fn a_link_of_any_other_form_is_none() {
        let line = seal(&event(), 7, Salt([1; 16]), Digest::ZERO);
        for wrong in [
            line.replace("\"seq\":7", "\"seq\":07"),
            line.replace("\"seq\":7", "\"seq\":"),
            line.replace("\"seq\":7", "\"seq\": 7"),
            line.replace("\"t\":\"c\"", "\"t\":\"x\""),
            line.replace("\"prev\"", "\"Prev\""),
            format!("{line} "),
            line[1..line.len() - 1].to_owned(),
            String::new(),
        ] {
            assert_eq!(read_link(wrong.as_bytes()), Err(Unreadable::NoLink), "{wrong}");
        }
    }
}
