//! A good backend with one fault: what the conformance suite has to find. Refuses to have two.

use crate::name;
use quarterdeck_contract::*;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    ListsTwice,
    ForgetsThePrefix,
    PagesForEver,
    ReadsAnother,
    MissesNothing,
    ShowsAValue,
    WritesOverAnything,
    DropsTheEnd,
    DeletesNothing,
    DoesAnyExtra,
    StagesInTheOpen,
}

/// A good backend with one fault.
pub(crate) struct Faulty {
    pub(crate) inner: Box<dyn SecretsBackend>,
    pub(crate) fault: Fault,
}

impl SecretsBackend for Faulty {
    fn describe(&self) -> Description {
        self.inner.describe()
    }

    fn health(&self, call: Call) -> Result<Health> {
        let mut health = self.inner.health(call)?;
        if self.fault == Fault::ShowsAValue {
            health.warnings.push("canary-one-1 is short".into());
        }
        Ok(health)
    }

    fn list(&self, page: &PageRequest, call: Call) -> Result<Page> {
        let mut page = page.clone();
        if self.fault == Fault::ForgetsThePrefix {
            page.prefix.clear();
        }
        if self.fault == Fault::PagesForEver && page.limit == 1 {
            page.after = None;
        }
        let mut found = self.inner.list(&page, call)?;
        if self.fault == Fault::ListsTwice {
            found.entries.extend(found.entries.clone());
        }
        Ok(found)
    }

    fn inspect(&self, name: &SecretName, call: Call) -> Result<Inspection> {
        self.inner.inspect(name, call)
    }

    fn keys(&self, name: &SecretName, call: Call) -> Result<Vec<String>> {
        match self.inner.keys(name, call) {
            Err(_) if self.fault == Fault::MissesNothing => Ok(Vec::new()),
            keys => keys,
        }
    }

    fn read(&self, asked: &SecretName, version: Option<&VersionId>, call: Call) -> Result<Reading> {
        let other = name("a/two");
        let asked = if self.fault == Fault::ReadsAnother && version.is_none() { &other } else { asked };
        self.inner.read(asked, version, call)
    }

    fn write(&self, name: &SecretName, mut value: Value, expected: &Expected, call: Call) -> Result<VersionId> {
        if self.fault == Fault::DropsTheEnd {
            let text = String::from_utf8_lossy(value.bytes.expose()).trim_end().to_owned();
            value.bytes = SecretBytes::from(text.as_str());
        }
        let expected = if self.fault == Fault::WritesOverAnything { &Expected::Anything } else { expected };
        self.inner.write(name, value, expected, call)
    }

    fn stage(&self, name: &SecretName, value: Value, rotation: &str, call: Call) -> Result<VersionId> {
        if self.fault == Fault::StagesInTheOpen {
            return self.inner.write(name, value, &Expected::Anything, call);
        }
        self.inner.stage(name, value, rotation, call)
    }

    fn promote(&self, name: &SecretName, version: &VersionId, from: &VersionId, call: Call) -> Result<VersionId> {
        self.inner.promote(name, version, from, call)
    }

    fn unstage(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        self.inner.unstage(name, version, call)
    }

    fn retire(&self, name: &SecretName, version: &VersionId, current: &VersionId, call: Call) -> Result<()> {
        self.inner.retire(name, version, current, call)
    }

    fn delete(&self, name: &SecretName, expected: &Expected, call: Call) -> Result<()> {
        if self.fault == Fault::DeletesNothing { Ok(()) } else { self.inner.delete(name, expected, call) }
    }

    fn remove_version(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        self.inner.remove_version(name, version, call)
    }

    fn extra(&self, extra: &Extra, secret: Option<SecretBytes>, call: Call) -> Result<ExtraReply> {
        match self.inner.extra(extra, secret, call) {
            Err(_) if self.fault == Fault::DoesAnyExtra => Ok(ExtraReply::default()),
            reply => reply,
        }
    }
}
