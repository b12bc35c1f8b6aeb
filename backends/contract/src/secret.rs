//! Bytes that must not be seen. Refuses to print, to serialize and to be compared in variable time.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The bytes of a secret: wiped on drop, printed as `***`, moved rather than copied.
///
/// There is no `Serialize`: secret bytes cross a border in a frame of their own, never inside a message.
#[derive(Zeroize, ZeroizeOnDrop, Default)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes over. The vector is not copied, so no stray copy is left behind.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Lends the bytes for as long as they are needed and no longer.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Gives the bytes away; the receiver is now the one who wipes them.
    pub fn into_inner(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is nothing inside.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, asked for by name because each copy has to be wiped too.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&str> for SecretBytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for SecretBytes {
    /// Compares in time that depends on the length alone.
    fn eq(&self, other: &Self) -> bool {
        if self.0.len() != other.0.len() {
            return false;
        }
        let differing = self.0.iter().zip(&other.0).fold(0u8, |acc, (a, b)| acc | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

impl Eq for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars_whatever_it_holds() {
        let secret = SecretBytes::from("canary-value");
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
    }

    #[test]
    fn equality_sees_length_and_content() {
        assert_eq!(SecretBytes::from("same"), SecretBytes::from("same"));
        assert_ne!(SecretBytes::from("same"), SecretBytes::from("sane"));
        assert_ne!(SecretBytes::from("same"), SecretBytes::from("same "));
    }
}
