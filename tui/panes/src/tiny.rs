//! A screen that is too small to act on: one line with the environment and what is known of trading. Refuses more.

use crate::band;
use crate::pen::{Pen, columns, row};
use quarterdeck_app::Model;
use ratatui::layout::Rect;

/// Draws it.
pub(crate) fn draw(model: &Model, pen: &mut Pen<'_>, area: Rect) {
    let environment = model.setup.seat.environment;
    let glyph = environment.glyph();
    let title = environment.title();
    let texts = [
        format!("{glyph} {title} {glyph} TRADING unknown"),
        format!("{title} TRADING unknown"),
        format!("{title} TRADING ?"),
        title.to_owned(),
    ];
    let fits = texts.iter().find(|text| columns(text) <= area.width).unwrap_or(&texts[3]);
    pen.put(row(area, 0), fits, band::role(environment));
    pen.put(row(area, 1), "too small to act", crate::theme::Role::Muted);
}
