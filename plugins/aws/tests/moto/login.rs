//! Logging in: keys, profiles, roles, helpers, and none of them.

use crate::bench::*;
use quarterdeck_contract::*;
use quarterdeck_servers::{Fault, Moto, Proxy};
use serde_json::json;
use std::fs;
use tempfile::TempDir;

/// A home with `.aws/config` and `.aws/credentials`.
fn home(config: &str, credentials: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), config).unwrap();
    fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    home
}

/// A setup with a profile of this home, and nothing else.
fn with_profile(endpoint: &str, home: &TempDir, profile: &str) -> Setup {
    let mut setup = setup(endpoint);
    setup.settings.remove("region");
    setup.secrets.retain(|name, _| name == "AWS_EC2_METADATA_DISABLED");
    let folder = home.path().join(".aws").display().to_string();
    for (name, text) in [("aws_folder", folder), ("profile", profile.to_owned())] {
        setup.settings.insert(name.into(), Setting::Text(text));
    }
    setup
}

fn fact(health: &Health, label: &str) -> String {
    health.facts.iter().find(|(found, _)| found == label).map(|(_, text)| text.clone()).unwrap_or_default()
}

#[test]
fn a_profile_gives_region_and_keys() {
    let home = home(
        "[profile desk]\nregion = eu-west-1\n",
        "[desk]\naws_access_key_id = AKIACANARYKEYID\naws_secret_access_key = canary-secret-access-key\n",
    );
    let health = backend(with_profile(&moto().address(), &home, "desk")).health(CALL).unwrap();
    assert_eq!((fact(&health, "region"), fact(&health, "credentials")), ("eu-west-1".into(), "profile 'desk'".into()));
    assert_eq!(health.expires_at, None);
    assert!(!format!("{health:?}").contains("AKIACANARY"));
}

#[test]
fn a_profile_assumes_a_role_by_another_profile() {
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let role = moto().role("by-profile", &policy);
    let config = format!("[profile desk]\nregion = eu-west-1\nrole_arn = {role}\nsource_profile = base\n");
    let home = home(&config, "[base]\naws_access_key_id = AKIA\naws_secret_access_key = canary\n");
    let health = backend(with_profile(&moto().address(), &home, "desk")).health(CALL).unwrap();
    assert_eq!(fact(&health, "credentials"), "profile 'desk'");
    assert!(health.summary.contains("assumed-role/by-profile/"), "{health:?}");
    assert!(health.expires_at.is_some());
}

#[test]
fn what_a_helper_gave_is_used_until_it_ends() {
    let helped = |expiration: &str| {
        let mut setup = setup(&moto().address());
        setup.secrets.retain(|name, _| name == "AWS_EC2_METADATA_DISABLED");
        let said = format!(
            r#"{{"Version":1,"AccessKeyId":"AKIACANARYKEYID","SecretAccessKey":"{KEY}","SessionToken":"{TOKEN}","Expiration":"{expiration}"}}"#
        );
        setup.secrets.insert("credential_process".into(), SecretBytes::from(said.as_str()));
        backend(setup)
    };
    let health = helped("2099-12-01T12:00:00Z").health(CALL).unwrap();
    assert_eq!((fact(&health, "credentials").as_str(), health.expires_at), ("credential_process", Some(4_099_809_600)));
    let error = no(helped("2020-12-01T12:00:00Z").health(CALL));
    assert_eq!(error.kind, ErrorKind::Expired, "{error}");
    assert!(error.what.contains("credential_process"), "{error}");
}

#[test]
fn the_role_of_a_container_is_taken() {
    let proxy = Proxy::http(&moto().address());
    let body = format!(
        r#"{{"AccessKeyId":"AKIACANARYKEYID","SecretAccessKey":"{KEY}","Token":"{TOKEN}","Expiration":"2099-12-01T12:00:00Z"}}"#
    );
    let headers = vec![("Content-Type", "application/json")];
    proxy.set_for("GET /role", Fault::Answer { status: 200, headers, body });
    let setup = with_entries(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/role", proxy.address()))]);
    let health = backend(setup).health(CALL).unwrap();
    assert_eq!(fact(&health, "credentials"), "role of the container");
    assert_eq!(health.expires_at, Some(4_099_809_600));
    assert!(!format!("{health:?}").to_lowercase().contains("canary"));
}

#[test]
fn a_token_of_kubernetes_becomes_a_role() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "canary-token-of-kubernetes").unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let role = moto().role("by-token", &policy);
    let setup = with_entries(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &file.display().to_string()),
        ("AWS_ROLE_ARN", &role),
        ("AWS_ROLE_SESSION_NAME", "pod"),
    ]);
    let health = backend(setup).health(CALL).unwrap();
    assert_eq!(fact(&health, "credentials"), "web identity token");
    assert!(health.expires_at.is_some());
}

/// A setup that is logged in by these entries of the environment alone.
fn with_entries(entries: &[(&str, &str)]) -> Setup {
    let mut setup = setup(&moto().address());
    setup.secrets.retain(|name, _| name == "AWS_EC2_METADATA_DISABLED");
    let entries = entries.iter().map(|(name, text)| ((*name).to_owned(), SecretBytes::from(*text)));
    setup.secrets.extend(entries);
    setup
}

#[test]
fn without_region_or_credentials_each_call_says_what_to_do() {
    let nothing = home("", "");
    let mut setup = with_profile(&moto().address(), &nothing, "desk");
    let error = no(backend(with_profile(&moto().address(), &nothing, "desk")).health(CALL));
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.what.contains("no AWS region") && error.hint.contains("AWS_REGION"), "{error}");
    setup.settings.insert("region".into(), Setting::Text("eu-west-1".into()));
    let error = no(backend(setup).health(CALL));
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    assert!(error.what.contains("no AWS credentials") && error.hint.contains("AWS_PROFILE"), "{error}");
}

#[test]
fn a_log_in_with_sso_that_is_missing_has_expired() {
    let home = home(
        "[sso-session firm]\nsso_region = eu-west-1\nsso_start_url = https://firm.invalid/start\n\
         [profile desk]\nregion = eu-west-1\nsso_session = firm\nsso_account_id = 123456789012\nsso_role_name = desk\n",
        "",
    );
    let error = no(backend(with_profile(&moto().address(), &home, "desk")).health(CALL));
    assert_eq!(error.kind, ErrorKind::Expired, "{error}");
    assert!(error.hint.contains("aws sso login"), "{error}");
}

#[test]
fn a_profile_with_a_helper_says_who_runs_it() {
    let home = home("[profile desk]\nregion = eu-west-1\ncredential_process = /bin/canary\n", "");
    let error = no(backend(with_profile(&moto().address(), &home, "desk")).health(CALL));
    assert!(error.kind == ErrorKind::Invalid && error.what.contains("credential_process"), "{error}");
}

#[test]
fn keys_that_are_mended_in_the_file_are_taken_at_the_next_call() {
    let moto = Moto::start();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let (id, key) = moto.user("desk", &policy);
    moto.enforce();
    let file = |id: &str, key: &str| format!("[desk]\naws_access_key_id = {id}\naws_secret_access_key = {key}\n");
    let home = home("[profile desk]\nregion = us-east-1\n", &file("AKIAGONE", "canary"));
    let backend = backend(with_profile(&moto.address(), &home, "desk"));
    assert_eq!(no(backend.health(CALL)).kind, ErrorKind::Expired);
    fs::write(home.path().join(".aws/credentials"), file(&id, &key)).unwrap();
    assert!(backend.health(CALL).unwrap().summary.contains("user/desk"));
}
