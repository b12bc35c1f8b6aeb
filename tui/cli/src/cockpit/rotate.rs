//! The rotations' side of the loop: plans, starts, what a person asks, says and confirms, each in a thread of its own.
//! Refuses to let the loop wait for any of it, and to keep a typed value: it goes on to the one who stages it.

use super::{Arrival, failed};
use quarterdeck_app::{Effect, Message, News, SecretId, Value, Weight};
use quarterdeck_control::failure::Failure;
use quarterdeck_control::rotate::Start;
use quarterdeck_control::serve::Control;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Ask, RotationRow};
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// The lease's name for this program.
const PROGRAM: &str = "cockpit";

/// Does what a rotation's effect asks for; what comes of it is news.
pub(super) fn act(control: &Arc<Control>, send: &Sender<Arrival>, effect: Effect) {
    let desk = Desk { control: control.clone(), send: send.clone() };
    match effect {
        Effect::PlanRotation { name, layer } => desk.plan(SecretId { name, layer }),
        Effect::StartRotation { name, layer, digest, typed, why } => {
            desk.start(SecretId { name, layer }, digest, typed, why);
        }
        Effect::SteerRotation { number, ask, why } => {
            desk.tell(asked(number, ask), move |control| control.rotation_ask(number, ask, &why))
        }
        Effect::SayStep { number, step, done } => {
            let says =
                if done { format!("R-{number}: {step} is done") } else { format!("R-{number}: {step} did not work") };
            desk.tell(says, move |control| control.rotation_say(number, step, done, ""));
        }
        Effect::ConfirmRotation { number } => {
            desk.tell(format!("R-{number} is confirmed"), move |control| control.rotation_confirm(number));
        }
        _ => {}
    }
}

/// Says of each whether this session may carry it on.
pub(super) fn seen_here(control: &Control, mut rows: Vec<RotationRow>) -> Vec<RotationRow> {
    for row in rows.iter_mut().filter(|row| row.rotation.is_live()) {
        row.here = control.may_carry(&row.rotation);
    }
    rows
}

fn asked(number: u32, ask: Ask) -> String {
    match ask {
        Ask::Back => format!("asked: R-{number} goes back to the old version"),
        Ask::Abort => format!("asked: R-{number} is aborted"),
        Ask::Retire => format!("asked: R-{number} retires the old version"),
        Ask::Resume => format!("asked: R-{number} tries again"),
    }
}

/// What every thread holds.
struct Desk {
    control: Arc<Control>,
    send: Sender<Arrival>,
}

impl Desk {
    fn plan(self, id: SecretId) {
        self.thread(move |desk| {
            let news = match desk.control.rotation_plan(&target(&id)) {
                Ok(plan) => News::Planned { id, plan: Box::new(plan) },
                Err(failure) => not_rotated(id, &failure),
            };
            let _ = desk.send.send(Arrival::News(news));
        });
    }

    fn start(self, id: SecretId, digest: String, typed: Option<Value>, why: String) {
        self.thread(move |desk| {
            let typed = typed.map(|value| quarterdeck_control::Value::text(value.expose()));
            let start = Start { target: target(&id), digest: Some(digest), typed, why, stays: false };
            let arrival = match desk.control.rotation_start(start, PROGRAM) {
                Ok(begun) => Arrival::Begun(begun),
                Err(failure) => Arrival::News(not_rotated(id, &failure)),
            };
            let _ = desk.send.send(arrival);
        });
    }

    /// Something that is done or not, and said so.
    fn tell(self, done: String, ask: impl FnOnce(&Control) -> Result<(), Failure> + Send + 'static) {
        self.thread(move |desk| {
            let news = match ask(&desk.control) {
                Ok(()) => News::Told(Message::plain(done)),
                Err(failure) => failed(&failure),
            };
            let _ = desk.send.send(Arrival::News(news));
        });
    }

    fn thread(self, work: impl FnOnce(&Self) + Send + 'static) {
        let send = self.send.clone();
        if let Err(error) = std::thread::Builder::new().name("rotate".into()).spawn(move || work(&self)) {
            let _ = send.send(Arrival::News(News::Failed(Message::plain(error.to_string()))));
        }
    }
}

fn target(id: &SecretId) -> Target {
    Target { layer: id.layer.clone(), name: id.name.clone() }
}

fn not_rotated(id: SecretId, failure: &Failure) -> News {
    match failed(failure) {
        News::Refused(message) => News::NotRotated { id, weight: Weight::Refused, message },
        News::Failed(message) => News::NotRotated { id, weight: Weight::Failed, message },
        other => other,
    }
}
