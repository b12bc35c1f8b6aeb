//! SIGKILL before and after each step, forward and back, also of who takes over: the next start or a watcher brings the
//! rotation to its end, a reader has a valid credential at every moment, and nothing is left over.

use crate::desk::{Desk, FIRST};
use crate::place::Kind;

const FORWARD: [&str; 11] =
    ["check", "stage", "set", "test", "promote", "unstage", "grace", "retire", "verify", "drop", "end"];
const BACK: [&str; 4] = ["restore", "revoke", "discard", "end"];

fn points(steps: &[&str]) -> Vec<String> {
    steps.iter().flat_map(|step| [format!("{step}:before"), format!("{step}:after")]).collect()
}

/// Carried on by the next start, once nobody has to be waited for.
#[track_caller]
fn resumed(desk: &Desk, what: &str) -> String {
    desk.past_the_lease();
    let said = desk.rotate("resume");
    assert!([0, 1].contains(&said.status), "{what}: {said:?}");
    desk.ended()
}

fn killed_forward(kind: Kind) {
    let desk = Desk::of(kind);
    let reader = desk.reader();
    let mut before = FIRST.to_owned();
    let points = [vec!["planned:after".to_owned()], points(&FORWARD)].concat();
    for point in &points {
        let made = desk.broker.ever();
        assert!(desk.dies("start", point), "{kind:?} never came to {point}: {:#}", desk.status());
        assert_eq!(resumed(&desk, point), "done", "{kind:?} killed at {point}");
        let now = desk.is_settled(point);
        assert_ne!(now, before, "{kind:?} killed at {point}: it is another value");
        assert_eq!(desk.broker.ever(), made + 1, "{kind:?} killed at {point}: one value reached the broker");
        before = now;
    }
    reader.was_never_cut_off();
    desk.journal_is_whole();
}

#[test]
fn killed_at_each_step_a_rotation_in_vault_comes_to_its_end() {
    killed_forward(Kind::Vault);
}

#[test]
fn killed_at_each_step_a_rotation_in_aws_comes_to_its_end() {
    killed_forward(Kind::Aws);
}

#[test]
fn killed_at_each_step_a_rotation_of_the_fernet_file_comes_to_its_end() {
    killed_forward(Kind::Fernet);
}

fn killed_on_the_way_back(kind: Kind) {
    let desk = Desk::with(kind, "1h", "");
    let reader = desk.reader();
    for point in points(&BACK) {
        // In grace, and its runner is gone.
        assert!(desk.dies("start", "unstage:after"), "{kind:?}: {:#}", desk.status());
        desk.past_the_lease();
        assert!(desk.dies("rollback", &point), "{kind:?} never came to {point}: {:#}", desk.status());
        assert_eq!(resumed(&desk, &point), "rolled back", "{kind:?} killed at {point}");
        assert_eq!(desk.is_settled(&point), FIRST, "{kind:?} killed at {point}");
    }
    reader.was_never_cut_off();
    desk.journal_is_whole();
}

#[test]
fn killed_on_the_way_back_a_rotation_in_vault_comes_to_its_end() {
    killed_on_the_way_back(Kind::Vault);
}

#[test]
fn killed_on_the_way_back_a_rotation_in_aws_comes_to_its_end() {
    killed_on_the_way_back(Kind::Aws);
}

#[test]
fn killed_on_the_way_back_a_rotation_of_the_fernet_file_comes_to_its_end() {
    killed_on_the_way_back(Kind::Fernet);
}

/// Who takes over is killed too, as is who takes over from that one.
fn killed_in_take_over(kind: Kind) {
    let desk = Desk::of(kind);
    let reader = desk.reader();
    let chains = [
        ["stage:after", "taken:after", "stage:after", "promote:before"],
        ["set:before", "set:after", "test:after", "promote:after"],
        ["promote:before", "promote:after", "unstage:before", "retire:after"],
        ["promote:after", "taken:after", "grace:after", "drop:before"],
        ["retire:before", "retire:after", "verify:after", "end:before"],
    ];
    for chain in chains {
        assert!(desk.dies("start", chain[0]), "{kind:?} {chain:?}: {:#}", desk.status());
        for point in &chain[1..] {
            desk.past_the_lease();
            // A step that the one before has already told is not done again.
            desk.dies("resume", point);
        }
        assert_eq!(resumed(&desk, chain[0]), "done", "{kind:?} {chain:?}");
        desk.is_settled(&format!("{chain:?}"));
    }
    reader.was_never_cut_off();
    desk.journal_is_whole();
}

#[test]
fn who_takes_over_in_vault_may_be_killed_too() {
    killed_in_take_over(Kind::Vault);
}

#[test]
fn who_takes_over_in_aws_may_be_killed_too() {
    killed_in_take_over(Kind::Aws);
}

#[test]
fn who_takes_over_the_fernet_file_may_be_killed_too() {
    killed_in_take_over(Kind::Fernet);
}

#[test]
fn a_watcher_takes_over_what_nobody_carries() {
    let desk = Desk::of(Kind::Vault);
    desk.house.run(&["init", "--latch"]).expect_status(0);
    let reader = desk.reader();
    let watcher = desk.house.watcher();
    for point in ["stage:after", "promote:before", "retire:after"] {
        assert!(desk.dies("start", point), "never came to {point}: {:#}", desk.status());
        desk.past_the_lease();
        let told = desk.status_until("its end", |told| !told["ended"].is_null());
        assert_eq!(told["ended"]["how"], "done", "killed at {point}: {told:#}");
        desk.is_settled(point);
    }
    assert!(!watcher.has_ended());
    watcher.kill();
    reader.was_never_cut_off();
    desk.journal_is_whole();
}
