//! After a code was sent: what came of it, and the reason.

mod common;

use common::{arm, at, codes, kill, model, press, type_slowly};
use quarterdeck_app::{Dialog, Effect, Key, Message, Model, News, Overlay, Screen, Sent, Weight, update};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Level, SwitchState};

fn fired(level: Level) -> Model {
    let mut model = model();
    let codes = codes(Environment::Qa, 1);
    arm(&mut model, &codes, 0);
    let ms = type_slowly(&mut model, codes.of(level), 400);
    assert_eq!(update(&mut model, News::Key(Key::ctrl('x')), at(ms)), [Effect::Fire(level)]);
    update(&mut model, News::Tick, at(5_000));
    model
}

fn shown(model: &Model) -> (Level, Option<&Sent>, &str) {
    match &model.overlay {
        Some(Overlay::KillSwitch(Dialog::Sent { level, outcome, reason, .. })) => {
            (*level, outcome.as_ref(), reason.text())
        }
        other => panic!("nothing was sent: {other:?}"),
    }
}

fn out(again: bool) -> Sent {
    Sent::Out { undurable: None, unjournalled: None, again }
}

fn refused() -> Sent {
    Sent::Refused { why: "you may not stop".into(), next: "call bob".into() }
}

#[test]
fn what_came_of_it_stands_in_the_dialog() {
    let mut model = fired(Level::Stop);
    assert_eq!(shown(&model), (Level::Stop, None, ""));
    update(&mut model, News::Sent(out(false)), at(5_000));
    assert_eq!(shown(&model), (Level::Stop, Some(&out(false)), ""));
}

#[test]
fn every_letter_goes_to_the_reason_and_enter_gives_it() {
    let mut model = fired(Level::Stop);
    let keys = "b e t a Space 1 2 H L q v u x X ? : /";
    assert_eq!(press(&mut model, keys), []);
    update(&mut model, News::Paste(" auth\nfailing".into()), at(5_000));
    assert_eq!(shown(&model).2, "beta 12HLqvuxX?:/ auth failing");
    let screen = model.screen;
    let want = Effect::Explain("beta 12HLqvuxX?:/ auth failing".into());
    assert_eq!(press(&mut model, "Enter"), [want]);
    assert_eq!((model.screen, model.overlay.is_none()), (screen, true));
    assert_eq!(press(&mut model, "Enter"), [], "once");
}

#[test]
fn esc_gives_no_reason_and_an_empty_one_is_none() {
    let mut model = fired(Level::Stop);
    assert_eq!(press(&mut model, "w h y Esc"), []);
    assert!(model.overlay.is_none());
    let mut model = fired(Level::Stop);
    assert_eq!(press(&mut model, "Enter Space Enter"), []);
    assert_eq!(shown(&model).2, " ", "Enter after ^X is a habit, and costs no reason");
}

#[test]
fn the_overview_stands_behind_it_where_the_answers_arrive() {
    let mut model = model();
    press(&mut model, "3 / b o b");
    let codes = codes(Environment::Qa, 1);
    arm(&mut model, &codes, 0);
    assert_eq!((model.screen, model.entry.is_some()), (Screen::Audit, true));
    let ms = type_slowly(&mut model, codes.of(Level::Stop), 400);
    update(&mut model, News::Key(Key::ctrl('x')), at(ms));
    press(&mut model, "Esc");
    assert_eq!((model.screen, model.entry.is_some()), (Screen::Overview, false));
}

#[test]
fn level_4_follows_level_3_from_the_dialog_and_the_reason_goes_on() {
    let mut model = fired(Level::Stop);
    press(&mut model, "w h y");
    let codes = codes(Environment::Qa, 5);
    arm(&mut model, &codes, 6_000);
    // The answer to level 3 comes only now, and Esc shows it.
    update(&mut model, News::Sent(out(false)), at(6_100));
    let mut back = model.clone();
    press(&mut back, "Esc");
    assert_eq!(shown(&back), (Level::Stop, Some(&out(false)), "why"));
    let ms = type_slowly(&mut model, codes.of(Level::Halt), 6_400);
    assert_eq!(update(&mut model, News::Key(Key::ctrl('x')), at(ms)), [Effect::Fire(Level::Halt)]);
    assert_eq!(shown(&model), (Level::Halt, None, "why"));
    assert_eq!(press(&mut model, "Enter"), [Effect::Explain("why".into())]);
    assert!(model.overlay.is_none());
}

#[test]
fn a_refusal_asks_for_no_reason() {
    let mut model = fired(Level::Stop);
    press(&mut model, "w h y");
    update(&mut model, News::Sent(refused()), at(5_000));
    assert_eq!(press(&mut model, "Enter"), []);
    assert!(model.overlay.is_none());
}

#[test]
fn an_answer_to_a_closed_dialog_is_said_where_it_went_wrong() {
    let undurable =
        Sent::Out { undurable: Some("disk full".into()), unjournalled: Some("disk full".into()), again: false };
    let unjournalled = Sent::Out { undurable: None, unjournalled: Some("it is read-only".into()), again: false };
    let table = [
        (out(false), None),
        (refused(), Some((Weight::Refused, Message::with_next("you may not stop", "call bob")))),
        (undurable, Some((Weight::Failed, Message::plain("the stop was sent, and is not on the disk: disk full")))),
        (unjournalled, Some((Weight::Failed, Message::plain("UNJOURNALLED: it is read-only")))),
    ];
    for (sent, want) in table {
        let mut model = fired(Level::Stop);
        press(&mut model, "Esc");
        update(&mut model, News::Sent(sent), at(5_000));
        assert!(model.overlay.is_none());
        assert_eq!(model.notice.map(|notice| (notice.weight, notice.message)), want);
    }
}

#[test]
fn the_dialog_outlives_what_disarms() {
    for news in [News::Suspended, News::Kill(Box::new(kill(SwitchState::HaltedFlat)))] {
        let mut model = fired(Level::Halt);
        press(&mut model, "w h y");
        update(&mut model, news, at(5_000));
        assert_eq!(shown(&model).2, "why");
    }
}
