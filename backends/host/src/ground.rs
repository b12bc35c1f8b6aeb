//! The files and folders that a child's rules are tied to, as they were when it was started. Refuses to look when nothing
//! went wrong: a rule follows what it was made for and not its path, so a folder that was made or replaced since is out
//! of the child's reach until it is started anew.

use crate::demands::Demands;
use crate::reach;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What was there.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    seen: Vec<(PathBuf, Identity)>,
    write: Vec<PathBuf>,
}

/// Device and inode; `None` when there is nothing.
type Identity = Option<(u64, u64)>;

impl Ground {
    pub(crate) fn of(demands: &Demands) -> Self {
        let resolver = if demands.names { reach::resolver() } else { Vec::new() };
        let paths = demands.read.iter().chain(&demands.write).cloned().chain(resolver);
        let seen = paths.map(|path| (path.clone(), identity(&path))).collect();
        Self { seen, write: demands.write.clone() }
    }

    /// True when something is another now.
    pub(crate) fn moved(&self) -> bool {
        self.seen.iter().any(|(path, then)| identity(path) != *then)
    }

    /// Makes the folders to write that aren't there, closed to others, with those above them. The child itself can't: it
    /// would need rights on a folder that isn't its own. One that can't be made is the plugin's to tell.
    pub(crate) fn prepare(&self) {
        for folder in self.write.iter().filter(|folder| identity(folder).is_none()) {
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        }
    }
}

fn identity(path: &Path) -> Identity {
    fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_comes_goes_or_is_replaced_has_moved() {
        let home = tempfile::tempdir().unwrap();
        let (folder, aside) = (home.path().join("a/b"), home.path().join("aside"));
        let of = || Ground::of(&Demands { write: vec![folder.clone()], ..Demands::default() });
        let none = of();
        assert!(!none.moved());
        none.prepare();
        assert!(none.moved());
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        let there = of();
        fs::write(folder.join("file"), "").unwrap();
        assert!(!there.moved());
        fs::rename(&folder, aside).unwrap();
        assert!(there.moved());
        fs::create_dir(&folder).unwrap();
        assert!(there.moved());
    }
}
