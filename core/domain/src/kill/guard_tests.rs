//! Codes that can't be mistaken for each other, and a guard that nothing but a complete one opens.

use super::super::testing::wall;
use super::*;
use Environment::{Demo, Paper, Production, Qa};
use Level::{Halt, Stop};
use proptest::prelude::*;

const PLACES: [Environment; 4] = [Qa, Paper, Production, Demo];

/// `P3 K7QX` and `P4 H9DW`.
fn codes() -> Codes {
    let letter =
        |c: u8| u8::try_from(ALPHABET.iter().position(|letter| *letter == c).expect("a letter")).expect("small");
    let random: Vec<u8> = b"KH79QDXW".iter().map(|c| letter(*c)).collect();
    Codes::draw(Production, &random).expect("enough")
}

fn armed() -> Guard {
    Guard::arm(codes(), wall(0))
}

/// Types a text, one character each 100 ms.
fn typed(guard: &mut Guard, text: &str, from: i64) -> Vec<Typed> {
    text.chars().zip((from..).step_by(100)).map(|(c, ms)| guard.press(c, wall(ms))).collect()
}

#[test]
fn codes_are_shown_in_two_parts_and_read_with_blanks_and_small_letters() {
    let codes = codes();
    assert_eq!((codes.of(Stop), codes.of(Halt)), ("P3K7QX", "P4H9DW"));
    assert_eq!((&*codes.shown(Stop), &*codes.shown(Halt)), ("P3 K7QX", "P4 H9DW"));
    for (typed, level) in [
        ("P3K7QX", Some(Stop)),
        (" p4 h9 dw\n", Some(Halt)),
        ("P3K7Q", None),
        ("P3K7QXX", None),
        ("Q3K7QX", None),
        ("P3H9DW", None),
        ("", None),
    ] {
        assert_eq!(codes.level(typed), level, "{typed:?}");
    }
}

#[test]
fn too_little_randomness_gives_no_codes() {
    assert_eq!(Codes::draw(Qa, &[]), None);
    assert_eq!(Codes::draw(Qa, &[0; 64]), None, "the same again and again");
    assert_eq!(Codes::draw(Qa, &[255; 64]), None, "no letter is more likely than another");
}

#[test]
fn a_complete_code_sends_its_level() {
    for (code, level) in [("P3K7QX", Stop), ("p4 h9dw", Halt)] {
        let mut guard = armed();
        typed(&mut guard, code, 300);
        assert_eq!((guard.sends(wall(1_000)), guard.missing(), guard.leads_to()), (Some(level), 0, Some(level)));
        assert_eq!(guard.press('3', wall(1_100)), Typed::Ignored, "it is complete");
        guard.back();
        assert_eq!((guard.sends(wall(1_200)), guard.typed().len()), (None, 5));
    }
}

#[test]
fn nothing_counts_in_the_first_moment() {
    let mut guard = armed();
    assert_eq!(typed(&mut guard, "P3", 199), [Typed::Ignored, Typed::Ignored]);
    assert_eq!((guard.typed(), guard.missing()), ("", LENGTH));
    assert_eq!(guard.press('P', wall(300)), Typed::Taken);
}

#[test]
fn a_held_key_and_an_ordinary_word_lead_nowhere() {
    for text in ["PPPPP", "33333", "yyyy", "quit\r", "P33333"] {
        let mut guard = armed();
        let typed = typed(&mut guard, text, 300);
        assert!(guard.typed().len() <= 2 && !typed.iter().skip(2).any(|typed| *typed == Typed::Taken), "{text}");
    }
}

#[test]
fn too_many_wrong_characters_close_it_for_good() {
    let mut guard = armed();
    assert_eq!(typed(&mut guard, "zzzz", 300), [Typed::Wrong, Typed::Wrong, Typed::Wrong, Typed::Disarmed]);
    assert!(typed(&mut guard, &"P3K7QX".repeat(60), 1_000).iter().all(|typed| *typed == Typed::Disarmed));
    assert_eq!((guard.sends(wall(2_000)), guard.typed()), (None, ""));
}

#[test]
fn it_closes_twenty_seconds_after_the_last_right_character() {
    let mut guard = armed();
    assert_eq!(guard.ends_at(), wall(20_000));
    typed(&mut guard, "P3K7QX", 10_000);
    assert_eq!((guard.ends_at(), guard.sends(wall(30_499))), (wall(30_500), Some(Stop)));
    assert_eq!(guard.sends(wall(30_500)), None);
    let mut late = armed();
    assert_eq!(late.press('P', wall(20_000)), Typed::Disarmed, "a right character doesn't open it again");
    assert_eq!((late.ends_at(), late.typed()), (wall(20_000), ""));
    let mut wrong = armed();
    wrong.press('z', wall(19_000));
    assert_eq!(wrong.ends_at(), wall(20_000), "a wrong one keeps nothing open");
}

#[test]
fn it_closes_sixty_seconds_after_arming_whatever_is_typed() {
    let mut guard = armed();
    for (c, at) in "P3K7QX".chars().zip([10_000, 20_000, 30_000, 40_000, 50_000, 59_000]) {
        assert_eq!(guard.press(c, wall(at)), Typed::Taken);
    }
    assert_eq!(
        (guard.ends_at(), guard.sends(wall(59_999)), guard.sends(wall(60_000))),
        (wall(60_000), Some(Stop), None)
    );
}

proptest! {
    #[test]
    fn codes_differ_at_every_random_place(random in proptest::collection::vec(any::<u8>(), 0..128), place in 0usize..4) {
        let Some(codes) = Codes::draw(PLACES[place], &random) else {
            return Ok(());
        };
        let [stop, halt] = [Stop, Halt].map(|level| codes.of(level).chars().collect::<Vec<char>>());
        prop_assert_eq!((stop.len(), halt.len()), (LENGTH, LENGTH));
        prop_assert_eq!((stop[0], halt[0], stop[1], halt[1]), (letter(PLACES[place]), letter(PLACES[place]), '3', '4'));
        for at in 1..LENGTH {
            prop_assert_ne!(stop[at], halt[at]);
        }
        for code in [&stop, &halt] {
            prop_assert!(code.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", code);
            prop_assert!(code[2..].iter().all(|c| ALPHABET.contains(&u8::try_from(*c).unwrap_or(0))));
        }
        for other in PLACES.into_iter().filter(|other| *other != PLACES[place]) {
            let others = Codes::draw(other, &random).expect("the same bytes");
            prop_assert_eq!((others.level(codes.of(Stop)), others.level(codes.of(Halt))), (None, None));
        }
    }

    /// Sixty-four different bytes: a letter that may not come next is there three times at most.
    #[test]
    fn sixty_four_bytes_are_plenty(random in Just((0u8..64).collect::<Vec<u8>>()).prop_shuffle(), place in 0usize..4) {
        prop_assert!(Codes::draw(PLACES[place], &random).is_some());
    }

    /// Whatever is typed, whenever: it sends nothing but what a complete code in time chose.
    #[test]
    fn nothing_but_a_complete_code_sends(
        keys in proptest::collection::vec((proptest::char::any(), "[P34K7QXH9DWpz ]", any::<bool>(), 0i64..3_000), 0..60),
    ) {
        let (mut guard, mut ms, mut right, mut wrong) = (armed(), 0, 0, 0);
        for (any, near, back, pause) in keys {
            ms += pause;
            if back {
                guard.back();
            }
            let key = if any.is_ascii_lowercase() { any } else { near.chars().next().unwrap_or(any) };
            match guard.press(key, wall(ms)) {
                Typed::Taken => right = ms,
                Typed::Wrong | Typed::Disarmed => wrong += 1,
                Typed::Ignored => {}
            }
            prop_assert!(guard.typed().len() + guard.missing() == LENGTH);
            match guard.sends(wall(ms)) {
                Some(level) => {
                    let codes = codes();
                    prop_assert_eq!(guard.typed(), codes.of(level));
                    prop_assert!((300..60_000.min(right + 20_000)).contains(&ms) && wrong <= 3);
                }
                None => prop_assert!(guard.missing() > 0 || wrong > 3 || ms >= 60_000 || ms >= right + 20_000),
            }
        }
    }
}
