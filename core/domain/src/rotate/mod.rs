//! One rotation, from its plan to its end: what is known of it, what may become of it, what is to be done next. Refuses
//! to do any of it: facts go in, an effect as data comes out (R3.2 to R3.4).
//!
//! [`Rotation`] is a fold over [`Fact`]s, each of which stands in the journal. [`Rotation::next`] says what its runner
//! has to do, from what is known alone: whoever takes a rotation over does what the one before would have done.
//!
//! ```text
//!  forward   confirm > check > stage > set > test > promote > unstage > grace > retire > verify > drop > end
//!  back                                       restore > revoke > discard > end (rolled back, aborted, lost)
//!  anew                                                 revoke > discard > stage with another id
//! ```

mod advance;
#[cfg(test)]
mod backend_model;
mod fact;
mod fold;
mod next;
mod plan;
mod row;
mod standing;
mod steer;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod world_tests;

pub use fact::{Ask, Fact, Failing, Illegal, Lease};
pub use fold::unit;
pub use next::{Effect, Next, PATIENCE, Question};
pub use plan::{Downtime, Generator, Hook, Limits, Plan, Retire, Stdin, WatchRule};
pub use row::{PlanRow, ReaderRow, RotationRow};

use crate::kill::Deadline;
use crate::request::Target;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long a runner's word counts, at least: longer while a hook is at work. Renewed while it lives.
pub const LEASE: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

/// The steps, in their order: forward ones first, then those that lead back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A person's recorded confirmation (Paper, R2.3).
    Confirm,
    /// The current value is read, and tested where there is a test (R3.2).
    Check,
    /// The new value is made and stored where nobody reads it.
    Stage,
    /// The new value is made known where it is used; the old one still works there.
    Set,
    /// The new value is tried.
    Test,
    /// The new value becomes current, if the old one still is.
    Promote,
    /// The pending mark or the shadow copy is taken away.
    Unstage,
    /// Both values are valid; readers and errors are watched.
    Grace,
    /// The old value is made invalid where it was used.
    Retire,
    /// The new value is accepted and the old one refused.
    Verify,
    /// The old value leaves the backend.
    Drop,
    /// Back: the old value is made current again.
    Restore,
    /// Back: the new value is made invalid where it is used.
    Revoke,
    /// Back: the new value leaves the backend.
    Discard,
    /// Nothing is left to be done.
    End,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::Confirm,
        Self::Check,
        Self::Stage,
        Self::Set,
        Self::Test,
        Self::Promote,
        Self::Unstage,
        Self::Grace,
        Self::Retire,
        Self::Verify,
        Self::Drop,
        Self::Restore,
        Self::Revoke,
        Self::Discard,
        Self::End,
    ];

    /// The word on screen and in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Check => "check",
            Self::Stage => "stage",
            Self::Set => "set",
            Self::Test => "test",
            Self::Promote => "promote",
            Self::Unstage => "unstage",
            Self::Grace => "grace",
            Self::Retire => "retire",
            Self::Verify => "verify",
            Self::Drop => "drop",
            Self::Restore => "restore",
            Self::Revoke => "revoke",
            Self::Discard => "discard",
            Self::End => "end",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Where a rotation is going.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Course {
    /// To its end.
    Forward,
    /// This value is given up, and another one is tried.
    Anew {
        /// Why, in words.
        why: String,
    },
    /// Back to the old value.
    Back {
        /// How it will have ended.
        ending: Ending,
        /// Why, in words.
        why: String,
    },
}

/// How a rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The new value is current and the old one is gone.
    Done,
    /// The old value is current and the new one is gone.
    RolledBack,
    /// A person gave it up before it was promoted.
    Aborted,
    /// Somebody else's value is current; ours is gone.
    Lost,
}

impl Ending {
    /// The word on screen and in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
            Self::Lost => "LOST",
        }
    }
}

/// A step that is over, for the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Which.
    pub step: Step,
    /// When it was over.
    pub at: Timestamp,
    /// Who or what did it: a person, a layer, `hook`.
    pub by: String,
    /// How long it took, milliseconds.
    pub took_ms: Option<u64>,
    /// What it came to, in words; never a value.
    pub note: String,
    /// It failed.
    pub failed: bool,
}

/// One rotation, as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Its number in this journal: 27 is `R-27`.
    pub number: u32,
    /// The id of the value that is being brought in: a UUID, the backend's token for it. One id makes one value.
    pub id: String,
    /// All ids so far, the present one last. What stands under one of them is ours.
    pub ids: Vec<String>,
    /// What was planned.
    pub plan: Plan,
    /// Who began it.
    pub by: String,
    /// Why, in words; may be empty.
    pub why: String,
    /// When.
    pub began_at: Timestamp,
    /// What is to be done next.
    pub step: Step,
    /// Where it is going.
    pub course: Course,
    /// A person asked for the way back that it is on: then its end is no failure.
    #[serde(default)]
    pub asked: bool,
    /// A value may have been made under [`id`](Self::id).
    pub spent: bool,
    /// Set was begun for this value: it may be known where it is used.
    pub known: bool,
    /// Promote was begun for this value: it may be current.
    pub offered: bool,
    /// The version that was staged under [`id`](Self::id).
    pub staged: Option<String>,
    /// The version that promoting made current.
    pub promoted: Option<String>,
    /// The new value's keyed fingerprint (R3.8).
    pub fingerprint: Option<String>,
    /// The old value's, where it was read (R3.8).
    #[serde(default)]
    pub old_fingerprint: Option<String>,
    /// When it was promoted.
    pub promoted_at: Option<Timestamp>,
    /// Until when both values are valid.
    pub grace: Option<Deadline>,
    /// Grace is over and a person, or a reader, is waited for.
    pub held: Option<Held>,
    /// The step that its runner is at.
    pub begun: Option<Step>,
    /// The old value's end was begun: there is no way back.
    pub retiring: bool,
    /// No value stands under [`id`](Self::id) and none ever will: another id is needed.
    pub burnt: bool,
    /// Failures of the step in hand of any kind, one after the other.
    pub failures: u32,
    /// Those of them that were an answer.
    pub refusals: u32,
    /// Values tried so far, this one included.
    pub values: u32,
    /// Not tried again before.
    pub not_before: Option<Timestamp>,
    /// Why it goes no further without a person.
    pub stuck: Option<String>,
    /// Who carries it on.
    pub lease: Option<Lease>,
    /// What is over.
    pub past: Vec<Past>,
    /// How it ended, and when.
    pub ended: Option<(Ending, Timestamp)>,
}

/// Why the old value is not retired though grace is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Since when.
    pub since: Timestamp,
    /// The readers that read the old version last.
    pub readers: Vec<String>,
}

impl Rotation {
    /// `R-27`
    pub fn name(&self) -> String {
        format!("R-{}", self.number)
    }

    /// The secret.
    pub fn target(&self) -> &Target {
        &self.plan.target
    }

    /// True until it ended.
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// True while the new value is current and the old one still valid.
    pub fn is_in_grace(&self) -> bool {
        self.is_live() && self.promoted.is_some() && self.step <= Step::Grace && self.course == Course::Forward
    }

    /// True while it may change which version is current, whether or not anybody said so yet.
    pub fn moves_current(&self) -> bool {
        self.is_live() && self.offered && matches!(self.step, Step::Promote | Step::Restore)
    }

    /// True when this step is over and didn't fail.
    pub fn is_past(&self, step: Step) -> bool {
        self.past.iter().any(|past| past.step == step && !past.failed)
    }

    /// The person who did what another must not confirm (R4.2).
    pub fn asked_for_by(&self) -> &str {
        &self.by
    }
}
