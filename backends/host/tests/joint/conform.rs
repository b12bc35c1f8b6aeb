//! The conformance suite on the same library, in process and through a child.

use crate::faulty::{Fault, Faulty};
use crate::runner::Test;
use crate::{PATIENCE, hosted, library, name, setup};
use quarterdeck_contract::conformance::{self, Fixture};
use quarterdeck_contract::{SecretsBackend, Value};
use quarterdeck_host::{InProcess, LoadRules};
use std::sync::Arc;

pub(crate) const TESTS: &[Test] = &[
    ("conform::in_process", in_process),
    ("conform::through_a_child", through_a_child),
    ("conform::each_fault_is_found", each_fault_is_found),
];

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

/// What is wrong with a [`Faulty`] backend, and the law that finds it.
const FAULTS: &[(Fault, &str)] = &[
    (Fault::ListsTwice, "whole, stable"),
    (Fault::ForgetsThePrefix, "a prefix chooses"),
    (Fault::PagesForEver, "whole, stable"),
    (Fault::ReadsAnother, "read as it is"),
    (Fault::MissesNothing, "what is absent is NotFound"),
    (Fault::ShowsAValue, "shows a value"),
    (Fault::WritesOverAnything, "are conflicts"),
    (Fault::DropsTheEnd, "read back"),
    (Fault::DeletesNothing, "are conflicts"),
    (Fault::DoesAnyExtra, "is Unsupported"),
    (Fault::StagesInTheOpen, "staged version"),
];

fn each_fault_is_found() {
    let hook = std::panic::take_hook();
    // The panics are what is wanted; their backtraces are not.
    std::panic::set_hook(Box::new(|_| {}));
    let found: Vec<_> = FAULTS.iter().map(|(fault, law)| (fault, law, breach(*fault))).collect();
    std::panic::set_hook(hook);
    for (fault, law, said) in found {
        assert!(said.contains(law), "{fault:?}: '{said}', and not '{law}'");
        assert!(!said.contains("canary"), "{fault:?}: the breach itself shows a value");
    }
}

/// What the suite says of a backend with this fault; empty when it finds none.
fn breach(fault: Fault) -> String {
    let inner = quarterdeck_misbehave::make(setup("")).unwrap();
    let fixture = fixture(Box::new(Faulty { inner, fault }));
    let run = std::panic::AssertUnwindSafe(|| conformance::run(&fixture));
    let payload = std::panic::catch_unwind(run).err();
    let text = payload.and_then(|payload| payload.downcast::<String>().ok());
    text.map_or_else(String::new, |text| *text)
}
