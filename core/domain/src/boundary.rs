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
}

impl Boundary {
    /// The boundary with these claims beside what names say.
    pub fn new(claims: Vec<Claim>) -> Self {
        Self { claims }
    }

    /// Another environment that owns this secret, seen from `here`; `None` when it may be touched here. A name that two
    /// environments claim is out of reach of every one of them but where both are the same.
    pub fn crossed(&self, layer: &str, name: &str, here: Option<Environment>) -> Option<Environment> {
        let here = here?;
        let claimed = self.claims.iter().filter(|claim| claim.covers(layer, name)).map(|claim| claim.owner);
        Environment::owner_of(name).into_iter().chain(claimed).find(|owner| *owner != here)
    }
}

impl Claim {
    fn covers(&self, layer: &str, name: &str) -> bool {
        let secret = name.split_once('#').map_or(name, |(secret, _)| secret);
        self.layer.as_deref().is_none_or(|wanted| wanted == layer)
            && (matches(&self.pattern, name) || matches(&self.pattern, secret))
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
