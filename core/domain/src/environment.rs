//! Which environment this is. Refuses to guess: an unknown or missing name is an error (R2.1).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// QA, Paper, Production, or the demo's sandbox (S Q1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Mock keys; the developers serve themselves.
    Qa,
    /// Real paper-trading credentials.
    Paper,
    /// Real live credentials.
    Production,
    /// A temporary sandbox that is valid nowhere else.
    Demo,
}

/// Why a name gives no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownEnvironment {
    /// Nothing names one.
    #[error("no environment is chosen. Choose '--env qa', set DP_ENVIRONMENT, or run 'quarterdeck init'")]
    Unset,
    /// The name is no environment and has no alias.
    #[error(
        "'{0}' is not an environment. Use qa, paper or production, or give it a meaning under [environment.aliases]"
    )]
    Unknown(String),
}

impl Environment {
    /// Reads a name: the built-in ones first, then the aliases of configuration.
    pub fn parse(name: &str, aliases: &BTreeMap<String, Environment>) -> Result<Self, UnknownEnvironment> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" => Err(UnknownEnvironment::Unset),
            "qa" | "dev" | "development" => Ok(Self::Qa),
            "paper" => Ok(Self::Paper),
            "prod" | "production" => Ok(Self::Production),
            other => aliases.get(other).copied().ok_or_else(|| UnknownEnvironment::Unknown(name.to_owned())),
        }
    }

    /// The name in files, folders and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qa => "qa",
            Self::Paper => "paper",
            Self::Production => "production",
            Self::Demo => "demo",
        }
    }

    /// The name as a person reads it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Qa => "QA",
            Self::Paper => "PAPER",
            Self::Production => "PRODUCTION",
            Self::Demo => "DEMO",
        }
    }

    /// The pair of glyphs around the title, so that no colour is needed to tell environments apart.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Qa => "..",
            Self::Paper => "==",
            Self::Production => "##",
            Self::Demo => "~~",
        }
    }

    /// The first part of a secret's name that belongs here (`prod/trader/ibkr-api-key`, S Q2.1).
    pub fn owner_of(name: &str) -> Option<Self> {
        match name.split_once('/')?.0 {
            "qa" | "dev" | "development" => Some(Self::Qa),
            "paper" => Some(Self::Paper),
            "prod" | "production" => Some(Self::Production),
            _ => None,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_never_guessed() {
        let aliases = BTreeMap::from([("staging".to_owned(), Environment::Paper)]);
        let parse = |name| Environment::parse(name, &aliases);
        assert_eq!(parse("prod"), Ok(Environment::Production));
        assert_eq!(parse("Development"), Ok(Environment::Qa));
        assert_eq!(parse("staging"), Ok(Environment::Paper));
        assert_eq!(parse(""), Err(UnknownEnvironment::Unset));
        assert_eq!(parse("produ"), Err(UnknownEnvironment::Unknown("produ".into())));
        assert!(parse("demo").is_err(), "a demo is started by its verb alone");
    }

    #[test]
    fn a_secrets_name_tells_whose_it_is() {
        assert_eq!(Environment::owner_of("prod/trader/ibkr-api-key"), Some(Environment::Production));
        assert_eq!(Environment::owner_of("paper/devops/ibkr-api-key"), Some(Environment::Paper));
        assert_eq!(Environment::owner_of("broker.password"), None);
        assert_eq!(Environment::owner_of("production"), None);
    }
}
