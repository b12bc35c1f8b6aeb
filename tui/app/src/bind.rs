//! Keys that a person changes in configuration. Refuses a line that would take a key away from something else, that
//! touches the kill-switch, or that puts something on a key a slow link splits; each refusal names the line.

use crate::key::{Code, Key};
use crate::keymap::{ACTIONS, Action, FIXED, Keymap, row};

/// One line of configuration: this action has these keys and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where it stands: `quarterdeck.toml:14`.
    pub place: String,
    /// The action's name.
    pub action: String,
    /// Its keys by name; none takes its keys away.
    pub keys: Vec<String>,
}

/// Why a line of key configuration is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// There is no such action.
    #[error("{place}: there is no action '{action}'; the nearest is '{nearest}'")]
    UnknownAction {
        /// Where.
        place: String,
        /// As written.
        action: String,
        /// What may be meant.
        nearest: String,
    },
    /// There is no such key.
    #[error("{place}: '{key}' is no key; write q, G, ^D, alt-f, Enter, PgUp or F5")]
    UnknownKey {
        /// Where.
        place: String,
        /// As written.
        key: String,
    },
    /// The action's key is the same for everybody.
    #[error("{place}: '{action}' keeps its key: in an emergency it has to be the same for everybody")]
    FixedAction {
        /// Where.
        place: String,
        /// Which.
        action: String,
    },
    /// The key is kept free or belongs to the terminal.
    #[error("{place}: {key} can't be used: {why}")]
    ForbiddenKey {
        /// Where.
        place: String,
        /// Which.
        key: String,
        /// The reason.
        why: &'static str,
    },
    /// Two actions want one key where both work.
    #[error("{place}: {key} is already '{other}' ({other_place})")]
    Taken {
        /// Where the second one stands.
        place: String,
        /// Which key.
        key: String,
        /// What has it.
        other: String,
        /// Where that stands.
        other_place: String,
    },
}

impl Keymap {
    /// The built-in keys with these lines applied, or everything that is wrong with them.
    pub fn rebound(bindings: &[Binding]) -> Result<Self, Vec<Conflict>> {
        let mut keymap = Self::default();
        let mut places: Vec<(Action, &str)> = Vec::new();
        let mut wrong = Vec::new();
        for binding in bindings {
            match read(binding) {
                Ok((action, keys)) => {
                    keymap.keys.iter_mut().filter(|held| held.0 == action).for_each(|held| held.1.clone_from(&keys));
                    places.push((action, &binding.place));
                }
                Err(errors) => wrong.extend(errors),
            }
        }
        for (action, place) in &places {
            wrong.extend(taken(&keymap, *action, place, &places));
        }
        if wrong.is_empty() { Ok(keymap) } else { Err(wrong) }
    }
}

fn read(binding: &Binding) -> Result<(Action, Vec<Key>), Vec<Conflict>> {
    let place = || binding.place.clone();
    let Some(found) = ACTIONS.iter().find(|row| row.name == binding.action) else {
        let nearest = ACTIONS.iter().min_by_key(|row| distance(row.name, &binding.action)).map_or("", |row| row.name);
        let (action, nearest) = (binding.action.clone(), nearest.to_owned());
        return Err(vec![Conflict::UnknownAction { place: place(), action, nearest }]);
    };
    if FIXED.contains(&found.action) {
        return Err(vec![Conflict::FixedAction { place: place(), action: found.name.into() }]);
    }
    let (mut keys, mut wrong) = (Vec::new(), Vec::new());
    for name in &binding.keys {
        match Key::parse(name).map(Key::normal) {
            None => wrong.push(Conflict::UnknownKey { place: place(), key: name.clone() }),
            Some(key) => match forbidden(key, found.guarded) {
                Some(why) => wrong.push(Conflict::ForbiddenKey { place: place(), key: key.to_string(), why }),
                None => keys.push(key),
            },
        }
    }
    if wrong.is_empty() { Ok((found.action, keys)) } else { Err(wrong) }
}

fn forbidden(key: Key, guarded: bool) -> Option<&'static str> {
    let splits = key.alt || key.code == Code::Esc;
    match key.code {
        Code::Char('x' | 'X') if !key.ctrl => Some("it lies beside the kill-switch and does nothing, everywhere"),
        Code::Char('s' | 'q') if key.ctrl => Some("a terminal may stop and start its output with it"),
        Code::Char('b' | 'a' | 'p' | 'k') if key.ctrl => {
            Some("terminal multiplexers and containers take it, or it deletes elsewhere")
        }
        _ if splits && guarded => Some("a slow link splits Esc and Alt, and this can't be undone"),
        _ => None,
    }
}

fn taken(keymap: &Keymap, action: Action, place: &str, places: &[(Action, &str)]) -> Vec<Conflict> {
    let mine = keymap.keys(action);
    let mut found = Vec::new();
    for (other, keys) in &keymap.keys {
        let other_place = places.iter().find(|held| held.0 == *other).map(|held| held.1);
        // Of two lines that clash the later one is named, once.
        let later = places.iter().position(|held| held.0 == action) < places.iter().position(|held| held.0 == *other);
        if *other == action || !row(*other).scope.meets(row(action).scope) || (other_place.is_some() && later) {
            continue;
        }
        for key in keys.iter().filter(|key| mine.contains(key)) {
            found.push(Conflict::Taken {
                place: place.to_owned(),
                key: key.to_string(),
                other: row(*other).name.to_owned(),
                other_place: other_place.unwrap_or("built in").to_owned(),
            });
        }
    }
    found
}

/// Edits from one word to the other: the nearest right word is named beside a wrong one.
pub fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut costs: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut before = std::mem::replace(&mut costs[0], line + 1);
        for (column, b) in to.iter().enumerate() {
            let cost = before + usize::from(a != *b);
            before = costs[column + 1];
            costs[column + 1] = cost.min(before + 1).min(costs[column] + 1);
        }
    }
    costs.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Screen;

    fn line(number: u32, action: &str, keys: &[&str]) -> Binding {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Binding { place: format!("line {number}"), action: action.into(), keys }
    }

    #[test]
    fn a_key_moves_and_the_old_one_is_free() {
        let keymap = Keymap::rebound(&[line(1, "pause", &["p"]), line(2, "find", &["f", "F5"])]).unwrap();
        assert_eq!(keymap.action(Key::char('p'), Screen::Audit), Some(Action::Pause));
        assert_eq!(keymap.action(Key::char('='), Screen::Audit), None);
        assert_eq!(keymap.shown(Action::Find), "f");
    }

    #[test]
    fn each_refusal_names_its_line() {
        let table: &[(&[Binding], &str)] = &[
            (&[line(7, "puase", &["p"])], "line 7: there is no action 'puase'; the nearest is 'pause'"),
            (&[line(7, "pause", &["hyper-p"])], "line 7: 'hyper-p' is no key"),
            (&[line(7, "kill-switch", &["K"])], "line 7: 'kill-switch' keeps its key"),
            (&[line(7, "quit", &["Q"])], "line 7: 'quit' keeps its key"),
            (&[line(7, "pause", &["x"])], "line 7: x can't be used: it lies beside the kill-switch"),
            (&[line(7, "pause", &["^X"])], "line 7: ^X is already 'kill-switch' (built in)"),
            (&[line(7, "pause", &["^S"])], "line 7: ^S can't be used"),
            (&[line(7, "reveal", &["alt-v"])], "line 7: Alt-v can't be used: a slow link"),
            (&[line(7, "pause", &["/"])], "line 7: / is already 'find' (built in)"),
            (&[line(7, "pause", &["p"]), line(9, "bell", &["p"])], "line 9: p is already 'pause' (line 7)"),
        ];
        for (lines, want) in table {
            let wrong = Keymap::rebound(lines).expect_err(want);
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert!(wrong[0].to_string().starts_with(want), "{} is not {want}", wrong[0]);
        }
    }

    #[test]
    fn one_key_may_mean_two_things_in_two_places() {
        let keymap = Keymap::rebound(&[line(1, "next-hit", &["v"])]).unwrap();
        assert_eq!(keymap.action(Key::char('v'), Screen::Audit), Some(Action::NextHit));
        assert_eq!(keymap.action(Key::char('v'), Screen::Secrets), Some(Action::Reveal));
    }
}
