//! The small dialogs: leaving, unlocking; and the box that others stand in. Refuses a dialog that doesn't say in which
//! environment it stands.

use crate::heading::heading;
use crate::pen::{Pen, columns, first, from, row};
use crate::rotation::say;
use crate::theme::Role;
use crate::words;
use quarterdeck_app::{Model, Overlay};
use quarterdeck_domain::rotate::RotationRow;
use ratatui::layout::{Position, Rect};

/// A dialog as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    title: String,
    lines: Vec<(String, Role)>,
}

/// A dialog's title: the environment by glyph and word, then its own.
pub(crate) fn title(model: &Model, own: &str) -> String {
    let environment = model.setup.seat.environment;
    let glyph = environment.glyph();
    format!("{glyph} {} {glyph} {own}", environment.title())
}

impl View {
    /// Makes the view while a dialog is open.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let (own, lines) = match model.overlay.as_ref()? {
            Overlay::Leave => ("LEAVE", leave(model)),
            Overlay::Unlock => ("UNLOCK", unlock(model)),
            _ => return None,
        };
        Some(Self { title: title(model, own), lines })
    }
}

fn leave(model: &Model) -> Vec<(String, Role)> {
    let mut lines = vec![("Leave Quarterdeck?".to_owned(), Role::Strong)];
    if model.setup.seat.environment == quarterdeck_domain::environment::Environment::Demo {
        lines.push(("The demo and its folder are gone then, unless --keep was given.".into(), Role::Text));
    } else {
        lines.push(("Nothing that runs is stopped by it.".into(), Role::Text));
    }
    lines.extend(model.rotations.live().take(4).flat_map(|row| goes_on(model, row)));
    lines.push((String::new(), Role::Text));
    lines.push(("Enter leaves. Esc stays.".into(), Role::Muted));
    lines
}

/// Who carries a rotation on when this screen is gone.
fn goes_on(model: &Model, row: &RotationRow) -> Vec<(String, Role)> {
    let rotation = &row.rotation;
    let name = rotation.name();
    let until = rotation.grace.as_ref().filter(|_| rotation.is_in_grace() && rotation.held.is_none());
    let until = until.map(|grace| words::when(grace.utc, model.now));
    match (say::goes_on(model, row), until) {
        (Some(who), Some(until)) if row.rests => vec![(format!("{name}: {who} goes on at {until}."), Role::Text)],
        (Some(who), _) => vec![(format!("{name}: {who} goes on."), Role::Text)],
        (None, until) => {
            let then = match until {
                Some(until) => format!("It rests until {until}, then 'quarterdeck watch' or a cockpit goes on."),
                None => "It stops here until somebody goes on: 'quarterdeck watch', or a cockpit.".to_owned(),
            };
            vec![
                (format!("{name}: no watcher is seen, and this cockpit isn't there any more."), Role::Danger),
                (format!("  {then}"), Role::Danger),
            ]
        }
    }
}

fn unlock(model: &Model) -> Vec<(String, Role)> {
    let minutes = words::age(model.setup.unlock_for);
    let title = model.setup.seat.environment.title();
    vec![
        (format!("Unlock {title} for {minutes}?"), Role::Strong),
        ("Until then values can be revealed and rotations begun, as your role allows.".into(), Role::Text),
        ("The first row counts down, and u locks again at once.".into(), Role::Text),
        (String::new(), Role::Text),
        ("Enter unlocks. Esc stays look only.".into(), Role::Muted),
    ]
}

/// Draws the dialog in the middle of the body. Gives the cursor's place.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let longest = view.lines.iter().map(|(text, _)| columns(text)).max().unwrap_or(0);
    let width = (longest + 4).max(columns(&view.title) + 8);
    let inside = draw_box(pen, area, &view.title, width, view.lines.len() as u16 + 2)?;
    for (index, (text, role)) in view.lines.iter().enumerate() {
        pen.put(row(inside, index as u16), text, *role);
    }
    Some(Position::new(inside.x, inside.y))
}

/// Draws an empty box with a title in the middle of an area. Gives its inside.
pub(crate) fn draw_box(pen: &mut Pen<'_>, area: Rect, title: &str, width: u16, height: u16) -> Option<Rect> {
    let width = width.min(area.width);
    let height = height.min(area.height);
    if width < 8 || height < 3 {
        return None;
    }
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 3;
    let outer = Rect { x, y, width, height };
    // A column of nothing on both sides keeps the box apart from what it lies on.
    let margin = Rect { x: x.saturating_sub(1).max(area.x), width: width + 2, ..outer };
    pen.clear(margin.intersection(area));
    let (corners, side) = if pen.ascii {
        (['+', '+', '+', '+'], '|')
    } else {
        (['\u{250c}', '\u{2510}', '\u{2514}', '\u{2518}'], '\u{2502}')
    };
    heading(pen, row(outer, 0), title, "", &[]);
    pen.fill(row(outer, height - 1), pen.glyphs().rule, Role::Rule);
    for index in 1..height - 1 {
        pen.fill(first(row(outer, index), 1), side, Role::Rule);
        pen.fill(from(row(outer, index), width - 1), side, Role::Rule);
    }
    let ends = [
        (0, 0, corners[0]),
        (width - 1, 0, corners[1]),
        (0, height - 1, corners[2]),
        (width - 1, height - 1, corners[3]),
    ];
    for (column, line, corner) in ends {
        pen.fill(first(from(row(outer, line), column), 1), corner, Role::Rule);
    }
    Some(Rect { x: x + 2, y: y + 1, width: width.saturating_sub(4), height: height - 2 })
}
