//! One piece of news changes the model and may ask for effects. Refuses a clock and any work: the same model, news and
//! time give the same answer.

use crate::act;
use crate::effect::Effect;
use crate::inspect;
use crate::kill;
use crate::list::SecretId;
use crate::model::{Access, Model, Notice, Reveal, Weight};
use crate::news::{Message, News};
use crate::rotate;
use crate::switch;
use crate::tries::Deed;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::severity::Severity;
use zeroize::Zeroizing;

/// A value stays on the screen no longer than this.
const REVEAL: SignedDuration = SignedDuration::from_secs(10);
/// A quiet message stays this long; one that tells of a refusal four times as long.
const NOTICE: SignedDuration = SignedDuration::from_secs(8);
/// What failed may work the next moment: what tells of it goes soon.
const FAILURE: SignedDuration = SignedDuration::from_secs(10);
/// A clock that goes back by less only trembles: time stands still for so long.
const SET_BACK: SignedDuration = SignedDuration::from_secs(1);

/// Takes one piece of news at a time, and gives what is to be done about it, in order.
pub fn update(model: &mut Model, news: News, now: Timestamp) -> Vec<Effect> {
    let mut effects = if model.now.duration_since(now) > SET_BACK { set_back(model, now) } else { Vec::new() };
    model.now = model.now.max(now);
    effects.extend(expire(model));
    effects.extend(take(model, news));
    effects.extend(inspect::follow(model));
    effects
}

/// When the screen wants to be told the time at the latest: at the next full second, or when a value has to go, the guard
/// closes or the selection has rested.
pub fn wake_at(model: &Model) -> Timestamp {
    let second = model.now.as_second() + 1;
    let next = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    let ends = [switch::ends_at(model), model.inspect.rests_until()];
    let next = ends.into_iter().flatten().fold(next, Timestamp::min);
    match model.reveal {
        Reveal::Shown { until, .. } => until.min(next),
        _ => next,
    }
}

/// Somebody set the clock back: what ends at a time would last for hours, and the guard would take no character. So all of
/// it ends now, and the new time is believed.
fn set_back(model: &mut Model, now: Timestamp) -> Vec<Effect> {
    model.now = now;
    model.notice = None;
    act::hide(model);
    switch::shut(model, "the clock was set back");
    model.inspect.set_back();
    model.rotations.set_back(now);
    let known = &mut model.known;
    known.alive_at = known.alive_at.min(now);
    known.started_at = known.started_at.min(now);
    known.kill_at = known.kill_at.map(|at| at.min(now));
    if matches!(model.setup.access, Access::Unlocked { .. }) { act::lock(model) } else { Vec::new() }
}

/// Ends what has an end: a revealed value, a message, an open guard, unlocked rights.
fn expire(model: &mut Model) -> Vec<Effect> {
    if matches!(model.reveal, Reveal::Shown { until, .. } if until <= model.now) {
        model.reveal = Reveal::Masked;
    }
    if model.notice.as_ref().is_some_and(|notice| notice.until <= model.now) {
        model.notice = None;
    }
    switch::expire(model);
    let mut effects: Vec<Effect> = kill::last_minute(model).into_iter().collect();
    if matches!(model.setup.access, Access::Unlocked { until } if until <= model.now) {
        effects.extend(act::lock(model));
    }
    effects
}

fn take(model: &mut Model, news: News) -> Vec<Effect> {
    if tells_of_control(&news) {
        model.known.alive_at = model.now;
    }
    match news {
        News::Key(key) => return act::key(model, key.normal()),
        News::Paste(text) => return act::paste(model, &Zeroizing::new(text)),
        News::Resize { columns, rows } => {
            model.size.columns = columns;
            model.size.rows = rows;
            if model.size.is_tiny() {
                model.reveal = Reveal::Masked;
                rotate::close(model);
            }
        }
        News::Tick | News::Alive => {}
        News::Secrets(rows) => {
            if model.now.duration_since(model.known.started_at) > SignedDuration::from_secs(3) {
                model.secrets.pin();
            }
            model.secrets.take(rows);
            act::hide_unless_selected(model);
        }
        News::Backends(rows) => {
            model.inspect.heard(&rows);
            model.backends.take(rows);
        }
        News::Journal(row) => model.known.journal = Some(row),
        News::Sources(rows) => model.known.sources = rows,
        News::Kill(row) => return kill::take(model, row),
        News::Armed(codes) => switch::armed(model, codes),
        News::Sent(sent) => switch::sent(model, sent),
        News::Lines(lines) => {
            let ring = act::bell_rings(model) && lines.iter().any(|line| is_new_and_critical(line, model.now));
            model.tail.take(lines, model.now);
            if ring {
                return vec![Effect::Ring];
            }
        }
        News::LineDetail { place, lines } => {
            if let Some(opened) = model.tail.opened.as_mut().filter(|opened| opened.place == place) {
                opened.text = Some(lines);
            }
        }
        News::Rotations(rows) => {
            if rows.iter().any(|row| row.rotation.promoted.is_some()) {
                act::did(model, Deed::Rotate);
            }
            model.rotations.take(rows, model.now);
        }
        News::Planned { id, plan } => rotate::planned(model, id, plan),
        News::Begun(number) => rotate::begun(model, number),
        News::NotRotated { id, weight, message } => rotate::failed(model, &id, weight, message),
        News::Inspected(detail) => model.inspect.take(detail),
        News::Revealed { name, layer, value, until } => {
            let id = SecretId { name, layer };
            // A value that nobody waits for any more is dropped here, and its memory with it.
            if model.reveal == Reveal::Asked(id.clone()) && model.setup.access.is_free() {
                let until = until.min(model.now.saturating_add(REVEAL).unwrap_or(model.now));
                model.reveal = Reveal::Shown { id, value, until };
                model.notice = None;
                act::did(model, Deed::Reveal);
            }
        }
        News::Told(message) => tell(model, Weight::Told, message),
        News::Refused(message) => {
            act::hide(model);
            tell(model, Weight::Refused, message);
        }
        News::Failed(message) => {
            act::hide(model);
            tell(model, Weight::Failed, message);
        }
        News::Suspended => {
            act::hide(model);
            rotate::close(model);
            switch::disarm(model);
        }
        News::Resumed => return vec![Effect::Redraw],
        News::Hangup => {
            act::hide(model);
            rotate::close(model);
            switch::disarm(model);
            return vec![Effect::Quit];
        }
    }
    Vec::new()
}

/// Puts a message on the screen.
pub(crate) fn tell(model: &mut Model, weight: Weight, message: Message) {
    let stays = match weight {
        Weight::Told => NOTICE,
        Weight::Refused => NOTICE * 4,
        Weight::Failed => FAILURE,
    };
    let until = model.now.saturating_add(stays).unwrap_or(model.now);
    model.notice = Some(Notice { weight, message, until });
}

fn tells_of_control(news: &News) -> bool {
    matches!(
        news,
        News::Alive
            | News::Secrets(_)
            | News::Backends(_)
            | News::Journal(_)
            | News::Rotations(_)
            | News::Sources(_)
            | News::Lines(_)
    )
}

/// A line that was written in the last minute; what is read at the start is history and rings nothing.
fn is_new_and_critical(line: &AuditLine, now: Timestamp) -> bool {
    let minute = SignedDuration::from_secs(60);
    line.severity == Severity::Critical && line.at.is_none_or(|at| now.duration_since(at) < minute)
}
