//! The suite that every backend passes, in process and through a child: [`run`] on a [`Fixture`]. Refuses to know any
//! backend: what it may expect of one stands in the fixture and in the backend's own [`Description`].
//!
//! A breach is a panic that names the law and never a value.

mod reading;
mod writing;

use crate::*;
use std::fmt::Debug;
use std::time::Duration;

/// A backend under test and what the suite may expect of it.
///
/// ```text
/// let fixture = Fixture::new(backend, vec![(name("broker.password"), Value::text("canary-1"))], name("no.such"))
///     .writable("suite.")      // only for a backend that can write
///     .biggest(1 << 20)
///     .float_numbers();        // only where a number is kept as a 64-bit float
/// conformance::run(&fixture);
/// ```
pub struct Fixture {
    /// The backend.
    pub backend: Box<dyn SecretsBackend>,
    /// Secrets that are there before the suite runs, with what a read must give; at least one. The backend may hold
    /// others beside these. A value of eight bytes and more is a canary, and so is every word in it that has `canary` in
    /// it: they must show in no listing, error or Debug.
    pub present: Vec<(SecretName, Value)>,
    /// A valid name that is not there and never written.
    pub absent: SecretName,
    /// The suite writes and deletes names that begin with this; `None` for a read-only backend.
    pub writable_prefix: Option<String>,
    /// The size in bytes of the biggest text that the suite writes; 1 MiB when not said.
    pub biggest: usize,
    /// The backend keeps a number as a 64-bit float: it has to refuse one that would come back as another.
    pub float_numbers: bool,
    /// The deadline of each call; 30 s when not said.
    pub within: Duration,
}

impl Fixture {
    /// A read-only fixture.
    pub fn new(backend: Box<dyn SecretsBackend>, present: Vec<(SecretName, Value)>, absent: SecretName) -> Self {
        let within = Duration::from_secs(30);
        Self { backend, present, absent, writable_prefix: None, biggest: 1 << 20, float_numbers: false, within }
    }

    /// Lets the suite write names that begin with `prefix`.
    pub fn writable(mut self, prefix: impl Into<String>) -> Self {
        self.writable_prefix = Some(prefix.into());
        self
    }

    /// Says how long a text this backend must be able to store.
    pub fn biggest(mut self, bytes: usize) -> Self {
        self.biggest = bytes;
        self
    }

    /// Says that a number is kept as a 64-bit float.
    pub fn float_numbers(mut self) -> Self {
        self.float_numbers = true;
        self
    }
}

/// Runs every law on the fixture.
///
/// # Panics
///
/// When the backend breaks one.
pub fn run(fixture: &Fixture) {
    assert!(!fixture.present.is_empty(), "a fixture needs a secret that is there");
    let suite = Suite::new(fixture);
    reading::run(&suite);
    writing::run(&suite);
    // What was written is gone again, and what was there still is.
    reading::run(&suite);
}

/// The fixture with what must not be seen.
struct Suite<'a> {
    fixture: &'a Fixture,
    backend: &'a dyn SecretsBackend,
    about: Description,
    call: Call,
    canaries: Vec<String>,
}

impl<'a> Suite<'a> {
    fn new(fixture: &'a Fixture) -> Self {
        let backend = fixture.backend.as_ref();
        let mut canaries = vec![writing::CANARY.to_owned()];
        for (_, value) in &fixture.present {
            let text = String::from_utf8_lossy(value.bytes.expose());
            let words = text.split(|char: char| !char.is_alphanumeric() && char != '-' && char != '_');
            canaries.extend(words.filter(|word| word.contains("canary")).map(str::to_owned));
            canaries.extend((text.len() >= 8).then(|| text.into_owned()));
        }
        Self { fixture, backend, about: backend.describe(), call: Call { within: fixture.within }, canaries }
    }

    /// Breaks the law if an answer or error shows a value; else hands it on.
    fn seen<T: Debug>(&self, law: &str, result: Result<T>) -> Result<T> {
        let mut shown = format!("{result:?}");
        if let Err(error) = &result {
            shown.push_str(&error.to_string());
        }
        assert!(!self.canaries.iter().any(|canary| shown.contains(canary)), "{law}: an answer or error shows a value");
        result
    }

    /// The answer; an error breaks the law.
    fn fine<T: Debug>(&self, law: &str, result: Result<T>) -> T {
        self.seen(law, result).unwrap_or_else(|error| panic!("{law}: {error} ({:?})", error.kind))
    }

    /// Breaks the law unless this is an error of one of these kinds, by their codes.
    fn refused<T: Debug>(&self, law: &str, result: Result<T>, codes: &[&str]) {
        match self.seen(law, result) {
            Ok(_) => panic!("{law}: was done, and {codes:?} was expected"),
            Err(error) => {
                assert!(codes.contains(&error.kind.code()), "{law}: {error} ({:?}), not {codes:?}", error.kind)
            }
        }
    }

    fn can(&self, capability: Capability) -> bool {
        self.about.can(capability)
    }

    /// Breaks the law unless the secret's current value is this one.
    fn holds(&self, law: &str, name: &SecretName, value: &Value) -> Option<VersionId> {
        let reading = self.fine(law, self.backend.read(name, None, self.call));
        same(law, &reading.value, value);
        reading.version
    }

    /// Every name that begins with this, in the backend's order; what is deleted and may be restored is none.
    fn names(&self, law: &str, prefix: &str, limit: u32) -> Vec<SecretName> {
        let mut names: Vec<SecretName> = Vec::new();
        let mut after = None;
        loop {
            let request = PageRequest { prefix: prefix.to_owned(), after, limit };
            let page = self.fine(law, self.backend.list(&request, self.call));
            assert!(limit == 0 || page.entries.len() <= limit as usize, "{law}: a page is longer than its limit");
            let empty = page.entries.is_empty();
            let there = page.entries.into_iter().filter(|entry| entry.deletes_at.is_none());
            names.extend(there.map(|entry| entry.name));
            after = page.next;
            if after.is_none() {
                return names;
            }
            assert!(!empty || limit == 0, "{law}: an empty page that is not the last");
            assert!(names.len() <= 1_000_000, "{law}: the listing has no end");
        }
    }
}

/// Breaks the law unless both are the same; JSON may be spaced otherwise. Says nothing of what they are.
fn same(law: &str, found: &Value, expected: &Value) {
    assert_eq!(found.kind, expected.kind, "{law}: the value is of another kind");
    let alike = match expected.kind {
        Kind::Json => tight(found.bytes.expose()) == tight(expected.bytes.expose()),
        Kind::Text | Kind::Binary => found.bytes == expected.bytes,
    };
    // Not `assert_eq!`: it would print both.
    assert!(alike, "{law}: the value is another one");
}

/// JSON text without the spaces between its tokens.
fn tight(json: &[u8]) -> Vec<u8> {
    let (mut inside, mut escaped) = (false, false);
    let mut keep = |&byte: &u8| {
        let kept = inside || !byte.is_ascii_whitespace();
        if byte == b'"' && !escaped {
            inside = !inside;
        }
        escaped = inside && byte == b'\\' && !escaped;
        kept
    };
    json.iter().copied().filter(|byte| keep(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_the_same_however_it_is_spaced() {
        let same = |one: &str, other: &str| tight(one.as_bytes()) == tight(other.as_bytes());
        assert!(same(r#"{ "a b" : [1, 2] }"#, r#"{"a b":[1,2]}"#));
        assert!(!same(r#"{"a b":1}"#, r#"{"ab":1}"#));
        assert!(!same(r#"{"a\" b":1}"#, r#"{"a\"b":1}"#));
        assert!(!same("1.0", "1.00"));
    }
}
