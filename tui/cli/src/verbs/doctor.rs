//! `doctor`: what is wrong here, and beside each the remedy. Refuses to change anything.

mod strays;
mod switch;

use crate::args::Common;
use crate::errors::Cause;
use crate::output::{self, Outcome};
use crate::session::wanted;
use jiff::Timestamp;
use quarterdeck_control::catalogue;
use quarterdeck_control::config::{Config, ConfigError};
use quarterdeck_control::journal::verify_all;
use quarterdeck_control::mount::{Mount, judge, mount_all};
use quarterdeck_control::observe::ask_all;
use quarterdeck_control::open::{need_home, state_folder};
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::{redact, sanitise};
use serde_json::json;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// A disk with less room than this is full: one event is about 1 KiB.
const ROOM: u64 = 64 << 10;

/// How a check came out, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Fine,
    Warning,
    Wrong,
}

/// One check.
struct Check {
    what: String,
    verdict: Verdict,
    found: String,
    remedy: String,
    /// What a backend told, where it was one.
    cause: Option<Cause>,
    /// The last lines that its process logged, where it failed.
    log: Vec<String>,
}

/// How many of them are shown.
const LOG: usize = 6;

fn check(what: &str, verdict: Verdict, found: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { what: what.into(), verdict, found: found.into(), remedy: remedy.into(), cause: None, log: Vec::new() }
}

/// Examines. Exit 0 when nothing is wrong, else the status of the worst finding: 5 for a backend, 6 for the journal.
pub(crate) fn run(common: &Common) -> Outcome {
    let surroundings = Surroundings::of_this_process();
    let mut checks = vec![clock()];
    if let Err(homeless) = need_home(&surroundings) {
        let told = homeless.told();
        checks.push(check("home", Verdict::Wrong, told.what, told.next));
    }
    let config = match Config::load(&surroundings, wanted(common)) {
        Ok(config) => {
            configuration(&config, &mut checks);
            Some(config)
        }
        Err(error) => {
            checks.push(broken_configuration(&error));
            None
        }
    };
    let mut status = u8::from(config.is_none());
    if let Some(config) = &config {
        status = status.max(plugins(config, &surroundings, &mut checks));
        let mounts = mount_all(config, &surroundings, None, None, None);
        status = status.max(backends(config, &mounts, &mut checks));
        status = status.max(journal(config, &surroundings, &mut checks));
        strays::examine(config, &surroundings, &mounts, &mut checks);
        sources(config, &mut checks);
    }
    status = status.max(switch::examine(common, &mut checks));
    let wrong = checks.iter().filter(|check| check.verdict == Verdict::Wrong).count();
    show(&checks, wrong, common.json);
    Ok(if wrong > 0 { status.max(1) } else { 0 })
}

fn show(checks: &[Check], wrong: usize, as_json: bool) {
    let word = |verdict| match verdict {
        Verdict::Fine => "ok",
        Verdict::Warning => "warning",
        Verdict::Wrong => "WRONG",
    };
    if as_json {
        let data = checks.iter().map(|check| {
            let mut told = json!({ "check": check.what, "verdict": word(check.verdict).to_lowercase(),
                "found": check.found, "remedy": (!check.remedy.is_empty()).then_some(&check.remedy) });
            check.cause.iter().for_each(|cause| cause.tell(&mut told));
            if check.cause.is_some() {
                told["log"] = json!(check.log);
            }
            told
        });
        output::data(&data.collect());
        return;
    }
    for check in checks {
        output::text(&format!("{:<8} {:<14} {}", word(check.verdict), check.what, check.found));
        if check.verdict != Verdict::Fine && !check.remedy.is_empty() {
            output::text(&format!("{:<23} next: {}", "", check.remedy));
        }
        let said = check.log.iter().map(|line| format!("log:  {line}"));
        for line in check.cause.iter().flat_map(Cause::lines).chain(said) {
            output::text(&format!("{:<23} {line}", ""));
        }
    }
    output::text(&summary(wrong, checks.iter().filter(|check| check.verdict == Verdict::Warning).count()));
}

fn summary(wrong: usize, warnings: usize) -> String {
    let wrong = match wrong {
        0 => "nothing is wrong".to_owned(),
        1 => "1 thing is wrong".to_owned(),
        n => format!("{n} things are wrong"),
    };
    if warnings == 0 { wrong } else { format!("{wrong}, {}", output::count(warnings as u64, "warning")) }
}

/// A clock that was never set makes every age and chain nonsense.
fn clock() -> Check {
    let now = Timestamp::now();
    let built = Timestamp::from_second(1_763_769_600).unwrap_or(Timestamp::UNIX_EPOCH);
    if now < built {
        return check(
            "clock",
            Verdict::Wrong,
            format!("it says {now:.0}, which is in the past"),
            "set it: timedatectl set-ntp true",
        );
    }
    check("clock", Verdict::Fine, format!("{now:.0}"), "")
}

fn broken_configuration(error: &ConfigError) -> Check {
    let told = error.told();
    check("configuration", Verdict::Wrong, told.what, format!("{} Everything but a stop waits for it.", told.next))
}

/// What others may do to a file that should be its owner's.
fn open_to_others(file: &Path, forbidden: u32) -> Option<u32> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & forbidden != 0).then_some(mode)
}

fn configuration(config: &Config, checks: &mut Vec<Check>) {
    match config.environment {
        Some(environment) => checks.push(check("environment", Verdict::Fine, environment.title(), "")),
        None => checks.push(check(
            "environment",
            Verdict::Warning,
            "none is chosen",
            "'--env qa', DP_ENVIRONMENT, or 'quarterdeck init'",
        )),
    }
    let files: Vec<String> = config.files.iter().map(|file| file.display().to_string()).collect();
    let found = if files.is_empty() { "no file, as built in".to_owned() } else { files.join(", ") };
    checks.push(check("configuration", Verdict::Fine, found, ""));
    for file in &config.files {
        if let Some(mode) = open_to_others(file, 0o022) {
            checks.push(check(
                "configuration",
                Verdict::Warning,
                format!(
                    "{} can be written by others (mode {mode:03o}): they may give themselves a role",
                    file.display()
                ),
                format!("chmod go-w {}", file.display()),
            ));
        }
    }
    for warning in &config.warnings {
        checks.push(check("configuration", Verdict::Warning, warning, "move it to /etc/quarterdeck, owned by root"));
    }
    let remarks = config.remarks().into_iter();
    checks.extend(remarks.map(|remark| check("rotation", Verdict::Warning, remark.what, remark.next)));
}

fn plugins(config: &Config, surroundings: &Surroundings, checks: &mut Vec<Check>) -> u8 {
    let folders = catalogue::folders(config, surroundings);
    let found = catalogue::all(&folders);
    if found.is_empty() {
        let searched = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
        checks.push(check(
            "plugins",
            Verdict::Wrong,
            format!("none in {searched}"),
            "cargo build --release, or ./install --prefix DIR",
        ));
        return 5;
    }
    let mut status = 0;
    for plugin in found {
        match judge(&plugin, surroundings) {
            Ok(judged) => checks.push(check(
                "plugin",
                Verdict::Fine,
                format!("{} {}, {}", plugin.name, judged.version, plugin.library.display()),
                "",
            )),
            Err(why) => {
                status = 5;
                checks.push(check("plugin", Verdict::Wrong, format!("{} is refused: {}", plugin.name, tame(&why)), ""));
            }
        }
    }
    status
}

fn backends(config: &Config, mounts: &[Mount], checks: &mut Vec<Check>) -> u8 {
    let mut status = 0;
    for (mount, seen) in mounts.iter().zip(ask_all(mounts)) {
        let what = format!("backend {}", mount.layer);
        let row = seen.row(mount, &config.boundary(), config.environment);
        match (&row.error, seen.error().map(Cause::of)) {
            (Some((error, _)), Some(cause)) => {
                status = 5;
                let found = format!("{}: {error}", cause.code.replace('_', " "));
                let told = check(&what, Verdict::Wrong, found, cause.next());
                let tail = &row.stderr_tail[row.stderr_tail.len().saturating_sub(LOG)..];
                let log = tail.iter().map(|line| redact::text(line).into_owned()).collect();
                checks.push(Check { cause: Some(cause), log, ..told });
            }
            _ => checks.push(check(&what, Verdict::Fine, format!("{} ({})", row.summary, row.isolation), "")),
        }
        let key = config.file.backend.get(&mount.layer).and_then(|table| table.key_file.as_ref());
        if let Some((key, mode)) = key.and_then(|key| Some((key, open_to_others(key, 0o077)?))) {
            checks.push(check(
                &what,
                Verdict::Warning,
                format!("the key {} is open to others (mode {mode:03o})", key.display()),
                format!("chmod 600 {}, then 'quarterdeck secrets rekey': others may have read it", key.display()),
            ));
        }
        for warning in &row.warnings {
            checks.push(check(&what, Verdict::Warning, warning, ""));
        }
        if row.kind == "yaml" && row.names.is_some_and(|names| names > 0) {
            checks.push(check(
                &what,
                Verdict::Warning,
                "secrets in plain text",
                "move each with 'quarterdeck secrets set', then delete it there",
            ));
        }
    }
    if mounts.iter().all(|mount| mount.layer == "env") {
        checks.push(check(
            "layers",
            Verdict::Warning,
            "the environment is the only one",
            "'quarterdeck init', or set DP_SECRETS_ENCRYPTION_KEY",
        ));
    }
    status
}

fn journal(config: &Config, surroundings: &Surroundings, checks: &mut Vec<Check>) -> u8 {
    let folder = state_folder(surroundings, config.environment).join("journal");
    if !folder.exists() {
        checks.push(check("journal", Verdict::Fine, format!("none yet; the first act makes {}", folder.display()), ""));
        return 0;
    }
    if let Err((why, remedy)) = writable(&folder) {
        checks.push(check("journal", Verdict::Wrong, why, remedy));
        return 1;
    }
    match verify_all(&folder, &mut |_| ControlFlow::Continue(())) {
        Ok(report) if report.is_sound() => {
            checks.push(check(
                "journal",
                Verdict::Fine,
                format!("whole up to #{}, {}", report.head.seq, folder.display()),
                "",
            ));
            0
        }
        Ok(report) => {
            let first = report.findings.first().map_or_else(String::new, ToString::to_string);
            checks.push(check(
                "journal",
                Verdict::Wrong,
                format!("BROKEN: {first}"),
                "keep it as it is; 'quarterdeck audit verify' tells all",
            ));
            6
        }
        Err(error) => {
            checks.push(check("journal", Verdict::Wrong, error.to_string(), error.hint()));
            1
        }
    }
}

/// What keeps the journal from being written, and what helps.
fn writable(folder: &Path) -> Result<(), (String, String)> {
    let place = folder.display();
    let ours = format!("chown and chmod 700 {place}");
    let facts = std::fs::metadata(folder).map_err(|error| (format!("{place}: {error}"), ours.clone()))?;
    if !facts.is_dir() {
        return Err((format!("{place} is no folder"), format!("move it away: mv {place} {place}.aside")));
    }
    let mode = facts.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err((format!("{place} is open to others (mode {mode:03o})"), ours));
    }
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)
        .map_err(|error| (format!("{place} can't be written: {error} (owner uid {})", facts.uid()), ours))?;
    let room = rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    if room < ROOM {
        let full = format!("the disk of {place} is full: {room} bytes are left");
        return Err((full, format!("make room there: df -h {place}")));
    }
    Ok(())
}

fn sources(config: &Config, checks: &mut Vec<Check>) {
    for source in &config.file.audit.source {
        let what = format!("audit {}", source.name);
        match std::fs::File::open(&source.path) {
            Ok(_) => checks.push(check(&what, Verdict::Fine, source.path.display().to_string(), "")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => checks.push(check(
                &what,
                Verdict::Warning,
                format!("{} is not there yet", source.path.display()),
                "it is tailed as soon as it appears",
            )),
            Err(error) => checks.push(check(
                &what,
                Verdict::Wrong,
                format!("{}: {error}", source.path.display()),
                "make it readable to you",
            )),
        }
    }
    if config.environment == Some(Environment::Production) && config.file.person.is_empty() {
        checks.push(check(
            "people",
            Verdict::Warning,
            "nobody has a role",
            "add [[person]] to /etc/quarterdeck/quarterdeck.toml",
        ));
    }
}

fn tame(text: &str) -> String {
    sanitise::line(text, 400).into_owned()
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn the_last_line_counts_what_is_wrong_and_what_is_not_as_it_should_be() {
        assert_eq!(summary(0, 0), "nothing is wrong");
        assert_eq!(summary(0, 1), "nothing is wrong, 1 warning");
        assert_eq!(summary(2, 3), "2 things are wrong, 3 warnings");
    }
}
