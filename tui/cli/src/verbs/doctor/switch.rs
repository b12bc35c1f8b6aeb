//! The kill-switch before `doctor`: the latch and its modes, the engines, who keeps the deadline, whom to call. Refuses
//! to set anything up.

use super::{Check, Verdict, check};
use crate::switch::text::{self, tame};
use crate::switch::{Seat, look, sit_quietly};
use crate::verbs::kill::somebody_can_stop;
use crate::{args::Common, output};
use quarterdeck_control::kill::Place;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{EngineStanding, KillRow, MarketRow, Record};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What helps an order that is not in the journal.
const UNRECORDED: &str =
    "make the journal writable (its own check says how); the next cockpit or watcher of this user then records it";

/// Looks at all of it. Gives 1 when something is wrong.
pub(super) fn examine(common: &Common, checks: &mut Vec<Check>) -> u8 {
    let Ok(seat) = sit_quietly(common, "doctor") else { return 0 };
    let first = checks.len();
    let place = seat.switch.place();
    let row = look(&seat.switch).row;
    latch(place, &row, checks);
    engines(place, &row, checks);
    watchers(&seat, &row, checks);
    around(&seat, &row, checks);
    u8::from(checks[first..].iter().any(|check| check.verdict == Verdict::Wrong))
}

fn latch(place: &Place, row: &KillRow, checks: &mut Vec<Check>) {
    let what = "kill-switch";
    match (&row.doubt, &row.record) {
        (None, Some(record)) => {
            let found = format!("{}, generation {}, {}", text::trading(row), record.generation, row.latch_place);
            checks.push(check(what, Verdict::Fine, found, ""));
        }
        (doubt, _) => checks.push(check(
            what,
            Verdict::Wrong,
            format!("{}: {}", text::trading(row), tame(doubt.as_deref().unwrap_or("there is no record"))),
            "where it was never set up: 'quarterdeck init --latch'; else 'quarterdeck kill stop', then hold, then release",
        )),
    }
    if let Some(why) = &row.unjournalled {
        checks.push(check(what, Verdict::Wrong, format!("UNJOURNALLED: {}", tame(why)), UNRECORDED));
    }
    let folder = place.latch();
    for file in [folder.clone(), folder.join("latch")] {
        checks.extend(open_to_all(what, &file));
    }
    let size = std::fs::symlink_metadata(folder.join("spare")).map(|facts| facts.len());
    if row.record.is_some() && !size.is_ok_and(|size| size >= Record::SIZE as u64) {
        checks.push(check(
            what,
            Verdict::Warning,
            format!("{} has no spare: a stop on a full disk needs new room", folder.display()),
            "the next cockpit or watcher lays one ready",
        ));
    }
}

/// What everybody may write nobody can believe.
fn open_to_all(what: &str, path: &Path) -> Option<Check> {
    let mode = std::fs::symlink_metadata(path).ok()?.mode() & 0o7777;
    let others = mode & 0o002 != 0;
    others.then(|| {
        let found = format!("everybody can write {} (mode {mode:04o})", path.display());
        check(what, Verdict::Wrong, found, format!("chmod o-w {}", path.display()))
    })
}

fn engines(place: &Place, row: &KillRow, checks: &mut Vec<Check>) {
    let folder = place.engines();
    if let Err(error) = std::fs::read_dir(&folder) {
        checks.push(check(
            "engines",
            Verdict::Wrong,
            format!("{}: {error}", folder.display()),
            "'quarterdeck init --latch' makes it; engines need it to be heard",
        ));
        return;
    }
    checks.extend(open_to_all("engines", &folder));
    if row.engines.is_empty() {
        checks.push(check("engines", Verdict::Fine, format!("none is known, {}", folder.display()), ""));
    }
    for engine in &row.engines {
        let why: Vec<String> = engine.why.iter().map(|why| tame(why)).collect();
        let found = format!("{} {}", tame(&engine.account), engine.standing.word());
        let found = if why.is_empty() { found } else { format!("{found}: {}", why.join("; ")) };
        let verdict = match engine.standing {
            EngineStanding::Defying | EngineStanding::Residual => Verdict::Wrong,
            EngineStanding::Silent | EngineStanding::Late => Verdict::Warning,
            _ => Verdict::Fine,
        };
        let remedy = "see to its process; while it can't be reached, stop it at the broker";
        checks.push(check(&format!("engine {}", tame(&engine.name)), verdict, found, remedy));
    }
}

fn watchers(seat: &Seat, row: &KillRow, checks: &mut Vec<Check>) {
    if row.watchers.is_empty() {
        let unit = unit(&seat.surroundings.executable);
        checks.push(check(
            "watchers",
            Verdict::Warning,
            "none runs: with every cockpit closed the engines alone keep the deadline, and nothing is recorded while no screen is open",
            format!("'quarterdeck watch', or the service in {}", unit.display()),
        ));
        return;
    }
    let names: Vec<String> = row.watchers.iter().map(|watcher| tame(&watcher.name)).collect();
    checks.push(check(
        "watchers",
        Verdict::Fine,
        format!("{}: {}", output::count(names.len() as u64, "watcher"), names.join(", ")),
        "",
    ));
}

/// Where `install` puts the systemd unit; the source's own, where that isn't there.
fn unit(program: &Path) -> PathBuf {
    let installed =
        program.ancestors().nth(2).map(|prefix| prefix.join("share/quarterdeck/quarterdeck-watch@.service"));
    installed.filter(|unit| unit.exists()).unwrap_or_else(|| "docs/quarterdeck-watch.service".into())
}

/// What a person needs beside the switch. Where nobody trades for real, the market's hours are not missed.
fn around(seat: &Seat, row: &KillRow, checks: &mut Vec<Check>) {
    let real = matches!(seat.environment, Environment::Paper | Environment::Production);
    let missed = if real { Verdict::Warning } else { Verdict::Fine };
    match row.market {
        MarketRow::NotConfigured => {
            checks.push(check("market", missed, "its hours are not configured", "[market] of the configuration"))
        }
        _ => checks.push(check("market", Verdict::Fine, text::market(row), "")),
    }
    match seat.desk() {
        None => checks.push(check("desk", Verdict::Warning, "the broker's desk has no number here", "[desk] phone")),
        Some(number) => checks.push(check("desk", Verdict::Fine, number, "")),
    }
    if real && !somebody_can_stop(row) {
        checks.push(check("people", Verdict::Wrong, "NOBODY CAN STOP trading", "[[person]] with role = \"trader\""));
    }
}
