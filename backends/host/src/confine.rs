//! A child confines itself, before it has a second thread and before it runs the first line of a plugin. Refuses to claim
//! what it didn't get: what the kernel can't give is told, each in words.

use crate::demands::Demands;
use crate::status::Confinement;
use crate::{calls, reach};
use quarterdeck_contract::{BackendError, ErrorKind};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use serde::{Deserialize, Serialize};

/// What of the kernel may be used: all that is there, but in a test that wants an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The newest Landlock; 0 is none.
    pub landlock: u8,
    /// Whether it filters system calls.
    pub seccomp: bool,
}

impl Kernel {
    /// The newest Landlock that is known here.
    pub const LANDLOCK: u8 = 9;
}

impl Default for Kernel {
    fn default() -> Self {
        Self { landlock: Self::LANDLOCK, seccomp: true }
    }
}

/// Landlock's first version that holds a file outside the folders against being emptied, and the first that knows ports.
const TRUNCATE: u8 = 3;
const TCP: u8 = 4;

/// Before the first secret arrives: no core file, no debugger, no `/proc/PID/mem`, nothing to gain by an exec. Gives what
/// the system refuses.
pub(crate) fn harden() -> Vec<String> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let steps = [
        ("core files can't be switched off", setrlimit(Resource::Core, none)),
        ("other processes can't be kept out of it", set_dumpable_behavior(DumpableBehavior::NotDumpable)),
        ("a program it starts may gain rights", set_no_new_privs(true)),
    ];
    steps.into_iter().filter_map(|(lack, done)| done.err().map(|why| format!("{lack} ({why})"))).collect()
}

/// Confines this process to what is demanded. `lacks` is what [`harden`] gave.
pub(crate) fn confine(demands: &Demands, kernel: Kernel, mut lacks: Vec<String>) -> Confinement {
    for (lack, done) in [("open files are not limited", limit()), ("the rights of root stay", give_up_rights())] {
        lacks.extend(done.err().map(|why| format!("{lack} ({why})")));
    }
    let landlock = reach::confine(demands, kernel.landlock).unwrap_or_else(|why| {
        eprintln!("quarterdeck: Landlock refuses the rules: {why}");
        0
    });
    let network = demands.names || !demands.ports.is_empty();
    let filtered = if kernel.seccomp { calls::deny(demands) } else { Err("there is no seccomp".to_owned()) };
    if let Err(why) = &filtered {
        lacks.push(format!("it may start programs and open any kind of socket ({why})"));
    }
    match landlock {
        0 => lacks.push("it may reach every file that you may (the kernel has no Landlock, or has it off)".to_owned()),
        1..TRUNCATE => lacks.push("it may empty any file that you may (Linux before 6.2)".to_owned()),
        _ => {}
    }
    if landlock < TCP && (network || filtered.is_err()) {
        lacks.push("it may connect to every TCP port (Linux before 6.7, or no Landlock)".to_owned());
    }
    Confinement { summary: summary(demands, landlock, filtered.is_ok()), lacks }
}

/// The refusal of whoever wants a plugin confined whole or not at all.
pub(crate) fn refusal(instance: &str, lacks: &[String]) -> BackendError {
    let what = format!("the plugin can't be confined whole: {}", lacks.join("; "));
    BackendError::new(ErrorKind::Invalid, what)
        .doing(format!("confining '{instance}'"))
        .hint("Run it on Linux 6.7 or later with Landlock on, or accept it with [plugins] confinement = \"partial\".")
}

/// A bound on what a plugin can use up: descriptors, and the size of a file it writes, twice the largest frame. Memory
/// and threads have none: the first would count what is only reserved, the second what the user's other programs run.
fn limit() -> rustix::io::Result<()> {
    const FILES: u64 = 1024;
    const LARGEST: u64 = 64 << 20;
    for (resource, most) in [(Resource::Nofile, FILES), (Resource::Fsize, LARGEST)] {
        let least = getrlimit(resource).maximum.map_or(most, |now| now.min(most));
        setrlimit(resource, Rlimit { current: Some(least), maximum: Some(least) })?;
    }
    Ok(())
}

/// Of root's rights those on files alone are kept, and with them Landlock's rules: a plugin that root runs reads the files
/// of the user whom it works for.
fn give_up_rights() -> rustix::io::Result<()> {
    use CapabilitySet as Right;
    let kept = Right::CHOWN | Right::DAC_OVERRIDE | Right::DAC_READ_SEARCH | Right::FOWNER;
    let now = capabilities(None)?;
    let kept = now.permitted & kept;
    set_capabilities(
        None,
        CapabilitySets { effective: now.effective & kept, permitted: kept, inheritable: Right::empty() },
    )
}

/// `2 folders, ports 443 8200, no exec`.
fn summary(demands: &Demands, landlock: u8, filtered: bool) -> String {
    let mut said = Vec::new();
    said.push(match demands.read.len() + demands.write.len() {
        _ if landlock == 0 => "every folder".to_owned(),
        0 => "no folder".to_owned(),
        1 => "1 folder".to_owned(),
        count => format!("{count} folders"),
    });
    let ports: Vec<String> = demands.ports.iter().map(u16::to_string).collect();
    said.push(match ports.len() {
        0 if filtered && !demands.names => "no network".to_owned(),
        _ if landlock < TCP => "every port".to_owned(),
        0 => "no port".to_owned(),
        1 => format!("port {}", ports[0]),
        _ => format!("ports {}", ports.join(" ")),
    });
    if demands.names {
        said.push("names".to_owned());
    }
    if filtered {
        said.push("no exec".to_owned());
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_says_what_is_within_reach() {
        let nothing = Demands::default();
        let some = Demands { read: vec!["/a".into()], write: vec!["/b".into()], ports: vec![443, 8200], names: true };
        assert_eq!(summary(&nothing, 7, true), "no folder, no network, no exec");
        assert_eq!(summary(&some, 7, true), "2 folders, ports 443 8200, names, no exec");
        assert_eq!(summary(&some, 3, true), "2 folders, every port, names, no exec");
        assert_eq!(summary(&nothing, 0, true), "every folder, no network, no exec");
        assert_eq!(summary(&nothing, 0, false), "every folder, every port");
        assert_eq!(summary(&nothing, 7, false), "no folder, no port");
    }

    #[test]
    fn a_refusal_says_what_lacks_and_what_to_do() {
        let said = refusal("vault", &["one thing".into(), "another".into()]).to_string();
        assert!(said.contains("one thing; another, while confining 'vault'. Run it on Linux 6.7"), "{said}");
        assert!(said.contains("[plugins] confinement = \"partial\""), "{said}");
    }
}
