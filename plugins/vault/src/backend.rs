//! The contract's trait over a KV mount: names in, values out, each call on the plugin's own small runtime. Refuses to
//! fail when it is made: wrong settings are an error of each call, so that the tile can say it.

use crate::client::Client;
use crate::content;
use crate::inspect;
use crate::kv1::{Kv1, no_versions};
use crate::kv2::{Found, Kv2, id, number};
use crate::mounted::Mounted;
use crate::name::{Place, place};
use crate::settings::{self, Kv, Settings};
use crate::{health, listing, staging};
use quarterdeck_contract::*;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

/// How often a change of one key is tried when somebody else changes the secret meanwhile.
const TRIES: usize = 8;

/// The extra that tells every staged value: the secret's name, the rotation's id, the Unix second.
const PENDINGS: &str = "pendings";

/// A backend over a KV mount.
///
/// # Errors
///
/// Only when the system gives no thread; settings that make no sense are an error of each call.
pub fn create(setup: Setup) -> Result<Box<dyn SecretsBackend>> {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).max_blocking_threads(4).thread_name("vault").enable_all().build();
    let runtime = runtime.map_err(|_| BackendError::new(ErrorKind::Invalid, "the system gives no thread"))?;
    let about = about(&setup);
    let client = Settings::read(&setup).map(Client::new);
    Ok(Box::new(Vault { about, client, runtime: Some(runtime), alone: Mutex::new(()) }))
}

fn about(setup: &Setup) -> Description {
    use Capability::{CompareAndSet, RemoveVersion, Restore, Staging, Versions, Write};
    let capabilities = match settings::kv(setup) {
        Some(Kv::One) => vec![Write, Staging],
        Some(Kv::Two) | None => vec![Write, Versions, CompareAndSet, Staging, RemoveVersion, Restore],
    };
    let extras = vec![PENDINGS.to_owned()];
    Description { backend: "vault".into(), target: settings::target(setup), capabilities, extras }
}

struct Vault {
    about: Description,
    client: Result<Client>,
    /// Gone only while it is dropped.
    runtime: Option<Runtime>,
    /// Held by each change in version 1, which has no check-and-set.
    alone: Mutex<()>,
}

impl Drop for Vault {
    fn drop(&mut self) {
        // Without waiting: a connection that hangs must not hold the program up.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One call: with whom, where, and until when.
pub(crate) struct Work<'a> {
    pub(crate) client: &'a Client,
    pub(crate) mounted: Arc<Mounted>,
    pub(crate) until: Instant,
    alone: &'a Mutex<()>,
}

impl Vault {
    /// Runs one call up to its deadline. What was sent and not answered says so itself; this is the last resort.
    fn run<'a, T, F>(&'a self, call: Call, doing: impl Into<String>, job: impl FnOnce(Work<'a>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let Some(runtime) = &self.runtime else { return Err(crate::wire::late()) };
        runtime.block_on(async {
            let until = Instant::now() + call.within;
            let mounted = client.mounted(doing.into(), until).await?;
            job(Work { client, mounted, until, alone: &self.alone }).await
        })
    }
}

impl SecretsBackend for Vault {
    fn describe(&self) -> Description {
        self.about.clone()
    }

    fn health(&self, call: Call) -> Result<Health> {
        self.run(call, "looking whether it can be read", async |work| health::health(&work).await)
    }

    fn list(&self, page: &PageRequest, call: Call) -> Result<Page> {
        self.run(call, "listing its secrets", async |work| listing::list(&work, page).await)
    }

    fn inspect(&self, name: &SecretName, call: Call) -> Result<Inspection> {
        let at = place(name)?;
        self.run(call, format!("inspecting '{name}'"), async |work| work.inspect(name, &at).await)
    }

    fn keys(&self, name: &SecretName, call: Call) -> Result<Vec<String>> {
        let at = place(name)?;
        self.run(call, format!("reading the keys of '{name}'"), async |work| work.keys(name, &at).await)
    }

    fn read(&self, name: &SecretName, version: Option<&VersionId>, call: Call) -> Result<Reading> {
        let at = place(name)?;
        self.run(call, format!("reading '{name}'"), async |work| work.read(name, &at, version).await)
    }

    fn write(&self, name: &SecretName, value: Value, expected: &Expected, call: Call) -> Result<VersionId> {
        let at = place(name)?;
        if value.bytes.is_empty() {
            return Err(BackendError::new(ErrorKind::Invalid, "an empty value is refused")
                .doing(format!("writing '{name}'"))
                .hint("Write a value, or delete what is there."));
        }
        self.run(call, format!("writing '{name}'"), async |work| match &at.key {
            None => work.write(&at.path, &content::map(&value, work.keeps_numbers())?, expected).await,
            Some(key) => work.change(name, &at, expected, |tree, exact| content::put(tree, key, &value, exact)).await,
        })
    }

    fn stage(&self, name: &SecretName, value: Value, rotation: &str, call: Call) -> Result<VersionId> {
        let at = place(name)?;
        staging::checked(rotation)?;
        let refused = match () {
            () if value.bytes.is_empty() => "an empty value is refused",
            () if staging::is_shadow(&at.path) => "that is no secret but the trace of a rotation",
            () => "",
        };
        let doing = format!("staging a value for '{name}'");
        if !refused.is_empty() {
            return Err(BackendError::new(ErrorKind::Invalid, refused).doing(doing).hint("Look at name and value."));
        }
        self.run(call, doing, async |work| match work.one_alone().await? {
            Some((kv, _alone)) => kv.stage(name, &at, &value, rotation).await,
            None => work.kv2().stage(name, &at, &value, rotation).await,
        })
    }

    fn promote(&self, name: &SecretName, version: &VersionId, from: &VersionId, call: Call) -> Result<VersionId> {
        let at = place(name)?;
        self.run(call, format!("promoting {version} of '{name}'"), async |work| match work.one_alone().await? {
            Some((kv, _alone)) => kv.promote(name, &at, version, from).await,
            None => work.kv2().promote(name, &at, version, from).await,
        })
    }

    fn unstage(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        let at = place(name)?;
        let doing = format!("taking the staged value of '{name}' away");
        self.run(call, doing, async |work| match work.one_alone().await? {
            Some((kv, _alone)) => kv.unstage(name, &at, version).await,
            None => work.kv2().unstage(name, &at, version).await,
        })
    }

    fn retire(&self, name: &SecretName, version: &VersionId, current: &VersionId, call: Call) -> Result<()> {
        let at = place(name)?;
        self.run(call, format!("retiring {version} of '{name}'"), async |work| match work.one_alone().await? {
            Some((kv, _alone)) => kv.retire(name, &at, version, current).await,
            None => work.kv2().retire(name, &at, version, current).await,
        })
    }

    fn delete(&self, name: &SecretName, expected: &Expected, call: Call) -> Result<()> {
        let at = place(name)?;
        self.run(call, format!("deleting '{name}'"), async |work| match &at.key {
            None => work.delete(&at.path, expected).await,
            Some(key) => {
                let gone = |tree: &mut _, _| match content::remove(tree, key)? {
                    true => Ok(()),
                    false => Err(BackendError::not_found(name)),
                };
                work.change(name, &at, expected, gone).await.map(drop)
            }
        })
    }

    fn restore(&self, name: &SecretName, call: Call) -> Result<VersionId> {
        let at = whole(name)?;
        self.run(call, format!("restoring '{name}'"), async |work| work.only_two("restore")?.restore(&at.path).await)
    }

    fn remove_version(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        let at = whole(name)?;
        self.run(call, format!("destroying version {version} of '{name}'"), async |work| {
            work.only_two("remove version")?.destroy(&at.path, version).await
        })
    }

    fn extra(&self, extra: &Extra, _: Option<SecretBytes>, call: Call) -> Result<ExtraReply> {
        if extra.operation != PENDINGS {
            return Err(BackendError::unsupported(&extra.operation, "Ask 'plugins list' what this backend has."));
        }
        let found = self.run(call, "looking for staged values", async |work| listing::pendings(&work).await)?;
        Ok(ExtraReply { results: staging::told(found), secret: None })
    }
}

/// The place of a secret as a whole.
fn whole(name: &SecretName) -> Result<Place> {
    let at = place(name)?;
    match at.key {
        None => Ok(at),
        Some(_) => {
            Err(BackendError::new(ErrorKind::Invalid, format!("'{name}' is a key, and versions are the secret's"))
                .hint(format!("Name the secret: '{}'.", at.path)))
        }
    }
}

impl<'a> Work<'a> {
    /// The work on version 1.
    pub(crate) fn kv1(&self) -> Kv1<'a> {
        Kv1 { client: self.client, mounted: self.mounted.clone(), until: self.until }
    }

    /// The work on version 2.
    pub(crate) fn kv2(&self) -> Kv2<'a> {
        Kv2 { client: self.client, mounted: self.mounted.clone(), until: self.until }
    }

    /// The work on version 1 with its lock; nothing in version 2.
    async fn one_alone(&self) -> Result<Option<(Kv1<'a>, MutexGuard<'a, ()>)>> {
        match self.mounted.kv {
            Kv::One => Ok(Some((self.kv1(), self.alone_until().await?))),
            Kv::Two => Ok(None),
        }
    }

    /// The work on version 2, or the answer that version 1 has not got this.
    fn only_two(&self, operation: &str) -> Result<Kv2<'a>> {
        match self.mounted.kv {
            Kv::One => Err(no_versions(operation)),
            Kv::Two => Ok(self.kv2()),
        }
    }

    /// Version 1 stores a number's digits; version 2 makes a float of it.
    fn keeps_numbers(&self) -> bool {
        self.mounted.kv == Kv::One
    }

    async fn inspect(&self, name: &SecretName, at: &Place) -> Result<Inspection> {
        if self.mounted.kv == Kv::Two {
            return inspect::inspect(&self.kv2(), name, &at.path).await;
        }
        let versions = self.kv1().versions(name, &at.path).await?;
        let facts = [
            ("versions", "none: KV version 1 keeps the current value alone"),
            ("check-and-set", "none in KV version 1: a write by somebody else in the same instant is not noticed"),
        ];
        let facts = facts.map(|(label, text)| (label.to_owned(), text.to_owned())).to_vec();
        Ok(Inspection { versions, facts, ..Inspection::of(name.clone()) })
    }

    async fn fetch(&self, path: &str, version: Option<u64>) -> Result<Found> {
        match self.mounted.kv {
            Kv::One => self.kv1().read(path).await,
            Kv::Two => self.kv2().read(path, version).await,
        }
    }

    async fn keys(&self, name: &SecretName, at: &Place) -> Result<Vec<String>> {
        if let (None, Kv::Two) = (&at.key, self.mounted.kv) {
            let kv = self.kv2();
            if let Some(answer) = kv.subkeys(&at.path).await? {
                let subkeys = answer.data().get("subkeys").filter(|subkeys| subkeys.is_object());
                let Some(subkeys) = subkeys else {
                    return Err(kv.missing(&at.path, None, &answer).doing(format!("reading the keys of '{name}'")));
                };
                // Whether 'encoding' says base64 can't be seen without its value.
                if !content::may_be_bytes(subkeys) {
                    return Ok(content::keys_of(subkeys));
                }
            }
        }
        let found = self.fetch(&at.path, None).await?;
        match &at.key {
            None => Ok(content::keys_of(&found.tree.0)),
            Some(key) => content::keys_under(&found.tree.0, key).ok_or_else(|| no_key(name, at)),
        }
    }

    async fn read(&self, name: &SecretName, at: &Place, version: Option<&VersionId>) -> Result<Reading> {
        let found = match version {
            None => self.fetch(&at.path, None).await?,
            Some(version) => self.version(name, at, version).await?,
        };
        let value = match &at.key {
            None => content::value(&found.tree, found.size)?,
            Some(key) => content::pick(&found.tree, key, found.size).ok_or_else(|| no_key(name, at))?,
        };
        let told = (self.mounted.kv == Kv::Two).then(|| id(found.version));
        Ok(Reading { value, version: version.cloned().or(told) })
    }

    /// One version, or what is staged.
    async fn version(&self, name: &SecretName, at: &Place, version: &VersionId) -> Result<Found> {
        if self.mounted.kv == Kv::One {
            return self.kv1().read_version(name, &at.path, version).await;
        }
        if let Some(rotation) = staging::rotation_of(version) {
            let (tree, size) = self.kv2().staged(name, &at.path, rotation).await?;
            return Ok(Found { tree, version: 0, size });
        }
        // The server takes 0 for the newest.
        let number = number(version).filter(|number| *number > 0);
        let number = number.ok_or_else(|| staging::no_version(name, version).doing(format!("reading '{name}'")))?;
        self.kv2().read(&at.path, Some(number)).await
    }

    async fn write(&self, path: &str, tree: &crate::answer::Tree, expected: &Expected) -> Result<VersionId> {
        match self.mounted.kv {
            Kv::Two => self.kv2().write(path, tree, expected).await,
            Kv::One => {
                let _alone = self.alone_until().await?;
                self.kv1().write(path, tree, expected).await.map(|()| only())
            }
        }
    }

    async fn delete(&self, path: &str, expected: &Expected) -> Result<()> {
        match self.mounted.kv {
            Kv::Two => self.kv2().delete(path, expected).await,
            Kv::One => {
                let _alone = self.alone_until().await?;
                self.kv1().delete(path, expected).await
            }
        }
    }

    /// Changes a secret's map: read, change, and write on the version that was read.
    async fn change(
        &self,
        name: &SecretName,
        at: &Place,
        expected: &Expected,
        change: impl Fn(&mut crate::answer::Tree, bool) -> Result<()>,
    ) -> Result<VersionId> {
        let _alone = match self.mounted.kv {
            Kv::One => Some(self.alone_until().await?),
            Kv::Two => None,
        };
        for _ in 0..TRIES {
            let found = match self.fetch(&at.path, None).await {
                Ok(found) => Some(found),
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Deleted | ErrorKind::Destroyed) => {
                    None
                }
                Err(error) => return Err(error),
            };
            let (mut tree, version) = match found {
                Some(found) => (found.tree, Some(found.version)),
                None => (crate::answer::Tree(serde_json::Value::Object(serde_json::Map::new())), None),
            };
            self.expect(name, at, &tree, version, expected)?;
            change(&mut tree, self.keeps_numbers())?;
            let empty = content::is_empty(&tree);
            let written = match (self.mounted.kv, version) {
                (Kv::One, _) if empty => self.kv1().delete(&at.path, &Expected::Anything).await.map(|()| only()),
                (Kv::One, _) => self.kv1().write(&at.path, &tree, &Expected::Anything).await.map(|()| only()),
                (Kv::Two, Some(version)) if empty => {
                    self.kv2().delete(&at.path, &Expected::Version(id(version))).await.map(|()| id(version))
                }
                (Kv::Two, Some(version)) => self.kv2().write(&at.path, &tree, &Expected::Version(id(version))).await,
                (Kv::Two, None) => self.kv2().write(&at.path, &tree, &Expected::Absent).await,
            };
            let raced = matches!(&written, Err(error) if matches!(error.kind, ErrorKind::Conflict { .. }));
            // Somebody changed another key: what was asked for still holds of this one.
            if !raced || matches!(expected, Expected::Version(_)) {
                return written;
            }
        }
        Err(conflict(name, None))
    }

    fn expect(
        &self,
        name: &SecretName,
        at: &Place,
        tree: &crate::answer::Tree,
        version: Option<u64>,
        expected: &Expected,
    ) -> Result<()> {
        let key = at.key.as_deref().unwrap_or_default();
        match expected {
            Expected::Anything => Ok(()),
            Expected::Absent if content::pick(tree, key, 0).is_none() => Ok(()),
            Expected::Absent => Err(conflict(name, version)),
            Expected::Version(_) if self.mounted.kv == Kv::One => Err(no_versions("check-and-set")),
            Expected::Version(wanted) if number(wanted) == version => Ok(()),
            Expected::Version(_) => Err(conflict(name, version)),
        }
    }

    async fn alone_until(&self) -> Result<MutexGuard<'a, ()>> {
        timeout_at(self.until, self.alone.lock()).await.map_err(|_| crate::wire::late())
    }
}

/// The identity of a version 1 secret's only version.
fn only() -> VersionId {
    VersionId("current".into())
}

pub(crate) fn no_key(name: &SecretName, at: &Place) -> BackendError {
    BackendError::not_found(name)
        .doing(format!("reading '{}'", at.path))
        .hint("The secret is there without that key; 'list' shows its keys.")
}

fn conflict(name: &SecretName, current: Option<u64>) -> BackendError {
    let current = current.filter(|current| *current > 0).map(|current| current.to_string());
    BackendError::new(ErrorKind::Conflict { current }, format!("'{name}' is not as expected"))
        .hint("Read it again, and decide anew.")
}
