//! The reference engine: simulated orders at a simulated venue, obedient or told to misbehave. Refuses to
//! decide whether trading should stop.
#![forbid(unsafe_code)]
