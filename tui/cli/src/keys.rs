//! Keys from the terminal into the model's own, and key lines of the configuration into bindings. Refuses to know what a
//! key does.

use quarterdeck_app::{Binding, Code, Key};
use quarterdeck_control::config::{Config, KeyNames};
use quarterdeck_terminal::KeyCode;

/// The model's key for the terminal's.
pub(crate) fn translated(key: quarterdeck_terminal::Key) -> Key {
    let code = match key.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Insert => Code::Insert,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(number) => Code::F(number),
    };
    Key { code, ctrl: key.ctrl, alt: key.alt, shift: key.shift }
}

/// `[keys]` of the configuration.
pub(crate) fn bindings(config: &Config) -> Vec<Binding> {
    let place = config.files.last().map_or_else(String::new, |file| format!("{} [keys]", file.display()));
    let binding = |(action, keys): (&String, &KeyNames)| Binding {
        place: format!("{place} {action}"),
        action: action.clone(),
        keys: match keys {
            KeyNames::One(key) => vec![key.clone()],
            KeyNames::Several(keys) => keys.clone(),
        },
    };
    config.file.keys.iter().map(binding).collect()
}
