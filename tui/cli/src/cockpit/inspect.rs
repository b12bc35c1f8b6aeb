//! Asks for a secret's versions in a thread of its own, and makes the answer, a refusal or a failure into what the open
//! detail shows. Refuses to leave a question unanswered: who waits is told why there is nothing.

use super::{Arrival, failed};
use quarterdeck_app::News;
use quarterdeck_control::failure::Failure;
use quarterdeck_control::serve::Control;
use quarterdeck_domain::overview::SecretDetail;
use quarterdeck_domain::request::Target;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// Asks; the answer comes as news.
pub(super) fn ask(control: Arc<Control>, send: Sender<Arrival>, target: Target) {
    let to_loop = send.clone();
    let of = target.clone();
    let asked = std::thread::Builder::new().name("inspect".into()).spawn(move || {
        let inspected = control.inspect(&target);
        let detail = match &inspected {
            Ok(detail) => detail.clone(),
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

fn not_told(target: Target, what: String, next: String) -> SecretDetail {
    SecretDetail {
        name: target.name,
        layer: target.layer,
        versions: Vec::new(),
        holders: Vec::new(),
        labels: Vec::new(),
        facts: Vec::new(),
        asked_at: quarterdeck_clock::utc(),
        error: Some((what, next)),
    }
}
