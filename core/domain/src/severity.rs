//! How bad an event is. Refuses to believe a foreign line's own word alone (design: the tail).

use serde::{Deserialize, Serialize};
use std::fmt;

/// CRITICAL, MAJOR, MINOR, info: S Q5.3's P0, P1, P2 and everything else. Ordered, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Routine.
    #[serde(rename = "info")]
    Info,
    /// P2: shown, nobody is called.
    #[serde(rename = "MINOR")]
    Minor,
    /// P1: a person within the hour.
    #[serde(rename = "MAJOR")]
    Major,
    /// P0: a person within five minutes.
    #[serde(rename = "CRITICAL")]
    Critical,
}

impl Severity {
    /// All four, worst first, as counts are shown.
    pub const WORST_FIRST: [Severity; 4] = [Self::Critical, Self::Major, Self::Minor, Self::Info];

    /// The word that stands on screen whatever the colour.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "CRITICAL",
            Self::Major => "MAJOR",
            Self::Minor => "MINOR",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
