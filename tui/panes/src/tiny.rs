//! A screen that is too small to act on: one line with the environment and what is known of trading. Refuses more.

use crate::band;
use crate::pen::{Pen, row};
use quarterdeck_app::Model;
use ratatui::layout::Rect;

/// Draws it.
pub(crate) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let environment = model.setup.seat.environment;
    let glyph = environment.glyph();
    let text = format!("{glyph} {} {glyph} TRADING unknown", environment.title());
    pen.put(row(area, 0), &text, band::role(environment));
    pen.put(row(area, 1), "too small to act", crate::theme::Role::Muted);
}
