//! `rotate …`: rotations in words. Refuses to decide what comes next: the machine does, and whoever carries a rotation on
//! does what it says.

mod data;
mod due;
mod follow;
mod plan;
mod start;
mod status;
mod text;

use crate::args::{Common, Rotate, Steering};
use crate::output::{self, Outcome, Trouble};
use crate::session::{Needs, session};
use crate::verbs::secrets::located;
use quarterdeck_control::journal::JournalError;
use quarterdeck_control::serve::Control;
use quarterdeck_domain::request::{Request, Target};
use quarterdeck_domain::rotate::{Ask, Question, RotationRow};
use serde_json::json;
use std::sync::Arc;

/// Rotations belong to an environment.
const NEEDS: Needs = Needs { environment: true, layer: None, looks: true };

/// Carries one of them out.
pub(crate) fn run(verb: &Rotate, common: &Common) -> Outcome {
    match verb {
        Rotate::Due => due::run(common),
        Rotate::Plan { name, layer } => plan::run(common, name, layer.as_deref()),
        Rotate::Start { name, layer, dry_run: true, .. } => plan::run(common, name, layer.as_deref()),
        Rotate::Start { name, layer, plan, reason, stay, dry_run: false } => {
            let wish = start::Wish { name, layer: layer.as_deref(), plan: plan.as_deref(), reason, stays: *stay };
            start::run(common, &wish)
        }
        Rotate::Status { rotation } => status::run(common, rotation.as_deref()),
        Rotate::Resume { rotation } => resume(common, rotation),
        Rotate::Abort(steering) => steer(common, steering, Ask::Abort),
        Rotate::Rollback(steering) => steer(common, steering, Ask::Back),
        Rotate::Retire(steering) => steer(common, steering, Ask::Retire),
        Rotate::Done { rotation, failed, note } => done(common, rotation, !failed, note),
        Rotate::Confirm { rotation } => confirm(common, rotation),
        Rotate::Adopt { name, layer } => adopt(common, name, layer.as_deref()),
    }
}

/// Asks, and carries it on where nobody else does.
fn steer(common: &Common, steering: &Steering, ask: Ask) -> Outcome {
    let control = Arc::new(session(common, NEEDS)?);
    let row = chosen(&control, &steering.rotation)?;
    control.rotation_ask(row.rotation.number, ask, &steering.reason)?;
    follow::follow(&control, row.rotation.number, follow::Role::asked(common))
}

/// Tries again what is stuck, takes over what nobody carries.
fn resume(common: &Common, rotation: &str) -> Outcome {
    let control = Arc::new(session(common, NEEDS)?);
    let row = chosen(&control, rotation)?;
    if let Some((ending, _)) = row.rotation.ended {
        let name = row.rotation.name();
        return Err(Trouble::ending(
            3,
            format!("{name} is over: {}\n  next:  'quarterdeck rotate start NAME' begins another", ending.word()),
        ));
    }
    // Whoever carries it on changes the secret.
    let target = row.rotation.target().clone();
    control.permit(&Request::Steer { target, number: row.rotation.number })?;
    if row.rotation.stuck.is_some() || row.rotation.not_before.is_some() {
        control.rotation_ask(row.rotation.number, Ask::Resume, "")?;
    }
    follow::follow(&control, row.rotation.number, follow::Role::stays(common))
}

fn done(common: &Common, rotation: &str, is_done: bool, note: &str) -> Outcome {
    let control = Arc::new(session(common, NEEDS)?);
    let row = chosen(&control, rotation)?;
    // What is stuck may have been done by hand: the machine says whether that ends it.
    let step = match row.question {
        Some(Question::Person { step, .. }) => step,
        Some(Question::Stuck { .. }) => row.rotation.step,
        _ => {
            let (name, step) = (row.rotation.name(), row.rotation.step);
            return Err(Trouble::ending(
                3,
                format!(
                    "{name} waits for nothing that a person does: it is at '{step}'\n  next:  'quarterdeck rotate status {name}' shows it"
                ),
            ));
        }
    };
    control.rotation_say(row.rotation.number, step, is_done, note)?;
    follow::follow(&control, row.rotation.number, follow::Role::asked(common))
}

fn confirm(common: &Common, rotation: &str) -> Outcome {
    let control = session(common, NEEDS)?;
    let row = chosen(&control, rotation)?;
    control.rotation_confirm(row.rotation.number)?;
    let name = row.rotation.name();
    if common.json {
        output::data(&json!({ "rotation": name, "confirmed": true, "signed": false }));
    } else {
        output::text(&format!("{name} is confirmed: recorded, unsigned"));
        let carried = format!("next: a watcher, or 'quarterdeck rotate resume {name}'");
        let by = if control.may_carry(&row.rotation) { "" } else { " by somebody who may change this secret" };
        output::text(&format!("{carried}{by}, carries it on"));
    }
    Ok(0)
}

fn adopt(common: &Common, name: &str, layer: Option<&str>) -> Outcome {
    let control = session(common, NEEDS)?;
    control.permit(&Request::Adopt { target: control.named(name, layer) })?;
    let target = located(&control, name, layer)?.target;
    control.rotation_adopt(&target)?;
    if common.json {
        output::data(&json!({ "name": target.name, "layer": target.layer, "adopted": true }));
    } else {
        output::text(&format!("{} in {} is rotated from here: its own schedule is off", target.name, target.layer));
        output::text(&format!("next: 'quarterdeck rotate plan {}'", target.name));
    }
    Ok(0)
}

/// The secret that a name means, decided on before it is looked for.
fn target(control: &Control, name: &str, layer: Option<&str>) -> Result<Target, Trouble> {
    control.permit(&Request::PlanRotation { target: control.named(name, layer) })?;
    Ok(located(control, name, layer)?.target)
}

/// The rotation that a word means: `R-27`, `27`, or the name of a secret whose newest one is meant.
fn chosen(control: &Control, word: &str) -> Result<RotationRow, Trouble> {
    let rows = control.rotations();
    let number = word.trim_start_matches(['R', 'r']).trim_start_matches('-').parse::<u32>().ok();
    let by_number = rows.iter().find(|row| Some(row.rotation.number) == number);
    let by_name = || {
        let named = rows.iter().filter(|row| row.rotation.target().name == word);
        named.max_by_key(|row| row.rotation.number)
    };
    if let Some(row) = by_number.or_else(by_name).cloned() {
        return Ok(row);
    }
    // Another one of its secret came after it: the journal's files have it.
    let past = number.map_or(Ok(None), |number| control.rotation_numbered(number)).map_err(unread)?;
    past.ok_or_else(|| {
        let known: Vec<String> = rows
            .iter()
            .map(|row| format!("{} ({})", row.rotation.name(), text::tame(&row.rotation.target().name)))
            .collect();
        let known = if known.is_empty() { "none was ever begun here".into() } else { known.join(", ") };
        Trouble::ending(
            4,
            format!("there is no rotation '{}'\n  next:  the known ones: {known}", output::one_line(word)),
        )
    })
}

/// What the journal's files don't tell.
fn unread(error: JournalError) -> Trouble {
    Trouble::ending(1, format!("{error}\n  next:  {}", error.hint()))
}
