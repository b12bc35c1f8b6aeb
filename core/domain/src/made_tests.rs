//! What is kept of a secret's values, through writes and rotations, and that only tier c changes it.

use super::*;
use crate::catalogue::{EventKind, Tier};
use crate::event::{Actor, Detail, Event, EventId};
use crate::rotate::testing::{asked, done, done_as, failed, lease, moment, plan, planned, promoted};
use crate::rotate::{Ask, Ending, Failing, Plan};

fn event(kind: EventKind, second: i64, detail: Detail) -> Event {
    let id = EventId { event: "evt-0".into(), request: "req-0".into() };
    Event::new(kind, moment(second).utc, id, Actor::system("s"), None).with(detail)
}

fn wrote(second: i64, version: &str) -> Event {
    let detail = Detail::Secret {
        layer: "aws".into(),
        name: "desk/key".into(),
        purpose: "set".into(),
        version: Some(version.into()),
        fingerprint: Some(format!("fp-{version}")),
        note: None,
    };
    event(EventKind::SecretWrite, second, detail)
}

fn told(second: i64, fact: &Fact) -> Event {
    let (kind, _) = fact.event();
    event(kind, second, Detail::Rotation { number: 1, runner: Some("p0".into()), fact: Box::new(fact.clone()) })
}

/// Version 14 was written in second 1, the rotation begins in second 10; a fact a second.
fn rotated(more: &[Fact]) -> State {
    let plan = Plan { set: None, test: None, ..plan() };
    let mut state = State::default();
    state.fold(&wrote(1, "14"));
    state.fold(&told(10, &planned(plan, "id-0", Some(lease("p0", &moment(10))))));
    let begun = |step| Fact::Began { step };
    let promotes = [
        begun(Step::Check),
        done(Step::Check),
        begun(Step::Stage),
        done_as(Step::Stage, Some("15")),
        begun(Step::Promote),
        promoted("15", &moment(16), 600),
        done(Step::Unstage),
    ];
    for (second, fact) in (11..).zip(promotes.iter().chain(more)) {
        let before = state.clone();
        state.fold(&told(second, fact));
        assert_ne!(state, before, "{fact:?} follows");
    }
    state
}

type Line = (String, String, Option<String>, Option<i64>, bool);

fn kept(state: &State) -> Vec<Line> {
    let made = state.made("aws", "desk/key").iter();
    let row = |made: &Made| {
        let second = made.at.map(|at| at.duration_since(moment(0).utc).as_secs());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (text(&made.version), text(&made.fingerprint), made.by.clone(), second, made.retired.is_some())
    };
    made.map(row).collect()
}

fn line(version: &str, by: &str, second: i64, retired: bool) -> Line {
    (version.into(), format!("fp-{version}"), Some(by.into()), Some(second), retired)
}

fn written(state: &State) -> Option<(Option<&str>, i64)> {
    let written = state.secret("aws", "desk/key")?.written.as_ref()?;
    Some((written.version.as_deref(), written.at.duration_since(moment(0).utc).as_secs()))
}

#[test]
fn a_rotation_makes_the_secret_young_and_keeps_the_old_values_fingerprint() {
    let grace = Fact::GraceOver { readers: Vec::new() };
    let retires = [grace, Fact::Began { step: Step::Retire }, done(Step::Retire)];
    assert_eq!(kept(&rotated(&[])), [line("14", "quarterdeck", 1, false), line("15", "carol", 16, false)]);
    let state = rotated(&retires);
    assert_eq!(kept(&state), [line("14", "quarterdeck", 1, true), line("15", "carol", 16, false)]);
    assert_eq!(written(&state), Some((Some("15"), 16)));
    assert_eq!(state.made_as("aws", "desk/key", "15").and_then(|made| made.rotation), Some(1));
}

#[test]
fn what_went_back_is_as_old_as_it_was() {
    let begun = |step| Fact::Began { step };
    let back = [
        asked(Ask::Back),
        begun(Step::Restore),
        done_as(Step::Restore, Some("16")),
        begun(Step::Revoke),
        done(Step::Revoke),
    ];
    let state = rotated(&back);
    assert_eq!(written(&state), Some((Some("16"), 1)));
    let mut again = line("16", "quarterdeck", 1, false);
    again.1 = "fp-14".into();
    assert_eq!(kept(&state), [line("14", "quarterdeck", 1, false), line("15", "carol", 16, true), again]);
}

#[test]
fn what_is_kept_is_bounded_and_goes_through_json() {
    let mut state = rotated(&[failed(Step::Grace, Failing::Trouble, "unreachable")]);
    (0..100).for_each(|at| state.fold(&wrote(100 + at, &format!("w{at}"))));
    assert_eq!(state.made("aws", "desk/key").len(), MOST);
    let text = serde_json::to_string(&state).expect("a state is JSON");
    assert_eq!(serde_json::from_str::<State>(&text).ok(), Some(state.clone()));
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(serde_json::from_value::<State>(value).ok(), Some(state));
}

#[test]
fn only_critical_events_change_a_rotation_and_nothing_that_cannot_follow() {
    let state = rotated(&[]);
    let fact = Fact::Asked { ask: Ask::Back, by: "dan".into(), why: String::new() };
    for kind in EventKind::ALL.iter().filter(|kind| kind.entry().tier != Tier::Critical) {
        let mut after = state.clone();
        let detail = Detail::Rotation { number: 1, runner: None, fact: Box::new(fact.clone()) };
        after.fold(&event(*kind, 60, detail));
        assert_eq!(after, state, "{kind:?}");
    }
    for fact in [Fact::Ended { ending: Ending::Done }, asked(Ask::Abort), done(Step::Retire)] {
        let mut after = state.clone();
        after.fold(&told(60, &fact));
        assert_eq!(after, state, "{fact:?}");
    }
    let mut again = state.clone();
    again.fold(&told(60, &planned(plan(), "id-9", None)));
    assert_eq!(again, state, "one at a time");
}

#[test]
fn a_map_and_its_keys_share_their_versions() {
    let mut state = State::default();
    let made =
        |second, version: &str| Made { version: Some(version.into()), at: Some(moment(second).utc), ..Made::default() };
    for (name, second, version) in [("desk#b", 3, "3"), ("desk", 1, "1"), ("desk#a", 2, "2"), ("desktop", 4, "1")] {
        state.keep("aws", name, made(second, version));
    }
    for name in ["desk", "desk#a"] {
        let told: Vec<_> = state.made_in_unit("aws", name).iter().map(|(name, made)| (*name, made.at)).collect();
        let at = |second| Some(moment(second).utc);
        assert_eq!(told, [("desk", at(1)), ("desk#a", at(2)), ("desk#b", at(3))]);
    }
}
