//! A secret that is a JSON map: its keys, one key read, one key changed. Refuses to change a number's digits, and to
//! print what it holds.

use crate::name::escaped;
use quarterdeck_contract::{BackendError, ErrorKind, Kind, Result, SecretBytes, Value};
use serde_json::Value as Json;
use zeroize::Zeroize;

/// A map whose texts are wiped on drop.
pub(crate) struct Map(Json);

impl Map {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(Json::Object(serde_json::Map::new()))
    }

    /// The bytes as a map; `None` when they are none.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        // A list, a text or a number is parsed too, so that it is wiped.
        let map = Self(serde_json::from_slice(bytes).ok()?);
        map.0.is_object().then_some(map)
    }

    /// Every leaf's way, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        leaves(&self.0, "", &mut keys);
        keys.sort();
        keys
    }

    /// What the way leads to.
    pub(crate) fn get(&self, way: &[String]) -> Option<Value> {
        let found = way.iter().try_fold(&self.0, |json, key| json.as_object()?.get(key))?;
        Some(match found {
            Json::String(text) => Value::text(text),
            other => Value { kind: Kind::Json, bytes: SecretBytes::new(serde_json::to_vec(other).ok()?) },
        })
    }

    /// True when the way leads to something.
    pub(crate) fn has(&self, way: &[String]) -> bool {
        way.iter().try_fold(&self.0, |json, key| json.as_object()?.get(key)).is_some()
    }

    /// Puts a value at the end of the way; what is missing of the way is made.
    pub(crate) fn set(&mut self, way: &[String], value: &Value) -> Result<()> {
        let invalid = |what: &str| BackendError::new(ErrorKind::Invalid, what);
        let mut new = Self(match value.kind {
            Kind::Text => std::str::from_utf8(value.bytes.expose())
                .map(|text| Json::String(text.to_owned()))
                .map_err(|_| invalid("the value is not UTF-8 text"))?,
            // The parser's own words would show a piece of the value.
            Kind::Json => serde_json::from_slice(value.bytes.expose()).map_err(|_| invalid("the value is no JSON"))?,
            Kind::Binary => {
                return Err(invalid("a key in a JSON map holds no bytes").hint("Encode them first, as base64."));
            }
        });
        let mut at = &mut self.0;
        for key in way {
            let Json::Object(map) = at else {
                return Err(invalid("a key on the way holds a value and no map").hint("Look with 'secrets keys'."));
            };
            at = map.entry(key).or_insert_with(|| Json::Object(serde_json::Map::new()));
        }
        wipe(at);
        *at = std::mem::take(&mut new.0);
        Ok(())
    }

    /// Takes away what the way leads to; false when there is nothing.
    pub(crate) fn remove(&mut self, way: &[String]) -> bool {
        let Some((last, way)) = way.split_last() else { return false };
        let parent = way.iter().try_fold(&mut self.0, |json, key| json.as_object_mut()?.get_mut(key));
        let Some(mut taken) = parent.and_then(|json| json.as_object_mut()?.remove(last)) else { return false };
        wipe(&mut taken);
        true
    }

    /// As text for the backend.
    pub(crate) fn to_value(&self) -> Value {
        Value { kind: Kind::Json, bytes: SecretBytes::new(serde_json::to_vec(&self.0).unwrap_or_default()) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// What a text is: a JSON map or list, or text alone.
pub(crate) fn kind_of(text: &[u8]) -> Kind {
    let json = serde_json::from_slice(text).map(Map);
    match json {
        Ok(map) if map.0.is_object() || map.0.is_array() => Kind::Json,
        _ => Kind::Text,
    }
}

/// True when the bytes are one JSON value.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice(bytes).map(Map).is_ok()
}

fn leaves(json: &Json, before: &str, keys: &mut Vec<String>) {
    match json {
        Json::Object(map) if before.is_empty() || !map.is_empty() => {
            for (key, value) in map {
                let dot = if before.is_empty() { "" } else { "." };
                leaves(value, &format!("{before}{dot}{}", escaped(key)), keys);
            }
        }
        _ => keys.push(before.to_owned()),
    }
}

fn wipe(json: &mut Json) {
    match json {
        Json::String(text) => text.zeroize(),
        Json::Array(items) => items.iter_mut().for_each(wipe),
        Json::Object(map) => map.values_mut().for_each(wipe),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may")]
mod tests {
    use super::*;

    fn way(text: &str) -> Vec<String> {
        crate::name::split(&format!("x#{text}")).1.unwrap()
    }

    #[test]
    fn keys_are_found_changed_and_removed_and_digits_are_kept() {
        let mut map = Map::parse(br#"{"n":1.10,"db":{"user":"u","p.w":"v"},"l":[1],"e":{}}"#).unwrap();
        assert_eq!(map.keys(), [r"db.p\.w", "db.user", "e", "l", "n"]);
        assert_eq!(map.get(&way(r"db.p\.w")), Some(Value::text("v")));
        assert_eq!(map.get(&way("n")), Some(Value::json("1.10")));
        assert!(map.get(&way("db.none")).is_none() && map.get(&way("n.deeper")).is_none());
        map.set(&way("db.user"), &Value::text("w")).unwrap();
        map.set(&way("new.deep"), &Value::json("12345678901234567890123")).unwrap();
        assert!(map.remove(&way("l")) && !map.remove(&way("l")));
        let text = String::from_utf8(map.to_value().bytes.into_inner()).unwrap();
        assert_eq!(text, r#"{"db":{"p.w":"v","user":"w"},"e":{},"n":1.10,"new":{"deep":12345678901234567890123}}"#);
    }

    #[test]
    fn a_key_below_a_value_is_refused() {
        let mut map = Map::parse(br#"{"n":"v"}"#).unwrap();
        assert_eq!(map.set(&way("n.deeper"), &Value::text("x")).unwrap_err().kind, ErrorKind::Invalid);
        let json = map.set(&way("a"), &Value::json("canary-no-json")).unwrap_err();
        assert!(!format!("{json:?}").contains("canary"));
    }

    #[test]
    fn only_maps_and_lists_are_json() {
        for (text, kind) in [("{}", Kind::Json), (" [1]", Kind::Json), ("007", Kind::Text), ("\"x\"", Kind::Text)] {
            assert_eq!(kind_of(text.as_bytes()), kind, "{text}");
        }
        assert!(Map::parse(b"[1]").is_none() && is_json(b"\"x\"") && !is_json(b"{"));
    }
}
