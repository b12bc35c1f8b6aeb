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
use quarterdeck_domain::kill::{KillRow, Order, Record};
use std::sync::Arc;

/// What is seen in one look.
pub(crate) struct Sight {
    /// The switch.
    pub row: KillRow,
    /// Orders after the stop that stands.
    pub bypassed: u64,
}

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

/// One look, with what only the journal knows: whether it has the order that stands, and how many orders came after it.
pub(crate) fn look(switch: &Switch) -> Sight {
    sight(switch, switch.look())
}

/// The same of a row that is there.
pub(crate) fn sight(switch: &Switch, mut row: KillRow) -> Sight {
    let journal = switch.recorded();
    let stops = |record: &&Record| record.order != Order::Trade;
    let same = |record: &Record| journal.record.as_ref().is_some_and(|known| known.episode == record.episode);
    let recorded = row.record.as_ref().filter(stops).filter(|record| same(record)).map_or(0, |_| journal.bypasses);
    if row.unjournalled.is_none() {
        row.unjournalled = unknown(&row, journal.record.as_ref());
    }
    Sight { bypassed: recorded.max(row.bypasses.len() as u64), row }
}

/// A record of which the journal has heard nothing: generation 0 is setting up, and no order.
fn unknown(row: &KillRow, known: Option<&Record>) -> Option<String> {
    let record = row.record.as_ref().filter(|record| record.generation > 0)?;
    match known {
        Some(known) if known.generation >= record.generation => None,
        Some(known) => Some(format!(
            "this journal does not know generation {}; the last it knows is {}",
            record.generation, known.generation
        )),
        None => Some(format!("this journal does not know generation {}, nor any before it", record.generation)),
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
