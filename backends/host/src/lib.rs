//! A plugin in a child process, spoken to through the same trait: spawn, configure, time out, bury, restart.
//!
//! [`Hosted`] is the parent's side and [`child_main`] the child's, which confines itself to what the plugin's manifest
//! demands before it runs a line of the plugin; [`InProcess`] is the same without a child, for tests
//! and `isolation = "none"`. It refuses to wake up when nothing happens: no timer, no poll; a restart waits for the next
//! call.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may"))]

mod backoff;
mod calls;
mod child;
mod confine;
mod demands;
mod ground;
mod hosted;
mod in_process;
mod line;
mod manifest;
mod message;
mod reach;
mod ring;
mod status;
mod supervise;

pub use child::child_main;
#[doc(hidden)]
pub use confine::Kernel;
pub use demands::Demands;
pub use hosted::{HostSpec, Hosted, OnChange, Renew};
pub use in_process::InProcess;
pub use manifest::{ManifestError, PluginManifest};
pub use quarterdeck_abi::{Level, LoadError, LoadRules, Log, examine};
pub use status::{Confinement, HostState, HostStatus};
