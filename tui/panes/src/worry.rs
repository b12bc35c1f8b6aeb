//! What is wrong now, worst first, each with what to do about it. Refuses to hide one behind another: all are counted.

use crate::rotation::say::{self, Wanted};
use crate::{kill_worries, words};
use jiff::SignedDuration;
use quarterdeck_app::{Action, Model, is_deleted};
use quarterdeck_domain::overview::{BackendRow, Condition, SecretRow, SourceRow};
use quarterdeck_domain::rotation::SecretState;
use quarterdeck_domain::severity::Severity;

/// A MAJOR line of what is over stands so long.
const OVER: SignedDuration = SignedDuration::from_mins(1);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worry {
    /// For row 2, in capitals: `VAULT SEALED`. `None` where it is about one secret or one line, not about what this
    /// screen itself stands on: row 3 and the panes say that.
    pub short: Option<String>,
    /// A sentence's first half: `vault SEALED for 2 min`.
    pub what: String,
    /// What it was on, where that is one thing; its end says most.
    pub on: String,
    /// Why, as far as it is known; may be empty: `503`.
    pub why: String,
    /// What to do: `6 shows it`.
    pub next: String,
}

impl Worry {
    /// What and why in one sentence.
    pub(crate) fn words(&self) -> String {
        let told = [self.on.as_str(), self.why.as_str()].into_iter().filter(|text| !text.is_empty());
        let told = told.collect::<Vec<_>>().join(" ");
        if told.is_empty() { self.what.clone() } else { format!("{}: {told}", self.what) }
    }
}

/// All that is wrong, worst first.
pub fn worries(model: &Model) -> Vec<Worry> {
    let silent = silence(model);
    let mut found: Vec<Worry> = silent.clone().into_iter().chain(kill_worries::all(model)).collect();
    found.extend(journal(model));
    // A fresh CRITICAL stands before a backend that is down now; one that somebody has had time to see, after it.
    let fresh = written(model, Severity::Critical, SignedDuration::from_mins(10));
    let older = written(model, Severity::Critical, SignedDuration::from_hours(1)).filter(|_| fresh.is_none());
    found.extend(fresh);
    found.extend(model.backends.rows.iter().filter_map(backend_down(model)));
    found.extend(model.backends.rows.iter().filter_map(|row| token_ends(model, row)));
    found.extend(older);
    found.extend(rotations(model));
    found.extend(secrets(model));
    found.extend(written(model, Severity::Major, SignedDuration::from_mins(10)).filter(|_| !is_put_away(model)));
    // While the whole screen is old, each piece of it being old says nothing more.
    if silent.is_none() {
        found.extend(model.backends.rows.iter().filter_map(|row| backend_stale(model, row)));
        found.extend(model.known.sources.iter().filter_map(|row| source(model, row)));
    }
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

/// The whole screen is old.
pub(crate) fn silence(model: &Model) -> Option<Worry> {
    let silent = words::age(model.silent_for()?);
    Some(Worry {
        on: String::new(),
        short: Some(format!("STALE {silent}")),
        what: format!("This screen has learnt nothing for {silent}"),
        why: String::new(),
        next: "What it shows is old: ^C, and start again".into(),
    })
}

fn journal(model: &Model) -> Option<Worry> {
    let broken = model.known.journal.as_ref()?.broken.as_ref()?;
    Some(Worry {
        on: String::new(),
        short: Some("JOURNAL BROKEN".into()),
        what: "JOURNAL BROKEN".into(),
        why: broken.clone(),
        next: "See it with 'quarterdeck audit verify'".into(),
    })
}

/// A line that somebody should have seen, for as long as it is fresh.
fn written(model: &Model, severity: Severity, fresh: SignedDuration) -> Option<Worry> {
    let (at, number) = model.tail.last(severity)?;
    let age = model.now.duration_since(at);
    let line = model.tail.line(number).filter(|_| age < fresh)?;
    let key = model.setup.keymap.shown(if severity == Severity::Critical {
        Action::PreviousCritical
    } else {
        Action::PreviousMajor
    });
    let audit = model.setup.keymap.shown(Action::Audit);
    // That it failed is worth more than on what, and both more than in how many milliseconds.
    let (word, rest) = line.outcome().split_once(' ').unwrap_or((line.outcome(), ""));
    let is_loud = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let (word, rest) = if is_loud { (format!(" {word}"), rest) } else { (String::new(), line.outcome()) };
    let rest = if rest == line.kind() { "" } else { rest };
    Some(Worry {
        short: None,
        what: format!("{severity} {} {} {}{word}", words::clock(at), line.actor(), line.kind()),
        on: line.resource().to_owned(),
        why: rest.to_owned(),
        next: format!("{audit} then {key} shows it"),
    })
}

/// A MAJOR line that somebody has seen, or that is over and has stood for a minute: one of who sits here, which was told
/// where it was done, or of a backend that is well again.
fn is_put_away(model: &Model) -> bool {
    let Some((at, number)) = model.tail.last(Severity::Major) else { return true };
    let Some(line) = model.tail.line(number) else { return true };
    let is_own = line.actor() == model.setup.seat.who.person.as_str();
    let backend = line.resource().trim_start_matches("backend://");
    let is_well = |row: &BackendRow| matches!(row.condition, Condition::Ok | Condition::Warning) && row.name == backend;
    let is_over = is_own || (line.kind() == "BACKEND_DOWN" && model.backends.rows.iter().any(is_well));
    model.tail.is_put_away(number) || (is_over && model.now.duration_since(at) >= OVER)
}

fn backend_down(model: &Model) -> impl Fn(&BackendRow) -> Option<Worry> {
    let now = model.now;
    move |row| {
        let Condition::Down { code, since } = &row.condition else { return None };
        let age = words::age(now.duration_since(*since));
        let (why, remedy) = row.error.clone().unwrap_or_default();
        let next = if remedy.is_empty() { "6 shows it".into() } else { sentence(&remedy) };
        let code = code.to_uppercase();
        let short = Some(format!("{} {code}", row.name.to_uppercase()));
        Some(Worry { on: String::new(), short, what: format!("{} {code} for {age}", row.name), why, next })
    }
}

/// What a backend logs in with ends within minutes, or has ended.
fn token_ends(model: &Model, row: &BackendRow) -> Option<Worry> {
    if matches!(row.condition, Condition::Down { .. }) {
        return None;
    }
    let left = row.expires_at?.duration_since(model.now);
    if left >= SignedDuration::from_mins(10) {
        return None;
    }
    let name = row.name.to_uppercase();
    let (short, what) = if left.is_positive() {
        (format!("{name} TOKEN ENDS"), format!("{}'s token ends in {}", row.name, words::age(left)))
    } else {
        (format!("{name} TOKEN EXPIRED"), format!("{}'s token EXPIRED", row.name))
    };
    Some(Worry {
        on: String::new(),
        short: Some(short),
        what,
        why: String::new(),
        next: "Log in anew; 6 shows it".into(),
    })
}

fn backend_stale(model: &Model, row: &BackendRow) -> Option<Worry> {
    if matches!(row.condition, Condition::Down { .. }) {
        return None;
    }
    let age = words::age(stale_backend(model, row)?);
    Some(Worry {
        on: String::new(),
        short: Some(format!("{} STALE {age}", row.name.to_uppercase())),
        what: format!("{} STALE, last answered {age} ago", row.name),
        why: String::new(),
        next: "r asks again".into(),
    })
}

/// Rotations that want a person.
fn rotations(model: &Model) -> Vec<Worry> {
    let next = format!("{} shows it", model.setup.keymap.shown(Action::Rotations));
    let wanting = model.rotations.wanting(model.now);
    let worries = wanting.into_iter().map(|(want, row)| {
        let Wanted { what, on, why } = say::wants(model, row, want);
        Worry { short: None, what, on, why, next: next.clone() }
    });
    worries.collect()
}

fn secrets(model: &Model) -> Option<Worry> {
    // What is deleted wants nobody.
    // What a rotation is at is said by the rotation.
    let rotated = |row: &SecretRow| model.rotations.live_in(row).is_some();
    let there = || model.secrets.rows.iter().filter(|row| !is_deleted(row) && !rotated(row));
    let worst = there().map(|row| row.state).filter(|state| *state <= SecretState::Due).min()?;
    let rows: Vec<&str> = there().filter(|row| row.state == worst).map(|row| row.name.as_str()).collect();
    let key = |action: Action| model.setup.keymap.shown(action);
    let what = match rows.as_slice() {
        [one] => format!("{one} is {worst}"),
        [one, ..] => format!("{one} and {} more are {worst}", rows.len() - 1),
        [] => return None,
    };
    let next = match worst {
        SecretState::Due | SecretState::Overdue => format!("{} plans a rotation", key(Action::Rotate)),
        SecretState::Stuck | SecretState::Lost | SecretState::RetireOverdue | SecretState::RolledBack => {
            format!("{} shows it", key(Action::Rotations))
        }
        SecretState::Unreadable => "6 shows its backend".to_owned(),
        _ => "2 shows it".to_owned(),
    };
    Some(Worry { on: String::new(), short: None, what, why: String::new(), next })
}

fn source(model: &Model, row: &SourceRow) -> Option<Worry> {
    if let Some(age) = stale_source(model, row) {
        let age = words::age(age);
        return Some(Worry {
            on: String::new(),
            short: Some(format!("STALE {} {age}", row.name)),
            what: format!("{} STALE, nothing written for {age}", row.name),
            why: String::new(),
            next: "See that its program runs".into(),
        });
    }
    let trouble = row.trouble.as_ref().filter(|trouble| !is_waiting(trouble))?;
    Some(Worry {
        on: String::new(),
        short: Some(format!("{} UNREADABLE", row.name.to_uppercase())),
        what: format!("{} can't be followed", row.name),
        why: trouble.clone(),
        next: "See the file's owner and mode".into(),
    })
}

/// Begins with a capital and has no full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A file that some program will write later is no worry yet.
pub(crate) fn is_waiting(trouble: &str) -> bool {
    trouble.starts_with("not there yet")
}
