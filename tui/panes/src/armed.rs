//! The armed kill-switch: one code a level, what each does with the numbers of now, the field, who is reached, what to
//! do when something is broken, and what follows. Refuses a number that was not told.

use crate::foot::wrapped;
use crate::heading::{Label, heading};
use crate::kill;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::reaches;
use crate::theme::Role;
use crate::words;
use quarterdeck_app::Model;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Guard, KillRow, Level, MarketRow, SwitchState};
use quarterdeck_domain::overview::Condition;
use ratatui::layout::{Position, Rect};

/// Rows of the first line, the two boxes and the field.
const FIXED: u16 = 8;
/// The columns of a box around a code.
const BOX: u16 = 14;

/// The dialog as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    stop: Choice,
    halt: Choice,
    /// `P3 K7_ _`, and how much of it stands.
    field: (String, u16),
    /// What Ctrl-X would do now.
    leads: (String, Role),
    said: Option<String>,
    reaches: reaches::View,
    broken: Vec<[String; 3]>,
    after: Vec<(String, Role)>,
}

/// One of the two levels.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    /// `P3 K7QX`; none until it is drawn.
    code: Option<String>,
    role: Role,
    word: &'static str,
    head: &'static str,
    lines: [(String, Role); 2],
}

impl View {
    /// Makes the view: with the guard and what the last key came to, or while it is being armed.
    pub(crate) fn of(model: &Model, guard: Option<(&Guard, Option<&str>)>) -> Self {
        let row = model.kill.as_deref();
        let leads_to = guard.and_then(|(guard, _)| guard.leads_to());
        let choice = |level: Level, word, head, lines| Choice {
            code: guard.map(|(guard, _)| guard.codes().shown(level)),
            role: if leads_to.is_none_or(|leads| leads == level) { Role::Strong } else { Role::Muted },
            word,
            head,
            lines,
        };
        Self {
            stop: choice(Level::Stop, "STOP", "STOP, level 3: no new orders", stop_lines(model, row)),
            halt: choice(Level::Halt, "HALT", "HALT, level 4: closes all", halt_lines(model, row)),
            field: field(guard.map_or("", |(guard, _)| guard.typed())),
            leads: leads(guard.map(|(guard, _)| guard)),
            said: guard.and_then(|(_, said)| said).map(str::to_owned),
            reaches: reaches::View::of(model),
            broken: broken(model),
            after: after(model, row),
        }
    }
}

/// `P3 K7_ _`, and how many columns of it are typed.
fn field(typed: &str) -> (String, u16) {
    let (head, tail) = typed.split_at(typed.len().min(2));
    let blanks = quarterdeck_domain::kill::guard::LENGTH.saturating_sub(typed.len());
    let mut shown = head.to_owned();
    if head.len() == 2 {
        shown.push(' ');
        shown.push_str(tail);
    }
    let at = columns(&shown);
    shown.push_str(&vec!["_"; blanks].join(" "));
    (shown, at)
}

fn leads(guard: Option<&Guard>) -> (String, Role) {
    let Some(guard) = guard else {
        return ("wait: what was typed ahead is thrown away".into(), Role::Muted);
    };
    let word = match guard.leads_to() {
        None => return ("the code chooses the level".into(), Role::Muted),
        Some(Level::Stop) => "STOP",
        Some(Level::Halt) => "HALT",
    };
    match guard.missing() {
        0 => (format!(" ^X sends {word} "), Role::DangerBand),
        missing => (format!("will {word}, {} to go", words::count(missing, "character")), Role::Strong),
    }
}

fn stop_lines(model: &Model, row: Option<&KillRow>) -> [(String, Role); 2] {
    let Some(row) = row else {
        return [("Resting orders may still fill.".into(), Role::Text), becomes(None)];
    };
    let first = match row.state {
        SwitchState::GracefulStop => "In force already: it is sent again, the deadline stands.".to_owned(),
        SwitchState::Held => "Held already: it is sent again, and stays held.".to_owned(),
        _ if row.level() == Some(Level::Halt) => "Level 4 is in force already: that is sent again.".to_owned(),
        _ => resting(row),
    };
    let second = match (row.state, kill::left(model, row)) {
        (SwitchState::GracefulStop, Some(left)) => {
            (format!("Level 4 follows by itself in {}, unless held.", words::running(left)), Role::Danger)
        }
        (SwitchState::Normal | SwitchState::Unknown, _) => becomes(Some(row)),
        _ => (String::new(), Role::Text),
    };
    [(first, Role::Text), second]
}

/// `The 17 resting orders may still fill.`
fn resting(row: &KillRow) -> String {
    if row.engines.is_empty() {
        return "No engine has reported here: nobody may hear it.".to_owned();
    }
    match row.exposure() {
        (0, _, false) => "No order rests now.".to_owned(),
        (1, _, false) => "The 1 resting order may still fill.".to_owned(),
        (orders, _, unsure) => format!("The {} resting orders may still fill.", kill::amount(orders, unsure)),
    }
}

fn becomes(row: Option<&KillRow>) -> (String, Role) {
    match row {
        Some(row) if row.can_hold.is_empty() => ("NOBODY CAN HOLD: level 4 follows after 5:00.".into(), Role::Danger),
        _ => ("Becomes level 4 by itself after 5:00, unless held.".into(), Role::Text),
    }
}

fn halt_lines(model: &Model, row: Option<&KillRow>) -> [(String, Role); 2] {
    let Some(row) = row else {
        return [
            ("Cancels all orders, closes all positions at market.".into(), Role::Text),
            ("Can't be undone.".into(), Role::Text),
        ];
    };
    let (orders, positions, unsure) = row.exposure();
    let first = if row.level() == Some(Level::Halt) {
        "In force already: it is sent again.".to_owned()
    } else if row.engines.is_empty() {
        "No engine has reported here: nobody may carry it out.".to_owned()
    } else {
        let orders = kill::amount_of(orders, unsure, "order");
        format!("Cancels {orders}, closes {} at market.", kill::amount_of(positions, unsure, "position"))
    };
    let second = match &row.market {
        MarketRow::NotConfigured => ("Can't be undone. The market's hours are not configured.".to_owned(), Role::Text),
        MarketRow::Open { .. } => {
            ("Can't be undone. The market is open: positions can be closed.".to_owned(), Role::Text)
        }
        MarketRow::Shut { opens } => {
            let opens = opens.map_or_else(|| "an unknown time".to_owned(), |at| words::when(at, model.now));
            let positions = kill::amount_of(positions, unsure, "position");
            (format!("SHUT to {opens}: {positions} can't be closed."), Role::Danger)
        }
    };
    [(first, Role::Text), second]
}

/// What isn't needed to stop, and what is left when this screen doesn't work.
fn broken(model: &Model) -> Vec<[String; 3]> {
    let seat = &model.setup.seat;
    let line = |name: &str, state: String, then: String| [name.to_owned(), state, then];
    let mut lines = Vec::new();
    for backend in &model.backends.rows {
        if let (Condition::Down { code, .. }, true) = (&backend.condition, lines.is_empty()) {
            lines.push(line(&backend.name, code.to_uppercase(), "not needed to stop".into()));
        }
    }
    let journal = match &model.known.journal {
        None => "reading".to_owned(),
        Some(row) if row.broken.is_some() => format!("BROKEN #{}", row.seq),
        Some(row) => format!("ok #{}", row.seq),
    };
    lines.push(line("journal", journal, "not needed to stop; else UNJOURNALLED".into()));
    // A demo is an environment that no name leads to: what it teaches is said for a real one.
    let (shell, environment) = match seat.environment {
        Environment::Demo => ("in a real one: any shell".to_owned(), Environment::Qa),
        real => (format!("any shell on {}", seat.host), real),
    };
    lines.push(line("screen", shell, format!("quarterdeck kill stop --env {}", environment.name())));
    let worst = model.kill.as_deref().and_then(|row| kill::worst_first(row).into_iter().next());
    let worst = worst.filter(|engine| engine.standing.is_bad());
    let account =
        worst.filter(|engine| !engine.account.is_empty()).map(|engine| format!(", account {}", engine.account));
    let number = kill::number(model, worst.map_or("", |engine| &engine.name)).unwrap_or("no number is configured");
    lines.push(line("engine", "the broker's desk".into(), format!("{number}{}", account.unwrap_or_default())));
    lines
}

/// Who can hold and release, what is not touched, who sits here.
fn after(model: &Model, row: Option<&KillRow>) -> Vec<(String, Role)> {
    let mut lines = Vec::new();
    match row {
        Some(row) if row.can_hold.is_empty() => {
            let text = "NOBODY CAN HOLD. Level 4 follows level 3 after 5:00. The reason is asked for after sending.";
            lines.push((text.to_owned(), Role::Danger));
        }
        Some(row) => {
            let names = kill::names(row.can_hold.iter().map(String::as_str), 3);
            let alone = if row.may_not_hold.is_some() { "only " } else { "" };
            let text = format!("Hold and release: {alone}{names}. The reason is asked for after sending.");
            lines.push((text, if alone.is_empty() { Role::Text } else { Role::DueSoon }));
        }
        None => lines.push(("The reason is asked for after sending.".to_owned(), Role::Text)),
    }
    let others = match model.setup.seat.environment {
        Environment::Production => "QA and PAPER are not touched.",
        Environment::Paper => "PRODUCTION and QA are not touched.",
        Environment::Qa => "PRODUCTION and PAPER are not touched.",
        Environment::Demo => "Nothing outside this demo is touched.",
    };
    lines.push((format!("{others} You are {}.", model.setup.seat.who), Role::Text));
    if let Some(why) = row.and_then(|row| row.may_not_hold.as_ref()) {
        lines.push((format!("Not from here: {why}"), Role::Muted));
    }
    lines
}

/// Draws it. Gives the cursor's place, behind what is typed.
///
/// ```text
///   what to do
///   code, and what level 3 does
///   code, and what level 4 does
///   the field
///   REACHES               as many engines as there is room for
///   IF SOMETHING IS BROKEN     where there is room for all of it
///   AFTERWARDS                 before that one
/// ```
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    if body.width < 64 || body.height < 12 {
        return draw_small(view, pen, body);
    }
    let after: Vec<(String, Role)> = view
        .after
        .iter()
        .flat_map(|(text, role)| {
            wrapped(text, usize::from(body.width.saturating_sub(4)), 2).into_iter().zip([*role; 2])
        })
        .collect();
    let after_rows = after.len() as u16 + 1;
    let broken_rows = view.broken.len() as u16 + 1;
    let spare = body.height.saturating_sub(FIXED);
    let with_after = spare >= after_rows + 3;
    let spare = spare.saturating_sub(if with_after { after_rows } else { 0 });
    let with_broken = spare >= broken_rows + view.reaches.height();
    let spare = spare.saturating_sub(if with_broken { broken_rows } else { 0 });
    let reaches_rows = view.reaches.height().min(spare);
    let gap = gaps(spare - reaches_rows);
    let indent = if body.width >= 100 { 5 } else { 2 };
    let mut at = gap[0];
    pen.put_all(
        from(row(body, at), 3),
        &[
            ("Type ", Role::Text),
            ("ONE", Role::Strong),
            (" code, then press ", Role::Text),
            ("^X", Role::Key),
            (".   Esc closes.", Role::Text),
        ],
    );
    at += 1 + gap[1];
    draw_choice(pen, from(below(body, at), indent), &view.stop);
    at += 3 + gap[2];
    draw_choice(pen, from(below(body, at), indent), &view.halt);
    at += 3 + gap[3];
    let cursor = draw_field(view, pen, row(body, at));
    at += 1 + gap[4];
    reaches::draw(&view.reaches, pen, Rect { height: reaches_rows, ..below(body, at) });
    at += reaches_rows;
    if with_broken {
        draw_broken(pen, below(body, at), &view.broken);
        at += broken_rows;
    }
    if with_after {
        let rest = below(body, at);
        heading(pen, row(rest, 0), "AFTERWARDS", "", &[]);
        for (index, (text, role)) in after.iter().enumerate() {
            pen.put(from(row(rest, index as u16 + 1), 3), text, *role);
        }
    }
    cursor
}

/// Blank rows, as many as are to spare: above, under the first line, between the boxes, around the field.
fn gaps(spare: u16) -> [u16; 5] {
    const FIRST: [usize; 5] = [3, 4, 2, 1, 0];
    let mut gaps = [0; 5];
    FIRST.into_iter().take(usize::from(spare)).for_each(|place| gaps[place] = 1);
    gaps
}

fn draw_broken(pen: &mut Pen<'_>, area: Rect, lines: &[[String; 3]]) {
    let then = if area.width >= 96 { 51 } else { 40 };
    heading(pen, row(area, 0), "IF SOMETHING IS BROKEN", "", &[Label::At(then, "then")]);
    for (index, [name, state, remedy]) in lines.iter().enumerate() {
        let line = row(area, index as u16 + 1);
        pen.put(first(from(line, 3), 11), name, Role::Text);
        pen.put(first(from(line, 15), then - 17), state, Role::Text);
        let role = if remedy.starts_with("not needed") { Role::Text } else { Role::Strong };
        pen.put(from(line, then), remedy, role);
    }
}

/// A code in its box, and what it does beside it.
fn draw_choice(pen: &mut Pen<'_>, area: Rect, choice: &Choice) {
    draw_box(pen, first(area, BOX));
    let code = choice.code.as_deref().unwrap_or(". .").replacen(' ', "  ", 1);
    let width = columns(&code).min(BOX - 2);
    pen.put(from(row(area, 1), 1 + (BOX - 2 - width) / 2), &code, choice.role);
    let beside = from(area, BOX + 3);
    pen.put(row(beside, 0), choice.head, choice.role);
    for (index, (text, role)) in choice.lines.iter().enumerate() {
        pen.put(row(beside, 1 + index as u16), text, *role);
    }
}

fn draw_box(pen: &mut Pen<'_>, area: Rect) {
    let (top, side, bottom) = if pen.ascii {
        (['+', '-', '+'], '|', ['+', '-', '+'])
    } else {
        (['\u{250c}', '\u{2500}', '\u{2510}'], '\u{2502}', ['\u{2514}', '\u{2500}', '\u{2518}'])
    };
    let right = area.width.saturating_sub(1);
    for (index, corners) in [(0, top), (2, bottom)] {
        let line = row(area, index);
        pen.fill(line, corners[1], Role::Rule);
        pen.fill(first(line, 1), corners[0], Role::Rule);
        pen.fill(from(line, right), corners[2], Role::Rule);
    }
    pen.fill(first(row(area, 1), 1), side, Role::Rule);
    pen.fill(from(row(area, 1), right), side, Role::Rule);
}

/// `code > P3 K7_ _     will STOP, 2 characters to go      paste, Enter and held keys do nothing`
fn draw_field(view: &View, pen: &mut Pen<'_>, line: Rect) -> Option<Position> {
    let start = 3 + pen.put_all(from(line, 3), &[("code ", Role::Label), ("> ", Role::Key)]);
    let (text, at) = &view.field;
    pen.put(from(line, start), text, Role::Strong);
    let (leads, role) = &view.leads;
    let beside = from(line, start + 16);
    let rest = from(beside, columns(leads) + 3);
    match &view.said {
        // What the last key came to stands behind what follows, or in its place.
        Some(said) if columns(said) > rest.width => _ = pen.put(beside, said, Role::Danger),
        Some(said) => _ = pen.put_all(beside, &[(leads, *role), ("   ", Role::Text), (said, Role::Danger)]),
        None => {
            pen.put(beside, leads, *role);
            let texts = ["paste, Enter and held keys do nothing", "no paste, no Enter"];
            let fits = texts.iter().find(|text| columns(text) <= rest.width);
            pen.put(rest, fits.unwrap_or(&""), Role::Muted);
        }
    }
    cursor(line, start + at)
}

fn cursor(line: Rect, at: u16) -> Option<Position> {
    (at < line.width && !line.is_empty()).then(|| Position::new(line.x + at, line.y))
}

/// Codes, field, what the last key came to, and what nobody could take back; nothing else.
fn draw_small(view: &View, pen: &mut Pen<'_>, body: Rect) -> Option<Position> {
    pen.put(from(row(body, 0), 1), "Type ONE code, then ^X. Esc closes.", Role::Text);
    for (index, choice) in [&view.stop, &view.halt].into_iter().enumerate() {
        let code = choice.code.as_deref().unwrap_or(". .");
        let line = row(body, 2 + index as u16);
        let used = pen.put(from(line, 1), &format!("{code:<9}"), choice.role);
        pen.put(from(line, 1 + used), choice.head, choice.role);
    }
    let line = row(body, 5);
    let start = 1 + pen.put_all(from(line, 1), &[("code ", Role::Label), ("> ", Role::Key)]);
    pen.put(from(line, start), &view.field.0, Role::Strong);
    let (text, role) = match &view.said {
        Some(said) => (said, Role::Danger),
        None => (&view.leads.0, view.leads.1),
    };
    pen.put(from(row(body, 6), 1), text, role);
    let (follows, role) = &view.stop.lines[1];
    if *role == Role::Danger {
        pen.put(from(row(body, 7), 1), follows, *role);
    }
    cursor(line, start + view.field.1)
}

/// Both codes and the field on one line.
pub(crate) fn draw_line(view: &View, pen: &mut Pen<'_>, line: Rect) -> Option<Position> {
    let code = |choice: &Choice| choice.code.clone().unwrap_or_else(|| ". .".into());
    let (stop, halt) = (code(&view.stop), code(&view.halt));
    let heads = [format!("STOP {stop}  HALT {halt} > "), format!("{stop}  {halt} > "), format!("{stop} {halt} >")];
    let wanted = columns(&view.field.0);
    let head = heads.iter().find(|head| columns(head) + wanted <= line.width).unwrap_or(&heads[2]);
    let used = pen.put(line, head, Role::Strong);
    pen.put(from(line, used), &view.field.0, Role::Strong);
    cursor(line, used + view.field.1)
}

/// On a few rows: both codes, beside each other or under each other, the field, what Ctrl-X would do.
pub(crate) fn draw_tiny(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let code = |choice: &Choice| (format!("{} {}", choice.code.as_deref().unwrap_or(". ."), choice.word), choice.role);
    let ((stop, stop_role), (halt, halt_role)) = (code(&view.stop), code(&view.halt));
    let beside = columns(&stop) + columns(&halt) + 2 <= area.width;
    if beside {
        pen.put_all(row(area, 0), &[(&stop, stop_role), ("  ", Role::Text), (&halt, halt_role)]);
    } else {
        pen.put(row(area, 0), &stop, stop_role);
        pen.put(row(area, 1), &halt, halt_role);
    }
    let rest = below(area, if beside { 1 } else { 2 });
    let line = row(rest, 0);
    let used = pen.put(line, "> ", Role::Key);
    pen.put(from(line, used), &view.field.0, Role::Strong);
    let (text, role) = match &view.said {
        Some(said) => (said.as_str(), Role::Danger),
        None => (view.leads.0.as_str(), view.leads.1),
    };
    pen.put(row(rest, 1), text, role);
    cursor(line, used + view.field.1)
}
