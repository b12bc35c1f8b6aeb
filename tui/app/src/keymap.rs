//! The keys, as one table that the dispatch, the help, the palette and the last row all read. Refuses a key that means
//! two things in one place; see `bind` for how a person changes it.

use crate::key::Key;
use crate::model::Screen;

/// What a key can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is described in the table below, once")]
pub enum Action {
    KillSwitch,
    Hold,
    Release,
    Overview,
    Secrets,
    Audit,
    Alarms,
    Approvals,
    Backends,
    Down,
    Up,
    HalfDown,
    HalfUp,
    First,
    Last,
    Follow,
    Open,
    Fold,
    Find,
    NextHit,
    PreviousHit,
    OnlyHits,
    NextCritical,
    PreviousCritical,
    NextMajor,
    PreviousMajor,
    Pause,
    Reveal,
    Copy,
    CopyValue,
    Rotations,
    Rotate,
    StartRotation,
    Confirm,
    StepDone,
    StepFailed,
    RollBack,
    RetireNow,
    Resume,
    Abort,
    ReadAgain,
    Unlock,
    Bell,
    Mouse,
    Palette,
    Help,
    Leave,
    Back,
    Redraw,
    Suspend,
    Quit,
}

/// The screens on which a key works, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u8);

impl Scope {
    /// On the overview.
    pub const OVERVIEW: Self = Self(1);
    /// On the secrets.
    pub const SECRETS: Self = Self(2);
    /// On the audit tail.
    pub const AUDIT: Self = Self(4);
    /// On the backends.
    pub const BACKENDS: Self = Self(8);
    /// Wherever secrets can be selected.
    pub const NAMES: Self = Self(1 | 2);
    /// Wherever the tail is seen.
    pub const TAIL: Self = Self(1 | 4);
    /// On every list.
    pub const LISTS: Self = Self(1 | 2 | 8 | 16);
    /// On the rotations.
    pub const ROTATION: Self = Self(16);
    /// Wherever a rotation can be planned.
    pub const PLANS: Self = Self(1 | 2 | 16);
    /// Everywhere.
    pub const ANY: Self = Self(31);

    /// True on this screen.
    pub fn holds(self, screen: Screen) -> bool {
        let bit = match screen {
            Screen::Overview => Self::OVERVIEW,
            Screen::Secrets => Self::SECRETS,
            Screen::Audit => Self::AUDIT,
            Screen::Backends => Self::BACKENDS,
            Screen::Rotation => Self::ROTATION,
        };
        self.0 & bit.0 != 0
    }

    /// True when some screen is in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What it asks for.
    pub action: Action,
    /// Its name in configuration and in the palette.
    pub name: &'static str,
    /// Its keys as they come, separated by spaces.
    pub keys: &'static str,
    /// Where they work.
    pub scope: Scope,
    /// It works in a session that may act, and never in one that is look only.
    pub guarded: bool,
    /// One or two words for the last row.
    pub short: &'static str,
    /// One sentence for the help.
    pub help: &'static str,
}

macro_rules! table {
    ($($action:ident $name:literal $keys:literal $scope:ident $mark:ident $short:literal $help:literal;)*) => {
        /// Every action with its built-in keys, in the help's order.
        pub const ACTIONS: &[Row] = &[$(Row {
            action: Action::$action, name: $name, keys: $keys, scope: Scope::$scope,
            guarded: matches!(stringify!($mark).as_bytes(), b"guarded"), short: $short, help: $help,
        }),*];
    };
}

table! {
    KillSwitch "kill-switch" "^X" ANY free "kill-switch" "the kill-switch, from anywhere";
    Hold "hold" "H" ANY guarded "hold" "keep level 3; level 4 does not follow by itself";
    Release "release" "L" ANY guarded "let trading go on" "let trading go on, from a hold or a halt";
    Overview "overview" "1" ANY free "overview" "the overview";
    Secrets "secrets" "2" ANY free "secrets" "the secrets, each with where it comes from";
    Audit "audit" "3" ANY free "audit" "the audit, as it is written";
    Alarms "alarms" "4" ANY free "alarms" "the alarms: not built yet";
    Approvals "approvals" "5" ANY free "approvals" "the approvals: not built yet";
    Backends "backends" "6" ANY free "backends" "the backends, each with its health";
    Rotations "rotations" "7" ANY free "rotations" "the rotations: those under way, and each secret's last";
    Down "down" "j Down" ANY free "down" "one down";
    Up "up" "k Up" ANY free "up" "one up";
    HalfDown "half-down" "^D PgDn" ANY free "page down" "half a page down";
    HalfUp "half-up" "^U PgUp" ANY free "page up" "half a page up";
    First "first" "g Home" ANY free "first" "to the first";
    Last "last" "G End" LISTS free "last" "to the last";
    Follow "follow" "G End" AUDIT free "follow" "the newest line, and stay there";
    Open "open" "Enter l Right" ANY free "detail" "what is selected, in detail";
    Fold "fold" "h Left" ANY free "close" "close the detail";
    Find "find" "/" ANY free "find" "find in the audit; search the names of secrets and backends";
    NextHit "next-hit" "n" AUDIT free "next" "the next hit";
    PreviousHit "previous-hit" "N" AUDIT free "previous" "the hit before";
    OnlyHits "only-hits" "Tab" AUDIT free "all lines" "only the hits, or all lines";
    NextCritical "next-critical" "e" AUDIT free "next CRITICAL" "the next CRITICAL line";
    PreviousCritical "previous-critical" "E" AUDIT free "CRITICAL before" "the CRITICAL line before";
    NextMajor "next-major" "w" AUDIT free "next MAJOR" "the next MAJOR line";
    PreviousMajor "previous-major" "W" AUDIT free "MAJOR before" "the MAJOR line before";
    Pause "pause" "=" TAIL free "pause" "hold the tail still; nothing is lost";
    Reveal "reveal" "v" NAMES guarded "reveal" "show the value, 10 s";
    Copy "copy" "y" ANY free "copy" "copy the name, or the line; never a value";
    CopyValue "copy-value" "Y" NAMES guarded "copy value" "copy a revealed value";
    Rotate "rotate" "R" PLANS free "rotate" "the rotation's plan, or the one under way; starts nothing";
    StartRotation "start" "S" ROTATION guarded "start" "start the rotation whose plan stands there; asks first";
    Confirm "confirm" "C" ROTATION guarded "confirm" "confirm a rotation that somebody else asked for";
    StepDone "done" "D" ROTATION guarded "done" "say that your step of a rotation is done";
    StepFailed "not-done" "N" ROTATION guarded "did not work" "say that your step of a rotation did not work";
    RollBack "roll-back" "B" ROTATION guarded "back" "back to the old version, while it is valid";
    RetireNow "retire" "T" ROTATION guarded "retire now" "retire the old version though a reader still uses it";
    Resume "resume" "U" ROTATION guarded "try again" "let a rotation that is held up go on at once";
    Abort "abort" "A" ROTATION guarded "abort" "abort a rotation, before the new version is current";
    ReadAgain "read-again" "r" ANY free "read again" "ask the backends again; on 6 the one";
    Unlock "unlock" "u" ANY free "unlock" "act for 10 min; again: look only";
    Bell "bell" "b" ANY free "bell" "ring for a CRITICAL line, or never";
    Mouse "mouse" "m" ANY free "mouse" "mouse reports on or off";
    Palette "palette" ":" ANY free "palette" "any of these by its name";
    Help "help" "? F1" ANY free "help" "this; type to filter";
    Leave "leave" "q" ANY free "leave" "leave the pane; on 1 the program";
    Back "back" "Esc" ANY free "back" "back, and nothing else; on the overview it puts a MAJOR line or a ROLLED BACK away";
    Redraw "redraw" "^L" ANY free "redraw" "draw everything again";
    Suspend "suspend" "^Z" ANY free "suspend" "stop the program; fg brings it back";
    Quit "quit" "^C" ANY free "quit" "leave at once";
}

/// Actions whose key is the same everywhere, in fields and dialogs too, and can't be changed.
pub(crate) const FIXED: &[Action] = &[Action::KillSwitch, Action::Quit, Action::Suspend, Action::Back];

/// The table's row of an action.
pub fn row(action: Action) -> &'static Row {
    ACTIONS.iter().find(|row| row.action == action).unwrap_or(&ACTIONS[0])
}

/// Which key does what: the table, with what configuration changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    pub(crate) keys: Vec<(Action, Vec<Key>)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |row: &Row| row.keys.split(' ').filter_map(Key::parse).collect();
        Self { keys: ACTIONS.iter().map(|row| (row.action, keys(row))).collect() }
    }
}

impl Keymap {
    /// What this press asks for on this screen.
    pub fn action(&self, key: Key, screen: Screen) -> Option<Action> {
        let held = |(action, keys): &&(Action, Vec<Key>)| row(*action).scope.holds(screen) && keys.contains(&key);
        self.keys.iter().find(held).map(|(action, _)| *action)
    }

    /// The keys of an action.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.iter().find(|(held, _)| *held == action).map_or(&[], |(_, keys)| keys)
    }

    /// The first key of an action as it is shown; empty when it has none.
    pub fn shown(&self, action: Action) -> String {
        self.keys(action).first().map(Key::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Code;

    const SCREENS: [Screen; 5] = [Screen::Overview, Screen::Secrets, Screen::Audit, Screen::Backends, Screen::Rotation];

    #[test]
    fn every_built_in_key_is_a_key_and_means_one_thing_in_one_place() {
        for (index, row) in ACTIONS.iter().enumerate() {
            for name in row.keys.split(' ') {
                let key = Key::parse(name).unwrap_or_else(|| panic!("{}: '{name}' is no key", row.name));
                for other in &ACTIONS[index + 1..] {
                    let same = other.keys.split(' ').filter_map(Key::parse).any(|held| held == key);
                    assert!(!(same && row.scope.meets(other.scope)), "{name} is {} and {}", row.name, other.name);
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = ACTIONS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ACTIONS.len());
    }

    #[test]
    fn plain_x_and_what_terminals_and_multiplexers_hold_does_nothing() {
        let keymap = Keymap::default();
        let left_alone = [
            Key::char('x'),
            Key::char('X'),
            Key::ctrl('k'),
            Key::ctrl('b'),
            Key::ctrl('a'),
            Key::ctrl('p'),
            Key::ctrl('s'),
            Key::ctrl('q'),
        ];
        for (key, screen) in left_alone.into_iter().flat_map(|key| SCREENS.map(|screen| (key, screen))) {
            assert_eq!(keymap.action(key, screen), None, "{key}");
        }
    }

    #[test]
    fn esc_and_alt_are_on_nothing_that_cant_be_undone() {
        for row in ACTIONS {
            for key in row.keys.split(' ').filter_map(Key::parse) {
                let splits = key.alt || key.code == Code::Esc;
                assert!(!splits || row.action == Action::Back, "{}", row.name);
            }
        }
    }
}
