//! A JSON tree as Python's `json` reads and writes it, wiped on drop. Refuses to touch a number's digits.
//!
//! `serde_json` is not used: it keeps un-wiped copies of every text it unescapes, takes a map with a certain private key
//! for a number, and stops at the `NaN` that Python writes.

mod read;
mod write;

pub use read::{Malformed, parse};
pub use write::{object_to_python, to_python};

use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// How deep a value may nest; a deeper one is refused on reading and on writing.
pub const MAX_DEPTH: usize = 256;

/// One JSON value.
///
/// A map is sorted by code point, which is how Python's `sort_keys` sorts and what UTF-8 bytes give by themselves.
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number with the digits it was written with; also Python's `NaN`, `Infinity`, `-Infinity`.
    Number(Zeroizing<String>),
    /// Text, unescaped.
    Text(Zeroizing<String>),
    /// An array.
    List(Vec<Json>),
    /// An object; of a key given twice the last one counts, as in Python.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// The kind of value in a word, for messages and metadata.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "text",
            Self::List(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The Python-only number inside, which is no JSON: `NaN`, `Infinity` or `-Infinity`.
    pub fn not_json(&self) -> Option<&str> {
        match self {
            Self::Number(digits) => digits.ends_with(['N', 'y']).then_some(digits.as_str()),
            Self::List(items) => items.iter().find_map(Self::not_json),
            Self::Object(map) => map.values().find_map(Self::not_json),
            Self::Null | Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// A second copy, asked for by name because each copy is wiped too.
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Null => Self::Null,
            Self::Bool(truth) => Self::Bool(*truth),
            Self::Number(digits) => Self::Number(digits.clone()),
            Self::Text(text) => Self::Text(text.clone()),
            Self::List(items) => Self::List(items.iter().map(Self::duplicate).collect()),
            Self::Object(map) => {
                Self::Object(map.iter().map(|(key, value)| (key.clone(), value.duplicate())).collect())
            }
        }
    }

    /// Levels of arrays and objects; 0 for anything else.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(map) => 1 + map.values().map(Self::depth).max().unwrap_or(0),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ***", self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(text: &str) -> String {
        let tree = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {}", error.what));
        String::from_utf8(to_python(&tree).to_vec()).expect("ASCII")
    }

    #[test]
    fn digits_stay_as_they_were_written() {
        for number in [
            "0",
            "-0",
            "7497",
            "1.10",
            "1e-07",
            "1E+400",
            "-0.0",
            "123456789012345678901234567890",
            "18446744073709551616",
            "NaN",
            "Infinity",
            "-Infinity",
        ] {
            assert_eq!(again(number), number);
        }
    }

    #[test]
    fn text_is_escaped_as_python_escapes_it() {
        let cases = [
            ("\"é\"", r#""\u00e9""#),
            ("\"~\u{7f}\u{80}\"", r#""~\u007f\u0080""#),
            ("\"😀\"", r#""\ud83d\ude00""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\/\b\f\n\r\t\"\\\u0000\u001F""#, r#""/\b\f\n\r\t\"\\\u0000\u001f""#),
            ("\"\u{ffff}\u{2028}\"", r#""\uffff\u2028""#),
        ];
        for (text, wanted) in cases {
            assert_eq!(again(text), wanted);
        }
    }

    #[test]
    fn layout_is_indent_two_with_sorted_keys() {
        assert_eq!(again("{}"), "{}");
        assert_eq!(again("[ ]"), "[]");
        assert_eq!(
            again(r#"{"b":{},"a":[[],1,{"x":null}]}"#),
            r#"{
  "a": [
    [],
    1,
    {
      "x": null
    }
  ],
  "b": {}
}"#
        );
        assert_eq!(
            again(r#"{"\uffff":1,"😀":2,"Z":3,"a":4}"#),
            r#"{
  "Z": 3,
  "a": 4,
  "\uffff": 1,
  "\ud83d\ude00": 2
}"#
        );
    }

    #[test]
    fn of_a_key_given_twice_the_last_counts() {
        assert_eq!(again(r#"{"a":1,"a":{"b":2},"a":3}"#), "{\n  \"a\": 3\n}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_its_text() {
        let cases = [
            ("", 1, "ends"),
            ("{\n\"a\": canary\n}", 2, "value"),
            ("{\n\"a\": 1,\n}", 3, "key"),
            ("[1 2]", 1, "',' or ']'"),
            ("[01]", 1, "',' or ']'"),
            ("1 2", 1, "after"),
            ("\"a\nb\"", 1, "control"),
            ("\n\"\\ud800 canary\"", 2, "surrogate"),
            ("\"\\udc00\"", 1, "surrogate"),
            ("\"\\x\"", 1, "escape"),
            ("\"\\u12g4\"", 1, "escape"),
            ("\"abc", 1, "ends"),
            ("[1.]", 1, "number"),
            ("-", 1, "number"),
            ("1e", 1, "number"),
        ];
        for (text, line, word) in cases {
            let error = parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.line, line, "{text:?}: {error:?}");
            assert!(error.what.contains(word), "{text:?}: {error:?}");
        }
        assert!(parse(b"\"\xff\"").expect_err("not UTF-8").what.contains("UTF-8"));
    }

    #[test]
    fn depth_is_bounded_and_counted() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(parse(nested(MAX_DEPTH).as_bytes()).expect("just fits").depth(), MAX_DEPTH);
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).expect_err("too deep").what.contains("deep"));
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn a_tree_does_not_print_its_values() {
        assert_eq!(format!("{:?}", parse(br#"{"a":"canary"}"#).expect("valid")), "object ***");
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_independent_reader_reads_what_was_written(value in any_json()) {
            let ours = again(&value.to_string());
            prop_assert!(ours.is_ascii());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&ours).expect("JSON"), value);
            prop_assert_eq!(again(&ours), ours);
        }

        #[test]
        fn any_bytes_are_read_or_refused_as_the_independent_reader_does(text in "[\\[\\]{}:,\"\\\\ ua1.eE+0-9ntrfls-]{0,24}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(parse(text.as_bytes()).is_ok(), theirs, "{}", text);
        }

        #[test]
        fn any_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
