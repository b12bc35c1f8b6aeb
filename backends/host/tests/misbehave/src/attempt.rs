//! What a library may try on the system from inside its process, each by an ordinary call that tells what came of it:
//! `extra("attempt", { what, on })`. Refuses to hide the system's answer: it is the error's text.

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use quarterdeck_contract::{BackendError, ErrorKind, Extra, ExtraReply, Result};
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Tries it. `Ok` tells what it gave, the error what the system said.
pub(crate) fn attempt(extra: &Extra) -> Result<ExtraReply> {
    let argument = |name: &str| extra.arguments.get(name).map(String::as_str).unwrap_or_default();
    let told = |gave: String| ExtraReply { results: [("gave".to_owned(), gave)].into(), secret: None };
    commit(argument("what"), argument("on")).map(told).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                ErrorKind::Denied { missing: argument("what").to_owned(), grant: String::new() }
            }
            _ => ErrorKind::Unreachable,
        };
        BackendError::new(kind, error.to_string())
    })
}

fn commit(what: &str, on: &str) -> io::Result<String> {
    let nothing = |()| String::new();
    match what {
        "read" => fs::read(on).map(|bytes| bytes.len().to_string()),
        "list" => fs::read_dir(on).map(|entries| entries.count().to_string()),
        "make" => fs::write(on, "made").map(nothing),
        "make folder" => fs::create_dir_all(on).map(nothing),
        "empty" => rustix::fs::open(on, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty())
            .map_err(io::Error::from)
            .and_then(|_| OpenOptions::new().write(true).truncate(true).open(on).map(|_| String::new())),
        "remove" => fs::remove_file(on).map(nothing),
        "rename" => fs::rename(on, format!("{on}.away")).map(nothing),
        "link" => std::os::unix::fs::symlink("/etc/shadow", on).map(nothing),
        "mode" => fs::set_permissions(on, Permissions::from_mode(0o777)).map(nothing),
        "mode of open" => File::open(on)?.set_permissions(Permissions::from_mode(0o600)).map(nothing),
        "start" => Command::new(on).spawn().map(|_| String::new()),
        "exec" => Err(Command::new(on).exec()),
        "fork" => rustix_fork(),
        "thread" => std::thread::Builder::new().spawn(|| "joined".to_owned())?.join().map_err(|_| broken()),
        "trace" => Ok(nix::sys::ptrace::attach(nix::unistd::Pid::from_raw(number(on)?)).map(nothing)?),
        "memory" => {
            let mut room = [0; 8];
            let from = [RemoteIoVec { base: 0x1000, len: 8 }];
            let read =
                process_vm_readv(nix::unistd::Pid::from_raw(number(on)?), &mut [IoSliceMut::new(&mut room)], &from)?;
            Ok(read.to_string())
        }
        "descriptor" => {
            let process = rustix::process::pidfd_open(pid(on)?, PidfdFlags::empty())?;
            rustix::process::pidfd_getfd(&process, 0, PidfdGetfdFlags::empty())?;
            Ok(String::new())
        }
        // Signal 0 is asked whether it could be sent.
        "signal" => Ok(rustix::process::test_kill_process(pid(on)?).map(nothing)?),
        "dumpable" => {
            use rustix::process::{DumpableBehavior, set_dumpable_behavior};
            Ok(set_dumpable_behavior(DumpableBehavior::Dumpable).map(nothing)?)
        }
        "connect" => TcpStream::connect(address(on)?).map(|_| String::new()),
        "listen" => TcpListener::bind(address(on)?).map(|_| String::new()),
        "datagram" => UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", on).map(|sent| sent.to_string()),
        "unix" => UnixStream::connect(on).map(|_| String::new()),
        "pair" => UnixStream::pair().map(|_| String::new()),
        "datagram pair" => UnixDatagram::pair().map(|_| String::new()),
        "raw" => Ok(rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(rustix::net::ipproto::ICMP))
            .map(|_| String::new())?),
        "multipath" => Ok(rustix::net::socket(
            AddressFamily::INET,
            SocketType::STREAM,
            rustix::net::Protocol::from_raw(262.try_into().map_err(|_| broken())?).into(),
        )
        .map(|_| String::new())?),
        "resolve" => Ok((on, 0).to_socket_addrs()?.map(|found| found.ip().to_string()).collect::<Vec<_>>().join(" ")),
        "chroot" => Ok(rustix::process::chroot(on).map(nothing)?),
        // From the mathematical library, which nothing else here is linked to.
        "compute" => Ok(format!("{:.4}", std::hint::black_box(2.0f64).powf(0.5).tan())),
        _ => Err(broken()),
    }
}

/// `posix_spawn` and `fork` alike: a program that is not there needs a process to fail in.
fn rustix_fork() -> io::Result<String> {
    match Command::new("/no/such/program").spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok("there was a process".to_owned()),
        other => other.map(|_| String::new()),
    }
}

fn number(text: &str) -> io::Result<i32> {
    text.parse().map_err(|_| broken())
}

fn pid(text: &str) -> io::Result<Pid> {
    Pid::from_raw(number(text)?).ok_or_else(broken)
}

fn address(text: &str) -> io::Result<SocketAddr> {
    text.parse().map_err(|_| broken())
}

fn broken() -> io::Error {
    io::Error::other("the attempt makes no sense")
}
