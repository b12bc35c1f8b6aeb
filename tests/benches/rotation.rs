//! Keystrokes and time of a rotation by the keyboard, from `R` to promoted and on to its end, on each backend over a real
//! server; and what the program itself takes of that. Refuses to judge: it prints figures and asserts nothing.
//!
//! `cargo bench --profile dev --bench rotation`: the suite's program has a clock that tests move, which no release build has.
#![allow(clippy::unwrap_used, reason = "a benchmark may")]

#[path = "../rotation/broker.rs"]
#[allow(dead_code, reason = "it is the suite's")]
mod broker;
#[path = "../rotation/desk.rs"]
#[allow(dead_code, reason = "it is the suite's")]
mod desk;
#[path = "../house/mod.rs"]
mod house;
#[path = "../rotation/place.rs"]
#[allow(dead_code, reason = "it is the suite's")]
mod place;
#[path = "../rotation/reader.rs"]
#[allow(dead_code, reason = "it is the suite's")]
mod reader;

use desk::Desk;
use place::Kind;
use serde_json::Value;
use std::time::{Duration, Instant};

const ROUNDS: usize = 10;
/// What is pressed on the selected secret: the plan, the start, no reason, and the Enter that sends it.
const KEYS: [(&str, &str); 3] = [("R", "S starts it"), ("S", "reason"), ("\r", "IN GRACE")];

fn main() {
    let keys: usize = KEYS.iter().map(|(keys, _)| keys.len()).sum();
    println!("keystrokes from R to promoted: {keys}; a command line: 'quarterdeck rotate start NAME'\n");
    println!(
        "{:<8}{:>16}{:>16}{:>18}{:>18}{:>16}",
        "p50, ms", "R to the plan", "R to promoted", "steps in journal", "of that hooks", "start, no grace"
    );
    for kind in [Kind::Fernet, Kind::Vault, Kind::Aws] {
        let mut rounds: Vec<[u128; 5]> = (0..ROUNDS).map(|_| round(kind)).collect();
        let mut median = |at: usize| {
            rounds.sort_unstable_by_key(|round| round[at]);
            rounds[ROUNDS / 2][at]
        };
        let name = format!("{kind:?}").to_lowercase();
        let [plan, promoted, steps, hooks, command] = std::array::from_fn(&mut median);
        println!("{name:<8}{plan:>16}{promoted:>16}{steps:>18}{hooks:>18}{command:>16}");
    }
}

/// One rotation by the keyboard, and one by the command line on the same servers.
fn round(kind: Kind) -> [u128; 5] {
    let desk = Desk::with(kind, "1h", "");
    let mut screen = desk.house.open(&[], 100, 30);
    screen.shows(desk.place.name());
    screen.press(&format!("2/{}", desk.place.name()), "SECRETS 1 of");
    screen.keys("\r");
    screen.settles();
    let before = Instant::now();
    let mut at = [Duration::ZERO; 3];
    for ((keys, shown), at) in KEYS.iter().zip(&mut at) {
        screen.press(keys, shown);
        *at = before.elapsed();
    }
    let told = desk.status_until("grace", |told| told["step"] == "grace");
    let took = |by: &dyn Fn(&Value) -> bool| -> u128 {
        let steps = told["steps"].as_array().unwrap().iter().filter(|step| by(step));
        steps.map(|step| u128::from(step["took_ms"].as_u64().unwrap_or(0))).sum()
    };
    let (steps, hooks) = (took(&|_| true), took(&|step| step["by"] == "hook"));
    screen.keys("\x03");
    screen.ends();
    let swift = Desk::with(kind, "0s", "");
    let before = Instant::now();
    swift.start().expect_status(0);
    [at[0].as_millis(), at[2].as_millis(), steps, hooks, before.elapsed().as_millis()]
}
