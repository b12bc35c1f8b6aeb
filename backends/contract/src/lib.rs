//! What a secrets backend is: the trait [`SecretsBackend`] and the data that passes through it.
//!
//! It refuses to do anything: no file, no socket, no clock, no environment. A backend implements the trait; the joint
//! in `backends/abi` carries it over a library's border and `backends/host` over a process's. All three speak the
//! same [`Operation`] and [`Answer`].
#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("Quarterdeck runs on Linux only: build it there, or on a Linux machine over SSH.");

mod backend;
mod carried;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod operation;
mod secret;
mod setup;
mod value;

pub use backend::{Call, SecretsBackend};
pub use carried::Carrier;
pub use error::{BackendError, ErrorKind, Result};
pub use operation::{Answer, Operation, Reply, Request, dispatch};
pub use secret::SecretBytes;
pub use setup::{Setting, Setup};
pub use value::{
    Capability, Description, Entry, Expected, Extra, ExtraReply, Health, Inspection, Kind, Page, PageRequest, Reading,
    SecretName, Stage, Value, VersionId, VersionInfo,
};
