//! The first row: which environment, who, what they may do, and the clock. Refuses a clock when nothing alive stands
//! behind it.

use crate::pen::{Pen, columns, first, row as row_of};
use crate::theme::Role;
use crate::{kill, words};
use quarterdeck_app::{Access, Model};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::MarketRow;
use ratatui::layout::Rect;

/// What the first row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    environment: Environment,
    host: String,
    who: String,
    access: String,
    access_short: String,
    market: String,
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
            market: market(model),
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
        Access::ReadOnly => format!("look only{}", kill::look_only(model)),
        Access::Unlocked { until } => {
            format!("unlocked, look only again in {}", words::running(until.duration_since(model.now)))
        }
    }
}

/// How long the market is open or shut, where configuration says its hours.
fn market(model: &Model) -> String {
    let hour = |at: jiff::Timestamp| {
        let near = at.duration_since(model.now) < jiff::SignedDuration::from_hours(20);
        at.strftime(if near { "%H:%MZ" } else { "%d %b %H:%MZ" }).to_string()
    };
    match model.kill.as_ref().map(|row| &row.market) {
        Some(MarketRow::Open { until }) => format!("market to {}", hour(*until)),
        Some(MarketRow::Shut { opens: Some(opens) }) => format!("market shut to {}", hour(*opens)),
        Some(MarketRow::Shut { opens: None }) => "market shut".to_owned(),
        Some(MarketRow::NotConfigured) | None => String::new(),
    }
}

/// The same where there is little room: how long it lasts is never left out.
fn access_short(model: &Model) -> String {
    match model.setup.access {
        // A cause that a person can mend is said on narrow screens too.
        Access::ReadOnly if ["", ": journal", ": configuration"].contains(&kill::look_only(model)) => access(model),
        Access::ReadOnly => "look only".into(),
        Access::Unlocked { until } => format!("unlocked {}", words::running(until.duration_since(model.now))),
        Access::Free | Access::LookOnly => access(model),
    }
}

/// Draws the row. What doesn't fit goes in this order: the long words of access, the market, the host, who.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, row: Rect) {
    let market: &[&str] = &[&view.market];
    let sets: [(&[&str], &[&str]); 7] = [
        (&[&view.host, &view.who, &view.access], market),
        (&[&view.host, &view.who, &view.access_short], market),
        (&[&view.who, &view.access_short], market),
        (&[&view.host, &view.who, &view.access_short], &[]),
        (&[&view.who, &view.access_short], &[]),
        (&[&view.access_short], &[]),
        (&[], &[]),
    ];
    let sets = sets.map(|(left, right)| (left, [right, &[view.clock.as_str()]].concat()));
    draw_parts(pen, row, view.environment, &sets);
}

/// The first and the last row of a dialog that takes the whole screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bars {
    /// Which environment.
    pub(crate) environment: Environment,
    /// What the dialog is, what matters most first.
    pub(crate) left: Vec<String>,
    /// What is never left out: how long it lasts.
    pub(crate) urgent: String,
    /// The time.
    pub(crate) clock: String,
    /// What the keys do.
    pub(crate) keys: Vec<String>,
}

/// Draws the bars: the first `high` rows, and the last one.
pub(crate) fn draw_bars(bars: &Bars, pen: &mut Pen<'_>, area: Rect, high: u16) {
    let role = role(bars.environment);
    let fill = bars.environment.glyph().chars().next().unwrap_or('#');
    for index in 0..high {
        pen.fill(row_of(area, index), fill, role);
    }
    let left: Vec<&str> = bars.left.iter().map(String::as_str).collect();
    let (urgent, clock) = (bars.urgent.as_str(), bars.clock.as_str());
    let one = &left[..left.len().min(1)];
    let sets: [(&[&str], Vec<&str>); 4] =
        [(&left, vec![urgent, clock]), (&left, vec![urgent]), (one, vec![urgent]), (&[], vec![urgent])];
    draw_parts(pen, row_of(area, high / 2), bars.environment, &sets);
    let glyph = bars.environment.glyph();
    let keys = bars.keys.join(&format!(" {glyph} "));
    let last = row_of(area, area.height.saturating_sub(1));
    pen.fill(last, fill, role);
    pen.put(last, &format!("{glyph} {keys} "), role);
}

/// Draws the environment's title with the first set of parts that fits: some behind it, some at the right end.
fn draw_parts(pen: &mut Pen<'_>, row: Rect, environment: Environment, sets: &[(&[&str], Vec<&str>)]) {
    let role = role(environment);
    let glyph = environment.glyph();
    let title = format!("{glyph} {} {glyph}", environment.title());
    pen.fill(row, glyph.chars().next().unwrap_or('#'), role);
    let joined = |start: &str, parts: &[&str]| {
        parts
            .iter()
            .filter(|part| !part.is_empty())
            .fold(start.to_owned(), |line, part| format!("{line} {part} {glyph}"))
    };
    let made = sets.iter().map(|(left, right)| (joined(&title, left), joined("", right)));
    let fits = made.into_iter().find(|(left, right)| columns(left) + columns(right) <= row.width);
    let (left, right) = fits.unwrap_or((title, String::new()));
    pen.put_right(row, &right, role);
    pen.put(first(row, row.width), &left, role);
}
