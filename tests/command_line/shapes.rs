//! The shapes of `--json`, which scripts build on. Refuses to lose a key, and to print anything but one document.

use crate::house::House;
use serde_json::Value;

const SECRET: [&str; 8] = ["name", "backend", "layer", "version", "state", "age_s", "due_at", "shadows"];
const BACKEND: [&str; 4] = ["name", "isolation", "health", "latency_ms"];

#[track_caller]
fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(*key).is_some(), "'{key}' is missing in {value}");
    }
}

fn house() -> House {
    let mut house = House::qa();
    house.run(&["secrets", "set", "broker.password", "a"]).expect_status(0);
    house.set_var("DP_BROKER__PASSWORD", "above");
    house.set_var("DP_IBKR__CLIENT_ID", "1");
    house
}

#[test]
fn secrets_list_is_an_array_of_secrets() {
    let rows = house().run(&["secrets", "list", "--json"]).expect_status(0).json();
    let rows = rows.as_array().expect("an array");
    assert_eq!(rows.len(), 2);
    rows.iter().for_each(|row| has(row, &SECRET));
    let row = &rows[0];
    assert_eq!((row["name"].as_str(), row["layer"].as_str()), (Some("broker.password"), Some("env")));
    assert_eq!(row["shadows"], serde_json::json!(["fernet"]));
    assert!(row["age_s"].is_null() && row["due_at"].is_null(), "nobody knows an entry's age: {row}");
}

#[test]
fn ages_are_seconds_and_due_dates_are_instants() {
    let house = house();
    let rows = house.run(&["secrets", "list", "--layer", "fernet", "--json"]).expect_status(0).json();
    assert_eq!(rows.as_array().map(Vec::len), Some(0), "what is overridden is no row of its own");
    let mut house = house;
    house.drop_var("DP_BROKER__PASSWORD");
    let rows = house.run(&["secrets", "list", "--layer", "fernet", "--json"]).expect_status(0).json();
    let row = &rows[0];
    assert!(row["age_s"].as_i64().is_some_and(|age| (0..3_600).contains(&age)), "{row}");
    let due = row["due_at"].as_str().expect("an instant");
    assert!(due.ends_with('Z') && due.len() >= 20, "{due}");
    assert_eq!(row["state"], "ok");
    assert!(row["version"].is_string());
}

#[test]
fn status_is_the_overview() {
    let house = house();
    let status = house.run(&["status", "--json"]).expect_status(0).json();
    has(&status, &["environment", "who", "backends", "secrets", "journal"]);
    assert_eq!(status["environment"], "qa");
    has(&status["who"], &["person", "role"]);
    assert!(status["who"]["role"].is_null(), "in QA nobody needs one");
    let backends = status["backends"].as_array().expect("an array");
    backends.iter().for_each(|row| has(row, &BACKEND));
    let names: Vec<&str> = backends.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["env", "fernet"]);
    for row in backends {
        assert_eq!(row["health"], "ok");
        assert!(row["isolation"].as_str().expect("text").starts_with("child "), "{row}");
        assert!(row["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
    }
    status["secrets"].as_array().expect("an array").iter().for_each(|row| has(row, &SECRET));
    has(&status["journal"], &["seq", "verified"]);
    assert_eq!(status["journal"]["seq"], status["journal"]["verified"]);
    assert!(status["journal"]["seq"].as_u64().is_some_and(|seq| seq > 1));
}

#[test]
fn every_verb_that_knows_json_prints_one_document_and_nothing_else() {
    let house = house();
    let verbs: [&[&str]; 19] = [
        &["status"],
        &["kill", "status"],
        &["kill", "who"],
        &["whoami"],
        &["doctor"],
        &["config", "show"],
        &["config", "check"],
        &["plugins", "list"],
        &["plugins", "verify"],
        &["audit", "verify"],
        &["audit", "catalogue"],
        &["secrets", "list"],
        &["secrets", "validate"],
        &["secrets", "generate-key"],
        &["secrets", "get", "broker.password"],
        &["secrets", "search", "broker"],
        &["secrets", "search", "nothing-like-it"],
        &["secrets", "history", "broker.password"],
        &["secrets", "history", "broker.password", "--layer", "fernet"],
    ];
    for verb in verbs {
        let said = house.run(&[verb, &["--json"]].concat());
        let data = said.json();
        assert!(data.is_object() || data.is_array(), "{verb:?}");
        assert_eq!(said.stderr, "", "{verb:?}");
    }
}

#[test]
fn a_search_finds_what_is_overridden_too() {
    let rows = house().run(&["secrets", "search", "PASS", "broker", "--json"]).expect_status(0).json();
    let told: Vec<_> =
        rows.as_array().expect("an array").iter().map(|row| (&row["layer"], &row["overridden_by"])).collect();
    assert_eq!(told, [(&Value::from("env"), &Value::Null), (&Value::from("fernet"), &Value::from("env"))]);
    assert_eq!(rows[0]["shadows"], serde_json::json!(["fernet"]));
    rows.as_array().expect("an array").iter().for_each(|row| has(row, &SECRET));
}

#[test]
fn a_history_has_versions_holders_labels_and_facts() {
    let told = house().run(&["secrets", "history", "broker.password", "--json"]).expect_status(0).json();
    has(&told, &["name", "layer", "versions", "holders", "labels", "facts"]);
    let holders: Vec<_> =
        told["holders"].as_array().expect("an array").iter().map(|row| (&row["layer"], &row["wins"])).collect();
    assert_eq!(holders, [(&Value::from("env"), &Value::from(true)), (&Value::from("fernet"), &Value::from(false))]);
    let below = house().run(&["secrets", "history", "broker.password", "--layer", "fernet", "--json"]).json();
    has(&below["versions"][0], &["id", "stage", "labels", "gone", "age_s", "age_is_lower_bound"]);
}

#[test]
fn a_backends_error_has_its_kind_and_its_remedy() {
    let mut house = house();
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", "bm90LXRoZS1rZXktdGhhdC1zZWFsZWQtdGhlLWZpbGU=");
    let parts = ["error_code", "missing", "grant", "hint"];
    let error = &house.run(&["secrets", "list", "--layer", "fernet", "--json"]).json()["error"];
    has(error, &parts);
    assert_eq!(error["error_code"], "INVALID", "{error}");
    let status = house.run(&["status", "--json"]).expect_status(0).json();
    let row = status["backends"].as_array().expect("an array").iter().find(|row| row["name"] == "fernet");
    let error = &row.expect("the layer")["error"];
    has(error, &parts);
    has(error, &["what", "next"]);
    let checks = house.run(&["doctor", "--json"]).expect_status(5).json();
    let check = checks.as_array().expect("an array").iter().find(|check| check["check"] == "backend fernet");
    has(check.expect("a check"), &parts);
}

#[test]
fn a_failure_is_data_too() {
    let mut house = house();
    let cases: [(&[&str], i32); 4] = [
        (&["secrets", "get", "nowhere"], 4),
        (&["--readonly", "secrets", "set", "a", "b"], 3),
        (&["--env", "mars", "status"], 2),
        (&["secrets", "set", "broker.password", "b", "--layer", "fernet", "--if-version", "0"], 7),
    ];
    cases.iter().for_each(|(verb, status)| is_told(&house, verb, *status));
    let key = std::fs::read_to_string(house.path("home/.config/quarterdeck/qa.fernet.key")).expect("init made it");
    house.set_var("DP_SECRETS_ENCRYPTION_KEY", key.trim());
    let user = house.user();
    house.configure(&format!("[[person]]\nname = \"carol\"\nunix = \"{user}\"\nrole = \"devops\"\n"));
    is_told(&house, &["--env", "paper", "secrets", "set", "a", "b"], 9);
}

fn is_told(house: &House, verb: &[&str], status: i32) {
    let said = house.run(&[verb, &["--json"]].concat()).expect_status(status);
    let error = &said.json()["error"];
    assert_eq!(error["status"], status, "{verb:?}");
    assert!(error["what"].as_str().is_some_and(|what| !what.is_empty()), "{verb:?}: {error}");
    has(error, &["doing", "next"]);
}

#[test]
fn audit_lines_are_one_document_each() {
    let house = house();
    let said = house.run(&["audit", "tail", "--json"]).expect_status(0);
    let lines: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert!(!lines.is_empty());
}
