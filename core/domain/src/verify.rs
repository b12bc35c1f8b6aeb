//! Reads a journal line by line and says what is wrong with it and where: edits, deletions, reorderings, copies, cuts,
//! snapshots that lie. Refuses to mend: it only tells. Links are believed before numbers, since a number is easier to
//! forge; where one broken link accuses two lines, the line after them decides.

use crate::catalogue::EventKind;
use crate::chain::{self, Digest, Head, Link};
use crate::event::{Detail, Event};
use crate::state::State;
use std::fmt;
use std::sync::Arc;

/// What is wrong, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A line was changed.
    Edited,
    /// Lines are missing.
    Deleted,
    /// A line stands where another belongs.
    Reordered,
    /// A line stands twice.
    Duplicated,
    /// A line can't be read as an event.
    Unreadable,
    /// The file ends inside a line, or in zero bytes.
    Torn,
    /// A whole file is missing.
    FileMissing,
    /// A snapshot is not what its events add up to, or is missing at the head of a file.
    Snapshot,
    /// A line's tier is not the catalogue's.
    Tier,
    /// What had been written last is not there any more.
    EndCut,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's name in the journal's folder.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: u64,
    /// In one word.
    pub fault: Fault,
    /// In a sentence that doesn't repeat file and line.
    pub says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.says)
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Lines read as events.
    pub events: u64,
    /// Files read.
    pub files: u64,
    /// The last line in the chain.
    pub head: Head,
    /// What is wrong, in the order of the lines; the first thousand of them.
    pub findings: Vec<Finding>,
    /// How many more there were.
    pub unlisted: u64,
}

impl Report {
    /// True when nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

const LISTED: usize = 1_000;

/// A verification under way. Feed it [`begin_file`](Self::begin_file), then each [`line`](Self::line), then, where the
/// file doesn't end in a newline, [`torn`](Self::torn).
#[derive(Debug, Clone)]
pub struct Verifier {
    state: Arc<State>,
    file: Arc<str>,
    line: u64,
    files: u64,
    events: u64,
    /// A journal's first line ever is expected; otherwise any snapshot may begin.
    from_the_first: bool,
    /// The line read before this one.
    before: Option<Seen>,
    /// The line that ends the chain so far; differs from `before` inside a block that stands in the wrong place.
    front: Option<Seen>,
    /// `before` doesn't link back to this line: one of the two was changed.
    suspect: Option<Place>,
    holes: Vec<Hole>,
    /// What was folded since the last snapshot can be compared with the next.
    fold_is_sound: bool,
    findings: Vec<Finding>,
    unlisted: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    file: Arc<str>,
    line: u64,
}

#[derive(Debug, Clone)]
struct Seen {
    at: Place,
    seq: u64,
    digest: Digest,
    /// It was accused already, so that its digest proves nothing more.
    accused: bool,
    /// It stands in the wrong place.
    astray: bool,
    /// It stands there a second time.
    copy: bool,
}

/// Sequence numbers that were passed over, until they turn up or not.
#[derive(Debug, Clone)]
struct Hole {
    from: u64,
    to: u64,
    at: Place,
    /// Set where a snapshot names the file that should stand before it.
    missing_file: Option<String>,
}

impl Verifier {
    /// Expects the journal from its first line on.
    pub fn from_the_first() -> Self {
        Self::new(true)
    }

    /// Begins at the snapshot of any file and believes it: for a start that reads the newest file only.
    pub fn from_a_snapshot() -> Self {
        Self::new(false)
    }

    fn new(from_the_first: bool) -> Self {
        Self {
            state: Arc::default(),
            file: "".into(),
            line: 0,
            files: 0,
            events: 0,
            from_the_first,
            before: None,
            front: None,
            suspect: None,
            holes: Vec::new(),
            fold_is_sound: from_the_first,
            findings: Vec::new(),
            unlisted: 0,
        }
    }

    /// The lines that follow are of this file.
    pub fn begin_file(&mut self, name: &str) {
        self.file = name.into();
        self.line = 0;
        self.files += 1;
    }

    /// Takes the next line, without its newline. Gives the event where it is one and belongs to the chain.
    pub fn line(&mut self, raw: &[u8]) -> Option<(Event, Link)> {
        match chain::read(raw) {
            Ok((event, link)) => {
                self.accept(raw, &event, link);
                self.own_word(&event);
                Some((event, link))
            }
            Err(why) => {
                self.line += 1;
                self.unreadable(raw, Digest::of(raw), &why.to_string());
                None
            }
        }
    }

    /// The journal went on after acknowledged events were gone, and said so in a record of its own: that stays a finding,
    /// or cutting the end and going on would pass.
    fn own_word(&mut self, event: &Event) {
        let lost = event.result.error_code.as_deref() == Some("ACKNOWLEDGED_EVENTS_LOST");
        if lost && event.event_type == crate::catalogue::EventKind::Recovery {
            let at = Place { file: self.file.clone(), line: self.line };
            let says =
                "events that had been acknowledged are missing before it: this line itself records that".to_owned();
            self.find(&at, Fault::EndCut, says);
        }
    }

    /// Takes the next line from somebody who has read it already.
    pub fn accept(&mut self, raw: &[u8], event: &Event, link: Link) {
        self.line += 1;
        self.event(event, link, Digest::of(raw));
    }

    /// Takes what stands after the last newline of a file. It is never part of the chain.
    pub fn torn(&mut self, raw: &[u8]) {
        if raw.is_empty() {
            return;
        }
        let zeros = raw.iter().filter(|byte| **byte == 0).count();
        let says = if zeros == raw.len() {
            format!("the file ends in {zeros} zero bytes")
        } else {
            format!("the file ends inside a line, after {} bytes of it", raw.len())
        };
        let at = Place { file: self.file.clone(), line: self.line + 1 };
        self.find(&at, Fault::Torn, says);
    }

    /// The state after the lines so far.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The last line in the chain.
    pub fn head(&self) -> Head {
        self.front.as_ref().map_or(Head::NONE, |seen| Head { seq: seen.seq, digest: seen.digest })
    }

    /// The number of the line taken last, in its file.
    pub fn line_number(&self) -> u64 {
        self.line
    }

    /// How many things are wrong so far, missing lines and undecided suspicions included.
    pub fn wrongs(&self) -> u64 {
        let open = self.findings.len() + self.holes.len() + usize::from(self.suspect.is_some());
        self.unlisted.saturating_add(u64::try_from(open).unwrap_or(u64::MAX))
    }

    /// Ends the verification. `written` is the last line that is known to have been written, where that is remembered
    /// apart from the files: without it, nobody can tell a changed or missing last line.
    pub fn finish(mut self, written: Option<Head>) -> Report {
        self.check_end(written);
        for hole in std::mem::take(&mut self.holes) {
            let (fault, says) = hole.in_words();
            self.find(&hole.at, fault, says);
        }
        // Findings come in the order in which they became certain; files were read in order, names sort likewise.
        self.findings.sort_by(|a, b| (&a.file, a.line, a.fault).cmp(&(&b.file, b.line, b.fault)));
        Report {
            events: self.events,
            files: self.files,
            head: self.head(),
            findings: self.findings,
            unlisted: self.unlisted,
        }
    }

    fn check_end(&mut self, written: Option<Head>) {
        let front = self.front.clone();
        let last_is_true = match (&front, written) {
            (Some(front), Some(written)) if front.seq == written.seq => Some(front.digest == written.digest),
            _ => None,
        };
        match (self.suspect.take(), &front, last_is_true) {
            (Some(_), Some(last), Some(false)) => self.accuse_both_ways(last),
            (Some(suspect), _, Some(true)) => self.accuse(&suspect),
            (Some(suspect), _, None) => {
                let says = "it was changed, or the link in the line after it".to_owned();
                self.find(&suspect, Fault::Edited, says);
            }
            (None, Some(last), Some(false)) if !last.accused => self.accuse(&last.at.clone()),
            _ => {}
        }
        let reached = front.as_ref().map_or(0, |seen| seen.seq);
        if let Some(written) = written.filter(|written| written.seq > reached) {
            let at = front.map_or(Place { file: self.file.clone(), line: self.line }, |seen| seen.at);
            let says = format!(
                "the journal ends with event {reached}; event {} had been written: its end was cut off",
                written.seq
            );
            self.find(&at, Fault::EndCut, says);
        }
    }

    fn event(&mut self, event: &Event, link: Link, digest: Digest) {
        self.events += 1;
        let at = Place { file: self.file.clone(), line: self.line };
        if link.tier != event.event_type.entry().tier {
            let says = format!(
                "its tier is '{}', the catalogue's is '{}'",
                link.tier.word(),
                event.event_type.entry().tier.word()
            );
            self.find(&at, Fault::Tier, says);
        }
        let seen = self.place(&at, event, link, digest);
        self.check_snapshot(&at, event);
        // A copy is not folded twice; what only stands in the wrong place is, since nothing else tells its story.
        if !seen.copy {
            Arc::make_mut(&mut self.state).fold(event);
        }
        if !seen.astray {
            self.front = Some(seen.clone());
        }
        self.before = Some(seen);
    }

    /// Finds where in the chain a line belongs.
    fn place(&mut self, at: &Place, event: &Event, link: Link, digest: Digest) -> Seen {
        let mut seen = Seen { at: at.clone(), seq: link.seq, digest, accused: false, astray: false, copy: false };
        let (Some(before), Some(front)) = (self.before.clone(), self.front.clone().or_else(|| self.before.clone()))
        else {
            self.begin(&mut seen, event, link);
            return seen;
        };
        let anchor = if before.astray { &front } else { &before };
        if link.prev == front.digest {
            self.settle_suspect(true, &before);
            self.follow(&mut seen, &front);
        } else if link.prev == before.digest {
            self.settle_suspect(true, &before);
            if before.astray {
                (seen.astray, seen.copy) = (true, !self.fill_hole(link.seq));
            } else {
                self.follow(&mut seen, &before);
            }
        } else if link.seq == anchor.seq.saturating_add(1) {
            if self.suspect.is_some() {
                self.settle_suspect(false, &before);
            } else if !anchor.accused {
                self.suspect = Some(anchor.at.clone());
            }
        } else if link.seq > front.seq {
            self.settle_suspect(true, &before);
            self.open_hole(&seen, event, front.seq.saturating_add(1));
        } else {
            self.settle_suspect(true, &before);
            seen.astray = true;
            seen.copy = self.stray(at, link, digest, &front);
        }
        seen
    }

    fn begin(&mut self, seen: &mut Seen, event: &Event, link: Link) {
        if !self.from_the_first {
            return;
        }
        match (link.seq, link.prev == Digest::ZERO) {
            (1, true) => {}
            (1, false) | (_, true) => {
                self.accuse(&seen.at.clone());
                seen.accused = true;
                seen.seq = 1;
            }
            (_, false) => self.open_hole(seen, event, 1),
        }
    }

    /// The link holds; then the number must too.
    fn follow(&mut self, seen: &mut Seen, before: &Seen) {
        let belongs = before.seq.saturating_add(1);
        if seen.seq != belongs {
            let says = format!("it was changed: it says it is event {}, and event {belongs} belongs here", seen.seq);
            self.find(&seen.at.clone(), Fault::Edited, says);
            seen.seq = belongs;
            seen.accused = true;
        }
    }

    /// The line after two suspects speaks: it links to the second (`true`) or not.
    fn settle_suspect(&mut self, second_is_true: bool, second: &Seen) {
        let Some(first) = self.suspect.take() else { return };
        if second_is_true {
            self.accuse(&first);
        } else {
            self.accuse_both_ways(second);
        }
    }

    fn accuse(&mut self, at: &Place) {
        self.find(at, Fault::Edited, "it was changed: its digest is not the one that was written down".to_owned());
    }

    fn accuse_both_ways(&mut self, seen: &Seen) {
        let says =
            "it was changed: neither its own link nor the one to it holds (the line before it may be changed too)";
        self.find(&seen.at.clone(), Fault::Edited, says.to_owned());
    }

    fn open_hole(&mut self, seen: &Seen, event: &Event, from: u64) {
        let missing_file = match &event.detail {
            Detail::Snapshot { previous_file, .. } if seen.at.line == 1 => previous_file.clone(),
            _ => None,
        };
        self.fold_is_sound = false;
        self.holes.push(Hole { from, to: seen.seq.saturating_sub(1), at: seen.at.clone(), missing_file });
    }

    /// True when it is a copy.
    fn stray(&mut self, at: &Place, link: Link, digest: Digest, front: &Seen) -> bool {
        if self.fill_hole(link.seq) {
            let says = format!("it is in the wrong place: event {} stands after event {}", link.seq, front.seq);
            self.find(at, Fault::Reordered, says);
            return false;
        }
        if digest == front.digest {
            self.find(at, Fault::Duplicated, format!("it is a copy of line {} of {}", front.at.line, front.at.file));
        } else {
            self.find(at, Fault::Duplicated, format!("event {} stands here once more", link.seq));
        }
        true
    }

    /// True when the number was missing until now.
    fn fill_hole(&mut self, seq: u64) -> bool {
        let Some(index) = self.holes.iter().position(|hole| (hole.from..=hole.to).contains(&seq)) else { return false };
        let hole = self.holes.remove(index);
        if hole.from < seq {
            self.holes.push(Hole { to: seq - 1, ..hole.clone() });
        }
        if seq < hole.to {
            self.holes.push(Hole { from: seq + 1, ..hole });
        }
        true
    }

    fn unreadable(&mut self, raw: &[u8], digest: Digest, why: &str) {
        let at = Place { file: self.file.clone(), line: self.line };
        let zeros = raw.iter().filter(|byte| **byte == 0).count();
        let says = if zeros > 0 { format!("{why} ({zeros} zero bytes in it)") } else { why.to_owned() };
        // A suspect before an unreadable line stays the suspect: this line can't speak for it.
        if let Some(suspect) = self.suspect.take() {
            self.accuse(&suspect);
        }
        self.find(&at, Fault::Unreadable, says);
        let seq = self.before.as_ref().map_or(1, |before| before.seq.saturating_add(1));
        self.before = Some(Seen { at, seq, digest, accused: true, astray: false, copy: false });
    }

    fn check_snapshot(&mut self, at: &Place, event: &Event) {
        let Detail::Snapshot { state, .. } = &event.detail else {
            let broken_here = self.holes.last().is_some_and(|hole| hole.at == *at)
                || self.findings.last().is_some_and(|finding| finding.file == at.file);
            if at.line == 1 && !broken_here {
                self.find(at, Fault::Snapshot, "the file does not begin with a snapshot".to_owned());
            }
            return;
        };
        if event.event_type != EventKind::Snapshot {
            return;
        }
        if self.fold_is_sound && self.suspect.is_none() && **state != *self.state {
            self.find(at, Fault::Snapshot, "this snapshot is not what the events before it add up to".to_owned());
        }
        // What comes next is compared with this snapshot as its beginning.
        self.fold_is_sound = true;
    }

    fn find(&mut self, at: &Place, fault: Fault, says: String) {
        self.fold_is_sound = false;
        if self.findings.len() == LISTED {
            self.unlisted += 1;
            return;
        }
        self.findings.push(Finding { file: at.file.clone(), line: at.line, fault, says });
    }
}

impl Hole {
    fn in_words(&self) -> (Fault, String) {
        let which = if self.from == self.to {
            format!("event {} is missing", self.from)
        } else {
            format!("events {} to {} are missing", self.from, self.to)
        };
        match &self.missing_file {
            Some(file) => (
                Fault::FileMissing,
                format!("the file before this one, {}, is missing or cut: {which}", crate::sanitise::line(file, 64)),
            ),
            None => (Fault::Deleted, format!("{which} before this line")),
        }
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
