//! A dry run: it writes nothing, counted at the servers, and what it prints is what is carried out.

use crate::desk::{Desk, FIRST};
use crate::place::{Kind, file};
use serde_json::Value;

/// The plan that a dry run tells, and its words.
fn planned(desk: &Desk) -> Value {
    let (name, layer) = (desk.place.name(), desk.place.layer());
    let told = desk.house.run(&["rotate", "start", name, "--layer", layer, "--dry-run", "--json"]).expect_status(0);
    assert_eq!(told.json(), desk.house.run(&["rotate", "plan", name, "--layer", layer, "--json"]).json());
    desk.house.run(&["rotate", "start", name, "--layer", layer, "--dry-run"]).expect_status(0);
    told.json()["plan"].clone()
}

/// The plan that the newest rotation was begun with, as the journal has it.
fn carried_out(desk: &Desk) -> Value {
    let journal = desk.house.journal("qa");
    let begun = journal.iter().rfind(|event| event["event_type"] == "ROTATION_PLANNED").expect("it was begun");
    with_digest(begun).expect("a plan").clone()
}

/// The map with a plan's digest in it, wherever it stands.
fn with_digest(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(map) if map.contains_key("digest") => Some(value),
        Value::Object(map) => map.values().find_map(with_digest),
        Value::Array(list) => list.iter().find_map(with_digest),
        _ => None,
    }
}

#[track_caller]
fn is_carried_out(desk: &Desk, plan: &Value) {
    assert!(plan["digest"].as_str().is_some_and(|digest| digest.len() == 64), "{plan:#}");
    assert!(desk.house.events("qa", "ROTATION_PLANNED").is_empty(), "a dry run begins nothing");
    assert_eq!(desk.is_settled("a dry run"), FIRST);
    desk.start().expect_status(0);
    assert_eq!(&carried_out(desk), plan);
}

#[test]
fn a_dry_run_writes_nothing_to_vault() {
    let desk = Desk::audited();
    let writes = || {
        let log = desk.place.bao().audit_log();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let is_write = |line: &Value| {
            let (operation, path) =
                (&line["request"]["operation"], line["request"]["path"].as_str().unwrap_or_default());
            path.starts_with("secret/") && !["read", "list"].iter().any(|word| operation == word)
        };
        lines.filter(is_write).count()
    };
    let before = writes();
    desk.place.proxy().forget();
    let plan = planned(&desk);
    assert_eq!(writes(), before, "what OpenBao's audit log has");
    let seen = desk.place.proxy().seen();
    let harmless = |line: &&String| line.starts_with("GET ") || line.starts_with("LIST ");
    assert!(!seen.is_empty() && seen.iter().all(|line| harmless(&line)), "{seen:#?}");
    is_carried_out(&desk, &plan);
    assert!(writes() > before, "the start did write, and it was counted");
}

#[test]
fn a_dry_run_writes_nothing_to_aws() {
    let desk = Desk::of(Kind::Aws);
    desk.place.proxy().forget();
    let plan = planned(&desk);
    let seen = desk.place.proxy().seen();
    let harmless = |line: &String| {
        ["GetSecretValue", "DescribeSecret", "ListSecret", "GetCallerIdentity"].iter().any(|part| line.contains(part))
            || !line.contains("secretsmanager")
    };
    assert!(seen.iter().any(|line| line.contains("DescribeSecret")), "it was looked at: {seen:#?}");
    assert!(seen.iter().all(harmless), "{seen:#?}");
    is_carried_out(&desk, &plan);
    assert!(desk.place.proxy().count("PutSecretValue") > 0, "the start did write, and it was counted");
}

#[test]
fn a_dry_run_leaves_the_fernet_file_and_its_folder_as_they_are() {
    let desk = Desk::of(Kind::Fernet);
    let folder = || {
        let folder = file(&desk.house).parent().expect("a folder").to_owned();
        let entries = std::fs::read_dir(folder).expect("a folder").flatten();
        let facts = |entry: std::fs::DirEntry| {
            let facts = entry.metadata().expect("facts");
            (entry.file_name(), facts.modified().expect("a time"), std::fs::read(entry.path()).expect("a file"))
        };
        let mut all: Vec<_> = entries.map(facts).collect();
        all.sort();
        all
    };
    // The lock beside it is made by who looks first.
    desk.house.run(&["secrets", "list", "--layer", "fernet"]).expect_status(0);
    let before = folder();
    let plan = planned(&desk);
    assert!(before == folder(), "something in the folder was changed");
    is_carried_out(&desk, &plan);
    assert!(before != folder());
}
