//! Which layer holds a name. Refuses to fall through: in Production a layer that can't be asked is the answer.

use crate::config::nearest;
use crate::failure::Failure;
use crate::observe::list_all;
use crate::serve::Control;
use quarterdeck_contract::{Capability, ErrorKind, Expected, Inspection, SecretName, VersionId};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::request::Target;

/// A name found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Where.
    pub target: Target,
    /// What is known of it there, never a value.
    pub inspection: Inspection,
    /// Layers above that could not be asked; a loud warning outside Production.
    pub unasked: Vec<(String, String)>,
}

/// Where a value is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The layer and the backend's name.
    pub target: Target,
    /// What is there already.
    pub held: Option<Inspection>,
    /// Layers above that hold it too and win.
    pub above: Vec<String>,
    /// Layers above that could not be asked, and why; never any in Production.
    pub unasked: Vec<(String, String)>,
}

/// What a change expects to find: the version that was asked for, else the one that was looked at a moment ago.
///
/// A map of secrets is not expected by a version that nobody named: to the backend that would mean that all that is in
/// it is to go.
pub fn expected(if_version: Option<&str>, held: Option<&Inspection>) -> Expected {
    if let Some(version) = if_version {
        return Expected::Version(VersionId(version.to_owned()));
    }
    let Some(held) = held else { return Expected::Absent };
    let is_map = held.metadata.get("type").is_some_and(|kind| kind == "object");
    match held.versions.first() {
        Some(version) if !is_map => Expected::Version(version.id.clone()),
        _ => Expected::Anything,
    }
}

impl Control {
    /// A target before anybody was asked where it is.
    pub fn named(&self, name: &str, layer: Option<&str>) -> Target {
        Target { layer: layer.unwrap_or("any").to_owned(), name: self.tied(name).unwrap_or(name).to_owned() }
    }

    /// The highest layer that holds the name; with `layer`, that one alone.
    pub fn locate(&self, name: &str, layer: Option<&str>) -> Result<Located, Failure> {
        let mut unasked = Vec::new();
        for mount in self.mounts.iter().filter(|mount| layer.is_none_or(|wanted| mount.layer == wanted)) {
            let own = self.name_in(&mount.kind, name);
            let Some(parsed) = SecretName::parse(&own) else { continue };
            match mount.backend().inspect(&parsed, mount.call()) {
                Ok(inspection) => {
                    let target = Target { layer: mount.layer.clone(), name: own };
                    return Ok(Located { target, inspection, unasked });
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) if layer.is_some() || self.config.environment == Some(Environment::Production) => {
                    return Err(Failure::of_backend(&mount.layer, error));
                }
                Err(error) => unasked.push((mount.layer.clone(), error.to_string())),
            }
        }
        if let Some(layer) = layer {
            self.mount(layer)?;
        }
        // What nobody could look for is not proven absent.
        if let Some((layer, _)) = unasked.first()
            && let Ok(mount) = self.mount(layer)
            && let Err(error) = mount.backend().health(mount.call())
        {
            return Err(Failure::of_backend(layer, error));
        }
        Err(self.not_found(name, layer))
    }

    /// Where a new secret goes: the layer that holds it if it can be written, else the highest that can.
    pub fn place_for(&self, name: &str, layer: Option<&str>) -> Result<Destination, Failure> {
        let (mut above, mut unasked) = (Vec::new(), Vec::new());
        for mount in self.mounts.iter().filter(|mount| layer.is_none_or(|wanted| mount.layer == wanted)) {
            let own = self.name_in(&mount.kind, name);
            let parsed = SecretName::parse(&own).ok_or_else(|| Failure::Senseless {
                what: format!("'{}' is no secret's name", quarterdeck_domain::sanitise::line(name, 80)),
                next: "A name has no control characters and at most 1,024 bytes.".into(),
            })?;
            let held = match mount.backend().inspect(&parsed, mount.call()) {
                Ok(inspection) => Some(inspection),
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) if layer.is_some() || self.config.environment == Some(Environment::Production) => {
                    return Err(Failure::of_backend(&mount.layer, error));
                }
                Err(error) => {
                    unasked.push((mount.layer.clone(), error));
                    continue;
                }
            };
            if mount.backend().describe().can(Capability::Write) {
                let target = Target { layer: mount.layer.clone(), name: own };
                let unasked = unasked.into_iter().map(|(layer, error)| (layer, error.to_string())).collect();
                return Ok(Destination { target, held, above, unasked });
            }
            if held.is_some() {
                above.push(mount.layer.clone());
            }
        }
        if let Some(layer) = layer {
            self.mount(layer)?;
        }
        match unasked.into_iter().next_back() {
            Some((layer, error)) => Err(Failure::of_backend(&layer, error)),
            None => Err(Failure::Senseless {
                what: match layer {
                    Some(layer) => format!("the layer '{layer}' is read-only"),
                    None => "no layer here can be written".into(),
                },
                next: "Switch the encrypted file on: 'quarterdeck init', or set DP_SECRETS_ENCRYPTION_KEY.".into(),
            }),
        }
    }

    /// The backend's name for a configuration key, where `[[secret]]` ties them.
    fn name_in(&self, kind: &str, name: &str) -> String {
        let tied = self.tied(name).filter(|_| !matches!(kind, "env" | "yaml"));
        tied.unwrap_or(name).to_owned()
    }

    /// The name that `[[secret]]` ties to a configuration key.
    fn tied(&self, key: &str) -> Option<&str> {
        let tied = self.config.file.secret.iter().find(|secret| secret.key.as_deref() == Some(key));
        tied.map(|secret| secret.name.as_str())
    }

    fn not_found(&self, name: &str, layer: Option<&str>) -> Failure {
        let asked: Vec<_> = self.mounts.iter().filter(|m| layer.is_none_or(|wanted| m.layer == wanted)).collect();
        let names: Vec<String> = asked
            .iter()
            .flat_map(|mount| list_all(mount).unwrap_or_default())
            .map(|entry| entry.name.as_str().to_owned())
            .collect();
        Failure::NotFound {
            name: name.to_owned(),
            nearest: nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
            layers: asked.iter().map(|mount| mount.layer.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_contract::VersionInfo;

    fn held(kind: &str) -> Inspection {
        Inspection {
            versions: vec![VersionInfo::of(VersionId("v1".into()))],
            metadata: [("type".to_owned(), kind.to_owned())].into(),
            ..Inspection::of(SecretName::parse("broker").expect("a name"))
        }
    }

    #[test]
    fn what_was_looked_at_is_expected_and_a_map_never_by_itself() {
        let version = |id: &str| Expected::Version(VersionId(id.into()));
        assert_eq!(expected(None, None), Expected::Absent);
        assert_eq!(expected(None, Some(&held("text"))), version("v1"));
        assert_eq!(expected(None, Some(&held("object"))), Expected::Anything);
        assert_eq!(expected(Some("v0"), Some(&held("object"))), version("v0"));
        assert_eq!(expected(Some("v0"), None), version("v0"));
    }
}
