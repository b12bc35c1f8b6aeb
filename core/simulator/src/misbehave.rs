//! The ways in which a simulated engine can be told to go wrong, by word, at the start or while it runs. Refuses a word
//! it doesn't know: a test that asks for a fault has to get it.

use crate::venue::Conditions;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// One way to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misbehave {
    /// `late:SECONDS`: obeys, and says each step so much later.
    Late(Duration),
    /// `silent`: says nothing more, and trades on whatever it is told.
    Silent,
    /// `dead`: a stop kills its process.
    Dead,
    /// `liar`: says what it should and submits on.
    Liar,
    /// `keeps-orders`: the venue accepts its cancels, and the orders rest on.
    KeepsOrders,
    /// `rejects-cancel`: the venue refuses its cancels.
    RejectsCancel,
    /// `unsynced`: it can't ask for its positions.
    Unsynced,
    /// `venue-down`: its venue doesn't answer.
    VenueDown,
    /// `says-flat`: closes nothing, and says FLAT.
    SaysFlat,
    /// `market-shut:HH:MM`: no order is accepted until then, nor a close.
    MarketShut(String),
}

/// A word that names no way to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no way to misbehave\n  next:  late:SECONDS, silent, dead, liar, keeps-orders, rejects-cancel, unsynced, venue-down, says-flat or market-shut:HH:MM"
)]
pub struct UnknownMisbehaviour(String);

impl FromStr for Misbehave {
    type Err = UnknownMisbehaviour;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownMisbehaviour(word.chars().filter(|c| !c.is_control()).take(40).collect());
        let (name, rest) = word.split_once(':').map_or((word, None), |(name, rest)| (name, Some(rest)));
        match (name, rest) {
            ("late", Some(seconds)) => {
                let seconds: f64 = seconds.parse().map_err(|_| unknown())?;
                Duration::try_from_secs_f64(seconds).map(Self::Late).map_err(|_| unknown())
            }
            ("market-shut", Some(until)) if is_time(until) => Ok(Self::MarketShut(until.to_owned())),
            ("silent", None) => Ok(Self::Silent),
            ("dead", None) => Ok(Self::Dead),
            ("liar", None) => Ok(Self::Liar),
            ("keeps-orders", None) => Ok(Self::KeepsOrders),
            ("rejects-cancel", None) => Ok(Self::RejectsCancel),
            ("unsynced", None) => Ok(Self::Unsynced),
            ("venue-down", None) => Ok(Self::VenueDown),
            ("says-flat", None) => Ok(Self::SaysFlat),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Misbehave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(by) => write!(f, "late:{}", by.as_secs_f64()),
            Self::Silent => f.write_str("silent"),
            Self::Dead => f.write_str("dead"),
            Self::Liar => f.write_str("liar"),
            Self::KeepsOrders => f.write_str("keeps-orders"),
            Self::RejectsCancel => f.write_str("rejects-cancel"),
            Self::Unsynced => f.write_str("unsynced"),
            Self::VenueDown => f.write_str("venue-down"),
            Self::SaysFlat => f.write_str("says-flat"),
            Self::MarketShut(until) => write!(f, "market-shut:{until}"),
        }
    }
}

fn is_time(text: &str) -> bool {
    text.len() == 5 && text.parse::<jiff::civil::Time>().is_ok()
}

/// All that is in force at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Faults(pub(crate) Vec<Misbehave>);

impl Faults {
    /// True when this one is in force.
    pub(crate) fn has(&self, fault: &Misbehave) -> bool {
        self.0.contains(fault)
    }

    /// How late each step is said.
    pub(crate) fn late(&self) -> Option<Duration> {
        self.0.iter().find_map(|fault| if let Misbehave::Late(by) = fault { Some(*by) } else { None })
    }

    /// It submits whatever it is told.
    pub(crate) fn defies(&self) -> bool {
        self.has(&Misbehave::Liar) || self.has(&Misbehave::Silent)
    }

    /// How the venue behaves with these.
    pub(crate) fn conditions(&self) -> Conditions {
        Conditions {
            down: self.has(&Misbehave::VenueDown),
            rejects_cancels: self.has(&Misbehave::RejectsCancel),
            keeps_orders: self.has(&Misbehave::KeepsOrders),
            shut_until: self
                .0
                .iter()
                .find_map(|fault| if let Misbehave::MarketShut(until) = fault { Some(until.clone()) } else { None }),
        }
    }
}

/// Where faults come from: those given at the start, and those that a file names now.
#[derive(Debug)]
pub(crate) struct Control {
    given: Vec<Misbehave>,
    file: Option<PathBuf>,
    read: String,
}

impl Control {
    pub(crate) fn new(given: Vec<Misbehave>, file: Option<PathBuf>) -> Self {
        Self { given, file, read: String::new() }
    }

    /// What is in force now, and what of the file could not be understood, told once for each change of it. A file that
    /// isn't there names nothing.
    pub(crate) fn faults(&mut self) -> (Faults, Vec<UnknownMisbehaviour>) {
        let text = self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let words = text.lines().map(|line| line.split('#').next().unwrap_or_default()).flat_map(str::split_whitespace);
        let (mut faults, mut unknown) = (self.given.clone(), Vec::new());
        for word in words {
            match word.parse() {
                Ok(fault) => faults.push(fault),
                Err(error) => unknown.push(error),
            }
        }
        if text == self.read {
            unknown.clear();
        }
        self.read = text;
        (Faults(faults), unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_comes_back_as_it_was_given() {
        for word in [
            "late:2",
            "late:0.25",
            "silent",
            "dead",
            "liar",
            "keeps-orders",
            "rejects-cancel",
            "unsynced",
            "venue-down",
            "says-flat",
            "market-shut:09:30",
        ] {
            assert_eq!(word.parse::<Misbehave>().expect(word).to_string(), word);
        }
    }

    #[test]
    fn an_unknown_word_is_an_error_that_names_the_known_ones() {
        for word in
            ["", "late", "late:-1", "late:x", "silent:3", "market-shut:25:00", "market-shut:", "LIAR", "\u{1b}x"]
        {
            let error = word.parse::<Misbehave>().expect_err(word).to_string();
            assert!(error.contains("market-shut:HH:MM") && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn a_file_changes_what_is_in_force_and_its_mistakes_are_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("control");
        let mut control = Control::new(vec![Misbehave::Unsynced], Some(file.clone()));
        assert_eq!(control.faults(), (Faults(vec![Misbehave::Unsynced]), vec![]));
        std::fs::write(&file, "liar # and what follows is not read: dead\n  nonsense\n").expect("written");
        let (faults, unknown) = control.faults();
        assert!(faults.defies() && faults.has(&Misbehave::Unsynced) && !faults.has(&Misbehave::Dead));
        assert_eq!(unknown.len(), 1);
        assert_eq!(control.faults().1.len(), 0);
        std::fs::remove_file(&file).expect("removed");
        assert!(!control.faults().0.defies());
    }
}
