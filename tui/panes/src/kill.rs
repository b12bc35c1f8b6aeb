//! The kill-switch in the words that several panes share: by whom, what is open, who may, whom to call. Refuses to
//! judge: what an engine does is judged elsewhere, here it is only said.

use crate::theme::Role;
use crate::words;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{Access, Action, Model};
use quarterdeck_domain::kill::{
    Deadline, EngineRow, EngineStanding, KillRow, Level, MarketRow, NO_LATCH, Record, Stopper, SwitchState,
};
use quarterdeck_domain::sanitise;

/// The row, when trading isn't normal: then the NOW pane stands first.
pub(crate) fn not_normal(model: &Model) -> Option<&KillRow> {
    model.kill.as_deref().filter(|row| row.state != SwitchState::Normal && !never_set_up(row))
}

/// The level of the order that is in force, by a record that can be read.
pub(crate) fn in_force(model: &Model) -> Option<Level> {
    model.kill.as_ref().filter(|row| row.record.is_some()).and_then(|row| row.level())
}

/// True where what is known of the switch is too old to be believed.
pub(crate) fn is_old(model: &Model) -> bool {
    model.silent_for().or(model.kill_silent_for()).is_some()
}

/// True where nobody has set up the switch yet and nothing trades: no alarm, a hint.
pub(crate) fn never_set_up(row: &KillRow) -> bool {
    row.state == SwitchState::Unknown && row.engines.is_empty() && row.doubt.as_deref() == Some(NO_LATCH)
}

/// What counts, by whom and since when: `STOPPED, level 3, by alice at 14:02:09Z`.
pub(crate) fn headline(model: &Model, row: &KillRow) -> String {
    let word = match row.state {
        SwitchState::Normal => "Trading is normal".to_owned(),
        SwitchState::GracefulStop => "STOPPED, level 3".to_owned(),
        SwitchState::Held => "HELD, level 3".to_owned(),
        SwitchState::EmergencyHalt => "HALTING, level 4".to_owned(),
        SwitchState::HaltedFlat => "HALTED FLAT, level 4".to_owned(),
        SwitchState::HaltedResidual => "HALTED NOT FLAT, level 4".to_owned(),
        SwitchState::RecoveryPending | SwitchState::RecoveryStaged => format!("RECOVERING, {}", level(row)),
        SwitchState::Unknown => {
            let doubt = row.doubt.as_deref().unwrap_or("the latch can't be read");
            return format!("UNKNOWN, counts as level 3: {doubt}");
        }
    };
    match &row.record {
        Some(record) => format!("{word}, by {} at {}", by(model, record), words::when(record.since, model.now)),
        None => word,
    }
}

/// The same without the time, for narrow screens.
pub(crate) fn short_headline(model: &Model, row: &KillRow) -> String {
    let whole = headline(model, row);
    whole.rsplit_once(" at ").filter(|_| row.record.is_some()).map_or(whole.clone(), |(head, _)| head.to_owned())
}

/// Who gave an order: a person, and where it wasn't here; or what follows by itself.
pub(crate) fn by(model: &Model, record: &Record) -> String {
    let initiator = &record.initiator;
    let person = sanitise::line(&initiator.person, 24);
    let place = if initiator.host == model.setup.seat.host { String::new() } else { format!(" on {}", initiator.host) };
    match initiator.kind.as_str() {
        "deadline" => "the deadline".to_owned(),
        "trigger" => format!("the trigger {person}"),
        "repair" => "a repair: the latch said less".to_owned(),
        _ => format!("{person}{}", sanitise::line(&place, 28)),
    }
}

/// `level 3`, `level 4`.
pub(crate) fn level(row: &KillRow) -> String {
    row.level().map_or_else(|| "no level".to_owned(), |level| level.to_string())
}

/// Whom to call for an engine: `desk +1 203 555 0142`.
pub(crate) fn desk(model: &Model, engine: &str) -> String {
    match number(model, engine) {
        Some(number) => format!("desk {number}"),
        None => "the broker's desk, no number is configured".to_owned(),
    }
}

/// The number to call for an engine: its own, else the desk's.
pub(crate) fn number<'a>(model: &'a Model, engine: &str) -> Option<&'a str> {
    let own = model.kill.as_ref().and_then(|row| row.phones.get(engine));
    own.or(model.setup.seat.desk.as_ref()).map(String::as_str)
}

/// A number that is marked where it is old or not whole: `17`, `17 ?`.
pub(crate) fn amount(number: u64, unsure: bool) -> String {
    if unsure { format!("{number} ?") } else { number.to_string() }
}

/// The same with its noun: `17 ? resting orders`, `1 position`.
pub(crate) fn amount_of(number: u64, unsure: bool, one: &str) -> String {
    let plural = if number == 1 && !unsure { "" } else { "s" };
    format!("{} {one}{plural}", amount(number, unsure))
}

/// What level 4 does here: `closes all 9 positions at market`.
pub(crate) fn closing(row: &KillRow) -> String {
    if row.engines.is_empty() {
        return "reaches nobody: no engine has reported".to_owned();
    }
    let (orders, positions, unsure) = row.exposure();
    match (orders, positions) {
        (0, 0) if !unsure => "finds no order and no position".to_owned(),
        (_, 0) if !unsure => format!("cancels {}, no position is open", amount_of(orders, false, "order")),
        _ if is_shut(row) => format!("cancels {}", amount_of(orders, unsure, "order")),
        (_, 1) if !unsure => "closes the 1 position at market".to_owned(),
        _ => format!("closes all {} at market", amount_of(positions, unsure, "position")),
    }
}

/// While the market is shut: what level 4 can't do.
pub(crate) fn shut(model: &Model, row: &KillRow) -> Option<String> {
    let MarketRow::Shut { opens } = &row.market else { return None };
    let (_, positions, unsure) = row.exposure();
    if positions == 0 && !unsure {
        return None;
    }
    let before = opens.map_or_else(|| "the market opens".to_owned(), |at| words::when(at, model.now));
    Some(format!("{} can't be closed before {before}", amount_of(positions, unsure, "position")))
}

fn is_shut(row: &KillRow) -> bool {
    matches!(row.market, MarketRow::Shut { .. })
}

/// When level 3 becomes level 4. What control tells anew each second trembles: where the record's own wall clock says
/// the same within a second, that one stands, so that no digit flickers.
pub(crate) fn deadline(row: &KillRow) -> Option<Timestamp> {
    let told = row.deadline_at.filter(|_| row.state == SwitchState::GracefulStop)?;
    let written = row.record.as_ref().and_then(|record| Some(record.deadline.as_ref()?.utc));
    let near = |at: &Timestamp| told.duration_since(*at).abs() < SignedDuration::from_secs(1);
    Some(written.filter(near).unwrap_or(told))
}

/// What is left until then.
pub(crate) fn left(model: &Model, row: &KillRow) -> Option<SignedDuration> {
    deadline(row).map(|at| at.duration_since(model.now))
}

/// The whole of the deadline's window.
pub(crate) fn window(row: &KillRow) -> SignedDuration {
    let record = row.record.as_ref();
    record
        .and_then(|record| Some(record.deadline.as_ref()?.utc.duration_since(record.since)))
        .filter(SignedDuration::is_positive)
        .unwrap_or(Deadline::WINDOW)
}

/// Who may hold or release here, in a few words, and what keeps this session from it.
pub(crate) fn may_hold(model: &Model, row: &KillRow, verb: &str) -> (String, Role) {
    if row.can_hold.is_empty() {
        return (format!("NOBODY CAN {verb}"), Role::Danger);
    }
    let names = names(row.can_hold.iter().map(String::as_str), 2);
    match (&row.may_not_hold, model.setup.access) {
        (Some(_), _) => (format!("only {names} can"), Role::DueSoon),
        (None, Access::LookOnly) => {
            let unlock = model.setup.keymap.shown(Action::Unlock);
            (format!("{names} can, {unlock} first"), Role::DueSoon)
        }
        (None, Access::ReadOnly) => (format!("{names} can, not here: look only{}", look_only(model)), Role::DueSoon),
        (None, _) => (format!("{names} can"), Role::Muted),
    }
}

/// Why this session is look only for good, in a word or two: ` (--readonly)`, `: journal`.
pub(crate) fn look_only(model: &Model) -> &'static str {
    let why = model.setup.read_only_because.as_deref().unwrap_or("--readonly");
    let words = [
        ("--readonly", " (--readonly)"),
        ("recorded", ": journal"),
        ("configuration", ": configuration"),
        ("DP_IBKR__READONLY", ": DP_IBKR__READONLY"),
        ("DP_EXECUTION__ENABLED", ": DP_EXECUTION__ENABLED"),
    ];
    words.iter().find(|(word, _)| why.contains(word)).map_or("", |(_, shown)| shown)
}

/// Names one after the other, and how many more there are.
pub(crate) fn names<'a>(all: impl ExactSizeIterator<Item = &'a str>, most: usize) -> String {
    let more = all.len().saturating_sub(most);
    let mut shown: Vec<String> = all.take(most).map(|name| sanitise::line(name, 20).into_owned()).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    match shown.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// Who can stop trading: those with a session open first, each with where.
pub(crate) fn stoppers(model: &Model, row: &KillRow) -> String {
    let me = model.setup.seat.who.person.as_str();
    let place = |stopper: &Stopper| match (stopper.here, stopper.name == me) {
        (true, true) => "here".to_owned(),
        (true, false) => sanitise::line(&stopper.place, 20).into_owned(),
        (false, _) => "away".to_owned(),
    };
    let mut all: Vec<&Stopper> = row.can_stop.iter().collect();
    all.sort_by_key(|stopper| (!stopper.here, stopper.name != me));
    let texts: Vec<String> =
        all.iter().map(|stopper| format!("{} ({})", sanitise::line(&stopper.name, 20), place(stopper))).collect();
    let more = texts.len().saturating_sub(3);
    let shown = texts.into_iter().take(3).collect::<Vec<_>>().join(", ");
    match (shown.is_empty(), more) {
        (true, _) => "NOBODY".to_owned(),
        (false, 0) => shown,
        (false, more) => format!("{shown}, and {more} more"),
    }
}

/// The engines, worst first: what trades on before what is open, and both before what says nothing.
pub(crate) fn worst_first(row: &KillRow) -> Vec<&EngineRow> {
    let mut engines: Vec<&EngineRow> = row.engines.iter().collect();
    engines.sort_by_key(|engine| match engine.standing {
        EngineStanding::Defying => (0, engine.standing),
        EngineStanding::Residual => (1, engine.standing),
        standing => (2, standing),
    });
    engines
}

/// The engines of a standing.
pub(crate) fn engines_that(row: &KillRow, standing: EngineStanding) -> Vec<&EngineRow> {
    row.engines.iter().filter(|engine| engine.standing == standing).collect()
}

/// The word for engines that have answered: `blocked`, `flat`.
pub(crate) fn answered_word(row: &KillRow) -> Option<&'static str> {
    row.level().map(|level| if level == Level::Halt { "flat" } else { "blocked" })
}
