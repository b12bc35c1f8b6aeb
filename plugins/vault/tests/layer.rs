//! The layer that DP_VAULT_PATH names, and the rest of the mount beside it: what is listed, in which calls, and how one key
//! of a secret is changed.

mod support;

use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, OpenBao, Proxy};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use support::*;

fn algo(server: &OpenBao) {
    server.write("algo-trade/broker", &json!({ "user": "u", "password": "canary-1", "api": { "key": "canary-2" } }));
    server.write("algo-trade/broker-2", &json!({ "value": "canary-3" }));
    server.write("algo-trade/vault-password", &json!({ "password": "canary-4", "user": "other" }));
    server.write("zoo", &json!({ "value": "canary-5" }));
}

fn layer(given: Given) -> Box<dyn SecretsBackend> {
    let given = given.text("path", "secret/data/algo-trade/broker");
    given.text("password_path", "secret/data/algo-trade/vault-password").backend()
}

fn with_keys(backend: &dyn SecretsBackend, limit: u32) -> Vec<(String, Option<String>)> {
    entries(backend, "", limit).into_iter().map(|entry| (entry.name.to_string(), entry.key)).collect()
}

#[test]
fn the_layers_keys_are_listed_as_configuration_keys_and_no_value_is_read() {
    let server = OpenBao::dev();
    algo(&server);
    let proxy = Proxy::http(&server.plain_address());
    let backend = layer(Given::default().text("address", &proxy.address()).secret("token", "root"));
    let key = |name: &str, key: Option<&str>| (name.to_owned(), key.map(str::to_owned));
    let expected = [
        key("algo-trade/broker#api.key", Some("api.key")),
        key("algo-trade/broker#password", None),
        key("algo-trade/broker#user", Some("user")),
        key("algo-trade/broker-2", None),
        key("algo-trade/vault-password#password", Some("password")),
        key("algo-trade/vault-password#user", None),
        key("zoo", None),
    ];
    assert_eq!(with_keys(&*backend, 0), expected);
    for limit in 1..8 {
        assert_eq!(with_keys(&*backend, limit), expected, "{limit} a page");
    }
    assert_eq!(names(&*backend, "algo-trade/broker#", 0).len(), 3);
    assert_eq!(proxy.count("/v1/secret/data/"), 0, "a listing reads no value: {:?}", proxy.seen());

    let under =
        layer(Given::default().text("address", &proxy.address()).secret("token", "root").text("under", "broker"));
    let keys: Vec<_> = with_keys(&*under, 0).into_iter().filter_map(|(_, key)| key).collect();
    assert_eq!(keys, ["broker.api.key", "broker.user", "broker.password"]);

    let first = &entries(&*backend, "", 0)[0];
    assert_eq!(first.version, Some(VersionId("1".into())));
    assert!(first.created_at.is_some());
    assert_eq!(read(&*backend, "algo-trade/broker#api.key"), (Kind::Text, "canary-2".into()));
    let health = backend.health(CALL).expect("well");
    assert_eq!(health.summary, "KV 2 secret, algo-trade/broker v1");
    assert_eq!(backend.describe().target, format!("{} secret/data/algo-trade/broker, KV 2", proxy.address()));
}

#[test]
fn where_list_and_keys_are_denied_the_layers_own_read_gives_its_keys() {
    let server = OpenBao::dev();
    algo(&server);
    let policy = r#"path "secret/data/algo-trade/*" { capabilities = ["read", "list"] }"#;
    let backend = layer(with_policy(&server, policy));
    let keys = with_keys(&*backend, 2);
    assert_eq!(keys.iter().filter(|(_, key)| key.is_some()).count(), 3, "{keys:?}");
    assert!(keys.iter().all(|(name, _)| name.contains('#')), "only the layer: {keys:?}");
    let health = backend.health(CALL).expect("the layer can be read");
    let hidden = "LIST is denied on secret/metadata/ and on secret/metadata/algo-trade/: ";
    let told = |warning: &String| warning.starts_with(hidden) && warning.contains("'prefix'");
    assert!(health.warnings.iter().any(told), "{health:?}");
}

#[test]
fn where_the_mount_may_not_be_listed_the_folder_of_the_layers_secret_is() {
    let server = OpenBao::dev();
    algo(&server);
    server.write("algo-trade/deep/feed", &json!({ "value": "canary" }));
    let policy = include_str!("../../../docs/policies/vault-reader.hcl");
    let known = ["algo-trade/broker-2", "zoo"].map(str::to_owned).to_vec();
    for known in [Vec::new(), known] {
        let more = known.len().saturating_sub(1);
        let backend = layer(with_policy(&server, policy).set("names", Setting::List(known)));
        let health = backend.health(CALL).expect("well");
        assert!(health.warnings.is_empty(), "{health:?}");
        for limit in [0, 1, 3] {
            let listed = names(&*backend, "", limit);
            assert_eq!(listed.len(), 7 + more, "{listed:?}");
            assert!(listed.is_sorted() && listed.iter().any(|name| name == "algo-trade/deep/feed"), "{listed:?}");
        }
        assert_eq!(names(&*backend, "algo-trade/b", 0).len(), 4);
    }
}

#[test]
fn where_list_is_denied_configured_names_are_listed_with_a_warning() {
    let server = OpenBao::dev();
    algo(&server);
    server.write("open/a", &json!({ "value": "canary" }));
    let policy = r#"
        path "secret/data/*" { capabilities = ["read"] }
        path "secret/metadata/" { capabilities = ["list"] }
        path "secret/metadata/open/*" { capabilities = ["list"] }"#;
    let known = ["zoo", "algo-trade/broker"].map(str::to_owned).to_vec();
    let backend = with_policy(&server, policy).set("names", Setting::List(known.clone())).backend();
    // At the top LIST is allowed, in the one folder it is not.
    assert_eq!(names(&*backend, "", 0), ["algo-trade/broker", "open/a", "zoo"]);
    assert_eq!(names(&*backend, "", 1), ["algo-trade/broker", "open/a", "zoo"]);

    let policy = r#"path "secret/data/*" { capabilities = ["read"] }"#;
    let backend = with_policy(&server, policy).set("names", Setting::List(known)).backend();
    assert_eq!(names(&*backend, "", 0), ["algo-trade/broker", "zoo"]);
    assert_eq!(names(&*backend, "alg", 0), ["algo-trade/broker"]);
    let health = backend.health(CALL).expect("a configured name is read");
    assert!(health.warnings.iter().any(|warning| warning.contains("LIST is denied")), "{health:?}");
    root(&server).delete(&name("zoo"), &Expected::Anything, CALL).expect("deleted");
    let health = backend.health(CALL).expect("the other names are there");
    assert!(health.warnings.iter().any(|warning| warning.contains("version 1 of 'zoo' is deleted")), "{health:?}");
}

#[test]
fn only_what_the_prefix_names_is_browsed_and_only_its_folders_are_asked() {
    let server = OpenBao::dev();
    for at in ["prod/a", "prod/deep/b", "prod-2/c", "qa/d", "pro"] {
        server.write(at, &json!({ "value": "canary" }));
    }
    let proxy = Proxy::http(&server.plain_address());
    let given = || Given::default().text("address", &proxy.address()).secret("token", "root");
    let backend = given().text("prefix", "prod/").backend();
    assert_eq!(names(&*backend, "", 0), ["prod/a", "prod/deep/b"]);
    assert_eq!(names(&*backend, "pr", 1), ["prod/a", "prod/deep/b"]);
    assert_eq!(names(&*backend, "qa/", 0), [""; 0]);
    assert_eq!(proxy.count("metadata/?list"), 0, "{:?}", proxy.seen());
    proxy.forget();
    let backend = given().backend();
    assert_eq!(names(&*backend, "prod", 0), ["prod-2/c", "prod/a", "prod/deep/b"]);
    assert_eq!(proxy.count("qa"), 0, "{:?}", proxy.seen());
}

#[test]
fn a_deep_mount_is_listed_once_whatever_the_page() {
    let server = OpenBao::dev();
    for folder in 0..6 {
        for secret in 0..7 {
            server.write(&format!("f{folder}/g/s{secret}"), &json!({ "value": "canary" }));
        }
    }
    let backend = root(&server);
    let all = names(&*backend, "", 0);
    assert_eq!((all.len(), all.is_sorted()), (42, true));
    for limit in [1, 5, 6, 7, 42, 43] {
        assert_eq!(names(&*backend, "", limit), all, "{limit} a page");
    }
    let unique: BTreeSet<_> = all.iter().collect();
    assert_eq!(unique.len(), all.len());
}

#[test]
fn a_layers_secret_that_is_deleted_or_not_there_is_told_and_takes_nothing_with_it() {
    let server = OpenBao::dev();
    algo(&server);
    let given = || Given::token(&server, "root").text("path", "secret/data/algo-trade/broker").text("under", "broker");
    let backend = given().backend();
    let broker = name("algo-trade/broker");
    let rest = ["algo-trade/broker-2", "algo-trade/vault-password", "zoo"];
    let warned = |word: &str| {
        let health = backend.health(CALL).expect("the mount is well");
        let about = |warning: &&String| warning.contains(&format!("the layer's secret algo-trade/broker is {word}: "));
        health.warnings.iter().find(about).cloned().unwrap_or_else(|| panic!("{health:?}"))
    };

    backend.delete(&broker, &Expected::Anything, CALL).expect("deleted");
    let listed = entries(&*backend, "", 1);
    assert_eq!(listed[0], Entry::named(broker.clone()), "its keys are not known");
    assert_eq!(listed[1..].iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), rest);
    assert!(warned("deleted").contains("secrets restore algo-trade/broker"));
    assert_eq!(refusal(backend.read(&name("algo-trade/broker#user"), None, CALL)).kind, ErrorKind::Deleted);
    assert!(backend.inspect(&broker, CALL).expect("inspected").versions[0].deleted);
    backend.restore(&broker, CALL).expect("restored");
    assert_eq!(names(&*backend, "algo-trade/broker#", 0).len(), 3);

    let second = VersionId("2".into());
    server.write("algo-trade/broker", &json!({ "value": "canary-plain" }));
    let health = backend.health(CALL).expect("the mount is well");
    assert!(health.warnings.iter().any(|warning| warning.contains("one plain value")), "{health:?}");
    backend.delete(&broker, &Expected::Version(second.clone()), CALL).expect("deleted");
    let first = backend.read(&broker, Some(&VersionId("1".into())), CALL).expect("an older version is read");
    assert_eq!(first.version, Some(VersionId("1".into())));
    backend.remove_version(&broker, &second, CALL).expect("destroyed");
    assert!(warned("destroyed").contains("secrets set algo-trade/broker#KEY"));

    server.root("DELETE", "secret/metadata/algo-trade/broker", &serde_json::Value::Null);
    assert!(warned("not there").contains("secrets set algo-trade/broker#KEY"));
    assert_eq!(names(&*backend, "", 0).len(), 4);
    for expected in [Expected::Absent, Expected::Anything] {
        let made = backend.write(&name("algo-trade/broker#user"), Value::text("canary"), &expected, CALL);
        assert_eq!(made.expect("made with its first key"), VersionId("1".into()), "{expected:?}");
        assert_eq!(with_keys(&*backend, 0)[0], ("algo-trade/broker#user".into(), Some("broker.user".into())));
        server.root("DELETE", "secret/metadata/algo-trade/broker", &serde_json::Value::Null);
    }
}

#[test]
fn while_the_passwords_own_secret_is_gone_no_other_one_gives_the_password() {
    let server = OpenBao::dev();
    algo(&server);
    let backend = layer(Given::token(&server, "root"));
    let keys = || with_keys(&*backend, 0).into_iter().filter_map(|(at, key)| Some((at, key?))).collect::<Vec<_>>();
    let pair = |at: &str, key: &str| (at.to_owned(), key.to_owned());
    backend.delete(&name("algo-trade/vault-password"), &Expected::Anything, CALL).expect("deleted");
    let password = pair("algo-trade/vault-password", "password");
    let [api, user] = ["api.key", "user"].map(|key| pair(&format!("algo-trade/broker#{key}"), key));
    assert_eq!(keys(), [api, user, password.clone()]);
    assert_eq!(refusal(backend.read(&name(&password.0), None, CALL)).kind, ErrorKind::Deleted);
    let health = backend.health(CALL).expect("the mount is well");
    assert!(health.warnings.iter().any(|warning| warning.contains("vault-password is deleted")), "{health:?}");

    backend.restore(&name("algo-trade/vault-password"), CALL).expect("restored");
    backend.delete(&name("algo-trade/broker"), &Expected::Anything, CALL).expect("deleted");
    assert_eq!(keys(), [pair("algo-trade/vault-password#password", "password")], "and it gives nothing else");
}

#[test]
fn one_key_is_changed_and_the_others_stay() {
    let server = OpenBao::dev();
    algo(&server);
    let backend = root(&server);
    let password = name("algo-trade/broker#password");
    let write = |at: &SecretName, text: &str, expected: &Expected| backend.write(at, Value::text(text), expected, CALL);
    let second = write(&password, "canary-new", &Expected::Version(VersionId("1".into()))).expect("written");
    assert_eq!(second.0, "2");
    let (kind, map) = read(&*backend, "algo-trade/broker");
    assert_eq!((kind, map.as_str()), (Kind::Json, r#"{"api":{"key":"canary-2"},"password":"canary-new","user":"u"}"#));

    let stale = refusal(write(&password, "canary", &Expected::Version(VersionId("1".into()))));
    assert_eq!(stale.kind, ErrorKind::Conflict { current: Some("2".into()) });
    assert!(matches!(refusal(write(&password, "canary", &Expected::Absent)).kind, ErrorKind::Conflict { .. }));
    write(&name("algo-trade/broker#api.more"), "canary-more", &Expected::Absent).expect("a new key");
    write(&name("algo-trade/new#first"), "canary-first", &Expected::Absent).expect("a new secret");
    backend.delete(&name("algo-trade/broker#api.key"), &Expected::Anything, CALL).expect("taken away");
    assert_eq!(backend.keys(&name("algo-trade/broker"), CALL).expect("keys"), ["api.more", "password", "user"]);
    let missing = backend.read(&name("algo-trade/broker#api.key"), None, CALL).expect_err("gone");
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert_eq!(read(&*backend, "algo-trade/new"), (Kind::Json, r#"{"first":"canary-first"}"#.into()));

    // The last key's end is the secret's.
    backend.delete(&name("algo-trade/new#first"), &Expected::Anything, CALL).expect("taken away");
    assert_eq!(backend.read(&name("algo-trade/new"), None, CALL).expect_err("gone").kind, ErrorKind::Deleted);
    assert_eq!(refusal(backend.restore(&password, CALL)).kind, ErrorKind::Invalid);
    let plain = refusal(write(&name("zoo#key"), "canary", &Expected::Anything));
    assert!(plain.kind == ErrorKind::Invalid && plain.what.contains("one plain value"), "{plain}");
}

#[test]
fn eight_writers_of_one_secrets_keys_lose_none() {
    let server = OpenBao::dev();
    server.write("shared", &json!({ "first": "canary" }));
    let backend = root(&server);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let backend = &backend;
            scope.spawn(move || {
                let key = name(&format!("shared#key-{number}"));
                backend.write(&key, Value::text("canary"), &Expected::Absent, CALL).expect("written")
            });
        }
    });
    let keys = backend.keys(&name("shared"), CALL).expect("keys");
    assert_eq!(keys, ["first", "key-0", "key-1", "key-2", "key-3"]);
}

#[test]
fn what_is_deleted_can_be_made_anew() {
    let server = OpenBao::dev();
    let backend = root(&server);
    let write = |expected: &Expected| backend.write(&name("again"), Value::text("canary"), expected, CALL);
    write(&Expected::Absent).expect("made");
    backend.delete(&name("again"), &Expected::Anything, CALL).expect("deleted");
    assert_eq!(write(&Expected::Absent).expect("made anew"), VersionId("2".into()));
    backend.delete(&name("again"), &Expected::Version(VersionId("2".into())), CALL).expect("deleted");
    assert_eq!(backend.restore(&name("again"), CALL).expect("restored"), VersionId("2".into()));
}

#[test]
fn a_mount_with_a_path_and_a_namespace() {
    let server = OpenBao::dev();
    server.root("POST", "sys/namespaces/desk", &json!({}));
    server.mount("team/kv", 2);
    server.root("POST", "team/kv/data/a", &json!({ "data": { "k": "canary" } }));
    let given = || Given::token(&server, "root");
    for path in ["team/kv/data/a", "team/kv/a"] {
        assert_eq!(names(&*given().text("path", path).backend(), "", 0), ["a#k"], "{path}");
    }
    let error =
        refusal(given().text("path", "team/kv/data/a").text("password_path", "secret/data/b").backend().health(CALL));
    assert!(error.kind == ErrorKind::Invalid && error.what.contains("password_path"), "{error}");

    let error = refusal(given().text("namespace", "desk").backend().health(CALL));
    assert!(error.what.contains("no mount 'secret'"), "{error}");
}

#[test]
fn a_listing_that_runs_out_of_time_gives_what_it_has() {
    let server = OpenBao::dev();
    for folder in 0..40 {
        server.write(&format!("f{folder:02}/s"), &json!({ "value": "canary" }));
    }
    let proxy = Proxy::http(&server.plain_address());
    let backend = Given::default().text("address", &proxy.address()).secret("token", "root").backend();
    let page = PageRequest::default();
    proxy.set_for("f20", Fault::HalfOpen);
    let part = backend.list(&page, Call { within: Duration::from_secs(4) }).expect("a part");
    assert!(!part.entries.is_empty() && part.entries.len() < 40 && part.next.is_some(), "{}", part.entries.len());
    proxy.heal();
    let rest = backend.list(&PageRequest { after: part.next, ..page }, CALL).expect("the rest");
    assert_eq!(part.entries.len() + rest.entries.len(), 40);
}

/// A server that answers every LIST with one more folder: an empty page would say that the mount is empty.
#[test]
fn a_listing_that_finds_no_name_in_its_time_is_an_error_and_not_empty() {
    let server = OpenBao::dev();
    server.write("a/s", &json!({ "value": "canary" }));
    let proxy = Proxy::http(&server.plain_address());
    let backend = Given::default().text("address", &proxy.address()).secret("token", "root").backend();
    assert_eq!(names(&*backend, "", 0), ["a/s"]);
    let headers = vec![("Content-Type", "application/json")];
    proxy.set_for("metadata", Fault::Answer { status: 200, headers, body: r#"{"data":{"keys":["deeper/"]}}"#.into() });
    let error = refusal(backend.list(&PageRequest::default(), Call { within: Duration::from_secs(3) }));
    assert!(matches!(error.kind, ErrorKind::Timeout), "{error} ({:?})", error.kind);
}
