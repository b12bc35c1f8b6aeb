//! The contract's suite over a real OpenBao, on KV 2 and on KV 1.

mod support;

use quarterdeck_contract::conformance::{self, Fixture};
use quarterdeck_contract::{Expected, SecretsBackend, Setting, Value};
use quarterdeck_servers::OpenBao;
use serde_json::json;
use support::*;

#[test]
fn kv_2_keeps_the_contract() {
    let server = OpenBao::dev();
    server.write("broker/password", &json!({ "value": "canary-plain-1" }));
    server.write("broker/login", &json!({ "user": "u", "inner": { "password": "canary-map-2" } }));
    server.write("broker-2", &json!({ "value": ["canary-list-3"] }));
    let present = vec![
        (name("broker/password"), Value::text("canary-plain-1")),
        (name("broker/login"), Value::json(r#"{"inner":{"password":"canary-map-2"},"user":"u"}"#)),
        (name("broker-2"), Value::json(r#"["canary-list-3"]"#)),
        (name("broker/login#inner.password"), Value::text("canary-map-2")),
    ];
    let (listed, keys): (Vec<_>, Vec<_>) = present.into_iter().partition(|(name, _)| !name.as_str().contains('#'));
    let backend = root(&server);
    for (key, value) in keys {
        assert_eq!(backend.read(&key, None, CALL).expect("readable").value, value);
    }
    conformance::run(&Fixture::new(backend, listed, name("no/such")).writable("suite/").float_numbers());
}

/// A token with a policy that the documents give, and no other, over the folder that it is for.
fn documented(server: &OpenBao, policy: &str) -> Box<dyn SecretsBackend> {
    server.policy("documented", policy);
    let token = json!({ "policies": ["documented"], "ttl": "8h", "no_default_policy": true });
    Given::token(server, &server.token_with(&token)).text("prefix", "algo-trade/").backend()
}

#[test]
fn the_operators_policy_is_enough_for_the_whole_contract() {
    let server = OpenBao::dev();
    server.write("algo-trade/broker", &json!({ "value": "canary-plain-1" }));
    let present = vec![(name("algo-trade/broker"), Value::text("canary-plain-1"))];
    let backend = documented(&server, include_str!("../../../docs/policies/vault-operator.hcl"));
    let health = backend.health(CALL).expect("well");
    assert!(health.warnings.is_empty(), "{health:?}");
    let fixture = Fixture::new(backend, present, name("algo-trade/no/such"));
    conformance::run(&fixture.writable("algo-trade/suite/").float_numbers());
}

#[test]
fn the_readers_policy_is_enough_to_see_and_read() {
    let server = OpenBao::dev();
    server.write("algo-trade/broker", &secret("canary-1"));
    let backend = documented(&server, include_str!("../../../docs/policies/vault-reader.hcl"));
    assert!(backend.health(CALL).expect("well").warnings.is_empty());
    assert_eq!(names(&*backend, "", 0), ["algo-trade/broker"]);
    let broker = name("algo-trade/broker");
    assert_eq!(backend.inspect(&broker, CALL).expect("inspected").versions.len(), 1);
    assert_eq!(read(&*backend, "algo-trade/broker#password").1, "canary-1");
    let written = backend.write(&broker, Value::text("canary-2"), &Expected::Anything, CALL);
    assert_eq!(refusal(written).kind.code(), "DENIED");
}

#[test]
fn kv_1_keeps_the_contract() {
    let server = OpenBao::dev();
    server.mount("old", 1);
    server.root("POST", "old/broker/password", &json!({ "value": "canary-plain-1" }));
    server.root("POST", "old/broker/login", &json!({ "user": "u", "password": "canary-map-2" }));
    let present = vec![
        (name("broker/password"), Value::text("canary-plain-1")),
        (name("broker/login"), Value::json(r#"{"password":"canary-map-2","user":"u"}"#)),
    ];
    let given = Given::token(&server, server.root_token()).text("mount", "old").set("kv", Setting::Number(1));
    // Numbers keep their digits here.
    conformance::run(&Fixture::new(given.backend(), present, name("no/such")).writable("suite/"));
}

#[test]
fn a_production_server_keeps_the_contract() {
    let server = OpenBao::raft();
    server.write("broker/password", &json!({ "value": "canary-plain-1" }));
    let present = vec![(name("broker/password"), Value::text("canary-plain-1"))];
    let fixture = Fixture::new(root(&server), present, name("no/such")).writable("suite/").float_numbers();
    // Raft takes no larger entry than 1 MiB.
    conformance::run(&fixture.biggest(512 << 10));
}
