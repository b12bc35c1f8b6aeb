//! Rotations as the journal's state keeps them. Refuses to keep what is over for longer than the next one of its secret.

use super::{Ending, Fact, Illegal, Rotation, Step};
use crate::catalogue::EventKind;
use crate::event::{Detail, Event, Status};
use crate::state::State;
use crate::version::Sighting;

impl State {
    /// The rotation of this number.
    pub fn rotation(&self, number: u32) -> Option<&Rotation> {
        self.rotations.get(&number)
    }

    /// The rotation of this secret that is under way; of a map and a key in it one at a time.
    pub fn live_rotation(&self, layer: &str, name: &str) -> Option<&Rotation> {
        self.rotations.values().find(|rotation| rotation.is_live() && is_of(rotation, layer, name))
    }

    /// The newest rotation of this secret, over or not.
    pub fn last_rotation(&self, layer: &str, name: &str) -> Option<&Rotation> {
        self.rotations.values().rev().find(|rotation| is_of(rotation, layer, name))
    }

    /// The number that the next rotation gets.
    pub fn next_rotation(&self) -> u32 {
        self.rotated + 1
    }

    /// The rotation of this number where it is still kept, else why it can't be told anything more.
    pub fn kept_rotation(&self, number: u32) -> Result<&Rotation, Illegal> {
        self.rotations.get(&number).ok_or_else(|| {
            Illegal(match number {
                1.. if number <= self.rotated => format!("R-{number} is over"),
                _ => format!("there is no R-{number}"),
            })
        })
    }

    /// What a fact would make of a rotation: what a writer asks under the journal's lock, and what folding does.
    pub fn judge(
        &self,
        number: u32,
        fact: &Fact,
        runner: Option<&str>,
        at: jiff::Timestamp,
    ) -> Result<Rotation, Illegal> {
        let Fact::Planned { plan, .. } = fact else {
            return self.kept_rotation(number)?.clone().advance(fact, runner, at);
        };
        if number != self.next_rotation() {
            return Err(Illegal(format!("R-{number} is not the next number")));
        }
        if let Some(live) = self.live_rotation(&plan.target.layer, &plan.target.name) {
            return Err(Illegal(format!("{} is under way, begun by {}", live.name(), live.by)));
        }
        Rotation::begin(number, fact, at)
    }

    pub(crate) fn fold_rotation(&mut self, event: &Event) {
        let Detail::Rotation { number, runner, fact } = &event.detail else { return };
        // What can't be was not written by us, or lost a race that the writer did not see: nothing changes.
        let Ok(rotation) = self.judge(*number, fact, runner.as_deref(), event.timestamp) else { return };
        self.rotated = self.rotated.max(*number);
        let moved = match &**fact {
            Fact::Done { step: Step::Promote, .. } => rotation.promoted.clone(),
            Fact::Done { step: Step::Restore, version, .. } => {
                Some(version.clone().unwrap_or(rotation.plan.from.clone()))
            }
            _ => None,
        };
        if let Some(version) = moved {
            let target = rotation.target().clone();
            self.changed(&target.layer, &target.name, Sighting::Version(version), event.timestamp);
        }
        self.note_rotated(&rotation, fact, event.timestamp);
        if matches!(**fact, Fact::Planned { .. }) {
            let target = rotation.target();
            self.rotations.retain(|_, old| old.is_live() || !is_of(old, &target.layer, &target.name));
        }
        self.rotations.insert(*number, rotation);
    }
}

fn is_of(rotation: &Rotation, layer: &str, name: &str) -> bool {
    rotation.target().layer == layer && unit(&rotation.target().name) == unit(name)
}

/// The backend's own secret that a name is in: `path` of `path#key`.
pub fn unit(name: &str) -> &str {
    name.split_once('#').map_or(name, |(secret, _)| secret)
}

impl Rotation {
    /// The event that records the fact that made it what it is, and how that came out: what a person asked for and got is
    /// no failure.
    pub fn event(&self, fact: &Fact) -> (EventKind, Status) {
        match (fact.event(), fact) {
            ((kind, _), Fact::Ended { ending: Ending::RolledBack }) if self.asked => (kind, Status::Success),
            (told, _) => told,
        }
    }

    /// True when it ended with the old value in its place.
    pub fn went_back(&self) -> bool {
        matches!(self.ended, Some((Ending::RolledBack | Ending::Aborted, _)))
    }
}
