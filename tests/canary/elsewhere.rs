//! What other processes can see: command lines, environments, limits, memory.

use crate::birds::Aviary;
use crate::house::processes::{Process, under};

#[test]
fn no_process_has_a_value_in_its_command_line_or_a_plugin_one_in_its_environment() {
    let aviary = Aviary::new();
    let mut screen = aviary.house.open(&[], 160, 48);
    screen.shows("backends 4/4");
    let plugins = under(screen.pid());
    assert_eq!(plugins.len(), 3, "env, fernet and shelf; yaml is built in");
    let cockpit = Process::of(screen.pid() as i32).expect("it runs");
    for process in plugins.iter().chain([&cockpit]) {
        let line = process.command_line();
        assert_ne!(line, b"", "process {} has a command line", process.pid);
        aviary.none_in(&format!("the command line of {}", process.pid), &line);
    }
    for plugin in &plugins {
        // Undumpable: only root may look, and finds nothing.
        if let Ok(environment) = std::fs::read(format!("/proc/{}/environ", plugin.pid)) {
            let name = String::from_utf8_lossy(&plugin.command_line()).into_owned();
            assert_eq!(environment.escape_ascii().to_string(), "", "the environment of {name}");
        }
    }
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn nobody_dumps_core_and_nobody_else_may_look_into_the_memory() {
    let aviary = Aviary::new();
    let mut screen = aviary.house.open(&[], 160, 48);
    screen.shows("backends 4/4");
    let mut pids: Vec<i32> = under(screen.pid()).iter().map(|process| process.pid).collect();
    pids.push(screen.pid() as i32);
    for pid in pids {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        let numbers: Vec<&str> = core.split_whitespace().filter(|word| word.chars().all(char::is_numeric)).collect();
        assert_eq!(numbers, ["0", "0"], "{core}");
        // An undumpable process belongs to root, whoever started it.
        use std::os::unix::fs::MetadataExt;
        let owner = std::fs::metadata(format!("/proc/{pid}/mem")).expect("its memory").uid();
        assert_eq!(owner, 0, "process {pid} can be looked into");
    }
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn a_killed_cockpit_leaves_no_core_and_no_value() {
    use rustix::process::Signal;
    for signal in [Signal::QUIT, Signal::ABORT, Signal::KILL] {
        let aviary = Aviary::new();
        let mut screen = aviary.house.open(&[], 160, 48);
        screen.shows("backends 4/4");
        screen.lists("desk.stored");
        let plugins = under(screen.pid());
        screen.signal(signal);
        assert!(screen.ends() >= 128);
        assert!(plugins.iter().all(Process::ends));
        aviary.none_in("what the terminal was sent", screen.sent());
        aviary.none_in_files();
    }
}
