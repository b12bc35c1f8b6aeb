//! One piece of news changes the model and may ask for effects. Refuses a clock and any work: the same model, news and
//! time give the same answer.

use crate::act;
use crate::effect::Effect;
use crate::list::SecretId;
use crate::model::{Access, Model, Notice, Reveal, Weight};
use crate::news::{Message, News};
use crate::tries::Deed;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::severity::Severity;

/// A value stays on the screen no longer than this.
const REVEAL: SignedDuration = SignedDuration::from_secs(10);
/// A quiet message stays this long; one that tells of a refusal or a failure four times as long.
const NOTICE: SignedDuration = SignedDuration::from_secs(8);

/// Takes one piece of news at a time, and gives what is to be done about it, in order.
pub fn update(model: &mut Model, news: News, now: Timestamp) -> Vec<Effect> {
    model.now = model.now.max(now);
    let mut effects = expire(model);
    effects.extend(take(model, news));
    effects
}

/// When the screen wants to be told the time at the latest: at the next full second, or when a value has to go.
pub fn wake_at(model: &Model) -> Timestamp {
    let second = model.now.as_second() + 1;
    let next = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    match model.reveal {
        Reveal::Shown { until, .. } => until.min(next),
        _ => next,
    }
}

/// Ends what has an end: a revealed value, unlocked rights, a message.
fn expire(model: &mut Model) -> Vec<Effect> {
    if matches!(model.reveal, Reveal::Shown { until, .. } if until <= model.now) {
        model.reveal = Reveal::Masked;
    }
    if model.notice.as_ref().is_some_and(|notice| notice.until <= model.now) {
        model.notice = None;
    }
    if matches!(model.setup.access, Access::Unlocked { until } if until <= model.now) {
        return act::lock(model);
    }
    Vec::new()
}

fn take(model: &mut Model, news: News) -> Vec<Effect> {
    if tells_of_control(&news) {
        model.known.alive_at = model.now;
    }
    match news {
        News::Key(key) => return act::key(model, key.normal()),
        News::Paste(text) => return act::paste(model, &text),
        News::Resize { columns, rows } => {
            model.size.columns = columns;
            model.size.rows = rows;
            if model.size.is_tiny() {
                model.reveal = Reveal::Masked;
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
            model.backends.take(rows);
            if std::mem::take(&mut model.known.reading_again) {
                act::did(model, Deed::ReadAgain);
            }
        }
        News::Journal(row) => model.known.journal = Some(row),
        News::Sources(rows) => model.known.sources = rows,
        News::Kill(row) => model.kill = Some(row),
        News::Armed(_) | News::Sent(_) => {}
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
        News::Suspended => act::hide(model),
        News::Resumed => return vec![Effect::Redraw],
        News::Hangup => {
            act::hide(model);
            return vec![Effect::Quit];
        }
    }
    Vec::new()
}

/// Puts a message on the screen.
pub(crate) fn tell(model: &mut Model, weight: Weight, message: Message) {
    let stays = if weight == Weight::Told { NOTICE } else { NOTICE * 4 };
    let until = model.now.saturating_add(stays).unwrap_or(model.now);
    model.notice = Some(Notice { weight, message, until });
}

fn tells_of_control(news: &News) -> bool {
    matches!(
        news,
        News::Alive | News::Secrets(_) | News::Backends(_) | News::Journal(_) | News::Sources(_) | News::Lines(_)
    )
}

/// A line that was written in the last minute; what is read at the start is history and rings nothing.
fn is_new_and_critical(line: &AuditLine, now: Timestamp) -> bool {
    let minute = SignedDuration::from_secs(60);
    line.severity == Severity::Critical && line.at.is_none_or(|at| now.duration_since(at) < minute)
}
