//! One place of work: a folder with a journal, a shelf, a broker and a clock, and as many sessions as a test wants.

use super::broker::Broker;
use super::shelf::{Fuse, Numbers, Shelf};
use crate::config::Config;
use crate::failure::Failure;
use crate::installation::InstallationKey;
use crate::journal::{FileJournal, Opening, Patient};
use crate::mount::Mount;
use crate::rotate::Begun;
use crate::rotate::readers::Readers;
use crate::rotate::record::Voice;
use crate::rotate::run::{Errand, Stopped, run_in};
use crate::rotate::start::{Beginning, begin_now, runner};
use crate::rotate::world::World;
use crate::serve::Control;
use crate::surroundings::Surroundings;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_contract::{BackendError, Value};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::person::{Person, Role, Who};
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Downtime, Ending, Generator, Hook, Limits, Plan, Retire, Rotation, Stdin, WatchRule};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

pub(super) struct Desk {
    folder: tempfile::TempDir,
    pub(super) shelf: Arc<Shelf>,
    pub(super) broker: Arc<Broker>,
    pub(super) fuse: Arc<Fuse>,
    pub(super) readers: Mutex<Readers>,
    now: Mutex<Moment>,
    made: AtomicU32,
    until: Timestamp,
    /// Somebody made current what is not accepted: that is theirs to answer for.
    pub(super) excused: AtomicBool,
}

const BEGAN: &str = "2026-11-20T10:00:00Z";

impl Desk {
    pub(super) fn new(numbers: Numbers) -> Self {
        let utc: Timestamp = BEGAN.parse().expect("a time");
        Self::at(numbers, Moment { utc, boot_ns: 1_000_000_000, boot_id: "this-boot".into() })
    }

    /// By the real clocks.
    pub(super) fn now(numbers: Numbers) -> Self {
        Self::at(numbers, quarterdeck_clock::moment())
    }

    fn at(numbers: Numbers, now: Moment) -> Self {
        let (fuse, utc) = (Arc::new(Fuse::default()), now.utc);
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            shelf: Arc::new(Shelf::new(numbers, fuse.clone())),
            fuse,
            broker: Arc::new(Broker::new()),
            readers: Mutex::default(),
            now: Mutex::new(now),
            made: AtomicU32::new(0),
            until: utc + SignedDuration::from_hours(2),
            excused: AtomicBool::new(false),
        }
    }

    /// A session with a journal of its own on the same folder.
    pub(super) fn session(&self, name: &str) -> Arc<Control> {
        let state = self.folder.path();
        let opening = Opening { lock_wait: Duration::from_secs(60), ..Opening::of(state.join("journal"), None, name) };
        let journal = Arc::new(Patient::new(Arc::new(FileJournal::open(opening).expect("a journal"))));
        let surroundings = Surroundings {
            vars: Default::default(),
            cwd: "/nowhere".into(),
            executable: "/nowhere/quarterdeck".into(),
            user: name.into(),
            host: "bastion-1".into(),
            pid: 1,
            etc: "/nowhere/etc".into(),
        };
        let who = Who {
            person: Person::parse(name).expect("a handle"),
            role: Some(Role::Devops),
            session: format!("sess-{name}"),
        };
        let config = Config { environment: Some(Environment::Qa), ..Config::default() };
        Arc::new(Control {
            classes: config.classes(),
            boundary: config.boundary(),
            look_only: Arc::new(RwLock::new(None)),
            surroundings,
            config,
            broken: None,
            who,
            mounts: vec![Mount::of("shelf", self.shelf.clone())],
            journal: journal.clone(),
            patient: journal,
            switch: OnceLock::new(),
            key: InstallationKey::open_or_make(&state.join("installation.key")).expect("a key"),
        })
    }

    pub(super) fn moment(&self) -> Moment {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// So much time passes.
    pub(super) fn pass(&self, span: SignedDuration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.utc += span;
        now.boot_ns += u64::try_from(span.as_nanos()).expect("no way back");
    }

    /// Somebody sets the wall clock.
    pub(super) fn step_clock(&self, span: SignedDuration) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).utc += span;
    }

    pub(super) fn begin(&self, control: &Control, plan: Plan, typed: Option<&str>) -> Result<Begun, Failure> {
        let typed = typed.map(Value::text);
        let beginning = Beginning { plan, why: "a test".into(), typed, voice: Voice::Person };
        begin_now(control, beginning, "rotate", &self.moment())
    }

    /// Carries it on until it stops, or two hours have passed.
    pub(super) fn run(&self, control: &Control, number: u32, typed: Option<Value>) -> Result<Stopped, Failure> {
        self.run_while(control, number, typed, &|| true)
    }

    pub(super) fn run_while(
        &self,
        control: &Control,
        number: u32,
        typed: Option<Value>,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Stopped, Failure> {
        self.run_as("rotate", control, number, typed, goes_on)
    }

    pub(super) fn run_as(
        &self,
        program: &str,
        control: &Control,
        number: u32,
        typed: Option<Value>,
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Stopped, Failure> {
        let runner = runner(control, number);
        let now = || self.moment();
        let pass = |span: Duration| self.pass(SignedDuration::try_from(span).expect("a span"));
        let hook = |_: &Hook, errand: &crate::rotate::hooks::Errand<'_>| {
            self.fuse.burn();
            let answered = self.broker.answer(errand);
            self.is_served();
            self.fuse.burn();
            answered
        };
        let generate = |_: &Generator| -> Result<Value, BackendError> {
            let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(Value::text(&format!("new-{number}")))
        };
        let world = World { now: &now, pass: &pass, hook: &hook, generate: &generate };
        let goes_on = || goes_on() && self.moment().utc < self.until;
        let tell = || {
            self.is_served();
            self.fuse.burn();
        };
        let errand = Errand {
            control,
            number,
            runner: &runner,
            program,
            readers: &self.readers,
            goes_on: &goes_on,
            tell: &tell,
        };
        run_in(world, &errand, typed)
    }

    /// Whoever reads now gets what the broker accepts.
    pub(super) fn is_served(&self) {
        let current = self.shelf.current();
        let excused = self.excused.load(Ordering::Relaxed);
        assert!(excused || self.broker.accepts(&current), "readers get '{current}': {:?}", self.broker.accepted());
    }

    /// The rotation as a reader who opens the journal now sees it.
    pub(super) fn rotation(&self, number: u32) -> Rotation {
        self.session("reader").state().rotation(number).expect("it is known").clone()
    }

    /// The journal's events of one type, as they are written.
    pub(super) fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let folder = std::fs::read_dir(self.folder.path().join("journal")).expect("a journal");
        let mut files: Vec<_> = folder.map(|file| file.expect("a file").path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "jsonl"));
        files.sort();
        let text: String = files.iter().map(|file| std::fs::read_to_string(file).expect("text")).collect();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|event| event["event_type"] == kind).collect()
    }

    /// Nothing is pending, one value is accepted, and it is the one that readers get.
    pub(super) fn is_tidy(&self, current: &str) {
        assert_eq!(self.shelf.current(), current);
        assert_eq!(self.broker.accepted(), [current], "what is accepted");
        let pending = self.shelf.kept().into_iter().filter(|(_, stage)| *stage == quarterdeck_contract::Stage::Pending);
        assert_eq!(pending.count(), 0, "what is pending");
    }

    pub(super) fn ended(&self, number: u32) -> Option<Ending> {
        self.rotation(number).ended.map(|(ending, _)| ending)
    }
}

pub(super) fn plan() -> Plan {
    let hook = |word: &str| Some(Hook::Command { words: vec![word.into()], within_s: 5, stdin: Stdin::Value });
    Plan {
        target: Target { layer: "shelf".into(), name: "qa/trader/key".into() },
        from: "1".into(),
        generator: Generator::Hex { bytes: 32 },
        set: hook("set"),
        test: hook("test"),
        revoke: hook("revoke"),
        grace_s: 600,
        downtime: Downtime::Zero,
        retire: Retire::Ask,
        watch: Some(WatchRule { errors: 3, within_s: 60 }),
        confirm: None,
        limits: Limits::default(),
        digest: "0".repeat(64),
    }
}
