//! What Quarterdeck knows and decides. Refuses a clock, a file, the environment, the network and a thread: time is an
//! argument, and everything that happens outside arrives as data.
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("Quarterdeck runs on Linux only: build it there, or on a Linux machine over SSH.");

pub mod access;
pub mod audit;
pub mod boundary;
pub mod catalogue;
pub mod chain;
pub mod decide;
pub mod detail;
pub mod environment;
pub mod event;
pub mod filter;
pub mod foreign;
pub mod kill;
pub mod layers;
pub mod made;
pub mod market;
pub mod overview;
mod own;
pub mod person;
pub mod redact;
pub mod request;
pub mod rotate;
pub mod rotation;
pub mod sanitise;
pub mod severity;
pub mod state;
pub mod verify;
pub mod version;
pub mod words;
