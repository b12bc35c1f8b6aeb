//! The whole of a line for the one who opened it: JSON one field a row in its own order, each text redacted and
//! sanitised. Refuses to print raw bytes, and to grow without end.

use crate::{redact, sanitise};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

const WIDTH: usize = 1_000;
const ROWS: usize = 2_000;
/// Deeper than this is printed as it stands.
const DEPTH: usize = 16;
/// The guide keeps a secret's *name* under this key.
const NAME_OF_A_SECRET: &str = "secret_key";

/// Gives the rows of a line's detail.
pub fn lines(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    let mut page = Page { rows: Vec::new() };
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(value) => page.value("", "", value, 0, ""),
        Err(_) => page.row(sanitise::line(&redact::text(&text), WIDTH * 20).into_owned()),
    }
    page.rows
}

struct Page {
    rows: Vec<String>,
}

impl Page {
    fn row(&mut self, row: String) {
        match self.rows.len() {
            ROWS.. => {}
            rows if rows + 1 == ROWS => self.rows.push("..".to_owned()),
            _ => self.rows.push(row),
        }
    }

    /// Prints a value after its label, then what follows it.
    fn value(&mut self, label: &str, name: &str, value: &RawValue, depth: usize, after: &str) {
        let indent = "  ".repeat(depth);
        let text = value.get();
        let deep = depth >= DEPTH;
        if let (false, Ok(Pairs(pairs))) = (deep, serde_json::from_str(text)) {
            self.row(format!("{indent}{label}{{"));
            let last = pairs.len();
            for (index, (key, value)) in pairs.iter().enumerate() {
                // A secret's name makes everything under it secret.
                let inner = if redact::is_secret_name(name) { name } else { key };
                let comma = if index + 1 == last { "" } else { "," };
                self.value(
                    &format!("\"{}\": ", sanitise::line(&redact::text(key), WIDTH)),
                    inner,
                    value,
                    depth + 1,
                    comma,
                );
            }
            self.row(format!("{indent}}}{after}"));
        } else if let (false, Ok(items)) = (deep, serde_json::from_str::<Vec<&RawValue>>(text)) {
            self.row(format!("{indent}{label}["));
            let last = items.len();
            for (index, item) in items.iter().enumerate() {
                self.value("", name, item, depth + 1, if index + 1 == last { "" } else { "," });
            }
            self.row(format!("{indent}]{after}"));
        } else {
            self.row(format!("{indent}{label}{}{after}", scalar(name, text)));
        }
    }
}

fn scalar(name: &str, text: &str) -> String {
    let Ok(plain) = serde_json::from_str::<String>(text) else {
        return sanitise::line(&redact::field(name, text), WIDTH).into_owned();
    };
    let shown =
        if name == NAME_OF_A_SECRET && is_a_name(&plain) { redact::text(&plain) } else { redact::field(name, &plain) };
    format!("\"{}\"", sanitise::line(&shown, WIDTH))
}

/// `broker.password`, `prod/rds/password`: words of small letters and digits with dots or slashes between them.
fn is_a_name(text: &str) -> bool {
    let word = |word: &str| {
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        !word.is_empty()
            && word.len() <= 24
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(fine)
    };
    text.len() <= 64 && text.contains(['.', '/']) && text.split(['.', '/']).all(word)
}

/// The fields of an object in their own order, doubles included.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_order_its_digits_and_none_of_its_secrets() {
        let raw = br#"{"z":1.50,"a":[1,"x U1234567"],"credentials":{"user":"bob","n":[7]},"empty":{},"s\u001b":"a\nb","secret_key":"broker.password","k":{"secret_key":"AbC/def"}}"#;
        let expected = [
            "{",
            "  \"z\": 1.50,",
            "  \"a\": [",
            "    1,",
            "    \"x ****4567\"",
            "  ],",
            "  \"credentials\": {",
            "    \"user\": \"[REDACTED]\",",
            "    \"n\": [",
            "      [REDACTED]",
            "    ]",
            "  },",
            "  \"empty\": {",
            "  },",
            "  \"s<1b>\": \"a<0a>b\",",
            "  \"secret_key\": \"broker.password\",",
            "  \"k\": {",
            "    \"secret_key\": \"[REDACTED]\"",
            "  }",
            "}",
        ];
        assert_eq!(lines(raw), expected);
    }

    #[test]
    fn what_is_no_json_is_one_row() {
        assert_eq!(lines(b"password=x\x07\xff y"), ["password=[REDACTED] y"]);
        assert_eq!(lines(b"ring \x07\xff"), ["ring <07>\u{fffd}"]);
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(lines(deep.as_bytes()).len(), 33);
        let endless = format!("[{}1]", "1,".repeat(100_000));
        assert_eq!(lines(endless.as_bytes()).len(), ROWS);
        assert!(lines(&vec![b'['; 1_000_000]).iter().all(|row| row.len() <= WIDTH * 20));
        assert!(lines(format!("\"{}\"", "x".repeat(1_000_000)).as_bytes()).iter().all(|row| row.len() <= WIDTH + 2));
    }
}
