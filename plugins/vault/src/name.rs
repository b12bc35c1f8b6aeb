//! From a secret's name to its place in the mount: `prod/trader/key#password`. Refuses a path that a URL would bend
//! (`..` is silently dropped on the way): another secret than the named one would be read.

use quarterdeck_contract::{BackendError, ErrorKind, Result, SecretName};

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The secret's path in the mount.
    pub(crate) path: String,
    /// The key inside the secret, dotted.
    pub(crate) key: Option<String>,
}

/// Reads a name.
pub(crate) fn place(name: &SecretName) -> Result<Place> {
    let (path, key) = match name.as_str().split_once('#') {
        Some((path, key)) => (path, Some(key.to_owned())),
        None => (name.as_str(), None),
    };
    let refuse = |what: &str| {
        Err(BackendError::new(ErrorKind::Invalid, format!("'{name}' {what}"))
            .hint("A name is the secret's path in the mount, without the mount and without 'data/'; '#' comes before a key inside it."))
    };
    if !is_path(path) {
        return refuse("is no path of a KV secret");
    }
    if key.as_deref() == Some("") {
        return refuse("names no key after '#'");
    }
    Ok(Place { path: path.to_owned(), key })
}

/// True for a path that stays as it is on its way to the server.
pub(crate) fn is_path(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\\')
}

/// The folder that a path lies in: empty, or with a slash at its end.
pub(crate) fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_places() {
        let cases = [
            ("a/b", Some(("a/b", None))),
            ("a/b#c.d", Some(("a/b", Some("c.d")))),
            ("a#b#c", Some(("a", Some("b#c")))),
            ("a b/ü", Some(("a b/ü", None))),
            ("a/../b", None),
            ("./a", None),
            ("/a", None),
            ("a/", None),
            ("a//b", None),
            ("a\\..\\b", None),
            ("#k", None),
            ("a#", None),
        ];
        for (name, expected) in cases {
            let found = place(&SecretName::parse(name).expect("a name"));
            let expected = expected.map(|(path, key)| Place { path: path.to_owned(), key: key.map(str::to_owned) });
            assert_eq!(found.ok(), expected, "{name}");
        }
    }
}
