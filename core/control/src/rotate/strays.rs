//! Staged values that no rotation is bringing in: what a crash, another tool or another journal left behind. Refuses to
//! remove any of them: nobody here knows whether somebody still means it.

use super::words::span;
use crate::config::{Config, SecretTable};
use crate::mount::Mount;
use jiff::Timestamp;
use quarterdeck_contract::{Capability, Extra, Inspection, SecretName, Stage, VersionInfo};
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Rotation, unit};
use quarterdeck_domain::sanitise;
use quarterdeck_domain::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// The extra by which a backend tells all of its staged values: name, then rotation's id and Unix second.
const PENDINGS: &str = "pendings";
/// At most so many secrets of one layer are asked singly.
const MOST: usize = 200;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The secret that it was staged for.
    pub target: Target,
    /// The rotation's id, as the backend tells it.
    pub id: String,
    /// How old it is, in words, where that is known.
    pub age: Option<String>,
    /// The rotation of that id, which is over; nothing where this journal knows none.
    pub of: Option<String>,
    /// What removes it.
    pub remedy: String,
}

impl Stray {
    /// `paper/db holds a staged value 5b0f…, 3 d old, left by R-12, which is over`
    pub fn words(&self) -> String {
        let age = self.age.as_ref().map_or_else(String::new, |age| format!(", {age} old"));
        let whose = match &self.of {
            Some(rotation) => format!("left by {rotation}, which is over"),
            None => "of a rotation that this journal does not know".into(),
        };
        let (name, id) = (sanitise::line(&self.target.name, 240), sanitise::line(&self.id, 80));
        format!("{name} holds a staged value {id}{age}, {whose}")
    }
}

/// The strays of these layers. Layers that can't be asked are left out: their own check says why.
pub fn strays(mounts: &[Mount], config: &Config, state: &State, now: Timestamp) -> Vec<Stray> {
    mounts.iter().filter(|mount| !mount.is_missing()).flat_map(|mount| of_layer(mount, config, state, now)).collect()
}

fn of_layer(mount: &Mount, config: &Config, state: &State, now: Timestamp) -> Vec<Stray> {
    let mut found: BTreeMap<(String, String), Option<i64>> = BTreeMap::new();
    let asked = told(mount);
    let names = match &asked {
        Some(told) => {
            found.extend(told.iter().map(|(name, (id, at))| ((name.clone(), id.clone()), *at)));
            BTreeSet::new()
        }
        None => to_ask(mount, config, state),
    };
    for name in names {
        let Some(parsed) = SecretName::parse(&name) else { continue };
        let Ok(inspection) = mount.backend().inspect(&parsed, mount.call()) else { continue };
        for version in pending(&inspection) {
            found.insert((name.clone(), id_of(version).to_owned()), version.created_at);
        }
    }
    let strays = found.into_iter().filter(|((_, id), _)| owner(state, id).is_none_or(|owner| !owner.is_live()));
    strays
        .map(|((name, id), at)| Stray {
            remedy: remedy(&mount.kind, &name, &id),
            age: at.and_then(|at| since(at, now)),
            of: owner(state, &id).map(Rotation::name),
            target: Target { layer: mount.layer.clone(), name },
            id,
        })
        .collect()
}

/// What a backend that can tell them all tells.
fn told(mount: &Mount) -> Option<BTreeMap<String, (String, Option<i64>)>> {
    if !mount.backend().describe().extras.iter().any(|extra| extra == PENDINGS) {
        return None;
    }
    let extra = Extra { operation: PENDINGS.into(), arguments: BTreeMap::new() };
    let reply = mount.backend().extra(&extra, None, mount.call()).ok()?;
    let row = |(name, told): (String, String)| {
        let (id, at) = told.split_once(' ').unwrap_or((told.as_str(), ""));
        (name, (id.to_owned(), at.parse().ok()))
    };
    Some(reply.results.into_iter().map(row).collect())
}

/// The secrets that were rotated from here, and those that configuration names.
fn to_ask(mount: &Mount, config: &Config, state: &State) -> BTreeSet<String> {
    if !mount.backend().describe().can(Capability::Staging) {
        return BTreeSet::new();
    }
    let rotated = state.rotations.values().map(Rotation::target).filter(|target| target.layer == mount.layer);
    let is_here = |secret: &&SecretTable| secret.layer.as_ref().is_none_or(|layer| *layer == mount.layer);
    let named = config.file.secret.iter().filter(is_here).map(|secret| secret.name.as_str());
    let names = rotated.map(|target| target.name.as_str()).chain(named);
    names.take(MOST).map(|name| way(mount, name).to_owned()).collect()
}

/// The name that versions are asked of: a key's staged value is its map's.
fn way<'a>(mount: &Mount, name: &'a str) -> &'a str {
    if mount.kind == "fernet" { name } else { unit(name) }
}

fn pending(inspection: &Inspection) -> impl Iterator<Item = &VersionInfo> {
    inspection.versions.iter().filter(|version| version.stage == Some(Stage::Pending))
}

/// The rotation's id that a staged value stands under.
pub(super) fn id_of(version: &VersionInfo) -> &str {
    version.rotation.as_deref().unwrap_or(&version.id.0)
}

/// The rotation that made a value under this id.
pub(super) fn owner<'a>(state: &'a State, id: &str) -> Option<&'a Rotation> {
    state.rotations.values().find(|rotation| rotation.ids.iter().any(|known| known == id))
}

/// How old a staged value is.
pub(super) fn age(version: &VersionInfo, now: Timestamp) -> Option<String> {
    since(version.created_at?, now)
}

fn since(second: i64, now: Timestamp) -> Option<String> {
    let made = Timestamp::from_second(second).ok()?;
    let seconds = now.duration_since(made).as_secs().max(0).unsigned_abs();
    let round = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= *unit).unwrap_or(1);
    Some(span(seconds - seconds % round))
}

/// The command that removes it. A name is anybody's to choose: it stands in a shell's quotes.
fn remedy(kind: &str, name: &str, id: &str) -> String {
    let quoted = |text: &str, most: usize| {
        let text = sanitise::line(text, most).into_owned();
        shlex::try_quote(&text).map_or_else(|_| "NAME".into(), |quoted| quoted.into_owned())
    };
    let shadow = quoted(&format!("{name}.quarterdeck-pending"), 300);
    let (name, id) = (quoted(name, 240), quoted(id, 80));
    let command = match kind {
        "aws" => format!(
            "aws secretsmanager update-secret-version-stage --secret-id {name} --version-stage AWSPENDING \
             --remove-from-version-id {id}"
        ),
        "vault" => format!("vault kv metadata delete -mount=MOUNT {shadow} (KV version 1: vault kv delete)"),
        "fernet" => "mv FILE.quarterdeck FILE.quarterdeck.aside, while no rotation is under way".into(),
        _ => "take its pending mark away where it is kept".into(),
    };
    format!("if nobody means it any more: {command}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_contract::*;
    use quarterdeck_domain::rotate::{Ending, Fact};
    use std::sync::Arc;

    /// A store with staged values; tells them all where it is asked so.
    struct Store {
        backend: &'static str,
        pending: Vec<(&'static str, &'static str, i64)>,
        tells_all: bool,
    }

    impl SecretsBackend for Store {
        fn describe(&self) -> Description {
            Description {
                backend: self.backend.into(),
                target: String::new(),
                capabilities: vec![Capability::Staging],
                extras: if self.tells_all { vec![PENDINGS.into()] } else { Vec::new() },
            }
        }

        fn health(&self, _: Call) -> Result<Health> {
            Err(BackendError::unsupported("health", ""))
        }

        fn list(&self, _: &PageRequest, _: Call) -> Result<Page> {
            Err(BackendError::unsupported("list", ""))
        }

        fn inspect(&self, name: &SecretName, _: Call) -> Result<Inspection> {
            let mine = self.pending.iter().filter(|(secret, ..)| *secret == name.as_str());
            let version = |(_, id, at): &(&str, &str, i64)| VersionInfo {
                stage: Some(Stage::Pending),
                rotation: Some((*id).to_owned()),
                created_at: Some(*at),
                ..VersionInfo::of(VersionId("p".into()))
            };
            Ok(Inspection { versions: mine.map(version).collect(), ..Inspection::of(name.clone()) })
        }

        fn keys(&self, _: &SecretName, _: Call) -> Result<Vec<String>> {
            Ok(Vec::new())
        }

        fn read(&self, _: &SecretName, _: Option<&VersionId>, _: Call) -> Result<Reading> {
            panic!("no value is read")
        }

        fn extra(&self, _: &Extra, _: Option<SecretBytes>, _: Call) -> Result<ExtraReply> {
            let row = |(name, id, at): &(&str, &str, i64)| ((*name).to_owned(), format!("{id} {at}"));
            Ok(ExtraReply { results: self.pending.iter().map(row).collect(), secret: None })
        }
    }

    fn now() -> Timestamp {
        "2026-11-08T14:00:00Z".parse().expect("a time")
    }

    /// A state with one rotation of `db` under this id.
    fn state(id: &str, ended: Option<Ending>) -> State {
        let text = r#"{"target":{"layer":"aws","name":"db"},"from":"1","generator":"typed","set":null,"test":null,
            "revoke":null,"grace_s":0,"downtime":"zero","retire":"wait","watch":null,"confirm":null,
            "limits":{"tries":2,"values":2,"stuck":5},"digest":""}"#;
        let plan = Box::new(serde_json::from_str(text).expect("a plan"));
        let fact = Fact::Planned { id: id.into(), plan, by: "carol".into(), why: String::new(), lease: None };
        let mut rotation = State::default().judge(1, &fact, None, now()).expect("it begins");
        rotation.ended = ended.map(|ending| (ending, now()));
        let mut state = State::default();
        state.rotations.insert(1, rotation);
        state
    }

    fn found(store: Store, config: &str, state: &State) -> Vec<Stray> {
        let config = Config { file: toml::from_str(config).expect("valid"), ..Config::default() };
        strays(&[Mount::of(store.backend, Arc::new(store))], &config, state, now())
    }

    fn aws(id: &'static str) -> Store {
        Store { backend: "aws", pending: vec![("db", id, now().as_second() - 3 * 86_400)], tells_all: false }
    }

    #[test]
    fn what_a_rotation_brings_in_is_no_stray_and_what_it_left_is() {
        assert_eq!(found(aws("id-1"), "", &state("id-1", None)), []);
        let left = found(aws("id-1"), "", &state("id-1", Some(Ending::Aborted)));
        assert_eq!(left[0].words(), "db holds a staged value id-1, 3 d old, left by R-1, which is over");
        assert!(left[0].remedy.ends_with("--secret-id db --version-stage AWSPENDING --remove-from-version-id id-1"));
        let foreign = found(aws("id-2"), "", &state("id-1", None));
        assert!(foreign[0].words().ends_with("of a rotation that this journal does not know"));
    }

    #[test]
    fn what_configuration_names_is_asked_and_what_nobody_names_is_not() {
        assert_eq!(found(aws("x"), "", &State::default()), []);
        assert_eq!(found(aws("x"), "[[secret]]\nname='db'\n", &State::default()).len(), 1);
        assert_eq!(found(aws("x"), "[[secret]]\nname='db'\nlayer='vault'\n", &State::default()), []);
        assert_eq!(found(aws("x"), "[[secret]]\nname='db#key'\n", &State::default())[0].target.name, "db");
    }

    #[test]
    fn a_store_that_tells_all_is_asked_once_and_its_names_steer_no_shell() {
        let pending = vec![("qa/$(x)\u{1b}", "id-9", 7)];
        let store = Store { backend: "vault", pending, tells_all: true };
        let strays = found(store, "", &State::default());
        assert!(strays[0].remedy.contains("'qa/$(x)<1b>.quarterdeck-pending'"), "{}", strays[0].remedy);
        assert!(!strays[0].words().contains('\u{1b}'));
    }
}
