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

/// A line is no longer than this, nor is a status file; nor is more taken of a socket before the next one has its turn.
const LONGEST: usize = 64 << 10;
/// An engine that sends more in a second is shut off for a while, so that the others are heard. It needs a line a second,
/// and one for each step.
const MOST_BYTES: usize = 1 << 20;
const MOST_LINES: usize = 1_000;
const SECOND: Duration = Duration::from_secs(1);
/// So long an engine that doesn't read holds a dispatch up.
const WRITE_WITHIN: Duration = Duration::from_millis(50);
/// At most so many names are looked at in the folder.
const MOST: usize = 10_000;

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
        flow: Flow,
    },
    Shut(Shut),
}

/// How much came over a link in this second.
#[derive(Debug)]
struct Flow {
    opened: Instant,
    since: Instant,
    bytes: usize,
    lines: usize,
}

impl Flow {
    fn new(now: Instant) -> Self {
        Self { opened: now, since: now, bytes: 0, lines: 0 }
    }

    /// False when it is too much.
    fn bears(&mut self, bytes: usize, lines: usize, now: Instant) -> bool {
        if now.duration_since(self.since) >= SECOND {
            (self.since, self.bytes, self.lines) = (now, 0, 0);
        }
        self.bytes += bytes;
        self.lines += lines;
        self.bytes <= MOST_BYTES && self.lines <= MOST_LINES
    }
}

#[derive(Debug, Clone)]
struct Shut {
    why: String,
    since: Timestamp,
    tries: u64,
    /// When it had sent too much, if that was why.
    loud: Option<Instant>,
}

impl Link {
    /// How it is broken. One that was shut is so until it says something; one that sent too much, until it has been open
    /// for a second.
    fn broken(&self) -> Option<&Shut> {
        match self {
            Self::Shut(shut) => Some(shut),
            Self::Open { before, heard, flow, .. } => {
                let mended = |shut: &Shut| *heard && (shut.loud.is_none() || flow.opened.elapsed() >= SECOND);
                before.as_ref().filter(|shut| !mended(shut))
            }
        }
    }

    fn rests(&self) -> bool {
        matches!(self, Self::Shut(Shut { loud: Some(at), .. }) if at.elapsed() < SECOND)
    }
}

/// Why a link is shut.
enum Ended {
    Loud,
    Because(String),
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

    /// The engines that have, or had, a socket or a status file here; and true when the folder holds more than is looked at.
    pub(super) fn names(&self) -> (Vec<String>, bool) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return (Vec::new(), false) };
        let name = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".sock").or_else(|| name.strip_suffix(".json"))?;
            is_engine(name).then(|| name.to_owned())
        };
        let mut names: Vec<String> = entries.flatten().filter_map(name).take(MOST + 1).collect();
        let cut = names.len() > MOST;
        names.sort();
        names.dedup();
        (names, cut)
    }

    /// Tries each of these that has no link; gives those that have one now.
    pub(super) fn connect<'a>(&self, names: impl Iterator<Item = &'a String>) -> Vec<String> {
        let folder = open_folder(&self.folder);
        let mut new = Vec::new();
        for name in names {
            if self.lock().get(name).is_some_and(|link| matches!(link, Link::Open { .. }) || link.rests()) {
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
                    let (socket, held, flow) = (Arc::new(socket), Vec::new(), Flow::new(Instant::now()));
                    let link = Link::Open { socket, held, sent: None, refused: None, before, heard: false, flow };
                    links.insert(name.clone(), link);
                }
                Err(error) => shut(&mut links, name, Ended::Because(in_words(error))),
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

    /// The last an engine said since the last call, of at most one turn's bytes: an engine that sends without pause keeps
    /// nobody from being heard. Its link is shut where there is no more to come, or too much.
    pub(super) fn read(&self, name: &str, socket: &OwnedFd) -> Option<Beat> {
        let mut last = None;
        let mut block = [0u8; 16 << 10];
        let mut taken = 0;
        while taken < LONGEST {
            let ended = match rustix::net::recv(socket, &mut block[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => Ended::Because("it hung up".into()),
                Ok((count, _)) => match self.take(name, &block[..count], &mut last) {
                    Ok(()) => {
                        taken += count;
                        continue;
                    }
                    Err(ended) => ended,
                },
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(error) => Ended::Because(in_words(error)),
            };
            shut(&mut self.lock(), name, ended);
            break;
        }
        last
    }

    fn take(&self, name: &str, bytes: &[u8], last: &mut Option<Beat>) -> Result<(), Ended> {
        let mut links = self.lock();
        let Some(Link::Open { held, refused, heard, flow, .. }) = links.get_mut(name) else {
            return Err(Ended::Because("it is shut".into()));
        };
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        if !flow.bears(bytes.len(), lines, Instant::now()) {
            return Err(Ended::Loud);
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        held.extend_from_slice(&bytes[..whole]);
        if whole > 0 {
            // The newest counts: what it said before that is over.
            for line in held.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()) {
                if let Ok(beat) = serde_json::from_slice::<Beat>(line) {
                    *heard = true;
                    *last = Some(beat);
                    break;
                }
                if let Ok(said) = serde_json::from_slice::<Refusal>(line) {
                    *refused = Some(format!("it refuses us: {}", sanitise::line(&said.refused, 80)));
                }
            }
            held.clear();
        }
        held.extend_from_slice(&bytes[whole..]);
        if held.len() > LONGEST { Err(Ended::Because("it sends no lines".into())) } else { Ok(()) }
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
                            shut(&mut self.lock(), name, Ended::Because(in_words(error)));
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
            shut(&mut self.lock(), &name, Ended::Because("it does not read".into()));
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
        let links = self.lock();
        let Some(link) = links.get(name) else { return PathState::NotSetUp };
        match (link.broken(), link) {
            (Some(Shut { why, since, tries, .. }), _) => {
                PathState::Broken { why: why.clone(), since: *since, tries: *tries }
            }
            (None, Link::Open { sent: Some((sent, after)), .. }) if generation == Some(*sent) => {
                PathState::Reached(*after)
            }
            (None, _) => PathState::Ready,
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

fn shut(links: &mut BTreeMap<String, Link>, name: &str, ended: Ended) {
    let link = links.remove(name);
    let known = link.as_ref().and_then(Link::broken);
    let (since, tries) = known.map_or_else(|| (quarterdeck_clock::utc(), 0), |known| (known.since, known.tries));
    let (why, loud) = match ended {
        Ended::Loud => ("it sends too much".to_owned(), Some(Instant::now())),
        Ended::Because(why) => (why, None),
    };
    let why = match link {
        Some(Link::Open { refused: Some(refused), .. }) => refused,
        _ => why,
    };
    links.insert(name.to_owned(), Link::Shut(Shut { why, since, tries: tries + 1, loud }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_a_second_is_borne_and_a_thousand_lines_are_too_many() {
        let now = Instant::now();
        let mut flow = Flow::new(now);
        for second in 0..100 {
            assert!(flow.bears(600, MOST_LINES / 2, now + SECOND * second));
        }
        let after = now + SECOND * 100;
        assert!(flow.bears(MOST_BYTES, MOST_LINES, after), "as much as may be");
        assert!(!flow.bears(0, 1, after) && !flow.bears(1, 0, after + SECOND / 2), "and no more in that second");
        assert!(flow.bears(1, 1, after + SECOND));
    }
}
