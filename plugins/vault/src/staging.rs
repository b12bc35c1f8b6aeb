//! What a staged value is on a server that has no such thing: a shadow beside the secret, `PATH.quarterdeck-pending`, with
//! the content that is to come. Refuses to put a rotation's id where only a value's reader could see it: what is known of
//! a shadow stands in the names of keys, which version 2 tells without their values.
//!
//! ```text
//! {"content": {"password": "…"}, "quarterdeck": {"rotation=5b0f…": "", "from=5": ""}}
//! ```

use crate::answer::Tree;
use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretBytes, SecretName, VersionId};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// How often something is tried anew when somebody else was faster, or an answer was lost.
const TRIES: usize = 8;

/// What a shadow's name ends with: the content that is to come, and in version 1 the one before.
const PENDING: &str = ".quarterdeck-pending";
const PREVIOUS: &str = ".quarterdeck-previous";

/// What a staged version's id begins with; the rotation's id follows.
const STAGED: &str = "pending:";

const CONTENT: &str = "content";
const ABOUT: &str = "quarterdeck";

/// The shadow with what is to come.
pub(crate) fn pending_path(path: &str) -> String {
    format!("{path}{PENDING}")
}

/// The shadow with what was before.
pub(crate) fn previous_path(path: &str) -> String {
    format!("{path}{PREVIOUS}")
}

/// True for the name of a shadow, which is no secret.
pub(crate) fn is_shadow(path: &str) -> bool {
    path.ends_with(PENDING) || path.ends_with(PREVIOUS)
}

/// The secret whose staged value stands at this path.
pub(crate) fn stages(path: &str) -> Option<&str> {
    path.strip_suffix(PENDING)
}

/// A staged value, as far as it is told without showing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    /// The id that it was staged under.
    pub(crate) rotation: String,
    /// When, Unix seconds.
    pub(crate) made_at: Option<i64>,
}

/// What stands at a shadow's path.
pub(crate) struct Shadow {
    /// The newest number, which a check-and-set has to name; version 1 has none.
    pub(crate) number: u64,
    pub(crate) pending: Option<Pending>,
}

/// The id by which a staged value can be read.
pub(crate) fn staged_id(rotation: &str) -> VersionId {
    VersionId(format!("{STAGED}{rotation}"))
}

/// The rotation that a staged value's id names.
pub(crate) fn rotation_of(version: &VersionId) -> Option<&str> {
    version.0.strip_prefix(STAGED)
}

/// A rotation's id that may be part of a key's name.
pub(crate) fn checked(rotation: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match !rotation.is_empty() && rotation.len() <= 64 && rotation.bytes().all(fits) {
        true => Ok(()),
        false => Err(BackendError::new(ErrorKind::Invalid, "a rotation's id is a UUID").hint("Begin a new rotation.")),
    }
}

/// A shadow's content with what is known of it.
pub(crate) fn shadow(content: &mut Tree, rotation: &str, from: &str) -> Tree {
    let about = json!({ format!("rotation={rotation}"): "", format!("from={from}"): "" });
    Tree(Json::Object(Map::from_iter([(CONTENT.to_owned(), content.0.take()), (ABOUT.to_owned(), about)])))
}

/// The rotation of a shadow, or of its keys alone. One without is nobody's we know, and nobody's to write over.
pub(crate) fn rotation_in(tree: &Json) -> String {
    said(tree, "rotation=").unwrap_or("unknown").to_owned()
}

/// The version that a shadow's content is to replace.
pub(crate) fn from_in(tree: &Json) -> String {
    said(tree, "from=").unwrap_or_default().to_owned()
}

fn said<'a>(tree: &'a Json, what: &str) -> Option<&'a str> {
    let about = tree.get(ABOUT).and_then(Json::as_object);
    about.into_iter().flat_map(Map::keys).find_map(|key| key.strip_prefix(what))
}

/// The content of a shadow.
pub(crate) fn content_of(tree: &mut Tree) -> Tree {
    Tree(tree.0.get_mut(CONTENT).map(Json::take).unwrap_or_default())
}

/// True when both are the same, told in a time that depends on their lengths alone; nothing is like nothing here.
pub(crate) fn same(one: Option<&Json>, other: Option<&Json>) -> bool {
    let bytes = |tree: &Json| {
        let mut bytes = Vec::with_capacity(crate::kv2::size_of(tree));
        // A vector takes everything.
        let _ = serde_json::to_writer(&mut bytes, tree);
        SecretBytes::new(bytes)
    };
    matches!((one, other), (Some(one), Some(other)) if bytes(one) == bytes(other))
}

/// Tries until it is known what came of it. An attempt begins with a look at what stands, so that what was done and whose
/// answer was lost is found done; it gives nothing when somebody else was faster. Once a change was sent without an
/// answer, only an attempt that sees what stands ends the doubt.
pub(crate) async fn settled<T>(doing: &str, mut attempt: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let mut doubt = None;
    for _ in 0..TRIES {
        match attempt().await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => {}
            Err(error) if error.kind == ErrorKind::OutcomeUnknown => doubt = Some(error),
            Err(error) if matches!(error.kind, ErrorKind::Conflict { .. }) => return Err(error),
            Err(error) => return Err(doubt.unwrap_or(error)),
        }
    }
    Err(doubt.unwrap_or_else(|| {
        BackendError::new(ErrorKind::Conflict { current: None }, "others change it all the time")
            .doing(doing)
            .hint("Ask again when they are done.")
    }))
}

/// There is nothing that a staged value could follow.
pub(crate) fn no_value_yet(name: &SecretName) -> BackendError {
    BackendError::not_found(name)
        .doing(format!("staging a value for '{name}'"))
        .hint("Set its first value ('secrets set'); rotate it from then on.")
}

/// Another rotation's value is staged.
pub(crate) fn taken(name: &SecretName, rotation: &str) -> BackendError {
    let what = format!("the value of another rotation, {rotation}, is staged for '{name}'");
    BackendError::new(ErrorKind::Conflict { current: Some(rotation.to_owned()) }, what)
        .doing(format!("staging a value for '{name}'"))
        .hint("Let that rotation end ('rotate status'), or abort it.")
}

/// Somebody else's version is current.
pub(crate) fn other(name: &SecretName, doing: &str, current: Option<String>) -> BackendError {
    let is = match &current {
        Some(current) => format!("version {current} is current"),
        None => "there is no current version".to_owned(),
    };
    BackendError::new(ErrorKind::Conflict { current }, format!("'{name}' is not as expected: {is}"))
        .doing(format!("{doing} '{name}'"))
        .hint("Look at its versions, and decide anew.")
}

/// There is no such version.
pub(crate) fn no_version(name: &SecretName, version: &VersionId) -> BackendError {
    let what = match rotation_of(version) {
        Some(rotation) => format!("no value of the rotation {rotation} is staged for '{name}'"),
        None => format!("'{name}' has no version {version}"),
    };
    BackendError::new(ErrorKind::NotFound, what).hint("Look at its versions ('secrets history').")
}

/// Staged values as an extra's answer: of each secret the rotation and the Unix second.
pub(crate) fn told(found: Vec<(String, Pending)>) -> BTreeMap<String, String> {
    let row = |pending: Pending| {
        format!("{} {}", pending.rotation, pending.made_at.map_or_else(|| "unknown".into(), |at| at.to_string()))
    };
    found.into_iter().map(|(path, pending)| (path, row(pending))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shadow_tells_its_rotation_by_its_keys_alone() {
        let mut content = Tree(json!({ "password": "canary" }));
        let mut made = shadow(&mut content, "5b-1", "7");
        let keys = json!({ "content": { "password": null }, "quarterdeck": { "from=7": null, "rotation=5b-1": null } });
        assert_eq!((rotation_in(&made.0), rotation_in(&keys)), ("5b-1".into(), "5b-1".into()));
        assert_eq!(rotation_in(&json!({ "password": null })), "unknown");
        assert_eq!(content_of(&mut made).0, json!({ "password": "canary" }));
        assert!(checked("5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001").is_ok());
        assert!(["", "a b", "a=b", "a\"", &"x".repeat(65)].iter().all(|bad| checked(bad).is_err()));
    }

    #[test]
    fn nothing_is_like_nothing() {
        let (one, other) = (json!({ "a": 1, "b": "x" }), json!({ "b": "x", "a": 1 }));
        assert!(same(Some(&one), Some(&other)) && !same(Some(&one), Some(&json!({}))));
        assert!(!same(None, None) && !same(Some(&one), None));
    }

    #[test]
    fn a_doubt_ends_only_where_somebody_saw_what_stands() {
        let lost = || Err(BackendError::new(ErrorKind::OutcomeUnknown, "lost"));
        let run = |mut answers: Vec<Result<Option<u8>>>| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(settled("x", async || if answers.is_empty() { Ok(None) } else { answers.remove(0) }))
        };
        assert_eq!(run(vec![Ok(None), lost(), Ok(Some(1))]), Ok(1));
        let late = BackendError::new(ErrorKind::Timeout, "late");
        assert_eq!(run(vec![Err(late.clone())]).expect_err("nothing was sent").kind, ErrorKind::Timeout);
        assert_eq!(run(vec![lost(), Err(late)]).expect_err("in doubt").kind, ErrorKind::OutcomeUnknown);
        assert_eq!(run(vec![lost()]).expect_err("in doubt").kind, ErrorKind::OutcomeUnknown);
        assert_eq!(run(Vec::new()).expect_err("always beaten").kind, ErrorKind::Conflict { current: None });
    }
}
