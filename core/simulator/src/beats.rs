//! What a misbehaving engine says instead of the truth. Refuses to touch a beat without a fault in force.

use crate::misbehave::{Faults, Misbehave};
use quarterdeck_domain::kill::{Beat, EngineState, Step, Steps};

/// Stands between the client's beats and whoever hears them.
#[derive(Debug, Default)]
pub(crate) struct Mouth {
    /// Episode and generation from before the stop: what a late engine still says.
    before: Option<(Option<String>, u64)>,
}

impl Mouth {
    /// What is said; none: nothing.
    pub(crate) fn say(&mut self, beat: Beat, faults: &Faults) -> Option<Beat> {
        if beat.step == Step::None {
            self.before = Some((beat.episode.clone(), beat.generation));
        }
        if faults.has(&Misbehave::Silent) {
            return None;
        }
        let beat = if faults.has(&Misbehave::SaysFlat) { flat(beat) } else { beat };
        Some(match faults.late() {
            Some(by) => self.late(beat, u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
            None => beat,
        })
    }

    /// Each step so much later than it was: those that are not due yet are not said.
    fn late(&self, beat: Beat, by: u64) -> Beat {
        let due = |at: Option<u64>| at.map(|at| at.saturating_add(by)).filter(|at| *at <= beat.boot_ns);
        let steps = Steps {
            received_ns: due(beat.steps.received_ns),
            blocked_ns: due(beat.steps.blocked_ns),
            cancelled_ns: due(beat.steps.cancelled_ns),
            flat_ns: due(beat.steps.flat_ns),
        };
        let said = [
            (steps.flat_ns, Step::Flat),
            (steps.cancelled_ns, Step::Cancelled),
            (steps.blocked_ns, Step::Blocked),
            (steps.received_ns, Step::Received),
        ];
        let step = said.into_iter().find_map(|(at, step)| at.map(|_| step)).unwrap_or_default().min(beat.step);
        if step == beat.step {
            return Beat { steps, ..beat };
        }
        let state = if step < Step::Blocked { EngineState::Trading } else { EngineState::Blocked };
        let late = Beat { step, steps, state, trouble: String::new(), ..beat };
        match &self.before {
            Some((episode, generation)) if step == Step::None => {
                Beat { level: 0, episode: episode.clone(), generation: *generation, ..late }
            }
            _ => late,
        }
    }
}

/// FLAT, once it is blocked, with its positions beside it.
fn flat(beat: Beat) -> Beat {
    if beat.step < Step::Blocked {
        return beat;
    }
    let blocked = beat.steps.blocked_ns;
    let steps = Steps {
        cancelled_ns: beat.steps.cancelled_ns.or(blocked),
        flat_ns: beat.steps.flat_ns.or(blocked),
        ..beat.steps
    };
    Beat { state: EngineState::Flat, step: Step::Flat, steps, trouble: String::new(), ..beat }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    fn beat(step: Step, boot_ns: u64) -> Beat {
        let at = |least: Step| (step >= least).then_some(10 * SECOND);
        Beat {
            v: 1,
            engine: "alpha-us".into(),
            environment: "demo".into(),
            account: "****4789".into(),
            pid: 1,
            at: jiff::Timestamp::UNIX_EPOCH,
            boot_ns,
            boot_id: "b".into(),
            state: if step == Step::None { EngineState::Trading } else { EngineState::Blocked },
            episode: Some(if step == Step::None { "E-1" } else { "E-2" }.into()),
            generation: if step == Step::None { 4 } else { 5 },
            level: if step == Step::None { 0 } else { 4 },
            step,
            steps: Steps {
                received_ns: at(Step::Received),
                blocked_ns: at(Step::Blocked),
                cancelled_ns: at(Step::Cancelled),
                flat_ns: at(Step::Flat),
            },
            resting_orders: Some(2),
            orders_synced: None,
            positions: Some(3),
            positions_synced: None,
            last_order: None,
            last_order_ns: None,
            link: "up".into(),
            trouble: "3 positions".into(),
        }
    }

    fn faults(fault: Misbehave) -> Faults {
        Faults(vec![fault])
    }

    #[test]
    fn without_a_fault_the_truth_is_said() {
        let beat = beat(Step::Blocked, 11 * SECOND);
        assert_eq!(Mouth::default().say(beat.clone(), &Faults::default()), Some(beat));
    }

    #[test]
    fn silent_says_nothing() {
        assert_eq!(Mouth::default().say(beat(Step::None, 0), &faults(Misbehave::Silent)), None);
    }

    #[test]
    fn late_says_each_step_later_and_until_then_what_it_said_before() {
        let late = faults(Misbehave::Late(Duration::from_secs(2)));
        let mut mouth = Mouth::default();
        let trading = mouth.say(beat(Step::None, 9 * SECOND), &late).expect("a beat");
        assert_eq!(trading, beat(Step::None, 9 * SECOND));
        let hidden = mouth.say(beat(Step::Blocked, 11 * SECOND), &late).expect("a beat");
        assert_eq!((hidden.step, hidden.state, hidden.level), (Step::None, EngineState::Trading, 0));
        assert_eq!((hidden.episode.as_deref(), hidden.generation), (Some("E-1"), 4));
        assert_eq!(hidden.steps, Steps::default());
        let said = mouth.say(beat(Step::Blocked, 12 * SECOND), &late).expect("a beat");
        assert_eq!((said.step, said.level, said.generation), (Step::Blocked, 4, 5));
        assert_eq!(said.steps.blocked_ns, Some(12 * SECOND));
    }

    #[test]
    fn late_says_what_is_due_of_what_it_did() {
        let late = faults(Misbehave::Late(Duration::from_secs(2)));
        let mut flat = beat(Step::Flat, 13 * SECOND);
        flat.steps.flat_ns = Some(12 * SECOND);
        flat.state = EngineState::Flat;
        let said = Mouth::default().say(flat, &late).expect("a beat");
        assert_eq!((said.step, said.state), (Step::Cancelled, EngineState::Blocked));
        assert_eq!(said.steps.flat_ns, None);
    }

    #[test]
    fn says_flat_is_flat_with_its_positions_beside_it() {
        let said =
            Mouth::default().say(beat(Step::Blocked, 11 * SECOND), &faults(Misbehave::SaysFlat)).expect("a beat");
        assert_eq!((said.step, said.state, said.positions), (Step::Flat, EngineState::Flat, Some(3)));
        assert_eq!((said.steps.flat_ns, said.trouble.as_str()), (Some(10 * SECOND), ""));
    }
}
