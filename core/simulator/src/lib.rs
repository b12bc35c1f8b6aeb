//! The reference engine: simulated orders at a simulated venue, obedient or told to misbehave. Refuses to decide whether
//! trading should stop, and to trade anywhere but in its own files.
#![forbid(unsafe_code)]

mod audit;
mod beats;
mod desk;
mod misbehave;
mod options;
mod orders;
mod run;
pub mod venue;

pub use misbehave::{Misbehave, UnknownMisbehaviour};
pub use options::{BadOption, DieAt, Options, Rate};
pub use run::{SimulatorError, run};
