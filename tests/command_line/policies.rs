//! The policies of `docs/policies`, given to real servers: with each a person can do what its page promises, and what it
//! leaves out is refused with the line that would grant it. Refuses a policy that was only read.

use crate::house::{House, Said};
use quarterdeck_servers::{Moto, OpenBao};
use serde_json::{Value, json};
use std::path::Path;

fn policy(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policies").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A house in QA with this backend, configured as the pages say.
fn house(backend: &str) -> House {
    let mut house = House::new();
    house.set_var("DP_ENVIRONMENT", "qa");
    house.configure(backend);
    house
}

fn vault(server: &OpenBao, token: &str, settings: &str) -> House {
    let mut house = house(&format!("[backend.vault.settings]\naddress = \"{}\"\n{settings}", server.address()));
    house.set_var("VAULT_TOKEN", token);
    house
}

fn with_secrets() -> OpenBao {
    let server = OpenBao::dev();
    server.write("algo-trade/broker", &json!({ "host": "a", "password": "old-canary" }));
    server.write("algo-trade/broker", &json!({ "host": "a", "password": "new-canary" }));
    server.write("algo-trade/feed/token", &json!({ "value": "feed-canary" }));
    server.write("elsewhere/secret", &json!({ "value": "foreign-canary" }));
    server
}

/// Its error as data.
#[track_caller]
fn refused(said: &Said, code: &str) -> Value {
    let error = said.json()["error"].clone();
    assert_eq!((error["error_code"].as_str(), error["status"].as_i64()), (Some(code), Some(5)), "{error}");
    error
}

/// What whoever may look and read can do.
fn looks_and_reads(house: &House) {
    let checks = house.run(&["doctor", "--json"]).json();
    let check = checks.as_array().expect("checks").iter().find(|check| check["check"] == "backend vault");
    assert_eq!(check.expect("its check")["verdict"], "ok", "{checks}");
    let names = |said: Said| -> Vec<String> {
        let rows = said.expect_status(0).json();
        rows.as_array().expect("rows").iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(house.run(&["secrets", "list", "--json"])), ["algo-trade/broker", "algo-trade/feed/token"]);
    assert_eq!(names(house.run(&["secrets", "search", "TOKEN", "feed", "--json"])), ["algo-trade/feed/token"]);
    let get = |words: &[&str]| house.run(&[&["secrets", "get"], words].concat()).expect_status(0).stdout;
    assert_eq!(get(&["algo-trade/feed/token"]), "feed-canary\n");
    assert_eq!(get(&["algo-trade/broker#password"]), "new-canary\n");
    assert_eq!(get(&["algo-trade/broker#password", "--version", "1"]), "old-canary\n");
    let history = house.run(&["secrets", "history", "algo-trade/broker", "--json"]).expect_status(0).json();
    let versions: Vec<&str> =
        history["versions"].as_array().expect("versions").iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(versions, ["2", "1"]);
    let diff = house.run(&["secrets", "diff", "algo-trade/broker", "1", "2"]).expect_status(0);
    assert!(diff.stdout.contains("host      same") && diff.stdout.contains("password  other"), "{}", diff.stdout);
    assert!(!diff.stdout.contains("canary"), "{}", diff.stdout);
    // What the policy leaves out is no part of the layer.
    house.run(&["secrets", "get", "elsewhere/secret"]).expect_status(4);
}

const PREFIX: &str = "prefix = \"algo-trade/\"\n";

#[test]
fn a_reader_of_vault_looks_and_reads_and_is_told_what_a_change_needs() {
    let server = with_secrets();
    server.policy("reader", &policy("vault-reader.hcl"));
    let house = vault(&server, &server.token(&["reader"], "1h"), PREFIX);
    looks_and_reads(&house);
    let set = || house.feed(&["secrets", "set", "algo-trade/feed/token", "--json"], b"changed-canary");
    let error = refused(&set(), "DENIED");
    assert_eq!(error["missing"], "update on secret/data/algo-trade/feed/token", "{error}");
    // The line it names is the line that helps.
    let grant = error["grant"].as_str().expect("a line");
    let both = r#"path "secret/data/algo-trade/feed/token" { capabilities = ["read", "create", "update"] }"#;
    assert_eq!(grant, both);
    server.policy("granted", grant);
    let granted = vault(&server, &server.token(&["reader", "granted"], "1h"), PREFIX);
    granted.feed(&["secrets", "set", "algo-trade/feed/token"], b"changed-canary").expect_status(0);
    assert_eq!(granted.run(&["secrets", "get", "algo-trade/feed/token"]).stdout, "changed-canary\n");
}

#[test]
fn an_operator_of_vault_stores_deletes_and_restores() {
    let server = with_secrets();
    server.policy("operator", &policy("vault-operator.hcl"));
    let house = vault(&server, &server.token(&["operator"], "1h"), PREFIX);
    looks_and_reads(&house);
    house.feed(&["secrets", "set", "algo-trade/new"], b"first-canary").expect_status(0);
    house.feed(&["secrets", "set", "algo-trade/new"], b"second-canary").expect_status(0);
    house.feed(&["secrets", "set", "algo-trade/broker#password"], b"third-canary").expect_status(0);
    let whole = house.run(&["secrets", "get", "algo-trade/broker"]).expect_status(0).stdout;
    assert_eq!(
        serde_json::from_str::<Value>(&whole).expect("a map"),
        json!({ "host": "a", "password": "third-canary" })
    );
    house.run(&["secrets", "delete", "algo-trade/new"]).expect_status(0);
    let gone = house.run(&["secrets", "get", "algo-trade/new", "--layer", "vault", "--json"]).expect_status(4).json();
    assert_eq!(gone["error"]["error_code"], "DELETED", "{gone}");
    house.run(&["secrets", "restore", "algo-trade/new", "--layer", "vault"]).expect_status(0);
    assert_eq!(house.run(&["secrets", "get", "algo-trade/new"]).expect_status(0).stdout, "second-canary\n");
    let denied = house.feed(&["secrets", "set", "elsewhere/secret", "--layer", "vault", "--json"], b"x");
    refused(&denied, "DENIED");
}

#[test]
fn the_guides_policy_reads_a_named_secret_and_is_told_what_listing_needs() {
    let server = with_secrets();
    server.policy("guide", r#"path "secret/data/algo-trade/*" { capabilities = ["read", "list"] }"#);
    let token = server.token(&["guide"], "1h");
    let named = vault(&server, &token, "path = \"secret/data/algo-trade/broker\"\n");
    let get = named.run(&["secrets", "get", "algo-trade/broker#password"]).expect_status(0);
    assert_eq!(get.stdout, "new-canary\n");
    let list = named.run(&["secrets", "list"]).expect_status(0).stdout;
    assert!(list.contains("algo-trade/broker#host") && list.contains("algo-trade/broker#password"), "{list}");

    let browsing = vault(&server, &token, PREFIX);
    let error = refused(&browsing.run(&["secrets", "list", "--layer", "vault", "--json"]), "DENIED");
    let said = browsing.run(&["doctor"]).expect_status(5).stdout;
    assert!(said.contains("backend vault  DENIED") && said.contains("needs: list on secret/metadata/"), "{said}");
    server.policy("granted", error["grant"].as_str().expect("a line"));
    let granted = vault(&server, &server.token(&["guide", "granted"], "1h"), PREFIX);
    let list = granted.run(&["secrets", "list", "--layer", "vault"]).expect_status(0).stdout;
    assert!(list.contains("algo-trade/feed/token"), "{list}");

    let known = vault(&server, &token, "names = [\"algo-trade/broker\", \"algo-trade/feed/token\"]\n");
    let list = known.run(&["secrets", "list"]).expect_status(0).stdout;
    assert!(list.contains("algo-trade/feed/token"), "{list}");
}

/// A policy of AWS as it is shipped. moto asks of each action whether it is allowed on '*', so an ARN would match nothing:
/// what is tried are the actions.
fn of_aws(name: &str) -> Value {
    let mut policy: Value = serde_json::from_str(&policy(name)).expect("a policy is JSON");
    for statement in policy["Statement"].as_array_mut().expect("statements") {
        let of_all = statement["Action"] == "secretsmanager:ListSecrets";
        let narrow = statement["Resource"].as_str().is_some_and(|arn| arn.starts_with("arn:aws:"));
        assert!(narrow != of_all, "only a listing is for all names: {statement}");
        statement["Resource"] = json!("*");
        statement.as_object_mut().expect("a map").remove("Condition");
    }
    policy
}

fn aws(server: &Moto, user: &(String, String)) -> House {
    let settings = format!("endpoint = \"{}\"\nregion = \"eu-west-1\"\n", server.address());
    let mut house = house(&format!("[backend.aws.settings]\n{settings}"));
    house.set_var("AWS_ACCESS_KEY_ID", &user.0);
    house.set_var("AWS_SECRET_ACCESS_KEY", &user.1);
    house
}

#[test]
fn the_policies_of_aws_let_a_reader_read_and_an_operator_change() {
    let server = Moto::start();
    let all = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let maker = aws(&server, &server.user("maker", &all));
    let reader = aws(&server, &server.user("reader", &of_aws("aws-reader.json")));
    let operator = aws(&server, &server.user("operator", &of_aws("aws-operator.json")));
    maker.feed(&["secrets", "set", "qa/broker", "--as-json"], br#"{"password": "aws-canary"}"#).expect_status(0);
    server.enforce();
    for house in [&reader, &operator] {
        let rows = house.run(&["secrets", "list", "--layer", "aws", "--json"]).expect_status(0).json();
        assert_eq!(rows[0]["name"], "qa/broker", "{rows}");
        assert_eq!(house.run(&["secrets", "get", "qa/broker#password"]).expect_status(0).stdout, "aws-canary\n");
        house.run(&["secrets", "history", "qa/broker"]).expect_status(0);
    }
    let said = reader.feed(&["secrets", "set", "qa/broker#password", "--json"], b"changed-canary");
    let error = refused(&said, "DENIED");
    assert!(error["grant"].as_str().is_some_and(|grant| grant.contains("secretsmanager:PutSecretValue")), "{error}");
    operator.feed(&["secrets", "set", "qa/broker#password"], b"changed-canary").expect_status(0);
    operator.feed(&["secrets", "set", "qa/new", "--layer", "aws"], b"new-canary").expect_status(0);
    operator.run(&["secrets", "delete", "qa/new"]).expect_status(0);
    operator.run(&["secrets", "restore", "qa/new", "--layer", "aws"]).expect_status(0);
    assert_eq!(operator.run(&["secrets", "get", "qa/new"]).expect_status(0).stdout, "new-canary\n");
}
