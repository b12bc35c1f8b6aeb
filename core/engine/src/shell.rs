//! Where the clock, the latch, the socket and the status file meet: one thread that turns what happens into facts, and
//! what has to be done into beats. Refuses to wait for an observer, and to sleep past a full second of the boot clock.

use crate::client::{Duty, Identity};
use crate::closings::Closings;
use crate::gate::Gate;
use crate::latch::Latch;
use crate::obey::{Effect, Fact, Obedience};
use crate::socket::Observers;
use crate::status::{Status, Told};
use quarterdeck_clock::moment;
use quarterdeck_domain::kill::{Beat, EngineState, LatchView, Moment, Step, Steps};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

const SECOND: u64 = 1_000_000_000;

/// What the engine's threads and the client's own share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: Gate,
    pub(crate) duties: Duties,
    pub(crate) closings: Mutex<Closings>,
    pub(crate) closings_path: PathBuf,
    pub(crate) refused: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    obedience: Obedience,
    /// A step was taken that no beat has told.
    untold: bool,
    ending: Option<Ending>,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The engine leaves, and says so.
    Leave,
    /// As if the process had died.
    Abandon,
}

/// The duty of the moment, and who waits for another one.
#[derive(Debug)]
pub(crate) struct Duties {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Debug)]
struct Slot {
    duty: Duty,
    count: u64,
    over: bool,
}

impl Duties {
    fn new(duty: Duty) -> Self {
        Self { slot: Mutex::new(Slot { duty, count: 1, over: false }), changed: Condvar::new() }
    }

    fn put(&self, change: impl FnOnce(&mut Slot)) {
        let mut slot = lock(&self.slot);
        change(&mut slot);
        slot.count += 1;
        self.changed.notify_all();
    }

    /// Waits for a duty after the one that is known; `None` at the end.
    pub(crate) fn next(&self, known: &mut u64) -> Option<Duty> {
        let slot = lock(&self.slot);
        let waiting = |slot: &mut Slot| slot.count == *known && !slot.over;
        let slot = self.changed.wait_while(slot, waiting).unwrap_or_else(PoisonError::into_inner);
        if slot.over {
            return None;
        }
        *known = slot.count;
        Some(slot.duty.clone())
    }
}

impl Shared {
    pub(crate) fn new(obedience: Obedience, gate: Gate, closings: Closings, closings_path: PathBuf) -> Self {
        Self {
            gate,
            duties: Duties::new(obedience.duty()),
            closings: Mutex::new(closings),
            closings_path,
            refused: AtomicU64::new(0),
            inner: Mutex::new(Inner { obedience, untold: true, ending: None }),
        }
    }

    /// Takes a fact in, and turns the gate before anybody else looks. Gives what of the result is wanted.
    pub(crate) fn hear<T>(&self, fact: &Fact<'_>, now: &Moment, give: impl FnOnce(&Obedience) -> T) -> T {
        let mut inner = lock(&self.inner);
        self.carry_out(&mut inner, fact, now);
        give(&inner.obedience)
    }

    /// The same from one of the engine's threads: a step is told at once.
    pub(crate) fn said<T>(&self, fact: &Fact<'_>, give: impl FnOnce(&Obedience) -> T) -> T {
        let mut inner = lock(&self.inner);
        self.carry_out(&mut inner, fact, &moment());
        if inner.untold {
            self.gate.ring();
        }
        give(&inner.obedience)
    }

    fn carry_out(&self, inner: &mut Inner, fact: &Fact<'_>, now: &Moment) {
        for effect in inner.obedience.hear(fact, now) {
            match effect {
                Effect::Open => self.gate.open(),
                Effect::Shut => {
                    self.gate.shut();
                    if self.gate.is_through() {
                        self.carry_out(inner, &Fact::Through, now);
                    }
                }
                Effect::Tell => inner.untold = true,
                Effect::Duty(duty) => self.duties.put(|slot| slot.duty = duty),
            }
        }
    }

    pub(crate) fn look<T>(&self, give: impl FnOnce(&Obedience) -> T) -> T {
        give(&lock(&self.inner).obedience)
    }

    pub(crate) fn end(&self, ending: Ending) {
        self.gate.close();
        let mut inner = lock(&self.inner);
        inner.ending.get_or_insert(ending);
        self.gate.ring();
    }

    fn ending(&self) -> Option<Ending> {
        lock(&self.inner).ending
    }

    fn take_untold(&self) -> bool {
        std::mem::take(&mut lock(&self.inner).untold)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What looks at each beat before it is told; see [`crate::Client::start_saying`].
pub(crate) type Say = Box<dyn FnMut(Beat) -> Option<Beat> + Send>;

/// Everything that is open.
pub(crate) struct Shell {
    pub(crate) identity: Identity,
    pub(crate) folder: OwnedFd,
    /// Held for this engine's name, as long as it lives.
    pub(crate) _name: File,
    pub(crate) latch: Latch,
    pub(crate) observers: Observers,
    pub(crate) status: Status,
    pub(crate) say: Say,
    pub(crate) trouble: Vec<String>,
    pub(crate) second: u64,
}

impl Shell {
    /// Runs until the client ends.
    pub(crate) fn run(mut self, shared: &Shared) {
        let ending = loop {
            if let Some(ending) = shared.ending() {
                break ending;
            }
            self.wait(shared);
            self.turn(shared);
        };
        if ending == Ending::Leave {
            self.leave(shared);
        }
        shared.duties.put(|slot| slot.over = true);
    }

    /// Looks at everything once. The latch is read before anybody at the socket is heard: a word can be older.
    pub(crate) fn turn(&mut self, shared: &Shared) {
        let now = moment();
        let second = now.boot_ns / SECOND;
        let full = second != self.second;
        self.second = second;
        if full {
            self.mend();
        }
        shared.gate.heard();
        self.latch.drain();
        shared.hear(&Fact::Latch(&self.latch.read()), &now, |_| ());
        let mut asked = BTreeSet::new();
        for record in self.observers.hear(&mut asked) {
            shared.hear(&Fact::Told(&record), &now, |_| ());
        }
        let passed = if shared.gate.is_through() { Fact::Through } else { Fact::Tick };
        shared.hear(&passed, &now, |_| ());
        shared.gate.tend(&now);
        if full && shared.look(Obedience::duty).level == 4 {
            shared.duties.put(|_| ());
        }
        let refused = self.observers.welcome(&self.latch.trusts(), &mut asked);
        shared.refused.fetch_add(refused, Ordering::Relaxed);
        let step = shared.take_untold();
        if full || step {
            // Those who wait hear it before the disk does.
            let Some(line) = self.line(shared, None) else { return };
            self.observers.tell(&line, |_| true);
            self.keep(&line, step);
        } else if !asked.is_empty() {
            let Some(line) = self.line(shared, None) else { return };
            self.observers.tell(&line, |at| asked.contains(&at));
        }
    }

    /// Once a second: what was taken away is put back.
    fn mend(&mut self) {
        self.latch.watch();
        self.trouble.retain(|what| !what.starts_with(NO_SOCKET));
        if let Err(why) = self.observers.listen(&self.folder) {
            self.trouble.push(no_socket(&why));
        }
    }

    fn keep(&mut self, line: &[u8], durable: bool) {
        self.trouble.retain(|what| !what.starts_with(NO_STATUS));
        if let Err(error) = self.status.put(&self.folder, line, durable) {
            self.trouble.push(format!("{NO_STATUS}: {error}"));
        }
    }

    /// Until something happens, the next full second, or the deadline.
    fn wait(&self, shared: &Shared) {
        let now = moment();
        let next = (now.boot_ns / SECOND + 1) * SECOND;
        let deadline = shared.look(|obedience| {
            obedience.deadline().filter(|deadline| deadline.boot_id == now.boot_id).map(|deadline| deadline.boot_ns)
        });
        let until = deadline.map_or(next, |at| at.min(next)).saturating_sub(now.boot_ns);
        let timeout = Timespec { tv_sec: (until / SECOND) as _, tv_nsec: (until % SECOND) as _ };
        let bell = shared.gate.bell();
        let latch = self.latch.descriptor();
        let mut waits: Vec<PollFd<'_>> = vec![PollFd::from_borrowed_fd(bell, PollFlags::IN)];
        waits.extend(latch.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        waits.extend(self.observers.descriptors());
        // Interrupted or not, everything is looked at.
        let _ = poll(&mut waits, Some(&timeout));
    }

    /// The beat of this moment; `None` where it is kept back.
    fn line(&mut self, shared: &Shared, last_words: Option<&str>) -> Option<Vec<u8>> {
        let now = moment();
        let mut trouble = self.trouble.clone();
        trouble.extend(last_words.map(str::to_owned));
        let blank = blank(&self.identity, &now);
        let (beat, obeys) =
            shared.look(|obedience| (obedience.beat(blank, &trouble, &now), obedience.obeys().cloned()));
        let beat = (self.say)(beat)?;
        // Plain texts and numbers: there is nothing in it that could fail.
        let mut line = serde_json::to_vec(&Told { beat: &beat, obeys: obeys.as_ref() }).unwrap_or_default();
        line.push(b'\n');
        Some(line)
    }

    fn leave(&mut self, shared: &Shared) {
        let normal = matches!(self.latch.read(), LatchView::Read(_)) && shared.look(Obedience::duty).level == 0;
        if normal {
            self.status.remove(&self.folder);
        } else if let Some(line) = self.line(shared, Some("the engine left while it was stopped")) {
            self.keep(&line, true);
        }
        self.observers.leave(&self.folder);
    }
}

const NO_SOCKET: &str = "no socket";
const NO_STATUS: &str = "no status file";

pub(crate) fn no_socket(why: &crate::socket::NoSocket) -> String {
    match why {
        crate::socket::NoSocket::Answered => format!("{NO_SOCKET}: another engine answers at its name"),
        crate::socket::NoSocket::Failed(error) => format!("{NO_SOCKET}: {error}"),
    }
}

/// A beat with what never changes.
fn blank(identity: &Identity, now: &Moment) -> Beat {
    Beat {
        v: 1,
        engine: identity.name.clone(),
        environment: identity.environment.name().into(),
        account: identity.account.clone(),
        pid: std::process::id(),
        at: now.utc,
        boot_ns: now.boot_ns,
        boot_id: now.boot_id.clone(),
        state: EngineState::Blocked,
        episode: None,
        generation: 0,
        level: 3,
        step: Step::None,
        steps: Steps::default(),
        resting_orders: None,
        orders_synced: None,
        positions: None,
        positions_synced: None,
        last_order: None,
        last_order_ns: None,
        link: "down".into(),
        trouble: String::new(),
    }
}
