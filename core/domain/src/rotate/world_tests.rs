//! A world with a backend, a service that accepts credentials, and processes that carry a rotation on and die between any
//! two things they do, while calls fail or lose their answer, clocks are stepped, machines are started anew, and people
//! abort, roll back and change the secret by hand. Whatever happens: what is current is accepted, and nothing of ours is
//! left over. See [`World::check`], [`World::carry_out`] and [`World::converges`].

use super::backend_model::Backend;
use super::testing::{command, done_as, lease, moment, person, plan, planned, promoted};
use super::*;
use crate::catalogue::EventKind;
use crate::event::{Actor, Detail, Event, EventId};
use crate::kill::Moment;
use crate::state::State;
use jiff::SignedDuration;
use proptest::prelude::*;
use std::collections::BTreeSet;

const SECOND: u64 = 1_000_000_000;
const NUMBER: u32 = 1;

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luck {
    Fine,
    /// Not done, and it says so.
    Trouble,
    /// Done, and the answer is lost.
    Lost,
    Refused,
    Never,
    /// The value that is made is one that the service won't take.
    Bad,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    /// One thing: take or begin, do, tell.
    Go(usize, Luck),
    /// All three.
    Run(usize, Luck),
    /// So many rounds in which nothing fails.
    Fine(usize, usize),
    Die(usize),
    Pass(u64),
    Step(i64),
    Restart(i64),
    /// Somebody sets the secret by hand: a value of their own, the old one, ours, or the old version itself; whether the
    /// service accepts it or not.
    ByHand(u8),
    Ask(Ask),
    Errors,
    /// A person does what they are asked, and says so, or doesn't.
    Person(Option<bool>),
    Readers(bool),
}

#[derive(Debug, Clone, Default)]
enum Doing {
    #[default]
    Nothing,
    Begun(Effect, Step),
    Tells(Fact),
}

#[derive(Debug)]
struct Process {
    runner: String,
    anchor: Moment,
    doing: Doing,
}

pub(super) struct World {
    now: Moment,
    journal: State,
    backend: Backend,
    /// What the service accepts.
    accepted: BTreeSet<u32>,
    /// What it never will.
    bad: BTreeSet<u32>,
    ids: BTreeSet<String>,
    processes: Vec<Process>,
    /// Our readers still use the old version.
    on_old: bool,
    /// When it was promoted last.
    promoted: Option<Moment>,
    /// What somebody set by hand is theirs from then on.
    theirs: BTreeSet<u32>,
    /// The version that they made current though the service refused it: that is not ours to answer for.
    wrong: Option<String>,
    /// A person said that it goes on.
    resumed: bool,
    count: u32,
}

const OLD: u32 = 0;

impl World {
    fn new(plan: Plan, renumbers: bool) -> Self {
        let now = moment(0);
        let processes = (0..3).map(|p| Process { runner: format!("p{p}"), anchor: now.clone(), doing: Doing::Nothing });
        let mut world = Self {
            journal: State::default(),
            backend: Backend::new(&plan.from, OLD, renumbers),
            accepted: BTreeSet::from([OLD]),
            bad: BTreeSet::new(),
            ids: BTreeSet::new(),
            processes: processes.collect(),
            on_old: false,
            promoted: None,
            theirs: BTreeSet::new(),
            wrong: None,
            resumed: false,
            count: 0,
            now,
        };
        let lease = plan.confirm.is_none().then(|| lease("p0", &world.now));
        assert!(world.tell(&planned(plan, "id-0", lease), None));
        world
    }

    fn rotation(&self) -> &Rotation {
        self.journal.rotation(NUMBER).expect("it was planned")
    }

    /// What the journal's writer does.
    fn tell(&mut self, fact: &Fact, runner: Option<&str>) -> bool {
        if self.journal.judge(NUMBER, fact, runner, self.now.utc).is_err() {
            return false;
        }
        let detail =
            Detail::Rotation { number: NUMBER, runner: runner.map(str::to_owned), fact: Box::new(fact.clone()) };
        let id = EventId { event: "evt-0".into(), request: format!("req-{}", self.count) };
        let (kind, status) = fact.event();
        let event = Event::new(kind, self.now.utc, id, Actor::system("s"), None).came_out(status, None, None);
        self.journal.fold(&event.with(detail));
        true
    }

    /// Takes, begins, does or tells: one of it.
    fn go(&mut self, p: usize, luck: Luck) {
        match std::mem::take(&mut self.processes[p].doing) {
            Doing::Nothing => self.begin(p),
            Doing::Begun(effect, step) => {
                if self.covers(p) {
                    let fact = self.carry_out(&effect, step, luck);
                    self.processes[p].doing = Doing::Tells(fact);
                }
            }
            Doing::Tells(fact) => {
                let runner = self.processes[p].runner.clone();
                self.tell(&fact, Some(&runner));
            }
        }
        self.check();
    }

    fn covers(&self, p: usize) -> bool {
        let held = self.rotation().lease.as_ref();
        held.is_some_and(|held| held.runner == self.processes[p].runner && !held.is_over(&self.now))
    }

    fn begin(&mut self, p: usize) {
        let runner = self.processes[p].runner.clone();
        let rotation = self.rotation();
        if !rotation.is_live() {
            return;
        }
        let held = rotation.lease.as_ref();
        if held.is_none_or(|held| held.runner == runner || held.is_over(&self.now)) {
            let lease = lease(&runner, &self.now);
            assert!(self.tell(&Fact::Taken { lease }, Some(&runner)), "what nobody carries can be taken");
        } else {
            // One that lives keeps it, whoever asks.
            let lease = lease(&runner, &self.now);
            assert!(!self.tell(&Fact::Taken { lease }, Some(&runner)), "it was taken from one that lives");
            return;
        }
        let next = self.rotation().next(&self.now, &self.processes[p].anchor);
        self.check_grace(&next);
        if let Next::Do(effect) = next {
            let begins = effect.begins();
            assert!(begins.is_none_or(|step| self.tell(&Fact::Began { step }, Some(&runner))), "{effect:?} can begin");
            self.processes[p].doing = Doing::Begun(effect, self.rotation().step);
        }
    }

    /// Grace ends when it was said to, whatever wall clocks did.
    fn check_grace(&self, next: &Next) {
        let (rotation, Some(promoted)) = (self.rotation(), &self.promoted) else { return };
        if rotation.step != Step::Grace || rotation.held.is_some() {
            return;
        }
        let planned = SignedDuration::from_secs(i64::try_from(rotation.plan.grace_s).expect("a test's own"));
        match next {
            Next::Wait { left, .. } => assert!(*left <= planned, "longer than planned: {left}"),
            Next::Do(Effect::EndGrace) => {}
            other => panic!("in grace {other:?}"),
        }
        if promoted.boot_id == self.now.boot_id {
            let over = self.now.since(promoted) >= planned;
            assert_eq!(*next == Next::Do(Effect::EndGrace), over, "{:?} after promote", self.now.since(promoted));
        }
    }

    fn carry_out(&mut self, effect: &Effect, step: Step, luck: Luck) -> Fact {
        let how = match luck {
            Luck::Trouble => Some(Failing::Trouble),
            Luck::Refused => Some(Failing::Refused),
            Luck::Never => Some(Failing::Never),
            Luck::Fine | Luck::Lost | Luck::Bad => None,
        };
        let again_at = Some(self.now.utc + SignedDuration::from_secs(4));
        let fails =
            |how, why: &str| Fact::Failed { step, how, by: "x".into(), why: why.into(), again_at, took_ms: None };
        let looks = matches!(effect, Effect::Renew | Effect::EndGrace | Effect::End(_));
        if let Some(how) = how.filter(|_| !looks) {
            return fails(how, "it fails");
        }
        let fact = self.act(effect, step, luck == Luck::Bad).unwrap_or_else(|why| fails(Failing::Refused, why));
        if luck == Luck::Lost && !looks { fails(Failing::Trouble, "no answer") } else { fact }
    }

    /// What a runner does. Each backend call is one act, with its own compare-and-set.
    fn act(&mut self, effect: &Effect, step: Step, bad: bool) -> Result<Fact, &'static str> {
        let lost = |found: &str| Ok(Fact::Lost { found: found.into() });
        let done = |step, version: Option<String>| {
            let version = version.as_deref();
            Ok(done_as(step, version))
        };
        let rotation = self.rotation().clone();
        let current = self.backend.current.clone();
        match effect {
            Effect::Check if current != rotation.plan.from => lost(&current),
            Effect::Check => done(Step::Check, None),
            Effect::FindStaged { id } => match self.backend.find(id) {
                Some(version) => done(step, Some(version)),
                None => Ok(Fact::NothingStaged),
            },
            Effect::Renew => {
                self.count += 1;
                Ok(Fact::Renewed { id: format!("id-{}", self.count) })
            }
            Effect::Stage { id } => {
                assert!(self.ids.insert(id.clone()), "{id} makes a second value");
                assert_eq!(self.backend.pending(), 0, "two are pending");
                self.count += 1;
                let value = self.count + 1_000;
                if bad && rotation.plan.test.is_some() {
                    self.bad.insert(value);
                }
                if rotation.plan.generator == Generator::Typed {
                    self.accept(value);
                }
                done(Step::Stage, Some(self.backend.stage(id, value)))
            }
            Effect::Set { new } => {
                self.accept(self.backend.read(new));
                done(Step::Set, None)
            }
            Effect::Test { new } if self.accepted.contains(&self.backend.read(new)) => done(Step::Test, None),
            Effect::Test { .. } => Err("refused"),
            Effect::Promote { new, from } => match self.backend.promote(new, from) {
                Ok(version) => {
                    self.promoted = Some(self.now.clone());
                    let grace_s = i64::try_from(rotation.plan.grace_s).expect("a test's own");
                    Ok(promoted(&version, &self.now, grace_s))
                }
                Err(found) => lost(&found),
            },
            Effect::Unstage { new } => {
                self.backend.unstage(new);
                done(Step::Unstage, None)
            }
            Effect::EndGrace => {
                let readers = if self.on_old { vec!["gamma".to_owned()] } else { Vec::new() };
                Ok(Fact::GraceOver { readers })
            }
            Effect::Retire { current: ours, .. }
            | Effect::Verify { current: ours, .. }
            | Effect::Drop { current: ours, .. }
                if current != *ours =>
            {
                lost(&current)
            }
            Effect::Retire { old, .. } => {
                self.refuse(self.backend.read(old));
                done(Step::Retire, None)
            }
            Effect::Verify { old, current } => {
                let old = rotation.plan.revoke.is_some() && self.accepted.contains(&self.backend.read(old));
                let new = self.accepted.contains(&self.backend.read(current));
                if new && !old { done(Step::Verify, None) } else { Err("not so") }
            }
            Effect::Drop { old, .. } => {
                self.backend.drop_version(old);
                done(Step::Drop, None)
            }
            Effect::Restore { old, .. } => match self.backend.restore(old, &rotation.ids) {
                Ok(version) => done(Step::Restore, Some(version)),
                Err(found) => lost(&found),
            },
            Effect::Revoke { new } => {
                let value = self.backend.read(new);
                let now = self.backend.value();
                let is_last = rotation.retiring && rotation.will_end() == Ending::Lost;
                assert!(!is_last || self.resumed, "ours is revoked though the old one may be, and nobody was asked");
                if is_last
                    && value != now
                    && (now == OLD || rotation.plan.test.is_some() && !self.accepted.contains(&now))
                {
                    return Err("what is current is refused");
                }
                if value != now {
                    self.refuse(value);
                }
                done(Step::Revoke, None)
            }
            Effect::Discard { ids, new } => {
                self.backend.discard(ids, new.as_deref());
                done(Step::Discard, None)
            }
            Effect::End(ending) => Ok(Fact::Ended { ending: *ending }),
        }
    }

    fn accept(&mut self, value: u32) {
        if !self.bad.contains(&value) {
            self.accepted.insert(value);
        }
    }

    /// Makes a value invalid at the service.
    fn refuse(&mut self, value: u32) {
        assert_ne!(value, self.backend.value(), "what is current is revoked");
        let is_theirs = self.wrong.is_some() && self.rotation().plan.test.is_none();
        assert!(is_theirs || !self.rotation().retiring || value == OLD || self.is_served(), "the last one is revoked");
        self.accepted.remove(&value);
    }

    /// Does what the screen asks for; says so or goes away.
    fn person(&mut self, says: Option<bool>) {
        match self.rotation().next(&self.now, &self.now) {
            Next::Ask(Question::Person { step, .. }) => {
                let rotation = self.rotation().clone();
                let new = || rotation.promoted.clone().or(rotation.staged.clone()).expect("it has a value");
                if step == Step::Revoke {
                    self.mend();
                }
                // They look before they revoke, as a hook's runner does.
                let (old, new, now) = (&rotation.plan.from, new(), self.backend.value());
                let mut yes = true;
                match step {
                    Step::Set => self.accept(self.backend.read(&new)),
                    Step::Retire if self.backend.read(old) != now => self.refuse(self.backend.read(old)),
                    Step::Revoke if self.backend.read(&new) != now => self.refuse(self.backend.read(&new)),
                    Step::Test | Step::Verify => yes = self.accepted.contains(&self.backend.read(&new)),
                    _ => {}
                }
                if let Some(done) = says {
                    let done = done && yes;
                    assert!(self.tell(&Fact::Said { step, done, by: "carol".into(), note: String::new() }, None));
                }
            }
            Next::Ask(Question::Confirm) => _ = self.tell(&Fact::Confirmed { by: "dan".into() }, None),
            Next::Ask(Question::Retire { .. }) => self.ask(Ask::Retire),
            Next::Ask(Question::Stuck { .. }) => {
                self.mend();
                self.ask(Ask::Resume);
            }
            _ => {}
        }
    }

    fn is_served(&self) -> bool {
        self.accepted.contains(&self.backend.value())
    }

    /// A person makes the secret right: with what is accepted.
    fn mend(&mut self) {
        if !self.is_served() || self.backend.value() == OLD && self.rotation().retiring {
            let ours = self.backend.newest_of(&self.rotation().ids);
            let fresh = self.count + 3_000;
            let value = ours.filter(|ours| self.accepted.contains(ours)).unwrap_or(fresh);
            self.accepted.insert(value);
            self.sets(value);
        }
    }

    fn ask(&mut self, ask: Ask) {
        let asked = self.tell(&Fact::Asked { ask, by: "dan".into(), why: String::new() }, None);
        self.resumed |= asked && ask == Ask::Resume;
    }

    fn by_hand(&mut self, what: u8) {
        self.count += 1;
        let ours = self.backend.newest_of(&self.rotation().ids);
        let own = self.count + 2_000;
        let from = self.rotation().plan.from.clone();
        match what {
            3 if self.backend.back_to(&from) => {
                self.theirs.insert(OLD);
                self.wrong = Some(from).filter(|_| !self.accepted.contains(&OLD));
            }
            1 | 3 => self.sets(OLD),
            2 if ours.is_some() => self.sets(ours.expect("it is")),
            _ => {
                self.accepted.insert(own);
                self.sets(own);
            }
        }
    }

    fn sets(&mut self, value: u32) {
        self.count += 1;
        self.backend.by_hand(value, self.count);
        self.theirs.insert(value);
        self.wrong = Some(self.backend.current.clone()).filter(|_| !self.accepted.contains(&value));
    }

    fn step(&mut self, seconds: i64) {
        self.now.utc += SignedDuration::from_secs(seconds);
    }

    fn pass(&mut self, seconds: u64) {
        self.now.boot_ns += seconds * SECOND;
        self.step(i64::try_from(seconds).expect("a test's own time"));
    }

    fn die(&mut self, p: usize) {
        self.count += 1;
        let (runner, anchor) = (format!("p{p}-{}", self.count), self.now.clone());
        self.processes[p] = Process { runner, anchor, doing: Doing::Nothing };
    }

    fn happens(&mut self, op: Op) {
        match op {
            Op::Go(p, luck) => self.go(p, luck),
            Op::Run(p, luck) => (0..3).for_each(|_| self.go(p, luck)),
            Op::Fine(p, rounds) => (0..3 * rounds).for_each(|_| self.go(p, Luck::Fine)),
            Op::Die(p) => self.die(p),
            Op::Pass(seconds) => self.pass(seconds),
            Op::Step(seconds) => self.step(seconds),
            Op::Restart(off) => {
                self.step(off);
                self.count += 1;
                (self.now.boot_ns, self.now.boot_id) = (20 * SECOND, format!("b-{}", self.count));
                (0..3).for_each(|p| self.die(p));
                let text = serde_json::to_string(&self.journal).expect("a state is JSON");
                let read: State = serde_json::from_str(&text).expect("and is read again");
                assert_eq!(read, self.journal);
            }
            Op::ByHand(what) if self.rotation().step != Step::End => self.by_hand(what),
            Op::ByHand(_) => {}
            Op::Ask(ask) => self.ask(ask),
            Op::Errors => _ = self.tell(&Fact::Errors { count: 3, readers: Vec::new() }, None),
            Op::Person(says) => self.person(says),
            Op::Readers(on_old) => self.on_old = on_old,
        }
        self.check();
    }

    /// At every moment.
    fn check(&self) {
        let is_theirs = self.wrong.as_ref() == Some(&self.backend.current);
        assert!(is_theirs || self.is_served(), "what is current is refused: {:#?}", self.rotation());
        assert!(self.backend.pending() <= 1, "two are pending");
        assert!(self.rotation().past.len() <= 80 && self.rotation().ids.len() <= 32);
        let _told = (self.rotation().state(&self.now), self.rotation().words());
    }

    /// Nothing fails any more and people answer: it ends, and nothing of ours is left over.
    fn converges(&mut self) {
        self.on_old = false;
        for _ in 0..400 {
            if !self.rotation().is_live() {
                return self.is_clean();
            }
            match self.rotation().next(&self.now, &self.processes[0].anchor) {
                Next::Wait { left, .. } => self.pass(u64::try_from(left.as_secs()).expect("ahead") + 1),
                Next::Ask(_) => self.person(Some(true)),
                _ if !self.covers(0) && self.rotation().lease.as_ref().is_some_and(|held| !held.is_over(&self.now)) => {
                    self.pass(61);
                }
                _ => self.go(0, Luck::Fine),
            }
            self.check();
        }
        panic!("it goes on and on: {:#?}", self.rotation());
    }

    fn is_clean(&self) {
        let rotation = self.rotation();
        assert_eq!(self.backend.pending(), 0, "something is pending");
        if rotation.plan.revoke.is_none() {
            return;
        }
        let (ending, _) = rotation.ended.expect("it is over");
        if ending == Ending::Done && !self.theirs.is_empty() {
            // Nobody looks again after the last step: that was a later change.
            return;
        }
        let current = self.backend.value();
        let ours = |value: &&u32| (1_000..2_000).contains(*value) && !self.theirs.contains(*value);
        let left: Vec<_> = self.accepted.iter().filter(ours).collect();
        assert!(left.iter().all(|value| **value == current), "left over {left:?} by {rotation:#?}");
        let old = self.accepted.contains(&OLD);
        match ending {
            _ if !self.theirs.is_empty() => {}
            Ending::Done => assert!(!old && (1_000..2_000).contains(&current), "{rotation:#?}"),
            Ending::RolledBack | Ending::Aborted => assert_eq!(current, OLD),
            Ending::Lost => {}
        }
        assert_eq!(EventKind::RotationEnded, Fact::Ended { ending }.event().0);
    }
}

fn lucks() -> impl Strategy<Value = Luck> {
    prop_oneof![
        10 => Just(Luck::Fine),
        1 => Just(Luck::Trouble),
        2 => Just(Luck::Lost),
        2 => Just(Luck::Refused),
        1 => Just(Luck::Never),
        2 => Just(Luck::Bad),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let p = 0usize..3;
    let asks = prop::sample::select(vec![Ask::Abort, Ask::Back, Ask::Retire, Ask::Resume]);
    prop_oneof![
        12 => (p.clone(), lucks()).prop_map(|(p, luck)| Op::Go(p, luck)),
        8 => (p.clone(), lucks()).prop_map(|(p, luck)| Op::Run(p, luck)),
        6 => (p.clone(), 1usize..9).prop_map(|(p, rounds)| Op::Fine(p, rounds)),
        3 => p.prop_map(Op::Die),
        5 => prop_oneof![0u64..40, 550u64..700].prop_map(Op::Pass),
        1 => (-4_000i64..4_000).prop_map(Op::Step),
        1 => (-4_000i64..4_000).prop_map(Op::Restart),
        2 => (0u8..4).prop_map(Op::ByHand),
        2 => asks.prop_map(Op::Ask),
        1 => Just(Op::Errors),
        4 => prop::option::weighted(0.7, prop::bool::weighted(0.8)).prop_map(Op::Person),
        1 => any::<bool>().prop_map(Op::Readers),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    let set = prop_oneof![3 => Just(command()), 1 => Just(person())];
    let hook = || prop_oneof![4 => Just(Some(command())), 1 => Just(Some(person())), 1 => Just(None)];
    let retire = prop::sample::select(vec![Retire::Ask, Retire::Wait, Retire::Force]);
    let grace = prop_oneof![Just(600u64), Just(0)];
    let generator = prop_oneof![4 => Just(Generator::Uuid), 1 => Just(Generator::Typed)];
    (set, hook(), hook(), retire, grace, generator, prop::bool::weighted(0.1)).prop_map(
        |(set, test, revoke, retire, grace_s, generator, confirm)| {
            let confirm = confirm.then_some(crate::person::Role::Trader);
            Plan { set: Some(set), test, revoke, retire, grace_s, generator, confirm, ..plan() }
        },
    )
}

proptest! {
    #[test]
    fn whatever_happens_what_is_current_is_valid_and_nothing_of_ours_is_left_over(
        plan in plans(), renumbers: bool, ops in proptest::collection::vec(ops(), 0..60),
    ) {
        let mut world = World::new(plan, renumbers);
        for op in ops {
            world.happens(op);
        }
        world.converges();
    }
}
