//! A Vault token as the value: it looks itself up, and revokes itself. Refuses any other path, and to take a policy that
//! lacks these two for a token's end.

use super::http::{Way, call};
use super::{Errand, Verdict};
use quarterdeck_domain::rotate::Step;
use std::io::Read as _;
use std::time::Duration;

/// Most of an answer that is read, to tell one refusal from another.
const MOST: u64 = 8 << 10;

/// What is said of a token that is known no more. Of one whose policy lacks the path it is said as '1 error occurred: …'.
const UNKNOWN: &str = r#"{"errors":["permission denied"]}"#;

pub(super) fn run(url: &str, within: Duration, errand: &Errand<'_>) -> Verdict {
    match errand.step {
        Step::Set => Verdict::Yes("a token is known to the Vault that made it".into()),
        Step::Retire | Step::Revoke => match ask("POST", url, "revoke-self", within, errand) {
            Told::Fine => Verdict::Yes("revoked".into()),
            // Done before: by the runner before this one, or by its time.
            Told::Ended => Verdict::Yes("it was revoked, or had ended".into()),
            Told::Denied => Verdict::No("the token may not revoke itself: 'update' on auth/token/revoke-self".into()),
            Told::Other(verdict) => verdict,
        },
        _ => match ask("GET", url, "lookup-self", within, errand) {
            Told::Fine => Verdict::Yes("the token is valid".into()),
            Told::Ended => Verdict::No("the token is refused: revoked, or ended".into()),
            Told::Denied => Verdict::No("the token may not look itself up: 'read' on auth/token/lookup-self".into()),
            Told::Other(verdict) => verdict,
        },
    }
}

enum Told {
    Fine,
    Ended,
    Denied,
    Other(Verdict),
}

fn ask(method: &str, url: &str, what: &str, within: Duration, errand: &Errand<'_>) -> Told {
    let url = format!("{}/v1/auth/token/{what}", url.trim_end_matches('/'));
    let way = Way { header: Some("X-Vault-Token"), before: "" };
    let mut answer = match call(method, &url, way, within, errand.value) {
        Ok(answer) => answer,
        Err(verdict) => return Told::Other(verdict),
    };
    match answer.status().as_u16() {
        200..=299 => Told::Fine,
        403 => {
            let mut body = String::new();
            // What can't be read is no proof that the token has ended.
            let _ = answer.body_mut().as_reader().take(MOST).read_to_string(&mut body);
            let ended = body.contains("invalid token") || body.contains("bad token") || body.trim() == UNKNOWN;
            if ended { Told::Ended } else { Told::Denied }
        }
        status @ (429 | 472 | 473 | 500..) => {
            Told::Other(Verdict::Trouble(format!("Vault answered {status}: not now")))
        }
        status => Told::Other(Verdict::No(format!("Vault answered {status}"))),
    }
}
