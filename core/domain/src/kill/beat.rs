//! What an engine says of itself: a heartbeat that is also its acknowledgement. Refuses to believe any of it: judging is
//! done elsewhere.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far an engine has carried an order out. Each step contains those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// There is no stop, or it was not heard.
    #[default]
    None,
    /// RECEIVED: it was heard.
    Received,
    /// BLOCKED: no new order leaves the engine.
    Blocked,
    /// CANCELLED: no order rests at the venue.
    Cancelled,
    /// FLAT: positions are synced, and there are none.
    Flat,
}

/// What an engine does, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineState {
    /// Sends orders.
    Trading,
    /// May send orders and has none to send.
    Idle,
    /// Sends none.
    Blocked,
    /// Sends none, and holds nothing.
    Flat,
    /// Was told to close everything and could not.
    Residual,
}

/// When the engine took each step, in nanoseconds of its host's boot clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Steps {
    /// RECEIVED.
    pub received_ns: Option<u64>,
    /// BLOCKED.
    pub blocked_ns: Option<u64>,
    /// CANCELLED.
    pub cancelled_ns: Option<u64>,
    /// FLAT.
    pub flat_ns: Option<u64>,
}

/// One heartbeat: one line of JSON over the engine's socket, or the whole of its status file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The format: 1.
    pub v: u32,
    /// The engine's name.
    pub engine: String,
    /// The environment it trades in.
    pub environment: String,
    /// The account, as its last four characters: `****4789`.
    pub account: String,
    /// Its process.
    pub pid: u32,
    /// When this was said, by its wall clock.
    pub at: Timestamp,
    /// The same by the boot clock.
    pub boot_ns: u64,
    /// Whose boot clock.
    pub boot_id: String,
    /// What it does.
    pub state: EngineState,
    /// The episode it obeys; null before the first.
    pub episode: Option<String>,
    /// The highest generation it has seen.
    pub generation: u64,
    /// The level it acts on: 0, 3 or 4. A deadline that passed makes it 4 before any latch says so. An engine that can't
    /// read its latch acts on 3.
    pub level: u8,
    /// How far it got.
    pub step: Step,
    /// When.
    #[serde(default)]
    pub steps: Steps,
    /// Orders that rest at the venue; null when it doesn't know.
    pub resting_orders: Option<u64>,
    /// When that was last asked of the venue.
    pub orders_synced: Option<Timestamp>,
    /// Instruments with a position; null when it doesn't know.
    pub positions: Option<u64>,
    /// When that was last asked of the venue.
    pub positions_synced: Option<Timestamp>,
    /// When it last sent an order.
    pub last_order: Option<Timestamp>,
    /// The same by the boot clock: what is compared with BLOCKED where it is told, since nobody steps that clock.
    #[serde(default)]
    pub last_order_ns: Option<u64>,
    /// `up` or `down`: the link to the venue.
    pub link: String,
    /// What keeps it from the next step, in words; empty when nothing does.
    #[serde(default)]
    pub trouble: String,
}
