//! The question before something is done to a rotation. Refuses to show more of a typed value than its length and, of a
//! long one, its last four characters; and to ask without saying what follows.

use super::say;
use crate::hold;
use crate::theme::Role;
use crate::{dialogs, words};
use quarterdeck_app::{Change, Masked, Model, Overlay, Stage};
use quarterdeck_domain::rotate::{Ask, Rotation};

/// Makes the question while one is open.
pub(crate) fn view(model: &Model) -> Option<hold::View> {
    let Overlay::Rotation(asking) = model.overlay.as_ref()? else { return None };
    let row = model.rotations.shown();
    let (title, mut lines) = match (asking.change, row) {
        (Change::Start, _) => ("START THE ROTATION", start(model)),
        (Change::Steer(ask), Some(row)) => steer(&row.rotation, ask),
        (Change::Say(step, done), Some(row)) => {
            let name = row.rotation.name();
            let what =
                if done { format!("{step} of {name} is done?") } else { format!("{step} of {name} did not work?") };
            let then = match done {
                true => "It goes on with the next step, and your name stands beside this one.",
                false => "It counts as a failed try: another value, or back to the old one, as the plan says.",
            };
            ("YOUR STEP", vec![(what, Role::Strong), (then.to_owned(), Role::Text)])
        }
        (Change::Confirm, Some(row)) => {
            let rotation = &row.rotation;
            let what =
                format!("Confirm {} of {}, asked for by {}?", rotation.name(), rotation.target().name, rotation.by);
            let why = if rotation.why.is_empty() {
                "no reason was given".to_owned()
            } else {
                format!("\"{}\"", rotation.why)
            };
            (
                "CONFIRM",
                vec![(what, Role::Strong), (why, Role::Text), ("It is recorded, not signed.".into(), Role::Text)],
            )
        }
        (_, None) => return None,
    };
    if let Some(said) = asking.said {
        lines.push((said.to_owned(), Role::Danger));
    }
    let mut fields = Vec::new();
    if let Some(value) = &asking.value {
        let text = masked(value);
        let at = text.chars().count();
        fields.push(("value", text, at));
    }
    if asking.change.takes_reason() {
        fields.push(("reason", asking.reason.text().to_owned(), asking.reason.at()));
    }
    let active = usize::from(asking.value.is_some() && !asking.in_value).min(fields.len().saturating_sub(1));
    let keys = match (asking.change, &asking.value) {
        (Change::Start, Some(_)) => "Enter goes on, then starts. Tab changes the field. Esc: nothing begins.",
        (Change::Start, None) => "Enter starts it; the reason may be empty. Esc: nothing begins.",
        (Change::Steer(_), _) => "Enter does it; the reason may be empty. Esc: nothing changes.",
        (Change::Say(..) | Change::Confirm, _) => "Enter says so. Esc: nothing changes.",
    };
    Some(hold::View::question(dialogs::title(model, title), lines, fields, active, keys))
}

/// What is seen of a value: `32 characters, ends in ..x9f2`.
fn masked(value: &Masked) -> String {
    match (value.length(), value.tail()) {
        (0, _) => String::new(),
        (length, Some(tail)) => format!("{length} characters, ends in ..{tail}"),
        (length, None) => words::count(length, "character"),
    }
}

fn start(model: &Model) -> Vec<(String, Role)> {
    let Stage::Plan { plan: row, .. } = &model.rotations.stage else { return Vec::new() };
    let plan = &row.plan;
    let mut lines = vec![(format!("Rotate {} in {}?", plan.target.name, plan.target.layer), Role::Strong)];
    let old = words::version_id(&plan.from);
    lines.push(match plan.confirm {
        Some(role) => (format!("Nothing is done before a {role} has confirmed it; {old} stays current."), Role::Text),
        None => (format!("{old} stays valid until grace is over; {}.", plan.downtime.words()), Role::Text),
    });
    if plan.generator == quarterdeck_domain::rotate::Generator::Typed {
        let text =
            format!("Type or paste what the service issued, {} characters or more. It is not shown.", Masked::SHORTEST);
        lines.push((text, Role::Text));
    }
    lines
}

/// What going back does, and what it leads to.
fn back(rotation: &Rotation, old: &str, new: &str) -> String {
    if say::was_refused(rotation).is_some() {
        return format!("{old} is made current at once, though it was REFUSED already at check. {new} is revoked.");
    }
    format!("{old} is made current at once, then {new} is revoked. {} ends as ROLLED BACK.", rotation.name())
}

fn steer(rotation: &Rotation, ask: Ask) -> (&'static str, Vec<(String, Role)>) {
    let (name, old, new) = (rotation.name(), say::old(rotation), say::new(rotation));
    let on = &rotation.target().name;
    let (title, what, then) = match ask {
        Ask::Back => ("BACK TO THE OLD VERSION", format!("Back to {old} of {on}?"), back(rotation, &old, &new)),
        Ask::Abort => (
            "ABORT",
            format!("Abort {name} of {on}?"),
            format!("{old} stays current; what was made of the new value is taken back."),
        ),
        Ask::Retire => {
            let who = rotation.held.as_ref().map(|held| held.readers.join(", ")).unwrap_or_default();
            let who = if who.is_empty() { "who still reads it".to_owned() } else { who };
            (
                "RETIRE NOW",
                format!("Retire {old} of {on} now?"),
                format!("{who} is cut off. There is no way back after it."),
            )
        }
        Ask::Resume => (
            "TRY AGAIN",
            format!("Let {name} of {on} go on?"),
            format!("{} is tried again at once, and its failures are forgotten.", rotation.step),
        ),
    };
    (title, vec![(what, Role::Strong), (then, Role::Text)])
}
