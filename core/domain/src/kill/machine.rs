//! The machine: from the latch, the journal and the time to what counts, what a command may do, and what follows by
//! itself. Refuses every path from stopped to trading but a release, and every generation that falls. What is to be done
//! leaves as [`Effect`]s, in the order in which it has to be done: a stop is in the latch before the journal hears of
//! it, a release is in the journal before the latch does.

use super::moment::{Deadline, Due, Moment};
use super::record::{Initiator, Order, Record, Trust};
use super::row::{EngineRow, EngineStanding};
use super::{Level, Step};
use crate::catalogue::EventKind;
use crate::environment::Environment;
use jiff::SignedDuration;

/// What counts, in the states of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwitchState {
    /// Trade.
    Normal,
    /// Level 3, its deadline running.
    GracefulStop,
    /// Level 3 without a deadline.
    Held,
    /// Level 4, on its way: block, cancel, flatten, verify.
    EmergencyHalt,
    /// Level 4, and every engine is proven flat.
    HaltedFlat,
    /// Level 4, and an engine is not proven flat: it is tried on.
    HaltedResidual,
    /// A release was asked for. Its place is kept for recovery by stages.
    RecoveryPending,
    /// A release has its signatures. Its place is kept for recovery by stages.
    RecoveryStaged,
    /// The latch can't be read: counts as level 3, and never flattens.
    Unknown,
}

impl SwitchState {
    /// As row 2 says it after TRADING.
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GracefulStop => "STOPPED LEVEL 3",
            Self::Held => "HELD LEVEL 3",
            Self::EmergencyHalt => "HALTING LEVEL 4",
            Self::HaltedFlat => "HALTED FLAT",
            Self::HaltedResidual => "HALTED NOT FLAT",
            Self::RecoveryPending | Self::RecoveryStaged => "RECOVERING",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// As `--json` says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GracefulStop => "graceful_stop",
            Self::Held => "held",
            Self::EmergencyHalt => "emergency_halt",
            Self::HaltedFlat => "halted_flat",
            Self::HaltedResidual => "halted_residual",
            Self::RecoveryPending => "recovery_pending",
            Self::RecoveryStaged => "recovery_staged",
            Self::Unknown => "unknown",
        }
    }
}

/// The latch as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LatchView {
    /// It can be read and makes sense.
    Read(Box<Record>),
    /// There is none.
    Missing,
    /// It can't be read, or contradicts itself.
    Unreadable(String),
}

impl LatchView {
    /// The record, if it could be read.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Read(record) => Some(record),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }
}

/// All that the machine looks at.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Where.
    pub environment: Environment,
    /// The latch.
    pub latch: &'a LatchView,
    /// The last record that the journal knows.
    pub journal: Option<&'a Record>,
    /// The engines, judged against the record that counts.
    pub engines: &'a [EngineRow],
    /// The journal can be written.
    pub journal_writable: bool,
}

/// What counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// In one word.
    pub state: SwitchState,
    /// The record behind it; `None` where there is none.
    pub record: Option<Record>,
    /// Why it is unknown or in conflict.
    pub doubt: Option<String>,
}

/// So long after a halt an engine may be on its way to flat; then what is left is residual.
pub const VERIFY_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// The doubt of a place where the switch was never set up: no latch, and no journal that knows of one.
pub const NO_LATCH: &str = "there is no latch";

/// What counts: the stricter of latch and journal.
pub fn standing(known: &Known<'_>, now: &Moment) -> Standing {
    let of = |record: &Record, doubt: Option<String>| Standing {
        state: state_of(record, known.engines, now),
        record: Some(record.clone()),
        doubt,
    };
    match (known.latch, known.journal) {
        (LatchView::Read(latch), None) => of(latch, None),
        (LatchView::Read(latch), Some(journal)) if journal.order > latch.order => {
            let doubt = format!(
                "the latch says {:?} in generation {}, the journal {:?} in {}: the stricter counts",
                latch.order, latch.generation, journal.order, journal.generation
            );
            of(journal, Some(doubt.to_lowercase()))
        }
        (LatchView::Read(latch), Some(_)) => of(latch, None),
        (LatchView::Missing | LatchView::Unreadable(_), journal) => {
            let doubt = match known.latch {
                LatchView::Unreadable(why) => format!("the latch can't be read: {why}"),
                // There was one once: that is another thing than a place where nobody has set up the switch yet.
                _ if journal.is_some() => "the latch is gone".to_owned(),
                _ => NO_LATCH.to_owned(),
            };
            match journal {
                Some(record) if record.order != Order::Trade => of(record, Some(doubt)),
                _ => Standing { state: SwitchState::Unknown, record: None, doubt: Some(doubt) },
            }
        }
    }
}

fn state_of(record: &Record, engines: &[EngineRow], now: &Moment) -> SwitchState {
    match record.order {
        Order::Trade => SwitchState::Normal,
        Order::Hold => SwitchState::Held,
        Order::Stop => SwitchState::GracefulStop,
        Order::Halt if is_flat(engines) => SwitchState::HaltedFlat,
        Order::Halt if record.elapsed(now) < VERIFY_WITHIN && !engines.is_empty() => SwitchState::EmergencyHalt,
        Order::Halt => SwitchState::HaltedResidual,
    }
}

/// True when there is an engine, and every one is proven flat. No engine is no proof.
pub fn is_flat(engines: &[EngineRow]) -> bool {
    !engines.is_empty() && engines.iter().all(|row| row.standing == EngineStanding::Flat)
}

/// Which of block, cancel, flatten and verify the slowest engine is at.
pub fn phase(engines: &[EngineRow]) -> &'static str {
    let slowest = engines.iter().map(|row| row.beat.as_ref().map_or(Step::None, |beat| beat.step)).min();
    match slowest.unwrap_or_default() {
        Step::None | Step::Received => "block",
        Step::Blocked => "cancel",
        Step::Cancelled => "flatten",
        Step::Flat => "verify",
    }
}

/// What is asked of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Level 3 or 4.
    Fire(Level),
    /// Level 3 without its deadline.
    Hold,
    /// Back to trading.
    Release {
        /// What happened and what was done about it: needed after level 4 (R5.2).
        note: Option<String>,
        /// Engines that are not proven flat and are taken as they are, by name.
        without: Vec<String>,
    },
    /// Generation 0, where there is nothing yet.
    SetUp,
}

/// Everything beside the ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// What.
    pub ask: Ask,
    /// By whom.
    pub by: Initiator,
    /// Why, if it was said.
    pub reason: Option<String>,
    /// A new episode's id, in case one begins.
    pub episode: String,
    /// The engines that are known, by name.
    pub engines: Vec<String>,
    /// The asking user owns the latch's folder: in Production nobody else releases while records are unsigned.
    pub owns_the_folder: bool,
    /// Who owns it, for the refusal.
    pub folder_owner: String,
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words.
    pub what: String,
    /// What to do instead.
    pub next: String,
}

/// One thing to be done. In a list the order matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write the latch. If it can't be written, a stop goes on to the next effect.
    WriteLatch(Record),
    /// Hand the record to every engine that can be reached.
    Dispatch(Record),
    /// Append the event; what makes the firm riskier goes no further when it can't be appended.
    Journal(EventKind, Record),
    /// Tell people: nothing is ordered.
    Alarm(String),
}

/// What a command does.
pub fn command(known: &Known<'_>, asking: &Asking, now: &Moment) -> Result<Vec<Effect>, Refusal> {
    let standing = standing(known, now);
    match &asking.ask {
        Ask::Fire(level) => Ok(fire(known, &standing, *level, asking, now)),
        Ask::Hold => hold(known, &standing, asking, now),
        Ask::Release { note, without } => release(known, &standing, asking, note.as_deref(), without, now),
        Ask::SetUp => set_up(known, asking, now),
    }
}

fn fire(known: &Known<'_>, standing: &Standing, level: Level, asking: &Asking, now: &Moment) -> Vec<Effect> {
    let order = if level == Level::Halt { Order::Halt } else { Order::Stop };
    // A second level 3 doesn't restart the deadline, nor does it lift a hold or a halt: it is sent again, that's all.
    let stands = |record: &&Record| match order {
        Order::Halt => record.order == Order::Halt,
        _ => record.order != Order::Trade,
    };
    if let Some(record) = standing.record.as_ref().filter(stands) {
        if known.latch.record() == Some(record) {
            return vec![Effect::Dispatch(record.clone())];
        }
        return again(known, record, &asking.by);
    }
    let running = standing.record.as_ref().filter(|record| record.order != Order::Trade);
    let record = Record {
        episode: running.map_or_else(|| asking.episode.clone(), |record| record.episode.clone()),
        began: running.map_or(now.utc, |record| record.began),
        deadline: (order == Order::Stop).then(|| Deadline::after(now, Deadline::WINDOW)),
        ..next(known, order, asking, now)
    };
    let kind = if running.is_some() { EventKind::KillSwitchEscalated } else { EventKind::KillSwitchActivated };
    vec![Effect::WriteLatch(record.clone()), Effect::Dispatch(record.clone()), Effect::Journal(kind, record)]
}

fn hold(known: &Known<'_>, standing: &Standing, asking: &Asking, now: &Moment) -> Result<Vec<Effect>, Refusal> {
    let record = match (standing.state, &standing.record) {
        (SwitchState::GracefulStop, Some(record)) => record,
        (SwitchState::Held, _) => {
            return Err(refusal("level 3 is held already", "To trade again: 'quarterdeck kill release'."));
        }
        (SwitchState::Normal, _) => return Err(refusal("there is nothing to hold: trading is normal", "")),
        (SwitchState::Unknown, _) => {
            return Err(refusal(
                "the latch can't be read, so there is nothing to hold",
                "'quarterdeck kill stop' writes it anew; then hold.",
            ));
        }
        _ => {
            return Err(refusal(
                "level 4 can't be held: it is being carried out",
                "To trade again, once flat: 'quarterdeck kill release'.",
            ));
        }
    };
    riskier(known, asking, "held")?;
    let held = Record {
        episode: record.episode.clone(),
        began: record.began,
        engines: record.engines.clone(),
        ..next(known, Order::Hold, asking, now)
    };
    Ok(vec![
        Effect::Journal(EventKind::KillSwitchHeld, held.clone()),
        Effect::WriteLatch(held.clone()),
        Effect::Dispatch(held),
    ])
}

fn release(
    known: &Known<'_>,
    standing: &Standing,
    asking: &Asking,
    note: Option<&str>,
    without: &[String],
    now: &Moment,
) -> Result<Vec<Effect>, Refusal> {
    let record = match (standing.state, &standing.record) {
        (SwitchState::Normal, _) => return Err(refusal("there is nothing to release: trading is normal", "")),
        (SwitchState::GracefulStop, _) => {
            return Err(refusal("level 3 is running towards level 4", "Hold it first: 'quarterdeck kill hold'."));
        }
        (SwitchState::Unknown, _) | (_, None) => {
            return Err(refusal(
                "the latch can't be read, so there is nothing to release",
                "'quarterdeck kill stop' writes it anew; then hold, then release.",
            ));
        }
        (_, Some(record)) => record,
    };
    if asking.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(refusal("a release needs its reason", "Give it with --reason."));
    }
    if record.order == Order::Halt && note.is_none_or(|note| note.trim().is_empty()) {
        return Err(refusal("a release after level 4 needs a post-incident note (R5.2)", "Give it with --note."));
    }
    if record.order == Order::Halt {
        let open: Vec<&str> = known
            .engines
            .iter()
            .filter(|row| row.standing != EngineStanding::Flat && !without.contains(&row.name))
            .map(|row| row.name.as_str())
            .collect();
        if !open.is_empty() {
            return Err(refusal(
                &format!("not proven flat: {}", open.join(", ")),
                "Settle them with the broker's desk, then name each with --without ENGINE.",
            ));
        }
    }
    riskier(known, asking, "released")?;
    let free = Record {
        episode: record.episode.clone(),
        began: record.began,
        engines: record.engines.clone(),
        ..next(known, Order::Trade, asking, now)
    };
    Ok(vec![
        Effect::Journal(EventKind::KillSwitchReleased, free.clone()),
        Effect::WriteLatch(free.clone()),
        Effect::Dispatch(free),
    ])
}

fn set_up(known: &Known<'_>, asking: &Asking, now: &Moment) -> Result<Vec<Effect>, Refusal> {
    match (known.latch, known.journal) {
        (LatchView::Missing, None) => {
            let first = Record::first(known.environment, now, asking.by.clone());
            Ok(vec![Effect::Journal(EventKind::KillSwitchSetUp, first.clone()), Effect::WriteLatch(first)])
        }
        (LatchView::Missing, Some(_)) => Err(refusal(
            "there was a latch here, and it is gone: nobody gets back to trading by setting up anew",
            "'quarterdeck kill stop' writes it; then hold, then release.",
        )),
        _ => Err(refusal("there is a latch already", "'quarterdeck kill status' shows it.")),
    }
}

/// What hold and release need beside their state: the journal, and trust.
fn riskier(known: &Known<'_>, asking: &Asking, done: &str) -> Result<(), Refusal> {
    if !known.journal_writable {
        return Err(refusal(
            &format!("nothing is {done} while the journal can't be written"),
            "Make room or mend the journal: 'quarterdeck doctor'.",
        ));
    }
    if known.environment == Environment::Production && !asking.owns_the_folder {
        return Err(refusal(
            &format!("in Production nothing is {done} by an unsigned order, and signatures are not built yet"),
            &format!(
                "Only the owner of the latch's folder, {}, can: as that user run 'quarterdeck kill {} --env production'.",
                asking.folder_owner,
                if done == "held" { "hold" } else { "release" }
            ),
        ));
    }
    Ok(())
}

/// What follows by itself. `anchor` is the moment at which this process first saw the record that counts.
pub fn advance(known: &Known<'_>, by: &Initiator, anchor: &Moment, now: &Moment) -> Vec<Effect> {
    let mut effects = repair(known, by);
    let standing = standing(known, now);
    if let (SwitchState::GracefulStop, Some(record)) = (standing.state, &standing.record)
        && let Some(deadline) = &record.deadline
    {
        match deadline.judge(now, anchor) {
            Due::In(_) => {}
            Due::Passed => return escalate(known, record, by, now),
            Due::Doubtful { step, .. } => effects.push(Effect::Alarm(format!(
                "the wall clock moved by {} s against the boot clock, and level 3 began on another start of the machine: level 4 does not follow by itself",
                step.as_secs()
            ))),
        }
    }
    effects
}

fn escalate(known: &Known<'_>, record: &Record, by: &Initiator, now: &Moment) -> Vec<Effect> {
    let halt = Record {
        order: Order::Halt,
        level: 4,
        generation: next_generation(known),
        previous: Some(record.generation),
        since: now.utc,
        since_boot_ns: now.boot_ns,
        boot_id: now.boot_id.clone(),
        deadline: None,
        initiator: Initiator { kind: "deadline".into(), person: "quarterdeck".into(), role: None, ..by.clone() },
        ..record.clone()
    };
    vec![
        Effect::WriteLatch(halt.clone()),
        Effect::Dispatch(halt.clone()),
        Effect::Journal(EventKind::KillSwitchEscalated, halt),
    ]
}

/// Brings latch and journal to say the same, by the stricter.
fn repair(known: &Known<'_>, by: &Initiator) -> Vec<Effect> {
    match (known.latch, known.journal) {
        // Not known to the journal: fired while it could not be written, or by another journal's people.
        (LatchView::Read(latch), None) if latch.generation > 0 || latch.order != Order::Trade => {
            vec![Effect::Journal(EventKind::KillSwitchAdopted, (**latch).clone())]
        }
        (LatchView::Read(latch), Some(journal))
            if latch.order >= journal.order && latch.generation > journal.generation =>
        {
            vec![Effect::Journal(EventKind::KillSwitchAdopted, (**latch).clone())]
        }
        // Less strict than the journal: put back, unless a release is on its way, which the journal hears of first.
        (LatchView::Read(latch), Some(journal)) if latch.order < journal.order => again(known, journal, by),
        (LatchView::Missing | LatchView::Unreadable(_), Some(journal)) if journal.order >= Order::Hold => {
            again(known, journal, by)
        }
        // The journal is ahead with a release that never reached the latch: engines stay stopped, and so does the state.
        _ => Vec::new(),
    }
}

fn again(known: &Known<'_>, record: &Record, by: &Initiator) -> Vec<Effect> {
    let back = Record {
        generation: next_generation(known),
        previous: Some(record.generation),
        initiator: Initiator { kind: "repair".into(), person: "quarterdeck".into(), role: None, ..by.clone() },
        ..record.clone()
    };
    vec![
        Effect::WriteLatch(back.clone()),
        Effect::Dispatch(back.clone()),
        Effect::Journal(EventKind::KillSwitchConflict, back),
    ]
}

/// One more than anybody has seen: the latch, the journal, the engines.
fn next_generation(known: &Known<'_>) -> u64 {
    let heard = known.engines.iter().filter_map(|row| row.beat.as_ref().map(|beat| beat.generation)).max();
    let latch = known.latch.record().map(|record| record.generation);
    let journal = known.journal.map(|record| record.generation);
    [heard, latch, journal].into_iter().flatten().max().map_or(1, |highest| highest.saturating_add(1))
}

fn next(known: &Known<'_>, order: Order, asking: &Asking, now: &Moment) -> Record {
    let previous = known.latch.record().or(known.journal).map(|record| record.generation);
    Record {
        v: 1,
        environment: known.environment.name().into(),
        episode: asking.episode.clone(),
        generation: next_generation(known),
        order,
        level: order.level(),
        began: now.utc,
        since: now.utc,
        since_boot_ns: now.boot_ns,
        boot_id: now.boot_id.clone(),
        deadline: None,
        initiator: asking.by.clone(),
        reason: asking.reason.clone(),
        drill: false,
        engines: asking.engines.clone(),
        previous,
        trust: Trust::Unsigned,
        signature: None,
    }
}

fn refusal(what: &str, next: &str) -> Refusal {
    Refusal { what: what.to_owned(), next: next.to_owned() }
}
