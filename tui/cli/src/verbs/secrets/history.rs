//! `secrets history`: the versions of a secret with their labels and ages, who shadows whom, and what else its backend
//! tells. Refuses values: nothing is read for it.

use super::{LOOK, located};
use crate::args::Common;
use crate::output::{self, Outcome};
use crate::rows;
use crate::session::session;
use jiff::Timestamp;
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
    if common.json {
        output::data(&data(&detail, now));
    } else {
        text(&detail, now);
    }
    Ok(0)
}

fn data(detail: &SecretDetail, now: Timestamp) -> Value {
    let pairs = |pairs: &[(String, String)]| -> Value {
        pairs.iter().map(|(label, text)| (label.clone(), json!(text))).collect::<serde_json::Map<_, _>>().into()
    };
    json!({
        "name": detail.name, "layer": detail.layer,
        "versions": detail.versions.iter().map(|row| version(row, now)).collect::<Vec<_>>(),
        "holders": detail.holders.iter().enumerate().map(|(at, holder)| json!({
            "layer": holder.layer, "name": holder.name, "version": holder.version, "wins": at == 0,
            "age_s": seconds(holder.age, now), "age_is_lower_bound": holder.age.is_lower_bound(),
        })).collect::<Vec<_>>(),
        "labels": pairs(&detail.labels),
        "facts": pairs(&detail.facts),
    })
}

fn version(row: &VersionRow, now: Timestamp) -> Value {
    json!({
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

fn text(detail: &SecretDetail, now: Timestamp) {
    output::text(&format!("{} in {}", tame(&detail.name), detail.layer));
    let header = ["VERSION", "STAGE", "AGE", "LABELS"].map(str::to_owned).to_vec();
    let cells = detail.versions.iter().map(|row| {
        let place = [row.stage, row.gone].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ");
        let place = if place.is_empty() { "-".to_owned() } else { place };
        vec![tame(&row.id), place, rows::age(row.age, now), tame(&row.labels.join(", "))]
    });
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
