//! `audit tail` and `audit query`.

use crate::args::Common;
use crate::output::Outcome;

pub(crate) fn tail(_: &Common, _: bool, _: usize, _: Option<&str>) -> Outcome {
    Ok(0)
}
pub(crate) fn query(_: &Common, _: &str) -> Outcome {
    Ok(0)
}
