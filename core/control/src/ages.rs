//! Versions and ages for a verb that looks once: what listings don't tell is asked singly, and what was not asked the
//! journal may know. Refuses to take longer than [`LONGEST`] and to read a value.

use crate::follow::{inspect_some, take_listing};
use crate::mount::Mount;
use crate::overview::LayerListing;
use crate::serve::Control;
use crate::versions::{ROUND, Versions};
use jiff::Timestamp;
use quarterdeck_contract::{Call, ErrorKind};
use quarterdeck_domain::state::State;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The longest that one layer is asked, unless its own answers take less.
pub const LONGEST: Duration = Duration::from_secs(2);
/// No call is given less: a plugin that overstays its time is ended.
const SHORTEST: Duration = Duration::from_millis(300);

/// What is left unknown of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The layer.
    pub layer: String,
    /// So many of its secrets.
    pub secrets: usize,
    /// The answer that ended the asking, if one did: `DENIED`.
    pub refused: Option<String>,
}

impl Untold {
    /// As a line.
    pub fn line(&self) -> String {
        let why = match &self.refused {
            Some(code) => format!("it answers {code}"),
            None => format!("at most {ROUND} are asked, for {} s; a cockpit asks all in turn", LONGEST.as_secs()),
        };
        format!("{}: version and age of {} not asked, they may be due: {why}", self.layer, self.secrets)
    }
}

/// Fills in version and age where a listing does not tell them: first what `[[secret]]` names, then what the journal
/// doesn't know, then the rest. All layers at once; gives what is not known of each.
pub fn fill(control: &Control, listings: &mut [LayerListing]) -> Vec<Untold> {
    let state = control.state();
    std::thread::scope(|scope| {
        let asked: Vec<_> = listings
            .iter_mut()
            .filter(|listing| listing.error.is_none())
            .filter_map(|listing| Some((control.mount(&listing.layer).ok()?, listing)))
            .map(|(mount, listing)| scope.spawn(|| fill_one(control, mount, listing, &state)))
            .collect();
        asked.into_iter().filter_map(|asked| asked.join().ok().flatten()).collect()
    })
}

fn fill_one(control: &Control, mount: &Mount, listing: &mut LayerListing, state: &State) -> Option<Untold> {
    let began = Timestamp::now();
    let mut versions = Versions::new(&mount.layer);
    take_listing(control, mount, listing, &mut versions, began);
    // What the journal says settles what the listing alone would say is new.
    versions.weigh(state, began);
    let tied = control.config.file.secret.iter().map(|secret| secret.name.as_str());
    let unknown = listing.entries.iter().map(|entry| entry.name.as_str());
    let unknown = unknown.filter(|name| state.version(&mount.layer, name).is_none());
    versions.begin_round(tied.chain(unknown));
    let within = mount.call().within;
    let end = Instant::now() + within.min(LONGEST);
    let left = || end.saturating_duration_since(Instant::now());
    let call = || Call { within: left().max(SHORTEST).min(within) };
    let mut wanted = versions.to_ask();
    wanted.truncate(ROUND);
    let answers = inspect_some(mount, &wanted, &|| left().is_zero(), &call);
    let (mut asked, mut refused) = (BTreeSet::new(), None);
    for (name, began, answer) in answers {
        match answer {
            Ok(inspection) => _ = versions.answered(name, Some(&inspection), began),
            Err(ErrorKind::NotFound) => versions.skip(name),
            Err(kind) => {
                refused = Some(kind.code().replace('_', " "));
                continue;
            }
        }
        asked.insert(name.to_owned());
    }
    listing.deleted = versions.fill(&mut listing.entries, state);
    let secrets = versions.untold(&asked, state);
    (secrets > 0).then(|| Untold { layer: mount.layer.clone(), secrets, refused })
}
