//! The kill-switch over real processes: cockpits, watchers and engines that are killed, cut off, lied to, and whose
//! clocks are stepped. Refuses to look inside: what an engine does at its venue and what a person is told is all.

#[path = "../house/mod.rs"]
mod house;

mod deadline;
mod engines;
mod steps;
