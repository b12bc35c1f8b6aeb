//! What a KV secret's map stands for. Refuses a number that the server would give back as another one.
//!
//! ```text
//! {"value": "text"}                         text
//! {"value": "//8A", "encoding": "base64"}   bytes
//! {"value": [1, 2]}                         that JSON value
//! {"user": "a", "key": {"id": 1}}           the map itself, with the keys 'user' and 'key.id'
//! ```

use crate::answer::Tree;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quarterdeck_contract::{BackendError, ErrorKind, Kind, Result, SecretBytes, Value};
use serde_json::{Map, Value as Json};
use zeroize::{Zeroize, Zeroizing};

const VALUE: &str = "value";
const ENCODING: &str = "encoding";
const BASE64: &str = "base64";

/// True when a map is only the wrapping of one value.
fn wraps(map: &Map<String, Json>) -> bool {
    map.len() == 1 && map.contains_key(VALUE) || holds_bytes(map)
}

fn holds_bytes(map: &Map<String, Json>) -> bool {
    let is_base64 = map.get(ENCODING).and_then(Json::as_str) == Some(BASE64);
    map.len() == 2 && is_base64 && map.get(VALUE).is_some_and(Json::is_string)
}

/// The value that a secret's map stands for. `size` is the answer's, so that no growing buffer leaves a copy behind.
pub(crate) fn value(tree: &Tree, size: usize) -> Result<Value> {
    let Json::Object(map) = &tree.0 else { return Ok(json(&tree.0, size)) };
    match map.get(VALUE) {
        Some(Json::String(text)) if holds_bytes(map) => {
            let bytes = STANDARD.decode(text).map_err(|_| {
                BackendError::new(ErrorKind::Invalid, "'value' says it is base64 and is not")
                    .hint("Write it anew, or take the key 'encoding' out.")
            })?;
            Ok(Value { kind: Kind::Binary, bytes: SecretBytes::new(bytes) })
        }
        Some(inner) if wraps(map) => Ok(one(inner, size)),
        _ => Ok(json(&tree.0, size)),
    }
}

/// The value under a key, dotted; nothing when there is none.
pub(crate) fn pick(tree: &Tree, key: &str, size: usize) -> Option<Value> {
    let found = find(outside(tree.0.as_object()?), key);
    found.map(|found| one(found, size))
}

/// What stands in a tree as a whole, or under a key, as the server has it.
pub(crate) fn raw<'a>(tree: &'a Tree, key: Option<&str>) -> Option<&'a Json> {
    match key {
        None => Some(&tree.0),
        Some(key) => find(outside(tree.0.as_object()?), key),
    }
}

/// True when keys alone can't tell whether the map wraps bytes.
pub(crate) fn may_be_bytes(subkeys: &Json) -> bool {
    subkeys.as_object().is_some_and(|map| map.len() == 2 && map.contains_key(VALUE) && map.contains_key(ENCODING))
}

/// The keys of the map that a secret stands for, dotted and sorted; none when it stands for one value. Values don't count,
/// so that a tree of keys does as well.
pub(crate) fn keys_of(tree: &Json) -> Vec<String> {
    let Json::Object(map) = tree else { return Vec::new() };
    let mut found = Vec::new();
    match map.get(VALUE) {
        Some(Json::Object(inner)) if wraps(map) => flatten(inner, "", &mut found),
        Some(_) if wraps(map) => (),
        _ => flatten(map, "", &mut found),
    }
    found.sort();
    found
}

/// Every key of a map, dotted and sorted, also the one that only wraps a value.
pub(crate) fn all_keys(tree: &Json) -> Vec<String> {
    let mut found = Vec::new();
    if let Json::Object(map) = tree {
        flatten(map, "", &mut found);
    }
    found.sort();
    found
}

/// The keys under a key.
pub(crate) fn keys_under(tree: &Json, key: &str) -> Option<Vec<String>> {
    find(outside(tree.as_object()?), key).map(all_keys)
}

/// The map that a value is stored as.
pub(crate) fn map(value: &Value, exact_numbers: bool) -> Result<Tree> {
    let wrapped = |inner: Json| Tree(Json::Object(Map::from_iter([(VALUE.to_owned(), inner)])));
    match value.kind {
        Kind::Binary => {
            let text = Json::String(STANDARD.encode(value.bytes.expose()));
            let encoding = Json::String(BASE64.to_owned());
            Ok(Tree(Json::Object(Map::from_iter([(VALUE.to_owned(), text), (ENCODING.to_owned(), encoding)]))))
        }
        Kind::Text | Kind::Json => {
            let mut tree = parsed(value, exact_numbers)?;
            match &tree.0 {
                Json::Object(map) if !wraps(map) => Ok(tree),
                _ => Ok(wrapped(tree.0.take())),
            }
        }
    }
}

/// Puts a value under a key.
pub(crate) fn put(tree: &mut Tree, key: &str, value: &Value, exact_numbers: bool) -> Result<()> {
    if value.kind == Kind::Binary {
        return Err(BackendError::new(ErrorKind::Invalid, "bytes that are no text have no place under a key")
            .hint("Write them as a secret of their own, or as base64 text."));
    }
    put_raw(tree, key, parsed(value, exact_numbers)?)
}

/// Puts under a key what came out of another tree.
pub(crate) fn put_raw(tree: &mut Tree, key: &str, mut new: Tree) -> Result<()> {
    let mut at = inside(tree)?;
    let mut rest = key;
    loop {
        let known = at.contains_key(rest);
        let Some((head, tail)) = rest.split_once('.').filter(|_| !known) else { break };
        if head.is_empty() || tail.is_empty() {
            break;
        }
        let next = at.entry(head).or_insert_with(|| Json::Object(Map::new()));
        let Json::Object(next) = next else {
            return Err(BackendError::new(
                ErrorKind::Invalid,
                format!("'{head}' is a value, so nothing lies under it"),
            )
            .hint("Choose another key, or remove that one first."));
        };
        (at, rest) = (next, tail);
    }
    let old = at.insert(rest.to_owned(), new.0.take());
    drop(old.map(Tree));
    Ok(())
}

/// Takes a key away; false when it is not there.
pub(crate) fn remove(tree: &mut Tree, key: &str) -> Result<bool> {
    Ok(take(inside(tree)?, key))
}

/// True when nothing is left.
pub(crate) fn is_empty(tree: &Tree) -> bool {
    tree.0.as_object().is_none_or(Map::is_empty)
}

/// The map that keys are read from.
fn outside(map: &Map<String, Json>) -> &Map<String, Json> {
    match map.get(VALUE) {
        Some(Json::Object(inner)) if wraps(map) => inner,
        _ => map,
    }
}

/// The map that keys are put into.
fn inside(tree: &mut Tree) -> Result<&mut Map<String, Json>> {
    let plain = || {
        BackendError::new(ErrorKind::Invalid, "the secret is one plain value, so no key lies in it")
            .hint("Write the secret as a whole, without '#'.")
    };
    let map = tree.0.as_object_mut().ok_or_else(plain)?;
    if !wraps(map) {
        return Ok(map);
    }
    map.get_mut(VALUE).and_then(Json::as_object_mut).ok_or_else(plain)
}

/// A key of the map itself goes before a dot's meaning.
fn find<'a>(map: &'a Map<String, Json>, key: &str) -> Option<&'a Json> {
    if let Some(found) = map.get(key) {
        return Some(found);
    }
    dots(key).find_map(|(head, tail)| map.get(head)?.as_object().and_then(|inner| find(inner, tail)))
}

fn take(map: &mut Map<String, Json>, key: &str) -> bool {
    if let Some(old) = map.remove(key) {
        drop(Tree(old));
        return true;
    }
    dots(key).any(|(head, tail)| {
        let Some(Json::Object(inner)) = map.get_mut(head) else { return false };
        take(inner, tail)
    })
}

/// Each way to cut a key at one of its dots.
fn dots(key: &str) -> impl Iterator<Item = (&str, &str)> {
    key.match_indices('.').map(|(at, _)| (&key[..at], &key[at + 1..]))
}

fn flatten(map: &Map<String, Json>, before: &str, found: &mut Vec<String>) {
    for (key, value) in map {
        let key = format!("{before}{key}");
        match value {
            Json::Object(inner) if !inner.is_empty() => flatten(inner, &format!("{key}."), found),
            _ => found.push(key),
        }
    }
}

/// One value: text if it is a text, else JSON.
fn one(found: &Json, size: usize) -> Value {
    match found {
        Json::String(text) => Value::text(text),
        other => json(other, size),
    }
}

fn json(found: &Json, size: usize) -> Value {
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 2));
    // A JSON value of ours is always JSON, and a vector takes everything.
    let _ = serde_json::to_writer(&mut *bytes, found);
    Value { kind: Kind::Json, bytes: SecretBytes::new(std::mem::take(&mut *bytes)) }
}

fn parsed(value: &Value, exact_numbers: bool) -> Result<Tree> {
    let invalid = |what: &str| BackendError::new(ErrorKind::Invalid, what);
    if value.kind == Kind::Text {
        let text = String::from_utf8(value.bytes.expose().to_vec()).map_err(|error| {
            error.into_bytes().zeroize();
            invalid("the text is no UTF-8").hint("Write it as binary.")
        })?;
        return Ok(Tree(Json::String(text)));
    }
    // The error's own text could show a part of the value.
    let tree: Tree =
        serde_json::from_slice(value.bytes.expose()).map(Tree).map_err(|_| invalid("the value is no JSON"))?;
    if !exact_numbers && !keeps_numbers(&tree.0) {
        return Err(invalid("a number in the value would come back as another one: KV version 2 keeps 64-bit floats")
            .hint("Store it as a string: \"1.10\" and not 1.10."));
    }
    Ok(tree)
}

/// True when every number comes back from a 64-bit float digit by digit.
fn keeps_numbers(value: &Json) -> bool {
    match value {
        Json::Number(number) => keeps(&number.to_string()),
        Json::Array(items) => items.iter().all(keeps_numbers),
        Json::Object(map) => map.values().all(keeps_numbers),
        Json::Null | Json::Bool(_) | Json::String(_) => true,
    }
}

/// The server prints the shortest digits that are the same float, without an exponent between 1e-6 and 1e21.
fn keeps(number: &str) -> bool {
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let Ok(float) = number.parse::<f64>() else { return false };
    let plain = float.abs() <= WHOLE && (float == 0.0 || float.abs() >= 1e-6);
    plain && format!("{float}") == number && number != "-0"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(json: &str) -> Tree {
        Tree(serde_json::from_str(json).expect("JSON"))
    }

    fn shown(value: &Value) -> (Kind, String) {
        (value.kind, String::from_utf8_lossy(value.bytes.expose()).into_owned())
    }

    #[test]
    fn a_map_stands_for_one_value_or_for_itself() {
        let cases = [
            (r#"{"value":"x"}"#, Kind::Text, "x"),
            (r#"{"value":[1]}"#, Kind::Json, "[1]"),
            (r#"{"value":{"a":1.10}}"#, Kind::Json, r#"{"a":1.10}"#),
            (r#"{"value":"x","other":1}"#, Kind::Json, r#"{"other":1,"value":"x"}"#),
            (r#"{"value":"aGk=","encoding":"base64"}"#, Kind::Binary, "hi"),
            (r#"{"value":"aGk=","encoding":"hex"}"#, Kind::Json, r#"{"encoding":"hex","value":"aGk="}"#),
            (r#"{}"#, Kind::Json, "{}"),
        ];
        for (json, kind, expected) in cases {
            assert_eq!(shown(&value(&tree(json), 0).expect(json)), (kind, expected.to_owned()), "{json}");
        }
        assert_eq!(
            value(&tree(r#"{"value":"?","encoding":"base64"}"#), 0).expect_err("no base64").kind,
            ErrorKind::Invalid
        );
    }

    #[test]
    fn what_is_stored_is_read_back_as_it_was() {
        let values = [
            Value::text("x"),
            Value::text(""),
            Value::json("[1,2]"),
            Value::json("5"),
            Value::json("{}"),
            Value::json(r#"{"a":1}"#),
            Value::json(r#"{"value":"x"}"#),
            Value::json(r#"{"encoding":"base64","value":"aGk="}"#),
            Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![0xff, 0]) },
        ];
        for stored in values {
            let map = map(&stored, false).expect("a map");
            assert!(map.0.is_object());
            assert_eq!(shown(&value(&map, 0).expect("a value")), shown(&stored));
        }
    }

    #[test]
    fn keys_are_found_put_and_taken_away() {
        let mut map = tree(r#"{"a":{"b":"x","c":{}},"a.d":1,"z":[1]}"#);
        assert_eq!(keys_of(&map.0), ["a.b", "a.c", "a.d", "z"]);
        assert_eq!(pick(&map, "a.b", 0).map(|value| shown(&value)), Some((Kind::Text, "x".into())));
        assert_eq!(pick(&map, "a.d", 0).map(|value| shown(&value)), Some((Kind::Json, "1".into())));
        assert!(pick(&map, "a.x", 0).is_none() && pick(&map, "z.1", 0).is_none());
        put(&mut map, "n.m", &Value::text("new"), false).expect("put");
        put(&mut map, "a.d", &Value::json("2"), false).expect("put");
        assert!(remove(&mut map, "a.b").expect("a map") && !remove(&mut map, "a.b").expect("a map"));
        assert_eq!(serde_json::to_string(&map.0).expect("JSON"), r#"{"a":{"c":{}},"a.d":2,"n":{"m":"new"},"z":[1]}"#);
        assert!(put(&mut map, "z.x", &Value::text("x"), false).is_err());
        assert!(put(&mut tree(r#"{"value":"x"}"#), "k", &Value::text("x"), false).is_err());
        assert!(keys_of(&tree(r#"{"value":"x"}"#).0).is_empty());
        assert_eq!(keys_of(&tree(r#"{"value":{"k":1}}"#).0), ["k"]);
        assert_eq!(keys_under(&tree(r#"{"a":{"b":{"c":1}}}"#).0, "a"), Some(vec!["b.c".to_owned()]));
    }

    #[test]
    fn a_number_that_a_float_would_change_is_refused() {
        for kept in ["0", "1", "-7", "4001", "1.5", "0.1", "9007199254740992", "0.000001"] {
            assert!(keeps(kept), "{kept}");
        }
        for lost in ["1.10", "1.0", "-0", "1e3", "9007199254740993", "123456789012345678901234567890", "0.0000001"] {
            assert!(!keeps(lost), "{lost}");
        }
        let error = map(&Value::json(r#"{"canary-key":{"n":1.10}}"#), false).map(|_| ()).expect_err("refused");
        assert!(
            error.kind == ErrorKind::Invalid && error.hint.contains("string") && !error.to_string().contains("canary")
        );
        assert!(map(&Value::json(r#"{"n":1.10}"#), true).is_ok());
    }
}
