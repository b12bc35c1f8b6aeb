//! What a rotation needs next, as data. Refuses to remember anything: the same rotation at the same moment gives the
//! same answer to whoever asks.

use super::{Course, Ending, Rotation, Step};
use crate::kill::Moment;
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

/// What a runner does. What [`begins`](Effect::begins) a step is told as [`Began`](super::Fact::Began) first, and may be
/// done again by the next runner: the one before may have done it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read the current value; try it where there is a test.
    Check,
    /// Look what stands under this id: its value was begun, and nobody knows whether it was stored. What is found is told
    /// as the step in hand done, with its version; nothing as [`NothingStaged`](super::Fact::NothingStaged).
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
    /// Grace is over: who still reads the old version? Comes again and again while somebody does; told when that changed.
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
    /// Make the new value invalid where it is used, unless it is current in the backend.
    Revoke {
        /// The new version, as it was promoted, else as it was staged.
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
            Step::Revoke if self.seeks_value() => return Next::Do(Effect::FindStaged { id: self.id.clone() }),
            Step::Revoke => Effect::Revoke { new: current() },
            Step::Discard => {
                Effect::Discard { ids: self.ids.clone(), new: self.promoted.clone().or_else(|| self.staged.clone()) }
            }
            Step::End => Effect::End(self.will_end()),
        };
        match self.plan.hook(self.step).filter(|_| self.asks_person(self.step)) {
            Some(hook) => {
                let told = hook.told(self.step, &current(), &old());
                Next::Ask(Question::Person { step: self.step, told })
            }
            None => Next::Do(effect),
        }
    }

    fn in_grace(&self, now: &Moment, anchor: &Moment) -> Next {
        if let Some(held) = self.held.as_ref().filter(|_| self.plan.retire == super::Retire::Ask) {
            return Next::Ask(Question::Retire { readers: held.readers.clone() });
        }
        let left = self.grace_left(now, anchor).unwrap_or_default();
        if left <= SignedDuration::ZERO {
            return Next::Do(Effect::EndGrace);
        }
        let why = match self.stepped(now, anchor) {
            None => "both values are valid".to_owned(),
            Some(step) => format!("both values are valid; the wall clock moved by {} s, not counted", step.as_secs()),
        };
        Next::Wait { left, why }
    }
}

/// Longest wait for another try: what a stepped clock makes longer is not believed.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

fn left(at: Timestamp, now: &Moment) -> Option<SignedDuration> {
    let left = at.duration_since(now.utc);
    (left > SignedDuration::ZERO && left <= PATIENCE).then_some(left)
}

impl Effect {
    /// The step that is told as begun before this is done; nothing for what only looks, or makes an id.
    pub fn begins(&self) -> Option<Step> {
        match self {
            Self::FindStaged { .. } | Self::Renew | Self::EndGrace | Self::End(_) => None,
            Self::Check => Some(Step::Check),
            Self::Stage { .. } => Some(Step::Stage),
            Self::Set { .. } => Some(Step::Set),
            Self::Test { .. } => Some(Step::Test),
            Self::Promote { .. } => Some(Step::Promote),
            Self::Unstage { .. } => Some(Step::Unstage),
            Self::Retire { .. } => Some(Step::Retire),
            Self::Verify { .. } => Some(Step::Verify),
            Self::Drop { .. } => Some(Step::Drop),
            Self::Restore { .. } => Some(Step::Restore),
            Self::Revoke { .. } => Some(Step::Revoke),
            Self::Discard { .. } => Some(Step::Discard),
        }
    }
}
