//! The kill-switch as data: one shape for `kill`, `status` and whoever reads them. Refuses to pass a number that was not
//! refreshed off as fresh: `beat_s` stands beside it.

use crate::switch::Sight;
use crate::switch::text::{beat_age, tame};
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::kill::{EngineRow, MarketRow, PathState, Stopper};
use serde_json::{Value, json};

/// Everything. Durations are `…_ms` or `…_s`; what is not known is null.
pub(crate) fn kill_switch(sight: &Sight, now: Timestamp) -> Value {
    let row = &sight.row;
    let record = row.record.as_ref();
    let (confirmed, engines) = row.answered();
    json!({
        "state": row.state.name(),
        "level": row.level().map_or(0, |level| level.number()),
        "since": record.map(|record| record.since.to_string()),
        "deadline": row.deadline_at.map(|at| at.to_string()),
        "deadline_left_s": row.deadline_at.map(|at| at.duration_since(now).as_secs().max(0)),
        "episode": record.map(|record| tame(&record.episode)),
        "generation": record.map(|record| record.generation),
        "trust": record.map(|record| record.trust),
        "by": record.map(|record| json!({
            "kind": tame(&record.initiator.kind), "person": tame(&record.initiator.person),
            "role": record.initiator.role, "host": tame(&record.initiator.host),
            "program": tame(&record.initiator.program),
        })),
        "reason": row.reason.as_deref().map(tame),
        "doubt": row.doubt.as_deref().map(tame),
        "confirmed": confirmed,
        "expected": engines,
        "engines": row.engines.iter().map(|engine| self::engine(engine, now)).collect::<Vec<_>>(),
        "paths": row.paths.iter().map(|way| path(&way.name, &way.state)).collect::<Vec<_>>(),
        "timings": {
            "durable_ms": row.timings.durable.map(ms), "sent_ms": row.timings.sent.map(ms),
            "received_ms": row.timings.received.map(ms), "blocked_ms": row.timings.blocked.map(ms),
            "flat_ms": row.timings.flat.map(ms),
        },
        "unjournalled": row.unjournalled.as_deref().map(tame),
        "watchers": row.watchers.iter().map(|watcher| json!({
            "name": tame(&watcher.name), "since": watcher.since.to_string(),
        })).collect::<Vec<_>>(),
        "bypassed": sight.bypassed,
        "bypasses": row.bypasses.iter().map(|bypass| json!({
            "actor": tame(&bypass.actor), "order": tame(&bypass.order), "at": bypass.at.to_string(),
            "after_s": bypass.after.as_secs(), "source": tame(&bypass.source),
        })).collect::<Vec<_>>(),
        "market": market(&row.market),
        "can_stop": stoppers(&row.can_stop),
        "may_not_stop": row.may_not_stop.as_deref().map(tame),
        "can_hold": row.can_hold.iter().map(|name| tame(name)).collect::<Vec<_>>(),
        "may_not_hold": row.may_not_hold.as_deref().map(tame),
        "latch": row.latch_place,
    })
}

/// Who can stop.
pub(crate) fn stoppers(stoppers: &[Stopper]) -> Value {
    let one = |who: &Stopper| json!({ "name": tame(&who.name), "place": tame(&who.place), "here": who.here });
    stoppers.iter().map(one).collect()
}

/// One engine. `link` is its own link to the venue, `socket` ours to it.
fn engine(row: &EngineRow, now: Timestamp) -> Value {
    let beat = row.beat.as_ref();
    json!({
        "name": tame(&row.name),
        "account": tame(&row.account),
        "state": row.standing.word().to_lowercase(),
        "beat_s": beat_age(row, now).map(|age| age.as_secs()),
        "stale": row.stale,
        "resting_orders": beat.and_then(|beat| beat.resting_orders),
        "positions": beat.and_then(|beat| beat.positions),
        "last_order": beat.and_then(|beat| beat.last_order).map(|at| at.to_string()),
        "link": beat.map(|beat| tame(&beat.link)),
        "generation": beat.map(|beat| beat.generation),
        "step": beat.map(|beat| beat.step),
        "blocked_after_ms": row.blocked_after.map(ms),
        "socket": path("", &row.link),
        "why": row.why.iter().map(|why| tame(why)).collect::<Vec<_>>(),
    })
}

fn path(name: &str, state: &PathState) -> Value {
    let mut data = match state {
        PathState::Ready => json!({ "state": "ready" }),
        PathState::Reached(after) => json!({ "state": "reached", "after_ms": ms(*after) }),
        PathState::Broken { why, since, tries } => {
            json!({ "state": "broken", "why": tame(why), "since": since.to_string(), "tries": tries })
        }
        PathState::NotSetUp => json!({ "state": "not_set_up" }),
    };
    if !name.is_empty() {
        data["name"] = tame(name).into();
    }
    data
}

fn market(market: &MarketRow) -> Value {
    match market {
        MarketRow::NotConfigured => json!({ "state": "not_configured" }),
        MarketRow::Open { until } => json!({ "state": "open", "until": until.to_string() }),
        MarketRow::Shut { opens } => json!({ "state": "shut", "opens": opens.map(|at| at.to_string()) }),
    }
}

/// Milliseconds with three places.
fn ms(span: SignedDuration) -> f64 {
    span.as_micros() as f64 / 1000.0
}
