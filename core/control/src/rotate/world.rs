//! What a runner meets besides journal and backend: clocks, hooks, generators, time that passes. Refuses to be anything
//! but the real ones outside tests of this crate.

use super::generate;
use super::hooks::{self, Answered, Errand};
use quarterdeck_contract::{BackendError, Value};
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::rotate::{Generator, Hook};
use std::time::Duration;

/// All of it.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    /// The clocks.
    pub(super) now: &'a (dyn Fn() -> Moment + Sync),
    /// Passes at most so much time; ends early when this thread is unparked.
    pub(super) pass: &'a (dyn Fn(Duration) + Sync),
    /// Carries a hook out.
    pub(super) hook: &'a (dyn Fn(&Hook, &Errand<'_>) -> Answered + Sync),
    /// Makes a value.
    pub(super) generate: &'a (dyn Fn(&Generator) -> Result<Value, BackendError> + Sync),
}

impl World<'static> {
    /// The real one.
    pub(super) const REAL: Self = Self {
        now: &quarterdeck_clock::moment,
        pass: &std::thread::park_timeout,
        hook: &hooks::run,
        generate: &generate::generate,
    };
}
