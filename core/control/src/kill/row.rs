//! The row that everybody sees, made of what is known. Refuses to read anything: what was seen, policy and time in; the
//! row out.

use super::links::Links;
use super::policy::Policy;
use super::presence::Present;
use super::seen::Seen;
use jiff::SignedDuration;
use quarterdeck_domain::access::may_stop;
use quarterdeck_domain::kill::{
    Beat, EngineRow, KillRow, MarketRow, Moment, Order, PathRow, PathState, Record, Stopper, Timings, WatcherRow,
};

/// A record that nobody has written down after this long is said to be missing.
pub(super) const SETTLED: SignedDuration = SignedDuration::from_secs(3);

/// Makes it.
pub(super) fn row(seen: &Seen, links: &Links, policy: &Policy, unwritten: Option<String>, now: &Moment) -> KillRow {
    let (mut engines, standing) = seen.judged(policy.environment, now);
    let record = standing.record;
    for engine in &mut engines {
        engine.link = links.path(&engine.name, record.as_ref().map(|record| record.generation));
        if let Some(account) = policy.account(&engine.name).filter(|_| engine.account.is_empty()) {
            engine.account = account;
        }
    }
    let deadline = record.as_ref().and_then(|record| record.deadline.as_ref());
    let deadline_at = deadline
        .map(|deadline| if deadline.boot_id == now.boot_id { now.utc_of(deadline.boot_ns) } else { deadline.utc });
    KillRow {
        state: standing.state,
        doubt: standing.doubt.into_iter().chain(seen.alarm.clone()).reduce(|a, b| format!("{a}; {b}")),
        deadline_at,
        reason: reason(seen, record.as_ref()),
        paths: paths(seen, record.as_ref(), &engines),
        timings: timings(seen, record.as_ref(), now),
        unjournalled: unwritten.or_else(|| unrecorded(seen, record.as_ref(), now)),
        watchers: watchers(&seen.present),
        bypasses: match &record {
            Some(record) if record.order != Order::Trade => {
                seen.bypasses.iter().filter(|bypass| bypass.episode == record.episode).cloned().collect()
            }
            _ => Vec::new(),
        },
        market: policy.market.as_ref().map_or(MarketRow::NotConfigured, |market| market.at(now.utc)),
        can_stop: stoppers(seen, policy),
        may_not_stop: seen.rights.may_not_stop.clone(),
        can_hold: seen.rights.can_hold.clone(),
        may_not_hold: seen.rights.may_not_hold.clone(),
        phones: policy.phones.clone(),
        latch_place: policy.latch_place.clone(),
        engines,
        record,
    }
}

/// What was said after this order, else with it, as the journal has it once it knows the order; else what was said of the
/// episode before.
fn reason(seen: &Seen, record: Option<&Record>) -> Option<String> {
    let record = record.filter(|record| record.order != Order::Trade)?;
    let said = seen.explained.as_ref().filter(|(generation, _)| *generation == record.generation);
    let known = seen.journal.record.as_ref().filter(|known| known.episode == record.episode);
    let of = |known: Option<&Record>| known.and(seen.journal.reason.as_ref());
    let current = of(known.filter(|known| known.generation >= record.generation));
    said.map(|(_, reason)| reason).or(current).or(record.reason.as_ref()).or(of(known)).cloned()
}

fn paths(seen: &Seen, record: Option<&Record>, engines: &[EngineRow]) -> Vec<PathRow> {
    let given = seen.given.as_ref().filter(|given| record.is_some_and(|record| record.generation == given.generation));
    let broken = |why: &str, since, tries| PathState::Broken { why: why.to_owned(), since, tries };
    let latch = match (&seen.undurable, seen.spareless, given.and_then(|given| given.durable)) {
        (Some((why, since, tries)), ..) => broken(why, *since, *tries),
        (None, Some((since, tries)), _) if seen.latch.view.record().is_some() => {
            broken("no usable spare", since, tries)
        }
        (None, _, Some(after)) => PathState::Reached(after),
        (None, _, None) => PathState::Ready,
    };
    let row = |name: String, state| PathRow { name, state };
    let sockets = engines.iter().map(|engine| row(format!("socket {}", engine.name), engine.link.clone()));
    let unset = ["NATS", "SNS"].map(|name| row(name.into(), PathState::NotSetUp));
    [row("latch file".into(), latch)].into_iter().chain(sockets).chain(unset).collect()
}

/// From the key where it was pressed here, else from the order.
fn timings(seen: &Seen, record: Option<&Record>, now: &Moment) -> Timings {
    let Some(record) = record.filter(|record| record.order != Order::Trade) else { return Timings::default() };
    let given = seen.given.as_ref().filter(|given| given.generation == record.generation);
    let began = match given {
        Some(given) => (given.pressed.boot_ns, given.pressed.boot_id.as_str()),
        None => (record.since_boot_ns, record.boot_id.as_str()),
    };
    let last = |step: fn(&Beat) -> Option<u64>| {
        let beats = seen.engines.values().filter_map(|engine| engine.heard.beat.as_ref().map(|(beat, _)| beat));
        let of_this = beats.filter(|beat| beat.episode.as_ref() == Some(&record.episode) && beat.boot_id == began.1);
        let latest = of_this.filter_map(step).filter(|ns| (began.0..=now.boot_ns).contains(ns)).max()?;
        i64::try_from(latest.saturating_sub(began.0)).ok().map(SignedDuration::from_nanos)
    };
    Timings {
        durable: given.and_then(|given| given.durable),
        sent: given.and_then(|given| given.sent),
        received: last(|beat| beat.steps.received_ns),
        blocked: last(|beat| beat.steps.blocked_ns),
        flat: last(|beat| beat.steps.flat_ns),
    }
}

/// A record that stands and that the journal does not know, though there was time to write it down.
fn unrecorded(seen: &Seen, record: Option<&Record>, now: &Moment) -> Option<String> {
    let record = record.filter(|record| record.generation > 0 && record.elapsed(now).abs() >= SETTLED)?;
    let known = seen.journal.record.as_ref().is_some_and(|known| known.generation >= record.generation);
    let why = || seen.journal_broken.clone().unwrap_or_else(|| "it is not in the journal yet".into());
    (!known).then(why)
}

fn watchers(present: &[Present]) -> Vec<WatcherRow> {
    let watching = present.iter().filter(|present| present.program == WATCH);
    watching.map(|present| WatcherRow { name: present.name.clone(), since: present.since }).collect()
}

/// The program's name of a watcher.
const WATCH: &str = "watch";

/// Traders, those with an open session first, then whoever keeps the deadline.
fn stoppers(seen: &Seen, policy: &Policy) -> Vec<Stopper> {
    let sessions = |name: &str| -> Vec<&Present> {
        let of_person = |present: &&Present| present.person == name && present.program != WATCH;
        seen.present.iter().filter(of_person).collect()
    };
    let mut names: Vec<&str> = policy.traders.iter().map(String::as_str).collect();
    // A session whose role the others' configuration gave counts as well; and who needs none here.
    let may = |present: &&Present| present.program != WATCH && may_stop(present.role, Some(policy.environment));
    names.extend(seen.present.iter().filter(may).map(|present| present.person.as_str()));
    if seen.rights.may_not_stop.is_none() {
        names.push(policy.who.person.as_str());
    }
    names.sort_unstable();
    names.dedup();
    let mut stoppers: Vec<Stopper> = names
        .into_iter()
        .map(|name| {
            let open = sessions(name);
            let places: Vec<String> =
                open.iter().map(|present| format!("{}, {}", present.host, present.program)).collect();
            let place = if open.is_empty() { "no session is open".into() } else { places.join("; ") };
            Stopper { name: name.to_owned(), place, here: !open.is_empty() }
        })
        .collect();
    stoppers.sort_by_key(|stopper| !stopper.here);
    stoppers.extend(seen.present.iter().filter(|present| present.program == WATCH).map(|present| Stopper {
        name: present.name.clone(),
        place: format!("{}, keeps the deadline", present.host),
        here: true,
    }));
    stoppers
}
