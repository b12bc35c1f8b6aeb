//! What the reference engine is told at its start. Refuses to read a command line or an environment: whoever starts it
//! has read them.

use crate::misbehave::Misbehave;
use quarterdeck_domain::environment::Environment;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Everything that a run depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The engine's name: `alpha-us`.
    pub name: String,
    /// Where it trades.
    pub environment: Environment,
    /// The account; only its last four characters are ever told.
    pub account: String,
    /// The environment's base folder, in which `latch/` and `engines/` lie.
    pub base: PathBuf,
    /// The folder of the venue's file. It outlives the engine.
    pub state: PathBuf,
    /// Where each order is written as a line of S Q5.1, if anywhere.
    pub audit: Option<PathBuf>,
    /// How many orders it sends.
    pub rate: Rate,
    /// The same seed gives the same orders.
    pub seed: u64,
    /// Orders that rest at a new venue, and about as many later.
    pub orders: u64,
    /// Instruments with a position at a new venue, and about as many later.
    pub positions: u64,
    /// While the engine is stopped a resting order fills each time this has passed; never, if none.
    pub fills_every: Option<Duration>,
    /// How it goes wrong, from the start on.
    pub misbehave: Vec<Misbehave>,
    /// A file whose words are more ways to go wrong, read each second.
    pub control: Option<PathBuf>,
    /// Where it kills itself.
    pub die_at: Option<DieAt>,
    /// Ends when standard input closes.
    pub with_parent: bool,
    /// Tells each order and each duty on standard output.
    pub verbose: bool,
}

impl Options {
    /// An engine that keeps twelve orders and five positions and sends an order each five seconds.
    pub fn new(name: &str, environment: Environment, account: &str, base: PathBuf, state: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            environment,
            account: account.to_owned(),
            base,
            state,
            audit: None,
            rate: Rate::default(),
            seed: 1,
            orders: 12,
            positions: 5,
            fills_every: Some(Duration::from_secs(20)),
            misbehave: Vec::new(),
            control: None,
            die_at: None,
            with_parent: false,
            verbose: false,
        }
    }

    /// The account as it is told: `****4789`; of a short one, nothing.
    pub(crate) fn masked(&self) -> String {
        let count = self.account.chars().count();
        let tail: String = if count > 4 { self.account.chars().skip(count - 4).collect() } else { String::new() };
        format!("****{tail}")
    }
}

/// Orders in a time: `2/s`, `12/min`, `0/s` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From one order to the next.
    every: Option<Duration>,
}

impl Rate {
    /// From one order to the next; none where nothing is sent.
    pub fn every(self) -> Option<Duration> {
        self.every
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { every: Some(Duration::from_secs(5)) }
    }
}

/// Why a text is no rate or no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOption {
    /// It is no rate.
    #[error("that is no rate\n  next:  a number for each second or minute, up to 100000/s: 2/s, 12/min, 0/s")]
    Rate,
    /// It is no step.
    #[error(
        "that is no step to die at\n  next:  received, blocked, cancelling:N, cancelled, closing:N, closed:N or flat"
    )]
    Step,
}

impl FromStr for Rate {
    type Err = BadOption;

    fn from_str(text: &str) -> Result<Self, BadOption> {
        let (count, unit) = text.split_once('/').ok_or(BadOption::Rate)?;
        let seconds = match unit {
            "s" => 1.0,
            "m" | "min" => 60.0,
            _ => return Err(BadOption::Rate),
        };
        let count: f64 = count.parse().map_err(|_| BadOption::Rate)?;
        match count / seconds {
            0.0 => Ok(Self { every: None }),
            rate if (1e-6..=1e5).contains(&rate) => Ok(Self { every: Some(Duration::from_secs_f64(1.0 / rate)) }),
            _ => Err(BadOption::Rate),
        }
    }
}

/// Where the engine kills itself, as a power cut would: the first time it gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DieAt {
    /// `received`: before it says that it heard.
    Received,
    /// `blocked`: no order leaves it any more, and nothing is cancelled yet.
    Blocked,
    /// `cancelling:N`: before the Nth cancel is sent.
    Cancelling(u64),
    /// `cancelled`: once it may say CANCELLED.
    Cancelled,
    /// `closing:N`: the Nth closing order is on the disk and not sent.
    Closing(u64),
    /// `closed:N`: the venue has taken the Nth closing order, and the engine doesn't know.
    Closed(u64),
    /// `flat`: once it may say FLAT.
    Flat,
}

impl FromStr for DieAt {
    type Err = BadOption;

    fn from_str(text: &str) -> Result<Self, BadOption> {
        let (step, nth) = match text.split_once(':') {
            Some((step, nth)) => (step, Some(nth.parse().ok().filter(|nth| *nth > 0).ok_or(BadOption::Step)?)),
            None => (text, None),
        };
        match (step, nth) {
            ("received", None) => Ok(Self::Received),
            ("blocked", None) => Ok(Self::Blocked),
            ("cancelling", nth) => Ok(Self::Cancelling(nth.unwrap_or(1))),
            ("cancelled", None) => Ok(Self::Cancelled),
            ("closing", nth) => Ok(Self::Closing(nth.unwrap_or(1))),
            ("closed", nth) => Ok(Self::Closed(nth.unwrap_or(1))),
            ("flat", None) => Ok(Self::Flat),
            _ => Err(BadOption::Step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        let every = |text: &str| text.parse::<Rate>().map(Rate::every);
        assert_eq!(every("2/s"), Ok(Some(Duration::from_millis(500))));
        assert_eq!(every("12/min"), Ok(Some(Duration::from_secs(5))));
        assert_eq!(every("0.5/s"), Ok(Some(Duration::from_secs(2))));
        assert_eq!(every("0/s"), Ok(None));
        for bad in ["", "2", "2/h", "-1/s", "inf/s", "NaN/s", "1e9/s", "1e-19/s", "/s"] {
            assert_eq!(every(bad), Err(BadOption::Rate), "{bad}");
        }
    }

    #[test]
    fn steps_to_die_at_are_read() {
        assert_eq!("closing:3".parse(), Ok(DieAt::Closing(3)));
        assert_eq!("closed".parse(), Ok(DieAt::Closed(1)));
        assert_eq!("flat".parse(), Ok(DieAt::Flat));
        for bad in ["", "flat:2", "closing:0", "closing:x", "sleeping"] {
            assert_eq!(bad.parse::<DieAt>(), Err(BadOption::Step), "{bad}");
        }
    }

    #[test]
    fn an_account_is_told_by_its_end_alone() {
        let masked =
            |account: &str| Options::new("a", Environment::Demo, account, PathBuf::new(), PathBuf::new()).masked();
        assert_eq!(masked("U1234789"), "****4789");
        assert_eq!(masked("4789"), "****");
        assert_eq!(masked("****4789"), "****4789");
    }
}
