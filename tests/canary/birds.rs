//! The values, and the search for them.

use crate::house::House;
use std::path::{Path, PathBuf};

/// A value and what it is called when it is found.
pub(crate) struct Bird {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// The house with a value in each place that holds secrets.
pub(crate) struct Aviary {
    pub(crate) house: House,
    pub(crate) birds: Vec<Bird>,
}

/// Files that hold them on purpose; the Fernet file holds them too, sealed.
const SOURCES: [&str; 3] = ["work/secrets.yaml", "work/orders.jsonl", "work/.env.local"];

impl Aviary {
    /// A value in the Fernet file, the environment, an `.env` file, a YAML file, a plugin's own store, another
    /// program's audit file; and the keys of the Fernet file.
    pub(crate) fn new() -> Self {
        let mut house = House::guide("qa");
        let key = house.vars()["DP_SECRETS_ENCRYPTION_KEY"].clone();
        let mut birds = vec![Bird { name: "the Fernet key", value: key }];
        let mut bird = |name: &'static str, value: &str| {
            birds.push(Bird { name, value: value.to_owned() });
            value.to_owned()
        };
        house.set_var("DP_BROKER__PASSWORD", &bird("an entry", "canary-entry-3fe81c"));
        house.set_var("DP_SHELF_ONE", &bird("a plugin's own", "canary-shelf-90b2d4"));
        house.write("work/.env.local", format!("DP_DESK__DOTENV={}\n", bird("an .env entry", "canary-dotenv-77a0e9")));
        house.write("work/secrets.yaml", format!("desk:\n  yaml: {}\n", bird("in YAML", "canary-yaml-5d1b6f")));
        house.write("work/orders.jsonl", audit_lines(&mut bird));
        house.configure(&format!(
            "[plugins]\nfolders = [{:?}]\n[backend.env]\nenv_files = [\".env.local\"]\n[backend.fernet]\n\
             path = \".secrets/encrypted_secrets.bin\"\n[backend.yaml]\npath = \"secrets.yaml\"\n\
             [backend.shelf]\nplugin = \"misbehave\"\nwithin = \"1s\"\n\
             [[audit.source]]\nname = \"orders\"\npath = \"orders.jsonl\"\n",
            crate::house::installed::misbehave()
        ));
        let stored = bird("stored", "canary-stored-c4a7f2");
        house.feed(&["secrets", "set", "desk.stored"], stored.as_bytes()).expect_status(0);
        Self { house, birds }
    }

    /// Adds a value that is searched for from now on.
    pub(crate) fn bird(&mut self, name: &'static str, value: &str) -> String {
        self.birds.push(Bird { name, value: value.to_owned() });
        value.to_owned()
    }

    /// Fails when one of them is in these bytes, as it is, in hexadecimal or in base64.
    #[track_caller]
    pub(crate) fn none_in(&self, place: &str, bytes: &[u8]) {
        for bird in &self.birds {
            assert!(!holds(bytes, &bird.value), "{place} holds '{}': {}", bird.name, around(bytes, &bird.value));
        }
    }

    /// Fails when one of them is in any file of the house beside those that hold it on purpose.
    #[track_caller]
    pub(crate) fn none_in_files(&self) {
        let files = files_under(self.house.root());
        assert!(files.iter().any(|file| file.extension().is_some_and(|end| end == "jsonl") && !is_source(file)));
        for file in files.iter().filter(|file| !is_source(file)) {
            self.none_in(&file.display().to_string(), &std::fs::read(file).expect("a file of ours"));
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            assert!(!name.starts_with("core"), "{} looks like a core dump", file.display());
        }
    }
}

/// Another program's lines, with what such programs write by mistake.
fn audit_lines(bird: &mut impl FnMut(&'static str, &str) -> String) -> String {
    let line = |context: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-20T12:00:00Z\",\"actor\":\"service-role:alpha\",\"resource\":\"desk\",\
             \"action\":\"READ\",\"result\":\"SUCCESS\",\"context\":{context}}}\n"
        )
    };
    let password = bird("a password in a line", "canary-linepw-18ce55");
    let token = bird("a bearer token in a line", "canary-bearer-ab40117c2e9d88f3");
    let url = bird("a password in a URL", "canary-url-6e02b1");
    line(&format!("{{\"password\":\"{password}\"}}"))
        + &line(&format!("{{\"purpose\":\"Authorization: Bearer {token}\"}}"))
        + &line(&format!("{{\"purpose\":\"postgres://app:{url}@db.example.invalid/x\"}}"))
        + &format!("no JSON, but password={password} all the same\n")
        + &line("{\"purpose\":\"the-last-line\"}")
}

fn is_source(file: &Path) -> bool {
    SOURCES.iter().any(|source| file.ends_with(source))
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
