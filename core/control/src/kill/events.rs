//! What the switch writes into the journal. Refuses to give an event another time than that of the thing itself: what is
//! written late says when it was.

use crate::installation::random_id;
use jiff::Timestamp;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::event::{Actor, Detail, Event, EventId, Status};
use quarterdeck_domain::kill::{Bypass, EngineRow, EngineStanding, Order, Record};
use quarterdeck_domain::person::Who;
use quarterdeck_domain::request::Request;

/// Who writes, and where.
#[derive(Debug, Clone)]
pub(super) struct Author {
    pub(super) who: Who,
    pub(super) environment: Environment,
    /// The client's address, as the log-in says it.
    pub(super) address: Option<String>,
}

impl Author {
    /// An order that was given, with the time at which it was given.
    pub(super) fn given(&self, kind: EventKind, record: &Record, durable_us: Option<u64>) -> Event {
        let by_person = record.initiator.kind == "person" && record.initiator.session == self.who.session;
        self.switch(kind, record, record.since, by_person).with(Detail::Switch {
            record: Box::new(record.clone()),
            note: None,
            durable_us,
        })
    }

    /// What a person adds to a record: a reason, a note.
    pub(super) fn added(&self, kind: EventKind, record: &Record, note: Option<String>) -> Event {
        let event = self.switch(kind, record, quarterdeck_clock::utc(), true);
        event.with(Detail::Switch { record: Box::new(record.clone()), note, durable_us: None })
    }

    /// What the program found by itself.
    pub(super) fn found(&self, kind: EventKind, record: &Record, note: Option<String>) -> Event {
        let event = self.switch(kind, record, quarterdeck_clock::utc(), false);
        event.with(Detail::Switch { record: Box::new(record.clone()), note, durable_us: None })
    }

    fn switch(&self, kind: EventKind, record: &Record, at: Timestamp, by_person: bool) -> Event {
        let mut event = self.event(kind, at, by_person).on(format!("trading://{}", verb(record.order)));
        event.action.resource_id = format!("{} generation {}", record.episode, record.generation);
        event
    }

    /// An engine went from one standing to another.
    pub(super) fn engine(
        &self,
        kind: EventKind,
        row: &EngineRow,
        from: Option<EngineStanding>,
        took_us: Option<u64>,
    ) -> Event {
        let beat = row.beat.as_ref();
        self.event(kind, quarterdeck_clock::utc(), false).on(format!("engine://{}", row.name)).with(Detail::Engine {
            name: row.name.clone(),
            episode: beat.and_then(|beat| beat.episode.clone()),
            generation: beat.map_or(0, |beat| beat.generation),
            from: from.map_or("unknown", EngineStanding::word).to_owned(),
            to: row.standing.word().to_owned(),
            why: row.why.join("; "),
            took_us,
        })
    }

    /// An order after the stop.
    pub(super) fn bypass(&self, bypass: &Bypass) -> Event {
        let kind = EventKind::KillSwitchBypass;
        self.event(kind, quarterdeck_clock::utc(), false).on(format!("engine://{}", bypass.actor)).with(
            Detail::Bypass {
                actor: bypass.actor.clone(),
                order: bypass.order.clone(),
                at: bypass.at,
                after_ms: i64::try_from(bypass.after.as_millis()).unwrap_or(i64::MAX),
                source: bypass.source.clone(),
                episode: bypass.episode.clone(),
            },
        )
    }

    /// A request that was refused.
    pub(super) fn refusal(&self, request: &Request, reasons: Vec<String>) -> Event {
        let kind = EventKind::PermissionDenied;
        self.event(kind, quarterdeck_clock::utc(), true)
            .on(request.resource())
            .came_out(Status::Denied, None, Some(kind.entry().name))
            .with(Detail::Refusal { asked: request.words(), reasons })
    }

    fn event(&self, kind: EventKind, at: Timestamp, by_person: bool) -> Event {
        let ids = EventId { event: random_id("evt", 16), request: random_id("req", 12) };
        let actor = if by_person { Actor::person(&self.who) } else { Actor::system(&self.who.session) };
        let mut event = Event::new(kind, at, ids, actor, Some(self.environment));
        event.context.ip_address = self.address.clone().filter(|_| by_person);
        event
    }
}

fn verb(order: Order) -> &'static str {
    match order {
        Order::Trade => "release",
        Order::Hold => "hold",
        Order::Stop => "stop",
        Order::Halt => "halt",
    }
}
