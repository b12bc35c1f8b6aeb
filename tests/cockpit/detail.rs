//! The detail of a secret, asked of its backend when it opens; and search over the names of every layer.

use crate::house::House;
use crate::house::screen::is_listed;

/// One secret in the environment that hides another in the Fernet file, and one beside it.
fn house() -> House {
    let mut house = House::qa();
    for name in ["broker.password", "desk.one"] {
        house.feed(&["secrets", "set", name], b"CANARY-fernet").expect_status(0);
    }
    house.set_var("DP_BROKER__PASSWORD", "CANARY-env");
    house
}

#[test]
fn an_open_detail_tells_versions_and_who_holds_the_name_and_no_value() {
    let house = house();
    let mut screen = house.open(&[], 100, 30);
    screen.shows("backends 2/2");
    screen.lists("desk.one");
    screen.press("2/broker", "SECRETS 1 of 2 with 'broker'");
    screen.keys("\r");
    screen.press("\r", "told by");
    screen.shows("HELD BY 2 layers");
    assert!(!screen.shown().contains("CANARY"), "{}", screen.shown());
    assert!(house.events("qa", "SECRET_INSPECTED").len() <= 1, "asked once");
    screen.press("h", "asks env for them");
}

#[test]
fn a_name_that_lost_is_found_by_its_layer_as_one_types() {
    let house = house();
    let mut screen = house.open(&[], 100, 30);
    screen.shows("backends 2/2");
    screen.lists("desk.one");
    screen.press("2/fernet pass", "SECRETS 1 of 2 with 'fernet pass'");
    screen.until("the layer that holds it too", |shown| shown.contains("shadows fernet"));
    assert!(is_listed(&screen.shown(), "broker.password"));
}
