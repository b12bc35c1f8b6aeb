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
use quarterdeck_domain::audit::{AuditLine, Place};
use quarterdeck_domain::filter::Filter;
use quarterdeck_domain::foreign;
use quarterdeck_domain::request::Request;
use serde_json::json;
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
    let mut first = true;
    while let Ok(mut batch) = receive.recv() {
        let now = Timestamp::now();
        batch.retain(|line| filter.as_ref().is_none_or(|filter| filter.matches(line, now)));
        if std::mem::take(&mut first) {
            batch.drain(..batch.len().saturating_sub(lines));
        }
        if !print(&batch, common.json) || !follow {
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
    let mut found = 0usize;
    for (source, file) in files(&control) {
        found += search(&source, &file, &filter, now, common.json)?;
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
        if filter.matches(&line, now) {
            found += 1;
            if !print(&[line], as_json) {
                return Ok(found);
            }
        }
    }
}

/// Prints lines; false when nobody reads any more.
fn print(lines: &[AuditLine], as_json: bool) -> bool {
    let mut out = std::io::stdout().lock();
    let wrote = lines.iter().all(|line| {
        let at = line.at.map(|at| format!("{at:.3}"));
        if as_json {
            let data = json!({
                "at": at, "severity": line.severity.word(), "source": line.source.as_ref(), "actor": line.actor(),
                "type": line.kind(), "resource": line.resource(), "outcome": line.outcome(),
            });
            writeln!(out, "{data}").is_ok()
        } else {
            let at = at.unwrap_or_else(|| "-".into());
            let severity = line.severity.word();
            writeln!(
                out,
                "{at:<24}  {severity:<8}  {:<10}  {:<22}  {:<34}  {}  [{}]",
                line.actor(),
                line.kind(),
                line.resource(),
                line.outcome(),
                line.source
            )
            .is_ok()
        }
    });
    wrote && out.flush().is_ok()
}
