//! What a person can do about a stop: at most three things, each with a key or the desk's number. Refuses to offer
//! what this session may not do without saying so.

use crate::kill;
use crate::pen::{Pen, columns, first, from};
use crate::theme::Role;
use quarterdeck_app::{Action, Model};
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
    /// Who may, or what comes of it.
    note: (String, Role),
}

/// The most urgent three.
pub(crate) fn of(model: &Model, row: &KillRow) -> Vec<Advice> {
    let mut all: Vec<Advice> = call(model, row).into_iter().collect();
    let key = |action: Action| model.setup.keymap.shown(action);
    let done = |action: Action, what: &str, note: (String, Role)| Advice {
        key: key(action),
        what: what.into(),
        short: None,
        note,
    };
    let plain = |note: &str| (note.to_owned(), Role::Muted);
    match row.state {
        SwitchState::GracefulStop => {
            all.push(done(Action::Hold, "hold level 3, no closing", kill::may_hold(model, row, "HOLD")));
            all.push(done(Action::KillSwitch, "halt: close all positions now", plain("can't be undone")));
        }
        SwitchState::Held => {
            all.push(done(Action::Release, "release: trade again", kill::may_hold(model, row, "RELEASE")));
            all.push(done(Action::KillSwitch, "halt: close all positions now", plain("can't be undone")));
        }
        SwitchState::HaltedFlat => {
            all.push(done(Action::Release, "release: trade again, with a note", kill::may_hold(model, row, "RELEASE")));
        }
        SwitchState::HaltedResidual => {
            let what = "release past what is open, in a shell".into();
            let note = kill::may_hold(model, row, "RELEASE");
            all.push(Advice { key: String::new(), what, short: None, note });
        }
        SwitchState::Unknown if row.doubt.as_deref() == Some(NO_LATCH) => {
            let what = "set up the switch: 'quarterdeck init' in any shell".into();
            all.push(Advice { key: String::new(), what, short: None, note: plain("") });
        }
        SwitchState::Unknown => {
            all.push(done(Action::KillSwitch, "stop: writes the latch anew", plain("then hold, then release")));
        }
        SwitchState::Normal
        | SwitchState::EmergencyHalt
        | SwitchState::RecoveryPending
        | SwitchState::RecoveryStaged => {}
    }
    all.truncate(3);
    all
}

/// The call to the desk for engines that don't answer, trade on, or are not flat.
fn call(model: &Model, row: &KillRow) -> Option<Advice> {
    let kinds = [
        (EngineStanding::Defying, "stop", "it trades on"),
        (EngineStanding::Silent, "stop", "it did not answer"),
        (EngineStanding::Residual, "settle", "not proven flat"),
    ];
    let (engines, verb, why) = kinds.iter().find_map(|(standing, verb, why)| {
        let engines = kill::engines_that(row, *standing);
        (!engines.is_empty()).then_some((engines, verb, why))
    })?;
    // Level 4 on its way is given its time before somebody calls.
    if row.state == SwitchState::EmergencyHalt && *verb == "settle" {
        return None;
    }
    let names = kill::names(engines.iter().map(|engine| engine.name.as_str()), 2);
    let what = format!("{verb} {names} at the broker: {}", kill::desk(model));
    let short = Some(format!("{}: {verb} {names}", kill::desk(model)));
    Some(Advice { key: String::new(), what, short, note: ((*why).to_owned(), Role::Muted) })
}

/// Draws one: `  DO 1  ^X  halt: close all positions now        can't be undone`.
pub(crate) fn draw(pen: &mut Pen<'_>, line: Rect, number: usize, advice: &Advice) {
    let label = if number == 1 { "DO" } else { "" };
    pen.put(first(from(line, 2), 2), label, Role::Label);
    pen.put(first(from(line, 5), 1), &number.to_string(), Role::Label);
    let mut used = 8;
    if !advice.key.is_empty() {
        used += pen.put(from(line, used), &format!("{:<4}", advice.key), Role::Key);
    }
    let fits = used + columns(&advice.what) <= line.width;
    let what = if fits { &advice.what } else { advice.short.as_ref().unwrap_or(&advice.what) };
    used += pen.put(from(line, used), what, Role::Strong);
    let (note, role) = &advice.note;
    if used + 2 + columns(note) <= line.width {
        pen.put_right(first(line, line.width), note, *role);
    }
}
