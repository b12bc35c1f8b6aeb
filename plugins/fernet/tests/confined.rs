//! The fernet plugin as it really runs: the library in a child that is confined by its own manifest. Refuses to be less than
//! whole: what the kernel lacks fails the test.
//!
//! This binary is also the child (`plugin-host NAME`).

#[path = "../../../backends/host/tests/joint/runner.rs"]
#[allow(clippy::unwrap_used, reason = "a test may")]
mod runner;
mod support;

use quarterdeck_contract::conformance::{self, Fixture};
use quarterdeck_contract::*;
use quarterdeck_host::{HostSpec, Hosted, PluginManifest, child_main};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::ExitCode;
use support::{CALL, KEY, OTHER, get, name, rotate, set};

const TESTS: &[runner::Test] = &[
    ("it_conforms", it_conforms),
    ("it_conforms_behind_a_link", it_conforms_behind_a_link),
    (
        "what_is_written_over_can_be_read_until_the_rotation_is_over",
        what_is_written_over_can_be_read_until_the_rotation_is_over,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("plugin-host") => child_main(),
        _ => runner::run(TESTS, &arguments),
    }
}

/// The library that cargo built for this test, beside this binary, confined by the manifest beside it.
fn hosted(path: &Path) -> Hosted {
    let library = std::env::current_exe().expect("a path").with_file_name("libquarterdeck_fernet.so");
    let manifest = PluginManifest::read(&library).expect("a manifest");
    let setup = Setup {
        instance: "fernet".into(),
        settings: [("path".to_owned(), Setting::Text(path.to_str().expect("UTF-8").into()))].into(),
        secrets: [("key", KEY), ("fingerprint_key", "of the installation")]
            .map(|(name, text)| (name.to_owned(), SecretBytes::from(text)))
            .into(),
    };
    let spec = HostSpec { start_within: CALL.within, ..HostSpec::new("fernet", "/proc/self/exe", library, setup) };
    let hosted = Hosted::new(spec.confined_by(manifest, true));
    hosted.ready(CALL.within).expect("ready");
    let confinement = hosted.status().confinement.expect("confined");
    assert!(confinement.lacks.is_empty(), "{:?}", confinement.lacks);
    hosted
}

fn conforms(hosted: Hosted) {
    let values = [
        ("broker.password", Value::text("canary-1 with words")),
        ("list", Value::json("[\"canary-2\", {\"a\": null}]")),
    ];
    let present = values.map(|(at, value)| {
        set(&hosted, at, Value { kind: value.kind, bytes: value.bytes.duplicate() });
        (name(at), value)
    });
    conformance::run(&Fixture::new(Box::new(hosted), present.into(), name("no.such")).writable("suite."));
}

fn it_conforms() {
    let folder = tempfile::tempdir().expect("a folder");
    conforms(hosted(&folder.path().join("secrets.bin")));
}

/// The file and what is beside it are in another folder than the one that is named.
fn it_conforms_behind_a_link() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
    let (path, real) = (folder.path().join("secrets.bin"), other.path().join("real.bin"));
    set(&*support::backend(&real, KEY), "a", Value::text("v"));
    symlink(&real, &path).expect("linked");
    let hosted = hosted(&path);
    hosted.delete(&name("a"), &Expected::Anything, CALL).expect("deleted");
    conforms(hosted);
    assert!(path.is_symlink());
}

/// Our value comes from the sidecar, which goes along with a rekey.
fn what_is_written_over_can_be_read_until_the_rotation_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secrets.bin");
    let (hosted, at) = (hosted(&path), name("broker.password"));
    let old = set(&hosted, "broker.password", Value::text("old"));
    let staged = hosted.stage(&at, Value::text("new"), "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001", CALL).expect("staged");
    let new = hosted.promote(&at, &staged, &old, CALL).expect("promoted");
    hosted.unstage(&at, &staged, CALL).expect("unstaged");
    let theirs = set(&hosted, "broker.password", Value::text("theirs"));
    rotate(&hosted, OTHER).expect("rekeyed");
    for version in [&staged, &new] {
        assert_eq!(hosted.read(&at, Some(version), CALL).expect("kept").value, Value::text("new"));
    }
    hosted.retire(&at, &new, &theirs, CALL).expect("over");
    assert_eq!(hosted.read(&at, Some(&new), CALL).expect_err("gone").kind, ErrorKind::NotFound);
    assert_eq!(get(&hosted, "broker.password"), "theirs");
}
