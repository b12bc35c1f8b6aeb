//! A rotation by the keyboard: the plan, the start, the timeline, back, and the screen that dies. Refuses to know more than
//! what stands on the screen, at the backend and at the broker.

use crate::desk::{Desk, FIRST};
use crate::house::screen::Screen;
use crate::place::Kind;
use rustix::process::Signal;

const ALL: [Kind; 3] = [Kind::Vault, Kind::Aws, Kind::Fernet];

impl Desk {
    /// The keys of somebody who rotates: find it, read the plan, begin it, say why.
    fn rotates(&self, screen: &mut Screen) {
        screen.shows(self.place.name());
        screen.press(&format!("2/{}", self.place.name()), "SECRETS 1 of");
        screen.keys("\r");
        screen.press("R", "S starts it");
        assert_eq!(self.place.current().as_deref(), Some(FIRST), "a plan does nothing");
        screen.press("S", "reason");
        screen.keys("90 days\r");
        screen.shows("IN GRACE");
    }
}

#[test]
fn it_is_planned_begun_and_seen_to_its_end() {
    for kind in ALL {
        let desk = Desk::with(kind, "1h", "");
        let reader = desk.reader();
        let mut screen = desk.house.open(&[], 100, 30);
        desk.rotates(&mut screen);
        assert_ne!(desk.place.current().as_deref(), Some(FIRST), "{kind:?}: promoted");
        assert_eq!(desk.broker.valid().len(), 2, "{kind:?}: both are valid");
        desk.pass(3_700);
        desk.status_until("its end", |told| told["ended"]["how"] == "done");
        screen.shows("done");
        let current = desk.is_settled("after the keyboard");
        assert!(!screen.sent().windows(current.len()).any(|part| part == current.as_bytes()), "no value is drawn");
        screen.keys("\x03");
        assert_eq!(screen.ends(), 0);
        reader.was_never_cut_off();
        desk.journal_is_whole();
    }
}

#[test]
fn b_leads_back_and_enter_alone_does_not() {
    for kind in ALL {
        let desk = Desk::with(kind, "1h", "");
        let reader = desk.reader();
        let mut screen = desk.house.open(&[], 100, 30);
        desk.rotates(&mut screen);
        screen.keys("\r");
        screen.settles();
        assert_eq!(desk.status()["course"], "forward", "{kind:?}");
        screen.press("B", "Enter");
        screen.keys("\r");
        screen.shows("ROLLED BACK");
        desk.status_until("its end", |told| told["ended"]["how"] == "rolled back");
        assert_eq!(desk.is_settled("after B"), FIRST);
        screen.keys("\x03");
        assert_eq!(screen.ends(), 0);
        reader.was_never_cut_off();
    }
}

#[test]
fn a_cockpit_that_is_killed_in_grace_leaves_it_to_a_watcher() {
    for kind in ALL {
        let desk = Desk::with(kind, "1h", "");
        let reader = desk.reader();
        let mut screen = desk.house.open(&[], 80, 24);
        desk.rotates(&mut screen);
        screen.signal(Signal::KILL);
        assert_eq!(screen.ends(), 137);
        let _watcher = desk.house.watcher();
        desk.pass(3_700);
        desk.status_until("the watcher's end", |told| told["ended"]["how"] == "done");
        desk.is_settled("after the watcher");
        reader.was_never_cut_off();
        desk.journal_is_whole();
    }
}

#[test]
fn with_readonly_nothing_is_begun() {
    let desk = Desk::of(Kind::Fernet);
    let mut screen = desk.house.open(&["--readonly"], 100, 30);
    screen.shows(desk.place.name());
    screen.press(&format!("2/{}", desk.place.name()), "SECRETS 1 of");
    screen.keys("\r");
    screen.press("R", "PLAN");
    screen.keys("S");
    screen.settles();
    screen.keys("\r");
    screen.settles();
    let told = desk.house.run(&["rotate", "status", "--json"]).expect_status(0).json();
    assert_eq!(told["rotations"].as_array().map(Vec::len), Some(0), "{told:#}");
    assert_eq!(desk.place.current().as_deref(), Some(FIRST));
    screen.keys("\x03");
    screen.ends();
}
