//! Writing, deleting, restoring. Refuses to lose what somebody else wrote meanwhile, and to delete without a recovery
//! window.
//!
//! AWS's put has no compare-and-set. Moving a stage has: `AWSCURRENT` goes to a version only from the one that is said
//! to have it. So a guarded write puts a version that nobody reads, under a label of its own, and then moves the stage.

use crate::errors::{self, Asked};
use crate::labels::{Doubt, change_label};
use crate::map::{Map, is_json};
use crate::name::split;
use crate::reading::{CURRENT, Described, describe, get, map_of, no_key};
use crate::remote::{Ask, send_change};
use aws_sdk_secretsmanager::primitives::Blob;
use quarterdeck_contract::*;
use zeroize::{Zeroize, Zeroizing};

/// Most bytes of a value.
const MOST: usize = 65_536;

/// How often a change of one key starts anew when others change other keys.
const TRIES: usize = 5;

const PUT: &str = "secretsmanager:PutSecretValue";
const CREATE: &str = "secretsmanager:CreateSecret";
const DELETE: &str = "secretsmanager:DeleteSecret";
const RESTORE: &str = "secretsmanager:RestoreSecret";

/// Stores a value of a secret or of a key in it.
pub(crate) async fn write(ask: &Ask, name: &SecretName, value: Value, expected: &Expected) -> Result<VersionId> {
    let (secret, way) = split(name.as_str());
    let Some(way) = way else { return store(ask, secret, &Body::of(value)?, expected).await };
    edit(ask, secret, expected, true, |map| {
        if matches!(expected, Expected::Absent) && map.has(&way) {
            return Err(conflict("it is there already", None));
        }
        map.set(&way, &value)
    })
    .await
}

/// Schedules a secret for deletion, or takes a key out of it.
pub(crate) async fn delete(ask: &Ask, name: &SecretName, expected: &Expected, days: i64) -> Result<()> {
    let (secret, way) = split(name.as_str());
    if let Some(way) = way {
        let taken = |map: &mut Map| if map.remove(&way) { Ok(()) } else { Err(no_key(name)) };
        return edit(ask, secret, expected, false, taken).await.map(drop);
    }
    let described = describe(ask, secret).await?;
    meets(&described, secret, expected)?;
    let request = send_change!(ask, delete_secret().secret_id(secret).recovery_window_in_days(days));
    let Err(error) = request else { return Ok(()) };
    let unsettled = ask.may_be_done(&error);
    let error = ask.no(&error, &Asked { action: DELETE, name: Some(secret) });
    match describe(ask, secret).await {
        Ok(now) if unsettled && now.is_deleted() => Ok(()),
        Err(_) if unsettled => Err(errors::unknown()),
        _ => Err(error),
    }
}

/// Takes the deletion back.
pub(crate) async fn restore(ask: &Ask, name: &SecretName) -> Result<VersionId> {
    let (secret, way) = split(name.as_str());
    if way.is_some() {
        return Err(BackendError::new(ErrorKind::Invalid, "a key in a secret is not restored by itself")
            .hint(format!("Read an older version of '{secret}', and set the key anew.")));
    }
    if !describe(ask, secret).await?.is_deleted() {
        return Err(BackendError::new(ErrorKind::Invalid, format!("'{secret}' is not deleted")));
    }
    let request = send_change!(ask, restore_secret().secret_id(secret));
    let asked = Asked { action: RESTORE, name: Some(secret) };
    let failed = request.map_err(|error| ask.no(&error, &asked)).err();
    let now = describe(ask, secret).await.map_err(|error| failed.clone().unwrap_or(error))?;
    match (now.is_deleted(), now.current, failed) {
        (false, Some(current), _) => Ok(VersionId(current)),
        (false, None, _) => Err(BackendError::new(ErrorKind::NotFound, format!("'{secret}' is back and has no value"))),
        (true, _, Some(error)) => Err(error),
        (true, _, None) => Err(errors::unknown()),
    }
}

/// A value as AWS takes it; wiped on drop.
pub(crate) enum Body {
    Text(Zeroizing<String>),
    Bytes(Zeroizing<Vec<u8>>),
}

impl Body {
    /// Refuses what AWS keeps not, or not as it is.
    pub(crate) fn of(value: Value) -> Result<Self> {
        let invalid = |what: &str| BackendError::new(ErrorKind::Invalid, what);
        if value.bytes.is_empty() {
            return Err(
                invalid("AWS keeps no empty value").hint("Delete the secret, or write a value that says 'none'.")
            );
        }
        if value.bytes.len() > MOST {
            let what = format!("the value has {} bytes, and AWS keeps {MOST} at most", value.bytes.len());
            return Err(BackendError::new(ErrorKind::TooLarge, what).hint("Keep a file elsewhere, and its key here."));
        }
        if value.kind == Kind::Json && !is_json(value.bytes.expose()) {
            return Err(invalid("the value is no JSON"));
        }
        let bytes = value.bytes.into_inner();
        if value.kind == Kind::Binary {
            return Ok(Self::Bytes(Zeroizing::new(bytes)));
        }
        String::from_utf8(bytes).map(|text| Self::Text(Zeroizing::new(text))).map_err(|error| {
            error.into_bytes().zeroize();
            invalid("the value is not UTF-8 text").hint("Store it as bytes.")
        })
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.to_string()),
            Self::Bytes(_) => None,
        }
    }

    fn blob(&self) -> Option<Blob> {
        match self {
            Self::Text(_) => None,
            Self::Bytes(bytes) => Some(Blob::new(bytes.to_vec())),
        }
    }
}

async fn store(ask: &Ask, secret: &str, body: &Body, expected: &Expected) -> Result<VersionId> {
    match expected {
        Expected::Absent => create(ask, secret, body).await,
        Expected::Version(from) => {
            let described = describe(ask, secret).await?;
            meets(&described, secret, expected)?;
            replace(ask, secret, body, Some(&from.0)).await
        }
        Expected::Anything => match put(ask, secret, body).await {
            Err(BackendError { kind: ErrorKind::NotFound, .. }) => match create(ask, secret, body).await {
                Err(BackendError { kind: ErrorKind::Conflict { .. }, .. }) => put(ask, secret, body).await,
                outcome => outcome,
            },
            outcome => outcome,
        },
    }
}

/// Changes a map and stores it if nobody changed it meanwhile; starts anew if somebody did, unless a version is expected.
async fn edit(
    ask: &Ask,
    secret: &str,
    expected: &Expected,
    creates: bool,
    change: impl Fn(&mut Map) -> Result<()>,
) -> Result<VersionId> {
    let mut tries = 0;
    loop {
        tries += 1;
        let outcome = match get(ask, secret, None).await {
            Err(error) if creates && error.kind == ErrorKind::NotFound && !matches!(expected, Expected::Version(_)) => {
                let mut map = Map::new();
                change(&mut map)?;
                create(ask, secret, &Body::of(map.to_value())?).await
            }
            Err(error) => return Err(error),
            Ok((value, version)) => {
                if matches!(expected, Expected::Version(wanted) if *wanted != version) {
                    return Err(conflict("it was changed meanwhile", Some(version.0)));
                }
                let mut map = map_of(secret, &value)?;
                change(&mut map)?;
                replace(ask, secret, &Body::of(map.to_value())?, Some(&version.0)).await
            }
        };
        match outcome {
            Err(BackendError { kind: ErrorKind::Conflict { .. }, .. })
                if tries < TRIES && !matches!(expected, Expected::Version(_)) => {}
            outcome => return outcome,
        }
    }
}

/// Makes a version current, whatever was.
async fn put(ask: &Ask, secret: &str, body: &Body) -> Result<VersionId> {
    let token = token()?;
    let request = send_change!(
        ask,
        put_secret_value()
            .secret_id(secret)
            .client_request_token(&token)
            .version_stages(CURRENT)
            .set_secret_string(body.text())
            .set_secret_binary(body.blob())
    );
    let Err(error) = request else { return Ok(VersionId(token)) };
    let unsettled = ask.may_be_done(&error);
    settle(ask, secret, token, unsettled, ask.no(&error, &Asked { action: PUT, name: Some(secret) })).await
}

/// Makes a secret that is not there yet.
async fn create(ask: &Ask, secret: &str, body: &Body) -> Result<VersionId> {
    let token = token()?;
    let request = send_change!(
        ask,
        create_secret()
            .name(secret)
            .client_request_token(&token)
            .set_secret_string(body.text())
            .set_secret_binary(body.blob())
    );
    let Err(error) = request else { return Ok(VersionId(token)) };
    let unsettled = ask.may_be_done(&error);
    let error = ask.no(&error, &Asked { action: CREATE, name: Some(secret) });
    if !matches!(error.kind, ErrorKind::Conflict { .. }) {
        return settle(ask, secret, token, unsettled, error).await;
    }
    // It may be our own, of an attempt whose answer was lost; or one that was made without a value.
    let Ok(described) = describe(ask, secret).await else { return Err(error) };
    match &described.current {
        Some(current) if *current == token => Ok(VersionId(token)),
        _ if described.is_deleted() => Err(errors::deleted(secret)),
        Some(current) => Err(conflict("it is there already", Some(current.clone()))),
        None => replace(ask, secret, body, None).await,
    }
}

/// After an error: what was really done?
async fn settle(ask: &Ask, secret: &str, token: String, unsettled: bool, error: BackendError) -> Result<VersionId> {
    if !unsettled {
        return Err(error);
    }
    match describe(ask, secret).await {
        Ok(now) if now.current.as_deref() == Some(&token) => Ok(VersionId(token)),
        // Each attempt was answered, and none of them made it.
        Ok(now) if !now.has(&token) && error.kind != ErrorKind::Timeout => Err(error),
        Err(BackendError { kind: ErrorKind::NotFound, .. }) if error.kind != ErrorKind::Timeout => Err(error),
        _ => Err(errors::unknown()),
    }
}

/// Makes a version current if `from` is; the first one if there is none.
async fn replace(ask: &Ask, secret: &str, body: &Body, from: Option<&str>) -> Result<VersionId> {
    let token = token()?;
    let label = format!("quarterdeck-{token}");
    let outcome = match put_under(ask, secret, &token, &label, body).await {
        // Nobody reads it, so that an unclear end changes nothing either.
        Err(doubt) => Err(doubt.error),
        Ok(()) => move_current(ask, secret, &token, from).await,
    };
    // Won or lost, the label has done its work. A version without one is removed by AWS.
    let _ = change_label(ask, secret, &label, None, Some(&token)).await;
    outcome.map(|()| VersionId(token))
}

/// Stores a version that has this label and no other.
pub(crate) async fn put_under(
    ask: &Ask,
    secret: &str,
    token: &str,
    label: &str,
    body: &Body,
) -> std::result::Result<(), Doubt> {
    let request = send_change!(
        ask,
        put_secret_value()
            .secret_id(secret)
            .client_request_token(token)
            .version_stages(label)
            .set_secret_string(body.text())
            .set_secret_binary(body.blob())
    );
    request.map(drop).map_err(|error| Doubt::of(ask, &error, &Asked { action: PUT, name: Some(secret) }))
}

/// Moves `AWSCURRENT` if `from` has it.
pub(crate) async fn move_current(ask: &Ask, secret: &str, token: &str, from: Option<&str>) -> Result<()> {
    // A secret's first version gets the stage by itself.
    if from.is_none() && describe(ask, secret).await?.current.as_deref() == Some(token) {
        return Ok(());
    }
    let Err(doubt) = change_label(ask, secret, CURRENT, Some(token), from).await else { return Ok(()) };
    match describe(ask, secret).await {
        Ok(now) if now.current.as_deref() == Some(token) => Ok(()),
        Ok(now) if now.current.as_deref() != from => Err(conflict("it was changed meanwhile", now.current)),
        Ok(_) => Err(doubt.not_done()),
        Err(_) => Err(doubt.unseen()),
    }
}

fn meets(described: &Described, secret: &str, expected: &Expected) -> Result<()> {
    if described.is_deleted() {
        return Err(errors::deleted(secret));
    }
    match expected {
        Expected::Anything => Ok(()),
        Expected::Version(wanted) if described.current.as_ref() == Some(&wanted.0) => Ok(()),
        Expected::Version(_) => Err(conflict("it was changed meanwhile", described.current.clone())),
        Expected::Absent => Err(conflict("it is there already", described.current.clone())),
    }
}

/// Somebody else was here.
pub(crate) fn conflict(what: &str, current: Option<String>) -> BackendError {
    BackendError::new(ErrorKind::Conflict { current }, what).hint("Read it again and decide anew; nothing was changed.")
}

/// A random UUID: the version's id, by which AWS knows that two attempts are one write.
pub(crate) fn token() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| BackendError::new(ErrorKind::Invalid, format!("the system gives no random bytes: {error}")))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}
