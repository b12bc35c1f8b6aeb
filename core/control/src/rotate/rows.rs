//! Rotations as everybody may see them, from the journal's state and this host's clocks. Refuses to say that somebody
//! carries what nobody does.

use jiff::SignedDuration;
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::rotate::{Next, Rotation, RotationRow, Step};
use quarterdeck_domain::state::State;

/// All of them, newest first.
pub(super) fn rows(state: &State, now: &Moment, anchor: &Moment) -> Vec<RotationRow> {
    state.rotations.values().rev().map(|rotation| row(rotation, now, anchor)).collect()
}

fn row(rotation: &Rotation, now: &Moment, anchor: &Moment) -> RotationRow {
    let next = rotation.next(now, anchor);
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
        carried: rotation.lease.as_ref().is_some_and(|lease| !lease.is_over(now)) || matches!(next, Next::Wait { .. }),
        readers: Vec::new(),
        errors: 0,
        rotation: rotation.clone(),
    }
}
