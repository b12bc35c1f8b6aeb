//! Test builds only: clocks shifted by a file that several processes share. Refuses to do anything without the file that
//! `QUARTERDECK_TEST_CLOCK` names.

use jiff::SignedDuration;
use quarterdeck_domain::kill::Moment;
use std::path::PathBuf;
use std::sync::OnceLock;

/// `UTC_SHIFT_MS BOOT_SHIFT_MS [BOOT_ID]`, in one line.
pub(crate) fn apply(real: Moment) -> Moment {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var_os("QUARTERDECK_TEST_CLOCK").map(PathBuf::from)) else {
        return real;
    };
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut words = text.split_whitespace();
    let mut shift = || words.next().and_then(|word| word.parse::<i64>().ok()).unwrap_or(0);
    let (utc, boot) = (shift(), shift());
    let boot_ns = i128::from(real.boot_ns) + i128::from(boot) * 1_000_000;
    Moment {
        utc: real.utc.saturating_add(SignedDuration::from_millis(utc)).unwrap_or(real.utc),
        boot_ns: u64::try_from(boot_ns).unwrap_or(0),
        boot_id: words.next().map_or(real.boot_id, str::to_owned),
    }
}
