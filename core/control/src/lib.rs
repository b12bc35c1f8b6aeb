//! Where clock, disk and plugins meet: the journal, the tail, the layers, the requests. Refuses to draw and to parse a
//! command line: it serves requests and sends notices.
#![forbid(unsafe_code)]

pub mod ages;
mod breaker;
pub mod catalogue;
pub mod config;
pub mod detail;
mod env_file;
pub mod failure;
pub mod find;
pub mod follow;
pub mod installation;
pub mod journal;
mod key_file;
pub mod kill;
pub mod mount;
mod nudges;
pub mod observe;
pub mod open;
pub mod ordinary;
pub mod overview;
mod pace;
mod rekey;
pub mod rotate;
pub mod serve;
pub mod surroundings;
pub mod tail;
mod versions;
pub mod watch;
pub mod yaml;

pub use key_file::key_line;
pub use quarterdeck_contract::{BackendError, ErrorKind, Expected, Kind, SecretBytes, SecretName, Value, VersionId};
pub use quarterdeck_host::child_main as plugin_host;
