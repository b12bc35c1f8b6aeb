//! What the journal knows of versions after acts through us and after announcements.

use super::*;
use crate::environment::Environment;
use crate::event::{Actor, EventId};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a test's own timestamp")
}

fn event(kind: EventKind, second: i64, detail: Detail) -> Event {
    let id = EventId { event: "evt-0".into(), request: "req-0".into() };
    Event::new(kind, at(second), id, Actor::system("s"), Some(Environment::Qa)).with(detail)
}

fn act(kind: EventKind, second: i64, name: &str, version: Option<&str>) -> Event {
    let secret = Detail::Secret {
        layer: "vault".into(),
        name: name.into(),
        purpose: "set".into(),
        version: version.map(str::to_owned),
        fingerprint: None,
        note: None,
    };
    event(kind, second, secret).on(format!("secret://vault/{name}"))
}

fn announced(second: i64, name: &str, from: Sighting, to: Sighting) -> Event {
    let detail = Detail::Version { layer: "vault".into(), name: name.into(), from, to };
    event(EventKind::SecretVersion, second, detail)
}

fn folded(events: &[Event]) -> State {
    let mut state = State::default();
    events.iter().for_each(|event| state.fold(event));
    state
}

fn v(id: &str) -> Sighting {
    Sighting::Version(id.into())
}

fn known(state: &State, name: &str) -> Option<(Sighting, bool)> {
    state.version("vault", name).map(|known| (known.sighting.clone(), known.ours))
}

use EventKind::{SecretDelete, SecretRestore, SecretWrite};

#[test]
fn the_last_word_on_a_secret_stands() {
    let mut events = vec![act(SecretWrite, 1, "a", Some("1"))];
    assert_eq!(known(&folded(&events), "a"), Some((v("1"), true)));
    events.push(announced(2, "a", v("1"), v("2")));
    assert_eq!(known(&folded(&events), "a"), Some((v("2"), false)));
    events.push(act(SecretDelete, 3, "a", None));
    assert_eq!(known(&folded(&events), "a"), Some((Sighting::Absent, true)));
    events.push(act(SecretRestore, 4, "a", Some("2")));
    assert_eq!(known(&folded(&events), "a"), Some((v("2"), true)));
    events.push(act(SecretWrite, 5, "a", Some("3")).came_out(Status::Failure, None, None));
    assert_eq!(known(&folded(&events), "a"), Some((v("2"), true)), "what failed made nothing");
}

#[test]
fn a_key_in_a_map_and_its_map_are_one_secret() {
    let state = folded(&[announced(1, "m", v("1"), v("2")), act(SecretWrite, 2, "m#a", Some("3"))]);
    assert_eq!(known(&state, "m"), Some((v("3"), true)));
    assert_eq!(known(&state, "m#b"), Some((v("3"), true)), "the map's version is each key's");
    assert_eq!(state.changed_by_us("vault", "m#b"), Some(at(2)));
    let state = folded(&[act(SecretDelete, 3, "m#a", None)]);
    assert_eq!(
        (known(&state, "m#a"), known(&state, "m")),
        (Some((Sighting::Absent, true)), Some((Sighting::Present, true)))
    );
}

#[test]
fn a_map_stored_as_a_whole_makes_its_keys_anew_and_nothing_else() {
    let names = ["broker.password", "broker#x", "brokerage", "broker/x", "broker"];
    let mut events: Vec<Event> = names.iter().map(|name| act(SecretWrite, 1, name, Some("1"))).collect();
    events.push(act(SecretWrite, 2, "broker", Some("2")));
    let state = folded(&events);
    let all: Vec<&str> = state.versions.keys().map(String::as_str).collect();
    assert_eq!(all, ["vault:broker", "vault:broker/x", "vault:brokerage"]);
    assert_eq!(state.changed_by_us("vault", "broker.password"), Some(at(2)));
    assert_eq!(state.changed_by_us("vault", "broker/x"), Some(at(1)));
    assert_eq!(state.changed_by_us("aws", "broker"), None);
}

#[test]
fn a_change_on_its_way_is_known_until_its_outcome() {
    let begun = act(SecretWrite, 5, "m#a", None).came_out(Status::Pending, None, None);
    let state = folded(std::slice::from_ref(&begun));
    for (name, since, expected) in
        [("m#a", 5, true), ("m", 5, true), ("m#a.x", 5, true), ("mm", 5, false), ("m#b", 5, true), ("m#a", 6, false)]
    {
        assert_eq!(state.is_being_changed("vault", name, at(since)), expected, "{name} {since}");
    }
    assert!(!folded(&[begun, act(SecretWrite, 6, "m#a", Some("1"))]).is_being_changed("vault", "m#a", at(5)));
    let read = act(EventKind::SecretRead, 5, "m", None).came_out(Status::Pending, None, None);
    assert!(!folded(&[read]).is_being_changed("vault", "m", at(5)));
}

#[test]
fn an_old_snapshot_knows_no_versions() {
    let old = r#"{"secrets":{},"pending":{},"refused":0,"last_refusal":null}"#;
    let old: State = serde_json::from_str(old).expect("a snapshot from before");
    assert!(old.versions.is_empty());
    let state = folded(&[announced(1, "a", Sighting::Absent, v("1")), act(SecretDelete, 2, "b", None)]);
    let text = serde_json::to_string(&state).expect("JSON");
    assert_eq!(serde_json::from_str::<State>(&text).expect("the same"), state);
}
