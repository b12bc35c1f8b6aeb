//! Row 2, on every screen: trading, backends, journal, and in capitals whatever is wrong with them. Refuses to say
//! that trading is well: nothing here knows it yet.

use crate::pen::{Pen, columns, from};
use crate::theme::Role;
use crate::worry::worries;
use quarterdeck_app::Model;
use quarterdeck_domain::overview::Condition;
use ratatui::layout::Rect;

/// What row 2 says, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    trading: (&'static str, &'static str),
    backends: String,
    all_up: bool,
    journal: (String, Role),
    alarms: Vec<String>,
}

impl View {
    /// Makes the view.
    pub(crate) fn of(model: &Model) -> Self {
        let rows = &model.backends.rows;
        let up = rows.iter().filter(|row| matches!(row.condition, Condition::Ok | Condition::Warning)).count();
        let connecting = rows.iter().filter(|row| row.condition == Condition::Connecting).count();
        let backends = match (model.backends.known, connecting) {
            (false, _) => "connecting".to_owned(),
            (true, 0) => format!("{up}/{}", rows.len()),
            (true, _) => format!("{up}/{} connecting", rows.len()),
        };
        Self {
            trading: ("unknown", " (no kill-switch yet)"),
            backends,
            all_up: up == rows.len() && !rows.is_empty(),
            journal: journal(model),
            alarms: worries(model).into_iter().filter_map(|worry| worry.short).collect(),
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

/// Draws the row. On a narrow screen the gaps shrink first, then the words in brackets go.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, row: Rect) {
    let all = |gap: &'static str, brackets: &'static str, with_journal: bool| -> Vec<(String, Role)> {
        let backends_role = if view.all_up { Role::Ok } else { Role::Text };
        let mut pieces = vec![
            (" TRADING ".to_owned(), Role::Label),
            (view.trading.0.to_owned(), Role::Strong),
            (brackets.to_owned(), Role::Muted),
            (format!("{gap}backends "), Role::Label),
            (view.backends.clone(), backends_role),
        ];
        if with_journal {
            pieces.push((format!("{gap}journal "), Role::Label));
            pieces.push(view.journal.clone());
        }
        pieces
    };
    let width = |pieces: &[(String, Role)]| pieces.iter().map(|(text, _)| columns(text)).sum::<u16>();
    // What is wrong keeps room for its first word in capitals and a count of the rest.
    let alarm = view.alarms.first().map_or(0, |first| columns(first) + 5 + if view.alarms.len() > 1 { 4 } else { 0 });
    let words = view.trading.1;
    let tries = [
        all("     ", words, true),
        all("   ", words, true),
        all("   ", "", true),
        all("  ", "", true),
        all("  ", "", false),
    ];
    let fits = tries.iter().find(|pieces| width(pieces) + alarm <= row.width).unwrap_or(&tries[4]);
    let mut used = 0;
    for (text, role) in fits {
        used += pen.put(from(row, used), text, *role);
    }
    if !view.alarms.is_empty() {
        let text = alarms(&view.alarms, row.width.saturating_sub(used + 4));
        pen.put(from(row, used), &format!("  ! {text}"), Role::Danger);
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
