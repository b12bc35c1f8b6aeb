//! `plugins …`: what was found, how it is run, and whether it is the library that is pinned. Refuses to load anything into
//! this process.

use crate::args::{Common, Plugins};
use crate::output::{self, Outcome};
use crate::session::wanted;
use quarterdeck_control::catalogue::{self, Found};
use quarterdeck_control::config::Config;
use quarterdeck_control::mount::{Judged, judge, judge_here};
use quarterdeck_control::open::OpenError;
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::sanitise;
use serde_json::json;
use std::collections::BTreeMap;

/// A plugin as it was found, judged and compared.
struct Plugin {
    found: Found,
    judged: Result<Judged, String>,
    pin: Pin,
}

/// How a library stands to `[plugins] pinned`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pin {
    /// Nothing is pinned here.
    Free,
    /// It is the pinned one.
    Pinned,
    /// Another one is pinned.
    Other,
    /// Others are pinned, and it isn't.
    Unlisted,
}

impl Pin {
    fn of(name: &str, sha256: Option<&str>, pinned: &BTreeMap<String, String>) -> Self {
        match (pinned.get(name), sha256) {
            _ if pinned.is_empty() => Self::Free,
            (None, _) => Self::Unlisted,
            (Some(wanted), Some(found)) if wanted.eq_ignore_ascii_case(found) => Self::Pinned,
            (Some(_), _) => Self::Other,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Free => "not pinned",
            Self::Pinned => "pinned",
            Self::Other => "ANOTHER IS PINNED",
            Self::Unlisted => "NOT AMONG THE PINNED",
        }
    }

    fn is_wrong(self) -> bool {
        matches!(self, Self::Other | Self::Unlisted)
    }
}

/// Carries one of them out. `verify` ends with 6 when a plugin is refused or is not the pinned one.
pub(crate) fn run(verb: &Plugins, common: &Common) -> Outcome {
    let surroundings = Surroundings::of_this_process();
    let config = Config::load(&surroundings, wanted(common)).map_err(OpenError::from)?;
    let folders = catalogue::folders(&config, &surroundings);
    let pinned = &config.file.plugins.pinned;
    let plugins: Vec<Plugin> = catalogue::all(&folders)
        .into_iter()
        .map(|found| {
            // Only what is pinned is run to be verified; a list shows the sums, also of what isn't.
            let judged = match verb {
                Plugins::Verify => judge_here(&found, &config, &surroundings),
                Plugins::List => judge(&found, &surroundings),
            };
            let pin = Pin::of(&found.name, judged.as_ref().ok().map(|judged| judged.sha256.as_str()), pinned);
            Plugin { found, judged, pin }
        })
        .collect();
    if plugins.is_empty() {
        let searched = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(OpenError::NoPlugins { searched }.into());
    }
    let missing: Vec<&String> = pinned.keys().filter(|name| plugins.iter().all(|p| p.found.name != **name)).collect();
    if common.json {
        output::data(&plugins.iter().map(data).collect());
    } else {
        plugins.iter().for_each(text);
        for name in &missing {
            output::text(&format!("{name:<8} MISSING  it is pinned, and in no folder"));
        }
        if matches!(verb, Plugins::Verify) && pinned.is_empty() {
            offer(&plugins);
        }
    }
    let wrong = plugins.iter().any(|plugin| plugin.judged.is_err() || plugin.pin.is_wrong());
    Ok(if wrong && matches!(verb, Plugins::Verify) { 6 } else { 0 })
}

fn data(plugin: &Plugin) -> serde_json::Value {
    let Plugin { found, judged, pin } = plugin;
    let judged_well = judged.as_ref().ok();
    json!({
        "name": found.name, "library": found.library, "manifest": found.manifest,
        "version": judged_well.map(|judged| &judged.version), "abi": judged_well.map(|judged| &judged.abi),
        "sha256": judged_well.map(|judged| &judged.sha256), "refused": judged.as_ref().err(), "isolation": "child",
        "unconfined": judged_well.map(|judged| &judged.unconfined),
        "pinned": match pin {
            Pin::Free => None,
            pin => Some(*pin == Pin::Pinned),
        },
    })
}

fn text(plugin: &Plugin) {
    let Plugin { found, judged, pin } = plugin;
    match judged {
        Ok(judged) => output::text(&format!(
            "{:<8} {:<8} joint {:<5} child  sha256 {}  {:<10}  {}",
            found.name,
            judged.version,
            judged.abi,
            &judged.sha256[..16.min(judged.sha256.len())],
            pin.word(),
            found.library.display()
        )),
        Err(why) => output::text(&format!("{:<8} REFUSED  {}", found.name, sanitise::line(why, 800))),
    }
    for lack in judged.iter().flat_map(|judged| &judged.unconfined) {
        output::text(&format!("         not confined here: {}", sanitise::line(lack, 200)));
    }
    match (pin, judged) {
        (Pin::Other, Ok(judged)) => {
            output::text(&format!("         its SHA-256 is {}", judged.sha256));
            output::text("         next: put the right library back, or pin this one if you know where it comes from");
        }
        (Pin::Unlisted, Ok(judged)) => {
            output::text(&format!("         its SHA-256 is {}", judged.sha256));
            output::text("         next: where one is pinned all are: add it to [plugins.pinned] if you trust it");
        }
        _ => {}
    }
}

/// The table to paste, when nothing is pinned.
fn offer(plugins: &[Plugin]) {
    output::text("\nNothing is pinned: any library that nobody else may write is loaded. To pin these, add to");
    output::text("/etc/quarterdeck/quarterdeck.toml (or outside Production to your own file):\n");
    output::text("[plugins.pinned]");
    for plugin in plugins {
        if let Ok(judged) = &plugin.judged {
            output::text(&format!("{} = \"{}\"", plugin.found.name, judged.sha256));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_is_pinned_all_are() {
        let pinned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, sum)| ((*name).to_owned(), (*sum).to_owned())).collect()
        };
        assert_eq!(Pin::of("env", Some("ab"), &pinned(&[])), Pin::Free);
        assert_eq!(Pin::of("env", Some("ab"), &pinned(&[("env", "AB")])), Pin::Pinned);
        assert_eq!(Pin::of("env", Some("ab"), &pinned(&[("env", "cd")])), Pin::Other);
        assert_eq!(Pin::of("env", Some("ab"), &pinned(&[("vault", "ab")])), Pin::Unlisted);
        assert_eq!(Pin::of("env", None, &pinned(&[("env", "ab")])), Pin::Other);
    }
}
