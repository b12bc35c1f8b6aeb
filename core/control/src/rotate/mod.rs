//! Rotations where they meet the world: planned from configuration, written into the journal, carried on by a runner.
//! Refuses to decide what comes next: [`Rotation::next`](quarterdeck_domain::rotate::Rotation::next) does.
//!
//! - `plan`: what would be done, from configuration and one look at the backend; writes nothing anywhere.
//! - `policy`, `words`: what is ruled of a secret, and a plan's steps in words.
//! - `due`, `strays`: what wants a rotation; staged values that no rotation is bringing in.
//! - `record`: a fact into the journal, only where it can follow what stands there.
//! - `start`, `steer`: what persons ask: to begin one, and what of one that is under way.
//! - `run`: one runner's work on one rotation: effect after effect under a lease. `effects` and `settle` carry them out,
//!   by what `stands` at the backend; `came` says what they came to; `world` is the clocks and hooks that it meets.
//! - `carrier`: the thread in a cockpit and a watcher that takes over what nobody carries, and begins what is due.
//! - `past`: rotations that others came after, from the journal's files.
//! - `generate`, `hooks`: how a value comes about; what is done with it outside the backend.
//! - `readers`: who reads what version, and whose log-in failed since.

mod came;
pub mod carrier;
pub mod due;
mod effects;
pub mod generate;
pub mod hooks;
mod late;
mod past;
pub mod plan;
pub mod policy;
pub mod readers;
mod record;
mod rows;
pub mod run;
mod settle;
mod stands;
mod start;
mod steer;
pub mod strays;
#[cfg(test)]
mod tests;
mod words;
mod world;

use crate::failure::Failure;
use crate::serve::Control;
use quarterdeck_contract::Value;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Ask, PlanRow, Rotation, RotationRow, Step};

/// True when the old value was refused where it is used before anything was done.
pub fn was_refused_before(rotation: &Rotation) -> bool {
    came::was_refused(rotation)
}

/// What a person gives to begin a rotation.
#[derive(Debug)]
pub struct Start {
    /// The secret.
    pub target: Target,
    /// The digest of the plan that was shown: another plan is refused. Nothing where none was shown.
    pub digest: Option<String>,
    /// The new value, where only the broker issues it. It stays in this process until it is staged.
    pub typed: Option<Value>,
    /// Why; may be empty.
    pub why: String,
    /// This process stays until grace is over: no watcher is needed.
    pub stays: bool,
}

/// A rotation that is begun.
#[derive(Debug)]
pub struct Begun {
    /// Its number.
    pub number: u32,
    /// What the runner of this process needs, and nobody else has.
    pub typed: Option<Value>,
    /// This process' run of it: the lease's name.
    pub runner: String,
}

impl Control {
    /// The rotations that are under way, and the last of each secret, newest first.
    pub fn rotations(&self) -> Vec<RotationRow> {
        // What can't be read on now is as it was.
        let _ = self.journal.catch_up();
        let now = quarterdeck_clock::moment();
        rows::rows(&self.state(), &now, &now)
    }

    /// Works a rotation out. Reads no value, writes nothing, and needs nobody's yes.
    pub fn rotation_plan(&self, target: &Target) -> Result<PlanRow, Failure> {
        plan::plan(self, target)
    }

    /// Begins a rotation: it is durable in the journal before this returns, and nothing else was done. Who is too late
    /// learns of the one that is under way.
    pub fn rotation_start(&self, start: Start, program: &str) -> Result<Begun, Failure> {
        start::start(self, start, program)
    }

    /// Asks something of a rotation.
    pub fn rotation_ask(&self, number: u32, ask: Ask, why: &str) -> Result<(), Failure> {
        steer::ask(self, number, ask, why)
    }

    /// Says of a step that is a person's whether it is done.
    pub fn rotation_say(&self, number: u32, step: Step, done: bool, note: &str) -> Result<(), Failure> {
        steer::say(self, number, step, done, note)
    }

    /// Confirms what somebody else asked for; recorded, not signed.
    pub fn rotation_confirm(&self, number: u32) -> Result<(), Failure> {
        steer::confirm(self, number)
    }

    /// Switches a backend's own schedule for this secret off, so that it is rotated from here.
    pub fn rotation_adopt(&self, target: &Target) -> Result<(), Failure> {
        steer::adopt(self, target)
    }
}
