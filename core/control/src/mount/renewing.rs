//! A plugin's child whose credentials end or are exchanged: started anew with the next ones before they do. Refuses to
//! take a child away from a call that is under way.

use super::helper::{Freshness, Helper};
use super::setup::Maker;
use crate::key_file::KeyFile;
use jiff::Timestamp;
use quarterdeck_contract::{BackendError, Carrier, Description, Operation, Reply, Request, Setup};
use quarterdeck_host::{Hosted, Renew};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Makes a child's setup, and keeps why it can't.
pub(super) struct Renewal {
    maker: Maker,
    helper: Option<Helper>,
    failed: Mutex<Option<BackendError>>,
}

impl Renewal {
    pub(super) fn new(maker: Maker, helper: Option<Helper>) -> Self {
        Self { maker, helper, failed: Mutex::default() }
    }

    /// The setup of the next child. One that can't be made is empty; the child that refuses it is answered for by
    /// [`Renewing`], with the reason.
    pub(super) fn setup(&self) -> Setup {
        let made = self.maker.make(self.helper.as_ref().and_then(Helper::given));
        let (setup, failed) = match made {
            Ok(setup) => (setup, None),
            Err(error) => (self.maker.nothing(), Some(error)),
        };
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        setup
    }

    fn failed(&self) -> Option<BackendError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The same as what the host asks for.
pub(super) fn renew(renewal: &Arc<Renewal>) -> Renew {
    let renewal = renewal.clone();
    Arc::new(move || Some(renewal.setup()))
}

/// A child with what renews it.
pub(super) struct Renewing {
    hosted: Arc<Hosted>,
    renewal: Arc<Renewal>,
    files: Vec<KeyFile>,
    in_use: RwLock<()>,
}

impl Renewing {
    /// `files` are those whose change is a reason to start the child anew.
    pub(super) fn new(hosted: Arc<Hosted>, renewal: Arc<Renewal>, files: Vec<PathBuf>) -> Self {
        let files = files.into_iter().map(KeyFile::new).collect();
        Self { hosted, renewal, files, in_use: RwLock::new(()) }
    }

    /// Takes a new credential to the child, between two calls.
    fn freshen(&self, operation: &Operation) -> Result<(), BackendError> {
        let renewed = match &self.renewal.helper {
            Some(helper) => helper.freshen(Timestamp::now())? == Freshness::New,
            None => false,
        };
        // Files are looked at as often as the backend is, not at each call.
        let changed = matches!(operation, Operation::Health) && {
            let changed: Vec<bool> = self.files.iter().map(KeyFile::changed).collect();
            changed.contains(&true) || self.renewal.failed().is_some()
        };
        if renewed || changed {
            let _alone = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
            self.hosted.restart_now();
        }
        Ok(())
    }
}

impl Carrier for Renewing {
    fn description(&self) -> Description {
        self.hosted.description()
    }

    fn carry(&self, request: Request) -> Reply {
        if let Err(error) = self.freshen(&request.operation) {
            return Reply { answer: Err(error), secret: None };
        }
        let _using = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let reply = self.hosted.carry(request);
        // What a child without its secrets answers means nothing, whatever it is.
        match self.renewal.failed() {
            Some(error) => Reply { answer: Err(error), secret: None },
            None => reply,
        }
    }
}
