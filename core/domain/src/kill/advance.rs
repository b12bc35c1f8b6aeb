//! What follows by itself: level 4 at the deadline, and latch and journal brought to say the same. Refuses to act on
//! doubt: what is unknown is never halted, what is less strict is never believed, and nothing is repeated that changes
//! nothing.

use super::command::urgent;
use super::machine::{Effect, Known, LatchView, SwitchState, outranks, standing};
use super::moment::{Due, Moment};
use super::record::{Initiator, Order, Record};
use crate::catalogue::EventKind;
use jiff::SignedDuration;

/// Whoever fired writes the journal after the latch: for so long a latch that the journal doesn't know is no news.
pub const ADOPT_AFTER: SignedDuration = SignedDuration::from_secs(2);
/// What a record says that this machine wrote for nobody.
const REPAIR: &str = "repair";

/// What follows by itself. `anchor` is the moment at which this process first saw the record that counts.
pub fn advance(known: &Known<'_>, by: &Initiator, anchor: &Moment, now: &Moment) -> Vec<Effect> {
    let standing = standing(known, now);
    let mut effects = repair(known, by, anchor, now);
    if let (SwitchState::GracefulStop, Some(record)) = (standing.state, &standing.record)
        && let Some(deadline) = &record.deadline
    {
        match deadline.judge(now, anchor) {
            Due::In(_) => {}
            Due::Passed => return escalate(known, record, by, now),
            Due::Doubtful { .. } => effects.push(Effect::Alarm(
                "the wall clock was stepped, and level 3 began on another start of the machine: level 4 does not follow by itself"
                    .into(),
            )),
        }
    }
    effects
}

fn escalate(known: &Known<'_>, record: &Record, by: &Initiator, now: &Moment) -> Vec<Effect> {
    let halt = Record {
        order: Order::Halt,
        level: 4,
        generation: above(known),
        previous: Some(record.generation),
        since: now.utc,
        since_boot_ns: now.boot_ns,
        boot_id: now.boot_id.clone(),
        deadline: None,
        initiator: itself("deadline", by),
        ..record.clone()
    };
    let mut effects = urgent(EventKind::KillSwitchEscalated, halt);
    if let Some(stop) = unknown_to_journal(known) {
        // Who stopped, and why, is told before what became of it.
        effects.insert(2, Effect::Journal(EventKind::KillSwitchAdopted, stop.clone()));
    }
    effects
}

/// Brings latch and journal to say the same, by the stricter. A release that never reached the latch is none: the journal
/// is ahead, engines stay stopped, and so does the state.
fn repair(known: &Known<'_>, by: &Initiator, anchor: &Moment, now: &Moment) -> Vec<Effect> {
    match (known.latch, known.journal) {
        (LatchView::Read(latch), Some(journal)) if outranks(journal, latch) => put_back(known, journal, by),
        (LatchView::Missing | LatchView::Unreadable(_), Some(journal)) if journal.order != Order::Trade => {
            put_back(known, journal, by)
        }
        // The order is a stop, and counts; the number is none, and is mended.
        (LatchView::Read(latch), _) if leaps(known, latch) && latch.order != Order::Trade => put_back(known, latch, by),
        _ => unknown_to_journal(known)
            .filter(|latch| known.journal_writable && is_old(latch, anchor, now))
            .map(|latch| Effect::Journal(EventKind::KillSwitchAdopted, latch.clone()))
            .into_iter()
            .collect(),
    }
}

/// The latch, where the journal would take it in: fired while it could not be written, or by another journal's people.
pub(super) fn unknown_to_journal<'a>(known: &Known<'a>) -> Option<&'a Record> {
    let LatchView::Read(latch) = known.latch else { return None };
    if leaps(known, latch) || known.journal.is_some_and(|journal| outranks(journal, latch)) {
        return None;
    }
    let news = match known.journal {
        None => latch.generation > 0 || latch.order != Order::Trade,
        Some(journal) => {
            latch.order >= journal.order && (latch.generation, latch.order) > (journal.generation, journal.order)
        }
    };
    news.then_some(&**latch)
}

/// What was put back keeps the time of its order, so its age is told by when it was first seen here.
fn is_old(latch: &Record, anchor: &Moment, now: &Moment) -> bool {
    let age = if latch.initiator.kind == REPAIR { now.since(anchor) } else { latch.elapsed(now) };
    age >= ADOPT_AFTER
}

fn put_back(known: &Known<'_>, record: &Record, by: &Initiator) -> Vec<Effect> {
    let back_already = known.journal == Some(record) && record.initiator.kind == REPAIR;
    if back_already && latch_generation(known) < Some(record.generation) {
        // The journal knows of it already: it didn't reach the latch, or the latch was changed again.
        let alarm = "the latch does not keep what the journal knows: it is put back again".to_owned();
        return vec![Effect::WriteLatch(record.clone()), Effect::Dispatch(record.clone()), Effect::Alarm(alarm)];
    }
    let back = Record {
        generation: above(known),
        previous: known.journal.map(|journal| journal.generation).or(latch_generation(known)),
        initiator: itself(REPAIR, by),
        ..record.clone()
    };
    urgent(EventKind::KillSwitchConflict, back)
}

fn itself(kind: &str, by: &Initiator) -> Initiator {
    Initiator { kind: kind.into(), person: "quarterdeck".into(), role: None, ..by.clone() }
}

/// One more than latch and journal. What follows by itself is never less strict, so engines obey it in any generation;
/// counting what they have heard would make each try that fails a higher one.
fn above(known: &Known<'_>) -> u64 {
    let journal = known.journal.map(|record| record.generation);
    latch_generation(known).max(journal).map_or(1, |highest| highest.saturating_add(1).min(Record::HIGHEST))
}

/// The latch's, where it is one that follows what the journal knows.
fn latch_generation(known: &Known<'_>) -> Option<u64> {
    known.latch.record().filter(|latch| !leaps(known, latch)).map(|latch| latch.generation)
}

/// True when the latch's generation is none that follows what the journal knows.
pub(super) fn leaps(known: &Known<'_>, latch: &Record) -> bool {
    latch.leaps_over(known.journal.map(|journal| journal.generation))
}

/// One more than anybody has seen: the latch, the journal, the engines.
pub(super) fn next_generation(known: &Known<'_>) -> u64 {
    let above = above(known);
    let heard = known.engines.iter().filter_map(|row| row.beat.as_ref()).map(|beat| beat.generation);
    // An engine that says to have seen a generation that is none is not believed.
    let most = above.saturating_add(Record::LEAP).min(Record::HIGHEST - Record::LEAP);
    let believed = heard.filter(|heard| *heard <= most).max();
    believed.map_or(above, |heard| above.max(heard.saturating_add(1)))
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
