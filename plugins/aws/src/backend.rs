//! The contract's trait over AWS. Refuses to reach AWS before the first call.

use crate::remote::{Ask, Remote};
use crate::settings::Settings;
use crate::{extras, health, plain, reading, staging, writing};
use quarterdeck_contract::*;

/// A backend over Secrets Manager in one region of one account.
///
/// A missing region or credential is not an error here but in each call, so that the tile can say it.
///
/// # Errors
/// [`ErrorKind::Invalid`] when a setting makes no sense.
pub fn create(mut setup: Setup) -> Result<Box<dyn SecretsBackend>> {
    Ok(Box::new(Aws(Remote::new(Settings::of(&mut setup)?)?)))
}

struct Aws(Remote);

impl SecretsBackend for Aws {
    fn describe(&self) -> Description {
        use Capability::*;
        Description {
            backend: "aws".into(),
            target: self.0.settings.target(),
            capabilities: vec![Write, Versions, CompareAndSet, Staging, Restore],
            extras: extras::NAMES.map(str::to_owned).to_vec(),
        }
    }

    fn health(&self, call: Call) -> Result<Health> {
        let Self(remote) = self;
        let asked = async |ask: &Ask| health::health(ask, &remote.settings, &remote.calls).await;
        remote.run(call, "asking AWS how it is", asked).map(plain::health)
    }

    fn list(&self, page: &PageRequest, call: Call) -> Result<Page> {
        let Self(remote) = self;
        let listed = remote.run(call, "listing secrets", async |ask| reading::list(ask, &remote.settings, page).await);
        listed.map(plain::page)
    }

    fn inspect(&self, name: &SecretName, call: Call) -> Result<Inspection> {
        let Self(remote) = self;
        let doing = format!("inspecting '{name}'");
        let inspected = remote.run(call, &doing, async |ask| reading::inspect(ask, &remote.settings, name).await);
        inspected.map(plain::inspection)
    }

    fn keys(&self, name: &SecretName, call: Call) -> Result<Vec<String>> {
        self.0.run(call, &format!("reading the keys of '{name}'"), async |ask| reading::keys(ask, name).await)
    }

    fn read(&self, name: &SecretName, version: Option<&VersionId>, call: Call) -> Result<Reading> {
        let read = self.0.run(call, &format!("reading '{name}'"), async |ask| reading::read(ask, name, version).await);
        read.map(|reading| Reading { version: reading.version.map(plain::version), ..reading })
    }

    fn write(&self, name: &SecretName, value: Value, expected: &Expected, call: Call) -> Result<VersionId> {
        self.0.run(call, &format!("setting '{name}'"), async |ask| writing::write(ask, name, value, expected).await)
    }

    fn delete(&self, name: &SecretName, expected: &Expected, call: Call) -> Result<()> {
        let Self(remote) = self;
        let days = remote.settings.recovery_days;
        let doing = format!("deleting '{name}'");
        remote.run(call, &doing, async |ask| writing::delete(ask, name, expected, days).await)
    }

    fn restore(&self, name: &SecretName, call: Call) -> Result<VersionId> {
        self.0.run(call, &format!("restoring '{name}'"), async |ask| writing::restore(ask, name).await)
    }

    fn stage(&self, name: &SecretName, value: Value, rotation: &str, call: Call) -> Result<VersionId> {
        self.0.run(call, &format!("staging '{name}'"), async |ask| staging::stage(ask, name, value, rotation).await)
    }

    fn promote(&self, name: &SecretName, version: &VersionId, from: &VersionId, call: Call) -> Result<VersionId> {
        let doing = format!("promoting version '{version}' of '{name}'");
        self.0.run(call, &doing, async |ask| staging::promote(ask, name, version, from).await)
    }

    fn unstage(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        let doing = format!("unstaging version '{version}' of '{name}'");
        self.0.run(call, &doing, async |ask| staging::unstage(ask, name, version).await)
    }

    fn retire(&self, name: &SecretName, version: &VersionId, current: &VersionId, call: Call) -> Result<()> {
        let doing = format!("retiring version '{version}' of '{name}'");
        self.0.run(call, &doing, async |ask| staging::retire(ask, name, version, current).await)
    }

    fn extra(&self, extra: &Extra, _: Option<SecretBytes>, call: Call) -> Result<ExtraReply> {
        let Self(remote) = self;
        let doing = format!("'{}'", extra.operation);
        let done = remote.run(call, &doing, async |ask| extras::extra(ask, &remote.settings, extra).await);
        done.map(plain::reply)
    }
}
