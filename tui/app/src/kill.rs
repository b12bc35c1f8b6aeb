//! What the kill-switch's news do to the screen: what they say of the state, when they ring, what is said aloud. Refuses
//! to order anything, and to take an old state for a fresh one.

use crate::act;
use crate::effect::Effect;
use crate::model::{Model, Weight};
use crate::news::Message;
use crate::tries::Deed;
use crate::update::tell;
use jiff::SignedDuration;
use quarterdeck_domain::kill::{EngineStanding, KillRow, Order, SwitchState};
use quarterdeck_domain::sanitise;

/// The bell rings in the last so many steps of level 3, at the beginning of each.
const STEPS: i128 = 6;
/// One step, milliseconds.
const STEP: i128 = 10_000;

impl Model {
    /// What counts; `None` until control told.
    pub fn switch_state(&self) -> Option<SwitchState> {
        self.kill.as_ref().map(|row| row.state)
    }

    /// What is left of level 3 before it becomes level 4, never negative; `None` where no deadline runs.
    pub fn time_to_halt(&self) -> Option<SignedDuration> {
        let row = self.kill.as_ref().filter(|row| row.state == SwitchState::GracefulStop)?;
        Some(row.deadline_at?.duration_since(self.now).max(SignedDuration::ZERO))
    }

    /// How long nothing was heard of the kill-switch, when that is too long for [`Model::kill`] to be believed: then it
    /// is shown with its age, as everything else that is old.
    pub fn kill_silent_for(&self) -> Option<SignedDuration> {
        let silent = self.now.duration_since(self.known.kill_at?);
        (silent > 3 * Self::ALIVE_EVERY).then_some(silent)
    }
}

/// Takes the state as it is now.
pub(crate) fn take(model: &mut Model, row: Box<KillRow>) -> Vec<Effect> {
    let before = model.kill.take();
    let mut effects = Vec::new();
    if let Some(before) = before.as_deref() {
        if is_worse(before, &row) && act::bell_rings(model) {
            effects.push(Effect::Ring);
        }
        if let Some((weight, says)) = change(before, &row, &model.setup.seat.who.session) {
            tell(model, weight, Message::plain(says));
        }
    }
    if is_carried_out(&row) {
        act::did(model, Deed::Stop);
    }
    model.kill = Some(row);
    model.known.kill_at = Some(model.now);
    effects
}

/// The bell of the last minute before level 4, once in ten seconds.
pub(crate) fn last_minute(model: &mut Model) -> Option<Effect> {
    let Some(left) = model.time_to_halt() else {
        model.known.rung = None;
        return None;
    };
    let step = (left.as_millis() + STEP - 1) / STEP;
    // The deadline is told anew each second, and trembles: a step is rung for once.
    if !(1..=STEPS).contains(&step) || model.known.rung.is_some_and(|rung| rung <= step) {
        return None;
    }
    model.known.rung = Some(step);
    act::bell_rings(model).then_some(Effect::Ring)
}

/// A stricter level than before, or an order that was sent against the stop.
fn is_worse(before: &KillRow, row: &KillRow) -> bool {
    let newest = row.bypasses.last();
    row.level() > before.level() || (newest.is_some() && newest != before.bypasses.last())
}

/// A stop that every engine obeys.
fn is_carried_out(row: &KillRow) -> bool {
    let stands = |standing| matches!(standing, EngineStanding::Blocked | EngineStanding::Flat);
    row.record.is_some()
        && row.level().is_some()
        && !row.engines.is_empty()
        && row.engines.iter().all(|engine| stands(engine.standing))
}

fn order(row: &KillRow) -> Option<Order> {
    row.record.as_ref().map(|record| record.order)
}

/// What is said aloud: an order that was not given from this screen.
fn change(before: &KillRow, row: &KillRow, own_session: &str) -> Option<(Weight, String)> {
    if order(before) == order(row) {
        return None;
    }
    let Some(record) = &row.record else {
        let doubt = row.doubt.as_deref().unwrap_or("there is no latch");
        return Some((Weight::Failed, format!("{doubt}: it counts as level 3")));
    };
    let by = &record.initiator;
    let who = || format!("{} on {}", sanitise::line(&by.person, 40), sanitise::line(&by.host, 40));
    let says = match (by.kind.as_str(), record.order) {
        ("deadline", _) => "level 3 was not held in time: level 4 follows".into(),
        ("repair", _) => "latch and journal disagreed: the stricter was put back".into(),
        ("init", _) => return None,
        _ if by.session == own_session => return None,
        (_, Order::Stop) => format!("{} stopped trading, level 3", who()),
        (_, Order::Halt) => format!("{} halted trading, level 4", who()),
        (_, Order::Hold) => format!("{} holds level 3: level 4 does not follow by itself", who()),
        (_, Order::Trade) => format!("{} let trading go on", who()),
    };
    Some((Weight::Told, says))
}
