//! One row for each rule and each lie: who is silent, late, defying, residual, and who is flat.

use super::super::testing::{self, GIVEN, after, at, wall};
use super::*;
use crate::environment::Environment;
use EngineStanding::{Blocked, Defying, Flat, Idle, Late, Residual, Silent, Trading};

const SECOND: u64 = 1_000_000_000;

fn ordered(order: Order) -> Record {
    testing::ordered(Environment::Qa, order)
}

fn hour(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// A beat of so many milliseconds after the order, before it was heard of.
fn trading(ms: i64) -> Beat {
    let said = after(ms);
    Beat {
        v: 1,
        engine: "alpha".into(),
        environment: "qa".into(),
        account: "****4789".into(),
        pid: 4121,
        at: said.utc,
        boot_ns: said.boot_ns,
        boot_id: said.boot_id,
        state: EngineState::Trading,
        episode: None,
        generation: 40,
        level: 0,
        step: Step::None,
        steps: Default::default(),
        resting_orders: Some(5),
        orders_synced: Some(wall(ms)),
        positions: Some(3),
        positions_synced: Some(wall(ms)),
        last_order: Some(wall(-500)),
        last_order_ns: None,
        link: "up".into(),
        trouble: String::new(),
    }
}

/// One that said BLOCKED 12 ms after the order.
fn blocked(ms: i64) -> Beat {
    let mut beat = Beat {
        state: EngineState::Blocked,
        episode: Some("E-12".into()),
        generation: 41,
        level: 3,
        step: Step::Blocked,
        ..trading(ms)
    };
    beat.steps.received_ns = Some(GIVEN + 2_000_000);
    beat.steps.blocked_ns = Some(GIVEN + 12_000_000);
    beat
}

/// One that is proven flat.
fn flat(ms: i64) -> Beat {
    let mut beat = Beat {
        state: EngineState::Flat,
        level: 4,
        step: Step::Flat,
        resting_orders: Some(0),
        positions: Some(0),
        last_order: Some(wall(200)),
        last_order_ns: None,
        ..blocked(ms)
    };
    beat.steps.cancelled_ns = Some(GIVEN + 100_000_000);
    beat.steps.flat_ns = Some(GIVEN + 400_000_000);
    beat
}

fn heard(beat: Beat) -> Heard {
    let at = Moment { utc: beat.at, boot_ns: beat.boot_ns, boot_id: "b".into() };
    Heard { beat: Some((beat, at)), link: PathState::Ready, ..Heard::default() }
}

#[track_caller]
fn expect(heard: &Heard, record: Option<&Record>, ms: i64, standing: EngineStanding, why: &[&str]) -> EngineRow {
    let row = judge("alpha", heard, record, &after(ms));
    assert_eq!((row.standing, row.why.iter().map(String::as_str).collect::<Vec<_>>()), (standing, why.to_vec()));
    row
}

/// The beat of `ms`, heard at once, changed, against the order.
#[track_caller]
fn says(beat: Beat, order: Order, ms: i64, change: impl Fn(&mut Beat), standing: EngineStanding, why: &[&str]) {
    let mut beat = beat;
    change(&mut beat);
    let heard = Heard { beat: Some((beat, after(ms))), link: PathState::Ready, ..Heard::default() };
    expect(&heard, Some(&ordered(order)), ms, standing, why);
}

fn same(_: &mut Beat) {}

#[test]
fn dead_idle_silent_and_halted_look_different() {
    let trade = ordered(Order::Trade);
    let row = expect(&Heard::default(), Some(&trade), 0, Silent, &["never heard, no socket"]);
    assert!(row.stale && row.beat.is_none() && row.account.is_empty());
    let refused = PathState::Broken { why: "refused".into(), since: wall(0), tries: 78 };
    let never = Heard { link: refused.clone(), ..Heard::default() };
    expect(&never, None, 0, Silent, &["never heard, socket: refused, 78 tries"]);

    let row = expect(&heard(trading(0)), Some(&trade), 3_000, Trading, &[]);
    assert!(!row.stale && row.account == "****4789" && row.heard_at == Some(wall(0)));
    assert!(expect(&heard(trading(0)), Some(&trade), 7_000, Silent, &["no beat for 7 s, connected"]).stale);
    let cut = Heard { link: refused, ..heard(trading(0)) };
    expect(&cut, Some(&trade), 7_000, Silent, &["no beat for 7 s, socket: refused, 78 tries"]);
    let gone = Heard { gone: true, ..heard(trading(0)) };
    assert!(expect(&gone, Some(&trade), 100, Silent, &["process 4121 is gone"]).stale);
    let gone = Heard { gone: true, ..heard(flat(2_000)) };
    expect(&gone, Some(&ordered(Order::Halt)), 2_100, Silent, &["process 4121 is gone"]);
    says(trading(0), Order::Trade, 0, |beat| beat.state = EngineState::Idle, Idle, &[]);
    says(flat(2_000), Order::Halt, 2_000, same, Flat, &[]);
}

#[test]
fn a_beat_is_as_old_as_the_older_of_its_hearing_and_its_saying() {
    // Read from a file just now, and said 40 s ago.
    let old = Heard { beat: Some((blocked(0), after(40_000))), ..Heard::default() };
    expect(&old, Some(&ordered(Order::Stop)), 40_000, Silent, &["no beat for 40 s, no socket"]);
    // Nobody's wall clock makes it older or younger.
    let mut beat = trading(0);
    beat.at = wall(0) - hour(1);
    expect(&heard(beat), Some(&ordered(Order::Trade)), 1_000, Trading, &[]);
    let mut ahead = trading(60_000);
    ahead.at = wall(0);
    let ahead = Heard { beat: Some((ahead, after(0))), ..Heard::default() };
    expect(&ahead, None, 0, Silent, &["its last beat is 60 s ahead of our clock"]);
    let row = expect(&heard(blocked(900)), Some(&ordered(Order::Stop)), 800, Blocked, &[]);
    assert_eq!(row.blocked_after, Some(SignedDuration::from_millis(12)));
}

#[test]
fn a_beat_of_another_start_of_the_machine_is_believed_only_while_its_clock_agrees() {
    let mut other = flat(2_000);
    other.boot_id = "a".into();
    let read = |beat: &Beat, ms| Heard { beat: Some((beat.clone(), after(ms))), ..Heard::default() };
    let why = "its last beat is of another start of the machine, 58 s behind ours";
    expect(&read(&other, 60_000), Some(&ordered(Order::Halt)), 60_000, Silent, &[why]);
    let row = expect(&read(&other, 2_500), Some(&ordered(Order::Halt)), 2_500, Flat, &[]);
    assert_eq!(row.blocked_after, None, "clocks of two boots have no difference");
}

#[test]
fn an_answer_is_late_after_one_second_and_defiance_after_five() {
    let stop = Order::Stop;
    says(trading(900), stop, 900, same, Trading, &[]);
    says(trading(900), stop, 900, |beat| beat.state = EngineState::Idle, Idle, &[]);
    says(trading(1_100), stop, 1_100, same, Late, &["answers no episode, not E-12"]);
    says(trading(5_000), stop, 5_000, same, Defying, &["trades 5 s after the order"]);
    says(
        trading(5_000),
        stop,
        5_000,
        |beat| beat.state = EngineState::Idle,
        Defying,
        &["may trade 5 s after the order"],
    );
    let received = |beat: &mut Beat| {
        *beat = Beat { state: EngineState::Trading, step: Step::Received, ..beat.clone() };
    };
    says(blocked(900), stop, 900, received, Trading, &[]);
    says(blocked(2_100), stop, 2_100, received, Late, &["said RECEIVED, not BLOCKED for 2 s"]);
    says(blocked(6_000), stop, 6_000, received, Defying, &["trades 6 s after the order"]);
}

#[test]
fn one_that_knows_the_generation_and_trades_defies_at_once() {
    let why = "trades though it knows generation 41";
    says(trading(50), Order::Stop, 50, |beat| beat.generation = 41, Defying, &[why]);
    let newer = "trades though it knows generation 99";
    says(trading(50), Order::Halt, 50, |beat| beat.generation = 99, Defying, &[newer]);
    let both = |beat: &mut Beat| beat.state = EngineState::Trading;
    says(blocked(50), Order::Stop, 50, both, Defying, &["says blocked, and trades"]);
}

#[test]
fn blocked_answers_level_3_and_not_level_4() {
    says(blocked(50), Order::Stop, 50, same, Blocked, &[]);
    says(blocked(9_000), Order::Hold, 9_000, same, Blocked, &[]);
    // An earlier generation of the same episode stops as well; a hold has to be heard.
    says(blocked(9_000), Order::Stop, 9_000, |beat| beat.generation = 40, Blocked, &[]);
    let unheld = ["blocked, and has not heard the hold"];
    says(blocked(9_000), Order::Hold, 9_000, |beat| beat.generation = 40, Late, &unheld);
    says(blocked(500), Order::Hold, 500, |beat| beat.generation = 40, Blocked, &[]);
    says(blocked(500), Order::Halt, 500, |beat| beat.generation = 40, Blocked, &[]);
    says(
        blocked(1_500),
        Order::Halt,
        1_500,
        |beat| beat.generation = 40,
        Residual,
        &["acts on level 3, not 4", "3 positions open", "5 orders rest"],
    );
}

#[test]
fn another_episodes_answer_is_none() {
    let other = |beat: &mut Beat| beat.episode = Some("E-11".into());
    says(blocked(2_000), Order::Stop, 2_000, other, Late, &["answers episode E-11, not E-12"]);
    says(flat(2_000), Order::Halt, 2_000, other, Residual, &["answers episode E-11, not E-12"]);
    let blind = |beat: &mut Beat| {
        beat.episode = None;
        beat.trouble = "the latch can't be read".into();
    };
    let why = ["answers no episode, not E-12", "the latch can't be read"];
    says(blocked(2_000), Order::Stop, 2_000, blind, Late, &why);
    says(flat(2_000), Order::Halt, 2_000, |beat| beat.environment = "paper".into(), Residual, &["speaks for paper"]);
    says(blocked(2_000), Order::Stop, 2_000, |beat| beat.environment = "paper".into(), Late, &["speaks for paper"]);
    says(flat(2_000), Order::Halt, 2_000, |beat| beat.engine = "beta".into(), Residual, &["calls itself beta"]);
    let format = ["speaks format 2, and this program knows 1"];
    says(flat(2_000), Order::Halt, 2_000, |beat| beat.v = 2, Residual, &format);
}

#[test]
fn an_order_after_blocked_makes_a_liar() {
    let why = ["says blocked, sent an order at 14:02:31Z"];
    let sent = |beat: &mut Beat| beat.last_order = Some(at("2026-11-08T14:02:31.900Z"));
    says(blocked(151_950), Order::Stop, 151_950, sent, Defying, &why);
    // Seen by others.
    let seen = |beat| Heard { last_order_seen: Some(at("2026-11-08T14:02:31Z")), ..heard(beat) };
    expect(&seen(blocked(152_000)), Some(&ordered(Order::Stop)), 152_000, Defying, &why);
    expect(&seen(flat(152_000)), Some(&ordered(Order::Halt)), 152_000, Defying, &why);
    let mut silent = seen(blocked(152_000));
    silent.link = PathState::Ready;
    let both = ["no beat for 8 s, connected", "says blocked, sent an order at 14:02:31Z"];
    expect(&silent, Some(&ordered(Order::Stop)), 160_000, Silent, &both);
    // In the 12 ms until it was blocked it may.
    says(blocked(900), Order::Stop, 900, |beat| beat.last_order = Some(wall(11)), Blocked, &[]);
    says(
        blocked(900),
        Order::Stop,
        900,
        |beat| beat.last_order = Some(wall(40)),
        Defying,
        &["says blocked, sent an order at 14:00:00Z"],
    );
    // It doesn't say when it was blocked: one second is allowed.
    let undated = |ms| {
        move |beat: &mut Beat| {
            beat.steps = Default::default();
            beat.last_order = Some(wall(ms));
        }
    };
    says(blocked(3_000), Order::Stop, 3_000, undated(900), Blocked, &[]);
    says(blocked(3_000), Order::Stop, 3_000, undated(1_500), Defying, &["says blocked, sent an order at 14:00:01Z"]);
}

#[test]
fn closing_orders_are_orders_until_flat_and_not_after() {
    says(flat(2_000), Order::Halt, 2_000, |beat| beat.last_order = Some(wall(390)), Flat, &[]);
    let after = ["says blocked, sent an order at 14:00:01Z"];
    says(flat(2_000), Order::Halt, 2_000, |beat| beat.last_order = Some(wall(1_500)), Defying, &after);
    // An order in the audit is no closing order: those are left out before.
    let seen = Heard { last_order_seen: Some(wall(300)), ..heard(flat(2_000)) };
    expect(&seen, Some(&ordered(Order::Halt)), 2_000, Defying, &["says blocked, sent an order at 14:00:00Z"]);
}

#[test]
fn a_stepped_wall_clock_makes_no_liar_and_no_proof() {
    // An hour back, after the block: the last order seems to be still to come.
    let back = |beat: &mut Beat| beat.at -= hour(1);
    says(blocked(30_000), Order::Stop, 30_000, back, Blocked, &[]);
    // An hour on.
    says(blocked(30_000), Order::Stop, 30_000, |beat| beat.at += hour(1), Blocked, &[]);
    says(
        blocked(30_000),
        Order::Stop,
        30_000,
        |beat| {
            beat.at += hour(1);
            beat.last_order = Some(wall(20_000) + hour(1));
        },
        Defying,
        &["says blocked, sent an order at 15:00:20Z"],
    );
    let ahead = ["positions synced at a time that is still to come", "orders synced at a time that is still to come"];
    says(flat(30_000), Order::Halt, 30_000, back, Residual, &ahead);
    let synced = |beat: &mut Beat| {
        beat.at -= hour(1);
        beat.orders_synced = Some(beat.at);
        beat.positions_synced = Some(beat.at);
    };
    says(flat(30_000), Order::Halt, 30_000, synced, Flat, &[]);
}

#[test]
fn each_lie_about_flat_is_told() {
    #[track_caller]
    fn lie(change: impl Fn(&mut Beat), why: &[&str]) {
        says(flat(60_000), Order::Halt, 60_000, change, Residual, why);
    }
    lie(|beat| beat.resting_orders = Some(5), &["5 orders rest"]);
    lie(|beat| beat.resting_orders = Some(1), &["1 order rests"]);
    lie(|beat| beat.resting_orders = None, &["does not know its orders"]);
    lie(|beat| beat.positions = Some(3), &["3 positions open"]);
    lie(|beat| beat.positions = Some(1), &["1 position open"]);
    lie(|beat| beat.positions = None, &["does not know its positions"]);
    lie(|beat| beat.positions_synced = None, &["positions not synced"]);
    lie(|beat| beat.orders_synced = None, &["orders not synced"]);
    lie(|beat| beat.positions_synced = Some(wall(20_000)), &["positions synced 40 s ago"]);
    lie(|beat| beat.orders_synced = Some(wall(20_000)), &["orders synced 40 s ago"]);
    lie(|beat| beat.positions_synced = Some(wall(90_000)), &["positions synced at a time that is still to come"]);
    lie(|beat| beat.step = Step::Cancelled, &["has not said FLAT"]);
    lie(|beat| beat.level = 3, &["acts on level 3, not 4"]);
    lie(|beat| beat.link = "down".into(), &["its link to the venue is down"]);
    lie(|beat| beat.state = EngineState::Residual, &["says itself that it is not flat"]);
    lie(
        |beat| {
            beat.resting_orders = Some(2);
            beat.trouble = "rejected a cancel".into();
        },
        &["2 orders rest", "rejected a cancel"],
    );
    lie(
        |beat| {
            beat.state = EngineState::Residual;
            beat.step = Step::Blocked;
            beat.positions = None;
            beat.positions_synced = None;
            beat.trouble = "venue\x1b[2J says no, password=hunter2".into();
        },
        &[
            "does not know its positions",
            "says itself that it is not flat",
            "venue<1b>[2J says no, password=[REDACTED]",
        ],
    );
    // What was synced before the halt, though it is fresh.
    let early = |beat: &mut Beat| {
        beat.positions_synced = Some(wall(-100));
        beat.orders_synced = Some(wall(-1));
    };
    let why = ["positions not synced since the halt", "orders not synced since the halt"];
    says(flat(1_500), Order::Halt, 1_500, early, Residual, &why);
    // A proof ages with its beat.
    let mut beat = flat(60_000);
    beat.positions_synced = Some(wall(57_000));
    expect(&heard(beat.clone()), Some(&ordered(Order::Halt)), 61_000, Flat, &[]);
    expect(&heard(beat), Some(&ordered(Order::Halt)), 63_000, Residual, &["positions synced 6 s ago"]);
}

#[test]
fn an_engine_that_passed_the_deadline_by_itself_is_measured_by_level_4() {
    let stop = Some(ordered(Order::Stop));
    let acted = |beat: Beat| Beat { level: 4, ..beat };
    let why = ["3 positions open", "5 orders rest"];
    expect(&heard(acted(blocked(301_000))), stop.as_ref(), 301_000, Residual, &why);
    let flat_by_itself = |ms: i64| {
        let mut beat = flat(ms);
        beat.last_order = Some(wall(300_500));
        beat.steps.flat_ns = Some(GIVEN + 301 * SECOND);
        beat
    };
    expect(&heard(flat_by_itself(302_000)), stop.as_ref(), 302_000, Flat, &[]);
    let mut early = flat_by_itself(302_000);
    early.positions_synced = Some(wall(299_000));
    let why = ["positions not synced since the halt"];
    expect(&heard(early), stop.as_ref(), 302_000, Residual, &why);
    // The halt of the same episode has a later generation: it is answered all the same.
    let mut halt = ordered(Order::Halt);
    halt.generation = 42;
    halt.since = wall(301_000);
    halt.since_boot_ns += 301 * SECOND;
    expect(&heard(flat_by_itself(302_000)), Some(&halt), 302_000, Flat, &[]);
}

#[test]
fn what_is_released_or_unknown_is_shown_as_it_says() {
    says(
        blocked(0),
        Order::Trade,
        0,
        |beat| beat.generation = 40,
        Blocked,
        &["has not heard the release, generation 41"],
    );
    let deaf = "has seen a higher generation 99";
    says(blocked(0), Order::Trade, 0, |beat| beat.generation = 99, Blocked, &[deaf]);
    says(flat(0), Order::Trade, 0, same, Blocked, &[]);
    says(blocked(0), Order::Trade, 0, |beat| beat.state = EngineState::Residual, Residual, &[]);
    says(trading(0), Order::Trade, 0, |beat| beat.environment = "paper".into(), Trading, &["speaks for paper"]);
    expect(&heard(trading(0)), None, 0, Trading, &["there is no readable latch to judge it by"]);
    let mut blind = flat(0);
    blind.trouble = "the latch can't be read".into();
    let why = ["there is no readable latch to judge it by", "the latch can't be read"];
    expect(&heard(blind), None, 0, Blocked, &why);
}

#[test]
fn an_account_is_its_last_four_whatever_was_said() {
    for (said, shown) in [("****4789", "****4789"), ("U1234567", "****4567"), ("", ""), ("\x1b[1m", "****1m")] {
        let mut beat = trading(0);
        beat.account = said.into();
        assert_eq!(judge("alpha", &heard(beat), None, &after(0)).account, shown);
    }
}

#[test]
fn only_blocked_of_this_boot_and_episode_is_timed() {
    let timed = |beat: Beat, order| judge("alpha", &heard(beat), Some(&ordered(order)), &after(900)).blocked_after;
    assert_eq!(timed(blocked(900), Order::Stop), Some(SignedDuration::from_millis(12)));
    assert_eq!(timed(blocked(900), Order::Trade), None);
    assert_eq!(timed(Beat { episode: Some("E-11".into()), ..blocked(900) }, Order::Stop), None);
    let mut before = blocked(900);
    before.steps.blocked_ns = Some(GIVEN - 1);
    assert_eq!(timed(before, Order::Stop), None, "it was blocked before this order");
}

proptest::proptest! {
    /// Whatever is said and whenever: flat is never without its proof.
    #[test]
    fn nobody_is_flat_without_proof(
        ms in 0i64..400_000, later in 0i64..10_000, said in 0i64..400_000, order in 0usize..4,
        level in 0u8..5, step in 0usize..5, state in 0usize..5, generation in 39u64..43, own in proptest::bool::ANY,
        rest in proptest::option::of(0u64..2), open in proptest::option::of(0u64..2),
        orders in proptest::option::of(-1_000i64..400_000), positions in proptest::option::of(-1_000i64..400_000),
    ) {
        let record = ordered([Order::Trade, Order::Hold, Order::Stop, Order::Halt][order]);
        let mut beat = flat(said);
        beat.level = level;
        beat.step = [Step::None, Step::Received, Step::Blocked, Step::Cancelled, Step::Flat][step];
        beat.state = [EngineState::Trading, EngineState::Idle, EngineState::Blocked, EngineState::Flat, EngineState::Residual][state];
        beat.generation = generation;
        beat.episode = Some(if own { "E-12" } else { "E-11" }.into());
        beat.resting_orders = rest;
        beat.positions = open;
        beat.orders_synced = orders.map(wall);
        beat.positions_synced = positions.map(wall);
        let now = after(ms + later);
        let row = judge("alpha", &Heard { beat: Some((beat, after(ms))), ..Heard::default() }, Some(&record), &now);
        if row.standing == Flat {
            proptest::prop_assert!(own && level >= 4 && step == 4 && state != 4 && state > 1);
            proptest::prop_assert_eq!((rest, open), (Some(0), Some(0)));
            for synced in [orders, positions] {
                proptest::prop_assert!(synced.is_some_and(|synced| synced > 0 && ms + later - synced <= 5_999));
            }
            proptest::prop_assert!(later <= 3_999 && record.order != Order::Trade);
        }
        proptest::prop_assert!(!row.standing.is_bad() || !row.why.is_empty() || row.standing == Residual && record.order == Order::Trade || later + ms < 1_000);
    }
}

#[test]
fn a_wall_clock_that_was_set_back_makes_no_liar_and_hides_none() {
    // The last order was sent half a second before the stop; then the clock went back an hour, and the engine says on.
    let record = ordered(Order::Stop);
    let before = |at: Timestamp| at.saturating_sub(hour(1)).expect("a time");
    let mut now = after(2_000);
    now.utc = before(now.utc);
    let mut beat = Beat { at: now.utc, ..blocked(2_000) };
    beat.orders_synced = beat.orders_synced.map(before);
    beat.positions_synced = beat.positions_synced.map(before);
    let judged = |beat: &Beat, seen: Option<Timestamp>| {
        let heard = Heard { last_order_seen: seen, ..heard(beat.clone()) };
        judge("alpha", &heard, Some(&record), &now).standing
    };
    assert_eq!(judged(&beat, beat.last_order), Blocked, "told by the wall clock alone");
    beat.last_order_ns = Some(GIVEN - SECOND / 2);
    assert_eq!(judged(&beat, None), Blocked, "told by the boot clock");
    beat.last_order = Some(now.utc);
    assert_eq!(judged(&Beat { last_order_ns: Some(GIVEN + SECOND), ..beat }, None), Defying, "and a lie is a lie");
}
