//! `plugins …`: what was found and whether it would be loaded. Refuses to load anything into this process.

use crate::args::{Common, Plugins};
use crate::output::{self, Outcome};
use crate::session::wanted;
use quarterdeck_control::catalogue;
use quarterdeck_control::config::Config;
use quarterdeck_control::open::OpenError;
use quarterdeck_control::surroundings::Surroundings;
use serde_json::json;

/// Carries one of them out.
pub(crate) fn run(verb: &Plugins, common: &Common) -> Outcome {
    let surroundings = Surroundings::of_this_process();
    let config = Config::load(&surroundings, wanted(common)).map_err(OpenError::from)?;
    let folders = catalogue::folders(&config, &surroundings);
    let judged: Vec<_> = catalogue::all(&folders)
        .into_iter()
        .map(|found| {
            let judged = quarterdeck_control::mount::judge(&found, &surroundings);
            (found, judged)
        })
        .collect();
    if judged.is_empty() {
        let searched = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(OpenError::NoPlugins { searched }.into());
    }
    let refused = judged.iter().any(|(_, judged)| judged.is_err());
    if common.json {
        let plugin = |(found, judged): &(catalogue::Found, Result<_, String>)| {
            let (version, abi, sha256) = match judged {
                Ok(quarterdeck_control::mount::Judged { version, abi, sha256 }) => {
                    (Some(version), Some(abi), Some(sha256))
                }
                Err(_) => (None, None, None),
            };
            json!({
                "name": found.name, "library": found.library, "manifest": found.manifest, "version": version,
                "abi": abi, "sha256": sha256, "refused": judged.as_ref().err(), "isolation": "child",
            })
        };
        output::data(&judged.iter().map(plugin).collect());
    } else {
        for (found, judged) in &judged {
            match judged {
                Ok(judged) => output::text(&format!(
                    "{:<8} {:<8} joint {:<5} child  sha256 {}  {}",
                    found.name,
                    judged.version,
                    judged.abi,
                    &judged.sha256[..16.min(judged.sha256.len())],
                    found.library.display()
                )),
                Err(why) => output::text(&format!("{:<8} REFUSED  {why}", found.name)),
            }
        }
    }
    Ok(if refused && matches!(verb, Plugins::Verify) { 6 } else { 0 })
}
