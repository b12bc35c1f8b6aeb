//! What a tile says of a backend's answers.

use super::*;
use crate::config::{Config, File};
use crate::mount::mount_all;
use crate::surroundings::Surroundings;
use std::path::Path;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a test's own timestamp")
}

/// A layer that needs no plugin.
fn yaml(file: &Path) -> Mount {
    let surroundings = Surroundings {
        vars: Default::default(),
        cwd: "/nowhere".into(),
        executable: "/nowhere/quarterdeck".into(),
        user: "alice".into(),
        host: "bastion-1".into(),
        pid: 1,
        etc: "/nowhere/etc".into(),
    };
    let file: File = toml::from_str(&format!("[backend.yaml]\npath = {file:?}\n")).expect("valid");
    let mut mounts = mount_all(&Config { file, ..Config::default() }, &surroundings, None, None, None);
    mounts.pop().expect("it is the lowest")
}

fn mount() -> Mount {
    yaml(Path::new("/nowhere/secrets.yaml"))
}

fn answered(seen: &mut Observation, expires_at: Option<i64>, now: i64) {
    seen.look_at_the_end(expires_at.map(at), at(now));
    seen.health = Some(Ok(Health { summary: "fine".into(), facts: Vec::new(), warnings: Vec::new(), expires_at }));
}

fn row(seen: &Observation) -> BackendRow {
    seen.row(&mount(), &Boundary::default(), None)
}

#[test]
fn a_credential_that_ends_is_told_ten_minutes_before() {
    let mut seen = Observation::new(&mount());
    answered(&mut seen, Some(1_000), 399);
    assert_eq!((seen.ends, seen.condition()), (None, Condition::Ok));
    answered(&mut seen, Some(1_000), 401);
    assert_eq!((seen.ends, seen.condition()), (Some(at(1_000)), Condition::Warning));
    let told = row(&seen);
    assert_eq!(told.expires_at, Some(at(1_000)));
    assert_eq!(told.warnings, ["its credential ends at 1970-01-01T00:16:40Z: renew it or log in anew"]);
    answered(&mut seen, Some(1_000), 1_000);
    assert_eq!(row(&seen).warnings, ["its credential ended at 1970-01-01T00:16:40Z: log in anew"]);
    seen.health = Some(Err(BackendError::new(ErrorKind::Expired, "the token has ended")));
    assert!(row(&seen).warnings.is_empty(), "its error says it");
    answered(&mut seen, None, 1_001);
    assert_eq!(seen.condition(), Condition::Ok);
}

#[test]
fn a_credential_that_is_renewed_is_left_to_that() {
    let mut seen = Observation::new(&mount());
    answered(&mut seen, Some(1_300), 1_000);
    assert_eq!(seen.condition(), Condition::Warning);
    answered(&mut seen, Some(1_600), 1_200);
    assert_eq!(seen.condition(), Condition::Ok, "it was renewed, and will be again");
    answered(&mut seen, Some(1_600), 1_541);
    assert_eq!(seen.condition(), Condition::Warning, "and now it was not");
}

#[test]
fn what_is_not_confined_is_a_warning() {
    let mut seen = Observation::new(&mount());
    answered(&mut seen, None, 1);
    seen.confinement = Some(Confinement { summary: "2 folders, no exec".into(), lacks: Vec::new() });
    assert_eq!((seen.condition(), row(&seen).confinement.as_str()), (Condition::Ok, "2 folders, no exec"));
    let lacks = vec!["TCP ports: this kernel has none of it".to_owned()];
    seen.confinement = Some(Confinement { summary: "2 folders".into(), lacks: lacks.clone() });
    let told = row(&seen);
    assert_eq!((told.condition, told.unconfined), (Condition::Warning, lacks));
    assert_eq!(told.warnings, ["not confined: TCP ports: this kernel has none of it"]);
}

#[test]
fn a_denial_says_what_is_missing_and_the_line_that_grants_it() {
    let grant = "path \"secret/metadata/x/*\" { capabilities = [\"list\"] }";
    let error = BackendError::denied("list on secret/metadata/x", "the policy does not allow it").granted_by(grant);
    let mut seen = Observation::new(&mount());
    seen.health = Some(Err(error.clone().doing("listing secret/x")));
    let told = row(&seen);
    assert_eq!(told.condition.word(), "DENIED");
    let (what, next) = told.error.expect("it is down");
    assert_eq!(what, "the policy does not allow it, while listing secret/x");
    assert_eq!(next, format!("Somebody who may has to allow it. Grant: {grant}"));
    let facts = [("missing", "list on secret/metadata/x"), ("grant", grant)].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(told.facts, facts);
    seen.health = Some(Err(error.hint(format!("Add {grant} to the policy."))));
    assert_eq!(row(&seen).error.expect("it is down").1, format!("Add {grant} to the policy."), "not twice");
}

#[test]
fn a_backend_that_fails_is_asked_for_its_names_when_it_is_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("secrets.yaml");
    let write = |text: &str| std::fs::write(&file, text).expect("room on the disk");
    let mount = yaml(&file);
    write("broker:\n  password: one\n");
    let mut seen = Observation::new(&mount);
    seen.ask(&mount, || at(1));
    assert!(seen.is_listed());
    write("broker: [");
    assert!(!seen.probe(&mount, || at(2)));
    assert_eq!((seen.is_listed(), seen.down_since, seen.listing.entries.len()), (false, Some(at(2)), 1));
    assert!(!seen.probe(&mount, || at(3)));
    assert_eq!(seen.down_since, Some(at(2)));
    write("broker:\n  password: one\n  user: two\n");
    seen.ask(&mount, || at(4));
    assert_eq!((seen.is_listed(), seen.down_since, seen.listing.entries.len()), (true, None, 2));
}
