//! Hold and release: asked for here with their reason, decided and recorded by control. Refuses what is known to be
//! refused there, so that nobody types a reason for nothing; a release past an engine that is not proven flat is the
//! command's alone.

use crate::act;
use crate::effect::Effect;
use crate::entry::Line;
use crate::key::{Code, Key};
use crate::keymap::Action;
use crate::model::{Model, Overlay, Weight};
use crate::news::Message;
use crate::switch;
use crate::update::tell;
use quarterdeck_domain::kill::{EngineStanding, KillRow, Order, SwitchState};

/// Why something can't be done now.
type No = (Weight, Message);

impl Model {
    /// The keys of the kill-switch, beside its own, that do something now; none while trading is normal, or where this
    /// session looks only.
    pub fn kill_keys(&self) -> &'static [Action] {
        if !self.setup.access.is_free() {
            return &[];
        }
        match (may_hold(self), may_release(self)) {
            (Ok(()), _) => &[Action::Hold],
            (_, Ok(())) => &[Action::Release],
            _ => &[],
        }
    }

    /// True when a release needs the post-incident note: after level 4.
    pub fn release_needs_note(&self) -> bool {
        self.kill.as_ref().is_some_and(|row| is_halted(row))
    }
}

fn is_halted(row: &KillRow) -> bool {
    row.record.as_ref().is_some_and(|record| record.order == Order::Halt)
}

/// Opens the question, or says why there is none.
pub(crate) fn hold(model: &mut Model) {
    match may_hold(model) {
        Ok(()) => act::over(model, Overlay::Hold { reason: Line::default() }),
        Err((weight, message)) => tell(model, weight, message),
    }
}

/// Opens the question, or says why there is none.
pub(crate) fn release(model: &mut Model) {
    match may_release(model) {
        Ok(()) => {
            let overlay = Overlay::Release { reason: Line::default(), note: Line::default(), in_note: false };
            act::over(model, overlay);
        }
        Err((weight, message)) => tell(model, weight, message),
    }
}

fn may_hold(model: &Model) -> Result<(), No> {
    let row = known(model)?;
    let release = || format!("{} lets trading go on", model.setup.keymap.shown(Action::Release));
    match row.state {
        SwitchState::GracefulStop => allowed(model, row),
        SwitchState::Normal => Err(told("there is nothing to hold: trading is normal", "")),
        SwitchState::Held => Err(told("level 3 is held already", &release())),
        SwitchState::Unknown => Err(unreadable("hold")),
        SwitchState::RecoveryPending | SwitchState::RecoveryStaged => Err(recovering()),
        SwitchState::EmergencyHalt | SwitchState::HaltedFlat | SwitchState::HaltedResidual => {
            Err(told("level 4 can't be held: it closes positions at once", &format!("once flat, {}", release())))
        }
    }
}

fn may_release(model: &Model) -> Result<(), No> {
    let row = known(model)?;
    match row.state {
        SwitchState::Normal => return Err(told("there is nothing to release: trading is normal", "")),
        SwitchState::GracefulStop => {
            let next = format!("{} holds it first", model.setup.keymap.shown(Action::Hold));
            return Err(told("level 3 runs towards level 4", &next));
        }
        SwitchState::Unknown => return Err(unreadable("release")),
        SwitchState::RecoveryPending | SwitchState::RecoveryStaged => return Err(recovering()),
        SwitchState::Held | SwitchState::EmergencyHalt | SwitchState::HaltedFlat | SwitchState::HaltedResidual => {}
    }
    allowed(model, row)?;
    let open = row.engines.iter().filter(|engine| engine.standing != EngineStanding::Flat);
    let open: Vec<&str> = open.map(|engine| engine.name.as_str()).collect();
    if is_halted(row) && !open.is_empty() {
        let without: Vec<String> = open.iter().map(|name| format!("--without {name}")).collect();
        let environment = model.setup.seat.environment.name();
        let next = format!(
            "settle them with {}; then 'quarterdeck kill release --env {environment} {}'",
            switch::desk_of(model, open.first().copied().filter(|_| open.len() == 1)),
            without.join(" ")
        );
        let message = Message::with_next(format!("not proven flat: {}", open.join(", ")), next);
        return Err((Weight::Refused, message));
    }
    Ok(())
}

fn known(model: &Model) -> Result<&KillRow, No> {
    let unknown = || told("nothing is known of the kill-switch yet", "'quarterdeck kill status' asks in a shell");
    model.kill.as_deref().ok_or_else(unknown)
}

/// May this session, by what control said of it?
fn allowed(model: &Model, row: &KillRow) -> Result<(), No> {
    let Some(why) = &row.may_not_hold else { return Ok(()) };
    let next = match row.can_hold.as_slice() {
        [] => format!("NOBODY CAN HOLD; call {}", switch::desk(model)),
        names => format!("{} can", names.join(", ")),
    };
    Err((Weight::Refused, Message::with_next(why.clone(), next)))
}

fn told(what: &str, next: &str) -> No {
    (Weight::Told, Message::with_next(what, next))
}

fn unreadable(verb: &str) -> No {
    told(
        &format!("the latch can't be read, so there is nothing to {verb}"),
        "a stop by ^X writes it anew; then hold it",
    )
}

fn recovering() -> No {
    told("a release is on its way already", "")
}

/// Takes a press while one of the two questions is open; Esc was taken before.
pub(crate) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let needs_note = model.release_needs_note();
    match (&mut model.overlay, key.code) {
        (Some(Overlay::Hold { reason }), Code::Enter) => {
            let reason = reason.text().trim().to_owned();
            return send_hold(model, reason);
        }
        (Some(Overlay::Hold { reason }), _) => _ = reason.edit(key),
        (Some(Overlay::Release { in_note, .. }), Code::Tab | Code::BackTab | Code::Up | Code::Down) => {
            *in_note = needs_note && !*in_note;
        }
        (Some(Overlay::Release { reason, note, in_note }), Code::Enter) => {
            let (reason, note) = (reason.text().trim().to_owned(), note.text().trim().to_owned());
            let (here, there) = if *in_note { (&note, &reason) } else { (&reason, &note) };
            // Enter goes on to the field that is still empty.
            if needs_note && !here.is_empty() && there.is_empty() {
                *in_note = !*in_note;
                return Vec::new();
            }
            return send_release(model, reason, note);
        }
        (Some(Overlay::Release { reason, note, in_note }), _) => _ = field(reason, note, *in_note).edit(key),
        _ => {}
    }
    Vec::new()
}

fn field<'a>(reason: &'a mut Line, note: &'a mut Line, in_note: bool) -> &'a mut Line {
    if in_note { note } else { reason }
}

/// Takes a paste: into the field that is open.
pub(crate) fn paste(overlay: &mut Overlay, text: &str) {
    match overlay {
        Overlay::Hold { reason } => reason.paste(text),
        Overlay::Release { reason, note, in_note } => field(reason, note, *in_note).paste(text),
        _ => {}
    }
}

fn send_hold(model: &mut Model, reason: String) -> Vec<Effect> {
    if act::is_shut(model, Action::Hold) {
        return Vec::new();
    }
    if let Err((weight, message)) = may_hold(model) {
        model.overlay = None;
        tell(model, weight, message);
        return Vec::new();
    }
    if reason.is_empty() {
        tell(model, Weight::Told, Message::plain("nothing was asked: a hold needs its reason"));
        return Vec::new();
    }
    model.overlay = None;
    tell(model, Weight::Told, Message::plain("asked: hold level 3"));
    vec![Effect::Hold { reason }]
}

fn send_release(model: &mut Model, reason: String, note: String) -> Vec<Effect> {
    if act::is_shut(model, Action::Release) {
        return Vec::new();
    }
    if let Err((weight, message)) = may_release(model) {
        model.overlay = None;
        tell(model, weight, message);
        return Vec::new();
    }
    let missing = match (reason.is_empty(), model.release_needs_note() && note.is_empty()) {
        (true, _) => Some("nothing was asked: a release needs its reason"),
        (_, true) => Some("nothing was asked: after level 4 a release needs a post-incident note"),
        _ => None,
    };
    if let Some(missing) = missing {
        tell(model, Weight::Told, Message::plain(missing));
        return Vec::new();
    }
    model.overlay = None;
    tell(model, Weight::Told, Message::plain("asked: let trading go on"));
    vec![Effect::Release { reason, note, without: Vec::new() }]
}
