//! Who acts, and in which role. Refuses to know how a person proved it: that is the shell's to find out.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The five roles of the permission matrix (S Q3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches and stops.
    Trader,
    /// Rotates.
    Devops,
    /// Tests.
    Qa,
    /// A program; has no human log-in.
    Service,
    /// Audits and approves.
    Governance,
}

impl Role {
    /// All five, in the matrix's order.
    pub const ALL: [Role; 5] = [Role::Trader, Role::Devops, Role::Qa, Role::Service, Role::Governance];

    /// The name in configuration, records and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trader => "trader",
            Self::Devops => "devops",
            Self::Qa => "qa",
            Self::Service => "service",
            Self::Governance => "governance",
        }
    }

    /// Reads a role's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(name.trim()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A person's handle in the key ring, or the Unix name where no ring names one. Not an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Person(String);

impl Person {
    /// Accepts 1 to 64 characters of letters, digits, `.`, `_` and `-`.
    pub fn parse(handle: &str) -> Option<Self> {
        let fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        (!handle.is_empty() && handle.len() <= 64 && handle.chars().all(fine)).then(|| Self(handle.to_owned()))
    }

    /// The handle of a Unix user whom configuration doesn't know: the name, with `_` for what a handle can't hold.
    pub fn of_unix(user: &str) -> Self {
        let fine = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let handle: String = user.chars().map(fine).take(64).collect();
        Self(if handle.is_empty() { "_".into() } else { handle })
    }

    /// The handle as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who sits here: a person, the role configuration gives, and this session's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The person.
    pub person: Person,
    /// The role, if configuration gives one here.
    pub role: Option<Role>,
    /// The session, `sess-` and 12 hex digits.
    pub session: String,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Some(role) => write!(f, "{} ({role})", self.person),
            None => write!(f, "{} (no role)", self.person),
        }
    }
}
