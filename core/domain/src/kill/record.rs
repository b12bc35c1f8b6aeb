//! What the latch says: one order, durable, that engines in any language can read. Refuses a record that contradicts
//! itself: what can't be believed whole is no record at all.

use super::moment::Deadline;
use crate::environment::Environment;
use crate::person::Role;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What engines are told to do, from the least strict to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Trade.
    Trade,
    /// Level 3 without a deadline.
    Hold,
    /// Level 3 with its deadline.
    Stop,
    /// Level 4.
    Halt,
}

impl Order {
    /// 0, 3 or 4.
    pub fn level(self) -> u8 {
        match self {
            Self::Trade => 0,
            Self::Hold | Self::Stop => 3,
            Self::Halt => 4,
        }
    }
}

/// What makes a record believable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// The folder's permissions alone. Enough to stop; enough to release in QA, Paper and the demo only.
    Unsigned,
    /// A signature.
    Signed,
}

/// Who gave the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initiator {
    /// `person`, `deadline`, `trigger`, `repair` or `init`.
    pub kind: String,
    /// The person's handle; `quarterdeck` for what the program does by itself.
    pub person: String,
    /// The role that configuration gives, if it could be read.
    pub role: Option<Role>,
    /// The session.
    pub session: String,
    /// The Unix user.
    pub uid: u32,
    /// The host.
    pub host: String,
    /// `cockpit`, `kill stop`, `watch`.
    pub program: String,
    /// The session was bound to a key. Recorded, never required for a stop.
    pub bound: bool,
}

/// The latch's whole content. Engines ignore a lower generation than the highest they have seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The format: 1.
    pub v: u32,
    /// Which environment; an engine of another one refuses it.
    pub environment: String,
    /// One stop from its beginning to its release: `E-` and a random part. `E-0` before the first.
    pub episode: String,
    /// Grows by at least one with each record, and never falls.
    pub generation: u64,
    /// What to do.
    pub order: Order,
    /// 0, 3 or 4: says the same as the order.
    pub level: u8,
    /// When the episode began.
    pub began: Timestamp,
    /// When this order was given, by the wall clock.
    pub since: Timestamp,
    /// The same by the boot clock of [`Record::boot_id`].
    pub since_boot_ns: u64,
    /// Whose boot clock.
    pub boot_id: String,
    /// When level 3 becomes level 4; present exactly while the order is `stop`.
    pub deadline: Option<Deadline>,
    /// Who gave the order.
    pub initiator: Initiator,
    /// Why, where it was said with the order.
    pub reason: Option<String>,
    /// Everything runs, nobody acts. Always false until drills are built.
    pub drill: bool,
    /// The engines that were known then: each has to answer.
    pub engines: Vec<String>,
    /// The generation before this one.
    pub previous: Option<u64>,
    /// What makes it believable.
    pub trust: Trust,
    /// The signature, once records are signed.
    pub signature: Option<String>,
}

impl Record {
    /// The latch's size on disk: a record is padded with blanks, so that the next one needs no space that a full disk
    /// hasn't got.
    pub const SIZE: usize = 4096;
    /// The highest generation that every reader of JSON can tell from its neighbours.
    pub const HIGHEST: u64 = 1 << 53;
    /// No record is so much higher than what is known: after the highest number there is none to stop or to release with.
    pub const LEAP: u64 = 1_000_000;

    /// Generation 0, as `init` writes it: trade.
    pub fn first(environment: Environment, now: &super::Moment, initiator: Initiator) -> Self {
        Self {
            v: 1,
            environment: environment.name().into(),
            episode: "E-0".into(),
            generation: 0,
            order: Order::Trade,
            level: 0,
            began: now.utc,
            since: now.utc,
            since_boot_ns: now.boot_ns,
            boot_id: now.boot_id.clone(),
            deadline: None,
            initiator,
            reason: None,
            drill: false,
            engines: Vec::new(),
            previous: None,
            trust: Trust::Unsigned,
            signature: None,
        }
    }

    /// Reads a latch. Blanks and NULs after the object are padding.
    pub fn parse(bytes: &[u8], environment: Environment) -> Result<Self, String> {
        let end =
            bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0)).map_or(0, |at| at + 1);
        let text = &bytes[..end];
        if text.is_empty() {
            return Err("it is empty".into());
        }
        let record: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        record.check(environment)?;
        Ok(record)
    }

    /// The bytes for the disk: the object, a newline, and blanks up to [`Record::SIZE`].
    pub fn bytes(&self) -> Vec<u8> {
        let mut record = self.clone();
        let mut bytes = serde_json::to_vec(&record).unwrap_or_default();
        // What grows without an end may not push the order out of its place: the names can be read elsewhere.
        while bytes.len() > Self::SIZE - 1 && !record.engines.is_empty() {
            record.engines.pop();
            bytes = serde_json::to_vec(&record).unwrap_or_default();
        }
        if bytes.len() > Self::SIZE - 1 {
            record.reason = record.reason.map(|reason| reason.chars().take(200).collect());
            bytes = serde_json::to_vec(&record).unwrap_or_default();
        }
        bytes.push(b'\n');
        bytes.resize(bytes.len().max(Self::SIZE), b' ');
        bytes
    }

    fn check(&self, environment: Environment) -> Result<(), String> {
        if self.v != 1 {
            return Err(format!("its format is {}, and this program knows 1", self.v));
        }
        if self.environment != environment.name() {
            let other = crate::sanitise::line(&self.environment, 20).into_owned();
            return Err(format!("it belongs to '{other}', not to {}", environment.name()));
        }
        if self.level != self.order.level() {
            return Err(format!("its order is {:?} and its level {}", self.order, self.level));
        }
        if self.deadline.is_some() != (self.order == Order::Stop) {
            return Err("a deadline stands there without a stop, or a stop without a deadline".into());
        }
        if self.generation > Self::HIGHEST {
            return Err(format!("no generation is as high as {}", self.generation));
        }
        if self.drill {
            return Err("it is a drill, which this program can't run yet".into());
        }
        Ok(())
    }

    /// So long ago this order was given: by the boot clock on one boot. After another start of the machine the wall
    /// clock tells it, but it can't be less than that start is old.
    pub fn elapsed(&self, now: &super::Moment) -> SignedDuration {
        let given = super::Moment { utc: self.since, boot_ns: self.since_boot_ns, boot_id: self.boot_id.clone() };
        let least = if self.boot_id == now.boot_id { 0 } else { i64::try_from(now.boot_ns).unwrap_or(i64::MAX) };
        now.since(&given).max(SignedDuration::from_nanos(least))
    }

    /// True for a stop or a halt that somebody ordered: it is written over whatever is milder, and at once. What was
    /// decided on what stood (a hold, a release, what follows by itself) is decided anew when that has changed.
    pub fn is_urgent(&self) -> bool {
        self.order >= Order::Stop && !matches!(self.initiator.kind.as_str(), "deadline" | "repair")
    }

    /// True when this one asks for more than the other, or for the same in a later generation.
    pub fn is_stricter_than(&self, other: &Self) -> bool {
        (self.order, self.generation) > (other.order, other.generation)
    }

    /// True when its generation is none that follows the known one, or the last ones where none is known. Its order
    /// counts where it is stricter; its number never does.
    pub fn leaps_over(&self, known: Option<u64>) -> bool {
        self.generation > known.unwrap_or(Self::HIGHEST - 2 * Self::LEAP).saturating_add(Self::LEAP)
    }

    /// True when it is the other one's stop with more time.
    pub fn postpones(&self, other: &Self) -> bool {
        let later = |(own, other): (&Deadline, &Deadline)| own.is_later_than(other);
        self.episode == other.episode && self.deadline.as_ref().zip(other.deadline.as_ref()).is_some_and(later)
    }

    /// What to write of an urgent record where another one stands than it was decided on: nothing when that asks for as
    /// much, and never in a generation that falls. One that leaps keeps its order where it is stricter, and no number.
    pub fn over(&self, stands: &Self) -> Option<Self> {
        if stands.leaps_over(Some(self.generation)) {
            let stricter = if stands.order > self.order { stands } else { self };
            return Some(Self { generation: self.generation, ..stricter.clone() });
        }
        let later = self.episode == stands.episode && self.is_stricter_than(stands);
        let generation = self.generation.max(stands.generation.saturating_add(1).min(Self::HIGHEST));
        (self.order > stands.order || later).then(|| Self { generation, ..self.clone() })
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
