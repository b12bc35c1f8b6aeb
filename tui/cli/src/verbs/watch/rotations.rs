//! What became of rotations from one look to the next, each in one line for a log. Refuses to repeat what stands: a
//! countdown is no news.

use crate::switch::text::tame;
use quarterdeck_domain::rotate::{Past, RotationRow, Step};

/// The lines for a change. Without rows before, what is under way now.
pub(super) fn changes(before: Option<&[RotationRow]>, rows: &[RotationRow]) -> Vec<String> {
    rows.iter().rev().flat_map(|row| of_one(before, row)).collect()
}

fn of_one(before: Option<&[RotationRow]>, row: &RotationRow) -> Vec<String> {
    let rotation = &row.rotation;
    let of = tame(&format!("{} {}", rotation.name(), rotation.target().name));
    let known = before.and_then(|before| before.iter().find(|known| known.rotation.number == rotation.number));
    if before.is_none() {
        // What was before this watcher is in the journal.
        let at = if rotation.stuck.is_some() { "STUCK".to_owned() } else { format!("at '{}'", rotation.step) };
        let under_way = format!("{of}: under way, begun by {}, {at}", tame(&rotation.by));
        return if rotation.is_live() { vec![under_way] } else { Vec::new() };
    }
    let mut lines = Vec::new();
    if known.is_none() {
        lines.push(format!("{of}: begun by {}", tame(&rotation.by)));
    }
    lines.extend(news(known, &rotation.past).iter().map(|past| format!("{of}: {}", step(past))));
    let stuck = |row: &RotationRow| row.rotation.stuck.clone();
    if let Some(why) = stuck(row).filter(|why| known.and_then(stuck).as_ref() != Some(why)) {
        lines.push(format!("{of}: STUCK: {}", tame(&why)));
    }
    let held = |row: &RotationRow| row.rotation.held.as_ref().map(|held| held.readers.join(", "));
    if let Some(readers) = held(row).filter(|readers| known.and_then(held).as_ref() != Some(readers)) {
        lines.push(format!("{of}: grace is over, and still read by {}", tame(&readers)));
    }
    if let Some((ending, _)) = rotation.ended.filter(|_| known.is_none_or(|known| known.rotation.is_live())) {
        lines.push(format!("{of}: {}", ending.word()));
    }
    lines
}

/// What is over since. One try after the other of one step is one entry, which changes.
fn news<'a>(known: Option<&RotationRow>, past: &'a [Past]) -> &'a [Past] {
    let Some(last) = known.and_then(|known| known.rotation.past.last()) else { return past };
    let told = past.iter().rposition(|past| past == last);
    let since = told.map_or(past.len().saturating_sub(1), |told| told + 1);
    past.get(since..).unwrap_or_default()
}

/// `promoted: version 8 is current, 7 before it`
fn step(past: &Past) -> String {
    let word = match (past.step, past.failed) {
        (step, true) => format!("'{step}' failed"),
        (Step::Confirm, false) => format!("confirmed by {}", tame(&past.by)),
        (Step::Check, false) => "checked".into(),
        (Step::Stage, false) => "staged".into(),
        (Step::Set, false) => "set".into(),
        (Step::Test, false) => "tested".into(),
        (Step::Promote, false) => "promoted".into(),
        (Step::Unstage, false) => "unstaged".into(),
        (Step::Grace, false) => "grace is over".into(),
        (Step::Retire, false) => "the old value is revoked".into(),
        (Step::Verify, false) => "verified".into(),
        (Step::Drop, false) => "the old version is retired".into(),
        (Step::Restore, false) => "the old value is back".into(),
        (Step::Revoke, false) => "the new value is revoked".into(),
        (Step::Discard, false) => "discarded".into(),
        (Step::End, false) => "ended".into(),
    };
    if past.note.is_empty() { word } else { format!("{word}: {}", tame(&past.note)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn past(step: Step, second: i64, failed: bool) -> Past {
        let at = Timestamp::from_second(second).expect("a test's own time");
        Past { step, at, by: "vault".into(), took_ms: None, note: String::new(), failed }
    }

    #[test]
    fn a_step_is_said_once_in_plain_words() {
        assert_eq!(step(&past(Step::Promote, 1, false)), "promoted");
        let refused = Past { note: "exit 1\u{1b}[2J".into(), ..past(Step::Test, 1, true) };
        let line = step(&refused);
        assert!(line.starts_with("'test' failed: exit 1") && !line.contains('\u{1b}'), "{line:?}");
        assert_eq!(news(None, &[past(Step::Check, 1, false)]).len(), 1);
    }
}
