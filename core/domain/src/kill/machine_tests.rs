//! The machine's tables: what counts of a latch and a journal, what each command does in each state, and why it doesn't.

use super::super::testing::{after, alice, ordered as record};
use super::super::{Beat, EngineState, Level, advance, command, judge};
use super::*;
use crate::catalogue::EventKind::{
    KillSwitchActivated, KillSwitchAdopted, KillSwitchConflict, KillSwitchEscalated, KillSwitchHeld,
    KillSwitchReleased, KillSwitchRepeated, KillSwitchSetUp,
};
use Order::{Halt, Hold, Stop, Trade};

fn ordered(order: Order) -> Record {
    record(Environment::Qa, order)
}

fn generation(generation: u64, record: Record) -> Record {
    Record { generation, ..record }
}

fn read(record: &Record) -> LatchView {
    LatchView::Read(Box::new(record.clone()))
}

fn engine(name: &str, standing: EngineStanding) -> EngineRow {
    EngineRow { standing, ..judge(name, &Default::default(), None, &after(0)) }
}

/// A latch, a journal, and engines.
struct Case {
    latch: LatchView,
    journal: Option<Record>,
    engines: Vec<EngineRow>,
    environment: Environment,
    writable: bool,
}

impl Case {
    fn of(latch: LatchView, journal: Option<Record>) -> Self {
        let engines = vec![engine("alpha", EngineStanding::Residual)];
        Self { latch, journal, engines, environment: Environment::Qa, writable: true }
    }

    /// Latch and journal agree.
    fn agreed(order: Order) -> Self {
        Self::of(read(&ordered(order)), Some(ordered(order)))
    }

    fn known(&self) -> Known<'_> {
        Known {
            environment: self.environment,
            latch: &self.latch,
            journal: self.journal.as_ref(),
            engines: &self.engines,
            journal_writable: self.writable,
        }
    }

    fn ask(&self, ask: Ask, ms: i64) -> Result<Vec<Effect>, String> {
        self.asked(asking(ask), ms)
    }

    fn asked(&self, asking: Asking, ms: i64) -> Result<Vec<Effect>, String> {
        command(&self.known(), &asking, &after(ms)).map_err(|refusal| refusal.what)
    }

    fn advance(&self, anchor: i64, ms: i64) -> Vec<Effect> {
        advance(&self.known(), &alice(), &after(anchor), &after(ms))
    }

    fn state(&self, ms: i64) -> SwitchState {
        standing(&self.known(), &after(ms)).state
    }
}

fn asking(ask: Ask) -> Asking {
    Asking {
        ask,
        by: alice(),
        reason: Some("because".into()),
        episode: "E-13".into(),
        engines: vec!["alpha".into()],
        owns_the_folder: true,
        folder_owner: "root".into(),
    }
}

fn release(note: Option<&str>, without: &[&str]) -> Ask {
    Ask::Release { note: note.map(Into::into), without: without.iter().map(|name| (*name).to_owned()).collect() }
}

/// What is done, in order, with the order and the generation.
fn done(effects: &[Effect]) -> Vec<(&'static str, Order, u64)> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::WriteLatch(record) => ("latch", record.order, record.generation),
            Effect::Dispatch(record) => ("engines", record.order, record.generation),
            Effect::Journal(kind, record) => (kind.entry().name, record.order, record.generation),
            Effect::Alarm(_) => ("alarm", Trade, 0),
        })
        .collect()
}

fn name(kind: EventKind) -> &'static str {
    kind.entry().name
}

#[test]
fn the_stricter_counts_and_of_the_same_the_later() {
    let unreadable = || LatchView::Unreadable("it is empty".into());
    let old = |order| generation(7, ordered(order));
    let doubt = "the latch says trade in generation 99, the journal stop in 41: the stricter counts";
    let cases = [
        (read(&ordered(Trade)), None, SwitchState::Normal, None),
        (read(&ordered(Stop)), Some(old(Trade)), SwitchState::GracefulStop, None),
        (read(&ordered(Hold)), Some(ordered(Hold)), SwitchState::Held, None),
        (read(&generation(99, ordered(Trade))), Some(ordered(Stop)), SwitchState::GracefulStop, Some(doubt)),
        // A hold and a release that never reached the latch.
        (read(&old(Stop)), Some(ordered(Hold)), SwitchState::GracefulStop, None),
        (read(&old(Hold)), Some(ordered(Trade)), SwitchState::Held, None),
        (read(&old(Trade)), Some(ordered(Trade)), SwitchState::Normal, None),
        (
            read(&old(Hold)),
            Some(ordered(Hold)),
            SwitchState::Held,
            Some("the latch says hold in generation 7, the journal hold in 41: the stricter counts"),
        ),
        (LatchView::Missing, None, SwitchState::Unknown, Some(NO_LATCH)),
        (LatchView::Missing, Some(ordered(Trade)), SwitchState::Unknown, Some("the latch is gone")),
        (LatchView::Missing, Some(ordered(Stop)), SwitchState::GracefulStop, Some("the latch is gone")),
        (unreadable(), None, SwitchState::Unknown, Some("the latch can't be read: it is empty")),
        (unreadable(), Some(ordered(Halt)), SwitchState::EmergencyHalt, Some("the latch can't be read: it is empty")),
    ];
    for (latch, journal, state, doubt) in cases {
        let case = Case::of(latch, journal);
        let standing = standing(&case.known(), &after(1_000));
        let context = format!("{:?} {:?}", case.latch, case.journal);
        assert_eq!((standing.state, standing.doubt.as_deref()), (state, doubt), "{context}");
        assert_eq!(standing.record.is_none(), state == SwitchState::Unknown, "{context}");
    }
}

#[test]
fn a_deadline_changed_in_its_generation_is_the_journals() {
    let mut later = ordered(Stop);
    later.deadline.as_mut().expect("a stop").boot_ns += 1;
    let case = Case::of(read(&later), Some(ordered(Stop)));
    assert_eq!(standing(&case.known(), &after(0)).record, Some(ordered(Stop)));
    assert_eq!(done(&case.advance(0, 0))[0], ("latch", Stop, 42));
}

#[test]
fn a_deadline_that_is_later_or_gone_in_its_episode_is_the_journals_whatever_the_generation() {
    let of = |change: fn(&mut Record)| {
        let mut forged = generation(42, ordered(Stop));
        change(&mut forged);
        forged
    };
    let years: fn(&mut Record) = |record| record.deadline.as_mut().expect("a stop").boot_ns += 1 << 60;
    let wall: fn(&mut Record) = |record| record.deadline.as_mut().expect("a stop").utc += SignedDuration::from_hours(1);
    let boot: fn(&mut Record) = |record| record.deadline.as_mut().expect("a stop").boot_id = "another".into();
    let hold: fn(&mut Record) = |record| (record.order, record.deadline) = (Hold, None);
    for change in [years, wall, boot, hold] {
        let case = Case::of(read(&of(change)), Some(ordered(Stop)));
        assert_eq!(standing(&case.known(), &after(0)).record, Some(ordered(Stop)));
        let Effect::WriteLatch(back) = &case.advance(0, 60_000)[0] else { panic!("it is put back") };
        assert_eq!((back.order, back.generation, &back.deadline), (Stop, 43, &ordered(Stop).deadline));
        // And level 4 follows in its time, without the forged one being taken in.
        let effects = done(&case.advance(0, 300_000));
        assert_eq!(effects, [("latch", Halt, 43), ("engines", Halt, 43), (name(KillSwitchEscalated), Halt, 43)]);
    }
    let earlier = of(|record| record.deadline.as_mut().expect("a stop").boot_ns -= 1);
    let case = Case::of(read(&earlier), Some(ordered(Stop)));
    assert_eq!(done(&case.advance(0, 60_000)), [(name(KillSwitchAdopted), Stop, 42)], "less time is stricter");
}

#[test]
fn a_generation_that_leaps_is_put_back_and_never_leads_to_another() {
    let last = Record::HIGHEST;
    let leap = |order| read(&generation(last, ordered(order)));
    // As strict or milder: the journal's. Stricter: its order counts, in a generation of ours.
    for (latch, journal, order) in [(Stop, Stop, Stop), (Hold, Stop, Stop), (Halt, Hold, Halt), (Stop, Trade, Stop)] {
        let case = Case::of(leap(latch), Some(ordered(journal)));
        let back = [("latch", order, 42), ("engines", order, 42), (name(KillSwitchConflict), order, 42)];
        assert_eq!(done(&case.advance(0, 10)), back, "{latch:?} over {journal:?}");
    }
    let put_back =
        Record { generation: 42, initiator: Initiator { kind: "repair".into(), ..alice() }, ..ordered(Stop) };
    let still = Case::of(leap(Stop), Some(put_back));
    assert_eq!(done(&still.advance(0, 10)), [("latch", Stop, 42), ("engines", Stop, 42), ("alarm", Trade, 0)]);
    assert_eq!(done(&Case::of(leap(Halt), None).advance(0, 10))[0], ("latch", Halt, 1));
    // Trade is never written by itself, and a stop over it has a generation that engines read.
    let trade = Case::of(leap(Trade), Some(ordered(Trade)));
    assert_eq!(trade.advance(0, 60_000), []);
    for (level, order) in [(Level::Stop, Stop), (Level::Halt, Halt)] {
        let effects = trade.ask(Ask::Fire(level), 0).expect("fired");
        let Effect::WriteLatch(record) = &effects[0] else { panic!("the latch first") };
        let over = record.over(trade.latch.record().expect("it can be read")).expect("it is stricter");
        assert_eq!((over.order, over.generation), (order, 42));
        assert_eq!(Record::parse(&over.bytes(), Environment::Qa), Ok(over));
    }
    // A latch and a journal that are there already have nothing after them, and stop all the same.
    let full = Case::of(leap(Trade), Some(generation(last, ordered(Trade))));
    let effects = full.ask(Ask::Fire(Level::Halt), 0).expect("fired");
    assert_eq!(done(&effects)[0], ("latch", Halt, last));
}

#[test]
fn a_halt_is_flat_by_every_engine_and_residual_after_its_time() {
    let mut case = Case::agreed(Halt);
    assert_eq!((case.state(0), case.state(29_999)), (SwitchState::EmergencyHalt, SwitchState::EmergencyHalt));
    assert_eq!(case.state(30_000), SwitchState::HaltedResidual);
    case.engines = vec![engine("alpha", EngineStanding::Flat)];
    assert_eq!(case.state(0), SwitchState::HaltedFlat);
    // One that was known at the order and of which nothing is known now.
    case.engines = vec![engine("beta", EngineStanding::Flat)];
    assert_eq!(case.state(30_000), SwitchState::HaltedResidual);
    case.engines.clear();
    assert_eq!(case.state(0), SwitchState::HaltedResidual, "no engine is no proof");
}

#[test]
fn a_stop_is_in_the_latch_before_anybody_hears_of_it() {
    for (level, order) in [(Level::Stop, Stop), (Level::Halt, Halt)] {
        let effects = Case::agreed(Trade).ask(Ask::Fire(level), 5_000).expect("fired");
        let told = name(KillSwitchActivated);
        assert_eq!(done(&effects), [("latch", order, 42), ("engines", order, 42), (told, order, 42)]);
        let Effect::WriteLatch(record) = &effects[0] else { panic!("the latch first") };
        assert_eq!((record.episode.as_str(), record.began), ("E-13", after(5_000).utc));
        assert_eq!(record.deadline.is_some(), order == Stop);
        assert!(record.is_urgent());
    }
    // Whatever is broken.
    for latch in [LatchView::Missing, LatchView::Unreadable("x".into())] {
        let case = Case { writable: false, ..Case::of(latch, None) };
        assert_eq!(done(&case.ask(Ask::Fire(Level::Stop), 0).expect("fired"))[0], ("latch", Stop, 1));
    }
}

#[test]
fn a_second_stop_restarts_nothing_and_lifts_nothing() {
    for order in [Hold, Stop, Halt] {
        let effects = Case::agreed(order).ask(Ask::Fire(Level::Stop), 60_000).expect("fired");
        let asked = (name(KillSwitchRepeated), order, 41);
        assert_eq!(done(&effects), [("engines", order, 41), asked], "{order:?}: sent again, and who asked is recorded");
    }
    // The latch lost it: it is put back, with the deadline it had.
    let case = Case::of(LatchView::Missing, Some(ordered(Stop)));
    let effects = case.ask(Ask::Fire(Level::Stop), 60_000).expect("fired");
    assert_eq!(done(&effects), [("latch", Stop, 42), ("engines", Stop, 42), (name(KillSwitchConflict), Stop, 42)]);
    let Effect::WriteLatch(record) = &effects[0] else { panic!("the latch first") };
    assert_eq!((&record.deadline, record.episode.as_str()), (&ordered(Stop).deadline, "E-12"));
}

#[test]
fn a_halt_goes_on_with_the_episode_and_its_engines() {
    for order in [Hold, Stop] {
        let mut case = Case::agreed(order);
        case.engines.clear();
        let mut asking = asking(Ask::Fire(Level::Halt));
        asking.engines = vec!["beta".into()];
        let effects = case.asked(asking, 60_000).expect("fired");
        let told = name(KillSwitchEscalated);
        assert_eq!(done(&effects), [("latch", Halt, 42), ("engines", Halt, 42), (told, Halt, 42)]);
        let Effect::WriteLatch(record) = &effects[0] else { panic!("the latch first") };
        assert_eq!((record.episode.as_str(), record.began), ("E-12", after(0).utc));
        assert_eq!(record.engines, ["beta", "alpha"], "who was known has to answer");
    }
    let again = Case::agreed(Halt).ask(Ask::Fire(Level::Halt), 1).expect("fired");
    assert_eq!(done(&again), [("engines", Halt, 41), (name(KillSwitchRepeated), Halt, 41)]);
}

#[test]
fn a_hold_over_a_stop_that_the_journal_never_heard_of_records_the_stop_first() {
    let effects = Case::of(LatchView::Read(Box::new(ordered(Stop))), None).ask(Ask::Hold, 1_000).expect("held");
    let told = [(name(KillSwitchAdopted), Stop, 41), (name(KillSwitchHeld), Hold, 42)];
    assert_eq!(done(&effects)[..2], told);
}

#[test]
fn a_halt_carries_the_stop_that_the_journal_never_heard_of() {
    let stop = Record { reason: Some("beta-us auth failing".into()), ..ordered(Stop) };
    let case = Case { writable: false, ..Case::of(LatchView::Read(Box::new(stop)), None) };
    let asking = Asking { reason: Some("it trades on".into()), ..asking(Ask::Fire(Level::Halt)) };
    let effects = case.asked(asking, 60_000).expect("fired");
    let Effect::WriteLatch(record) = &effects[0] else { panic!("the latch first") };
    let reason = record.reason.as_deref().expect("both reasons");
    assert!(reason.starts_with("it trades on; before it, not in the journal: level 3 by "), "{reason}");
    assert!(reason.ends_with(": beta-us auth failing"), "{reason}");
}

#[test]
fn a_hold_is_in_the_journal_first_and_only_in_time() {
    let effects = Case::agreed(Stop).ask(Ask::Hold, 299_999).expect("held");
    assert_eq!(done(&effects), [(name(KillSwitchHeld), Hold, 42), ("latch", Hold, 42), ("engines", Hold, 42)]);
    let Effect::WriteLatch(record) = &effects[1] else { panic!("then the latch") };
    assert_eq!((record.episode.as_str(), &record.deadline, record.is_urgent()), ("E-12", &None, false));
    let refused = |case: Case, ms| case.ask(Ask::Hold, ms).expect_err("refused");
    assert_eq!(refused(Case::agreed(Stop), 300_000), "the five minutes are over: level 4 is being carried out");
    assert_eq!(refused(Case::agreed(Hold), 0), "level 3 is held already");
    assert_eq!(refused(Case::agreed(Trade), 0), "there is nothing to hold: trading is normal");
    assert_eq!(refused(Case::agreed(Halt), 0), "level 4 can't be held: it is being carried out");
    let unknown = Case::of(LatchView::Missing, None);
    assert_eq!(refused(unknown, 0), "the latch can't be read, so there is nothing to hold");
    let full = Case { writable: false, ..Case::agreed(Stop) };
    assert_eq!(refused(full, 0), "nothing is held while the journal can't be written");
    // On another boot the wall clock may be wrong, and nothing follows from it.
    let mut other = ordered(Stop);
    other.deadline.as_mut().expect("a stop").boot_id = "a".into();
    assert!(Case::of(read(&other), Some(other)).ask(Ask::Hold, 400_000).is_ok());
}

#[test]
fn a_release_is_in_the_journal_first_and_only_from_where_it_may() {
    let effects = Case::agreed(Hold).ask(release(None, &[]), 0).expect("released");
    assert_eq!(done(&effects), [(name(KillSwitchReleased), Trade, 42), ("latch", Trade, 42), ("engines", Trade, 42)]);
    let refused = |case: Case, ask: Ask| case.ask(ask, 0).expect_err("refused");
    assert_eq!(refused(Case::agreed(Trade), release(None, &[])), "there is nothing to release: trading is normal");
    assert_eq!(refused(Case::agreed(Stop), release(None, &[])), "level 3 is running towards level 4");
    let unknown = Case::of(LatchView::Missing, Some(ordered(Trade)));
    assert_eq!(refused(unknown, release(None, &[])), "the latch can't be read, so there is nothing to release");
    let full = Case { writable: false, ..Case::agreed(Hold) };
    assert_eq!(refused(full, release(None, &[])), "nothing is released while the journal can't be written");
    for reason in [None, Some(" ".to_owned())] {
        let asking = Asking { reason, ..asking(release(None, &[])) };
        assert_eq!(Case::agreed(Hold).asked(asking, 0), Err("a release needs its reason".into()));
    }
}

#[test]
fn after_level_4_a_release_needs_a_note_and_every_engine() {
    let halted = |engines| Case { engines, ..Case::agreed(Halt) };
    let flat = || vec![engine("alpha", EngineStanding::Flat)];
    assert!(halted(flat()).ask(release(Some("a fat finger"), &[]), 0).is_ok());
    for note in [None, Some("  ")] {
        let refused = halted(flat()).ask(release(note, &[]), 0).expect_err("refused");
        assert_eq!(refused, "a release after level 4 needs a post-incident note (R5.2)");
    }
    let open = |without: &[&str]| {
        let mut rows = vec![engine("beta", EngineStanding::Silent), engine("gamma", EngineStanding::Residual)];
        rows.push(engine("delta", EngineStanding::Flat));
        halted(rows).ask(release(Some("a fat finger"), without), 0)
    };
    assert_eq!(open(&[]), Err("not proven flat: beta, gamma, alpha".into()), "alpha was known at the order");
    assert_eq!(open(&["beta", "alpha"]), Err("not proven flat: gamma".into()));
    assert!(open(&["beta", "alpha", "gamma"]).is_ok());
}

#[test]
fn an_engine_that_halted_by_itself_is_released_like_after_level_4() {
    let mut case = Case::agreed(Hold);
    case.engines[0].beat = Some(Beat { level: 4, episode: Some("E-12".into()), ..beat(50) });
    let note = "a release after level 4 needs a post-incident note (R5.2)";
    assert_eq!(case.ask(release(None, &[]), 0), Err(note.into()));
    assert_eq!(case.ask(release(Some("x"), &[]), 0), Err("not proven flat: alpha".into()));
    assert!(case.ask(release(Some("x"), &["alpha"]), 0).is_ok());
    case.engines[0].standing = EngineStanding::Flat;
    assert!(case.ask(release(Some("x"), &[]), 0).is_ok());
}

#[test]
fn in_production_only_the_folders_owner_makes_it_riskier() {
    let of = |order| {
        let record = record(Environment::Production, order);
        Case { environment: Environment::Production, ..Case::of(read(&record), Some(record)) }
    };
    let other = |ask| Asking { owns_the_folder: false, ..asking(ask) };
    for (order, ask) in [(Stop, Ask::Hold), (Hold, release(None, &[]))] {
        assert!(of(order).ask(ask.clone(), 0).is_ok());
        let refused = of(order).asked(other(ask), 0).expect_err("refused");
        assert!(refused.contains("by an unsigned order, and signatures are not built yet"), "{refused}");
    }
    for level in [Level::Stop, Level::Halt] {
        assert!(of(Trade).asked(other(Ask::Fire(level)), 0).is_ok(), "everybody may stop");
    }
}

#[test]
fn only_where_nothing_ever_was_is_it_set_up() {
    let effects = Case::of(LatchView::Missing, None).ask(Ask::SetUp, 0).expect("set up");
    assert_eq!(done(&effects), [(name(KillSwitchSetUp), Trade, 0), ("latch", Trade, 0)]);
    let refused = |case: Case| case.ask(Ask::SetUp, 0).expect_err("refused");
    let gone = "there was a latch here, and it is gone: nobody gets back to trading by setting up anew";
    assert_eq!(refused(Case::of(LatchView::Missing, Some(ordered(Trade)))), gone);
    let mut heard = Case::of(LatchView::Missing, None);
    heard.engines[0].beat = Some(beat(41));
    assert_eq!(refused(heard), gone, "an engine has obeyed one");
    assert_eq!(refused(Case::agreed(Trade)), "there is a latch already");
    assert_eq!(refused(Case::of(LatchView::Unreadable("x".into()), None)), "there is a latch already");
}

#[test]
fn level_4_follows_at_the_deadline_and_not_before() {
    assert_eq!(Case::agreed(Stop).advance(0, 299_999), []);
    let effects = Case::agreed(Stop).advance(0, 300_000);
    assert_eq!(done(&effects), [("latch", Halt, 42), ("engines", Halt, 42), (name(KillSwitchEscalated), Halt, 42)]);
    let Effect::WriteLatch(record) = &effects[0] else { panic!("the latch first") };
    assert_eq!((record.initiator.kind.as_str(), record.initiator.person.as_str()), ("deadline", "quarterdeck"));
    assert_eq!((record.episode.as_str(), record.is_urgent()), ("E-12", false));
    for order in [Trade, Hold, Halt] {
        assert_eq!(Case::agreed(order).advance(0, 400_000), [], "{order:?}");
    }
    // A stop that the journal never heard of is told before what became of it.
    let unjournalled = Case::of(read(&ordered(Stop)), None).advance(0, 300_000);
    let events = [(name(KillSwitchAdopted), Stop, 41), (name(KillSwitchEscalated), Halt, 42)];
    assert_eq!(done(&unjournalled)[2..], events);
}

#[test]
fn a_stop_whose_time_is_over_says_so_until_level_4_is_written() {
    let doubt = |order, ms| standing(&Case::agreed(order).known(), &after(ms)).doubt;
    assert_eq!((doubt(Stop, 299_999), doubt(Hold, 400_000), doubt(Halt, 400_000)), (None, None, None));
    let over = "the five minutes are over: engines close by themselves; no process has written level 4";
    assert_eq!(doubt(Stop, 300_000).as_deref(), Some(over));
    assert_eq!(Case::agreed(Stop).state(300_000), SwitchState::GracefulStop);
}

#[test]
fn a_clock_that_was_stepped_on_another_boot_halts_nobody() {
    let mut other = ordered(Stop);
    other.deadline.as_mut().expect("a stop").boot_id = "a".into();
    let case = Case::of(read(&other), Some(other));
    let mut now = after(10_000);
    now.utc += SignedDuration::from_hours(1);
    let effects = advance(&case.known(), &alice(), &after(0), &now);
    assert!(matches!(&effects[..], [Effect::Alarm(why)] if why.contains("stepped")), "{effects:?}");
    assert_eq!(
        done(&case.advance(290_000, 300_000))[0],
        ("latch", Halt, 42),
        "the wall clock went with the boot clock"
    );
}

#[test]
fn a_latch_that_the_journal_does_not_know_is_adopted_once_it_is_old() {
    let adopted = [(name(KillSwitchAdopted), Stop, 41)];
    let news = |journal| Case::of(read(&ordered(Stop)), journal);
    for journal in [None, Some(generation(40, ordered(Trade))), Some(generation(41, ordered(Hold)))] {
        assert_eq!(news(journal.clone()).advance(0, 1_999), [], "whoever fired it is writing it: {journal:?}");
        assert_eq!(done(&news(journal.clone()).advance(0, 2_000)), adopted, "{journal:?}");
        let full = Case { writable: false, ..news(journal) };
        assert_eq!(full.advance(0, 60_000), []);
    }
    // What was put back is as old as the order: its age is how long it is known here.
    let mut back = ordered(Stop);
    back.initiator.kind = "repair".into();
    let back = Case::of(read(&back), None);
    assert_eq!((back.advance(60_000, 61_999).len(), back.advance(60_000, 62_000).len()), (0, 1));
    assert_eq!(Case::of(read(&generation(0, ordered(Trade))), None).advance(0, 60_000), [], "generation 0 is no news");
}

#[test]
fn what_is_less_strict_or_gone_is_put_back_and_told_once() {
    let back = |order| [("latch", order, 100), ("engines", order, 100), (name(KillSwitchConflict), order, 100)];
    for order in [Hold, Stop, Halt] {
        let tampered = Case::of(read(&generation(99, ordered(Trade))), Some(ordered(order)));
        assert_eq!(done(&tampered.advance(0, 10)), back(order));
    }
    let mut put_back = generation(100, ordered(Hold));
    put_back.initiator.kind = "repair".into();
    let again = [("latch", Hold, 100), ("engines", Hold, 100), ("alarm", Trade, 0)];
    for latch in [LatchView::Missing, LatchView::Unreadable("x".into()), read(&generation(99, ordered(Trade)))] {
        let still = Case::of(latch, Some(put_back.clone()));
        assert_eq!(done(&still.advance(0, 10)), again, "no line in the journal for each try");
    }
    // Trading is never put back, and what is unknown is left alone.
    for journal in [None, Some(ordered(Trade))] {
        assert_eq!(Case::of(LatchView::Missing, journal).advance(0, 900_000), []);
    }
}

#[test]
fn a_generation_is_higher_than_anybody_heard_and_no_engine_takes_the_last() {
    let generation_after = |heard| {
        let mut case = Case::agreed(Hold);
        case.engines[0].beat = Some(beat(heard));
        done(&case.ask(release(None, &[]), 0).expect("released"))[0].2
    };
    assert_eq!((generation_after(7), generation_after(41), generation_after(99)), (42, 42, 100));
    assert_eq!((generation_after(1 << 52), generation_after(u64::MAX)), (42, 42));
}

#[test]
fn the_slowest_engine_tells_the_phase() {
    let rows = |steps: &[Step]| -> Vec<EngineRow> {
        let row = |step: &Step| EngineRow {
            beat: Some(Beat { step: *step, ..beat(1) }),
            ..engine("x", EngineStanding::Residual)
        };
        steps.iter().map(row).collect()
    };
    assert_eq!(phase(&rows(&[Step::Flat, Step::Received])), "block");
    assert_eq!(phase(&rows(&[Step::Flat, Step::Blocked])), "cancel");
    assert_eq!(phase(&rows(&[Step::Flat, Step::Cancelled])), "flatten");
    assert_eq!((phase(&rows(&[Step::Flat])), phase(&[])), ("verify", "block"));
}

fn beat(generation: u64) -> Beat {
    Beat {
        v: 1,
        engine: "alpha".into(),
        environment: "qa".into(),
        account: "****4789".into(),
        pid: 1,
        at: after(0).utc,
        boot_ns: after(0).boot_ns,
        boot_id: "b".into(),
        state: EngineState::Blocked,
        episode: None,
        generation,
        level: 3,
        step: Step::Blocked,
        steps: Default::default(),
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
