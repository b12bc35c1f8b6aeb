//! Row 2, on every screen: trading, engines, backends, watchers, journal, and in capitals whatever is wrong with them.
//! Refuses to say that trading is well while nobody has said so, and marks with `?` what was not refreshed.

use crate::kill;
use crate::pen::{Pen, columns, from};
use crate::theme::Role;
use crate::worry::worries;
use quarterdeck_app::Model;
use quarterdeck_domain::kill::{EngineRow, EngineStanding, KillRow, SwitchState};
use quarterdeck_domain::overview::Condition;
use quarterdeck_domain::sanitise;
use ratatui::layout::Rect;

/// Pieces of one text, each in its role.
type Text = Vec<(String, Role)>;

/// What row 2 says, piece by piece: each from its longest form to its shortest. An empty form leaves the piece out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    trading: Vec<Text>,
    engines: Vec<Text>,
    backends: Vec<Text>,
    watch: Vec<Text>,
    journal: Vec<Text>,
    alarms: Vec<String>,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let row = model.kill.as_deref();
        let old = kill::is_old(model);
        Self {
            trading: trading(row, old),
            engines: row.map_or_else(Vec::new, |row| engines(row, old)),
            backends: backends(model),
            watch: row.map_or_else(Vec::new, watch),
            journal: vec![vec![("journal ".into(), Role::Label), journal(model)], Text::new()],
            alarms: worries(model).into_iter().filter_map(|worry| worry.short).collect(),
        }
    }
}

fn trading(row: Option<&KillRow>, old: bool) -> Vec<Text> {
    let says = |word: String, role: Role| {
        let mark = if old { " ?" } else { "" };
        vec![(" TRADING ".to_owned(), Role::Label), (format!("{word}{mark}"), role)]
    };
    let Some(row) = row else { return vec![says("unknown".into(), Role::Strong)] };
    let word = row.state.word();
    match row.state {
        SwitchState::Normal => vec![says(word.into(), if old { Role::Strong } else { Role::Ok })],
        SwitchState::Unknown => {
            let role = if kill::never_set_up(row) { Role::Strong } else { Role::Danger };
            let doubt = row.doubt.as_deref().unwrap_or_default();
            let doubt = doubt.strip_prefix("there is ").or(doubt.strip_prefix("the ")).unwrap_or(doubt);
            let doubt = doubt.split(':').next().unwrap_or(doubt);
            let why = if doubt.is_empty() { String::new() } else { format!(": {doubt}") };
            vec![
                says(format!("{word}, counts as level 3{why}"), role),
                says(format!("{word}, counts as level 3"), role),
                says(word.into(), role),
            ]
        }
        _ => vec![says(word.into(), Role::Danger)],
    }
}

/// `engines 2/3 BETA-US SILENT`: how many do what counts, and the worst of the others by name.
fn engines(row: &KillRow, old: bool) -> Vec<Text> {
    let label = || ("engines ".to_owned(), Role::Label);
    if row.engines.is_empty() {
        return vec![vec![label(), ("none".into(), Role::Text)], Text::new()];
    }
    let (good, all) = row.answered();
    let mark = if old { " ?" } else { "" };
    let role = if good == all && !old { Role::Ok } else { Role::Strong };
    let count = vec![label(), (format!("{good}/{all}{mark}"), role)];
    match worst(row) {
        None => vec![count, Text::new()],
        Some(engine) => {
            let name = sanitise::line(&engine.name, 16).to_uppercase();
            let word = engine.standing.word().to_uppercase();
            let mut named = count.clone();
            named.push((format!(" {name} {word}"), Role::Danger));
            vec![named, count, Text::new()]
        }
    }
}

/// The engine that a person has to look at first; one that may trade and doesn't is one too.
fn worst(row: &KillRow) -> Option<&EngineRow> {
    let waits = |engine: &&EngineRow| {
        row.level().is_none() && matches!(engine.standing, EngineStanding::Blocked | EngineStanding::Flat)
    };
    row.engines.iter().find(|engine| engine.standing.is_bad()).or_else(|| row.engines.iter().find(waits))
}

/// With no watcher the deadline hangs on the engines and on open screens: said where there are engines.
fn watch(row: &KillRow) -> Vec<Text> {
    let label = ("watch ".to_owned(), Role::Label);
    match (row.watchers.len(), row.engines.is_empty()) {
        (0, true) => Vec::new(),
        (0, false) => {
            let words = vec![label.clone(), ("none: engines and open screens keep a deadline".into(), Role::DueSoon)];
            vec![words, vec![label, ("none".into(), Role::DueSoon)], Text::new()]
        }
        (count, _) => vec![vec![label, (count.to_string(), Role::Ok)], Text::new()],
    }
}

fn backends(model: &Model) -> Vec<Text> {
    let rows = &model.backends.rows;
    let up = rows.iter().filter(|row| matches!(row.condition, Condition::Ok | Condition::Warning)).count();
    let connecting = rows.iter().filter(|row| row.condition == Condition::Connecting).count();
    let role = if up == rows.len() && !rows.is_empty() { Role::Ok } else { Role::Text };
    let says = |text: String| vec![("backends ".to_owned(), Role::Label), (text, role)];
    match (model.backends.known, connecting) {
        (false, _) => vec![says("connecting".into()), Text::new()],
        (true, 0) => vec![says(format!("{up}/{}", rows.len())), Text::new()],
        (true, _) => {
            vec![says(format!("{up}/{} connecting", rows.len())), says(format!("{up}/{}", rows.len())), Text::new()]
        }
    }
}

fn journal(model: &Model) -> (String, Role) {
    match &model.known.journal {
        None => ("reading".into(), Role::Muted),
        Some(row) if row.broken.is_some() => (format!("BROKEN #{}", row.seq), Role::Danger),
        Some(row) if row.verified < row.seq => (format!("#{} verified to #{}", row.seq, row.verified), Role::Text),
        Some(row) => (format!("ok #{}", row.seq), Role::Ok),
    }
}

/// Draws the row. On a narrow screen the gaps shrink first, then the pieces, those that matter least first.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, row: Rect) {
    // What is wrong keeps room for its first word in capitals and a count of the rest.
    let alarm = view.alarms.first().map_or(0, |first| columns(first) + 4 + if view.alarms.len() > 1 { 4 } else { 0 });
    let shown = fitted(view, row.width.saturating_sub(alarm));
    let mut used = 0;
    for (text, role) in &shown {
        used += pen.put(from(row, used), text, *role);
    }
    if !view.alarms.is_empty() {
        let text = alarms(&view.alarms, row.width.saturating_sub(used + 4));
        pen.put(from(row, used), &format!("  ! {text}"), Role::Danger);
    }
}

/// The pieces in their place, in forms that fit together.
fn fitted(view: &View, room: u16) -> Text {
    const GAPS: [usize; 4] = [5, 4, 3, 2];
    let pieces = [&view.trading, &view.engines, &view.backends, &view.watch, &view.journal];
    // Which piece gives way next: the watchers, the journal, the backends, trading's words in brackets, the engines.
    const YIELD: [usize; 5] = [3, 4, 2, 0, 1];
    let mut forms = [0; 5];
    let made = |forms: [usize; 5], gap: usize| -> Text {
        let mut text = Text::new();
        for (piece, form) in pieces.iter().zip(forms) {
            let Some(shown) = piece.get(form).filter(|shown| !shown.is_empty()) else { continue };
            if !text.is_empty() {
                text.push((" ".repeat(gap), Role::Label));
            }
            text.extend(shown.iter().cloned());
        }
        text
    };
    let fits = |text: &Text| text.iter().map(|(text, _)| columns(text)).sum::<u16>() <= room;
    loop {
        if let Some(text) = GAPS.iter().map(|gap| made(forms, *gap)).find(fits) {
            return text;
        }
        match YIELD.into_iter().find(|piece| forms[*piece] + 1 < pieces[*piece].len()) {
            Some(piece) => forms[piece] += 1,
            None => return made(forms, 2),
        }
    }
}

/// As many as there is room for, and how many more there are; the first one always.
fn alarms(all: &[String], room: u16) -> String {
    for count in (1..=all.len()).rev() {
        let more = all.len() - count;
        let more = if more == 0 { String::new() } else { format!("  +{more}") };
        let text = all[..count].join("  ") + &more;
        if count == 1 || columns(&text) <= room {
            return text;
        }
    }
    String::new()
}
