//! The engine's socket: who listens hears each beat, and may say "look at the latch now". Refuses to wait for anybody, to
//! be a second engine of the same name, and to believe a stranger.

use crate::latch::{self, Trusts};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Record;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// So many may listen at once.
const OBSERVERS: usize = 64;
/// A line may be so long, its end included.
const LINE: usize = 64 << 10;
/// Beats that wait for somebody who doesn't read take so much memory at most, in the system's counting.
const WAITING: usize = 32 << 10;
/// So many that wait at the door are looked at in one turn.
const DOOR: usize = 128;

/// Why there is no socket.
#[derive(Debug)]
pub(crate) enum NoSocket {
    /// Another engine answers there.
    Answered,
    /// It can't be made, or something else has its name.
    Failed(io::Error),
}

impl<E: Into<io::Error>> From<E> for NoSocket {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The socket and everybody at it.
#[derive(Debug)]
pub(crate) struct Observers {
    name: String,
    environment: Environment,
    listener: Option<OwnedFd>,
    /// Nobody is let in before the next second: the process has no descriptor left.
    full: bool,
    observers: Vec<Observer>,
}

#[derive(Debug)]
struct Observer {
    stream: OwnedFd,
    /// What came of a line so far.
    line: Vec<u8>,
}

impl Observers {
    pub(crate) fn new(engine: &str, environment: Environment) -> Self {
        let name = format!("{engine}.sock");
        Self { name, environment, listener: None, full: false, observers: Vec::new() }
    }

    /// Listens, where it doesn't yet or where the name was taken away.
    pub(crate) fn listen(&mut self, folder: &OwnedFd) -> Result<(), NoSocket> {
        self.full = false;
        let there = rustix::fs::statat(folder, self.name.as_str(), AtFlags::SYMLINK_NOFOLLOW);
        match there {
            Ok(_) if self.listener.is_some() => return Ok(()),
            Ok(facts) if FileType::from_raw_mode(facts.st_mode) != FileType::Socket => {
                return Err(io::Error::other(format!("{} is no socket", self.name)).into());
            }
            Ok(_) => self.nobody_answers(folder)?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        self.listener = Some(self.bind(folder)?);
        Ok(())
    }

    /// What to wait for: whoever is at the door, and each observer.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = PollFd<'_>> {
        let door = self.listener.iter().filter(|_| !self.full);
        door.chain(self.observers.iter().map(|one| &one.stream)).map(|fd| PollFd::new(fd, PollFlags::IN))
    }

    /// Lets in who is at the door and believed, and marks each in `asked`; gives how many were refused.
    pub(crate) fn welcome(&mut self, trusts: &Trusts, asked: &mut BTreeSet<usize>) -> u64 {
        let mut refused = 0;
        for _ in 0..DOOR {
            let Some(listener) = &self.listener else { break };
            let stream = match rustix::net::accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(stream) => stream,
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    self.full = true;
                    break;
                }
            };
            let why = match rustix::net::sockopt::socket_peercred(&stream) {
                Ok(peer) if !trusts.believes(peer.uid.as_raw(), &latch::groups(&peer)) => {
                    "only root, the engine's user, and the owner and group of the latch's folder are heard"
                }
                Ok(_) if self.observers.len() >= OBSERVERS => "64 observers are here already",
                Ok(_) => {
                    // Where it can't be made smaller the system's own size bounds it.
                    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, WAITING);
                    asked.insert(self.observers.len());
                    self.observers.push(Observer { stream, line: Vec::new() });
                    continue;
                }
                Err(_) => "it can't be told who this is",
            };
            refused += 1;
            Observer { stream, line: Vec::new() }.tell(&refusal(why));
        }
        refused
    }

    /// Hears everybody. Gives the records that they hand on; whoever says one is marked in `asked`, and hears the next
    /// beat whether or not anything changes.
    pub(crate) fn hear(&mut self, asked: &mut BTreeSet<usize>) -> Vec<Record> {
        let (mut records, mut kept) = (Vec::new(), Vec::new());
        for mut observer in std::mem::take(&mut self.observers) {
            let Some(lines) = observer.hear() else { continue };
            let mut stays = true;
            for line in lines {
                let Ok(object) = serde_json::from_slice::<Map<String, Value>>(&line) else {
                    observer.tell(&refusal("a line is one JSON object"));
                    stays = false;
                    break;
                };
                // Words that are not known yet mean nothing.
                let Some(record) = object.get("latch") else { continue };
                asked.insert(kept.len());
                match latch::parse(record.to_string().as_bytes(), self.environment) {
                    Ok(record) => records.push(record),
                    Err(why) => stays &= observer.tell(&refusal(&format!("not acted on: {why}"))),
                }
            }
            if stays {
                kept.push(observer);
            } else {
                asked.remove(&kept.len());
            }
        }
        self.observers = kept;
        records
    }

    /// Gives a beat to those who are `wanted`; whoever can't take it whole is dropped.
    pub(crate) fn tell(&mut self, beat: &[u8], wanted: impl Fn(usize) -> bool) {
        let mut at = 0;
        self.observers.retain(|observer| {
            at += 1;
            !wanted(at - 1) || observer.tell(beat)
        });
    }

    /// Takes the socket away.
    pub(crate) fn leave(&mut self, folder: &OwnedFd) {
        if self.listener.take().is_some() {
            // Gone already is as good.
            let _ = rustix::fs::unlinkat(folder, self.name.as_str(), AtFlags::empty());
        }
        self.observers.clear();
    }

    /// A socket that nobody listens at was left by a process that died.
    fn nobody_answers(&self, folder: &OwnedFd) -> Result<(), NoSocket> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &address(folder, &self.name)?) {
            Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
            Ok(()) | Err(Errno::AGAIN) => Err(NoSocket::Answered),
            Err(error) => Err(error.into()),
        }
    }

    /// Under another name until it listens: nobody may find a socket that refuses.
    fn bind(&self, folder: &OwnedFd) -> io::Result<OwnedFd> {
        let fresh = format!("{}.new", self.name);
        let _ = rustix::fs::unlinkat(folder, fresh.as_str(), AtFlags::empty());
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::bind(&socket, &address(folder, &fresh)?)?;
        // The folder's group may connect, whatever this process's mask says. Not by its name: that may be another's now.
        let path = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(folder, fresh.as_str(), path, Mode::empty())?;
        if FileType::from_raw_mode(rustix::fs::fstat(&made)?.st_mode) != FileType::Socket {
            return Err(io::Error::other("something else took the socket's name"));
        }
        let own = format!("/proc/self/fd/{}", made.as_raw_fd());
        rustix::fs::chmodat(CWD, own.as_str(), Mode::from_raw_mode(0o660), AtFlags::empty())?;
        rustix::net::listen(&socket, DOOR as i32)?;
        rustix::fs::renameat(folder, fresh.as_str(), folder, self.name.as_str())?;
        Ok(socket)
    }
}

/// By the open folder: a socket's path may have 108 bytes, and folders are deep.
fn address(folder: &OwnedFd, name: &str) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))?)
}

impl Observer {
    /// False when it did not take the whole line at once.
    fn tell(&self, line: &[u8]) -> bool {
        let sent = rustix::net::send(&self.stream, line, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        sent.is_ok_and(|sent| sent == line.len())
    }

    /// The lines that came, at most one longest line's worth in a turn; `None` when it is gone or said too much.
    fn hear(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut buffer = [0; 8192];
        let mut heard = 0;
        while heard < LINE {
            match rustix::net::recv(&self.stream, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return None,
                Ok((count, _)) => {
                    self.line.extend_from_slice(&buffer[..count]);
                    heard += count;
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
        let mut lines: Vec<Vec<u8>> = self.line.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        self.line = lines.pop().unwrap_or_default();
        let too_long = self.line.len() >= LINE || lines.iter().any(|line| line.len() >= LINE);
        if too_long {
            self.tell(&refusal("a line is at most 64 KiB"));
            return None;
        }
        Some(lines)
    }
}

fn refusal(why: &str) -> Vec<u8> {
    let mut line = serde_json::json!({ "refused": why }).to_string().into_bytes();
    line.push(b'\n');
    line
}
