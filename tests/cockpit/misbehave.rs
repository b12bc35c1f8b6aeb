//! Plugins that do everything a library can do wrong, in the real cockpit: it stays usable, and the tile says what
//! happened.

use crate::house::processes::under;
use crate::house::{House, installed};

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
    let line =
        |process: &crate::house::processes::Process| String::from_utf8_lossy(&process.command_line()).into_owned();
    let plugin = under(screen.pid()).into_iter().find(|process| line(process).contains("bad")).expect("its process");
    let pid = rustix::process::Pid::from_raw(plugin.pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it runs");
    screen.shows("started again 1 time");
    screen.shows("backends 3/3");
    let told = house.events("qa", "BACKEND_DOWN").len();
    assert_eq!(told, house.events("qa", "BACKEND_UP").len(), "down and up are both recorded");
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
