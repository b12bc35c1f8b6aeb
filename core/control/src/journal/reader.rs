//! Reads the journal's files on from where it stopped, folds what it reads and holds it against the chain. Refuses to
//! skip: a file that shrank, vanished or was replaced is an error, and so is a line that doesn't follow.

use super::error::JournalError;
use super::folder::{self, FileName, Identity};
use super::lock::Written;
use quarterdeck_domain::chain::{self, Head};
use quarterdeck_domain::event::Event;
use quarterdeck_domain::state::State;
use quarterdeck_domain::verify::{Finding, Verifier};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Events that wait for a reader who may never come.
const NEWS_KEPT: usize = 100_000;
const BLOCK: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Reader {
    folder: PathBuf,
    verifier: Verifier,
    current: Option<Current>,
    /// The file before the current one, as far as it was seen.
    previous: Option<FileName>,
    news: VecDeque<(u64, Event)>,
    /// What was wrong at the start; more than that is new and stops us.
    wrongs: u64,
    trouble: Option<Finding>,
    broken: Option<Finding>,
}

/// The file that is being read, and appended to when it is the newest.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) name: FileName,
    pub(super) file: File,
    pub(super) identity: Identity,
    /// Bytes of whole lines that were read.
    pub(super) length: u64,
}

impl Reader {
    /// Begins at the newest file whose snapshot can be read, and reads to the end.
    pub(super) fn open(folder: &Path, written: Option<&Written>) -> Result<Self, JournalError> {
        let mut reader = Self {
            folder: folder.to_owned(),
            verifier: Verifier::from_a_snapshot(),
            current: None,
            previous: None,
            news: VecDeque::new(),
            // What is wrong at the start is told and stops nobody.
            wrongs: u64::MAX,
            trouble: None,
            broken: None,
        };
        if let Some(first) = reader.starting_file()? {
            reader.turn_to(first)?;
            reader.read_on(written)?;
        }
        reader.wrongs = reader.verifier.wrongs();
        reader.trouble =
            reader.verifier.clone().finish(written.map(|written| written.head)).findings.into_iter().next();
        reader.news.clear();
        Ok(reader)
    }

    /// Reads everything that was appended since. Gives the bytes after the last good line of the newest file: without
    /// the lock they may be a line that is being written, with it they are torn.
    pub(super) fn read_on(&mut self, written: Option<&Written>) -> Result<Vec<u8>, JournalError> {
        loop {
            // The successor is looked for first: once it is there, nothing more is appended to this file.
            let next = self.successor(written)?;
            let rest = self.read_lines()?;
            let Some(next) = next else { return self.sound().map(|()| rest) };
            self.verifier.torn(&rest);
            self.turn_to(next)?;
        }
    }

    /// Takes lines that this process has just written.
    pub(super) fn wrote(&mut self, lines: &[(String, Event, chain::Link)]) {
        for (line, event, link) in lines {
            self.verifier.accept(line.as_bytes(), event, *link);
            tell(&mut self.news, link.seq, event.clone());
        }
    }

    /// A file that this process has just made is the newest now.
    pub(super) fn turned_to(&mut self, current: Current) {
        self.verifier.begin_file(&current.name.text());
        self.previous = self.current.replace(current).map(|before| before.name);
    }

    pub(super) fn current(&self) -> Option<&Current> {
        self.current.as_ref()
    }

    pub(super) fn previous(&self) -> Option<&FileName> {
        self.previous.as_ref()
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Current> {
        self.current.as_mut()
    }

    pub(super) fn head(&self) -> Head {
        self.verifier.head()
    }

    pub(super) fn state(&self) -> &Arc<State> {
        self.verifier.state()
    }

    pub(super) fn trouble(&self) -> Option<&Finding> {
        self.broken.as_ref().or(self.trouble.as_ref())
    }

    pub(super) fn take_news(&mut self) -> Vec<(u64, Event)> {
        self.news.drain(..).collect()
    }

    fn sound(&mut self) -> Result<(), JournalError> {
        if self.broken.is_none() && self.verifier.wrongs() > self.wrongs {
            self.broken = self.verifier.clone().finish(None).findings.pop();
        }
        self.broken.clone().map_or(Ok(()), |finding| Err(JournalError::Broken(finding)))
    }

    /// The newest file that begins with an event; the newest of all where none does.
    fn starting_file(&self) -> Result<Option<FileName>, JournalError> {
        let names = self.names()?;
        for name in names.iter().rev() {
            if self.begins_with_an_event(name)? {
                return Ok(Some(name.clone()));
            }
        }
        Ok(names.into_iter().next_back())
    }

    fn begins_with_an_event(&self, name: &FileName) -> Result<bool, JournalError> {
        let path = self.folder.join(name.text());
        let fail = |error| JournalError::io("reading", &path, &error);
        let mut file = folder::open_to_read(&path).map_err(fail)?;
        let mut line = Vec::new();
        let mut block = vec![0; BLOCK];
        loop {
            let read = file.read(&mut block).map_err(fail)?;
            let part = block.get(..read).unwrap_or_default();
            match part.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    line.extend_from_slice(part.get(..end).unwrap_or_default());
                    return Ok(chain::read(&line).is_ok());
                }
                None if read == 0 => return Ok(false),
                None => line.extend_from_slice(part),
            }
        }
    }

    fn names(&self) -> Result<Vec<FileName>, JournalError> {
        let names = folder::files(&self.folder).map_err(|error| JournalError::io("listing", &self.folder, &error))?;
        Ok(names.iter().filter_map(|name| FileName::parse(name)).collect())
    }

    /// The file after the current one. The lock file names the newest file, or the one that is just being made, so the
    /// folder is listed only when that is another than ours.
    fn successor(&self, written: Option<&Written>) -> Result<Option<FileName>, JournalError> {
        let Some(current) = &self.current else { return Ok(self.names()?.into_iter().next()) };
        if written.is_some_and(|written| written.file == current.name.text()) {
            return Ok(None);
        }
        Ok(self.names()?.into_iter().find(|name| *name > current.name))
    }

    fn turn_to(&mut self, name: FileName) -> Result<(), JournalError> {
        let path = self.folder.join(name.text());
        let fail = |error| JournalError::io("opening", &path, &error);
        // Opened to be written too, by the pen; where that is refused it is still read.
        let file = folder::open_options().open(&path).or_else(|why| folder::open_to_read(&path).map_err(|_| why));
        let file = file.and_then(folder::ordinary).map_err(fail)?;
        let facts = file.metadata().map_err(fail)?;
        folder::refuse_open_to_others(&path, &facts)?;
        self.turned_to(Current { name, file, identity: Identity::of(&facts), length: 0 });
        Ok(())
    }

    /// Reads the current file to its end; gives what follows its last good line.
    fn read_lines(&mut self) -> Result<Vec<u8>, JournalError> {
        let Some(current) = &mut self.current else { return Ok(Vec::new()) };
        let path = self.folder.join(current.name.text());
        let size = current.still_there(&path)?;
        let mut rest = Vec::new();
        // So much of it are whole lines that were judged bad: none is read twice, however many follow each other.
        let mut judged = 0;
        let mut at = current.length;
        let mut block = vec![0; BLOCK.min(usize::try_from(size - at).unwrap_or(BLOCK))];
        while at < size {
            let read = current.file.read_at(&mut block, at);
            let read = read.map_err(|error| JournalError::io("reading", &path, &error))?;
            if read == 0 {
                break;
            }
            at += read as u64;
            let new = block.get(..read).unwrap_or_default();
            let held = rest.len();
            rest.extend_from_slice(new);
            let Some(last) = new.iter().rposition(|byte| *byte == b'\n').map(|last| held + last) else { continue };
            let taken = take_lines(&mut self.verifier, &mut self.news, rest.get(..last).unwrap_or_default(), judged);
            rest.drain(..taken);
            judged = last + 1 - taken;
            current.length += taken as u64;
        }
        Ok(rest)
    }
}

impl Current {
    /// Its size now, if it is still the file of that name and no shorter than what was read.
    fn still_there(&self, path: &Path) -> Result<u64, JournalError> {
        let fail = |error| JournalError::io("looking at", path, &error);
        match Identity::at(path).map_err(fail)? {
            Some(identity) if identity == self.identity => {}
            Some(_) => return Err(JournalError::replaced(format!("{} was replaced", path.display()))),
            None => return Err(JournalError::replaced(format!("{} was removed", path.display()))),
        }
        let size = self.file.metadata().map_err(fail)?.len();
        if size < self.length {
            let what = format!("{} was cut from {} to {size} bytes", path.display(), self.length);
            return Err(JournalError::replaced(what));
        }
        Ok(size)
    }
}

/// Takes whole lines; gives how many bytes of them end in a good line. Bad lines are held back until a good one
/// follows them: at the end of the file they are torn, in the middle they are a finding. The first `judged` bytes are
/// known to be bad lines.
fn take_lines(verifier: &mut Verifier, news: &mut VecDeque<(u64, Event)>, text: &[u8], judged: usize) -> usize {
    let (mut taken, mut at) = (0, judged);
    for raw in text.get(judged..).unwrap_or_default().split(|byte| *byte == b'\n') {
        let start = at;
        at += raw.len() + 1;
        let Ok((event, link)) = chain::read(raw) else { continue };
        // Each held back line ends in a newline, so nothing follows the last one.
        for bad in text.get(taken..start).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            verifier.line(bad.strip_suffix(b"\n").unwrap_or(bad));
        }
        verifier.accept(raw, &event, link);
        tell(news, link.seq, event);
        taken = at;
    }
    taken
}

/// Who never asks for news still has the state.
fn tell(news: &mut VecDeque<(u64, Event)>, seq: u64, event: Event) {
    if news.len() == NEWS_KEPT {
        news.pop_front();
    }
    news.push_back((seq, event));
}
