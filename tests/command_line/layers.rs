//! Which layer wins, what it overrides, and what happens when a layer can't be read.

use crate::house::House;
use serde_json::{Value, json};

/// Fernet holds `a b c`, the environment `b`, YAML `a b d`.
fn three_layers() -> House {
    let mut house = House::guide("qa");
    for (name, value) in [("desk.a", "fernet a"), ("desk.b", "fernet b"), ("desk.c", "fernet c")] {
        house.run(&["secrets", "set", name, value]).expect_status(0);
    }
    house.write("work/secrets.yaml", "desk:\n  a: yaml a\n  b: yaml b\n  d: yaml d\n");
    house.set_var("DP_DESK__B", "env b");
    house
}

fn provenance(house: &House) -> Vec<(String, String, Value)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let rows = house.run(&["secrets", "list", "--json"]).expect_status(0).json();
    let rows = rows.as_array().expect("an array").iter();
    rows.map(|row| (text(&row["name"]), text(&row["layer"]), row["shadows"].clone())).collect()
}

fn owned(rows: &[(&str, &str, Value)]) -> Vec<(String, String, Value)> {
    rows.iter().map(|(name, layer, shadows)| ((*name).to_owned(), (*layer).to_owned(), shadows.clone())).collect()
}

#[test]
fn each_key_comes_from_the_highest_layer_and_names_those_it_overrides() {
    let house = three_layers();
    let wanted = [
        ("desk.a", "fernet", json!(["yaml"])),
        ("desk.b", "env", json!(["fernet", "yaml"])),
        ("desk.c", "fernet", json!([])),
        ("desk.d", "yaml", json!([])),
    ];
    assert_eq!(provenance(&house), owned(&wanted));
    for (name, value) in [("a", "fernet a"), ("b", "env b"), ("c", "fernet c"), ("d", "yaml d")] {
        let said = house.run(&["secrets", "get", &format!("desk.{name}")]).expect_status(0);
        assert_eq!(said.stdout, format!("{value}\n"));
    }
    for (layer, value) in [("env", "env b"), ("fernet", "fernet b"), ("yaml", "yaml b")] {
        let said = house.run(&["secrets", "get", "desk.b", "--layer", layer]).expect_status(0);
        assert_eq!(said.stdout, format!("{value}\n"));
    }
}

#[test]
fn the_order_is_configuration() {
    let house = three_layers();
    house.configure("[layers]\norder = [\"yaml\", \"fernet\", \"env\"]\n");
    let wanted = [
        ("desk.a", "yaml", json!(["fernet"])),
        ("desk.b", "yaml", json!(["fernet", "env"])),
        ("desk.c", "fernet", json!([])),
        ("desk.d", "yaml", json!([])),
    ];
    assert_eq!(provenance(&house), owned(&wanted));
}

#[test]
fn a_secret_in_yaml_is_a_warning() {
    let house = three_layers();
    let rows = house.run(&["secrets", "list", "--json"]).expect_status(0).json();
    let row = rows.as_array().expect("rows").iter().find(|row| row["name"] == "desk.d").expect("desk.d").clone();
    assert!(row["warnings"][0].as_str().expect("a warning").contains("plain text"), "{row}");
    assert!(house.run(&["config", "show"]).expect_status(0).stdout.contains("! desk.d: kept in plain text"));
}

#[test]
fn the_guides_steering_entries_are_never_secrets() {
    let mut house = House::guide("qa");
    for name in ["DP_USE_VAULT", "DP_VAULT_TOKEN", "DP_AUDIT_LOG_FILE", "DP_ENCRYPTED_SECRETS_FILE"] {
        house.set_var(name, "0");
    }
    house.set_var("DP_REAL", "one");
    let said = house.run(&["secrets", "list", "--json", "--layer", "env"]).expect_status(0);
    let names: Vec<Value> = said.json().as_array().expect("rows").iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, [json!("real")]);
}

#[test]
fn the_environment_keeps_text_as_it_is() {
    let mut house = House::guide("qa");
    for value in ["1.10", "007", " padded ", "true", "ünï", "a=b", "{\"a\":1}"] {
        house.set_var("DP_RAW__TEXT", value);
        assert_eq!(house.run(&["secrets", "get", "raw.text"]).expect_status(0).stdout, format!("{value}\n"));
    }
}

/// The same file under another key.
fn with_a_wrong_key(environment: &str) -> House {
    let mut house = House::guide("qa");
    house.run(&["secrets", "set", "desk.a", "b"]).expect_status(0);
    let other = house.run(&["secrets", "generate-key"]).expect_status(0).last_line();
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", &other);
    house.set_var("DP_ENVIRONMENT", environment);
    house.write("work/secrets.yaml", "desk:\n  a: from below\n");
    house
}

#[test]
fn outside_production_a_layer_that_fails_is_a_loud_warning() {
    for environment in ["qa", "paper"] {
        let house = with_a_wrong_key(environment);
        for verb in [&["secrets", "list"][..], &["config", "show"]] {
            let said = house.run(verb).expect_status(0);
            assert!(said.stderr.contains("WARNING: fernet is left out"), "{environment} {verb:?}: {}", said.stderr);
            assert!(said.stdout.contains("desk.a"), "the other layers are there: {}", said.stdout);
        }
    }
    let said = with_a_wrong_key("qa").run(&["secrets", "get", "desk.a"]).expect_status(0);
    assert_eq!(said.stdout, "from below\n");
    assert!(said.stderr.contains("WARNING: fernet can't be asked and may override this"), "{}", said.stderr);
}

#[test]
fn in_production_a_layer_that_fails_is_an_error() {
    let house = with_a_wrong_key("production");
    for verb in [&["secrets", "list"][..], &["config", "show"], &["secrets", "get", "desk.a"], &["status"]] {
        let said = house.run(verb);
        assert_ne!(said.status, 0, "{verb:?}: {said:?}");
        assert!(!said.stdout.contains("from below"), "{verb:?}: no fall through to the layer below: {said:?}");
    }
}

#[test]
fn a_layer_of_its_own_that_fails_is_an_error_everywhere() {
    let said = with_a_wrong_key("qa").run(&["secrets", "list", "--layer", "fernet"]);
    assert_ne!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("while: asking fernet"), "{}", said.stderr);
}

#[test]
fn a_key_tied_to_a_backends_name_is_found_by_both() {
    let house = House::guide("qa");
    house.configure("[[secret]]\nname = \"qa/trader/ibkr-api-key\"\nkey = \"ibkr.api_key\"\nperiod = \"7d\"\n");
    house.run(&["secrets", "set", "ibkr.api_key", "tied"]).expect_status(0);
    for name in ["ibkr.api_key", "qa/trader/ibkr-api-key"] {
        assert_eq!(house.run(&["secrets", "get", name]).expect_status(0).stdout, "tied\n", "{name}");
    }
    let rows = house.run(&["secrets", "list", "--json"]).expect_status(0).json();
    assert_eq!(rows.as_array().expect("rows").len(), 1);
    assert_eq!(rows[0]["name"], "qa/trader/ibkr-api-key");
}
