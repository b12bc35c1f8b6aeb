//! Staged values that no rotation is bringing in, before `doctor`. Refuses to remove any: it says how that is done.

use super::{Check, Verdict, check};
use jiff::Timestamp;
use quarterdeck_control::config::Config;
use quarterdeck_control::journal::{FileJournal, Journal as _, Opening};
use quarterdeck_control::mount::Mount;
use quarterdeck_control::open::state_folder;
use quarterdeck_control::rotate::strays::{Stray, strays};
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::state::State;
use std::sync::Arc;

/// Looks for them, by what the journal knows of rotations.
pub(super) fn examine(config: &Config, surroundings: &Surroundings, mounts: &[Mount], checks: &mut Vec<Check>) {
    let Some(state) = state(config, surroundings) else { return };
    checks.extend(strays(mounts, config, &state, Timestamp::now()).iter().map(told));
}

fn told(stray: &Stray) -> Check {
    check(&format!("staged in {}", stray.target.layer), Verdict::Warning, stray.words(), &stray.remedy)
}

/// Nothing where the journal can't be read: what it knows nobody can tell then, and its own check says why.
fn state(config: &Config, surroundings: &Surroundings) -> Option<Arc<State>> {
    let folder = state_folder(surroundings, config.environment).join("journal");
    if !folder.exists() {
        return Some(Arc::default());
    }
    FileJournal::open(Opening::of(folder, config.environment, "doctor")).ok().map(|journal| journal.state())
}
