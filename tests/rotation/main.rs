//! Rotations of the real program over real servers, killed at each step, raced, hindered and overtaken, while a reader
//! that knows nothing of them logs in all the while.

#[path = "../house/mod.rs"]
mod house;

mod broker;
mod desk;
mod dry;
mod faults;
mod hooks;
mod keyboard;
mod kills;
mod lost;
mod place;
mod races;
mod reader;
