//! A Vault that can't be asked, or whose own secret is gone: nothing lands elsewhere by a slip, and no map is lost by one.

use crate::house::House;
use quarterdeck_servers::{Moto, OpenBao};
use serde_json::json;

/// The guide's way: DP_VAULT_PATH names one secret, a Fernet file is below it.
fn guide(server: &OpenBao, environment: &str) -> House {
    let mut house = House::guide(environment);
    house.set_var("DP_USE_VAULT", "1");
    house.set_var("DP_VAULT_PATH", "secret/data/algo-trade/broker");
    house.set_var("VAULT_ADDR", &server.address());
    house.set_var("VAULT_TOKEN", server.root_token());
    house
}

fn with_secrets() -> OpenBao {
    let server = OpenBao::dev();
    server.write("algo-trade/broker", &json!({ "username": "u", "password": "old" }));
    server.write("algo-trade/broker", &json!({ "username": "u", "password": "vaulted" }));
    server.write("algo-trade/db", &json!({ "value": "beside" }));
    server
}

#[test]
fn a_deleted_layers_secret_is_reached_and_takes_nothing_with_it() {
    let server = with_secrets();
    let house = guide(&server, "qa");
    house.run(&["secrets", "set", "broker.password", "below", "--layer", "fernet"]).expect_status(0);
    assert_eq!(house.run(&["secrets", "get", "broker.password"]).expect_status(0).stdout, "vaulted\n");
    house.run(&["secrets", "delete", "algo-trade/broker"]).expect_status(1);
    house.run(&["secrets", "delete", "algo-trade/broker", "--if-version", "2"]).expect_status(0);

    assert_eq!(house.run(&["secrets", "get", "algo-trade/db"]).expect_status(0).stdout, "beside\n");
    let older = house.run(&["secrets", "get", "algo-trade/broker#password", "--version", "1"]).expect_status(0);
    assert_eq!(older.stdout, "old\n");
    let history = house.run(&["secrets", "history", "algo-trade/broker", "--layer", "vault"]).expect_status(0);
    assert!(history.stdout.contains("deleted"), "{}", history.stdout);
    house.run(&["secrets", "get", "algo-trade/broker"]).expect_status(4);
    // A key of it may be what is below, and nobody knows: said here, an error in Production.
    let below = house.run(&["secrets", "get", "broker.password"]).expect_status(0);
    assert_eq!(below.stdout, "below\n");
    assert!(below.stderr.contains("may override this: 'algo-trade/broker' is deleted"), "{}", below.stderr);
    let rows = house.run(&["secrets", "list", "--json"]).expect_status(0).json();
    let row = rows.as_array().expect("rows").iter().find(|row| row["name"] == "broker.password").expect("its row");
    let warned = "the keys of algo-trade/broker in vault are not known and may override it";
    assert!(row["layer"] == "fernet" && row["warnings"].to_string().contains(warned), "{row}");
    let production = guide(&server, "production");
    let refused = production.run(&["secrets", "get", "broker.password", "--json"]);
    assert!(refused.status != 0 && !refused.stdout.contains("below"), "{refused:?}");
    // A change of one key would leave the others behind.
    for name in ["broker.password", "algo-trade/broker#password"] {
        let said = house.run(&["secrets", "set", name, "x"]).expect_status(4);
        assert!(said.stderr.contains("secrets restore algo-trade/broker"), "{}", said.stderr);
    }
    house.run(&["secrets", "restore", "algo-trade/broker"]).expect_status(0);
    assert_eq!(house.run(&["secrets", "get", "broker.password"]).expect_status(0).stdout, "vaulted\n");
}

#[test]
fn who_is_overridden_is_told_by_whom_and_where_its_versions_are() {
    let server = with_secrets();
    let mut house = guide(&server, "qa");
    house.set_var("DP_BROKER__PASSWORD", "above");
    let found = house.run(&["secrets", "search", "password", "--json"]).expect_status(0).json();
    let row = found.as_array().expect("rows").iter().find(|row| row["layer"] == "vault").expect("Vault's");
    assert_eq!(row["overridden_by"], "env", "{row}");
    let history = house.run(&["secrets", "history", "broker.password"]).expect_status(0).stdout;
    let next = "'quarterdeck secrets history algo-trade/broker#password --layer vault'";
    assert!(history.contains(next), "{history}");
    let versions = house.shell(&format!("{} --json", next.trim_matches('\'')));
    assert_eq!(versions.expect_status(0).json()["versions"][0]["id"], "2");
    let diff = house.run(&["secrets", "diff", "algo-trade/broker", "1", "99"]).expect_status(4);
    assert!(diff.stderr.contains("secrets history algo-trade/broker --layer vault"), "{}", diff.stderr);
}

#[test]
fn the_first_key_makes_the_layers_secret() {
    for name in ["algo-trade/broker#password", "broker.password"] {
        let server = OpenBao::dev();
        let house = guide(&server, "qa");
        let said = house.run(&["secrets", "set", name, "first"]).expect_status(0);
        assert!(said.stdout.contains("stored algo-trade/broker#password in vault"), "{}", said.stdout);
        assert_eq!(house.run(&["secrets", "get", "broker.password"]).expect_status(0).stdout, "first\n");
        let said = house.run(&["secrets", "set", "broker.host", "second"]).expect_status(0);
        assert!(said.stdout.contains("stored algo-trade/broker#host in vault"), "{}", said.stdout);
    }
}

#[test]
fn nothing_goes_past_a_vault_that_cannot_be_asked() {
    let server = with_secrets();
    for key in [true, false] {
        let mut house = guide(&server, "qa");
        house.set_var("VAULT_TOKEN", "hvs.no-such-token");
        if !key {
            house.drop_var("DP_SECRETS_ENCRYPTION_KEY");
        }
        for name in ["algo-trade/broker#password", "broker.password", "desk.other"] {
            for verb in [&["secrets", "set", name, "x"][..], &["secrets", "delete", name]] {
                let said = house.run(verb).expect_status(5);
                assert!(said.stderr.contains("while: asking vault"), "{key} {verb:?}: {}", said.stderr);
                assert!(!said.stderr.contains("ENCRYPTION_KEY"), "{key} {verb:?}: {}", said.stderr);
            }
        }
        assert!(!house.path("work/.secrets").exists(), "nothing is stored");
    }
    let mut house = guide(&server, "qa");
    house.set_var("VAULT_TOKEN", "hvs.no-such-token");
    let said = house.run(&["secrets", "set", "desk.other", "x"]).expect_status(5);
    assert!(said.stderr.contains("'--layer NAME' names another layer"), "{}", said.stderr);
    house.run(&["secrets", "set", "desk.other", "x", "--layer", "fernet"]).expect_status(0);
}

/// What `set` and `delete` say of a map, and do by its version.
fn keeps_its_keys(house: &House, layer: &str) {
    house.feed(&["secrets", "set", "qa/map", "--as-json"], br#"{"a": "1", "b": "2"}"#).expect_status(0);
    for refused in [
        house.feed(&["secrets", "set", "qa/map"], b"x"),
        house.feed(&["secrets", "set", "qa/map", "--as-json"], b"[1]"),
        house.run(&["secrets", "delete", "qa/map"]),
    ] {
        let said = refused.expect_status(1).stderr;
        assert!(said.contains("holds 2 secrets, among them 'qa/map#a'") && said.contains("'qa/map#KEY'"), "{said}");
        assert!(said.contains(&format!("asking {layer}")), "{said}");
    }
    house.feed(&["secrets", "set", "qa/map#a"], b"3").expect_status(0);
    house.feed(&["secrets", "set", "qa/map", "--as-json"], br#"{"a": "4", "c": "5"}"#).expect_status(0);
    assert_eq!(house.run(&["secrets", "get", "qa/map#c"]).expect_status(0).stdout, "5\n");
    let version = || {
        let told = house.run(&["secrets", "get", "qa/map", "--json"]).expect_status(0).json();
        told["version"].as_str().expect("a version").to_owned()
    };
    let now = version();
    house.feed(&["secrets", "set", "qa/map", "--if-version", &now], b"text").expect_status(0);
    house.feed(&["secrets", "set", "qa/map", "--if-version", &now], b"late").expect_status(7);
    assert_eq!(house.run(&["secrets", "get", "qa/map"]).expect_status(0).stdout, "text\n");
    house.feed(&["secrets", "set", "qa/map"], b"other text").expect_status(0);
    house.feed(&["secrets", "set", "qa/map", "--as-json"], br#"{"a": "1"}"#).expect_status(0);
    house.run(&["secrets", "delete", "qa/map", "--if-version", &version()]).expect_status(0);
}

#[test]
fn a_map_is_replaced_or_deleted_whole_by_its_version_alone() {
    let server = OpenBao::dev();
    let mut house = House::new();
    house.set_var("DP_ENVIRONMENT", "qa");
    house.set_var("VAULT_TOKEN", server.root_token());
    house.configure(&format!("[backend.vault.settings]\naddress = \"{}\"\n", server.address()));
    keeps_its_keys(&house, "vault");

    let server = Moto::start();
    let settings = format!("endpoint = \"{}\"\nregion = \"eu-west-1\"\n", server.address());
    house.configure(&format!("[backend.aws.settings]\n{settings}"));
    house.set_var("AWS_ACCESS_KEY_ID", "AKIAQUARTERDECK00000");
    house.set_var("AWS_SECRET_ACCESS_KEY", "secret");
    keeps_its_keys(&house, "aws");
}

#[test]
fn an_engine_without_versions_is_changed_by_key_and_by_map() {
    let server = OpenBao::dev();
    server.mount("kv1", 1);
    let mut house = House::new();
    house.set_var("DP_ENVIRONMENT", "qa");
    house.set_var("VAULT_TOKEN", server.root_token());
    let address = server.address();
    house.configure(&format!("[backend.vault.settings]\naddress = \"{address}\"\nmount = \"kv1\"\nkv = 1\n"));
    for text in [&b"one"[..], b"two"] {
        house.feed(&["secrets", "set", "qa/plain"], text).expect_status(0);
    }
    house.feed(&["secrets", "set", "qa/map", "--as-json"], br#"{"a": "1", "b": "2"}"#).expect_status(0);
    house.feed(&["secrets", "set", "qa/map"], b"x").expect_status(1);
    house.feed(&["secrets", "set", "qa/map#a"], b"3").expect_status(0);
    house.feed(&["secrets", "set", "qa/map", "--if-version", "7"], b"x").expect_status(1);
    house.feed(&["secrets", "set", "qa/map", "--if-version", "current"], b"x").expect_status(0);
    house.run(&["secrets", "delete", "qa/plain"]).expect_status(0);
}
