//! Where the secrets are: which mount, which version of KV, which secret the layer is. Asks the mount itself; refuses to
//! go on when settings and mount contradict each other, since a KV 2 write to a KV 1 mount would be stored as something
//! else.

use crate::answer::Answer;
use crate::settings::{Kv, Settings};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use serde_json::Value;

/// A mount and what is in it for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// The mount's path, without slashes at its ends.
    pub(crate) mount: String,
    /// Its version.
    pub(crate) kv: Kv,
    /// The mount said so itself.
    pub(crate) asked: bool,
    /// The secret that the layer is, in the mount.
    pub(crate) layer: Option<String>,
    /// The secret that its password comes from, in the mount.
    pub(crate) password: Option<String>,
    /// What the layer's keys are under in the configuration: `broker`; empty for nothing.
    pub(crate) under: String,
}

impl Mounted {
    /// The API's path for a secret: `secret/data/x` in version 2, `secret/x` in version 1.
    pub(crate) fn api(&self, part: &str, path: &str) -> String {
        match self.kv {
            Kv::One => format!("{}/{path}", self.mount),
            Kv::Two => format!("{}/{part}/{path}", self.mount),
        }
    }
}

/// The path by which the mount is asked: any token that may do something under it may ask.
pub(crate) fn probe(settings: &Settings) -> String {
    settings.path.clone().or(settings.mount.clone()).unwrap_or_else(|| "secret".into())
}

/// What follows from the settings and the mount's answer, if it gave one.
pub(crate) fn resolve(settings: &Settings, answer: Option<&Answer>) -> Result<Mounted> {
    let said = answer.map(|answer| said(answer.data())).transpose()?;
    let mount = match (&said, &settings.mount) {
        (Some((mount, _)), Some(set)) if mount != set => {
            return Err(invalid(
                format!("'{}' is in the mount '{mount}', and 'mount' is '{set}'", probe(settings)),
                "Take 'mount' out of the backend's settings.",
            ));
        }
        (Some((mount, _)), _) => mount.clone(),
        (None, Some(set)) => set.clone(),
        (None, None) => by_path(settings.path.as_deref()),
    };
    let by_data = settings.path.as_deref().is_some_and(|path| path.starts_with(&format!("{mount}/data/")));
    let asked = said.map(|(_, kv)| kv);
    let kv = match (settings.kv, asked) {
        (Some(set), Some(is)) if set != is => {
            return Err(contradiction(&mount, is, "'kv' in the settings says otherwise"));
        }
        (None, Some(Kv::One)) if by_data => {
            return Err(contradiction(&mount, Kv::One, "the path has '/data/' as in version 2"));
        }
        (Some(kv), _) | (None, Some(kv)) => kv,
        (None, None) if by_data || settings.path.is_none() => Kv::Two,
        (None, None) => Kv::One,
    };
    let inside = |path: &Option<String>, name: &str| match path {
        None => Ok(None),
        Some(path) => within(&mount, kv, path).map(Some).ok_or_else(|| {
            invalid(
                format!("'{name}' is '{path}', which is no secret in the mount '{mount}'"),
                "Both paths of a layer lie in one mount.",
            )
        }),
    };
    let (layer, password) = (inside(&settings.path, "path")?, inside(&settings.password_path, "password_path")?);
    Ok(Mounted { mount, kv, asked: asked.is_some(), layer, password, under: settings.under.clone() })
}

/// The mount's path and version by its own answer.
fn said(data: &Value) -> Result<(String, Kv)> {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
    let mount = text("path").trim_matches('/').to_owned();
    if !matches!(text("type"), "kv" | "generic") {
        let what = format!("the mount '{mount}' holds '{}' and no key-value secrets", text("type"));
        return Err(invalid(what, "Set 'mount' to a KV engine ('bao secrets list' or 'vault secrets list')."));
    }
    let version = data.pointer("/options/version").and_then(Value::as_str);
    Ok((mount, if version == Some("2") { Kv::Two } else { Kv::One }))
}

/// The mount as far as a path tells: what stands before `/data/`, else its first part.
fn by_path(path: Option<&str>) -> String {
    let Some(path) = path else { return "secret".into() };
    let mount = path.split_once("/data/").map_or_else(|| path.split('/').next().unwrap_or(path), |(mount, _)| mount);
    mount.to_owned()
}

/// A full path as a path in the mount.
fn within(mount: &str, kv: Kv, path: &str) -> Option<String> {
    let rest = path.strip_prefix(mount)?.strip_prefix('/')?;
    let rest = match kv {
        Kv::Two => rest.strip_prefix("data/").unwrap_or(rest),
        Kv::One => rest,
    };
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// The mount is of the other version.
pub(crate) fn contradiction(mount: &str, is: Kv, why: &str) -> BackendError {
    let (is, path) = match is {
        Kv::One => ("1", "without 'data/': secret/algo-trade/broker"),
        Kv::Two => ("2", "with 'data/': secret/data/algo-trade/broker"),
    };
    BackendError::new(ErrorKind::WrongVersion, format!("the mount '{mount}' is KV version {is}, and {why}"))
        .hint(format!("Take 'kv' out of the settings, and write DP_VAULT_PATH {path}."))
}

fn invalid(what: impl Into<String>, hint: &str) -> BackendError {
    BackendError::new(ErrorKind::Invalid, what).hint(hint)
}
