//! Which libraries may be loaded: whose they are, who can write them, and every reason to say no. Refuses to be asked
//! twice: [`LoadRules::judge`] is pure, and `load` gives it what it found on the open file.

use quarterdeck_contract::{BackendError, ErrorKind};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// What a library must satisfy.
#[derive(Debug, Clone, Default)]
pub struct LoadRules {
    /// The user whose libraries, beside root's, may be loaded.
    pub uid: u32,
    /// The user's own private group, if writing by it may be overlooked: many systems make every file `0664` with a
    /// group that has one member. Never for root.
    pub private_group: Option<u32>,
    /// The only content that may be loaded, by its SHA-256, where configuration pins one.
    pub pinned: Option<[u8; 32]>,
}

/// What the rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The permission bits, with the sticky bit.
    pub mode: u32,
}

/// Where the facts are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The library itself.
    Library,
    /// The folder it is in.
    Folder,
    /// A folder above that one: its owner is not asked, and a sticky bit keeps others from renaming what is in it.
    Above,
}

impl LoadRules {
    /// The rules for the user this process runs as.
    pub fn for_this_process() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let private_group = if uid == 0 { None } else { private_group(uid, &text("/etc/passwd"), &text("/etc/group")) };
        Self { uid, private_group, pinned: None }
    }

    /// Accepts or refuses a file or folder by what is known of it.
    ///
    /// # Errors
    ///
    /// [`LoadError::Owner`] or [`LoadError::Writable`].
    pub fn judge(&self, path: &Path, place: Place, facts: Facts) -> Result<(), LoadError> {
        let path = || path.to_owned();
        if place != Place::Above && facts.uid != 0 && facts.uid != self.uid {
            return Err(LoadError::Owner { path: path(), uid: facts.uid });
        }
        let sticky = place == Place::Above && facts.mode & 0o1000 != 0;
        if facts.mode & 0o002 != 0 && !sticky {
            return Err(LoadError::Writable { path: path(), by: "everybody", mode: facts.mode });
        }
        let private = self.uid != 0 && self.private_group == Some(facts.gid);
        if facts.mode & 0o020 != 0 && !sticky && !private {
            return Err(LoadError::Writable { path: path(), by: "its group", mode: facts.mode });
        }
        Ok(())
    }
}

/// The user's own private group: the primary group, of the same name, with no other member and nobody else's primary
/// one. `None` when the files don't say so, as when accounts come from a directory service.
pub fn private_group(uid: u32, passwd: &str, group: &str) -> Option<u32> {
    let accounts = || passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).filter(|fields| fields.len() >= 4);
    let uid = uid.to_string();
    let account = accounts().find(|fields| fields[2] == uid)?;
    let (user, gid) = (account[0], account[3]);
    if accounts().any(|fields| fields[3] == gid && fields[0] != user) {
        return None;
    }
    let groups = || group.lines().map(|line| line.split(':').collect::<Vec<_>>()).filter(|fields| fields.len() >= 4);
    let mut same = groups().filter(|fields| fields[2] == gid);
    let fields = same.next()?;
    let alone = fields[3].split(',').all(|member| member.is_empty() || member == user);
    (fields[0] == user && alone && same.next().is_none()).then(|| gid.parse().ok()).flatten()
}

/// Why a library was not loaded. Each says what happened, while doing what, and what to do next.
#[derive(Debug)]
pub enum LoadError {
    /// There is no such file.
    Missing {
        /// The library.
        path: PathBuf,
    },
    /// The file or its folder can't be read.
    Unreadable {
        /// The library.
        path: PathBuf,
        /// The system's reason.
        why: std::io::Error,
    },
    /// The path's last part is a symbolic link.
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// The path is a folder, a device, a pipe.
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It belongs to somebody else than root or the user.
    Owner {
        /// The library or its folder.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// Somebody else than its owner can write it.
    Writable {
        /// The library or a folder above it.
        path: PathBuf,
        /// Who.
        by: &'static str,
        /// Its mode.
        mode: u32,
    },
    /// The file is no ELF file.
    NotALibrary {
        /// The file.
        path: PathBuf,
    },
    /// Its content is not the pinned one.
    Pinned {
        /// The library.
        path: PathBuf,
        /// Its SHA-256 in hexadecimal.
        found: String,
    },
    /// The system's loader refuses it.
    Unloadable {
        /// The library.
        path: PathBuf,
        /// The loader's reason.
        why: String,
    },
    /// It is a library and has no `quarterdeck_plugin`.
    NoSymbol {
        /// The library.
        path: PathBuf,
    },
    /// Its table doesn't begin with our magic.
    WrongMagic {
        /// The library.
        path: PathBuf,
    },
    /// It was built for another major version of the joint.
    WrongAbi {
        /// The library.
        path: PathBuf,
        /// The library's version.
        found: (u16, u16),
    },
    /// Its table lacks an entry.
    Incomplete {
        /// The library.
        path: PathBuf,
    },
}

impl LoadError {
    /// What happened, without a full stop.
    pub fn what(&self) -> String {
        match self {
            Self::Missing { .. } => "there is no such file".to_owned(),
            Self::Unreadable { why, .. } => format!("the file can't be read ({why})"),
            Self::Symlink { .. } => "the plugin is a symbolic link, whose target somebody may change".to_owned(),
            Self::NotAFile { .. } => "the plugin is not a regular file".to_owned(),
            Self::Owner { path, uid } => {
                format!("'{}' belongs to user {uid}, who is neither root nor you", path.display())
            }
            Self::Writable { path, by, mode } => {
                format!("'{}' can be written by {by} (mode {:04o})", path.display(), mode & 0o7777)
            }
            Self::NotALibrary { .. } => "the file is not a library (no ELF head)".to_owned(),
            Self::Pinned { found, .. } => format!("the plugin is not the pinned one (its SHA-256 is {found})"),
            Self::Unloadable { why, .. } => format!("the system's loader refuses the plugin ({why})"),
            Self::NoSymbol { .. } => "the library is no Quarterdeck plugin: it has no 'quarterdeck_plugin'".to_owned(),
            Self::WrongMagic { .. } => "the library's table is not a Quarterdeck plugin's (wrong magic)".to_owned(),
            Self::WrongAbi { found: (major, minor), .. } => {
                format!("the plugin was built for joint {major}.{minor} and this program speaks {}.x", crate::ABI_MAJOR)
            }
            Self::Incomplete { .. } => "the plugin's table is incomplete".to_owned(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => "Build it with 'cargo build --release', or correct its path.".to_owned(),
            Self::Unreadable { .. } => "Make it readable for the user that runs this program.".to_owned(),
            Self::Symlink { .. } => "Put the library itself there, or configure its real path.".to_owned(),
            Self::NotAFile { .. } => "Configure the path of the library itself.".to_owned(),
            Self::Owner { path, .. } => format!("If you trust it: chown root '{}'.", path.display()),
            Self::Writable { path, .. } => {
                format!("See that it is what you expect, then: chmod go-w '{}'.", path.display())
            }
            Self::NotALibrary { .. } => "Configure the path of the library itself (libquarterdeck_NAME.so).".to_owned(),
            Self::Pinned { .. } => "Find out who changed it; pin the new one only if you did.".to_owned(),
            Self::Unloadable { .. } => "Build the plugin on this machine, or install what it lacks.".to_owned(),
            Self::NoSymbol { .. } | Self::WrongMagic { .. } | Self::Incomplete { .. } => {
                "Build it as docs/writing-a-plugin.md says, with export_backend!.".to_owned()
            }
            Self::WrongAbi { .. } => "Build plugin and program from the same release.".to_owned(),
        }
    }

    /// The file or folder that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path }
            | Self::Unreadable { path, .. }
            | Self::Symlink { path }
            | Self::NotAFile { path }
            | Self::Owner { path, .. }
            | Self::Writable { path, .. }
            | Self::NotALibrary { path }
            | Self::Pinned { path, .. }
            | Self::Unloadable { path, .. }
            | Self::NoSymbol { path }
            | Self::WrongMagic { path }
            | Self::WrongAbi { path, .. }
            | Self::Incomplete { path } => path,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, while loading '{}'. {}", self.what(), self.path().display(), self.hint())
    }
}

impl std::error::Error for LoadError {}

impl From<LoadError> for BackendError {
    fn from(error: LoadError) -> Self {
        Self::new(ErrorKind::Invalid, error.what())
            .doing(format!("loading '{}'", error.path().display()))
            .hint(error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: LoadRules = LoadRules { uid: 1000, private_group: None, pinned: None };

    fn verdict(rules: &LoadRules, place: Place, uid: u32, gid: u32, mode: u32) -> &'static str {
        match rules.judge(Path::new("/p/lib.so"), place, Facts { uid, gid, mode }) {
            Ok(()) => "ok",
            Err(LoadError::Owner { .. }) => "owner",
            Err(LoadError::Writable { by, .. }) => by,
            Err(_) => "other",
        }
    }

    #[test]
    fn only_roots_and_the_users_own_are_loaded() {
        for place in [Place::Library, Place::Folder] {
            assert_eq!(verdict(&USER, place, 0, 0, 0o755), "ok");
            assert_eq!(verdict(&USER, place, 1000, 1000, 0o755), "ok");
            assert_eq!(verdict(&USER, place, 1001, 1000, 0o755), "owner");
            assert_eq!(verdict(&USER, place, 1000, 1000, 0o775), "its group");
            assert_eq!(verdict(&USER, place, 1000, 1000, 0o757), "everybody");
            assert_eq!(verdict(&USER, place, 0, 0, 0o1777), "everybody", "a sticky bit is no help here");
        }
    }

    #[test]
    fn above_a_sticky_bit_is_enough_and_the_owner_is_not_asked() {
        assert_eq!(verdict(&USER, Place::Above, 0, 0, 0o1777), "ok");
        assert_eq!(verdict(&USER, Place::Above, 7, 7, 0o755), "ok");
        assert_eq!(verdict(&USER, Place::Above, 0, 0, 0o777), "everybody");
        assert_eq!(verdict(&USER, Place::Above, 0, 50, 0o775), "its group");
    }

    #[test]
    fn a_private_group_is_overlooked_except_for_root() {
        let mine = LoadRules { private_group: Some(1000), ..USER };
        assert_eq!(verdict(&mine, Place::Library, 1000, 1000, 0o775), "ok");
        assert_eq!(verdict(&mine, Place::Library, 1000, 100, 0o775), "its group");
        assert_eq!(verdict(&mine, Place::Library, 1000, 1000, 0o777), "everybody");
        let root = LoadRules { uid: 0, private_group: Some(0), pinned: None };
        assert_eq!(verdict(&root, Place::Library, 0, 0, 0o775), "its group");
    }

    #[test]
    fn a_group_is_private_only_if_nobody_else_is_in_it() {
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\nbob:x:1001:100::/:/bin/sh\n";
        let group = |line: &str| private_group(1000, passwd, &format!("root:x:0:\nusers:x:100:\n{line}\n"));
        assert_eq!(group("ann:x:1000:"), Some(1000));
        assert_eq!(group("ann:x:1000:ann"), Some(1000));
        assert_eq!(group("ann:x:1000:bob"), None);
        assert_eq!(group("ann:x:1000:ann,bob"), None);
        assert_eq!(group("staff:x:1000:"), None);
        assert_eq!(group("ann:x:1000:\nother:x:1000:bob"), None);
        assert_eq!(private_group(1001, passwd, "users:x:100:\n"), None);
        assert_eq!(private_group(1002, passwd, "ann:x:1000:\n"), None);
        let shared = "ann:x:1000:1000::/:/bin/sh\ncam:x:1003:1000::/:/bin/sh\n";
        assert_eq!(private_group(1000, shared, "ann:x:1000:\n"), None);
        assert_eq!(private_group(1000, "\n::\nann:x", "\n"), None);
    }

    #[test]
    fn a_refusal_says_what_happened_while_doing_what_and_what_next() {
        let path = PathBuf::from("/p/lib.so");
        let text = LoadError::Writable { path, by: "its group", mode: 0o100664 }.to_string();
        assert_eq!(
            text,
            "'/p/lib.so' can be written by its group (mode 0664), while loading '/p/lib.so'. \
             See that it is what you expect, then: chmod go-w '/p/lib.so'."
        );
    }
}
