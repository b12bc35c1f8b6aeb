//! Which layer holds a name. Refuses to fall through: in Production a layer that can't be asked is the answer.

use crate::config::nearest;
use crate::failure::Failure;
use crate::mount::Mount;
use crate::observe::list_all;
use crate::serve::Control;
use quarterdeck_contract::{
    BackendError, Capability, ErrorKind, Expected, Inspection, Kind, Result as Answer, SecretName, Stage, Value,
    VersionId, VersionInfo,
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
    /// It is no name there, and may be a key of the layer's own secret, which is gone; and where it would be.
    Lost(BackendError, Option<Target>),
    /// Nobody knows.
    Failed(BackendError),
}

/// What the only version is called where a store keeps the current value alone (Vault's KV version 1).
const ONLY: &str = "current";

/// What a change expects to find: the version that was asked for, else the one that was looked at a moment ago.
///
/// A map of secrets is not expected by a version that nobody named: to the backend that would mean that all that is in
/// it is to go.
pub fn expected(if_version: Option<&str>, held: Option<&Inspection>) -> Expected {
    // A store that keeps one value alone has no version to hold it to.
    let is_only = |id: &str| id == ONLY;
    let has_only_one = held.and_then(standing).is_some_and(|version| is_only(&version.id.0));
    if has_only_one && if_version.is_none_or(is_only) {
        return Expected::Anything;
    }
    if let Some(version) = if_version {
        return Expected::Version(VersionId(version.to_owned()));
    }
    let Some(held) = held else { return Expected::Absent };
    let is_map = held.metadata.get("type").is_some_and(|kind| kind == "object");
    match standing(held) {
        // What is deleted still has a version, and no value that could be changed.
        Some(version) if version.deleted || version.destroyed => Expected::Absent,
        Some(version) if !is_map => Expected::Version(version.id.clone()),
        _ => Expected::Anything,
    }
}

/// The version that readers get; where stages aren't told or it is deleted, the newest that isn't waiting for a rotation.
pub(crate) fn standing(held: &Inspection) -> Option<&VersionInfo> {
    let current = held.versions.iter().find(|version| version.stage == Some(Stage::Current));
    current.or_else(|| held.versions.iter().find(|version| version.stage != Some(Stage::Pending)))
}

impl Control {
    /// A target before anybody was asked where it is.
    pub fn named(&self, name: &str, layer: Option<&str>) -> Target {
        Target { layer: layer.unwrap_or("any").to_owned(), name: self.tied(name).unwrap_or(name).to_owned() }
    }

    /// The highest layer that holds the name; with `layer`, that one alone.
    pub fn locate(&self, name: &str, layer: Option<&str>) -> Result<Located, Failure> {
        let (mut unasked, mut foreign, mut lost) = (Vec::new(), None, None);
        for mount in self.asked(layer) {
            match self.look(mount, name) {
                Look::Held(target, inspection) => return Ok(Located { target, inspection, unasked }),
                Look::Absent(_) => {}
                Look::Foreign(target) => foreign = foreign.or(Some(target)),
                Look::Failed(error) | Look::Lost(error, _) if layer.is_some() || mount.required => {
                    return Err(Failure::of_backend(&mount.layer, error));
                }
                Look::Failed(error) => unasked.push((mount.layer.clone(), error.to_string())),
                Look::Lost(error, _) => {
                    unasked.push((mount.layer.clone(), error.to_string()));
                    lost = lost.or(Some((&mount.layer, error)));
                }
            }
        }
        if let Some(layer) = layer {
            self.mount(layer)?;
        }
        if let Some(target) = foreign {
            self.permit(&Request::Inspect { target })?;
        }
        // What nobody could look for is not proven absent.
        if let Some((layer, error)) = lost {
            return Err(Failure::of_backend(layer, error));
        }
        if let Some((layer, _)) = unasked.first()
            && let Ok(mount) = self.mount(layer)
            && let Err(error) = mount.backend().health(mount.call())
        {
            return Err(Failure::of_backend(layer, error));
        }
        Err(self.not_found(name, layer))
    }

    /// Where a value goes: the highest layer that can be written. A name in a layer's own notation goes there alone, and
    /// where such a layer can't be asked nothing goes past it unless somebody names another.
    pub fn place_for(&self, name: &str, layer: Option<&str>) -> Result<Destination, Failure> {
        let layer = layer.or_else(|| Some(self.mounts.iter().find(|mount| mount.owns(name))?.layer.as_str()));
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
                // The layer's own secret is not there yet: its first key makes it.
                Look::Lost(BackendError { kind: ErrorKind::NotFound, .. }, Some(home)) => (home, None),
                Look::Failed(error) | Look::Lost(error, _) if layer.is_some() || mount.required => {
                    return Err(Failure::of_backend(&mount.layer, error));
                }
                Look::Failed(error) | Look::Lost(error, _) if mount.is_store() => {
                    return Err(Failure::of_backend(&mount.layer, or_elsewhere(error)));
                }
                Look::Failed(error) | Look::Lost(error, _) => {
                    unasked.push((mount.layer.clone(), error.to_string()));
                    continue;
                }
            };
            if mount.backend().describe().can(Capability::Write) {
                return Ok(Destination { target, held, above, unasked });
            }
            if held.is_some() {
                above.push(mount.layer.clone());
            }
        }
        if let Some(layer) = layer {
            self.mount(layer)?;
        }
        Err(Failure::Senseless {
            what: match layer {
                Some(layer) => format!("the layer '{layer}' is read-only"),
                None => "no layer here can be written".into(),
            },
            next: "Switch the encrypted file on: 'quarterdeck init', or set DP_SECRETS_ENCRYPTION_KEY.".into(),
        })
    }

    /// Refuses to lose by a slip what a secret holds under several keys: what replaces a map is a map, and what removes it
    /// names its version. `new` is nothing for a deletion.
    pub fn keeps_its_keys(&self, target: &Target, held: &Inspection, new: Option<&Value>) -> Result<(), Failure> {
        let mount = self.mount(&target.layer)?;
        let failed = |error| Err(Failure::of_backend(&target.layer, error));
        let newest = standing(held);
        let gone = newest.is_some_and(|version| version.deleted || version.destroyed);
        if let Some((secret, _)) = target.name.split_once('#').filter(|_| gone && mount.is_store()) {
            return failed(
                BackendError::new(ErrorKind::Deleted, format!("'{secret}' is deleted, and this key with the others"))
                    .hint(format!("'quarterdeck secrets restore {secret}' brings them back.")),
            );
        }
        let is_map =
            |value: &Value| value.kind == Kind::Json && value.bytes.expose().trim_ascii_start().first() == Some(&b'{');
        // The Fernet file refuses it by itself, with the names that its keys have.
        if gone || mount.kind == "fernet" || target.name.contains('#') || new.is_some_and(is_map) {
            return Ok(());
        }
        let Some(name) = SecretName::parse(&target.name) else { return Ok(()) };
        let whole = newest.map(|newest| format!("'--if-version {}'", newest.id)).unwrap_or("'--if-version'".into());
        let keys = match mount.backend().keys(&name, mount.call()) {
            Ok(keys) => keys,
            Err(error) if is_gone(&error) || error.kind == ErrorKind::Unsupported => return Ok(()),
            Err(error) => {
                let hint = format!("{} {whole} does it without looking at its keys.", error.hint);
                return failed(BackendError { hint: hint.trim().to_owned(), ..error });
            }
        };
        let Some(first) = keys.first() else { return Ok(()) };
        let does = if new.is_some() { "replace" } else { "delete" };
        let noun = if keys.len() == 1 { "secret" } else { "secrets" };
        failed(
            BackendError::new(
                ErrorKind::Invalid,
                format!("'{name}' holds {} {noun}, among them '{name}#{first}'", keys.len()),
            )
            .hint(format!("Name the one to {does}: '{name}#KEY'; {whole} will {does} it whole.")),
        )
    }

    /// The layers that are asked. What a verb brought with it counts where no store is switched on.
    fn asked<'a>(&'a self, layer: Option<&'a str>) -> impl Iterator<Item = &'a Mount> {
        let stored = self.mounts.iter().any(|mount| mount.is_store() && !mount.besides);
        self.mounts.iter().filter(move |mount| match layer {
            Some(wanted) => mount.layer == wanted,
            None => !mount.besides || !stored,
        })
    }

    /// Looks for a key or a name in one layer. What belongs to another environment is not asked for at all.
    pub(crate) fn look(&self, mount: &Mount, name: &str) -> Look {
        let tied = self.tied(name).filter(|_| !matches!(mount.kind.as_str(), "env" | "yaml")).map(str::to_owned);
        let (mut absent, mut foreign, mut lost) = (None, None, None);
        let home = || Some(Target { layer: mount.layer.clone(), name: mount.home_of(name)? });
        // What configuration ties comes first, then the key that the layer itself knows, then the name as it stands.
        let asked: [&dyn Fn() -> Answer<Option<String>>; 3] =
            [&|| Ok(tied.clone()), &|| mount.name_of_key(name), &|| Ok(Some(name.to_owned()))];
        for (place, own) in asked.iter().enumerate() {
            let own = match own() {
                Ok(Some(own)) => own,
                Ok(None) => {
                    absent = absent.or_else(|| home().filter(|_| place == 1));
                    continue;
                }
                // The layer's own secret is gone; the others of its store are not.
                Err(error) if is_gone(&error) => {
                    lost = home().map(|home| (error, home));
                    continue;
                }
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
        if let Some((error, home)) = lost {
            return Look::Lost(error, absent.filter(|absent| absent.name != name).or(Some(home)));
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
        let asked: Vec<_> = self.asked(layer).collect();
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

fn is_gone(error: &BackendError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Deleted | ErrorKind::Destroyed)
}

/// A layer above can't be asked: what it says, and the way past it.
fn or_elsewhere(error: BackendError) -> BackendError {
    let hint = if error.hint.is_empty() { "'quarterdeck doctor' tells more." } else { &error.hint };
    BackendError { hint: format!("{hint} '--layer NAME' names another layer."), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut only = held("text");
        only.versions[0].id.0 = ONLY.into();
        assert_eq!(expected(None, Some(&only)), Expected::Anything);
        assert_eq!(expected(Some(ONLY), Some(&only)), Expected::Anything);
        assert_eq!(expected(Some("7"), Some(&only)), version("7"));
        let mut deleted = held("text");
        deleted.versions[0].deleted = true;
        assert_eq!(expected(None, Some(&deleted)), Expected::Absent);
    }

    #[test]
    fn what_waits_for_a_rotation_is_not_what_a_change_expects() {
        let staged = |id: &str, stage| VersionInfo { stage, ..VersionInfo::of(VersionId(id.into())) };
        let of = |versions: &[VersionInfo]| Inspection { versions: versions.to_vec(), ..held("text") };
        let version = |id: &str| Expected::Version(VersionId(id.into()));
        let (pending, old) = (staged("p", Some(Stage::Pending)), staged("v0", Some(Stage::Previous)));
        let current = staged("v1", Some(Stage::Current));
        for versions in [[&pending, &old, &current], [&old, &pending, &current], [&current, &pending, &old]] {
            assert_eq!(expected(None, Some(&of(&versions.map(Clone::clone)))), version("v1"));
        }
        // Where no stage is told but that one.
        assert_eq!(expected(None, Some(&of(&[pending.clone(), staged("v1", None)]))), version("v1"));
        let mut gone = staged("v1", None);
        gone.deleted = true;
        assert_eq!(expected(None, Some(&of(&[pending.clone(), gone, old]))), Expected::Absent);
        let mut only = of(&[pending.clone(), staged(ONLY, Some(Stage::Current))]);
        assert_eq!(expected(None, Some(&only)), Expected::Anything);
        only.versions.truncate(1);
        assert_eq!(expected(None, Some(&only)), Expected::Anything, "nothing is current");
    }
}
