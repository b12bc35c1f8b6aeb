//! A rotation before it is begun: what would be done, step by step; who notices, who confirms, what hinders. Refuses to
//! begin anything, and to hide what hinders behind the steps.

use super::readers;
use super::sheet::{self, Line, cell, marked};
use super::{WIDE, how};
use crate::heading::heading;
use crate::pen::{Pen, below, first, from, row};
use crate::theme::Role;
use crate::words;
use jiff::SignedDuration;
use quarterdeck_app::{Access, Action, Model, SecretId};
use quarterdeck_domain::rotate::{Downtime, Generator, PlanRow, Retire, Step};
use ratatui::layout::Rect;

/// The columns of a field's name.
const LABEL: u16 = 12;

/// The plan as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    rest: String,
    top: Vec<Line>,
    parts: Vec<Vec<Line>>,
    last: Line,
    scroll: usize,
    how: String,
}

impl View {
    /// Makes the view for this width.
    pub(crate) fn of(model: &Model, row: &PlanRow, sent: bool, width: u16) -> Self {
        let part = if width >= WIDE { (width * 11 / 20, width - width * 11 / 20 - 2) } else { (width, width) };
        let mut left = facts(row, part.0);
        let mut right = steps(row, part.1);
        right.extend(readers::of_plan(model, &row.plan, &row.readers, part.1));
        let parts = if width >= WIDE {
            vec![left, right]
        } else {
            left.extend(right);
            vec![left]
        };
        let target = &row.plan.target;
        Self {
            rest: format!("{}, {}: nothing is begun", target.name, target.layer),
            top: top(row, width),
            parts,
            last: last(model, row, sent),
            scroll: model.rotations.scroll,
            how: how(model),
        }
    }
}

/// While it is worked out.
pub(crate) fn asked(id: &SecretId) -> Vec<Line> {
    vec![
        Line::Head("PLAN", format!("{}, {}: nothing is begun", id.name, id.layer), Vec::new()),
        sheet::say(format!("working it out: {} is asked once, nothing is written", id.layer), Role::Muted),
    ]
}

/// What hinders stands first, then whether anybody notices.
fn top(row: &PlanRow, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some((number, who)) = &row.live {
        lines.extend(marked(
            " !",
            3,
            &format!("R-{number} of it is under way, begun by {who}"),
            Role::Danger,
            width,
            2,
        ));
    }
    if let Some(approval) = &row.approval {
        lines.extend(marked(" !", 3, &format!("WAITING FOR APPROVAL: {approval}"), Role::Danger, width, 3));
    }
    for hinder in &row.hinders {
        lines.extend(marked(" !", 3, &format!("CAN'T BE BEGUN: {hinder}"), Role::Danger, width, 3));
    }
    let (head, says, role) = match row.plan.downtime {
        Downtime::Zero => ("ZERO DOWNTIME", "old and new both work while readers change over", Role::Ok),
        Downtime::Brief => {
            ("BRIEF WINDOW", "who reads between set and promote may be refused, for seconds", Role::DueSoon)
        }
    };
    lines.push(Line::Cells(vec![cell(1, 14, head, role), cell(16, u16::MAX, says, Role::Text)]));
    lines
}

fn facts(row: &PlanRow, width: u16) -> Vec<Line> {
    let plan = &row.plan;
    let old = words::version_id(&plan.from);
    let grace = SignedDuration::from_secs(i64::try_from(plan.grace_s).unwrap_or(i64::MAX));
    let grace = match (plan.grace_s, plan.retire) {
        (0, _) => format!("none: {old} is retired as soon as the new one is current"),
        (_, Retire::Ask) => {
            format!("{}: both work. Who still reads {old} then: retire asks first", words::period(grace))
        }
        (_, Retire::Wait) => format!("{}: both work. Who still reads {old} then is waited for", words::period(grace)),
        (_, Retire::Force) => format!("{}: both work. Who still reads {old} then is cut off", words::period(grace)),
    };
    let errors = match plan.watch {
        Some(rule) => format!("{} log-in errors in {} s lead back to {old} by themselves", rule.errors, rule.within_s),
        None => "not watched: no [rotate.watch] source".to_owned(),
    };
    let confirm = match (&row.approval, plan.confirm) {
        (Some(approval), _) => approval.clone(),
        (None, Some(role)) => format!("a {role} confirms it first, recorded and unsigned; not you"),
        (None, None) => "nobody has to".to_owned(),
    };
    let mut lines = Vec::new();
    let mut field = |label: &str, text: &str, role: Role| {
        lines.extend(marked(&format!("  {label}"), LABEL, text, role, width, 3));
    };
    field("now", &format!("{old} is current"), Role::Text);
    field("new value", &plan.generator.to_string(), Role::Text);
    field("grace", &grace, Role::Text);
    field("errors", &errors, Role::Text);
    field("confirms", &confirm, Role::Text);
    for warning in &row.warnings {
        field("!", warning, Role::Danger);
    }
    lines
}

fn steps(row: &PlanRow, width: u16) -> Vec<Line> {
    let mut lines = vec![Line::Head("STEPS", row.steps.len().to_string(), Vec::new())];
    for (step, says) in &row.steps {
        let person = row.plan.hook(*step).is_some_and(quarterdeck_domain::rotate::Hook::is_by_person);
        let role = if person && !matches!(step, Step::Check | Step::Verify) { Role::DueSoon } else { Role::Text };
        lines.extend(marked(&format!("   {step}"), LABEL, &words::short_ids(says), role, width, 3));
    }
    lines
}

/// What starts it, and what leaves it as it is.
fn last(model: &Model, row: &PlanRow, sent: bool) -> Line {
    let key = |action: Action| model.setup.keymap.shown(action);
    let (text, role) = match (sent, model.setup.access) {
        (true, _) => ("It is being started.".to_owned(), Role::Strong),
        _ if row.approval.is_some() || !row.hinders.is_empty() || row.live.is_some() => {
            ("It can't be started now. Esc leaves; nothing was begun.".to_owned(), Role::Muted)
        }
        (_, Access::LookOnly) => {
            (format!("{} unlocks, then {} starts it.", key(Action::Unlock), key(Action::StartRotation)), Role::Key)
        }
        (_, Access::ReadOnly) => ("This session is look only.".to_owned(), Role::Muted),
        _ if row.plan.generator == Generator::Typed => (
            format!(
                "{} asks for the new value, and for a reason. Esc leaves; nothing was begun.",
                key(Action::StartRotation)
            ),
            Role::Key,
        ),
        _ => (
            format!("{} starts it, after a reason. Esc leaves; nothing was begun.", key(Action::StartRotation)),
            Role::Key,
        ),
    };
    sheet::say(text, role)
}

/// Draws it.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, body: Rect) {
    heading(pen, row(body, 0), "PLAN", &view.rest, &[]);
    let body = below(body, 1);
    let last = body.height.saturating_sub(1);
    let top = (view.top.len() as u16).min(last.saturating_sub(2).max(last / 2));
    sheet::draw(&view.top, 0, "", pen, Rect { height: top, ..body });
    let rest = Rect { height: last - top, ..below(body, top) };
    match view.parts.as_slice() {
        [one] => sheet::draw(one, view.scroll, &view.how, pen, rest),
        [left, right] => {
            let width = rest.width * 11 / 20;
            sheet::draw(left, view.scroll, &view.how, pen, first(rest, width));
            sheet::draw(right, view.scroll, &view.how, pen, from(rest, width + 2));
        }
        _ => {}
    }
    sheet::draw(std::slice::from_ref(&view.last), 0, "", pen, below(body, last));
}
