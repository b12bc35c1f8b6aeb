//! `status`: the overview as text or data. Refuses to hide what can't be read.

use crate::args::{Common, Status};
use crate::errors::Cause;
use crate::output::{self, Outcome};
use crate::rows;
use crate::session::{Needs, session};
use crate::switch::{self, Sight, text as words};
use jiff::Timestamp;
use quarterdeck_control::ages;
use quarterdeck_control::journal::verify_all;
use quarterdeck_control::observe::ask_all;
use quarterdeck_control::open::state_folder;
use quarterdeck_control::overview::{LayerListing, secret_rows};
use quarterdeck_control::serve::Control;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::overview::{BackendRow, Condition, JournalRow, SecretRow};
use quarterdeck_domain::rotation::SecretState;
use serde_json::json;
use std::ops::ControlFlow;

/// Everything at once.
struct Overview {
    backends: Vec<BackendRow>,
    /// Of each backend, in the same order: what is wrong with it.
    causes: Vec<Option<Cause>>,
    secrets: Vec<SecretRow>,
    journal: JournalRow,
    kill: Sight,
}

/// Shows it. Exit 5 when a backend is down in Production, 6 when the journal is broken.
pub(crate) fn run(verb: &Status, common: &Common) -> Outcome {
    let control = session(common, Needs { environment: true, ..Needs::default() })?;
    let now = Timestamp::now();
    let overview = overview(&control, now);
    if common.json {
        output::data(&data(&control, &overview, now));
    } else if verb.short {
        output::text(&short(&control, &overview));
    } else {
        text(&control, &overview, now);
    }
    let down: Vec<&str> = overview.backends.iter().filter(|row| is_down(row)).map(|row| row.name.as_str()).collect();
    let in_production = control.config.environment == Some(Environment::Production);
    if !down.is_empty() && !in_production {
        let ends = "outside Production the exit status does not tell it; '--json' does: backends[].health";
        output::aside(&format!("{} can't be read; {ends}", down.join(", ")));
    }
    Ok(match (overview.journal.broken.is_some(), !down.is_empty() && in_production) {
        (true, _) => 6,
        (_, true) => 5,
        _ => 0,
    })
}

fn is_down(row: &BackendRow) -> bool {
    matches!(row.condition, Condition::Down { .. })
}

fn overview(control: &Control, now: Timestamp) -> Overview {
    let here = control.config.environment;
    let seen = ask_all(&control.mounts);
    let backends =
        control.mounts.iter().zip(&seen).map(|(mount, seen)| seen.row(mount, control.boundary(), here)).collect();
    let causes = seen.iter().map(|seen| seen.error().map(Cause::of)).collect();
    let mut listings: Vec<LayerListing> = seen.into_iter().map(|seen| seen.listing).collect();
    ages::fill(control, &mut listings).iter().for_each(|untold| output::aside(&untold.line()));
    let secrets = secret_rows(&listings, &control.state(), &control.config, now);
    let switch = control.switch("status").expect("this verb is not run without an environment");
    let kill = switch::look(switch);
    Overview { backends, causes, secrets, journal: journal(control), kill }
}

/// The journal, verified from its first line.
fn journal(control: &Control) -> JournalRow {
    let folder = state_folder(&control.surroundings, control.config.environment).join("journal");
    let seq = control.journal.head().seq;
    match verify_all(&folder, &mut |_| ControlFlow::Continue(())) {
        Ok(report) if report.is_sound() => {
            JournalRow { seq: seq.max(report.head.seq), verified: report.head.seq, broken: None }
        }
        Ok(report) => JournalRow {
            seq,
            verified: 0,
            broken: Some(report.findings.first().map_or_else(|| "broken".into(), ToString::to_string)),
        },
        Err(error) => JournalRow { seq, verified: 0, broken: Some(error.to_string()) },
    }
}

fn data(control: &Control, overview: &Overview, now: Timestamp) -> serde_json::Value {
    json!({
        "environment": control.config.environment.map(Environment::name),
        "host": control.surroundings.host,
        "who": { "person": control.who.person.as_str(), "role": control.who.role },
        "look_only": control.look_only(),
        "backends": overview.causes.iter().zip(&overview.backends).map(|(cause, row)| rows::backend(row, cause.as_ref()))
            .collect::<Vec<_>>(),
        "secrets": overview.secrets.iter().map(|row| rows::secret(row, now)).collect::<Vec<_>>(),
        "journal": rows::journal(&overview.journal),
        "kill_switch": switch::data::kill_switch(&overview.kill, now),
    })
}

fn up(overview: &Overview) -> usize {
    overview.backends.iter().filter(|row| matches!(row.condition, Condition::Ok | Condition::Warning)).count()
}

fn short(control: &Control, overview: &Overview) -> String {
    let waits = |row: &&SecretRow| row.deleted || row.state < SecretState::NoAgeKnown;
    let waiting = overview.secrets.iter().filter(waits).count();
    let journal = match &overview.journal.broken {
        None => format!("journal ok #{}", overview.journal.seq),
        Some(_) => "JOURNAL BROKEN".into(),
    };
    format!(
        "{}  {}  {}  backends {}/{}  secrets {}, {waiting} want attention  {journal}",
        control.config.environment.map_or("no environment", Environment::title),
        control.who,
        words::trading(&overview.kill.row),
        up(overview),
        overview.backends.len(),
        overview.secrets.len(),
    )
}

fn text(control: &Control, overview: &Overview, now: Timestamp) {
    output::text(&short(control, overview));
    output::text("\nENGINES");
    words::engines(&overview.kill.row, now).iter().for_each(|line| output::text(line));
    output::text("\nBACKENDS");
    let mut cells = Vec::new();
    for row in &overview.backends {
        let took = row.latency_us.map_or_else(|| "-".into(), |us| format!("{:.1} ms", us as f64 / 1000.0));
        cells.push(vec![
            row.name.clone(),
            row.condition.word().to_owned(),
            took,
            row.isolation.clone(),
            row.summary.clone(),
        ]);
    }
    output::text(&output::table(&cells));
    for (row, cause) in overview.backends.iter().zip(&overview.causes) {
        if let (Some((what, _)), Some(cause)) = (&row.error, cause) {
            output::text(&format!("! {}: {what}\n  next: {}", row.name, cause.next()));
            cause.lines().iter().for_each(|line| output::text(&format!("  {line}")));
        }
        row.warnings.iter().for_each(|warning| output::text(&format!("! {}: {warning}", row.name)));
    }
    output::text("\nSECRETS");
    if overview.secrets.is_empty() && overview.backends.iter().any(|row| row.error.is_some()) {
        output::text("none can be shown: a backend can't be read");
    } else if overview.secrets.is_empty() {
        output::text("none yet. Store one with 'quarterdeck secrets set NAME'");
    } else {
        let rows = overview.secrets.iter().map(|row| rows::secret_cells(row, now));
        output::text(&output::table(&std::iter::once(rows::secret_header()).chain(rows).collect::<Vec<_>>()));
    }
    if let Some(broken) = &overview.journal.broken {
        output::text(&format!(
            "\nJOURNAL BROKEN: {broken}\n  next: run 'quarterdeck audit verify' and keep the folder as it is"
        ));
    }
}
