//! The gate that orders leave by. Refuses to open by itself, to say that it is shut while an order is still on its way,
//! and to let anything out once nobody has tended it for a few seconds: an engine that was stopped in its sleep, or whose
//! watching thread is dead, may not have heard.

use jiff::SignedDuration;
use quarterdeck_domain::kill::Moment;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So old the last look at the latch may be.
const TENDED: SignedDuration = SignedDuration::from_secs(3);

/// The gate, and the bell that wakes the thread that tends it.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    bell: OwnedFd,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    /// It never opens again.
    over: bool,
    under_way: usize,
    tended: Option<Moment>,
}

impl Gate {
    /// Shut.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { state: Mutex::default(), bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Lets one order out.
    pub(crate) fn pass(&self, now: &Moment) -> bool {
        let mut state = self.lock();
        let tended = state.tended.as_ref().is_some_and(|at| at.boot_id == now.boot_id && now.since(at) <= TENDED);
        if !state.open || !tended {
            return false;
        }
        state.under_way += 1;
        true
    }

    /// The order was taken or refused.
    pub(crate) fn back(&self) {
        let mut state = self.lock();
        debug_assert!(state.under_way > 0, "each comes back once");
        state.under_way = state.under_way.saturating_sub(1);
        let last = !state.open && state.under_way == 0;
        drop(state);
        if last {
            self.ring();
        }
    }

    pub(crate) fn open(&self) {
        let mut state = self.lock();
        state.open = !state.over;
    }

    pub(crate) fn shut(&self) {
        self.lock().open = false;
    }

    /// Shuts for good.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        (state.open, state.over) = (false, true);
    }

    /// It is shut, and nothing is on its way.
    pub(crate) fn is_through(&self) -> bool {
        let state = self.lock();
        !state.open && state.under_way == 0
    }

    /// The latch was looked at just now.
    pub(crate) fn tend(&self, now: &Moment) {
        self.lock().tended = Some(now.clone());
    }

    /// Wakes who tends it.
    pub(crate) fn ring(&self) {
        // Fails only where it has been rung 2^64 times unheard.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Takes the bell's sound away.
    pub(crate) fn heard(&self) {
        let _ = rustix::io::read(&self.bell, &mut [0_u8; 8]);
    }

    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn at(seconds: u64, boot: &str) -> Moment {
        Moment { utc: Timestamp::UNIX_EPOCH, boot_ns: seconds * 1_000_000_000, boot_id: boot.into() }
    }

    #[test]
    fn nothing_passes_a_gate_that_nobody_tends() {
        let gate = Gate::new().expect("a bell");
        gate.open();
        assert!(!gate.pass(&at(10, "a")), "never looked at");
        gate.tend(&at(10, "a"));
        assert!(gate.pass(&at(13, "a")) && !gate.pass(&at(14, "a")), "three seconds and no more");
        assert!(!gate.pass(&at(10, "b")), "another start of the machine");
    }

    #[test]
    fn a_shut_gate_is_through_when_the_last_order_is_back_and_rings_once() {
        let gate = Gate::new().expect("a bell");
        let rung = || {
            let mut count = [0_u8; 8];
            rustix::io::read(gate.bell(), &mut count).map_or(0, |_| u64::from_ne_bytes(count))
        };
        gate.tend(&at(1, "a"));
        gate.open();
        assert!(gate.pass(&at(1, "a")) && gate.pass(&at(1, "a")));
        gate.shut();
        assert!(!gate.pass(&at(1, "a")) && !gate.is_through());
        gate.back();
        assert!(!gate.is_through() && rung() == 0);
        gate.back();
        assert!(gate.is_through() && rung() == 1);
        gate.open();
        assert!(!gate.is_through() && gate.pass(&at(1, "a")));
        gate.close();
        gate.open();
        assert!(!gate.pass(&at(1, "a")), "it ended");
    }
}
