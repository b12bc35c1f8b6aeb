//! The rule on orders after the stop (R5.5), over every line that is tailed. Refuses to write a line down twice: which ones
//! were is kept beside the journal as long as the episode lasts.

use super::Switch;
use quarterdeck_domain::audit::{AuditLine, Fields};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::kill::{Bypass, Order, Record, bypass};
use quarterdeck_domain::severity::Severity;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

/// Which lines were written down, in the environment's state folder.
const KEPT: &str = "bypasses";
/// So many of one episode are written down each by itself: an engine that goes on for hours says nothing new.
const MOST: usize = 1_000;
/// So long an event may take to be on the disk.
const WRITTEN: Duration = Duration::from_millis(250);
/// Larger than all of them together.
const LARGEST: u32 = 1 << 20;

/// The lines of one episode that are orders after its stop.
#[derive(Debug, Default)]
pub(super) struct Saw {
    episode: String,
    /// Those that are written down, by whomever.
    written: BTreeSet<String>,
    /// Those that are not, as far as is known here: whoever writes down may be gone before he did.
    waiting: BTreeMap<String, Bypass>,
    /// What others wrote down was read since this process writes down.
    records: bool,
    /// The first lines of all are the past.
    past_is_over: bool,
}

impl Switch {
    /// Looks at lines that were tailed, before they are shown. An order after the stop becomes CRITICAL at once; whoever
    /// writes down what engines do writes it down once.
    pub fn saw(&self, lines: &mut [AuditLine]) {
        let mut saw = self.saw.lock().unwrap_or_else(PoisonError::into_inner);
        let past = !std::mem::replace(&mut saw.past_is_over, true);
        let row = self.row();
        let Some(record) = row.record.as_ref().filter(|record| record.order != Order::Trade) else { return };
        let now = quarterdeck_clock::moment();
        let mut found = false;
        for line in lines.iter_mut().filter(|line| line.sends_order()) {
            // Of the past nothing counts that doesn't say when it was.
            let dated = line.at.is_some() || !past;
            let rule = || bypass(line, record, &row.engines, &self.policy.aliases, &now);
            let Some(bypass) = dated.then(rule).flatten() else { continue };
            *line = marked(line, &bypass);
            found = true;
            self.with_seen(|seen| {
                if !seen.bypasses.contains(&bypass) {
                    seen.bypassed(bypass.clone());
                }
            });
            saw.take(record, format!("{} {} {}", line.source, line.place.file, line.place.offset), bypass);
        }
        self.write_down(&mut saw, record);
        drop(saw);
        if found {
            self.refresh();
        }
    }

    /// This process writes down from now on: what it saw before, and nobody did, too.
    pub(super) fn write_down_what_waits(&self) {
        let mut saw = self.saw.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = self.row().record {
            self.write_down(&mut saw, &record);
        }
    }

    fn write_down(&self, saw: &mut Saw, record: &Record) {
        // What the journal can't take now waits here: what is kept as written has to be written.
        if !self.keeper.records() || saw.waiting.is_empty() || !self.journal.is_idle() {
            return;
        }
        let file = self.state_folder.join(KEPT);
        if !std::mem::replace(&mut saw.records, true) {
            saw.read(&file);
        }
        let mut late = false;
        for (key, bypass) in std::mem::take(&mut saw.waiting) {
            if late {
                saw.waiting.insert(key, bypass);
                continue;
            }
            if saw.written.len() > MOST || !saw.written.insert(key.clone()) {
                continue;
            }
            let event = if saw.written.len() <= MOST {
                self.author.bypass(&bypass)
            } else {
                let source = &bypass.source;
                let note = format!("{MOST} orders after the stop are written down; those that follow are in {source}");
                self.author.found(EventKind::KillSwitchAlarm, record, Some(note))
            };
            // What is late waits in the journal's own queue, and is not kept as written: it may be written down again after
            // a restart, which is better than not at all.
            match self.journal.tell(event, WRITTEN) {
                Ok(()) => _ = append(&file, &key),
                Err(_) => late = true,
            }
        }
    }
}

impl Saw {
    fn take(&mut self, record: &Record, key: String, bypass: Bypass) {
        if self.episode != record.episode {
            *self = Self { episode: record.episode.clone(), past_is_over: true, ..Self::default() };
        }
        if !self.written.contains(&key) && self.waiting.len() <= MOST {
            self.waiting.insert(key, bypass);
        }
    }

    /// What is kept of this episode; of another one it is thrown away.
    fn read(&mut self, file: &Path) {
        let kept = crate::ordinary::text(file, LARGEST).unwrap_or_default();
        let mut kept = kept.lines();
        if kept.next() == Some(self.episode.as_str()) {
            self.written.extend(kept.map(str::to_owned));
            return;
        }
        let _ = std::fs::remove_file(file);
        let _ = append(file, &self.episode);
    }
}

fn append(file: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// The same line, as it stands in the tail: CRITICAL, and what it is.
fn marked(line: &AuditLine, bypass: &Bypass) -> AuditLine {
    let outcome = format!("BYPASS, {} s after the stop", bypass.after.as_secs().max(0));
    let fields = Fields { actor: line.actor(), kind: line.kind(), resource: line.resource(), outcome: &outcome };
    let marked = AuditLine::new(line.source.clone(), line.at, Severity::Critical, line.place, &fields);
    marked.sending_order(line.order_environment(), line.order_id())
}
