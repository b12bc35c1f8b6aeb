//! Test builds only: a process that dies by SIGKILL at a point of its work that `QUARTERDECK_TEST_DIE_AT` names. Refuses
//! to do anything without it.

use rustix::process::{Signal, getpid, kill_process};
use std::sync::OnceLock;

/// Dies if this is the point: `promote:before`.
pub(crate) fn at(point: &str) {
    static POINT: OnceLock<Option<String>> = OnceLock::new();
    let named = POINT.get_or_init(|| std::env::var("QUARTERDECK_TEST_DIE_AT").ok());
    if named.as_deref() == Some(point) && kill_process(getpid(), Signal::KILL).is_ok() {
        // It takes effect before this thread runs on for long; nothing more is to be done meanwhile.
        loop {
            std::thread::park();
        }
    }
}
