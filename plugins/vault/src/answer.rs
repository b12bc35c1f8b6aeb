//! What the server answered. Refuses to be printed: a secret may be in it.

use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

/// JSON that is wiped when it is dropped.
#[derive(Default)]
pub(crate) struct Tree(pub(crate) Value);

impl Drop for Tree {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Wipes every text in a JSON value; numbers keep their digits as text of their own and can't be reached.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

/// An answer's status and body.
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, if it is JSON; else null.
    body: Tree,
    /// The body's size in bytes: no value in it is longer.
    pub(crate) size: usize,
    /// The body said that it was spoken to in plain HTTP and wants TLS.
    pub(crate) wants_tls: bool,
    /// Where the answer points to, if it is a redirect.
    pub(crate) location: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: u16, location: Option<String>, body: &Zeroizing<Vec<u8>>) -> Self {
        let words = b"HTTP request to an HTTPS server";
        let wants_tls = status == 400 && body.windows(words.len()).any(|part| part == words);
        let tree = Tree(serde_json::from_slice(body).unwrap_or_default());
        Self { status, body: tree, size: body.len(), wants_tls, location }
    }

    /// True for a status that says it was done.
    pub(crate) fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The part of this name, null when there is none.
    pub(crate) fn part(&self, name: &str) -> &Value {
        self.body.0.get(name).unwrap_or(&Value::Null)
    }

    /// The part that nearly every answer has.
    pub(crate) fn data(&self) -> &Value {
        self.part("data")
    }

    /// The secret of a KV version 2 answer, taken out; nothing when it is not there.
    pub(crate) fn take_secret(&mut self) -> Option<Tree> {
        self.take(&["data", "data"])
    }

    /// The data, taken out: the secret of a KV version 1 answer.
    pub(crate) fn take_data(&mut self) -> Option<Tree> {
        self.take(&["data"])
    }

    fn take(&mut self, path: &[&str]) -> Option<Tree> {
        let found = path.iter().try_fold(&mut self.body.0, |value, part| value.get_mut(part))?;
        found.is_object().then(|| Tree(found.take()))
    }

    /// The server's own words, joined; empty when it says nothing.
    pub(crate) fn errors(&self) -> String {
        let texts = self.part("errors").as_array().map(Vec::as_slice).unwrap_or_default();
        let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
        texts.join("; ")
    }

    /// True when the server warns: on a 404 it means that the path is of the other KV version.
    pub(crate) fn has_warnings(&self) -> bool {
        self.part("warnings").as_array().is_some_and(|warnings| !warnings.is_empty())
    }

    /// The body as an object, for answers without `data`.
    pub(crate) fn whole(&self) -> Option<&Map<String, Value>> {
        self.body.0.as_object()
    }
}
