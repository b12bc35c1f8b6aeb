//! The thread of a cockpit and of a watcher that takes over what nobody carries, and begins what is due and allowed.
//! Refuses to keep anybody waiting: a rotation has a thread of its own.

use super::Begun;
use super::readers::Readers;
use crate::serve::Control;
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::rotate::RotationRow;
use std::sync::{Arc, Mutex, PoisonError};

/// Called when something became known of a rotation.
pub type Tell = Arc<dyn Fn(Vec<RotationRow>) + Send + Sync>;

/// Carries rotations on.
pub struct Carrier {
    readers: Arc<Mutex<Readers>>,
}

impl Carrier {
    /// Starts it. `schedules`: due rotations that are allowed are begun too (a watcher's, R3.7).
    pub fn start(control: Arc<Control>, program: &'static str, schedules: bool, tell: Tell) -> std::io::Result<Self> {
        let _ = (control, program, schedules, tell);
        Ok(Self { readers: Arc::default() })
    }

    /// Carries on what was begun in this process.
    pub fn carry(&self, begun: Begun) {
        drop(begun);
    }

    /// The journal grew: somebody may have asked something.
    pub fn journal_grew(&self) {}

    /// Audit lines, as they come.
    pub fn heard(&self, lines: &[AuditLine]) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).hear(lines);
    }

    /// The rotations as they are now, with their readers.
    pub fn rows(&self) -> Vec<RotationRow> {
        Vec::new()
    }
}
