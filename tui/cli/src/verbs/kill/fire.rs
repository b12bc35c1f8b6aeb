//! `kill stop` and `kill halt`. Refuses to be hindered by `--readonly`, a broken configuration or a journal, and to call
//! confirmed what an engine did not say.

use super::guard;
use crate::args::{Common, Firing};
use crate::output::{self, Outcome, Trouble};
use crate::switch::{Seat, data, sight, sit_quietly, text};
use quarterdeck_control::kill::Fired;
use quarterdeck_domain::kill::{EngineRow, EngineStanding, KillRow, Level, PathState};
use serde_json::json;
use std::time::Duration;

/// Fires. Exit 0 when every engine confirmed, 8 when not, 3 when refused, 1 when nothing took it.
pub(crate) fn run(level: Level, firing: &Firing, common: &Common) -> Outcome {
    let seat = sit_quietly(common, &format!("kill {}", level.verb()))?;
    guard::pass(level, firing, &seat)?;
    let pressed = quarterdeck_clock::moment();
    let mut fired = seat.switch.fire(level, firing.reason.clone(), pressed);
    seat.warn();
    if let Some((why, next)) = &fired.refused {
        let who = format!("'quarterdeck kill who --env {}'", seat.environment.name());
        let next = next.replace("'quarterdeck kill who'", &who);
        return Err(Trouble::ending(
            3,
            format!("refused: {why}\n  while: deciding on '{}'\n  next:  {next}", level.verb()),
        ));
    }
    if let Some(why) = &fired.undurable
        && !is_reached(&fired.row)
    {
        return Err(unheard(why, level, &seat));
    }
    if firing.wait > 0 {
        fired.row = seat.switch.wait_answered(Duration::from_secs(firing.wait));
    }
    if fired.unjournalled.is_some() || !is_confirmed(&fired) {
        // What a file says of an engine, and a journal that was only slow.
        fired.row = seat.switch.look();
        fired.unjournalled.clone_from(&fired.row.unjournalled);
    }
    let seen = sight(&seat.switch, fired.row.clone());
    if common.json {
        output::data(&json!({
            "environment": seat.environment.name(), "level": level.number(), "again": fired.again,
            "undurable": fired.undurable.as_deref().map(text::tame),
            "unjournalled": fired.unjournalled.as_deref().map(text::tame),
            "confirmed_by_all": is_confirmed(&fired),
            "kill_switch": data::kill_switch(&seen, quarterdeck_clock::utc()),
        }));
    } else {
        tell(level, &fired, &seat);
        text::bypassed(&seen, seat.environment).iter().for_each(|line| output::text(line));
    }
    Ok(if is_confirmed(&fired) { 0 } else { 8 })
}

/// Some socket took it.
fn is_reached(row: &KillRow) -> bool {
    row.paths.iter().any(|path| matches!(path.state, PathState::Reached(_)))
}

/// Every engine that is known did as it was told, and what starts later will hear of it. No engine is no confirmation.
fn is_confirmed(fired: &Fired) -> bool {
    let (sure, all) = fired.row.answered();
    fired.undurable.is_none() && all > 0 && sure == all
}

fn unheard(why: &str, level: Level, seat: &Seat) -> Trouble {
    Trouble::failed(format!(
        "NOBODY HEARD IT: the latch can't be written ({}), and no engine's socket took it\n  while: sending level {}\n  next:  stop each engine at the broker: {}; then 'quarterdeck doctor'",
        text::tame(why),
        level.number(),
        desk(seat)
    ))
}

fn desk(seat: &Seat) -> String {
    seat.desk().map_or_else(|| "its desk ([desk] phone names no number)".into(), |number| format!("desk {number}"))
}

/// Whom configuration names for this engine.
fn phone<'a>(engine: &str, seat: &'a Seat) -> Option<&'a str> {
    seat.config.as_ref()?.file.engine.iter().find(|known| known.name == engine)?.phone.as_deref()
}

fn tell(level: Level, fired: &Fired, seat: &Seat) {
    let (row, now) = (&fired.row, quarterdeck_clock::utc());
    let say = |lines: Vec<String>| lines.iter().for_each(|line| output::text(line));
    let what = match fired.again {
        true => "it was in force already: sent again, nothing else changed".to_owned(),
        false => format!("{}, level {}, is sent", level.verb().to_uppercase(), level.number()),
    };
    output::text(&format!("{}: {what}", seat.environment.title()));
    text::timings(row).iter().for_each(|steps| output::text(&format!("  from the key on: {steps}")));
    match row.answered() {
        (_, 0) => output::text("  no engine is known here: nobody confirmed"),
        (sure, all) => output::text(&format!("  {sure} of {all} engines confirmed")),
    }
    if let Some(why) = &fired.undurable {
        let why = text::tame(why);
        output::text(&format!("! NOT IN THE LATCH: {why}: an engine that is started again will not know of it"));
    }
    if let Some(why) = &fired.unjournalled {
        output::text(&format!("! UNJOURNALLED: {}", text::tame(why)));
    }
    if !row.engines.is_empty() {
        output::text("");
        say(text::engines(row, now));
    }
    for way in row.paths.iter().filter(|way| matches!(way.state, PathState::Broken { .. })) {
        output::text(&format!("! {}: {}", text::tame(&way.name), text::path(&way.state)));
    }
    say(text::bypasses(row));
    output::text("");
    say(next(level, row, seat));
}

/// What to do next, most urgent first.
fn next(level: Level, row: &KillRow, seat: &Seat) -> Vec<String> {
    let name = seat.environment.name();
    let mut lines = Vec::new();
    let silent = |engine: &&EngineRow| match level {
        Level::Stop => !matches!(engine.standing, EngineStanding::Blocked | EngineStanding::Flat),
        Level::Halt => engine.standing != EngineStanding::Flat,
    };
    for engine in row.engines.iter().filter(silent) {
        let call = phone(&engine.name, seat);
        let account = if engine.account.is_empty() { String::new() } else { format!(", account {}", engine.account) };
        let engine = text::tame(&format!("{} at the broker{account}", engine.name));
        lines.push(format!(
            "next: stop {engine}: {}",
            call.map_or_else(|| desk(seat), |number| format!("call {number}"))
        ));
    }
    if row.engines.is_empty() {
        lines.push(format!("next: stop whatever trades here at the broker: {}", desk(seat)));
    }
    if let Some(at) = row.deadline_at {
        lines.push(format!("next: 'quarterdeck kill hold --env {name}' before {at:.0}, or level 4 follows by itself"));
    }
    lines.push(format!("next: 'quarterdeck kill status --env {name}' shows it again"));
    lines
}
