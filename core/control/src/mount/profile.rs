//! The profiles of `~/.aws`: which helper gives a profile's credentials. Refuses to read a credential: it looks for the
//! helper's name alone, the files' keys are the plugin's business.

use std::collections::BTreeSet;

/// The `credential_process` of a profile; `None` when it has none, or another way to log in that comes before it.
///
/// `config` is the text of `~/.aws/config`, `credentials` that of `~/.aws/credentials`.
pub(super) fn credential_process(config: &str, credentials: &str, profile: &str) -> Option<String> {
    let in_config = |section: &str| match section.split_once(char::is_whitespace) {
        Some(("profile", name)) => name.trim().trim_matches(['"', '\'']) == profile,
        _ => section == "default" && profile == "default",
    };
    let mut command = None;
    let mut named = BTreeSet::new();
    for (key, value) in properties(config, in_config).chain(properties(credentials, |section| section == profile)) {
        if key == "credential_process" {
            command = Some(value.to_owned()).filter(|command| !command.is_empty());
        }
        named.insert(key);
    }
    command.filter(|_| !["role_arn", "aws_access_key_id"].iter().any(|other| named.contains(*other)))
}

/// The pairs of the sections that are wanted. An indented line belongs to a nested property.
fn properties<'a>(text: &'a str, wanted: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = (String, &'a str)> + 'a {
    let mut inside = false;
    text.lines().filter_map(move |line| {
        let bare = line.trim_end();
        if let Some(section) = bare.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = wanted(section.trim());
            return None;
        }
        if !inside || bare.starts_with(['#', ';']) || bare.starts_with(char::is_whitespace) {
            return None;
        }
        let (key, value) = bare.split_once('=')?;
        Some((key.trim().to_ascii_lowercase(), without_comment(value).trim()))
    })
}

/// A comment may stand behind a value after white space.
fn without_comment(value: &str) -> &str {
    let ends = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    &value[..ends.unwrap_or(value.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# a comment
[default]
region = eu-west-1
credential_process = /opt/give --who default  # every hour
[profile desk]
credential_process=\"/opt/with space/give\" \"a b\"
s3 =
  credential_process = nested
[profile \"two words\"]
Credential_Process = /opt/two
[profile keys]
credential_process = /opt/not-asked
[profile role]
role_arn = arn:aws:iam::1:role/x
credential_process = /opt/not-asked
[sso-session desk]
credential_process = /opt/wrong
";

    #[test]
    fn a_profiles_helper_is_found_as_the_sdk_finds_it() {
        let credentials = "[keys]\naws_access_key_id = AKIA\n[late]\ncredential_process = /opt/late\n";
        let found = |profile| credential_process(CONFIG, credentials, profile);
        assert_eq!(found("default").as_deref(), Some("/opt/give --who default"));
        assert_eq!(found("desk").as_deref(), Some("\"/opt/with space/give\" \"a b\""));
        assert_eq!(found("two words").as_deref(), Some("/opt/two"));
        assert_eq!(found("late").as_deref(), Some("/opt/late"));
        for none in ["keys", "role", "nobody", "profile desk", "sso-session desk"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[|\\]|=|#|;|profile|default|credential_process|[ \t\n\"a]|\\PC){0,60}") {
            let _ = credential_process(&text, &text, "default");
        }
    }
}
