//! Rotations as everybody may see them, from the journal's state and this host's clocks. Refuses to say that somebody
//! carries what nobody does.

use crate::serve::Control;
use jiff::SignedDuration;
use quarterdeck_domain::decide::Decision;
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::request::Request;
use quarterdeck_domain::rotate::{Next, Rotation, RotationRow, Step};
use quarterdeck_domain::state::State;

impl Control {
    /// True where the person of this session may carry this rotation on, and the layer is here; whether the session looks
    /// only now is not asked.
    pub fn may_carry(&self, rotation: &Rotation) -> bool {
        let target = rotation.target();
        let is_here = self.mount(&target.layer).is_ok_and(|mount| !mount.is_missing());
        let steer = Request::Steer { target: target.clone(), number: rotation.number };
        is_here && self.decision(&steer, None) == Decision::Permit
    }
}

/// All of them, newest first.
pub(super) fn rows(state: &State, now: &Moment, anchor: &Moment) -> Vec<RotationRow> {
    state.rotations.values().rev().map(|rotation| row(rotation, now, anchor)).collect()
}

fn row(rotation: &Rotation, now: &Moment, anchor: &Moment) -> RotationRow {
    let next = rotation.next(now, anchor);
    let is_held = rotation.lease.as_ref().is_some_and(|lease| !lease.is_over(now));
    let is_waiting = matches!(next, Next::Wait { .. });
    let in_grace = rotation.is_in_grace() && rotation.step == Step::Grace;
    RotationRow {
        state: rotation.state(now),
        grace_left: rotation.grace_left(now, anchor).filter(|left| in_grace && *left > SignedDuration::ZERO),
        question: match &next {
            Next::Ask(question) => Some(question.clone()),
            _ => None,
        },
        waits: match &next {
            Next::Wait { why, .. } => Some(why.clone()),
            _ => None,
        },
        // While nothing is to be done nobody has to hold it: whoever is there when it is time takes it.
        carried: is_held || is_waiting,
        rests: is_waiting && !is_held,
        // Whoever shows it asks for their own session.
        here: true,
        readers: Vec::new(),
        errors: 0,
        rotation: rotation.clone(),
    }
}
