//! `rotate start`: begins a rotation and carries it on. Refuses to begin another plan than the one that was shown, and to
//! take a value from the command line.

use super::{NEEDS, follow, target, text};
use crate::args::Common;
use crate::input;
use crate::output::{self, Outcome, Trouble};
use crate::session::session;
use quarterdeck_control::rotate::Start;
use quarterdeck_control::{Kind, Value};
use quarterdeck_domain::request::Request;
use quarterdeck_domain::rotate::Generator;
use std::sync::Arc;

/// What is wished.
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) layer: Option<&'a str>,
    pub(super) plan: Option<&'a str>,
    pub(super) reason: &'a str,
    pub(super) stays: bool,
}

/// Begins it.
pub(super) fn run(common: &Common, wish: &Wish<'_>) -> Outcome {
    let control = Arc::new(session(common, NEEDS)?);
    control.permit(&Request::Rotate { target: control.named(wish.name, wish.layer) })?;
    let target = target(&control, wish.name, wish.layer)?;
    let row = control.rotation_plan(&target)?;
    if let Some(wanted) = wish.plan.filter(|wanted| !row.plan.digest.starts_with(*wanted)) {
        return Err(Trouble::ending(
            7,
            format!(
                "the plan is another one now: {} and not {}\n  while: beginning the rotation of {}\n  next:  look at it again: 'quarterdeck rotate plan {}'",
                row.plan.digest.get(..12).unwrap_or(&row.plan.digest),
                output::one_line(wanted),
                text::tame(&target.name),
                text::tame(&target.name),
            ),
        ));
    }
    let asks = row.hinders.is_empty() && row.approval.is_none() && row.live.is_none();
    let typed = match row.plan.generator {
        Generator::Typed if asks => Some(typed(&target.name)?),
        _ => None,
    };
    let start =
        Start { target, digest: Some(row.plan.digest.clone()), typed, why: wish.reason.to_owned(), stays: wish.stays };
    let begun = control.rotation_start(start, "rotate")?;
    if !common.json {
        output::text(&format!("R-{} begun", begun.number));
        row.warnings.iter().for_each(|warning| output::aside(&format!("warning: {}", text::tame(warning))));
    }
    let role = if wish.stays { follow::Role::stays(common) } else { follow::Role::asked(common) };
    follow::begun(&control, begun, role)
}

/// The new value, where only the broker issues it: hidden at a prompt, or piped in.
fn typed(name: &str) -> Result<Value, Trouble> {
    let bytes = input::value(&format!("the new value of {name}"), &format!("rotate start {name}"))?;
    let kind = if std::str::from_utf8(&bytes).is_ok() { Kind::Text } else { Kind::Binary };
    Ok(Value { kind, bytes: bytes.into() })
}
