//! A rotation in the words that several panes share: its state, its versions, who carries it on. Refuses to judge: what
//! it is was decided where it was folded.

use crate::theme::Role;
use crate::words;
use jiff::SignedDuration;
use quarterdeck_app::{Model, Want};
use quarterdeck_domain::rotate::{Course, Ending, Question, Rotation, RotationRow, Step};

/// The old version.
pub(crate) fn old(rotation: &Rotation) -> String {
    words::version_id(&rotation.plan.from)
}

/// The new version, as soon as it has a name.
pub(crate) fn new(rotation: &Rotation) -> String {
    let id = rotation.promoted.as_deref().or(rotation.staged.as_deref());
    id.map_or_else(|| "the new one".to_owned(), words::version_id)
}

/// The version that programs read now.
pub(crate) fn current(rotation: &Rotation) -> String {
    let went_back = matches!(rotation.course, Course::Back { .. }) && rotation.is_past(Step::Restore);
    if rotation.promoted.is_some() && !went_back { new(rotation) } else { old(rotation) }
}

/// The state in two words, for a table: `IN GRACE 7:35`, `R-27 set`.
pub(crate) fn state(model: &Model, row: &RotationRow) -> (String, Role) {
    let rotation = &row.rotation;
    let name = rotation.name();
    if let Some((ending, _)) = rotation.ended {
        return match ending {
            Ending::Done => ("done".into(), Role::Ok),
            Ending::Aborted => ("aborted".into(), Role::Muted),
            Ending::RolledBack if rotation.asked => ("rolled back".into(), Role::Muted),
            Ending::RolledBack => ("ROLLED BACK".into(), Role::Danger),
            Ending::Lost => ("LOST".into(), Role::Danger),
        };
    }
    match model.rotations.want(row, model.now) {
        Some(Want::Stuck) => return ("STUCK".into(), Role::Danger),
        Some(Want::Lost) => return ("LOST".into(), Role::Danger),
        Some(Want::RetireOverdue) => return ("RETIRE OVERDUE".into(), Role::Danger),
        Some(Want::Step(step)) => return (format!("{name} {step} ?"), Role::DueSoon),
        Some(Want::Confirm) => return (format!("{name} confirm ?"), Role::DueSoon),
        Some(Want::Alone) => return (format!("{name} {} ?", rotation.step), Role::DueSoon),
        Some(Want::RolledBack) | None => {}
    }
    match rotation.course {
        Course::Back { .. } if rotation.asked => (format!("{name} goes back"), Role::DueSoon),
        Course::Back { .. } => (format!("{name} goes back"), Role::Danger),
        Course::Anew { .. } => (format!("{name} anew"), Role::DueSoon),
        Course::Forward if rotation.step == Step::Grace => match model.rotations.grace_left(row, model.now) {
            Some(left) => (format!("IN GRACE {}", words::left(left)), Role::DueSoon),
            None => ("IN GRACE".into(), Role::DueSoon),
        },
        Course::Forward => (format!("{name} {}", rotation.step), Role::DueSoon),
    }
}

/// What stands on the first line: the state, and what it means for those who read the secret.
pub(crate) fn headline(model: &Model, row: &RotationRow) -> (String, String, Role) {
    let rotation = &row.rotation;
    let (old, new, now) = (old(rotation), new(rotation), current(rotation));
    if let Some((ending, at)) = rotation.ended {
        let at = words::when(at, model.now);
        return match ending {
            Ending::Done => (format!("DONE at {at}"), format!("{new} is current, {old} is gone"), Role::Ok),
            Ending::RolledBack => {
                let role = if rotation.asked { Role::Strong } else { Role::Danger };
                (format!("ROLLED BACK at {at}"), format!("{old} is current, {new} is gone"), role)
            }
            Ending::Aborted => (format!("ABORTED at {at}"), format!("{old} is current as before"), Role::Strong),
            Ending::Lost => {
                (format!("LOST at {at}"), "somebody else's version is current; ours is gone".into(), Role::Danger)
            }
        };
    }
    match (model.rotations.want(row, model.now), &rotation.course) {
        (Some(Want::Stuck), _) => (
            format!("STUCK at {}", rotation.step),
            format!("{now} is current; it goes no further by itself"),
            Role::Danger,
        ),
        (_, Course::Back { .. }) => {
            let role = if rotation.asked { Role::Strong } else { Role::Danger };
            ("GOES BACK".into(), format!("{now} is current"), role)
        }
        (Some(Want::RetireOverdue), _) => {
            ("RETIRE OVERDUE".into(), format!("grace is over, {old} and {new} both still work"), Role::Danger)
        }
        (_, Course::Anew { .. }) => {
            ("ANOTHER VALUE".into(), format!("{old} is current; the value before failed"), Role::DueSoon)
        }
        (_, Course::Forward) if rotation.is_in_grace() => {
            ("IN GRACE".into(), format!("{old} and {new} both work"), Role::Strong)
        }
        (_, Course::Forward) if rotation.promoted.is_some() => {
            (format!("AT {}", rotation.step.word().to_uppercase()), format!("{new} is current"), Role::Strong)
        }
        (Some(Want::Confirm), _) => {
            let role = rotation.plan.confirm.map_or("somebody else".to_owned(), |role| format!("a {role}"));
            ("NOT CONFIRMED".into(), format!("{role} confirms it first; nothing was done yet"), Role::DueSoon)
        }
        (_, Course::Forward) => {
            let at = rotation.step.word().to_uppercase();
            (format!("AT {at}"), format!("{old} is current; no reader has seen anything yet"), Role::Strong)
        }
    }
}

/// Why the rotation turned round, if it did.
pub(crate) fn why(rotation: &Rotation) -> Option<&str> {
    match &rotation.course {
        Course::Forward => None,
        Course::Anew { why } | Course::Back { why, .. } => Some(why),
    }
}

/// Who goes on when this screen is gone; nobody where no watcher runs.
pub(crate) fn goes_on(model: &Model, row: &RotationRow) -> Option<String> {
    let watches = |lease: &&quarterdeck_domain::rotate::Lease| row.carried && !row.rests && lease.program == "watch";
    if let Some(lease) = row.rotation.lease.as_ref().filter(watches) {
        return Some(format!("{} on {}", lease.program, lease.host));
    }
    let watcher = model.kill.as_deref()?.watchers.first()?;
    Some(watcher.name.clone())
}

/// True where this screen carries it on by itself.
fn is_here(model: &Model, row: &RotationRow) -> bool {
    row.here && model.setup.access.is_free()
}

/// Who goes on when a rest is over, as far as is seen from here.
pub(crate) fn then(model: &Model, row: &RotationRow) -> String {
    match (is_here(model, row), goes_on(model, row)) {
        (true, Some(watcher)) => format!("this screen, {watcher}"),
        (true, None) => "this screen; no watcher is seen".to_owned(),
        (false, Some(watcher)) => watcher,
        (false, None) => "no watcher is seen, and this screen can't".to_owned(),
    }
}

/// Who takes over what nobody carries on.
pub(crate) fn takes_over(model: &Model, row: &RotationRow) -> String {
    if is_here(model, row) {
        return "this screen takes it over, or a watcher".to_owned();
    }
    let why = if row.here {
        "this session looks only".to_owned()
    } else {
        let role = model.setup.seat.who.role.map_or_else(|| "nobody's".to_owned(), |role| role.to_string());
        format!("your role, {role}, can't")
    };
    let who = goes_on(model, row).unwrap_or_else(|| "'quarterdeck watch'".to_owned());
    format!("{why}; {who} or a devops' cockpit does")
}

/// Whose a person's step is: `you`, who began it, or either.
pub(crate) fn whose(model: &Model, row: &RotationRow) -> String {
    let by = &row.rotation.by;
    if *by == model.setup.seat.who.person.as_str() { "you".to_owned() } else { by.clone() }
}

/// The old value was refused at its service before anything was done: the way back leads to a value that doesn't work.
pub(crate) fn was_refused(rotation: &Rotation) -> Option<String> {
    let check = rotation.past.iter().find(|past| past.step == Step::Check && !past.failed)?;
    if !check.note.contains("refused already") {
        return None;
    }
    let old = old(rotation);
    Some(match rotation.course {
        Course::Back { .. } => {
            format!("{old} was refused already before this began: it is current again and does not work")
        }
        _ => format!(
            "{old} was refused already when it was checked: the way back would lead to a value that does not work"
        ),
    })
}

/// When the next try is, if one is waited for: `8 s`.
pub(crate) fn next_try(model: &Model, rotation: &Rotation) -> Option<String> {
    let left = rotation.not_before.filter(|_| rotation.stuck.is_none())?.duration_since(model.now);
    (left > SignedDuration::ZERO).then(|| words::seconds(left))
}

/// What one that wants a person says, in three parts that are read one after the other: what, on which secret, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// `R-27 STUCK at retire`
    pub(crate) what: String,
    /// The secret.
    pub(crate) on: String,
    /// May be empty.
    pub(crate) why: String,
}

impl Wanted {
    /// All of it.
    pub(crate) fn words(&self) -> String {
        let parts = [&self.what, &self.on, &self.why].into_iter().filter(|part| !part.is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join(": ")
    }
}

/// What one that wants a person says.
pub(crate) fn wants(model: &Model, row: &RotationRow, want: Want) -> Wanted {
    let rotation = &row.rotation;
    let (name, old) = (rotation.name(), old(rotation));
    let (what, why) = match want {
        Want::Stuck => {
            let why = rotation.stuck.clone().unwrap_or_default();
            let why = why.strip_prefix(&format!("{}: ", rotation.step)).map_or(why.clone(), str::to_owned);
            (format!("{name} STUCK at {}", rotation.step), why)
        }
        Want::Lost => (format!("{name} LOST"), "somebody else's version is current".to_owned()),
        Want::RetireOverdue => {
            let why = match rotation.held.as_ref().filter(|held| !held.readers.is_empty()) {
                Some(held) => format!("{} still reads {old}", held.readers.join(", ")),
                None => format!("{old} is valid still"),
            };
            (format!("{name} RETIRE OVERDUE"), why)
        }
        Want::RolledBack => (format!("{name} ROLLED BACK"), why(rotation).unwrap_or_default().to_owned()),
        Want::Step(step) => {
            let told = match &row.question {
                Some(Question::Person { told, .. }) => words::short_ids(told),
                _ => String::new(),
            };
            (format!("{name} waits for {}: {}", whose(model, row), step_of(rotation, step)), told)
        }
        Want::Confirm => {
            let role = rotation.plan.confirm.map_or("somebody else".to_owned(), |role| format!("a {role}"));
            (format!("{name} waits for {role} to confirm it"), format!("asked for by {}", rotation.by))
        }
        Want::Alone => (format!("{name} is carried on by nobody"), takes_over(model, row)),
    };
    Wanted { what, on: rotation.target().name.clone(), why }
}

/// A person's step, with the version that it is about.
pub(crate) fn step_of(rotation: &Rotation, step: Step) -> String {
    match step {
        Step::Retire => format!("retire {}, the old one", old(rotation)),
        Step::Revoke => format!("revoke {}", new(rotation)),
        _ => step.to_string(),
    }
}
