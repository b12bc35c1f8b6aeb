//! The rotations as the screen knows them: which is shown, which is selected, which wants a person. Refuses to judge
//! what may be done to one: see `rotate`.

use crate::list::{Move, SecretId};
use crate::model::Screen;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::overview::SecretRow;
use quarterdeck_domain::rotate::{Ending, PlanRow, Question, RotationRow, Step, unit};
use quarterdeck_domain::rotation::SecretState;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What ended badly wants to be seen for so long.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// A runner that is there has taken a rotation after so long.
const TAKEN: SignedDuration = SignedDuration::from_secs(5);

/// What the rotation screen shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stage {
    /// All of them.
    #[default]
    List,
    /// A plan is being worked out.
    Asked(SecretId),
    /// A plan; nothing is begun.
    Plan {
        /// Of which secret, as it was asked for.
        of: SecretId,
        /// It.
        plan: Box<PlanRow>,
        /// Its start is on the way.
        sent: bool,
    },
    /// One rotation, under way or over.
    One(u32),
}

/// Why a rotation wants a person, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// It goes no further by itself.
    Stuck,
    /// Somebody else's value is current.
    Lost,
    /// The old value should be gone and isn't.
    RetireOverdue,
    /// The old value is back.
    RolledBack,
    /// A step is a person's.
    Step(Step),
    /// Somebody has to confirm it.
    Confirm,
    /// Nobody carries it on, and the session that sees it may not.
    Alone,
}

/// The rotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotations {
    /// All that were told, those that want a person first, then those under way, the newest first.
    pub rows: Vec<RotationRow>,
    /// They were told at least once.
    pub known: bool,
    /// When they were told: what is left of grace counts from there.
    pub told_at: Timestamp,
    /// What is shown.
    pub stage: Stage,
    /// Where Esc leads.
    pub from: Screen,
    /// How far a plan or a timeline is scrolled.
    pub scroll: usize,
    chosen: Option<u32>,
    /// Those whose end was seen here.
    seen: BTreeSet<u32>,
}

impl Rotations {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            rows: Vec::new(),
            known: false,
            told_at: now,
            stage: Stage::default(),
            from: Screen::Overview,
            scroll: 0,
            chosen: None,
            seen: BTreeSet::new(),
        }
    }

    /// Takes them as they are now. What is selected stays selected.
    pub(crate) fn take(&mut self, mut rows: Vec<RotationRow>, now: Timestamp) {
        // The next one of its secret doesn't undo a loss.
        let lost = |row: &&RotationRow| self.want(row, now) == Some(Want::Lost) && !row.rotation.is_live();
        let told: BTreeSet<u32> = rows.iter().map(|row| row.rotation.number).collect();
        let lost = self.rows.iter().filter(lost).filter(|row| !told.contains(&row.rotation.number));
        rows.extend(lost.cloned().collect::<Vec<_>>());
        rows.sort_by_key(|row| {
            let want = self.want(row, now);
            (want.is_none(), want, !row.rotation.is_live(), Reverse(row.rotation.number))
        });
        self.rows = rows;
        self.known = true;
        self.told_at = now;
        self.see();
    }

    /// The end of the one that is shown has been seen.
    pub(crate) fn see(&mut self) {
        if let Some(row) = self.shown().filter(|row| !row.rotation.is_live()) {
            self.seen.insert(row.rotation.number);
        }
    }

    /// The clock was set back.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        self.told_at = self.told_at.min(now);
    }

    /// One of them.
    pub fn get(&self, number: u32) -> Option<&RotationRow> {
        self.rows.iter().find(|row| row.rotation.number == number)
    }

    /// The one that is shown.
    pub fn shown(&self) -> Option<&RotationRow> {
        match self.stage {
            Stage::One(number) => self.get(number),
            _ => None,
        }
    }

    /// The one of this secret that is under way; of a map and a key in it one at a time.
    pub fn live_of(&self, id: &SecretId) -> Option<&RotationRow> {
        let is_of = |row: &&RotationRow| {
            let target = row.rotation.target();
            target.layer == id.layer && unit(&target.name) == unit(&id.name)
        };
        self.rows.iter().filter(|row| row.rotation.is_live()).find(is_of)
    }

    /// The same for a row of the overview, whose name may be the configuration's and not the backend's.
    pub fn live_in(&self, secret: &SecretRow) -> Option<&RotationRow> {
        let number = || secret.rotation.as_deref()?.strip_prefix("R-")?.split(' ').next()?.parse().ok();
        let named = || self.get(number()?).filter(|row| row.rotation.is_live());
        self.live_of(&SecretId::of(secret)).or_else(named)
    }

    /// Those under way.
    pub fn live(&self) -> impl Iterator<Item = &RotationRow> {
        self.rows.iter().filter(|row| row.rotation.is_live())
    }

    /// What is left of grace now, never negative.
    pub fn grace_left(&self, row: &RotationRow, now: Timestamp) -> Option<SignedDuration> {
        let passed = now.duration_since(self.told_at).max(SignedDuration::ZERO);
        Some((row.grace_left? - passed).max(SignedDuration::ZERO))
    }

    /// Why it wants a person, if it does.
    pub fn want(&self, row: &RotationRow, now: Timestamp) -> Option<Want> {
        let rotation = &row.rotation;
        if let Some((ending, at)) = rotation.ended {
            let fresh = now.duration_since(at) < FRESH && !self.seen.contains(&rotation.number);
            return match ending {
                Ending::Lost if fresh => Some(Want::Lost),
                // Who asked for it knows.
                Ending::RolledBack if fresh && !rotation.asked => Some(Want::RolledBack),
                _ => None,
            };
        }
        match (&row.question, row.state) {
            (Some(Question::Stuck { .. }), _) | (_, Some(SecretState::Stuck)) => Some(Want::Stuck),
            (_, Some(SecretState::Lost)) => Some(Want::Lost),
            (Some(Question::Retire { .. }), _) | (_, Some(SecretState::RetireOverdue)) => Some(Want::RetireOverdue),
            (Some(Question::Person { step, .. }), _) => Some(Want::Step(*step)),
            (Some(Question::Confirm), _) => Some(Want::Confirm),
            (None, _) if row.carried || row.here => None,
            (None, _) => {
                // A watcher that is there has taken it by then.
                let since = rotation.past.last().map_or(rotation.began_at, |past| past.at);
                (now.duration_since(since) >= TAKEN).then_some(Want::Alone)
            }
        }
    }

    /// What was rolled back and is told has been read.
    pub(crate) fn put_away(&mut self, now: Timestamp) {
        let read = self.wanting(now).into_iter().filter(|(want, _)| *want == Want::RolledBack);
        let read: Vec<u32> = read.map(|(_, row)| row.rotation.number).collect();
        self.seen.extend(read);
    }

    /// Those that want a person, worst first.
    pub fn wanting(&self, now: Timestamp) -> Vec<(Want, &RotationRow)> {
        let mut found: Vec<_> = self.rows.iter().filter_map(|row| Some((self.want(row, now)?, row))).collect();
        found.sort_by_key(|(want, row)| (*want, Reverse(row.rotation.number)));
        found
    }

    /// The place of the selected one in the list.
    pub fn selected_place(&self) -> Option<usize> {
        let chosen = self.chosen.and_then(|number| self.rows.iter().position(|row| row.rotation.number == number));
        chosen.or((!self.rows.is_empty()).then_some(0))
    }

    /// The selected one.
    pub fn selected(&self) -> Option<&RotationRow> {
        self.rows.get(self.selected_place()?)
    }

    pub(crate) fn go(&mut self, to: Move) {
        let place = to.from(self.selected_place(), self.rows.len());
        self.chosen = place.and_then(|place| self.rows.get(place)).map(|row| row.rotation.number);
    }

    /// Shows something else.
    pub(crate) fn show(&mut self, stage: Stage) {
        if let Stage::One(number) = stage {
            self.chosen = Some(number);
        }
        self.stage = stage;
        self.scroll = 0;
        self.see();
    }
}
