//! The journal that can't be opened. Refuses everything with the reason: a cockpit still shows what there is to see, and
//! nothing can be done from it.

use super::{Deciding, Journal, JournalError, Sealed};
use quarterdeck_domain::chain::Head;
use quarterdeck_domain::event::Event;
use quarterdeck_domain::state::State;
use quarterdeck_domain::verify::Finding;
use std::sync::Arc;

/// Stands where the journal should be.
#[derive(Debug)]
pub struct ClosedJournal {
    why: JournalError,
}

impl ClosedJournal {
    /// Keeps the reason.
    pub fn new(why: JournalError) -> Self {
        Self { why }
    }
}

impl Journal for ClosedJournal {
    fn append(&self, _: Vec<Event>) -> Result<Vec<Sealed>, JournalError> {
        Err(self.why.clone())
    }

    fn append_if(&self, _: &mut Deciding<'_>) -> Result<Vec<Sealed>, JournalError> {
        Err(self.why.clone())
    }

    fn catch_up(&self) -> Result<Vec<(u64, Event)>, JournalError> {
        Err(self.why.clone())
    }

    fn state(&self) -> Arc<State> {
        Arc::default()
    }

    fn head(&self) -> Head {
        Head::NONE
    }

    fn trouble(&self) -> Option<Finding> {
        None
    }
}
