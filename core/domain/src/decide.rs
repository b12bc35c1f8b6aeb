//! The decision: a pure function of who asks, for what, where. It gives its reasons. Refuses by default: an error in a
//! rule is never a permit.

use crate::access::{self, Change, Class};
use crate::boundary::Boundary;
use crate::environment::Environment;
use crate::person::{Role, Who};
use crate::request::Request;
use std::collections::BTreeMap;

/// Where and by whom something is asked.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// Who.
    pub who: &'a Who,
    /// Where; `None` for the guide's verbs on a file that belongs to no environment.
    pub environment: Option<Environment>,
    /// Why nothing may be changed here (`--readonly`, `DP_IBKR__READONLY`, look only), if so.
    pub look_only: Option<&'a str>,
    /// Classes that configuration gives to secrets by name, before [`Class::of`] is asked.
    pub classes: &'a BTreeMap<String, Class>,
    /// Which names belong to one environment alone.
    pub boundary: &'a Boundary,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Do it.
    Permit,
    /// Not here, not now, not you: each reason in words.
    Refuse(Vec<String>),
    /// Not before this role has signed.
    NeedsApproval {
        /// Whose yes.
        by: Role,
        /// In words.
        why: String,
    },
    /// It belongs to another environment: refused and recorded as such (R2.2).
    Crossed {
        /// Whose it is.
        owner: Environment,
    },
}

/// Decides.
pub fn decide(situation: &Situation<'_>, request: &Request) -> Decision {
    if let Some(owner) = foreign_owner(situation, request) {
        return Decision::Crossed { owner };
    }
    if let (Some(why), true) = (situation.look_only, request.changes_something()) {
        return Decision::Refuse(vec![format!("nothing can be changed from here: {why}")]);
    }
    match request {
        Request::Read { target, .. } => read(situation, &target.name),
        Request::Write { .. } | Request::Delete { .. } | Request::Restore { .. } | Request::Rekey { .. } => {
            change(situation)
        }
        Request::Rotate { .. } | Request::Steer { .. } | Request::Adopt { .. } => rotate(situation, request),
        Request::ConfirmRotation { role, .. } => confirm(situation, *role),
        Request::OpenSession { .. } => open(situation),
        Request::QueryAudit { .. } => query(situation),
        Request::Fire(_) | Request::Hold | Request::Release => stop(situation),
        Request::CloseSession
        | Request::Inspect { .. }
        | Request::PlanRotation { .. }
        | Request::Validate { .. }
        | Request::GenerateKey
        | Request::ShowConfig
        | Request::VerifyJournal => Decision::Permit,
    }
}

fn foreign_owner(situation: &Situation<'_>, request: &Request) -> Option<Environment> {
    let target = request.target()?;
    situation.boundary.crossed(&target.layer, &target.name, situation.environment)
}

fn open(situation: &Situation<'_>) -> Decision {
    match situation.who.role {
        Some(Role::Service) => Decision::Refuse(vec!["the role 'service' is for programs: it has no log-in".into()]),
        _ => Decision::Permit,
    }
}

fn stop(situation: &Situation<'_>) -> Decision {
    if access::may_stop(situation.who.role, situation.environment) {
        return Decision::Permit;
    }
    Decision::Refuse(vec![match situation.who.role {
        Some(role) => {
            format!("the role '{role}' may not use the kill-switch {}: call the on-call trader", place(situation))
        }
        None => no_role(situation),
    }])
}

fn query(situation: &Situation<'_>) -> Decision {
    if access::may_query(situation.who.role, situation.environment) {
        return Decision::Permit;
    }
    Decision::Refuse(vec![match situation.who.role {
        Some(role) => {
            format!("the role '{role}' sees the tail and may not search all audit lines {}", place(situation))
        }
        None => no_role(situation),
    }])
}

fn read(situation: &Situation<'_>, name: &str) -> Decision {
    let class = class(situation, name);
    if access::may_read(situation.who.role, class, situation.environment) {
        return Decision::Permit;
    }
    Decision::Refuse(vec![match situation.who.role {
        Some(role) if class == Class::Other => {
            format!("the role '{role}' may not read this secret {}", place(situation))
        }
        Some(role) => format!("the role '{role}' may not read a {} secret {}", class.name(), place(situation)),
        None => no_role(situation),
    }])
}

/// Configuration's class of a name, of another spelling of it, or of the secret that it is a key of; else the name's own.
fn class(situation: &Situation<'_>, name: &str) -> Class {
    let known = situation.classes.get(name);
    let meant = || situation.classes.iter().find(|(known, _)| situation.boundary.means(name, known));
    known.or_else(|| meant().map(|(_, class)| class)).copied().unwrap_or_else(|| Class::of(name))
}

/// Who may change a secret may rotate it: in Paper after a recorded confirmation, which is a step of the rotation itself
/// (R2.3). What is under way is steered by whoever may begin one.
fn rotate(situation: &Situation<'_>, request: &Request) -> Decision {
    let steers = matches!(request, Request::Steer { .. });
    match (change(situation), situation.environment) {
        (Decision::NeedsApproval { .. }, Some(Environment::Paper)) => Decision::Permit,
        (Decision::NeedsApproval { .. }, _) if steers => Decision::Permit,
        (Decision::NeedsApproval { by, .. }, _) => Decision::NeedsApproval {
            by,
            why: format!("a rotation {} needs a signed approval by {by}, which can't be given yet", place(situation)),
        },
        (decision, _) => decision,
    }
}

fn confirm(situation: &Situation<'_>, role: Role) -> Decision {
    if situation.who.role == Some(role) {
        return Decision::Permit;
    }
    let who = situation.who.role.map_or_else(|| "you have no role".into(), |role| format!("your role is '{role}'"));
    Decision::Refuse(vec![format!("this rotation is confirmed by the role '{role}', and {who}")])
}

fn change(situation: &Situation<'_>) -> Decision {
    match access::may_change(situation.who.role, situation.environment) {
        Change::Allowed => Decision::Permit,
        Change::NeedsApproval(by) => Decision::NeedsApproval {
            by,
            why: format!("a change {} needs a signed approval by {by}, which can't be given yet", place(situation)),
        },
        Change::Refused => Decision::Refuse(vec![match situation.who.role {
            Some(role) => format!("the role '{role}' may not change a secret {}", place(situation)),
            None => no_role(situation),
        }]),
    }
}

fn place(situation: &Situation<'_>) -> String {
    situation.environment.map_or_else(|| "here".into(), |environment| format!("in {}", environment.title()))
}

fn no_role(situation: &Situation<'_>) -> String {
    format!("configuration gives '{}' no role {}: add a [[person]] with it", situation.who.person, place(situation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::Level;
    use crate::person::Person;
    use crate::request::{Purpose, Target};

    static BOUNDARY: std::sync::LazyLock<Boundary> = std::sync::LazyLock::new(Boundary::default);

    fn who(role: Option<Role>) -> Who {
        Who { person: Person::parse("alice").expect("a plain handle"), role, session: "sess-1".into() }
    }

    fn target(name: &str) -> Target {
        Target { layer: "fernet".into(), name: name.into() }
    }

    fn every_request(name: &str) -> Vec<Request> {
        let (target, of) = (target(name), target(name));
        vec![
            Request::OpenSession { host: "h".into(), program: "cockpit".into(), pid: 1 },
            Request::CloseSession,
            Request::Read { target: target.clone(), purpose: Purpose::Get },
            Request::Read { target: target.clone(), purpose: Purpose::Reveal },
            Request::Write { target: target.clone() },
            Request::Delete { target: target.clone() },
            Request::Restore { target: target.clone() },
            Request::Inspect { target },
            Request::Rekey { layer: "fernet".into() },
            Request::Validate { layer: "fernet".into() },
            Request::GenerateKey,
            Request::ShowConfig,
            Request::VerifyJournal,
            Request::QueryAudit { filter: "actor=alice".into() },
            Request::PlanRotation { target: of.clone() },
            Request::Rotate { target: of.clone() },
            Request::ConfirmRotation { target: of.clone(), number: 27, role: Role::Trader },
            Request::Steer { target: of.clone(), number: 27 },
            Request::Adopt { target: of },
            Request::Fire(Level::Stop),
            Request::Fire(Level::Halt),
            Request::Hold,
            Request::Release,
        ]
    }

    #[test]
    fn a_refused_class_is_named_in_english() {
        let classes = BTreeMap::new();
        let who = who(Some(Role::Trader));
        let situation = Situation {
            who: &who,
            environment: Some(Environment::Production),
            look_only: None,
            classes: &classes,
            boundary: &BOUNDARY,
        };
        for (name, says) in [("prod/rds/password", "read a database secret in"), ("plain", "read this secret in")] {
            let asked = Request::Read { target: target(name), purpose: Purpose::Get };
            let Decision::Refuse(reasons) = decide(&situation, &asked) else { panic!("{name} is refused") };
            assert!(reasons[0].contains(says), "{reasons:?}");
        }
    }

    #[test]
    fn under_look_only_no_change_is_permitted_for_any_role_anywhere() {
        let classes = BTreeMap::new();
        for role in Role::ALL.into_iter().map(Some).chain([None]) {
            for environment in [None, Some(Environment::Qa), Some(Environment::Paper), Some(Environment::Production)] {
                let who = who(role);
                let situation = Situation {
                    who: &who,
                    environment,
                    look_only: Some("--readonly"),
                    classes: &classes,
                    boundary: &BOUNDARY,
                };
                for request in every_request("broker.password") {
                    if request.changes_something() {
                        let got = decide(&situation, &request);
                        assert!(matches!(got, Decision::Refuse(_)), "{role:?} {environment:?} {request:?}: {got:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn look_only_never_stands_between_a_trader_and_a_stop() {
        let classes = BTreeMap::new();
        for environment in [Environment::Qa, Environment::Paper, Environment::Production, Environment::Demo] {
            let who = who(Some(Role::Trader));
            let situation = Situation {
                who: &who,
                environment: Some(environment),
                look_only: Some("--readonly"),
                classes: &classes,
                boundary: &BOUNDARY,
            };
            for level in [Level::Stop, Level::Halt] {
                assert_eq!(decide(&situation, &Request::Fire(level)), Decision::Permit);
            }
        }
    }

    #[test]
    fn a_secret_of_another_environment_is_out_of_reach_for_every_role() {
        let classes = BTreeMap::new();
        for role in Role::ALL {
            let who = who(Some(role));
            let situation = Situation {
                who: &who,
                environment: Some(Environment::Qa),
                look_only: None,
                classes: &classes,
                boundary: &BOUNDARY,
            };
            for request in every_request("prod/trader/ibkr-api-key").iter().filter(|r| r.target().is_some()) {
                assert_eq!(decide(&situation, request), Decision::Crossed { owner: Environment::Production });
            }
        }
    }

    #[test]
    fn a_class_from_configuration_comes_before_the_name() {
        let classes = BTreeMap::from([("plain.name".to_owned(), Class::Broker)]);
        let who = who(Some(Role::Devops));
        let situation = Situation {
            who: &who,
            environment: Some(Environment::Production),
            look_only: None,
            classes: &classes,
            boundary: &BOUNDARY,
        };
        let read = |name: &str| decide(&situation, &Request::Read { target: target(name), purpose: Purpose::Get });
        for name in ["plain.name", "PLAIN.NAME", "/plain.name", "plain%2ename", "plain.name#key"] {
            assert!(matches!(read(name), Decision::Refuse(_)), "{name}");
        }
        assert_eq!(read("other.name"), Decision::Permit);
    }

    #[test]
    fn production_waits_for_governance_and_says_so() {
        let classes = BTreeMap::new();
        let who = who(Some(Role::Devops));
        let situation = Situation {
            who: &who,
            environment: Some(Environment::Production),
            look_only: None,
            classes: &classes,
            boundary: &BOUNDARY,
        };
        let got = decide(&situation, &Request::Write { target: target("broker.password") });
        assert!(matches!(got, Decision::NeedsApproval { by: Role::Governance, .. }), "{got:?}");
    }

    /// Rotations (R2.3), cell by cell: who plans, begins, steers, adopts and confirms, in the order of `Role::ALL`, then
    /// who has no role. `y` at once, `a` after a signed approval, `-` never.
    #[test]
    fn who_rotates_where_holds_cell_by_cell() {
        use Environment::{Paper, Production, Qa};
        let of = || target("broker.password");
        let rotate = || Request::Rotate { target: of() };
        let steer = || Request::Steer { target: of(), number: 27 };
        let adopt = || Request::Adopt { target: of() };
        let plan = || Request::PlanRotation { target: of() };
        let confirm = |role| Request::ConfirmRotation { target: of(), number: 27, role };
        // Trader, DevOps, QA, service, governance, nobody.
        let table = [
            (Qa, plan(), "yyyyyy"),
            (Qa, rotate(), "yyy--y"),
            (Qa, steer(), "yyy--y"),
            (Qa, adopt(), "yyy--y"),
            (Paper, plan(), "yyyyyy"),
            (Paper, rotate(), "-y----"),
            (Paper, steer(), "-y----"),
            (Paper, adopt(), "-y----"),
            (Paper, confirm(Role::Trader), "y-----"),
            (Paper, confirm(Role::Devops), "-y----"),
            (Production, plan(), "yyyyyy"),
            (Production, rotate(), "-a----"),
            (Production, steer(), "-y----"),
            (Production, adopt(), "-a----"),
            (Production, confirm(Role::Governance), "----y-"),
        ];
        let classes = BTreeMap::new();
        for (environment, request, wanted) in table {
            for (role, want) in Role::ALL.into_iter().map(Some).chain([None]).zip(wanted.chars()) {
                let who = who(role);
                let environment = Some(environment);
                let situation =
                    Situation { who: &who, environment, look_only: None, classes: &classes, boundary: &BOUNDARY };
                let got = match decide(&situation, &request) {
                    Decision::Permit => 'y',
                    Decision::NeedsApproval { .. } => 'a',
                    Decision::Refuse(_) | Decision::Crossed { .. } => '-',
                };
                assert_eq!(got, want, "{role:?} in {environment:?}: {request:?}");
            }
        }
    }
}
