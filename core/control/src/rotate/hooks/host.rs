//! `quarterdeck hook-host PARENT MILLISECONDS -- PROGRAM…`: stands between a runner and its hook, so that a hook never outlives a
//! runner that is killed, nor its time. Refuses to be started by anybody else, and to read what is meant for the hook.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, kill_current_process_group, kill_process, pidfd_open, setsid,
};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};

/// The verb; only the program itself says it.
pub(super) const VERB: &str = "hook-host";
/// So often it looks at the clock.
const LOOKS: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// As a shell tells it.
const NOT_THERE: u8 = 127;
const NOT_TO_BE_RUN: u8 = 126;
/// The system has no room for it, or somebody is writing it: asked again.
const NOT_NOW: u8 = 75;

/// Runs the hook that its arguments name, and ends as it ends. To be called before any thread is there.
pub fn hook_host() -> u8 {
    let mut words = std::env::args_os().skip(2);
    let parent = words.next().and_then(|pid| pid.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let within = words.next().and_then(|ms| ms.to_str()?.parse::<u64>().ok());
    let (Some(parent), Some(within), Some(program)) = (parent, within, words.nth(1)) else { return not_for_people() };
    // By the boot clock: a machine that sleeps, and a process that is stopped, take their time from it.
    let end = quarterdeck_clock::moment().boot_ns.saturating_add(within.saturating_mul(1_000_000));
    let Ok(held) = pidfd_open(parent, PidfdFlags::empty()) else { return not_for_people() };
    // Held first: a number that is our parent's now is that of the process that is held.
    if getppid() != Some(parent) {
        return not_for_people();
    }
    // A group of its own, which ends as one, and no terminal to ask a person at.
    if setsid().is_err() {
        return not_for_people();
    }
    let mut hook = match Command::new(&program).args(words).spawn() {
        Ok(hook) => hook,
        Err(error) => {
            eprintln!("{} can't be started: {error}", program.to_string_lossy());
            return match error.kind() {
                ErrorKind::NotFound => NOT_THERE,
                ErrorKind::WouldBlock | ErrorKind::OutOfMemory | ErrorKind::ExecutableFileBusy => NOT_NOW,
                _ => NOT_TO_BE_RUN,
            };
        }
    };
    let_go_of_its_streams();
    let Ok(ended) = pidfd_open(Pid::from_child(&hook), PidfdFlags::empty()) else { end_all() };
    loop {
        let mut both = [PollFd::new(&held, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
        if quarterdeck_clock::moment().boot_ns >= end {
            end_all();
        }
        match poll(&mut both, Some(&LOOKS)) {
            Ok(0) => {}
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) if !both[1].revents().is_empty() => break,
            Ok(_) | Err(_) => end_all(),
        }
    }
    hook.wait().map_or(NOT_TO_BE_RUN, end_as)
}

fn not_for_people() -> u8 {
    eprintln!("quarterdeck: 'hook-host' is started by the program itself, for each hook; it is no command");
    2
}

/// The hook alone reads and writes: when it closes a stream, that is seen.
fn let_go_of_its_streams() {
    if let Ok(nothing) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&nothing);
        let _ = rustix::stdio::dup2_stdout(&nothing);
        let _ = rustix::stdio::dup2_stderr(&nothing);
    }
}

/// The runner is gone, or the time is over: so is all of its hook, and this.
fn end_all() -> ! {
    let _ = kill_current_process_group(Signal::KILL);
    std::process::exit(1)
}

/// The same status, or the same signal.
fn end_as(status: ExitStatus) -> u8 {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        let _ = kill_process(getpid(), signal);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(NOT_TO_BE_RUN)
}
