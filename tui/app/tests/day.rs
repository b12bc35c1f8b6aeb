//! What happens by itself in a day: lists that move, sources that come, a control that falls silent, lines to try.

mod common;

use common::rotation;
use common::{kill, later, line, model, now, press, revealed, seat, secret, world};
use jiff::SignedDuration;
use quarterdeck_app::{Bell, Deed, Effect, Message, Model, News, Setup, Weight, update, wake_at};
use quarterdeck_domain::audit::Place;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::SwitchState;
use quarterdeck_domain::rotation::SecretState;
use quarterdeck_domain::severity::Severity;

fn selected(model: &Model) -> &str {
    model.secrets.selected().map_or("-", |row| row.name.as_str())
}

#[test]
fn what_is_selected_stays_selected_wherever_the_list_puts_it() {
    let mut model = model();
    press(&mut model, "j");
    assert_eq!(selected(&model), "b");
    update(&mut model, News::Secrets(vec![secret("b", 50), secret("a", 60), secret("c", 1), secret("d", 2)]), now());
    assert_eq!((selected(&model), model.secrets.place), ("b", 2));
    assert_eq!(press(&mut model, "y").len(), 1);
    // It is gone: then nothing is selected, and nothing else is hit instead.
    update(&mut model, News::Secrets(vec![secret("a", 1), secret("c", 2)]), now());
    assert_eq!(selected(&model), "-");
    assert!(press(&mut model, "v").is_empty());
    assert!(press(&mut model, "y").is_empty());
    press(&mut model, "k");
    assert_eq!(selected(&model), "c");
}

#[test]
fn until_a_key_is_pressed_the_first_row_is_selected() {
    let mut model = Model::new(Setup::new(seat(Environment::Qa, None), false), now());
    update(&mut model, News::Secrets(vec![secret("b", 5)]), now());
    update(&mut model, News::Secrets(vec![secret("b", 5), secret("a", 1)]), now());
    assert_eq!(selected(&model), "a");
    update(&mut model, News::Key(quarterdeck_app::Key::char('1')), now());
    update(&mut model, News::Secrets(vec![secret("b", 1), secret("a", 5)]), now());
    assert_eq!(selected(&model), "a");
}

#[test]
fn the_worst_stands_first_and_then_what_is_due_next() {
    let mut model = model();
    let mut lost = secret("lost", 40);
    lost.state = SecretState::Lost;
    let mut unreadable = secret("unreadable", 80);
    unreadable.state = SecretState::Unreadable;
    let mut ageless = secret("ageless", 0);
    (ageless.due_at, ageless.state) = (None, SecretState::NoAgeKnown);
    update(&mut model, News::Secrets(vec![ageless, secret("z", 2), secret("y", 3), lost, unreadable]), now());
    let names: Vec<&str> = model.secrets.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["unreadable", "lost", "z", "y", "ageless"]);
    assert!(model.secrets.worst_first());
}

#[test]
fn a_control_that_says_nothing_makes_the_screen_old() {
    let mut model = model();
    assert_eq!(model.silent_for(), None);
    update(&mut model, News::Tick, later(15));
    assert_eq!(model.silent_for(), None);
    update(&mut model, News::Tick, later(16));
    assert_eq!(model.silent_for(), Some(SignedDuration::from_secs(16)));
    update(&mut model, News::Alive, later(17));
    assert_eq!(model.silent_for(), None);
}

#[test]
fn a_clock_that_trembles_never_runs_backwards() {
    let mut model = model();
    update(&mut model, News::Tick, later(100));
    update(&mut model, News::Tick, later(99));
    assert_eq!(model.now, later(100));
    assert_eq!(wake_at(&model), later(101));
}

#[test]
fn a_clock_that_is_set_back_is_believed_and_what_should_end_at_a_time_ends_now() {
    let mut model = world(Environment::Production, Some(quarterdeck_domain::person::Role::Devops), false);
    press(&mut model, "u Enter v");
    update(&mut model, revealed("a"), now());
    update(&mut model, News::Told(Message::plain("done")), now());
    assert_eq!(update(&mut model, News::Tick, later(-3_600)), [Effect::LookOnly]);
    assert_eq!(model.now, later(-3_600));
    assert_eq!(wake_at(&model), later(-3_599));
    assert_eq!(model.reveal, quarterdeck_app::Reveal::Masked);
    assert_eq!((model.silent_for(), model.kill_silent_for()), (None, None));
    update(&mut model, News::Tick, later(-3_580));
    assert!(model.silent_for().is_some() && model.notice.is_none());
}

#[test]
fn the_bell_rings_for_what_is_new_and_critical_and_can_be_switched_off() {
    let fresh = |severity| {
        let old = line("x", severity);
        let fields = quarterdeck_domain::audit::Fields { actor: "x", kind: "K", resource: "r", outcome: "ok" };
        quarterdeck_domain::audit::AuditLine::new(old.source, Some(now()), severity, Place::default(), &fields)
    };
    let mut model = model();
    assert!(update(&mut model, News::Lines(vec![line("old", Severity::Critical)]), now()).is_empty());
    assert!(update(&mut model, News::Lines(vec![fresh(Severity::Major)]), now()).is_empty());
    assert_eq!(update(&mut model, News::Lines(vec![fresh(Severity::Critical)]), now()), [Effect::Ring]);
    press(&mut model, "b");
    assert_eq!(model.setup.bell, Bell::Off);
    assert!(update(&mut model, News::Lines(vec![fresh(Severity::Critical)]), now()).is_empty());
}

#[test]
fn a_line_that_is_read_in_full_goes_only_to_the_line_that_is_open() {
    let mut model = model();
    let effects = press(&mut model, "3 g Enter");
    let [Effect::FetchLine { place, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let (place, text) = (*place, vec!["{}".to_owned()]);
    update(&mut model, News::LineDetail { place: Place::default(), lines: vec!["other".into()] }, now());
    assert_eq!(model.tail.opened.as_ref().and_then(|open| open.text.clone()), None);
    update(&mut model, News::LineDetail { place, lines: text.clone() }, now());
    assert_eq!(model.tail.opened.as_ref().and_then(|open| open.text.clone()), Some(text));
}

#[test]
fn messages_go_by_themselves_and_the_bad_ones_later_a_refusal_last() {
    for (news, weight, seconds) in [
        (News::Told(Message::plain("done")), Weight::Told, 8),
        (News::Refused(Message::plain("no")), Weight::Refused, 32),
        (News::Failed(Message::plain("broke")), Weight::Failed, 10),
    ] {
        let mut model = model();
        update(&mut model, news, now());
        assert_eq!(model.notice.as_ref().map(|notice| notice.weight), Some(weight));
        update(&mut model, News::Tick, later(seconds - 1));
        assert!(model.notice.is_some());
        update(&mut model, News::Tick, later(seconds));
        assert!(model.notice.is_none());
    }
}

#[test]
fn a_line_to_try_is_ticked_by_the_thing_itself_and_not_by_its_key() {
    let done = |model: &Model| -> Vec<Deed> {
        model.setup.tries.iter().filter(|line| line.done).map(|line| line.deed).collect()
    };
    let mut model = world(Environment::Demo, None, false);
    press(&mut model, "/ z z z Enter Esc");
    press(&mut model, "v q Esc 1 ^X Esc H L");
    assert_eq!(done(&model), [], "nothing was found, shown, read or left yet");
    press(&mut model, "/ b o b Enter");
    assert_eq!(done(&model), [Deed::Find]);
    press(&mut model, "1 v");
    update(&mut model, revealed("a"), now());
    press(&mut model, "? Esc");
    assert_eq!(done(&model), [Deed::Find, Deed::Reveal, Deed::Help]);
    let told = |model: &mut Model, state| _ = update(model, News::Kill(Box::new(kill(state))), now());
    let mut late = kill(SwitchState::GracefulStop);
    late.engines[1].standing = quarterdeck_domain::kill::EngineStanding::Late;
    update(&mut model, News::Kill(Box::new(late)), now());
    assert!(!done(&model).contains(&Deed::Stop), "an engine has not said BLOCKED");
    told(&mut model, SwitchState::GracefulStop);
    told(&mut model, SwitchState::Held);
    assert_eq!(done(&model), [Deed::Stop, Deed::Find, Deed::Reveal, Deed::Help]);
    told(&mut model, SwitchState::Normal);
    press(&mut model, "R Esc");
    assert!(!done(&model).contains(&Deed::Rotate), "a plan is none");
    update(&mut model, News::Rotations(vec![rotation::in_grace().row()]), now());
    assert_eq!(done(&model), [Deed::Stop, Deed::Rotate, Deed::Find, Deed::Reveal, Deed::Help]);
    press(&mut model, "1 q Enter");
    assert!(model.setup.tries.iter().all(|line| line.done));
}

#[test]
fn a_terminal_that_is_gone_ends_the_program_and_a_resumed_one_is_drawn_anew() {
    let mut model = model();
    assert_eq!(update(&mut model, News::Hangup, now()), [Effect::Quit]);
    assert_eq!(update(&mut model, News::Resumed, now()), [Effect::Redraw]);
}
