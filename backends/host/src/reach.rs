//! Which files and TCP ports a plugin's child may reach, as Landlock rules. Refuses everything that isn't demanded, but
//! for the system's libraries, which the loader reads.

use crate::demands::Demands;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, Scope, path_beneath_rules,
};
use std::path::{Path, PathBuf};

/// Where the loader finds what a library is linked to; whoever runs on this system reads them.
const LIBRARIES: &[&str] =
    &["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/etc/ld.so.cache"];

/// What the C library reads to find a host by its name.
const RESOLVER: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/networks",
];

/// DNS over TCP, which the resolver falls back to for a long answer.
const DNS: u16 = 53;

/// Confines the calling thread and every one that it starts from here on. Gives the version of Landlock that it found, 0
/// for none; one above `at_most` isn't used.
///
/// # Errors
///
/// What the kernel refuses although it has Landlock.
pub(crate) fn confine(demands: &Demands, at_most: u8) -> Result<u8, RulesetError> {
    if at_most == 0 {
        return Ok(0);
    }
    let abi = ABI::from(i32::from(at_most));
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?;
    if at_most >= 4 {
        rules = rules.handle_access(AccessNet::from_all(abi))?;
    }
    if at_most >= 6 {
        rules = rules.scope(Scope::from_all(abi))?;
    }
    let mut rules = rules
        .create()?
        .add_rules(path_beneath_rules(LIBRARIES, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&demands.read, read))?
        .add_rules(path_beneath_rules(&demands.write, read | write(abi)))?;
    if demands.names {
        rules = rules.add_rules(path_beneath_rules(resolver(), AccessFs::ReadFile))?;
    }
    if at_most >= 4 {
        let dns = demands.names.then_some(DNS);
        for port in demands.ports.iter().copied().chain(dns) {
            rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
    }
    Ok(match rules.restrict_self()?.landlock {
        LandlockStatus::Available { effective_abi, .. } => (effective_abi as i32).clamp(0, i32::from(at_most)) as u8,
        _ => 0,
    })
}

/// To make, change and remove files and folders; not links, devices, pipes or sockets.
fn write(abi: ABI) -> BitFlags<AccessFs> {
    use AccessFs::*;
    (WriteFile | RemoveFile | RemoveDir | MakeReg | MakeDir | Refer | Truncate) & AccessFs::from_all(abi)
}

/// The resolver's files as they are now. One that is a link into a folder of its own (`/run/systemd/resolve`) gives that
/// folder: what is in it is renamed over.
pub(crate) fn resolver() -> Vec<PathBuf> {
    let folder = |file: &Path| {
        let target = file.canonicalize().ok()?;
        let folder = target.parent()?;
        (folder != Path::new("/etc")).then(|| folder.to_owned())
    };
    RESOLVER
        .iter()
        .map(|file| {
            let file = PathBuf::from(file);
            if file.is_symlink() { folder(&file).unwrap_or(file) } else { file }
        })
        .collect()
}
