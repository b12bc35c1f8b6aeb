//! What each verb says, word by word, in `said/`. Refuses to repeat the words here.

use crate::house::{House, transcript::holds};

#[test]
fn the_guides_lines_do_what_the_guide_says() {
    holds(&House::new(), "guide.txt");
}

#[test]
fn init_sets_up_once() {
    holds(&House::new(), "init.txt");
}

#[test]
fn secrets_are_stored_found_and_removed() {
    holds(&House::qa(), "secrets.txt");
}

#[test]
fn what_goes_wrong_is_said_with_its_status() {
    holds(&House::qa(), "wrong.txt");
}

#[test]
fn the_kill_switch_says_what_it_did_and_what_to_do_next() {
    holds(&House::qa(), "kill.txt");
}

#[test]
fn without_an_environment_only_the_files_own_verbs_work() {
    holds(&House::new(), "no-environment.txt");
}

#[test]
fn the_verbs_that_only_look() {
    let house = House::qa();
    house.run(&["secrets", "set", "broker.password", "a"]).expect_status(0);
    house.run(&["secrets", "set", "data.feed", "b"]).expect_status(0);
    holds(&house, "looking.txt");
}

#[test]
fn the_same_as_data() {
    let house = House::qa();
    house.run(&["secrets", "set", "broker.password", "a"]).expect_status(0);
    holds(&house, "data.txt");
}
