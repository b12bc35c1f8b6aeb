//! `.env` files from the disk. Refuses to pass over a file that it was told to read: a layer that fails says so.

use crate::dotenv::{self, Entry};
use quarterdeck_contract::{BackendError, ErrorKind, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use zeroize::Zeroizing;

/// Largest file that is read, in bytes.
const MAX: u64 = 1 << 20;

/// `O_NONBLOCK`: a named pipe in a file's place must not hang the layer.
const NONBLOCK: i32 = 0o4000;

/// A file as it was read.
pub(crate) struct EnvFile {
    /// Its path as configured.
    pub(crate) path: String,
    /// The assignments that count.
    pub(crate) entries: Vec<Entry>,
    /// Lines that are no assignment.
    pub(crate) passed_over: Vec<usize>,
    /// Its mode, when others than its owner may read or change it.
    pub(crate) open_mode: Option<u32>,
}

/// Reads one file.
pub(crate) fn read(path: &str) -> Result<EnvFile> {
    let refuse = |what: String| BackendError::new(ErrorKind::Invalid, what).doing(format!("reading {path}"));
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => refuse(format!("there is no file {path}"))
            .hint("Make it ('cp .env.example .env'), or take it out of 'env_files'."),
        io::ErrorKind::PermissionDenied => {
            refuse(format!("{path} may not be read")).hint(format!("Look at its owner and mode with 'ls -l {path}'."))
        }
        _ => refuse(format!("{path} can't be read: {}", error.kind())).hint("Look at the disk and at the file."),
    };
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(refuse(format!("{path} is no ordinary file")));
    }
    let text = read_whole(file, meta.len()).map_err(failed)?;
    if text.len() as u64 > MAX {
        let what = format!("{path} is longer than {} KiB", MAX >> 10);
        return Err(BackendError::new(ErrorKind::TooLarge, what).hint("Is it a .env file?"));
    }
    let parsed = dotenv::parse(&text).map_err(|open| {
        refuse(format!("a quotation mark in line {} is never closed", open.line)).hint("Close it, or take it out.")
    })?;
    let mode = meta.mode() & 0o7777;
    Ok(EnvFile {
        path: path.to_owned(),
        passed_over: parsed.passed_over.clone(),
        entries: parsed.last().collect(),
        open_mode: (mode & 0o077 != 0).then_some(mode),
    })
}

/// Into a buffer that is made large enough first, so that growing leaves no copy behind.
fn read_whole(file: File, length: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let room = usize::try_from(length.min(MAX)).unwrap_or_default() + 2;
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}
