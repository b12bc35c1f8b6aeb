//! A new key for the file. Refuses any moment at which neither the old file nor the new one can be read.
//!
//! ```text
//! lock ─ write new file ─ read it back ─ keep old as .before-rekey ─ rename new over old ─ read back ─ remove old
//! killed: old ............................ old, kept ............... new, old kept .................. new
//! ```
//! The sidecar is sealed with both keys before the rename, and with the new one alone after it.
//!
//! A kill leaves one of the states of the second line. In the first two the old key opens the file and in the others the
//! new one; `.before-rekey` opens with the old key until the next change under the new key takes it away.

use crate::disk::{Place, failed};
use crate::key::Key;
use crate::lock::Lock;
use crate::store::{BEFORE_REKEY, Content, Store};
use crate::token;
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How a rekey is meant.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    /// Only say whether it would be done.
    pub(crate) check: bool,
    /// A file that is sealed with the new key already is no mistake: an earlier rekey came that far.
    pub(crate) finish: bool,
}

/// Seals the file with a new key; gives the number of secrets in it.
pub(crate) fn rekey(store: &Store, new_key: Key, wish: Wish, within: Duration) -> Result<usize> {
    let place = Place::find(store.path())?;
    if !place.file.exists() {
        return Err(BackendError::new(ErrorKind::NotFound, format!("there is no {} yet", store.path().display()))
            .hint("Nothing has to be sealed anew: use the new key from the first 'secrets set' on."));
    }
    place.prepare_folder()?;
    let _lock = Lock::take(&place, within)?;
    let opened = match wish.finish {
        true => store.open_with(&place, &store.ring().with_first(new_key.duplicate())),
        false => store.open_at(&place),
    };
    let Some(content) = opened? else {
        return Err(BackendError::new(ErrorKind::NotFound, format!("{} is gone", store.path().display())));
    };
    let sealed_already = content.key == new_key;
    if sealed_already && !wish.finish {
        return Err(BackendError::new(ErrorKind::Invalid, "the file is sealed with this key already")
            .hint("Make another one with 'quarterdeck secrets generate-key'."));
    }
    let names = content.document.leaves().len();
    if wish.check {
        return Ok(names);
    }
    crate::point("rekey begins");
    if !sealed_already {
        seal_anew(store, &place, &content, &new_key)?;
    }
    store.seal_with(new_key.duplicate());
    // The old key opens nothing any more. What is kept beside the file opens with the new one already; where it can't be
    // sealed with that alone now, its next change does it.
    let _ = store.carry(&place, &[&new_key]);
    crate::point("sidecar sealed with the new key alone");
    store.end_rekey(&place);
    place.sync_folder()?;
    crate::point("rekey ends");
    Ok(names)
}

fn seal_anew(store: &Store, place: &Place, content: &Content, new_key: &Key) -> Result<()> {
    store.carry(place, &[new_key, &content.key])?;
    crate::point("sidecar sealed with both keys");
    let sealed = store.seal(&content.document, new_key)?;
    let plaintext = content.document.to_python();

    let new = place.write_new(sealed.as_bytes())?;
    crate::point("new file written");
    let kept =
        verify(&new, new_key, &plaintext).and_then(|()| unchanged(place, content)).and_then(|()| keep_old(place));
    if kept.is_err() {
        let _ = fs::remove_file(&new);
    }
    kept?;
    crate::point("old file kept");
    place.replace_with(&new)?;
    crate::point("file replaced");
    if let Err(error) = verify(&place.file, new_key, &plaintext) {
        let back = fs::rename(place.beside(BEFORE_REKEY), &place.file);
        let now = if back.is_ok() { "the old file is back" } else { "the old file is kept as .before-rekey" };
        return Err(error.hint(format!("The key was not changed: {now}.")));
    }
    Ok(())
}

/// Reads a file back from the disk with the new key alone.
fn verify(path: &Path, key: &Key, plaintext: &[u8]) -> Result<()> {
    let read = crate::disk::read(path)?;
    let opened = read.and_then(|bytes| token::open(std::slice::from_ref(key), &bytes.token, None).ok());
    match opened {
        Some(opened) if opened.plaintext.ct_eq(plaintext).into() => Ok(()),
        _ => Err(BackendError::new(ErrorKind::Invalid, "the re-encrypted file does not read back as it was written")
            .doing(format!("verifying {}", path.display()))),
    }
}

/// Asks whether a program that takes no lock wrote the file since it was opened: what it wrote must not be lost.
fn unchanged(place: &Place, content: &Content) -> Result<()> {
    if place.is_still(Some(&content.seen)) {
        return Ok(());
    }
    Err(BackendError::new(ErrorKind::Conflict { current: None }, "the file was changed while it was sealed anew")
        .hint("A program that takes no lock wrote it; try again. The key was not changed."))
}

/// Gives the old file a second name, durably. It is a link, so its bytes can't be lost on the way; a file system without
/// links gets a copy.
fn keep_old(place: &Place) -> Result<()> {
    let before = place.beside(BEFORE_REKEY);
    // One left from a rekey that was cut short. The file itself was just opened, so this one is not needed.
    let _ = fs::remove_file(&before);
    let doing = |error: &std::io::Error| failed(error, "keeping the old file as", &before);
    if fs::hard_link(&place.file, &before).is_err() {
        let old = place.read()?.ok_or_else(|| BackendError::new(ErrorKind::NotFound, "the old file is gone"))?;
        place.write_exclusively(&before, &old.token)?;
    }
    // By the open file: a confined process changes no mode by a path.
    let private = fs::Permissions::from_mode(0o600);
    fs::File::open(&before).and_then(|file| file.set_permissions(private)).map_err(|error| doing(&error))?;
    place.sync_folder()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyRing;

    #[test]
    fn a_file_that_was_changed_since_it_was_opened_is_not_rekeyed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let ring = KeyRing::parse(b"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").expect("a ring");
        fs::write(&path, token::seal(ring.first(), 1, [0; 16], b"{}")).expect("written");
        let store = Store::new(path.clone(), ring, None);
        let place = Place::find(&path).expect("a place");
        let content = store.open().expect("it opens").expect("it is there");
        assert_eq!(unchanged(&place, &content), Ok(()));
        fs::write(&path, "other").expect("written");
        assert!(matches!(unchanged(&place, &content), Err(BackendError { kind: ErrorKind::Conflict { .. }, .. })));
    }

    #[test]
    fn a_new_file_that_does_not_read_back_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let key = Key::generate().expect("randomness");
        fs::write(&path, token::seal(&key, 1, [0; 16], b"{}")).expect("written");
        assert_eq!(verify(&path, &key, b"{}"), Ok(()));
        assert!(verify(&path, &key, b"{ }").is_err());
        assert!(verify(&path, &Key::generate().expect("randomness"), b"{}").is_err());
        assert!(verify(&folder.path().join("none"), &key, b"{}").is_err());
    }
}
