//! `secrets diff`: which keys of two versions are the same and which are not; of a version that can't be read any more, by
//! the fingerprint that the journal keeps, whether the whole is. Refuses to show a value, a length or a part of one: it
//! compares, and tells only that.

use super::{LOOK, located};
use crate::args::Common;
use crate::output::{self, Outcome, Trouble};
use crate::session::session;
use quarterdeck_control::failure::Failure;
use quarterdeck_control::serve::{Ask, Control, Done};
use quarterdeck_control::{ErrorKind, Expected, SecretBytes, VersionId};
use quarterdeck_domain::request::{Purpose, Request, Target};
use quarterdeck_domain::sanitise;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A version as it is compared: its keys when it is a map, else the whole under an empty name.
type Parts = BTreeMap<String, SecretBytes>;

/// Compares two versions. Both reads are decided and recorded as every read is.
pub(super) fn run(common: &Common, name: &str, layer: Option<&str>, versions: [&str; 2]) -> Outcome {
    let control = session(common, LOOK)?;
    control.permit(&Request::Read { target: control.named(name, layer), purpose: Purpose::Get })?;
    let target = located(&control, name, layer)?.target;
    let [one, two] = versions;
    let (told, by) = match (parts(&control, &target, one), parts(&control, &target, two)) {
        (Ok(before), Ok(after)) => (compare(&before, &after), "value"),
        (Err(error), _) | (_, Err(error)) => match recorded(&control, &target, versions) {
            Some(told) => (told, "fingerprint"),
            None => return Err(error),
        },
    };
    // Where only some keys are known by their fingerprints nobody knows of the others.
    let is_whole = by == "value" || told.iter().all(|(key, _)| key.is_empty());
    let differ = told.iter().any(|(_, word)| *word != SAME);
    if common.json {
        let keys: Vec<Value> = told.iter().map(|(key, word)| json!({ "key": key, "is": word })).collect();
        output::data(&json!({
            "name": target.name, "layer": target.layer, "versions": versions, "same": (differ || is_whole).then_some(!differ), "by": by, "keys": keys,
        }));
        return Ok(0);
    }
    let whole = |key: &str| if key.is_empty() { "(the value)".to_owned() } else { tame(key) };
    let word = |word: &str| word.replace("first", one).replace("second", two);
    let cells: Vec<Vec<String>> = told.iter().map(|(key, is)| vec![whole(key), word(is)]).collect();
    let how = if by == "value" { "" } else { ", by the fingerprints that the journal keeps" };
    output::text(&format!("{} in {}, versions {one} and {two}{how}:", tame(&target.name), target.layer));
    output::text(&output::table(&cells));
    if !is_whole {
        output::text("of its other keys nothing is known any more");
    }
    Ok(0)
}

const SAME: &str = "same";
const OTHER: &str = "other";
const FIRST: &str = "only in first";
const SECOND: &str = "only in second";

/// By what the journal keeps of both, where one of them can't be read any more: of the whole, else of the keys in it.
fn recorded(control: &Control, target: &Target, versions: [&str; 2]) -> Option<Vec<(String, &'static str)>> {
    let state = control.state();
    let of = |name: &str, version| state.made_as(&target.layer, name, version)?.fingerprint.clone();
    let compared = |name: &str| {
        let (one, two) = (of(name, versions[0])?, of(name, versions[1])?);
        Some(if one == two { SAME } else { OTHER })
    };
    if let Some(whole) = compared(&target.name) {
        return Some(vec![(String::new(), whole)]);
    }
    let named = state.made_in_unit(&target.layer, &target.name);
    let keys: BTreeSet<&str> =
        named.iter().filter_map(|(name, _)| name.strip_prefix(target.name.as_str())?.strip_prefix('#')).collect();
    let told = keys.into_iter().filter_map(|key| Some((key.to_owned(), compared(&format!("{}#{key}", target.name))?)));
    Some(told.collect::<Vec<_>>()).filter(|told| !told.is_empty())
}

fn compare(before: &Parts, after: &Parts) -> Vec<(String, &'static str)> {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let word = |key: &String| match (before.get(key), after.get(key)) {
        (Some(one), Some(two)) if one == two => SAME,
        (Some(_), Some(_)) => OTHER,
        (Some(_), None) => FIRST,
        _ => SECOND,
    };
    keys.into_iter().map(|key| (key.clone(), word(key))).collect()
}

fn parts(control: &Control, target: &Target, version: &str) -> Result<Parts, Trouble> {
    let request = Request::Read { target: target.clone(), purpose: Purpose::Get };
    let expected = Expected::Version(VersionId(version.to_owned()));
    let read = control.serve(Ask { request, value: None, expected }).map_err(|failure| versions_of(target, failure));
    let Done::Read(reading) = read? else { return Err(Trouble::failed("nothing was read")) };
    let bytes = reading.value.bytes;
    let mut parts = Parts::new();
    match serde_json::from_slice::<Value>(bytes.expose()) {
        Ok(Value::Object(map)) => {
            for (key, value) in map {
                flatten(&key, value, &mut parts);
            }
        }
        _ => _ = parts.insert(String::new(), bytes),
    }
    Ok(parts)
}

/// The name was found, so what is not found is the version: the history knows those.
fn versions_of(target: &Target, failure: Failure) -> Failure {
    match failure {
        Failure::Backend { layer, error } if error.kind == ErrorKind::NotFound => {
            let next =
                format!("'quarterdeck secrets history {} --layer {layer}' shows the versions.", tame(&target.name));
            Failure::of_backend(&layer, error.hint(next))
        }
        other => other,
    }
}

/// Keys inside maps are dotted, as everywhere.
fn flatten(key: &str, value: Value, parts: &mut Parts) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (inner, value) in map {
                flatten(&format!("{key}.{inner}"), value, parts);
            }
        }
        Value::String(text) => _ = parts.insert(key.to_owned(), SecretBytes::new(text.into_bytes())),
        other => _ = parts.insert(key.to_owned(), SecretBytes::new(other.to_string().into_bytes())),
    }
}

fn tame(text: &str) -> String {
    sanitise::line(text, 400).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parts {
        let mut parts = Parts::new();
        let Ok(Value::Object(map)) = serde_json::from_str(text) else { panic!("a map") };
        map.into_iter().for_each(|(key, value)| flatten(&key, value, &mut parts));
        parts
    }

    #[test]
    fn keys_are_the_same_other_or_on_one_side_and_no_value_is_told() {
        let one = read(r#"{"host": "a", "login": {"user": "u", "password": "canary-1"}, "port": 1.10, "old": true}"#);
        let two = read(r#"{"host": "a", "login": {"user": "u", "password": "canary-2"}, "port": 1.1, "new": true}"#);
        let told = compare(&one, &two);
        let told: Vec<(&str, &str)> = told.iter().map(|(key, word)| (key.as_str(), *word)).collect();
        assert_eq!(
            told,
            [
                ("host", SAME),
                ("login.password", OTHER),
                ("login.user", SAME),
                ("new", SECOND),
                ("old", FIRST),
                ("port", OTHER),
            ]
        );
    }
}
