//! `rotate due`: what is due, soonest first. Refuses to begin any of it.

use super::NEEDS;
use crate::args::Common;
use crate::output::{self, Outcome};
use crate::rows;
use crate::session::session;
use crate::verbs::secrets::aged_rows;
use quarterdeck_domain::overview::SecretRow;
use quarterdeck_domain::rotation::SecretState;
use serde_json::Value;

/// Prints what wants a rotation now, then what comes next.
pub(super) fn run(common: &Common) -> Outcome {
    let control = session(common, NEEDS)?;
    let now = quarterdeck_clock::utc();
    let (mut rows, _) = aged_rows(&control, now);
    rows.retain(|row| is_due(row) || row.due_at.is_some());
    rows.sort_by_key(|row| (!is_due(row), row.due_at));
    if common.json {
        output::data(&Value::Array(rows.iter().map(|row| rows::secret(row, now)).collect()));
        return Ok(0);
    }
    if rows.is_empty() {
        output::text("nothing here has a date: 'quarterdeck secrets list' shows what is known of each");
        return Ok(0);
    }
    let cells = rows.iter().map(|row| rows::secret_cells(row, now));
    output::text(&output::table(&std::iter::once(rows::secret_header()).chain(cells).collect::<Vec<_>>()));
    if let Some(first) = rows.first().filter(|row| is_due(row)) {
        output::text(&format!("next: 'quarterdeck rotate plan {}'", super::text::tame(&first.name)));
    }
    Ok(0)
}

fn is_due(row: &SecretRow) -> bool {
    matches!(row.state, SecretState::DueSoon | SecretState::Due | SecretState::Overdue)
}
