//! What a fact makes of a rotation. Refuses facts that can't follow what is known: then nothing has changed.

use super::{Ask, Course, Ending, Fact, Failing, Generator, Held, Illegal, Lease, Past, Plan, Retire, Rotation, Step};
use jiff::Timestamp;

/// So many lines of a timeline are kept.
const MOST_PAST: usize = 80;

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
            spent: false,
            known: false,
            offered: false,
            staged: None,
            promoted: None,
            fingerprint: None,
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
            Fact::Taken { lease } => self.taken(lease),
            Fact::LetGo => self.lease = None,
            Fact::Began { step } => self.began(*step)?,
            Fact::Done { step, .. } => self.done(*step, fact, at)?,
            Fact::Failed { step, .. } => self.failed(*step, fact, at)?,
            Fact::NothingStaged => self.nothing_staged()?,
            Fact::Renewed { id } => self.renewed(id)?,
            Fact::Lost { found } => self.lost(found, at)?,
            Fact::Errors { count, readers } => self.errors(*count, readers)?,
            Fact::GraceOver { readers } => self.grace_over(readers, at)?,
            Fact::Said { step, done, by, note } => self.said(*step, *done, by, note, at)?,
            Fact::Asked { ask, by, why } => self.asked(*ask, by, why)?,
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

    /// What the runner before was at may have been done or not: it is looked at again.
    fn taken(&mut self, lease: &Lease) {
        let keeps = self.lease.as_ref().is_some_and(|held| held.runner == lease.runner);
        self.lease = Some(lease.clone());
        if !keeps && self.begun.take().is_some() && self.course != Course::Forward {
            self.step = self.first_back();
        }
    }

    fn began(&mut self, step: Step) -> Result<(), Illegal> {
        self.is_at(step)?;
        match step {
            Step::Stage if self.spent => return Err(Illegal("that id was used: it makes no second value".into())),
            Step::Stage => self.spent = true,
            Step::Set => self.known = true,
            Step::Promote => self.offered = true,
            Step::Retire | Step::Drop => self.retiring = true,
            _ => {}
        }
        self.begun = Some(step);
        Ok(())
    }

    fn done(&mut self, step: Step, fact: &Fact, at: Timestamp) -> Result<(), Illegal> {
        let Fact::Done { version, fingerprint, grace, by, note, took_ms, .. } = fact else { return Ok(()) };
        let late = self.begun == Some(step) && self.step != step;
        if !late {
            self.is_at(step)?;
        }
        match step {
            Step::Stage => {
                self.staged.clone_from(version);
                self.fingerprint.clone_from(fingerprint);
                self.spent = true;
                self.known |= self.plan.generator == Generator::Typed;
            }
            Step::Promote => {
                self.offered = true;
                self.promoted = version.clone().or_else(|| self.staged.clone());
                self.promoted_at = Some(at);
                self.grace.clone_from(grace);
            }
            _ => {}
        }
        self.remember(step, at, by, note, false, *took_ms);
        self.begun = None;
        match self.course {
            Course::Forward => self.turn_to(following(step, &self.plan)),
            // It was turned back while it was at this step.
            _ if late || step <= Step::Drop => self.turn_to(self.first_back()),
            _ => self.turn_to(self.next_back(step)),
        }
        Ok(())
    }

    fn failed(&mut self, step: Step, fact: &Fact, at: Timestamp) -> Result<(), Illegal> {
        let Fact::Failed { how, by, why, again_at, took_ms, .. } = fact else { return Ok(()) };
        let late = self.begun == Some(step) && self.step != step;
        if !late {
            self.is_at(step)?;
        }
        self.remember(step, at, by, why, true, *took_ms);
        self.begun = None;
        if late || (self.course != Course::Forward && step <= Step::Drop) {
            self.turn_to(self.first_back());
            return Ok(());
        }
        self.failures += 1;
        self.refusals += u32::from(*how != Failing::Trouble);
        self.not_before = *again_at;
        if *how != Failing::Trouble {
            self.give_up(step, *how, why);
        }
        Ok(())
    }

    /// After an answer that is no: another value, back, or nobody but a person can help.
    fn give_up(&mut self, step: Step, how: Failing, why: &str) {
        let limits = self.plan.limits;
        let why = format!("{step}: {why}");
        if self.course == Course::Forward && step <= Step::Promote {
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

    fn nothing_staged(&mut self) -> Result<(), Illegal> {
        if !(self.step == Step::Stage && self.spent && self.staged.is_none()) {
            return Err(Illegal(format!("{} has its value", self.name())));
        }
        self.burnt = true;
        Ok(())
    }

    fn renewed(&mut self, id: &str) -> Result<(), Illegal> {
        let is_cleared = matches!(self.course, Course::Anew { .. }) && self.step == Step::Stage;
        if !(self.burnt || is_cleared) || self.ids.iter().any(|known| known == id) {
            return Err(Illegal(format!("{} needs no other value", self.name())));
        }
        self.id = id.to_owned();
        self.ids.push(id.to_owned());
        (self.spent, self.known, self.offered, self.burnt) = (false, false, false, false);
        (self.staged, self.fingerprint) = (None, None);
        self.course = Course::Forward;
        self.turn_to(Step::Stage);
        Ok(())
    }

    fn lost(&mut self, found: &str, at: Timestamp) -> Result<(), Illegal> {
        if matches!(self.course, Course::Back { ending: Ending::Lost, .. }) {
            return Err(Illegal(format!("{} is lost already", self.name())));
        }
        let why = format!("somebody else made version {found}");
        self.remember(self.step, at, "", &why, true, None);
        self.begun = None;
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

    fn said(&mut self, step: Step, done: bool, by: &str, note: &str, at: Timestamp) -> Result<(), Illegal> {
        self.is_at(step)?;
        if !self.plan.hook(step).is_some_and(super::Hook::is_by_person) {
            return Err(Illegal(format!("'{step}' of {} is not a person's", self.name())));
        }
        self.began(step)?;
        let (by, note) = (by.to_owned(), if note.is_empty() { "done, they say".to_owned() } else { note.to_owned() });
        if done {
            let (version, fingerprint, grace, took_ms) = (None, None, None, None);
            return self.done(step, &Fact::Done { step, version, fingerprint, grace, by, note, took_ms }, at);
        }
        let (how, again_at, took_ms) = (Failing::Refused, None, None);
        self.failed(step, &Fact::Failed { step, how, by, why: note, again_at, took_ms }, at)
    }

    fn asked(&mut self, ask: Ask, by: &str, why: &str) -> Result<(), Illegal> {
        let why = if why.is_empty() { format!("{by} asked") } else { format!("{by}: {why}") };
        match ask {
            Ask::Abort if self.promoted.is_some() => {
                return Err(Illegal(format!("{} is promoted: 'rollback' leads back in grace", self.name())));
            }
            Ask::Abort if self.course != Course::Forward && !matches!(self.course, Course::Anew { .. }) => {
                return Err(Illegal(format!("{} is on its way back already", self.name())));
            }
            Ask::Abort => self.go_back(Course::Back { ending: Ending::Aborted, why }),
            Ask::Back => {
                self.may_go_back()?;
                self.go_back(Course::Back { ending: Ending::RolledBack, why });
            }
            Ask::Retire => {
                if self.held.is_none() || self.course != Course::Forward {
                    return Err(Illegal(format!("{} asks nobody whether to retire", self.name())));
                }
                self.turn_to(following(Step::Grace, &self.plan));
            }
            Ask::Resume => {
                (self.stuck, self.not_before) = (None, None);
                (self.failures, self.refusals) = (0, 0);
            }
        }
        Ok(())
    }

    fn may_go_back(&self) -> Result<(), Illegal> {
        match () {
            () if self.course != Course::Forward => Err(Illegal(format!("{} is on its way back", self.name()))),
            () if self.retiring => {
                Err(Illegal(format!("the old value of {} is retired: begin a new rotation", self.name())))
            }
            () if self.promoted.is_none() => {
                Err(Illegal(format!("{} is not promoted: 'abort' gives it up", self.name())))
            }
            () => Ok(()),
        }
    }

    fn end(&mut self, ending: Ending, at: Timestamp) -> Result<(), Illegal> {
        if self.step != Step::End || ending != self.will_end() {
            return Err(Illegal(format!("{} is at '{}'", self.name(), self.step)));
        }
        self.ended = Some((ending, at));
        self.lease = None;
        Ok(())
    }

    fn is_at(&self, step: Step) -> Result<(), Illegal> {
        if self.step == step {
            return Ok(());
        }
        Err(Illegal(format!("{} is at '{}' and not at '{step}'", self.name(), self.step)))
    }

    fn go_back(&mut self, course: Course) {
        self.course = course;
        self.stuck = None;
        self.held = None;
        // What its runner is at comes to its end first: it may still do something.
        if self.begun.is_none() {
            self.turn_to(self.first_back());
        }
    }

    fn turn_to(&mut self, step: Step) {
        self.step = step;
        (self.failures, self.refusals, self.not_before) = (0, 0, None);
        if step > Step::Grace {
            self.held = None;
        }
    }

    /// Where the way back begins.
    fn first_back(&self) -> Step {
        match &self.course {
            Course::Back { ending: Ending::Lost, .. } | Course::Anew { .. } => self.next_back(Step::Restore),
            _ if self.offered => Step::Restore,
            _ => self.next_back(Step::Restore),
        }
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

    fn remember(&mut self, step: Step, at: Timestamp, by: &str, note: &str, failed: bool, took_ms: Option<u64>) {
        self.past.push(Past { step, at, by: by.to_owned(), took_ms, note: note.to_owned(), failed });
        let extra = self.past.len().saturating_sub(MOST_PAST);
        self.past.drain(..extra);
    }
}

/// The step after this one; a step that nobody does is left out.
fn following(step: Step, plan: &Plan) -> Step {
    let steps = plan.steps();
    steps.iter().copied().find(|next| *next > step).unwrap_or(Step::End)
}
