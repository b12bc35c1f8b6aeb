//! The kill-switch in words, for a terminal or a log. Refuses to print what an engine or a latch says as it came, and to
//! call anything flat or confirmed that was not proven.

use crate::output::{count, table};
use crate::rows::span;
use crate::switch::Sight;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{EngineRow, KillRow, Level, MarketRow, PathState, Stopper, SwitchState};
use quarterdeck_domain::sanitise;

/// A text from outside as one harmless line.
pub(crate) fn tame(text: &str) -> String {
    sanitise::line(text, 400).into_owned()
}

/// `TRADING STOPPED LEVEL 3, 2 of 3 engines confirmed`: what row 2 of the screen says.
pub(crate) fn trading(row: &KillRow) -> String {
    let state = format!("TRADING {}", row.state.word());
    match row.answered() {
        (_, 0) => format!("{state}, no engine is known"),
        (sure, all) if row.state == SwitchState::Normal => format!("{state}, engines {sure}/{all}"),
        (sure, all) => format!("{state}, {sure} of {all} engines confirmed"),
    }
}

/// What counts: since when, by whom, why, and what follows by itself.
pub(crate) fn standing(row: &KillRow, environment: Environment, now: Timestamp) -> Vec<String> {
    let mut lines = vec![format!("{}  {}", environment.title(), trading(row))];
    let mut fact = |what: &str, said: String| lines.push(format!("  {what:<11} {said}"));
    if let Some(doubt) = &row.doubt {
        fact("doubt", tame(doubt));
    }
    if let Some(record) = &row.record {
        let by = &record.initiator;
        let ago = span(now.duration_since(record.since));
        let who = format!("{} with '{}' on {}", tame(&by.person), tame(&by.program), tame(&by.host));
        fact("since", format!("{:.0}, {ago} ago, by {who}", record.since));
        fact("order", format!("{} generation {}, unsigned", tame(&record.episode), record.generation));
    }
    if let Some(reason) = &row.reason {
        fact("reason", tame(reason));
    }
    if let Some(at) = row.deadline_at {
        let left = running(at.duration_since(now));
        fact("level 4", format!("at {at:.0}, in {left}, unless level 3 is held before"));
    }
    if row.state == SwitchState::Unknown {
        fact("so", "engines act on level 3: no new orders; nothing is closed by itself".into());
    }
    if let Some(why) = &row.unjournalled {
        fact("UNJOURNALLED", tame(why));
    }
    fact("latch", row.latch_place.clone());
    lines
}

/// The engines, worst first, each with why it is not where it should be. A number that is old has its `?`.
pub(crate) fn engines(row: &KillRow, now: Timestamp) -> Vec<String> {
    if row.engines.is_empty() {
        return vec!["no engine is known here".into()];
    }
    let header = ["", "ENGINE", "ACCOUNT", "STATE", "BEAT", "ORDERS", "POSITIONS", "LAST ORDER", "BLOCKED IN"];
    let mut cells = vec![header.map(str::to_owned).to_vec()];
    for engine in &row.engines {
        cells.push(engine_cells(engine, now));
    }
    let mut lines: Vec<String> = table(&cells).lines().map(str::to_owned).collect();
    for engine in &row.engines {
        lines.extend(engine.why.iter().map(|why| format!("! {}: {}", tame(&engine.name), tame(why))));
    }
    lines
}

fn engine_cells(row: &EngineRow, now: Timestamp) -> Vec<String> {
    let beat = row.beat.as_ref();
    let number = |number: Option<u64>| match number {
        Some(number) if row.stale => format!("{number} ?"),
        Some(number) => number.to_string(),
        None => "?".to_owned(),
    };
    let ago = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| span(now.duration_since(at)));
    vec![
        if row.standing.is_bad() { "!" } else { "" }.to_owned(),
        tame(&row.name),
        tame(&row.account),
        row.standing.word().to_owned(),
        beat_age(row, now).map_or_else(|| "-".to_owned(), span),
        number(beat.and_then(|beat| beat.resting_orders)),
        number(beat.and_then(|beat| beat.positions)),
        ago(beat.and_then(|beat| beat.last_order)),
        row.blocked_after.map_or_else(|| "-".to_owned(), ms),
    ]
}

/// How old the last beat is: by the boot clock where it is ours, for a file may be read long after it was written.
pub(crate) fn beat_age(row: &EngineRow, now: Timestamp) -> Option<SignedDuration> {
    let clock = quarterdeck_clock::moment();
    let age = match row.beat.as_ref().filter(|beat| beat.boot_id == clock.boot_id) {
        Some(beat) => SignedDuration::from_nanos(i64::try_from(clock.boot_ns.saturating_sub(beat.boot_ns)).ok()?),
        None => now.duration_since(row.heard_at?),
    };
    Some(age.max(SignedDuration::ZERO))
}

/// The ways to the engines.
pub(crate) fn paths(row: &KillRow) -> Vec<String> {
    let cells: Vec<Vec<String>> = row.paths.iter().map(|way| vec![tame(&way.name), path(&way.state)]).collect();
    table(&cells).lines().map(str::to_owned).collect()
}

/// How one way is.
pub(crate) fn path(state: &PathState) -> String {
    match state {
        PathState::Ready => "ready".into(),
        PathState::Reached(after) => format!("reached in {}", ms(*after)),
        PathState::Broken { why, since, tries } => {
            format!("NOT REACHED: {}, since {since:.0}, tried {}", tame(why), count(*tries, "time"))
        }
        PathState::NotSetUp => "not set up".into(),
    }
}

/// `durable 3.1 ms, sent 4.0 ms, …`, from the key on; only what happened.
pub(crate) fn timings(row: &KillRow) -> Option<String> {
    let times = &row.timings;
    let steps = [
        ("durable", times.durable),
        ("sent", times.sent),
        ("received", times.received),
        ("blocked", times.blocked),
        ("flat", times.flat),
    ];
    let steps: Vec<String> = steps.iter().filter_map(|(step, took)| Some(format!("{step} {}", ms((*took)?)))).collect();
    (!steps.is_empty()).then(|| steps.join(", "))
}

/// How many orders came after the stop, and how they are found; nothing where there was none.
pub(crate) fn bypassed(sight: &Sight, environment: Environment) -> Option<String> {
    (sight.bypassed > 0).then(|| {
        let orders = count(sight.bypassed, "order");
        let name = environment.name();
        format!("! bypasses: {orders} after the stop: 'quarterdeck audit query type=KILL_SWITCH_BYPASS --env {name}' lists them")
    })
}

/// Orders that were sent after the stop.
pub(crate) fn bypasses(row: &KillRow) -> Vec<String> {
    let told = |bypass: &quarterdeck_domain::kill::Bypass| {
        let after = span(bypass.after);
        format!(
            "! BYPASS: {} sent {} {after} after the stop ({})",
            tame(&bypass.actor),
            tame(&bypass.order),
            tame(&bypass.source)
        )
    };
    row.bypasses.iter().map(told).collect()
}

/// `alice (here), bob (bastion-2)`, or who says nobody.
pub(crate) fn stoppers(stoppers: &[Stopper]) -> String {
    let one = |who: &Stopper| match who.here {
        true => format!("{} (open now: {})", tame(&who.name), tame(&who.place)),
        false => format!("{} ({})", tame(&who.name), tame(&who.place)),
    };
    if stoppers.is_empty() { "NOBODY".into() } else { stoppers.iter().map(one).collect::<Vec<_>>().join(", ") }
}

/// Who could hold or release.
pub(crate) fn holders(row: &KillRow) -> String {
    match (&row.may_not_hold, row.can_hold.is_empty()) {
        (_, true) => "NOBODY CAN HOLD".into(),
        (None, false) => row.can_hold.iter().map(|name| tame(name)).collect::<Vec<_>>().join(", "),
        (Some(why), false) => {
            let names = row.can_hold.iter().map(|name| tame(name)).collect::<Vec<_>>().join(", ");
            format!("{names}; not from here: {}", tame(why))
        }
    }
}

/// The market's hours, and what level 4 can't do outside them.
pub(crate) fn market(row: &KillRow) -> String {
    let (_, positions, unsure) = row.exposure();
    let about = if unsure { "or more " } else { "" };
    match &row.market {
        MarketRow::NotConfigured => "hours not configured ([market])".into(),
        MarketRow::Open { until } => format!("open until {until:.0}: positions can be closed"),
        MarketRow::Shut { opens: Some(at) } => {
            format!("SHUT: {positions} {about}positions can't be closed before {at:.0}")
        }
        MarketRow::Shut { opens: None } => format!("SHUT: {positions} {about}positions can't be closed"),
    }
}

/// What a level does, in one sentence with the numbers of now.
pub(crate) fn does(level: Level, row: &KillRow) -> String {
    let (orders, positions, unsure) = row.exposure();
    let mark = if unsure { " ?" } else { "" };
    match level {
        Level::Stop => format!(
            "No new orders. The {orders}{mark} resting orders may still fill. Becomes level 4 by itself after 5:00, unless held."
        ),
        Level::Halt => format!(
            "No new orders. Cancels {orders}{mark} resting orders, closes {positions}{mark} positions at market. Can't be undone."
        ),
    }
}

/// A short time as a clock: `3:42`.
pub(crate) fn running(left: SignedDuration) -> String {
    let seconds = left.as_secs().max(0);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// Milliseconds with one place.
pub(crate) fn ms(span: SignedDuration) -> String {
    format!("{:.1} ms", span.as_micros() as f64 / 1000.0)
}
