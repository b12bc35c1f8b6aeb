//! The switch on a real disk, with real sockets and real engines.

use super::{Place, Switch, SwitchOpening};
use crate::config::Config;
use crate::installation::random_id;
use crate::journal::{FileJournal, Opening, Patient};
use crate::surroundings::Surroundings;
use jiff::SignedDuration;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::event::Event;
use quarterdeck_domain::kill::{Deadline, EngineRow, EngineStanding, Initiator, KillRow, Order, Record};
use quarterdeck_domain::person::{Person, Role, Who};
use quarterdeck_engine::{Client, Duty, Identity, Places, Report, Seen, moment};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

mod hostile;
mod latch;
mod lone;
mod switch;
mod together;

/// A bounded wait for what has to come.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// A user's QA on a machine of its own.
pub(super) struct House {
    pub(super) home: tempfile::TempDir,
    pub(super) world: Surroundings,
}

impl House {
    /// With a latch of generation 0.
    pub(super) fn new() -> Self {
        let house = Self::bare();
        house.switch("init").set_up().expect("it is set up");
        house
    }

    /// Nothing was set up.
    pub(super) fn bare() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let world = world(home.path());
        Self { home, world }
    }

    pub(super) fn state(&self) -> PathBuf {
        self.home.path().join("state/quarterdeck/qa")
    }

    pub(super) fn place(&self) -> Place {
        Place::of(&self.world, Environment::Qa, Some(&config("")))
    }

    pub(super) fn journal(&self, session: &str) -> Arc<Patient> {
        std::fs::create_dir_all(self.state()).expect("a folder");
        let opening = Opening::of(self.state().join("journal"), Some(Environment::Qa), session);
        // A test may wait long for a lock on a busy machine.
        let opening = Opening { lock_wait: SOON, ..opening };
        Arc::new(Patient::new(Arc::new(FileJournal::open(opening).expect("a journal"))))
    }

    /// A trader's, with a session of its own.
    pub(super) fn switch(&self, program: &str) -> Arc<Switch> {
        let session = random_id("sess", 12);
        self.open(program, Some(&config(TRADER)), who(Some(Role::Trader), &session), self.journal(&session))
    }

    /// The same, listening and keeping.
    pub(super) fn started(&self, program: &str) -> Arc<Switch> {
        let switch = self.switch(program);
        switch.start(Arc::new(|_| ())).expect("it starts");
        switch
    }

    pub(super) fn open(&self, program: &str, config: Option<&Config>, who: Who, journal: Arc<Patient>) -> Arc<Switch> {
        Switch::open(SwitchOpening {
            surroundings: &self.world,
            environment: Environment::Qa,
            config,
            who,
            journal,
            program: program.into(),
            look_only: Arc::default(),
        })
    }

    /// What the journal holds, read from its beginning.
    pub(super) fn events(&self) -> Vec<Event> {
        let folder = self.state().join("journal");
        let files = crate::journal::files(&folder).unwrap_or_default();
        let text = |name: &String| std::fs::read_to_string(folder.join(name)).expect("a journal's file");
        let whole =
            |name: &String| text(name).rsplit_once('\n').map_or_else(String::new, |(whole, _)| whole.to_owned());
        let lines: Vec<String> =
            files.iter().flat_map(|name| whole(name).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        lines.iter().map(|line| quarterdeck_domain::chain::read(line.as_bytes()).expect("a good line").0).collect()
    }

    /// The names of the events of the switch and the engines, in their order.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.event_type.entry().name).collect()
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        self.kinds().iter().filter(|name| **name == kind).count()
    }

    /// An engine that has nothing open and does as it is told.
    pub(super) fn engine(&self, name: &str) -> Client {
        engine(self.place().base(), name)
    }
}

/// The trader of these tests.
pub(super) const TRADER: &str = "[[person]]\nname='alice'\nrole='trader'\n";

pub(super) fn config(text: &str) -> Config {
    let file = toml::from_str(text).expect("a test's own configuration");
    Config { file, environment: Some(Environment::Qa), ..Config::default() }
}

pub(super) fn who(role: Option<Role>, session: &str) -> Who {
    Who { person: Person::of_unix("alice"), role, session: session.into() }
}

/// A real client of the engine's side, in this process.
pub(super) fn engine(base: &Path, name: &str) -> Client {
    let identity = Identity { name: name.into(), account: "U1234789".into(), environment: Environment::Qa };
    let client = Client::start(Places::under(base), identity, obey).expect("an engine");
    client.report(nothing_open());
    client
}

fn obey(client: &Client, duty: &Duty) {
    if duty.level == 4 {
        client.report(nothing_open());
        client.cancelled(duty);
        client.flat(duty);
    }
}

fn nothing_open() -> Report {
    let none = || Some(Seen { count: 0, at: moment() });
    Report { busy: true, orders: none(), positions: none(), link_up: true, ..Report::default() }
}

/// Waits until the switch's row is so; it is started, or listens by itself.
#[track_caller]
pub(super) fn until(switch: &Switch, what: &str, enough: impl Fn(&KillRow) -> bool) -> KillRow {
    let end = Instant::now() + SOON;
    loop {
        // In pieces: what is waited for may be in the journal, which changes no row.
        let piece = Duration::from_millis(50);
        let row =
            if switch.is_started() { switch.wait_row(piece, &enough) } else { switch.listen_until(piece, &enough) };
        if enough(&row) {
            return row;
        }
        assert!(Instant::now() < end, "{what}: {row:#?}");
    }
}

/// True when each of these engines, and no other, is judged to do this.
pub(super) fn all(row: &KillRow, names: &[&str], standing: EngineStanding) -> bool {
    let is = |engine: &EngineRow| engine.standing == standing && names.contains(&engine.name.as_str());
    row.engines.len() == names.len() && row.engines.iter().all(is)
}

/// A machine below a folder: its own `/var/lib`, its own `/etc`, a user's state.
pub(super) fn world(folder: &Path) -> Surroundings {
    let at = |name: &str| folder.join(name).into_os_string();
    Surroundings {
        vars: [
            ("HOME", at("home")),
            ("XDG_STATE_HOME", at("state")),
            ("XDG_CONFIG_HOME", at("config")),
            ("QUARTERDECK_VAR", at("var")),
        ]
        .map(|(name, value)| (name.into(), value))
        .into(),
        cwd: folder.join("work"),
        executable: folder.join("bin/quarterdeck"),
        user: "alice".into(),
        host: "bastion-1".into(),
        pid: std::process::id(),
        etc: folder.join("etc"),
    }
}

/// A record of an order.
pub(super) fn record(order: Order, generation: u64) -> Record {
    let now = quarterdeck_clock::moment();
    let by = Initiator {
        kind: "person".into(),
        person: "alice".into(),
        role: None,
        session: "sess-000000000001".into(),
        uid: 1_000,
        host: "bastion-1".into(),
        program: "cockpit".into(),
        bound: false,
    };
    Record {
        episode: "E-12".into(),
        generation,
        order,
        level: order.level(),
        deadline: (order == Order::Stop).then(|| Deadline::after(&now, SignedDuration::from_secs(300))),
        ..Record::first(Environment::Qa, &now, by)
    }
}
