//! Search over the names of every layer, as one types.

mod common;

use common::{later, model, press, secret};
use quarterdeck_app::{Key, Model, News, update};

fn search(model: &mut Model, text: &str) {
    press(model, "/ ^U");
    text.chars().for_each(|c| _ = update(model, News::Key(Key::char(c)), later(0)));
}

fn shown(model: &Model) -> Vec<&str> {
    model.secrets.shown().map(|row| row.name.as_str()).collect()
}

fn with(names: &[&str]) -> Model {
    let mut model = model();
    let rows = names.iter().zip(1..).map(|(name, due)| secret(name, due)).collect();
    update(&mut model, News::Secrets(rows), later(0));
    press(&mut model, "2");
    model
}

#[test]
fn words_in_any_order_and_what_begins_with_them_first() {
    let mut model = with(&["old/broker-key", "desk/breaker", "broker.password", "prod/trader/ibkr-api-key"]);
    for (typed, want) in [
        ("broker", &["broker.password", "old/broker-key"][..]),
        ("key prod", &["prod/trader/ibkr-api-key"]),
        ("BR", &["broker.password", "old/broker-key", "desk/breaker"]),
        ("r", &["old/broker-key", "desk/breaker", "broker.password", "prod/trader/ibkr-api-key"]),
        ("nothing", &[]),
    ] {
        search(&mut model, typed);
        let mut found = shown(&model);
        if typed.len() < 3 {
            // Among names that fit alike the order of the list stays; here the names alone count.
            found.sort_unstable();
            let mut want = want.to_vec();
            want.sort_unstable();
            assert_eq!(found, want, "{typed}");
        } else {
            assert_eq!(found, want, "{typed}");
        }
    }
    press(&mut model, "Esc");
    assert_eq!(model.secrets.count(), 4);
}

#[test]
fn a_layer_that_lost_is_found_by_its_name() {
    let mut model = with(&["broker.password", "desk.one"]);
    let mut rows = model.secrets.rows.clone();
    rows.iter_mut().filter(|row| row.name == "desk.one").for_each(|row| row.shadows = vec!["vault".into()]);
    update(&mut model, News::Secrets(rows), later(1));
    search(&mut model, "vault");
    assert_eq!(shown(&model), ["desk.one"]);
    search(&mut model, "desk vault");
    assert_eq!(shown(&model), ["desk.one"]);
    search(&mut model, "broker vault");
    assert!(shown(&model).is_empty());
}

#[test]
fn a_name_that_lost_is_found_by_what_its_own_layer_calls_it() {
    let mut model = with(&["broker.password", "desk.one"]);
    let mut rows = model.secrets.rows.clone();
    rows[0].shadows = vec!["vault".into()];
    rows[0].hidden = vec![("vault".into(), "Algo-Trade/login#password".into())];
    update(&mut model, News::Secrets(rows), later(1));
    for typed in ["algo", "login vault", "word trade"] {
        search(&mut model, typed);
        assert_eq!(shown(&model), ["broker.password"], "{typed}");
    }
}

#[test]
fn what_is_selected_stays_selected_while_it_is_found() {
    let mut model = with(&["a.one", "a.two", "b.one"]);
    press(&mut model, "j");
    search(&mut model, "a");
    assert_eq!(model.secrets.selected().map(|row| row.name.as_str()), Some("a.two"));
    search(&mut model, "b");
    assert_eq!(model.secrets.selected().map(|row| row.name.as_str()), Some("b.one"));
    assert_eq!(model.secrets.selected_place(), Some(0));
}

/// Work and not time is counted: a letter more looks only through what the letters before it left.
#[test]
fn ten_thousand_names_are_looked_through_once_and_then_only_what_is_left() {
    let names: Vec<String> = (0..10_000).map(|at| format!("team-{}/secret-{at:05}", at % 100)).collect();
    let mut model = with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    press(&mut model, "/");
    let mut looked = Vec::new();
    for c in "team-42/secret-00142".chars() {
        update(&mut model, News::Key(Key::char(c)), later(0));
        looked.push(model.secrets.looked);
    }
    assert_eq!(shown(&model), ["team-42/secret-00142"]);
    assert_eq!(looked[0], 10_000);
    assert!(looked.is_sorted_by(|before, after| before >= after), "{looked:?}");
    assert_eq!(looked[6..8], [1_100, 100], "{looked:?}");
}
