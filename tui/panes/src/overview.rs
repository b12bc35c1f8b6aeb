//! The overview: does it trade, what is due, what happens. Refuses to let anything stand above a stop.

use crate::frame::{draw_tail, first_rows};
use crate::pen::{Pen, below, first, from};
use crate::rotation::wanting;
use crate::{backends, engines, kill, now, paths, secret, secrets, tries};
use quarterdeck_app::Model;
use ratatui::layout::{Position, Rect};

/// Rows of the audit that stay in sight in a stop on a small screen.
const TAIL_ROWS: u16 = 6;

/// One above the other on a narrow screen; on a wide one the upper half is shared and the audit has the full width.
///
/// ```text
///  NOW                          NOW           | ENGINES and the ways to them
///  ENGINES                      ENGINES       | BACKENDS
///  TRY                          SECRETS       | DETAIL
///  SECRETS                      TRY           |
///  BACKENDS                     AUDIT ...................
///  AUDIT
/// ```
pub(crate) fn draw(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let wide = body.width >= 130 && body.height >= 24;
    match (wide, kill::not_normal(model).is_some()) {
        (true, true) => {
            let rest = draw_stop_wide(model, pen, body);
            draw_wide(model, pen, rest, false)
        }
        (true, false) => {
            let rest = draw_wanting(model, pen, body);
            draw_wide(model, pen, rest, true)
        }
        (false, true) => {
            let rest = draw_stop_narrow(model, pen, body);
            draw_narrow(model, pen, rest, false)
        }
        (false, false) => {
            let rest = draw_wanting(model, pen, body);
            draw_narrow(model, pen, rest, true)
        }
    }
}

/// Rotations that want a person, where there is room for more than that. Gives what is left under them.
fn draw_wanting(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Rect {
    let Some(view) = wanting::View::of(model).filter(|_| body.height >= 12) else { return body };
    let rows = view.height().min(body.height / 4);
    wanting::draw(&view, pen, first_rows(body, rows));
    below(body, rows)
}

/// The two halves of a wide screen.
fn halves(body: Rect) -> (Rect, Rect) {
    let width = (body.width / 2).clamp(80, 100);
    (first(body, width), from(body, width + 2))
}

/// What is and what to do on the left, the engines and the ways to them on the right. Gives what is left under both.
fn draw_stop_wide(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Rect {
    let (left, right) = halves(body);
    let now = now::View::of(model, now::Form::Wide, left.width);
    let table = engines::View::of(model);
    let ways = paths::View::of(model);
    let table_rows = table.as_ref().map_or(0, engines::View::height);
    let ways_rows = ways.as_ref().map_or(0, |view| view.height() + 1);
    let wanted = now.as_ref().map_or(0, now::View::height).max(table_rows + ways_rows);
    let upper = wanted.min(body.height / 2);
    if let Some(view) = &now {
        now::draw(view, pen, first_rows(left, upper));
    }
    let right = first_rows(right, upper);
    // The table gives way before the ways do: it says itself how many it leaves out.
    let table_rows = table_rows.min(upper.saturating_sub(ways_rows).max(upper / 2));
    if let Some(view) = &table {
        engines::draw(view, pen, first_rows(right, table_rows));
    }
    if let Some(view) = &ways {
        let gap = u16::from(table_rows + ways_rows <= upper);
        paths::draw(view, pen, below(right, table_rows + gap));
    }
    below(body, upper)
}

/// What is and what to do, then the engines. Gives what is left under both.
fn draw_stop_narrow(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Rect {
    let Some(view) = now::View::of(model, now::Form::Narrow, body.width) else { return body };
    let table = engines::View::of(model).filter(|table| table.count() > 0);
    let most = if body.height < 14 { body.height } else { (body.height / 2).max(view.short_height().min(11)) };
    let now_rows = view.height().min(most);
    now::draw(&view, pen, first_rows(body, now_rows));
    let rest = below(body, now_rows);
    let spare = rest.height.saturating_sub(TAIL_ROWS);
    let Some(table) = table.filter(|_| spare >= 3) else { return rest };
    let rows = table.height().min(spare);
    engines::draw(&table, pen, first_rows(rest, rows));
    below(rest, rows)
}

fn draw_narrow(model: &Model, pen: &mut Pen<'_>, body: Rect, with_engines: bool) -> Option<Position> {
    // In a stop the last lines matter more than what is due in weeks.
    if !with_engines && body.height < 9 {
        return draw_tail(model, pen, body);
    }
    let engines = engines::View::of(model).filter(|view| with_engines && view.count() > 0 && body.height >= 12);
    let engines_rows = engines.as_ref().map_or(0, engines::View::height).min(body.height / 3);
    if let Some(view) = &engines {
        engines::draw(view, pen, first_rows(body, engines_rows));
    }
    let body = below(body, engines_rows);
    let table_rows = secrets::height(model);
    let tiles = backends::View::of(model);
    let tries = tries::View::of(model);
    let tries_rows = tries.as_ref().map_or(0, |view| view.height(body.width)).min(body.height / 3);
    let tries_rows = if body.height >= 13 { tries_rows } else { 0 };
    let tiles_rows = tiles.count() + 1;
    let room = body.height - tries_rows;
    let tiles_rows = if room >= 16 + tiles_rows.min(5) - 2 { tiles_rows.min(6) } else { 0 };
    let room = room - tiles_rows;
    // The audit keeps a third and four rows at least; the secrets take what they need of the rest.
    let secrets_rows = table_rows.min(room - (room * 9 / 20).max((room / 2).min(5)));
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
    let area = part(secrets_rows);
    let cursor = secrets::draw(&secrets::View::of(model, area.height), pen, area);
    backends::draw(&tiles, pen, part(tiles_rows), 1);
    draw_tail(model, pen, below(body, at));
    cursor
}

fn draw_wide(model: &Model, pen: &mut Pen<'_>, body: Rect, with_engines: bool) -> Option<Position> {
    let engines = engines::View::of(model).filter(|_| with_engines);
    let ways = paths::View::of(model).filter(|_| engines.as_ref().is_some_and(|view| view.count() > 0));
    let table_rows = secrets::height(model);
    let tiles = backends::View::of(model);
    let tries = tries::View::of(model);
    let detail = secret::View::of(model);
    let (left, right) = halves(body);
    let engines_rows = engines.as_ref().map_or(0, engines::View::height).min(body.height / 4);
    let ways_rows = ways.as_ref().map_or(0, paths::View::height).min(3);
    let above = engines_rows + ways_rows;
    let tiles_rows = 1 + tiles.count() * 2;
    let tries_rows = tries.as_ref().map_or(0, |view| view.height(right.width.min(99)));
    let detail_rows = detail.as_ref().map_or(2, |view| view.height(right.width));
    // The lines to try stand under the secrets, and the detail where the upper half stays lowest with it.
    let under_tiles = (above + table_rows + tries_rows).max(tiles_rows + detail_rows);
    let under_table = (above + table_rows + tries_rows + detail_rows).max(tiles_rows);
    let upper = under_tiles.min(under_table).clamp(6, (body.height * 11 / 20).max(6));
    let (left, right) = (first_rows(left, upper), first_rows(right, upper));
    if let Some(view) = &engines {
        engines::draw(view, pen, first_rows(left, engines_rows));
    }
    if let Some(view) = &ways {
        paths::draw(view, pen, first_rows(below(left, engines_rows), ways_rows));
    }
    let left = below(left, above);
    let spare = tries_rows + if under_table < under_tiles { detail_rows } else { 0 };
    let shown_rows = table_rows.min(left.height.saturating_sub(spare).max(left.height / 2));
    let area = first_rows(left, shown_rows);
    let cursor = secrets::draw(&secrets::View::of(model, area.height), pen, area);
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
