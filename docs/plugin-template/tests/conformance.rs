//! The laws that every backend keeps, on this one. The suite itself is Quarterdeck's: it runs what the backend's
//! description says it can do.

use quarterdeck_contract::conformance::{self, Fixture};
use quarterdeck_contract::{Call, ErrorKind, SecretName, SecretsBackend, Setting, Setup, Value};
use std::path::Path;
use std::time::Duration;

const CALL: Call = Call { within: Duration::from_secs(10) };

fn backend(folder: &Path) -> Box<dyn SecretsBackend> {
    let path = Setting::Text(folder.display().to_string());
    let setup = Setup { instance: "files".into(), settings: [("path".to_owned(), path)].into(), ..Setup::default() };
    quarterdeck_files::create(setup).expect("a backend")
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

#[test]
fn it_keeps_the_laws() {
    let folder = tempfile::tempdir().expect("a folder");
    let values = [("broker.password", "canary-one"), ("broker.user", "canary-two"), ("tls.key", "canary\nthree\n")];
    for (name, value) in values {
        std::fs::write(folder.path().join(name), value).expect("a file");
    }
    // Not ours: a hidden file, and a folder.
    std::fs::write(folder.path().join(".hidden"), "canary-four").expect("a file");
    std::fs::create_dir(folder.path().join("folder")).expect("a folder");
    let present = values.map(|(text, value)| (name(text), Value::text(value))).into();
    conformance::run(&Fixture::new(backend(folder.path()), present, name("no.such")));
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("outside"), "canary").expect("a file");
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).expect("a folder");
    for way in ["../outside", "x/../../outside", "..", ".", "/etc/passwd"] {
        let error = backend(&inside).read(&name(way), None, CALL).expect_err(way);
        assert_eq!(error.kind, ErrorKind::NotFound, "{way}: {error}");
    }
}

#[test]
fn a_folder_that_is_gone_is_no_word_on_a_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = backend(&folder.path().join("nowhere"));
    for outcome in [backend.read(&name("x"), None, CALL).map(drop), backend.health(CALL).map(drop)] {
        assert_eq!(outcome.expect_err("nothing is there").kind, ErrorKind::Unreachable);
    }
}

#[test]
fn without_a_folder_each_call_says_what_to_do() {
    let backend = quarterdeck_files::create(Setup::default()).expect("it can be loaded unconfigured");
    let error = backend.health(CALL).expect_err("there is nothing to read");
    assert_eq!(error.kind, ErrorKind::Uninitialised);
    assert!(error.hint.contains("path"), "{error}");
}
