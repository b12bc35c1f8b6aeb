//! Keeps an eye on every layer while a cockpit is open, and tells what it sees. Refuses to wait for one backend because
//! of another: what is told of one is told at once.

pub use crate::nudges::Nudges;

use crate::config::{Config, duration};
use crate::follow::{Follow, thread};
use crate::journal::verify_all;
use crate::open::state_folder;
use crate::overview::secret_rows;
use crate::rotate::Begun;
use crate::rotate::carrier::Carrier;
use crate::serve::Control;
use crate::surroundings::Surroundings;
use crate::tail::{Location, Places, Source, Tail, TailNews, TailOptions};
use jiff::Timestamp;
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::KillRow;
use quarterdeck_domain::overview::{BackendRow, JournalRow, SecretRow, SourceRow};
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{ReaderRow, RotationRow};
use quarterdeck_domain::sanitise;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

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
    /// The rotations as they are now: those under way, and the last of each secret.
    Rotations(Vec<RotationRow>),
    /// New audit lines, oldest first.
    Lines(Vec<AuditLine>),
    /// The audit's sources as they are now, all of them.
    Sources(Vec<SourceRow>),
}

/// Where notices go; called from several threads.
pub type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

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
    follow: Follow,
    carrier: Arc<Carrier>,
    began: Timestamp,
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
        let follow = Follow::new(control.clone(), nudges, true);
        let began = Timestamp::now();
        let told = tell.clone();
        let carrier =
            Carrier::start(control.clone(), "cockpit", false, Arc::new(move |rows| told(Notice::Rotations(rows))))?;
        let eye = Eye { control, follow, carrier, began, verified: Arc::default(), telling: Arc::default(), tell };
        eye.tell_all();
        if let Some(switch) = eye.control.switch("cockpit") {
            let tell = eye.tell.clone();
            tell(Notice::Kill(Box::new(switch.row())));
            switch.start(Arc::new(move |row| tell(Notice::Kill(Box::new(row)))))?;
        }
        let teller = eye.clone();
        let options = TailOptions { first_lines: FIRST_LINES, clock: Timestamp::now };
        let tail = Tail::start(sources(&eye.control), options, move |news| teller.heard(news))?;
        let looker = eye.clone();
        let threads = eye.follow.start(&(Arc::new(move |at| looker.followed(at)) as _))?;
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
        let carrier = self.eye.carrier.is_alive();
        switch && carrier && self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Carries on a rotation that was begun in this process.
    pub fn carry(&self, begun: Begun) {
        self.eye.carrier.carry(begun);
    }

    /// The rotations as they are now, with their readers.
    pub fn rotations(&self) -> Vec<RotationRow> {
        self.eye.carrier.rows()
    }

    /// Who was heard to read a secret: for a plan.
    pub fn readers_of(&self, target: &Target) -> Vec<ReaderRow> {
        self.eye.carrier.readers_of(target)
    }

    /// Asks one layer, or all, at once; a wait before a restart ends.
    pub fn read_again(&self, layer: Option<&str>) {
        self.eye.follow.read_again(layer);
    }

    /// Somebody looks at this secret: its version is asked before others'.
    pub fn looked_at(&self, layer: &str, name: &str) {
        self.eye.follow.looked_at(layer, name);
    }
}

impl Drop for Watch {
    /// Whoever goes on with a rotation need not wait for this process' leases.
    fn drop(&mut self) {
        self.eye.carrier.stop();
    }
}

impl Eye {
    /// What the tail brought. A line of our own journal is folded before it is shown.
    fn heard(&self, mut news: TailNews) {
        if let Some(switch) = self.control.switch("cockpit") {
            switch.saw(&mut news.lines);
        }
        self.carrier.heard(&news.lines);
        if news.lines.iter().any(|line| line.source.as_ref() == JOURNAL) {
            self.fold();
            news.lines.iter().filter_map(|line| written(line, self.began)).for_each(|layer| self.follow.written(layer));
            let announced = news.lines.iter().filter_map(|line| announced(line, self.began));
            announced.for_each(|layer| self.follow.announced(layer));
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
        self.carrier.journal_grew();
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

    fn followed(&self, at: usize) {
        self.tell_all();
        if at == 0 {
            // A journal that was cut, replaced or unlinked brings no line that would tell; one thread looks.
            self.look_at_the_journal();
        }
    }

    fn tell_all(&self) {
        self.tell_backends();
        self.tell_secrets();
    }

    fn tell_backends(&self) {
        let _turn = self.turn();
        (self.tell)(Notice::Backends(self.follow.backends()));
    }

    fn tell_secrets(&self) {
        let _turn = self.turn();
        let rows = secret_rows(&self.follow.listings(), &self.control.state(), &self.control.config, Timestamp::now());
        (self.tell)(Notice::Secrets(rows));
    }
}

/// The name of our own journal among the sources.
pub const JOURNAL: &str = "journal";
/// The layer of which a line of the journal, written since, tells that its content is another one.
pub fn written(line: &AuditLine, since: Timestamp) -> Option<&str> {
    layer_of(line, since, &["SECRET_WRITE", "SECRET_DELETE", "SECRET_RESTORE"])
}

/// The layer of which a line of the journal, written since, tells that somebody else changed it.
fn announced(line: &AuditLine, since: Timestamp) -> Option<&str> {
    layer_of(line, since, &["SECRET_VERSION_CHANGED"])
}

fn layer_of<'a>(line: &'a AuditLine, since: Timestamp, kinds: &[&str]) -> Option<&'a str> {
    let changes = kinds.contains(&line.kind());
    let of_ours = line.source.as_ref() == JOURNAL && line.at.is_some_and(|at| at >= since);
    line.resource().split_once('/').filter(|_| changes && of_ours).map(|(layer, _)| layer)
}

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
