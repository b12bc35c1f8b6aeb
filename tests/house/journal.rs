//! Reads a journal's lines as data. Refuses to know the chain: `audit verify` judges that.

use super::{House, PATIENCE};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Instant;

impl House {
    /// The journal of an environment, oldest line first.
    pub(crate) fn journal(&self, environment: &str) -> Vec<Value> {
        journal_in(&self.state(environment).join("journal"))
    }

    /// Its events of one type, as `STATUS resource`.
    pub(crate) fn events(&self, environment: &str, kind: &str) -> Vec<String> {
        let of_kind = |event: &&Value| event["event_type"] == kind;
        let told = |event: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let what = text(&event["action"]["resource"]) + &text(&event["action"]["resource_id"]);
            format!("{} {what}", text(&event["result"]["status"]))
        };
        self.journal(environment).iter().filter(of_kind).map(told).collect()
    }

    /// Its events of one type, once there are at least so many: a stop is carried out before it is recorded.
    #[track_caller]
    pub(crate) fn events_until(&self, environment: &str, kind: &str, count: usize) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let told = self.events(environment, kind);
            if told.len() >= count {
                return told;
            }
            assert!(Instant::now() < end, "waited for {count} of {kind}; there are {told:?}");
            std::thread::yield_now();
        }
    }
}

/// The lines of all files of a journal's folder, in order.
pub(crate) fn journal_in(folder: &Path) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    files_in(folder)
        .iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file).expect("a journal file");
            text.lines().map(parse).collect::<Vec<Value>>()
        })
        .collect()
}

/// The files of a journal's folder, oldest first.
pub(crate) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    files
}
