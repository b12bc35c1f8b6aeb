//! Staging on KV version 1 over a real OpenBao, as far as it goes: what is kept where, what is told of it, what a write by
//! hand and a crash in the middle make of it.

mod support;

use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, OpenBao, Proxy};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::thread;
use support::*;

const ONE: &str = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
const TWO: &str = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0002";
const AT: &str = "x/key#password";

fn v(id: &str) -> VersionId {
    VersionId(id.into())
}

fn staged(id: &str) -> VersionId {
    v(&format!("pending:{id}"))
}

/// A server with `old/x/key` = {"password": "canary-1", "n": 1.10} on a mount of version 1.
fn old() -> OpenBao {
    let server = OpenBao::dev();
    server.mount("old", 1);
    by_hand(&server, "canary-1");
    server
}

fn by_hand(server: &OpenBao, password: &str) {
    server.root("POST", "old/x/key", &json!({ "password": password, "user": "u" }));
}

fn given(address: &str, token: &str) -> Box<dyn SecretsBackend> {
    let given = Given::default().text("address", address).secret("token", token);
    given.text("mount", "old").set("kv", Setting::Number(1)).backend()
}

fn at_root(server: &OpenBao) -> Box<dyn SecretsBackend> {
    given(&server.address(), "root")
}

fn stage(backend: &dyn SecretsBackend, text: &str, id: &str) -> Result<VersionId> {
    backend.stage(&name(AT), Value::text(text), id, CALL)
}

fn promote(backend: &dyn SecretsBackend, version: &VersionId, from: &VersionId) -> Result<VersionId> {
    backend.promote(&name(AT), version, from, CALL)
}

fn read_at(backend: &dyn SecretsBackend, version: &str) -> String {
    let reading = backend.read(&name(AT), Some(&v(version)), CALL).expect("readable");
    String::from_utf8_lossy(reading.value.bytes.expose()).into_owned()
}

/// The versions with their places.
fn versions(backend: &dyn SecretsBackend) -> Vec<(String, Stage)> {
    let versions = backend.inspect(&name(AT), CALL).expect("inspected").versions;
    versions.into_iter().map(|version| (version.id.0, version.stage.expect("a place"))).collect()
}

fn pairs(expected: &[(&str, Stage)]) -> Vec<(String, Stage)> {
    expected.iter().map(|(id, stage)| ((*id).to_owned(), *stage)).collect()
}

#[track_caller]
fn conflict<T: std::fmt::Debug>(outcome: Result<T>) -> Option<String> {
    match refusal(outcome).kind {
        ErrorKind::Conflict { current } => current,
        kind => panic!("{kind:?}"),
    }
}

#[test]
fn a_whole_rotation_and_the_way_back() {
    use Stage::{Current, Pending, Previous};
    let server = old();
    let proxy = Proxy::http(&server.plain_address());
    let backend = given(&proxy.address(), "root");
    assert!(backend.describe().can(Capability::Staging) && !backend.describe().can(Capability::CompareAndSet));
    assert_eq!(versions(&*backend), pairs(&[("current", Current)]));
    assert_eq!(proxy.count("GET /v1/old/x/key"), 0, "no value was read for it: {:?}", proxy.seen());
    let facts = backend.inspect(&name(AT), CALL).expect("inspected").facts;
    assert!(fact(&facts, "check-and-set").contains("in the same instant is not noticed"), "{facts:?}");

    assert_eq!(stage(&*backend, "canary-2", ONE).expect("staged"), staged(ONE));
    assert_eq!(stage(&*backend, "canary-other", ONE).expect("staged"), staged(ONE));
    assert_eq!(conflict(stage(&*backend, "canary-other", TWO)), Some(ONE.into()));
    assert_eq!(versions(&*backend), pairs(&[(&staged(ONE).0, Pending), ("current", Current)]));
    assert_eq!((read(&*backend, AT).1, read_at(&*backend, &staged(ONE).0)), ("canary-1".into(), "canary-2".into()));
    assert_eq!(names(&*backend, "", 0), ["x/key"], "a shadow is no secret");
    let extra = Extra { operation: "pendings".into(), arguments: BTreeMap::new() };
    let told = backend.extra(&extra, None, CALL).expect("told").results;
    assert!(told.len() == 1 && told["x/key"].starts_with(ONE), "{told:?}");

    assert_eq!(promote(&*backend, &staged(ONE), &v("current")).expect("promoted"), v(ONE));
    assert_eq!(read(&*backend, "x/key").1, r#"{"password":"canary-2","user":"u"}"#);
    let expected = [(staged(ONE).0, Pending), (ONE.to_owned(), Current), ("current".to_owned(), Previous)];
    assert_eq!(versions(&*backend), expected);
    assert_eq!(promote(&*backend, &v("current"), &v(ONE)).expect("back"), v("current"));
    assert_eq!((read_at(&*backend, "current"), read_at(&*backend, ONE)), ("canary-1".into(), "canary-2".into()));
    assert_eq!(promote(&*backend, &v("current"), &staged(ONE)).expect("back already"), v("current"));
    assert_eq!(promote(&*backend, &staged(ONE), &v("current")).expect("there again"), v(ONE));
    backend.unstage(&name(AT), &staged(TWO), CALL).expect("that one is not there");
    backend.unstage(&name(AT), &staged(ONE), CALL).expect("unstaged");
    assert_eq!(promote(&*backend, &staged(ONE), &v("current")).expect("done already"), v(ONE));
    assert_eq!(stage(&*backend, "canary-other", ONE).expect("current already"), v(ONE));

    assert_eq!(conflict(backend.retire(&name(AT), &v(ONE), &v(ONE), CALL)), Some(ONE.into()));
    for _ in 0..2 {
        backend.retire(&name(AT), &v("current"), &v(ONE), CALL).expect("retired");
    }
    assert_eq!(versions(&*backend), pairs(&[(ONE, Current)]));
    assert_eq!(refusal(backend.read(&name(AT), Some(&v("current")), CALL)).kind, ErrorKind::NotFound);
    assert!(!server.root("GET", "old/x/key.quarterdeck-previous", &Json::Null).to_string().contains("canary-1"));
    // Nothing of a rotation outlives its secret.
    stage(&*backend, "canary-3", TWO).expect("staged");
    backend.delete(&name("x/key"), &Expected::Anything, CALL).expect("deleted");
    assert_eq!(server.request("LIST", "old/x", "root", None).0, 404);
}

#[test]
fn a_write_by_hand_is_told_where_it_can_be_seen() {
    let server = old();
    let backend = at_root(&server);
    stage(&*backend, "canary-2", ONE).expect("staged");
    by_hand(&server, "canary-by-hand");
    assert_eq!(conflict(promote(&*backend, &staged(ONE), &v("current"))), Some("by-hand".into()));
    assert_eq!(read(&*backend, AT).1, "canary-by-hand");
    backend.unstage(&name(AT), &staged(ONE), CALL).expect("unstaged");

    stage(&*backend, "canary-3", TWO).expect("staged");
    promote(&*backend, &staged(TWO), &v("current")).expect("promoted");
    by_hand(&server, "canary-by-hand-2");
    assert_eq!(versions(&*backend)[1], ("by-hand".to_owned(), Stage::Current));
    assert_eq!(conflict(backend.retire(&name(AT), &v("current"), &v(TWO), CALL)), Some("by-hand".into()));
    assert_eq!(conflict(promote(&*backend, &v("current"), &v(TWO))), Some("by-hand".into()));
    assert_eq!(read(&*backend, AT).1, "canary-by-hand-2");
    assert_eq!(read_at(&*backend, TWO), "canary-3", "ours is known still, so that it can be revoked");
}

#[test]
fn of_eight_threads_that_stage_one_wins() {
    let server = old();
    let backend = at_root(&server);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let backend = &backend;
                scope.spawn(move || stage(&**backend, &format!("canary-{number}"), &format!("{ONE}-{number}")))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let won: Vec<&VersionId> = outcomes.iter().flatten().collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert_eq!(versions(&*backend)[0], (won[0].0.clone(), Stage::Pending));
}

/// Killed between the two writes of a promote, as a policy that denies the second one leaves it.
#[test]
fn a_crash_between_leaves_the_old_one_current_and_the_next_try_ends_it() {
    let server = old();
    let backend = at_root(&server);
    stage(&*backend, "canary-2", ONE).expect("staged");
    let halfway = r#"
        path "old/x/key" { capabilities = ["read"] }
        path "old/x/key.quarterdeck-*" { capabilities = ["create", "read", "update"] }"#;
    server.policy("halfway", halfway);
    let denied = given(&server.address(), &server.token(&["halfway"], "1h"));
    let error = refusal(promote(&*denied, &staged(ONE), &v("current")));
    assert!(matches!(&error.kind, ErrorKind::Denied { missing, .. } if missing == "update on old/x/key"), "{error}");
    let expected = [(staged(ONE).0, Stage::Pending), ("current".to_owned(), Stage::Current)];
    assert_eq!(versions(&*backend)[..2], expected);
    assert_eq!(read(&*backend, AT).1, "canary-1");
    assert_eq!(promote(&*backend, &staged(ONE), &v("current")).expect("promoted"), v(ONE));
    assert_eq!((read(&*backend, AT).1, read_at(&*backend, "current")), ("canary-2".into(), "canary-1".into()));
}

#[test]
fn a_lost_answer_is_found_out_and_a_seal_is_told() {
    let mut server = old();
    let proxy = Proxy::http(&server.plain_address());
    let backend = given(&proxy.address(), "root");
    backend.health(CALL).expect("well");
    let steps: [&dyn Fn() -> Result<()>; 4] = [
        &|| stage(&*backend, "canary-2", ONE).map(drop),
        &|| promote(&*backend, &staged(ONE), &v("current")).map(drop),
        &|| backend.unstage(&name(AT), &staged(ONE), CALL),
        &|| backend.retire(&name(AT), &v("current"), &v(ONE), CALL),
    ];
    for (step, part) in steps.into_iter().zip(["POST", "POST", "DELETE", "POST"]) {
        server.seal();
        assert_eq!(refusal(step()).kind, ErrorKind::Sealed);
        server.unseal();
        proxy.set_for(part, Fault::Reset);
        assert_eq!(refusal(step()).kind, ErrorKind::OutcomeUnknown);
        proxy.set_for_times(part, Fault::Lose, 1);
        step().expect("found done");
        proxy.heal();
    }
    assert_eq!(versions(&*backend), pairs(&[(ONE, Stage::Current)]));
    assert_eq!(read(&*backend, AT).1, "canary-2");
}

/// Where the folder may not be listed and the shadows may not be read, a secret is inspected as before.
#[test]
fn a_policy_for_one_path_alone_is_enough_to_inspect() {
    let server = old();
    server.policy("narrow", r#"path "old/x/key" { capabilities = ["read"] }"#);
    let backend = given(&server.address(), &server.token(&["narrow"], "1h"));
    assert_eq!(versions(&*backend), pairs(&[("current", Stage::Current)]));
    let error = refusal(stage(&*backend, "canary-2", ONE));
    assert!(matches!(&error.kind, ErrorKind::Denied { missing, .. } if missing.contains(".quarterdeck-")), "{error}");
}
