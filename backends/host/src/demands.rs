//! What a manifest asks of the system, filled from one backend's configuration. Refuses to guess: a setting that has to
//! be there and isn't is an error, and never the widest right.
//!
//! | in a manifest | becomes |
//! | --- | --- |
//! | `{setting}` | the text of the setting; each text of a list |
//! | `{setting/..}` | the folder that the setting's file lies in, and where the file is a link, its target's too |
//! | `{setting?}`, `{setting/..?}` | the same, and nothing when the setting is unset or empty |

use crate::manifest::{ManifestError, PluginManifest, wrong};
use quarterdeck_contract::{BackendError, ErrorKind, Setting, Setup};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// All that a plugin may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demands {
    /// Folders to read, with everything under them.
    pub read: Vec<PathBuf>,
    /// Folders to read and write, with everything under them.
    pub write: Vec<PathBuf>,
    /// TCP ports to connect to.
    pub ports: Vec<u16>,
    /// Hosts may be looked up by their names.
    pub names: bool,
}

impl PluginManifest {
    /// What the plugin asks for under this configuration.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Unset`]; [`ManifestError::Value`] when a setting is no absolute path or has no port.
    pub fn demands(&self, setup: &Setup) -> Result<Demands, ManifestError> {
        Ok(Demands {
            read: folders(&self.read_folders, "folders.read", setup)?,
            write: folders(&self.write_folders, "folders.write", setup)?,
            ports: ports(&self.tcp_ports, setup)?,
            names: self.tcp_names,
        })
    }
}

impl From<ManifestError> for BackendError {
    fn from(error: ManifestError) -> Self {
        let kind = match error {
            ManifestError::Unset { .. } => ErrorKind::Uninitialised,
            _ => ErrorKind::Invalid,
        };
        Self::new(kind, error.to_string())
    }
}

/// True for a placeholder that [`PluginManifest::demands`] understands.
pub(crate) fn is_placeholder(text: &str) -> bool {
    Placeholder::parse(text).is_some()
}

struct Placeholder<'a> {
    setting: &'a str,
    folder_of: bool,
    optional: bool,
}

impl<'a> Placeholder<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('{')?.strip_suffix('}')?;
        let (inner, optional) = inner.strip_suffix('?').map_or((inner, false), |inner| (inner, true));
        let (setting, folder_of) = inner.strip_suffix("/..").map_or((inner, false), |setting| (setting, true));
        let plain = !setting.is_empty() && !setting.contains(['{', '}', '?', '/']);
        plain.then_some(Self { setting, folder_of, optional })
    }

    fn fill(&self, setup: &Setup) -> Result<Vec<String>, ManifestError> {
        let texts = match setup.settings.get(self.setting) {
            Some(Setting::Text(text)) if !text.is_empty() => vec![text.clone()],
            Some(Setting::Number(number)) => vec![number.to_string()],
            Some(Setting::List(texts)) => texts.clone(),
            _ if self.optional => Vec::new(),
            _ => return Err(ManifestError::Unset { setting: self.setting.to_owned() }),
        };
        Ok(texts)
    }
}

fn folders(asked: &[String], key: &str, setup: &Setup) -> Result<Vec<PathBuf>, ManifestError> {
    let mut folders = Vec::new();
    for text in asked {
        let Some(placeholder) = Placeholder::parse(text) else {
            folders.push(PathBuf::from(text));
            continue;
        };
        for path in placeholder.fill(setup)?.into_iter().map(PathBuf::from) {
            if !path.is_absolute() {
                return Err(wrong(key, "absolute paths"));
            }
            if placeholder.folder_of { folders.extend(folders_of(path)) } else { folders.push(path) }
        }
    }
    folders.sort();
    folders.dedup();
    Ok(folders)
}

/// The folder of a file, and where the file is a link, those of every file on the way to its target.
fn folders_of(mut file: PathBuf) -> Vec<PathBuf> {
    /// As many links as the system itself follows.
    const MOST: usize = 40;
    let mut folders = Vec::new();
    for _ in 0..MOST {
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        let target = fs::read_link(&file).map(|target| folder.join(target));
        folders.push(folder);
        match target {
            Ok(target) => file = target,
            Err(_) => break,
        }
    }
    folders
}

fn ports(asked: &[String], setup: &Setup) -> Result<Vec<u16>, ManifestError> {
    let mut ports = Vec::new();
    for text in asked {
        let addresses = match Placeholder::parse(text) {
            Some(placeholder) => placeholder.fill(setup)?,
            None => vec![text.clone()],
        };
        for address in addresses {
            ports.push(port_of(&address).ok_or_else(|| wrong("tcp.ports", "ports, or settings with an address"))?);
        }
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

/// `8200`, `host:8200`, `https://host:8200/v1`, `https://host/` (443), `http://host` (80).
fn port_of(text: &str) -> Option<u16> {
    let (usual, rest) = match text.split_once("://") {
        Some(("https", rest)) => (Some(443), rest),
        Some(("http", rest)) => (Some(80), rest),
        Some((_, rest)) => (None, rest),
        None => (None, text),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match after.rsplit_once(':') {
        Some((_, port)) => port.parse().ok(),
        None => usual.or_else(|| host.parse().ok()),
    }
    .filter(|&port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Setting {
        Setting::Text(text.to_owned())
    }

    fn setup<const N: usize>(settings: [(&str, Setting); N]) -> Setup {
        Setup { settings: settings.map(|(name, value)| (name.to_owned(), value)).into(), ..Setup::default() }
    }

    fn asked(read: &str, ports: &str) -> PluginManifest {
        PluginManifest::parse(&format!("name = \"a\"\n[folders]\nread = [{read}]\n[tcp]\nports = [{ports}]")).unwrap()
    }

    #[test]
    fn placeholders_are_filled() {
        let files = Setting::List(vec!["/p/a/.env".into(), "/p/b/.env".into(), "/p/b/.env.local".into()]);
        let setup = setup([
            ("folder", text("/var/x")),
            ("address", text("https://v:8200/")),
            ("port", Setting::Number(99)),
            ("files", files),
            ("ca", text("/no/such/ca.pem")),
            ("empty", text("")),
        ]);
        let manifest = asked(
            r#""/etc/ssl", "{folder}", "{files/..}", "{ca/..?}", "{none?}", "{none/..?}", "{empty?}""#,
            r#"443, "{address}", "{port}", "{none?}", 443"#,
        );
        let demands = manifest.demands(&setup).unwrap();
        let paths: Vec<PathBuf> = ["/etc/ssl", "/no/such", "/p/a", "/p/b", "/var/x"].map(PathBuf::from).into();
        assert_eq!((demands.read, demands.ports), (paths, vec![99, 443, 8200]));
        assert!(demands.write.is_empty() && !demands.names);
    }

    #[test]
    fn what_has_to_be_there_and_is_not_is_named() {
        let unset = |read: &str, ports: &str| asked(read, ports).demands(&setup([("empty", text(""))])).unwrap_err();
        let named = |name: &str| ManifestError::Unset { setting: name.into() };
        assert_eq!(unset(r#""{folder}""#, ""), named("folder"));
        assert_eq!(unset(r#""{empty/..}""#, ""), named("empty"));
        assert_eq!(unset("", r#""{address}""#), named("address"));
        assert_eq!(BackendError::from(named("address")).kind, ErrorKind::Uninitialised);
        let relative = asked(r#""{a}""#, "").demands(&setup([("a", text("b/c"))]));
        assert!(matches!(relative, Err(ManifestError::Value { key, .. }) if key == "folders.read"));
        let portless = asked("", r#""{a}""#).demands(&setup([("a", text("host"))]));
        assert!(matches!(portless, Err(ManifestError::Value { key, .. }) if key == "tcp.ports"));
    }

    #[test]
    fn a_links_target_has_its_folder_too() {
        let home = tempfile::tempdir().unwrap();
        let (one, two) = (home.path().join("one"), home.path().join("two"));
        [&one, &two].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
        std::os::unix::fs::symlink("../two/file", one.join("link")).unwrap();
        assert_eq!(folders_of(one.join("link")), [one.clone(), one.join("../two")]);
        std::os::unix::fs::symlink("loop", one.join("loop")).unwrap();
        assert_eq!(folders_of(one.join("loop")).len(), 40);
    }

    #[test]
    fn a_port_is_found_where_an_address_has_it() {
        let cases = [
            ("8200", Some(8200)),
            ("host:8200", Some(8200)),
            ("https://host", Some(443)),
            ("http://host/a:9", Some(80)),
            ("https://[::1]:8200/v1", Some(8200)),
            ("https://[::1]/", Some(443)),
            ("host", None),
            ("host:0", None),
            ("unix:///run/x", None),
        ];
        for (text, port) in cases {
            assert_eq!(port_of(text), port, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_address_makes_it_panic(text in "\\PC{0,40}") {
            proptest::prop_assert_ne!(port_of(&text), Some(0));
        }

        #[test]
        fn no_placeholder_makes_it_panic(text in "\\{[a-z/.?{}]{0,9}\\}") {
            if let Some(placeholder) = Placeholder::parse(&text) {
                proptest::prop_assert!(!placeholder.setting.is_empty());
            }
        }
    }
}
