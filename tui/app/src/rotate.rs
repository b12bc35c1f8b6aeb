//! Rotations by key: a plan, its start, and what a person says of one that is under way. Each change is asked first, in
//! a dialog that Enter answers; what is known to be refused is refused before anything is typed. Refuses to decide:
//! control does, and records it.

use crate::act;
use crate::effect::Effect;
use crate::entry::Line;
use crate::key::{Code, Key};
use crate::keymap::Action;
use crate::list::SecretId;
use crate::masked::Masked;
use crate::model::{Model, Overlay, Screen, Weight};
use crate::news::Message;
use crate::rotation::Stage;
use crate::update::tell;
use quarterdeck_domain::rotate::{Ask, Course, Generator, PlanRow, Question, RotationRow, Step};

/// Why something can't be done now.
type No = (Weight, Message);

/// What is asked before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// What.
    pub change: Change,
    /// The rotation; 0 for one that is not begun.
    pub number: u32,
    /// Why, where a reason is kept.
    pub reason: Line,
    /// The new value, where only the broker issues it.
    pub value: Option<Masked>,
    /// The value is being typed, and not the reason.
    pub in_value: bool,
    /// What the last key or paste came to, while it should be said.
    pub said: Option<&'static str>,
}

/// What a person does to a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Begins the one whose plan stands there.
    Start,
    /// Asks something of it.
    Steer(Ask),
    /// Says of their step that it is done, or that it did not work.
    Say(Step, bool),
    /// Confirms what somebody else asked for.
    Confirm,
}

impl Change {
    /// The action that leads to it.
    pub fn action(self) -> Action {
        match self {
            Self::Start => Action::StartRotation,
            Self::Steer(Ask::Back) => Action::RollBack,
            Self::Steer(Ask::Abort) => Action::Abort,
            Self::Steer(Ask::Retire) => Action::RetireNow,
            Self::Steer(Ask::Resume) => Action::Resume,
            Self::Say(_, true) => Action::StepDone,
            Self::Say(_, false) => Action::StepFailed,
            Self::Confirm => Action::Confirm,
        }
    }

    /// True where a reason can be given.
    pub fn takes_reason(self) -> bool {
        matches!(self, Self::Start | Self::Steer(_))
    }
}

/// The actions that change something, in the order in which they are offered.
const CHANGES: [Action; 8] = [
    Action::StartRotation,
    Action::Confirm,
    Action::StepDone,
    Action::StepFailed,
    Action::RollBack,
    Action::RetireNow,
    Action::Resume,
    Action::Abort,
];

impl Model {
    /// The keys that change something on the rotation screen now; none where this session looks only.
    pub fn rotation_keys(&self) -> Vec<Action> {
        if self.screen != Screen::Rotation || !self.setup.access.is_free() {
            return Vec::new();
        }
        CHANGES.into_iter().filter(|action| may(self, *action).is_ok()).collect()
    }

    /// The secret that the rotation screen is about.
    pub fn rotation_secret(&self) -> Option<SecretId> {
        let of = |row: &RotationRow| {
            let target = row.rotation.target();
            SecretId { name: target.name.clone(), layer: target.layer.clone() }
        };
        match &self.rotations.stage {
            Stage::List => self.rotations.selected().map(of),
            Stage::Asked(id) | Stage::Plan { of: id, .. } => Some(id.clone()),
            Stage::One(number) => self.rotations.get(*number).map(of),
        }
    }

    /// The rotation of the selected secret that is under way.
    pub fn selected_rotation(&self) -> Option<&RotationRow> {
        self.rotations.live_in(self.secrets.selected()?)
    }
}

// --- where the screen goes ---------------------------------------------------------------------------------------

/// `R`: the rotation that is under way, or the plan of another. Nothing is begun.
pub(crate) fn plan(model: &mut Model) -> Vec<Effect> {
    let id = match model.screen {
        Screen::Rotation => model.rotation_secret(),
        _ => model.secrets.selected().map(SecretId::of),
    };
    let Some(id) = id else {
        tell(model, Weight::Told, Message::plain("no secret is selected"));
        return Vec::new();
    };
    let live = match model.screen {
        Screen::Rotation => model.rotations.live_of(&id),
        _ => model.selected_rotation(),
    };
    if let Some(number) = live.map(|row| row.rotation.number) {
        enter(model, Stage::One(number));
        return Vec::new();
    }
    enter(model, Stage::Asked(id.clone()));
    vec![Effect::PlanRotation { name: id.name, layer: id.layer }]
}

/// Goes to the rotation screen; remembers where from.
pub(crate) fn enter(model: &mut Model, stage: Stage) {
    if model.screen != Screen::Rotation {
        model.rotations.from = model.screen;
    } else if model.rotations.stage == Stage::List {
        model.rotations.from = Screen::Rotation;
    }
    act::go_to(model, Screen::Rotation);
    model.rotations.show(stage);
}

/// Leaves a plan or a timeline to where it was opened. Says whether one was open.
pub(crate) fn fold(model: &mut Model) -> bool {
    if model.rotations.stage == Stage::List {
        return false;
    }
    let from = model.rotations.from;
    model.rotations.show(Stage::List);
    if from != Screen::Rotation {
        act::go_to(model, from);
    }
    true
}

/// Enter on the rotation screen.
pub(crate) fn open(model: &mut Model) {
    match &model.rotations.stage {
        Stage::List => {
            if let Some(number) = model.rotations.selected().map(|row| row.rotation.number) {
                enter(model, Stage::One(number));
            }
        }
        // A refusal that stands says more.
        Stage::Plan { .. } if model.notice.is_none() => {
            let key = model.setup.keymap.shown(Action::StartRotation);
            tell(model, Weight::Told, Message::plain(format!("Enter starts nothing: {key} does")));
        }
        Stage::Plan { .. } | Stage::Asked(_) | Stage::One(_) => {}
    }
}

/// `r` on a plan: works it out anew.
pub(crate) fn plan_again(model: &Model) -> Option<Effect> {
    match &model.rotations.stage {
        Stage::Asked(id) | Stage::Plan { of: id, sent: false, .. } if model.screen == Screen::Rotation => {
            Some(Effect::PlanRotation { name: id.name.clone(), layer: id.layer.clone() })
        }
        _ => None,
    }
}

// --- what control told -------------------------------------------------------------------------------------------

/// A plan stands only where it is waited for.
pub(crate) fn planned(model: &mut Model, id: SecretId, plan: Box<PlanRow>) {
    match &model.rotations.stage {
        Stage::Asked(of) if *of == id => {}
        // A start that is half asked was asked of the plan before.
        Stage::Plan { of, plan: before, sent: false } if *of == id => {
            if *before != plan {
                close(model);
            }
        }
        _ => return,
    }
    model.rotations.stage = Stage::Plan { of: id, plan, sent: false };
}

/// It is begun: its timeline takes the plan's place.
pub(crate) fn begun(model: &mut Model, number: u32) {
    if matches!(model.rotations.stage, Stage::Plan { sent: true, .. }) {
        model.rotations.show(Stage::One(number));
    } else {
        tell(model, Weight::Told, Message::plain(format!("R-{number} is begun")));
    }
}

/// It was not planned, or not begun.
pub(crate) fn failed(model: &mut Model, id: &SecretId, weight: Weight, message: Message) {
    match &mut model.rotations.stage {
        Stage::Asked(of) if of == id && model.screen == Screen::Rotation => _ = fold(model),
        Stage::Asked(of) if of == id => model.rotations.stage = Stage::List,
        Stage::Plan { of, sent, .. } if of == id => *sent = false,
        _ => {}
    }
    tell(model, weight, message);
}

// --- what may be done --------------------------------------------------------------------------------------------

/// The change that an action leads to now, or why there is none.
fn may(model: &Model, action: Action) -> Result<Change, No> {
    if action == Action::StartRotation {
        return may_start(model).map(|()| Change::Start);
    }
    let Some(row) = model.rotations.shown() else {
        let next = format!("{} opens one", model.setup.keymap.shown(Action::Open));
        return Err(told("no rotation stands here", &next));
    };
    let rotation = &row.rotation;
    let key = |action: Action| model.setup.keymap.shown(action);
    if let Some((ending, _)) = rotation.ended {
        let what = format!("{} is over: {}", rotation.name(), ending.word());
        return Err(told(&what, &format!("{} plans another", key(Action::Rotate))));
    }
    let steer = |ask: Ask| Ok(Change::Steer(ask));
    let back = matches!(rotation.course, Course::Back { .. });
    match action {
        Action::RollBack if rotation.retiring => {
            let what = "there is no way back: the old value's end was begun";
            Err(told(what, "a new rotation leads on, once this one is over"))
        }
        Action::RollBack | Action::Abort if back => Err(told(&format!("{} goes back already", rotation.name()), "")),
        Action::RollBack if rotation.promoted.is_none() => {
            let next = format!("{} aborts the rotation", key(Action::Abort));
            Err(told("there is nothing to go back from: the old value is current", &next))
        }
        Action::RollBack => steer(Ask::Back),
        Action::Abort if rotation.promoted.is_some() => {
            let next = format!("{} leads back while the old value is valid", key(Action::RollBack));
            Err(told("the new value is current already", &next))
        }
        Action::Abort => steer(Ask::Abort),
        Action::RetireNow if rotation.held.is_some() && !back => steer(Ask::Retire),
        Action::RetireNow => Err(told("nobody is asked whether to retire: it follows after grace by itself", "")),
        Action::Resume if rotation.stuck.is_some() || rotation.not_before.is_some_and(|at| at > model.now) => {
            steer(Ask::Resume)
        }
        Action::Resume => Err(told(&format!("{} is not held up", rotation.name()), "")),
        Action::Confirm => match &row.question {
            Some(Question::Confirm) if model.setup.seat.who.person.as_str() == rotation.by => {
                let role = rotation.plan.confirm.map_or("another person".to_owned(), |role| format!("a {role}"));
                let what = format!("{} was asked for by you: {role} confirms it", rotation.name());
                Err((Weight::Refused, Message::plain(what)))
            }
            Some(Question::Confirm) => Ok(Change::Confirm),
            _ => Err(told(&format!("{} waits for no confirmation", rotation.name()), "")),
        },
        Action::StepDone | Action::StepFailed => match &row.question {
            Some(Question::Person { step, .. }) => Ok(Change::Say(*step, action == Action::StepDone)),
            Some(Question::Stuck { .. }) if action == Action::StepDone && is_done_by_hand(rotation.step) => {
                Ok(Change::Say(rotation.step, true))
            }
            _ => Err(told(&format!("{} waits for no step of yours", rotation.name()), "")),
        },
        _ => Err(told("that does nothing here", "")),
    }
}

/// What is stuck there can be done by hand, and said so.
fn is_done_by_hand(step: Step) -> bool {
    use Step::{Discard, Drop, Retire, Revoke, Unstage, Verify};
    matches!(step, Unstage | Verify | Drop | Discard | Retire | Revoke)
}

fn may_start(model: &Model) -> Result<(), No> {
    let Stage::Plan { plan, sent, .. } = &model.rotations.stage else {
        let next = format!("{} on a secret shows one", model.setup.keymap.shown(Action::Rotate));
        return Err(told("there is no plan to start", &next));
    };
    let refused = |what: String| Err((Weight::Refused, Message::plain(what)));
    match (sent, &plan.approval, plan.hinders.first(), &plan.live) {
        (true, ..) => Err(told("it is being started", "")),
        (_, Some(approval), ..) => refused(format!("waiting for approval: {approval}")),
        (_, _, Some(hinder), _) => refused(format!("it can't be begun: {hinder}")),
        (_, _, _, Some((number, who))) => refused(format!("R-{number} is under way, begun by {who}")),
        _ => Ok(()),
    }
}

fn told(what: &str, next: &str) -> No {
    (Weight::Told, Message::with_next(what, next))
}

// --- asking before it is done ------------------------------------------------------------------------------------

/// Opens the question, or says why there is none.
pub(crate) fn ask(model: &mut Model, action: Action) {
    let change = match may(model, action) {
        Ok(change) => change,
        Err((weight, message)) => return tell(model, weight, message),
    };
    let value = (change == Change::Start && is_typed(model)).then(Masked::default);
    let asking = Asking {
        change,
        number: model.rotations.shown().map_or(0, |row| row.rotation.number),
        reason: Line::default(),
        in_value: value.is_some(),
        value,
        said: None,
    };
    act::over(model, Overlay::Rotation(asking));
}

fn is_typed(model: &Model) -> bool {
    matches!(&model.rotations.stage, Stage::Plan { plan, .. } if plan.plan.generator == Generator::Typed)
}

/// Takes a press while a question is open; Esc was taken before.
pub(crate) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(Overlay::Rotation(asking)) = &mut model.overlay else { return Vec::new() };
    asking.said = None;
    match key.code {
        Code::Tab | Code::BackTab | Code::Up | Code::Down => {
            asking.in_value = asking.value.is_some() && !asking.in_value;
        }
        Code::Enter => return answered(model),
        _ => match &mut asking.value {
            Some(value) if asking.in_value => _ = value.edit(key),
            _ if asking.change.takes_reason() => _ = asking.reason.edit(key),
            _ => {}
        },
    }
    Vec::new()
}

/// Takes a paste: into the field that is typed into.
pub(crate) fn paste(asking: &mut Asking, text: &str) {
    match &mut asking.value {
        Some(value) if asking.in_value => asking.said = value.paste(text).err(),
        _ if asking.change.takes_reason() => asking.reason.paste(text),
        _ => {}
    }
}

/// Enter: goes on to the next field, or does it, if it may still be done.
fn answered(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Rotation(asking)) = &mut model.overlay else { return Vec::new() };
    if let Some(value) = &asking.value {
        if !value.is_long_enough() {
            asking.said = Some("too short: a value has 8 characters or more");
            asking.in_value = true;
            return Vec::new();
        }
        if asking.in_value {
            asking.in_value = false;
            return Vec::new();
        }
    }
    let Some(Overlay::Rotation(mut asking)) = model.overlay.take() else { return Vec::new() };
    let action = asking.change.action();
    if act::is_shut(model, action) {
        return Vec::new();
    }
    // The rotation may have gone on meanwhile.
    match may(model, action) {
        Ok(change) if change == asking.change && is_the_same(model, &asking) => {}
        Ok(_) => {
            tell(model, Weight::Told, Message::plain("nothing was asked: the rotation went on meanwhile"));
            return Vec::new();
        }
        Err((weight, message)) => {
            tell(model, weight, message);
            return Vec::new();
        }
    }
    let (number, why) = (asking.number, asking.reason.text().trim().to_owned());
    match asking.change {
        Change::Start => start(model, asking.value.as_mut(), why),
        Change::Steer(ask) => vec![Effect::SteerRotation { number, ask, why }],
        Change::Say(step, done) => vec![Effect::SayStep { number, step, done }],
        Change::Confirm => vec![Effect::ConfirmRotation { number }],
    }
}

fn is_the_same(model: &Model, asking: &Asking) -> bool {
    model.rotations.shown().map_or(0, |row| row.rotation.number) == asking.number
}

fn start(model: &mut Model, value: Option<&mut Masked>, why: String) -> Vec<Effect> {
    let Stage::Plan { of, plan, sent } = &mut model.rotations.stage else { return Vec::new() };
    *sent = true;
    let (SecretId { name, layer }, digest) = (of.clone(), plan.plan.digest.clone());
    vec![Effect::StartRotation { name, layer, digest, typed: value.map(Masked::take), why }]
}

/// Takes a value that is being typed out of memory; its question closes with it.
pub(crate) fn close(model: &mut Model) {
    for overlay in [&mut model.overlay, &mut model.beneath] {
        if matches!(overlay, Some(Overlay::Rotation(_))) {
            *overlay = None;
        }
    }
}
