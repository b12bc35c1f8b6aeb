//! The keys, each pressed on a real terminal: screens, help, palette, filters, and the one that stops trading.

use crate::house::House;
use crate::house::screen::{Screen, is_listed};

fn open(house: &House) -> Screen {
    let mut screen = house.open(&[], 120, 36);
    screen.shows("backends 2/2");
    screen.lists("desk.two");
    screen
}

fn house() -> House {
    let house = House::qa();
    for name in ["broker.password", "desk.one", "desk.two"] {
        house.feed(&["secrets", "set", name], b"a value").expect_status(0);
    }
    house
}

#[test]
fn digits_switch_screens_and_the_band_stays() {
    let house = house();
    let mut screen = open(&house);
    for (key, heading) in [("2", "DETAIL broker.password"), ("3", "AUDIT"), ("6", "asked every"), ("1", "BACKENDS 2")] {
        screen.press(key, heading);
        assert!(screen.row(0).starts_with(".. QA .."), "{key}: {}", screen.row(0));
        assert!(screen.row(1).contains("TRADING normal"), "{key}: {}", screen.row(1));
        assert!(screen.row(35).contains("^X"), "{key}: {}", screen.row(35));
    }
    screen.press("4", "4 alarms: not built yet");
    screen.press("5", "5 approvals: not built yet");
}

#[test]
fn letters_and_arrows_move_and_the_detail_follows() {
    let house = house();
    let mut screen = open(&house);
    screen.press("2", "DETAIL broker.password");
    for (keys, wanted) in [
        ("j", "desk.one"),
        ("\x1b[B", "desk.two"),
        ("k", "desk.one"),
        ("\x1b[A", "broker.password"),
        ("G", "desk.two"),
        ("g", "broker.password"),
    ] {
        screen.press(keys, &format!("DETAIL {wanted}"));
    }
}

#[test]
fn a_filter_narrows_a_list_and_esc_widens_it() {
    let house = house();
    let mut screen = open(&house);
    screen.press("2", "SECRETS 3");
    screen.press("/desk", "SECRETS 2 of 3 with 'desk'");
    screen.keys("\r");
    screen.until("the others alone", |shown| !is_listed(shown, "broker.password"));
    screen.press("\x1b", "SECRETS 3");
    screen.press("/nothing-like-it", "No name with 'nothing-like-it'");
    screen.keys("\x1b");
    screen.lists("broker.password");
}

#[test]
fn find_looks_through_the_tail() {
    let house = house();
    house.run(&["secrets", "get", "desk.one"]).expect_status(0);
    let mut screen = open(&house);
    screen.press("/desk.one", "find > desk.one");
    screen.keys("\r");
    screen.until("the hit", |shown| shown.contains("AUDIT") && shown.contains("fernet/desk.one"));
    screen.press("/\x15severity>=", "find > severity>=");
    screen.press("\x1b", "AUDIT");
}

#[test]
fn help_tells_every_key_and_filters_as_one_types() {
    let house = house();
    let mut screen = open(&house);
    screen.press("?", "HELP 51 keys");
    screen.press("reveal", "show the value, 10 s");
    screen.hides("the overview");
    screen.press("\x1b", "SECRETS");
}

#[test]
fn the_palette_does_what_it_names() {
    let house = house();
    let mut screen = open(&house);
    screen.press(":", "kill-switch");
    screen.press("backends", "the backends, each with its health");
    screen.press("\r", "asked every");
}

#[test]
fn the_key_that_stops_trading_names_the_desk_too_and_sends_nothing_by_itself() {
    let mut house = house();
    house.set_var("LANG", "C.UTF-8");
    house.configure("[desk]\nphone = \"+1 203 555 0142\"\n");
    let mut screen = open(&house);
    let before = house.journal("qa").len();
    for place in ["1", "2", "3", "6", "?", ":", "/"] {
        screen.keys(place);
        for level in [3, 4] {
            screen.shows_a_code(level);
            screen.shows("nothing has been sent");
            screen.until("whom to call", |shown| {
                shown.lines().any(|line| line.contains("the broker's desk") && line.contains("+1 203 555 0142"))
            });
            screen.esc("nothing has been sent");
        }
        screen.keys("\x1b");
        screen.settles();
    }
    assert_eq!(house.latch()["order"], "trade", "nothing was sent");
    assert_eq!(house.journal("qa").len(), before, "nothing was asked, so nothing was recorded");
}

#[test]
fn plain_x_does_nothing_anywhere() {
    let house = house();
    let mut screen = open(&house);
    // What does something afterwards proves that the keys before were taken.
    for (digit, heading) in [("2", "DETAIL"), ("3", "AUDIT"), ("6", "asked every"), ("1", "SECRETS 3")] {
        screen.press(digit, heading);
        screen.keys("xX");
        screen.press("?", "HELP");
        screen.esc("HELP");
        assert!(!screen.shown().contains("nothing has been sent"), "{}", screen.shown());
    }
}

#[test]
fn esc_only_goes_back_and_q_asks_before_it_leaves() {
    let house = house();
    let mut screen = open(&house);
    screen.press("6", "asked every");
    screen.press("\x1b", "SECRETS 3");
    for _ in 0..3 {
        screen.keys("\x1b");
        screen.settles();
    }
    screen.press("2", "DETAIL");
    screen.press("q", "BACKENDS 2");
    screen.press("q", "Leave Quarterdeck?");
    screen.esc("Leave Quarterdeck?");
    screen.press("q", "Leave Quarterdeck?");
    screen.keys("\r");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn a_paste_is_never_keystrokes() {
    let house = house();
    let mut screen = open(&house);
    screen.keys("\x1b[200~q\r\x18v\x1b[201~");
    screen.press("?", "HELP");
    for wrong in ["Leave Quarterdeck?", "nothing has been sent"] {
        assert!(!screen.shown().contains(wrong), "{}", screen.shown());
    }
    assert_eq!(house.events("qa", "SECRET_REVEAL").len(), 0);
}

#[test]
fn keys_of_the_configuration_hold_and_conflicts_name_their_line() {
    let house = house();
    house.configure("[keys]\nsecrets = \"s\"\n");
    let mut screen = open(&house);
    screen.press("s", "DETAIL broker.password");
    drop(screen);
    house.configure("[keys]\nsecrets = \"v\"\n");
    let mut screen = house.open(&[], 120, 36);
    assert_eq!(screen.ends(), 1);
    screen.shows("[keys]");
}
