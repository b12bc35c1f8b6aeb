//! What AWS alone has: its schedule switched off, its function started, what is pending in all secrets.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, Proxy};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

const ONE: &str = "6c0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
const TWO: &str = "6c0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0002";

fn ask(backend: &dyn SecretsBackend, operation: &str, arguments: &[(&str, &str)]) -> Result<BTreeMap<String, String>> {
    let arguments = arguments.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    backend.extra(&Extra { operation: operation.into(), arguments }, None, CALL).map(|reply| reply.results)
}

fn results(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn the_schedule_is_switched_off_and_what_its_rotation_left_is_told() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    create(&*backend, "adopt/x", "canary-old");
    // Its function is missing, so that the rotation fails with the schedule on.
    let body = json!({"SecretId": "adopt/x", "ClientRequestToken": ONE, "RotationRules": {"AutomaticallyAfterDays": 30},
        "RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:none"});
    moto().request("RotateSecret", &body);
    let facts = || backend.inspect(&name("adopt/x"), CALL).unwrap().facts;
    assert!(facts().iter().any(|(label, text)| label == "rotated by AWS" && text.starts_with("every 30 days, next 2")));
    let adopt = || ask(&*backend, "cancel-rotation", &[("name", "adopt/x#key")]);
    let off = results(&[("schedule", "off"), ("pending", ONE)]);
    proxy.set_for("CancelRotateSecret", Fault::throttle_aws());
    assert_eq!(no(adopt()).kind, ErrorKind::Throttled);
    proxy.set_for("CancelRotateSecret", Fault::Truncate(0));
    assert_eq!(adopt().unwrap(), off, "its answer was lost");
    proxy.heal();
    assert!(facts().iter().all(|(label, _)| label != "rotated by AWS"));
    proxy.forget();
    assert_eq!(adopt().unwrap(), off, "done twice it is done once");
    assert_eq!(proxy.count("CancelRotateSecret"), 0);
    assert_eq!(read(&*backend, "adopt/x"), Value::text("canary-old"));
}

#[test]
fn pending_versions_are_found_in_pages_of_names() {
    let proxy = Proxy::http(&moto().address());
    let mut setup = setup(&proxy.address());
    setup.settings.insert("prefix".into(), Setting::Text("strays/".into()));
    let backend = backend(setup);
    for at in ["strays/a", "strays/b", "strays/c", "strays/d"] {
        create(&*backend, at, "canary");
    }
    create(&*backend, "elsewhere/stray", "canary");
    for at in ["strays/a", "strays/d", "elsewhere/stray"] {
        backend.stage(&name(at), Value::text("canary-new"), ONE, CALL).unwrap();
    }
    backend.delete(&name("strays/d"), &Expected::Anything, CALL).unwrap();
    // Cut off between put and stage.
    proxy.set_for("UpdateSecretVersionStage", Fault::Reset);
    no(backend.stage(&name("strays/b"), Value::text("canary-new"), TWO, CALL));
    proxy.heal();
    proxy.forget();
    let told = ask(&*backend, "pendings", &[]).unwrap();
    let told: Vec<_> = told.iter().map(|(name, told)| (name.as_str(), told.split_once(' ').unwrap())).collect();
    let [("strays/a", (ONE, made)), ("strays/b", (TWO, _))] = told.as_slice() else { panic!("{told:?}") };
    assert!(made.parse::<i64>().unwrap() > 1_700_000_000);
    let list = "POST / secretsmanager.ListSecrets";
    let dates = "POST / secretsmanager.ListSecretVersionIds";
    assert_eq!(proxy.seen(), [list, dates, dates], "names by the page, dates of what is pending alone");
    // Who may not list versions is told of them without their dates.
    let denied = json!({"__type": "AccessDeniedException", "message": "no"}).to_string();
    let headers = vec![("Content-Type", "application/x-amz-json-1.1")];
    proxy.set_for("ListSecretVersionIds", Fault::Answer { status: 400, headers, body: denied });
    assert_eq!(ask(&*backend, "pendings", &[]).unwrap(), results(&[("strays/a", ONE), ("strays/b", TWO)]));
}

/// A server that answers as these secrets' AWS, and hands on what it was asked. The real function can't run here: what is
/// held is the request.
fn recorder(described: Json) -> (String, mpsc::Receiver<(String, Json)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut from = BufReader::new(client.unwrap());
            let (mut action, mut length) = (String::new(), 0);
            for line in from.by_ref().lines().map(|line| line.unwrap()).take_while(|line| !line.is_empty()) {
                let (name, text) = line.split_once(": ").unwrap_or_default();
                match name.to_lowercase().as_str() {
                    "x-amz-target" => action = text.rsplit('.').next().unwrap().to_owned(),
                    "content-length" => length = text.parse().unwrap(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            from.read_exact(&mut body).unwrap();
            let answer =
                if action == "DescribeSecret" { described.to_string() } else { json!({"Name": "x"}).to_string() };
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n";
            write!(from.get_mut(), "{head}Content-Length: {}\r\n\r\n{answer}", answer.len()).unwrap();
            if tell.send((action, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (address, told)
}

#[test]
fn the_account_s_own_function_is_started_by_a_rotation_s_id() {
    let described = |versions: Json| {
        json!({"Name": "own/x", "RotationEnabled": true, "VersionIdsToStages": versions,
            "RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:turn"})
    };
    let (address, told) = recorder(described(json!({"v1": ["AWSCURRENT", "AWSPENDING"]})));
    let backend_of = |address: &str| backend(setup(address));
    let backend = backend_of(&address);
    let started = ask(&*backend, "rotate-now", &[("name", "own/x"), ("id", ONE)]).unwrap();
    assert_eq!(started, results(&[("version", ONE)]));
    assert_eq!(told.recv().unwrap().0, "DescribeSecret");
    let body = json!({"SecretId": "own/x", "ClientRequestToken": ONE, "RotateImmediately": true});
    assert_eq!(told.recv().unwrap(), ("RotateSecret".into(), body));
    let made = ask(&*backend, "rotate-now", &[("name", "own/x")]).unwrap();
    let (_, body) = told.iter().find(|(action, _)| action == "RotateSecret").unwrap();
    assert_eq!(body["ClientRequestToken"], *made["version"], "an id of its own");

    // Under way already: by this id, or by another.
    let (address, told) = recorder(described(json!({"v1": ["AWSCURRENT"], TWO: ["AWSPENDING"]})));
    let backend = backend_of(&address);
    assert_eq!(ask(&*backend, "rotate-now", &[("name", "own/x"), ("id", TWO)]).unwrap(), results(&[("version", TWO)]));
    let error = no(ask(&*backend, "rotate-now", &[("name", "own/x"), ("id", ONE)]));
    assert_eq!(error.kind, ErrorKind::Conflict { current: Some(TWO.into()) });
    assert!(told.try_iter().all(|(action, _)| action == "DescribeSecret"));
}

#[test]
fn what_makes_no_sense_is_refused_before_aws_is_asked_for_it() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    for (operation, arguments) in [
        ("rotate-now", vec![]),
        ("cancel-rotation", vec![("name", "")]),
        ("rotate-now", vec![("name", "x"), ("id", "R-1")]),
    ] {
        assert_eq!(no(ask(&*backend, operation, &arguments)).kind, ErrorKind::Invalid, "{operation}");
    }
    assert_eq!(no(ask(&*backend, "token-create", &[])).kind, ErrorKind::Unsupported);
    assert!(proxy.seen().is_empty());
    // moto would rotate without a function, and break the secret.
    create(&*backend, "own/none", "canary-old");
    let error = no(ask(&*backend, "rotate-now", &[("name", "own/none")]));
    assert!(error.kind == ErrorKind::Invalid && error.what.contains("no rotation function"), "{error}");
    assert_eq!(proxy.count("RotateSecret"), 0);
    assert_eq!(ask(&*backend, "cancel-rotation", &[("name", "own/none")]).unwrap(), results(&[("schedule", "off")]));
    assert_eq!(backend.describe().extras, ["cancel-rotation", "pendings", "rotate-now"]);
}
