//! Logging in: the SDK's chain over what was handed in, and a role on top. Refuses to read the process's environment and
//! to run a program.

use crate::network::NobodyThere;
use crate::place::{Place, host};
use crate::settings::Settings;
use crate::trust;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::os_shim_internal::Env;
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// How long the region may take to be found: the instance's metadata may be asked for it.
const REGION: Duration = Duration::from_secs(4);

/// Clients that are logged in, and how.
pub(crate) struct Session {
    /// Secrets Manager.
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    /// Who we are.
    pub(crate) sts: aws_sdk_sts::Client,
    /// Where.
    pub(crate) place: Place,
    /// The caller's ARN, once it was asked for.
    pub(crate) caller: OnceLock<String>,
    login: Arc<Mutex<Option<Login>>>,
}

impl Session {
    /// How we are logged in; `None` before the first credentials came.
    pub(crate) fn login(&self) -> Option<Login> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What may be told of the credentials in use.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// Where they came from.
    pub(crate) from: String,
    /// When they end, Unix seconds.
    pub(crate) expires_at: Option<i64>,
}

/// Finds region, endpoint and credentials. Asks nobody but, for a region that nobody set, the instance's metadata.
pub(crate) async fn open(settings: &Settings) -> Result<Session> {
    settings.allowed_here()?;
    let found = tokio::time::timeout(REGION, load(settings)).await.ok().transpose()?;
    let found = found.and_then(|config| Some((config.region()?.to_string(), config)));
    let Some((region, config)) = found else { return Err(no_region(settings)) };
    let login = Arc::new(Mutex::new(None));
    let config = signed(config, settings, &login).await;
    let mut secrets = aws_sdk_secretsmanager::config::Builder::from(&config).retry_classifier(NobodyThere);
    if let Some(endpoint) = &settings.endpoint {
        secrets = secrets.endpoint_url(endpoint);
    }
    let endpoint = settings.endpoint.as_deref().or(config.endpoint_url()).and_then(host).map(str::to_owned);
    Ok(Session {
        secrets: aws_sdk_secretsmanager::Client::from_conf(secrets.build()),
        sts: aws_sdk_sts::Client::new(&config),
        place: Place { region, endpoint, account: OnceLock::new() },
        caller: OnceLock::new(),
        login,
    })
}

async fn load(settings: &Settings) -> Result<SdkConfig> {
    let retry = RetryConfig::standard()
        .with_max_attempts(5)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(2));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .env(Env::from(settings.entries.clone()))
        .http_client(trust::http_client(settings.ca_file.as_deref())?)
        .retry_config(retry)
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(given) = &settings.given {
        loader = loader.credentials_provider(given.credentials.clone());
    }
    Ok(loader.load().await)
}

fn no_region(settings: &Settings) -> BackendError {
    let profile = match (&settings.profile, &settings.folder) {
        (profile, Some(folder)) => {
            format!(", nor the profile '{}' in {}", profile.as_deref().unwrap_or("default"), folder.display())
        }
        (Some(profile), None) => format!(", and there is no folder to find the profile '{profile}' in"),
        (None, None) => String::new(),
    };
    BackendError::new(
        ErrorKind::Invalid,
        format!("no AWS region is set: neither 'region' nor AWS_REGION says it{profile}"),
    )
    .doing("logging in")
    .hint("Set AWS_REGION, or region in [backend.aws.settings].")
}

/// Puts the role on top, and listens to what credentials come.
async fn signed(config: SdkConfig, settings: &Settings, login: &Arc<Mutex<Option<Login>>>) -> SdkConfig {
    let Some(first) = config.credentials_provider() else { return config };
    let (inner, role) = match &settings.role {
        Some(role) => {
            let builder = AssumeRoleProvider::builder(&role.arn).session_name(&role.session).configure(&config);
            let builder = match &role.external_id {
                Some(id) => builder.external_id(id),
                None => builder,
            };
            (SharedCredentialsProvider::new(builder.build().await), Some(role.arn.clone()))
        }
        None => (first, None),
    };
    let given = settings.given.as_ref().map(|given| given.from);
    let profile = settings.profile.clone().unwrap_or_else(|| "default".into());
    let watched = Watched { inner, given, profile, role, login: login.clone() };
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(watched)).build()
}

/// The credentials that came have ended already.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Who handed them in, where somebody did.
    pub(crate) given: Option<&'static str>,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the credentials have expired")
    }
}

impl std::error::Error for Ended {}

/// Hands credentials on and remembers what may be told of them.
#[derive(Debug)]
struct Watched {
    inner: SharedCredentialsProvider,
    given: Option<&'static str>,
    profile: String,
    role: Option<String>,
    login: Arc<Mutex<Option<Login>>>,
}

impl ProvideCredentials for Watched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.inner.provide_credentials().await?;
            if credentials.expiry().is_some_and(|end| end <= SystemTime::now()) {
                return Err(CredentialsError::provider_error(Ended { given: self.given }));
            }
            let login = Login { from: self.from(&credentials), expires_at: credentials.expiry().and_then(seconds) };
            *self.login.lock().unwrap_or_else(PoisonError::into_inner) = Some(login);
            Ok(credentials)
        })
    }
}

impl Watched {
    fn from(&self, credentials: &Credentials) -> String {
        let features = credentials.get_property::<Vec<Feature>>().map(Vec::as_slice).unwrap_or_default();
        let has = |wanted: Feature| features.contains(&wanted);
        let base = match self.given {
            Some(given) => given.to_owned(),
            None if has(Feature::CredentialsSso) => format!("SSO of the profile '{}'", self.profile),
            None if has(Feature::CredentialsProfile) => format!("profile '{}'", self.profile),
            None if has(Feature::CredentialsImds) => "role of the instance".into(),
            None if has(Feature::CredentialsHttp) => "role of the container".into(),
            // A role's credentials tell of the role alone, and those of a token in the environment tell nothing.
            None if self.role.is_some() => "what the SDK found".into(),
            None => "web identity token".into(),
        };
        match &self.role {
            Some(role) => format!("{role}, by {base}"),
            None => base,
        }
    }
}

fn seconds(at: SystemTime) -> Option<i64> {
    i64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()
}
