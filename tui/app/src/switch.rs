//! The kill-switch's dialogs: Ctrl-X from anywhere, the guard, and the reason afterwards. Refuses to send anything but a
//! complete code, typed key by key and sent by Ctrl-X: no Enter, no paste, no key that is held down.

use crate::act;
use crate::effect::Effect;
use crate::entry::Line;
use crate::key::{Code, Key};
use crate::model::{Model, Overlay, Screen, Weight};
use crate::news::Message;
use crate::rotate;
use crate::update::tell;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::kill::{Codes, Guard, Level, Typed};

/// What Ctrl-X opened, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialog {
    /// What was typed ahead is being thrown away, and codes are drawn.
    Arming,
    /// The codes stand; nothing has been sent.
    Armed {
        /// The guard.
        guard: Guard,
        /// What the last key came to, while it should be said: a wrong character, a paste.
        said: Option<String>,
    },
    /// A code was sent. The reason is asked for here.
    Sent {
        /// Which level.
        level: Level,
        /// When.
        at: Timestamp,
        /// What came of it; `None` until control answers.
        outcome: Option<Sent>,
        /// The reason, as it is typed.
        reason: Line,
    },
    /// Nothing is armed, and why: this session may not stop, or the guard closed by itself. It stays until Esc, so that
    /// what is still being typed reaches no key of the screen.
    Shut {
        /// Why.
        why: String,
        /// What to do instead.
        next: String,
    },
}

/// What came of a code that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The order is out. How far it got is in the NOW pane.
    Out {
        /// It is in the latch, on the disk; else why not.
        undurable: Option<String>,
        /// It is in the journal; else why not yet.
        unjournalled: Option<String>,
        /// The same level or a stricter one was in force already: it was sent again, the deadline stands.
        again: bool,
    },
    /// Refused: this person may not.
    Refused {
        /// Why.
        why: String,
        /// What to do instead.
        next: String,
    },
}

/// A Ctrl-X so soon after the one that sent is the same finger, still down.
const HELD_DOWN: SignedDuration = SignedDuration::from_secs(1);
/// What every way out of an open guard says.
const DISARMED: &str = "disarmed: nothing was sent";

/// Ctrl-X, wherever it was pressed.
pub(crate) fn pressed(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    match &mut model.overlay {
        Some(Overlay::KillSwitch(Dialog::Arming)) => Vec::new(),
        Some(Overlay::KillSwitch(Dialog::Armed { guard, said })) => {
            if let Some(level) = guard.sends(now) {
                return fire(model, level);
            }
            *said = Some(missing(guard));
            Vec::new()
        }
        Some(Overlay::KillSwitch(Dialog::Sent { at, .. })) if is_held_down(*at, now) => Vec::new(),
        _ => open(model),
    }
}

fn missing(guard: &Guard) -> String {
    match guard.missing() {
        0 => "nothing was sent: press ^X again".into(),
        1 => "nothing was sent: 1 character to go".into(),
        more => format!("nothing was sent: {more} characters to go"),
    }
}

/// Not so where the clock was set back in between.
fn is_held_down(at: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..HELD_DOWN).contains(&now.duration_since(at))
}

/// Opens the dialog over whatever is there; that comes back when the dialog closes with nothing sent.
fn open(model: &mut Model) -> Vec<Effect> {
    act::hide(model);
    // What is typed there is a value: it waits nowhere.
    rotate::close(model);
    match model.overlay.take() {
        None | Some(Overlay::KillSwitch(Dialog::Shut { .. })) => {}
        below => model.beneath = below,
    }
    if let Some(why) = model.kill.as_ref().and_then(|row| row.may_not_stop.clone()) {
        let next = who_can(model);
        model.overlay = Some(Overlay::KillSwitch(Dialog::Shut { why, next }));
        return Vec::new();
    }
    model.overlay = Some(Overlay::KillSwitch(Dialog::Arming));
    vec![Effect::Arm]
}

/// What is left to somebody who may not stop: those who may, and the desk.
fn who_can(model: &Model) -> String {
    let desk = desk(model);
    let names: Vec<&str> =
        model.kill.iter().flat_map(|row| &row.can_stop).map(|stopper| stopper.name.as_str()).collect();
    if names.is_empty() { format!("call {desk}") } else { format!("call {}, or {desk}", names.join(", ")) }
}

/// The desk with its number, where configuration has one.
pub(crate) fn desk(model: &Model) -> String {
    desk_of(model, None)
}

/// The same for one engine: its own number goes before the desk's.
pub(crate) fn desk_of(model: &Model, engine: Option<&str>) -> String {
    let own = engine.and_then(|engine| model.kill.as_ref()?.phones.get(engine));
    match own.or(model.setup.seat.desk.as_ref()) {
        Some(number) => format!("the desk: {number}"),
        None => "your broker's desk (no number is configured)".into(),
    }
}

/// Sends, once: the dialog that follows sends nothing. The overview stands behind it then, where the answers arrive.
fn fire(model: &mut Model, level: Level) -> Vec<Effect> {
    // Level 4 after level 3: a reason half typed goes on.
    let reason = match model.beneath.take() {
        Some(Overlay::KillSwitch(Dialog::Sent { reason, .. })) => reason,
        _ => Line::default(),
    };
    act::go_to(model, Screen::Overview);
    model.overlay = Some(Overlay::KillSwitch(Dialog::Sent { level, at: model.now, outcome: None, reason }));
    vec![Effect::Fire(level)]
}

/// Takes a press while a dialog of the kill-switch is open; Ctrl-X itself goes to [`pressed`].
pub(crate) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let now = model.now;
    let Some(Overlay::KillSwitch(dialog)) = &mut model.overlay else { return Vec::new() };
    match (dialog, key.code) {
        (Dialog::Arming | Dialog::Armed { .. }, Code::Esc) => disarm(model),
        (Dialog::Shut { .. } | Dialog::Sent { .. }, Code::Esc) => close(model),
        (Dialog::Arming | Dialog::Shut { .. }, _) => {}
        (Dialog::Armed { guard, said }, _) => match typed(guard, key, now) {
            Ok(says) => *said = says.map(str::to_owned),
            Err(why) => shut(model, why),
        },
        (Dialog::Sent { outcome: Some(Sent::Refused { .. }), .. }, Code::Enter) => close(model),
        (Dialog::Sent { reason, .. }, Code::Enter) => {
            let text = reason.text().trim().to_owned();
            // Enter after ^X is a habit: without a reason it closes nothing.
            if !text.is_empty() {
                close(model);
                return vec![Effect::Explain(text)];
            }
        }
        (Dialog::Sent { reason, .. }, _) => _ = reason.edit(key),
    }
    Vec::new()
}

/// One press before the guard: what is to be said of it, or why the guard is closed.
fn typed(guard: &mut Guard, key: Key, now: Timestamp) -> Result<Option<&'static str>, &'static str> {
    let complete = guard.missing() == 0;
    let Some(c) = key.typed() else {
        return Ok(match (key.code, key.ctrl) {
            (Code::Backspace, _) | (Code::Char('h'), true) => {
                guard.back();
                None
            }
            (Code::Enter, _) => Some("Enter sends nothing: ^X does"),
            _ => Some("that key does nothing here"),
        });
    };
    match guard.press(c, now) {
        Typed::Taken => Ok(None),
        Typed::Wrong => Ok(Some("wrong character: no code goes on like that")),
        Typed::Ignored if complete => Ok(Some("the code is complete: ^X sends it")),
        Typed::Ignored if c == ' ' => Ok(None),
        Typed::Ignored => Ok(Some("too early: what is typed ahead does not count")),
        Typed::Disarmed => Err("four wrong characters"),
    }
}

/// Takes a paste: the reason does, the guard never.
pub(crate) fn paste(dialog: &mut Dialog, text: &str) {
    match dialog {
        Dialog::Armed { said, .. } => *said = Some("a paste is not taken: type the code".into()),
        Dialog::Sent { reason, .. } => reason.paste(text),
        Dialog::Arming | Dialog::Shut { .. } => {}
    }
}

/// Codes were drawn. They stand only where they are waited for.
pub(crate) fn armed(model: &mut Model, codes: Codes) {
    if let Some(Overlay::KillSwitch(dialog @ Dialog::Arming)) = &mut model.overlay {
        *dialog = Dialog::Armed { guard: Guard::arm(codes, model.now), said: None };
    }
}

/// Control answered a code that was sent.
pub(crate) fn sent(model: &mut Model, sent: Sent) {
    for overlay in [&mut model.overlay, &mut model.beneath] {
        if let Some(Overlay::KillSwitch(Dialog::Sent { outcome, .. })) = overlay {
            *outcome = Some(sent);
            return;
        }
    }
    // The dialog was closed before the answer came: what went wrong is said all the same.
    let (weight, message) = match sent {
        Sent::Refused { why, next } => (Weight::Refused, Message::with_next(why, next)),
        Sent::Out { undurable: Some(why), .. } => {
            (Weight::Failed, Message::plain(format!("the stop was sent, and is not on the disk: {why}")))
        }
        Sent::Out { unjournalled: Some(why), .. } => (Weight::Failed, Message::plain(format!("UNJOURNALLED: {why}"))),
        Sent::Out { .. } => return,
    };
    tell(model, weight, message);
}

/// When the guard closes by itself, if one is open.
pub(crate) fn ends_at(model: &Model) -> Option<Timestamp> {
    match &model.overlay {
        Some(Overlay::KillSwitch(Dialog::Armed { guard, .. })) => Some(guard.ends_at()),
        _ => None,
    }
}

/// Closes a guard whose time is over.
pub(crate) fn expire(model: &mut Model) {
    if ends_at(model).is_some_and(|end| end <= model.now) {
        shut(model, "no code was completed in time");
    }
}

/// Closes an open guard because of somebody's act: Esc, `^Z`, a terminal that goes.
pub(crate) fn disarm(model: &mut Model) {
    if is_armed(model) {
        close(model);
        tell(model, Weight::Told, Message::plain(DISARMED));
    }
}

/// Closes an open guard that nobody closed, and says so in its place.
pub(crate) fn shut(model: &mut Model, why: &str) {
    if is_armed(model) {
        let next = format!("{why}; ^X begins again");
        model.overlay = Some(Overlay::KillSwitch(Dialog::Shut { why: DISARMED.into(), next }));
    }
}

fn is_armed(model: &Model) -> bool {
    matches!(model.overlay, Some(Overlay::KillSwitch(Dialog::Arming | Dialog::Armed { .. })))
}

/// What lay beneath comes back.
fn close(model: &mut Model) {
    model.overlay = model.beneath.take();
}
