//! The trait. Refuses to be asynchronous: a plugin that needs a runtime owns it.

use crate::*;
use std::time::Duration;

/// What goes with every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// How long the caller waits. A child that overstays it by 500 ms is killed.
    pub within: Duration,
}

/// One secrets backend.
///
/// The unit of listing and rotation is the backend's own secret; a key inside a secret that is a map is written
/// `path#key`, and [`keys`](Self::keys) tells which there are. Calls come from several threads at once. An operation
/// that a backend has not got answers [`ErrorKind::Unsupported`]; it never panics.
pub trait SecretsBackend: Send + Sync {
    /// Says what this is. No I/O: answered before the backend was reached.
    fn describe(&self) -> Description;

    /// Does one real authenticated read and says how it went.
    fn health(&self, call: Call) -> Result<Health>;

    /// One page of names; never a value, and no value is read for it where the backend can avoid it.
    fn list(&self, page: &PageRequest, call: Call) -> Result<Page>;

    /// Versions, stages, dates and metadata of one secret; never a value.
    fn inspect(&self, name: &SecretName, call: Call) -> Result<Inspection>;

    /// The keys inside a secret whose value is a map, dotted and sorted; empty when it is no map.
    fn keys(&self, name: &SecretName, call: Call) -> Result<Vec<String>>;

    /// The value of one version; the current one when none is named.
    fn read(&self, name: &SecretName, version: Option<&VersionId>, call: Call) -> Result<Reading>;

    /// Stores a value if what is there is as expected; gives the new version.
    fn write(&self, name: &SecretName, value: Value, expected: &Expected, call: Call) -> Result<VersionId> {
        let _ = (name, value, expected, call);
        Err(BackendError::unsupported("write", "Set it where it is kept; this layer is read-only."))
    }

    /// Stores a value that nobody reads yet, under a rotation's id (a UUID); gives the version by which it can be read.
    ///
    /// One id stores one value: when one stands under it already, that one's version is given and nothing is stored, and
    /// when it is current already that is given. Another rotation's pending value is [`ErrorKind::Conflict`] with that
    /// rotation's id as `current`. Of a key in a map (`path#key`) the whole map is staged with the one key changed.
    fn stage(&self, name: &SecretName, value: Value, rotation: &str, call: Call) -> Result<VersionId> {
        let _ = (name, value, rotation, call);
        Err(BackendError::unsupported("stage", "Rotate this secret where it is made."))
    }

    /// Makes a version current if `from` still is; gives the version that is current then, which some backends number
    /// anew. The value of `from` can still be read by its id until [`retire`](Self::retire).
    ///
    /// Done twice it is done once: a version (or, where versions are numbered anew, its value) that is current already is
    /// no error. Whatever else is current is [`ErrorKind::Conflict`] with it, and nothing is changed. An old version that
    /// is still kept can be promoted as well: that is the way back.
    fn promote(&self, name: &SecretName, version: &VersionId, from: &VersionId, call: Call) -> Result<VersionId> {
        let _ = (name, version, from, call);
        Err(BackendError::unsupported("promote", "Rotate this secret where it is made."))
    }

    /// Takes the pending mark (or the shadow copy) away. Done twice it is done once; a current version stays current.
    fn unstage(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        let _ = (name, version, call);
        Err(BackendError::unsupported("unstage", "Rotate this secret where it is made."))
    }

    /// Takes an old version out of use, only while `current` is still the current one ([`ErrorKind::Conflict`] if it is
    /// not, or if they are the same). Done twice it is done once. What the backend keeps of it is the backend's.
    fn retire(&self, name: &SecretName, version: &VersionId, current: &VersionId, call: Call) -> Result<()> {
        let _ = (name, version, current, call);
        Err(BackendError::unsupported("retire", "Rotate this secret where it is made."))
    }

    /// Removes the secret if what is there is as expected.
    fn delete(&self, name: &SecretName, expected: &Expected, call: Call) -> Result<()> {
        let _ = (name, expected, call);
        Err(BackendError::unsupported("delete", "Remove it where it is kept; this layer is read-only."))
    }

    /// Brings back what `delete` took away, while the backend still keeps it; gives the version that is current again.
    fn restore(&self, name: &SecretName, call: Call) -> Result<VersionId> {
        let _ = (name, call);
        Err(BackendError::unsupported("restore", "What is deleted here is gone; set it anew."))
    }

    /// Removes one version and leaves the others.
    fn remove_version(&self, name: &SecretName, version: &VersionId, call: Call) -> Result<()> {
        let _ = (name, version, call);
        Err(BackendError::unsupported("remove version", "This backend keeps no old versions."))
    }

    /// What this backend alone has; `secret` is the operation's secret argument.
    fn extra(&self, extra: &Extra, secret: Option<SecretBytes>, call: Call) -> Result<ExtraReply> {
        let _ = (secret, call);
        Err(BackendError::unsupported(&extra.operation, "Ask 'plugins list' what this backend has."))
    }
}
