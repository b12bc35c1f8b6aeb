//! `kill …`: the kill-switch in words. Refuses to decide: control does, by the same machine as the screen's.

mod fire;
mod guard;

use crate::args::{Common, Kill};
use crate::output::{self, Outcome};
use crate::switch::{Seat, Sight, data, look, sight, sit, text};
use quarterdeck_domain::kill::{EngineRow, EngineStanding, KillRow, Level};
use serde_json::json;
use std::time::Duration;

/// Carries one of them out.
pub(crate) fn run(verb: &Kill, common: &Common) -> Outcome {
    match verb {
        Kill::Status => status(common),
        Kill::Who => who(common),
        Kill::Stop(firing) => fire::run(Level::Stop, firing, common),
        Kill::Halt(firing) => fire::run(Level::Halt, firing, common),
        Kill::Hold { reason } => hold(reason.as_deref(), common),
        Kill::Release { reason, note, without, wait } => {
            release(reason, note.as_deref(), without, Duration::from_secs(*wait), common)
        }
    }
}

fn status(common: &Common) -> Outcome {
    let seat = sit(common, "kill status")?;
    show(&seat, &look(&seat.switch), common.json);
    Ok(0)
}

/// Everything that is known, as text or data.
fn show(seat: &Seat, sight: &Sight, as_json: bool) {
    let row = &sight.row;
    let now = quarterdeck_clock::utc();
    if as_json {
        let switch = data::kill_switch(sight, now);
        output::data(&json!({ "environment": seat.environment.name(), "kill_switch": switch }));
        return;
    }
    let say = |lines: Vec<String>| lines.iter().for_each(|line| output::text(line));
    say(text::standing(row, seat.environment, now));
    output::text(&format!("  {:<11} {}", "market", text::market(row)));
    output::text("\nENGINES");
    say(text::engines(row, now));
    output::text("\nPATHS");
    say(text::paths(row));
    text::timings(row).iter().for_each(|steps| output::text(&format!("from the key on: {steps}")));
    text::bypassed(sight, seat.environment).iter().for_each(|line| output::text(line));
    say(text::bypasses(row));
    output::text(&format!("\ncan stop  {}", text::stoppers(&row.can_stop)));
    output::text(&format!("can hold  {}", text::holders(row)));
    let watchers: Vec<String> = row.watchers.iter().map(|watcher| text::tame(&watcher.name)).collect();
    let watchers = if watchers.is_empty() {
        "none: 'quarterdeck watch' keeps the deadline without a screen".to_owned()
    } else {
        watchers.join(", ")
    };
    output::text(&format!("watchers  {watchers}"));
}

/// Exit 4 when nobody can stop while an engine trades, or may trade for all that is known.
fn who(common: &Common) -> Outcome {
    let seat = sit(common, "kill who")?;
    let row = seat.switch.look();
    let quiet =
        |standing| matches!(standing, EngineStanding::Blocked | EngineStanding::Flat | EngineStanding::Residual);
    let trading: Vec<&str> =
        row.engines.iter().filter(|engine| !quiet(engine.standing)).map(|engine| engine.name.as_str()).collect();
    let nobody = !somebody_can_stop(&row) && !trading.is_empty();
    if common.json {
        output::data(&json!({
            "environment": seat.environment.name(),
            "can_stop": data::stoppers(&row.can_stop), "you_can_stop": row.may_not_stop.is_none(),
            "may_not_stop": row.may_not_stop.as_deref().map(text::tame),
            "can_hold": row.can_hold.iter().map(|name| text::tame(name)).collect::<Vec<_>>(),
            "may_not_hold": row.may_not_hold.as_deref().map(text::tame),
            "trading": trading.iter().map(|name| text::tame(name)).collect::<Vec<_>>(),
        }));
        return Ok(if nobody { 4 } else { 0 });
    }
    output::text(&format!("{}  {}", seat.environment.title(), text::trading(&row)));
    output::text(&format!("  can stop  {}", text::stoppers(&row.can_stop)));
    output::text(&format!("  can hold  {}", text::holders(&row)));
    let you = row
        .may_not_stop
        .as_deref()
        .map_or_else(|| "can stop from here".to_owned(), |why| format!("can't stop: {}", text::tame(why)));
    output::text(&format!("  you       {you}"));
    if nobody {
        let desk = seat.desk().unwrap_or("no number in [desk] phone");
        output::text(&format!("! NOBODY CAN STOP while {} may trade. The broker's desk: {desk}", trading.join(", ")));
        return Ok(4);
    }
    Ok(0)
}

/// A watcher keeps the deadline and stops nothing by itself.
pub(crate) fn somebody_can_stop(row: &KillRow) -> bool {
    let watches = |name: &str| row.watchers.iter().any(|watcher| watcher.name == name);
    row.may_not_stop.is_none() || row.can_stop.iter().any(|who| !watches(&who.name))
}

fn hold(reason: Option<&str>, common: &Common) -> Outcome {
    let seat = sit(common, "kill hold")?;
    seat.switch.hold(reason)?;
    done(&seat, "level 3 is held: level 4 does not follow by itself", &look(&seat.switch), common);
    Ok(0)
}

fn release(reason: &str, note: Option<&str>, without: &[String], wait: Duration, common: &Common) -> Outcome {
    let seat = sit(common, "kill release")?;
    // Counted before: what follows is another order.
    let before = look(&seat.switch).bypassed;
    seat.switch.release(reason, note, without)?;
    let mut row = seat.switch.look();
    // Nobody waits for those who did not speak before.
    if !wait.is_zero() && row.engines.iter().any(|engine| engine.standing != EngineStanding::Silent) {
        row = seat.switch.wait_answered(wait);
    }
    let seen = Sight { bypassed: before, ..sight(&seat.switch, row) };
    let what = match seen.row.answered() {
        (_, 0) => "released: engines may trade".to_owned(),
        (may, all) => format!("released: {may} of {all} engines may trade again"),
    };
    done(&seat, &what, &seen, common);
    if !common.json {
        let deaf = |engine: &&EngineRow| !matches!(engine.standing, EngineStanding::Trading | EngineStanding::Idle);
        let deaf: Vec<String> = seen.row.engines.iter().filter(deaf).map(|engine| text::tame(&engine.name)).collect();
        if !deaf.is_empty() {
            let name = seat.environment.name();
            output::text(&format!("! not heard by {}: it stays stopped until it reads the latch", deaf.join(", ")));
            output::text(&format!("next: see to its process; 'quarterdeck kill status --env {name}' shows it again"));
        }
    }
    Ok(0)
}

fn done(seat: &Seat, what: &str, sight: &Sight, common: &Common) {
    if !common.json {
        output::text(&format!("{}: {what}", seat.environment.title()));
    }
    show(seat, sight, common.json);
}
