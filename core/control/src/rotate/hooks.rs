//! What is done with a value outside the backend: a command, an HTTP call, a token's look-up. Refuses to put a value
//! anywhere but on standard input, into a header or a body.

use quarterdeck_contract::Value;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Hook, Step};
use std::time::Duration;

/// What a hook is about.
#[derive(Debug)]
pub struct Errand<'a> {
    /// The rotation: `R-27`.
    pub rotation: &'a str,
    /// The value's id.
    pub id: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The secret.
    pub target: &'a Target,
    /// The step: check, set, test, retire, revoke, verify.
    pub step: Step,
    /// The version that the value is.
    pub version: &'a str,
    /// The value that it is about.
    pub value: &'a Value,
    /// The old and the new one, where they are known: for hooks that are given both.
    pub old: Option<&'a Value>,
    /// See [`old`](Self::old).
    pub new: Option<&'a Value>,
}

/// What a hook came to. Its words are redacted: no value stands in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It says yes.
    Yes {
        /// In words.
        note: String,
        /// How long it took.
        took: Duration,
    },
    /// It says no: another exit status, another HTTP status.
    No {
        /// In words.
        why: String,
        /// How long it took.
        took: Duration,
    },
    /// It could not be asked, or took too long.
    Trouble {
        /// In words.
        why: String,
        /// How long it took.
        took: Duration,
    },
}

/// Carries a hook out. A person's is nobody's to carry out here.
pub fn run(hook: &Hook, errand: &Errand<'_>) -> Answered {
    let _ = errand;
    Answered::Trouble { why: format!("{hook} can't be run"), took: Duration::ZERO }
}
