//! How a new value comes about: system randomness, or a command. Refuses any other randomness, what is easily guessed,
//! and a value that nobody could use.

use super::hooks;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use ed25519::pkcs8::spki::der::pem::LineEnding;
use ed25519::pkcs8::{EncodePrivateKey as _, KeypairBytes, PublicKeyBytes};
use quarterdeck_contract::{BackendError, ErrorKind, Kind, SecretBytes, Value};
use quarterdeck_domain::rotate::Generator;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

/// Fewest characters of a password.
pub const SHORTEST_PASSWORD: u32 = 12;
/// Fewest random bytes: 128 bits.
pub const FEWEST_BYTES: u32 = 16;
/// Most characters, or bytes.
pub const MOST: u32 = 4096;

const LETTERS_AND_DIGITS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// With a single sign in the alphabet every sixth password of the shortest kind has it.
const TRIES: u32 = 10_000;

/// Makes a value. `Typed` is nobody's to make: that is an error.
pub fn generate(generator: &Generator) -> Result<Value, BackendError> {
    let bytes = match generator {
        Generator::Password { length, signs, each } => password(*length, signs, *each)?,
        Generator::Hex { bytes } => hex(&random(*bytes)?),
        Generator::Base64 { bytes, url: false } => encoded(&BASE64_STANDARD, &random(*bytes)?),
        Generator::Base64 { bytes, url: true } => encoded(&BASE64_URL_SAFE_NO_PAD, &random(*bytes)?),
        Generator::Fernet => encoded(&BASE64_URL_SAFE, &random(32)?),
        Generator::Ed25519 => key_pair()?,
        Generator::Uuid => {
            let mut bytes = Zeroizing::new([0; 16]);
            fill(bytes.as_mut_slice())?;
            let id = uuid::Builder::from_random_bytes(*bytes).into_uuid();
            SecretBytes::from(&*id.hyphenated().encode_lower(&mut [0; 36]))
        }
        Generator::Command { words } => hooks::made_by(words)?,
        Generator::Typed => {
            return Err(BackendError::new(ErrorKind::Unsupported, "only the broker issues this value")
                .doing("making a new value")
                .hint("Type it where the rotation is begun: 'quarterdeck rotate start' asks for it."));
        }
    };
    let kind = if std::str::from_utf8(bytes.expose()).is_ok() { Kind::Text } else { Kind::Binary };
    Ok(Value { kind, bytes })
}

/// What may be told of a value that was made so: a key pair's public key. Nothing of any other.
pub fn note(generator: &Generator, value: &Value) -> String {
    match generator {
        Generator::Ed25519 => public_key(value).map(|key| format!("public key {key}")).unwrap_or_default(),
        _ => String::new(),
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), BackendError> {
    getrandom::fill(bytes).map_err(|error| {
        BackendError::new(ErrorKind::Unreachable, format!("the system gives no randomness: {error}"))
            .doing("making a new value")
            .hint("Nothing was made; see that /dev/urandom is there, and try again.")
    })
}

fn random(bytes: u32) -> Result<Zeroizing<Vec<u8>>, BackendError> {
    if !(FEWEST_BYTES..=MOST).contains(&bytes) {
        return Err(invalid(format!("{bytes} random bytes are not between {FEWEST_BYTES} and {MOST}")));
    }
    let mut random = Zeroizing::new(vec![0; bytes as usize]);
    fill(&mut random)?;
    Ok(random)
}

fn invalid(what: String) -> BackendError {
    BackendError::new(ErrorKind::Invalid, what).doing("making a new value").hint("Change 'generator' of the secret.")
}

fn password(length: u32, signs: &str, each: bool) -> Result<SecretBytes, BackendError> {
    if !(SHORTEST_PASSWORD..=MOST).contains(&length) {
        return Err(invalid(format!("a password of {length} is not between {SHORTEST_PASSWORD} and {MOST} long")));
    }
    let mut alphabet = LETTERS_AND_DIGITS.as_bytes().to_vec();
    for sign in signs.bytes() {
        if !sign.is_ascii_punctuation() {
            return Err(invalid("a password's signs are ASCII punctuation".into()));
        }
        if !alphabet.contains(&sign) {
            alphabet.push(sign);
        }
    }
    for _ in 0..TRIES {
        let text = drawn(&alphabet, length as usize)?;
        let has = |kind: fn(&u8) -> bool| text.iter().any(kind);
        let all = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
        // The whole is drawn again: every password that keeps the rule is as likely as every other.
        if !each || all && (signs.is_empty() || has(u8::is_ascii_punctuation)) {
            return Ok(SecretBytes::new(text.to_vec()));
        }
    }
    Err(invalid(format!("none of {TRIES} passwords of {length} had one of each")))
}

/// So many of these, each as likely as the others: bytes above the last whole multiple are thrown away.
fn drawn(alphabet: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, BackendError> {
    let fair = 256 - 256 % alphabet.len();
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    let mut bytes = Zeroizing::new([0; 64]);
    while text.len() < length {
        fill(bytes.as_mut_slice())?;
        let fits = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        let room = length - text.len();
        text.extend(fits.filter_map(|byte| alphabet.get(byte % alphabet.len())).take(room));
    }
    Ok(text)
}

fn hex(bytes: &[u8]) -> SecretBytes {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |byte: u8| DIGITS[usize::from(byte & 15)];
    // Room for all from the start: a vector that grows leaves copies behind.
    let mut text = Vec::with_capacity(bytes.len() * 2);
    bytes.iter().for_each(|byte| text.extend([digit(byte >> 4), digit(*byte)]));
    SecretBytes::new(text)
}

fn encoded(how: &impl base64::Engine, bytes: &[u8]) -> SecretBytes {
    SecretBytes::new(how.encode(bytes).into_bytes())
}

/// The private key alone, as PKCS#8 of version 1: what OpenSSL, Python and OpenSSH read.
fn key_pair() -> Result<SecretBytes, BackendError> {
    let mut seed = Zeroizing::new([0; 32]);
    fill(seed.as_mut_slice())?;
    let pair = KeypairBytes { secret_key: *seed, public_key: None };
    let pem =
        pair.to_pkcs8_pem(LineEnding::LF).map_err(|error| invalid(format!("a key pair can't be told: {error}")))?;
    Ok(SecretBytes::from(pem.as_str()))
}

/// The public half, as base64 of its 32 bytes.
fn public_key(value: &Value) -> Option<String> {
    use ed25519::pkcs8::DecodePrivateKey as _;
    let pair = KeypairBytes::from_pkcs8_pem(std::str::from_utf8(value.bytes.expose()).ok()?).ok()?;
    let public = Ed25519KeyPair::from_seed_unchecked(&pair.secret_key).ok()?;
    let public = PublicKeyBytes(public.public_key().as_ref().try_into().ok()?);
    Some(BASE64_STANDARD.encode(public.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(generator: &Generator) -> String {
        let value = generate(generator).expect("it is made");
        assert_eq!(value.kind, Kind::Text);
        let text = String::from_utf8(value.bytes.expose().to_vec()).expect("text");
        let shown = format!("{value:?}");
        assert!(!shown.contains(&text) && shown.contains("***"), "{shown}");
        text
    }

    #[test]
    fn a_password_keeps_its_rules() {
        let rule = |length, signs: &str, each| Generator::Password { length, signs: signs.into(), each };
        for _ in 0..300 {
            let text = made(&rule(12, "!%-", true));
            assert_eq!(text.len(), 12);
            for kind in [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit] {
                assert!(text.bytes().any(|byte| kind(&byte)), "{text}");
            }
            assert!(text.contains(['!', '%', '-']), "{text}");
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!%-".contains(&byte)), "{text}");
            assert!(made(&rule(32, "", true)).bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        assert_eq!(made(&rule(4096, "", false)).len(), 4096);
        for (length, signs) in [(11, ""), (4097, ""), (16, "é"), (16, " "), (16, "\n"), (16, "a")] {
            let error = generate(&rule(length, signs, true)).expect_err("that is no rule");
            assert_eq!(error.kind, ErrorKind::Invalid, "{length} {signs:?}");
        }
    }

    #[test]
    fn each_character_is_as_likely_as_the_others() {
        // 67 is no divisor of 256: taking a remainder would make 55 of them a quarter likelier.
        let alphabet: Vec<u8> = (0..67).collect();
        let each = 4_000_u32;
        let mut counts = [0_u32; 67];
        drawn(&alphabet, 67 * each as usize).expect("random").iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        // Eight standard deviations: once in some ten million million runs.
        let most = 8.0 * f64::from(each).sqrt();
        for (byte, count) in counts.iter().enumerate() {
            assert!((f64::from(*count) - f64::from(each)).abs() < most, "{byte}: {count}");
        }
    }

    #[test]
    fn bytes_and_keys_have_their_form_and_no_two_are_alike() {
        let base64 = |url| Generator::Base64 { bytes: 33, url };
        for generator in [Generator::Hex { bytes: 32 }, base64(false), base64(true), Generator::Fernet, Generator::Uuid]
        {
            assert_ne!(made(&generator), made(&generator));
        }
        assert!(made(&Generator::Hex { bytes: 32 }).len() == 64);
        assert_eq!(BASE64_STANDARD.decode(made(&base64(false))).expect("base64").len(), 33);
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(made(&base64(true))).expect("base64url").len(), 33);
        let fernet = made(&Generator::Fernet);
        assert_eq!((fernet.len(), BASE64_URL_SAFE.decode(&fernet).expect("base64url").len()), (44, 32));
        let id = uuid::Uuid::try_parse(&made(&Generator::Uuid)).expect("a UUID");
        assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
        for bytes in [0, 15, 4097] {
            assert!(generate(&Generator::Hex { bytes }).is_err(), "{bytes}");
        }
    }

    #[test]
    fn a_key_pair_signs_and_its_public_half_is_told() {
        let value = generate(&Generator::Ed25519).expect("it is made");
        let pem = std::str::from_utf8(value.bytes.expose()).expect("text");
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n"));
        let note = note(&Generator::Ed25519, &value);
        let public = BASE64_STANDARD.decode(note.strip_prefix("public key ").expect("told")).expect("base64");
        let der = pem.lines().filter(|line| !line.starts_with("---")).collect::<String>();
        let der = BASE64_STANDARD.decode(der).expect("base64");
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).expect("another library reads it");
        assert_eq!(pair.public_key().as_ref(), public);
        assert!(!pem.contains(note.strip_prefix("public key ").expect("told")));
        assert_eq!(super::note(&Generator::Uuid, &value), "");
    }

    #[test]
    fn a_command_makes_a_value() {
        let shell = |line: &str| Generator::Command { words: vec!["/bin/sh".into(), "-c".into(), line.into()] };
        assert_eq!(made(&shell("echo made; echo aside >&2")), "made");
        assert_eq!(made(&shell("printf 'two\nlines\r\n'")), "two\nlines");
        let binary = generate(&shell("printf '\\377\\001'")).expect("it is made");
        assert_eq!((binary.kind, binary.bytes.expose()), (Kind::Binary, &[255, 1][..]));
        for (line, kind) in [
            ("true", ErrorKind::Invalid),
            ("echo half-a-canary; echo failed: half-a-canary >&2; exit 3", ErrorKind::Invalid),
            ("exit 75", ErrorKind::Unreachable),
            ("/no/such/program", ErrorKind::Unreachable),
            ("head -c 70000 /dev/zero", ErrorKind::TooLarge),
        ] {
            let error = generate(&shell(line)).expect_err("nothing was made");
            assert_eq!(error.kind, kind, "{line}: {error:?}");
            assert!(!format!("{error:?}").contains("canary") && !error.hint.is_empty(), "{error:?}");
        }
    }

    #[test]
    fn what_is_typed_is_made_by_nobody() {
        assert_eq!(generate(&Generator::Typed).expect_err("typed").kind, ErrorKind::Unsupported);
    }
}
