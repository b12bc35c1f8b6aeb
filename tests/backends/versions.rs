//! Versions that somebody else makes in the real servers: told once, by calls that read no value; and a server that fails,
//! which is asked nothing but its health.

use crate::world::{POLICY, World};
use quarterdeck_servers::{Fault, wait_until};
use serde_json::{Value, json};

const OFTEN: &str = "[watch]\nversions = \"1s\"\n";

fn world() -> World {
    let world = World::qa();
    let (vault, aws) = (world.vault.address(), world.aws.address());
    world.configure(&vault, &aws, OFTEN);
    world
}

#[test]
fn another_version_in_vault_and_in_aws_is_told_once_and_no_value_is_read_for_it() {
    let world = world();
    world.vault.forget();
    world.aws.forget();
    let (mut screen, mut other) = (world.open(), world.open());
    screen.lists("qa/text");
    // Two answers about its version have come once a third is asked for.
    wait_until("versions are known", || world.vault.count("GET /v1/secret/metadata/qa/plain") > 4);
    wait_until("names are known", || world.aws.count("ListSecrets") > 4);
    world.vaulted("qa/plain", json!({ "value": "canary-elsewhere" }));
    world.moto.secret("PutSecretValue", &json!({ "SecretId": "qa/text", "SecretString": "canary-elsewhere" }));
    world.vaulted("qa/newcomer", json!({ "value": "canary-elsewhere" }));
    for screen in [&mut screen, &mut other] {
        screen.press("3", "AUDIT");
        for words in ["version 3, was version 2; made elsewhere", "new, version 1; made elsewhere", "aws/qa/text"] {
            screen.shows(words);
        }
    }
    screen.keys("\x03");
    other.keys("\x03");
    assert_eq!((screen.ends(), other.ends()), (0, 0));
    let told = world.house.events("qa", "SECRET_VERSION_CHANGED");
    let of = |name: &str| told.iter().filter(|event| event.contains(name)).count();
    let each = [of("vault/qa/plain"), of("vault/qa/newcomer"), of("aws/qa/text")];
    assert_eq!((told.len(), each), (3, [1, 1, 1]), "{told:#?}");
    let (vault, aws) = (world.vault.seen(), world.aws.seen());
    let singly = |line: &&String| {
        line.contains("/v1/secret/data/qa/") || line.contains("GetSecretValue") || line.contains("DescribeSecret")
    };
    assert_eq!(vault.iter().chain(&aws).filter(singly).count(), 0, "{vault:#?} {aws:#?}");
    world.house.run(&["audit", "verify"]).expect_status(0);
}

/// What `secrets list --json` says of one secret in Vault.
fn row(world: &World, name: &str) -> Value {
    let told = world.house.run(&["secrets", "list", "--layer", "vault", "--json"]).expect_status(0).json();
    let rows = told.as_array().expect("rows");
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {told}")).clone()
}

#[test]
fn a_verb_that_looks_once_knows_versions_and_ages_and_what_is_due() {
    let world = World::qa();
    let (vault, aws) = (world.vault.address(), world.aws.address());
    world.configure(&vault, &aws, "[[secret]]\nname = \"qa/plain\"\nperiod = \"1s\"\n");
    world.vault.forget();
    let plain = row(&world, "qa/plain");
    assert_eq!((plain["version"].as_str(), plain["age_s"].is_u64()), (Some("2"), true), "{plain}");
    let first = world.vault.seen().into_iter().find(|line| line.contains("/v1/secret/metadata/qa/"));
    assert_eq!(world.vault.count("/v1/secret/data/"), 0, "no value is read for it");
    assert!(first.is_some(), "{:#?}", world.vault.seen());
    wait_until("it is due", || world.house.run(&["status", "--short"]).stdout.contains("1 want attention"));
    // Another version, which nobody announced, is no age of the one that was stored through us.
    world.house.feed(&["secrets", "set", "qa/plain", "--layer", "vault"], b"ours").expect_status(0);
    world.vaulted("qa/plain", json!({ "value": "theirs" }));
    assert_eq!(row(&world, "qa/plain")["version"], "4");
}

#[test]
fn what_is_deleted_in_vault_is_said_to_be_until_it_is_restored() {
    let world = World::qa();
    let may = |act: &str| format!("path \"secret/{act}/*\" {{ capabilities = [\"update\"] }}\n");
    world.bao.policy("cockpit", &format!("{POLICY}{}{}", may("delete"), may("undelete")));
    let attention = || world.house.run(&["status", "--short"]).expect_status(0).stdout;
    assert!(attention().contains("0 want attention"), "{}", attention());
    world.house.run(&["secrets", "delete", "qa/plain", "--layer", "vault"]).expect_status(0);
    let (_, answer) = world.bao.request("DELETE", "secret/data/qa/shared", world.bao.root_token(), None);
    for name in ["qa/plain", "qa/shared"] {
        let told = row(&world, name);
        assert_eq!((&told["deleted"], &told["due_at"]), (&json!(true), &Value::Null), "{told} {answer}");
    }
    let said = world.house.run(&["secrets", "list"]).expect_status(0).stdout;
    assert!(said.contains("DELETED: 'quarterdeck secrets restore qa/plain --layer vault'"), "{said}");
    assert!(attention().contains("2 want attention"), "{}", attention());
    world.house.run(&["secrets", "restore", "qa/plain", "--layer", "vault"]).expect_status(0);
    assert_eq!(row(&world, "qa/plain")["deleted"], false);
}

#[test]
fn what_another_process_announces_is_in_the_row_at_once() {
    let world = World::qa();
    let (vault, aws) = (world.vault.address(), world.aws.address());
    world.configure(&vault, &aws, "[watch]\nversions = \"1h\"\n");
    world.vault.forget();
    let (mut screen, mut other) = (world.open(), world.open());
    for screen in [&mut screen, &mut other] {
        screen.press("2", "SECRETS");
        screen.press("/\x15qa/plain", "SECRETS 1 of");
        screen.keys("\r");
        screen.shows("layer vault, v2");
    }
    world.vaulted("qa/plain", json!({ "value": "canary-elsewhere" }));
    other.keys("r");
    screen.shows("layer vault, v3");
    for screen in [&mut screen, &mut other] {
        screen.keys("\x03");
        assert_eq!(screen.ends(), 0);
    }
}

#[test]
fn a_server_that_fails_is_asked_for_its_health_alone() {
    let world = world();
    let mut screen = world.open();
    screen.lists("qa/plain");
    world.vault.set(Fault::status(502));
    screen.press("6", "BACKENDS");
    screen.shows("backends 3/4");
    world.vault.forget();
    wait_until("some probes failed", || world.vault.seen().len() >= 12);
    screen.press("2", "SECRETS");
    screen.press("/\x15qa/plain", "SECRETS 1 of");
    screen.keys("\r");
    screen.press("v", "asked again by itself");
    let seen = world.vault.seen();
    let other = |line: &&String| line.contains("/secret/data/qa/") || line.contains("/secret/metadata/qa");
    assert_eq!(seen.iter().filter(other).count(), 0, "{seen:#?}");
    world.vault.heal();
    screen.shows("backends 4/4");
    screen.press("v", "canary-vault-plain-2a07c4");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}
