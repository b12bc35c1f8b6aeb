//! A folder of files, one secret each, as containers mount them under `/run/secrets`. Refuses to write, to follow a name
//! out of its folder, and to read a file larger than a secret.

use quarterdeck_abi::{Level, log};
use quarterdeck_contract::*;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

quarterdeck_abi::export_backend!("files", env!("CARGO_PKG_VERSION"), create);

/// Largest file that is read, in bytes.
const MOST: u64 = 1 << 20;
/// Entries of a page when the caller leaves it to us.
const PAGE: usize = 1_000;

/// Makes the backend from the setting `path`.
///
/// # Errors
/// None: without a path each call says so, so that `plugins list` can load the plugin before it is configured.
pub fn create(setup: Setup) -> Result<Box<dyn SecretsBackend>> {
    let folder = setup.text("path").map(PathBuf::from);
    log(Level::Info, "made");
    Ok(Box::new(Files { folder }))
}

struct Files {
    folder: Option<PathBuf>,
}

impl SecretsBackend for Files {
    fn describe(&self) -> Description {
        Description {
            backend: "files".into(),
            target: self.folder.as_ref().map_or_else(String::new, |folder| folder.display().to_string()),
            // Without Capability::Write the trait's own 'write' and 'delete' answer Unsupported.
            capabilities: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// A real read: the folder is listed, every time.
    fn health(&self, _: Call) -> Result<Health> {
        let count = self.names()?.len();
        Ok(Health { summary: format!("{count} files"), facts: Vec::new(), warnings: Vec::new(), expires_at: None })
    }

    fn list(&self, page: &PageRequest, _: Call) -> Result<Page> {
        let limit = if page.limit == 0 { PAGE } else { page.limit as usize };
        let after = page.after.as_deref().unwrap_or_default();
        let names = self.names()?;
        let mut wanted = names.iter().filter(|name| name.starts_with(&page.prefix) && name.as_str() > after);
        let mut entries = Vec::new();
        for name in wanted.by_ref().take(limit) {
            // One that was removed since is not there; one that can't be looked at has no dates.
            let made = self.open(name).ok().and_then(|(_, facts)| made(&facts));
            let Some(name) = SecretName::parse(name) else { continue };
            let not_after = made.map(|made| made.0);
            entries.push(Entry { version: made.map(version), not_after, ..Entry::named(name) });
        }
        let next = wanted.next().and(entries.last()).map(|last| last.name.as_str().to_owned());
        Ok(Page { entries, next })
    }

    fn inspect(&self, name: &SecretName, _: Call) -> Result<Inspection> {
        let (_, facts) = self.open(name.as_str())?;
        let made = made(&facts);
        let only = VersionInfo {
            stage: Some(Stage::Current),
            // A file's time says that the value is no younger: a lower bound of its age, and not its age.
            not_after: made.map(|made| made.0),
            ..VersionInfo::of(made.map_or_else(|| VersionId("current".into()), version))
        };
        Ok(Inspection { versions: vec![only], ..Inspection::of(name.clone()) })
    }

    /// A file is a plain value: there are no keys inside.
    fn keys(&self, name: &SecretName, _: Call) -> Result<Vec<String>> {
        self.open(name.as_str()).map(|_| Vec::new())
    }

    fn read(&self, name: &SecretName, wanted: Option<&VersionId>, _: Call) -> Result<Reading> {
        let (file, facts) = self.open(name.as_str())?;
        let current = made(&facts).map_or_else(|| VersionId("current".into()), version);
        if wanted.is_some_and(|wanted| *wanted != current) {
            return Err(BackendError::not_found(name).hint("A file has its current value alone."));
        }
        // Room for all of it at once: a buffer that grows leaves unwiped copies behind.
        let mut bytes = Vec::with_capacity(usize::try_from(facts.len().min(MOST)).unwrap_or_default() + 1);
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| failed(&error, name.as_str()))?;
        let bytes = SecretBytes::new(bytes);
        if bytes.len() as u64 > MOST {
            return Err(BackendError::new(ErrorKind::TooLarge, format!("'{name}' is larger than 1 MiB")));
        }
        let kind = if std::str::from_utf8(bytes.expose()).is_ok() { Kind::Text } else { Kind::Binary };
        Ok(Reading { value: Value { kind, bytes }, version: Some(current) })
    }
}

impl Files {
    fn folder(&self) -> Result<&PathBuf> {
        self.folder.as_ref().ok_or_else(|| {
            BackendError::new(ErrorKind::Uninitialised, "no folder is configured")
                .hint("Set 'path' of this backend to the folder of the files.")
        })
    }

    /// Every name, sorted, in one order for ever: that is what paging needs.
    fn names(&self) -> Result<Vec<String>> {
        let folder = self.folder()?;
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| lost(&error, folder))? {
            let entry = entry.map_err(|error| lost(&error, folder))?;
            // Links are followed: that is how containers mount secrets.
            let is_file = fs::metadata(entry.path()).is_ok_and(|facts| facts.is_file());
            names.extend(entry.file_name().into_string().ok().filter(|name| is_file && is_ours(name)));
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<(File, fs::Metadata)> {
        let folder = self.folder()?;
        // 'a/../../etc/shadow' is no file of ours.
        if !is_ours(name) {
            return Err(BackendError::not_found(name));
        }
        let path = folder.join(name);
        // A folder that is not there is no word on the name: NotFound would send the reader on to a lower layer.
        fs::metadata(folder).map_err(|error| lost(&error, folder))?;
        // Before it is opened: opening a pipe would wait for whoever writes it.
        if !fs::metadata(&path).map_err(|error| failed(&error, name))?.is_file() {
            return Err(BackendError::not_found(name));
        }
        let file = File::open(&path).map_err(|error| failed(&error, name))?;
        let facts = file.metadata().map_err(|error| failed(&error, name))?;
        Ok((file, facts))
    }
}

/// A plain file name that is not hidden.
fn is_ours(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('/') && SecretName::parse(name).is_some()
}

/// When the file was written: seconds and nanoseconds since 1970.
fn made(facts: &fs::Metadata) -> Option<(i64, u32)> {
    let since = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((i64::try_from(since.as_secs()).ok()?, since.subsec_nanos()))
}

fn version((seconds, nanos): (i64, u32)) -> VersionId {
    VersionId(format!("{seconds}.{nanos:09}"))
}

/// The folder itself can't be read.
fn lost(error: &io::Error, folder: &Path) -> BackendError {
    BackendError::new(ErrorKind::Unreachable, format!("the folder can't be read: {}", error.kind()))
        .doing(format!("reading {}", folder.display()))
        .hint("Set 'path' of this backend to the folder of the files, and see that you may read it.")
}

/// The system's refusal as something a person can act on. Never the file's content.
fn failed(error: &io::Error, what: &str) -> BackendError {
    let doing = format!("reading '{what}'");
    match error.kind() {
        io::ErrorKind::NotFound => BackendError::new(ErrorKind::NotFound, format!("there is no '{what}'")),
        io::ErrorKind::PermissionDenied => {
            BackendError::denied(&doing, "it may not be read")
                .hint("Look at its owner and mode with 'ls -l'.")
        }
        kind => BackendError::new(ErrorKind::Unreachable, kind.to_string()),
    }
    .doing(doing)
}
