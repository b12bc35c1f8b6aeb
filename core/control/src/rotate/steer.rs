//! What persons ask of a rotation that is under way, and the end of a backend's own schedule. Refuses whom the decision
//! refuses, and what can't follow what stands.

use super::came::plain;
use super::record::{Voice, about, record};
use crate::failure::Failure;
use crate::serve::Control;
use quarterdeck_contract::Extra;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::{Detail, Status};
use quarterdeck_domain::request::{Request, Target};
use quarterdeck_domain::rotate::{Ask, Fact, Rotation, Step};
use std::collections::BTreeMap;

/// The backend's operation that ends its own schedule.
const CANCEL: &str = "cancel-rotation";

pub(super) fn ask(control: &Control, number: u32, ask: Ask, why: &str) -> Result<(), Failure> {
    let request = Request::Steer { target: known(control, number)?.plan.target, number };
    let by = person(control);
    told(control, number, &request, &Fact::Asked { ask, by, why: plain(why) })
}

pub(super) fn say(control: &Control, number: u32, step: Step, done: bool, note: &str) -> Result<(), Failure> {
    let request = Request::Steer { target: known(control, number)?.plan.target, number };
    let by = person(control);
    told(control, number, &request, &Fact::Said { step, done, by, note: plain(note) })
}

pub(super) fn confirm(control: &Control, number: u32) -> Result<(), Failure> {
    let plan = known(control, number)?.plan;
    let Some(role) = plan.confirm else {
        return Err(Failure::Declined {
            asked: format!("confirm R-{number}"),
            what: format!("R-{number} needs no confirmation"),
            next: "'quarterdeck rotate status' shows what it waits for.".into(),
        });
    };
    let request = Request::ConfirmRotation { target: plan.target, number, role };
    told(control, number, &request, &Fact::Confirmed { by: person(control) })
}

pub(super) fn adopt(control: &Control, target: &Target) -> Result<(), Failure> {
    let request = Request::Adopt { target: target.clone() };
    control.permit(&request)?;
    let mount = control.mount(&target.layer)?;
    let own = mount.backend().describe().extras;
    if !own.iter().any(|operation| operation == CANCEL) {
        return Err(Failure::Declined {
            asked: request.words(),
            what: format!("{} has no schedule of its own", target.layer),
            next: "'quarterdeck rotate plan' shows how it is rotated from here.".into(),
        });
    }
    let event = |status, code, note: Option<String>| {
        let now = quarterdeck_clock::moment();
        let (layer, name, purpose) = (target.layer.clone(), target.name.clone(), "adopt".to_owned());
        about(control, EventKind::RotationAdopted, "", target, Voice::Person, &now)
            .came_out(status, None, code)
            .with(Detail::Secret { layer, name, purpose, version: None, fingerprint: None, note })
    };
    let intent = event(Status::Pending, None, None);
    let request_id = intent.context.request_id.clone();
    control.observe(intent)?;
    let arguments = BTreeMap::from([("name".to_owned(), target.name.clone())]);
    let extra = Extra { operation: CANCEL.to_owned(), arguments };
    let outcome = mount.backend().extra(&extra, None, mount.call());
    let mut event = match &outcome {
        Ok(_) => event(Status::Success, None, None),
        Err(error) => event(Status::Failure, Some(error.kind.code()), Some(error.what.clone())),
    };
    event.context.request_id = request_id;
    let recorded = control.observe(event);
    outcome.map_err(|error| Failure::of_backend(&target.layer, error))?;
    recorded.map_err(|failure| Failure::Unrecorded {
        done: format!("the schedule of {} is off", target.name),
        why: failure.told().what,
    })
}

fn told(control: &Control, number: u32, request: &Request, fact: &Fact) -> Result<(), Failure> {
    control.permit(request)?;
    let now = quarterdeck_clock::moment();
    record(control, number, Voice::Person, fact, &now).map_err(|why| why.into_failure(request.words()))?;
    Ok(())
}

fn person(control: &Control) -> String {
    control.who.person.as_str().to_owned()
}

fn known(control: &Control, number: u32) -> Result<Rotation, Failure> {
    // What can't be read on now is as it was; under the journal's lock it is read again.
    let _ = control.journal.catch_up();
    control.state().kept_rotation(number).cloned().map_err(|why| Failure::Senseless {
        what: why.0,
        next: "'quarterdeck rotate status' shows which there are.".into(),
    })
}
