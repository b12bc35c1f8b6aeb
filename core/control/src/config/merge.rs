//! Several files into one table: the later file wins, table by table; a list is replaced as a whole, but for
//! `[[secret]]`, whose entries are laid on each other by name and layer. Paths are anchored to the folder of the file that
//! says them. Refuses to read anything: text in, table out.

use super::ConfigError;
use std::path::Path;
use toml::{Table, Value};

/// The tables that decide who may do what. In Production they count only from the machine's own, root-owned file: a
/// file planted in a working folder must not make a Governance officer.
pub(super) const PRIVILEGED: [&str; 12] = [
    "person",
    "plugins",
    "layers",
    "secret",
    "rotate",
    "boundary",
    "backend",
    "kill_switch",
    "engine",
    "market",
    "desk",
    "watch",
];

/// Parses one file and anchors its paths.
pub(super) fn parse(text: &str, file: &Path) -> Result<Table, ConfigError> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        file: file.to_owned(),
        line: line_of(text, error.span()),
        what: error.message().to_owned(),
    })?;
    // Checked file by file, so that the error names the file and the line; what counts is the merged table.
    if let Err(error) = toml::from_str::<super::schema::File>(text) {
        return Err(ConfigError::Meaning {
            file: file.to_owned(),
            line: line_of(text, error.span()),
            what: with_nearest(error.message()),
        });
    }
    if let Some(folder) = file.parent() {
        anchor(&mut table, folder);
    }
    Ok(table)
}

/// Lays `over` upon `under`.
pub(super) fn lay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay(below, above),
            (Some(Value::Array(below)), Value::Array(above)) if key == "secret" => lay_secrets(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// What several files say of one secret stands together: its hooks may be said only in some of them. A hook is replaced as
/// a whole, so that no two are mixed.
fn lay_secrets(under: &mut Vec<Value>, over: Vec<Value>) {
    let mut free: Vec<bool> = under.iter().map(|_| true).collect();
    for entry in over {
        let is_same = |below: &Value| ["name", "layer"].iter().all(|key| below.get(key) == entry.get(key));
        let place = under.iter().zip(&free).position(|(below, free)| *free && is_same(below));
        match (place.and_then(|at| under.get_mut(at).zip(free.get_mut(at))), entry) {
            (Some((Value::Table(below), free)), Value::Table(above)) => {
                *free = false;
                below.extend(above);
            }
            (_, entry) => under.push(entry),
        }
    }
}

/// What of a file's `[[secret]]` entries runs a program or calls somebody: the secret, its layer, and the key.
pub(super) fn armed(table: &Table) -> Vec<(String, Option<String>, &'static str)> {
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let entries = table.get("secret").and_then(Value::as_array).into_iter().flatten();
    let armed = entries.flat_map(|entry| {
        let keys = ARMS.into_iter().filter(move |key| entry.get(key).is_some_and(|value| is_armed(key, value)));
        keys.map(move |key| (text(entry, "name").unwrap_or_default(), text(entry, "layer"), key))
    });
    armed.collect()
}

/// Takes that out.
pub(super) fn disarm(table: &mut Table) {
    for entry in table.get_mut("secret").and_then(Value::as_array_mut).into_iter().flatten() {
        let Value::Table(entry) = entry else { continue };
        for key in ARMS {
            if entry.get(key).is_some_and(|value| is_armed(key, value)) {
                entry.remove(key);
            }
        }
    }
}

/// The keys of `[[secret]]` that may run or call something.
const ARMS: [&str; 4] = ["generator", "set", "test", "revoke"];

fn is_armed(key: &str, value: &Value) -> bool {
    match key {
        "generator" => value.is_table(),
        _ => ["command", "http", "vault_token"].iter().any(|arm| value.get(arm).is_some()),
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let upto = span.map_or(0, |span| span.start.min(text.len()));
    1 + text.as_bytes()[..upto].iter().filter(|byte| **byte == b'\n').count()
}

fn anchor(table: &mut Table, folder: &Path) {
    if let Some(Value::Table(backends)) = table.get_mut("backend") {
        for (_, backend) in backends.iter_mut() {
            for key in ["path", "key_file", "env_files"] {
                backend.get_mut(key).into_iter().for_each(|value| anchor_value(value, folder));
            }
            // What the backend's own settings call a file or a folder is one; 'path' may be a place in a remote store.
            let is_place = |name: &str| name.ends_with("_file") || name.ends_with("_folder");
            for (table, all) in [("secret_files", true), ("settings", false)] {
                let Some(Value::Table(inner)) = backend.get_mut(table) else { continue };
                let places = inner.iter_mut().filter(|(name, _)| all || is_place(name));
                places.for_each(|(_, value)| anchor_value(value, folder));
            }
        }
    }
    for (name, key) in [("plugins", "folders"), ("kill_switch", "folder")] {
        let value = table.get_mut(name).and_then(|table| table.get_mut(key));
        value.into_iter().for_each(|value| anchor_value(value, folder));
    }
    if let Some(Value::Array(sources)) = table.get_mut("audit").and_then(|audit| audit.get_mut("source")) {
        for source in sources {
            source.get_mut("path").into_iter().for_each(|value| anchor_value(value, folder));
        }
    }
}

fn anchor_value(value: &mut Value, folder: &Path) {
    match value {
        Value::String(path) if !Path::new(path.as_str()).is_absolute() => {
            *path = folder.join(path.as_str()).to_string_lossy().into_owned();
        }
        Value::Array(items) => items.iter_mut().for_each(|item| anchor_value(item, folder)),
        _ => {}
    }
}

/// Adds 'did you mean' to serde's 'unknown field `x`, expected one of `a`, `b`'.
fn with_nearest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(wrong), true) = (quoted.next(), message.starts_with("unknown field")) else { return message.to_owned() };
    match nearest(wrong, quoted) {
        Some(right) => format!("there is no key '{wrong}' here; did you mean '{right}'?"),
        None => format!("there is no key '{wrong}' here"),
    }
}

/// The candidate that resembles `wrong` most, if at most two letters of five differ: more is no slip of the fingers.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = candidates.min_by_key(|candidate| distance(wrong, candidate))?;
    let longest = nearest.chars().count().max(wrong.chars().count());
    (distance(wrong, nearest) * 5 <= longest * 2).then_some(nearest)
}

/// Levenshtein distance of two words, by two rows.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_right_one() {
        let error = parse("[screen]\ntheem = \"dark\"\n", Path::new("/x/quarterdeck.toml")).expect_err("a wrong key");
        let said = error.to_string();
        assert!(said.contains("line 2") && said.contains("'theem'") && said.contains("'theme'"), "{said}");
    }

    #[test]
    fn what_resembles_nothing_gets_no_advice() {
        let known = ["rekey", "person", "environment"];
        assert_eq!(nearest("enviroment", known.into_iter()), Some("environment"));
        assert_eq!(nearest("broker", known.into_iter()), None);
        assert_eq!(nearest("rotation", known.into_iter()), None);
    }

    #[test]
    fn the_later_file_wins_and_leaves_the_rest() {
        let mut under = parse("[screen]\ntheme='dark'\nascii=true\n", Path::new("/a/q.toml")).expect("valid");
        lay(&mut under, parse("[screen]\ntheme='light'\n", Path::new("/b/q.toml")).expect("valid"));
        assert_eq!(under["screen"]["theme"].as_str(), Some("light"));
        assert_eq!(under["screen"]["ascii"].as_bool(), Some(true));
    }

    #[test]
    fn what_files_say_of_one_secret_stands_together_and_no_two_hooks_are_mixed() {
        let of = |text: &str| parse(text, Path::new("/a/q.toml")).expect("valid");
        let mut under = of("[[secret]]\nname='a'\nperiod='30d'\nset={command=['/bin/x'],stdin='json'}\n\
                            [[secret]]\nname='a'\nlayer='aws'\nperiod='1d'\n");
        lay(&mut under, of("[[secret]]\nname='b'\n[[secret]]\nname='a'\ngrace='5m'\nset={by='person',tell='x'}\n"));
        let secrets = under["secret"].as_array().expect("a list");
        let names: Vec<_> = secrets.iter().map(|secret| secret["name"].as_str().expect("a name")).collect();
        assert_eq!(names, ["a", "a", "b"]);
        assert_eq!((secrets[0]["period"].as_str(), secrets[0]["grace"].as_str()), (Some("30d"), Some("5m")));
        assert_eq!(
            secrets[0]["set"].as_table().map(|set| set.keys().cloned().collect()),
            Some(vec!["by".to_owned(), "tell".into()])
        );
        assert!(secrets[1].get("grace").is_none(), "another layer's");
    }

    #[test]
    fn what_runs_or_calls_something_is_found_and_taken_out() {
        let text = "[[secret]]\nname='a'\nlayer='aws'\ngenerator={command=['/x']}\nset={command=['/x']}\n\
                    test={http={url='https://x'}}\nrevoke={vault_token='https://x',by='person'}\n\
                    [[secret]]\nname='b'\ngenerator='hex:32'\nset={by='person',tell='do it'}\n";
        let mut table = parse(text, Path::new("/a/q.toml")).expect("valid");
        let found = armed(&table);
        assert_eq!(
            found.iter().map(|(name, _, key)| format!("{name} {key}")).collect::<Vec<_>>(),
            ["a generator", "a set", "a test", "a revoke"]
        );
        assert!(found.iter().all(|(_, layer, _)| layer.as_deref() == Some("aws")));
        disarm(&mut table);
        assert!(armed(&table).is_empty());
        assert_eq!(table["secret"][1]["set"]["by"].as_str(), Some("person"));
    }

    #[test]
    fn a_path_belongs_to_the_file_that_says_it() {
        let table = parse("[backend.fernet]\npath='s/x.bin'\n", Path::new("/a/q.toml")).expect("valid");
        assert_eq!(table["backend"]["fernet"]["path"].as_str(), Some("/a/s/x.bin"));
        let text =
            "[backend.vault]\nsecret_files={token='t'}\n[backend.vault.settings]\nca_file='ca.pem'\npath='kv/x'\n";
        let vault = &parse(text, Path::new("/a/q.toml")).expect("valid")["backend"]["vault"];
        assert_eq!(vault["secret_files"]["token"].as_str(), Some("/a/t"));
        assert_eq!(vault["settings"]["ca_file"].as_str(), Some("/a/ca.pem"));
        assert_eq!(vault["settings"]["path"].as_str(), Some("kv/x"), "a place in the store");
    }
}
