//! What a person asks of the switch: fire, hold, release, set up. Refuses what makes the firm riskier unless the journal
//! can be written and the asker may; refuses nobody a stop.

use super::advance::{leaps, next_generation, unknown_to_journal};
use super::machine::{Ask, Asking, Effect, Known, LatchView, Refusal, Standing, SwitchState, missing, standing};
use super::moment::{Deadline, Due, Moment};
use super::record::{Order, Record, Trust};
use super::row::{EngineRow, EngineStanding};
use super::{Beat, Level};
use crate::catalogue::EventKind;
use crate::environment::Environment;

/// What a command does.
pub fn command(known: &Known<'_>, asking: &Asking, now: &Moment) -> Result<Vec<Effect>, Refusal> {
    let standing = standing(known, now);
    match &asking.ask {
        Ask::Fire(level) => Ok(fire(known, &standing, *level, asking, now)),
        Ask::Hold => hold(known, &standing, asking, now).map(|effects| stop_first(known, effects)),
        Ask::Release { note, without } => {
            release(known, &standing, asking, note.as_deref(), without, now).map(|effects| stop_first(known, effects))
        }
        Ask::SetUp => set_up(known, asking, now),
    }
}

fn fire(known: &Known<'_>, standing: &Standing, level: Level, asking: &Asking, now: &Moment) -> Vec<Effect> {
    let order = if level == Level::Halt { Order::Halt } else { Order::Stop };
    // A second level 3 doesn't restart the deadline, nor does it lift a hold or a halt: it is sent again, that's all.
    let stands = |record: &&Record| match order {
        Order::Halt => record.order == Order::Halt,
        _ => record.order != Order::Trade,
    };
    if let Some(record) = standing.record.as_ref().filter(stands) {
        if known.latch.record().is_some_and(|latch| latch == record && !leaps(known, latch)) {
            // Who asked is recorded, though nothing new is ordered.
            let asked = Record {
                since: now.utc,
                since_boot_ns: now.boot_ns,
                boot_id: now.boot_id.clone(),
                initiator: asking.by.clone(),
                reason: asking.reason.clone(),
                ..record.clone()
            };
            return vec![Effect::Dispatch(record.clone()), Effect::Journal(EventKind::KillSwitchRepeated, asked)];
        }
        let back = Record {
            generation: next_generation(known),
            previous: Some(record.generation),
            initiator: asking.by.clone(),
            ..record.clone()
        };
        return urgent(EventKind::KillSwitchConflict, back);
    }
    let running = standing.record.as_ref().filter(|record| record.order != Order::Trade);
    let record = Record {
        episode: running.map_or_else(|| asking.episode.clone(), |record| record.episode.clone()),
        began: running.map_or(now.utc, |record| record.began),
        deadline: (order == Order::Stop).then(|| Deadline::after(now, Deadline::WINDOW)),
        engines: engines(running, asking),
        reason: with_unrecorded(known, asking.reason.as_deref()),
        ..next(known, order, asking, now)
    };
    let kind = if running.is_some() { EventKind::KillSwitchEscalated } else { EventKind::KillSwitchActivated };
    urgent(kind, record)
}

/// What the journal never heard of is taken into it before it is lifted: no release stands there without its stop.
fn stop_first(known: &Known<'_>, effects: Vec<Effect>) -> Vec<Effect> {
    let unheard = unknown_to_journal(known).map(|latch| Effect::Journal(EventKind::KillSwitchAdopted, latch.clone()));
    unheard.into_iter().chain(effects).collect()
}

/// The reason, and with it an order that the journal never heard of: this one takes its place in the latch, and whoever
/// gave it may be gone with what he would have written.
fn with_unrecorded(known: &Known<'_>, reason: Option<&str>) -> Option<String> {
    let unheard = |latch: &&Record| {
        latch.order != Order::Trade && known.journal.is_none_or(|journal| journal.generation < latch.generation)
    };
    let Some(latch) = known.latch.record().filter(unheard) else { return reason.map(str::to_owned) };
    let before = format!(
        "before it, not in the journal: level {} by {} at {}{}",
        latch.level,
        latch.initiator.person,
        latch.since.strftime("%Y-%m-%d %H:%M:%SZ"),
        latch.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default(),
    );
    Some(reason.map_or_else(|| before.clone(), |reason| format!("{reason}; {before}")).chars().take(600).collect())
}

/// Who has to answer: everybody who is known, and who was known when the episode began.
fn engines(running: Option<&Record>, asking: &Asking) -> Vec<String> {
    let before = running.into_iter().flat_map(|record| &record.engines);
    let gone = before.filter(|name| !asking.engines.contains(name)).cloned();
    asking.engines.iter().cloned().chain(gone).collect()
}

fn hold(known: &Known<'_>, standing: &Standing, asking: &Asking, now: &Moment) -> Result<Vec<Effect>, Refusal> {
    let record = match (standing.state, &standing.record) {
        (SwitchState::GracefulStop, Some(record)) => record,
        (SwitchState::Held, _) => {
            return Err(refusal("level 3 is held already", "To trade again: 'quarterdeck kill release'."));
        }
        (SwitchState::Normal, _) => return Err(refusal("there is nothing to hold: trading is normal", "")),
        (SwitchState::Unknown, _) => {
            return Err(refusal(
                "the latch can't be read, so there is nothing to hold",
                "'quarterdeck kill stop' writes it anew; then hold.",
            ));
        }
        _ => {
            return Err(refusal(
                "level 4 can't be held: it is being carried out",
                "To trade again, once flat: 'quarterdeck kill release'.",
            ));
        }
    };
    // By the wall clock of another boot it may be past by a mistake, and then nothing follows by itself: a hold helps.
    let own = record.deadline.as_ref().filter(|deadline| deadline.boot_id == now.boot_id);
    if own.is_some_and(|deadline| deadline.judge(now, now) == Due::Passed) {
        return Err(refusal(
            "the five minutes are over: level 4 is being carried out",
            "To trade again, once flat: 'quarterdeck kill release'.",
        ));
    }
    riskier(known, asking, "held")?;
    let held = Record {
        episode: record.episode.clone(),
        began: record.began,
        engines: record.engines.clone(),
        ..next(known, Order::Hold, asking, now)
    };
    Ok(vec![
        Effect::Journal(EventKind::KillSwitchHeld, held.clone()),
        Effect::WriteLatch(held.clone()),
        Effect::Dispatch(held),
    ])
}

fn release(
    known: &Known<'_>,
    standing: &Standing,
    asking: &Asking,
    note: Option<&str>,
    without: &[String],
    now: &Moment,
) -> Result<Vec<Effect>, Refusal> {
    let record = match (standing.state, &standing.record) {
        (SwitchState::Normal, _) => return Err(refusal("there is nothing to release: trading is normal", "")),
        (SwitchState::GracefulStop, _) => {
            return Err(refusal("level 3 is running towards level 4", "Hold it first: 'quarterdeck kill hold'."));
        }
        (SwitchState::Unknown, _) | (_, None) => {
            return Err(refusal(
                "the latch can't be read, so there is nothing to release",
                "'quarterdeck kill stop' writes it anew; then hold, then release.",
            ));
        }
        (_, Some(record)) => record,
    };
    if asking.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(refusal("a release needs its reason", "Give it with --reason."));
    }
    // An engine that passed the deadline by itself is at level 4, whatever was ordered since.
    let halted = |row: &&EngineRow| {
        let by_itself = |beat: &Beat| beat.level >= 4 && beat.episode.as_ref() == Some(&record.episode);
        record.order == Order::Halt || row.beat.as_ref().is_some_and(by_itself)
    };
    let after_4 = record.order == Order::Halt || known.engines.iter().any(|row| halted(&row));
    if after_4 && note.is_none_or(|note| note.trim().is_empty()) {
        return Err(refusal("a release after level 4 needs a post-incident note (R5.2)", "Give it with --note."));
    }
    let residual = known.engines.iter().filter(halted).filter(|row| row.standing != EngineStanding::Flat);
    let unheard = missing(record, known.engines).filter(|_| record.order == Order::Halt);
    let open: Vec<&str> = residual
        .map(|row| row.name.as_str())
        .chain(unheard)
        .filter(|name| !without.iter().any(|taken| taken == name))
        .collect();
    if !open.is_empty() {
        return Err(refusal(
            &format!("not proven flat: {}", open.join(", ")),
            "Settle them with the broker's desk, then name each with --without ENGINE.",
        ));
    }
    let is_known = |name: &&String| record.engines.contains(name) || known.engines.iter().any(|row| row.name == **name);
    if let Some(stranger) = without.iter().find(|name| !is_known(name)) {
        let stranger = crate::sanitise::line(stranger, 40);
        return Err(refusal(
            &format!("there is no engine '{stranger}' here"),
            "'quarterdeck kill status' lists them; name the one that is not flat.",
        ));
    }
    riskier(known, asking, "released")?;
    let past = if without.is_empty() {
        String::new()
    } else {
        format!("; released past what is not proven flat: {}", without.join(", "))
    };
    let free = Record {
        episode: record.episode.clone(),
        began: record.began,
        engines: record.engines.clone(),
        reason: asking.reason.as_ref().map(|reason| format!("{reason}{past}")),
        ..next(known, Order::Trade, asking, now)
    };
    Ok(vec![
        Effect::Journal(EventKind::KillSwitchReleased, free.clone()),
        Effect::WriteLatch(free.clone()),
        Effect::Dispatch(free),
    ])
}

fn set_up(known: &Known<'_>, asking: &Asking, now: &Moment) -> Result<Vec<Effect>, Refusal> {
    let heard = known.engines.iter().filter_map(|row| row.beat.as_ref()).find(|beat| beat.generation > 0);
    match (known.latch, known.journal) {
        (LatchView::Missing, None) if heard.is_none() => {
            let first = Record::first(known.environment, now, asking.by.clone());
            Ok(vec![Effect::Journal(EventKind::KillSwitchSetUp, first.clone()), Effect::WriteLatch(first)])
        }
        (LatchView::Missing, _) => Err(refusal(
            "there was a latch here, and it is gone: nobody gets back to trading by setting up anew",
            "'quarterdeck kill stop' writes it; then hold, then release.",
        )),
        _ => Err(refusal("there is a latch already", "'quarterdeck kill status' shows it.")),
    }
}

/// What hold and release need beside their state: the journal, and trust.
fn riskier(known: &Known<'_>, asking: &Asking, done: &str) -> Result<(), Refusal> {
    if !known.journal_writable {
        return Err(refusal(
            &format!("nothing is {done} while the journal can't be written"),
            "Make room or mend the journal: 'quarterdeck doctor'.",
        ));
    }
    if known.environment == Environment::Production && !asking.owns_the_folder {
        return Err(refusal(
            &format!("in Production nothing is {done} by an unsigned order, and signatures are not built yet"),
            &format!(
                "Only the owner of the latch's folder, {}, can: as that user run 'quarterdeck kill {} --env production'.",
                asking.folder_owner,
                if done == "held" { "hold" } else { "release" }
            ),
        ));
    }
    Ok(())
}

/// The order of a stop: latch, engines, journal.
pub(super) fn urgent(kind: EventKind, record: Record) -> Vec<Effect> {
    vec![Effect::WriteLatch(record.clone()), Effect::Dispatch(record.clone()), Effect::Journal(kind, record)]
}

fn next(known: &Known<'_>, order: Order, asking: &Asking, now: &Moment) -> Record {
    let previous = known.latch.record().or(known.journal).map(|record| record.generation);
    Record {
        v: 1,
        environment: known.environment.name().into(),
        episode: asking.episode.clone(),
        generation: next_generation(known),
        order,
        level: order.level(),
        began: now.utc,
        since: now.utc,
        since_boot_ns: now.boot_ns,
        boot_id: now.boot_id.clone(),
        deadline: None,
        initiator: asking.by.clone(),
        reason: asking.reason.clone(),
        drill: false,
        engines: asking.engines.clone(),
        previous,
        trust: Trust::Unsigned,
        signature: None,
    }
}

fn refusal(what: &str, next: &str) -> Refusal {
    Refusal { what: what.to_owned(), next: next.to_owned() }
}
