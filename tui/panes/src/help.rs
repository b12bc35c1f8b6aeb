//! The help: every key there is, filtered as one types. Refuses a list of its own: the table of keys is the list.

use crate::heading::heading;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::theme::Role;
use quarterdeck_app::{Model, Overlay, Screen, help_rows};
use ratatui::layout::{Position, Rect};

/// The help as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    filter: String,
    at: usize,
    rows: Vec<(String, &'static str, String)>,
    all: usize,
}

impl View {
    /// Makes the view while the help is open.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let Some(Overlay::Help { filter, scroll }) = &model.overlay else { return None };
        let keymap = &model.setup.keymap;
        let rows = help_rows(filter.text());
        let all = rows.len();
        let rows = rows.into_iter().skip(*scroll).map(|found| {
            let keys: Vec<String> = keymap.keys(found.action).iter().map(ToString::to_string).collect();
            (keys.join(" "), found.name, format!("{}{}", found.help, places(found.scope, found.guarded)))
        });
        Some(Self { filter: filter.text().to_owned(), at: filter.at(), rows: rows.collect(), all })
    }
}

fn places(scope: quarterdeck_app::Scope, guarded: bool) -> String {
    let screens = [
        (Screen::Overview, "overview"),
        (Screen::Secrets, "secrets"),
        (Screen::Audit, "audit"),
        (Screen::Backends, "backends"),
        (Screen::Rotation, "rotations"),
    ];
    let names: Vec<&str> = screens.iter().filter(|(screen, _)| scope.holds(*screen)).map(|(_, name)| *name).collect();
    match (guarded, names.len() == screens.len()) {
        (true, _) if scope == quarterdeck_app::Scope::ROTATION => " (rotations, unlocked only)".to_owned(),
        (true, _) => " (unlocked only)".to_owned(),
        (false, true) => String::new(),
        (false, false) => format!(" ({})", names.join(", ")),
    }
}

/// Draws it over the whole body. Gives the cursor's place in its field.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    pen.clear(area);
    let rest = format!("{} keys; type to filter, Esc closes", view.all);
    heading(pen, row(area, 0), "HELP", &rest, &[]);
    let field = from(row(area, 1), 2);
    let used = pen.put(field, "> ", Role::Key);
    pen.put(from(field, used), &view.filter, Role::Strong);
    let before: String = view.filter.chars().take(view.at).collect();
    let cursor = Position::new(field.x + (used + columns(&before)).min(field.width.saturating_sub(1)), field.y);
    let body = below(area, 2);
    let name = if area.width >= 70 { 18 } else { 0 };
    for (index, (keys, word, help)) in view.rows.iter().take(usize::from(body.height)).enumerate() {
        let line = row(body, index as u16);
        pen.put_right(first(from(line, 1), 13), keys, Role::Key);
        pen.put(first(from(line, 16), name), word, Role::Heading);
        pen.put(from(line, 16 + name), help, Role::Text);
    }
    if view.rows.is_empty() {
        pen.put(from(row(body, 0), 2), "No key with that. Backspace takes a letter back.", Role::Muted);
    }
    Some(cursor)
}
