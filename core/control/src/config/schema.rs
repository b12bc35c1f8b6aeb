//! What a configuration file may say. Refuses unknown keys.

use quarterdeck_domain::environment::Environment;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A whole file, or several merged.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// Which environment this is, and other names for environments.
    pub environment: EnvironmentTable,
    /// People and their roles.
    pub person: Vec<PersonTable>,
    /// The desk that is called when the screen can't help.
    pub desk: DeskTable,
    /// Where the kill-switch lies.
    pub kill_switch: KillSwitchTable,
    /// The engines that are expected.
    pub engine: Vec<EngineTable>,
    /// When positions can be closed.
    pub market: MarketTable,
    /// The order of resolution.
    pub layers: LayersTable,
    /// The backends by instance name.
    pub backend: BTreeMap<String, BackendTable>,
    /// Where plugins lie and how they are run.
    pub plugins: PluginsTable,
    /// What is known of single secrets.
    pub secret: Vec<SecretTable>,
    /// How this environment's secrets are rotated.
    pub rotate: RotateTable,
    /// Names that belong to one environment alone.
    pub boundary: Vec<BoundaryTable>,
    /// How often layers are looked at for versions that somebody else made.
    pub watch: WatchTable,
    /// Other programs' audit files.
    pub audit: AuditTable,
    /// How the screen looks.
    pub screen: ScreenTable,
    /// Keys by action name.
    pub keys: BTreeMap<String, KeyNames>,
}

/// `[environment]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnvironmentTable {
    /// The environment's name; `--env` and `DP_ENVIRONMENT` come before it.
    pub name: Option<String>,
    /// Other names: `staging = "paper"`.
    pub aliases: BTreeMap<String, Environment>,
}

/// `[[person]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonTable {
    /// The handle that stands in the journal.
    pub name: String,
    /// The Unix user; the same as `name` when it is left out.
    pub unix: Option<String>,
    /// `trader`, `devops`, `qa`, `service` or `governance`.
    pub role: String,
    /// The environments the role is for; all when it is left out.
    pub environments: Option<Vec<String>>,
}

/// `[desk]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeskTable {
    /// A telephone number.
    pub phone: Option<String>,
}

/// `[kill_switch]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KillSwitchTable {
    /// The folder above the latch, the engines' sockets and the list of those who are present.
    pub folder: Option<PathBuf>,
}

/// `[[engine]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineTable {
    /// The name of its socket and its status file, without the ending.
    pub name: String,
    /// The account it trades on; its last four are shown.
    pub account: Option<String>,
    /// Whom to call to stop it at the broker.
    pub phone: Option<String>,
}

/// `[market]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarketTable {
    /// The zone its times are in: `America/New_York`.
    pub zone: Option<String>,
    /// When it opens: `09:30`.
    pub open: Option<String>,
    /// When it closes: `16:00`.
    pub close: Option<String>,
    /// The days on which it opens: `["mon", "tue"]`.
    pub days: Option<Vec<String>>,
    /// The days on which it does not: `["2026-12-25"]`.
    pub holidays: Vec<String>,
}

/// `[layers]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayersTable {
    /// Backend instances, highest first; the default order for those left out.
    pub order: Option<Vec<String>>,
}

/// `[backend.NAME]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackendTable {
    /// The plugin, when it is not the instance's name.
    pub plugin: Option<String>,
    /// `false` leaves it out.
    pub enabled: Option<bool>,
    /// `child` (the default) or `none`.
    pub isolation: Option<String>,
    /// The file of `fernet` and `yaml`.
    pub path: Option<PathBuf>,
    /// A file with the Fernet key, mode 0600, when it is not in `DP_SECRETS_ENCRYPTION_KEY`.
    pub key_file: Option<PathBuf>,
    /// Files of the `env` backend, the later wins.
    pub env_files: Option<Vec<PathBuf>>,
    /// How often it is asked.
    pub every: Option<String>,
    /// How long an answer may take.
    pub within: Option<String>,
    /// Files that hold a secret setting each, by the setting's name: mode 0600, read anew at each start of the plugin.
    pub secret_files: BTreeMap<String, PathBuf>,
    /// The only environments in which it is mounted; all when it is left out.
    pub environments: Option<Vec<String>>,
    /// `true`: what must not be missing. A value isn't looked for below while it can't be asked (always so in
    /// Production).
    pub required: Option<bool>,
    /// What the plugin itself understands: texts, switches, whole numbers, lists of texts.
    pub settings: BTreeMap<String, SettingValue>,
}

/// A setting that is handed to a plugin as it stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// A switch.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// `[plugins]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsTable {
    /// Folders that are searched before the usual ones.
    pub folders: Vec<PathBuf>,
    /// The only libraries that may be loaded: the SHA-256 of each by the plugin's name, in hexadecimal. Empty: any that
    /// root or the user owns alone.
    pub pinned: BTreeMap<String, String>,
    /// `whole`: a plugin that the kernel here can't confine wholly is refused (the default in Production); `partial`: it
    /// is told on the tile.
    pub confinement: Option<String>,
}

/// `[[boundary]]`: these names belong to one environment alone (R2.1, R2.2), beside `qa/`, `paper/` and `prod/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundaryTable {
    /// Whose they are.
    pub environment: String,
    /// The names: `live/*`; `*` stands for any run of characters.
    pub names: Vec<String>,
    /// The layer whose names are meant; all when it is left out.
    pub layer: Option<String>,
}

/// `[[secret]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretTable {
    /// The backend's name.
    pub name: String,
    /// The configuration key it is tied to.
    pub key: Option<String>,
    /// Time from one rotation to the next: `30d`.
    pub period: Option<String>,
    /// `broker`, `cloud`, `database`, `tls` or `other`.
    pub class: Option<String>,
    /// Whose it is, where the name doesn't tell.
    pub environment: Option<String>,
    /// The layer whose secret is meant, where several hold the name.
    pub layer: Option<String>,
    /// Both values are valid for so long: `10m`; `0s` is none.
    pub grace: Option<String>,
    /// How a new value comes about: `password:32`, `typed`, or a table with a command.
    pub generator: Option<toml::Value>,
    /// `ask`, `wait` or `force`.
    pub retire: Option<String>,
    /// `zero` or `brief`.
    pub downtime: Option<String>,
    /// The watcher begins it when it is due.
    pub scheduled: Option<bool>,
    /// Makes a new value known where it is used.
    pub set: Option<HookTable>,
    /// Tries a value.
    pub test: Option<HookTable>,
    /// Makes an old value invalid.
    pub revoke: Option<HookTable>,
}

/// `[secret.set]`, `[secret.test]`, `[secret.revoke]`: one of `command`, `http`, `vault_token` and `by`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HookTable {
    /// The program by its whole path, and its words.
    pub command: Option<Vec<String>>,
    /// An HTTP call.
    pub http: Option<HttpTable>,
    /// The server that a Vault token is looked up at.
    pub vault_token: Option<String>,
    /// `person`.
    pub by: Option<String>,
    /// What a person does, and where.
    pub tell: Option<String>,
    /// How a person makes a new value invalid again, on the way back: of a revoke.
    pub undo: Option<String>,
    /// Given up after: `20s`.
    pub within: Option<String>,
    /// What a command finds on its standard input: `value` or `json`.
    pub stdin: Option<String>,
}

/// `http` of a hook.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpTable {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: Option<String>,
    /// Where.
    pub url: String,
    /// The header that carries the value.
    pub header: Option<String>,
    /// Stands before the value in it.
    pub before: Option<String>,
}

/// `[rotate]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RotateTable {
    /// Time from one rotation to the next, in the place of the environment's.
    pub period: Option<String>,
    /// Both values are valid for so long, in the place of the environment's.
    pub grace: Option<String>,
    /// `ask`, `wait` or `force`.
    pub retire: Option<String>,
    /// The role that confirms in Paper.
    pub confirm: Option<String>,
    /// The errors that lead back.
    pub watch: RotateWatchTable,
}

/// `[rotate.watch]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RotateWatchTable {
    /// So many log-in errors; 0 switches it off.
    pub errors: Option<u32>,
    /// In so long a time.
    pub within: Option<String>,
    /// The audit sources that are heard; all when it is left out.
    pub sources: Option<Vec<String>>,
}

/// `[watch]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchTable {
    /// From one look at the versions of a layer to the next: `5m`.
    pub versions: Option<String>,
}

/// `[audit]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditTable {
    /// Files to tail.
    pub source: Vec<SourceTable>,
}

/// `[[audit.source]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    /// The short name on screen.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// How often a line is expected; older than three of these it is STALE.
    pub every: Option<String>,
}

/// `[screen]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScreenTable {
    /// A built-in theme, or the name of a file in `themes/` beside the configuration.
    pub theme: Option<String>,
    /// No character above 0x7f.
    pub ascii: Option<bool>,
}

/// One key or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum KeyNames {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}
