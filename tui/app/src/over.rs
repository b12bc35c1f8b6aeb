//! Keys while something lies over the screen: a dialog, the help, the palette. Refuses to act by itself: what is chosen
//! goes through the one dispatch.

use crate::act::{perform, quit, unlocked};
use crate::effect::Effect;
use crate::entry::Line;
use crate::hold;
use crate::key::{Code, Key};
use crate::keymap::{ACTIONS, Action, Row};
use crate::model::{Model, Overlay, Screen};
use crate::rotate;
use crate::switch;

/// Takes a press.
pub(crate) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    if matches!(model.overlay, Some(Overlay::KillSwitch(_))) {
        return switch::key(model, key);
    }
    if key.code == Code::Esc {
        model.overlay = None;
        return Vec::new();
    }
    // A dialog that can't be seen takes nothing.
    if model.size.is_tiny() {
        return Vec::new();
    }
    match model.overlay.take() {
        Some(question @ (Overlay::Hold { .. } | Overlay::Release { .. })) => {
            model.overlay = Some(question);
            return hold::key(model, key);
        }
        Some(question @ Overlay::Rotation(_)) => {
            model.overlay = Some(question);
            return rotate::key(model, key);
        }
        Some(Overlay::KillSwitch(_)) | None => {}
        Some(Overlay::Leave) => match key.code {
            Code::Enter | Code::Char('y' | 'q') => return quit(model),
            Code::Char('n') => {}
            _ => model.overlay = Some(Overlay::Leave),
        },
        Some(Overlay::Unlock) => match key.code {
            Code::Enter | Code::Char('y') => return unlocked(model),
            Code::Char('n' | 'q') => {}
            _ => model.overlay = Some(Overlay::Unlock),
        },
        Some(Overlay::Help { filter, scroll }) => model.overlay = help_key(filter, scroll, key),
        Some(Overlay::Palette { filter, place }) => return palette_key(model, filter, place, key),
    }
    Vec::new()
}

fn help_key(mut filter: Line, scroll: usize, key: Key) -> Option<Overlay> {
    let last = help_rows(filter.text()).len().saturating_sub(1);
    let scroll = match key.code {
        Code::Enter => return None,
        // With nothing typed yet, the keys that opened it and that leave a pane close it.
        Code::Char('?' | 'q') | Code::F(1) if filter.text().is_empty() => return None,
        Code::Down => (scroll + 1).min(last),
        Code::Up => scroll.saturating_sub(1),
        Code::PageDown => (scroll + 10).min(last),
        Code::PageUp => scroll.saturating_sub(10),
        _ => {
            if filter.edit(key) {
                0
            } else {
                scroll
            }
        }
    };
    Some(Overlay::Help { filter, scroll })
}

fn palette_key(model: &mut Model, mut filter: Line, place: usize, key: Key) -> Vec<Effect> {
    let rows = palette_rows(filter.text(), model.screen);
    let last = rows.len().saturating_sub(1);
    let place = match key.code {
        Code::Enter => return rows.get(place).map_or_else(Vec::new, |row| perform(model, row.action)),
        Code::Backspace if filter.text().is_empty() => return Vec::new(),
        Code::Down | Code::Tab => (place + 1).min(last),
        Code::Up | Code::BackTab => place.saturating_sub(1),
        _ => {
            if filter.edit(key) {
                0
            } else {
                place
            }
        }
    };
    model.overlay = Some(Overlay::Palette { filter, place });
    Vec::new()
}

/// The rows of the help that a filter lets through.
pub fn help_rows(filter: &str) -> Vec<&'static Row> {
    let wanted = filter.trim().to_lowercase();
    let fits = |text: &str| text.to_lowercase().contains(&wanted);
    let key = |keys: &str| keys.split(' ').any(|key| key == filter.trim());
    ACTIONS.iter().filter(|row| fits(row.name) || fits(row.help) || key(row.keys)).collect()
}

/// The rows of the palette that a filter lets through, those whose name begins with it first.
pub fn palette_rows(filter: &str, screen: Screen) -> Vec<&'static Row> {
    let wanted = filter.trim().to_lowercase();
    let useful = |row: &&Row| row.scope.holds(screen) && row.action != Action::Palette;
    let mut rows: Vec<&Row> = ACTIONS
        .iter()
        .filter(useful)
        .filter(|row| row.name.contains(&wanted) || row.help.to_lowercase().contains(&wanted))
        .collect();
    rows.sort_by_key(|row| (!row.name.starts_with(&wanted), !row.name.contains(&wanted)));
    rows
}
