//! Who may what: a moto that enforces signatures and policies.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, Moto, Proxy};
use serde_json::{Value as Json, json};

fn allow(actions: &[&str], resource: &str) -> Json {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]})
}

#[test]
fn a_denial_names_what_is_missing_and_the_line_that_grants_it() {
    let moto = Moto::start();
    moto.secret("CreateSecret", &json!({"Name": "prod/x", "SecretString": "canary-x"}));
    let reader = moto.user("reader", &allow(&["secretsmanager:GetSecretValue"], "*"));
    let owner = moto.user("owner", &allow(&["secretsmanager:*"], "*"));
    let nobody = moto.user("nobody", &allow(&["s3:GetObject"], "*"));
    moto.enforce();
    let reader = backend(setup_as(&moto.address(), &reader));
    assert_eq!(read(&*reader, "prod/x"), Value::text("canary-x"));

    // Reading without listing is well, and says what is missing.
    let health = reader.health(CALL).unwrap();
    assert!(health.warnings[0].contains("secretsmanager:ListSecrets"), "{health:?}");
    assert!(health.summary.contains("user/reader"), "{health:?}");

    let value = || Value::text("canary-y");
    let nobody = backend(setup_as(&moto.address(), &nobody));
    let denials = [
        (no(reader.list(&PageRequest::default(), CALL)), "ListSecrets", "*"),
        (no(reader.inspect(&name("prod/x"), CALL)), "DescribeSecret", "secret:prod/x-??????"),
        (no(write(&*reader, "prod/x", value(), &Expected::Anything)), "PutSecretValue", "secret:prod/x-??????"),
        (no(write(&*reader, "prod/new", value(), &Expected::Absent)), "CreateSecret", "secret:prod/new-??????"),
        (no(nobody.read(&name("prod/x"), None, CALL)), "GetSecretValue", "secret:prod/x-??????"),
    ];
    for (error, action, resource) in denials {
        let ErrorKind::Denied { missing, grant } = &error.kind else { panic!("{error} ({:?})", error.kind) };
        assert_eq!(*missing, format!("secretsmanager:{action}"));
        let grant: Json = serde_json::from_str(grant).unwrap();
        assert_eq!(grant["Action"], *missing);
        assert!(grant["Resource"].as_str().unwrap().ends_with(resource), "{grant}");
        assert!(error.what.contains(&format!("may not {missing}")) && !error.hint.is_empty(), "{error}");
    }
    let owner = backend(setup_as(&moto.address(), &owner));
    write(&*owner, "prod/x", value(), &Expected::Anything).unwrap();
}

/// One of the policies that the documents give. moto asks of every action whether it is allowed on '*' and knows no
/// conditions of a request, so that here an ARN would match nothing: what is tried are the actions.
fn shipped(file: &str) -> Json {
    let path = format!("{}/../../docs/policies/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut policy: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        statement["Resource"] = json!("*");
        statement.as_object_mut().unwrap().remove("Condition");
    }
    policy
}

#[test]
fn the_shipped_policies_are_enough_and_no_more() {
    let moto = Moto::start();
    moto.secret("CreateSecret", &json!({"Name": "prod/x", "SecretString": "canary-x"}));
    let reader = moto.user("reader", &shipped("aws-reader.json"));
    let operator = moto.user("operator", &shipped("aws-operator.json"));
    moto.enforce();
    let reader = backend(setup_as(&moto.address(), &reader));
    let operator = backend(setup_as(&moto.address(), &operator));
    let at = name("prod/x");
    for backend in [&reader, &operator] {
        assert!(backend.health(CALL).unwrap().warnings.is_empty());
        assert_eq!(backend.list(&PageRequest::default(), CALL).unwrap().entries.len(), 1);
        assert!(backend.inspect(&at, CALL).unwrap().facts.iter().all(|(label, _)| label != "versions"));
        assert_eq!(backend.read(&at, None, CALL).unwrap().value, Value::text("canary-x"));
    }
    let value = || Value::text("canary-y");
    let first = operator.read(&at, None, CALL).unwrap().version.unwrap();
    for refused in [
        write(&*reader, "prod/x", value(), &Expected::Version(first.clone())),
        write(&*reader, "prod/y", value(), &Expected::Absent),
        reader.restore(&at, CALL),
    ] {
        assert!(matches!(no(refused).kind, ErrorKind::Denied { .. } | ErrorKind::Invalid));
    }
    assert!(matches!(no(reader.delete(&at, &Expected::Anything, CALL)).kind, ErrorKind::Denied { .. }));
    let second = write(&*operator, "prod/x", value(), &Expected::Version(first)).unwrap();
    create(&*operator, "prod/y", "canary-y");
    operator.delete(&at, &Expected::Version(second.clone()), CALL).unwrap();
    assert_eq!(operator.restore(&at, CALL).unwrap(), second);

    let rotation = "7d0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
    let (stage, cancel) =
        (|backend: &dyn SecretsBackend| backend.stage(&at, value(), rotation, CALL), "cancel-rotation");
    is_denied(&no(stage(&*reader)), "PutSecretValue");
    let third = stage(&*operator).unwrap();
    is_denied(&no(reader.promote(&at, &third, &second, CALL)), "UpdateSecretVersionStage");
    is_denied(&no(reader.unstage(&at, &third, CALL)), "UpdateSecretVersionStage");
    operator.promote(&at, &third, &second, CALL).unwrap();
    operator.unstage(&at, &third, CALL).unwrap();
    is_denied(&no(reader.retire(&at, &second, &third, CALL)), "UpdateSecretVersionStage");
    operator.retire(&at, &second, &third, CALL).unwrap();

    // A schedule whose function is missing; for nobody's sake but the test's.
    moto.relax();
    let body = json!({"SecretId": "prod/x", "RotationRules": {"AutomaticallyAfterDays": 30},
        "RotationLambdaARN": "arn:aws:lambda:us-east-1:123456789012:function:none"});
    moto.request("RotateSecret", &body);
    moto.enforce();
    let extra = Extra { operation: cancel.into(), arguments: [("name".into(), "prod/x".into())].into() };
    is_denied(&no(reader.extra(&extra, None, CALL)), "CancelRotateSecret");
    operator.extra(&extra, None, CALL).unwrap();
}

#[test]
fn who_may_put_and_not_move_a_stage_is_told_so_and_goes_on_when_it_is_granted() {
    let moto = Moto::start();
    moto.secret("CreateSecret", &json!({"Name": "prod/x", "SecretString": "canary-x"}));
    let half: Vec<String> = ["DescribeSecret", "ListSecretVersionIds", "GetSecretValue", "PutSecretValue"]
        .iter()
        .map(|action| format!("secretsmanager:{action}"))
        .collect();
    let half: Vec<&str> = half.iter().map(String::as_str).collect();
    let half = moto.user("half", &allow(&half, "*"));
    let whole = moto.user("whole", &allow(&["secretsmanager:*"], "*"));
    moto.enforce();
    let rotation = "7d0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0002";
    let by = |user: &(String, String)| backend(setup_as(&moto.address(), user));
    let stage = |backend: &dyn SecretsBackend| backend.stage(&name("prod/x"), Value::text("canary-y"), rotation, CALL);
    is_denied(&no(stage(&*by(&half))), "UpdateSecretVersionStage");
    assert_eq!(read(&*by(&half), "prod/x"), Value::text("canary-x"));
    assert_eq!(stage(&*by(&whole)).unwrap(), VersionId(rotation.into()));
}

/// The error names this action and the line that grants it.
#[track_caller]
fn is_denied(error: &BackendError, action: &str) {
    let ErrorKind::Denied { missing, grant } = &error.kind else { panic!("{error} ({:?})", error.kind) };
    assert_eq!(*missing, format!("secretsmanager:{action}"));
    let grant: Json = serde_json::from_str(grant).unwrap();
    assert!(grant["Action"] == **missing && grant["Resource"].as_str().unwrap().ends_with("secret:prod/x-??????"));
}

#[test]
fn a_key_that_is_unknown_or_wrong_has_expired() {
    let moto = Moto::start();
    let (id, key) = moto.user("reader", &allow(&["secretsmanager:*"], "*"));
    moto.enforce();
    let unknown = ("AKIAUNKNOWNUNKNOWN00".to_owned(), key);
    let wrong = (id, "canary-wrong-secret".to_owned());
    for (keys, part) in [(unknown, "doesn't know"), (wrong, "signature")] {
        let backend = backend(setup_as(&moto.address(), &keys));
        for error in [no(backend.health(CALL)), no(backend.read(&name("x"), None, CALL))] {
            assert_eq!(error.kind, ErrorKind::Expired, "{error}");
            assert!(error.what.contains(part), "{error}");
        }
    }
}

#[test]
fn a_role_is_assumed_and_a_refused_one_says_so() {
    let moto = Moto::start();
    moto.secret("CreateSecret", &json!({"Name": "prod/x", "SecretString": "canary-x"}));
    let role = moto.role("desk", &allow(&["secretsmanager:GetSecretValue", "secretsmanager:ListSecrets"], "*"));
    let proxy = Proxy::http(&moto.address());
    let by = |role: &str| {
        let mut setup = setup(&proxy.address());
        setup.settings.insert("role_arn".into(), Setting::Text(role.into()));
        backend(setup)
    };
    let backend = by(&role);
    let health = backend.health(CALL).unwrap();
    assert!(health.expires_at.is_some() && health.summary.contains("assumed-role/desk/quarterdeck"), "{health:?}");
    let login = health.facts.iter().find(|(label, _)| label == "credentials").unwrap();
    assert_eq!(login.1, format!("{role}, by keys of the environment"));
    // This moto fails at AssumeRole itself while it enforces; with the role's own keys it does as AWS.
    moto.enforce();
    assert_eq!(read(&*backend, "prod/x"), Value::text("canary-x"));
    let denied = no(write(&*backend, "prod/x", Value::text("canary-y"), &Expected::Anything));
    assert!(denied.what.starts_with("assumed-role/desk/"), "{denied}");

    let message = format!(
        "User: arn:aws:iam::123456789012:user/desk is not authorized to perform: sts:AssumeRole on resource: {role}"
    );
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    proxy.set(Fault::Answer { status: 403, headers: vec![("Content-Type", "text/xml")], body });
    let error = no(by(&role).read(&name("prod/x"), None, CALL));
    let ErrorKind::Denied { missing, grant } = &error.kind else { panic!("{error} ({:?})", error.kind) };
    assert_eq!(missing, "sts:AssumeRole");
    assert!(error.doing == "logging in" && error.what == "user/desk may not sts:AssumeRole", "{error}");
    assert_eq!(serde_json::from_str::<Json>(grant).unwrap()["Resource"], role);
}
