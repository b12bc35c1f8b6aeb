//! The audit tail, full width and newest line last, so that a terminal can scroll it. Refuses text that was not made
//! harmless, and a colour without its word.

use crate::heading::heading;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::picture::spark;
use crate::theme::Role;
use crate::words;
use crate::worry::stale_source;
use quarterdeck_app::{Model, Screen, Shown};
use quarterdeck_domain::severity::Severity;
use ratatui::layout::{Position, Rect};

/// The tail as it is shown in so many rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    state: String,
    per_minute: u32,
    minutes: Vec<u64>,
    day: [u32; 4],
    ages: Vec<(String, String, bool)>,
    rows: Vec<Row>,
    empty: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    time: String,
    severity: Severity,
    actor: String,
    kind: String,
    resource: String,
    outcome: String,
    source: String,
    hit: bool,
    selected: bool,
}

impl View {
    /// Makes the view for so many rows under the heading.
    pub(crate) fn of(model: &Model, rows: usize) -> Self {
        let tail = &model.tail;
        let whole = model.screen == Screen::Audit;
        let shown = if whole { tail.window(rows) } else { tail.latest(rows) };
        let rate = tail.rate(model.now);
        Self {
            state: state(model, whole),
            per_minute: rate.per_minute,
            minutes: rate.minutes.iter().map(|count| u64::from(*count)).collect(),
            day: tail.day(model.now),
            ages: ages(model),
            rows: shown.iter().map(|shown| row_of(model, shown, whole)).collect(),
            empty: empty(model, whole),
        }
    }
}

fn state(model: &Model, whole: bool) -> String {
    let tail = &model.tail;
    let newer = tail.newer();
    let mut state = match (tail.is_held(), tail.is_following() || !whole) {
        (true, _) => format!("PAUSED, {newer} newer"),
        (false, true) => "following".to_owned(),
        (false, false) if newer == 0 => "not following".to_owned(),
        (false, false) => format!("not following, {newer} newer"),
    };
    if let (Some(find), true) = (tail.find(), whole) {
        let (hits, place) = tail.hits();
        let place = place.map(|place| format!("{place} of ")).unwrap_or_default();
        let only = if tail.only_hits { "" } else { ", all lines" };
        state.push_str(&format!(", {place}{} for '{}'{only}", words::count(hits, "hit"), find.text()));
    }
    state
}

fn ages(model: &Model) -> Vec<(String, String, bool)> {
    let source = |row: &quarterdeck_domain::overview::SourceRow| {
        let stale = stale_source(model, row).is_some();
        let age = match (&row.trouble, row.heard_at) {
            (Some(trouble), _) => trouble.clone(),
            (None, Some(at)) => words::age(model.now.duration_since(at)),
            (None, None) => "nothing yet".into(),
        };
        (row.name.clone(), age, stale || row.trouble.is_some())
    };
    model.known.sources.iter().map(source).collect()
}

fn empty(model: &Model, whole: bool) -> Vec<String> {
    if let (Some(find), true) = (model.tail.find(), whole) {
        return vec![
            format!("No line with '{}' among the {} held.", find.text(), model.tail.held_lines()),
            "Esc forgets it, Tab shows all lines.".into(),
        ];
    }
    vec!["No event yet. What you and other programs do is written here as it happens.".into()]
}

fn row_of(model: &Model, shown: &Shown<'_>, whole: bool) -> Row {
    let line = shown.line;
    Row {
        time: words::line_time(line.at, model.now),
        severity: line.severity,
        actor: line.actor().to_owned(),
        kind: line.kind().to_owned(),
        resource: line.resource().to_owned(),
        outcome: line.outcome().to_owned(),
        source: line.source.to_string(),
        hit: shown.hit && !model.tail.only_hits,
        selected: shown.selected && whole,
    }
}

/// How a severity looks.
pub(crate) fn role(severity: Severity) -> Role {
    match severity {
        Severity::Critical => Role::SeverityCritical,
        Severity::Major => Role::SeverityMajor,
        Severity::Minor => Role::SeverityMinor,
        Severity::Info => Role::SeverityInfo,
    }
}

/// ```text
///  80: time     severity actor    kind              resource                  outcome
/// 160:   time      severity  actor           kind                   resource       outcome      source
/// ```
struct Columns {
    fields: [(u16, u16); 6],
    source: (u16, u16),
}

/// `version 14, was version 13; made elsewhere` needs no more.
const OUTCOME: u16 = 44;

fn columns_for(width: u16) -> Columns {
    let wide = width >= 110;
    let (indent, gap) = if wide { (2, 2) } else { (0, 1) };
    let (actor, kind) = if wide { (14, 22) } else { (8, 17) };
    let source = if wide { 12 } else { 0 };
    let fixed = indent + 8 + gap + 8 + gap + actor + gap + kind + gap;
    let room = width.saturating_sub(fixed + gap + source + if wide { gap } else { 0 });
    let (kind, room) = if room < 16 { (0, width.saturating_sub(fixed - kind - gap + gap)) } else { (kind, room) };
    let outcome = if wide { (room * 11 / 24).max(OUTCOME.min(room / 2)) } else { (room * 10 / 35).min(30) };
    let mut at = indent;
    let mut place = |width: u16| {
        let start = at;
        if width > 0 {
            at += width + gap;
        }
        (start, width)
    };
    let fields = [place(8), place(8), place(actor), place(kind), place(room.saturating_sub(outcome)), place(outcome)];
    Columns { fields, source: place(source) }
}

/// Draws the tail with its heading. Gives where the selected line is.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    draw_heading(view, pen, row(area, 0));
    let body = below(area, 1);
    if view.rows.is_empty() {
        for (index, text) in view.empty.iter().enumerate() {
            pen.put(from(row(body, index as u16), 2), text, Role::Muted);
        }
        return None;
    }
    let columns = columns_for(area.width);
    let mut cursor = None;
    for (index, item) in view.rows.iter().enumerate() {
        let line = row(body, index as u16);
        draw_row(pen, line, &columns, item);
        if item.selected && !line.is_empty() {
            cursor = Some(Position::new(line.x, line.y));
        }
    }
    cursor
}

fn draw_row(pen: &mut Pen<'_>, line: Rect, columns: &Columns, item: &Row) {
    let loud = item.severity >= Severity::Major;
    let field = |(start, width): (u16, u16)| first(from(line, start), width);
    let text = if loud { Role::Strong } else { Role::Text };
    let severity_role = if item.severity == Severity::Info { Role::Muted } else { role(item.severity) };
    let [time, severity, actor, kind, resource, outcome] = columns.fields;
    pen.put(field(time), &item.time, if item.selected { Role::Text } else { Role::Muted });
    pen.put(field(severity), item.severity.word(), severity_role);
    pen.put(field(actor), &item.actor, text);
    pen.put(field(kind), &item.kind, text);
    pen.put(field(resource), &item.resource, Role::Text);
    let fine = item.outcome.starts_with("ok");
    pen.put(outcome_field(line, resource, outcome, item), &item.outcome, if fine { Role::Muted } else { text });
    pen.put(field(columns.source), &item.source, Role::Muted);
    if item.hit {
        pen.tint(field(resource), Role::Hit);
    }
    if item.selected {
        // The mark and the time alone: a whole row in another colour costs a slow link a whole row twice a key.
        pen.tint(first(line, time.0 + crate::pen::columns(&item.time)), Role::Selected);
        // The mark takes the place of the column before the time where there is one, or of the gap behind it.
        let mark = if time.0 > 0 { first(line, 1) } else { first(from(line, 8), 1) };
        pen.put(mark, ">", Role::Selected);
    }
}

/// The outcome's column; a long outcome also takes what a short resource leaves of its own.
fn outcome_field(line: Rect, resource: (u16, u16), outcome: (u16, u16), item: &Row) -> Rect {
    let free = resource.1.saturating_sub(columns(&item.resource));
    let more = columns(&item.outcome).saturating_sub(outcome.1).min(free);
    first(from(line, outcome.0 - more), outcome.1 + more)
}

/// `-- AUDIT following ----- 3/min [.-.:..-:.-] 10 min -- 24 h: 0 CRITICAL 1 MAJOR -`
fn draw_heading(view: &View, pen: &mut Pen<'_>, line: Rect) {
    heading(pen, line, "AUDIT", &view.state, &[]);
    let rule = if pen.ascii { "--" } else { "\u{2500}\u{2500}" };
    let picture = spark(&view.minutes, 6, pen.ascii);
    let (open, close) = if pen.ascii { ("[", "]") } else { ("", "") };
    let rate = format!(" {:>3}/min {open}{picture}{close} 10 min ", view.per_minute);
    let [critical, major, minor, info] = view.day;
    let worst = [("CRITICAL", critical, Role::SeverityCritical), ("MAJOR", major, Role::SeverityMajor)];
    let rest = [("MINOR", minor, Role::SeverityMinor), ("info", info, Role::SeverityInfo)];
    let long = line.width >= 110;
    let counts: Vec<(String, Role)> = worst
        .into_iter()
        .chain(rest.into_iter().filter(|_| long))
        .map(|(word, count, role)| (format!("{count} {word} "), if count == 0 { Role::Label } else { role }))
        .collect();
    let mut pieces: Vec<(String, Role)> =
        vec![(rate, Role::Label), (rule.into(), Role::Rule), (" 24 h: ".into(), Role::Label)];
    pieces.extend(counts);
    if long {
        pieces.push((rule.into(), Role::Rule));
        for (name, age, bad) in &view.ages {
            pieces.push((format!(" {name} {age:>5} "), if *bad { Role::Danger } else { Role::Label }));
        }
    }
    let width = |pieces: &[(String, Role)]| pieces.iter().map(|(text, _)| columns(text)).sum::<u16>();
    let used = 5 + 4 + columns(&view.state);
    // From the right, as much as there is room for: the sources go first, then the rate.
    let counted = if long { 7 } else { 5 };
    while width(&pieces) + used + 2 > line.width {
        match pieces.len() {
            0 => break,
            length if length > counted => _ = pieces.pop(),
            length if length == counted => _ = pieces.drain(..2),
            _ => pieces.clear(),
        }
    }
    let start = line.width.saturating_sub(width(&pieces) + 1);
    let mut field = from(line, start);
    for (text, role) in &pieces {
        // A severity's background would run into the rule: the blank behind the word stays plain.
        let word = text.trim_end();
        let taken = pen.put(field, word, *role);
        pen.put(from(field, taken), &text[word.len()..], Role::Label);
        field = from(field, columns(text));
    }
}
