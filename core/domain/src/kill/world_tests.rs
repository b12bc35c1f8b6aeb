//! A world with a latch, a journal and an engine, and processes that look, plan and act in any order and die between any
//! two effects, while time passes, clocks are stepped, machines are started anew, disks fill up and latches are tampered
//! with. Whatever happens, generations don't fall and nobody gets from stopped to trading without a release.

use super::super::moment::Deadline;
use super::super::row::{EngineRow, EngineStanding, PathState};
use super::super::testing::{after, alice};
use super::super::{Ask, Asking, Beat, EngineState, Level, Step, command};
use super::*;
use crate::environment::Environment;
use crate::event::{Actor, Detail, Event, EventId};
use crate::state::State;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;

/// What one process wants.
#[derive(Debug, Clone, Copy)]
enum Act {
    Advance,
    Fire(Level),
    Hold,
    Release { note: bool, without: bool, owns: bool },
    SetUp,
}

#[derive(Debug, Clone, Copy)]
enum Tamper {
    Delete,
    Corrupt,
    /// Trade or hold, in a generation so much higher.
    Milder(Order, u64),
    /// What stood before.
    Rollback(usize),
    /// The deadline so many seconds later, in the same generation or a later one.
    Postpone(i64, u64),
    /// Any order in a generation that nothing follows.
    Leap(Order),
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Pass(u64),
    Step(i64),
    Restart(u64),
    /// Reads the clock and the latch …
    Look(usize),
    /// … then the journal, and decides …
    Plan(usize, Act),
    /// … and does one thing of it.
    Do(usize),
    /// All of that at once.
    Run(usize, Act),
    Die(usize),
    JournalWritable(bool),
    LatchWritable(bool),
    Tampered(Tamper),
    Flat(bool),
}

#[derive(Debug, Clone, Default)]
struct Process {
    looked: Option<(Moment, LatchView)>,
    plan: Vec<Effect>,
    basis: Option<LatchView>,
    anchor: Option<(u64, Moment)>,
}

#[derive(Debug)]
struct World {
    environment: Environment,
    now: Moment,
    latch: Option<Vec<u8>>,
    written: Vec<Record>,
    journal: State,
    events: Vec<(EventKind, Record)>,
    journal_writable: bool,
    latch_writable: bool,
    processes: Vec<Process>,
    engine_heard: u64,
    engine_flat: bool,
    count: u32,
    /// The first deadline of each episode, and whether it was tampered with.
    deadlines: BTreeMap<String, (Deadline, bool)>,
}

impl World {
    fn new(environment: Environment) -> Self {
        let mut world = Self {
            environment,
            now: after(0),
            latch: None,
            written: Vec::new(),
            journal: State::default(),
            events: Vec::new(),
            journal_writable: true,
            latch_writable: true,
            processes: vec![Process::default(); 3],
            engine_heard: 0,
            engine_flat: false,
            count: 0,
            deadlines: BTreeMap::new(),
        };
        world.run(0, Act::SetUp);
        assert_eq!(world.record().map(|record| (record.generation, record.order)), Some((0, Order::Trade)));
        world
    }

    fn view(&self) -> LatchView {
        match &self.latch {
            None => LatchView::Missing,
            Some(bytes) => match Record::parse(bytes, self.environment) {
                Ok(record) => LatchView::Read(Box::new(record)),
                Err(why) => LatchView::Unreadable(why),
            },
        }
    }

    fn record(&self) -> Option<Record> {
        self.view().record().cloned()
    }

    fn engines(&self) -> Vec<EngineRow> {
        let standing = if self.engine_flat { EngineStanding::Flat } else { EngineStanding::Residual };
        let beat = Beat {
            v: 1,
            engine: "alpha".into(),
            environment: self.environment.name().into(),
            account: "****4789".into(),
            pid: 1,
            at: self.now.utc,
            boot_ns: self.now.boot_ns,
            boot_id: self.now.boot_id.clone(),
            state: EngineState::Blocked,
            episode: None,
            generation: self.engine_heard,
            level: 3,
            step: Step::Blocked,
            steps: Default::default(),
            resting_orders: None,
            orders_synced: None,
            positions: None,
            positions_synced: None,
            last_order: None,
            last_order_ns: None,
            link: "up".into(),
            trouble: String::new(),
        };
        vec![EngineRow {
            name: "alpha".into(),
            account: String::new(),
            standing,
            why: Vec::new(),
            beat: (self.engine_heard > 0).then_some(beat),
            heard_at: None,
            stale: false,
            blocked_after: None,
            link: PathState::NotSetUp,
        }]
    }

    /// What somebody would say who looks now.
    fn state(&self) -> SwitchState {
        let (latch, engines) = (self.view(), self.engines());
        standing(&self.known(&latch, &engines), &self.now).state
    }

    fn known<'a>(&'a self, latch: &'a LatchView, engines: &'a [EngineRow]) -> Known<'a> {
        Known {
            environment: self.environment,
            latch,
            journal: self.journal.switch.record.as_ref(),
            engines,
            journal_writable: self.journal_writable,
        }
    }

    fn look(&mut self, p: usize) {
        self.processes[p].looked = Some((self.now.clone(), self.view()));
    }

    /// Plans on what was looked at, and checks what was allowed.
    fn plan(&mut self, p: usize, act: Act) {
        let Some((now, latch)) = self.processes[p].looked.take() else { return };
        let engines = self.engines();
        let known = self.known(&latch, &engines);
        let stands = standing(&known, &now);
        let by = Initiator { session: format!("s-{p}"), ..alice() };
        let generation = stands.record.as_ref().map_or(0, |record| record.generation);
        let anchor = match &self.processes[p].anchor {
            Some((of, anchor)) if *of == generation => anchor.clone(),
            _ => now.clone(),
        };
        let effects = match act {
            Act::Advance => Ok(advance(&known, &by, &anchor, &now)),
            _ => command(&known, &asking(act, by, self.count), &now),
        };
        let plan = effects.as_ref().map_or_else(|_| Vec::new(), Clone::clone);
        if stands.state == SwitchState::Unknown && matches!(act, Act::Advance) {
            assert!(plan.is_empty(), "nothing follows from what is unknown: {plan:?}");
        }
        match (act, &effects) {
            (Act::SetUp, Ok(_)) => assert!(self.events.is_empty(), "set up a second time"),
            (Act::Fire(_), effects) => assert!(effects.is_ok(), "nobody is refused a stop"),
            (Act::Hold | Act::Release { .. }, Ok(plan)) => {
                assert!(self.journal_writable, "riskier without a journal: {plan:?}");
                let owns = !matches!(act, Act::Release { owns: false, .. });
                assert!(owns || self.environment != Environment::Production, "unsigned in Production");
                assert!(matches!(plan[0], Effect::Journal(..)), "the journal first: {plan:?}");
            }
            _ => {}
        }
        if let (Act::Release { note, without, .. }, Ok(_), Some(record)) = (act, &effects, &stands.record) {
            assert_ne!(record.order, Order::Stop, "a running level 3 is held first");
            assert!(record.order != Order::Halt || note && (without || self.engine_flat), "not flat, or no note");
        }
        plan.iter().for_each(|effect| self.check_deadline(effect));
        let process = &mut self.processes[p];
        process.anchor = Some((generation, anchor));
        process.plan = plan;
        process.basis = Some(latch);
        self.count += 1;
    }

    /// Does the next thing of a plan.
    fn act(&mut self, p: usize) {
        if self.processes[p].plan.is_empty() {
            return;
        }
        let goes_on = match self.processes[p].plan.remove(0) {
            Effect::WriteLatch(record) => self.write(p, record),
            Effect::Dispatch(record) => {
                self.engine_heard = self.engine_heard.max(record.generation);
                true
            }
            Effect::Journal(kind, record) => self.append(kind, record),
            Effect::Alarm(_) => true,
        };
        if !goes_on {
            self.processes[p].plan.clear();
        }
    }

    /// Writes as the latch's keeper does: an urgent record over what is milder, another one over what it was decided on.
    fn write(&mut self, p: usize, record: Record) -> bool {
        if !self.latch_writable {
            return record.order >= Order::Hold && record.initiator.kind != "person" || record.is_urgent();
        }
        let stands = self.view();
        let record = match (&stands, record.is_urgent()) {
            (LatchView::Read(stands), true) => match record.over(stands) {
                Some(record) => record,
                None => (**stands).clone(),
            },
            (_, true) => record,
            (_, false) if Some(&stands) == self.processes[p].basis.as_ref() => record,
            (_, false) => return false,
        };
        if stands.record() != Some(&record) {
            self.check_write(&stands, &record);
            self.engine_heard = self.engine_heard.max(record.generation);
            self.latch = Some(record.bytes());
            self.written.push(record.clone());
        }
        for effect in &mut self.processes[p].plan {
            match effect {
                Effect::WriteLatch(next) | Effect::Dispatch(next) => *next = record.clone(),
                Effect::Journal(kind, next) if *kind != EventKind::KillSwitchAdopted => *next = record.clone(),
                Effect::Journal(..) | Effect::Alarm(_) => {}
            }
        }
        true
    }

    fn check_write(&mut self, stands: &LatchView, record: &Record) {
        if let Some(stands) = stands.record() {
            let forged = stands.generation == Record::HIGHEST;
            assert!(forged || record.generation > stands.generation, "it falls: {stands:?} {record:?}");
            assert!(record.generation < 1_000_000, "it leads on from a leap: {record:?}");
        }
        if record.order == Order::Trade {
            assert!(self.is_released(record.generation), "no release of generation {}", record.generation);
        }
        if record.initiator.kind == "deadline" {
            let (deadline, _) = &self.deadlines[&record.episode];
            let passed = match deadline.boot_id == self.now.boot_id {
                true => self.now.boot_ns >= deadline.boot_ns,
                // By the wall clock, which may have been stepped while nobody was there to see it.
                false => true,
            };
            assert!(passed, "level 4 before its time: {record:?} at {:?}", self.now);
            let hold = |stands: &&Record| stands.order == Order::Hold && Some(stands.generation) > record.previous;
            let held = stands.record().filter(hold).map(|stands| stands.generation);
            let told = held.is_some_and(|held| self.is_told(&[EventKind::KillSwitchHeld], held));
            assert!(!told, "it was held: {record:?}");
        }
    }

    fn check_deadline(&mut self, effect: &Effect) {
        let (Effect::WriteLatch(record) | Effect::Dispatch(record) | Effect::Journal(_, record)) = effect else {
            return;
        };
        if let Some(deadline) = &record.deadline {
            let (first, tampered) =
                self.deadlines.entry(record.episode.clone()).or_insert_with(|| (deadline.clone(), false));
            assert!(first == deadline || *tampered, "the deadline moved: {first:?} {deadline:?}");
        }
    }

    fn is_released(&self, generation: u64) -> bool {
        self.is_told(&[EventKind::KillSwitchReleased, EventKind::KillSwitchSetUp], generation)
    }

    fn is_told(&self, kinds: &[EventKind], generation: u64) -> bool {
        self.events.iter().any(|(kind, record)| kinds.contains(kind) && record.generation == generation)
    }

    fn append(&mut self, kind: EventKind, record: Record) -> bool {
        if !self.journal_writable {
            return !matches!(
                kind,
                EventKind::KillSwitchHeld | EventKind::KillSwitchReleased | EventKind::KillSwitchSetUp
            );
        }
        let id = EventId { event: "evt-0".into(), request: format!("req-{}", self.events.len()) };
        let detail = Detail::Switch { record: Box::new(record.clone()), note: None, durable_us: None };
        let event = Event::new(kind, self.now.utc, id, Actor::system("s"), Some(self.environment)).with(detail);
        self.journal.fold(&event);
        self.events.push((kind, record));
        true
    }

    fn run(&mut self, p: usize, act: Act) {
        self.look(p);
        self.plan(p, act);
        while !self.processes[p].plan.is_empty() {
            self.act(p);
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now.boot_ns += seconds * SECOND;
        self.step(i64::try_from(seconds).expect("a test's own time"));
    }

    fn step(&mut self, seconds: i64) {
        self.now.utc = self.now.utc.saturating_add(SignedDuration::from_secs(seconds)).expect("in range");
    }

    fn tamper(&mut self, tamper: Tamper) {
        let record = self.record();
        match (tamper, record) {
            (Tamper::Delete, _) => self.latch = None,
            (Tamper::Corrupt, _) => self.latch = Some(b"{\"v\":1".to_vec()),
            (Tamper::Milder(order, more), Some(record)) if order < record.order => {
                let generation = record.generation + more;
                let milder = Record { order, level: order.level(), deadline: None, generation, ..record };
                self.latch = Some(milder.bytes());
            }
            (Tamper::Rollback(back), _) => {
                let at = self.written.len().checked_sub(back + 1);
                self.latch = at.and_then(|at| self.written.get(at)).map(Record::bytes).or(self.latch.take());
            }
            (Tamper::Leap(order), Some(record)) => {
                let deadline = (order == Order::Stop).then(|| Deadline::after(&self.now, Deadline::WINDOW));
                let (generation, episode) = (Record::HIGHEST, format!("E-{}", self.count));
                let leaps = Record { order, level: order.level(), deadline, generation, episode, ..record };
                self.count += 1;
                if let Some(deadline) = &leaps.deadline {
                    self.deadlines.insert(leaps.episode.clone(), (deadline.clone(), false));
                }
                self.latch = Some(leaps.bytes());
            }
            (Tamper::Postpone(seconds, more), Some(mut record)) => {
                record.generation += more;
                let Some(deadline) = &mut record.deadline else { return };
                deadline.utc += SignedDuration::from_secs(seconds);
                deadline.boot_ns += u64::try_from(seconds).expect("later") * SECOND;
                if let Some((_, tampered)) = self.deadlines.get_mut(&record.episode) {
                    *tampered = true;
                }
                self.latch = Some(record.bytes());
            }
            _ => {}
        }
    }

    /// One thing happens, and whoever looks before and after sees no way round a release.
    fn happens(&mut self, op: Op) {
        let before = self.state();
        match op {
            Op::Pass(seconds) => self.pass(seconds),
            Op::Step(seconds) => self.step(seconds),
            Op::Restart(off) => {
                self.step(i64::try_from(off).expect("a test's own time"));
                self.now.boot_ns = 20 * SECOND;
                self.now.boot_id = format!("b-{}", self.count);
                self.count += 1;
                self.processes = vec![Process::default(); 3];
            }
            Op::Look(p) => self.look(p),
            Op::Plan(p, act) => self.plan(p, act),
            Op::Do(p) => self.act(p),
            Op::Run(p, act) => self.run(p, act),
            Op::Die(p) => self.processes[p] = Process::default(),
            Op::JournalWritable(yes) => self.journal_writable = yes,
            Op::LatchWritable(yes) => self.latch_writable = yes,
            Op::Tampered(tamper) => return self.tamper(tamper),
            Op::Flat(flat) => self.engine_flat = flat,
        }
        if before != SwitchState::Normal && self.state() == SwitchState::Normal {
            let record = self.record().expect("normal is read from a latch");
            // Where the latch was tampered with before, a release that never reached it is one all the same.
            let told = self.journal.switch.record.as_ref().filter(|told| told.order == Order::Trade);
            let last = told.is_some_and(|told| self.is_released(told.generation));
            assert!(last || self.is_released(record.generation), "{before:?} became normal by {op:?}");
        }
    }
}

fn asking(act: Act, by: Initiator, count: u32) -> Asking {
    let (ask, owns) = match act {
        Act::Fire(level) => (Ask::Fire(level), false),
        Act::Hold => (Ask::Hold, true),
        Act::Release { note, without, owns } => {
            let note = note.then(|| "a fat finger".to_owned());
            (Ask::Release { note, without: if without { vec!["alpha".into()] } else { vec![] } }, owns)
        }
        Act::SetUp | Act::Advance => (Ask::SetUp, false),
    };
    Asking {
        ask,
        by,
        reason: Some("because".into()),
        episode: format!("E-{count}"),
        engines: vec!["alpha".into()],
        owns_the_folder: owns,
        folder_owner: "root".into(),
    }
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => Just(Act::Advance),
        2 => Just(Act::Fire(Level::Stop)),
        1 => Just(Act::Fire(Level::Halt)),
        2 => Just(Act::Hold),
        2 => any::<(bool, bool, bool)>().prop_map(|(note, without, owns)| Act::Release { note, without, owns }),
        1 => Just(Act::SetUp),
    ]
}

fn tampers() -> impl Strategy<Value = Tamper> {
    prop_oneof![
        Just(Tamper::Delete),
        Just(Tamper::Corrupt),
        (0u64..3).prop_map(|more| Tamper::Milder(Order::Trade, more)),
        (0u64..3).prop_map(|more| Tamper::Milder(Order::Hold, more)),
        (0usize..4).prop_map(Tamper::Rollback),
        (1i64..4_000, 0u64..3).prop_map(|(seconds, more)| Tamper::Postpone(seconds, more)),
        prop::sample::select(vec![Order::Trade, Order::Hold, Order::Stop, Order::Halt]).prop_map(Tamper::Leap),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let p = 0usize..3;
    prop_oneof![
        3 => (0u64..200).prop_map(Op::Pass),
        1 => (-4_000i64..4_000).prop_map(Op::Step),
        1 => (1u64..400).prop_map(Op::Restart),
        3 => p.clone().prop_map(Op::Look),
        4 => (p.clone(), acts()).prop_map(|(p, act)| Op::Plan(p, act)),
        6 => p.clone().prop_map(Op::Do),
        6 => (p.clone(), acts()).prop_map(|(p, act)| Op::Run(p, act)),
        1 => p.prop_map(Op::Die),
        1 => any::<bool>().prop_map(Op::JournalWritable),
        1 => any::<bool>().prop_map(Op::LatchWritable),
        1 => tampers().prop_map(Op::Tampered),
        1 => any::<bool>().prop_map(Op::Flat),
    ]
}

fn places() -> impl Strategy<Value = Environment> {
    prop_oneof![Just(Environment::Qa), Just(Environment::Production)]
}

proptest! {
    /// Nobody gets round a release, no generation falls, nothing is halted before its time: see [`World::happens`] and
    /// [`World::check_write`].
    #[test]
    fn whatever_happens_the_laws_hold(place in places(), ops in proptest::collection::vec(ops(), 0..60)) {
        let mut world = World::new(place);
        for op in ops {
            world.happens(op);
        }
    }

    /// After anything at all, one process that goes on makes level 4 of a level 3 in its five minutes, and not of a hold.
    #[test]
    fn level_3_becomes_level_4_whatever_happened(
        place in places(), ops in proptest::collection::vec(ops(), 0..40), steps in proptest::collection::vec(-4_000i64..4_000, 5),
    ) {
        let mut world = World::new(place);
        for op in ops {
            world.happens(op);
        }
        world.processes = vec![Process::default(); 3];
        (world.journal_writable, world.latch_writable) = (true, true);
        world.run(0, Act::Advance);
        let (state, boot) = (world.state(), world.now.boot_id.clone());
        let (latch, engines) = (world.view(), world.engines());
        let record = standing(&world.known(&latch, &engines), &world.now).record;
        let own = record.is_some_and(|record| record.deadline.is_some_and(|deadline| deadline.boot_id == boot));
        // A postponed deadline that only the latch knew is the latch's own.
        let tampered = world.deadlines.values().any(|(_, tampered)| *tampered);
        for step in steps {
            world.step(step);
            world.pass(60);
            world.run(1, Act::Fire(Level::Stop));
            world.run(0, Act::Advance);
        }
        match state {
            SwitchState::GracefulStop if own && !tampered => {
                prop_assert_eq!(world.record().map(|record| record.order), Some(Order::Halt));
            }
            SwitchState::Held => prop_assert_eq!(world.record().map(|record| record.order), Some(Order::Hold)),
            _ => {}
        }
    }

    /// What follows by itself comes to an end: two processes that only go on soon have nothing to do.
    #[test]
    fn what_follows_by_itself_comes_to_rest(
        place in places(), ops in proptest::collection::vec(ops(), 0..40), journal: bool, latch: bool,
    ) {
        let mut world = World::new(place);
        for op in ops {
            world.happens(op);
        }
        (world.journal_writable, world.latch_writable) = (journal, latch);
        let rests = |world: &mut World| {
            for _ in 0..4 {
                world.pass(1);
                world.run(0, Act::Advance);
                world.run(1, Act::Advance);
            }
            let generations = (world.record().map(|record| record.generation), world.engine_heard);
            (generations, world.events.len())
        };
        // The deadline may fall into the first rounds, and may not fall between the others.
        world.pass(20_000);
        let first = rests(&mut world);
        prop_assert_eq!(first, rests(&mut world), "it goes on and on");
        (world.journal_writable, world.latch_writable) = (true, true);
        rests(&mut world);
        world.look(0);
        world.plan(0, Act::Advance);
        let acts: Vec<&Effect> =
            world.processes[0].plan.iter().filter(|effect| !matches!(effect, Effect::Alarm(_))).collect();
        prop_assert!(acts.is_empty(), "{:?}", acts);
    }
}
