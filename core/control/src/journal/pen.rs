//! Writes a batch of events under the lock: recovers a torn end, begins a new file, seals, writes once, syncs. Refuses
//! to leave half a batch: what can't be written whole is taken back.

use super::Sealed;
use super::error::JournalError;
use super::file::Opening;
use super::folder::{self, FileName, Identity};
use super::lock::{Held, Written};
use super::reader::{Current, Reader};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quarterdeck_domain::catalogue::EventKind;
use quarterdeck_domain::chain::{self, Digest, Head, Link, Salt};
use quarterdeck_domain::event::{Actor, Detail, Event, EventId, Status};
use quarterdeck_domain::redact;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A longer cut is kept in a file of its own beside the journal, and its beginning in the event.
const CUT_IN_EVENT: usize = 1024 * 1024;
const CUT_SHOWN: usize = 64 * 1024;

/// Appends the events. The caller holds the lock and has read on to the end; `torn` is what follows the last good line.
pub(super) fn append(
    reader: &mut Reader,
    held: &Held<'_>,
    written: Option<&Written>,
    opening: &Opening,
    torn: &[u8],
    events: &[Event],
) -> Result<Vec<Sealed>, JournalError> {
    let Some(last) = events.last() else { return Ok(Vec::new()) };
    let mut page = Page { head: reader.head(), lines: Vec::new() };
    let home = home(reader, opening, torn, last);
    // What the journal writes itself stands before the batch, and so does its time.
    let frame = Frame { opening, at: events.first().map_or(last.timestamp, |first| first.timestamp) };
    if home.begins {
        let previous_file = home.previous.as_ref().map(FileName::text);
        let detail = Detail::Snapshot { state: Box::new((**reader.state()).clone()), previous_file };
        page.add(&frame.event(EventKind::Snapshot)?.on("journal://snapshot").with(detail))?;
    }
    let lost = written.filter(|written| written.head.seq > reader.head().seq);
    if !torn.is_empty() || lost.is_some() {
        page.add(&frame.recovery(&home, torn, lost, reader.head())?)?;
    }
    let own = page.lines.len();
    for event in events {
        page.add(event)?;
    }
    let current = write(reader, held, opening, home, torn, &page.bytes())?;
    if let Some(current) = current {
        reader.turned_to(current);
    }
    reader.wrote(&page.lines);
    if let Some(current) = reader.current() {
        // The events are on the disk: an error now would say that they are not. What is remembered may lag behind.
        let _ = held.remember(page.head, &current.name.text());
    }
    let sealed = page.lines.into_iter().skip(own);
    Ok(sealed.map(|(_, event, link)| Sealed { seq: link.seq, event_id: event.event_id }).collect())
}

/// Where a batch goes.
struct Home {
    name: FileName,
    offset: u64,
    /// Its first line is a snapshot.
    begins: bool,
    /// The file is made now.
    new: bool,
    previous: Option<FileName>,
}

fn home(reader: &Reader, opening: &Opening, torn: &[u8], last: &Event) -> Home {
    let Some(current) = reader.current() else {
        return Home { name: FileName::first_of(last.timestamp), offset: 0, begins: true, new: true, previous: None };
    };
    // A torn file is mended before it is left.
    let full = current.length >= opening.roll_at || current.name.is_of_an_earlier_day(last.timestamp);
    if full && torn.is_empty() && current.length > 0 {
        let name = current.name.next(last.timestamp);
        return Home { name, offset: 0, begins: true, new: true, previous: Some(current.name.clone()) };
    }
    let begins = current.length == 0;
    let previous = reader.previous().cloned();
    Home { name: current.name.clone(), offset: current.length, begins, new: false, previous }
}

/// What the journal itself writes.
struct Frame<'a> {
    opening: &'a Opening,
    at: jiff::Timestamp,
}

impl Frame<'_> {
    fn event(&self, kind: EventKind) -> Result<Event, JournalError> {
        let random = random::<14>(&self.opening.folder)?;
        let (event, request) = random.split_at(8);
        let id = EventId { event: format!("evt-{}", hex(event)), request: format!("req-{}", hex(request)) };
        let actor = Actor::system(&self.opening.session);
        Ok(Event::new(kind, self.at, id, actor, self.opening.environment))
    }

    fn recovery(&self, home: &Home, torn: &[u8], lost: Option<&Written>, head: Head) -> Result<Event, JournalError> {
        let file = home.name.text();
        let mut event = self.event(EventKind::Recovery)?.on(format!("journal://{file}"));
        let mut kept = torn;
        if torn.len() > CUT_IN_EVENT {
            event.action.resource_id = keep_aside(&self.opening.folder, &file, home.offset, torn)?;
            kept = torn.get(..CUT_SHOWN).unwrap_or(torn);
        }
        if let Some(lost) = lost {
            // More than a crash: these had been synced.
            event = event.came_out(Status::Failure, None, Some("ACKNOWLEDGED_EVENTS_LOST"));
            event.action.resource_id = format!("events {} to {}", head.seq.saturating_add(1), lost.head.seq);
        }
        Ok(event.with(Detail::Recovery { file, offset: home.offset, cut_base64: STANDARD.encode(kept) }))
    }
}

fn keep_aside(folder: &Path, file: &str, offset: u64, torn: &[u8]) -> Result<String, JournalError> {
    let name = format!("cut-{}-{offset}.bin", file.trim_end_matches(".jsonl"));
    let path = folder.join(&name);
    let kept = folder::open_options().create(true).truncate(true).open(&path).and_then(|file| {
        file.write_all_at(torn, 0)?;
        file.sync_all()
    });
    kept.map_err(|error| JournalError::io("keeping a torn end in", &path, &error))?;
    Ok(name)
}

/// Lines that are sealed and not yet written.
struct Page {
    head: Head,
    lines: Vec<(String, Event, Link)>,
}

impl Page {
    fn add(&mut self, event: &Event) -> Result<(), JournalError> {
        let salt = Salt(random(Path::new("a line's salt"))?);
        let mut clean = event.clone();
        redact::event(&mut clean);
        let line = chain::seal(&clean, self.head.seq.saturating_add(1), salt, self.head.digest);
        // What is folded is what was written, read back: a timestamp loses its microseconds here and not at a restart.
        let (event, link) = chain::read(line.as_bytes()).map_err(|why| JournalError::Io {
            doing: "reading back an event for",
            path: event.event_type.entry().name.into(),
            text: why.to_string(),
        })?;
        self.head = Head { seq: link.seq, digest: Digest::of(line.as_bytes()) };
        self.lines.push((line, event, link));
        Ok(())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.lines.iter().map(|(line, ..)| line.len() + 1).sum());
        for (line, ..) in &self.lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }
}

/// Gives the file where a new one was made.
fn write(
    reader: &mut Reader,
    held: &Held<'_>,
    opening: &Opening,
    home: Home,
    torn: &[u8],
    bytes: &[u8],
) -> Result<Option<Current>, JournalError> {
    let path = opening.folder.join(home.name.text());
    let fail = |error: io::Error| JournalError::io("writing the journal", &path, &error);
    if home.new {
        // Named before it exists: whoever dies in between leaves a name that makes the next writer look.
        held.remember(reader.head(), &home.name.text())?;
        let file = folder::open_options().create_new(true).open(&path).map_err(fail)?;
        let done = file
            .write_all_at(bytes, 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| folder::sync(&opening.folder))
            .and_then(|()| file.metadata());
        return match done {
            Ok(facts) => {
                let length = bytes.len() as u64;
                Ok(Some(Current { identity: Identity::of(&facts), name: home.name, file, length }))
            }
            Err(error) => {
                // Nobody else can have seen it as a file with lines: the lock is held.
                let _ = fs::remove_file(&path);
                Err(fail(error))
            }
        };
    }
    let Some(current) = reader.current_mut() else { return Ok(None) };
    let (before, after) = (home.offset + torn.len() as u64, home.offset + bytes.len() as u64);
    let done = current.file.write_all_at(bytes, home.offset).and_then(|()| {
        if after < before {
            current.file.set_len(after)?;
        }
        current.file.sync_data()
    });
    if let Err(error) = done {
        // Taken back, the torn end included. If even that fails, the next writer finds a torn end and mends it.
        let _ = current.file.set_len(before);
        let _ = current.file.write_all_at(torn, home.offset);
        return Err(fail(error));
    }
    current.length = after;
    Ok(None)
}

fn random<const N: usize>(path: &Path) -> Result<[u8; N], JournalError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| JournalError::Io {
        doing: "asking the system for random bytes for",
        path: path.to_owned(),
        text: error.to_string(),
    })?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
