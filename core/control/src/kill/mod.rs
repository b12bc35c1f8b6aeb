//! The kill-switch where it meets disk, sockets and clock: the latch, the links to the engines, the deadline that is
//! kept, and who is there. Refuses to wait: a stop goes to the latch, to the sockets and to the journal, in this order,
//! and what one of them can't do holds the next one up for a bounded time only.

mod ears;
mod events;
mod in_time;
mod keep;
mod latch;
mod links;
mod order;
mod place;
mod policy;
mod post;
mod presence;
mod row;
mod saw;
mod seen;
mod switch;

pub use place::Place;
pub use post::{Post, post};

use crate::config::Config;
use crate::journal::{Journal as _, Patient};
use crate::open::need_home;
use crate::surroundings::Surroundings;
use events::Author;
use in_time::in_time;
use keep::Keeper;
use latch::Latch;
use links::Links;
use policy::Policy;
use presence::{Own, Present};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{EngineRow, KillRow, SwitchState};
use quarterdeck_domain::person::Who;
use rustix::process::{Resource, getrlimit, setrlimit};
use seen::Seen;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// So many files one process may hold open, where the machine lets it: a socket for each engine, and the journal.
const FILES: u64 = 4_096;

/// Where rows go; called from several threads.
pub type TellRow = Arc<dyn Fn(KillRow) + Send + Sync>;

/// What a switch is opened with.
pub struct SwitchOpening<'a> {
    /// What the process was started with.
    pub surroundings: &'a Surroundings,
    /// Which environment.
    pub environment: Environment,
    /// What was configured; `None` when it can't be read.
    pub config: Option<&'a Config>,
    /// Who asks.
    pub who: Who,
    /// Where it is written down.
    pub journal: Arc<Patient>,
    /// `cockpit`, `kill stop`, `watch`.
    pub program: String,
    /// Why nothing may be changed from here, if so. A stop doesn't ask.
    pub look_only: Arc<RwLock<Option<String>>>,
}

/// What came of a firing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// This session may not: why, and what to do instead. Then nothing was sent.
    pub refused: Option<(String, String)>,
    /// Why it is not on the disk; the engines with a socket heard it all the same.
    pub undurable: Option<String>,
    /// Why it is not in the journal yet.
    pub unjournalled: Option<String>,
    /// The same level or a stricter one was in force: it was sent again, and the deadline stands.
    pub again: bool,
    /// Everything, right after it.
    pub row: KillRow,
}

/// The kill-switch of one environment, as one process holds it.
pub struct Switch {
    host: String,
    pid: u32,
    program: String,
    place: Place,
    latch: Latch,
    links: Links,
    policy: Policy,
    author: Author,
    journal: Arc<Patient>,
    /// The state folder, where the journal has its place: who writes down what engines do holds a lock there.
    state_folder: PathBuf,
    seen: Mutex<Seen>,
    changed: Condvar,
    keeper: Arc<Keeper>,
    life: Mutex<Option<Life>>,
    tell: OnceLock<TellRow>,
    telling: Mutex<()>,
    /// Threads that write the latch right now: more than one only where the disk hangs.
    writers: Arc<AtomicUsize>,
    saw: Mutex<saw::Saw>,
}

/// So long a home folder that hangs may keep the switch from being opened.
const HOME_PATIENCE: Duration = Duration::from_millis(300);

/// Where the switch lies, and remembers it. What lies in the home folder is asked in time.
fn place(surroundings: &Surroundings, environment: Environment, config: Option<&Config>) -> Place {
    let own = surroundings.clone();
    if config.is_none() {
        let found = in_time(HOME_PATIENCE, move || Place::of(&own, environment, None));
        return found.unwrap_or_else(|| Place::without_home(surroundings, environment));
    }
    let place = Place::of(surroundings, environment, config);
    if need_home(surroundings).is_ok() {
        let known = place.clone();
        let _ = in_time(HOME_PATIENCE, move || known.remember(&own, environment));
    }
    place
}

/// What a started switch has.
struct Life {
    bell: Arc<OwnedFd>,
    threads: Vec<JoinHandle<()>>,
    /// Its own file among those who are present, where one could be written.
    own: Option<Own>,
}

impl Switch {
    /// Opens it: reads the latch once, contacts nobody, never fails.
    pub fn open(opening: SwitchOpening<'_>) -> Arc<Self> {
        let SwitchOpening { surroundings, environment, config, who, journal, program, look_only } = opening;
        raise_files();
        let place = place(surroundings, environment, config);
        let latch = Latch::new(place.latch(), environment);
        let links = Links::new(place.engines());
        let author = Author { who: who.clone(), environment, address: surroundings.client_address() };
        let switch = Arc::new(Self {
            host: surroundings.host.clone(),
            pid: surroundings.pid,
            program,
            policy: Policy::of(config, environment, who, place.latch(), look_only),
            place,
            latch,
            links,
            author,
            journal,
            state_folder: crate::open::state_folder(surroundings, Some(environment)),
            seen: Mutex::default(),
            changed: Condvar::new(),
            keeper: Arc::default(),
            life: Mutex::default(),
            tell: OnceLock::new(),
            telling: Mutex::default(),
            writers: Arc::default(),
            saw: Mutex::default(),
        });
        switch.see_latch();
        let rights = switch.policy.rights();
        switch.with_seen(|seen| seen.rights = rights);
        switch.refresh();
        switch
    }

    /// Begins to listen to the engines, to keep the deadline, and to be seen by others. Nobody was waited for when this
    /// returns.
    pub fn start(self: &Arc<Self>, tell: TellRow) -> io::Result<()> {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        if life.is_some() {
            return Ok(());
        }
        // A place of one's own is made by whoever comes first; a shared one is its owner's to make.
        if self.place.is_own() {
            let _ = self.place.make();
        }
        let _ = self.tell.set(tell);
        let bell = Arc::new(ears::bell()?);
        // Who can't be seen by others still sees, and stops.
        let own = Own::open(&self.place.present(), &self.present()).ok();
        let thread = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).stack_size(512 << 10).spawn(run)
        };
        let (ears, weak) = (ears::Ears::new(bell.clone()), Arc::downgrade(self));
        let keeper = self.keeper.clone();
        let lease = keeper.lease(&self.state_folder);
        let threads = vec![
            thread(
                "kill ears",
                Box::new({
                    let weak = weak.clone();
                    move || ears.run(&weak)
                }),
            )?,
            thread("kill keeper", Box::new(move || keeper.run(lease, &weak)))?,
        ];
        *life = Some(Life { bell, threads, own });
        Ok(())
    }

    /// What was told last. Reads nothing.
    pub fn row(&self) -> KillRow {
        match self.with_seen(|seen| seen.row.clone()) {
            Some(row) => row,
            None => self.refresh(),
        }
    }

    /// True while every thread that was started lives, and none is stuck: a disk that hangs must not look like a quiet
    /// day.
    pub fn is_alive(&self) -> bool {
        let stuck = self.with_seen(|seen| {
            seen.late = seen::late(seen.back_by, seen.late, Instant::now());
            seen.late.is_some_and(|late| late.is_stuck())
        });
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        life.as_ref().is_none_or(|life| !stuck && life.threads.iter().all(|thread| !thread.is_finished()))
    }

    /// From here on nothing may be changed from here, and why. A stop doesn't ask.
    pub fn look_only(&self, why: &str) {
        if let Ok(mut look_only) = self.policy.look_only.write() {
            *look_only = Some(why.to_owned());
        }
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The journal has grown.
    pub fn journal_grew(&self) {
        self.refresh();
        self.nudge();
    }

    /// This process, for those who look who is there.
    fn present(&self) -> Present {
        Present {
            name: format!("{}-{}", self.program, self.pid).replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
            person: self.policy.who.person.as_str().to_owned(),
            role: self.policy.who.role,
            host: self.host.clone(),
            program: self.program.clone(),
            pid: self.pid,
            since: quarterdeck_clock::utc(),
        }
    }

    fn is_started(&self) -> bool {
        self.tell.get().is_some()
    }

    /// True while there is nothing to watch but the folders.
    fn is_quiet(&self) -> bool {
        let normal = |row: &KillRow| matches!(row.state, SwitchState::Normal | SwitchState::Unknown);
        let nothing = self.with_seen(|seen| seen.engines.is_empty() && seen.row.as_ref().is_some_and(normal));
        nothing && self.journal.is_idle()
    }

    /// Wakes the keeper.
    fn nudge(&self) {
        self.keeper.nudge();
    }

    /// Wakes both threads: something was ordered here.
    fn wake(&self) {
        if let Some(life) = self.life.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            ears::ring(&life.bell);
        }
        self.nudge();
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen())
    }

    /// Makes the row anew of what is known, and tells it where it is another one.
    fn refresh(&self) -> KillRow {
        self.renew(false)
    }

    /// The same, and tells it in any case: who shows it takes a row of which nothing is heard for an old one.
    fn refresh_and_tell(&self) -> KillRow {
        self.renew(true)
    }

    fn renew(&self, tell_anyway: bool) -> KillRow {
        let unwritten = self.journal.unwritten();
        let (row, changed, restless) = self.with_seen(|seen| {
            seen.journal.clone_from(&self.journal.state().switch);
            let now = quarterdeck_clock::moment();
            let row = row::row(seen, &self.links, &self.policy, unwritten, &now);
            let told =
                |row: &EngineRow| seen.engines.get(&row.name).is_some_and(|engine| engine.told == Some(row.standing));
            let restless = row.engines.iter().any(|row| row.beat.is_some() && !told(row));
            let changed = seen.row.as_ref() != Some(&row);
            if changed {
                seen.row = Some(row.clone());
            }
            (row, changed, restless)
        });
        if changed {
            self.changed.notify_all();
        }
        if changed || tell_anyway {
            self.tell();
        }
        if restless && self.is_started() {
            self.nudge();
        }
        row
    }

    /// One at a time, and always the newest: of two threads that see something new the slower one tells nothing old.
    fn tell(&self) {
        let _turn = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let row = self.with_seen(|seen| seen.row.clone());
        if let (Some(tell), Some(row)) = (self.tell.get(), row) {
            tell(row);
        }
    }

    /// Waits for a row, which the switch's own threads bring.
    fn wait_row(&self, within: Duration, enough: impl Fn(&KillRow) -> bool) -> KillRow {
        let end = Instant::now() + within;
        let mut seen = self.seen();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if let Some(row) = seen.row.as_ref().filter(|row| left.is_zero() || enough(row)) {
                return row.clone();
            }
            seen = self.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Takes what the machine allows. Where it doesn't, engines that have no socket left are heard by their files.
fn raise_files() {
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(FILES).min(FILES);
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // The threads hold nothing but a weak hand on it: they look, find it gone, and end.
        if let Some(life) = self.life.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            ears::ring(&life.bell);
            drop(life.own);
        }
        self.keeper.nudge();
    }
}

#[cfg(test)]
mod tests;
