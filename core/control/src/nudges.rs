//! Wakes the thread that follows a layer before its time. Refuses to know what it does then.

use quarterdeck_host::{HostState, HostStatus};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a thread woke; of several reasons the last in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// Its time came.
    Due,
    /// Its plugin's process changed, or may be started again.
    Process,
    /// Something was stored in the layer through us.
    Written,
    /// A person asked.
    Asked,
}

/// Wakes the thread of one layer.
#[derive(Default)]
pub struct Nudges {
    layers: Mutex<BTreeMap<String, Nudge>>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy)]
struct Nudge {
    /// Wake now.
    now: Option<Wake>,
    /// Wake after this, though the next round is later: the process is to be started again.
    at: Option<Instant>,
}

impl Nudges {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Nudge>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks this layer now, all that can be asked.
    pub fn now(&self, layer: &str) {
        self.wake(layer, Wake::Asked);
    }

    /// Wakes this layer's thread.
    pub fn wake(&self, layer: &str, why: Wake) {
        let mut layers = self.lock();
        let nudge = layers.entry(layer.to_owned()).or_default();
        nudge.now = nudge.now.max(Some(why));
        drop(layers);
        self.changed.notify_all();
    }

    /// What a plugin's process says of itself: a death is shown at once, and asked after again when its wait is over.
    pub fn heard(&self, layer: &str, status: &HostStatus) {
        if let HostState::Down { retry_in } = status.state {
            self.lock().entry(layer.to_owned()).or_default().at =
                Some(Instant::now() + retry_in + Duration::from_millis(20));
            self.wake(layer, Wake::Process);
        }
    }

    /// True when somebody wants this layer's thread.
    pub(crate) fn is_wanted(&self, layer: &str) -> bool {
        self.lock().get(layer).is_some_and(|nudge| nudge.now.is_some())
    }

    /// Sleeps until this layer's thread is wanted, at most until `end`.
    pub(crate) fn wait(&self, layer: &str, end: Instant) -> Wake {
        let mut layers = self.lock();
        loop {
            let nudge = layers.entry(layer.to_owned()).or_default();
            if let Some(why) = nudge.now.take() {
                return why;
            }
            let now = Instant::now();
            if nudge.at.is_some_and(|at| at <= now) {
                nudge.at = None;
                return Wake::Process;
            }
            if end <= now {
                return Wake::Due;
            }
            let until = nudge.at.map_or(end, |at| at.min(end));
            layers = self.changed.wait_timeout(layers, until - now).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_reason_wakes_once() {
        let nudges = Nudges::default();
        nudges.wake("a", Wake::Asked);
        nudges.wake("a", Wake::Process);
        assert!(nudges.is_wanted("a") && !nudges.is_wanted("b"));
        let past = Instant::now();
        assert_eq!(nudges.wait("a", past), Wake::Asked);
        assert_eq!(nudges.wait("a", past), Wake::Due);
        assert_eq!(nudges.wait("b", past), Wake::Due);
    }
}
