//! The palette: what can be done here, by name. Refuses to do it: choosing goes through the one dispatch.

use crate::dialogs;
use crate::pen::{Pen, columns, first, from, row};
use crate::theme::Role;
use quarterdeck_app::{Model, Overlay, palette_rows};
use ratatui::layout::{Position, Rect};

/// The palette as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    title: String,
    filter: String,
    at: usize,
    place: usize,
    rows: Vec<(&'static str, String, &'static str)>,
}

impl View {
    /// Makes the view while the palette is open.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let Some(Overlay::Palette { filter, place }) = &model.overlay else { return None };
        let keymap = &model.setup.keymap;
        let rows = palette_rows(filter.text(), model.screen);
        let rows = rows.into_iter().map(|found| (found.name, keymap.shown(found.action), found.help)).collect();
        Some(Self {
            title: dialogs::title(model, "DO"),
            filter: filter.text().to_owned(),
            at: filter.at(),
            place: *place,
            rows,
        })
    }
}

/// Draws it as a box over the body. Gives the cursor's place in its field.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let height = (view.rows.len() as u16 + 3).clamp(4, 16).min(area.height);
    let inside = dialogs::draw_box(pen, area, &view.title, 76, height)?;
    let field = row(inside, 0);
    let used = pen.put(field, "> ", Role::Key);
    pen.put(from(field, used), &view.filter, Role::Strong);
    let before: String = view.filter.chars().take(view.at).collect();
    let cursor = Position::new(field.x + (used + columns(&before)).min(field.width.saturating_sub(1)), field.y);
    let room = usize::from(inside.height.saturating_sub(1)).max(1);
    let skip = view.place.saturating_sub(room - 1);
    for (index, (name, key, help)) in view.rows.iter().enumerate().skip(skip).take(room) {
        let line = row(inside, (index - skip) as u16 + 1);
        pen.put(first(from(line, 2), 18), name, Role::Text);
        pen.put(first(from(line, 21), 6), key, Role::Key);
        pen.put(from(line, 28), help, Role::Muted);
        if index == view.place {
            pen.tint(line, Role::Selected);
            pen.put(first(line, 1), ">", Role::Selected);
        }
    }
    if view.rows.is_empty() {
        pen.put(from(row(inside, 1), 2), "Nothing by that name.", Role::Muted);
    }
    Some(cursor)
}
