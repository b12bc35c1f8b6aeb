//! The kill-switch's side of the loop: it arms, fires, explains, holds and releases. Refuses to let the loop wait for any
//! of it, to take a key that was typed before the codes stood, and to let the process end with a stop half sent.

use super::{Arrival, failed};
use quarterdeck_app::{Message, News, Sent};
use quarterdeck_control::failure::Failure;
use quarterdeck_control::installation::random;
use quarterdeck_control::kill::Switch;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Codes, Level, Moment};
use quarterdeck_terminal::{Busy, Terminal};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// So long the end of the process waits for a stop that was sent. A latch is written in milliseconds.
const COMPLETES: Duration = Duration::from_secs(2);

/// The switch in the cockpit's hand.
pub(super) struct Trigger {
    switch: Arc<Switch>,
    environment: Environment,
    send: Sender<Arrival>,
    /// What was typed ahead is being thrown away.
    draining: bool,
    /// One for each stop on its way; it closes when that is done.
    on_the_way: Vec<Receiver<()>>,
}

impl Trigger {
    pub(super) fn new(switch: Arc<Switch>, environment: Environment, send: Sender<Arrival>) -> Self {
        Self { switch, environment, send, draining: false, on_the_way: Vec::new() }
    }

    /// Throws away what was typed ahead, in the terminal and, up to [`Trigger::drained`], here.
    pub(super) fn arm(&mut self, terminal: &Terminal) {
        self.draining = true;
        terminal.drain();
    }

    /// True while keys are not meant for what they will reach.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Nothing typed ahead is left: draws the codes.
    pub(super) fn drained(&mut self) -> Option<News> {
        if !std::mem::take(&mut self.draining) {
            return None;
        }
        let codes = random::<64>().ok().and_then(|random| Codes::draw(self.environment, &random));
        Some(match codes {
            Some(codes) => News::Armed(codes),
            None => {
                let name = self.environment.name();
                let next = format!("quarterdeck kill stop --env {name} --confirm {name}");
                News::Failed(Message::with_next("no code can be drawn: this machine gives no randomness", next))
            }
        })
    }

    /// Sends at once, in a thread of its own; without a thread, here.
    pub(super) fn fire(&mut self, level: Level) {
        let pressed = quarterdeck_clock::moment();
        let (done, on_the_way) = channel();
        let (switch, send) = (self.switch.clone(), self.send.clone());
        let stop = Stop { switch, send, level, pressed, _done: done, _busy: Busy::new() };
        self.on_the_way.push(on_the_way);
        let theirs = stop.clone();
        if std::thread::Builder::new().name("fire".into()).spawn(move || theirs.carry_out()).is_err() {
            stop.carry_out();
        }
    }

    /// Records why, in a thread: the journal may be slow.
    pub(super) fn explain(&self, reason: String) {
        self.ask("the reason is recorded", move |switch| switch.explain(&reason));
    }

    pub(super) fn hold(&self, reason: String) {
        self.ask("level 3 is held: level 4 does not follow by itself", move |switch| {
            switch.hold(Some(reason.as_str()).filter(|reason| !reason.is_empty()))
        });
    }

    pub(super) fn release(&self, reason: String, note: String, without: Vec<String>) {
        self.ask("released: engines may trade", move |switch| {
            switch.release(&reason, Some(note.as_str()).filter(|note| !note.is_empty()), &without)
        });
    }

    fn ask(&self, done: &'static str, ask: impl FnOnce(&Switch) -> Result<(), Failure> + Send + 'static) {
        let (switch, send) = (self.switch.clone(), self.send.clone());
        let asked = std::thread::Builder::new().name("switch".into()).spawn(move || {
            let news = match ask(&switch) {
                Ok(()) => News::Told(Message::plain(done)),
                Err(failure) => failed(&failure),
            };
            let _ = send.send(Arrival::News(news));
        });
        if let Err(error) = asked {
            let _ = self.send.send(Arrival::News(News::Failed(Message::plain(error.to_string()))));
        }
    }

    /// Waits until every stop that was sent is done, within a bound. What was armed and not sent is gone already.
    pub(super) fn finish(self) {
        let end = Instant::now() + COMPLETES;
        for stop in self.on_the_way {
            let left = end.saturating_duration_since(Instant::now());
            if matches!(stop.recv_timeout(left), Err(RecvTimeoutError::Timeout)) {
                return;
            }
        }
    }
}

/// A stop on its way.
#[derive(Clone)]
struct Stop {
    switch: Arc<Switch>,
    send: Sender<Arrival>,
    level: Level,
    pressed: Moment,
    /// Closes when it is done.
    _done: Sender<()>,
    _busy: Busy,
}

impl Stop {
    fn carry_out(self) {
        let fired = self.switch.fire(self.level, None, self.pressed);
        let sent = match fired.refused {
            Some((why, next)) => Sent::Refused { why, next },
            None => Sent::Out { undurable: fired.undurable, unjournalled: fired.unjournalled, again: fired.again },
        };
        let _ = self.send.send(Arrival::News(News::Kill(Box::new(fired.row))));
        let _ = self.send.send(Arrival::News(News::Sent(sent)));
    }
}
