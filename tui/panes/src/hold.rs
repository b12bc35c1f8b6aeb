//! Questions with fields: hold level 3, let trading go on, and what others ask in the same form. Refuses to look like one
//! another, and to be answered without the numbers of now.

use crate::foot::wrapped;
use crate::pen::{Pen, columns, from, row};
use crate::sent::draw_text;
use crate::theme::Role;
use crate::{dialogs, kill, words};
use jiff::SignedDuration;
use quarterdeck_app::{Line, Model, Overlay};
use quarterdeck_domain::kill::KillRow;
use ratatui::layout::{Position, Rect};

/// A question as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    title: String,
    lines: Vec<(String, Role)>,
    /// Each field's name, text and place; and which one is typed into.
    fields: Vec<(&'static str, String, usize)>,
    active: usize,
    keys: &'static str,
}

impl View {
    /// Makes the view while one of the two is open.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let row = model.kill.as_deref();
        let field = |label, line: &Line| (label, line.text().to_owned(), line.at());
        match model.overlay.as_ref()? {
            Overlay::Hold { reason } => Some(Self {
                title: dialogs::title(model, "HOLD LEVEL 3"),
                lines: row.map_or_else(Vec::new, |row| hold_lines(model, row)),
                fields: vec![field("reason", reason)],
                active: 0,
                keys: "Enter holds. Esc closes: the deadline runs on.",
            }),
            Overlay::Release { reason, note, in_note } => {
                let mut fields = vec![field("reason", reason)];
                if model.release_needs_note() {
                    fields.push(field("note", note));
                }
                let keys = if fields.len() > 1 {
                    "Enter goes on, then releases. Tab changes the field. Esc closes."
                } else {
                    "Enter releases. Esc closes: nothing changes."
                };
                Some(Self {
                    title: dialogs::title(model, "TRADE AGAIN"),
                    lines: row.map_or_else(Vec::new, |row| release_lines(model, row)),
                    active: usize::from(*in_note).min(fields.len() - 1),
                    fields,
                    keys,
                })
            }
            _ => None,
        }
    }
}

impl View {
    /// Another question of the same kind: its words, its fields and the one that is typed into, its keys.
    pub(crate) fn question(
        title: String,
        lines: Vec<(String, Role)>,
        fields: Vec<(&'static str, String, usize)>,
        active: usize,
        keys: &'static str,
    ) -> Self {
        Self { title, lines, fields, active, keys }
    }
}

fn hold_lines(model: &Model, row: &KillRow) -> Vec<(String, Role)> {
    let (orders, positions, unsure) = row.exposure();
    let left = kill::left(model, row).filter(|left| *left > SignedDuration::ZERO);
    let head = match left {
        Some(left) => format!("Level 4 follows in {}. A hold takes that away, and nothing else.", words::running(left)),
        None => "A hold takes the deadline away, and nothing else.".to_owned(),
    };
    vec![
        (head, Role::Strong),
        (
            format!(
                "No new orders still; {} may fill; {} stay open.",
                kill::amount_of(orders, unsure, "resting order"),
                kill::amount_of(positions, unsure, "position")
            ),
            Role::Text,
        ),
    ]
}

fn release_lines(model: &Model, row: &KillRow) -> Vec<(String, Role)> {
    let all = row.engines.len();
    let engines = match all {
        0 => "No engine has reported here.".to_owned(),
        1 => "The engine trades again as soon as it hears of it.".to_owned(),
        _ => format!("All {all} engines trade again as soon as they hear of it."),
    };
    let mut lines = vec![(kill::headline(model, row), Role::Danger), (engines, Role::Strong)];
    if model.release_needs_note() {
        lines.push(("After level 4 a note is needed: what happened, and what was done about it.".into(), Role::Text));
    }
    lines
}

/// Draws it as a box over the body. Gives the cursor's place in its field.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let width = 84.min(area.width);
    let inner = usize::from(width.saturating_sub(4)).max(8);
    let mut lines: Vec<(String, Role)> = Vec::new();
    for (text, role) in &view.lines {
        lines.extend(wrapped(text, inner, 3).into_iter().map(|text| (text, *role)));
    }
    let fields = view.fields.len() as u16;
    // The fields are never cut: the words above them give way.
    let room = area.height.saturating_sub(2 + fields + 1);
    let air = u16::from(room >= lines.len() as u16 + 2);
    lines.truncate(usize::from(room.saturating_sub(2 * air)));
    let height = 2 + lines.len() as u16 + fields + 1 + 2 * air;
    let inside = dialogs::draw_box(pen, area, &view.title, width, height)?;
    for (index, (text, role)) in lines.iter().enumerate() {
        pen.put(row(inside, index as u16), text, *role);
    }
    let first = lines.len() as u16 + air;
    let mut cursor = None;
    for (index, (label, text, at)) in view.fields.iter().enumerate() {
        let line = row(inside, first + index as u16);
        let active = index == view.active;
        let mark = if active { "> " } else { "  " };
        pen.put(line, label, if active { Role::Strong } else { Role::Label });
        pen.put(from(line, 7), mark, Role::Key);
        let place = draw_text(pen, from(line, 7 + columns(mark)), text, if active { *at } else { 0 });
        if active {
            cursor = place;
        }
    }
    pen.put(row(inside, first + fields + air), view.keys, Role::Muted);
    cursor
}
