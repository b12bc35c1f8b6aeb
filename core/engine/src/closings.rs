//! The ledger of closings: which position of which episode was already told to be closed, through any crash. Refuses to
//! hand a closing order out before it is on the disk, and another one for the same position ever.

use crate::client::Closing;
use rustix::fs::{FallocateFlags, Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

/// Room that is set aside at the start: some hundred closings on a disk that is full by then.
const ASIDE: u64 = 64 << 10;
/// Characters of an instrument's name: it is a part of a client order id.
pub(crate) const INSTRUMENT: usize = 64;

/// One line of the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    episode: String,
    instrument: String,
    /// The venue confirmed it.
    done: bool,
}

/// The ledger, open.
#[derive(Debug)]
pub(crate) struct Closings {
    file: File,
    known: BTreeMap<(String, String), bool>,
    /// The file may end in the middle of a line.
    torn: bool,
}

impl Closings {
    pub(crate) fn open(folder: &OwnedFd, engine: &str) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let name = file_name(engine);
        let file = rustix::fs::openat(folder, name.as_str(), flags, Mode::from_raw_mode(0o640))?;
        // Now, not at the first closing: the folder's entry has to be on the disk as well.
        rustix::fs::fsync(folder)?;
        let mut file = File::from(file);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // Some file systems can't; then a full disk means that nothing is closed by itself, and it says so.
        let _ = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, bytes.len() as u64, ASIDE);
        let mut known = BTreeMap::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            // A line that was cut by a crash was never handed out.
            let Ok(line) = serde_json::from_slice::<Line>(line) else { continue };
            let done = known.entry((line.episode, line.instrument)).or_insert(false);
            *done |= line.done;
        }
        Ok(Self { file, known, torn: bytes.last().is_some_and(|last| *last != b'\n') })
    }

    /// What to do about a position.
    pub(crate) fn closing(&mut self, episode: &str, instrument: &str) -> io::Result<Closing> {
        let client_order_id = format!("qd-{episode}-{instrument}");
        match self.known.get(&(episode.to_owned(), instrument.to_owned())) {
            Some(true) => Ok(Closing::Done),
            Some(false) => Ok(Closing::Send { client_order_id, again: true }),
            None => {
                self.append(episode, instrument, false)?;
                Ok(Closing::Send { client_order_id, again: false })
            }
        }
    }

    /// Something was closed in this episode, or was about to be.
    pub(crate) fn has_begun(&self, episode: &str) -> bool {
        self.known.keys().any(|(known, _)| known == episode)
    }

    /// It was confirmed. True in this process even where it could not be written.
    pub(crate) fn closed(&mut self, episode: &str, instrument: &str) -> io::Result<()> {
        if self.known.insert((episode.to_owned(), instrument.to_owned()), true) == Some(true) {
            return Ok(());
        }
        self.append(episode, instrument, true)
    }

    fn append(&mut self, episode: &str, instrument: &str, done: bool) -> io::Result<()> {
        let line = Line { episode: episode.to_owned(), instrument: instrument.to_owned(), done };
        let mut bytes = if self.torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        self.torn = true;
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.torn = false;
        let known = self.known.entry((line.episode, line.instrument)).or_insert(false);
        *known |= done;
        Ok(())
    }
}

pub(crate) fn file_name(engine: &str) -> String {
    format!("{engine}.closings")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folder() -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().expect("a folder");
        let open = File::open(folder.path()).expect("opened").into();
        (folder, open)
    }

    #[derive(Debug, Clone)]
    enum Act {
        Ask(u8, u8),
        Confirm(u8, u8),
        /// The process dies; so many bytes of a line that was being written are on the disk.
        Die(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (0..2_u8, 0..3_u8).prop_map(|(episode, instrument)| Act::Ask(episode, instrument)),
            2 => (0..2_u8, 0..3_u8).prop_map(|(episode, instrument)| Act::Confirm(episode, instrument)),
            2 => (0..60_usize).prop_map(Act::Die),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_position_is_handed_out_for_the_first_time_once_whatever_dies(acts in prop::collection::vec(act(), 1..40)) {
            let (place, open) = folder();
            let mut ledger = Closings::open(&open, "alpha").expect("opened");
            let mut asked = BTreeMap::new();
            for act in acts {
                match act {
                    Act::Ask(episode, instrument) => {
                        let (e, i) = (format!("E-{episode}"), format!("AB {instrument}\n\""));
                        let said = ledger.closing(&e, &i).expect("room");
                        let wanted = match asked.get(&(episode, instrument)) {
                            Some(true) => Closing::Done,
                            known => Closing::Send { client_order_id: format!("qd-{e}-{i}"), again: known.is_some() },
                        };
                        prop_assert_eq!(said, wanted);
                        asked.entry((episode, instrument)).or_insert(false);
                    }
                    Act::Confirm(episode, instrument) => {
                        ledger.closed(&format!("E-{episode}"), &format!("AB {instrument}\n\"")).expect("room");
                        asked.insert((episode, instrument), true);
                    }
                    Act::Die(written) => {
                        let line = br#"{"episode":"E-0","instrument":"AB 0\n\"","done":false}"#;
                        let path = place.path().join("alpha.closings");
                        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("opened");
                        file.write_all(&line[..written.min(line.len() - 1)]).expect("room");
                        ledger = Closings::open(&open, "alpha").expect("opened");
                    }
                }
            }
        }
    }

    #[test]
    fn what_can_not_be_written_is_not_handed_out() {
        let (place, open) = folder();
        let mut ledger = Closings::open(&open, "alpha").expect("opened");
        let read_only = File::open(place.path().join("alpha.closings")).expect("opened");
        let writable = std::mem::replace(&mut ledger.file, read_only);
        ledger.closing("E-1", "ES").expect_err("a ledger that can't be written");
        ledger.file = writable;
        let said = ledger.closing("E-1", "ES").expect("room");
        assert_eq!(said, Closing::Send { client_order_id: "qd-E-1-ES".into(), again: false });
    }
}
