//! `engine`: the reference engine, whose orders are simulated. Refuses Production, where a simulated order among real
//! ones would only confuse.

use crate::args::{Common, Engine};
use crate::output::{self, Outcome, Trouble};
use crate::switch::sit;
use quarterdeck_control::open::state_folder;
use quarterdeck_domain::environment::Environment;
use quarterdeck_simulator::Options;
use std::time::Duration;

/// Runs until it is told to end.
pub(crate) fn run(verb: &Engine, common: &Common) -> Outcome {
    let seat = sit(common, "engine")?;
    let environment = seat.environment;
    if environment == Environment::Production {
        return Err(Trouble::ending(
            3,
            "refused: simulated orders don't belong into PRODUCTION\n  while: starting the reference engine\n  next:  '--env qa' or '--env paper'; a real engine is written from docs/engines.md",
        ));
    }
    let place = || seat.switch.place().base().to_owned();
    let venue = || state_folder(&seat.surroundings, Some(environment)).join("simulator").join(&verb.name);
    let (base, state) = (verb.base.clone().unwrap_or_else(place), verb.state.clone().unwrap_or_else(venue));
    let options = Options {
        audit: verb.audit.clone(),
        rate: verb.rate,
        seed: verb.seed,
        orders: verb.orders,
        positions: verb.positions,
        fills_every: (verb.fills_every > 0).then(|| Duration::from_secs(verb.fills_every)),
        misbehave: verb.misbehave.clone(),
        control: verb.control.clone(),
        die_at: verb.die_at,
        with_parent: verb.with_parent,
        verbose: verb.verbose,
        ..Options::new(&verb.name, environment, &verb.account, base, state)
    };
    output::aside(&format!(
        "{} is a reference engine in {}: its orders are simulated",
        output::one_line(&verb.name),
        environment.title()
    ));
    quarterdeck_simulator::run(options).map_err(|error| Trouble::failed(error.to_string()))?;
    Ok(0)
}
