//! Everything bad that a library can do to its process.

use quarterdeck_contract::{BackendError, ErrorKind, Result};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Does it. Most don't return; those that do come back as if nothing had been.
pub(crate) fn commit(mode: &str) -> Result<()> {
    if let Some(file) = mode.strip_prefix("open:") {
        let opened = fs::File::open(file).map(drop);
        return opened.map_err(|error| BackendError::new(ErrorKind::Unreachable, error.to_string()));
    }
    if let Some(words) = mode.strip_prefix("say:") {
        eprintln!("{words}");
        return Ok(());
    }
    match mode {
        "panic" => panic!("misbehaving on purpose"),
        "panic-value" => panic!("formatted: {}", String::from("canary-in-a-panic")),
        "hang" => loop {
            std::thread::park();
        },
        "chatter" => loop {
            quarterdeck_abi::log(quarterdeck_abi::Level::Debug, "and another thing");
        },
        "abort" => std::process::abort(),
        "overflow" => {
            overflow(1);
        }
        "exit" => std::process::exit(0),
        "flood" => flood(std::io::stderr().lock()),
        "print" => flood(std::io::stdout().lock()),
        "say" => eprintln!("\x1b[31mlast words"),
        "garble" => {
            let _ = socket().write_all(&[0xAA; 64]);
        }
        "close" => {
            let _ = socket().shutdown(Shutdown::Both);
        }
        "refuse" => return Err(BackendError::denied("good will", "no")),
        _ => {}
    }
    Ok(())
}

#[allow(unconditional_recursion, reason = "that is its purpose")]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + std::hint::black_box(room)[0]
}

/// Ten megabytes.
fn flood(mut out: impl Write) {
    let line = [b'x'; 1023];
    for _ in 0..10_240 {
        let _ = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
    }
    let _ = out.flush();
}

/// The host's own socket, found among the open files: what a hostile library would go for.
fn socket() -> UnixStream {
    let is_socket = |number: &i32| {
        fs::read_link(format!("/proc/self/fd/{number}")).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    };
    let number = (0..64).find(is_socket).expect("a host has a socket");
    let process = pidfd_open(getpid(), PidfdFlags::empty()).expect("our own process");
    UnixStream::from(pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).expect("our own file"))
}
