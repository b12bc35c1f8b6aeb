//! A parent that is killed leaves no child, whatever the plugin is doing.

use crate::runner::Test;
use crate::{CALL, PATIENCE, hosted, name};
use quarterdeck_contract::SecretsBackend;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

pub(crate) const TESTS: &[Test] = &[
    ("doomed::an_idle_child_goes_with_its_parent", || outlives_nothing("idle")),
    ("doomed::a_child_that_hangs_in_create_goes_with_its_parent", || outlives_nothing("create")),
    ("doomed::a_child_that_hangs_in_a_call_goes_with_its_parent", || outlives_nothing("call")),
    ("doomed::a_child_that_floods_goes_with_its_parent", || outlives_nothing("flood")),
];

/// The parent: starts a child, tells its number, and waits to be killed.
pub(crate) fn parent(mode: &str) -> ExitCode {
    let backend = hosted(if mode == "create" { "hang" } else { "" });
    backend.start();
    let pid = loop {
        match backend.status() {
            status if mode != "create" && status.state != quarterdeck_host::HostState::Up => {}
            status => {
                if let Some(pid) = status.pid {
                    break pid;
                }
            }
        }
        std::thread::yield_now();
    };
    std::thread::scope(|scope| {
        if mode == "call" || mode == "flood" {
            let what = name(if mode == "call" { "misbehave/hang" } else { "misbehave/flood" });
            let backend = &backend;
            scope.spawn(move || {
                loop {
                    let _ = backend.read(&what, None, CALL);
                }
            });
        }
        println!("{pid}");
        let _ = std::io::stdout().flush();
        loop {
            std::thread::park();
        }
    })
}

fn outlives_nothing(mode: &str) {
    let mut parent = Command::new("/proc/self/exe")
        .args(["doomed-parent", mode])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this very program");
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
    let child = pidfd_open(pid, PidfdFlags::empty()).expect("the child lives as long as its parent");
    parent.kill().unwrap();
    parent.wait().unwrap();
    let timeout = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&child, PollFlags::IN)], Some(&timeout)).unwrap();
    assert_eq!(ended, 1, "the child of a killed parent lives on");
}
