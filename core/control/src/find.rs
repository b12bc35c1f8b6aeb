//! Which layer holds a name. Refuses to fall through: in Production a layer that can't be asked is the answer.

use crate::config::nearest;
use crate::failure::Failure;
use crate::mount::Mount;
use crate::observe::list_all;
use crate::serve::Control;
use quarterdeck_contract::{
    BackendError, Capability, ErrorKind, Expected, Inspection, Result as Answer, SecretName, VersionId,
};
use quarterdeck_domain::request::{Request, Target};

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

/// What looking for a key in one layer comes to.
pub(crate) enum Look {
    /// It is there.
    Held(Target, Inspection),
    /// It isn't there, and would be called so; `None` when it is no secret's name.
    Absent(Option<Target>),
    /// It belongs to another environment.
    Foreign(Target),
    /// Nobody knows.
    Failed(BackendError),
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
        let (mut unasked, mut foreign) = (Vec::new(), None);
        for mount in self.asked(layer) {
            match self.look(mount, name) {
                Look::Held(target, inspection) => return Ok(Located { target, inspection, unasked }),
                Look::Absent(_) => {}
                Look::Foreign(target) => foreign = foreign.or(Some(target)),
                Look::Failed(error) if layer.is_some() || mount.required => {
                    return Err(Failure::of_backend(&mount.layer, error));
                }
                Look::Failed(error) => unasked.push((mount.layer.clone(), error.to_string())),
            }
        }
        if let Some(layer) = layer {
            self.mount(layer)?;
        }
        if let Some(target) = foreign {
            self.permit(&Request::Inspect { target })?;
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
        for mount in self.asked(layer) {
            let (target, held) = match self.look(mount, name) {
                Look::Held(target, inspection) => (target, Some(inspection)),
                Look::Absent(target) => {
                    let target = target.ok_or_else(|| Failure::Senseless {
                        what: format!("'{}' is no secret's name", quarterdeck_domain::sanitise::line(name, 80)),
                        next: "A name has no control characters and at most 1,024 bytes.".into(),
                    })?;
                    (target, None)
                }
                Look::Foreign(target) => {
                    self.permit(&Request::Write { target })?;
                    continue;
                }
                Look::Failed(error) if layer.is_some() || mount.required => {
                    return Err(Failure::of_backend(&mount.layer, error));
                }
                Look::Failed(error) => {
                    unasked.push((mount.layer.clone(), error));
                    continue;
                }
            };
            if mount.backend().describe().can(Capability::Write) {
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

    fn asked<'a>(&'a self, layer: Option<&'a str>) -> impl Iterator<Item = &'a Mount> {
        self.mounts.iter().filter(move |mount| layer.is_none_or(|wanted| mount.layer == wanted))
    }

    /// Looks for a key or a name in one layer. What belongs to another environment is not asked for at all.
    pub(crate) fn look(&self, mount: &Mount, name: &str) -> Look {
        let tied = self.tied(name).filter(|_| !matches!(mount.kind.as_str(), "env" | "yaml")).map(str::to_owned);
        let (mut absent, mut foreign) = (None, None);
        // What configuration ties comes first, then the key that the layer itself knows, then the name as it stands.
        let asked: [&dyn Fn() -> Answer<Option<String>>; 3] =
            [&|| Ok(tied.clone()), &|| mount.name_of_key(name), &|| Ok(Some(name.to_owned()))];
        for (place, own) in asked.iter().enumerate() {
            let own = match own() {
                Ok(Some(own)) => own,
                Ok(None) => continue,
                Err(error) => return Look::Failed(error),
            };
            let Some(parsed) = SecretName::parse(&own) else { continue };
            let target = Target { layer: mount.layer.clone(), name: own };
            if self.boundary.crossed(&mount.layer, &target.name, self.config.environment).is_some() {
                foreign = foreign.or(Some(target));
                continue;
            }
            match mount.backend().inspect(&parsed, mount.call()) {
                Ok(inspection) => return Look::Held(target, inspection),
                Err(error) if error.kind == ErrorKind::NotFound => absent = absent.or(Some(target)),
                // A credential for one part of a store can't tell of another; what is no part of the layer is not in it.
                Err(BackendError { kind: ErrorKind::Denied { .. }, .. }) if place == 2 && !mount.browses(name) => {
                    absent = absent.or(Some(target));
                }
                Err(error) => return Look::Failed(error),
            }
        }
        match foreign {
            Some(target) if absent.is_none() => Look::Foreign(target),
            _ => Look::Absent(absent),
        }
    }

    /// The name that `[[secret]]` ties to a configuration key.
    fn tied(&self, key: &str) -> Option<&str> {
        let tied = self.config.file.secret.iter().find(|secret| secret.key.as_deref() == Some(key));
        tied.map(|secret| secret.name.as_str())
    }

    fn not_found(&self, name: &str, layer: Option<&str>) -> Failure {
        let asked: Vec<_> = self.mounts.iter().filter(|m| layer.is_none_or(|wanted| m.layer == wanted)).collect();
        let ours = |layer: &str, name: &str| self.boundary.crossed(layer, name, self.config.environment).is_none();
        let listed = asked.iter().flat_map(|mount| {
            let entries = list_all(mount).unwrap_or_default().into_iter();
            entries.filter(|entry| ours(&mount.layer, entry.name.as_str()))
        });
        let names: Vec<String> =
            listed.map(|entry| entry.key.unwrap_or_else(|| entry.name.as_str().to_owned())).collect();
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
