//! The engine's side of the kill-switch: read the latch, hold the deadline, beat, acknowledge. Refuses to
//! decide whether trading should stop.
//!
//! An engine starts a [`Client`], asks it for a [`Permit`] before each order, and tells it what rests at the venue:
//!
//! ```no_run
//! use quarterdeck_engine::{Client, Environment, Identity, Places, Report, Seen, moment};
//! # fn send_an_order() {}
//! # fn main() -> Result<(), quarterdeck_engine::ClientError> {
//! let places = Places::under("/var/lib/quarterdeck/qa".as_ref());
//! let who = Identity { name: "alpha-us".into(), account: "U1234789".into(), environment: Environment::Qa };
//! let client = Client::start(places, who, |client, duty| {
//!     // Level 4: cancel what rests, close each position once, then tell what the venue says. Called again each second.
//!     if duty.level == 4 { client.cancelled(duty); }
//! })?;
//! if let Some(permit) = client.permit() {
//!     send_an_order();
//!     drop(permit);
//! }
//! client.report(Report { orders: Some(Seen { count: 1, at: moment() }), link_up: true, ..Report::default() });
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod client;
mod closings;
mod error;
mod gate;
mod latch;
mod obey;
mod shell;
mod socket;
mod status;

pub use client::{Client, Closing, Duty, Identity, Permit, Places, Report, Seen};
pub use error::ClientError;
pub use quarterdeck_clock::moment;
pub use quarterdeck_domain::environment::Environment;
pub use quarterdeck_domain::kill::{Beat, Moment};
