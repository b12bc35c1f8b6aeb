//! The layers of this session: each backend instance with its place in the order, ready to be asked. Refuses to drop
//! one in silence: a plugin that is missing or refused is mounted as a backend that says why.

use crate::catalogue::{self, Found};
use crate::config::{BackendTable, Config, SettingValue, duration};
use crate::installation::InstallationKey;
use crate::key_file::KeyFile;
use crate::ordinary;
use crate::overview::EVERY;
use crate::surroundings::Surroundings;
use crate::yaml::YamlFile;
use jiff::SignedDuration;
use quarterdeck_contract::{
    BackendError, Call, Description, ErrorKind, Health, Inspection, Page, PageRequest, Reading, Result, SecretBytes,
    SecretName, SecretsBackend, Setting, Setup, VersionId,
};
use quarterdeck_domain::environment::Environment;
use quarterdeck_host::{HostSpec, HostState, HostStatus, Hosted, InProcess, LoadRules, OnChange, PluginManifest};
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
    backend: Arc<dyn SecretsBackend>,
    process: Process,
    key: Option<Arc<KeyFile>>,
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
    let mut layers = layers(config, surroundings);
    if let Some(layer) = besides.filter(|layer| layers.iter().all(|other| other != layer)) {
        layers.push(layer.to_owned());
    }
    layers
        .into_iter()
        .map(|layer| {
            let table = config.file.backend.get(&layer).cloned().unwrap_or_default();
            mount(&layer, &table, &Place { folders: &folders, surroundings, key }, on_change)
        })
        .collect()
}

/// The layers that are switched on, highest first.
pub fn layers(config: &Config, surroundings: &Surroundings) -> Vec<String> {
    let on = |layer: &str| {
        let table = config.file.backend.get(layer);
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
    folders: &'a [PathBuf],
    surroundings: &'a Surroundings,
    key: Option<&'a InstallationKey>,
}

fn mount(layer: &str, table: &BackendTable, place: &Place<'_>, on_change: Option<&OnMountChange>) -> Mount {
    let kind = table.plugin.clone().unwrap_or_else(|| layer.to_owned());
    let (backend, process): (Arc<dyn SecretsBackend>, Process) = if kind == "yaml" {
        let path = table.path.clone().unwrap_or_else(|| place.surroundings.cwd.join("secrets.yaml"));
        (Arc::new(YamlFile::new(path)), Process::BuiltIn)
    } else {
        match plugin(layer, &kind, table, place, on_change) {
            Ok(mounted) => mounted,
            Err(error) => (Arc::new(Missing { kind: kind.clone(), error }), Process::Missing),
        }
    };
    let span = |text: &Option<String>, usual| text.as_deref().and_then(|t| duration::parse(t).ok()).unwrap_or(usual);
    let within = span(&table.within, SignedDuration::from_secs(5));
    Mount {
        layer: layer.to_owned(),
        kind,
        within: Duration::try_from(within).unwrap_or(Duration::from_secs(5)),
        every: span(&table.every, EVERY),
        backend,
        process,
        key: table
            .key_file
            .clone()
            .filter(|_| place.surroundings.var("DP_SECRETS_ENCRYPTION_KEY").is_none())
            .map(|path| Arc::new(KeyFile::new(path))),
    }
}

fn plugin(
    layer: &str,
    kind: &str,
    table: &BackendTable,
    place: &Place<'_>,
    on_change: Option<&OnMountChange>,
) -> Result<(Arc<dyn SecretsBackend>, Process)> {
    let found = catalogue::find(kind, place.folders).ok_or_else(|| {
        BackendError::new(ErrorKind::Gone, format!("there is no plugin '{kind}'"))
            .doing(format!("looking for libquarterdeck_{kind}.so in {}", shown(place.folders)))
            .hint("Build it with 'cargo build --release', or name its folder under [plugins] folders.")
    })?;
    let manifest = manifest(&found)?;
    let versions = place.key.map(|key| key.derived(&format!("versions of {layer}")));
    let first = setup(layer, kind, table, &manifest, place.surroundings)?;
    let first = with_versions_key(first, kind, versions.as_ref());
    if table.isolation.as_deref() == Some("none") {
        let inside = Arc::new(InProcess::load(
            layer,
            &found.library,
            &LoadRules::for_this_process(),
            &first,
            Arc::new(|_, _| {}),
        )?);
        return Ok((inside.clone(), Process::Inside(inside)));
    }
    let mut spec = HostSpec::new(layer, place.surroundings.executable.clone(), found.library, first);
    // A key file that was changed meanwhile reaches the next child: a rekey needs no new cockpit.
    let (name, kind, table, surroundings) =
        (layer.to_owned(), kind.to_owned(), table.clone(), place.surroundings.clone());
    spec.renew = Some(Arc::new(move || {
        let made = setup(&name, &kind, &table, &manifest, &surroundings).ok()?;
        Some(with_versions_key(made, &kind, versions.as_ref()))
    }));
    if let Some(told) = on_change.cloned() {
        let layer = layer.to_owned();
        let on_change: OnChange = Arc::new(move |status| told(&layer, status));
        spec.on_change = Some(on_change);
    }
    let hosted = Arc::new(Hosted::new(spec));
    Ok((hosted.clone(), Process::Child(hosted)))
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

fn setup(
    layer: &str,
    kind: &str,
    table: &BackendTable,
    manifest: &PluginManifest,
    surroundings: &Surroundings,
) -> Result<Setup> {
    let mut setup = Setup { instance: layer.to_owned(), ..Setup::default() };
    for (name, value) in &table.settings {
        let value = match value {
            SettingValue::Flag(flag) => Setting::Flag(*flag),
            SettingValue::Number(number) => Setting::Number(*number),
            SettingValue::Text(text) => Setting::Text(text.clone()),
            SettingValue::List(items) => Setting::List(items.clone()),
        };
        setup.settings.insert(name.clone(), value);
    }
    let path = table.path.clone().or_else(|| fernet_path(kind, surroundings));
    if let Some(path) = path {
        // The folder is what the plugin's manifest asks for: a rename makes a new file, so rights are a folder's.
        if let Some(folder) = path.parent() {
            setup.settings.insert("folder".into(), Setting::Text(folder.to_string_lossy().into_owned()));
        }
        setup.settings.insert("path".into(), Setting::Text(path.to_string_lossy().into_owned()));
    }
    if let Some(files) = &table.env_files {
        let files = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
        setup.settings.insert("env_files".into(), Setting::List(files));
    }
    for (name, value) in surroundings.entries() {
        if manifest.wants(&name) && !is_reserved(&name) {
            setup.secrets.insert(name, SecretBytes::new(value));
        }
    }
    if kind == "fernet"
        && let Some(key) = fernet_key(table.key_file.as_deref(), surroundings)?
    {
        setup.secrets.insert("key".into(), key);
    }
    Ok(setup)
}

/// A version's id is a fingerprint; under a key of ours it stays the same when the file is sealed anew.
fn with_versions_key(mut setup: Setup, kind: &str, versions: Option<&SecretBytes>) -> Setup {
    if kind == "fernet"
        && let Some(key) = versions
    {
        setup.secrets.insert("fingerprint_key".into(), key.duplicate());
    }
    setup
}

/// The guide's own names, which steer and are never secrets (R1.2).
pub fn is_reserved(entry: &str) -> bool {
    let entry = entry.to_ascii_uppercase();
    const PREFIXES: [&str; 3] = ["DP_USE_", "DP_VAULT_", "DP_AUDIT_"];
    const NAMES: [&str; 3] = ["DP_SECRETS_ENCRYPTION_KEY", "DP_ENCRYPTED_SECRETS_FILE", "DP_ENVIRONMENT"];
    NAMES.contains(&entry.as_str()) || PREFIXES.iter().any(|prefix| entry.starts_with(prefix))
}

fn fernet_path(kind: &str, surroundings: &Surroundings) -> Option<PathBuf> {
    if kind != "fernet" {
        return None;
    }
    let named = surroundings.var("DP_ENCRYPTED_SECRETS_FILE").unwrap_or(".secrets/encrypted_secrets.bin");
    Some(surroundings.cwd.join(named))
}

/// Largest key file that is read: a key is 44 bytes, and several may stand in it.
const KEY_FILE: u32 = 64 << 10;

/// The environment's key, else the key file's.
fn fernet_key(file: Option<&Path>, surroundings: &Surroundings) -> Result<Option<SecretBytes>> {
    if let Some(key) = surroundings.var("DP_SECRETS_ENCRYPTION_KEY") {
        return Ok(Some(SecretBytes::from(key)));
    }
    let Some(file) = file else { return Ok(None) };
    let bytes = ordinary::read(file, KEY_FILE).map_err(|error| {
        BackendError::new(ErrorKind::Invalid, format!("the key can't be read: {error}"))
            .doing(format!("reading {}", file.display()))
            .hint("Name the right file in [backend.fernet] key_file, or set DP_SECRETS_ENCRYPTION_KEY.")
    })?;
    Ok(Some(SecretBytes::new(bytes)))
}

/// What a plugin's library said of itself when it was loaded in a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Its version.
    pub version: String,
    /// The joint it was built for: `1.0`.
    pub abi: String,
    /// Its SHA-256, hex.
    pub sha256: String,
}

/// Loads a plugin in a child of its own, as it is configured when nothing is said, and says what it is or why it was
/// refused. It gets no secret.
pub fn judge(found: &Found, surroundings: &Surroundings) -> std::result::Result<Judged, String> {
    let usual = BackendTable::default();
    let setup = manifest(found).and_then(|manifest| setup(&found.name, &found.name, &usual, &manifest, surroundings));
    let setup = Setup { secrets: Default::default(), ..setup.map_err(|error| error.to_string())? };
    let hosted = Hosted::new(HostSpec::new(&found.name, surroundings.executable.clone(), found.library.clone(), setup));
    let ready = hosted.ready(Duration::from_secs(5));
    let status = hosted.status();
    match (status.version, status.abi, status.sha256) {
        (Some(version), Some((major, minor)), Some(sha256)) => {
            Ok(Judged { version, abi: format!("{major}.{minor}"), sha256 })
        }
        _ => Err(ready.err().map_or_else(|| "it did not say what it is".into(), |error| error.to_string())),
    }
}

/// A backend that could not be mounted: it answers every question with the reason.
struct Missing {
    kind: String,
    error: BackendError,
}

impl SecretsBackend for Missing {
    fn describe(&self) -> Description {
        Description { backend: self.kind.clone(), target: String::new(), capabilities: Vec::new(), extras: Vec::new() }
    }

    fn health(&self, _: Call) -> Result<Health> {
        Err(self.error.clone())
    }

    fn list(&self, _: &PageRequest, _: Call) -> Result<Page> {
        Err(self.error.clone())
    }

    fn inspect(&self, _: &SecretName, _: Call) -> Result<Inspection> {
        Err(self.error.clone())
    }

    fn keys(&self, _: &SecretName, _: Call) -> Result<Vec<String>> {
        Err(self.error.clone())
    }

    fn read(&self, _: &SecretName, _: Option<&VersionId>, _: Call) -> Result<Reading> {
        Err(self.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_steering_names_are_never_secrets() {
        for name in
            ["DP_USE_VAULT", "DP_VAULT_PATH", "DP_AUDIT_LOG_FILE", "DP_SECRETS_ENCRYPTION_KEY", "DP_ENVIRONMENT"]
        {
            assert!(is_reserved(name), "{name}");
        }
        assert!(!is_reserved("DP_BROKER__PASSWORD"));
        assert!(!is_reserved("DP_ENVIRONMENTAL"));
    }
}
