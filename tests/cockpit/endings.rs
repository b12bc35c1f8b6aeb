//! The ends of a cockpit over somebody's own secrets, and what the next one shows: the same.

use crate::house::House;
use crate::house::processes::under;
use crate::house::screen::Screen;
use rustix::process::Signal;

/// A cockpit over three secrets, with all its backends up.
fn open(house: &House) -> Screen {
    let mut screen = house.open(&[], 100, 30);
    screen.shows("backends 2/2");
    screen.lists("desk.three");
    screen.shows("journal ok #");
    screen
}

fn house() -> House {
    let house = House::qa();
    for name in ["desk.one", "desk.two", "desk.three"] {
        house.feed(&["secrets", "set", name], b"a value").expect_status(0);
    }
    house
}

/// The rows of the secrets' table, without what ages by the second.
fn rows(screen: &mut Screen) -> Vec<String> {
    screen.press("2", "DETAIL desk.one");
    let shown = screen.shown();
    let rows = shown.lines().skip_while(|line| !line.contains("SECRETS")).take_while(|line| !line.contains("DETAIL"));
    rows.map(str::to_owned).collect()
}

#[test]
fn every_end_puts_the_terminal_back() {
    type End = (&'static str, fn(&mut Screen), i32);
    let ends: [End; 6] = [
        (
            "q",
            |screen| {
                screen.press("q", "Leave Quarterdeck?");
                screen.keys("\r");
            },
            0,
        ),
        ("^C", |screen| screen.keys("\x03"), 0),
        ("SIGINT", |screen| screen.signal(Signal::INT), 130),
        ("SIGTERM", |screen| screen.signal(Signal::TERM), 143),
        ("SIGHUP", |screen| screen.signal(Signal::HUP), 129),
        ("SIGQUIT", |screen| screen.signal(Signal::QUIT), 131),
    ];
    let house = house();
    for (name, end, status) in ends {
        let mut screen = open(&house);
        let plugins = under(screen.pid());
        end(&mut screen);
        assert_eq!(screen.ends(), status, "{name}");
        screen.is_restored();
        assert!(plugins.iter().all(|process| process.ends()), "{name}: a plugin is left");
    }
    let opened = house.events("qa", "LOGIN_SUCCESS").len();
    assert_eq!(opened, ends.len(), "each session's beginning is recorded");
    house.run(&["audit", "verify"]).expect_status(0);
}

#[test]
fn a_terminal_that_is_taken_away_ends_it_and_its_plugins() {
    let house = house();
    let mut screen = open(&house);
    let plugins = under(screen.pid());
    assert_eq!(plugins.len(), 2);
    screen.hang_up();
    assert_eq!(screen.ends(), 129);
    assert!(plugins.iter().all(|process| process.ends()), "a plugin is left");
}

#[test]
fn a_terminal_that_vanishes_ends_it_though_hang_ups_are_ignored() {
    let house = house();
    for words in [&[][..], &["demo"]] {
        let mut screen = house.open_deaf_to_hang_ups(words, 100, 30);
        screen.shows("journal ok #");
        screen.shows(if words.is_empty() { "backends 2/2" } else { "backends 3/3" });
        let all = under(screen.pid());
        assert!(all.len() >= 3, "the cockpit and its plugins");
        screen.hang_up();
        assert_eq!(screen.ends(), 129, "{words:?}");
        assert!(all.iter().all(|process| process.ends()), "{words:?}: a process is left");
    }
    let left = std::fs::read_dir(house.path("tmp")).expect("a folder").count();
    assert_eq!(left, 0, "the demo's folder is left");
}

#[test]
fn after_kill_9_no_plugin_is_left_and_the_next_one_shows_the_same() {
    let house = house();
    let mut screen = open(&house);
    let before = rows(&mut screen);
    assert!(before.len() >= 4, "{before:?}");
    let plugins = under(screen.pid());
    assert_eq!(plugins.len(), 2);
    screen.signal(Signal::KILL);
    assert_eq!(screen.ends(), 137);
    assert!(plugins.iter().all(|process| process.ends()), "a plugin is left");
    let mut screen = open(&house);
    assert_eq!(rows(&mut screen), before);
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    house.run(&["audit", "verify"]).expect_status(0);
}

#[test]
fn what_another_process_does_is_seen_without_a_key() {
    let house = house();
    let mut screen = open(&house);
    screen.press("3", "AUDIT");
    house.run(&["secrets", "get", "desk.two"]).expect_status(0);
    screen.shows("fernet/desk.two");
    house.feed(&["secrets", "set", "desk.four"], b"new").expect_status(0);
    screen.press("2", "SECRETS");
    screen.keys("r");
    screen.lists("desk.four");
}

#[test]
fn a_stopped_cockpit_comes_back_with_a_whole_picture() {
    let house = house();
    let mut screen = house.open_in_shell(100, 30);
    screen.shows("backends 2/2");
    screen.keys("\x1a");
    screen.shows("STOPPED");
    screen.keys("fg\r");
    screen.shows("backends 2/2");
    screen.lists("desk.three");
    screen.keys("\x03");
    screen.shows("ENDED 0");
}
