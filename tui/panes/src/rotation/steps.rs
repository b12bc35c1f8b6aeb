//! The steps of a rotation: done, in hand, failed, to come; by whom, when, how long it took and what it came to. Refuses
//! to call a step done that another value took.

use super::say;
use super::sheet::{Line, cell, right};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::Model;
use quarterdeck_domain::rotate::{Course, Hook, Past, Rotation, RotationRow, Step};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Done,
    Now,
    Failing,
    /// It failed, and the rotation turned round.
    Failed,
    ToCome,
}

/// The heading and a line for each step.
pub(crate) fn lines(model: &Model, row: &RotationRow, width: u16) -> Vec<Line> {
    let rotation = &row.rotation;
    let steps = all(rotation);
    let done = steps.iter().filter(|(_, place)| *place == Place::Done).count();
    let at = Columns::of(width);
    let labels = vec![
        (at.by.0, false, "by"),
        (at.at.0, false, "at"),
        (at.took.0 + at.took.1, true, "took"),
        (at.result.0, false, "result"),
    ];
    let head = Line::Head("STEPS", format!("{done} of {} done", steps.len()), labels);
    let steps = steps.into_iter().map(|(step, place)| line(model, row, step, place, &at));
    [head].into_iter().chain(steps).collect()
}

/// Forward ones, then those that lead back.
fn all(rotation: &Rotation) -> Vec<(Step, Place)> {
    let live = rotation.is_live();
    let here = if live && rotation.failures > 0 { Place::Failing } else { Place::Now };
    let forward = rotation.course == Course::Forward;
    let place = |step: Step| match () {
        () if live && step == rotation.step => here,
        // What a value before took is not done for this one.
        () if forward && (step < rotation.step || !live) => Place::Done,
        () if !forward && rotation.is_past(step) => Place::Done,
        () if !forward && rotation.past.iter().any(|past| past.step == step) => Place::Failed,
        () => Place::ToCome,
    };
    let mut steps: Vec<_> = rotation.plan.steps().into_iter().map(|step| (step, place(step))).collect();
    if !forward {
        steps.retain(|(_, place)| *place != Place::ToCome);
        let back = [Step::Restore, Step::Revoke, Step::Discard];
        let taken = back.into_iter().filter(|step| rotation.is_past(*step) || (live && *step >= rotation.step));
        let taken = taken.filter(|step| *step != Step::Revoke || rotation.plan.revoke.is_some());
        // What was done is told, also when the new value is gone.
        let restores = rotation.offered || rotation.is_past(Step::Restore);
        let taken = taken.filter(|step| *step != Step::Restore || restores);
        steps.extend(taken.map(|step| (step, place(step))));
    }
    steps
}

/// Start and width; a width of 0 is left out.
struct Columns {
    what: (u16, u16),
    by: (u16, u16),
    at: (u16, u16),
    took: (u16, u16),
    result: (u16, u16),
}

impl Columns {
    /// ```text
    ///  x stage    v15 stored, nobody reads it yet   aws       13:58:31     61 ms  AWSPENDING
    /// ```
    fn of(width: u16) -> Self {
        let what = match width {
            0..84 => 0,
            84..120 => 30,
            _ => 34,
        };
        let by = if width < 56 { 0 } else { 9 };
        let at = if width < 46 { 0 } else { 9 };
        let mut place = 11;
        let mut next = |wide: u16| {
            let start = place;
            place += wide + u16::from(wide > 0);
            (start, wide)
        };
        let (what, by, at, took) = (next(what), next(by), next(at), next(8));
        Self { what, by, at, took, result: (place + 1, width.saturating_sub(place + 1)) }
    }
}

fn line(model: &Model, row: &RotationRow, step: Step, place: Place, at: &Columns) -> Line {
    let rotation = &row.rotation;
    let last = rotation
        .past
        .iter()
        .rev()
        .find(|past| past.step == step && past.failed == matches!(place, Place::Failing | Place::Failed));
    let past = last.filter(|_| !matches!(place, Place::Now | Place::ToCome));
    let (mark, role) = match place {
        Place::Done => ("x", Role::Text),
        Place::Now => (">", Role::Strong),
        Place::Failing | Place::Failed => ("!", Role::Danger),
        Place::ToCome => ("", Role::Muted),
    };
    let mark_role = if place == Place::Done { Role::Ok } else { role };
    let when = match past {
        Some(past) => words::clock(past.at),
        None => planned_at(rotation, step).unwrap_or_default(),
    };
    let (took, result) = told(model, row, step, place, past);
    let by = past.map_or_else(|| by(model, row, step, place), |past| past.by.clone());
    Line::Cells(vec![
        cell(1, 1, mark, mark_role),
        cell(3, 8, step.word(), role),
        cell(at.what.0, at.what.1, what(rotation, step), role),
        cell(at.by.0, at.by.1, by, role),
        cell(at.at.0, at.at.1, when, role),
        right(at.took.0, at.took.1, took, role),
        cell(at.result.0, at.result.1, result, role),
    ])
}

/// How long it took, or is to go; and what it came to.
fn told(model: &Model, row: &RotationRow, step: Step, place: Place, past: Option<&Past>) -> (String, String) {
    let rotation = &row.rotation;
    let took = past.and_then(|past| past.took_ms).map(|ms| words::took(ms.saturating_mul(1_000))).unwrap_or_default();
    let note = past.map(|past| words::short_ids(&past.note)).unwrap_or_default();
    match place {
        Place::Failed => (took, note),
        Place::Done => (took, if note.is_empty() { "ok".into() } else { note }),
        Place::Failing => {
            let next = say::next_try(model, rotation).map(|left| format!("next try in {left}: ")).unwrap_or_default();
            (words::count(rotation.failures as usize, "try").replace("trys", "tries"), format!("{next}{note}"))
        }
        Place::Now if step == Step::Grace && rotation.held.is_some() => ("over".into(), "waits for a person".into()),
        Place::Now if step == Step::Grace => match model.rotations.grace_left(row, model.now) {
            Some(left) if left.is_positive() => (words::left(left), "to go".into()),
            _ => ("over".into(), String::new()),
        },
        Place::Now if row.question.is_some() => (String::new(), "waits for a person".into()),
        Place::Now if !row.carried && rotation.is_live() => (String::new(), "nobody carries it on".into()),
        Place::Now => (String::new(), "now".into()),
        Place::ToCome if rotation.asks_person(step) => (String::new(), format!("asks {}", say::whose(model, row))),
        Place::ToCome => (String::new(), String::new()),
    }
}

/// When a step comes, where that is known.
fn planned_at(rotation: &Rotation, step: Step) -> Option<String> {
    let grace = rotation.grace.as_ref()?;
    matches!(step, Step::Grace).then(|| words::clock(grace.utc))
}

/// Who is going to do it.
fn by(model: &Model, row: &RotationRow, step: Step, place: Place) -> String {
    let rotation = &row.rotation;
    let plan = &rotation.plan;
    match step {
        Step::Confirm => plan.confirm.map(|role| role.to_string()).unwrap_or_default(),
        // Until it is at it nobody knows who will be there.
        Step::Grace => {
            let is_held = place == Place::Now && row.carried && !row.rests;
            rotation.lease.as_ref().filter(|_| is_held).map_or_else(String::new, |it| it.program.clone())
        }
        Step::Set | Step::Test | Step::Verify | Step::Retire | Step::Revoke => match plan.hook(step) {
            Some(hook) if hook.is_by_person() => say::whose(model, row),
            Some(_) => "hook".into(),
            None => plan.target.layer.clone(),
        },
        _ => plan.target.layer.clone(),
    }
}

/// What a step is, in a few words.
pub(crate) fn what(rotation: &Rotation, step: Step) -> String {
    let (old, new) = (say::old(rotation), say::new(rotation));
    let layer = &rotation.target().layer;
    let person = rotation.plan.hook(step).is_some_and(Hook::is_by_person);
    match step {
        Step::Confirm => "another person says yes".into(),
        Step::Check if rotation.plan.test.is_some() => format!("{old} is read and tried"),
        Step::Check => format!("{old} is read"),
        Step::Stage => format!("{new} stored, nobody reads it"),
        Step::Set if person => "made by hand at its service".into(),
        Step::Set => "made known at its service".into(),
        Step::Test => format!("{new} is tried"),
        Step::Promote => format!("{new} current, {old} valid"),
        Step::Unstage => "the pending mark goes".into(),
        Step::Grace => "both valid; readers watched".into(),
        Step::Retire if person => format!("{old} is revoked by hand"),
        Step::Retire => format!("{old} is revoked"),
        Step::Verify => format!("{old} refused, {new} accepted"),
        Step::Drop => format!("{old} leaves {layer}"),
        Step::Restore => format!("{old} current again"),
        Step::Revoke => format!("{new} is revoked"),
        Step::Discard => format!("{new} leaves {layer}"),
        Step::End => "it is over".into(),
    }
}
