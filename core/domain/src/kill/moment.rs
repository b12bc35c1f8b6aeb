//! A time as two clocks tell it, and a deadline that a stepped wall clock can neither shorten nor extend. Refuses to
//! read a clock.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// One reading of the clocks of one host, taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock; anybody with root steps it.
    pub utc: Timestamp,
    /// Nanoseconds since the host was started, time asleep included (`CLOCK_BOOTTIME`); nobody steps it.
    pub boot_ns: u64,
    /// Which start of which host this is (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
}

impl Moment {
    /// The time from an earlier reading to this one: by the boot clock on one boot, else by the wall clock.
    pub fn since(&self, earlier: &Moment) -> SignedDuration {
        if self.boot_id == earlier.boot_id {
            nanos(i128::from(self.boot_ns) - i128::from(earlier.boot_ns))
        } else {
            self.utc.duration_since(earlier.utc)
        }
    }

    /// The boot clock's reading so many nanoseconds ago, as a wall clock of now would have told it.
    pub fn utc_of(&self, boot_ns: u64) -> Timestamp {
        let ago = nanos(i128::from(self.boot_ns) - i128::from(boot_ns));
        self.utc.checked_sub(ago).unwrap_or(self.utc)
    }
}

/// When level 3 becomes level 4: durable before level 3 is announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// By the wall clock: what counts on another host or after another start.
    pub utc: Timestamp,
    /// By the boot clock: what alone counts on the same boot.
    pub boot_ns: u64,
    /// Whose boot clock.
    pub boot_id: String,
}

/// How a deadline stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// So much is left; never negative.
    In(SignedDuration),
    /// It is past.
    Passed,
    /// The clocks disagree by more than [`Deadline::STEP`]: an alarm, and nobody flattens for it.
    Doubtful {
        /// By how much the wall clock moved against the boot clock while it was watched.
        step: SignedDuration,
        /// What the wall clock says is left.
        left: SignedDuration,
    },
}

impl Deadline {
    /// The window of level 3 (S Q1.5).
    pub const WINDOW: SignedDuration = SignedDuration::from_secs(300);
    /// A larger step of the wall clock is not believed.
    pub const STEP: SignedDuration = SignedDuration::from_secs(5);

    /// So long after a moment.
    pub fn after(moment: &Moment, window: SignedDuration) -> Self {
        let ns = u64::try_from(window.as_nanos()).unwrap_or(0);
        Self {
            utc: moment.utc.checked_add(window).unwrap_or(Timestamp::MAX),
            boot_ns: moment.boot_ns.saturating_add(ns),
            boot_id: moment.boot_id.clone(),
        }
    }

    /// True when it gives more time than the other, by either clock, or counts by another boot's clock: in one episode
    /// that is milder, and no record makes it so but a hold.
    pub fn is_later_than(&self, other: &Self) -> bool {
        self.boot_id != other.boot_id || self.boot_ns > other.boot_ns || self.utc > other.utc
    }

    /// True when it is past, by the boot clock on its own boot, else by the wall clock.
    pub fn is_past(&self, now: &Moment) -> bool {
        !matches!(self.judge(now, now), Due::In(_))
    }

    /// How it stands. `anchor` is the first moment at which this process saw the deadline: on another boot the wall
    /// clock counts, as long as it has gone with the boot clock since then.
    pub fn judge(&self, now: &Moment, anchor: &Moment) -> Due {
        if now.boot_id == self.boot_id {
            let left = i128::from(self.boot_ns) - i128::from(now.boot_ns);
            return if left > 0 { Due::In(nanos(left)) } else { Due::Passed };
        }
        let left = self.utc.duration_since(now.utc);
        if now.boot_id == anchor.boot_id {
            let wall = now.utc.duration_since(anchor.utc);
            let boot = nanos(i128::from(now.boot_ns) - i128::from(anchor.boot_ns));
            let step = wall.saturating_sub(boot);
            if step.abs() > Self::STEP {
                return Due::Doubtful { step, left };
            }
        }
        if left > SignedDuration::ZERO { Due::In(left) } else { Due::Passed }
    }
}

fn nanos(count: i128) -> SignedDuration {
    let clamped = count.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    SignedDuration::from_nanos(clamped as i64)
}

#[cfg(test)]
#[path = "moment_tests.rs"]
mod tests;
