//! What the terminal understands, told by its name alone.
//!
//! It never asks the terminal: a late answer would arrive as keystrokes.

use crate::ascii::locale_is_utf8;
use crate::colour::{ColorFlag, ColorMode, is_vt};

/// What may be sent to this terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Colour depth.
    pub colours: ColorMode,
    /// Only bytes up to 0x7f.
    pub ascii: bool,
    /// Knows more than a VT100: erase characters, column and row addressing, switching one attribute off.
    pub beyond_vt100: bool,
    /// A frame may be bracketed as one synchronised update (mode 2026); terminals that don't know it ignore it.
    pub synchronised: bool,
}

impl Features {
    /// Reads the environment through `variable`; `ascii` is the flag `--ascii`, which a DEC terminal or a locale that
    /// isn't UTF-8 implies.
    pub fn choose<'a>(colour_flag: Option<ColorFlag>, ascii: bool, variable: impl Fn(&str) -> Option<&'a str>) -> Self {
        let term = variable("TERM").unwrap_or_default();
        let vt = is_vt(term);
        let colours = ColorMode::choose(colour_flag, variable("NO_COLOR"), variable("TERM"), variable("COLORTERM"));
        Self {
            colours,
            ascii: ascii || vt || !locale_is_utf8(variable("LC_ALL"), variable("LC_CTYPE"), variable("LANG")),
            beyond_vt100: !vt,
            synchronised: !vt && term != "linux",
        }
    }
}

impl Default for Features {
    /// What nearly every terminal of today understands: 256 colours, UTF-8.
    fn default() -> Self {
        Self { colours: ColorMode::Ansi256, ascii: false, beyond_vt100: true, synchronised: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> Features {
        Features::choose(None, false, |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
    }

    #[test]
    fn a_vt100_gets_only_what_a_vt100_had() {
        let vt100 = with(&[("TERM", "vt100"), ("LANG", "C.UTF-8")]);
        let wanted = Features { colours: ColorMode::Mono, ascii: true, beyond_vt100: false, synchronised: false };
        assert_eq!(vt100, wanted);
        assert_eq!(with(&[("TERM", "xterm-256color"), ("LANG", "C.UTF-8")]), Features::default());
        assert!(with(&[("TERM", "vte-256color")]).beyond_vt100);
    }

    #[test]
    fn a_locale_that_is_not_utf8_means_ascii() {
        assert!(with(&[("TERM", "xterm"), ("LANG", "C")]).ascii);
        assert!(Features::choose(None, true, |name| (name == "LANG").then_some("C.UTF-8")).ascii);
    }
}
