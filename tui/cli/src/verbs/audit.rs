//! `audit …`: the lines, ours and other programs'; the chain; the catalogue. Refuses to change a line.

use crate::args::{Audit, Common};
use crate::output::{self, Outcome, Trouble};
use crate::session::{Needs, session, wanted};
use quarterdeck_control::config::Config;
use quarterdeck_control::journal::verify_all;
use quarterdeck_control::open::{OpenError, state_folder};
use quarterdeck_control::surroundings::Surroundings;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::request::Request;
use serde_json::json;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Carries one of them out.
pub(crate) fn run(verb: &Audit, common: &Common) -> Outcome {
    match verb {
        Audit::Tail { follow, lines, filter } => crate::lines::tail(common, *follow, *lines, filter.as_deref()),
        Audit::Query { filter } => crate::lines::query(common, filter),
        Audit::Verify { folder } => verify(common, folder.as_deref()),
        Audit::Catalogue => catalogue(common),
    }
}

fn catalogue(common: &Common) -> Outcome {
    if common.json {
        let entry = |kind: &EventKind| {
            let entry = kind.entry();
            json!({
                "type": entry.name, "verb": entry.verb, "tier": entry.tier, "severity": entry.fine,
                "severity_when_it_fails": entry.bad, "data_type": entry.data_type, "means": entry.means,
            })
        };
        output::data(&EventKind::ALL.iter().map(entry).collect());
    } else {
        let header = ["TYPE", "TIER", "SEVERITY", "IF IT FAILS", "MEANS"].map(str::to_owned).to_vec();
        let cells = EventKind::ALL.iter().map(|kind| {
            let entry = kind.entry();
            [entry.name, entry.tier.word(), entry.fine.word(), entry.bad.word(), entry.means]
                .map(str::to_owned)
                .to_vec()
        });
        output::text(&output::table(&std::iter::once(header).chain(cells).collect::<Vec<_>>()));
    }
    Ok(0)
}

fn verify(common: &Common, folder: Option<&Path>) -> Outcome {
    let folder: PathBuf = match folder {
        Some(folder) if folder.join("journal").is_dir() => folder.join("journal"),
        Some(folder) => folder.to_owned(),
        None => {
            let surroundings = Surroundings::of_this_process();
            let config = Config::load(&surroundings, wanted(common)).map_err(OpenError::from)?;
            state_folder(&surroundings, config.environment).join("journal")
        }
    };
    if !folder.is_dir() {
        return Err(Trouble::ending(
            4,
            format!(
                "there is no journal in {}\n  next:  choose the environment with '--env', or name the folder",
                folder.display()
            ),
        ));
    }
    let report = verify_all(&folder, &mut |_| ControlFlow::Continue(()))
        .map_err(|error| Trouble::ending(1, format!("{error}\n  next:  {}", error.hint())))?;
    let whole = report.is_sound();
    if common.json {
        output::data(&json!({
            "folder": folder, "whole": whole, "events": report.events, "files": report.files, "seq": report.head.seq,
            "findings": report.findings.iter().map(|finding| json!({
                "file": finding.file.as_ref(), "line": finding.line, "what": finding.to_string(),
            })).collect::<Vec<_>>(),
        }));
    } else if whole {
        output::text(&format!(
            "the chain is whole: {} in {}, #{} is the last",
            output::count(report.events, "event"),
            output::count(report.files, "file"),
            report.head.seq
        ));
        output::text(
            "what this can't see: a journal that was rewritten as a whole, or cut at its end together with its lock file",
        );
    } else {
        let findings = output::count(report.findings.len() as u64, "finding");
        output::text(&format!("THE CHAIN IS BROKEN: {findings} in {}", folder.display()));
        report.findings.iter().for_each(|finding| output::text(&format!("  {finding}")));
        output::text("  next:  keep the folder as it is, copy it elsewhere, tell Governance");
    }
    record(common, whole);
    Ok(if whole { 0 } else { 6 })
}

/// The check itself is recorded where it can be; a broken journal takes no record.
fn record(common: &Common, whole: bool) {
    if whole && let Ok(control) = session(common, Needs::default()) {
        let _ = control.serve(Request::VerifyJournal.into());
    }
}
