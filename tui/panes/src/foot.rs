//! The rows above the last one: a field that is typed into, a message, or how fresh the audit's sources are. Refuses
//! to cut a refusal or a failure short: it takes the rows it needs, up to four.

use crate::pen::{Pen, columns, first, from, row};
use crate::theme::Role;
use crate::words;
use crate::worry::stale_source;
use quarterdeck_app::{Model, Purpose, Weight};
use ratatui::layout::{Position, Rect};

/// What stands there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum View {
    /// A field.
    Entry {
        /// What it is for.
        label: &'static str,
        /// What stands in it.
        text: String,
        /// The place in it.
        at: usize,
        /// What is wrong with it, or what its keys do.
        hint: (String, Role),
    },
    /// A message, in lines.
    Notice {
        /// How it looks.
        role: Role,
        /// Its lines.
        lines: Vec<String>,
    },
    /// The sources in one line.
    Sources(String, Role),
}

impl View {
    /// Makes the view for a row of this width.
    pub(crate) fn of(model: &Model, width: u16) -> Self {
        if let Some(entry) = &model.entry {
            let (label, hint) = match entry.purpose {
                Purpose::Find if entry.line.text().is_empty() => {
                    ("find", "a word, severity>=MAJOR, actor=alice, since=-10m")
                }
                Purpose::Find => ("find", "Enter keeps it, Tab all lines, Esc back"),
                Purpose::FilterSecrets => ("search names", "Enter keeps it, Esc back"),
                Purpose::FilterBackends => ("filter backends", "Enter keeps it, Esc back"),
            };
            let hint = match &entry.wrong {
                Some(wrong) => (wrong.clone(), Role::Danger),
                None => (hint.to_owned(), Role::Muted),
            };
            return Self::Entry { label, text: entry.line.text().to_owned(), at: entry.line.at(), hint };
        }
        if let Some(notice) = &model.notice {
            let (word, role) = match notice.weight {
                Weight::Told => ("", Role::Strong),
                Weight::Refused => ("REFUSED ", Role::Danger),
                Weight::Failed => ("FAILED ", Role::Danger),
            };
            let message = &notice.message;
            let mut text = format!("{word}{}", message.what);
            for (before, more) in [("while ", &message.doing), ("", &message.next)] {
                if !more.is_empty() {
                    text.push_str(&format!("; {before}{more}"));
                }
            }
            return Self::Notice { role, lines: wrapped(&text, usize::from(width.saturating_sub(2)).max(8), 4) };
        }
        let (text, role) = sources(model);
        Self::Sources(text, role)
    }

    /// Rows it needs.
    pub(crate) fn height(&self) -> u16 {
        match self {
            Self::Notice { lines, .. } => lines.len().max(1) as u16,
            _ => 1,
        }
    }
}

fn sources(model: &Model) -> (String, Role) {
    let sources = &model.known.sources;
    if sources.is_empty() {
        return ("no audit source has been read yet".into(), Role::Muted);
    }
    let names: Vec<&str> = sources.iter().map(|row| row.name.as_str()).collect();
    let wrong: Vec<String> = sources
        .iter()
        .filter_map(|row| match (stale_source(model, row), &row.trouble) {
            (Some(age), _) => Some(format!("{} STALE {}", row.name, words::age(age))),
            (None, Some(trouble)) => Some(format!("{} {trouble}", row.name)),
            (None, None) => None,
        })
        .collect();
    let count = words::count(sources.len(), "source");
    if wrong.is_empty() {
        let fresh = if sources.len() == 1 { "fresh" } else { "all fresh" };
        return (format!("{count}, {fresh}: {}", names.join(", ")), Role::Muted);
    }
    (format!("{count}, {} not as it should be: {}", wrong.len(), wrong.join(", ")), Role::DueSoon)
}

/// Breaks text at spaces into rows of this width; what is too long for all rows is cut at the end of the last.
pub(crate) fn wrapped(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    if lines.len() > most {
        let rest = lines.split_off(most).join(" ");
        if let Some(last) = lines.last_mut() {
            last.push(' ');
            last.push_str(&rest);
        }
    }
    lines
}

/// Draws it. Gives the cursor's place in a field.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) -> Option<Position> {
    let line = row(area, 0);
    match view {
        View::Sources(text, role) => {
            pen.put(from(line, 1), text, *role);
            None
        }
        View::Notice { role, lines } => {
            for (index, text) in lines.iter().enumerate() {
                pen.put(from(row(area, index as u16), 1), text, *role);
            }
            None
        }
        View::Entry { label, text, at, hint } => {
            let mut used = pen.put_all(from(line, 1), &[(label, Role::Label), (" > ", Role::Key)]) + 1;
            // The place is always in sight: what is far to the left of it goes.
            let room = usize::from(line.width.saturating_sub(used + 1)).max(1);
            let skip = at.saturating_sub(room.saturating_sub(1));
            let shown: String = text.chars().skip(skip).collect();
            let before: String = text.chars().skip(skip).take(at - skip).collect();
            let cursor = line.x + used + columns(&before).min(line.width.saturating_sub(used + 1));
            used += pen.put(from(line, used), &shown, Role::Strong);
            let (hint, hint_role) = hint;
            let free = from(first(line, line.width - 1), used + 3);
            if columns(hint) <= free.width {
                pen.put_right(free, hint, *hint_role);
            } else if *hint_role == Role::Danger {
                pen.put(free, hint, *hint_role);
            }
            Some(Position::new(cursor, line.y))
        }
    }
}
