//! Follows each layer in a thread of its own: its health each poll, its names and versions now and then, and tells the
//! journal what changed. Refuses to hurry a backend that fails, to read a value, and to wait for one layer because of
//! another.

use crate::breaker::is_of_the_backend;
use crate::config::duration;
use crate::installation::random;
use crate::mount::Mount;
use crate::nudges::{Nudges, Wake};
use crate::observe::Observation;
use crate::open::state_folder;
use crate::overview::{LayerListing, secret_rows};
use crate::pace::Pace;
use crate::serve::Control;
use crate::versions::{Change, Versions};
use jiff::Timestamp;
use quarterdeck_contract::{Call, Capability, ErrorKind, Inspection, SecretName};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::{Detail, Status};
use quarterdeck_domain::overview::{BackendRow, Condition};
use quarterdeck_domain::rotation::SecretState;
use quarterdeck_domain::sanitise;
use quarterdeck_domain::version::Sighting;
use rustix::fs::{Mode, OFlags};
use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often versions are looked at when configuration says nothing (R1.11).
pub const VERSIONS: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
/// Questions about single secrets that one layer is asked at once.
const AT_ONCE: usize = 4;
/// So many refusals end a round: the next would be refused too.
const REFUSALS: usize = 3;
/// Changes that are told in one piece; the others wait for the next.
const PIECE: usize = 100;
/// What could not be told is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// So many secrets that somebody looked at are asked before others.
const LOOKED_AT: usize = 32;
/// Whoever holds this file's lock, in the state's folder, tells the journal of versions.
const LOCK: &str = "versions.lock";

/// Told after each round of a layer, with its place.
pub type Told = Arc<dyn Fn(usize) + Send + Sync>;

/// What every following thread holds.
#[derive(Clone)]
pub struct Follow {
    control: Arc<Control>,
    nudges: Arc<Nudges>,
    seen: Arc<Mutex<Vec<Observation>>>,
    looked_at: Arc<Mutex<VecDeque<(String, String)>>>,
    /// A layer that never answered is no news: nobody here expects it.
    expects: bool,
}

impl Follow {
    /// Nothing asked yet. A cockpit expects every layer to answer; a watcher, started by a service manager, may have
    /// nobody's credentials, and tells the journal only of a layer that it saw alive before.
    pub fn new(control: Arc<Control>, nudges: Arc<Nudges>, expects: bool) -> Self {
        let seen = Arc::new(Mutex::new(control.mounts.iter().map(Observation::new).collect::<Vec<_>>()));
        Self { control, nudges, seen, looked_at: Arc::default(), expects }
    }

    /// Starts a thread for each layer. They end with the program.
    pub fn start(&self, told: &Told) -> std::io::Result<Vec<JoinHandle<()>>> {
        let start = |at: usize| {
            let (own, told) = (self.clone(), told.clone());
            thread(&format!("layer {}", own.control.mounts[at].layer), move || own.follow(at, &told))
        };
        (0..self.control.mounts.len()).map(start).collect()
    }

    /// The backends as they are now.
    pub fn backends(&self) -> Vec<BackendRow> {
        let (here, boundary) = (self.control.config.environment, self.control.boundary());
        let row = |(seen, mount): (&Observation, &Mount)| seen.row(mount, boundary, here);
        self.lock().iter().zip(&self.control.mounts).map(row).collect()
    }

    /// The listings as they are now.
    pub fn listings(&self) -> Vec<LayerListing> {
        self.lock().iter().map(|seen| seen.listing.clone()).collect()
    }

    /// Asks one layer, or all, at once: a wait before a restart ends, and a backend that failed has one more try.
    pub fn read_again(&self, layer: Option<&str>) {
        for mount in self.control.mounts.iter().filter(|mount| layer.is_none_or(|wanted| mount.layer == wanted)) {
            mount.try_again();
            self.nudges.now(&mount.layer);
        }
    }

    /// Somebody looks at this secret: its version is asked before others'.
    pub fn looked_at(&self, layer: &str, name: &str) {
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        looked_at.retain(|known| known != &(layer.to_owned(), name.to_owned()));
        looked_at.push_front((layer.to_owned(), name.to_owned()));
        looked_at.truncate(LOOKED_AT);
    }

    /// Something was stored in a layer through us: its listing is another one.
    pub fn written(&self, layer: &str) {
        self.nudges.wake(layer, Wake::Written);
    }

    /// The journal tells of another version in a layer: its rows are to show it.
    pub fn announced(&self, layer: &str) {
        self.nudges.wake(layer, Wake::Process);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Observation>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, at: usize, told: &Told) {
        let mount = self.control.mounts[at].clone();
        let versions_every = self.control.config.file.watch.versions.as_deref();
        let versions_every = versions_every.and_then(|text| duration::parse(text).ok()).unwrap_or(VERSIONS);
        let mut layer = Layer {
            own: Observation::new(&mount),
            versions: Versions::new(&mount.layer),
            pace: Pace::new(&mount.kind, mount.every, versions_every),
            ends: None,
            told_down: false,
            throttled: false,
            mount,
        };
        let mut wake = Wake::Asked;
        loop {
            self.round(at, &mut layer, wake, told);
            wake = self.rest(&mut layer);
        }
    }

    fn round(&self, at: usize, layer: &mut Layer, wake: Wake, told: &Told) {
        let before = layer.own.condition();
        let began = Timestamp::now();
        if layer.own.probe(&layer.mount, Timestamp::now) && layer.lists(wake) {
            layer.own.list(&layer.mount, Timestamp::now);
            if layer.own.is_listed() {
                layer.pace.listed(Instant::now());
                self.take_listing(layer, began);
            }
        }
        self.publish(at, layer);
        self.record_change(layer, &before);
        self.record_end(layer);
        told(at);
        let learned = layer.own.is_listed() && self.ask_singly(layer, wake);
        self.announce(layer);
        if learned {
            self.publish(at, layer);
            told(at);
        }
    }

    fn publish(&self, at: usize, layer: &mut Layer) {
        let listing = &mut layer.own.listing;
        listing.deleted = layer.versions.fill(&mut listing.entries, &self.control.state());
        self.lock()[at] = layer.own.clone();
    }

    /// Sleeps until the next round; tells meanwhile what could not be told.
    fn rest(&self, layer: &mut Layer) -> Wake {
        let error = layer.own.error().map(|error| &error.kind);
        let error = error.or(layer.throttled.then_some(&ErrorKind::Throttled));
        let end = Instant::now() + layer.pace.rest(error, random());
        loop {
            let until = if layer.versions.is_open() { end.min(Instant::now() + AGAIN) } else { end };
            let wake = self.nudges.wait(&layer.mount.layer, until);
            if wake != Wake::Due || Instant::now() >= end {
                return wake;
            }
            self.announce(layer);
        }
    }

    fn take_listing(&self, layer: &mut Layer, began: Timestamp) {
        take_listing(&self.control, &layer.mount, &layer.own.listing, &mut layer.versions, began);
    }

    /// Asks some secrets singly, for at most half a poll; true when that told something of the rows.
    fn ask_singly(&self, layer: &mut Layer, wake: Wake) -> bool {
        if layer.pace.begins_round(wake, Instant::now()) {
            let first = self.first(&layer.own.listing);
            layer.versions.begin_round(first.iter().map(String::as_str));
        }
        let wanted = layer.versions.to_ask();
        let end = Instant::now() + layer.pace.poll() / 2;
        let stop = || Instant::now() >= end || self.nudges.is_wanted(&layer.mount.layer);
        let answers = inspect_some(&layer.mount, &wanted, &stop, &|| layer.mount.call());
        let mut learned = false;
        layer.throttled =
            answers.iter().any(|(.., answer)| answer.as_ref().is_err_and(|kind| *kind == ErrorKind::Throttled));
        for (name, began, answer) in answers {
            match answer {
                Ok(inspection) => learned |= layer.versions.answered(name, Some(&inspection), began),
                Err(ErrorKind::NotFound) => layer.versions.skip(name),
                // It is asked again in the next poll, if that is good.
                Err(kind) if fails_all(&kind) => layer.versions.postpone(name),
                Err(_) => learned |= layer.versions.answered(name, None, began),
            }
        }
        learned
    }

    /// What somebody looks at, what is tied to a key, and what is due soon.
    fn first(&self, listing: &LayerListing) -> Vec<String> {
        let looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let looked_at = looked_at.into_iter().filter(|(layer, _)| *layer == listing.layer).map(|(_, name)| name);
        let tied = self.control.config.file.secret.iter().map(|secret| secret.name.clone());
        let rows =
            secret_rows(std::slice::from_ref(listing), &self.control.state(), &self.control.config, Timestamp::now());
        let is_due = |state| matches!(state, SecretState::DueSoon | SecretState::Due | SecretState::Overdue);
        let due = rows.into_iter().filter(|row| is_due(row.state)).map(|row| row.name);
        looked_at.chain(tied).chain(due).collect()
    }

    /// Tells the journal of versions that somebody else made, once: one process at a time looks at what the others told
    /// and tells what is left. What can't be told now stays open.
    fn announce(&self, layer: &mut Layer) {
        if layer.versions.weigh(&self.control.state(), Timestamp::now()).is_empty() {
            return;
        }
        let Some(_turn) = self.turn() else { return };
        if self.control.journal.catch_up().is_err() {
            return;
        }
        let mut changes = layer.versions.weigh(&self.control.state(), Timestamp::now());
        changes.truncate(PIECE);
        let events = changes.iter().map(|change| self.event(&layer.mount.layer, change)).collect();
        if self.control.journal.append(events).is_ok() {
            layer.versions.told(&changes);
        }
    }

    fn event(&self, layer: &str, change: &Change) -> quarterdeck_domain::event::Event {
        let Change { name, from, to } = change.clone();
        let mut event = self
            .control
            .system_event(EventKind::SecretVersion)
            .on(format!("secret://{layer}/{name}"))
            .with(Detail::Version { layer: layer.to_owned(), name, from, to: to.clone() });
        if let Sighting::Version(version) = to {
            event.action.resource_id = version;
        }
        event
    }

    /// The lock, if nobody has it.
    fn turn(&self) -> Option<File> {
        let folder = state_folder(&self.control.surroundings, self.control.config.environment);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(folder.join(LOCK), flags, Mode::RUSR | Mode::WUSR).ok()?);
        file.try_lock().ok().map(|()| file)
    }

    /// A transition is an event; a probe is not.
    fn record_change(&self, layer: &mut Layer, before: &Condition) {
        let now = layer.own.condition();
        let is_down = |condition: &Condition| matches!(condition, Condition::Down { .. });
        let kind = match (is_down(before), is_down(&now)) {
            (false, true) if self.expects || *before != Condition::Connecting => EventKind::BackendDown,
            (true, false) if layer.told_down => EventKind::BackendUp,
            _ => return,
        };
        layer.told_down = kind == EventKind::BackendDown;
        let reason = layer.own.error().map(ToString::to_string).unwrap_or_default();
        // What is written stands alone: that a backend is down must not read 'ok'.
        let outcome = match layer.own.error() {
            Some(error) => (Status::Failure, Some(error.kind.code())),
            None => (Status::Success, None),
        };
        self.record(&layer.mount, kind, outcome, before.word(), now.word(), &reason);
    }

    /// That a credential is about to end is told once.
    fn record_end(&self, layer: &mut Layer) {
        let ends = layer.own.ends;
        if ends.is_none() || ends == layer.ends {
            return;
        }
        layer.ends = ends;
        let reason = ends.map(|at| format!("its credential ends at {at:.0}")).unwrap_or_default();
        let word = layer.own.condition().word().to_owned();
        self.record(&layer.mount, EventKind::BackendExpiring, (Status::Success, None), &word, "expiring", &reason);
    }

    fn record(
        &self,
        mount: &Mount,
        kind: EventKind,
        (status, code): (Status, Option<&str>),
        from: &str,
        to: &str,
        reason: &str,
    ) {
        let event = self.control.system_event(kind).on(format!("backend://{}", mount.layer));
        let event = event.came_out(status, None, code).with(Detail::Backend {
            name: mount.layer.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            reason: sanitise::line(reason, 400).into_owned(),
        });
        // The tile says it whether or not it could be written; a journal that can't be written shows itself.
        let _ = self.control.observe(event);
    }
}

/// One layer, as its thread knows it.
struct Layer {
    mount: Mount,
    own: Observation,
    versions: Versions,
    pace: Pace,
    /// The end of a credential that was told.
    ends: Option<Timestamp>,
    /// The journal has it that it is down.
    told_down: bool,
    /// It was asked too often in this round.
    throttled: bool,
}

impl Layer {
    fn lists(&self, wake: Wake) -> bool {
        // What failed hides the names until they are listed again.
        !self.own.is_listed() || self.pace.lists(wake, Instant::now())
    }
}

/// True where the others would fail as this one did.
fn fails_all(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Gone | ErrorKind::Panicked) || is_of_the_backend(kind, false)
}

/// Takes a listing. What another environment owns is announced there alone, and entries are each process's own.
pub(crate) fn take_listing(
    control: &Control,
    mount: &Mount,
    listing: &LayerListing,
    versions: &mut Versions,
    began: Timestamp,
) {
    if mount.kind == "env" {
        return;
    }
    let (boundary, here) = (control.boundary(), control.config.environment);
    let entries = listing.entries.iter();
    let entries = entries.filter(|entry| boundary.crossed(&mount.layer, entry.name.as_str(), here).is_none());
    let described = mount.backend().describe();
    let asks = described.can(Capability::Versions) || described.can(Capability::CompareAndSet);
    versions.listed(entries, asks, began);
}

pub(crate) type Answered<'a> = (&'a str, Timestamp, Result<Inspection, ErrorKind>);

/// Asks for these, some at once, until told to stop or until it is refused too often.
pub(crate) fn inspect_some<'a>(
    mount: &Mount,
    wanted: &'a [(String, SecretName)],
    stop: &(impl Fn() -> bool + Sync),
    call: &(impl Fn() -> Call + Sync),
) -> Vec<Answered<'a>> {
    let (next, refused, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let ask = || {
        let mut answers = Vec::new();
        while refused.load(Ordering::Relaxed) < REFUSALS && !failed.load(Ordering::Relaxed) && !stop() {
            let Some((unit, name)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let began = Timestamp::now();
            let answer = mount.backend().inspect(name, call()).map_err(|error| error.kind);
            match &answer {
                Ok(_) | Err(ErrorKind::NotFound) => {}
                Err(kind) if fails_all(kind) => failed.store(true, Ordering::Relaxed),
                Err(_) => _ = refused.fetch_add(1, Ordering::Relaxed),
            }
            answers.push((unit.as_str(), began, answer));
        }
        answers
    };
    let hands = AT_ONCE.min(wanted.len());
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..hands)
            .filter_map(|_| std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, ask).ok())
            .collect();
        started.into_iter().flat_map(|hand| hand.join().unwrap_or_default()).collect()
    })
}

pub(crate) fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(256 << 10).spawn(run)
}
