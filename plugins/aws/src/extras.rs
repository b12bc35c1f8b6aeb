//! What AWS alone has: its own rotation, switched off or started, and every pending version of the layer in a few calls.
//! Refuses to start AWS's rotation where none is set up, or where a version is pending already.

use crate::errors::{self, Asked};
use crate::labels::{Doubt, look_again};
use crate::name::split;
use crate::reading::{Described, pendings};
use crate::remote::{Ask, send_change};
use crate::settings::Settings;
use crate::staging::{is_uuid, somebody_elses, there};
use crate::writing::token;
use quarterdeck_contract::*;

/// What [`extra`] answers.
pub(crate) const NAMES: [&str; 3] = ["cancel-rotation", "pendings", "rotate-now"];

const CANCEL: &str = "secretsmanager:CancelRotateSecret";
const ROTATE: &str = "secretsmanager:RotateSecret";

/// Carries out one of [`NAMES`]: `cancel-rotation` and `rotate-now` with the argument `name`, the latter with a
/// rotation's `id` if the caller has one; `pendings` with none.
pub(crate) async fn extra(ask: &Ask, settings: &Settings, extra: &Extra) -> Result<ExtraReply> {
    let argument = |name: &str| extra.arguments.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let secret = || {
        argument("name").map(|name| split(name).0).ok_or_else(|| {
            let what = format!("'{}' needs the argument 'name'", extra.operation);
            BackendError::new(ErrorKind::Invalid, what).hint("Name the secret.")
        })
    };
    let results = match extra.operation.as_str() {
        "cancel-rotation" => cancel(ask, secret()?).await?,
        "pendings" => pendings(ask, settings).await?,
        "rotate-now" => rotate(ask, secret()?, argument("id")).await?,
        other => {
            return Err(BackendError::unsupported(other, format!("It has {}.", NAMES.join(", "))));
        }
    };
    Ok(ExtraReply { results: results.into_iter().collect(), secret: None })
}

/// Switches AWS's own schedule off: `schedule = off`, and the version that a rotation which was under way left
/// `pending`. AWS keeps the function, so that it can be switched on again there.
async fn cancel(ask: &Ask, secret: &str) -> Result<Vec<(String, String)>> {
    let seen = there(ask, secret).await?;
    let told = |seen: &Described| {
        let pending = seen.pending_beside("").into_iter().map(|id| ("pending".to_owned(), id));
        [("schedule".to_owned(), "off".to_owned())].into_iter().chain(pending.take(1)).collect()
    };
    if !rotates(&seen) {
        return Ok(told(&seen));
    }
    let request = send_change!(ask, cancel_rotate_secret().secret_id(secret));
    let doubt = request.err().map(|error| Doubt::of(ask, &error, &Asked { action: CANCEL, name: Some(secret) }));
    match (look_again(ask, secret).await, doubt) {
        (Ok(now), _) if !rotates(&now) => Ok(told(&now)),
        (Ok(_), Some(doubt)) => Err(doubt.not_done()),
        (Err(_), Some(doubt)) => Err(doubt.unseen()),
        (Ok(_), None) => Err(errors::unknown()),
        (Err(error), None) => Err(error),
    }
}

/// Starts the account's own rotation function now: the `version` that it makes. It runs at AWS, after this call.
async fn rotate(ask: &Ask, secret: &str, id: Option<&str>) -> Result<Vec<(String, String)>> {
    let id = match id {
        Some(id) if is_uuid(id) => id.to_owned(),
        Some(_) => return Err(BackendError::new(ErrorKind::Invalid, "a rotation's id is a UUID, and this is none")),
        None => token()?,
    };
    let seen = there(ask, secret).await?;
    if !rotates(&seen) && seen.found.rotation_lambda_arn().is_none_or(str::is_empty) {
        let what = format!("AWS has no rotation function for '{secret}'");
        return Err(BackendError::new(ErrorKind::Invalid, what).hint("Rotate it from here: 'rotate start'."));
    }
    let started = vec![("version".to_owned(), id.clone())];
    if seen.has(&id) {
        return Ok(started);
    }
    if let Some(other) = seen.pending_beside(&id).first() {
        return Err(somebody_elses(other));
    }
    let request =
        send_change!(ask, rotate_secret().secret_id(secret).client_request_token(&id).rotate_immediately(true));
    let Err(error) = request else { return Ok(started) };
    let doubt = Doubt::of(ask, &error, &Asked { action: ROTATE, name: Some(secret) });
    match look_again(ask, secret).await {
        Ok(now) if doubt.unsettled && now.has(&id) => Ok(started),
        Ok(now) => Err(now.pending_beside(&id).first().map_or_else(|| doubt.not_done(), |other| somebody_elses(other))),
        Err(_) => Err(doubt.unseen()),
    }
}

fn rotates(seen: &Described) -> bool {
    seen.found.rotation_enabled() == Some(true)
}
