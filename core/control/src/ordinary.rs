//! Opens and reads files whose paths others may have chosen. Refuses what is no ordinary file: a pipe would be waited
//! for and a device read without an end; and refuses to read more than the caller has a use for.

use std::fs::{File, Metadata};
use std::io::{Error, Read as _, Result};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
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
    read_of(open(path)?, most)
}

/// The same as text.
pub(crate) fn text(path: &Path, most: u32) -> Result<String> {
    text_of(open(path)?, most)
}

/// The whole text of an open file.
pub(crate) fn text_of(file: File, most: u32) -> Result<String> {
    String::from_utf8(read_of(file, most)?).map_err(|_| Error::other("it is not UTF-8"))
}

/// True when root alone can have put this file where it is: it and every folder above it are root's, and nobody else
/// may write to them. Under a folder in which everybody owns his own names (`/tmp`) root's are still root's.
pub(crate) fn is_roots_alone(file: &File) -> Result<bool> {
    let is_roots = |facts: &Metadata| facts.uid() == 0 && facts.mode() & 0o022 == 0;
    let keeps_names = |facts: &Metadata| is_roots(facts) || (facts.uid() == 0 && facts.mode() & 0o1000 != 0);
    let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let Some(folder) = real.parent() else { return Ok(false) };
    let mut above = folder.ancestors().skip(1);
    let all = is_roots(&file.metadata()?) && is_roots(&std::fs::metadata(folder)?);
    Ok(all && above.all(|folder| std::fs::metadata(folder).is_ok_and(|facts| keeps_names(&facts))))
}

pub(crate) fn read_of(file: File, most: u32) -> Result<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_roots_alone_when_every_folder_above_it_is() {
        let alone = |path: &Path| open(path).and_then(|file| is_roots_alone(&file)).expect("it can be looked at");
        assert!(alone(Path::new("/etc/passwd")));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        let file = inner.join("file");
        std::fs::write(&file, "text").expect("written");
        let mode = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
        mode(&inner, 0o755);
        mode(&file, 0o644);
        // The folder for temporary files is everybody's, and keeps everybody's names: root's own stand there safely.
        assert_eq!(alone(&file), rustix::process::geteuid().is_root());
        for (path, open, shut) in
            [(&file, 0o666, 0o644), (&inner, 0o777, 0o755), (&folder.path().to_owned(), 0o777, 0o755)]
        {
            mode(path, open);
            assert!(!alone(&file), "{} is open to all", path.display());
            mode(path, shut);
        }
    }

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
