//! Search over names as one types: words in any order, the best first. Refuses values: it is given names, layers and
//! states, and there is nothing else to look in.

use quarterdeck_domain::overview::SecretRow;

/// What is looked for: every word has to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    words: Vec<String>,
}

/// How well a name fits, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A name begins with the first word.
    Begins,
    /// A part of a name begins with it: what comes after `/`, `.`, `#`, `-`, `_`.
    PartBegins,
    /// All words stand in a name.
    Inside,
    /// A layer or a state had to help.
    Beside,
}

/// A secret's texts as they are looked through, made once for each list that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    names: Vec<String>,
    beside: String,
}

impl Texts {
    /// Of a row: its names in every layer that holds it, also in those that are not used.
    pub(crate) fn of(row: &SecretRow) -> Self {
        let layers = [&row.layer, &row.backend].into_iter().chain(&row.shadows);
        let beside = layers.map(String::as_str).chain([row.state.words()]).collect::<Vec<_>>().join("\n");
        let mut names = vec![row.name.to_lowercase()];
        for name in row.hidden.iter().map(|(_, name)| name.to_lowercase()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Self { names, beside: beside.to_lowercase() }
    }
}

impl Query {
    /// Reads what was typed.
    pub(crate) fn new(text: &str) -> Self {
        Self { words: text.split_whitespace().map(str::to_lowercase).collect() }
    }

    /// How well the texts fit; `None` where a word is missing.
    pub(crate) fn rank(&self, texts: &Texts) -> Option<Rank> {
        texts.names.iter().filter_map(|name| self.rank_of(name, &texts.beside)).min()
    }

    fn rank_of(&self, name: &str, beside: &str) -> Option<Rank> {
        let Some(first) = self.words.first() else { return Some(Rank::Begins) };
        let outside = self.words.iter().filter(|word| !name.contains(word.as_str()));
        let mut missing = false;
        for word in outside {
            if !beside.contains(word.as_str()) {
                return None;
            }
            missing = true;
        }
        let part = |(at, _): (usize, &str)| name[..at].ends_with(['/', '.', '#', '-', '_']);
        Some(match missing {
            true => Rank::Beside,
            false if name.starts_with(first.as_str()) => Rank::Begins,
            false if name.match_indices(first.as_str()).any(part) => Rank::PartBegins,
            false => Rank::Inside,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_order_and_the_best_comes_first() {
        let texts =
            |name: &str| Texts { names: vec![name.to_lowercase()], beside: "vault\nfernet\ndue soon".to_owned() };
        let table = [
            ("", "prod/rds/password", Some(Rank::Begins)),
            ("prod", "prod/rds/password", Some(Rank::Begins)),
            ("PASS", "prod/rds/Password", Some(Rank::PartBegins)),
            ("word", "prod/rds/password", Some(Rank::Inside)),
            ("pass rds", "prod/rds/password", Some(Rank::PartBegins)),
            ("word rds", "prod/rds/password", Some(Rank::Inside)),
            ("rds fernet", "prod/rds/password", Some(Rank::Beside)),
            ("soon", "prod/rds/password", Some(Rank::Beside)),
            ("rds missing", "prod/rds/password", None),
            ("password", "broker#password", Some(Rank::PartBegins)),
        ];
        for (typed, name, want) in table {
            assert_eq!(Query::new(typed).rank(&texts(name)), want, "{typed} in {name}");
        }
    }
}
