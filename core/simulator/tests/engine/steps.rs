//! SIGKILL at every step of level 4, then a restart, over real processes: each position ends at exactly zero and was
//! closed once, nothing turned round, and no generation fell.

use crate::stage::{Stage, sound};
use quarterdeck_domain::kill::{EngineState, Order, Step};
use quarterdeck_simulator::venue::Fact;
use std::collections::BTreeMap;

const STEPS: [&str; 12] = [
    "received",
    "blocked",
    "cancelling:1",
    "cancelling:3",
    "cancelled",
    "closing:1",
    "closed:1",
    "closing:2",
    "closed:2",
    "closing:3",
    "closed:3",
    "flat",
];

fn closings(facts: &[Fact]) -> BTreeMap<String, u32> {
    let mut closed = BTreeMap::new();
    for fact in facts {
        if let Fact::Closed(order) = fact {
            *closed.entry(order.instrument.clone()).or_default() += 1;
        }
    }
    closed
}

/// Starts an engine that obeys to the end, and holds what must hold then.
#[track_caller]
fn ends_flat(stage: &Stage, generation: u64, killed_at: &[&str]) {
    let engine = stage.engine(&[]);
    let beat = stage.beats().until("flat", |beat| beat.step == Step::Flat);
    assert_eq!((beat.state, beat.level, beat.generation), (EngineState::Flat, 4, generation), "{killed_at:?}");
    assert_eq!((beat.resting_orders, beat.positions), (Some(0), Some(0)), "{killed_at:?}");
    engine.kill();
    let facts = stage.facts();
    let book = sound(&facts);
    assert!(book.positions.is_empty() && book.resting.is_empty(), "{killed_at:?}: {book:?}");
    assert_eq!(closings(&facts).into_values().collect::<Vec<_>>(), [1, 1, 1], "{killed_at:?}");
}

#[test]
fn killed_at_any_step_of_level_4_it_ends_flat_and_closes_nothing_twice() {
    for step in STEPS {
        let stage = Stage::new();
        let engine = stage.engine(&[&format!("die-at={step}")]);
        stage.order(Order::Halt, 1);
        engine.died();
        let before = sound(&stage.facts()).closed.len();
        ends_flat(&stage, 1, &[step]);
        assert_eq!(
            before,
            ["closed:1", "closing:2"].iter().filter(|at| step == **at).count()
                + 2 * ["closed:2", "closing:3"].iter().filter(|at| step == **at).count()
                + 3 * ["closed:3", "flat"].iter().filter(|at| step == **at).count(),
            "{step}"
        );
        // And once more, with nothing left to do: nothing is done again.
        let facts = stage.facts().len();
        ends_flat(&stage, 1, &[step, "flat"]);
        assert_eq!(stage.facts().len(), facts, "{step}");
    }
}

#[test]
fn killed_again_and_again_it_ends_flat_and_closes_nothing_twice() {
    // Every step after every other: each start goes on from where the last was killed.
    for first in ["cancelling:2", "closing:1", "closed:1", "closed:2"] {
        for second in ["received", "cancelled", "closing:1", "closed:1", "flat"] {
            let stage = Stage::new();
            let engine = stage.engine(&[&format!("die-at={first}")]);
            stage.order(Order::Halt, 1);
            engine.died();
            // Told again in a later generation while it was away.
            stage.order(Order::Halt, 2);
            stage.engine(&[&format!("die-at={second}")]).died();
            ends_flat(&stage, 2, &[first, second]);
        }
    }
}

#[test]
fn the_bypass_rule_finds_the_closing_orders_by_their_ids_once_each() {
    let stage = Stage::new();
    let engine = stage.engine(&["die-at=closed:2"]);
    stage.order(Order::Halt, 1);
    engine.died();
    ends_flat(&stage, 1, &[]);
    let audit = stage.audit();
    let accepted = |kind: &str| -> Vec<_> {
        audit
            .iter()
            .filter(|(what, _, status)| what == kind && status == "SUCCESS")
            .map(|(_, id, _)| id.clone())
            .collect()
    };
    assert_eq!(accepted("ORDER_CANCEL").len(), 4);
    for kind in ["ORDER_SUBMIT", "ORDER_FILLED"] {
        let mut ids = accepted(kind);
        ids.sort();
        assert_eq!(ids, ["qd-E-7-AAPL", "qd-E-7-MSFT", "qd-E-7-NVDA"], "{audit:?}");
    }
}
