//! The whole screen, composed by its size. Refuses to draw outside the area it is given, at any size.

use crate::pen::{Pen, below, first, from, row};
use crate::theme::Theme;
use crate::{
    audit, backend, backends, band, dialogs, foot, help, keys, line, palette, secret, secrets, sentence, status, tiny,
    tries,
};
use quarterdeck_app::{Model, Screen, Size};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// How to draw, beside the theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Nothing above 0x7f.
    pub ascii: bool,
}

/// Draws the model into the buffer. Gives where the cursor belongs: in the field that is typed into, or on what is
/// selected.
///
/// ```text
///  band       environment, who, what they may do, clock
///  status     trading, backends, journal
///  sentence   quiet, or the worst thing
///  body       the screen's panes; dialogs lie over it
///  foot       a field, a message, or the sources
///  keys       the keys that work here
/// ```
pub fn draw_frame(model: &Model, theme: &Theme, options: Options, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let area = area.intersection(buffer.area);
    let mut pen = Pen::new(buffer, theme, options.ascii);
    pen.clear(area);
    if (Size { columns: area.width, rows: area.height }).is_tiny() {
        tiny::draw(model, &mut pen, area);
        return None;
    }
    band::draw(&band::View::of(model), &mut pen, row(area, 0));
    status::draw(&status::View::of(model), &mut pen, row(area, 1));
    sentence::draw(&sentence::View::of(model), &mut pen, row(area, 2));
    keys::draw(&keys::View::of(model), &mut pen, row(area, area.height - 1));
    let foot = foot::View::of(model, area.width);
    let foot_rows = foot.height().min(area.height / 3);
    let body = Rect { y: area.y + 3, height: area.height - 4 - foot_rows, ..area };
    let foot_area = Rect { y: body.y + body.height, height: foot_rows, ..area };
    let selected = match model.screen {
        Screen::Overview => overview(model, &mut pen, body),
        Screen::Secrets => secrets_screen(model, &mut pen, body),
        Screen::Audit => audit_screen(model, &mut pen, body),
        Screen::Backends => backends_screen(model, &mut pen, body),
    };
    let typed = foot::draw(&foot, &mut pen, foot_area);
    let over = overlay(model, &mut pen, body);
    over.or(typed).or(selected)
}

fn overlay(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    if let Some(view) = help::View::of(model) {
        return help::draw(&view, pen, body);
    }
    if let Some(view) = palette::View::of(model) {
        return palette::draw(&view, pen, body);
    }
    dialogs::draw(&dialogs::View::of(model)?, pen, body)
}

/// One above the other on a narrow screen; on a wide one the upper half is shared and the audit has the full width.
///
/// ```text
///  TRY                          SECRETS       | BACKENDS
///  SECRETS                      TRY           | DETAIL
///  BACKENDS                     AUDIT ...................
///  AUDIT
/// ```
fn overview(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    if body.width >= 130 && body.height >= 24 {
        overview_wide(model, pen, body)
    } else {
        overview_narrow(model, pen, body)
    }
}

fn overview_narrow(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let table = secrets::View::of(model);
    let tiles = backends::View::of(model);
    let tries = tries::View::of(model);
    let tries_rows = tries.as_ref().map_or(0, |view| view.height(body.width)).min(body.height / 3);
    let tries_rows = if body.height >= 13 { tries_rows } else { 0 };
    let tiles_rows = tiles.count() + 1;
    let room = body.height - tries_rows;
    let tiles_rows = if room >= 16 + tiles_rows.min(5) - 2 { tiles_rows.min(6) } else { 0 };
    let room = room - tiles_rows;
    // The audit keeps a third and four rows at least; the secrets take what they need of the rest.
    let secrets_rows = table.height().min(room - (room * 9 / 20).max((room / 2).min(5)));
    let mut at = 0;
    let mut part = |rows: u16| {
        let area = first_rows(below(body, at), rows);
        at += rows;
        area
    };
    if let Some(view) = &tries {
        let area = part(tries_rows);
        tries::draw(view, pen, area);
    }
    let cursor = secrets::draw(&table, pen, part(secrets_rows));
    backends::draw(&tiles, pen, part(tiles_rows), 1);
    draw_tail(model, pen, below(body, at));
    cursor
}

fn overview_wide(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let table = secrets::View::of(model);
    let tiles = backends::View::of(model);
    let tries = tries::View::of(model);
    let detail = secret::View::of(model);
    let width = (body.width / 2).clamp(80, 100);
    let (left, right) = (first(body, width), from(body, width + 2));
    let table_rows = table.height();
    let tiles_rows = 1 + tiles.count() * 2;
    let tries_rows = tries.as_ref().map_or(0, |view| view.height(right.width.min(99)));
    let detail_rows = detail.as_ref().map_or(2, secret::View::height);
    // The lines to try stand under the secrets, and the detail where the upper half stays lowest with it.
    let under_tiles = (table_rows + tries_rows).max(tiles_rows + detail_rows);
    let under_table = (table_rows + tries_rows + detail_rows).max(tiles_rows);
    let upper = under_tiles.min(under_table).clamp(6, body.height * 11 / 20);
    let (left, right) = (first_rows(left, upper), first_rows(right, upper));
    let spare = tries_rows + if under_table < under_tiles { detail_rows } else { 0 };
    let shown_rows = table_rows.min(upper.saturating_sub(spare).max(upper / 2));
    let cursor = secrets::draw(&table, pen, first_rows(left, shown_rows));
    let mut rest = below(left, shown_rows);
    if let Some(view) = tries.as_ref().filter(|_| rest.height > 1) {
        tries::draw(view, pen, first_rows(rest, tries_rows));
        rest = below(rest, tries_rows);
    }
    backends::draw(&tiles, pen, first_rows(right, tiles_rows), 2);
    let place = if under_table < under_tiles { rest } else { below(right, tiles_rows) };
    if place.height > 2 {
        secret::draw(detail.as_ref(), pen, place);
    }
    draw_tail(model, pen, below(body, upper));
    cursor
}

fn draw_tail(model: &Model, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let view = audit::View::of(model, usize::from(area.height.saturating_sub(1)));
    audit::draw(&view, pen, area)
}

fn secrets_screen(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let table = secrets::View::of(model);
    let detail = secret::View::of(model);
    let wanted = detail.as_ref().map_or(3, secret::View::height);
    if body.height < wanted + 6 {
        if model.secrets.open {
            secret::draw(detail.as_ref(), pen, body);
            return detail.map(|_| Position::new(body.x, body.y + 1));
        }
        return secrets::draw(&table, pen, body);
    }
    let list = table.height().min(body.height - wanted - 1);
    let cursor = secrets::draw(&table, pen, first_rows(body, list));
    secret::draw(detail.as_ref(), pen, below(body, list));
    cursor
}

fn audit_screen(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let Some(opened) = line::View::of(model) else { return draw_tail(model, pen, body) };
    let upper = body.height - body.height / 2;
    let cursor = draw_tail(model, pen, first_rows(body, upper));
    line::draw(&opened, pen, below(body, upper));
    cursor
}

fn backends_screen(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let tiles = backends::View::of(model);
    let detail = backend::View::of(model);
    let list = (tiles.count() + 1).min(body.height);
    if body.height < list + 8 {
        if model.backends.open {
            backend::draw(detail.as_ref(), pen, body);
            return detail.map(|_| Position::new(body.x, body.y + 1));
        }
        return backends::draw(&tiles, pen, body, 1);
    }
    let cursor = backends::draw(&tiles, pen, first_rows(body, list), 1);
    backend::draw(detail.as_ref(), pen, below(body, list + 1));
    cursor
}

fn first_rows(area: Rect, rows: u16) -> Rect {
    Rect { height: rows.min(area.height), ..area }
}
