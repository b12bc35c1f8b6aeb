//! Everything that can happen to the screen. Refuses to carry a value anywhere but in [`News::Revealed`], which comes
//! by a side channel of its own.

use crate::key::Key;
use crate::list::SecretId;
use crate::model::Weight;
use crate::switch::Sent;
use crate::value::Value;
use jiff::Timestamp;
use quarterdeck_domain::audit::{AuditLine, Place};
use quarterdeck_domain::kill::{Codes, KillRow};
use quarterdeck_domain::overview::{BackendRow, JournalRow, SecretDetail, SecretRow, SourceRow};
use quarterdeck_domain::rotate::{PlanRow, RotationRow};

/// One piece of news.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted as one piece; it is never read as keystrokes.
    Paste(String),
    /// The terminal has this size now; `0x0` is possible.
    Resize {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// Time has passed.
    Tick,
    /// Control lives and has folded everything there is. Comes at least every five seconds.
    Alive,
    /// The secrets as they are now, all of them.
    Secrets(Vec<SecretRow>),
    /// The backends as they are now, all of them.
    Backends(Vec<BackendRow>),
    /// The journal as it is now.
    Journal(JournalRow),
    /// The rotations as they are now: those under way, and the last of each secret.
    Rotations(Vec<RotationRow>),
    /// What a rotation would do, asked for with [`crate::Effect::PlanRotation`].
    Planned {
        /// Of which secret, as it was asked for.
        id: SecretId,
        /// It.
        plan: Box<PlanRow>,
    },
    /// A rotation that was asked for with [`crate::Effect::StartRotation`] is durable.
    Begun(u32),
    /// A rotation was not planned, or not begun.
    NotRotated {
        /// Of which secret.
        id: SecretId,
        /// Refused, or failed.
        weight: Weight,
        /// Why.
        message: Message,
    },
    /// New audit lines, oldest first.
    Lines(Vec<AuditLine>),
    /// The audit sources as they are now, all of them.
    Sources(Vec<SourceRow>),
    /// The whole text of an opened line, sanitised and redacted, broken where it should break.
    LineDetail {
        /// Which line.
        place: Place,
        /// Its text.
        lines: Vec<String>,
    },
    /// What a backend tells of a secret that was asked for with [`crate::Effect::Inspect`].
    Inspected(Box<SecretDetail>),
    /// A value that was asked for with [`crate::Effect::Reveal`].
    Revealed {
        /// The secret's name.
        name: String,
        /// Its layer.
        layer: String,
        /// The value.
        value: Value,
        /// When it must be gone; never later than ten seconds from now, whatever is said here.
        until: Timestamp,
    },
    /// The kill-switch and the engines as they are now. Comes at least every five seconds, else what is shown is old.
    Kill(Box<KillRow>),
    /// What was typed ahead of Ctrl-X is gone, and these codes were drawn.
    Armed(Codes),
    /// What came of a code that was sent. A reason, a hold or a release that fails comes as `Refused` or `Failed`.
    Sent(Sent),
    /// Something was done.
    Told(Message),
    /// Something was refused by policy.
    Refused(Message),
    /// Something was tried and failed.
    Failed(Message),
    /// The program is about to stop (`^Z`).
    Suspended,
    /// The program runs again.
    Resumed,
    /// The terminal is gone.
    Hangup,
}

/// What happened, what was being done, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// What happened: `denied: the role 'trader' may not read a cloud secret`.
    pub what: String,
    /// What was being done; may be empty: `revealing prod/rds/password`.
    pub doing: String,
    /// What to do next; may be empty.
    pub next: String,
}

impl Message {
    /// A message that needs no more than one sentence.
    pub fn plain(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// A message with a way on.
    pub fn with_next(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), doing: String::new(), next: next.into() }
    }
}
