//! `secrets restore`: brings back what was deleted, while its backend still keeps it. Refuses to bring back over a value
//! that is there: the backend says so.

use super::{FILE, located};
use crate::args::Common;
use crate::output::{self, Outcome, Trouble};
use crate::session::session;
use quarterdeck_control::serve::Done;
use quarterdeck_domain::request::Request;
use serde_json::json;

/// Restores it in the layer that is named, else in the highest that knows it.
pub(super) fn run(common: &Common, name: &str, layer: Option<&str>) -> Outcome {
    let control = session(common, FILE)?;
    control.permit(&Request::Restore { target: control.named(name, layer) })?;
    let target = located(&control, name, layer)?.target;
    let Done::Stored(version) = control.serve(Request::Restore { target: target.clone() }.into())? else {
        return Err(Trouble::failed("nothing was brought back"));
    };
    if common.json {
        output::data(&json!({ "name": target.name, "layer": target.layer, "version": version.0 }));
    } else {
        output::text(&format!("restored {} in {}: version {} is current again", target.name, target.layer, version.0));
    }
    Ok(0)
}
