//! Ends the process when the program can't.
//!
//! A thread that hangs, a lock that nobody gives back, a terminal that vanished: none of it may leave a process
//! behind, spinning or holding what was armed. It ends by `_exit`: no destructor could hang in its turn.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// How many are at something that may not be cut in two.
static BUSY: AtomicUsize = AtomicUsize::new(0);
/// So long a fuse that has burnt down waits for them.
const PATIENCE: Duration = Duration::from_secs(2);

/// While one lives, the process is not ended in the middle of what was begun: a fuse waits, two seconds at most.
#[derive(Debug)]
pub struct Busy(());

impl Busy {
    /// Something begins that may not be cut in two.
    #[allow(clippy::new_without_default, reason = "that it begins has to be said")]
    pub fn new() -> Self {
        BUSY.fetch_add(1, SeqCst);
        Self(())
    }
}

impl Clone for Busy {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, SeqCst);
    }
}

/// Runs `act` after a while, then ends the process; nothing puts the fuse out. If no thread can be had, now.
pub(crate) fn light(first: Duration, act: impl FnOnce() + Send + 'static, then: Duration, status: i32) {
    let burn = move || {
        thread::sleep(first);
        act();
        thread::sleep(then);
        let end = Instant::now() + PATIENCE;
        while BUSY.load(SeqCst) > 0 && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        signal_hook::low_level::exit(status);
    };
    if thread::Builder::new().name("fuse".to_owned()).spawn(burn).is_err() {
        signal_hook::low_level::exit(status);
    }
}
