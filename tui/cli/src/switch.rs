//! Sits down at the kill-switch for one verb, and says it in words and as data. Refuses to need a plugin, a backend, a
//! journal that can be written or a configuration that can be read: a stop works with everything else broken.

pub(crate) mod data;
pub(crate) mod text;

use crate::args::Common;
use crate::output::{Trouble, aside};
use crate::session::wanted;
use quarterdeck_control::config::Config;
use quarterdeck_control::kill::{Switch, post};
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::environment::Environment;
use std::sync::Arc;

/// A place at the switch.
pub(crate) struct Seat {
    /// The switch.
    pub switch: Arc<Switch>,
    /// Where.
    pub environment: Environment,
    /// Configuration, where it could be read.
    pub config: Option<Config>,
    /// What the process was started with.
    pub surroundings: Surroundings,
    warnings: Vec<String>,
}

impl Seat {
    /// Says what was left aside in taking it.
    pub(crate) fn warn(&self) {
        self.warnings.iter().for_each(|warning| aside(&format!("warning: {warning}")));
    }

    /// The desk that is called when a screen can't help.
    pub(crate) fn desk(&self) -> Option<&str> {
        self.config.as_ref()?.file.desk.phone.as_deref()
    }
}

/// Takes a seat, and says what was left aside. `program` is what the record says the order came from: `kill status`.
pub(crate) fn sit(common: &Common, program: &str) -> Result<Seat, Trouble> {
    let seat = sit_quietly(common, program)?;
    seat.warn();
    Ok(seat)
}

/// The same without a word: nobody may be reading, and what comes next must not wait for that.
pub(crate) fn sit_quietly(common: &Common, program: &str) -> Result<Seat, Trouble> {
    let surroundings = Surroundings::of_this_process();
    let post = post(&surroundings, wanted(common), program)?;
    if common.readonly {
        post.switch.look_only("--readonly was given");
    }
    let broken = post.broken.map(|told| format!("going on without a configuration: {}", told.what));
    let warnings = post.config.iter().flat_map(|config| config.warnings.clone()).chain(broken).collect();
    Ok(Seat { switch: post.switch, environment: post.environment, config: post.config, surroundings, warnings })
}
