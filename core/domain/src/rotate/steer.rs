//! What people say to a rotation: what they ask of it, and how a step went that is theirs. Refuses what would take the
//! current value's validity away.

use super::advance::following;
use super::{Ask, Course, Ending, Fact, Failing, Hook, Illegal, Rotation, Step};
use jiff::Timestamp;

impl Rotation {
    /// True when a person does this step and says so.
    pub fn asks_person(&self, step: Step) -> bool {
        let theirs = matches!(step, Step::Set | Step::Test | Step::Retire | Step::Verify | Step::Revoke);
        theirs && self.plan.hook(step).is_some_and(Hook::is_by_person)
    }

    /// True when it is stuck at a step that a person can do by hand: what takes no current value away.
    fn is_done_by_hand(&self, step: Step) -> bool {
        let clears = matches!(step, Step::Unstage | Step::Verify | Step::Drop | Step::Discard);
        self.stuck.is_some() && (clears || matches!(step, Step::Retire | Step::Revoke))
    }

    pub(super) fn said(&mut self, step: Step, done: bool, by: &str, note: &str, at: Timestamp) -> Result<(), Illegal> {
        self.is_at(step)?;
        if !(self.asks_person(step) || done && self.is_done_by_hand(step)) {
            return Err(Illegal(format!("'{step}' of {} is not a person's", self.name())));
        }
        let words = if done { "done, they say" } else { "not done, they say" };
        // What its runner is at since before it was turned back may undo what they did: it is heard first, or done again.
        let late = self.begun.filter(|begun| *begun != step);
        let (by, note) = (by.to_owned(), if note.is_empty() { words.to_owned() } else { note.to_owned() });
        if done {
            self.mark(step);
            let (version, fingerprint, grace, took_ms) = (None, None, None, None);
            self.done(step, &Fact::Done { step, version, fingerprint, grace, by, note, took_ms }, at)?;
        } else {
            let (how, again_at, took_ms) = (Failing::Refused, None, None);
            self.failed(step, &Fact::Failed { step, how, by, why: note, again_at, took_ms }, at)?;
        }
        self.begun = late;
        Ok(())
    }

    pub(super) fn asked(&mut self, ask: Ask, by: &str, why: &str, at: Timestamp) -> Result<(), Illegal> {
        let why = if why.is_empty() { format!("{by} asked") } else { format!("{by}: {why}") };
        match ask {
            Ask::Abort if self.promoted.is_some() => {
                return Err(Illegal(format!("{} is promoted: 'rollback' leads back in grace", self.name())));
            }
            Ask::Abort if matches!(self.course, Course::Back { .. }) => {
                return Err(Illegal(format!("{} is on its way back already", self.name())));
            }
            Ask::Abort => {
                self.asked = true;
                self.go_back(Course::Back { ending: Ending::Aborted, why });
            }
            Ask::Back => {
                self.may_go_back()?;
                self.asked = true;
                self.go_back(Course::Back { ending: Ending::RolledBack, why });
            }
            Ask::Retire => {
                let Some(held) = &self.held else {
                    return Err(Illegal(format!("{} asks nobody whether to retire", self.name())));
                };
                let note = format!("cut off: {}", held.readers.join(", "));
                self.remember(Step::Grace, at, by, &note, false, None);
                self.turn_to(following(Step::Grace, &self.plan));
            }
            Ask::Resume => {
                (self.stuck, self.not_before) = (None, None);
                (self.failures, self.refusals) = (0, 0);
            }
        }
        Ok(())
    }

    pub(super) fn may_go_back(&self) -> Result<(), Illegal> {
        match () {
            () if self.course != Course::Forward => Err(Illegal(format!("{} is on its way back", self.name()))),
            () if self.retiring => {
                Err(Illegal(format!("the old value of {} may be gone: begin a new rotation", self.name())))
            }
            () if self.promoted.is_none() => {
                Err(Illegal(format!("{} is not promoted: 'abort' gives it up", self.name())))
            }
            () => Ok(()),
        }
    }
}
