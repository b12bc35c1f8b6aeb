//! The contract's trait over variables. Refuses to read the environment of its own process: the host sends what it serves.

use crate::dotenv;
use crate::files::{self, EnvFile};
use crate::name::{Meaning, meaning, variable};
use quarterdeck_contract::*;
use std::collections::BTreeMap;

/// Entries of a page when the caller leaves it to us, and at most.
const PAGE: usize = 1_000;
const LARGEST_PAGE: usize = 10_000;

/// A backend over the `DP_*` entries in the secrets of `setup`, and under them the files of its setting `env_files`.
///
/// Of several files the later one counts. They are read anew in each call, so that a changed file is seen.
///
/// # Errors
/// None today; a file that can't be read is an error of each call, so that the tile can say it.
pub fn create(setup: Setup) -> Result<Box<dyn SecretsBackend>> {
    let files = setup.list("env_files").to_vec();
    Ok(Box::new(Environment { entries: setup.secrets, files }))
}

struct Environment {
    entries: BTreeMap<String, SecretBytes>,
    files: Vec<String>,
}

/// Where a value comes from.
struct Found {
    value: SecretBytes,
    variable: String,
    source: String,
}

/// All that is served now, and what is odd about it.
#[derive(Default)]
struct Served {
    secrets: BTreeMap<String, Found>,
    warnings: Vec<String>,
    facts: Vec<(String, String)>,
}

impl SecretsBackend for Environment {
    fn describe(&self) -> Description {
        let target = match self.files.len() {
            0 => "DP_* variables".to_owned(),
            _ => format!("DP_* variables, {}", self.files.join(", ")),
        };
        Description { backend: "env".into(), target, capabilities: Vec::new(), extras: Vec::new() }
    }

    fn health(&self, _: Call) -> Result<Health> {
        let served = self.serve()?;
        let count = served.secrets.len();
        let summary = if count == 1 { "1 name".to_owned() } else { format!("{count} names") };
        Ok(Health { summary, facts: served.facts, warnings: served.warnings, expires_at: None })
    }

    fn list(&self, page: &PageRequest, _: Call) -> Result<Page> {
        let served = self.serve()?;
        let limit = if page.limit == 0 { PAGE } else { (page.limit as usize).min(LARGEST_PAGE) };
        let after = |name: &str| page.after.as_deref().is_none_or(|after| name > after);
        let mut wanted = served
            .secrets
            .keys()
            .filter(|name| name.starts_with(&page.prefix) && after(name))
            .filter_map(|name| SecretName::parse(name));
        let entries: Vec<Entry> = wanted.by_ref().take(limit).map(Entry::named).collect();
        let more = wanted.next().is_some();
        let next = entries.last().filter(|_| more).map(|last| last.name.as_str().to_owned());
        Ok(Page { entries, next })
    }

    fn inspect(&self, name: &SecretName, _: Call) -> Result<Inspection> {
        let found = self.find(name)?;
        let metadata = BTreeMap::from([("variable".into(), found.variable), ("from".into(), found.source)]);
        Ok(Inspection { versions: vec![the_only_version()], metadata, ..Inspection::of(name.clone()) })
    }

    fn keys(&self, name: &SecretName, _: Call) -> Result<Vec<String>> {
        self.find(name).map(|_| Vec::new())
    }

    fn read(&self, name: &SecretName, version: Option<&VersionId>, _: Call) -> Result<Reading> {
        let found = self.find(name)?;
        if version.is_some() {
            return Err(BackendError::new(ErrorKind::NotFound, format!("'{name}' has no versions in the environment")));
        }
        let kind = match std::str::from_utf8(found.value.expose()) {
            Ok(_) => Kind::Text,
            Err(_) => Kind::Binary,
        };
        Ok(Reading { value: Value { kind, bytes: found.value }, version: None })
    }

    fn write(&self, name: &SecretName, _: Value, _: &Expected, _: Call) -> Result<VersionId> {
        Err(read_only("write", name))
    }

    fn delete(&self, name: &SecretName, _: &Expected, _: Call) -> Result<()> {
        Err(read_only("delete", name))
    }
}

impl Environment {
    fn find(&self, name: &SecretName) -> Result<Found> {
        let unset = || BackendError::not_found(name).hint(format!("{} is not set.", variable(name.as_str())));
        self.serve()?.secrets.remove(name.as_str()).ok_or_else(unset)
    }

    /// Everything, lowest first, so that what comes later lies above.
    fn serve(&self) -> Result<Served> {
        let mut served = Served::default();
        for path in &self.files {
            served.add_file(files::read(path)?);
        }
        let environment = self.entries.iter().map(|(variable, value)| (variable.clone(), value.duplicate()));
        let count = served.add("environment", environment.collect());
        served.facts.insert(0, ("environment".into(), count.to_string()));
        let unlisted = served.secrets.keys().filter(|name| SecretName::parse(name).is_none()).count();
        if unlisted > 0 {
            served
                .warnings
                .push(format!("{unlisted} names are too long or hold control characters and are not listed"));
        }
        Ok(served)
    }
}

impl Served {
    fn add_file(&mut self, file: EnvFile) {
        let EnvFile { path, entries, passed_over, open_mode } = file;
        let ours = entries.iter().any(|entry| meaning(&entry.variable) != Meaning::Foreign);
        if let (true, Some(mode)) = (ours, open_mode) {
            self.warnings.push(format!("{path} is {mode:04o} and should be 0600: chmod 600 {path}"));
        }
        if !passed_over.is_empty() {
            let lines: Vec<_> = passed_over.iter().map(usize::to_string).collect();
            self.warnings.push(format!("{path}: no assignment in line {}", lines.join(", ")));
        }
        let dollars = |entry: &&dotenv::Entry| {
            meaning(&entry.variable) != Meaning::Foreign && entry.value.expose().windows(2).any(|two| two == b"${")
        };
        let unexpanded: Vec<_> = entries.iter().filter(dollars).map(|entry| entry.variable.clone()).collect();
        if !unexpanded.is_empty() {
            self.warnings.push(format!("{path}: '${{' in {} is taken as it stands", unexpanded.join(", ")));
        }
        let count = self.add(&path, entries.into_iter().map(|entry| (entry.variable, entry.value)).collect());
        self.facts.push((path, count.to_string()));
    }

    /// Lays entries of one source over what is there; gives the number of secrets among them.
    fn add(&mut self, source: &str, entries: Vec<(String, SecretBytes)>) -> usize {
        let mut here: BTreeMap<String, Found> = BTreeMap::new();
        for (variable, value) in entries {
            let name = match meaning(&variable) {
                Meaning::Secret(name) => name,
                Meaning::Nameless => {
                    self.warnings.push(format!("{} makes no name: a part of it is empty", variable.escape_debug()));
                    continue;
                }
                Meaning::Reserved | Meaning::Foreign => continue,
            };
            let found = Found { value, variable, source: source.to_owned() };
            self.settle(&mut here, name, found);
        }
        let count = here.len();
        self.secrets.extend(here);
        count
    }

    /// Two variables of one source may make one name (`DP_X`, `dp_x`): the one written as usual counts.
    fn settle(&mut self, here: &mut BTreeMap<String, Found>, name: String, found: Found) {
        let Some(other) = here.remove(&name) else {
            here.insert(name, found);
            return;
        };
        let (counts, loses) = match other.variable == variable(&name) {
            true => (other, found),
            false => (found, other),
        };
        self.warnings.push(format!("{} and {} are both '{name}': the first counts", counts.variable, loses.variable));
        here.insert(name, counts);
    }
}

/// The environment tells neither when a value was set nor whether it was another before, so all have the same id.
fn the_only_version() -> VersionInfo {
    VersionInfo { stage: Some(Stage::Current), ..VersionInfo::of(VersionId("current".into())) }
}

fn read_only(operation: &str, name: &SecretName) -> BackendError {
    let hint = format!("Set {} where the program is started, or in its .env file.", variable(name.as_str()));
    BackendError::unsupported(operation, hint)
}
