//! OpenBao as the suites use it, each state once.

use quarterdeck_servers::{Certificate, OpenBao, wait_until};
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn a_dev_server_keeps_secrets_of_both_versions_and_gives_tokens() {
    let mut bao = OpenBao::dev();
    assert_eq!(bao.write("prod/trader", &json!({ "key": "k" })), 1);
    bao.mount("old", 1);
    bao.root("POST", "old/prod/trader", &json!({ "key": "k" }));
    bao.policy("reader", r#"path "secret/data/prod/*" { capabilities = ["read"] }"#);
    let token = bao.token(&["reader"], "1h");
    let (status, read) = bao.request("GET", "secret/data/prod/trader", &token, None);
    assert_eq!((status, &read["data"]["data"]["key"]), (200, &json!("k")));
    assert_eq!(bao.request("GET", "old/prod/trader", &token, None).0, 403);
    bao.revoke(&token);
    assert_eq!(bao.request("GET", "secret/data/prod/trader", &token, None).0, 403);

    let (role, secret) = bao.approle("cockpit", &["reader"], "1h");
    let login = json!({ "role_id": role, "secret_id": secret });
    assert_eq!(bao.request("POST", "auth/approle/login", "", Some(&login)).0, 200);
    bao.userpass("ada", "pass", &["reader"]);
    assert_eq!(bao.request("POST", "auth/userpass/login/ada", "", Some(&json!({ "password": "pass" }))).0, 200);

    bao.seal();
    assert_eq!(bao.request("GET", "secret/data/prod/trader", "root", None).0, 503);
    bao.unseal();
    assert_eq!(bao.request("GET", "secret/data/prod/trader", "root", None).0, 200);

    bao.stop();
    bao.start_again();
    assert_eq!(bao.request("GET", "secret/data/prod/trader", "root", None).0, 404, "it has forgotten");
}

#[test]
fn a_raft_server_keeps_its_data_and_its_audit_and_can_be_blocked() {
    let mut bao = OpenBao::raft();
    bao.write("a", &json!({ "key": "k" }));
    assert!(bao.address().starts_with("https://") && bao.ca_file().is_file());
    assert!(bao.audit_log().contains("secret/data/a"));
    bao.seal();
    bao.unseal();
    let read = bao.root("GET", "secret/data/a", &Value::Null);
    assert_eq!(read["data"]["data"]["key"], "k");
    bao.block_audit();
    assert_eq!(bao.request("GET", "secret/data/a", "root", None).0, 500);
    bao.unblock_audit();
    assert_eq!(bao.request("GET", "secret/data/a", "root", None).0, 200);
}

#[test]
fn a_certificate_is_good_expired_or_of_another_host() {
    let verified = |bao: &OpenBao| {
        let script = "import ssl, sys, urllib.request as r\nr.urlopen(sys.argv[1] + '/v1/sys/health', \
                      context=ssl.create_default_context(cafile=sys.argv[2]))";
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/venv/bin/python");
        let ran =
            Command::new(python).args(["-c", script, &bao.address()]).arg(bao.ca_file()).output().expect("Python");
        (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let (good, said) = verified(&OpenBao::tls(Certificate::Good));
    assert!(good, "{said}");
    let (good, said) = verified(&OpenBao::tls(Certificate::Expired));
    assert!(!good && said.contains("certificate has expired"), "{said}");
    let (good, said) = verified(&OpenBao::tls(Certificate::Elsewhere));
    assert!(!good && said.contains("IP address mismatch"), "{said}");
}

#[test]
fn a_server_that_nobody_initialised_says_so() {
    let bao = OpenBao::uninitialised();
    let (status, health) = bao.request("GET", "sys/health", "", None);
    assert_eq!((status, &health["initialized"]), (501, &json!(false)));
}

#[test]
fn a_frozen_server_answers_after_the_thaw() {
    let bao = std::sync::Arc::new(OpenBao::dev());
    bao.freeze();
    let (said, heard) = std::sync::mpsc::channel();
    let asked = std::sync::Arc::clone(&bao);
    std::thread::spawn(move || said.send(asked.request("GET", "sys/health", "", None).0));
    assert!(heard.recv_timeout(std::time::Duration::from_millis(300)).is_err());
    bao.thaw();
    assert_eq!(heard.recv().expect("an answer"), 200);
}

#[test]
fn a_server_ends_when_its_test_process_is_killed() {
    const ROLE: &str = "QUARTERDECK_SERVERS_TO_BE_KILLED";
    if std::env::var_os(ROLE).is_some() {
        let bao = OpenBao::dev();
        println!("\naddress={}", bao.address());
        std::thread::park();
    }
    let this = std::env::current_exe().expect("this suite");
    let mut child = Command::new(this);
    child.args(["--exact", "a_server_ends_when_its_test_process_is_killed", "--nocapture"]).env(ROLE, "1");
    let mut child = child.stdout(std::process::Stdio::piped()).spawn().expect("this suite again");
    let out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = std::io::BufRead::lines(out).map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("address=http://").map(str::to_owned)).expect("an address");
    assert!(std::net::TcpStream::connect(&port).is_ok());
    child.kill().expect("our own child");
    child.wait().expect("it ends");
    wait_until("the server has ended", || std::net::TcpStream::connect(&port).is_err());
}
