//! `NAME.plugin.toml`, which stands beside a library and says what the library needs from the system. Refuses what it
//! doesn't know: a key that is misspelt would silently leave a plugin unconfined, or confined to nothing.
//!
//! ```toml
//! name = "vault"                    # the kind of plugin; the library is libquarterdeck_vault.so
//!
//! [folders]                         # everything in and under these; all else is out of reach
//! read = ["/etc/ssl/certs", "{ca_file/..?}"]
//! write = ["{folder}"]              # '{setting}': see `Demands` for what may stand between the braces
//!
//! [tcp]
//! ports = [443, "{address}"]        # a number, or the port in the setting's 'host:port' or URL
//! names = true                      # hosts have names: what resolves them is within reach too
//!
//! [environment]                     # what the program hands over from its own environment, in the first frame
//! names = ["VAULT_ADDR"]
//! prefixes = ["DP_"]
//!
//! [helpers]                         # what the program runs for the plugin, which itself may start nothing
//! programs = ["credential_process"]
//! ```

use crate::demands::is_placeholder;
use quarterdeck_abi::{LoadError, LoadRules, open};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What a plugin's library needs from the system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginManifest {
    /// The kind of plugin: `fernet`.
    pub name: String,
    /// Folders to read, absolute or `{setting}`.
    pub read_folders: Vec<String>,
    /// Folders to read and write, absolute or `{setting}`.
    pub write_folders: Vec<String>,
    /// TCP ports to connect to: numbers or `{setting}`, as text.
    pub tcp_ports: Vec<String>,
    /// True when it reaches hosts by their names.
    pub tcp_names: bool,
    /// Environment entries by name.
    pub environment_names: Vec<String>,
    /// Environment entries by the beginning of their name.
    pub environment_prefixes: Vec<String>,
    /// Programs that the host runs for the plugin.
    pub helpers: Vec<String>,
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It can't be read.
    #[error("the plugin's manifest '{path}' can't be read ({why}). It has to stand beside the library")]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// Somebody else could have written it.
    #[error("the plugin's manifest '{path}' is not believed: {what}. {hint}")]
    Untrusted {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it or with a folder above it.
        what: String,
        /// What to do.
        hint: String,
    },
    /// It is no TOML.
    #[error("the plugin's manifest is no TOML: {0}")]
    Syntax(String),
    /// A key that isn't known.
    #[error("'{key}' is no key of a plugin's manifest. Did you mean '{nearest}'?")]
    UnknownKey {
        /// The key with its table: `folders.reed`.
        key: String,
        /// The known key that is most like it.
        nearest: String,
    },
    /// A value of the wrong kind.
    #[error("'{key}' in a plugin's manifest has to be {wanted}")]
    Value {
        /// The key with its table.
        key: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A placeholder that the configuration doesn't fill.
    #[error("the plugin needs the setting '{setting}', and the backend's configuration has none. Add it")]
    Unset {
        /// The setting.
        setting: String,
    },
}

/// A manifest has some hundred bytes.
const LARGEST: u64 = 64 << 10;

const KEYS: [&str; 12] = [
    "name",
    "folders",
    "folders.read",
    "folders.write",
    "tcp",
    "tcp.ports",
    "tcp.names",
    "environment",
    "environment.names",
    "environment.prefixes",
    "helpers",
    "helpers.programs",
];

impl PluginManifest {
    /// Where the manifest of a library stands: `libquarterdeck_fernet.so` has `fernet.plugin.toml` beside it.
    pub fn beside(library: &Path) -> PathBuf {
        let stem = library.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = stem.strip_prefix("libquarterdeck_").or(stem.strip_prefix("lib")).unwrap_or(&stem);
        library.with_file_name(format!("{name}.plugin.toml"))
    }

    /// Reads the manifest beside a library. One that somebody else could have written would unlock the plugin for them, so
    /// it has to satisfy what a library does.
    ///
    /// # Errors
    ///
    /// See [`ManifestError`].
    pub fn read(library: &Path) -> Result<Self, ManifestError> {
        let path = Self::beside(library);
        let unreadable = |why: io::Error| ManifestError::Unreadable { path: path.clone(), why: why.to_string() };
        let (_, file) = open(&path, &LoadRules::for_this_process()).map_err(|error| match error {
            LoadError::Missing { .. } => unreadable(io::ErrorKind::NotFound.into()),
            LoadError::Unreadable { why, .. } => unreadable(why),
            error => distrust(&path, &error),
        })?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text)
    }

    /// Reads a manifest's text.
    ///
    /// # Errors
    ///
    /// See [`ManifestError`].
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            ManifestError::Syntax(error.message().chars().filter(|char| !char.is_control()).collect())
        })?;
        let name = match table.get("name") {
            Some(Value::String(name)) if is_name(name) => name.clone(),
            _ => return Err(wrong("name", "a word of small letters, digits and '-'")),
        };
        let mut manifest = Self { name, ..Self::default() };
        for (key, value) in &table {
            known(key)?;
            if key == "name" {
                continue;
            }
            let Value::Table(inner) = value else { return Err(wrong(key, "a table")) };
            for (inner_key, value) in inner {
                let key = format!("{key}.{inner_key}");
                known(&key)?;
                manifest.put(&key, value)?;
            }
        }
        Ok(manifest)
    }

    /// True when an environment entry of this name is handed over.
    pub fn wants(&self, entry: &str) -> bool {
        self.environment_names.iter().any(|name| name == entry)
            || self.environment_prefixes.iter().any(|prefix| entry.starts_with(prefix))
    }

    fn put(&mut self, key: &str, value: &Value) -> Result<(), ManifestError> {
        match key {
            "folders.read" => {
                self.read_folders = texts(key, value, "a list of absolute paths or '{setting}'", is_folder)?
            }
            "folders.write" => {
                self.write_folders = texts(key, value, "a list of absolute paths or '{setting}'", is_folder)?
            }
            "tcp.ports" => self.tcp_ports = ports(key, value)?,
            "tcp.names" => self.tcp_names = value.as_bool().ok_or_else(|| wrong(key, "true or false"))?,
            "environment.names" => self.environment_names = texts(key, value, "a list of names", is_entry)?,
            "environment.prefixes" => self.environment_prefixes = texts(key, value, "a list of prefixes", is_entry)?,
            "helpers.programs" => self.helpers = texts(key, value, "a list of names", |text| !text.is_empty())?,
            _ => return Err(wrong(key, "left out")),
        }
        Ok(())
    }
}

/// The library's rules in a manifest's words.
fn distrust(path: &Path, error: &LoadError) -> ManifestError {
    let (what, hint) = match error {
        LoadError::Symlink { .. } => {
            ("it is a symbolic link, whose target somebody may change".into(), "Put the manifest itself there.".into())
        }
        LoadError::NotAFile { .. } => ("it is not a regular file".into(), "Put the manifest itself there.".into()),
        error => (error.what(), error.hint()),
    };
    ManifestError::Untrusted { path: path.to_owned(), what, hint }
}

fn known(key: &str) -> Result<(), ManifestError> {
    if KEYS.contains(&key) {
        return Ok(());
    }
    let nearest = KEYS.into_iter().min_by_key(|known| distance(known, key)).unwrap_or_default();
    Err(ManifestError::UnknownKey { key: key.to_owned(), nearest: nearest.to_owned() })
}

/// How many letters have to be changed, added or taken away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, &against) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != against);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

fn texts(key: &str, value: &Value, wanted: &'static str, fits: fn(&str) -> bool) -> Result<Vec<String>, ManifestError> {
    let Value::Array(items) = value else { return Err(wrong(key, wanted)) };
    let text = |item: &Value| item.as_str().filter(|text| fits(text)).map(str::to_owned);
    items.iter().map(text).collect::<Option<_>>().ok_or_else(|| wrong(key, wanted))
}

fn ports(key: &str, value: &Value) -> Result<Vec<String>, ManifestError> {
    const WANTED: &str = "a list of ports from 1 to 65535 or '{setting}'";
    let Value::Array(items) = value else { return Err(wrong(key, WANTED)) };
    let port = |item: &Value| match item {
        Value::Integer(number) if (1..=65535).contains(number) => Some(number.to_string()),
        Value::String(text) if is_placeholder(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(port).collect::<Option<_>>().ok_or_else(|| wrong(key, WANTED))
}

pub(crate) fn wrong(key: &str, wanted: &'static str) -> ManifestError {
    ManifestError::Value { key: key.to_owned(), wanted }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
}

fn is_entry(text: &str) -> bool {
    !text.is_empty() && !text.contains(['=', '\0'])
}

fn is_folder(text: &str) -> bool {
    text.starts_with('/') || is_placeholder(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        name = "vault"
        folders = { read = ["/etc/ssl/certs"], write = ["{folder}"] }
        [tcp]
        ports = [443, "{address}"]
        names = true
        [environment]
        names = ["VAULT_ADDR"]
        prefixes = ["DP_"]
        [helpers]
        programs = ["credential_process"]
    "#;

    #[test]
    fn a_whole_manifest_is_read() {
        let manifest = PluginManifest::parse(WHOLE).unwrap();
        assert!(manifest.tcp_names);
        assert_eq!((manifest.name.as_str(), &manifest.helpers[..]), ("vault", &["credential_process".to_owned()][..]));
        assert_eq!(
            ["VAULT_ADDR", "VAULT_TOKEN", "DP_A", "XDP_"].map(|name| manifest.wants(name)),
            [true, false, true, false]
        );
    }

    #[test]
    fn a_name_alone_is_a_manifest_that_needs_nothing() {
        let bare = PluginManifest { name: "env".into(), ..PluginManifest::default() };
        assert_eq!(PluginManifest::parse("name = \"env\"").unwrap(), bare);
    }

    #[test]
    fn a_misspelt_key_names_the_nearest_right_one() {
        let cases = [
            ("name = \"a\"\nfolder = {}", "folder", "folders"),
            ("name = \"a\"\n[folders]\nreed = []", "folders.reed", "folders.read"),
            ("name = \"a\"\n[enviroment]\nnames = []", "enviroment", "environment"),
            ("name = \"a\"\n[tcp]\nport = [1]", "tcp.port", "tcp.ports"),
        ];
        for (text, key, nearest) in cases {
            let expected = ManifestError::UnknownKey { key: key.into(), nearest: nearest.into() };
            assert_eq!(PluginManifest::parse(text), Err(expected));
        }
    }

    #[test]
    fn values_of_the_wrong_kind_are_named() {
        let cases = [
            ("", "name"),
            ("name = \"A B\"", "name"),
            ("name = \"a\"\nfolders = 1", "folders"),
            ("name = \"a\"\n[folders]\nread = [\"relative\"]", "folders.read"),
            ("name = \"a\"\n[tcp]\nports = [0]", "tcp.ports"),
            ("name = \"a\"\n[tcp]\nports = [\"443\"]", "tcp.ports"),
            ("name = \"a\"\n[tcp]\nnames = 1", "tcp.names"),
            ("name = \"a\"\n[folders]\nread = [\"{}\"]", "folders.read"),
            ("name = \"a\"\n[folders]\nread = [\"{a/b}\"]", "folders.read"),
            ("name = \"a\"\n[environment]\nnames = [\"A=B\"]", "environment.names"),
            ("name = \"a\"\n[environment]\nprefixes = [\"\"]", "environment.prefixes"),
        ];
        for (text, expected) in cases {
            let found = PluginManifest::parse(text);
            assert!(matches!(&found, Err(ManifestError::Value { key, .. }) if key == expected), "{text}: {found:?}");
        }
        assert!(matches!(PluginManifest::parse("name ="), Err(ManifestError::Syntax(_))));
    }

    #[test]
    fn the_manifest_stands_beside_the_library() {
        let beside = |path: &str| PluginManifest::beside(Path::new(path));
        assert_eq!(beside("/p/libquarterdeck_fernet.so"), Path::new("/p/fernet.plugin.toml"));
        assert_eq!(beside("/p/libacme.so"), Path::new("/p/acme.plugin.toml"));
    }

    #[test]
    fn one_that_others_can_write_is_not_believed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (library, manifest) = (folder.path().join("liba.so"), folder.path().join("a.plugin.toml"));
        assert!(matches!(PluginManifest::read(&library), Err(ManifestError::Unreadable { .. })));
        std::fs::write(&manifest, "name = \"a\"").unwrap();
        let mode = |mode| std::fs::set_permissions(&manifest, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        assert_eq!(PluginManifest::read(&library).unwrap().name, "a");
        mode(0o646);
        let error = PluginManifest::read(&library).unwrap_err().to_string();
        assert!(error.contains("can be written by everybody (mode 0646). ") && error.contains("chmod go-w"), "{error}");
    }

    #[test]
    fn a_link_and_a_folder_of_others_are_refused_as_with_a_library() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (library, manifest) = (folder.path().join("liba.so"), folder.path().join("a.plugin.toml"));
        let mode = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = || match PluginManifest::read(&library) {
            Err(error @ ManifestError::Untrusted { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        };
        let target = folder.path().join("elsewhere.toml");
        std::fs::write(&target, "name = \"a\"").unwrap();
        symlink(&target, &manifest).unwrap();
        let error = refused();
        assert!(error.contains("a.plugin.toml' is not believed: it is a symbolic link"), "{error}");
        assert!(error.ends_with("Put the manifest itself there."), "{error}");
        std::fs::remove_file(&manifest).unwrap();
        std::fs::create_dir(&manifest).unwrap();
        assert!(refused().contains("it is not a regular file"));
        std::fs::remove_dir(&manifest).unwrap();
        std::fs::rename(&target, &manifest).unwrap();
        assert_eq!(PluginManifest::read(&library).unwrap().name, "a");
        mode(0o707);
        let error = refused();
        assert!(error.contains("can be written by everybody (mode 0707). ") && error.contains("chmod go-w"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(name|folders|tcp|[a-z.]{0,8}|[\\[\\]{}=,\"\n 0-9]|\\PC){0,40}") {
            if let Err(error) = PluginManifest::parse(&text) {
                proptest::prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
