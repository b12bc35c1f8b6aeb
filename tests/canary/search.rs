//! The search for values in what was written, said or shown. Refuses only the plain forms: as it is, in hexadecimal, in
//! base64.

use std::path::{Path, PathBuf};

/// A value and what it is called when it is found.
pub(crate) struct Bird {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// Fails when one of them is in these bytes, as it is, in hexadecimal or in base64.
#[track_caller]
pub(crate) fn none_in(birds: &[Bird], place: &str, bytes: &[u8]) {
    for bird in birds {
        assert!(!holds(bytes, &bird.value), "{place} holds '{}': {}", bird.name, around(bytes, &bird.value));
    }
}

/// Fails when one of them is in any file under this folder beside those that hold it on purpose.
#[track_caller]
pub(crate) fn none_in_files(birds: &[Bird], folder: &Path, is_source: impl Fn(&Path) -> bool) {
    let files = files_under(folder);
    assert!(files.iter().any(|file| file.extension().is_some_and(|end| end == "jsonl") && !is_source(file)));
    for file in files.iter().filter(|file| !is_source(file)) {
        none_in(birds, &file.display().to_string(), &std::fs::read(file).expect("a file of ours"));
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        assert!(!name.starts_with("core"), "{} looks like a core dump", file.display());
    }
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut rest = vec![folder.to_owned()];
    while let Some(path) = rest.pop() {
        for entry in std::fs::read_dir(&path).expect("a folder of ours") {
            let entry = entry.expect("an entry");
            match entry.file_type().expect("a type") {
                kind if kind.is_dir() => rest.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

/// True when the value is in there in some plain form.
fn holds(bytes: &[u8], value: &str) -> bool {
    forms(value).iter().any(|form| bytes.windows(form.len()).any(|part| part == form.as_bytes()))
}

fn around(bytes: &[u8], value: &str) -> String {
    let at = bytes.windows(value.len()).position(|part| part == value.as_bytes()).unwrap_or(0);
    let end = (at + value.len() + 80).min(bytes.len());
    bytes[at.saturating_sub(120).min(end)..end].escape_ascii().to_string()
}

/// The value, its bytes in hexadecimal, and the middle of its base64 at each of the three alignments.
fn forms(value: &str) -> Vec<String> {
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![value.to_owned(), hex];
    for skip in 0..3 {
        let text = base64(&value.as_bytes()[skip..]);
        forms.push(text[..text.len() / 4 * 4 - 4].to_owned());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[(bits >> shift & 63) as usize]))
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

#[test]
fn the_search_finds_what_is_there_in_every_form() {
    let value = "canary-value-123456";
    for skip in 0..3 {
        let text = ["x", "xx", "xxx"][skip].to_owned() + value + "tail";
        assert!(holds(base64(text.as_bytes()).as_bytes(), value), "base64 at {skip}");
    }
    assert!(holds(b"..canary-value-123456..", value));
    assert!(holds(b"63616e6172792d76616c75652d313233343536", value));
    assert!(!holds(b"canary-value-12345", value));
}
