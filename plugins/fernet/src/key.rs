//! A Fernet key, and the ring of keys that open one file. Refuses a token where a key is wanted, and to be printed.

use crate::token;
use hmac::{Hmac, KeyInit, Mac};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// How every token begins: version 0x80 and the high bytes of its time, until the year 2242.
const TOKEN_START: &[u8] = b"gAAAA";

/// Bytes of a key before base 64: 16 to sign with, 16 to encrypt with.
const KEY_LEN: usize = 32;

/// One Fernet key (Fernet specification, "Key Format").
///
/// Boxed, so that moving it copies no key bytes.
pub struct Key(Box<[u8; KEY_LEN]>);

impl Key {
    /// Reads a key as Python's `Fernet(key)` does; white space around it, and inside where it was wrapped, is ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for what is no key; a value that begins `gAAAA` is named a token.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let text = text.trim_ascii();
        if text.starts_with(TOKEN_START) {
            return Err(BackendError::new(ErrorKind::Invalid, "this is a Fernet token, not a key").hint(KEY_SHAPE));
        }
        let decoded = token::decode_base64(text).unwrap_or_default();
        let mut key = Self(Box::new([0; KEY_LEN]));
        if decoded.len() != KEY_LEN {
            let what = "this is no Fernet key: a key is 32 bytes in URL-safe base 64";
            return Err(BackendError::new(ErrorKind::Invalid, what).hint(KEY_SHAPE));
        }
        key.0.copy_from_slice(&decoded);
        Ok(key)
    }

    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the system gives no random bytes.
    pub fn generate() -> Result<Self> {
        loop {
            let mut key = Self(Box::new([0; KEY_LEN]));
            token::random(&mut *key.0)?;
            // One key in 2^30 looks like a token and would be refused as one when it is read back.
            if !key.to_text().as_bytes().starts_with(TOKEN_START) {
                return Ok(key);
            }
        }
    }

    /// The key as Python and `.env` files hold it: 44 characters of URL-safe base 64.
    pub fn to_text(&self) -> Zeroizing<String> {
        token::encode_base64(&*self.0)
    }

    /// A key of another purpose, derived from this one, so that a fingerprint tells nothing about a token's MAC.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        hmac_sha256(&*self.0, &[purpose.as_bytes()])
    }

    pub(crate) fn signing(&self) -> &[u8] {
        &self.0[..16]
    }

    pub(crate) fn encryption(&self) -> &[u8] {
        &self.0[16..]
    }

    /// A second copy, asked for by name because each copy is wiped too.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What to do when a key is not one.
const KEY_SHAPE: &str = "A key has 44 characters and ends in '='; make one with 'quarterdeck secrets generate-key'.";

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    // HMAC takes a key of any length, so the only error this constructor knows can't arise.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key length"));
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// The keys of one file: each may open it, the first one seals it.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<Key>,
}

impl KeyRing {
    /// Reads a list of keys parted by commas or white space: `DP_SECRETS_ENCRYPTION_KEY=new,old`.
    ///
    /// # Errors
    /// [`ErrorKind::Uninitialised`] for an empty list, [`ErrorKind::Invalid`] naming the place of a wrong key.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let parts: Vec<&[u8]> =
            text.split(|byte| *byte == b',' || byte.is_ascii_whitespace()).filter(|part| !part.is_empty()).collect();
        let keys = parts
            .iter()
            .enumerate()
            .map(|(at, part)| Key::parse(part).map_err(|error| place(error, at, parts.len())))
            .collect::<Result<Vec<_>>>()?;
        if keys.is_empty() {
            return Err(BackendError::new(ErrorKind::Uninitialised, "DP_SECRETS_ENCRYPTION_KEY is not set")
                .hint("Make a key with 'quarterdeck secrets generate-key' and put it into .env (mode 0600)."));
        }
        Ok(Self { keys })
    }

    /// The key that seals.
    pub fn first(&self) -> &Key {
        &self.keys[0]
    }

    /// All keys, the sealing one first.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The same ring with another key in front, which seals from now on.
    pub fn with_first(&self, key: Key) -> Self {
        let rest = self.keys.iter().filter(|old| **old != key).map(Key::duplicate).collect::<Vec<_>>();
        Self { keys: std::iter::once(key).chain(rest).collect() }
    }
}

/// Says which key of the list is meant, when there are several.
fn place(error: BackendError, at: usize, of: usize) -> BackendError {
    let doing = match of {
        1 => "reading DP_SECRETS_ENCRYPTION_KEY".to_owned(),
        _ => format!("reading key {} of {of} in DP_SECRETS_ENCRYPTION_KEY", at + 1),
    };
    error.doing(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const B: &str = "wGknIOZNpk-KFe5_t5gxH6Eac9gxTv6SlOHVJnSyEVw=";

    #[test]
    fn a_list_is_parted_by_commas_or_white_space_and_newlines_do_no_harm() {
        for text in [format!("{A},{B}"), format!("{A} {B}\n"), format!("\n{A}\r\n,\t{B},\n")] {
            let ring = KeyRing::parse(text.as_bytes()).expect("a ring");
            assert_eq!(ring.keys().len(), 2);
            assert_eq!(ring.first().to_text().as_str(), A);
        }
    }

    #[test]
    fn a_token_a_short_key_and_an_empty_list_are_told_apart() {
        let token = KeyRing::parse(b"gAAAAABhkF7x9z").expect_err("a token");
        assert_eq!((token.kind, token.what.contains("token")), (ErrorKind::Invalid, true));
        let short = KeyRing::parse(format!("{A},{}", &B[..40]).as_bytes()).expect_err("short");
        assert!(short.doing.contains("key 2 of 2"), "{short}");
        assert!(!short.to_string().contains(&B[..8]), "{short}");
        assert_eq!(KeyRing::parse(b" \n,").expect_err("empty").kind, ErrorKind::Uninitialised);
    }

    #[test]
    fn a_generated_key_reads_back_and_does_not_print() {
        let key = Key::generate().expect("randomness");
        let text = key.to_text();
        assert_eq!(text.len(), 44);
        assert!(Key::parse(text.as_bytes()).expect("a key") == key);
        assert_eq!(format!("{key:?}"), "Key(***)");
    }

    #[test]
    fn a_key_in_front_is_not_kept_twice() {
        let ring = KeyRing::parse(format!("{A},{B}").as_bytes()).expect("a ring");
        let turned = ring.with_first(Key::parse(B.as_bytes()).expect("a key"));
        assert_eq!(turned.keys().len(), 2);
        assert_eq!(turned.first().to_text().as_str(), B);
    }
}
