//! What can be said of the file without a value: health and `validate`. Refuses to call a file sound that it has not
//! opened.

use crate::backend::named;
use crate::disk::{Place, open_to_others};
use crate::sidecar::Sidecar;
use crate::store::{BEFORE_REKEY, Content, Store, now};
use quarterdeck_contract::{BackendError, ErrorKind, Health, Result, SecretName};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Clocks that differ by less are not worth a word, in seconds.
const CLOCK_TOLERANCE: u64 = 60;

/// Opens the file and says how it stands.
pub(crate) fn health(store: &Store) -> Result<Health> {
    let place = Place::find(store.path())?;
    let Some(content) = store.open_at(&place)? else {
        let mut warnings = vec!["no file yet: the first 'secrets set' makes it".to_owned()];
        warnings.extend(folder_warning(&place));
        let facts = vec![("file".to_owned(), place.file.display().to_string())];
        return Ok(Health { summary: "no file yet".into(), facts, warnings, expires_at: None });
    };
    let names = content.document.leaves().len();
    let mode = mode(&place);
    let mut facts = vec![
        ("file".to_owned(), place.file.display().to_string()),
        ("mode".to_owned(), format!("{mode:04o}")),
        ("size".to_owned(), format!("{} bytes", content.size)),
        ("key".to_owned(), which_key(store, &content)),
        ("sealed".to_owned(), ago(now(), content.sealed_at)),
    ];
    if let Some(kept) = store.sidecar(&place).ok().and_then(|sidecar| kept(&sidecar)) {
        facts.push(("kept beside it".to_owned(), kept));
    }
    let noun = if names == 1 { "name" } else { "names" };
    let summary = format!("file {mode:04o}, {names} {noun}");
    Ok(Health { summary, facts, warnings: warnings(store, &place, &content), expires_at: None })
}

/// Opens the file and gives its facts by name, for programs.
pub(crate) fn validate(store: &Store) -> Result<BTreeMap<String, String>> {
    let place = Place::find(store.path())?;
    let Some(content) = store.open_at(&place)? else {
        return Err(BackendError::new(ErrorKind::NotFound, format!("there is no {}", store.path().display()))
            .hint("The first 'secrets set' makes it."));
    };
    Ok(named([
        ("file", place.file.display().to_string()),
        ("names", content.document.leaves().len().to_string()),
        ("size", content.size.to_string()),
        ("mode", format!("{:04o}", mode(&place))),
        ("key", which_key(store, &content)),
        ("sealed_at", content.sealed_at.to_string()),
        ("warnings", warnings(store, &place, &content).join("; ")),
    ]))
}

fn warnings(store: &Store, place: &Place, content: &Content) -> Vec<String> {
    let unnamed = content.document.leaves().iter().filter(|(name, _)| SecretName::parse(name).is_none()).count();
    let ahead = content.sealed_at.saturating_sub(now());
    let all = [
        sidecar_warning(store, place),
        file_warning(place),
        owner_warning(place),
        folder_warning(place),
        (content.key_at > 0).then(|| format!("{}: rekey with the first key to finish", which_key(store, content))),
        place.beside(BEFORE_REKEY).exists().then(|| {
            format!(
                "{} is left from a rekey that was cut short; the next change removes it",
                place.beside(BEFORE_REKEY).display()
            )
        }),
        (ahead > CLOCK_TOLERANCE).then(|| format!("the token's time lies {} ahead: a clock is wrong", span(ahead))),
        (unnamed > 0).then(|| format!("{unnamed} names are too long or hold control characters and are not listed")),
    ];
    all.into_iter().flatten().collect()
}

/// What stands beside the file, by secret: how old, and whose.
fn kept(sidecar: &Sidecar) -> Option<String> {
    let one = |(name, kept): (&String, &crate::sidecar::Kept)| {
        let pending = kept
            .pending
            .as_ref()
            .map(|pending| format!("staged {} by rotation {}", ago(now(), pending.made_at), pending.rotation));
        let promoted =
            kept.promoted.as_ref().map(|promoted| format!("the new value of rotation {}", promoted.rotation));
        let previous = kept.previous.iter().map(|old| format!("an old value since {}", ago(now(), old.kept_at)));
        format!("{name}: {}", pending.into_iter().chain(promoted).chain(previous).collect::<Vec<_>>().join(", "))
    };
    let all: Vec<String> = sidecar.names.iter().map(one).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn sidecar_warning(store: &Store, place: &Place) -> Option<String> {
    let path = Sidecar::path(place);
    let mode = open_to_others(&fs::symlink_metadata(&path).ok()?);
    match (store.sidecar(place), mode) {
        (Err(error), _) => Some(error.to_string()),
        (Ok(_), Some(mode)) => Some(format!("{} is {mode:04o} and should be 0600: chmod 600 it", path.display())),
        (Ok(_), None) => None,
    }
}

fn file_warning(place: &Place) -> Option<String> {
    let mode = open_to_others(&fs::metadata(&place.file).ok()?)?;
    Some(format!(
        "the file is {mode:04o} and should be 0600: the next change mends it, or chmod 600 {}",
        place.file.display()
    ))
}

fn owner_warning(place: &Place) -> Option<String> {
    let owner = fs::metadata(&place.file).ok()?.uid();
    let me = rustix::process::geteuid();
    (!me.is_root() && owner != me.as_raw()).then(|| format!("the file belongs to user {owner}, who can read it"))
}

fn folder_warning(place: &Place) -> Option<String> {
    let mode = place.folder_is_open()?;
    let folder = place.folder();
    let mend = match place.folder_is_ours_alone() {
        true => "the next change mends it, or ",
        false => "it holds other things too, so it is left alone: ",
    };
    Some(format!("the folder is {mode:04o} and should be 0700: {mend}chmod 700 {}", folder.display()))
}

fn which_key(store: &Store, content: &Content) -> String {
    match store.ring().keys().len() {
        1 => "opened with the key".to_owned(),
        of => format!("opened with key {} of {of}", content.key_at + 1),
    }
}

fn mode(place: &Place) -> u32 {
    fs::metadata(&place.file).map_or(0, |meta| meta.mode() & 0o7777)
}

fn ago(now: u64, then: u64) -> String {
    match now.checked_sub(then) {
        Some(seconds) => format!("{} ago", span(seconds)),
        None => format!("{} ahead", span(then - now)),
    }
}

/// A span in its largest unit that is not zero.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
