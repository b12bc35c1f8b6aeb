//! The joint from end to end with a real library: in process, in a child, and everything a library can do wrong.
//!
//! This binary is also the child (`plugin-host NAME`) and, for one test, a parent that is killed (`doomed-parent`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod child;
mod confined;
mod conform;
mod doomed;
mod faulty;
mod memory;
mod refusals;
mod runner;

use quarterdeck_contract::{Call, SecretBytes, SecretName, Setting, Setup};
use quarterdeck_host::{HostSpec, Hosted};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("plugin-host") => quarterdeck_host::child_main(),
        Some("doomed-parent") => doomed::parent(&arguments[1]),
        _ => runner::run(
            &[child::TESTS, confined::TESTS, conform::TESTS, doomed::TESTS, memory::TESTS, refusals::TESTS].concat(),
            &arguments,
        ),
    }
}

/// The library that cargo built for this test: beside this binary.
pub(crate) fn library() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("libquarterdeck_misbehave.so")
}

/// The tests wait for events; this bounds what a busy machine may take for one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const CALL: Call = Call { within: PATIENCE };

pub(crate) fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

/// Three secrets, and what to do in `create`.
pub(crate) fn setup(create: &str) -> Setup {
    let secrets = [("a/one", "canary-one-1"), ("a/two", "canary-two-2"), ("b", r#"{"k":"canary-three"}"#)];
    Setup {
        instance: "shelf".into(),
        settings: [("create".to_owned(), Setting::Text(create.to_owned()))].into(),
        secrets: secrets.map(|(name, value)| (name.to_owned(), SecretBytes::from(value))).into(),
    }
}

pub(crate) fn spec(create: &str) -> HostSpec {
    HostSpec { start_within: PATIENCE, ..HostSpec::new("shelf", "/proc/self/exe", library(), setup(create)) }
}

pub(crate) fn hosted(create: &str) -> Hosted {
    Hosted::new(spec(create))
}
