//! What a person can do about a stop: at most three things, each with a key or a number to call. Refuses to offer what
//! this session may not do, and to forget an engine because another is worse.

use crate::kill;
use crate::pen::{Pen, columns, first, from};
use crate::theme::Role;
use quarterdeck_app::{Access, Action, Model};
use quarterdeck_domain::kill::{EngineStanding, KillRow, NO_LATCH, SwitchState};
use ratatui::layout::Rect;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advice {
    /// Its key; empty when it is done elsewhere.
    key: String,
    what: String,
    /// The same for a narrow screen, the number first.
    short: Option<String>,
    /// The note is as important as what to do, and stands in `short` too.
    says_who: bool,
    /// Who may, or what comes of it.
    note: (String, Role),
}

/// At most so many lines of calls.
const CALLS: usize = 3;

/// The most urgent three, each in its lines.
pub(crate) fn of(model: &Model, row: &KillRow) -> Vec<Vec<Advice>> {
    let mut all: Vec<Advice> = Vec::new();
    let done = |action: Action, what: &str, note: (String, Role)| Advice {
        key: model.setup.keymap.shown(action),
        what: what.into(),
        short: None,
        says_who: false,
        note,
    };
    // A key that would be refused isn't offered; who can is said in its place.
    let kept = |action: Action, what: &str, verb: &str| {
        let note = kill::may_hold(model, row, verb);
        if model.kill_keys().contains(&action) {
            return done(action, what, note);
        }
        if model.setup.access == Access::LookOnly && row.may_not_hold.is_none() {
            let unlock = model.setup.keymap.shown(Action::Unlock);
            let one = done(action, what, note);
            return Advice { key: format!("{unlock} {}", one.key), ..one };
        }
        let short = format!("{}: {}", verb.to_lowercase(), note.0);
        Advice { key: String::new(), what: what.into(), short: Some(short), says_who: true, note }
    };
    let plain = |note: &str| (note.to_owned(), Role::Muted);
    match row.state {
        SwitchState::GracefulStop => {
            all.push(kept(Action::Hold, "hold level 3, no closing", "HOLD"));
            all.push(done(Action::KillSwitch, "halt: close all positions now", plain("can't be undone")));
        }
        SwitchState::Held => {
            all.push(kept(Action::Release, "release: trade again", "RELEASE"));
            all.push(done(Action::KillSwitch, "halt: close all positions now", plain("can't be undone")));
        }
        SwitchState::HaltedFlat => {
            all.push(kept(Action::Release, "release: trade again, with a note", "RELEASE"));
        }
        SwitchState::HaltedResidual => {
            let what = "release past what is open, in a shell".into();
            let note = kill::may_hold(model, row, "RELEASE");
            all.push(Advice { key: String::new(), what, short: None, says_who: false, note });
        }
        SwitchState::Unknown if row.doubt.as_deref() == Some(NO_LATCH) => {
            let what = "set up the switch: 'quarterdeck init' in any shell".into();
            all.push(Advice { key: String::new(), what, short: None, says_who: false, note: plain("") });
        }
        SwitchState::Unknown => {
            all.push(done(Action::KillSwitch, "stop: writes the latch anew", plain("then hold, then release")));
        }
        SwitchState::Normal
        | SwitchState::EmergencyHalt
        | SwitchState::RecoveryPending
        | SwitchState::RecoveryStaged => {}
    }
    let calls = Some(calls(model, row)).filter(|calls| !calls.is_empty());
    calls.into_iter().chain(all.into_iter().map(|one| vec![one])).take(3).collect()
}

/// The calls for engines that trade on, are not flat, or don't answer: those with the same trouble and number together.
fn calls(model: &Model, row: &KillRow) -> Vec<Advice> {
    let mut groups: Vec<(EngineStanding, String, Vec<&str>)> = Vec::new();
    for engine in kill::worst_first(row) {
        let calls = match engine.standing {
            EngineStanding::Defying | EngineStanding::Silent => true,
            // Level 4 on its way is given its time before somebody calls.
            EngineStanding::Residual => row.state != SwitchState::EmergencyHalt,
            _ => false,
        };
        if !calls {
            continue;
        }
        let desk = kill::desk(model, &engine.name);
        match groups.iter_mut().find(|(standing, number, _)| *standing == engine.standing && *number == desk) {
            Some((_, _, names)) => names.push(&engine.name),
            None => groups.push((engine.standing, desk, vec![&engine.name])),
        }
    }
    let rest: usize = groups.iter().skip(CALLS).map(|(_, _, names)| names.len()).sum();
    let shown = groups.len().min(CALLS);
    let line = |(place, (standing, desk, names)): (usize, &(EngineStanding, String, Vec<&str>))| {
        let (verb, why) = match standing {
            EngineStanding::Defying => ("stop", "trades on"),
            EngineStanding::Residual => ("settle", "not proven flat"),
            _ => ("stop", "did not answer"),
        };
        let names = kill::names(names.iter().copied(), 2);
        let more = if rest > 0 && place + 1 == shown { format!("; {rest} more") } else { String::new() };
        let what = format!("{verb} {names} at the broker: {desk}{more}");
        let short = Some(format!("{desk}: {verb} {names}{more}"));
        Advice { key: String::new(), what, short, says_who: false, note: (why.to_owned(), Role::Muted) }
    };
    groups.iter().take(CALLS).enumerate().map(line).collect()
}

/// Draws one: `  DO 1  ^X  halt: close all positions now        can't be undone`.
pub(crate) fn draw(pen: &mut Pen<'_>, line: Rect, number: Option<usize>, advice: &Advice) {
    let label = if number == Some(1) { "DO" } else { "" };
    pen.put(first(from(line, 2), 2), label, Role::Label);
    pen.put(first(from(line, 5), 1), &number.map(|number| number.to_string()).unwrap_or_default(), Role::Label);
    let mut used = 8;
    if !advice.key.is_empty() {
        used += pen.put(from(line, used), &format!("{:<3} ", advice.key), Role::Key);
    }
    let (note, role) = &advice.note;
    // Without a key it must be said who can.
    let beside = if advice.says_who { columns(note) + 2 } else { 0 };
    let fits = used + columns(&advice.what) + beside <= line.width;
    let what = if fits { &advice.what } else { advice.short.as_ref().unwrap_or(&advice.what) };
    used += pen.put(from(line, used), what, Role::Strong);
    if advice.says_who && !fits {
        return;
    }
    if used + 2 + columns(note) <= line.width {
        pen.put_right(first(line, line.width), note, *role);
    }
}
