//! The kill-switch's dialogs. Refuses to send anything but a complete code, by Ctrl-X.

use crate::entry::Line;
use jiff::Timestamp;
use quarterdeck_domain::kill::{Guard, Level};

/// What Ctrl-X opened, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialog {
    /// What was typed ahead is being thrown away, and codes are drawn.
    Arming,
    /// The codes stand; nothing has been sent.
    Armed {
        /// The guard.
        guard: Guard,
        /// What the last key came to, while it should be said: a wrong character, a paste.
        said: Option<String>,
    },
    /// A code was sent. The reason is asked for here.
    Sent {
        /// Which level.
        level: Level,
        /// When.
        at: Timestamp,
        /// What came of it; `None` until control answers.
        outcome: Option<Sent>,
        /// The reason, as it is typed.
        reason: Line,
    },
    /// This session can't arm, and why.
    Shut {
        /// Why.
        why: String,
        /// What to do instead.
        next: String,
    },
}

/// What came of a code that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The order is out. How far it got is in the NOW pane.
    Out {
        /// It is in the latch, on the disk; else why not.
        undurable: Option<String>,
        /// It is in the journal; else why not yet.
        unjournalled: Option<String>,
        /// The same level or a stricter one was in force already: it was sent again, the deadline stands.
        again: bool,
    },
    /// Refused: this person may not.
    Refused {
        /// Why.
        why: String,
        /// What to do instead.
        next: String,
    },
}
