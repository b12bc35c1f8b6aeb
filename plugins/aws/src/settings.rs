//! What a person configured and the program handed over. Refuses what makes no sense before anything is asked.

use crate::given::{Given, given};
use crate::place::{host, is_loopback};
use quarterdeck_contract::{BackendError, ErrorKind, Result, Setting, Setup};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Days for which a deleted secret can be brought back, when nobody says.
const RECOVERY_DAYS: i64 = 7;

/// The settings of one instance.
pub(crate) struct Settings {
    /// The region, where it is set.
    pub(crate) region: Option<String>,
    /// The profile in `aws_folder`.
    pub(crate) profile: Option<String>,
    /// Where Secrets Manager answers, when not at AWS's own address.
    pub(crate) endpoint: Option<String>,
    /// A role to assume on top of what was logged in with.
    pub(crate) role: Option<Role>,
    /// Only names that begin with this are browsed.
    pub(crate) prefix: String,
    /// Filters of every listing: `tag-key` and its values.
    pub(crate) filters: Vec<(String, Vec<String>)>,
    /// The folder of profiles, for errors.
    pub(crate) folder: Option<PathBuf>,
    /// Own certification authorities, PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// Days for which a deleted secret can be brought back.
    pub(crate) recovery_days: i64,
    /// True when plain HTTP to another machine is refused.
    production: bool,
    /// What the SDK may know of the environment; never the process's own.
    pub(crate) entries: HashMap<String, String>,
    /// Credentials that were handed in.
    pub(crate) given: Option<Given>,
}

/// A role to assume.
pub(crate) struct Role {
    /// `arn:aws:iam::123456789012:role/desk`.
    pub(crate) arn: String,
    /// What the role's owner asks for.
    pub(crate) external_id: Option<String>,
    /// Under which name CloudTrail knows us.
    pub(crate) session: String,
}

impl Settings {
    /// Reads them from the setup.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], with what to mend.
    pub(crate) fn of(setup: &mut Setup) -> Result<Self> {
        let given = given(&mut setup.secrets)?;
        let text = |name: &str| setup.text(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let folder = text("aws_folder").map(PathBuf::from);
        let entry = |name: &str| entry(setup, name);
        let endpoint = text("endpoint")
            .or_else(|| entry("AWS_ENDPOINT_URL_SECRETS_MANAGER"))
            .or_else(|| entry("AWS_ENDPOINT_URL"));
        if let Some(url) = &endpoint
            && host(url).is_none()
        {
            return Err(invalid("endpoint is no URL with http:// or https://"));
        }
        let mut entries: HashMap<String, String> = setup
            .secrets
            .keys()
            .filter(|name| name.starts_with("AWS_"))
            .filter_map(|name| Some((name.clone(), entry(name)?)))
            .collect();
        surround(&mut entries, folder.as_deref(), endpoint.as_deref(), text("sts_endpoint"));
        Ok(Self {
            region: text("region").or_else(|| entry("AWS_REGION")).or_else(|| entry("AWS_DEFAULT_REGION")),
            profile: text("profile").or_else(|| entry("AWS_PROFILE")),
            role: text("role_arn").map(|arn| Role {
                arn,
                external_id: text("external_id"),
                session: text("role_session_name").unwrap_or_else(|| "quarterdeck".into()),
            }),
            prefix: text("prefix").unwrap_or_default(),
            filters: setup.list("filters").iter().map(|line| filter(line)).collect::<Result<_>>()?,
            ca_file: text("ca_file").or_else(|| entry("AWS_CA_BUNDLE")).map(PathBuf::from),
            recovery_days: recovery_days(setup)?,
            production: setup.text("environment") == Some("production"),
            endpoint,
            folder,
            entries,
            given,
        })
    }

    /// What the tile says before anything was asked.
    pub(crate) fn target(&self) -> String {
        let region = self.region.as_deref().or(self.profile.as_deref()).unwrap_or("AWS");
        match &self.endpoint {
            Some(endpoint) => format!("{region} at {}", host(endpoint).unwrap_or_default()),
            None => region.to_owned(),
        }
    }

    /// True when requests, and the values in them, leave this machine unencrypted.
    pub(crate) fn is_open_on_the_wire(&self) -> bool {
        let plain = self.endpoint.as_deref().filter(|url| url.starts_with("http://"));
        plain.and_then(host).is_some_and(|host| !is_loopback(host))
    }

    /// Refuses what Production doesn't allow.
    pub(crate) fn allowed_here(&self) -> Result<()> {
        if self.production && self.is_open_on_the_wire() {
            return Err(BackendError::new(ErrorKind::Tls, "the endpoint speaks plain HTTP, which Production refuses")
                .hint("Give an https:// address in [backend.aws.settings] endpoint."));
        }
        Ok(())
    }
}

/// An entry of the environment as text.
fn entry(setup: &Setup, name: &str) -> Option<String> {
    let bytes = setup.secrets.get(name)?.expose();
    std::str::from_utf8(bytes).ok().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Says where the profiles are and where STS answers, as the SDK asks its environment for it.
fn surround(
    entries: &mut HashMap<String, String>,
    folder: Option<&Path>,
    endpoint: Option<&str>,
    sts_endpoint: Option<String>,
) {
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            entries.entry(name.to_owned()).or_insert(value);
        }
    };
    let inside = |name: &str| folder.map(|folder| folder.join(name).to_string_lossy().into_owned());
    put("AWS_CONFIG_FILE", inside("config"));
    put("AWS_SHARED_CREDENTIALS_FILE", inside("credentials"));
    // The SSO cache is looked for at $HOME/.aws/sso/cache.
    put("HOME", folder.and_then(Path::parent).map(|home| home.to_string_lossy().into_owned()));
    // One address that isn't AWS's own is a whole test server; one of AWS's is Secrets Manager alone (a VPC endpoint).
    let own = endpoint.and_then(host).is_some_and(|host| host.contains("amazonaws.com"));
    put("AWS_ENDPOINT_URL_STS", sts_endpoint.or_else(|| endpoint.filter(|_| !own).map(str::to_owned)));
}

fn filter(line: &str) -> Result<(String, Vec<String>)> {
    const KEYS: [&str; 7] = ["all", "description", "name", "owning-service", "primary-region", "tag-key", "tag-value"];
    let parts = line.split_once('=').map(|(key, values)| (key.trim(), values.split(',').map(str::trim)));
    match parts {
        Some((key, values)) if KEYS.contains(&key) => Ok((key.to_owned(), values.map(str::to_owned).collect())),
        _ => Err(invalid(format!("the filter '{line}' is not understood"))
            .hint(format!("Write KEY=VALUE,VALUE with one of {}.", KEYS.join(", ")))),
    }
}

fn recovery_days(setup: &Setup) -> Result<i64> {
    match setup.settings.get("recovery_days") {
        None => Ok(RECOVERY_DAYS),
        Some(Setting::Number(days @ 7..=30)) => Ok(*days),
        Some(_) => Err(invalid("recovery_days is no number from 7 to 30, which is what AWS allows")),
    }
}

fn invalid(what: impl Into<String>) -> BackendError {
    BackendError::new(ErrorKind::Invalid, what).doing("reading the settings of the aws backend")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may")]
mod tests {
    use super::*;
    use quarterdeck_contract::SecretBytes;

    fn of(settings: &[(&str, Setting)], secrets: &[(&str, &str)]) -> Result<Settings> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), SecretBytes::from(*value))).collect();
        Settings::of(&mut Setup { instance: "aws".into(), settings, secrets })
    }

    fn text(text: &str) -> Setting {
        Setting::Text(text.into())
    }

    #[test]
    fn settings_come_before_the_environment() {
        let both = of(&[("region", text("eu-west-1"))], &[("AWS_REGION", "us-east-1")]).unwrap();
        assert_eq!(both.region.as_deref(), Some("eu-west-1"));
        let one = of(&[("aws_folder", text("/home/x/.aws"))], &[("AWS_DEFAULT_REGION", "us-east-1")]).unwrap();
        assert_eq!(one.region.as_deref(), Some("us-east-1"));
        assert_eq!(
            (one.entries["HOME"].as_str(), one.entries["AWS_CONFIG_FILE"].as_str()),
            ("/home/x", "/home/x/.aws/config")
        );
    }

    #[test]
    fn a_test_server_is_sts_too_and_a_vpc_endpoint_is_not() {
        let local = of(&[("endpoint", text("http://127.0.0.1:5000"))], &[]).unwrap();
        assert_eq!(local.entries["AWS_ENDPOINT_URL_STS"], "http://127.0.0.1:5000");
        let vpc = of(&[("endpoint", text("https://vpce-1.secretsmanager.eu-west-1.vpce.amazonaws.com"))], &[]).unwrap();
        assert!(!vpc.entries.contains_key("AWS_ENDPOINT_URL_STS"));
    }

    #[test]
    fn production_refuses_plain_http_to_another_machine() {
        let wire = |url: &str, environment: &str| {
            of(&[("endpoint", text(url)), ("environment", text(environment))], &[]).unwrap().allowed_here().is_ok()
        };
        assert!(!wire("http://10.0.0.1", "production") && wire("http://10.0.0.1", "qa"));
        assert!(wire("http://127.0.0.1:1", "production") && wire("https://10.0.0.1", "production"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let cases = [
            ("endpoint", text("secretsmanager:443")),
            ("recovery_days", Setting::Number(0)),
            ("filters", Setting::List(vec!["tag=x".into()])),
        ];
        for (name, value) in cases {
            assert!(of(&[(name, value)], &[]).is_err_and(|error| error.kind == ErrorKind::Invalid), "{name}");
        }
        let filters = of(&[("filters", Setting::List(vec!["tag-key=env, desk".into()]))], &[]).unwrap().filters;
        assert_eq!(filters, [("tag-key".to_owned(), vec!["env".to_owned(), "desk".to_owned()])]);
    }
}
