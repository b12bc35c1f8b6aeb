//! The environment as a read-only secrets backend: `DP_BROKER__PASSWORD` is `broker.password`.
//!
//! Values stay raw text: a password `1.10` is not 1.1. It refuses to read the environment of its own process (the host
//! sends the entries), to write, and to serve the program's own set-up (`DP_VAULT_*` and the like) as a secret.

mod backend;
pub mod dotenv;
mod files;
pub mod name;

pub use backend::create;

quarterdeck_abi::export_backend!("env", env!("CARGO_PKG_VERSION"), create);
