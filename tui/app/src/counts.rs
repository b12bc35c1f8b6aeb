//! How many lines of which severity, over a day and over ten minutes. Refuses to look at lines twice: each is counted
//! once when it comes, and buckets that are too old are simply not read.

use jiff::Timestamp;
use quarterdeck_domain::severity::Severity;

const DAY_BUCKET: i64 = 900;
const DAY_BUCKETS: usize = 97;
const RATE_BUCKET: i64 = 10;
const RATE_BUCKETS: usize = 61;

/// Lines per minute, now and in each of the last ten minutes, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// In the minute up to now.
    pub per_minute: u32,
    /// In each of the ten minutes up to now, oldest first.
    pub minutes: [u32; 10],
}

/// Counts by severity in quarter hours over a day, and of all in ten seconds over ten minutes.
#[derive(Clone, PartialEq, Eq)]
pub struct Counts {
    day: Vec<(i64, [u32; 4])>,
    rate: Vec<(i64, u32)>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { day: vec![(i64::MIN, [0; 4]); DAY_BUCKETS], rate: vec![(i64::MIN, 0); RATE_BUCKETS] }
    }
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counts")
    }
}

impl Counts {
    /// Counts one line. A line without a time counts when it comes; one from the future counts as now.
    pub fn add(&mut self, at: Option<Timestamp>, severity: Severity, now: Timestamp) {
        let second = at.unwrap_or(now).min(now).as_second();
        if let Some(counts) = slot(&mut self.day, second.div_euclid(DAY_BUCKET)) {
            let count = &mut counts[severity as usize];
            *count = count.saturating_add(1);
        }
        if let Some(count) = slot(&mut self.rate, second.div_euclid(RATE_BUCKET)) {
            *count = count.saturating_add(1);
        }
    }

    /// How many there were in the 24 h up to now (to the quarter of an hour), worst first as in
    /// [`Severity::WORST_FIRST`].
    pub fn day(&self, now: Timestamp) -> [u32; 4] {
        let last = now.as_second().div_euclid(DAY_BUCKET);
        let first = last - (DAY_BUCKETS as i64 - 1);
        let mut sums = [0u32; 4];
        for (_, counts) in self.day.iter().filter(|(bucket, _)| (first..=last).contains(bucket)) {
            for (sum, severity) in sums.iter_mut().zip(Severity::WORST_FIRST) {
                *sum = sum.saturating_add(counts[severity as usize]);
            }
        }
        sums
    }

    /// Lines per minute up to now, to ten seconds.
    pub fn rate(&self, now: Timestamp) -> Rate {
        let last = now.as_second().div_euclid(RATE_BUCKET);
        let mut minutes = [0u32; 10];
        for (bucket, count) in &self.rate {
            let age = last.saturating_sub(*bucket);
            if (0..60).contains(&age) {
                let minute = &mut minutes[9 - (age / 6) as usize];
                *minute = minute.saturating_add(*count);
            }
        }
        Rate { per_minute: minutes[9], minutes }
    }
}

/// The counter of a bucket, emptied when it still held an older one; `None` when a newer one holds the slot.
fn slot<T: Default>(ring: &mut [(i64, T)], bucket: i64) -> Option<&mut T> {
    let length = ring.len() as i64;
    let held = ring.get_mut(bucket.rem_euclid(length) as usize)?;
    if held.0 > bucket {
        return None;
    }
    if held.0 < bucket {
        *held = (bucket, T::default());
    }
    Some(&mut held.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a test's own time")
    }

    #[test]
    fn a_day_forgets_what_is_older() {
        let mut counts = Counts::default();
        let start = 1_800_000_000;
        counts.add(Some(at(start)), Severity::Major, at(start));
        counts.add(Some(at(start + 3600)), Severity::Critical, at(start + 3600));
        counts.add(None, Severity::Info, at(start + 3600));
        assert_eq!(counts.day(at(start + 3600)), [1, 1, 0, 1]);
        assert_eq!(counts.day(at(start + 24 * 3600 + 1800)), [1, 0, 0, 1]);
        assert_eq!(counts.day(at(start + 48 * 3600)), [0; 4]);
    }

    #[test]
    fn a_line_that_comes_late_is_counted_where_it_belongs_and_never_in_a_newer_day() {
        let mut counts = Counts::default();
        let now = 1_800_000_000;
        counts.add(Some(at(now)), Severity::Info, at(now));
        counts.add(Some(at(now - DAY_BUCKET * DAY_BUCKETS as i64)), Severity::Critical, at(now));
        assert_eq!(counts.day(at(now)), [0, 0, 0, 1]);
        counts.add(Some(at(now + 9_999_999)), Severity::Major, at(now));
        assert_eq!(counts.day(at(now)), [0, 1, 0, 1]);
    }

    #[test]
    fn the_rate_runs_over_ten_minutes() {
        let mut counts = Counts::default();
        let now = 1_800_000_000;
        for second in 0..600 {
            counts.add(Some(at(now - 599 + second)), Severity::Info, at(now));
        }
        let rate = counts.rate(at(now));
        assert_eq!(rate.minutes.iter().sum::<u32>(), 591, "ten seconds are the grain");
        assert_eq!(rate.minutes[3], 60);
        assert_eq!(counts.rate(at(now + 700)), Rate::default());
    }
}
