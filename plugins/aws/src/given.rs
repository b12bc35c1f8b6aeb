//! Credentials that were handed in: keys of the environment, or the answer of a `credential_process` that the program
//! ran. Refuses to show them, and a half of a pair.

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretBytes};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::SystemTime;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Credentials with where they came from.
pub(crate) struct Given {
    /// The credentials; their Debug shows the key's id alone, and we don't show that either.
    pub(crate) credentials: Credentials,
    /// For a person.
    pub(crate) from: &'static str,
}

/// What the program's own environment or its run of a helper gave; the environment's keys come first, as in the SDK.
pub(crate) fn given(secrets: &mut BTreeMap<String, SecretBytes>) -> Result<Option<Given>> {
    let mut take = |name: &str| secrets.remove(name).filter(|bytes| !bytes.is_empty()).map(|bytes| text(name, bytes));
    let (id, key) = (take("AWS_ACCESS_KEY_ID").transpose()?, take("AWS_SECRET_ACCESS_KEY").transpose()?);
    let token = take("AWS_SESSION_TOKEN").transpose()?;
    let process = take("credential_process").transpose()?;
    match (id, key) {
        (Some(id), Some(key)) => {
            let token = token.map(|token| token.to_string());
            let credentials = Credentials::new(id.as_str(), key.as_str(), token, None, "environment");
            return Ok(Some(Given { credentials, from: "keys of the environment" }));
        }
        (None, None) => {}
        (Some(_), None) => return Err(half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        (None, Some(_)) => return Err(half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
    }
    process.map(|json| of_process(&json)).transpose()
}

fn text(name: &str, bytes: SecretBytes) -> Result<Zeroizing<String>> {
    let text = std::str::from_utf8(bytes.expose()).map(|text| Zeroizing::new(text.trim().to_owned()));
    text.map_err(|_| BackendError::new(ErrorKind::Invalid, format!("{name} is not UTF-8 text")).doing("logging in"))
}

fn half(missing: &str, there: &str) -> BackendError {
    BackendError::new(ErrorKind::Invalid, format!("{there} is set and {missing} is not"))
        .doing("logging in")
        .hint(format!("Set {missing} too, or unset {there} to log in with a profile."))
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

fn of_process(json: &str) -> Result<Given> {
    let wrong = |what: &str| {
        BackendError::new(ErrorKind::Invalid, what)
            .doing("reading what credential_process gave")
            .hint("It prints {\"Version\": 1, \"AccessKeyId\", \"SecretAccessKey\", \"SessionToken\", \"Expiration\"}.")
    };
    // The parser's own words would show a piece of what it read.
    let answer: Answer = serde_json::from_str(json).map_err(|_| wrong("it is not the JSON that AWS asks for"))?;
    if answer.version != 1 {
        return Err(wrong("its Version is not 1"));
    }
    let expiry = match &answer.expiration {
        Some(text) => {
            let at = DateTime::from_str(text, DateTimeFormat::DateTimeWithOffset)
                .map_err(|_| wrong("its Expiration is no date as 2026-12-01T12:00:00Z"))?;
            Some(SystemTime::try_from(at).map_err(|_| wrong("its Expiration is out of range"))?)
        }
        None => None,
    };
    let token = answer.session_token.clone();
    let (id, key) = (answer.access_key_id.as_str(), answer.secret_access_key.as_str());
    let credentials = Credentials::new(id, key, token, expiry, "credential_process");
    Ok(Given { credentials, from: "credential_process" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may")]
mod tests {
    use super::*;

    fn from(entries: &[(&str, &str)]) -> Result<Option<Given>> {
        given(&mut entries.iter().map(|(name, value)| ((*name).to_owned(), SecretBytes::from(*value))).collect())
    }

    #[test]
    fn keys_of_the_environment_come_before_a_helper() {
        let process = r#"{"Version":1,"AccessKeyId":"P","SecretAccessKey":"s","Expiration":"2026-12-01T12:00:00Z"}"#;
        let keys = [("AWS_ACCESS_KEY_ID", "A\n"), ("AWS_SECRET_ACCESS_KEY", "s"), ("credential_process", process)];
        let found = from(&keys).unwrap().unwrap();
        assert_eq!((found.credentials.access_key_id(), found.from), ("A", "keys of the environment"));
        let found = from(&keys[2..]).unwrap().unwrap();
        assert_eq!(found.credentials.access_key_id(), "P");
        let expiry = found.credentials.expiry().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(expiry.as_secs(), 1_796_126_400);
        assert!(from(&[]).unwrap().is_none());
    }

    #[test]
    fn a_half_and_a_bad_answer_are_refused_and_show_nothing() {
        let bad = r#"{"Version":"canary","AccessKeyId":"canary"}"#;
        let cases =
            [[("AWS_ACCESS_KEY_ID", "canary")], [("AWS_SECRET_ACCESS_KEY", "canary")], [("credential_process", bad)]];
        for case in cases {
            let error = from(&case).map(|_| ()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }
}
