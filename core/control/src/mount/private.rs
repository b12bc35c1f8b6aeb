//! A file that holds one secret. Refuses one that anybody else can read: what is in it would be no secret.

use crate::ordinary;
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretBytes};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Largest secret file that is read: a key is 44 bytes, a token some hundred, and several may stand in it.
const MOST: u32 = 64 << 10;

/// The file's bytes without the end of its line; `None` when there is no such file.
pub(super) fn read_if_there(file: &Path) -> Result<Option<SecretBytes>> {
    let failed = |error: std::io::Error| {
        BackendError::new(ErrorKind::Invalid, format!("the secret can't be read: {error}"))
            .doing(format!("reading {}", file.display()))
    };
    let open = match ordinary::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Asked of what is open: what the path leads to may be another file by now.
    let facts = open.metadata().map_err(failed)?;
    let own = rustix::process::geteuid().as_raw();
    if facts.mode() & 0o077 != 0 || (facts.uid() != own && facts.uid() != 0) {
        return Err(BackendError::new(ErrorKind::Invalid, "others can read it, so it holds no secret")
            .doing(format!("reading {}", file.display()))
            .hint(format!("'chmod 600 {}', and put a new secret into it.", file.display())));
    }
    let mut bytes = ordinary::read_of(open, MOST).map_err(failed)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line).len();
    // The vector keeps its room, so that no copy of what it holds is left behind.
    bytes.truncate(line);
    Ok(Some(SecretBytes::new(bytes)))
}

/// The same for a file that has to be there: configuration names it as `setting`.
pub(super) fn read(layer: &str, setting: &str, file: &Path) -> Result<SecretBytes> {
    read_if_there(file)?.ok_or_else(|| {
        BackendError::new(ErrorKind::Invalid, "there is no such file")
            .doing(format!("reading {}", file.display()))
            .hint(format!("Put the secret there (mode 0600), or mend [backend.{layer}.secret_files] {setting}."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_a_private_file_holds_a_secret() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("token");
        assert_eq!(read_if_there(&file), Ok(None));
        assert!(read("vault", "token", &file).is_err_and(|error| error.hint.contains("secret_files")));
        std::fs::write(&file, "canary\r\n").expect("written");
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("ours");
        mode(0o600);
        assert_eq!(read("vault", "token", &file), Ok(SecretBytes::from("canary")));
        for open in [0o640, 0o604, 0o620] {
            mode(open);
            let error = read_if_there(&file).expect_err("others can read it");
            assert!(error.hint.contains("chmod 600") && !error.to_string().contains("canary"), "{error}");
        }
    }
}
