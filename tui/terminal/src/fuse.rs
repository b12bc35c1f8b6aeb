//! Ends the process when the program can't.
//!
//! A thread that hangs, a lock that nobody gives back, a terminal that vanished: none of it may leave a process
//! behind, spinning or holding what was armed. It ends by `_exit`: no destructor could hang in its turn.

use std::thread;
use std::time::Duration;

/// Runs `first` after a while, then ends the process; nothing puts the fuse out. If no thread can be had, now.
pub(crate) fn light(first: Duration, act: impl FnOnce() + Send + 'static, then: Duration, status: i32) {
    let burn = move || {
        thread::sleep(first);
        act();
        thread::sleep(then);
        signal_hook::low_level::exit(status);
    };
    if thread::Builder::new().name("fuse".to_owned()).spawn(burn).is_err() {
        signal_hook::low_level::exit(status);
    }
}
