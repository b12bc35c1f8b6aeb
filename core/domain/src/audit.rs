//! One line of the audit as the tail shows it, whoever wrote it. Refuses raw bytes: every text in here was sanitised
//! and redacted.

use crate::severity::Severity;
use jiff::Timestamp;
use std::sync::Arc;

/// Where a line stands on disk, so that its whole text can be fetched when somebody opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Identity of the file (its inode), so that a rotated file is not confused with its successor.
    pub file: u64,
    /// Offset of its first byte.
    pub offset: u64,
    /// Length in bytes without the newline.
    pub length: u32,
}

/// The fields of a line before they are packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Who: handle or program.
    pub actor: &'a str,
    /// The event's type, in capitals.
    pub kind: &'a str,
    /// On what.
    pub resource: &'a str,
    /// How it came out: `ok 38 ms`, `DENIED PERMISSION_DENIED`.
    pub outcome: &'a str,
}

/// What a line of our journal says beside its four texts; a text is empty where it says nothing of that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// The role that the actor had.
    pub role: String,
    /// `R-27`
    pub rotation: String,
    /// The rotation's step.
    pub step: String,
    /// The version that it is about.
    pub version: String,
    /// The keyed fingerprint of that version's value.
    pub fingerprint: String,
    /// Why, as it was given or found.
    pub reason: String,
    /// Who or what did it: a person, a backend, `hook`.
    pub by: String,
    /// The run that says so, of the process that carries the rotation on.
    pub runner: String,
    /// That process in words, where the line says who carries it on.
    pub carried_by: String,
}

/// A line of the tail: about a hundred bytes, its texts in one allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Short name of the source it came from.
    pub source: Arc<str>,
    /// The event's own time; `None` where the line tells none. Not the time of arrival.
    pub at: Option<Timestamp>,
    /// Derived from type, result and rules.
    pub severity: Severity,
    /// Where the whole line is.
    pub place: Place,
    /// It tells of an order that was sent, or that somebody tried to send.
    sends_order: bool,
    beside: Option<Box<Beside>>,
    text: Box<str>,
    ends: [u16; 5],
}

impl AuditLine {
    /// Packs a line. Texts are cut to what a screen can show (2,000 characters each).
    pub fn new(source: Arc<str>, at: Option<Timestamp>, severity: Severity, place: Place, fields: &Fields<'_>) -> Self {
        let mut text = String::new();
        let mut ends = [0u16; 5];
        for (index, part) in [fields.actor, fields.kind, fields.resource, fields.outcome, ""].into_iter().enumerate() {
            text.extend(part.chars().take(2_000));
            ends[index] = u16::try_from(text.len()).unwrap_or(u16::MAX);
        }
        Self { source, at, severity, place, sends_order: false, beside: None, text: text.into(), ends }
    }

    /// The same line, which tells of an order that was sent: in which environment and under which id, where it says so.
    pub fn sending_order(mut self, environment: &str, id: &str) -> Self {
        let mut text = String::from(self.text.get(..usize::from(self.ends[3])).unwrap_or_default());
        text.extend(environment.chars().take(2_000));
        self.ends[4] = u16::try_from(text.len()).unwrap_or(u16::MAX);
        text.extend(id.chars().take(2_000));
        Self { sends_order: true, text: text.into(), ..self }
    }

    /// The same line, which says more.
    pub fn saying(self, beside: Beside) -> Self {
        Self { beside: Some(Box::new(beside)), ..self }
    }

    /// What it says beside; nothing where it isn't a line of ours about a secret.
    pub fn beside(&self) -> Option<&Beside> {
        self.beside.as_deref()
    }

    fn part(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { usize::from(self.ends[index - 1]) };
        let end = self.ends.get(index).map_or(self.text.len(), |end| usize::from(*end));
        self.text.get(start..end).unwrap_or_default()
    }

    /// Who.
    pub fn actor(&self) -> &str {
        self.part(0)
    }

    /// The event's type.
    pub fn kind(&self) -> &str {
        self.part(1)
    }

    /// On what.
    pub fn resource(&self) -> &str {
        self.part(2)
    }

    /// How it came out.
    pub fn outcome(&self) -> &str {
        self.part(3)
    }

    /// True when it tells of an order that was sent, or that somebody tried to send.
    pub fn sends_order(&self) -> bool {
        self.sends_order
    }

    /// The environment that an order's line names; empty where it names none.
    pub fn order_environment(&self) -> &str {
        self.part(4)
    }

    /// The id that an order's line gives beside what it was on; empty where it gives none.
    pub fn order_id(&self) -> &str {
        self.part(5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_line_gives_its_parts_back() {
        let fields = Fields { actor: "alice", kind: "SECRET_READ", resource: "prod/é", outcome: "ok 38 ms" };
        let line = AuditLine::new("journal".into(), None, Severity::Info, Place::default(), &fields);
        assert_eq!(
            (line.actor(), line.kind(), line.resource(), line.outcome()),
            ("alice", "SECRET_READ", "prod/é", "ok 38 ms")
        );
        assert_eq!((line.sends_order(), line.order_environment(), line.order_id()), (false, "", ""));
        let line = line.sending_order("qa", "ord-é");
        assert_eq!((line.outcome(), line.order_environment(), line.order_id()), ("ok 38 ms", "qa", "ord-é"));
        let line = line.sending_order("", "x");
        assert_eq!(
            (line.sends_order(), line.outcome(), line.order_environment(), line.order_id()),
            (true, "ok 38 ms", "", "x")
        );
    }

    #[test]
    fn a_monstrous_field_is_cut_and_the_others_survive() {
        let long = "é".repeat(1_000_000);
        let fields = Fields { actor: &long, kind: "K", resource: "r", outcome: "ok" };
        let line = AuditLine::new("x".into(), None, Severity::Info, Place::default(), &fields);
        assert_eq!(line.actor().chars().count(), 2_000);
        assert_eq!((line.kind(), line.resource(), line.outcome()), ("K", "r", "ok"));
    }
}
