//! The rotation screen, its questions and the overview while rotations run: held as text at the sizes that matter, in
//! every way in which one stands; and that nothing a program writes about itself breaks it.

mod common;

use common::rotation::{self, plain, plan, plan_row};
use common::{kill, now, planned, press, quiet, rotating, row_text, text, type_text};
use jiff::SignedDuration;
use quarterdeck_app::{Model, News, update};
use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::person::Role;
use quarterdeck_domain::rotate::{Hook, Plan, ReaderRow, RotationRow};
use quarterdeck_panes::{BUILT_IN, Options, Theme, draw_frame};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

type Scene = fn(u16, u16) -> Model;

const IBKR: &str = "prod/trader/ibkr-api-key";
const SIZES: [(u16, u16); 4] = [(80, 24), (100, 30), (160, 48), (40, 10)];

const SCENES: &[(&str, Scene)] = &[
    ("rotation_asked", |columns, rows| after(quiet(columns, rows), "R")),
    ("rotation_plan", |columns, rows| planned(columns, rows, plan_row(plan(IBKR, "aws")))),
    ("rotation_plan_hindered", hindered),
    ("rotation_start", |columns, rows| after(planned(columns, rows, plan_row(plain(IBKR, "aws"))), "S")),
    ("rotation_start_typed", typed),
    ("rotation_set", |columns, rows| rotating(columns, rows, rotation::at_set().row())),
    ("rotation_grace", |columns, rows| rotating(columns, rows, rotation::in_grace().row())),
    ("rotation_back", |columns, rows| after(rotating(columns, rows, rotation::in_grace().row()), "B")),
    ("rotation_overdue", |columns, rows| rotating(columns, rows, rotation::overdue().row())),
    ("rotation_done", |columns, rows| rotating(columns, rows, rotation::done().row())),
    ("rotation_going_back", |columns, rows| rotating(columns, rows, rotation::going_back().row())),
    ("rotation_rolled_back", |columns, rows| rotating(columns, rows, rotation::rolled_back().row())),
    ("rotation_failing", |columns, rows| rotating(columns, rows, rotation::failing().row())),
    ("rotation_stuck", |columns, rows| rotating(columns, rows, rotation::stuck().row())),
    ("rotation_unconfirmed", |columns, rows| rotating(columns, rows, rotation::unconfirmed().row())),
    ("rotation_lost", |columns, rows| rotating(columns, rows, rotation::lost().row())),
    ("rotation_alone", alone),
    ("rotations", |columns, rows| after(overview(columns, rows), "7 j")),
    ("rotations_none", |columns, rows| after(quiet(columns, rows), "7")),
    ("rotations_overview", overview),
    ("rotations_overview_one", |columns, rows| told(quiet(columns, rows), vec![rotation::at_set().row()])),
    ("rotations_leave", |columns, rows| after(told(quiet(columns, rows), vec![unwatched()]), "q")),
];

fn after(mut model: Model, keys: &str) -> Model {
    press(&mut model, keys);
    model
}

fn told(mut model: Model, rows: Vec<RotationRow>) -> Model {
    update(&mut model, News::Rotations(rows), now());
    model
}

fn overview(columns: u16, rows: u16) -> Model {
    told(quiet(columns, rows), rotation::every())
}

fn hindered(columns: u16, rows: u16) -> Model {
    let mut row = plan_row(Plan { confirm: Some(Role::Trader), ..plain(IBKR, "aws") });
    row.approval = Some("Governance signs it; that can't be given yet".into());
    row.hinders = vec!["no watcher runs here: start 'quarterdeck watch', or begin it with --stay in a shell".into()];
    row.warnings = vec!["no source of errors is watched: silence is no proof".into()];
    planned(columns, rows, row)
}

fn typed(columns: u16, rows: u16) -> Model {
    let mut model = after(planned(columns, rows, plan_row(plan(IBKR, "aws"))), "S");
    update(&mut model, News::Paste("CANARY-7731-0123456789-abcdef-x9f2".into()), now());
    press(&mut model, "Enter");
    type_text(&mut model, "monthly");
    model
}

/// Carried by a cockpit, and nobody watches.
fn unwatched() -> RotationRow {
    let mut row = rotation::in_grace().row();
    row.rotation.lease.as_mut().expect("it has one").program = "cockpit".into();
    row
}

fn alone(columns: u16, rows: u16) -> Model {
    let mut model = rotating(columns, rows, unwatched());
    let mut row = kill::normal();
    row.watchers.clear();
    update(&mut model, News::Kill(Box::new(row)), now());
    model
}

#[test]
fn every_scene_looks_as_it_did() {
    for (name, scene) in SCENES {
        let mut page = String::new();
        for (columns, rows) in SIZES {
            for ascii in [true, false] {
                let style = if ascii { "ASCII" } else { "UTF-8" };
                let frame = text(&scene(columns, rows), ascii);
                page.push_str(&format!("{columns}x{rows} {style}\n{frame}\n"));
            }
        }
        insta::assert_snapshot!(*name, page);
    }
}

#[test]
fn every_scene_names_its_environment_and_every_theme_draws_the_same_text() {
    for (name, scene) in SCENES {
        let model = scene(100, 30);
        let area = Rect::new(0, 0, 100, 30);
        let drawn = BUILT_IN.iter().map(|(theme, _)| {
            let mut buffer = Buffer::empty(area);
            let theme = Theme::built_in(theme).expect("a built-in theme");
            draw_frame(&model, &theme, Options { ascii: true }, area, &mut buffer);
            (0..30).map(|y| row_text(&buffer, y)).collect::<Vec<_>>()
        });
        let texts: Vec<_> = drawn.collect();
        assert!(texts[0][0].contains("PRODUCTION"), "{name}");
        assert!(texts.iter().flatten().all(|row| row.is_ascii()), "{name}");
        assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{name}");
    }
}

#[test]
fn a_typed_value_is_never_on_the_screen() {
    for (columns, rows) in [(80, 24), (160, 48), (40, 10)] {
        let shown = text(&typed(columns, rows), true);
        assert!(!shown.contains("CANARY") && !shown.contains("abcdef"), "{shown}");
        assert!(columns == 40 || shown.contains("34 characters, ends in ..x9f2"), "{shown}");
    }
}

#[test]
fn of_grace_only_digits_change_by_the_second() {
    let model = rotating(100, 30, rotation::in_grace().row());
    let mut later = model.clone();
    update(&mut later, News::Alive, now() + SignedDuration::from_secs(1));
    let (before, after) = (text(&model, false), text(&later, false));
    let changed: usize = before.chars().zip(after.chars()).filter(|(a, b)| a != b).count();
    // The clock, what is unlocked, three countdowns and at most a cell of the gauge.
    assert!(changed <= 12, "{changed}: {after}");
    assert!(after.contains("in 5:12") && after.contains("4:48 of 10:00"), "{after}");
}

#[test]
fn what_hinders_what_waits_and_the_keys_are_read_on_eighty_columns() {
    let table: &[(&str, Scene, &[&str])] = &[
        ("hindered", hindered, &["WAITING FOR APPROVAL", "CAN'T BE BEGUN", "It can't be started now"]),
        ("failing", |c, r| rotating(c, r, rotation::failing().row()), &["next try in 8 s", "failed once"]),
        ("set", |c, r| rotating(c, r, rotation::at_set().row()), &["account ****4789", "D done", "N did not work"]),
        ("overdue", |c, r| rotating(c, r, rotation::overdue().row()), &["gamma-eu", "T retire now", "B back"]),
        ("unconfirmed", |c, r| rotating(c, r, rotation::unconfirmed().row()), &["a trader confirms", "C confirm"]),
        ("alone", |c, r| after(alone(c, r), "^D ^D"), &["no watcher is seen"]),
        (
            "leave",
            |c, r| after(alone(c, r), "Esc Esc q"),
            &["R-27: no watcher is seen, and this cockpit isn't there", "quarterdeck watch"],
        ),
    ];
    for (name, scene, wanted) in table {
        let shown = text(&scene(80, 24), true);
        for wanted in *wanted {
            assert!(shown.contains(wanted), "{name}: {wanted}\n{shown}");
        }
    }
}

#[test]
fn a_session_that_looks_only_is_offered_no_key_that_would_be_refused() {
    let mut model = told(quiet(80, 24), vec![rotation::at_set().row()]);
    press(&mut model, "7 Enter");
    let shown = text(&model, true);
    assert!(shown.contains("u unlocks the keys that answer"), "{shown}");
    assert!(!shown.contains("D done"), "{shown}");
}

/// What a fact made of it, in grace without a lease, or carried by nobody.
fn changed(change: impl FnOnce(&mut RotationRow)) -> RotationRow {
    let mut row = rotation::in_grace().row();
    (row.rotation.lease, row.rests, row.carried) = (None, true, true);
    change(&mut row);
    row
}

#[test]
fn what_rests_says_until_when_and_who_goes_on_and_what_nobody_may_carry_here_says_so() {
    let alone = |row: &mut RotationRow| (row.rests, row.carried, row.here, row.waits) = (false, false, false, None);
    let table: &[(RotationRow, &str, &[&str])] = &[
        (changed(|_| ()), "", &["rests until 14:08:40Z, then whoever is open goes on", "this screen, watch-1"]),
        (changed(|row| row.here = false), "", &["goes on: watch-1"]),
        (changed(alone), "", &["nobody carries it on", "your role, trader, can't; watch-1 or a devops'"]),
        (changed(alone), "Esc Esc 1", &["R-27 is carried on by nobody"]),
        (changed(|_| ()), "Esc Esc q", &["R-27: watch-1 goes on at 14:08:40Z."]),
    ];
    for (row, keys, wanted) in table {
        let mut model = rotating(100, 30, row.clone());
        if !keys.is_empty() {
            press(&mut model, keys);
        }
        let shown = text(&model, true);
        for wanted in *wanted {
            assert!(shown.contains(wanted), "{wanted}\n{shown}");
        }
    }
}

#[test]
fn the_way_back_shows_restore_and_an_old_value_that_was_refused_already_is_said() {
    let shown = text(&rotating(100, 30, rotation::rolled_back().row()), true);
    assert!(shown.contains("x restore v14 current again"), "{shown}");
    let mut row = rotation::in_grace().row();
    row.rotation.past[0].note = "WARNING: version 14 is refused already: exit 1".into();
    let shown = text(&rotating(100, 30, row.clone()), true);
    assert!(shown.contains("v14 was refused already when it was checked"), "{shown}");
    let mut model = rotating(100, 30, row);
    press(&mut model, "B");
    assert!(text(&model, true).contains("REFUSED already"), "{}", text(&model, true));
}

#[test]
fn what_others_have_to_do_is_not_called_yours_and_ids_are_short() {
    let mut row = rotation::at_set().row();
    row.rotation.past[1].note = "version 5e0f6f0a-0000-4000-8000-00001c6c8e33 is pending".into();
    let mut model = rotating(80, 24, row);
    let shown = text(&model, true);
    assert!(shown.contains("set is carol's") && !shown.contains("yours"), "{shown}");
    assert!(!shown.contains("5e0f6f0a-0000"), "{shown}");
    press(&mut model, "Esc Esc 1");
    assert!(text(&model, true).contains("R-27 waits for carol: set"), "{}", text(&model, true));
}

// --- harm --------------------------------------------------------------------------------------------------------

const HOSTILE: &[&str] = &[
    "\u{1b}[2J\u{1b}[1;1HFORGED",
    "\u{1b}]0;title\u{7}",
    "a\rb\nc\td\u{8}\u{8}",
    "\u{202e}drowssap\u{2066}",
    "zero\u{200b}\u{200d}\u{feff}width\u{301}\u{301}\u{301}",
    "\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}\u{65e5}\u{672c}\u{8a9e}",
    "\u{e0041}\u{e0042}\u{3164}\u{2800}\u{ad}",
    "",
    " x done    ok\n > retire  now",
];

/// A rotation in which everything that others wrote is this text.
fn hostile(mut row: RotationRow, text: &str) -> RotationRow {
    let person = || Some(Hook::Person { told: text.to_owned(), undo: None });
    let rotation = &mut row.rotation;
    (rotation.by, rotation.why, rotation.plan.from) = (text.into(), text.into(), text.into());
    (rotation.staged, rotation.plan.set, rotation.plan.revoke) = (Some(text.into()), person(), person());
    (rotation.plan.target.name, rotation.plan.target.layer) = (text.into(), text.into());
    for past in &mut rotation.past {
        (past.by, past.note) = (text.into(), text.into());
    }
    if let Some(lease) = &mut rotation.lease {
        (lease.host, lease.program) = (text.into(), text.into());
    }
    if let Some(held) = &mut rotation.held {
        held.readers = vec![text.into(); 3];
    }
    rotation.stuck = rotation.stuck.take().map(|_| text.into());
    row.waits = row.waits.map(|_| text.into());
    row.readers = vec![
        ReaderRow {
            name: text.into(),
            last_read: None,
            version: Some(text.into()),
            errors: Some(u32::MAX),
            last_error: text.into(),
        };
        4
    ];
    row.errors = u32::MAX;
    row
}

fn draw(model: &Model, columns: u16, rows: u16) -> (Buffer, Option<Position>) {
    let area = Rect::new(0, 0, columns, rows);
    let mut buffer = Buffer::empty(area);
    let cursor = draw_frame(model, &Theme::default(), Options::default(), area, &mut buffer);
    (buffer, cursor)
}

#[test]
fn nothing_that_others_write_forges_a_row_or_moves_a_column() {
    for text in HOSTILE {
        for (place, row) in rotation::every().into_iter().enumerate() {
            let row = hostile(row, text);
            for (columns, rows, keys) in
                [(80, 24, ""), (100, 30, "B"), (160, 48, "D"), (80, 24, "Esc"), (100, 30, "Esc Esc q")]
            {
                let mut model = rotating(columns, rows, row.clone());
                if !keys.is_empty() {
                    press(&mut model, keys);
                }
                let (buffer, cursor) = draw(&model, columns, rows);
                assert!(cursor.is_none_or(|cursor| buffer.area.contains(cursor)), "{cursor:?}");
                for y in 0..rows {
                    let row = row_text(&buffer, y);
                    assert!(row.chars().all(quarterdeck_domain::sanitise::is_plain), "{place} {text:?}: {row:?}");
                    let width = unicode_width::UnicodeWidthStr::width(row.as_str());
                    assert_eq!(width, usize::from(columns), "{place} {text:?}: {row:?}");
                }
            }
        }
        let mut plan = plan_row(plan(IBKR, "aws"));
        (plan.warnings, plan.hinders) = (vec![(*text).into(); 3], vec![(*text).into(); 3]);
        plan.steps.iter_mut().for_each(|(_, says)| *says = (*text).into());
        let (buffer, _) = draw(&planned(80, 24, plan), 80, 24);
        for y in 0..24 {
            assert!(row_text(&buffer, y).chars().all(quarterdeck_domain::sanitise::is_plain), "{text:?}");
        }
    }
}

#[test]
fn every_scene_is_drawn_at_every_size() {
    const HEIGHTS: [u16; 10] = [1, 3, 9, 10, 11, 14, 19, 24, 30, 48];
    let sizes = (1..=170).flat_map(|columns| HEIGHTS.map(|rows| (columns, rows))).chain([(500, 200), (0, 0)]);
    for (index, (columns, rows)) in sizes.enumerate() {
        // Each size meets two scenes, each scene meets many sizes.
        for scene in [index % SCENES.len(), (index * 7 + 3) % SCENES.len()] {
            let mut model = SCENES[scene].1(100, 30);
            update(&mut model, News::Resize { columns, rows }, now());
            let (buffer, cursor) = draw(&model, columns, rows);
            assert!(cursor.is_none_or(|cursor| buffer.area.contains(cursor)), "{columns}x{rows}: {cursor:?}");
        }
    }
}

#[test]
fn a_rotation_of_another_environment_says_so_in_its_question() {
    let mut model = common::empty(Environment::Paper, 80, 24);
    update(&mut model, News::Rotations(vec![rotation::unconfirmed().row()]), now());
    press(&mut model, "7 Enter C");
    assert!(text(&model, true).contains("== PAPER == CONFIRM"), "{}", text(&model, true));
}
