//! A backend that could not be mounted: it answers every question with the reason. Refuses to be left out in silence.

use quarterdeck_contract::{
    BackendError, Call, Description, Health, Inspection, Page, PageRequest, Reading, Result, SecretName,
    SecretsBackend, VersionId,
};

/// The reason, in the place of a backend.
pub(super) struct Missing {
    pub(super) kind: String,
    pub(super) error: BackendError,
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
