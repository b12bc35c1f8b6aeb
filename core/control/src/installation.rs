//! The installation key and what is made with it. Refuses to leave: the key is read from its own file (0600) and only
//! fingerprints come out.

use hmac::{Hmac, KeyInit, Mac};
use quarterdeck_contract::SecretBytes;
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// 32 random bytes under which values are fingerprinted.
pub struct InstallationKey(Zeroizing<[u8; 32]>);

impl InstallationKey {
    /// Opens the key file, and makes it (0600, random) when there is none yet.
    pub fn open_or_make(file: &Path) -> std::io::Result<Self> {
        match std::fs::File::open(file) {
            Ok(open) => Self::read(open, file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::make(file),
            Err(error) => Err(error),
        }
    }

    /// A key that is kept nowhere: what is fingerprinted under it is recognised until this process ends.
    pub(crate) fn passing() -> Self {
        let mut key = Zeroizing::new([0u8; 32]);
        // Without randomness fingerprints are no secret, and nothing that is made with them is kept.
        let _ = getrandom::fill(key.as_mut());
        Self(key)
    }

    fn read(mut open: std::fs::File, file: &Path) -> std::io::Result<Self> {
        let mut key = Zeroizing::new([0u8; 32]);
        open.read_exact(key.as_mut())
            .map_err(|_| std::io::Error::other(format!("{} is not an installation key of 32 bytes", file.display())))?;
        Ok(Self(key))
    }

    /// Two processes may come here at once: each writes a file of its own and links it; the first link wins.
    fn make(file: &Path) -> std::io::Result<Self> {
        let mut key = Zeroizing::new([0u8; 32]);
        getrandom::fill(key.as_mut()).map_err(|error| std::io::Error::other(error.to_string()))?;
        let own = file.with_extension(random_id("new", 16));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut out = std::fs::File::from(rustix::fs::open(&own, flags, Mode::RUSR | Mode::WUSR)?);
        out.write_all(key.as_ref())?;
        out.sync_all()?;
        let linked = std::fs::hard_link(&own, file);
        std::fs::remove_file(&own)?;
        match linked {
            Ok(()) => Ok(Self(key)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Self::read(std::fs::File::open(file)?, file)
            }
            Err(error) => Err(error),
        }
    }

    /// A key for one purpose, made from this one: HMAC-SHA256 of the purpose, 64 hex digits.
    pub fn derived(&self, purpose: &str) -> SecretBytes {
        SecretBytes::new(self.mac(purpose.as_bytes()).into_bytes())
    }

    /// A value's fingerprint: HMAC-SHA256 under this key, its first 16 hex digits. Equal values have equal
    /// fingerprints here and unrelated ones on another installation.
    pub fn fingerprint(&self, value: &[u8]) -> String {
        let mut hex = self.mac(value);
        hex.truncate(16);
        hex
    }

    fn mac(&self, text: &[u8]) -> String {
        // An HMAC takes a key of any length, so there always is one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_ref()) else { return String::new() };
        mac.update(text);
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Random bytes, for what nobody may know beforehand.
pub fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// `prefix-` and so many random hex digits.
pub fn random_id(prefix: &str, digits: usize) -> String {
    let mut bytes = vec![0u8; digits.div_ceil(2)];
    // Without randomness an id repeats, which the journal tolerates; a value never depends on it.
    let _ = getrandom::fill(&mut bytes);
    let mut hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(digits);
    format!("{prefix}-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_made_once_is_private_and_gives_the_same_fingerprint_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("installation.key");
        let first = InstallationKey::open_or_make(&file).expect("made").fingerprint(b"value");
        let second = InstallationKey::open_or_make(&file).expect("read").fingerprint(b"value");
        assert_eq!(first, second);
        assert_eq!(first.len(), 16);
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left");
    }

    #[test]
    fn eight_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("installation.key");
        let prints: Vec<String> = std::thread::scope(|scope| {
            let hands: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| InstallationKey::open_or_make(&file).expect("a key").fingerprint(b"v")))
                .collect();
            hands.into_iter().map(|hand| hand.join().expect("no panic")).collect()
        });
        assert!(prints.windows(2).all(|pair| pair[0] == pair[1]), "{prints:?}");
    }
}
