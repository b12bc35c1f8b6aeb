//! Takes secrets out of any text before it is shown or written (R6.3). Refuses to be sure: it knows keys by their name
//! and tokens by their form, so it is the last net and never a licence to log a value. When in doubt it hides more.
//!
//! API keys keep `****` and their last four characters, account ids their last four digits, everything else becomes
//! `[REDACTED]`: a mask never shows a password's last characters (S Q5.1 forbids what the guide shows).

use crate::event::{Detail, Event};
use std::borrow::Cow;

/// What stands for a secret.
pub const REDACTED: &str = "[REDACTED]";

/// Gives the text without the secrets in it.
pub fn text(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let hit = match byte {
            b':' if rest(bytes, at).starts_with(b"://") => url_password(bytes, at),
            b':' | b'=' => named_value(text, at),
            b'-' => private_key(text, at),
            _ if starts_word(bytes, at) => token(text, at),
            _ => None,
        };
        let Some(hit) = hit.filter(|hit| hit.from >= copied && hit.to > at) else {
            at += 1;
            continue;
        };
        out.push_str(text.get(copied..hit.from).unwrap_or_default());
        out.push_str(&hit.with);
        (copied, at) = (hit.to, hit.to);
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Gives what may be shown of the value of a named field.
pub fn field<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    match Name::of(name).and_then(|kind| kind.stand_in(value)) {
        Some(stand_in) => Cow::Owned(stand_in),
        None => text(value),
    }
}

/// Takes secrets out of an event's sentences, before it is written. Names, resources and numbers are left as they are.
pub fn event(event: &mut Event) {
    let words: Vec<&mut String> = match &mut event.detail {
        Detail::Secret { note, .. } => note.iter_mut().collect(),
        Detail::Backend { from, to, reason, .. } => vec![from, to, reason],
        Detail::Refusal { reasons, .. } => reasons.iter_mut().collect(),
        Detail::Check { found, .. } => vec![found],
        _ => Vec::new(),
    };
    for sentence in words.into_iter().chain(&mut event.result.error_code) {
        if let Cow::Owned(clean) = text(sentence) {
            *sentence = clean;
        }
    }
}

/// True when a field of this name holds a secret, whatever its value is.
pub fn is_secret_name(name: &str) -> bool {
    matches!(Name::of(name), Some(Name::Secret | Name::ApiKey))
}

/// What a field's name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Secret,
    ApiKey,
    Account,
}

const SECRET_NAMES: [&str; 19] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "secretstring",
    "secretbinary",
    "valuemasked",
    "valuehash",
    "connectionstring",
];
const API_KEY_NAMES: [&str; 3] = ["apikey", "accesskey", "accesskeyid"];
const ACCOUNT_NAMES: [&str; 4] = ["account", "accountid", "accountnumber", "acct"];
/// The guide names secrets in a field that elsewhere holds one.
const LONGEST_NAME: usize = 64;

impl Name {
    fn of(name: &str) -> Option<Self> {
        if name.starts_with("IBKR_") || name.starts_with("AWS_") {
            return Some(Self::Secret);
        }
        let mut flat = [0; LONGEST_NAME];
        let mut length = 0;
        // From the end: it is the end that tells, and a very long name has one too.
        for byte in name.bytes().rev().filter(u8::is_ascii_alphanumeric).take(LONGEST_NAME) {
            length += 1;
            flat[LONGEST_NAME - length] = byte.to_ascii_lowercase();
        }
        let flat = flat.get(LONGEST_NAME - length..).unwrap_or_default();
        let ends_in = |names: &[&str]| names.iter().any(|name| flat.ends_with(name.as_bytes()));
        if ends_in(&API_KEY_NAMES) {
            Some(Self::ApiKey)
        } else if ends_in(&SECRET_NAMES) {
            Some(Self::Secret)
        } else {
            ends_in(&ACCOUNT_NAMES).then_some(Self::Account)
        }
    }

    /// What is shown instead of the value, if it is one.
    fn stand_in(self, value: &str) -> Option<String> {
        if matches!(value, "" | "null" | "true" | "false" | REDACTED) {
            return None;
        }
        match self {
            Self::Secret => Some(REDACTED.to_owned()),
            Self::ApiKey => Some(last_four(value, 12)),
            Self::Account => {
                let digits: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).collect();
                (digits.len() > 4).then(|| format!("****{}", String::from_utf8_lossy(&digits[digits.len() - 4..])))
            }
        }
    }
}

/// A part of the text and what stands for it.
struct Hit {
    from: usize,
    to: usize,
    with: Cow<'static, str>,
}

fn redacted(from: usize, to: usize) -> Option<Hit> {
    Some(Hit { from, to, with: REDACTED.into() })
}

fn last_four(value: &str, at_least: usize) -> String {
    let tail = value.get(value.len().saturating_sub(4)..).unwrap_or_default();
    let shows = value.len() >= at_least && value.is_ascii() && tail.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if shows { format!("****{tail}") } else { REDACTED.to_owned() }
}

/// `password=…`, `"api_key": "…"`, `\"token\":\"…\"`, `AWS_SECRET_ACCESS_KEY=…`; `at` is the separator.
fn named_value(text: &str, at: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let before = trim_end(bytes.get(..at)?, |byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\'));
    let name = before.len() - trim_end(before, |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)).len();
    let kind = Name::of(text.get(before.len() - name..before.len())?)?;
    let opened = at + span(rest(bytes, at), |byte| matches!(byte, b'=' | b':' | b'>' | b' '));
    let quote = span(rest(bytes, opened), |byte| byte == b'\\');
    let (from, to) = match bytes.get(opened + quote) {
        Some(&mark @ (b'"' | b'\'')) => {
            let from = opened + quote + 1;
            (from, from + quoted(rest(bytes, from), mark, quote > 0))
        }
        _ => (opened, opened + unquoted(rest(bytes, opened))),
    };
    let with = kind.stand_in(text.get(from..to)?)?;
    Some(Hit { from, to, with: with.into() })
}

/// Up to the closing mark; to the end where there is none. In escaped text the closing mark is escaped too.
fn quoted(bytes: &[u8], mark: u8, escaped: bool) -> usize {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escaped && bytes.get(at + 1) == Some(&mark) => return at,
            b'\\' => at += 2,
            byte if *byte == mark => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Up to a space or a quote; a scheme takes the word after it along: `authorization: Bearer …`.
fn unquoted(bytes: &[u8]) -> usize {
    let word = |bytes: &[u8]| span(bytes, |byte| !byte.is_ascii_whitespace() && byte != b'"' && byte != b'\'');
    let first = word(bytes);
    let scheme = bytes.get(..first).unwrap_or_default();
    if ![&b"bearer"[..], b"basic", b"token", b"digest"].iter().any(|name| name.eq_ignore_ascii_case(scheme)) {
        return first;
    }
    let gap = span(rest(bytes, first), |byte| byte == b' ');
    first + gap + word(rest(bytes, first + gap))
}

/// `postgres://user:password@host`; `at` is the colon.
fn url_password(bytes: &[u8], at: usize) -> Option<Hit> {
    let from = at + 3;
    let whole = span(rest(bytes, from), |byte| !byte.is_ascii_whitespace() && !b"\"'<>".contains(&byte));
    let whole = bytes.get(from..from + whole)?;
    let sign = whole.iter().rposition(|byte| *byte == b'@')?;
    let colon = whole.get(..sign)?.iter().position(|byte| *byte == b':')?;
    let password = whole.get(colon + 1..sign)?;
    // `host:8080/a@b` has a port there and no password.
    let port = span(password, |byte| byte.is_ascii_digit());
    let is_port = port > 0 && password.get(port) == Some(&b'/');
    let is_path = whole.get(..colon)?.contains(&b'/');
    if password.is_empty() || is_port || is_path || password == REDACTED.as_bytes() {
        return None;
    }
    redacted(from + colon + 1, from + sign)
}

fn private_key(text: &str, at: usize) -> Option<Hit> {
    let found = text.get(at..)?;
    let label = found.strip_prefix("-----BEGIN ")?;
    let label = label.get(..label.find("-----")?)?;
    if !label.ends_with("PRIVATE KEY") || label.len() > 40 {
        return None;
    }
    let end = found.find("-----END ").and_then(|end| {
        let rest = found.get(end + 9..)?;
        Some(end + 9 + rest.find("-----")? + 5)
    });
    Some(Hit { from: at, to: at + end.unwrap_or(found.len()), with: "[REDACTED PRIVATE KEY]".into() })
}

/// What is known by its form; `at` begins a word.
fn token(text: &str, at: usize) -> Option<Hit> {
    let found = rest(text.as_bytes(), at);
    let shown = |length: usize| {
        let word = text.get(at..at + length)?;
        Some(Hit { from: at, to: at + length, with: last_four(word, 12).into() })
    };
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    match found.first()? {
        b'A' => {
            let known = [&b"AKIA"[..], b"ASIA", b"ABIA", b"ACCA"].iter().any(|prefix| found.starts_with(prefix));
            let length = span(found, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            if known && length >= 16 {
                return shown(length);
            }
        }
        b'U' | b'D' | b'F' => {
            if let Some(length) = account(found) {
                return shown_digits(text, at, length);
            }
        }
        b'g' if found.starts_with(b"gAAAA") => {
            let length = span(found, |byte| base64url(byte) || byte == b'=');
            if length >= 20 {
                return redacted(at, at + length);
            }
        }
        b'h' | b's' | b'b' | b'r' => {
            if let Some(length) = vault_token(found) {
                return redacted(at, at + length);
            }
        }
        b'e' if found.starts_with(b"eyJ") => {
            let length = span(found, |byte| base64url(byte) || byte == b'.');
            if length >= 20 && found.get(..length)?.contains(&b'.') {
                return redacted(at, at + length);
            }
        }
        b'0'..=b'9' => {
            let colons = at > 0 && text.as_bytes().get(at - 1) == Some(&b':') && found.get(12) == Some(&b':');
            if colons && span(found, |byte| byte.is_ascii_digit()) == 12 {
                return shown_digits(text, at, 12);
            }
        }
        _ => {}
    }
    scheme(found).map(|(from, to)| Hit { from: at + from, to: at + to, with: REDACTED.into() }).or_else(|| {
        if let Some(length) = vendor_key(found) {
            shown(length)
        } else {
            aws_secret(found).and_then(|to| redacted(at, at + to))
        }
    })
}

/// An account at Interactive Brokers: `U1234567`, `DU1234567`, `F…`, `DF…`.
fn account(found: &[u8]) -> Option<usize> {
    let letters = match found {
        [b'D', b'U' | b'F', ..] => 2,
        [b'U' | b'F', ..] => 1,
        _ => return None,
    };
    let digits = span(rest(found, letters), |byte| byte.is_ascii_digit());
    let ends = !found.get(letters + digits).copied().is_some_and(is_word);
    ((5..=9).contains(&digits) && ends).then_some(letters + digits)
}

fn shown_digits(text: &str, at: usize, length: usize) -> Option<Hit> {
    let tail = text.get(at + length - 4..at + length)?;
    Some(Hit { from: at, to: at + length, with: format!("****{tail}").into() })
}

fn vault_token(found: &[u8]) -> Option<usize> {
    let new = [&b"hvs."[..], b"hvb.", b"hvr."].iter().any(|prefix| found.starts_with(prefix));
    if new {
        let body = span(rest(found, 4), |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        return (body >= 16).then_some(4 + body);
    }
    let old = matches!(found, [b's' | b'b' | b'r', b'.', ..]);
    let body = span(rest(found, 2), |byte| byte.is_ascii_alphanumeric());
    (old && body >= 24).then_some(2 + body)
}

/// `Bearer …`, `Basic …`: the part after the scheme.
fn scheme(found: &[u8]) -> Option<(usize, usize)> {
    let name = span(found, |byte| byte.is_ascii_alphabetic());
    let word = found.get(..name)?;
    let (bearer, basic) = (word.eq_ignore_ascii_case(b"bearer"), word.eq_ignore_ascii_case(b"basic"));
    let gap = span(rest(found, name), |byte| byte == b' ');
    let from = name + gap;
    let body = rest(found, from);
    let length = span(body, |byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    let coded = body.get(..length)?.iter().any(|byte| !byte.is_ascii_lowercase());
    (gap > 0 && length >= 8 && (bearer || basic && coded)).then_some((from, from + length))
}

fn vendor_key(found: &[u8]) -> Option<usize> {
    const PREFIXES: [&[u8]; 14] = [
        b"ghp_",
        b"gho_",
        b"ghu_",
        b"ghs_",
        b"ghr_",
        b"github_pat_",
        b"glpat-",
        b"xoxb-",
        b"xoxp-",
        b"xoxa-",
        b"sk-",
        b"sk_live_",
        b"rk_live_",
        b"AIza",
    ];
    PREFIXES.iter().find(|prefix| found.starts_with(prefix))?;
    let length = span(found, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (length >= 20).then_some(length)
}

/// The 40 characters of a secret access key, without a name beside them.
fn aws_secret(found: &[u8]) -> Option<usize> {
    let length = span(found, |byte| byte.is_ascii_alphanumeric() || b"/+".contains(&byte));
    let word = found.get(..length)?;
    let has = |kind: fn(&u8) -> bool| word.iter().any(kind);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    (length == 40 && mixed).then_some(length)
}

fn rest(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

fn span(bytes: &[u8], fine: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !fine(*byte)).unwrap_or(bytes.len())
}

fn trim_end(bytes: &[u8], cut: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !cut(*byte)).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn starts_word(bytes: &[u8], at: usize) -> bool {
    is_word(bytes[at]) && (at == 0 || !is_word(bytes[at - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::EventKind;
    use crate::event::{Actor, EventId};
    use proptest::prelude::*;

    #[test]
    fn what_holds_no_secret_is_left_alone() {
        for plain in [
            "secret://prod/ibkr/api-key",
            "prod/trader/ibkr-api-key v14",
            "token ..9c1e 41 min left",
            "ok 38 ms",
            "rejected with ibkr-api-key v15, 1 of 3",
            "2026-11-08T14:30:15.042Z",
            "http://127.0.0.1:8200/v1/sys/health",
            "http://host:8080/path@x",
            "U12 F16 DU3 s.something b.c basic authentication",
            "a53a3d6ab9d1c2b4e8f00112233445566778899a",
            "password=null secret: true token=",
            "café: naïve",
        ] {
            assert!(matches!(text(plain), Cow::Borrowed(_)), "{plain} became {}", text(plain));
        }
    }

    #[test]
    fn secrets_are_known_by_name() {
        for (given, shown) in [
            ("password=hunter2 x", "password=[REDACTED] x"),
            ("DP_BROKER__PASSWORD=a,b&c", "DP_BROKER__PASSWORD=[REDACTED]"),
            (r#"{"password":"a\"b c","n":1}"#, r#"{"password":"[REDACTED]","n":1}"#),
            (r#"{\"client_secret\": \"a b\", \"n\": 1}"#, r#"{\"client_secret\": \"[REDACTED]\", \"n\": 1}"#),
            ("db.pwd: 'x y' z", "db.pwd: '[REDACTED]' z"),
            ("passphrase => abc", "passphrase => [REDACTED]"),
            ("X-Api-Key: 0123456789abcdef", "X-Api-Key: ****cdef"),
            ("api_key=short", "api_key=[REDACTED]"),
            ("IBKR_USER=alice AWS_REGION=eu-west-1", "IBKR_USER=[REDACTED] AWS_REGION=[REDACTED]"),
            ("Authorization: Bearer abc.def", "Authorization: [REDACTED]"),
            ("value_masked: ***word", "value_masked: [REDACTED]"),
            ("account=12345678, x", "account=****5678 x"),
            ("\"password\": \"never closed", "\"password\": \"[REDACTED]"),
            ("postgres://bob:s3cr/et@db:5432/x", "postgres://bob:[REDACTED]@db:5432/x"),
        ] {
            assert_eq!(text(given), shown);
        }
        assert_eq!(field("secret_access_key", "whatever"), REDACTED);
        assert_eq!(field("note", "U1234567 left"), "****4567 left");
        assert!(is_secret_name("clientSecret") && is_secret_name("Vault-Token") && !is_secret_name("secret_name"));
    }

    #[test]
    fn an_events_sentences_are_cleaned_and_its_names_kept() {
        let id = EventId { event: "evt-1".into(), request: "req-1".into() };
        let at = jiff::Timestamp::UNIX_EPOCH;
        let detail = |note: &str| Detail::Secret {
            layer: "env".into(),
            name: "account.U1234567".into(),
            purpose: "get".into(),
            version: None,
            fingerprint: None,
            note: Some(note.into()),
        };
        let mut it =
            Event::new(EventKind::SecretRead, at, id, Actor::system("s"), None).with(detail("token=abc refused"));
        event(&mut it);
        assert_eq!(it.detail, detail("token=[REDACTED] refused"));
    }

    #[test]
    fn secrets_are_known_by_form() {
        for (given, shown) in [
            ("key AKIAIOSFODNN7EXAMPLE used", "key ****MPLE used"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[REDACTED]"),
            ("account U1234567, DU7654321.", "account ****4567, ****4321."),
            ("gAAAAABhkF7x9z0123456789abcdef== end", "[REDACTED] end"),
            ("hvs.CAESIJ1234567890abcdef- x", "[REDACTED] x"),
            ("s.abcdefghijklmnopqrstuvwx", "[REDACTED]"),
            ("bearer abcdefghij", "bearer [REDACTED]"),
            ("Basic dXNlcjpwYXNz", "Basic [REDACTED]"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "[REDACTED]"),
            ("ghp_0123456789abcdefABCD", "****ABCD"),
            ("arn:aws:iam::123456789012:role/x", "arn:aws:iam::****9012:role/x"),
            ("a -----BEGIN RSA PRIVATE KEY-----\\nMII\\n-----END RSA PRIVATE KEY----- b", "a [REDACTED PRIVATE KEY] b"),
            ("-----BEGIN PRIVATE KEY-----\nMIIcut", "[REDACTED PRIVATE KEY]"),
        ] {
            assert_eq!(text(given), shown);
        }
    }

    proptest! {
        #[test]
        fn a_planted_secret_never_comes_out(
            before in "[ -~]{0,20}", key in "(password|db_passwd|clientSecret|VAULT_TOKEN|IBKR_PIN|passphrase)",
            sign in "(=|: |\": \"|\\\\\":\\\\\")", value in "[A-Za-z0-9!#$%/.,;&-]{8,30}", after in "( [ -~]{0,20})?"
        ) {
            let text_given = format!("{before} {key}{sign}{value}{after}");
            let shown = text(&text_given);
            prop_assume!(!before.contains(&value) && !after.contains(&value));
            prop_assert!(!shown.contains(&value), "{shown}");
            prop_assert!(!shown.contains(&value[value.len() - 6..]) || text_given.matches(&value[value.len() - 6..]).count() > 1);
        }

        #[test]
        fn any_text_at_all_is_survived(given: String) {
            let _ = text(&given);
            let _ = field(&given, &given);
        }

        #[test]
        fn tokens_never_come_out(token in "(gAAAA[A-Za-z0-9_-]{40}|hvs\\.[A-Za-z0-9]{24}|AKIA[A-Z0-9]{16}|ghp_[A-Za-z0-9]{36})", junk in "[ -~é☃]{0,12}") {
            let text_given = format!("{junk} {token} {junk}");
            prop_assert!(!text(&text_given).contains(&token));
        }
    }
}
