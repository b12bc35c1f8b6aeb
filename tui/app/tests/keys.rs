//! What keys do, as data: what is pressed, what is asked for, and what the screen shows then.

mod common;

use common::{model, now, press};
use quarterdeck_app::{Change, Copied, Effect, Key, Message, Model, News, Overlay, Screen, Stage, update};

/// The model in one line: screen, what lies over it, the field, what is selected, the tail.
fn told(model: &Model) -> String {
    let over = match &model.overlay {
        None => "",
        Some(Overlay::Help { .. }) => " help",
        Some(Overlay::Palette { .. }) => " palette",
        Some(Overlay::KillSwitch(_)) => " kill-switch",
        Some(Overlay::Hold { .. }) => " hold",
        Some(Overlay::Release { .. }) => " release",
        Some(Overlay::Rotation(asking)) => match asking.change {
            Change::Start => " start?",
            Change::Steer(_) => " steer?",
            Change::Say(..) => " say?",
            Change::Confirm => " confirm?",
        },
        Some(Overlay::Leave) => " leave?",
        Some(Overlay::Unlock) => " unlock?",
    };
    let field = model.entry.as_ref().map(|entry| format!(" [{}]", entry.line.text())).unwrap_or_default();
    let open = match model.screen {
        Screen::Secrets if model.secrets.open => " open",
        Screen::Backends if model.backends.open => " open",
        Screen::Audit if model.tail.opened.is_some() => " open",
        _ => "",
    };
    let selected = match model.screen {
        Screen::Overview | Screen::Secrets => model.secrets.selected().map(|row| row.name.clone()),
        Screen::Backends => model.backends.selected().map(|row| row.name.clone()),
        Screen::Rotation => match &model.rotations.stage {
            Stage::List => model.rotations.selected().map(|row| format!("list {}", row.rotation.name())),
            Stage::Asked(id) => Some(format!("asked {}", id.name)),
            Stage::Plan { of, sent, .. } => Some(format!("plan {}{}", of.name, if *sent { " sent" } else { "" })),
            Stage::One(number) => Some(format!("R-{number}")),
        },
        Screen::Audit => model.tail.selected().map(|shown| format!("{}", shown.number)),
    };
    let tail = match (model.tail.is_held(), model.tail.is_following()) {
        (true, _) => " held",
        (false, true) => "",
        (false, false) => " still",
    };
    format!("{:?}{over}{field} {}{open}{tail}", model.screen, selected.unwrap_or_else(|| "-".into()))
}

fn asked(effects: &[Effect]) -> String {
    let word = |effect: &Effect| match effect {
        Effect::Reveal { name, layer } => format!("reveal {layer}:{name}"),
        Effect::Inspect { name, layer } => format!("inspect {name} of {layer}"),
        Effect::PlanRotation { name, layer } => format!("plan {name} of {layer}"),
        Effect::StartRotation { name, digest, typed, why, .. } => {
            let typed = typed.as_ref().map(|value| format!(" {}", value.expose().len())).unwrap_or_default();
            format!("start {name} {digest}{typed} '{why}'")
        }
        Effect::SteerRotation { number, ask, why } => format!("{} R-{number} '{why}'", ask.word()),
        Effect::SayStep { number, step, done } => format!("say R-{number} {step} {done}"),
        Effect::ConfirmRotation { number } => format!("confirm R-{number}"),
        Effect::ReadAgain(one) => format!("read {}", one.as_deref().unwrap_or("all")),
        Effect::FetchLine { place, source } => format!("fetch {source}@{}", place.offset),
        Effect::Copy(Copied::Text(text)) => format!("copy {text}"),
        Effect::Copy(Copied::Value(_)) => "copy a value".into(),
        Effect::Unlocked { .. } => "unlocked".into(),
        Effect::LookOnly => "look only".into(),
        Effect::Arm => "arm".into(),
        Effect::Fire(level) => format!("fire {level}"),
        Effect::Explain(why) => format!("explain '{why}'"),
        Effect::Hold { reason } => format!("hold '{reason}'"),
        Effect::Release { reason, note, without } => format!("release '{reason}' '{note}' {without:?}"),
        Effect::SetMouse(on) => format!("mouse {on}"),
        Effect::Ring => "ring".into(),
        Effect::Redraw => "redraw".into(),
        Effect::Suspend => "suspend".into(),
        Effect::Quit => "quit".into(),
    };
    effects.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[test]
fn keys_do_what_the_table_says() {
    let table: &[(&str, &str, &str)] = &[
        // Screens.
        ("2", "", "Secrets a"),
        ("3", "", "Audit 4"),
        ("6", "", "Backends env"),
        ("6 1", "", "Overview a"),
        ("4", "", "Overview a"),
        ("5", "", "Overview a"),
        ("7", "", "Rotation -"),
        ("7 1", "", "Overview a"),
        ("7 Esc", "", "Overview a"),
        ("7 Enter B S", "", "Rotation -"),
        ("j R", "plan b of fernet", "Rotation asked b"),
        ("R Esc", "plan a of fernet", "Overview a"),
        ("2 R Esc", "plan a of fernet", "Secrets a"),
        ("R S Enter", "plan a of fernet", "Rotation asked a"),
        ("R R", "plan a of fernet, plan a of fernet", "Rotation asked a"),
        ("R r", "plan a of fernet, plan a of fernet", "Rotation asked a"),
        ("R 7", "plan a of fernet", "Rotation -"),
        // Moving.
        ("j", "", "Overview b"),
        ("Down Down Down Down", "", "Overview c"),
        ("G", "", "Overview c"),
        ("G g", "", "Overview a"),
        ("G k", "", "Overview b"),
        ("^D", "", "Overview c"),
        ("6 j", "", "Backends fernet"),
        ("3 k", "", "Audit 3 still"),
        ("3 k G", "", "Audit 4"),
        ("3 k j j", "", "Audit 4"),
        ("3 g", "", "Audit 0 still"),
        // Jumps.
        ("3 E", "", "Audit 2 still"),
        ("3 W", "", "Audit 1 still"),
        ("3 g e", "", "Audit 2 still"),
        ("3 g w", "", "Audit 1 still"),
        ("3 g e e", "", "Audit 2 still"),
        // Detail.
        ("Enter", "", "Secrets a"),
        ("2 Enter", "inspect a of fernet", "Secrets a open"),
        ("2 l h", "inspect a of fernet", "Secrets a"),
        ("6 Enter q", "", "Backends env"),
        ("3 Enter", "fetch journal@3", "Audit 4 open still"),
        ("3 Enter k", "fetch journal@3, fetch journal@3", "Audit 3 open still"),
        ("3 Enter Enter", "fetch journal@3", "Audit 4 open still"),
        // Finding.
        ("/ b o b", "", "Audit [bob] 3"),
        ("/ b o b Enter", "", "Audit 3"),
        ("/ b o b Enter N", "", "Audit 3 still"),
        ("/ b o b Enter N N", "", "Audit 1 still"),
        ("/ b o b Enter N N n", "", "Audit 3 still"),
        ("/ b o b Tab Enter N N", "", "Audit 1 still"),
        ("/ b o b Enter Esc", "", "Audit 4"),
        ("/ b o b Esc", "", "Audit 4"),
        ("/ z z z", "", "Audit [zzz] -"),
        ("/ a c t o r = Enter", "", "Audit [actor=] -"),
        ("2 / c Enter", "", "Secrets c"),
        ("2 / c Esc", "", "Secrets c"),
        ("2 / z", "", "Secrets [z] -"),
        ("6 / f", "", "Backends [f] fernet"),
        // Pause.
        ("=", "", "Overview a held"),
        ("= =", "", "Overview a"),
        ("3 = G", "", "Audit 4"),
        // Going back: Esc only goes back, q leaves and asks.
        ("3 Enter Esc", "fetch journal@3", "Audit 4 still"),
        ("3 Esc", "", "Overview a"),
        ("Esc Esc Esc", "", "Overview a"),
        ("6 q", "", "Overview a"),
        ("q", "", "Overview leave? a"),
        ("q Esc", "", "Overview a"),
        ("q n", "", "Overview a"),
        ("q Enter", "quit", "Overview a"),
        ("q y", "quit", "Overview a"),
        ("^C", "quit", "Overview a"),
        ("? ^C", "quit", "Overview help a"),
        ("/ ^C", "quit", "Audit [] 4"),
        ("^Z", "suspend", "Overview a"),
        ("^L", "redraw", "Overview a"),
        // The kill-switch's key, everywhere; plain x nowhere.
        ("^X", "arm", "Overview kill-switch a"),
        ("^X ^X", "arm", "Overview kill-switch a"),
        ("^X Esc", "arm", "Overview a"),
        ("^X Esc ^X", "arm, arm", "Overview kill-switch a"),
        ("? ^X", "arm", "Overview kill-switch a"),
        ("? ^X Esc", "arm", "Overview help a"),
        ("/ b ^X", "arm", "Audit kill-switch [b] 3"),
        ("/ b ^X v q Esc o", "arm", "Audit [bo] 3"),
        (": ^X", "arm", "Overview kill-switch a"),
        (": k i l l Enter", "arm", "Overview kill-switch a"),
        ("q ^X Esc", "arm", "Overview leave? a"),
        ("^X ^C", "arm, quit", "Overview a"),
        ("^X ^Z", "arm, suspend", "Overview a"),
        ("H", "", "Overview a"),
        ("L", "", "Overview a"),
        ("x X", "", "Overview a"),
        ("3 x X", "", "Audit 4"),
        // Acts.
        ("v", "reveal fernet:a, inspect a of fernet", "Secrets a open"),
        ("2 j v", "reveal fernet:b, inspect b of fernet", "Secrets b open"),
        ("r", "read all", "Overview a"),
        ("6 j r", "read fernet", "Backends fernet"),
        ("y", "copy a", "Overview a"),
        ("6 y", "copy env", "Backends env"),
        ("Y", "", "Overview a"),
        ("m m", "mouse true, mouse false", "Overview a"),
        ("u", "", "Overview a"),
        // Palette and help.
        (": p a u s e Enter", "", "Overview a held"),
        (": z z z Enter", "", "Overview a"),
        (": Down Enter", "", "Overview a"),
        ("? r e v", "", "Overview help a"),
        ("? ?", "", "Overview a"),
        ("? q", "", "Overview a"),
        ("F1 Enter", "", "Overview a"),
    ];
    let mut wrong = Vec::new();
    for (keys, effects, after) in table {
        let mut model = model();
        let got = asked(&press(&mut model, keys));
        if (got.as_str(), told(&model).as_str()) != (*effects, *after) {
            wrong.push(format!("'{keys}' asks '{got}' and shows '{}', not '{effects}' and '{after}'", told(&model)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_paste_is_never_keystrokes() {
    let mut pasted = model();
    let before = pasted.clone();
    assert!(update(&mut pasted, News::Paste("q\rv\u{18}\u{3}".into()), now()).is_empty());
    assert_eq!(pasted, before);
    press(&mut pasted, "/");
    update(&mut pasted, News::Paste("bob\r\u{3}".into()), now());
    assert_eq!(told(&pasted), "Audit [bob  ] 3");
}

#[test]
fn below_forty_by_ten_only_leaving_works_and_the_kill_switch() {
    for (keys, effects) in
        [("v", ""), ("R", ""), ("u Enter", ""), ("r", ""), ("H", ""), ("^C", "quit"), ("^Z", "suspend")]
    {
        let mut model = model();
        update(&mut model, News::Resize { columns: 39, rows: 24 }, now());
        assert_eq!(asked(&press(&mut model, keys)), effects, "{keys}");
        assert!(model.overlay.is_none(), "{keys}");
    }
    let mut model = model();
    update(&mut model, News::Resize { columns: 1, rows: 1 }, now());
    assert_eq!(asked(&press(&mut model, "^X")), "arm");
}

#[test]
fn a_dialog_that_is_too_small_to_be_seen_takes_nothing_but_esc() {
    for keys in ["q", "?", ":", "/"] {
        let mut model = model();
        press(&mut model, keys);
        update(&mut model, News::Resize { columns: 39, rows: 24 }, now());
        assert_eq!(asked(&press(&mut model, "y Enter")), "", "{keys}");
        press(&mut model, "Esc");
        assert!(model.overlay.is_none() && model.entry.is_none(), "{keys}");
    }
}

#[test]
fn alt_and_split_escapes_do_nothing_that_cant_be_undone() {
    for c in ('!'..='~').filter(|c| !c.is_control()) {
        let mut model = model();
        let key = Key { alt: true, ..Key::char(c) };
        assert!(update(&mut model, News::Key(key), now()).is_empty(), "Alt-{c}");
    }
}

#[test]
fn a_screen_of_what_is_not_built_says_so_in_one_line() {
    for (key, want) in [("4", "4 alarms: not built yet"), ("5", "5 approvals: not built yet")] {
        let mut model = model();
        press(&mut model, key);
        assert_eq!(model.notice.expect("it says something").message.what, want);
    }
}

#[test]
fn what_was_told_goes_with_the_next_key_and_a_refusal_stays() {
    let mut model = model();
    press(&mut model, "4");
    press(&mut model, "6");
    assert!(model.notice.is_none());
    update(&mut model, News::Refused(Message::plain("no")), now());
    press(&mut model, "1");
    assert_eq!(model.notice.map(|notice| notice.message.what).as_deref(), Some("no"));
}
