//! One of several engines is silent, dead, lying, keeps orders, or doesn't know its positions: never FLAT, and its row
//! says why.

use crate::house::House;
use crate::house::trading::word;
use serde_json::Value;

fn row<'a>(told: &'a Value, name: &str) -> &'a Value {
    let rows = told["engines"].as_array().expect("engines");
    rows.iter().find(|row| word(&row["name"]) == name).unwrap_or_else(|| panic!("{name} is missing: {told:#}"))
}

#[test]
fn one_bad_engine_of_two_keeps_the_firm_from_flat_and_says_why() {
    // How it goes wrong, what its row says it is, and a part of why.
    let table = [
        ("silent", "silent", "never heard"),
        ("dead", "silent", "is gone"),
        ("liar", "residual", "has a position again"),
        ("keeps-orders", "residual", "orders rest"),
        ("rejects-cancel", "residual", "orders rest"),
        ("unsynced", "residual", "positions"),
        ("says-flat", "residual", "positions"),
        ("market-shut:09:30", "residual", "09:30"),
    ];
    for (fault, state, why) in table {
        let mut house = House::new();
        let clock = house.clock();
        house.run(&["init"]).expect_status(0);
        let _alpha = house.engine("alpha-us", &["--rate", "0/s"]);
        let _beta = house.engine("beta-us", &["--rate", "4/s", "--misbehave", fault]);
        house.switch_until("both are known", |told| told["engines"].as_array().is_some_and(|rows| rows.len() == 2));
        let said = house.fires("halt");
        // A liar is flat like the other until its next order.
        assert!(said.status == 8 || fault == "liar", "{fault}: {said:?}");
        let told = house.switch_until(&format!("{fault}: {why}"), |told| {
            let beta = row(told, "beta-us");
            word(&beta["state"]).eq_ignore_ascii_case(state)
                && beta["why"].to_string().contains(why)
                && word(&row(told, "alpha-us")["state"]) == "flat"
        });
        assert!(!["halted_flat", "normal"].contains(&word(&told["state"])), "{fault}: {told:#}");
        clock.set(31, 31);
        let told = house.switch_until(&format!("{fault}: residual"), |told| word(&told["state"]) == "halted_residual");
        assert_ne!(word(&row(&told, "beta-us")["state"]), "flat", "{fault}");
    }
}

#[test]
fn a_liar_is_told_by_the_order_it_sends_after_level_3() {
    let house = House::qa();
    house.configure(&format!(
        "[[audit.source]]\nname = \"orders\"\npath = {:?}\n",
        house.path("orders.jsonl").display().to_string()
    ));
    let _beta = house.engine("beta-us", &["--rate", "4/s", "--misbehave", "liar"]);
    house.engines_trade(1);
    let mut screen = house.open(&[], 160, 48);
    screen.shows("engines 1/1");
    house.fires("stop");
    // Its own word, and the file that it writes as every trading program does.
    screen.shows("BETA-US DEFYING");
    screen.shows("BYPASS");
    screen.press("3", "KILL_SWITCH_BYPASS");
    let told = house.switch_until("the order after the stop", |told| {
        row(told, "beta-us")["why"].to_string().contains("sent an order")
    });
    assert_eq!(word(&told["state"]), "graceful_stop");
    house.events_until("qa", "KILL_SWITCH_BYPASS", 1);
}

#[test]
fn the_orders_that_close_positions_are_no_bypass() {
    let house = House::qa();
    house.configure(&format!(
        "[[audit.source]]\nname = \"orders\"\npath = {:?}\n",
        house.path("orders.jsonl").display().to_string()
    ));
    let _alpha = house.engine("alpha-us", &["--rate", "0/s"]);
    house.engines_trade(1);
    let mut screen = house.open(&[], 160, 48);
    screen.shows("engines 1/1");
    house.fires("halt").expect_status(0);
    screen.shows("HALTED FLAT");
    screen.press("3", "ORDER_SUBMIT");
    let written = std::fs::read_to_string(house.path("orders.jsonl")).expect("the engine's audit");
    assert_eq!(written.matches("\"qd-E-").count(), 6, "sent and filled, for each of three positions: {written}");
    assert_eq!(house.events("qa", "KILL_SWITCH_BYPASS"), [] as [String; 0]);
}
