//! Which theme: a built-in one by name, or a file of the user's. Refuses a theme that names a role nobody draws.

use crate::args::Common;
use crate::output::Trouble;
use quarterdeck_control::serve::Control;
use quarterdeck_panes::{BUILT_IN, Theme};

/// Largest theme file, in bytes.
const MOST: u64 = 64 << 10;

/// Loads the theme that the command line, else the environment, else configuration names. Without colour the built-in
/// one for that.
pub(crate) fn load(common: &Common, control: &Control, mono: bool) -> Result<Theme, Trouble> {
    // The terminal is never asked for its background; some say it in this variable: `15;0`, text then ground.
    let ground = control.surroundings.var("COLORFGBG").and_then(|pair| pair.rsplit(';').next());
    let usual = match (mono, ground) {
        (true, _) => "monochrome",
        (false, Some("7" | "15")) => "light",
        (false, _) => "dark",
    };
    let named = common
        .theme
        .as_deref()
        .or_else(|| control.surroundings.var("QUARTERDECK_THEME"))
        .or(control.config.file.screen.theme.as_deref())
        .unwrap_or(usual);
    let folder = control.surroundings.config_home().join("themes");
    let file = |name: &str| {
        let path = if name.contains('/') { name.into() } else { folder.join(format!("{name}.toml")) };
        let small = std::fs::metadata(&path).is_ok_and(|facts| facts.len() <= MOST);
        small.then(|| std::fs::read_to_string(path).ok()).flatten()
    };
    if let Some(theme) = Theme::built_in(named) {
        return Ok(theme);
    }
    let trouble = |what: String| {
        Trouble::failed(format!(
            "{what}\n  while: loading the theme '{named}'\n  next:  built in are {}; a file of your own goes into {}",
            BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
            folder.display()
        ))
    };
    let text = file(named).ok_or_else(|| trouble(format!("there is no theme '{named}'")))?;
    Theme::parse(&text, &file).map_err(|error| trouble(error.to_string()))
}
