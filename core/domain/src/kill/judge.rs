//! What an engine is judged to do: its own word against the record that counts, the time, and the orders that others
//! saw. Refuses every word that isn't a proof: an old number, a null, an empty list and another episode's answer make
//! nobody flat, and an order after BLOCKED makes a liar of whoever said it.

use super::beat::{Beat, EngineState, Step};
use super::moment::{Due, Moment};
use super::record::{Order, Record};
use super::row::{EngineRow, EngineStanding, PathState};
use crate::{redact, sanitise};
use jiff::{SignedDuration, Timestamp};
use std::cmp::Ordering;

/// Older than this, a beat says nothing about now.
pub const STALE: SignedDuration = SignedDuration::from_secs(3);
/// So long an answer may take before it is late.
pub const LATE: SignedDuration = SignedDuration::from_secs(1);
/// After so long every engine must have heard: it looks at its latch each second.
pub const HEARD: SignedDuration = SignedDuration::from_secs(5);
/// What the venue said longer ago proves nothing.
pub const SYNCED: SignedDuration = SignedDuration::from_secs(5);
/// The two clocks of a beat are not read in one instant: an order so shortly after BLOCKED is not held against anybody.
const SLACK: SignedDuration = SignedDuration::from_millis(10);
/// A time may be so far ahead of the one it is compared with, and no farther: clocks are told in milliseconds.
const AHEAD: SignedDuration = SignedDuration::from_secs(1);

/// What this process knows of one engine, by any path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its last beat, and when this process heard it; `None` when it never did.
    pub beat: Option<(Beat, Moment)>,
    /// Its socket.
    pub link: PathState,
    /// Its process is known to be gone.
    pub gone: bool,
    /// The newest order of it in any tailed file; the closing orders of level 4 are not counted.
    pub last_order_seen: Option<Timestamp>,
}

impl Default for Heard {
    fn default() -> Self {
        Self { beat: None, link: PathState::NotSetUp, gone: false, last_order_seen: None }
    }
}

/// Judges one engine. `expected` is the record that counts, `None` where there is none that can be read.
pub fn judge(name: &str, heard: &Heard, expected: Option<&Record>, now: &Moment) -> EngineRow {
    let row = |standing, why, stale, blocked_after| EngineRow {
        name: name.to_owned(),
        account: heard.beat.as_ref().map_or_else(String::new, |(beat, _)| last_four(&beat.account)),
        standing,
        why,
        beat: heard.beat.as_ref().map(|(beat, _)| beat.clone()),
        heard_at: heard.beat.as_ref().map(|(_, at)| at.utc),
        stale,
        blocked_after,
        link: heard.link.clone(),
    };
    let Some((beat, at)) = &heard.beat else {
        let mut why = vec![format!("never heard, {}", link_words(&heard.link))];
        if heard.gone {
            why.insert(0, "its process is gone".into());
        }
        return row(EngineStanding::Silent, why, true, None);
    };
    let case = Case { name, beat, at, heard, expected, now };
    let silent = case.silent();
    let (standing, why) = match &silent {
        Some(why) => (EngineStanding::Silent, [why.clone()].into_iter().chain(case.order_after_block()).collect()),
        None => case.says(),
    };
    row(standing, why, silent.is_some(), case.blocked_after())
}

/// An engine that was heard, and everything it is measured by.
struct Case<'a> {
    name: &'a str,
    beat: &'a Beat,
    at: &'a Moment,
    heard: &'a Heard,
    expected: Option<&'a Record>,
    now: &'a Moment,
}

impl Case<'_> {
    /// How old the beat is: since it was heard, or since it was said where that can be told and is longer.
    fn age(&self) -> SignedDuration {
        let since_heard = self.now.since(self.at);
        if self.beat.boot_id == self.now.boot_id { since_heard.max(self.since_said()) } else { since_heard }
    }

    fn since_said(&self) -> SignedDuration {
        let said = Moment { utc: self.beat.at, boot_ns: self.beat.boot_ns, boot_id: self.beat.boot_id.clone() };
        self.now.since(&said)
    }

    /// A beat that can't be dated: of another start of the machine and another time, or ahead of us on the same clock.
    fn foreign_clock(&self) -> Option<String> {
        let off = self.since_said();
        if self.beat.boot_id != self.now.boot_id && off.abs() > STALE {
            let which = if off.is_negative() { "ahead of" } else { "behind" };
            return Some(format!(
                "its last beat is of another start of the machine, {} {which} ours",
                seconds(off.abs())
            ));
        }
        (off < -STALE).then(|| format!("its last beat is {} ahead of our clock", seconds(off.abs())))
    }

    fn silent(&self) -> Option<String> {
        if self.heard.gone {
            return Some(format!("process {} is gone", self.beat.pid));
        }
        if let Some(why) = self.foreign_clock() {
            return Some(why);
        }
        let age = self.age();
        (age > STALE).then(|| format!("no beat for {}, {}", seconds(age), link_words(&self.heard.link)))
    }

    /// What a fresh beat comes to.
    fn says(&self) -> (EngineStanding, Vec<String>) {
        match self.expected {
            None => self.as_it_says(vec!["there is no readable latch to judge it by".into()]),
            Some(record) if record.order == Order::Trade => self.as_it_says(self.not_released(record)),
            Some(record) => self.under_stop(record),
        }
    }

    /// Its own word. Flat is a proof and not a word, and trouble is shown whoever asked for what.
    fn as_it_says(&self, mut why: Vec<String>) -> (EngineStanding, Vec<String>) {
        why.extend(self.stranger());
        why.extend(self.trouble());
        let standing = match self.beat.state {
            EngineState::Trading => EngineStanding::Trading,
            EngineState::Idle => EngineStanding::Idle,
            EngineState::Blocked | EngineState::Flat => EngineStanding::Blocked,
            EngineState::Residual => EngineStanding::Residual,
        };
        (standing, why)
    }

    fn not_released(&self, record: &Record) -> Vec<String> {
        let seen = self.beat.generation;
        let why = match seen.cmp(&record.generation) {
            Ordering::Less => format!("has not heard the release, generation {}", record.generation),
            // It ignores every release that doesn't come after it.
            Ordering::Greater => format!("has seen a higher generation {seen}"),
            Ordering::Equal => return Vec::new(),
        };
        if self.may_trade() { Vec::new() } else { vec![why] }
    }

    fn under_stop(&self, record: &Record) -> (EngineStanding, Vec<String>) {
        let elapsed = record.elapsed(self.now);
        if let Some(why) = self.defies(record, elapsed) {
            return (EngineStanding::Defying, [why].into_iter().chain(self.trouble()).collect());
        }
        if elapsed < LATE && self.unanswered(record).is_some() {
            return self.as_it_says(Vec::new());
        }
        if self.level(record) >= 4 && !self.may_trade() {
            let why = self.not_flat(record);
            return match why.is_empty() {
                true => (EngineStanding::Flat, self.trouble().into_iter().collect()),
                false => (EngineStanding::Residual, why),
            };
        }
        match self.unanswered(record) {
            Some(why) => (EngineStanding::Late, [why].into_iter().chain(self.trouble()).collect()),
            None => (EngineStanding::Blocked, self.trouble().into_iter().collect()),
        }
    }

    /// Why it defies a stop that it must have heard.
    fn defies(&self, record: &Record, elapsed: SignedDuration) -> Option<String> {
        if self.stranger().is_none() && self.is_of(record) && self.beat.step >= Step::Blocked {
            if let Some(why) = self.order_after_block() {
                return Some(why);
            }
            if self.may_trade() {
                return Some(format!("says blocked, and {}", self.trades()));
            }
        }
        if !self.may_trade() {
            return None;
        }
        // One that said RECEIVED may have an order in flight: it is late before it defies.
        let heard = self.beat.generation >= record.generation && self.beat.step != Step::Received;
        if heard {
            return Some(format!("{} though it knows generation {}", self.trades(), self.beat.generation));
        }
        (elapsed >= HEARD).then(|| format!("{} {} after the order", self.trades(), seconds(elapsed)))
    }

    fn may_trade(&self) -> bool {
        matches!(self.beat.state, EngineState::Trading | EngineState::Idle)
    }

    fn trades(&self) -> &'static str {
        if self.beat.state == EngineState::Idle { "may trade" } else { "trades" }
    }

    fn is_of(&self, record: &Record) -> bool {
        self.beat.episode.as_ref() == Some(&record.episode)
    }

    /// The level it is to be measured by: an engine that passed the deadline by itself acts on 4 before the record does.
    fn level(&self, record: &Record) -> u8 {
        if self.is_of(record) { record.level.max(self.beat.level) } else { record.level }
    }

    /// Why its word isn't this engine's at all.
    fn stranger(&self) -> Option<String> {
        if self.beat.v != 1 {
            return Some(format!("speaks format {}, and this program knows 1", self.beat.v));
        }
        if self.beat.engine != self.name {
            return Some(format!("calls itself {}", clean(&self.beat.engine)));
        }
        let expected = self.expected.map(|record| record.environment.as_str());
        (expected.is_some_and(|expected| expected != self.beat.environment))
            .then(|| format!("speaks for {}", clean(&self.beat.environment)))
    }

    /// Why it has not answered the order with BLOCKED. A stricter level in the same episode is an answer, and so is the
    /// same level in an earlier generation of it; only a hold has to be heard as such, lest it closes at the deadline.
    fn unanswered(&self, record: &Record) -> Option<String> {
        let beat = self.beat;
        if let Some(why) = self.stranger().or_else(|| self.other_episode(record)) {
            return Some(why);
        }
        if beat.level < record.level {
            return Some(format!("acts on level {}, not {}", beat.level, record.level));
        }
        if beat.step < Step::Blocked {
            let said = if beat.step == Step::Received { "RECEIVED, not BLOCKED" } else { "nothing" };
            return Some(format!("said {said} for {}", seconds(record.elapsed(self.now))));
        }
        let unheld = record.order == Order::Hold && beat.generation < record.generation;
        unheld.then(|| "blocked, and has not heard the hold".into())
    }

    fn other_episode(&self, record: &Record) -> Option<String> {
        (!self.is_of(record)).then(|| match &self.beat.episode {
            Some(episode) => format!("answers episode {}, not {}", clean(episode), record.episode),
            None => format!("answers no episode, not {}", record.episode),
        })
    }

    /// Every reason why it isn't proven flat.
    fn not_flat(&self, record: &Record) -> Vec<String> {
        let beat = self.beat;
        let mut why: Vec<String> = self.stranger().into_iter().chain(self.other_episode(record)).collect();
        if self.is_of(record) && beat.level < 4 {
            why.push(format!("acts on level {}, not 4", beat.level));
        }
        why.extend(match beat.positions {
            None => Some("does not know its positions".to_owned()),
            Some(0) => self.unsynced("positions", beat.positions_synced, record),
            Some(1) => Some("1 position open".to_owned()),
            Some(count) => Some(format!("{count} positions open")),
        });
        why.extend(match beat.resting_orders {
            None => Some("does not know its orders".to_owned()),
            Some(0) => self.unsynced("orders", beat.orders_synced, record),
            Some(1) => Some("1 order rests".to_owned()),
            Some(count) => Some(format!("{count} orders rest")),
        });
        if beat.link != "up" {
            why.push("its link to the venue is down".into());
        }
        if beat.state == EngineState::Residual {
            why.push("says itself that it is not flat".into());
        }
        if beat.step < Step::Flat && why.is_empty() {
            why.push("has not said FLAT".into());
        }
        if !why.is_empty() {
            // What keeps it from flat, in its own words, after what can be counted.
            why.extend(self.trouble());
        }
        why
    }

    /// Why the venue's last word on this is no proof.
    fn unsynced(&self, what: &str, synced: Option<Timestamp>, record: &Record) -> Option<String> {
        let Some(synced) = synced else { return Some(format!("{what} not synced")) };
        let before = self.beat.at.duration_since(synced);
        if before < -AHEAD {
            return Some(format!("{what} synced at a time that is still to come"));
        }
        let age = before.saturating_add(self.age().max(SignedDuration::ZERO));
        if age > SYNCED {
            return Some(format!("{what} synced {} ago", seconds(age)));
        }
        // Before the halt there was nothing to prove.
        (synced <= self.closing_from(record)).then(|| format!("{what} not synced since the halt"))
    }

    /// When closing began, on the engine's wall clock of now: at the halt, or at the deadline it passed by itself.
    fn closing_from(&self, record: &Record) -> Timestamp {
        let passed = record.deadline.as_ref().filter(|deadline| deadline.judge(self.now, self.now) == Due::Passed);
        let (utc, boot_ns, boot_id) = match passed {
            Some(deadline) => (deadline.utc, deadline.boot_ns, &deadline.boot_id),
            None => (record.since, record.since_boot_ns, &record.boot_id),
        };
        if *boot_id == self.beat.boot_id { wall(self.beat, boot_ns) } else { utc }
    }

    /// An order that it sent after it had said BLOCKED.
    fn order_after_block(&self) -> Option<String> {
        let record = self.expected.filter(|record| record.order != Order::Trade)?;
        if !self.is_of(record) || self.beat.step < Step::Blocked {
            return None;
        }
        let a_second = record.since.saturating_add(LATE).unwrap_or(record.since);
        let blocked = blocked_at(self.beat, record).unwrap_or(a_second);
        let own = match (self.beat.last_order_ns, self.beat.steps.blocked_ns) {
            // One clock that nobody steps says it all.
            (Some(order_ns), Some(blocked_ns)) => {
                let slack_ns = u64::try_from(SLACK.as_nanos()).unwrap_or(0);
                (order_ns > blocked_ns.saturating_add(slack_ns)).then(|| wall(self.beat, order_ns))
            }
            _ => self.beat.last_order.filter(|order| *order > blocked && *order > record.began),
        };
        let own = own.filter(|order| !self.may_be_closing(*order, record));
        // On a wall clock that was set back since, an order from before the stop would seem to be after BLOCKED.
        let seen = self.heard.last_order_seen.filter(|order| *order > blocked && *order > record.began);
        let order = own.max(seen)?;
        Some(format!("says blocked, sent an order at {}", clock(order)))
    }

    /// Its own count of orders holds those that close positions too, until it says FLAT. When it began to close can't be
    /// told from the record: it may have passed the deadline by itself long before anybody wrote a halt.
    fn may_be_closing(&self, order: Timestamp, record: &Record) -> bool {
        let flat_since = (self.beat.step == Step::Flat).then_some(self.beat.steps.flat_ns).flatten();
        self.level(record) >= 4 && flat_since.is_none_or(|flat_ns| order <= latest(self.beat, flat_ns, record))
    }

    fn blocked_after(&self) -> Option<SignedDuration> {
        let record = self.expected.filter(|record| record.order != Order::Trade && self.is_of(record))?;
        let blocked_ns = self.beat.steps.blocked_ns.filter(|_| record.boot_id == self.beat.boot_id)?;
        let nanos = blocked_ns.checked_sub(record.since_boot_ns)?;
        i64::try_from(nanos).ok().map(SignedDuration::from_nanos)
    }

    fn trouble(&self) -> Option<String> {
        (!self.beat.trouble.trim().is_empty()).then(|| clean(&self.beat.trouble))
    }
}

/// Until when an order of this engine may be from before it was blocked, where it says when that was.
pub(super) fn blocked_at(beat: &Beat, record: &Record) -> Option<Timestamp> {
    beat.steps.blocked_ns.map(|blocked_ns| latest(beat, blocked_ns, record))
}

/// A reading of the engine's boot clock, on the wall clock as it stood at the order and as it stands now: the later of
/// the two and a little more, so that no order from before it looks like one from after it because the wall clock was stepped.
fn latest(beat: &Beat, boot_ns: u64, record: &Record) -> Timestamp {
    let then = if record.boot_id == beat.boot_id {
        Moment { utc: record.since, boot_ns: record.since_boot_ns, boot_id: String::new() }.utc_of(boot_ns)
    } else {
        record.since
    };
    let later = then.max(wall(beat, boot_ns));
    later.saturating_add(SLACK).unwrap_or(later)
}

/// The engine's wall clock, as it stands now, at a reading of its boot clock.
fn wall(beat: &Beat, boot_ns: u64) -> Timestamp {
    Moment { utc: beat.at, boot_ns: beat.boot_ns, boot_id: String::new() }.utc_of(boot_ns)
}

fn link_words(link: &PathState) -> String {
    match link {
        PathState::Ready | PathState::Reached(_) => "connected".into(),
        PathState::Broken { why, tries: 1, .. } => format!("socket: {why}, 1 try"),
        PathState::Broken { why, tries, .. } => format!("socket: {why}, {tries} tries"),
        PathState::NotSetUp => "no socket".into(),
    }
}

/// An account's last four, whatever the engine said.
fn last_four(account: &str) -> String {
    let plain: Vec<char> = account.chars().filter(char::is_ascii_alphanumeric).collect();
    let from = plain.len().saturating_sub(4);
    if plain.is_empty() { String::new() } else { format!("****{}", plain[from..].iter().collect::<String>()) }
}

/// An engine's words, harmless and short.
fn clean(text: &str) -> String {
    sanitise::line(&redact::text(text.trim()), 80).into_owned()
}

fn seconds(length: SignedDuration) -> String {
    match length.as_secs() {
        secs @ ..120 => format!("{secs} s"),
        secs @ ..7_200 => format!("{} min", secs / 60),
        secs => format!("{} h", secs / 3_600),
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
