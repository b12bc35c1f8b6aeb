//! A program's run: the value on its standard input, nothing of ours in its environment, its whole group ended with its
//! time. Refuses a shell, the caller's environment and folder, and more words from it than fit.

use super::{Errand, Verdict, hide};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use quarterdeck_contract::{BackendError, ErrorKind, Kind, SecretBytes, Value};
use quarterdeck_domain::rotate::Stdin;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::ffi::OsString;
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use zeroize::Zeroizing;

/// Most that is heard of what it says, each way.
const MOST: usize = 64 << 10;
/// How long a generator may take.
const GENERATES_WITHIN: Duration = Duration::from_secs(20);
/// How long what it said may take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Where programs are looked for; whose file is there is root's.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Not now, ask again: `EX_TEMPFAIL` of `sysexits.h`.
const NOT_NOW: i32 = 75;

pub(super) fn run(words: &[String], within: Duration, stdin: Stdin, errand: &Errand<'_>) -> Verdict {
    let input = match stdin {
        Stdin::Value => Zeroizing::new(errand.value.bytes.expose().to_vec()),
        Stdin::Json => as_json(errand),
    };
    let vars = [
        ("ROTATION", errand.rotation),
        ("ID", errand.id),
        ("STEP", errand.step.word()),
        ("SECRET", &errand.target.name),
        ("LAYER", &errand.target.layer),
        ("VERSION", errand.version),
        ("ENVIRONMENT", errand.environment),
    ];
    let program = program(words);
    let ran = match carry(words, &vars, input, within) {
        Ok(ran) => ran,
        Err(verdict) => return verdict,
    };
    let hidden = hide::of(errand);
    let told = hidden.last_line(&ran.stderr.whole());
    let said = hidden.last_line(&ran.stdout.whole());
    let Some(status) = ran.status else {
        return Verdict::Trouble(with(
            format!("{program} was not done after {} s and was ended", within.as_secs()),
            told,
        ));
    };
    let words = if told.is_empty() { said.clone() } else { told };
    match (status.code(), status.signal()) {
        (Some(0), _) => Verdict::Yes(said),
        (Some(NOT_NOW), _) => Verdict::Trouble(with(format!("{program} says not now (exit 75)"), words)),
        (Some(127), _) => Verdict::Absent(with(format!("{program} is not there, or what it needs (exit 127)"), words)),
        (Some(126), _) => Verdict::Absent(with(format!("{program} may not be run (exit 126)"), words)),
        (Some(code), _) => Verdict::No(with(format!("{program} ended with {code}"), words)),
        (None, Some(signal)) => Verdict::Trouble(with(format!("{program} was ended by signal {signal}"), words)),
        (None, None) => Verdict::Trouble(format!("{program} ended, and nobody knows how")),
    }
}

/// What a generator's command writes, without its last line end.
pub(in super::super) fn made_by(words: &[String]) -> Result<SecretBytes, BackendError> {
    let program = program(words);
    let failed = |kind: ErrorKind, what: String| {
        BackendError::new(kind, what)
            .doing(format!("making a new value with {program}"))
            .hint("Nothing was stored. Run the generator's command by hand, as this user.")
    };
    let ran = carry(words, &[("STEP", "generate")], Zeroizing::default(), GENERATES_WITHIN)
        .map_err(|verdict| failed(ErrorKind::Unreachable, verdict.words()))?;
    let Some(status) = ran.status else {
        let what = format!("{program} was not done after {} s and was ended", GENERATES_WITHIN.as_secs());
        return Err(failed(ErrorKind::Timeout, what));
    };
    if !status.success() {
        // What it has written is a value's part, perhaps.
        let part = Value { kind: Kind::Binary, bytes: SecretBytes::new(ran.stdout.bytes.to_vec()) };
        let told = hide::Hidden::new(std::iter::once(&part)).last_line(&ran.stderr.whole());
        let kind = if matches!(status.code(), Some(NOT_NOW | 126 | 127) | None) {
            ErrorKind::Unreachable
        } else {
            ErrorKind::Invalid
        };
        return Err(failed(kind, with(format!("{program} ended with {status}"), told)));
    }
    if ran.stdout.cut {
        return Err(failed(ErrorKind::TooLarge, format!("{program} wrote more than {MOST} bytes")));
    }
    let bytes = ran.stdout.bytes.strip_suffix(b"\n").unwrap_or(&ran.stdout.bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(failed(ErrorKind::Invalid, format!("{program} wrote nothing")));
    }
    Ok(SecretBytes::new(bytes.to_vec()))
}

fn program(words: &[String]) -> String {
    let name = words.first().map(String::as_str).unwrap_or_default();
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

fn with(what: String, words: String) -> String {
    if words.is_empty() { what } else { format!("{what}: {words}") }
}

/// A run that came to its end.
struct Ran {
    /// Nothing when its time was over.
    status: Option<ExitStatus>,
    stdout: Heard,
    stderr: Heard,
}

/// What was said on one stream.
#[derive(Default)]
struct Heard {
    bytes: Zeroizing<Vec<u8>>,
    /// There was more.
    cut: bool,
}

impl Heard {
    /// The lines that are there whole: of a value that was cut nothing is told.
    fn whole(&self) -> Zeroizing<Vec<u8>> {
        let end = self.bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| self.cut);
        let end = end.unwrap_or(if self.cut { 0 } else { self.bytes.len() });
        Zeroizing::new(self.bytes.get(..end).unwrap_or_default().to_vec())
    }
}

fn carry(words: &[String], vars: &[(&str, &str)], input: Zeroizing<Vec<u8>>, within: Duration) -> Result<Ran, Verdict> {
    if words.first().is_none_or(String::is_empty) {
        return Err(Verdict::Absent("no command is configured".into()));
    }
    let mut command = command(words, within);
    command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8");
    if let Some(home) = std::env::home_dir() {
        command.env("HOME", home);
    }
    command.envs(vars.iter().map(|(name, value)| (OsString::from(format!("QUARTERDECK_{name}")), value)));
    // A relative name must not find what somebody put into the caller's folder.
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        let why = format!("{} can't be started: {error}", program(words));
        match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => Verdict::Absent(why),
            _ => Verdict::Trouble(why),
        }
    })?;
    let ran = attend(&mut child, input, within);
    end_all(&mut child);
    let status = child.wait().map_err(|error| Verdict::Trouble(error.to_string()));
    let (in_time, stdout, stderr) = ran.map_err(Verdict::Trouble)?;
    let heard = |from: Receiver<Heard>| from.recv_timeout(LAST_WORDS).unwrap_or_default();
    let status = if in_time { Some(status?) } else { None };
    Ok(Ran { status, stdout: heard(stdout), stderr: heard(stderr) })
}

/// The process between: see [`host`](super::host). A unit test's own program has no such verb.
fn command(words: &[String], within: Duration) -> Command {
    if cfg!(test) {
        let mut command = Command::new(words.first().map(String::as_str).unwrap_or_default());
        command.args(words.get(1..).unwrap_or_default());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        return command;
    }
    let mut command = Command::new("/proc/self/exe");
    std::os::unix::process::CommandExt::arg0(&mut command, "quarterdeck");
    // Its runner ends it first, where it still can.
    let within = (within + LAST_WORDS).as_millis().to_string();
    command.args([super::host::VERB, &std::process::id().to_string(), &within, "--"]).args(words);
    command
}

/// Feeds it and hears it until it ends or its time is over: whether it ended, and where its words arrive.
fn attend(
    child: &mut Child,
    input: Zeroizing<Vec<u8>>,
    within: Duration,
) -> Result<(bool, Receiver<Heard>, Receiver<Heard>), String> {
    let refused = |error: std::io::Error| format!("the system refuses a thread: {error}");
    let thread = || std::thread::Builder::new().name("hook".into()).stack_size(128 << 10);
    if let Some(mut stdin) = child.stdin.take() {
        // A program that doesn't read its input breaks the pipe: that is its own business.
        thread().spawn(move || drop(stdin.write_all(&input))).map_err(refused)?;
    }
    let listen = |from: Option<Box<dyn Read + Send>>| {
        let (say, heard) = channel();
        let hear = move || drop(say.send(from.map(hear).unwrap_or_default()));
        thread().spawn(hear).map(|_| heard).map_err(refused)
    };
    let stdout = listen(child.stdout.take().map(|out| Box::new(out) as _))?;
    let stderr = listen(child.stderr.take().map(|out| Box::new(out) as _))?;
    let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).map_err(|error| error.to_string())?;
    Ok((ends_within(&handle, within), stdout, stderr))
}

/// Hears the first part of it, and the rest without keeping it: a program must not wait for us.
fn hear(mut from: impl Read) -> Heard {
    // Room for all from the start: a vector that grows leaves copies of what it holds behind.
    let mut heard = Heard { bytes: Zeroizing::new(Vec::with_capacity(MOST)), cut: false };
    let mut part = Zeroizing::new([0; 4096]);
    while let Ok(length @ 1..) = from.read(part.as_mut_slice()) {
        let kept = length.min(MOST - heard.bytes.len());
        heard.bytes.extend_from_slice(part.get(..kept).unwrap_or_default());
        heard.cut |= kept < length;
    }
    heard
}

fn ends_within(handle: &impl std::os::fd::AsFd, within: Duration) -> bool {
    let end = std::time::Instant::now() + within;
    loop {
        let left = end.saturating_duration_since(std::time::Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&left)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Ends it and what it has left behind. It is not waited for yet, so that its number is still its own.
fn end_all(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.kill();
}

/// One JSON map for those who want more than the value.
fn as_json(errand: &Errand<'_>) -> Zeroizing<Vec<u8>> {
    let values = [("value", Some(errand.value)), ("old", errand.old), ("new", errand.new)];
    let size: usize = values.iter().filter_map(|(_, value)| value.map(|value| value.bytes.len())).sum();
    // Six bytes are the longest escape of one.
    let mut json = Zeroizing::new(Vec::with_capacity(size * 6 + 512));
    let facts = [
        ("rotation", errand.rotation),
        ("id", errand.id),
        ("environment", errand.environment),
        ("layer", &errand.target.layer),
        ("secret", &errand.target.name),
        ("version", errand.version),
    ];
    json.extend_from_slice(b"{\"step\":");
    text(&mut json, errand.step.word());
    for (name, fact) in facts {
        json.extend_from_slice(format!(",\"{name}\":").as_bytes());
        text(&mut json, fact);
    }
    for (name, value) in values.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        json.extend_from_slice(format!(",\"{name}\":").as_bytes());
        put(&mut json, value);
    }
    json.push(b'}');
    json
}

fn put(json: &mut Vec<u8>, value: &Value) {
    let bytes = value.bytes.expose();
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    match std::str::from_utf8(bytes) {
        Ok(_) if value.kind == Kind::Json && is_json() => json.extend_from_slice(bytes),
        Ok(plain) => text(json, plain),
        Err(_) => {
            json.extend_from_slice(b"{\"base64\":");
            text(json, &Zeroizing::new(BASE64_STANDARD.encode(bytes)));
            json.push(b'}');
        }
    }
}

fn text(json: &mut Vec<u8>, text: &str) {
    // A vector takes everything.
    let _ = serde_json::to_writer(json, text);
}
