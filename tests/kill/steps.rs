//! SIGKILL at every step of level 4, then a restart: nothing is closed twice, no position turns round, no generation
//! falls.

use crate::house::House;
use crate::house::trading::word;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

/// The facts of a venue's file, oldest first.
fn facts(house: &House, name: &str) -> Vec<Value> {
    let text =
        std::fs::read_to_string(house.path("venues").join(format!("venue-{name}.jsonl"))).expect("a venue's file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn an_engine_killed_at_any_step_of_level_4_ends_flat_and_closes_nothing_twice() {
    let steps = [
        "received",
        "blocked",
        "cancelling:1",
        "cancelling:3",
        "cancelled",
        "closing:1",
        "closed:1",
        "closing:3",
        "closed:3",
        "flat",
    ];
    for step in steps {
        let house = House::qa();
        let first = house.engine("alpha-us", &["--die-at", step, "--rate", "0/s"]);
        house.engines_trade(1);
        house.fires("halt");
        assert_eq!(first.ended().signal(), Some(9), "it killed itself at {step}");
        let generation = house.latch()["generation"].as_u64();
        let _second = house.engine("alpha-us", &["--rate", "0/s"]);
        let told = house.switch_until("flat", |told| word(&told["state"]) == "halted_flat");
        assert_eq!(told["engines"][0]["positions"], 0, "{step}");
        assert!(house.latch()["generation"].as_u64() >= generation, "{step}");
        let mut closed: BTreeMap<String, u32> = BTreeMap::new();
        let facts = facts(&house, "alpha-us");
        for fact in facts.iter().filter_map(|fact| fact.get("closed")) {
            *closed.entry(word(&fact["instrument"]).to_owned()).or_default() += 1;
        }
        assert_eq!(closed.values().copied().collect::<Vec<_>>(), [1, 1, 1], "{step}: {facts:#?}");
    }
}
