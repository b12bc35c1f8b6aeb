//! Themes: named roles in a map, read from TOML once. Refuses a role it doesn't know, and reads no file: the caller
//! gives the texts.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The built-in themes: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("deuteranopia", include_str!("../../../themes/deuteranopia.toml")),
    ("monochrome", include_str!("../../../themes/monochrome.toml")),
];

macro_rules! roles {
    ($($role:ident $name:literal $means:literal;)*) => {
        /// What a piece of the screen is for; a theme says how that looks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role { $(#[doc = $means] $role,)* }

        impl Role {
            /// Every role with its name in a theme's file.
            pub const ALL: &'static [(Role, &'static str)] = &[$((Role::$role, $name)),*];
        }
    };
}

roles! {
    Text "text" "Ordinary text.";
    Muted "muted" "What matters less: units, words between, old things.";
    Strong "strong" "What is read first.";
    Rule "rule" "Lines between panes.";
    Heading "heading" "A pane's name.";
    Label "label" "A column's or a field's name.";
    ProductionBand "production_band" "First and last row in Production.";
    PaperBand "paper_band" "First and last row in Paper.";
    QaBand "qa_band" "First and last row in QA.";
    DemoBand "demo_band" "First and last row in the demo.";
    Danger "danger" "What is wrong and wants a person.";
    DangerBand "danger_band" "The same, where it must not be overlooked.";
    DueSoon "due_soon" "What wants a person soon.";
    Ok "ok" "What is as it should be.";
    Selected "selected" "The selected row.";
    Hit "hit" "What was looked for.";
    Gauge "gauge" "A gauge's full part.";
    GaugeEmpty "gauge_empty" "A gauge's empty part.";
    Key "key" "A key to press.";
    Revealed "revealed" "A secret's value while it stands on the screen.";
    SeverityCritical "severity_critical" "The word CRITICAL.";
    SeverityMajor "severity_major" "The word MAJOR.";
    SeverityMinor "severity_minor" "The word MINOR.";
    SeverityInfo "severity_info" "The word info.";
}

/// A theme, ready to draw with.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    styles: BTreeMap<Role, Style>,
    /// The background that its colours without one were chosen for; only measured, never drawn.
    ground: Option<Color>,
}

/// Why a theme is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThemeError {
    /// Not TOML, or not a theme's TOML.
    Unreadable(String),
    /// There is no such role.
    UnknownRole {
        /// As written.
        role: String,
        /// What may be meant.
        nearest: String,
    },
    /// A colour is none.
    BadColour {
        /// The role.
        role: String,
        /// As written.
        colour: String,
    },
    /// It inherits from a theme that isn't there.
    NoParent(String),
    /// It inherits from itself in the end.
    Circle(String),
}

impl std::fmt::Display for ThemeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "the theme can't be read: {why}"),
            Self::UnknownRole { role, nearest } => {
                write!(f, "the theme has no role '{role}'; the nearest is '{nearest}'")
            }
            Self::BadColour { role, colour } => {
                write!(f, "{role}: '{colour}' is no colour; write #rrggbb, a name such as bright-red, or default")
            }
            Self::NoParent(name) => write!(f, "the theme inherits '{name}', which isn't there"),
            Self::Circle(name) => write!(f, "the theme '{name}' inherits from itself"),
        }
    }
}

impl std::error::Error for ThemeError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    inherits: Option<String>,
    ground: Option<String>,
    #[serde(default)]
    roles: BTreeMap<String, Look>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Look {
    fg: Option<String>,
    bg: Option<String>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

impl Default for Theme {
    fn default() -> Self {
        Self::built_in("dark").unwrap_or_else(|| Self { styles: BTreeMap::new(), ground: None })
    }
}

impl Theme {
    /// A built-in theme by its name.
    pub fn built_in(name: &str) -> Option<Self> {
        Self::parse(built_in_text(name)?, &|_| None).ok()
    }

    /// Reads a theme's text. What it inherits is asked of `lookup` first and then of the built-in ones.
    pub fn parse(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ThemeError> {
        let mut theme = Self { styles: BTreeMap::new(), ground: None };
        theme.read(text, lookup, &mut Vec::new())?;
        Ok(theme)
    }

    /// How a role looks. A role that no theme in the line speaks of has the terminal's own colours.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(&role).copied().unwrap_or_default()
    }

    /// The background its colours without one were chosen for.
    pub fn ground(&self) -> Option<Color> {
        self.ground
    }

    fn read(
        &mut self,
        text: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
        line: &mut Vec<String>,
    ) -> Result<(), ThemeError> {
        let file: File = toml::from_str(text).map_err(|error| ThemeError::Unreadable(error.to_string()))?;
        if let Some(parent) = file.inherits {
            if line.contains(&parent) {
                return Err(ThemeError::Circle(parent));
            }
            let found = lookup(&parent).or_else(|| built_in_text(&parent).map(str::to_owned));
            let text = found.ok_or_else(|| ThemeError::NoParent(parent.clone()))?;
            line.push(parent);
            self.read(&text, lookup, line)?;
        }
        if let Some(ground) = file.ground {
            self.ground = Some(colour("ground", &ground)?);
        }
        for (name, look) in file.roles {
            let role = role(&name)?;
            self.styles.insert(role, look.style(&name)?);
        }
        Ok(())
    }
}

impl Look {
    fn style(&self, role: &str) -> Result<Style, ThemeError> {
        let mut style = Style::new();
        if let Some(fg) = &self.fg {
            style = style.fg(colour(role, fg)?);
        }
        if let Some(bg) = &self.bg {
            style = style.bg(colour(role, bg)?);
        }
        let modifiers = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ];
        Ok(modifiers.into_iter().filter(|(on, _)| *on).fold(style, |style, (_, modifier)| style.add_modifier(modifier)))
    }
}

fn built_in_text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

fn role(name: &str) -> Result<Role, ThemeError> {
    if let Some((role, _)) = Role::ALL.iter().find(|(_, known)| *known == name) {
        return Ok(*role);
    }
    let nearest = Role::ALL.iter().min_by_key(|(_, known)| quarterdeck_app::distance(known, name));
    let nearest = nearest.map_or("", |(_, known)| known).to_owned();
    Err(ThemeError::UnknownRole { role: name.to_owned(), nearest })
}

fn colour(role: &str, text: &str) -> Result<Color, ThemeError> {
    let wrong = || ThemeError::BadColour { role: role.to_owned(), colour: text.to_owned() };
    if let Some(hex) = text.strip_prefix('#') {
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6).ok_or_else(wrong)?;
        let [_, red, green, blue] = number.to_be_bytes();
        return Ok(Color::Rgb(red, green, blue));
    }
    Ok(match text {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return Err(wrong()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: Color) -> Option<f64> {
        let Color::Rgb(red, green, blue) = colour else { return None };
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.039_28 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        Some(0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue))
    }

    fn contrast(a: Color, b: Color) -> Option<f64> {
        let (a, b) = (luminance(a)?, luminance(b)?);
        Some((a.max(b) + 0.05) / (a.min(b) + 0.05))
    }

    #[test]
    fn every_built_in_theme_is_read_and_speaks_of_every_role() {
        for (name, text) in BUILT_IN {
            let theme = Theme::parse(text, &|_| None).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (role, role_name) in Role::ALL {
                assert!(theme.styles.contains_key(role), "{name} says nothing of {role_name}");
            }
        }
    }

    /// WCAG's formula. Rules and the empty parts of gauges are lines and not text.
    #[test]
    fn everything_that_is_read_has_a_contrast_of_seven_to_one() {
        let mut measured = 0;
        for (name, text) in BUILT_IN.iter().filter(|(name, _)| *name != "monochrome") {
            let theme = Theme::parse(text, &|_| None).unwrap();
            let ground = theme.ground().unwrap_or_else(|| panic!("{name} names no ground"));
            for (role, role_name) in Role::ALL.iter().filter(|(role, _)| !matches!(role, Role::Rule | Role::GaugeEmpty))
            {
                let style = theme.style(*role);
                let (Some(fg), bg) = (style.fg, style.bg.unwrap_or(ground)) else { continue };
                let ratio = contrast(fg, bg).unwrap_or_else(|| panic!("{name} {role_name}: can't be measured"));
                assert!(ratio >= 7.0, "{name} {role_name}: {ratio:.2}");
                measured += 1;
            }
        }
        assert!(measured > 40, "{measured}");
    }

    /// What is selected is turned over: its contrast is that of the same colour on the ground, measured above, and on a
    /// terminal of any background it is the user's own pair.
    #[test]
    fn what_is_selected_is_turned_over_and_has_no_colours_of_its_own() {
        for (name, _) in BUILT_IN {
            let selected = Theme::built_in(name).unwrap().style(Role::Selected);
            assert!(selected.add_modifier.contains(ratatui::style::Modifier::REVERSED), "{name}");
            assert!(selected.fg.is_none() && selected.bg.is_none(), "{name}");
        }
    }

    #[test]
    fn monochrome_has_no_colour_and_still_tells_what_matters() {
        let theme = Theme::built_in("monochrome").unwrap();
        for (role, name) in Role::ALL {
            let style = theme.style(*role);
            assert!(style.fg.is_none() && style.bg.is_none(), "{name}");
        }
        assert_ne!(theme.style(Role::Danger), theme.style(Role::Text));
    }

    #[test]
    fn a_theme_inherits_and_changes_one_thing() {
        let text = "inherits = 'mine'\n[roles]\nok = { fg = 'green' }";
        let lookup =
            |name: &str| (name == "mine").then(|| "inherits = 'dark'\n[roles]\ntext = { fg = '#123456' }".into());
        let theme = Theme::parse(text, &lookup).unwrap();
        assert_eq!(theme.style(Role::Ok).fg, Some(Color::Green));
        assert_eq!(theme.style(Role::Text).fg, Some(Color::Rgb(0x12, 0x34, 0x56)));
        assert_eq!(theme.style(Role::Danger), Theme::built_in("dark").unwrap().style(Role::Danger));
    }

    #[test]
    fn what_is_wrong_with_a_theme_is_named() {
        let table: &[(&str, &str)] = &[
            (
                "[roles]\nproducton_band = {}",
                "the theme has no role 'producton_band'; the nearest is 'production_band'",
            ),
            ("[roles]\nok = { fg = 'gren' }", "ok: 'gren' is no colour"),
            ("[roles]\nok = { fg = '#12345' }", "ok: '#12345' is no colour"),
            ("[roles]\nok = { fgg = 'red' }", "the theme can't be read"),
            ("inherits = 'nowhere'", "the theme inherits 'nowhere', which isn't there"),
            ("inherits = 'a'", "the theme 'a' inherits from itself"),
        ];
        for (text, want) in table {
            let lookup = |name: &str| (name == "a").then(|| "inherits = 'a'".to_owned());
            let error = Theme::parse(text, &lookup).unwrap_err().to_string();
            assert!(error.starts_with(want), "{error} is not {want}");
        }
    }
}
