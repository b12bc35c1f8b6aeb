//! `rotate status`: what is under way, step by step. Refuses to touch it.

use super::{NEEDS, chosen, data, text, unread};
use crate::args::Common;
use crate::output::{self, Outcome, Trouble};
use crate::session::session;
use jiff::Timestamp;
use quarterdeck_control::serve::Control;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::rotate::RotationRow;
use serde_json::{Value, json};

/// One, or all of them.
pub(super) fn run(common: &Common, wanted: Option<&str>) -> Outcome {
    let control = session(common, NEEDS)?;
    let environment = control.config.environment.unwrap_or(Environment::Qa);
    let now = quarterdeck_clock::utc();
    if let Some(wanted) = wanted {
        let row = chosen(&control, wanted)?;
        let earlier = earlier(&control, &row, wanted)?;
        let state = control.state();
        if common.json {
            let mut told = data::rotation_now(&row, &state);
            told["earlier"] = earlier.iter().map(|row| data::rotation_now(row, &state)).collect();
            output::data(&told);
        } else {
            one(&row, environment, now).iter().for_each(|line| output::text(line));
            if !earlier.is_empty() {
                output::text("");
                output::text("before it:");
                let cells = earlier.iter().map(|row| text::cells(row, now));
                output::text(&output::table(&std::iter::once(text::header()).chain(cells).collect::<Vec<_>>()));
            }
        }
        return Ok(0);
    }
    let rows = control.rotations();
    if common.json {
        let rotations: Vec<Value> = {
            let state = control.state();
            rows.iter().map(|row| data::rotation_now(row, &state)).collect()
        };
        output::data(&json!({ "environment": environment.name(), "rotations": rotations }));
    } else if rows.is_empty() {
        output::text(&format!("{}  no rotation was ever begun here", environment.title()));
        output::text("next: 'quarterdeck rotate due' shows what is due");
    } else {
        let cells = rows.iter().map(|row| text::cells(row, now));
        output::text(&output::table(&std::iter::once(text::header()).chain(cells).collect::<Vec<_>>()));
    }
    Ok(0)
}

/// Where a secret was named and not a number: its rotations before the newest, newest first.
fn earlier(control: &Control, newest: &RotationRow, wanted: &str) -> Result<Vec<RotationRow>, Trouble> {
    if newest.rotation.target().name != wanted {
        return Ok(Vec::new());
    }
    let mut rows = control.rotations_named(wanted).map_err(unread)?;
    rows.retain(|row| row.rotation.number != newest.rotation.number);
    Ok(rows)
}

/// All that is known of one.
pub(super) fn one(row: &RotationRow, environment: Environment, now: Timestamp) -> Vec<String> {
    let rotation = &row.rotation;
    let target = rotation.target();
    let mut lines = vec![
        format!("{}  {}  {} in {}", environment.title(), rotation.name(), text::tame(&target.name), target.layer),
        format!("  stands    {}", text::standing(row, now)),
        format!("  begun     {:.0} by {}{}", rotation.began_at, text::tame(&rotation.by), because(&rotation.why)),
        format!("  versions  {}", versions(row)),
        format!("  downtime  {}", rotation.plan.downtime.words()),
    ];
    if let Some(lease) = rotation.lease.as_ref().filter(|_| row.carried) {
        lines.push(format!("  carried   by {}", text::tame(&lease.words())));
    }
    if !rotation.past.is_empty() {
        lines.push(String::new());
        let past: Vec<Vec<String>> = rotation.past.iter().map(text::past).collect();
        lines.extend(output::table(&past).lines().map(str::to_owned));
    }
    if !row.readers.is_empty() {
        lines.push(String::new());
        lines.extend(text::readers(&row.readers));
    }
    if let Some(question) = &row.question {
        lines.push(String::new());
        lines.push(format!("next: {}", text::next(question, &rotation.name())));
    }
    lines
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {}", text::tame(why)) }
}

fn versions(row: &RotationRow) -> String {
    let rotation = &row.rotation;
    let new = rotation.promoted.as_ref().or(rotation.staged.as_ref());
    let new = new.map_or_else(|| "none yet".into(), |new| text::tame(new));
    format!("{} to {new}", text::tame(&rotation.plan.from))
}
