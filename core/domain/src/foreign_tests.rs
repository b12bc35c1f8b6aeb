//! The samples of the specification and of generated audit files, and lines that no program should write.

use super::*;
use crate::chain::{self, Digest, Salt};
use crate::detail::lines as detail;
use crate::event::{Actor, Event, EventId};
use proptest::prelude::*;

fn shown(raw: &str) -> (String, String, String, String, Severity, bool) {
    let line = read("x".into(), Place::default(), raw.as_bytes());
    let text = |text: &str| text.to_owned();
    (
        text(line.actor()),
        text(line.kind()),
        text(line.resource()),
        text(line.outcome()),
        line.severity,
        line.at.is_some(),
    )
}

fn expect(raw: &str, actor: &str, kind: &str, resource: &str, outcome: &str, severity: Severity) {
    let expected = (actor.into(), kind.into(), resource.into(), outcome.into(), severity, true);
    assert_eq!(shown(raw), expected, "{raw}");
}

#[test]
fn our_own_lines_are_read_with_their_chain() {
    let id = EventId { event: "evt-0000000000000001".into(), request: "req-000000000001".into() };
    let at = "2026-11-08T14:30:15.042Z".parse().expect("a test's own timestamp");
    let event = Event::new(EventKind::SecretReveal, at, id, Actor::system("sess-1"), None)
        .on("secret://fernet/broker.password");
    let fine = chain::seal(&event.clone().came_out(Status::Success, Some(38), None), 1, Salt([0; 16]), Digest::ZERO);
    expect(&fine, "quarterdeck", "SECRET_REVEAL", "fernet/broker.password", "ok 38 ms", Severity::Minor);
    let denied = event.came_out(Status::Denied, Some(2), Some("ROLE"));
    let denied = chain::seal(&denied, 2, Salt([0; 16]), Digest::ZERO);
    expect(&denied, "quarterdeck", "SECRET_REVEAL", "fernet/broker.password", "DENIED ROLE 2 ms", Severity::Major);
}

#[test]
fn the_security_event_log_is_read() {
    let sample = r#"{ "timestamp": "2025-11-08T14:30:15.042Z", "event_id": "evt-abc123456", "event_type": "SECRET_READ",
      "actor": { "type": "user", "id": "alice@example.com", "role": "trader-prod", "session_id": "sess-xyz789" },
      "action": { "verb": "READ", "resource": "secret://prod/ibkr/api-key", "resource_id": "sec-12345" },
      "context": { "ip_address": "203.0.113.42", "request_id": "req-abc123", "environment": "production" },
      "result": { "status": "SUCCESS", "duration_ms": 42, "error_code": null },
      "security_context": { "mfa_verified": true, "anomaly_score": 0.15 } }"#;
    expect(sample, "alice@example.com", "SECRET_READ", "prod/ibkr/api-key", "ok 42 ms", Severity::Info);
    let order = r#"{"timestamp":"2025-11-08T00:00:00.035Z","event_id":"evt-000000001","event_type":"ORDER_SUBMIT","actor":{"type":"user","id":"user019@example.com","role":"deployer","session_id":"sess-dcaa44"},"action":{"verb":"SUBMIT","resource":"order://prod/obj-429","resource_id":"ord-48923"},"context":{"ip_address":"203.0.113.29","request_id":"req-9e3779b1","environment":"production"},"result":{"status":"FAILURE","duration_ms":1700,"error_code":"TIMEOUT"},"security_context":{"mfa_verified":true,"anomaly_score":0.21}}"#;
    expect(order, "user019@example.com", "ORDER_SUBMIT", "prod/obj-429", "FAILED TIMEOUT 1.7 s", Severity::Minor);
    let denied = order.replace("TIMEOUT", "PERMISSION_DENIED");
    expect(
        &denied,
        "user019@example.com",
        "ORDER_SUBMIT",
        "prod/obj-429",
        "DENIED PERMISSION_DENIED 1.7 s",
        Severity::Major,
    );
    let login = order.replace("ORDER_SUBMIT", "LOGIN").replace("TIMEOUT", "INVALID_CREDENTIALS");
    expect(
        &login,
        "user019@example.com",
        "LOGIN",
        "prod/obj-429",
        "rejected INVALID_CREDENTIALS 1.7 s",
        Severity::Minor,
    );
    let kill = order
        .replace("ORDER_SUBMIT", "KILL_SWITCH")
        .replace("\"SUBMIT\"", "\"ACTIVATE\"")
        .replace("\"FAILURE\"", "\"SUCCESS\"");
    assert_eq!(shown(&kill).4, Severity::Critical);
}

#[test]
fn the_access_trail_is_read() {
    let sample = r#"{"timestamp":"2025-11-08T14:30:15Z","actor":"trader-role:alice","resource":"prod/ibkr/api-key","action":"READ","result":"SUCCESS","duration_ms":42,"ip_address":"10.0.1.45","request_id":"req-abc123","failure_reason":null,"context":{"purpose":"order-submission","environment":"production","session_id":"sess-xyz789"}}"#;
    expect(sample, "alice", "SECRET_READ", "prod/ibkr/api-key", "ok 42 ms", Severity::Info);
    let denied = sample.replace("SUCCESS", "DENIED").replace("null", "\"not a reader\"");
    expect(&denied, "alice", "SECRET_READ", "prod/ibkr/api-key", "DENIED not a reader 42 ms", Severity::Major);
}

#[test]
fn the_guides_log_is_read_and_its_mask_is_not_shown() {
    let sample = r#"{"timestamp":"2025-01-15T10:30:45.123456Z","event_type":"secret_access","success":true,"details":{"secret_key":"broker.password","source":"vault","value_masked":"***word","value_hash":"a3d5e8f2b1c4d6e7"},"process_id":12345,"environment":"production"}"#;
    expect(sample, "pid 12345", "SECRET_ACCESS", "vault/broker.password", "ok", Severity::Info);
    let failed = r#"{"timestamp":"2025-11-08T00:00:00.041889","event_type":"auth_failure","success":false,"details":{"component":"db.dsn","source":"env","attempt":2},"error":"TIMEOUT: backend said \"no\" \u2014 retry","process_id":3669,"environment":"production"}"#;
    expect(
        failed,
        "pid 3669",
        "AUTH_FAILURE",
        "env/db.dsn",
        "rejected TIMEOUT: backend said \"no\" — retry",
        Severity::Minor,
    );
    let lines = detail(sample.as_bytes()).join("\n");
    assert!(!lines.contains("***word") && !lines.contains("a3d5e8f2") && lines.contains("broker.password"), "{lines}");
}

#[test]
fn what_our_lines_say_of_a_rotation_and_of_a_value_stands_for_itself() {
    let line = |kind: &str, detail: &str| {
        let raw = format!(
            r#"{{"timestamp":"2026-11-08T14:30:15Z","event_type":"{kind}","actor":{{"id":"tom","role":"trader"}},"action":{{"verb":"x","resource":"secret://aws/desk/key","resource_id":"R-3"}},"result":{{"status":"SUCCESS"}},"_d":{detail}}}"#
        );
        read("journal".into(), Place::default(), raw.as_bytes())
    };
    let told =
        line("ROTATION_CONFIRMED", r#"{"rotation":{"number":3,"runner":null,"fact":{"confirmed":{"by":"tom"}}}}"#);
    let beside = told.beside().expect("a line of a rotation");
    let said = [&beside.rotation, &beside.step, &beside.by, &beside.role].map(String::as_str);
    assert_eq!(said, ["R-3", "confirm", "tom", "trader"]);
    let done = r#"{"rotation":{"number":3,"runner":"sess-1-3","fact":{"done":{"step":"stage","version":"15","fingerprint":"98296cd88e27daeb","grace":null,"by":"aws","note":"","took_ms":4}}}}"#;
    let told = line("ROTATION_STEP", done);
    let beside = told.beside().expect("a line of a rotation");
    let said = [&beside.step, &beside.version, &beside.fingerprint, &beside.by, &beside.runner].map(String::as_str);
    assert_eq!(said, ["stage", "15", "98296cd88e27daeb", "aws", "sess-1-3"]);
    let asked = r#"{"rotation":{"number":3,"runner":null,"fact":{"asked":{"ask":"back","by":"tom","why":"password=hunter2hunter2 \u001b[31m"}}}}"#;
    let told = line("ROTATION_ASKED", asked);
    let reason = &told.beside().expect("a line of a rotation").reason;
    assert!(!reason.contains("hunter2") && !reason.contains('\u{1b}'), "{reason}");
    let written = r#"{"secret":{"layer":"aws","name":"desk/key","purpose":"set","version":"14","fingerprint":"00ff","note":null}}"#;
    let told = line("SECRET_WRITE", written);
    let beside = told.beside().expect("a write");
    assert_eq!((beside.version.as_str(), beside.fingerprint.as_str(), told.outcome()), ("14", "00ff", "ok"));
    assert_eq!(line("SECRET_READ", r#"{"nothing":{}}"#).beside(), None);
}

#[test]
fn vaults_audit_device_is_read_with_its_answers_alone_as_reads() {
    let sample = r#"{"time":"2026-11-08T14:30:15.042Z","type":"response","auth":{"client_token":"hmac-sha256:ab","display_name":"approle","metadata":{"role_name":"beta-us"}},"request":{"id":"5b","operation":"read","mount_point":"secret/","mount_type":"kv","path":"secret/data/prod/trader/key","remote_address":"10.0.0.1"},"response":{"data":{"data":{"password":"hmac-sha256:cd"}}}}"#;
    expect(sample, "beta-us", "SECRET_READ", "prod/trader/key", "ok", Severity::Info);
    let asked = sample.replace("\"response\",\"auth\"", "\"request\",\"auth\"");
    expect(&asked, "beta-us", "VAULT_REQUEST", "prod/trader/key", "", Severity::Info);
    let denied = sample.replace("\"time\"", "\"error\":\"1 error occurred:\\n\\t* permission denied\\n\\n\",\"time\"");
    expect(&denied, "beta-us", "SECRET_READ", "prod/trader/key", "DENIED PERMISSION_DENIED", Severity::Major);
    let keys =
        sample.replace("secret/data/", "secret/metadata/").replace(",\"metadata\":{\"role_name\":\"beta-us\"}", "");
    expect(&keys, "approle", "SECRET_INSPECTED", "prod/trader/key", "ok", Severity::Info);
    let one = sample.replace("secret/data/prod", "secret/prod");
    expect(&one, "beta-us", "SECRET_READ", "prod/trader/key", "ok", Severity::Info);
    let login = sample
        .replace("secret/data/prod/trader/key", "auth/approle/login")
        .replace("\"time\"", "\"error\":\"invalid secret id\",\"time\"");
    expect(&login, "beta-us", "LOGIN", "auth/approle/login", "rejected invalid secret id", Severity::Minor);
    let other = sample.replace("\"type\":\"response\"", "\"type\":\"panic\"");
    assert_eq!(shown(&other).1, "JSON", "a type that it has not got");
}

#[test]
fn a_lines_own_severity_is_not_believed() {
    let line = r#"{"timestamp":"2025-11-08T14:30:15Z","severity":"CRITICAL","level":"fatal","event_type":"order_cancel","success":true}"#;
    assert_eq!(shown(line).4, Severity::Info);
    let line =
        r#"{"timestamp":"2025-11-08T14:30:15Z","severity":"info","event_type":"permission_denied","success":true}"#;
    assert_eq!(shown(line).4, Severity::Major);
}

#[test]
fn other_shapes_are_shown_raw_and_safe() {
    let (actor, kind, resource, outcome, severity, timed) =
        shown(r#"{"time":"2025-11-08T14:30:15Z","msg":"x","password":"hunter2"}"#);
    assert_eq!((&*actor, &*kind, &*outcome, severity, timed), ("-", "JSON", "", Severity::Info, true));
    assert_eq!(resource, r#"{"time":"2025-11-08T14:30:15Z","msg":"x","password":"[REDACTED]"}"#);
    let (_, kind, resource, _, _, timed) = shown("panic at\x1b[31m '\u{202e}x' token=abc");
    assert_eq!((&*kind, &*resource, timed), ("TEXT", "panic at<1b>[31m '<202e>x' token=[REDACTED]", false));
    let twice = r#"{"event_type":"a","event_type":"b","success":true}"#;
    assert_eq!(shown(twice).1, "TEXT", "a field given twice is no known shape");
    let line = read("x".into(), Place::default(), b"\xff\xfe{\"a\":1}");
    assert_eq!(line.resource(), "\u{fffd}\u{fffd}{\"a\":1}");
}

#[test]
fn a_hostile_field_cant_leave_its_column() {
    let line = r#"{"timestamp":"2025-11-08T14:30:15Z","event_type":"SECRET\u001b[2J_READ","actor":{"id":"al\u202eice\n14:00:00 CRITICAL"},"action":{"verb":"READ","resource":"secret://\u200b\u0007x U1234567"},"result":{"status":"SUCCESS","duration_ms":1e3,"error_code":"pw password=hunter2"}}"#;
    let (actor, kind, resource, outcome, ..) = shown(line);
    assert_eq!(actor, "al<202e>ice<0a>14:00:00 CRITICAL");
    assert_eq!(kind, "SECRET<1b>[2J_READ");
    assert_eq!(resource, "<200b><07>x ****4567");
    assert_eq!(outcome, "ok pw password=[REDACTED]");
}

#[test]
fn a_megabyte_is_shown_in_little() {
    let line = format!(
        r#"{{"timestamp":"2025-11-08T14:30:15Z","event_type":"secret_access","success":true,"details":{{"path":"{}"}}}}"#,
        "x".repeat(1_000_000)
    );
    let (_, kind, resource, ..) = shown(&line);
    assert_eq!((&*kind, resource.len()), ("SECRET_ACCESS", LONG));
    assert_eq!(read("x".into(), Place::default(), &vec![0xff; 1_000_000]).resource().chars().count(), LONG);
}

#[test]
fn a_torn_line_is_said_to_be_torn() {
    let line = torn("x".into(), Place::default(), b"{\"token\":\"abcdef\x1b");
    assert_eq!((line.kind(), line.resource()), ("TORN_LINE", "{\"token\":\"[REDACTED]"));
}

proptest! {
    #[test]
    fn any_bytes_give_a_harmless_line(raw: Vec<u8>) {
        let line = read("x".into(), Place::default(), &raw);
        for text in [line.actor(), line.kind(), line.resource(), line.outcome()] {
            prop_assert!(text.chars().all(sanitise::is_plain));
        }
        for text in detail(&raw) {
            prop_assert!(text.chars().all(sanitise::is_plain));
        }
    }
}
