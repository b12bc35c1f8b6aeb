//! The terminal device: opened for ourselves, made raw, entered and left.
//!
//! It opens the device anew instead of using standard output, since 'do not block' belongs to the open file and the
//! shell shares ours. It never waits for the terminal longer than [`PATIENCE`], and asks it nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::termios::{
    OptionalActions, QueueSelector, Termios, isatty, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, ttyname,
};

use crate::job;

/// How long leaving waits for a terminal that doesn't read.
const PATIENCE: Duration = Duration::from_millis(40);

const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l";
const MOUSE_ON: &[u8] = b"\x1b[?1000;1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006;1000l";
/// Ends a bracket, undoes margins and pen, switches every report off, empties the screen (not every terminal has
/// two), shows the cursor and goes back.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[r\x1b[m\x1b[?1006;1003;1002;1000;1004;2004l\x1b[H\x1b[2J\x1b[?25h\x1b[?1049l";
const PUSH_TITLE: &[u8] = b"\x1b[22;2t";
const POP_TITLE: &[u8] = b"\x1b[23;2t";

/// More than any screen has; what is told beyond is left empty. Memory for 65,535 by 65,535 cells is in no machine.
const WIDEST: u16 = 1_000;
const HIGHEST: u16 = 500;

/// A terminal's size in cells, never less than 1 by 1, never more than 1,000 by 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

impl Size {
    /// A terminal that tells no size (a serial line) is taken for the usual 80 by 24.
    pub fn told(cols: u16, rows: u16) -> Self {
        if cols == 0 || rows == 0 {
            return Self { cols: 80, rows: 24 };
        }
        Self { cols: cols.min(WIDEST), rows: rows.min(HIGHEST) }
    }
}

/// Why there is no terminal.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Standard input or output leads elsewhere.
    #[error("standard {0} is not a terminal")]
    NotATerminal(&'static str),
    /// This process has one open already.
    #[error("the terminal is open already")]
    AlreadyOpen,
    /// The device can't be opened or set.
    #[error("the terminal cannot be used: {0}")]
    Device(#[from] io::Error),
}

impl From<rustix::io::Errno> for OpenError {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Device(errno.into())
    }
}

/// The device.
#[derive(Debug)]
pub(crate) struct Tty {
    pub(crate) fd: OwnedFd,
    cooked: Termios,
    inside: AtomicBool,
    /// Nothing comes from it and nothing reaches it any more.
    pub(crate) gone: AtomicBool,
    pub(crate) mouse: AtomicBool,
    titled: AtomicBool,
}

impl Tty {
    pub(crate) fn open() -> Result<Self, OpenError> {
        let (stdin, stdout) = (rustix::stdio::stdin(), rustix::stdio::stdout());
        if !isatty(stdin) {
            return Err(OpenError::NotATerminal("input"));
        }
        if !isatty(stdout) {
            return Err(OpenError::NotATerminal("output"));
        }
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        // The name may not be ours to open (after su) or not exist here (in a container).
        let by_name = ttyname(stdout, Vec::new()).and_then(|name| open(name, flags, Mode::empty()));
        let fd = by_name.or_else(|_| open("/dev/tty", flags, Mode::empty()))?;
        let cooked = tcgetattr(&fd)?;
        let no = || AtomicBool::new(false);
        Ok(Self { fd, cooked, inside: no(), gone: no(), mouse: no(), titled: no() })
    }

    pub(crate) fn size(&self) -> Size {
        tcgetwinsize(&self.fd).map_or(Size::told(0, 0), |size| Size::told(size.ws_col, size.ws_row))
    }

    pub(crate) fn inside(&self) -> bool {
        self.inside.load(SeqCst) && !self.gone.load(SeqCst)
    }

    /// Makes it raw and goes to the other screen.
    pub(crate) fn enter(&self) -> io::Result<()> {
        let mut raw = self.cooked.clone();
        raw.make_raw();
        tcsetattr(&self.fd, OptionalActions::Now, &raw)?;
        self.inside.store(true, SeqCst);
        self.insist(ENTER);
        if self.mouse.load(SeqCst) {
            self.insist(MOUSE_ON);
        }
        Ok(())
    }

    /// Puts everything back as it was found; a second call does nothing. `torn` says that a sequence may have been
    /// sent in part, `last` that what was typed and not read mustn't reach the shell.
    pub(crate) fn leave(&self, torn: bool, last: bool) {
        if !self.inside.swap(false, SeqCst) || self.gone.load(SeqCst) || !self.in_foreground() {
            return;
        }
        let title: &[u8] = if self.titled.swap(false, SeqCst) { POP_TITLE } else { b"" };
        let abort: &[u8] = if torn { b"\x18" } else { b"" };
        let words = [abort, title, LEAVE].concat();
        if !self.insist(&words) {
            let _ = tcflush(&self.fd, QueueSelector::OFlush);
            self.insist(&[b"\x18", title, LEAVE].concat());
        }
        if last {
            let _ = tcflush(&self.fd, QueueSelector::IFlush);
        }
        let _ = tcsetattr(&self.fd, OptionalActions::Now, &self.cooked);
    }

    /// A process in the background would be stopped for touching the terminal, which is the shell's by then.
    fn in_foreground(&self) -> bool {
        let Ok(foreground) = tcgetpgrp(&self.fd) else { return true };
        job::of("self").is_none_or(|ours| ours.group == foreground.as_raw_nonzero().get())
    }

    /// One write; what the terminal doesn't take is not waited for.
    pub(crate) fn write(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        rustix::io::retry_on_intr(|| rustix::io::write(&self.fd, bytes))
    }

    /// Writes all, waiting a little; tells whether it got through.
    fn insist(&self, mut bytes: &[u8]) -> bool {
        let end = Instant::now() + PATIENCE;
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(rustix::io::Errno::AGAIN) => {
                    let left = end.saturating_duration_since(Instant::now());
                    let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
                    let wait = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
                    if left.is_zero() || !matches!(poll(&mut fds, Some(&wait)), Ok(1..)) {
                        return false;
                    }
                }
                Err(_) => return true,
            }
        }
        true
    }

    /// Throws away what was typed and not read.
    pub(crate) fn forget_typed(&self) {
        let _ = tcflush(&self.fd, QueueSelector::IFlush);
    }

    /// The bytes that switch the mouse; remembered for when the screen is entered again.
    pub(crate) fn mouse_bytes(&self, on: bool) -> &'static [u8] {
        self.mouse.store(on, SeqCst);
        if on { MOUSE_ON } else { MOUSE_OFF }
    }

    /// The bytes that set the title; the first time they also save the one that was there.
    pub(crate) fn title_bytes(&self, title: &str) -> Vec<u8> {
        let push: &[u8] = if self.titled.swap(true, SeqCst) { b"" } else { PUSH_TITLE };
        let plain: String = title.chars().map(crate::ascii_char).collect();
        [push, b"\x1b]2;", plain.as_bytes(), b"\x07"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_no_screen_has_is_bounded() {
        assert_eq!(Size::told(0, 30), Size { cols: 80, rows: 24 });
        assert_eq!(Size::told(1, 1), Size { cols: 1, rows: 1 });
        assert_eq!(Size::told(500, 200), Size { cols: 500, rows: 200 });
        assert_eq!(Size::told(u16::MAX, u16::MAX), Size { cols: 1_000, rows: 500 });
    }
}
