//! The clocks of this host: the wall clock, the boot clock, and which boot it is. Refuses to decide anything by them.
#![forbid(unsafe_code)]

use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::kill::Moment;
use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;

#[cfg(feature = "test-clock")]
mod dying;
#[cfg(feature = "test-clock")]
mod shifted;

#[cfg(all(feature = "test-clock", not(debug_assertions)))]
compile_error!("the test clock is not for release builds: it would let a file move the deadline of a stop");

/// All clocks, read together.
pub fn moment() -> Moment {
    let real = Moment { utc: Timestamp::now(), boot_ns: boot_ns(), boot_id: boot_id().to_owned() };
    #[cfg(feature = "test-clock")]
    let real = shifted::apply(real);
    real
}

/// The wall clock.
pub fn utc() -> Timestamp {
    #[cfg(feature = "test-clock")]
    return moment().utc;
    #[cfg(not(feature = "test-clock"))]
    Timestamp::now()
}

/// A point of this process' work, `promote:before`: in test builds it may die here as if it were killed.
pub fn passes(point: &str) {
    #[cfg(feature = "test-clock")]
    dying::at(point);
    #[cfg(not(feature = "test-clock"))]
    let _ = point;
}

/// Which start of which machine this is; a made-up one that lasts for this process where the kernel doesn't say, so that
/// nothing written by another process is taken for this boot's.
pub fn boot_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) if !id.trim().is_empty() => id.trim().to_owned(),
        _ => format!("no-boot-id-{}-{}", std::process::id(), boot_ns()),
    })
}

/// Nanoseconds since the machine was started, time asleep included.
fn boot_ns() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let whole = SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or(0));
    u64::try_from(whole.as_nanos()).unwrap_or(0)
}
