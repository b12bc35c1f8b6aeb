//! One source, followed through everything that happens to its file: written, renamed, cut after being copied,
//! removed, made later. Refuses to lose what it can still reach: a renamed file is read on by its descriptor, a cut
//! one by its copy.

use super::lines::{self, Change, Identity, Lines, Reading};
use super::rotated::Rotated;
use super::watch::{Heard, Watch, Wd};
use super::{Location, Source, backwards};
use crate::journal;
use jiff::Timestamp;
use quarterdeck_domain::audit::AuditLine;
use quarterdeck_domain::foreign;
use quarterdeck_domain::overview::SourceRow;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that comes later is news from its first byte, unless it is this large: then it was written elsewhere.
const ALL_NEWS: u64 = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Follower {
    user: usize,
    name: Arc<str>,
    source: Source,
    first_lines: usize,
    folder: Option<Folder>,
    /// The folder above the watched one, while that can't tell its own removal.
    above: Option<Wd>,
    /// What was followed before and may still be written to, or the copy of what was cut.
    old: Option<Open>,
    open: Option<Open>,
    /// What our file was renamed to, and was not followed yet.
    rotated: Rotated,
    trouble: Option<String>,
    count: u64,
    heard_at: Option<Timestamp>,
    /// Something happened since it was looked at last.
    pub(super) stirred: bool,
    /// The folder that is watched may not be the right one any more.
    moved: bool,
    /// Names came or went in the folder.
    renamed: bool,
}

/// The folder that is watched.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    id: Identity,
    wd: Wd,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    lines: Lines,
    wd: Option<Wd>,
}

impl Follower {
    pub(super) fn new(user: usize, mut source: Source, first_lines: usize) -> Self {
        source.at = source.at.absolute();
        Self {
            user,
            name: source.name.as_str().into(),
            source,
            first_lines,
            folder: None,
            above: None,
            old: None,
            open: None,
            rotated: Rotated::default(),
            trouble: None,
            count: 0,
            heard_at: None,
            stirred: true,
            moved: true,
            renamed: true,
        }
    }

    pub(super) fn row(&self) -> SourceRow {
        SourceRow {
            name: self.source.name.clone(),
            heard_at: self.heard_at,
            every: self.source.every,
            trouble: self.trouble.clone(),
            lines: self.count,
        }
    }

    /// Takes note of something that happened.
    pub(super) fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Lost => (self.stirred, self.moved, self.renamed) = (true, true, true),
            Heard::Itself { wd, gone } => {
                self.stirred = true;
                self.moved |= *gone && self.folder.as_ref().is_some_and(|folder| folder.wd == *wd);
                self.renamed |= *gone;
            }
            Heard::Name { wd, name, .. } if self.above == Some(*wd) => {
                let own = self.folder.as_ref().and_then(|folder| folder.path.file_name());
                let ours = own.is_none_or(|own| own == name);
                (self.stirred, self.moved) = (self.stirred || ours, self.moved || ours);
            }
            Heard::Name { name, moved, .. } => {
                if let Location::File(path) = &self.source.at {
                    self.rotated.hear(path.file_name().is_some_and(|own| own == name), name, *moved);
                }
                let waits = self.folder.as_ref().is_none_or(|folder| folder.path != self.home());
                self.moved |= waits;
                self.stirred |= waits || self.is_ours(name);
                self.renamed |= self.stirred;
            }
        }
    }

    /// The last lines that stand there already.
    pub(super) fn first_screen(&mut self, watch: &mut Watch, out: &mut Vec<AuditLine>) {
        self.arm(watch);
        if let Err(error) = self.open_at_the_end(watch) {
            self.trouble = Some(in_words(&error));
            return;
        }
        self.look(watch, usize::MAX, None, out);
        // What stands there arrived when it was written, not when we came.
        let written = self.open.as_ref().and_then(|open| open.lines.file().metadata().ok()?.modified().ok());
        self.heard_at = written.and_then(|at| Timestamp::try_from(at).ok());
    }

    /// Reads what is new; true when there may be more.
    pub(super) fn look(
        &mut self,
        watch: &mut Watch,
        limit: usize,
        now: Option<Timestamp>,
        out: &mut Vec<AuditLine>,
    ) -> bool {
        self.stirred = false;
        if self.moved {
            self.arm(watch);
        }
        let before = out.len();
        let more = self.read(watch, limit, out);
        self.guard(watch);
        let fresh = out.len() - before;
        self.count += fresh as u64;
        if fresh > 0 && now.is_some() {
            self.heard_at = now;
        }
        match more {
            Ok(more) => {
                self.stirred |= more;
                more
            }
            Err(error) => {
                self.trouble = Some(in_words(&error));
                false
            }
        }
    }

    fn read(&mut self, watch: &mut Watch, limit: usize, out: &mut Vec<AuditLine>) -> io::Result<bool> {
        let start = out.len();
        loop {
            let left = limit.saturating_sub(out.len() - start);
            if left == 0 || self.read_old(watch, left, out)? == Reading::Stopped {
                return Ok(true);
            }
            // The successor is looked for first: what comes after it in the file we have is still read.
            let next = self.successor()?;
            if self.read_open(watch, limit.saturating_sub(out.len() - start), out)? == Reading::Stopped {
                return Ok(true);
            }
            // A copy that was found meanwhile is read before what follows it.
            if self.old.as_ref().is_some_and(|old| old.wd.is_none()) {
                continue;
            }
            let Some((path, file)) = next else { return Ok(false) };
            self.turn_to(watch, path, file, out)?;
        }
    }

    /// What was followed before the file that is followed now.
    fn read_old(&mut self, watch: &mut Watch, limit: usize, out: &mut Vec<AuditLine>) -> io::Result<Reading> {
        let Some(old) = &mut self.old else { return Ok(Reading::AtEnd) };
        let name = &self.name;
        let reading = old.lines.read(limit, &mut |place, raw| out.push(foreign::read(name.clone(), place, raw)))?;
        // A copy is not written to again, and neither is what no path leads to once its writer has turned away.
        if reading == Reading::AtEnd && (old.wd.is_none() || old.lines.is_unlinked()) {
            self.drop_old(watch, out);
        }
        Ok(reading)
    }

    fn read_open(&mut self, watch: &mut Watch, limit: usize, out: &mut Vec<AuditLine>) -> io::Result<Reading> {
        let Some(open) = &mut self.open else { return Ok(Reading::AtEnd) };
        match open.lines.change()? {
            Change::None => {}
            Change::LineTaken => open.lines.rewind_line(),
            Change::Cut => {
                let copy = copy_of(&open.path, &open.lines);
                if copy.is_none() {
                    torn(&self.name, &open.lines, out);
                }
                open.lines.rewind();
                if copy.is_some() {
                    self.drop_old(watch, out);
                    self.old = copy;
                    return Ok(Reading::AtEnd);
                }
            }
        }
        let name = &self.name;
        open.lines.read(limit, &mut |place, raw| out.push(foreign::read(name.clone(), place, raw)))
    }

    /// The file that the source's name leads to, if it is another than the open one.
    fn successor(&mut self) -> io::Result<Option<(PathBuf, File)>> {
        if let Some(between) = self.rotated_between() {
            return Ok(Some(between));
        }
        let path = match &self.source.at {
            Location::File(path) => path.clone(),
            Location::Journal(folder) => {
                let folder = folder.clone();
                match self.next_journal_file(&folder)? {
                    Some(path) => path,
                    None => return Ok(None),
                }
            }
        };
        let facts = match fs::metadata(&path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let gone = if self.open.is_some() { "gone, waiting for a new one" } else { "not there yet" };
                self.trouble = Some(gone.to_owned());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if facts.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if self.open.as_ref().is_some_and(|open| open.lines.id() == lines::identity(&facts)) {
            self.trouble = None;
            return Ok(None);
        }
        let file = open_file(&path)?;
        self.trouble = None;
        Ok(Some((path, file)))
    }

    /// A file that had the source's name after the one that is open, and was renamed before it could be opened.
    fn rotated_between(&mut self) -> Option<(PathBuf, File)> {
        self.open.as_ref()?;
        while let Some(name) = self.rotated.next() {
            let path = self.home().join(name);
            let Ok(file) = open_file(&path) else { continue };
            if file.metadata().is_ok_and(|facts| !self.rotated.was_followed(lines::identity(&facts))) {
                return Some((path, file));
            }
        }
        None
    }

    fn next_journal_file(&mut self, folder: &Path) -> io::Result<Option<PathBuf>> {
        if !std::mem::take(&mut self.renamed) && self.open.is_some() {
            return Ok(None);
        }
        let names = match journal::files(folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let current = self.open.as_ref().and_then(|open| open.path.file_name()).map(OsStr::to_owned);
        let place = current.as_ref().and_then(|current| names.iter().position(|name| OsStr::new(name) == current));
        let next = match (current, place) {
            (None, _) => names.first(),
            (Some(_), Some(place)) => names.get(place + 1),
            (Some(_), None) => {
                self.trouble = Some("the file that was followed is gone".to_owned());
                return Ok(None);
            }
        };
        self.trouble = if names.is_empty() { Some("not there yet".to_owned()) } else { None };
        // There may be a third one behind the next.
        self.renamed = next.is_some();
        Ok(next.map(|name| folder.join(name)))
    }

    fn turn_to(&mut self, watch: &mut Watch, path: PathBuf, file: File, out: &mut Vec<AuditLine>) -> io::Result<()> {
        let size = file.metadata()?.len();
        let beginning = if self.open.is_none() && size > ALL_NEWS {
            backwards::beginning(&file, self.first_lines)?
        } else {
            backwards::Beginning { at: 0, inside: false, lines: 0 }
        };
        let open = self.watched(watch, path, Lines::begin(file, beginning.at, beginning.inside)?)?;
        self.rotated.follow(open.lines.id());
        self.drop_old(watch, out);
        self.old = self.open.replace(open);
        if matches!(self.source.at, Location::Journal(_)) {
            // Nobody goes back to an older file of a journal.
            self.drop_old(watch, out);
        }
        Ok(())
    }

    fn watched(&self, watch: &mut Watch, path: PathBuf, lines: Lines) -> io::Result<Open> {
        let wd = watch.file(lines.file(), self.user)?;
        Ok(Open { path, lines, wd: Some(wd) })
    }

    fn drop_old(&mut self, watch: &mut Watch, out: &mut Vec<AuditLine>) {
        let Some(old) = self.old.take() else { return };
        torn(&self.name, &old.lines, out);
        if let Some(wd) = old.wd {
            watch.forget(wd, self.user);
        }
    }

    /// The first screen's files: the file, or as many of a journal's newest as hold enough lines.
    fn open_at_the_end(&mut self, watch: &mut Watch) -> io::Result<()> {
        let candidates = match &self.source.at {
            Location::File(path) => vec![path.clone()],
            Location::Journal(folder) => {
                let names = journal::files(folder).unwrap_or_default();
                names.iter().rev().map(|name| folder.join(name)).collect()
            }
        };
        let mut wanted = self.first_lines;
        let mut found = None;
        for path in candidates {
            let file = match open_file(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            let beginning = backwards::beginning(&file, wanted)?;
            wanted = wanted.saturating_sub(beginning.lines);
            found = Some((path, file, beginning));
            if wanted == 0 || beginning.at > 0 {
                break;
            }
        }
        if let Some((path, file, beginning)) = found {
            let open = self.watched(watch, path, Lines::begin(file, beginning.at, beginning.inside)?)?;
            self.rotated.follow(open.lines.id());
            self.open = Some(open);
        }
        Ok(())
    }

    /// Watches the source's folder, or while it is missing the deepest one there is above it.
    fn arm(&mut self, watch: &mut Watch) {
        self.moved = false;
        for wd in self.above.take().into_iter().chain(self.folder.take().map(|folder| folder.wd)) {
            watch.forget(wd, self.user);
        }
        loop {
            let Some((path, id)) = self.deepest() else { return };
            let wd = match watch.folder(&path, self.user) {
                Ok(wd) => wd,
                // Removed between the look and the watch.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.trouble = Some(format!("can't be watched: {error}"));
                    return;
                }
            };
            // Made or replaced between the look and the watch: look again.
            if self.deepest() == Some((path.clone(), id)) {
                self.folder = Some(Folder { path, id, wd });
                return;
            }
            watch.forget(wd, self.user);
        }
    }

    /// While a removed file is held open, the system keeps its folders alive too, and a folder that is removed then
    /// says nothing. So long the folder above it is asked.
    fn guard(&mut self, watch: &mut Watch) {
        let held = [&self.open, &self.old].into_iter().flatten().any(|open| open.lines.is_unlinked());
        if !held {
            if let Some(wd) = self.above.take() {
                watch.forget(wd, self.user);
            }
            return;
        }
        let Some(folder) = self.folder.as_ref().filter(|_| self.above.is_none()) else { return };
        self.above = folder.path.parent().and_then(|above| watch.folder(above, self.user).ok());
        if self.deepest() != Some((folder.path.clone(), folder.id)) {
            (self.stirred, self.moved) = (true, true);
        }
    }

    /// The source's folder, or the deepest existing one above it.
    fn deepest(&self) -> Option<(PathBuf, Identity)> {
        self.home().ancestors().find_map(|folder| {
            let facts = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
            Some((folder.to_owned(), lines::identity(&facts)))
        })
    }

    fn home(&self) -> &Path {
        let folder = match &self.source.at {
            Location::File(path) => path.parent().unwrap_or(Path::new("/")),
            Location::Journal(folder) => folder,
        };
        if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
    }

    fn is_ours(&self, name: &OsStr) -> bool {
        match &self.source.at {
            Location::File(path) => path.file_name() == Some(name),
            Location::Journal(_) => name.to_str().is_some_and(journal::is_journal_file),
        }
    }
}

fn torn(name: &Arc<str>, lines: &Lines, out: &mut Vec<AuditLine>) {
    if let Some((place, raw)) = lines.unfinished() {
        out.push(foreign::torn(name.clone(), place, raw));
    }
}

/// Finds the copy that was made of a file before it was cut: a file beside it, called after it, with the same bytes up
/// to where we had read.
fn copy_of(path: &Path, lines: &Lines) -> Option<Open> {
    let own = path.file_name()?.to_str()?;
    let mut newest = None;
    for entry in fs::read_dir(path.parent()?).ok()?.filter_map(Result::ok) {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| name != own && name.starts_with(own)) {
            continue;
        }
        let Some(copy) = open_file(&entry.path()).ok().and_then(|file| lines.continued_in(file).ok()?) else {
            continue;
        };
        let written = copy.file().metadata().and_then(|facts| facts.modified()).ok();
        if newest.as_ref().is_none_or(|(at, _)| *at < written) {
            newest = Some((written, Open { path: entry.path(), lines: copy, wd: None }));
        }
    }
    newest.map(|(_, open)| open)
}

/// A pipe in the place of a file must not hold the tail up.
fn open_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = File::options().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no ordinary file")) }
}

fn in_words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound { "not there yet".to_owned() } else { format!("can't be read: {error}") }
}
