//! Who may stop, hold and release here, in which role and by which right. Refuses to be asked by a stop for anything but a
//! yes or a no: neither look only nor a broken configuration stands in its way, and where no configuration tells a role
//! the kernel decides.

use super::place::owner_of;
use crate::config::Config;
use quarterdeck_domain::access::Class;
use quarterdeck_domain::decide::{Decision, Situation, decide};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Level;
use quarterdeck_domain::market::Market;
use quarterdeck_domain::person::{Role, Who};
use quarterdeck_domain::request::Request;
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

/// What configuration says, and who asks.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) environment: Environment,
    pub(super) who: Who,
    /// Configuration could be read.
    pub(super) configured: bool,
    /// The people who may stop here, by handle.
    pub(super) traders: Vec<String>,
    /// Engines that are expected, with their account.
    pub(super) engines: BTreeMap<String, Option<String>>,
    /// Whom to call for an engine, where it has a number of its own.
    pub(super) phones: BTreeMap<String, String>,
    pub(super) market: Option<Market>,
    pub(super) aliases: BTreeMap<String, Environment>,
    /// Why nothing may be changed from here, if so. A stop doesn't ask.
    pub(super) look_only: Arc<RwLock<Option<String>>>,
    pub(super) latch_folder: PathBuf,
    pub(super) latch_place: String,
}

/// What this session may, as it was found out last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rights {
    /// Why this session can't stop, if so.
    pub(super) may_not_stop: Option<String>,
    /// Who could hold or release.
    pub(super) can_hold: Vec<String>,
    /// Why this session can't hold or release, if so; that it looks only is known where it sits.
    pub(super) may_not_hold: Option<String>,
}

impl Policy {
    pub(super) fn of(
        config: Option<&Config>,
        environment: Environment,
        who: Who,
        latch_folder: PathBuf,
        look_only: Arc<RwLock<Option<String>>>,
    ) -> Self {
        let people = config.map(|config| config.file.person.as_slice()).unwrap_or_default();
        let unix = |person: &crate::config::PersonTable| person.unix.clone().unwrap_or_else(|| person.name.clone());
        // By the Unix user, as a session finds its own: the first entry that fits counts.
        let trader = |person: &crate::config::PersonTable| {
            let (name, role) = config?.person_of(&unix(person));
            name.filter(|_| role == Some(Role::Trader)).map(|name| name.as_str().to_owned())
        };
        let mut traders: Vec<String> = people.iter().filter_map(trader).collect();
        traders.sort();
        traders.dedup();
        let engines = config.map(|config| config.file.engine.as_slice()).unwrap_or_default();
        Self {
            environment,
            who,
            configured: config.is_some(),
            traders,
            engines: engines.iter().map(|engine| (engine.name.clone(), engine.account.clone())).collect(),
            phones: engines.iter().filter_map(|engine| Some((engine.name.clone(), engine.phone.clone()?))).collect(),
            market: config.and_then(Config::market),
            aliases: config.map(|config| config.file.environment.aliases.clone()).unwrap_or_default(),
            look_only,
            latch_place: latch_folder.display().to_string(),
            latch_folder,
        }
    }

    /// An engine's account as configuration gives it: the last four.
    pub(super) fn account(&self, engine: &str) -> Option<String> {
        let account = self.engines.get(engine)?.as_ref()?;
        let plain: Vec<char> = account.chars().filter(char::is_ascii_alphanumeric).collect();
        let last: String = plain[plain.len().saturating_sub(4)..].iter().collect();
        (!last.is_empty()).then(|| format!("****{last}"))
    }

    /// Why this session can't stop, and what to do instead.
    pub(super) fn may_not_stop(&self) -> Option<(String, String)> {
        if self.configured {
            let reasons = self.decide(&Request::Fire(Level::Stop), None)?;
            return Some((reasons.join("; "), "Call the on-call trader: 'quarterdeck kill who' lists them.".into()));
        }
        // A folder that isn't there, or a disk that takes nothing, is no refusal: the sockets are still there.
        match rustix::fs::accessat(CWD, &self.latch_folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
            Err(Errno::ACCESS | Errno::PERM) => Some((
                format!(
                    "the configuration can't be read, so whoever may write {} may stop, and this user may not",
                    self.latch_place
                ),
                "Call the on-call trader, or mend the configuration: 'quarterdeck config check'.".into(),
            )),
            _ => None,
        }
    }

    /// Why a hold or a release is refused to this session whatever stands, if so.
    pub(super) fn may_not(&self, request: &Request) -> Option<Vec<String>> {
        let look_only = self.look_only.read().ok().and_then(|why| why.clone());
        self.may_not_as(request, look_only.as_deref())
    }

    fn may_not_as(&self, request: &Request, look_only: Option<&str>) -> Option<Vec<String>> {
        if !self.configured {
            return Some(vec!["the configuration can't be read, so nobody has a role here".into()]);
        }
        // In Production it is the folder's owner who can, whatever role he has: see the machine.
        if self.environment == Environment::Production && self.owns_the_folder() {
            return look_only.map(|why| vec![format!("nothing can be changed from here: {why}")]);
        }
        self.decide(request, look_only)
    }

    /// Finds out what this session may now.
    pub(super) fn rights(&self) -> Rights {
        Rights {
            may_not_stop: self.may_not_stop().map(|(why, _)| why),
            can_hold: self.can_hold(),
            may_not_hold: self.may_not_hold(),
        }
    }

    fn can_hold(&self) -> Vec<String> {
        if self.environment == Environment::Production {
            return vec![self.folder_owner()];
        }
        let mut names = self.traders.clone();
        let own = self.who.person.as_str();
        if self.may_not_hold().is_none() && !names.iter().any(|name| name == own) {
            names.push(own.to_owned());
        }
        names
    }

    fn may_not_hold(&self) -> Option<String> {
        if self.environment == Environment::Production && !self.owns_the_folder() {
            return Some(format!(
                "release is not possible here yet except by the owner of the latch's folder ({}), as that user: quarterdeck kill release --env production",
                self.folder_owner()
            ));
        }
        self.may_not_as(&Request::Hold, None).map(|reasons| reasons.join("; "))
    }

    /// This user owns the latch's folder.
    pub(super) fn owns_the_folder(&self) -> bool {
        owner_of(&self.latch_folder) == Some(rustix::process::geteuid().as_raw())
    }

    /// Who owns it, by name.
    pub(super) fn folder_owner(&self) -> String {
        let Some(uid) = owner_of(&self.latch_folder) else { return "nobody".into() };
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let entry = passwd.lines().find(|line| line.split(':').nth(2) == Some(uid.to_string().as_str()));
        let name = entry.and_then(|line| line.split(':').next());
        name.map_or_else(|| format!("uid {uid}"), str::to_owned)
    }

    /// The reasons of a refusal.
    fn decide(&self, request: &Request, look_only: Option<&str>) -> Option<Vec<String>> {
        let classes: BTreeMap<String, Class> = BTreeMap::new();
        let situation = Situation {
            who: &self.who,
            environment: Some(self.environment),
            look_only,
            classes: &classes,
            boundary: &Default::default(),
        };
        match decide(&situation, request) {
            Decision::Permit => None,
            Decision::Refuse(reasons) => Some(reasons),
            Decision::NeedsApproval { why, .. } => Some(vec![why]),
            Decision::Crossed { owner } => Some(vec![format!("it belongs to {}", owner.title())]),
        }
    }
}
