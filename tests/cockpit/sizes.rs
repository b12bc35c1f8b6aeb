//! Every size a window can have, while it runs. Refuses to crash, and to act where nobody can see what is done.

use crate::house::House;

const SIZES: &[(u16, u16)] = &[
    (80, 24),
    (1, 1),
    (200, 60),
    (1, 60),
    (200, 1),
    (2, 2),
    (10, 3),
    (39, 10),
    (40, 9),
    (40, 10),
    (56, 12),
    (70, 13),
    (79, 23),
    (100, 30),
    (110, 40),
    (118, 24),
    (119, 47),
    (120, 48),
    (159, 60),
    (160, 48),
    (200, 24),
    (3, 50),
    (80, 24),
];

#[test]
fn it_lives_through_every_size_on_every_screen() {
    let house = House::qa();
    for name in ["broker.password", "desk.one", "desk.two"] {
        house.feed(&["secrets", "set", name], b"a value").expect_status(0);
    }
    let mut screen = house.open(&[], 80, 24);
    screen.shows("backends 2/2");
    let places = ["1", "2", "3", "6", "?", ":", "/desk"].map(|key| (key, "TRADING normal"));
    for (key, wanted) in places.into_iter().chain([("\x18", "nothing has been sent")]) {
        screen.keys(key);
        for (columns, rows) in SIZES {
            screen.resize(*columns, *rows);
        }
        // The last size is one in which it shows itself again, whatever it went through.
        screen.shows(wanted);
        screen.keys("\x1b");
        screen.settles();
        screen.keys("\x1b");
        screen.settles();
    }
    screen.press("1", "SECRETS 3");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    screen.is_restored();
    assert_eq!(house.latch()["order"], "trade", "nothing was sent");
}

#[test]
fn it_starts_in_every_size() {
    let house = House::qa();
    for (columns, rows) in [(1, 1), (10, 3), (40, 10), (200, 60)] {
        let mut screen = house.open(&[], columns, rows);
        // One cell holds no word.
        screen.until("the environment", |shown| shown.contains(if columns < 10 { "." } else { "QA" }));
        screen.resize(80, 24);
        screen.shows("backends 2/2");
        screen.keys("\x03");
        assert_eq!(screen.ends(), 0, "{columns}x{rows}");
    }
}

#[test]
fn too_small_to_see_is_too_small_to_act() {
    let house = House::qa();
    house.feed(&["secrets", "set", "desk.one"], b"a value").expect_status(0);
    let mut screen = house.open(&[], 80, 24);
    screen.lists("desk.one");
    screen.resize(30, 5);
    screen.shows("too small to act");
    screen.shows(".. QA ..");
    screen.keys("v2\r");
    screen.settles();
    screen.resize(80, 24);
    screen.shows("SECRETS 1");
    assert_eq!(house.events("qa", "SECRET_REVEAL").len(), 0);
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}
