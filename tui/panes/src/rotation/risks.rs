//! What can go wrong with this rotation, and what happens then. Refuses a line that isn't true for it: whether somebody
//! else would go on, what its backend is called, what is revoked by whom.

use super::say;
use super::sheet::{Line, cell};
use crate::foot::wrapped;
use crate::theme::Role;
use crate::words;
use quarterdeck_app::Model;
use quarterdeck_domain::rotate::{Course, RotationRow, Step};

/// The heading and its lines; none once it is over.
pub(crate) fn lines(model: &Model, row: &RotationRow, width: u16) -> Vec<Line> {
    let rotation = &row.rotation;
    if !rotation.is_live() {
        return Vec::new();
    }
    let plan = &rotation.plan;
    let layer = &plan.target.layer;
    let (old, new, now) = (say::old(rotation), say::new(rotation), say::current(rotation));
    let forward = matches!(rotation.course, Course::Forward);
    let graceful = rotation.step <= Step::Grace;
    let mut found: Vec<(String, String)> = Vec::new();
    found.push((
        "this screen or ssh dies".into(),
        match say::goes_on(model, row) {
            Some(who) => format!("{who} goes on; nothing is asked twice"),
            None if forward && rotation.promoted.is_some() && graceful => {
                format!("no watcher is seen: {old} and {new} stay valid until somebody who is open goes on")
            }
            None => format!("no watcher is seen: it stops here, {now} is current; 'quarterdeck watch' goes on"),
        },
    ));
    if let Some(grace) = rotation.grace.as_ref().filter(|_| forward && graceful) {
        let at = words::when(grace.utc, model.now);
        found.push((format!("nobody runs at {at}"), format!("{old} stays valid, RETIRE OVERDUE")));
    }
    if forward && rotation.promoted.is_none() && (plan.set.is_some() || plan.test.is_some()) {
        let limits = plan.limits;
        let then = format!("{} tries, then another value; after {} values back to {old}", limits.tries, limits.values);
        found.push(("set or test says no".into(), then));
    }
    if forward && graceful {
        let then = match (&plan.revoke, plan.set.is_some()) {
            (Some(hook), _) if hook.is_by_person() => format!("LOST: theirs stays, you revoke {new}"),
            (Some(_), _) => format!("LOST: theirs stays, {new} is revoked"),
            (None, true) => format!("LOST: theirs stays; revoke {new} at its service yourself"),
            (None, false) => format!("LOST: theirs stays, {new} leaves {layer}"),
        };
        found.push(("somebody sets it by hand".into(), then));
    }
    found.push((format!("{layer} is throttled or down"), format!("waits and says so; {now} stays current")));
    if forward {
        found.push(("after retire".into(), "no way back: a new rotation".into()));
    }
    let at = if width < 76 { 28 } else { 38 };
    let room = usize::from(width.saturating_sub(at + 1)).max(12);
    let head = Line::Head("WHAT CAN GO WRONG", String::new(), vec![(at, false, "then")]);
    let lines = found.into_iter().flat_map(|(what, then)| {
        let rows = wrapped(&then, room, 2).into_iter().enumerate();
        let rows = rows.map(move |(index, then)| {
            let what = if index == 0 { what.as_str() } else { "" };
            Line::Cells(vec![cell(3, at - 4, what, Role::Muted), cell(at, u16::MAX, then, Role::Text)])
        });
        rows.collect::<Vec<_>>()
    });
    [head].into_iter().chain(lines).collect()
}
