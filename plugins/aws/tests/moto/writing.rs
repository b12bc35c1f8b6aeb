//! Writing: nothing is lost, nothing is written twice, and an unclear end is called one.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, Proxy};
use serde_json::json;
use std::thread;
use std::time::Duration;

fn versions(backend: &dyn SecretsBackend, at: &str) -> Vec<VersionInfo> {
    backend.inspect(&name(at), CALL).unwrap().versions
}

/// No label of a guarded write is left on any version.
fn is_tidy(backend: &dyn SecretsBackend, at: &str) -> bool {
    versions(backend, at).iter().flat_map(|version| &version.labels).all(|label| label.starts_with("AWS"))
}

#[test]
fn of_writers_that_expect_one_version_one_wins() {
    let backend = shared();
    let first = create(&*backend, "race/x", "canary-0");
    let expected = Expected::Version(first);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let write = |number: usize| {
            let (backend, expected) = (&backend, &expected);
            scope.spawn(move || write(&**backend, "race/x", Value::text(&format!("canary-{number}")), expected))
        };
        let threads: Vec<_> = (1..=6).map(write).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let [Ok(won)] = won.as_slice() else { panic!("one wins, not {}", won.len()) };
    assert_eq!(backend.read(&name("race/x"), None, CALL).unwrap().version.as_ref(), Some(won));
    for lost in lost {
        assert_eq!(no(lost).kind, ErrorKind::Conflict { current: Some(won.0.clone()) });
    }
    assert!(is_tidy(&*backend, "race/x"));
}

#[test]
fn a_lost_answer_is_one_write() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    proxy.set_times(Fault::Truncate(0), 1);
    let first = create(&*backend, "lost/x", "canary-1");
    assert_eq!(proxy.count("CreateSecret"), 2);
    proxy.set_times(Fault::Truncate(0), 1);
    let second = write(&*backend, "lost/x", Value::text("canary-2"), &Expected::Anything).unwrap();
    assert_eq!(proxy.count("PutSecretValue"), 2);
    let ids: Vec<_> = versions(&*backend, "lost/x").into_iter().map(|version| version.id).collect();
    assert_eq!(ids, [second.clone(), first]);

    // The stage is moved and every answer to it is lost: what is there tells.
    proxy.set_for("UpdateSecretVersionStage", Fault::Truncate(0));
    let third = write(&*backend, "lost/x", Value::text("canary-3"), &Expected::Version(second)).unwrap();
    proxy.heal();
    assert_eq!(backend.read(&name("lost/x"), None, CALL).unwrap().version, Some(third));
}

#[test]
fn a_refused_write_changes_nothing_and_an_unclear_one_says_so() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let first = create(&*backend, "unclear/x", "canary-1");
    let expected = [Expected::Anything, Expected::Version(first.clone())];
    for expected in &expected {
        for part in ["PutSecretValue", "UpdateSecretVersionStage"] {
            if part == "UpdateSecretVersionStage" && *expected == Expected::Anything {
                continue;
            }
            proxy.set_for(part, Fault::status(500));
            let error = no(write(&*backend, "unclear/x", Value::text("canary-2"), expected));
            assert_eq!(error.kind, ErrorKind::Unreachable, "{part}: {error}");
        }
    }
    let short = Call { within: Duration::from_secs(2) };
    proxy.set_for("PutSecretValue", Fault::HalfOpen);
    let error = no(backend.write(&name("unclear/x"), Value::text("canary-3"), &Expected::Anything, short));
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    proxy.set_for("UpdateSecretVersionStage", Fault::HalfOpen);
    let error = no(backend.write(&name("unclear/x"), Value::text("canary-4"), &expected[1], short));
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    proxy.heal();
    let reading = backend.read(&name("unclear/x"), None, CALL).unwrap();
    assert_eq!((reading.value, reading.version), (Value::text("canary-1"), Some(first)));
}

#[test]
fn limits_are_said_before_anything_is_sent() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let long = "canary-".repeat(10_000);
    let error = no(write(&*backend, "limits/x", Value::text(&long[..65_537]), &Expected::Absent));
    assert_eq!(error.kind, ErrorKind::TooLarge);
    let bad = [Value::text(""), Value::json("{canary"), Value { kind: Kind::Text, bytes: vec![0xff].into() }];
    for bad in bad {
        assert_eq!(no(write(&*backend, "limits/x", bad, &Expected::Absent)).kind, ErrorKind::Invalid);
    }
    assert!(proxy.seen().is_empty());
}

#[test]
fn deleting_leaves_a_way_back() {
    let proxy = Proxy::http(&moto().address());
    let mut setup = setup(&proxy.address());
    setup.settings.insert("recovery_days".into(), Setting::Number(12));
    let backend = backend(setup);
    let at = name("gone/x");
    let version = create(&*backend, "gone/x", "canary-1");
    assert_eq!(no(backend.restore(&at, CALL)).kind, ErrorKind::Invalid);
    backend.delete(&at, &Expected::Version(version.clone()), CALL).unwrap();
    let described = moto().secret("DescribeSecret", &json!({"SecretId": "gone/x"}));
    let days = (described["DeletedDate"].as_f64().unwrap() - described["CreatedDate"].as_f64().unwrap()) / 86_400.0;
    assert_eq!(days.round(), 12.0);
    let value = || Value::text("canary-2");
    for error in [
        no(backend.read(&at, None, CALL)),
        no(backend.delete(&at, &Expected::Anything, CALL)),
        no(write(&*backend, "gone/x", value(), &Expected::Absent)),
        no(write(&*backend, "gone/x", value(), &Expected::Version(version.clone()))),
    ] {
        assert_eq!(error.kind, ErrorKind::Deleted, "{error}");
        assert!(error.hint.contains("restore"), "{error}");
    }
    assert!(backend.inspect(&at, CALL).unwrap().facts.iter().any(|(label, _)| label == "deleted"));
    assert_eq!(backend.restore(&at, CALL).unwrap(), version);
    assert_eq!(read(&*backend, "gone/x"), Value::text("canary-1"));
    assert_eq!(no(backend.delete(&name("gone/none"), &Expected::Anything, CALL)).kind, ErrorKind::NotFound);
}

#[test]
fn keys_of_one_map_are_written_at_once_and_none_is_lost() {
    let backend = shared();
    let keys = ["a", "b", "c.d"];
    thread::scope(|scope| {
        for key in keys {
            let backend = &backend;
            scope.spawn(move || {
                write(&**backend, &format!("desk/map#{key}"), Value::text("canary-v"), &Expected::Absent).unwrap()
            });
        }
    });
    assert_eq!(backend.keys(&name("desk/map"), CALL).unwrap(), keys);
    let again = write(&*backend, "desk/map#a", Value::text("canary-w"), &Expected::Absent);
    assert!(matches!(no(again).kind, ErrorKind::Conflict { .. }));
    let stale = Expected::Version(versions(&*backend, "desk/map").pop().unwrap().id);
    let error = no(write(&*backend, "desk/map#a", Value::text("canary-w"), &stale));
    assert!(matches!(error.kind, ErrorKind::Conflict { .. }), "{error}");
    backend.delete(&name("desk/map#a"), &Expected::Anything, CALL).unwrap();
    assert_eq!(backend.keys(&name("desk/map"), CALL).unwrap(), ["b", "c.d"]);
    assert_eq!(no(backend.delete(&name("desk/map#a"), &Expected::Anything, CALL)).kind, ErrorKind::NotFound);
    assert!(is_tidy(&*backend, "desk/map"));
}

#[test]
fn a_secret_that_was_made_without_a_value_gets_one() {
    let backend = shared();
    moto().secret("CreateSecret", &json!({"Name": "bare/x"}));
    assert_eq!(no(backend.read(&name("bare/x"), None, CALL)).kind, ErrorKind::NotFound);
    let version = create(&*backend, "bare/x", "canary-1");
    let reading = backend.read(&name("bare/x"), None, CALL).unwrap();
    assert_eq!((reading.value, reading.version), (Value::text("canary-1"), Some(version)));
    assert!(is_tidy(&*backend, "bare/x"));
}
