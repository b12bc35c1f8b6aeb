//! Holds the encoder to a terminal: whatever frames are drawn, an emulator fed with its bytes shows every cell.
//! And to its budget, in bytes.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::*;
use crate::ColorMode;

/// A terminal and what writes on it.
struct Bench {
    encoder: Encoder,
    grid: Grid,
    features: Features,
    terminal: vt100::Parser,
}

impl Bench {
    fn new(cols: u16, rows: u16) -> Self {
        let features = Features { colours: ColorMode::True, ..Features::default() };
        let mut terminal = vt100::Parser::new(rows, cols, 0);
        terminal.process(b"\x1b[?25l");
        Self { encoder: Encoder::new(features), grid: Grid::default(), features, terminal }
    }

    /// Shows a frame and returns the bytes it took.
    fn show(&mut self, buffer: &Buffer, cursor: Option<(u16, u16)>) -> Vec<u8> {
        let (rows, cols) = self.terminal.screen().size();
        let mut out = Vec::new();
        self.grid.read(buffer, (cols, rows), &self.features);
        self.encoder.encode(&mut self.grid, cursor, &mut out);
        self.terminal.process(&out);
        out
    }

    /// Compares every cell, glyph and style, and the cursor.
    fn check(&self, buffer: &Buffer, cursor: Option<(u16, u16)>) -> Result<(), TestCaseError> {
        let screen = self.terminal.screen();
        for y in 0..buffer.area.height {
            let mut x = 0;
            while x < buffer.area.width {
                let (want, have) = (&buffer[(x, y)], screen.cell(y, x).unwrap());
                let wide = unicode_width::UnicodeWidthStr::width(want.symbol()) == 2;
                let spelt = if wide && x + 1 == buffer.area.width { " " } else { want.symbol() };
                prop_assert_eq!(have.contents().trim_end(), spelt.trim_end(), "glyph at {},{}", x, y);
                let blank = spelt.trim_end().is_empty();
                let on_blank = Modifier::UNDERLINED | Modifier::REVERSED;
                let told = !blank || want.modifier.intersects(on_blank);
                prop_assert_eq!(have.bgcolor(), vt_color(want.bg), "background at {},{}", x, y);
                prop_assert_eq!(have.underline(), want.modifier.contains(Modifier::UNDERLINED));
                prop_assert_eq!(have.inverse(), want.modifier.contains(Modifier::REVERSED), "reverse at {},{}", x, y);
                if told {
                    prop_assert_eq!(have.fgcolor(), vt_color(want.fg), "foreground at {},{}", x, y);
                    prop_assert_eq!(have.bold(), want.modifier.contains(Modifier::BOLD), "bold at {},{}", x, y);
                    prop_assert_eq!(have.dim(), want.modifier.contains(Modifier::DIM), "dim at {},{}", x, y);
                    prop_assert_eq!(have.italic(), want.modifier.contains(Modifier::ITALIC));
                }
                x += if wide { 2 } else { 1 };
            }
        }
        prop_assert_eq!(screen.hide_cursor(), cursor.is_none());
        if let Some((x, y)) = cursor {
            prop_assert_eq!(screen.cursor_position(), (y, x));
        }
        Ok(())
    }
}

fn vt_color(color: Color) -> vt100::Color {
    match color {
        Color::Reset => vt100::Color::Default,
        Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        Color::Indexed(n) => vt100::Color::Idx(n),
        Color::Red => vt100::Color::Idx(1),
        Color::Green => vt100::Color::Idx(2),
        Color::DarkGray => vt100::Color::Idx(8),
        Color::Gray => vt100::Color::Idx(7),
        Color::LightGreen => vt100::Color::Idx(10),
        other => panic!("{other:?} isn't drawn here"),
    }
}

/// A change between two frames.
#[derive(Clone, Debug)]
enum Act {
    Text(u16, u16, String, Style),
    /// A wide glyph where only half of it fits.
    Border(u16),
    Fill(Rect, Style),
    Scroll(u16, u16, i16),
    Clear,
    Resize(u16, u16),
    Lose,
}

fn style() -> impl Strategy<Value = Style> {
    let colours = [Color::Reset, Color::Red, Color::LightGreen, Color::Gray, Color::Indexed(99), Color::Rgb(1, 2, 3)];
    let colour = || prop::sample::select(&[Color::Reset, Color::Reset, Color::Reset][..]).boxed();
    let any = prop::sample::select(colours.to_vec());
    let weight = prop::sample::select(vec![Modifier::empty(), Modifier::empty(), Modifier::BOLD, Modifier::DIM]);
    let marks = prop::sample::select(vec![
        Modifier::empty(),
        Modifier::empty(),
        Modifier::REVERSED,
        Modifier::UNDERLINED,
        Modifier::ITALIC,
        Modifier::REVERSED.union(Modifier::UNDERLINED),
    ]);
    (prop_oneof![colour(), any.clone().boxed()], prop_oneof![colour(), any.boxed()], weight, marks).prop_map(
        |(fg, bg, weight, marks)| {
            Style::new().fg(fg).bg(bg).remove_modifier(Modifier::all()).add_modifier(weight | marks)
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let text = prop_oneof![
        4 => "[a-z0-9 ]{1,40}".boxed(),
        1 => "[ ]{1,90}".boxed(),
        1 => "[東京a ─█é]{1,12}".boxed(),
        1 => Just("e\u{301}x n\u{303}\u{32d}".to_owned()).boxed(),
    ];
    let (x, y) = (0..90u16, 0..30u16);
    prop_oneof![
        6 => (x.clone(), y.clone(), text, style()).prop_map(|(x, y, text, style)| Act::Text(x, y, text, style)),
        1 => (x, y.clone(), 1..60u16, 1..6u16, style()).prop_map(|(x, y, w, h, s)| Act::Fill(Rect::new(x, y, w, h), s)),
        3 => (y.clone(), y, -5..=5i16).prop_map(|(a, b, by)| Act::Scroll(a.min(b), a.max(b), by)),
        1 => (0..30u16).prop_map(Act::Border),
        1 => Just(Act::Clear),
        1 => (1..90u16, 1..30u16).prop_map(|(cols, rows)| Act::Resize(cols, rows)),
        1 => Just(Act::Lose),
    ]
}

fn perform(act: &Act, buffer: &mut Buffer) {
    let area = buffer.area;
    match act {
        Act::Text(x, y, text, style) => {
            buffer.set_string(x % area.width, y % area.height, text, *style);
        }
        Act::Border(y) => {
            buffer[(area.width - 1, y % area.height)].set_symbol("東");
        }
        Act::Fill(rect, style) => buffer.set_style(rect.intersection(area), *style),
        Act::Scroll(top, bottom, by) => {
            let (top, bottom) = (top % area.height, (bottom % area.height).max(top % area.height));
            let old = buffer.clone();
            for y in top..=bottom {
                let from = i32::from(y) + i32::from(*by);
                for x in 0..area.width {
                    let inside = (i32::from(top)..=i32::from(bottom)).contains(&from);
                    buffer[(x, y)] = if inside { old[(x, from as u16)].clone() } else { Default::default() };
                }
            }
        }
        Act::Clear => buffer.reset(),
        Act::Resize(cols, rows) => *buffer = Buffer::empty(Rect::new(0, 0, *cols, *rows)),
        Act::Lose => {}
    }
    repair(buffer);
}

/// Text over the middle of a wide glyph leaves half of it; a buffer that a widget drew has none.
fn repair(buffer: &mut Buffer) {
    for y in 0..buffer.area.height {
        for x in 1..buffer.area.width {
            let wide = unicode_width::UnicodeWidthStr::width(buffer[(x - 1, y)].symbol()) == 2;
            if wide && buffer[(x, y)].symbol() != " " {
                buffer[(x - 1, y)].set_symbol(" ");
            }
            if unicode_width::UnicodeWidthStr::width(buffer[(x - 1, y)].symbol()) == 2 {
                let style = buffer[(x - 1, y)].style();
                buffer[(x, y)].set_style(style);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_frames_are_shown_cell_by_cell(
        size in prop::sample::select(vec![(80u16, 24u16), (80, 24), (33, 9), (1, 1), (2, 3), (120, 40)]),
        frames in prop::collection::vec((prop::collection::vec(act(), 1..4), prop::option::of((0..90u16, 0..30u16))), 1..14),
    ) {
        let mut bench = Bench::new(size.0, size.1);
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        for (acts, cursor) in frames {
            for act in &acts {
                perform(act, &mut buffer);
                match act {
                    Act::Resize(cols, rows) => {
                        bench.terminal.screen_mut().set_size(*rows, *cols);
                        bench.encoder.lose();
                    }
                    Act::Lose => {
                        bench.terminal.process(b"\x1b[H\x1b[41m#\x1b[2;3r\x1b[7m");
                        bench.encoder.lose();
                    }
                    _ => {}
                }
            }
            let cursor = cursor.map(|(x, y)| (x % buffer.area.width, y % buffer.area.height));
            bench.show(&buffer, cursor);
            bench.check(&buffer, cursor)?;
            prop_assert_eq!(bench.show(&buffer, cursor), b"", "a frame that changes nothing costs nothing");
        }
    }

    #[test]
    fn no_cell_can_hold_a_command(symbols in prop::collection::vec("\\PC{0,3}|[\\x00-\\x1f\\x7f\\u{80}-\\u{9f}]{1,4}|[\\u{200b}-\\u{200f}\\u{202a}-\\u{202e}]a", 1..40)) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        for (cell, symbol) in buffer.content.iter_mut().zip(&symbols) {
            cell.set_symbol(symbol);
        }
        let mut grid = Grid::default();
        for ascii in [false, true] {
            grid.read(&buffer, (20, 2), &Features { ascii, ..Features::default() });
            let mut text = Vec::new();
            (0..grid.rows).for_each(|y| grid.row(y).iter().filter(|glyph| !glyph.is_half()).for_each(|glyph| glyph.push(&mut text)));
            let text = String::from_utf8(text).unwrap();
            // U+2010 to U+2027 between them are hyphens, dashes and quotation marks, which may be shown.
            let unseen = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
            prop_assert!(!text.chars().any(|c| c.is_control() || unseen(c)), "{:?}", text);
            prop_assert!(!ascii || text.is_ascii());
        }
    }
}

/// A screen such as the overview: bands, a list, a tail.
fn overview(cols: u16, rows: u16, first_line: usize, selected: usize, clock: &str) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, cols, rows));
    let band = Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
    buffer.set_style(Rect::new(0, 0, cols, 1), band);
    buffer.set_string(0, 0, "## PRODUCTION ## alice (trader) ## look only", band);
    buffer.set_string(cols - 11, 0, clock, band);
    buffer.set_string(1, 1, "TRADING normal    engines 3/3    backends 4/4    journal ok #48231", Style::new());
    let rule = "─".repeat(usize::from(cols) - 24);
    buffer.set_string(0, 2, format!("── SECRETS 12, next due {rule}"), Color::DarkGray);
    for row in 0..8u16 {
        let chosen = usize::from(row) == selected;
        let style = if chosen { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        let mark = if chosen { "▸" } else { " " };
        buffer.set_string(0, 3 + row, mark, style);
        buffer.set_string(2, 3 + row, format!("prod/trader/secret-{row:<8}  aws  v{row}"), Style::new());
        buffer.set_string(40, 3 + row, "██████▌   ", Color::Green);
        buffer.set_string(52, 3 + row, format!("{row} d 04 h  ok"), Style::new());
    }
    buffer.set_string(0, 11, "── AUDIT following ──", Color::DarkGray);
    for row in 12..rows - 1 {
        let line = first_line + usize::from(row);
        buffer.set_string(0, row, format!("14:{:02}:{:02} ", line / 60 % 60, line % 60), Color::DarkGray);
        let (word, colour) = if line.is_multiple_of(7) { ("CRITICAL", Color::Red) } else { ("info", Color::Reset) };
        buffer.set_string(9, row, word, colour);
        buffer.set_string(
            18,
            row,
            format!("alpha-us SECRET_READ      prod/rds/password-{line}   ok 38 ms"),
            Color::Reset,
        );
    }
    buffer.set_style(Rect::new(0, rows - 1, cols, 1), Modifier::REVERSED);
    buffer.set_string(0, rows - 1, "## ^X STOP TRADING ## 2 secrets 3 audit ? help", Modifier::REVERSED);
    buffer
}

const SIZES: [(u16, u16, usize); 2] = [(80, 24, 3200), (160, 48, 7000)];

#[test]
fn first_paint_is_cheap() {
    for (cols, rows, most) in SIZES {
        let mut bench = Bench::new(cols, rows);
        let bytes = bench.show(&overview(cols, rows, 0, 0, "14:03:27Z"), Some((0, 3))).len();
        assert!(bytes <= most, "{cols}x{rows}: {bytes} bytes");
    }
}

#[test]
fn a_tick_of_the_clock_is_an_address_and_a_digit() {
    for (cols, rows, _) in SIZES {
        for cursor in [None, Some((0, 3))] {
            let mut bench = Bench::new(cols, rows);
            bench.show(&overview(cols, rows, 0, 0, "14:03:21Z"), cursor);
            let mut cost = Vec::new();
            for second in 22..30 {
                let frame = overview(cols, rows, 0, 0, &format!("14:03:{second}Z"));
                cost.push(bench.show(&frame, cursor).len());
                bench.check(&frame, cursor).unwrap();
            }
            assert!(cost[2..].iter().all(|bytes| *bytes <= 12), "{cols}x{rows}, cursor {cursor:?}: {cost:?}");
        }
    }
}

#[test]
fn a_line_in_the_tail_scrolls_it() {
    for (cols, rows, _) in SIZES {
        for cursor in [None, Some((0, 3))] {
            let mut bench = Bench::new(cols, rows);
            bench.show(&overview(cols, rows, 0, 0, "14:03:21Z"), cursor);
            let mut cost = Vec::new();
            for line in 1..30 {
                let frame = overview(cols, rows, line, 0, &format!("14:03:{:02}Z", line / 5));
                let bytes = bench.show(&frame, cursor);
                bench.check(&frame, cursor).unwrap();
                assert!(!bytes.windows(8).any(|part| part == b"\x1b[?2026h"), "a scrolled frame isn't bracketed");
                cost.push(bytes.len());
                // Where undoing the margins leaves the cursor isn't the same everywhere.
                let text = String::from_utf8(bytes).unwrap();
                let after = text.split_once("\x1b[r").map(|(_, after)| after.to_owned()).unwrap();
                let last = after.strip_prefix("\x1b[").and_then(|way| way.chars().find(|c| c.is_ascii_alphabetic()));
                assert!(after.is_empty() || last == Some('H'), "{after:?}");
            }
            let most = cost.iter().max().unwrap();
            assert!(*most <= 150, "{cols}x{rows}, cursor {cursor:?}: {cost:?}");
        }
    }
}

#[test]
fn what_scrolls_in_has_the_users_own_background() {
    let mut bench = Bench::new(80, 24);
    let mut last_pen_on_red = |first: usize| {
        let mut frame = overview(80, 24, first, 0, "14:03:21Z");
        frame.set_string(60, 23, "red", Style::new().bg(Color::Red));
        bench.show(&frame, None)
    };
    last_pen_on_red(0);
    // Terminals fill a line that comes in with the background in hand; the emulator here doesn't.
    let bytes = last_pen_on_red(1);
    assert!(bytes.starts_with(b"\x1b[m\x1b[13;23r"), "{}", bytes.escape_ascii());
}

#[test]
fn a_cursor_on_the_second_half_of_a_wide_glyph_sends_no_half() {
    let mut bench = Bench::new(20, 2);
    let frame = |text: &str| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        buffer.set_string(0, 0, text, Style::new());
        buffer
    };
    bench.show(&frame("東a"), Some((1, 0)));
    let bytes = bench.show(&frame("東b"), Some((1, 0)));
    assert!(!bytes.contains(&0), "{}", bytes.escape_ascii());
    bench.check(&frame("東b"), Some((1, 0))).unwrap();
}

#[test]
fn a_selection_moves_for_the_price_of_its_mark() {
    for (cols, rows, _) in SIZES {
        let mut bench = Bench::new(cols, rows);
        bench.show(&overview(cols, rows, 0, 0, "14:03:21Z"), Some((0, 3)));
        for selected in 1..8u16 {
            let frame = overview(cols, rows, 0, usize::from(selected), "14:03:21Z");
            let cursor = Some((0, 3 + selected));
            let bytes = bench.show(&frame, cursor);
            bench.check(&frame, cursor).unwrap();
            assert!(bytes.len() <= 30, "{cols}x{rows}: {} {:?}", bytes.len(), String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn a_row_whose_style_alone_changed_costs_no_more_than_its_text() {
    let row = |style: Style| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        buffer.set_string(0, 5, "prod/trader/ibkr-api-key", style);
        buffer
    };
    let mut bench = Bench::new(80, 24);
    bench.show(&row(Style::new()), None);
    let bytes = bench.show(&row(Style::new().add_modifier(Modifier::BOLD)), None).len();
    assert!(bytes <= 24 + 10, "{bytes}");
}

#[test]
fn large_frames_are_bracketed_and_small_ones_are_not() {
    let mut bench = Bench::new(80, 24);
    let first = bench.show(&overview(80, 24, 0, 0, "14:03:21Z"), None);
    assert!(first.starts_with(b"\x1b[?2026h") && first.ends_with(b"\x1b[?2026l"));
    let tick = bench.show(&overview(80, 24, 0, 0, "14:03:22Z"), None);
    assert!(!tick.windows(6).any(|part| part == b"[?2026"));
}

#[test]
fn shallow_terminals_get_no_deep_colour_and_mono_none() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 3));
    buffer.set_string(0, 0, "named", Color::Red);
    buffer.set_string(0, 1, "palette", Color::Indexed(208));
    buffer.set_string(0, 2, "direct", Style::new().fg(Color::Rgb(9, 99, 200)).bg(Color::Blue).bold());
    let bytes = |colours| {
        let mut out = Vec::new();
        let features = Features { colours, ..Features::default() };
        let mut grid = Grid::default();
        grid.read(&buffer, (40, 3), &features);
        Encoder::new(features).encode(&mut grid, None, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert!(bytes(ColorMode::True).contains("38;2;9;99;200"));
    assert!(bytes(ColorMode::Ansi256).contains("38;5;208") && !bytes(ColorMode::Ansi256).contains("38;2"));
    assert!(bytes(ColorMode::Ansi16).contains("31") && !bytes(ColorMode::Ansi16).contains("38;"));
    let mono = bytes(ColorMode::Mono);
    let sgr: Vec<&str> = mono.split("\x1b[").filter_map(|part| part.split_once('m').map(|(sgr, _)| sgr)).collect();
    let plain = |sgr: &&str| !sgr.is_empty() && !sgr.contains(|c: char| !c.is_ascii_digit() && c != ';');
    let codes: Vec<&str> = sgr.iter().filter(|sgr| plain(sgr)).flat_map(|sgr| sgr.split(';')).collect();
    assert!(codes.iter().all(|code| ["", "0", "1", "4", "7", "22", "24", "27"].contains(code)), "{codes:?}");
}

#[test]
fn a_vt100_is_sent_nothing_newer() {
    let features = Features { beyond_vt100: false, synchronised: false, colours: ColorMode::Mono, ascii: true };
    let (mut encoder, mut grid, mut out) = (Encoder::new(features), Grid::default(), Vec::new());
    for second in 10..40 {
        let frame = overview(80, 24, second, second % 8, &format!("14:03:{second}Z"));
        grid.read(&frame, (80, 24), &features);
        encoder.encode(&mut grid, None, &mut out);
    }
    assert!(out.is_ascii());
    let text = String::from_utf8(out).unwrap();
    for part in text.split("\x1b[").skip(1) {
        let last = part.chars().find(|c| c.is_ascii_alphabetic()).unwrap();
        assert!("HABCDKJmr".contains(last), "{part:?}");
    }
}

#[test]
fn a_screen_of_no_cells_is_drawn_without_a_panic() {
    let mut bench = Bench::new(10, 2);
    let empty = Buffer::empty(Rect::new(0, 0, 0, 0));
    bench.show(&empty, Some((5, 5)));
    bench.show(&Buffer::empty(Rect::new(0, 0, 500, 200)), Some((499, 199)));
    bench.show(&empty, None);
}
