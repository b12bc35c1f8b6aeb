//! The trait as data, so that it can cross a border: an [`Operation`] out, an [`Answer`] back, secret bytes beside
//! them. Refuses to know how they travel: framing is `backends/abi`'s.

use crate::*;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One call of the trait without its secret bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "each variant is the trait's method of the same name, its fields the method's arguments"
)]
pub enum Operation {
    Describe,
    Health,
    List(PageRequest),
    Inspect { name: SecretName },
    Keys { name: SecretName },
    Read { name: SecretName, version: Option<VersionId> },
    Write { name: SecretName, kind: Kind, expected: Expected },
    Stage { name: SecretName, kind: Kind, rotation: String },
    Promote { name: SecretName, version: VersionId, from: VersionId },
    Unstage { name: SecretName, version: VersionId },
    Retire { name: SecretName, version: VersionId, current: VersionId },
    Delete { name: SecretName, expected: Expected },
    RemoveVersion { name: SecretName, version: VersionId },
    Restore { name: SecretName },
    Extra(Extra),
}

impl Operation {
    /// True when a lost answer leaves the outcome in doubt: such a call ends in [`ErrorKind::OutcomeUnknown`].
    pub fn changes_something(&self) -> bool {
        !matches!(
            self,
            Self::Describe
                | Self::Health
                | Self::List(_)
                | Self::Inspect { .. }
                | Self::Keys { .. }
                | Self::Read { .. }
        )
    }
}

/// What comes back, without its secret bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each variant is what the trait's methods give")]
pub enum Answer {
    Description(Description),
    Health(Health),
    Page(Page),
    Inspection(Inspection),
    Keys(Vec<String>),
    Reading { kind: Kind, version: Option<VersionId> },
    Version(VersionId),
    Done,
    Extra { results: std::collections::BTreeMap<String, String> },
}

/// An operation on its way out.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub operation: Operation,
    /// Its secret bytes: the value of a write or a stage, the secret argument of an extra.
    pub secret: Option<SecretBytes>,
    /// How long the caller waits.
    pub within: Duration,
}

/// An answer on its way back.
#[derive(Debug)]
pub struct Reply {
    /// The answer, or why not.
    pub answer: Result<Answer>,
    /// Its secret bytes: the value of a reading, the secret result of an extra.
    pub secret: Option<SecretBytes>,
}

/// Carries one request out on a backend. The one place where [`Operation`] meets the trait.
pub fn dispatch(backend: &dyn SecretsBackend, request: Request) -> Reply {
    let Request { operation, mut secret, within } = request;
    let call = Call { within };
    let mut shown = None;
    let mut value = |kind| Value { kind, bytes: secret.take().unwrap_or_default() };
    let answer = match operation {
        Operation::Describe => Ok(Answer::Description(backend.describe())),
        Operation::Health => backend.health(call).map(Answer::Health),
        Operation::List(page) => backend.list(&page, call).map(Answer::Page),
        Operation::Inspect { name } => backend.inspect(&name, call).map(Answer::Inspection),
        Operation::Keys { name } => backend.keys(&name, call).map(Answer::Keys),
        Operation::Read { name, version } => backend.read(&name, version.as_ref(), call).map(|reading| {
            shown = Some(reading.value.bytes);
            Answer::Reading { kind: reading.value.kind, version: reading.version }
        }),
        Operation::Write { name, kind, expected } => {
            backend.write(&name, value(kind), &expected, call).map(Answer::Version)
        }
        Operation::Stage { name, kind, rotation } => {
            backend.stage(&name, value(kind), &rotation, call).map(Answer::Version)
        }
        Operation::Promote { name, version, from } => {
            backend.promote(&name, &version, &from, call).map(Answer::Version)
        }
        Operation::Unstage { name, version } => backend.unstage(&name, &version, call).map(|()| Answer::Done),
        Operation::Retire { name, version, current } => {
            backend.retire(&name, &version, &current, call).map(|()| Answer::Done)
        }
        Operation::Delete { name, expected } => backend.delete(&name, &expected, call).map(|()| Answer::Done),
        Operation::RemoveVersion { name, version } => {
            backend.remove_version(&name, &version, call).map(|()| Answer::Done)
        }
        Operation::Restore { name } => backend.restore(&name, call).map(Answer::Version),
        Operation::Extra(extra) => backend.extra(&extra, secret.take(), call).map(|reply| {
            shown = reply.secret;
            Answer::Extra { results: reply.results }
        }),
    };
    Reply { answer, secret: shown }
}
