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
        let mut clean = Vec::with_capacity(said.len());
        let mut rest = said;
        while let Some(first) = rest.first() {
            let form = self.forms.iter().find(|form| starts_with(rest, form));
            let (with, skip) = form.map_or((std::slice::from_ref(first), 1), |form| (REDACTED.as_bytes(), form.len()));
            clean.extend_from_slice(with);
            rest = rest.get(skip..).unwrap_or_default();
        }
        let text = String::from_utf8_lossy(&clean);
        sanitise::line(redact::text(&text).trim(), WIDTH).into_owned()
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
    fn what_is_no_value_stays_and_is_harmless() {
        let value = Value::text("canary-of-a-hook");
        assert_eq!(said(&value, "one\nkey \u{1b}[31mset\n"), "key <1b>[31mset");
        assert_eq!(said(&value, "token=abc refused"), "token=[REDACTED] refused");
        assert_eq!(said(&value, ""), "");
        assert!(said(&value, &"x".repeat(4000)).len() <= WIDTH);
    }
}
