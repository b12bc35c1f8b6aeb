//! Rotations of the fixed day, made by the domain's own fold, for the tests of the model and of the panes. Refuses a
//! rotation that could not be.
#![allow(dead_code, reason = "each test uses its own part")]

use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::kill::Deadline;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{
    Ask, Downtime, Ending, Fact, Failing, Generator, Hook, Lease, Limits, Next, Plan, PlanRow, ReaderRow, Retire,
    Rotation, RotationRow, Stdin, Step, WatchRule,
};

/// The moment at which the rows are told.
pub(crate) const NOW: &str = "2026-05-04T14:03:27Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a fixed time")
}

fn clock(text: &str) -> Timestamp {
    at(&format!("2026-05-04T{text}Z"))
}

fn moment(utc: Timestamp) -> quarterdeck_domain::kill::Moment {
    let boot_ns = u64::try_from(utc.as_nanosecond() - clock("00:00:00").as_nanosecond()).unwrap_or(0);
    quarterdeck_domain::kill::Moment { utc, boot_ns, boot_id: "boot".into() }
}

/// The mockup's plan: a broker's key, typed; set and revoked by a person, tried by a command.
pub(crate) fn plan(name: &str, layer: &str) -> Plan {
    let person = |told: &str| Some(Hook::Person { told: told.to_owned(), undo: None });
    Plan {
        target: Target { layer: layer.into(), name: name.into() },
        from: "14".into(),
        generator: Generator::Typed,
        set: person("make the key in the broker's portal, account ****4789"),
        test: Some(Hook::Command {
            words: vec!["/usr/local/bin/ibkr-login".into()],
            within_s: 20,
            stdin: Stdin::Value,
        }),
        revoke: person("revoke the old key in the broker's portal"),
        grace_s: 600,
        downtime: Downtime::Zero,
        retire: Retire::Ask,
        watch: Some(WatchRule { errors: 3, within_s: 60 }),
        confirm: None,
        limits: Limits::default(),
        digest: "9f2c".into(),
    }
}

/// A plan that nobody but the machine carries out.
pub(crate) fn plain(name: &str, layer: &str) -> Plan {
    let words = |word: &str| Some(Hook::Command { words: vec![word.into()], within_s: 20, stdin: Stdin::Value });
    Plan {
        generator: Generator::Hex { bytes: 32 },
        set: words("/usr/local/bin/set-key"),
        revoke: words("/usr/local/bin/revoke-key"),
        downtime: Downtime::Brief,
        retire: Retire::Wait,
        watch: None,
        ..plan(name, layer)
    }
}

/// The plan as it is shown.
pub(crate) fn plan_row(plan: Plan) -> PlanRow {
    let steps = plan.steps().into_iter().map(|step| {
        let says = match (step, plan.hook(step)) {
            (Step::Set | Step::Test | Step::Retire, Some(hook)) => hook.to_string(),
            (Step::Stage, _) => format!("{}; stored in {}, where nobody reads it", plan.generator, plan.target.layer),
            (Step::Promote, _) => "the new version is current, if v14 still is".to_owned(),
            _ => format!("what '{step}' does"),
        };
        (step, says)
    });
    PlanRow {
        steps: steps.collect(),
        warnings: Vec::new(),
        hinders: Vec::new(),
        approval: None,
        live: None,
        readers: readers(),
        plan,
    }
}

/// A rotation as it is told, fact after fact.
#[derive(Clone)]
pub(crate) struct Story {
    rotation: Rotation,
    at: Timestamp,
    pub(crate) readers: Vec<ReaderRow>,
}

const RUNNER: &str = "run-1";

impl Story {
    /// Begun by carol at 13:58:21.
    pub(crate) fn begun(number: u32, plan: Plan) -> Self {
        let began = clock("13:58:21");
        let lease = plan.confirm.is_none().then(|| lease("cockpit", began));
        let id = "5e0f6f0a-0000-4000-8000-000000000001".to_owned();
        let fact = Fact::Planned { id, plan: Box::new(plan), by: "carol".into(), why: "monthly".into(), lease };
        let rotation = Rotation::begin(number, &fact, began).expect("it begins");
        Self { rotation, at: began, readers: readers() }
    }

    /// One more fact, at this time.
    pub(crate) fn then(mut self, time: &str, fact: Fact) -> Self {
        self.at = clock(time);
        self.rotation = self.rotation.advance(&fact, Some(RUNNER), self.at).unwrap_or_else(|why| panic!("{why}"));
        self
    }

    /// A step of the runner's, begun and done.
    pub(crate) fn does(self, time: &str, step: Step, by: &str, note: &str, took_ms: u64) -> Self {
        let version = matches!(step, Step::Stage | Step::Promote).then(|| "15".to_owned());
        let grace =
            (step == Step::Promote).then(|| Deadline::after(&moment(clock(time)), SignedDuration::from_secs(600)));
        let (by, note, fingerprint) = (by.to_owned(), note.to_owned(), None);
        let done = Fact::Done { step, version, fingerprint, grace, by, note, took_ms: Some(took_ms) };
        self.then(time, Fact::Began { step }).then(time, done)
    }

    /// A step that failed, tried again in 8 s from now.
    pub(crate) fn fails(self, time: &str, step: Step, how: Failing, why: &str) -> Self {
        let again_at = Some(at(NOW) + SignedDuration::from_secs(8));
        let failed = Fact::Failed { step, how, by: "hook".into(), why: why.into(), again_at, took_ms: Some(40) };
        self.then(time, Fact::Began { step }).then(time, failed)
    }

    /// A person's step.
    pub(crate) fn says(self, time: &str, step: Step, done: bool, by: &str, note: &str) -> Self {
        self.then(time, Fact::Said { step, done, by: by.into(), note: note.into() })
    }

    /// Somebody asks.
    pub(crate) fn asks(self, time: &str, ask: Ask, by: &str, why: &str) -> Self {
        self.then(time, Fact::Asked { ask, by: by.into(), why: why.into() })
    }

    /// What the screen is told of it now.
    pub(crate) fn row(self) -> RotationRow {
        let now = moment(at(NOW));
        let question = match self.rotation.next(&now, &now) {
            Next::Ask(question) => Some(question),
            _ => None,
        };
        let waits = match self.rotation.next(&now, &now) {
            Next::Wait { why, .. } => Some(why),
            _ => None,
        };
        RotationRow {
            state: self.rotation.state(&now),
            grace_left: self.rotation.grace_left(&now, &now),
            question,
            carried: self.rotation.lease.is_some() || waits.is_some(),
            rests: self.rotation.lease.is_none() && waits.is_some(),
            here: true,
            waits,
            errors: self.readers.iter().filter_map(|reader| reader.errors).sum(),
            readers: self.readers,
            rotation: self.rotation,
        }
    }
}

fn lease(program: &str, at: Timestamp) -> Lease {
    Lease {
        runner: RUNNER.into(),
        host: "bastion-1".into(),
        program: program.into(),
        pid: 4711,
        until: Deadline::after(&moment(at), SignedDuration::from_secs(30)),
    }
}

/// The mockup's readers.
pub(crate) fn readers() -> Vec<ReaderRow> {
    let reader = |name: &str, time: &str, version: &str, errors: Option<u32>, last_error: &str| ReaderRow {
        name: name.into(),
        last_read: Some(clock(time)),
        version: Some(version.into()),
        errors,
        last_error: last_error.into(),
    };
    vec![
        reader("beta-us", "13:59:47", "15", Some(1), "login rejected 14:01:02Z"),
        reader("alpha-us", "14:00:12", "15", Some(0), ""),
        reader("gamma-eu", "13:56:30", "14", None, "reads again by 14:01:30Z"),
    ]
}

const SECRET: &str = "prod/trader/ibkr-api-key";

/// The typed value is stored; the person has to make the key known.
pub(crate) fn at_set() -> Story {
    Story::begun(27, plan(SECRET, "aws")).does("13:58:25", Step::Check, "hook", "v14 works", 1_200).does(
        "13:58:31",
        Step::Stage,
        "aws",
        "AWSPENDING",
        61,
    )
}

/// The mockup's D: both are valid, one log-in failed.
pub(crate) fn in_grace() -> Story {
    at_set()
        .says("13:58:36", Step::Set, true, "carol", "..x9f2, 32 chars")
        .does("13:58:38", Step::Test, "hook", "ok", 1_800)
        .does("13:58:40", Step::Promote, "aws", "AWSCURRENT", 74)
        .does("13:58:41", Step::Unstage, "aws", "", 31)
        .then("13:58:42", Fact::Taken { lease: lease("watch", clock("13:58:42")) })
}

/// Grace is over, and gamma-eu reads the old one.
pub(crate) fn overdue() -> Story {
    in_grace().then("14:03:20", Fact::GraceOver { readers: vec!["gamma-eu".into()] })
}

/// The way to the end of grace, and the person's revoke.
pub(crate) fn done() -> Story {
    in_grace()
        .then("14:03:00", Fact::GraceOver { readers: Vec::new() })
        .says("14:03:10", Step::Retire, true, "carol", "")
        .does("14:03:12", Step::Verify, "hook", "v14 refused, v15 accepted", 900)
        .does("14:03:13", Step::Drop, "aws", "", 40)
        .then("14:03:14", Fact::Ended { ending: Ending::Done })
}

/// Three log-in errors led back: the person revokes the new key.
pub(crate) fn going_back() -> Story {
    let errors = Fact::Errors { count: 3, readers: vec!["beta-us".into()] };
    in_grace().then("14:02:00", errors).does("14:02:01", Step::Restore, "aws", "", 70)
}

/// The whole way back.
pub(crate) fn rolled_back() -> Story {
    going_back()
        .says("14:02:30", Step::Revoke, true, "carol", "")
        .does("14:02:31", Step::Discard, "aws", "", 20)
        .then("14:02:32", Fact::Ended { ending: Ending::RolledBack })
}

/// The test failed once; tried again in 8 s.
pub(crate) fn failing() -> Story {
    Story::begun(28, plain("prod/rds/password", "aws"))
        .does("13:58:25", Step::Check, "hook", "v14 works", 300)
        .does("13:58:31", Step::Stage, "aws", "AWSPENDING", 61)
        .does("13:58:33", Step::Set, "hook", "", 410)
        .fails("14:03:25", Step::Test, Failing::Refused, "exit 1: password authentication failed")
}

/// The old one can't be taken away: STUCK.
pub(crate) fn stuck() -> Story {
    let story = Story::begun(28, plain("prod/rds/password", "aws"))
        .does("13:58:25", Step::Check, "hook", "", 300)
        .does("13:58:31", Step::Stage, "aws", "AWSPENDING", 61)
        .does("13:58:33", Step::Set, "hook", "", 410)
        .does("13:58:34", Step::Test, "hook", "", 210)
        .does("13:58:40", Step::Promote, "aws", "AWSCURRENT", 74)
        .does("13:58:41", Step::Unstage, "aws", "", 31)
        .then("14:00:00", Fact::GraceOver { readers: Vec::new() });
    story.fails("14:01:00", Step::Retire, Failing::Never, "exit 3: the role can't be altered")
}

/// In Paper, a trader has to confirm it.
pub(crate) fn unconfirmed() -> Story {
    Story::begun(29, Plan { confirm: Some(Role::Trader), ..plain("broker.password", "vault") })
}

/// Somebody set the secret by hand before promote, and ours was taken back.
pub(crate) fn lost() -> Story {
    Story::begun(30, plain("prod/rds/password", "aws"))
        .does("13:58:25", Step::Check, "hook", "", 300)
        .does("13:58:31", Step::Stage, "aws", "AWSPENDING", 61)
        .does("13:58:33", Step::Set, "hook", "", 410)
        .does("13:58:34", Step::Test, "hook", "", 210)
        .then("13:58:39", Fact::Began { step: Step::Promote })
        .then("13:58:40", Fact::Lost { found: "16".into() })
        .does("13:58:41", Step::Revoke, "hook", "", 200)
        .does("13:58:42", Step::Discard, "aws", "", 20)
        .then("13:58:43", Fact::Ended { ending: Ending::Lost })
}

/// Every way in which one stands.
pub(crate) fn every() -> Vec<RotationRow> {
    let stories = [
        at_set(),
        in_grace(),
        overdue(),
        done(),
        going_back(),
        rolled_back(),
        failing(),
        stuck(),
        unconfirmed(),
        lost(),
    ];
    stories.into_iter().map(Story::row).collect()
}
