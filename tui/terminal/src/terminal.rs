//! The terminal as the program holds it: opened, used, and put back as it was found, however the program ends.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::features::Features;
use crate::fuse;
use crate::key::{Ending, Input};
use crate::reader::Reader;
use crate::screen::{Output, Screen};
use crate::signals::{Call, Calls};
use crate::tty::{OpenError, Size, Tty};

/// How long closing waits for the reader, so that it takes no key of whoever reads next.
const READER_ENDS: Duration = Duration::from_millis(50);

/// How long the program is given when it is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From a signal or a panic until the terminal is restored over the program's head.
    pub restore: Duration,
    /// From then on until the process is ended.
    pub end: Duration,
    /// From a hang-up until the process is ended.
    pub hangup: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            restore: Duration::from_millis(60),
            end: Duration::from_millis(1940),
            hangup: Duration::from_millis(200),
        }
    }
}

/// The open terminal. Dropping it restores the terminal.
#[derive(Debug)]
pub struct Terminal {
    output: Arc<Output>,
    calls: &'static Calls,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Enters the terminal: raw, on its other screen, cursor hidden, bracketed paste on, mouse off; signals and
    /// panics are taken over. What comes in is handed to `deliver` on a thread of its own; it must not block. One
    /// at a time in a process.
    pub fn open(
        features: Features,
        limits: Limits,
        deliver: impl FnMut(Input) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let tty = Tty::open()?;
        let calls = Calls::listen()?;
        if !calls.take_over(true) {
            return Err(OpenError::AlreadyOpen);
        }
        let mut terminal = Self { output: Arc::new(Output::new(tty, features)), calls, reader: None };
        terminal.reader = Some(terminal.start(limits, deliver)?);
        Ok(terminal)
    }

    fn start(&self, limits: Limits, deliver: impl FnMut(Input) + Send + 'static) -> io::Result<JoinHandle<()>> {
        restore_on_panic(&self.output);
        let Self { output, calls, .. } = self;
        calls.forget();
        let carrier = output.clone();
        named("screen").spawn(move || carrier.carry())?;
        output.enter()?;
        let size = output.tty.size();
        let reader = Reader { output: output.clone(), calls, limits, deliver, size };
        named("keyboard").spawn(move || {
            // Without its reader the program would hear nothing more, not even that it is to end.
            if catch_unwind(AssertUnwindSafe(|| reader.run())).is_err() {
                fuse::light(limits.restore, || {}, limits.end, Ending::Panic.exit_status());
            }
        })
    }

    /// The way to the screen.
    pub fn screen(&self) -> Screen {
        Screen::new(self.output.clone())
    }

    /// The size now, never less than 1 by 1.
    pub fn size(&self) -> Size {
        self.output.tty.size()
    }

    /// Leaves the terminal and stops the job, as Ctrl-Z does elsewhere. Returns at once; [`Input::Resumed`] comes
    /// when the job has been continued and the last frame painted again. Without a shell to continue it the program
    /// goes on as if nothing had been asked.
    pub fn suspend(&self) {
        self.calls.call(Call::Suspend);
    }

    /// Throws away what was typed ahead. What the program has already been handed it must throw away itself, up to
    /// [`Input::Drained`], which answers this call.
    pub fn drain(&self) {
        self.output.tty.forget_typed();
        self.calls.call(Call::Drain);
    }

    /// Restores the terminal; the same as dropping it.
    pub fn close(self) {}
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.output.leave(true);
        self.calls.call(Call::Close);
        let reader = self.reader.take().filter(|reader| reader.thread().id() != thread::current().id());
        let end = Instant::now() + READER_ENDS;
        while reader.as_ref().is_some_and(|reader| !reader.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        self.calls.take_over(false);
    }
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(format!("terminal-{name}"))
}

/// Puts a hook before the present one, once for the process: whichever thread panics, the terminal is restored
/// before the message is printed.
fn restore_on_panic(output: &Arc<Output>) {
    static OPEN: Mutex<Weak<Output>> = Mutex::new(Weak::new());
    static HOOK: Once = Once::new();
    *OPEN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(output);
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            if let Some(output) = &open {
                output.leave(true);
            }
            print(panic);
            // Said last: the program ends when it hears of it, and the message would be lost.
            if let (Some(_), Ok(calls)) = (open, Calls::listen()) {
                calls.call(Call::Panicked);
            }
        }));
    });
}
