//! What an engine obeys, held over all facts, crashes and clock steps.

use super::*;
use jiff::Timestamp;
use proptest::prelude::*;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Initiator;

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Moment {
    let utc = Timestamp::from_second(1_750_000_000 + seconds as i64).expect("a time");
    Moment { utc, boot_ns: (1_000 + seconds) * SECOND, boot_id: "boot-1".into() }
}

fn record(order: Order, episode: &str, generation: u64, now: &Moment) -> Record {
    let by = Initiator {
        kind: "person".into(),
        person: "alice".into(),
        role: None,
        session: "s".into(),
        uid: 1,
        host: "h".into(),
        program: "cockpit".into(),
        bound: false,
    };
    let deadline = (order == Order::Stop).then(|| Deadline::after(now, Deadline::WINDOW));
    let first = Record::first(Environment::Qa, now, by);
    Record { order, level: order.level(), episode: episode.into(), generation, deadline, ..first }
}

fn file(record: Record) -> LatchView {
    LatchView::Read(Box::new(record))
}

/// An engine that trades in generation 1.
fn trading(now: &Moment) -> Obedience {
    let mut engine = Obedience::begin(None, now);
    let effects = engine.hear(&Fact::Latch(&file(record(Order::Trade, "E-0", 1, now))), now);
    assert_eq!(effects[0], Effect::Open);
    engine
}

fn none(now: &Moment) -> Report {
    let seen = || Some(Seen { count: 0, at: now.clone() });
    Report { orders: seen(), positions: seen(), link_up: true, ..Report::default() }
}

fn left(engine: &Obedience, now: &Moment) -> Option<Left> {
    let obeys = engine.obeys().cloned()?;
    Some(Left { obeys, highest: engine.highest, steps: engine.steps, boot_id: now.boot_id.clone() })
}

#[test]
fn a_stop_shuts_before_anything_is_told_and_blocked_waits_for_what_is_on_its_way() {
    let mut engine = trading(&at(0));
    let effects = engine.hear(&Fact::Latch(&file(record(Order::Stop, "E-1", 2, &at(1)))), &at(1));
    let duty = Duty { level: 3, episode: Some("E-1".into()), generation: 2, by_deadline: false };
    assert_eq!(effects, [Effect::Shut, Effect::Tell, Effect::Duty(duty)]);
    assert_eq!((engine.step(), engine.state()), (Step::Received, EngineState::Trading));
    assert_eq!(engine.trouble(&[], &at(1)), "");
    assert_eq!(engine.trouble(&[], &at(2)), "an order is still being sent");
    assert_eq!(engine.hear(&Fact::Through, &at(3)), [Effect::Tell]);
    assert_eq!((engine.step(), engine.state()), (Step::Blocked, EngineState::Blocked));
    assert_eq!(engine.steps.blocked_ns, Some(at(3).boot_ns));
}

#[test]
fn the_deadline_makes_it_level_4_by_itself_and_a_late_hold_takes_nothing_back() {
    let mut engine = trading(&at(0));
    engine.hear(&Fact::Latch(&file(record(Order::Stop, "E-1", 2, &at(1)))), &at(1));
    engine.hear(&Fact::Through, &at(1));
    assert_eq!(engine.hear(&Fact::Tick, &at(300)), []);
    let effects = engine.hear(&Fact::Latch(&LatchView::Missing), &at(301));
    let mut duty = Duty { level: 4, episode: Some("E-1".into()), generation: 2, by_deadline: true };
    assert_eq!(effects, [Effect::Tell, Effect::Duty(duty.clone())], "though the latch is gone by now");
    engine.hear(&Fact::Latch(&file(record(Order::Hold, "E-1", 3, &at(302)))), &at(302));
    duty.generation = 3;
    assert_eq!(engine.duty(), duty);
    engine.hear(&Fact::Latch(&file(record(Order::Halt, "E-1", 4, &at(302)))), &at(303));
    assert_eq!(engine.duty(), Duty { generation: 4, by_deadline: false, ..duty });
    assert_eq!(engine.steps.blocked_ns, Some(at(301).boot_ns), "its own halt was the answer");
}

#[test]
fn a_hold_lifts_the_deadline_and_a_stop_that_comes_late_over_the_socket_does_not_bring_it_back() {
    let mut engine = trading(&at(0));
    let stop = record(Order::Stop, "E-1", 2, &at(1));
    engine.hear(&Fact::Latch(&file(stop.clone())), &at(1));
    engine.hear(&Fact::Latch(&file(record(Order::Hold, "E-1", 3, &at(2)))), &at(2));
    assert_eq!(engine.hear(&Fact::Told(&stop), &at(3)), []);
    assert_eq!(engine.hear(&Fact::Tick, &at(900)), []);
    // Another episode's stop is an order that nobody lifted.
    engine.hear(&Fact::Told(&record(Order::Stop, "E-9", 1, &at(900))), &at(900));
    assert_eq!(engine.hear(&Fact::Tick, &at(1_200)).last(), Some(&Effect::Duty(engine.duty())));
    assert_eq!((engine.duty().level, engine.duty().generation), (4, 3));
}

#[test]
fn the_socket_never_releases_and_says_again_what_is_known() {
    let mut engine = trading(&at(0));
    engine.hear(&Fact::Told(&record(Order::Halt, "E-1", 2, &at(1))), &at(1));
    assert_eq!(engine.hear(&Fact::Told(&record(Order::Trade, "E-1", 9, &at(2))), &at(2)), []);
    assert_eq!(engine.duty().generation, 2);
    engine.hear(&Fact::Told(&record(Order::Halt, "E-1", 3, &at(3))), &at(3));
    assert_eq!(engine.duty().generation, 3);
    // The file still says what it said before: it could not be written.
    assert_eq!(engine.hear(&Fact::Latch(&file(record(Order::Trade, "E-0", 1, &at(0)))), &at(4)), []);
    engine.hear(&Fact::Latch(&file(record(Order::Trade, "E-1", 4, &at(5)))), &at(5));
    assert_eq!(engine.duty().level, 0);
}

#[test]
fn a_latch_that_is_gone_blocks_and_the_same_one_ends_the_doubt() {
    let mut engine = trading(&at(0));
    let effects = engine.hear(&Fact::Latch(&LatchView::Unreadable("it is empty".into())), &at(1));
    assert_eq!(effects[0], Effect::Shut);
    engine.hear(&Fact::Through, &at(1));
    assert_eq!((engine.duty().level, engine.state()), (3, EngineState::Blocked));
    assert_eq!(engine.trouble(&[], &at(1)), "the latch can't be read: it is empty");
    assert!(!engine.closes());
    let effects = engine.hear(&Fact::Latch(&file(record(Order::Trade, "E-0", 1, &at(0)))), &at(2));
    assert_eq!(effects[0], Effect::Open);
}

#[test]
fn flat_needs_a_look_at_the_venue_after_blocked_and_goes_with_the_first_number() {
    let mut engine = trading(&at(0));
    engine.hear(&Fact::Said(&none(&at(1))), &at(1));
    engine.hear(&Fact::Latch(&file(record(Order::Halt, "E-1", 2, &at(2)))), &at(2));
    engine.hear(&Fact::Flat, &at(2));
    assert_eq!(engine.step(), Step::Received);
    engine.hear(&Fact::Through, &at(3));
    for proves_nothing in [
        none(&at(2)),
        Report { orders: None, ..none(&at(4)) },
        Report { positions: None, ..none(&at(4)) },
        Report { positions: Some(Seen { count: 1, at: at(4) }), ..none(&at(4)) },
        Report { orders: none(&Moment { boot_id: "boot-2".into(), ..at(4) }).orders, ..none(&at(4)) },
    ] {
        engine.hear(&Fact::Said(&proves_nothing), &at(4));
        engine.hear(&Fact::Flat, &at(4));
        assert!(engine.step() < Step::Flat, "{proves_nothing:?}");
    }
    engine.hear(&Fact::Said(&none(&at(5))), &at(5));
    engine.hear(&Fact::Flat, &at(5));
    assert_eq!((engine.step(), engine.state()), (Step::Flat, EngineState::Flat));
    let filled = Report { positions: Some(Seen { count: 1, at: at(6) }), ..none(&at(6)) };
    assert_eq!(engine.hear(&Fact::Said(&filled), &at(6)), [Effect::Tell]);
    assert_eq!((engine.step(), engine.steps.flat_ns), (Step::Cancelled, None));
    let gave_up = Report { trouble: "the market is shut".into(), ..filled };
    engine.hear(&Fact::Said(&gave_up), &at(7));
    assert_eq!(engine.state(), EngineState::Residual);
}

#[test]
fn a_restart_knows_its_deadline_and_its_halt_and_proves_flat_anew() {
    let mut engine = trading(&at(0));
    engine.hear(&Fact::Told(&record(Order::Stop, "E-1", 2, &at(1))), &at(1));
    let mut engine = Obedience::begin(left(&engine, &at(1)), &at(100));
    // The latch could not be written, and says what it said before the stop.
    engine.hear(&Fact::Latch(&file(record(Order::Trade, "E-0", 1, &at(0)))), &at(100));
    assert_eq!((engine.duty().level, engine.step()), (3, Step::Blocked));
    engine.hear(&Fact::Tick, &at(301));
    engine.hear(&Fact::Said(&none(&at(302))), &at(302));
    engine.hear(&Fact::Flat, &at(302));
    assert_eq!(engine.step(), Step::Flat);
    let engine = Obedience::begin(left(&engine, &at(302)), &at(303));
    assert_eq!((engine.duty().level, engine.step()), (4, Step::Blocked));
    assert_eq!(engine.steps.blocked_ns, Some(at(301).boot_ns));
}

#[test]
fn what_was_begun_to_be_closed_is_a_halt_whatever_the_status_file_had_heard_of_it() {
    let mut engine = trading(&at(0));
    engine.hear(&Fact::Latch(&file(record(Order::Stop, "E-1", 2, &at(1)))), &at(1));
    let mut known = left(&engine, &at(1)).expect("a stop");
    known.closing_has_begun(|episode| episode == "E-0");
    assert_eq!(known.obeys.order, Order::Stop);
    known.closing_has_begun(|episode| episode == "E-1");
    let mut engine = Obedience::begin(Some(known), &at(400));
    engine.hear(&Fact::Latch(&file(record(Order::Hold, "E-1", 3, &at(2)))), &at(400));
    assert_eq!(engine.duty(), Duty { level: 4, episode: Some("E-1".into()), generation: 3, by_deadline: true });
    let mut freed = left(&trading(&at(0)), &at(0)).expect("a trade");
    freed.closing_has_begun(|_| true);
    assert_eq!(freed.obeys.order, Order::Trade, "it was released after it was closed");
}

#[test]
fn in_one_episode_the_earlier_deadline_counts_and_a_hold_alone_takes_it_away() {
    for (boot_id, later) in [("boot-1", 1 << 40), ("boot-9", 0)] {
        let mut engine = trading(&at(0));
        engine.hear(&Fact::Latch(&file(record(Order::Stop, "E-1", 2, &at(1)))), &at(1));
        let own = engine.deadline().cloned().expect("a stop");
        let mut forged = record(Order::Stop, "E-1", 3, &at(1));
        forged.deadline = Some(Deadline { boot_id: boot_id.into(), boot_ns: own.boot_ns + later, ..own.clone() });
        engine.hear(&Fact::Latch(&file(forged.clone())), &at(2));
        assert_eq!((engine.deadline(), engine.duty().generation), (Some(&own), 3));
        engine.hear(&Fact::Told(&Record { generation: 4, ..forged }), &at(2));
        engine.hear(&Fact::Tick, &at(301));
        assert_eq!((engine.duty().level, engine.duty().by_deadline), (4, true));
    }
    let mut engine = trading(&at(0));
    engine.hear(&Fact::Latch(&file(record(Order::Stop, "E-1", 2, &at(100)))), &at(100));
    engine.hear(&Fact::Latch(&file(record(Order::Stop, "E-1", 3, &at(50)))), &at(101));
    assert_eq!(engine.hear(&Fact::Tick, &at(350)).len(), 2, "less time is stricter");
}

#[test]
fn a_generation_that_leaps_is_obeyed_where_it_is_stricter_and_makes_nobody_deaf() {
    let released = |engine: &mut Obedience, generation| {
        engine.hear(&Fact::Latch(&file(record(Order::Trade, "E-1", generation, &at(9)))), &at(9));
        engine.duty().level == 0
    };
    for generation in [Record::LEAP + 2, Record::HIGHEST] {
        let forged = record(Order::Halt, "E-1", generation, &at(1));
        for over_the_socket in [false, true] {
            let mut engine = trading(&at(0));
            match over_the_socket {
                true => engine.hear(&Fact::Told(&forged), &at(1)),
                false => engine.hear(&Fact::Latch(&file(forged.clone())), &at(1)),
            };
            assert_eq!((engine.duty().level, engine.duty().generation), (4, 1), "{generation}");
            assert_eq!(engine.trouble(&[], &at(1)).contains("leaps to generation"), !over_the_socket);
            let free = record(Order::Trade, "E-1", generation, &at(2));
            engine.hear(&Fact::Latch(&file(free)), &at(2));
            assert_eq!(engine.duty().level, 4, "it frees nobody");
            assert!(released(&mut engine, 2), "{generation}");
        }
    }
    // Many words lead no farther than one.
    let mut engine = trading(&at(0));
    for more in 1..9 {
        engine.hear(&Fact::Told(&record(Order::Halt, "E-1", more * Record::LEAP, &at(1))), &at(1));
    }
    assert_eq!(engine.duty().generation, Record::LEAP);
    assert!(released(&mut engine, Record::LEAP + 1));
    // One that knows nothing yet believes no trade of the last numbers.
    let mut engine = Obedience::begin(None, &at(0));
    engine.hear(&Fact::Latch(&file(record(Order::Trade, "E-0", Record::HIGHEST, &at(0)))), &at(0));
    assert_eq!((engine.duty().level, engine.duty().generation), (3, 0));
    assert!(engine.trouble(&[], &at(0)).contains("leaps"));
    assert!(released(&mut engine, 5));
}

#[derive(Debug, Clone)]
enum Act {
    File(Order, u8, u64),
    Gone(bool),
    Told(Order, u8, u64),
    Wait { boot: u64, wall: i64 },
    Send,
    Sent,
    Said { orders: Option<u64>, positions: Option<u64>, old: u64 },
    Cancelled,
    Flat,
    Die { other_boot: bool },
}

fn act() -> impl Strategy<Value = Act> {
    let order = prop::sample::select(vec![Order::Trade, Order::Hold, Order::Stop, Order::Halt]);
    let number = || prop::option::of(0..2_u64);
    prop_oneof![
        4 => (order.clone(), 0..3_u8, 0..8_u64).prop_map(|(order, e, g)| Act::File(order, e, g)),
        1 => any::<bool>().prop_map(Act::Gone),
        3 => (order, 0..3_u8, 0..8_u64).prop_map(|(order, e, g)| Act::Told(order, e, g)),
        4 => (0..200_u64, prop::sample::select(vec![0, 0, 3_600, -3_600, 4]))
            .prop_map(|(boot, step)| Act::Wait { boot, wall: boot as i64 + step }),
        2 => Just(Act::Send),
        2 => Just(Act::Sent),
        3 => (number(), number(), 0..9_u64).prop_map(|(orders, positions, old)| Act::Said { orders, positions, old }),
        2 => Just(Act::Cancelled),
        2 => Just(Act::Flat),
        1 => any::<bool>().prop_map(|other_boot| Act::Die { other_boot }),
    ]
}

/// An engine, its gate, and the time.
struct World {
    engine: Obedience,
    now: Moment,
    open: bool,
    under_way: u32,
}

impl World {
    /// Does what the shell does, and holds the laws over what came of it.
    fn hear(&mut self, fact: &Fact<'_>) -> Result<(), TestCaseError> {
        let before = self.engine.clone();
        for effect in self.engine.hear(fact, &self.now) {
            match effect {
                Effect::Open => self.open = true,
                Effect::Shut => self.open = false,
                Effect::Tell => {}
                Effect::Duty(duty) => prop_assert_eq!(duty, self.engine.duty()),
            }
        }
        self.hold(&before, fact)?;
        if !self.open && self.under_way == 0 && !matches!(fact, Fact::Through) {
            self.hear(&Fact::Through)?;
        }
        Ok(())
    }

    fn hold(&self, before: &Obedience, fact: &Fact<'_>) -> Result<(), TestCaseError> {
        let after = &self.engine;
        let in_file = match fact {
            Fact::Latch(view) => view.record(),
            _ => None,
        };
        prop_assert!(after.highest >= before.highest, "the generation fell");
        prop_assert_eq!(self.open, after.level() == 0, "the gate says something else than the level");
        if matches!(fact, Fact::Told(record) if record.order == Order::Trade) {
            prop_assert_eq!(after.highest, before.highest, "a release over the socket was heard");
            prop_assert_eq!(after.force.is_some(), before.force.is_some());
        }
        let order = |engine: &Obedience| engine.force.as_ref().map(|force| force.order);
        if order(before) > order(after) || (before.level() > 0 && after.level() == 0) {
            let free = in_file.filter(|record| {
                let later = record.generation > before.highest || before.force.is_none();
                let doubt_ends = order(before) == Some(Order::Trade);
                doubt_ends || (later && (record.order == Order::Trade || after.level() > 0))
            });
            prop_assert!(free.is_some(), "less strict without a later record in the file: {:?} {:?}", before, after);
        }
        let halted = before.force.as_ref().filter(|force| force.order == Order::Halt);
        if let (Some(was), Some(is)) = (halted, &after.force)
            && was.episode == is.episode
        {
            prop_assert!(matches!(is.order, Order::Halt | Order::Trade), "level 4 was left for level 3");
        }
        if let Some(record) = in_file {
            prop_assert!(order(after) >= Some(record.order.min(order(before).unwrap_or(Order::Halt))));
            prop_assert!(record.order < Order::Hold || after.level() > 0, "it trades against its latch");
        }
        if let Some(deadline) = after.deadline() {
            let passed = deadline.boot_id == self.now.boot_id && deadline.boot_ns <= self.now.boot_ns;
            prop_assert!(!passed, "a deadline passed and nothing followed");
        }
        if order(before) != Some(Order::Halt) && order(after) == Some(Order::Halt) {
            let told = matches!(fact, Fact::Told(record) if record.order == Order::Halt);
            let read = in_file.is_some_and(|record| record.order == Order::Halt);
            let due = after.force.as_ref().and_then(|force| force.deadline.clone());
            let due = due.is_some_and(|due| due.boot_id != self.now.boot_id || due.boot_ns <= self.now.boot_ns);
            prop_assert!(told || read || due, "level 4 of nothing");
        }
        if after.step >= Step::Blocked {
            prop_assert!(!self.open && self.under_way == 0, "BLOCKED while an order is on its way");
        }
        if after.step >= Step::Cancelled {
            prop_assert!(after.level() == 4 && after.none(after.report.orders.as_ref(), &self.now));
        }
        if after.step == Step::Flat {
            prop_assert!(after.none(after.report.positions.as_ref(), &self.now));
        }
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::File(order, episode, generation) => {
                let record = record(order, &format!("E-{episode}"), generation, &self.now);
                self.hear(&Fact::Latch(&file(record)))
            }
            Act::Gone(true) => self.hear(&Fact::Latch(&LatchView::Missing)),
            Act::Gone(false) => self.hear(&Fact::Latch(&LatchView::Unreadable("torn".into()))),
            Act::Told(order, episode, generation) => {
                let before = self.engine.level();
                self.hear(&Fact::Told(&record(order, &format!("E-{episode}"), generation, &self.now)))?;
                prop_assert!(self.engine.level() >= before, "the socket made it less strict");
                Ok(())
            }
            Act::Wait { boot, wall } => {
                self.now.boot_ns += boot * SECOND;
                self.now.utc = self.now.utc.saturating_add(SignedDuration::from_secs(wall)).expect("a time");
                self.hear(&Fact::Tick)
            }
            Act::Send => {
                self.under_way += u32::from(self.open);
                Ok(())
            }
            Act::Sent => {
                self.under_way = self.under_way.saturating_sub(1);
                self.hear(&Fact::Tick)
            }
            Act::Said { orders, positions, old } => {
                let at = Moment { boot_ns: self.now.boot_ns - old * SECOND, ..self.now.clone() };
                let seen = |count: Option<u64>| count.map(|count| Seen { count, at: at.clone() });
                let report = Report { orders: seen(orders), positions: seen(positions), ..Report::default() };
                self.hear(&Fact::Said(&report))
            }
            Act::Cancelled => self.hear(&Fact::Cancelled),
            Act::Flat => self.hear(&Fact::Flat),
            Act::Die { other_boot } => {
                let left = left(&self.engine, &self.now);
                if other_boot {
                    self.now.boot_id.push('+');
                    self.now.boot_ns = 20 * SECOND;
                }
                let (level, highest) = (self.engine.level(), self.engine.highest);
                self.engine = Obedience::begin(left, &self.now);
                (self.open, self.under_way) = (false, 0);
                prop_assert!(self.engine.level() >= level.max(3) && self.engine.highest == highest);
                Ok(())
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn the_laws_hold_over_all_facts_crashes_and_clock_steps(acts in prop::collection::vec(act(), 1..60)) {
        let now = at(0);
        let mut world = World { engine: Obedience::begin(None, &now), now, open: false, under_way: 0 };
        for act in acts {
            world.act(act)?;
        }
    }
}
