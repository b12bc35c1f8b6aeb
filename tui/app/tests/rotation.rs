//! Rotations by key: what is asked of control for which keys, in each way in which a rotation stands; and that a typed
//! value is seen by nobody and stays nowhere.

mod common;

use common::rotation::{self, Story, plain, plan, plan_row};
use common::{later, model, now, press, world};
use quarterdeck_app::{
    ACTIONS, Change, Effect, Key, Message, Model, News, Overlay, Screen, SecretId, Stage, Want, Weight, row, update,
};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::rotate::{Ask, PlanRow, RotationRow, Step};

type Told = fn() -> Story;
type Edit = fn(&mut PlanRow);

const CANARY: &str = "CANARY-7731-0123456789-x9f2";

fn id(name: &str) -> SecretId {
    SecretId { name: name.into(), layer: "fernet".into() }
}

/// The plan of `a`, as it stands on the screen.
fn planned(environment: Environment, change: impl FnOnce(&mut PlanRow)) -> Model {
    let mut model = world(environment, Some(Role::Devops), false);
    if environment == Environment::Production {
        press(&mut model, "u Enter");
    }
    assert_eq!(press(&mut model, "R"), [Effect::PlanRotation { name: "a".into(), layer: "fernet".into() }]);
    let mut plan = plan_row(plain("a", "fernet"));
    change(&mut plan);
    update(&mut model, News::Planned { id: id("a"), plan: Box::new(plan) }, now());
    model
}

fn typed() -> Model {
    planned(Environment::Qa, |row| row.plan = plan("a", "fernet"))
}

/// One rotation, opened from the list.
fn opened(row: RotationRow) -> Model {
    let mut model = model();
    update(&mut model, News::Rotations(vec![row]), now());
    press(&mut model, "7 Enter");
    model
}

fn asked(effects: &[Effect]) -> String {
    let word = |effect: &Effect| match effect {
        Effect::StartRotation { name, layer, digest, typed, why } => {
            let typed = typed.as_ref().map(|value| format!(" <{}>", value.expose())).unwrap_or_default();
            format!("start {layer}:{name} {digest}{typed} '{why}'")
        }
        Effect::SteerRotation { number, ask, why } => format!("{} R-{number} '{why}'", ask.word()),
        Effect::SayStep { number, step, done: true } => format!("R-{number} {step} done"),
        Effect::SayStep { number, step, done: false } => format!("R-{number} {step} not done"),
        Effect::ConfirmRotation { number } => format!("confirm R-{number}"),
        other => format!("{other:?}"),
    };
    effects.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[test]
fn r_starts_nothing_and_a_start_takes_a_capital_letter_and_enter() {
    let table: &[(&str, &str)] = &[
        ("S Enter", "start fernet:a 9f2c ''"),
        ("S w h y Enter", "start fernet:a 9f2c 'why'"),
        ("S Esc", ""),
        ("S Esc Enter", ""),
        ("Enter", ""),
        ("Enter Enter Enter", ""),
        ("s Enter", ""),
        ("D Enter N Enter B Enter T Enter A Enter C Enter U Enter", ""),
        ("S Enter S Enter", "start fernet:a 9f2c ''"),
        (": s t a r t Enter Enter", "start fernet:a 9f2c ''"),
    ];
    for (keys, want) in table {
        let mut model = planned(Environment::Qa, |_| ());
        assert_eq!(asked(&press(&mut model, keys)), *want, "{keys}");
    }
}

#[test]
fn what_hinders_a_start_is_said_before_a_reason_is_typed() {
    let table: &[(Edit, &str)] = &[
        (|row| row.approval = Some("Governance signs it".into()), "waiting for approval: Governance signs it"),
        (|row| row.hinders = vec!["env can't".into()], "it can't be begun: env can't"),
        (|row| row.live = Some((26, "dan".into())), "R-26 is under way, begun by dan"),
    ];
    for (change, want) in table {
        let mut model = planned(Environment::Production, change);
        assert_eq!(asked(&press(&mut model, "S Enter Enter")), "");
        assert!(model.overlay.is_none());
        assert_eq!(model.notice.map(|notice| notice.message.what).as_deref(), Some(*want));
    }
}

#[test]
fn a_plan_stands_only_where_it_is_waited_for_and_another_one_closes_a_start_that_is_half_asked() {
    let mut model = planned(Environment::Qa, |_| ());
    let other = || News::Planned { id: id("b"), plan: Box::new(plan_row(plain("b", "fernet"))) };
    update(&mut model, other(), now());
    assert!(matches!(&model.rotations.stage, Stage::Plan { of, .. } if *of == id("a")));
    press(&mut model, "S");
    let mut plan = plan_row(plain("a", "fernet"));
    update(&mut model, News::Planned { id: id("a"), plan: Box::new(plan.clone()) }, now());
    assert!(model.overlay.is_some(), "the same plan again changes nothing");
    plan.plan.digest = "other".into();
    update(&mut model, News::Planned { id: id("a"), plan: Box::new(plan) }, now());
    assert!(model.overlay.is_none());
    assert_eq!(asked(&press(&mut model, "S Enter")), "start fernet:a other ''");
    press(&mut model, "Esc");
    update(&mut model, other(), now());
    assert_eq!((model.screen, &model.rotations.stage), (Screen::Overview, &Stage::List));
}

#[test]
fn what_was_begun_takes_the_plans_place_and_what_was_not_says_why() {
    let mut model = planned(Environment::Qa, |_| ());
    press(&mut model, "S Enter");
    update(&mut model, News::Begun(31), now());
    assert_eq!(model.rotations.stage, Stage::One(31));
    press(&mut model, "Esc");
    assert_eq!(model.screen, Screen::Overview);
    let mut model = planned(Environment::Qa, |_| ());
    press(&mut model, "S Enter");
    let message = Message::plain("R-30 is under way, begun by dan");
    update(&mut model, News::NotRotated { id: id("a"), weight: Weight::Refused, message }, now());
    assert!(matches!(model.rotations.stage, Stage::Plan { sent: false, .. }));
    let mut model = self::model();
    press(&mut model, "2 R");
    let message = Message::plain("env can't be rotated");
    update(&mut model, News::NotRotated { id: id("a"), weight: Weight::Failed, message }, now());
    assert_eq!(model.screen, Screen::Secrets, "back where it was asked");
    assert!(model.notice.is_some());
}

#[test]
fn each_way_in_which_one_stands_has_its_keys_and_no_others() {
    let all = "S D N C B T A U";
    let table: &[(&str, Told, &str)] = &[
        ("set", rotation::at_set, "D N A"),
        ("grace", rotation::in_grace, "B"),
        ("overdue", rotation::overdue, "B T"),
        ("done", rotation::done, ""),
        ("going back", rotation::going_back, "D N"),
        ("rolled back", rotation::rolled_back, ""),
        ("failing", rotation::failing, "U A"),
        ("stuck", rotation::stuck, "D U"),
        ("unconfirmed", rotation::unconfirmed, "C A"),
        ("lost", rotation::lost, ""),
    ];
    for (name, story, keys) in table {
        let model = opened(story().row());
        let offered = model.rotation_keys();
        let offered: Vec<&str> = offered.iter().map(|action| row(*action).keys).collect();
        let mut wanted: Vec<&str> = keys.split_whitespace().collect();
        let mut sorted = offered.clone();
        wanted.sort_unstable();
        sorted.sort_unstable();
        assert_eq!(sorted, wanted, "{name}");
        for key in all.split(' ') {
            let mut model = opened(story().row());
            let effects = press(&mut model, key);
            assert!(effects.is_empty(), "{name}: {key} asks first");
            assert_eq!(model.overlay.is_some(), offered.contains(&key), "{name}: {key}");
            let done = press(&mut model, "Enter");
            assert_eq!(done.iter().any(Effect::is_guarded), offered.contains(&key), "{name}: {key} Enter");
        }
    }
}

#[test]
fn what_a_person_says_is_asked_of_control_by_the_rotations_number() {
    let table: &[(Told, &str, &str)] = &[
        (rotation::at_set, "D Enter", "R-27 set done"),
        (rotation::at_set, "N Enter", "R-27 set not done"),
        (rotation::at_set, "A o o p s Enter", "abort R-27 'oops'"),
        (rotation::in_grace, "B Enter", "rollback R-27 ''"),
        (rotation::in_grace, "B B Enter", "rollback R-27 'B'"),
        (rotation::in_grace, "B Esc Enter", ""),
        (rotation::overdue, "T Enter", "retire R-27 ''"),
        (rotation::stuck, "U Enter", "resume R-28 ''"),
        (rotation::stuck, "D Enter", "R-28 retire done"),
        (rotation::failing, "U Enter", "resume R-28 ''"),
        (rotation::unconfirmed, "C Enter", "confirm R-29"),
    ];
    for (story, keys, want) in table {
        let mut model = opened(story().row());
        assert_eq!(asked(&press(&mut model, keys)), *want, "{keys}");
    }
}

#[test]
fn nobody_confirms_what_they_asked_for() {
    let mut row = rotation::unconfirmed().row();
    row.rotation.by = "alice".into();
    let mut model = opened(row);
    assert_eq!(asked(&press(&mut model, "C Enter")), "");
    assert_eq!(model.notice.map(|notice| notice.weight), Some(Weight::Refused));
}

#[test]
fn a_rotation_that_went_on_under_the_question_is_not_asked() {
    let mut model = opened(rotation::in_grace().row());
    press(&mut model, "B");
    update(&mut model, News::Rotations(vec![rotation::done().row()]), now());
    assert_eq!(asked(&press(&mut model, "Enter")), "");
    let mut model = opened(rotation::at_set().row());
    press(&mut model, "D");
    update(&mut model, News::Rotations(vec![rotation::going_back().row()]), now());
    assert_eq!(asked(&press(&mut model, "Enter")), "", "set was answered for, not revoke");
}

#[test]
fn a_session_that_is_look_only_plans_and_looks_and_changes_nothing() {
    for readonly in [true, false] {
        for story in rotation::every() {
            let mut model = world(Environment::Production, Some(Role::Devops), readonly);
            assert_eq!(press(&mut model, "R").len(), 1, "a plan writes nothing");
            let plan = Box::new(plan_row(plain("a", "fernet")));
            update(&mut model, News::Planned { id: id("a"), plan }, now());
            for action in ACTIONS.iter().filter(|row| row.guarded) {
                assert!(press(&mut model, action.keys).is_empty());
                assert!(model.overlay.is_none(), "{}", action.name);
            }
            update(&mut model, News::Rotations(vec![story]), now());
            press(&mut model, "7 Enter");
            assert!(model.rotation_keys().is_empty());
            for action in ACTIONS.iter().filter(|row| row.guarded) {
                let effects = press(&mut model, &format!("{} Enter Esc 7 Enter", action.keys));
                assert!(effects.iter().all(|effect| !effect.is_guarded()), "{}: {effects:?}", action.name);
            }
        }
    }
}

#[test]
fn a_lock_that_closes_under_a_question_answers_it_with_nothing() {
    let mut model = world(Environment::Production, Some(Role::Devops), false);
    update(&mut model, News::Rotations(vec![rotation::in_grace().row()]), now());
    press(&mut model, "u Enter 7 Enter B");
    assert!(model.overlay.is_some());
    update(&mut model, News::Tick, later(600));
    assert!(model.overlay.is_none());
    assert!(press(&mut model, "Enter").is_empty());
}

#[test]
fn what_was_asked_for_is_no_alert_esc_puts_another_away_and_a_loss_outlives_the_next_one() {
    let wants =
        |model: &Model| model.rotations.wanting(model.now).into_iter().map(|(want, _)| want).collect::<Vec<_>>();
    let mut model = model();
    let mut asked = rotation::rolled_back().row();
    asked.rotation.asked = true;
    update(&mut model, News::Rotations(vec![asked]), now());
    assert_eq!(wants(&model), []);
    update(&mut model, News::Rotations(vec![rotation::rolled_back().row(), rotation::lost().row()]), now());
    assert_eq!(wants(&model), [Want::Lost, Want::RolledBack]);
    press(&mut model, "Esc");
    assert_eq!(wants(&model), [Want::Lost]);
    let next = Story::begun(31, plain("prod/rds/password", "aws")).row();
    update(&mut model, News::Rotations(vec![next]), now());
    assert_eq!(wants(&model), [Want::Lost]);
}

#[test]
fn nobody_who_may_carry_it_stands_in_now() {
    let mut model = model();
    let mut row = rotation::failing().row();
    (row.carried, row.here) = (false, false);
    row.rotation.failures = 0;
    update(&mut model, News::Rotations(vec![row.clone()]), later(60));
    assert_eq!(model.rotations.want(&row, later(60)), Some(Want::Alone));
    row.here = true;
    assert_eq!(model.rotations.want(&row, later(60)), None);
}

#[test]
fn slash_on_the_rotations_stays_there() {
    let mut model = opened(rotation::in_grace().row());
    press(&mut model, "/");
    assert_eq!((model.screen, model.entry.is_none()), (Screen::Rotation, true));
    assert!(model.notice.is_some());
}

// --- the typed value ---------------------------------------------------------------------------------------------

#[test]
fn a_typed_value_is_asked_for_pasted_and_handed_on_once() {
    let mut model = typed();
    assert!(press(&mut model, "S").is_empty());
    assert_eq!(asked(&press(&mut model, "Enter s h o r t Enter")), "", "too short, twice");
    assert!(matches!(&model.overlay, Some(Overlay::Rotation(asking)) if asking.said.is_some()));
    press(&mut model, "^U");
    update(&mut model, News::Paste(format!("{CANARY}\n")), now());
    assert!(!format!("{model:?}").contains("CANARY"), "Debug says ***");
    let effects = press(&mut model, "Enter w h y Enter");
    assert!(!format!("{effects:?}").contains("CANARY"));
    assert_eq!(asked(&effects), format!("start fernet:a 9f2c <{CANARY}> 'why'"));
    assert!(model.overlay.is_none());
    assert_eq!(asked(&press(&mut model, "S Enter")), "", "its start is on the way");
}

#[test]
fn a_pasted_value_with_lines_inside_is_not_taken_and_a_reason_takes_a_paste() {
    let mut model = typed();
    press(&mut model, "S");
    update(&mut model, News::Paste(format!("{CANARY}\nmore")), now());
    let Some(Overlay::Rotation(asking)) = &model.overlay else { panic!("it is open") };
    assert!(asking.said.is_some() && asking.value.as_ref().is_some_and(|value| value.length() == 0));
    press(&mut model, "Tab");
    update(&mut model, News::Paste("because".into()), now());
    press(&mut model, "Tab");
    update(&mut model, News::Paste(CANARY.into()), now());
    assert_eq!(asked(&press(&mut model, "Enter Enter")), format!("start fernet:a 9f2c <{CANARY}> 'because'"));
}

#[test]
fn every_way_out_takes_the_value_along() {
    let leaves: &[(&str, News)] = &[
        ("Esc", News::Key(Key::parse("Esc").expect("a key"))),
        ("^X", News::Key(Key::ctrl('x'))),
        ("^C", News::Key(Key::ctrl('c'))),
        ("^Z", News::Key(Key::ctrl('z'))),
        ("stopped", News::Suspended),
        ("hang-up", News::Hangup),
        ("too small", News::Resize { columns: 20, rows: 5 }),
    ];
    for (name, leave) in leaves {
        let mut model = typed();
        press(&mut model, "S");
        update(&mut model, News::Paste(CANARY.into()), now());
        update(&mut model, leave.clone(), now());
        let holds = |overlay: &Option<Overlay>| matches!(overlay, Some(Overlay::Rotation(_)));
        assert!(!holds(&model.overlay) && !holds(&model.beneath), "{name}");
    }
}

// --- where they stand --------------------------------------------------------------------------------------------

#[test]
fn enter_and_r_open_the_one_that_is_under_way() {
    let live = || Story::begun(40, plain("a", "fernet")).row();
    let table: &[(&str, &str, bool)] = &[
        ("R", "Overview", true),
        ("Enter", "Overview", true),
        ("2 R", "Secrets", true),
        ("2 Enter Enter", "Secrets", true),
        ("2 Enter", "Secrets", false),
        ("j Enter", "Secrets", false),
    ];
    for (keys, from, opens) in table {
        let mut model = model();
        update(&mut model, News::Rotations(vec![live()]), now());
        let effects = press(&mut model, keys);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Inspect { .. })), "{keys}: {effects:?}");
        assert_eq!(model.rotations.stage == Stage::One(40), *opens, "{keys}");
        if *opens {
            press(&mut model, "Esc");
        }
        assert_eq!(format!("{:?}", model.screen), *from, "{keys}");
    }
}

#[test]
fn a_row_leads_to_its_rotation_by_its_number_where_the_backend_has_another_name() {
    let mut model = model();
    let mut row = common::secret("broker.password", 3);
    row.rotation = Some("R-40 check".into());
    update(&mut model, News::Secrets(vec![row]), now());
    update(&mut model, News::Rotations(vec![Story::begun(40, plain("desk/broker#password", "fernet")).row()]), now());
    assert!(press(&mut model, "R").is_empty());
    assert_eq!(model.rotations.stage, Stage::One(40));
}

#[test]
fn those_that_want_a_person_come_first_and_a_seen_end_wants_nobody() {
    let mut model = model();
    update(&mut model, News::Rotations(rotation::every()), now());
    let wants: Vec<Want> = model.rotations.wanting(model.now).iter().map(|(want, _)| *want).collect();
    let mut sorted = wants.clone();
    sorted.sort();
    assert_eq!(wants, sorted);
    assert_eq!(wants[0], Want::Stuck);
    assert!(wants.contains(&Want::RolledBack) && wants.contains(&Want::Step(Step::Set)));
    let mut model = opened(rotation::rolled_back().row());
    assert!(model.rotations.wanting(model.now).is_empty(), "it stands on the screen");
    press(&mut model, "Esc Esc");
    assert!(model.rotations.wanting(model.now).is_empty());
    let mut model = self::model();
    update(&mut model, News::Rotations(vec![rotation::lost().row()]), now());
    assert_eq!(model.rotations.wanting(model.now).len(), 1);
    assert!(model.rotations.wanting(later(25 * 3_600)).is_empty(), "a day later it is history");
}

#[test]
fn the_list_keeps_what_is_selected_wherever_it_goes() {
    let mut model = model();
    update(&mut model, News::Rotations(vec![rotation::in_grace().row(), rotation::stuck().row()]), now());
    press(&mut model, "7 G");
    assert_eq!(model.rotations.selected().map(|row| row.rotation.number), Some(27));
    update(&mut model, News::Rotations(vec![rotation::overdue().row(), rotation::failing().row()]), now());
    assert_eq!(model.rotations.selected().map(|row| row.rotation.number), Some(27));
    press(&mut model, "Enter Esc");
    assert_eq!((model.screen, &model.rotations.stage), (Screen::Rotation, &Stage::List));
    press(&mut model, "Esc");
    assert_eq!(model.screen, Screen::Overview);
}

#[test]
fn grace_runs_on_between_two_tellings_and_ends_at_nothing() {
    let model = opened(rotation::in_grace().row());
    let row = model.rotations.shown().expect("it stands there");
    let left = |seconds| model.rotations.grace_left(row, later(seconds)).map(|left| left.as_secs());
    assert_eq!((left(0), left(13), left(1_000)), (Some(313), Some(300), Some(0)));
    assert_eq!(left(-60), Some(313), "a clock that was set back lengthens nothing");
}

#[test]
fn a_change_leads_to_its_own_action() {
    for (change, key) in [
        (Change::Start, "S"),
        (Change::Steer(Ask::Back), "B"),
        (Change::Steer(Ask::Abort), "A"),
        (Change::Steer(Ask::Retire), "T"),
        (Change::Steer(Ask::Resume), "U"),
        (Change::Say(Step::Set, true), "D"),
        (Change::Say(Step::Set, false), "N"),
        (Change::Confirm, "C"),
    ] {
        let row = row(change.action());
        assert_eq!((row.keys, row.guarded), (key, true));
    }
}
