//! The links to the engines: one socket each, and the status file where the socket is gone. Refuses to wait for an engine
//! that doesn't read: what it can't be told within its 50 ms it finds in the latch.

use super::place::open_folder;
use crate::config::is_engine;
use crate::ordinary;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::kill::{Beat, Moment, PathState, Record};
use quarterdeck_domain::sanitise;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A line is no longer than this, nor is a status file.
const LONGEST: usize = 64 << 10;
/// So long an engine that doesn't read holds a dispatch up.
const WRITE_WITHIN: Duration = Duration::from_millis(50);
/// At most so many engines are looked for.
const MOST: usize = 256;

/// All links of one environment.
#[derive(Debug)]
pub(super) struct Links {
    folder: PathBuf,
    links: Mutex<BTreeMap<String, Link>>,
    /// One writer at a time: no line is cut by another.
    writing: Mutex<()>,
}

#[derive(Debug)]
enum Link {
    Open {
        socket: Arc<OwnedFd>,
        /// What came of a line so far.
        held: Vec<u8>,
        /// The generation that was handed over last, and so long after its key.
        sent: Option<(u64, SignedDuration)>,
        /// Why it does not talk to us, if it said so.
        refused: Option<String>,
        /// How it was shut before. Until it says something, a door that opens is no answer.
        before: Option<Shut>,
        /// It has said something since it was opened.
        heard: bool,
    },
    Shut(Shut),
}

#[derive(Debug, Clone)]
struct Shut {
    why: String,
    since: Timestamp,
    tries: u64,
}

/// A line of an engine that is no beat: it doesn't talk to this user.
#[derive(Deserialize)]
struct Refusal {
    refused: String,
}

impl Links {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, links: Mutex::default(), writing: Mutex::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The engines that have, or had, a socket or a status file here.
    pub(super) fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let name = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".sock").or_else(|| name.strip_suffix(".json"))?;
            is_engine(name).then(|| name.to_owned())
        };
        let mut names: Vec<String> = entries.flatten().filter_map(name).take(2 * MOST).collect();
        names.sort();
        names.dedup();
        names.truncate(MOST);
        names
    }

    /// Tries each of these that has no link; gives those that have one now.
    pub(super) fn connect<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<String> {
        let folder = open_folder(&self.folder);
        let mut new = Vec::new();
        for name in names {
            if matches!(self.lock().get(name), Some(Link::Open { .. })) {
                continue;
            }
            let opened = folder.as_ref().map_err(|error| *error).and_then(|folder| connect(folder, name));
            let mut links = self.lock();
            match opened {
                Ok(socket) => {
                    new.push(name.clone());
                    let before = match links.remove(name) {
                        Some(Link::Shut(shut)) => Some(shut),
                        _ => None,
                    };
                    let (socket, held) = (Arc::new(socket), Vec::new());
                    let link = Link::Open { socket, held, sent: None, refused: None, before, heard: false };
                    links.insert(name.clone(), link);
                }
                Err(error) => shut(&mut links, name, in_words(error)),
            }
        }
        new
    }

    /// The sockets to be listened to.
    pub(super) fn sockets(&self) -> Vec<(String, Arc<OwnedFd>)> {
        let open = |(name, link): (&String, &Link)| match link {
            Link::Open { socket, .. } => Some((name.clone(), socket.clone())),
            Link::Shut(_) => None,
        };
        self.lock().iter().filter_map(open).collect()
    }

    /// True while this engine's socket is connected.
    pub(super) fn is_open(&self, name: &str) -> bool {
        matches!(self.lock().get(name), Some(Link::Open { .. }))
    }

    /// True once this engine has said something over it.
    pub(super) fn is_heard(&self, name: &str) -> bool {
        matches!(self.lock().get(name), Some(Link::Open { heard: true, .. }))
    }

    /// What an engine said since the last call; its link is shut where there is no more to come.
    pub(super) fn read(&self, name: &str, socket: &OwnedFd) -> Vec<Beat> {
        let mut beats = Vec::new();
        let mut block = [0u8; 16 << 10];
        loop {
            let ended = match rustix::net::recv(socket, &mut block[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => "it hung up".to_owned(),
                Ok((count, _)) => match self.take(name, &block[..count], &mut beats) {
                    Ok(()) => continue,
                    Err(why) => why,
                },
                Err(Errno::AGAIN) => return beats,
                Err(Errno::INTR) => continue,
                Err(error) => in_words(error),
            };
            shut(&mut self.lock(), name, ended);
            return beats;
        }
    }

    fn take(&self, name: &str, bytes: &[u8], beats: &mut Vec<Beat>) -> Result<(), String> {
        let mut links = self.lock();
        let Some(Link::Open { held, refused, heard, .. }) = links.get_mut(name) else {
            return Err("it is shut".into());
        };
        held.extend_from_slice(bytes);
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            match serde_json::from_slice::<Beat>(&line) {
                Ok(beat) => {
                    *heard = true;
                    beats.push(beat);
                }
                Err(_) => {
                    if let Ok(said) = serde_json::from_slice::<Refusal>(&line) {
                        *refused = Some(format!("it refuses us: {}", sanitise::line(&said.refused, 80)));
                    }
                }
            }
        }
        if held.len() > LONGEST { Err("it sends no lines".into()) } else { Ok(()) }
    }

    /// Hands the record to all of these that are connected, and gives those that took it, each with the time.
    pub(super) fn send(
        &self,
        record: &Record,
        to: impl Fn(&str) -> bool,
        now: impl Fn() -> Moment,
    ) -> Vec<(String, Moment)> {
        let Ok(json) = serde_json::to_string(record) else { return Vec::new() };
        let line = format!("{{\"latch\":{json}}}\n").into_bytes();
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest: Vec<(String, Arc<OwnedFd>, usize)> =
            self.sockets().into_iter().filter(|(name, _)| to(name)).map(|(name, socket)| (name, socket, 0)).collect();
        let mut reached = Vec::new();
        let end = Instant::now() + WRITE_WITHIN;
        loop {
            rest.retain_mut(|(name, socket, at)| {
                loop {
                    match rustix::net::send(&*socket, &line[*at..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                        Ok(count) => {
                            *at += count;
                            if *at == line.len() {
                                reached.push((name.clone(), now()));
                                return false;
                            }
                        }
                        Err(Errno::AGAIN) => return true,
                        Err(Errno::INTR) => {}
                        Err(error) => {
                            shut(&mut self.lock(), name, in_words(error));
                            return false;
                        }
                    }
                }
            });
            let left = end.saturating_duration_since(Instant::now());
            if rest.is_empty() || left.is_zero() {
                break;
            }
            let mut fds: Vec<PollFd<'_>> =
                rest.iter().map(|(_, socket, _)| PollFd::new(&**socket, PollFlags::OUT)).collect();
            // Whatever ends the wait: who can be written to now is found above.
            let _ = poll(&mut fds, Some(&timespec(left)));
        }
        for (name, ..) in rest {
            shut(&mut self.lock(), &name, "it does not read".into());
        }
        reached
    }

    /// Notes when an order reached an engine, counted from its key.
    pub(super) fn note_sent(&self, name: &str, generation: u64, after: SignedDuration) {
        if let Some(Link::Open { sent, .. }) = self.lock().get_mut(name)
            && sent.is_none_or(|(known, _)| known < generation)
        {
            *sent = Some((generation, after));
        }
    }

    /// How the way to this engine is, for the order of this generation.
    pub(super) fn path(&self, name: &str, generation: Option<u64>) -> PathState {
        match self.lock().get(name) {
            None => PathState::NotSetUp,
            Some(
                Link::Shut(Shut { why, since, tries })
                | Link::Open { heard: false, before: Some(Shut { why, since, tries }), .. },
            ) => PathState::Broken { why: why.clone(), since: *since, tries: *tries },
            Some(Link::Open { sent, .. }) => match sent {
                Some((sent, after)) if generation == Some(*sent) => PathState::Reached(*after),
                _ => PathState::Ready,
            },
        }
    }

    /// What an engine's status file says: its last beat.
    pub(super) fn status(&self, name: &str) -> Option<Beat> {
        let path = self.folder.join(format!("{name}.json"));
        let plain = std::fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_file());
        let bytes = plain.then(|| ordinary::read(&path, LONGEST as u32).ok())??;
        serde_json::from_slice(&bytes).ok()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait for poll.
pub(super) fn timespec(wait: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(wait.subsec_nanos()) }
}

fn shut(links: &mut BTreeMap<String, Link>, name: &str, why: String) {
    let (known, why) = match links.remove(name) {
        Some(Link::Shut(known)) => (Some(known), why),
        Some(Link::Open { refused, before, heard, .. }) => (before.filter(|_| !heard), refused.unwrap_or(why)),
        None => (None, why),
    };
    let (since, tries) = known.map_or_else(|| (quarterdeck_clock::utc(), 0), |known| (known.since, known.tries));
    links.insert(name.to_owned(), Link::Shut(Shut { why, since, tries: tries + 1 }));
}

/// A socket's path may be longer than an address can hold: it is named from its folder, which is open.
fn connect(folder: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}.sock", folder.as_raw_fd()))?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}

fn in_words(error: Errno) -> String {
    match error {
        Errno::CONNREFUSED => "refused".into(),
        Errno::NOENT => "there is no socket".into(),
        Errno::AGAIN => "it does not answer".into(),
        Errno::PIPE | Errno::CONNRESET => "it hung up".into(),
        Errno::ACCESS => "this user may not".into(),
        other => std::io::Error::from(other).to_string(),
    }
}
