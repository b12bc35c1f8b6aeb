//! Backends over a moto, and what is asked of them.

use quarterdeck_contract::*;
use quarterdeck_servers::Moto;
use std::sync::OnceLock;
use std::time::Duration;

/// Keys that must show nowhere.
pub(crate) const KEY: &str = "canary-secret-access-key";
pub(crate) const TOKEN: &str = "canary-session-token";

pub(crate) const CALL: Call = Call { within: Duration::from_secs(30) };

/// One that all tests share which keep to names of their own.
pub(crate) fn moto() -> &'static Moto {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    MOTO.get_or_init(Moto::start)
}

/// A setup with keys, a region and this endpoint.
pub(crate) fn setup(endpoint: &str) -> Setup {
    let mut setup = Setup { instance: "aws".into(), ..Setup::default() };
    for (name, text) in [("endpoint", endpoint), ("region", "us-east-1")] {
        setup.settings.insert(name.into(), Setting::Text(text.into()));
    }
    let secrets = [
        ("AWS_ACCESS_KEY_ID", "AKIACANARYKEYID"),
        ("AWS_SECRET_ACCESS_KEY", KEY),
        ("AWS_SESSION_TOKEN", TOKEN),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    for (name, text) in secrets {
        setup.secrets.insert(name.into(), SecretBytes::from(text));
    }
    setup
}

/// The same as somebody else.
pub(crate) fn setup_as(endpoint: &str, (id, key): &(String, String)) -> Setup {
    let mut setup = setup(endpoint);
    setup.secrets.insert("AWS_ACCESS_KEY_ID".into(), SecretBytes::from(id.as_str()));
    setup.secrets.insert("AWS_SECRET_ACCESS_KEY".into(), SecretBytes::from(key.as_str()));
    setup.secrets.remove("AWS_SESSION_TOKEN");
    setup
}

pub(crate) fn backend(setup: Setup) -> Box<dyn SecretsBackend> {
    quarterdeck_aws::create(setup).unwrap()
}

/// Over the shared moto.
pub(crate) fn shared() -> Box<dyn SecretsBackend> {
    backend(setup(&moto().address()))
}

pub(crate) fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

pub(crate) fn write(backend: &dyn SecretsBackend, at: &str, value: Value, expected: &Expected) -> Result<VersionId> {
    backend.write(&name(at), value, expected, CALL)
}

pub(crate) fn create(backend: &dyn SecretsBackend, at: &str, text: &str) -> VersionId {
    write(backend, at, Value::text(text), &Expected::Absent).unwrap()
}

pub(crate) fn read(backend: &dyn SecretsBackend, at: &str) -> Value {
    backend.read(&name(at), None, CALL).unwrap().value
}

/// The error, once it was looked at for what must not show.
#[track_caller]
pub(crate) fn no<T: std::fmt::Debug>(outcome: Result<T>) -> BackendError {
    let error = outcome.unwrap_err();
    let shown = format!("{error} {error:?}");
    for canary in ["canary", KEY, TOKEN, "AKIACANARYKEYID"] {
        assert!(!shown.contains(canary), "an error shows a secret: {shown}");
    }
    assert!(!error.doing.is_empty() && !error.what.is_empty(), "{error:?}");
    error
}
