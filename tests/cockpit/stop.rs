//! Ctrl-X on a real terminal: from everywhere, under everything that is broken, and by nothing but a complete code.

use crate::house::House;
use crate::house::trading::word;

/// Keys that lead somewhere from the overview, and what is then shown.
const PLACES: [(&str, &str); 9] = [
    ("", "TRADING"),
    ("2", "SECRETS"),
    ("3", "AUDIT"),
    ("6", "BACKENDS"),
    ("?", "HELP"),
    (":", "kill-switch"),
    ("/ibkr", "ibkr"),
    ("2/prod", "prod"),
    ("q", "LEAVE"),
];

#[test]
fn ctrl_x_opens_the_dialog_from_everywhere_and_esc_goes_back() {
    for (columns, rows) in [(80, 24), (40, 10)] {
        let house = House::qa();
        let mut screen = house.open(&[], columns, rows);
        screen.shows("TRADING");
        for (keys, shown) in PLACES {
            if !keys.is_empty() {
                screen.keys(keys);
            }
            if columns > 40 {
                screen.shows(shown);
            }
            let code = screen.shows_a_code(3);
            assert_eq!(code.len(), 6, "from {keys:?} at {columns}x{rows}");
            screen.esc(&code[2..]);
            // Back to the overview, whatever was open.
            screen.keys("\x1b");
            screen.settles();
            screen.keys("\x1b");
            screen.settles();
            screen.keys("1");
            screen.settles();
        }
        assert_eq!(word(&house.latch()["order"]), "trade", "nothing was sent");
        screen.keys("\x03");
        screen.ends();
    }
}

#[test]
fn enter_esc_pastes_and_a_held_key_fire_nothing_and_the_code_fires_once() {
    let house = House::qa();
    let _alpha = house.engine("alpha-us", &[]);
    house.engines_trade(1);
    let mut screen = house.open(&[], 100, 30);
    screen.shows("engines 1/1");
    // The whole code in one paste, with what sends it.
    let code = screen.arms(3);
    screen.keys(&format!("\x1b[200~{code}\x18\x1b[201~"));
    screen.keys("\r");
    screen.keys("\x18\x18\x18\x18");
    screen.shows("6 characters to go");
    screen.keys(&code);
    screen.shows("^X sends");
    screen.press("\r\r\r", "Enter sends nothing");
    assert_eq!(word(&house.latch()["order"]), "trade", "Enter sends nothing");
    screen.keys("\x18");
    house.switch_until("level 3", |told| word(&told["state"]) == "graceful_stop");
    let activated = house.events_until("qa", "KILL_SWITCH_ACTIVATED", 1);
    screen.keys("\x03");
    screen.ends();
    assert_eq!(house.events("qa", "KILL_SWITCH_ACTIVATED").len(), 1, "and none more until it has left");
    assert_eq!(activated.len(), 1, "{activated:?}");
    assert!(activated[0].starts_with("SUCCESS trading://stop"), "{activated:?}");
    assert_eq!(house.latch()["initiator"]["program"], "cockpit");
}

#[test]
fn neither_readonly_nor_a_broken_configuration_stands_in_the_way() {
    for (name, words) in [("--readonly", ["--env", "qa", "--readonly"]), ("broken", ["--env", "qa", "--ascii"])] {
        let house = House::qa();
        let _alpha = house.engine("alpha-us", &[]);
        house.engines_trade(1);
        if name == "broken" {
            house.configure("[[[ this is no configuration");
        }
        let mut screen = house.open(&words, 80, 24);
        screen.shows("engines 1/1");
        let code = screen.arms(4);
        screen.keys(&code);
        screen.shows("^X sends");
        screen.keys("\x18");
        screen.shows("HAL");
        house.status_file_until("alpha-us", "flat", |beat| word(&beat["step"]) == "flat");
        assert_eq!(word(&house.latch()["order"]), "halt", "{name}");
    }
}

#[test]
fn a_terminal_that_nobody_reads_is_no_reason_not_to_stop() {
    let house = House::qa();
    let _alpha = house.engine("alpha-us", &[]);
    house.engines_trade(1);
    let mut screen = house.open(&[], 200, 60);
    screen.shows("engines 1/1");
    // From here on nobody reads; pictures pile up until the terminal takes no more.
    for _ in 0..200 {
        screen.keys("\x0c");
    }
    house.fires("stop").expect_status(0);
    house.status_file_until("alpha-us", "blocked", |beat| word(&beat["step"]) == "blocked");
    screen.shows("STOPPED LEVEL 3");
}
