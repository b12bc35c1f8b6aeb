//! The effects that take something away or put it back: unstage, drop, restore, discard. Refuses to touch what somebody
//! else made current: then the rotation is lost.

use super::came::{Came, Outcome, Stop, asked, done, done_with, failed, is_doubtful, trouble, was_refused};
use super::stands::{Current, Shelf, current, is_gone};
use crate::serve::Control;
use quarterdeck_contract::{BackendError, Stage, VersionId};
use quarterdeck_domain::rotate::{Course, Ending, Fact};

/// That somebody else's value, or the old one, is where ours should be.
pub(super) fn lost(shelf: &Shelf<'_>) -> Result<Option<Came>, Stop> {
    Ok(match asked(shelf.rotation, shelf.whose())? {
        Current::Ours(_) => None,
        Current::Old(version) | Current::Theirs(version) => Some(theirs(version)),
    })
}

/// The pending mark is taken away.
pub(super) fn unstage(shelf: &Shelf<'_>, new: &str) -> Outcome {
    let mount = shelf.mount;
    let gone = mount.backend().unstage(&shelf.name, &VersionId(new.to_owned()), mount.call());
    asked(shelf.rotation, forgiving(gone))?;
    Ok(done(shelf, "no pending mark is left".into()))
}

/// The old value leaves the backend, while ours is current.
pub(super) fn drop_old(shelf: &Shelf<'_>, old: &str) -> Outcome {
    let (rotation, mount) = (shelf.rotation, shelf.mount);
    let current = match asked(rotation, shelf.whose())? {
        Current::Ours(version) => version,
        Current::Old(version) | Current::Theirs(version) => return Ok(theirs(version)),
    };
    match forgiving(mount.backend().retire(&shelf.name, &VersionId(old.to_owned()), &current, mount.call())) {
        Ok(()) => Ok(done(shelf, format!("version {old} is retired"))),
        Err(error) if is_doubtful(&error.kind) => match lost(shelf)? {
            Some(lost) => Ok(lost),
            None => Err(trouble(rotation, &error)),
        },
        Err(error) => Err(failed(rotation, &error)),
    }
}

/// The old value is made current again, where ours is.
pub(super) fn restore(shelf: &Shelf<'_>, old: &str) -> Outcome {
    let (rotation, mount) = (shelf.rotation, shelf.mount);
    let back = |version: VersionId| {
        let known = if was_refused(rotation) { "; WARNING: it was refused already before this rotation" } else { "" };
        let note = format!("the old value is current, as version {version}{known}");
        Ok(done_with(shelf, version.0, note))
    };
    let from = match asked(rotation, shelf.whose())? {
        Current::Old(version) => return back(version),
        Current::Theirs(version) => return Ok(theirs(version)),
        Current::Ours(version) => version,
    };
    match mount.backend().promote(&shelf.name, &VersionId(old.to_owned()), &from, mount.call()) {
        Ok(version) => back(version),
        Err(error) if is_doubtful(&error.kind) => match asked(rotation, shelf.whose())? {
            Current::Old(version) => back(version),
            Current::Theirs(version) => Ok(theirs(version)),
            Current::Ours(_) => Err(trouble(rotation, &error)),
        },
        Err(error) => Err(failed(rotation, &error)),
    }
}

/// What stands under our ids leaves the backend, unless it is current.
pub(super) fn discard(control: &Control, shelf: &Shelf<'_>, ids: &[String]) -> Outcome {
    let (rotation, mount) = (shelf.rotation, shelf.mount);
    let inspection = asked(rotation, shelf.inspect())?;
    let current = current(&inspection);
    let mut left = 0;
    // A version that was current is retired before its value, by which it may have to be known, is unstaged.
    for version in asked(rotation, promoted(shelf, &inspection))? {
        let Some(current) = current.as_ref().filter(|current| **current != version) else { continue };
        asked(rotation, forgiving(mount.backend().retire(&shelf.name, &version, current, mount.call())))?;
        left += 1;
    }
    for version in inspection.versions.iter().filter(|version| version.stage == Some(Stage::Pending)) {
        let id = version.rotation.as_ref().unwrap_or(&version.id.0);
        if ids.contains(id) {
            asked(rotation, forgiving(mount.backend().unstage(&shelf.name, &version.id, mount.call())))?;
            left += 1;
        }
    }
    let note = if left == 0 { "nothing of it was left" } else { "the new value is gone" };
    let is_lost = matches!(rotation.course, Course::Back { ending: Ending::Lost, .. });
    let rest = if is_lost { what_is_left(control, shelf)? } else { String::new() };
    Ok(done(shelf, format!("{note}{rest}")))
}

/// What a rotation that is lost leaves to a person: nobody has tried what is current, and nobody ends the old value.
fn what_is_left(control: &Control, shelf: &Shelf<'_>) -> Result<String, Stop> {
    let (rotation, target) = (shelf.rotation, shelf.rotation.target());
    let version = match asked(rotation, shelf.whose())? {
        Current::Old(version) => return Ok(format!("; the old value is current again, as version {version}")),
        Current::Ours(version) => return Ok(format!("; the new value is current all the same, as version {version}")),
        Current::Theirs(version) => version,
    };
    let state = control.state();
    let made = state.made_as(&target.layer, &target.name, &version.0).and_then(|made| made.by.clone());
    let by = made.map_or_else(|| "not made through here".to_owned(), |by| format!("made by {by}"));
    let left: String = rotation.left_valid().iter().map(|left| format!("; {left}")).collect();
    Ok(format!("; version {version}, {by}, was never tried: try it{left}"))
}

/// The versions that promoting made: as it was told; where nobody was told, what has the new value and came after the
/// old one.
fn promoted(shelf: &Shelf<'_>, inspection: &quarterdeck_contract::Inspection) -> Result<Vec<VersionId>, BackendError> {
    let rotation = shelf.rotation;
    if let Some(version) = &rotation.promoted {
        return Ok(vec![VersionId(version.clone())]);
    }
    let later = inspection.versions.iter().take_while(|version| version.id.0 != rotation.plan.from);
    let was = |stage: Option<Stage>| !matches!(stage, Some(Stage::Pending | Stage::Current | Stage::Retired));
    let later: Vec<_> = later.filter(|version| was(version.stage) && !version.deleted && !version.destroyed).collect();
    let ours = if later.is_empty() { None } else { shelf.ours()? };
    let Some((_, new)) = ours else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for version in later {
        if shelf.kept(&version.id.0)?.is_some_and(|value| value.bytes == new.bytes) {
            found.push(version.id.clone());
        }
    }
    Ok(found)
}

fn theirs(version: VersionId) -> Came {
    Fact::Lost { found: version.0 }.into()
}

/// What is gone already needs no taking away.
fn forgiving(answer: Result<(), BackendError>) -> Result<(), BackendError> {
    match answer {
        Err(error) if is_gone(&error.kind) => Ok(()),
        other => other,
    }
}
