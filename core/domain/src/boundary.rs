//! Whose a secret is: the names that belong to one environment alone, by their first part and by configuration (R2.1, R2.2).
//! Refuses to give away what a name says: configuration adds owners and takes none away.

use crate::environment::Environment;

/// One line of configuration: these names belong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose they are.
    pub owner: Environment,
    /// The layer whose names are meant; all layers when it is left out.
    pub layer: Option<String>,
    /// The names: `live/*`, `*-live`; `*` stands for any run of characters.
    pub pattern: String,
}

/// All claims of a configuration; empty, the names alone tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boundary {
    claims: Vec<Claim>,
    mounts: Vec<String>,
}

impl Boundary {
    /// The boundary with these claims beside what names say.
    pub fn new(claims: Vec<Claim>) -> Self {
        Self { claims, mounts: Vec::new() }
    }

    /// The same where these are places in a store that a name may begin with, beside the usual `secret` and `kv`.
    pub fn with_mounts(self, mounts: Vec<String>) -> Self {
        Self { mounts, ..self }
    }

    /// Another environment that owns this secret, seen from `here`; `None` when it may be touched here. A name that two
    /// environments claim is out of reach of every one of them but where both are the same.
    ///
    /// A store may take several spellings for one name, so each spelling that could mean a name counts as that name.
    pub fn crossed(&self, layer: &str, name: &str, here: Option<Environment>) -> Option<Environment> {
        let here = here?;
        let spellings = spellings(name, &self.mounts);
        let named = spellings.iter().filter_map(|spelling| Environment::owner_of(spelling));
        let claims = self.claims.iter().filter(|claim| claim.is_for(layer));
        let claimed = claims.filter(|claim| spellings.iter().any(|name| claim.covers(name))).map(|claim| claim.owner);
        named.chain(claimed).find(|owner| *owner != here)
    }

    /// True when `name`, or the secret that it is a key of, could mean what configuration calls `known`.
    pub(crate) fn means(&self, name: &str, known: &str) -> bool {
        let known = spellings(known, &[]);
        spellings(name, &self.mounts).iter().any(|name| known.contains(name) || known.iter().any(|k| k == secret(name)))
    }
}

impl Claim {
    fn is_for(&self, layer: &str) -> bool {
        self.layer.as_deref().is_none_or(|wanted| wanted == layer)
    }

    fn covers(&self, spelling: &str) -> bool {
        let pattern = self.pattern.to_lowercase();
        matches(&pattern, spelling) || matches(&pattern, secret(spelling))
    }
}

/// A name without the key inside it.
fn secret(name: &str) -> &str {
    name.split_once('#').map_or(name, |(secret, _)| secret)
}

/// Where a KV store's interface puts what a name is not.
const VERBS: [&str; 6] = ["data", "metadata", "subkeys", "delete", "undelete", "destroy"];

/// Every name that this one could be to a store, in small letters: without escapes, empty parts and `.`, with `..` followed
/// and left out, without the store's own place before it, without the frame of an ARN.
fn spellings(name: &str, mounts: &[String]) -> Vec<String> {
    let mut found = vec![name.to_lowercase()];
    if is_plain(name, mounts) {
        return found;
    }
    for text in [name.to_lowercase(), unescaped(name).to_lowercase()] {
        let of_arn = text.rsplit_once(":secret:").map(|(_, name)| name);
        let text = of_arn.unwrap_or(&text);
        let (path, key) = text.split_once('#').map_or((text, None), |(path, key)| (path, Some(key)));
        for parts in [parts(path, Vec::pop), parts(path, |_| None)] {
            for parts in without_mount(&parts, mounts) {
                let path = parts.join("/");
                let short = of_arn.and_then(|_| without_suffix(&path)).map(str::to_owned);
                for path in std::iter::once(path).chain(short) {
                    found.push(key.map_or_else(|| path.clone(), |key| format!("{path}#{key}")));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// True for a name that can be spelt in this way alone, as nearly all of ten thousand are.
fn is_plain(name: &str, mounts: &[String]) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-/.".contains(&byte);
    let first = name.split('/').next().unwrap_or_default();
    let begins = |mount: &str| mount.split('/').any(|part| part.eq_ignore_ascii_case(first));
    name.bytes().all(plain)
        && !name.split('/').any(|part| matches!(part, "" | "." | ".."))
        && !["v1", "secret", "kv"].contains(&first)
        && !mounts.iter().any(|mount| begins(mount))
}

/// The parts of a path; `up` says what a `..` does to those before it.
fn parts<'a>(path: &'a str, up: impl Fn(&mut Vec<&'a str>) -> Option<&'a str>) -> Vec<&'a str> {
    let mut parts = Vec::new();
    for part in path.split('/').map(str::trim) {
        match part {
            "" | "." => {}
            ".." => _ = up(&mut parts),
            part => parts.push(part),
        }
    }
    parts
}

/// The parts, and what is left of them behind `v1`, a mount, and a verb of the store.
fn without_mount<'a>(parts: &'a [&'a str], mounts: &[String]) -> Vec<&'a [&'a str]> {
    let mut found = vec![parts];
    let behind = parts.strip_prefix(&["v1"][..]).unwrap_or(parts);
    let usual = ["secret", "kv"].into_iter().chain(mounts.iter().map(String::as_str));
    for mount in usual {
        let mount = mount.to_lowercase();
        let mount: Vec<&str> = mount.split('/').filter(|part| !part.is_empty()).collect();
        if mount.is_empty() || !behind.starts_with(&mount) {
            continue;
        }
        let rest = &behind[mount.len()..];
        found.push(rest);
        found.extend(rest.split_first().filter(|(first, _)| VERBS.contains(first)).map(|(_, rest)| rest));
    }
    found
}

/// A name without the six random letters that an ARN ends with.
fn without_suffix(name: &str) -> Option<&str> {
    let (name, suffix) = name.rsplit_once('-')?;
    (suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(name)
}

/// The text with its percent-escapes taken out, also those that were escaped again.
fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let bytes = text.as_bytes();
        let mut plain = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            match (bytes[at], digit(at + 1), digit(at + 2)) {
                (b'%', Some(high), Some(low)) => {
                    plain.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    at += 3;
                }
                (byte, ..) => {
                    plain.push(byte);
                    at += 1;
                }
            }
        }
        if plain.len() == bytes.len() {
            return text;
        }
        text = String::from_utf8_lossy(&plain).into_owned();
    }
}

/// Whether `*` for any run of characters makes the pattern the text.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, from));
            at += 1;
        } else if pattern.get(at) == Some(&text[from]) {
            (at, from) = (at + 1, from + 1);
        } else if let Some((before, tried)) = star {
            (at, from, star) = (before + 1, tried + 1, Some((before, tried + 1)));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(owner: Environment, layer: Option<&str>, pattern: &str) -> Claim {
        Claim { owner, layer: layer.map(str::to_owned), pattern: pattern.into() }
    }

    #[test]
    fn configuration_adds_owners_and_takes_none_away() {
        use Environment::{Paper, Production, Qa};
        let boundary = Boundary::new(vec![
            claim(Production, None, "live/*"),
            claim(Paper, Some("vault"), "*-sim"),
            claim(Qa, None, "prod/*"),
        ]);
        let crossed = |layer, name, here| boundary.crossed(layer, name, Some(here));
        assert_eq!(crossed("vault", "live/ibkr", Qa), Some(Production));
        assert_eq!(crossed("vault", "live/ibkr", Production), None);
        assert_eq!(crossed("vault", "live/ibkr#key", Qa), Some(Production));
        assert_eq!(crossed("vault", "desk-sim#key", Qa), Some(Paper));
        assert_eq!(crossed("aws", "desk-sim", Qa), None);
        assert_eq!(crossed("aws", "prod/x", Qa), Some(Production), "what the name says stays");
        assert_eq!(crossed("aws", "prod/x", Production), Some(Qa), "claimed by two");
        assert_eq!(boundary.crossed("aws", "prod/x", None), None);
    }

    /// Each of these could reach `prod/trader/key` somewhere.
    const SPELLINGS: [&str; 22] = [
        "prod/trader/key",
        "PROD/Trader/key",
        "Production/trader/key",
        "/prod/trader/key",
        "//prod//trader/key/",
        "./prod/trader/key",
        "prod/./trader/key",
        " prod /trader/key",
        "x/../prod/trader/key",
        "../prod/trader/key",
        "prod/x/../trader/key",
        "prod%2Ftrader%2Fkey",
        "%70rod/trader/key",
        "prod%252ftrader/key",
        "%2e%2fprod/trader/key",
        "secret/prod/trader/key",
        "secret/data/prod/trader/key",
        "/v1/kv/metadata/prod/trader/key",
        "team/store/data/prod/trader/key",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/trader/key-AbC123",
        "prod/trader/key#api_key",
        "secret/data/PROD//trader%2fkey#a.b",
    ];

    #[test]
    fn no_spelling_leads_across() {
        let boundary = Boundary::default().with_mounts(vec!["team/store".into()]);
        let claimed = Boundary::new(vec![claim(Environment::Paper, Some("vault"), "Prod/Trader/key")])
            .with_mounts(vec!["/team/store/".into()]);
        for name in SPELLINGS {
            assert_eq!(boundary.crossed("vault", name, Some(Environment::Qa)), Some(Environment::Production), "{name}");
            assert_eq!(boundary.crossed("vault", name, Some(Environment::Production)), None, "{name}");
            // `production/…` is another name, though it has the same owner.
            let owner = (!name.starts_with("Production")).then_some(Environment::Paper);
            assert_eq!(claimed.crossed("vault", name, Some(Environment::Production)), owner, "{name}");
            assert_eq!(boundary.means(name, "prod/trader/key"), owner.is_some(), "{name}");
        }
        for free in ["trader/prod/key", "prod", "prod.trader", "product/key", "secrets/prod", "100%/x", "%zz/prod/x"] {
            assert_eq!(boundary.crossed("vault", free, Some(Environment::Qa)), None, "{free}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_noise_hides_a_name(
            before in "(/|\\./|%2f|%2F|secret/data/|kv/| ){0,4}",
            between in "(/|//|/\\./|%2f|/x/\\.\\./){1}",
            after in "(/|//|#k|%23k){0,2}",
            upper in proptest::bool::ANY,
        ) {
            let name = format!("{before}prod{between}key{after}");
            let name = if upper { name.to_uppercase() } else { name };
            let one_mount = before.matches("secret/data/").count() + before.matches("kv/").count() <= 1;
            if one_mount {
                let crossed = Boundary::default().crossed("vault", &name, Some(Environment::Qa));
                proptest::prop_assert_eq!(crossed, Some(Environment::Production), "{}", name);
            }
        }

        #[test]
        fn no_name_makes_it_panic(name in "([./%#:-]|secret|data|[0-9a-f]|\\PC){0,30}") {
            let _ = Boundary::default().crossed("vault", &name, Some(Environment::Qa));
        }
    }

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "axbyc", true),
            ("*ab", "aab", true),
            ("a", "ab", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
