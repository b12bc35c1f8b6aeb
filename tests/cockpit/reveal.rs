//! The one way in which a value comes to the screen: asked for, allowed, recorded, and gone after ten seconds.

use crate::house::screen::Screen;
use crate::house::{House, is_root};

const VALUE: &str = "reveal-canary-4711";

fn filled() -> House {
    let house = House::qa();
    house.feed(&["secrets", "set", "broker.password"], VALUE.as_bytes()).expect_status(0);
    house
}

fn open(house: &House, words: &[&str]) -> Screen {
    let mut screen = house.open(words, 100, 30);
    screen.lists("broker.password");
    screen
}

/// The same house for somebody of another role.
fn with_role(role: &str, environment: &str) -> House {
    let mut house = House::guide("qa");
    house.feed(&["secrets", "set", "broker.password"], VALUE.as_bytes()).expect_status(0);
    let user = house.user();
    house
        .write("etc/quarterdeck.toml", format!("[[person]]\nname = \"alice\"\nunix = \"{user}\"\nrole = \"{role}\"\n"));
    house.set_var("DP_ENVIRONMENT", environment);
    house
}

#[test]
fn a_value_is_shown_recorded_and_masked_again_by_itself() {
    let house = filled();
    let mut screen = open(&house, &[]);
    screen.press("2", "************");
    assert_eq!(screen.sent().windows(VALUE.len()).filter(|part| *part == VALUE.as_bytes()).count(), 0);
    screen.press("v", VALUE);
    screen.shows("hidden again in");
    let told = ["PENDING secret://fernet/broker.password", "SUCCESS secret://fernet/broker.password"];
    assert_eq!(house.events("qa", "SECRET_REVEAL"), told);
    screen.hides(VALUE);
    screen.shows("************");
}

#[test]
fn whatever_covers_or_leaves_it_hides_it() {
    let house = filled();
    let mut screen = open(&house, &[]);
    for keys in ["v", "1", "3", "6", "?", ":", "\x18", "/"] {
        screen.press("2", "************");
        screen.press("v", VALUE);
        screen.keys(keys);
        screen.hides(VALUE);
        screen.keys("\x1b");
        screen.settles();
        screen.press("1", "BACKENDS");
    }
    assert_eq!(house.events("qa", "SECRET_REVEAL").len(), 16);
}

#[test]
fn a_role_that_may_not_read_is_refused_and_the_refusal_is_recorded() {
    let house = with_role("governance", "qa");
    let mut screen = open(&house, &[]);
    screen.press("v", "REFUSED");
    screen.shows("'governance'");
    assert_eq!(house.events("qa", "PERMISSION_DENIED"), ["DENIED secret://fernet/broker.password"]);
    assert!(!screen.shown().contains(VALUE));
}

#[test]
fn with_readonly_nothing_is_revealed() {
    let house = filled();
    let mut screen = open(&house, &["--readonly"]);
    assert!(screen.row(0).contains("look only"), "{}", screen.row(0));
    screen.press("v", "this session is look only");
    screen.press("u", "this session stays look only");
    assert_eq!(house.events("qa", "SECRET_REVEAL").len(), 0);
}

#[test]
fn production_begins_look_only_and_unlocks_for_a_while() {
    let house = with_role("trader", "production");
    let mut screen = open(&house, &[]);
    assert!(screen.row(0).starts_with("## PRODUCTION ##"), "{}", screen.row(0));
    assert!(screen.row(0).contains("look only"), "{}", screen.row(0));
    screen.press("v", "this session is look only");
    screen.press("u", "Unlock PRODUCTION for");
    screen.press("\r", "unlocked, look only again in");
    // Only root can give a test a root-owned /etc, and with it a role in Production.
    if is_root() {
        screen.press("v", VALUE);
    } else {
        screen.press("v", "REFUSED");
    }
    screen.press("u", "look only again");
    screen.hides(VALUE);
}

#[test]
fn a_value_with_control_characters_cannot_draw() {
    let house = House::qa();
    house.feed(&["secrets", "set", "desk.one"], b"before\x1b[2J\x1b[1;1H\x07\xe2\x80\xaeafter").expect_status(0);
    let mut screen = house.open(&[], 100, 30);
    screen.lists("desk.one");
    screen.press("v", "before");
    screen.shows("after");
    assert!(screen.row(0).starts_with(".. QA .."), "{}", screen.row(0));
    let sent = String::from_utf8_lossy(screen.sent()).into_owned();
    assert!(!sent.contains("\x1b[1;1H\x07") && !sent.contains('\u{202e}'), "it was sent as it is");
}
