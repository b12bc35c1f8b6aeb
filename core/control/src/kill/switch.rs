//! What a person asks of the switch: stop, halt, say why, hold, release, set up, look. Refuses a stop to nobody but who may
//! never stop; everything that makes the firm riskier it refuses unless it stands in the journal first.

use super::latch::{LatchError, Look, Over};
use super::order::{Decide, Done};
use super::{Fired, Switch};
use crate::failure::Failure;
use crate::installation::random_id;
use crate::journal::Journal as _;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::kill::{
    Ask, Asking, Effect, Initiator, KillRow, Known, LatchView, Level, Moment, Order, Refusal, command,
};
use quarterdeck_domain::request::Request;
use quarterdeck_domain::{redact, sanitise, state};
use std::time::Duration;

/// A reason and a note are cut to this: a latch has 4096 bytes for everything.
const LONGEST: usize = 400;
/// A note goes to the journal alone.
const LONGEST_NOTE: usize = 4_000;
/// So long one who makes the firm riskier waits for the latch's lock.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long a refusal waits to be written down.
const TOLD: Duration = Duration::from_secs(1);

impl Switch {
    /// Stops trading: latch, sockets, journal. Returns when the order is out; how far it gets is in the row. `pressed` is
    /// the moment of the key.
    pub fn fire(&self, level: Level, reason: Option<String>, pressed: Moment) -> Fired {
        if let Some((why, next)) = self.policy.may_not_stop() {
            self.journal.mention(self.author.refusal(&Request::Fire(level), vec![why.clone()]), TOLD);
            return Fired {
                refused: Some((why, next)),
                undurable: None,
                unjournalled: None,
                again: false,
                row: self.row(),
            };
        }
        if !self.is_started() {
            self.hear_all();
            self.meet();
        }
        let asking = self.asking(Ask::Fire(level), reason.as_deref());
        let decide = || -> Decide {
            let asking = asking.clone();
            // A stop is never refused by what stands.
            Box::new(move |known, now| command(known, &asking, now).unwrap_or_default())
        };
        let Done { again, undurable, unjournalled, .. } = self.carry_out(decide, &pressed, false);
        let row = self.refresh();
        self.wake();
        if !self.is_started() {
            self.latch.mend_spare();
        }
        Fired { refused: None, undurable, unjournalled, again, row }
    }

    /// Gives the reason for the stop that is in force.
    pub fn explain(&self, reason: &str) -> Result<(), Failure> {
        if let Some((why, _)) = self.policy.may_not_stop() {
            return Err(self.refused(&Request::Fire(Level::Stop), vec![why]));
        }
        let record = self.refresh().record.filter(|record| record.order != Order::Trade);
        let Some(record) = record else {
            return Err(Failure::Senseless {
                what: "there is no stop to give a reason for".into(),
                next: "'quarterdeck kill status' shows what stands.".into(),
            });
        };
        let Some(reason) = clean(reason, LONGEST) else {
            return Err(Failure::Senseless { what: "the reason is empty".into(), next: "Give it in words.".into() });
        };
        self.with_seen(|seen| seen.explained = Some((record.generation, reason.clone())));
        let told = self.journal.tell(self.author.added(EventKind::KillSwitchReason, &record, Some(reason)), TOLD);
        self.refresh();
        match told {
            // Kept here and written later, as long as there is a later.
            Err(why) if !self.is_started() => Err(Failure::Unwritten { why }),
            _ => Ok(()),
        }
    }

    /// Keeps level 3 without its deadline.
    pub fn hold(&self, reason: Option<&str>) -> Result<(), Failure> {
        self.risk(&Request::Hold, Ask::Hold, reason, None)
    }

    /// Back to trading. `note` is the post-incident note that level 4 needs; `without` names engines that are not proven
    /// flat and are taken as they are.
    pub fn release(&self, reason: &str, note: Option<&str>, without: &[String]) -> Result<(), Failure> {
        let note = note.and_then(|note| clean(note, LONGEST_NOTE));
        let ask = Ask::Release { note: note.clone(), without: without.to_vec() };
        self.risk(&Request::Release, ask, Some(reason), note)
    }

    /// The folders, and generation 0. Where a latch can be read already nothing is done.
    pub fn set_up(&self) -> Result<(), Failure> {
        if let LatchView::Read(_) = self.latch.read() {
            return Ok(());
        }
        self.place.make().map_err(|error| Failure::Senseless {
            what: format!("{} can't be made: {error}", self.place.base().display()),
            next: "Make it as its owner: see 'The folders' in docs/kill-switch.md.".into(),
        })?;
        self.carry_out_last(None, &self.asking(Ask::SetUp, None), None)?;
        self.latch.mend_spare();
        Ok(())
    }

    /// Decides on what makes the firm riskier, and records a refusal.
    fn risk(&self, request: &Request, ask: Ask, reason: Option<&str>, note: Option<String>) -> Result<(), Failure> {
        if let Some(reasons) = self.policy.may_not(request) {
            return Err(self.refused(request, reasons));
        }
        if !self.is_started() {
            self.look();
        }
        self.carry_out_last(Some(request), &self.asking(ask, reason), note)
    }

    /// Journal, latch, sockets: what can't be done ends it there, and trading stays as stopped as it was.
    fn carry_out_last(&self, request: Option<&Request>, asking: &Asking, note: Option<String>) -> Result<(), Failure> {
        let Some(held) = self.latch.lock(PATIENCE) else {
            return Err(Failure::Senseless {
                what: format!(
                    "{} can't be locked: another process writes there, or this user may not",
                    self.latch.folder().display()
                ),
                next: "Nothing was changed. Try again; 'quarterdeck doctor' looks at the folder.".into(),
            });
        };
        let look = self.latch.look();
        let view = look.view.clone();
        // What waits is written first: a release over a stop that nobody has recorded would be one without its stop.
        let caught_up = self.journal.append(Vec::new()).and_then(|_| self.journal.catch_up());
        let effects = self.with_seen(|seen| {
            seen.latch = look;
            seen.journal = self.journal.state().switch.clone();
            let now = quarterdeck_clock::moment();
            let engines = seen.judged(self.policy.environment, &now).0;
            let known = Known { journal_writable: caught_up.is_ok(), ..seen.known(self.policy.environment, &engines) };
            command(&known, asking, &now)
        });
        let effects = effects.map_err(|refusal| self.declined(request, refusal))?;
        for effect in effects {
            match effect {
                Effect::Journal(kind, record) => {
                    let event = match kind {
                        EventKind::KillSwitchAdopted => self.author.found(kind, &record, None),
                        _ => self.author.added(kind, &record, note.clone()),
                    };
                    let written = self.journal.append(vec![event]);
                    written.map_err(|error| Failure::Unwritten { why: error.to_string() })?;
                }
                Effect::WriteLatch(record) => {
                    let written = self.latch.write(&record, Over::Only(&view), Some(&held));
                    let stands = written.map_err(|error| not_in_force(&error))?;
                    self.with_seen(|seen| {
                        seen.latch = Look { view: LatchView::Read(Box::new(stands)), by_another: false };
                        seen.journal = self.journal.state().switch.clone();
                        seen.own = None;
                        seen.undurable = None;
                    });
                }
                Effect::Dispatch(record) => {
                    self.links.send(&record, |_| true, quarterdeck_clock::moment);
                }
                Effect::Alarm(_) => {}
            }
        }
        drop(held);
        self.refresh();
        self.wake();
        Ok(())
    }

    fn refused(&self, request: &Request, reasons: Vec<String>) -> Failure {
        self.journal.mention(self.author.refusal(request, reasons.clone()), TOLD);
        Failure::Refused { asked: request.words(), reasons }
    }

    fn declined(&self, request: Option<&Request>, Refusal { what, next }: Refusal) -> Failure {
        let Some(request) = request else { return Failure::Senseless { what, next } };
        self.journal.mention(self.author.refusal(request, vec![what.clone()]), TOLD);
        Failure::Declined { asked: request.words(), what, next }
    }

    fn asking(&self, ask: Ask, reason: Option<&str>) -> Asking {
        let kind = if ask == Ask::SetUp { "init" } else { "person" };
        Asking {
            ask,
            by: self.initiator(kind),
            reason: reason.and_then(|reason| clean(reason, LONGEST)),
            episode: random_id("E", 6),
            engines: self.with_seen(|seen| seen.engines.keys().cloned().collect()),
            owns_the_folder: self.policy.owns_the_folder(),
            folder_owner: self.policy.folder_owner(),
        }
    }

    /// This session, as a record names it.
    pub(super) fn initiator(&self, kind: &str) -> Initiator {
        let broken = if self.policy.configured { "" } else { ", configuration broken" };
        let who = &self.policy.who;
        Initiator {
            kind: kind.into(),
            person: who.person.as_str().into(),
            role: who.role,
            session: who.session.clone(),
            uid: rustix::process::geteuid().as_raw(),
            host: sanitise::line(&self.host, 64).into_owned(),
            program: format!("{}{broken}", self.program),
            bound: false,
        }
    }

    /// Looks once, with everything that can be asked: the latch, the journal, the engines' files and sockets. Takes at most
    /// about 300 ms. A switch that is started looks all the time, and gives what it saw last.
    pub fn look(&self) -> KillRow {
        if self.is_started() {
            return self.row();
        }
        self.read_on();
        self.meet();
        self.see_files();
        // A file may be a second older than what the socket says.
        let met = |row: &KillRow| {
            row.engines.iter().all(|row| self.links.is_heard(&row.name) || !self.links.is_open(&row.name))
        };
        self.listen_until(Duration::from_millis(300), met);
        self.see_others();
        self.refresh()
    }

    /// What the journal knows of the switch, as it was read last: `look` reads on.
    pub fn recorded(&self) -> state::Switch {
        self.journal.state().switch.clone()
    }

    /// Waits until every engine has answered the order that counts, or the time is over.
    pub fn wait_answered(&self, within: Duration) -> KillRow {
        let answered = |row: &KillRow| {
            let (answered, of) = row.answered();
            answered == of && of > 0
        };
        if self.is_started() { self.wait_row(within, answered) } else { self.listen_until(within, answered) }
    }
}

/// Harmless, without a secret, and short; `None` when nothing is left.
fn clean(text: &str, longest: usize) -> Option<String> {
    let text = sanitise::line(&redact::text(text.trim()), longest).into_owned();
    (!text.trim().is_empty()).then_some(text)
}

/// The journal has it and the latch hasn't: the stricter of the two counts.
fn not_in_force(error: &LatchError) -> Failure {
    Failure::Senseless {
        what: format!("it is in the journal and not in force: {error}"),
        next:
            "Trading stays as stopped as it was. Mend the latch's folder, or look what came meanwhile, and ask again."
                .into(),
    }
}
