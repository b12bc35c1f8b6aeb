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
use std::time::{Duration, Instant};

/// At most so many engines are looked at.
const ENGINES: usize = 256;
/// No clock of the same machine is so far ahead of ours: whoever says so is not believed.
const AHEAD_NS: u64 = 1_000_000_000;
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
    /// So many more there are than are looked at. Nothing is known of them.
    pub(super) more: usize,
    /// How fast the last order that was given here went.
    pub(super) given: Option<Given>,
    /// Why the latch can't be written, while it can't.
    pub(super) undurable: Option<(String, jiff::Timestamp, u64)>,
    /// The latch has no spare, and none can be made: since when, and how often it was tried. A full disk would keep the next
    /// order from it.
    pub(super) spareless: Option<(jiff::Timestamp, u64)>,
    /// What a person has to decide.
    pub(super) alarm: Option<String>,
    /// The reason that was given after an order, with the order's generation.
    pub(super) explained: Option<(u64, String)>,
    pub(super) bypasses: Vec<Bypass>,
    pub(super) present: Vec<Present>,
    pub(super) rights: Rights,
    /// The last row that was told.
    pub(super) row: Option<KillRow>,
    /// By when the listening thread should have come round again.
    pub(super) back_by: Option<Instant>,
    pub(super) late: Option<Late>,
}

/// The listening thread was not back in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Late {
    /// By when it should have been.
    by: Instant,
    /// When that was looked at last.
    looked: Instant,
    /// So long it was given since, by somebody who was awake.
    given: Duration,
}

/// A thread that is late is stuck when it was given so long since that was noticed …
const STUCK: Duration = Duration::from_secs(2);
/// … of which from one look to the next no more counts than this: a whole process that was stopped and goes on is late in
/// all its threads, and not stuck.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of a thread that should be back by then.
pub(super) fn late(by: Option<Instant>, known: Option<Late>, now: Instant) -> Option<Late> {
    let by = by.filter(|by| now > *by)?;
    let known = known.filter(|known| known.by == by);
    let given = known.map_or(Duration::ZERO, |known| known.given + now.duration_since(known.looked).min(LOOK));
    Some(Late { by, looked: now, given })
}

impl Late {
    /// True when it doesn't come back.
    pub(super) fn is_stuck(&self) -> bool {
        self.given >= STUCK
    }
}

/// True when another Unix user, who has a journal of his own, has gone on from what this journal knows: it says nothing of
/// the latch then, neither that it was tampered with nor that it is older.
pub(super) fn is_past(latch: &Look, known: &Record) -> bool {
    latch.by_another && latch.view.record().is_some_and(|record| record.generation > known.generation)
}

/// Over what an engine was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Its own process said it.
    Socket,
    /// Anybody may have written it who may write there, at any time.
    File,
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
            more: 0,
            given: None,
            undurable: None,
            spareless: None,
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
    /// An engine spoke. What a file says is passed over where something newer is known: it may be read after a socket. What
    /// lies ahead of our own clock is never kept: everything true would be older.
    pub(super) fn heard(&mut self, name: &str, beat: Beat, at: Moment, by: By) {
        let engine = self.engines.entry(name.to_owned()).or_default();
        let known = engine.heard.beat.as_ref();
        let older = known.is_some_and(|(known, _)| known.boot_id == beat.boot_id && known.boot_ns >= beat.boot_ns);
        let ahead = beat.boot_id == at.boot_id && beat.boot_ns > at.boot_ns.saturating_add(AHEAD_NS);
        if !ahead && (by == By::Socket || !older) {
            engine.heard.beat = Some((beat, at));
        }
    }

    /// There is such an engine.
    pub(super) fn meet(&mut self, name: &str, now: &Moment) {
        let engine = self.engines.entry(name.to_owned()).or_default();
        engine.met.get_or_insert_with(|| now.clone());
    }

    /// The same for a name that was found; false where there is no room for it.
    pub(super) fn meet_if_room(&mut self, name: &str, now: &Moment) -> bool {
        let room = self.engines.len() < ENGINES || self.engines.contains_key(name);
        if room {
            self.meet(name, now);
        }
        room
    }

    /// The engines, judged against the record that counts, worst first; and what counts.
    pub(super) fn judged(&self, environment: Environment, now: &Moment) -> (Vec<EngineRow>, Standing) {
        let known = |engines| self.known(environment, engines);
        // Which record counts doesn't hang on the engines; the state does.
        let record = standing(&known(&[]), now).record;
        let judged = |(name, engine): (&String, &Engine)| judge(name, &engine.heard, record.as_ref(), now);
        let mut rows: Vec<EngineRow> = self.engines.iter().map(judged).collect();
        if self.more > 0 {
            // No engine can have this name. As long as it stands there nothing is proven of all.
            let mut rest = judge(&format!("{} more", self.more), &Heard::default(), record.as_ref(), now);
            rest.why = vec![format!("more engines than {ENGINES} are not looked at")];
            rows.push(rest);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_domain::kill::{EngineState, Step, Steps, SwitchState};

    fn beat(at: &Moment, step: Step) -> Beat {
        Beat {
            v: 1,
            engine: "alpha".into(),
            environment: "qa".into(),
            account: "****4789".into(),
            pid: 1,
            at: at.utc,
            boot_ns: at.boot_ns,
            boot_id: at.boot_id.clone(),
            state: EngineState::Trading,
            episode: None,
            generation: 0,
            level: 0,
            step,
            steps: Steps::default(),
            resting_orders: None,
            orders_synced: None,
            positions: None,
            positions_synced: None,
            last_order: None,
            last_order_ns: None,
            link: "up".into(),
            trouble: String::new(),
        }
    }

    fn later(now: &Moment, ns: u64) -> Moment {
        Moment { boot_ns: now.boot_ns + ns, ..now.clone() }
    }

    #[test]
    fn what_is_said_of_the_future_is_not_kept_and_a_socket_replaces_a_file() {
        let now = Moment { boot_ns: 100 * AHEAD_NS, ..quarterdeck_clock::moment() };
        let mut seen = Seen::default();
        let said = |seen: &Seen| seen.engines["alpha"].heard.beat.as_ref().map(|(beat, _)| beat.boot_ns);
        for by in [By::File, By::Socket] {
            let mut wrong = beat(&now, Step::None);
            wrong.boot_ns = u64::MAX;
            seen.heard("alpha", wrong, now.clone(), by);
            assert_eq!(said(&seen), None, "{by:?}");
        }
        let soon = later(&now, AHEAD_NS);
        seen.heard("alpha", beat(&soon, Step::None), now.clone(), By::File);
        assert_eq!(said(&seen), Some(soon.boot_ns));
        seen.heard("alpha", beat(&now, Step::None), now.clone(), By::Socket);
        assert_eq!(said(&seen), Some(now.boot_ns), "what its process says counts");
        seen.heard("alpha", beat(&later(&now, 0), Step::Flat), now.clone(), By::File);
        assert_eq!(seen.engines["alpha"].heard.beat.as_ref().map(|(beat, _)| beat.step), Some(Step::None));
    }

    #[test]
    fn more_engines_than_are_looked_at_are_never_taken_for_flat() {
        let now = quarterdeck_clock::moment();
        let mut seen = Seen::default();
        for number in 0..ENGINES {
            assert!(seen.meet_if_room(&format!("e{number}"), &now));
        }
        assert!(!seen.meet_if_room("one-more", &now) && seen.meet_if_room("e0", &now), "who is known stays");
        seen.engines.clear();
        seen.more = 3;
        seen.latch.view =
            LatchView::Read(Box::new(crate::kill::tests::record(quarterdeck_domain::kill::Order::Halt, 1)));
        let (rows, standing) = seen.judged(Environment::Qa, &now);
        assert_eq!((rows.len(), rows[0].name.as_str(), rows[0].standing), (1, "3 more", EngineStanding::Silent));
        assert_ne!(standing.state, SwitchState::HaltedFlat);
    }

    #[test]
    fn a_process_that_was_stopped_and_goes_on_is_not_stuck_and_a_thread_that_hangs_is() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        // Stopped twice, for longer than anybody waits, before the thread came round.
        let mut known = None;
        for now in [1, 20, 40] {
            known = late(Some(at(5)), known, at(now));
            assert!(!known.is_some_and(|late| late.is_stuck()), "{now}: {known:?}");
        }
        assert_eq!(late(Some(at(46)), known, at(41)), None, "it is back");
        let anew = late(Some(at(46)), known, at(60)).expect("late once more");
        assert!(!anew.is_stuck(), "counted from the beginning");
        let looks = (61..64).try_fold(anew, |known, now| late(Some(at(46)), Some(known), at(now)));
        assert!(looks.is_some_and(|late| late.is_stuck()), "it hangs");
    }
}
