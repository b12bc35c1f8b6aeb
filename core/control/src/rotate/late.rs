//! A `set` that came to its end under a runner whose word counts no more: what it made valid is made invalid again where
//! the rotation gave that value up. Refuses to touch a value that is wanted still, or that readers get.

use super::came::after;
use super::effects::Hands;
use super::hooks::Answered;
use super::stands::Shelf;
use quarterdeck_domain::rotate::{Course, Ending, Hook, Rotation, Step};

/// Makes it good; what came of it, in words, or nothing where nothing was to be done. `before` is the rotation as it was
/// when `set` began, `now` as it is now.
pub(super) fn make_good(hands: &Hands<'_>, before: &Rotation, now: Option<&Rotation>) -> Option<String> {
    if now.is_some_and(|now| wants(now, before)) {
        return None;
    }
    let (version, value) = hands.set.as_ref()?;
    let name = before.name();
    let late = format!("'set' of {name} came to its end after that value, version {version}, was given up");
    let by_hand = |why: &str| Some(format!("{late}: {why}. Revoke that value by hand unless readers get it"));
    let shelf = match hands.control.mount(&before.target().layer).map(|mount| Shelf::of(mount, before)) {
        Ok(Ok(shelf)) => shelf,
        _ => return by_hand("its layer is not here"),
    };
    match shelf.is_current(value) {
        Ok(true) => return None,
        Ok(false) => {}
        Err(error) => return by_hand(&format!("whether readers get it is not known ({})", error.kind.code())),
    }
    let Some(hook) = before.plan.hook(Step::Revoke).filter(|hook| !Hook::is_by_person(hook)) else {
        return by_hand("no program revokes it");
    };
    let errand = hands.errand(&shelf, Step::Revoke, version, value);
    match (hands.world.hook)(hook, &errand) {
        Answered::Yes { note, .. } => Some(format!("{late}: it was revoked again{}", after(&note))),
        _ => by_hand("it could not be revoked"),
    }
}

/// The value is the one that the rotation brings in, or has brought in.
fn wants(now: &Rotation, before: &Rotation) -> bool {
    let goes_on = match now.ended {
        Some((ending, _)) => ending == Ending::Done,
        None => now.course == Course::Forward,
    };
    goes_on && now.id == before.id
}
