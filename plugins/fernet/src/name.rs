//! A secret's name as a way through nested keys: `broker.password`. Refuses to lose a key that itself has a dot in it.
//!
//! Between keys stands a dot; a dot or a backslash inside a key is written `\.` and `\\`, so each way has one name.

/// The keys from the top of the file down to a value.
pub(crate) type Keys = Vec<String>;

/// Parts a name at its dots.
pub(crate) fn split(name: &str) -> Keys {
    let mut keys = vec![String::new()];
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = keys.last_mut();
        match (letter, letters.peek(), last) {
            ('\\', Some('.' | '\\'), Some(key)) => key.extend(letters.next()),
            ('.', _, _) => keys.push(String::new()),
            (_, _, Some(key)) => key.push(letter),
            (_, _, None) => {}
        }
    }
    keys
}

/// The one name of a way.
pub(crate) fn join<'a>(keys: impl IntoIterator<Item = &'a str>) -> String {
    let mut name = String::new();
    for (at, key) in keys.into_iter().enumerate() {
        if at > 0 {
            name.push('.');
        }
        for letter in key.chars() {
            if matches!(letter, '.' | '\\') {
                name.push('\\');
            }
            name.push(letter);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_ways() {
        let cases: [(&str, &[&str]); 6] = [
            ("broker.password", &["broker", "password"]),
            ("prod/pagerduty/token", &["prod/pagerduty/token"]),
            (r"a\.b.c", &["a.b", "c"]),
            (r"a\\.b", &[r"a\", "b"]),
            ("a..b", &["a", "", "b"]),
            ("", &[""]),
        ];
        for (name, keys) in cases {
            assert_eq!(split(name), keys, "{name}");
            assert_eq!(join(keys.iter().copied()), name);
        }
    }

    #[test]
    fn a_backslash_before_another_letter_is_itself() {
        assert_eq!(split(r"a\b\"), [r"a\b\"]);
    }

    proptest! {
        #[test]
        fn every_way_has_a_name_that_leads_back(keys in prop::collection::vec(r"[a.\\/]{0,4}", 1..5)) {
            prop_assert_eq!(split(&join(keys.iter().map(String::as_str))), keys);
        }
    }
}
