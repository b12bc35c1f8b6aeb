//! Opens the session that a verb needs. Refuses to know what the verb does with it.

use crate::args::Common;
use crate::output::{Trouble, aside};
use quarterdeck_control::config::Wanted;
use quarterdeck_control::open::{Opening, open};
use quarterdeck_control::serve::Control;
use quarterdeck_control::surroundings::Surroundings;

/// What a verb needs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    /// An environment; the guide's verbs on the file need none.
    pub environment: bool,
    /// A layer, switched on or not.
    pub layer: Option<&'static str>,
    /// It only looks at what is switched on.
    pub looks: bool,
}

/// A session in the chosen environment.
pub(crate) fn session(common: &Common, needs: Needs) -> Result<Control, Trouble> {
    let opening = Opening {
        needs_environment: needs.environment,
        watches: false,
        besides: needs.layer,
        looks: needs.looks,
        look_only: common.readonly.then(|| "--readonly was given".to_owned()),
        on_change: None,
    };
    let control = open(Surroundings::of_this_process(), wanted(common), &opening)?;
    control.config.warnings.iter().for_each(|warning| aside(&format!("warning: {warning}")));
    Ok(control)
}

/// The environment that the command line wants.
pub(crate) fn wanted(common: &Common) -> Wanted<'_> {
    common.env.as_deref().map_or(Wanted::AsConfigured, Wanted::Named)
}
