//! A million random keys and pastes over every screen and dialog: not one of them stops trading. The codes are drawn and
//! shown as in earnest, and pasted whole; what is typed is drawn mostly from their characters.

mod common;

use common::{codes, kill, world};
use jiff::{SignedDuration, Timestamp};
use quarterdeck_app::{Code, Dialog, Effect, Key, Model, News, Overlay, Screen, update};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{Codes, Level, SwitchState};
use quarterdeck_domain::person::Role;
use std::collections::BTreeSet;

/// A small generator (xorshift64*): the same seed gives the same day.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

const LIKE_CODES: &[u8] = b"34679ACDEFHJKMNPQRTUVWXY34679acdefhjkmnpqrtuvwxyPAQDpaqd3434";
const SCREEN_KEYS: &[u8] = b"1236?:/quyYvHHHLLLnNeEwW=rbm hjklgG!xX0";
const OTHERS: [Code; 12] = [
    Code::Backspace,
    Code::Delete,
    Code::Tab,
    Code::BackTab,
    Code::Up,
    Code::Down,
    Code::Left,
    Code::Right,
    Code::PageDown,
    Code::F(1),
    Code::F(5),
    Code::Insert,
];
const STATES: [SwitchState; 5] =
    [SwitchState::Normal, SwitchState::GracefulStop, SwitchState::Held, SwitchState::HaltedFlat, SwitchState::Unknown];

fn key(dice: &mut Dice) -> Key {
    let char = |byte: u8| Key::char(char::from(byte));
    match dice.below(100) {
        0..50 => char(dice.of(LIKE_CODES)),
        50..72 => char(dice.of(SCREEN_KEYS)),
        72..82 => Key::ctrl('x'),
        82..86 => Key::plain(Code::Enter),
        86..92 => Key::plain(Code::Esc),
        92..96 => Key::plain(dice.of(&OTHERS)),
        96..99 => Key { alt: dice.below(4) == 0, ..Key::ctrl(char::from(b'a' + dice.below(26) as u8)) },
        _ => Key { alt: true, ..char(dice.of(LIKE_CODES)) },
    }
}

/// What a hostile clipboard holds: the very codes that stand on the screen, with what could send them.
fn paste(dice: &mut Dice, codes: Option<&Codes>) -> String {
    let Some(codes) = codes else { return "P3K7QX\u{18}\r".into() };
    let level = dice.of(&[Level::Stop, Level::Halt]);
    let code = codes.of(level);
    match dice.below(4) {
        0 => code.to_owned(),
        1 => format!("{code}\u{18}"),
        2 => format!("\u{1b}[201~{code}\r\n\u{18}"),
        _ => codes.shown(level),
    }
}

/// Where the model stands, in a word.
fn standing(model: &Model) -> String {
    let over = match &model.overlay {
        None if model.entry.is_some() => "field",
        None => "",
        Some(Overlay::Help { .. }) => "help",
        Some(Overlay::Palette { .. }) => "palette",
        Some(Overlay::KillSwitch(Dialog::Arming)) => "arming",
        Some(Overlay::KillSwitch(Dialog::Armed { .. })) => "armed",
        Some(Overlay::KillSwitch(Dialog::Sent { .. })) => "sent",
        Some(Overlay::KillSwitch(Dialog::Shut { .. })) => "shut",
        Some(Overlay::Hold { .. }) => "hold",
        Some(Overlay::Release { .. }) => "release",
        Some(Overlay::Rotation(_)) => "rotation",
        Some(Overlay::Leave) => "leave",
        Some(Overlay::Unlock) => "unlock",
    };
    format!("{:?} {over}", model.screen)
}

struct Day {
    model: Model,
    dice: Dice,
    now: Timestamp,
    environment: Environment,
    codes: Option<Codes>,
    presses: usize,
    armings: usize,
    stood: BTreeSet<String>,
    /// Most characters that stood in the guard.
    most: usize,
}

impl Day {
    fn new(seed: u64, environment: Environment, readonly: bool) -> Self {
        Self {
            model: world(environment, Some(Role::Trader), readonly),
            dice: Dice(seed),
            now: common::now(),
            environment,
            codes: None,
            presses: 0,
            armings: 0,
            stood: BTreeSet::new(),
            most: 0,
        }
    }

    /// One piece of news; codes are drawn when they are asked for.
    fn take(&mut self, news: News) {
        let before = self.model.overlay.clone();
        let pressed = news == News::Key(Key::ctrl('x'));
        let entered = news == News::Key(Key::plain(Code::Enter));
        for effect in update(&mut self.model, news, self.now) {
            match effect {
                Effect::Fire(level) => panic!("{level} was fired after {} presses: {before:?}", self.presses),
                Effect::Arm => {
                    self.armings += 1;
                    let opened = pressed || matches!(before, Some(Overlay::Palette { .. }));
                    assert!(opened, "armed by something else: {before:?}");
                    let codes = codes(self.environment, self.dice.below(256) as u8);
                    self.codes = Some(codes.clone());
                    update(&mut self.model, News::Armed(codes), self.now);
                }
                Effect::Hold { reason } | Effect::Release { reason, .. } => {
                    let asked = matches!(before, Some(Overlay::Hold { .. } | Overlay::Release { .. }));
                    assert!(asked && entered && !reason.is_empty(), "{before:?}");
                    assert!(self.model.setup.access.is_free());
                }
                Effect::Explain(_) => panic!("nothing was sent that could be explained"),
                _ => {}
            }
        }
        self.stood.insert(standing(&self.model));
        if let Some(Overlay::KillSwitch(Dialog::Armed { guard, .. })) = &self.model.overlay {
            self.most = self.most.max(guard.typed().len());
        }
    }

    fn step(&mut self) {
        let pause = match self.dice.below(100) {
            0 => 25_000,
            1..4 => 1_000,
            _ => self.dice.below(200),
        };
        self.now += SignedDuration::from_millis(pause as i64);
        let news = match self.dice.below(1_000) {
            0..40 => News::Paste(paste(&mut self.dice, self.codes.as_ref())),
            40..48 => News::Tick,
            48..50 => News::Rotations(common::rotation::every()),
            50..53 => News::Kill(Box::new(kill(self.dice.of(&STATES)))),
            53..58 => {
                let (columns, rows) = self.dice.of(&[(80, 24), (80, 24), (160, 48), (40, 10), (39, 9), (0, 0)]);
                News::Resize { columns, rows }
            }
            _ => News::Key(key(&mut self.dice)),
        };
        // Now and then a key is held down, or a paste comes again and again.
        let times = if self.dice.below(60) == 0 { 1 + self.dice.below(30) } else { 1 };
        for _ in 0..times {
            self.presses += usize::from(matches!(news, News::Key(_) | News::Paste(_)));
            self.take(news.clone());
            self.now += SignedDuration::from_millis(33);
        }
    }
}

/// A quarter of a million, in one environment.
fn a_quarter_million(seed: u64, environment: Environment, readonly: bool) {
    let mut day = Day::new(seed, environment, readonly);
    while day.presses < 250_000 {
        day.step();
    }
    assert!(day.armings > 5_000, "it was armed {} times only", day.armings);
    assert!(day.most >= 3, "at most {} characters were right", day.most);
    let screens = [Screen::Overview, Screen::Secrets, Screen::Audit, Screen::Backends, Screen::Rotation];
    let wanted = ["", "field", "help", "palette", "armed", "shut", "hold", "release"];
    for (screen, over) in screens.into_iter().flat_map(|screen| wanted.map(|over| (screen, over))) {
        // To find from the overview or a rotation opens the audit; a session that looks only is never asked for a reason.
        let never = (over == "field" && matches!(screen, Screen::Overview | Screen::Rotation))
            || (readonly && ["hold", "release"].contains(&over));
        assert!(never || day.stood.contains(&format!("{screen:?} {over}")), "it never stood at {screen:?} {over}");
    }
    assert!(!day.stood.iter().any(|stood| stood.ends_with("sent")));
}

#[test]
fn random_keys_and_pastes_fire_nothing_in_qa() {
    a_quarter_million(0x0bad_5eed, Environment::Qa, false);
}

#[test]
fn random_keys_and_pastes_fire_nothing_in_paper() {
    a_quarter_million(0x1234_5678_9abc, Environment::Paper, false);
}

#[test]
fn random_keys_and_pastes_fire_nothing_in_production() {
    a_quarter_million(0x0dd_ba11, Environment::Production, false);
}

#[test]
fn random_keys_and_pastes_fire_nothing_in_a_demo_that_looks_only() {
    a_quarter_million(0xfeed_f00d_cafe, Environment::Demo, true);
}

#[test]
fn with_a_complete_code_standing_nothing_but_ctrl_x_fires() {
    let mut day = Day::new(77, Environment::Production, false);
    for _ in 0..3_000 {
        let codes = codes(day.environment, day.dice.below(256) as u8);
        day.now += SignedDuration::from_secs(90);
        update(&mut day.model, News::Tick, day.now);
        update(&mut day.model, News::Key(Key::plain(Code::Esc)), day.now);
        assert_eq!(update(&mut day.model, News::Key(Key::ctrl('x')), day.now), [Effect::Arm]);
        update(&mut day.model, News::Armed(codes.clone()), day.now);
        day.codes = Some(codes.clone());
        for c in codes.of(day.dice.of(&[Level::Stop, Level::Halt])).chars() {
            day.now += SignedDuration::from_millis(300);
            day.take(News::Key(Key::char(c)));
        }
        assert!(
            matches!(&day.model.overlay, Some(Overlay::KillSwitch(Dialog::Armed { guard, .. })) if guard.missing() == 0)
        );
        // What may follow by mistake; a code that was closed and typed anew would be no mistake.
        for _ in 0..20 {
            let news = match key(&mut day.dice) {
                key if key.normal() == Key::ctrl('x') => News::Paste(paste(&mut day.dice, day.codes.as_ref())),
                key => News::Key(key),
            };
            day.now += SignedDuration::from_millis(50);
            day.take(news);
        }
    }
}
