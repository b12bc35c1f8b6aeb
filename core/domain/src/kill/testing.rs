//! What the tests of the switch have in common. Refuses to be compiled into anything else.

use super::moment::{Deadline, Moment};
use super::record::{Initiator, Order, Record};
use crate::environment::Environment;
use jiff::{SignedDuration, Timestamp};

/// So long after the machine's start an order is given.
pub(super) const GIVEN: u64 = 1_000_000_000_000;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("a test's own timestamp")
}

/// So many milliseconds after 14:00:00Z, by the wall clock.
pub(super) fn wall(ms: i64) -> Timestamp {
    at("2026-11-08T14:00:00Z") + SignedDuration::from_millis(ms)
}

/// The same by all clocks.
pub(super) fn after(ms: i64) -> Moment {
    let boot_ns = GIVEN.checked_add_signed(ms * 1_000_000).expect("a test's own time");
    Moment { utc: wall(ms), boot_ns, boot_id: "b".into() }
}

pub(super) fn alice() -> Initiator {
    Initiator {
        kind: "person".into(),
        person: "alice".into(),
        role: None,
        session: "s".into(),
        uid: 1_000,
        host: "h".into(),
        program: "cockpit".into(),
        bound: false,
    }
}

/// Generation 41 of episode E-12, given at 14:00:00Z.
pub(crate) fn ordered(environment: Environment, order: Order) -> Record {
    Record {
        episode: "E-12".into(),
        generation: 41,
        order,
        level: order.level(),
        deadline: (order == Order::Stop).then(|| Deadline::after(&after(0), Deadline::WINDOW)),
        engines: vec!["alpha".into()],
        previous: Some(40),
        ..Record::first(environment, &after(0), alice())
    }
}
