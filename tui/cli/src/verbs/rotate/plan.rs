//! `rotate plan`, and `start --dry-run`: what would be done. Refuses to change anything: no call of it writes.

use super::{NEEDS, data, target, text};
use crate::args::Common;
use crate::output::{self, Outcome};
use crate::session::session;
use quarterdeck_domain::environment::Environment;

/// Prints it. Exit 3 where it can't be begun, 9 where it waits for approval, 7 where one is under way.
pub(super) fn run(common: &Common, name: &str, layer: Option<&str>) -> Outcome {
    let control = session(common, NEEDS)?;
    let target = target(&control, name, layer)?;
    let row = control.rotation_plan(&target)?;
    if common.json {
        output::data(&data::plan(&row));
    } else {
        let environment = control.config.environment.unwrap_or(Environment::Qa);
        text::plan(&row, environment).iter().for_each(|line| output::text(line));
    }
    Ok(match () {
        () if row.live.is_some() => 7,
        () if !row.hinders.is_empty() => 3,
        () if row.approval.is_some() => 9,
        () => 0,
    })
}
