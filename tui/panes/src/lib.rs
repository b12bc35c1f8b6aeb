//! The panes: each makes a view from the model and draws it. Refuses to change anything, to read a file, and to know
//! which terminal it is drawn on.
#![forbid(unsafe_code)]

mod audit;
mod backend;
mod backends;
mod band;
mod dialogs;
mod foot;
mod frame;
mod heading;
mod help;
mod keys;
mod line;
mod palette;
mod pen;
mod picture;
mod secret;
mod secrets;
mod sentence;
mod status;
mod theme;
mod tiny;
mod tries;
mod words;
mod worry;

pub use frame::{Options, draw_frame};
pub use theme::{BUILT_IN, Role, Theme, ThemeError};
pub use worry::{Worry, worries};
