//! Which system calls a plugin's child may make, as a seccomp filter. Refuses by an error and never by a kill: a library
//! that tries something is told no, and works on.
//!
//! It is a list of what is denied, since a plugin brings a TLS stack and a runtime of its own, whose calls nobody could
//! list for good. What it denies falls into four parts: starting another program, reaching into another process, changing
//! the system, and every way around the rules on folders and ports that Landlock doesn't see.

use crate::demands::Demands;
use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Compare, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Confines the calling thread and every one that it starts from here on.
///
/// # Errors
///
/// The reason in words: the kernel has no filters, or the processor is one that nobody wrote a list for.
pub(crate) fn deny(demands: &Demands) -> Result<(), String> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let build = |rules: Rules, errno: i32| -> Result<BpfProgram, BackendError> {
        let denied = SeccompAction::Errno(errno.unsigned_abs());
        SeccompFilter::new(rules, SeccompAction::Allow, denied, arch)?.try_into()
    };
    let rules = denied(demands, own).and_then(|rules| build(both_ways(rules), libc::EPERM));
    // Its flags lie in memory, where no filter sees them; the C library takes ENOSYS for an old kernel and uses `clone`.
    let clone3 = build(both_ways([(libc::SYS_clone3, Vec::new())].into()), libc::ENOSYS);
    for filter in [rules, clone3] {
        let filter = filter.map_err(|error| error.to_string())?;
        seccompiler::apply_filter(&filter).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// A call, and when it is denied: always where there is no rule, else when one holds.
type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Calls that no plugin needs, whatever their arguments.
const ALWAYS: &[c_long] = &[
    // another program
    libc::SYS_execve,
    libc::SYS_execveat,
    // into another process
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_tkill,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    // the system
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_mount_setattr,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_personality,
    // around the rules: calls made in a ring, a file by its number, a port that somebody else connects to, and what can be
    // done to a file by its path without opening it
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_listen,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
];

/// Too young for the C library's table of every processor; numbers of this age are the same on all of them.
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const FILE_SETATTR: c_long = 469;

/// What younger processors never had.
#[cfg(target_arch = "x86_64")]
const OLD: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[c_long] = &[];

fn denied(demands: &Demands, own: i32) -> Result<Rules, BackendError> {
    let mut rules: Rules = ALWAYS.iter().chain(OLD).map(|&call| (call, Vec::new())).collect();
    // A thread is no process. For namespaces of its own (CLONE_NEW…) a thread needs rights that were given up.
    rules.insert(libc::SYS_clone, vec![all([clear(0, libc::CLONE_THREAD as u64)])?]);
    for (call, argument) in
        [(libc::SYS_kill, 0), (libc::SYS_tgkill, 0), (libc::SYS_rt_sigqueueinfo, 0), (libc::SYS_rt_tgsigqueueinfo, 0)]
    {
        rules.insert(call, vec![all([not(argument, own as u64)])?]);
    }
    rules.insert(libc::SYS_prlimit64, vec![all([not(0, 0), not(0, own as u64)])?]);
    // Once dumpable again, any process of the same user could read its memory.
    let process_wide = [libc::PR_SET_DUMPABLE, libc::PR_SET_PTRACER];
    let process_wide = process_wide.map(|option| all([is(0, option as u64)]));
    rules.insert(libc::SYS_prctl, process_wide.into_iter().collect::<Result<_, _>>()?);
    // Data in the first packet makes a connection that isn't asked about its port.
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.insert(call, vec![all([set(flags, libc::MSG_FASTOPEN as u64)])?]);
    }
    // A datagram socket of a pair can still be pointed at somebody else's.
    rules.insert(libc::SYS_socketpair, others(&[libc::SOCK_STREAM], |kind| vec![masked(1, 0xf, kind)])?);
    rules.insert(libc::SYS_socket, sockets(demands)?);
    // By an open file, and only where files may be written: one that is open for reading would do.
    if demands.write.is_empty() {
        for call in [libc::SYS_fchmod, libc::SYS_fchown, libc::SYS_fsetxattr, libc::SYS_fremovexattr] {
            rules.insert(call, Vec::new());
        }
        rules.insert(libc::SYS_utimensat, Vec::new());
    } else {
        rules.insert(libc::SYS_utimensat, vec![all([whole_not(1, 0)])?]);
    }
    Ok(rules)
}

/// When a socket is denied: always without a network; else all but TCP, and where names are looked up UDP and the
/// kernel's list of its own addresses. Unix sockets lead to agents, buses and daemons that act for whoever connects.
fn sockets(demands: &Demands) -> Result<Vec<SeccompRule>, BackendError> {
    if demands.ports.is_empty() && !demands.names {
        return Ok(Vec::new());
    }
    let netlink = libc::AF_NETLINK as u64;
    let mut families = vec![not(0, libc::AF_INET as u64), not(0, libc::AF_INET6 as u64)];
    let mut kinds = vec![libc::SOCK_STREAM];
    // Other protocols than TCP's own connect without being asked about their port.
    let mut protocols = vec![not(0, netlink), not(2, 0), not(2, libc::IPPROTO_TCP as u64)];
    if demands.names {
        families.push(not(0, netlink));
        kinds.push(libc::SOCK_DGRAM);
        protocols.push(not(2, libc::IPPROTO_UDP as u64));
    }
    let mut rules = vec![all(families)?, all(protocols)?];
    rules.push(all([is(0, netlink), not(2, libc::NETLINK_ROUTE as u64)])?);
    rules.extend(others(&kinds, |kind| vec![not(0, netlink), masked(1, 0xf, kind)])?);
    Ok(rules)
}

/// A rule for each kind of socket but these.
fn others(
    kinds: &[i32],
    rule: impl Fn(u64) -> Vec<Result<SeccompCondition, BackendError>>,
) -> Result<Vec<SeccompRule>, BackendError> {
    (0..=0xf).filter(|kind| !kinds.contains(kind)).map(|kind| all(rule(kind as u64))).collect()
}

fn all(
    conditions: impl IntoIterator<Item = Result<SeccompCondition, BackendError>>,
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

// The kernel looks at 32 bits of these arguments, and so does the filter: what stands above must not fool it.

fn is(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Length::Dword, Compare::Eq, value)
}

fn not(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Length::Dword, Compare::Ne, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Length::Dword, Compare::MaskedEq(mask), value)
}

fn set(argument: u8, bit: u64) -> Result<SeccompCondition, BackendError> {
    masked(argument, bit, bit)
}

fn clear(argument: u8, bit: u64) -> Result<SeccompCondition, BackendError> {
    masked(argument, bit, 0)
}

/// For a pointer.
fn whole_not(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Length::Qword, Compare::Ne, value)
}

/// The same calls by the numbers of the x32 interface, which the kernel may offer beside its own.
#[cfg(target_arch = "x86_64")]
fn both_ways(rules: Rules) -> Rules {
    const X32: c_long = 0x4000_0000;
    /// Calls that have numbers of their own there, execve and ptrace among them.
    const OWN: std::ops::RangeInclusive<c_long> = 512..=547;
    let again: Rules = rules.iter().map(|(&call, rules)| (call | X32, rules.clone())).collect();
    let own = OWN.map(|call| (call | X32, Vec::new()));
    rules.into_iter().chain(again).chain(own).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn both_ways(rules: Rules) -> Rules {
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_made_for_every_kind_of_plugin() {
        for (ports, names, write) in [(vec![], false, vec![]), (vec![443], true, vec!["/x".into()])] {
            let rules = denied(&Demands { ports, names, write, read: Vec::new() }, 77).unwrap();
            for arch in [TargetArch::x86_64, TargetArch::aarch64] {
                let denied = SeccompAction::Errno(1);
                let filter = SeccompFilter::new(both_ways(rules.clone()), SeccompAction::Allow, denied, arch).unwrap();
                let program: BpfProgram = filter.try_into().unwrap();
                assert!(program.len() < 4096, "{}", program.len());
            }
        }
    }
}
