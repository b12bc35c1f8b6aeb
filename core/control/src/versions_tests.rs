//! Listings and answers in, changes out.

use super::*;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::{Actor, Detail, Event, EventId, Status};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a test's own timestamp")
}

fn entry(name: &str, version: Option<&str>) -> Entry {
    let version = version.map(|id| VersionId(id.into()));
    Entry { version, ..Entry::named(SecretName::parse(name).expect("a name")) }
}

fn told(entries: &[(&str, &str)]) -> Vec<Entry> {
    entries.iter().map(|(name, version)| entry(name, Some(version))).collect()
}

fn untold(names: &[&str]) -> Vec<Entry> {
    names.iter().map(|name| entry(name, None)).collect()
}

fn inspection(name: &str, version: &str) -> Inspection {
    let mut inspection = Inspection::of(SecretName::parse(name).expect("a name"));
    inspection.versions = vec![VersionInfo { created_at: Some(7), ..VersionInfo::of(VersionId(version.into())) }];
    inspection
}

/// Takes a listing and tells what is to be told.
fn after(versions: &mut Versions, entries: &[Entry], second: i64, state: &State) -> Vec<String> {
    versions.listed(entries.iter(), true, at(second));
    tell(versions, state)
}

fn tell(versions: &mut Versions, state: &State) -> Vec<String> {
    let changes = versions.weigh(state, at(1_000));
    versions.told(&changes);
    changes.iter().map(|change| format!("{}: {} > {}", change.name, change.from.words(), change.to.words())).collect()
}

fn asked(versions: &Versions) -> Vec<String> {
    versions.to_ask().into_iter().map(|(_, name)| name.as_str().to_owned()).collect()
}

fn journal(kind: EventKind, second: i64, status: Status, detail: Detail) -> Event {
    let id = EventId { event: "evt-0".into(), request: "req-0".into() };
    Event::new(kind, at(second), id, Actor::system("s"), None)
        .on("secret://l/a")
        .came_out(status, None, None)
        .with(detail)
}

fn stored(name: &str, version: &str) -> Detail {
    Detail::Secret {
        layer: "l".into(),
        name: name.into(),
        purpose: "set".into(),
        version: Some(version.into()),
        fingerprint: None,
        note: None,
    }
}

#[test]
fn listing_is_compared_with_listing_and_the_first_tells_nothing() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    assert!(after(&mut versions, &told(&[("a", "1"), ("b", "1")]), 1, &state).is_empty());
    assert!(after(&mut versions, &told(&[("a", "1"), ("b", "1")]), 2, &state).is_empty());
    let said = after(&mut versions, &told(&[("a", "2"), ("c", "1")]), 3, &state);
    assert_eq!(said, ["a: version 1 > version 2", "b: version 1 > not there", "c: not there > version 1"]);
    assert!(after(&mut versions, &told(&[("a", "2"), ("c", "1")]), 4, &state).is_empty());
    assert_eq!(
        after(&mut versions, &told(&[("a", "2"), ("b", "1"), ("c", "1")]), 5, &state),
        ["b: not there > version 1"]
    );
    assert!(versions.to_ask().is_empty(), "no other call");
}

#[test]
fn what_is_deleted_and_can_be_restored_is_gone() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    after(&mut versions, &told(&[("a", "1")]), 1, &state);
    let deleted = Entry { deletes_at: Some(9), ..entry("a", Some("1")) };
    assert_eq!(after(&mut versions, std::slice::from_ref(&deleted), 2, &state), ["a: version 1 > not there"]);
    assert!(after(&mut versions, &[deleted], 3, &state).is_empty());
    assert_eq!(after(&mut versions, &told(&[("a", "1")]), 4, &state), ["a: not there > version 1"]);
}

#[test]
fn what_another_watcher_told_is_not_told_again() {
    let (mut versions, mut state) = (Versions::new("l"), State::default());
    after(&mut versions, &told(&[("a", "1")]), 1, &state);
    let (from, to) = (Sighting::Version("1".into()), Sighting::Version("2".into()));
    let detail = Detail::Version { layer: "l".into(), name: "a".into(), from, to };
    state.fold(&journal(EventKind::SecretVersion, 2, Status::Success, detail));
    assert!(after(&mut versions, &told(&[("a", "2")]), 3, &state).is_empty());
    assert_eq!(after(&mut versions, &told(&[("a", "3")]), 4, &state), ["a: version 2 > version 3"]);
}

#[test]
fn what_is_on_its_way_through_us_is_waited_for() {
    let (mut versions, mut state) = (Versions::new("l"), State::default());
    after(&mut versions, &told(&[("a", "1")]), 990, &state);
    state.fold(&journal(EventKind::SecretWrite, 995, Status::Pending, stored("a", "2")));
    assert!(after(&mut versions, &told(&[("a", "2")]), 996, &state).is_empty());
    assert!(versions.is_open(), "it stays to be told");
    state.fold(&journal(EventKind::SecretWrite, 997, Status::Success, stored("a", "2")));
    assert!(tell(&mut versions, &state).is_empty());
    assert!(!versions.is_open(), "it was ours");
    assert!(after(&mut versions, &told(&[("a", "2")]), 998, &state).is_empty());
}

#[test]
fn a_change_whose_outcome_never_came_is_told_after_a_minute() {
    let (mut versions, mut state) = (Versions::new("l"), State::default());
    after(&mut versions, &told(&[("a", "1")]), 1, &state);
    state.fold(&journal(EventKind::SecretWrite, 900, Status::Pending, stored("a", "2")));
    assert_eq!(after(&mut versions, &told(&[("a", "2")]), 996, &state), ["a: version 1 > version 2"]);
}

#[test]
fn what_could_not_be_told_stays() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    after(&mut versions, &told(&[("a", "1")]), 1, &state);
    versions.listed(told(&[("a", "2")]).iter(), true, at(2));
    assert_eq!(versions.weigh(&state, at(1_000)).len(), 1);
    assert_eq!(versions.weigh(&state, at(1_000)).len(), 1, "nobody said that it was told");
    assert_eq!(tell(&mut versions, &state).len(), 1);
    assert!(!versions.is_open());
}

#[test]
fn the_keys_of_a_map_are_one_secret_unless_the_sign_is_part_of_a_name() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    after(&mut versions, &told(&[("m#a", "1"), ("m#b", "1"), ("n#a", "1"), ("n#b", "2")]), 1, &state);
    let said = after(&mut versions, &told(&[("m#a", "2"), ("m#b", "2"), ("n#a", "1"), ("n#b", "3")]), 2, &state);
    assert_eq!(said, ["m: version 1 > version 2", "n#b: version 2 > version 3"]);
}

#[test]
fn secrets_without_a_version_are_asked_singly_the_wanted_ones_first_and_the_others_in_turn() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    let names: Vec<String> = (0..450).map(|at| format!("s{at:03}")).collect();
    let entries: Vec<Entry> = names.iter().map(|name| entry(name, None)).collect();
    assert!(after(&mut versions, &entries, 1, &state).is_empty());
    let mut seen = BTreeSet::new();
    for round in 0..3 {
        versions.begin_round(["s400", "not-here"].into_iter());
        let asked = asked(&versions);
        assert_eq!((asked.len(), asked[0].as_str()), (ROUND, "s400"), "round {round}");
        for name in &asked {
            versions.answered(name, Some(&inspection(name, "1")), at(10 + round));
            seen.insert(name.clone());
        }
        assert!(tell(&mut versions, &state).is_empty(), "a version that is learned is no change");
    }
    assert_eq!(seen.len(), 450, "three rounds reach all");
    versions.answered("s007", Some(&inspection("s007", "2")), at(20));
    assert_eq!(tell(&mut versions, &state), ["s007: version 1 > version 2"]);
    assert!(after(&mut versions, &entries, 30, &state).is_empty(), "a listing without versions unsays nothing");
    let said = after(&mut versions, &entries[1..], 31, &state);
    assert_eq!(said, ["s000: version 1 > not there"]);
}

#[test]
fn what_is_new_is_asked_first_and_told_with_its_version() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    after(&mut versions, &untold(&["b"]), 1, &state);
    assert!(after(&mut versions, &untold(&["a", "b", "c"]), 2, &state).is_empty());
    assert_eq!(asked(&versions), ["c", "a"], "without a round");
    versions.answered("a", Some(&inspection("a", "1")), at(3));
    versions.answered("c", None, at(3));
    assert_eq!(tell(&mut versions, &state), ["a: not there > version 1", "c: not there > there"]);
    assert!(versions.to_ask().is_empty());
}

#[test]
fn a_backend_that_has_no_versions_is_not_asked() {
    let mut versions = Versions::new("l");
    versions.listed(untold(&["a"]).iter(), false, at(1));
    versions.begin_round(["a"].into_iter());
    assert!(versions.to_ask().is_empty());
}

#[test]
fn a_deleted_newest_version_is_gone() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    after(&mut versions, &untold(&["a"]), 1, &state);
    versions.answered("a", Some(&inspection("a", "2")), at(2));
    assert!(tell(&mut versions, &state).is_empty());
    let mut deleted = inspection("a", "2");
    deleted.versions[0].deleted = true;
    versions.answered("a", Some(&deleted), at(3));
    assert_eq!(tell(&mut versions, &state), ["a: version 2 > not there"]);
    versions.answered("a", Some(&inspection("a", "2")), at(4));
    assert_eq!(tell(&mut versions, &state), ["a: not there > version 2"]);
}

#[test]
fn what_was_learned_is_filled_into_the_rows() {
    let (mut versions, state) = (Versions::new("l"), State::default());
    let mut entries = untold(&["a", "m#x"]);
    after(&mut versions, &entries, 1, &state);
    assert!(versions.answered("a", Some(&inspection("a", "4")), at(2)));
    assert!(versions.answered("m", Some(&inspection("m#x", "5")), at(2)));
    assert!(!versions.answered("m", Some(&inspection("m#x", "5")), at(3)), "nothing new");
    assert!(versions.fill(&mut entries, &state).is_empty());
    let rows: Vec<_> = entries.iter().map(|e| (e.version.clone().map(|v| v.0), e.created_at, e.not_after)).collect();
    assert_eq!(rows, [(Some("4".into()), Some(7), None), (Some("5".into()), None, Some(7))]);
}

#[test]
fn a_row_follows_what_is_learned_and_what_the_journal_hears_later() {
    let (mut versions, mut state) = (Versions::new("l"), State::default());
    let mut entries = untold(&["a"]);
    after(&mut versions, &entries, 1, &state);
    let row = |versions: &Versions, entries: &mut Vec<Entry>, state: &State| {
        let deleted = versions.fill(entries, state).into_iter().collect::<Vec<_>>().join(" ");
        (entries[0].version.clone().map(|version| version.0).unwrap_or_default(), deleted)
    };
    versions.answered("a", Some(&inspection("a", "4")), at(2));
    tell(&mut versions, &state);
    assert_eq!(row(&versions, &mut entries, &state), ("4".into(), String::new()));
    versions.answered("a", Some(&inspection("a", "5")), at(3));
    assert_eq!(row(&versions, &mut entries, &state), ("5".into(), String::new()), "in the row that was filled before");
    assert_eq!(tell(&mut versions, &state), ["a: version 4 > version 5"]);
    // Another watcher, then somebody here.
    let (from, to) = (Sighting::Version("5".into()), Sighting::Version("6".into()));
    let detail = Detail::Version { layer: "l".into(), name: "a".into(), from, to };
    state.fold(&journal(EventKind::SecretVersion, 4, Status::Success, detail));
    assert_eq!(row(&versions, &mut entries, &state), ("6".into(), String::new()));
    assert_eq!((entries[0].created_at, entries[0].not_after), (None, Some(4)), "seen then, made before");
    state.fold(&journal(EventKind::SecretWrite, 5, Status::Success, stored("a", "7")));
    assert_eq!(row(&versions, &mut entries, &state), ("7".into(), String::new()));
    assert_eq!(entries[0].created_at, Some(5));
    // What is asked later counts again.
    versions.answered("a", Some(&inspection("a", "8")), at(6));
    assert_eq!(row(&versions, &mut entries, &state), ("8".into(), String::new()));
}

#[test]
fn what_is_deleted_and_listed_still_is_told_gone_once_and_back_when_it_is() {
    let (mut versions, mut state) = (Versions::new("l"), State::default());
    let mut entries = untold(&["a"]);
    let mut deleted = inspection("a", "2");
    deleted.versions[0].deleted = true;
    // Through us, before this process began: the listing alone does not tell that it is back.
    state.fold(&journal(EventKind::SecretDelete, 1, Status::Success, stored("a", "2")));
    assert!(after(&mut versions, &entries, 2, &state).is_empty());
    assert_eq!(versions.fill(&mut entries, &state).len(), 1);
    assert_eq!(asked(&versions), ["a"], "without a round");
    versions.answered("a", Some(&deleted), at(3));
    assert!(tell(&mut versions, &state).is_empty());
    assert!(after(&mut versions, &untold(&["a"]), 4, &state).is_empty(), "nor does the next one");
    versions.answered("a", Some(&inspection("a", "3")), at(5));
    assert_eq!(tell(&mut versions, &state), ["a: not there > version 3"]);
    assert!(versions.fill(&mut entries, &state).is_empty());
    assert_eq!(entries[0].version, Some(VersionId("3".into())));
}
