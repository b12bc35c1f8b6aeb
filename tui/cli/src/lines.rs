//! Audit lines as text or data: the newest and those to come (`audit tail`), or all that a filter finds (`audit query`).
//! Refuses to print a line that was not sanitised and redacted.

use crate::args::Common;
use crate::output::{self, Outcome, Trouble};
use crate::session::{Needs, session};
use jiff::Timestamp;
use quarterdeck_control::journal;
use quarterdeck_control::ordinary;
use quarterdeck_control::serve::Control;
use quarterdeck_control::tail::{Location, Source, Tail, TailOptions};
use quarterdeck_control::watch::sources;
use quarterdeck_domain::audit::{AuditLine, Beside, Place};
use quarterdeck_domain::filter::Filter;
use quarterdeck_domain::foreign;
use quarterdeck_domain::request::Request;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Longest line that is looked at, in bytes.
const MOST: u64 = 2 << 20;

/// `audit tail`: the newest lines, and with `follow` those that come, until the reader goes away.
pub(crate) fn tail(common: &Common, follow: bool, lines: usize, filter: Option<&str>) -> Outcome {
    let control = session(common, Needs { environment: true, ..Needs::default() })?;
    let filter = filter.map(parse).transpose()?;
    let (send, receive) = channel();
    // A filter leaves few of them, so more are looked at.
    let first_lines = if filter.is_some() { lines.max(10_000) } else { lines };
    let options = TailOptions { first_lines, clock: Timestamp::now };
    let tail = Tail::start(sources(&control), options, move |news| {
        let _ = send.send(news.lines);
    })?;
    let (mut first, mut carriers) = (true, Carriers::default());
    while let Ok(mut batch) = receive.recv() {
        let now = Timestamp::now();
        batch.iter().for_each(|line| carriers.hear(line));
        batch.retain(|line| filter.as_ref().is_none_or(|filter| filter.matches(line, now)));
        if std::mem::take(&mut first) {
            batch.drain(..batch.len().saturating_sub(lines));
        }
        if !print(&batch, common.json, &carriers) || !follow {
            break;
        }
    }
    drop(tail);
    Ok(0)
}

/// `audit query`: every line of every source for which the filter holds. Exit 4 when there is none.
pub(crate) fn query(common: &Common, filter: &str) -> Outcome {
    let control = session(common, Needs { environment: true, ..Needs::default() })?;
    let filter = parse(filter)?;
    control.serve(Request::QueryAudit { filter: filter.text().to_owned() }.into())?;
    let now = Timestamp::now();
    let (mut found, mut carriers) = (0usize, Carriers::default());
    for (source, file) in files(&control) {
        found += search(&source, &file, &filter, now, common.json, &mut carriers)?;
    }
    if !common.json {
        output::aside(&output::count(found as u64, "line"));
    }
    Ok(if found == 0 { 4 } else { 0 })
}

fn parse(text: &str) -> Result<Filter, Trouble> {
    Filter::parse(text).map_err(|error| {
        Trouble::usage(format!(
            "{error}\n  while: reading the filter '{}'\n  next:  for example: severity>=MAJOR and actor=alice",
            output::one_line(text)
        ))
    })
}

/// Every file behind the sources, oldest first.
fn files(control: &Control) -> Vec<(Arc<str>, PathBuf)> {
    let mut files = Vec::new();
    for Source { name, at, .. } in sources(control) {
        let name: Arc<str> = name.into();
        match at {
            Location::File(path) => files.push((name, path)),
            Location::Journal(folder) => {
                let inside = journal::files(&folder).unwrap_or_default();
                files.extend(inside.into_iter().map(|file| (name.clone(), folder.join(file))));
            }
        }
    }
    files
}

fn search(
    source: &Arc<str>,
    path: &std::path::Path,
    filter: &Filter,
    now: Timestamp,
    as_json: bool,
    carriers: &mut Carriers,
) -> Result<usize, Trouble> {
    let file = match ordinary::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => {
            output::aside(&format!("WARNING: {} is left out: {error}", path.display()));
            return Ok(0);
        }
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut raw, mut offset, mut found) = (Vec::new(), 0u64, 0);
    loop {
        raw.clear();
        let read = reader.by_ref().take(MOST).read_until(b'\n', &mut raw)?;
        if read == 0 {
            return Ok(found);
        }
        let place = Place { file: 0, offset, length: u32::try_from(read).unwrap_or(u32::MAX) };
        offset += read as u64;
        let text = raw.strip_suffix(b"\n").unwrap_or(&raw);
        let line = foreign::read(source.clone(), place, text);
        carriers.hear(&line);
        if filter.matches(&line, now) {
            found += 1;
            if !print(&[line], as_json, carriers) {
                return Ok(found);
            }
        }
    }
}

/// The process behind each run of a rotation, as the lines say that tell who carries it on.
#[derive(Debug, Default)]
struct Carriers(BTreeMap<String, String>);

impl Carriers {
    fn hear(&mut self, line: &AuditLine) {
        if let Some(beside) = line.beside().filter(|beside| !beside.runner.is_empty() && !beside.carried_by.is_empty())
        {
            self.0.insert(beside.runner.clone(), beside.carried_by.clone());
        }
    }

    /// In words, where the line says it or one before it did.
    fn of<'a>(&'a self, beside: &'a Beside) -> &'a str {
        let said = Some(&beside.carried_by).filter(|said| !said.is_empty());
        said.or_else(|| self.0.get(&beside.runner)).map_or("", String::as_str)
    }
}

/// Prints lines; false when nobody reads any more.
fn print(lines: &[AuditLine], as_json: bool, carriers: &Carriers) -> bool {
    let mut out = std::io::stdout().lock();
    let wrote = lines.iter().all(|line| {
        let text = if as_json { data(line, carriers).to_string() } else { words(line) };
        writeln!(out, "{text}").is_ok()
    });
    wrote && out.flush().is_ok()
}

fn data(line: &AuditLine, carriers: &Carriers) -> Value {
    let none = Beside::default();
    let beside = line.beside().unwrap_or(&none);
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "at": line.at.map(|at| format!("{at:.3}")), "severity": line.severity.word(), "source": line.source.as_ref(),
        "actor": line.actor(), "type": line.kind(), "resource": line.resource(), "outcome": line.outcome(),
        "role": told(&beside.role), "rotation": told(&beside.rotation), "step": told(&beside.step),
        "version": told(&beside.version), "fingerprint": told(&beside.fingerprint), "reason": told(&beside.reason),
        "by": told(&beside.by), "runner": told(&beside.runner), "carried_by": told(carriers.of(beside)),
    })
}

fn words(line: &AuditLine) -> String {
    let at = line.at.map_or_else(|| "-".into(), |at| format!("{at:.3}"));
    let fingerprint = line.beside().map_or("", |beside| &beside.fingerprint);
    let fingerprint = if fingerprint.is_empty() { String::new() } else { format!("  fingerprint {fingerprint}") };
    format!(
        "{at:<24}  {:<8}  {:<10}  {:<22}  {:<34}  {}{fingerprint}  [{}]",
        line.severity.word(),
        line.actor(),
        line.kind(),
        line.resource(),
        line.outcome(),
        line.source
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fact: &str) -> AuditLine {
        let raw = format!(
            r#"{{"timestamp":"2026-11-08T14:30:15Z","event_type":"ROTATION_STEP","actor":{{"id":"carol","role":"devops"}},"action":{{"verb":"ROTATE","resource":"secret://aws/key","resource_id":"R-3"}},"result":{{"status":"SUCCESS"}},"_d":{{"rotation":{{"number":3,"runner":"sess-1-3","fact":{fact}}}}}}}"#
        );
        foreign::read("journal".into(), Place::default(), raw.as_bytes())
    }

    #[test]
    fn a_rotations_lines_prove_who_carried_each_step_and_which_value_it_was() {
        let mut carriers = Carriers::default();
        let until = r#"{"utc":"2026-11-08T14:31:00Z","boot_ns":1,"boot_id":"b"}"#;
        carriers.hear(&line(&format!(
            r#"{{"taken":{{"lease":{{"runner":"sess-1-3","host":"bastion-1","program":"watch","pid":4711,"until":{until}}}}}}}"#
        )));
        let staged = line(
            r#"{"done":{"step":"stage","version":"15","fingerprint":"98296cd88e27daeb","grace":null,"by":"aws","note":"","took_ms":4}}"#,
        );
        let told = data(&staged, &carriers);
        for (field, text) in [
            ("rotation", "R-3"),
            ("step", "stage"),
            ("version", "15"),
            ("fingerprint", "98296cd88e27daeb"),
            ("actor", "carol"),
            ("role", "devops"),
            ("by", "aws"),
            ("carried_by", "watch on bastion-1 (4711)"),
        ] {
            assert_eq!(told[field], text, "{field}");
        }
        assert_eq!(told["reason"], Value::Null);
        assert!(words(&staged).contains("fingerprint 98296cd88e27daeb"));
    }
}
