//! The kill-switch: what is ordered, what counts when copies disagree, what follows by itself, and how it is guarded
//! (R5.1 to R5.5). Refuses a clock and a file: the machine is a function of what is known and the time, and what is to
//! be done leaves it as data.
//!
//! Making the firm safer takes one person and works with everything else broken; making it riskier takes the journal.

pub mod advance;
pub mod beat;
pub mod bypass;
pub mod command;
pub mod guard;
pub mod judge;
pub mod machine;
pub mod moment;
pub mod record;
pub mod row;
#[cfg(test)]
pub(crate) mod testing;

pub use advance::advance;
pub use beat::{Beat, EngineState, Step, Steps};
pub use bypass::bypass;
pub use command::command;
pub use guard::{Codes, Guard, Typed};
pub use judge::{Heard, judge};
pub use machine::{
    Ask, Asking, Effect, Known, LatchView, NO_LATCH, Refusal, Standing, SwitchState, is_flat, phase, standing,
};
pub use moment::{Deadline, Due, Moment};
pub use record::{Initiator, Order, Record, Trust};
pub use row::{
    Bypass, EngineRow, EngineStanding, KillRow, MarketRow, PathRow, PathState, Stopper, Timings, WatcherRow,
};

use serde::{Deserialize, Serialize};
use std::fmt;

/// The two levels that stop trading (S Q1.5); levels 1 and 2 are alarms and have no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Level 3: no new orders, existing ones may fill; level 4 after five minutes unless it is held.
    Stop,
    /// Level 4: no new orders, resting ones are cancelled, positions closed.
    Halt,
}

impl Level {
    /// 3 or 4.
    pub fn number(self) -> u8 {
        match self {
            Self::Stop => 3,
            Self::Halt => 4,
        }
    }

    /// The verb: `stop`, `halt`.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Halt => "halt",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {}", self.number())
    }
}
