//! What makes the firm safer is carried out here: decided under the latch's lock, written, handed to the sockets, told to
//! the journal, in this order. Refuses to let one of the three hold up the next: each has its bounded time, and what it
//! did not do is told.

use super::Switch;
use super::latch::{Held, Latch, LatchError, Look, Over};
use super::place::Place;
use super::seen::{Given, is_past};
use crate::journal::{Journal as _, Patient};
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Effect, EngineRow, Known, LatchView, Moment, Record};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// So long a firing waits for the right to hand out a generation; then it goes on without.
const LOCK: Duration = Duration::from_millis(250);
/// So long the disk may take. A disk that hangs must not keep the order from the sockets.
const DISK: Duration = Duration::from_secs(1);
/// So many may be stuck in a disk that hangs; another one would learn nothing new.
const WRITERS: usize = 4;
/// So often what follows by itself is decided anew before it waits for the next second.
const TRIES: usize = 4;
/// So long the journal is waited for.
const JOURNAL: Duration = Duration::from_millis(100);

/// Decides on what stands.
pub(super) type Decide = Box<dyn Fn(&Known<'_>, &Moment) -> Vec<Effect> + Send>;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// It stood already: it was sent again, and nothing new was ordered.
    pub(super) again: bool,
    /// Why it isn't on the disk.
    pub(super) undurable: Option<String>,
    /// Why it isn't in the journal yet.
    pub(super) unjournalled: Option<String>,
}

/// What the disk made of it.
struct Written {
    effects: Vec<Effect>,
    latch: Look,
    /// What stands now, and whether it is what was decided here.
    stands: Option<(Record, bool)>,
    durable: Option<Moment>,
    undurable: Option<String>,
}

/// All that is needed to decide and write, owned: the disk may keep it longer than anybody waits.
struct Writer {
    latch: Latch,
    place: Place,
    environment: Environment,
    engines: Vec<EngineRow>,
    /// What was ordered here and may be neither in the latch nor in the journal.
    own: Option<Record>,
    journal: Recorded,
}

/// What the journal knows.
#[derive(Clone)]
enum Recorded {
    /// As it was read last: a stop waits for no journal.
    Known(Option<Box<Record>>),
    /// Read on first: what follows by itself is decided on what others have written down. Where it can't be read on it is
    /// not believed: somebody may have released since.
    ReadOn(Arc<Patient>),
}

impl Switch {
    /// Carries out what `decide` asks for. `fresh`: what follows by itself may wait for the journal to be read on.
    pub(super) fn carry_out(&self, decide: impl Fn() -> Decide, pressed: &Moment, fresh: bool) -> Done {
        let written = self.write(&decide, fresh);
        let ordered = written.effects.iter().find_map(|effect| match effect {
            Effect::Dispatch(record) => Some(record.clone()),
            _ => None,
        });
        let Some(ordered) = ordered else { return Done::default() };
        let (record, ours) = written.stands.clone().unwrap_or_else(|| (ordered.clone(), true));
        let reached = self.links.send(&record, |_| true, quarterdeck_clock::moment);
        for (name, at) in &reached {
            self.links.note_sent(name, record.generation, at.since(pressed));
        }
        // What was put back and did not get to the disk is tried again each second: it is recorded once it is there.
        let unkept = |kind: &EventKind| *kind == EventKind::KillSwitchConflict && written.undurable.is_some();
        let told: Vec<(EventKind, Record)> = written
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Journal(kind, told) if ours && !unkept(kind) => {
                    Some((*kind, if *told == ordered { record.clone() } else { told.clone() }))
                }
                _ => None,
            })
            .collect();
        let new = told
            .iter()
            .any(|(kind, _)| matches!(kind, EventKind::KillSwitchActivated | EventKind::KillSwitchEscalated));
        let durable = written.durable.as_ref().map(|at| at.since(pressed));
        self.with_seen(|seen| {
            seen.latch = written.latch.clone();
            if new || seen.given.is_none() {
                let sent = reached.iter().map(|(_, at)| at.since(pressed)).max();
                seen.given = Some(Given { generation: record.generation, pressed: pressed.clone(), durable, sent });
            }
            if !told.is_empty() {
                seen.own = Some(record.clone());
            }
            seen.undurable = written.undurable.as_ref().map(|why| {
                let (since, tries) =
                    seen.undurable.as_ref().map_or((quarterdeck_clock::utc(), 0), |(_, since, tries)| (*since, *tries));
                (why.clone(), since, tries + 1)
            });
        });
        let durable_us = durable.and_then(|after| u64::try_from(after.as_micros()).ok());
        let mut unjournalled = None;
        for (kind, told) in told {
            let durable_us = durable_us.filter(|_| told == record);
            let event = match kind {
                EventKind::KillSwitchActivated | EventKind::KillSwitchEscalated | EventKind::KillSwitchRepeated => {
                    self.author.given(kind, &told, durable_us)
                }
                _ => self.author.found(kind, &told, None),
            };
            unjournalled = self.journal.tell(event, JOURNAL).err();
        }
        Done { again: !new, undurable: written.undurable, unjournalled }
    }

    /// On a thread of its own, which is not waited for longer than a disk may take.
    fn write(&self, decide: &impl Fn() -> Decide, fresh: bool) -> Written {
        let (own, known, engines) = self.with_seen(|seen| {
            let engines = seen.judged(self.policy.environment, &quarterdeck_clock::moment()).0;
            (seen.own.clone(), seen.journal.record.clone(), engines)
        });
        let journal = if fresh { Recorded::ReadOn(self.journal.clone()) } else { Recorded::Known(known.map(Box::new)) };
        let writer = || Writer {
            latch: self.latch.clone(),
            place: self.place.clone(),
            environment: self.policy.environment,
            engines: engines.clone(),
            own: own.clone(),
            journal: journal.clone(),
        };
        let why = || format!("the disk has not answered for {} ms", DISK.as_millis());
        let at_it = self.writers.clone();
        if at_it.load(Ordering::Relaxed) >= WRITERS {
            return self.unwritten(writer(), &decide(), why());
        }
        let (tell, told) = channel();
        let (on_disk, how) = (writer(), decide());
        let started = std::thread::Builder::new().name("latch".into()).spawn(move || {
            at_it.fetch_add(1, Ordering::Relaxed);
            // Nobody may be waiting any more.
            let _ = tell.send(on_disk.run(&how));
            at_it.fetch_sub(1, Ordering::Relaxed);
        });
        if started.is_err() {
            return writer().run(&decide());
        }
        match told.recv_timeout(DISK) {
            Ok(written) => written,
            Err(RecvTimeoutError::Timeout) => self.unwritten(writer(), &decide(), why()),
            Err(RecvTimeoutError::Disconnected) => {
                self.unwritten(writer(), &decide(), "writing it ended in a panic".into())
            }
        }
    }

    /// Decided on what was known, since the disk doesn't say.
    fn unwritten(&self, writer: Writer, decide: &Decide, why: String) -> Written {
        let latch = self.with_seen(|seen| seen.latch.clone());
        let effects = writer.decide(&latch, decide);
        Written { effects, latch, stands: None, durable: None, undurable: Some(why) }
    }
}

impl Writer {
    fn run(&self, decide: &Decide) -> Written {
        let held = self.latch.lock(LOCK).or_else(|| {
            // Never set up, and a stop is what sets it up: as good as it can.
            let missing = !self.latch.folder().exists();
            (missing && self.place.make().is_ok()).then(|| self.latch.lock(LOCK)).flatten()
        });
        for _ in 0..TRIES {
            if let Some(written) = self.once(decide, held.as_ref()) {
                return written;
            }
        }
        let latch = self.latch.look();
        Written { effects: Vec::new(), latch, stands: None, durable: None, undurable: None }
    }

    /// `None`: somebody wrote between the look and the writing, and it has to be decided anew.
    fn once(&self, decide: &Decide, held: Option<&Held>) -> Option<Written> {
        let latch = self.latch.look();
        let effects = self.decide(&latch, decide);
        let record = effects.iter().find_map(|effect| match effect {
            Effect::WriteLatch(record) => Some(record),
            _ => None,
        });
        let Some(record) = record else {
            let durable = Some(quarterdeck_clock::moment()).filter(|_| latch.view.record().is_some());
            return Some(Written { effects, latch, stands: None, durable, undurable: None });
        };
        let over = if record.is_urgent() { Over::Milder } else { Over::Only(&latch.view) };
        match self.latch.write(record, over, held) {
            Ok(stands) => {
                let durable = Some(quarterdeck_clock::moment());
                // Another generation of the same order is ours still: somebody wrote meanwhile.
                let ours = Record { generation: record.generation, ..stands.clone() } == *record;
                let latch = Look { view: LatchView::Read(Box::new(stands.clone())), by_another: false };
                Some(Written { effects, latch, stands: Some((stands, ours)), durable, undurable: None })
            }
            Err(LatchError::Changed) if !record.is_urgent() => None,
            Err(error) => {
                let latch = self.latch.look();
                Some(Written { effects, latch, stands: None, durable: None, undurable: Some(error.to_string()) })
            }
        }
    }

    fn decide(&self, latch: &Look, decide: &Decide) -> Vec<Effect> {
        let recorded = match &self.journal {
            Recorded::Known(record) => record.as_deref().cloned(),
            Recorded::ReadOn(journal) => match journal.catch_up() {
                Ok(_) => journal.state().switch.record.clone(),
                Err(_) => None,
            },
        };
        let both = [&recorded, &self.own];
        let journal = both.into_iter().flatten().max_by_key(|record| (record.generation, record.order));
        let known = Known {
            environment: self.environment,
            latch: &latch.view,
            journal: journal.filter(|known| !is_past(latch, known)),
            engines: &self.engines,
            journal_writable: true,
        };
        decide(&known, &quarterdeck_clock::moment())
    }
}
