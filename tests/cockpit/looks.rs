//! Bytes on the wire: colours and characters, as flag, environment and terminal allow. Refuses to trust the picture: a
//! terminal shows nothing of what it forgives.

use crate::house::House;
use std::collections::BTreeSet;

/// Everything that a whole walk through the screens sends.
fn bytes(change: impl FnOnce(&mut House), words: &[&str]) -> Vec<u8> {
    let mut house = House::qa();
    house.feed(&["secrets", "set", "desk.one"], b"a value").expect_status(0);
    house.write("work/secrets.yaml", "desk:\n  two: plain\n");
    change(&mut house);
    let mut screen = house.open(words, 100, 30);
    screen.shows("backends 3/3");
    screen.lists("desk.two");
    screen.press("2", "DETAIL desk.one");
    screen.press("3", "AUDIT");
    screen.press("6", "asked every");
    screen.shows_a_code(4);
    screen.esc("nothing has been sent");
    screen.press("?", "HELP");
    screen.keys("\x03");
    assert_eq!(screen.ends(), 0);
    screen.is_restored();
    screen.sent().to_vec()
}

/// The colours that were sent: `16`, `256`, `true`.
fn colours(bytes: &[u8]) -> BTreeSet<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = BTreeSet::new();
    for part in text.split("\x1b[").skip(1) {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
        if !part[end..].starts_with('m') {
            continue;
        }
        let mut numbers = part[..end].split(';').map(|number| number.parse::<u16>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                38 | 48 => match numbers.next() {
                    Some(5) => _ = (found.insert("256"), numbers.next()),
                    _ => _ = (found.insert("true"), numbers.nth(2)),
                },
                30..=37 | 40..=47 | 90..=97 | 100..=107 => _ = found.insert("16"),
                _ => {}
            }
        }
    }
    found
}

#[track_caller]
fn is_ascii(bytes: &[u8]) {
    let wide = bytes.iter().position(|byte| *byte > 0x7f);
    let around = wide.map(|at| bytes[at.saturating_sub(20)..(at + 20).min(bytes.len())].escape_ascii().to_string());
    assert_eq!(around, None, "a byte above 0x7f");
}

#[test]
fn no_color_means_none_and_every_word_is_still_there() {
    let by_variable = bytes(|house| house.set_var("NO_COLOR", "1"), &[]);
    let by_flag = bytes(|_| {}, &["--color", "never"]);
    assert!(colours(&by_variable).is_empty() && colours(&by_flag).is_empty());
    for word in ["PLAIN TEXT", ".. QA .."] {
        assert!(String::from_utf8_lossy(&by_flag).contains(word), "{word}");
    }
}

#[test]
fn no_more_colours_are_sent_than_asked_for() {
    assert!(!colours(&bytes(|_| {}, &["--color", "16"])).iter().any(|depth| *depth != "16"));
    assert!(!colours(&bytes(|_| {}, &["--color", "256"])).contains("true"));
    let linux = bytes(|house| house.set_var("TERM", "linux"), &[]);
    assert!(!colours(&linux).iter().any(|depth| *depth != "16"), "{:?}", colours(&linux));
    assert!(!colours(&linux).is_empty(), "a console has sixteen");
}

#[test]
fn a_vt100_gets_ascii_without_colour_and_nothing_it_doesnt_know() {
    let sent = bytes(|house| house.set_var("TERM", "vt100"), &[]);
    is_ascii(&sent);
    assert!(colours(&sent).is_empty());
    assert!(!sent.windows(8).any(|part| part == b"\x1b[?2026h"));
}

#[test]
fn ascii_by_flag_by_configuration_and_by_locale() {
    is_ascii(&bytes(|_| {}, &["--ascii"]));
    is_ascii(&bytes(|house| house.configure("[screen]\nascii = true\n"), &[]));
    is_ascii(&bytes(|house| house.set_var("LANG", "C"), &[]));
}

#[test]
fn themes_are_built_in_or_a_file_of_ones_own() {
    for theme in ["dark", "light", "monochrome", "deuteranopia"] {
        assert!(!bytes(|_| {}, &["--theme", theme]).is_empty());
    }
    let own = |house: &mut House| _ = house.write("home/.config/quarterdeck/themes/mine.toml", "inherits = \"dark\"\n");
    assert!(!bytes(own, &["--theme", "mine"]).is_empty());
}

#[test]
fn the_terminal_is_never_asked_anything() {
    let sent = bytes(|_| {}, &[]);
    for question in [&b"\x1b[c"[..], b"\x1b[6n", b"\x1b]10;?", b"\x1b]11;?", b"\x1b[?u", b"$p", b"\x1b[>"] {
        assert!(!sent.windows(question.len()).any(|part| part == question), "{}", question.escape_ascii());
    }
}
