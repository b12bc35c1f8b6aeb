//! Reads every line of every file of a journal, oldest first: for what the state keeps no more. Refuses to judge the
//! chain: [`verify_all`](super::verify_all) does.

use super::error::JournalError;
use super::folder;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

const BLOCK: usize = 1024 * 1024;

/// Gives each whole line, without its newline, to `each`. A line that is being written is left out.
pub fn each_line(folder: &Path, each: &mut dyn FnMut(&[u8])) -> Result<(), JournalError> {
    let names = folder::files(folder).map_err(|error| JournalError::io("listing", folder, &error))?;
    for name in names {
        let path = folder.join(&name);
        let file = folder::open_to_read(&path).map_err(|error| JournalError::io("opening", &path, &error))?;
        let (mut file, mut line) = (BufReader::with_capacity(BLOCK, file), Vec::new());
        loop {
            line.clear();
            file.read_until(b'\n', &mut line).map_err(|error| JournalError::io("reading", &path, &error))?;
            let Some(whole) = line.strip_suffix(b"\n") else { break };
            each(whole);
        }
    }
    Ok(())
}
