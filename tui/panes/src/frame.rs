//! The whole screen, composed by its size. Refuses to draw outside the area it is given, at any size.

use crate::pen::{Pen, below, first, from, row};
use crate::theme::Theme;
use crate::{
    audit, backend, backends, band, dialogs, foot, help, hold, keys, kill, line, overview, palette, rotation, secret,
    secrets, sentence, status, stop, tiny,
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
///  status     trading, engines, backends, watchers, journal
///  sentence   quiet, or the worst thing; NOW takes its place on the overview while trading isn't normal, and a rotation
///             that stands there whole while nothing else is wrong
///  body       the screen's panes; dialogs lie over it, the kill-switch's over everything
///  foot       a field, a message, or the sources
///  keys       the keys that work here
/// ```
pub fn draw_frame(model: &Model, theme: &Theme, options: Options, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let area = area.intersection(buffer.area);
    let mut pen = Pen::new(buffer, theme, options.ascii);
    pen.clear(area);
    if let Some(view) = stop::View::of(model) {
        return stop::draw(&view, &mut pen, area);
    }
    if (Size { columns: area.width, rows: area.height }).is_tiny() {
        tiny::draw(model, &mut pen, area);
        return None;
    }
    band::draw(&band::View::of(model), &mut pen, row(area, 0));
    status::draw(&status::View::of(model), &mut pen, row(area, 1));
    let said_below = match model.screen {
        Screen::Overview => kill::not_normal(model).is_some() || rotation::says_it_all(model),
        Screen::Rotation => rotation::says_it_all(model),
        _ => false,
    };
    let head = if said_below { 2 } else { 3 };
    if head == 3 {
        sentence::draw(&sentence::View::of(model), &mut pen, row(area, 2));
    }
    keys::draw(&keys::View::of(model), &mut pen, row(area, area.height - 1));
    let foot = foot::View::of(model, area.width);
    let foot_rows = foot.height().min(area.height / 3);
    let body = Rect { y: area.y + head, height: area.height - head - 1 - foot_rows, ..area };
    let foot_area = Rect { y: body.y + body.height, height: foot_rows, ..area };
    let selected = match model.screen {
        Screen::Overview => overview::draw(model, &mut pen, body),
        Screen::Secrets => secrets_screen(model, &mut pen, body),
        Screen::Audit => audit_screen(model, &mut pen, body),
        Screen::Backends => backends_screen(model, &mut pen, body),
        Screen::Rotation => rotation::draw(model, &mut pen, body),
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
    if let Some(view) = hold::View::of(model).or_else(|| rotation::ask::view(model)) {
        return hold::draw(&view, pen, body);
    }
    dialogs::draw(&dialogs::View::of(model)?, pen, body)
}

/// Draws the tail, as many lines as there is room for.
pub(crate) fn draw_tail(model: &Model, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let view = audit::View::of(model, usize::from(area.height.saturating_sub(1)));
    audit::draw(&view, pen, area)
}

/// From here on list and detail stand side by side.
pub(crate) const WIDE: u16 = 130;

fn secrets_screen(model: &Model, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let detail = secret::View::of(model);
    let table = |pen: &mut Pen<'_>, area: Rect| secrets::draw(&secrets::View::of(model, area.height), pen, area);
    if body.width >= WIDE {
        let (left, right) = beside(body, body.width * 11 / 20);
        let cursor = table(pen, left);
        secret::draw(detail.as_ref(), pen, right);
        return cursor;
    }
    if model.secrets.open && body.height < 30 {
        secret::draw(detail.as_ref(), pen, body);
        return detail.map(|_| Position::new(body.x, body.y + 1));
    }
    let wanted = detail.as_ref().map_or(3, |view| view.height(body.width));
    if body.height < wanted + 6 && !model.secrets.open {
        return table(pen, body);
    }
    let list = secrets::height(model).min(body.height.saturating_sub(wanted + 1).max(body.height / 3));
    let cursor = table(pen, first_rows(body, list));
    secret::draw(detail.as_ref(), pen, below(body, list));
    cursor
}

/// Two parts beside each other, the left one of this width.
fn beside(body: Rect, width: u16) -> (Rect, Rect) {
    (first(body, width), from(body, width + 2))
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
    if body.width >= WIDE {
        let (left, right) = beside(body, (body.width / 2).clamp(80, 110));
        let cursor = backends::draw(&tiles, pen, left, 2);
        backend::draw(detail.as_ref(), pen, right);
        return cursor;
    }
    let list = (tiles.count() + 1).min(body.height);
    if model.backends.open && body.height < 30 {
        backend::draw(detail.as_ref(), pen, body);
        return detail.map(|_| Position::new(body.x, body.y + 1));
    }
    let cursor = backends::draw(&tiles, pen, first_rows(body, list), 1);
    if body.height >= list + 8 {
        backend::draw(detail.as_ref(), pen, below(body, list));
    }
    cursor
}

/// A rectangle's first rows.
pub(crate) fn first_rows(area: Rect, rows: u16) -> Rect {
    Rect { height: rows.min(area.height), ..area }
}
