//! The thread that waits for the terminal: keys, signals, hang-up, and coming back from a stop.
//!
//! It sleeps in one poll(2) without a time-out, except after an Esc that may be the beginning of a sequence. It
//! decides nothing: what comes in is handed on, and the handing on must not block.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, getppid, kill_current_process_group, kill_process};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use crate::fuse;
use crate::job;
use crate::key::{Ending, Input};
use crate::parse::Parser;
use crate::screen::Output;
use crate::signals::{Call, Calls, ENDINGS};
use crate::terminal::Limits;
use crate::tty::Size;

/// What the thread works with.
pub(crate) struct Reader<F> {
    pub(crate) output: Arc<Output>,
    pub(crate) calls: &'static Calls,
    pub(crate) limits: Limits,
    pub(crate) deliver: F,
    pub(crate) size: Size,
}

/// Whether there is more to come.
#[derive(PartialEq, Eq)]
enum Next {
    Wait,
    End,
}

impl<F: FnMut(Input)> Reader<F> {
    /// Reads until the terminal is closed or gone.
    pub(crate) fn run(mut self) {
        let mut parser = Parser::new();
        let mut last_read = Instant::now();
        let mut ending = None;
        loop {
            let inside = self.output.tty.inside();
            let wanted = if inside { PollFlags::IN } else { PollFlags::empty() };
            let mut fds =
                [PollFd::from_borrowed_fd(self.calls.fd(), PollFlags::IN), PollFd::new(&self.output.tty.fd, wanted)];
            let patience = parser.patience().map(|wait| Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() });
            let ready = match poll(&mut fds, patience.as_ref()) {
                Ok(ready) => ready,
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return self.hang_up(),
            };
            let (called, tty) = (fds[0].revents(), fds[1].revents());
            if ready == 0 {
                parser.expire(&mut self.deliver);
            }
            if !called.is_empty() && self.answer_calls(&mut parser, &mut ending) == Next::End {
                return;
            }
            if tty.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                return self.hang_up();
            }
            if tty.contains(PollFlags::IN) && self.read(&mut parser, &mut last_read) == Next::End {
                return self.hang_up();
            }
        }
    }

    fn read(&mut self, parser: &mut Parser, last_read: &mut Instant) -> Next {
        let mut bytes = zeroize::Zeroizing::new([0; 4096]);
        match rustix::io::read(&self.output.tty.fd, &mut bytes[..]) {
            Ok(0) => Next::End,
            Ok(length) => {
                let now = Instant::now();
                parser.feed(&bytes[..length], now - std::mem::replace(last_read, now), &mut self.deliver);
                Next::Wait
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Next::Wait,
            Err(_) => Next::End,
        }
    }

    fn answer_calls(&mut self, parser: &mut Parser, ending: &mut Option<Ending>) -> Next {
        self.calls.wakings();
        if self.calls.take(Call::Close) {
            return Next::End;
        }
        for (call, why) in ENDINGS {
            if self.calls.take(call) {
                self.end(why, ending.replace(why));
            }
        }
        if self.calls.take(Call::Drain) {
            parser.forget();
            (self.deliver)(Input::Drained);
        }
        if self.calls.take(Call::Suspend) {
            self.stop(true);
        }
        if self.calls.take(Call::Stop) {
            self.stop(false);
        }
        if self.calls.take(Call::Continue) {
            self.come_back();
        }
        if self.calls.take(Call::Resize) {
            self.resized(true);
        }
        Next::Wait
    }

    /// Asks the program to end, and sees to it. A second signal while it ends is an order.
    fn end(&mut self, why: Ending, before: Option<Ending>) {
        if before == Some(why) && why != Ending::Panic {
            self.output.leave(true);
            signal_hook::low_level::exit(why.exit_status());
        }
        if before.is_none() {
            let output = self.output.clone();
            let restore = move || output.leave(true);
            fuse::light(self.limits.restore, restore, self.limits.end, why.exit_status());
        }
        (self.deliver)(Input::Terminate(why));
    }

    /// Nobody is there any more: nothing can be shown or asked.
    fn hang_up(&mut self) {
        self.output.tty.gone.store(true, SeqCst);
        fuse::light(self.limits.hangup, || {}, std::time::Duration::ZERO, Ending::Hangup.exit_status());
        (self.deliver)(Input::Hangup);
    }

    /// Leaves the terminal and stops. A stop from the keyboard is for the whole job: a script that started us, and
    /// what we started, stop with us.
    fn stop(&mut self, whole_job: bool) {
        if !self.can_be_continued() {
            return;
        }
        self.output.leave(false);
        if whole_job && kill_current_process_group(Signal::TSTP).is_ok() {
            self.await_own_stop();
        }
        let _ = kill_process(getpid(), Signal::STOP);
    }

    /// Our own SIGTSTP comes back to us, too. Taken later it would stop us a second time.
    fn await_own_stop(&self) {
        let soon = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        while !self.calls.take(Call::Stop) {
            let mut fds = [PollFd::from_borrowed_fd(self.calls.fd(), PollFlags::IN)];
            if !matches!(poll(&mut fds, Some(&soon)), Ok(1..) | Err(rustix::io::Errno::INTR)) {
                break;
            }
            self.calls.wakings();
        }
    }

    /// Whether a shell of our own session started us; if none did, nobody would ever wake us.
    fn can_be_continued(&self) -> bool {
        let parents = getppid().and_then(|parent| job::of(&parent.to_string()));
        match (job::of("self"), parents) {
            (Some(ours), Some(parents)) => ours.session != 0 && ours.session == parents.session,
            _ => false,
        }
    }

    fn come_back(&mut self) {
        if self.output.enter().is_ok() {
            self.resized(false);
            (self.deliver)(Input::Resumed);
        }
    }

    fn resized(&mut self, told: bool) {
        let size = self.output.tty.size();
        if told {
            self.output.lose();
        }
        if told || size != self.size {
            self.size = size;
            (self.deliver)(Input::Resize(size));
        }
    }
}
