//! `secrets history`: the versions of a secret with their labels and ages, what the journal knows of each by its keyed
//! fingerprint, also where the value is gone, who shadows whom, and what else its backend tells. Refuses values: nothing
//! is read for it.

use super::{LOOK, located};
use crate::args::Common;
use crate::output::{self, Outcome};
use crate::rows;
use crate::session::session;
use jiff::Timestamp;
use quarterdeck_domain::made::Made;
use quarterdeck_domain::overview::{Holder, SecretDetail, VersionRow};
use quarterdeck_domain::request::Request;
use quarterdeck_domain::rotation::Age;
use quarterdeck_domain::sanitise;
use serde_json::{Value, json};

/// Tells it, of the layer that is named, else of the highest that holds it.
pub(super) fn run(common: &Common, name: &str, layer: Option<&str>) -> Outcome {
    let control = session(common, LOOK)?;
    control.permit(&Request::Inspect { target: control.named(name, layer) })?;
    let target = located(&control, name, layer)?.target;
    let now = Timestamp::now();
    let detail = control.inspect(&target)?;
    let state = control.state();
    let made = state.made_in_unit(&target.layer, &target.name);
    if common.json {
        output::data(&data(&detail, &made, now));
    } else {
        text(&detail, &made, now);
    }
    Ok(0)
}

fn data(detail: &SecretDetail, made: &[Named<'_>], now: Timestamp) -> Value {
    let pairs = |pairs: &[(String, String)]| -> Value {
        pairs.iter().map(|(label, text)| (label.clone(), json!(text))).collect::<serde_json::Map<_, _>>().into()
    };
    json!({
        "name": detail.name, "layer": detail.layer,
        "versions": detail.versions.iter().map(|row| version(row, made_as(detail, made, &row.id), now)).collect::<Vec<_>>(),
        "recorded": gone(detail, made).map(recorded).collect::<Vec<_>>(),
        "holders": detail.holders.iter().enumerate().map(|(at, holder)| json!({
            "layer": holder.layer, "name": holder.name, "version": holder.version, "wins": at == 0,
            "age_s": seconds(holder.age, now), "age_is_lower_bound": holder.age.is_lower_bound(),
        })).collect::<Vec<_>>(),
        "labels": pairs(&detail.labels),
        "facts": pairs(&detail.facts),
    })
}

/// A value and the name that it went by: the secret's, its map's, or that of a key in the map.
type Named<'a> = (&'a str, &'a Made);

/// What the journal knows of a version: the last that had that number, the secret's own before another key's.
fn made_as<'a>(detail: &SecretDetail, made: &[Named<'a>], version: &str) -> Option<Named<'a>> {
    let of = || made.iter().rev().filter(|(_, made)| made.version.as_deref() == Some(version));
    of().find(|(name, _)| *name == detail.name).or_else(|| of().next()).copied()
}

/// What the journal knows and the backend tells no more, newest first (R3.8).
fn gone<'a>(detail: &'a SecretDetail, made: &'a [Named<'a>]) -> impl Iterator<Item = Named<'a>> {
    let is_told = |made: &Made| detail.versions.iter().any(|row| made.version.as_deref() == Some(row.id.as_str()));
    made.iter().rev().filter(move |(_, made)| !is_told(made)).copied()
}

fn recorded((name, made): Named<'_>) -> Value {
    json!({
        "name": name,
        "id": made.version,
        "fingerprint": made.fingerprint,
        "made_at": made.at.map(|at| at.to_string()),
        "made_by": made.by,
        "rotation": made.rotation.map(|number| format!("R-{number}")),
        "retired_at": made.retired.as_ref().map(|(at, _)| at.to_string()),
        "retired_by": made.retired.as_ref().map(|(_, by)| by),
    })
}

/// `by carol in R-27, retired 3 d 04 h ago by dan`
fn words((_, made): Named<'_>, now: Timestamp) -> String {
    let by = made.by.as_deref().map_or_else(|| "not made here".to_owned(), |by| format!("by {}", tame(by)));
    let rotation = made.rotation.map_or_else(String::new, |number| format!(" in R-{number}"));
    let retired = made.retired.as_ref().map_or_else(String::new, |(at, by)| {
        format!(", retired {} ago by {}", rows::span(now.duration_since(*at)), tame(by))
    });
    format!("{by}{rotation}{retired}")
}

/// Of another name's value with that name: `#password 98296cd88e27daeb`.
fn fingerprint(detail: &SecretDetail, made: Option<Named<'_>>) -> String {
    let Some((name, Some(fingerprint))) = made.map(|(name, made)| (name, made.fingerprint.as_ref())) else {
        return "-".into();
    };
    match name.split_once('#') {
        _ if name == detail.name => fingerprint.clone(),
        Some((_, key)) => format!("#{} {fingerprint}", tame(key)),
        None => format!("whole {fingerprint}"),
    }
}

fn version(row: &VersionRow, made: Option<Named<'_>>, now: Timestamp) -> Value {
    json!({
        "recorded": made.map(recorded),
        "id": row.id, "stage": word(row.stage), "labels": row.labels, "gone": word(row.gone),
        "age_s": seconds(row.age, now), "age_is_lower_bound": row.age.is_lower_bound(),
    })
}

fn word(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn seconds(age: Age, now: Timestamp) -> Option<i64> {
    age.at(now).map(|age| age.as_secs())
}

fn text(detail: &SecretDetail, made: &[Named<'_>], now: Timestamp) {
    output::text(&format!("{} in {}", tame(&detail.name), detail.layer));
    let header = ["VERSION", "STAGE", "AGE", "FINGERPRINT", "MADE", "LABELS"].map(str::to_owned).to_vec();
    let cells = detail.versions.iter().map(|row| {
        let place = [row.stage, row.gone].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ");
        let place = if place.is_empty() { "-".to_owned() } else { place };
        let made = made_as(detail, made, &row.id);
        let by = made.map_or_else(|| "-".to_owned(), |made| words(made, now));
        vec![tame(&row.id), place, rows::age(row.age, now), fingerprint(detail, made), by, tame(&row.labels.join(", "))]
    });
    let kept = gone(detail, made).map(|made| {
        let age = made.1.at.map_or_else(|| "-".to_owned(), |at| rows::span(now.duration_since(at)));
        let id = made.1.version.as_deref().unwrap_or("-");
        vec![tame(id), "recorded".to_owned(), age, fingerprint(detail, Some(made)), words(made, now), String::new()]
    });
    let cells = cells.chain(kept);
    output::text(&output::table(&std::iter::once(header).chain(cells).collect::<Vec<_>>()));
    if detail.holders.len() > 1 {
        output::text(&format!("{} wins over {}", told(&detail.holders[0]), below(&detail.holders[1..])));
        for other in detail.holders.iter().filter(|other| other.layer != detail.layer) {
            let (name, layer) = (shell_word(&tame(&other.name)), &other.layer);
            output::text(&format!("  its versions in {layer}: 'quarterdeck secrets history {name} --layer {layer}'"));
        }
    }
    let more = detail.labels.iter().map(|(label, text)| (format!("label {label}"), text));
    for (label, text) in more.chain(detail.facts.iter().map(|(label, text)| (label.clone(), text))) {
        output::text(&format!("  {}: {}", tame(&label), tame(text)));
    }
}

/// A name as a shell takes it: `#` begins no comment inside a word, all else that could be something is quoted.
fn shell_word(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/#@:+=".contains(letter);
    if name.chars().all(plain) && !name.starts_with('#') { name.to_owned() } else { format!("\"{name}\"") }
}

fn told(holder: &Holder) -> String {
    format!("{} ({})", holder.layer, tame(&holder.name))
}

fn below(holders: &[Holder]) -> String {
    holders.iter().map(told).collect::<Vec<_>>().join(", ")
}

fn tame(text: &str) -> String {
    sanitise::line(text, 400).into_owned()
}
