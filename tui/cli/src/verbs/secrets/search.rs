//! `secrets search`: names that contain every word, in every layer, also those that are overridden. Refuses values: it
//! looks through listings, and no value is read for one.

use super::{LOOK, aged_rows, failed_layers, not_shown};
use crate::args::Common;
use crate::output::{self, Outcome};
use crate::rows;
use crate::session::session;
use jiff::Timestamp;
use quarterdeck_control::overview::{LayerListing, secret_rows};
use quarterdeck_control::serve::Control;
use quarterdeck_domain::overview::SecretRow;
use serde_json::json;

/// A name that was found.
struct Hit {
    row: SecretRow,
    /// The layer that wins over it, if one does.
    overridden_by: Option<String>,
}

/// Searches. What could not be looked through is said aloud.
pub(super) fn run(common: &Common, words: &[String]) -> Outcome {
    let control = session(common, LOOK)?;
    let now = Timestamp::now();
    let (winners, listings) = aged_rows(&control, now);
    let words: Vec<String> = words.iter().flat_map(|word| word.split_whitespace()).map(str::to_lowercase).collect();
    let mut hits: Vec<Hit> =
        listings.iter().flat_map(|listing| found(&control, listing, &winners, &words, now)).collect();
    // The layers stand highest first, and a stable sort keeps them so.
    hits.sort_by(|a, b| a.row.name.cmp(&b.row.name));
    let heard = failed_layers(&control, &listings, None);
    if common.json {
        heard.as_ref().map_err(|trouble| trouble.clone())?;
        let told = |hit: &Hit| {
            let mut row = rows::secret(&hit.row, now);
            row["overridden_by"] = json!(hit.overridden_by);
            row
        };
        output::data(&hits.iter().map(told).collect());
    } else if hits.is_empty() {
        output::text(&format!("no name has '{}' in it", output::one_line(&words.join(" "))));
    } else {
        let cells = std::iter::once(rows::secret_header()).chain(hits.iter().map(|hit| cells(hit, now)));
        output::text(&output::table(&cells.collect::<Vec<_>>()));
    }
    not_shown(&control, &listings);
    heard
}

/// The names of one layer that have every word in them.
fn found(
    control: &Control,
    listing: &LayerListing,
    winners: &[SecretRow],
    words: &[String],
    now: Timestamp,
) -> Vec<Hit> {
    let alone = secret_rows(std::slice::from_ref(listing), &control.state(), &control.config, now);
    let fits = |row: &SecretRow| {
        let name = row.name.to_lowercase();
        words.iter().all(|word| name.contains(word))
    };
    let hit = |row: SecretRow| match winners.iter().find(|won| won.layer == row.layer && won.name == row.name) {
        Some(won) => Hit { row: won.clone(), overridden_by: None },
        None => {
            // The key that it lost by may be called otherwise there: whoever won knows what it hides.
            let lost = |hidden: &(String, String)| hidden.0 == row.layer && hidden.1 == row.name;
            let won = winners.iter().find(|won| won.hidden.iter().any(lost));
            let layer = won.map_or_else(|| "another layer".to_owned(), |won| won.layer.clone());
            Hit { row, overridden_by: Some(layer) }
        }
    };
    alone.into_iter().filter(fits).map(hit).collect()
}

fn cells(hit: &Hit, now: Timestamp) -> Vec<String> {
    let mut cells = rows::secret_cells(&hit.row, now);
    if let (Some(layer), Some(state)) = (&hit.overridden_by, cells.get_mut(rows::STATE)) {
        *state = format!("overridden by {layer}");
    }
    cells
}
