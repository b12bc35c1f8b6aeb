//! The reference engine as a process of its own, told by a latch and seen from outside. Refuses to look into it: its
//! beats, its venue's file and its audit file are all there is.

mod seen;
mod stage;
mod steps;
