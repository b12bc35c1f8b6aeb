//! How long four backends take to be seen, over real servers: from the start of a cockpit to a full status with 200 secrets,
//! and time and memory with a mount of 10,000. Refuses to judge: it prints figures and asserts nothing.
//!
//! `cargo bench --profile dev --bench backends`: the suite's program has a clock that tests move, which no release build has.
#![allow(clippy::unwrap_used, reason = "a benchmark may")]

#[path = "../house/mod.rs"]
mod house;
#[path = "../canary/search.rs"]
#[allow(dead_code, reason = "it is the suite's")]
mod search;
#[path = "../backends/world.rs"]
#[allow(dead_code, reason = "it is the suite's too")]
mod world;

use house::screen::Screen;
use serde_json::json;
use std::time::{Duration, Instant};
use world::{World, processes};

const ROUNDS: usize = 20;
const MOUNT: usize = 10_000;

fn main() {
    let mut world = World::qa();
    four_of_fifty(&mut world);
    println!("{:<44}{:>10}{:>10}", "4 backends, 200 secrets, ms", "p50", "longest");
    timed("start of a cockpit to a full screen", || drop(full(&world, 200)));
    timed("'status --json', start to end", || _ = world.house.run(&["status", "--json"]).expect_status(0));

    for at in 0..MOUNT {
        world.vaulted(&format!("qa/large/{:03}/{at:05}", at / 100), json!({ "value": "v" }));
    }
    let before = Instant::now();
    let mut screen = full(&world, 200 + MOUNT);
    let took = before.elapsed();
    println!("\na mount of {MOUNT} in 100 folders");
    println!("  start of a cockpit to a full screen {:>8} ms", took.as_millis());
    for process in processes(&screen) {
        let line = String::from_utf8_lossy(&process.command_line()).replace('\0', " ");
        let name = ["env", "vault", "aws", "fernet"].into_iter().find(|name| line.split(' ').any(|word| word == *name));
        let (most, now) = memory(process.pid);
        println!(
            "  memory of {:<10} most {:>6} MiB, now {:>6} MiB",
            name.unwrap_or("the cockpit"),
            most >> 10,
            now >> 10
        );
    }
    screen.keys("\x03");
    screen.ends();
    world.vault.forget();
    let before = Instant::now();
    world.house.run(&["secrets", "list", "--json"]).expect_status(0);
    println!("  'secrets list --json'               {:>8} ms", before.elapsed().as_millis());
    let calls = world.vault.seen();
    let values = calls.iter().filter(|line| line.contains("/data/")).count();
    println!("  calls to Vault for that             {:>8}, of values {values}", calls.len());
}

/// Fills each layer up to 50 names.
fn four_of_fifty(world: &mut World) {
    let names = |have: usize| (have..50).map(|at| format!("{at:02}"));
    names(1).for_each(|at| world.house.set_var(&format!("DP_MANY__ENTRY_{at}"), "v"));
    names(3).for_each(|at| world.vaulted(&format!("qa/many-in-vault/{at}"), json!({ "value": "v" })));
    // One of AWS's stands in Vault too.
    names(3).for_each(|at| world.in_aws(&format!("qa/many-in-aws/{at}"), json!({ "SecretString": "v" })));
    names(1).for_each(|at| {
        let name = format!("many.stored_{at}");
        _ = world.house.feed(&["secrets", "set", &name, "--layer", "fernet"], b"v").expect_status(0);
    });
}

/// A cockpit that shows so many secrets of four backends.
fn full(world: &World, secrets: usize) -> Screen {
    let mut screen = world.house.open(&[], 160, 48);
    let count = format!("SECRETS {secrets}");
    screen.until("everything", |shown| shown.contains("backends 4/4") && shown.contains(&count));
    screen
}

fn timed(what: &str, once: impl Fn()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let before = Instant::now();
            once();
            before.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{what:<44}{:>10}{:>10}", times[ROUNDS / 2].as_millis(), times[ROUNDS - 1].as_millis());
}

/// The most that a process has held, and what it holds now, in KiB.
fn memory(pid: i32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let number = |text: String| text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0);
    (number(line("VmHWM:")), number(line("VmRSS:")))
}
