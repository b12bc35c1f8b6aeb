//! Deadlines under every kind of clock.

use super::super::testing::{after, wall};
use super::*;
use proptest::prelude::*;

fn deadline() -> Deadline {
    Deadline::after(&after(0), Deadline::WINDOW)
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

#[test]
fn on_one_boot_the_boot_clock_alone_decides() {
    for step in [-1, 0, 1] {
        let at = |ms| Moment { utc: wall(ms) + hours(step), ..after(ms) };
        assert_eq!(deadline().judge(&at(299_999), &after(0)), Due::In(SignedDuration::from_millis(1)));
        assert_eq!(deadline().judge(&at(300_000), &after(0)), Due::Passed);
        assert_eq!(at(7_000).since(&after(0)), SignedDuration::from_secs(7));
    }
}

#[test]
fn on_another_boot_the_wall_clock_decides_unless_it_is_stepped() {
    let other = |boot: i64, utc: i64| Moment { utc: wall(utc), boot_id: "c".into(), ..after(boot) };
    let anchor = other(0, 100_000);
    assert_eq!(deadline().judge(&other(1_000, 101_000), &anchor), Due::In(SignedDuration::from_secs(199)));
    assert_eq!(deadline().judge(&other(200_000, 300_000), &anchor), Due::Passed);
    // Five seconds are no step.
    assert_eq!(deadline().judge(&other(195_000, 300_000), &anchor), Due::Passed);
    for (boot, utc) in [(194_999, 300_000), (10_000, 3_700_000), (300_000, -3_200_000)] {
        let due = deadline().judge(&other(boot, utc), &anchor);
        assert!(matches!(due, Due::Doubtful { .. }), "{boot} {utc}: {due:?}");
    }
    // Seen for the first time now: there is nothing to compare with.
    assert_eq!(deadline().judge(&other(0, 300_000), &other(0, 300_000)), Due::Passed);
    assert_eq!(other(0, 5_000).since(&after(1_000)), SignedDuration::from_secs(4));
}

#[test]
fn a_reading_of_the_boot_clock_is_told_by_the_wall_clock_of_now() {
    let mut now = after(10_000);
    now.utc += hours(1);
    assert_eq!(now.utc_of(after(4_000).boot_ns), wall(4_000) + hours(1));
    assert_eq!(now.utc_of(after(12_000).boot_ns), wall(12_000) + hours(1));
}

proptest! {
    #[test]
    fn no_clock_makes_it_panic(
        utc in -9_999_999_999i64..99_999_999_999, boot: u64, own: bool, anchored: bool, from: u64, window: i64,
    ) {
        let at = |boot_ns, own: bool| Moment {
            utc: Timestamp::from_second(utc).unwrap_or(Timestamp::MAX), boot_ns, boot_id: if own { "b" } else { "c" }.into(),
        };
        let deadline = Deadline::after(&at(from, true), SignedDuration::from_secs(window));
        let (now, anchor) = (at(boot, own), at(from, anchored));
        let due = deadline.judge(&now, &anchor);
        let doubtful = matches!(due, Due::Doubtful { .. });
        prop_assert!(!(own && doubtful), "the boot clock doubts nothing");
        if let Due::In(left) = due {
            prop_assert!(left > SignedDuration::ZERO);
        }
        let _bounded = (now.since(&anchor), now.utc_of(from));
    }
}
