//! Log lines over the border: level and text, to wherever the program sends them. Refuses to carry structure, and to
//! print: a plugin's standard output and error are nobody's screen.

use crate::table::{Lent, Sink};
use std::ffi::c_void;
use std::sync::{Arc, OnceLock};

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something works and is not as it should be.
    Warn,
    /// Something changed.
    Info,
    /// For whoever writes the plugin.
    Debug,
}

impl Level {
    /// One word for a line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// The number that crosses a border; [`from_number`](Self::from_number) reads it back.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The level of this number; an unknown one is the least.
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Error,
            1 => Self::Warn,
            2 => Self::Info,
            _ => Self::Debug,
        }
    }
}

/// Where the program wants log lines.
pub type Log = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// A library has its own statics, so this one is where *its* lines go. The first `create` sets it for good.
static SINK: OnceLock<Setting> = OnceLock::new();

struct Setting(Sink);

// SAFETY: the context is a leaked `Log`, which is `Send + Sync`, behind a function that only calls it.
unsafe impl Send for Setting {}
// SAFETY: as above.
unsafe impl Sync for Setting {}

/// Sends one line from a plugin to the program. Never with a value in it. Before `create` it goes nowhere.
pub fn log(level: Level, text: &str) {
    let Some(Setting(Sink { emit: Some(emit), context })) = SINK.get() else { return };
    // SAFETY: the program's own function with the context it gave for it; the text is lent for the call.
    unsafe { emit(*context, level.number(), Lent::of(text.as_bytes())) }
}

/// The library's side: keeps where lines go.
pub(crate) fn set(sink: Sink) {
    let _ = SINK.set(Setting(sink));
}

/// The program's side: a sink that ends in `log`. Leaks one small box, since the library may log for ever.
pub(crate) fn sink(log: Log) -> Sink {
    Sink { emit: Some(receive), context: Box::into_raw(Box::new(log)).cast() }
}

/// # Safety
///
/// `context` comes from [`sink`]; `text` is lent for the call.
unsafe extern "C" fn receive(context: *mut c_void, level: u32, text: Lent) {
    let outcome = std::panic::catch_unwind(|| {
        // SAFETY: a leaked `Log`, never freed.
        let log = unsafe { &*context.cast::<Log>() };
        // SAFETY: lent by the caller for this call.
        let text = String::from_utf8_lossy(unsafe { text.bytes() });
        log(Level::from_number(level), &text);
    });
    // The payload's drop could panic again, across the border.
    std::mem::forget(outcome);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_line_arrives_with_its_level() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = heard.clone();
        set(sink(Arc::new(move |level, text: &str| keep.lock().unwrap().push((level, text.to_owned())))));
        log(Level::Warn, "mode 0644, should be 0600");
        assert_eq!(*heard.lock().unwrap(), [(Level::Warn, "mode 0644, should be 0600".to_owned())]);
    }

    #[test]
    fn every_level_survives_its_number() {
        for level in [Level::Error, Level::Warn, Level::Info, Level::Debug] {
            assert_eq!(Level::from_number(level.number()), level);
        }
    }
}
