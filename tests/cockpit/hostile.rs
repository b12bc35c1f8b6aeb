//! Other programs' audit files with everything in them that could disturb a screen, and far too much of it.

use crate::house::House;
use crate::house::screen::Screen;
use std::io::Write;

fn open(house: &House) -> Screen {
    house.configure("[[audit.source]]\nname = \"orders\"\npath = \"orders.jsonl\"\n");
    let mut screen = house.open(&[], 120, 36);
    screen.shows("backends 2/2");
    screen.press("3", "AUDIT");
    screen
}

fn append(house: &House, bytes: &[u8]) {
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(house.path("work/orders.jsonl")).expect("a file");
    file.write_all(bytes).expect("written");
}

fn line(resource: &str) -> String {
    let resource = serde_json::Value::String(resource.to_owned());
    format!(
        "{{\"timestamp\":\"2026-11-20T12:00:00Z\",\"actor\":\"service-role:alpha\",\"resource\":{resource},\
         \"action\":\"READ\",\"result\":\"SUCCESS\"}}\n"
    )
}

/// The frame around the tail is where it was.
#[track_caller]
fn is_undisturbed(screen: &Screen) {
    assert!(screen.row(0).starts_with(".. QA .."), "{}", screen.shown());
    assert!(screen.row(1).contains("TRADING normal"), "{}", screen.shown());
    assert!(screen.row(35).contains("^X STOP TRADING"), "{}", screen.shown());
}

#[test]
fn escape_sequences_bidi_and_bad_bytes_are_shown_as_nothing_worse_than_text() {
    let house = House::qa();
    let mut screen = open(&house);
    let evil = [
        "clear \u{1b}[2J\u{1b}[H\u{1b}[31m",
        "title \u{1b}]2;owned\u{7}\u{9d}0;owned\u{9c}",
        "clipboard \u{1b}]52;c;b3duZWQ=\u{7}",
        "c1 \u{9b}2J\u{85}\u{8d}",
        "bidi \u{202e}\u{2066}gnp.exe\u{2069}\u{200f}",
        "zero \u{200b}\u{feff}\u{2060}width",
        "lines \r\n\n\u{b}\u{c}\u{2028}forged 12:00:00 CRITICAL",
        "bell \u{7}\u{7}\u{8}\u{8}\u{7f}\0",
    ];
    for text in evil {
        append(&house, line(text).as_bytes());
    }
    append(&house, b"{\"timestamp\":\"2026-11-20T12:00:00Z\",\"resource\":\"\xff\xfe\xf0\x9f\"}\n");
    append(&house, b"\x1b[2J\x1b]0;owned\x07 raw, and no JSON \x1bc\n");
    append(&house, line("the-last-one").as_bytes());
    screen.shows("the-last-one");
    is_undisturbed(&screen);
    let sent = String::from_utf8_lossy(screen.sent()).into_owned();
    for wrong in ["owned\x07", "\x1b]52", "\x1bc", "\u{202e}", "\u{9b}", "\u{200b}", "\u{2028}"] {
        assert!(!sent.contains(wrong), "{} was sent", wrong.escape_unicode());
    }
    assert_eq!(
        sent.matches("\x1b[2J").count(),
        sent.matches("\x1b[?1049h").count(),
        "cleared at the start, not by a line"
    );
    // Each of them opens, and the walk over them leaves the frame as it is.
    screen.press("\r", "orders");
    for _ in evil {
        screen.keys("k");
    }
    screen.press("?", "HELP");
    screen.esc("HELP");
    is_undisturbed(&screen);
}

#[test]
fn a_line_of_a_megabyte_is_one_line() {
    let house = House::qa();
    let mut screen = open(&house);
    append(&house, line(&"long ".repeat(200_000)).as_bytes());
    append(&house, line("after-the-long-one").as_bytes());
    screen.shows("after-the-long-one");
    is_undisturbed(&screen);
    screen.press("k\r", "long long");
    is_undisturbed(&screen);
}

#[test]
fn ten_thousand_lines_of_one_instant_all_arrive() {
    let house = House::qa();
    let mut screen = open(&house);
    let lines: String = (0..10_000).map(|number| line(&format!("burst-{number:05}-end"))).collect();
    append(&house, lines.as_bytes());
    screen.shows("burst-09999-end");
    for number in [0, 1, 4_999, 7_777, 9_998] {
        screen.keys(&format!("/\x15burst-{number:05}-end"));
        screen.until("that one line", |shown| {
            shown.contains(&format!("find > burst-{number:05}-end"))
                && shown.matches(&format!("burst-{number:05}-end")).count() >= 2
        });
        screen.keys("\r");
    }
    is_undisturbed(&screen);
}

#[test]
fn a_file_that_comes_late_is_cut_and_is_renamed_goes_on() {
    let house = House::qa();
    let mut screen = open(&house);
    let file = house.path("work/orders.jsonl");
    append(&house, line("late-and-first").as_bytes());
    screen.shows("late-and-first");
    std::fs::rename(&file, house.path("work/orders.jsonl.1")).expect("renamed");
    append(&house, line("after-the-rename").as_bytes());
    screen.shows("after-the-rename");
    std::fs::write(&file, line("after-the-cut")).expect("cut");
    screen.shows("after-the-cut");
    std::fs::remove_file(&file).expect("removed");
    append(&house, line("after-the-removal").as_bytes());
    screen.shows("after-the-removal");
    is_undisturbed(&screen);
}

#[test]
fn names_of_a_hostile_plugin_or_yaml_file_cannot_draw_either() {
    let house = House::qa();
    house.write("work/secrets.yaml", "\"a\\e[2J\\u202e\\x07name\": value\nplain: value\n");
    let mut screen = house.open(&[], 120, 36);
    screen.lists("plain");
    screen.press("2", "SECRETS");
    let sent = String::from_utf8_lossy(screen.sent()).into_owned();
    assert!(!sent.contains('\u{202e}') && !sent.contains("\x07name"), "a name was sent as it is");
    assert!(screen.row(0).starts_with(".. QA .."), "{}", screen.shown());
}
