//! Does what may hang on a thread of its own, and waits so long. Refuses to wait longer: a stop doesn't stand behind a
//! disk that is gone. What comes late is dropped.

use std::sync::mpsc::channel;
use std::time::Duration;

/// What it gave, or `None` when it took longer, ended in a panic, or no thread could be had.
pub(super) fn in_time<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = channel();
    let thread = std::thread::Builder::new().name("in time".into());
    let started = thread.spawn(move || {
        // Nobody may be waiting any more.
        let _ = tell.send(work());
    });
    started.ok().and_then(|_| told.recv_timeout(patience).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_left_and_what_is_quick_is_taken() {
        assert_eq!(in_time(Duration::from_secs(60), || 7), Some(7));
        let (release, held) = channel::<()>();
        let hung = in_time(Duration::from_millis(1), move || held.recv().is_ok());
        assert_eq!(hung, None);
        drop(release);
        assert_eq!(in_time(Duration::from_secs(60), || -> u8 { panic!("as a test wants") }), None);
    }
}
