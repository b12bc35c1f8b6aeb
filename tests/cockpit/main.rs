//! The cockpit on a real terminal: typed at, resized, signalled, cut off, and fed with everything hostile there is.
//! Refuses to look inside: what a person would see and what is left behind is all that counts.

#[path = "../house/mod.rs"]
mod house;

mod demo;
mod detail;
mod endings;
mod hostile;
mod journal;
mod keys;
mod looks;
mod misbehave;
mod rekey;
mod reveal;
mod sizes;
mod stop;
