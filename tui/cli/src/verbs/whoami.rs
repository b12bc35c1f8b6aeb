//! `whoami`: person, role, environment, and what that role may do here. Refuses to need a backend.

use crate::args::Common;
use crate::output::{self, Outcome};
use crate::session::wanted;
use quarterdeck_control::config::Config;
use quarterdeck_control::installation::random_id;
use quarterdeck_control::open::{OpenError, who};
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::access::{Change, Class, may_change, may_read, may_stop};
use quarterdeck_domain::environment::Environment;
use serde_json::json;

/// Tells it.
pub(crate) fn run(common: &Common) -> Outcome {
    let surroundings = Surroundings::of_this_process();
    let config = Config::load(&surroundings, wanted(common)).map_err(OpenError::from)?;
    let environment = config.environment.ok_or(quarterdeck_domain::environment::UnknownEnvironment::Unset);
    let environment = environment.map_err(OpenError::from)?;
    let who = who(&config, &surroundings, random_id("sess", 12));
    let readable: Vec<&str> =
        Class::ALL.into_iter().filter(|class| may_read(who.role, *class, Some(environment))).map(Class::name).collect();
    let change = match may_change(who.role, Some(environment)) {
        Change::Allowed => "at once".to_owned(),
        Change::NeedsApproval(by) => format!("after an approval by {by}"),
        Change::Refused => "never".to_owned(),
    };
    let stops = may_stop(who.role, Some(environment));
    if common.json {
        output::data(&json!({
            "person": who.person.as_str(), "role": who.role, "unix_user": surroundings.user,
            "host": surroundings.host, "environment": environment.name(),
            "may_read": readable, "may_change": change, "may_stop": stops,
        }));
        return Ok(0);
    }
    output::text(&format!("{who} in {} on {}", environment.title(), surroundings.host));
    output::text(&format!("  unix user     {}", surroundings.user));
    let list = if readable.is_empty() { "no values".to_owned() } else { readable.join(", ") };
    output::text(&format!("  reads values  {list}"));
    output::text(&format!("  changes       {change}"));
    output::text(&format!("  stops trading {}", if stops { "yes" } else { "no: a Trader does" }));
    if who.role.is_none() {
        let place = if environment == Environment::Production { "/etc/quarterdeck" } else { "your configuration" };
        let has = if readable.is_empty() {
            "you see names and ages, as everybody does".to_owned()
        } else {
            format!("this is what everybody may do in {}", environment.title())
        };
        output::text(&format!("  no [[person]] of {place} names you: {has}"));
    }
    Ok(0)
}
