//! The process beside a demo's cockpit: it runs the engines, plays one more program, and clears up when the cockpit is
//! gone, however it went. Refuses to outlive it, and to remove any folder but a demo's.

use super::PREFIX;
use crate::output::Trouble;
use jiff::Timestamp;
use quarterdeck_domain::environment::Environment;
use quarterdeck_simulator::{Options, Rate};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

/// The hidden verbs of the companion, and of an engine under it.
const COMPANION: &str = "demo-companion";
const ENGINE: &str = "demo-engine";
/// Name, account, resting orders, positions, an order so often, seed.
const ENGINES: [(&str, &str, u64, u64, &str, u64); 2] =
    [("alpha-us", "DU0004789", 7, 3, "12/min", 1), ("beta-us", "DU0004791", 5, 2, "6/min", 2)];

/// The companion, as the cockpit holds it.
pub(super) struct Companion {
    child: Child,
}

impl Companion {
    pub(super) fn start(folder: &Path, keep: bool) -> Result<Self, Trouble> {
        let child = this_program(COMPANION, folder)
            .and_then(|mut command| command.arg(if keep { "keep" } else { "remove" }).process_group(0).spawn())
            .map_err(|error| Trouble::failed(format!("{error}\n  while: starting the demo's companion process")))?;
        Ok(Self { child })
    }

    /// Lets it begin: the folder is furnished.
    pub(super) fn begin(&mut self) -> Result<(), Trouble> {
        match &mut self.child.stdin {
            Some(stdin) => Ok(stdin.write_all(b"b")?),
            None => Ok(()),
        }
    }

    /// Ends it and waits until the engines and the folder are gone.
    pub(super) fn finish(mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// This program once more, under a hidden verb: it lives until its standard input closes.
fn this_program(verb: &str, folder: &Path) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(verb).arg(folder).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

/// The companion's own main: `None` unless this process is one. It has a group of its own, so that what ends the
/// cockpit's terminal does not end the one who clears up.
pub(crate) fn companion() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != COMPANION {
        return None;
    }
    let folder = PathBuf::from(arguments.next()?);
    let keep = arguments.next().is_some_and(|word| word == "keep");
    if !is_a_demos(&folder) {
        return Some(ExitCode::from(2));
    }
    accompany(&folder);
    if !keep {
        remove(&folder);
    }
    Some(ExitCode::SUCCESS)
}

/// An engine's own main: `None` unless this process is one.
pub(crate) fn engine() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ENGINE {
        return None;
    }
    let folder = PathBuf::from(arguments.next()?);
    let wanted = arguments.next()?;
    let known = ENGINES.iter().find(|(name, ..)| wanted == *name).filter(|_| is_a_demos(&folder));
    let Some(&(name, account, orders, positions, rate, seed)) = known else { return Some(ExitCode::from(2)) };
    let base = folder.join("state/quarterdeck").join(Environment::Demo.name());
    let options = Options {
        audit: Some(folder.join("orders.jsonl")),
        rate: rate.parse::<Rate>().unwrap_or_default(),
        seed,
        orders,
        positions,
        with_parent: true,
        ..Options::new(name, Environment::Demo, account, base, folder.join("venue"))
    };
    Some(quarterdeck_simulator::run(options).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

fn is_a_demos(folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
}

/// Removes a demo's folder. Plugins and engines that were killed with their cockpit may still hold files for a moment.
pub(super) fn remove(folder: &Path) {
    for _ in 0..40 {
        if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Runs the engines and writes lines until standard input closes. One timer, no other wake-up.
fn accompany(folder: &Path) {
    let mut byte = [0u8; 1];
    if !matches!(std::io::stdin().read(&mut byte), Ok(1)) {
        return;
    }
    let engines: Vec<Child> =
        ENGINES.iter().filter_map(|(name, ..)| this_program(ENGINE, folder).ok()?.arg(name).spawn().ok()).collect();
    play(folder);
    // All at once; then each is waited for.
    let leaving: Vec<Child> = engines.into_iter().map(|mut engine| (drop(engine.stdin.take()), engine).1).collect();
    leaving.into_iter().for_each(bury);
}

/// Waits for an engine that was told to leave; it has three seconds.
fn bury(mut engine: Child) {
    for _ in 0..120 {
        if !matches!(engine.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    let _ = engine.kill();
    let _ = engine.wait();
}

/// Plays a program that reads secrets and logs in. Its lines are no orders: those are the engines' own.
fn play(folder: &Path) {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join("orders.jsonl"));
    let mut out = file.ok();
    for number in 0u64.. {
        if let Some(out) = &mut out {
            let _ = out.write_all(line(number, Timestamp::now()).as_bytes());
        }
        let pause = if number < LINES.len() as u64 { Duration::from_millis(20) } else { Duration::from_secs(10) };
        if closed_within(pause) {
            return;
        }
    }
}

/// True when standard input closed within this time.
fn closed_within(pause: Duration) -> bool {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec { tv_sec: pause.as_secs() as i64, tv_nsec: i64::from(pause.subsec_nanos()) };
    !matches!(poll(&mut fds, Some(&timeout)), Ok(0))
}

const LINES: [(&str, &str, &str, &str); 5] = [
    ("alpha-us", "demo/trader/ibkr-api-key", "SECRET_READ", "SUCCESS"),
    ("reports", "demo/rds/password", "SECRET_READ", "SUCCESS"),
    ("beta-us", "broker ****4791", "LOGIN_FAILED", "FAILURE"),
    ("beta-us", "broker ****4791", "LOGIN_SUCCESS", "SUCCESS"),
    ("beta-us", "demo/trader/ibkr-api-key", "SECRET_READ", "SUCCESS"),
];

/// One line of an audit: reads of secrets in the schema of S Q2.5, the rest in that of S Q5.1.
fn line(number: u64, at: Timestamp) -> String {
    let (actor, resource, kind, status) = LINES[usize::try_from(number).unwrap_or_default() % LINES.len()];
    let failure = if status == "FAILURE" { "\"INVALID_CREDENTIALS\"" } else { "null" };
    let took = 20 + (number * 7) % 40;
    let at = format!("{at:.3}");
    if kind == "SECRET_READ" {
        return format!(
            "{{\"timestamp\":\"{at}\",\"actor\":\"service-role:{actor}\",\"resource\":\"{resource}\",\"action\":\"READ\",\"result\":\"{status}\",\"duration_ms\":{took},\"ip_address\":\"127.0.0.1\",\"request_id\":\"req-demo{number}\",\"failure_reason\":{failure},\"context\":{{\"purpose\":\"order-submission\",\"environment\":\"demo\",\"session_id\":\"sess-demo\"}}}}\n"
        );
    }
    let verb = kind.split('_').next_back().unwrap_or(kind);
    format!(
        "{{\"timestamp\":\"{at}\",\"event_id\":\"evt-demo{number}\",\"event_type\":\"{kind}\",\"actor\":{{\"type\":\"service\",\"id\":\"{actor}\",\"role\":\"service\",\"session_id\":\"sess-demo\"}},\"action\":{{\"verb\":\"{verb}\",\"resource\":\"{resource}\",\"resource_id\":\"\"}},\"context\":{{\"ip_address\":\"127.0.0.1\",\"request_id\":\"req-demo{number}\",\"environment\":\"demo\"}},\"result\":{{\"status\":\"{status}\",\"duration_ms\":{took},\"error_code\":{failure}}},\"security_context\":{{\"mfa_verified\":false,\"anomaly_score\":null}}}}\n"
    )
}
