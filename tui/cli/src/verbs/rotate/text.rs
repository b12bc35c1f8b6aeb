//! Rotations as text. Refuses values, and words that could steer a terminal.

use crate::output;
use crate::rows::span;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::rotate::{Course, Past, PlanRow, Question, ReaderRow, RotationRow, Step};
use quarterdeck_domain::sanitise;

/// One harmless line.
pub(super) fn tame(text: &str) -> String {
    sanitise::line(text, 400).into_owned()
}

/// A plan, whole.
pub(super) fn plan(row: &PlanRow, environment: Environment) -> Vec<String> {
    let plan = &row.plan;
    let mut lines = vec![format!(
        "{}  rotation of {} in {}: a plan, nothing was done",
        environment.title(),
        tame(&plan.target.name),
        plan.target.layer
    )];
    lines.extend(row.hinders.iter().map(|hinder| format!("! can't begin: {}", tame(hinder))));
    // What can't be rotated as it stands has no steps: nothing would be replaced.
    if !row.steps.is_empty() {
        lines.push(format!("  replaces  version {}", tame(&plan.from)));
        lines.push(format!("  new       {}", tame(&plan.generator.to_string())));
        lines.push(format!("  valid     {}", valid(plan.downtime.words(), plan.grace_s)));
        let confirm = |role| format!("  confirm   by the role '{role}', somebody else than you; recorded, unsigned");
        lines.extend(plan.confirm.map(confirm));
        lines.push(String::new());
    }
    let steps = row
        .steps
        .iter()
        .enumerate()
        .map(|(at, (step, does))| vec![format!("  {}", at + 1), step.word().to_owned(), tame(does)]);
    lines.extend(output::table(&steps.collect::<Vec<_>>()).lines().map(str::to_owned));
    if !row.readers.is_empty() {
        lines.push(String::new());
        lines.extend(readers(&row.readers));
    }
    if !row.steps.is_empty() {
        lines.push(String::new());
    }
    lines.extend(row.warnings.iter().map(|warning| format!("! {}", tame(warning))));
    if let Some((number, by)) = &row.live {
        lines.push(format!("! R-{number} is under way, begun by {}", tame(by)));
    }
    if let Some(approval) = &row.approval {
        lines.push(format!("! start waits for approval: {}", tame(approval)));
    }
    lines.push(format!("plan {}", plan.digest.get(..12).unwrap_or(&plan.digest)));
    lines
}

fn valid(downtime: &str, grace_s: u64) -> String {
    match grace_s {
        0 => format!("{downtime}; no grace: the old value is retired at once"),
        seconds => format!("{downtime}; both valid for {}", seconds_of(seconds)),
    }
}

fn seconds_of(seconds: u64) -> String {
    span(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
}

/// The line of one rotation in a table: name, secret, state, what now, by whom.
pub(super) fn cells(row: &RotationRow, now: Timestamp) -> Vec<String> {
    let rotation = &row.rotation;
    vec![
        rotation.name(),
        tame(&rotation.target().name),
        rotation.target().layer.clone(),
        short(&standing(row, now)),
        tame(&rotation.by),
        rotation.lease.as_ref().filter(|_| row.carried).map_or_else(|| "-".into(), |lease| tame(&lease.words())),
    ]
}

/// Widest standing in a table: `status NAME` tells it whole.
const WIDEST: usize = 60;

fn short(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        None => text.to_owned(),
        Some(_) => format!("{}...", text.chars().take(WIDEST - 3).collect::<String>()),
    }
}

/// The header of [`cells`].
pub(super) fn header() -> Vec<String> {
    ["ROTATION", "SECRET", "LAYER", "STANDS", "BY", "CARRIED BY"].map(str::to_owned).to_vec()
}

/// Where it stands, in one phrase.
pub(super) fn standing(row: &RotationRow, now: Timestamp) -> String {
    let rotation = &row.rotation;
    if let Some((ending, at)) = rotation.ended {
        return format!("{} {} ago", ending.word(), span(now.duration_since(at)));
    }
    if let Some(question) = &row.question {
        return asked(question);
    }
    let way = match &rotation.course {
        Course::Forward => String::new(),
        Course::Anew { .. } => "another value: ".into(),
        Course::Back { ending, .. } => format!("going back ({}): ", ending.word()),
    };
    let state = row.state.map(|state| format!("{state}, ")).unwrap_or_default();
    match (&row.waits, row.grace_left) {
        (_, Some(left)) if rotation.step == Step::Grace => format!("{state}{} left", span(left)),
        (Some(waits), _) => format!("{state}{way}{}: waits: {}", rotation.step, tame(waits)),
        _ if !row.carried => format!("{state}{way}{}: nobody carries it on", rotation.step),
        _ => format!("{state}{way}{}", rotation.step),
    }
}

/// What a person is asked, in one phrase.
pub(super) fn asked(question: &Question) -> String {
    match question {
        Question::Confirm => "waits to be confirmed".into(),
        Question::Person { step, told } => format!("{step}: waits for a person: {}", tame(told)),
        Question::Retire { readers } => {
            format!("RETIRE OVERDUE: still read by {}", tame(&readers.join(", ")))
        }
        Question::Stuck { why } => format!("STUCK: {}", tame(why)),
    }
}

/// What a person can do about it.
pub(super) fn next(question: &Question, name: &str) -> String {
    match question {
        Question::Confirm => format!("'quarterdeck rotate confirm {name}', by somebody who did not ask for it"),
        Question::Person { .. } => {
            format!("do it, then 'quarterdeck rotate done {name}' ('--failed' if it did not work)")
        }
        Question::Retire { .. } => {
            format!("'quarterdeck rotate retire {name}' cuts them off; 'rotate rollback {name}' goes back")
        }
        Question::Stuck { .. } => {
            format!("mend it, then 'quarterdeck rotate resume {name}'; done by hand: 'quarterdeck rotate done {name}'")
        }
    }
}

/// A step that is over.
pub(super) fn past(past: &Past) -> Vec<String> {
    let took = match past.took_ms {
        Some(ms) if ms >= 1_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        Some(ms) => format!("{ms} ms"),
        None => String::new(),
    };
    let mark = if past.failed { "!" } else { "x" };
    vec![
        format!("  {mark} {}", past.step),
        tame(&past.by),
        past.at.strftime("%H:%M:%SZ").to_string(),
        took,
        tame(&past.note),
    ]
}

/// Who reads it.
pub(super) fn readers(readers: &[ReaderRow]) -> Vec<String> {
    let header = ["  READER", "LAST READ", "VERSION", "ERRORS", ""].map(str::to_owned).to_vec();
    let cells = readers.iter().map(|reader| {
        vec![
            format!("  {}", tame(&reader.name)),
            reader.last_read.map_or_else(|| "-".into(), |at| at.strftime("%H:%M:%SZ").to_string()),
            reader.version.as_deref().map_or_else(|| "-".into(), tame),
            reader.errors.map_or_else(|| "-".into(), |errors| errors.to_string()),
            tame(&reader.last_error),
        ]
    });
    let table = output::table(&std::iter::once(header).chain(cells).collect::<Vec<_>>());
    table.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_standing_pushes_no_column() {
        assert_eq!(short("grace, 10 min left"), "grace, 10 min left");
        let long = short(&"é".repeat(200));
        assert_eq!((long.chars().count(), long.ends_with("...")), (WIDEST, true));
    }

    #[test]
    fn what_hinders_stands_first_and_what_is_impossible_is_not_shown() {
        let text = r#"{"target":{"layer":"yaml","name":"db"},"from":"1","generator":"typed","set":null,"test":null,
            "revoke":null,"grace_s":0,"downtime":"brief","retire":"wait","watch":null,"confirm":null,
            "limits":{"tries":2,"values":2,"stuck":5},"digest":"0123456789abcdef"}"#;
        let plan: quarterdeck_domain::rotate::Plan = serde_json::from_str(text).expect("a plan");
        let mut row = PlanRow {
            plan: plan.clone(),
            steps: Vec::new(),
            warnings: Vec::new(),
            hinders: vec!["a plain YAML file can't keep two values".into()],
            approval: None,
            live: None,
            readers: Vec::new(),
        };
        let told = super::plan(&row, Environment::Qa);
        assert!(told[1].starts_with("! can't begin: a plain YAML"), "{told:#?}");
        assert_eq!((told.len(), told[2].as_str()), (3, "plan 0123456789ab"), "{told:#?}");
        row.hinders.clear();
        row.steps = vec![(Step::Check, "it is read".into())];
        let told = super::plan(&row, Environment::Qa).join("\n");
        assert!(told.contains("valid     brief window") && told.contains("check  it is read"), "{told}");
    }
}
