//! One runner's work on one rotation: the next effect, told before and after, under a lease. Refuses to do what its
//! lease no longer covers.

use super::came::{Came, Outcome, Stop, plain};
use super::effects::Hands;
use super::late::make_good;
use super::readers::Readers;
use super::record::{Unwritten, Voice, about, record, take};
use super::settle::lost;
use super::stands::Shelf;
use super::world::World;
use crate::failure::Failure;
use crate::serve::Control;
use jiff::SignedDuration;
use quarterdeck_contract::Value;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::{Detail, Status};
use quarterdeck_domain::kill::{Due, Moment};
use quarterdeck_domain::rotate::{Effect, Ending, Fact, Hook, LEASE, Lease, Next, PATIENCE, Question, Rotation, Step};
use quarterdeck_domain::version::Known;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The rotation is over.
    Over(Ending),
    /// A person is asked.
    Asks(Question),
    /// Somebody else carries it on: who, in words.
    Carried(String),
    /// The caller said so.
    Told,
}

/// So often it looks whether the journal grew, while it waits.
const LOOKS: Duration = Duration::from_millis(200);
/// So often a lease is renewed while an effect runs.
const RENEWS: Duration = Duration::from_secs(10);
/// A lease that has less left is renewed before anything is done.
const LEAST: SignedDuration = SignedDuration::from_secs(20);
/// So often it looks in grace whether its value still is the current one; at once where the journal tells of a change.
const INSPECTS: SignedDuration = SignedDuration::from_secs(30);
/// What a lease covers beyond the time that a hook may take.
const BEYOND: SignedDuration = SignedDuration::from_secs(10);

/// Carries one rotation on until it is over, a person is asked, or `goes_on` says no. `tell` is called after each fact.
/// A thread that waits in here looks at the journal when it is unparked.
#[expect(clippy::too_many_arguments, reason = "each is one thing that a run needs, and all but one are borrowed")]
pub fn run(
    control: &Arc<Control>,
    number: u32,
    runner: &str,
    program: &str,
    typed: Option<Value>,
    readers: &Mutex<Readers>,
    goes_on: &(dyn Fn() -> bool + Sync),
    tell: &(dyn Fn() + Sync),
) -> Result<Stopped, Failure> {
    let errand = Errand { control, number, runner, program, readers, goes_on, tell };
    run_in(World::REAL, &errand, typed)
}

/// What a run is for.
pub(super) struct Errand<'a> {
    pub(super) control: &'a Control,
    pub(super) number: u32,
    pub(super) runner: &'a str,
    pub(super) program: &'a str,
    pub(super) readers: &'a Mutex<Readers>,
    pub(super) goes_on: &'a (dyn Fn() -> bool + Sync),
    pub(super) tell: &'a (dyn Fn() + Sync),
}

/// The same in another world than the real one.
pub(super) fn run_in(world: World<'_>, errand: &Errand<'_>, typed: Option<Value>) -> Result<Stopped, Failure> {
    let Errand { control, readers, .. } = *errand;
    let hands = Hands { control, world, readers, typed, made: None, set: None };
    let stopped = Run { errand, world, hands, anchor: (world.now)(), inspected: None }.go();
    stopped.or_else(|end| match end {
        End::Stopped(stopped) => Ok(stopped),
        End::Failed(failure) => Err(failure),
    })
}

/// What ends a run in the midst of something.
enum End {
    Stopped(Stopped),
    Failed(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct Run<'a> {
    errand: &'a Errand<'a>,
    world: World<'a>,
    hands: Hands<'a>,
    /// The first moment at which this run looked at a deadline.
    anchor: Moment,
    /// When it looked in grace whose value is current, and what the journal knew of changes then.
    inspected: Option<(Moment, Option<Known>)>,
}

impl Run<'_> {
    fn go(mut self) -> Result<Stopped, End> {
        loop {
            if !(self.errand.goes_on)() {
                self.let_go();
                return Ok(Stopped::Told);
            }
            let rotation = self.look()?;
            let now = (self.world.now)();
            match rotation.next(&now, &self.anchor) {
                Next::Over => {
                    return Ok(Stopped::Over(rotation.ended.map_or(Ending::Done, |(ending, _)| ending)));
                }
                // What was typed is nowhere else: it waits here.
                Next::Ask(Question::Confirm) if self.hands.typed.is_some() => (self.world.pass)(LOOKS),
                Next::Ask(question) => {
                    if matches!(question, Question::Retire { .. }) && has_moved_on(&rotation, self.errand.readers) {
                        self.act(&rotation, &now, &Effect::EndGrace)?;
                        continue;
                    }
                    self.let_go();
                    return Ok(Stopped::Asks(question));
                }
                Next::Wait { left, .. } => self.wait(&rotation, &now, left)?,
                Next::Do(effect) => self.act(&rotation, &now, &effect)?,
            }
        }
    }

    /// The rotation as it stands now in the journal.
    fn look(&self) -> Result<Rotation, End> {
        let Errand { control, number, .. } = *self.errand;
        control.journal.catch_up().map_err(|error| Failure::Broken { what: error.to_string() })?;
        control.state().rotation(number).cloned().ok_or_else(|| {
            End::Failed(Failure::Senseless {
                what: format!("there is no R-{number}"),
                next: "'quarterdeck rotate status' shows which there are.".into(),
            })
        })
    }

    fn wait(&mut self, rotation: &Rotation, now: &Moment, left: SignedDuration) -> Result<(), End> {
        if watch_errors(self.errand.control, rotation, self.errand.readers, now) {
            (self.errand.tell)();
            return Ok(());
        }
        if rotation.is_in_grace() && rotation.step == Step::Grace && self.is_overtaken(rotation, now)? {
            return Ok(());
        }
        let is_mine = rotation.lease.as_ref().is_some_and(|lease| lease.runner == self.errand.runner);
        if self.hands.holds_a_value() {
            self.hold(rotation, now, LEASE)?;
        } else if is_mine && left > LEASE {
            // Nothing is to be done for longer than a lease: whoever is there when it is time goes on.
            self.let_go();
        } else if is_mine {
            self.hold(rotation, now, LEASE)?;
        }
        (self.world.pass)(Duration::try_from(left).unwrap_or(LOOKS).min(LOOKS));
        Ok(())
    }

    /// Somebody made another value current while both of ours are valid: told at once, and not when grace is over.
    fn is_overtaken(&mut self, rotation: &Rotation, now: &Moment) -> Result<bool, End> {
        let control = self.errand.control;
        let target = rotation.target();
        let known = control.state().version(&target.layer, &target.name).cloned();
        // What was promoted a moment ago need not be seen everywhere yet.
        let is_fresh = rotation.promoted_at.is_some_and(|at| now.utc.duration_since(at).abs() < INSPECTS);
        let is_early = match &self.inspected {
            Some((at, then)) => *then == known && now.since(at) < INSPECTS,
            None => is_fresh,
        };
        if self.inspected.is_none() || !is_early {
            self.inspected = Some((now.clone(), known));
        }
        if is_early || found_lost(control, rotation).is_none() {
            return Ok(false);
        }
        // Under a lease nobody leads it back meanwhile; who has one sees it as well.
        match self.hold(rotation, now, LEASE) {
            Err(End::Stopped(Stopped::Carried(_))) => return Ok(false),
            held => held?,
        }
        let rotation = self.look()?;
        let found = if rotation.is_in_grace() { found_lost(control, &rotation) } else { None };
        found.map_or(Ok(false), |fact| self.tell(&fact))
    }

    fn act(&mut self, rotation: &Rotation, now: &Moment, effect: &Effect) -> Result<(), End> {
        let step = rotation.step;
        if *effect == Effect::EndGrace && rotation.held.is_some() {
            // A reader is waited for: silence is no proof, it has to be seen with the new value.
            if !has_moved_on(rotation, self.errand.readers) {
                return self.wait(rotation, now, LEASE + LEASE);
            }
            self.hold(rotation, now, LEASE)?;
            return self.tell(&Fact::GraceOver { readers: Vec::new() }).map(|_| ());
        }
        let span = span(rotation);
        self.hold(rotation, now, span)?;
        // Looked at before it is begun: once the old value's end was begun, only a person says what is to become of ours.
        if matches!(effect, Effect::Retire { .. } | Effect::Drop { .. })
            && !rotation.retiring
            && let Some(lost) = found_lost(self.errand.control, rotation)
        {
            return self.tell(&lost).map(|_| ());
        }
        if let Some(step) = effect.begins()
            && !self.tell(&Fact::Began { step })?
        {
            return Ok(());
        }
        quarterdeck_clock::passes(&format!("{step}:before"));
        let began = (self.world.now)();
        let came = self.under_lease(rotation, effect, span);
        let now = (self.world.now)();
        quarterdeck_clock::passes(&format!("{step}:after"));
        let told = self.tell(&fact(rotation, effect, came, now.since(&began), &now));
        if step == Step::Set && matches!(told, Ok(false) | Err(End::Stopped(Stopped::Carried(_)))) {
            self.make_good(rotation)?;
        }
        told.map(|_| ()).map_err(|end| match end {
            End::Failed(Failure::Unwritten { why }) => {
                let done = format!("'{step}' of {} was carried out", rotation.name());
                Failure::Unrecorded { done, why }.into()
            }
            other => other,
        })
    }

    /// What was made known too late is told: it is not this run's to tell as a fact any more.
    fn make_good(&self, rotation: &Rotation) -> Result<(), End> {
        let control = self.errand.control;
        let _ = control.journal.catch_up();
        let Some(what) = make_good(&self.hands, rotation, control.state().rotation(rotation.number)) else {
            return Ok(());
        };
        let detail = Detail::Check { what: "a 'set' that ended too late".into(), count: 1, found: plain(&what) };
        let (kind, now) = (EventKind::RotationStep, (self.world.now)());
        let event = about(control, kind, &rotation.name(), rotation.target(), self.voice(), &now)
            .came_out(Status::Failure, None, Some("LATE"))
            .with(detail);
        // It is said here all the same.
        let _ = control.observe(event);
        let asked = format!("carry {} on", rotation.name());
        let next = format!("'quarterdeck rotate status {}' shows who carried it on meanwhile.", rotation.name());
        Err(Failure::Forestalled { asked, what, next }.into())
    }

    /// Carries an effect out while another thread keeps the lease.
    fn under_lease(&mut self, rotation: &Rotation, effect: &Effect, span: SignedDuration) -> Outcome {
        let (errand, world, hands) = (self.errand, self.world, &mut self.hands);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let keeper = scope.spawn(|| keep(errand, &world, &over, span));
            let _over = Over { over: &over, keeper: keeper.thread() };
            hands.carry_out(rotation, effect)
        })
    }

    /// Makes sure that nobody else takes it for so long.
    fn hold(&self, rotation: &Rotation, now: &Moment, span: SignedDuration) -> Result<(), End> {
        let Errand { control, number, runner, program, .. } = *self.errand;
        let covers = |lease: &Lease| match lease.until.judge(now, now) {
            Due::In(left) => left >= LEAST.max(span.saturating_sub(BEYOND)),
            Due::Passed | Due::Doubtful { .. } => false,
        };
        if rotation.lease.as_ref().is_some_and(|lease| lease.runner == runner && covers(lease)) {
            return Ok(());
        }
        match take(control, number, runner, program, span, now) {
            Ok(_) => {
                quarterdeck_clock::passes("taken:after");
                (self.errand.tell)();
                Ok(())
            }
            // It was over meanwhile: the next look says so.
            Err(Unwritten::Illegal(_)) => Ok(()),
            Err(other) => Err(self.end_of(other)),
        }
    }

    /// Tells a fact; false where it can't follow any more what stands there.
    fn tell(&self, fact: &Fact) -> Result<bool, End> {
        let Errand { control, number, .. } = *self.errand;
        match record(control, number, self.voice(), fact, &(self.world.now)()) {
            Ok(_) => {
                (self.errand.tell)();
                Ok(true)
            }
            Err(Unwritten::Illegal(_)) => Ok(false),
            Err(other) => Err(self.end_of(other)),
        }
    }

    fn voice(&self) -> Voice<'_> {
        Voice::Runner { name: self.errand.runner, program: self.errand.program }
    }

    fn end_of(&self, unwritten: Unwritten) -> End {
        match unwritten {
            Unwritten::Carried(who) => End::Stopped(Stopped::Carried(who)),
            Unwritten::Journal(error) => Failure::Unwritten { why: error.to_string() }.into(),
            Unwritten::Illegal(what) => Failure::Senseless { what, next: String::new() }.into(),
        }
    }

    /// Nobody has to wait for this run any more. Where that can't be written, its lease runs out.
    fn let_go(&self) {
        let Errand { control, number, runner, .. } = *self.errand;
        let state = control.state();
        let lease = state.rotation(number).and_then(|rotation| rotation.lease.as_ref());
        if lease.is_some_and(|lease| lease.runner == runner)
            && record(control, number, self.voice(), &Fact::LetGo, &(self.world.now)()).is_ok()
        {
            (self.errand.tell)();
        }
    }
}

/// Ends the thread that keeps the lease, also after a panic.
struct Over<'a> {
    over: &'a AtomicBool,
    keeper: &'a Thread,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        self.keeper.unpark();
    }
}

/// Renews the lease until the effect is over. Where it can't, the effect's own compare-and-set is what is left.
fn keep(errand: &Errand<'_>, world: &World<'_>, over: &AtomicBool, span: SignedDuration) {
    let mut since = std::time::Instant::now();
    while !over.load(Ordering::Acquire) {
        if since.elapsed() >= RENEWS {
            since = std::time::Instant::now();
            let renewed = take(errand.control, errand.number, errand.runner, errand.program, span, &(world.now)());
            if matches!(renewed, Err(Unwritten::Carried(_))) {
                return;
            }
        }
        std::thread::park_timeout(RENEWS.saturating_sub(since.elapsed()));
    }
}

/// For how long a lease has to count: a hook may take its time.
fn span(rotation: &Rotation) -> SignedDuration {
    let within = rotation.plan.hook(rotation.step).and_then(Hook::within_s).unwrap_or(0);
    let within = SignedDuration::from_secs(i64::try_from(within).unwrap_or(i64::MAX));
    within.saturating_add(BEYOND).clamp(LEASE, Lease::LONGEST)
}

/// What an effect came to, as a fact. A value that is found was staged, wherever the rotation is by now.
fn fact(rotation: &Rotation, effect: &Effect, came: Outcome, took: SignedDuration, now: &Moment) -> Fact {
    let (step, took_ms) = (rotation.step, u64::try_from(took.as_millis()).ok());
    match came {
        Ok(Came::Known(fact)) => *fact,
        Ok(Came::Done { version, fingerprint, grace, by, note }) => {
            let step = if matches!(effect, Effect::FindStaged { .. }) { Step::Stage } else { step };
            Fact::Done { step, version, fingerprint, grace, by, note, took_ms }
        }
        Err(Stop { how, by, why }) => {
            let wait = SignedDuration::from_secs(1 << rotation.failures.min(6)).min(PATIENCE);
            let again_at = now.utc.checked_add(wait).ok();
            Fact::Failed { step, how, by, why, again_at, took_ms }
        }
    }
}

/// What is told where somebody else's value is current. A backend that can't say it now is asked again.
fn found_lost(control: &Control, rotation: &Rotation) -> Option<Fact> {
    let shelf = Shelf::of(control.mount(&rotation.target().layer).ok()?, rotation).ok()?.with(&control.key);
    match lost(&shelf) {
        Ok(Some(Came::Known(fact))) => Some(*fact),
        _ => None,
    }
}

/// Every reader that was waited for was seen with another value than the old one, and nobody else has it.
pub(super) fn has_moved_on(rotation: &Rotation, readers: &Mutex<Readers>) -> bool {
    let Some(held) = &rotation.held else { return false };
    let readers = readers.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = readers.of(rotation);
    let is_new = |name: &String| {
        rows.iter().any(|row| row.name == *name && row.version.as_ref().is_some_and(|it| *it != rotation.plan.from))
    };
    readers.on_old(rotation).is_empty() && held.readers.iter().all(is_new)
}

/// Leads back where readers had as many log-in errors as the rule says; true when it did.
pub(super) fn watch_errors(control: &Control, rotation: &Rotation, readers: &Mutex<Readers>, now: &Moment) -> bool {
    let Some(rule) = rotation.plan.watch.filter(|_| rotation.is_in_grace()) else { return false };
    let (count, readers) = readers.lock().unwrap_or_else(PoisonError::into_inner).errors(rotation, now.utc);
    count > 0
        && count >= rule.errors
        && record(control, rotation.number, Voice::Program, &Fact::Errors { count, readers }, now).is_ok()
}
