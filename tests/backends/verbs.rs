//! What the verbs tell of four backends, and change in them.

use crate::world::World;
use serde_json::{Value, json};

#[test]
fn four_backends_answer_at_once() {
    let world = World::qa();
    let told = world.house.run(&["status", "--json"]).expect_status(0).json();
    let row = |row: &Value| (row["name"].clone(), row["names"].clone(), row["error"].clone());
    let rows: Vec<_> = told["backends"].as_array().expect("rows").iter().map(row).collect();
    let wanted = [("env", 1), ("vault", 3), ("aws", 4), ("fernet", 1)];
    assert_eq!(rows, wanted.map(|(name, names)| (json!(name), json!(names), Value::Null)), "{told:#}");

    let rows = world.house.run(&["secrets", "list", "--json"]).expect_status(0).json();
    let named = |row: &Value| format!("{} {} {}", row["name"], row["layer"], row["shadows"]).replace('"', "");
    let mut rows: Vec<String> = rows.as_array().expect("rows").iter().map(named).collect();
    rows.sort();
    let wanted = [
        "desk.entry env []",
        "desk.stored fernet []",
        "qa/broker vault []",
        "qa/bytes aws []",
        "qa/map aws []",
        "qa/plain vault []",
        "qa/shared vault [aws]",
        "qa/text aws []",
    ];
    assert_eq!(rows, wanted);
    let doctor = world.house.run(&["doctor"]);
    for layer in ["env", "vault", "aws", "fernet"] {
        let line = format!("backend {layer}");
        let found = doctor.stdout.lines().find(|told| told.contains(&line)).unwrap_or_else(|| panic!("{doctor:?}"));
        assert!(found.starts_with("ok ") || found.starts_with("warning "), "{found}");
    }
}

#[test]
fn each_value_is_read_from_its_own_layer_and_from_the_highest() {
    let world = World::qa();
    let cases: [(&[&str], &str); 8] = [
        (&["desk.entry"], "canary-entry-0be611"),
        (&["desk.stored"], "canary-fernet-1c8810"),
        (&["qa/plain"], "canary-vault-plain-2a07c4"),
        (&["qa/broker#password"], "canary-vault-key-c3311b"),
        (&["qa/text"], "canary-aws-text-64fd90"),
        (&["qa/map#password"], "canary-aws-key-7b19d5"),
        (&["qa/shared"], "canary-vault-shared-8f4e02"),
        (&["qa/shared", "--layer", "aws"], "canary-aws-shared-31d86a"),
    ];
    for (words, wanted) in cases {
        let said = world.house.run(&[&["secrets", "get"], words].concat()).expect_status(0);
        assert_eq!(said.stdout, format!("{wanted}\n"), "{words:?}");
    }
}

#[test]
fn a_value_that_is_set_is_a_new_version_with_a_history() {
    let world = World::qa();
    for (layer, name) in [("vault", "qa/plain"), ("aws", "qa/text")] {
        let set = ["secrets", "set", name, "--layer", layer];
        world.house.feed(&set, b"set-anew-by-a-person").expect_status(0);
        let said = world.house.run(&["secrets", "get", name, "--layer", layer]).expect_status(0);
        assert_eq!(said.stdout, "set-anew-by-a-person\n", "{layer}");
        let history = ["secrets", "history", name, "--layer", layer, "--json"];
        let versions = world.house.run(&history).expect_status(0);
        assert!(!versions.stdout.contains("canary") && !versions.stdout.contains("set-anew"), "{}", versions.stdout);
        assert!(versions.json().to_string().matches("\"id\"").count() >= 2, "{}", versions.stdout);
        // A stale version is a conflict, and nothing is changed.
        let stale = [&set[..], &["--if-version", "1"]].concat();
        world.house.feed(&stale, b"too late").expect_status(7);
        let said = world.house.run(&["secrets", "get", name, "--layer", layer]).expect_status(0);
        assert_eq!(said.stdout, "set-anew-by-a-person\n", "{layer}");
    }
    world.house.run(&["audit", "verify"]).expect_status(0);
}
