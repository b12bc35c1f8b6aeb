//! What keeps an engine's client from its work: what happened, and what to do next. Refuses to stop an engine that is
//! already trading: only starting and the ledger of closings can fail.

use std::io;
use std::path::PathBuf;

/// Why the client could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The name would not make a file name.
    #[error("'{0}' can't be an engine's name: use 1 to 64 letters, digits, '-', '_' and '.', not beginning with '.'")]
    Name(String),
    /// Another engine of this name runs.
    #[error("an engine named '{name}' runs already ({found}). Stop it first, or give this one another name")]
    Running {
        /// The name.
        name: String,
        /// By what it was found.
        found: String,
    },
    /// The engines' folder, or a file in it, can't be used.
    #[error(
        "{doing} {path}: {why}. The folder is made by 'quarterdeck init'; the engine's user has to be in its group"
    )]
    Folder {
        /// What was being done.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        why: io::Error,
    },
    /// The threads could not be started.
    #[error("starting the kill-switch's threads: {0}. Nothing may be traded; start the engine again")]
    Thread(#[source] io::Error),
    /// There is nothing to close now: the duty is over, was never level 4, or an order is still on its way.
    #[error(
        "nothing may be closed for this duty now: it is over, or an order is still being sent. Ask for the duty of the moment"
    )]
    NotNow,
    /// It can't be a part of a client order id.
    #[error("'{0}' can't be an instrument's name here: use 1 to 64 bytes without control characters")]
    Instrument(String),
    /// The closing could not be made durable, so it must not be sent: nobody would know it after a restart.
    #[error("remembering a closing order in {path}: {why}. It was not sent; make room, then it is tried again")]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        why: io::Error,
    },
}
