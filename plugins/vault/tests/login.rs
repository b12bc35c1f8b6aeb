//! How the plugin gets its token, keeps it alive, and says when it ends.

mod support;

use quarterdeck_contract::*;
use quarterdeck_servers::{OpenBao, Proxy, wait_until};
use serde_json::json;
use std::fs;
use std::sync::{Arc, Mutex};
use support::*;

const POLICY: &str = r#"
    path "secret/data/x/*" { capabilities = ["read"] }
    path "secret/metadata/x/*" { capabilities = ["list"] }"#;

fn approle(server: &OpenBao, ttl: &str) -> Given {
    server.policy("test", POLICY);
    let (role, secret) = server.approle("desk", &["test"], ttl);
    Given::default().text("auth", "approle").text("role_id", &role).secret("secret_id", &format!("{secret}\n"))
}

fn layer(given: Given) -> Box<dyn SecretsBackend> {
    given.text("path", "secret/data/x/key").backend()
}

#[test]
fn an_app_role_logs_in_and_health_tells_who_it_is() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = layer(approle(&server, "1h").text("address", &proxy.address()));
    let health = backend.health(CALL).expect("well");
    let fact = |label| fact(&health.facts, label);
    assert_eq!(fact("token"), "approle");
    assert_eq!(fact("policies"), "default, test");
    assert_eq!(
        (fact("mount"), fact("KV version"), fact("log-in")),
        ("secret".into(), "2".into(), "AppRole at approle".into())
    );
    assert!(fact("accessor").starts_with("..") && fact("accessor").len() == 6, "{}", fact("accessor"));
    assert!(
        fact("token ends in").contains("min") && fact("calls in the last hour").parse::<u64>().expect("a count") > 3
    );
    assert!(health.expires_at.is_some() && health.warnings.is_empty(), "{health:?}");
    for _ in 0..5 {
        backend.read(&name("x/key"), None, CALL).expect("readable");
    }
    assert_eq!(proxy.count("login"), 1, "one log-in for all calls");
}

#[test]
fn a_dead_token_of_ours_is_replaced_by_a_new_log_in() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = layer(approle(&server, "1h").text("address", &proxy.address()));
    backend.health(CALL).expect("well");
    server.root("PUT", "sys/leases/revoke-prefix/auth/approle/login", &json!({ "sync": true }));
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");
    assert_eq!(proxy.count("login"), 2);
}

#[test]
fn a_token_of_ours_is_renewed_before_it_ends() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let backend = layer(approle(&server, "12s").text("address", &proxy.address()));
    wait_until("the token is renewed", || {
        backend.health(CALL).expect("well all the time");
        proxy.count("renew-self") > 0
    });
    assert_eq!(proxy.count("login"), 1);
}

#[test]
fn a_token_from_outside_is_renewed_only_where_that_is_wanted() {
    let server = server();
    server.policy("test", POLICY);
    let proxy = Proxy::http(&server.plain_address());
    let given = |renew| {
        let given = Given::default().text("address", &proxy.address()).secret("token", &server.token(&["test"], "12s"));
        layer(given.set("renew", Setting::Flag(renew)))
    };
    let (kept, left) = (given(true), given(false));
    let health = left.health(CALL).expect("well");
    assert!(health.warnings.iter().any(|warning| warning.contains("not renewed here")), "{health:?}");
    assert!(health.expires_at.is_some());
    wait_until("the one that is not renewed ends", || {
        kept.health(CALL).expect("renewed all the time");
        left.health(CALL).is_err()
    });
    assert_eq!(refusal(left.health(CALL)).kind, ErrorKind::Expired);
}

#[test]
fn a_wrong_secret_id_is_said_once_and_not_repeated() {
    let server = server();
    let proxy = Proxy::http(&server.plain_address());
    let given = approle(&server, "1h").text("address", &proxy.address()).secret("secret_id", "canary-wrong");
    let backend = layer(given);
    for _ in 0..4 {
        assert_eq!(refusal(backend.health(CALL)).kind, ErrorKind::Expired);
    }
    assert_eq!(proxy.count("login"), 1, "a refused log-in is not repeated at once");
}

#[test]
fn a_user_logs_in_and_a_locked_out_one_is_told() {
    let server = server();
    server.policy("test", POLICY);
    server.userpass("desk", "canary-password", &["test"]);
    let given =
        |password| Given::at(&server).text("auth", "userpass").text("username", "desk").secret("password", password);
    assert_eq!(read(&*layer(given("canary-password\n")), "x/key#password").1, "canary-1");
    let error = refusal(layer(given("canary-wrong")).health(CALL));
    assert_eq!(error.kind, ErrorKind::Expired);

    wait_until("the user is locked out", || {
        let body = json!({ "password": "no" });
        server.request("POST", "auth/userpass/login/desk", "", Some(&body)).0 == 403
    });
    let error = refusal(layer(given("canary-password")).health(CALL));
    assert!(matches!(&error.kind, ErrorKind::Denied { missing, .. } if missing.contains("locked out")), "{error}");
    let error = refusal(layer(Given::at(&server).text("auth", "userpass").text("username", "desk")).health(CALL));
    assert!(error.hint.contains("secret_files.password"), "{error}");
}

#[test]
fn a_log_in_to_a_sealed_server_is_told_as_that() {
    let server = server();
    let backend = layer(approle(&server, "1h").text("address", &server.address()));
    server.seal();
    assert_eq!(refusal(backend.health(CALL)).kind, ErrorKind::Sealed);
}

#[test]
fn an_agents_file_is_read_again_when_it_changes() {
    let server = server();
    server.policy("test", POLICY);
    let folder = tempfile::tempdir().expect("a folder");
    let sink = folder.path().join("token");
    let given = Given::at(&server).text("auth", "agent").text("token_file", &sink.display().to_string());
    let backend = layer(given);
    assert!(refusal(backend.health(CALL)).what.contains("is not there"));

    let first = server.token(&["test"], "1h");
    fs::write(&sink, format!("{first}\n")).expect("written");
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");
    server.revoke(&first);
    assert_eq!(refused_read(&*backend), "EXPIRED");
    // By rename, as an agent does it.
    let next = folder.path().join("next");
    fs::write(&next, server.token(&["test"], "1h")).expect("written");
    fs::rename(&next, &sink).expect("renamed");
    assert_eq!(read(&*backend, "x/key#password").1, "canary-1");
    fs::write(&sink, "canary no token").expect("written");
    assert_eq!(refused_read(&*backend), "INVALID");
}

/// Keeps every line that a library logs.
struct Ear(Arc<Mutex<String>>);

impl log::Log for Ear {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        self.0.lock().expect("whole").push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn no_library_says_a_secret_however_much_it_says() {
    let heard = Arc::new(Mutex::new(String::new()));
    log::set_boxed_logger(Box::new(Ear(heard.clone()))).expect("the only one");
    log::set_max_level(log::LevelFilter::Trace);
    let server = server();
    let backend = layer(approle(&server, "1h").text("address", &server.address()));
    backend.health(CALL).expect("well");
    read(&*backend, "x/key");
    let backend = root(&server);
    backend.write(&name("x/key"), Value::text("canary-3"), &Expected::Anything, CALL).expect("written");
    backend.write(&name("x/key"), Value::text("canary-4"), &Expected::Absent, CALL).expect_err("it is there");
    let dead = Given::token(&server, "s.canaryCanaryCanaryCanary1").backend();
    dead.health(CALL).expect_err("no token");
    server.userpass("desk", "canary-password", &["test"]);
    let user = Given::at(&server).text("auth", "userpass").text("username", "desk").secret("password", "canary-wrong");
    layer(user).health(CALL).expect_err("wrong");
    log::set_max_level(log::LevelFilter::Off);
    let heard = heard.lock().expect("whole");
    assert!(!heard.is_empty(), "the libraries do log");
    assert!(!shows_a_secret(&heard), "a library's log line shows a secret");
}
