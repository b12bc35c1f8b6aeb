//! What is done with a value outside the backend: a command, an HTTP call, a token's look-up. Refuses to put a value
//! anywhere but on standard input, into a header or a body, and to repeat what stands in an answer without hiding it.
//!
//! - `command`: a program's run, bounded in time and in what it says.
//! - `host`: the process between us and the program, which ends it with us.
//! - `http`, `vault_token`: calls of our own.
//! - `hide`: takes a value, in each form that it may have, out of what was said.

mod command;
mod hide;
mod host;
mod http;
#[cfg(test)]
mod tests;
mod vault_token;

pub use host::hook_host;

pub(super) use command::made_by;

use quarterdeck_contract::Value;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Hook, Step};
use std::time::{Duration, Instant};

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
    /// It is not there or may not be run: another try or another value changes nothing.
    Absent {
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

/// Carries a hook out, within its time. A person's is nobody's to carry out here.
pub fn run(hook: &Hook, errand: &Errand<'_>) -> Answered {
    let began = Instant::now();
    let verdict = match hook {
        Hook::Command { words, within_s, stdin } => command::run(words, seconds(*within_s), *stdin, errand),
        Hook::Http { method, url, header, before, within_s } => {
            let way = http::Way { header: header.as_deref(), before };
            http::run(method, url, way, seconds(*within_s), errand)
        }
        Hook::VaultToken { url, within_s } => vault_token::run(url, seconds(*within_s), errand),
        Hook::Person { .. } => Verdict::No("a person does it and says so".into()),
    };
    let took = began.elapsed();
    let clean = |text: String| hide::of(errand).line(text.as_bytes());
    match verdict {
        Verdict::Yes(note) => Answered::Yes { note: clean(note), took },
        Verdict::No(why) => Answered::No { why: clean(why), took },
        Verdict::Absent(why) => Answered::Absent { why: clean(why), took },
        Verdict::Trouble(why) => Answered::Trouble { why: clean(why), took },
    }
}

/// What each kind of hook comes to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Yes(String),
    No(String),
    Absent(String),
    Trouble(String),
}

impl Verdict {
    fn words(self) -> String {
        match self {
            Self::Yes(words) | Self::No(words) | Self::Absent(words) | Self::Trouble(words) => words,
        }
    }
}

fn seconds(within_s: u64) -> Duration {
    Duration::from_secs(within_s.max(1))
}
