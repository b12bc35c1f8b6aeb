//! The kill-switch's dialog, over the whole screen: arming, armed, sent, shut. Refuses to send anything itself, and to
//! hide the codes on any screen that has room for them.

use crate::band;
use crate::foot::wrapped;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::theme::Role;
use crate::{armed, kill, sent, words};
use quarterdeck_app::{Dialog, Model, Overlay};
use quarterdeck_domain::kill::Level;
use ratatui::layout::{Position, Rect};

/// The dialog as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    bars: band::Bars,
    inside: Inside,
}

#[derive(Debug, Clone, PartialEq)]
enum Inside {
    Armed(Box<armed::View>),
    Sent(sent::View),
    Shut(Vec<(String, Role)>),
}

impl View {
    /// Makes the view while the dialog is open.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let Some(Overlay::KillSwitch(dialog)) = &model.overlay else { return None };
        let title = |text: &str| text.to_owned();
        let (left, urgent, inside) = match dialog {
            Dialog::Arming => {
                let left = vec![title(leads_to(model)), title("nothing has been sent")];
                (left, title("arming"), Inside::Armed(Box::new(armed::View::of(model, None))))
            }
            Dialog::Armed { guard, said } => {
                let left = vec![title(leads_to(model)), title("nothing has been sent")];
                let ends = words::seconds(guard.ends_at().duration_since(model.now));
                let inside = Box::new(armed::View::of(model, Some((guard, said.as_deref()))));
                (left, format!("disarms in {ends}"), Inside::Armed(inside))
            }
            Dialog::Sent { level, at, outcome, reason } => {
                let view = sent::View::of(model, *level, *at, outcome.as_ref(), reason);
                let verb = if *level == Level::Halt { "HALT TRADING" } else { "STOP TRADING" };
                (vec![title(verb)], view.title(), Inside::Sent(view))
            }
            Dialog::Shut { why, next } => {
                let left = vec![title(leads_to(model)), title("nothing has been sent")];
                (left, title("shut"), Inside::Shut(shut(model, why, next)))
            }
        };
        let keys = match &inside {
            Inside::Armed(_) => vec![title("type a code, then ^X"), title("Esc closes")],
            Inside::Sent(view) if view.asks() => vec![title("Enter keeps the reason"), title("Esc closes")],
            Inside::Sent(_) | Inside::Shut(_) => vec![title("Esc closes")],
        };
        let clock = format!("{}Z", words::clock(model.now));
        let bars = band::Bars { environment: model.setup.seat.environment, left, urgent, clock, keys };
        Some(Self { bars, inside })
    }
}

/// Why nothing is armed, and who can stop where this session may not.
fn shut(model: &Model, why: &str, next: &str) -> Vec<(String, Role)> {
    let mut lines = vec![(capital(why), Role::Danger), (capital(next), Role::Strong), (String::new(), Role::Text)];
    if let Some(row) = model.kill.as_ref().filter(|row| row.may_not_stop.is_some()) {
        let desk = model.setup.seat.desk.as_deref().unwrap_or("no number is configured");
        lines.push((format!("can stop     {}", kill::stoppers(model, row)), Role::Text));
        lines.push((format!("at the desk  {desk}"), Role::Text));
    }
    lines.push(state(model));
    lines
}

/// What the dialog can do, by what is in force.
fn leads_to(model: &Model) -> &'static str {
    match kill::in_force(model) {
        None => "STOP TRADING",
        Some(Level::Stop) => "HALT OR STOP AGAIN",
        Some(Level::Halt) => "HALT AGAIN",
    }
}

/// Whether trading goes on: this dialog covers the row that says it.
fn state(model: &Model) -> (String, Role) {
    let Some(row) = model.kill.as_deref() else {
        return ("Nothing is known of trading yet.".into(), Role::Muted);
    };
    let mut text = match row.level() {
        None => "Now: trading is normal".to_owned(),
        Some(_) => format!("Now: {}", kill::headline(model, row)),
    };
    if let Some(left) = kill::left(model, row) {
        text.push_str(&format!(", level 4 in {}", words::running(left)));
    }
    text.push_str(if kill::is_old(model) { " ?" } else { "." });
    (text, if row.level().is_some() { Role::Danger } else { Role::Text })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '?', ')']) || text.is_empty() { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// Draws it over the whole area, whatever its size. Gives the cursor's place.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    pen.clear(area);
    if area.width < 40 || area.height < 10 {
        return draw_tiny(view, pen, area);
    }
    // On a large screen the environment's band is as high as the dialog is serious.
    let high = if area.width >= 100 && area.height >= 28 { 3 } else { 1 };
    band::draw_bars(&view.bars, pen, area, high);
    let body = Rect { height: area.height - high - 1, ..below(area, high) };
    match &view.inside {
        Inside::Armed(view) => armed::draw(view, pen, body),
        Inside::Sent(view) => sent::draw(view, pen, body),
        Inside::Shut(lines) => draw_shut(lines, pen, body),
    }
}

fn draw_shut(lines: &[(String, Role)], pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    let field = from(below(body, 1), 3);
    let mut at = 0;
    for (text, role) in lines {
        let rows = wrapped(text, usize::from(field.width.saturating_sub(2)), 3);
        // What stands in columns is not broken anew.
        let rows = if text.contains("  ") || rows.len() < 2 { vec![text.clone()] } else { rows };
        for text in rows {
            pen.put(row(field, at), &text, *role);
            at += 1;
        }
    }
    Some(Position::new(field.x, field.y)).filter(|_| !field.is_empty())
}

/// Too small for more: the environment, both codes, the field.
fn draw_tiny(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let title = view.bars.environment.title();
    let glyph = view.bars.environment.glyph();
    let armed = match &view.inside {
        Inside::Armed(view) => Some(view),
        _ => None,
    };
    if let (1, Some(armed), 30..) = (area.height, armed, area.width) {
        return armed::draw_line(armed, pen, row(area, 0));
    }
    let heads = [
        format!("{glyph} {title} {glyph} {}", view.bars.urgent),
        format!("{title} {}", view.bars.urgent),
        title.to_owned(),
    ];
    let head = heads.iter().find(|text| columns(text) <= area.width).unwrap_or(&heads[2]);
    pen.put(row(area, 0), head, band::role(view.bars.environment));
    let rest = below(area, 1);
    match &view.inside {
        Inside::Armed(view) if rest.height == 1 => armed::draw_line(view, pen, rest),
        Inside::Armed(view) => armed::draw_tiny(view, pen, rest),
        Inside::Sent(view) => sent::draw_tiny(view, pen, rest),
        Inside::Shut(lines) => {
            let text: Vec<&str> = lines.iter().take(2).map(|(text, _)| text.as_str()).collect();
            for (index, text) in
                wrapped(&text.join(" "), usize::from(rest.width).max(1), usize::from(rest.height).max(1))
                    .iter()
                    .enumerate()
            {
                pen.put(first(row(rest, index as u16), rest.width), text, Role::Strong);
            }
            None
        }
    }
}
