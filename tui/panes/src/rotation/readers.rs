//! Who reads the secret, which version, and whose log-in failed since; and what follows from it by itself. Refuses to
//! take silence for a proof.

use super::say;
use super::sheet::{Line, cell, marked, right};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::Model;
use quarterdeck_domain::rotate::{Plan, ReaderRow, Retire, RotationRow};

/// The heading, a line for each reader, and the rules.
pub(crate) fn lines(model: &Model, row: &RotationRow, width: u16) -> Vec<Line> {
    let rotation = &row.rotation;
    let new = rotation.promoted.as_deref();
    let on_new = row.readers.iter().filter(|reader| new.is_some() && reader.version.as_deref() == new).count();
    let rest = match (row.readers.len(), new) {
        (0, _) => "none known".to_owned(),
        (all, Some(_)) => format!("{on_new} of {all} on {}", say::new(rotation)),
        (all, None) => all.to_string(),
    };
    let mut lines = table(model, &row.readers, rest, new, width);
    lines.extend(rules(&rotation.plan, Some(row), model, width));
    lines
}

/// The same for a plan: who reads it now.
pub(crate) fn of_plan(model: &Model, plan: &Plan, readers: &[ReaderRow], width: u16) -> Vec<Line> {
    let rest = if readers.is_empty() { "none known".to_owned() } else { readers.len().to_string() };
    let mut lines = table(model, readers, rest, None, width);
    lines.extend(rules(plan, None, model, width));
    lines
}

fn table(model: &Model, readers: &[ReaderRow], rest: String, new: Option<&str>, width: u16) -> Vec<Line> {
    let name = if width < 76 { 14 } else { 24 };
    let at = 3 + name;
    let labels = vec![
        (at, false, "last read"),
        (at + 12, false, "version"),
        (at + 23, false, if new.is_some() { "errors since promote" } else { "errors" }),
    ];
    let mut lines = vec![Line::Head("READERS", rest, labels)];
    lines.extend(readers.iter().map(|reader| {
        let errors = reader.errors.unwrap_or(0);
        let old = new.is_some() && reader.version.as_deref() != new;
        let (mark, role) = match (errors > 0, old) {
            (true, _) => ("!", Role::Danger),
            (false, true) => ("", Role::DueSoon),
            (false, false) => ("", Role::Text),
        };
        let read = reader.last_read.map_or_else(|| "-".to_owned(), |at| words::when(at, model.now));
        let errors = reader.errors.map_or_else(|| "-".to_owned(), |errors| errors.to_string());
        Line::Cells(vec![
            cell(1, 1, mark, role),
            cell(3, name - 1, reader.name.clone(), role),
            cell(at, 11, read, role),
            cell(at + 12, 10, words::short_version(reader.version.as_deref(), 10), role),
            right(at + 23, 3, errors, role),
            cell(at + 28, u16::MAX, reader.last_error.clone(), role),
        ])
    }));
    lines
}

/// What follows by itself from errors, and from a reader that stays with the old version.
fn rules(plan: &Plan, row: Option<&RotationRow>, model: &Model, width: u16) -> Vec<Line> {
    let old = words::version_id(&plan.from);
    let errors = match (plan.watch, row) {
        (Some(rule), Some(row)) if row.rotation.promoted.is_some() && row.rotation.is_live() => format!(
            "{} log-in errors in {} s: back to {old} by itself. {} so far.",
            rule.errors, rule.within_s, row.errors
        ),
        (Some(rule), _) => {
            format!("{} log-in errors in {} s after promote: back to {old} by itself.", rule.errors, rule.within_s)
        }
        (None, _) => "No errors are watched: [rotate.watch] names where to look. Silence is no proof.".to_owned(),
    };
    let role = if row.is_some_and(|row| row.errors > 0) { Role::Danger } else { Role::Muted };
    let mut lines = marked("", 3, &errors, role, width, 2);
    let stays: Vec<&str> = row.map_or(Vec::new(), |row| {
        let new = row.rotation.promoted.as_deref();
        let old = row.readers.iter().filter(|reader| new.is_some() && reader.version.as_deref() != new);
        old.map(|reader| reader.name.as_str()).take(3).collect()
    });
    let who = if stays.is_empty() { "it".to_owned() } else { stays.join(", ") };
    let end = row.and_then(|row| row.rotation.grace.as_ref()).map(|grace| words::when(grace.utc, model.now));
    let at = end.map_or_else(|| "at the end of grace".to_owned(), |end| format!("at {end}"));
    let then = match plan.retire {
        Retire::Ask => format!("retire asks you before it cuts {who} off."),
        Retire::Wait => format!("{old} stays valid until {who} has read the new one."),
        Retire::Force => format!("{who} is cut off: {old} is retired all the same."),
    };
    let over = row.is_some_and(|row| !row.rotation.is_live() || row.rotation.retiring);
    if plan.grace_s > 0 && !over {
        lines.extend(marked("", 3, &format!("A reader still on {old} {at}: {then}"), Role::Muted, width, 2));
    }
    lines
}
