//! When a secret is due. Refuses to invent an age: what is not known is said to be not known (R3.1).

use crate::environment::Environment;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

const DAY_HOURS: i64 = 24;

/// How often a secret is rotated, and how long the old value lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Time from one rotation to the next.
    pub period: SignedDuration,
    /// Time in which both values are valid.
    pub grace: SignedDuration,
}

impl Policy {
    /// The policy of an environment (R3.1, S Q2.2): QA 90 d without grace, Paper 90 d and 15 min, Production 30 d and
    /// 10 min. The demo shows Production's.
    pub fn of(environment: Environment) -> Self {
        let (days, grace_minutes) = match environment {
            Environment::Qa => (90, 0),
            Environment::Paper => (90, 15),
            Environment::Production | Environment::Demo => (30, 10),
        };
        Self::new(days, grace_minutes)
    }

    /// The policy of a key that signs or encrypts (R3.1, S Q4.3): 90 d and 15 min; in QA without grace.
    pub fn of_keys(environment: Environment) -> Self {
        if environment == Environment::Qa { Self::of(environment) } else { Self::new(90, 15) }
    }

    fn new(days: i64, grace_minutes: i64) -> Self {
        Self { period: SignedDuration::from_hours(days * DAY_HOURS), grace: SignedDuration::from_mins(grace_minutes) }
    }
}

/// What is known of when the current value was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Age {
    /// Made at this time: the journal or the backend recorded it.
    Since(Timestamp),
    /// Made at this time or earlier: a Fernet token's time is of the whole file.
    AtLeastSince(Timestamp),
    /// Nothing tells.
    Unknown,
}

impl Age {
    /// How old it is now; for a lower bound, at least how old. Never negative.
    pub fn at(self, now: Timestamp) -> Option<SignedDuration> {
        match self {
            Self::Since(made) | Self::AtLeastSince(made) => Some(now.duration_since(made).max(SignedDuration::ZERO)),
            Self::Unknown => None,
        }
    }

    /// True when [`at`](Self::at) is only a lower bound.
    pub fn is_lower_bound(self) -> bool {
        matches!(self, Self::AtLeastSince(_))
    }
}

/// The states of a secret, in the words of the screen. Ordered by how much they want a person, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretState {
    /// Its backend can't be read.
    Unreadable,
    /// A rotation is stuck after its limit.
    Stuck,
    /// Somebody else's value is current.
    Lost,
    /// The old value should be gone and isn't.
    RetireOverdue,
    /// The new value failed and the old one is back.
    RolledBack,
    /// More than a day past its date.
    Overdue,
    /// Its date has come.
    Due,
    /// A tenth of its period is left.
    DueSoon,
    /// Old and new are both valid.
    InGrace,
    /// Nothing tells its age.
    NoAgeKnown,
    /// Nothing to do.
    Ok,
}

impl SecretState {
    /// The words on screen; capitals are for what wants a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unreadable => "UNREADABLE",
            Self::Stuck => "STUCK",
            Self::Lost => "LOST",
            Self::RetireOverdue => "RETIRE OVERDUE",
            Self::RolledBack => "ROLLED BACK",
            Self::Overdue => "OVERDUE",
            Self::Due => "DUE",
            Self::DueSoon => "DUE SOON",
            Self::InGrace => "IN GRACE",
            Self::NoAgeKnown => "no age known",
            Self::Ok => "ok",
        }
    }
}

impl fmt::Display for SecretState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// When it is due, where the age is known exactly.
pub fn due_at(age: Age, policy: Policy) -> Option<Timestamp> {
    match age {
        Age::Since(made) => made.checked_add(policy.period).ok(),
        Age::AtLeastSince(_) | Age::Unknown => None,
    }
}

/// The state that age and policy alone give. A lower bound counts only when it exceeds the policy by itself.
pub fn state(age: Age, policy: Policy, now: Timestamp) -> SecretState {
    let Some(old) = age.at(now) else { return SecretState::NoAgeKnown };
    let left = policy.period - old;
    let day = SignedDuration::from_hours(DAY_HOURS);
    if left < -day {
        SecretState::Overdue
    } else if left <= SignedDuration::ZERO {
        SecretState::Due
    } else if age.is_lower_bound() {
        SecretState::NoAgeKnown
    } else if left <= policy.period / 10 {
        SecretState::DueSoon
    } else {
        SecretState::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a test's own timestamp")
    }

    #[test]
    fn a_period_runs_from_ok_over_due_soon_to_overdue() {
        let policy = Policy::of(Environment::Production);
        let made = Age::Since(at("2026-01-01T00:00:00Z"));
        let on = |day: &str| state(made, policy, at(day));
        assert_eq!(on("2026-01-02T00:00:00Z"), SecretState::Ok);
        assert_eq!(on("2026-01-27T23:59:59Z"), SecretState::Ok);
        assert_eq!(on("2026-01-28T00:00:00Z"), SecretState::DueSoon);
        assert_eq!(on("2026-01-31T00:00:00Z"), SecretState::Due);
        assert_eq!(on("2026-02-01T00:00:01Z"), SecretState::Overdue);
        assert_eq!(due_at(made, policy), Some(at("2026-01-31T00:00:00Z")));
    }

    #[test]
    fn keys_live_as_long_everywhere() {
        let policy = |environment| {
            (Policy::of_keys(environment).period.as_hours() / DAY_HOURS, Policy::of_keys(environment).grace.as_mins())
        };
        assert_eq!(policy(Environment::Production), (90, 15));
        assert_eq!(policy(Environment::Paper), (90, 15));
        assert_eq!(policy(Environment::Qa), (90, 0));
    }

    #[test]
    fn a_lower_bound_never_says_ok_and_never_gives_a_date() {
        let policy = Policy::of(Environment::Production);
        let bound = Age::AtLeastSince(at("2026-01-01T00:00:00Z"));
        assert_eq!(state(bound, policy, at("2026-01-02T00:00:00Z")), SecretState::NoAgeKnown);
        assert_eq!(state(bound, policy, at("2026-03-02T00:00:00Z")), SecretState::Overdue);
        assert_eq!(due_at(bound, policy), None);
        assert_eq!(state(Age::Unknown, policy, at("2026-03-02T00:00:00Z")), SecretState::NoAgeKnown);
    }

    #[test]
    fn a_clock_that_stepped_back_makes_nothing_younger_than_new() {
        let policy = Policy::of(Environment::Qa);
        let made = Age::Since(at("2026-01-02T00:00:00Z"));
        assert_eq!(made.at(at("2026-01-01T00:00:00Z")), Some(SignedDuration::ZERO));
        assert_eq!(state(made, policy, at("2026-01-01T00:00:00Z")), SecretState::Ok);
    }
}
