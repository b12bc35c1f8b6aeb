//! Row 3: on a quiet day one sentence, on another the worst thing and what to do about it. Refuses to be quiet while
//! anything is wrong.

use crate::pen::{Pen, columns, from};
use crate::theme::Role;
use crate::words;
use crate::worry::worries;
use quarterdeck_app::{Model, is_deleted};
use quarterdeck_domain::overview::Condition;
use ratatui::layout::Rect;

/// A name is cut to no less than this.
const SHORTEST: usize = 10;

/// What row 3 says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    loud: bool,
    what: String,
    on: String,
    why: String,
    next: String,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let worries = worries(model);
        if let Some(worst) = worries.first() {
            let more = worries.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" And {more} more.") };
            let next = format!("{}.{more}", worst.next);
            return Self { loud: true, what: worst.what.clone(), on: worst.on.clone(), why: worst.why.clone(), next };
        }
        Self { loud: false, what: quiet(model), on: String::new(), why: String::new(), next: String::new() }
    }
}

fn quiet(model: &Model) -> String {
    let waiting: Vec<&str> = model
        .backends
        .rows
        .iter()
        .filter(|row| row.condition == Condition::Connecting)
        .map(|row| row.name.as_str())
        .collect();
    if model.kill.as_deref().is_some_and(crate::kill::never_set_up) && model.backends.known {
        return "Quiet. No kill-switch here yet: 'quarterdeck init' in any shell sets it up.".into();
    }
    if !model.backends.known {
        return "Starting: the backends are being asked. Nothing waits for them.".into();
    }
    if model.backends.rows.is_empty() {
        return "No backend is configured: 'quarterdeck init' in any shell sets one up.".into();
    }
    if !waiting.is_empty() {
        return format!("Connecting to {}.", waiting.join(", "));
    }
    let quiet = match model.tail.loud_at() {
        Some(at) => format!("Quiet for {}.", words::age(model.now.duration_since(at))),
        None => "Quiet.".to_owned(),
    };
    let next = model
        .secrets
        .rows
        .iter()
        .filter(|row| !is_deleted(row))
        .filter_map(|row| Some((row.due_at?, &row.name)))
        .min()
        .map(|(at, name)| {
            let last = name.rsplit('/').next().unwrap_or(name);
            format!(" Next: {last}, due in {}.", words::left(at.duration_since(model.now)))
        });
    format!("{quiet} Nothing waits for you.{}", next.unwrap_or_default())
}

/// Draws the row.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, row: Rect) {
    if !view.loud {
        pen.put(from(row, 1), &view.what, Role::Muted);
        return;
    }
    // What to do is worth more than why, and what it is on than both.
    let next = format!(". {}", view.next);
    let room = row.width.saturating_sub(columns(&view.what) + columns(&next) + 2);
    let told = told(&view.on, &view.why, room);
    let pieces = [("! ", Role::Danger), (view.what.as_str(), Role::Danger), (told.as_str(), Role::Danger)];
    let used = pen.put_all(row, &pieces);
    pen.put(from(row, used), &next, Role::Strong);
}

/// What it is on and why, as much as there is room for: the reason goes first, then the front of the name.
fn told(on: &str, why: &str, room: u16) -> String {
    let whole = [on, why].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    let fits = |text: &str| columns(text) + 2 <= room;
    let room = usize::from(room);
    match (whole.is_empty(), on.is_empty()) {
        (true, _) => String::new(),
        (false, _) if fits(&whole) => format!(": {whole}"),
        (false, false) if fits(on) => format!(": {on}"),
        (false, false) if room >= SHORTEST => {
            let length = on.chars().count();
            let end: String = on.chars().skip(length.saturating_sub(room - 4)).collect();
            format!(": ..{end}")
        }
        _ => String::new(),
    }
}
