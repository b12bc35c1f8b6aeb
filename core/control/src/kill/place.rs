//! Where the switch lies: the latch's folder, the engines' and the one of those who are present. Refuses to be led to
//! Production's latch by anybody's file but root's; a configuration that can't be read leads to where it led last.

use crate::config::Config;
use crate::open::state_folder;
use crate::ordinary;
use crate::surroundings::Surroundings;
use quarterdeck_domain::environment::Environment;
use rustix::fs::{Mode, OFlags};
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Where the place that a good configuration led to is kept, in the environment's state folder.
const REMEMBERED: &str = "kill-switch.place";
/// The mode of the folders that traders and engines share: a new file belongs to the folder's group, and trader B can
/// replace what A wrote.
const SHARED: u32 = 0o2770;

/// The folders of one environment's switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    base: PathBuf,
    /// It lies in the user's own state folder.
    own: bool,
}

impl Place {
    /// Where it is: `[kill_switch] folder`; else `/var/lib/quarterdeck/ENVIRONMENT`, for Production always and for others
    /// where that folder is there; else the user's state folder. Without a configuration: where the last good one led.
    pub fn of(surroundings: &Surroundings, environment: Environment, config: Option<&Config>) -> Self {
        let named = match config {
            Some(config) => config.file.kill_switch.folder.clone(),
            None => remembered(surroundings, environment),
        };
        named.map_or_else(|| Self::without_home(surroundings, environment), Self::at)
    }

    /// Where it is when nothing names a place.
    pub(super) fn without_home(surroundings: &Surroundings, environment: Environment) -> Self {
        let shared = surroundings.var_lib().join(environment.name());
        if environment == Environment::Production || (environment != Environment::Demo && shared.is_dir()) {
            return Self { base: shared, own: false };
        }
        Self { base: state_folder(surroundings, Some(environment)), own: true }
    }

    /// Under this folder, whatever configuration says.
    pub fn at(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), own: false }
    }

    /// True where it lies in the user's own state folder, and nobody shares it.
    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    /// The folder above the others.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The latch's folder.
    pub fn latch(&self) -> PathBuf {
        self.base.join("latch")
    }

    /// Where each engine has its socket and its status file.
    pub fn engines(&self) -> PathBuf {
        self.base.join("engines")
    }

    /// Where each open cockpit and watcher has its file.
    pub fn present(&self) -> PathBuf {
        self.base.join("present")
    }

    /// Makes what is missing of the folders; what is there keeps its owner, group and mode.
    pub fn make(&self) -> io::Result<()> {
        let mode = if self.own { 0o700 } else { 0o755 };
        DirBuilder::new().recursive(true).mode(mode).create(&self.base)?;
        [self.latch(), self.engines(), self.present()].iter().try_for_each(|folder| make_shared(folder))
    }

    /// Keeps the place for a day on which the configuration can't be read. As good as it can: a stop doesn't need it.
    pub(super) fn remember(&self, surroundings: &Surroundings, environment: Environment) {
        let file = state_folder(surroundings, Some(environment)).join(REMEMBERED);
        let text = self.base.as_os_str().as_bytes();
        if ordinary::read(&file, LONGEST).is_ok_and(|known| known == text) {
            return;
        }
        let _ = write_anew(&file, text);
    }
}

/// The owner's uid of the latch's folder, or of the nearest folder above it that is there.
pub(super) fn owner_of(folder: &Path) -> Option<u32> {
    folder.ancestors().find_map(|folder| std::fs::metadata(folder).ok()).map(|facts| facts.uid())
}

/// Opens a folder, never through a link at its end.
pub(super) fn open_folder(folder: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::empty())
}

/// A path of a folder has at most so many bytes.
const LONGEST: u32 = 4096;

fn remembered(surroundings: &Surroundings, environment: Environment) -> Option<PathBuf> {
    let file = state_folder(surroundings, Some(environment)).join(REMEMBERED);
    let facts = std::fs::symlink_metadata(&file).ok()?;
    let own = facts.is_file() && facts.uid() == rustix::process::geteuid().as_raw() && facts.mode() & 0o022 == 0;
    let path = PathBuf::from(std::ffi::OsString::from_vec(own.then(|| ordinary::read(&file, LONGEST).ok())??));
    path.is_absolute().then_some(path)
}

fn write_anew(file: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let next = file.with_extension(format!("new-{}", std::process::id()));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut out = File::from(rustix::fs::open(&next, flags, Mode::RUSR | Mode::WUSR)?);
    let written = out.write_all(text).and_then(|()| out.sync_all()).and_then(|()| std::fs::rename(&next, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&next);
    }
    written
}

fn make_shared(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        // The mode is set on what was made: the umask has a say in the making.
        Ok(()) => Ok(rustix::fs::fchmod(open_folder(folder)?, Mode::from_raw_mode(SHARED))?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::tests::world;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    fn config(folder: Option<&Path>) -> Config {
        let mut file = crate::config::File::default();
        file.kill_switch.folder = folder.map(Path::to_owned);
        Config { file, ..Config::default() }
    }

    #[test]
    fn production_lies_in_the_machines_folder_and_others_only_where_it_is_there() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let world = world(home.path());
        let of = |environment| Place::of(&world, environment, Some(&config(None))).base().to_owned();
        assert_eq!(of(Environment::Production), home.path().join("var/production"));
        assert_eq!(of(Environment::Paper), home.path().join("state/quarterdeck/paper"));
        std::fs::create_dir_all(home.path().join("var/paper")).expect("a folder");
        assert_eq!(of(Environment::Paper), home.path().join("var/paper"));
        let named = Place::of(&world, Environment::Production, Some(&config(Some(Path::new("/srv/switch")))));
        assert_eq!(named.base(), Path::new("/srv/switch"));
    }

    #[test]
    fn a_broken_configuration_leads_where_the_last_good_one_led() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let world = world(home.path());
        let of = |config| Place::of(&world, Environment::Production, config);
        assert_eq!(of(None).base(), home.path().join("var/production"), "the compiled default");
        let good = config(Some(Path::new("/srv/switch")));
        of(Some(&good)).remember(&world, Environment::Production);
        assert_eq!(of(None).base(), Path::new("/srv/switch"));
        let file = home.path().join("state/quarterdeck/production").join(REMEMBERED);
        std::fs::set_permissions(&file, Permissions::from_mode(0o622)).expect("ours");
        assert_eq!(of(None).base(), home.path().join("var/production"), "others can write it: it is not believed");
    }

    #[test]
    fn what_is_made_is_shared_with_the_group_and_what_is_there_is_left() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let place = Place::at(home.path().join("base"));
        place.make().expect("made");
        let mode = |folder: &Path| std::fs::metadata(folder).expect("there").mode() & 0o7777;
        for folder in [place.latch(), place.engines(), place.present()] {
            assert_eq!(mode(&folder), SHARED, "{}", folder.display());
        }
        std::fs::set_permissions(place.engines(), Permissions::from_mode(0o750)).expect("ours");
        place.make().expect("again");
        assert_eq!(mode(&place.engines()), 0o750);
    }
}
