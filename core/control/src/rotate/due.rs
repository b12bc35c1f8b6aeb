//! What wants a rotation, soonest first, and what of it a watcher may begin by itself (R3.7). Refuses to begin anything,
//! and what a person has to begin: QA is on demand, Production waits for signed approvals.

use super::policy::Rules;
use crate::ages;
use crate::config::Config;
use crate::observe::ask_all;
use crate::overview::{LayerListing, secret_rows};
use crate::serve::Control;
use jiff::{SignedDuration, Timestamp};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::Moment;
use quarterdeck_domain::overview::SecretRow;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::request::Target;
use quarterdeck_domain::rotate::{Ending, Generator, Rotation};
use quarterdeck_domain::rotation::{self, Age, SecretState};
use quarterdeck_domain::state::State;
use std::collections::BTreeSet;

/// How long a rotation that went back, or was lost, is left to people before the next is begun by itself.
const AFTER_A_FAILURE: SignedDuration = SignedDuration::from_hours(24);

/// A secret that wants a rotation, or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// The secret.
    pub target: Target,
    /// In one word.
    pub state: SecretState,
    /// When, where that is known.
    pub due_at: Option<Timestamp>,
    /// From one rotation to the next.
    pub period: SignedDuration,
    /// The watcher is to begin it.
    pub scheduled: bool,
    /// Who confirms it before anything is done.
    pub confirm: Option<Role>,
    /// The rotation of it that is under way.
    pub live: Option<u32>,
    /// Its date has come, whatever its state says besides.
    pub is_due: bool,
    /// Why it is not begun by itself; nothing where it will be.
    pub why_not: Option<String>,
}

/// What wants a rotation, soonest first. Asks every layer for its listing; no value is read.
pub fn due(control: &Control) -> Vec<DueRow> {
    let now = quarterdeck_clock::utc();
    let mut listings: Vec<LayerListing> = ask_all(&control.mounts).into_iter().map(|seen| seen.listing).collect();
    ages::fill(control, &mut listings);
    let secrets = secret_rows(&listings, &control.state(), &control.config, now);
    rows(control, &secrets, now)
}

/// The same of rows that somebody has already: a watcher follows them.
pub fn rows(control: &Control, secrets: &[SecretRow], now: Timestamp) -> Vec<DueRow> {
    let state = control.state();
    let row = |secret: &SecretRow| {
        let target = Target { layer: secret.layer.clone(), name: secret.name.clone() };
        let rules = Rules::of(&control.config, &target);
        row(control.config.environment, &rules, secret, &state, now)
    };
    let secrets = by_key(&control.config, secrets, &state, now);
    let mut rows: Vec<DueRow> = secrets.iter().filter(|secret| wants(secret)).map(row).collect();
    rows.sort_by_key(|row| (!row.is_due, row.due_at.unwrap_or(Timestamp::MAX), row.target.clone()));
    rows
}

/// What a watcher begins now. Whoever begins it plans it first, and a plan that is hindered begins nothing.
pub fn to_begin(control: &Control, rows: &[DueRow]) -> Vec<Target> {
    if control.look_only().is_some() {
        return Vec::new();
    }
    rows.iter().filter(|row| row.is_due && row.why_not.is_none()).map(|row| row.target.clone()).collect()
}

/// A map is rotated key by key: the keys that configuration names stand in its place, each with the age of its own. A map
/// that configuration names too stays.
fn by_key(config: &Config, secrets: &[SecretRow], state: &State, now: Timestamp) -> Vec<SecretRow> {
    let said: BTreeSet<&str> = config.file.secret.iter().map(|secret| secret.name.as_str()).collect();
    let mut rows = Vec::new();
    for secret in secrets {
        let inside = format!("{}#", secret.name);
        let is_listed = |name: &str| secrets.iter().any(|row| row.layer == secret.layer && row.name == name);
        let is_here = |name: &str| config.secret_in(&secret.layer, name).is_some();
        let keys = said.range(inside.as_str()..).take_while(|name| name.starts_with(&inside));
        let keys: Vec<&str> = keys.copied().filter(|name| is_here(name)).collect();
        let stays = keys.is_empty() || config.secret_in(&secret.layer, &secret.name).is_some();
        rows.extend(stays.then(|| secret.clone()));
        let unlisted = keys.into_iter().filter(|name| !is_listed(name));
        rows.extend(unlisted.map(|name| key_row(config, secret, name, state, now)));
    }
    rows
}

/// A key of a map. Where nothing is known of its own it is as old as its map's newest version.
fn key_row(config: &Config, map: &SecretRow, name: &str, state: &State, now: Timestamp) -> SecretRow {
    let last = state.last_rotation(&map.layer, name);
    let done = last.and_then(|last| last.ended).filter(|(ending, _)| *ending == Ending::Done).map(|(_, at)| at);
    let written = state.secret(&map.layer, name).and_then(|history| history.written.as_ref()).map(|it| it.at);
    let age = done.max(written).map_or(map.age, Age::Since);
    let policy = config.policy(&map.layer, name);
    let by_age = rotation::state(age, policy, now);
    let by_rotation = last.and_then(|last| last.state(&Moment { utc: now, ..quarterdeck_clock::moment() }));
    SecretRow {
        name: name.to_owned(),
        state: by_rotation.map_or(by_age, |state| state.min(by_age)),
        age,
        period: policy.period,
        due_at: rotation::due_at(age, policy).filter(|_| !map.deleted),
        ..map.clone()
    }
}

/// What has a date, or should have one.
fn wants(secret: &SecretRow) -> bool {
    secret.due_at.is_some() || !matches!(secret.state, SecretState::Ok | SecretState::NoAgeKnown)
}

fn row(environment: Option<Environment>, rules: &Rules, secret: &SecretRow, state: &State, now: Timestamp) -> DueRow {
    let target = Target { layer: secret.layer.clone(), name: secret.name.clone() };
    let live = state.live_rotation(&target.layer, &target.name);
    let last = state.last_rotation(&target.layer, &target.name);
    DueRow {
        state: secret.state,
        due_at: secret.due_at,
        period: secret.period,
        scheduled: rules.scheduled,
        confirm: rules.confirm,
        live: live.map(|live| live.number),
        is_due: matches!(secret.state, SecretState::Due | SecretState::Overdue)
            || secret.due_at.is_some_and(|due_at| due_at <= now),
        why_not: why_not(environment, rules, secret, last, now),
        target,
    }
}

/// Why nothing is begun by itself.
fn why_not(
    environment: Option<Environment>,
    rules: &Rules,
    secret: &SecretRow,
    last: Option<&Rotation>,
    now: Timestamp,
) -> Option<String> {
    let why = |why: &str| Some(why.to_owned());
    if let Some(live) = last.filter(|last| last.is_live()) {
        return Some(format!("{} is under way", live.name()));
    }
    match environment {
        Some(Environment::Paper) => {}
        Some(Environment::Production) => return why("Production waits for signed approvals, which can't be given yet"),
        Some(Environment::Qa) => return why("QA is on demand"),
        Some(Environment::Demo) | None => return why("nothing is begun by itself here"),
    }
    if !rules.scheduled {
        return why("not scheduled: 'scheduled = true' lets the watcher begin it");
    }
    if !secret.writable {
        return why("its layer can't be written from here");
    }
    if secret.deleted {
        return why("it is deleted");
    }
    if secret.rotates_at.is_some() {
        return why("its backend's own schedule rotates it; 'rotate adopt' takes over");
    }
    if rules.generator == Generator::Typed {
        return why("a person types its value");
    }
    let (ending, at) = last.and_then(|last| last.ended)?;
    let ago = now.duration_since(at);
    // What nobody saw since is no age: a rotation that was done counts until its period is over.
    if ending == Ending::Done && ago < secret.period {
        return Some(format!("{} brought a new value in", last.map(Rotation::name).unwrap_or_default()));
    }
    if ending != Ending::Done && ago < AFTER_A_FAILURE {
        let name = last.map(Rotation::name).unwrap_or_default();
        return Some(format!("{name} ended {} less than a day ago: a person looks first", ending.word()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use quarterdeck_domain::rotate::{Fact, Plan};

    fn now() -> Timestamp {
        "2026-11-08T14:00:00Z".parse().expect("a time")
    }

    fn secret() -> SecretRow {
        SecretRow {
            name: "db".into(),
            backend: "aws".into(),
            layer: "aws".into(),
            version: Some("1".into()),
            state: SecretState::Due,
            age: Age::Since(now()),
            period: SignedDuration::from_hours(24 * 30),
            due_at: Some(now()),
            shadows: Vec::new(),
            hidden: Vec::new(),
            warnings: Vec::new(),
            writable: true,
            written_by: None,
            last_read: None,
            reads: 0,
            rotates_at: None,
            deletes_at: None,
            deleted: false,
            changed_at: None,
            rotation: None,
        }
    }

    fn ruled(environment: Environment, secret: &SecretRow, state: &State, more: &str) -> DueRow {
        let text = format!("[[secret]]\nname='db'\nscheduled=true\n{more}");
        let file = toml::from_str(&text).expect("valid");
        let config = Config { environment: Some(environment), file, ..Config::default() };
        let target = Target { layer: "aws".into(), name: "db".into() };
        row(Some(environment), &Rules::of(&config, &target), secret, state, now())
    }

    fn why(change: impl Fn(&mut SecretRow)) -> String {
        let mut secret = secret();
        change(&mut secret);
        ruled(Environment::Paper, &secret, &State::default(), "").why_not.unwrap_or_default()
    }

    /// A state in which the secret had a rotation that ended so many hours ago.
    fn after(ended: Option<(Ending, i64)>) -> State {
        let text = "[[secret]]\nname='db'\n";
        let config = Config { file: toml::from_str(text).expect("valid"), ..Config::default() };
        let target = Target { layer: "aws".into(), name: "db".into() };
        let rules = Rules::of(&config, &target);
        let plan = Plan {
            target,
            from: "1".into(),
            generator: rules.generator,
            set: None,
            test: None,
            revoke: None,
            grace_s: 0,
            downtime: rules.downtime,
            retire: rules.retire,
            watch: None,
            confirm: None,
            limits: Default::default(),
            digest: String::new(),
        };
        let fact =
            Fact::Planned { id: "x".into(), plan: Box::new(plan), by: "carol".into(), why: String::new(), lease: None };
        let mut rotation = State::default().judge(1, &fact, None, now()).expect("it begins");
        rotation.ended = ended.map(|(ending, hours)| (ending, now() - SignedDuration::from_hours(hours)));
        let mut state = State::default();
        state.rotations.insert(1, rotation);
        state
    }

    #[test]
    fn paper_begins_what_is_scheduled_and_due_and_nothing_else_does() {
        let of = |environment| ruled(environment, &secret(), &State::default(), "");
        let paper = of(Environment::Paper);
        assert!(paper.why_not.is_none() && paper.is_due && paper.confirm == Some(Role::Trader));
        assert_eq!(of(Environment::Qa).why_not.as_deref(), Some("QA is on demand"));
        assert!(of(Environment::Production).why_not.expect("it waits").contains("signed approvals"));
        assert!(of(Environment::Demo).why_not.is_some());
        assert!(
            !ruled(
                Environment::Paper,
                &SecretRow { state: SecretState::DueSoon, due_at: None, ..secret() },
                &State::default(),
                ""
            )
            .is_due
        );
    }

    #[test]
    fn a_maps_configured_keys_stand_in_its_place() {
        let names = |text: &str, secrets: &[SecretRow]| {
            let config = Config { file: toml::from_str(text).expect("valid"), ..Config::default() };
            let rows = by_key(&config, secrets, &State::default(), now() + SignedDuration::from_hours(24 * 10));
            rows.into_iter().map(|row| (row.name.clone(), row)).collect::<std::collections::BTreeMap<_, _>>()
        };
        let key = "[[secret]]\nname='db#password'\nperiod='10d'\n";
        let rows = names(key, &[secret()]);
        assert_eq!(rows.keys().collect::<Vec<_>>(), ["db#password"]);
        let row = &rows["db#password"];
        assert_eq!((row.age, row.due_at), (Age::Since(now()), Some(now() + SignedDuration::from_hours(240))));
        assert!(matches!(row.state, SecretState::Due | SecretState::Overdue), "{:?}", row.state);
        assert_eq!(names(&format!("{key}[[secret]]\nname='db'\n"), &[secret()]).len(), 2);
        assert_eq!(names(&format!("{key}layer='vault'\n"), &[secret()]).keys().collect::<Vec<_>>(), ["db"]);
        let listed = SecretRow { name: "db#password".into(), version: None, ..secret() };
        assert_eq!(names(key, &[secret(), listed])["db#password"].version, None);
    }

    #[test]
    fn what_a_person_has_to_do_is_left_to_one() {
        assert!(why(|secret| secret.writable = false).contains("can't be written"));
        assert!(why(|secret| secret.deleted = true).contains("deleted"));
        assert!(why(|secret| secret.rotates_at = Some(now())).contains("own schedule"));
        let typed = ruled(Environment::Paper, &secret(), &State::default(), "generator='typed'\n");
        assert_eq!(typed.why_not.as_deref(), Some("a person types its value"));
    }

    #[test]
    fn nothing_is_begun_over_another_and_not_soon_after_a_failure() {
        let of = |ended| ruled(Environment::Paper, &secret(), &after(ended), "");
        let live = of(None);
        assert_eq!((live.live, live.why_not.as_deref()), (Some(1), Some("R-1 is under way")));
        for ending in [Ending::RolledBack, Ending::Aborted, Ending::Lost] {
            assert!(of(Some((ending, 23))).why_not.expect("too soon").contains("a person looks first"));
            assert_eq!(of(Some((ending, 25))).why_not, None);
        }
        assert!(of(Some((Ending::Done, 1))).why_not.expect("it is new").contains("brought a new value in"));
        assert_eq!(of(Some((Ending::Done, 24 * 31))).why_not, None);
    }
}
