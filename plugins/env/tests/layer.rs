//! The layer as a whole: entries from the host over `.env` files on a disk.

use quarterdeck_contract::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const CALL: Call = Call { within: Duration::from_secs(10) };

fn backend(entries: &[(&str, &[u8])], files: &[&Path]) -> Box<dyn SecretsBackend> {
    let files = files.iter().map(|path| path.to_str().expect("UTF-8").to_owned()).collect();
    let setup = Setup {
        instance: "env".into(),
        settings: [("env_files".to_owned(), Setting::List(files))].into(),
        secrets: entries.iter().map(|(name, value)| ((*name).to_owned(), SecretBytes::new(value.to_vec()))).collect(),
    };
    quarterdeck_env::create(setup).expect("a backend")
}

fn file(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join(".env");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
    path
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

fn get(backend: &dyn SecretsBackend, at: &str) -> String {
    let reading = backend.read(&name(at), None, CALL).unwrap_or_else(|error| panic!("{at}: {error}"));
    String::from_utf8(reading.value.bytes.into_inner()).expect("UTF-8")
}

fn names(backend: &dyn SecretsBackend) -> Vec<String> {
    let page = backend.list(&PageRequest::default(), CALL).expect("a page");
    page.entries.into_iter().map(|entry| entry.name.to_string()).collect()
}

#[test]
fn only_secrets_are_listed_and_values_stay_raw() {
    let backend = backend(
        &[
            ("DP_BROKER__PASSWORD", b"1.10"),
            ("DP_BROKER", b""),
            ("DP_VAULT_PATH", b"secret/data/x"),
            ("DP_SECRETS_ENCRYPTION_KEY", b"canary-key"),
            ("DP_ENVIRONMENT", b"qa"),
            ("HOME", b"/root"),
            ("DP_X__", b"canary-odd"),
        ],
        &[],
    );
    assert_eq!(names(&*backend), ["broker", "broker.password"]);
    assert_eq!((get(&*backend, "broker.password").as_str(), get(&*backend, "broker").as_str()), ("1.10", ""));
    let health = backend.health(CALL).expect("always");
    assert_eq!(health.summary, "2 names");
    assert!(health.warnings.iter().any(|w| w.contains("DP_X__")) && !format!("{health:?}").contains("canary"));
    for reserved in ["vault_path", "secrets_encryption_key", "environment"] {
        let error = backend.read(&name(reserved), None, CALL).expect_err("not served");
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
}

#[test]
fn other_bytes_are_binary() {
    let backend = backend(&[("DP_A", &[0xff, 0x00])], &[]);
    let value = backend.read(&name("a"), None, CALL).expect("there").value;
    assert_eq!(value, Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![0xff, 0x00]) });
}

#[test]
fn the_environment_lies_over_files_and_the_last_duplicate_and_file_count() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let first = file(one.path(), "DP_A=file\nDP_B=old\nDP_B=new\nDP_C=one\nOTHER=x\nDP_USE_VAULT=1\n");
    let second = file(two.path(), "export DP_C=\"two\"\n");
    let backend = backend(&[("DP_A", b"environment")], &[&first, &second]);
    assert_eq!(names(&*backend), ["a", "b", "c"]);
    let values = ["a", "b", "c"].map(|name| get(&*backend, name));
    assert_eq!(values, ["environment", "new", "two"]);
    let inspection = backend.inspect(&name("b"), CALL).expect("there");
    assert_eq!(inspection.metadata["variable"], "DP_B");
    assert_eq!(inspection.metadata["from"], first.to_str().expect("UTF-8"));
    fs::write(&second, "DP_D=4\n").expect("changed");
    assert_eq!(names(&*backend), ["a", "b", "c", "d"], "a file is read anew");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_of_every_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let unclosed = file(folder.path(), "DP_A='canary-open\n");
    for path in [&folder.path().join("none"), folder.path(), &unclosed] {
        let backend = backend(&[("DP_A", b"v")], &[path]);
        let errors = [
            backend.health(CALL).expect_err("health"),
            backend.list(&PageRequest::default(), CALL).expect_err("list"),
            backend.read(&name("a"), None, CALL).expect_err("read"),
        ];
        for error in errors {
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.to_string().contains(path.to_str().expect("UTF-8")), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}

#[test]
fn an_open_file_an_odd_line_and_a_double_name_are_warnings() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "set -a\nDP_A=canary-${X}\ndp_a=lower\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    let backend = backend(&[], &[&path]);
    let warnings = backend.health(CALL).expect("it is read").warnings;
    for wanted in ["0644", "line 1", "DP_A is taken", "DP_A and dp_a are both 'a'"] {
        assert!(warnings.iter().any(|warning| warning.contains(wanted)), "{wanted}: {warnings:?}");
    }
    assert!(!format!("{warnings:?}").contains("canary"));
    assert_eq!(get(&*backend, "a"), "canary-${X}");
}

#[test]
fn the_layer_is_read_only_and_says_where_to_set() {
    let backend = backend(&[("DP_A", b"v")], &[]);
    assert!(backend.describe().capabilities.is_empty());
    let error = backend.write(&name("a.b"), Value::text("w"), &Expected::Anything, CALL).expect_err("read-only");
    assert_eq!((error.kind.clone(), error.hint.contains("DP_A__B")), (ErrorKind::Unsupported, true), "{error}");
    assert_eq!(
        backend.delete(&name("a"), &Expected::Anything, CALL).expect_err("read-only").kind,
        ErrorKind::Unsupported
    );
}

#[test]
fn the_laws_of_every_backend_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "DP_B__C='canary \"two\" ✓'\nDP_A=shadowed-canary\n");
    let backend = backend(&[("DP_A", b"canary-one"), ("DP_BROKER__HOST", b"1.10"), ("DP_D", &[0xff, 0, 1])], &[&path]);
    let present = vec![
        (name("a"), Value::text("canary-one")),
        (name("b.c"), Value::text("canary \"two\" ✓")),
        (name("broker.host"), Value::text("1.10")),
        (name("d"), Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![0xff, 0, 1]) }),
    ];
    conformance::run(&conformance::Fixture::new(backend, present, name("no.such")));
}
