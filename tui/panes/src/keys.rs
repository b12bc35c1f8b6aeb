//! The last row: the kill-switch's key, the keys that work here now, and help. Refuses a key that does nothing here.

use crate::band::role;
use crate::kill;
use crate::pen::{Pen, columns, first, from};
use quarterdeck_app::{Action, Keymap, Model, Overlay, Screen, Stage, row};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Level;
use ratatui::layout::Rect;

/// What the last row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    environment: Environment,
    stop: String,
    /// Groups of keys, most wanted first in each.
    groups: Vec<Vec<String>>,
    help: String,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let keymap = &model.setup.keymap;
        Self {
            environment: model.setup.seat.environment,
            stop: format!("{} {}", keymap.shown(Action::KillSwitch), stop(model)),
            groups: groups(model, keymap),
            help: if model.overlay.is_some() || model.entry.is_some() { "Esc back" } else { "? help" }.to_owned(),
        }
    }
}

/// What Ctrl-X leads to, by what is in force.
fn stop(model: &Model) -> &'static str {
    match kill::in_force(model) {
        None => "STOP TRADING",
        Some(Level::Stop) => "HALT (level 4)",
        Some(Level::Halt) => "HALT again",
    }
}

fn groups(model: &Model, keymap: &Keymap) -> Vec<Vec<String>> {
    let shown = |action: Action| {
        let key = keymap.shown(action);
        (!key.is_empty()).then(|| format!("{key} {}", row(action).short))
    };
    if let Some(overlay) = &model.overlay {
        let words: &[&str] = match overlay {
            Overlay::KillSwitch(_) => &[],
            Overlay::Hold { .. } => &["Enter hold"],
            Overlay::Release { .. } => &["Enter release"],
            Overlay::Rotation(_) => &["Enter do it"],
            Overlay::Leave => &["Enter leave"],
            Overlay::Unlock => &["Enter unlock"],
            Overlay::Help { .. } => &["type to filter", "Up Down scroll"],
            Overlay::Palette { .. } => &["type to filter", "Up Down choose", "Enter do it"],
        };
        return vec![words.iter().map(|word| (*word).to_owned()).collect()];
    }
    if model.entry.is_some() {
        return vec![vec!["Enter keep".into()]];
    }
    let screens = [
        (Screen::Overview, Action::Overview),
        (Screen::Secrets, Action::Secrets),
        (Screen::Audit, Action::Audit),
        (Screen::Backends, Action::Backends),
        (Screen::Rotation, Action::Rotations),
    ];
    let screens = screens.iter().filter(|(screen, _)| *screen != model.screen).filter_map(|(_, action)| shown(*action));
    let here: &[Action] = match model.screen {
        Screen::Overview => {
            &[Action::Find, Action::Rotate, Action::Reveal, Action::ReadAgain, Action::Pause, Action::Palette]
        }
        Screen::Secrets if model.secrets.open => {
            &[Action::Fold, Action::Rotate, Action::Reveal, Action::ReadAgain, Action::HalfDown]
        }
        Screen::Secrets => &[
            Action::Open,
            Action::Find,
            Action::Rotate,
            Action::Reveal,
            Action::Copy,
            Action::ReadAgain,
            Action::Palette,
        ],
        Screen::Rotation => match model.rotations.stage {
            Stage::List => &[Action::Open, Action::Rotate, Action::Palette],
            Stage::Asked(_) | Stage::Plan { .. } => &[Action::Fold, Action::HalfDown, Action::ReadAgain],
            Stage::One(_) => &[Action::Fold, Action::HalfDown, Action::Rotations],
        },
        Screen::Audit => &[
            Action::Find,
            Action::Open,
            Action::Pause,
            Action::Follow,
            Action::NextHit,
            Action::NextMajor,
            Action::NextCritical,
        ],
        Screen::Backends if model.backends.open => &[Action::Fold, Action::ReadAgain, Action::HalfDown],
        Screen::Backends => &[Action::Open, Action::ReadAgain, Action::Find, Action::Copy, Action::Palette],
    };
    let free = model.setup.access.is_free();
    let here = here.iter().filter(|action| free || !row(**action).guarded).filter_map(|action| match action {
        Action::Find if model.screen == Screen::Secrets => Some(format!("{} search", keymap.shown(Action::Find))),
        Action::Find if model.screen == Screen::Backends => Some(format!("{} filter", keymap.shown(Action::Find))),
        _ => shown(*action),
    });
    let mut here: Vec<String> = here.collect();
    // On the audit nothing is guarded; a hold or a release is, on every screen.
    let unlocks = model.screen != Screen::Audit || kill::not_normal(model).is_some();
    if matches!(model.setup.access, quarterdeck_app::Access::LookOnly) && unlocks {
        here.insert(0, format!("{} unlock", keymap.shown(Action::Unlock)));
    }
    let switch = model.kill_keys().iter().map(|action| format!("{} {}", keymap.shown(*action), row(*action).name));
    let rotation = model.rotation_keys();
    let rotation = rotation.iter().filter_map(|action| shown(*action));
    // What changes the rotation that stands there comes before the way to another screen.
    vec![switch.collect(), rotation.collect(), screens.collect(), here]
}

/// Draws the row; what there is no room for is left out from the end, the help never.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, line: Rect) {
    let role = role(view.environment);
    let glyph = view.environment.glyph();
    let fill = glyph.chars().next().unwrap_or('#');
    pen.fill(line, fill, role);
    let tail = format!(" {} {fill}", view.help);
    let room = line.width.saturating_sub(columns(&tail) + 2);
    let mut left = format!("{glyph} {}", view.stop);
    for group in &view.groups {
        let mut between = format!(" {glyph} ");
        for word in group {
            let longer = format!("{left}{between}{word}");
            // What is too long gives way to something shorter behind it.
            if columns(&longer) + 1 > room {
                continue;
            }
            left = longer;
            between = " ".into();
        }
    }
    pen.put(first(line, room), &format!("{left} "), role);
    pen.put_right(from(line, 0), &tail, role);
}
