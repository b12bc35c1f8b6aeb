//! The overview's NOW pane of rotations: those that want a person, worst first, each with its key. Refuses to stand there
//! on a day on which nobody is wanted.

use super::say;
use crate::heading::heading;
use crate::pen::{Pen, below, columns, from, row};
use crate::theme::Role;
use quarterdeck_app::{Action, Model, Want};
use ratatui::layout::Rect;

/// At most so many lines.
const MOST: usize = 4;

/// The pane as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    lines: Vec<(String, Role)>,
    key: String,
}

impl View {
    /// Makes the view; none where nobody is wanted.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let wanting = model.rotations.wanting(model.now);
        if wanting.is_empty() {
            return None;
        }
        let key = model.setup.keymap.shown(Action::Rotations);
        let lines = wanting.iter().map(|(want, row)| (say::wants(model, row, *want).words(), role(*want)));
        Some(Self { lines: lines.collect(), key })
    }

    /// Rows it needs with its heading.
    pub(crate) fn height(&self) -> u16 {
        1 + self.lines.len().min(MOST) as u16
    }
}

/// What the pane's lines begin with, where it has room for all of them.
pub(crate) fn told(model: &Model) -> Vec<String> {
    let wanting = model.rotations.wanting(model.now);
    let all = if wanting.len() <= 2 && model.size.rows >= 20 { wanting } else { Vec::new() };
    all.into_iter().map(|(want, row)| say::wants(model, row, want).what).collect()
}

/// How it looks.
pub(crate) fn role(want: Want) -> Role {
    match want {
        Want::Step(_) | Want::Confirm | Want::Alone => Role::DueSoon,
        _ => Role::Danger,
    }
}

/// Draws it with its heading. The key is never cut.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) {
    let body = below(area, 1);
    let all = view.lines.len();
    let more = all.saturating_sub(usize::from(body.height));
    let rest =
        if more > 0 { format!("{all} rotations want a person, {more} more on {}", view.key) } else { String::new() };
    heading(pen, row(area, 0), "NOW", &rest, &[]);
    let shows = format!("{} shows it ", view.key);
    let key = columns(&shows);
    for (index, (text, role)) in view.lines.iter().take(usize::from(body.height)).enumerate() {
        let line = row(body, index as u16);
        pen.put(line, "! ", *role);
        let field = from(line, 2);
        let field = Rect { width: field.width.saturating_sub(key + 2), ..field };
        pen.put(field, text, *role);
        pen.put_right(line, &shows, Role::Key);
    }
}
