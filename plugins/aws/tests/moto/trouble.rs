//! Throttling, silence, broken connections, TLS.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, OpenBao, Proxy};
use std::time::Duration;

fn within(seconds: u64) -> Call {
    Call { within: Duration::from_secs(seconds) }
}

#[test]
fn a_short_fault_is_waited_out_inside_the_call() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    create(&*backend, "short/x", "canary");
    let faults = [
        (Fault::throttle_aws(), 2),
        (Fault::status(503), 2),
        (Fault::Reset, 1),
        (Fault::Truncate(5), 1),
        (Fault::HalfOpen, 1),
    ];
    for (fault, times) in faults {
        proxy.forget();
        proxy.set_times(fault.clone(), times);
        let reading = backend.read(&name("short/x"), None, within(5));
        assert_eq!(reading.unwrap().value, Value::text("canary"), "{fault:?}");
        assert_eq!(proxy.count("GetSecretValue"), times + 1, "{fault:?}");
    }
}

#[test]
fn a_long_fault_is_called_by_its_name() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    create(&*backend, "long/x", "canary");
    let cases = [
        (Fault::throttle_aws(), 20, "THROTTLED"),
        // The deadline passes between two attempts.
        (Fault::throttle_aws(), 1, "THROTTLED"),
        (Fault::status(503), 20, "UNREACHABLE"),
        (Fault::Reset, 20, "UNREACHABLE"),
        (Fault::Truncate(5), 20, "UNREACHABLE"),
        (Fault::Delay(Duration::from_secs(5)), 1, "TIMEOUT"),
        (Fault::HalfOpen, 1, "TIMEOUT"),
        (Fault::Refuse, 20, "UNREACHABLE"),
    ];
    for (fault, seconds, kind) in cases {
        proxy.set(fault.clone());
        for error in [no(backend.read(&name("long/x"), None, within(seconds))), no(backend.health(within(seconds)))] {
            assert_eq!(error.kind.code(), kind, "{fault:?}: {error}");
            assert!(!error.hint.is_empty(), "{error}");
        }
        proxy.heal();
        assert_eq!(read(&*backend, "long/x"), Value::text("canary"), "and it is back at once");
    }
}

#[test]
fn a_closed_port_is_asked_once() {
    let proxy = Proxy::raw(&moto().address());
    let backend = backend(setup(&proxy.address()));
    proxy.set(Fault::Refuse);
    let error = no(backend.list(&PageRequest::default(), CALL));
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.what.contains("127.0.0.1 refuses the connection"), "{error}");
}

#[test]
fn what_speaks_no_tls_is_a_tls_error() {
    let backend = backend(setup(&moto().address().replace("http://", "https://")));
    let error = no(backend.health(CALL));
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.hint.contains("ca_file"), "{error}");
}

#[test]
fn a_server_with_an_authority_of_its_own_is_believed_by_its_file_alone() {
    // Any server with TLS does: it is asked for AWS and answers something else, by a connection that was made.
    let server = OpenBao::raft();
    let untrusted = no(backend(setup(&server.address())).health(CALL));
    assert_eq!(untrusted.kind, ErrorKind::Tls, "{untrusted}");
    assert!(untrusted.what.contains("UnknownIssuer"), "{untrusted}");
    let mut setup = setup(&server.address());
    setup.settings.insert("ca_file".into(), Setting::Text(server.ca_file().display().to_string()));
    let trusted = no(backend(setup).health(CALL));
    assert_ne!(trusted.kind, ErrorKind::Tls, "{trusted}");
}

#[test]
fn a_file_of_authorities_is_looked_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    for text in ["canary", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&file, text).unwrap();
        let mut setup = setup(&moto().address());
        setup.settings.insert("ca_file".into(), Setting::Text(file.display().to_string()));
        let error = no(backend(setup).health(CALL));
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    }
}
