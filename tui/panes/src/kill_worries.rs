//! What is wrong with the kill-switch and the engines, worst first, each with what to do. Refuses to stay quiet while
//! an engine may trade that was told not to.

use crate::kill;
use crate::words;
use crate::worry::Worry;
use jiff::SignedDuration;
use quarterdeck_app::Model;
use quarterdeck_domain::kill::{EngineRow, EngineStanding, KillRow, NO_LATCH, SwitchState};
use quarterdeck_domain::sanitise;

/// All of them: an order after the stop, engines, the journal, the latch, and last the stop itself.
pub(crate) fn all(model: &Model) -> Vec<Worry> {
    let Some(row) = model.kill.as_deref().filter(|row| !kill::never_set_up(row)) else { return Vec::new() };
    let mut found: Vec<Worry> = old(model).into_iter().chain(bypass(model, row)).collect();
    found.extend(engines(model, row));
    found.extend(unjournalled(row));
    found.extend(doubt(model, row));
    found.extend(stop(model, row));
    found
}

/// Those that neither the table of engines nor the NOW pane's own words tell.
pub(crate) fn apart(model: &Model, row: &KillRow) -> Vec<Worry> {
    let conflict = doubt(model, row).filter(|_| row.state != SwitchState::Unknown);
    old(model).into_iter().chain(bypass(model, row)).chain(unjournalled(row)).chain(conflict).collect()
}

/// Nothing was heard of the switch for too long, though the rest of the screen lives.
fn old(model: &Model) -> Option<Worry> {
    let age = words::age(model.kill_silent_for().filter(|_| model.silent_for().is_none())?);
    Some(Worry {
        on: String::new(),
        short: Some(format!("SWITCH STALE {age}")),
        what: format!("Nothing was heard of the kill-switch and the engines for {age}: what is said of them is old"),
        why: String::new(),
        next: "See them with 'quarterdeck kill status' in another session".into(),
    })
}

fn bypass(model: &Model, row: &KillRow) -> Option<Worry> {
    let last = row.bypasses.last()?;
    let actor = name(&last.actor);
    let count = row.bypasses.iter().filter(|bypass| bypass.actor == last.actor).count();
    let newest = if count == 1 { "" } else { ", the last" };
    let others = row.bypasses.len() - count;
    let others = if others == 0 { String::new() } else { format!(", {others} more by others") };
    let after = words::silence(last.after);
    Some(Worry {
        on: String::new(),
        short: Some("BYPASS".into()),
        what: format!("BYPASS: {actor} sent {}{newest} {after} after the stop", words::count(count, "order")),
        why: format!("at {}, {}{others}", words::when(last.at, model.now), sanitise::line(&last.order, 40)),
        next: call(model, &last.actor),
    })
}

fn engines(model: &Model, row: &KillRow) -> Vec<Worry> {
    let worry = |engine: &EngineRow| {
        let name = name(&engine.name);
        let what = match engine.standing {
            EngineStanding::Silent => {
                let age = engine.heard_at.map(|at| format!(" for {}", words::silence(model.now.duration_since(at))));
                format!("{name} SILENT{}: it may trade", age.unwrap_or_default())
            }
            EngineStanding::Defying => format!("{name} DEFYING: it trades on"),
            EngineStanding::Residual => format!("{name} is NOT FLAT"),
            EngineStanding::Late => format!("{name} LATE: it has not said that it is blocked"),
            _ => return None,
        };
        Some(Worry {
            on: String::new(),
            short: None,
            what,
            why: engine.why.first().cloned().unwrap_or_default(),
            next: call(model, &engine.name),
        })
    };
    kill::worst_first(row).into_iter().filter_map(worry).collect()
}

fn call(model: &Model, engine: &str) -> String {
    format!("Call {}", kill::desk(model, engine))
}

fn unjournalled(row: &KillRow) -> Option<Worry> {
    let why = row.unjournalled.clone()?;
    Some(Worry {
        on: String::new(),
        short: Some("UNJOURNALLED".into()),
        what: "UNJOURNALLED: the order is not in the journal".into(),
        why,
        next: "It is tried again each second; no release before that".into(),
    })
}

/// An unknown state, or a latch and a journal that disagree.
fn doubt(model: &Model, row: &KillRow) -> Option<Worry> {
    let doubt = row.doubt.clone()?;
    if row.state != SwitchState::Unknown {
        return Some(Worry {
            on: String::new(),
            short: Some("CONFLICT".into()),
            what: "CONFLICT: latch and journal disagree, the stricter counts".into(),
            why: doubt,
            next: "See both with 'quarterdeck kill status'".into(),
        });
    }
    Some(Worry {
        on: String::new(),
        short: None,
        what: "Trading counts as stopped, level 3".into(),
        next: unknown_next(model, &doubt),
        why: doubt,
    })
}

/// What to do about an unknown state.
pub(crate) fn unknown_next(model: &Model, doubt: &str) -> String {
    if doubt == NO_LATCH {
        return "Set up the switch with 'quarterdeck init'".to_owned();
    }
    let key = model.setup.keymap.shown(quarterdeck_app::Action::KillSwitch);
    format!("{key} and its stop write the latch anew; then hold, then release")
}

/// The stop itself, for the screens that have no NOW pane.
fn stop(model: &Model, row: &KillRow) -> Option<Worry> {
    let next = match row.state {
        SwitchState::Normal | SwitchState::Unknown => return None,
        SwitchState::GracefulStop => match (kill::deadline(row), kill::left(model, row)) {
            (Some(at), Some(left)) if left > SignedDuration::ZERO => {
                format!("LEVEL 4 AT {}, in {}", words::when(at, model.now), words::running(left))
            }
            _ => "LEVEL 4 IS DUE".to_owned(),
        },
        SwitchState::EmergencyHalt => format!("Now: {}", quarterdeck_domain::kill::phase(&row.engines)),
        SwitchState::Held => "Level 4 doesn't follow by itself".to_owned(),
        _ => format!("{} shows it", model.setup.keymap.shown(quarterdeck_app::Action::Overview)),
    };
    Some(Worry { on: String::new(), short: None, what: kill::headline(model, row), why: String::new(), next })
}

fn name(name: &str) -> String {
    sanitise::line(name, 24).into_owned()
}
