//! Rotations that others of their secret came after: the state keeps the last of each, the journal has every line.
//! Refuses to change what a line says: they are folded as they were when they were written.

use super::rows;
use crate::journal::{JournalError, each_line};
use crate::open::state_folder;
use crate::serve::Control;
use quarterdeck_domain::chain;
use quarterdeck_domain::event::Detail;
use quarterdeck_domain::rotate::{Rotation, RotationRow};
use quarterdeck_domain::state::State;
use std::collections::BTreeMap;
use std::path::Path;

impl Control {
    /// The rotation of this number, whichever came after it; nothing where none had it. Reads the whole journal where the
    /// state doesn't keep it.
    pub fn rotation_numbered(&self, number: u32) -> Result<Option<RotationRow>, JournalError> {
        let kept = self.rotations().into_iter().find(|row| row.rotation.number == number);
        if kept.is_some() || number == 0 || number > self.state().rotated {
            return Ok(kept);
        }
        Ok(self.folded(&|rotation| rotation.number == number)?.pop())
    }

    /// All rotations of the secrets of this name, newest first. Reads the whole journal.
    pub fn rotations_named(&self, name: &str) -> Result<Vec<RotationRow>, JournalError> {
        self.folded(&|rotation| rotation.target().name == name)
    }

    fn folded(&self, wanted: &dyn Fn(&Rotation) -> bool) -> Result<Vec<RotationRow>, JournalError> {
        let folder = state_folder(&self.surroundings, self.config.environment).join("journal");
        let rotations = past(&folder, wanted)?;
        let now = quarterdeck_clock::moment();
        Ok(rows::rows(&State { rotations, ..State::default() }, &now, &now))
    }
}

/// Every rotation that is wanted, by number, as the journal in this folder tells it.
pub(super) fn past(folder: &Path, wanted: &dyn Fn(&Rotation) -> bool) -> Result<BTreeMap<u32, Rotation>, JournalError> {
    let (mut state, mut found, mut is_first) = (State::default(), BTreeMap::new(), true);
    each_line(folder, &mut |line| {
        // What stands in a snapshot was folded from the files before it; those before the first are gone.
        let is_read = std::mem::take(&mut is_first) || is_of_a_rotation(line);
        let Some(event) = is_read.then(|| chain::read(line).ok()).flatten().map(|(event, _)| event) else { return };
        state.fold(&event);
        match event.detail {
            Detail::Rotation { number, .. } => {
                let known = state.rotation(number).filter(|rotation| wanted(rotation));
                found.extend(known.map(|rotation| (number, rotation.clone())));
            }
            _ => {
                let known = state.rotations.iter().filter(|(_, rotation)| wanted(rotation));
                found.extend(known.map(|(number, rotation)| (*number, rotation.clone())));
            }
        }
    })?;
    Ok(found)
}

/// Told by the type, which stands near the beginning: most lines are not read for it.
fn is_of_a_rotation(line: &[u8]) -> bool {
    const TYPE: &[u8] = br#""event_type":"ROTATION_"#;
    let head = line.get(..200).unwrap_or(line);
    head.windows(TYPE.len()).any(|window| window == TYPE)
}
