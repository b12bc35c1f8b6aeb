//! The first row: which environment, who, what they may do, and the clock. Refuses a clock when nothing alive stands
//! behind it.

use crate::pen::{Pen, columns, first, from};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::{Access, Model};
use quarterdeck_domain::environment::Environment;
use ratatui::layout::Rect;

/// What the first row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    environment: Environment,
    host: String,
    who: String,
    access: String,
    access_short: String,
    clock: String,
}

/// The role of an environment's band.
pub(crate) fn role(environment: Environment) -> Role {
    match environment {
        Environment::Production => Role::ProductionBand,
        Environment::Paper => Role::PaperBand,
        Environment::Qa => Role::QaBand,
        Environment::Demo => Role::DemoBand,
    }
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let seat = &model.setup.seat;
        Self {
            environment: seat.environment,
            host: seat.host.clone(),
            who: seat.who.to_string(),
            access: access(model),
            access_short: access_short(model),
            clock: match model.silent_for() {
                None => format!("{}Z", words::clock(model.now)),
                Some(silent) => format!("STALE {}", words::age(silent)),
            },
        }
    }
}

/// What the session may do, in words.
fn access(model: &Model) -> String {
    match model.setup.access {
        Access::Free => String::new(),
        Access::LookOnly => "look only".into(),
        Access::ReadOnly => "look only (--readonly)".into(),
        Access::Unlocked { until } => {
            format!("unlocked, look only again in {}", words::running(until.duration_since(model.now)))
        }
    }
}

/// The same where there is little room: how long it lasts is never left out.
fn access_short(model: &Model) -> String {
    match model.setup.access {
        Access::ReadOnly => "look only".into(),
        Access::Unlocked { until } => format!("unlocked {}", words::running(until.duration_since(model.now))),
        Access::Free | Access::LookOnly => access(model),
    }
}

/// Draws the row. What doesn't fit goes in this order: the long words of access, the host, who.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, row: Rect) {
    let role = role(view.environment);
    let glyph = view.environment.glyph();
    let fill = glyph.chars().next().unwrap_or('#');
    pen.fill(row, fill, role);
    let title = format!("{glyph} {} {glyph}", view.environment.title());
    let right = format!(" {} {glyph}", view.clock);
    let sets: [&[&str]; 5] = [
        &[&view.host, &view.who, &view.access],
        &[&view.host, &view.who, &view.access_short],
        &[&view.who, &view.access_short],
        &[&view.access_short],
        &[],
    ];
    let made = |set: &[&str]| {
        set.iter().filter(|part| !part.is_empty()).fold(title.clone(), |line, part| format!("{line} {part} {glyph}"))
    };
    let room = row.width.saturating_sub(columns(&right) + 1);
    let left = sets.iter().map(|set| made(set)).find(|line| columns(line) <= room).unwrap_or(title);
    if row.width > columns(&left) + columns(&right) {
        pen.put_right(row, &right, role);
    }
    pen.put(first(from(row, 0), row.width), &left, role);
}
