//! Messages as bytes: requests, replies and setups as JSON, the secret bytes always beside it and never in it. Refuses
//! to panic on any input, and to say what the bytes were: they may be a value that lost its way.

use quarterdeck_contract::{
    Answer, BackendError, Description, ErrorKind, Operation, Reply, Request, Result, SecretBytes, Setting, Setup,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use zeroize::Zeroizing;

/// A [`Setup`] as a message and its secrets, one after the other as the message's index says.
pub fn encode_setup(setup: &Setup) -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
    let total = setup.secrets.values().map(SecretBytes::len).sum();
    // Sized once: a vector that grows leaves its old bytes behind.
    let mut secrets = Zeroizing::new(Vec::with_capacity(total));
    setup.secrets.values().for_each(|secret| secrets.extend_from_slice(secret.expose()));
    let head = SetupHead {
        instance: setup.instance.clone(),
        settings: setup.settings.clone(),
        secrets: setup.secrets.iter().map(|(name, secret)| (name.clone(), secret.len())).collect(),
    };
    (json(&head), secrets)
}

/// Reads back what [`encode_setup`] wrote.
///
/// # Errors
///
/// `Invalid` when the message is none or its index and the secrets don't agree.
pub fn decode_setup(message: &[u8], secrets: &[u8]) -> Result<Setup> {
    let head: SetupHead = parse(message, "a setup")?;
    let mut rest = secrets;
    let mut apart = BTreeMap::new();
    for (name, len) in head.secrets {
        let (secret, after) = rest.split_at_checked(len).ok_or_else(|| garbled("a setup's secrets"))?;
        apart.insert(name, SecretBytes::new(secret.to_vec()));
        rest = after;
    }
    if !rest.is_empty() {
        return Err(garbled("a setup's secrets"));
    }
    Ok(Setup { instance: head.instance, settings: head.settings, secrets: apart })
}

/// A request as a message; its secret bytes travel beside it.
pub fn encode_request(request: &Request) -> Zeroizing<Vec<u8>> {
    json(&RequestHeadRef {
        operation: &request.operation,
        within_ms: u64::try_from(request.within.as_millis()).unwrap_or(u64::MAX),
        secret: request.secret.is_some(),
    })
}

/// Reads back what [`encode_request`] wrote; `secret` is asked for the bytes beside it if there are any.
///
/// # Errors
///
/// `Invalid` when the message is none.
pub fn decode_request(message: &[u8], secret: impl FnOnce() -> Vec<u8>) -> Result<Request> {
    let head: RequestHead = parse(message, "a request")?;
    Ok(Request {
        operation: head.operation,
        secret: head.secret.then(|| SecretBytes::new(secret())),
        within: Duration::from_millis(head.within_ms),
    })
}

/// A reply as a message; its secret bytes travel beside it.
pub fn encode_reply(reply: &Reply) -> Zeroizing<Vec<u8>> {
    json(&ReplyHeadRef { answer: &reply.answer, secret: reply.secret.is_some() })
}

/// Reads back what [`encode_reply`] wrote. A message that is none becomes the reply `Invalid`.
pub fn decode_reply(message: &[u8], secret: impl FnOnce() -> Vec<u8>) -> Reply {
    match parse::<ReplyHead>(message, "a reply") {
        Ok(head) => Reply { answer: head.answer, secret: head.secret.then(|| SecretBytes::new(secret())) },
        Err(error) => Reply { answer: Err(error), secret: None },
    }
}

/// The outcome of making a backend as a message.
pub fn encode_made(made: &Result<Description>) -> Zeroizing<Vec<u8>> {
    json(made)
}

/// Reads back what [`encode_made`] wrote.
///
/// # Errors
///
/// The backend's own error, or `Invalid` when the message is none.
pub fn decode_made(message: &[u8]) -> Result<Description> {
    parse::<Result<Description>>(message, "a description")?
}

/// Writes a message. Empty if that fails, which no type of ours can make happen, and which no decoder accepts.
///
/// No secret is in it; it is wiped all the same, since a name or a path is nobody's business either.
pub fn json(message: &impl Serialize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(message).unwrap_or_default())
}

/// Reads a message; `what` names it in the error.
///
/// # Errors
///
/// `Invalid`, with nothing of the input in it.
pub fn parse<T: DeserializeOwned>(message: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(message).map_err(|_| garbled(what))
}

fn garbled(what: &str) -> BackendError {
    BackendError::new(ErrorKind::Invalid, format!("what came is not {what}"))
        .doing("reading a message between the program and a plugin")
        .hint("Build the plugin and the program from the same version.")
}

#[derive(Serialize, Deserialize)]
struct SetupHead {
    instance: String,
    settings: BTreeMap<String, Setting>,
    secrets: Vec<(String, usize)>,
}

#[derive(Serialize)]
#[serde(rename = "RequestHead")]
struct RequestHeadRef<'a> {
    operation: &'a Operation,
    within_ms: u64,
    secret: bool,
}

#[derive(Deserialize)]
struct RequestHead {
    operation: Operation,
    within_ms: u64,
    secret: bool,
}

#[derive(Serialize)]
#[serde(rename = "ReplyHead")]
struct ReplyHeadRef<'a> {
    answer: &'a Result<Answer>,
    secret: bool,
}

#[derive(Deserialize)]
struct ReplyHead {
    answer: Result<Answer>,
    secret: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quarterdeck_contract::{Expected, Kind, PageRequest, SecretName, VersionId};

    fn setup() -> Setup {
        Setup {
            instance: "fernet".into(),
            settings: [
                ("file".to_owned(), Setting::Text("/a/b".into())),
                ("strict".to_owned(), Setting::Flag(true)),
                ("most".to_owned(), Setting::Number(-7)),
                ("names".to_owned(), Setting::List(vec!["a".into()])),
            ]
            .into(),
            secrets: [("empty", ""), ("key", "canary-1"), ("token", "canary-2")]
                .map(|(name, value)| (name.to_owned(), SecretBytes::from(value)))
                .into(),
        }
    }

    #[test]
    fn a_setup_comes_back_and_its_message_holds_no_secret() {
        let (message, secrets) = encode_setup(&setup());
        assert!(!String::from_utf8_lossy(&message).contains("canary"));
        let back = decode_setup(&message, &secrets).unwrap();
        assert_eq!(back.settings, setup().settings);
        assert_eq!(back.secrets, setup().secrets);
        assert_eq!(decode_setup(&message, &secrets[1..]).unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(decode_setup(&message, &[&secrets[..], b"x"].concat()).unwrap_err().kind, ErrorKind::Invalid);
    }

    #[test]
    fn requests_and_replies_come_back_with_the_secret_beside_them() {
        let name = SecretName::parse("a").unwrap();
        let version = VersionId("7".into());
        let operations = [
            Operation::Describe,
            Operation::List(PageRequest { prefix: "a".into(), after: Some("b".into()), limit: 9 }),
            Operation::Write { name, kind: Kind::Text, expected: Expected::Version(version.clone()) },
        ];
        for operation in operations {
            for secret in [None, Some("canary")] {
                let within = Duration::from_millis(1500);
                let request = Request { operation: operation.clone(), secret: secret.map(SecretBytes::from), within };
                let message = encode_request(&request);
                assert!(!String::from_utf8_lossy(&message).contains("canary"));
                let back = decode_request(&message, || b"canary".to_vec()).unwrap();
                assert_eq!((back.operation, back.secret, back.within), (request.operation, request.secret, within));
            }
        }
        let conflict = BackendError::new(ErrorKind::Conflict { current: Some("8".into()) }, "changed meanwhile");
        for answer in [Ok(Answer::Reading { kind: Kind::Binary, version: Some(version) }), Err(conflict)] {
            let reply = Reply { answer, secret: Some(SecretBytes::from("")) };
            let back = decode_reply(&encode_reply(&reply), Vec::new);
            assert_eq!((back.answer, back.secret), (reply.answer, reply.secret));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic_or_repeat_them(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), secrets in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let errors = [
                decode_setup(&bytes, &secrets).err(),
                decode_request(&bytes, Vec::new).err(),
                decode_reply(&bytes, Vec::new).answer.err(),
                decode_made(&bytes).err(),
            ];
            for error in errors.into_iter().flatten() {
                prop_assert_eq!(error.kind, ErrorKind::Invalid);
            }
        }

        #[test]
        fn an_index_that_lies_is_refused(len in any::<usize>(), secrets in proptest::collection::vec(any::<u8>(), 0..50)) {
            let message = format!(r#"{{"instance":"i","settings":{{}},"secrets":[["a",{len}]]}}"#);
            prop_assert_eq!(decode_setup(message.as_bytes(), &secrets).is_ok(), len == secrets.len());
        }
    }
}
