//! A fact into the journal, only where it can follow what stands there: asked and written under the journal's lock.
//! Refuses to write what can't be, and to take a rotation from a runner whose word still counts.

use crate::failure::Failure;
use crate::installation::random_id;
use crate::journal::JournalError;
use crate::serve::Control;
use jiff::SignedDuration;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::event::{Actor, Detail, Event, EventId, Status};
use quarterdeck_domain::kill::{Deadline, Moment};
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Fact, Failing, LEASE, Lease, Rotation};

/// Why a fact is not in the journal. Then nothing is.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// It can't follow what stands there: why.
    Illegal(String),
    /// Somebody else carries the rotation on: who, in words.
    Carried(String),
    /// The journal can't be written.
    Journal(JournalError),
}

impl Unwritten {
    /// As the answer to a person who asked for something.
    pub(super) fn into_failure(self, asked: String) -> Failure {
        let next = "'quarterdeck rotate status' shows where it is.".to_owned();
        match self {
            Self::Illegal(what) => Failure::Declined { asked, what, next },
            Self::Carried(who) => Failure::Declined { asked, what: format!("it is carried on by {who}"), next },
            Self::Journal(error) => Failure::Unwritten { why: error.to_string() },
        }
    }
}

/// Whose word a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice<'a> {
    /// A person's.
    Person,
    /// A runner's: its name, and the program that it is in.
    Runner {
        /// The lease's name.
        name: &'a str,
        /// `cockpit`, `watch`, `rotate`.
        program: &'a str,
    },
    /// This program's, which saw it.
    Program,
}

/// The program that carries on whatever is under way, whoever started it.
const WATCHER: &str = "watch";

/// Writes one fact of one rotation; gives what it made of it.
pub(super) fn record(
    control: &Control,
    number: u32,
    voice: Voice<'_>,
    fact: &Fact,
    now: &Moment,
) -> Result<Rotation, Unwritten> {
    record_if(control, number, voice, now, |_| Ok(fact.clone()))
}

/// Takes a rotation that nobody carries, or keeps it, for so long at least.
pub(super) fn take(
    control: &Control,
    number: u32,
    runner: &str,
    program: &str,
    span: SignedDuration,
    now: &Moment,
) -> Result<Rotation, Unwritten> {
    record_if(control, number, Voice::Runner { name: runner, program }, now, |rotation| match &rotation.lease {
        Some(held) if held.runner != runner && !held.is_over(now) => Err(Unwritten::Carried(held.words())),
        _ => Ok(Fact::Taken { lease: lease(control, runner, program, span, now) }),
    })
}

/// A lease of this process.
pub(super) fn lease(control: &Control, runner: &str, program: &str, span: SignedDuration, now: &Moment) -> Lease {
    Lease {
        runner: runner.to_owned(),
        host: control.surroundings.host.clone(),
        program: program.to_owned(),
        pid: control.surroundings.pid,
        until: Deadline::after(now, span.max(LEASE)),
    }
}

/// Writes the first fact of the rotation that gets the next number. The plan's secret has to be free.
pub(super) fn begin(
    control: &Control,
    voice: Voice<'_>,
    planned: &dyn Fn(u32) -> Fact,
    now: &Moment,
) -> Result<Rotation, Unwritten> {
    let mut outcome = Err(Unwritten::Illegal(String::new()));
    control
        .journal
        .append_if(&mut |state| {
            let number = state.next_rotation();
            let fact = &planned(number);
            outcome = state.judge(number, fact, None, now.utc).map_err(|why| Unwritten::Illegal(why.0));
            let written = outcome.as_ref().ok();
            written.map(|rotation| event(control, rotation, voice, fact, now)).into_iter().collect()
        })
        .map_err(Unwritten::Journal)?;
    outcome
}

fn record_if(
    control: &Control,
    number: u32,
    voice: Voice<'_>,
    now: &Moment,
    decide: impl Fn(&Rotation) -> Result<Fact, Unwritten>,
) -> Result<Rotation, Unwritten> {
    let runner = voice.runner();
    let mut outcome = Err(Unwritten::Illegal(String::new()));
    control
        .journal
        .append_if(&mut |state| {
            let judged = || {
                let known = state.kept_rotation(number).map_err(|why| Unwritten::Illegal(why.0))?;
                let fact = decide(known)?;
                let others = |lease: &&Lease| Some(lease.runner.as_str()) != runner;
                if let (true, Some(held)) = (fact.is_the_runners(), known.lease.as_ref().filter(others)) {
                    return Err(Unwritten::Carried(held.words()));
                }
                let after = state.judge(number, &fact, runner, now.utc).map_err(|why| Unwritten::Illegal(why.0))?;
                Ok((after, fact))
            };
            match judged() {
                Ok((after, fact)) => {
                    let event = event(control, &after, voice, &fact, now);
                    outcome = Ok(after);
                    vec![event]
                }
                Err(why) => {
                    outcome = Err(why);
                    Vec::new()
                }
            }
        })
        .map_err(Unwritten::Journal)?;
    outcome
}

impl<'a> Voice<'a> {
    fn runner(self) -> Option<&'a str> {
        match self {
            Self::Runner { name, .. } => Some(name),
            Self::Person | Self::Program => None,
        }
    }
}

fn event(control: &Control, rotation: &Rotation, voice: Voice<'_>, fact: &Fact, now: &Moment) -> Event {
    let (kind, status) = rotation.event(fact);
    let (took, code) = match fact {
        Fact::Done { took_ms, .. } => (*took_ms, None),
        Fact::Failed { took_ms, how, .. } => (*took_ms, Some(code(*how))),
        Fact::Lost { .. } => (None, Some("CHANGED_ELSEWHERE")),
        _ => (None, None),
    };
    let code = code.or((status == Status::Failure).then_some("FAILED"));
    let runner = voice.runner().map(str::to_owned);
    about(control, kind, &rotation.name(), rotation.target(), voice, now)
        .came_out(status, took, code)
        .with(Detail::Rotation { number: rotation.number, runner, fact: Box::new(fact.clone()) })
}

fn code(how: Failing) -> &'static str {
    match how {
        Failing::Trouble => "TROUBLE",
        Failing::Refused => "REFUSED",
        Failing::Never => "NEVER",
    }
}

/// An event about a rotation or its secret.
pub(super) fn about(
    control: &Control,
    kind: EventKind,
    id: &str,
    target: &Target,
    voice: Voice<'_>,
    now: &Moment,
) -> Event {
    let ids = EventId { event: random_id("evt", 16), request: random_id("req", 12) };
    let actor = match voice {
        // Whoever sits at a cockpit or a command line carries it out; a watcher does it for nobody in particular.
        Voice::Runner { program, .. } if program != WATCHER => Actor::person(&control.who),
        Voice::Person => Actor::person(&control.who),
        Voice::Runner { .. } | Voice::Program => Actor::system(&control.who.session),
    };
    let mut event = Event::new(kind, now.utc, ids, actor, control.config.environment).on(target.resource());
    event.action.resource_id = id.to_owned();
    if voice == Voice::Person {
        event.context.ip_address = control.surroundings.client_address();
    }
    event
}
