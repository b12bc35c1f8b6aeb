//! All rotations: those that want a person, those under way, and the last of each secret. Refuses to cut the list without
//! saying so.

use super::say;
use crate::backends::marks;
use crate::heading::{Label, heading};
use crate::pen::{Pen, below, first, from, row};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::{Action, Model};
use quarterdeck_domain::rotate::RotationRow;
use ratatui::layout::{Position, Rect};

/// The list as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    rest: String,
    rows: Vec<Row>,
    selected: usize,
    empty: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: String,
    secret: String,
    layer: String,
    state: String,
    role: Role,
    by: String,
    at: String,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let list = &model.rotations;
        let live = list.live().count();
        let rest =
            if list.known { format!("{live} under way, {} in all", list.rows.len()) } else { "asking".to_owned() };
        let key = model.setup.keymap.shown(Action::Rotate);
        let empty = vec![
            "No rotation yet.".to_owned(),
            format!("{key} on a secret shows what one would do; nothing is begun by that."),
        ];
        Self {
            rest,
            rows: list.rows.iter().map(|row| row_of(model, row)).collect(),
            selected: list.selected_place().unwrap_or(0),
            empty,
        }
    }
}

fn row_of(model: &Model, row: &RotationRow) -> Row {
    let rotation = &row.rotation;
    let (state, role) = say::state(model, row);
    let at = rotation.ended.map_or(rotation.began_at, |(_, at)| at);
    Row {
        name: rotation.name(),
        secret: rotation.target().name.clone(),
        layer: rotation.target().layer.clone(),
        state,
        role,
        by: rotation.by.clone(),
        at: words::when(at, model.now),
    }
}

/// ```text
///  >  R-27  prod/trader/ibkr-api-key   aws      IN GRACE 7:35     carol      13:58:21Z
/// ```
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let state: u16 = 18;
    let (layer, by, at) = match area.width {
        0..60 => (0, 0, 0),
        60..84 => (8, 0, 11),
        _ => (9, 10, 21),
    };
    let gaps = [layer, by, at].iter().filter(|width| **width > 0).count() as u16;
    let secret = area.width.saturating_sub(9 + state + layer + by + at + gaps).clamp(8, 60);
    let places = [(9, secret), (10 + secret, layer)];
    let state_at = 10 + secret + layer + u16::from(layer > 0);
    let by_at = state_at + state;
    let when_at = by_at + by + u16::from(by > 0);
    let labels = [
        Label::At(state_at, "state"),
        Label::At(by_at, if by > 0 { "by" } else { "" }),
        Label::At(when_at, if at > 0 { "begun, ended" } else { "" }),
    ];
    heading(pen, row(area, 0), "ROTATIONS", &view.rest, &labels);
    let body = below(area, 1);
    if view.rows.is_empty() {
        for (index, text) in view.empty.iter().enumerate() {
            pen.put(from(row(body, index as u16), 2), text, Role::Muted);
        }
        return None;
    }
    let room = usize::from(body.height);
    let hides = view.rows.len() > room;
    let shown = if hides && room > 3 { room - 1 } else { room };
    let start = view.selected.saturating_sub(shown.saturating_sub(1)).min(view.rows.len().saturating_sub(shown));
    let mut cursor = None;
    for (index, item) in view.rows.iter().enumerate().skip(start).take(shown) {
        let line = row(body, (index - start) as u16);
        let field = |start: u16, width: u16| first(from(line, start), width);
        pen.put(field(2, 7), &item.name, Role::Strong);
        pen.put(field(places[0].0, places[0].1), &item.secret, Role::Text);
        pen.put(field(places[1].0, places[1].1), &item.layer, Role::Muted);
        pen.put(field(state_at, state - 1), &item.state, item.role);
        pen.put(field(by_at, by), &item.by, Role::Text);
        pen.put(field(when_at, at), &item.at, Role::Muted);
        if index == view.selected {
            pen.tint(field(0, 9), Role::Selected);
            cursor = Some(Position::new(line.x, line.y));
        }
        marks(pen, line, index == view.selected, item.role == Role::Danger);
    }
    if shown < room {
        let text = format!("{} more", view.rows.len() - shown);
        pen.put(from(row(body, shown as u16), 2), &text, Role::Muted);
    }
    cursor
}
