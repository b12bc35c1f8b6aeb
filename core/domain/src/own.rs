//! What a line of the kill-switch, of the version watch or of a rotation says beside the schema: which order, which engine, how fast,
//! which version, why. Refuses to judge: it is put in words for the tail, and whoever reads it redacts and sanitises it as
//! every other text.

use crate::audit::Beside;
use crate::event::Detail;
use crate::kill::{Order, Record};
use crate::rotate::{Fact, Lease, Step};
use crate::version::Sighting;
use jiff::Timestamp;
use serde_json::value::RawValue;

/// What a line says beside the schema.
pub(crate) struct Said {
    /// On what; empty where that is what the line names.
    pub(crate) resource: String,
    /// What came of it, in words; empty where the line's own result is all.
    pub(crate) came: String,
    /// Each for itself, where it is of a secret.
    pub(crate) beside: Option<Beside>,
}

/// All that a line says more; `None` for lines that say nothing.
pub(crate) fn said(kind: &str, own: &RawValue) -> Option<Said> {
    const SPEAK: [&str; 5] = ["KILL_SWITCH_", "ENGINE_", "SECRET_", "BACKEND_EXPIRING", "ROTATION_"];
    if !SPEAK.iter().any(|prefix| kind.starts_with(prefix)) {
        return None;
    }
    let detail = serde_json::from_str(own.get()).ok()?;
    let beside = beside(&detail);
    match words(kind, detail) {
        Some((resource, came)) => Some(Said { resource, came, beside }),
        None => beside.map(|beside| Said { resource: String::new(), came: String::new(), beside: Some(beside) }),
    }
}

/// On what, and what came of it, in words.
fn words(kind: &str, detail: Detail) -> Option<(String, String)> {
    match detail {
        Detail::Switch { record, note, durable_us } => Some((order(&record), came(kind, &record, note, durable_us))),
        Detail::Engine { name, episode, generation, why, took_us, to, .. } => {
            let episode = episode.map_or_else(String::new, |episode| format!(" {episode} generation {generation}"));
            let took = took_us.map(took).unwrap_or_default();
            let came = [took, if why.is_empty() { to } else { why }];
            Some((format!("{name}{episode}"), joined(&came)))
        }
        Detail::Bypass { actor, order, after_ms, episode, .. } => {
            Some((format!("{actor} {order}"), format!("BYPASS, {} s after the stop, {episode}", after_ms / 1_000)))
        }
        Detail::Version { layer, name, from, to } => Some((format!("{layer}/{name}"), version(&from, &to))),
        Detail::Backend { name, reason, .. } => Some((name, reason)),
        Detail::Rotation { number, fact, .. } => Some((String::new(), format!("R-{number} {}", became(&fact)))),
        _ => None,
    }
}

/// The same, as clean as the rest of the line. A fingerprint tells nothing and is left whole.
pub(crate) fn cleaned(beside: &Beside, role: &str, clean: &dyn Fn(&str) -> String) -> Beside {
    let fingerprint = &beside.fingerprint;
    let is_one = fingerprint.len() <= 64 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    Beside {
        role: clean(role),
        rotation: clean(&beside.rotation),
        step: clean(&beside.step),
        version: clean(&beside.version),
        fingerprint: if is_one { fingerprint.clone() } else { clean(fingerprint) },
        reason: clean(&beside.reason),
        by: clean(&beside.by),
        runner: clean(&beside.runner),
        carried_by: clean(&beside.carried_by),
    }
}

/// What a program looks for, each for itself.
fn beside(detail: &Detail) -> Option<Beside> {
    match detail {
        Detail::Secret { version, fingerprint, .. } => Some(Beside {
            version: version.clone().unwrap_or_default(),
            fingerprint: fingerprint.clone().unwrap_or_default(),
            ..Beside::default()
        }),
        Detail::Rotation { number, runner, fact } => {
            Some(Beside { rotation: format!("R-{number}"), runner: runner.clone().unwrap_or_default(), ..told(fact) })
        }
        _ => None,
    }
}

fn told(fact: &Fact) -> Beside {
    let none = Beside::default();
    match fact.clone() {
        Fact::Planned { plan, by, why: reason, lease: held, .. } => {
            let carried_by = held.as_ref().map(Lease::words).unwrap_or_default();
            Beside { version: plan.from, by, reason, carried_by, ..none }
        }
        Fact::Confirmed { by } => Beside { step: Step::Confirm.word().into(), by, ..none },
        Fact::Taken { lease: held } => Beside { carried_by: held.words(), ..none },
        Fact::Began { step } => Beside { step: step.word().into(), ..none },
        Fact::Done { step, version, fingerprint, by, .. } => Beside {
            step: step.word().into(),
            version: version.unwrap_or_default(),
            fingerprint: fingerprint.unwrap_or_default(),
            by,
            ..none
        },
        Fact::Failed { step, by, why: reason, .. } => Beside { step: step.word().into(), by, reason, ..none },
        Fact::Said { step, by, note: reason, .. } => Beside { step: step.word().into(), by, reason, ..none },
        Fact::Asked { by, why: reason, .. } => Beside { by, reason, ..none },
        Fact::Lost { found: version, .. } => Beside { version, ..none },
        Fact::GraceOver { .. } => Beside { step: Step::Grace.word().into(), ..none },
        Fact::Ended { .. } => Beside { step: Step::End.word().into(), ..none },
        Fact::LetGo | Fact::NothingStaged | Fact::Renewed { .. } | Fact::Errors { .. } => none,
    }
}

/// What became known of a rotation: `promote: version 15 is current`.
fn became(fact: &Fact) -> String {
    let told = |head: String, more: &str| if more.is_empty() { head } else { format!("{head}: {more}") };
    match fact {
        Fact::Planned { by, why, .. } => told(format!("planned by {by}"), why),
        Fact::Confirmed { by } => format!("confirmed by {by}, unsigned"),
        Fact::Taken { lease } => format!("carried by {}", lease.words()),
        Fact::LetGo => "let go".into(),
        Fact::Began { step } => format!("{step} begins"),
        Fact::Done { step, note, .. } => told(step.to_string(), note),
        Fact::Failed { step, why, .. } => told(format!("{step} FAILED"), why),
        Fact::NothingStaged => "nothing was staged".into(),
        Fact::Renewed { id } => format!("another value, id {id}"),
        Fact::Lost { found } => format!("LOST: somebody else made version {found}"),
        Fact::Errors { count, readers } => told(format!("{count} log-in errors"), &readers.join(", ")),
        Fact::GraceOver { readers } => match readers.is_empty() {
            true => "grace is over".into(),
            false => format!("grace is over, still read by {}", readers.join(", ")),
        },
        Fact::Asked { ask, by, why } => told(format!("{} asked by {by}", ask.word()), why),
        Fact::Said { step, done, by, note } => {
            let word = if *done { "done" } else { "FAILED" };
            told(format!("{step} {word}, says {by}"), note)
        }
        Fact::Ended { ending } => ending.word().into(),
    }
}

/// `version 14, was version 13; made elsewhere`
fn version(from: &Sighting, to: &Sighting) -> String {
    match (from, to) {
        (Sighting::Absent, Sighting::Present) => "new; made elsewhere".into(),
        (Sighting::Absent, to) => format!("new, {}; made elsewhere", to.words()),
        (Sighting::Version(_), Sighting::Absent) => format!("gone, was {}; removed elsewhere", from.words()),
        (_, Sighting::Absent) => "gone; removed elsewhere".into(),
        (from, to) => format!("{}, was {}; made elsewhere", to.words(), from.words()),
    }
}

/// `level 3, E-12 generation 41`
fn order(record: &Record) -> String {
    let what = match record.order {
        Order::Trade => "trade".to_owned(),
        Order::Hold => "level 3 held".to_owned(),
        Order::Stop | Order::Halt => format!("level {}", record.level),
    };
    format!("{what}, {} generation {}", record.episode, record.generation)
}

fn came(kind: &str, record: &Record, note: Option<String>, durable_us: Option<u64>) -> String {
    let of_the_order = matches!(kind, "KILL_SWITCH_ACTIVATED" | "KILL_SWITCH_ESCALATED" | "KILL_SWITCH_ADOPTED");
    let durable = durable_us.map(|us| format!("durable in {}", took(us))).unwrap_or_default();
    let deadline = record.deadline.as_ref().filter(|_| of_the_order);
    let deadline = deadline.map(|deadline| format!("level 4 at {}", clock(deadline.utc))).unwrap_or_default();
    let by_itself = if of_the_order && record.initiator.kind == "deadline" { "at its deadline" } else { "" };
    // The reason that was given with the order is repeated in what follows from it; it is said once, where it is new.
    let reason = record.reason.clone().filter(|_| !matches!(kind, "KILL_SWITCH_REASON" | "KILL_SWITCH_FLAT"));
    joined(&[durable, deadline, by_itself.to_owned(), reason.unwrap_or_default(), note.unwrap_or_default()])
}

fn joined(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}

fn took(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        10_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{} s", micros / 1_000_000),
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::kill::testing::ordered;
    use crate::rotate::Ending;

    fn said(kind: &str, detail: &Detail) -> (String, String) {
        let raw = serde_json::value::to_raw_value(detail).expect("JSON");
        let said = super::said(kind, &raw).expect("it says more");
        (said.resource, said.came)
    }

    #[test]
    fn an_order_says_its_level_its_generation_how_fast_and_why() {
        let record = Record { reason: Some("beta-us auth failing".into()), ..ordered(Environment::Qa, Order::Stop) };
        let at = clock(record.deadline.as_ref().expect("a stop has one").utc);
        let detail = Detail::Switch { record: Box::new(record.clone()), note: None, durable_us: Some(3_200) };
        let (order, came) = said("KILL_SWITCH_ACTIVATED", &detail);
        assert_eq!(order, format!("level 3, {} generation {}", record.episode, record.generation));
        assert_eq!(came, format!("durable in 3.2 ms, level 4 at {at}, beta-us auth failing"));
        let detail = Detail::Switch { record: Box::new(record), note: Some("told later".into()), durable_us: None };
        assert_eq!(said("KILL_SWITCH_REASON", &detail).1, "told later");
    }

    #[test]
    fn an_engine_says_what_it_answers_and_how_fast() {
        let detail = Detail::Engine {
            name: "alpha-us".into(),
            episode: Some("E-12".into()),
            generation: 41,
            from: "trading".into(),
            to: "blocked".into(),
            why: String::new(),
            took_us: Some(14_400),
        };
        assert_eq!(said("ENGINE_BLOCKED", &detail), ("alpha-us E-12 generation 41".into(), "14 ms, blocked".into()));
    }

    #[test]
    fn a_change_of_version_says_what_is_there_and_what_was() {
        let said_of = |from: &Sighting, to: &Sighting| {
            let (layer, name) = ("vault".into(), "prod/trader/key".into());
            let (resource, came) =
                said("SECRET_VERSION_CHANGED", &Detail::Version { layer, name, from: from.clone(), to: to.clone() });
            assert_eq!(resource, "vault/prod/trader/key");
            came
        };
        let v = |id: &str| Sighting::Version(id.into());
        assert_eq!(said_of(&v("13"), &v("14")), "version 14, was version 13; made elsewhere");
        assert_eq!(said_of(&Sighting::Absent, &v("1")), "new, version 1; made elsewhere");
        assert_eq!(said_of(&Sighting::Absent, &Sighting::Present), "new; made elsewhere");
        assert_eq!(said_of(&v("13"), &Sighting::Absent), "gone, was version 13; removed elsewhere");
        assert_eq!(said_of(&Sighting::Present, &Sighting::Absent), "gone; removed elsewhere");
    }

    #[test]
    fn a_rotation_says_its_number_its_step_and_what_that_came_to() {
        let said_of = |fact: Fact| {
            let detail = Detail::Rotation { number: 27, runner: None, fact: Box::new(fact) };
            let (resource, came) = said("ROTATION_STEP", &detail);
            assert_eq!(resource, "", "the line's own");
            came
        };
        let done = Fact::Done {
            step: Step::Promote,
            version: Some("15".into()),
            fingerprint: None,
            grace: None,
            by: "aws".into(),
            note: "version 15 is current".into(),
            took_ms: Some(74),
        };
        assert_eq!(said_of(done), "R-27 promote: version 15 is current");
        assert_eq!(said_of(Fact::Began { step: Step::Set }), "R-27 set begins");
        assert_eq!(said_of(Fact::Ended { ending: Ending::Lost }), "R-27 LOST");
    }

    #[test]
    fn other_lines_say_nothing_more() {
        let raw = serde_json::value::to_raw_value(&Detail::Nothing {}).expect("JSON");
        assert!(super::said("KILL_SWITCH_FLAT", &raw).is_none());
        assert!(super::said("SECRET_READ", &raw).is_none());
        let raw = RawValue::from_string("{\"switch\":1}".into()).expect("JSON");
        assert!(super::said("KILL_SWITCH_HELD", &raw).is_none());
    }
}
