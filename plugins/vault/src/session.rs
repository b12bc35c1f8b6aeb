//! Who we are to the server: the token, where it came from and how long it lives. Refuses to renew a token that it did
//! not obtain (unless told to), to repeat a refused log-in at once (five wrong passwords lock a user out), and to print
//! a token.

use crate::answer::Answer;
use crate::ask::Ask;
use crate::refusal::Inquiry;
use crate::settings::{Auth, checked};
use crate::wire::{Calls, Wire, late};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::userpass::requests::LoginRequest;
use vaultrs::api::token::requests::LookupTokenSelfRequest;
use zeroize::{Zeroize, Zeroizing};

/// How long a refused log-in is not repeated: three in the quarter of an hour in which five lock a user out.
const REFUSED_FOR: Duration = Duration::from_secs(300);

/// A token that is about to end is not used any more.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// A token in use.
pub(crate) struct Held {
    /// The token.
    pub(crate) token: Zeroizing<String>,
    life: Mutex<Option<Life>>,
}

/// How long a token lives, as far as the server said.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    said: Instant,
    left: Duration,
    /// From its making or last renewal on.
    whole: Duration,
    renewable: bool,
    /// The last try to renew it.
    tried: Option<Instant>,
}

impl Life {
    fn of(left: Option<u64>, renewable: bool) -> Option<Self> {
        // Whatever a server says, it can be added to a time.
        let left = left.filter(|left| *left > 0)?.min(u32::MAX.into());
        let left = Duration::from_secs(left);
        Some(Self { said: Instant::now(), left, whole: left, renewable, tried: None })
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Duration {
        self.left.saturating_sub(self.said.elapsed())
    }

    /// In its last third; and not at once again, since a token near its utmost age gets no longer by it.
    fn wants_renewal(&self) -> bool {
        let rest = (self.whole / 10).min(Duration::from_secs(30));
        let rested = self.tried.is_none_or(|tried| tried.elapsed() > rest);
        self.renewable && rested && self.left() < self.whole / 3
    }
}

impl Held {
    fn new(token: Zeroizing<String>, life: Option<Life>) -> Arc<Self> {
        Arc::new(Self { token, life: Mutex::new(life) })
    }

    /// What is known of its life; nothing for a token without end, or before the server was asked.
    pub(crate) fn life(&self) -> Option<Life> {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a look-up said.
    pub(crate) fn learn(&self, looked_up: &Value) {
        let renewable = looked_up.get("renewable").and_then(Value::as_bool) == Some(true);
        let number = |name: &str| looked_up.get(name).and_then(Value::as_u64);
        let before = self.life();
        self.set(Life::of(number("ttl"), renewable).map(|now| {
            Life {
                whole: before
                    .map_or_else(|| Duration::from_secs(number("creation_ttl").unwrap_or_default()), |life| life.whole)
                    .max(now.left),
                tried: before.and_then(|life| life.tried),
                ..now
            }
        }));
    }

    fn set(&self, life: Option<Life>) {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = life;
    }
}

/// The log-in of one backend.
pub(crate) struct Session {
    auth: Auth,
    /// Where a token from outside came from: `VAULT_TOKEN`, or a file.
    from: Option<String>,
    renew: bool,
    state: Mutex<State>,
    /// One log-in or renewal at a time.
    gate: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Arc<Held>>,
    /// The sink file when it was read: time, size, inode.
    stamp: Option<(SystemTime, u64, u64)>,
    refused: Option<(Instant, BackendError)>,
}

impl Session {
    /// A session that logs in when it is first asked.
    pub(crate) fn new(auth: Auth, from: Option<String>, renew: bool) -> Self {
        Self { auth, from, renew, state: Mutex::default(), gate: tokio::sync::Mutex::new(()) }
    }

    /// How it logs in, in a word or two.
    pub(crate) fn way(&self) -> String {
        match &self.auth {
            Auth::Token(_) => match &self.from {
                Some(from) => format!("token of {from}"),
                None => "a given token".into(),
            },
            Auth::AppRole { mount, .. } => format!("AppRole at {mount}"),
            Auth::Userpass { mount, user, .. } => format!("user {user} at {mount}"),
            Auth::Agent(file) => format!("agent's file {}", file.display()),
        }
    }

    /// What to do about a dead token.
    pub(crate) fn remedy(&self) -> String {
        match (&self.auth, self.from.as_deref()) {
            (Auth::Token(_), Some("VAULT_TOKEN")) => {
                "Log in anew, set VAULT_TOKEN to the new token, and start anew what runs with the old one".into()
            }
            (Auth::Token(_), Some(file)) => {
                format!("Log in anew and put the new token into {file}, which is read again when it changes")
            }
            (Auth::Token(_), None) => {
                "Log in anew and put the new token where this one came from: VAULT_TOKEN or a file".into()
            }
            (Auth::Agent(_), _) => "Look whether the agent still runs and may log in: its file holds that token".into(),
            (Auth::AppRole { .. } | Auth::Userpass { .. }, _) => {
                "Look whether the log-in gives tokens of this server".into()
            }
        }
    }

    /// True when its tokens are renewed, or got anew, before they end.
    pub(crate) fn renews(&self) -> bool {
        self.renew || matches!(self.auth, Auth::AppRole { .. } | Auth::Userpass { .. })
    }

    /// A token to use now; logs in, reads the agent's file or renews as needed.
    pub(crate) async fn token(&self, wire: &Wire, calls: &Calls, until: Instant) -> Result<Arc<Held>> {
        let held = match &self.auth {
            Auth::Token(token) => self.given(token.as_ref())?,
            Auth::Agent(file) => self.agents(file, false)?,
            Auth::AppRole { .. } | Auth::Userpass { .. } => match self.held().filter(lives) {
                Some(held) => held,
                None => self.log_in(wire, calls, None, until).await?,
            },
        };
        if self.renews() && held.life().is_some_and(|life| life.wants_renewal()) {
            self.renew(&held, wire, calls, until).await;
        }
        Ok(held)
    }

    /// Another token in place of one that the server refused; nothing when there is none, or when the old one is good.
    pub(crate) async fn another(
        &self,
        old: &Held,
        wire: &Wire,
        calls: &Calls,
        until: Instant,
    ) -> Result<Option<Arc<Held>>> {
        match &self.auth {
            Auth::Token(_) => Ok(None),
            Auth::Agent(file) => Ok(Some(self.agents(file, true)?).filter(|new| new.token != old.token)),
            Auth::AppRole { .. } | Auth::Userpass { .. } => {
                let looked_up = wire.send(&LookupTokenSelfRequest {}, Some(&old.token), calls, until).await?;
                match is_unknown(&looked_up) {
                    true => self.log_in(wire, calls, Some(old), until).await.map(Some),
                    false => Ok(None),
                }
            }
        }
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.state().held.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given(&self, token: Option<&Zeroizing<String>>) -> Result<Arc<Held>> {
        let mut state = self.state();
        if let Some(held) = &state.held {
            return Ok(held.clone());
        }
        let Some(token) = token else {
            return Err(BackendError::new(ErrorKind::Invalid, "there is no token")
                .doing("logging in")
                .hint("Set VAULT_TOKEN, 'secret_files.token', or another 'auth' in the backend's settings."));
        };
        Ok(state.held.insert(Held::new(token.clone(), None)).clone())
    }

    /// The token of the agent's file, read again when the file has changed.
    fn agents(&self, file: &Path, anew: bool) -> Result<Arc<Held>> {
        let refuse = |what: String| {
            Err(BackendError::new(ErrorKind::Invalid, what)
                .doing("logging in")
                .hint("Look whether the agent runs and writes its sink file there, readable for this user."))
        };
        let shown = file.display();
        let Ok(meta) = std::fs::metadata(file) else { return refuse(format!("the agent's file {shown} is not there")) };
        let stamp = (meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), meta.len(), meta.ino());
        let mut state = self.state();
        if let Some(held) = state.held.clone().filter(|_| !anew && state.stamp == Some(stamp)) {
            return Ok(held);
        }
        if !meta.is_file() || meta.len() > 64 << 10 {
            return refuse(format!("the agent's file {shown} is no token's file"));
        }
        let Ok(text) = std::fs::read_to_string(file).map(Zeroizing::new) else {
            return refuse(format!("the agent's file {shown} can't be read"));
        };
        let token = checked(Zeroizing::new(text.trim().to_owned()), "the agent's token")?;
        state.stamp = Some(stamp);
        match &state.held {
            Some(held) if held.token == token => Ok(held.clone()),
            _ => Ok(state.held.insert(Held::new(token, None)).clone()),
        }
    }

    async fn log_in(&self, wire: &Wire, calls: &Calls, old: Option<&Held>, until: Instant) -> Result<Arc<Held>> {
        let _gate = timeout_at(until, self.gate.lock()).await.map_err(|_| late().doing("logging in"))?;
        // Somebody else may have logged in while this one waited.
        let other = |held: &Arc<Held>| lives(held) && old.is_none_or(|old| held.token != old.token);
        if let Some(held) = self.held().filter(other) {
            return Ok(held);
        }
        if let Some((_, error)) = self.state().refused.as_ref().filter(|(then, _)| then.elapsed() < REFUSED_FOR) {
            return Err(error.clone());
        }
        let outcome = self.ask_for_a_token(wire, calls, until).await;
        let mut state = self.state();
        match outcome {
            Ok(held) => {
                state.refused = None;
                Ok(state.held.insert(held).clone())
            }
            Err(error) => {
                state.held = None;
                if matches!(error.kind, ErrorKind::Expired | ErrorKind::Denied { .. }) {
                    state.refused = Some((Instant::now(), error.clone()));
                }
                Err(error)
            }
        }
    }

    async fn ask_for_a_token(&self, wire: &Wire, calls: &Calls, until: Instant) -> Result<Arc<Held>> {
        let missing = |name: &str| {
            BackendError::new(ErrorKind::Invalid, format!("there is no '{name}' to log in with"))
                .doing("logging in")
                .hint(format!("Set 'secret_files.{name}' in the backend's configuration."))
        };
        let answer = match &self.auth {
            Auth::AppRole { mount, role, secret } => {
                let secret = secret.as_ref().ok_or_else(|| missing("secret_id"))?;
                let mut request = LoginWithApproleRequest {
                    mount: mount.clone(),
                    role_id: role.clone(),
                    secret_id: secret.to_string(),
                };
                let answer = wire.send(&request, None, calls, until).await;
                request.secret_id.zeroize();
                answer
            }
            Auth::Userpass { mount, user, password } => {
                let password = password.as_ref().ok_or_else(|| missing("password"))?;
                let mut request =
                    LoginRequest { mount: mount.clone(), username: user.clone(), password: password.to_string() };
                let answer = wire.send(&request, None, calls, until).await;
                request.password.zeroize();
                answer
            }
            Auth::Token(_) | Auth::Agent(_) => return Err(missing("token")),
        };
        let answer = answer.map_err(|error| match error.kind {
            // A log-in changes nothing that anybody has to look up.
            ErrorKind::OutcomeUnknown => late().doing("logging in"),
            _ => error.doing("logging in"),
        })?;
        let auth = answer.part("auth");
        match auth.get("client_token").and_then(Value::as_str) {
            Some(token) if answer.is_fine() => {
                let renewable = auth.get("renewable").and_then(Value::as_bool) == Some(true);
                let life = Life::of(auth.get("lease_duration").and_then(Value::as_u64), renewable);
                Ok(Held::new(checked(Zeroizing::new(token.to_owned()), "the token")?, life))
            }
            _ if answer.status >= 500 => {
                let inquiry = Inquiry { wire, calls, token: None, remedy: self.remedy(), until };
                Err(inquiry.trouble(answer.status).await.doing("logging in"))
            }
            _ => Err(self.refused(&answer)),
        }
    }

    /// Why a log-in was refused. The server's words are not repeated: what was sent is a secret.
    fn refused(&self, answer: &Answer) -> BackendError {
        let way = self.way();
        let error = match answer.status {
            403 if matches!(self.auth, Auth::Userpass { .. }) => BackendError::denied(
                "log-in (the user is locked out)",
                format!("the log-in as {way} is refused: after five wrong passwords a user is locked out"),
            )
            .hint("Wait 15 minutes, or let an operator unlock it ('sys/locked-users/ACCESSOR/unlock/USER'); then try the right password."),
            403 => BackendError::denied(format!("log-in as {way}"), format!("the log-in as {way} is refused"))
                .hint("Look at the role's bound addresses and at the namespace."),
            400 | 401 | 404 => BackendError::new(
                ErrorKind::Expired,
                format!("the log-in as {way} is refused: name or secret are wrong, expired or used up"),
            )
            .hint("Get a new secret id or password, look at 'auth_mount', and try again; it is not repeated for 5 minutes."),
            429 => BackendError::new(ErrorKind::Throttled, "the server is asked too often").hint("Wait a little."),
            status => BackendError::new(ErrorKind::Unreachable, format!("the server answers a log-in with {status}"))
                .hint("Look at the server ('curl ADDRESS/v1/sys/health')."),
        };
        error.doing("logging in")
    }

    /// Renews; a failure is tried again later and shows as a token that ends.
    async fn renew(&self, held: &Arc<Held>, wire: &Wire, calls: &Calls, until: Instant) {
        let Ok(_gate) = self.gate.try_lock() else { return };
        let request = Ask::post("auth/token/renew-self", Zeroizing::new(b"{}".to_vec()));
        let answer = wire.send(&request, Some(&held.token), calls, until).await;
        let renewed = answer.ok().filter(Answer::is_fine).and_then(|answer| {
            let auth = answer.part("auth");
            let renewable = auth.get("renewable").and_then(Value::as_bool) == Some(true);
            Life::of(auth.get("lease_duration").and_then(Value::as_u64), renewable)
        });
        let before = held.life();
        let whole = before.map(|life| life.whole).unwrap_or_default();
        let now = renewed.map(|life| Life { whole: whole.max(life.left), ..life }).or(before);
        held.set(now.map(|life| Life { tried: Some(Instant::now()), ..life }));
    }
}

fn lives(held: &Arc<Held>) -> bool {
    held.life().is_none_or(|life| life.left() > LAST_MOMENT.min(life.whole / 10))
}

/// True when a look-up says that the token is none: expired, revoked or never made. A token that only may not look itself
/// up is refused by one rule more, and the server says so.
pub(crate) fn is_unknown(looked_up: &Answer) -> bool {
    looked_up.status == 403 && !looked_up.errors().starts_with("1 error occurred")
}
