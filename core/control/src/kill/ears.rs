//! Hears the engines, and sees when somebody else writes the latch: one thread that sleeps until there is something.
//! Refuses to act on what it hears: it is noted, told, and the keeper is woken.

use super::Switch;
use super::links::timespec;
use super::seen::By;
use quarterdeck_domain::kill::{KillRow, Order, PathState};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// While there is anything to watch, it is looked at this often …
const SECOND: Duration = Duration::from_secs(1);
/// … and while there is nothing, this often.
const QUIET: Duration = Duration::from_secs(10);
/// A thread that is so long over its time is stuck.
const LATE: Duration = Duration::from_secs(4);
/// Engines beat at full seconds: a look that is due so soon is taken along with a beat.
const ALONG: Duration = Duration::from_millis(100);
/// An engine whose socket is shut and whose process is not there is gone, once its last beat is so old.
const GONE_NS: u64 = 1_500_000_000;

/// Rings it.
pub(super) fn ring(bell: &OwnedFd) {
    // Can't fail but where it was rung often and not heard.
    let _ = rustix::io::write(bell, &1u64.to_ne_bytes());
}

/// What wakes the thread: the bell, and the folders.
pub(super) struct Ears {
    wake: Arc<OwnedFd>,
    inotify: Option<OwnedFd>,
    engines: Option<i32>,
    present: Option<i32>,
    looked: Option<Instant>,
}

/// Something to wake it by: an event that is counted.
pub(super) fn bell() -> rustix::io::Result<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
}

impl Ears {
    pub(super) fn new(wake: Arc<OwnedFd>) -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        Self { wake, inotify, engines: None, present: None, looked: None }
    }

    /// Listens until nobody holds the switch any more.
    pub(super) fn run(mut self, switch: &Weak<Switch>) {
        loop {
            let Some(held) = switch.upgrade() else { return };
            let wait = self.look_if_due(&held);
            held.with_seen(|seen| seen.back_by = Some(Instant::now() + wait + LATE));
            let sockets = held.links.sockets();
            drop(held);
            let ready = self.wait(&sockets, wait);
            let Some(held) = switch.upgrade() else { return };
            if ready.company {
                held.nudge();
            }
            let mut heard = ready.named && held.see_latch();
            for at in ready.sockets {
                let (name, socket) = &sockets[at];
                heard |= held.hear(name, socket);
            }
            if heard {
                held.refresh();
            }
        }
    }

    /// The look of each second; gives how long there is nothing to do.
    fn look_if_due(&mut self, switch: &Switch) -> Duration {
        let quiet = switch.is_quiet();
        let every = if quiet { QUIET } else { SECOND };
        let since = self.looked.map(|looked| looked.elapsed());
        if let Some(left) = since.and_then(|since| every.checked_sub(since)).filter(|left| *left > ALONG) {
            return left + ALONG / 2;
        }
        self.looked = Some(Instant::now());
        self.watch(switch, quiet);
        switch.see_latch();
        switch.meet();
        switch.see_files();
        switch.refresh_and_tell();
        if switch.is_quiet() { QUIET } else { SECOND + ALONG / 2 }
    }

    /// Watches the latch's folder, and the engines' as long as there are none: afterwards their status files would wake
    /// it each second for nothing.
    fn watch(&mut self, switch: &Switch, quiet: bool) {
        let Some(inotify) = &self.inotify else { return };
        let add =
            |folder: &Path, flags: WatchFlags| inotify::add_watch(inotify, folder, flags | WatchFlags::ONLYDIR).ok();
        let names = WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::ATTRIB;
        // The same folder gives the same number; one that was replaced is watched anew.
        add(switch.latch.folder(), names | WatchFlags::CLOSE_WRITE);
        self.present = add(&switch.place.present(), WatchFlags::MOVED_TO | WatchFlags::DELETE);
        match (quiet, self.engines) {
            (true, _) => self.engines = add(switch.links.folder(), names),
            (false, Some(watched)) => {
                // Fails where the folder is gone.
                let _ = inotify::remove_watch(inotify, watched);
                self.engines = None;
            }
            (false, None) => {}
        }
    }

    fn wait(&mut self, sockets: &[(String, Arc<OwnedFd>)], wait: Duration) -> Ready {
        let own = if self.inotify.is_some() { 2 } else { 1 };
        let mut fds = vec![PollFd::new(&*self.wake, PollFlags::IN)];
        fds.extend(self.inotify.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        fds.extend(sockets.iter().map(|(_, socket)| PollFd::new(&**socket, PollFlags::IN)));
        // However it ends: what is ready is found by looking.
        let _ = poll(&mut fds, Some(&timespec(wait)));
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let ready: Vec<bool> = fds.iter().map(is_ready).collect();
        drop(fds);
        if ready[0] {
            let _ = rustix::io::read(&*self.wake, &mut [0u8; 8]);
        }
        let named = own == 2 && ready[1];
        let company = named && self.drain();
        let sockets = ready[own..].iter().enumerate().filter(|(_, ready)| **ready).map(|(at, _)| at).collect();
        Ready { named, company, sockets }
    }

    /// Takes away what was heard of folders; true when somebody came or left. An engine that comes is looked for at once.
    fn drain(&mut self) -> bool {
        let Some(fd) = &self.inotify else { return false };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(fd, &mut buffer);
        let mut company = false;
        while let Ok(event) = events.next() {
            company |= Some(event.wd()) == self.present;
            if Some(event.wd()) == self.engines {
                self.looked = None;
            }
        }
        company
    }
}

/// What woke the thread.
struct Ready {
    /// Something happened in a folder.
    named: bool,
    /// Somebody came or left.
    company: bool,
    /// These sockets, by their place.
    sockets: Vec<usize>,
}

impl Switch {
    /// Reads the latch; true when it is another one. One that seems milder than what is recorded waits for the keeper,
    /// who reads the journal on first: a release stands there before it stands in the latch.
    pub(super) fn see_latch(&self) -> bool {
        let look = self.latch.look();
        let changed = self.with_seen(|seen| {
            if seen.latch == look {
                return None;
            }
            let known = seen.recorded().map(|known| known.order);
            if self.is_started() && look.view.record().is_some_and(|record| Some(record.order) < known) {
                return Some(false);
            }
            seen.latch = look;
            Some(true)
        });
        if changed.is_some() {
            self.nudge();
        }
        changed == Some(true)
    }

    /// What an engine said.
    fn hear(&self, name: &str, socket: &OwnedFd) -> bool {
        if let Some(beat) = self.links.read(name, socket) {
            let now = quarterdeck_clock::moment();
            self.with_seen(|seen| seen.heard(name, beat, now, By::Socket));
        }
        // Also where it said nothing: its link may be shut now.
        true
    }

    /// Hears what has come by now, where no thread listens: a link that was shut meanwhile is known to be.
    pub(super) fn hear_all(&self) {
        for (name, socket) in self.links.sockets() {
            self.hear(&name, &socket);
        }
    }

    /// Finds the engines there are, and connects to each that is not.
    pub(super) fn meet(&self) {
        let (found, cut) = self.links.names();
        let (names, standing) = self.with_seen(|seen| {
            let now = quarterdeck_clock::moment();
            let standing = seen.judged(self.policy.environment, &now).1.record;
            let stopped = standing.as_ref().filter(|record| record.order != Order::Trade);
            let asked = stopped.map(|record| record.engines.as_slice()).unwrap_or_default();
            let expected =
                |name: &String| found.contains(name) || asked.contains(name) || self.policy.engines.contains_key(name);
            // One that took its socket and its file away has gone of its own accord; but not while trading is stopped:
            // whoever was heard then has to be accounted for.
            let normal = standing.as_ref().is_some_and(|record| record.order == Order::Trade);
            seen.engines.retain(|name, engine| {
                expected(name) || self.links.is_open(name) || (!normal && engine.heard.beat.is_some())
            });
            for name in asked.iter().chain(self.policy.engines.keys()) {
                seen.meet(name, &now);
            }
            let more = found.iter().filter(|name| !seen.meet_if_room(name, &now)).count();
            seen.more = more.max(usize::from(cut));
            (seen.engines.keys().cloned().collect::<Vec<_>>(), standing)
        });
        let new = self.links.connect(names.iter());
        // Who comes now has not been told.
        if let Some(record) = standing.filter(|record| !new.is_empty() && record.order != Order::Trade) {
            self.links.send(&record, |name| new.iter().any(|new| new == name), quarterdeck_clock::moment);
        }
        self.with_seen(|seen| {
            for (name, engine) in &mut seen.engines {
                engine.heard.link = self.links.path(name, None);
            }
        });
    }

    /// Reads the status files of the engines that are not heard over a link, and looks for their processes.
    pub(super) fn see_files(&self) {
        let names = self.with_seen(|seen| seen.engines.keys().cloned().collect::<Vec<_>>());
        for name in names.into_iter().filter(|name| !self.links.is_heard(name)) {
            if let Some(beat) = self.links.status(&name) {
                let now = quarterdeck_clock::moment();
                self.with_seen(|seen| seen.heard(&name, beat, now, By::File));
            }
        }
        self.with_seen(|seen| seen.engines.values_mut().for_each(|engine| engine.heard.gone = is_gone(engine)));
    }

    /// Listens on the caller's own thread, until what is seen is enough or the time is over.
    pub(super) fn listen_until(&self, within: Duration, enough: impl Fn(&KillRow) -> bool) -> KillRow {
        let end = Instant::now() + within;
        let mut look_at = Instant::now() + SECOND;
        loop {
            let row = self.refresh();
            let now = Instant::now();
            if enough(&row) || now >= end {
                return row;
            }
            if now >= look_at {
                look_at = now + SECOND;
                self.see_latch();
                self.meet();
                self.see_files();
            }
            let sockets = self.links.sockets();
            let mut fds: Vec<PollFd<'_>> =
                sockets.iter().map(|(_, socket)| PollFd::new(&**socket, PollFlags::IN)).collect();
            let wait = end.min(look_at).saturating_duration_since(now);
            let _ = poll(&mut fds, Some(&timespec(wait)));
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            // Each of them for one turn, and then the end is looked at.
            for ((name, socket), _) in sockets.iter().zip(ready).filter(|(_, ready)| *ready) {
                self.hear(name, socket);
            }
        }
    }
}

/// Its socket is shut, its process isn't there, and it has been quiet. A process in another namespace can't be looked for:
/// its beats say that it lives.
fn is_gone(engine: &super::seen::Engine) -> bool {
    let Some((beat, _)) = &engine.heard.beat else { return false };
    let now = quarterdeck_clock::moment();
    matches!(engine.heard.link, PathState::Broken { .. })
        && beat.boot_id == now.boot_id
        && now.boot_ns.saturating_sub(beat.boot_ns) > GONE_NS
        && !lives(beat.pid)
}

/// One that ended and was not waited for yet (`Z`) is as dead as one that isn't there.
fn lives(pid: u32) -> bool {
    let Ok(told) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return Path::new("/proc").join(pid.to_string()).exists();
    };
    let state = told.rsplit(") ").next().and_then(|rest| rest.chars().next());
    !matches!(state, Some('Z' | 'X'))
}
