//! The aws plugin as it really runs: the library in a child that is confined by its own manifest, over a real moto.
//! Refuses to be less than whole: what the kernel lacks fails the test.
//!
//! This binary is also the child (`plugin-host NAME`).
#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../../../backends/host/tests/joint/runner.rs"]
mod runner;

use quarterdeck_contract::conformance::{self, Fixture};
use quarterdeck_contract::*;
use quarterdeck_host::{HostSpec, Hosted, PluginManifest, child_main};
use quarterdeck_servers::Moto;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const CALL: Call = Call { within: PATIENCE };
const TESTS: &[runner::Test] =
    &[("it_conforms", it_conforms), ("a_profile_is_within_reach", a_profile_is_within_reach)];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("plugin-host") => child_main(),
        _ => runner::run(TESTS, &arguments),
    }
}

/// The library that cargo built for this test, beside this binary, confined by the manifest beside it.
fn hosted(settings: &[(&str, String)], secrets: &[(&str, &str)]) -> Hosted {
    let library = std::env::current_exe().unwrap().with_file_name("libquarterdeck_aws.so");
    let manifest = PluginManifest::read(&library).unwrap();
    let text = |(name, text): &(&str, String)| ((*name).to_owned(), Setting::Text(text.clone()));
    let secret = |(name, text): &(&str, &str)| ((*name).to_owned(), SecretBytes::from(*text));
    let setup = Setup {
        instance: "aws".into(),
        settings: settings.iter().map(text).collect(),
        secrets: secrets.iter().map(secret).collect(),
    };
    assert!(setup.secrets.keys().all(|name| manifest.wants(name)), "what the program would not hand over");
    let spec = HostSpec { start_within: PATIENCE, ..HostSpec::new("aws", "/proc/self/exe", library, setup) };
    let hosted = Hosted::new(spec.confined_by(manifest, true));
    hosted.ready(PATIENCE).unwrap();
    hosted
}

/// moto by a name, so that names have to be resolved.
fn by_name(moto: &Moto) -> String {
    moto.address().replace("127.0.0.1", "localhost")
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn it_conforms() {
    let moto = Moto::start();
    let json = r#"{"user": "desk", "db": {"password": "canary-of-a-map", "port": 5432}}"#;
    moto.secret("CreateSecret", &json!({"Name": "prod/text", "SecretString": "canary-of-a-text"}));
    moto.secret("CreateSecret", &json!({"Name": "prod/map", "SecretString": json}));
    let keys = [("AWS_ACCESS_KEY_ID", "AKIACANARY"), ("AWS_SECRET_ACCESS_KEY", "canary")];
    let hosted = hosted(&[("endpoint", by_name(&moto)), ("region", "us-east-1".into())], &keys);
    let confinement = hosted.status().confinement.unwrap();
    assert!(confinement.lacks.is_empty(), "{:?}", confinement.lacks);
    let present = vec![(name("prod/text"), Value::text("canary-of-a-text")), (name("prod/map"), Value::json(json))];
    let fixture = Fixture::new(Box::new(hosted), present, name("prod/none"));
    conformance::run(&fixture.writable("suite/").biggest(65_536));
}

fn a_profile_is_within_reach() {
    let moto = Moto::start();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".aws");
    fs::create_dir(&folder).unwrap();
    let put = |file: &str, text: &str| fs::write(folder.join(file), text).unwrap();
    put("config", "[profile desk]\nregion = eu-west-1\n");
    put("credentials", "[desk]\naws_access_key_id = AKIACANARY\naws_secret_access_key = canary\n");
    let shown = |folder: &Path| folder.display().to_string();
    let settings = [("endpoint", by_name(&moto)), ("profile", "desk".into()), ("aws_folder", shown(&folder))];
    let hosted = hosted(&settings, &[("AWS_EC2_METADATA_DISABLED", "true")]);
    let health = hosted.health(CALL).unwrap();
    let facts: BTreeMap<_, _> = health.facts.into_iter().collect();
    assert_eq!((facts["region"].as_str(), facts["credentials"].as_str()), ("eu-west-1", "profile 'desk'"));
}
