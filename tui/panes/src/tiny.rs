//! A screen that is too small to act on: one line with the environment and what is known of trading, and what follows
//! by itself. Refuses more.

use crate::pen::{Pen, columns, row};
use crate::theme::Role;
use crate::{band, kill, words};
use quarterdeck_app::{Action, Model};
use ratatui::layout::Rect;

/// Draws it.
pub(crate) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let environment = model.setup.seat.environment;
    let glyph = environment.glyph();
    let title = environment.title();
    let word = model.kill.as_ref().map_or("unknown", |row| row.state.word());
    let mark = if kill::is_old(model) && model.kill.is_some() { " ?" } else { "" };
    let level = model.kill.as_ref().and_then(|row| row.level()).map_or("", |level| match level.number() {
        3 => "STOPPED",
        _ => "HALTED",
    });
    let texts = [
        format!("{glyph} {title} {glyph} TRADING {word}{mark}"),
        format!("{title} TRADING {word}{mark}"),
        format!("{title} {word}{mark}"),
        format!("{title} {level}"),
        title.to_owned(),
    ];
    let fits = texts.iter().find(|text| columns(text) <= area.width).unwrap_or(&texts[4]);
    pen.put(row(area, 0), fits, band::role(environment));
    let left = model.kill.as_deref().and_then(|row| kill::left(model, row));
    let follows = match left {
        Some(left) => (format!("LEVEL 4 IN {}", words::running(left)), Role::Danger),
        None => ("too small to act".to_owned(), Role::Muted),
    };
    pen.put(row(area, 1), &follows.0, follows.1);
    let verb = if kill::in_force(model).is_none() { "stops" } else { "halts" };
    pen.put(row(area, 2), &format!("{} {verb}", model.setup.keymap.shown(Action::KillSwitch)), Role::Key);
}
