//! Who may do what: every action in a session that is look only, in one that is not, and for every role.

mod common;

use common::{arm, codes, kill, later, now, press, type_slowly, world};
use quarterdeck_app::{ACTIONS, Access, Effect, Key, Model, News, Overlay, Screen, Weight, update};
use quarterdeck_domain::decide::{Decision, Situation, decide};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Level, SwitchState};
use quarterdeck_domain::person::Role;
use quarterdeck_domain::request::{Purpose, Request, Target};
use quarterdeck_domain::rotate::RotationRow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const ENVIRONMENTS: [Environment; 4] =
    [Environment::Qa, Environment::Paper, Environment::Production, Environment::Demo];

fn roles() -> impl Iterator<Item = Option<Role>> {
    Role::ALL.into_iter().map(Some).chain([None])
}

const STATES: [SwitchState; 4] =
    [SwitchState::Normal, SwitchState::GracefulStop, SwitchState::Held, SwitchState::HaltedFlat];

static IN_GRACE: LazyLock<RotationRow> = LazyLock::new(|| common::rotation::in_grace().row());

/// A world in which the kill-switch stands like this, and a rotation is in grace.
fn standing(environment: Environment, role: Option<Role>, readonly: bool, state: SwitchState) -> Model {
    let mut model = world(environment, role, readonly);
    update(&mut model, News::Kill(Box::new(kill(state))), now());
    update(&mut model, News::Rotations(vec![IN_GRACE.clone()]), now());
    model
}

/// Every action by each of its keys, from every screen, with what its question would take; what it asked for.
fn every_action(mut fresh: impl FnMut() -> Model) -> Vec<(&'static str, Vec<Effect>, Model)> {
    let mut found = Vec::new();
    for row in ACTIONS {
        for (screen, key) in ["1", "2", "3", "6", "7 Enter"]
            .into_iter()
            .flat_map(|screen| row.keys.split(' ').map(move |key| (screen, key)))
        {
            let mut model = fresh();
            press(&mut model, screen);
            let mut effects = press(&mut model, key);
            effects.extend(press(&mut model, "w h y Enter n o t e Enter"));
            found.push((row.name, effects, model));
        }
    }
    found
}

#[test]
fn under_readonly_no_action_asks_for_anything_guarded_whatever_the_role() {
    for (role, environment) in roles().flat_map(|role| ENVIRONMENTS.map(|environment| (role, environment))) {
        for (name, effects, model) in
            STATES.into_iter().flat_map(|s| every_action(|| standing(environment, role, true, s)))
        {
            assert!(effects.iter().all(|effect| !effect.is_guarded()), "{role:?} {environment} {name}: {effects:?}");
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Unlocked { .. })), "{name} unlocked");
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Fire(_))), "{name} fired");
            let arms = effects.contains(&Effect::Arm);
            assert_eq!(arms, name == "kill-switch", "{role:?} {environment} {name}: {effects:?}");
            assert_eq!(model.setup.access, Access::ReadOnly, "{name}");
        }
    }
}

#[test]
fn with_a_free_hand_each_state_has_its_guarded_actions_and_no_other() {
    let table = [
        (SwitchState::Normal, vec!["reveal", "roll-back"]),
        (SwitchState::GracefulStop, vec!["hold", "reveal", "roll-back"]),
        (SwitchState::Held, vec!["release", "reveal", "roll-back"]),
        (SwitchState::HaltedFlat, vec!["release", "reveal", "roll-back"]),
    ];
    for (state, want) in table {
        let found = every_action(|| standing(Environment::Qa, Some(Role::Trader), false, state));
        let guarded = found.iter().filter(|(_, effects, _)| effects.iter().any(Effect::is_guarded));
        let names: std::collections::BTreeSet<&str> = guarded.map(|(name, ..)| *name).collect();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), want, "{state:?}");
    }
}

/// Look only and `--readonly` are no hindrance to a stop; the role is, and by the same pure function that control asks.
#[test]
fn for_every_role_a_stop_is_asked_whatever_the_session_may_and_answered_by_the_role() {
    for (role, environment) in roles().flat_map(|role| ENVIRONMENTS.map(|environment| (role, environment))) {
        for (readonly, level) in [(false, Level::Stop), (true, Level::Halt)] {
            let mut model = world(environment, role, readonly);
            let codes = codes(environment, 1);
            arm(&mut model, &codes, 0);
            type_slowly(&mut model, codes.of(level), 400);
            assert_eq!(update(&mut model, News::Key(Key::ctrl('x')), later(2)), [Effect::Fire(level)]);
            let (who, classes) = (&model.setup.seat.who, BTreeMap::new());
            let look_only = Some("this session looks only");
            let situation = Situation {
                who,
                environment: Some(environment),
                look_only,
                classes: &classes,
                boundary: &Default::default(),
            };
            let without = matches!(environment, Environment::Qa | Environment::Demo);
            let may = role.map_or(without, |role| role == Role::Trader);
            let permitted = decide(&situation, &Request::Fire(level)) == Decision::Permit;
            assert_eq!(permitted, may, "{role:?} in {environment}");
            for riskier in [Request::Hold, Request::Release] {
                assert!(decide(&situation, &riskier) != Decision::Permit, "{role:?} in {environment}: {riskier:?}");
            }
        }
    }
}

#[test]
fn a_guarded_key_in_a_session_that_is_look_only_says_why_and_what_to_do() {
    let table = [(true, "it was started with --readonly"), (false, "u unlocks it for a while")];
    for (readonly, next) in table {
        for row in ACTIONS.iter().filter(|row| row.guarded) {
            let mut model = world(Environment::Production, Some(Role::Devops), readonly);
            press(&mut model, if row.scope.holds(Screen::Overview) { "1" } else { "7" });
            assert!(press(&mut model, row.keys).is_empty());
            let notice = model.notice.expect("it answers");
            assert_eq!((notice.weight, notice.message.next.as_str()), (Weight::Refused, next), "{}", row.name);
        }
    }
}

#[test]
fn the_palette_is_no_way_round() {
    for (keys, state) in [
        (": r e v e a l Enter", SwitchState::Normal),
        (": h o l d Enter w h y Enter", SwitchState::GracefulStop),
        (": r e l e a s e Enter w h y Enter", SwitchState::Held),
    ] {
        let mut model = standing(Environment::Production, Some(Role::Devops), false, state);
        let opened = press(&mut model, keys.split(" w ").next().unwrap_or_default());
        assert!(opened.is_empty(), "{keys}");
        assert_eq!(model.notice.as_ref().map(|it| it.weight), Some(Weight::Refused), "{keys}");
        assert!(press(&mut model, "w h y Enter").iter().all(|effect| !effect.is_guarded()), "{keys}");
        let mut free = standing(Environment::Qa, Some(Role::Trader), false, state);
        assert!(press(&mut free, keys).iter().any(Effect::is_guarded), "{keys}");
    }
}

/// The screen asks; control decides by the same pure function and records the answer, the refusal too.
#[test]
fn for_every_role_a_reveal_is_asked_and_answered_by_the_matrix() {
    // May alice read `a`, a secret of no special class, here?
    let answers = [
        (Environment::Qa, [true, true, true, true, false], true),
        (Environment::Paper, [true, true, true, true, false], false),
        (Environment::Production, [false, true, false, true, false], false),
    ];
    for (environment, by_role, without) in answers {
        let wanted = roles().zip(by_role.into_iter().chain([without]));
        for (role, want) in wanted {
            let mut model = world(environment, role, false);
            if environment == Environment::Production {
                press(&mut model, "u Enter");
            }
            let effects = press(&mut model, "v");
            // The detail opens beside it, and its versions are asked for.
            let [Effect::Reveal { name, layer }, Effect::Inspect { .. }] = effects.as_slice() else {
                panic!("{effects:?}")
            };
            let target = Target { layer: layer.clone(), name: name.clone() };
            let classes = BTreeMap::new();
            let who = &model.setup.seat.who;
            let situation = Situation {
                who,
                environment: Some(environment),
                look_only: None,
                classes: &classes,
                boundary: &Default::default(),
            };
            let decision = decide(&situation, &Request::Read { target, purpose: Purpose::Reveal });
            assert_eq!(decision == Decision::Permit, want, "{role:?} in {environment}: {decision:?}");
        }
    }
}

#[test]
fn production_opens_look_only_and_is_unlocked_for_ten_minutes_by_two_keys() {
    let mut model = world(Environment::Production, Some(Role::Devops), false);
    assert_eq!(model.setup.access, Access::LookOnly);
    press(&mut model, "v");
    assert!(model.notice.is_some(), "it is refused aloud");
    assert!(press(&mut model, "u").is_empty());
    assert_eq!(model.overlay, Some(Overlay::Unlock));
    assert_eq!(press(&mut model, "Enter"), [Effect::Unlocked { until: later(600) }]);
    assert!(model.notice.is_none(), "and no longer so");
    assert!(matches!(press(&mut model, "v")[..], [Effect::Reveal { .. }, Effect::Inspect { .. }]));
    assert!(update(&mut model, News::Tick, later(599)).is_empty());
    assert_eq!(update(&mut model, News::Tick, later(600)), [Effect::LookOnly]);
    assert_eq!(model.setup.access, Access::LookOnly);
    assert!(press(&mut model, "v").is_empty());
}

#[test]
fn u_again_locks_at_once() {
    let mut model = world(Environment::Production, Some(Role::Devops), false);
    press(&mut model, "u Enter");
    assert_eq!(press(&mut model, "u"), [Effect::LookOnly]);
    assert!(press(&mut model, "v").is_empty());
}

#[test]
fn other_environments_open_free_and_readonly_is_for_good() {
    for (environment, readonly, want) in [
        (Environment::Qa, false, Access::Free),
        (Environment::Paper, false, Access::Free),
        (Environment::Demo, false, Access::Free),
        (Environment::Production, false, Access::LookOnly),
        (Environment::Production, true, Access::ReadOnly),
        (Environment::Demo, true, Access::ReadOnly),
    ] {
        let mut model = world(environment, Some(Role::Devops), readonly);
        assert_eq!(model.setup.access, want);
        let before = model.setup.access;
        press(&mut model, "u Esc");
        assert_eq!(model.setup.access, before);
        assert_eq!(model.now, now());
    }
}
