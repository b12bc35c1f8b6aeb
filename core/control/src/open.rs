//! Opens a session: configuration, identity, journal, layers. Refuses to open without an environment where one is
//! needed, and without any plugin at all.

use crate::catalogue;
use crate::config::{Config, ConfigError, Wanted, environment_told};
use crate::failure::Told;
use crate::installation::{InstallationKey, random_id};
use crate::journal::{ClosedJournal, FileJournal, Journal, JournalError, Patient};
use crate::mount::{OnMountChange, mount_all};
use crate::serve::Control;
use crate::surroundings::Surroundings;
use quarterdeck_domain::environment::{Environment, UnknownEnvironment};
use quarterdeck_domain::person::{Person, Who};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, RwLock};

/// What the session is for.
#[derive(Clone, Default)]
pub struct Opening<'a> {
    /// The guide's verbs on a file need no environment; everything else does.
    pub needs_environment: bool,
    /// A layer that is needed whether or not it is switched on.
    pub besides: Option<&'a str>,
    /// It only looks: in a chosen environment the layers that are switched on are all there is to see.
    pub looks: bool,
    /// A cockpit: it opens though nothing can be recorded, and then nothing can be done from it.
    pub watches: bool,
    /// Why nothing may be changed, if so: `--readonly`.
    pub look_only: Option<String>,
    /// Told when a plugin's process changes its state.
    pub on_change: Option<OnMountChange>,
}

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No environment.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
    /// Configuration, and nobody says which environment it would have been.
    #[error("{0}")]
    Blind(ConfigError),
    /// The state's folder.
    #[error("the state's folder {folder} can't be used: {why}")]
    State {
        /// The folder.
        folder: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The journal.
    #[error("the journal can't be opened: {0}")]
    Journal(#[from] JournalError),
    /// Nothing to load.
    #[error("no plugin was found, so no secret can be reached")]
    NoPlugins {
        /// The folders that were searched.
        searched: String,
    },
    /// Nobody says where the user's files belong.
    #[error("HOME is {found}, so there is no place for configuration and journal")]
    NoHome {
        /// What it is instead of a folder.
        found: &'static str,
    },
}

impl OpenError {
    /// The three parts.
    pub fn told(&self) -> Told {
        let opening = || "opening the session".to_owned();
        let (doing, next) = match self {
            Self::Config(error) => return error.told(),
            Self::Environment(unknown) => return environment_told(unknown),
            Self::Blind(_) => (
                "reading the configuration".to_owned(),
                "Mend it; or name the environment with '--env': the cockpit and the kill-switch open without a configuration then.".to_owned(),
            ),
            Self::State { .. } => (opening(), "Check its owner and mode, or set XDG_STATE_HOME.".to_owned()),
            Self::Journal(error) => (opening(), error.hint().to_owned()),
            Self::NoPlugins { searched } => (
                format!("searching {searched}"),
                "Build them with 'cargo build --release', or install with './install'.".to_owned(),
            ),
            Self::NoHome { .. } => {
                (opening(), "Set HOME, or XDG_CONFIG_HOME, XDG_STATE_HOME and XDG_DATA_HOME.".to_owned())
            }
        };
        Told { what: self.to_string(), doing, next }
    }

    /// The same as the journal would say it.
    fn into_journals(self, folder: &Path) -> JournalError {
        match self {
            Self::Journal(error) => error,
            other => JournalError::Io {
                doing: "opening the state's folder",
                path: folder.to_owned(),
                text: other.to_string(),
            },
        }
    }

    /// The exit status of the command line for it.
    pub fn status(&self) -> u8 {
        match self {
            Self::Config(ConfigError::Environment(_)) | Self::Environment(_) => 2,
            Self::Config(_) | Self::Blind(_) | Self::State { .. } | Self::NoHome { .. } => 1,
            Self::Journal(JournalError::Broken(_) | JournalError::Replaced { .. }) => 6,
            Self::Journal(_) => 1,
            Self::NoPlugins { .. } => 5,
        }
    }
}

/// Refuses a home that is none: without it everything would be written at the root of the disk, or wherever one stands.
pub fn need_home(surroundings: &Surroundings) -> Result<(), OpenError> {
    let absolute = |name: &str| surroundings.var(name).map(|folder| folder.starts_with('/'));
    let home = absolute("HOME");
    let all = ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"].map(absolute);
    match home {
        _ if all.iter().all(|folder| *folder == Some(true)) => Ok(()),
        Some(true) => Ok(()),
        Some(false) => Err(OpenError::NoHome { found: "no absolute path" }),
        None => Err(OpenError::NoHome { found: "not set" }),
    }
}

/// Where an environment's state lies.
pub fn state_folder(surroundings: &Surroundings, environment: Option<Environment>) -> PathBuf {
    surroundings.state_home().join(environment.map_or("none", Environment::name))
}

/// Opens a session.
pub fn open(surroundings: Surroundings, wanted: Wanted<'_>, opening: &Opening<'_>) -> Result<Control, OpenError> {
    need_home(&surroundings)?;
    let (config, broken) = match Config::load(&surroundings, wanted) {
        Ok(config) => (config, None),
        Err(error) if opening.watches => without_configuration(&surroundings, wanted, error)?,
        Err(error) => return Err(error.into()),
    };
    if opening.needs_environment && config.environment.is_none() {
        return Err(UnknownEnvironment::Unset.into());
    }
    let folders = catalogue::folders(&config, &surroundings);
    // Where the plugins lie may stand in the very file that can't be read.
    if broken.is_none() && catalogue::all(&folders).is_empty() {
        let searched = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(OpenError::NoPlugins { searched });
    }
    let folder = state_folder(&surroundings, config.environment);
    let session = random_id("sess", 12);
    let (journal, key, closed) = match records(&folder, &config, &session) {
        Ok((journal, key)) => (journal, key, None),
        Err(error) if opening.watches => {
            let why = format!("nothing can be recorded: {error}");
            let journal: Arc<dyn Journal> = Arc::new(ClosedJournal::new(error.into_journals(&folder)));
            (journal, InstallationKey::passing(), Some(why))
        }
        Err(error) => return Err(error),
    };
    let who = who_of(Some(&config).filter(|_| broken.is_none()), &surroundings, session);
    let look_only =
        broken.clone().or(closed).or_else(|| opening.look_only.clone()).or_else(|| look_only(&surroundings));
    let besides = opening.besides.filter(|_| !opening.looks || config.environment.is_none());
    let mounts = mount_all(&config, &surroundings, Some(&key), besides, opening.on_change.as_ref());
    let journal = Arc::new(Patient::new(journal));
    let control = Control {
        classes: config.classes(),
        boundary: config.boundary(),
        look_only: Arc::new(RwLock::new(look_only)),
        surroundings,
        config,
        broken,
        who,
        mounts,
        journal: journal.clone(),
        patient: journal,
        switch: OnceLock::new(),
        key,
    };
    control.record_refusals();
    Ok(control)
}

/// A cockpit without a configuration: defaults for everything, and it looks only. Its kill-switch works all the same.
fn without_configuration(
    surroundings: &Surroundings,
    wanted: Wanted<'_>,
    error: ConfigError,
) -> Result<(Config, Option<String>), OpenError> {
    let why = format!("the configuration can't be read: {error}");
    let environment = environment_without(surroundings, wanted, error)?;
    let config = Config { environment: Some(environment), ..Config::default() };
    Ok((Config { warnings: vec![why.clone()], ..config }, Some(why)))
}

/// The environment that `--env` or `DP_ENVIRONMENT` name, where no configuration gives other names a meaning.
pub(crate) fn environment_without(
    surroundings: &Surroundings,
    wanted: Wanted<'_>,
    error: ConfigError,
) -> Result<Environment, OpenError> {
    let named = match wanted {
        Wanted::Demo => return Ok(Environment::Demo),
        Wanted::Named(name) => Some(name),
        Wanted::AsConfigured => surroundings.var("DP_ENVIRONMENT"),
    };
    match (error, named) {
        // It could be read; the name is what is wrong.
        (error @ ConfigError::Environment(_), _) => Err(error.into()),
        (_, Some(name)) => Ok(Environment::parse(name, &BTreeMap::new())?),
        (error, None) => Err(OpenError::Blind(error)),
    }
}

/// Who sits here: configuration's handle and role for the Unix user, else the user's own name and no role.
pub fn who(config: &Config, surroundings: &Surroundings, session: String) -> Who {
    who_of(Some(config), surroundings, session)
}

/// The same where the configuration may be unreadable: then nobody has a role.
pub(crate) fn who_of(config: Option<&Config>, surroundings: &Surroundings, session: String) -> Who {
    let (person, role) = config.map(|config| config.person_of(&surroundings.user)).unwrap_or_default();
    let person = person.unwrap_or_else(|| Person::of_unix(&surroundings.user));
    Who { person, role, session }
}

/// The documents' own switches for read-only (R4.7).
pub(crate) fn look_only(surroundings: &Surroundings) -> Option<String> {
    if surroundings.switched_on("DP_IBKR__READONLY") {
        return Some("DP_IBKR__READONLY is on".into());
    }
    surroundings.switched_off("DP_EXECUTION__ENABLED").then(|| "DP_EXECUTION__ENABLED is off".into())
}

/// The journal and the installation's key.
fn records(folder: &Path, config: &Config, session: &str) -> Result<(Arc<dyn Journal>, InstallationKey), OpenError> {
    let key = prepare(folder).map_err(|why| OpenError::State { folder: folder.to_owned(), why })?;
    let at = crate::journal::Opening::of(folder.join("journal"), config.environment, session);
    Ok((Arc::new(FileJournal::open(at)?), key))
}

fn prepare(folder: &Path) -> std::io::Result<InstallationKey> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    InstallationKey::open_or_make(&folder.join("installation.key"))
}
