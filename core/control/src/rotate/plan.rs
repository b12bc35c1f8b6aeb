//! From configuration, policy and one look at the backend to a plan. Refuses to read a value and to call anything that
//! writes.

use crate::failure::Failure;
use crate::serve::Control;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::PlanRow;

pub(super) fn plan(control: &Control, target: &Target) -> Result<PlanRow, Failure> {
    let _ = (control, target);
    Err(Failure::Senseless { what: "nothing can be planned".into(), next: String::new() })
}
