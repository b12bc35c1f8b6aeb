//! Whom a stop reaches, and by which way each engine will hear of it. Refuses to call an engine reached that is silent.

use crate::engines::role;
use crate::heading::{Label, heading};
use crate::kill;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::theme::Role;
use crate::words;
use quarterdeck_app::Model;
use quarterdeck_domain::kill::{EngineRow, EngineStanding, PathState};
use ratatui::layout::Rect;

/// The list as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    rest: String,
    rows: Vec<Row>,
    known: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    account: String,
    state: (&'static str, Role),
    beat: String,
    orders: String,
    positions: String,
    hears: (String, Role),
    bad: bool,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let Some(kill) = model.kill.as_deref() else {
            return Self { rest: String::new(), rows: Vec::new(), known: false };
        };
        let all = kill.engines.len();
        let silent = kill::engines_that(kill, EngineStanding::Silent).len();
        let rest = match (all, silent) {
            (0, _) => "no engine".to_owned(),
            (1, 0) => "the 1 engine".to_owned(),
            (_, 0) => format!("all {all} engines"),
            _ => format!("{} of {}", all - silent, words::count(all, "engine")),
        };
        let file = kill.paths.iter().find(|path| path.name == "latch file");
        let file = file.is_none_or(|path| !matches!(path.state, PathState::Broken { .. }));
        Self {
            rest,
            rows: kill::worst_first(kill).into_iter().map(|engine| row_of(model, engine, file)).collect(),
            known: true,
        }
    }

    /// Rows it needs with its heading.
    pub(crate) fn height(&self) -> u16 {
        u16::try_from(self.rows.len().max(1) + 1).unwrap_or(u16::MAX)
    }
}

fn row_of(model: &Model, engine: &EngineRow, file: bool) -> Row {
    let beat = engine.beat.as_ref();
    let number =
        |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| kill::amount(number, engine.stale));
    let socket = matches!(engine.link, PathState::Ready | PathState::Reached(_));
    let silent = engine.standing == EngineStanding::Silent;
    let hears = match (file, socket) {
        (true, true) => "latch file, socket",
        (true, false) => "latch file only",
        (false, true) => "socket only",
        (false, false) => "NO WAY",
    };
    Row {
        name: engine.name.clone(),
        account: engine.account.clone(),
        state: (engine.standing.word(), role(engine.standing)),
        beat: engine.heard_at.map_or_else(|| "never".to_owned(), |at| words::beat(model.now.duration_since(at))),
        orders: number(beat.and_then(|beat| beat.resting_orders)),
        positions: number(beat.and_then(|beat| beat.positions)),
        hears: match silent || !(file || socket) {
            true => (format!("{hears}: may not obey"), Role::Danger),
            false => (hears.to_owned(), Role::Text),
        },
        bad: engine.standing.is_bad(),
    }
}

/// Draws the list with its heading: as many as there is room for, worst first.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) {
    let wide = area.width >= 96;
    let longest = view.rows.iter().map(|row| columns(&row.name)).max().unwrap_or(0).clamp(9, 14);
    let account = 3 + longest + 1;
    let state = if wide { account + 12 } else { account };
    let beat = state + 9 + 7;
    let orders = beat + 9;
    let positions = orders + if wide { 13 } else { 11 };
    let hears = positions + if wide { 4 } else { 2 };
    let labels = [
        Label::At(state, "state"),
        Label::To(beat, "beat"),
        Label::To(orders, "orders"),
        Label::To(positions, "positions"),
        Label::At(hears, "will hear by"),
    ];
    heading(pen, row(area, 0), "REACHES", &view.rest, &labels);
    let body = below(area, 1);
    if view.rows.is_empty() {
        let text =
            if view.known { "No engine has reported here. The latch is written all the same." } else { "Asking." };
        pen.put(from(row(body, 0), 3), text, Role::Muted);
        return;
    }
    let fits = view.rows.len() <= usize::from(body.height);
    let shown = if fits { view.rows.len() } else { usize::from(body.height.saturating_sub(1)) };
    for (index, item) in view.rows.iter().take(shown).enumerate() {
        let line = row(body, index as u16);
        let to = |end: u16, width: u16| first(from(line, end.saturating_sub(width)), width);
        pen.put(first(from(line, 1), 1), if item.bad { "!" } else { "" }, Role::Danger);
        pen.put(first(from(line, 3), longest), &item.name, if item.bad { Role::Strong } else { Role::Text });
        if wide {
            pen.put(first(from(line, account), 9), &item.account, Role::Muted);
        }
        pen.put(first(from(line, state), 9), item.state.0, item.state.1);
        pen.put_right(to(beat, 7), &item.beat, Role::Muted);
        pen.put_right(to(orders, 8), &item.orders, Role::Text);
        pen.put_right(to(positions, 9), &item.positions, Role::Text);
        pen.put(from(line, hears), &item.hears.0, item.hears.1);
    }
    if !fits {
        pen.put(from(row(body, shown as u16), 3), &format!("{} more", view.rows.len() - shown), Role::Muted);
    }
}
