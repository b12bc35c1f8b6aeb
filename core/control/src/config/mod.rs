//! Configuration: found, merged, parsed once. Refuses to guess an environment, and in Production refuses roles, policy
//! and plugins from any file that root does not own.

mod claims;
pub mod duration;
mod market;
mod merge;
pub(crate) mod programs;
pub(crate) mod rotation;
mod schema;

pub(crate) use market::is_engine;
pub use merge::{distance, nearest};
pub use programs::Remark;
pub use rotation::LeftAside;
pub use schema::{
    BackendTable, BoundaryTable, EngineTable, File, HookTable, KeyNames, PersonTable, RotateTable, SecretTable,
    SettingValue, SourceTable,
};

use crate::failure::Told;
use crate::ordinary;
use crate::surroundings::Surroundings;
use quarterdeck_domain::access::Class;
use quarterdeck_domain::boundary::{Boundary, Claim};
use quarterdeck_domain::environment::{Environment, UnknownEnvironment};
use quarterdeck_domain::market::Market;
use quarterdeck_domain::person::{Person, Role};
use quarterdeck_domain::sanitise;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use toml::Table;

/// The file's name in each of its places.
pub const FILE_NAME: &str = "quarterdeck.toml";

/// What is wrong with the configuration: where, what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error("{file} can't be read: {why}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It is not TOML.
    #[error("{file} line {line} is not TOML: {what}")]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What.
        what: String,
    },
    /// It says something that has no meaning.
    #[error("{file} line {line}: {what}")]
    Meaning {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What.
        what: String,
    },
    /// A value has no meaning; the key is named.
    #[error("{key}: {what}")]
    Value {
        /// The key.
        key: String,
        /// What.
        what: String,
    },
    /// No environment, or an unknown one.
    #[error(transparent)]
    Environment(#[from] UnknownEnvironment),
}

impl ConfigError {
    /// The three parts.
    pub fn told(&self) -> Told {
        let next = match self {
            Self::Unreadable { .. } => "Check its owner and mode.",
            Self::Syntax { .. } => "Mend that line.",
            Self::Meaning { .. } | Self::Value { .. } => "'quarterdeck help configuration' shows each key.",
            Self::Environment(unknown) => return environment_told(unknown),
        };
        Told { what: self.to_string(), doing: "reading the configuration".into(), next: next.into() }
    }
}

/// The three parts of an environment that was not, or wrongly, chosen.
pub(crate) fn environment_told(unknown: &UnknownEnvironment) -> Told {
    let (what, next) = match unknown {
        UnknownEnvironment::Unset => (
            "no environment is chosen".to_owned(),
            "Choose one with '--env qa', set DP_ENVIRONMENT, or run 'quarterdeck init'.",
        ),
        UnknownEnvironment::Unknown(name) => (
            format!("'{}' is not an environment", sanitise::line(name, 80)),
            "Use qa, paper or production, or give the name a meaning under [environment.aliases].",
        ),
    };
    Told { what, doing: "choosing the environment".into(), next: next.into() }
}

/// Which environment is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// What `DP_ENVIRONMENT` and the files say.
    AsConfigured,
    /// What `--env` says.
    Named(&'a str),
    /// The sandbox; no name leads here.
    Demo,
}

/// All that was configured.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The merged file.
    pub file: File,
    /// Which files it came from, lowest first.
    pub files: Vec<PathBuf>,
    /// Which environment; `None` only where none is needed and none was named.
    pub environment: Option<Environment>,
    /// Things that were left aside, loudly.
    pub warnings: Vec<String>,
    /// What every file that counts says of whose a name is: a later file adds to it and takes nothing away.
    pub claims: Vec<Claim>,
    /// Hooks and generators that run or call something and stand in a file that doesn't count for that.
    pub left_aside: Vec<LeftAside>,
}

impl Config {
    /// Finds, merges and parses.
    pub fn load(surroundings: &Surroundings, wanted: Wanted<'_>) -> Result<Self, ConfigError> {
        let places = [
            surroundings.etc.join(FILE_NAME),
            surroundings.config_home().join(FILE_NAME),
            surroundings.cwd.join(FILE_NAME),
        ];
        let here = places[2].clone();
        let (mut warnings, mut left_aside) = (Vec::new(), Vec::new());
        let mut found: Vec<(PathBuf, Table, bool)> = Vec::new();
        for place in places {
            if found.iter().any(|(file, ..)| *file == place) {
                continue;
            }
            if let Some(Read { text, by_root, planted, alone }) = read(&place)? {
                let trusted = by_root && place.starts_with(&surroundings.etc);
                let mut table = merge::parse(&text, &place)?;
                check_rotation(&table, &place)?;
                // What a folder brings along runs nothing: whoever made the folder may not be who works in it.
                if !planted && (place == here || !alone) {
                    let why = if place == here {
                        "what runs or calls something counts only from your own file and the machine's"
                    } else {
                        "what runs or calls something counts only from a file that nobody else can write"
                    };
                    let aside = left_aside_of(&table, &place, why);
                    warnings.extend(
                        aside.iter().map(|left| format!("[[secret]] {} {} {}", left.name, left.part, left.why)),
                    );
                    left_aside.extend(aside);
                    merge::disarm(&mut table);
                }
                if !planted && place == here {
                    let why = "who confirms, for how long both values are valid and what leads back counts only from your \
                               own file and the machine's";
                    strip(&mut table, &["rotate"], &place, why, &mut warnings);
                }
                if planted {
                    let why = "it belongs to somebody else, or everybody can write it";
                    strip(&mut table, &merge::PRIVILEGED, &place, why, &mut warnings);
                    strip(&mut table, &["environment"], &place, why, &mut warnings);
                }
                found.push((place.clone(), table, trusted));
            }
        }
        let all = lay_all(found.iter().map(|(_, table, _)| table.clone()));
        let trusted_only = lay_all(found.iter().filter(|(.., trusted)| *trusted).map(|(_, table, _)| table.clone()));
        let environment = environment(surroundings, wanted, &all, &trusted_only)?;
        let production = environment == Some(Environment::Production);
        let aliases = aliases(&found, production);
        let counts = found.iter().filter(|(.., trusted)| *trusted || !production);
        let claims = counts.map(|(_, table, _)| claims::of(table, &aliases)).collect::<Result<Vec<_>, _>>()?.concat();
        let merged = lay_all(found.iter().map(|(file, table, trusted)| {
            let mut table = table.clone();
            if production && !trusted {
                let etc = surroundings.etc.join(FILE_NAME);
                let why = format!("in Production it counts only from {} owned by root", etc.display());
                left_aside.extend(left_aside_of(&table, file, &why));
                strip(&mut table, &merge::PRIVILEGED, file, &why, &mut warnings);
                if let Some(toml::Value::Table(inner)) = table.get_mut("environment")
                    && inner.remove("aliases").is_some()
                {
                    warnings.push(format!("[environment] aliases of {} were left aside: {why}", file.display()));
                }
            }
            strip_of_another(&mut table, file, environment, &aliases, &mut warnings);
            table
        }));
        let mut file: File = merged.try_into().map_err(|error: toml::de::Error| ConfigError::Value {
            key: "all files together".into(),
            what: error.message().to_owned(),
        })?;
        file.environment.aliases = aliases;
        let files = found.into_iter().map(|(file, ..)| file).collect();
        let config = Self { file, files, environment, warnings, claims, left_aside };
        config.check()?;
        Ok(config)
    }

    /// The person and role that configuration gives to a Unix user, here.
    pub fn person_of(&self, user: &str) -> (Option<Person>, Option<Role>) {
        let here = self.environment.map(Environment::name);
        let entry = self.file.person.iter().find(|person| {
            person.unix.as_deref().unwrap_or(&person.name) == user
                && person.environments.as_ref().is_none_or(|list| {
                    list.iter().any(|name| {
                        Environment::parse(name, &self.file.environment.aliases).ok().map(Environment::name) == here
                    })
                })
        });
        match entry {
            Some(entry) => (Person::parse(&entry.name), Role::parse(&entry.role)),
            None => (None, None),
        }
    }

    /// The classes that configuration gives to secrets.
    pub fn classes(&self) -> BTreeMap<String, Class> {
        let class = |secret: &SecretTable| Class::parse(secret.class.as_deref()?);
        let names = |secret: &SecretTable| [Some(secret.name.clone()), secret.key.clone()];
        let named = |secret| names(secret).into_iter().flatten().filter_map(move |name| Some((name, class(secret)?)));
        self.file.secret.iter().flat_map(named).collect()
    }

    /// Which names belong to one environment alone. Checked when it was loaded.
    pub fn boundary(&self) -> Boundary {
        let mounts = self.file.backend.values().filter_map(|backend| match backend.settings.get("mount") {
            Some(SettingValue::Text(mount)) => Some(mount.clone()),
            _ => None,
        });
        Boundary::new(self.claims.clone()).with_mounts(mounts.collect())
    }

    /// What configuration says of one secret, by its backend name or its key.
    pub fn secret(&self, name: &str) -> Option<&SecretTable> {
        self.file.secret.iter().find(|secret| secret.name == name || secret.key.as_deref() == Some(name))
    }

    /// False for a backend that is for other environments alone.
    pub fn is_for_here(&self, table: &BackendTable) -> bool {
        let is_here = |name: &String| {
            let named = Environment::parse(name, &self.file.environment.aliases).ok();
            named.is_some() && named == self.environment
        };
        table.environments.as_ref().is_none_or(|names| names.iter().any(is_here))
    }

    /// The market's hours, where configuration tells them.
    pub fn market(&self) -> Option<Market> {
        // Checked when it was loaded.
        market::market(&self.file.market).ok().flatten()
    }

    fn check(&self) -> Result<(), ConfigError> {
        market::market(&self.file.market)?;
        market::engines(&self.file.engine)?;
        let wrong = |key: String, what: String| Err(ConfigError::Value { key, what });
        for person in &self.file.person {
            if Person::parse(&person.name).is_none() {
                return wrong(
                    "[[person]] name".into(),
                    format!("'{}' is not a handle (letters, digits, . _ -)", person.name),
                );
            }
            if Role::parse(&person.role).is_none() {
                let known = Role::ALL.map(Role::name);
                return wrong(format!("[[person]] {}", person.name), unknown("role", &person.role, &known));
            }
        }
        for secret in &self.file.secret {
            if let Some(class) = secret.class.as_deref().filter(|class| Class::parse(class).is_none()) {
                let known = Class::ALL.map(Class::name);
                return wrong(format!("[[secret]] {}", secret.name), unknown("class", class, &known));
            }
        }
        self.check_plugins()?;
        self.check_rotate()?;
        let sources = self.file.audit.source.iter().map(|s| (format!("[[audit.source]] {} every", s.name), &s.every));
        let backends = self.file.backend.iter().flat_map(|(name, backend)| {
            [(format!("[backend.{name}] every"), &backend.every), (format!("[backend.{name}] within"), &backend.within)]
        });
        let watch = [("[watch] versions".to_owned(), &self.file.watch.versions)];
        for (key, text) in sources.chain(backends).chain(watch) {
            if let Some(Err(what)) = text.as_deref().map(duration::parse) {
                return wrong(key, what);
            }
        }
        Ok(())
    }
}

impl Config {
    /// What is said of plugins and backends, beside their own settings.
    fn check_plugins(&self) -> Result<(), ConfigError> {
        let wrong = |key: String, what: String| Err(ConfigError::Value { key, what });
        for (name, sha256) in &self.file.plugins.pinned {
            if let Err(what) = crate::mount::pins::parse(sha256) {
                return wrong(format!("[plugins] pinned {name}"), what);
            }
        }
        let one_of = |key: String, said: &Option<String>, known: &[&str]| match said.as_deref() {
            Some(word) if !known.contains(&word) => wrong(key, unknown("choice", word, known)),
            _ => Ok(()),
        };
        one_of("[plugins] confinement".into(), &self.file.plugins.confinement, &["whole", "partial"])?;
        for (name, backend) in &self.file.backend {
            one_of(format!("[backend.{name}] isolation"), &backend.isolation, &["child", "none"])?;
            for environment in backend.environments.iter().flatten() {
                if let Err(error) = Environment::parse(environment, &self.file.environment.aliases) {
                    return wrong(format!("[backend.{name}] environments"), error.to_string());
                }
            }
        }
        Ok(())
    }
}

/// `there is no role 'tradr'; did you mean 'trader'?`
fn unknown(noun: &str, wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("there is no {noun} '{wrong}'; did you mean '{near}'?"),
        None => format!("there is no {noun} '{wrong}'; there are {}", known.join(", ")),
    }
}

fn lay_all(tables: impl Iterator<Item = Table>) -> Table {
    tables.fold(Table::new(), |mut under, over| {
        merge::lay(&mut under, over);
        under
    })
}

/// Largest file of configuration.
const MOST: u32 = 4 << 20;

/// A file that was read.
struct Read {
    text: String,
    /// Root alone can have written it.
    by_root: bool,
    /// Somebody other than root and the user can have written it.
    planted: bool,
    /// Root's or the user's, and not even a group can write it.
    alone: bool,
}

/// `None` when there is no such file.
fn read(file: &Path) -> Result<Option<Read>, ConfigError> {
    let unreadable = |why| ConfigError::Unreadable { file: file.to_owned(), why };
    let open = match ordinary::open(file) {
        Ok(open) => open,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unreadable(why)),
    };
    // Asked of what is open: what the path leads to may be another file by now, if a link in it is not root's.
    let by_root = ordinary::is_roots_alone(&open).map_err(unreadable)?;
    let facts = open.metadata().map_err(unreadable)?;
    let own = rustix::process::geteuid().as_raw();
    let strange = facts.uid() != 0 && facts.uid() != own;
    let planted = strange || facts.mode() & 0o002 != 0;
    let alone = !strange && facts.mode() & 0o022 == 0;
    let text = ordinary::text_of(open, MOST).map_err(unreadable)?;
    Ok(Some(Read { text, by_root, planted, alone }))
}

/// What one file says of rotations, so that an error names the file.
fn check_rotation(table: &Table, file: &Path) -> Result<(), ConfigError> {
    let tables: File = table.clone().try_into().unwrap_or_default();
    let all = rotation::rotate(&tables.rotate).and_then(|()| tables.secret.iter().try_for_each(rotation::secret));
    all.map_err(|error| match error {
        ConfigError::Value { key, what } => ConfigError::Value { key: format!("{} {key}", file.display()), what },
        other => other,
    })
}

/// What of a file runs or calls something and doesn't count.
fn left_aside_of(table: &Table, file: &Path, why: &str) -> Vec<LeftAside> {
    let armed = merge::armed(table).into_iter();
    let why = format!("of {} was left aside: {why}", file.display());
    armed.map(|(name, layer, part)| LeftAside { name, layer, part, why: why.clone() }).collect()
}

/// Takes tables out of a file, loudly.
fn strip(table: &mut Table, keys: &[&str], file: &Path, why: &str, warnings: &mut Vec<String>) {
    for key in keys {
        if table.remove(*key).is_some() {
            warnings.push(format!("[{key}] of {} was left aside: {why}", file.display()));
        }
    }
}

/// The backends, the secrets, the engines and the latch of a file belong to the environment that the file names: a session
/// in another one is not led to them by a flag (R2.2).
fn strip_of_another(
    table: &mut Table,
    file: &Path,
    here: Option<Environment>,
    aliases: &BTreeMap<String, Environment>,
    warnings: &mut Vec<String>,
) {
    let owner = table_of(table).name.and_then(|name| Environment::parse(&name, aliases).ok());
    let (Some(owner), Some(here)) = (owner, here) else { return };
    if owner == here {
        return;
    }
    let why = format!("it belongs to {}, and this session is in {}", owner.title(), here.title());
    strip(table, &["backend", "secret", "rotate", "layers", "kill_switch", "engine", "market"], file, &why, warnings);
}

/// The names that mean an environment: in Production root's alone, and elsewhere root's before everybody's.
fn aliases(found: &[(PathBuf, Table, bool)], production: bool) -> BTreeMap<String, Environment> {
    let of = |wanted: bool| {
        let tables = found.iter().filter(move |(.., trusted)| *trusted == wanted);
        tables.flat_map(|(_, table, _)| table_of(table).aliases)
    };
    let others = of(false).filter(|_| !production);
    others.chain(of(true)).collect()
}

/// `[environment]` of a table, as far as it can be read.
fn table_of(from: &Table) -> schema::EnvironmentTable {
    from.get("environment").cloned().and_then(|value| value.try_into().ok()).unwrap_or_default()
}

/// `--env`, then `DP_ENVIRONMENT`, then the machine's own file, then the others.
fn environment(
    surroundings: &Surroundings,
    wanted: Wanted<'_>,
    all: &Table,
    trusted: &Table,
) -> Result<Option<Environment>, ConfigError> {
    let (from_all, from_trusted) = (table_of(all), table_of(trusted));
    let name = match wanted {
        Wanted::Demo => return Ok(Some(Environment::Demo)),
        Wanted::Named(name) => Some(name.to_owned()),
        Wanted::AsConfigured => surroundings.var("DP_ENVIRONMENT").map(str::to_owned),
    };
    let aliases = from_all.aliases.into_iter().chain(from_trusted.aliases).collect();
    match name.or(from_trusted.name).or(from_all.name) {
        Some(name) => Ok(Some(Environment::parse(&name, &aliases)?)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
