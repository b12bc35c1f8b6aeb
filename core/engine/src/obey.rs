//! What an engine obeys: the record in force, how far it was carried out, and what is to be done now. Pure: a latch that
//! was read, a word over the socket, the time and the venue's numbers come in as facts, and what has to be done leaves as
//! effects. Refuses every way from stopped to trading but a later release in the latch file, and FLAT without a look at
//! the venue after BLOCKED.

use crate::client::{Duty, Report, Seen};
use jiff::SignedDuration;
use quarterdeck_domain::kill::{Beat, Deadline, Due, EngineState, LatchView, Moment, Order, Record, Step, Steps};
use serde::{Deserialize, Serialize};

/// An order that is under way for longer is told.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(1);
/// Characters of trouble that a beat carries.
const TROUBLE: usize = 400;

/// The record in force, as far as it decides anything; beside the beat in the status file, so that a restart knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Obeys {
    /// What is done; `halt` as soon as the deadline of a stop has passed.
    pub(crate) order: Order,
    /// The episode.
    pub(crate) episode: String,
    /// The record's generation.
    pub(crate) generation: u64,
    /// When a stop becomes a halt.
    pub(crate) deadline: Option<Deadline>,
    /// The deadline made it a halt, and no record has said so yet.
    pub(crate) by_deadline: bool,
}

/// What the process before this one left in its status file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// The record it obeyed.
    pub(crate) obeys: Obeys,
    /// The highest generation it had seen.
    pub(crate) highest: u64,
    /// When it took its steps …
    pub(crate) steps: Steps,
    /// … by the clock of this boot.
    pub(crate) boot_id: String,
}

impl Left {
    /// It may have died between its first closing and the status file: what is half closed is not at level 3.
    pub(crate) fn closing_has_begun(&mut self, in_episode: impl Fn(&str) -> bool) {
        if self.obeys.order.level() == 3 && in_episode(&self.obeys.episode) {
            self.obeys.order = Order::Halt;
            self.obeys.by_deadline = true;
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) enum Fact<'a> {
    /// The latch was looked at.
    Latch(&'a LatchView),
    /// A record came over the socket: it can make things stricter, and nothing else.
    Told(&'a Record),
    /// Time went by.
    Tick,
    /// The gate is shut and no order is on its way.
    Through,
    /// The engine said what the venue says.
    Said(&'a Report),
    /// The engine says that nothing rests.
    Cancelled,
    /// The engine says that nothing rests and nothing is open.
    Flat,
}

/// Something to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Let no order out from now on.
    Shut,
    /// Let orders out.
    Open,
    /// A step was taken or taken back: beat at once, and keep it on the disk.
    Tell,
    /// There is something else to do now.
    Duty(Duty),
}

/// What an engine obeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obedience {
    /// `None` before any record was known.
    force: Option<Obeys>,
    /// The moment at which this process first saw the record in force.
    anchor: Moment,
    highest: u64,
    /// The generation that the latch file has: a word over the socket leads not far past it.
    filed: u64,
    /// Why the latch can't be read, while it can't.
    doubt: Option<String>,
    /// The latch's generation is none that follows the highest.
    leaps: Option<String>,
    /// Why a deadline can't be judged.
    clocks: Option<String>,
    /// The gate is shut and nothing is on its way.
    through: bool,
    step: Step,
    steps: Steps,
    report: Report,
}

impl Obedience {
    /// At a start: with what the last process left. Nothing is let out before the latch was looked at.
    pub(crate) fn begin(left: Option<Left>, now: &Moment) -> Self {
        // Times of another boot mean nothing on this one.
        let steps = left.as_ref().filter(|left| left.boot_id == now.boot_id).map(|left| left.steps).unwrap_or_default();
        Self {
            highest: left.as_ref().map_or(0, |left| left.highest),
            filed: left.as_ref().map_or(0, |left| left.highest),
            leaps: None,
            force: left.map(|left| left.obeys),
            anchor: now.clone(),
            doubt: Some("the latch was not looked at yet".into()),
            clocks: None,
            // An engine that starts has nothing on its way; what it had proven of the venue is to be proven again.
            through: true,
            step: Step::Blocked,
            steps: Steps {
                received_ns: steps.received_ns.or(Some(now.boot_ns)),
                blocked_ns: steps.blocked_ns.or(Some(now.boot_ns)),
                ..Steps::default()
            },
            report: Report::default(),
        }
    }

    /// Takes a fact in.
    pub(crate) fn hear(&mut self, fact: &Fact<'_>, now: &Moment) -> Vec<Effect> {
        let before = (self.duty(), self.step, self.doubt.clone());
        match fact {
            Fact::Latch(LatchView::Read(record)) => self.read(record, now),
            Fact::Latch(LatchView::Missing) => self.doubt = Some("there is no latch".into()),
            Fact::Latch(LatchView::Unreadable(why)) => self.doubt = Some(format!("the latch can't be read: {why}")),
            Fact::Told(record) => self.told(record, now),
            Fact::Tick => {}
            Fact::Through => self.through(now),
            Fact::Said(report) => self.said((*report).clone(), now),
            Fact::Cancelled => self.cancelled(now),
            Fact::Flat => self.flat(now),
        }
        self.pass_deadline(now);
        let mut effects = self.turn(&before.0, now);
        let duty = self.duty();
        if (&duty, self.step, &self.doubt) != (&before.0, before.1, &before.2) {
            effects.push(Effect::Tell);
        }
        if duty != before.0 {
            effects.push(Effect::Duty(duty));
        }
        effects
    }

    /// What has to be done now.
    pub(crate) fn duty(&self) -> Duty {
        Duty {
            level: self.level(),
            episode: self.force.as_ref().map(|force| force.episode.clone()),
            generation: self.highest,
            by_deadline: self.force.as_ref().is_some_and(|force| force.by_deadline),
        }
    }

    /// The record in force.
    pub(crate) fn obeys(&self) -> Option<&Obeys> {
        self.force.as_ref()
    }

    /// How far it was carried out.
    pub(crate) fn step(&self) -> Step {
        self.step
    }

    /// When a stop becomes a halt by itself, for the timer.
    pub(crate) fn deadline(&self) -> Option<&Deadline> {
        self.force.as_ref().filter(|force| force.order == Order::Stop)?.deadline.as_ref()
    }

    /// What a beat says; `told` comes with the engine's name, account, environment and process in it.
    pub(crate) fn beat(&self, told: Beat, more_trouble: &[String], now: &Moment) -> Beat {
        let duty = self.duty();
        let report = &self.report;
        // Of the venue's numbers the wall time is told as it would have been told now, whatever was stepped since.
        let utc = |seen: &Seen| {
            if seen.at.boot_id == now.boot_id { now.utc_of(seen.at.boot_ns) } else { seen.at.utc }
        };
        Beat {
            at: now.utc,
            boot_ns: now.boot_ns,
            boot_id: now.boot_id.clone(),
            state: self.state(),
            episode: duty.episode,
            generation: duty.generation,
            level: duty.level,
            step: self.step,
            steps: self.steps,
            resting_orders: report.orders.as_ref().map(|seen| seen.count),
            orders_synced: report.orders.as_ref().map(utc),
            positions: report.positions.as_ref().map(|seen| seen.count),
            positions_synced: report.positions.as_ref().map(utc),
            last_order: report.last_order.as_ref().map(|at| at.utc),
            last_order_ns: report.last_order.as_ref().filter(|at| at.boot_id == now.boot_id).map(|at| at.boot_ns),
            link: if report.link_up { "up" } else { "down" }.into(),
            trouble: self.trouble(more_trouble, now),
            ..told
        }
    }

    fn level(&self) -> u8 {
        let ordered = self.force.as_ref().map_or(3, |force| force.order.level());
        if self.doubt.is_some() { ordered.max(3) } else { ordered }
    }

    fn state(&self) -> EngineState {
        match (self.level(), self.step) {
            (0, _) if self.report.busy => EngineState::Trading,
            (0, _) => EngineState::Idle,
            (_, Step::None | Step::Received) => EngineState::Trading,
            (_, Step::Flat) => EngineState::Flat,
            (4, _) if !self.report.trouble.is_empty() => EngineState::Residual,
            _ => EngineState::Blocked,
        }
    }

    fn trouble(&self, more: &[String], now: &Moment) -> String {
        let received = self.steps.received_ns.filter(|_| self.step == Step::Received);
        let stuck = received
            .is_some_and(|since| u128::from(now.boot_ns.saturating_sub(since)) >= UNDER_WAY.unsigned_abs().as_nanos());
        let all = [
            self.doubt.as_deref(),
            self.leaps.as_deref(),
            self.clocks.as_deref(),
            stuck.then_some("an order is still being sent"),
        ];
        let own = Some(self.report.trouble.as_str()).filter(|own| !own.is_empty());
        let all: Vec<&str> = all.into_iter().flatten().chain(own).chain(more.iter().map(String::as_str)).collect();
        all.join("; ").chars().take(TROUBLE).collect()
    }

    /// The latch file: what stands there now. It alone can make things less strict, and only in a later generation.
    fn read(&mut self, record: &Record, now: &Moment) {
        let leaps = record.leaps_over(self.force.as_ref().map(|_| self.highest));
        let why = || format!("the latch leaps to generation {}: its number is not believed", record.generation);
        self.leaps = leaps.then(why);
        self.doubt = None;
        let Some(force) = &mut self.force else {
            match leaps {
                true if record.order == Order::Trade => self.doubt = self.leaps.take(),
                true => self.take(record, self.highest, now),
                false => self.take(record, record.generation, now),
            }
            self.filed = self.highest;
            return;
        };
        if leaps {
            if record.order > force.order {
                self.take(record, self.highest, now);
            }
            return;
        }
        self.filed = record.generation;
        let later = record.generation > self.highest;
        if record.order > force.order {
            self.take(record, record.generation, now);
        } else if later && force.order == Order::Halt && record.order.level() == 3 && record.episode == force.episode {
            // It was heard, and changes nothing: what is being closed is not half closed.
            force.generation = record.generation;
            self.highest = record.generation;
        } else if later {
            self.take(record, record.generation, now);
        }
    }

    /// A word over the socket may be old, delayed or said again: one that this episode has gone past is nothing new.
    fn told(&mut self, record: &Record, now: &Moment) {
        if record.order == Order::Trade {
            return;
        }
        let leaps = record.leaps_over(Some(self.filed));
        let generation = if leaps { self.highest } else { record.generation };
        let Some(force) = &mut self.force else { return self.take(record, generation, now) };
        let same = record.episode == force.episode;
        if same && record.generation < force.generation {
            return;
        }
        if record.order > force.order {
            self.take(record, generation, now);
        } else if same && record.order == force.order && generation > self.highest {
            // Said again in a later generation. The deadline stays where it was.
            force.generation = record.generation;
            force.by_deadline = false;
            self.highest = record.generation;
        }
    }

    fn take(&mut self, record: &Record, generation: u64, now: &Moment) {
        // In one episode a stop loses its deadline to a hold alone.
        let kept = self.deadline().filter(|own| {
            let same = self.force.as_ref().is_some_and(|force| force.episode == record.episode);
            same && record.deadline.as_ref().is_some_and(|other| other.is_later_than(own))
        });
        let deadline = kept.or(record.deadline.as_ref()).cloned();
        self.highest = self.highest.max(generation);
        self.anchor = now.clone();
        self.force = Some(Obeys {
            order: record.order,
            episode: record.episode.clone(),
            generation,
            deadline,
            by_deadline: false,
        });
    }

    fn pass_deadline(&mut self, now: &Moment) {
        self.clocks = None;
        let Some(due) = self.deadline().map(|deadline| deadline.judge(now, &self.anchor)) else { return };
        match (due, &mut self.force) {
            (Due::Passed, Some(force)) => {
                force.order = Order::Halt;
                force.by_deadline = true;
            }
            (Due::Doubtful { step, .. }, _) => {
                self.clocks = Some(format!(
                    "the wall clock moved by {} s and the stop is of another start of the machine: level 4 does not follow by itself",
                    step.as_secs()
                ));
            }
            _ => {}
        }
    }

    /// Opens, shuts, and begins the steps of a level or an episode anew.
    fn turn(&mut self, before: &Duty, now: &Moment) -> Vec<Effect> {
        let level = self.level();
        let episode = self.force.as_ref().map(|force| &force.episode);
        if level == before.level && before.episode.as_ref() == episode {
            return Vec::new();
        }
        if level == 0 && before.level == 0 {
            return Vec::new();
        }
        if level == 0 {
            (self.step, self.steps, self.through) = (Step::None, Steps::default(), false);
            return vec![Effect::Open];
        }
        self.steps = Steps { received_ns: Some(now.boot_ns), ..Steps::default() };
        self.step = Step::Received;
        if self.through {
            self.through(now);
        }
        if before.level == 0 { vec![Effect::Shut] } else { Vec::new() }
    }

    fn through(&mut self, now: &Moment) {
        if self.level() == 0 {
            return;
        }
        self.through = true;
        if self.step == Step::Received {
            self.step = Step::Blocked;
            self.steps.blocked_ns = Some(now.boot_ns);
        }
    }

    fn said(&mut self, report: Report, now: &Moment) {
        self.report = report;
        if self.step >= Step::Cancelled && !self.none(self.report.orders.as_ref(), now) {
            self.step = Step::Blocked;
            (self.steps.cancelled_ns, self.steps.flat_ns) = (None, None);
        }
        if self.step == Step::Flat && !self.none(self.report.positions.as_ref(), now) {
            self.step = Step::Cancelled;
            self.steps.flat_ns = None;
        }
    }

    fn cancelled(&mut self, now: &Moment) {
        if self.closes() && self.step < Step::Cancelled && self.none(self.report.orders.as_ref(), now) {
            self.step = Step::Cancelled;
            self.steps.cancelled_ns = Some(now.boot_ns);
        }
    }

    fn flat(&mut self, now: &Moment) {
        self.cancelled(now);
        if self.step == Step::Cancelled && self.none(self.report.positions.as_ref(), now) {
            self.step = Step::Flat;
            self.steps.flat_ns = Some(now.boot_ns);
        }
    }

    /// Level 4, and nothing leaves the engine any more.
    pub(crate) fn closes(&self) -> bool {
        self.level() == 4 && self.step >= Step::Blocked
    }

    /// None, and the venue was asked after BLOCKED, on this boot's clock.
    fn none(&self, seen: Option<&Seen>, now: &Moment) -> bool {
        let Some(blocked_ns) = self.steps.blocked_ns else { return false };
        seen.is_some_and(|seen| seen.count == 0 && seen.at.boot_id == now.boot_id && seen.at.boot_ns >= blocked_ns)
    }
}

#[cfg(test)]
#[path = "obey_tests.rs"]
mod tests;
