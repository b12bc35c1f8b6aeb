//! What a fact makes of a rotation. Refuses facts that can't follow what is known: then nothing has changed.

use super::{Course, Ending, Fact, Failing, Generator, Held, Illegal, Lease, Past, Plan, Retire, Rotation, Step};
use jiff::Timestamp;

/// So many lines of a timeline are kept.
const MOST_PAST: usize = 80;
/// So many ids are kept: a value that one of the others made late is a stray, which `doctor` tells.
const MOST_IDS: usize = 32;

impl Rotation {
    /// The first fact of a rotation.
    pub fn begin(number: u32, fact: &Fact, at: Timestamp) -> Result<Self, Illegal> {
        let Fact::Planned { id, plan, by, why, lease } = fact else {
            return Err(Illegal(format!("there is no R-{number}")));
        };
        Ok(Self {
            number,
            id: id.clone(),
            ids: vec![id.clone()],
            plan: (**plan).clone(),
            by: by.clone(),
            why: why.clone(),
            began_at: at,
            step: if plan.confirm.is_some() { Step::Confirm } else { Step::Check },
            course: Course::Forward,
            asked: false,
            spent: false,
            known: false,
            offered: false,
            staged: None,
            promoted: None,
            fingerprint: None,
            old_fingerprint: None,
            promoted_at: None,
            grace: None,
            held: None,
            begun: None,
            retiring: false,
            burnt: false,
            failures: 0,
            refusals: 0,
            values: 1,
            not_before: None,
            stuck: None,
            lease: lease.clone(),
            past: Vec::new(),
            ended: None,
        })
    }

    /// Takes one fact, told by a runner where it is a runner's to tell. What can't be is an error and changes nothing.
    pub fn advance(mut self, fact: &Fact, runner: Option<&str>, at: Timestamp) -> Result<Self, Illegal> {
        if let Some((ending, _)) = self.ended {
            return Err(Illegal(format!("{} is over: {}", self.name(), ending.word())));
        }
        if fact.is_the_runners()
            && (runner.is_none() || self.lease.as_ref().map(|lease| lease.runner.as_str()) != runner)
        {
            return Err(Illegal(format!("{} is carried on by {}", self.name(), self.carried_by())));
        }
        match fact {
            Fact::Planned { .. } => return Err(Illegal(format!("{} is there already", self.name()))),
            Fact::Confirmed { by } => self.confirmed(by, at)?,
            Fact::Taken { lease } => self.taken(lease)?,
            Fact::LetGo => self.lease = None,
            Fact::Began { step } => self.began(*step)?,
            Fact::Done { step, .. } => self.done(*step, fact, at)?,
            Fact::Failed { step, .. } => self.failed(*step, fact, at)?,
            Fact::NothingStaged => self.nothing_staged(at)?,
            Fact::Renewed { id } => self.renewed(id)?,
            Fact::Lost { found } => self.lost(found, at)?,
            Fact::Errors { count, readers } => self.errors(*count, readers)?,
            Fact::GraceOver { readers } => self.grace_over(readers, at)?,
            Fact::Said { step, done, by, note } => self.said(*step, *done, by, note, at)?,
            Fact::Asked { ask, by, why } => self.asked(*ask, by, why, at)?,
            Fact::Ended { ending } => self.end(*ending, at)?,
        }
        Ok(self)
    }

    /// Who carries it on, in words.
    pub fn carried_by(&self) -> String {
        self.lease.as_ref().map_or_else(|| "nobody".into(), Lease::words)
    }

    /// How it will have ended, the way it goes now.
    pub fn will_end(&self) -> Ending {
        match &self.course {
            Course::Back { ending, .. } => *ending,
            Course::Forward | Course::Anew { .. } => Ending::Done,
        }
    }

    fn confirmed(&mut self, by: &str, at: Timestamp) -> Result<(), Illegal> {
        if self.step != Step::Confirm {
            return Err(Illegal(format!("{} waits for no confirmation", self.name())));
        }
        if by == self.by {
            return Err(Illegal("nobody confirms what they asked for".into()));
        }
        self.remember(Step::Confirm, at, by, "recorded, unsigned", false, None);
        self.turn_to(Step::Check);
        Ok(())
    }

    /// What the runner before was at may have been done or not: it is done again.
    fn taken(&mut self, lease: &Lease) -> Result<(), Illegal> {
        let keeps = self.lease.as_ref().is_some_and(|held| held.runner == lease.runner);
        if self.lease.as_ref().is_some_and(|held| !keeps && !held.yields_to(lease)) {
            return Err(Illegal(format!("{} is carried on by {}", self.name(), self.carried_by())));
        }
        if !keeps
            && let Some(begun) = self.begun.take()
            && begun != self.step
            && self.course != Course::Forward
        {
            self.mark(begun);
            self.turn_to(self.first_back());
        }
        self.lease = Some(lease.clone());
        Ok(())
    }

    fn began(&mut self, step: Step) -> Result<(), Illegal> {
        self.is_at(step)?;
        match step {
            Step::Confirm | Step::Grace | Step::End => {
                return Err(Illegal(format!("'{step}' is nothing that a runner begins")));
            }
            Step::Stage if self.spent => return Err(Illegal("that id was used: it makes no second value".into())),
            _ if self.stuck.is_some() => return Err(Illegal(format!("{} waits for a person", self.name()))),
            _ => {}
        }
        self.mark(step);
        self.begun = Some(step);
        Ok(())
    }

    /// From now on a step may have been done, whether anybody says so or not.
    pub(super) fn mark(&mut self, step: Step) {
        match step {
            // The broker knows what it issued.
            Step::Stage => (self.spent, self.known) = (true, self.plan.generator == Generator::Typed),
            Step::Set => self.known = true,
            Step::Promote => self.offered = true,
            Step::Retire | Step::Drop => self.retiring = true,
            _ => {}
        }
    }

    fn is_marked(&self, step: Step) -> bool {
        match step {
            Step::Stage => self.spent,
            Step::Set => self.known,
            Step::Promote => self.offered,
            Step::Retire | Step::Drop => self.retiring,
            // A confirmation and the end of grace have facts of their own.
            Step::Confirm | Step::Grace | Step::End => false,
            _ => true,
        }
    }

    pub(super) fn done(&mut self, step: Step, fact: &Fact, at: Timestamp) -> Result<(), Illegal> {
        let Fact::Done { version, fingerprint, grace, by, note, took_ms, .. } = fact else { return Ok(()) };
        let late = self.is_late(step)?;
        if late {
            self.mark(step);
        }
        if !self.is_marked(step) {
            return Err(Illegal(format!("'{step}' of {} was not begun", self.name())));
        }
        // What was looked for to be revoked is found.
        let found = step == Step::Revoke && self.seeks_value() && version.is_some();
        match step {
            Step::Check => self.old_fingerprint.clone_from(fingerprint),
            Step::Stage | Step::Revoke if found || step == Step::Stage => {
                if version.is_none() {
                    return Err(Illegal("a value that was stored has a version".into()));
                }
                self.staged.clone_from(version);
                self.fingerprint.clone_from(fingerprint);
            }
            Step::Promote => {
                if grace.is_none() && self.plan.grace_s > 0 {
                    return Err(Illegal("grace has a deadline".into()));
                }
                self.promoted = version.clone().or_else(|| self.staged.clone());
                self.promoted_at = Some(at);
                self.grace.clone_from(grace);
            }
            Step::Revoke => (self.known, self.offered) = (false, false),
            _ => {}
        }
        self.remember(if found { Step::Stage } else { step }, at, by, note, false, *took_ms);
        self.turn_to(match self.course {
            _ if found => Step::Revoke,
            _ if late => self.first_back(),
            Course::Forward => following(step, &self.plan),
            _ => self.next_back(step),
        });
        Ok(())
    }

    pub(super) fn failed(&mut self, step: Step, fact: &Fact, at: Timestamp) -> Result<(), Illegal> {
        let Fact::Failed { how, by, why, again_at, took_ms, .. } = fact else { return Ok(()) };
        let late = self.is_late(step)?;
        if step == Step::Confirm {
            return Err(Illegal(format!("{} waits for a confirmation", self.name())));
        }
        self.remember(step, at, by, why, true, *took_ms);
        if late {
            self.mark(step);
            self.turn_to(self.first_back());
            return Ok(());
        }
        self.begun = None;
        self.failures = self.failures.saturating_add(1);
        self.not_before = *again_at;
        if *how != Failing::Trouble {
            self.refusals = self.refusals.saturating_add(1);
            self.give_up(step, *how, why);
        }
        Ok(())
    }

    /// After an answer that is no: another try, another value, back, or nobody but a person can help.
    fn give_up(&mut self, step: Step, how: Failing, why: &str) {
        let limits = self.plan.limits;
        let why = format!("{step}: {why}");
        let forward = self.course == Course::Forward;
        // Nothing was taken from the old value yet, so that there is a way back.
        let may_return = step <= Step::Promote || (step == Step::Verify && !self.retiring);
        if forward && may_return {
            let is_the_values = matches!(step, Step::Set | Step::Test) && how == Failing::Refused;
            if how == Failing::Refused && self.refusals < limits.tries {
                return;
            }
            if is_the_values && self.values < limits.values && self.plan.generator != Generator::Typed {
                self.values += 1;
                return self.go_back(Course::Anew { why });
            }
            return self.go_back(Course::Back { ending: Ending::RolledBack, why });
        }
        if how == Failing::Never || self.refusals >= limits.stuck {
            self.stuck = Some(why);
        }
    }

    /// True when it has to be revoked, and nobody knows yet whether it was stored.
    pub(super) fn seeks_value(&self) -> bool {
        self.step == Step::Revoke && self.staged.is_none()
    }

    fn nothing_staged(&mut self, at: Timestamp) -> Result<(), Illegal> {
        if self.seeks_value() {
            let note = "it was typed and not stored: revoke it at the broker";
            self.remember(Step::Revoke, at, "", note, true, None);
            self.known = false;
            self.turn_to(self.next_back(Step::Revoke));
            return Ok(());
        }
        if !(self.step == Step::Stage && self.course == Course::Forward && self.spent && !self.burnt) {
            return Err(Illegal(format!("{} looks for no value", self.name())));
        }
        (self.burnt, self.begun) = (true, None);
        Ok(())
    }

    /// Failures of the step go on counting, so that a backend that stores nothing is given up some time.
    fn renewed(&mut self, id: &str) -> Result<(), Illegal> {
        let is_given_up = self.burnt || matches!(self.course, Course::Anew { .. });
        if !(is_given_up && self.step == Step::Stage) || self.ids.iter().any(|known| known == id) {
            return Err(Illegal(format!("{} needs no other value", self.name())));
        }
        self.id = id.to_owned();
        self.ids.push(id.to_owned());
        self.ids.drain(..self.ids.len().saturating_sub(MOST_IDS));
        (self.spent, self.known, self.offered, self.burnt) = (false, false, false, false);
        (self.staged, self.fingerprint, self.begun) = (None, None, None);
        self.course = Course::Forward;
        Ok(())
    }

    fn lost(&mut self, found: &str, at: Timestamp) -> Result<(), Illegal> {
        if matches!(self.course, Course::Back { ending: Ending::Lost, .. }) {
            return Err(Illegal(format!("{} is lost already", self.name())));
        }
        if self.step == Step::End && self.course == Course::Forward {
            return Err(Illegal(format!("{} has done all it had to: what comes later is a later change", self.name())));
        }
        let why = format!("somebody else made version {found}");
        self.remember(self.step, at, "", &why, true, None);
        (self.begun, self.asked) = (None, false);
        self.go_back(Course::Back { ending: Ending::Lost, why });
        Ok(())
    }

    fn errors(&mut self, count: u32, readers: &[String]) -> Result<(), Illegal> {
        self.may_go_back()?;
        let who = if readers.is_empty() { String::new() } else { format!(" ({})", readers.join(", ")) };
        self.go_back(Course::Back {
            ending: Ending::RolledBack,
            why: format!("{count} log-in errors since promote{who}"),
        });
        Ok(())
    }

    fn grace_over(&mut self, readers: &[String], at: Timestamp) -> Result<(), Illegal> {
        self.is_at(Step::Grace)?;
        if self.course != Course::Forward {
            return Err(Illegal(format!("{} is on its way back", self.name())));
        }
        if readers.is_empty() || self.plan.retire == Retire::Force {
            let note = if readers.is_empty() { String::new() } else { format!("cut off: {}", readers.join(", ")) };
            self.remember(Step::Grace, at, "", &note, false, None);
            self.turn_to(following(Step::Grace, &self.plan));
            return Ok(());
        }
        let since = self.held.as_ref().map_or(at, |held| held.since);
        self.held = Some(Held { since, readers: readers.to_vec() });
        Ok(())
    }

    fn end(&mut self, ending: Ending, at: Timestamp) -> Result<(), Illegal> {
        if self.step != Step::End || ending != self.will_end() {
            return Err(Illegal(format!("{} is at '{}'", self.name(), self.step)));
        }
        self.ended = Some((ending, at));
        self.lease = None;
        Ok(())
    }

    pub(super) fn is_at(&self, step: Step) -> Result<(), Illegal> {
        if self.step == step {
            return Ok(());
        }
        Err(Illegal(format!("{} is at '{}' and not at '{step}'", self.name(), self.step)))
    }

    /// True for what its runner was at when it was turned back: that comes to its end all the same.
    fn is_late(&self, step: Step) -> Result<bool, Illegal> {
        if self.begun == Some(step) && self.step != step {
            return Ok(true);
        }
        self.is_at(step).map(|()| false)
    }

    /// Turns at once; what its runner is at is still heard, for it may do something yet.
    pub(super) fn go_back(&mut self, course: Course) {
        let begun = self.begun;
        self.course = course;
        self.turn_to(self.first_back());
        self.begun = begun;
    }

    pub(super) fn turn_to(&mut self, step: Step) {
        self.step = step;
        (self.failures, self.refusals, self.not_before) = (0, 0, None);
        (self.begun, self.held, self.stuck) = (None, None, self.last_valid(step));
        // A person may do it before saying so.
        if self.asks_person(step) {
            self.mark(step);
        }
    }

    /// Why nobody but a person goes on with it: the old value's end was begun, so that ours may be the last one that is
    /// accepted where it is used, whatever somebody else made current.
    fn last_valid(&self, step: Step) -> Option<String> {
        let Course::Back { ending: Ending::Lost, why } = &self.course else { return None };
        let ours = self.promoted.as_ref().or(self.staged.as_ref())?;
        let (old, name) = (&self.plan.from, self.name());
        (step == Step::Revoke && self.retiring).then(|| {
            format!(
                "{why} after the end of the old value, version {old}, was begun: that one is revoked, or may be. Ours, \
                 version {ours}, is left valid. Make the secret right, then 'rotate resume {name}' revokes ours unless \
                 it is current"
            )
        })
    }

    /// Where the way back begins. After somebody else's change nothing of theirs is touched.
    fn first_back(&self) -> Step {
        let restores = matches!(&self.course, Course::Back { ending, .. } if *ending != Ending::Lost);
        if restores && self.offered { Step::Restore } else { self.next_back(Step::Restore) }
    }

    fn next_back(&self, after: Step) -> Step {
        let is_known = self.known || self.offered;
        match after {
            Step::Restore if is_known && self.plan.revoke.is_some() => Step::Revoke,
            Step::Restore | Step::Revoke if self.spent => Step::Discard,
            _ if matches!(self.course, Course::Anew { .. }) => Step::Stage,
            _ => Step::End,
        }
    }

    /// One try after the other of one step is one line: the journal has each.
    pub(super) fn remember(
        &mut self,
        step: Step,
        at: Timestamp,
        by: &str,
        note: &str,
        failed: bool,
        took_ms: Option<u64>,
    ) {
        if failed && self.failures > 0 && self.past.last().is_some_and(|last| last.failed && last.step == step) {
            self.past.pop();
        }
        self.past.push(Past { step, at, by: by.to_owned(), took_ms, note: note.to_owned(), failed });
        let extra = self.past.len().saturating_sub(MOST_PAST);
        self.past.drain(..extra);
    }
}

/// The step after this one; a step that nobody does is left out.
pub(super) fn following(step: Step, plan: &Plan) -> Step {
    let steps = plan.steps();
    steps.iter().copied().find(|next| *next > step).unwrap_or(Step::End)
}

#[cfg(test)]
#[path = "advance_tests.rs"]
mod tests;
