//! What is wrong now, worst first, each with what to do about it. Refuses to hide one behind another: all are counted.

use crate::words;
use jiff::SignedDuration;
use quarterdeck_app::Model;
use quarterdeck_domain::overview::{BackendRow, Condition, SourceRow};
use quarterdeck_domain::rotation::SecretState;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worry {
    /// For row 2, in capitals: `VAULT SEALED`.
    pub short: String,
    /// A sentence's first half: `vault is SEALED for 2 min: 503`.
    pub what: String,
    /// What to do: `6 shows it`.
    pub next: String,
}

/// All that is wrong, worst first.
pub fn worries(model: &Model) -> Vec<Worry> {
    let mut found = Vec::new();
    found.extend(silence(model));
    found.extend(journal(model));
    found.extend(model.backends.rows.iter().filter_map(|row| backend(model, row)));
    found.extend(secrets(model));
    found.extend(model.known.sources.iter().filter_map(|row| source(model, row)));
    found
}

/// How long a backend has not answered, when that is longer than three of its periods.
pub(crate) fn stale_backend(model: &Model, row: &BackendRow) -> Option<SignedDuration> {
    let age = model.now.duration_since(row.answered_at?);
    (row.every > SignedDuration::ZERO && age > row.every * 3).then_some(age)
}

/// How long a source has been silent, when that is longer than three of its periods.
pub(crate) fn stale_source(model: &Model, row: &SourceRow) -> Option<SignedDuration> {
    let age = model.now.duration_since(row.heard_at?);
    let every = row.every.filter(|every| *every > SignedDuration::ZERO)?;
    (age > every * 3).then_some(age)
}

fn silence(model: &Model) -> Option<Worry> {
    let silent = words::age(model.silent_for()?);
    Some(Worry {
        short: format!("STALE {silent}"),
        what: format!("This screen has learnt nothing for {silent}"),
        next: "what it shows is old; ^C and start again".into(),
    })
}

fn journal(model: &Model) -> Option<Worry> {
    let broken = model.known.journal.as_ref()?.broken.as_ref()?;
    Some(Worry {
        short: "JOURNAL BROKEN".into(),
        what: format!("JOURNAL BROKEN: {broken}"),
        next: "quarterdeck audit verify".into(),
    })
}

fn backend(model: &Model, row: &BackendRow) -> Option<Worry> {
    let name = row.name.to_uppercase();
    if let Condition::Down { code, since } = &row.condition {
        let age = words::age(model.now.duration_since(*since));
        let (why, remedy) = row.error.clone().unwrap_or_else(|| (String::new(), String::new()));
        let colon = if why.is_empty() { "" } else { ": " };
        let next = if remedy.is_empty() { "6 shows it".into() } else { remedy };
        return Some(Worry {
            short: format!("{name} {}", code.to_uppercase()),
            what: format!("{} {} for {age}{colon}{why}", row.name, code.to_uppercase()),
            next,
        });
    }
    let age = words::age(stale_backend(model, row)?);
    Some(Worry {
        short: format!("{name} STALE {age}"),
        what: format!("{} STALE: last answered {age} ago", row.name),
        next: "r asks again".into(),
    })
}

fn secrets(model: &Model) -> Option<Worry> {
    let worst = model.secrets.rows.iter().map(|row| row.state).filter(|state| *state <= SecretState::Due).min()?;
    let rows: Vec<&str> =
        model.secrets.rows.iter().filter(|row| row.state == worst).map(|row| row.name.as_str()).collect();
    let what = match rows.as_slice() {
        [one] => format!("{one} is {worst}"),
        [one, ..] => format!("{one} and {} more are {worst}", rows.len() - 1),
        [] => return None,
    };
    let next = match worst {
        SecretState::Due | SecretState::Overdue => "give it a new value with 'secrets set'",
        SecretState::Unreadable => "6 shows its backend",
        _ => "2 shows it",
    };
    Some(Worry { short: format!("{} {worst}", rows.len()), what, next: next.into() })
}

fn source(model: &Model, row: &SourceRow) -> Option<Worry> {
    if let Some(age) = stale_source(model, row) {
        let age = words::age(age);
        return Some(Worry {
            short: format!("STALE {} {age}", row.name),
            what: format!("{} STALE: nothing written for {age}", row.name),
            next: "see that its program runs".into(),
        });
    }
    let trouble = row.trouble.as_ref().filter(|trouble| !is_waiting(trouble))?;
    Some(Worry {
        short: format!("{} UNREADABLE", row.name.to_uppercase()),
        what: format!("{}: {trouble}", row.name),
        next: "see the file's owner and mode".into(),
    })
}

/// A file that some program will write later is no worry yet.
pub(crate) fn is_waiting(trouble: &str) -> bool {
    trouble.starts_with("not there yet")
}
