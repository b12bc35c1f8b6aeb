//! `rotate due`: what wants a rotation, soonest first, and what stands about each. Refuses to begin any of it.

use super::{NEEDS, text};
use crate::args::Common;
use crate::output::{self, Outcome};
use crate::rows::span;
use crate::session::session;
use jiff::Timestamp;
use quarterdeck_control::rotate::due::{DueRow, due};
use serde_json::{Value, json};

/// Prints what wants a rotation now, then what comes next.
pub(super) fn run(common: &Common) -> Outcome {
    let control = session(common, NEEDS)?;
    let now = quarterdeck_clock::utc();
    let rows = due(&control);
    if common.json {
        output::data(&Value::Array(rows.iter().map(data).collect()));
        return Ok(0);
    }
    if rows.is_empty() {
        output::text("nothing here has a date: 'quarterdeck secrets list' shows what is known of each");
        return Ok(0);
    }
    let header = ["NAME", "LAYER", "DUE IN", "EVERY", "STATE", "BY ITSELF"].map(str::to_owned).to_vec();
    let cells = rows.iter().map(|row| cells(row, now));
    output::text(&output::table(&std::iter::once(header).chain(cells).collect::<Vec<_>>()));
    if let Some(first) = rows.first().filter(|row| row.is_due) {
        let next = match first.live {
            Some(number) => format!("'quarterdeck rotate status R-{number}'"),
            None => format!("'quarterdeck rotate plan {}'", text::tame(&first.target.name)),
        };
        output::text(&format!("next: {next}"));
    }
    Ok(0)
}

fn cells(row: &DueRow, now: Timestamp) -> Vec<String> {
    let due = match row.due_at {
        Some(due) if due > now => span(due.duration_since(now)),
        Some(due) => format!("{} ago", span(now.duration_since(due))),
        None => "-".into(),
    };
    let state = match row.live {
        Some(number) => format!("{}, R-{number}", row.state.words()),
        None => row.state.words().to_owned(),
    };
    let by_itself = match (&row.why_not, row.confirm) {
        (Some(why), _) => format!("no: {}", text::tame(why)),
        (None, Some(role)) => format!("yes, then waits for a {role}"),
        (None, None) => "yes".into(),
    };
    vec![text::tame(&row.target.name), row.target.layer.clone(), due, span(row.period), state, by_itself]
}

fn data(row: &DueRow) -> Value {
    json!({
        "name": row.target.name, "layer": row.target.layer, "state": row.state, "is_due": row.is_due,
        "due_at": row.due_at.map(|at| at.to_string()), "period_s": row.period.as_secs(),
        "scheduled": row.scheduled, "confirm": row.confirm.map(|role| role.name()),
        "rotation": row.live.map(|number| format!("R-{number}")), "why_not": row.why_not,
    })
}
