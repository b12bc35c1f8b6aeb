//! Rotations over a journal on a real disk, a shelf in memory and clocks that a wait moves on. No test waits for time.

mod broker;
mod carrying;
mod changed;
mod crashing;
mod desk;
mod failing;
mod forward;
mod last;
mod past;
mod racing;
mod shelf;
