//! Text that wants to break the screen, sizes that have no room, and where the cursor is.

mod common;

use common::{bad, demo, kill, line, now, press, quiet, row_text, text};
use jiff::SignedDuration;
use quarterdeck_app::{Model, News, Screen, Value, update};
use quarterdeck_domain::severity::Severity;
use quarterdeck_panes::{BUILT_IN, Options, Theme, draw_frame};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

const SCREENS: [Screen; 5] = [Screen::Overview, Screen::Secrets, Screen::Audit, Screen::Backends, Screen::Rotation];

fn draw(model: &Model, columns: u16, rows: u16) -> (Buffer, Option<Position>) {
    let area = Rect::new(0, 0, columns, rows);
    let mut buffer = Buffer::empty(area);
    let cursor = draw_frame(model, &Theme::default(), Options::default(), area, &mut buffer);
    (buffer, cursor)
}

/// What a hostile program may write into one field of its audit line.
const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}[1;1HFORGED",
    "\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "a\rb\nc\td\u{8}\u{8}",
    "\u{202e}drowssap\u{2066}",
    "zero\u{200b}\u{200d}\u{feff}width\u{301}\u{301}\u{301}",
    "\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f1e9}\u{1f1ea} \u{fe0f}",
    "\u{e0041}\u{e0042}\u{3164}\u{2800}\u{ad}",
    "14:03:20 info     alpha-us SECRET_READ       prod/forged ok",
];

#[test]
fn hostile_text_shifts_no_column_and_brings_no_control_character() {
    for hostile in HOSTILE {
        for (columns, rows) in [(80, 24), (160, 48), (41, 12)] {
            let mut model = quiet(columns, rows);
            let plain = line("14:03:26", Severity::Info, "bob", "SECRET_READ", "prod/x", "ok");
            let wild = line("14:03:26", Severity::Major, hostile, hostile, hostile, hostile);
            update(&mut model, News::Lines(vec![plain.clone(), wild, plain]), now());
            press(&mut model, "3");
            let (buffer, _) = draw(&model, columns, rows);
            for y in 0..rows {
                let row = row_text(&buffer, y);
                let width = unicode_width::UnicodeWidthStr::width(row.as_str());
                assert_eq!(width, usize::from(columns), "{hostile:?}: {row:?}");
                assert!(row.chars().all(quarterdeck_domain::sanitise::is_plain), "{hostile:?}: {row:?}");
            }
            // The lines beside it stand where they stand without it.
            let last = rows - 3;
            assert_eq!(row_text(&buffer, last), row_text(&buffer, last - 2), "{hostile:?}");
            let column = row_text(&buffer, last).find("SECRET_READ").filter(|_| columns >= 80);
            assert!(columns < 80 || column.is_some());
        }
    }
}

#[test]
fn hostile_names_messages_and_details_are_harmless_too() {
    for hostile in HOSTILE {
        let mut model = quiet(100, 30);
        let mut rows = common::secrets();
        rows[0].name = (*hostile).to_owned();
        rows[0].warnings = vec![(*hostile).to_owned()];
        let mut backends = common::backends();
        backends[0].name = (*hostile).to_owned();
        backends[0].stderr_tail = vec![(*hostile).to_owned()];
        backends[0].error = Some(((*hostile).to_owned(), (*hostile).to_owned()));
        update(&mut model, News::Secrets(rows), now());
        update(&mut model, News::Backends(backends), now());
        for screen in SCREENS {
            model = common::on(model, screen);
            update(&mut model, News::Paste((*hostile).to_owned()), now());
            update(&mut model, News::Failed(quarterdeck_app::Message::plain(*hostile)), now());
            let (buffer, _) = draw(&model, 100, 30);
            for y in 0..30 {
                let row = row_text(&buffer, y);
                assert!(row.chars().all(quarterdeck_domain::sanitise::is_plain), "{screen:?}: {row:?}");
                assert_eq!(unicode_width::UnicodeWidthStr::width(row.as_str()), 100, "{screen:?}: {row:?}");
            }
        }
    }
}

#[test]
fn hostile_engines_and_people_are_harmless_in_every_state_and_dialog_of_the_switch() {
    for (index, hostile) in HOSTILE.iter().enumerate() {
        for (place, row) in kill::every().into_iter().enumerate() {
            // Each text meets every state and every dialog, in a third of their pairs.
            let turn = |number: &usize| (index + place + number).is_multiple_of(3);
            for (number, scene) in kill::SCENES.iter().enumerate().filter(|(number, _)| turn(number)) {
                let row = kill::hostile(hostile, row.clone());
                let sizes = [(80, 24), (160, 48), (40, 10), (30, 4), (64, 14), (100, 30)];
                let (columns, rows) = sizes[(index + place + number) % sizes.len()];
                let model = scene(quiet(columns, rows), row);
                let (buffer, cursor) = draw(&model, columns, rows);
                assert!(cursor.is_none_or(|cursor| buffer.area.contains(cursor)), "{cursor:?}");
                for y in 0..rows {
                    let row = row_text(&buffer, y);
                    assert!(row.chars().all(quarterdeck_domain::sanitise::is_plain), "{hostile:?}: {row:?}");
                    let width = unicode_width::UnicodeWidthStr::width(row.as_str());
                    assert_eq!(width, usize::from(columns), "{hostile:?}: {row:?}");
                }
            }
        }
    }
}

#[test]
fn every_state_and_dialog_of_the_switch_is_drawn_at_every_size() {
    let scenes: Vec<Model> = kill::every()
        .into_iter()
        .flat_map(|row| kill::SCENES.iter().map(move |scene| scene(quiet(80, 24), row.clone())))
        .collect();
    for (index, (columns, rows)) in sizes().enumerate() {
        let mut model = scenes[(index * 7) % scenes.len()].clone();
        let now = model.now;
        update(&mut model, News::Resize { columns, rows }, now);
        let (buffer, cursor) = draw(&model, columns, rows);
        assert!(cursor.is_none_or(|cursor| buffer.area.contains(cursor)), "{columns}x{rows}: {cursor:?}");
    }
}

/// Every width with the heights that matter, every height with the widths that matter, and what no screen has.
fn sizes() -> impl Iterator<Item = (u16, u16)> {
    const HEIGHTS: [u16; 13] = [1, 2, 3, 4, 9, 10, 11, 13, 17, 24, 31, 48, 60];
    const WIDTHS: [u16; 17] = [1, 2, 7, 8, 39, 40, 55, 56, 69, 70, 79, 80, 109, 110, 129, 130, 200];
    let all_widths = (1..=200).flat_map(|columns| HEIGHTS.map(|rows| (columns, rows)));
    let all_heights = (1..=60).flat_map(|rows| WIDTHS.map(|columns| (columns, rows)));
    all_widths.chain(all_heights).chain([(500, 200), (0, 0)])
}

#[test]
fn every_size_is_drawn_and_the_cursor_stays_inside() {
    let scenes: Vec<Model> = [quiet(80, 24), bad(80, 24), demo(80, 24)]
        .into_iter()
        .flat_map(|model| SCREENS.map(|screen| common::on(model.clone(), screen)))
        .flat_map(|model| ["", "?", ":", "^X", "/", "Enter", "H", "L"].map(|keys| (model.clone(), keys)))
        .map(|(mut model, keys)| {
            if !keys.is_empty() {
                press(&mut model, keys);
            }
            model
        })
        .collect();
    for (index, (columns, rows)) in sizes().enumerate() {
        // Each size meets two scenes, each scene meets many sizes.
        for scene in [index % scenes.len(), (index * 7 + 3) % scenes.len()] {
            let mut model = scenes[scene].clone();
            update(&mut model, News::Resize { columns, rows }, now());
            let (buffer, cursor) = draw(&model, columns, rows);
            if let Some(cursor) = cursor {
                assert!(buffer.area.contains(cursor), "{columns}x{rows}: {cursor:?}");
            }
        }
    }
}

#[test]
fn a_frame_stays_inside_the_area_it_is_given() {
    let model = quiet(80, 24);
    let mut buffer = Buffer::filled(Rect::new(0, 0, 100, 40), ratatui::buffer::Cell::new("Z"));
    let area = Rect::new(10, 5, 80, 24);
    draw_frame(&model, &Theme::default(), Options::default(), area, &mut buffer);
    for (x, y) in (0..100).flat_map(|x| (0..40).map(move |y| (x, y))) {
        let inside = area.contains(Position::new(x, y));
        let untouched = buffer.cell((x, y)).is_some_and(|cell| cell.symbol() == "Z");
        assert!(inside || untouched, "{x},{y}");
    }
}

#[test]
fn the_cursor_is_on_the_selected_row_or_in_the_field() {
    let mut model = quiet(80, 24);
    press(&mut model, "2 j j");
    let (buffer, cursor) = draw(&model, 80, 24);
    let cursor = cursor.expect("a row is selected");
    assert!(row_text(&buffer, cursor.y).starts_with("> broker.password"));
    press(&mut model, "/ a b");
    let (buffer, cursor) = draw(&model, 80, 24);
    let cursor = cursor.expect("a field is open");
    assert!(row_text(&buffer, cursor.y).starts_with(" search names > ab "));
    assert_eq!(cursor.x, 18);
}

#[test]
fn a_value_is_on_the_screen_for_ten_seconds_and_on_no_other() {
    let mut model = demo(80, 24);
    press(&mut model, "v");
    let (name, layer) = ("prod/trader/ibkr-api-key".to_owned(), "aws".to_owned());
    let value = Value::new("CANARY-7731".to_owned());
    update(&mut model, News::Revealed { name, layer, value, until: jiff::Timestamp::MAX }, now());
    assert!(text(&model, false).contains("CANARY-7731"));
    assert!(text(&model, false).contains("hidden again in 10 s"));
    assert!(!format!("{model:?}").contains("CANARY"), "Debug says ***");
    update(&mut model, News::Tick, now() + SignedDuration::from_millis(9_999));
    assert!(text(&model, false).contains("hidden again in 1 s"));
    let mut elsewhere = model.clone();
    press(&mut elsewhere, "1");
    assert!(!text(&elsewhere, false).contains("CANARY"));
    update(&mut model, News::Tick, now() + SignedDuration::from_secs(10));
    assert!(!text(&model, false).contains("CANARY"));
    assert!(text(&model, false).contains("************"));
}

#[test]
fn the_newest_line_is_last_and_a_new_one_moves_all_others_up_by_one() {
    let mut model = quiet(80, 24);
    press(&mut model, "3");
    let (before, _) = draw(&model, 80, 24);
    let new = line("14:03:26", Severity::Info, "bob", "SECRET_READ", "prod/x", "ok");
    update(&mut model, News::Lines(vec![new]), now());
    let (after, _) = draw(&model, 80, 24);
    for y in 4..21 {
        assert_eq!(row_text(&after, y), row_text(&before, y + 1), "row {y}");
    }
    assert!(row_text(&after, 21).contains("bob"));
}

#[test]
fn every_theme_draws_the_same_text() {
    let model = bad(120, 40);
    let area = Rect::new(0, 0, 120, 40);
    let texts: Vec<Vec<String>> = BUILT_IN
        .iter()
        .map(|(name, _)| {
            let mut buffer = Buffer::empty(area);
            draw_frame(
                &model,
                &Theme::built_in(name).expect("a built-in theme"),
                Options::default(),
                area,
                &mut buffer,
            );
            (0..40).map(|y| row_text(&buffer, y)).collect()
        })
        .collect();
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A fixed walk over keys and sizes: what the table of scenes doesn't think of.
#[test]
fn a_long_walk_of_keys_over_all_sizes_is_drawn_without_a_panic() {
    const KEYS: &str = "1 2 3 6 j k g G ^D ^U h l Enter Esc / n N Tab e E w W = v y r u m b : ? q a o p Down Up Left \
                        PgDn PgUp Backspace ^X ^U H L 7 R S B A T D N C U";
    let keys: Vec<&str> = KEYS.split_whitespace().collect();
    let mut model = demo(80, 24);
    update(&mut model, News::Rotations(common::rotation::every()), now());
    let mut seed: u32 = 7;
    let mut next = |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..3_000 {
        press(&mut model, keys[next(keys.len() as u32) as usize]);
        if step % 5 == 0 {
            let (columns, rows) = (next(170) as u16, next(52) as u16);
            update(&mut model, News::Resize { columns, rows }, now());
        }
        if step % 97 == 0 {
            update(&mut model, News::Resize { columns: 80, rows: 24 }, now());
            let severity = Severity::WORST_FIRST[next(4) as usize];
            update(&mut model, News::Lines(vec![line("14:03:20", severity, "a", "K", "r", "ok")]), now());
        }
        let (buffer, cursor) = draw(&model, model.size.columns, model.size.rows);
        assert!(cursor.is_none_or(|cursor| buffer.area.contains(cursor)), "step {step}");
        seen.insert(format!("{:?} {}", model.screen, model.overlay.is_some()));
    }
    assert_eq!(seen.len(), 10, "the walk came to every screen, with and without something over it: {seen:?}");
}
