//! The suite that every backend passes.

use crate::bench::{backend, name, setup};
use quarterdeck_contract::conformance::{Fixture, run};
use quarterdeck_contract::*;
use quarterdeck_servers::Moto;
use serde_json::json;

#[test]
fn it_conforms() {
    let moto = Moto::start();
    let json = r#"{"user": "desk", "db": {"password": "canary-of-a-map", "port": 5432}}"#;
    moto.secret("CreateSecret", &json!({"Name": "prod/trader/text", "SecretString": "canary-of-a-text"}));
    moto.secret("CreateSecret", &json!({"Name": "prod/trader/map", "SecretString": json}));
    // base64 of 0xff 0xfe "canary"
    moto.secret("CreateSecret", &json!({"Name": "prod/file", "SecretBinary": "//5jYW5hcnk="}));
    let present = vec![
        (name("prod/trader/text"), Value::text("canary-of-a-text")),
        (name("prod/trader/map"), Value::json(json)),
        (name("prod/file"), Value { kind: Kind::Binary, bytes: SecretBytes::new(b"\xff\xfecanary".to_vec()) }),
    ];
    let fixture = Fixture::new(backend(setup(&moto.address())), present, name("prod/none"));
    run(&fixture.writable("suite/").biggest(65_536));
}
