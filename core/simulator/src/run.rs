//! Runs the engine until it is told to end: one wake-up a second, and one for each order. Refuses to trade before the
//! kill-switch's client stands.

use crate::audit::Audit;
use crate::beats::Mouth;
use crate::desk::{Desk, die};
use crate::misbehave::{Control, Misbehave};
use crate::options::{DieAt, Options};
use crate::orders::Plan;
use crate::venue::Venue;
use quarterdeck_domain::kill::{Beat, Step};
use quarterdeck_engine::{Client, ClientError, Identity, Places};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at the venue, the control file and the client.
const TICK: Duration = Duration::from_secs(1);
/// It wakes no more often; at a higher rate several orders go out at once.
const LEAST: Duration = Duration::from_millis(1);

/// No clock reaches further than anybody waits.
const LONGEST: Duration = Duration::from_secs(1 << 32);

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The client could not.
    #[error("{0}\n  while: starting the kill-switch's client")]
    Client(#[from] ClientError),
    /// The venue's file can't be used, or can't be understood.
    #[error("{path}: {why}\n  while: opening the simulated venue\n  next:  make the folder writable, or name another with --state", path = path.display())]
    Venue {
        /// Its folder.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The audit file can't be opened.
    #[error("{path}: {why}\n  while: opening the audit file\n  next:  make its folder writable, or name another with --audit", path = path.display())]
    Audit {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The system gave no pipe or no signal.
    #[error("{0}\n  while: waiting for the next order\n  next:  start the engine again")]
    System(#[from] io::Error),
}

/// Runs until SIGTERM, SIGINT or, with a parent, the end of standard input.
pub fn run(options: Options) -> Result<(), SimulatorError> {
    let (mut end, wake) = UnixStream::pair()?;
    end.set_nonblocking(true)?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
    }
    let desk = Arc::new(open(&options)?);
    let mut control = Control::new(options.misbehave.clone(), options.control.clone());
    wrong(&desk, &mut control);
    let client = start(&options, &desk)?;
    // Nobody may be reading.
    let _ = writeln!(
        io::stdout(),
        "{} trades in {}, account {}, pid {}",
        options.name,
        options.environment.title(),
        options.masked(),
        std::process::id()
    );
    let mut turn = Turn::new(&options);
    loop {
        let now = Instant::now();
        turn.take(now, &desk, &client, &mut control);
        if ended(&mut end, options.with_parent, turn.pause(Instant::now()))? {
            break;
        }
    }
    client.stop();
    Ok(())
}

fn open(options: &Options) -> Result<Desk, SimulatorError> {
    // The client refuses every name that is no good; this one would leave the folder before it is asked.
    if Path::new(&options.name).file_name() != Some(OsStr::new(&options.name)) {
        return Err(ClientError::Name(options.name.clone()).into());
    }
    let plan =
        Plan { name: options.name.clone(), seed: options.seed, orders: options.orders, positions: options.positions };
    let audit = Audit::open(options.audit.as_deref(), &options.name, options.environment.name())
        .map_err(|why| SimulatorError::Audit { path: options.audit.clone().unwrap_or_default(), why })?;
    let bad = |why| SimulatorError::Venue { path: options.state.clone(), why };
    DirBuilder::new().recursive(true).mode(0o700).create(&options.state).map_err(bad)?;
    let venue = Venue::open(&options.state, &options.name).map_err(bad)?;
    if venue.is_new() {
        for ask in plan.seeds() {
            venue.ask(&ask).map_err(|refused| bad(io::Error::other(refused.to_string())))?;
        }
    }
    Ok(Desk::new(options, venue, plan, audit))
}

fn start(options: &Options, desk: &Arc<Desk>) -> Result<Client, ClientError> {
    let identity =
        Identity { name: options.name.clone(), account: options.account.clone(), environment: options.environment };
    let (hands, mouth) = (desk.clone(), desk.clone());
    let mut lips = Mouth::default();
    let say = move |beat: Beat| {
        let faults = mouth.faults();
        if beat.step > Step::None {
            if faults.has(&Misbehave::Dead) {
                die();
            }
            mouth.die_if(|at| at == DieAt::Received);
        }
        lips.say(beat, &faults)
    };
    Client::start_saying(Places::under(&options.base), identity, move |client, duty| hands.heard(client, duty), say)
}

/// Takes up what the control file says now.
fn wrong(desk: &Desk, control: &mut Control) {
    let (faults, unknown) = control.faults();
    for error in unknown {
        let _ = writeln!(io::stderr(), "{error}");
    }
    desk.go_wrong(faults);
}

/// When what is due.
struct Turn {
    every: Option<Duration>,
    fills_every: Option<Duration>,
    next_order: Instant,
    next_tick: Instant,
    next_fill: Instant,
}

impl Turn {
    fn new(options: &Options) -> Self {
        let now = Instant::now();
        let (every, fills_every) = (options.rate.every(), options.fills_every.map(|every| every.min(LONGEST)));
        let next_fill = now + fills_every.unwrap_or_default();
        Self { every, fills_every, next_order: now, next_tick: now, next_fill }
    }

    /// Does what is due.
    fn take(&mut self, now: Instant, desk: &Desk, client: &Client, control: &mut Control) {
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            wrong(desk, control);
            self.tick(now, desk, client);
        }
        let Some(every) = self.every else { return };
        // … nor what a slow venue held up by more than a second.
        if now.saturating_duration_since(self.next_order) > TICK {
            self.next_order = now;
        }
        while self.next_order <= now {
            self.next_order += every;
            // Blocked, or the venue is away: what was not sent is not made up for …
            if !desk.trade(client) {
                self.next_order = (now + every).max(self.next_tick);
            }
        }
    }

    fn tick(&mut self, now: Instant, desk: &Desk, client: &Client) {
        let level = client.duty().level;
        if level == 0 {
            self.next_fill = self.fills_every.map_or(now, |every| now + every);
        } else if let Some(every) = self.fills_every
            && now >= self.next_fill
        {
            self.next_fill = now + every;
            desk.fill();
        }
        // At level 4 the client calls each second, and what it is told then is told together with what was done.
        if level < 4 {
            desk.tell(client, "");
        }
    }

    fn pause(&self, now: Instant) -> Duration {
        let next = if self.every.is_some() { self.next_order.min(self.next_tick) } else { self.next_tick };
        next.saturating_duration_since(now).max(LEAST)
    }
}

/// Waits. True when it is time to end.
fn ended(end: &mut UnixStream, with_parent: bool, pause: Duration) -> io::Result<bool> {
    let timeout = Timespec { tv_sec: pause.as_secs() as i64, tv_nsec: i64::from(pause.subsec_nanos()) };
    let stdin = io::stdin();
    let mut fds = vec![PollFd::new(end, PollFlags::IN)];
    if with_parent {
        fds.push(PollFd::new(&stdin, PollFlags::IN));
    }
    match poll(&mut fds, Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    if with_parent && !fds[1].revents().is_empty() && !matches!(stdin.lock().read(&mut [0; 512]), Ok(1..)) {
        return Ok(true);
    }
    drop(fds);
    Ok(matches!(end.read(&mut [0; 16]), Ok(1..)))
}
