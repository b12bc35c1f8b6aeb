//! The terminal: what is drawn becomes few bytes, what is typed becomes keys, and whatever happens to the program
//! the terminal is put back as it was found.
//!
//! It knows ratatui's `Buffer` and the tty. It knows nothing of the cockpit, blocks no caller, asks the terminal no
//! question (an answer that comes late would be keystrokes), and has no loop that turns without cause: with nothing
//! to do every thread of it sleeps.

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(not(target_os = "linux"))]
compile_error!("Quarterdeck runs on Linux only: build it there, or on a Linux machine over SSH.");

mod ascii;
mod colour;
mod encode;
mod features;
mod fuse;
mod grid;
mod job;
mod key;
mod parse;
mod reader;
mod screen;
mod signals;
mod terminal;
mod tty;

pub use ascii::{ascii_char, locale_is_utf8};
pub use colour::{ColorFlag, ColorMode};
pub use features::Features;
pub use fuse::Busy;
pub use key::{Ending, Input, Key, KeyCode, Mouse, MouseKind};
pub use screen::{COPY_MOST, Frame, Screen, TooLong};
pub use terminal::{Limits, Terminal};
pub use tty::{OpenError, Size};
