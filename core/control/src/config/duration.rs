//! Durations as people write them in a file: `90s`, `15m`, `2h`, `30d`. Refuses a number without its unit.

use jiff::SignedDuration;

/// Reads one; positive, at most ten years.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    let said = |why: &str| format!("'{text}' is not a duration: {why}. Write 90s, 15m, 2h or 30d");
    let trimmed = text.trim();
    let (digits, unit) = trimmed.split_at(trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let count: i64 = digits.trim().parse().map_err(|_| said("it does not begin with a whole number"))?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "" => return Err(said("the unit is missing")),
        _ => return Err(said("the unit is unknown")),
    };
    let total = count.checked_mul(seconds).filter(|total| (1..=315_360_000).contains(total));
    total.map(SignedDuration::from_secs).ok_or_else(|| said("it is out of range"))
}

/// As people say it: `10 min`, `90 s`, `2 h`, `3 d`.
pub fn words(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    for (unit, of) in [("d", 86_400), ("h", 3_600), ("min", 60)] {
        if seconds >= of && seconds.is_multiple_of(of) {
            return format!("{} {unit}", seconds / of);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_needed_and_read() {
        assert_eq!(parse("30d"), Ok(SignedDuration::from_hours(720)));
        assert_eq!(parse("15 m"), Ok(SignedDuration::from_mins(15)));
        for wrong in ["", "30", "d", "-1d", "0s", "9999999999d", "1w", "1.5h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
