//! What the journal makes of the kill-switch's events, in whatever order they come.

use super::*;
use crate::environment::Environment;
use crate::event::{Actor, EventId};
use crate::kill::{Initiator, Moment, Order};
use EventKind::{
    KillSwitchActivated, KillSwitchAdopted, KillSwitchAlarm, KillSwitchBypass, KillSwitchConflict, KillSwitchEscalated,
    KillSwitchFlat, KillSwitchHeld, KillSwitchReason, KillSwitchReleased, KillSwitchResidual, KillSwitchSetUp,
};
use proptest::prelude::*;

fn at() -> Timestamp {
    "2026-11-08T14:00:00Z".parse().expect("a test's own timestamp")
}

fn record(episode: &str, generation: u64, order: Order, reason: Option<&str>) -> Record {
    let now = Moment { utc: at(), boot_ns: 0, boot_id: "b".into() };
    let by = Initiator {
        kind: "person".into(),
        person: "alice".into(),
        role: None,
        session: "s".into(),
        uid: 1_000,
        host: "h".into(),
        program: "cockpit".into(),
        bound: false,
    };
    let first = Record::first(Environment::Qa, &now, by);
    let (episode, reason) = (episode.to_owned(), reason.map(str::to_owned));
    Record { episode, generation, order, level: order.level(), reason, ..first }
}

fn event(kind: EventKind, detail: Detail) -> Event {
    let id = EventId { event: "evt-0".into(), request: "req-0".into() };
    Event::new(kind, at(), id, Actor::system("s"), Some(Environment::Qa)).with(detail)
}

fn switch(kind: EventKind, record: Record, note: Option<&str>) -> Event {
    event(kind, Detail::Switch { record: Box::new(record), note: note.map(str::to_owned), durable_us: None })
}

fn bypass(episode: &str) -> Event {
    let detail = Detail::Bypass {
        actor: "beta".into(),
        order: "order buy 1 AAPL".into(),
        at: at(),
        after_ms: 22_000,
        source: "orders".into(),
        episode: episode.into(),
    };
    event(KillSwitchBypass, detail)
}

fn folded(events: &[Event]) -> Switch {
    let mut state = State::default();
    events.iter().for_each(|event| state.fold(event));
    state.switch
}

fn stands(switch: &Switch) -> Option<(&str, u64, Order)> {
    switch.record.as_ref().map(|record| (record.episode.as_str(), record.generation, record.order))
}

#[test]
fn an_episode_goes_from_its_stop_to_its_release() {
    let stop = || record("E-1", 1, Order::Stop, None);
    let mut events = vec![
        switch(KillSwitchSetUp, record("E-0", 0, Order::Trade, None), None),
        switch(KillSwitchActivated, stop(), None),
        switch(KillSwitchReason, stop(), Some("beta-us auth failing")),
        bypass("E-1"),
        switch(KillSwitchEscalated, record("E-1", 2, Order::Halt, None), None),
        switch(KillSwitchResidual, record("E-1", 2, Order::Halt, None), Some("alpha: 5 orders rest")),
        bypass("E-1"),
    ];
    let reason = Some("beta-us auth failing".to_owned());
    let halted = folded(&events);
    assert_eq!(stands(&halted), Some(("E-1", 2, Order::Halt)));
    assert_eq!((halted.reason, halted.flat, halted.bypasses), (reason, Some(false), 2));
    events.push(switch(KillSwitchFlat, record("E-1", 2, Order::Halt, None), None));
    assert_eq!(folded(&events).flat, Some(true));
    events.push(switch(KillSwitchReleased, record("E-1", 3, Order::Trade, Some("solved")), Some("a fat finger")));
    let released = folded(&events);
    assert_eq!((stands(&released), released.flat), (Some(("E-1", 3, Order::Trade)), None));
    assert_eq!((released.reason.as_deref(), released.bypasses), (Some("solved"), 2), "each order says its own reason");
    events.push(switch(KillSwitchActivated, record("E-2", 4, Order::Stop, Some("again")), None));
    let next = folded(&events);
    assert_eq!((next.reason.as_deref(), next.flat, next.bypasses), (Some("again"), None, 0));
}

#[test]
fn a_generation_never_falls_and_of_one_the_stricter_stays() {
    let told = |records: &[(u64, Order)]| {
        let events: Vec<Event> = records
            .iter()
            .map(|(generation, order)| switch(KillSwitchAdopted, record("E-1", *generation, *order, None), None))
            .collect();
        folded(&events).record.map(|record| (record.generation, record.order))
    };
    assert_eq!(told(&[(2, Order::Stop), (1, Order::Halt)]), Some((2, Order::Stop)));
    assert_eq!(told(&[(2, Order::Hold), (2, Order::Halt)]), Some((2, Order::Halt)));
    assert_eq!(told(&[(2, Order::Halt), (2, Order::Trade)]), Some((2, Order::Halt)));
    assert_eq!(told(&[(2, Order::Halt), (3, Order::Trade)]), Some((3, Order::Trade)));
}

#[test]
fn what_is_told_of_another_episode_changes_nothing() {
    let mut events = vec![switch(KillSwitchActivated, record("E-2", 4, Order::Halt, Some("why")), None)];
    let before = folded(&events);
    let old = || record("E-1", 9, Order::Halt, None);
    events.extend([
        switch(KillSwitchReason, old(), Some("other")),
        switch(KillSwitchFlat, old(), None),
        switch(KillSwitchResidual, old(), None),
        bypass("E-1"),
    ]);
    assert_eq!(folded(&events), before);
}

#[test]
fn only_what_happened_and_is_critical_counts() {
    let stop = || record("E-1", 1, Order::Stop, None);
    for status in [Status::Pending, Status::Failure, Status::Denied, Status::Unknown] {
        let tried = switch(KillSwitchReleased, stop(), None).came_out(status, None, None);
        assert_eq!(folded(&[tried]), Switch::default(), "{status:?}");
    }
    for kind in EventKind::ALL {
        let critical = kind.entry().tier == Tier::Critical;
        assert!(critical || folded(&[switch(*kind, stop(), None)]) == Switch::default(), "{kind:?}");
    }
    assert_eq!(folded(&[switch(KillSwitchAlarm, stop(), None)]), Switch::default(), "an alarm orders nothing");
    assert_eq!(
        folded(&[event(KillSwitchHeld, Detail::Nothing {}), event(KillSwitchFlat, Detail::Nothing {})]),
        Switch::default()
    );
}

#[test]
fn a_snapshot_carries_it_and_an_old_one_has_none() {
    let events = [switch(KillSwitchConflict, record("E-1", 7, Order::Hold, Some("why")), None), bypass("E-1")];
    let mut state = State::default();
    events.iter().for_each(|event| state.fold(event));
    let snapshot = Detail::Snapshot { state: Box::new(state.clone()), previous_file: None };
    assert_eq!(folded(&[event(EventKind::Snapshot, snapshot)]), state.switch);
    let old = r#"{"secrets":{},"pending":{},"refused":0,"last_refusal":null}"#;
    let old: State = serde_json::from_str(old).expect("a snapshot from before the switch");
    assert_eq!(old.switch, Switch::default());
}

proptest! {
    /// Processes write in any order: what stands in the end is the latest, and the strictest of the latest.
    #[test]
    fn the_order_of_lines_changes_nothing(
        lines in proptest::collection::vec((0u64..6, 0usize..4), 1..12).prop_flat_map(|lines| {
            (Just(lines.clone()), Just(lines).prop_shuffle())
        }),
    ) {
        const ORDERS: [Order; 4] = [Order::Trade, Order::Hold, Order::Stop, Order::Halt];
        let told = |lines: &[(u64, usize)]| {
            let line = |(generation, order): &(u64, usize)| {
                switch(KillSwitchAdopted, record("E-1", *generation, ORDERS[*order], None), None)
            };
            folded(&lines.iter().map(line).collect::<Vec<Event>>()).record
        };
        prop_assert_eq!(told(&lines.0), told(&lines.1));
        let last = lines.0.iter().max().map(|(generation, order)| (*generation, ORDERS[*order]));
        prop_assert_eq!(told(&lines.0).map(|record| (record.generation, record.order)), last);
    }
}
