//! What is in the file: one JSON object, its leaves the secrets. Refuses a change that would lose what it doesn't name.

use crate::json::{self, Json, MAX_DEPTH};
use crate::name::{Keys, join, split};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The object at the top of a file.
#[derive(Default)]
pub(crate) struct Document {
    top: BTreeMap<String, Json>,
}

impl Document {
    /// Reads the plaintext of a file.
    pub(crate) fn parse(plaintext: &[u8]) -> Result<Self> {
        match json::parse(plaintext) {
            Ok(Json::Object(top)) => Ok(Self { top }),
            Ok(other) => {
                Err(not_ours(format!("the file opens, and holds a JSON {} where an object is due", other.word())))
            }
            Err(error) => Err(not_ours(format!(
                "the file opens, and is no JSON: in line {} of its text {}",
                error.line, error.what
            ))),
        }
    }

    /// The text to seal: what Python's `json.dumps(…, indent=2, sort_keys=True)` gives.
    pub(crate) fn to_python(&self) -> Zeroizing<Vec<u8>> {
        json::object_to_python(&self.top)
    }

    /// Every leaf with its name, sorted by name. A map with nothing in it is a leaf too.
    pub(crate) fn leaves(&self) -> Vec<(String, &Json)> {
        let mut leaves = Vec::new();
        gather(&self.top, &mut Vec::new(), &mut leaves);
        leaves.sort_by(|(a, _), (b, _)| a.cmp(b));
        leaves
    }

    /// The names below a map, as they are written after the map's own name and a dot; none for any other value.
    pub(crate) fn names_below(&self, keys: &[String]) -> Vec<String> {
        let mut leaves = Vec::new();
        if let Some(Json::Object(map)) = self.get(keys) {
            gather(map, &mut Vec::new(), &mut leaves);
        }
        let mut names: Vec<_> = leaves.into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    }

    /// The way a name stands for, if there is a value: as written, or else with dots inside keys left unescaped when
    /// only one such way exists.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Keys>> {
        let keys = split(name);
        if self.get(&keys).is_some() {
            return Ok(Some(keys));
        }
        let mut found = Vec::new();
        find_loosely(&self.top, &keys, &mut Vec::new(), &mut found);
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => {
                let names: Vec<_> = found.iter().map(|keys| format!("'{}'", join_keys(keys))).collect();
                let what = format!("'{name}' may mean any of {}", names.join(", "));
                Err(BackendError::new(ErrorKind::Invalid, what).hint("Write the one that is meant."))
            }
        }
    }

    pub(crate) fn get(&self, keys: &[String]) -> Option<&Json> {
        let (last, above) = keys.split_last()?;
        let mut map = &self.top;
        for key in above {
            match map.get(key)? {
                Json::Object(below) => map = below,
                _ => return None,
            }
        }
        map.get(last)
    }

    /// Takes a value out, for a reader who wants nothing else of the document.
    pub(crate) fn take(mut self, keys: &[String]) -> Option<Json> {
        let (last, above) = keys.split_last()?;
        map_at(&mut self.top, above)?.remove(last)
    }

    /// Puts a value in, making the maps above it.
    ///
    /// `known` says that the caller named the version of what is there; without it a map that holds secrets is replaced
    /// by another map only.
    pub(crate) fn set(&mut self, keys: &[String], value: Json, known: bool) -> Result<()> {
        if keys.len() + value.depth() > MAX_DEPTH {
            return Err(BackendError::new(ErrorKind::TooLarge, "the value is nested too deep"));
        }
        if !known && !matches!(value, Json::Object(_)) {
            self.refuse_a_map(keys, "replace")?;
        }
        let Some((last, above)) = keys.split_last() else { return Ok(()) };
        if keys.iter().any(String::is_empty) {
            return Err(BackendError::new(ErrorKind::Invalid, format!("'{}' has an empty part", join_keys(keys))));
        }
        self.refuse_a_scalar_above(above, keys)?;
        let mut map = &mut self.top;
        for key in above {
            let below = map.entry(key.clone()).or_insert_with(|| Json::Object(BTreeMap::new()));
            match below {
                Json::Object(below) => map = below,
                _ => return Ok(()),
            }
        }
        map.insert(last.clone(), value);
        Ok(())
    }

    /// Takes a value away, and the maps above it that are empty then.
    pub(crate) fn remove(&mut self, keys: &[String], known: bool) -> Result<()> {
        if !known {
            self.refuse_a_map(keys, "delete")?;
        }
        let mut keys = keys;
        while let Some((last, above)) = keys.split_last() {
            let Some(map) = map_at(&mut self.top, above) else { return Ok(()) };
            map.remove(last);
            if !map.is_empty() {
                return Ok(());
            }
            keys = above;
        }
        Ok(())
    }

    fn refuse_a_map(&self, keys: &[String], to_do: &str) -> Result<()> {
        let below = self.names_below(keys);
        if below.is_empty() {
            return Ok(());
        }
        let name = join_keys(keys);
        let what = format!("'{name}' holds {} secrets, among them '{name}.{}'", below.len(), below[0]);
        let hint = format!("Name the one to {to_do}, or state the version of '{name}' to {to_do} it whole.");
        Err(BackendError::new(ErrorKind::Invalid, what).hint(hint))
    }

    fn refuse_a_scalar_above(&self, above: &[String], keys: &[String]) -> Result<()> {
        let scalar = (1..=above.len())
            .map(|to| &above[..to])
            .find_map(|way| self.get(way).filter(|value| !matches!(value, Json::Object(_))).map(|value| (way, value)));
        let Some((way, value)) = scalar else { return Ok(()) };
        let (name, word) = (join_keys(way), value.word());
        let what = format!("'{name}' is a secret itself ({word}), so '{}' can't be put below it", join_keys(keys));
        Err(BackendError::new(ErrorKind::Invalid, what).hint(format!("Choose another name, or delete '{name}' first.")))
    }
}

/// The name of a way.
pub(crate) fn join_keys(keys: &[String]) -> String {
    join(keys.iter().map(String::as_str))
}

fn not_ours(what: String) -> BackendError {
    BackendError::new(ErrorKind::Invalid, what)
        .hint("Mend it with the program that wrote it, or restore a copy; nothing was changed.")
}

fn gather<'a>(map: &'a BTreeMap<String, Json>, way: &mut Vec<&'a str>, leaves: &mut Vec<(String, &'a Json)>) {
    for (key, value) in map {
        way.push(key);
        match value {
            Json::Object(below) if !below.is_empty() => gather(below, way, leaves),
            leaf => leaves.push((join(way.iter().copied()), leaf)),
        }
        way.pop();
    }
}

/// All ways on which each key is one or more of the parts, joined by the dots that were taken for separators.
fn find_loosely(map: &BTreeMap<String, Json>, parts: &[String], way: &mut Keys, found: &mut Vec<Keys>) {
    for to in 1..=parts.len() {
        let key = parts[..to].join(".");
        let Some(value) = map.get(&key) else { continue };
        way.push(key);
        match value {
            _ if to == parts.len() => found.push(way.clone()),
            Json::Object(below) => find_loosely(below, &parts[to..], way, found),
            _ => {}
        }
        way.pop();
    }
}

fn map_at<'a>(mut map: &'a mut BTreeMap<String, Json>, keys: &[String]) -> Option<&'a mut BTreeMap<String, Json>> {
    for key in keys {
        match map.get_mut(key)? {
            Json::Object(below) => map = below,
            _ => return None,
        }
    }
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(text.as_bytes()).expect("an object")
    }

    fn names(text: &str) -> Vec<String> {
        document(text).leaves().into_iter().map(|(name, _)| name).collect()
    }

    fn after(text: &str, change: impl FnOnce(&mut Document) -> Result<()>) -> std::result::Result<String, String> {
        let mut document = document(text);
        let outcome = change(&mut document).map_err(|error| error.to_string());
        let now = String::from_utf8(document.to_python().to_vec()).expect("ASCII");
        let dense: String = now.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        match outcome {
            Ok(()) => Ok(dense),
            Err(error) => {
                assert_eq!(dense, text, "a refused change changes nothing");
                Err(error)
            }
        }
    }

    fn text(value: &str) -> Json {
        Json::Text(Zeroizing::new(value.to_owned()))
    }

    #[test]
    fn leaves_are_listed_by_name_and_maps_are_not() {
        let listed = names(r#"{"b":{"y":1,"x":{"z":null}},"a":"t","l":[{"q":1}],"e":{},"a.b":{"c":2}}"#);
        assert_eq!(listed, ["a", r"a\.b.c", "b.x.z", "b.y", "e", "l"]);
    }

    #[test]
    fn a_name_is_found_as_written_or_by_the_only_way_it_can_mean() {
        let found = |text: &str, name: &str| document(text).find(name).map(|way| way.map(|keys| join_keys(&keys)));
        assert_eq!(found(r#"{"a":{"b":1},"a.b":2}"#, "a.b").expect("nested wins"), Some("a.b".into()));
        assert_eq!(found(r#"{"a":{"b":1},"a.b":2}"#, r"a\.b").expect("literal"), Some(r"a\.b".into()));
        assert_eq!(found(r#"{"a.b":{"c.d":2}}"#, "a.b.c.d").expect("one way"), Some(r"a\.b.c\.d".into()));
        assert_eq!(found(r#"{"a":1}"#, "a.b").expect("none"), None);
        let error = found(r#"{"a.b":{"c":1},"a":{"b.c":2}}"#, "a.b.c").expect_err("two ways");
        assert!(error.what.contains(r"a\.b.c") && error.what.contains(r"a.b\.c"), "{error}");
    }

    #[test]
    fn setting_makes_the_maps_above_and_keeps_the_rest() {
        let set = |before: &str, name: &str, value: Json| after(before, |d| d.set(&split(name), value, false));
        assert_eq!(set("{}", "a.b", text("v")).as_deref(), Ok(r#"{"a":{"b":"v"}}"#));
        assert_eq!(set(r#"{"a":{"x":1.10}}"#, "a.b", text("v")).as_deref(), Ok(r#"{"a":{"b":"v","x":1.10}}"#));
        assert_eq!(set(r#"{"a":{}}"#, "a", text("v")).as_deref(), Ok(r#"{"a":"v"}"#));
        assert!(set(r#"{"a":"t"}"#, "a.b", text("v")).expect_err("below text").contains("'a' is a secret itself"));
        assert!(set(r#"{"a":null}"#, "a.b.c", text("v")).expect_err("below null").contains("'a'"));
        assert!(set(r#"{"a":{"b":1,"c":2}}"#, "a", text("v")).expect_err("over a map").contains("holds 2 secrets"));
        assert!(set("{}", "a..b", text("v")).expect_err("empty").contains("empty part"));
    }

    #[test]
    fn a_map_is_replaced_by_a_map_or_by_who_knows_what_is_there() {
        let map = || json::parse(br#"{"n":1}"#).expect("JSON");
        assert_eq!(after(r#"{"a":{"b":1}}"#, |d| d.set(&split("a"), map(), false)).as_deref(), Ok(r#"{"a":{"n":1}}"#));
        assert_eq!(after(r#"{"a":{"b":1}}"#, |d| d.set(&split("a"), text("v"), true)).as_deref(), Ok(r#"{"a":"v"}"#));
    }

    #[test]
    fn deleting_takes_empty_maps_along_and_no_more() {
        let delete = |before: &str, name: &str, known| after(before, |d| d.remove(&split(name), known));
        assert_eq!(delete(r#"{"a":{"b":{"c":1}}}"#, "a.b.c", false).as_deref(), Ok("{}"));
        assert_eq!(delete(r#"{"a":{"b":1,"e":{}}}"#, "a.b", false).as_deref(), Ok(r#"{"a":{"e":{}}}"#));
        assert!(delete(r#"{"a":{"b":1}}"#, "a", false).expect_err("a map").contains("holds 1 secrets"));
        assert_eq!(delete(r#"{"a":{"b":1},"z":2}"#, "a", true).as_deref(), Ok(r#"{"z":2}"#));
    }

    #[test]
    fn what_is_no_object_is_refused_without_showing_it() {
        for text in [r#"["canary"]"#, "{\n\"a\": canary}"] {
            let error = Document::parse(text.as_bytes()).err().expect("refused");
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
