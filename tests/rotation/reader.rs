//! A reader as a trading program is one: it reads the secret where it is stored and logs in with it, again and again. Refuses
//! to know of rotations. Where a log-in is refused it reads once more and logs in once more, as every reader must that
//! read just before a change; refused then, it is cut off, and that is a failure of the test.

use crate::broker::Broker;
use crate::place::Place;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two log-ins: the servers are there for others too.
const PACE: Duration = Duration::from_millis(5);

/// It reads until it is asked what it saw.
pub(crate) struct Reader {
    end: Sender<()>,
    thread: JoinHandle<Seen>,
}

/// What a reader saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Log-ins that were accepted.
    pub(crate) fine: usize,
    /// Reads that the backend did not answer.
    pub(crate) unanswered: usize,
    /// Refused twice: which round.
    pub(crate) cut_off: Vec<usize>,
}

impl Reader {
    pub(crate) fn start(place: &Arc<Place>, broker: &Broker) -> Self {
        let (end, ends) = channel();
        let (place, broker) = (place.clone(), broker.clone());
        let read = move || {
            let mut seen = Seen::default();
            for round in 0.. {
                let logs_in = || place.current().map(|value| broker.accepts(&value));
                match logs_in() {
                    None => seen.unanswered += 1,
                    Some(true) => seen.fine += 1,
                    // Nothing answered on the second read is no refusal: it is asked again in the next round.
                    Some(false) if logs_in() == Some(false) => seen.cut_off.push(round),
                    Some(false) => {}
                }
                if ends.recv_timeout(PACE) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            seen
        };
        Self { end, thread: std::thread::spawn(read) }
    }

    /// Ends it: it was never cut off, and did read.
    #[track_caller]
    pub(crate) fn was_never_cut_off(self) -> Seen {
        drop(self.end);
        let seen = self.thread.join().expect("it reads on");
        assert!(seen.cut_off.is_empty(), "a reader had no valid credential: {seen:?}");
        assert!(seen.fine > 0, "{seen:?}");
        seen
    }
}
