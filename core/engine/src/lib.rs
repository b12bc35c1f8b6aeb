//! The engine's side of the kill-switch: read the latch, hold the deadline, beat, acknowledge. Refuses to
//! decide whether trading should stop.
#![forbid(unsafe_code)]
