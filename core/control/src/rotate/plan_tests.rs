//! What plans say of backends, policy and what stands in the way; that a plan and its digest are the same twice.

use super::*;
use crate::config::Config;
use quarterdeck_domain::rotate::{Fact, Step};

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

fn version(id: &str, stage: Option<Stage>) -> VersionInfo {
    VersionInfo { stage, ..VersionInfo::of(VersionId(id.into())) }
}

fn seen<'a>(kind: &'a str, secret: &str) -> Seen<'a> {
    let found = Inspection { versions: vec![version("14", Some(Stage::Current))], ..Inspection::of(name(secret)) };
    Seen { kind, layer: kind, can_stage: true, found, unasked: None, keys: None, has_ears: true }
}

fn now() -> Timestamp {
    "2026-11-08T14:00:00Z".parse().expect("a time")
}

struct Case {
    environment: Environment,
    config: &'static str,
}

impl Case {
    fn row(&self, seen: &Seen<'_>) -> PlanRow {
        self.row_in(seen, &State::default())
    }

    fn row_in(&self, seen: &Seen<'_>, state: &State) -> PlanRow {
        let file = toml::from_str(self.config).expect("valid");
        let config = Config { environment: Some(self.environment), file, ..Config::default() };
        let target = Target { layer: seen.layer.into(), name: seen.found.name.as_str().into() };
        work_out(config.environment, &target, &Rules::of(&config, &target), seen, state, now())
    }
}

const QA: Case = Case {
    environment: Environment::Qa,
    config: "[[secret]]\nname='app'\ngenerator='hex:32'\n[[secret]]\nname='db.password'\ngenerator='hex:32'\n\
             [[secret]]\nname='qa/app'\ngenerator='hex:32'\n[[secret]]\nname='qa/app#token'\ngenerator='hex:32'\n\
             [[secret]]\nname='a'\ngenerator='hex:32'\n[[secret]]\nname='qa/app.quarterdeck-pending'\ngenerator='hex:32'\n",
};
const FULL: &str = "[[secret]]\nname='db'\nlayer='aws'\ngrace='10m'\ngenerator='password:32'\ndowntime='zero'\n\
                    set={command=['/bin/set']}\ntest={command=['/bin/test']}\nrevoke={by='person',tell='at the portal'}\n";

fn words(row: &PlanRow, step: Step) -> &str {
    row.steps.iter().find(|(known, _)| *known == step).map(|(_, words)| words.as_str()).unwrap_or_default()
}

#[test]
fn a_plan_says_each_step_in_the_backends_words() {
    let full = Case { environment: Environment::Paper, config: FULL };
    let aws = full.row(&seen("aws", "db"));
    assert!(aws.hinders.is_empty() && aws.warnings.is_empty(), "{:?} {:?}", aws.hinders, aws.warnings);
    assert_eq!(words(&aws, Step::Confirm), "somebody else with the role 'trader' confirms it; recorded, not signed");
    assert_eq!(words(&aws, Step::Check), "the current value, 14, is read and tried: /bin/test");
    assert!(words(&aws, Step::Stage).contains("stored as AWSPENDING"), "{}", words(&aws, Step::Stage));
    assert_eq!(words(&aws, Step::Promote), "AWSCURRENT moves to it, if 14 still has it; 14 becomes AWSPREVIOUS");
    assert_eq!(
        words(&aws, Step::Grace),
        "10 min: old and new are both valid; 3 log-in errors in 1 min lead back; a reader that is late is waited for"
    );
    assert!(words(&aws, Step::Retire).ends_with("you: at the portal"));
    let vault = QA.row(&seen("vault", "qa/app"));
    assert!(words(&vault, Step::Stage).contains("qa/app.quarterdeck-pending with cas=0"));
    assert!(words(&vault, Step::Promote).contains("cas=14"));
    assert_eq!(words(&vault, Step::Grace), "none: it goes on at once");
    let key = QA.row(&seen("vault", "qa/app#token"));
    assert!(words(&key, Step::Stage).contains("qa/app.quarterdeck-pending"), "its map's shadow");
    assert!(key.warnings.iter().any(|warning| warning.starts_with("a key of qa/app:")));
    let mut one = seen("vault", "qa/app");
    one.found.facts = vec![("versions".into(), "none: KV version 1 keeps the current value alone".into())];
    let one = QA.row(&one);
    assert!(!words(&one, Step::Promote).contains("cas"));
    assert!(one.warnings.iter().any(|warning| warning.starts_with("KV version 1 has no check-and-set")));
    assert!(words(&QA.row(&seen("fernet", "db.password")), Step::Stage).contains("encrypted file beside the main one"));
}

#[test]
fn the_same_twice_is_the_same_and_what_differs_has_another_digest() {
    let full = |config| Case { environment: Environment::Paper, config };
    let row = full(FULL).row(&seen("aws", "db"));
    assert_eq!(row.plan.digest, full(FULL).row(&seen("aws", "db")).plan.digest);
    assert_eq!(row.plan.digest.len(), 64);
    let mut digests = vec![row.plan.digest];
    let mut newer = seen("aws", "db");
    newer.found.versions[0].id.0 = "15".into();
    digests.push(full(FULL).row(&newer).plan.digest);
    digests.push(Case { environment: Environment::Qa, config: FULL }.row(&seen("aws", "db")).plan.digest);
    let hook = "[[secret]]\nname='db'\nset={command=['/bin/set','x']}\n";
    let within = "[[secret]]\nname='db'\nset={command=['/bin/set','x'],within='9s'}\n";
    digests.extend([hook, within, ""].map(|config| full(config).row(&seen("aws", "db")).plan.digest));
    let all = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), all);
}

#[test]
fn what_is_not_proved_or_not_ended_is_warned_of() {
    let bare = QA.row(&seen("aws", "app")).warnings.join("\n");
    for says in ["nothing proves the new value", "stays valid where it is used until you revoke it"] {
        assert!(bare.contains(says), "{bare}");
    }
    let typed = QA.row(&seen("aws", "qa/ibkr/key"));
    assert_eq!(typed.plan.generator, Generator::Typed);
    assert!(typed.hinders.is_empty() && typed.warnings.iter().any(|warning| warning.starts_with("no generator")));
    let made = Case { environment: Environment::Qa, config: "[[secret]]\nname='qa/ibkr/key'\ngenerator='hex:32'\n" };
    assert!(made.row(&seen("aws", "qa/ibkr/key")).warnings[0].contains("whoever issues this secret will refuse it"));
    let brief = "[[secret]]\nname='db'\ngenerator='uuid'\ndowntime='brief'\ngrace='1m'\nset={by='person',tell='x'}\n";
    let brief = Case { environment: Environment::Qa, config: brief }.row(&seen("aws", "db"));
    assert!(brief.warnings.iter().any(|warning| warning.starts_with("brief window")), "{:?}", brief.warnings);
    let cut = "[[secret]]\nname='db'\ngenerator='uuid'\nrevoke={by='person',tell='x'}\n";
    let cut = Case { environment: Environment::Qa, config: cut }.row(&seen("aws", "db"));
    assert!(cut.warnings.iter().any(|warning| warning.starts_with("no grace")), "{:?}", cut.warnings);
}

#[test]
fn what_stands_in_the_way_is_said_with_what_to_do() {
    let hinder = |change: &dyn Fn(&mut Seen<'_>)| {
        let mut seen = seen("vault", "qa/app");
        change(&mut seen);
        QA.row(&seen).hinders.join("\n")
    };
    assert_eq!(hinder(&|_| {}), "");
    for (change, says) in [
        (
            &(|seen: &mut Seen<'_>| seen.found.versions[0].deleted = true) as &dyn Fn(&mut Seen<'_>),
            "secrets restore qa/app",
        ),
        (&|seen| seen.found.versions[0].destroyed = true, "destroyed"),
        (&|seen| seen.found.versions.clear(), "it has no value yet"),
        (
            &|seen| seen.unasked = Some("vault can't be asked: sealed. Unseal it.".into()),
            "vault can't be asked: sealed",
        ),
        (&|seen| seen.can_stage = false, "can't keep a value that nobody reads yet"),
        (&|seen| seen.keys = Some(Ok(vec!["host".into(), "password".into()])), "name the one to rotate: qa/app#host"),
        (
            &|seen| seen.found.facts = vec![("rotated by AWS".into(), "every 30 days, next 2026-12-01".into())],
            "next 2026-12-01: 'quarterdeck rotate adopt'",
        ),
        (&|seen| seen.found.name = name("qa/app.quarterdeck-pending"), "no secret"),
    ] {
        let said = hinder(change);
        assert!(said.contains(says), "{says}: {said}");
    }
    for (kind, says) in [("env", "start its readers anew"), ("yaml", "plain YAML")] {
        let mut seen = seen(kind, "a");
        seen.can_stage = false;
        assert!(QA.row(&seen).hinders[0].contains(says));
    }
    let mut doubtful = seen("aws", "app");
    doubtful.keys = Some(Err("denied".into()));
    let row = QA.row(&doubtful);
    assert!(
        row.hinders.is_empty() && row.warnings.iter().any(|warning| warning.contains("several secrets is not known"))
    );
}

#[test]
fn what_nobody_said_how_to_make_is_not_begun_and_no_grace_is_never_zero_downtime() {
    let row = Case { environment: Environment::Qa, config: "" }.row(&seen("aws", "webhook"));
    assert_eq!(row.hinders.len(), 1);
    for says in ["[[secret]]", "name = \"webhook\"", "generator = \"password:32\""] {
        assert!(row.hinders[0].contains(says), "{says}: {}", row.hinders[0]);
    }
    assert!(row.steps.is_empty() && row.warnings.is_empty(), "{:?}", row.warnings);
    assert_eq!(row.plan.downtime, Downtime::Brief);
    let said = "[[secret]]\nname='webhook'\ndowntime='zero'\ngenerator='uuid'\n";
    let row = Case { environment: Environment::Qa, config: said }.row(&seen("aws", "webhook"));
    assert_eq!((row.plan.downtime, row.hinders.len()), (Downtime::Brief, 0));
}

#[test]
fn what_can_not_be_rotated_has_no_steps() {
    let mut map = seen("vault", "qa/app");
    map.keys = Some(Ok(vec!["host".into()]));
    assert!(QA.row(&map).steps.is_empty());
    let mut plain = seen("yaml", "a");
    plain.can_stage = false;
    assert!(QA.row(&plain).steps.is_empty());
}

#[test]
fn what_is_not_heard_and_what_is_cut_is_said() {
    let text = "[[secret]]\nname='app'\ngenerator='uuid'\ngrace='100d'\n";
    let mut deaf = seen("aws", "app");
    deaf.has_ears = false;
    let row = Case { environment: Environment::Qa, config: text }.row(&deaf);
    assert!(words(&row, Step::Grace).contains("log-in errors are not heard"), "{}", words(&row, Step::Grace));
    assert!(!row.warnings.iter().any(|warning| warning.contains("audit source")), "no rule was asked for");
    assert!(row.warnings.iter().any(|warning| warning.ends_with("it is cut to 9 d")), "{:?}", row.warnings);
    let ruled = format!("[rotate.watch]\nerrors=5\n{text}");
    let row = Case { environment: Environment::Qa, config: ruled.leak() }.row(&deaf);
    assert!(row.warnings.iter().any(|warning| warning.starts_with("no audit source")), "{:?}", row.warnings);
}

#[test]
fn somebody_elses_staged_value_hinders_and_our_own_does_not() {
    let id = "5b0f3f6e-0d51-4c6b-9d3a-9a7f0c1e0001";
    let mut staged = seen("aws", "app");
    let pending = VersionInfo { created_at: Some(now().as_second() - 7_300), ..version(id, Some(Stage::Pending)) };
    staged.found.versions.insert(0, pending);
    let row = QA.row(&staged);
    assert_eq!(row.plan.from, "14");
    assert!(row.hinders[0].contains(id) && row.hinders[0].contains("2 h old"), "{:?}", row.hinders);
    assert!(row.hinders[0].contains("nobody that this journal knows"));
    let fact = Fact::Planned {
        id: id.into(),
        plan: Box::new(row.plan.clone()),
        by: "carol".into(),
        why: String::new(),
        lease: None,
    };
    let rotation = State::default().judge(1, &fact, None, now()).expect("it begins");
    let mut state = State::default();
    state.rotations.insert(1, rotation);
    let row = QA.row_in(&staged, &state);
    assert_eq!((row.hinders.len(), row.live), (0, Some((1, "carol".into()))));
}

#[test]
fn a_command_may_make_a_whole_map_and_a_person_tries_once() {
    let text = "[[secret]]\nname='db'\ngenerator={command=['/bin/make']}\ntest={by='person',tell='log in'}\n";
    let mut map = seen("aws", "db");
    map.keys = Some(Ok(vec!["user".into(), "password".into()]));
    let row = Case { environment: Environment::Qa, config: text }.row(&map);
    assert!(row.hinders.is_empty() && row.warnings.iter().any(|warning| warning.contains("replaces all of them")));
    assert_eq!(words(&row, Step::Check), "the current value, 14, is read");
    assert!(words(&row, Step::Test).ends_with("you: log in"));
    assert!(words(&row, Step::Verify).starts_with("you tried the new value before"));
}

#[test]
fn a_backends_words_steer_no_terminal() {
    let mut hostile = seen("aws", "app");
    hostile.found.versions[0].id.0 = "1\u{1b}[2J\u{202e}".into();
    hostile.found.facts = vec![("rotated by AWS".into(), "\u{1b}[31m".into())];
    hostile.keys = Some(Ok(vec!["\u{9b}k".into()]));
    let row = QA.row(&hostile);
    let said = row.steps.iter().map(|(_, words)| words).chain(&row.warnings).chain(&row.hinders);
    for words in said {
        assert!(!words.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{words:?}");
    }
}
