//! A Fernet file as a secrets backend, two-way compatible with Python's `cryptography` and `json`.
//!
//! The file is one Fernet token over a JSON object with nested keys, laid out as `json.dumps(…, indent=2,
//! sort_keys=True)` lays it out. Every change is a new file renamed over the old one, under a lock on a sibling. It
//! refuses to read a clock's word as an error (a token from a fast clock is read, as Python reads it), to change a
//! number's digits, and to keep plaintext that is not wiped.
//!
//! ```text
//! backend ─ store ─┬─ document ─ json, name     what is inside
//!    └─ facts      ├─ token, key                how it is sealed
//!    └─ rekey      ├─ sidecar                   what is kept beside it
//!    └─ staging    └─ disk, lock                where it is
//! ```

mod backend;
mod disk;
mod document;
mod facts;
pub mod json;
pub mod key;
mod lock;
mod name;
mod rekey;
mod sidecar;
mod staging;
mod store;
pub mod token;

#[cfg(test)]
mod kill_tests;

pub use backend::create;

/// A place at which the suite kills the process; in a build for use it is nothing.
#[cfg(not(test))]
const fn point(_: &str) {}
#[cfg(test)]
use kill_tests::point;

quarterdeck_abi::export_backend!("fernet", env!("CARGO_PKG_VERSION"), create);
