//! The Fernet token, version 0x80, from RustCrypto parts. Refuses to look at anything before its MAC is right.
//!
//! The `fernet` crate is not used: without a time to live it still refuses a token whose writer's clock was ahead, and
//! Python accepts it. Like Python, this takes a token of any time unless a [`Ttl`] is asked for.
//!
//! Base 64 is as in the specification, but white space is ignored wherever it stands: a token that an editor ended with
//! a newline or that a mailer wrapped is read by Python too. Other foreign characters, which Python skips, are refused,
//! as the specification's own vectors want it.

use crate::key::{Key, hmac_sha256};
use aes::Aes128;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

const VERSION: u8 = 0x80;
const TIME: std::ops::Range<usize> = 1..9;
const IV: std::ops::Range<usize> = 9..25;
const BLOCK: usize = 16;
const MAC: usize = 32;

/// How far a token's time may lie ahead when a time to live is checked, in seconds (Fernet specification).
const MAX_CLOCK_SKEW: u64 = 60;

/// Bits left over at the end are ignored, as Python ignores them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// Why a token was not opened. It says nothing about the plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is no token of this version: torn, empty, or something else.
    NotAToken,
    /// No key makes this MAC: the wrong key, or altered bytes.
    WrongKey,
    /// Older or further ahead than the asked-for time to live allows.
    OutOfTime,
}

/// A token that was opened.
pub struct Opened {
    /// What was inside; wiped on drop.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// When it was sealed, Unix seconds by the writer's clock.
    pub sealed_at: u64,
    /// Which of the given keys opened it.
    pub key: usize,
}

/// A time to live, only for who asks for one; a secrets file has none.
#[derive(Debug, Clone, Copy)]
pub struct Ttl {
    /// Seconds.
    pub seconds: u64,
    /// Now, Unix seconds.
    pub now: u64,
}

/// Opens a token with the first of the keys that fits.
///
/// # Errors
/// [`Refused`], which a caller turns into what a person can act on.
pub fn open(keys: &[Key], token: &[u8], ttl: Option<Ttl>) -> std::result::Result<Opened, Refused> {
    let mut raw = decode_base64(token).ok_or(Refused::NotAToken)?;
    let fits = raw.len() >= IV.end + BLOCK + MAC && (raw.len() - IV.end - MAC).is_multiple_of(BLOCK);
    if !fits || raw[0] != VERSION {
        return Err(Refused::NotAToken);
    }
    let signed = raw.len() - MAC;
    let key = keys.iter().position(|key| is_signed(key, &raw[..signed], &raw[signed..])).ok_or(Refused::WrongKey)?;
    let mut time = [0; 8];
    time.copy_from_slice(&raw[TIME]);
    let sealed_at = u64::from_be_bytes(time);
    if ttl.is_some_and(|ttl| !is_in_time(sealed_at, ttl)) {
        return Err(Refused::OutOfTime);
    }
    let length = decrypt_in_place(&keys[key], &mut raw[..signed])?;
    raw.copy_within(IV.end..IV.end + length, 0);
    // `truncate` leaves the bytes behind the length as they are; they are wiped here and not on drop.
    raw[length..].zeroize();
    raw.truncate(length);
    Ok(Opened { plaintext: raw, sealed_at, key })
}

/// Seals a plaintext; `now` is in Unix seconds and `iv` must be fresh random bytes.
pub fn seal(key: &Key, now: u64, iv: [u8; 16], plaintext: &[u8]) -> String {
    let padded = plaintext.len() + BLOCK - plaintext.len() % BLOCK;
    let mut raw = Zeroizing::new(vec![0; IV.end + padded]);
    raw.reserve_exact(MAC);
    raw[0] = VERSION;
    raw[TIME].copy_from_slice(&now.to_be_bytes());
    raw[IV].copy_from_slice(&iv);
    raw[IV.end..IV.end + plaintext.len()].copy_from_slice(plaintext);
    cbc::Encryptor::<Aes128>::new_from_slices(key.encryption(), &iv)
        .unwrap_or_else(|_| unreachable!("both halves of a key, and an IV, have 16 bytes"))
        .encrypt_padded::<Pkcs7>(&mut raw[IV.end..], plaintext.len())
        .unwrap_or_else(|_| unreachable!("the buffer was made to hold the padding"));
    let mac = hmac_sha256(key.signing(), &[&raw]);
    raw.extend_from_slice(&*mac);
    BASE64.encode(&*raw)
}

/// Fills a buffer from the system's randomness.
pub(crate) fn random(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer)
        .map_err(|error| BackendError::new(ErrorKind::Invalid, format!("the system gives no random bytes: {error}")))
}

/// URL-safe base 64 with its padding.
pub(crate) fn encode_base64(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(bytes))
}

/// The bytes of URL-safe base 64, padding wanted, white space ignored.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut dense = Zeroizing::new(Vec::with_capacity(text.len()));
    dense.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let mut raw = Zeroizing::new(vec![0; dense.len() / 4 * 3 + 3]);
    let length = BASE64.decode_slice(&*dense, &mut raw).ok()?;
    raw.truncate(length);
    Some(raw)
}

fn is_signed(key: &Key, signed: &[u8], mac: &[u8]) -> bool {
    hmac_sha256(key.signing(), &[signed]).as_slice().ct_eq(mac).into()
}

fn is_in_time(sealed_at: u64, ttl: Ttl) -> bool {
    sealed_at.saturating_add(ttl.seconds) >= ttl.now && sealed_at <= ttl.now.saturating_add(MAX_CLOCK_SKEW)
}

/// Leaves the plaintext where the ciphertext was and gives its length.
fn decrypt_in_place(key: &Key, raw: &mut [u8]) -> std::result::Result<usize, Refused> {
    let (head, body) = raw.split_at_mut(IV.end);
    cbc::Decryptor::<Aes128>::new_from_slices(key.encryption(), &head[IV])
        .map_err(|_| Refused::NotAToken)?
        .decrypt_padded::<Pkcs7>(body)
        .map(<[u8]>::len)
        .map_err(|_| Refused::NotAToken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    /// 1985-10-26T01:20:00-07:00, the instant of all vectors.
    const THEN: u64 = 499_162_800;
    const HELLO: &str =
        "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    fn key() -> Key {
        Key::parse(SECRET.as_bytes()).expect("the vectors' key")
    }

    fn ttl(now: u64) -> Option<Ttl> {
        Some(Ttl { seconds: 60, now })
    }

    /// generate.json of the Fernet specification.
    #[test]
    fn generate_vector() {
        let iv = std::array::from_fn(|at| u8::try_from(at).expect("16 fit"));
        assert_eq!(seal(&key(), THEN, iv, b"hello"), HELLO);
    }

    /// verify.json of the Fernet specification.
    #[test]
    fn verify_vector() {
        let opened = open(&[key()], HELLO.as_bytes(), ttl(THEN + 1)).expect("valid");
        assert_eq!((&opened.plaintext[..], opened.sealed_at), (&b"hello"[..], THEN));
    }

    /// invalid.json of the Fernet specification: what it is, the token, the verifier's clock, our answer.
    #[test]
    fn invalid_vectors() {
        use Refused::*;
        #[rustfmt::skip]
        let vectors = [
            ("incorrect mac", "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ==", 1, WrongKey),
            ("too short", "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA==", 1, NotAToken),
            ("invalid base64", "%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==", 1, NotAToken),
            ("payload size not multiple of block size", "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm", 1, NotAToken),
            ("payload padding error", "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODz4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw==", 1, NotAToken),
            ("far-future TS (unacceptable clock skew)", "gAAAAAAdwStRAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAnja1xKYyhd-Y6mSkTOyTGJmw2Xc2a6kBd-iX9b_qXQcw==", 1, OutOfTime),
            ("expired TTL", "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==", 91, OutOfTime),
            ("incorrect IV (causes padding error)", "gAAAAAAdwJ6xBQECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAkLhFLHpGtDBRLRTZeUfWgHSv49TF2AUEZ1TIvcZjK1zQ==", 1, NotAToken),
            ("trailing characters after b64 padding", "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==trailingdata", 1, NotAToken),
            ("invalid characters in b64", "*gAAAAAAdwJ6wAAECAwQFBgcI!CQoLDA0ODy021?cpGVWKZ_eEwC@GM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==", 1, NotAToken),
            ("invalid non-urlsafe characters in b64", "gAAAAAAdwJ6wAAEC/AwQFBgcICQoLDA0ODy+021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==", 1, NotAToken),
        ];
        for (what, token, after, wanted) in vectors {
            let refused = open(&[key()], token.as_bytes(), ttl(THEN + after)).err();
            assert_eq!(refused, Some(wanted), "{what}");
        }
    }

    #[test]
    fn a_writer_with_a_fast_clock_is_read_unless_a_time_to_live_is_asked_for() {
        for time in [THEN + 1_000_000, u64::MAX] {
            let token = seal(&key(), time, [7; 16], b"from the future");
            assert_eq!(open(&[key()], token.as_bytes(), None).expect("no TTL").sealed_at, time);
            assert_eq!(open(&[key()], token.as_bytes(), ttl(THEN)).err(), Some(Refused::OutOfTime));
        }
    }

    #[test]
    fn the_mac_speaks_before_the_clock() {
        let other = Key::generate().expect("randomness");
        assert_eq!(open(&[other], HELLO.as_bytes(), ttl(u64::MAX)).err(), Some(Refused::WrongKey));
    }

    #[test]
    fn any_key_of_the_ring_opens_and_says_which() {
        let other = Key::generate().expect("randomness");
        assert_eq!(open(&[other, key()], HELLO.as_bytes(), None).expect("the second").key, 1);
    }

    #[test]
    fn white_space_is_ignored_and_missing_padding_is_not() {
        let (a, b) = HELLO.split_at(40);
        for token in [format!("{HELLO}\n"), format!("\r\n {a}\r\n{b}\t\n")] {
            assert!(open(&[key()], token.as_bytes(), None).is_ok());
        }
        assert_eq!(open(&[key()], HELLO.trim_end_matches('=').as_bytes(), None).err(), Some(Refused::NotAToken));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(open(&[key()], &bytes, None).is_err());
        }

        #[test]
        fn any_text_of_the_alphabet_is_refused_without_a_panic(text in "gAAAA[A-Za-z0-9_=-]{0,200}") {
            prop_assert!(open(&[key()], text.as_bytes(), None).is_err());
        }

        #[test]
        fn what_was_sealed_is_opened_and_a_changed_byte_is_not(
            plain: Vec<u8>, time: u64, iv: [u8; 16], at: prop::sample::Index, bit in 0u8..6,
        ) {
            let token = seal(&key(), time, iv, &plain);
            let opened = open(&[key()], token.as_bytes(), None).expect("sealed with this key");
            prop_assert_eq!(&opened.plaintext[..], &plain[..]);
            prop_assert_eq!(opened.sealed_at, time);
            let mut raw = decode_base64(token.as_bytes()).expect("base 64");
            let at = at.index(raw.len());
            raw[at] ^= 1 << bit;
            let changed = encode_base64(&raw);
            prop_assert!(open(&[key()], changed.as_bytes(), None).is_err());
        }
    }
}
