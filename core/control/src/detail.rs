//! What is known of one secret beside its value: versions, labels, and every layer that has a value for its key. Refuses to
//! read a value, and to wait for one layer because of another.

use crate::failure::Failure;
use crate::find::{Look, standing};
use crate::serve::{Control, Done};
use jiff::Timestamp;
use quarterdeck_contract::{Inspection, Stage, VersionInfo};
use quarterdeck_domain::overview::{Holder, SecretDetail, VersionRow};
use quarterdeck_domain::request::{Request, Target};
use quarterdeck_domain::rotation::Age;

impl Control {
    /// Asks a secret's backend for it, and the other layers what they have for the same key. Recorded as an inspection.
    pub fn inspect(&self, target: &Target) -> Result<SecretDetail, Failure> {
        let Done::Inspected(told) = self.serve(Request::Inspect { target: target.clone() }.into())? else {
            return Err(Failure::Senseless { what: "the backend told nothing".into(), next: String::new() });
        };
        Ok(SecretDetail {
            holders: self.holders(target, &told),
            versions: told.versions.iter().map(version).collect(),
            name: target.name.clone(),
            layer: target.layer.clone(),
            labels: told.metadata.into_iter().collect(),
            facts: told.facts,
            asked_at: quarterdeck_clock::utc(),
            error: None,
        })
    }

    /// Every layer that has a value for the key, the highest first. One that can't be asked is left out: its own tile says
    /// why.
    fn holders(&self, target: &Target, told: &Inspection) -> Vec<Holder> {
        let key = self.key_of(target);
        let own = |mount: &crate::mount::Mount| mount.layer == target.layer;
        std::thread::scope(|scope| {
            let asked: Vec<_> = self
                .mounts
                .iter()
                .map(|mount| {
                    let key = &key;
                    let look = move || match self.look(mount, key) {
                        Look::Held(found, inspection) => Some(holder(found, &inspection)),
                        _ => None,
                    };
                    (mount, (!own(mount)).then(|| scope.spawn(look)))
                })
                .collect();
            let answer = |(mount, asked): (_, Option<std::thread::ScopedJoinHandle<'_, _>>)| match asked {
                Some(asked) => asked.join().ok().flatten(),
                None => own(mount).then(|| holder(target.clone(), told)),
            };
            asked.into_iter().filter_map(answer).collect()
        })
    }

    /// The configuration key that a backend's name is.
    fn key_of(&self, target: &Target) -> String {
        let tied = self.config.file.secret.iter().find(|secret| secret.name == target.name);
        let by_layer = || self.mount(&target.layer).ok()?.key_of(&target.name);
        tied.and_then(|secret| secret.key.clone()).or_else(by_layer).unwrap_or_else(|| target.name.clone())
    }
}

fn holder(target: Target, told: &Inspection) -> Holder {
    let current = standing(told);
    Holder {
        layer: target.layer,
        name: target.name,
        version: current.map(|version| version.id.0.clone()),
        age: current.map_or(Age::Unknown, age),
    }
}

fn version(version: &VersionInfo) -> VersionRow {
    VersionRow {
        id: version.id.0.clone(),
        stage: match version.stage {
            Some(Stage::Pending) => "pending",
            Some(Stage::Current) => "current",
            Some(Stage::Previous) => "previous",
            Some(Stage::Retired) => "retired",
            None => "",
        },
        labels: version.labels.clone(),
        age: age(version),
        gone: match (version.destroyed, version.deleted) {
            (true, _) => "destroyed",
            (false, true) => "deleted",
            (false, false) => "",
        },
    }
}

fn age(version: &VersionInfo) -> Age {
    let at = |unix: Option<i64>| unix.and_then(|unix| Timestamp::from_second(unix).ok());
    match (at(version.created_at), at(version.not_after)) {
        (Some(at), _) => Age::Since(at),
        (None, Some(at)) => Age::AtLeastSince(at),
        (None, None) => Age::Unknown,
    }
}
