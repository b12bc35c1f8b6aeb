//! The line to one living child: calls out, replies back, and how it ended. Refuses to be mended: a line that failed is
//! buried with its child, and the next child gets a new one.

use crate::message::{Configure, VERB};
use crate::status::{ending, span};
use quarterdeck_abi::frame::{self, FrameError, FrameKind};
use quarterdeck_abi::wire;
use quarterdeck_contract::{BackendError, ErrorKind, Operation, Reply, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A frame at least this long may fill the socket's buffer, so its writing is timed.
const LONG: usize = 32 << 10;
/// How long a child whose socket has closed may take to end by itself.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// One child and the socket to it.
pub(crate) struct Line {
    pub(crate) pid: u32,
    child: Mutex<Child>,
    out: Mutex<UnixStream>,
    /// The same socket, to be shut while somebody is stuck writing to it.
    cut: UnixStream,
    waiting: Mutex<Waiting>,
    /// Why we ended it, when we did.
    sentence: Mutex<Option<String>>,
}

#[derive(Default)]
struct Waiting {
    last_id: u64,
    /// Why no more calls are taken.
    epitaph: Option<String>,
    calls: HashMap<u64, SyncSender<Reply>>,
}

/// What the supervising thread reads.
pub(crate) struct Ends {
    pub(crate) socket: UnixStream,
    pub(crate) stderr: Option<ChildStderr>,
}

impl Line {
    /// Starts a child: empty environment, the socket as standard input, nothing on the command line but its name.
    pub(crate) fn start(program: &OsStr, name: &str) -> io::Result<(Self, Ends)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut child = Command::new(program)
            .arg0("quarterdeck")
            .args([VERB, name])
            .env_clear()
            // A ^C or a hang-up of the terminal is for the program, which may have something to finish with the child.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let (socket, cut) = (ours.try_clone()?, ours.try_clone()?);
        let stderr = child.stderr.take();
        let pid = child.id();
        let line = Self {
            pid,
            child: Mutex::new(child),
            out: Mutex::new(ours),
            cut,
            waiting: Mutex::default(),
            sentence: Mutex::default(),
        };
        Ok((line, Ends { socket, stderr }))
    }

    pub(crate) fn configure(&self, configure: &Configure, secrets: &[u8], within: Duration) -> Result<(), FrameError> {
        let out = &mut *lock(&self.out);
        out.set_write_timeout(Some(within))?;
        frame::write(out, 0, FrameKind::Configure, &wire::json(configure), secrets)
    }

    /// Carries one request over. A child that overstays `grace` after the deadline is killed.
    pub(crate) fn call(&self, request: &Request, doing: &str, grace: Duration) -> Reply {
        let patience = request.within + grace;
        if matches!(request.operation, Operation::Health) && self.ping(patience).is_err() {
            self.end(format!("answered no ping for {} and was killed", span(patience)));
        }
        let message = wire::encode_request(request);
        let secret = request.secret.as_ref().map_or(&[][..], |secret| secret.expose());
        let sent = Instant::now();
        match self.exchange(FrameKind::Call, &message, secret, patience) {
            Ok(reply) => reply,
            Err(Broken::TooLarge(size)) => {
                let what = format!("a request of {size} bytes is more than the {} allowed", frame::MAX);
                failed(BackendError::new(ErrorKind::TooLarge, what).doing(doing))
            }
            Err(Broken::Unsent(why)) => failed(gone(&why).doing(doing)),
            Err(Broken::Unanswered(why)) if request.operation.changes_something() => {
                failed(unknown(&format!("its plugin {why}")).doing(doing))
            }
            Err(Broken::Unanswered(why)) => failed(gone(&why).doing(doing)),
            Err(Broken::Late) => {
                // Tells a plugin that is busy from a child that is stopped or starved.
                let breathes = self.ping(grace).is_ok();
                let how = if breathes { "hung" } else { "hung, and its process answered nothing," };
                self.end(format!("{how} in '{doing}' for {} and was killed", span(sent.elapsed())));
                let what = format!("no answer within {}", span(request.within));
                let error = if request.operation.changes_something() {
                    unknown(&what)
                } else {
                    BackendError::new(ErrorKind::Timeout, what)
                        .hint("Its process was killed and is started again by the next call.")
                };
                failed(error.doing(doing))
            }
        }
    }

    /// Asks the child's I/O thread whether it is there.
    pub(crate) fn ping(&self, within: Duration) -> Result<(), ()> {
        self.exchange(FrameKind::Ping, &[], &[], within).map(drop).map_err(drop)
    }

    fn exchange(&self, kind: FrameKind, message: &[u8], secret: &[u8], within: Duration) -> Result<Reply, Broken> {
        let deadline = Instant::now() + within;
        let (sender, receiver) = sync_channel(1);
        let id = {
            let mut waiting = lock(&self.waiting);
            if let Some(why) = &waiting.epitaph {
                return Err(Broken::Unsent(why.clone()));
            }
            waiting.last_id += 1;
            let id = waiting.last_id;
            waiting.calls.insert(id, sender);
            id
        };
        if let Err(error) = self.send(id, kind, message, secret, within) {
            lock(&self.waiting).calls.remove(&id);
            if let FrameError::TooLarge(size) = error {
                return Err(Broken::TooLarge(size));
            }
            // Half a frame may be on its way: the line is of no more use. The child can't have acted on half a frame.
            self.end("took no more requests and was killed".to_owned());
            return Err(Broken::Unsent(self.epitaph().unwrap_or_else(|| "takes no more requests".to_owned())));
        }
        let outcome = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        lock(&self.waiting).calls.remove(&id);
        match outcome {
            Ok(reply) => Ok(reply),
            Err(RecvTimeoutError::Timeout) => Err(Broken::Late),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Broken::Unanswered(self.epitaph().unwrap_or_else(|| "is gone".to_owned())))
            }
        }
    }

    fn send(
        &self,
        id: u64,
        kind: FrameKind,
        message: &[u8],
        secret: &[u8],
        within: Duration,
    ) -> Result<(), FrameError> {
        let out = &mut *lock(&self.out);
        if message.len() + secret.len() >= LONG {
            out.set_write_timeout(Some(within.max(Duration::from_millis(1))))?;
        }
        frame::write(out, id, kind, message, secret)
    }

    /// Hands a reply to whoever waits for it. False when nobody ever asked for it.
    pub(crate) fn deliver(&self, id: u64, reply: Reply) -> bool {
        let mut waiting = lock(&self.waiting);
        let asked = id != 0 && id <= waiting.last_id;
        if let Some(sender) = waiting.calls.remove(&id) {
            // The caller may just have given up; then the reply is wiped here.
            let _ = sender.try_send(reply);
        }
        asked
    }

    /// Kills the child; the first reason given is the one that is told.
    pub(crate) fn end(&self, why: String) {
        lock(&self.sentence).get_or_insert(why);
        // It fails only when the child has been reaped.
        let _ = lock(&self.child).kill();
        // A process that the plugin left behind may hold the other end open.
        let _ = self.cut.shutdown(Shutdown::Both);
    }

    /// Lets the child leave by itself.
    pub(crate) fn hang_up(&self, why: &str) {
        lock(&self.sentence).get_or_insert_with(|| why.to_owned());
        let _ = self.cut.shutdown(Shutdown::Both);
    }

    /// Waits for the end of a child whose socket has closed or failed, and tells how it ended. `tail` is asked for its
    /// last words after it has.
    pub(crate) fn bury(&self, tail: impl FnOnce() -> Vec<String>) -> String {
        if !self.ended_within(LAST_BREATH) {
            self.end("closed its connection and was killed".to_owned());
        }
        let status = lock(&self.child).wait();
        let tail = tail();
        match (lock(&self.sentence).clone(), status) {
            (Some(why), _) => why,
            (None, Ok(status)) => ending(status, &tail),
            (None, Err(error)) => format!("ended, and the system doesn't tell how ({error})"),
        }
    }

    /// Turns every caller away, now and from now on.
    pub(crate) fn close(&self, epitaph: &str) {
        let mut waiting = lock(&self.waiting);
        waiting.epitaph = Some(epitaph.to_owned());
        waiting.calls.clear();
    }

    /// True once the child is buried.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.waiting).epitaph.is_some()
    }

    fn epitaph(&self) -> Option<String> {
        lock(&self.waiting).epitaph.clone()
    }

    fn ended_within(&self, within: Duration) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let Some(Ok(process)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return false };
        let deadline = Instant::now() + within;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: rest.as_secs() as i64, tv_nsec: i64::from(rest.subsec_nanos()) };
            match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout)) {
                Ok(ready) => return ready > 0,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

/// Why an exchange gave nothing.
enum Broken {
    /// Bigger than a frame.
    TooLarge(u64),
    /// The child never had it.
    Unsent(String),
    /// The child had it and died.
    Unanswered(String),
    /// The child has it and doesn't answer.
    Late,
}

fn failed(error: BackendError) -> Reply {
    Reply { answer: Err(error), secret: None }
}

fn gone(why: &str) -> BackendError {
    BackendError::new(ErrorKind::Gone, format!("the plugin {why}"))
        .hint("It is started again by a later call; 'quarterdeck plugins list' shows its last words.")
}

fn unknown(what: &str) -> BackendError {
    BackendError::new(ErrorKind::OutcomeUnknown, format!("a change was sent and its outcome is not known: {what}"))
        .hint("Read it back before anything else.")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
