//! moto as the suites use it.

use quarterdeck_servers::Moto;
use serde_json::json;

#[test]
fn secrets_are_made_and_forgotten() {
    let mut moto = Moto::start();
    moto.secret("CreateSecret", &json!({ "Name": "a", "SecretString": "v" }));
    let read = moto.secret("GetSecretValue", &json!({ "SecretId": "a", "VersionStage": "AWSCURRENT" }));
    assert_eq!(read["SecretString"], "v");
    moto.reset();
    assert_ne!(moto.request("DescribeSecret", &json!({ "SecretId": "a" })).0, 200);
    moto.stop();
    moto.start_again();
    moto.secret("ListSecrets", &json!({}));
}

#[test]
fn an_enforcing_one_refuses_whom_it_does_not_know() {
    let moto = Moto::start();
    let allow = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*" }] });
    let (id, key) = moto.user("ada", &allow);
    assert!(id.starts_with("AKIA") && !key.is_empty());
    assert!(moto.role("reader", &allow).starts_with("arn:aws:iam::"));
    moto.enforce();
    assert_eq!(moto.request("ListSecrets", &json!({})).0, 403, "this call's signature is none");
    moto.relax();
    moto.secret("ListSecrets", &json!({}));
}
