//! How long to wait before a dead child is started again. Refuses to know the time: it is told how long the child lived.

use std::time::Duration;

/// Doubles from one failure to the next, up to a bound, and forgets after a long life.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    next: Duration,
}

impl Backoff {
    /// The usual first wait.
    pub(crate) const FIRST: Duration = Duration::from_millis(200);
    const MOST: Duration = Duration::from_secs(30);
    /// A child that lived for as long as the longest wait is no part of a series of failures.
    const FORGIVEN: Duration = Self::MOST;

    pub(crate) fn new(first: Duration) -> Self {
        Self { first, next: first }
    }

    /// The wait after a child that lived this long.
    pub(crate) fn after(&mut self, lived: Duration) -> Duration {
        if lived >= Self::FORGIVEN {
            *self = Self::new(self.first);
        }
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(Self::MOST.max(wait));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_its_bound_and_forgets_after_a_long_life() {
        let mut backoff = Backoff::new(Backoff::FIRST);
        let waits: Vec<_> = (0..10).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
        assert_eq!(backoff.after(Duration::from_secs(31)).as_millis(), 200);
        assert_eq!(backoff.after(Duration::from_secs(1)).as_millis(), 400);
    }
}
