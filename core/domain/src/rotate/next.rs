//! What a rotation needs next, as data. Refuses to remember anything: the same rotation at the same moment gives the
//! same answer to whoever asks.

use super::{Course, Ending, Rotation, Step};
use crate::kill::{Due, Moment};
use jiff::{SignedDuration, Timestamp};

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This, by its runner.
    Do(Effect),
    /// Nothing before so much time has passed.
    Wait {
        /// How long.
        left: SignedDuration,
        /// What for, in words.
        why: String,
    },
    /// Nothing before a person has spoken.
    Ask(Question),
    /// Nothing, ever.
    Over,
}

/// What a runner does. Each is told as [`Began`](super::Fact::Began) first and may be done again by the next runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read the current value; try it where there is a test.
    Check,
    /// Look what stands under this id: its value was begun, and nobody knows whether it was stored.
    FindStaged {
        /// The id.
        id: String,
    },
    /// Make a value and store it where nobody reads it.
    Stage {
        /// Under this id.
        id: String,
    },
    /// Make an id for another value.
    Renew,
    /// Make the new value known where it is used.
    Set {
        /// The new version.
        new: String,
    },
    /// Try the new value.
    Test {
        /// The new version.
        new: String,
    },
    /// Make the new version current if the old one is.
    Promote {
        /// The new version.
        new: String,
        /// The old one.
        from: String,
    },
    /// Take the pending mark away.
    Unstage {
        /// The version that was staged.
        new: String,
    },
    /// Grace is over: who still reads the old version?
    EndGrace,
    /// Make the old value invalid where it was used, if ours is current.
    Retire {
        /// The old version.
        old: String,
        /// The current one.
        current: String,
    },
    /// The new value is accepted, the old one refused where it was revoked.
    Verify {
        /// The old version.
        old: String,
        /// The current one.
        current: String,
    },
    /// Take the old value out of the backend, if ours is current.
    Drop {
        /// The old version.
        old: String,
        /// The current one.
        current: String,
    },
    /// Make the old version current if ours is.
    Restore {
        /// The old version.
        old: String,
        /// Ours: as it was promoted, or as it was staged where nobody knows whether it was promoted.
        current: String,
    },
    /// Make the new value invalid where it is used, unless it is current there.
    Revoke {
        /// The new version.
        new: String,
    },
    /// Take what stands under our ids out of the backend.
    Discard {
        /// All ids.
        ids: Vec<String>,
        /// The new version, where it is known.
        new: Option<String>,
    },
    /// Say that it is over.
    End(Ending),
}

/// What only a person can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Somebody of that role has to confirm it.
    Confirm,
    /// Somebody has to do a step and say so.
    Person {
        /// Which.
        step: Step,
        /// What to do, and where.
        told: String,
    },
    /// The old value is still read, and grace is over.
    Retire {
        /// By whom.
        readers: Vec<String>,
    },
    /// It goes no further by itself.
    Stuck {
        /// Why.
        why: String,
    },
}

impl Rotation {
    /// What is to be done. `anchor` is the first moment at which this process looked: see [`Deadline::judge`].
    ///
    /// [`Deadline::judge`]: crate::kill::Deadline::judge
    pub fn next(&self, now: &Moment, anchor: &Moment) -> Next {
        if !self.is_live() {
            return Next::Over;
        }
        if let Some(why) = &self.stuck {
            return Next::Ask(Question::Stuck { why: why.clone() });
        }
        if let Some(left) = self.not_before.and_then(|at| left(at, now)) {
            return Next::Wait { left, why: self.trouble().unwrap_or_default() };
        }
        self.at_step(now, anchor)
    }

    /// What hinders it, while it waits for its next try.
    pub fn trouble(&self) -> Option<String> {
        let last = self.past.last().filter(|past| past.failed && self.failures > 0)?;
        Some(format!("{}: {}", last.step, last.note))
    }

    fn at_step(&self, now: &Moment, anchor: &Moment) -> Next {
        let new = || self.staged.clone().unwrap_or_default();
        let current = || self.promoted.clone().unwrap_or_else(new);
        let old = || self.plan.from.clone();
        let effect = match self.step {
            Step::Confirm => return Next::Ask(Question::Confirm),
            Step::Check => Effect::Check,
            Step::Stage if self.burnt || matches!(self.course, Course::Anew { .. }) => Effect::Renew,
            Step::Stage if self.spent => Effect::FindStaged { id: self.id.clone() },
            Step::Stage => Effect::Stage { id: self.id.clone() },
            Step::Set => Effect::Set { new: new() },
            Step::Test => Effect::Test { new: new() },
            Step::Promote => Effect::Promote { new: new(), from: old() },
            Step::Unstage => Effect::Unstage { new: new() },
            Step::Grace => return self.in_grace(now, anchor),
            Step::Retire => Effect::Retire { old: old(), current: current() },
            Step::Verify => Effect::Verify { old: old(), current: current() },
            Step::Drop => Effect::Drop { old: old(), current: current() },
            Step::Restore => Effect::Restore { old: old(), current: current() },
            Step::Revoke => Effect::Revoke { new: new() },
            Step::Discard => {
                Effect::Discard { ids: self.ids.clone(), new: self.promoted.clone().or_else(|| self.staged.clone()) }
            }
            Step::End => Effect::End(self.will_end()),
        };
        let by_person = matches!(self.step, Step::Set | Step::Test | Step::Retire | Step::Revoke);
        match self.plan.hook(self.step).filter(|hook| by_person && hook.is_by_person()) {
            Some(hook) => Next::Ask(Question::Person { step: self.step, told: hook.to_string() }),
            None => Next::Do(effect),
        }
    }

    fn in_grace(&self, now: &Moment, anchor: &Moment) -> Next {
        if let Some(held) = self.held.as_ref().filter(|_| self.plan.retire == super::Retire::Ask) {
            return Next::Ask(Question::Retire { readers: held.readers.clone() });
        }
        let why = || "both values are valid".to_owned();
        match self.grace.as_ref().map(|grace| grace.judge(now, anchor)) {
            Some(Due::In(left)) => Next::Wait { left, why: why() },
            Some(Due::Doubtful { step, .. }) => Next::Wait {
                left: SignedDuration::from_secs(5),
                why: format!("the wall clock moved by {} s: grace goes on until somebody looks", step.as_secs()),
            },
            Some(Due::Passed) | None => Next::Do(Effect::EndGrace),
        }
    }
}

/// Longest wait for another try; what a stepped clock would make longer is not believed.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

fn left(at: Timestamp, now: &Moment) -> Option<SignedDuration> {
    let left = at.duration_since(now.utc);
    (left > SignedDuration::ZERO && left <= LONGEST).then_some(left)
}
