//! The aws plugin against a real moto. Refuses to reach AWS itself: every endpoint is on loopback.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod answers;
mod bench;
mod conformance;
mod extras;
mod hostile;
mod login;
mod policies;
mod staging;
mod trouble;
mod writing;
