//! The vault plugin as it really runs: the library in a child that is confined by its own manifest, over a real OpenBao
//! with TLS. Refuses to be less than whole: what the kernel lacks fails the test.
//!
//! This binary is also the child (`plugin-host NAME`).

#[path = "../../../backends/host/tests/joint/runner.rs"]
#[allow(clippy::unwrap_used, reason = "a test may")]
mod runner;

use quarterdeck_contract::conformance::{self, Fixture};
use quarterdeck_contract::*;
use quarterdeck_host::{HostSpec, Hosted, PluginManifest, child_main};
use quarterdeck_servers::OpenBao;
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const CALL: Call = Call { within: PATIENCE };
const TESTS: &[runner::Test] = &[
    ("it_conforms", it_conforms),
    ("it_conforms_on_version_1", it_conforms_on_version_1),
    ("what_is_staged_is_told", what_is_staged_is_told),
    ("an_agents_file_is_read_again", an_agents_file_is_read_again),
    ("without_an_address_it_says_so", without_an_address_it_says_so),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("plugin-host") => child_main(),
        _ => runner::run(TESTS, &arguments),
    }
}

/// The library that cargo built for this test, beside this binary, confined by the manifest beside it.
fn hosted(settings: &[(&str, String)], secrets: &[(&str, &str)]) -> Hosted {
    let library = std::env::current_exe().expect("a path").with_file_name("libquarterdeck_vault.so");
    let manifest = PluginManifest::read(&library).expect("a manifest");
    let text = |(name, text): &(&str, String)| ((*name).to_owned(), Setting::Text(text.clone()));
    let secret = |(name, text): &(&str, &str)| ((*name).to_owned(), SecretBytes::from(*text));
    let setup = Setup {
        instance: "vault".into(),
        settings: settings.iter().map(text).collect(),
        secrets: secrets.iter().map(secret).collect(),
    };
    let spec = HostSpec { start_within: PATIENCE, ..HostSpec::new("vault", "/proc/self/exe", library, setup) };
    let hosted = Hosted::new(spec.confined_by(manifest, true));
    hosted.ready(PATIENCE).expect("ready");
    let confinement = hosted.status().confinement.expect("confined");
    assert!(confinement.lacks.is_empty(), "{:?}", confinement.lacks);
    hosted
}

/// The server by a name, so that names have to be resolved, and its CA's file.
fn at(server: &OpenBao) -> Vec<(&'static str, String)> {
    let address = server.address().replace("127.0.0.1", "localhost");
    vec![("address", address), ("ca_file", server.ca_file().display().to_string())]
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

fn it_conforms() {
    let server = OpenBao::raft();
    server.write("broker/password", &json!({ "value": "canary-plain-1" }));
    server.write("broker/login", &json!({ "user": "u", "password": "canary-map-2" }));
    let present = vec![
        (name("broker/password"), Value::text("canary-plain-1")),
        (name("broker/login"), Value::json(r#"{"password":"canary-map-2","user":"u"}"#)),
    ];
    let hosted = hosted(&at(&server), &[("token", server.root_token())]);
    let fixture = Fixture::new(Box::new(hosted), present, name("no/such"));
    // Raft takes no larger entry than 1 MiB.
    conformance::run(&fixture.writable("suite/").float_numbers().biggest(512 << 10));
}

fn it_conforms_on_version_1() {
    let server = OpenBao::raft();
    server.mount("old", 1);
    server.root("POST", "old/broker/password", &json!({ "value": "canary-plain-1" }));
    let mut settings = at(&server);
    settings.extend([("mount", "old".to_owned()), ("kv", "1".to_owned())]);
    let present = vec![(name("broker/password"), Value::text("canary-plain-1"))];
    let fixture =
        Fixture::new(Box::new(hosted(&settings, &[("token", server.root_token())])), present, name("no/such"));
    conformance::run(&fixture.writable("suite/").biggest(512 << 10));
}

fn what_is_staged_is_told() {
    let server = OpenBao::raft();
    server.write("x/key", &json!({ "value": "canary-1" }));
    let hosted = hosted(&at(&server), &[("token", server.root_token())]);
    let rotation = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
    hosted.stage(&name("x/key"), Value::text("canary-2"), rotation, CALL).expect("staged");
    let extra = Extra { operation: "pendings".into(), arguments: Default::default() };
    assert_eq!(hosted.describe().extras, ["pendings"]);
    let told = hosted.extra(&extra, None, CALL).expect("told").results;
    assert!(told.len() == 1 && told["x/key"].starts_with(rotation), "{told:?}");
    // What was staged and for whom stands in no line of the server's own log of requests.
    assert!(!server.audit_log().contains("canary"));
}

fn an_agents_file_is_read_again() {
    let server = OpenBao::raft();
    server.write("x/key", &json!({ "value": "canary-1" }));
    let folder = tempfile::tempdir().expect("a folder");
    let (sink, next) = (folder.path().join("token"), folder.path().join("next"));
    std::fs::write(&sink, "s.dead").expect("written");
    let mut settings = at(&server);
    settings.extend([("auth", "agent".to_owned()), ("token_file", sink.display().to_string())]);
    let hosted = hosted(&settings, &[]);
    assert_eq!(hosted.health(CALL).expect_err("a dead token").kind, ErrorKind::Expired);
    // By rename, as an agent does it.
    std::fs::write(&next, server.root_token()).expect("written");
    std::fs::rename(&next, &sink).expect("renamed");
    let reading = hosted.read(&name("x/key"), None, CALL).expect("readable");
    assert_eq!(reading.value, Value::text("canary-1"));
}

fn without_an_address_it_says_so() {
    let hosted = hosted(&[], &[]);
    let error = hosted.health(CALL).expect_err("no address");
    assert!(error.kind == ErrorKind::Invalid && error.hint.contains("VAULT_ADDR"), "{error}");
}
