//! What the session's variables say for a backend's settings, and which of both counts. Refuses to let a variable lead
//! Production where root's configuration says another place.

use crate::config::{BackendTable, SettingValue};
use crate::surroundings::Surroundings;
use quarterdeck_contract::{BackendError, ErrorKind, Result, Setting};
use quarterdeck_domain::environment::Environment;
use std::collections::BTreeMap;
use std::path::Path;

/// A setting and the variables that mean it, the first that is set counts.
type Meaning = (&'static str, &'static [&'static str]);

const VAULT: &[Meaning] = &[
    ("address", &["VAULT_ADDR"]),
    ("namespace", &["VAULT_NAMESPACE"]),
    ("ca_file", &["VAULT_CACERT"]),
    ("path", &["DP_VAULT_PATH"]),
    ("password_path", &["DP_VAULT_PATH_PASSWORD"]),
];

/// The parts of the guide's configuration (R1.8).
const SECTIONS: [&str; 6] = ["broker", "ibkr", "data", "execution", "security", "logging"];

const AWS: &[Meaning] = &[
    ("region", &["AWS_REGION", "AWS_DEFAULT_REGION"]),
    ("profile", &["AWS_PROFILE"]),
    ("endpoint", &["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"]),
    ("sts_endpoint", &["AWS_ENDPOINT_URL_STS"]),
    ("ca_file", &["AWS_CA_BUNDLE"]),
];

/// What logs somebody in at AWS beside a profile.
const AWS_IDENTITY: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// One backend's table, where it stands and what the session was started with.
pub(super) struct Wish<'a> {
    pub(super) layer: &'a str,
    pub(super) kind: &'a str,
    pub(super) table: &'a BackendTable,
    pub(super) environment: Option<Environment>,
    pub(super) surroundings: &'a Surroundings,
}

impl Wish<'_> {
    /// True where configuration comes before variables: in Production, and for a second instance of a plugin, since the
    /// variables of the documents mean the one that bears the plugin's name.
    pub(super) fn configured_first(&self) -> bool {
        self.environment == Some(Environment::Production) || self.layer != self.kind
    }

    /// Every plain setting that tells the backend where to go and how.
    pub(super) fn settings(&self) -> Result<BTreeMap<String, Setting>> {
        let mut settings: BTreeMap<String, Setting> =
            self.table.settings.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
        for (name, variables) in self.meanings() {
            let Some(said) = variables.iter().find_map(|variable| self.surroundings.var(variable)) else { continue };
            if self.configured_first() && settings.contains_key(*name) {
                continue;
            }
            let said = match *name {
                "ca_file" => self.surroundings.cwd.join(said).to_string_lossy().into_owned(),
                _ => said.to_owned(),
            };
            settings.insert((*name).to_owned(), Setting::Text(said));
        }
        if let Some(environment) = self.environment {
            settings.insert("environment".into(), Setting::Text(environment.name().into()));
        }
        match self.kind {
            "vault" => self.of_vault(&mut settings)?,
            "aws" => self.of_aws(&mut settings),
            _ => {}
        }
        Ok(settings)
    }

    /// False for an entry of the environment that would say something else than what counts. Vault's all become settings.
    pub(super) fn lets_in(&self, entry: &str) -> bool {
        if self.kind == "vault" && entry.starts_with("VAULT_") {
            return false;
        }
        if !self.configured_first() {
            return true;
        }
        let named = |setting: &str| self.table.settings.contains_key(setting);
        let outvoted = self.meanings().iter().any(|(setting, entries)| named(setting) && entries.contains(&entry));
        let another = self.kind == "aws" && named("profile") && AWS_IDENTITY.contains(&entry);
        !outvoted && !another
    }

    fn meanings(&self) -> &'static [Meaning] {
        match self.kind {
            "vault" => VAULT,
            "aws" => AWS,
            _ => &[],
        }
    }

    fn of_vault(&self, settings: &mut BTreeMap<String, Setting>) -> Result<()> {
        let production = self.environment == Some(Environment::Production);
        if production && settings.get("verify") == Some(&Setting::Flag(false)) {
            return Err(BackendError::new(ErrorKind::Invalid, "'verify = false' is refused in Production")
                .doing(format!("reading [backend.{}.settings]", self.layer))
                .hint("Take it out, and name your own authority's certificate as ca_file."));
        }
        let enforced = production
            || settings.get("enforce_https") == Some(&Setting::Flag(true))
            || self.surroundings.switched_on("DP_SECURITY__ENFORCE_HTTPS");
        settings.insert("enforce_https".into(), Setting::Flag(enforced));
        // The guide's own path ends in `broker`, and what it holds is the configuration's `broker.host`, `broker.password`.
        if let (Some(Setting::Text(path)), false) = (settings.get("path"), settings.contains_key("under"))
            && let Some(section) = SECTIONS.into_iter().find(|section| path.rsplit('/').next() == Some(*section))
        {
            settings.insert("under".into(), Setting::Text(section.into()));
        }
        Ok(())
    }

    fn of_aws(&self, settings: &mut BTreeMap<String, Setting>) {
        let folder = self.surroundings.home().join(".aws");
        if !settings.contains_key("aws_folder") && folder.is_dir() {
            settings.insert("aws_folder".into(), Setting::Text(text(&folder)));
        }
    }
}

pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn plain(value: &SettingValue) -> Setting {
    match value {
        SettingValue::Flag(flag) => Setting::Flag(*flag),
        SettingValue::Number(number) => Setting::Number(*number),
        SettingValue::Text(text) => Setting::Text(text.clone()),
        SettingValue::List(items) => Setting::List(items.clone()),
    }
}
