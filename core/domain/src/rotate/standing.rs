//! How a rotation stands at a moment: what is left of grace, and the state that it gives its secret. Refuses to read a
//! clock, and to believe that a wall clock was never stepped.

use super::{Course, Ending, Rotation, Step};
use crate::kill::{Due, Moment};
use crate::rotation::SecretState;
use jiff::SignedDuration;

/// How long the old value may outlive grace before that is told.
const OVERDUE: SignedDuration = SignedDuration::from_secs(60);
/// How long an end that wants a person is told.
const TOLD: SignedDuration = SignedDuration::from_hours(24);

impl Rotation {
    /// What is left of grace, negative when it is over; nothing before promote. On the boot on which it was promoted the
    /// boot clock alone counts. On another one the wall clock is asked once, at `anchor`, the first moment at which this
    /// process looked, and believed as far as the plan's own grace goes; from there the boot clock counts.
    pub fn grace_left(&self, now: &Moment, anchor: &Moment) -> Option<SignedDuration> {
        self.promoted_at?;
        let Some(grace) = &self.grace else { return Some(SignedDuration::ZERO) };
        if grace.boot_id == now.boot_id {
            let ns = i128::from(grace.boot_ns) - i128::from(now.boot_ns);
            return Some(SignedDuration::from_nanos_i128(ns));
        }
        let anchor = if anchor.boot_id == now.boot_id { anchor } else { now };
        let planned = SignedDuration::from_secs(i64::try_from(self.plan.grace_s).unwrap_or(i64::MAX));
        let left = grace.utc.duration_since(anchor.utc).min(planned);
        Some(left.saturating_sub(now.since(anchor)))
    }

    /// By how much the wall clock was stepped on another boot while grace went on: that is not counted.
    pub(super) fn stepped(&self, now: &Moment, anchor: &Moment) -> Option<SignedDuration> {
        match self.grace.as_ref()?.judge(now, anchor) {
            Due::Doubtful { step, .. } => Some(step),
            Due::In(_) | Due::Passed => None,
        }
    }

    /// The state that it gives its secret: nothing where its age alone does.
    pub fn state(&self, now: &Moment) -> Option<SecretState> {
        if let Some((ending, at)) = self.ended {
            let told = now.utc.duration_since(at) < TOLD;
            return match ending {
                // Who asked for it knows.
                Ending::RolledBack if told && !self.asked => Some(SecretState::RolledBack),
                Ending::Lost if told => Some(SecretState::Lost),
                _ => None,
            };
        }
        match &self.course {
            _ if self.stuck.is_some() => Some(SecretState::Stuck),
            Course::Back { ending: Ending::Lost, .. } => Some(SecretState::Lost),
            Course::Back { ending: Ending::RolledBack, .. } if self.step != Step::Restore && !self.asked => {
                Some(SecretState::RolledBack)
            }
            Course::Back { .. } | Course::Anew { .. } => self.promoted.is_some().then_some(SecretState::InGrace),
            Course::Forward if !self.old_is_valid() => None,
            Course::Forward if self.grace_left(now, now).is_some_and(|left| left < -OVERDUE) => {
                Some(SecretState::RetireOverdue)
            }
            Course::Forward => Some(SecretState::InGrace),
        }
    }

    /// True from promote until the old value was retired.
    fn old_is_valid(&self) -> bool {
        let last = if self.plan.revoke.is_some() { Step::Retire } else { Step::Drop };
        self.promoted.is_some() && self.step <= last
    }

    /// After somebody else's change: which values are still valid where they are used, and who has to end that. One
    /// sentence each.
    pub fn left_valid(&self) -> Vec<String> {
        if self.will_end() != Ending::Lost {
            return Vec::new();
        }
        let tell = |which: &str, version: &str| {
            format!(
                "{which}, version {version}, is still valid where it is used: unless it is what is current now, revoke \
                 it by hand when nobody needs it"
            )
        };
        let mut left = Vec::new();
        if !self.retiring {
            left.push(tell("the old value", &self.plan.from));
        }
        let ours = self.promoted.as_ref().or(self.staged.as_ref());
        left.extend(ours.filter(|_| self.known || self.offered).map(|version| tell("our new value", version)));
        left
    }

    /// Its name and where it stands, for a row: `R-27 set`, `R-27 rolled back`.
    pub fn words(&self) -> String {
        match self.ended {
            Some((ending, _)) => format!("{} {}", self.name(), ending.word()),
            None => format!("{} {}", self.name(), self.step),
        }
    }
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
