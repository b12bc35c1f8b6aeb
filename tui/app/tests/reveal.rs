//! A value on the screen: ten seconds, beside its own selected name, and nowhere else.

mod common;

use common::{later, model, now, press, revealed, secret};
use jiff::SignedDuration;
use quarterdeck_app::{Copied, Effect, Message, Model, News, Reveal, Value, update, wake_at};

fn shown() -> Model {
    let mut model = model();
    assert!(matches!(press(&mut model, "v")[..], [Effect::Reveal { .. }, Effect::Inspect { .. }]));
    update(&mut model, revealed("a"), now());
    assert!(matches!(model.reveal, Reveal::Shown { .. }));
    model
}

#[test]
fn it_goes_after_ten_seconds_whatever_the_sender_says() {
    let mut model = shown();
    update(&mut model, News::Tick, now() + SignedDuration::from_millis(9_999));
    assert!(matches!(model.reveal, Reveal::Shown { .. }));
    assert_eq!(wake_at(&model), later(10));
    update(&mut model, News::Tick, later(10));
    assert_eq!(model.reveal, Reveal::Masked);
}

#[test]
fn it_goes_with_anything_that_takes_its_name_out_of_sight() {
    for keys in ["v", "j", "G", "1", "3", "6", "q", "/", "?", ":", "^X", "^Z", "^C", "h", "Esc"] {
        let mut model = shown();
        press(&mut model, keys);
        assert_eq!(model.reveal, Reveal::Masked, "{keys}");
    }
    let news = [
        News::Suspended,
        News::Hangup,
        News::Resize { columns: 30, rows: 5 },
        News::Secrets(vec![secret("b", 1)]),
        News::Failed(Message::plain("gone")),
    ];
    for news in news {
        let mut model = shown();
        update(&mut model, news.clone(), now());
        assert_eq!(model.reveal, Reveal::Masked, "{news:?}");
    }
}

#[test]
fn it_stays_while_the_list_moves_under_it() {
    let mut model = shown();
    update(&mut model, News::Secrets(vec![secret("z", 1), secret("b", 2), secret("a", 30)]), now());
    assert!(matches!(model.reveal, Reveal::Shown { .. }));
    assert_eq!(model.secrets.selected().map(|row| row.name.as_str()), Some("a"));
}

#[test]
fn one_that_comes_too_late_or_unasked_is_dropped() {
    let mut never = model();
    update(&mut never, revealed("a"), now());
    assert_eq!(never.reveal, Reveal::Masked);
    let mut moved = model();
    press(&mut moved, "v j");
    update(&mut moved, revealed("a"), now());
    assert_eq!(moved.reveal, Reveal::Masked);
    let mut other = model();
    press(&mut other, "v");
    update(&mut other, revealed("b"), now());
    assert_eq!(other.reveal, Reveal::Asked(quarterdeck_app::SecretId { name: "a".into(), layer: "fernet".into() }));
}

#[test]
fn the_value_is_copied_only_while_it_stands_there() {
    let mut model = shown();
    let value = Value::new("CANARY-7731".into());
    assert_eq!(press(&mut model, "Y"), [Effect::Copy(Copied::Value(value))]);
    assert_eq!(press(&mut model, "y"), [Effect::Copy(Copied::Text("a".into()))]);
    update(&mut model, News::Tick, later(10));
    assert!(press(&mut model, "Y").is_empty());
}

#[test]
fn no_debug_output_holds_it() {
    let model = shown();
    let copy = Effect::Copy(Copied::Value(Value::new("CANARY-7731".into())));
    for text in [format!("{model:?}"), format!("{:?}", revealed("a")), format!("{copy:?}")] {
        assert!(!text.contains("CANARY"), "{text}");
    }
}
