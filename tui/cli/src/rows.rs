//! Rows as data and as text: one shape for `status`, `secrets list` and whoever reads them. Refuses values.

use crate::errors::Cause;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::overview::{BackendRow, JournalRow, SecretRow};
use quarterdeck_domain::rotation::Age;
use serde_json::{Value, json};

/// One secret as data. `age_s` is seconds, null when unknown; `age_is_lower_bound` says that it may be older.
pub(crate) fn secret(row: &SecretRow, now: Timestamp) -> Value {
    json!({
        "name": row.name,
        "backend": row.backend,
        "layer": row.layer,
        "version": row.version,
        "state": row.state,
        "age_s": row.age.at(now).map(|age| age.as_secs()),
        "age_is_lower_bound": row.age.is_lower_bound(),
        "due_at": row.due_at.map(|due| due.to_string()),
        "shadows": row.shadows,
        "warnings": row.warnings,
        "rotates_at": row.rotates_at.map(|at| at.to_string()),
        "deleted": row.deleted,
        "deletes_at": row.deletes_at.map(|at| at.to_string()),
        "changed_at": row.changed_at.map(|at| at.to_string()),
        "rotation": row.rotation,
    })
}

/// One backend as data. `latency_ms` is null before the first answer.
pub(crate) fn backend(row: &BackendRow, cause: Option<&Cause>) -> Value {
    let error = row.error.as_ref().map(|(what, next)| {
        let mut error = json!({ "what": what, "next": cause.map_or(next.as_str(), Cause::next) });
        cause.iter().for_each(|cause| cause.tell(&mut error));
        error
    });
    json!({
        "name": row.name,
        "backend": row.kind,
        "target": row.target,
        "isolation": row.isolation,
        "health": row.condition.word(),
        "summary": row.summary,
        "latency_ms": row.latency_us.map(|us| us as f64 / 1000.0),
        "warnings": row.warnings,
        "error": error,
        "facts": row.facts.iter().map(|(label, text)| (label.clone(), json!(text))).collect::<serde_json::Map<_, _>>(),
        "expires_at": row.expires_at.map(|at| at.to_string()),
        "confinement": (!row.confinement.is_empty()).then_some(&row.confinement),
        "unconfined": row.unconfined,
        "names": row.names,
        "plugin_version": row.plugin_version,
        "plugin_sha256": row.plugin_sha256,
        "restarts": row.restarts,
    })
}

/// The journal as data.
pub(crate) fn journal(row: &JournalRow) -> Value {
    json!({ "seq": row.seq, "verified": row.verified, "broken": row.broken })
}

/// Where the state stands in [`secret_cells`].
pub(crate) const STATE: usize = 5;

/// The header of [`secret_cells`].
pub(crate) fn secret_header() -> Vec<String> {
    ["NAME", "LAYER", "VERSION", "AGE", "DUE IN", "STATE", "SHADOWS"].map(str::to_owned).to_vec()
}

/// One secret as cells of a table.
pub(crate) fn secret_cells(row: &SecretRow, now: Timestamp) -> Vec<String> {
    let due = match row.due_at {
        Some(due) if due > now => span(due.duration_since(now)),
        Some(due) => format!("{} ago", span(now.duration_since(due))),
        None => "-".into(),
    };
    vec![
        row.name.clone(),
        row.layer.clone(),
        row.version.clone().unwrap_or_else(|| "-".into()),
        age(row.age, now),
        due,
        state(row, now),
        if row.shadows.is_empty() { String::new() } else { row.shadows.join(", ") },
    ]
}

/// The state, and what its backend has planned for it.
fn state(row: &SecretRow, now: Timestamp) -> String {
    let planned = |what: &str, at: Timestamp| format!("{what} {}", span(at.duration_since(now)));
    let secret = row.name.split_once('#').map_or(row.name.as_str(), |(map, _)| map);
    let back = || format!("'quarterdeck secrets restore {secret} --layer {}'", row.layer);
    match (row.deletes_at, row.rotates_at) {
        (Some(at), _) => format!("{}: {}", planned("DELETED, gone in", at), back()),
        (None, _) if row.deleted => format!("DELETED: {}", back()),
        (None, Some(at)) => format!("{}, {}", row.state.words(), planned("its backend rotates it in", at)),
        (None, None) => row.state.words().to_owned(),
    }
}

/// An age in words: `3 d 04 h`, `>= 3 d 04 h` for a lower bound, `unknown`.
pub(crate) fn age(age: Age, now: Timestamp) -> String {
    match age.at(now) {
        Some(old) if age.is_lower_bound() => format!(">= {}", span(old)),
        Some(old) => span(old),
        None => "unknown".into(),
    }
}

/// A duration in two units at most.
pub(crate) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours:02} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let told = |seconds| span(SignedDuration::from_secs(seconds));
        assert_eq!(
            [told(5), told(65), told(3_725), told(90_000), told(-3)],
            ["5 s", "1 min", "1 h 02 min", "1 d 01 h", "0 s"]
        );
    }
}
