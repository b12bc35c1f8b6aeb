//! What the tests of rotations share. Refuses to be a test.

use super::*;
use crate::kill::Moment;
use crate::person::Role;
use jiff::SignedDuration;

/// So many seconds after 14:00:00Z, by all clocks.
pub(crate) fn moment(second: i64) -> Moment {
    let start: Timestamp = "2026-11-08T14:00:00Z".parse().expect("a test's own timestamp");
    let boot_ns = u64::try_from(1_000 + second).expect("a test's own time") * 1_000_000_000;
    Moment { utc: start + SignedDuration::from_secs(second), boot_ns, boot_id: "b".into() }
}

pub(crate) fn command() -> Hook {
    Hook::Command { words: vec!["/usr/local/bin/key".into()], within_s: 20, stdin: Stdin::Value }
}

pub(crate) fn person() -> Hook {
    Hook::Person { told: "make a key at the broker's portal".into(), undo: None }
}

/// All hooks are commands, ten minutes of grace, nobody confirms.
pub(crate) fn plan() -> Plan {
    Plan {
        target: Target { layer: "aws".into(), name: "desk/key".into() },
        from: "14".into(),
        generator: Generator::Hex { bytes: 32 },
        set: Some(command()),
        test: Some(command()),
        revoke: Some(command()),
        grace_s: 600,
        downtime: Downtime::Zero,
        retire: Retire::Ask,
        watch: Some(WatchRule { errors: 3, within_s: 60 }),
        confirm: None,
        limits: Limits::default(),
        digest: "d".into(),
    }
}

pub(crate) fn confirmed_by_a_trader() -> Plan {
    Plan { confirm: Some(Role::Trader), ..plan() }
}

pub(crate) fn lease(runner: &str, now: &Moment) -> Lease {
    let until = Deadline::after(now, LEASE);
    Lease { runner: runner.into(), host: "h".into(), program: "watch".into(), pid: 1, until }
}

pub(crate) fn planned(plan: Plan, id: &str, lease: Option<Lease>) -> Fact {
    Fact::Planned { id: id.into(), plan: Box::new(plan), by: "carol".into(), why: String::new(), lease }
}

pub(crate) fn done(step: Step) -> Fact {
    done_as(step, None)
}

pub(crate) fn done_as(step: Step, version: Option<&str>) -> Fact {
    Fact::Done {
        step,
        version: version.map(str::to_owned),
        fingerprint: version.map(|version| format!("fp-{version}")),
        grace: None,
        by: "aws".into(),
        note: String::new(),
        took_ms: Some(4),
    }
}

pub(crate) fn promoted(version: &str, now: &Moment, grace_s: i64) -> Fact {
    let Fact::Done { step, fingerprint, by, note, took_ms, .. } = done(Step::Promote) else { panic!("done") };
    let grace = Some(Deadline::after(now, SignedDuration::from_secs(grace_s)));
    Fact::Done { step, version: Some(version.into()), fingerprint, grace, by, note, took_ms }
}

pub(crate) fn failed(step: Step, how: Failing, why: &str) -> Fact {
    Fact::Failed { step, how, by: "hook".into(), why: why.into(), again_at: None, took_ms: None }
}

pub(crate) fn asked(ask: Ask) -> Fact {
    Fact::Asked { ask, by: "dan".into(), why: String::new() }
}

pub(crate) fn said(step: Step, done: bool) -> Fact {
    Fact::Said { step, done, by: "carol".into(), note: String::new() }
}
