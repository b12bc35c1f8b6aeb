//! What part of a store a layer is, as far as its settings tell. Refuses to know it better than the backend: which key a
//! name is, is the backend's own word.

use quarterdeck_contract::{Call, PageRequest, Result, SecretsBackend, Setting};
use std::collections::BTreeMap;

/// The part of a store that a layer is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The secrets whose keys are configuration keys, as they may be called in their mount.
    secrets: Vec<String>,
    /// What those keys are under in the configuration; empty for nothing.
    under: String,
    /// What every name of the layer begins with.
    prefix: String,
}

impl Scope {
    /// Reads it from the settings of a backend of this kind.
    pub(super) fn of(kind: &str, settings: &BTreeMap<String, Setting>) -> Self {
        let text = |name: &str| match settings.get(name) {
            Some(Setting::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let mut secrets = Vec::new();
        for path in ["path", "password_path"].into_iter().filter(|_| kind == "vault").filter_map(text) {
            for name in names_in_mount(path.trim_matches('/'), text("mount")) {
                if !secrets.contains(&name) {
                    secrets.push(name);
                }
            }
        }
        let under = text("under").unwrap_or_default().trim_matches('.').to_owned();
        Self { secrets, under, prefix: text("prefix").unwrap_or_default().to_owned() }
    }

    /// The name of a key, by the backend's listing of those secrets alone.
    pub(super) fn name_of_key(&self, backend: &dyn SecretsBackend, key: &str, call: Call) -> Result<Option<String>> {
        for secret in &self.secrets {
            let page = PageRequest { prefix: format!("{secret}#"), limit: 10_000, ..PageRequest::default() };
            let entries = backend.list(&page, call)?.entries;
            if let Some(entry) = entries.into_iter().find(|entry| entry.key.as_deref() == Some(key)) {
                return Ok(Some(entry.name.as_str().to_owned()));
            }
        }
        Ok(None)
    }

    /// True for what the settings make the layer of; without any it is the whole store.
    pub(super) fn browses(&self, name: &str) -> bool {
        let secret = name.split_once('#').map_or(name, |(secret, _)| secret);
        let of_secrets = self.secrets.is_empty() || self.secrets.iter().any(|own| own == secret);
        of_secrets && name.starts_with(&self.prefix)
    }

    /// The key that a name of those secrets is.
    pub(super) fn key_of(&self, name: &str) -> Option<String> {
        let (_, key) = name.split_once('#').filter(|(secret, _)| self.secrets.iter().any(|own| own == secret))?;
        Some(if self.under.is_empty() { key.to_owned() } else { format!("{}.{key}", self.under) })
    }
}

/// A full path as the names it may have in its mount: `data/` belongs to the interface of version 2, and to the name in
/// version 1.
fn names_in_mount(path: &str, mount: Option<&str>) -> Vec<String> {
    let by_path =
        || path.split_once("/data/").map_or_else(|| path.split('/').next().unwrap_or(path), |(mount, _)| mount);
    let mount = mount.map_or_else(by_path, |mount| mount.trim_matches('/'));
    let Some(rest) = path.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')) else { return Vec::new() };
    let short = rest.strip_prefix("data/").filter(|short| !short.is_empty());
    short.into_iter().chain([rest]).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_name_in_its_mount() {
        let names = |path, mount| names_in_mount(path, mount);
        assert_eq!(names("secret/data/algo/broker", None), ["algo/broker", "data/algo/broker"]);
        assert_eq!(names("secret/algo/broker", None), ["algo/broker"]);
        assert_eq!(names("team/kv/data/broker", None), ["broker", "data/broker"]);
        assert_eq!(names("team/kv/broker", Some("team/kv/")), ["broker"]);
        assert!(names("other/x", Some("kv")).is_empty());
    }

    #[test]
    fn a_layer_is_what_its_settings_make_it_of() {
        let of = |settings: &[(&str, &str)]| {
            let text = |(name, text): &(&str, &str)| ((*name).to_owned(), Setting::Text((*text).to_owned()));
            Scope::of("vault", &settings.iter().map(text).collect())
        };
        let layer = of(&[("path", "secret/data/algo/broker")]);
        assert!(layer.browses("algo/broker#host") && !layer.browses("broker.host"));
        assert_eq!((layer.key_of("algo/broker#a.b"), layer.key_of("other#a")), (Some("a.b".into()), None));
        let guides = of(&[("path", "secret/data/algo/broker"), ("under", "broker")]);
        assert_eq!(guides.key_of("algo/broker#host").as_deref(), Some("broker.host"));
        assert!(of(&[]).browses("anything"));
        let part = of(&[("prefix", "qa/")]);
        assert!(part.browses("qa/x") && !part.browses("broker.host"));
    }
}
