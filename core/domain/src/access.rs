//! The permission matrix (S Q3.1, S Q1.4): who may read and change which class of secret where. Refuses whatever no
//! row allows. Where the role's text and the matrix disagree the matrix wins (R4.1).

use crate::environment::Environment;
use crate::person::Role;

/// The classes of secret that the matrix has rows for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A broker's API key or password.
    Broker,
    /// A cloud account's credentials.
    Cloud,
    /// A database password.
    Database,
    /// A TLS private key.
    Tls,
    /// Anything else.
    Other,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 5] = [Class::Broker, Class::Cloud, Class::Database, Class::Tls, Class::Other];

    /// The name in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Cloud => "cloud",
            Self::Database => "database",
            Self::Tls => "tls",
            Self::Other => "other",
        }
    }

    /// Reads a class's name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class that a name tells: whole words of it, so that `feedback_db` is a database and `adobe` is none.
    pub fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let has = |words: &[&str]| lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| words.contains(&part));
        if has(&["ibkr", "broker"]) {
            Self::Broker
        } else if has(&["aws", "akia", "sts"]) {
            Self::Cloud
        } else if has(&["rds", "db", "database", "postgres", "mysql", "dsn"]) {
            Self::Database
        } else if has(&["tls", "ssl"]) {
            Self::Tls
        } else {
            Self::Other
        }
    }
}

/// May this role read a value of this class here?
///
/// QA and the demo are self-service for the development team (Trader, DevOps, QA) and for whoever configuration gives
/// no role: whoever holds the file's key reads it anyway. Elsewhere no role means no.
pub fn may_read(role: Option<Role>, class: Class, environment: Option<Environment>) -> bool {
    let Some(environment) = environment else { return true };
    if matches!(environment, Environment::Qa | Environment::Demo) {
        return role != Some(Role::Governance);
    }
    let Some(role) = role else { return false };
    let paper = environment == Environment::Paper;
    match class {
        Class::Broker => matches!(role, Role::Trader | Role::Service) || (paper && role == Role::Devops),
        Class::Cloud => matches!(role, Role::Devops | Role::Service),
        Class::Database => role == Role::Service,
        Class::Tls => matches!(role, Role::Trader | Role::Devops | Role::Service),
        Class::Other => {
            matches!(role, Role::Devops | Role::Service) || (paper && matches!(role, Role::Trader | Role::Qa))
        }
    }
}

/// May this role search and export all audit lines here? It is Governance's; in QA, the demo and without an environment
/// everybody's but a Trader's, who sees the tail alone (R4.1).
pub fn may_query(role: Option<Role>, environment: Option<Environment>) -> bool {
    match environment {
        Some(Environment::Paper | Environment::Production) => role == Some(Role::Governance),
        Some(Environment::Qa | Environment::Demo) | None => role != Some(Role::Trader),
    }
}

/// Who may change a secret here, and whose yes it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// At once.
    Allowed,
    /// After a signed approval by this role.
    NeedsApproval(Role),
    /// Never with this role.
    Refused,
}

/// May this role change secrets here? QA is self-service, Paper needs a Trader's approval, Production Governance's and
/// a second person (R2.3).
pub fn may_change(role: Option<Role>, environment: Option<Environment>) -> Change {
    match (environment, role) {
        (None, _) => Change::Allowed,
        (Some(Environment::Qa | Environment::Demo), Some(Role::Governance | Role::Service)) => Change::Refused,
        (Some(Environment::Qa | Environment::Demo), _) => Change::Allowed,
        (Some(Environment::Paper), Some(Role::Devops)) => Change::NeedsApproval(Role::Trader),
        (Some(Environment::Production), Some(Role::Devops)) => Change::NeedsApproval(Role::Governance),
        (Some(_), _) => Change::Refused,
    }
}

/// May this role stop trading, hold and release (S Q3.1: the Trader alone)? QA and the demo are self-service for whoever
/// configuration gives no role; elsewhere no role means no.
pub fn may_stop(role: Option<Role>, environment: Option<Environment>) -> bool {
    match role {
        Some(role) => role == Role::Trader,
        None => matches!(environment, Some(Environment::Qa | Environment::Demo)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Environment::{Paper, Production, Qa};
    use Role::{Devops, Governance, Service, Trader};

    /// S Q3.1's matrix, cell by cell: row, environment, then who reads in the order of `Role::ALL`.
    #[test]
    fn the_matrix_holds_cell_by_cell() {
        let table = [
            (Class::Broker, Production, [true, false, false, true, false]),
            (Class::Broker, Paper, [true, true, false, true, false]),
            (Class::Cloud, Production, [false, true, false, true, false]),
            (Class::Cloud, Paper, [false, true, false, true, false]),
            (Class::Database, Production, [false, false, false, true, false]),
            (Class::Database, Paper, [false, false, false, true, false]),
            (Class::Tls, Production, [true, true, false, true, false]),
            (Class::Other, Production, [false, true, false, true, false]),
            (Class::Other, Paper, [true, true, true, true, false]),
            (Class::Broker, Qa, [true, true, true, true, false]),
            (Class::Database, Qa, [true, true, true, true, false]),
        ];
        for (class, environment, wanted) in table {
            for (role, want) in Role::ALL.into_iter().zip(wanted) {
                let got = may_read(Some(role), class, Some(environment));
                assert_eq!(got, want, "{role} reads {class:?} in {environment}");
            }
        }
    }

    #[test]
    fn nobody_without_a_role_reads_or_changes_outside_qa() {
        for class in Class::ALL {
            assert!(!may_read(None, class, Some(Paper)));
            assert!(!may_read(None, class, Some(Production)));
            assert!(may_read(None, class, Some(Qa)));
        }
        assert_eq!(may_change(None, Some(Production)), Change::Refused);
    }

    #[test]
    fn a_change_outside_qa_waits_for_the_right_approver() {
        assert_eq!(may_change(Some(Devops), Some(Paper)), Change::NeedsApproval(Trader));
        assert_eq!(may_change(Some(Devops), Some(Production)), Change::NeedsApproval(Governance));
        for role in [Trader, Role::Qa, Service, Governance] {
            assert_eq!(may_change(Some(role), Some(Production)), Change::Refused);
        }
        assert_eq!(may_change(Some(Role::Qa), Some(Qa)), Change::Allowed);
    }

    #[test]
    fn only_a_trader_stops_and_nobody_without_a_role_outside_qa() {
        for environment in [Qa, Paper, Production, Environment::Demo] {
            for role in Role::ALL {
                assert_eq!(may_stop(Some(role), Some(environment)), role == Trader, "{role} in {environment}");
            }
            assert_eq!(may_stop(None, Some(environment)), matches!(environment, Qa | Environment::Demo));
        }
        assert!(!may_stop(None, None));
    }

    #[test]
    fn a_trader_never_queries_and_governance_always_may() {
        for environment in [None, Some(Qa), Some(Paper), Some(Production)] {
            assert!(!may_query(Some(Trader), environment));
            assert!(may_query(Some(Governance), environment));
        }
        assert!(!may_query(Some(Devops), Some(Production)));
    }

    #[test]
    fn a_class_is_told_by_whole_words() {
        assert_eq!(Class::of("prod/trader/ibkr-api-key"), Class::Broker);
        assert_eq!(Class::of("broker.password"), Class::Broker);
        assert_eq!(Class::of("prod/rds/password"), Class::Database);
        assert_eq!(Class::of("prod/tls/private-key"), Class::Tls);
        assert_eq!(Class::of("data.feed_token"), Class::Other);
        assert_eq!(Class::of("adobe.key"), Class::Other);
    }
}
