//! The lowest layer: a YAML file. Refuses to write: a secret found here is a warning, not a place to keep one (R1.6).

use crate::ordinary;
use quarterdeck_contract::{
    BackendError, Call, Description, Entry, ErrorKind, Health, Inspection, Kind, Page, PageRequest, Reading, Result,
    SecretName, SecretsBackend, Value, VersionId,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use yaml_rust2::{Yaml, YamlLoader};

/// Largest file that is read.
const MOST: u32 = 16 << 20;

/// A YAML file as a read-only backend.
pub struct YamlFile {
    path: PathBuf,
}

impl YamlFile {
    /// Names the file; it is read anew at each call, so that an edit is seen.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn leaves(&self) -> Result<BTreeMap<String, (Kind, String)>> {
        let doing = || format!("reading {}", self.path.display());
        let failed = |error: std::io::Error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                std::io::ErrorKind::PermissionDenied => {
                    ErrorKind::Denied { missing: "read".into(), grant: String::new() }
                }
                _ => ErrorKind::Unreachable,
            };
            BackendError::new(kind, error.to_string()).doing(doing()).hint("Check [backend.yaml] path.")
        };
        if std::fs::metadata(&self.path).map_err(failed)?.len() > u64::from(MOST) {
            return Err(BackendError::new(ErrorKind::TooLarge, "the file is larger than 16 MiB").doing(doing()));
        }
        let text = ordinary::text(&self.path, MOST).map_err(failed)?;
        let invalid = |what: String| {
            BackendError::new(ErrorKind::Invalid, what).doing(doing()).hint("Mend the file; nothing was changed.")
        };
        // The scanner's message quotes no content, only the place.
        let documents = YamlLoader::load_from_str(&text)
            .map_err(|error| invalid(format!("line {} is not YAML", error.marker().line())))?;
        let mut leaves = BTreeMap::new();
        match documents.first() {
            None | Some(Yaml::Null) => {}
            Some(root @ Yaml::Hash(_)) => collect("", root, &mut leaves),
            Some(_) => return Err(invalid("it does not hold a map at its top".into())),
        }
        Ok(leaves)
    }
}

fn collect(prefix: &str, yaml: &Yaml, leaves: &mut BTreeMap<String, (Kind, String)>) {
    match yaml {
        Yaml::Hash(map) if !map.is_empty() => {
            for (key, value) in map {
                let key = scalar(key).map_or_else(|| "?".into(), |(_, text)| text);
                let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                collect(&path, value, leaves);
            }
        }
        other => {
            let value = scalar(other).unwrap_or_else(|| (Kind::Json, json(other)));
            leaves.insert(prefix.to_owned(), value);
        }
    }
}

/// A scalar as it is written: `1.10` stays `1.10`.
fn scalar(yaml: &Yaml) -> Option<(Kind, String)> {
    Some(match yaml {
        Yaml::String(text) => (Kind::Text, text.clone()),
        Yaml::Real(text) => (Kind::Text, text.clone()),
        Yaml::Integer(number) => (Kind::Text, number.to_string()),
        Yaml::Boolean(flag) => (Kind::Text, flag.to_string()),
        Yaml::Null => (Kind::Json, "null".into()),
        _ => return None,
    })
}

fn json(yaml: &Yaml) -> String {
    match yaml {
        Yaml::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Yaml::Hash(map) => {
            let pair = |(key, value): (&Yaml, &Yaml)| {
                let key = scalar(key).map(|(_, text)| text).unwrap_or_default();
                format!("{}:{}", serde_json::Value::String(key), json(value))
            };
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(flag) => flag.to_string(),
        other => match scalar(other) {
            Some((Kind::Text, text)) => serde_json::Value::String(text).to_string(),
            _ => "null".into(),
        },
    }
}

impl SecretsBackend for YamlFile {
    fn describe(&self) -> Description {
        Description {
            backend: "yaml".into(),
            target: self.path.display().to_string(),
            capabilities: Vec::new(),
            extras: Vec::new(),
        }
    }

    fn health(&self, _: Call) -> Result<Health> {
        let count = self.leaves()?.len();
        Ok(Health {
            summary: format!("{count} names, plain text"),
            facts: vec![("file".into(), self.path.display().to_string())],
            warnings: Vec::new(),
            expires_at: None,
        })
    }

    fn list(&self, page: &PageRequest, _: Call) -> Result<Page> {
        let leaves = self.leaves()?;
        let after = page.after.clone().unwrap_or_default();
        let limit = if page.limit == 0 { usize::MAX } else { page.limit as usize };
        let mut wanted = leaves.keys().filter(|name| name.starts_with(&page.prefix) && **name > after);
        let entries: Vec<Entry> =
            wanted.by_ref().filter_map(|name| SecretName::parse(name)).take(limit).map(Entry::named).collect();
        let next = wanted.next().and(entries.last().map(|entry| entry.name.as_str().to_owned()));
        Ok(Page { entries, next })
    }

    fn inspect(&self, name: &SecretName, _: Call) -> Result<Inspection> {
        if !self.leaves()?.contains_key(name.as_str()) {
            return Err(BackendError::not_found(name));
        }
        Ok(Inspection::of(name.clone()))
    }

    fn keys(&self, name: &SecretName, _: Call) -> Result<Vec<String>> {
        if !self.leaves()?.contains_key(name.as_str()) {
            return Err(BackendError::not_found(name));
        }
        Ok(Vec::new())
    }

    fn read(&self, name: &SecretName, _: Option<&VersionId>, _: Call) -> Result<Reading> {
        let (kind, text) = self.leaves()?.remove(name.as_str()).ok_or_else(|| BackendError::not_found(name))?;
        Ok(Reading { value: Value { kind, bytes: text.into_bytes().into() }, version: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const CALL: Call = Call { within: Duration::from_secs(5) };

    fn file(text: &str) -> (tempfile::TempDir, YamlFile) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secrets.yaml");
        std::fs::write(&path, text).expect("a file");
        (folder, YamlFile::new(path))
    }

    #[test]
    fn leaves_are_dotted_and_scalars_stay_as_written() {
        let (_folder, yaml) = file("broker:\n  password: 1.10\n  port: 4002\nlist: [1, a]\nempty:\n");
        let page = yaml.list(&PageRequest::default(), CALL).expect("a page");
        let names: Vec<&str> = page.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["broker.password", "broker.port", "empty", "list"]);
        let read = |name: &str| {
            let reading = yaml.read(&SecretName::parse(name).expect("a name"), None, CALL).expect("a value");
            String::from_utf8(reading.value.bytes.into_inner()).expect("text")
        };
        assert_eq!(read("broker.password"), "1.10");
        assert_eq!(read("list"), "[1,\"a\"]");
    }

    #[test]
    fn a_broken_file_names_its_line_and_shows_none_of_it() {
        let (_folder, yaml) = file("broker:\n  password: 'canary-value\n  port: [");
        let error = yaml.health(CALL).expect_err("broken");
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}
