//! What a rotation waits for, in a line of its own: a person, a next try, a runner. Refuses a key that would be refused.

use super::say;
use super::sheet::{Line, cell, marked};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::{Access, Action, Model};
use quarterdeck_domain::rotate::{Question, Rotation, RotationRow, Step};

/// The columns of the mark.
const MARK: u16 = 6;

/// What is asked, or what it waits for by itself; and the keys that answer. None while it simply goes on.
pub(crate) fn lines(model: &Model, row: &RotationRow, width: u16) -> Vec<Line> {
    let rotation = &row.rotation;
    if !rotation.is_live() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if let Some(warning) = say::was_refused(rotation) {
        lines.extend(marked(" !", MARK, &warning, Role::Danger, width, 2));
    }
    lines.extend(asked(model, row, width));
    lines
}

fn asked(model: &Model, row: &RotationRow, width: u16) -> Vec<Line> {
    let rotation = &row.rotation;
    let old = say::old(rotation);
    let (text, role) = match &row.question {
        Some(Question::Confirm) => {
            let role = rotation.plan.confirm.map_or("another person".to_owned(), |role| format!("a {role}"));
            let why = if rotation.why.is_empty() { String::new() } else { format!(" \"{}\"", rotation.why) };
            (format!("{role} confirms what {} asked for.{why}", rotation.by), Role::DueSoon)
        }
        Some(Question::Person { step, told }) => {
            let whose = say::whose(model, row);
            let own = if whose == "you" { "yours".to_owned() } else { format!("{whose}'s") };
            (format!("{} is {own}: {}", say::step_of(rotation, *step), words::short_ids(told)), Role::DueSoon)
        }
        Some(Question::Retire { readers }) => {
            let who = match readers.len() {
                0 => "nobody is known to read it".to_owned(),
                _ => format!("{} read it last, and would be cut off", readers.join(", ")),
            };
            (format!("Grace is over. Retire {old}? {who}."), Role::Danger)
        }
        Some(Question::Stuck { why }) => {
            let why = why.strip_prefix(&format!("{}: ", rotation.step)).unwrap_or(why);
            (format!("STUCK, {} {}: {why}", rotation.step, failed(rotation)), Role::Danger)
        }
        None => match waits(model, row) {
            Some(waits) => waits,
            None => return Vec::new(),
        },
    };
    let mut lines = marked(" NOW", MARK, &text, role, width, 3);
    lines.extend(keys(model, row));
    lines
}

fn failed(rotation: &Rotation) -> String {
    if rotation.failures <= 1 { "failed once".to_owned() } else { format!("failed {} times", rotation.failures) }
}

/// What it waits for by itself.
fn waits(model: &Model, row: &RotationRow) -> Option<(String, Role)> {
    let rotation = &row.rotation;
    if rotation.failures > 0 {
        let next = say::next_try(model, rotation).map(|left| format!(", next try in {left}")).unwrap_or_default();
        let why = rotation.past.last().map(|past| past.note.as_str()).unwrap_or_default();
        return Some((format!("{} {}{next}: {why}", rotation.step, failed(rotation)), Role::Danger));
    }
    if let Some(grace) = rotation.grace.as_ref().filter(|_| row.rests && rotation.step == Step::Grace) {
        let until = words::when(grace.utc, model.now);
        let then = say::then(model, row);
        return Some((format!("rests until {until}, then whoever is open goes on: {then}"), Role::Text));
    }
    if !row.carried && rotation.step != Step::Confirm {
        let since = rotation.lease.as_ref().map(|lease| format!(" since {} let go", lease.words())).unwrap_or_default();
        let why = row.waits.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        return Some((format!("nobody carries it on{since}{why}: {}", say::takes_over(model, row)), Role::DueSoon));
    }
    // That both are valid is said above.
    let waits = row.waits.as_ref().filter(|_| rotation.step != Step::Grace || row.grace_left.is_none())?;
    Some((waits.clone(), Role::DueSoon))
}

/// `D done   N did not work`; where the session looks only, how to unlock it.
fn keys(model: &Model, row: &RotationRow) -> Option<Line> {
    row.question.as_ref()?;
    let keymap = &model.setup.keymap;
    let offered = |action: &Action| format!("{} {}", keymap.shown(*action), quarterdeck_app::row(*action).short);
    let text = match model.setup.access {
        Access::LookOnly => format!("{} unlocks the keys that answer", keymap.shown(Action::Unlock)),
        Access::ReadOnly => return None,
        Access::Free | Access::Unlocked { .. } => {
            let keys: Vec<String> = model.rotation_keys().iter().map(offered).collect();
            if keys.is_empty() {
                return Some(Line::Cells(vec![cell(MARK, u16::MAX, waiting_for(model, row), Role::Muted)]));
            }
            keys.join("   ")
        }
    };
    Some(Line::Cells(vec![cell(MARK, u16::MAX, text, Role::Key)]))
}

fn waiting_for(model: &Model, row: &RotationRow) -> String {
    let since = words::age(model.now.duration_since(row.rotation.began_at));
    format!("asked for {since} ago")
}
