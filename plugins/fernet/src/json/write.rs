//! Writes a tree byte for byte as Python's `json.dumps(value, indent=2, sort_keys=True)` does. Refuses any other layout.

use super::Json;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The text of a value. It is measured first and then written into one buffer, which never grows and is wiped on drop.
pub fn to_python(value: &Json) -> Zeroizing<Vec<u8>> {
    measured(&|out| write(value, 0, out))
}

/// The text of an object.
pub fn object_to_python(map: &BTreeMap<String, Json>) -> Zeroizing<Vec<u8>> {
    measured(&|out| write_object(map, 0, out))
}

fn measured(write: &dyn Fn(&mut dyn Sink)) -> Zeroizing<Vec<u8>> {
    let mut length = Length(0);
    write(&mut length);
    let mut text = Zeroizing::new(Vec::with_capacity(length.0));
    write(&mut *text);
    text
}

trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

struct Length(usize);

impl Sink for Length {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

fn write(value: &Json, depth: usize, out: &mut dyn Sink) {
    match value {
        Json::Null => out.put(b"null"),
        Json::Bool(true) => out.put(b"true"),
        Json::Bool(false) => out.put(b"false"),
        Json::Number(digits) => out.put(digits.as_bytes()),
        Json::Text(text) => write_text(text, out),
        Json::List(items) => write_items(b"[]", items.iter(), depth, out, |item, out| write(item, depth + 1, out)),
        Json::Object(map) => write_object(map, depth, out),
    }
}

fn write_object(map: &BTreeMap<String, Json>, depth: usize, out: &mut dyn Sink) {
    write_items(b"{}", map.iter(), depth, out, |(key, value), out| {
        write_text(key, out);
        out.put(b": ");
        write(value, depth + 1, out);
    });
}

/// Brackets around lines, one for each item; nothing between the brackets when there are none.
fn write_items<I>(
    brackets: &[u8; 2],
    items: impl ExactSizeIterator<Item = I>,
    depth: usize,
    out: &mut dyn Sink,
    write_item: impl Fn(I, &mut dyn Sink),
) {
    let empty = items.len() == 0;
    out.put(&brackets[..1]);
    for (at, item) in items.enumerate() {
        out.put(if at == 0 { b"\n" } else { b",\n" });
        indent(depth + 1, out);
        write_item(item, out);
    }
    if !empty {
        out.put(b"\n");
        indent(depth, out);
    }
    out.put(&brackets[1..]);
}

fn indent(depth: usize, out: &mut dyn Sink) {
    (0..depth).for_each(|_| out.put(b"  "));
}

/// Printable ASCII as it is, all else escaped (0x7f too), above U+FFFF as a surrogate pair.
fn write_text(text: &str, out: &mut dyn Sink) {
    out.put(b"\"");
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\')) {
        // A byte that is not ASCII is the first of its letter here, so this is a border between letters.
        let (plain, special) = rest.split_at(at);
        out.put(plain.as_bytes());
        let mut letters = special.chars();
        letters.next().into_iter().for_each(|letter| write_special(letter, out));
        rest = letters.as_str();
    }
    out.put(rest.as_bytes());
    out.put(b"\"");
}

fn write_special(letter: char, out: &mut dyn Sink) {
    match letter {
        '"' => out.put(b"\\\""),
        '\\' => out.put(b"\\\\"),
        '\n' => out.put(b"\\n"),
        '\r' => out.put(b"\\r"),
        '\t' => out.put(b"\\t"),
        '\u{8}' => out.put(b"\\b"),
        '\u{c}' => out.put(b"\\f"),
        _ => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| write_escape(*unit, out)),
    }
}

fn write_escape(unit: u16, out: &mut dyn Sink) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| HEX[usize::from(unit >> shift & 15)];
    out.put(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}
