//! Asks for a secret's versions in a thread of its own, and makes the answer, a refusal or a failure into what the open
//! detail shows. Refuses to leave a question unanswered: who waits is told why there is nothing.

use super::{Arrival, failed};
use quarterdeck_app::News;
use quarterdeck_control::failure::Failure;
use quarterdeck_control::serve::{Control, Done};
use quarterdeck_domain::overview::{SecretDetail, VersionRow};
use quarterdeck_domain::request::{Request, Target};
use quarterdeck_domain::rotation::Age;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// Asks; the answer comes as news.
pub(super) fn ask(control: Arc<Control>, send: Sender<Arrival>, target: Target) {
    let to_loop = send.clone();
    let of = target.clone();
    let asked = std::thread::Builder::new().name("inspect".into()).spawn(move || {
        let inspected = control.serve(Request::Inspect { target: target.clone() }.into());
        let detail = match &inspected {
            Ok(Done::Inspected(told)) => SecretDetail {
                versions: told
                    .versions
                    .iter()
                    .map(|version| VersionRow {
                        id: version.id.0.clone(),
                        stage: version.stage.map_or("", |stage| word(&format!("{stage:?}"))),
                        labels: version.labels.clone(),
                        age: age(version.created_at, version.not_after),
                        gone: match (version.destroyed, version.deleted) {
                            (true, _) => "destroyed",
                            (false, true) => "deleted",
                            (false, false) => "",
                        },
                    })
                    .collect(),
                labels: told.metadata.iter().map(|(name, text)| (name.clone(), text.clone())).collect(),
                facts: told.facts.clone(),
                ..empty(target)
            },
            Ok(_) => not_told(target, "nothing was told".to_owned(), String::new()),
            Err(failure) => {
                let told = failure.told();
                not_told(target, told.what, told.next)
            }
        };
        let _ = send.send(Arrival::News(News::Inspected(Box::new(detail))));
        // What policy refuses is said aloud as well.
        if let Err(failure @ (Failure::Refused { .. } | Failure::Crossed { .. })) = &inspected {
            let _ = send.send(Arrival::News(failed(failure)));
        }
    });
    if let Err(error) = asked {
        let detail = not_told(of, error.to_string(), "r asks again".to_owned());
        let _ = to_loop.send(Arrival::News(News::Inspected(Box::new(detail))));
    }
}

fn empty(target: Target) -> SecretDetail {
    SecretDetail {
        name: target.name,
        layer: target.layer,
        versions: Vec::new(),
        holders: Vec::new(),
        labels: Vec::new(),
        facts: Vec::new(),
        asked_at: quarterdeck_clock::utc(),
        error: None,
    }
}

fn not_told(target: Target, what: String, next: String) -> SecretDetail {
    SecretDetail { error: Some((what, next)), ..empty(target) }
}

/// A version's place in the screen's words.
fn word(stage: &str) -> &'static str {
    ["pending", "current", "previous", "retired"]
        .into_iter()
        .find(|word| stage.eq_ignore_ascii_case(word))
        .unwrap_or_default()
}

fn age(created: Option<i64>, not_after: Option<i64>) -> Age {
    let second = |unix: i64| jiff::Timestamp::from_second(unix).ok();
    match (created.and_then(second), not_after.and_then(second)) {
        (Some(at), _) => Age::Since(at),
        (None, Some(at)) => Age::AtLeastSince(at),
        (None, None) => Age::Unknown,
    }
}
