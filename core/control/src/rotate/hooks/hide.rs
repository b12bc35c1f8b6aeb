//! Takes values out of what a hook said, in each form that a program may have given them. Refuses to be a licence to say
//! them: who cuts a value to pieces gets the pieces through.

use super::Errand;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use quarterdeck_contract::Value;
use quarterdeck_domain::redact::{self, REDACTED};
use quarterdeck_domain::sanitise;
use zeroize::{Zeroize as _, Zeroizing};

/// Widest note.
const WIDTH: usize = 200;
/// A part of a value that is shorter is any word's part.
const SHORTEST_PART: usize = 4;

/// What is hidden, longest first.
pub(super) struct Hidden {
    forms: Vec<Zeroizing<Vec<u8>>>,
}

/// All values that a hook was given.
pub(super) fn of(errand: &Errand<'_>) -> Hidden {
    Hidden::new([Some(errand.value), errand.old, errand.new].into_iter().flatten())
}

impl Hidden {
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a Value>) -> Self {
        let mut hidden = Self { forms: Vec::new() };
        for value in values {
            let bytes = value.bytes.expose();
            hidden.add(bytes, 1);
            hidden.add(bytes.trim_ascii(), 1);
            bytes.split(|byte| *byte == b'\n').for_each(|line| hidden.add(line.trim_ascii(), SHORTEST_PART));
            if let Ok(mut map) = serde_json::from_slice::<serde_json::Value>(bytes) {
                hidden.leaves(&mut map);
            }
        }
        hidden.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        hidden
    }

    /// One line of it for a person: without the values, without other secrets, harmless on a terminal.
    pub(super) fn line(&self, said: &[u8]) -> String {
        let text = self.without_values(said);
        // A value that is cut by what nobody sees, or is escaped otherwise than is usual, is one for a person all the same.
        if readings(text.as_bytes()).iter().any(|reading| self.is_in(reading)) {
            return REDACTED.to_owned();
        }
        sanitise::line(redact::text(&text).trim(), WIDTH).into_owned()
    }

    fn is_in(&self, said: &[u8]) -> bool {
        let mut forms = self.forms.iter().filter(|form| form.len() >= SHORTEST_PART);
        forms.any(|form| (0..said.len()).any(|at| starts_with(said.get(at..).unwrap_or_default(), form)))
    }

    fn without_values(&self, said: &[u8]) -> String {
        let mut clean = Vec::with_capacity(said.len());
        let mut rest = said;
        while let Some(first) = rest.first() {
            let form = self.forms.iter().find(|form| starts_with(rest, form));
            let (with, skip) = form.map_or((std::slice::from_ref(first), 1), |form| (REDACTED.as_bytes(), form.len()));
            clean.extend_from_slice(with);
            rest = rest.get(skip..).unwrap_or_default();
        }
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// The last line that says something.
    pub(super) fn last_line(&self, said: &[u8]) -> String {
        let mut lines = said.split(|byte| *byte == b'\n').rev().map(|line| self.line(line));
        lines.find(|line| !line.is_empty()).unwrap_or_default()
    }

    fn add(&mut self, bytes: &[u8], shortest: usize) {
        if bytes.len() < shortest.max(1) {
            return;
        }
        self.keep(bytes.to_vec());
        self.keep(hex(bytes));
        for shift in 0..3 {
            self.keep(in_base64(bytes, shift));
        }
        self.keep(percent(bytes));
        if let Ok(text) = std::str::from_utf8(bytes) {
            let mut quoted = serde_json::to_vec(text).unwrap_or_default();
            self.keep(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_vec());
            quoted.zeroize();
            // As a shell tells it with '-x'.
            self.keep(text.replace('\'', r"'\''").into_bytes());
        }
    }

    fn keep(&mut self, form: Vec<u8>) {
        if !form.is_empty() {
            self.forms.push(Zeroizing::new(form));
        }
    }

    fn leaves(&mut self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                self.add(text.as_bytes(), SHORTEST_PART);
                text.zeroize();
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(|item| self.leaves(item)),
            serde_json::Value::Object(map) => map.values_mut().for_each(|item| self.leaves(item)),
            _ => {}
        }
    }
}

/// What a person may read it as: without what has no width, without whole terminal sequences, and both with escapes of a
/// URL taken back.
fn readings(said: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut found = Vec::new();
    for plain in [plain(said), plain(&without_sequences(said))] {
        let decoded = Zeroizing::new(decoded(&plain));
        found.push(plain);
        found.push(self::plain(&without_sequences(&decoded)));
        found.push(decoded);
    }
    found
}

/// What can be seen of it.
fn plain(said: &[u8]) -> Zeroizing<Vec<u8>> {
    let text = Zeroizing::new(String::from_utf8_lossy(said).into_owned());
    let mut seen = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut one = [0; 4];
    for c in text.chars().filter(|c| sanitise::is_plain(*c)) {
        seen.extend_from_slice(c.encode_utf8(&mut one).as_bytes());
    }
    seen
}

/// Without `ESC [ … letter` and `ESC ] … BEL`.
fn without_sequences(said: &[u8]) -> Zeroizing<Vec<u8>> {
    const ESCAPE: u8 = 0x1b;
    let mut kept = Zeroizing::new(Vec::with_capacity(said.len()));
    let mut rest = said;
    while let [first, after @ ..] = rest {
        let end = match (first, after.first()) {
            (&ESCAPE, Some(b'[')) => after.iter().skip(1).position(|byte| (0x40..=0x7e).contains(byte)),
            (&ESCAPE, Some(b']' | b'P' | b'_' | b'^' | b'X')) => {
                after.iter().skip(1).position(|byte| matches!(byte, 0x07 | b'\\'))
            }
            _ => None,
        };
        match end {
            Some(end) => rest = after.get(end + 2..).unwrap_or_default(),
            None => {
                kept.push(*first);
                rest = after;
            }
        }
    }
    kept
}

fn decoded(said: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut all = Vec::with_capacity(said.len());
    let mut rest = said;
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        all.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    all
}

/// Letters of an escape are capitals or not: `%2f`, `%2F`, hexadecimal. Base64 may be spelt for a URL.
fn starts_with(said: &[u8], form: &[u8]) -> bool {
    let same = |(said, form): (&u8, &u8)| match (said, form) {
        (b'-', b'+') | (b'_', b'/') => true,
        _ => said.eq_ignore_ascii_case(form),
    };
    said.len() >= form.len() && said.iter().zip(form).all(same)
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// What base64 makes of it where so many bytes stand before it, without the characters that it shares with others.
fn in_base64(bytes: &[u8], shift: usize) -> Vec<u8> {
    let mut all = vec![0; shift];
    all.extend_from_slice(bytes);
    let aligned = all.len().is_multiple_of(3);
    let mut text = BASE64_STANDARD_NO_PAD.encode(&all).into_bytes();
    all.zeroize();
    // The first ones hold bits of what stands before it, the last one of what follows.
    let from = (shift * 8).div_ceil(6);
    let to = text.len() - usize::from(!aligned);
    let kept = text.get(from..to).unwrap_or_default().to_vec();
    text.zeroize();
    if kept.len() < SHORTEST_PART { Vec::new() } else { kept }
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: &u8| if plain(*byte) { vec![*byte] } else { format!("%{byte:02X}").into_bytes() };
    bytes.iter().flat_map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(value: &Value, text: &str) -> String {
        Hidden::new(std::iter::once(value)).last_line(text.as_bytes())
    }

    #[test]
    fn a_value_is_hidden_in_each_form() {
        let value = Value::text("p+a/s'w\"ö-1234");
        let raw = value.bytes.expose();
        let basic = BASE64_STANDARD_NO_PAD.encode([b"me:", raw].concat());
        let forms = [
            String::from_utf8_lossy(raw).into_owned(),
            hex(raw).escape_ascii().to_string().to_uppercase(),
            BASE64_STANDARD_NO_PAD.encode(raw),
            base64::prelude::BASE64_URL_SAFE.encode(raw),
            percent(raw).escape_ascii().to_string().to_lowercase(),
            serde_json::to_string("p+a/s'w\"ö-1234").expect("text"),
            r#"p+a/s'\''w"ö-1234"#.to_owned(),
            basic,
        ];
        for form in forms {
            let shown = said(&value, &format!("before {form} after"));
            assert!(shown.contains(REDACTED) && shown.ends_with("after"), "{form} became {shown}");
            assert!(!shown.contains(form.get(2..form.len() - 2).expect("long")), "{form} became {shown}");
        }
    }

    #[test]
    fn a_part_of_a_value_is_hidden_too() {
        let map = Value::json(r#"{"user":"desk-user","password":"canary-of-a-map"}"#);
        assert_eq!(said(&map, "login desk-user with canary-of-a-map\n\n"), "login [REDACTED] with [REDACTED]");
        let pem = Value::text("-----BEGIN X-----\ncanaryline1\ncanaryline2\n-----END X-----\n");
        assert_eq!(said(&pem, "tail: canaryline2"), "tail: [REDACTED]");
    }

    #[test]
    fn a_value_that_is_cut_by_what_nobody_sees_is_hidden_with_its_line() {
        let value = Value::text("canary-of-a-hook");
        let escaped: String = "canary-of-a-hook".bytes().map(|byte| format!("%{byte:02x}")).collect();
        for cut in [
            "canary\u{1b}[1m-of-a-hook",
            "canary\u{1b}[0;31;1m-of\u{1b}[m-a-hook",
            "canary\u{1b}-of-a-hook",
            "canary\u{1b}]0;title\u{7}-of-a-hook",
            "canary-of\r-a-hook",
            "canary\0-of-a-hook",
            "canary\u{200b}-of-\u{feff}a-hook",
            "ca\u{202e}nary-of-a-hook",
            &escaped,
            "can%61ry-of-%61-hook",
            "can%1b%5b1m%61ry-of-a-hook",
        ] {
            assert_eq!(said(&value, &format!("key {cut} is set")), REDACTED, "{cut:?}");
        }
        assert_eq!(said(&value, "key \u{1b}[1mcanary\u{1b}[m is 100%25"), "key <1b>[1mcanary<1b>[m is 100%25");
    }

    #[test]
    fn what_is_no_value_stays_and_is_harmless() {
        let value = Value::text("canary-of-a-hook");
        assert_eq!(said(&value, "one\nkey \u{1b}[31mset\n"), "key <1b>[31mset");
        assert_eq!(said(&value, "token=abc refused"), "token=[REDACTED] refused");
        assert_eq!(said(&value, ""), "");
        assert!(said(&value, &"x".repeat(4000)).len() <= WIDTH);
    }
}
