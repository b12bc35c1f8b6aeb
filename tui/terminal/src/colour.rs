//! How many colours the terminal has, and what becomes of a colour it hasn't got.
//!
//! Pure: flag and environment are arguments. It never asks the terminal and never changes a named colour into
//! a palette number: `38;5;n` is sent only where 256 colours were found, `38;2` only where all were.

use ratatui::style::Color;
use zeroize::DefaultIsZeroes;

/// How many colours may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorMode {
    /// None: bold, underline and reverse only.
    Mono,
    /// The sixteen named colours, as `30`–`37` and `90`–`97`.
    Ansi16,
    /// The sixteen, and the palette as `38;5;n`.
    Ansi256,
    /// All of these, and any colour as `38;2;r;g;b`.
    True,
}

/// The values of `--color`; no flag means the environment decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorFlag {
    /// `never`
    Never,
    /// `16`
    Sixteen,
    /// `256`
    TwoFiveSix,
    /// `true`
    True,
}

impl ColorFlag {
    /// The words of the flag, in the order in which help shows them.
    pub const WORDS: [&'static str; 4] = ["never", "16", "256", "true"];

    /// Reads a word of the flag; `None` for any other.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "never" => Some(Self::Never),
            "16" => Some(Self::Sixteen),
            "256" => Some(Self::TwoFiveSix),
            "true" => Some(Self::True),
            _ => None,
        }
    }
}

impl ColorMode {
    /// Chooses the depth: the flag, else `NO_COLOR` (set and not empty), else `COLORTERM` and `TERM`.
    pub fn choose(
        flag: Option<ColorFlag>,
        no_color: Option<&str>,
        term: Option<&str>,
        colorterm: Option<&str>,
    ) -> Self {
        match flag {
            Some(ColorFlag::Never) => return Self::Mono,
            Some(ColorFlag::Sixteen) => return Self::Ansi16,
            Some(ColorFlag::TwoFiveSix) => return Self::Ansi256,
            Some(ColorFlag::True) => return Self::True,
            None if no_color.is_some_and(|value| !value.is_empty()) => return Self::Mono,
            None => {}
        }
        let named = Self::of_term(term.unwrap_or_default());
        let direct = matches!(colorterm, Some("truecolor" | "24bit"));
        // COLORTERM travels with ssh and sudo into terminals it was not meant for; what has no colour by name
        // has none, and the Linux console rounds 38;2 to its sixteen badly.
        if direct && named > Self::Mono && term != Some("linux") { Self::True } else { named }
    }

    fn of_term(term: &str) -> Self {
        const DIRECT: [&str; 6] = ["alacritty", "foot", "wezterm", "xterm-kitty", "xterm-ghostty", "contour"];
        if term.is_empty() || term == "dumb" || is_vt(term) || term.ends_with("-mono") || term.ends_with("-m") {
            Self::Mono
        } else if term.ends_with("-direct") || DIRECT.contains(&term) {
            Self::True
        } else if term.ends_with("-256color") || term.ends_with("-256") {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }
}

/// Tells a DEC terminal by its name: `vt100`, `vt220-8bit`, but not `vte-256color`.
pub(crate) fn is_vt(term: &str) -> bool {
    term.strip_prefix("vt").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A colour as it will be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hue {
    /// The user's own.
    #[default]
    Default,
    /// One of the sixteen.
    Named(u8),
    /// A palette number, 16 to 255.
    Palette(u8),
    /// Red, green, blue.
    Direct(u8, u8, u8),
}

impl DefaultIsZeroes for Hue {}

impl Hue {
    /// Maps a colour to one this depth has.
    pub(crate) fn of(color: Color, mode: ColorMode) -> Self {
        if mode == ColorMode::Mono {
            return Self::Default;
        }
        match color {
            Color::Reset => Self::Default,
            Color::Black => Self::Named(0),
            Color::Red => Self::Named(1),
            Color::Green => Self::Named(2),
            Color::Yellow => Self::Named(3),
            Color::Blue => Self::Named(4),
            Color::Magenta => Self::Named(5),
            Color::Cyan => Self::Named(6),
            Color::Gray => Self::Named(7),
            Color::DarkGray => Self::Named(8),
            Color::LightRed => Self::Named(9),
            Color::LightGreen => Self::Named(10),
            Color::LightYellow => Self::Named(11),
            Color::LightBlue => Self::Named(12),
            Color::LightMagenta => Self::Named(13),
            Color::LightCyan => Self::Named(14),
            Color::White => Self::Named(15),
            Color::Indexed(n @ 0..=15) => Self::Named(n),
            Color::Indexed(n) if mode == ColorMode::Ansi16 => Self::Named(nearest(palette(n), 0..16)),
            Color::Indexed(n) => Self::Palette(n),
            Color::Rgb(r, g, b) => match mode {
                ColorMode::True => Self::Direct(r, g, b),
                ColorMode::Ansi256 => Self::Palette(nearest((r, g, b), 16..256)),
                _ => Self::Named(nearest((r, g, b), 0..16)),
            },
        }
    }

    /// Appends the SGR parameters that select it; `ground` is 30 for the foreground, 40 for the background.
    pub(crate) fn push_sgr(self, ground: u8, params: &mut Vec<u8>) {
        use std::io::Write;
        let _ = match self {
            Self::Default => write!(params, "{}", ground + 9),
            Self::Named(n @ 0..=7) => write!(params, "{}", ground + n),
            Self::Named(n) => write!(params, "{}", ground + 52 + n),
            Self::Palette(n) => write!(params, "{};5;{n}", ground + 8),
            Self::Direct(r, g, b) => write!(params, "{};2;{r};{g};{b}", ground + 8),
        };
    }
}

/// xterm's default sixteen; users change them, so this is a guess good enough to choose a neighbour by.
const SIXTEEN: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

/// The colour of a palette number: sixteen named, a cube of 6x6x6, 24 greys.
fn palette(n: u8) -> (u8, u8, u8) {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    match n {
        0..=15 => SIXTEEN[usize::from(n)],
        16..=231 => {
            let n = usize::from(n - 16);
            (STEPS[n / 36], STEPS[n / 6 % 6], STEPS[n % 6])
        }
        _ => {
            let grey = 8 + 10 * (n - 232);
            (grey, grey, grey)
        }
    }
}

/// The nearest of these palette numbers, red and green weighing more than blue as the eye has it.
fn nearest(wanted: (u8, u8, u8), among: std::ops::Range<u16>) -> u8 {
    let distance = |n: u8| {
        let have = palette(n);
        let square = |a: u8, b: u8| (i32::from(a) - i32::from(b)).pow(2);
        3 * square(wanted.0, have.0) + 4 * square(wanted.1, have.1) + 2 * square(wanted.2, have.2)
    };
    among.map(|n| n as u8).min_by_key(|n| distance(*n)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColorMode::*;

    #[test]
    fn depth_comes_from_flag_then_no_color_then_the_terminal() {
        let table = [
            (None, None, Some("xterm-256color"), None, Ansi256),
            (None, None, Some("xterm-256color"), Some("truecolor"), True),
            (None, None, Some("xterm-256color"), Some("24bit"), True),
            (None, None, Some("xterm-256color"), Some("yes"), Ansi256),
            (None, None, Some("xterm"), None, Ansi16),
            (None, None, Some("linux"), None, Ansi16),
            (None, None, Some("linux"), Some("truecolor"), Ansi16),
            (None, None, Some("screen"), None, Ansi16),
            (None, None, Some("tmux-256color"), None, Ansi256),
            (None, None, Some("xterm-kitty"), None, True),
            (None, None, Some("xterm-direct"), None, True),
            (None, None, Some("vt100"), None, Mono),
            (None, None, Some("vt220"), Some("truecolor"), Mono),
            (None, None, Some("vte-256color"), None, Ansi256),
            (None, None, Some("dumb"), None, Mono),
            (None, None, Some(""), None, Mono),
            (None, None, None, Some("truecolor"), Mono),
            (None, Some("1"), Some("xterm-256color"), Some("truecolor"), Mono),
            (None, Some(""), Some("xterm-256color"), None, Ansi256),
            (Some(ColorFlag::True), Some("1"), Some("vt100"), None, True),
            (Some(ColorFlag::TwoFiveSix), None, Some("vt100"), None, Ansi256),
            (Some(ColorFlag::Sixteen), None, Some("xterm-256color"), None, Ansi16),
            (Some(ColorFlag::Never), None, Some("xterm-256color"), Some("truecolor"), Mono),
        ];
        for (flag, no_color, term, colorterm, wanted) in table {
            let got = ColorMode::choose(flag, no_color, term, colorterm);
            assert_eq!(got, wanted, "{flag:?} {no_color:?} {term:?} {colorterm:?}");
        }
    }

    #[test]
    fn flag_words_are_read() {
        let read: Vec<_> = ColorFlag::WORDS.iter().filter_map(|word| ColorFlag::parse(word)).collect();
        assert_eq!(read, [ColorFlag::Never, ColorFlag::Sixteen, ColorFlag::TwoFiveSix, ColorFlag::True]);
        assert_eq!(ColorFlag::parse("auto"), None);
    }

    fn sgr(color: Color, mode: ColorMode, ground: u8) -> String {
        let mut params = Vec::new();
        Hue::of(color, mode).push_sgr(ground, &mut params);
        String::from_utf8(params).unwrap()
    }

    #[test]
    fn named_colours_are_the_sixteen_in_every_mode() {
        for mode in [Ansi16, Ansi256, True] {
            assert_eq!(sgr(Color::Red, mode, 30), "31");
            assert_eq!(sgr(Color::Gray, mode, 30), "37");
            assert_eq!(sgr(Color::DarkGray, mode, 30), "90");
            assert_eq!(sgr(Color::White, mode, 30), "97");
            assert_eq!(sgr(Color::Black, mode, 40), "40");
            assert_eq!(sgr(Color::LightBlue, mode, 40), "104");
            assert_eq!(sgr(Color::Indexed(9), mode, 30), "91");
            assert_eq!(sgr(Color::Reset, mode, 40), "49");
        }
    }

    #[test]
    fn deep_colours_come_down_to_what_there_is() {
        assert_eq!(sgr(Color::Rgb(1, 2, 3), True, 30), "38;2;1;2;3");
        assert_eq!(sgr(Color::Rgb(255, 135, 0), Ansi256, 40), "48;5;208");
        assert_eq!(sgr(Color::Rgb(250, 10, 10), Ansi16, 30), "91");
        assert_eq!(sgr(Color::Rgb(128, 128, 128), Ansi256, 30), "38;5;244");
        assert_eq!(sgr(Color::Indexed(208), Ansi256, 30), "38;5;208");
        assert_eq!(sgr(Color::Indexed(196), Ansi16, 30), "91");
        assert_eq!(sgr(Color::Indexed(232), Ansi16, 40), "40");
    }

    #[test]
    fn shallow_modes_never_make_a_deep_colour() {
        for n in 0..=255u8 {
            for color in [Color::Indexed(n), Color::Rgb(n, 255 - n, n / 2)] {
                assert!(matches!(Hue::of(color, Ansi16), Hue::Named(_)));
                assert_eq!(Hue::of(color, Mono), Hue::Default);
                assert!(matches!(Hue::of(color, Ansi256), Hue::Named(_) | Hue::Palette(_)));
            }
        }
    }
}
