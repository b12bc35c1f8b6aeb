//! An order after the stop (R5.5): what makes a line of any tailed file a bypass. Refuses excuses and haste alike: an
//! order that was refused was still an attempt, and one that was sent before the stop, or while an engine was blocking,
//! is none.

use super::beat::{Beat, Step};
use super::judge::{LATE, blocked_at};
use super::moment::{Due, Moment};
use super::record::{Order, Record};
use super::row::{Bypass, EngineRow};
use crate::audit::AuditLine;
use crate::environment::Environment;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What every closing order's client id begins with, and then comes the episode.
const CLOSING: &str = "qd-";

/// Whether this line tells of an order after the stop. `record` is the one that counts, `engines` are judged against
/// it, `aliases` are configuration's names of environments, and `now` is when the line arrived, which counts where a
/// line tells no time.
pub fn bypass(
    line: &AuditLine,
    record: &Record,
    engines: &[EngineRow],
    aliases: &BTreeMap<String, Environment>,
    now: &Moment,
) -> Option<Bypass> {
    if record.order == Order::Trade || !line.sends_order() || !is_here(line, record, aliases) {
        return None;
    }
    let at = line.at.unwrap_or(now.utc);
    if at <= allowed_until(line.actor(), record, engines) || closes(line, record, now) {
        return None;
    }
    Some(Bypass {
        actor: line.actor().to_owned(),
        order: described(line),
        at,
        after: at.duration_since(record.began),
        source: line.source.to_string(),
        episode: record.episode.clone(),
    })
}

/// A line that names no environment may be of this one; one whose environment nobody knows isn't.
fn is_here(line: &AuditLine, record: &Record, aliases: &BTreeMap<String, Environment>) -> bool {
    let named = line.order_environment();
    named.is_empty()
        || named.eq_ignore_ascii_case(&record.environment)
        || Environment::parse(named, aliases).is_ok_and(|named| named.name() == record.environment)
}

/// Until when this one may still send: an engine until it said BLOCKED, and while it said nothing as long as it isn't
/// late; anybody else until the stop.
fn allowed_until(actor: &str, record: &Record, engines: &[EngineRow]) -> Timestamp {
    let Some(engine) = engines.iter().find(|row| row.name == actor) else { return record.began };
    let said = |beat: &&Beat| beat.episode.as_ref() == Some(&record.episode) && beat.step >= Step::Blocked;
    let blocked = engine.beat.as_ref().filter(said).and_then(|beat| blocked_at(beat, record));
    blocked.unwrap_or_else(|| record.began.saturating_add(LATE).unwrap_or(record.began)).max(record.began)
}

/// A closing order of this very episode, at level 4: ordered, or reached by the deadline that every engine keeps.
fn closes(line: &AuditLine, record: &Record, now: &Moment) -> bool {
    let passed = record.deadline.as_ref().is_some_and(|deadline| deadline.judge(now, now) == Due::Passed);
    let id = format!("{CLOSING}{}-", record.episode);
    (record.level == 4 || passed) && [line.resource(), line.order_id()].into_iter().any(|text| has_word(text, &id))
}

/// True when a word of the text begins with this and goes on.
fn has_word(text: &str, begin: &str) -> bool {
    text.match_indices(begin).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_'))
            && after.is_some_and(char::is_alphanumeric)
    })
}

/// What it was on, and what became of it unless all went well.
fn described(line: &AuditLine) -> String {
    let what = if line.resource().is_empty() { line.kind() } else { line.resource() };
    let fine = line.outcome().is_empty() || line.outcome() == "ok" || line.outcome().starts_with("ok ");
    if fine { what.to_owned() } else { format!("{what}, {}", line.outcome()) }
}

#[cfg(test)]
#[path = "bypass_tests.rs"]
mod tests;
