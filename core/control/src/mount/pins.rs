//! Which libraries configuration trusts, by their SHA-256 (R8.2). Refuses a plugin that is not on a list once there is one.
//! What is looked at here is looked at again by the child, on the very bytes that it loads.

use crate::config::Config;
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::Path;

/// The only content that may be loaded for this plugin; `None` where nothing is pinned at all.
pub(super) fn of(kind: &str, library: &Path, config: &Config) -> Result<Option<[u8; 32]>> {
    let pins = &config.file.plugins.pinned;
    if pins.is_empty() {
        return Ok(None);
    }
    let refused = |what: String, hint: &str| {
        BackendError::new(ErrorKind::Invalid, what)
            .doing(format!("holding {} to [plugins] pinned", library.display()))
            .hint(hint)
    };
    let pinned = pins.get(kind).ok_or_else(|| {
        refused(
            format!("the plugin '{kind}' was refused: it is not pinned"),
            "Where one is pinned all are: add its SHA-256 ('quarterdeck plugins list' shows it) if you trust it.",
        )
    })?;
    // Its form was checked when the configuration was loaded.
    let wanted = parse(pinned).map_err(|what| refused(what, "Mend [plugins] pinned."))?;
    let found = digest(library).map_err(|error| refused(format!("it can't be read: {error}"), "Check its mode."))?;
    if found == wanted {
        return Ok(Some(wanted));
    }
    Err(refused(
        format!("the plugin '{kind}' was refused: its SHA-256 is {} and another one is pinned", hex(&found)),
        "Put the right library back, or pin this one if you know where it comes from.",
    ))
}

/// Sixty-four hexadecimal digits.
pub(crate) fn parse(text: &str) -> std::result::Result<[u8; 32], String> {
    let wrong = || "a SHA-256 has 64 hexadecimal digits".to_owned();
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(wrong());
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

fn digest(library: &Path) -> std::io::Result<[u8; 32]> {
    let mut file = std::fs::File::open(library)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pinned: &[(&str, &str)]) -> Config {
        let mut config = Config::default();
        config.file.plugins.pinned =
            pinned.iter().map(|(name, hash)| ((*name).to_owned(), (*hash).to_owned())).collect();
        config
    }

    #[test]
    fn where_one_is_pinned_all_are() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let library = folder.path().join("libquarterdeck_x.so");
        std::fs::write(&library, b"abc").expect("written");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let of = |pinned: &[(&str, &str)]| of("x", &library, &config(pinned)).map_err(|error| error.to_string());
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("x", abc)]), Ok(Some(parse(abc).expect("hexadecimal"))));
        assert_eq!(of(&[("x", &abc.to_uppercase())]), of(&[("x", abc)]));
        assert!(of(&[("y", abc)]).is_err_and(|said| said.contains("not pinned")));
        assert!(of(&[("x", &abc.replace('b', "c"))]).is_err_and(|said| said.contains(abc)));
    }

    #[test]
    fn a_pin_is_64_hexadecimal_digits() {
        for wrong in ["", "abc", &"g".repeat(64), &"é".repeat(32), &"a".repeat(65)] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse(&"0f".repeat(32)), Ok([0x0f; 32]));
    }
}
