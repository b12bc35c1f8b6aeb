//! The panes: each makes a view from the model and draws it. Refuses to change anything, to read a file, and to know
//! which terminal it is drawn on.
#![forbid(unsafe_code)]

mod advice;
mod armed;
mod audit;
mod backend;
mod backends;
mod band;
mod detail;
mod dialogs;
mod digits;
mod engines;
mod foot;
mod frame;
mod heading;
mod help;
mod hold;
mod keys;
mod kill;
mod kill_worries;
mod line;
mod now;
mod overview;
mod palette;
mod paths;
mod pen;
mod picture;
mod reaches;
mod rotation;
mod secret;
mod secrets;
mod sent;
mod sentence;
mod status;
mod stop;
mod theme;
mod tiny;
mod tries;
mod words;
mod worry;

pub use frame::{Options, draw_frame};
pub use theme::{BUILT_IN, Role, Theme, ThemeError};
pub use worry::{Worry, worries};
