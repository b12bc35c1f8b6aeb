//! The conformance suite on the same library, in process and through a child.

use crate::runner::Test;
use crate::{PATIENCE, hosted, library, name, setup};
use quarterdeck_contract::conformance::{self, Fixture};
use quarterdeck_contract::{SecretsBackend, Value};
use quarterdeck_host::{InProcess, LoadRules};
use std::sync::Arc;

pub(crate) const TESTS: &[Test] = &[("conform::in_process", in_process), ("conform::through_a_child", through_a_child)];

fn in_process() {
    let rules = LoadRules::for_this_process();
    let backend = InProcess::load("shelf", &library(), &rules, &setup(""), Arc::new(|_, _| {})).unwrap();
    assert_eq!(backend.status().isolation, "in process");
    conformance::run(&fixture(Box::new(backend)));
}

fn through_a_child() {
    let backend = hosted("");
    backend.ready(PATIENCE).unwrap();
    conformance::run(&fixture(Box::new(backend)));
}

fn fixture(backend: Box<dyn SecretsBackend>) -> Fixture {
    let present = vec![
        (name("a/one"), Value::text("canary-one-1")),
        (name("a/two"), Value::text("canary-two-2")),
        (name("b"), Value::json(r#"{"k":"canary-three"}"#)),
    ];
    Fixture::new(backend, present, name("no/such")).writable("suite/").biggest(1 << 20)
}
