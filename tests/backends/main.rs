//! The real program over real servers: four backends at once, their faults, what is said of them, and what is never said.

#[path = "../house/mod.rs"]
mod house;
#[path = "../canary/search.rs"]
mod search;

mod canaries;
mod counts;
mod faults;
mod production;
mod verbs;
mod versions;
mod world;
