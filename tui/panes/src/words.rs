//! Times, ages and numbers in words. Refuses to tick where nobody needs a second: an age steps, only a deadline under
//! ten minutes runs.

use jiff::{SignedDuration, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// An age or a waiting time that steps: `<1 s`, `<10 s`, `40 s`, `3 min`, `4 h 51 m`, `12 d 03 h`.
pub(crate) fn age(age: SignedDuration) -> String {
    let seconds = age.as_secs().max(0);
    match seconds {
        0 => "<1 s".to_owned(),
        1..10 => "<10 s".to_owned(),
        10..MINUTE => format!("{} s", seconds / 10 * 10),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        _ => long(seconds),
    }
}

/// How often something happens, to the second: `3 s`, `1 min 30 s`, `5 min`.
pub(crate) fn period(every: SignedDuration) -> String {
    let seconds = every.as_secs().max(0);
    match (seconds / MINUTE, seconds % MINUTE) {
        (0, 0) => age(every),
        (0, rest) => format!("{rest} s"),
        (minutes, 0) if minutes < 60 => format!("{minutes} min"),
        (minutes, rest) if minutes < 60 => format!("{minutes} min {rest} s"),
        _ => long(seconds),
    }
}

/// Time that is left: like an age, but under ten minutes it runs: `9:12`. What is past has a minus.
pub(crate) fn left(left: SignedDuration) -> String {
    let seconds = left.as_secs();
    if seconds < 0 {
        let late = seconds.saturating_neg();
        return if late < HOUR { format!("-{} min", late / MINUTE) } else { format!("-{}", long(late)) };
    }
    match seconds {
        0..600 => running(left),
        600..HOUR => format!("{} min", seconds / MINUTE),
        _ => long(seconds),
    }
}

/// Minutes and seconds that run: `0:42`.
pub(crate) fn running(left: SignedDuration) -> String {
    // A countdown shows the second it is in, so that it starts at its full length and ends at 0:01.
    let millis = left.as_millis().max(0);
    let seconds = (millis + 999) / 1_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A short time that is left, to the second it is in: `18 s`.
pub(crate) fn seconds(left: SignedDuration) -> String {
    format!("{} s", (left.as_millis().max(0) + 999) / 1_000)
}

fn long(seconds: i64) -> String {
    if seconds < DAY {
        format!("{} h {:02} m", seconds / HOUR, seconds % HOUR / MINUTE)
    } else {
        format!("{} d {:02} h", seconds / DAY, seconds % DAY / HOUR)
    }
}

/// A time of day in UTC: `14:03:27`.
pub(crate) fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// A date and time in UTC: `2026-05-04 14:03:27Z`.
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A line's time in eight columns: the time of day, or the date when that would be mistaken for today's.
pub(crate) fn line_time(at: Option<Timestamp>, now: Timestamp) -> String {
    match at {
        None => "--:--:--".to_owned(),
        Some(at) if now.duration_since(at) < SignedDuration::from_hours(20) => clock(at),
        Some(at) => at.strftime("%d %b").to_string(),
    }
}

/// A time of day with its zone, `14:03:27Z`, or the date too when it would be mistaken for today's.
pub(crate) fn when(at: Timestamp, now: Timestamp) -> String {
    let near = now.duration_since(at).abs() < SignedDuration::from_hours(20);
    if near { format!("{}Z", clock(at)) } else { moment(at) }
}

/// How long somebody who should speak each second has not: `14 s`, `1:37`, then it steps.
pub(crate) fn silence(age: SignedDuration) -> String {
    match age.as_secs().max(0) {
        seconds @ 0..MINUTE => format!("{seconds} s"),
        seconds @ MINUTE..600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => self::age(age),
    }
}

/// The age of what comes each second: what is younger than three seconds is fresh, and stands still on the screen.
pub(crate) fn beat(age: SignedDuration) -> String {
    if age < SignedDuration::from_secs(2) { "<2 s".to_owned() } else { silence(age) }
}

/// How long an order took on its way: whole milliseconds, which is what counts here.
pub(crate) fn took_in(took: SignedDuration) -> String {
    let micros = u64::try_from(took.as_micros()).unwrap_or(0);
    match micros {
        1_000..1_000_000 => format!("{} ms", (micros + 500) / 1_000),
        _ => self::took(micros),
    }
}

/// How long something took: `0.02 ms`, `41 ms`, `1.8 s`.
pub(crate) fn took(micros: u64) -> String {
    match micros {
        0..100 => format!("0.{:02} ms", micros / 10),
        100..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// A number with its noun: `1 line`, `12 lines`.
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A version as a table shows it in so many columns: of a UUID or a fingerprint as much of its end as there is room for.
pub(crate) fn short_version(version: Option<&str>, width: u16) -> String {
    let shown = version.map_or_else(|| "-".to_owned(), version_id);
    let room = usize::from(width);
    if shown.len() <= room || room <= 2 || !shown.is_ascii() {
        return shown;
    }
    format!("..{}", &shown[shown.len() + 2 - room..])
}

/// A version as it is shown: a bare number gets its `v`.
pub(crate) fn version(version: Option<&str>) -> String {
    match version {
        None => "-".to_owned(),
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("v{number}"),
        Some(other) => other.to_owned(),
    }
}

/// A version's id where there is room for it: a UUID or a fingerprint by its last eight.
pub(crate) fn version_id(id: &str) -> String {
    let long = id.len() > 16 && id.is_ascii();
    if long { format!("..{}", &id[id.len() - 8..]) } else { version(Some(id)) }
}

/// A sentence with the ids of versions in it as they are shown everywhere: `version ..1c6c8e33 is pending`, `v7 is pending`.
pub(crate) fn short_ids(text: &str) -> String {
    let is_uuid = |word: &str| {
        word.len() == 36
            && word.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    let is_number = |word: &str| !word.is_empty() && word.len() < 10 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut shown: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let (bare, end) = word.split_at(word.trim_end_matches([',', ';', ':', '.']).len());
        let names = shown.last().is_some_and(|last| last == "version");
        if names && is_number(bare) {
            shown.pop();
            shown.push(format!("v{bare}{end}"));
        } else if is_uuid(bare) {
            shown.push(format!("{}{end}", version_id(bare)));
        } else {
            shown.push(word.to_owned());
        }
    }
    shown.join(" ")
}

/// A time that is left in its largest unit: `12 d`, `4 h`, `40 min`; `now` when it is past.
pub(crate) fn about(left: SignedDuration) -> String {
    match left.as_secs() {
        DAY.. => format!("{} d", left.as_secs() / DAY),
        HOUR.. => format!("{} h", left.as_secs() / HOUR),
        1.. => format!("{} min", left.as_secs() / MINUTE),
        _ => "now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_versions_stand_short_in_a_sentence() {
        let table = [
            ("version 5e0f6f0a-0000-4000-8000-00001c6c8e33, pending", "version ..1c6c8e33, pending"),
            ("version 15 is pending", "v15 is pending"),
            ("made version 16", "made v16"),
            ("exit 3: version of it", "exit 3: version of it"),
            ("", ""),
        ];
        for (text, want) in table {
            assert_eq!(short_ids(text), want);
        }
    }

    #[test]
    fn ages_step() {
        let table = [
            (0, "<1 s"),
            (1, "<10 s"),
            (9, "<10 s"),
            (47, "40 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h 00 m"),
            (17_460, "4 h 51 m"),
            (187_200, "2 d 04 h"),
            (-5, "<1 s"),
        ];
        for (seconds, want) in table {
            assert_eq!(age(SignedDuration::from_secs(seconds)), want);
        }
    }

    #[test]
    fn a_deadline_runs_at_its_end_and_is_negative_after_it() {
        let table = [
            (552, "9:12"),
            (599, "9:59"),
            (600, "10 min"),
            (0, "0:00"),
            (-1, "-0 min"),
            (-7_200, "-2 h 00 m"),
            (187_200, "2 d 04 h"),
        ];
        for (seconds, want) in table {
            assert_eq!(left(SignedDuration::from_secs(seconds)), want);
        }
    }

    #[test]
    fn a_uuid_is_its_last_eight_and_a_number_has_its_v() {
        for (id, want) in [
            ("14", "v14"),
            ("9e107d9d-372b-4d6f-8f5c-2f1a9f2c41d0", "..9f2c41d0"),
            ("rc-2024-05", "rc-2024-05"),
            ("\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}\u{672c}", "\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}\u{672c}"),
        ] {
            assert_eq!(version_id(id), want);
        }
    }

    #[test]
    fn a_table_shows_as_much_of_a_versions_end_as_there_is_room_for() {
        let uuid = Some("9e107d9d-372b-4d6f-8f5c-2f1a9f2c41d0");
        for (version, width, want) in [
            (uuid, 10, "..9f2c41d0"),
            (uuid, 6, "..41d0"),
            (uuid, 0, "..9f2c41d0"),
            (Some("ff4116e4eebb713e"), 10, "..eebb713e"),
            (Some("14"), 3, "v14"),
            (None, 3, "-"),
        ] {
            assert_eq!(short_version(version, width), want);
        }
    }

    #[test]
    fn a_period_is_told_to_the_second() {
        for (seconds, want) in [(3, "3 s"), (60, "1 min"), (90, "1 min 30 s"), (3_600, "1 h 00 m")] {
            assert_eq!(period(SignedDuration::from_secs(seconds)), want);
        }
    }

    #[test]
    fn about_is_one_unit() {
        for (seconds, want) in [(12 * 86_400 + 5, "12 d"), (4 * 3_600, "4 h"), (60, "1 min"), (0, "now"), (-9, "now")] {
            assert_eq!(about(SignedDuration::from_secs(seconds)), want);
        }
    }

    #[test]
    fn what_took_a_while_is_told_in_a_fitting_unit() {
        let table = [(7, "0.00 ms"), (20, "0.02 ms"), (600, "0.6 ms"), (41_000, "41 ms"), (1_800_000, "1.8 s")];
        for (micros, want) in table {
            assert_eq!(took(micros), want);
        }
    }
}
