//! What AWS answers, and what becomes of it: each row of the design's table, listing, inspecting, reading.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, Proxy};
use serde_json::{Value as Json, json};

fn answer(status: u16, body: &Json) -> Fault {
    let headers = vec![("Content-Type", "application/x-amz-json-1.1")];
    Fault::Answer { status, headers, body: body.to_string() }
}

fn page(prefix: &str, after: Option<String>, limit: u32) -> PageRequest {
    PageRequest { prefix: prefix.into(), after, limit }
}

#[test]
fn the_current_version_is_read_after_the_stage_moved_behind_our_back() {
    let backend = shared();
    let old = create(&*backend, "moved/x", "canary-old");
    let new = "22222222-2222-4222-8222-222222222222";
    let put = json!({"SecretId": "moved/x", "SecretString": "canary-new", "ClientRequestToken": new,
        "VersionStages": ["AWSPENDING"]});
    moto().secret("PutSecretValue", &put);
    assert_eq!(read(&*backend, "moved/x"), Value::text("canary-old"));
    let moved = json!({"SecretId": "moved/x", "VersionStage": "AWSCURRENT", "MoveToVersionId": new,
        "RemoveFromVersionId": old.0});
    moto().secret("UpdateSecretVersionStage", &moved);
    let reading = backend.read(&name("moved/x"), None, CALL).unwrap();
    assert_eq!((reading.value, reading.version), (Value::text("canary-new"), Some(VersionId(new.into()))));

    let inspection = backend.inspect(&name("moved/x"), CALL).unwrap();
    let stage = |id: &str| {
        let version = inspection.versions.iter().find(|version| version.id.0 == id).unwrap();
        (version.stage, version.labels.clone())
    };
    let (current, labels) = stage(new);
    assert_eq!(current, Some(Stage::Current));
    assert!(labels.contains(&"AWSCURRENT".to_owned()));
    assert_eq!(stage(&old.0), (Some(Stage::Previous), vec!["AWSPREVIOUS".into()]));
}

#[test]
fn codes_count_and_not_statuses() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let kms = "User: arn:aws:sts::123456789012:assumed-role/desk/x is not authorized to perform: kms:Decrypt on \
               resource: arn:aws:kms:us-east-1:123456789012:key/1";
    let cases = [
        (400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", "NOT_FOUND"),
        (404, "ResourceNotFoundException", "", "NOT_FOUND"),
        (400, "InvalidRequestException", "You can't perform this operation: it was marked for deletion.", "DELETED"),
        (400, "InvalidRequestException", "The secret is managed by another service.", "INVALID"),
        (400, "ExpiredTokenException", "The security token included in the request is expired", "EXPIRED"),
        (400, "UnrecognizedClientException", "The security token included in the request is invalid.", "EXPIRED"),
        (403, "InvalidClientTokenId", "", "EXPIRED"),
        (403, "InvalidSignatureException", "canary-secret-access-key", "EXPIRED"),
        (400, "DecryptionFailure", "", "DENIED"),
        (400, "AccessDeniedException", kms, "DENIED"),
        (400, "LimitExceededException", "", "TOO_LARGE"),
        (400, "ThrottlingException", "", "THROTTLED"),
        (429, "Whatever", "", "THROTTLED"),
        (500, "InternalServiceError", "", "UNREACHABLE"),
        (400, "ValidationException", "", "INVALID"),
    ];
    for (status, code, message, kind) in cases {
        proxy.set(answer(status, &json!({"__type": code, "message": message})));
        let error = no(backend.read(&name("codes/x"), None, CALL));
        assert_eq!(error.kind.code(), kind, "{code}: {error}");
        assert!(error.doing == "reading 'codes/x'" && !error.hint.is_empty() || kind == "INVALID", "{code}: {error}");
        if let ErrorKind::Denied { missing, grant } = &error.kind {
            assert_eq!(missing, "kms:Decrypt");
            assert!(grant.contains(r#""Action":"kms:Decrypt""#) && grant.contains("arn:aws:kms:us-east-1:"), "{grant}");
        }
    }
}

#[test]
fn a_listing_tells_what_it_knows_and_reads_no_value() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let version = create(&*backend, "told/a", "canary-a");
    create(&*backend, "told/b", "canary-b");
    backend.delete(&name("told/b"), &Expected::Anything, CALL).unwrap();
    proxy.forget();
    let listed = backend.list(&page("told/", None, 0), CALL).unwrap();
    assert_eq!(proxy.seen(), ["POST / secretsmanager.ListSecrets"]);
    assert!(!format!("{listed:?}").contains("canary"));
    let [a, b] = listed.entries.as_slice() else { panic!("two are there") };
    assert_eq!((a.name.as_str(), a.version.as_ref(), a.deletes_at), ("told/a", Some(&version), None));
    assert!(a.created_at.is_some());
    let week = b.deletes_at.unwrap() - a.created_at.unwrap();
    assert!((7 * 86_400 - 600..=7 * 86_400 + 600).contains(&week), "gone in seven days, not in {week} s");

    // As AWS itself writes it: dates as numbers with a fraction, the day of the deletion's order.
    let rotated = json!({"SecretList": [
        {"Name": "told/r", "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:told/r-AbCdEf",
         "LastChangedDate": 1_700_000_000.5, "CreatedDate": 1_600_000_000.25, "RotationEnabled": true,
         "NextRotationDate": 1_900_000_000.0, "SecretVersionsToStages": {"v2": ["AWSCURRENT"], "v1": ["AWSPREVIOUS"]}},
        {"Name": "told/d", "DeletedDate": 1_700_000_000.0, "CreatedDate": 1_600_000_000.0},
        {"Name": "told/s", "RotationEnabled": false, "NextRotationDate": 1_900_000_000.0, "CreatedDate": 1_600_000_000.0}]});
    proxy.set(answer(200, &rotated));
    let listed = backend.list(&page("told/", None, 0), CALL).unwrap().entries;
    assert_eq!(listed[0].version, Some(VersionId("v2".into())));
    assert_eq!((listed[0].created_at, listed[0].rotates_at), (Some(1_700_000_000), Some(1_900_000_000)));
    assert_eq!(listed[1].deletes_at, Some(1_700_000_000 + 7 * 86_400));
    assert_eq!(listed[2].rotates_at, None, "a schedule that is switched off");
}

#[test]
fn many_names_come_in_pages() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    for number in 0..120 {
        let body = json!({"Name": format!("many/{number:03}"), "SecretString": "canary"});
        moto().secret("CreateSecret", &body);
    }
    proxy.forget();
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = backend.list(&page("many/", after, 0), CALL).unwrap();
        names.extend(page.entries.into_iter().map(|entry| entry.name.as_str().to_owned()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 120);
    assert_eq!(proxy.seen().len(), 2, "100 a call");
    proxy.forget();
    for nothing in ["many/#", "!many", "many/ö"] {
        assert!(backend.list(&page(nothing, None, 0), CALL).unwrap().entries.is_empty());
    }
    assert!(proxy.seen().is_empty(), "no name begins so, and nobody is asked");
}

#[test]
fn an_empty_page_in_between_is_no_end() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    create(&*backend, "between/x", "canary");
    proxy.set_times(answer(200, &json!({"SecretList": [], "NextToken": "0"})), 1);
    let listed = backend.list(&page("between/", None, 0), CALL).unwrap();
    assert_eq!(listed.entries.len(), 1);
}

#[test]
fn filters_and_a_prefix_choose_what_is_browsed() {
    let address = moto().address();
    for (at, desk) in [("chosen/a", "fx"), ("chosen/b", "rates"), ("other/c", "fx")] {
        let body =
            json!({"Name": at, "SecretString": "canary", "Tags": [{"Key": "desk-of-the-filter", "Value": desk}]});
        moto().secret("CreateSecret", &body);
    }
    let browse = |prefix: &str, filters: &[&str], asked: &str| {
        let mut setup = setup(&address);
        setup.settings.insert("prefix".into(), Setting::Text(prefix.into()));
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        setup.settings.insert("filters".into(), Setting::List(filters));
        let page = backend(setup).list(&page(asked, None, 0), CALL).unwrap();
        page.entries.into_iter().map(|entry| entry.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(browse("chosen/", &[], ""), ["chosen/a", "chosen/b"]);
    assert_eq!(browse("chosen/", &[], "chosen/b"), ["chosen/b"]);
    assert_eq!(browse("chosen/", &[], "other/"), [""; 0]);
    assert_eq!(browse("", &["tag-key=desk-of-the-filter", "tag-value=fx"], ""), ["chosen/a", "other/c"]);
    assert_eq!(browse("chosen/", &["tag-value=fx"], ""), ["chosen/a"]);
}

#[test]
fn an_inspection_tells_rotation_key_tags_and_a_version_without_a_value() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    create(&*backend, "looked/x", "canary");
    let described = json!({"Name": "looked/x", "Description": "the desk's", "KmsKeyId": "arn:aws:kms:us-east-1:1:key/2",
        "RotationEnabled": true, "RotationLambdaARN": "arn:aws:lambda:us-east-1:1:function:turn",
        "RotationRules": {"AutomaticallyAfterDays": 30}, "NextRotationDate": 1_900_000_000,
        "LastAccessedDate": 1_700_000_000, "CreatedDate": 1_600_000_000,
        "ReplicationStatus": [{"Region": "eu-west-1", "Status": "InSync"}],
        "Tags": [{"Key": "team", "Value": "trading"}],
        "VersionIdsToStages": {"v-empty": ["AWSPENDING"], "v-now": ["AWSCURRENT"]}});
    proxy.set_for("DescribeSecret", answer(200, &described));
    let inspection = backend.inspect(&name("looked/x"), CALL).unwrap();
    assert_eq!(proxy.count("GetSecretValue"), 0);
    let fact = |label: &str| inspection.facts.iter().find(|(found, _)| found == label).map(|(_, text)| text.as_str());
    assert_eq!(fact("rotated by AWS"), Some("every 30 days, next 2030-03-17"));
    assert_eq!(fact("rotation's lambda"), Some("arn:aws:lambda:us-east-1:1:function:turn"));
    assert_eq!(fact("KMS key"), Some("arn:aws:kms:us-east-1:1:key/2"));
    assert_eq!(fact("last accessed"), Some("2023-11-14"));
    assert_eq!(fact("replica"), Some("eu-west-1 InSync"));
    assert_eq!(inspection.metadata["team"], "trading");
    let pending = inspection.versions.iter().find(|version| version.id.0 == "v-empty").unwrap();
    assert_eq!(pending.stage, Some(Stage::Pending));

    // Who may not list versions still sees those with a stage.
    let denied = json!({"__type": "AccessDeniedException", "message": "no"});
    proxy.set_for("ListSecretVersionIds", answer(400, &denied));
    let inspection = backend.inspect(&name("looked/x"), CALL).unwrap();
    assert_eq!(inspection.versions.len(), 1);
    assert!(inspection.facts.iter().any(|(label, _)| label == "versions"));
}

#[test]
fn a_key_in_a_map_is_read_by_its_name() {
    let backend = shared();
    let map = r#"{"user":"desk","db":{"password":"canary-p","port":5432},"a.b":"canary-dot"}"#;
    write(&*backend, "keyed/x", Value::json(map), &Expected::Absent).unwrap();
    assert_eq!(read(&*backend, "keyed/x#db.password"), Value::text("canary-p"));
    assert_eq!(read(&*backend, "keyed/x#db.port"), Value::json("5432"));
    assert_eq!(read(&*backend, r"keyed/x#a\.b"), Value::text("canary-dot"));
    let keys = backend.keys(&name("keyed/x"), CALL).unwrap();
    assert_eq!(keys, [r"a\.b", "db.password", "db.port", "user"]);
    assert_eq!(backend.keys(&name("keyed/x#db"), CALL).unwrap(), ["password", "port"]);
    for missing in ["keyed/x#none", "keyed/x#user.deeper"] {
        assert_eq!(no(backend.read(&name(missing), None, CALL)).kind, ErrorKind::NotFound);
    }
    create(&*backend, "keyed/plain", "canary-plain");
    assert_eq!(no(backend.read(&name("keyed/plain#x"), None, CALL)).kind, ErrorKind::NotFound);
}

#[test]
fn health_says_who_and_where_and_shows_no_key() {
    let proxy = Proxy::http(&moto().address());
    let backend = backend(setup(&proxy.address()));
    let health = backend.health(CALL).unwrap();
    let fact = |label: &str| health.facts.iter().find(|(found, _)| found == label).map(|(_, text)| text.as_str());
    assert_eq!(fact("region"), Some("us-east-1"));
    assert_eq!(fact("account"), Some("****9012"));
    assert_eq!(fact("endpoint"), Some("127.0.0.1"));
    assert_eq!(fact("credentials"), Some("keys of the environment"));
    assert_eq!(fact("calls"), Some("1 in the last hour"));
    assert!(health.summary.starts_with("us-east-1, ****9012"), "{}", health.summary);
    let shown = format!("{health:?} {:?}", backend.describe());
    assert!(!shown.contains("canary") && !shown.contains("AKIACANARY"), "{shown}");
    backend.health(CALL).unwrap();
    assert_eq!(proxy.seen().len(), 3, "who we are is asked once");
}
