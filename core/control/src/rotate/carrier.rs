//! The thread of a cockpit and of a watcher that takes over what nobody carries, and begins what is due and allowed.
//! Refuses to keep anybody waiting: a rotation has a thread of its own.

use super::readers::Readers;
use super::record::{Voice, about};
use super::run::{Stopped, has_moved_on, run, watch_errors};
use super::start::{Beginning, begin_now, runner};
use super::{Begun, due, plan, rows};
use crate::failure::Failure;
use crate::overview::{LayerListing, secret_rows};
use crate::serve::Control;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::Detail;
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Effect, Generator, Next, Question, ReaderRow, Rotation, RotationRow, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// Called when something became known of a rotation.
pub type Tell = Arc<dyn Fn(Vec<RotationRow>) + Send + Sync>;

/// Carries rotations on.
pub struct Carrier {
    shared: Arc<Shared>,
    looker: JoinHandle<()>,
}

struct Shared {
    control: Arc<Control>,
    program: &'static str,
    /// A watcher: it carries whatever the person who started it may, and begins what is due.
    schedules: bool,
    tell: Tell,
    readers: Mutex<Readers>,
    /// The first moment at which this process looked.
    anchor: Moment,
    known: Mutex<Known>,
    changed: Condvar,
    ends: AtomicBool,
}

#[derive(Default)]
struct Known {
    /// The threads that carry one rotation each.
    runs: BTreeMap<u32, Thread>,
    /// Why a run failed, and when it is tried again.
    failed: BTreeMap<u32, (Instant, String)>,
    /// Of whose overdue end was told, by resource.
    overdue: BTreeSet<String>,
    /// When what is due was looked at last.
    looked: Option<Instant>,
    /// What was told last.
    rows: Option<Vec<RotationRow>>,
}

/// So often it looks by itself.
const LOOKS: Duration = Duration::from_secs(1);
/// The same while nothing is under way.
const RESTS: Duration = Duration::from_secs(5);
/// A run that failed is tried again after so long.
const PAUSE: Duration = Duration::from_secs(10);
/// What is due is looked at so often.
const DUE: Duration = Duration::from_secs(60);
/// A typed value is waited for so long, where whoever typed it has to go on.
const TYPED: SignedDuration = SignedDuration::from_secs(60);
/// An answer to a question at the end of grace is waited for so long before that is told.
const OVERDUE: SignedDuration = SignedDuration::from_mins(15);
/// Runs that are to end are waited for so long.
const FAREWELL: Duration = Duration::from_secs(1);

impl Carrier {
    /// Starts it. `schedules`: due rotations that are allowed are begun too (a watcher's, R3.7).
    pub fn start(
        control: Arc<Control>,
        program: &'static str,
        schedules: bool,
        tell: Tell,
    ) -> std::io::Result<Arc<Self>> {
        let readers = Mutex::new(Readers::of_config(&control.config));
        let shared = Arc::new(Shared {
            control,
            program,
            schedules,
            tell,
            readers,
            anchor: quarterdeck_clock::moment(),
            known: Mutex::default(),
            changed: Condvar::new(),
            ends: AtomicBool::new(false),
        });
        let own = shared.clone();
        let looker = Builder::new().name("rotations".into()).spawn(move || own.look_on())?;
        Ok(Arc::new(Self { shared, looker }))
    }

    /// Carries on what was begun in this process.
    pub fn carry(&self, begun: Begun) {
        self.shared.carry(begun, self.looker.thread());
    }

    /// The journal grew: somebody may have asked something.
    pub fn journal_grew(&self) {
        self.shared.wake();
        self.looker.thread().unpark();
    }

    /// Audit lines, as they come.
    pub fn heard(&self, lines: &[AuditLine]) {
        self.shared.readers().hear(lines);
        let overdue = EventKind::RotationRetireOverdue.entry().name;
        let told = lines.iter().filter(|line| line.kind() == overdue).filter_map(|line| Some((line.at?, line)));
        self.shared.known().overdue.extend(told.map(|(at, line)| overdue_of(line.resource(), at)));
    }

    /// What the layers hold, as they were listed last: what of it is due and allowed is begun.
    pub fn listed(&self, listings: &[LayerListing]) {
        self.shared.begin_due(listings, self.looker.thread());
    }

    /// Who was heard to read a secret: for a plan.
    pub fn readers_of(&self, target: &Target) -> Vec<ReaderRow> {
        self.shared.readers().of_target(target)
    }

    /// The rotations as they are now, with their readers.
    pub fn rows(&self) -> Vec<RotationRow> {
        self.shared.rows()
    }

    /// False when its thread died.
    pub fn is_alive(&self) -> bool {
        !self.looker.is_finished()
    }

    /// Lets go of everything, so that another process need not wait for this one's leases. Waits a moment for that.
    pub fn stop(&self) {
        self.shared.ends.store(true, Ordering::Release);
        self.journal_grew();
        let end = Instant::now() + FAREWELL;
        let mut known = self.shared.known();
        while !known.runs.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            known = self.shared.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) -> bool {
        !self.ends.load(Ordering::Acquire)
    }

    /// Runs that wait look again.
    fn wake(&self) {
        self.known().runs.values().for_each(Thread::unpark);
    }

    fn look_on(self: &Arc<Self>) {
        let looker = std::thread::current();
        while self.goes_on() {
            self.look(&looker);
            // With nothing under way the growth of the journal wakes it: an idle screen costs next to nothing.
            let is_busy = self.control.state().rotations.values().any(Rotation::is_live);
            std::thread::park_timeout(if is_busy { LOOKS } else { RESTS });
        }
    }

    /// Takes over what nobody carries, and tells what changed.
    fn look(self: &Arc<Self>, looker: &Thread) {
        // What can't be read now is looked at again in a second; runs say what hinders them.
        let _ = self.control.journal.catch_up();
        let state = self.control.state();
        for rotation in state.rotations.values().filter(|rotation| rotation.is_live()) {
            let now = quarterdeck_clock::moment();
            if !self.may_act(rotation) {
                continue;
            }
            watch_errors(&self.control, rotation, &self.readers, &now);
            self.tell_overdue(rotation, &now);
            if self.is_free(rotation, &now) && self.wants_a_runner(rotation, &now) {
                let (number, runner) = (rotation.number, runner(&self.control, rotation.number));
                self.carry(Begun { number, typed: None, runner }, looker);
            }
        }
        self.tell_rows();
    }

    /// True where this session may change the secret, and has the layer that it is in.
    fn may_act(&self, rotation: &Rotation) -> bool {
        let control = &self.control;
        let is_here = || control.mount(&rotation.target().layer).is_ok_and(|mount| !mount.is_missing());
        control.look_only().is_none() && if self.schedules { is_here() } else { control.may_carry(rotation) }
    }

    /// True when nobody's word counts, and no run of it failed here a moment ago.
    fn is_free(&self, rotation: &Rotation, now: &Moment) -> bool {
        let own = runner(&self.control, rotation.number);
        let held = rotation.lease.as_ref().filter(|lease| lease.runner != own);
        if held.is_some_and(|lease| !lease.is_over(now)) {
            return false;
        }
        let mut known = self.known();
        if known.runs.contains_key(&rotation.number) {
            return false;
        }
        known.failed.retain(|_, (again, _)| Instant::now() < *again);
        !known.failed.contains_key(&rotation.number)
    }

    /// True when something is to be done now, and can be done here.
    fn wants_a_runner(&self, rotation: &Rotation, now: &Moment) -> bool {
        let moved_on = || has_moved_on(rotation, &self.readers);
        match rotation.next(now, &self.anchor) {
            Next::Do(Effect::EndGrace) if rotation.held.is_some() => moved_on(),
            Next::Do(_) => !is_anothers_to_type(rotation, now),
            Next::Ask(Question::Retire { .. }) => moved_on(),
            // Both values are valid: it is watched whether somebody else changes it.
            Next::Wait { .. } => rotation.is_in_grace() && rotation.step == Step::Grace,
            Next::Ask(_) | Next::Over => false,
        }
    }

    fn carry(self: &Arc<Self>, begun: Begun, looker: &Thread) {
        let Begun { number, typed, runner } = begun;
        let (own, looker) = (self.clone(), looker.clone());
        let mut known = self.known();
        if known.runs.contains_key(&number) || !self.goes_on() {
            return;
        }
        let work = move || {
            let _gone = Gone { shared: &own, number, looker: &looker };
            let (goes_on, tell) = (|| own.goes_on(), || looker.unpark());
            let stopped = run(&own.control, number, &runner, own.program, typed, &own.readers, &goes_on, &tell);
            own.note(number, stopped);
        };
        match Builder::new().name(format!("R-{number}")).spawn(work) {
            Ok(thread) => _ = known.runs.insert(number, thread.thread().clone()),
            Err(error) => _ = known.failed.insert(number, (Instant::now() + PAUSE, error.to_string())),
        }
    }

    fn note(&self, number: u32, stopped: Result<Stopped, Failure>) {
        if let Err(failure) = stopped {
            self.known().failed.insert(number, (Instant::now() + PAUSE, failure.told().what));
        }
    }

    /// Nobody has answered for long whether to retire the old value.
    fn tell_overdue(&self, rotation: &Rotation, now: &Moment) {
        let Some(held) = &rotation.held else { return };
        // Of several that look the others hear of it first; a cockpit leaves it to the watchers.
        let turn = i64::from(self.control.surroundings.pid % 20) * 3 + if self.schedules { 0 } else { 60 };
        if now.utc.duration_since(held.since) < OVERDUE + SignedDuration::from_secs(turn) {
            return;
        }
        let resource = rotation.target().resource();
        let is_told = |told: &String| {
            told.split_once(' ')
                .is_some_and(|(at, of)| of == resource && at.parse::<Timestamp>().is_ok_and(|at| at >= held.since))
        };
        if self.known().overdue.iter().any(is_told) {
            return;
        }
        let found = format!("still read by {}", held.readers.join(", "));
        let count = u64::try_from(held.readers.len()).unwrap_or(u64::MAX);
        let detail = Detail::Check { what: "the old value at the end of grace".into(), count, found };
        let kind = EventKind::RotationRetireOverdue;
        let event = about(&self.control, kind, &rotation.name(), rotation.target(), Voice::Program, now).with(detail);
        if self.control.observe(event).is_ok() {
            self.known().overdue.insert(overdue_of(&resource, now.utc));
        }
    }

    fn begin_due(self: &Arc<Self>, listings: &[LayerListing], looker: &Thread) {
        let is_early = |known: &Known| known.looked.is_some_and(|looked| looked.elapsed() < DUE);
        let mut known = self.known();
        if !self.schedules || !self.goes_on() || is_early(&known) {
            return;
        }
        known.looked = Some(Instant::now());
        drop(known);
        let control = &self.control;
        let now = quarterdeck_clock::moment();
        let secrets = secret_rows(listings, &control.state(), &control.config, now.utc);
        let due = due::rows(control, &secrets, now.utc);
        for target in due::to_begin(control, &due) {
            // What hinders it is told by 'rotate due' and 'rotate plan'; it is tried again.
            if let Ok(begun) = self.begin(&target) {
                self.carry(begun, looker);
            }
        }
    }

    fn begin(&self, target: &Target) -> Result<Begun, Failure> {
        let row = plan::plan(&self.control, target)?;
        let hindered = row.hinders.first().cloned().or_else(|| row.live.map(|(number, _)| format!("R-{number} lives")));
        if let Some(what) = hindered {
            return Err(Failure::Declined {
                asked: format!("rotate {}", target.resource()),
                what,
                next: String::new(),
            });
        }
        let why = "its date has come".to_owned();
        let beginning = Beginning { plan: row.plan, why, typed: None, voice: Voice::Program };
        begin_now(&self.control, beginning, self.program, &quarterdeck_clock::moment())
    }

    fn rows(&self) -> Vec<RotationRow> {
        let now = quarterdeck_clock::moment();
        let mut rows = rows::rows(&self.control.state(), &now, &self.anchor);
        let readers = self.readers();
        let known = self.known();
        for row in &mut rows {
            row.readers = readers.of(&row.rotation);
            row.errors = readers.errors(&row.rotation, now.utc).0;
            if let Some((_, why)) = known.failed.get(&row.rotation.number).filter(|_| row.rotation.is_live()) {
                row.waits = Some(why.clone());
            }
        }
        rows
    }

    fn tell_rows(&self) {
        let rows = self.rows();
        let mut known = self.known();
        if known.rows.as_ref() != Some(&rows) {
            known.rows = Some(rows.clone());
            drop(known);
            (self.tell)(rows);
        }
    }
}

/// A run's end, also by a panic.
struct Gone<'a> {
    shared: &'a Shared,
    number: u32,
    looker: &'a Thread,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.shared.known().runs.remove(&self.number);
        self.shared.changed.notify_all();
        self.looker.unpark();
    }
}

/// True while somebody who typed the value may still come with it.
fn is_anothers_to_type(rotation: &Rotation, now: &Moment) -> bool {
    let waits = rotation.plan.generator == Generator::Typed && rotation.step <= Step::Stage && !rotation.spent;
    let since = rotation.past.last().map_or(rotation.began_at, |past| past.at);
    waits && rotation.lease.is_none() && now.utc.duration_since(since) < TYPED
}

fn overdue_of(resource: &str, at: Timestamp) -> String {
    format!("{at} {resource}")
}
