//! The laws that every backend keeps, also one that can only be read. Refuses to change anything: what it asks a
//! read-only backend to write has to be refused.

use super::{Suite, same};
use crate::*;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

pub(super) fn run(suite: &Suite<'_>) {
    it_describes_itself(suite);
    it_is_well(suite);
    a_listing_is_whole_stable_and_paged(suite);
    what_is_there_can_be_read(suite);
    what_is_absent_is_not_found(suite);
    what_it_has_not_got_is_unsupported(suite);
    eight_threads_read_at_once(suite);
}

fn it_describes_itself(suite: &Suite<'_>) {
    let law = "a description is stable and says what the backend is";
    let again = suite.fine(law, Ok(suite.backend.describe()));
    assert_eq!(suite.about, again, "{law}");
    assert!(!again.backend.is_empty(), "{law}: it has no name");
    let unique: BTreeSet<_> = again.capabilities.iter().collect();
    assert_eq!(unique.len(), again.capabilities.len(), "{law}: a capability stands there twice");
}

fn it_is_well(suite: &Suite<'_>) {
    let law = "a backend with a secret to read is well and says so";
    let health = suite.fine(law, suite.backend.health(suite.call));
    assert!(!health.summary.is_empty(), "{law}: there is no summary");
}

fn a_listing_is_whole_stable_and_paged(suite: &Suite<'_>) {
    let law = "a listing is whole, stable, and the same however it is paged";
    let names = suite.names(law, "", 0);
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{law}: a name stands there twice");
    for (name, _) in &suite.fixture.present {
        assert!(unique.contains(name), "{law}: '{name}' is missing");
    }
    assert!(!unique.contains(&suite.fixture.absent), "{law}: '{}' is not there", suite.fixture.absent);
    assert_eq!(names, suite.names(law, "", 0), "{law}: asked twice");
    assert_eq!(names, suite.names(law, "", 1), "{law}: one name a page");
    assert_eq!(names, suite.names(law, "", 2), "{law}: two names a page");

    let law = "a prefix chooses the names that begin with it";
    for (name, _) in &suite.fixture.present {
        let half = name.as_str().char_indices().nth(name.as_str().chars().count() / 2).map_or(0, |(at, _)| at);
        for prefix in [&name.as_str()[..half], name.as_str()] {
            let chosen: Vec<_> = names.iter().filter(|name| name.as_str().starts_with(prefix)).cloned().collect();
            assert_eq!(suite.names(law, prefix, 0), chosen, "{law}: '{prefix}'");
        }
    }
    let nothing = suite.names(law, suite.fixture.absent.as_str(), 0);
    assert!(nothing.is_empty(), "{law}: and none when none does");
}

fn what_is_there_can_be_read(suite: &Suite<'_>) {
    for (name, value) in &suite.fixture.present {
        let law = "what is there is read as it is, twice alike";
        let version = suite.holds(law, name, value);
        assert_eq!(suite.holds(law, name, value), version, "{law}: '{name}' has another version without a change");
        if let (Some(version), true) = (&version, suite.can(Capability::Versions)) {
            let reading = suite.fine(law, suite.backend.read(name, Some(version), suite.call));
            same(law, &reading.value, value);
        }

        let law = "an inspection tells the versions and no value";
        let inspection = suite.fine(law, suite.backend.inspect(name, suite.call));
        assert_eq!(&inspection.name, name, "{law}: it is another's");
        assert!(!inspection.versions.is_empty(), "{law}: '{name}' has none");
        let ids: BTreeSet<_> = inspection.versions.iter().map(|version| &version.id).collect();
        assert_eq!(ids.len(), inspection.versions.len(), "{law}: '{name}' has one twice");
        if let Some(version) = &version {
            assert!(ids.contains(version), "{law}: the one that is read is not among them");
        }

        let law = "keys are sorted, and a plain value has none";
        let keys = suite.fine(law, suite.backend.keys(name, suite.call));
        assert!(keys.is_sorted(), "{law}: '{name}'");
        assert!(keys.is_empty() || value.kind == Kind::Json, "{law}: '{name}' is no map");
    }
}

fn what_is_absent_is_not_found(suite: &Suite<'_>) {
    let law = "what is absent is NotFound";
    let absent = &suite.fixture.absent;
    suite.refused(law, suite.backend.read(absent, None, suite.call), &["NOT_FOUND"]);
    suite.refused(law, suite.backend.inspect(absent, suite.call), &["NOT_FOUND"]);
    suite.refused(law, suite.backend.keys(absent, suite.call), &["NOT_FOUND"]);
}

fn what_it_has_not_got_is_unsupported(suite: &Suite<'_>) {
    let law = "what a backend hasn't got is Unsupported and changes nothing";
    let (backend, call) = (suite.backend, suite.call);
    let (name, value) = &suite.fixture.present[0];
    let other = || Value::text("not to be written");
    let id = VersionId("1".into());
    if !suite.can(Capability::Write) {
        for name in [name, &suite.fixture.absent] {
            suite.refused(law, backend.write(name, other(), &Expected::Anything, call), &["UNSUPPORTED"]);
            suite.refused(law, backend.delete(name, &Expected::Anything, call), &["UNSUPPORTED"]);
        }
    }
    if !suite.can(Capability::Staging) {
        suite.refused(law, backend.stage(name, other(), "rotation", call), &["UNSUPPORTED"]);
        suite.refused(law, backend.promote(name, &id, &id, call), &["UNSUPPORTED"]);
        suite.refused(law, backend.unstage(name, &id, call), &["UNSUPPORTED"]);
        suite.refused(law, backend.retire(name, &id, &id, call), &["UNSUPPORTED"]);
    }
    if !suite.can(Capability::RemoveVersion) {
        suite.refused(law, backend.remove_version(name, &id, call), &["UNSUPPORTED"]);
    }
    if !suite.can(Capability::Restore) {
        suite.refused(law, backend.restore(name, call), &["UNSUPPORTED"]);
    }
    let extra = Extra { operation: "no-such-extra".into(), arguments: BTreeMap::new() };
    let secret = SecretBytes::from(super::writing::CANARY);
    suite.refused(law, backend.extra(&extra, Some(secret), call), &["UNSUPPORTED"]);
    suite.holds(law, name, value);
}

fn eight_threads_read_at_once(suite: &Suite<'_>) {
    let law = "eight threads read at once and each gets what it asked for";
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                for round in 0..10 {
                    let (name, value) = &suite.fixture.present[(number + round) % suite.fixture.present.len()];
                    suite.holds(law, name, value);
                }
                suite.names(law, "", 0);
            });
        }
    });
}
