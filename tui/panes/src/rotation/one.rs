//! One rotation from its plan to its end: where it stands, what is asked, its steps, its readers, what can go wrong.
//! Refuses to let what a person has to do stand below anything but the state.

use super::sheet::{self, Line, cell, marked, say as text};
use super::{WIDE, how, now, readers, risks, say, steps};
use crate::frame::first_rows;
use crate::heading::heading;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::picture::Fill;
use crate::theme::Role;
use crate::words;
use jiff::SignedDuration;
use quarterdeck_app::Model;
use quarterdeck_domain::rotate::{Course, RotationRow};
use ratatui::layout::Rect;

/// The timeline as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    name: String,
    rest: String,
    top: Vec<Line>,
    /// One part, or two beside each other.
    parts: Vec<Vec<Line>>,
    scroll: usize,
    how: String,
}

impl View {
    /// Makes the view for this width.
    pub(crate) fn of(model: &Model, number: u32, width: u16) -> Self {
        let (scroll, how) = (model.rotations.scroll, how(model));
        let name = format!("R-{number}");
        let Some(row) = model.rotations.get(number) else {
            let top = vec![text("begun; nothing was told of it yet", Role::Muted)];
            return Self { name, rest: String::new(), top, parts: Vec::new(), scroll, how };
        };
        let rotation = &row.rotation;
        let part = if width >= WIDE { halves(Rect::new(0, 0, width, 1)) } else { (width, width) };
        let mut left = steps::lines(model, row, part.0);
        let mut right = readers::lines(model, row, part.1);
        right.extend(risks::lines(model, row, part.1));
        let parts = if width >= WIDE {
            vec![left, right]
        } else {
            left.extend(right);
            vec![left]
        };
        let rest = format!(
            "{}, {}, by {} at {}",
            rotation.target().name,
            rotation.target().layer,
            rotation.by,
            words::when(rotation.began_at, model.now)
        );
        Self { name, rest, top: top(model, row, width), parts, scroll, how }
    }
}

fn halves(area: Rect) -> (u16, u16) {
    let left = (area.width * 11 / 20).clamp(84, 110);
    (left, area.width.saturating_sub(left + 2))
}

/// Where it stands, the gauge of grace, and what a person has to know or do.
fn top(model: &Model, row: &RotationRow, width: u16) -> Vec<Line> {
    let rotation = &row.rotation;
    let (state, means, role) = say::headline(model, row);
    let left = model.rotations.grace_left(row, model.now);
    let grace = rotation.grace.as_ref().filter(|_| rotation.is_in_grace() && rotation.held.is_none());
    let old = say::old(rotation);
    let ends = grace.zip(left).map(|(grace, left)| {
        let (at, left_words) = (words::when(grace.utc, model.now), words::left(left));
        if left.is_positive() {
            format!("{old} is retired at {at}, in {left_words}")
        } else {
            format!("{old} is due to be retired since {at}")
        }
    });
    let used = columns(&state) + 3;
    let mut cells = vec![cell(1, used, state, role), cell(used, u16::MAX, means.clone(), Role::Text)];
    let mut lines = Vec::new();
    match &ends {
        Some(ends) if used + columns(&means) + columns(ends) + 4 <= width => {
            cells.push(sheet::right(
                width.saturating_sub(columns(ends) + 2),
                columns(ends),
                ends.clone(),
                Role::Strong,
            ));
            lines.push(Line::Cells(cells));
        }
        Some(ends) => lines.extend([Line::Cells(cells), text(ends.clone(), Role::Strong)]),
        None => lines.push(Line::Cells(cells)),
    }
    if let Some((_, left)) = grace.zip(left) {
        let whole = SignedDuration::from_secs(i64::try_from(rotation.plan.grace_s).unwrap_or(i64::MAX));
        let passed = (whole - left).max(SignedDuration::ZERO);
        let share = Fill::share(passed.as_secs(), whole.as_secs());
        let text = format!("{} of {}    {}", time(passed, whole), time(whole, whole), rotation.plan.downtime.words());
        lines.push(Line::Gauge(share, text, Role::Gauge));
    }
    if let Some(why) = say::why(rotation) {
        let turned = if matches!(rotation.course, Course::Back { .. }) { "why" } else { "value" };
        let role = if rotation.asked { Role::Text } else { Role::Danger };
        lines.extend(marked(&format!(" {turned}"), 8, why, role, width, 2));
    }
    lines.extend(now::lines(model, row, width));
    lines
}

/// To the second where the whole of it runs by the second.
fn time(part: SignedDuration, whole: SignedDuration) -> String {
    if whole <= SignedDuration::from_mins(10) {
        format!("{}:{:02}", part.as_secs() / 60, part.as_secs() % 60)
    } else {
        words::age(part)
    }
}

/// Draws it.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, body: Rect) {
    heading(pen, row(body, 0), &view.name, &view.rest, &[]);
    let body = below(body, 1);
    // What is to be known first stands still; the rest is scrolled below it.
    let top = (view.top.len() as u16).min(body.height.saturating_sub(2));
    sheet::draw(&view.top, 0, "", pen, first_rows(body, top));
    let rest = below(body, top);
    match view.parts.as_slice() {
        [] => {}
        [one] => sheet::draw(one, view.scroll, &view.how, pen, rest),
        [left, right, ..] => {
            let (width, _) = halves(rest);
            sheet::draw(left, view.scroll, &view.how, pen, first(rest, width));
            sheet::draw(right, view.scroll, &view.how, pen, from(rest, width + 2));
        }
    }
}
