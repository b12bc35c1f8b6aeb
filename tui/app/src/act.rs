//! What a key does. Every action, from a key or from the palette, goes through [`perform`], and there alone it is
//! asked whether this session may do it. Refuses to act on what is not on the screen.

use crate::effect::{Copied, Effect};
use crate::entry::{Entry, Line, Purpose};
use crate::find::Find;
use crate::hold;
use crate::key::{Code, Key};
use crate::keymap::{Action, FIXED, row};
use crate::list::{Move, SecretId};
use crate::model::{Access, Bell, Model, Overlay, Reveal, Screen, Weight};
use crate::news::Message;
use crate::over;
use crate::rotate;
use crate::rotation::Stage;
use crate::switch;
use crate::tries::Deed;
use crate::update::tell;
use crate::value::Value;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::severity::Severity;

/// Takes a press: to the fixed keys first, then to what lies over the screen, then to the field, then to the table.
pub(crate) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let action = model.setup.keymap.action(key, model.screen);
    // What was told has been read when the next key is pressed; a refusal or a failure stays its time, or until Esc.
    let is_back = action == Some(Action::Back);
    if !is_back && model.notice.as_ref().is_some_and(|notice| notice.weight == Weight::Told) {
        model.notice = None;
    }
    if let Some(fixed) = action.filter(|action| FIXED.contains(action) && *action != Action::Back) {
        return perform(model, fixed);
    }
    model.secrets.pin();
    if model.overlay.is_some() {
        return over::key(model, key);
    }
    if model.entry.is_some() {
        return entry_key(model, key);
    }
    action.map_or_else(Vec::new, |action| perform(model, action))
}

/// Takes a paste: into the field that is open, or nowhere. It is never keystrokes.
pub(crate) fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    match (&mut model.overlay, &mut model.entry) {
        (Some(Overlay::Help { filter, scroll }), _) => {
            filter.paste(text);
            *scroll = 0;
        }
        (Some(Overlay::Palette { filter, place }), _) => {
            filter.paste(text);
            *place = 0;
        }
        (Some(Overlay::KillSwitch(dialog)), _) => switch::paste(dialog, text),
        (Some(Overlay::Rotation(asking)), _) => rotate::paste(asking, text),
        (Some(overlay), _) => hold::paste(overlay, text),
        (None, None) => {}
        (None, Some(entry)) => {
            entry.line.paste(text);
            typed(model);
        }
    }
    Vec::new()
}

/// The one door.
pub(crate) fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    if is_shut(model, action) { Vec::new() } else { act(model, action) }
}

/// What is guarded stays shut while the session is look only, which is said; and while the screen is too small to see what
/// is done nearly everything does. The kill-switch is open always.
pub(crate) fn is_shut(model: &mut Model, action: Action) -> bool {
    let always = [Action::KillSwitch, Action::Quit, Action::Suspend, Action::Redraw];
    if model.size.is_tiny() && !always.contains(&action) {
        return true;
    }
    let shut = row(action).guarded && !model.setup.access.is_free();
    if shut {
        let what = format!("{}: this session is look only", row(action).name);
        let next = match model.setup.access {
            Access::LookOnly => format!("{} unlocks it for a while", model.setup.keymap.shown(Action::Unlock)),
            _ => model.setup.why_read_only(),
        };
        tell(model, Weight::Refused, Message::with_next(what, next));
    }
    shut
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::KillSwitch => return switch::pressed(model),
        Action::Hold => hold::hold(model),
        Action::Release => hold::release(model),
        Action::Quit => return quit(model),
        Action::Suspend => {
            hide(model);
            rotate::close(model);
            switch::disarm(model);
            return vec![Effect::Suspend];
        }
        Action::Redraw => return vec![Effect::Redraw],
        Action::Overview => go_to(model, Screen::Overview),
        Action::Secrets => go_to(model, Screen::Secrets),
        Action::Audit => go_to(model, Screen::Audit),
        Action::Backends => go_to(model, Screen::Backends),
        Action::Rotations => rotations(model),
        Action::Alarms => not_built(model, "4 alarms", "MAJOR and CRITICAL lines: 3, then w and e"),
        Action::Approvals => not_built(model, "5 approvals", "what needs one is refused until then"),
        Action::Down => return moved(model, Move::By(1)),
        Action::Up => return moved(model, Move::By(-1)),
        Action::HalfDown => return paged(model, 1),
        Action::HalfUp => return paged(model, -1),
        Action::First => return moved(model, Move::First),
        Action::Last => return moved(model, Move::Last),
        Action::Follow => model.tail.follow(),
        Action::Open => return open(model),
        Action::Fold => _ = fold(model),
        Action::Find => find(model),
        Action::NextHit => return hop(model, true, Hop::Hit),
        Action::PreviousHit => return hop(model, false, Hop::Hit),
        Action::NextCritical => return hop(model, true, Hop::Severity(Severity::Critical)),
        Action::PreviousCritical => return hop(model, false, Hop::Severity(Severity::Critical)),
        Action::NextMajor => return hop(model, true, Hop::Severity(Severity::Major)),
        Action::PreviousMajor => return hop(model, false, Hop::Severity(Severity::Major)),
        Action::OnlyHits => only_hits(model),
        Action::Pause => model.tail.hold(),
        Action::Reveal => return reveal(model),
        Action::Copy => return copy(model),
        Action::CopyValue => return copy_value(model),
        Action::Rotate => return rotate::plan(model),
        Action::StartRotation
        | Action::Confirm
        | Action::StepDone
        | Action::StepFailed
        | Action::RollBack
        | Action::RetireNow
        | Action::Resume
        | Action::Abort => rotate::ask(model, action),
        Action::ReadAgain => return read_again(model),
        Action::Unlock => return unlock(model),
        Action::Bell => bell(model),
        Action::Mouse => {
            model.known.mouse = !model.known.mouse;
            let says = if model.known.mouse { "mouse on; the terminal selects with Shift" } else { "mouse off" };
            tell(model, Weight::Told, Message::plain(says));
            return vec![Effect::SetMouse(model.known.mouse)];
        }
        Action::Palette => over(model, Overlay::Palette { filter: Line::default(), place: 0 }),
        Action::Help => {
            over(model, Overlay::Help { filter: Line::default(), scroll: 0 });
            did(model, Deed::Help);
        }
        Action::Leave => leave(model),
        Action::Back => back(model),
    }
    Vec::new()
}

// --- where the screen stands -------------------------------------------------------------------------------------

pub(crate) fn over(model: &mut Model, overlay: Overlay) {
    model.overlay = Some(overlay);
    model.entry = None;
    hide(model);
}

pub(crate) fn go_to(model: &mut Model, screen: Screen) {
    if model.screen != screen {
        hide(model);
    }
    model.screen = screen;
    model.entry = None;
}

/// The list of rotations, wherever one stands.
fn rotations(model: &mut Model) {
    go_to(model, Screen::Rotation);
    model.rotations.from = Screen::Overview;
    model.rotations.show(Stage::List);
}

fn not_built(model: &mut Model, what: &str, next: &str) {
    tell(model, Weight::Told, Message::with_next(format!("{what}: not built yet"), next));
}

pub(crate) fn quit(model: &mut Model) -> Vec<Effect> {
    hide(model);
    rotate::close(model);
    switch::disarm(model);
    did(model, Deed::Leave);
    vec![Effect::Quit]
}

fn leave(model: &mut Model) {
    if fold(model) {
        return;
    }
    match model.screen {
        Screen::Overview => over(model, Overlay::Leave),
        _ => go_to(model, Screen::Overview),
    }
}

fn back(model: &mut Model) {
    if model.notice.take().is_some() || fold(model) || unfilter(model) {
        return;
    }
    if model.screen == Screen::Overview {
        // There is nothing to go back from: what row 3 tells has been read.
        model.tail.put_away();
        model.rotations.put_away(model.now);
    }
    go_to(model, Screen::Overview);
}

/// Closes a detail. Says whether one was open.
fn fold(model: &mut Model) -> bool {
    let open = match model.screen {
        Screen::Overview => return false,
        Screen::Audit => model.tail.opened.take().is_some(),
        Screen::Secrets => std::mem::take(&mut model.secrets.open),
        Screen::Backends => std::mem::take(&mut model.backends.open),
        Screen::Rotation => rotate::fold(model),
    };
    if open {
        hide(model);
    }
    open
}

fn unfilter(model: &mut Model) -> bool {
    match model.screen {
        Screen::Audit if model.tail.find().is_some() => model.tail.look_for(None, model.now),
        Screen::Secrets if !model.secrets.filter.is_empty() => model.secrets.set_filter(String::new()),
        Screen::Backends if !model.backends.filter.is_empty() => model.backends.set_filter(String::new()),
        _ => return false,
    }
    true
}

// --- moving ------------------------------------------------------------------------------------------------------

/// Rows of the tail on the audit screen; the pane makes sure itself that the selected line is inside.
fn tail_rows(model: &Model) -> usize {
    let body = usize::from(model.size.rows).saturating_sub(6).max(1);
    if model.tail.opened.is_some() { body.div_ceil(2) } else { body }
}

fn moved(model: &mut Model, to: Move) -> Vec<Effect> {
    match model.screen {
        Screen::Overview | Screen::Secrets => {
            model.secrets.go(to);
            hide_unless_selected(model);
        }
        Screen::Backends => model.backends.go(to),
        Screen::Rotation => match (&model.rotations.stage, to) {
            (Stage::List, _) => model.rotations.go(to),
            (_, Move::By(steps)) => scroll_rotation(model, steps),
            (_, Move::First) => model.rotations.scroll = 0,
            (_, Move::Last) => model.rotations.scroll = LONGEST_DETAIL,
        },
        Screen::Audit => {
            let rows = tail_rows(model);
            model.tail.go(to, rows);
            return reopen(model);
        }
    }
    Vec::new()
}

/// A detail is scrolled no farther than this.
const LONGEST_DETAIL: usize = 200;

fn scroll_rotation(model: &mut Model, steps: isize) {
    let scroll = &mut model.rotations.scroll;
    *scroll = scroll.saturating_add_signed(steps).min(LONGEST_DETAIL);
}

/// Half a page; in an open detail, half a page of its text.
fn paged(model: &mut Model, sign: isize) -> Vec<Effect> {
    let half = (tail_rows(model) / 2).max(1) as isize * sign;
    if let (Screen::Audit, Some(opened)) = (model.screen, &mut model.tail.opened) {
        let last = opened.text.as_ref().map_or(0, |text| text.len().saturating_sub(1));
        opened.scroll = opened.scroll.saturating_add_signed(half).min(last);
        return Vec::new();
    }
    let scroll = match model.screen {
        Screen::Backends if model.backends.open => &mut model.backends.scroll,
        Screen::Secrets if model.secrets.open => &mut model.secrets.scroll,
        _ => return moved(model, Move::By(half)),
    };
    *scroll = scroll.saturating_add_signed(half).min(LONGEST_DETAIL);
    Vec::new()
}

enum Hop {
    Hit,
    Severity(Severity),
}

fn hop(model: &mut Model, forward: bool, to: Hop) -> Vec<Effect> {
    let rows = tail_rows(model);
    let (found, what) = match to {
        Hop::Hit if model.tail.find().is_none() => (false, "nothing is looked for: / finds".to_owned()),
        Hop::Hit => (model.tail.jump(forward, |shown| shown.hit, rows), "no hit".to_owned()),
        Hop::Severity(severity) => {
            let found = model.tail.jump(forward, |shown| shown.line.severity == severity, rows);
            (found, format!("no {severity} line"))
        }
    };
    if found {
        let seen = model.tail.selected().map(|shown| shown.number);
        if seen.is_some() && seen == model.tail.last(Severity::Major).map(|(_, number)| number) {
            model.tail.put_away();
        }
        return reopen(model);
    }
    let place = if what.starts_with("nothing") {
        ""
    } else if forward {
        " after this"
    } else {
        " before this"
    };
    tell(model, Weight::Told, Message::plain(format!("{what}{place}")));
    Vec::new()
}

/// An open detail follows the selection.
fn reopen(model: &mut Model) -> Vec<Effect> {
    if model.tail.opened.is_some() { open(model) } else { Vec::new() }
}

fn open(model: &mut Model) -> Vec<Effect> {
    match model.screen {
        // A rotation that is under way is what is to be known of a secret.
        Screen::Overview if model.selected_rotation().is_some() => return rotate::plan(model),
        Screen::Overview => go_to(model, Screen::Secrets),
        Screen::Secrets if model.secrets.open && model.selected_rotation().is_some() => return rotate::plan(model),
        Screen::Secrets => model.secrets.open = model.secrets.selected().is_some(),
        Screen::Rotation => rotate::open(model),
        Screen::Backends => model.backends.open = model.backends.selected().is_some(),
        Screen::Audit => {
            let rows = tail_rows(model);
            let fetch = |opened: crate::tail::Opened| Effect::FetchLine { place: opened.place, source: opened.source };
            return model.tail.open(rows).map(fetch).into_iter().collect();
        }
    }
    Vec::new()
}

// --- finding and filtering ---------------------------------------------------------------------------------------

fn find(model: &mut Model) {
    let (purpose, text) = match model.screen {
        Screen::Rotation => {
            let next = format!("{} then / finds in the audit", model.setup.keymap.shown(Action::Audit));
            return tell(model, Weight::Told, Message::with_next("nothing is searched in here", next));
        }
        Screen::Overview | Screen::Audit => {
            go_to(model, Screen::Audit);
            (Purpose::Find, model.tail.find().map(|find| find.text().to_owned()).unwrap_or_default())
        }
        Screen::Secrets => (Purpose::FilterSecrets, model.secrets.filter.clone()),
        Screen::Backends => (Purpose::FilterBackends, model.backends.filter.clone()),
    };
    hide(model);
    model.entry = Some(Entry { purpose, line: Line::new(&text), before: text, wrong: None });
}

fn entry_key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(entry) = &mut model.entry else { return Vec::new() };
    match key.code {
        // What is not understood is not kept; the field says what is wrong with it.
        Code::Enter if entry.wrong.is_some() => {}
        Code::Enter => {
            if entry.purpose == Purpose::Find && model.tail.hits().0 > 0 {
                did(model, Deed::Find);
            }
            model.entry = None;
        }
        Code::Esc => {
            let before = entry.before.clone();
            entry.line = Line::new(&before);
            typed(model);
            model.entry = None;
        }
        Code::Tab => only_hits(model),
        Code::Up | Code::Down | Code::PageUp | Code::PageDown => {
            let action = model.setup.keymap.action(key, model.screen);
            return action.map_or_else(Vec::new, |action| perform(model, action));
        }
        _ => {
            if entry.line.edit(key) {
                typed(model);
            }
        }
    }
    Vec::new()
}

/// What stands in the field takes effect at once.
fn typed(model: &mut Model) {
    let Some(entry) = &model.entry else { return };
    let text = entry.line.text().to_owned();
    let mut wrong = None;
    match entry.purpose {
        Purpose::FilterSecrets => model.secrets.set_filter(text),
        Purpose::FilterBackends => model.backends.set_filter(text),
        Purpose::Find => match Find::parse(&text) {
            Ok(find) => model.tail.look_for(find, model.now),
            // Half a filter is typed on the way to a whole one: the last whole one stays in force.
            Err(why) => wrong = Some(why),
        },
    }
    if let Some(entry) = &mut model.entry {
        entry.wrong = wrong;
    }
    hide_unless_selected(model);
}

fn only_hits(model: &mut Model) {
    if model.screen == Screen::Audit {
        model.tail.only_hits = !model.tail.only_hits;
    }
}

// --- values and names --------------------------------------------------------------------------------------------

/// Takes a value off the screen and out of memory.
pub(crate) fn hide(model: &mut Model) {
    model.reveal = Reveal::Masked;
}

/// A value stands only beside its own selected name.
pub(crate) fn hide_unless_selected(model: &mut Model) {
    let selected = model.secrets.selected().map(SecretId::of);
    let holds = match &model.reveal {
        Reveal::Masked => true,
        Reveal::Asked(id) | Reveal::Shown { id, .. } => selected.as_ref() == Some(id),
    };
    if !holds {
        hide(model);
    }
}

fn reveal(model: &mut Model) -> Vec<Effect> {
    let Some(id) = model.secrets.selected().map(SecretId::of) else {
        tell(model, Weight::Told, Message::plain("no secret is selected"));
        return Vec::new();
    };
    if matches!(&model.reveal, Reveal::Shown { id: shown, .. } if *shown == id) {
        hide(model);
        return Vec::new();
    }
    go_to(model, Screen::Secrets);
    model.secrets.open = true;
    let SecretId { name, layer } = id.clone();
    model.reveal = Reveal::Asked(id);
    vec![Effect::Reveal { name, layer }]
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let text = match model.screen {
        Screen::Overview | Screen::Secrets => model.secrets.selected().map(|row| row.name.clone()),
        Screen::Backends => model.backends.selected().map(|row| row.name.clone()),
        Screen::Rotation => model.rotation_secret().map(|id| id.name),
        Screen::Audit => model.tail.selected().map(|shown| {
            let line = shown.line;
            let at = line.at.map(|at| at.to_string()).unwrap_or_default();
            let parts =
                [&at, line.severity.word(), line.actor(), line.kind(), line.resource(), line.outcome(), &line.source];
            parts.join("  ")
        }),
    };
    let Some(text) = text else {
        tell(model, Weight::Told, Message::plain("nothing is selected"));
        return Vec::new();
    };
    let what = if model.screen == Screen::Audit { "the line".to_owned() } else { text.clone() };
    tell(model, Weight::Told, Message::plain(format!("copied: {what}")));
    vec![Effect::Copy(Copied::Text(text))]
}

fn copy_value(model: &mut Model) -> Vec<Effect> {
    let value: Option<Value> = match &model.reveal {
        Reveal::Shown { value, .. } => Some(value.clone()),
        _ => None,
    };
    let Some(value) = value else {
        let next = format!("{} reveals it first", model.setup.keymap.shown(Action::Reveal));
        tell(model, Weight::Told, Message::with_next("only a value that stands revealed is copied", next));
        return Vec::new();
    };
    tell(model, Weight::Told, Message::plain("copied: the value; the clipboard is cleared after 30 s"));
    vec![Effect::Copy(Copied::Value(value))]
}

fn read_again(model: &mut Model) -> Vec<Effect> {
    model.inspect.again();
    if let Some(plan) = rotate::plan_again(model) {
        tell(model, Weight::Told, Message::plain("asked again: the plan"));
        return vec![plan];
    }
    let one = match model.screen {
        Screen::Backends => model.backends.selected().map(|row| row.name.clone()),
        _ => None,
    };
    let what = one.as_deref().unwrap_or("every backend");
    tell(model, Weight::Told, Message::plain(format!("asked again: {what}")));
    vec![Effect::ReadAgain(one)]
}

// --- rights ------------------------------------------------------------------------------------------------------

fn unlock(model: &mut Model) -> Vec<Effect> {
    match model.setup.access {
        Access::Unlocked { .. } => return lock(model),
        Access::LookOnly => over(model, Overlay::Unlock),
        Access::ReadOnly => {
            let message = Message::with_next("this session stays look only", model.setup.why_read_only());
            tell(model, Weight::Refused, message);
        }
        Access::Free => {
            let title = model.setup.seat.environment.title();
            tell(model, Weight::Told, Message::plain(format!("{title} is not locked: nothing to unlock")));
        }
    }
    Vec::new()
}

/// Back to look only.
pub(crate) fn lock(model: &mut Model) -> Vec<Effect> {
    model.setup.access = Access::at_start(Environment::Production, false);
    hide(model);
    rotate::close(model);
    tell(model, Weight::Told, Message::plain("look only again"));
    vec![Effect::LookOnly]
}

pub(crate) fn unlocked(model: &mut Model) -> Vec<Effect> {
    let Ok(until) = model.now.checked_add(model.setup.unlock_for) else { return Vec::new() };
    model.setup.access = Access::Unlocked { until };
    // What was refused for being locked is no longer so.
    model.notice = None;
    vec![Effect::Unlocked { until }]
}

fn bell(model: &mut Model) {
    let (bell, says) = match model.setup.bell {
        Bell::Off => (Bell::Critical, "the bell rings for a CRITICAL line"),
        Bell::Critical => (Bell::Off, "the bell is off"),
    };
    model.setup.bell = bell;
    tell(model, Weight::Told, Message::plain(says));
}

pub(crate) fn bell_rings(model: &Model) -> bool {
    model.setup.bell == Bell::Critical
}

/// Ticks a line to try.
pub(crate) fn did(model: &mut Model, deed: Deed) {
    model.setup.tries.iter_mut().filter(|line| line.deed == deed).for_each(|line| line.done = true);
}
