//! A secret's name, and the key in it: `prod/broker#db.password`. Refuses nothing: what AWS doesn't allow in a name, AWS
//! says, and `#` is among it, so that the first one always parts.
//!
//! Between nested keys stands a dot; a dot or a backslash inside a key is written `\.` and `\\`.

/// Parts a name into the secret's own and the way to a key in it.
pub(crate) fn split(name: &str) -> (&str, Option<Vec<String>>) {
    match name.split_once('#') {
        Some((secret, way)) => (secret, Some(keys(way))),
        None => (name, None),
    }
}

/// The keys of a way, from the top of the map down.
fn keys(way: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut key = String::new();
    let mut letters = way.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some('.' | '\\')) => key.extend(letters.next()),
            ('.', _) => keys.push(std::mem::take(&mut key)),
            _ => key.push(letter),
        }
    }
    keys.push(key);
    keys
}

/// One key as it stands in a way.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('\\', r"\\").replace('.', r"\.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys() {
        assert_eq!(split("prod/broker"), ("prod/broker", None));
        let keys = |name| split(name).1.unwrap_or_default();
        assert_eq!(keys("prod/broker#password"), ["password"]);
        assert_eq!(keys("prod/broker#db.password"), ["db", "password"]);
        assert_eq!(keys(r"prod/broker#db\.password.a\\b"), ["db.password", r"a\b"]);
        assert_eq!(keys("prod/broker#a#b"), ["a#b"]);
        assert_eq!(keys(&format!("x#{}", escaped(r"a.b\c"))), [r"a.b\c"]);
    }
}
