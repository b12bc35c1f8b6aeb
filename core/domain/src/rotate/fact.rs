//! What can become known of a rotation. Each stands in the journal as one event. Refuses values: a version, a
//! fingerprint and words.

use super::{Ending, Plan, Step};
use crate::catalogue::EventKind;
use crate::event::Status;
use crate::kill::{Deadline, Due, Moment};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who carries a rotation on, and until when that counts. The clocks are the host's, so that a stepped wall clock
/// neither shortens nor lengthens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// One process's one run of it.
    pub runner: String,
    /// The host.
    pub host: String,
    /// `cockpit`, `watch`, `rotate`.
    pub program: String,
    /// The process.
    pub pid: u32,
    /// Until when.
    pub until: Deadline,
}

impl Lease {
    /// No lease is longer: what a clock that was stepped back over a restart makes of one is not believed.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(1);

    /// True when nobody has to be waited for any more.
    pub fn is_over(&self, now: &Moment) -> bool {
        !matches!(self.until.judge(now, now), Due::In(left) if left <= Self::LONGEST)
    }

    /// True when it was over as the other one, which lasts [`LEASE`](super::LEASE) or longer, was taken: of several that
    /// find it over one takes it.
    pub fn yields_to(&self, other: &Lease) -> bool {
        let later = if self.until.boot_id == other.until.boot_id {
            let ns = i128::from(other.until.boot_ns) - i128::from(self.until.boot_ns);
            SignedDuration::from_nanos_i128(ns)
        } else {
            other.until.utc.duration_since(self.until.utc)
        };
        later >= super::LEASE || later < super::LEASE - Self::LONGEST
    }

    /// `watch on bastion-1 (4711)`
    pub fn words(&self) -> String {
        format!("{} on {} ({})", self.program, self.host, self.pid)
    }
}

/// What a person may ask of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Give it up, before it is promoted.
    Abort,
    /// Back to the old value, in grace.
    Back,
    /// Retire the old value though a reader still uses it.
    Retire,
    /// Go on: it was stuck, or waits for its next try.
    Resume,
}

impl Ask {
    /// The verb.
    pub fn word(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Back => "rollback",
            Self::Retire => "retire",
            Self::Resume => "resume",
        }
    }
}

/// How a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failing {
    /// The backend can't be asked now: sealed, throttled, unreachable. Waited for.
    Trouble,
    /// The step was carried out and the answer is no: a hook failed, a test refused. Tried again, so often.
    Refused,
    /// It will never be otherwise: denied, unsupported, invalid. Not tried again before promote.
    Never,
}

/// One thing that became known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// It was planned: durable before any call that changes something.
    Planned {
        /// The first value's id.
        id: String,
        /// All of it.
        plan: Box<Plan>,
        /// Who began it.
        by: String,
        /// Why; may be empty.
        why: String,
        /// Who carries it on first; nobody where a confirmation is waited for.
        lease: Option<Lease>,
    },
    /// Somebody confirmed it; unsigned.
    Confirmed {
        /// Who.
        by: String,
    },
    /// A runner took it, or keeps it.
    Taken {
        /// For how long.
        lease: Lease,
    },
    /// Its runner lets go.
    LetGo,
    /// A step begins. What comes after it may have been done though nothing says so.
    Began {
        /// Which.
        step: Step,
    },
    /// A step is done.
    Done {
        /// Which.
        step: Step,
        /// The version that it made or made current.
        version: Option<String>,
        /// The new value's keyed fingerprint; after check the old one's.
        fingerprint: Option<String>,
        /// Until when both are valid: after promote alone, and there always unless the plan has no grace.
        grace: Option<Deadline>,
        /// Who or what did it.
        by: String,
        /// What it came to, in words.
        note: String,
        /// Milliseconds.
        took_ms: Option<u64>,
    },
    /// A step failed.
    Failed {
        /// Which.
        step: Step,
        /// How.
        how: Failing,
        /// Who or what.
        by: String,
        /// Why, in words.
        why: String,
        /// Not tried again before.
        again_at: Option<Timestamp>,
        /// Milliseconds.
        took_ms: Option<u64>,
    },
    /// A value may have been made under the id, and nothing is there: that id is not used again.
    NothingStaged,
    /// Another id, for another value.
    Renewed {
        /// It.
        id: String,
    },
    /// Somebody else's value is where ours or the old one should be.
    Lost {
        /// The version that is there.
        found: String,
    },
    /// Errors after promote, as many as the rule says.
    Errors {
        /// How many.
        count: u32,
        /// Who had them.
        readers: Vec<String>,
    },
    /// The deadline of grace has passed.
    GraceOver {
        /// Readers whose last read is the old version.
        readers: Vec<String>,
    },
    /// A person says of a step that is theirs how it went.
    Said {
        /// Which.
        step: Step,
        /// It is done.
        done: bool,
        /// Who.
        by: String,
        /// More, in words; may be empty.
        note: String,
    },
    /// Somebody asked for something.
    Asked {
        /// What.
        ask: Ask,
        /// Who.
        by: String,
        /// Why; may be empty.
        why: String,
    },
    /// It is over.
    Ended {
        /// How.
        ending: Ending,
    },
}

impl Fact {
    /// The event that records it, and how that came out; an end that was asked for is
    /// [`Rotation::event`](super::Rotation::event)'s to tell.
    pub fn event(&self) -> (EventKind, Status) {
        let fine = Status::Success;
        match self {
            Self::Planned { .. } => (EventKind::RotationPlanned, fine),
            Self::Confirmed { .. } => (EventKind::RotationConfirmed, fine),
            Self::Taken { .. } | Self::LetGo => (EventKind::RotationRunner, fine),
            Self::Began { .. } => (EventKind::RotationStep, Status::Pending),
            Self::Done { .. } | Self::Said { done: true, .. } => (EventKind::RotationStep, fine),
            Self::Failed { .. } | Self::Said { done: false, .. } => (EventKind::RotationStep, Status::Failure),
            Self::NothingStaged | Self::Renewed { .. } => (EventKind::RotationNewValue, fine),
            Self::Lost { .. } => (EventKind::RotationLost, Status::Failure),
            Self::Errors { .. } => (EventKind::RotationErrors, fine),
            Self::GraceOver { .. } => (EventKind::RotationGraceOver, fine),
            Self::Asked { .. } => (EventKind::RotationAsked, fine),
            // Nothing but a person's word gives it up.
            Self::Ended { ending: Ending::Done | Ending::Aborted } => (EventKind::RotationEnded, fine),
            Self::Ended { .. } => (EventKind::RotationEnded, Status::Failure),
        }
    }

    /// True when only the runner that holds the lease may say so.
    pub fn is_the_runners(&self) -> bool {
        !matches!(
            self,
            Self::Planned { .. }
                | Self::Confirmed { .. }
                | Self::Taken { .. }
                | Self::Asked { .. }
                | Self::Said { .. }
                | Self::Errors { .. }
        )
    }
}

/// A fact that can't be: another one came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Illegal(pub String);

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Illegal {}
