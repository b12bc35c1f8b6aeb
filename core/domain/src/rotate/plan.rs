//! What is going to be done, decided once: a dry run prints it, the start writes it down, the runner carries out what
//! was written. Refuses a value, and what a configuration may say of one: commands are told, secrets are not.

use super::Step;
use crate::person::Role;
use crate::request::Target;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The secret.
    pub target: Target,
    /// The version that is current, and must still be when the new one is promoted.
    pub from: String,
    /// How the new value comes about.
    pub generator: Generator,
    /// Makes the new value known where it is used.
    pub set: Option<Hook>,
    /// Tries a value.
    pub test: Option<Hook>,
    /// Makes a value invalid where it is used.
    pub revoke: Option<Hook>,
    /// Both values are valid for so long, seconds.
    pub grace_s: u64,
    /// Whether readers notice.
    pub downtime: Downtime,
    /// What happens to the old value while a reader still uses it.
    pub retire: Retire,
    /// The errors that lead back.
    pub watch: Option<WatchRule>,
    /// Whose recorded confirmation is needed before anything is done.
    pub confirm: Option<Role>,
    /// How often is tried what fails.
    pub limits: Limits,
    /// SHA-256 over all of this and the hooks as configured, hexadecimal: what is carried out is what was shown.
    pub digest: String,
}

/// How a new value comes about. System randomness, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// Letters, digits and signs.
    Password {
        /// Characters.
        length: u32,
        /// The signs that may stand in it.
        signs: String,
        /// At least one lower case letter, capital letter, digit and, where there are signs, sign.
        each: bool,
    },
    /// Bytes in hexadecimal.
    Hex {
        /// Bytes.
        bytes: u32,
    },
    /// Bytes in base64.
    Base64 {
        /// Bytes.
        bytes: u32,
        /// With `-` and `_`, and no padding.
        url: bool,
    },
    /// A Fernet key.
    Fernet,
    /// An Ed25519 key pair: the private key in PKCS#8 PEM.
    Ed25519,
    /// A random UUID.
    Uuid,
    /// What a command writes to its standard output, without the last line end.
    Command {
        /// The words of it.
        words: Vec<String>,
    },
    /// Typed by a person: only the broker issues it.
    Typed,
}

impl fmt::Display for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { length, signs, .. } if signs.is_empty() => {
                write!(f, "password of {length} letters and digits")
            }
            Self::Password { length, .. } => write!(f, "password of {length} letters, digits and signs"),
            Self::Hex { bytes } => write!(f, "{bytes} random bytes in hexadecimal"),
            Self::Base64 { bytes, url: false } => write!(f, "{bytes} random bytes in base64"),
            Self::Base64 { bytes, url: true } => write!(f, "{bytes} random bytes in base64url"),
            Self::Fernet => f.write_str("Fernet key"),
            Self::Ed25519 => f.write_str("Ed25519 key pair"),
            Self::Uuid => f.write_str("UUID"),
            Self::Command { words } => write!(f, "made by {}", words.join(" ")),
            Self::Typed => f.write_str("typed by you: the broker issues it"),
        }
    }
}

/// Who or what does a step outside the backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// A command: the secret comes on standard input, never in argv or the environment.
    Command {
        /// The words of it.
        words: Vec<String>,
        /// Killed after so many seconds.
        within_s: u64,
        /// What stands on its standard input.
        stdin: Stdin,
    },
    /// A person does it and says so.
    Person {
        /// What to do, and where.
        told: String,
        /// How a new value is made invalid again, where that is said: the way back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<String>,
    },
    /// An HTTP call with the value as its credential or body.
    Http {
        /// `GET`, `POST`, `PUT`, `DELETE`.
        method: String,
        /// Where.
        url: String,
        /// The header that carries the value; the body does when there is none.
        header: Option<String>,
        /// Stands before the value in the header: `Bearer `.
        before: String,
        /// Given up after so many seconds.
        within_s: u64,
    },
    /// A Vault token looks itself up; revoking revokes it.
    VaultToken {
        /// The server.
        url: String,
        /// Given up after so many seconds.
        within_s: u64,
    },
}

impl Hook {
    /// True when a person does it.
    pub fn is_by_person(&self) -> bool {
        matches!(self, Self::Person { .. })
    }

    /// What a person does about the value of this version. `told` speaks of the old value: on the way back it is the new
    /// one that becomes invalid, and nothing that is meant for the old one is said.
    pub fn told(&self, step: Step, new: &str, old: &str) -> String {
        match self {
            Self::Person { undo, .. } if step == Step::Revoke => {
                let how = undo.as_ref().map_or_else(String::new, |undo| format!(": {undo}"));
                format!("make the NEW value, version {new}, invalid where it is used; the old one, {old}, stays{how}")
            }
            Self::Person { told, .. } => told.clone(),
            other => other.to_string(),
        }
    }

    /// How long it may take, seconds; nothing for a person.
    pub fn within_s(&self) -> Option<u64> {
        match self {
            Self::Command { within_s, .. } | Self::Http { within_s, .. } | Self::VaultToken { within_s, .. } => {
                Some(*within_s)
            }
            Self::Person { .. } => None,
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { words, .. } => f.write_str(&words.join(" ")),
            Self::Person { told, .. } => write!(f, "you: {told}"),
            Self::Http { method, url, .. } => write!(f, "{method} {url}"),
            Self::VaultToken { url, .. } => write!(f, "token look-up at {url}"),
        }
    }
}

/// What a command finds on its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdin {
    /// The value that the step is about, as it stands.
    #[default]
    Value,
    /// One JSON map: `step`, `value`, and `old` and `new` where they are known.
    Json,
}

/// Whether readers notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downtime {
    /// Old and new are valid together: two users, or an additive change.
    Zero,
    /// One user: between set and the reader's next read the old value is refused.
    Brief,
}

impl Downtime {
    /// The words on screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Zero => "zero downtime",
            Self::Brief => "brief window",
        }
    }
}

/// What happens at the end of grace while a reader's last read is the old version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retire {
    /// A person says.
    Ask,
    /// Until it has read the new one.
    Wait,
    /// It is cut off.
    Force,
}

impl Retire {
    /// The word in configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Wait => "wait",
            Self::Force => "force",
        }
    }
}

/// So many log-in errors in so long a time lead back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRule {
    /// Errors.
    pub errors: u32,
    /// Seconds.
    pub within_s: u64,
}

/// How often is tried what fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Tries of set or test before another value is made.
    pub tries: u32,
    /// Values before the rotation goes back.
    pub values: u32,
    /// Tries of a step that has to be done before it is STUCK.
    pub stuck: u32,
}

impl Default for Limits {
    /// Two tries of each of two values; five of what has to be done.
    fn default() -> Self {
        Self { tries: 2, values: 2, stuck: 5 }
    }
}

impl Plan {
    /// The steps that it will take, in order; what nobody does is left out.
    pub fn steps(&self) -> Vec<Step> {
        let stands = |step: &Step| match step {
            Step::Confirm => self.confirm.is_some(),
            Step::Set => self.set.is_some(),
            Step::Test | Step::Verify => self.test.is_some(),
            Step::Retire => self.revoke.is_some(),
            Step::Restore | Step::Revoke | Step::Discard | Step::End => false,
            Step::Check | Step::Stage | Step::Promote | Step::Unstage | Step::Grace | Step::Drop => true,
        };
        Step::ALL.into_iter().filter(stands).collect()
    }

    /// Who does a step outside the backend.
    pub fn hook(&self, step: Step) -> Option<&Hook> {
        match step {
            Step::Set => self.set.as_ref(),
            Step::Test | Step::Verify | Step::Check => self.test.as_ref(),
            Step::Retire | Step::Revoke => self.revoke.as_ref(),
            _ => None,
        }
    }
}
