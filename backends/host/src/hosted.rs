//! The parent's side: one backend in one child, started when it is needed and again after it died. Refuses to keep a
//! caller longer than its deadline: while a child waits before a restart, calls are turned away at once.

use crate::backoff::Backoff;
use crate::confine::Kernel;
use crate::line::{Line, lock};
use crate::manifest::PluginManifest;
use crate::status::HostStatus;
use crate::supervise::{Phase, Shared};
use quarterdeck_abi::Log;
use quarterdeck_contract::{BackendError, Carrier, Description, ErrorKind, Operation, Reply, Request, Result, Setup};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Told each time a child changes its state, from a thread of the host.
pub type OnChange = Arc<dyn Fn(&HostStatus) + Send + Sync>;

/// Makes a setup anew: see [`HostSpec::renew`].
pub type Renew = Arc<dyn Fn() -> Option<Setup> + Send + Sync>;

/// All that a child is started from, kept to start it again: the setup's secrets are wiped when this goes.
pub struct HostSpec {
    /// The instance's name, as it stands in `plugin-host NAME`.
    pub name: String,
    /// The program whose `plugin-host` verb is [`child_main`](crate::child_main): `/proc/self/exe`.
    pub program: PathBuf,
    /// The plugin's library.
    pub library: PathBuf,
    /// The only content of the library that may be loaded.
    pub pinned: Option<[u8; 32]>,
    /// What the backend is made from.
    pub setup: Setup,
    /// What the child is confined to, filled from the setup at each start. One that says nothing grants nothing.
    pub manifest: PluginManifest,
    /// Refuse to start where the kernel can't give all of the confinement; else the status tells what lacks.
    pub whole: bool,
    /// An older kernel than there is: for tests alone.
    #[doc(hidden)]
    pub kernel: Kernel,
    /// How many calls run at once; 4 when not said.
    pub workers: usize,
    /// How long loading and making may take; 5 s when not said.
    pub start_within: Duration,
    /// How long after its deadline a call is waited for before the child is killed; 500 ms when not said.
    pub grace: Duration,
    /// How long a dead child is left alone the first time, doubling up to 30 s; 200 ms when not said.
    pub first_wait: Duration,
    /// Makes the setup anew before each start, so that a key that was changed meanwhile reaches the new child; `None`
    /// from it, or no such function, means the setup above.
    pub renew: Option<Renew>,
    /// Told of each change of state.
    pub on_change: Option<OnChange>,
    /// Where the plugin's log lines go beside its tail.
    pub on_log: Option<Log>,
}

impl HostSpec {
    /// A spec with the usual bounds, confined to nothing.
    pub fn new(
        name: impl Into<String>,
        program: impl Into<PathBuf>,
        library: impl Into<PathBuf>,
        setup: Setup,
    ) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            library: library.into(),
            pinned: None,
            setup,
            manifest: PluginManifest::default(),
            whole: false,
            kernel: Kernel::default(),
            workers: 4,
            start_within: Duration::from_secs(5),
            grace: Duration::from_millis(500),
            first_wait: Backoff::FIRST,
            renew: None,
            on_change: None,
            on_log: None,
        }
    }

    /// Confines the child to what this manifest demands; `whole` as the field says.
    pub fn confined_by(self, manifest: PluginManifest, whole: bool) -> Self {
        Self { manifest, whole, ..self }
    }
}

/// A backend in a child process.
///
/// Nothing is started before the first call or [`start`](Self::start). Dropping it ends the child.
pub struct Hosted {
    shared: Arc<Shared>,
}

impl Hosted {
    /// Takes the spec; starts nothing.
    pub fn new(spec: HostSpec) -> Self {
        Self { shared: Arc::new(Shared::new(spec)) }
    }

    /// Starts the child if it isn't there, and doesn't wait. A wait before a restart is kept.
    pub fn start(&self) {
        self.shared.start_if_due(&mut lock(&self.shared.life));
    }

    /// Starts the child if it isn't there and waits until it is ready.
    ///
    /// # Errors
    ///
    /// The constructor's own error; `Invalid` when the library is refused; `Gone` when the child died or waits before a
    /// restart; `Timeout`.
    pub fn ready(&self, within: Duration) -> Result<Description> {
        self.line(Instant::now() + within).map(|_| self.description())
    }

    /// Starts the child now: ends a wait before a restart, or a child that runs.
    pub fn restart_now(&self) {
        self.restart("was restarted on demand");
    }

    fn restart(&self, why: &str) {
        let mut life = lock(&self.shared.life);
        if let Phase::Up(line) | Phase::Starting(Some(line)) = &life.phase {
            line.end(why.to_owned());
            life = self.shared.wait_while(life, Duration::from_secs(5), |life| {
                matches!(life.phase, Phase::Up(_) | Phase::Starting(_))
            });
        }
        life.backoff = Backoff::new(self.shared.spec.first_wait);
        if let Phase::Down { until, .. } = &mut life.phase {
            *until = Instant::now();
        }
        self.shared.start_if_due(&mut life);
    }

    /// Ends the child for good and waits, at most two seconds, until it is gone.
    pub fn stop(&self) {
        let mut life = lock(&self.shared.life);
        let line = match std::mem::replace(&mut life.phase, Phase::Stopped) {
            Phase::Up(line) | Phase::Starting(Some(line)) => line,
            Phase::Idle | Phase::Down { .. } | Phase::Starting(None) | Phase::Stopped => return,
        };
        life.since = Instant::now();
        line.hang_up("was stopped");
        drop(self.shared.wait_while(life, Duration::from_secs(2), |_| !line.is_closed()));
    }

    /// How the child is.
    pub fn status(&self) -> HostStatus {
        self.shared.status()
    }

    fn call(&self, request: &Request) -> Reply {
        let grace = self.shared.spec.grace;
        match self.line(Instant::now() + request.within + grace) {
            Ok(line) => line.call(request, doing(&request.operation), grace),
            Err(error) => Reply { answer: Err(error), secret: None },
        }
    }

    /// Before a change: the folders to write are there, and within reach. What is a backend's own may be no change at all,
    /// so nothing is made for it.
    fn prepare_ground(&self, request: &Request) -> Result<()> {
        // Its start says what ground it is on.
        self.line(Instant::now() + request.within)?;
        if !matches!(request.operation, Operation::Extra(_)) {
            lock(&self.shared.ground).prepare();
        }
        self.start_on_moved_ground();
        Ok(())
    }

    /// Starts a running child anew if its rules are no longer on what its paths lead to. True when it did.
    fn start_on_moved_ground(&self) -> bool {
        let mut ground = lock(&self.shared.ground);
        let moved = ground.moved();
        if moved {
            // Another caller that comes meanwhile finds nothing to do; the next child's ground is noted at its start.
            *ground = Default::default();
            drop(ground);
            self.restart("was started anew, since a folder of its manifest was made or replaced");
        }
        moved
    }

    fn line(&self, deadline: Instant) -> Result<Arc<Line>> {
        let shared = &self.shared;
        let mut life = lock(&shared.life);
        loop {
            shared.start_if_due(&mut life);
            match &life.phase {
                Phase::Up(line) => return Ok(line.clone()),
                Phase::Down { until, error } => return Err(shared.turned_away(error, *until)),
                Phase::Stopped => return Err(BackendError::new(ErrorKind::Gone, "the plugin was stopped")),
                Phase::Idle | Phase::Starting(_) => {}
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Err(BackendError::new(ErrorKind::Timeout, "the plugin is still starting")
                    .doing(format!("waiting for '{}'", shared.spec.name))
                    .hint("Ask again in some seconds."));
            }
            life = shared.changed.wait_timeout(life, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Carrier for Hosted {
    /// What the child said of itself; before it ever did, its name and nothing it can do.
    fn description(&self) -> Description {
        let life = lock(&self.shared.life);
        life.hello.as_ref().map(|hello| hello.description.clone()).unwrap_or_else(|| Description {
            backend: self.shared.spec.name.clone(),
            target: String::new(),
            capabilities: Vec::new(),
            extras: Vec::new(),
        })
    }

    fn carry(&self, request: Request) -> Reply {
        let changes = request.operation.changes_something();
        if changes && let Err(error) = self.prepare_ground(&request) {
            return Reply { answer: Err(error), secret: None };
        }
        let reply = self.call(&request);
        // A folder that was made or replaced since the child's start is out of its reach: once more with a new child.
        if reply.answer.is_err() && !changes && self.start_on_moved_ground() { self.call(&request) } else { reply }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The operation's name, for errors.
fn doing(operation: &Operation) -> &str {
    match operation {
        Operation::Describe => "describe",
        Operation::Health => "health",
        Operation::List(_) => "list",
        Operation::Inspect { .. } => "inspect",
        Operation::Keys { .. } => "keys",
        Operation::Read { .. } => "read",
        Operation::Write { .. } => "write",
        Operation::Stage { .. } => "stage",
        Operation::Promote { .. } => "promote",
        Operation::Unstage { .. } => "unstage",
        Operation::Retire { .. } => "retire",
        Operation::Delete { .. } => "delete",
        Operation::RemoveVersion { .. } => "remove version",
        Operation::Restore { .. } => "restore",
        Operation::Extra(extra) => &extra.operation,
    }
}
