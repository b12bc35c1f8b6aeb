//! Secrets in memory that can be staged, in both ways that backends number: versions that keep their id when they are
//! promoted, and versions that are numbered anew. Told to fail or to die at an operation, it does.

use quarterdeck_contract::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How versions are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// What is promoted keeps its id (AWS).
    Kept,
    /// What is promoted is stored as another version (KV v2).
    Anew,
}

/// What an operation is told to do.
#[derive(Debug, Clone)]
pub(super) enum Mischief {
    /// It answers this, and nothing is done.
    Answers(BackendError),
    /// It is done, and this is answered.
    DoneAnd(BackendError),
}

/// How many points are left until the runner dies at one.
#[derive(Debug, Default)]
pub(super) struct Fuse(Mutex<Option<usize>>);

impl Fuse {
    /// It dies after so many points.
    pub(super) fn light(&self, points: usize) {
        *self.lock() = Some(points);
    }

    /// Nobody dies any more; how many points were left.
    pub(super) fn put_out(&self) -> Option<usize> {
        self.lock().take()
    }

    /// A point of the work.
    pub(super) fn burn(&self) {
        let mut left = self.lock();
        match *left {
            None => {}
            Some(0) => {
                *left = None;
                drop(left);
                // Without the words of a panic: hundreds are killed.
                std::panic::resume_unwind(Box::new("killed"));
            }
            Some(points) => *left = Some(points - 1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Kept {
    id: String,
    stage: Stage,
    value: Value,
    rotation: Option<String>,
}

#[derive(Default)]
struct Inner {
    versions: Vec<Kept>,
    next: u32,
    mischief: Vec<(&'static str, u32, Mischief)>,
    calls: Vec<&'static str>,
    /// What was to be staged, by the rotation's id.
    staged: BTreeMap<String, String>,
}

/// One secret, whatever it is called.
pub(super) struct Shelf {
    numbers: Numbers,
    inner: Mutex<Inner>,
    fuse: Arc<Fuse>,
}

fn error(kind: ErrorKind) -> BackendError {
    BackendError::new(kind, "the shelf says no")
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.bytes.expose()).into_owned()
}

impl Shelf {
    pub(super) fn new(numbers: Numbers, fuse: Arc<Fuse>) -> Self {
        let shelf = Self { numbers, inner: Mutex::default(), fuse };
        shelf.by_hand("old");
        shelf
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody sets it.
    pub(super) fn by_hand(&self, value: &str) {
        let mut inner = self.inner();
        inner.make_current(Value::text(value));
    }

    /// This operation does so, the next `times` times.
    pub(super) fn told(&self, operation: &'static str, times: u32, mischief: Mischief) {
        self.inner().mischief.push((operation, times, mischief));
    }

    /// Whatever is not current is lost.
    pub(super) fn forgets(&self) {
        self.inner().versions.retain(|kept| kept.stage == Stage::Current);
    }

    /// What readers get.
    pub(super) fn current(&self) -> String {
        let inner = self.inner();
        inner.find(|kept| kept.stage == Stage::Current).map(|kept| text(&kept.value)).unwrap_or_default()
    }

    /// All values that could still be read, with their stage.
    pub(super) fn kept(&self) -> Vec<(String, Stage)> {
        self.inner().versions.iter().map(|kept| (text(&kept.value), kept.stage)).collect()
    }

    /// All is well with it again.
    pub(super) fn mended(&self) {
        self.inner().mischief.clear();
    }

    /// How often an operation was called.
    pub(super) fn calls(&self, operation: &str) -> usize {
        self.inner().calls.iter().filter(|call| **call == operation).count()
    }

    fn at<T>(&self, operation: &'static str, act: impl FnOnce(&mut Inner) -> Result<T>) -> Result<T> {
        self.fuse.burn();
        let answer = self.answer(operation, act);
        self.fuse.burn();
        answer
    }

    fn answer<T>(&self, operation: &'static str, act: impl FnOnce(&mut Inner) -> Result<T>) -> Result<T> {
        let mut inner = self.inner();
        inner.calls.push(operation);
        let at = inner.mischief.iter().position(|(named, times, _)| *named == operation && *times > 0);
        let mischief = at.map(|at| {
            inner.mischief[at].1 -= 1;
            inner.mischief[at].2.clone()
        });
        match mischief {
            None => act(&mut inner),
            Some(Mischief::Answers(error)) => Err(error),
            Some(Mischief::DoneAnd(error)) => act(&mut inner).and(Err(error)),
        }
    }
}

impl Inner {
    fn find(&self, is: impl Fn(&Kept) -> bool) -> Option<&Kept> {
        self.versions.iter().find(|kept| is(kept))
    }

    fn current(&self) -> Option<String> {
        self.find(|kept| kept.stage == Stage::Current).map(|kept| kept.id.clone())
    }

    fn make_current(&mut self, value: Value) -> String {
        self.next += 1;
        let id = self.next.to_string();
        self.versions.iter_mut().filter(|kept| kept.stage == Stage::Current).for_each(|kept| {
            kept.stage = Stage::Previous;
        });
        self.versions.push(Kept { id: id.clone(), stage: Stage::Current, value, rotation: None });
        id
    }

    fn conflict(&self) -> BackendError {
        error(ErrorKind::Conflict { current: self.current() })
    }
}

impl SecretsBackend for Shelf {
    fn describe(&self) -> Description {
        Description {
            backend: "shelf".into(),
            target: "memory".into(),
            capabilities: vec![Capability::Write, Capability::Versions, Capability::Staging],
            extras: vec!["cancel-rotation".into()],
        }
    }

    fn health(&self, _: Call) -> Result<Health> {
        Ok(Health { summary: String::new(), facts: Vec::new(), warnings: Vec::new(), expires_at: None })
    }

    fn list(&self, _: &PageRequest, _: Call) -> Result<Page> {
        Ok(Page { entries: Vec::new(), next: None })
    }

    fn inspect(&self, name: &SecretName, _: Call) -> Result<Inspection> {
        self.at("inspect", |inner| {
            let info = |kept: &Kept| VersionInfo {
                stage: Some(kept.stage),
                rotation: kept.rotation.clone().filter(|_| kept.stage == Stage::Pending),
                ..VersionInfo::of(VersionId(kept.id.clone()))
            };
            let versions = inner.versions.iter().rev().map(info).collect();
            Ok(Inspection { versions, ..Inspection::of(name.clone()) })
        })
    }

    fn keys(&self, _: &SecretName, _: Call) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn read(&self, _: &SecretName, version: Option<&VersionId>, _: Call) -> Result<Reading> {
        self.at("read", |inner| {
            let found = inner.find(|kept| match version {
                Some(version) => kept.id == version.0,
                None => kept.stage == Stage::Current,
            });
            let kept = found.ok_or_else(|| error(ErrorKind::NotFound))?;
            let value = Value { kind: kept.value.kind, bytes: kept.value.bytes.duplicate() };
            Ok(Reading { value, version: Some(VersionId(kept.id.clone())) })
        })
    }

    fn stage(&self, _: &SecretName, value: Value, rotation: &str, _: Call) -> Result<VersionId> {
        self.at("stage", |inner| {
            let known = inner.staged.entry(rotation.to_owned()).or_insert_with(|| text(&value));
            assert_eq!(*known, text(&value), "two values under one id");
            if let Some(own) = inner.find(|kept| kept.rotation.as_deref() == Some(rotation)) {
                return Ok(VersionId(own.id.clone()));
            }
            if let Some(other) = inner.find(|kept| kept.stage == Stage::Pending) {
                return Err(error(ErrorKind::Conflict { current: other.rotation.clone() }));
            }
            let id = format!("p-{rotation}");
            inner.versions.push(Kept { id: id.clone(), stage: Stage::Pending, value, rotation: Some(rotation.into()) });
            Ok(VersionId(id))
        })
    }

    fn promote(&self, _: &SecretName, version: &VersionId, from: &VersionId, _: Call) -> Result<VersionId> {
        let anew = self.numbers == Numbers::Anew;
        self.at("promote", |inner| {
            let kept = inner.find(|kept| kept.id == version.0).ok_or_else(|| error(ErrorKind::NotFound))?;
            let value = Value { kind: kept.value.kind, bytes: kept.value.bytes.duplicate() };
            let current = inner.find(|kept| kept.stage == Stage::Current).ok_or_else(|| error(ErrorKind::NotFound))?;
            if current.id == version.0 || anew && current.value.bytes == value.bytes {
                return Ok(VersionId(current.id.clone()));
            }
            if current.id != from.0 {
                return Err(inner.conflict());
            }
            if anew {
                return Ok(VersionId(inner.make_current(value)));
            }
            for kept in &mut inner.versions {
                match kept.stage {
                    _ if kept.id == version.0 => kept.stage = Stage::Current,
                    Stage::Current => kept.stage = Stage::Previous,
                    _ => {}
                }
            }
            Ok(version.clone())
        })
    }

    fn unstage(&self, _: &SecretName, version: &VersionId, _: Call) -> Result<()> {
        self.at("unstage", |inner| {
            inner.versions.retain(|kept| kept.id != version.0 || kept.stage != Stage::Pending);
            Ok(())
        })
    }

    fn retire(&self, _: &SecretName, version: &VersionId, current: &VersionId, _: Call) -> Result<()> {
        self.at("retire", |inner| {
            if inner.current().as_ref() != Some(&current.0) || version == current {
                return Err(inner.conflict());
            }
            inner.versions.retain(|kept| kept.id != version.0);
            Ok(())
        })
    }

    fn extra(&self, extra: &Extra, _: Option<SecretBytes>, _: Call) -> Result<ExtraReply> {
        self.at("extra", |_| Ok(ExtraReply { results: extra.arguments.clone(), secret: None }))
    }
}
