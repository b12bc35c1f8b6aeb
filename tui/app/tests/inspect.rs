//! The detail asks its backend when it opens and when the selection rests; what comes is shown beside its own secret.

mod common;

use common::{backend, inspected, later, model, press, secret, world};
use jiff::SignedDuration;
use quarterdeck_app::{Effect, Model, News, update, wake_at};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::overview::{BackendRow, Condition};

fn asked(effects: &[Effect]) -> Vec<&str> {
    let mut names = Vec::new();
    for effect in effects {
        if let Effect::Inspect { name, .. } = effect {
            names.push(name.as_str());
        }
    }
    names
}

fn told(model: &Model) -> Option<&str> {
    model.inspect.told.as_deref().map(|detail| detail.name.as_str())
}

#[test]
fn a_detail_that_opens_asks_at_once_and_a_list_never_does() {
    let mut model = model();
    assert!(asked(&press(&mut model, "2 j k")).is_empty(), "nothing is open");
    assert_eq!(asked(&press(&mut model, "Enter")), ["a"]);
    assert!(model.inspect.is_awaited());
    assert!(asked(&press(&mut model, "Enter")).is_empty(), "once");
    update(&mut model, inspected("a", 1), later(1));
    assert_eq!(told(&model), Some("a"));
    press(&mut model, "h");
    assert_eq!(told(&model), None, "what is closed is forgotten");
}

#[test]
fn what_the_selection_only_passes_is_not_asked_for() {
    let mut model = model();
    press(&mut model, "2 Enter");
    assert!(asked(&press(&mut model, "j j")).is_empty());
    assert!(wake_at(&model) < later(1), "the screen wakes when it has rested");
    let rested = model.now + SignedDuration::from_millis(500);
    assert!(asked(&update(&mut model, News::Tick, rested - SignedDuration::from_millis(1))).is_empty());
    assert_eq!(asked(&update(&mut model, News::Tick, rested)), ["c"]);
}

#[test]
fn an_answer_of_another_secret_is_dropped() {
    let mut model = model();
    press(&mut model, "2 Enter j");
    update(&mut model, inspected("a", 1), later(1));
    assert_eq!(told(&model), None);
    update(&mut model, inspected("b", 1), later(1));
    assert_eq!(told(&model), Some("b"));
    update(&mut model, News::Secrets(vec![secret("b", 5), secret("x", 1)]), later(2));
    assert_eq!(told(&model), Some("b"), "it is of the thing and not of its row");
}

#[test]
fn it_is_asked_again_by_key_and_when_another_version_is_listed_and_stays_in_sight_meanwhile() {
    let mut model = model();
    press(&mut model, "2 Enter");
    update(&mut model, inspected("a", 0), later(0));
    assert_eq!(asked(&press(&mut model, "r")), ["a"]);
    assert_eq!(told(&model), Some("a"));
    assert!(asked(&press(&mut model, "r")).is_empty(), "one question at a time");
    update(&mut model, inspected("a", 1), later(1));
    let mut changed = secret("a", 3);
    changed.version = Some("8".into());
    let effects = update(&mut model, News::Secrets(vec![changed.clone(), secret("b", 5)]), later(2));
    assert_eq!(asked(&effects), ["a"]);
    update(&mut model, inspected("a", 3), later(3));
    assert!(asked(&update(&mut model, News::Secrets(vec![changed]), later(4))).is_empty());
}

/// An answer that is an error.
fn failed(seconds: i64) -> News {
    let News::Inspected(mut detail) = inspected("a", seconds) else { unreachable!("it is an answer") };
    detail.error = Some(("sealed".into(), "unseal it".into()));
    News::Inspected(detail)
}

fn is(condition: Condition, answered: i64) -> News {
    News::Backends(vec![BackendRow { condition, answered_at: Some(later(answered)), ..backend("fernet") }])
}

#[test]
fn an_error_goes_when_its_backend_is_well_again_and_the_secret_is_asked_for_anew() {
    let mut model = model();
    let down = || Condition::Down { code: "SEALED".into(), since: later(0) };
    press(&mut model, "2 Enter");
    update(&mut model, failed(1), later(1));
    assert!(asked(&update(&mut model, is(Condition::Ok, 0), later(1))).is_empty(), "it answered before");
    assert!(asked(&update(&mut model, is(down(), 0), later(2))).is_empty());
    assert!(told(&model).is_some(), "the error stands while it is true");
    assert_eq!(asked(&update(&mut model, is(Condition::Ok, 3), later(3))), ["a"]);
    assert_eq!(told(&model), None, "and no longer");
    update(&mut model, failed(4), later(4));
    assert!(
        asked(&update(&mut model, is(Condition::Ok, 9), later(9))).is_empty(),
        "what refuses is not asked for ever"
    );
    update(&mut model, is(down(), 9), later(10));
    assert_eq!(asked(&update(&mut model, is(Condition::Ok, 11), later(11))), ["a"]);
    update(&mut model, inspected("a", 12), later(12));
    assert!(asked(&update(&mut model, is(Condition::Ok, 13), later(13))).is_empty());
}

#[test]
fn whoever_may_only_look_may_look_at_versions() {
    for readonly in [false, true] {
        let mut model = world(Environment::Production, None, readonly);
        let effects = press(&mut model, "2 Enter");
        assert_eq!(asked(&effects), ["a"]);
        assert!(!effects.iter().any(Effect::is_guarded));
    }
}

#[test]
fn a_clock_that_is_set_back_lets_nothing_rest_for_ever() {
    let mut model = model();
    press(&mut model, "2 Enter j");
    assert_eq!(asked(&update(&mut model, News::Tick, later(-3_600))), ["b"]);
}
