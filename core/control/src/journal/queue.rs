//! Group commit: threads that append at one time share one write and one sync. The first becomes the leader and
//! carries what the others brought. Refuses to let a follower wait for a leader that is gone.

use super::Sealed;
use super::error::JournalError;
use quarterdeck_domain::event::Event;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

type Answer = Result<Vec<Sealed>, JournalError>;

#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Waiting>,
    turn: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    brought: Vec<(u64, Vec<Event>)>,
    answers: BTreeMap<u64, Answer>,
    led: bool,
}

impl Queue {
    /// Brings events and returns when they were committed, by this thread or another.
    pub(super) fn bring(&self, events: Vec<Event>, commit: impl Fn(&[Event]) -> Answer) -> Answer {
        let mut waiting = self.lock();
        let ticket = waiting.next;
        waiting.next += 1;
        waiting.brought.push((ticket, events));
        loop {
            if let Some(answer) = waiting.answers.remove(&ticket) {
                return answer;
            }
            if waiting.led {
                waiting = self.turn.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            waiting.led = true;
            let brought = std::mem::take(&mut waiting.brought);
            drop(waiting);
            self.lead(brought, &commit);
            waiting = self.lock();
        }
    }

    /// Commits when nobody else does, and nobody else meanwhile.
    pub(super) fn alone(&self, commit: impl FnOnce() -> Answer) -> Answer {
        let mut waiting = self.lock();
        while waiting.led {
            waiting = self.turn.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.led = true;
        drop(waiting);
        let _leading = Leading { queue: self, shares: Vec::new(), answer: None };
        commit()
    }

    fn lead(&self, brought: Vec<(u64, Vec<Event>)>, commit: &impl Fn(&[Event]) -> Answer) {
        let shares: Vec<_> = brought.iter().map(|(ticket, events)| (*ticket, events.len())).collect();
        let mut leading = Leading { queue: self, shares, answer: None };
        let all: Vec<Event> = brought.into_iter().flat_map(|(_, events)| events).collect();
        leading.answer = Some(commit(&all));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands the answers out when it is dropped, also when the commit panicked.
struct Leading<'a> {
    queue: &'a Queue,
    shares: Vec<(u64, usize)>,
    answer: Option<Answer>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut answer = self.answer.take().unwrap_or_else(|| {
            let text = "the thread that was writing ended in a panic".to_owned();
            Err(JournalError::Io { doing: "writing", path: "the journal".into(), text })
        });
        let mut waiting = self.queue.lock();
        waiting.led = false;
        for (ticket, count) in self.shares.drain(..) {
            let share = match &mut answer {
                Ok(sealed) => Ok(sealed.drain(..count.min(sealed.len())).collect()),
                Err(error) => Err(error.clone()),
            };
            waiting.answers.insert(ticket, share);
        }
        drop(waiting);
        self.queue.turn.notify_all();
    }
}
