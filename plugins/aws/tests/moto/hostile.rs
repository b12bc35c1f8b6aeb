//! A server that is none of AWS's: text that steers a screen, answers without what they must have, far too large ones.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, Proxy};
use serde_json::{Value as Json, json};

/// Clears, turns, joins, hides.
const FOUL: &str = "\u{1b}[2J\u{9b}\u{7}\u{202e}\u{2066}\u{200b}\u{feff}";

fn answer(status: u16, body: impl ToString) -> Fault {
    let headers = vec![("Content-Type", "application/x-amz-json-1.1")];
    Fault::Answer { status, headers, body: body.to_string() }
}

fn behind() -> (Proxy, Box<dyn SecretsBackend>) {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    (proxy, backend)
}

#[track_caller]
fn is_plain(shown: &[&str]) {
    for text in shown {
        let foul = |letter: char| letter.is_control() || !letter.is_ascii() && FOUL.contains(letter);
        assert!(!text.contains(foul), "{text:?}");
    }
}

#[track_caller]
fn is_plain_error(error: &BackendError) {
    is_plain(&[&error.what, &error.doing, &error.hint]);
    if let ErrorKind::Denied { missing, grant } = &error.kind {
        is_plain(&[missing, grant]);
    }
}

#[test]
fn an_error_is_plain_text_whatever_the_server_says() {
    let (proxy, backend) = behind();
    let denied = format!(
        "User: arn:aws:iam::123456789012:user/{FOUL}bob is not authorized to perform: x:{FOUL}Get on resource: \
         arn:{FOUL} because {FOUL}of it"
    );
    let cases = [
        ("ValidationException", format!("{FOUL}gnp.exe")),
        (&format!("Code{FOUL}"), format!("{FOUL}text")),
        ("AccessDeniedException", denied),
    ];
    for (code, message) in cases {
        proxy.set(answer(400, json!({"__type": code, "message": message})));
        for error in [
            no(backend.read(&name("plain/x"), None, CALL)),
            no(backend.list(&PageRequest::default(), CALL)),
            no(backend.inspect(&name("plain/\u{202e}x"), CALL)),
        ] {
            is_plain_error(&error);
            assert!(error.what.contains(r"\u{202e}"), "it is spelt out: {error}");
        }
    }
}

#[test]
fn tags_facts_and_names_are_plain_text() {
    let (proxy, backend) = behind();
    let described = json!({"Name": "plain/x", "Description": format!("{FOUL}sold"), "KmsKeyId": FOUL, "OwningService": FOUL,
        "Tags": [{"Key": format!("team{FOUL}"), "Value": format!("{FOUL}desk")}],
        "VersionIdsToStages": {format!("v{FOUL}"): ["AWSCURRENT", FOUL]}, "Versions": []});
    proxy.set(answer(200, described));
    let found = backend.inspect(&name("plain/x"), CALL).unwrap();
    assert_eq!((found.metadata.len(), found.versions.len()), (1, 1));
    for (label, text) in found.metadata.iter().chain(found.facts.iter().map(|(label, text)| (label, text))) {
        is_plain(&[label, text]);
    }
    for version in &found.versions {
        is_plain(&[&version.id.0]);
        version.labels.iter().for_each(|label| is_plain(&[label]));
    }

    let listed = json!({"SecretList": [{"Name": "plain/\u{202e}turned"}, {"Name": "plain/zero\u{200b}"}, {"Name": "plain/good",
        "SecretVersionsToStages": {format!("v{FOUL}"): ["AWSCURRENT"]}}]});
    proxy.set(answer(200, listed));
    let entries = backend.list(&PageRequest::default(), CALL).unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["plain/good"]);
    is_plain(&[&entries[0].version.as_ref().unwrap().0]);
}

#[test]
fn an_answer_without_what_aws_always_says_is_called_so() {
    let (proxy, backend) = behind();
    let reads: [(Json, &str); 3] = [
        (json!({"Name": "strange/x", "VersionId": "v", "VersionStages": ["AWSCURRENT"]}), "the value is missing"),
        (json!({"Name": "strange/x", "SecretString": "canary"}), "the version's id is missing"),
        (json!({}), "the value is missing"),
    ];
    let is_strange = |error: BackendError, lacks: &str| {
        assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
        assert!(error.what.contains("the server answered what AWS never answers"), "{error}");
        assert!(error.what.contains(lacks) && error.hint.contains("endpoint"), "{error}");
    };
    for (body, lacks) in reads {
        proxy.set(answer(200, body));
        is_strange(no(backend.read(&name("strange/x"), None, CALL)), lacks);
    }
    proxy.set(answer(200, json!({})));
    is_strange(no(backend.list(&PageRequest::default(), CALL)), "the list is missing");
    is_strange(no(backend.inspect(&name("strange/x"), CALL)), "the secret's name is missing");
}

#[test]
fn a_huge_answer_is_refused_and_asked_for_once() {
    let (proxy, backend) = behind();
    let filler = "x".repeat(9 << 20);
    let value = json!({"Name": "huge/x", "VersionId": "v", "SecretString": filler});
    // A body of which nobody said how long it is, too.
    let endless = (vec![("Transfer-Encoding", "chunked")], format!("{:x}\r\n{filler}\r\n0\r\n\r\n", filler.len()));
    let headers = vec![("Content-Type", "application/x-amz-json-1.1")];
    for (headers, body) in [(headers, value.to_string()), endless] {
        proxy.set(Fault::Answer { status: 200, headers, body });
        proxy.forget();
        for error in [
            no(backend.read(&name("huge/x"), None, CALL)),
            no(backend.list(&PageRequest::default(), CALL)),
            no(backend.health(CALL)),
        ] {
            assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
            assert!(error.what.contains("more than 8 MiB") && error.hint.contains("endpoint"), "{error}");
        }
        assert_eq!(proxy.seen().len(), 3, "{:?}", proxy.seen());
    }
    // A write whose answer is refused is read back, and nothing tells.
    let error = no(write(&*backend, "huge/x", Value::text("canary"), &Expected::Absent));
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    proxy.heal();
    create(&*backend, "huge/y", "canary");
    assert_eq!(read(&*backend, "huge/y"), Value::text("canary"));
}
