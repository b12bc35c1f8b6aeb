//! Which version of a secret is known to be where, and what a new look at it means. Refuses a clock and a backend: what
//! was seen, and when somebody began to look, are arguments.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a look at one secret shows. Never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sighting {
    /// It is not there, or was deleted.
    Absent,
    /// It is there; nobody told which version.
    Present,
    /// This version is the current one, in the backend's own words.
    Version(String),
}

/// What the journal knows of a secret's version: the last that was stored through us, or announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What is there.
    pub sighting: Sighting,
    /// Since when that is known.
    pub at: Timestamp,
    /// It was made through us.
    pub ours: bool,
}

/// What this process saw when it looked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What was there.
    pub sighting: Sighting,
    /// When the look began.
    pub at: Timestamp,
}

/// What a look means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to tell: it is as it was, it is seen for the first time, or we made it so.
    Same,
    /// It began before what the journal knows came to be: the next look tells.
    Early,
    /// Somebody else made it so.
    Changed {
        /// What was there before.
        from: Sighting,
    },
}

/// Judges a look. `known` is the journal's word on this secret, `ours_at` when it, or a map that it is in, was changed
/// through us, `seen` what this process saw before.
pub fn judge(known: Option<&Known>, ours_at: Option<Timestamp>, seen: Option<&Seen>, look: &Seen) -> Verdict {
    if known.is_some_and(|known| known.at > look.at) {
        return Verdict::Early;
    }
    // That it is there says less than which version was seen there since.
    let told = known.filter(|known| known.sighting != Sighting::Present || seen.is_none_or(|seen| seen.at <= known.at));
    let before = match (told, seen) {
        (Some(known), _) => &known.sighting,
        (None, Some(seen)) => &seen.sighting,
        (None, None) => return Verdict::Same,
    };
    let through_us = told.is_none() && seen.is_some_and(|seen| ours_at.is_some_and(|at| at >= seen.at));
    let is_same = match (before, &look.sighting) {
        (Sighting::Present, Sighting::Version(_)) | (Sighting::Version(_), Sighting::Present) => true,
        (before, now) => before == now,
    };
    if is_same || through_us { Verdict::Same } else { Verdict::Changed { from: before.clone() } }
}

impl Sighting {
    /// In words, a long identity cut to what tells it apart: `version 14`, `version 4f0e1c2d…`.
    pub fn words(&self) -> String {
        match self {
            Self::Absent => "not there".into(),
            Self::Present => "there".into(),
            Self::Version(id) if id.chars().count() > 12 => {
                format!("version {}..", id.chars().take(8).collect::<String>())
            }
            Self::Version(id) => format!("version {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Sighting::{Absent, Present};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a test's own timestamp")
    }

    fn v(id: &str) -> Sighting {
        Sighting::Version(id.into())
    }

    fn changed(from: Sighting) -> Verdict {
        Verdict::Changed { from }
    }

    #[test]
    fn a_look_is_judged_by_the_journal_first_and_then_by_the_look_before() {
        let known = |sighting, second, ours| Some(Known { sighting, at: at(second), ours });
        let seen = |sighting, second| Some(Seen { sighting, at: at(second) });
        // The journal, a change through us on it or around it, what was seen before, what is seen now at second 100.
        let table = [
            ("the first look", None, None, None, v("1"), Verdict::Same),
            ("as it was", None, None, seen(v("1"), 50), v("1"), Verdict::Same),
            ("somebody else's", None, None, seen(v("1"), 50), v("2"), changed(v("1"))),
            ("gone", None, None, seen(v("1"), 50), Absent, changed(v("1"))),
            ("new", None, None, seen(Absent, 50), v("1"), changed(Absent)),
            ("new, of unknown version", None, None, seen(Absent, 50), Present, changed(Absent)),
            ("learned", None, None, seen(Present, 50), v("1"), Verdict::Same),
            ("not told this time", None, None, seen(v("1"), 50), Present, Verdict::Same),
            ("stored through us", known(v("2"), 60, true), Some(60), seen(v("1"), 50), v("2"), Verdict::Same),
            ("told by another watcher", known(v("2"), 60, false), None, seen(v("1"), 50), v("2"), Verdict::Same),
            ("after ours", known(v("2"), 60, true), Some(60), seen(v("1"), 50), v("3"), changed(v("2"))),
            ("while nobody watched", known(v("2"), 60, true), Some(60), None, v("3"), changed(v("2"))),
            ("back again", known(v("2"), 60, false), None, seen(v("2"), 70), v("1"), changed(v("2"))),
            ("begun before ours", known(v("2"), 101, true), Some(101), seen(v("1"), 50), v("1"), Verdict::Early),
            ("begun before theirs", known(v("3"), 101, false), None, seen(v("2"), 50), v("2"), Verdict::Early),
            ("deleted through us", known(Absent, 60, true), Some(60), seen(v("1"), 50), Absent, Verdict::Same),
            ("in a map stored by us", None, Some(60), seen(v("1"), 50), v("2"), Verdict::Same),
            ("after a map stored by us", None, Some(40), seen(v("1"), 50), v("2"), changed(v("1"))),
            ("ours without a version", known(Present, 60, true), Some(60), seen(v("1"), 50), v("2"), Verdict::Same),
            ("after it was seen", known(Present, 60, true), Some(60), seen(v("2"), 70), v("3"), changed(v("2"))),
        ];
        for (what, known, ours_at, seen, now, verdict) in table {
            let look = Seen { sighting: now, at: at(100) };
            assert_eq!(judge(known.as_ref(), ours_at.map(at), seen.as_ref(), &look), verdict, "{what}");
        }
    }

    #[test]
    fn a_long_identity_is_cut() {
        assert_eq!(v("14").words(), "version 14");
        assert_eq!(v("4f0e1c2d-0000-0000-0000-000000000000").words(), "version 4f0e1c2d..");
    }
}
