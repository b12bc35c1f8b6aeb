//! Staging on KV version 2 over a real OpenBao: what stands where, who wins, what is done twice, what a lost answer, a seal
//! and a policy make of it.

mod support;

use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, OpenBao, Proxy};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use support::*;

const ONE: &str = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
const TWO: &str = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0002";
const PENDING: &str = "secret/metadata/x/key.quarterdeck-pending";

fn v(id: &str) -> VersionId {
    VersionId(id.into())
}

fn staged(id: &str) -> VersionId {
    v(&format!("pending:{id}"))
}

fn stage(backend: &dyn SecretsBackend, at: &str, text: &str, id: &str) -> Result<VersionId> {
    backend.stage(&name(at), Value::text(text), id, CALL)
}

fn promote(backend: &dyn SecretsBackend, at: &str, version: &VersionId, from: &VersionId) -> Result<VersionId> {
    backend.promote(&name(at), version, from, CALL)
}

fn unstage(backend: &dyn SecretsBackend, at: &str, version: &VersionId) -> Result<()> {
    backend.unstage(&name(at), version, CALL)
}

fn retire(backend: &dyn SecretsBackend, at: &str, version: &VersionId, current: &VersionId) -> Result<()> {
    backend.retire(&name(at), version, current, CALL)
}

fn read_at(backend: &dyn SecretsBackend, at: &str, version: &VersionId) -> String {
    let reading = backend.read(&name(at), Some(version), CALL).expect("readable");
    assert_eq!(reading.version.as_ref(), Some(version));
    String::from_utf8_lossy(reading.value.bytes.expose()).into_owned()
}

/// What is pending, by rotation.
fn pending(backend: &dyn SecretsBackend, at: &str) -> Vec<String> {
    let versions = backend.inspect(&name(at), CALL).expect("inspected").versions;
    versions.into_iter().filter_map(|version| version.rotation).collect()
}

fn pendings(backend: &dyn SecretsBackend) -> BTreeMap<String, String> {
    let extra = Extra { operation: "pendings".into(), arguments: BTreeMap::new() };
    backend.extra(&extra, None, CALL).expect("told").results
}

#[track_caller]
fn conflict<T: std::fmt::Debug>(outcome: Result<T>) -> Option<String> {
    match refusal(outcome).kind {
        ErrorKind::Conflict { current } => current,
        kind => panic!("{kind:?}"),
    }
}

fn behind(proxy: &Proxy) -> Box<dyn SecretsBackend> {
    Given::default().text("address", &proxy.address()).secret("token", "root").backend()
}

/// The newest number of `x/key`.
fn number(server: &OpenBao) -> u64 {
    let answer = server.root("GET", "secret/metadata/x/key", &Json::Null);
    answer["data"]["current_version"].as_u64().expect("a number")
}

#[test]
fn a_staged_value_stands_beside_the_secret_and_is_told_without_being_read() {
    let server = server();
    server.root("POST", "secret/metadata/x/key", &json!({ "max_versions": 7, "custom_metadata": { "owner": "ops" } }));
    let proxy = Proxy::http(&server.plain_address());
    let backend = behind(&proxy);
    let at = "x/key#password";
    assert_eq!(stage(&*backend, at, "canary-2", ONE).expect("staged"), staged(ONE));
    assert_eq!(read(&*backend, at).1, "canary-1");
    assert_eq!(read_at(&*backend, at, &staged(ONE)), "canary-2");
    assert_eq!(read_at(&*backend, "x/key", &staged(ONE)), r#"{"password":"canary-2"}"#);
    assert_eq!(refusal(backend.read(&name(at), Some(&staged(TWO)), CALL)).kind, ErrorKind::NotFound);

    proxy.forget();
    let inspection = backend.inspect(&name(at), CALL).expect("inspected");
    let first = &inspection.versions[0];
    assert_eq!(
        (first.id.clone(), first.stage, first.rotation.as_deref()),
        (staged(ONE), Some(Stage::Pending), Some(ONE))
    );
    assert!(first.created_at.is_some(), "{first:?}");
    assert_eq!((inspection.versions[1].id.clone(), inspection.versions[1].stage), (v("1"), Some(Stage::Current)));
    assert_eq!(names(&*backend, "", 0), ["x/key"], "a shadow is no secret");
    let told = pendings(&*backend);
    let (rotation, second) = told["x/key"].split_once(' ').expect("two words");
    assert!(told.len() == 1 && rotation == ONE && second.parse::<i64>().is_ok(), "{told:?}");
    assert_eq!(proxy.count("GET /v1/secret/data/"), 0, "no value was read for it: {:?}", proxy.seen());
    assert!(!shows_a_secret(&format!("{inspection:?} {told:?}")));
    // Whoever looks with Vault's own program sees whose it is.
    let shown = server.root("GET", PENDING, &Json::Null);
    assert_eq!(shown["data"]["custom_metadata"]["quarterdeck-rotation"], ONE);

    assert_eq!(promote(&*backend, at, &staged(ONE), &v("1")).expect("promoted"), v("2"));
    unstage(&*backend, at, &staged(ONE)).expect("unstaged");
    assert_eq!(server.request("GET", PENDING, "root", None).0, 404, "nothing of it is left");
    let live = server.root("GET", "secret/metadata/x/key", &Json::Null);
    let kept = (live["data"]["max_versions"].as_u64(), live["data"]["custom_metadata"]["owner"].as_str());
    assert_eq!(kept, (Some(7), Some("ops")), "what is set on the secret stays");
    assert_eq!(read_at(&*backend, at, &v("1")), "canary-1");
    retire(&*backend, at, &v("1"), &v("2")).expect("retired");
    assert_eq!(refusal(backend.read(&name(at), Some(&v("1")), CALL)).kind, ErrorKind::Deleted);
    assert_eq!(read(&*backend, at).1, "canary-2");
    assert!(pendings(&*backend).is_empty());
}

/// What each step asks of the server, once the mount is known.
#[test]
fn each_step_takes_few_requests() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = behind(&proxy);
    let at = "x/key#password";
    backend.inspect(&name(at), CALL).expect("inspected");
    let asked = |step: &dyn Fn() -> Result<()>| {
        proxy.forget();
        step().expect("done");
        proxy.seen().len()
    };
    assert_eq!(asked(&|| backend.inspect(&name(at), CALL).map(drop)), 2);
    assert_eq!(asked(&|| stage(&*backend, at, "canary-2", ONE).map(drop)), 4);
    assert_eq!(asked(&|| backend.inspect(&name(at), CALL).map(drop)), 3);
    assert_eq!(asked(&|| promote(&*backend, at, &staged(ONE), &v("1")).map(drop)), 3);
    assert_eq!(asked(&|| unstage(&*backend, at, &staged(ONE))), 3);
    assert_eq!(asked(&|| promote(&*backend, at, &v("1"), &v("2")).map(drop)), 3);
    assert_eq!(asked(&|| retire(&*backend, at, &v("2"), &v("3"))), 2);
}

#[test]
fn one_key_of_a_map_goes_there_and_back_and_the_others_stay() {
    let server = server();
    server.write("x/key", &json!({ "password": "canary-1", "user": "u", "n": 1.5 }));
    let backend = root(&server);
    let at = "x/key#password";
    stage(&*backend, at, "canary-2", ONE).expect("staged");
    assert_eq!(promote(&*backend, at, &staged(ONE), &v("2")).expect("promoted"), v("3"));
    assert_eq!(read(&*backend, "x/key").1, r#"{"n":1.5,"password":"canary-2","user":"u"}"#);

    // Somebody changes another key: ours is current all the same, and 'done' is told of it.
    server.write("x/key", &json!({ "password": "canary-2", "user": "other" }));
    assert_eq!(promote(&*backend, at, &staged(ONE), &v("2")).expect("done already"), v("4"));
    assert_eq!(promote(&*backend, at, &v("2"), &v("4")).expect("back"), v("5"));
    assert_eq!(read(&*backend, "x/key").1, r#"{"password":"canary-1","user":"other"}"#);
    assert_eq!(promote(&*backend, at, &v("2"), &v("4")).expect("done already"), v("5"));

    unstage(&*backend, at, &staged(ONE)).expect("unstaged");
    for (bad, code) in [("x/key#none", "NOT_FOUND"), ("x/none", "NOT_FOUND"), ("x/none#key", "NOT_FOUND")] {
        assert_eq!(refusal(stage(&*backend, bad, "canary", TWO)).kind.code(), code, "{bad}");
    }
    let invalid = [stage(&*backend, at, "", TWO), stage(&*backend, at, "canary", "no id")];
    for outcome in invalid.into_iter().chain([stage(&*backend, "x/key.quarterdeck-pending", "canary", TWO)]) {
        assert_eq!(refusal(outcome).kind, ErrorKind::Invalid);
    }
}

#[test]
fn of_eight_that_stage_one_wins_and_of_one_id_there_is_one_value() {
    let server = server();
    let backend = root(&server);
    for (round, ids) in [[ONE; 8], [ONE, TWO, "3", "4", "5", "6", "7", "8"]].into_iter().enumerate() {
        let text = |number: usize| format!("canary-{round}-{number}");
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| (scope, number))
                .map(|(scope, number)| {
                    let backend = &backend;
                    scope.spawn(move || stage(&**backend, "x/key", &text(number), ids[number]))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let won: BTreeSet<VersionId> = outcomes.iter().flatten().cloned().collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        let version = won.first().expect("one").clone();
        let id = version.0.strip_prefix("pending:").expect("a staged one").to_owned();
        let wins = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(wins, ids.iter().filter(|known| **known == id).count());
        for outcome in outcomes.into_iter().filter(Result::is_err) {
            assert_eq!(conflict(outcome), Some(id.clone()));
        }
        assert!((0..8).any(|number| read_at(&*backend, "x/key", &version) == text(number)));
        assert_eq!(pending(&*backend, "x/key"), [id]);
        unstage(&*backend, "x/key", &version).expect("unstaged");
    }
}

#[test]
fn of_eight_that_promote_one_writes_and_all_are_told_the_same() {
    let server = server();
    let backend = root(&server);
    stage(&*backend, "x/key", "canary-2", ONE).expect("staged");
    let outcomes: Vec<_> = thread::scope(|scope| {
        let promote = || promote(&*backend, "x/key", &staged(ONE), &v("1"));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(promote)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic").expect("promoted")).collect()
    });
    assert_eq!(outcomes, vec![v("2"); 8]);
    assert_eq!(number(&server), 2);
}

#[test]
fn a_write_by_hand_is_never_written_over() {
    let server = server();
    let backend = root(&server);
    for round in 0..20 {
        let id = format!("{ONE}-{round}");
        let ours = format!("canary-ours-{round}");
        let from = v(&number(&server).to_string());
        let version = stage(&*backend, "x/key", &ours, &id).expect("staged");
        let (promoted, by_hand) = thread::scope(|scope| {
            let promoted = scope.spawn(|| promote(&*backend, "x/key", &version, &from));
            let by_hand = scope.spawn(|| server.write("x/key", &json!({ "value": "canary-by-hand" })));
            (promoted.join().expect("no panic"), by_hand.join().expect("no panic"))
        });
        assert_eq!(read_at(&*backend, "x/key", &v(&by_hand.to_string())), "canary-by-hand");
        match promoted {
            Ok(version) => assert_eq!(read_at(&*backend, "x/key", &version), ours),
            other => {
                assert_eq!(conflict(other), Some(by_hand.to_string()));
                assert_eq!(number(&server), by_hand, "nothing was written");
            }
        }
        // Whoever comes late and believes in a version before is told.
        server.write("x/key", &json!({ "value": "canary-later" }));
        let newest = number(&server).to_string();
        assert_eq!(conflict(promote(&*backend, "x/key", &version, &from)), Some(newest.clone()));
        assert_eq!(conflict(retire(&*backend, "x/key", &from, &v(&by_hand.to_string()))), Some(newest));
        unstage(&*backend, "x/key", &version).expect("unstaged");
    }
}

#[test]
fn a_shadow_that_is_deleted_or_destroyed_is_none() {
    let server = server();
    let backend = root(&server);
    for (round, end) in ["delete", "destroy"].into_iter().enumerate() {
        let (ours, next) = (format!("{ONE}-{round}"), format!("{TWO}-{round}"));
        stage(&*backend, "x/key", "canary-2", &ours).expect("staged");
        let shadow = format!("secret/{end}/x/key.quarterdeck-pending");
        let newest = server.root("GET", PENDING, &Json::Null)["data"]["current_version"].clone();
        server.root("POST", &shadow, &json!({ "versions": [newest] }));
        assert_eq!(pending(&*backend, "x/key"), [""; 0]);
        assert_eq!(refusal(promote(&*backend, "x/key", &staged(&ours), &v("1"))).kind, ErrorKind::NotFound);
        unstage(&*backend, "x/key", &staged(&ours)).expect("done already");
        stage(&*backend, "x/key", "canary-3", &next).expect("there is room");
        assert_eq!(read_at(&*backend, "x/key", &staged(&next)), "canary-3");
        unstage(&*backend, "x/key", &staged(&next)).expect("unstaged");
    }
}

#[test]
fn what_another_rotation_staged_is_left_alone() {
    let server = server();
    let backend = root(&server);
    stage(&*backend, "x/key", "canary-2", ONE).expect("staged");
    unstage(&*backend, "x/key", &staged(TWO)).expect("that one is not there");
    unstage(&*backend, "x/key", &v("1")).expect("nor does that one come from it");
    assert_eq!(pending(&*backend, "x/key"), [ONE]);
    assert_eq!(conflict(stage(&*backend, "x/key", "canary-3", TWO)), Some(ONE.into()));
    let current = promote(&*backend, "x/key", &staged(ONE), &v("1")).expect("promoted");
    unstage(&*backend, "x/key", &current).expect("what was promoted names its shadow too");
    assert_eq!(pending(&*backend, "x/key"), [""; 0]);

    // A shadow that nobody here has made is nobody's to write over or to take away.
    server.write("x/key.quarterdeck-pending", &json!({ "value": "canary-foreign" }));
    assert_eq!(conflict(stage(&*backend, "x/key", "canary-3", TWO)), Some("unknown".into()));
    unstage(&*backend, "x/key", &staged(TWO)).expect("that one is not there");
    assert_eq!(pending(&*backend, "x/key"), ["unknown"]);
}

#[test]
fn the_way_back_also_from_what_nobody_knows_to_be_promoted() {
    let server = server();
    let backend = root(&server);
    stage(&*backend, "x/key", "canary-2", ONE).expect("staged");
    let back = || promote(&*backend, "x/key", &v("1"), &staged(ONE));
    assert_eq!(back().expect("it never was"), v("1"));
    assert_eq!(promote(&*backend, "x/key", &staged(ONE), &v("1")).expect("promoted"), v("2"));
    assert_eq!(back().expect("it was"), v("3"));
    assert_eq!(read(&*backend, "x/key").1, r#"{"password":"canary-1"}"#);
    assert_eq!(conflict(back()), Some("3".into()), "neither the one nor the other");
    retire(&*backend, "x/key", &v("2"), &v("3")).expect("ours is retired");
    assert_eq!(refusal(promote(&*backend, "x/key", &v("2"), &v("3"))).kind, ErrorKind::Deleted);
    assert_eq!(conflict(retire(&*backend, "x/key", &v("3"), &v("3"))), Some("3".into()));
    assert_eq!(refusal(retire(&*backend, "x/key", &v("9"), &v("3"))).kind, ErrorKind::NotFound);
    retire(&*backend, "x/key", &staged(ONE), &v("3")).expect("what is staged is unstaged");
    assert_eq!(pending(&*backend, "x/key"), [""; 0]);
    backend.delete(&name("x/key"), &Expected::Anything, CALL).expect("deleted");
    assert_eq!(conflict(promote(&*backend, "x/key", &v("1"), &v("3"))), None, "a deleted secret isn't brought back so");
    assert_eq!(conflict(retire(&*backend, "x/key", &v("1"), &v("3"))), None);
}

/// One change, and the version that it comes to.
type Step<'a> = &'a dyn Fn() -> Result<Option<VersionId>>;

/// Each change once with its answer lost, once with itself lost, and once with both lost for so long that it is told.
#[test]
fn a_lost_answer_is_found_out() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = behind(&proxy);
    backend.health(CALL).expect("well");
    let steps: [(&str, Step<'_>); 4] = [
        ("POST /v1/secret/data/", &|| stage(&*backend, "x/key", "canary-2", ONE).map(Some)),
        ("POST /v1/secret/data/", &|| promote(&*backend, "x/key", &staged(ONE), &v("1")).map(Some)),
        ("DELETE /v1/secret/metadata/", &|| unstage(&*backend, "x/key", &staged(ONE)).map(|()| None)),
        ("/v1/secret/delete/", &|| retire(&*backend, "x/key", &v("1"), &v("2")).map(|()| None)),
    ];
    let expected = [Some(staged(ONE)), Some(v("2")), None, None];
    for ((part, step), expected) in steps.into_iter().zip(expected) {
        proxy.set_for(part, Fault::Reset);
        assert_eq!(refusal(step()).kind, ErrorKind::OutcomeUnknown, "{part}");
        proxy.set_for_times(part, Fault::Reset, 1);
        let sent = proxy.count(part);
        assert_eq!(step().expect("sent again"), expected, "{part}");
        assert_eq!(proxy.count(part) - sent, 2, "{part}");
        proxy.heal();
        assert_eq!(step().expect("done already"), expected, "{part}");
    }
    assert_eq!(number(&server), 2);

    let steps: [(&str, Step<'_>); 4] = [
        ("POST /v1/secret/data/", &|| stage(&*backend, "x/key", "canary-3", TWO).map(Some)),
        ("POST /v1/secret/data/", &|| promote(&*backend, "x/key", &staged(TWO), &v("2")).map(Some)),
        ("DELETE /v1/secret/metadata/", &|| unstage(&*backend, "x/key", &staged(TWO)).map(|()| None)),
        ("/v1/secret/delete/", &|| retire(&*backend, "x/key", &v("2"), &v("3")).map(|()| None)),
    ];
    let expected = [Some(staged(TWO)), Some(v("3")), None, None];
    for ((part, step), expected) in steps.into_iter().zip(expected) {
        proxy.set_for_times(part, Fault::Lose, 1);
        let sent = proxy.count(part);
        assert_eq!(step().expect("found done"), expected, "{part}");
        // Deleting the very same version twice is deleting it once.
        assert_eq!(proxy.count(part) - sent, if part.contains("delete") { 2 } else { 1 }, "{part}");
    }
    assert_eq!(number(&server), 3, "nothing was written twice");

    // The answer is lost, and so is every look after it.
    stage(&*backend, "x/key", "canary-4", "last").expect("staged");
    proxy.set_for("POST", Fault::HalfOpen);
    let short = Call { within: std::time::Duration::from_secs(2) };
    let outcome = backend.promote(&name("x/key"), &staged("last"), &v("3"), short);
    assert_eq!(
        refusal(outcome).kind,
        ErrorKind::OutcomeUnknown,
        "not a time-out: that would say that nothing was done"
    );
}

#[test]
fn a_sealed_server_is_told_at_each_call_and_nothing_is_half_done() {
    let mut server = server();
    let backend = root(&server);
    backend.health(CALL).expect("well");
    let calls: [&dyn Fn() -> Result<()>; 6] = [
        &|| stage(&*backend, "x/key", "canary-2", ONE).map(drop),
        &|| promote(&*backend, "x/key", &staged(ONE), &v("1")).map(drop),
        &|| unstage(&*backend, "x/key", &staged(ONE)),
        &|| retire(&*backend, "x/key", &v("1"), &v("2")),
        &|| backend.inspect(&name("x/key"), CALL).map(drop),
        &|| backend.extra(&Extra { operation: "pendings".into(), arguments: BTreeMap::new() }, None, CALL).map(drop),
    ];
    for next in calls {
        server.seal();
        for call in calls {
            assert_eq!(refusal(call()).kind, ErrorKind::Sealed);
        }
        server.unseal();
        next().expect("it goes on where it was");
    }
    assert_eq!(read(&*backend, "x/key").1, "canary-2");
    assert_eq!((pending(&*backend, "x/key"), number(&server)), (Vec::new(), 2));
}

#[test]
fn a_reader_is_told_the_line_that_staging_needs_and_an_operator_leaves_no_value() {
    let server = OpenBao::dev();
    server.write("algo-trade/broker", &secret("canary-1"));
    let policy = |policy: &str| {
        server.policy("documented", policy);
        let token = json!({ "policies": ["documented"], "ttl": "8h", "no_default_policy": true });
        Given::token(&server, &server.token_with(&token)).text("prefix", "algo-trade/").backend()
    };
    let at = "algo-trade/broker#password";
    let denied = |error: BackendError| match error.kind {
        ErrorKind::Denied { missing, grant } => (missing, grant),
        kind => panic!("{kind:?}"),
    };
    let reader = include_str!("../../../docs/policies/vault-reader.hcl");
    let backend = policy(reader);
    let (missing, line) = denied(refusal(stage(&*backend, at, "canary-2", ONE)));
    assert_eq!(missing, "create on secret/data/algo-trade/broker.quarterdeck-pending");
    let shadow =
        r#"path "secret/data/algo-trade/broker.quarterdeck-pending" { capabilities = ["create", "read", "update"] }"#;
    assert_eq!(line, shadow);
    let mut granted = format!("{reader}\n{line}");
    let backend = policy(&granted);
    stage(&*backend, at, "canary-2", ONE).expect("the line it names is the line that helps");
    let (missing, line) = denied(refusal(promote(&*backend, at, &staged(ONE), &v("1"))));
    assert_eq!(missing, "update on secret/data/algo-trade/broker");
    granted = format!("{granted}\n{line}");
    assert_eq!(promote(&*policy(&granted), at, &staged(ONE), &v("1")).expect("granted"), v("2"));
    let (missing, line) = denied(refusal(unstage(&*policy(&granted), at, &staged(ONE))));
    assert_eq!(missing, "update on secret/delete/algo-trade/broker.quarterdeck-pending");
    granted = format!("{granted}\n{line}");
    unstage(&*policy(&granted), at, &staged(ONE)).expect("granted");
    assert_eq!(pending(&*policy(&granted), at), [""; 0], "what is deleted is staged no more");
    let (missing, line) = denied(refusal(retire(&*policy(&granted), at, &v("1"), &v("2"))));
    assert_eq!(missing, "update on secret/delete/algo-trade/broker");
    retire(&*policy(&format!("{granted}\n{line}")), at, &v("1"), &v("2")).expect("granted");

    // An operator's whole rotation; the empty name that stays holds nothing and is in nobody's way.
    let backend = policy(include_str!("../../../docs/policies/vault-operator.hcl"));
    for (id, from, to) in [(ONE, "2", "3"), (TWO, "3", "4")] {
        stage(&*backend, at, "canary-3", id).expect("staged");
        assert_eq!(promote(&*backend, at, &staged(id), &v(from)).expect("promoted"), v(to));
        unstage(&*backend, at, &staged(id)).expect("unstaged");
        unstage(&*backend, at, &staged(id)).expect("unstaged");
        retire(&*backend, at, &v(from), &v(to)).expect("retired");
    }
    let left = server.root("GET", "secret/metadata/algo-trade/broker.quarterdeck-pending", &Json::Null);
    let versions = left["data"]["versions"].as_object().expect("versions");
    // The first one was taken away by who may only delete.
    let mut operators = versions.iter().filter(|(number, _)| *number != "1");
    assert!(operators.all(|(_, version)| version["destroyed"] == true), "{left}");
    assert!(pendings(&*backend).is_empty());
    assert_eq!(names(&*backend, "", 0), ["algo-trade/broker"]);
}

#[test]
fn what_is_staged_for_a_layer_is_told_though_nothing_may_be_listed() {
    let server = OpenBao::dev();
    server.write("algo-trade/broker", &json!({ "user": "u", "password": "canary-1" }));
    let guide = r#"path "secret/data/algo-trade/*" { capabilities = ["create", "read", "update", "list"] }"#;
    let layer = with_policy(&server, guide).text("path", "secret/data/algo-trade/broker").backend();
    stage(&*layer, "algo-trade/broker#password", "canary-2", ONE).expect("staged");
    assert!(pendings(&*layer)["algo-trade/broker"].starts_with(ONE));
    assert_eq!(names(&*layer, "", 0), ["algo-trade/broker#password", "algo-trade/broker#user"]);
    let inspection = layer.inspect(&name("algo-trade/broker#password"), CALL).expect("inspected");
    assert_eq!(inspection.versions[0].rotation.as_deref(), Some(ONE));

    // A policy for the secret's own path alone can't tell what is staged, and is no obstacle to the rest.
    let exact = r#"path "secret/data/algo-trade/broker" { capabilities = ["read"] }"#;
    let backend = with_policy(&server, exact).backend();
    let inspection = backend.inspect(&name("algo-trade/broker"), CALL).expect("inspected");
    assert_eq!(inspection.versions.len(), 1);
    assert!(fact(&inspection.facts, "pending").contains("algo-trade/broker.quarterdeck-pending"), "{inspection:?}");
}
