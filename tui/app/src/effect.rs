//! What the screen asks of the world, as data. Refuses to do any of it.

use crate::value::Value;
use jiff::Timestamp;
use quarterdeck_domain::audit::Place;
use quarterdeck_domain::kill::Level;
use quarterdeck_domain::rotate::{Ask, Step};
use std::sync::Arc;

/// One thing to be done by the loop that runs the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read a value and show it for ten seconds; control decides by role, and records the act or its refusal.
    Reveal {
        /// The secret's name.
        name: String,
        /// Its layer.
        layer: String,
    },
    /// Ask a secret's backend for versions, labels and facts; never a value. Answered by [`crate::News::Inspected`].
    Inspect {
        /// The secret's name.
        name: String,
        /// Its layer.
        layer: String,
    },
    /// Work a rotation out; writes nothing. Answered by [`crate::News::Planned`].
    PlanRotation {
        /// The secret's name.
        name: String,
        /// Its layer.
        layer: String,
    },
    /// Begin the rotation whose plan was shown.
    StartRotation {
        /// The secret's name.
        name: String,
        /// Its layer.
        layer: String,
        /// The digest of the plan that was shown.
        digest: String,
        /// The new value, where it was typed.
        typed: Option<Value>,
        /// Why.
        why: String,
    },
    /// Ask something of a rotation.
    SteerRotation {
        /// Its number.
        number: u32,
        /// What.
        ask: Ask,
        /// Why.
        why: String,
    },
    /// Say of a step that is a person's whether it is done.
    SayStep {
        /// Its number.
        number: u32,
        /// The step.
        step: Step,
        /// It is done.
        done: bool,
    },
    /// Confirm a rotation that somebody else asked for.
    ConfirmRotation {
        /// Its number.
        number: u32,
    },
    /// Ask the backends again: one by its name, or all.
    ReadAgain(Option<String>),
    /// Fetch the whole text of an audit line.
    FetchLine {
        /// Where it stands.
        place: Place,
        /// The source's short name.
        source: Arc<str>,
    },
    /// Put text on the clipboard.
    Copy(Copied),
    /// This session may act until then, by its own choice. Control is told, so that it decides by the same state.
    Unlocked {
        /// When it is look only again.
        until: Timestamp,
    },
    /// This session is look only again.
    LookOnly,
    /// Throw away what was typed ahead, draw codes, and say [`crate::News::Armed`].
    Arm,
    /// Stop trading: a complete code was sent. Answered by [`crate::News::Sent`].
    Fire(Level),
    /// Give the reason for the stop that is in force.
    Explain(String),
    /// Keep level 3 without its deadline.
    Hold {
        /// Why.
        reason: String,
    },
    /// Back to trading.
    Release {
        /// Why.
        reason: String,
        /// The post-incident note, after level 4.
        note: String,
        /// Engines that are not proven flat and are taken as they are.
        without: Vec<String>,
    },
    /// Switch the terminal's mouse reports.
    SetMouse(bool),
    /// Ring the bell once.
    Ring,
    /// Draw everything again from nothing.
    Redraw,
    /// Leave the terminal as it was and stop (`^Z`).
    Suspend,
    /// Leave.
    Quit,
}

impl Effect {
    /// True for what a session that is look only may never cause. A reveal changes nothing that is stored, but it puts
    /// a value on a screen and a record of tier c in the journal, so it is asked for with a free hand only.
    pub fn is_guarded(&self) -> bool {
        matches!(
            self,
            Self::Reveal { .. }
                | Self::Copy(Copied::Value(_))
                | Self::Hold { .. }
                | Self::Release { .. }
                | Self::StartRotation { .. }
                | Self::SteerRotation { .. }
                | Self::SayStep { .. }
                | Self::ConfirmRotation { .. }
        )
    }
}

/// What goes to the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// A name or a line; harmless.
    Text(String),
    /// A value that stands revealed on the screen; to be cleared from the clipboard after 30 s.
    Value(Value),
}
