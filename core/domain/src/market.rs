//! The market's hours: when it is open, and until when it isn't. Refuses to look a zone up: it is an argument, with all
//! its changes of the clock. What it says hinders nobody from stopping; it says what level 4 can't do now.

use crate::kill::MarketRow;
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// So many days are looked through for the next opening or the last closing; nothing beyond is promised.
const DAYS: usize = 400;

/// One environment's hours, in the market's own zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Market {
    /// Whose clock the hours are told by.
    pub zone: TimeZone,
    /// When a session begins.
    pub open: Time,
    /// When it ends: on the next day where this isn't after [`Market::open`].
    pub close: Time,
    /// The days on which a session begins.
    pub days: Vec<Weekday>,
    /// Days on which none begins.
    pub holidays: BTreeSet<Date>,
}

impl Market {
    /// Whether it is open, until when, and when it opens next. Sessions without a gap between them count as one.
    pub fn at(&self, now: Timestamp) -> MarketRow {
        let today = now.to_zoned(self.zone.clone()).date();
        // A session of yesterday may reach into today.
        let first = today.yesterday().unwrap_or(today);
        let mut until = None;
        for day in first.series(jiff::Span::new().days(1)).take(DAYS) {
            let Some((begins, ends)) = self.session(day) else { continue };
            match until {
                None if ends <= now => {}
                None if begins <= now => until = Some(ends),
                None => return MarketRow::Shut { opens: Some(begins) },
                Some(known) if begins <= known => until = Some(ends.max(known)),
                Some(_) => break,
            }
        }
        until.map_or(MarketRow::Shut { opens: None }, |until| MarketRow::Open { until })
    }

    /// The session that begins on this day. An hour that the clock skips is the one after it, of an hour that it
    /// repeats it is the first; what nothing is left of is no session.
    fn session(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&day.weekday()) || self.holidays.contains(&day) {
            return None;
        }
        let last = if self.close > self.open { day } else { day.tomorrow().ok()? };
        let instant = |date: Date, time| self.zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok();
        let (begins, ends) = (instant(day, self.open)?, instant(last, self.close)?);
        (begins < ends).then_some((begins, ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};
    use jiff::tz::Offset;

    const WORK: [Weekday; 5] =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

    /// 9:30 to 16:00 in New York, Monday to Friday.
    fn new_york() -> Market {
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").expect("a zone");
        let holidays = [date(2026, 11, 26), date(2026, 12, 25), date(2026, 12, 28), date(2026, 12, 29)];
        Market {
            zone,
            open: time(9, 30, 0, 0),
            close: time(16, 0, 0, 0),
            days: WORK.to_vec(),
            holidays: holidays.into(),
        }
    }

    /// Fixed hours, an hour east of UTC.
    fn fixed(open: Time, close: Time, days: &[Weekday]) -> Market {
        let zone = TimeZone::fixed(Offset::constant(1));
        Market { zone, open, close, days: days.to_vec(), holidays: BTreeSet::new() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a test's own timestamp")
    }

    #[track_caller]
    fn open(market: &Market, now: &str, until: &str) {
        assert_eq!(market.at(at(now)), MarketRow::Open { until: at(until) });
    }

    #[track_caller]
    fn shut(market: &Market, now: &str, opens: &str) {
        assert_eq!(market.at(at(now)), MarketRow::Shut { opens: Some(at(opens)) });
    }

    #[test]
    fn a_day_has_one_session_and_its_ends_are_half_open() {
        let market = new_york();
        shut(&market, "2026-11-09T14:29:59.999Z", "2026-11-09T14:30:00Z");
        open(&market, "2026-11-09T14:30:00Z", "2026-11-09T21:00:00Z");
        open(&market, "2026-11-09T20:59:59.999Z", "2026-11-09T21:00:00Z");
        shut(&market, "2026-11-09T21:00:00Z", "2026-11-10T14:30:00Z");
    }

    #[test]
    fn weekends_and_holidays_in_a_row_are_skipped() {
        let market = new_york();
        shut(&market, "2026-11-13T22:00:00Z", "2026-11-16T14:30:00Z");
        shut(&market, "2026-11-25T22:00:00Z", "2026-11-27T14:30:00Z");
        // Christmas on a Friday, the weekend, and two more days.
        shut(&market, "2026-12-24T21:00:00Z", "2026-12-30T14:30:00Z");
        shut(&market, "2026-12-28T15:00:00Z", "2026-12-30T14:30:00Z");
    }

    #[test]
    fn the_hours_follow_the_zones_clock() {
        let market = new_york();
        // Summer time ended on the 1st of November, and begins on the 8th of March.
        shut(&market, "2026-10-30T21:00:00Z", "2026-11-02T14:30:00Z");
        open(&market, "2026-10-30T13:30:00Z", "2026-10-30T20:00:00Z");
        shut(&market, "2026-03-06T22:00:00Z", "2026-03-09T13:30:00Z");
    }

    #[test]
    fn a_day_on_which_the_clock_changes_is_shorter_or_longer() {
        let nights =
            Market { open: time(1, 30, 0, 0), close: time(2, 30, 0, 0), days: vec![Weekday::Sunday], ..new_york() };
        // 2:30 is skipped: it is 3:30 of summer time.
        open(&nights, "2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z");
        // 1:30 comes twice: the first counts, and it is two hours to 2:30.
        open(&nights, "2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z");
        let lost = Market { open: time(2, 30, 0, 0), close: time(3, 10, 0, 0), ..nights };
        shut(&lost, "2026-03-08T07:20:00Z", "2026-03-15T06:30:00Z");
    }

    #[test]
    fn a_session_may_reach_over_midnight() {
        let market = fixed(time(22, 0, 0, 0), time(5, 0, 0, 0), &WORK);
        open(&market, "2026-11-09T23:30:00Z", "2026-11-10T04:00:00Z");
        open(&market, "2026-11-10T03:59:59Z", "2026-11-10T04:00:00Z");
        shut(&market, "2026-11-10T04:00:00Z", "2026-11-10T21:00:00Z");
        // Friday's reaches into Saturday, and Sunday has none.
        open(&market, "2026-11-14T03:00:00Z", "2026-11-14T04:00:00Z");
        shut(&market, "2026-11-15T03:00:00Z", "2026-11-16T21:00:00Z");
    }

    #[test]
    fn sessions_without_a_gap_are_one() {
        let days = [Weekday::Sunday, Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday];
        let mut market = fixed(time(17, 0, 0, 0), time(17, 0, 0, 0), &days);
        open(&market, "2026-11-08T16:00:00Z", "2026-11-13T16:00:00Z");
        shut(&market, "2026-11-13T16:00:00Z", "2026-11-15T16:00:00Z");
        market.holidays.insert(date(2026, 11, 11));
        open(&market, "2026-11-08T16:00:00Z", "2026-11-11T16:00:00Z");
        shut(&market, "2026-11-11T16:00:00Z", "2026-11-12T16:00:00Z");
    }

    #[test]
    fn a_market_that_never_opens_or_never_shuts_ends_the_search() {
        let never = fixed(time(9, 0, 0, 0), time(17, 0, 0, 0), &[]);
        assert_eq!(never.at(at("2026-11-08T16:00:00Z")), MarketRow::Shut { opens: None });
        let all: Vec<Weekday> = WORK.into_iter().chain([Weekday::Saturday, Weekday::Sunday]).collect();
        let always = fixed(time(0, 0, 0, 0), time(0, 0, 0, 0), &all);
        assert!(
            matches!(always.at(at("2026-11-08T16:00:00Z")), MarketRow::Open { until } if until > at("2027-12-01T00:00:00Z"))
        );
        for now in [Timestamp::MIN, Timestamp::MAX] {
            let _bounded = (always.at(now), never.at(now));
        }
    }
}
