//! Each fault of the proxy, seen by a client.

use quarterdeck_servers::{Fault, Moto, OpenBao, Proxy};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

/// What a plain client reads until the end.
fn ask(proxy: &Proxy, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(proxy.authority())?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nX-Vault-Token: root\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn every_fault_is_seen_and_healed() {
    let bao = OpenBao::dev();
    bao.write("a", &json!({ "key": "k-of-a" }));
    let proxy = Proxy::http(&bao.address());
    let good = || assert!(ask(&proxy, "/v1/secret/data/a").expect("an answer").contains("k-of-a"));
    good();

    proxy.set(Fault::Reset);
    let error = ask(&proxy, "/v1/sys/health").expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    proxy.heal();
    good();

    proxy.set(Fault::Refuse);
    let error = ask(&proxy, "/v1/sys/health").expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    proxy.heal();
    good();

    proxy.set_times(Fault::throttle_vault(), 2);
    for _ in 0..2 {
        assert!(ask(&proxy, "/v1/sys/health").expect("an answer").starts_with("HTTP/1.1 429 "));
    }
    good();

    proxy.set_for("/v1/sys/", Fault::status(502));
    assert!(ask(&proxy, "/v1/sys/health").expect("an answer").starts_with("HTTP/1.1 502 "));
    good();

    proxy.set(Fault::Truncate(10));
    let cut = ask(&proxy, "/v1/secret/data/a").expect("a cut answer");
    assert_eq!(cut.split_once("\r\n\r\n").expect("a head").1.len(), 10);
    proxy.heal();
    good();

    proxy.set_for_times("/v1/secret/", Fault::Lose, 1);
    assert!(ask(&proxy, "/v1/sys/health").is_ok(), "another path's");
    let error = ask(&proxy, "/v1/secret/data/a").expect_err("the answer is lost");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    good();

    proxy.forget();
    good();
    assert_eq!((proxy.count("GET /v1/secret/data/"), proxy.connections()), (1, 1));
    assert_eq!(proxy.seen(), ["GET /v1/secret/data/a"]);
}

#[test]
fn a_delay_ends_when_it_is_healed_and_half_open_never() {
    let bao = OpenBao::dev();
    let proxy = std::sync::Arc::new(Proxy::http(&bao.address()));
    for (fault, goes_on) in [(Fault::Delay(Duration::from_secs(3600)), true), (Fault::HalfOpen, false)] {
        proxy.set(fault);
        let (said, heard) = mpsc::channel();
        let asked = std::sync::Arc::clone(&proxy);
        std::thread::spawn(move || said.send(ask(&asked, "/v1/sys/health").is_ok()));
        assert!(heard.recv_timeout(Duration::from_millis(300)).is_err());
        proxy.heal();
        assert_eq!(heard.recv_timeout(Duration::from_millis(if goes_on { 60_000 } else { 300 })).is_ok(), goes_on);
    }
}

#[test]
fn tls_goes_through_byte_by_byte() {
    let bao = OpenBao::raft();
    let proxy = Proxy::raw(&bao.address());
    let verified = || {
        let script = "import ssl, sys, urllib.request as r\nr.urlopen(sys.argv[1] + '/v1/sys/health', \
                      context=ssl.create_default_context(cafile=sys.argv[2])).read()";
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/venv/bin/python");
        let address = format!("https://{}", proxy.authority());
        let ran = Command::new(python).args(["-c", script, &address]).arg(bao.ca_file()).output().expect("Python");
        ran.status.success()
    };
    assert!(verified());
    proxy.set(Fault::Truncate(100));
    assert!(!verified());
    proxy.set(Fault::Reset);
    assert!(!verified());
    proxy.heal();
    assert!(verified());
}

#[test]
fn calls_of_aws_are_told_by_their_action() {
    let moto = Moto::start();
    let proxy = Proxy::http(&moto.address());
    let list = || {
        let mut stream = TcpStream::connect(proxy.authority()).expect("a proxy");
        let credential = "Credential=test/20260101/us-east-1/secretsmanager/aws4_request";
        let request = format!(
            "POST / HTTP/1.1\r\nHost: here\r\nX-Amz-Target: secretsmanager.ListSecrets\r\nAuthorization: \
             AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    };
    assert!(list().contains("SecretList"));
    proxy.set_for("secretsmanager.ListSecrets", Fault::throttle_aws());
    assert!(list().contains("ThrottlingException"));
    assert_eq!(proxy.seen(), ["POST / secretsmanager.ListSecrets"; 2]);
}
