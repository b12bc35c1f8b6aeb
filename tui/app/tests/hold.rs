//! Hold and release: when they are asked for, by whom, and with what.

mod common;

use common::{engine, kill, later, model, now, press, world};
use quarterdeck_app::{Action, Effect, Model, News, Weight, update};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{EngineStanding, KillRow, SwitchState};
use quarterdeck_domain::person::Role;

fn told(row: KillRow) -> Model {
    let mut model = model();
    update(&mut model, News::Kill(Box::new(row)), now());
    model.notice = None;
    model
}

fn said(model: &Model) -> (Weight, &str, &str) {
    let notice = model.notice.as_ref().expect("it answers");
    (notice.weight, &notice.message.what, &notice.message.next)
}

#[test]
fn each_state_says_what_can_be_done_in_it() {
    use SwitchState::*;
    let writes = "a stop by ^X writes it anew; then hold it";
    let unreadable = "the latch can't be read, so there is nothing to";
    type Said<'a> = (&'a str, &'a str);
    let table: &[(SwitchState, &[Action], Said<'_>, Said<'_>)] = &[
        (
            Normal,
            &[],
            ("there is nothing to hold: trading is normal", ""),
            ("there is nothing to release: trading is normal", ""),
        ),
        (GracefulStop, &[Action::Hold], ("", ""), ("level 3 runs towards level 4", "H holds it first")),
        (Held, &[Action::Release], ("level 3 is held already", "L lets trading go on"), ("", "")),
        (
            HaltedFlat,
            &[Action::Release],
            ("level 4 can't be held: it closes positions at once", "once flat, L lets trading go on"),
            ("", ""),
        ),
        (RecoveryPending, &[], ("a release is on its way already", ""), ("a release is on its way already", "")),
        (Unknown, &[], (&format!("{unreadable} hold"), writes), (&format!("{unreadable} release"), writes)),
    ];
    for (state, keys, hold, release) in table {
        for (key, (what, next)) in [("H", hold), ("L", release)] {
            let mut model = told(kill(*state));
            assert_eq!(model.kill_keys(), *keys, "{state:?}");
            assert_eq!(press(&mut model, key), [], "{state:?} {key}");
            if what.is_empty() {
                assert!(model.overlay.is_some() && model.notice.is_none(), "{state:?} {key}");
            } else {
                assert!(model.overlay.is_none(), "{state:?} {key}");
                assert_eq!(said(&model), (Weight::Told, *what, *next), "{state:?} {key}");
            }
        }
    }
}

#[test]
fn a_hold_needs_its_reason() {
    let mut model = told(kill(SwitchState::GracefulStop));
    assert_eq!(press(&mut model, "H Enter Space Enter"), []);
    assert_eq!(said(&model).1, "nothing was asked: a hold needs its reason");
    update(&mut model, News::Paste("not  us\n".into()), now());
    assert_eq!(press(&mut model, "1 q Enter"), [Effect::Hold { reason: "not  us 1q".into() }]);
    assert!(model.overlay.is_none());
    assert_eq!(press(&mut model, "H w h y Esc"), []);
    assert!(model.overlay.is_none());
}

#[test]
fn a_release_needs_its_reason_and_after_level_4_the_note() {
    let release =
        |reason: &str, note: &str| Effect::Release { reason: reason.into(), note: note.into(), without: Vec::new() };
    let mut model = told(kill(SwitchState::Held));
    assert!(!model.release_needs_note());
    assert_eq!(press(&mut model, "L Enter"), []);
    assert_eq!(said(&model).1, "nothing was asked: a release needs its reason");
    assert_eq!(press(&mut model, "o Tab k Enter"), [release("ok", "")]);

    let halted = || told(kill(SwitchState::HaltedFlat));
    let mut model = halted();
    assert!(model.release_needs_note());
    assert_eq!(press(&mut model, "L o k Enter Enter"), []);
    assert_eq!(said(&model).1, "nothing was asked: after level 4 a release needs a post-incident note");
    assert_eq!(press(&mut model, "n Tab ! Tab o Enter"), [release("ok!", "no")]);
    let mut model = halted();
    assert_eq!(press(&mut model, "L Tab n Enter o k Enter"), [release("ok", "n")], "in whichever order");
    let mut model = halted();
    press(&mut model, "L");
    update(&mut model, News::Paste("why".into()), now());
    press(&mut model, "Down");
    update(&mut model, News::Paste("note".into()), now());
    assert_eq!(press(&mut model, "Enter"), [release("why", "note")]);
}

#[test]
fn an_engine_that_is_not_proven_flat_is_named_and_the_command_with_it() {
    let mut row = kill(SwitchState::HaltedResidual);
    row.engines = vec![
        engine("beta-us", EngineStanding::Silent),
        engine("gamma-eu", EngineStanding::Residual),
        engine("alpha-us", EngineStanding::Flat),
    ];
    let mut model = told(row);
    assert!(model.kill_keys().is_empty());
    assert_eq!(press(&mut model, "L"), []);
    let next = "settle them with your broker's desk (no number is configured); then 'quarterdeck kill release --env qa \
                --without beta-us --without gamma-eu'";
    assert_eq!(said(&model), (Weight::Refused, "not proven flat: beta-us, gamma-eu", next));
    // A held stop needs no proof: nothing was to be closed.
    let mut row = kill(SwitchState::Held);
    row.engines[0].standing = EngineStanding::Silent;
    assert_eq!(told(row).kill_keys(), [Action::Release]);
}

#[test]
fn who_may_not_is_told_why_and_who_can() {
    let why = "in Production nothing is held by an unsigned order";
    for (can, next) in [
        (vec!["dan".to_owned(), "erin".to_owned()], "dan, erin can"),
        (vec![], "NOBODY CAN HOLD; call your broker's desk (no number is configured)"),
    ] {
        for (state, key) in [(SwitchState::GracefulStop, "H"), (SwitchState::Held, "L")] {
            let row = KillRow { may_not_hold: Some(why.into()), can_hold: can.clone(), ..kill(state) };
            let mut model = told(row);
            assert!(model.kill_keys().is_empty());
            assert_eq!(press(&mut model, key), []);
            assert_eq!(said(&model), (Weight::Refused, why, next));
        }
    }
}

#[test]
fn what_changed_while_the_reason_was_typed_counts() {
    let mut model = told(kill(SwitchState::GracefulStop));
    press(&mut model, "H w h y");
    update(&mut model, News::Kill(Box::new(kill(SwitchState::HaltedFlat))), now());
    assert_eq!(press(&mut model, "Enter"), []);
    assert_eq!(said(&model).1, "level 4 can't be held: it closes positions at once");
    assert!(model.overlay.is_none());
    let mut model = told(kill(SwitchState::Held));
    press(&mut model, "L w h y");
    update(&mut model, News::Kill(Box::new(kill(SwitchState::GracefulStop))), now());
    assert_eq!(press(&mut model, "Enter"), []);
    assert_eq!(said(&model).1, "level 3 runs towards level 4");
}

#[test]
fn a_session_that_became_look_only_while_typing_is_refused_and_keeps_what_was_typed() {
    for (state, keys) in [(SwitchState::GracefulStop, "H w h y"), (SwitchState::Held, "L w h y")] {
        let mut model = world(Environment::Production, Some(Role::Trader), false);
        update(&mut model, News::Kill(Box::new(kill(state))), now());
        press(&mut model, "u Enter");
        press(&mut model, keys);
        let before = model.overlay.clone();
        assert_eq!(update(&mut model, News::Tick, later(600)), [Effect::LookOnly]);
        assert_eq!(press(&mut model, "Enter"), []);
        assert_eq!(said(&model).0, Weight::Refused);
        assert_eq!(model.overlay, before);
    }
}

#[test]
fn a_question_that_can_not_be_seen_asks_nothing() {
    let mut model = told(kill(SwitchState::GracefulStop));
    press(&mut model, "H w h y");
    update(&mut model, News::Resize { columns: 39, rows: 24 }, now());
    assert_eq!(press(&mut model, "Enter"), []);
    update(&mut model, News::Resize { columns: 40, rows: 10 }, now());
    assert_eq!(press(&mut model, "Enter"), [Effect::Hold { reason: "why".into() }]);
}

#[test]
fn before_anything_was_told_nothing_is_asked() {
    let mut model = model();
    model.kill = None;
    for key in ["H", "L"] {
        assert_eq!(press(&mut model, key), []);
        let next = "'quarterdeck kill status' asks in a shell";
        assert_eq!(said(&model), (Weight::Told, "nothing is known of the kill-switch yet", next));
    }
    assert!(model.overlay.is_none());
}
