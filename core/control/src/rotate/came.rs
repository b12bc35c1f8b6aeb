//! What an effect came to, in the words of a fact. Refuses to call trouble an answer: what a backend can't say now is
//! asked again.

use super::stands::Shelf;
use crate::installation::random;
use quarterdeck_contract::{BackendError, ErrorKind};
use quarterdeck_domain::kill::Deadline;
use quarterdeck_domain::rotate::{Fact, Failing, Rotation, Step};
use quarterdeck_domain::sanitise;

/// What one effect came to.
#[derive(Debug)]
pub(super) enum Came {
    /// The step is done.
    Done {
        /// The version that it made or made current.
        version: Option<String>,
        /// The new value's keyed fingerprint.
        fingerprint: Option<String>,
        /// Until when both are valid.
        grace: Option<Deadline>,
        /// Who or what did it.
        by: String,
        /// In words.
        note: String,
    },
    /// Something else became known.
    Known(Box<Fact>),
}

impl From<Fact> for Came {
    fn from(fact: Fact) -> Self {
        Self::Known(Box::new(fact))
    }
}

/// Why a step failed.
#[derive(Debug)]
pub(super) struct Stop {
    /// How.
    pub(super) how: Failing,
    /// Who or what says so.
    pub(super) by: String,
    /// In words.
    pub(super) why: String,
}

/// What an effect came to, or why it failed.
pub(super) type Outcome = Result<Came, Stop>;

/// What the check says of a value that is not accepted where it is used.
pub(super) const REFUSED: &str = "is refused already";
/// Longest text of a fact, in characters.
const LONGEST: usize = 400;
/// Who did what a hook does.
const HOOK: &str = "hook";

/// By the layer, and no version came of it.
pub(super) fn done(shelf: &Shelf<'_>, note: String) -> Came {
    Came::Done { version: None, fingerprint: None, grace: None, by: shelf.mount.layer.clone(), note }
}

/// A version came of it.
pub(super) fn done_with(shelf: &Shelf<'_>, version: String, note: String) -> Came {
    Came::Done { version: Some(version), fingerprint: None, grace: None, by: shelf.mount.layer.clone(), note }
}

/// By a hook.
pub(super) fn by_hook(note: &str) -> Came {
    Came::Done { version: None, fingerprint: None, grace: None, by: HOOK.into(), note: plain(note) }
}

/// A hook says no, or nothing.
pub(super) fn hook_failed(how: Failing, why: &str) -> Stop {
    Stop { how, by: HOOK.into(), why: plain(why) }
}

/// It can't be, and never will.
pub(super) fn never(rotation: &Rotation, why: impl Into<String>) -> Stop {
    Stop { how: Failing::Never, by: rotation.target().layer.clone(), why: plain(&why.into()) }
}

/// What a backend answered in the place of doing it.
pub(super) fn failed(rotation: &Rotation, error: &BackendError) -> Stop {
    Stop { how: how(&error.kind, rotation.step), by: rotation.target().layer.clone(), why: told(error) }
}

/// The same, and it is asked again whatever it says.
pub(super) fn trouble(rotation: &Rotation, error: &BackendError) -> Stop {
    Stop { how: Failing::Trouble, by: rotation.target().layer.clone(), why: told(error) }
}

/// A backend's answer, or what its error makes of the step.
pub(super) fn asked<T>(rotation: &Rotation, answer: Result<T, BackendError>) -> Result<T, Stop> {
    answer.map_err(|error| failed(rotation, &error))
}

/// The new value should be there and isn't.
pub(super) fn gone(rotation: &Rotation) -> Stop {
    never(rotation, "the new value is not in the backend any more")
}

/// Another id for another value.
pub(super) fn renewed() -> Outcome {
    match uuid() {
        Ok(id) => Ok(Fact::Renewed { id }.into()),
        Err(error) => {
            let (how, by) = (Failing::Trouble, "generator".to_owned());
            Err(Stop { how, by, why: format!("this machine gives no random bytes: {error}") })
        }
    }
}

/// A random UUID: the backend's token for a value.
pub(super) fn uuid() -> std::io::Result<String> {
    Ok(uuid::Builder::from_random_bytes(random::<16>()?).into_uuid().to_string())
}

/// True when the old value was refused where it is used before anything was done.
pub(super) fn was_refused(rotation: &Rotation) -> bool {
    rotation.past.iter().any(|past| past.step == Step::Check && !past.failed && past.note.contains(REFUSED))
}

/// `: note`, where there is one.
pub(super) fn after(note: &str) -> String {
    if note.is_empty() { String::new() } else { format!(": {note}") }
}

/// True where the answer leaves open what stands: it is read again.
pub(super) fn is_doubtful(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Conflict { .. } | ErrorKind::OutcomeUnknown)
}

fn how(kind: &ErrorKind, step: Step) -> Failing {
    match kind {
        // A value that is too large is so for ever; a disk that is full is not.
        ErrorKind::TooLarge if step != Step::Stage => Failing::Trouble,
        ErrorKind::Denied { .. }
        | ErrorKind::Invalid
        | ErrorKind::Unsupported
        | ErrorKind::TooLarge
        | ErrorKind::WrongVersion
        | ErrorKind::NotFound
        | ErrorKind::Deleted
        | ErrorKind::Destroyed => Failing::Never,
        ErrorKind::Conflict { .. }
        | ErrorKind::Expired
        | ErrorKind::Sealed
        | ErrorKind::Unreachable
        | ErrorKind::Tls
        | ErrorKind::Timeout
        | ErrorKind::Throttled
        | ErrorKind::AuditBlocked
        | ErrorKind::Uninitialised
        | ErrorKind::OutcomeUnknown
        | ErrorKind::Gone
        | ErrorKind::Panicked => Failing::Trouble,
    }
}

/// A backend's error in one line.
pub(super) fn told(error: &BackendError) -> String {
    let doing = if error.doing.is_empty() { String::new() } else { format!(", {}", error.doing) };
    let hint = if error.hint.is_empty() { String::new() } else { format!(". {}", error.hint) };
    plain(&format!("{}: {}{doing}{hint}", error.kind.code(), error.what))
}

/// One harmless line of it, as it stands in the journal.
pub(super) fn plain(text: &str) -> String {
    sanitise::line(&text.replace('\n', " "), LONGEST).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_is_a_random_uuid() {
        let (one, other) = (super::uuid().expect("random bytes"), super::uuid().expect("random bytes"));
        assert_ne!(one, other);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(one[14..].starts_with('4') && matches!(&one[19..20], "8" | "9" | "a" | "b"), "{one}");
    }
}
