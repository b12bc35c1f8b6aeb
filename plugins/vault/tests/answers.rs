//! Each way in which a server says no, against a real OpenBao: one kind, one sentence, one next step.

mod support;

use quarterdeck_contract::*;
use quarterdeck_servers::{Certificate, Fault, OpenBao, Proxy};
use serde_json::{Value as Json, json};
use std::time::Duration;
use support::*;

const GUIDE: &str = r#"path "secret/data/x/*" { capabilities = ["read", "list"] }"#;

fn denied(error: &BackendError) -> (&str, &str) {
    match &error.kind {
        ErrorKind::Denied { missing, grant } => (missing, grant),
        kind => panic!("{kind:?}: {error}"),
    }
}

#[test]
fn the_guides_policy_can_read_and_is_told_what_it_needs_to_list() {
    let server = server();
    let backend = with_policy(&server, GUIDE).backend();
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");

    let error = refusal(backend.list(&PageRequest::default(), CALL));
    let line = r#"path "secret/metadata/*" { capabilities = ["read", "list"] }"#;
    assert_eq!(denied(&error), ("list on secret/metadata/", line));
    assert!(error.hint.contains(line) && error.what.contains("allow nothing"), "{error}");
    assert!(error.hint.ends_with("prefix = \"algo-trade/\""), "the narrower way: {error}");
    assert_eq!(refusal(backend.health(CALL)).hint, error.hint);
    let narrow = with_policy(&server, GUIDE).text("prefix", "x/").backend();
    assert!(!refusal(narrow.list(&PageRequest::default(), CALL)).hint.contains("prefix"));

    let error = refusal(backend.read(&name("y/key"), None, CALL));
    assert_eq!(
        denied(&error),
        ("read on secret/data/y/key", r#"path "secret/data/y/key" { capabilities = ["read"] }"#)
    );

    let error = refusal(backend.write(&name("x/key"), Value::text("canary-2"), &Expected::Anything, CALL));
    let line = r#"path "secret/data/x/key" { capabilities = ["read", "list", "create", "update"] }"#;
    assert_eq!(denied(&error), ("update on secret/data/x/key", line));
    assert!(error.what.contains("allow list, read on") || error.what.contains("allow read, list on"), "{error}");

    let error = refusal(backend.delete(&name("x/key"), &Expected::Anything, CALL));
    assert_eq!(denied(&error).0, "update on secret/delete/x/key");

    // What is granted as the error says works.
    let more = format!("{GUIDE}\n{}\npath \"secret/metadata/*\" {{ capabilities = [\"read\", \"list\"] }}", line);
    server.policy("test", &more);
    assert_eq!(names(&*backend, "", 0), ["x/key"]);
    backend.write(&name("x/key"), Value::text("canary-2"), &Expected::Anything, CALL).expect("allowed now");
}

#[test]
fn without_metadata_and_keys_a_secret_is_inspected_by_itself() {
    let server = server();
    let backend = with_policy(&server, GUIDE).backend();
    let inspection = backend.inspect(&name("x/key"), CALL).expect("inspected");
    assert_eq!(inspection.versions.len(), 1);
    assert_eq!(
        fact(&inspection.facts, "versions"),
        "the newest alone, from the secret itself: the metadata may not be read"
    );
    assert_eq!(backend.keys(&name("x/key"), CALL).expect("keys"), ["password"]);
    let keys = format!("{GUIDE}\npath \"secret/subkeys/x/*\" {{ capabilities = [\"read\"] }}");
    server.policy("test", &keys);
    let inspection = backend.inspect(&name("x/key"), CALL).expect("inspected");
    assert!(fact(&inspection.facts, "versions").contains("from keys"));
}

#[test]
fn a_dead_token_is_told_from_a_missing_policy() {
    let server = server();
    for token in ["s.bogus-canary", "bogus"] {
        let backend = Given::token(&server, token).backend();
        assert_eq!(refusal(backend.health(CALL)).kind, ErrorKind::Expired);
        assert_eq!(refused_read(&*backend), "EXPIRED");
        assert_eq!(refusal(backend.list(&PageRequest::default(), CALL)).kind, ErrorKind::Expired);
        let written = backend.write(&name("x/key"), Value::text("canary"), &Expected::Anything, CALL);
        assert_eq!(refusal(written).kind, ErrorKind::Expired);
    }
    server.policy("test", GUIDE);
    let token = server.token(&["test"], "1h");
    let backend = Given::token(&server, &token).backend();
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");
    server.revoke(&token);
    assert_eq!(refused_read(&*backend), "EXPIRED");

    // A token that may not even look itself up is alive all the same.
    let bare = server.token_with(&json!({ "policies": ["test"], "ttl": "1h", "no_default_policy": true }));
    let given = Given::token(&server, &bare).text("path", "secret/data/x/key");
    let backend = given.backend();
    assert_eq!(denied(&refusal(backend.read(&name("y/key"), None, CALL))).0, "read on secret/data/y/key");
    let health = backend.health(CALL).expect("it reads");
    assert!(health.expires_at.is_none() && health.warnings[0].contains("look itself up"), "{health:?}");
}

#[test]
fn a_dead_tokens_remedy_names_where_it_came_from_and_what_was_asked() {
    let server = server();
    let told = |given: Given| {
        let backend = given.backend();
        let health = refusal(backend.health(CALL));
        assert_eq!((health.kind, health.doing.as_str()), (ErrorKind::Expired, "looking whether it can be read"));
        let error = refusal(backend.read(&name("x/key"), None, CALL));
        assert_eq!((error.kind, error.doing.as_str()), (ErrorKind::Expired, "reading 'x/key'"));
        error.hint
    };
    let bogus = || Given::token(&server, "bogus");
    assert!(told(bogus()).contains("where this one came from"));
    let by_file = told(bogus().text("token_from", "/home/a/vault-token"));
    assert!(by_file.contains("into /home/a/vault-token") && !by_file.contains("VAULT_TOKEN"), "{by_file}");
    assert!(told(bogus().text("token_from", "VAULT_TOKEN")).contains("set VAULT_TOKEN to the new token"));
    let health = root(&server).health(CALL).expect("well");
    assert_eq!(
        (fact(&health.facts, "log-in").as_str(), health.summary.as_str()),
        ("a given token", "KV 2 secret, all of it")
    );
}

#[test]
fn what_fails_on_the_way_says_what_was_asked_for() {
    let mut server = server();
    let backend = root(&server);
    server.stop();
    let doing = |outcome: Result<()>| refusal(outcome).doing;
    let key = name("x/key");
    assert_eq!(doing(backend.read(&key, None, CALL).map(drop)), "reading 'x/key'");
    assert_eq!(doing(backend.inspect(&key, CALL).map(drop)), "inspecting 'x/key'");
    assert_eq!(doing(backend.delete(&key, &Expected::Anything, CALL)), "deleting 'x/key'");
    assert_eq!(doing(backend.list(&PageRequest::default(), CALL).map(drop)), "listing its secrets");
}

#[test]
fn an_empty_value_is_refused_and_nothing_is_written() {
    let server = server();
    let backend = root(&server);
    for at in ["x/key", "x/key#password", "x/new", "x/new#key"] {
        let error = refusal(backend.write(&name(at), Value::text(""), &Expected::Anything, CALL));
        assert!(error.kind == ErrorKind::Invalid && error.what.contains("empty"), "{error}");
    }
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");
    assert_eq!(names(&*backend, "", 0), ["x/key"]);
}

#[test]
fn a_token_that_ends_says_so_when_it_has_ended() {
    let server = server();
    server.policy("test", GUIDE);
    let token = server.token(&["test"], "1s");
    let backend = Given::token(&server, &token).backend();
    quarterdeck_servers::wait_until("the token ends", || {
        server.request("GET", "auth/token/lookup-self", &token, None).0 == 403
    });
    assert_eq!(refused_read(&*backend), "EXPIRED");
}

#[test]
fn sealed_uninitialised_and_back() {
    let mut server = server();
    let backend = root(&server);
    backend.health(CALL).expect("well");
    server.seal();
    for error in [refusal(backend.health(CALL)), refusal(backend.read(&name("x/key"), None, CALL))] {
        assert_eq!(error.kind, ErrorKind::Sealed);
        assert!(error.hint.contains("unseal"), "{error}");
    }
    server.unseal();
    backend.health(CALL).expect("well again");
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");

    let never = OpenBao::uninitialised();
    assert_eq!(refusal(root(&never).health(CALL)).kind, ErrorKind::Uninitialised);
}

#[test]
fn a_deleted_and_a_destroyed_version_are_told_from_a_missing_one() {
    let server = server();
    let backend = root(&server);
    server.write("x/key", &secret("canary-2"));
    backend.delete(&name("x/key"), &Expected::Anything, CALL).expect("deleted");
    let error = refusal(backend.read(&name("x/key"), None, CALL));
    assert_eq!((error.kind.clone(), error.what.as_str()), (ErrorKind::Deleted, "version 2 of 'x/key' is deleted"));
    let old = backend.read(&name("x/key"), Some(&VersionId("1".into())), CALL).expect("the older one is there");
    assert_eq!(old.version, Some(VersionId("1".into())));
    assert_eq!(refusal(backend.keys(&name("x/key"), CALL)).kind, ErrorKind::Deleted);

    backend.remove_version(&name("x/key"), &VersionId("2".into()), CALL).expect("destroyed");
    let error = refusal(backend.read(&name("x/key"), None, CALL));
    assert_eq!((error.kind.clone(), error.what.contains("version 2")), (ErrorKind::Destroyed, true));
    assert_eq!(refusal(backend.restore(&name("x/key"), CALL)).kind, ErrorKind::Destroyed);
    let inspection = backend.inspect(&name("x/key"), CALL).expect("inspected");
    let states: Vec<_> = inspection.versions.iter().map(|version| (version.deleted, version.destroyed)).collect();
    assert_eq!(states, [(true, true), (false, false)]);

    for missing in ["0", "9", "x"] {
        let outcome = backend.read(&name("x/key"), Some(&VersionId(missing.into())), CALL);
        assert_eq!(outcome.expect_err("none").kind, ErrorKind::NotFound, "{missing}");
    }
    let outcome = backend.remove_version(&name("x/key"), &VersionId("9".into()), CALL);
    assert_eq!(outcome.expect_err("none").kind, ErrorKind::NotFound);
}

#[test]
fn a_deletion_in_the_future_is_none_yet() {
    let server = server();
    server.root(
        "POST",
        "secret/metadata/x/key",
        &json!({ "delete_version_after": "1h", "custom_metadata": { "owner": "ops" } }),
    );
    server.write("x/key", &secret("canary-2"));
    let backend = root(&server);
    let inspection = backend.inspect(&name("x/key"), CALL).expect("inspected");
    assert_eq!((inspection.versions[0].deleted, inspection.versions[0].stage), (false, Some(Stage::Current)));
    assert_eq!(inspection.metadata["owner"], "ops");
    assert_eq!(fact(&inspection.facts, "versions end after"), "1h0m0s");
    assert!(!fact(&inspection.facts, "current version ends").is_empty());
    backend.delete(&name("x/key"), &Expected::Anything, CALL).expect("it was alive");
}

#[test]
fn the_wrong_kv_version_is_named_and_nothing_is_written() {
    let server = server();
    server.mount("old", 1);
    server.root("POST", "old/x/key", &secret("canary-1"));
    let kv = |given: Given, version| given.set("kv", Setting::Number(version)).backend();
    let given = || Given::token(&server, server.root_token());

    let one_on_two = kv(given(), 1);
    let two_on_one = kv(given().text("mount", "old"), 2);
    let path_says_two = given().text("path", "old/data/x/key").backend();
    for backend in [one_on_two, two_on_one, path_says_two] {
        for outcome in [backend.health(CALL).map(drop), backend.list(&PageRequest::default(), CALL).map(drop)] {
            assert_eq!(refusal(outcome).kind, ErrorKind::WrongVersion);
        }
        let written = backend.write(&name("x/new"), Value::text("canary"), &Expected::Absent, CALL);
        assert_eq!(refusal(written).kind, ErrorKind::WrongVersion);
    }
    assert_eq!(server.request("GET", "old/data/x/new", server.root_token(), None).0, 404);

    // Without 'kv' the mount's own answer counts.
    assert_eq!(read(&*given().text("mount", "old").backend(), "x/key#password").1, "canary-1");
    let health = given().text("path", "secret/x/key").backend().health(CALL).expect("it is KV 2");
    assert!(health.warnings[0].contains("/data/"), "{health:?}");
}

#[test]
fn a_v1_path_on_a_v2_mount_is_told_by_the_servers_warning_where_the_mount_may_not_be_asked() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    proxy.set_for("internal/ui/mounts", Fault::status(403));
    let given = Given::default().text("address", &proxy.address()).secret("token", server.root_token());
    let backend = given.set("kv", Setting::Number(1)).backend();
    assert_eq!(refused_read(&*backend), "WRONG_VERSION");
}

#[test]
fn a_mount_that_is_none_is_named() {
    let server = server();
    let given = || Given::token(&server, server.root_token());
    let error = refusal(given().text("mount", "nowhere").backend().health(CALL));
    assert!(error.kind == ErrorKind::Invalid && error.what.contains("'nowhere'"), "{error}");
    let error = refusal(given().text("mount", "cubbyhole").backend().health(CALL));
    assert!(error.what.contains("holds 'cubbyhole'"), "{error}");
}

#[test]
fn a_full_audit_log_is_told_while_health_says_200() {
    let server = OpenBao::raft();
    server.write("x/key", &secret("canary-1"));
    let backend = root(&server);
    backend.health(CALL).expect("well");
    server.block_audit();
    assert_eq!(refusal(backend.health(CALL)).kind, ErrorKind::AuditBlocked);
    assert_eq!(refused_read(&*backend), "AUDIT_BLOCKED");
    assert_eq!(refusal(root(&server).health(CALL)).kind, ErrorKind::AuditBlocked);
    server.unblock_audit();
    backend.health(CALL).expect("well again");
}

#[test]
fn a_certificate_that_is_not_trusted_is_a_tls_error() {
    let good = OpenBao::raft();
    good.write("x/key", &secret("canary-1"));
    let token = |server: &OpenBao| Given::default().text("address", &server.address()).secret("token", "root");
    assert_eq!(refused_read(&*token(&good).backend()), "TLS", "the system does not know this CA");
    let missing = token(&good).text("ca_file", "/nowhere/ca.pem").backend();
    assert_eq!(refused_read(&*missing), "TLS");
    for certificate in [Certificate::Expired, Certificate::Elsewhere] {
        let server = OpenBao::tls(certificate);
        let error = refusal(root(&server).health(CALL));
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    }

    // Only where it is not Production may the check be switched off, and that is a warning.
    let unchecked = || token(&good).set("verify", Setting::Flag(false));
    let health = unchecked().text("environment", "qa").backend().health(CALL).expect("unchecked");
    assert!(health.warnings.iter().any(|warning| warning.contains("verify")), "{health:?}");
    let error = refusal(unchecked().text("environment", "production").backend().health(CALL));
    assert!(error.kind == ErrorKind::Invalid && error.what.contains("Production"), "{error}");

    // HTTP where TLS is spoken, TLS where HTTP is spoken, HTTP where it is forbidden.
    let http = good.address().replace("https", "http");
    assert_eq!(refused_read(&*Given::default().text("address", &http).secret("token", "root").backend()), "TLS");
    let plain = OpenBao::dev();
    let https = plain.address().replace("http", "https");
    let given = Given::default().text("address", &https).secret("token", "root");
    assert_eq!(refused_read(&*given.text("ca_file", &good.ca_file().display().to_string()).backend()), "TLS");
    let forbidden = Given::token(&plain, "root").set("enforce_https", Setting::Flag(true)).backend();
    assert!(refusal(forbidden.health(CALL)).what.contains("HTTPS is enforced"));
}

#[test]
fn no_address_and_no_token_say_what_to_set() {
    let backend = Given::default().backend();
    assert_eq!(backend.describe().target, "no address");
    for outcome in [backend.health(CALL).map(drop), backend.read(&name("x"), None, CALL).map(drop)] {
        let error = refusal(outcome);
        assert!(error.kind == ErrorKind::Invalid && error.hint.contains("VAULT_ADDR"), "{error}");
    }
    let server = server();
    let error = refusal(Given::at(&server).backend().health(CALL));
    assert!(error.kind == ErrorKind::Invalid && error.hint.contains("VAULT_TOKEN"), "{error}");
}

/// A backend behind a proxy that makes faults.
fn behind(proxy: &Proxy) -> Box<dyn SecretsBackend> {
    Given::default().text("address", &proxy.address()).secret("token", "root").backend()
}

#[test]
fn throttling_is_waited_for_and_then_told() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = behind(&proxy);
    proxy.set_times(Fault::throttle_vault(), 1);
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1", "asked again after the pause");
    let later = vec![("Retry-After", "60")];
    proxy.set(Fault::Answer { status: 429, headers: later, body: String::new() });
    // The server asks for a longer pause than there is time for: told at once, inside the deadline.
    assert_eq!(refused_read(&*backend), "THROTTLED");
}

#[test]
fn nobody_there_a_reset_and_half_an_answer() {
    let mut server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = behind(&proxy);
    backend.health(CALL).expect("well");
    proxy.set(Fault::Reset);
    assert_eq!(refused_read(&*backend), "UNREACHABLE");
    proxy.set(Fault::Truncate(20));
    assert_eq!(refused_read(&*backend), "UNREACHABLE");
    proxy.set(Fault::status(502));
    assert_eq!(refused_read(&*backend), "UNREACHABLE");
    proxy.set(Fault::Refuse);
    assert_eq!(refused_read(&*backend), "UNREACHABLE");
    proxy.heal();
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");

    let direct = root(&server);
    server.stop();
    let error = refusal(direct.health(CALL));
    assert!(error.kind == ErrorKind::Unreachable && error.what.contains("nobody listens"), "{error}");
    let nowhere = Given::default().text("address", "https://no-such-host.invalid:8200").secret("token", "t").backend();
    assert_eq!(refused_read(&*nowhere), "UNREACHABLE");
}

#[test]
fn a_server_that_does_not_answer_is_left_at_the_deadline() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = behind(&proxy);
    backend.health(CALL).expect("well");
    let short = Call { within: Duration::from_millis(300) };
    for fault in [Fault::HalfOpen, Fault::Delay(Duration::from_secs(600))] {
        proxy.set(fault);
        assert_eq!(refusal(backend.read(&name("x/key"), None, short)).kind, ErrorKind::Timeout);
        assert_eq!(refusal(backend.health(short)).kind, ErrorKind::Timeout);
    }
    proxy.heal();
    backend.health(CALL).expect("well again");
}

#[test]
fn a_write_that_was_cut_off_says_that_its_outcome_is_unknown() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = behind(&proxy);
    backend.health(CALL).expect("well");
    let write =
        |call| backend.write(&name("x/key"), Value::text("canary-2"), &Expected::Version(VersionId("1".into())), call);
    proxy.set_for("POST", Fault::HalfOpen);
    let short = Call { within: Duration::from_secs(2) };
    assert_eq!(refusal(write(short)).kind, ErrorKind::OutcomeUnknown);
    proxy.set_for("POST", Fault::Reset);
    assert_eq!(refusal(write(CALL)).kind, ErrorKind::OutcomeUnknown);
    proxy.set_for("POST", Fault::Truncate(10));
    assert_eq!(refusal(write(CALL)).kind, ErrorKind::OutcomeUnknown);
    proxy.heal();
    // The last one was made, and its answer was lost: a second one would be a conflict.
    let error = refusal(write(CALL));
    assert_eq!(error.kind, ErrorKind::Conflict { current: Some("2".into()) });
}

#[test]
fn a_redirect_is_not_followed_with_the_token() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let away = vec![("Location", "https://elsewhere.example:8200/v1/x")];
    proxy.set(Fault::Answer { status: 307, headers: away, body: String::new() });
    let error = refusal(behind(&proxy).read(&name("x/key"), None, CALL));
    assert!(error.kind == ErrorKind::Unreachable && error.what.contains("elsewhere.example"), "{error}");
}

#[test]
fn a_name_that_a_url_would_bend_is_refused_and_odd_ones_are_kept() {
    let server = server();
    let backend = root(&server);
    for bent in ["x/../x/key", "../data/x/key", "x//key", "/x", "x/", "x\\key", "."] {
        assert_eq!(refusal(backend.read(&name(bent), None, CALL)).kind, ErrorKind::Invalid, "{bent}");
    }
    for odd in ["odd/a b", "odd/50%", "odd/what?x=1&y", "odd/%2e%2e", "odd/ü;v=1", "odd/a+b"] {
        backend
            .write(&name(odd), Value::text("canary"), &Expected::Absent, CALL)
            .unwrap_or_else(|error| panic!("{odd}: {error}"));
        assert_eq!(read(&*backend, odd).1, "canary", "{odd}");
        assert_eq!(names(&*backend, odd, 0), [odd]);
    }
}

#[test]
fn a_value_too_large_for_the_store_is_told() {
    let server = OpenBao::raft();
    let backend = root(&server);
    let big = "x".repeat(2 << 20);
    let outcome = backend.write(&name("x/big"), Value::text(&big), &Expected::Absent, CALL);
    assert_eq!(refusal(outcome).kind, ErrorKind::TooLarge);
    assert_eq!(server.request("GET", "secret/data/x/big", "root", None).1["data"], Json::Null);
}
