//! AWS Secrets Manager as a secrets backend.
//!
//! A call is made within its deadline on a small runtime of the plugin's own; retries with backoff are inside it. Every
//! write is one client request token, so that a retry is the same write. It refuses to read a value without naming its
//! stage (`AWSCURRENT`) or version, to judge an answer by its HTTP status where it has a code, to delete without a
//! recovery window, and to start a program: what a `credential_process` gives is handed in.
//!
//! The SDK holds a value in buffers of its own while it signs and sends it, which nobody wipes; what leaves and enters
//! here is wiped.
//!
//! ```text
//! backend ─┬─ reading ─┬─ remote ─ login ─ settings     list, inspect, read
//!          ├─ writing ─┤     └── errors ─ place         write, delete, restore
//!          ├─ staging ─┤                                a rotation's steps; one label of a version: labels
//!          ├─ extras ──┤                                AWS's own rotation; what is pending
//!          ├─ health ──┘
//!          ├─ name, map                                 name#key, a secret that is a JSON map
//!          └─ plain                                     what AWS says, fit for a screen
//! ```

mod backend;
mod bounded;
mod errors;
mod extras;
mod given;
mod health;
mod labels;
mod login;
mod map;
mod name;
mod network;
mod place;
mod plain;
mod reading;
mod remote;
mod settings;
mod staging;
mod trust;
mod writing;

pub use backend::create;

quarterdeck_abi::export_backend!("aws", env!("CARGO_PKG_VERSION"), create);
