//! The same plugin without a child: for tests, and for `isolation = "none"`. Refuses to promise anything: a plugin that
//! aborts here takes the program with it.

use crate::status::{HostState, HostStatus};
use quarterdeck_abi::{Library, LoadRules, Loaded, Log, load};
use quarterdeck_contract::{Carrier, Description, Reply, Request, Result, Setup};
use std::path::Path;
use std::time::Instant;

/// A backend in this very process.
pub struct InProcess {
    name: String,
    library: Library,
    loaded: Loaded,
    since: Instant,
}

impl InProcess {
    /// Loads the library and makes the backend, on the caller's thread and for as long as that takes.
    ///
    /// # Errors
    ///
    /// `Invalid` when the library is refused; the constructor's own error.
    pub fn load(name: impl Into<String>, library: &Path, rules: &LoadRules, setup: &Setup, log: Log) -> Result<Self> {
        let library = load(library, rules)?;
        let loaded = library.create(setup, log)?;
        Ok(Self { name: name.into(), library, loaded, since: Instant::now() })
    }

    /// What there is to tell: it is up, or it would not be here.
    pub fn status(&self) -> HostStatus {
        HostStatus {
            name: self.name.clone(),
            pid: None,
            state: HostState::Up,
            since: self.since,
            restarts: 0,
            last_error: None,
            stderr_tail: Vec::new(),
            isolation: "in process".to_owned(),
            plugin: Some(self.library.name().to_owned()),
            version: Some(self.library.version().to_owned()),
            abi: Some(self.library.abi()),
            sha256: Some(self.library.sha256()),
            confinement: None,
        }
    }
}

impl Carrier for InProcess {
    fn description(&self) -> Description {
        self.loaded.description()
    }

    fn carry(&self, request: Request) -> Reply {
        self.loaded.carry(request)
    }
}
