//! Whatever comes, in whatever order: nothing panics, and a session that is look only asks for nothing guarded.

mod common;

use common::{backend, codes, kill, later, line, revealed, secret, world};
use proptest::prelude::*;
use quarterdeck_app::{Access, Code, Effect, Key, Message, News, Reveal, SecretId, Sent, update};
use quarterdeck_domain::audit::Place;
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::SwitchState;
use quarterdeck_domain::overview::JournalRow;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::severity::Severity;

fn key() -> impl Strategy<Value = Key> {
    const CODES: [Code; 16] = [
        Code::Enter,
        Code::Esc,
        Code::Backspace,
        Code::Delete,
        Code::Tab,
        Code::BackTab,
        Code::Up,
        Code::Down,
        Code::Left,
        Code::Right,
        Code::Home,
        Code::End,
        Code::PageUp,
        Code::PageDown,
        Code::Insert,
        Code::F(1),
    ];
    let code = prop_oneof![
        4 => proptest::sample::select(&CODES[..]),
        8 => proptest::char::range(' ', '~').prop_map(Code::Char),
        1 => any::<char>().prop_map(Code::Char),
    ];
    let modifiers = (proptest::bool::weighted(0.15), proptest::bool::weighted(0.05), proptest::bool::weighted(0.1));
    prop_oneof![
        9 => (code, modifiers).prop_map(|(code, (ctrl, alt, shift))| Key { code, ctrl, alt, shift }),
        1 => proptest::sample::select(vec![Key::ctrl('x'), Key::char('H'), Key::char('L'), Key::char('R'), Key::char('S')]),
    ]
}

const STATES: [SwitchState; 9] = [
    SwitchState::Normal,
    SwitchState::GracefulStop,
    SwitchState::Held,
    SwitchState::EmergencyHalt,
    SwitchState::HaltedFlat,
    SwitchState::HaltedResidual,
    SwitchState::RecoveryPending,
    SwitchState::RecoveryStaged,
    SwitchState::Unknown,
];

fn name() -> impl Strategy<Value = String> {
    "[a-d]"
}

/// A plan of one of the names, typed or not.
fn planned(name: &str) -> News {
    let plan =
        if name == "a" { common::rotation::plan(name, "fernet") } else { common::rotation::plain(name, "fernet") };
    let id = SecretId { name: name.into(), layer: "fernet".into() };
    News::Planned { id, plan: Box::new(common::rotation::plan_row(plan)) }
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        20 => key().prop_map(News::Key),
        1 => ".{0,30}".prop_map(News::Paste),
        2 => (0u16..220, 0u16..70).prop_map(|(columns, rows)| News::Resize { columns, rows }),
        2 => Just(News::Tick),
        1 => Just(News::Alive),
        1 => proptest::collection::vec((name(), 0i64..40), 0..5)
            .prop_map(|rows| News::Secrets(rows.iter().map(|(name, due)| secret(name, *due)).collect())),
        1 => proptest::collection::vec(name(), 0..3)
            .prop_map(|names| News::Backends(names.iter().map(|name| backend(name)).collect())),
        1 => any::<u64>().prop_map(|seq| News::Journal(JournalRow { seq, verified: seq, broken: None })),
        2 => proptest::collection::vec((name(), 0usize..4), 0..9).prop_map(|lines| {
            News::Lines(lines.iter().map(|(actor, worst)| line(actor, Severity::WORST_FIRST[*worst])).collect())
        }),
        1 => Just(News::Sources(Vec::new())),
        1 => Just(News::LineDetail { place: Place::default(), lines: vec![String::new()] }),
        2 => name().prop_map(|name| revealed(&name)),
        1 => Just(News::Told(Message::plain("told"))),
        1 => Just(News::Failed(Message::plain("failed"))),
        2 => proptest::sample::select(&STATES[..]).prop_map(|state| News::Kill(Box::new(kill(state)))),
        1 => any::<u8>().prop_map(|seed| News::Armed(codes(Environment::Production, seed))),
        1 => any::<bool>().prop_map(|again| News::Sent(Sent::Out { undurable: None, unjournalled: None, again })),
        2 => proptest::sample::subsequence(common::rotation::every(), 0..4).prop_map(News::Rotations),
        2 => name().prop_map(|name| planned(&name)),
        1 => (20u32..32).prop_map(News::Begun),
        1 => Just(News::Suspended),
        1 => Just(News::Resumed),
        1 => Just(News::Hangup),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_that_is_look_only_never_asks_for_anything_guarded(
        readonly in any::<bool>(),
        days in proptest::collection::vec((news(), 0i64..30), 1..80),
    ) {
        let mut model = world(Environment::Production, Some(Role::Devops), readonly);
        let mut second = 0;
        for (news, passed) in days {
            second += passed;
            let before = model.setup.access;
            let effects = update(&mut model, news, later(second));
            for effect in &effects {
                prop_assert!(before.is_free() || !effect.is_guarded(), "{effect:?}");
                let unlocks = matches!(effect, Effect::Unlocked { .. });
                prop_assert!(before != Access::ReadOnly || !unlocks);
            }
            // A value is on the screen only with a free hand, beside its selected name, and for ten seconds.
            if let Reveal::Shown { id, until, .. } = &model.reveal {
                prop_assert!(model.setup.access.is_free());
                prop_assert!(*until > model.now && *until <= later(second + 10));
                let selected = model.secrets.selected().map(|row| row.name.as_str());
                prop_assert_eq!(selected, Some(id.name.as_str()));
                prop_assert!(!model.size.is_tiny());
            }
        }
    }

    #[test]
    fn the_same_news_give_the_same_screen(days in proptest::collection::vec(news(), 1..60)) {
        let run = || {
            let mut model = world(Environment::Demo, None, false);
            let effects: Vec<Effect> =
                days.iter().flat_map(|news| update(&mut model, news.clone(), later(1))).collect();
            (model, effects)
        };
        prop_assert!(run() == run());
    }
}
