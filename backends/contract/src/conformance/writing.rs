//! The laws of a backend that can write, by what it says it can do. Refuses to touch a name outside the fixture's
//! prefix, and leaves none behind.

use super::{Suite, same};
use crate::*;
use std::thread;

/// In every value that the suite writes.
pub(super) const CANARY: &str = "canary-of-the-suite";

pub(super) fn run(suite: &Suite<'_>) {
    let Some(prefix) = suite.fixture.writable_prefix.as_deref().filter(|_| suite.can(Capability::Write)) else {
        return;
    };
    let shelf = Shelf { suite, prefix };
    shelf.clear();
    what_is_written_is_read_back(&shelf);
    bytes_that_are_no_text_are_kept_or_refused(&shelf);
    nothing_is_written_over_what_was_not_expected(&shelf);
    what_is_deleted_is_gone(&shelf);
    if suite.can(Capability::Restore) {
        what_is_deleted_can_be_restored(&shelf);
    }
    one_of_eight_creators_wins(&shelf);
    eight_writers_lose_nothing(&shelf);
    if suite.can(Capability::Versions) {
        an_old_version_can_be_read(&shelf);
    }
    if suite.can(Capability::Staging) {
        a_staged_version_is_read_by_nobody_until_it_is_promoted(&shelf);
        a_promoted_version_can_be_taken_back(&shelf);
        an_unstaged_version_leaves_no_trace(&shelf);
        one_of_four_stages_wins(&shelf);
    }
    if suite.can(Capability::RemoveVersion) {
        a_removed_version_leaves_the_others(&shelf);
    }
    shelf.clear();
}

/// The suite's own corner of the backend.
struct Shelf<'a> {
    suite: &'a Suite<'a>,
    prefix: &'a str,
}

impl Shelf<'_> {
    fn name(&self, word: &str) -> SecretName {
        SecretName::parse(&format!("{}{word}", self.prefix)).unwrap_or_else(|| panic!("the prefix makes no name"))
    }

    fn write(&self, name: &SecretName, value: Value, expected: &Expected) -> Result<VersionId> {
        self.suite.backend.write(name, value, expected, self.suite.call)
    }

    /// Writes a text to a name that has nothing yet.
    fn create(&self, law: &str, word: &str, text: &str) -> (SecretName, VersionId) {
        let name = self.name(word);
        let version = self.suite.fine(law, self.write(&name, Value::text(text), &Expected::Absent));
        (name, version)
    }

    fn delete(&self, name: &SecretName, expected: &Expected) -> Result<()> {
        self.suite.backend.delete(name, expected, self.suite.call)
    }

    fn clear(&self) {
        let law = "what the suite wrote can be deleted";
        for name in self.suite.names(law, self.prefix, 0) {
            match self.suite.seen(law, self.delete(&name, &Expected::Anything)) {
                Err(error) if self.suite.can(Capability::Restore) => {
                    assert_eq!(error.kind, ErrorKind::Deleted, "{law}: {error}");
                }
                outcome => self.suite.fine(law, outcome),
            }
        }
        for name in self.suite.names(law, self.prefix, 0) {
            self.listed_no_more(law, &name);
        }
    }

    /// What can be restored may be listed still; then a read says that it is deleted.
    fn listed_no_more(&self, law: &str, name: &SecretName) {
        if self.suite.names(law, name.as_str(), 0).contains(name) {
            assert!(self.suite.can(Capability::Restore), "{law}: '{name}' is still listed");
            self.suite.refused(law, self.suite.backend.read(name, None, self.suite.call), &["DELETED"]);
        }
    }
}

fn text(number: usize) -> String {
    format!("{CANARY}-{number}")
}

fn what_is_written_is_read_back(shelf: &Shelf<'_>) {
    let law = "what is written is read back, kind and bytes";
    let suite = shelf.suite;
    let big = CANARY.repeat(suite.fixture.biggest / CANARY.len() + 1);
    let texts = [
        ("plain", "canary-of-the-suite"),
        ("unicode", "canary-of-the-suite Zürich ключ 鍵 🗝 \u{202e}"),
        ("lines", "canary-of-the-suite\nsecond \"line\"\t\\n\r\n"),
        ("digits", "007"),
        ("word", "true"),
        ("null", "null"),
        ("braces", "{\"no\": \"map\""),
        ("big", &big[..suite.fixture.biggest]),
    ];
    let exact = r#"{"a":{"big":123456789012345678901234567890,"n":1.10},"l":[true,null,""],"z":"canary-of-the-suite"}"#;
    let float = r#"{"a":{"big":9007199254740992,"n":1.5},"l":[true,null,""],"z":"canary-of-the-suite"}"#;
    if suite.fixture.float_numbers {
        let law = "a number that would come back as another is refused";
        let name = shelf.name("map");
        suite.refused(law, shelf.write(&name, Value::json(exact), &Expected::Absent), &["INVALID"]);
        suite.refused(law, suite.backend.read(&name, None, suite.call), &["NOT_FOUND"]);
    }
    let jsons =
        [("map", if suite.fixture.float_numbers { float } else { exact }), ("list", r#"["canary-of-the-suite",1,{}]"#)];
    let texts = texts.into_iter().map(|(word, text)| (word, Value::text(text)));
    let jsons = jsons.into_iter().map(|(word, json)| (word, Value::json(json)));
    for (word, value) in texts.chain(jsons) {
        let name = shelf.name(word);
        let copy = Value { kind: value.kind, bytes: value.bytes.duplicate() };
        let version = suite.fine(law, shelf.write(&name, copy, &Expected::Absent));
        let read = suite.holds(&format!("{law} ({word})"), &name, &value);
        assert!(read.is_none_or(|read| read == version), "{law}: '{word}' has another version than was given");
        suite.fine(law, suite.backend.inspect(&name, suite.call));
        let listed = suite.names(law, name.as_str(), 0);
        assert!(listed.contains(&name) || word == "map" && !listed.is_empty(), "{law}: '{word}' is not listed");
    }
    let keys = suite.fine(law, suite.backend.keys(&shelf.name("map"), suite.call));
    assert!(
        keys.is_sorted() && ["a.n", "z"].iter().all(|key| keys.iter().any(|found| found == key)),
        "{law}: its keys"
    );

    let law = "an empty text is kept, or refused as Invalid";
    let empty = shelf.name("empty");
    match suite.seen(law, shelf.write(&empty, Value::text(""), &Expected::Absent)) {
        Ok(_) => drop(suite.holds(law, &empty, &Value::text(""))),
        Err(error) => assert_eq!(error.kind, ErrorKind::Invalid, "{law}: {error}"),
    }
}

fn bytes_that_are_no_text_are_kept_or_refused(shelf: &Shelf<'_>) {
    let law = "bytes that are no text are kept, or refused and nothing is written";
    let suite = shelf.suite;
    let name = shelf.name("binary");
    let bytes = || Value { kind: Kind::Binary, bytes: SecretBytes::new(vec![0xff, 0x00, 0xfe, 0x80]) };
    match suite.seen(law, shelf.write(&name, bytes(), &Expected::Absent)) {
        Ok(_) => drop(suite.holds(law, &name, &bytes())),
        Err(error) => {
            assert!(["INVALID", "UNSUPPORTED"].contains(&error.kind.code()), "{law}: {error}");
            suite.refused(law, suite.backend.read(&name, None, suite.call), &["NOT_FOUND"]);
        }
    }
}

fn nothing_is_written_over_what_was_not_expected(shelf: &Shelf<'_>) {
    let law = "Absent and a stale version are conflicts and change nothing";
    let suite = shelf.suite;
    let (name, first) = shelf.create(law, "guarded", &text(1));
    suite.refused(law, shelf.write(&name, Value::text("other"), &Expected::Absent), &["CONFLICT"]);
    suite.holds(law, &name, &Value::text(&text(1)));
    let second = suite.fine(law, shelf.write(&name, Value::text(&text(2)), &Expected::Anything));
    suite.holds(law, &name, &Value::text(&text(2)));
    if !suite.can(Capability::CompareAndSet) {
        return;
    }
    assert_ne!(first, second, "{law}: two values of one version");
    let stale = Expected::Version(first);
    suite.refused(law, shelf.write(&name, Value::text("other"), &stale), &["CONFLICT"]);
    suite.refused(law, shelf.delete(&name, &stale), &["CONFLICT"]);
    suite.holds(law, &name, &Value::text(&text(2)));
    suite.fine(law, shelf.write(&name, Value::text(&text(3)), &Expected::Version(second)));
    suite.holds(law, &name, &Value::text(&text(3)));
    let nowhere = shelf.name("nowhere");
    suite.refused(law, shelf.write(&nowhere, Value::text("other"), &stale), &["CONFLICT", "NOT_FOUND"]);
    suite.refused(law, suite.backend.read(&nowhere, None, suite.call), &["NOT_FOUND"]);
}

fn what_is_deleted_is_gone(shelf: &Shelf<'_>) {
    let law = "what is deleted is gone from reads and listings";
    let suite = shelf.suite;
    let (name, version) = shelf.create(law, "gone", &text(1));
    let expected = if suite.can(Capability::CompareAndSet) { Expected::Version(version) } else { Expected::Anything };
    suite.fine(law, shelf.delete(&name, &expected));
    suite.refused(law, suite.backend.read(&name, None, suite.call), &["NOT_FOUND", "DELETED"]);
    shelf.listed_no_more(law, &name);
    suite.refused(law, shelf.delete(&name, &Expected::Anything), &["NOT_FOUND", "DELETED"]);
}

fn what_is_deleted_can_be_restored(shelf: &Shelf<'_>) {
    let law = "what is deleted can be restored, value and version";
    let suite = shelf.suite;
    let (name, version) = shelf.create(law, "restored", &text(1));
    suite.fine(law, shelf.delete(&name, &Expected::Anything));
    suite.refused(law, suite.backend.read(&name, None, suite.call), &["DELETED"]);
    let restored = suite.fine(law, suite.backend.restore(&name, suite.call));
    assert_eq!(restored, version, "{law}");
    suite.holds(law, &name, &Value::text(&text(1)));
    let nowhere = shelf.name("never-there");
    suite.refused(law, suite.backend.restore(&nowhere, suite.call), &["NOT_FOUND"]);
}

fn one_of_eight_creators_wins(shelf: &Shelf<'_>) {
    let law = "of eight that create one name at once one wins and the others are told";
    let suite = shelf.suite;
    let name = shelf.name("contested");
    let outcomes: Vec<_> = thread::scope(|scope| {
        let create = |number| {
            let name = &name;
            scope.spawn(move || (number, shelf.write(name, Value::text(&text(number)), &Expected::Absent)))
        };
        let threads: Vec<_> = (0..8).map(create).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("{law}: a panic"))).collect()
    });
    let mut winner = None;
    for (number, outcome) in outcomes {
        match suite.seen(law, outcome) {
            Ok(_) => assert!(winner.replace(number).is_none(), "{law}: two won"),
            Err(error) => assert_eq!(error.kind.code(), "CONFLICT", "{law}: {error}"),
        }
    }
    let winner = winner.unwrap_or_else(|| panic!("{law}: nobody won"));
    suite.holds(law, &name, &Value::text(&text(winner)));
}

fn eight_writers_lose_nothing(shelf: &Shelf<'_>) {
    let law = "eight threads write at once and nothing is lost";
    let suite = shelf.suite;
    let word = |thread: usize, number: usize| format!("many-{thread}-{number}");
    thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                for number in 0..3 {
                    shelf.create(law, &word(thread, number), &text(thread));
                }
            });
        }
    });
    for thread in 0..8 {
        for number in 0..3 {
            suite.holds(law, &shelf.name(&word(thread, number)), &Value::text(&text(thread)));
        }
    }
}

fn an_old_version_can_be_read(shelf: &Shelf<'_>) {
    let law = "an old version is read by its id and listed after the new one";
    let suite = shelf.suite;
    let (name, first) = shelf.create(law, "versions", &text(1));
    let second = suite.fine(law, shelf.write(&name, Value::text(&text(2)), &Expected::Anything));
    let reading = suite.fine(law, suite.backend.read(&name, Some(&first), suite.call));
    same(law, &reading.value, &Value::text(&text(1)));
    suite.holds(law, &name, &Value::text(&text(2)));
    let versions = suite.fine(law, suite.backend.inspect(&name, suite.call)).versions;
    let ids: Vec<_> = versions.into_iter().map(|version| version.id).collect();
    assert_eq!(ids, [second, first], "{law}");
    let none = VersionId("no-such-version".into());
    suite.refused(law, suite.backend.read(&name, Some(&none), suite.call), &["NOT_FOUND", "INVALID"]);
}

/// Ids are UUIDs, which one backend takes as its versions' own.
const ROTATIONS: [&str; 3] = [
    "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001",
    "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0002",
    "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0003",
];

fn a_staged_version_is_read_by_nobody_until_it_is_promoted(shelf: &Shelf<'_>) {
    let law = "a staged version is read by nobody until it is promoted";
    let (suite, backend, call) = (shelf.suite, shelf.suite.backend, shelf.suite.call);
    let (name, old) = shelf.create(law, "staged", &text(1));
    let new = suite.fine(law, backend.stage(&name, Value::text(&text(2)), ROTATIONS[0], call));
    suite.holds(law, &name, &Value::text(&text(1)));
    let read = |version: &VersionId, value: &str| {
        let reading = suite.fine(law, backend.read(&name, Some(version), call));
        same(law, &reading.value, &Value::text(value));
    };
    read(&new, &text(2));
    let pending = pending(suite, law, &name);
    assert_eq!(pending, [(new.clone(), Some(ROTATIONS[0].to_owned()))], "{law}: what is pending");
    let again = suite.fine(law, backend.stage(&name, Value::text("another"), ROTATIONS[0], call));
    assert_eq!(again, new, "{law}: one id is one value");
    read(&new, &text(2));
    let other = backend.stage(&name, Value::text("another"), ROTATIONS[1], call);
    match suite.seen(law, other) {
        Err(BackendError { kind: ErrorKind::Conflict { current }, .. }) => {
            assert_eq!(current.as_deref(), Some(ROTATIONS[0]), "{law}: the other rotation is named");
        }
        other => panic!("{law}: a second pending value: {other:?}"),
    }
    let current = suite.fine(law, backend.promote(&name, &new, &old, call));
    suite.holds(law, &name, &Value::text(&text(2)));
    let law = "what is promoted twice is promoted once";
    let again = suite.fine(law, backend.promote(&name, &new, &old, call));
    assert_eq!(again, current, "{law}");
    suite.fine(law, backend.unstage(&name, &new, call));
    suite.fine(law, backend.unstage(&name, &new, call));
    suite.holds(law, &name, &Value::text(&text(2)));
    assert_eq!(self::pending(suite, law, &name), [], "{law}: nothing is pending");
    read(&old, &text(1));
    let law = "whoever still believes in the old version is told";
    suite.refused(law, backend.retire(&name, &old, &old, call), &["CONFLICT"]);
    suite.holds(law, &name, &Value::text(&text(2)));
    suite.fine(law, backend.retire(&name, &old, &current, call));
    suite.fine(law, backend.retire(&name, &old, &current, call));
    suite.holds(law, &name, &Value::text(&text(2)));
}

fn a_promoted_version_can_be_taken_back(shelf: &Shelf<'_>) {
    let law = "a promoted version can be taken back, and what came meanwhile is not written over";
    let (suite, backend, call) = (shelf.suite, shelf.suite.backend, shelf.suite.call);
    let (name, old) = shelf.create(law, "back", &text(1));
    let new = suite.fine(law, backend.stage(&name, Value::text(&text(2)), ROTATIONS[0], call));
    let current = suite.fine(law, backend.promote(&name, &new, &old, call));
    let back = suite.fine(law, backend.promote(&name, &old, &current, call));
    suite.holds(law, &name, &Value::text(&text(1)));
    let again = suite.fine(law, backend.promote(&name, &old, &current, call));
    assert_eq!(again, back, "{law}: done twice it is done once");
    suite.fine(law, backend.unstage(&name, &new, call));
    let third = suite.fine(law, backend.stage(&name, Value::text(&text(3)), ROTATIONS[2], call));
    let by_hand = suite.fine(law, shelf.write(&name, Value::text(&text(9)), &Expected::Anything));
    suite.refused(law, backend.promote(&name, &third, &back, call), &["CONFLICT"]);
    let holds = suite.holds(law, &name, &Value::text(&text(9)));
    assert!(holds.is_none_or(|holds| holds == by_hand), "{law}: theirs stays");
    suite.fine(law, backend.unstage(&name, &third, call));
    assert_eq!(pending(suite, law, &name), [], "{law}: nothing is pending");
}

fn an_unstaged_version_leaves_no_trace(shelf: &Shelf<'_>) {
    let law = "an unstaged version leaves the current one alone";
    let (suite, backend, call) = (shelf.suite, shelf.suite.backend, shelf.suite.call);
    let (name, _) = shelf.create(law, "unstaged", &text(1));
    let new = suite.fine(law, backend.stage(&name, Value::text(&text(2)), ROTATIONS[1], call));
    suite.fine(law, backend.unstage(&name, &new, call));
    suite.holds(law, &name, &Value::text(&text(1)));
    assert_eq!(pending(suite, law, &name), [], "{law}: a version is still pending");
}

/// One of four that stage at once wins; the others are told whose it is.
fn one_of_four_stages_wins(shelf: &Shelf<'_>) {
    let law = "of four that stage at once one wins and the others are told";
    let (suite, backend, call) = (shelf.suite, shelf.suite.backend, shelf.suite.call);
    let (name, _) = shelf.create(law, "raced", &text(1));
    let id = |number: usize| format!("5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e10{number:02}");
    let outcomes: Vec<_> = thread::scope(|scope| {
        let stage = |number| {
            let name = &name;
            scope.spawn(move || backend.stage(name, Value::text(&text(number)), &id(number), call))
        };
        let threads: Vec<_> = (0..4).map(stage).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panic!("{law}: a panic"))).collect()
    });
    let won: Vec<VersionId> = outcomes.iter().flatten().cloned().collect();
    for outcome in outcomes {
        if let Err(error) = suite.seen(law, outcome) {
            assert_eq!(error.kind.code(), "CONFLICT", "{law}: {error}");
        }
    }
    assert_eq!(won.len(), 1, "{law}: who won");
    assert_eq!(pending(suite, law, &name).len(), 1, "{law}: what is pending");
    suite.fine(law, backend.unstage(&name, &won[0], call));
}

fn pending(suite: &Suite<'_>, law: &str, name: &SecretName) -> Vec<(VersionId, Option<String>)> {
    let versions = suite.fine(law, suite.backend.inspect(name, suite.call)).versions;
    let staged = versions.into_iter().filter(|version| version.stage == Some(Stage::Pending));
    staged.map(|version| (version.id, version.rotation)).collect()
}

fn a_removed_version_leaves_the_others(shelf: &Shelf<'_>) {
    let law = "a removed version is gone and the others are not";
    let (suite, backend, call) = (shelf.suite, shelf.suite.backend, shelf.suite.call);
    let (name, first) = shelf.create(law, "removed", &text(1));
    suite.fine(law, shelf.write(&name, Value::text(&text(2)), &Expected::Anything));
    suite.fine(law, backend.remove_version(&name, &first, call));
    suite.refused(law, backend.read(&name, Some(&first), call), &["NOT_FOUND", "DESTROYED", "DELETED"]);
    suite.holds(law, &name, &Value::text(&text(2)));
}
