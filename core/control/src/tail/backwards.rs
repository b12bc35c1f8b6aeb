//! Finds where the last lines of a file begin, from its end. Refuses to read more than a screen could need: a file of
//! any size is open in the same time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const BLOCK: usize = 64 * 1024;
/// However few lines were found by then: lines may be a MiB each.
const FARTHEST: u64 = 8 * 1024 * 1024;

/// Where to begin to read the last `wanted` lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) at: u64,
    /// It may lie inside a line.
    pub(super) inside: bool,
    /// Newlines found behind it.
    pub(super) lines: usize,
}

/// Looks back from the end of the file.
pub(super) fn beginning(file: &File, wanted: usize) -> io::Result<Beginning> {
    let size = file.metadata()?.len();
    let mut block = vec![0; BLOCK];
    let mut from = size;
    let mut lines = 0;
    while from > 0 {
        let length = usize::try_from(from).unwrap_or(BLOCK).min(BLOCK);
        from -= length as u64;
        let part = block.get_mut(..length).unwrap_or_default();
        match file.read_exact_at(part, from) {
            Ok(()) => {}
            // Cut under us: whoever reads on will notice.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        for (index, byte) in part.iter().enumerate().rev() {
            if *byte == b'\n' {
                if lines == wanted {
                    return Ok(Beginning { at: from + index as u64 + 1, inside: false, lines });
                }
                lines += 1;
            }
        }
        if size - from >= FARTHEST {
            return Ok(Beginning { at: from, inside: from > 0, lines });
        }
    }
    Ok(Beginning { at: 0, inside: false, lines })
}
