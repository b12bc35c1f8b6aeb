//! Opens and reads files whose paths others may have chosen. Refuses what is no ordinary file: a pipe would be waited
//! for and a device read without an end; and refuses to read more than the caller has a use for.

use std::fs::File;
use std::io::{Error, Read as _, Result};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens a file to read it; follows links.
pub fn open(path: &Path) -> Result<File> {
    // Without blocking, or a pipe would hold the opening itself up.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Error::other("it is no ordinary file")) }
}

/// Reads the whole of a file of at most so many bytes.
pub(crate) fn read(path: &Path, most: u32) -> Result<Vec<u8>> {
    let file = open(path)?;
    let most = u64::from(most);
    // Room for all from the start: a vector that grows leaves copies of what it holds behind.
    let room = file.metadata()?.len().min(most) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

/// The same as text.
pub(crate) fn text(path: &Path, most: u32) -> Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};

    #[test]
    fn only_an_ordinary_file_of_a_bounded_size_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "four").expect("written");
        assert_eq!(text(&at("file"), 4).expect("it fits"), "four");
        assert!(read(&at("file"), 3).is_err(), "too large");
        mkfifoat(CWD, at("pipe"), Mode::RUSR | Mode::WUSR).expect("a pipe");
        for wrong in [at("pipe"), at("none"), folder.path().to_owned(), "/dev/zero".into()] {
            assert!(read(&wrong, 1_000).is_err(), "{}", wrong.display());
        }
        std::fs::write(at("bytes"), b"\xff").expect("written");
        assert!(text(&at("bytes"), 4).is_err());
    }
}
