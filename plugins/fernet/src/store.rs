//! The file and its keys together: open, change under the lock, seal. Refuses to keep plaintext between calls.

use crate::disk::{self, Bytes, MAX_PLAINTEXT, Place, Seen};
use crate::document::Document;
use crate::json::{self, Json};
use crate::key::{Key, KeyRing, hmac_sha256};
use crate::lock::Lock;
use crate::sidecar::Sidecar;
use crate::token::{self, Opened, Refused};
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretName, VersionId};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// How long a torn file is left alone before it is read once more: Python takes no lock and writes in place.
const TORN_WAIT: Duration = Duration::from_millis(50);

/// How often a change begins anew because somebody without the lock changed the file meanwhile.
pub(crate) const ATTEMPTS: usize = 5;

/// Ending of the old file during a rekey.
pub(crate) const BEFORE_REKEY: &str = ".before-rekey";

/// One secrets file and the keys it may be sealed with.
pub(crate) struct Store {
    path: PathBuf,
    ring: RwLock<KeyRing>,
    /// A key for fingerprints that outlives a rekey, where the host gives one.
    fingerprint_key: Option<Zeroizing<Vec<u8>>>,
}

/// The file, opened.
pub(crate) struct Content {
    pub(crate) document: Document,
    /// When it was sealed, Unix seconds by the writer's clock.
    pub(crate) sealed_at: u64,
    /// The key that opened it.
    pub(crate) key: Key,
    /// Its place in the ring, counted from 0.
    pub(crate) key_at: usize,
    /// Bytes of the token.
    pub(crate) size: usize,
    pub(crate) seen: Seen,
}

impl Store {
    pub(crate) fn new(path: PathBuf, ring: KeyRing, fingerprint_key: Option<Zeroizing<Vec<u8>>>) -> Self {
        Self { path, ring: RwLock::new(ring), fingerprint_key }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn ring(&self) -> RwLockReadGuard<'_, KeyRing> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a key in front of the ring.
    pub(crate) fn seal_with(&self, key: Key) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        *ring = ring.with_first(key);
    }

    /// Opens the file; `None` when there is none yet.
    pub(crate) fn open(&self) -> Result<Option<Content>> {
        self.open_at(&Place::find(&self.path)?)
    }

    /// Changes the document under the lock. The change may run more than once, each time on the document as it is then.
    pub(crate) fn update<T>(&self, within: Duration, change: impl Fn(&mut Document, &Key) -> Result<T>) -> Result<T> {
        let place = Place::find(&self.path)?;
        place.prepare_folder()?;
        let _lock = Lock::take(&place, within)?;
        for _ in 0..ATTEMPTS {
            let content = self.open_at(&place)?;
            let before = content.as_ref().map(|content| (content.seen.clone(), content.key.duplicate()));
            let (mut document, key) = match content {
                Some(content) => (content.document, content.key),
                None => (Document::default(), self.ring().first().duplicate()),
            };
            let outcome = change(&mut document, &key)?;
            if self.put(&place, &document, before.as_ref().map(|(seen, key)| (seen, key)))? {
                return Ok(outcome);
            }
        }
        Err(self.restless())
    }

    /// Does something under the lock where there is a file, or something kept beside it.
    pub(crate) fn locked_if_there<T>(
        &self,
        name: &SecretName,
        within: Duration,
        act: impl FnOnce(&Place) -> Result<T>,
    ) -> Result<T> {
        let place = Place::find(&self.path)?;
        if !place.file.exists() && !Sidecar::path(&place).exists() {
            return Err(BackendError::not_found(name));
        }
        place.prepare_folder()?;
        let _lock = Lock::take(&place, within)?;
        act(&place)
    }

    /// Replaces the file, unless somebody without the lock changed what was seen of it: then false, and nothing is done.
    /// Where the file gets another key by this, the sidecar goes along.
    pub(crate) fn put(&self, place: &Place, document: &Document, before: Option<(&Seen, &Key)>) -> Result<bool> {
        let first = self.ring().first().duplicate();
        let token = self.seal(document, &first)?;
        let old = before.map(|(_, key)| key).filter(|old| **old != first);
        if let Some(old) = old {
            self.carry(place, &[&first, old])?;
        }
        let new = place.write_new(token.as_bytes())?;
        crate::point("new file written");
        if !place.is_still(before.map(|(seen, _)| seen)) {
            let _ = std::fs::remove_file(new);
            return Ok(false);
        }
        place.replace_with(&new)?;
        self.end_rekey(place);
        if old.is_some() {
            // It opens with the new key already; sealed with that alone it is by its next change at the latest.
            let _ = self.carry(place, &[&first]);
        }
        Ok(true)
    }

    /// Seals the sidecar with these keys, where there is one that opens with one of them.
    pub(crate) fn carry(&self, place: &Place, keys: &[&Key]) -> Result<()> {
        let opens: Vec<Key> = self.ring().keys().iter().chain(keys.iter().copied()).map(Key::duplicate).collect();
        match Sidecar::open(place, &opens) {
            Ok(mut sidecar) => sidecar.put(place, keys),
            // The file does not wait for it, and nothing is lost: it is as it was.
            Err(_) => Ok(()),
        }
    }

    /// What is kept beside the file.
    pub(crate) fn sidecar(&self, place: &Place) -> Result<Sidecar> {
        Sidecar::open(place, self.ring().keys())
    }

    /// The keys to seal the sidecar with while the file is sealed with this one.
    pub(crate) fn seals(&self, file: &Key) -> [Key; 2] {
        [self.ring().first().duplicate(), file.duplicate()]
    }

    pub(crate) fn restless(&self) -> BackendError {
        BackendError::new(ErrorKind::Conflict { current: None }, "the file changes all the time under our hands")
            .doing(format!("writing {}", self.path.display()))
            .hint("A program that takes no lock is writing it; stop it, or try again.")
    }

    /// The fingerprint that stands for a value's version: keyed, so that it tells nothing about the value, and bound to
    /// the name, so that it doesn't tell which secrets are alike either.
    pub(crate) fn version(&self, key: &Key, name: &str, value: &Json) -> VersionId {
        const PURPOSE: &str = "quarterdeck fernet fingerprint 1";
        let text = json::to_python(value);
        let key = match &self.fingerprint_key {
            Some(stable) => hmac_sha256(stable, &[PURPOSE.as_bytes()]),
            None => key.derive(PURPOSE),
        };
        let mac = hmac_sha256(&*key, &[name.as_bytes(), &[0], &text]);
        VersionId(mac[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The document as a token, sealed now.
    pub(crate) fn seal(&self, document: &Document, key: &Key) -> Result<String> {
        let plaintext = document.to_python();
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(disk::too_large(&self.path));
        }
        let mut iv = [0; 16];
        token::random(&mut iv)?;
        Ok(token::seal(key, now(), iv, &plaintext))
    }

    pub(crate) fn open_at(&self, place: &Place) -> Result<Option<Content>> {
        self.open_with(place, &self.ring())
    }

    pub(crate) fn open_with(&self, place: &Place, ring: &KeyRing) -> Result<Option<Content>> {
        let pause = || std::thread::sleep(TORN_WAIT);
        let Some((bytes, opened)) = open_twice(ring.keys(), || place.read(), pause)? else { return Ok(None) };
        match opened {
            Ok(opened) => self.content(ring, opened, bytes).map(Some),
            Err(refused) => Err(self.why(refused, &bytes.token, place, ring)),
        }
    }

    /// Takes away the old file of a rekey that was cut short, now that the file itself is known to open.
    pub(crate) fn end_rekey(&self, place: &Place) {
        let _ = std::fs::remove_file(place.beside(BEFORE_REKEY));
    }

    fn content(&self, ring: &KeyRing, opened: Opened, bytes: Bytes) -> Result<Content> {
        if opened.plaintext.len() > MAX_PLAINTEXT {
            return Err(disk::too_large(&self.path));
        }
        let document = Document::parse(&opened.plaintext).map_err(|error| error.doing(self.reading()))?;
        Ok(Content {
            document,
            sealed_at: opened.sealed_at,
            key: ring.keys()[opened.key].duplicate(),
            key_at: opened.key,
            size: bytes.token.len(),
            seen: bytes.seen,
        })
    }

    /// The guide's message for a file that doesn't open, and what this one seems to be.
    fn why(&self, refused: Refused, token: &[u8], place: &Place, ring: &KeyRing) -> BackendError {
        let seems = match refused {
            _ if token.is_empty() => "the file is empty",
            Refused::WrongKey => "no key fits: DP_SECRETS_ENCRYPTION_KEY is another one, or the file was altered",
            Refused::NotAToken | Refused::OutOfTime => {
                "what is in the file is no whole Fernet token: it is torn or no secrets file"
            }
        };
        let before = place.beside(BEFORE_REKEY);
        let old_opens =
            disk::read(&before).ok().flatten().is_some_and(|old| token::open(ring.keys(), &old.token, None).is_ok());
        let hint = match (old_opens, refused) {
            (true, _) => format!(
                "A rekey was cut short: {} opens with your key. Put the new key before the old one \
                 (DP_SECRETS_ENCRYPTION_KEY=new,old), or put that file back.",
                before.display()
            ),
            (false, Refused::WrongKey) => {
                "Give the key the file was sealed with, alone or in a list 'new,old'.".to_owned()
            }
            (false, _) => "Restore the file from a copy; nothing was changed.".to_owned(),
        };
        BackendError::new(ErrorKind::Invalid, format!("Invalid encryption key or corrupted secrets file: {seems}"))
            .doing(self.reading())
            .hint(hint)
    }

    fn reading(&self) -> String {
        format!("reading {}", self.path.display())
    }
}

/// Reads and opens; once more after a pause if what was read doesn't open.
fn open_twice(
    keys: &[Key],
    mut read: impl FnMut() -> Result<Option<Bytes>>,
    pause: impl FnOnce(),
) -> Result<Option<(Bytes, std::result::Result<Opened, Refused>)>> {
    let Some(first) = read()? else { return Ok(None) };
    let opened = token::open(keys, &first.token, None);
    if opened.is_ok() {
        return Ok(Some((first, opened)));
    }
    pause();
    let Some(second) = read()? else { return Ok(None) };
    let opened = token::open(keys, &second.token, None);
    Ok(Some((second, opened)))
}

/// Unix seconds; 0 for a clock before 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Which of the states is opened, and how often was paused, when each read meets the next state of the file.
    fn reads(states: &[&str]) -> (Option<std::result::Result<String, Refused>>, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let key = Key::parse(b"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").expect("a key");
        let whole = token::seal(&key, 1, [0; 16], b"{}");
        let left = RefCell::new(states.iter());
        let read = || {
            match *left.borrow_mut().next().expect("no third read") {
                "none" => drop(std::fs::remove_file(&path)),
                "torn" => std::fs::write(&path, &whole[..50]).expect("written"),
                "empty" => std::fs::write(&path, "").expect("written"),
                _ => std::fs::write(&path, &whole).expect("written"),
            }
            disk::read(&path)
        };
        let mut pauses = 0;
        let outcome = open_twice(&[key], read, || pauses += 1).expect("readable");
        let text = |opened: Opened| String::from_utf8(opened.plaintext.to_vec()).expect("UTF-8");
        (outcome.map(|(_, opened)| opened.map(text)), pauses)
    }

    /// As Python writes: in place, without our lock, between our reading and our writing.
    #[test]
    fn what_a_writer_without_the_lock_writes_meanwhile_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let ring = || KeyRing::parse(b"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=").expect("a ring");
        let store = Store::new(path.clone(), ring(), None);
        let text = |text: &str| Json::Text(Zeroizing::new(text.to_owned()));
        let runs = std::cell::Cell::new(0);
        let change = |document: &mut Document, _: &Key| {
            if runs.replace(runs.get() + 1) < 2 {
                let theirs = format!(r#"{{"theirs {}": 1}}"#, runs.get());
                std::fs::write(&path, token::seal(ring().first(), 1, [0; 16], theirs.as_bytes())).expect("written");
            }
            document.set(&["ours".to_owned()], text("v"), false)
        };
        store.update(Duration::from_secs(10), change).expect("the third try meets no other");
        let content = store.open().expect("it opens").expect("it is there");
        let names: Vec<_> = content.document.leaves().into_iter().map(|(name, _)| name).collect();
        assert_eq!((names, runs.get()), (vec!["ours".to_owned(), "theirs 2".to_owned()], 3));

        let restless = |_: &mut Document, _: &Key| {
            std::fs::write(&path, token::seal(ring().first(), 1, [0; 16], b"{}")).expect("written");
            Ok(())
        };
        let error = store.update(Duration::from_secs(10), restless).expect_err("never at rest");
        assert!(matches!(error.kind, ErrorKind::Conflict { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "the file and its lock");
    }

    #[test]
    fn a_writer_in_place_is_waited_for_once() {
        assert_eq!(reads(&["whole"]), (Some(Ok("{}".into())), 0));
        assert_eq!(reads(&["torn", "whole"]), (Some(Ok("{}".into())), 1));
        assert_eq!(reads(&["empty", "whole"]), (Some(Ok("{}".into())), 1));
        assert_eq!(reads(&["torn", "torn"]), (Some(Err(Refused::NotAToken)), 1));
        assert_eq!(reads(&["none"]), (None, 0));
        assert_eq!(reads(&["torn", "none"]), (None, 1));
    }
}
