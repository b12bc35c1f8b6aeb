//! How the order went out: what reached the engines, what did not, how fast, and who can stop. Refuses to count a way
//! that was only prepared.

use crate::kill;
use crate::kill_worries;
use crate::pen::{Pen, columns, first, from, row};
use crate::theme::Role;
use crate::words;
use jiff::SignedDuration;
use quarterdeck_app::Model;
use quarterdeck_domain::kill::{KillRow, Level, PathRow, PathState, Timings};
use ratatui::layout::Rect;

/// Columns of a line's name.
const LABEL: u16 = 12;

/// One line: its name, what it says, how that looks, and how soon it gives way.
type Line = (&'static str, String, Role, u8);

/// The lines as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    alarms: Vec<String>,
    lines: Vec<Line>,
}

impl View {
    /// Makes the view; none while nothing is known of the switch. On a day when trading is normal only what is broken
    /// and who can stop is said.
    pub(crate) fn of(model: &Model) -> Option<Self> {
        let kill = model.kill.as_deref().filter(|row| !kill::never_set_up(row))?;
        let alarms = kill_worries::apart(model, kill).into_iter().map(|worry| worry.words()).collect();
        let mut lines: Vec<Line> = Vec::new();
        if kill.level().is_some() {
            lines.extend(reached(&kill.paths).map(|text| ("reached by", text, Role::Text, 3)));
        }
        lines.extend(broken(model, kill).map(|text| ("not reached", text, Role::Danger, 0)));
        if kill.level().is_some() {
            lines.extend(not_set_up(&kill.paths).map(|text| ("not set up", text, Role::Muted, 4)));
            lines.extend(timings(kill).map(|text| ("key to", text, Role::Text, 1)));
        }
        let can_stop = kill::stoppers(model, kill);
        let role = if can_stop == "NOBODY" { Role::Danger } else { Role::Text };
        lines.push(("can stop", can_stop, role, 2));
        Some(Self { alarms, lines })
    }

    /// Rows it needs.
    pub(crate) fn height(&self) -> u16 {
        (self.alarms.len() + self.lines.len()) as u16
    }
}

/// `latch file 3 ms, 2 sockets 4 ms`
fn reached(paths: &[PathRow]) -> Option<String> {
    let took = |path: &PathRow| match &path.state {
        PathState::Reached(took) => Some(*took),
        _ => None,
    };
    let is_socket = |path: &&PathRow| path.name.starts_with("socket ");
    let sockets: Vec<SignedDuration> = paths.iter().filter(is_socket).filter_map(took).collect();
    let others = paths.iter().filter(|path| !is_socket(path));
    let mut texts: Vec<String> =
        others.filter_map(|path| Some(format!("{} {}", path.name, words::took_in(took(path)?)))).collect();
    if let Some(slowest) = sockets.iter().max() {
        texts.push(format!("{} {}", words::count(sockets.len(), "socket"), words::took_in(*slowest)));
    }
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// `socket beta-us, refused since 14:01:52Z, 78 tries`
fn broken(model: &Model, kill: &KillRow) -> Option<String> {
    let text = |path: &PathRow| match &path.state {
        PathState::Broken { why, since, tries } => {
            let since = words::when(*since, model.now);
            let tries = if *tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
            Some(format!("{}, {why} since {since}, {tries}", path.name))
        }
        _ => None,
    };
    let mut texts = kill.paths.iter().filter_map(text);
    let first = texts.next()?;
    let more = texts.count();
    Some(if more == 0 { first } else { format!("{first}; {more} more") })
}

fn not_set_up(paths: &[PathRow]) -> Option<String> {
    let names: Vec<&str> =
        paths.iter().filter(|path| path.state == PathState::NotSetUp).map(|path| path.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// `durable 3 ms, sent 4 ms, heard 9 ms, blocked 14 ms (2 of 3)`
pub(crate) fn timings(kill: &KillRow) -> Option<String> {
    let Timings { durable, sent, received, blocked, flat } = kill.timings;
    // Level 3 asks nobody to be flat.
    let flat = flat.filter(|_| kill.level() == Some(Level::Halt));
    let steps = [("durable", durable), ("sent", sent), ("heard", received), ("blocked", blocked), ("flat", flat)];
    let told: Vec<String> =
        steps.iter().filter_map(|(word, took)| Some(format!("{word} {}", words::took_in((*took)?)))).collect();
    let (good, all) = kill.answered();
    let count = if good < all { format!(" ({good} of {all})") } else { String::new() };
    (!told.is_empty()).then(|| format!("{}{count}", told.join(", ")))
}

/// Draws it; where there are too few rows, what matters least is left out.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) {
    let mut at = 0;
    for alarm in view.alarms.iter().take(usize::from(area.height)) {
        pen.put_all(row(area, at), &[("! ", Role::Danger), (alarm, Role::Danger)]);
        at += 1;
    }
    let room = usize::from(area.height.saturating_sub(at));
    let mut ranks: Vec<u8> = view.lines.iter().map(|line| line.3).collect();
    ranks.sort_unstable();
    let most = ranks.get(room.wrapping_sub(1)).copied().filter(|_| room > 0);
    let lines = view.lines.iter().filter(|line| room >= view.lines.len() || most.is_some_and(|most| line.3 <= most));
    for (label, text, role, _) in lines {
        draw_line(pen, row(area, at), label, text, *role);
        at += 1;
    }
}

/// One line with its name.
pub(crate) fn draw_line(pen: &mut Pen<'_>, line: Rect, label: &str, text: &str, role: Role) {
    pen.put(first(from(line, 2), LABEL), label, Role::Label);
    pen.put(from(line, 2 + LABEL.max(columns(label) + 1)), text, role);
}
