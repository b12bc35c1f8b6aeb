//! One child after the other: started, configured, listened to, buried, and waited for. Refuses to hammer: after a death
//! nothing is started before its wait is over, and then only by a call.

use crate::backoff::Backoff;
use crate::ground::Ground;
use crate::hosted::HostSpec;
use crate::line::{Ends, Line, lock};
use crate::message::{Configure, Hello};
use crate::ring::{Ring, tame};
use crate::status::{HostState, HostStatus, span};
use quarterdeck_abi::frame::{self, Frame, FrameError, FrameKind};
use quarterdeck_abi::{Level, wire};
use quarterdeck_contract::{Answer, BackendError, ErrorKind, Reply, Result, SecretBytes, Setup};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::process::ChildStderr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// What the callers and the supervising thread share.
pub(crate) struct Shared {
    pub(crate) spec: HostSpec,
    pub(crate) life: Mutex<Life>,
    pub(crate) changed: Condvar,
    pub(crate) ring: Mutex<Ring>,
    /// The setups that the last eight children were made from, where those were made anew: of the ones before the last,
    /// words may still come.
    renewed: Mutex<VecDeque<Setup>>,
    /// What the rules of the last child are tied to.
    pub(crate) ground: Mutex<Ground>,
}

/// Where the child is in its life.
pub(crate) struct Life {
    pub(crate) phase: Phase,
    pub(crate) since: Instant,
    pub(crate) starts: u64,
    pub(crate) backoff: Backoff,
    pub(crate) last_error: Option<String>,
    pub(crate) hello: Option<Hello>,
}

pub(crate) enum Phase {
    Idle,
    /// The line is there once the process is.
    Starting(Option<Arc<Line>>),
    Up(Arc<Line>),
    Down {
        until: Instant,
        error: BackendError,
    },
    Stopped,
}

impl Shared {
    pub(crate) fn new(spec: HostSpec) -> Self {
        let life = Life {
            phase: Phase::Idle,
            since: Instant::now(),
            starts: 0,
            backoff: Backoff::new(spec.first_wait),
            last_error: None,
            hello: None,
        };
        Self {
            spec,
            life: Mutex::new(life),
            changed: Condvar::new(),
            ring: Mutex::default(),
            renewed: Mutex::default(),
            ground: Mutex::default(),
        }
    }

    /// Starts a child if there is none and its wait is over. Caller holds the lock.
    pub(crate) fn start_if_due(self: &Arc<Self>, life: &mut Life) {
        match &life.phase {
            Phase::Idle => {}
            Phase::Down { until, .. } if *until <= Instant::now() => {}
            _ => return,
        }
        life.phase = Phase::Starting(None);
        life.since = Instant::now();
        life.starts += 1;
        let shared = self.clone();
        let thread = thread::Builder::new().name(format!("plugin {}", self.spec.name)).stack_size(1 << 20);
        if let Err(error) = thread.spawn(move || shared.supervise()) {
            life.phase = Phase::Down {
                until: Instant::now() + life.backoff.after(Duration::ZERO),
                error: BackendError::new(ErrorKind::Gone, format!("the system refuses a thread ({error})")),
            };
        }
    }

    /// One child from its start to its burial.
    fn supervise(self: Arc<Self>) {
        self.announce();
        let started = Instant::now();
        let (line, mut ends) = match Line::start(self.spec.program.as_os_str(), &self.spec.name) {
            Ok((line, ends)) => (Arc::new(line), ends),
            Err(error) => {
                let what = format!("the plugin's process can't be started ({error})");
                return self.lay_down(None, Duration::ZERO, &BackendError::new(ErrorKind::Gone, what));
            }
        };
        let drained = ends.stderr.take().map(|stderr| self.clone().drain(stderr));
        if self.adopt(&line) {
            let refusal = self.converse(&line, &mut ends, started + self.spec.start_within);
            let why = line.bury(|| self.last_words(drained));
            let error = refusal.unwrap_or_else(|| BackendError::new(ErrorKind::Gone, format!("the plugin {why}")));
            self.lay_down(Some(&line), started.elapsed(), &error);
        } else {
            line.end("was stopped".to_owned());
            line.bury(Vec::new);
            line.close("was stopped");
        }
    }

    /// Puts the line where `stop` finds it. False when it was stopped meanwhile.
    fn adopt(&self, line: &Arc<Line>) -> bool {
        let mut life = lock(&self.life);
        let wanted = matches!(life.phase, Phase::Starting(_));
        if wanted {
            life.phase = Phase::Starting(Some(line.clone()));
        }
        wanted
    }

    /// Configures the child and reads until it is silent for ever. Gives its own reason if it refused.
    fn converse(&self, line: &Arc<Line>, ends: &mut Ends, deadline: Instant) -> Option<BackendError> {
        let (configure, secrets) = match self.configuration() {
            Ok(configuration) => configuration,
            Err(error) => {
                line.hang_up("was not configured");
                return Some(error);
            }
        };
        if let Err(error) = line.configure(&configure, &secrets, self.spec.start_within) {
            line.end(format!("didn't take its configuration ({error}) and was killed"));
            return None;
        }
        let mut starting = true;
        loop {
            if starting {
                let rest = deadline.saturating_duration_since(Instant::now());
                // A child that only chatters would never make a read time out.
                if rest.is_zero() || ends.socket.set_read_timeout(Some(rest)).is_err() {
                    line.end(format!("hung in create for {} and was killed", span(self.spec.start_within)));
                    return None;
                }
            }
            match frame::read(&mut ends.socket) {
                Ok(frame) if frame.kind == FrameKind::Log => self.heard(&frame),
                Ok(frame) if starting && frame.kind == FrameKind::Hello => {
                    let Ok(hello) = wire::parse::<Hello>(&frame.message, "a hello") else {
                        line.end("said hello in a way nobody understands and was killed".to_owned());
                        return None;
                    };
                    starting = false;
                    let _ = ends.socket.set_read_timeout(None);
                    self.rise(line, hello);
                }
                Ok(frame) if starting && frame.kind == FrameKind::Refused => {
                    line.hang_up("refused to start");
                    return Some(wire::parse(&frame.message, "a refusal").unwrap_or_else(|error| error));
                }
                Ok(frame) => {
                    let kind = frame.kind;
                    if starting || !answers(line, frame) {
                        line.end(format!("sent what nobody asked for ({kind:?}) and was killed"));
                        return None;
                    }
                }
                Err(FrameError::Io(error)) if timed_out(&error) => {
                    line.end(format!("hung in create for {} and was killed", span(self.spec.start_within)));
                    return None;
                }
                Err(error @ (FrameError::Kind(_) | FrameError::TooLarge(_))) => {
                    line.end(format!("broke the joint and was killed: {error}"));
                    return None;
                }
                Err(FrameError::Closed | FrameError::Io(_)) => return None,
            }
        }
    }

    /// The first frame, made from what is there now: the setup's plain part and its secrets.
    fn configuration(&self) -> Result<(Configure, Zeroizing<Vec<u8>>)> {
        let HostSpec { library, pinned, workers, manifest, whole, kernel, .. } = &self.spec;
        let renewed = self.spec.renew.as_ref().and_then(|renew| renew());
        let anew = renewed.is_some();
        // Held before the child has them, so that it can't say one that we don't know.
        let renewed = self.hold(renewed);
        let setup = renewed.back().filter(|_| anew).unwrap_or(&self.spec.setup);
        let demands = manifest
            .demands(setup)
            .map_err(|error| BackendError::from(error).doing(format!("confining '{}'", self.spec.name)))?;
        *lock(&self.ground) = Ground::of(&demands);
        let (setup, secrets) = wire::encode_setup(setup);
        let configure = Configure {
            instance: self.spec.name.clone(),
            library: library.clone(),
            pinned: *pinned,
            workers: *workers,
            demands,
            whole: *whole,
            kernel: *kernel,
            setup: String::from_utf8_lossy(&setup).into_owned(),
        };
        Ok((configure, secrets))
    }

    /// Keeps a setup for as long as its secrets may be said: a child's last words may be read when others have come and
    /// gone since.
    fn hold(&self, setup: Option<Setup>) -> MutexGuard<'_, VecDeque<Setup>> {
        let mut renewed = lock(&self.renewed);
        renewed.extend(setup);
        while renewed.len() > 8 {
            if let Some(old) = renewed.pop_front() {
                lock(&self.ring).forget(secrets(&old));
            }
        }
        renewed
    }

    fn rise(&self, line: &Arc<Line>, hello: Hello) {
        let mut life = lock(&self.life);
        if matches!(life.phase, Phase::Starting(_)) {
            life.phase = Phase::Up(line.clone());
            life.since = Instant::now();
        }
        life.hello = Some(hello);
        drop(life);
        self.changed.notify_all();
        self.announce();
    }

    /// The child is no more: the next state first, then its callers, so that one who calls again meets the wait.
    fn lay_down(&self, line: Option<&Line>, lived: Duration, error: &BackendError) {
        let mut life = lock(&self.life);
        life.last_error = Some(error.to_string());
        life.since = Instant::now();
        if !matches!(life.phase, Phase::Stopped) {
            let until = life.since + life.backoff.after(lived);
            life.phase = Phase::Down { until, error: error.clone() };
        }
        if let Some(line) = line {
            line.close(error.what.strip_prefix("the plugin ").unwrap_or(&error.what));
        }
        drop(life);
        self.changed.notify_all();
        self.announce();
    }

    pub(crate) fn turned_away(&self, error: &BackendError, until: Instant) -> BackendError {
        if error.kind != ErrorKind::Gone {
            return error.clone();
        }
        let rest = until.saturating_duration_since(Instant::now());
        BackendError::new(ErrorKind::Gone, error.what.clone())
            .doing(format!("waiting for '{}'", self.spec.name))
            .hint(format!("It restarts in {}; 'quarterdeck plugins list' shows its last words.", span(rest)))
    }

    fn heard(&self, frame: &Frame) {
        let text = tame(&String::from_utf8_lossy(&frame.message));
        let level = Level::from_number(u32::try_from(frame.id).unwrap_or(u32::MAX));
        lock(&self.ring).push(format!("{}: {text}\n", level.word()).as_bytes());
        if let Some(log) = &self.spec.on_log {
            log(level, &text);
        }
    }

    /// Reads the child's standard error for as long as it lives, so that a flood neither blocks it nor grows us.
    fn drain(self: Arc<Self>, mut stderr: ChildStderr) -> Receiver<()> {
        let (done, drained) = channel();
        let read = move || {
            let mut buffer = [0; 4096];
            // Whole lines, so that a log line doesn't come to stand inside one; a very long one comes in pieces.
            let mut begun = Vec::with_capacity(buffer.len());
            loop {
                match stderr.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => begun.extend_from_slice(&buffer[..read]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => break,
                }
                let line_end = begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let whole = if begun.len() >= buffer.len() { begun.len() } else { line_end };
                lock(&self.ring).push(&begun[..whole]);
                begun.drain(..whole);
            }
            lock(&self.ring).push(&begun);
            let _ = done.send(());
        };
        // Without the thread the pipe closes, and the child's words are lost but nothing else.
        let _ = thread::Builder::new().name("plugin stderr".to_owned()).stack_size(64 << 10).spawn(read);
        drained
    }

    fn last_words(&self, drained: Option<Receiver<()>>) -> Vec<String> {
        if let Some(drained) = drained {
            // Whoever else holds the pipe (a helper the plugin left behind) must not keep us.
            let _ = drained.recv_timeout(Duration::from_millis(200));
        }
        self.tail()
    }

    fn tail(&self) -> Vec<String> {
        let renewed = lock(&self.renewed);
        lock(&self.ring).tail(renewed.iter().chain([&self.spec.setup]).flat_map(secrets))
    }

    fn announce(&self) {
        if let Some(on_change) = &self.spec.on_change {
            on_change(&self.status());
        }
    }

    pub(crate) fn status(&self) -> HostStatus {
        let stderr_tail = self.tail();
        let life = lock(&self.life);
        let (state, pid) = match &life.phase {
            Phase::Idle => (HostState::Idle, None),
            Phase::Starting(line) => (HostState::Starting, line.as_ref().map(|line| line.pid)),
            Phase::Up(line) => (HostState::Up, Some(line.pid)),
            Phase::Down { until, .. } => {
                (HostState::Down { retry_in: until.saturating_duration_since(Instant::now()) }, None)
            }
            Phase::Stopped => (HostState::Stopped, None),
        };
        let hello = life.hello.as_ref();
        HostStatus {
            name: self.spec.name.clone(),
            pid,
            state,
            since: life.since,
            restarts: life.starts.saturating_sub(1),
            last_error: life.last_error.clone(),
            stderr_tail,
            isolation: pid.map_or_else(|| "child".to_owned(), |pid| format!("child {pid}")),
            plugin: hello.map(|hello| hello.name.clone()),
            version: hello.map(|hello| hello.version.clone()),
            abi: hello.map(|hello| hello.abi),
            sha256: hello.map(|hello| hello.sha256.clone()),
            confinement: hello.map(|hello| hello.confinement.clone()),
        }
    }

    pub(crate) fn wait_while<'a>(
        &'a self,
        life: MutexGuard<'a, Life>,
        within: Duration,
        still: impl Fn(&Life) -> bool,
    ) -> MutexGuard<'a, Life> {
        self.changed.wait_timeout_while(life, within, |life| still(life)).unwrap_or_else(PoisonError::into_inner).0
    }
}

fn secrets(setup: &Setup) -> impl Iterator<Item = &[u8]> {
    setup.secrets.values().map(SecretBytes::expose)
}

/// Delivers a reply or a pong; false for anything that is neither, or that nobody asked for.
fn answers(line: &Line, mut frame: Frame) -> bool {
    let reply = match frame.kind {
        FrameKind::Reply => wire::decode_reply(&frame.message, || frame.secret.take()),
        FrameKind::Pong => Reply { answer: Ok(Answer::Done), secret: None },
        _ => return false,
    };
    line.deliver(frame.id, reply)
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
