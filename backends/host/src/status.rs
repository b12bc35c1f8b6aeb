//! How a plugin's process is, in words for a tile. Refuses to repeat what the plugin printed without taming it first.

use serde::{Deserialize, Serialize};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// Where a child is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    /// Never started; the first call starts it.
    Idle,
    /// Started, and has not said hello yet.
    Starting,
    /// Answers calls.
    Up,
    /// Dead or refused; the first call after this time starts it again.
    Down {
        /// How long calls are turned away; zero when the next call starts it.
        retry_in: Duration,
    },
    /// Ended by us, for good.
    Stopped,
}

/// What a screen or `plugins list` wants to know of one backend's process.
#[derive(Debug, Clone)]
pub struct HostStatus {
    /// The instance's name.
    pub name: String,
    /// The child's process, while there is one.
    pub pid: Option<u32>,
    /// Where it is in its life.
    pub state: HostState,
    /// Since when.
    pub since: Instant,
    /// How many times it was started again.
    pub restarts: u64,
    /// Why it ended or was refused the last time.
    pub last_error: Option<String>,
    /// Its last log lines and the last that it wrote to standard error, tamed, oldest first.
    pub stderr_tail: Vec<String>,
    /// `child 4121`, `child`, `in process`.
    pub isolation: String,
    /// The kind of plugin, once it was loaded.
    pub plugin: Option<String>,
    /// Its version, once it was loaded.
    pub version: Option<String>,
    /// The version of the joint that it was built for, once it was loaded.
    pub abi: Option<(u16, u16)>,
    /// The SHA-256 of the library in hexadecimal, once it was loaded.
    pub sha256: Option<String>,
    /// What its process may reach, once it was confined; `None` in process and before.
    pub confinement: Option<Confinement>,
}

/// What a child may reach, as the child itself found after it was confined.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confinement {
    /// In a phrase: `2 folders, ports 443 8200, no exec`.
    pub summary: String,
    /// What the kernel here can't give, each in words; empty when it is confined whole.
    pub lacks: Vec<String>,
}

/// How a child ended, for people. `tail` is its last words.
pub(crate) fn ending(status: ExitStatus, tail: &[String]) -> String {
    let said = |words: &str| tail.iter().any(|line| line.contains(words));
    match (status.code(), status.signal()) {
        (Some(101), _) => "panicked and exited 101".to_owned(),
        (Some(code), _) => format!("exited {code} by itself"),
        (_, Some(6)) if said("has overflowed its stack") => "overran its stack (signal 6)".to_owned(),
        (_, Some(6)) => "aborted (signal 6)".to_owned(),
        (_, Some(9)) => "was killed by signal 9 (somebody's kill, or the system had no memory left)".to_owned(),
        (_, Some(signal @ (4 | 7 | 8 | 11))) => format!("crashed (signal {signal})"),
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended in a way the system doesn't tell".to_owned(),
    }
}

/// `5 s`, `5.5 s`, `200 ms`.
pub(crate) fn span(time: Duration) -> String {
    match time.as_millis() {
        ms if ms < 1000 => format!("{ms} ms"),
        ms if ms % 1000 < 100 => format!("{} s", ms / 1000),
        ms => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_has_its_words() {
        let of = |raw, tail: &[&str]| {
            ending(ExitStatus::from_raw(raw), &tail.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(of(101 << 8, &[]), "panicked and exited 101");
        assert_eq!(of(0, &[]), "exited 0 by itself");
        assert_eq!(of(6, &[]), "aborted (signal 6)");
        assert_eq!(of(6, &["thread 'x' has overflowed its stack"]), "overran its stack (signal 6)");
        assert_eq!(of(11, &[]), "crashed (signal 11)");
        assert_eq!(of(15, &[]), "was killed by signal 15");
    }

    #[test]
    fn spans_read_as_people_say_them() {
        let said = [200, 1000, 5500, 30000].map(|ms| span(Duration::from_millis(ms)));
        assert_eq!(said, ["200 ms", "1 s", "5.5 s", "30 s"]);
    }
}
