//! Keeps an eye on every layer while a cockpit is open, and tells what it sees. Refuses to wait for one backend because
//! of another: each has a thread of its own, asleep until its time, a nudge, or its process's death.

use crate::config::{Config, duration};
use crate::journal::verify_all;
use crate::mount::Mount;
use crate::observe::Observation;
use crate::open::state_folder;
use crate::overview::{LayerListing, secret_rows};
use crate::serve::Control;
use crate::surroundings::Surroundings;
use crate::tail::{Location, Places, Source, Tail, TailNews, TailOptions};
use jiff::Timestamp;
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::event::{Detail, Status};
use quarterdeck_domain::kill::KillRow;
use quarterdeck_domain::overview::{BackendRow, Condition, JournalRow, SecretRow, SourceRow};
use quarterdeck_domain::sanitise;
use quarterdeck_host::{HostState, HostStatus};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
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
    /// The kill-switch and the engines as they are now.
    Kill(Box<KillRow>),
    /// New audit lines, oldest first.
    Lines(Vec<AuditLine>),
    /// The audit's sources as they are now, all of them.
    Sources(Vec<SourceRow>),
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
    eye: Eye,
    tail: Tail,
    threads: Vec<JoinHandle<()>>,
}

/// What every watching thread holds.
#[derive(Clone)]
struct Eye {
    control: Arc<Control>,
    nudges: Arc<Nudges>,
    seen: Arc<Mutex<Vec<Observation>>>,
    /// The last event known to be verified, and what is wrong with the journal.
    verified: Arc<Mutex<(u64, Option<String>)>>,
    /// Held from looking to telling: of two threads the slower one tells nothing old.
    telling: Arc<Mutex<()>>,
    tell: Tell,
}

impl Watch {
    /// Starts the tail, a thread for each layer, and one that verifies the journal and ends. Nothing was asked yet when
    /// this returns.
    pub fn start(control: Arc<Control>, nudges: Arc<Nudges>, tell: Tell) -> std::io::Result<Self> {
        let seen = Arc::new(Mutex::new(control.mounts.iter().map(Observation::new).collect::<Vec<_>>()));
        let eye = Eye { control, nudges, seen, verified: Arc::default(), telling: Arc::default(), tell };
        eye.tell_all();
        if let Some(switch) = eye.control.switch("cockpit") {
            let tell = eye.tell.clone();
            tell(Notice::Kill(Box::new(switch.row())));
            switch.start(Arc::new(move |row| tell(Notice::Kill(Box::new(row)))))?;
        }
        let teller = eye.clone();
        let options = TailOptions { first_lines: FIRST_LINES, clock: Timestamp::now };
        let tail = Tail::start(sources(&eye.control), options, move |news| teller.heard(news))?;
        let mut threads = Vec::new();
        for at in 0..eye.control.mounts.len() {
            let eye = eye.clone();
            let name = format!("layer {}", eye.control.mounts[at].layer);
            threads.push(thread(&name, move || eye.follow(at))?);
        }
        let verifier = eye.clone();
        thread("verify", move || verifier.verify())?;
        Ok(Self { eye, tail, threads })
    }

    /// What fetches the whole text of an audit line.
    pub fn places(&self) -> Places {
        self.tail.places()
    }

    /// True while every thread that watches lives.
    pub fn is_alive(&self) -> bool {
        let switch = self.eye.control.switch("cockpit").is_none_or(|switch| switch.is_alive());
        switch && self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Asks one layer, or all, at once; a wait before a restart ends.
    pub fn read_again(&self, layer: Option<&str>) {
        let Eye { control, nudges, .. } = &self.eye;
        for mount in control.mounts.iter().filter(|mount| layer.is_none_or(|wanted| mount.layer == wanted)) {
            mount.restart_if_waiting();
            nudges.now(&mount.layer);
        }
    }
}

impl Eye {
    /// What the tail brought. A line of our own journal is folded before it is shown.
    fn heard(&self, mut news: TailNews) {
        if let Some(switch) = self.control.switch("cockpit") {
            switch.saw(&mut news.lines);
        }
        if news.lines.iter().any(|line| line.source.as_ref() == JOURNAL) {
            self.fold();
        }
        if !news.lines.is_empty() {
            (self.tell)(Notice::Lines(news.lines));
        }
        (self.tell)(Notice::Sources(news.sources));
    }

    fn fold(&self) {
        self.catch_up();
        self.tell_journal();
        self.tell_secrets();
        if let Some(switch) = self.control.switch("cockpit") {
            switch.journal_grew();
        }
    }

    fn catch_up(&self) {
        let grown = self.control.journal.catch_up();
        let mut verified = self.verified();
        match grown {
            // What is read on was held to the chain as it was read.
            Ok(_) if verified.0 > 0 && verified.1.is_none() => verified.0 = self.control.journal.head().seq,
            Ok(_) => {}
            Err(error) => verified.1 = Some(error.to_string()),
        }
    }

    fn verified(&self) -> MutexGuard<'_, (u64, Option<String>)> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what became of the journal since it was read last, if it is not what was told already.
    fn look_at_the_journal(&self) {
        let before = (self.control.journal.head(), self.verified().clone());
        self.catch_up();
        if before != (self.control.journal.head(), self.verified().clone()) {
            self.tell_journal();
            self.tell_secrets();
        }
    }

    /// Checks the whole chain once, beside everything else.
    fn verify(&self) {
        let folder = journal_folder(&self.control);
        let checked = verify_all(&folder, &mut |_| ControlFlow::Continue(()));
        // What was appended meanwhile is held to the chain as it is read on.
        let read_on = self.control.journal.catch_up();
        let result = match (checked, read_on) {
            (_, Err(error)) | (Err(error), Ok(_)) => (0, Some(error.to_string())),
            (Ok(report), Ok(_)) if report.is_sound() => (report.head.seq.max(self.control.journal.head().seq), None),
            (Ok(report), Ok(_)) => (0, report.findings.first().map(ToString::to_string)),
        };
        let mut verified = self.verified();
        // What another thread found to be wrong meanwhile stays wrong.
        if verified.1.is_none() {
            *verified = result;
        }
        drop(verified);
        self.tell_journal();
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_journal(&self) {
        let _turn = self.turn();
        let (verified, broken) = self.verified().clone();
        (self.tell)(Notice::Journal(JournalRow { seq: self.control.journal.head().seq, verified, broken }));
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
            if at == 0 {
                // A journal that was cut, replaced or unlinked brings no line that would tell; one thread looks.
                self.look_at_the_journal();
            }
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
        // What is written stands alone: that a backend is down must not read 'ok'.
        let (status, code) = match seen.error() {
            Some(error) => (Status::Failure, Some(error.kind.code())),
            None => (Status::Success, None),
        };
        let event = self.control.system_event(kind).on(format!("backend://{}", mount.layer));
        let event = event.came_out(status, None, code).with(Detail::Backend {
            name: mount.layer.clone(),
            from: before.word().to_owned(),
            to: now.word().to_owned(),
            reason: sanitise::line(&reason, 400).into_owned(),
        });
        // The tile says it whether or not it could be written; a journal that can't be written shows itself.
        let _ = self.control.observe(event);
    }

    fn tell_all(&self) {
        self.tell_backends();
        self.tell_secrets();
    }

    fn tell_backends(&self) {
        let _turn = self.turn();
        let here = self.control.config.environment;
        let boundary = &self.control.boundary;
        let row = |(seen, mount): (&Observation, &Mount)| seen.row(mount, boundary, here);
        let rows = self.lock().iter().zip(&self.control.mounts).map(row).collect();
        (self.tell)(Notice::Backends(rows));
    }

    fn tell_secrets(&self) {
        let _turn = self.turn();
        let listings: Vec<LayerListing> = self.lock().iter().map(|seen| seen.listing.clone()).collect();
        let rows = secret_rows(&listings, &self.control.state(), &self.control.config, Timestamp::now());
        (self.tell)(Notice::Secrets(rows));
    }
}

/// The name of our own journal among the sources.
pub const JOURNAL: &str = "journal";
/// Lines of each source on the first screen.
const FIRST_LINES: usize = 1_000;

/// What is tailed: the journal, configuration's files, and the guide's own log where it is named or lies at its place.
pub fn sources(control: &Control) -> Vec<Source> {
    sources_of(&control.surroundings, Some(&control.config), control.config.environment)
}

/// The same without a session; without a configuration its files are not known.
pub fn sources_of(
    surroundings: &Surroundings,
    config: Option<&Config>,
    environment: Option<Environment>,
) -> Vec<Source> {
    let journal = state_folder(surroundings, environment).join("journal");
    let mut sources = vec![Source { name: JOURNAL.into(), at: Location::Journal(journal), every: None }];
    let configured = config.map(|config| config.file.audit.source.as_slice()).unwrap_or_default();
    sources.extend(configured.iter().map(|source| Source {
        name: sanitise::line(&source.name, 20).into_owned(),
        at: Location::File(source.path.clone()),
        every: source.every.as_deref().and_then(|text| duration::parse(text).ok()),
    }));
    let cwd = &surroundings.cwd;
    let usual = cwd.join("logs/security_audit.log");
    let named = surroundings.var("DP_AUDIT_LOG_FILE").map(|file| cwd.join(file));
    if let Some(path) = named.or_else(|| usual.is_file().then_some(usual)) {
        sources.push(Source { name: "security".into(), at: Location::File(path), every: None });
    }
    sources
}

fn journal_folder(control: &Control) -> std::path::PathBuf {
    state_folder(&control.surroundings, control.config.environment).join("journal")
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(256 << 10).spawn(run)
}
