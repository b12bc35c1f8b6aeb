//! What this process knows of the switch: the latch as it was read, the engines as they were heard, the last order and how
//! fast it went. Refuses to read anything itself.

use super::latch::Look;
use super::policy::Rights;
use super::presence::Present;
use jiff::SignedDuration;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{
    Beat, Bypass, EngineRow, EngineStanding, Heard, KillRow, Known, LatchView, Moment, Record, Standing, judge,
    standing,
};
use quarterdeck_domain::state;
use std::collections::BTreeMap;
use std::time::Instant;

/// At most so many orders after the stop are listed; the journal has them all.
const BYPASSES: usize = 100;

/// All of it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) latch: Look,
    /// What the journal knows, as far as it was read.
    pub(super) journal: state::Switch,
    /// The last order that was given here. It counts though neither latch nor journal could be written.
    pub(super) own: Option<Record>,
    /// Why the journal can't be read on or written, if so.
    pub(super) journal_broken: Option<String>,
    /// The generation that counts, and the first moment at which this process saw it.
    pub(super) anchor: Option<(u64, Moment)>,
    pub(super) engines: BTreeMap<String, Engine>,
    /// How fast the last order that was given here went.
    pub(super) given: Option<Given>,
    /// Why the latch can't be written, while it can't.
    pub(super) undurable: Option<(String, jiff::Timestamp, u64)>,
    /// What a person has to decide.
    pub(super) alarm: Option<String>,
    /// The reason that was given after the order, with its episode.
    pub(super) explained: Option<(String, String)>,
    pub(super) bypasses: Vec<Bypass>,
    pub(super) present: Vec<Present>,
    pub(super) rights: Rights,
    /// The last row that was told.
    pub(super) row: Option<KillRow>,
    /// By when the listening thread should have come round again.
    pub(super) back_by: Option<Instant>,
    /// The time by which it was not back, and when that was noticed.
    pub(super) late: Option<(Instant, Instant)>,
}

/// True when another Unix user, who has a journal of his own, has gone on from what this journal knows: it says nothing of
/// the latch then, neither that it was tampered with nor that it is older.
pub(super) fn is_past(latch: &Look, known: &Record) -> bool {
    latch.by_another && latch.view.record().is_some_and(|record| record.generation > known.generation)
}

/// One engine.
#[derive(Debug, Clone, Default)]
pub(super) struct Engine {
    pub(super) heard: Heard,
    /// As it was judged and recorded last; `None` before the first time.
    pub(super) told: Option<EngineStanding>,
    /// When this process came to know of it.
    pub(super) met: Option<Moment>,
}

/// The way of an order that was given here.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) generation: u64,
    /// The key.
    pub(super) pressed: Moment,
    pub(super) durable: Option<SignedDuration>,
    pub(super) sent: Option<SignedDuration>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            latch: Look { view: LatchView::Missing, by_another: false },
            journal: state::Switch::default(),
            own: None,
            journal_broken: None,
            anchor: None,
            engines: BTreeMap::new(),
            given: None,
            undurable: None,
            alarm: None,
            explained: None,
            bypasses: Vec::new(),
            present: Vec::new(),
            rights: Rights::default(),
            row: None,
            back_by: None,
            late: None,
        }
    }
}

impl Seen {
    /// An engine spoke. What is older than what is known is passed over: a file may be read after a socket.
    pub(super) fn heard(&mut self, name: &str, beat: Beat, at: Moment) {
        let engine = self.engines.entry(name.to_owned()).or_default();
        let known = engine.heard.beat.as_ref();
        let older = known.is_some_and(|(known, _)| known.boot_id == beat.boot_id && known.boot_ns >= beat.boot_ns);
        if !older {
            engine.heard.beat = Some((beat, at));
        }
    }

    /// The engines, judged against the record that counts, worst first; and what counts.
    pub(super) fn judged(&self, environment: Environment, now: &Moment) -> (Vec<EngineRow>, Standing) {
        let known = |engines| self.known(environment, engines);
        // Which record counts doesn't hang on the engines; the state does.
        let record = standing(&known(&[]), now).record;
        let judged = |(name, engine): (&String, &Engine)| judge(name, &engine.heard, record.as_ref(), now);
        let mut rows: Vec<EngineRow> = self.engines.iter().map(judged).collect();
        rows.sort_by(|a, b| (a.standing, &a.name).cmp(&(b.standing, &b.name)));
        let standing = standing(&known(&rows), now);
        (rows, standing)
    }

    /// What the machine looks at.
    pub(super) fn known<'a>(&'a self, environment: Environment, engines: &'a [EngineRow]) -> Known<'a> {
        Known {
            environment,
            latch: &self.latch.view,
            journal: self.recorded().filter(|known| !is_past(&self.latch, known)),
            engines,
            journal_writable: self.journal_broken.is_none(),
        }
    }

    /// What is recorded, or waits here to be: the later one.
    pub(super) fn recorded(&self) -> Option<&Record> {
        let both = [self.journal.record.as_ref(), self.own.as_ref()];
        both.into_iter().flatten().max_by_key(|record| (record.generation, record.order))
    }

    /// The first moment at which this process saw the record that counts.
    pub(super) fn anchor(&mut self, record: &Record, now: &Moment) -> Moment {
        match &self.anchor {
            Some((generation, anchor)) if *generation == record.generation => anchor.clone(),
            _ => {
                self.anchor = Some((record.generation, now.clone()));
                now.clone()
            }
        }
    }

    /// An order after the stop; those of an episode that is over are let go of.
    pub(super) fn bypassed(&mut self, bypass: Bypass) {
        self.bypasses.retain(|known| known.episode == bypass.episode);
        if let Some(engine) = self.engines.get_mut(&bypass.actor) {
            let last = &mut engine.heard.last_order_seen;
            *last = Some(last.map_or(bypass.at, |last| last.max(bypass.at)));
        }
        self.bypasses.push(bypass);
        if self.bypasses.len() > BYPASSES {
            self.bypasses.remove(0);
        }
    }
}
