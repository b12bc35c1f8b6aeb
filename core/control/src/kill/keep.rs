//! Keeps what follows by itself: the deadline, a latch that was tampered with, engines that are not flat, a journal that
//! could not be written. Refuses to sleep through any of it: while trading is stopped it looks each second, by the clock
//! of that second.

use super::Switch;
use super::order::Decide;
use super::presence::Own;
use super::row::SETTLED;
use crate::journal::Journal as _;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::kill::{
    Due, Effect, EngineRow, EngineStanding, Initiator, KillRow, Moment, Order, Record, SwitchState, advance,
};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// While trading is normal there is only the company to be looked at.
const QUIET: Duration = Duration::from_secs(10);
/// What follows by itself is told to the journal within this.
const JOURNAL: Duration = Duration::from_secs(1);
/// Whoever holds this file's lock, in the journal's own folder of state, writes down what engines do.
const RECORDER: &str = "recorder.lock";

/// The sleep of the keeping thread, and who wakes it.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    nudged: Mutex<bool>,
    woken: Condvar,
    /// This process writes down what engines do.
    records: AtomicBool,
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
struct Keeping {
    lease: Option<File>,
    /// The generation that an alarm was told of.
    alarmed: Option<u64>,
    /// What was told of level 4's end, in which generation.
    proven: Option<(u64, bool)>,
    /// The generation after which the spare was looked after.
    mended: Option<u64>,
    sent: Option<Instant>,
}

impl Keeper {
    pub(super) fn nudge(&self) {
        *self.nudged.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.woken.notify_all();
    }

    /// True while this process writes down what engines do.
    pub(super) fn records(&self) -> bool {
        self.records.load(Ordering::Relaxed)
    }

    /// Takes the lease, if nobody else has it: done before anything is heard, so that what is heard first is written down.
    pub(super) fn lease(&self, folder: &Path) -> Option<File> {
        let lease = lease(folder);
        self.records.store(lease.is_some(), Ordering::Relaxed);
        lease
    }

    /// Keeps until nobody holds the switch any more.
    pub(super) fn run(&self, lease: Option<File>, switch: &Weak<Switch>) {
        let mut keeping = Keeping { lease, ..Keeping::default() };
        loop {
            let Some(held) = switch.upgrade() else { return };
            let wait = held.keep(&mut keeping);
            drop(held);
            self.sleep(wait);
        }
    }

    fn sleep(&self, wait: Duration) {
        let mut nudged = self.nudged.lock().unwrap_or_else(PoisonError::into_inner);
        if !*nudged {
            nudged = self.woken.wait_timeout(nudged, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        *nudged = false;
    }
}

impl Switch {
    /// One look; gives how long there is nothing to do.
    fn keep(&self, keeping: &mut Keeping) -> Duration {
        if keeping.lease.is_none() {
            keeping.lease = self.keeper.lease(&self.state_folder);
        }
        if keeping.lease.is_some() {
            self.write_down_what_waits();
        }
        self.read_on();
        self.see_others();
        self.journal.try_again();
        self.follow(keeping);
        let row = self.refresh();
        self.record_engines(&row);
        self.record_proof(&row, keeping);
        self.send_again(&row, keeping);
        let generation = row.record.as_ref().map(|record| record.generation);
        if keeping.mended != generation || keeping.mended.is_none() || self.latch.lacks_spare() {
            let mended = self.latch.mend_spare();
            self.with_seen(|seen| {
                let (since, tries) = seen.spareless.unwrap_or_else(|| (quarterdeck_clock::utc(), 0));
                seen.spareless = (!mended).then_some((since, tries + 1));
            });
            keeping.mended = generation.or(Some(0));
        } else {
            self.with_seen(|seen| seen.spareless = None);
        }
        self.patience(&row)
    }

    /// The latch, and then the journal: a release stands in the journal first, so whoever reads in this order has read it.
    pub(super) fn read_on(&self) {
        let look = self.latch.look();
        let broken = self.journal.catch_up().err().map(|error| error.to_string());
        self.with_seen(|seen| {
            seen.latch = look;
            seen.journal_broken = broken;
            seen.journal.clone_from(&self.journal.state().switch);
            let known = seen.journal.record.as_ref().map(|record| (record.generation, record.order));
            if seen.own.as_ref().is_some_and(|own| Some((own.generation, own.order)) <= known) {
                seen.own = None;
            }
            // Whoever brought it to the disk.
            let order = seen.latch.view.record().map(|record| record.order);
            if seen.recorded().is_none_or(|known| order >= Some(known.order)) {
                seen.undurable = None;
            }
        });
    }

    /// Who is there, and what this session may.
    pub(super) fn see_others(&self) {
        let life = || self.life.lock().unwrap_or_else(PoisonError::into_inner);
        if life().as_ref().is_some_and(|life| life.own.is_none()) {
            // The folder may have been made since.
            let own = Own::open(&self.place.present(), &self.present()).ok();
            if let Some(life) = life().as_mut() {
                life.own = own;
            }
        }
        let (present, rights) = (super::presence::all(&self.place.present()), self.policy.rights());
        self.with_seen(|seen| (seen.present, seen.rights) = (present, rights));
    }

    /// What follows by itself from what is known now.
    fn follow(&self, keeping: &mut Keeping) {
        let by = self.initiator("repair");
        let (effects, anchor) = self.with_seen(|seen| {
            let now = quarterdeck_clock::moment();
            let (engines, standing) = seen.judged(self.policy.environment, &now);
            let anchor = standing.record.as_ref().map_or_else(|| now.clone(), |record| seen.anchor(record, &now));
            let mut known = seen.known(self.policy.environment, &engines);
            if seen.journal_broken.is_some() {
                // What it said last may have been released since.
                known.journal = known.journal.and(seen.own.as_ref());
            }
            (advance(&known, &by, &anchor, &now), anchor)
        });
        let writes = effects.iter().any(|effect| matches!(effect, Effect::WriteLatch(_)));
        if writes {
            self.carry_out(|| urgent(by.clone(), anchor.clone()), &quarterdeck_clock::moment(), true);
        }
        let mut alarm = None;
        for effect in effects {
            match effect {
                Effect::Journal(kind, record) if !writes => self.adopt(kind, &record),
                Effect::Alarm(text) => alarm = Some(text),
                Effect::Journal(..) | Effect::WriteLatch(_) | Effect::Dispatch(_) => {}
            }
        }
        let record = self.with_seen(|seen| {
            seen.alarm.clone_from(&alarm);
            seen.row.as_ref().and_then(|row| row.record.clone())
        });
        if let (Some(text), Some(record)) = (alarm, record)
            && keeping.alarmed != Some(record.generation)
        {
            keeping.alarmed = Some(record.generation);
            if self.keeper.records() {
                let event = self.author.found(EventKind::KillSwitchAlarm, &record, Some(text));
                let _ = self.journal.tell(event, JOURNAL);
            }
        }
    }

    /// Takes a latch that the journal doesn't know into it. What can't be written waits in the journal's own queue.
    fn adopt(&self, kind: EventKind, record: &Record) {
        if self.keeper.records() && self.journal.unwritten().is_none() {
            let _ = self.journal.tell(self.author.found(kind, record, None), JOURNAL);
        }
    }

    /// Hands the order once more, each second, to whoever has not answered it.
    fn send_again(&self, row: &KillRow, keeping: &mut Keeping) {
        let Some(record) = row.record.as_ref().filter(|record| record.order != Order::Trade) else { return };
        if keeping.sent.is_some_and(|sent| sent.elapsed() < SECOND - Duration::from_millis(100)) {
            return;
        }
        keeping.sent = Some(Instant::now());
        let answered = |name: &str| {
            let row = row.engines.iter().find(|row| row.name == name);
            row.is_some_and(|row| match record.order {
                Order::Halt => row.standing == EngineStanding::Flat,
                _ => matches!(row.standing, EngineStanding::Blocked | EngineStanding::Flat),
            })
        };
        self.links.send(record, |name| !answered(name), quarterdeck_clock::moment);
    }

    /// Each engine that went from one standing to another.
    fn record_engines(&self, row: &KillRow) {
        let records = self.keeper.records();
        for engine in &row.engines {
            let Some(from) = self.with_seen(|seen| {
                let known = seen.engines.get_mut(&engine.name)?;
                let from = known.told;
                let new = from != Some(engine.standing) && is_settled(row, engine, known.met.as_ref());
                new.then(|| known.told.replace(engine.standing))
            }) else {
                continue;
            };
            for kind in kinds(from, engine.standing).into_iter().filter(|_| records) {
                let took = took_us(engine, row.record.as_ref(), kind);
                self.journal.mention(self.author.engine(kind, engine, from, took), Duration::ZERO);
            }
        }
    }

    /// Level 4's end: flat, or not.
    fn record_proof(&self, row: &KillRow, keeping: &mut Keeping) {
        let (Some(record), true) = (&row.record, self.keeper.records()) else { return };
        let flat = match row.state {
            SwitchState::HaltedFlat => true,
            SwitchState::HaltedResidual => false,
            _ => return,
        };
        let known = self.with_seen(|seen| seen.journal.flat == Some(flat));
        if known || keeping.proven == Some((record.generation, flat)) {
            return;
        }
        keeping.proven = Some((record.generation, flat));
        let kind = if flat { EventKind::KillSwitchFlat } else { EventKind::KillSwitchResidual };
        let open: Vec<String> = row
            .engines
            .iter()
            .filter(|engine| engine.standing != EngineStanding::Flat)
            .map(|engine| format!("{}: {}", engine.name, engine.why.join(", ")))
            .collect();
        let note = match (flat, open.is_empty()) {
            (true, _) => format!("{} engines are proven flat", row.engines.len()),
            (false, true) => "no engine is known, so nothing is proven".into(),
            (false, false) => open.join("; "),
        };
        let _ = self.journal.tell(self.author.found(kind, record, Some(note)), JOURNAL);
    }

    fn patience(&self, row: &KillRow) -> Duration {
        let now = quarterdeck_clock::moment();
        let unsettled = self.with_seen(|seen| seen.engines.values().any(|engine| engine.told.is_none()));
        let deadline = row.record.as_ref().and_then(|record| record.deadline.as_ref());
        match deadline.map(|deadline| deadline.judge(&now, &now)) {
            // The clock is asked again each second: it may be another one by then.
            Some(Due::In(left)) => Duration::try_from(left).unwrap_or(SECOND).clamp(Duration::from_millis(1), SECOND),
            Some(_) => SECOND,
            None if row.level().is_some() && row.record.is_some() => SECOND,
            None if unsettled || !self.journal.is_idle() || row.unjournalled.is_some() => SECOND,
            None => QUIET,
        }
    }
}

/// What follows by itself and has to be written: the deadline that passed, the latch that is put back.
fn urgent(by: Initiator, anchor: Moment) -> Decide {
    Box::new(move |known, now| {
        let effects = advance(known, &by, &anchor, now);
        let writes = effects.iter().any(|effect| matches!(effect, Effect::WriteLatch(_)));
        if writes { effects } else { Vec::new() }
    })
}

/// Takes the lock; whoever holds it lives.
fn lease(folder: &Path) -> Option<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder.join(RECORDER), flags, Mode::RUSR | Mode::WUSR).ok()?);
    file.try_lock().ok().map(|()| file)
}

/// An engine that is on its way is not said to be late for it: neither one that was met a moment ago and has not spoken,
/// nor one that is closing its positions.
fn is_settled(row: &KillRow, engine: &EngineRow, met: Option<&Moment>) -> bool {
    match engine.standing {
        EngineStanding::Silent if engine.beat.is_none() => {
            met.is_some_and(|met| quarterdeck_clock::moment().since(met) >= SETTLED)
        }
        EngineStanding::Residual => row.state != SwitchState::EmergencyHalt,
        _ => true,
    }
}

/// The events of a transition.
fn kinds(from: Option<EngineStanding>, to: EngineStanding) -> Vec<EventKind> {
    use EngineStanding::{Blocked, Defying, Flat, Idle, Late, Residual, Silent, Trading};
    let heard = matches!(from, None | Some(Silent)) && to != Silent;
    let kind = match (from, to) {
        (_, Silent) => Some(EventKind::EngineSilent),
        (_, Blocked) => Some(EventKind::EngineBlocked),
        (_, Flat) => Some(EventKind::EngineFlat),
        (_, Late | Defying | Residual) => Some(EventKind::EngineTrouble),
        (None | Some(Silent | Trading | Idle), Trading | Idle) => None,
        (Some(_), Trading | Idle) => Some(EventKind::EngineTrading),
    };
    heard.then_some(EventKind::EngineHeard).into_iter().chain(kind).collect()
}

/// From the order to the answer.
fn took_us(engine: &EngineRow, record: Option<&Record>, kind: EventKind) -> Option<u64> {
    match kind {
        EventKind::EngineBlocked => u64::try_from(engine.blocked_after?.as_micros()).ok(),
        EventKind::EngineFlat => {
            let (beat, record) = (engine.beat.as_ref()?, record?);
            let flat = beat.steps.flat_ns.filter(|_| beat.boot_id == record.boot_id)?;
            Some(flat.checked_sub(record.since_boot_ns)? / 1_000)
        }
        _ => None,
    }
}
