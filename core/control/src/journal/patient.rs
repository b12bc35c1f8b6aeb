//! A journal that can be told without waiting for it: what a stop has to record is kept here until it is written, with its
//! own time, and stands before whatever is appended next. Refuses to keep anybody waiting longer than they said, and to
//! let go of what it was given while this process lives.

use super::{Deciding, Journal, JournalError, Sealed};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::chain::Head;
use quarterdeck_domain::event::Event;
use quarterdeck_domain::state::State;
use quarterdeck_domain::verify::Finding;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Passing news that nobody could write are let go of beyond so many.
const MOST_NEWS: usize = 1_000;

/// A journal, and what waits for it.
pub struct Patient {
    shared: Arc<Shared>,
}

struct Shared {
    journal: Arc<dyn Journal>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Told>,
    /// All tickets below this one are done with.
    done: u64,
    next: u64,
    /// A thread is at it.
    writing: bool,
    /// Why it failed the last time.
    why: Option<JournalError>,
}

#[derive(Clone)]
struct Told {
    ticket: u64,
    event: Event,
    /// Passing news: let go of when they can't be written.
    news: bool,
}

impl Patient {
    /// Stands before a journal.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { shared: Arc::new(Shared { journal, waiting: Mutex::default(), changed: Condvar::new() }) }
    }

    /// Takes an event and waits at most so long for it to be written; else it stays here and is tried again.
    pub fn tell(&self, event: Event, wait: Duration) -> Result<(), String> {
        let ticket = self.shared.take(event, false);
        self.try_again();
        self.shared.wait(ticket, wait)
    }

    /// Takes passing news, an observation, and waits at most so long. What can't be written is let go of.
    pub fn mention(&self, event: Event, wait: Duration) {
        let ticket = self.shared.take(event, true);
        self.try_again();
        if !wait.is_zero() {
            let _ = self.shared.wait(ticket, wait);
        }
    }

    /// Why an order that waits is not written yet; `None` when nothing waits but what was seen.
    pub fn unwritten(&self) -> Option<String> {
        let waiting = self.shared.lock();
        let is_seen = |told: &Told| told.news || told.event.event_type == EventKind::KillSwitchBypass;
        let waits = waiting.events.iter().any(|told| !is_seen(told));
        waits.then(|| waiting.why.as_ref().map_or_else(|| "the journal is slow".into(), ToString::to_string))
    }

    /// True when nothing waits.
    pub fn is_idle(&self) -> bool {
        self.shared.lock().events.is_empty()
    }

    /// Tries to write what waits, beside the caller.
    pub fn try_again(&self) {
        let mut waiting = self.shared.lock();
        if waiting.writing || waiting.events.is_empty() {
            return;
        }
        waiting.writing = true;
        drop(waiting);
        let shared = self.shared.clone();
        let started = std::thread::Builder::new().name("scribe".into()).spawn(move || shared.write());
        if started.is_err() {
            self.shared.lock().writing = false;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: Event, news: bool) -> u64 {
        let mut waiting = self.lock();
        let ticket = waiting.next;
        waiting.next += 1;
        let too_many = waiting.events.iter().filter(|told| told.news).count() >= MOST_NEWS;
        if !(news && too_many) {
            waiting.events.push_back(Told { ticket, event, news });
        }
        ticket
    }

    /// Writes until nothing waits or it fails. The caller has set `writing`.
    fn write(&self) {
        let mut ending = Ending { shared: self, ended: false };
        loop {
            let batch: Vec<Told> = {
                let mut waiting = self.lock();
                if waiting.events.is_empty() {
                    // In one piece with the look: what is told from now on starts a thread of its own.
                    waiting.writing = false;
                    ending.ended = true;
                    return;
                }
                waiting.events.iter().cloned().collect()
            };
            let events = batch.iter().map(|told| told.event.clone()).collect();
            let written = self.journal.append(events);
            if self.came_out(&batch, written.as_ref().err()) {
                continue;
            }
            return;
        }
    }

    /// Notes what became of a batch; true when it was written.
    fn came_out(&self, batch: &[Told], error: Option<&JournalError>) -> bool {
        let mut waiting = self.lock();
        match (error, batch.last()) {
            (None, Some(last)) => {
                waiting.events.retain(|told| told.ticket > last.ticket);
                waiting.done = last.ticket + 1;
            }
            (Some(_), _) => waiting.events.retain(|told| !told.news),
            (None, None) => {}
        }
        waiting.why = error.cloned();
        self.changed.notify_all();
        error.is_none()
    }

    fn wait(&self, ticket: u64, wait: Duration) -> Result<(), String> {
        let end = Instant::now() + wait;
        let mut waiting = self.lock();
        loop {
            if waiting.done > ticket {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || (!waiting.writing && waiting.why.is_some()) {
                let slow = || format!("the journal has not answered for {} ms", wait.as_millis());
                return Err(waiting.why.as_ref().map_or_else(slow, ToString::to_string));
            }
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Whoever was writing is gone, also by a panic.
struct Ending<'a> {
    shared: &'a Shared,
    ended: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.lock().writing = false;
            self.shared.changed.notify_all();
        }
    }
}

impl Journal for Patient {
    /// What waits stands before it, in one piece with it. While another thread is at what waits, it comes after that.
    fn append(&self, events: Vec<Event>) -> Result<Vec<Sealed>, JournalError> {
        let before: Vec<Told> = {
            let mut waiting = self.shared.lock();
            if waiting.writing || waiting.events.is_empty() {
                drop(waiting);
                return self.shared.journal.append(events);
            }
            waiting.writing = true;
            waiting.events.iter().cloned().collect()
        };
        let ending = Ending { shared: &self.shared, ended: false };
        let all = before.iter().map(|told| told.event.clone()).chain(events).collect();
        let written = self.shared.journal.append(all);
        self.shared.came_out(&before, written.as_ref().err());
        drop(ending);
        self.try_again();
        written.map(|sealed| sealed.into_iter().skip(before.len()).collect())
    }

    /// What waits here is written first where it can be.
    fn append_if(&self, decide: &mut Deciding<'_>) -> Result<Vec<Sealed>, JournalError> {
        self.append(Vec::new())?;
        self.shared.journal.append_if(decide)
    }

    fn catch_up(&self) -> Result<Vec<(u64, Event)>, JournalError> {
        self.shared.journal.catch_up()
    }

    fn state(&self) -> Arc<State> {
        self.shared.journal.state()
    }

    fn head(&self) -> Head {
        self.shared.journal.head()
    }

    fn trouble(&self) -> Option<Finding> {
        self.shared.journal.trouble()
    }
}
