//! What a terminal is sent: nothing of a value until one is revealed, and then that one alone.

use crate::birds::Aviary;
use crate::house::screen::Screen;

/// A cockpit in which everything has been looked at.
fn walked(aviary: &Aviary) -> Screen {
    let mut screen = aviary.house.open(&[], 160, 48);
    screen.shows("backends 4/4");
    screen.lists("desk.stored");
    for (key, wanted) in [("2", "DETAIL"), ("6", "asked every"), ("3", "AUDIT"), ("?", "HELP")] {
        screen.press(key, wanted);
    }
    screen.esc("HELP");
    screen.shows_a_code(3);
    screen.esc("nothing has been sent");
    screen.press(":", "kill-switch");
    screen.keys("\x1b");
    screen.settles();
    // Each line of the tail opened: the other program's lines have passwords in them.
    screen.press("3", "AUDIT");
    screen.keys("g\r");
    screen.settles();
    for _ in 0..20 {
        screen.keys("j");
        screen.settles();
    }
    screen.press("q", "AUDIT");
    screen
}

#[test]
fn nothing_is_sent_before_a_value_is_revealed() {
    let aviary = Aviary::new();
    let mut screen = walked(&aviary);
    let sent = screen.sent().to_vec();
    assert!(sent.len() > 10_000);
    aviary.none_in("what the terminal was sent", &sent);
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    aviary.none_in("what the terminal was sent", screen.sent());
    aviary.none_in_files();
}

#[test]
fn a_reveal_sends_that_value_alone_and_leaves_nothing_behind() {
    let mut aviary = Aviary::new();
    let mut screen = walked(&aviary);
    screen.press("2", "SECRETS");
    screen.press("/desk.stored", "SECRETS 1 of");
    screen.keys("\r");
    screen.press("v", "canary-stored-c4a7f2");
    screen.press("y", "copied: desk.stored");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    assert!(!screen.shown().contains("canary"), "{}", screen.shown());
    aviary.none_in_files();
    aviary.birds.retain(|bird| bird.name != "stored");
    aviary.none_in("what the terminal was sent", screen.sent());
}

#[test]
fn a_value_that_is_typed_is_not_echoed() {
    let mut aviary = Aviary::new();
    let typed = aviary.bird("typed", "canary-typed-6c20d7");
    let mut screen = aviary.house.open(&["secrets", "set", "desk.typed"], 100, 30);
    screen.shows("desk.typed (not shown):");
    screen.keys(&format!("{typed}\r"));
    screen.shows("stored desk.typed in fernet");
    assert_eq!(screen.ends(), 0);
    screen.is_restored();
    aviary.none_in("what the terminal was sent", screen.sent());
    aviary.none_in_files();
    let said = aviary.house.run(&["secrets", "get", "desk.typed"]).expect_status(0);
    assert_eq!(said.stdout, format!("{typed}\n"));
}

#[test]
fn a_plugin_that_panics_in_the_cockpit_shows_no_value() {
    let mut aviary = Aviary::new();
    aviary.bird("in a panic's message", "canary-in-a-panic");
    let text = std::fs::read_to_string(aviary.house.path("work/quarterdeck.toml")).expect("the configuration");
    let text =
        text.replace("plugin = \"misbehave\"", "plugin = \"misbehave\"\nsettings = { create = \"panic-value\" }");
    aviary.house.configure(&text);
    let mut screen = aviary.house.open(&[], 160, 48);
    screen.lists("desk.stored");
    screen.press("6", "BACKENDS");
    screen.press("G", "DETAIL");
    screen.press("\r", "PANICKED");
    screen.settles();
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    aviary.none_in("what the terminal was sent", screen.sent());
    aviary.none_in_files();
}
