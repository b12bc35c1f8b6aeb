//! Where a value is used: a service that accepts what it was told of, until it is told otherwise. It answers the hooks.

use crate::rotate::hooks::{Answered, Errand};
use quarterdeck_domain::rotate::Step;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What it does in the place of answering as it should, the next so many times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whim {
    /// It says no.
    No,
    /// It is not there.
    Absent,
    /// It can't be asked.
    Trouble,
    /// Somebody acts meanwhile, and it is done.
    Meanwhile(usize),
    /// Somebody acts before it is done.
    Before(usize),
}

#[derive(Default)]
struct Inner {
    accepts: BTreeSet<String>,
    whims: Vec<(Step, u32, Whim)>,
}

/// What somebody does meanwhile.
pub(super) type Act = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub(super) struct Broker {
    inner: Mutex<Inner>,
    pub(super) acts: Mutex<Vec<Act>>,
}

impl Broker {
    pub(super) fn new() -> Self {
        let broker = Self::default();
        broker.inner().accepts.insert("old".into());
        broker
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// At this step it does so, the next `times` times.
    pub(super) fn told(&self, step: Step, times: u32, whim: Whim) {
        self.inner().whims.push((step, times, whim));
    }

    /// At this step somebody does this, once.
    pub(super) fn meanwhile(&self, step: Step, act: Act) {
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        acts.push(act);
        self.told(step, 1, Whim::Meanwhile(acts.len() - 1));
    }

    /// At this step somebody does this first, once.
    pub(super) fn before(&self, step: Step, act: Act) {
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        acts.push(act);
        self.told(step, 1, Whim::Before(acts.len() - 1));
    }

    pub(super) fn learns(&self, value: &str) {
        self.inner().accepts.insert(value.into());
    }

    pub(super) fn forgets(&self, value: &str) {
        self.inner().accepts.remove(value);
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        self.inner().accepts.contains(value)
    }

    pub(super) fn accepted(&self) -> Vec<String> {
        self.inner().accepts.iter().cloned().collect()
    }

    /// All is well with it again.
    pub(super) fn mended(&self) {
        self.inner().whims.clear();
    }

    pub(super) fn answer(&self, errand: &Errand<'_>) -> Answered {
        let took = Duration::ZERO;
        let value = String::from_utf8_lossy(errand.value.bytes.expose()).into_owned();
        let mut inner = self.inner();
        let at = inner.whims.iter().position(|(step, times, _)| *step == errand.step && *times > 0);
        let whim = at.map(|at| {
            inner.whims[at].1 -= 1;
            inner.whims[at].2.clone()
        });
        match &whim {
            Some(Whim::No) => return Answered::No { why: "exit 1".into(), took },
            Some(Whim::Absent) => return Answered::Absent { why: "set-key is not there (exit 127)".into(), took },
            Some(Whim::Trouble) => return Answered::Trouble { why: "took longer than 5 s".into(), took },
            Some(Whim::Before(at)) => {
                drop(inner);
                self.acts.lock().unwrap_or_else(PoisonError::into_inner)[*at]();
                inner = self.inner();
            }
            _ => {}
        }
        let yes = match errand.step {
            Step::Set => {
                inner.accepts.insert(value);
                true
            }
            Step::Retire | Step::Revoke => {
                inner.accepts.remove(&value);
                true
            }
            _ => inner.accepts.contains(&value),
        };
        drop(inner);
        if let Some(Whim::Meanwhile(at)) = whim {
            self.acts.lock().unwrap_or_else(PoisonError::into_inner)[at]();
        }
        match yes {
            true => Answered::Yes { note: "ok".into(), took },
            false => Answered::No { why: "not accepted".into(), took },
        }
    }
}
