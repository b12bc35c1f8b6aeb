//! The short way to the switch, for the command line: it needs no plugin, no journal that can be written, and no
//! configuration that can be read. Refuses to mount anything, and to guess an environment.

use super::in_time::in_time;
use super::{Switch, SwitchOpening};
use crate::config::{Config, ConfigError, Wanted};
use crate::failure::Told;
use crate::installation::random_id;
use crate::journal::{ClosedJournal, FileJournal, Journal, JournalError, Opening, Patient};
use crate::open::{OpenError, environment_without, look_only, need_home, state_folder, who_of};
use crate::surroundings::Surroundings;
use quarterdeck_domain::environment::{Environment, UnknownEnvironment};
use quarterdeck_domain::person::Who;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// Where somebody stands who reaches the switch this way.
pub struct Post {
    /// The switch, open and not started.
    pub switch: Arc<Switch>,
    /// Who asks.
    pub who: Who,
    /// Where.
    pub environment: Environment,
    /// What was configured, if it can be read.
    pub config: Option<Config>,
    /// Why it can't be, if so.
    pub broken: Option<Told>,
}

/// Opens it.
pub fn post(surroundings: &Surroundings, wanted: Wanted<'_>, program: &str) -> Result<Post, OpenError> {
    let (config, broken, environment) = match load_in_time(surroundings, wanted, patience(program)) {
        Ok(config) => {
            let environment = config.environment.ok_or(UnknownEnvironment::Unset)?;
            (Some(config), None, environment)
        }
        Err(error) => {
            let told = error.told();
            (None, Some(told), environment_without(surroundings, wanted, error)?)
        }
    };
    let session = random_id("sess", 12);
    let who = who_of(config.as_ref(), surroundings, session.clone());
    let switch = Switch::open(SwitchOpening {
        surroundings,
        environment,
        config: config.as_ref(),
        who: who.clone(),
        journal: Arc::new(Patient::new(journal_in_time(surroundings, environment, &session, patience(program)))),
        program: program.to_owned(),
        look_only: Arc::new(RwLock::new(look_only(surroundings))),
    });
    if switch.place().is_own() {
        need_home(surroundings)?;
    }
    Ok(Post { switch, who, environment, config, broken })
}

/// So long the journal may be read before it is gone on without: a stop doesn't wait for it, what makes the firm riskier
/// does, and is refused without it.
fn patience(program: &str) -> Duration {
    if matches!(program, "kill stop" | "kill halt") { Duration::from_secs(1) } else { Duration::from_secs(5) }
}

/// The configuration; one that is not read in time is one that can't be read.
fn load_in_time(surroundings: &Surroundings, wanted: Wanted<'_>, patience: Duration) -> Result<Config, ConfigError> {
    let own = surroundings.clone();
    let name = if let Wanted::Named(name) = wanted { Some(name.to_owned()) } else { None };
    let is_demo = matches!(wanted, Wanted::Demo);
    let loaded = in_time(patience, move || {
        let wanted = match &name {
            Some(name) => Wanted::Named(name),
            None if is_demo => Wanted::Demo,
            None => Wanted::AsConfigured,
        };
        Config::load(&own, wanted)
    });
    loaded.unwrap_or_else(|| {
        let why = format!("it was not read within {} ms: the disk may hang", patience.as_millis());
        Err(ConfigError::Unreadable { file: surroundings.config_home(), why: std::io::Error::other(why) })
    })
}

/// On a thread of its own: a disk that hangs, or a journal that somebody flooded, must not keep a stop from going out.
fn journal_in_time(
    surroundings: &Surroundings,
    environment: Environment,
    session: &str,
    patience: Duration,
) -> Arc<dyn Journal> {
    let (own, session) = (surroundings.clone(), session.to_owned());
    in_time(patience, move || journal(&own, environment, &session)).unwrap_or_else(|| {
        let path = state_folder(surroundings, Some(environment)).join("journal");
        let text = format!("it is still being read after {} ms", patience.as_millis());
        Arc::new(ClosedJournal::new(JournalError::Io { doing: "opening", path, text }))
    })
}

/// The journal; where there can be none, one that says why.
fn journal(surroundings: &Surroundings, environment: Environment, session: &str) -> Arc<dyn Journal> {
    let folder = state_folder(surroundings, Some(environment));
    let io = |text: String| JournalError::Io { doing: "opening the state's folder", path: folder.clone(), text };
    let opened = need_home(surroundings)
        .map_err(|error| io(error.to_string()))
        .and_then(|()| {
            if folder.is_dir() {
                return Ok(());
            }
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|error| io(error.to_string()))
        })
        .and_then(|()| FileJournal::open(Opening::of(folder.join("journal"), Some(environment), session)));
    match opened {
        Ok(journal) => Arc::new(journal),
        Err(error) => Arc::new(ClosedJournal::new(error)),
    }
}
