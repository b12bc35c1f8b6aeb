//! HashiCorp Vault and OpenBao as a secrets backend: KV version 1 and 2.
//!
//! Requests are vaultrs' own where it has them; they are sent and their answers are read here, since vaultrs prints a
//! secret that it can't decode, drops a read's version, and has no deadline. Every write is a compare-and-set where the
//! engine has one. It refuses to read its process's environment, to follow a redirect with the token, to send a token
//! over plain HTTP where that is forbidden, and to store a number that would come back as another one.
//!
//! ```text
//! backend ─┬─ listing, health, inspect ─┐
//!          ├─ staging2, staging1 ───────┤  what is pending
//!          └─ kv2, kv1 ── content, name ┴─ client ─┬─ session     who we are
//!                                                  ├─ mounted     where the secrets are
//!                                                  ├─ refusal     why the server says no
//!                                                  └─ wire ─ ask  bytes out, bytes in
//! ```

mod answer;
mod ask;
mod backend;
mod client;
mod content;
mod health;
mod inspect;
mod kv1;
mod kv2;
mod listing;
mod mounted;
mod name;
mod refusal;
mod session;
mod settings;
mod staging;
mod staging1;
mod staging2;
mod wire;

pub use backend::create;

quarterdeck_abi::export_backend!("vault", env!("CARGO_PKG_VERSION"), create);
