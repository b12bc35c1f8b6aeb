//! When a layer is asked what. Refuses to know the time and to throw the dice: both are arguments.

use crate::nudges::Wake;
use jiff::SignedDuration;
use quarterdeck_contract::ErrorKind;
use std::time::{Duration, Instant};

/// The longest wait that throttling leads to.
const LONGEST: Duration = Duration::from_secs(300);

/// The pace of one layer.
#[derive(Debug)]
pub(crate) struct Pace {
    poll: Duration,
    versions: Duration,
    /// It is a file of this machine: its listing costs nobody anything.
    local: bool,
    listed: Option<Instant>,
    round: Option<Instant>,
    /// How often in a row it was asked too often.
    throttled: u32,
}

impl Pace {
    /// A probe each `poll`, names and versions each `versions`.
    pub(crate) fn new(kind: &str, poll: SignedDuration, versions: SignedDuration) -> Self {
        let span = |span: SignedDuration| Duration::try_from(span).unwrap_or(Duration::from_secs(30));
        let local = matches!(kind, "env" | "fernet" | "yaml");
        Self { poll: span(poll), versions: span(versions), local, listed: None, round: None, throttled: 0 }
    }

    /// From one probe to the next.
    pub(crate) fn poll(&self) -> Duration {
        self.poll
    }

    /// Whether names are listed now.
    pub(crate) fn lists(&self, wake: Wake, now: Instant) -> bool {
        self.local || wake >= Wake::Written || self.is_due(self.listed, now)
    }

    /// They were.
    pub(crate) fn listed(&mut self, now: Instant) {
        self.listed = Some(now);
    }

    /// Whether a round of questions about single secrets begins now; then it did.
    pub(crate) fn begins_round(&mut self, wake: Wake, now: Instant) -> bool {
        let begins = wake == Wake::Asked || self.is_due(self.round, now);
        if begins {
            self.round = Some(now);
        }
        begins
    }

    /// How long nothing is asked: a poll, up to a fifth shorter, so that several cockpits don't ask in step; each time
    /// twice as long while it was asked too often.
    pub(crate) fn rest(&mut self, error: Option<&ErrorKind>, dice: std::io::Result<[u8; 1]>) -> Duration {
        self.throttled = if error == Some(&ErrorKind::Throttled) { self.throttled.saturating_add(1) } else { 0 };
        let longest = self.poll.max(LONGEST);
        let rest = self.poll.saturating_mul(2u32.saturating_pow(self.throttled)).min(longest);
        let dice = dice.map_or(0, |[dice]| u32::from(dice));
        rest - rest / 5 * dice / 255
    }

    /// A poll that comes some seconds early makes no period longer by a poll.
    fn is_due(&self, last: Option<Instant>, now: Instant) -> bool {
        let period = self.versions.saturating_sub(self.poll / 5);
        last.is_none_or(|last| now.saturating_duration_since(last) >= period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(kind: &str) -> Pace {
        Pace::new(kind, SignedDuration::from_secs(30), SignedDuration::from_mins(5))
    }

    #[test]
    fn a_file_is_listed_each_poll_and_others_each_period_or_when_asked() {
        let (mut pace, start) = (pace("vault"), Instant::now());
        assert!(pace.lists(Wake::Due, start), "never listed");
        pace.listed(start);
        for (wake, seconds, lists) in [
            (Wake::Due, 30, false),
            (Wake::Process, 30, false),
            (Wake::Written, 30, true),
            (Wake::Asked, 30, true),
            (Wake::Due, 293, false),
            (Wake::Due, 294, true),
        ] {
            assert_eq!(pace.lists(wake, start + Duration::from_secs(seconds)), lists, "{wake:?} {seconds}");
        }
        let mut file = self::pace("fernet");
        file.listed(start);
        assert!(file.lists(Wake::Due, start));
    }

    #[test]
    fn a_round_begins_each_period_and_when_asked() {
        let (mut pace, start) = (pace("vault"), Instant::now());
        let mut begins = |wake, seconds| pace.begins_round(wake, start + Duration::from_secs(seconds));
        assert!(begins(Wake::Due, 0));
        assert!(!begins(Wake::Written, 30));
        assert!(begins(Wake::Asked, 60));
        assert!(!begins(Wake::Due, 300), "counted from the last");
        assert!(begins(Wake::Due, 360));
    }

    #[test]
    fn the_rest_is_jittered_and_throttling_makes_it_longer() {
        let mut pace = pace("aws");
        assert_eq!(pace.rest(None, Ok([0])), Duration::from_secs(30));
        assert_eq!(pace.rest(None, Ok([255])), Duration::from_secs(24));
        assert_eq!(pace.rest(Some(&ErrorKind::Unreachable), Ok([0])), Duration::from_secs(30), "the tile follows");
        let throttled: Vec<u64> = (0..5).map(|_| pace.rest(Some(&ErrorKind::Throttled), Ok([0])).as_secs()).collect();
        assert_eq!(throttled, [60, 120, 240, 300, 300]);
        assert_eq!(pace.rest(None, Ok([0])), Duration::from_secs(30));
        let mut slow = Pace::new("aws", SignedDuration::from_mins(10), SignedDuration::from_mins(5));
        assert_eq!(slow.rest(Some(&ErrorKind::Throttled), Ok([0])), Duration::from_secs(600));
    }
}
