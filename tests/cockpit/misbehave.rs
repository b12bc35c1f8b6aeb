//! Plugins that do everything a library can do wrong, in the real cockpit: it stays usable, and the tile says what
//! happened.

use crate::house::processes::{Process, under};
use crate::house::screen::Screen;
use crate::house::{House, installed};
use rustix::process::{Pid, Signal, kill_process};

/// What a plugin does while it is made, and what its tile says then.
const MISDEEDS: [(&str, &[&str]); 12] = [
    ("panic", &["PANICKED"]),
    ("hang", &["hung in create for 5 s"]),
    ("chatter", &["hung in create for 5 s"]),
    ("abort", &["aborted (signal 6)"]),
    ("overflow", &["overran its stack"]),
    ("exit", &["exited 0 by itself"]),
    ("close", &["the plugin"]),
    ("garble", &["broke the joint"]),
    ("refuse", &["DENIED", "no"]),
    ("flood", &["ok", "0 names"]),
    ("print", &["ok", "0 names"]),
    ("say", &["ok", "last words"]),
];

fn house(create: &str) -> House {
    let house = House::qa();
    house.feed(&["secrets", "set", "desk.one"], b"still-revealed").expect_status(0);
    house.configure(&format!(
        "[plugins]\nfolders = [{:?}]\n[backend.bad]\nplugin = \"misbehave\"\nsettings = {{ create = \"{create}\" }}\n",
        installed::misbehave()
    ));
    house
}

#[test]
fn each_misdeed_is_told_on_its_tile_and_the_cockpit_stays_usable() {
    // Half of them at once: the slow ones wait for their own time-outs, not for each other.
    std::thread::scope(|scope| {
        for part in MISDEEDS.chunks(6) {
            scope.spawn(|| part.iter().for_each(|(create, words)| told(create, words)));
        }
    });
}

fn told(create: &str, words: &[&str]) {
    let house = house(create);
    let mut screen = house.open(&[], 160, 48);
    screen.lists("desk.one");
    screen.press("6", "BACKENDS");
    screen.press("G", "DETAIL bad");
    for word in words {
        screen.until(&format!("{create}: {word:?}"), |shown| shown.contains(word));
    }
    // Everything else works meanwhile.
    screen.press("2", "DETAIL desk.one");
    screen.press("v", "still-revealed");
    screen.press("3", "SECRET_REVEAL");
    let plugins = under(screen.pid());
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0, "{create}");
    screen.is_restored();
    for process in plugins {
        assert!(process.ends(), "{create}: process {} is left", process.pid);
    }
    house.run(&["audit", "verify"]).expect_status(0);
}

#[test]
fn a_plugin_that_is_killed_is_started_again() {
    let house = house("");
    let mut screen = house.open(&[], 160, 48);
    screen.shows("backends 3/3");
    screen.press("6", "BACKENDS");
    screen.press("G", "never started again");
    signal(&plugin(&screen, "bad"), Signal::KILL);
    screen.shows("started again 1 time");
    screen.shows("backends 3/3");
    let told = house.events_until("qa", "BACKEND_DOWN", 1).len();
    assert_eq!(told, house.events_until("qa", "BACKEND_UP", told).len(), "down and up are both recorded");
}

#[test]
fn a_plugin_that_hangs_in_a_call_is_killed_started_again_and_answers() {
    let mut house = house("");
    house.set_var("DP_SHELF_ONE", "on the shelf");
    let text = std::fs::read_to_string(house.path("work/quarterdeck.toml")).expect("the configuration");
    house.configure(&text.replace("plugin = \"misbehave\"", "plugin = \"misbehave\"\nwithin = \"1s\""));
    let mut screen = house.open(&[], 160, 48);
    screen.shows("backends 3/3");
    screen.lists("DP_SHELF_ONE");
    stop(&plugin(&screen, "bad"));
    screen.press("2", "SECRETS");
    screen.press("/SHELF", "SECRETS 2 of");
    screen.keys("\r");
    screen.press("v", "FAILED");
    // The others answer as if nothing had been.
    screen.press("/\x15desk", "SECRETS 1 of");
    screen.keys("\r");
    screen.press("v", "still-revealed");
    screen.press("6", "BACKENDS");
    screen.press("G", "started again 1 time");
    screen.shows("backends 3/3");
    screen.press("2", "SECRETS");
    screen.press("/\x15SHELF", "SECRETS 2 of");
    screen.keys("\r");
    screen.press("v", "on the shelf");
}

/// The process of a layer's plugin.
fn plugin(screen: &Screen, layer: &str) -> Process {
    let of_layer =
        |process: &Process| process.command_line().split(|byte| *byte == 0).any(|word| word == layer.as_bytes());
    under(screen.pid()).into_iter().find(of_layer).expect("the layer's process")
}

fn stop(process: &Process) {
    signal(process, Signal::STOP);
}

fn signal(process: &Process, signal: Signal) {
    kill_process(Pid::from_raw(process.pid).expect("a process"), signal).expect("it runs");
}

#[test]
fn a_plugin_that_hangs_does_not_delay_the_first_picture_or_the_leaving() {
    let house = house("hang");
    let mut screen = house.open(&[], 160, 48);
    screen.lists("desk.one");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    assert!(!screen.shown().contains("hung"), "it left before the plugin's time was up");
}
