//! The screen as a pure function: a model, what can happen to it, and what it asks for in return. Refuses a clock, a
//! file, a thread, a terminal and a backend: time is an argument, and everything else arrives as [`News`] and leaves
//! as [`Effect`].
#![forbid(unsafe_code)]

mod act;
mod bind;
mod counts;
mod effect;
mod entry;
mod find;
mod hold;
mod inspect;
mod key;
mod keymap;
mod kill;
mod list;
mod masked;
mod model;
mod news;
mod over;
mod rotate;
mod rotation;
mod search;
mod switch;
mod tail;
mod tries;
mod update;
mod value;

pub use bind::{Binding, Conflict, distance};
pub use counts::{Counts, Rate};
pub use effect::{Copied, Effect};
pub use entry::{Entry, Line, Purpose};
pub use find::Find;
pub use inspect::Inspect;
pub use key::{Code, Key};
pub use keymap::{ACTIONS, Action, Keymap, Row, Scope, row};
pub use list::{BackendList, SecretId, SecretList, is_deleted};
pub use masked::Masked;
pub use model::{Access, Bell, Known, Model, Notice, Overlay, Reveal, Screen, Seat, Setup, Size, Weight};
pub use news::{Message, News};
pub use over::{help_rows, palette_rows};
pub use rotate::{Asking, Change};
pub use rotation::{Rotations, Stage, Want};
pub use switch::{Dialog, Sent};
pub use tail::{Opened, Shown, Tail};
pub use tries::{Deed, Try};
pub use update::{update, wake_at};
pub use value::Value;
