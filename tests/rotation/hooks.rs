//! Hooks of the real program: they end with their runner, and a value is in no process' arguments and environment.

use crate::desk::Desk;
use crate::house::processes::{Process, under};
use crate::place::Kind;

fn hooks(desk: &Desk, pid: u32) -> Vec<Process> {
    let file = desk.house.path("hooks/broker").display().to_string();
    let is_hook = |words: &[u8]| words.windows(file.len()).any(|part| part == file.as_bytes());
    let found: Vec<Process> = under(pid).into_iter().filter(|process| is_hook(&process.command_line())).collect();
    assert!(found.len() >= 2, "the hook, and what stands beside it");
    found
}

#[test]
fn a_hook_ends_with_a_runner_that_is_killed() {
    let desk = Desk::of(Kind::Vault);
    desk.broker.hold("add", 1);
    let running = desk.begin();
    desk.broker.arrived();
    let hooks = hooks(&desk, running.pid());
    running.kill();
    for hook in hooks {
        assert!(hook.ends(), "{} outlived its runner", hook.pid);
    }
    desk.broker.go_on();
    desk.past_the_lease();
    desk.rotate("resume").expect_status(0);
    desk.is_settled("after all");
}

#[test]
fn a_value_is_in_nobodys_arguments_and_environment() {
    let desk = Desk::of(Kind::Vault);
    desk.broker.hold("add", 1);
    let running = desk.begin();
    desk.broker.arrived();
    let told = |process: &Process| {
        let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        [process.command_line(), environment].concat()
    };
    hooks(&desk, running.pid());
    let all: Vec<Vec<u8>> = under(running.pid()).iter().map(told).collect();
    desk.broker.go_on();
    running.ended().expect_status(0);
    let value = desk.is_settled("done");
    for told in all {
        assert!(!told.windows(value.len()).any(|part| part == value.as_bytes()));
    }
    let journal = desk.house.journal("qa").iter().map(|event| event.to_string()).collect::<String>();
    assert!(!journal.contains(&value), "the journal has fingerprints and no values");
}

#[test]
fn how_a_hook_ended_comes_through() {
    let desk = Desk::of(Kind::Vault);
    for (line, words) in [
        ("kill -TERM $$", "signal 15"),
        ("exit 75", "not now"),
        ("no-such-program-here", "is not there"),
        ("exec tail -f /dev/null", "not done after 1 s"),
        ("read word < /dev/tty ; exit 75", "not now"),
    ] {
        let hooks = format!("[secret.set]\ncommand = [\"/bin/sh\", \"-c\", \"{line}\"]\nwithin = \"1s\"\n");
        desk.configure("1s", "", &hooks);
        let running = desk.begin();
        let is_told = |told: &serde_json::Value| told["waits"].as_str().is_some_and(|waits| waits.contains(words));
        desk.status_until(words, is_told);
        running.kill();
        desk.past_the_lease();
        desk.rotate("abort").expect_status(0);
        assert_eq!(desk.place.pending(), "");
    }
}

#[test]
fn the_verb_beside_a_hook_is_no_command() {
    let desk = Desk::of(Kind::Fernet);
    for words in [&["hook-host"][..], &["hook-host", "1", "--", "/bin/true"], &["hook-host", "x", "--", "/bin/true"]] {
        let said = desk.house.run(words).expect_status(2);
        assert!(said.stderr.contains("it is no command"), "{said:?}");
    }
}
