//! Keeps the names that a followed file was renamed to, so that none is missed when several rotations happen between
//! two looks. Refuses to guess by names: it believes only the system's own word on what was moved where.

use super::lines::Identity;
use super::watch::Moved;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};

/// Files that are remembered as followed already.
const REMEMBERED: usize = 16;
/// Rotations between two looks; more than this is not rotation.
const WAITING: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Rotated {
    names: VecDeque<OsString>,
    /// A move whose second half has not come: its number, and which of the names it is about; none is our own.
    under_way: Option<(u32, Option<usize>)>,
    followed: VecDeque<Identity>,
}

impl Rotated {
    /// Takes note of a name that came or went in the folder.
    pub(super) fn hear(&mut self, is_own: bool, name: &OsStr, moved: Moved) {
        let known = self.names.iter().position(|known| known == name);
        match (moved, self.under_way) {
            (Moved::From(number), _) if is_own => self.under_way = Some((number, None)),
            (Moved::From(number), _) if known.is_some() => self.under_way = Some((number, known)),
            (Moved::To(number), Some((first, which))) if number == first => {
                self.under_way = None;
                if let Some(old) = which.and_then(|which| self.names.get_mut(which)) {
                    *old = name.to_owned();
                } else if self.names.len() < WAITING {
                    self.names.push_back(name.to_owned());
                }
            }
            _ => {}
        }
    }

    /// The next name, oldest first.
    pub(super) fn next(&mut self) -> Option<OsString> {
        if let Some((number, Some(which))) = self.under_way {
            self.under_way = which.checked_sub(1).map(|which| (number, Some(which)));
        }
        self.names.pop_front()
    }

    /// This file is followed now.
    pub(super) fn follow(&mut self, id: Identity) {
        if self.followed.len() == REMEMBERED {
            self.followed.pop_front();
        }
        self.followed.push_back(id);
    }

    pub(super) fn was_followed(&self, id: Identity) -> bool {
        self.followed.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_by_its_last_one() {
        let mut rotated = Rotated::default();
        let mut hear = |own: bool, name: &str, moved| rotated.hear(own, OsStr::new(name), moved);
        hear(true, "a", Moved::From(1));
        hear(false, "a.1", Moved::To(1));
        hear(false, "a.1", Moved::From(2));
        hear(false, "a.2", Moved::To(2));
        hear(true, "a", Moved::Not);
        hear(true, "a", Moved::From(3));
        hear(false, "a.1", Moved::To(3));
        hear(false, "other", Moved::From(4));
        hear(false, "another", Moved::To(4));
        assert_eq!([rotated.next(), rotated.next(), rotated.next()], [Some("a.2".into()), Some("a.1".into()), None]);
        rotated.follow((1, 2));
        assert!(rotated.was_followed((1, 2)) && !rotated.was_followed((1, 3)));
    }
}
