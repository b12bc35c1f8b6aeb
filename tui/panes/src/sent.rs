//! After a code was sent: is it on the disk, in the journal, and how far has each engine got; and why it was sent.
//! Refuses to call it done before the engines have said so.

use crate::foot::wrapped;
use crate::paths::{self, draw_line};
use crate::pen::{Pen, below, columns, from, row};
use crate::theme::Role;
use crate::{engines, kill, words};
use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{Line, Model, Sent};
use quarterdeck_domain::kill::{KillRow, Level, PathState, SwitchState};
use ratatui::layout::{Position, Rect};

/// The dialog as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    title: String,
    head: (String, Role),
    follows: (String, Role),
    facts: Vec<(&'static str, String, Role)>,
    /// The reason and the place in it; none where nothing was sent.
    reason: Option<(String, usize)>,
    engines: Option<engines::View>,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model, level: Level, at: Timestamp, outcome: Option<&Sent>, reason: &Line) -> Self {
        let verb = level.verb().to_uppercase();
        let sent_at = words::when(at, model.now);
        if let Some(Sent::Refused { why, next }) = outcome {
            return Self {
                title: "NOTHING SENT".into(),
                head: (format!("REFUSED: {why}."), Role::Danger),
                follows: (next.clone(), Role::Strong),
                facts: model.setup.seat.desk.iter().map(|desk| ("desk", desk.clone(), Role::Strong)).collect(),
                reason: None,
                engines: None,
            };
        }
        let row = model.kill.as_deref();
        let known = outcome.is_some();
        let head = match outcome {
            Some(Sent::Out { again: true, .. }) => {
                format!("{verb}, {level}, sent again at {sent_at}: it stood already.")
            }
            Some(_) => format!("{verb}, {level}, sent at {sent_at}."),
            None => format!("{verb}, {level}: sending since {sent_at}."),
        };
        Self {
            title: if known { format!("SENT {sent_at}") } else { "SENDING".into() },
            head: (head, Role::Strong),
            follows: row.and_then(|row| follows(model, row)).unwrap_or((String::new(), Role::Text)),
            facts: facts(row, outcome),
            reason: Some((reason.text().to_owned(), reason.at())),
            engines: engines::View::of(model),
        }
    }

    /// True where a reason is asked for: something was sent.
    pub(crate) fn asks(&self) -> bool {
        self.reason.is_some()
    }

    /// A word for the first row.
    pub(crate) fn title(&self) -> String {
        self.title.clone()
    }
}

/// What follows by itself.
fn follows(model: &Model, row: &KillRow) -> Option<(String, Role)> {
    if row.state != SwitchState::GracefulStop {
        return row.level().map(|_| (kill::headline(model, row), Role::Danger));
    }
    let (at, left) = kill::deadline(row).zip(kill::left(model, row))?;
    let in_time = if left > SignedDuration::ZERO { format!("in {}", words::running(left)) } else { "due".into() };
    Some((format!("LEVEL 4 AT {}, {in_time}, unless held.", words::when(at, model.now)), Role::Danger))
}

fn facts(row: Option<&KillRow>, outcome: Option<&Sent>) -> Vec<(&'static str, String, Role)> {
    let mut facts = Vec::new();
    if let Some(Sent::Out { undurable, unjournalled, .. }) = outcome {
        // What failed at first is tried on, and may have come right since.
        let undurable = undurable.as_ref().filter(|_| !row.is_some_and(reached_the_disk));
        facts.push(match (undurable, row.and_then(|row| row.timings.durable)) {
            (Some(why), _) => ("latch", format!("NOT ON THE DISK: {why}. Told by the sockets."), Role::Danger),
            (None, Some(took)) => ("latch", format!("on the disk in {}", words::took_in(took)), Role::Ok),
            (None, None) => ("latch", "on the disk".into(), Role::Ok),
        });
        let unjournalled = unjournalled.as_ref().filter(|_| row.is_none_or(|row| row.unjournalled.is_some()));
        facts.push(match unjournalled {
            Some(why) => ("journal", format!("UNJOURNALLED: {why}. Tried again each second."), Role::Danger),
            None => ("journal", "written".into(), Role::Ok),
        });
    }
    if let Some(row) = row {
        let (good, all) = row.answered();
        facts.push(match kill::answered_word(row) {
            _ if all == 0 => ("engines", "none has reported here: nobody has heard it".into(), Role::Danger),
            None => ("engines", format!("0 of {all} have answered yet"), Role::DueSoon),
            Some(word) if good == all => ("engines", format!("{good} of {all} {word}"), Role::Ok),
            Some(word) => ("engines", format!("{good} of {all} {word}"), Role::Danger),
        });
        facts.extend(paths::timings(row).map(|text| ("key to", text, Role::Text)));
    }
    facts
}

fn reached_the_disk(row: &KillRow) -> bool {
    row.paths.iter().any(|path| path.name == "latch file" && matches!(path.state, PathState::Reached(_)))
}

/// Draws it. Gives the cursor's place in the reason.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let air = u16::from(body.height >= 18);
    let width = usize::from(body.width.saturating_sub(6)).max(8);
    let mut at = air;
    for (text, role) in [&view.head, &view.follows] {
        for text in wrapped(text, width, 3) {
            pen.put(from(row(body, at), 3), &text, *role);
            at += 1;
        }
    }
    // On a small screen the field stands before the facts: it is what keys go to.
    let mut cursor = None;
    let small = body.height < 12;
    if small {
        cursor = draw_reason(view, pen, below(body, at));
        at += 1;
    }
    at += air;
    for (label, text, role) in &view.facts {
        draw_line(pen, from(row(body, at), 1), label, text, *role);
        at += 1;
    }
    if !small {
        at += air;
        if view.reason.is_some() {
            let ask = "Why? One line for the record. Enter keeps it, Esc closes; the stop stands.";
            pen.put(from(row(body, at), 3), ask, Role::Text);
        }
        cursor = draw_reason(view, pen, below(body, at + 1));
        at += 2;
    }
    let rest = below(body, at + air);
    if let Some(table) = view.engines.as_ref().filter(|table| rest.height > table.short_height().min(3)) {
        engines::draw(table, pen, Rect { height: table.height().min(rest.height), ..rest });
    }
    cursor
}

/// `reason > beta-us auth failing`
fn draw_reason(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let (text, at) = view.reason.as_ref()?;
    let line = row(area, 0);
    let start = 3 + pen.put_all(from(line, 3), &[("reason ", Role::Label), ("> ", Role::Key)]);
    draw_text(pen, from(line, start), text, *at)
}

/// A field's text, with its place always in sight. Gives the cursor's place.
pub(crate) fn draw_text(pen: &mut Pen<'_>, field: Rect, text: &str, at: usize) -> Option<Position> {
    if field.width < 2 || field.is_empty() {
        return None;
    }
    let room = usize::from(field.width - 1);
    let skip = at.saturating_sub(room.saturating_sub(1));
    let shown: String = text.chars().skip(skip).collect();
    let before: String = text.chars().skip(skip).take(at - skip).collect();
    pen.put(field, &shown, Role::Strong);
    Some(Position::new(field.x + columns(&before).min(field.width - 1), field.y))
}

/// On a few rows: that it is out, how many answered, the reason.
pub(crate) fn draw_tiny(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let engines = view.facts.iter().find(|(label, ..)| *label == "engines");
    let text = engines.map_or(view.head.0.as_str(), |(_, text, _)| text.as_str());
    pen.put(row(area, 0), text, engines.map_or(view.head.1, |(.., role)| *role));
    pen.put(row(area, 2), &view.follows.0, view.follows.1);
    let (reason, at) = view.reason.as_ref()?;
    let line = row(area, 1);
    let used = pen.put(line, "why > ", Role::Key);
    draw_text(pen, from(line, used), reason, *at)
}
