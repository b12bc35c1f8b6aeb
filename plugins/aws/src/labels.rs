//! One stage of one version put on, moved or taken off, and what became of it. Refuses to name a version that it was not
//! told: what another holds, it keeps.

use crate::errors::{self, Asked};
use crate::reading::{Described, describe};
use crate::remote::{Ask, send_change};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use quarterdeck_contract::{BackendError, ErrorKind, Result};

const MOVE: &str = "secretsmanager:UpdateSecretVersionStage";

/// How often a label is taken off: moto has it once for each attempt whose answer was lost.
const TRIES: usize = 6;

/// A change that was not answered with yes.
pub(crate) struct Doubt {
    /// What was answered at last.
    pub(crate) error: BackendError,
    /// It may have been done all the same.
    pub(crate) unsettled: bool,
}

impl Doubt {
    /// Of the operation that was sent last.
    pub(crate) fn of<E>(ask: &Ask, error: &SdkError<E>, asked: &Asked<'_>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        Self { error: ask.no(error, asked), unsettled: ask.may_be_done(error) }
    }

    /// It was looked, and nothing is changed. What timed out may still be under way.
    pub(crate) fn not_done(self) -> BackendError {
        if self.error.kind == ErrorKind::Timeout { errors::unknown() } else { self.error }
    }

    /// It couldn't be looked.
    pub(crate) fn unseen(self) -> BackendError {
        if self.unsettled { errors::unknown() } else { self.error }
    }
}

/// Moves a label from a version to another; with one of them it is put on or taken off.
pub(crate) async fn change_label(
    ask: &Ask,
    secret: &str,
    label: &str,
    to: Option<&str>,
    from: Option<&str>,
) -> std::result::Result<(), Doubt> {
    let request = send_change!(
        ask,
        update_secret_version_stage()
            .secret_id(secret)
            .version_stage(label)
            .set_move_to_version_id(to.map(str::to_owned))
            .set_remove_from_version_id(from.map(str::to_owned))
    );
    request.map(drop).map_err(|error| Doubt::of(ask, &error, &Asked { action: MOVE, name: Some(secret) }))
}

/// Looks after a change was sent: no answer in time leaves that change in doubt.
pub(crate) async fn look_again(ask: &Ask, secret: &str) -> Result<Described> {
    let unclear = |error: BackendError| if error.kind == ErrorKind::Timeout { errors::unknown() } else { error };
    describe(ask, secret).await.map_err(unclear)
}

/// Takes those of these labels off a version that it has.
pub(crate) async fn take_off(ask: &Ask, secret: &str, seen: Described, version: &str, labels: &[&str]) -> Result<()> {
    let mut seen = seen;
    for label in labels {
        let (mut tries, mut done) = (0, false);
        while seen.is_on(version, label) {
            tries += 1;
            let doubt = change_label(ask, secret, label, None, Some(version)).await.err();
            done |= doubt.is_none();
            seen = match (look_again(ask, secret).await, doubt) {
                (Ok(now), _) if !now.is_on(version, label) => now,
                (Ok(now), None) if tries < TRIES => now,
                (Ok(_), None) => return Err(errors::unknown()),
                // It was taken off, and what we look at is behind.
                (Ok(_), Some(doubt)) if done && doubt.error.kind == ErrorKind::Invalid => break,
                (Ok(_), Some(doubt)) => return Err(doubt.not_done()),
                (Err(_), Some(doubt)) => return Err(doubt.unseen()),
                (Err(error), None) => return Err(error),
            };
        }
    }
    Ok(())
}
