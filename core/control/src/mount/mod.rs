//! The layers of this session: each backend instance with its place in the order, ready to be asked. Refuses to drop
//! one in silence: a plugin that is missing or refused is mounted as a backend that says why.

mod helper;
mod judge;
mod missing;
pub(crate) mod pins;
mod private;
mod profile;
mod renewing;
mod scope;
mod settings;
mod setup;

pub use judge::{Judged, judge, judge_here};
pub use setup::is_reserved;

use crate::breaker::{Breaker, Guarded};
use crate::catalogue::{self, Found};
use crate::config::{BackendTable, Config, duration};
use crate::installation::InstallationKey;
use crate::key_file::KeyFile;
use crate::overview::EVERY;
use crate::surroundings::Surroundings;
use crate::yaml::YamlFile;
use helper::{CREDENTIAL_PROCESS, Helper};
use jiff::SignedDuration;
use missing::Missing;
use quarterdeck_contract::{BackendError, Call, ErrorKind, Result, SecretsBackend, Setup};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::environment::Environment;
use quarterdeck_host::{HostSpec, HostState, HostStatus, Hosted, InProcess, LoadRules, OnChange, PluginManifest};
use renewing::{Renewal, Renewing, renew};
use scope::Scope;
use settings::Wish;
use setup::Maker;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The order of resolution when configuration says nothing, highest first (R1.1).
pub const ORDER: [&str; 5] = ["env", "vault", "aws", "fernet", "yaml"];

/// One backend instance in its place.
#[derive(Clone)]
pub struct Mount {
    /// The instance's name, which is also the layer's: `fernet`, `vault-eu`.
    pub layer: String,
    /// The kind of backend: the plugin's name.
    pub kind: String,
    /// How long an answer may take.
    pub within: Duration,
    /// How often it is asked.
    pub every: SignedDuration,
    /// Its absence is an answer: nothing is looked for below it while it can't be asked.
    pub required: bool,
    /// A verb asked for it, and it is not switched on.
    pub(crate) besides: bool,
    backend: Arc<dyn SecretsBackend>,
    breaker: Arc<Breaker>,
    process: Process,
    key: Option<Arc<KeyFile>>,
    refused: Option<EventKind>,
    scope: Scope,
}

#[derive(Clone)]
enum Process {
    Child(Arc<Hosted>),
    Inside(Arc<InProcess>),
    BuiltIn,
    Missing,
}

impl Mount {
    /// The backend.
    pub fn backend(&self) -> &dyn SecretsBackend {
        self.backend.as_ref()
    }

    /// A layer of a backend that is there already.
    #[cfg(test)]
    pub(crate) fn of(layer: &str, backend: Arc<dyn SecretsBackend>) -> Self {
        Self {
            layer: layer.to_owned(),
            kind: backend.describe().backend,
            within: Duration::from_secs(5),
            every: EVERY,
            required: false,
            besides: false,
            backend,
            breaker: Arc::new(Breaker::new(Duration::ZERO)),
            process: Process::BuiltIn,
            key: None,
            refused: None,
            scope: Scope::default(),
        }
    }

    /// What goes with each call.
    pub fn call(&self) -> Call {
        Call { within: self.within }
    }

    /// How its process is, where it has one.
    pub fn host_status(&self) -> Option<HostStatus> {
        match &self.process {
            Process::Child(hosted) => Some(hosted.status()),
            Process::Inside(inside) => Some(inside.status()),
            Process::BuiltIn | Process::Missing => None,
        }
    }

    /// `child 4121`, `in process`, `built in`, `none`.
    pub fn isolation(&self) -> String {
        match &self.process {
            Process::BuiltIn => "built in".into(),
            Process::Missing => "none".into(),
            _ => self.host_status().map(|status| status.isolation).unwrap_or_default(),
        }
    }

    /// Ends a wait before a restart: somebody asked to read again.
    pub fn restart_if_waiting(&self) {
        if let Process::Child(hosted) = &self.process
            && matches!(hosted.status().state, HostState::Down { .. })
        {
            hosted.restart_now();
        }
    }

    /// A person asked: it is tried at once, whatever it did before.
    pub fn try_again(&self) {
        self.breaker.forgive();
        self.restart_if_waiting();
    }

    /// Starts its process with the key that is in the key file now, if that is another than before. True when it did.
    pub fn take_changed_key(&self) -> bool {
        let changed = self.key.as_ref().is_some_and(|key| key.changed());
        if let (true, Process::Child(hosted)) = (changed, &self.process) {
            hosted.restart_now();
        }
        changed
    }

    /// Where its key lies, when that is a file of its own.
    pub fn key_file(&self) -> Option<&Path> {
        self.key.as_ref().map(|key| key.path())
    }

    /// The backend's name of a configuration key, where the layer is made of secrets whose keys are configuration keys.
    pub(crate) fn name_of_key(&self, key: &str) -> Result<Option<String>> {
        self.scope.name_of_key(self.backend(), key, self.call())
    }

    /// Where a key would be in the secrets that this layer is made of, whether or not it is there.
    pub(crate) fn home_of(&self, key: &str) -> Option<String> {
        self.scope.home_of(key)
    }

    /// True for a name in the notation of the secrets that this layer is made of.
    pub(crate) fn owns(&self, name: &str) -> bool {
        self.scope.owns(name)
    }

    /// A name in a listing that stands for all the keys of one of those secrets, since they can't be told; with what they
    /// are under.
    pub(crate) fn untold(&self, name: &str) -> Option<(String, String)> {
        self.scope.untold(name)
    }

    /// False for what nothing can be stored in.
    pub(crate) fn is_store(&self) -> bool {
        !matches!(self.kind.as_str(), "env" | "yaml")
    }

    /// False for a name that is no part of what configuration makes this layer of.
    pub(crate) fn browses(&self, name: &str) -> bool {
        self.scope.browses(name)
    }

    /// The configuration key that a name is, as far as configuration tells.
    pub(crate) fn key_of(&self, name: &str) -> Option<String> {
        self.scope.key_of(name)
    }

    /// The event that records that it was refused by policy, if it was.
    pub(crate) fn refused(&self) -> Option<EventKind> {
        self.refused
    }

    /// True when its plugin could not be mounted at all.
    pub fn is_missing(&self) -> bool {
        matches!(self.process, Process::Missing)
    }
}

/// Told when a plugin's process changes its state, with the layer's name.
pub type OnMountChange = Arc<dyn Fn(&str, &HostStatus) + Send + Sync>;

/// Mounts every layer that configuration and environment switch on, highest first; `besides` names one that a verb needs
/// whether or not it is switched on. Starts nothing: the first call does.
pub fn mount_all(
    config: &Config,
    surroundings: &Surroundings,
    key: Option<&InstallationKey>,
    besides: Option<&str>,
    on_change: Option<&OnMountChange>,
) -> Vec<Mount> {
    let folders = catalogue::folders(config, surroundings);
    let layers = layers(config, surroundings);
    let besides = besides.filter(|layer| layers.iter().all(|other| other != layer));
    let place = Place { config, folders: &folders, surroundings, key };
    let besides = besides.map(|layer| Mount { besides: true, ..mount(layer, &place, on_change) });
    layers.iter().map(|layer| mount(layer, &place, on_change)).chain(besides).collect()
}

/// The layers that are switched on, highest first.
pub fn layers(config: &Config, surroundings: &Surroundings) -> Vec<String> {
    let on = |layer: &str| {
        let table = config.file.backend.get(layer);
        if table.is_some_and(|table| !config.is_for_here(table)) {
            return false;
        }
        table.and_then(|table| table.enabled).unwrap_or_else(|| {
            table.is_some()
                || match layer {
                    "env" => true,
                    "vault" => surroundings.switched_on("DP_USE_VAULT"),
                    "fernet" => {
                        surroundings.switched_on("DP_USE_ENCRYPTED_SECRETS")
                            || surroundings.var("DP_SECRETS_ENCRYPTION_KEY").is_some()
                    }
                    // In Production nothing is read because it happens to lie in the working folder.
                    "yaml" => {
                        config.environment != Some(Environment::Production)
                            && surroundings.cwd.join("secrets.yaml").is_file()
                    }
                    _ => false,
                }
        })
    };
    let named = config.file.layers.order.clone().unwrap_or_default();
    let default = ORDER.iter().map(|layer| (*layer).to_owned());
    let configured = config.file.backend.keys().cloned();
    let mut seen = BTreeSet::new();
    named.into_iter().chain(default).chain(configured).filter(|layer| seen.insert(layer.clone()) && on(layer)).collect()
}

/// Where and for whom is mounted.
struct Place<'a> {
    config: &'a Config,
    folders: &'a [PathBuf],
    surroundings: &'a Surroundings,
    key: Option<&'a InstallationKey>,
}

/// Why there is no backend, and the event that says so where policy refused it.
struct Refusal {
    error: Box<BackendError>,
    event: Option<EventKind>,
}

impl From<BackendError> for Refusal {
    fn from(error: BackendError) -> Self {
        Self { error: error.into(), event: None }
    }
}

fn by_policy(event: EventKind) -> impl Fn(BackendError) -> Refusal {
    move |error| Refusal { error: error.into(), event: Some(event) }
}

type Mounted = (Arc<dyn SecretsBackend>, Process);

fn mount(layer: &str, place: &Place<'_>, on_change: Option<&OnMountChange>) -> Mount {
    let table = place.config.file.backend.get(layer).cloned().unwrap_or_default();
    let kind = table.plugin.clone().unwrap_or_else(|| layer.to_owned());
    let wish = Wish {
        layer,
        kind: &kind,
        table: &table,
        environment: place.config.environment,
        surroundings: place.surroundings,
    };
    let scope = wish.settings().map(|settings| Scope::of(&kind, &settings)).unwrap_or_default();
    let span = |text: &Option<String>, usual| text.as_deref().and_then(|t| duration::parse(t).ok()).unwrap_or(usual);
    let every = span(&table.every, EVERY);
    let within = span(&table.within, SignedDuration::from_secs(5));
    // An error stands until the next probe has had its time to answer.
    let breaker = Arc::new(Breaker::new(Duration::try_from(every + within).unwrap_or(Duration::from_secs(35))));
    let mut refused = None;
    let (backend, process): Mounted = if kind == "yaml" {
        let path = table.path.clone().unwrap_or_else(|| place.surroundings.cwd.join("secrets.yaml"));
        (Arc::new(YamlFile::new(path)), Process::BuiltIn)
    } else {
        plugin(layer, &kind, &table, place, &breaker, on_change).unwrap_or_else(|refusal| {
            refused = refusal.event;
            (Arc::new(Missing { kind: kind.clone(), error: *refusal.error }), Process::Missing)
        })
    };
    Mount {
        layer: layer.to_owned(),
        kind,
        within: Duration::try_from(within).unwrap_or(Duration::from_secs(5)),
        every,
        required: place.production() || table.required == Some(true),
        besides: false,
        backend,
        breaker,
        process,
        key: table
            .key_file
            .clone()
            .filter(|_| place.surroundings.var("DP_SECRETS_ENCRYPTION_KEY").is_none())
            .map(|path| Arc::new(KeyFile::new(path))),
        refused,
        scope,
    }
}

impl Place<'_> {
    fn production(&self) -> bool {
        self.config.environment == Some(Environment::Production)
    }

    /// True where a plugin that the kernel can't confine whole is refused.
    fn whole(&self) -> bool {
        whole(self.config)
    }
}

fn whole(config: &Config) -> bool {
    let usual = if config.environment == Some(Environment::Production) { "whole" } else { "partial" };
    config.file.plugins.confinement.as_deref().unwrap_or(usual) == "whole"
}

fn plugin(
    layer: &str,
    kind: &str,
    table: &BackendTable,
    place: &Place<'_>,
    breaker: &Arc<Breaker>,
    on_change: Option<&OnMountChange>,
) -> std::result::Result<Mounted, Refusal> {
    let found = catalogue::find(kind, place.folders).ok_or_else(|| {
        BackendError::new(ErrorKind::Gone, format!("there is no plugin '{kind}'"))
            .doing(format!("looking for libquarterdeck_{kind}.so in {}", shown(place.folders)))
            .hint("Build it with 'cargo build --release', or name its folder under [plugins] folders.")
    })?;
    let pinned = pins::of(kind, &found.library, place.config).map_err(by_policy(EventKind::PluginRefused))?;
    let inside = table.isolation.as_deref() == Some("none");
    if inside && place.production() {
        return Err(by_policy(EventKind::PluginRefused)(
            BackendError::new(ErrorKind::Invalid, "'isolation = \"none\"' is refused in Production")
                .doing(format!("reading [backend.{layer}]"))
                .hint("Take it out: a plugin runs in a confined process of its own there."),
        ));
    }
    let maker = Maker {
        layer: layer.to_owned(),
        kind: kind.to_owned(),
        table: table.clone(),
        environment: place.config.environment,
        manifest: manifest(&found)?,
        surroundings: place.surroundings.clone(),
        versions: place.key.map(|key| key.derived(&format!("versions of {layer}"))),
    };
    crossed(layer, &maker.plain()?, place.config)
        .map_or(Ok(()), Err)
        .map_err(by_policy(EventKind::EnvironmentCrossed))?;
    if inside {
        let rules = LoadRules { pinned, ..LoadRules::for_this_process() };
        let first = maker.make(None)?;
        let inside = Arc::new(InProcess::load(layer, &found.library, &rules, &first, Arc::new(|_, _| {}))?);
        let backend = Guarded::new(inside.clone(), breaker.clone());
        return Ok((Arc::new(backend), Process::Inside(inside)));
    }
    // A secret that can't be read now may be there when the plugin is asked: see `Renewing`.
    let first = maker.make(None).unwrap_or_else(|_| maker.nothing());
    let helper = match kind == "aws" && maker.manifest.helpers.iter().any(|name| name == CREDENTIAL_PROCESS) {
        true => Helper::of(&maker.wish(), &first)?,
        false => None,
    };
    let watched = maker.watched();
    let manifest = maker.manifest.clone();
    let renewal = Arc::new(Renewal::new(maker, helper));
    let mut spec = HostSpec::new(layer, place.surroundings.executable.clone(), found.library, first);
    spec = spec.confined_by(manifest, place.whole());
    spec.pinned = pinned;
    // A file or a helper's answer that was changed meanwhile reaches the next child: it needs no new cockpit.
    spec.renew = Some(renew(&renewal));
    if let Some(told) = on_change.cloned() {
        let layer = layer.to_owned();
        let on_change: OnChange = Arc::new(move |status| told(&layer, status));
        spec.on_change = Some(on_change);
    }
    let hosted = Arc::new(Hosted::new(spec));
    let backend = Arc::new(Renewing::new(hosted.clone(), renewal, watched));
    Ok((Arc::new(Guarded::new(backend, breaker.clone())), Process::Child(hosted)))
}

/// Why a backend's settings lead to another environment's secrets, if they do: its own reads would cross the boundary.
fn crossed(layer: &str, setup: &Setup, config: &Config) -> Option<BackendError> {
    let boundary = config.boundary();
    let places = ["mount", "namespace", "path", "password_path", "prefix"];
    let mut owned = places.into_iter().filter_map(|setting| {
        // What lies in a folder of this machine is no name in a store.
        let place = setup.text(setting).filter(|_| setting != "path" || setup.text("folder").is_none())?;
        // The parts below a place may have any name, so the place itself is asked as if it had one.
        let inside = format!("{}/*", place.trim_end_matches('/'));
        let crossed = |name| boundary.crossed(layer, name, config.environment);
        Some((setting, crossed(place).or_else(|| crossed(&inside))?))
    });
    let (setting, owner) = owned.next()?;
    let what = format!("refused: its {setting} belongs to {}", owner.title());
    let hint = format!("Name another {setting} here, or open a session there with '--env {}'.", owner.name());
    Some(BackendError::new(ErrorKind::Invalid, what).doing(format!("mounting {layer}")).hint(hint))
}

fn shown(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn manifest(found: &Found) -> Result<PluginManifest> {
    let Some(file) = &found.manifest else {
        return Err(BackendError::new(ErrorKind::Invalid, format!("there is no {}.plugin.toml", found.name))
            .doing(format!("mounting {}", found.library.display()))
            .hint("Put it beside the library: it says which folders, ports and entries the plugin needs."));
    };
    PluginManifest::read(&found.library).map_err(|error| {
        BackendError::new(ErrorKind::Invalid, error.to_string()).doing(format!("reading {}", file.display()))
    })
}

#[cfg(test)]
mod tests;
