//! The signals of a terminal program, and any thread's wish to be heard, as bytes in one socket.
//!
//! Registered once for the process and for good: what is taken back would leave a signal without any effect. While
//! no terminal is open each of them does what it does by default.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};

use crate::key::Ending;

/// What a thread or a signal wants of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Call {
    Hangup,
    Interrupt,
    Quit,
    Terminate,
    Stop,
    Continue,
    Resize,
    /// From here on no signal's, but a thread's.
    Suspend,
    Drain,
    Panicked,
    Close,
}

const BY_SIGNAL: [(i32, Call); 7] = [
    (SIGHUP, Call::Hangup),
    (SIGINT, Call::Interrupt),
    (SIGQUIT, Call::Quit),
    (SIGTERM, Call::Terminate),
    (SIGTSTP, Call::Stop),
    (SIGCONT, Call::Continue),
    (SIGWINCH, Call::Resize),
];

pub(crate) const ENDINGS: [(Call, Ending); 5] = [
    (Call::Panicked, Ending::Panic),
    (Call::Hangup, Ending::Hangup),
    (Call::Interrupt, Ending::Interrupt),
    (Call::Quit, Ending::Quit),
    (Call::Terminate, Ending::Terminate),
];

/// One flag for each call, and a socket that wakes the reader.
#[derive(Debug)]
pub(crate) struct Calls {
    flags: [Arc<AtomicBool>; Call::Close as usize + 1],
    /// No terminal is open: signals keep their default.
    default: Arc<AtomicBool>,
    wake: UnixStream,
    woken: UnixStream,
}

impl Calls {
    /// The process's one set. Every handler is in place when it returns.
    pub(crate) fn listen() -> io::Result<&'static Self> {
        static CALLS: OnceLock<Calls> = OnceLock::new();
        if let Some(calls) = CALLS.get() {
            return Ok(calls);
        }
        let calls = Self::register()?;
        Ok(CALLS.get_or_init(|| calls))
    }

    fn register() -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let calls = Self { flags: Default::default(), default: Arc::new(AtomicBool::new(true)), wake, woken };
        for (signal, call) in BY_SIGNAL {
            signal_hook::flag::register_conditional_default(signal, calls.default.clone())?;
            signal_hook::flag::register(signal, calls.flags[call as usize].clone())?;
            signal_hook::low_level::pipe::register(signal, calls.wake.try_clone()?)?;
        }
        Ok(calls)
    }

    /// Takes the signals over, or gives them back. False if they were so already.
    pub(crate) fn take_over(&self, ours: bool) -> bool {
        self.default.swap(!ours, SeqCst) == ours
    }

    /// Calls the reader.
    pub(crate) fn call(&self, call: Call) {
        self.flags[call as usize].store(true, SeqCst);
        let _ = (&self.wake).write(b"!");
    }

    /// Takes a call, if there was one.
    pub(crate) fn take(&self, call: Call) -> bool {
        self.flags[call as usize].swap(false, SeqCst)
    }

    /// Forgets every call: one made for a terminal that was closed is not for the next.
    pub(crate) fn forget(&self) {
        self.wakings();
        self.flags.iter().for_each(|flag| flag.store(false, SeqCst));
    }

    /// Forgets the wakings; to be called before the flags are looked at.
    pub(crate) fn wakings(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.woken).read(&mut bytes), Ok(1..)) {}
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}
