//! What part of a store a layer is, as far as its settings tell. Refuses to know it better than the backend: which key a
//! name is, is the backend's own word.

use crate::find::standing;
use quarterdeck_contract::{BackendError, Call, ErrorKind, PageRequest, Result, SecretName, SecretsBackend, Setting};
use std::collections::BTreeMap;

/// The part of a store that a layer is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The secrets whose keys are configuration keys, as they may be called in their mount: the layer's own, then the one
    /// that its password comes from.
    secrets: Vec<Vec<String>>,
    /// The second one is there.
    of_password: bool,
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
        let names = |setting: &str| {
            let path = text(setting).filter(|_| kind == "vault")?;
            Some(names_in_mount(path.trim_matches('/'), text("mount"))).filter(|names| !names.is_empty())
        };
        let (own, password) = (names("path"), names("password_path"));
        let of_password = password.is_some();
        let under = text("under").unwrap_or_default().trim_matches('.').to_owned();
        let secrets = own.into_iter().chain(password).collect();
        Self { secrets, of_password, under, prefix: text("prefix").unwrap_or_default().to_owned() }
    }

    /// The name of a key, by the backend's listing of those secrets alone. That one of them is gone is an error: which keys
    /// it had nobody can tell.
    pub(super) fn name_of_key(&self, backend: &dyn SecretsBackend, key: &str, call: Call) -> Result<Option<String>> {
        if self.inside(key).is_none() {
            return Ok(None);
        }
        for names in &self.secrets {
            let mut is_there = false;
            for name in names {
                let page = PageRequest { prefix: format!("{name}#"), limit: 10_000, ..PageRequest::default() };
                let entries = backend.list(&page, call)?.entries;
                if let Some(entry) = entries.iter().find(|entry| entry.key.as_deref() == Some(key)) {
                    return Ok(Some(entry.name.as_str().to_owned()));
                }
                is_there |= entries.iter().any(|entry| entry.name.as_str().starts_with(&page.prefix));
            }
            if !is_there && let Some(gone) = gone(backend, names, key, call) {
                return Err(gone);
            }
        }
        Ok(None)
    }

    /// Where a key would be in those secrets, whether or not it is there.
    pub(super) fn home_of(&self, key: &str) -> Option<String> {
        let inside = self.inside(key).filter(|inside| !inside.contains('/'))?;
        let secret = match (self.of_password, inside) {
            (true, "password") => self.secrets.last(),
            (true, _) => self.secrets.first().filter(|_| self.secrets.len() > 1),
            (false, _) => self.secrets.first(),
        };
        Some(format!("{}#{inside}", secret?.first()?))
    }

    /// A key as it is called inside those secrets; nothing for what can be no key of theirs.
    fn inside<'a>(&self, key: &'a str) -> Option<&'a str> {
        if self.secrets.is_empty() || key.contains('#') {
            return None;
        }
        let inside = if self.under.is_empty() { key } else { key.strip_prefix(&self.under)?.strip_prefix('.')? };
        (!inside.is_empty()).then_some(inside)
    }

    /// A name that stands for all the keys of one of those secrets, and what they are under.
    pub(super) fn untold(&self, name: &str) -> Option<(String, String)> {
        (self.owns(name) && !name.contains('#')).then(|| (name.to_owned(), self.under.clone()))
    }

    /// True for one of those secrets, and for a key in the notation that names it.
    pub(super) fn owns(&self, name: &str) -> bool {
        let secret = name.split_once('#').map_or(name, |(secret, _)| secret);
        self.secrets.iter().flatten().any(|own| own == secret)
    }

    /// True for what the settings make the layer of; without any it is the whole store.
    pub(super) fn browses(&self, name: &str) -> bool {
        (self.secrets.is_empty() || self.owns(name)) && name.starts_with(&self.prefix)
    }

    /// The key that a name of those secrets is.
    pub(super) fn key_of(&self, name: &str) -> Option<String> {
        let (_, key) = name.split_once('#').filter(|_| self.owns(name))?;
        Some(if self.under.is_empty() { key.to_owned() } else { format!("{}.{key}", self.under) })
    }
}

/// What became of a secret that is called one of these names, if it is gone.
fn gone(backend: &dyn SecretsBackend, names: &[String], key: &str, call: Call) -> Option<BackendError> {
    let doing = || format!("looking for '{key}' in it");
    for name in names {
        let newest = match backend.inspect(&SecretName::parse(name)?, call) {
            Ok(told) => standing(&told)?.clone(),
            Err(error) if error.kind == ErrorKind::NotFound => continue,
            Err(error) => return Some(error),
        };
        let (kind, what, hint) = match (newest.destroyed, newest.deleted) {
            (true, _) => (ErrorKind::Destroyed, "destroyed", format!("Set it anew: '{name}#KEY'.")),
            (_, true) => {
                (ErrorKind::Deleted, "deleted", format!("'quarterdeck secrets restore {name}' brings it back."))
            }
            _ => return None,
        };
        return Some(BackendError::new(kind, format!("'{name}' is {what}")).doing(doing()).hint(hint));
    }
    let name = names.first()?;
    let hint =
        format!("The layer is this secret: 'quarterdeck secrets set {name}#KEY' makes it, or name another path.");
    Some(BackendError::not_found(name).doing(doing()).hint(hint))
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
        assert_eq!((layer.home_of("host"), of(&[]).home_of("host")), (Some("algo/broker#host".into()), None));
        assert_eq!(guides.home_of("broker.host").as_deref(), Some("algo/broker#host"));
        for other in ["host", "brokers.host", "algo/broker#host", "broker.a/b", "broker."] {
            assert_eq!(guides.home_of(other), None, "{other}");
        }
        let two = of(&[("path", "secret/data/algo/broker"), ("password_path", "secret/data/algo/pass")]);
        assert_eq!(two.home_of("password").as_deref(), Some("algo/pass#password"));
        assert_eq!(two.home_of("host").as_deref(), Some("algo/broker#host"));
        assert!(two.owns("algo/pass#x") && two.owns("algo/broker") && !two.owns("algo/db"));
        let part = of(&[("prefix", "qa/")]);
        assert!(part.browses("qa/x") && !part.browses("broker.host"));
    }
}
