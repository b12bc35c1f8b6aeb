//! The program that gives AWS credentials, run by us since a confined plugin may start nothing. Refuses a shell, an endless
//! wait, and to keep or show what the program said.

use super::profile;
use super::settings::Wish;
use crate::ordinary;
use crate::surroundings::Surroundings;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretBytes, Setting, Setup};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The helper's name in a manifest, in `~/.aws/config` and among a setup's secrets.
pub(super) const CREDENTIAL_PROCESS: &str = "credential_process";
/// How long a helper may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Largest answer; what AWS documents is below 4 KiB.
const MOST: u64 = 64 << 10;
/// Largest file of profiles.
const PROFILES: u32 = 1 << 20;
/// How long before its end a credential is renewed; half of its life where that is shorter.
const BEFORE: SignedDuration = SignedDuration::from_mins(5);
/// How long a helper that failed is left alone.
const REST: Duration = Duration::from_secs(10);

/// A helper and what it gave last.
pub(super) struct Helper {
    command: String,
    vars: Vec<(OsString, OsString)>,
    folder: PathBuf,
    within: Duration,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    given: Option<Given>,
    failed: Option<(Instant, BackendError)>,
}

struct Given {
    json: SecretBytes,
    renew_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

/// Whether what is there was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It still holds.
    Same,
    /// It was asked for anew.
    New,
}

impl Helper {
    /// The helper of an `aws` backend's profile, where the profile names one and no key comes before it.
    pub(super) fn of(wish: &Wish<'_>, setup: &Setup) -> Result<Option<Self>> {
        if setup.secrets.contains_key("AWS_ACCESS_KEY_ID") {
            return Ok(None);
        }
        let folder = wish.surroundings.home().join(".aws");
        // A variable is anybody's to set: in Production it names no file whose program is run.
        let file = |variable: &str, usual: &str| match wish.surroundings.var(variable) {
            Some(named) if !wish.configured_first() => wish.surroundings.cwd.join(named),
            _ => folder.join(usual),
        };
        let config = profiles(&file("AWS_CONFIG_FILE", "config"))?;
        let credentials = profiles(&file("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
        let profile = match setup.settings.get("profile") {
            Some(Setting::Text(profile)) => profile.as_str(),
            _ => "default",
        };
        let command = profile::credential_process(&config, &credentials, profile);
        Ok(command.map(|command| Self::new(command, wish.surroundings, WITHIN)))
    }

    pub(super) fn new(command: String, surroundings: &Surroundings, within: Duration) -> Self {
        // The guide's secrets are no business of a program that gives AWS credentials.
        let own = |name: &OsString| !name.to_string_lossy().starts_with("DP_");
        let vars = surroundings.vars.iter().filter(|(name, _)| own(name));
        Self {
            command,
            vars: vars.map(|(name, value)| (name.clone(), value.clone())).collect(),
            folder: surroundings.cwd.clone(),
            within,
            last: Mutex::default(),
        }
    }

    /// A copy of what it gave last.
    pub(super) fn given(&self) -> Option<SecretBytes> {
        self.lock().given.as_ref().map(|given| given.json.duplicate())
    }

    /// Runs it if what it gave is about to end. What still holds is used on when it fails.
    pub(super) fn freshen(&self, now: Timestamp) -> Result<Freshness> {
        let mut last = self.lock();
        let until = |at: Option<Timestamp>| at.is_none_or(|at| now < at);
        if last.given.as_ref().is_some_and(|given| until(given.renew_at)) {
            return Ok(Freshness::Same);
        }
        let holds = last.given.as_ref().is_some_and(|given| until(given.ends_at));
        if let Some((at, error)) = &last.failed
            && at.elapsed() < REST
        {
            return if holds { Ok(Freshness::Same) } else { Err(error.clone()) };
        }
        match self.run().and_then(|json| given(json, now).map_err(|what| self.error(what))) {
            Ok(given) => {
                *last = Last { given: Some(given), failed: None };
                Ok(Freshness::New)
            }
            Err(error) => {
                last.failed = Some((Instant::now(), error.clone()));
                if holds { Ok(Freshness::Same) } else { Err(error) }
            }
        }
    }

    fn run(&self) -> Result<SecretBytes> {
        let words = shlex::split(&self.command).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| self.error("its quotation marks don't match"))?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env_clear().envs(self.vars.iter().cloned()).current_dir(&self.folder);
        // In a group of its own, so that what it started ends with it.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(|error| self.error(format!("it can't be started: {error}")))?;
        let group = rustix::process::Pid::from_child(&child);
        let stdout = child.stdout.take();
        let (done, ended) = channel();
        let listen = move || {
            // Room for all from the start: a vector that grows leaves copies of what it holds behind.
            let mut bytes = Vec::with_capacity(usize::try_from(MOST).unwrap_or_default() + 1);
            let read = stdout.map_or(Ok(0), |out| out.take(MOST + 1).read_to_end(&mut bytes));
            let bytes = SecretBytes::new(bytes);
            let _ = done.send(read.and_then(|_| child.wait()).map(|status| (status, bytes)));
        };
        let thread = std::thread::Builder::new().name(CREDENTIAL_PROCESS.into()).stack_size(64 << 10);
        let listening = thread.spawn(listen);
        let answer = match &listening {
            Ok(_) => ended.recv_timeout(self.within),
            Err(error) => {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                return Err(self.error(format!("the system refuses a thread: {error}")));
            }
        };
        let Ok(answer) = answer else {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            return Err(self.error(format!("it gave nothing for {} s and was ended", self.within.as_secs())));
        };
        let (status, bytes) = answer.map_err(|error| self.error(format!("it can't be heard: {error}")))?;
        if bytes.len() as u64 > MOST {
            return Err(self.error(format!("it said more than {MOST} bytes")));
        }
        if !status.success() {
            return Err(self.error(format!("it ended with {status}")));
        }
        Ok(bytes)
    }

    fn error(&self, what: impl std::fmt::Display) -> BackendError {
        let program = shlex::split(&self.command).and_then(|words| words.into_iter().next()).unwrap_or_default();
        BackendError::new(ErrorKind::Expired, format!("the credential_process gave no credentials: {what}"))
            .doing(format!("running {}", quarterdeck_domain::sanitise::line(&program, 200)))
            .hint("Run the command of that name in ~/.aws/config by hand, and log in where it asks for it.")
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a helper says, as far as it is nobody's secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    version: u64,
    #[serde(rename = "AccessKeyId")]
    _access_key_id: IgnoredAny,
    #[serde(rename = "SecretAccessKey")]
    _secret_access_key: IgnoredAny,
    expiration: Option<String>,
}

/// Holds the answer to what the SDK expects, and finds its end. An error never repeats it.
fn given(json: SecretBytes, now: Timestamp) -> std::result::Result<Given, &'static str> {
    let answer: Answer = serde_json::from_slice(json.expose())
        .map_err(|_| "it did not say Version, AccessKeyId and SecretAccessKey as JSON")?;
    if answer.version != 1 {
        return Err("its Version is not 1");
    }
    let ends_at = answer.expiration.map(|text| text.parse::<Timestamp>()).transpose();
    let ends_at = ends_at.map_err(|_| "its Expiration is no time")?;
    if ends_at.is_some_and(|end| end <= now) {
        return Err("they have ended already");
    }
    let renew_at = ends_at.and_then(|end| end.checked_sub(BEFORE.min(end.duration_since(now) / 2)).ok());
    Ok(Given { json, renew_at, ends_at })
}

/// A file of profiles; empty when there is none. Whoever can write it has a program run, so it is nobody else's.
fn profiles(file: &Path) -> Result<String> {
    let failed = |what: String| {
        let hint = format!("'chmod go-w {}', and see that it is yours.", file.display());
        BackendError::new(ErrorKind::Invalid, what).doing(format!("reading {}", file.display())).hint(hint)
    };
    let open = match ordinary::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(failed(format!("the profiles can't be read: {error}"))),
    };
    let facts = open.metadata().map_err(|error| failed(error.to_string()))?;
    let own = rustix::process::geteuid().as_raw();
    if (facts.uid() != own && facts.uid() != 0) || facts.mode() & 0o002 != 0 {
        return Err(failed("others can write the profiles, which name a program to be run".into()));
    }
    ordinary::text_of(open, PROFILES).map_err(|error| failed(format!("the profiles can't be read: {error}")))
}
