//! What the kill-switch's panes promise: a quiet stop is still, codes can be read at any size, nothing old looks fresh,
//! and nobody is offered a fourth thing to do.

mod common;

use common::{at, bad, kill, now, press, quiet, row_text, text};
use jiff::SignedDuration;
use quarterdeck_app::{Access, Model, News, update};
use quarterdeck_domain::kill::{EngineRow, EngineStanding, KillRow, SwitchState};
use quarterdeck_panes::{Options, Theme, draw_frame};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn told(model: &mut Model, row: KillRow, when: &str) {
    let when = at(when);
    update(model, News::Alive, when);
    update(model, News::Kill(Box::new(kill::beating(row, when))), when);
}

/// The cells that differ, each with its row and column.
fn changed(before: &Model, after: &Model) -> Vec<(u16, u16)> {
    let area = Rect::new(0, 0, before.size.columns, before.size.rows);
    let draw = |model: &Model| {
        let mut buffer = Buffer::empty(area);
        draw_frame(model, &Theme::default(), Options::default(), area, &mut buffer);
        buffer
    };
    let (before, after) = (draw(before), draw(after));
    let all = area.rows().flat_map(|row| row.columns()).map(|cell| (cell.x, cell.y));
    all.filter(|cell| before.cell(*cell) != after.cell(*cell)).map(|(x, y)| (y, x)).collect()
}

#[test]
fn in_a_quiet_stop_a_second_changes_the_countdown_and_the_clock_alone() {
    // No place for a tail's own ages, which step.
    for (columns, rows) in [(80, 24), (100, 30), (160, 48)] {
        let mut before = quiet(columns, rows);
        told(&mut before, kill::stopped(), "2026-05-04T14:03:31Z");
        let mut after = before.clone();
        told(&mut after, kill::stopped(), "2026-05-04T14:03:32Z");
        let shown = text(&before, false);
        let row_of = |word: &str| shown.lines().position(|row| row.contains(word)).map(|row| row as u16);
        let audit = row_of("AUDIT").expect("the tail has a heading");
        let (first, last) = match row_of("left of 5:00").expect("a countdown") {
            row if columns < 130 => (row, row),
            row => (row - 3, row + 1),
        };
        let cells = changed(&before, &after);
        let stray: Vec<_> =
            cells.iter().filter(|(row, _)| *row != 0 && *row != audit && !(first..=last).contains(row)).collect();
        assert!(stray.is_empty(), "{columns}x{rows}: {stray:?}");
        let digits = cells.iter().filter(|(row, _)| (first..=last).contains(row)).count();
        assert!((1..=20).contains(&digits), "{columns}x{rows}: one digit changes, {digits} cells did");
    }
}

#[test]
fn a_beat_and_a_deadline_that_trembles_change_nothing_within_the_second() {
    for (columns, rows) in [(80, 24), (160, 48)] {
        let mut model = quiet(columns, rows);
        update(&mut model, News::Kill(Box::new(kill::stopped())), now());
        let before = model.clone();
        for tremble in [-9, 0, 9] {
            let mut row = kill::beating(kill::stopped(), now());
            row.deadline_at = row.deadline_at.map(|at| at + SignedDuration::from_millis(tremble));
            update(&mut model, News::Kill(Box::new(row)), now());
            assert_eq!(changed(&before, &model), [], "{columns}x{rows} {tremble}");
        }
    }
}

#[test]
fn the_codes_and_what_is_typed_can_be_read_on_any_screen_of_thirty_columns() {
    for columns in 30..=200 {
        for rows in [1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 16, 24, 28, 40] {
            let model = kill::typed(kill::armed(bad(columns, rows)), "p3k");
            let shown = text(&model, true).replace("P3  ", "P3 ").replace("P4  ", "P4 ");
            for code in ["P3 K7QX", "P4 H9DW"] {
                assert!(shown.contains(code), "{columns}x{rows}: {shown}");
            }
            {
                assert!(shown.contains("P3 K_ _ _"), "{columns}x{rows}: {shown}");
            }
            if rows > 3 {
                assert!(shown.contains("will STOP, 3"), "{columns}x{rows}: {shown}");
            }
        }
    }
    // Narrower, they stand under each other.
    let shown = text(&kill::typed(kill::armed(bad(14, 5)), "p4"), true);
    assert!(shown.contains("P3 K7QX STOP") && shown.contains("P4 H9DW HALT"), "{shown}");
}

#[test]
fn the_second_row_says_what_counts_on_every_screen_in_words() {
    let rows = [
        (kill::normal(), "TRADING normal"),
        (kill::stopped(), "TRADING STOPPED LEVEL 3"),
        (kill::held(), "TRADING HELD LEVEL 3"),
        (kill::halting(), "TRADING HALTING LEVEL 4"),
        (kill::flat(), "TRADING HALTED FLAT"),
        (kill::residual(), "TRADING HALTED NOT FLAT"),
        (kill::unknown(), "TRADING UNKNOWN"),
        (kill::never(), "TRADING UNKNOWN"),
    ];
    for (row, word) in rows {
        for screen in ["1", "2", "3", "6"] {
            for (columns, height) in [(40, 10), (80, 24), (160, 48)] {
                let mut model = kill::with(quiet(columns, height), row.clone());
                press(&mut model, screen);
                let shown = text(&model, true);
                let second = shown.lines().nth(1).expect("a second row");
                assert!(second.contains(word), "{word} on {screen} at {columns}x{height}: {second}");
            }
        }
    }
    let unknown = common::empty(quarterdeck_domain::environment::Environment::Qa, 80, 24);
    assert!(text(&unknown, true).contains(" TRADING unknown "));
}

#[test]
fn what_was_not_refreshed_has_a_question_mark_and_is_said_aloud() {
    let mut model = kill::with(quiet(80, 24), kill::normal());
    // The rest of the screen lives, and nothing is heard of the switch.
    update(&mut model, News::Alive, now() + SignedDuration::from_secs(40));
    let shown = text(&model, true);
    assert!(shown.contains("TRADING normal ?"), "{shown}");
    assert!(shown.contains("engines 3/3 ?"), "{shown}");
    assert!(shown.contains("SWITCH STALE 40 s"), "{shown}");
    let bad = text(&bad(80, 24), true);
    assert!(bad.contains("5 ?        3 ?"), "{bad}");
}

#[test]
fn what_the_journal_does_not_know_is_said_in_the_second_row() {
    for (columns, rows) in [(40, 10), (80, 24), (160, 48)] {
        let row = KillRow { unjournalled: Some("no space left on device".into()), ..kill::stopped() };
        let shown = text(&kill::with(quiet(columns, rows), row), true);
        assert!(shown.lines().nth(1).is_some_and(|row| row.contains("UNJOURNALLED")), "{shown}");
    }
}

#[test]
fn nobody_who_could_hold_is_said_before_level_3_is_sent_and_after() {
    for (columns, rows) in [(64, 16), (80, 24), (100, 30)] {
        let row = KillRow { can_hold: Vec::new(), ..kill::normal() };
        let model = kill::armed(kill::with(quiet(columns, rows), row));
        assert!(text(&model, true).contains("NOBODY CAN HOLD"), "{columns}x{rows}");
    }
    let shown = text(&kill::with(quiet(80, 24), kill::stopped_alone()), true);
    assert!(shown.contains("NOBODY CAN HOLD"), "{shown}");
    assert!(shown.contains("9 positions can't be closed before 20:30:00Z"), "{shown}");
}

#[test]
fn there_are_three_things_to_do_at_most_and_the_desk_is_called_for_what_does_not_answer() {
    let states = [
        kill::stopped_bad(),
        kill::held(),
        kill::halting(),
        kill::flat(),
        kill::residual(),
        kill::unknown(),
        kill::stopped_alone(),
    ];
    for row in states {
        let state = row.state;
        let needs_desk =
            row.engines.iter().any(|engine| engine.standing.is_bad()) && state != SwitchState::EmergencyHalt;
        for (columns, rows) in [(60, 24), (80, 24), (160, 48)] {
            let shown = text(&kill::with(quiet(columns, rows), row.clone()), true);
            let count = shown.lines().filter(|row| row.starts_with("  DO 1  ") || row.starts_with("     2  ")).count();
            assert!(!shown.contains("     4  "), "{state:?}: {shown}");
            assert!(count <= 2, "{state:?}: {shown}");
            assert!(!needs_desk || shown.contains("+1 203 555 0142"), "{state:?}: {shown}");
        }
    }
}

#[test]
fn a_number_is_never_cut_to_another_number() {
    let mut row = kill::stopped();
    if let Some(beat) = &mut row.engines[0].beat {
        beat.resting_orders = Some(u64::MAX);
        beat.positions = Some(1_234_567);
    }
    row.engines[1].beat.as_mut().expect("a beat").resting_orders = None;
    row.engines[2].beat = None;
    for (columns, rows) in [(40, 24), (60, 24), (80, 24), (160, 48)] {
        let shown = text(&kill::with(quiet(columns, rows), row.clone()), true);
        let line = shown.lines().find(|line| line.contains(">99999"));
        let line = line.unwrap_or_else(|| panic!("{columns}x{rows}: {shown}"));
        assert_eq!(line.matches(">99999").count(), 2, "{line}");
    }
}

#[test]
fn of_many_engines_the_worst_stand_first_and_the_rest_are_counted() {
    let mut row = kill::stopped_bad();
    let good: EngineRow = row.engines[1].clone();
    row.engines.extend((0..40).map(|index| EngineRow { name: format!("engine-{index:02}"), ..good.clone() }));
    for (columns, rows) in [(80, 24), (100, 40), (160, 48)] {
        let model = kill::with(quiet(columns, rows), row.clone());
        let shown = text(&model, true);
        assert!(shown.contains("! beta-us "), "{shown}");
        assert!(shown.contains(" more, none worse"), "{shown}");
        assert!(shown.contains("AUDIT"), "{shown}");
        let dialog = text(&kill::armed(model), true);
        assert!(dialog.contains("! beta-us ") && dialog.contains(" more\n"), "{dialog}");
    }
}

#[test]
fn every_standing_has_its_own_word_and_those_to_look_at_a_mark() {
    let standings = [
        EngineStanding::Silent,
        EngineStanding::Defying,
        EngineStanding::Residual,
        EngineStanding::Late,
        EngineStanding::Trading,
        EngineStanding::Idle,
        EngineStanding::Blocked,
        EngineStanding::Flat,
    ];
    for standing in standings {
        let mut row = kill::stopped();
        row.engines.truncate(1);
        row.engines[0].standing = standing;
        let shown = text(&kill::with(quiet(100, 30), row), true);
        let line = shown.lines().find(|line| line.contains("alpha-us    ****4789")).expect("the engine's row");
        assert!(line.contains(standing.word()), "{line}");
        assert_eq!(line.starts_with('!'), standing.is_bad(), "{line}");
    }
}

#[test]
fn the_cursor_is_in_the_code_then_in_the_reason() {
    let draw = |model: &Model| {
        let area = Rect::new(0, 0, model.size.columns, model.size.rows);
        let mut buffer = Buffer::empty(area);
        let cursor = draw_frame(model, &Theme::default(), Options { ascii: true }, area, &mut buffer);
        (buffer, cursor.expect("a field is open"))
    };
    for (columns, rows) in [(160, 48), (80, 24), (40, 10), (30, 4)] {
        let model = kill::typed(kill::armed(quiet(columns, rows)), "p3k7");
        let (buffer, cursor) = draw(&model);
        let row = row_text(&buffer, cursor.y);
        assert!(row[..usize::from(cursor.x)].ends_with("P3 K7"), "{row}");
        assert!(row[usize::from(cursor.x)..].starts_with("_ _"), "{row}");
        let sent = kill::fired(quiet(columns, rows), "p3k7qx", Some(kill::out()), kill::stopped());
        let (buffer, cursor) = draw(&kill::typed(sent, "why"));
        let row = row_text(&buffer, cursor.y);
        assert!(row[..usize::from(cursor.x)].ends_with("> why"), "{row}");
    }
}

#[test]
fn every_engine_to_call_for_is_named_with_its_own_number_the_one_that_trades_on_first() {
    let mut row = kill::stopped();
    let standings = [EngineStanding::Silent, EngineStanding::Silent, EngineStanding::Defying];
    row.engines.iter_mut().zip(standings).for_each(|(engine, standing)| engine.standing = standing);
    row.phones.insert("beta-us".into(), "+49 69 555 0100".into());
    for (columns, rows) in [(80, 24), (100, 30), (160, 48)] {
        let shown = text(&kill::with(quiet(columns, rows), row.clone()), true);
        let line =
            |start: &str| shown.lines().position(|line| line.contains(start)).unwrap_or_else(|| panic!("{shown}"));
        let first = line("  DO 1  stop gamma-eu at the broker: desk +1 203 555 0142");
        assert_eq!(line("stop alpha-us at the broker: desk +1 203 555 0142"), first + 1, "{shown}");
        assert_eq!(line("stop beta-us at the broker: desk +49 69 555 0100"), first + 2, "{shown}");
        assert!(line("! gamma-eu ") < line("! alpha-us "), "{shown}");
    }
    // The dialog names the number of the worst.
    row.phones.insert("gamma-eu".into(), "+852 5550 0199".into());
    let armed = text(&kill::armed(kill::with(quiet(160, 48), row.clone())), true);
    assert!(armed.contains("+852 5550 0199, account ****4790"), "{armed}");
    // Each with another number: three lines, and the rest is counted.
    let more = EngineRow { name: "delta-jp".into(), ..row.engines[0].clone() };
    row.engines.push(more);
    row.phones.insert("delta-jp".into(), "+81 3 5550 0100".into());
    let shown = text(&kill::with(quiet(160, 48), row), true);
    assert!(shown.contains("desk +49 69 555 0100; 1 more"), "{shown}");
}

#[test]
fn what_a_look_only_session_cant_do_is_not_offered_and_its_cause_is_said() {
    let causes = [
        (None, "look only (--readonly)"),
        (Some("nothing can be recorded: no space left on device"), "look only: journal"),
        (Some("the configuration can't be read: line 3"), "look only: configuration"),
        (Some("DP_IBKR__READONLY is on"), "look only: DP_IBKR__READONLY"),
    ];
    for (why, shown_as) in causes {
        for (columns, rows) in [(80, 24), (160, 48)] {
            let mut model = kill::with(quiet(columns, rows), kill::stopped());
            model.setup.access = Access::ReadOnly;
            model.setup.read_only_because = why.map(str::to_owned);
            let shown = text(&model, true);
            assert!(
                (columns < 100 && shown_as.to_lowercase().contains("readonly"))
                    || shown.lines().next().is_some_and(|line| line.contains(shown_as)),
                "{shown}"
            );
            assert!(shown.contains(&format!("alice and bob can, not here: {shown_as}")), "{shown}");
            assert!(!shown.contains("H   hold") && !shown.contains("H hold"), "{shown}");
            press(&mut model, "H");
            let next = why.unwrap_or("it was started with --readonly");
            let shown = text(&model, true);
            let words: Vec<&str> = shown.split_whitespace().collect();
            assert!(words.join(" ").contains(next), "{next}: {shown}");
        }
    }
}

#[test]
fn at_level_3_nobody_is_timed_for_being_flat() {
    let mut row = kill::stopped();
    row.timings.flat = Some(SignedDuration::from_millis(20));
    assert!(!text(&kill::with(quiet(160, 48), row), true).contains("flat 20 ms"));
    assert!(text(&kill::with(quiet(160, 48), kill::flat()), true).contains("flat 2.1 s"));
}

#[test]
fn the_dialog_says_what_it_can_do_and_when_it_shuts_whether_trading_goes_on() {
    let rows = [
        (kill::normal(), "STOP TRADING", "Now: trading is normal."),
        (kill::stopped(), "HALT OR STOP AGAIN", "Now: STOPPED, level 3, by alice at 14:02:09Z, level 4 in"),
        (kill::flat(), "HALT AGAIN", "Now: HALTED FLAT, level 4"),
    ];
    for (row, title, now) in rows {
        let shown = text(&kill::armed(kill::with(quiet(80, 24), row.clone())), true);
        assert!(shown.lines().next().is_some_and(|line| line.contains(title)), "{shown}");
        let row = KillRow { may_not_stop: Some("no".into()), ..row };
        let mut model = kill::with(quiet(80, 24), row);
        press(&mut model, "^X");
        let shown = text(&model, true);
        assert!(shown.contains(now), "{shown}");
    }
}

#[test]
fn when_a_shut_market_opens_is_never_cut() {
    let model = kill::armed(kill::with(quiet(80, 24), kill::residual()));
    let shown = text(&model, true);
    assert!(!shown.contains('\u{2026}') && !shown.contains("SHUT: "), "{shown}");
    let row = KillRow { market: kill::residual().market, ..kill::normal() };
    let shown = text(&kill::armed(kill::with(quiet(80, 24), row)), true);
    assert!(shown.contains("SHUT to 2026-05-05 13:30:00Z: 9 positions can't be closed."), "{shown}");
}
