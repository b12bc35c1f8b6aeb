//! The engines, worst first: does each trade, what rests and what is open, and in a stop what it answered. Refuses to
//! show an old number as a fresh one: it has a `?` behind it.

use crate::heading::{Label, heading};
use crate::kill;
use crate::pen::{Pen, below, first, from, row};
use crate::theme::Role;
use crate::words;
use jiff::SignedDuration;
use quarterdeck_app::Model;
use quarterdeck_domain::kill::{EngineRow, EngineStanding, KillRow, Level, Step};
use ratatui::layout::Rect;

/// The table as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    rest: String,
    rows: Vec<Row>,
    /// In a stop the last columns tell the answer to it.
    stopped: bool,
    /// Since when numbers are old, and what that leaves open.
    note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    account: String,
    state: String,
    role: Role,
    beat: String,
    orders: String,
    positions: String,
    last_order: String,
    link: (String, Role),
    answer: (String, Role),
    why: String,
    bad: bool,
}

impl View {
    /// Makes the view; none while nothing is known of the switch.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let kill = model.kill.as_deref()?;
        let (good, all) = kill.answered();
        let rest = match kill::answered_word(kill) {
            _ if all == 0 => "none".to_owned(),
            Some(word) => format!("{all}, {good} {word}"),
            None => all.to_string(),
        };
        let rows = kill::worst_first(kill).into_iter().map(|engine| row_of(model, kill, engine)).collect();
        Some(Self { rest, rows, stopped: kill.level().is_some() && kill.record.is_some(), note: note(model, kill) })
    }

    /// How many engines there are.
    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.rows.len()).unwrap_or(u16::MAX)
    }

    /// Rows it needs with its heading, everything said.
    pub(crate) fn height(&self) -> u16 {
        let whys = self.rows.iter().filter(|row| row.bad && !row.why.is_empty()).count();
        self.short_height().saturating_add(whys as u16 + u16::from(self.note.is_some()))
    }

    /// Rows it needs with its heading, each engine on one row.
    pub(crate) fn short_height(&self) -> u16 {
        self.count().max(1).saturating_add(1)
    }
}

fn row_of(model: &Model, kill: &KillRow, engine: &EngineRow) -> Row {
    let beat = engine.beat.as_ref();
    // What control told long ago is as old as what the engine did.
    let old = kill::is_old(model);
    let stale = engine.stale || old;
    let number = |number: Option<u64>| match (number, beat) {
        (_, None) => "-".to_owned(),
        (None, _) => "?".to_owned(),
        (Some(100_000..), _) => ">99999".to_owned(),
        (Some(number), _) => kill::amount(number, stale),
    };
    let link = beat.map_or("-", |beat| beat.link.as_str());
    Row {
        name: engine.name.clone(),
        account: engine.account.clone(),
        state: if old { format!("{} ?", engine.standing.word()) } else { engine.standing.word().to_owned() },
        role: role(engine.standing),
        beat: engine.heard_at.map_or_else(|| "never".to_owned(), |at| words::beat(model.now.duration_since(at))),
        orders: number(beat.and_then(|beat| beat.resting_orders)),
        positions: number(beat.and_then(|beat| beat.positions)),
        last_order: beat
            .and_then(|beat| beat.last_order)
            .map_or_else(|| "-".to_owned(), |at| words::line_time(Some(at), model.now)),
        link: match (link, stale) {
            ("up", false) => ("up".to_owned(), Role::Text),
            ("-", _) => ("-".to_owned(), Role::Text),
            (link, true) => (format!("{link} ?"), Role::Text),
            (link, false) => (link.to_uppercase(), Role::Danger),
        },
        answer: answer(model, kill, engine),
        why: engine.why.join("; "),
        bad: engine.standing.is_bad(),
    }
}

/// How a standing looks; its word says the same.
pub(crate) fn role(standing: EngineStanding) -> Role {
    match standing {
        EngineStanding::Trading | EngineStanding::Flat => Role::Ok,
        EngineStanding::Idle | EngineStanding::Blocked => Role::Text,
        EngineStanding::Late => Role::DueSoon,
        _ => Role::Danger,
    }
}

/// What an engine answered to the order that counts.
fn answer(model: &Model, kill: &KillRow, engine: &EngineRow) -> (String, Role) {
    let Some(record) = kill.record.as_ref().filter(|_| kill.level().is_some()) else {
        return (String::new(), Role::Text);
    };
    let beat = engine.beat.as_ref().filter(|beat| beat.episode.as_ref() == Some(&record.episode));
    let step = beat.map_or(Step::None, |beat| beat.step);
    let since = |ns: Option<u64>| {
        let (ns, beat) = (ns?, beat?);
        let nanos = ns.checked_sub(record.since_boot_ns).filter(|_| beat.boot_id == record.boot_id)?;
        Some(SignedDuration::from_nanos(i64::try_from(nanos).ok()?))
    };
    let within = |word: &str, took: Option<SignedDuration>| match took {
        Some(took) => format!("{word} in {}", words::took_in(took)),
        None => word.to_owned(),
    };
    let steps = beat.map(|beat| beat.steps).unwrap_or_default();
    let blocked = || within("blocked", engine.blocked_after);
    let waited = words::silence(model.now.duration_since(record.since));
    let halted = kill.level() == Some(Level::Halt);
    match (engine.standing, step) {
        (EngineStanding::Defying, _) => ("TRADES ON".to_owned(), Role::Danger),
        (EngineStanding::Silent, Step::None) => (format!("NONE for {waited}"), Role::Danger),
        (EngineStanding::Silent, _) => (format!("{}, then silent", word_of(step)), Role::Danger),
        (EngineStanding::Flat, _) => (within("flat", since(steps.flat_ns)), Role::Ok),
        (_, Step::None) => (format!("NONE for {waited}"), Role::DueSoon),
        (_, Step::Received) => ("heard, not blocked".to_owned(), Role::DueSoon),
        (_, Step::Blocked) => (blocked(), Role::Text),
        (_, Step::Cancelled) if halted => (within("cancelled", since(steps.cancelled_ns)), Role::Text),
        (_, Step::Cancelled) => (blocked(), Role::Text),
        (_, Step::Flat) if halted => ("says flat, no proof".to_owned(), Role::Danger),
        (_, Step::Flat) => (blocked(), Role::Text),
    }
}

fn word_of(step: Step) -> &'static str {
    match step {
        Step::None => "nothing",
        Step::Received => "heard",
        Step::Blocked => "blocked",
        Step::Cancelled => "cancelled",
        Step::Flat => "flat",
    }
}

/// `? as last told at 14:01:50Z. 9 positions, none proven flat.`
fn note(model: &Model, kill: &KillRow) -> Option<String> {
    let oldest = kill.engines.iter().filter(|engine| engine.stale).filter_map(|engine| engine.heard_at).min()?;
    let (_, positions, _) = kill.exposure();
    let flat = kill::engines_that(kill, EngineStanding::Flat).len();
    let proven = match flat {
        0 => "none proven flat".to_owned(),
        _ => format!("{flat} of {} engines proven flat", kill.engines.len()),
    };
    let at = words::when(oldest, model.now);
    Some(format!("? as last told at {at}. {}, {proven}.", words::count(positions as usize, "position")))
}

/// Where the columns stand: each its start and width; a width of 0 is left out.
struct Columns {
    name: (u16, u16),
    account: (u16, u16),
    state: (u16, u16),
    beat: (u16, u16),
    orders: (u16, u16),
    positions: (u16, u16),
    last: (u16, u16),
    link: (u16, u16),
    answer: (u16, u16),
}

/// ```text
///  ! name.... account. state.... beat... orders. positions  last order link
///  ! name.... account. state.... beat... orders. positions  answer to the stop
/// ```
fn columns(view: &View, width: u16) -> Columns {
    let (account, beat) = match width {
        0..46 => (0, 0),
        46..78 => (0, 5),
        _ => (9, 5),
    };
    let (last, link, answer) = match (width, view.stopped) {
        (0..70, _) => (0, 0, 0),
        (_, true) => (0, 0, 19),
        (_, false) => (11, 5, 0),
    };
    let (orders, positions) = if width < 46 { (7, 8) } else { (8, 11) };
    let gaps = [account, beat].iter().filter(|wide| **wide > 0).count() as u16;
    let fixed = 2 + 1 + 10 + account + beat + gaps + orders + positions + 2 + last.max(answer) + link;
    let longest = view.rows.iter().map(|row| crate::pen::columns(&row.name)).max().unwrap_or(0);
    let least = if width < 70 { 8 } else { 10 };
    let name = longest.clamp(least, 20).min(width.saturating_sub(fixed).max(6));
    let mut at = 2;
    let mut place = |wide: u16, gap: u16| {
        let start = at;
        if wide > 0 {
            at += wide + gap;
        }
        (start, wide)
    };
    Columns {
        name: place(name, if account > 0 { 2 } else { 1 }),
        account: place(account, 1),
        state: place(10, 0),
        beat: place(beat, 0),
        orders: place(orders, 0),
        positions: place(positions, 2),
        last: place(last, 1),
        link: place(link, 0),
        answer: place(answer, 0),
    }
}

/// Draws the table with its heading.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) {
    let columns = columns(view, area.width);
    let to = |(start, width): (u16, u16)| start + width;
    let mut labels = vec![
        (columns.account.1, Label::At(columns.account.0, "account")),
        (columns.state.1, Label::At(columns.state.0, "state")),
        (columns.beat.1, Label::To(to(columns.beat), "beat")),
        (columns.orders.1, Label::To(to(columns.orders), "orders")),
        (columns.positions.1, Label::To(to(columns.positions), "positions")),
        (columns.last.1, Label::At(columns.last.0, "last order")),
        (columns.link.1, Label::At(columns.link.0, "link")),
        (columns.answer.1, Label::At(columns.answer.0, "answer to the stop")),
    ];
    labels.retain(|(wide, _)| *wide > 0 && !view.rows.is_empty());
    let labels: Vec<Label<'_>> = labels.into_iter().map(|(_, label)| label).collect();
    heading(pen, row(area, 0), "ENGINES", &view.rest, &labels);
    let body = below(area, 1);
    if view.rows.is_empty() {
        pen.put(from(row(body, 0), 2), "no engine has reported here; docs/engines.md", Role::Muted);
        return;
    }
    let shown = if view.count() <= body.height { view.rows.len() } else { usize::from(body.height.saturating_sub(1)) };
    // What is left of the rows tells why, worst first.
    let mut spare = body.height.saturating_sub(view.count());
    let mut at = 0;
    for item in &view.rows[..shown] {
        draw_row(pen, row(body, at), &columns, item);
        at += 1;
        if item.bad && !item.why.is_empty() && spare > 0 {
            pen.put(from(row(body, at), columns.account.0.max(4)), &item.why, Role::Muted);
            at += 1;
            spare -= 1;
        }
    }
    if shown < view.rows.len() {
        let hidden = &view.rows[shown..];
        let bad = hidden.iter().filter(|item| item.bad).count();
        let (text, role) = match bad {
            0 => (format!("{} more, none worse", hidden.len()), Role::Muted),
            _ => (format!("{} more, {bad} of them not as they should be", hidden.len()), Role::Danger),
        };
        pen.put(from(row(body, at), 2), &text, role);
    } else if let (Some(note), true) = (&view.note, spare > 0) {
        pen.put(from(row(body, at), 2), note, Role::Muted);
    }
}

fn draw_row(pen: &mut Pen<'_>, line: Rect, columns: &Columns, item: &Row) {
    let field = |(start, width): (u16, u16)| first(from(line, start), width);
    pen.put(first(line, 1), if item.bad { "!" } else { "" }, Role::Danger);
    pen.put(field(columns.name), &item.name, if item.bad { Role::Strong } else { Role::Text });
    pen.put(field(columns.account), &item.account, Role::Muted);
    pen.put(field(columns.state), &item.state, item.role);
    pen.put_right(field(columns.beat), &item.beat, if item.bad { Role::Danger } else { Role::Muted });
    pen.put_right(field(columns.orders), &item.orders, Role::Text);
    pen.put_right(field(columns.positions), &item.positions, Role::Text);
    pen.put(field(columns.last), &item.last_order, Role::Muted);
    pen.put(field(columns.link), &item.link.0, item.link.1);
    pen.put(field(columns.answer), &item.answer.0, item.answer.1);
}
