//! Rotations as data, for `--json`. Refuses values.

use quarterdeck_domain::rotate::{Course, Plan, PlanRow, Question, ReaderRow, Rotation, RotationRow, Step};
use quarterdeck_domain::state::State;
use quarterdeck_domain::version::Sighting;
use serde_json::{Value, json};

/// A plan and what stands about it.
pub(super) fn plan(row: &PlanRow) -> Value {
    json!({
        "name": row.plan.target.name,
        "layer": row.plan.target.layer,
        "plan": whole(&row.plan),
        "downtime": row.plan.downtime.words(),
        "steps": row.steps.iter().map(|(step, does)| json!({ "step": step.word(), "does": does })).collect::<Vec<_>>(),
        "warnings": row.warnings,
        "hinders": row.hinders,
        "waits_for_approval": row.approval,
        "under_way": row.live.as_ref().map(|(number, by)| json!({ "rotation": format!("R-{number}"), "by": by })),
        "readers": row.readers.iter().map(reader).collect::<Vec<_>>(),
    })
}

fn whole(plan: &Plan) -> Value {
    serde_json::to_value(plan).unwrap_or(Value::Null)
}

/// One rotation.
pub(super) fn rotation(row: &RotationRow) -> Value {
    let rotation = &row.rotation;
    let (course, why) = match &rotation.course {
        Course::Forward => ("forward", None),
        Course::Anew { why } => ("anew", Some(why)),
        Course::Back { why, .. } => ("back", Some(why)),
    };
    // On the way back nothing is waited for any more.
    let grace = rotation.grace.as_ref().filter(|_| !matches!(rotation.course, Course::Back { .. }));
    json!({
        "rotation": rotation.name(),
        "name": rotation.target().name,
        "layer": rotation.target().layer,
        "id": rotation.id,
        "by": rotation.by,
        "reason": rotation.why,
        "began_at": rotation.began_at.to_string(),
        "step": rotation.step.word(),
        "course": course,
        "why": why,
        "state": row.state,
        "from": rotation.plan.from,
        "staged": rotation.staged,
        "promoted": rotation.promoted,
        "promoted_at": rotation.promoted_at.map(|at| at.to_string()),
        "fingerprint": rotation.fingerprint,
        "old_fingerprint": rotation.old_fingerprint,
        "confirmed": confirmed(rotation),
        "asked_back": rotation.asked,
        "grace_until": grace.map(|grace| grace.utc.to_string()),
        "grace_left_s": row.grace_left.map(|left| left.as_secs()),
        "downtime": rotation.plan.downtime.words(),
        "waits": row.waits,
        "question": row.question.as_ref().map(question),
        "stuck": rotation.stuck,
        "carried_by": rotation.lease.as_ref().filter(|_| row.carried).map(|lease| lease.words()),
        "values_tried": rotation.values,
        "ended": rotation.ended.map(|(ending, at)| json!({ "how": ending.word(), "at": at.to_string() })),
        "readers": row.readers.iter().map(reader).collect::<Vec<_>>(),
        "errors": row.errors,
        "steps": rotation.past.iter().map(|past| json!({
            "step": past.step.word(), "at": past.at.to_string(), "by": past.by, "took_ms": past.took_ms,
            "note": past.note, "failed": past.failed,
        })).collect::<Vec<_>>(),
    })
}

/// The same, and the version that is current now, as far as the journal knows.
pub(super) fn rotation_now(row: &RotationRow, state: &State) -> Value {
    let mut data = rotation(row);
    let target = row.rotation.target();
    let current = match state.version(&target.layer, &target.name).map(|known| &known.sighting) {
        Some(Sighting::Version(version)) => Some(version.clone()),
        _ => None,
    };
    data["current"] = json!(current);
    data
}

/// Who confirmed it, where that was needed and done.
fn confirmed(rotation: &Rotation) -> Option<Value> {
    let past = rotation.past.iter().find(|past| past.step == Step::Confirm && !past.failed)?;
    let role = rotation.plan.confirm.map(|role| role.name());
    Some(json!({ "by": past.by, "role": role, "at": past.at.to_string(), "signed": false }))
}

fn question(question: &Question) -> Value {
    match question {
        Question::Confirm => json!({ "asks": "confirm" }),
        Question::Person { step, told } => json!({ "asks": "person", "step": step.word(), "told": told }),
        Question::Retire { readers } => json!({ "asks": "retire", "readers": readers }),
        Question::Stuck { why } => json!({ "asks": "stuck", "why": why }),
    }
}

fn reader(reader: &ReaderRow) -> Value {
    json!({
        "name": reader.name, "last_read": reader.last_read.map(|at| at.to_string()), "version": reader.version,
        "errors": reader.errors, "last_error": reader.last_error,
    })
}
