//! What is, while trading isn't normal: who ordered it and why, what follows by itself and when, and at most three
//! things to do. Refuses a fourth, and anything that is not about this stop.

use crate::foot::wrapped;
use crate::heading::heading;
use crate::pen::{Pen, below, columns, first, from, row};
use crate::picture::{Fill, gauge};
use crate::theme::Role;
use crate::{advice, digits, kill, kill_worries, words, worry};
use jiff::SignedDuration;
use quarterdeck_app::Model;
use quarterdeck_domain::kill::{EngineStanding, KillRow, SwitchState, phase};
use ratatui::layout::Rect;

/// The steps of level 4, in their order.
const PHASES: [&str; 4] = ["block", "cancel", "flatten", "verify"];
/// The gauge of the deadline steps this often: only digits change by the second.
const GAUGE_STEP: i64 = 10;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Big digits; the table of engines and the ways to them stand beside it.
    Wide,
    /// One line each.
    Narrow,
}

/// The pane as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    items: Vec<Item>,
}

/// Something that stands or is left out as one. What has the highest rank gives way first.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    rank: u8,
    what: What,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Blank,
    /// Something wrong, with its mark in the first column as everywhere.
    Alarm(String),
    /// Rows that belong together.
    Text(Vec<String>, Role),
    Phases(&'static str),
    /// The countdown in big digits, with what it counts down to beside it.
    Big {
        left: String,
        share: u16,
        texts: [String; 4],
    },
    /// The gauge of the countdown, with what is left behind it.
    Gauge {
        share: u16,
        text: String,
    },
    /// A thing to do with its number; a further line of the same has none.
    Advice(Option<usize>, advice::Advice),
}

impl What {
    fn rows(&self) -> u16 {
        match self {
            Self::Big { .. } => digits::ROWS,
            Self::Text(lines, _) => lines.len() as u16,
            _ => 1,
        }
    }
}

impl View {
    /// Makes the view for this width; none while trading is normal.
    pub(crate) fn of(model: &Model, form: Form, width: u16) -> Option<Self> {
        let row = kill::not_normal(model)?;
        let mut made = Made { items: Vec::new(), width: usize::from(width.saturating_sub(4)).max(10) };
        head(&mut made, model, row);
        if form == Form::Narrow {
            let silent = worry::silence(model);
            for worry in silent.into_iter().chain(kill_worries::apart(model, row)) {
                made.push(2, What::Alarm(worry.words()));
            }
        }
        let air = form == Form::Wide;
        if air {
            made.push(9, What::Blank);
        }
        match row.state {
            SwitchState::GracefulStop => deadline(&mut made, model, row, form),
            SwitchState::Unknown => unknown(&mut made, row),
            SwitchState::Held => held(&mut made, row),
            SwitchState::EmergencyHalt => halting(&mut made, model, row),
            SwitchState::HaltedFlat => flat(&mut made, row),
            SwitchState::HaltedResidual => residual(&mut made, model, row),
            SwitchState::Normal | SwitchState::RecoveryPending | SwitchState::RecoveryStaged => {}
        }
        if air {
            made.push(9, What::Blank);
        }
        for (index, advice) in advice::of(model, row).into_iter().enumerate() {
            for (place, line) in advice.into_iter().enumerate() {
                // The first thing to do stands as long as the headline does.
                let rank = match (index, place) {
                    (0, 0) => 1,
                    (0, _) => 2,
                    _ => 3 + index as u8,
                };
                made.push(rank, What::Advice(Some(index + 1).filter(|_| place == 0), line));
            }
        }
        if let (Some(why), true) = (&row.may_not_hold, row.state != SwitchState::Unknown) {
            made.wrap(7, &format!("Not from here: {why}"), 3, Role::Muted);
        }
        Some(Self { items: made.items })
    }

    /// Rows it needs with its heading.
    pub(crate) fn height(&self) -> u16 {
        1 + self.items.iter().map(|item| item.what.rows()).sum::<u16>()
    }

    /// The same with what matters alone.
    pub(crate) fn short_height(&self) -> u16 {
        1 + self.items.iter().filter(|item| item.rank < 7).map(|item| item.what.rows()).sum::<u16>()
    }
}

/// Items as they are made, for a width.
struct Made {
    items: Vec<Item>,
    width: usize,
}

impl Made {
    fn push(&mut self, rank: u8, what: What) {
        self.items.push(Item { rank, what });
    }

    fn say(&mut self, rank: u8, text: impl Into<String>, role: Role) {
        self.push(rank, What::Text(vec![text.into()], role));
    }

    fn wrap(&mut self, rank: u8, text: &str, most: usize, role: Role) {
        self.push(rank, What::Text(wrapped(text, self.width, most), role));
    }
}

/// The first line: what, by whom, when, and why, on one row or on two.
fn head(made: &mut Made, model: &Model, row: &KillRow) {
    let whole = kill::headline(model, row);
    let head = if usize::from(columns(&whole)) <= made.width { whole } else { kill::short_headline(model, row) };
    let reason = match &row.reason {
        Some(reason) => format!("\"{reason}\""),
        None if row.record.is_none() => String::new(),
        None => "no reason given yet".to_owned(),
    };
    let fits = usize::from(columns(&head) + columns(&reason)) + 2 <= made.width;
    match (reason.is_empty(), fits) {
        (true, _) => made.say(0, head, Role::Danger),
        (false, true) => made.say(0, format!("{head}: {reason}"), Role::Danger),
        (false, false) => {
            made.say(0, head, Role::Danger);
            made.say(6, reason, Role::Text);
        }
    }
}

fn deadline(made: &mut Made, model: &Model, row: &KillRow, form: Form) {
    let Some((at, left)) = kill::deadline(row).zip(kill::left(model, row)) else {
        made.say(1, "When level 4 follows can't be told: the clocks disagree.", Role::Danger);
        return;
    };
    let at = words::when(at, model.now);
    let window = kill::window(row);
    let stepped = (left.as_secs().max(0) + GAUGE_STEP - 1) / GAUGE_STEP * GAUGE_STEP;
    let share = Fill::share(stepped, window.as_secs());
    let closing = kill::closing(row);
    let shut = kill::shut(model, row);
    if left <= SignedDuration::ZERO {
        made.say(1, format!("LEVEL 4 IS DUE since {at}: it {closing}"), Role::Danger);
        made.say(7, keepers(row, "keep the deadline."), Role::Text);
        return;
    }
    if form == Form::Wide {
        let (what, unless) = match shut {
            None => (format!("LEVEL 4 AT {at} {closing},"), "unless level 3 is held before that.".to_owned()),
            Some(shut) => (format!("LEVEL 4 AT {at} {closing}, unless held."), format!("{shut}.")),
        };
        let of = format!("left of {}.", words::running(window));
        let texts = [
            what,
            unless,
            if is_alone(row) { of } else { format!("{of} Closing this screen changes nothing;") },
            keepers(row, "keep the deadline."),
        ];
        made.push(1, What::Big { left: words::running(left), share, texts });
        return;
    }
    let running = words::running(left);
    let sentence = format!("LEVEL 4 AT {at} {closing}, unless held.");
    if usize::from(columns(&sentence)) <= made.width {
        made.say(1, sentence, Role::Danger);
        made.push(1, What::Gauge { share, text: format!("{running} left of {}", words::running(window)) });
    } else {
        made.say(1, format!("LEVEL 4 IN {running}, AT {at}"), Role::Danger);
        made.wrap(6, &format!("It {closing}, unless held."), 2, Role::Text);
    }
    if let Some(shut) = shut {
        made.say(2, shut, Role::Danger);
    }
    let rank = if is_alone(row) { 2 } else { 7 };
    let keepers = keepers(row, "keep it without this screen.");
    let keepers = keepers.strip_prefix("the ").map_or(keepers.clone(), |rest| format!("The {rest}"));
    made.wrap(rank, &keepers, 2, Role::Text);
}

/// Nobody but open screens keeps the deadline.
fn is_alone(row: &KillRow) -> bool {
    row.watchers.is_empty() && row.engines.is_empty()
}

/// Who keeps the deadline when this screen is closed.
fn keepers(row: &KillRow, keep: &str) -> String {
    let watchers = kill::names(row.watchers.iter().map(|watcher| watcher.name.as_str()), 2);
    match (watchers.is_empty(), row.engines.is_empty()) {
        (false, false) => format!("{} and the engines {keep}", watchers.replace(" and ", ", ")),
        (false, true) if row.watchers.len() == 1 => format!("{watchers} {}", keep.replacen("keep", "keeps", 1)),
        (false, true) => format!("{watchers} {keep}"),
        (true, false) => format!("the engines {keep} No watcher runs."),
        (true, true) => "Only open screens keep the deadline: no watcher runs.".to_owned(),
    }
}

fn unknown(made: &mut Made, row: &KillRow) {
    made.wrap(
        1,
        "Every engine that can't read its latch blocks by itself. Nothing is cancelled and no position is closed.",
        2,
        Role::Text,
    );
    made.wrap(7, &format!("The latch belongs at {}", row.latch_place), 2, Role::Muted);
}

fn held(made: &mut Made, row: &KillRow) {
    let (orders, positions, unsure) = row.exposure();
    made.say(1, "No deadline: level 4 doesn't follow by itself.", Role::Strong);
    let rests = kill::amount_of(orders, unsure, "resting order");
    let open = kill::amount_of(positions, unsure, "position");
    made.wrap(6, &format!("No new orders. {rests} may still fill; {open} stay open."), 2, Role::Text);
}

fn halting(made: &mut Made, model: &Model, row: &KillRow) {
    made.push(1, What::Phases(phase(&row.engines)));
    progress(made, row);
    shut(made, model, row);
    made.say(6, "What is not proven flat after 30 s is tried on, and said here.", Role::Text);
}

/// `1 of 3 flat; 4 orders and 9 positions left`
fn progress(made: &mut Made, row: &KillRow) {
    let (good, all) = row.answered();
    let (orders, positions, unsure) = row.exposure();
    let left = format!(
        "{} and {} left",
        kill::amount_of(orders, unsure, "order"),
        kill::amount_of(positions, unsure, "position")
    );
    made.say(3, format!("{good} of {all} proven flat; {left}."), Role::Strong);
}

fn shut(made: &mut Made, model: &Model, row: &KillRow) {
    if let Some(shut) = kill::shut(model, row) {
        made.say(2, format!("The market is shut: {shut}."), Role::Danger);
    }
}

fn flat(made: &mut Made, row: &KillRow) {
    let (good, all) = row.answered();
    made.say(
        1,
        format!("{good} of {all} proven flat: the venue was asked, no order rests, no position is open."),
        Role::Ok,
    );
    made.say(6, "To trade again: a release, with a reason and a post-incident note.", Role::Text);
}

fn residual(made: &mut Made, model: &Model, row: &KillRow) {
    if row.engines.is_empty() {
        made.say(1, "No engine has reported: whether anything is open is not known.", Role::Danger);
    } else {
        progress(made, row);
    }
    shut(made, model, row);
    let open = kill::worst_first(row).into_iter().filter(|engine| engine.standing != EngineStanding::Flat);
    for (index, engine) in open.enumerate().take(3) {
        let why = engine.why.join("; ");
        let why = if why.is_empty() { engine.standing.word().to_owned() } else { why };
        made.say(if index == 0 { 4 } else { 7 }, format!("{}: {why}", engine.name), Role::Danger);
    }
    made.say(7, "It is tried again each second, until every engine is proven flat.", Role::Text);
    made.wrap(6, &format!("Past it: '{}'", release_command(model, row)), 3, Role::Text);
}

/// The command that trades again past what is open. A name that a shell would read as more than a name isn't put in.
fn release_command(model: &Model, row: &KillRow) -> String {
    let open = row.engines.iter().filter(|engine| engine.standing != EngineStanding::Flat);
    let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let name = |name: &str| if is_plain(name) { name.to_owned() } else { "ENGINE".to_owned() };
    let without: String = open.map(|engine| format!(" --without {}", name(&engine.name))).collect();
    format!("quarterdeck kill release --env {}{without}", model.setup.seat.environment.name())
}

/// Draws it with its heading, as much as there is room for.
pub(crate) fn draw(view: &View, pen: &mut Pen<'_>, area: Rect) {
    heading(pen, row(area, 0), "NOW", "", &[]);
    let body = below(area, 1);
    let mut at = 0;
    for item in fitted(&view.items, body.height) {
        draw_item(pen, below(body, at), &item.what);
        at += item.what.rows();
    }
}

/// What fits: what has the highest rank goes first, from the end.
fn fitted(items: &[Item], height: u16) -> Vec<&Item> {
    let mut shown: Vec<&Item> = items.iter().collect();
    while shown.iter().map(|item| item.what.rows()).sum::<u16>() > height {
        let Some(worst) = shown.iter().map(|item| item.rank).max() else { break };
        let Some(at) = shown.iter().rposition(|item| item.rank == worst) else { break };
        shown.remove(at);
    }
    shown
}

fn draw_item(pen: &mut Pen<'_>, area: Rect, what: &What) {
    let line = row(area, 0);
    match what {
        What::Blank => {}
        What::Alarm(text) => _ = pen.put_all(line, &[("! ", Role::Danger), (text, Role::Danger)]),
        What::Text(lines, role) => {
            for (index, text) in lines.iter().enumerate() {
                pen.put(from(row(area, index as u16), 2), text, *role);
            }
        }
        What::Phases(now) => draw_phases(pen, from(line, 2), now),
        What::Big { left, share, texts } => draw_big(pen, area, left, *share, texts),
        What::Gauge { share, text } => {
            let bar = line.width.saturating_sub(columns(text) + 6).min(52);
            gauge(pen, first(from(line, 2), bar), Fill::Known(*share), Role::Danger);
            pen.put(from(line, 2 + bar + 2), text, Role::Danger);
        }
        What::Advice(number, advice) => advice::draw(pen, line, *number, advice),
    }
}

fn draw_big(pen: &mut Pen<'_>, area: Rect, left: &str, share: u16, texts: &[String; 4]) {
    digits::draw(pen, from(area, 2), left, Role::Danger);
    let beside = from(area, 2 + digits::width(left).max(16) + 3);
    let [what, unless, of, keepers] = texts;
    pen.put(row(beside, 0), what, Role::Danger);
    pen.put(row(beside, 1), unless, Role::Strong);
    gauge(pen, first(row(beside, 2), 52), Fill::Known(share), Role::Danger);
    pen.put(row(beside, 3), of, Role::Text);
    pen.put(row(beside, 4), keepers, Role::Text);
}

/// `x block  > cancel    flatten    verify`
fn draw_phases(pen: &mut Pen<'_>, line: Rect, now: &str) {
    let place = PHASES.iter().position(|phase| *phase == now).unwrap_or(0);
    let mut used = 0;
    for (index, phase) in PHASES.iter().enumerate() {
        let (mark, role) = match index.cmp(&place) {
            std::cmp::Ordering::Less => ("x ", Role::Ok),
            std::cmp::Ordering::Equal => ("> ", Role::Danger),
            std::cmp::Ordering::Greater => ("  ", Role::Muted),
        };
        let word = if index == place { phase.to_uppercase() } else { (*phase).to_owned() };
        used += pen.put(from(line, used), &format!("{mark}{word}"), role) + 3;
    }
}
