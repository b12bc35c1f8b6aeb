//! `[market]` and `[[engine]]`: their texts read into what they mean. Refuses hours without a zone, and a zone that no
//! clock is known of.

use super::merge::nearest;
use super::schema::{EngineTable, MarketTable};
use super::{ConfigError, unknown};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, db};
use quarterdeck_domain::market::Market;
use std::collections::BTreeSet;

/// The days as configuration writes them.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// The hours; `None` where nothing is said of them.
pub(super) fn market(table: &MarketTable) -> Result<Option<Market>, ConfigError> {
    let MarketTable { zone, open, close, days, holidays } = table;
    if zone.is_none() && open.is_none() && close.is_none() && days.is_none() && holidays.is_empty() {
        return Ok(None);
    }
    let there = |key: &str, text: &Option<String>, example: &str| {
        text.clone().ok_or_else(|| wrong(key, format!("it is missing: {key} = \"{example}\"")))
    };
    Ok(Some(Market {
        zone: zone_of(&there("zone", zone, "America/New_York")?)?,
        open: time("open", &there("open", open, "09:30")?)?,
        close: time("close", &there("close", close, "16:00")?)?,
        days: match days {
            Some(days) => days.iter().map(|day| weekday(day)).collect::<Result<_, _>>()?,
            None => DAYS[..5].iter().map(|(_, day)| *day).collect(),
        },
        holidays: holidays.iter().map(|day| date(day)).collect::<Result<BTreeSet<_>, _>>()?,
    }))
}

/// That each engine can be a socket's name, and none stands twice.
pub(super) fn engines(engines: &[EngineTable]) -> Result<(), ConfigError> {
    for (at, engine) in engines.iter().enumerate() {
        let key = "[[engine]] name".to_owned();
        if !is_engine(&engine.name) {
            let what = format!("'{}' is no engine's name (letters, digits, . _ -, at most 64)", engine.name);
            return Err(ConfigError::Value { key, what });
        }
        if engines[..at].iter().any(|other| other.name == engine.name) {
            return Err(ConfigError::Value { key, what: format!("'{}' stands twice", engine.name) });
        }
    }
    Ok(())
}

/// True for a name that is a file's name everywhere.
pub(crate) fn is_engine(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.chars().all(fine)
}

fn zone_of(name: &str) -> Result<TimeZone, ConfigError> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<String> = db().available().map(|known| known.to_string()).collect();
        let what = match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("there is no zone '{name}'; did you mean '{near}'?"),
            None => format!("there is no zone '{name}'; they are named like 'America/New_York'"),
        };
        wrong("zone", what)
    })
}

fn time(key: &str, text: &str) -> Result<Time, ConfigError> {
    let hours_and_minutes = text.split_once(':').is_some_and(|(hours, rest)| hours.len() == 2 && rest.len() == 2);
    let read = hours_and_minutes.then(|| text.parse::<Time>().ok()).flatten();
    read.ok_or_else(|| wrong(key, format!("'{text}' is not a time of the day. Write 09:30")))
}

fn weekday(text: &str) -> Result<Weekday, ConfigError> {
    let known = DAYS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, day)| *day);
    known.ok_or_else(|| wrong("days", unknown("day", text, &DAYS.map(|(name, _)| name))))
}

fn date(text: &str) -> Result<Date, ConfigError> {
    let read = (text.len() == 10).then(|| text.parse::<Date>().ok()).flatten();
    read.ok_or_else(|| wrong("holidays", format!("'{text}' is not a date. Write 2026-12-25")))
}

fn wrong(key: &str, what: String) -> ConfigError {
    ConfigError::Value { key: format!("[market] {key}"), what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_domain::kill::MarketRow;

    fn read(text: &str) -> Result<Option<Market>, String> {
        let table: MarketTable = toml::from_str(text).expect("a test's own table");
        market(&table).map_err(|error| error.to_string())
    }

    #[test]
    fn hours_are_read_in_their_zone_with_all_its_changes_of_the_clock() {
        let text = "zone='America/New_York'\nopen='09:30'\nclose='16:00'\nholidays=['2026-11-26']";
        let market = read(text).expect("valid").expect("hours");
        let row = market.at("2026-11-26T15:00:00Z".parse().expect("a time"));
        assert_eq!(row, MarketRow::Shut { opens: Some("2026-11-27T14:30:00Z".parse().expect("a time")) });
        let summer = market.at("2026-07-01T13:30:00Z".parse().expect("a time"));
        assert_eq!(summer, MarketRow::Open { until: "2026-07-01T20:00:00Z".parse().expect("a time") });
        assert_eq!(read("").expect("nothing"), None);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let hours = "open='09:30'\nclose='16:00'\n";
        for (text, want) in [
            (
                format!("zone='America/NewYork'\n{hours}"),
                "[market] zone: there is no zone 'America/NewYork'; did you mean 'America/New_York'?",
            ),
            (format!("zone='Mars'\n{hours}"), "named like 'America/New_York'"),
            (hours.to_owned(), "[market] zone: it is missing"),
            ("zone='UTC'\nopen='9:30'\nclose='16:00'".into(), "[market] open: '9:30' is not a time"),
            ("zone='UTC'\nopen='09:30'\nclose='25:00'".into(), "[market] close"),
            (format!("zone='UTC'\n{hours}days=['mon','tu']"), "did you mean 'tue'"),
            (format!("zone='UTC'\n{hours}holidays=['25.12.2026']"), "[market] holidays: '25.12.2026' is not a date"),
        ] {
            let said = read(&text).expect_err("wrong");
            assert!(said.contains(want), "{text}: {said}");
        }
    }

    #[test]
    fn an_engines_name_is_a_files_name() {
        let table = |name: &str| EngineTable { name: name.into(), account: None, phone: None };
        assert!(engines(&[table("alpha-us"), table("beta.1_x")]).is_ok());
        for wrong in ["", "../latch", ".sock", "a b", "é", &"x".repeat(65)] {
            assert!(engines(&[table(wrong)]).is_err(), "{wrong}");
        }
        assert!(engines(&[table("a"), table("a")]).is_err(), "twice");
    }
}
