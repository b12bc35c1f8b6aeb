//! The guard before the kill-switch: what fires, once; and all that doesn't.

mod common;

use common::{arm, at, codes, kill, later, model, now, press, type_slowly, world};
use quarterdeck_app::{Dialog, Effect, Key, Model, News, Overlay, Screen, Weight, update, wake_at};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Level, SwitchState};
use quarterdeck_domain::person::Role;

const ENVIRONMENTS: [Environment; 4] =
    [Environment::Qa, Environment::Paper, Environment::Production, Environment::Demo];
const LEVELS: [Level; 2] = [Level::Stop, Level::Halt];
const CTRL_X: News = News::Key(Key::ctrl('x'));

fn dialog(model: &Model) -> &Dialog {
    match &model.overlay {
        Some(Overlay::KillSwitch(dialog)) => dialog,
        other => panic!("no dialog of the kill-switch is open: {other:?}"),
    }
}

fn said(model: &Model) -> &str {
    match dialog(model) {
        Dialog::Armed { said, .. } => said.as_deref().unwrap_or_default(),
        other => panic!("not armed: {other:?}"),
    }
}

/// A model whose guard holds a complete code, 2 s after it was armed.
fn complete(level: Level) -> Model {
    let mut model = model();
    let codes = codes(Environment::Qa, 1);
    arm(&mut model, &codes, 0);
    assert!(type_slowly(&mut model, codes.of(level), 400) < 2_000);
    update(&mut model, News::Tick, at(2_000));
    model
}

/// Ways to stand somewhere: a screen, and what is over it or typed.
fn places() -> Vec<String> {
    let over = [
        "",
        "?",
        "? r e v",
        ":",
        ": k",
        "q",
        "u",
        "/",
        "/ b o b",
        "/ b o b Enter",
        "Enter",
        "Enter Enter",
        "v",
        "4",
        "H",
        "H w h y",
        "L",
        "L w h y Enter n o t e",
        "G",
        "=",
    ];
    ["1", "2", "3", "6"].iter().flat_map(|screen| over.map(|keys| format!("{screen} {keys}"))).collect()
}

#[test]
fn a_complete_code_fires_once_from_every_screen_overlay_field_and_size() {
    let sizes = [(160, 48), (80, 24), (40, 10), (39, 9), (1, 1), (0, 0)];
    let states = [SwitchState::Normal, SwitchState::GracefulStop, SwitchState::HaltedFlat, SwitchState::Unknown];
    for (index, place) in places().iter().enumerate() {
        for ((columns, rows), state) in sizes.into_iter().flat_map(|size| states.map(|state| (size, state))) {
            // Environment, level and look only take turns: all of them meet every place.
            let turn = index + usize::from(columns) + rows as usize;
            let (environment, level) = (ENVIRONMENTS[turn % 4], LEVELS[turn / 4 % 2]);
            let mut model = world(environment, Some(Role::Trader), turn.is_multiple_of(3));
            update(&mut model, News::Kill(Box::new(kill(state))), now());
            press(&mut model, place);
            update(&mut model, News::Resize { columns, rows }, now());
            let what = format!("'{place}' at {columns}x{rows} in {environment}, {state:?}");
            let codes = codes(environment, index as u8);
            arm(&mut model, &codes, 0);
            let ms = type_slowly(&mut model, &codes.of(level).to_lowercase(), 300);
            assert_eq!(update(&mut model, CTRL_X, at(ms)), [Effect::Fire(level)], "{what}");
            // The finger stays on the keys.
            for step in 0..25 {
                assert!(update(&mut model, CTRL_X, at(ms + step * 33)).is_empty(), "{what}: fired twice");
            }
            assert!(matches!(dialog(&model), Dialog::Sent { .. }), "{what}");
            press(&mut model, "Enter Esc Enter Esc");
            let quiet = |effect: &Effect| !matches!(effect, Effect::Fire(_) | Effect::Arm);
            for second in 3..90 {
                assert!(update(&mut model, News::Tick, later(second)).iter().all(quiet), "{what}");
            }
        }
    }
}

#[test]
fn only_ctrl_x_sends_a_complete_code() {
    let keys =
        "Enter Enter Enter Tab Space Up Down Left Right Home End Del Ins PgUp F1 F5 F12 x X ^L ^M ^J ^U ^W y q Y";
    for key in keys.split(' ') {
        let mut model = complete(Level::Halt);
        assert_eq!(press(&mut model, key), [], "{key}");
        assert!(matches!(dialog(&model), Dialog::Armed { .. }), "{key}");
        assert!(!said(&model).is_empty() || key == "Space", "{key} says nothing");
        assert!(key != "Enter" || said(&model) == "Enter sends nothing: ^X does");
        // And it is as complete as before.
        assert_eq!(press(&mut model, "^X"), [Effect::Fire(Level::Halt)], "{key}");
    }
    let mut model = complete(Level::Halt);
    assert_eq!(press(&mut model, "Backspace ^X"), []);
    assert_eq!(said(&model), "nothing was sent: 1 character to go");
    let mut model = complete(Level::Stop);
    let alt = Key { alt: true, ..Key::ctrl('x') };
    assert_eq!(update(&mut model, News::Key(alt), at(2_000)), []);
    assert_eq!(press(&mut model, "Esc ^X"), [Effect::Arm], "Esc closes, and the next one begins anew");
}

#[test]
fn a_paste_is_no_code_whole_or_in_part() {
    let codes = codes(Environment::Qa, 1);
    let (head, tail) = codes.of(Level::Stop).split_at(4);
    let pastes =
        [codes.of(Level::Stop).to_owned(), codes.shown(Level::Stop), format!("{}\u{18}", codes.of(Level::Stop))];
    for paste in pastes {
        let mut model = model();
        arm(&mut model, &codes, 0);
        assert_eq!(update(&mut model, News::Paste(paste), at(1_000)), []);
        assert_eq!(said(&model), "a paste is not taken: type the code");
        assert_eq!(update(&mut model, CTRL_X, at(1_100)), []);
        assert_eq!(said(&model), "nothing was sent: 6 characters to go");
    }
    let mut model = model();
    arm(&mut model, &codes, 0);
    type_slowly(&mut model, head, 400);
    update(&mut model, News::Paste(tail.to_owned()), at(1_000));
    assert_eq!(update(&mut model, CTRL_X, at(1_100)), []);
    assert_eq!(said(&model), "nothing was sent: 2 characters to go");
}

#[test]
fn a_code_of_another_environment_or_of_an_earlier_arming_fires_nothing() {
    for (here, there) in ENVIRONMENTS.into_iter().flat_map(|here| ENVIRONMENTS.map(|there| (here, there))) {
        for level in LEVELS {
            let mut model = world(here, Some(Role::Trader), false);
            // The other one's random part is the same: its letter alone tells it apart.
            let typed = codes(there, if here == there { 9 } else { 1 });
            arm(&mut model, &codes(here, 1), 0);
            let ms = type_slowly(&mut model, typed.of(level), 400);
            let sent = press_at(&mut model, "^X", ms);
            assert!(sent.iter().all(|effect| *effect == Effect::Arm), "{there}'s code in {here}: {sent:?}");
        }
    }
}

fn press_at(model: &mut Model, key: &str, ms: i64) -> Vec<Effect> {
    update(model, News::Key(Key::parse(key).expect("a key")), at(ms))
}

#[test]
fn nothing_counts_for_300_ms_and_what_was_typed_ahead_never() {
    let codes = codes(Environment::Qa, 1);
    let mut model = model();
    press(&mut model, "^X");
    type_slowly(&mut model, codes.of(Level::Halt), 0);
    assert_eq!(press_at(&mut model, "^X", 600), [], "one dialog, one arming");
    assert_eq!(press_at(&mut model, "Enter", 600), []);
    update(&mut model, News::Armed(codes.clone()), at(700));
    type_slowly(&mut model, codes.of(Level::Halt).get(..3).unwrap_or_default(), 700);
    assert_eq!(said(&model), "too early: what is typed ahead does not count");
    update(&mut model, News::Key(Key::char('Q')), at(999));
    assert_eq!(press_at(&mut model, "^X", 999), []);
    assert_eq!(said(&model), "nothing was sent: 6 characters to go");
    update(&mut model, News::Key(Key::char('Q')), at(1_000));
    assert_eq!(press_at(&mut model, "^X", 1_001), []);
    assert_eq!(said(&model), "nothing was sent: 5 characters to go");
}

#[test]
fn it_closes_20_s_after_the_last_right_character_and_takes_what_is_still_typed() {
    let codes = codes(Environment::Qa, 1);
    let fresh = || {
        let mut model = model();
        arm(&mut model, &codes, 0);
        // The last right character at 900 ms; a wrong one later does not lengthen it.
        type_slowly(&mut model, codes.of(Level::Stop), 400);
        update(&mut model, News::Key(Key::char('!')), at(5_000));
        model
    };
    let mut model = fresh();
    assert_eq!(press_at(&mut model, "^X", 20_899), [Effect::Fire(Level::Stop)]);
    let mut model = fresh();
    update(&mut model, News::Tick, at(20_500));
    assert_eq!(wake_at(&model), at(20_900), "the screen wakes for it");
    assert_eq!(press_at(&mut model, "1", 20_900), []);
    let Dialog::Shut { why, next } = dialog(&model) else { panic!("it stands open") };
    assert_eq!(why, "disarmed: nothing was sent");
    assert_eq!(next, "no code was completed in time; ^X begins again");
    assert_eq!(type_slowly(&mut model, "vq1", 21_000), 21_300, "what is still typed reaches no key of the screen");
    assert_eq!((model.screen, model.overlay.is_some()), (Screen::Overview, true));
    assert_eq!(press_at(&mut model, "Enter", 21_400), []);
    assert_eq!(press_at(&mut model, "^X", 21_500), [Effect::Arm]);
    assert_eq!(press_at(&mut fresh(), "^X", 20_900), [Effect::Arm], "the moment itself is too late");
}

#[test]
fn it_closes_60_s_after_arming_whatever_is_typed() {
    let codes = codes(Environment::Qa, 1);
    let (all, last) = (codes.of(Level::Halt), codes.of(Level::Halt).chars().last().expect("a code"));
    for (ms, want) in [(59_999, vec![Effect::Fire(Level::Halt)]), (60_000, vec![Effect::Arm])] {
        let mut model = model();
        arm(&mut model, &codes, 0);
        type_slowly(&mut model, all, 400);
        for second in [15, 30, 45, 55] {
            press_at(&mut model, "Backspace", second * 1_000);
            update(&mut model, News::Key(Key::char(last)), at(second * 1_000));
        }
        assert_eq!(press_at(&mut model, "^X", ms), want, "{ms}");
    }
}

#[test]
fn a_few_wrong_characters_are_forgiven_and_then_it_closes() {
    let codes = codes(Environment::Qa, 1);
    let mut model = model();
    arm(&mut model, &codes, 0);
    type_slowly(&mut model, "Q!!", 400);
    assert_eq!(said(&model), "wrong character: no code goes on like that");
    type_slowly(&mut model, "!", 700);
    assert!(matches!(dialog(&model), Dialog::Armed { .. }));
    type_slowly(&mut model, "!", 800);
    let Dialog::Shut { next, .. } = dialog(&model) else { panic!("it stands open") };
    assert_eq!(next, "four wrong characters; ^X begins again");
    assert_eq!(press_at(&mut model, "Esc", 900), []);
    assert!(model.overlay.is_none());
}

#[test]
fn a_key_that_is_held_down_types_one_character() {
    let codes = codes(Environment::Qa, 1);
    let mut model = model();
    arm(&mut model, &codes, 0);
    let mut ms = 400;
    for c in codes.of(Level::Stop).chars() {
        for _ in 0..40 {
            update(&mut model, News::Key(Key::char(c)), at(ms));
            ms += 30;
        }
    }
    assert!(matches!(dialog(&model), Dialog::Shut { .. }));
    assert_eq!(press_at(&mut model, "^X", ms), [Effect::Arm]);
}

#[test]
fn what_ends_the_screen_or_leaves_it_disarms_and_sends_nothing() {
    let ends = [
        (News::Key(Key::ctrl('c')), vec![Effect::Quit]),
        (News::Key(Key::ctrl('z')), vec![Effect::Suspend]),
        (News::Suspended, vec![]),
        (News::Hangup, vec![Effect::Quit]),
    ];
    for (news, want) in ends {
        for waiting in [false, true] {
            let mut model = complete(Level::Halt);
            if waiting {
                press(&mut model, "Esc ^X");
            }
            assert_eq!(update(&mut model, news.clone(), at(2_100)), want);
            assert!(model.overlay.is_none(), "{news:?}");
            assert_eq!(model.notice.as_ref().map(|it| it.message.what.as_str()), Some("disarmed: nothing was sent"));
            // Codes that come late open nothing, and the next Ctrl-X begins anew.
            update(&mut model, News::Armed(codes(Environment::Qa, 1)), at(2_200));
            assert!(model.overlay.is_none(), "{news:?}");
            update(&mut model, News::Resumed, at(2_300));
            assert_eq!(update(&mut model, CTRL_X, at(2_400)), [Effect::Arm]);
        }
    }
}

#[test]
fn codes_stand_only_where_they_are_waited_for() {
    let late = || News::Armed(codes(Environment::Qa, 9));
    let mut nothing = model();
    let armed = complete(Level::Stop);
    let mut sent = complete(Level::Stop);
    press(&mut sent, "^X");
    let mut shut = complete(Level::Stop);
    update(&mut shut, News::Tick, later(60));
    assert!(update(&mut nothing, late(), now()).is_empty() && nothing.overlay.is_none());
    for mut model in [armed, sent, shut] {
        let before = model.overlay.clone();
        let then = model.now;
        update(&mut model, late(), then);
        assert_eq!(model.overlay, before);
    }
}

#[test]
fn a_clock_that_is_set_disarms_and_the_next_arming_works_at_once() {
    let codes = codes(Environment::Qa, 1);
    for hours in [-1, 1] {
        let mut model = complete(Level::Halt);
        let step = hours * 3_600_000;
        assert_eq!(update(&mut model, News::Tick, at(step + 2_100)), []);
        assert!(matches!(dialog(&model), Dialog::Shut { .. }), "{hours} h");
        arm(&mut model, &codes, step + 2_200);
        let ms = type_slowly(&mut model, codes.of(Level::Stop), step + 2_500);
        assert_eq!(press_at(&mut model, "^X", ms), [Effect::Fire(Level::Stop)], "{hours} h");
        // Set back once more: the dialog that says what was sent stays, and takes a further Ctrl-X.
        assert_eq!(press_at(&mut model, "^X", ms - 3_600_000), [Effect::Arm]);
    }
}

#[test]
fn what_was_open_comes_back_when_nothing_was_sent() {
    let mut model = world(Environment::Qa, Some(Role::Trader), false);
    update(&mut model, News::Kill(Box::new(kill(SwitchState::GracefulStop))), now());
    press(&mut model, "H w h y");
    let before = model.overlay.clone();
    press(&mut model, "^X");
    update(&mut model, News::Armed(codes(Environment::Qa, 1)), now());
    press(&mut model, "z z z z");
    assert!(matches!(dialog(&model), Dialog::Armed { .. }), "too early to be wrong");
    update(&mut model, News::Tick, later(30));
    assert!(matches!(dialog(&model), Dialog::Shut { .. }));
    assert_eq!(press(&mut model, "^X Esc"), [Effect::Arm]);
    assert_eq!(model.overlay, before);
    assert_eq!(model.beneath, None);
}

#[test]
fn a_session_that_may_not_stop_is_told_who_can() {
    let mut model = world(Environment::Production, Some(Role::Devops), true);
    model.setup.seat.desk = Some("+1 203 555 0142".into());
    let mut row = kill(SwitchState::Normal);
    row.may_not_stop = Some("the role 'devops' may not stop trading".into());
    update(&mut model, News::Kill(Box::new(row.clone())), now());
    assert_eq!(press(&mut model, "^X"), []);
    let want = Dialog::Shut {
        why: "the role 'devops' may not stop trading".into(),
        next: "call bob, or the desk: +1 203 555 0142".into(),
    };
    assert_eq!(dialog(&model), &want);
    assert_eq!(press(&mut model, "^X q 2 Enter v"), []);
    assert_eq!(dialog(&model), &want);
    // Once it may, it arms from there.
    row.may_not_stop = None;
    update(&mut model, News::Kill(Box::new(row)), now());
    assert_eq!(press(&mut model, "^X Esc"), [Effect::Arm]);
    assert!(model.overlay.is_none());
    assert_eq!(model.notice.map(|notice| notice.weight), Some(Weight::Told));
}

#[test]
fn a_screen_that_was_told_nothing_arms_and_fires() {
    use quarterdeck_app::Setup;
    let mut model = Model::new(Setup::new(common::seat(Environment::Production, None), true), now());
    let codes = codes(Environment::Production, 3);
    arm(&mut model, &codes, 0);
    let ms = type_slowly(&mut model, codes.of(Level::Halt), 400);
    assert_eq!(press_at(&mut model, "^X", ms), [Effect::Fire(Level::Halt)]);
}
