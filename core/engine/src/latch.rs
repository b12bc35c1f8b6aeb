//! The latch, as an engine sees it: what stands there, when something moves there, and whom its folder trusts. Refuses to
//! write, and to wait for whatever somebody put in the latch's place.

use quarterdeck_domain::environment::Environment;
use quarterdeck_domain::kill::{LatchView, Order, Record};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::UCred;
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A record is 4096 bytes; more than this is none.
const LARGEST: u64 = 64 << 10;
/// An episode is a part of client order ids.
const EPISODE: usize = 64;

/// The folder of the latch, watched.
#[derive(Debug)]
pub(crate) struct Latch {
    folder: PathBuf,
    environment: Environment,
    /// `None` where the system has no watch left: then the latch is looked at each second and no sooner.
    inotify: Option<OwnedFd>,
    watched: Option<i32>,
}

impl Latch {
    pub(crate) fn new(folder: PathBuf, environment: Environment) -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        let mut latch = Self { folder, environment, inotify, watched: None };
        latch.watch();
        latch
    }

    /// Watches the folder that has the name now: it may have been made or replaced since the last time.
    pub(crate) fn watch(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        let flags = WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR;
        let watched = inotify::add_watch(inotify, &self.folder, flags).ok();
        if let Some(old) = self.watched.filter(|_| self.watched != watched) {
            // Fails where the system took it away with its folder.
            let _ = inotify::remove_watch(inotify, old);
        }
        self.watched = watched;
    }

    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Takes away what was heard: whatever it was, the latch is looked at.
    pub(crate) fn drain(&self) {
        let Some(inotify) = &self.inotify else { return };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        while events.next().is_ok() {}
    }

    /// What stands there.
    pub(crate) fn read(&self) -> LatchView {
        let folder = match std::fs::symlink_metadata(&self.folder) {
            Ok(facts) if facts.is_symlink() => return LatchView::Unreadable("its folder is a link".into()),
            Ok(facts) => Owned { uid: facts.uid(), mode: facts.mode() },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return LatchView::Missing,
            Err(error) => return LatchView::Unreadable(error.to_string()),
        };
        match contents(&self.folder.join("latch")) {
            Ok((bytes, file)) => match parse(&bytes, self.environment) {
                Ok(record) => match doubt(&record, self.environment, folder, file) {
                    Some(why) => LatchView::Unreadable(why),
                    None => LatchView::Read(Box::new(record)),
                },
                Err(why) => LatchView::Unreadable(why),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => LatchView::Missing,
            Err(error) => LatchView::Unreadable(error.to_string()),
        }
    }

    /// Whom to believe.
    pub(crate) fn trusts(&self) -> Trusts {
        let folder = std::fs::metadata(&self.folder).ok().map(|facts| (facts.uid(), facts.gid()));
        Trusts { own: rustix::process::geteuid().as_raw(), folder }
    }
}

/// A record that an engine can act on.
pub(crate) fn parse(bytes: &[u8], environment: Environment) -> Result<Record, String> {
    let record = Record::parse(bytes, environment)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if record.episode.is_empty() || record.episode.len() > EPISODE || !record.episode.chars().all(plain) {
        return Err("its episode is no name".into());
    }
    Ok(record)
}

/// Whose a file or a folder is, and who may write there.
#[derive(Debug, Clone, Copy)]
struct Owned {
    uid: u32,
    mode: u32,
}

/// Why what stands there is no order: anybody could have written it, or in Production somebody who may not make it
/// riskier. There a stop is everybody's; trade and hold are the folder's owner's, as long as records are unsigned.
fn doubt(record: &Record, environment: Environment, folder: Owned, file: Owned) -> Option<String> {
    let open = |owned: Owned| owned.mode & 0o002 != 0;
    if open(folder) || open(file) {
        let what = if open(folder) { "its folder" } else { "it" };
        return Some(format!("{what} can be written by others than its owner and group"));
    }
    let riskier = matches!(record.order, Order::Trade | Order::Hold);
    (environment == Environment::Production && riskier && file.uid != folder.uid).then(|| {
        let order = if record.order == Order::Trade { "trade" } else { "hold" };
        format!("it says {order}, and its owner {} is not the owner of its folder, {}", file.uid, folder.uid)
    })
}

/// An ordinary file's bytes. A pipe or a device in its place is not waited for.
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    contents(path).map(|(bytes, _)| bytes)
}

fn contents(path: &Path) -> io::Result<(Vec<u8>, Owned)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP => io::Error::other("it is a link"),
        error => error.into(),
    })?;
    let facts = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let mut bytes = Vec::new();
    File::from(file).take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    Ok((bytes, Owned { uid: facts.st_uid, mode: facts.st_mode }))
}

/// Whom an engine believes: root, its own user, the owner of the latch's folder, and that folder's group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trusts {
    own: u32,
    /// Owner and group; `None` where there is no folder.
    folder: Option<(u32, u32)>,
}

impl Trusts {
    pub(crate) fn believes(&self, uid: u32, groups: &[u32]) -> bool {
        uid == 0 || uid == self.own || self.folder.is_some_and(|(owner, group)| uid == owner || groups.contains(&group))
    }
}

/// The groups of who is at the other end: the one that the socket tells, and those that its process has beside it. The
/// process may be gone and its number another's, so they count only where the user is the same.
pub(crate) fn groups(peer: &UCred) -> Vec<u32> {
    let mut groups = vec![peer.gid.as_raw()];
    let status = std::fs::read_to_string(format!("/proc/{}/status", peer.pid.as_raw_nonzero())).unwrap_or_default();
    let numbers = |word: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(word)).unwrap_or_default();
        line.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
    };
    if numbers("Uid:").get(1) == Some(&peer.uid.as_raw()) {
        groups.extend(numbers("Groups:"));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_the_own_user_the_owner_and_the_group_are_believed_and_nobody_else() {
        let trusts = Trusts { own: 1001, folder: Some((1002, 500)) };
        for (uid, groups, wanted) in [
            (0, vec![0], true),
            (1001, vec![1001], true),
            (1002, vec![1002], true),
            (1003, vec![500], true),
            (1003, vec![1003, 4, 500], true),
            (1003, vec![1003], false),
            (500, vec![1002, 0, 1001], false),
            (1003, vec![], false),
        ] {
            assert_eq!(trusts.believes(uid, &groups), wanted, "{uid} {groups:?}");
        }
        let alone = Trusts { own: 1001, folder: None };
        assert!(alone.believes(1001, &[]) && alone.believes(0, &[]) && !alone.believes(1002, &[500, 0]));
    }

    #[test]
    fn the_groups_of_a_process_are_told_by_the_system() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let peer = rustix::net::sockopt::socket_peercred(&one).expect("who it is");
        let told = groups(&peer);
        assert_eq!(told[0], rustix::process::getegid().as_raw());
        for group in rustix::process::getgroups().expect("groups") {
            assert!(told.contains(&group.as_raw()), "{told:?}");
        }
        let stranger = UCred { uid: rustix::process::Uid::from_raw(peer.uid.as_raw() + 1), ..peer };
        assert_eq!(groups(&stranger), [peer.gid.as_raw()], "a process of another user says nothing of this one");
    }

    fn record(environment: Environment, order: Order) -> Record {
        let now = quarterdeck_clock::moment();
        let by = quarterdeck_domain::kill::Initiator {
            kind: "person".into(),
            person: "alice".into(),
            role: None,
            session: "s".into(),
            uid: 1,
            host: "h".into(),
            program: "cockpit".into(),
            bound: false,
        };
        let deadline = (order == Order::Stop)
            .then(|| quarterdeck_domain::kill::Deadline::after(&now, jiff::SignedDuration::from_secs(300)));
        Record { order, level: order.level(), deadline, ..Record::first(environment, &now, by) }
    }

    #[test]
    fn in_production_only_the_folders_owner_makes_it_riskier_and_everybody_stops() {
        let of = |uid, mode| Owned { uid, mode };
        for environment in [Environment::Qa, Environment::Paper, Environment::Production] {
            for order in [Order::Trade, Order::Hold, Order::Stop, Order::Halt] {
                let record = record(environment, order);
                let said = |file| doubt(&record, environment, of(7, 0o42770), file);
                assert_eq!(said(of(7, 0o100640)), None);
                let riskier = environment == Environment::Production && order < Order::Stop;
                assert_eq!(said(of(8, 0o100640)).is_some(), riskier, "{environment:?} {order:?}");
                assert!(said(of(7, 0o100642)).is_some_and(|why| why.contains("others than its owner")));
                assert!(doubt(&record, environment, of(7, 0o42772), of(7, 0o100640)).is_some());
            }
        }
    }

    #[test]
    fn a_latch_that_others_may_write_or_that_is_a_link_is_none() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let root = tempfile::tempdir().expect("a folder");
        let (folder, link) = (root.path().join("latch"), root.path().join("link"));
        std::fs::create_dir(&folder).expect("a folder");
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("set");
        };
        let file = folder.join("latch");
        std::fs::write(&file, record(Environment::Qa, Order::Trade).bytes()).expect("written");
        mode(&folder, 0o2770);
        mode(&file, 0o640);
        let latch = Latch::new(folder.clone(), Environment::Qa);
        assert!(matches!(latch.read(), LatchView::Read(_)));
        for (path, open, shut) in [(&file, 0o642, 0o640), (&folder, 0o2773, 0o2770)] {
            mode(path, open);
            assert!(matches!(latch.read(), LatchView::Unreadable(why) if why.contains("by others")));
            mode(path, shut);
            assert!(matches!(latch.read(), LatchView::Read(_)));
        }
        symlink(&folder, &link).expect("a link");
        let linked = Latch::new(link, Environment::Qa);
        assert_eq!(linked.read(), LatchView::Unreadable("its folder is a link".into()));
    }

    #[test]
    fn what_is_no_ordinary_file_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let latch = Latch::new(folder.path().to_owned(), Environment::Qa);
        let at = folder.path().join("latch");
        assert_eq!(latch.read(), LatchView::Missing);
        rustix::fs::mknodat(CWD, &at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        assert!(matches!(latch.read(), LatchView::Unreadable(why) if why.contains("no ordinary file")));
        std::fs::remove_file(&at).expect("removed");
        std::os::unix::fs::symlink("/dev/zero", &at).expect("a link");
        assert!(matches!(latch.read(), LatchView::Unreadable(why) if why.contains("a link")));
        std::fs::remove_file(&at).expect("removed");
        std::fs::write(&at, vec![b' '; 70_000]).expect("written");
        assert!(matches!(latch.read(), LatchView::Unreadable(why) if why.contains("larger")));
    }
}
