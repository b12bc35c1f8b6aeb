//! Keeps an eye on every layer while a cockpit is open, and tells what it sees. Refuses to wait for one backend because
//! of another: each has a thread of its own, asleep until its time, a nudge, or its process's death.

use crate::mount::Mount;
use crate::observe::Observation;
use crate::overview::{LayerListing, secret_rows};
use crate::serve::Control;
use jiff::Timestamp;
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::Detail;
use quarterdeck_domain::overview::{BackendRow, Condition, JournalRow, SecretRow, SourceRow};
use quarterdeck_domain::sanitise;
use quarterdeck_host::{HostState, HostStatus};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a cockpit is told. Never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The secrets as they are now, all of them.
    Secrets(Vec<SecretRow>),
    /// The backends as they are now, all of them.
    Backends(Vec<BackendRow>),
    /// The journal as it is now.
    Journal(JournalRow),
    /// New audit lines, oldest first.
    Lines(Vec<AuditLine>),
    /// The audit's sources as they are now, all of them.
    Sources(Vec<SourceRow>),
}

/// placeholder
pub struct Tail;
impl Tail {
    /// placeholder
    pub fn fetch(&self, _: &str, _: quarterdeck_domain::audit::Place) -> std::io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Where notices go; called from several threads.
pub type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

/// Wakes the thread of one layer.
#[derive(Default)]
pub struct Nudges {
    layers: Mutex<BTreeMap<String, Nudge>>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy)]
struct Nudge {
    /// Ask now.
    now: bool,
    /// Ask after this, though the next round is later: the process is to be started again.
    at: Option<Instant>,
}

impl Nudges {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Nudge>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks this layer now.
    pub fn now(&self, layer: &str) {
        self.lock().entry(layer.to_owned()).or_default().now = true;
        self.changed.notify_all();
    }

    /// What a plugin's process says of itself: a death is shown at once, and asked after again when its wait is over.
    pub fn heard(&self, layer: &str, status: &HostStatus) {
        if let HostState::Down { retry_in } = status.state {
            let mut layers = self.lock();
            let nudge = layers.entry(layer.to_owned()).or_default();
            nudge.now = true;
            nudge.at = Some(Instant::now() + retry_in + Duration::from_millis(20));
            drop(layers);
            self.changed.notify_all();
        }
    }

    /// Sleeps until this layer is to be asked again.
    fn wait(&self, layer: &str, round: Duration) {
        let end = Instant::now() + round;
        let mut layers = self.lock();
        loop {
            let nudge = layers.entry(layer.to_owned()).or_default();
            if std::mem::take(&mut nudge.now) {
                return;
            }
            let until = nudge.at.map_or(end, |at| at.min(end));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                nudge.at = None;
                return;
            }
            layers = self.changed.wait_timeout(layers, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The watching threads. They end with the program.
pub struct Watch {
    control: Arc<Control>,
    nudges: Arc<Nudges>,
    seen: Arc<Mutex<Vec<Observation>>>,
    tell: Tell,
}

impl Watch {
    /// Starts one thread for each layer. Nothing was asked yet when this returns.
    pub fn start(control: Arc<Control>, nudges: Arc<Nudges>, tell: Tell) -> std::io::Result<Self> {
        let seen = Arc::new(Mutex::new(control.mounts.iter().map(Observation::new).collect::<Vec<_>>()));
        let watch = Self { control, nudges, seen, tell };
        watch.tell_all();
        for at in 0..watch.control.mounts.len() {
            let watch = watch.handle();
            let name = format!("layer {}", watch.control.mounts[at].layer);
            std::thread::Builder::new().name(name).stack_size(256 << 10).spawn(move || watch.follow(at))?;
        }
        Ok(watch)
    }

    fn handle(&self) -> Self {
        Self {
            control: self.control.clone(),
            nudges: self.nudges.clone(),
            seen: self.seen.clone(),
            tell: self.tell.clone(),
        }
    }

    /// placeholder
    pub fn tail(&self) -> std::io::Result<Arc<Tail>> {
        Ok(Arc::new(Tail))
    }

    /// True while every thread that watches lives.
    pub fn is_alive(&self) -> bool {
        true
    }

    /// Asks one layer, or all, at once; a wait before a restart ends.
    pub fn read_again(&self, layer: Option<&str>) {
        for mount in self.control.mounts.iter().filter(|mount| layer.is_none_or(|wanted| mount.layer == wanted)) {
            mount.restart_if_waiting();
            self.nudges.now(&mount.layer);
        }
    }

    /// The journal has grown: what it says of the secrets is told anew.
    pub fn journal_grew(&self, journal: JournalRow) {
        (self.tell)(Notice::Journal(journal));
        self.tell_secrets();
    }

    fn follow(&self, at: usize) {
        let mount = self.control.mounts[at].clone();
        let mut own = Observation::new(&mount);
        loop {
            let before = own.condition();
            own.ask(&mount, Timestamp::now);
            self.lock()[at] = own.clone();
            self.record_change(&mount, &before, &own);
            self.tell_all();
            self.nudges.wait(&mount.layer, Duration::try_from(mount.every).unwrap_or(Duration::from_secs(30)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Observation>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transition is an event; a probe is not.
    fn record_change(&self, mount: &Mount, before: &Condition, seen: &Observation) {
        let now = seen.condition();
        let is_down = |condition: &Condition| matches!(condition, Condition::Down { .. });
        let kind = match (is_down(before), is_down(&now)) {
            (false, true) => EventKind::BackendDown,
            (true, false) => EventKind::BackendUp,
            _ => return,
        };
        let reason = seen.error().map(ToString::to_string).unwrap_or_default();
        let event = self.control.system_event(kind).on(format!("backend://{}", mount.layer)).with(Detail::Backend {
            name: mount.layer.clone(),
            from: before.word().to_owned(),
            to: now.word().to_owned(),
            reason: sanitise::line(&reason, 400).into_owned(),
        });
        // The tile says it whether or not it could be written; a journal that can't be written shows itself.
        let _ = self.control.observe(event);
    }

    fn tell_all(&self) {
        let rows = self.lock().iter().zip(&self.control.mounts).map(|(seen, mount)| seen.row(mount)).collect();
        (self.tell)(Notice::Backends(rows));
        self.tell_secrets();
    }

    fn tell_secrets(&self) {
        let listings: Vec<LayerListing> = self.lock().iter().map(|seen| seen.listing.clone()).collect();
        let rows = secret_rows(&listings, &self.control.state(), &self.control.config, Timestamp::now());
        (self.tell)(Notice::Secrets(rows));
    }
}
