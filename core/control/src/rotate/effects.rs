//! Each effect, carried out: what it came to, as the fact that tells it. Refuses to decide what comes next, to retire or
//! revoke what is current, and to make two values under one id.

use super::came::{
    Came, Outcome, REFUSED, Stop, after, asked, by_hook, done, failed, gone, hook_failed, is_doubtful, never, renewed,
    told, trouble,
};
use super::hooks::{Answered, Errand};
use super::readers::Readers;
use super::settle::{discard, drop_old, lost, restore, unstage};
use super::stands::{Current, Shelf, is_gone};
use super::world::World;
use crate::serve::Control;
use jiff::SignedDuration;
use quarterdeck_contract::{BackendError, Capability, ErrorKind, Value, VersionId};
use quarterdeck_domain::kill::Deadline;
use quarterdeck_domain::rotate::{Effect, Ending, Fact, Failing, Generator, Rotation, Step};
use std::sync::{Mutex, PoisonError};

/// What one effect is carried out with.
pub(super) struct Hands<'a> {
    pub(super) control: &'a Control,
    pub(super) world: World<'a>,
    pub(super) readers: &'a Mutex<Readers>,
    /// The value that a person typed, until it is stored.
    pub(super) typed: Option<Value>,
    /// The value that was made under an id, until it is stored.
    pub(super) made: Option<(String, Value)>,
    /// The value that is made known where it is used, and its version.
    pub(super) set: Option<(String, Value)>,
}

impl Hands<'_> {
    /// True while a value is here and, as far as is known, nowhere else.
    pub(super) fn holds_a_value(&self) -> bool {
        self.typed.is_some() || self.made.is_some()
    }

    /// Carries an effect out.
    pub(super) fn carry_out(&mut self, rotation: &Rotation, effect: &Effect) -> Outcome {
        match effect {
            Effect::Renew => renewed(),
            Effect::EndGrace => Ok(self.end_grace(rotation)),
            Effect::End(ending) => Ok(Fact::Ended { ending: *ending }.into()),
            effect => self.at_the_backend(rotation, effect),
        }
    }

    fn at_the_backend(&mut self, rotation: &Rotation, effect: &Effect) -> Outcome {
        let control = self.control;
        let mount = control.mount(&rotation.target().layer).map_err(|failure| Stop {
            how: Failing::Trouble,
            by: rotation.target().layer.clone(),
            why: failure.told().what,
        })?;
        if rotation.failures > 0 {
            // Its own pace is kept by the rotation: an error that stands from before answers nothing.
            mount.try_again();
        }
        let shelf = Shelf::of(mount, rotation).map_err(|error| failed(rotation, &error))?.with(&control.key);
        match effect {
            Effect::Check => self.check(&shelf),
            Effect::FindStaged { id } => self.find_staged(&shelf, id),
            Effect::Stage { id } => self.stage(&shelf, id),
            Effect::Set { .. } => self.set(&shelf),
            Effect::Test { .. } => self.try_new(&shelf, Step::Test),
            Effect::Promote { new, from } => self.promote(&shelf, new, from),
            Effect::Unstage { new } => unstage(&shelf, new),
            Effect::Retire { .. } => self.retire(&shelf),
            Effect::Verify { .. } => self.verify(&shelf),
            Effect::Drop { old, .. } => drop_old(&shelf, old),
            Effect::Restore { old, .. } => restore(&shelf, old),
            Effect::Revoke { .. } => self.revoke(&shelf),
            Effect::Discard { ids, .. } => discard(self.control, &shelf, ids),
            Effect::Renew | Effect::EndGrace | Effect::End(_) => Err(never(rotation, "that is no backend's")),
        }
    }

    fn check(&self, shelf: &Shelf<'_>) -> Outcome {
        let rotation = shelf.rotation;
        let reading = asked(rotation, shelf.read(None))?;
        let found = match reading.version {
            Some(version) => version,
            None => asked(rotation, shelf.current_version())?,
        };
        if found.0 != rotation.plan.from {
            return Ok(Fact::Lost { found: found.0 }.into());
        }
        if self.typed.as_ref().is_some_and(|typed| typed.bytes == reading.value.bytes) {
            return Err(never(rotation, "the typed value is the one that is current"));
        }
        let note = match rotation.plan.hook(Step::Check) {
            Some(hook) if !hook.is_by_person() => {
                let errand = self.errand(shelf, Step::Check, &found.0, &reading.value);
                match (self.world.hook)(hook, &Errand { old: Some(&reading.value), ..errand }) {
                    Answered::Yes { note, .. } => format!("version {found} is accepted{}", after(&note)),
                    Answered::No { why, .. } => format!("WARNING: version {found} {REFUSED}{}", after(&why)),
                    other => return Err(unanswered(rotation, other)),
                }
            }
            _ => format!("version {found} is current"),
        };
        let fingerprint = Some(self.control.key.fingerprint(reading.value.bytes.expose()));
        let (version, grace, by) = (None, None, shelf.mount.layer.clone());
        Ok(Came::Done { version, fingerprint, grace, by, note })
    }

    fn find_staged(&mut self, shelf: &Shelf<'_>, id: &str) -> Outcome {
        if let Some(version) = asked(shelf.rotation, shelf.under(id))? {
            let reading = asked(shelf.rotation, shelf.read(Some(&version.0)))?;
            let told = self.told_of(shelf.rotation, &reading.value);
            return Ok(self.staged(shelf, version, told));
        }
        // On the way back nothing is stored any more.
        if shelf.rotation.step == Step::Stage && self.made.as_ref().is_some_and(|(made, _)| made == id) {
            return self.store(shelf, id);
        }
        self.made = None;
        Ok(Fact::NothingStaged.into())
    }

    fn stage(&mut self, shelf: &Shelf<'_>, id: &str) -> Outcome {
        let rotation = shelf.rotation;
        if !shelf.mount.backend().describe().can(Capability::Staging) {
            return Err(never(rotation, "this backend can't keep a value that nobody reads yet"));
        }
        let value = match (&rotation.plan.generator, self.typed.take()) {
            (Generator::Typed, Some(value)) => value,
            (Generator::Typed, None) => {
                return Err(never(rotation, "the typed value went with the process that was given it: begin again"));
            }
            // Tried again it would be another value under another id: it goes back in the place of that.
            (generator, _) => (self.world.generate)(generator)
                .map_err(|error| never(rotation, format!("the new value can't be made: {}", told(&error))))?,
        };
        self.made = Some((id.to_owned(), value));
        self.store(shelf, id)
    }

    /// Stores the value that was made under this id. It is kept here until that is sure: a second try stores the same.
    fn store(&mut self, shelf: &Shelf<'_>, id: &str) -> Outcome {
        let rotation = shelf.rotation;
        let Some((_, value)) = &self.made else { return Err(never(rotation, "no value was made")) };
        if asked(rotation, shelf.is_current(value))? {
            return Err(never(rotation, "the new value is the one that is current"));
        }
        let told = self.told_of(rotation, value);
        let version = stage_over_ours(shelf, id, value)?;
        Ok(self.staged(shelf, version, told))
    }

    /// What the record says of a new value: its fingerprint, and of a key pair the public key.
    fn told_of(&self, rotation: &Rotation, value: &Value) -> (String, String) {
        let public = super::generate::note(&rotation.plan.generator, value);
        (self.control.key.fingerprint(value.bytes.expose()), public)
    }

    fn staged(&mut self, shelf: &Shelf<'_>, version: VersionId, (fingerprint, public): (String, String)) -> Came {
        (self.made, self.typed) = (None, None);
        let (grace, by) = (None, shelf.mount.layer.clone());
        let note = format!("version {version} is pending{}", after(&public));
        Came::Done { version: Some(version.0), fingerprint: Some(fingerprint), grace, by, note }
    }

    /// What was made known is kept: see `late`.
    fn set(&mut self, shelf: &Shelf<'_>) -> Outcome {
        self.set = asked(shelf.rotation, shelf.ours())?;
        self.try_new(shelf, Step::Set)
    }

    /// Set and test: the new value goes to where it is used.
    fn try_new(&self, shelf: &Shelf<'_>, step: Step) -> Outcome {
        let rotation = shelf.rotation;
        let (version, new) = asked(rotation, shelf.ours())?.ok_or_else(|| gone(rotation))?;
        let old = asked(rotation, shelf.old())?;
        let errand = self.errand(shelf, step, &version, &new);
        self.run(rotation, &Errand { old: old.as_ref(), new: Some(&new), ..errand })
    }

    fn promote(&self, shelf: &Shelf<'_>, new: &str, from: &str) -> Outcome {
        let (rotation, mount) = (shelf.rotation, shelf.mount);
        let (new, from) = (VersionId(new.to_owned()), VersionId(from.to_owned()));
        let version = match mount.backend().promote(&shelf.name, &new, &from, mount.call()) {
            Ok(version) => version,
            Err(error) if is_doubtful(&error.kind) => match asked(rotation, shelf.whose())? {
                Current::Ours(version) => version,
                Current::Theirs(version) => return Ok(Fact::Lost { found: version.0 }.into()),
                Current::Old(_) => return Err(trouble(rotation, &error)),
            },
            // What was staged is gone, perhaps since it was promoted.
            Err(error) if is_gone(&error.kind) => match asked(rotation, shelf.whose())? {
                Current::Ours(version) => version,
                Current::Theirs(version) => return Ok(Fact::Lost { found: version.0 }.into()),
                Current::Old(_) => return Err(failed(rotation, &error)),
            },
            Err(error) => return Err(failed(rotation, &error)),
        };
        let window = SignedDuration::from_secs(i64::try_from(rotation.plan.grace_s).unwrap_or(i64::MAX));
        let grace = Some(Deadline::after(&(self.world.now)(), window));
        let note = format!("version {version} is current, {from} before it");
        Ok(Came::Done { version: Some(version.0), fingerprint: None, grace, by: mount.layer.clone(), note })
    }

    /// The old value is made invalid where it was used, while ours is current.
    fn retire(&self, shelf: &Shelf<'_>) -> Outcome {
        let rotation = shelf.rotation;
        if let Some(lost) = lost(shelf)? {
            return Ok(lost);
        }
        let Some(old) = asked(rotation, shelf.old())? else {
            let (version, value) = asked(rotation, shelf.served())?;
            if shelf.is_known_as(&value, rotation.old_fingerprint.as_ref()) {
                return Err(never(rotation, "the old value is what readers get: it is not revoked"));
            }
            return Err(never(
                rotation,
                format!(
                    "the old value, version {}, can't be read any more: revoke that one by hand where it is used, and \
                     never version {version}, which readers get",
                    rotation.plan.from
                ),
            ));
        };
        if asked(rotation, shelf.is_current(&old))? {
            return Err(never(rotation, "the old value is what readers get: it is not revoked"));
        }
        let new = asked(rotation, shelf.ours())?.map(|(_, value)| value);
        let errand = self.errand(shelf, Step::Retire, &rotation.plan.from, &old);
        self.run(rotation, &Errand { old: Some(&old), new: new.as_ref(), ..errand })
    }

    /// The new value is accepted; the old one is refused where it was revoked.
    fn verify(&self, shelf: &Shelf<'_>) -> Outcome {
        let rotation = shelf.rotation;
        let Some(hook) = rotation.plan.hook(Step::Verify).filter(|hook| !hook.is_by_person()) else {
            return Ok(done(shelf, "a person tried the new value".into()));
        };
        let (version, new) = asked(rotation, shelf.ours())?.ok_or_else(|| gone(rotation))?;
        let old = asked(rotation, shelf.old())?;
        let both = |version, value| Errand {
            old: old.as_ref(),
            new: Some(&new),
            ..self.errand(shelf, Step::Verify, version, value)
        };
        match (self.world.hook)(hook, &both(&version, &new)) {
            Answered::Yes { .. } => {}
            Answered::No { why, .. } => {
                return Err(hook_failed(Failing::Refused, &format!("the new value is refused{}", after(&why))));
            }
            other => return Err(unanswered(rotation, other)),
        }
        let (Some(old), Some(_)) = (&old, &rotation.plan.revoke) else {
            return Ok(by_hook("the new value is accepted"));
        };
        match (self.world.hook)(hook, &both(&rotation.plan.from, old)) {
            Answered::Yes { .. } => Err(hook_failed(Failing::Refused, "the old value is still accepted")),
            Answered::No { .. } => Ok(by_hook("the new value is accepted, the old one refused")),
            other => Err(unanswered(rotation, other)),
        }
    }

    /// The new value is made invalid where it is used, unless readers get it.
    fn revoke(&self, shelf: &Shelf<'_>) -> Outcome {
        let rotation = shelf.rotation;
        let (current, served) = asked(rotation, shelf.served())?;
        let left = || Ok(done(shelf, "the new value is what readers get: it is left as it is".into()));
        let Some((version, new)) = asked(rotation, shelf.ours())? else {
            return match &rotation.fingerprint {
                recorded @ Some(_) if shelf.is_known_as(&served, recorded.as_ref()) => left(),
                Some(_) => Err(never(
                    rotation,
                    format!(
                        "the new value of this rotation can't be read any more: revoke that one by hand where it is \
                         used, and never version {current}, which readers get"
                    ),
                )),
                None => Err(never(
                    rotation,
                    format!(
                        "the new value can't be read any more, and nobody knows whether it is version {current}, which \
                         readers get: look before anything is revoked"
                    ),
                )),
            };
        };
        if served.bytes == new.bytes {
            return left();
        }
        if rotation.retiring && rotation.will_end() == Ending::Lost {
            self.is_accepted(shelf, &current.0, &served)?;
        }
        let old = asked(rotation, shelf.old())?;
        let errand = self.errand(shelf, Step::Revoke, &version, &new);
        self.run(rotation, &Errand { old: old.as_ref(), new: Some(&new), ..errand })
    }

    /// What somebody else made current is accepted where it is used, as far as can be tried: ours may be the last other
    /// one that is.
    fn is_accepted(&self, shelf: &Shelf<'_>, version: &str, served: &Value) -> Result<(), Stop> {
        let rotation = shelf.rotation;
        let refused = |why: String| {
            let mend = "make the secret right, then resume";
            Err(never(rotation, format!("what is current, version {version}, {why}: ours is not revoked; {mend}")))
        };
        if asked(rotation, shelf.is_old(served))? {
            return refused("is the old value, whose end was begun".into());
        }
        let Some(hook) = rotation.plan.hook(Step::Test).filter(|hook| !hook.is_by_person()) else { return Ok(()) };
        match (self.world.hook)(hook, &self.errand(shelf, Step::Test, version, served)) {
            Answered::Yes { .. } => Ok(()),
            Answered::No { why, .. } => refused(format!("is refused where it is used{}", after(&why))),
            _ => Err(hook_failed(Failing::Trouble, "what is current could not be tried: ours is not revoked")),
        }
    }

    fn end_grace(&self, rotation: &Rotation) -> Came {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).on_old(rotation);
        Fact::GraceOver { readers }.into()
    }

    pub(super) fn errand<'a>(
        &'a self,
        shelf: &'a Shelf<'_>,
        step: Step,
        version: &'a str,
        value: &'a Value,
    ) -> Errand<'a> {
        Errand {
            rotation: &shelf.label,
            id: &shelf.rotation.id,
            environment: self.control.config.environment.map_or("none", |environment| environment.name()),
            target: shelf.rotation.target(),
            step,
            version,
            value,
            old: None,
            new: None,
        }
    }

    /// Carries the step's hook out.
    fn run(&self, rotation: &Rotation, errand: &Errand<'_>) -> Outcome {
        let Some(hook) = rotation.plan.hook(errand.step) else {
            return Ok(by_hook("nobody has to do it"));
        };
        match (self.world.hook)(hook, errand) {
            Answered::Yes { note, .. } => Ok(by_hook(&note)),
            other => Err(unanswered(rotation, other)),
        }
    }
}

/// A hook that says no is asked as often as the plan says, and with another value; one that is not there once more, for
/// somebody may be putting it there.
fn unanswered(rotation: &Rotation, answered: Answered) -> Stop {
    match answered {
        Answered::Absent { why, .. } if rotation.refusals + 1 < rotation.plan.limits.tries => {
            hook_failed(Failing::Refused, &why)
        }
        Answered::Absent { why, .. } => hook_failed(Failing::Never, &why),
        Answered::Yes { note: why, .. } | Answered::No { why, .. } => hook_failed(Failing::Refused, &why),
        Answered::Trouble { why, .. } => hook_failed(Failing::Trouble, &why),
    }
}

/// What stands pending under an id of ours that was given up is in the way of nobody.
fn stage_over_ours(shelf: &Shelf<'_>, id: &str, value: &Value) -> Result<VersionId, Stop> {
    let (rotation, mount) = (shelf.rotation, shelf.mount);
    let copy = || Value { kind: value.kind, bytes: value.bytes.duplicate() };
    let stage = || mount.backend().stage(&shelf.name, copy(), id, mount.call());
    let other = match stage() {
        Err(BackendError { kind: ErrorKind::Conflict { current: Some(other) }, .. }) => other,
        stored => return asked(rotation, stored),
    };
    if !rotation.ids.contains(&other) {
        let doctor = "'quarterdeck doctor' tells of it";
        return Err(never(rotation, format!("a value of another rotation is pending there ({other}): {doctor}")));
    }
    if let Some(version) = asked(rotation, shelf.under(&other))? {
        asked(rotation, mount.backend().unstage(&shelf.name, &version, mount.call()))?;
    }
    asked(rotation, stage())
}
