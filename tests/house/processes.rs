//! Who else runs: the processes under one, and their end. Refuses to look at anybody by name: a process is known by who
//! started it.

use super::PATIENCE;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::OwnedFd;

/// A process that is held: its number can't come to mean another.
pub(crate) struct Process {
    pub(crate) pid: i32,
    handle: OwnedFd,
}

impl Process {
    /// Takes hold of a process that runs.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Self { pid, handle })
    }

    /// Waits for its end; false when it outlived all patience.
    pub(crate) fn ends(&self) -> bool {
        self.ends_within(PATIENCE.as_secs() as i64)
    }

    /// True when it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ends_within(0)
    }

    fn ends_within(&self, seconds: i64) -> bool {
        let mut ended = [PollFd::new(&self.handle, PollFlags::IN)];
        matches!(poll(&mut ended, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })), Ok(1..))
    }

    /// What becomes readable when it ends.
    pub(crate) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    /// What it was called with.
    pub(crate) fn command_line(&self) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default()
    }
}

/// All that a process has started, and they in turn.
pub(crate) fn under(pid: u32) -> Vec<Process> {
    let mut found = Vec::new();
    let mut rest = children(pid as i32);
    while let Some(pid) = rest.pop() {
        rest.extend(children(pid));
        found.extend(Process::of(pid));
    }
    found
}

fn children(pid: i32) -> Vec<i32> {
    // Each thread has its own list.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}
