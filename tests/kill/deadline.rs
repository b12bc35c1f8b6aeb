//! Level 3 becomes level 4 after five minutes, whoever has died meanwhile and whatever the wall clock says.

use crate::house::House;
use crate::house::trading::{Clock, word};
use rustix::process::Signal;
use serde_json::Value;

fn trading(house: &mut House) -> Clock {
    let clock = house.clock();
    house.run(&["init"]).expect_status(0);
    clock
}

fn is(told: &Value, state: &str) -> bool {
    word(&told["state"]) == state
}

/// Level 4 is there, by the deadline, in the episode that began with level 3, and nothing was closed twice.
#[track_caller]
fn is_halted_by_the_deadline(house: &House, episode: &Value) {
    house.switch_until("level 4, flat", |told| is(told, "halted_flat"));
    let latch = house.latch();
    assert_eq!((&latch["episode"], word(&latch["order"])), (episode, "halt"));
    assert_eq!(word(&latch["initiator"]["kind"]), "deadline");
    let escalated = house.events_until("qa", "KILL_SWITCH_ESCALATED", 1);
    assert_eq!(escalated.len(), 1, "once, whoever saw the deadline: {escalated:?}");
}

#[test]
fn a_cockpit_that_is_killed_leaves_the_deadline_to_the_watcher() {
    let mut house = House::new();
    let clock = trading(&mut house);
    let (_alpha, _beta, _watch) = (house.engine("alpha-us", &[]), house.engine("beta-us", &[]), house.watcher());
    house.engines_trade(2);
    let mut screen = house.open(&[], 100, 30);
    screen.shows("engines 2/2");
    let code = screen.arms(3);
    screen.keys(&code);
    screen.shows("^X sends");
    screen.keys("\x18");
    let told = house.switch_until("level 3", |told| is(told, "graceful_stop"));
    let episode = house.latch()["episode"].clone();
    clock.set(60, 60);
    screen.signal(Signal::KILL);
    screen.ends();
    clock.set(295, 295);
    assert!(is(&house.switch(), "graceful_stop"), "not before its time: {told:#}");
    clock.set(301, 301);
    is_halted_by_the_deadline(&house, &episode);
}

#[test]
fn a_terminal_that_hangs_up_neither_cancels_nor_extends_it() {
    let mut house = House::new();
    let clock = trading(&mut house);
    let (_alpha, _watch) = (house.engine("alpha-us", &[]), house.watcher());
    house.engines_trade(1);
    let mut screen = house.open(&[], 80, 24);
    screen.shows("engines 1/1");
    house.fires("stop").expect_status(0);
    screen.shows("STOPPED LEVEL 3");
    let episode = house.latch()["episode"].clone();
    screen.hang_up();
    screen.ends();
    clock.set(301, 301);
    is_halted_by_the_deadline(&house, &episode);
}

#[test]
fn a_wall_clock_that_is_stepped_an_hour_moves_nothing() {
    for step in [3_600, -3_600] {
        let mut house = House::new();
        let clock = trading(&mut house);
        let (_alpha, _watch) = (house.engine("alpha-us", &[]), house.watcher());
        house.engines_trade(1);
        house.fires("stop").expect_status(0);
        let latch = house.latch();
        clock.set(step, 0);
        let told = house.switch_until("a beat under the new wall clock", |told| {
            told["engines"][0]["beat_s"].as_f64().is_some_and(|age| age < 2.0)
        });
        assert!(is(&told, "graceful_stop"), "{told:#}");
        // Two seconds before its time by the boot clock, nobody has moved.
        clock.set(step, 290);
        house.status_file_until("alpha-us", "a beat near the deadline", |beat| {
            let at = beat["boot_ns"].as_u64().unwrap_or_default();
            at > latch["since_boot_ns"].as_u64().unwrap_or_default() + 289_000_000_000
        });
        assert!(is(&house.switch(), "graceful_stop"), "{:#}", house.switch());
        assert_eq!(house.status_file("alpha-us")["level"], 3);
        clock.set(step, 301);
        is_halted_by_the_deadline(&house, &latch["episode"]);
    }
}

#[test]
fn with_cockpit_and_watcher_dead_the_engines_hold_it() {
    let mut house = House::new();
    let clock = trading(&mut house);
    let (_alpha, _beta) = (house.engine("alpha-us", &[]), house.engine("beta-us", &[]));
    house.engines_trade(2);
    let watch = house.watcher();
    house.fires("stop").expect_status(0);
    watch.kill();
    let latch = house.latch();
    clock.set(301, 301);
    for name in ["alpha-us", "beta-us"] {
        let beat = house.status_file_until(name, "flat by itself", |beat| word(&beat["step"]) == "flat");
        assert_eq!((beat["level"].as_u64(), &beat["episode"]), (Some(4), &latch["episode"]));
    }
    assert_eq!(house.latch(), latch, "nobody was there to write it");
    // Whoever comes next finds level 4 at once, in the same episode; nothing is closed again.
    let _watch = house.watcher();
    is_halted_by_the_deadline(&house, &latch["episode"]);
}

#[test]
fn a_start_past_the_deadline_is_level_4_at_once() {
    let mut house = House::new();
    let clock = trading(&mut house);
    let alpha = house.engine("alpha-us", &[]);
    house.engines_trade(1);
    house.fires("stop").expect_status(0);
    let episode = house.latch()["episode"].clone();
    alpha.kill();
    clock.set(301, 301);
    let _alpha = house.engine("alpha-us", &[]);
    let mut screen = house.open(&[], 80, 24);
    screen.until("level 4", |shown| shown.contains("LEVEL 4") || shown.contains("HALTED"));
    is_halted_by_the_deadline(&house, &episode);
}

#[test]
fn after_another_start_of_the_machine_a_stepped_wall_clock_flattens_nobody() {
    let mut house = House::new();
    let clock = trading(&mut house);
    let _alpha = house.engine("alpha-us", &[]);
    house.engines_trade(1);
    house.fires("stop").expect_status(0);
    // The machine starts again: the wall clock counts, and is right.
    clock.set_on_another_boot(100, 0, "another-boot");
    let mut screen = house.open(&[], 160, 48);
    screen.shows("STOPPED LEVEL 3");
    // Then it is stepped past the deadline while everybody watches.
    clock.set_on_another_boot(400, 0, "another-boot");
    screen.shows("wall clock");
    assert!(is(&house.switch(), "graceful_stop"), "{:#}", house.switch());
    assert_eq!(house.events("qa", "KILL_SWITCH_ESCALATED").len(), 0);
}
